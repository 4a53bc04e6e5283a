/* SPDX-License-Identifier: Apache-2.0 */
/*
 * token_mask.h - a mail that asks for confirmation, without its secret.
 *
 * What was mailed is evidence and is kept; the token in it would let whoever
 * reads the store confirm for somebody else (S39).  So each of its characters
 * is kept as TOKEN_MASK.  Who may make the token again puts it back, octet by
 * octet the mail that was sent, which its hash proves.
 *
 * A token is found in either case, and also where quoted-printable broke a
 * line inside it ("=\r\n", RFC 2045 section 6.7); that is all the forms that
 * we write one in.
 */
#ifndef LIB_TOKEN_MASK_H
#define LIB_TOKEN_MASK_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/token.h"

#define TOKEN_MASK	'*'

/*
 * Does p[len] begin with what has the shape of a confirmation token?  If so it
 * is in out, in lower case.
 */
bool token_look(const char *p, size_t len,
    char out[static TOKEN_CONFIRM_LEN + 1]);
/* Mask each occurrence of token in p[len]; how many there were. */
size_t token_mask(char *p, size_t len, const char *token);
/*
 * Put token where as many characters as it has are masked; how many such
 * places there were.  Only a hash tells whether all of them were its places.
 */
size_t token_unmask(char *p, size_t len, const char *token);

#endif
