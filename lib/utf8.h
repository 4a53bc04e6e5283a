/* SPDX-License-Identifier: Apache-2.0 */
/*
 * utf8.h - strict UTF-8 (RFC 3629) and normalization form C.
 *
 * Strict: no overlong forms, no surrogates, nothing above U+10FFFF, no cut
 * sequences.  NFC (Unicode annex 15) is what RFC 6532 section 3.1 asks of
 * internationalized mail and what two spellings of a name are compared in.
 */
#ifndef LIB_UTF8_H
#define LIB_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/pack.h"

struct strbuf;
struct err;

#define UTF8_OCTETS_MAX		4	/* octets of one character */
#define UTF8_NFC_GROWTH		3	/* NFC is at most this times as long */

/*
 * Octets of the well-formed character at p[len]; 0 when there is none.  *c_r
 * gets its code point unless NULL.
 */
size_t utf8_next(const char *p, size_t len, uint32_t *c_r);

/* True when text[len] is well-formed throughout; the empty text is. */
bool utf8_valid(const char *text, size_t len);

/* True when every octet is below 0x80. */
bool utf8_is_ascii(const char *text, size_t len);
static inline bool
slice_is_ascii(struct slice s)
{
	return utf8_is_ascii((const char *)s.p, s.len);
}

/* Append the character c (a scalar value, at most U+10FFFF) to out. */
void utf8_append(struct strbuf *out, uint32_t c);

/*
 * Append text[len], whose ill-formed sequences each become U+FFFD (the
 * maximal subparts of the Unicode standard, section 3.9).
 */
void utf8_append_repaired(struct strbuf *out, const char *text, size_t len);

/*
 * Append text[len] in NFC.  -1 with e set: ERR_INPUT when it is not UTF-8,
 * ERR_LIMIT when out is full.
 */
int utf8_nfc(struct strbuf *out, const char *text, size_t len, struct err *e);

#endif
