/* SPDX-License-Identifier: Apache-2.0 */
/*
 * enhanced.h - enhanced mail system status codes, RFC 3463.
 *
 * Three numbers "class.subject.detail" that stand at the head of a reply's
 * text (RFC 2034) and in the Status field of a delivery report (RFC 3464).
 */
#ifndef LIB_ENHANCED_H
#define LIB_ENHANCED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ENHANCED_TEXT_MAX	10	/* octets of "5.999.999" with its NUL */

/* No code is class 0, and then the rest is 0 too. */
struct enhanced {
	uint8_t		class;		/* 2, 4, 5 or 0 = none */
	uint16_t	subject;	/* 0-999 */
	uint16_t	detail;		/* 0-999 */
};

/*
 * Read a code at the start of s[len], RFC 3463 section 2: no leading zeros,
 * up to three digits, class 2, 4 or 5, and a character after it that cannot
 * continue the code (or nothing).
 *
 * Returns the octets it takes, or 0 when there is none; then e_r is cleared.
 */
size_t enhanced_parse(const char *s, size_t len, struct enhanced *e_r);

/* Write "5.1.1", or "" for none. */
void enhanced_format(const struct enhanced *e, char out[ENHANCED_TEXT_MAX]);

static inline bool
enhanced_equal(const struct enhanced *a, const struct enhanced *b)
{
	return a->class == b->class && a->subject == b->subject &&
	    a->detail == b->detail;
}

#endif
