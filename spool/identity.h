/* SPDX-License-Identifier: Apache-2.0 */
/*
 * identity.h - an address with all that the store knows it by.
 *
 * Made outside of any transaction, in any thread, for it costs two MACs.
 */
#ifndef SPOOL_IDENTITY_H
#define SPOOL_IDENTITY_H

#include <stdint.h>

#include "lib/address.h"

struct identity {
	struct address	typed;		/* to send to */
	struct address	folded;		/* to compare (T34 b) */
	uint64_t	h8;
	uint8_t		hash[ADDRESS_HASH_OCTETS];
	/* The hash of the canonical mailbox, for limits alone (T34 c). */
	uint8_t		mailbox[ADDRESS_HASH_OCTETS];
};

/* -1 with what address_parse() said, or ERR_CRYPTO. */
int identity_parse(const struct keyring *kr, const char *text, size_t len,
    unsigned flags, struct identity *id_r, struct err *e);
/* The same of an address that was parsed. */
int identity_of(const struct keyring *kr, const struct address *typed,
    struct identity *id_r, struct err *e);

/*
 * identity_parse() for an address that no limit will be asked about: mailbox
 * is zeros, and a third of the hashing is saved.
 */
int identity_parse_member(const struct keyring *kr, const char *text,
    size_t len, struct identity *id_r, struct err *e);

#endif
