/* SPDX-License-Identifier: Apache-2.0 */
/*
 * invite.c - asking imported people, once, whether they want a list's mail.
 */
#include "config.h"

#include <string.h>

#include "lib/err.h"
#include "lib/strbuf.h"
#include "spool/check_private.h"
#include "spool/consent.h"
#include "spool/departures.h"
#include "spool/invite.h"
#include "spool/optin_private.h"
#include "spool/row.h"
#include "spool/subscriber.h"
#include "spool/suppression.h"

#define INVITED_VERSION	1

/* ---- who was asked */

static struct key
invited_key(const uint8_t hash[static ADDRESS_HASH_OCTETS], uint32_t list)
{
	struct key k = KEY_INIT;

	key_raw(&k, hash, ADDRESS_HASH_OCTETS);
	key_u32(&k, list);
	return k;
}

static int
invited_read(struct slice key, struct slice value, uint64_t *consent_r,
    struct err *e)
{
	struct unpack u;

	if (row_open(&u, TABLE_INVITED, key, value, INVITED_VERSION, e) == -1)
		return -1;
	*consent_r = unpack_u64(&u);
	return row_done(&u, TABLE_INVITED, key, e);
}

int
invite_find(struct txn *t, const uint8_t hash[static ADDRESS_HASH_OCTETS],
    uint32_t list, uint64_t *consent_r, struct err *e)
{
	struct key k = invited_key(hash, list);
	struct slice value;
	int rc = txn_get(t, TABLE_INVITED, key_slice(&k), &value, e);

	if (rc == 1 && invited_read(key_slice(&k), value, consent_r, e) == -1)
		return -1;
	return rc;
}

int
invite_remember(struct txn *t,
    const uint8_t hash[static ADDRESS_HASH_OCTETS], uint32_t list,
    uint64_t consent, struct err *e)
{
	struct key k = invited_key(hash, list);
	struct strbuf b = STRBUF_INIT(64);
	uint64_t before;
	int rc = invite_find(t, hash, list, &before, e);

	if (rc != 0)
		return rc == 1 ? 0 : -1;
	record_begin(&b, INVITED_VERSION);
	pack_u64(&b, consent);
	rc = row_put(t, TABLE_INVITED, key_slice(&k), &b, e);
	strbuf_free(&b);
	/* A store that is restored must not ask again. */
	if (rc == 0)
		rc = departure_invited(t, list, hash, e);
	return rc == -1 ? -1 : 1;
}

int
invite_check_row(struct slice key, struct slice value, struct err *e)
{
	uint64_t consent;

	if (key.len != ADDRESS_HASH_OCTETS + 4)
		return row_damaged(TABLE_INVITED, key, "key", e);
	return invited_read(key, value, &consent, e);
}

/* ---- judging */

static int
judge(struct txn *t, const struct invite *v, const struct member *m,
    const uint8_t hash[static ADDRESS_HASH_OCTETS],
    enum invite_verdict *v_r, struct err *e)
{
	struct suppression s;
	struct request req;
	uint64_t consent;
	int rc;

	*v_r = INVITE_NOT;
	if (m->state != MEMBER_UNCONFIRMED ||
	    (v->import != 0 && m->import != v->import))
		return 0;
	*v_r = INVITE_BEFORE;
	if ((rc = invite_find(t, hash, v->list, &consent, e)) != 0)
		return rc == 1 ? 0 : -1;
	*v_r = INVITE_SUPPRESSED;
	rc = suppression_blocks(t, hash, v->list, v->org, 0, &s, e);
	if (rc != 0)
		return rc == 1 ? 0 : -1;
	rc = request_of(t, hash, v->list, TOKEN_CONFIRM_SUBSCRIPTION, &req,
	    e);
	if (rc == -1)
		return -1;
	*v_r = rc == 1 && req.state == REQUEST_PENDING &&
	    v->now_ms < req.expires_ms ? INVITE_PENDING : INVITE_OPEN;
	return 0;
}

int
invite_judge(struct txn *t, const struct invite *v, const struct member *m,
    enum invite_verdict *v_r, struct err *e)
{
	uint8_t hash[ADDRESS_HASH_OCTETS];

	*v_r = INVITE_NOT;
	if (m->state != MEMBER_UNCONFIRMED)
		return 0;
	if (subscriber_hash(t, m, hash, e) == -1)
		return -1;
	return judge(t, v, m, hash, v_r, e);
}

