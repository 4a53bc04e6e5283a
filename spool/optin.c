/* SPDX-License-Identifier: Apache-2.0 */
/*
 * optin.c - asking to be mailed.
 *
 * Everything is decided before the first write, and the decision leaves its
 * entry whatever it was (S20).
 */
#include "config.h"

#include <string.h>

#include <jansson.h>
#include <openssl/rand.h>

#include "lib/err.h"
#include "lib/keyring.h"
#include "lib/strbuf.h"
#include "spool/consent.h"
#include "spool/list.h"
#include "spool/notice.h"
#include "spool/optin_private.h"
#include "spool/org.h"
#include "spool/store.h"
#include "spool/subscriber.h"
#include "spool/suppression.h"
#include "spool/throttle.h"

const char *
optin_result_name(enum optin_result r)
{
	static const char *const names[OPTIN_RESULTS] = {
		[0] = "none", [OPTIN_ACCEPTED] = "accepted",
		[OPTIN_PENDING] = "pending", [OPTIN_MEMBER] = "member",
		[OPTIN_SUPPRESSED] = "suppressed",
		[OPTIN_THROTTLED] = "throttled", [OPTIN_ROLE] = "role-address",
		[OPTIN_MALFORMED] = "malformed", [OPTIN_NO_LIST] = "no-list",
		[OPTIN_CLOSED] = "closed", [OPTIN_CONFIRMED] = "confirmed",
		[OPTIN_AGAIN] = "again", [OPTIN_EXPIRED] = "expired",
		[OPTIN_VOID] = "void", [OPTIN_UNKNOWN] = "unknown",
		[OPTIN_AUTOMATIC] = "automatic",
	};

	return r < OPTIN_RESULTS ? names[r] : "unknown";
}

enum ipc_result
optin_answer(enum optin_result r)
{
	switch (r) {
	case OPTIN_MALFORMED:
	case OPTIN_CLOSED:
	case OPTIN_EXPIRED:
	case OPTIN_VOID:
	case OPTIN_AUTOMATIC:
		return IPC_NO;
	case OPTIN_NO_LIST:
	case OPTIN_UNKNOWN:
		return IPC_UNKNOWN;
	default:
		return IPC_OK;
	}
}

/* ---- making a request */

int
optin_new_id(uint8_t id[static REQUEST_ID], struct err *e)
{
	if (RAND_bytes(id, REQUEST_ID) == 1)
		return 0;
	err_set(e, ERR_CRYPTO, "no random octets for a request");
	return -1;
}

static int
add_notice(struct txn *t, const struct optin_mail *m,
    const uint8_t id[static REQUEST_ID], const char *address,
    uint64_t *notice_r, struct err *e)
{
	static const enum notice_kind kinds[TOKEN_CONFIRM_USES] = {
		[TOKEN_CONFIRM_SUBSCRIPTION] = NOTICE_CONFIRM,
		[TOKEN_CONFIRM_OWNER] = NOTICE_OWNER,
		[TOKEN_CONFIRM_CHANGE] = NOTICE_CHANGE,
		[TOKEN_CONFIRM_EXPORT] = NOTICE_ACCESS,
	};
	struct notice n = { .kind = kinds[m->purpose], .list = m->list,
	    .created_ms = m->now_ms };

	if (m->invitation)
		n.kind = NOTICE_INVITE;
	memcpy(n.request, id, sizeof(n.request));
	memcpy(n.address, address, strlen(address) + 1);
	return notice_add(t, &n, notice_r, e);
}

int
optin_add_request(struct txn *t, const struct optin_mail *m,
    const uint8_t id[static REQUEST_ID], uint64_t consent,
    uint64_t *notice_r, struct err *e)
{
	struct request r = { .list = m->list, .purpose = m->purpose,
	    .state = REQUEST_PENDING, .created_ms = m->now_ms,
	    .expires_ms = m->now_ms + m->lifetime_ms, .consent = consent,
	    .attributes = m->attributes };
	struct strbuf address = STRBUF_INIT(sizeof(r.address) - 1);
	char token[TOKEN_CONFIRM_LEN + 1];
	int ret = -1;

	memcpy(r.id, id, sizeof(r.id));
	memcpy(r.hash, m->who->hash, sizeof(r.hash));
	if (m->network != NULL)
		memcpy(r.network, m->network, sizeof(r.network));
	address_format(&address, &m->who->typed);
	if (address.overflow) {
		err_set(e, ERR_STORE, "an address over its limit");
		goto out;
	}
	memcpy(r.address, address.s, address.len + 1);
	if (token_confirm_format(store_keys(txn_store(t)), KEY_CURRENT,
	    m->purpose, id, token, e) == -1)
		goto out;
	if (!token_hash(token, strlen(token), r.token)) {
		err_set(e, ERR_CRYPTO, "no hash of a token");
		goto out;
	}
	if (request_add(t, &r, e) == 0)
		ret = add_notice(t, m, id, r.address, notice_r, e);
out:
	strbuf_free(&address);
	return ret;
}

