/* SPDX-License-Identifier: Apache-2.0 */
/*
 * access.c - a person sees, corrects and ends what is held of an address.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "lib/err.h"
#include "spool/access.h"
#include "spool/change.h"
#include "spool/consent.h"
#include "spool/correct.h"
#include "spool/erase_kept.h"
#include "spool/list.h"
#include "spool/optin_private.h"
#include "spool/store.h"
#include "spool/subscriber.h"
#include "spool/suppression.h"

#define ERASE_ROUNDS	256	/* of some hundred entries each */
#define THE_PERSON	"the person"

/* ---- asking for the link */

/*
 * Is anything held?  That somebody asked this before does not count, or the
 * second question about a stranger would have another answer.  1, 0, -1.
 */
static int
is_held(struct txn *t, const uint8_t hash[static ADDRESS_HASH_OCTETS],
    struct err *e)
{
	struct suppression s = { .id = 0 };
	uint64_t index;
	struct member m;
	int rc = subscriber_next_of(t, hash, 1, &m, e);

	if (rc == 0)
		rc = consent_next_of(t, hash, 0, &index, e);
	if (rc != 0)
		return rc;
	memcpy(s.hash, hash, ADDRESS_HASH_OCTETS);
	rc = suppression_next(t, &s, e);
	return rc == 1 ? memcmp(s.hash, hash, ADDRESS_HASH_OCTETS) == 0 : rc;
}

static int
decide(struct txn *t, const struct asking *a, enum optin_result *r_r,
    struct err *e)
{
	struct suppression s;
	struct request req;
	int rc;

	*r_r = OPTIN_MALFORMED;
	if (!a->has_who)
		return 0;
	*r_r = OPTIN_UNKNOWN;
	if ((rc = is_held(t, a->who.hash, e)) != 1)
		return rc;
	/* Who wants no mail of lists may want this one; who is banned not. */
	*r_r = OPTIN_SUPPRESSED;
	rc = suppression_get(t, a->who.hash, SUPPRESSION_HOST, 0, &s, e);
	if (rc != 0 && (rc == -1 || s.reason >= SUPPRESSION_DESK))
		return rc == -1 ? -1 : 0;
	*r_r = OPTIN_PENDING;
	rc = request_of(t, a->who.hash, 0, TOKEN_CONFIRM_EXPORT, &req, e);
	if (rc == -1 || (rc == 1 && req.state == REQUEST_PENDING &&
	    a->ask->now_ms < req.expires_ms))
		return rc == -1 ? -1 : 0;
	if ((rc = optin_may_mail(t, a, false, e)) == -1)
		return -1;
	*r_r = rc == 1 ? OPTIN_ACCEPTED : OPTIN_THROTTLED;
	return 0;
}

static int
append_asked(struct txn *t, const struct asking *a, enum optin_result result,
    const uint8_t *id, uint64_t *index_r, struct err *e)
{
	struct consent c = { .kind = CONSENT_ACCESS_ASKED,
	    .when_ms = a->ask->now_ms, .result = result,
	    .address = consent_text(a->ask->in->address),
	    .hash = SLICE(a->who.hash, sizeof(a->who.hash)),
	    .clock_unsure = a->ask->clock_unsure };

	consent_evidence(&c, &a->ask->in->evidence);
	if (id != NULL)
		c.request = SLICE(id, REQUEST_ID);
	return consent_append(t, &c, index_r, e);
}

static int
send_link(struct txn *t, const struct asking *a, struct optin_asked *r,
    struct err *e)
{
	const struct optin_mail mail = { .purpose = TOKEN_CONFIRM_EXPORT,
	    .who = &a->who, .network = a->network,
	    .now_ms = a->ask->now_ms, .lifetime_ms = ACCESS_LIFETIME_MS };
	uint8_t id[REQUEST_ID];

	if (optin_new_id(id, e) == -1 ||
	    append_asked(t, a, r->result, id, &r->consent, e) == -1 ||
	    optin_add_request(t, &mail, id, r->consent, &r->notice, e) == -1)
		return -1;
	return optin_mailed(t, a, false, e);
}

int
access_ask(struct txn *t, const struct optin_ask *ask,
    struct optin_asked *r_r, struct err *e)
{
	struct asking a = { .ask = ask };
	int rc;

