/* SPDX-License-Identifier: Apache-2.0 */
/*
 * optin_confirm.c - a token comes back: from the page's button or by a reply.
 *
 * GET never comes here (T1).  What a machine sent back confirms nothing (T3);
 * what looks like a machine's button press counts, and is marked (T2).
 */
#include "config.h"

#include <string.h>

#include <openssl/evp.h>

#include "lib/err.h"
#include "lib/strbuf.h"
#include "lib/token_mask.h"
#include "spool/act.h"
#include "spool/change.h"
#include "spool/consent.h"
#include "spool/leave.h"
#include "spool/list.h"
#include "spool/notice.h"
#include "spool/optin_private.h"
#include "spool/org.h"
#include "spool/row.h"
#include "spool/store.h"
#include "spool/subscriber.h"
#include "spool/suppression.h"
#include "spool/throttle.h"

#define HASTY_MS	3000	/* sooner after delivery than people are (T2) */

/* A token being used. */
struct use {
	const struct optin_confirm *c;
	struct request	req;		/* attributes point into copy */
	struct strbuf	copy;
	struct identity	who;
	uint32_t	org;
	char		purpose[LIST_ANSWER_MAX + 1];
	bool		is_member;
	struct member	m;
};

/* ---- evidence */

static enum consent_network
compare_networks(const uint8_t ip[static 16], const uint8_t other[static 16])
{
	static const uint8_t unknown[16];
	uint8_t a[16], b[16];

	if (memcmp(ip, unknown, 16) == 0 || memcmp(other, unknown, 16) == 0)
		return CONSENT_NETWORK_UNKNOWN;
	throttle_network(ip, 0, a);
	throttle_network(other, 0, b);
	return memcmp(a, b, 16) == 0 ? CONSENT_NETWORK_SAME :
	    CONSENT_NETWORK_OTHER;
}

/* What scanners do: they open the link at once, and from elsewhere (T1). */
static void
tell_looks(const struct use *u, struct consent *c)
{
	const struct ipc_confirm *in = u->c->in;
	int64_t since = in->look_ms - u->req.mailed_ms;

	if (in->looks == 0)
		return;
	c->looks = in->looks;
	if (u->req.mailed_ms != 0)
		c->look_ms = since > 0 ? since : 1;
	c->look_ip = SLICE(in->look_ip, sizeof(in->look_ip));
	c->look_agent = consent_text(in->look_agent);
	c->look_network = compare_networks(in->look_ip, in->evidence.ip);
}

static void
grade(const struct use *u, struct consent *c)
{
	int64_t since = u->c->now_ms - u->req.mailed_ms;
	/* Faster than the news of the reply to its mail is as fast as can be. */
	bool hasty = u->req.mailed_ms == 0 || since < HASTY_MS;

	c->network = compare_networks(u->c->in->evidence.ip, u->req.network);
	tell_looks(u, c);
	if (u->req.mailed_ms != 0)
		c->token_ms = since > 0 ? since : 1;
	if (strcmp(u->c->in->evidence.channel, "mail") == 0)
		c->grade = CONSENT_GRADE_REPLIED;
	else if (hasty && c->network == CONSENT_NETWORK_OTHER)
		c->grade = CONSENT_GRADE_SUSPECT;
	else
		c->grade = CONSENT_GRADE_PRESSED;
}

/*
 * A machine's answer used nothing up, so its token is as good as it was and
 * must not lie in the store (S39).  What is kept is its head without it, and
 * the hash of all; a body may quote our mail in any encoding.
 */
static int
keep_answer(const struct use *u, struct consent *c, struct strbuf *head,
    uint8_t hash[static 32], struct err *e)
{
	const char *end = memmem(c->raw.p, c->raw.len, "\r\n\r\n", 4);

	if (c->raw.len == 0)
		return 0;
	if (EVP_Digest(c->raw.p, c->raw.len, hash, NULL, EVP_sha256(),
	    NULL) != 1) {
		err_set(e, ERR_CRYPTO, "no SHA-256");
		return -1;
	}
	c->raw_hash = SLICE(hash, 32);
	if (end != NULL)
		c->raw.len = (size_t)(end + 2 - (const char *)c->raw.p);
	strbuf_add(head, c->raw.p, c->raw.len);
	token_mask(head->s, head->len, u->c->in->token);
	c->raw = SLICE(head->s, head->len);
	return 0;
}

