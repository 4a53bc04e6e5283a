/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report.h - one report in two forms: plain text, and a page of HTML that
 * needs nothing else and can be printed.
 *
 * What is reported was typed by strangers and sent by their machines, so no
 * value is trusted (T31): what is not UTF-8 is repaired; control characters,
 * and those that turn the direction of text or cannot be seen, are written as
 * <U+202E>; HTML gets its references.  Lines of a block keep their ends.
 */
#ifndef LIB_REPORT_H
#define LIB_REPORT_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/pack.h"
#include "lib/strbuf.h"

#define REPORT_MAX	(64u << 20)	/* octets of each form */
#define REPORT_LABEL	22		/* columns of a label in the text */

struct report {
	struct strbuf	text, html;	/* looked at for overflow at the end */
};

void report_begin(struct report *r, const char *title);
void report_end(struct report *r);
void report_free(struct report *r);

/* Words of ours, in plain ASCII or UTF-8. */
void report_heading(struct report *r, const char *words);
void report_entry(struct report *r, const char *words);	/* below it */
/* A paragraph; in the text it is broken at blanks. */
void report_say(struct report *r, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* "label: value" on a line. */
void report_value(struct report *r, const char *label, struct slice value);
void report_text(struct report *r, const char *label, const char *value);
/* Lines as they came, set apart. */
void report_block(struct report *r, const char *label, struct slice lines);

/* Append s as it may stand in the text; with lines, LF stays. */
void report_clean(struct strbuf *out, struct slice s, bool lines);

#endif
