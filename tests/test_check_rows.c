/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_check_rows.c - every kind of damage to a row has a finding that names
 * its table (P12).
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/strbuf.h"
#include "spool/check.h"
#include "spool/row.h"
#include "tests/check_world.h"

/* ---- damage to rows */

enum how {
	DROP,		/* the row is gone */
	GARBLE,		/* an octet in the middle of its value is another */
	ORPHAN,		/* the same row also lies under a key of nobody */
	LONG,		/* the same row also lies under a longer key */
	MOVE,		/* its value and that of the row after it are changed
			 * for one another */
	FORGE,		/* the octet `at` is another, under a right seal */
};

struct damage {
	enum store_table table;
	enum how	how;
	unsigned	nth;		/* row of the table */
	size_t		at;		/* FORGE */
	uint8_t		bits;		/* FORGE */
};

/* A row before the damage, to be put back. */
struct saved {
	struct key	key;
	uint8_t		value[70000];
	size_t		len;
	bool		there;
};

struct damage_job {
	const struct damage *d;
	struct saved	*row;		/* two */
};

static int
save(struct txn *t, enum store_table table, struct saved *s, struct err *e)
{
	struct slice v;
	int rc = txn_get(t, table, key_slice(&s->key), &v, e);

	s->there = rc == 1;
	s->len = v.len;
	assert_true(v.len <= sizeof(s->value));
	if (rc == 1 && v.len > 0)
		memcpy(s->value, v.p, v.len);
	return rc == -1 ? -1 : 0;
}

/* The keys of the nth row of a table and of the one after it. */
static int
find_rows(struct txn *t, const struct damage *d, struct saved *row,
    struct err *e)
{
	struct slice key, value;
	struct cursor *c;
	int rc;

	if (cursor_open(t, d->table, &c, e) == -1)
		return -1;
	rc = cursor_seek(c, SLICE("", 0), &key, &value, e);
	for (unsigned i = 0; rc == 1 && i < d->nth; i++)
		rc = cursor_next(c, &key, &value, e);
	row[0].key.len = row[1].key.len = 0;
	if (rc == 1)
		key_raw(&row[0].key, key.p, key.len);
	if (rc == 1 && d->how == MOVE)
		rc = cursor_next(c, &key, &value, e);
	if (rc == 1)
		key_raw(&row[1].key, key.p, key.len);
	cursor_close(c);
	return rc == 1 ? 0 : -1;
}

static void
reseal(const struct damage *d, struct saved *s)
{
	struct strbuf b = STRBUF_INIT(sizeof(s->value));

	s->value[1 + d->at] ^= d->bits;
	record_begin(&b, s->value[0]);
	pack_raw(&b, s->value + 1, s->len - 5);
	record_end(&b);
	assert_int_equal(b.len, s->len);
	memcpy(s->value, b.s, b.len);
	strbuf_free(&b);
}

static int
put(struct txn *t, enum store_table table, const struct key *k,
    const struct saved *s, struct err *e)
{
	return txn_put(t, table, key_slice(k), SLICE(s->value, s->len), e);
}

static int
do_damage(struct txn *t, void *arg, struct err *e)
{
	const struct damage_job *j = arg;
	const struct damage *d = j->d;
	struct saved *row = j->row, changed;

	if (find_rows(t, d, row, e) == -1)
		return -1;
	if (d->how == ORPHAN)
		row[1].key.b[row[1].key.len - 1] ^= 0x40;
	if (d->how == LONG)
		key_u8(&row[1].key, 'x');
	if (save(t, d->table, &row[0], e) == -1 ||
	    save(t, d->table, &row[1], e) == -1)
		return -1;
	changed = row[0];
	switch (d->how) {
	case DROP:
		return txn_del(t, d->table, key_slice(&row[0].key), e) == 1 ?
		    0 : -1;
	case GARBLE:
		if (changed.len > 0)
			changed.value[changed.len / 2] ^= 0x10;
		else
			changed.value[changed.len++] = 'x';
		break;
	case FORGE:
		reseal(d, &changed);
		break;
	case MOVE:
		return put(t, d->table, &row[0].key, &row[1], e) == -1 ||
		    put(t, d->table, &row[1].key, &row[0], e) == -1 ? -1 : 0;
	case ORPHAN:
	case LONG:
		return put(t, d->table, &row[1].key, &row[0], e);
	}
	return put(t, d->table, &row[0].key, &changed, e);
}

