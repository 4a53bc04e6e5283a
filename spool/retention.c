/* SPDX-License-Identifier: Apache-2.0 */
/*
 * retention.c - what never was confirmed is reduced to hashes.
 *
 * The walk follows the indexes, and so, but for a clock that was set, the
 * times; how far it came lies in the transaction of what it changed.
 */
#include "config.h"

#include <string.h>

#include "lib/err.h"
#include "lib/keyring.h"
#include "lib/strbuf.h"
#include "spool/consent.h"
#include "spool/request.h"
#include "spool/retention.h"
#include "spool/store.h"
#include "spool/store_private.h"
#include "spool/writer.h"

#define IP_LABEL	"listd ip v1"
#define HASH_OCTETS	16
#define CHANNEL_MAX	64	/* octets; more is cut */
/* Later entries of an address looked at for a confirmation. */
#define LOOK_MAX	256

/* What of an entry outlives it. */
struct kept {
	struct consent	c;
	uint8_t		hash[HASH_OCTETS], ip_hash[HASH_OCTETS];
	uint8_t		request[REQUEST_ID];
	uint8_t		erased[8];
	char		channel[CHANNEL_MAX];
};

static bool
is_of_request(enum consent_kind kind)
{
	switch (kind) {
	case CONSENT_REQUEST:
	case CONSENT_REQUEST_REFUSED:
	case CONSENT_REQUEST_THROTTLED:
	case CONSENT_INVITED:
	case CONSENT_MAIL_SENT:
	case CONSENT_MAIL_FAILED:
	case CONSENT_CONFIRM_REFUSED:
	case CONSENT_ADDRESS_ASKED:
	case CONSENT_ACCESS_ASKED:
		return true;
	default:
		return false;
	}
}

/* That what was asked for was done. */
static bool
is_done(enum consent_kind kind)
{
	return kind == CONSENT_CONFIRMED || kind == CONSENT_OWNER_CONFIRMED ||
	    kind == CONSENT_ADDRESS_CHANGED || kind == CONSENT_REMOVED ||
	    kind == CONSENT_EXPORTED;
}

/* Whether a later entry of the address confirms this request.  1, 0, -1. */
static int
confirmed_later(struct txn *t, const struct kept *k, uint64_t index,
    struct err *e)
{
	struct consent c;
	int rc;

	if (k->c.hash.len != HASH_OCTETS)
		return 0;
	for (unsigned i = 0; i < LOOK_MAX; i++) {
		rc = consent_next_of(t, k->hash, index + 1, &index, e);
		if (rc == 1)
			rc = consent_get(t, index, &c, e);
		if (rc != 1)
			return rc;
		if (is_done(c.kind) && c.request.len == REQUEST_ID &&
		    memcmp(c.request.p, k->request, REQUEST_ID) == 0)
			return 1;
	}
	return 1;	/* not known: it is kept */
}

/*
 * Whether the request of an entry was confirmed.  One that was not, and can
 * not be any more, ends here with all its rows.  1, 0, -1.
 */
static int
was_confirmed(struct txn *t, const struct kept *k, uint64_t index,
    struct err *e)
{
	struct request r;
	int rc;

	if (k->c.request.len != REQUEST_ID)
		return 0;
	if ((rc = request_get(t, k->request, &r, e)) == -1)
		return -1;
	if (rc == 0)
		return confirmed_later(t, k, index, e);
	if (r.state == REQUEST_CONFIRMED)
		return 1;
	return request_del(t, &r, e);
}

/* Copy what is kept of c, whose slices end with the first write. */
static int
keep(struct txn *t, const struct consent *c, uint64_t index, int64_t now_ms,
    struct kept *k, struct err *e)
{
	uint8_t mac[KEY_MAC_OCTETS];
	size_t channel = c->channel.len < CHANNEL_MAX ? c->channel.len :
	    CHANNEL_MAX;

	k->c = (struct consent){ .kind = CONSENT_HASHED, .when_ms = now_ms,
	    .was = c->kind, .was_ms = c->when_ms, .list = c->list,
	    .org = c->org, .result = c->result, .code = c->code,
	    .clock_unsure = c->clock_unsure };
	memcpy(k->c.shown, c->shown, sizeof(k->c.shown));
	if (c->hash.len == HASH_OCTETS) {
		memcpy(k->hash, c->hash.p, HASH_OCTETS);
		k->c.hash = SLICE(k->hash, HASH_OCTETS);
	}
	if (c->request.len == REQUEST_ID) {
		memcpy(k->request, c->request.p, REQUEST_ID);
		k->c.request = SLICE(k->request, REQUEST_ID);
	}
	if (channel > 0)
		memcpy(k->channel, c->channel.p, channel);
	k->c.channel = SLICE(k->channel, channel);
	for (int i = 0; i < 8; i++)
		k->erased[i] = (uint8_t)(index >> (56 - 8 * i));
	k->c.erased = SLICE(k->erased, sizeof(k->erased));
	if (c->ip.len == 0)
		return 0;
	if (!keyring_mac(store_keys(txn_store(t)), KEY_ADDRESS, KEY_CURRENT,
	    IP_LABEL, c->ip.p, c->ip.len, mac)) {
		err_set(e, ERR_CRYPTO, "no usable address key");
		return -1;
	}
	memcpy(k->ip_hash, mac, HASH_OCTETS);
	k->c.ip_hash = SLICE(k->ip_hash, HASH_OCTETS);
	return 0;
}

static int
look_at(struct txn *t, const struct consent *c, uint64_t index,
    int64_t now_ms, struct err *e)
{
	struct kept k;
	int rc;

	if (!is_of_request(c->kind))
		return 0;
	/* A mail that asked for nothing tells of something that was done. */
	if ((c->kind == CONSENT_MAIL_SENT || c->kind == CONSENT_MAIL_FAILED) &&
	    c->request.len == 0)
		return 0;
	if (keep(t, c, index, now_ms, &k, e) == -1)
		return -1;
	if ((rc = was_confirmed(t, &k, index, e)) != 0)
		return rc == 1 ? 0 : -1;
	if (consent_append(t, &k.c, NULL, e) == -1)
		return -1;
	return consent_remove(t, index, k.c.hash, e);
}

int
retention_hash(struct txn *t, unsigned max, int64_t now_ms, struct err *e)
{
	uint64_t done, index = 0, from;
	struct err le = ERR_INIT;
	struct consent c;
	int rc = 1;

	if (txn_counter(t, COUNTER_HASHED, &done, e) == -1)
		return -1;
	from = done;
	for (; max > 0; max--) {
		rc = consent_next(t, done + 1, &index, &c, &le);
		if (rc == 1 &&
		    now_ms - RETENTION_UNCONFIRMED_MS < c.when_ms)
			rc = 0;
		if (rc == 0)
			break;
		/* `listctl check` names what is damaged; others go on. */
		if (rc == -1 && le.code != ERR_DAMAGED) {
			err_set(e, le.code, "%s", le.text);
			return -1;
		}
		if (rc == 1 && look_at(t, &c, index, now_ms, e) == -1)
			return -1;
		rc = 1;
		done = index;
		if (writer_slice_over(t))
			break;
	}
	if (done != from)
		txn_counter_set(t, COUNTER_HASHED, done);
	return rc;
}
