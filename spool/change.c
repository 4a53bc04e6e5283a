/* SPDX-License-Identifier: Apache-2.0 */
/*
 * change.c - a person's mail is to go to another address.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "lib/err.h"
#include "lib/strbuf.h"
#include "spool/change.h"
#include "spool/consent.h"
#include "spool/list.h"
#include "spool/notice.h"
#include "spool/optin_private.h"
#include "spool/org.h"
#include "spool/store.h"
#include "spool/subscriber.h"
#include "spool/suppression.h"

#define HASH		ADDRESS_HASH_OCTETS
#define TERMS_VERSION	1
#define TERMS_MAX	(32 + CHANGE_LISTS_MAX * 12)
#define NOTE_MOVED	"the address was changed"

/* What moves, as the request keeps it. */
struct terms {
	uint8_t		from[HASH];
	uint32_t	n;
	struct {
		uint32_t	list;
		uint64_t	consent;
	} v[CHANGE_LISTS_MAX];
};

static void
terms_pack(struct strbuf *b, const struct terms *m)
{
	pack_u8(b, TERMS_VERSION);
	pack_raw(b, m->from, HASH);
	pack_u32(b, m->n);
	for (uint32_t i = 0; i < m->n; i++) {
		pack_u32(b, m->v[i].list);
		pack_u64(b, m->v[i].consent);
	}
}

static int
terms_unpack(struct slice s, struct terms *m, struct err *e)
{
	struct unpack u;

	unpack_init(&u, s.p, s.len);
	if (unpack_u8(&u) != TERMS_VERSION)
		u.bad = true;
	unpack_raw(&u, m->from, HASH);
	m->n = unpack_u32(&u);
	if (m->n > CHANGE_LISTS_MAX)
		u.bad = true;
	for (uint32_t i = 0; i < m->n && !u.bad; i++) {
		m->v[i].list = unpack_u32(&u);
		m->v[i].consent = unpack_u64(&u);
	}
	if (unpack_done(&u))
		return 0;
	err_set(e, ERR_DAMAGED, "the terms of a change of address");
	return -1;
}

/* ---- may a membership move? */

/* 1 with the organization, 0, -1. */
static int
list_is_open(struct txn *t, uint32_t list, uint32_t *org_r, struct err *e)
{
	enum list_state state;
	struct org o;
	int rc = list_brief(t, list, org_r, &state, e);

	if (rc == 1)
		rc = org_get(t, *org_r, &o, e);
	if (rc != 1)
		return rc;
	return state != LIST_REMOVED && state != LIST_SUSPENDED &&
	    o.state != ORG_SUSPENDED && o.state != ORG_TERMINATED;
}

/* That a mailbox is dead is a reason to go; what the desk holds stays. */
static bool
is_movable(const struct member *m)
{
	return m->consent != 0 && (m->state == MEMBER_ACTIVE ||
	    (m->state == MEMBER_SUSPENDED && m->why == MEMBER_WHY_UNKNOWN));
}

/*
 * Suppression wins on either side: nobody evades one by another address, and
 * who left at the new one joins there anew (T11).  1, 0, -1.
 */
static int
may_move(struct txn *t, const struct member *m, const uint8_t *from,
    const uint8_t *to, uint32_t *org_r, struct err *e)
{
	struct suppression s;
	struct member other;
	int rc;

	if (!is_movable(m))
		return 0;
	if ((rc = list_is_open(t, m->list, org_r, e)) != 1)
		return rc;
	rc = suppression_blocks(t, from, m->list, *org_r, m->consent, &s, e);
	if (rc == 0)
		rc = suppression_blocks(t, to, m->list, *org_r, 0, &s, e);
	if (rc != 0)
		return rc == -1 ? -1 : 0;
	rc = subscriber_find(t, m->list, to, &other, e);
	if (rc != 1)
		return rc == -1 ? -1 : 1;
	return other.state != MEMBER_SUSPENDED ||
	    other.why != MEMBER_WHY_DESK;
}

/* ---- asking */

static int
find_terms(struct txn *t, const struct change_ask *a, const uint8_t *to,
    struct terms *m, struct err *e)
{
	uint32_t org, from = a->list != 0 ? a->list : 1;
	struct member row;
	int rc, may;

	memcpy(m->from, a->from->hash, HASH);
	while (m->n < CHANGE_LISTS_MAX && (rc = subscriber_next_of(t,
	    a->from->hash, from, &row, e)) != 0) {
		if (rc == -1 ||
		    (may = may_move(t, &row, m->from, to, &org, e)) == -1)
			return -1;
		if (a->list != 0 && row.list != a->list)
			break;
		if (may == 1) {
			m->v[m->n].list = row.list;
			m->v[m->n++].consent = row.consent;
		}
		if (a->list != 0 || row.list == UINT32_MAX)
			break;
		from = row.list + 1;
	}
	return 0;
}

