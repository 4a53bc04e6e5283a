/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inbound_address.c - which of our addresses a recipient is.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "lib/conf.h"
#include "lib/err.h"
#include "lib/verp.h"
#include "listd/inbound_address.h"
#include "spool/list.h"
#include "spool/store.h"

static const struct {
	const char	*suffix;
	enum inbound_kind kind;
} suffixes[] = {
	{ "-subscribe",		INBOUND_SUBSCRIBE },
	{ "-unsubscribe",	INBOUND_UNSUBSCRIBE },
	{ "-request",		INBOUND_REQUEST },
	{ "-owner",		INBOUND_OWNER },
};

/* The text of a confirm token in a local part whose hash is known. */
static bool
find_token(const char *local, const uint8_t *hash,
    char out[TOKEN_CONFIRM_LEN + 1])
{
	uint8_t own[TOKEN_HASH_OCTETS];
	size_t len = strlen(local);

	for (size_t i = 0; i + TOKEN_CONFIRM_LEN <= len; i++)
		if (token_hash(local + i, TOKEN_CONFIRM_LEN, own) &&
		    memcmp(own, hash, sizeof(own)) == 0) {
			memcpy(out, local + i, TOKEN_CONFIRM_LEN);
			out[TOKEN_CONFIRM_LEN] = '\0';
			return true;
		}
	return false;
}

static bool
by_token(const struct keyring *keys, const char *local,
    struct inbound_target *t)
{
	struct verp v;

	switch (verp_classify(keys, local, strlen(local), &v)) {
	case VERP_BOUNCE:
		t->kind = INBOUND_BOUNCE;
		t->delivery = v.u.delivery;
		return true;
	case VERP_UNSUBSCRIBE:
		t->kind = INBOUND_LEAVE;
		t->leave = v.u.unsubscribe;
		return true;
	case VERP_CONFIRM:
		if (find_token(local, v.u.confirm, t->token))
			t->kind = INBOUND_CONFIRM;
		return t->kind != INBOUND_NONE;
	case VERP_NONE:
		break;
	}
	return false;
}

static bool
by_role(const char *local, struct inbound_target *t)
{
	static const char *const roles[] = { "postmaster", "abuse" };

	for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++)
		if (strcasecmp(local, roles[i]) == 0) {
			t->kind = INBOUND_ROLE;
			snprintf(t->name, sizeof(t->name), "%s", roles[i]);
			return true;
		}
	return false;
}

static int
find_list(struct store *st, struct inbound_target *t, struct err *e)
{
	struct list l;
	struct txn *txn;
	int ret;

	if (txn_read(st, STORE_S, &txn, e) == -1)
		return -1;
	ret = list_find(txn, t->name, &l, e);
	txn_end(txn);
	t->list = ret == 1 ? l.id : 0;
	/* A removed list takes no mail but what its tokens bring. */
	return ret == 1 && l.state == LIST_REMOVED ? 0 : ret;
}

static int
by_list(struct store *st, const char *local, struct inbound_target *t,
    struct err *e)
{
	size_t len = strlen(local);

	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		size_t n = strlen(suffixes[i].suffix);
		int ret;

		if (len <= n || len - n >= sizeof(t->name) ||
		    strcasecmp(local + len - n, suffixes[i].suffix) != 0)
			continue;
		for (size_t k = 0; k < len - n; k++)
			t->name[k] = local[k] >= 'A' && local[k] <= 'Z' ?
			    (char)(local[k] + 32) : local[k];
		t->name[len - n] = '\0';
		if ((ret = find_list(st, t, e)) == 1)
			t->kind = suffixes[i].kind;
		return ret == -1 ? -1 : 0;
	}
	return 0;
}

int
inbound_address(const struct conf *conf, const struct keyring *keys,
    struct store *st, const struct address *rcpt, struct inbound_target *t,
    struct err *e)
{
	struct address a;

	*t = (struct inbound_target){ .kind = INBOUND_NONE };
	if (rcpt->domain[0] == '\0') {
		by_role(rcpt->local, t);
		return 0;
	}
	if (strcasecmp(rcpt->domain, conf->bounce_domain) != 0 &&
	    strcasecmp(rcpt->domain, conf->hostname) != 0) {
		t->kind = INBOUND_FOREIGN;
		return 0;
	}
	/* Quotes that are not needed change nothing (RFC 5321 4.1.2). */
	if (address_fold(rcpt, &a, e) == -1)
		return -1;
	if (by_role(a.local, t) || by_token(keys, a.local, t))
		return 0;
	if (by_list(st, a.local, t, e) == -1)
		return -1;
	/* What asks for a way on from here, in one of the old spellings. */
	if (t->kind == INBOUND_NONE && strpbrk(a.local, "%!@") != NULL)
		t->kind = INBOUND_FOREIGN;
	return 0;
}
