/* SPDX-License-Identifier: Apache-2.0 */
/*
 * optin_limits.c - how many confirmations are mailed, and how many requests
 * are recorded one by one.
 *
 * A stranger who types another's address into form after form makes us the
 * bomber, so what counts are mailbox, network, domain, list and host, and
 * over all lists (T6, S44).  A network is a /24, or of IPv6 a /64 inside a /48
 * that may have four times as much.
 */
#include "config.h"

#include <string.h>

#include "lib/conf.h"
#include "lib/err.h"
#include "spool/check_private.h"
#include "spool/consent.h"
#include "spool/optin_private.h"
#include "spool/row.h"
#include "spool/throttle.h"

#define PAIR_MAILS	1	/* mails to an address for a list ... */
#define PAIR_WINDOW_MS	(7 * DAY_MS)	/* ... in this time (R191) */
#define WIDE_FACTOR	4	/* of a /48 over a /64 */
#define RULES_MAX	7

#define AGGREGATE_VERSION 1

void
optin_limits_of(const struct conf *conf, struct optin_limits *l)
{
	l->mailbox_day = (uint32_t)conf->confirm_per_mailbox_day;
	l->network_hour = (uint32_t)conf->confirm_per_network_hour;
	l->domain_hour = (uint32_t)conf->confirm_per_domain_hour;
	l->list_hour = (uint32_t)conf->confirm_per_list_hour;
	l->host_hour = (uint32_t)conf->confirm_per_host_hour;
	l->singly_minute = (uint32_t)conf->request_singly_per_minute;
	l->singly_day = (uint32_t)conf->request_singly_per_day;
	l->lifetime_ms = OPTIN_LIFETIME_MS;
}

static bool
is_zero(const uint8_t p[static 16])
{
	static const uint8_t zero[16];

	return memcmp(p, zero, sizeof(zero)) == 0;
}

static struct throttle_rule
rule(enum throttle_kind kind, struct slice subject, uint64_t limit,
    int64_t window_ms)
{
	return (struct throttle_rule){ kind, subject, limit, window_ms };
}

/* The subject of an address and list: hash and list id. */
static struct key
pair_key(const struct asking *a)
{
	struct key k = KEY_INIT;

	key_raw(&k, a->who.hash, sizeof(a->who.hash));
	key_u32(&k, a->list);
	return k;
}

/* The rules a mail falls under; pair is the storage of one of them. */
static size_t
mail_rules(const struct asking *a, bool new_request, struct key *pair,
    struct throttle_rule out[static RULES_MAX])
{
	const struct optin_limits *l = a->ask->limits;
	const char *domain = a->who.folded.domain;
	uint32_t list_hour = a->list_hour;
	size_t n = 0;

	if (list_hour == 0 || list_hour > l->list_hour)
		list_hour = l->list_hour;
	*pair = pair_key(a);
	out[n++] = new_request ?
	    rule(THROTTLE_CONFIRM_PAIR, key_slice(pair), PAIR_MAILS,
	    PAIR_WINDOW_MS) :
	    rule(THROTTLE_ALREADY, key_slice(pair), 1, DAY_MS);
	out[n++] = rule(THROTTLE_CONFIRM_MAILBOX, SLICE(a->who.mailbox,
	    sizeof(a->who.mailbox)), l->mailbox_day, DAY_MS);
	out[n++] = rule(THROTTLE_CONFIRM_DOMAIN, SLICE(domain,
	    strlen(domain)), l->domain_hour, HOUR_MS);
	out[n++] = rule(THROTTLE_CONFIRM_LIST, SLICE(&a->list,
	    sizeof(a->list)), list_hour, HOUR_MS);
	out[n++] = rule(THROTTLE_CONFIRM_HOST, SLICE("", 0), l->host_hour,
	    HOUR_MS);
	/* Nothing on a socket of this machine has a network. */
	if (is_zero(a->network))
		return n;
	if (memcmp(a->network, a->subnet, sizeof(a->network)) == 0) {
		out[n++] = rule(THROTTLE_CONFIRM_NETWORK, SLICE(a->network,
		    16), l->network_hour, HOUR_MS);
		return n;
	}
	out[n++] = rule(THROTTLE_CONFIRM_NETWORK, SLICE(a->network, 16),
	    (uint64_t)l->network_hour * WIDE_FACTOR, HOUR_MS);
	out[n++] = rule(THROTTLE_CONFIRM_SUBNET, SLICE(a->subnet, 16),
	    l->network_hour, HOUR_MS);
	return n;
}

static int
check_all(struct txn *t, const struct throttle_rule *rules, size_t n,
    int64_t now_ms, struct err *e)
{
	int rc = 1;

	for (size_t i = 0; i < n && rc == 1; i++)
		rc = throttle_check(t, &rules[i], now_ms, e);
	return rc;
}

static int
hit_all(struct txn *t, const struct throttle_rule *rules, size_t n,
    int64_t now_ms, struct err *e)
{
	for (size_t i = 0; i < n; i++)
		if (throttle_hit(t, &rules[i], now_ms, 1, e) == -1)
			return -1;
	return 0;
}

int
optin_may_mail(struct txn *t, const struct asking *a, bool new_request,
    struct err *e)
{
	struct throttle_rule rules[RULES_MAX];
	struct key pair;
	size_t n = mail_rules(a, new_request, &pair, rules);

	return check_all(t, rules, n, a->ask->now_ms, e);
}

