/* SPDX-License-Identifier: Apache-2.0 */
/*
 * header_private.h - encoded words (RFC 2047), between the writer of fields
 * and their own file.
 */
#ifndef LIB_HEADER_PRIVATE_H
#define LIB_HEADER_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>

/* Octets of an encoded word that has room for any one character. */
#define ENCODED_WORD_LEAST	(12 + 12)

/* True when base64 makes less of p[len] than Q does. */
bool encoded_word_prefers_b(const char *p, size_t len);

/*
 * Write one encoded word of at most room octets (ENCODED_WORD_LEAST or more)
 * with as many whole characters of the UTF-8 text p[len] as fit.  Returns its
 * length; *taken_r is what it holds of p.
 */
size_t encoded_word_write(char *word, size_t room, bool base64,
    const char *p, size_t len, size_t *taken_r);

#endif
