/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bundle_json.c - the machine part of a file of evidence, evidence.json: what
 * lib/EVIDENCE section 5 asks for, the entries in words, and what the store
 * says beside them.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include <openssl/evp.h>

#include "lib/date.h"
#include "lib/err.h"
#include "listd/bundle_private.h"
#include "spool/consent.h"
#include "spool/list.h"
#include "spool/org.h"
#include "spool/subscriber.h"
#include "spool/suppression.h"

static json_t *
hex(const void *p, size_t len)
{
	struct strbuf b = STRBUF_INIT(128);
	json_t *j;

	for (size_t i = 0; i < len; i++)
		strbuf_addf(&b, "%02x", ((const uint8_t *)p)[i]);
	j = json_string(b.s);
	strbuf_free(&b);
	return j;
}

static json_t *
moment(int64_t utc_ms)
{
	char text[DATE_RFC3339_LEN + 1];

	date_rfc3339(utc_ms, text);
	return json_string(text);
}

static void
set_text(json_t *o, const char *name, const char *text)
{
	json_object_set_new(o, name, json_string(text));
}

static void
set_number(json_t *o, const char *name, uint64_t v)
{
	json_object_set_new(o, name, json_integer((json_int_t)v));
}

/* ---- names of lists and organizations */

/* "" for one that is not there, which is never: they keep their names. */
static int
set_names(json_t *o, struct txn *t, uint32_t list, uint32_t org,
    struct err *e)
{
	struct list of;
	struct org g;
	int rc;

	if (list != 0) {
		if ((rc = list_get(t, list, &of, e)) == -1)
			return -1;
		set_text(o, "list_name", rc == 1 ? of.name : "");
		set_text(o, "list_title", rc == 1 ? of.title : "");
	}
	if (org != 0) {
		if ((rc = org_get(t, org, &g, e)) == -1)
			return -1;
		set_text(o, "organization_name", rc == 1 ? g.name : "");
	}
	return 0;
}

/* ---- the entries */

static json_t *
entry_json(const struct bundle_row *r, struct txn *t, struct err *e)
{
	struct consent c;
	uint8_t hash[32];
	json_t *o;

	if (consent_decode(bundle_entry(r), &c, e) == -1)
		return NULL;
	if ((o = consent_json(r->index, &c)) == NULL ||
	    EVP_Digest(r->row.s, r->row.len, hash, NULL, EVP_sha256(),
	    NULL) != 1 || set_names(o, t, c.list, c.org, e) == -1) {
		json_decref(o);
		if (e->code == ERR_NONE)
			err_set(e, ERR_LIMIT, "no memory for an entry");
		return NULL;
	}
	json_object_set_new(o, "commitment", hex(hash, sizeof(hash)));
	/* It lies in mails/, whole. */
	if (r->mail.len > 0)
		json_object_del(o, "mail");
	return o;
}

static int
put_entries(struct bundle *b, struct txn *t, struct err *e)
{
	json_t *list = json_array(), *o;

	json_object_set_new(b->json, "entries", list);
	for (size_t i = 0; i < b->n; i++) {
		if ((o = entry_json(&b->rows[i], t, e)) == NULL)
			return -1;
		json_array_append_new(list, o);
	}
	return 0;
}

/* ---- what stands now */

static int
put_memberships(json_t *state, struct txn *t, const uint8_t *hash,
    struct err *e)
{
	json_t *list = json_array(), *o;
	struct member m;
	uint32_t from = 1;
	int rc;

	json_object_set_new(state, "memberships", list);
	while ((rc = subscriber_next_of(t, hash, from, &m, e)) == 1) {
		o = json_pack("{s:I, s:s, s:I, s:o}", "list",
		    (json_int_t)m.list, "state", member_state_name(m.state),
		    "rests_on_entry", (json_int_t)m.consent, "since",
		    moment(m.created_ms));
		json_array_append_new(list, o);
		if (set_names(o, t, m.list, 0, e) == -1)
			return -1;
		if (m.list == UINT32_MAX)
			break;
		from = m.list + 1;
	}
	return rc == -1 ? -1 : 0;
}

/*
 * The reason of what the host or a complaint set is not told: a file that
 * leaves out the one would tell it by telling the other.
 */
static void
put_suppression(json_t *o, const struct bundle_ask *ask,
    const struct suppression *s)
{
	bool hides = ask->disclosed == NULL &&
	    s->reason >= SUPPRESSION_COMPLAINT;	/* bundle_is_withheld() */

	set_text(o, "scope", suppression_scope_name(s->scope));
	set_text(o, "reason", hides ? "set by the host" :
	    suppression_reason_name(s->reason));
	if (!hides)
		json_object_set_new(o, "since", moment(s->when_ms));
}

static int
put_suppressions(json_t *state, const struct bundle *b, struct txn *t,
    const uint8_t *hash, struct err *e)
{
	struct suppression s = { .id = 0 };
	json_t *list = json_array(), *o;
	int rc;

	json_object_set_new(state, "suppressions", list);
	memcpy(s.hash, hash, sizeof(s.hash));
	while ((rc = suppression_next(t, &s, e)) == 1 &&
	    memcmp(s.hash, hash, sizeof(s.hash)) == 0) {
		o = json_object();
		json_array_append_new(list, o);
		put_suppression(o, b->ask, &s);
		if (set_names(o, t, s.scope == SUPPRESSION_LIST ? s.id : 0,
		    s.scope == SUPPRESSION_ORG ? s.id : 0, e) == -1)
			return -1;
	}
	return rc == -1 ? -1 : 0;
}

static int
put_state(struct bundle *b, struct txn *t, const uint8_t *hash,
    struct err *e)
{
	json_t *state = json_object();