static struct consent
entry_of(const struct use *u, enum consent_kind kind,
    enum optin_result result)
{
	struct consent c = { .kind = kind, .when_ms = u->c->now_ms,
	    .list = u->req.list, .org = u->org,
	    .hash = SLICE(u->req.hash, sizeof(u->req.hash)),
	    .address = consent_text(u->req.address),
	    .request = SLICE(u->req.id, REQUEST_ID),
	    .follows = u->req.consent, .result = result,
	    .purpose = consent_text(u->purpose),
	    .note = u->c->in->automation,
	    .clock_unsure = u->c->clock_unsure };

	consent_evidence(&c, &u->c->in->evidence);
	if (kind != CONSENT_CONFIRM_REFUSED)
		grade(u, &c);
	return c;
}

static int
append_entry(struct txn *t, const struct use *u, enum consent_kind kind,
    enum optin_result result, uint64_t *index_r, struct err *e)
{
	struct strbuf head = STRBUF_INIT(IPC_RAW_MAX);
	struct consent c = entry_of(u, kind, result);
	uint8_t hash[32];
	int ret = -1;

	if (kind != CONSENT_CONFIRM_REFUSED ||
	    keep_answer(u, &c, &head, hash, e) == 0)
		ret = consent_append(t, &c, index_r, e);
	strbuf_free(&head);
	return ret;
}

/* ---- subscription */

/* Whether a later event took the request's point (T11).  1, 0, -1. */
static int
is_void(struct txn *t, struct use *u, struct err *e)
{
	struct suppression s;
	struct list l;
	struct org o;
	int rc;

	if ((rc = list_get(t, u->req.list, &l, e)) == -1 ||
	    (rc == 1 && (rc = org_get(t, l.org, &o, e)) == -1))
		return -1;
	if (rc == 0)
		return 1;
	u->org = l.org;
	memcpy(u->purpose, l.purpose, sizeof(u->purpose));
	/* Asked for another purpose than the list has now (S36). */
	if (l.state == LIST_REMOVED || l.state == LIST_SUSPENDED ||
	    o.state == ORG_SUSPENDED || o.state == ORG_TERMINATED ||
	    u->req.consent <= l.purpose_since)
		return 1;
	rc = suppression_blocks_request(t, u->req.hash, u->req.list, u->org,
	    &s, e);
	if (rc != 0)
		return rc;
	rc = subscriber_find(t, u->req.list, u->req.hash, &u->m, e);
	u->is_member = rc == 1;
	if (rc == -1)
		return -1;
	return u->is_member && u->m.state == MEMBER_SUSPENDED &&
	    u->m.why == MEMBER_WHY_DESK;
}

/* Make the person a member on the strength of the entry. */
static int
admit(struct txn *t, struct use *u, uint64_t consent, struct err *e)
{
	const struct subscriber_new n = { .list = u->req.list, .who = &u->who,
	    .state = MEMBER_ACTIVE, .consent = consent,
	    .now_ms = u->c->now_ms };

	if (!u->is_member)
		return subscriber_add(t, &n, &u->m, e) == -1 ? -1 : 0;
	if (u->m.state == MEMBER_ACTIVE)
		return 0;	/* since the request, by evidence of its own */
	return subscriber_set_state(t, &u->m, MEMBER_ACTIVE, MEMBER_WHY_NONE,
	    consent, e);
}

/* The person's own fresh request lifts their unsubscribe of this list. */
static int
lift(struct txn *t, const struct use *u, uint64_t confirmed, struct err *e)
{
	struct leave l = { .scope = SUPPRESSION_LIST, .list = u->req.list,
	    .org = u->org, .setter = SUPPRESSION_BY_PERSON,
	    .follows = confirmed, .now_ms = u->c->now_ms,
	    .evidence = &u->c->in->evidence };
	enum suppression_reason was;

	memcpy(l.hash, u->req.hash, sizeof(l.hash));
	return leave_lift(t, &l, &was, e) == -1 ? -1 : 0;
}

