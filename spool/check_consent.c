/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_consent.c - the entries without gaps, what leads to them, and what
 * rests on them: suppressions, requests, notices, counted requests.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "lib/err.h"
#include "lib/xmalloc.h"
#include "spool/check_private.h"
#include "spool/consent.h"
#include "spool/identity.h"
#include "spool/list.h"
#include "spool/notice.h"
#include "spool/request.h"
#include "spool/subscriber.h"
#include "spool/suppression.h"

#define GAPS_FIRST	64

/* ---- entries without gaps */

void
check_gaps_free(struct check_gaps *g)
{
	free(g->missing);
	free(g->named);
}

/* The indexes from the one that should come to before `index` are missing. */
static void
gap(struct check_gaps *g, uint64_t index)
{
	for (; g->next < index; g->next++) {
		if (g->n == CHECK_GAPS_MAX) {
			g->untold += index - g->next;
			break;
		}
		if (g->n == g->size) {
			g->size = g->size == 0 ? GAPS_FIRST : 2 * g->size;
			g->missing = xreallocarray(g->missing, g->size,
			    sizeof(*g->missing));
			g->named = xreallocarray(g->named, g->size,
			    sizeof(*g->named));
		}
		g->missing[g->n] = g->next;
		g->named[g->n++] = false;
	}
	g->next = index;
}

