/* SPDX-License-Identifier: Apache-2.0 */
/*
 * access_json.c - all that is held of an address, for the person alone.
 */
#include "config.h"

#include <string.h>

#include "lib/date.h"
#include "lib/err.h"
#include "lib/strbuf.h"
#include "spool/access.h"
#include "spool/consent.h"
#include "spool/list.h"
#include "spool/org.h"
#include "spool/store.h"
#include "spool/subscriber.h"
#include "spool/suppression.h"

static const char *const purposes[TOKEN_CONFIRM_USES] = {
	[TOKEN_CONFIRM_SUBSCRIPTION] = "subscription",
	[TOKEN_CONFIRM_OWNER] = "owner-address",
	[TOKEN_CONFIRM_CHANGE] = "change-of-address",
	[TOKEN_CONFIRM_EXPORT] = "access",
};

static const char *const states[] = {
	[REQUEST_PENDING] = "pending", [REQUEST_CONFIRMED] = "confirmed",
	[REQUEST_EXPIRED] = "expired", [REQUEST_VOID] = "void",
};

static json_t *
time_json(int64_t ms)
{
	char text[DATE_RFC3339_LEN + 1];

	date_rfc3339(ms, text);
	return json_string(text);
}

/* A list as a person knows it; nothing for one that is not there. */
static int
name_list(struct txn *t, uint32_t id, json_t *o, struct err *e)
{
	struct list l;
	struct org org;
	int rc = id == 0 ? 0 : list_get(t, id, &l, e);

	if (rc != 1)
		return rc;
	json_object_set_new(o, "list", json_string(l.name));
	json_object_set_new(o, "title", json_string(l.title));
	if ((rc = org_get(t, l.org, &org, e)) == 1)
		json_object_set_new(o, "organization",
		    json_string(org.name));
	return rc;
}

static int
add_membership(struct txn *t, const struct member *m, json_t *a,
    struct err *e)
{
	struct strbuf address = STRBUF_INIT(2 * ADDRESS_TEXT_MAX);
	char domain[256] = "";
	struct slice json;
	json_t *o;
	int rc = domain_name(t, m->domain, domain, e);

	if (rc == -1)
		return -1;
	strbuf_addf(&address, "%s@%s", m->local, domain);
	o = json_pack("{s:I, s:s, s:s, s:o, s:I}", "list_id",
	    (json_int_t)m->list, "address", address.s, "state",
	    member_state_name(m->state), "since", time_json(m->created_ms),
	    "consent", (json_int_t)m->consent);
	strbuf_free(&address);
	json_array_append_new(a, o);
	rc = attributes_get(t, m->subscriber, &json, e);
	if (rc == 1)
		json_object_set_new(o, "attributes", json_loadb(
		    (const char *)json.p, json.len, 0, NULL));
	return rc == -1 ? -1 : name_list(t, m->list, o, e);
}

/* The web role asks, which has no key to make an address's hash with. */
static int
add_memberships(struct txn *t, const struct request *r, json_t *a,
    struct err *e)
{
	struct address who;
	uint32_t from = 1;
	struct member m;
	int rc;

	if (address_parse(r->address, strlen(r->address), ADDRESS_UTF8, &who,
	    e) == -1 || address_fold(&who, &who, e) == -1)
		return -1;
	while ((rc = subscriber_next_local(t, r->hash, from, who.local, &m,
	    e)) == 1) {
		if (add_membership(t, &m, a, e) == -1)
			return -1;
		if (m.list == UINT32_MAX)
			return 0;
		from = m.list + 1;
	}
	return rc;
}

static int
add_requests(struct txn *t, const uint8_t *hash, json_t *a, struct err *e)
{
	struct request r;
	json_t *o;
	int rc;

	for (struct request_walk w = { .n = 0 }; (rc = request_next_of(t,
	    hash, &w, &r, e)) == 1;) {
		o = json_pack("{s:s, s:s, s:o, s:o}", "purpose",
		    purposes[r.purpose], "state", states[r.state], "created",
		    time_json(r.created_ms), "expires",
		    time_json(r.expires_ms));
		json_array_append_new(a, o);
		if (name_list(t, r.list, o, e) == -1)
			return -1;
	}
	return rc;
}

static int
add_suppressions(struct txn *t, const uint8_t *hash, json_t *a,
    struct err *e)
{
	struct suppression s = { .id = 0 };
	struct org org;
	json_t *o;
	int rc;

	memcpy(s.hash, hash, sizeof(s.hash));
	while ((rc = suppression_next(t, &s, e)) == 1 &&
	    memcmp(s.hash, hash, sizeof(s.hash)) == 0) {
		o = json_pack("{s:s, s:s, s:o}", "scope",
		    suppression_scope_name(s.scope), "reason",
		    suppression_reason_name(s.reason), "since",
		    time_json(s.when_ms));
		json_array_append_new(a, o);
		if (s.scope == SUPPRESSION_LIST &&
		    name_list(t, s.id, o, e) == -1)
			return -1;
		if (s.scope == SUPPRESSION_ORG &&
		    (rc = org_get(t, s.id, &org, e)) == 1)
			json_object_set_new(o, "organization",
			    json_string(org.name));
		if (rc == -1)
			return -1;
	}
	return rc == -1 ? -1 : 0;
}

/* *left_r: there are more than are shown of one person. */
static int
add_entries(struct txn *t, const uint8_t *hash, json_t *a, bool *left_r,
    struct err *e)
{
	uint64_t index = 0;
	struct consent c;
	json_t *o;
	int rc;

	while ((rc = consent_next_of(t, hash, index + 1, &index, e)) == 1 &&
	    json_array_size(a) < ACCESS_ENTRIES_MAX) {
		if ((rc = consent_get(t, index, &c, e)) == -1)
			return -1;
		if (rc == 0)
			continue;
		if ((o = consent_json(index, &c)) == NULL) {
			err_set(e, ERR_LIMIT, "no memory for an entry");
			return -1;
		}
		json_array_append_new(a, o);
		if (name_list(t, c.list, o, e) == -1)
			return -1;
	}
	*left_r = rc == 1;
	return rc == -1 ? -1 : 0;
}

static json_t *
person_json(struct txn *t, const struct request *r, int64_t now_ms,
    struct err *e)
{
	json_t *lists = json_array(), *requests = json_array(),
	    *blocks = json_array(), *entries = json_array();
	bool left = false;

	if (add_memberships(t, r, lists, e) == -1 ||
	    add_requests(t, r->hash, requests, e) == -1 ||
	    add_suppressions(t, r->hash, blocks, e) == -1 ||
	    add_entries(t, r->hash, entries, &left, e) == -1) {
		json_decref(lists);
		json_decref(requests);
		json_decref(blocks);
		json_decref(entries);
		return NULL;
	}
	return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:b}", "address",
	    r->address, "made", time_json(now_ms), "memberships", lists,
	    "suppressions", blocks, "requests", requests, "entries", entries,
	    "more_entries", left);
}

int
access_json(struct txn *t, const char *token, int64_t now_ms,
    json_t **json_r, struct err *e)
{
	struct request r;
	int rc = request_by_token(t, token, &r, e);

	*json_r = NULL;
	if (rc != 1)
		return rc;
	if (r.purpose != TOKEN_CONFIRM_EXPORT ||
	    r.state != REQUEST_CONFIRMED || r.expires_ms <= now_ms)
		return 0;
	return (*json_r = person_json(t, &r, now_ms, e)) == NULL ? -1 : 1;
}
