/* SPDX-License-Identifier: Apache-2.0 */
/*
 * leave.c - being mailed no more.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "lib/err.h"
#include "lib/strbuf.h"
#include "lib/xmalloc.h"
#include "spool/consent.h"
#include "spool/departures.h"
#include "spool/leave.h"
#include "spool/list.h"
#include "spool/notice.h"
#include "spool/org.h"
#include "spool/request.h"
#include "spool/store.h"
#include "spool/subscriber.h"
#include "spool/writer.h"

#define ERASE_MAX	LEAVE_ERASE_MAX

void
leave_result_free(struct leave_result *r)
{
	free(r->gone);
	*r = (struct leave_result){ .n = 0 };
}

/* ---- who goes */

static void
remember(struct leave_result *r, const struct member *m)
{
	r->gone = xreallocarray(r->gone, r->n + 1, sizeof(*r->gone));
	r->gone[r->n++] = (struct leave_gone){ m->list, m->domain, m->h8,
	    m->subscriber };
}

/*
 * The memberships that scope, list and org speak of: one of a list, those of
 * an organization's lists, or all of the address.
 */
static int
find_members(struct txn *t, const struct leave *l, uint32_t org,
    struct leave_result *r, struct err *e)
{
	enum list_state state;
	uint32_t of, list = l->scope == SUPPRESSION_LIST ? l->list : 0;
	struct member m;
	int rc;

	while ((rc = subscriber_next_of(t, l->hash, list, &m, e)) == 1) {
		if (l->scope == SUPPRESSION_LIST && m.list != l->list)
			return 0;
		if (l->scope == SUPPRESSION_ORG) {
			rc = list_brief(t, m.list, &of, &state, e);
			if (rc == -1)
				return -1;
			if (rc == 0 || of != org)
				goto next;
		}
		remember(r, &m);
next:
		if (m.list == UINT32_MAX)
			return 0;
		list = m.list + 1;
	}
	return rc;
}

static int
remove_members(struct txn *t, const struct leave *l,
    const struct leave_result *r, struct err *e)
{
	struct member m;
	int rc;

	for (size_t i = 0; i < r->n; i++) {
		const struct leave_gone *g = &r->gone[i];

		rc = subscriber_at(t, g->list, g->domain, g->h8,
		    g->subscriber, &m, e);
		if (rc == -1 || (rc == 1 &&
		    subscriber_remove_of(t, &m, l->hash, e) == -1))
			return -1;
	}
	return 0;
}

/* ---- what stays */

/* The scope as it can be had: of no organization known, the list alone. */
static int
settle(struct txn *t, struct leave *l, uint32_t *org_r, struct err *e)
{
	enum list_state state;
	int rc = 0;

	*org_r = l->org;
	if (l->list != 0 && l->org == 0)
		rc = list_brief(t, l->list, org_r, &state, e);
	if (rc == -1)
		return -1;
	if (l->scope == SUPPRESSION_ORG && *org_r == 0)
		l->scope = SUPPRESSION_LIST;
	return 0;
}

static uint32_t
scope_id(const struct leave *l, uint32_t org)
{
	switch (l->scope) {
	case SUPPRESSION_LIST: return l->list;
	case SUPPRESSION_ORG: return org;
	case SUPPRESSION_HOST: break;
	}
	return 0;
}

/* 1 when a suppression as strong stands, 0, -1. */
static int
stands(struct txn *t, const struct leave *l, uint32_t org, struct err *e)
{
	struct suppression s;
	int rc;

	if (l->keep_open)
		return 1;	/* none is wanted */
	rc = suppression_get(t, l->hash, l->scope, scope_id(l, org), &s, e);
	return rc == 1 ? s.reason >= l->reason : rc;
}

static int
suppress(struct txn *t, const struct leave *l, uint32_t org, uint64_t consent,
    struct err *e)
{
	struct suppression s = { .scope = l->scope, .id = scope_id(l, org),
	    .reason = l->reason, .setter = l->setter, .when_ms = l->now_ms,
	    .consent = consent };

	if (l->keep_open)
		return 0;
	memcpy(s.hash, l->hash, sizeof(s.hash));
	return suppression_add(t, &s, e) == -1 ? -1 : 0;
}

static enum consent_kind
kind_of(const struct leave *l)
{
	switch (l->reason) {
	case SUPPRESSION_UNSUBSCRIBE:
		return l->setter == SUPPRESSION_BY_PERSON ?
		    CONSENT_UNSUBSCRIBED : CONSENT_REMOVED;
	case SUPPRESSION_COMPLAINT:
		return CONSENT_COMPLAINED;
	case SUPPRESSION_BOUNCE:
		return CONSENT_BOUNCED;
	default:
		return l->keep_open ? CONSENT_REMOVED : CONSENT_SUPPRESSED;
	}
}