int
optin_token(struct txn *t, const uint8_t request[static REQUEST_ID],
    char out[static TOKEN_CONFIRM_LEN + 1], struct err *e)
{
	struct request r;
	int rc = request_get(t, request, &r, e);

	out[0] = '\0';
	if (rc == 0)
		err_set(e, ERR_NOTFOUND, "the request is gone");
	if (rc != 1)
		return -1;
	if (token_confirm_again(store_keys(txn_store(t)), r.purpose, r.id,
	    r.token, out))
		return 0;
	err_set(e, ERR_CRYPTO, "no key makes this request's token");
	return -1;
}

/* ---- deciding */

static bool
attributes_fit(struct slice json)
{
	json_t *j;
	bool ok;

	if (json.len == 0)
		return true;
	if (json.len > SUBSCRIBER_ATTRIBUTES_MAX)
		return false;
	j = json_loadb((const char *)json.p, json.len, JSON_REJECT_DUPLICATES,
	    NULL);
	ok = json_is_object(j);
	json_decref(j);
	return ok;
}

/* The list by name: 0 with *r_r when that decides, 1 to go on, -1. */
static int
look_at_list(struct txn *t, struct asking *a, enum optin_result *r_r,
    struct err *e)
{
	struct list l;
	struct org o;
	int rc = list_find(t, a->ask->in->list, &l, e);

	if (rc == -1)
		return -1;
	if (rc == 0 || l.state == LIST_REMOVED) {
		*r_r = OPTIN_NO_LIST;
		return 0;
	}
	a->list = l.id;
	a->org = l.org;
	a->list_hour = l.confirm_per_hour;
	memcpy(a->purpose, l.purpose, sizeof(a->purpose));
	if ((rc = org_get(t, l.org, &o, e)) == -1)
		return -1;
	if (rc == 0 || o.state != ORG_ACTIVE || l.state != LIST_ACTIVE ||
	    !l.open || !list_answers(&l)) {
		*r_r = OPTIN_CLOSED;
		return 0;
	}
	return 1;
}

/* What the store knows of the address: as look_at_list(). */
static int
look_at_person(struct txn *t, struct asking *a, enum optin_result *r_r,
    struct err *e)
{
	struct suppression s;
	struct request req;
	struct member m;
	int rc;

	*r_r = OPTIN_SUPPRESSED;
	rc = suppression_blocks_request(t, a->who.hash, a->list, a->org, &s,
	    e);
	if (rc != 0)
		return rc == 1 ? 0 : -1;
	rc = subscriber_find(t, a->list, a->who.hash, &m, e);
	if (rc == -1)
		return -1;
	if (rc == 1 && m.state == MEMBER_SUSPENDED &&
	    m.why == MEMBER_WHY_DESK)
		return 0;
	if (rc == 1 && m.state == MEMBER_ACTIVE) {
		a->subscriber = m.subscriber;
		*r_r = OPTIN_MEMBER;
		return 0;
	}
	*r_r = OPTIN_PENDING;
	rc = request_of(t, a->who.hash, a->list, TOKEN_CONFIRM_SUBSCRIPTION,
	    &req, e);
	if (rc == -1)
		return -1;
	return !(rc == 1 && req.state == REQUEST_PENDING &&
	    a->ask->now_ms < req.expires_ms);
}

static int
decide(struct txn *t, struct asking *a, enum optin_result *r_r,
    struct err *e)
{
	const struct ipc_subscribe *in = a->ask->in;
	int rc;

	if ((rc = look_at_list(t, a, r_r, e)) != 1)
		return rc;
	if (!a->has_who || !attributes_fit(in->attributes)) {
		*r_r = OPTIN_MALFORMED;
		return 0;
	}
	if (in->automation.len != 0) {
		*r_r = OPTIN_AUTOMATIC;
		return 0;
	}
	if (address_role(&a->who.folded) == ADDRESS_RESERVED) {
		*r_r = OPTIN_ROLE;
		return 0;
	}
	if ((rc = look_at_person(t, a, r_r, e)) != 1)
		return rc;
	if ((rc = optin_may_mail(t, a, true, e)) == -1)
		return -1;
	*r_r = rc == 1 ? OPTIN_ACCEPTED : OPTIN_THROTTLED;
	return 0;
}

/* ---- recording */

static int
append_entry(struct txn *t, const struct asking *a, enum optin_result result,
    const uint8_t *id, uint64_t *index_r, struct err *e)
{
	const struct ipc_subscribe *in = a->ask->in;
	struct consent c = { .when_ms = a->ask->now_ms, .list = a->list,
	    .org = a->org, .address = consent_text(in->address),
	    .result = result, .subscriber = a->subscriber,
	    .clock_unsure = a->ask->clock_unsure };

	c.kind = result == OPTIN_ACCEPTED ? CONSENT_REQUEST :
	    result == OPTIN_THROTTLED ? CONSENT_REQUEST_THROTTLED :
	    CONSENT_REQUEST_REFUSED;
	consent_evidence(&c, &in->evidence);
	if (a->has_who)
		c.hash = SLICE(a->who.hash, sizeof(a->who.hash));
	if (id != NULL)
		c.request = SLICE(id, REQUEST_ID);
	c.purpose = consent_text(a->purpose);
	c.note = in->automation;
	if (a->list == 0)
		c.note = consent_text(in->list);
	return consent_append(t, &c, index_r, e);
}

