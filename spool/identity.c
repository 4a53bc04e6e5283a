/* SPDX-License-Identifier: Apache-2.0 */
/*
 * identity.c - an address with all that the store knows it by.
 */
#include "config.h"

#include "lib/err.h"
#include "spool/identity.h"

int
identity_of(const struct keyring *kr, const struct address *typed,
    struct identity *id_r, struct err *e)
{
	struct address canonical;

	id_r->typed = *typed;
	if (address_fold(typed, &id_r->folded, e) == -1)
		return -1;
	address_canonical(&id_r->folded, &canonical);
	if (address_h8(kr, id_r->folded.local, &id_r->h8, e) == -1 ||
	    address_hash(kr, &id_r->folded, id_r->hash, e) == -1 ||
	    address_hash(kr, &canonical, id_r->mailbox, e) == -1)
		return -1;
	return 0;
}

int
identity_parse(const struct keyring *kr, const char *text, size_t len,
    unsigned flags, struct identity *id_r, struct err *e)
{
	struct address typed;

	if (address_parse(text, len, flags, &typed, e) == -1)
		return -1;
	return identity_of(kr, &typed, id_r, e);
}