static int
append_entry(struct txn *t, const struct leave *l, uint32_t org,
    const struct leave_result *r, uint64_t *index_r, struct err *e)
{
	struct consent c = { .kind = kind_of(l), .when_ms = l->now_ms,
	    .list = l->list, .org = org, .hash = SLICE(l->hash,
	    sizeof(l->hash)), .campaign = l->campaign, .scope = l->scope,
	    .reason = l->reason, .setter = consent_text(l->who),
	    .clock_unsure = l->clock_unsure, .import = l->import,
	    .follows = l->follows, .claimed_ms = l->claimed_ms };

	if (r->n == 1)
		c.subscriber = r->gone[0].subscriber;
	c.count = r->n;
	if (l->evidence != NULL)
		consent_evidence(&c, l->evidence);
	else if (l->who != NULL)
		c.channel = consent_text("control");
	return consent_append(t, &c, index_r, e);
}

/* ---- leaving */

static int
leave(struct txn *t, struct leave *l, struct leave_result *r, struct err *e)
{
	uint32_t org, list, of;
	int pending, stood;

	if (settle(t, l, &org, e) == -1 ||
	    find_members(t, l, org, r, e) == -1 ||
	    (stood = stands(t, l, org, e)) == -1)
		return -1;
	list = l->scope == SUPPRESSION_LIST ? l->list : 0;
	of = l->scope == SUPPRESSION_ORG ? org : 0;
	pending = request_void(t, l->hash, list, of, true, e);
	if (pending == -1)
		return -1;
	if (r->n == 0 && stood == 1 && pending == 0)
		return 0;	/* it was done before: one event (R31) */
	if (append_entry(t, l, org, r, &r->consent, e) == -1 ||
	    suppress(t, l, org, r->consent, e) == -1 ||
	    remove_members(t, l, r, e) == -1 || (pending > 0 &&
	    request_void(t, l->hash, list, of, false, e) == -1))
		return -1;
	r->changed = true;
	return 0;
}

int
leave_apply(struct txn *t, const struct leave *l, struct leave_result *r_r,
    struct err *e)
{
	struct leave copy = *l;

	leave_result_free(r_r);
	if (leave(t, &copy, r_r, e) == 0)
		return 0;
	leave_result_free(r_r);
	return -1;
}

int
leave_lift(struct txn *t, const struct leave *l,
    enum suppression_reason *was_r, struct err *e)
{
	struct consent c = { .kind = CONSENT_LIFTED, .when_ms = l->now_ms,
	    .list = l->list, .org = l->org, .scope = l->scope,
	    .hash = SLICE(l->hash, sizeof(l->hash)),
	    .setter = consent_text(l->who), .follows = l->follows,
	    .clock_unsure = l->clock_unsure };
	struct suppression s;
	int rc = suppression_get(t, l->hash, l->scope, scope_id(l, l->org),
	    &s, e);

	if (rc != 1)
		return rc;
	*was_r = s.reason;
	c.reason = s.reason;
	if (l->evidence != NULL)
		consent_evidence(&c, l->evidence);
	else
		c.channel = consent_text("control");
	if (suppression_lift(t, l->hash, l->scope, scope_id(l, l->org),
	    l->setter, e) != 1)
		return -1;
	return consent_append(t, &c, NULL, e) == -1 ? -1 : 1;
}

int
leave_unsubscribe(struct txn *t, const struct ipc_unsubscribe *in,
    int64_t now_ms, struct leave_result *r_r, struct err *e)
{
	struct leave l = { .reason = SUPPRESSION_UNSUBSCRIBE,
	    .setter = SUPPRESSION_BY_PERSON,
	    .scope = in->scope == IPC_LEAVE_ORGANIZATION ? SUPPRESSION_ORG :
	    SUPPRESSION_LIST, .list = in->list, .campaign = in->campaign,
	    .evidence = &in->evidence, .now_ms = now_ms };

	memcpy(l.hash, in->hash, sizeof(l.hash));
	return leave_apply(t, &l, r_r, e);
}

/* ---- a list that is removed */

static int
leave_removed_list(struct txn *t, const struct member *m, uint32_t org,
    int64_t now_ms, struct err *e)
{
	uint8_t hash[ADDRESS_HASH_OCTETS];
	struct consent c = { .kind = CONSENT_REMOVED, .when_ms = now_ms,
	    .list = m->list, .org = org, .subscriber = m->subscriber,
	    .follows = m->consent, .hash = SLICE(hash, sizeof(hash)),
	    .note = consent_text("the list was removed") };

	if (subscriber_hash(t, m, hash, e) == -1 ||
	    consent_append(t, &c, NULL, e) == -1)
		return -1;
	return subscriber_remove(t, m, e);
}

