/* SPDX-License-Identifier: Apache-2.0 */
/*
 * html_scan.h - where in an HTML text we are, octet by octet.
 *
 * A placeholder is safe or not by where it stands: in text, in a quoted
 * attribute, at the start of a URL, in a script.  The scanner is fed the text
 * in pieces of any size and can be asked between any two of them.  It follows
 * the states of the HTML standard's tokenizer (section 13.2.5) that mail
 * needs; whatever it is unsure of counts as a place for no placeholder.  The
 * markup inside a conditional comment, <!--[if ...]>, is scanned as markup,
 * because the clients it is meant for read it so.
 *
 * Memory is the struct itself; names and values longer than its arrays are cut
 * and then match nothing.
 */
#ifndef LIB_HTML_SCAN_H
#define LIB_HTML_SCAN_H

#include <stdbool.h>
#include <stddef.h>

#define HTML_NAME_MAX	31	/* octets of a tag's or attribute's name */
#define HTML_VALUE_MAX	511	/* octets of a value that are kept */

/* What a placeholder at this point would be. */
enum html_place {
	HTML_IN_TEXT,		/* between tags, or in a title */
	HTML_IN_ATTRIBUTE,	/* in a quoted attribute value */
	HTML_AT_URL,		/* before the scheme of a URL is settled */
	HTML_IN_URL,		/* in a quoted URL, behind its scheme */
	HTML_NOWHERE,		/* nowhere a value could be made safe */
};

enum html_event {
	HTML_TAG_BEGIN,		/* tag and closing are known; < at tag_at */
	HTML_ATTRIBUTE,		/* attribute and value are complete */
	HTML_TAG_END,		/* its > was seen; self_closing is known */
	HTML_TEXT,		/* one octet of text, in c */
};

enum html_state {
	HTML_DATA, HTML_LESS_THAN, HTML_TAG_NAME, HTML_BEFORE_NAME,
	HTML_ATTR_NAME, HTML_AFTER_NAME, HTML_BEFORE_VALUE, HTML_QUOTED,
	HTML_UNQUOTED, HTML_AFTER_VALUE, HTML_DECLARATION, HTML_COMMENT,
	HTML_BOGUS, HTML_RAW,
};

struct html_scan {
	enum html_state	 state;
	bool		 closing;		/* </tag */
	bool		 self_closing;		/* <tag/> */
	bool		 conditional;		/* in or behind <!--[if ...]> */
	char		 quote;			/* of the value we are in */
	char		 c;			/* of HTML_TEXT */
	char		 tag[HTML_NAME_MAX + 1];	/* lower case */
	char		 raw[HTML_NAME_MAX + 1];	/* raw text element */
	char		 attribute[HTML_NAME_MAX + 1];	/* lower case */
	char		 value[HTML_VALUE_MAX + 1];
	size_t		 value_len;		/* as fed, can pass the array */
	size_t		 match;			/* octets of what ends state */
	bool		 url_settled;		/* the URL has its scheme */
	size_t		 at;			/* octets fed so far */
	size_t		 tag_at;		/* where the last < was */
	/* Called for each event unless NULL. */
	void		 (*event)(void *arg, enum html_event event,
			    const struct html_scan *s);
	void		*arg;
};

void html_scan_init(struct html_scan *s);
void html_scan_feed(struct html_scan *s, const char *text, size_t len);
/* A placeholder stands here: some octets that end or begin nothing. */
void html_scan_value(struct html_scan *s);

enum html_place html_scan_place(const struct html_scan *s);
/* For people: what kind of place HTML_NOWHERE or HTML_AT_URL is. */
const char *html_scan_describe(const struct html_scan *s);
/* True when both would read the same text the same way. */
bool html_scan_same(const struct html_scan *a, const struct html_scan *b);
/* True between tags, where whole elements can be put. */
bool html_scan_between_tags(const struct html_scan *s);

#endif