static int
forget_pair(struct txn *t, const struct use *u, struct err *e)
{
	struct key pair = KEY_INIT;

	key_raw(&pair, u->req.hash, sizeof(u->req.hash));
	key_u32(&pair, u->req.list);
	return throttle_forget(t, THROTTLE_CONFIRM_PAIR, key_slice(&pair), e);
}

static int
subscribe(struct txn *t, struct use *u, struct optin_confirmed *r,
    struct err *e)
{
	if (append_entry(t, u, CONSENT_CONFIRMED, OPTIN_CONFIRMED,
	    &r->consent, e) == -1 || lift(t, u, r->consent, e) == -1 ||
	    admit(t, u, r->consent, e) == -1 || forget_pair(t, u, e) == -1)
		return -1;
	r->subscriber = u->m.subscriber;
	if (u->req.attributes.len == 0)
		return 0;
	return attributes_put(t, u->m.subscriber, u->req.attributes, e);
}

/* ---- an owner's address */

/* 1 when the list is gone or has another owner by now; 0; -1. */
static int
owner_is_void(struct txn *t, struct use *u, struct err *e)
{
	const struct keyring *keys = store_keys(txn_store(t));
	struct identity owner;
	struct list l;
	int rc = list_get(t, u->req.list, &l, e);

	if (rc != 1)
		return rc == -1 ? -1 : 1;
	u->org = l.org;
	if (l.state == LIST_REMOVED)
		return 1;
	if (identity_parse(keys, l.owner, strlen(l.owner), 0, &owner, e) == -1)
		return -1;
	return memcmp(owner.hash, u->req.hash, sizeof(owner.hash)) != 0;
}

static int
confirm_owner(struct txn *t, struct use *u, struct optin_confirmed *r,
    struct err *e)
{
	if (append_entry(t, u, CONSENT_OWNER_CONFIRMED, OPTIN_CONFIRMED,
	    &r->consent, e) == -1)
		return -1;
	return list_owner_confirmed(t, u->req.list, u->c->now_ms, e);
}

/* ---- another address */

/* 1 when nothing could be moved any more; 0; -1. */
static int
change_address(struct txn *t, struct use *u, struct optin_confirmed *r,
    struct err *e)
{
	const struct consent proof = entry_of(u, CONSENT_ADDRESS_CHANGED,
	    OPTIN_CONFIRMED);
	int n = change_apply(t, &u->req, &u->who, &proof, &r->consent, e);

	return n == -1 ? -1 : n == 0;
}

/* ---- using a token */

/*
 * The request behind the token, copied out of the map: what follows writes.
 * 1, 0, -1.
 */
static int
load(struct txn *t, struct use *u, struct err *e)
{
	const struct keyring *keys = store_keys(txn_store(t));
	int rc = request_by_token(t, u->c->in->token, &u->req, e);

	if (rc != 1)
		return rc;
	strbuf_add(&u->copy, u->req.attributes.p, u->req.attributes.len);
	u->req.attributes = SLICE(u->copy.s, u->copy.len);
	return identity_parse(keys, u->req.address, strlen(u->req.address),
	    ADDRESS_UTF8, &u->who, e) == -1 ? -1 : 1;
}

/* What the request's own state says; OPTIN_CONFIRMED: go on. */
static enum optin_result
by_state(const struct use *u)
{
	switch (u->req.state) {
	case REQUEST_CONFIRMED: return OPTIN_AGAIN;
	case REQUEST_EXPIRED: return OPTIN_EXPIRED;
	case REQUEST_VOID: return OPTIN_VOID;
	case REQUEST_PENDING: break;
	}
	return u->c->now_ms < u->req.expires_ms ? OPTIN_CONFIRMED :
	    OPTIN_EXPIRED;
}

/* The act itself: 0; 1 a later event took its point; -1. */
static int
fulfil(struct txn *t, struct use *u, struct optin_confirmed *r,
    struct err *e)
{
	switch (u->req.purpose) {
	case TOKEN_CONFIRM_OWNER: return confirm_owner(t, u, r, e);
	case TOKEN_CONFIRM_CHANGE: return change_address(t, u, r, e);
	default: return subscribe(t, u, r, e);
	}
}