int
leave_list(struct txn *t, uint32_t list, unsigned max, int64_t now_ms,
    struct err *e)
{
	const struct member first = { .list = 0 };
	enum list_state state;
	struct member m;
	uint32_t org;
	int rc = list_brief(t, list, &org, &state, e);

	if (rc == -1)
		return -1;
	if (rc == 0 || state != LIST_REMOVED) {
		err_set(e, ERR_REFUSED, "the list is not removed");
		return -1;
	}
	for (; max > 0; max--) {
		rc = subscriber_next(t, list, &first, &m, e);
		if (rc != 1)
			return rc;
		if (leave_removed_list(t, &m, org, now_ms, e) == -1)
			return -1;
		if (writer_slice_over(t))
			return 1;
	}
	return 1;
}

int
leave_removed(struct txn *t, uint32_t *list, unsigned max, int64_t now_ms,
    struct err *e)
{
	struct list_counters n;
	struct list l;
	int rc;

	while ((rc = list_next(t, *list, &l, e)) == 1) {
		*list = l.id;
		if (l.state == LIST_REMOVED &&
		    list_counters(t, l.id, &n, e) == -1)
			return -1;
		if (l.state == LIST_REMOVED && n.all > 0 &&
		    (rc = leave_list(t, l.id, max, now_ms, e)) != 0)
			return rc;
		if (l.id == UINT32_MAX)
			return 0;
		*list = l.id + 1;
	}
	return rc == -1 ? -1 : 0;
}

/* ---- erasure */

/* The organizations that have the address in any row, each once. */
struct orgs {
	size_t		 n;
	uint32_t	*id;
};

static void
note_org(struct orgs *o, uint32_t org)
{
	if (org == 0)
		return;
	for (size_t i = 0; i < o->n; i++)
		if (o->id[i] == org)
			return;
	o->id = xreallocarray(o->id, o->n + 1, sizeof(*o->id));
	o->id[o->n++] = org;
}

static int
note_list(struct txn *t, struct orgs *o, uint32_t list, struct err *e)
{
	enum list_state state;
	uint32_t org;
	int rc = list == 0 ? 0 : list_brief(t, list, &org, &state, e);

	if (rc == 1)
		note_org(o, org);
	return rc == -1 ? -1 : 0;
}

/* By the entries that this call will delete, also of those who left. */
static int
orgs_of_entries(struct txn *t, const uint8_t *hash, struct orgs *o,
    struct err *e)
{
	uint64_t index = 0;
	struct consent c;
	int rc = 1;

	for (size_t i = 0; i < ERASE_MAX; i++) {
		rc = consent_next_of(t, hash, index + 1, &index, e);
		if (rc != 1)
			break;
		/* A damaged one goes all the same. */
		if (consent_get(t, index, &c, NULL) != 1)
			continue;
		note_org(o, c.org);
		if (note_list(t, o, c.list, e) == -1)
			return -1;
	}
	return rc == -1 ? -1 : 0;
}

static int
orgs_of_requests(struct txn *t, const uint8_t *hash, struct orgs *o,
    struct err *e)
{
	struct request_walk w = { .n = 0 };
	struct request r;
	int rc;

	while ((rc = request_next_of(t, hash, &w, &r, e)) == 1)
		if (note_list(t, o, r.list, e) == -1)
			return -1;
	return rc;
}

/* Of who left long ago nothing else may be there. */
static int
orgs_of_suppressions(struct txn *t, const uint8_t *hash, struct orgs *o,
    struct err *e)
{
	struct suppression s = { .id = 0 };
	int rc;

	memcpy(s.hash, hash, ADDRESS_HASH_OCTETS);
	while ((rc = suppression_next(t, &s, e)) == 1 &&
	    memcmp(s.hash, hash, ADDRESS_HASH_OCTETS) == 0) {
		if (s.scope == SUPPRESSION_ORG)
			note_org(o, s.id);
		if (s.scope == SUPPRESSION_LIST &&
		    note_list(t, o, s.id, e) == -1)
			return -1;
	}
	return rc == -1 ? -1 : 0;
}

static int
find_orgs(struct txn *t, const uint8_t *hash, const struct leave_result *r,
    struct orgs *o, struct err *e)
{
	for (size_t i = 0; i < r->n; i++)
		if (note_list(t, o, r->gone[i].list, e) == -1)
			return -1;
	if (orgs_of_entries(t, hash, o, e) == -1 ||
	    orgs_of_requests(t, hash, o, e) == -1)
		return -1;
	return orgs_of_suppressions(t, hash, o, e);
}

