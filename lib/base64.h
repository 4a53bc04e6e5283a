/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base64.h - base64 on one line, and one text for each octet string.
 *
 * What is signed, hashed or compared must not have two spellings.  So the
 * reader takes exactly what the writer writes (RFC 4648 section 4): the
 * standard alphabet, padding to a multiple of four, no blank, no line end,
 * and no bit set behind the last octet (section 3.5).  Mail's base64, in
 * lines, is in cte.h.
 */
#ifndef LIB_BASE64_H
#define LIB_BASE64_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct strbuf;

/* Characters of n octets. */
#define BASE64_LEN(N)	(((N) + 2) / 3 * 4)

/* Append data[len]; overflow shows in out. */
void base64_put(struct strbuf *out, const void *data, size_t len);

/*
 * Read text[len] into out[room]; *n_r gets the octets.  False, with out
 * possibly written to, when it is not as above or does not fit.
 */
bool base64_get(const char *text, size_t len, uint8_t *out, size_t room,
    size_t *n_r);

/* Whether base64_get() would read it, given room, and how many octets. */
bool base64_valid(const char *text, size_t len, size_t *n_r);

/* As base64_get(), of exactly n octets. */
bool base64_get_exact(const char *text, size_t len, uint8_t *out, size_t n);

#endif