static int
accept(struct txn *t, const struct asking *a, struct optin_asked *r,
    struct err *e)
{
	const struct optin_mail mail = { .list = a->list,
	    .purpose = TOKEN_CONFIRM_SUBSCRIPTION, .who = &a->who,
	    .network = a->network, .attributes = a->ask->in->attributes,
	    .now_ms = a->ask->now_ms,
	    .lifetime_ms = a->ask->limits->lifetime_ms };
	uint8_t id[REQUEST_ID];

	if (optin_new_id(id, e) == -1 ||
	    append_entry(t, a, r->result, id, &r->consent, e) == -1 ||
	    optin_add_request(t, &mail, id, r->consent, &r->notice, e) == -1 ||
	    optin_mailed(t, a, true, e) == -1)
		return -1;
	return optin_singly_hit(t, a, e);
}

/* "You are a member" goes by mail, for the page must not say it (T7). */
static int
tell(struct txn *t, const struct asking *a, enum notice_kind kind,
    uint64_t *notice_r, struct err *e)
{
	struct strbuf address = STRBUF_INIT(NOTICE_ADDRESS_MAX);
	struct notice n = { .kind = kind, .list = a->list,
	    .subscriber = a->subscriber, .created_ms = a->ask->now_ms };
	int ret;

	address_format(&address, &a->who.typed);
	memcpy(n.address, address.s, address.len + 1);
	strbuf_free(&address);
	ret = notice_add(t, &n, notice_r, e);
	return ret == -1 ? -1 : optin_mailed(t, a, false, e);
}

static int
refuse(struct txn *t, const struct asking *a, bool told,
    struct optin_asked *r, struct err *e)
{
	int rc = optin_singly(t, a, e);

	if (rc == -1)
		return -1;
	if (rc == 0)
		rc = optin_aggregate(t, a, e);
	else if ((rc = append_entry(t, a, r->result, NULL, &r->consent,
	    e)) == 0)
		rc = optin_singly_hit(t, a, e);
	if (rc == 0 && told)
		rc = tell(t, a, NOTICE_ALREADY, &r->notice, e);
	return rc;
}

void
optin_look_at_network(struct asking *a)
{
	static const uint8_t unknown[16];
	const uint8_t *ip = a->ask->in->evidence.ip;

	if (memcmp(ip, unknown, sizeof(unknown)) == 0)
		return;
	throttle_network(ip, 0, a->network);
	throttle_network(ip, 1, a->subnet);
}

int
optin_request(struct txn *t, const struct optin_ask *ask,
    struct optin_asked *r_r, struct err *e)
{
	struct asking a = { .ask = ask };
	const struct keyring *keys = store_keys(txn_store(t));
	int told = 0;

	*r_r = (struct optin_asked){ .result = OPTIN_MALFORMED };
	optin_look_at_network(&a);
	a.has_who = identity_parse(keys, ask->in->address,
	    strlen(ask->in->address), ADDRESS_UTF8, &a.who, NULL) == 0;
	if (decide(t, &a, &r_r->result, e) == -1)
		return -1;
	if (r_r->result == OPTIN_ACCEPTED)
		return accept(t, &a, r_r, e);
	if (r_r->result == OPTIN_MEMBER &&
	    (told = optin_may_mail(t, &a, false, e)) == -1)
		return -1;
	return refuse(t, &a, told == 1, r_r, e);
}

int
optin_help(struct txn *t, const struct optin_ask *ask, uint64_t *notice_r,
    struct err *e)
{
	const struct ipc_subscribe *in = ask->in;
	struct asking a = { .ask = ask };
	enum optin_result ignored;
	struct suppression s;
	int rc;

	*notice_r = 0;
	optin_look_at_network(&a);
	if (in->automation.len != 0 || identity_parse(store_keys(txn_store(t)),
	    in->address, strlen(in->address), ADDRESS_UTF8, &a.who,
	    NULL) == -1 ||
	    address_role(&a.who.folded) == ADDRESS_RESERVED)
		return 0;
	if (look_at_list(t, &a, &ignored, e) == -1)
		return -1;
	if (a.list == 0)
		return 0;
	rc = suppression_blocks_request(t, a.who.hash, a.list, a.org, &s, e);
	if (rc != 0)
		return rc == 1 ? 0 : -1;
	rc = optin_may_mail(t, &a, false, e);
	return rc == 1 ? tell(t, &a, NOTICE_HELP, notice_r, e) : rc;
}
