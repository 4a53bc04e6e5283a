/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cbor.h - CBOR in its deterministic encoding, RFC 8949 section 4.2.1.
 *
 * What is hashed must have one encoding.  So the writer writes only shortest
 * forms of definite length with map keys in order, and the reader takes
 * nothing else: no longer head than needed, no indefinite length, no key out
 * of order or twice, no text that is not UTF-8.  Of the data model it knows
 * integers, byte strings, texts, arrays, maps with unsigned integer keys,
 * false, true and null; tags, floats and other simple values are refused.
 */
#ifndef LIB_CBOR_H
#define LIB_CBOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/pack.h"

struct err;
struct strbuf;

#define CBOR_DEPTH_MAX	16	/* levels: 15 arrays and maps nested, and 1 */

/* ---- writing; limits are those of b, looked at once at the end */

void cbor_put_uint(struct strbuf *b, uint64_t v);
/* The negative integer -1 - n. */
void cbor_put_nint(struct strbuf *b, uint64_t n);
void cbor_put_int(struct strbuf *b, int64_t v);
void cbor_put_bytes(struct strbuf *b, const void *p, size_t len);
/* text[len] is UTF-8: the caller has seen to it. */
void cbor_put_text(struct strbuf *b, const char *text, size_t len);
/* n items follow. */
void cbor_put_array(struct strbuf *b, uint64_t n);
/* n pairs follow, their keys unsigned integers and ascending. */
void cbor_put_map(struct strbuf *b, uint64_t n);
void cbor_put_bool(struct strbuf *b, bool v);
void cbor_put_null(struct strbuf *b);

/* ---- reading */

enum cbor_type {
	CBOR_BAD,		/* see cbor_why() */
	CBOR_UINT, CBOR_NINT, CBOR_BYTES, CBOR_TEXT, CBOR_ARRAY, CBOR_MAP,
	CBOR_BOOL, CBOR_NULL,
};

struct cbor_item {
	enum cbor_type	type;
	/* UINT, BOOL: the value; NINT: n of -1 - n; ARRAY, MAP: how many. */
	uint64_t	value;
	struct slice	string;		/* BYTES, TEXT: borrowed */
};

/*
 * Items come in the order of the bytes: after the head of an array or map its
 * items.  The reader keeps track of where each ends, and that map keys are
 * unsigned, ascending integers.
 */
struct cbor {
	const uint8_t	*p;
	size_t		 left;
	const char	*why;		/* sticky: what was refused, or NULL */
	unsigned	 depth;
	struct cbor_level {
		uint64_t	left;	/* items still to come */
		uint64_t	key;	/* the last key read */
		bool		map, key_next, any;
	} level[CBOR_DEPTH_MAX];
};

void cbor_init(struct cbor *c, const void *p, size_t len);
/* The next item; CBOR_BAD at an error and at the end of the input. */
struct cbor_item cbor_next(struct cbor *c);
/* Pass over the next item with all that is in it. */
bool cbor_skip(struct cbor *c);
/* True when one whole item was read and nothing follows it. */
bool cbor_done(const struct cbor *c);
/* Why it turned bad, in words, or "". */
const char *cbor_why(const struct cbor *c);

#endif