void
invite_count(struct invite_counts *c, enum invite_verdict v)
{
	switch (v) {
	case INVITE_OPEN: c->invited++; break;
	case INVITE_BEFORE: c->before++; break;
	case INVITE_SUPPRESSED: c->suppressed++; break;
	case INVITE_PENDING: c->pending++; break;
	case INVITE_THROTTLED: c->throttled++; break;
	case INVITE_FULL: c->full = true; break;
	case INVITE_NOT: break;
	}
}

/* ---- asking */

static int
ask(struct txn *t, const struct invite *v, const struct asking *a,
    const struct member *m, struct err *e)
{
	const struct optin_mail mail = { .list = v->list,
	    .purpose = TOKEN_CONFIRM_SUBSCRIPTION, .who = &a->who,
	    .now_ms = v->now_ms, .lifetime_ms = v->limits->lifetime_ms,
	    .invitation = true };
	struct strbuf address = STRBUF_INIT(ADDRESS_TEXT_MAX);
	struct consent c = { .kind = CONSENT_INVITED, .when_ms = v->now_ms,
	    .list = v->list, .org = v->org, .import = m->import,
	    .hash = SLICE(a->who.hash, sizeof(a->who.hash)),
	    .follows = m->consent, .subscriber = m->subscriber,
	    .setter = consent_text(v->who),
	    .clock_unsure = v->clock_unsure };
	uint8_t id[REQUEST_ID];
	uint64_t index, notice;
	int ret = -1;

	address_format(&address, &a->who.typed);
	c.address = SLICE(address.s, address.len);
	c.request = SLICE(id, sizeof(id));
	if (optin_new_id(id, e) == 0 &&
	    consent_append(t, &c, &index, e) == 0 &&
	    optin_add_request(t, &mail, id, index, &notice, e) == 0 &&
	    invite_remember(t, a->who.hash, v->list, index, e) == 1)
		ret = optin_mailed(t, a, true, e);
	strbuf_free(&address);
	return ret;
}

/* Ask one who may be asked, if the limits let it. */
static int
invite_one(struct txn *t, const struct invite *v, const struct member *seen,
    enum invite_verdict *v_r, struct err *e)
{
	const struct optin_ask limits = { .limits = v->limits,
	    .now_ms = v->now_ms };
	struct asking a = { .ask = &limits, .has_who = true, .list = v->list,
	    .org = v->org, .list_hour = v->list_hour };
	struct member m;
	int rc;

	/* It was seen some moments ago. */
	*v_r = INVITE_NOT;
	rc = subscriber_at(t, v->list, seen->domain, seen->h8,
	    seen->subscriber, &m, e);
	if (rc != 1)
		return rc;
	if (subscriber_identity(t, &m, &a.who, e) == -1 ||
	    judge(t, v, &m, a.who.hash, v_r, e) == -1)
		return -1;
	if (*v_r != INVITE_OPEN)
		return 0;
	*v_r = INVITE_FULL;
	if ((rc = optin_list_open(t, &a, e)) != 1)
		return rc;
	*v_r = INVITE_THROTTLED;
	if ((rc = optin_may_mail(t, &a, true, e)) != 1)
		return rc;
	*v_r = INVITE_OPEN;
	return ask(t, v, &a, &m, e);
}

int
invite_members(struct txn *t, const struct invite *v, const struct member *m,
    size_t n, struct invite_counts *c, size_t *done_r, struct err *e)
{
	enum invite_verdict verdict;
	struct invite_counts now = *c;
	size_t i;

	*done_r = 0;
	for (i = 0; i < n && !now.full; i++) {
		if (invite_one(t, v, &m[i], &verdict, e) == -1)
			return -1;
		invite_count(&now, verdict);
	}
	*done_r = now.full ? i - 1 : i;
	*c = now;
	return 0;
}

int
invite_void(struct txn *t, const uint8_t hash[static ADDRESS_HASH_OCTETS],
    uint32_t list, uint32_t import, struct err *e)
{
	struct request r;
	struct consent c;
	int rc = request_of(t, hash, list, TOKEN_CONFIRM_SUBSCRIPTION, &r, e);

	if (rc != 1 || r.state != REQUEST_PENDING)
		return rc == -1 ? -1 : 0;
	if ((rc = consent_get(t, r.consent, &c, e)) != 1)
		return rc;
	if (c.kind != CONSENT_INVITED || c.import != import)
		return 0;	/* a request of their own */
	r.state = REQUEST_VOID;
	return request_save(t, &r, e);
}