	*r_r = (struct optin_asked){ .result = OPTIN_MALFORMED };
	optin_look_at_network(&a);
	a.has_who = identity_parse(store_keys(txn_store(t)),
	    ask->in->address, strlen(ask->in->address), ADDRESS_UTF8, &a.who,
	    NULL) == 0;
	if (decide(t, &a, &r_r->result, e) == -1)
		return -1;
	if (r_r->result == OPTIN_ACCEPTED)
		return send_link(t, &a, r_r, e) == -1 ? -1 :
		    optin_singly_hit(t, &a, e);
	/* An entry about a stranger would be the first thing held of them. */
	rc = r_r->result == OPTIN_UNKNOWN || !a.has_who ? 0 :
	    optin_singly(t, &a, e);
	if (rc == -1)
		return -1;
	if (rc == 0)
		return optin_aggregate(t, &a, e);
	return append_asked(t, &a, r_r->result, NULL, &r_r->consent,
	    e) == -1 ? -1 : optin_singly_hit(t, &a, e);
}

/* ---- using it */

/* One use of a token: its request, and whose it is. */
struct use {
	const struct access *a;
	struct request	req;
	struct identity	who;
	struct access_done *r;
};

static int
open_page(struct txn *t, struct use *u, struct err *e)
{
	struct consent c = { .kind = CONSENT_EXPORTED,
	    .when_ms = u->a->now_ms, .follows = u->req.consent,
	    .hash = SLICE(u->req.hash, sizeof(u->req.hash)),
	    .address = consent_text(u->req.address),
	    .request = SLICE(u->req.id, REQUEST_ID),
	    .setter = consent_text(THE_PERSON),
	    .clock_unsure = u->a->clock_unsure };

	consent_evidence(&c, &u->a->in->evidence);
	if (consent_append(t, &c, NULL, e) == -1)
		return -1;
	u->req.state = REQUEST_CONFIRMED;
	return request_save(t, &u->req, e);
}

/*
 * Is there anything to leave: is the person on the list, or asked to be?  1, 0,
 * -1; 0 with UNKNOWN of a list that is none, which the page never offered.
 */
static int
is_of_list(struct txn *t, struct use *u, struct err *e)
{
	uint32_t org, list = u->a->in->list;
	enum list_state state;
	struct member m;
	int rc = list == 0 ? 0 : list_brief(t, list, &org, &state, e);

	if (rc == 0)
		u->r->result = OPTIN_UNKNOWN;
	if (rc != 1 ||
	    (rc = subscriber_find(t, list, u->req.hash, &m, e)) != 0)
		return rc;
	rc = request_void(t, u->req.hash, list, 0, true, e);
	return rc > 0 ? 1 : rc;
}

/*
 * No end of entries by one token: those of the address since it was asked for
 * are counted.  Leaving and erasing end by themselves.
 */
static int
check_acts(struct txn *t, const struct use *u, struct err *e)
{
	uint64_t index = u->req.consent;
	int rc = 1;

	for (unsigned i = 0; rc == 1 && i < ACCESS_ACTS_MAX; i++)
		rc = consent_next_of(t, u->req.hash, index + 1, &index, e);
	if (rc == 1)
		err_set(e, ERR_LIMIT, "%d entries since the link was asked "
		    "for", ACCESS_ACTS_MAX);
	return rc == 0 ? 0 : -1;
}

static int
leave_list_of(struct txn *t, struct use *u, struct err *e)
{
	struct leave l = { .reason = SUPPRESSION_UNSUBSCRIBE,
	    .setter = SUPPRESSION_BY_PERSON, .scope = SUPPRESSION_LIST,
	    .list = u->a->in->list, .evidence = &u->a->in->evidence,
	    .now_ms = u->a->now_ms, .clock_unsure = u->a->clock_unsure };

	int rc = is_of_list(t, u, e);

	if (rc != 1)
		return rc;
	memcpy(l.hash, u->req.hash, sizeof(l.hash));
	return leave_apply(t, &l, &u->r->gone, e);
}

/* By the numbers of imports and names of lists; of nobody. */
static void
name_kept(const json_t *kept, char out[static ACCESS_KEPT_MAX])
{
	size_t used = 0, i;
	json_t *o;

	out[0] = '\0';
	json_array_foreach(kept, i, o) {
		const char *list = json_string_value(json_object_get(o,
		    "list")), *of = json_string_value(json_object_get(o,
		    "setting"));
		const char *sep = i > 0 ? ", " : "";
		size_t left = ACCESS_KEPT_MAX - used;
		int n = list != NULL && of != NULL ?
		    snprintf(out + used, left, "%slist %s %s", sep, list, of) :
		    snprintf(out + used, left, "%simport %lld", sep,
		    (long long)json_integer_value(json_object_get(o,
		    "import")));

		if (n < 0 || (size_t)n >= left) {
			out[used] = '\0';
			return;
		}
		used += (size_t)n;
	}
}