static int
index_order(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/*
 * An erasure makes its gaps legal.  It is younger than what it erased; but
 * what it names may have been there when the walk came past, and gone then.
 */
static void
erased(struct check *c, struct slice key, struct slice indexes)
{
	struct check_gaps *g = &c->gaps;
	struct unpack u;

	unpack_init(&u, indexes.p, indexes.len);
	while (u.left >= 8) {
		uint64_t index = unpack_u64(&u), *at;
		struct slice salt, entry;

		at = g->n == 0 ? NULL : bsearch(&index, g->missing, g->n,
		    sizeof(index), index_order);
		if (at != NULL)
			g->named[at - g->missing] = true;
		else if (consent_get_row(c->t, index, &salt, &entry,
		    NULL) != 0)
			check_tell(c, c->table, key, "it says that entry %llu "
			    "was erased, which is there",
			    (unsigned long long)index);
	}
}

/* Tell a run of entries that nothing names as one; where it ends. */
static size_t
tell_gap(struct check *c, size_t from)
{
	const struct check_gaps *g = &c->gaps;
	struct key k = KEY_INIT;
	size_t to = from;

	while (to + 1 < g->n && !g->named[to + 1] &&
	    g->missing[to + 1] == g->missing[to] + 1)
		to++;
	key_u64(&k, g->missing[from]);
	check_tell(c, c->table, key_slice(&k), "%zu from here on missing, "
	    "and no erasure names %s", to - from + 1,
	    to == from ? "it" : "them");
	return to;
}

void
check_consent_end(struct check *c)
{
	struct check_gaps *g = &c->gaps;
	uint64_t last = 0;

	if (consent_last(c->t, &last, NULL) == -1)
		return;		/* told with meta */
	if (last != UINT64_MAX)
		gap(g, last + 1);
	for (size_t i = 0; i < g->n; i++)
		if (!g->named[i])
			i = tell_gap(c, i);
	if (g->untold > 0)
		check_tell(c, c->table, key_slice(&c->last), "%llu more are "
		    "missing", (unsigned long long)g->untold);
}

/* ---- entries */

/* An address with an entry is led to it. */
static void
check_leads_here(struct check *c, struct slice key, const struct consent *e)
{
	struct err why = ERR_INIT;
	struct slice value;
	struct key k = KEY_INIT;
	int rc;

	if (e->hash.len != 16)
		return;
	key_raw(&k, e->hash.p, 16);
	key_raw(&k, key.p, key.len);
	rc = txn_get(c->t, TABLE_CONSENT_OF, key_slice(&k), &value, &why);
	if (rc == -1)
		check_tell_err(c, TABLE_CONSENT_OF, key_slice(&k), &why);
	else if (rc == 0)
		check_tell(c, TABLE_CONSENT_OF, key_slice(&k), "missing, but "
		    "there is its entry");
}

static void
check_act(struct check *c, const struct consent *entry)
{
	struct err e = ERR_INIT;
	struct key k = KEY_INIT;

	if (entry->kind != CONSENT_ACT ||
	    act_check_entry(c->t, entry, &e) == 0)
		return;
	key_u64(&k, entry->act);
	check_tell_err(c, TABLE_ACTS, key_slice(&k), &e);
}

void
check_consent(struct check *c, struct slice key, struct slice value)
{
	uint64_t index = check_u64(key, 0);
	struct err e = ERR_INIT;
	struct consent entry;

	(void)value;
	if (!check_key_len(c, key, 8))
		return;
	/* A number far ahead is told by its counter, not as a gap of that. */
	if (index >= c->gaps.next) {
		uint64_t last;

		if (consent_last(c->t, &last, NULL) == 0 && index <= last) {
			gap(&c->gaps, index);
			c->gaps.next = index + 1;
		}
	}
	if (!check_found(c, consent_get(c->t, index, &entry, &e), NULL, key,
	    &e))
		return;
	check_leads_here(c, key, &entry);
	if (entry.follows >= index && entry.follows != 0)
		check_tell(c, c->table, key, "it follows an entry after it");
	check_act(c, &entry);
	if (revocation_check_entry(c->t, &entry, index, &e) == -1)
		check_tell_err(c, TABLE_REVOKED, key, &e);
	erased(c, key, entry.erased);
	/* An import's content is a hash alone: it holds whom nobody erases. */
	check_names_file(c, key, entry.shown);
	if (entry.content.len == 32 && entry.kind != CONSENT_IMPORT)
		check_names_file(c, key, entry.content.p);
}

void
check_consent_of(struct check *c, struct slice key, struct slice value)
{
	struct err e = ERR_INIT;
	struct consent entry;

	if (!check_key_len(c, key, 16 + 8))
		return;
	if (value.len != 0)
		check_tell(c, c->table, key, "it has a value");
	if (check_found(c, consent_get(c->t, check_u64(key, 16), &entry, &e),
	    "its entry is missing", key, &e) && (entry.hash.len != 16 ||
	    memcmp(entry.hash.p, key.p, 16) != 0))
		check_tell(c, c->table, key, "its entry is of another");
}

/*
 * The entry that a row names must have been given, and where it was not
 * erased since be of the same address.
 */
static void
check_rests_on(struct check *c, struct slice key, uint64_t index,
    const uint8_t *hash)
{
	struct err e = ERR_INIT;
	struct consent entry;
	uint64_t last;
	int rc;

	if (index == 0 || consent_last(c->t, &last, NULL) == -1)
		return;
	if (index > last) {
		check_tell(c, c->table, key, "it names consent entry %llu, "
		    "which was never given", (unsigned long long)index);
		return;
	}
	rc = consent_get(c->t, index, &entry, &e);
	if (rc == 1 && entry.hash.len == 16 &&
	    memcmp(entry.hash.p, hash, 16) != 0)
		check_tell(c, c->table, key, "its consent entry is of "
		    "another");
}

/*
 * A list or organization need not be there: the links of copies sent before a
 * store was put back from a backup still work (spool/leave.h).
 */
void
check_suppressions(struct check *c, struct slice key, struct slice value)
{
	struct err e = ERR_INIT;
	struct suppression s;

	(void)value;
	if (!check_key_len(c, key, ADDRESS_HASH_OCTETS + 1 + 4) ||
	    !check_found(c, suppression_get(c->t, key.p,
	    key.p[ADDRESS_HASH_OCTETS], check_u32(key,
	    ADDRESS_HASH_OCTETS + 1), &s, &e), NULL, key, &e))
		return;
	if ((s.scope == SUPPRESSION_HOST) != (s.id == 0))
		check_tell(c, c->table, key, "its scope has no number, or "
		    "one too many");
	check_rests_on(c, key, s.consent, s.hash);
}

/* ---- requests */

/* list 0 is none. */
static void
check_its_list(struct check *c, struct slice key, uint32_t list)
{
	struct err e = ERR_INIT;
	enum list_state state;
	uint32_t org;

	if (list != 0)
		check_found(c, list_brief(c->t, list, &org, &state, &e),
		    "its list is missing", key, &e);
}

/* The way from a request to its indexes, or back. */
static void
check_way(struct check *c, struct slice key, struct slice value)
{
	enum store_table where = c->table;
	struct err e = ERR_INIT;
	struct key at = KEY_INIT;

	key_raw(&at, key.p, key.len);
	if (request_check_row(c->t, &where, &at, value, &e) == -1)
		check_tell_err(c, where, key_slice(&at), &e);
}

void
check_requests(struct check *c, struct slice key, struct slice value)
{
	struct err e = ERR_INIT;
	struct identity who;
	struct request r;

	if (!check_key_len(c, key, REQUEST_ID) || !check_found(c,
	    request_get(c->t, key.p, &r, &e), NULL, key, &e))
		return;
	check_way(c, key, value);
	check_its_list(c, key, r.list);
	check_rests_on(c, key, r.consent, r.hash);
	if (r.expires_ms < r.created_ms)
		check_tell(c, c->table, key, "it expires before it began");
	if (identity_parse(store_keys(c->p->st), r.address,
	    strlen(r.address), ADDRESS_UTF8, &who, &e) == -1)
		check_tell_err(c, c->table, key, &e);
	else if (memcmp(who.hash, r.hash, sizeof(r.hash)) != 0)
		check_tell(c, c->table, key, "it is not under its address");
}

void
check_request_of(struct check *c, struct slice key, struct slice value)
{
	check_way(c, key, value);
}

void
check_tokens(struct check *c, struct slice key, struct slice value)
{
	check_way(c, key, value);
}

/* ---- notices */

static void
check_recipient(struct check *c, struct slice key, const struct notice *n)
{
	struct err e = ERR_INIT;
	struct address a;
	char domain[256];

	if (!check_found(c, domain_name(c->t, n->domain, domain, &e),
	    "its domain is missing", key, &e))
		return;
	if (address_parse(n->address, strlen(n->address), ADDRESS_UTF8, &a,
	    &e) == -1)
		check_tell_err(c, c->table, key, &e);
	else if (strcmp(a.domain, domain) != 0)
		check_tell(c, c->table, key, "its domain is not its "
		    "address's");
}

void
check_notices(struct check *c, struct slice key, struct slice value)
{
	struct err e = ERR_INIT;
	struct request r;
	struct notice n;

	(void)value;
	if (!check_key_len(c, key, 8) || !check_found(c, notice_get(c->t,
	    check_u64(key, 0), &n, &e), NULL, key, &e))
		return;
	check_recipient(c, key, &n);
	check_its_list(c, key, n.list);
	if (notice_asks(n.kind))
		check_found(c, request_get(c->t, n.request, &r, &e),
		    "its request is missing", key, &e);
	check_names_file(c, key, n.content);
}

void
check_revoked(struct check *c, struct slice key, struct slice value)
{
	struct err e = ERR_INIT;

	(void)value;
	if (revocation_check_row(c->t, key, &e) == -1)
		check_tell_err(c, c->table, key, &e);
}

/* ---- what is counted */

void
check_throttles(struct check *c, struct slice key, struct slice value)
{
	struct err e = ERR_INIT;

	if (throttle_check_row(key, value, &e) == -1)
		check_tell_err(c, c->table, key, &e);
}

void
check_aggregates(struct check *c, struct slice key, struct slice value)
{
	struct err e = ERR_INIT;

	if (optin_aggregate_check_row(key, value, &e) == -1)
		check_tell_err(c, c->table, key, &e);
}

void
check_invited(struct check *c, struct slice key, struct slice value)
{
	struct err e = ERR_INIT;

	/* Its entry may be erased: that somebody was asked stays known. */
	if (invite_check_row(key, value, &e) == -1)
		check_tell_err(c, c->table, key, &e);
}
