/* SPDX-License-Identifier: Apache-2.0 */
/*
 * similar.h - whether two messages say substantively the same (T37).
 *
 * A fingerprint is made of what a message says to everybody: its text, without
 *
 *	- placeholders, and the paragraphs that hold the way out or the postal
 *	  address: the frame that the law asks of every issue
 *	- URLs, addresses, long numbers and tokens
 *	- dates, times, weekdays and names of months
 *	- the greeting and the name in it
 *	- case, markup, punctuation, blanks, and characters that nobody sees
 *
 * What is left of each paragraph gives the runs of SIMILAR_RUN words in it;
 * where a script has no blanks between words, a character stands for a word.
 * The fingerprint is the sorted set of the SIMILAR_SKETCH lowest hashes of
 * these runs (a bottom-k sketch), so the order of paragraphs means nothing,
 * and of two short messages all runs are compared.  A message with hardly any
 * text counts by its subject, its pictures' names and its other parts' bytes
 * as well.
 *
 * Two messages are similar when their sets have SIMILAR_PERCENT of all their
 * runs in common.  tests/data/similar has pairs on both sides: those that are
 * similar reach 85 and more, those that are not, 51 at most (a service notice
 * with more frame than news).  A simhash of 64 bits was tried on them too: 13
 * bits of difference at most against 17 at least, and nothing between.
 *
 * No secret is in it: who wants to may write around it, and says something
 * else then.
 */
#ifndef LIB_SIMILAR_H
#define LIB_SIMILAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/pack.h"

struct err;
struct strbuf;

#define SIMILAR_RUN	3	/* words */
#define SIMILAR_SKETCH	128	/* hashes of a fingerprint */
#define SIMILAR_PERCENT	65	/* of runs in common: similar */
#define SIMILAR_FEW	12	/* with fewer runs more than text counts */
#define SIMILAR_TEXT_MAX (256u << 10)	/* octets of text looked at */
#define SIMILAR_PACKED_MAX (2 + 4 * SIMILAR_SKETCH)	/* octets */

struct similar {
	uint16_t	n;		/* 0: says nothing, like nothing */
	uint32_t	hash[SIMILAR_SKETCH];	/* n of them, rising */
};

/*
 * The fingerprint of the message data[len], as its author wrote it.  -1 with
 * e set as mime_parse(): what cannot be parsed.  A part that cannot be decoded
 * counts by its bytes.
 */
int similar_of(const uint8_t *data, size_t len, struct similar *out_r,
    struct err *e);

/* Of the runs of both, so many in a hundred are common (estimated). */
unsigned similar_percent(const struct similar *a, const struct similar *b);
/* similar_percent() reaches SIMILAR_PERCENT, and neither says nothing. */
bool similar_is(const struct similar *a, const struct similar *b);

/* Append it as it is stored. */
void similar_pack(struct strbuf *out, const struct similar *s);
/* False, and *out_r says nothing, unless it is what similar_pack() writes. */
bool similar_unpack(struct slice packed, struct similar *out_r);

#endif