static int
decide(struct txn *t, const struct change_ask *a, const struct asking *to,
    struct terms *m, enum optin_result *r_r, struct err *e)
{
	struct suppression s;
	struct request req;
	int rc;

	*r_r = OPTIN_MALFORMED;
	if (!to->has_who || memcmp(to->who.hash, a->from->hash, HASH) == 0)
		return 0;
	*r_r = OPTIN_ROLE;
	if (address_role(&to->who.folded) == ADDRESS_RESERVED)
		return 0;
	*r_r = OPTIN_SUPPRESSED;
	rc = suppression_get(t, to->who.hash, SUPPRESSION_HOST, 0, &s, e);
	if (rc != 0)
		return rc == -1 ? -1 : 0;
	*r_r = OPTIN_UNKNOWN;
	if (find_terms(t, a, to->who.hash, m, e) == -1)
		return -1;
	if (m->n == 0)
		return 0;
	*r_r = OPTIN_PENDING;
	rc = request_of(t, to->who.hash, a->list, TOKEN_CONFIRM_CHANGE, &req,
	    e);
	if (rc == -1 || (rc == 1 && req.state == REQUEST_PENDING &&
	    a->now_ms < req.expires_ms))
		return rc == -1 ? -1 : 0;
	if ((rc = optin_may_mail(t, to, true, e)) == -1)
		return -1;
	*r_r = rc == 1 ? OPTIN_ACCEPTED : OPTIN_THROTTLED;
	return 0;
}

/* One entry for each address; what was posted names the other: not kept. */
static int
append_asked(struct txn *t, const struct change_ask *a,
    const struct identity *who, enum optin_result result, const uint8_t *id,
    uint64_t follows, uint64_t *index_r, struct err *e)
{
	struct strbuf address = STRBUF_INIT(ADDRESS_TEXT_MAX);
	struct consent c = { .kind = CONSENT_ADDRESS_ASKED,
	    .when_ms = a->now_ms, .list = a->list, .result = result,
	    .hash = SLICE(who->hash, HASH), .follows = follows,
	    .setter = consent_text(a->who), .clock_unsure = a->clock_unsure };
	enum list_state state;
	int ret = -1;

	address_format(&address, &who->typed);
	if (a->evidence != NULL)
		consent_evidence(&c, a->evidence);
	c.raw = SLICE("", 0);
	c.address = SLICE(address.s, address.len);
	if (id != NULL)
		c.request = SLICE(id, REQUEST_ID);
	if (a->list == 0 || list_brief(t, a->list, &c.org, &state, e) != -1)
		ret = consent_append(t, &c, index_r, e);
	strbuf_free(&address);
	return ret;
}

static int
accept(struct txn *t, const struct change_ask *a, const struct asking *to,
    const struct terms *m, struct optin_asked *r, struct err *e)
{
	struct strbuf b = STRBUF_INIT(TERMS_MAX);
	struct optin_mail mail = { .list = a->list,
	    .purpose = TOKEN_CONFIRM_CHANGE, .who = &to->who,
	    .network = to->network, .now_ms = a->now_ms,
	    .lifetime_ms = a->limits->lifetime_ms };
	uint8_t id[REQUEST_ID];
	uint64_t asked;
	int ret = -1;

	terms_pack(&b, m);
	mail.attributes = SLICE(b.s, b.len);
	if (optin_new_id(id, e) == 0 &&
	    append_asked(t, a, a->from, r->result, id, 0, &asked, e) == 0 &&
	    append_asked(t, a, &to->who, r->result, id, asked, &r->consent,
	    e) == 0 &&
	    optin_add_request(t, &mail, id, r->consent, &r->notice, e) == 0)
		ret = optin_mailed(t, to, true, e);
	strbuf_free(&b);
	return ret;
}

int
change_ask(struct txn *t, const struct change_ask *a,
    struct optin_asked *r_r, struct err *e)
{
	struct ipc_subscribe in = { .request = 0 };
	const struct optin_ask ask = { .in = &in, .limits = a->limits,
	    .now_ms = a->now_ms, .clock_unsure = a->clock_unsure };
	struct asking to = { .ask = &ask, .list = a->list };
	struct terms m = { .n = 0 };

	*r_r = (struct optin_asked){ .result = OPTIN_MALFORMED };
	if (a->evidence != NULL)
		in.evidence = *a->evidence;
	optin_look_at_network(&to);
	to.has_who = identity_parse(store_keys(txn_store(t)), a->to,
	    strlen(a->to), ADDRESS_UTF8, &to.who, NULL) == 0;
	if (decide(t, a, &to, &m, &r_r->result, e) == -1)
		return -1;
	if (r_r->result == OPTIN_ACCEPTED)
		return accept(t, a, &to, &m, r_r, e);
	/* That it was wanted is kept with the old one alone. */
	return append_asked(t, a, a->from, r_r->result, NULL, 0,
	    &r_r->consent, e);
}