static int
do_mend(struct txn *t, void *arg, struct err *e)
{
	const struct damage_job *j = arg;

	for (int i = 1; i >= 0; i--) {
		const struct saved *s = &j->row[i];

		if (s->there ? put(t, j->d->table, &s->key, s, e) == -1 :
		    txn_del(t, j->d->table, key_slice(&s->key), e) == -1)
			return -1;
	}
	return 0;
}

#define ROW(TABLE, HOW, NTH)	{ TABLE_ ## TABLE, HOW, NTH, 0, 0 }
#define FORGED(TABLE, NTH, AT, BITS) \
	{ TABLE_ ## TABLE, FORGE, NTH, AT, BITS }

/* Which finding tells it: its table and words of its text. */
static const struct {
	struct damage	d;
	const char	*table, *words;
} damages[] = {
	/* Octets that are not what was written. */
	{ ROW(META, GARBLE, 0), "meta", "is damaged" },
	{ ROW(ORGS, GARBLE, 0), "orgs", "seal" },
	{ ROW(ORG_NAMES, GARBLE, 0), "org_names", "seal" },
	{ ROW(ORG_DOMAINS, GARBLE, 0), "org_domains", "seal" },
	{ ROW(LISTS, GARBLE, 0), "lists", "seal" },
	{ ROW(LIST_NAMES, GARBLE, 0), "list_names", "seal" },
	{ ROW(DOMAINS, GARBLE, 0), "domains", "seal" },
	{ ROW(DOMAIN_IDS, GARBLE, 0), "domain_ids", "seal" },
	{ ROW(MEMBERS, GARBLE, 0), "members", "seal" },
	{ ROW(BY_ID, GARBLE, 0), "by_id", "no such member" },
	{ ROW(BY_HASH, GARBLE, 0), "by_hash", "no such member" },
	{ ROW(COUNTS, GARBLE, 0), "counts", "seal" },
	{ ROW(COUNTS, GARBLE, 1), "counts", "seal" },
	{ ROW(ATTRIBUTES, GARBLE, 0), "attributes", "seal" },
	{ ROW(SUPPRESSIONS, GARBLE, 0), "suppressions", "seal" },
	{ ROW(REQUESTS, GARBLE, 0), "requests", "seal" },
	{ ROW(REQUEST_OF, GARBLE, 0), "request_of", "seal" },
	{ ROW(TOKENS, GARBLE, 0), "tokens", "seal" },
	{ ROW(NOTICES, GARBLE, 0), "notices", "seal" },
	{ ROW(CONSENT, GARBLE, 0), "consent", "seal" },
	{ ROW(CONSENT_OF, GARBLE, 0), "consent_of", "value" },
	{ ROW(THROTTLES, GARBLE, 0), "throttles", "seal" },
	{ ROW(ACTS, GARBLE, 0), "acts", "seal" },
	{ ROW(IMPORTS, GARBLE, 0), "imports", "seal" },
	{ ROW(AGGREGATES, GARBLE, 0), "aggregates", "seal" },
	{ ROW(INVITED, GARBLE, 0), "invited", "seal" },
	{ ROW(LEAVES, GARBLE, 0), "leaves", "not its commitment" },
	{ ROW(LEAVES, GARBLE, 2), "meta", "root is not" },
	{ ROW(TILES, GARBLE, 0), "tiles", "below it" },
	{ ROW(COSIGNATURES, GARBLE, 0), "cosignatures", "seal" },
	{ ROW(REVOKED, GARBLE, 0), "revoked", "never given" },
	{ ROW(ALIASES, GARBLE, 0), "aliases", "length" },
	{ ROW(CROWDS, GARBLE, 0), "crowds", "seal" },
	{ ROW(SLOTS, GARBLE, 0), "slots", "seal" },
	{ ROW(QMETA, GARBLE, 0), "queue/meta", "is damaged" },
	{ ROW(CAMPAIGNS, GARBLE, 0), "campaigns", "not what was written" },
	{ ROW(CAMPAIGN_OF, GARBLE, 0), "campaign_of", "not what was" },
	{ ROW(TALLIES, GARBLE, 0), "tallies", "not what was written" },
	{ ROW(PROGRESS, GARBLE, 0), "progress", "not what was written" },
	{ ROW(FINISHED, GARBLE, 0), "finished", "not what was written" },
	{ ROW(DEFERRALS, GARBLE, 0), "deferrals", "not what was written" },
	{ ROW(SITES, GARBLE, 0), "sites", "not what was written" },
	{ ROW(SHARES, GARBLE, 0), "shares", "not what was written" },
	{ ROW(POLICIES, GARBLE, 0), "policies", "seal" },
	{ ROW(TLS_COUNTS, GARBLE, 0), "tls_counts", "seal" },
	{ ROW(OUTBOX, GARBLE, 0), "outbox", "not what was written" },

	/* Rows that are missing, told as that or by those who need them. */
	{ ROW(ORGS, DROP, 0), "org_names", "organization is missing" },
	{ ROW(ORGS, DROP, 0), "lists", "organization is missing" },
	{ ROW(ORG_NAMES, DROP, 0), "org_names", "missing, but" },
	{ ROW(LISTS, DROP, 0), "list_names", "list is missing" },
	{ ROW(LISTS, DROP, 0), "members", "list is missing" },
	{ ROW(LISTS, DROP, 0), "counts", "list is missing" },
	{ ROW(LISTS, DROP, 0), "campaigns", "list is missing" },
	{ ROW(LIST_NAMES, DROP, 0), "list_names", "missing, but" },
	{ ROW(DOMAINS, DROP, 0), "domain_ids", "leads nowhere" },
	{ ROW(DOMAIN_IDS, DROP, 0), "domains", "leads nowhere" },
	{ ROW(DOMAIN_IDS, DROP, 0), "members", "domain is missing" },
	{ ROW(MEMBERS, DROP, 0), "by_id", "no such member" },
	{ ROW(MEMBERS, DROP, 0), "by_hash", "no such member" },
	{ ROW(MEMBERS, DROP, 0), "counts", "active of" },
	{ ROW(BY_ID, DROP, 0), "by_id", "missing, but" },
	{ ROW(BY_ID, DROP, 0), "attributes", "member is missing" },
	{ ROW(BY_HASH, DROP, 0), "by_hash", "missing, but" },
	{ ROW(COUNTS, DROP, 0), "members", "later than its list" },
	{ ROW(COUNTS, DROP, 1), "counts", "it says 0 active" },
	{ ROW(REQUESTS, DROP, 0), "tokens", "request is missing" },
	{ ROW(REQUESTS, DROP, 0), "request_of", "request is missing" },
	{ ROW(REQUEST_OF, DROP, 0), "request_of", "missing, but" },
	{ ROW(TOKENS, DROP, 0), "tokens", "missing, but" },
	{ ROW(CONSENT, DROP, 20), "consent", "no erasure" },
	{ ROW(CONSENT, DROP, 20), "members", "bears it out" },
	{ ROW(CONSENT, DROP, 20), "consent_of", "is missing" },
	{ ROW(CONSENT_OF, DROP, 0), "consent_of", "missing, but" },
	{ ROW(REVOKED, DROP, 0), "revoked", "missing, but" },
	{ ROW(ALIASES, DROP, 0), "members", "aliases" },
	{ ROW(ALIASES, DROP, 1), "crowds", "count" },
	{ ROW(ALIASES, ORPHAN, 0), "aliases", "no membership" },
	{ ROW(ALIASES, LONG, 0), "aliases", "length" },
	{ ROW(CROWDS, ORPHAN, 0), "crowds", "count" },
	{ FORGED(CROWDS, 0, 3, 1), "crowds", "count" },
	{ ROW(SLOTS, LONG, 0), "slots", "length" },
	{ FORGED(SLOTS, 0, 0, 1), "slots", "fit" },
	{ ROW(REVOKED, LONG, 0), "revoked", "key" },
	{ ROW(LEAVES, DROP, 3), "leaves", "not the next one" },
	{ ROW(LEAVES, DROP, 3), "leaves", "48 leaves, not" },
	{ ROW(LEAVES, DROP, 3), "tiles", "missing" },
	{ ROW(LEAVES, MOVE, 3), "leaves", "not its commitment" },
	{ ROW(LEAVES, LONG, 3), "leaves", "octets" },
	{ ROW(TILES, DROP, 0), "tiles", "0 tiles, not 1" },
	{ ROW(TILES, ORPHAN, 0), "tiles", "ledger has" },
	{ ROW(TILES, LONG, 0), "tiles", "octets" },
	{ ROW(ACTS, DROP, 1), "acts", "missing" },
	{ ROW(IMPORTS, DROP, 0), "members", "import is missing" },
	{ ROW(CAMPAIGNS, DROP, 0), "campaign_of", "campaign is missing" },
	{ ROW(CAMPAIGNS, DROP, 0), "tallies", "campaign is missing" },
	{ ROW(CAMPAIGNS, DROP, 0), "progress", "campaign is missing" },
	{ ROW(CAMPAIGNS, DROP, 0), "finished", "campaign is missing" },
	{ ROW(CAMPAIGNS, DROP, 0), "deferrals", "campaign is missing" },
	{ ROW(CAMPAIGNS, DROP, 1), "campaigns", "is missing" },
	{ ROW(CAMPAIGN_OF, DROP, 0), "campaign_of", "missing, but" },
	{ ROW(TALLIES, DROP, 1), "tallies", "0 of 302" },

	/* Rows that nobody wrote. */
	{ ROW(ORGS, ORPHAN, 0), "org_names", "leads to" },
	{ ROW(ORGS, ORPHAN, 0), "meta", "last one given" },
	{ ROW(ORG_NAMES, ORPHAN, 0), "org_names", "is called" },
	{ ROW(LISTS, ORPHAN, 0), "list_names", "leads to" },
	{ ROW(LISTS, ORPHAN, 0), "meta", "last one given" },
	{ ROW(LIST_NAMES, ORPHAN, 0), "list_names", "is called" },
	{ ROW(DOMAINS, ORPHAN, 0), "domains", "is of" },
	{ ROW(DOMAIN_IDS, ORPHAN, 0), "domain_ids", "has number" },
	{ ROW(DOMAIN_IDS, ORPHAN, 0), "meta", "last one given" },
	{ ROW(MEMBERS, ORPHAN, 0), "members", "address of its key" },
	{ ROW(MEMBERS, ORPHAN, 0), "counts", "active of" },
	{ ROW(BY_ID, ORPHAN, 200), "by_id", "" },
	{ ROW(BY_HASH, ORPHAN, 0), "by_hash", "no such member" },
	{ ROW(COUNTS, ORPHAN, 1), "counts", "there are none" },
	{ ROW(ATTRIBUTES, ORPHAN, 90), "attributes", "missing" },
	{ ROW(REQUESTS, ORPHAN, 0), "tokens", "another request" },
	{ ROW(REQUEST_OF, ORPHAN, 0), "request_of", "another's" },
	{ ROW(TOKENS, ORPHAN, 0), "tokens", "another's" },
	{ ROW(NOTICES, ORPHAN, 0), "meta", "last one given" },
	{ ROW(CONSENT_OF, ORPHAN, 0), "consent_of", "" },
	{ ROW(ACTS, ORPHAN, 0), "meta", "last one given" },
	{ ROW(IMPORTS, ORPHAN, 0), "imports", "of another" },
	{ ROW(AGGREGATES, LONG, 0), "aggregates", "key" },
	{ ROW(INVITED, LONG, 0), "invited", "key" },
	{ ROW(SUPPRESSIONS, LONG, 0), "suppressions", "octets" },
	{ ROW(CAMPAIGNS, ORPHAN, 0), "queue/meta", "last one given" },
	{ ROW(CAMPAIGN_OF, ORPHAN, 0), "campaign_of", "is not of this" },
	{ ROW(TALLIES, ORPHAN, 0), "tallies", "campaign is missing" },
	{ ROW(PROGRESS, LONG, 0), "progress", "octets" },
	{ ROW(FINISHED, ORPHAN, 0), "finished", "never given" },
	{ ROW(DEFERRALS, LONG, 0), "deferrals", "octets" },
	{ ROW(SITES, LONG, 0), "sites", "octets" },
	{ ROW(OUTBOX, ORPHAN, 0), "outbox", "wrong place" },

	/* Rows in each other's place. */
	{ ROW(ACTS, MOVE, 1), "acts", "does not follow" },
	{ ROW(BY_ID, MOVE, 0), "by_id", "no such member" },
	{ ROW(BY_HASH, MOVE, 0), "by_hash", "no such member" },
	{ ROW(TOKENS, MOVE, 0), "tokens", "another" },
	{ ROW(CONSENT, MOVE, 30), "consent_of", "of another" },
	{ ROW(DOMAINS, MOVE, 0), "domains", "is of" },
	{ ROW(MEMBERS, MOVE, 0), "by_id", "no such member" },

	/* Sealed rows that say what cannot be. */
	{ FORGED(MEMBERS, 0, 0, 16), "by_id", "missing, but" },
	{ FORGED(MEMBERS, 0, 7, 3), "members", "its join" },
	{ FORGED(MEMBERS, 0, 4, 16), "members", "not since" },
	{ FORGED(MEMBERS, 0, 5, 16), "members", "bears it out" },
	{ FORGED(MEMBERS, 0, 7, 1), "members", "reason" },
	{ FORGED(MEMBERS, 0, 7, 1), "counts",
	    "active of" },
	{ FORGED(MEMBERS, 0, 14, 16), "members", "import is" },
	{ FORGED(COUNTS, 0, 7, 16), "members", "its list's" },
	{ FORGED(COUNTS, 0, 23, 16), "counts", "its domains" },
	{ FORGED(COUNTS, 0, 31, 16), "counts", "its domains" },
	{ FORGED(COUNTS, 1, 3, 16), "counts", "it says" },
	{ FORGED(COUNTS, 1, 7, 16), "counts", "it says" },
	{ FORGED(SUPPRESSIONS, 0, 10, 16), "suppressions",
	    "never given" },
	{ FORGED(ACTS, 0, 3, 16), "acts", "does not follow" },
	{ FORGED(CAMPAIGNS, 0, 7, 16), "campaigns",
	    "another organization's" },
	{ FORGED(CAMPAIGNS, 0, 9, 16), "campaign_of", "missing, but" },
	{ FORGED(CAMPAIGNS, 0, 9, 16), "campaigns", "is missing" },
	{ FORGED(TALLIES, 0, 6, 16), "tallies", "it counts" },
	{ FORGED(TALLIES, 0, 39, 16), "tallies", "who left" },
	{ FORGED(TALLIES, 1, 7, 16), "tallies",
	    "is finished with" },
	{ FORGED(TALLIES, 1, 47, 16), "tallies",
	    "deferred" },
	{ FORGED(PROGRESS, 0, 26, 16), "progress", "lo is past hi" },
	{ FORGED(FINISHED, 0, 0, 2), "progress",
	    "domain is finished" },
	{ FORGED(FINISHED, 0, 511, 16), "finished", "never given" },
	{ FORGED(IMPORTS, 0, 38, 16), "imports", "missing" },
};

static void
every_damage_is_found(void **state)
{
	struct check_world *cw = *state;
	struct strbuf out = STRBUF_INIT(1u << 20);
	struct saved *row = calloc(2, sizeof(*row));

	for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
		const struct damage *d = &damages[i].d;
		struct damage_job j = { d, row };
		enum store_env env = store_table_env(d->table);

		world_must(cw->w, env, do_damage, &j);
		if (check_world_check(cw, &out) == 0 ||
		    !check_world_names(&out, damages[i].table,
		    damages[i].words))
			fail_msg("%zu: %s, %d, %u, %zu: not told by %s, \"%s\":"
			    "\n%s", i, check_table_name(d->table),
			    (int)d->how, d->nth, d->at, damages[i].table,
			    damages[i].words, out.s);
		world_must(cw->w, env, do_mend, &j);
	}
	if (check_world_check(cw, &out) != 0)
		fail_msg("%s", out.s);
	free(row);
	strbuf_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_damage_is_found,
		    check_world_setup, check_world_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
