/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lint.h - what is wrong with a message that shall be sent to many.
 *
 * Every finding names a rule (a row of the requirements: R84, S101, ...), a
 * line of the message, a part ("1.2", the message itself is "0") and a grade:
 *
 *	MUST	a standard forbids it, or large receivers refuse it: the
 *		message is not sent
 *	SHOULD	it will cost delivery, reading or trust
 *	MAY	a note; mostly what listd replaces or leaves out by itself
 *
 * The message is an author's: fields that every copy gets from listd (Date,
 * Message-ID, To, List-*) may be absent.
 */
#ifndef LIB_LINT_H
#define LIB_LINT_H

#include <stddef.h>
#include <stdint.h>

struct err;
struct mime_message;

#define LINT_FINDINGS_MAX	200	/* kept; further ones are counted */
#define LINT_TEXT_MAX		200	/* octets of text, with its NUL */
#define LINT_PART_MAX		40	/* octets of a part's path, with NUL */
#define LINT_RULE_MAX		8

#define LINT_RECEIVED_MAX	50	/* hops; R6 */
#define LINT_LINE_MAX		998	/* octets of a line; RFC 5322 2.1.1 */
#define LINT_LINE_GOOD		78	/* ... that a header line should have */

enum lint_grade {
	LINT_MUST,
	LINT_SHOULD,
	LINT_MAY,
	LINT_GRADES
};

struct lint_finding {
	enum lint_grade	 grade;
	char		 rule[LINT_RULE_MAX];
	uint32_t	 line;		/* from 1; 0: the message as a whole */
	char		 part[LINT_PART_MAX];
	char		 text[LINT_TEXT_MAX];	/* printable ASCII */
};

/* A plain value of about 50 KB; there is nothing to release. */
struct lint_report {
	struct lint_finding	 finding[LINT_FINDINGS_MAX];
	unsigned		 findings;	/* kept, by line */
	unsigned		 count[LINT_GRADES];	/* all, kept or not */
};

/*
 * Judge data[len].  What cannot be parsed at all (mime_out.h) gives one MUST
 * finding that says why.
 */
void lint_message(const uint8_t *data, size_t len, struct lint_report *report);
/* Judge a message that was parsed already. */
void lint_parsed(const struct mime_message *m, struct lint_report *report);

/* "MUST", "SHOULD" or "MAY". */
const char *lint_grade_name(enum lint_grade grade);

#endif