/* ---- doing it */

static int
admit(struct txn *t, const struct member *old, const struct identity *who,
    uint64_t consent, int64_t now_ms, struct err *e)
{
	const struct subscriber_new n = { .list = old->list, .who = who,
	    .state = MEMBER_ACTIVE, .consent = consent, .now_ms = now_ms };
	struct strbuf copy = STRBUF_INIT(SUBSCRIBER_ATTRIBUTES_MAX);
	struct slice json;
	struct member m;
	int rc = subscriber_find(t, old->list, who->hash, &m, e), ret = -1;

	if (rc == 0)
		rc = subscriber_add(t, &n, &m, e);
	else if (rc == 1 && m.state == MEMBER_ACTIVE)
		return 0;	/* by evidence of its own */
	else if (rc == 1)
		rc = subscriber_set_state(t, &m, MEMBER_ACTIVE,
		    MEMBER_WHY_NONE, consent, e);
	if (rc == -1 ||
	    (rc = attributes_get(t, old->subscriber, &json, e)) == -1)
		goto out;
	if (rc == 1) {
		strbuf_add(&copy, json.p, json.len);
		if (attributes_put(t, m.subscriber, SLICE(copy.s, copy.len),
		    e) == -1)
			goto out;
	}
	ret = 0;
out:
	strbuf_free(&copy);
	return ret;
}

static int
end_old(struct txn *t, const struct member *old, const struct terms *m,
    const struct request *req, uint32_t org, uint64_t changed, int64_t now_ms,
    struct err *e)
{
	const struct consent c = { .kind = CONSENT_REMOVED,
	    .when_ms = now_ms, .list = old->list, .org = org,
	    .hash = SLICE(m->from, HASH), .subscriber = old->subscriber,
	    .request = SLICE(req->id, REQUEST_ID), .follows = changed,
	    .note = consent_text(NOTE_MOVED) };

	if (consent_append(t, &c, NULL, e) == -1)
		return -1;
	return subscriber_remove_of(t, old, m->from, e);
}

/* 1 moved, 0 it has no place to move from or to any more, -1. */
static int
move(struct txn *t, const struct request *req, const struct identity *who,
    const struct terms *m, uint32_t i, const struct consent *proof,
    uint64_t *index_r, struct member *old, struct err *e)
{
	struct consent c = *proof;
	int rc = subscriber_find(t, m->v[i].list, m->from, old, e);

	if (rc != 1 || old->consent != m->v[i].consent)
		return rc == -1 ? -1 : 0;
	if ((rc = may_move(t, old, m->from, who->hash, &c.org, e)) != 1)
		return rc;
	c.list = old->list;
	c.follows = old->consent;
	if (consent_append(t, &c, index_r, e) == -1 ||
	    admit(t, old, who, *index_r, proof->when_ms, e) == -1 ||
	    end_old(t, old, m, req, c.org, *index_r, proof->when_ms, e) == -1)
		return -1;
	return 1;
}

/* One mail to the old address, whatever number of lists it was on. */
static int
tell_old(struct txn *t, const struct member *old, uint32_t list,
    int64_t now_ms, struct err *e)
{
	struct notice n = { .kind = NOTICE_CHANGED, .list = list,
	    .created_ms = now_ms };
	char domain[256];
	uint64_t id;
	int rc = domain_name(t, old->domain, domain, e), len;

	if (rc == 0)
		err_set(e, ERR_DAMAGED, "domain %u has no name", old->domain);
	if (rc != 1)
		return -1;
	len = snprintf(n.address, sizeof(n.address), "%s@%s", old->local,
	    domain);
	if (len < 0 || (size_t)len >= sizeof(n.address))
		return 0;	/* no mail ever went there */
	return notice_add(t, &n, &id, e);
}

int
change_apply(struct txn *t, const struct request *req,
    const struct identity *who, const struct consent *proof,
    uint64_t *consent_r, struct err *e)
{
	struct member old, last;
	struct terms m;
	uint64_t index;
	int rc, n = 0;

	*consent_r = 0;
	if (terms_unpack(req->attributes, &m, e) == -1)
		return -1;
	for (uint32_t i = 0; i < m.n; i++) {
		rc = move(t, req, who, &m, i, proof, &index, &old, e);
		if (rc == -1)
			return -1;
		if (rc == 0)
			continue;
		if (n++ == 0)
			*consent_r = index;
		last = old;
	}
	if (n > 0 && tell_old(t, &last, n == 1 ? last.list : 0,
	    proof->when_ms, e) == -1)
		return -1;
	return n;
}
