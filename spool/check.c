/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check.c - walk the whole store: the tables in turn, slice by slice.
 *
 * What a row must be, and what it must agree with, is in check_*.c by table.
 */
#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/err.h"
#include "lib/xmalloc.h"
#include "spool/check_private.h"
#include "spool/content.h"

#define NO_COUNTER	COUNTER_LAST

/* How each table is looked at. */
static const struct {
	check_fn	*row;
	check_end_fn	*end;		/* or NULL */
	enum store_counter counter;	/* not below the last row's number */
	unsigned	 octets;	/* of that number, the key's first */
} tables[TABLE_LAST] = {
	[TABLE_META] = { check_meta, NULL, NO_COUNTER, 0 },
	[TABLE_ORGS] = { check_orgs, NULL, COUNTER_ORG, 4 },
	[TABLE_ORG_NAMES] = { check_org_names, NULL, NO_COUNTER, 0 },
	[TABLE_ORG_DOMAINS] = { check_org_domains, NULL, NO_COUNTER, 0 },
	[TABLE_LISTS] = { check_lists, NULL, COUNTER_LIST, 4 },
	[TABLE_LIST_NAMES] = { check_list_names, NULL, NO_COUNTER, 0 },
	[TABLE_DOMAINS] = { check_domains, NULL, NO_COUNTER, 0 },
	[TABLE_DOMAIN_IDS] = { check_domain_ids, NULL, COUNTER_DOMAIN, 4 },
	[TABLE_MEMBERS] = { check_members, check_members_end, NO_COUNTER, 0 },
	[TABLE_BY_ID] = { check_by_id, NULL, COUNTER_SUBSCRIBER, 8 },
	[TABLE_BY_HASH] = { check_by_hash, NULL, NO_COUNTER, 0 },
	[TABLE_COUNTS] = { check_counts, NULL, NO_COUNTER, 0 },
	[TABLE_ATTRIBUTES] = { check_attributes, NULL, NO_COUNTER, 0 },
	[TABLE_SUPPRESSIONS] = { check_suppressions, NULL, NO_COUNTER, 0 },
	[TABLE_REQUESTS] = { check_requests, NULL, NO_COUNTER, 0 },
	[TABLE_REQUEST_OF] = { check_request_of, NULL, NO_COUNTER, 0 },
	[TABLE_TOKENS] = { check_tokens, NULL, NO_COUNTER, 0 },
	[TABLE_NOTICES] = { check_notices, NULL, COUNTER_NOTICE, 8 },
	[TABLE_CONSENT] = { check_consent, check_consent_end,
	    COUNTER_CONSENT, 8 },
	[TABLE_CONSENT_OF] = { check_consent_of, NULL, NO_COUNTER, 0 },
	[TABLE_THROTTLES] = { check_throttles, NULL, NO_COUNTER, 0 },
	[TABLE_ACTS] = { check_acts, check_acts_end, COUNTER_ACT, 8 },
	[TABLE_IMPORTS] = { check_imports, NULL, COUNTER_IMPORT, 4 },
	[TABLE_AGGREGATES] = { check_aggregates, NULL, NO_COUNTER, 0 },
	[TABLE_LEAVES] = { check_leaves, check_leaves_end, NO_COUNTER, 0 },
	[TABLE_TILES] = { check_tiles, check_tiles_end, NO_COUNTER, 0 },
	[TABLE_COSIGNATURES] = { check_cosignatures, NULL, NO_COUNTER, 0 },
	[TABLE_REVOKED] = { check_revoked, NULL, NO_COUNTER, 0 },
	[TABLE_INVITED] = { check_invited, NULL, NO_COUNTER, 0 },
	[TABLE_ALIASES] = { check_aliases, NULL, NO_COUNTER, 0 },
	[TABLE_CROWDS] = { check_crowds, NULL, NO_COUNTER, 0 },
	[TABLE_QMETA] = { check_qmeta, check_qmeta_end, NO_COUNTER, 0 },
	[TABLE_CAMPAIGNS] = { check_campaigns, NULL, NO_COUNTER, 0 },
	[TABLE_CAMPAIGN_OF] = { check_campaign_of, NULL, NO_COUNTER, 0 },
	[TABLE_TALLIES] = { check_tallies, NULL, NO_COUNTER, 0 },
	[TABLE_PROGRESS] = { check_progress, NULL, NO_COUNTER, 0 },
	[TABLE_FINISHED] = { check_finished, NULL, NO_COUNTER, 0 },
	[TABLE_DEFERRALS] = { check_deferrals, NULL, NO_COUNTER, 0 },
	[TABLE_SITES] = { check_sites, NULL, NO_COUNTER, 0 },
	[TABLE_OUTBOX] = { check_outbox, NULL, NO_COUNTER, 0 },
	[TABLE_ACTIONS] = { check_actions, NULL, NO_COUNTER, 0 },
	[TABLE_SHARES] = { check_shares, NULL, NO_COUNTER, 0 },
	[TABLE_POLICIES] = { check_policies, NULL, NO_COUNTER, 0 },
	[TABLE_TLS_COUNTS] = { check_tls_counts, NULL, NO_COUNTER, 0 },
	[TABLE_SLOTS] = { check_slots, NULL, NO_COUNTER, 0 },
};