	json_object_set_new(b->json, "state", state);
	return put_memberships(state, t, hash, e) == -1 ? -1 :
	    put_suppressions(state, b, t, hash, e);
}

/* ---- what it is about */

/* The hash of the person whom all of it is about; NULL: nobody. */
static const uint8_t *
person(const struct bundle *b, struct consent *c)
{
	struct err e = ERR_INIT;

	if (b->ask->about == BUNDLE_ADDRESS)
		return b->ask->hash;
	if (b->ask->about != BUNDLE_COMPLAINT || b->ask->disclosed == NULL)
		return NULL;
	for (size_t i = 0; i < b->n; i++)
		if (b->rows[i].index == b->ask->complaint &&
		    consent_decode(bundle_entry(&b->rows[i]), c, &e) == 0 &&
		    c->hash.len == ADDRESS_HASH_OCTETS)
			return c->hash.p;
	return NULL;
}

static void
put_address(struct bundle *b, json_t *subject, const uint8_t *hash)
{
	struct err e = ERR_INIT;
	struct consent c;

	json_object_set_new(subject, "address_hash",
	    hex(hash, ADDRESS_HASH_OCTETS));
	for (size_t i = 0; i < b->n; i++) {
		if (consent_decode(bundle_entry(&b->rows[i]), &c, &e) == -1 ||
		    c.address.len == 0 || c.hash.len != ADDRESS_HASH_OCTETS ||
		    memcmp(c.hash.p, hash, ADDRESS_HASH_OCTETS) != 0)
			continue;
		json_object_set_new(subject, "address", json_stringn(
		    (const char *)c.address.p, c.address.len));
		return;
	}
}

static int
put_complaint(struct bundle *b, json_t *subject, struct txn *t,
    struct err *e)
{
	const struct bundle_complaint *k = &b->complaint;
	char day[DATE_RFC3339_LEN + 1];

	date_rfc3339(k->when_ms, day);
	day[DATE_DAY_LEN] = '\0';	/* the time of day could tell whose */
	set_text(subject, "day", day);
	set_number(subject, "campaign", k->campaign);
	set_text(subject, "consent", k->confirmed ?
	    "asked for and confirmed by mail" : k->imported ?
	    "imported with evidence that the operator vouched for" :
	    k->requested ? "asked for, and not confirmed" :
	    "the ledger has none for this list");
	return set_names(subject, t, k->list, k->org, e);
}

/* What it was narrowed to; a period always is. */
static int
put_narrowed(json_t *subject, struct txn *t, const struct bundle_ask *ask,
    struct err *e)
{
	if (ask->about == BUNDLE_COMPLAINT)
		return 0;
	if (ask->about == BUNDLE_PERIOD || ask->from_ms != 0 ||
	    ask->to_ms != INT64_MAX) {
		json_object_set_new(subject, "from", moment(ask->from_ms));
		json_object_set_new(subject, "to", moment(ask->to_ms));
	}
	return set_names(subject, t, ask->list, ask->org, e);
}

static int
put_subject(struct bundle *b, struct txn *t, struct err *e)
{
	const struct bundle_ask *ask = b->ask;
	json_t *subject = json_object();
	struct consent c;
	const uint8_t *hash = person(b, &c);

	json_object_set_new(b->json, "subject", subject);
	if (put_narrowed(subject, t, ask, e) == -1)
		return -1;
	if (ask->about == BUNDLE_COMPLAINT &&
	    put_complaint(b, subject, t, e) == -1)
		return -1;
	if (hash == NULL)
		return 0;
	put_address(b, subject, hash);
	return put_state(b, t, hash, e);
}

/* ---- the head */

static void
put_head(struct bundle *b)
{
	static const char *const about[] = { "address", "period",
	    "complaint" };
	const struct bundle_ask *ask = b->ask;
	struct strbuf vkey = STRBUF_INIT(NOTE_VKEY_MAX);
	uint8_t print[32] = { 0 };
	json_t *o;

	set_text(b->json, "format", EVIDENCE_FORMAT);
	set_text(b->json, "about", about[ask->about]);
	set_text(b->json, "origin", b->key.name);
	json_object_set_new(b->json, "tree", json_pack("{s:I, s:o}", "size",
	    (json_int_t)b->head.size, "root", hex(b->head.root,
	    sizeof(b->head.root))));
	note_key_format(&b->key, &vkey);
	EVP_Digest(b->key.pub, sizeof(b->key.pub), print, NULL, EVP_sha256(),
	    NULL);
	json_object_set_new(b->json, "key", json_pack("{s:s, s:o, s:o}",
	    "vkey", vkey.s, "id", hex(b->key.id, sizeof(b->key.id)),
	    "fingerprint", hex(print, sizeof(print))));
	strbuf_free(&vkey);
	o = json_pack("{s:o, s:s, s:s, s:I}", "time", moment(ask->now_ms),
	    "who", ask->who, "request", ask->about == BUNDLE_COMPLAINT &&
	    ask->disclosed == NULL ? "complaint" : ask->request, "entry",
	    (json_int_t)ask->exported);
	if (ask->disclosed != NULL)
		set_text(o, "disclosed", ask->disclosed);
	json_object_set_new(b->json, "exported", o);
}

static void
put_missing(struct bundle *b)
{
	json_t *list = json_array();

	for (size_t i = 0; i < b->nshown; i++)
		if (b->shown[i].missing)
			json_array_append_new(list, hex(b->shown[i].hash,
			    sizeof(b->shown[i].hash)));
	json_object_set_new(b->json, "missing_texts", list);
}

int
bundle_json(struct bundle *b, struct txn *t, struct err *e)
{
	b->json = json_object();
	put_head(b);
	put_missing(b);
	return put_subject(b, t, e) == -1 ? -1 : put_entries(b, t, e);
}