/* Whole, or the job fails and nothing was done. */
static int
erase(struct txn *t, struct use *u, struct err *e)
{
	struct leave_result *all = &u->r->gone, some = { .n = 0 };
	json_t *kept = json_array();
	int rc = erase_kept(t, u->req.hash, kept, e);

	u->r->kept = json_array_size(kept);
	name_kept(kept, u->r->kept_in);
	json_decref(kept);
	if (rc == -1)
		return -1;
	for (unsigned i = 0; i < ERASE_ROUNDS; i++) {
		rc = leave_erase(t, u->req.hash, THE_PERSON, u->a->now_ms,
		    &some, e);
		if (rc == -1 || !some.changed)
			break;
		if (all->n == 0 && some.n > 0) {
			*all = some;	/* memberships go at once */
			some = (struct leave_result){ .n = 0 };
		}
	}
	if (rc == 0 && some.changed) {
		err_set(e, ERR_AGAIN, "too many entries to erase at once");
		rc = -1;
	}
	u->r->erased = rc == 0;
	memcpy(u->r->mailbox, u->who.mailbox, sizeof(u->r->mailbox));
	leave_result_free(&some);
	return rc;
}

static int
correct(struct txn *t, struct use *u, struct err *e)
{
	const struct correction c = { .list = u->a->in->list,
	    .hash = u->req.hash, .name = u->a->in->name,
	    .value = u->a->in->value, .evidence = &u->a->in->evidence,
	    .must_be = true, .now_ms = u->a->now_ms,
	    .clock_unsure = u->a->clock_unsure };

	return check_acts(t, u, e) == -1 ? -1 : correct_attribute(t, &c, e);
}

static int
change(struct txn *t, struct use *u, struct err *e)
{
	const struct change_ask c = { .from = &u->who,
	    .to = u->a->in->address, .evidence = &u->a->in->evidence,
	    .limits = u->a->limits, .now_ms = u->a->now_ms,
	    .clock_unsure = u->a->clock_unsure };
	struct optin_asked asked;

	/* What became of it is told to the new address alone (T7). */
	if (check_acts(t, u, e) == -1 || change_ask(t, &c, &asked, e) == -1)
		return -1;
	if (asked.result == OPTIN_MALFORMED)
		u->r->result = OPTIN_MALFORMED;
	return 0;
}

/* What the state of its request says of the token; CONFIRMED: go on. */
static enum optin_result
by_state(const struct use *u)
{
	bool opens = u->a->in->act == IPC_DATA_OPEN;

	if (u->req.purpose != TOKEN_CONFIRM_EXPORT)
		return OPTIN_UNKNOWN;
	if (u->req.expires_ms <= u->a->now_ms ||
	    u->req.state == REQUEST_EXPIRED)
		return OPTIN_EXPIRED;
	if (u->req.state == REQUEST_VOID)
		return OPTIN_VOID;
	if (opens)
		return u->req.state == REQUEST_PENDING ? OPTIN_CONFIRMED :
		    OPTIN_EXPIRED;
	return u->req.state == REQUEST_CONFIRMED ? OPTIN_CONFIRMED :
	    OPTIN_UNKNOWN;
}

static int
act(struct txn *t, struct use *u, struct err *e)
{
	switch (u->a->in->act) {
	case IPC_DATA_OPEN: return open_page(t, u, e);
	case IPC_DATA_LEAVE: return leave_list_of(t, u, e);
	case IPC_DATA_CORRECT: return correct(t, u, e);
	case IPC_DATA_CHANGE: return change(t, u, e);
	case IPC_DATA_ERASE: return erase(t, u, e);
	case IPC_DATA_ASK: break;
	}
	u->r->result = OPTIN_UNKNOWN;
	return 0;
}

int
access_do(struct txn *t, const struct access *a, struct access_done *r_r,
    struct err *e)
{
	struct use u = { .a = a, .r = r_r };
	int rc = request_by_token(t, a->in->token, &u.req, e);

	leave_result_free(&r_r->gone);
	r_r->result = OPTIN_UNKNOWN;
	r_r->kept = 0;
	r_r->kept_in[0] = '\0';
	r_r->erased = false;
	if (rc != 1)
		return rc;
	r_r->result = by_state(&u);
	if (r_r->result != OPTIN_CONFIRMED)
		return 0;
	u.req.attributes = SLICE("", 0);	/* borrowed, and empty */
	if (identity_parse(store_keys(txn_store(t)), u.req.address,
	    strlen(u.req.address), ADDRESS_UTF8, &u.who, e) == -1)
		return -1;
	return act(t, &u, e);
}