int
optin_list_open(struct txn *t, const struct asking *a, struct err *e)
{
	struct throttle_rule rules[RULES_MAX];
	struct key pair;
	size_t n = mail_rules(a, true, &pair, rules);
	int rc = 1;

	for (size_t i = 0; i < n && rc == 1; i++)
		if (rules[i].kind == THROTTLE_CONFIRM_LIST ||
		    rules[i].kind == THROTTLE_CONFIRM_HOST)
			rc = throttle_check(t, &rules[i], a->ask->now_ms, e);
	return rc;
}

int
optin_mailed(struct txn *t, const struct asking *a, bool new_request,
    struct err *e)
{
	struct throttle_rule rules[RULES_MAX];
	struct key pair;
	size_t n = mail_rules(a, new_request, &pair, rules);

	return hit_all(t, rules, n, a->ask->now_ms, e);
}

/* ---- entries one by one, or counted */

static size_t
singly_rules(const struct asking *a, struct throttle_rule out[static 3])
{
	const struct optin_limits *l = a->ask->limits;
	size_t n = 0;

	out[n++] = rule(THROTTLE_SINGLY_NETWORK, SLICE(a->network, 16),
	    l->singly_minute, MINUTE_MS);
	out[n++] = rule(THROTTLE_SINGLY_HOST, SLICE("", 0), l->singly_day,
	    DAY_MS);
	if (a->has_who)
		out[n++] = rule(THROTTLE_SINGLY_ADDRESS, SLICE(a->who.mailbox,
		    sizeof(a->who.mailbox)), l->singly_minute, MINUTE_MS);
	return n;
}

int
optin_singly(struct txn *t, const struct asking *a, struct err *e)
{
	struct throttle_rule rules[3];
	size_t n = singly_rules(a, rules);

	return check_all(t, rules, n, a->ask->now_ms, e);
}

int
optin_singly_hit(struct txn *t, const struct asking *a, struct err *e)
{
	struct throttle_rule rules[3];
	size_t n = singly_rules(a, rules);

	return hit_all(t, rules, n, a->ask->now_ms, e);
}

static int
count_of(struct slice key, struct slice value, uint64_t *n_r, struct err *e)
{
	struct unpack u;

	if (row_open(&u, TABLE_AGGREGATES, key, value, AGGREGATE_VERSION,
	    e) == -1)
		return -1;
	*n_r = unpack_u64(&u);
	return row_done(&u, TABLE_AGGREGATES, key, e);
}

int
optin_aggregate(struct txn *t, const struct asking *a, struct err *e)
{
	struct strbuf b = STRBUF_INIT(64);
	struct key k = KEY_INIT;
	struct slice value;
	uint64_t n = 0;
	int rc;

	key_u64(&k, (uint64_t)(a->ask->now_ms / MINUTE_MS));
	key_raw(&k, a->network, sizeof(a->network));
	rc = txn_get(t, TABLE_AGGREGATES, key_slice(&k), &value, e);
	if (rc == -1 || (rc == 1 && count_of(key_slice(&k), value, &n,
	    e) == -1))
		return -1;
	record_begin(&b, AGGREGATE_VERSION);
	pack_u64(&b, n + 1);
	rc = row_put(t, TABLE_AGGREGATES, key_slice(&k), &b, e);
	strbuf_free(&b);
	return rc;
}

/* The oldest row of a minute that is over.  1, 0, -1. */
static int
next_closed(struct txn *t, int64_t now_ms, struct key *k, uint64_t *n_r,
    struct err *e)
{
	struct slice key, value;
	struct cursor *c;
	struct unpack u;
	int rc;

	if (cursor_open(t, TABLE_AGGREGATES, &c, e) == -1)
		return -1;
	rc = cursor_seek(c, SLICE("", 0), &key, &value, e);
	if (rc == 1) {
		unpack_init(&u, key.p, key.len);
		if (unpack_u64(&u) >= (uint64_t)(now_ms / MINUTE_MS))
			rc = 0;
	}
	if (rc == 1) {
		k->len = 0;
		key_raw(k, key.p, key.len);
		if (count_of(key, value, n_r, e) == -1)
			rc = -1;
	}
	cursor_close(c);
	return rc;
}

int
optin_close_minutes(struct txn *t, int64_t now_ms, unsigned max,
    struct err *e)
{
	struct unpack u;
	struct key k = KEY_INIT;
	uint64_t n;
	int rc;

	for (; max > 0; max--) {
		struct consent c = { .kind = CONSENT_REQUESTS };

		if ((rc = next_closed(t, now_ms, &k, &n, e)) != 1)
			return rc;
		unpack_init(&u, k.b, k.len);
		c.when_ms = (int64_t)unpack_u64(&u) * MINUTE_MS;
		c.count = n;
		if (k.len == 24 && !is_zero(k.b + 8))
			c.ip = SLICE(k.b + 8, 16);
		if (consent_append(t, &c, NULL, e) == -1 ||
		    txn_del(t, TABLE_AGGREGATES, key_slice(&k), e) == -1)
			return -1;
	}
	return 1;
}

int
optin_aggregate_check_row(struct slice key, struct slice value,
    struct err *e)
{
	uint64_t n;

	if (key.len != 8 + 16)
		return row_damaged(TABLE_AGGREGATES, key, "key", e);
	if (count_of(key, value, &n, e) == -1)
		return -1;
	return n > 0 ? 0 : row_damaged(TABLE_AGGREGATES, key,
	    "it counts nothing", e);
}