const char *
check_table_name(enum store_table table)
{
	if (table == TABLE_LAST)
		return "outcomes";
	return table == TABLE_QMETA ? "queue/meta" : store_table_name(table);
}

/* ---- telling */

static void
set_key(struct check_finding *f, struct slice key)
{
	size_t n = key.len < sizeof(f->key) / 2 ? key.len :
	    sizeof(f->key) / 2;

	for (size_t i = 0; i < n; i++) {
		f->key[2 * i] = "0123456789abcdef"[key.p[i] >> 4];
		f->key[2 * i + 1] = "0123456789abcdef"[key.p[i] & 15];
	}
	f->key[2 * n] = '\0';
}

/* Keys, which may be anything by now, are quoted in some. */
static void
make_printable(char *s)
{
	for (; *s != '\0'; s++)
		if (*s < ' ' || *s > '~')
			*s = '?';
}

void
check_tell(struct check *c, enum store_table table, struct slice key,
    const char *fmt, ...)
{
	struct check_finding f = { .table = check_table_name(table) };
	va_list ap;

	if (c->stop)
		return;
	set_key(&f, key);
	va_start(ap, fmt);
	vsnprintf(f.text, sizeof(f.text), fmt, ap);
	va_end(ap);
	make_printable(f.text);
	c->r->findings++;
	if (!c->p->finding(c->p->arg, &f))
		c->stop = true;
}

/*
 * row_damaged() begins with table and key.  When these are the finding's own
 * they are not said twice; of another row they stay.
 */
void
check_tell_err(struct check *c, enum store_table table, struct slice key,
    const struct err *e)
{
	const char *name = table == TABLE_LAST ? "" : store_table_name(table);
	struct err own = ERR_INIT;
	size_t len;

	if (table != TABLE_LAST) {
		row_damaged(table, key, "", &own);
		len = strlen(own.text);
		if (len > strlen(name) &&
		    strncmp(e->text, own.text, len) == 0) {
			check_tell(c, table, key, "%s", e->text + len);
			return;
		}
	}
	check_tell(c, table, key, "%s", e->text);
}

bool
check_found(struct check *c, int rc, const char *missing, struct slice key,
    const struct err *e)
{
	if (rc == -1)
		check_tell_err(c, c->table, key, e);
	else if (rc == 0 && missing != NULL)
		check_tell(c, c->table, key, "%s", missing);
	return rc == 1;
}

bool
check_key_len(struct check *c, struct slice key, size_t len)
{
	if (key.len == len)
		return true;
	check_tell(c, c->table, key, "a key of %zu octets, not %zu", key.len,
	    len);
	return false;
}

bool
check_ascends(struct key *last, struct slice key)
{
	size_t both = key.len < last->len ? key.len : last->len;
	int order = both == 0 ? 0 : memcmp(key.p, last->b, both);

	if (key.len == 0 || key.len > STORE_KEY_MAX || order < 0 ||
	    (order == 0 && key.len <= last->len))
		return false;
	last->len = 0;
	key_raw(last, key.p, key.len);
	return true;
}

