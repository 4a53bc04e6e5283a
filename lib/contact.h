/* SPDX-License-Identifier: Apache-2.0 */
/*
 * contact.h - the addresses that the texts of a message name.
 *
 * Whoever is told "write to us at ..." answers there, whatever From and
 * Reply-To say (S16).  Looked at are the text/plain and text/html parts that
 * people read, decoded: addresses in the text, mailto: URIs, and both with
 * "@" and "." written as %40, %2e or as a character reference.  What only a
 * browser puts together, and pictures, are not seen.
 */
#ifndef LIB_CONTACT_H
#define LIB_CONTACT_H

#include <stddef.h>
#include <stdint.h>

#include "lib/address.h"

struct err;

/* a: as address_parse() reads it; valid for the call. */
typedef void contact_fn(void *arg, const struct address *a);

/*
 * Tell of each address, also the same again, in the message data[len].  Parts
 * that cannot be decoded are passed over.  0, or -1 with e set when the
 * message cannot be parsed (mime_out.h).
 */
int contact_find(const uint8_t *data, size_t len, contact_fn *fn, void *arg,
    struct err *e);
/* The same in one text in UTF-8. */
void contact_find_text(const char *text, size_t len, contact_fn *fn,
    void *arg);

#endif
