/* SPDX-License-Identifier: Apache-2.0 */
/*
 * html.h - pages out of texts and values.
 *
 * Every value, wherever it came from, goes through html_escape(); there is no
 * other way from a string into a page.  A page has one inline style sheet,
 * allowed by its hash, and no script, image or other part from anywhere
 * (S29, T51, X35, X43).
 */
#ifndef WEB_HTML_H
#define WEB_HTML_H

#include <stddef.h>

#include "web/text.h"

struct strbuf;
struct site;

/*
 * Append text[len] for use between tags or in a quoted attribute.  Characters
 * that mean something to HTML become references; ill-formed UTF-8, controls
 * other than line ends, and the characters that change the direction of what
 * follows become U+FFFD (T31).
 */
void html_escape(struct strbuf *out, const char *text, size_t len);

/* The value of the Content-Security-Policy field; the same for all pages. */
const char *html_policy(void);

/* A page: begin, its parts in order, end.  value fills {}; NULL: none. */
void html_begin(struct strbuf *out, enum text title, const char *value);
void html_end(struct strbuf *out, const struct site *site);
void html_heading(struct strbuf *out, enum text id);
void html_paragraph(struct strbuf *out, enum text id, const char *value);
/* A paragraph for each line of a text that is not ours. */
void html_statement(struct strbuf *out, const char *text);
/* The same, its value being an address to write to. */
void html_paragraph_mailto(struct strbuf *out, enum text id,
    const char *address);
/* The same, said as what needs attention. */
void html_note(struct strbuf *out, enum text id);
/* Lines of a value as they are, one below the other. */
void html_lines(struct strbuf *out, const char *value);
/* A link that looks like a button. */
void html_link(struct strbuf *out, enum text id, const char *prefix,
    const char *path, const char *argument);
/*
 * A form that posts to the page's own address, so that no token is repeated
 * in a page; one hidden field, unless name is NULL.
 */
void html_form_begin(struct strbuf *out);
void html_hidden(struct strbuf *out, const char *name, const char *value);
/* Fields to fill in: of an address; of a text that name stands before. */
void html_address_field(struct strbuf *out, enum text label,
    const char *value);
void html_field(struct strbuf *out, const char *label, const char *name,
    const char *value);
void html_button(struct strbuf *out, enum text id, const char *class);
void html_form_end(struct strbuf *out);
/* {} of a text replaced by the escaped value, without any tag around it. */
void html_text(struct strbuf *out, enum text id, const char *value);

#endif