uint64_t
check_u64(struct slice key, size_t at)
{
	struct unpack u;

	unpack_init(&u, key.p + at, at <= key.len ? key.len - at : 0);
	return unpack_u64(&u);
}

uint32_t
check_u32(struct slice key, size_t at)
{
	struct unpack u;

	unpack_init(&u, key.p + at, at <= key.len ? key.len - at : 0);
	return unpack_u32(&u);
}

void
check_alive(struct check *c)
{
	if (c->alive++ % CHECK_ALIVE == 0 && c->p->progress != NULL)
		c->p->progress(c->p->arg, c->table, c->r->rows - c->begun);
}

/* ---- content files */

/* True when this file was read before; remembers it when not. */
static bool
was_seen(struct check *c, const uint8_t *hash)
{
	size_t at = (size_t)hash[0] << 8 | hash[1];

	if (c->nseen > CHECK_SEEN / 2) {	/* forget, read some twice */
		memset(c->seen, 0, CHECK_SEEN * sizeof(c->seen[0]));
		c->nseen = 0;
	}
	for (;; at++) {
		uint8_t *slot = c->seen[at & (CHECK_SEEN - 1)];
		static const uint8_t empty[32];

		if (memcmp(slot, hash, 32) == 0)
			return true;
		if (memcmp(slot, empty, 32) != 0)
			continue;
		memcpy(slot, hash, 32);
		c->nseen++;
		return false;
	}
}

void
check_names_file(struct check *c, struct slice key,
    const uint8_t hash[static 32])
{
	static const uint8_t none[32];
	struct check_file *f = &c->file[c->nfiles];

	if (c->p->content == NULL || memcmp(hash, none, 32) == 0 ||
	    c->nfiles == CHECK_FILES || was_seen(c, hash))
		return;
	f->table = c->table;
	f->key.len = 0;
	key_raw(&f->key, key.p, key.len);
	memcpy(f->hash, hash, 32);
	c->nfiles++;
}

/* Is the row still there?  It may have gone, and its file with it. */
static bool
is_still_named(struct check *c, const struct check_file *f)
{
	struct slice value;
	struct txn *t;
	int rc;

	if (txn_read(c->p->st, store_table_env(f->table), &t, NULL) == -1)
		return true;
	rc = txn_get(t, f->table, key_slice(&f->key), &value, NULL);
	txn_end(t);
	return rc != 0;
}

/* Read the files that the slice came past, outside of its transaction. */
static void
read_files(struct check *c)
{
	for (size_t i = 0; i < c->nfiles && !c->stop; i++) {
		const struct check_file *f = &c->file[i];
		struct err e = ERR_INIT;
		char hex[CONTENT_HEX];
		int rc;

		c->alive = 0;
		check_alive(c);
		rc = content_verify(c->p->content, f->hash, &e);
		if (rc == 1 || !is_still_named(c, f))
			continue;
		content_hex(f->hash, hex);
		check_tell(c, f->table, key_slice(&f->key), "content %s: %s",
		    hex, rc == 0 ? "the file is missing" : e.text);
	}
	c->nfiles = 0;
}

/* ---- walking */

/* Q's view first: whatever it names, S has it by then. */
static int
begin(struct check *c, struct err *e)
{
	enum store_env env = store_table_env(c->table);

	if (txn_read(c->p->st, env, &c->t, e) == -1)
		return -1;
	c->s = c->t;
	if (env == STORE_Q && txn_read(c->p->st, STORE_S, &c->s, e) == -1) {
		txn_end(c->t);
		return -1;
	}
	c->list.known = false;
	return 0;
}

static void
end(struct check *c)
{
	if (c->s != c->t)
		txn_end(c->s);
	txn_end(c->t);
	c->t = c->s = NULL;
}