/* 1 when each of them has a suppression as strong as this one, 0, -1. */
static int
all_stand(struct txn *t, const struct leave *l, const struct orgs *o,
    struct err *e)
{
	int rc = 1;

	for (size_t i = 0; i < o->n && rc == 1; i++)
		rc = stands(t, l, o->id[i], e);
	return rc;
}

static int
suppress_orgs(struct txn *t, const struct leave *l, const struct orgs *o,
    uint64_t consent, struct err *e)
{
	for (size_t i = 0; i < o->n; i++)
		if (suppress(t, l, o->id[i], consent, e) == -1)
			return -1;
	return 0;
}

/* Notices to the address; there are few at any time. */
static int
erase_notices(struct txn *t, const uint8_t hash[static ADDRESS_HASH_OCTETS],
    unsigned *n, struct err *e)
{
	const struct keyring *keys = store_keys(txn_store(t));
	struct identity who;
	struct notice notice;
	uint64_t from = 1;
	int rc;

	while ((rc = notice_next(t, from, &notice, e)) == 1) {
		from = notice.id + 1;
		if (identity_parse(keys, notice.address,
		    strlen(notice.address), ADDRESS_UTF8, &who, NULL) == -1 ||
		    memcmp(who.hash, hash, ADDRESS_HASH_OCTETS) != 0)
			continue;
		if (notice_del(t, notice.id, e) == -1)
			return -1;
		++*n;
	}
	return rc;
}

/*
 * The entry that names the gaps.  It carries no hash of the address: what it
 * says is that these indexes are gone by right.
 */
static int
append_erasure(struct txn *t, const struct leave *l,
    const struct strbuf *erased, uint64_t *index_r, struct err *e)
{
	struct consent c = { .kind = CONSENT_ERASED, .when_ms = l->now_ms,
	    .setter = consent_text(l->who), .erased = SLICE(erased->s,
	    erased->len), .count = erased->len / 8 };

	return consent_append(t, &c, index_r, e);
}

/* Delete what there is of the person: 1, 0 there was nothing, -1. */
static int
erase_rows(struct txn *t, const struct leave *l,
    const struct leave_result *r, struct strbuf *erased, struct err *e)
{
	unsigned others = 0;
	int n;

	if ((n = request_erase(t, l->hash, e)) == -1 ||
	    erase_notices(t, l->hash, &others, e) == -1 ||
	    consent_erase(t, l->hash, erased, ERASE_MAX, e) == -1)
		return -1;
	return r->n > 0 || n > 0 || others > 0 || erased->len > 0;
}

static int
erase(struct txn *t, struct leave *l, struct leave_result *r,
    struct orgs *orgs, struct strbuf *erased, struct err *e)
{
	int rc, stood;

	if (find_members(t, l, 0, r, e) == -1 ||
	    find_orgs(t, l->hash, r, orgs, e) == -1)
		return -1;
	l->scope = SUPPRESSION_ORG;
	if ((stood = all_stand(t, l, orgs, e)) == -1 ||
	    (rc = erase_rows(t, l, r, erased, e)) == -1)
		return -1;
	if (rc == 0 && stood == 1)
		return 0;
	if (append_erasure(t, l, erased, &r->consent, e) == -1 ||
	    suppress_orgs(t, l, orgs, r->consent, e) == -1 ||
	    remove_members(t, l, r, e) == -1)
		return -1;
	r->changed = true;
	return 0;
}

int
leave_erase(struct txn *t, const uint8_t hash[static ADDRESS_HASH_OCTETS],
    const char *who, int64_t now_ms, struct leave_result *r_r, struct err *e)
{
	struct strbuf erased = STRBUF_INIT(2 * 8 * ERASE_MAX);
	struct orgs orgs = { .n = 0 };
	struct leave l = { .reason = SUPPRESSION_ERASURE,
	    .setter = SUPPRESSION_BY_PERSON, .scope = SUPPRESSION_HOST,
	    .who = who, .now_ms = now_ms };
	int ret;

	leave_result_free(r_r);
	memcpy(l.hash, hash, sizeof(l.hash));
	ret = erase(t, &l, r_r, &orgs, &erased, e);
	if (ret == 0 && r_r->changed && departure_erased(t, hash, e) == -1)
		ret = -1;
	if (ret == -1)
		leave_result_free(r_r);
	strbuf_free(&erased);
	free(orgs.id);
	return ret;
}
