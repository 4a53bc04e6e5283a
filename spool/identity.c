/* SPDX-License-Identifier: Apache-2.0 */
/*
 * identity.c - an address with all that the store knows it by.
 */
#include "config.h"

#include <string.h>

#include "lib/err.h"
#include "lib/strbuf.h"
#include "lib/utf8.h"
#include "spool/identity.h"

#define LOCAL_OCTETS	sizeof(((struct address *)0)->local)

/* RFC 6532 section 3.1: what is sent to is in NFC, however it was typed. */
static int
to_nfc(char local[static LOCAL_OCTETS], struct err *e)
{
	struct strbuf nfc = STRBUF_INIT(LOCAL_OCTETS - 1);
	size_t len = strlen(local);
	int ret = 0;

	if (utf8_is_ascii(local, len))
		return 0;
	if ((ret = utf8_nfc(&nfc, local, len, e)) == 0)
		memcpy(local, nfc.s, nfc.len + 1);
	strbuf_free(&nfc);
	return ret;
}

/* All but the mailbox, which is for limits alone. */
static int
fold(const struct keyring *kr, const struct address *typed,
    struct identity *id_r, struct err *e)
{
	id_r->typed = *typed;
	if (to_nfc(id_r->typed.local, e) == -1)
		return -1;
	if (address_fold(typed, &id_r->folded, e) == -1 ||
	    address_h8(kr, id_r->folded.local, &id_r->h8, e) == -1)
		return -1;
	return address_hash(kr, &id_r->folded, id_r->hash, e);
}

int
identity_of(const struct keyring *kr, const struct address *typed,
    struct identity *id_r, struct err *e)
{
	struct address canonical;

	if (fold(kr, typed, id_r, e) == -1)
		return -1;
	address_canonical(&id_r->folded, &canonical);
	return address_hash(kr, &canonical, id_r->mailbox, e);
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

int
identity_parse_member(const struct keyring *kr, const char *text, size_t len,
    struct identity *id_r, struct err *e)
{
	struct address typed;

	if (address_parse(text, len, ADDRESS_UTF8, &typed, e) == -1)
		return -1;
	memset(id_r->mailbox, 0, sizeof(id_r->mailbox));
	return fold(kr, &typed, id_r, e);
}