/* Stand on the first row after the last one. */
static int
next_row(struct check *c, struct cursor *cur, struct slice *key,
    struct slice *value, struct err *e)
{
	int rc = cursor_seek(cur, key_slice(&c->last), key, value, e);

	if (rc == 1 && key->len == c->last.len &&
	    memcmp(key->p, c->last.b, key->len) == 0)
		rc = cursor_next(cur, key, value, e);
	return rc;
}

/* 1 there is more, 0 the table's end, -1 a row that cannot be reached. */
static int
slice(struct check *c, struct err *e)
{
	struct slice key, value;
	struct cursor *cur;
	unsigned n = 0;
	int rc;

	if (cursor_open(c->t, c->table, &cur, e) == -1)
		return -1;
	rc = next_row(c, cur, &key, &value, e);
	while (rc == 1 && !c->stop) {
		if (!check_ascends(&c->last, key)) {
			err_set(e, ERR_DAMAGED, "keys are out of order");
			rc = -1;
			break;
		}
		tables[c->table].row(c, key, value);
		c->r->rows++;
		check_alive(c);
		/* A row names two files at most. */
		if (++n == CHECK_SLICE || c->nfiles + 2 > CHECK_FILES)
			break;
		rc = cursor_next(cur, &key, &value, e);
	}
	cursor_close(cur);
	return rc;
}

/* The last number given out must not be below one that is used. */
static void
check_counter(struct check *c)
{
	enum store_counter which = tables[c->table].counter;
	struct slice key = key_slice(&c->last);
	struct err e = ERR_INIT;
	uint64_t used, last;

	if (which == NO_COUNTER || key.len != tables[c->table].octets)
		return;
	used = key.len == 4 ? check_u32(key, 0) : check_u64(key, 0);
	if (txn_counter(c->t, which, &last, &e) == -1)
		check_tell_err(c, TABLE_META, key, &e);
	else if (used > last)
		check_tell(c, TABLE_META, key, "%s has number %llu, but the "
		    "last one given is %llu", store_table_name(c->table),
		    (unsigned long long)used, (unsigned long long)last);
}

/* The end of a table, still in the transaction that saw it. */
static void
finish(struct check *c)
{
	check_counter(c);
	if (tables[c->table].end != NULL)
		tables[c->table].end(c);
}

/*
 * One table.  A page that LMDB refuses spoils the transaction: the row after
 * it is tried once more in a fresh one, and then the table ends there.
 */
static int
walk(struct check *c, struct err *e)
{
	struct err why = ERR_INIT;
	struct key at = KEY_INIT;
	bool tried = false;
	int rc = 1;

	c->last.len = 0;
	while (rc == 1 && !c->stop) {
		uint64_t before = c->r->rows;
		bool moved;

		if (begin(c, e) == -1)
			return -1;
		rc = slice(c, &why);
		moved = c->r->rows != before;
		if (tried)
			check_tell(c, c->table, key_slice(&at), "%s after "
			    "this one: %s", moved || rc == 0 ?
			    "rows may be missing" : "nothing can be read",
			    why.text);
		if (rc == -1 && (moved || !tried)) {
			tried = true;
			at = c->last;
			rc = 1;
		} else {
			tried = false;
			if (rc == 0)
				finish(c);
		}
		end(c);
		read_files(c);
	}
	return 0;
}

int
check_store(const struct check_params *p, struct check_result *r,
    struct err *e)
{
	struct check *c = xcalloc(1, sizeof(*c));
	int ret = 0;

	*r = (struct check_result){ 0 };
	c->p = p;
	c->r = r;
	c->seen = xcalloc(CHECK_SEEN, sizeof(c->seen[0]));
	c->gaps.next = 1;
	for (unsigned i = p->from; i <= TABLE_LAST && !c->stop && ret == 0;
	    i++) {
		c->table = (enum store_table)i;
		c->begun = r->rows;
		c->alive = 0;
		check_alive(c);
		if (i < TABLE_LAST)
			ret = walk(c, e);
		else if (p->outcomes != NULL)
			ret = check_outcomes(c, e);
	}
	check_gaps_free(&c->gaps);
	free(c->seen);
	free(c);
	return ret;
}
