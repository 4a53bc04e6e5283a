/* SPDX-License-Identifier: Apache-2.0 */
/*
 * phrases.h - which of many phrases occur in a text, found in one pass.
 *
 * Aho and Corasick's automaton (CACM 18/6, 1975).  Letters of ASCII match in
 * either case, and any run of blanks and tabs matches one blank.  The cost of
 * a search is the length of the text, however many phrases there are.  The
 * table takes two octets for each octet of the phrases and each different octet
 * in them: 16 MB at the limits, 300 KB for what is shipped.
 */
#ifndef LIB_PHRASES_H
#define LIB_PHRASES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct phrases;

#define PHRASES_MAX		2048	/* different phrases */
#define PHRASES_OCTETS_MAX	32768	/* of all of them together */

/* What was found: phrase n is bit n % 64 of word n / 64. */
struct phrases_found {
	uint64_t	bits[PHRASES_MAX / 64];
	bool		any;	/* else bits mean nothing */
};

struct phrases *phrases_new(void);
void phrases_free(struct phrases *p);	/* NULL is fine */

/*
 * Add a phrase, before phrases_ready().  One that was added before, in any
 * case, gets the same number again.
 *
 * Returns 0 and its number, or -1: ERR_INPUT for one without any octet but
 * blanks, ERR_LIMIT.
 */
int phrases_add(struct phrases *p, const char *phrase, uint16_t *number_r,
    struct err *e);
/* All are added. */
void phrases_ready(struct phrases *p);

void phrases_find(const struct phrases *p, const char *text, size_t len,
    struct phrases_found *found_r);

static inline bool
phrases_has(const struct phrases_found *f, uint16_t number)
{
	return f->any && (f->bits[number / 64] >> number % 64 & 1) != 0;
}

#endif
