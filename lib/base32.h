/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base32.h - RFC 4648 section 6 in lower case and without padding.
 *
 * Tokens travel in local parts and URLs, where relays and people change the
 * case of letters; base32 survives that.  Reading takes either case and is
 * strict in all else: one text for each byte string, so a token that was
 * tampered with in its spare bits is not the same token.
 */
#ifndef LIB_BASE32_H
#define LIB_BASE32_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct strbuf;

/* Characters that the given number of octets becomes. */
#define BASE32_LEN(octets)	(((octets) * 8 + 4) / 5)

/* Write BASE32_LEN(len) characters and a NUL to out. */
void base32_encode(const void *data, size_t len, char *out);

/* Append BASE32_LEN(len) characters to out. */
void base32_append(struct strbuf *out, const void *data, size_t len);

/*
 * Read text[len] back to exactly size octets at out.
 *
 * False, with out cleared, when len is not BASE32_LEN(size), a character is
 * not of the alphabet (a-z, A-Z, 2-7; so also padding and NUL), or the spare
 * bits of the last character are not zero (RFC 4648 section 3.5).
 */
bool base32_decode(const char *text, size_t len, void *out, size_t size);

/* True when c may stand in base32 text of either case. */
bool base32_is_digit(char c);

#endif