/* 1 when its point is gone already; a change looks at each list itself. */
static int
look(struct txn *t, struct use *u, struct err *e)
{
	switch (u->req.purpose) {
	case TOKEN_CONFIRM_OWNER: return owner_is_void(t, u, e);
	case TOKEN_CONFIRM_CHANGE: return 0;
	default: return is_void(t, u, e);
	}
}

static int
use_token(struct txn *t, struct use *u, struct optin_confirmed *r,
    struct err *e)
{
	int gone, rc;

	r->list = u->req.list;
	r->purpose = u->req.purpose;
	r->result = by_state(u);
	if (r->result != OPTIN_CONFIRMED)
		return 0;
	if ((gone = look(t, u, e)) == -1)
		return -1;
	if (gone == 0 && u->c->in->automation.len != 0) {
		r->result = OPTIN_AUTOMATIC;
		return append_entry(t, u, CONSENT_CONFIRM_REFUSED, r->result,
		    &r->consent, e);
	}
	rc = gone == 1 ? 1 : fulfil(t, u, r, e);
	if (rc == -1)
		return -1;
	u->req.state = rc == 1 ? REQUEST_VOID : REQUEST_CONFIRMED;
	if (rc == 1)
		r->result = OPTIN_VOID;
	return request_save(t, &u->req, e);
}

int
optin_confirm(struct txn *t, const struct optin_confirm *c,
    struct optin_confirmed *r_r, struct err *e)
{
	struct use u = { .c = c,
	    .copy = STRBUF_INIT(SUBSCRIBER_ATTRIBUTES_MAX) };
	int rc;

	*r_r = (struct optin_confirmed){ .result = OPTIN_UNKNOWN };
	rc = load(t, &u, e);
	if (rc == 1 && u.req.purpose == TOKEN_CONFIRM_EXPORT)
		rc = 0;		/* used elsewhere */
	if (rc == 1)
		rc = use_token(t, &u, r_r, e);
	strbuf_free(&u.copy);
	return rc == -1 ? -1 : 0;
}

/* ---- asking an owner */

int
optin_owner(struct txn *t, uint32_t list, const struct optin_limits *limits,
    int64_t now_ms, uint64_t *notice_r, struct err *e)
{
	const struct optin_ask ask = { .limits = limits, .now_ms = now_ms };
	struct asking a = { .ask = &ask, .list = list, .has_who = true };
	struct optin_mail mail = { .list = list,
	    .purpose = TOKEN_CONFIRM_OWNER, .who = &a.who, .now_ms = now_ms,
	    .lifetime_ms = limits->lifetime_ms };
	struct consent c = { .kind = CONSENT_REQUEST, .when_ms = now_ms,
	    .list = list, .result = OPTIN_ACCEPTED,
	    .note = consent_text("owner") };
	uint8_t id[REQUEST_ID];
	struct request req;
	uint64_t index;
	struct list l;
	int rc;

	if ((rc = list_get(t, list, &l, e)) == 0)
		err_set(e, ERR_NOTFOUND, "no list %u", list);
	if (rc != 1 || identity_parse(store_keys(txn_store(t)), l.owner,
	    strlen(l.owner), 0, &a.who, e) == -1)
		return -1;
	rc = request_of(t, a.who.hash, list, TOKEN_CONFIRM_OWNER, &req, e);
	if (rc == -1)
		return -1;
	if (l.owner_ms != 0 || (rc == 1 && req.state == REQUEST_PENDING &&
	    now_ms < req.expires_ms)) {
		err_set(e, ERR_EXISTS, l.owner_ms != 0 ?
		    "the owner's address is confirmed" :
		    "a confirmation is on its way to the owner");
		return -1;
	}
	if ((rc = optin_may_mail(t, &a, false, e)) == 0)
		err_set(e, ERR_REFUSED, "too many mails to the owner's "
		    "mailbox: try again tomorrow");
	if (rc != 1 || optin_new_id(id, e) == -1)
		return -1;
	c.org = l.org;
	c.hash = SLICE(a.who.hash, sizeof(a.who.hash));
	c.address = consent_text(l.owner);
	c.request = SLICE(id, REQUEST_ID);
	if (consent_append(t, &c, &index, e) == -1 ||
	    optin_add_request(t, &mail, id, index, notice_r, e) == -1)
		return -1;
	return optin_mailed(t, &a, false, e);
}
