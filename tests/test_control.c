/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_control.c - connections of the control socket, and the verbs over
 * organizations, lists, suppressions and acts.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "listd/control_private.h"
#include "spool/act.h"
#include "spool/campaign.h"
#include "spool/list.h"
#include "spool/org.h"
#include "tests/control_world.h"

#define STATS "{\"verb\":\"stats\",\"args\":{},\"options\":{},\"files\":[]}"

/* ---- the table */

static void
test_every_verb(void **state)
{
	const struct control_verb *h;
	const struct verb *v;

	(void)state;
	for (size_t i = 0; (v = verb_at(i)) != NULL; i++) {
		h = control_verb_find(v->name);
		if ((h != NULL) != (v->where != VERB_LOCAL))
			fail_msg("%s: %s", v->name, h != NULL ?
			    "done twice" : "done by nobody");
	}
	for (size_t i = 0; (h = control_verb_at(i)) != NULL; i++) {
		if (verb_find(h->name) == NULL)
			fail_msg("%s: not in the table of verbs", h->name);
		if (control_verb_find(h->name) != h)
			fail_msg("%s: in two tables", h->name);
	}
}

/* The answer comes before the restart that it leads to. */
static void
compact_waits_until_the_copy_is_near(void **state)
{
	struct queue *q = *state;
	struct cw_client *cl = cw_begin(q, "compact", NULL);

	for (int i = 0; i < 20; i++)
		cw_turn(q);
	assert_true(q->copy.runs);
	assert_int_equal(q->copies_gone_on, 0);
	EXPECT(STATUS_AGAIN, q, "compact", NULL);	/* a second one */
	q->copy.near = true;
	cw_wait(q, cl);
	assert_int_equal(cw_answer(cl)->status, 0);
	assert_int_equal(number_of(last_of(cw_answer(cl)), "since"),
	    q->copy.begun_ms);
	assert_int_equal(q->copies_gone_on, 1);
	cw_disconnect(cl);
}

static void
a_copy_that_fails_says_why(void **state)
{
	struct queue *q = *state;
	struct cw_client *cl = cw_begin(q, "compact", NULL);

	for (int i = 0; i < 20; i++)
		cw_turn(q);
	err_set(&q->copy.why, ERR_AGAIN, "too much was changed");
	q->copy.runs = false;
	cw_wait(q, cl);
	assert_int_equal(cw_answer(cl)->status, STATUS_AGAIN);
	assert_non_null(strstr(cw_answer(cl)->text, "too much was changed"));
	assert_int_equal(q->copies_gone_on, 0);
	cw_disconnect(cl);
}

/* ---- connections */

/* X10: whatever one client sends, another goes on. */
static void
test_random_bytes(void **state)
{
	struct queue *q = *state;
	struct cw_client *good = cw_connect(q);
	unsigned seed = 7;

	for (int round = 0; round < 200; round++) {
		struct cw_client *bad = cw_connect(q);
		uint8_t bytes[300];
		size_t len = (size_t)(round * 3 % 300);

		for (size_t i = 0; i < len; i++)
			bytes[i] = (uint8_t)(rand_r(&seed) >> 8);
		cw_send(bad, round % 3 == 0 ? (uint16_t)rand_r(&seed) :
		    IPC_CALL, bytes, len);
		for (int i = 0; i < 5; i++)
			cw_turn(q);
		cw_disconnect(bad);
	}
	cw_send_json(good, STATS);
	cw_wait(q, good);
	assert_int_equal(cw_answer(good)->status, 0);
	cw_disconnect(good);
}

/* A call that is no call is told so, and costs the connection. */
static void
test_bad_call(void **state)
{
	static const char *const bad[] = {
		"", "{}", "[]", "nothing",
		"{\"verb\":\"stats\",\"args\":{},\"options\":{}}",
		"{\"verb\":\"halt\",\"args\":{},\"options\":{},\"files\":[]}",
	};
	struct queue *q = *state;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct cw_client *cl = cw_connect(q);

		cw_send_json(cl, bad[i]);
		cw_wait(q, cl);
		assert_int_equal(cw_answer(cl)->status, STATUS_USAGE);
		assert_string_not_equal(cw_answer(cl)->text, "");
		for (int n = 0; n < 1000 && !cw_answer(cl)->closed; n++)
			cw_turn(q);
		assert_true(cw_answer(cl)->closed);
		cw_disconnect(cl);
	}
}

static void
test_calls_in_a_row(void **state)
{
	struct queue *q = *state;
	struct cw_client *cl = cw_connect(q);

	for (int i = 0; i < 3; i++) {
		cw_send_json(cl, STATS);
		cw_wait(q, cl);
		assert_int_equal(cw_answer(cl)->status, 0);
		assert_int_equal(json_array_size(cw_answer(cl)->out), i + 1);
	}
	cw_disconnect(cl);
}

/* One call at a time: a second one ends the connection, not the first call. */
static void
test_two_at_once(void **state)
{
	struct queue *q = *state;
	struct cw_client *cl = cw_connect(q);
	struct org o;
	struct txn *t;

	cw_send_json(cl, "{\"verb\":\"org create\",\"args\":{\"NAME\":"
	    "\"acme\"},\"options\":{},\"files\":[]}");
	cw_send_json(cl, STATS);
	cw_wait(q, cl);
	assert_true(cw_answer(cl)->closed);
	for (int i = 0; i < 5; i++)
		cw_turn(q);
	t = world_read(q->w, STORE_S);
	assert_int_equal(org_find(t, "acme", &o, NULL), 1);
	txn_end(t);
	cw_disconnect(cl);
}

static void
test_idle(void **state)
{
	struct queue *q = *state;
	struct cw_client *cl = cw_connect(q);

	for (int i = 0; i < 20; i++)
		cw_turn(q);
	assert_false(cw_answer(cl)->closed);
	q->mono_ms += CONTROL_IDLE_MS;
	for (int n = 0; n < 1000 && !cw_answer(cl)->closed; n++)
		cw_turn(q);
	assert_true(cw_answer(cl)->closed);
	cw_disconnect(cl);
}

/* P8: more clients than there may be wait, and are served later. */
static void
test_many_clients(void **state)
{
	struct queue *q = *state;
	struct cw_client *cl[CONTROL_CLIENTS_MAX + 1];

	for (size_t i = 0; i <= CONTROL_CLIENTS_MAX; i++)
		cl[i] = cw_connect(q);
	for (int i = 0; i < 20; i++)
		cw_turn(q);
	cw_send_json(cl[CONTROL_CLIENTS_MAX], STATS);
	for (int i = 0; i < 50; i++)
		cw_turn(q);
	assert_int_equal(json_array_size(
	    cw_answer(cl[CONTROL_CLIENTS_MAX])->out), 0);
	cw_disconnect(cl[0]);
	cw_wait(q, cl[CONTROL_CLIENTS_MAX]);
	assert_int_equal(cw_answer(cl[CONTROL_CLIENTS_MAX])->status, 0);
	for (size_t i = 1; i <= CONTROL_CLIENTS_MAX; i++)
		cw_disconnect(cl[i]);
}

/* ---- organizations */

static void
test_org(void **state)
{
	struct queue *q = *state;
	struct answer *a;
	json_t *o = cw_must(q, &a, "org create", "NAME", "acme", NULL);

	assert_string_equal(text_of(o, "org"), "acme");
	answer_free(a);
	EXPECT(STATUS_NO, q, "org create", "NAME", "acme", NULL);
	EXPECT(STATUS_USAGE, q, "org create", "NAME", "Not a name", NULL);
	EXPECT(STATUS_NO, q, "org show", "NAME", "nobody", NULL);
	cw_must(q, &a, "org show", NULL);
	assert_int_equal(json_array_size(a->out), 2);	/* and the default */
	answer_free(a);
	EXPECT(0, q, "org suspend", "NAME", "acme", NULL);
	assert_int_equal(q->holds, 1);
	o = cw_must(q, &a, "org show", "NAME", "acme", NULL);
	assert_string_equal(text_of(o, "state"),
	    org_state_name(ORG_SUSPENDED));
	answer_free(a);
	EXPECT(0, q, "org resume", "NAME", "acme", NULL);
	EXPECT(0, q, "org terminate", "NAME", "acme", NULL);
	EXPECT(STATUS_NO, q, "org resume", "NAME", "acme", NULL);
}

/* S9: by the token, by a key, and never by silence. */
static void
test_org_domain(void **state)
{
	struct queue *q = *state;
	struct answer *a;
	json_t *o;

	a = cw_call(q, "org set", "NAME", "default", "--domain",
	    "Example.ORG", NULL);
	assert_int_equal(a->status, STATUS_NO);
	o = json_array_get(a->out, 0);
	assert_string_equal(text_of(o, "domain"), "example.org");
	assert_string_equal(text_of(o, "proof"), "none");
	assert_non_null(strstr(text_of(o, "record"),
	    "_listd.example.org. IN TXT \"listd-domain="));
	answer_free(a);

	q->txt = "listd-domain=another";
	EXPECT(STATUS_NO, q, "org set", "NAME", "default", "--domain",
	    "example.org", NULL);
	q->txt = "TOKEN";
	o = cw_must(q, &a, "org set", "NAME", "default", "--domain",
	    "example.org", NULL);
	assert_string_equal(text_of(o, "proof"), "dns");
	assert_true(json_is_string(json_object_get(o, "proven")));
	answer_free(a);

	/* The DNS is silent: what was proven stays so. */
	q->txt = NULL;
	q->dns = IPC_DNS_TEMPORARY;
	q->proof = IPC_PROOF_UNSURE;
	a = cw_call(q, "org set", "NAME", "default", "--domain",
	    "example.org", NULL);
	assert_int_equal(a->status, 0);
	assert_string_equal(text_of(json_array_get(a->out, 0), "proof"),
	    "dns");
	answer_free(a);
	/* It says that there is nothing: then it is not. */
	q->dns = IPC_DNS_NXDOMAIN;
	q->proof = IPC_PROOF_NONE;
	EXPECT(STATUS_NO, q, "org set", "NAME", "default", "--domain",
	    "example.org", NULL);
	q->dns = IPC_DNS_TEMPORARY;
	EXPECT(STATUS_AGAIN, q, "org set", "NAME", "default", "--domain",
	    "example.org", NULL);

	q->proof = IPC_PROOF_FOUND;
	o = cw_must(q, &a, "org set", "NAME", "default", "--domain",
	    "example.org", NULL);
	assert_string_equal(text_of(o, "proof"), "dkim");
	answer_free(a);
	/* The same key is no proof for anybody else, and who has it is told. */
	q->dns = IPC_DNS_NXDOMAIN;
	EXPECT(0, q, "org create", "NAME", "rival", NULL);
	a = cw_call(q, "org set", "NAME", "rival", "--domain", "example.org",
	    NULL);
	assert_int_equal(a->status, STATUS_NO);
	assert_non_null(strstr(a->text, "organization default"));
	answer_free(a);
	EXPECT(0, q, "org set", "NAME", "default", "--domain", "example.org",
	    "--drop", "", NULL);
	EXPECT(STATUS_NO, q, "org set", "NAME", "default", "--domain",
	    "example.org", "--drop", "", NULL);
	EXPECT(STATUS_USAGE, q, "org set", "NAME", "default", "--domain",
	    "not a domain", NULL);
	EXPECT(STATUS_NO, q, "org set", "NAME", "nobody", "--domain",
	    "example.org", NULL);
}

/* ---- lists */

static bool
misses(const json_t *o, const char *word)
{
	const json_t *v;
	size_t i;

	json_array_foreach(json_object_get(o, "missing"), i, v)
		if (strstr(json_string_value(v), word) != NULL)
			return true;
	return false;
}

static void
test_list_create(void **state)
{
	struct queue *q = *state;
	struct answer *a;
	json_t *o;

	q->txt = "TOKEN";
	o = cw_must(q, &a, "list create", "NAME", "news", "--from",
	    "news@example.org", "--title", "Example News", NULL);
	assert_string_equal(text_of(o, "name"), "news");
	assert_true(json_is_false(json_object_get(o, "may_send")));
	/* From's domain proved itself at once; owner and address are due. */
	assert_true(misses(o, "owner"));
	assert_true(misses(o, "postal"));
	assert_null(json_object_get(o, "domain"));
	assert_int_equal(json_array_size(json_object_get(o, "missing")), 2);
	assert_int_equal(q->notices, 1);
	answer_free(a);

	EXPECT(STATUS_NO, q, "list create", "NAME", "news", "--from",
	    "news@example.org", NULL);
	EXPECT(STATUS_USAGE, q, "list create", "NAME", "NEWS!", "--from",
	    "news@example.org", NULL);
	EXPECT(STATUS_USAGE, q, "list create", "NAME", "other", "--from",
	    "nowhere", NULL);
	EXPECT(STATUS_NO, q, "list create", "NAME", "other", "--from",
	    "news@example.org", "--org", "nobody", NULL);

	q->txt = NULL;
	o = cw_must(q, &a, "list create", "NAME", "second", "--from",
	    "news@example.net", "--owner", "owner@example.com", NULL);
	assert_non_null(json_object_get(o, "domain"));
	assert_string_equal(text_of(o, "owner"), "owner@example.com");
	answer_free(a);
}

static void
test_list_set(void **state)
{
	struct queue *q = *state;
	struct answer *a;
	json_t *o;

	cw_ready_list(q, "news");
	o = cw_must(q, &a, "list show", "NAME", "news", NULL);
	assert_true(json_is_true(json_object_get(o, "may_send")));
	answer_free(a);
	o = cw_must(q, &a, "list set", "NAME", "news", "SETTING", "title",
	    "VALUE", "Other", NULL);
	assert_string_equal(text_of(o, "title"), "Other");
	answer_free(a);
	q->notices = 0;
	o = cw_must(q, &a, "list set", "NAME", "news", "SETTING", "owner",
	    "VALUE", "new@example.org", NULL);
	assert_true(misses(o, "owner"));
	answer_free(a);
	o = cw_must(q, &a, "list set", "NAME", "news", "SETTING", "state",
	    "VALUE", "held", NULL);
	assert_string_equal(text_of(o, "state"), "held");
	answer_free(a);
	assert_int_equal(q->holds, 1);
	o = cw_must(q, &a, "list set", "NAME", "news", NULL);
	assert_string_equal(text_of(o, "from"), "news@example.org");
	answer_free(a);
	EXPECT(STATUS_USAGE, q, "list set", "NAME", "news", "SETTING",
	    "title", NULL);
	EXPECT(STATUS_USAGE, q, "list set", "NAME", "news", "SETTING", "colour",
	    "VALUE", "red", NULL);
	EXPECT(STATUS_USAGE, q, "list set", "NAME", "news", "SETTING",
	    "state", "VALUE", "removed", NULL);
	/* S14: a header cannot be made of a title. */
	EXPECT(STATUS_USAGE, q, "list set", "NAME", "news", "SETTING",
	    "title", "VALUE", "a\r\nBcc: x@example.org", NULL);
}

static void
test_list_remove(void **state)
{
	struct queue *q = *state;
	struct answer *a;

	cw_ready_list(q, "news");
	EXPECT(0, q, "list remove", "NAME", "news", NULL);
	EXPECT(STATUS_NO, q, "list show", "NAME", "news", NULL);
	cw_must(q, &a, "stats", NULL);
	answer_free(a);
	a = cw_call(q, "list show", NULL);
	assert_int_equal(a->status, 0);
	assert_int_equal(json_array_size(a->out), 0);
	answer_free(a);
	/* T15: a name is never used again. */
	EXPECT(STATUS_NO, q, "list create", "NAME", "news", "--from",
	    "news@example.org", NULL);
}

/* ---- suppressions */

static void
test_suppress(void **state)
{
	struct queue *q = *state;
	uint32_t list = cw_ready_list(q, "news");
	struct answer *a;
	json_t *o;

	cw_member(q, list, "alice@example.com");
	EXPECT(STATUS_USAGE, q, "suppress add", "ADDR", "alice@example.com",
	    "--reason", "desk", NULL);
	EXPECT(STATUS_USAGE, q, "suppress add", "ADDR", "alice@example.com",
	    "--list", "news", "--host", "", "--reason", "desk", NULL);
	EXPECT(STATUS_USAGE, q, "suppress add", "ADDR", "alice@example.com",
	    "--list", "news", "--reason", "mood", NULL);
	o = cw_must(q, &a, "suppress add", "ADDR", "Alice@example.com",
	    "--org", "default", "--reason", "desk", NULL);
	assert_int_equal(number_of(o, "memberships"), 1);
	assert_true(json_is_true(json_object_get(o, "changed")));
	answer_free(a);
	/* S22: what was out to them is recalled before the answer. */
	assert_int_equal(q->recalled_members, 1);
	o = cw_must(q, &a, "suppress add", "ADDR", "alice@example.com",
	    "--org", "default", "--reason", "desk", NULL);
	assert_true(json_is_false(json_object_get(o, "changed")));
	answer_free(a);
	o = cw_must(q, &a, "suppress list", NULL);
	assert_int_equal(json_array_size(a->out), 1);
	assert_string_equal(text_of(o, "reason"), "desk");
	answer_free(a);
	EXPECT(STATUS_NO, q, "suppress remove", "ADDR", "alice@example.com",
	    "--host", "", NULL);
	EXPECT(0, q, "suppress remove", "ADDR", "alice@example.com",
	    "--org", "default", NULL);
	a = cw_call(q, "suppress list", NULL);
	assert_int_equal(json_array_size(a->out), 0);
	answer_free(a);
}

/* ---- acts */

/* Each change left one, none names a person, and the chain is sound. */
static void
test_audit(void **state)
{
	struct queue *q = *state;
	struct answer *a;
	json_t *o;
	char *text;

	cw_ready_list(q, "news");
	EXPECT(0, q, "org create", "NAME", "acme", NULL);
	EXPECT(0, q, "list set", "NAME", "news", "SETTING", "title", "VALUE",
	    "Other", NULL);
	EXPECT(0, q, "subscriber add", "LIST", "news", "ADDR",
	    "carol@example.com", NULL);
	EXPECT(0, q, "suppress add", "ADDR", "carol@example.com", "--host",
	    "", "--reason", "desk", NULL);
	EXPECT(0, q, "subscriber history", "ADDR", "carol@example.com", NULL);
	EXPECT(0, q, "subscriber erase", "ADDR", "carol@example.com", NULL);
	cw_must(q, &a, "audit list", NULL);
	text = json_dumps(a->out, 0);
	assert_null(strstr(text, "carol"));
	for (const char *const *v = (const char *const []){ "org create",
	    "list set title", "subscriber add", "suppress add",
	    "subscriber history", "subscriber erase", NULL }; *v != NULL;
	    v++)
		if (strstr(text, *v) == NULL)
			fail_msg("no act of %s", *v);
	free(text);
	answer_free(a);
	o = cw_must(q, &a, "audit verify", NULL);
	assert_true(json_is_true(json_object_get(o, "sound")));
	answer_free(a);
}

/* S31: attributes are put right, and dropped; only a member's. */
static void
test_correct(void **state)
{
	struct queue *q = *state;
	uint32_t news = cw_ready_list(q, "news");
	struct answer *a;
	json_t *o;

	cw_member(q, news, "carol@example.com");
	o = cw_must(q, &a, "subscriber correct", "LIST", "news", "ADDR",
	    "Carol@example.com", "NAME", "nick", "VALUE", "Caz", NULL);
	assert_string_equal(text_of(o, "value"), "Caz");
	answer_free(a);
	o = cw_must(q, &a, "subscriber show", "ADDR", "carol@example.com",
	    NULL);
	o = json_array_get(json_object_get(o, "memberships"), 0);
	assert_string_equal(text_of(json_object_get(o, "attributes"),
	    "nick"), "Caz");
	answer_free(a);
	EXPECT(0, q, "subscriber correct", "LIST", "news", "ADDR",
	    "carol@example.com", "NAME", "nick", NULL);
	cw_must(q, &a, "subscriber history", "ADDR", "carol@example.com",
	    NULL);
	o = json_array_get(a->out, json_array_size(a->out) - 1);
	assert_string_equal(text_of(o, "kind"), "preference");
	assert_string_equal(text_of(o, "before"), "Caz");
	answer_free(a);
	EXPECT(STATUS_NO, q, "subscriber correct", "LIST", "news", "ADDR",
	    "dave@example.com", "NAME", "nick", "VALUE", "x", NULL);
	EXPECT(STATUS_USAGE, q, "subscriber correct", "LIST", "news", "ADDR",
	    "carol@example.com", "NAME", "a\nb", "VALUE", "x", NULL);
}

/* S31: where a person is named by what is not theirs alone is told. */
static void
test_erase(void **state)
{
	struct queue *q = *state;
	uint32_t news = cw_ready_list(q, "news");
	struct answer *a;
	char *owner;
	json_t *o;

	cw_member(q, news, "carol@example.com");
	o = cw_must(q, &a, "subscriber erase", "ADDR", "carol@example.com",
	    NULL);
	assert_int_equal(number_of(o, "memberships"), 1);
	assert_true(json_is_true(json_object_get(o, "erased")));
	assert_int_equal(json_array_size(json_object_get(o, "kept")), 0);
	answer_free(a);
	/* Of one who is not there, or no more, nothing was. */
	for (int i = 0; i < 2; i++) {
		o = cw_must(q, &a, "subscriber erase", "ADDR", i == 0 ?
		    "carol@example.com" : "never@example.com", NULL);
		assert_true(json_is_false(json_object_get(o, "erased")));
		answer_free(a);
	}
	o = cw_must(q, &a, "list show", "NAME", "news", NULL);
	owner = strdup(text_of(o, "owner"));
	answer_free(a);
	o = cw_must(q, &a, "subscriber erase", "ADDR", owner, NULL);
	o = json_array_get(json_object_get(o, "kept"), 0);
	assert_string_equal(text_of(o, "list"), "news");
	assert_string_equal(text_of(o, "setting"), "owner");
	answer_free(a);
	free(owner);
	EXPECT(STATUS_NO, q, "subscriber import drop-evidence", "ID", "7",
	    NULL);
}

/* T12: asked of the new address, and nothing else changes. */
static void
test_change_address(void **state)
{
	struct queue *q = *state;
	uint32_t news = cw_ready_list(q, "news");
	unsigned notices = q->notices;
	struct answer *a;
	json_t *o;

	cw_member(q, news, "carol@example.com");
	EXPECT(STATUS_USAGE, q, "subscriber change-address", "OLD",
	    "carol@example.com", "NEW", "c@example.net", NULL);
	EXPECT(STATUS_USAGE, q, "subscriber change-address", "OLD",
	    "carol@example.com", "NEW", "c@example.net", "--all", "",
	    "--list", "news", NULL);
	EXPECT(STATUS_NO, q, "subscriber change-address", "OLD",
	    "dave@example.com", "NEW", "c@example.net", "--all", "", NULL);
	o = cw_must(q, &a, "subscriber change-address", "OLD",
	    "carol@example.com", "NEW", "c@example.net", "--list", "news",
	    NULL);
	assert_string_equal(text_of(o, "result"), "accepted");
	answer_free(a);
	assert_true(q->notices > notices);
	o = cw_must(q, &a, "subscriber show", "ADDR", "carol@example.com",
	    NULL);
	assert_int_equal(json_array_size(json_object_get(o, "memberships")),
	    1);
	answer_free(a);
	cw_must(q, &a, "subscriber history", "ADDR", "c@example.net", NULL);
	o = last_of(a);
	assert_string_equal(text_of(o, "kind"), "address-change-asked");
	answer_free(a);
}

/* S10: a row that was touched is named. */
static int
touch(struct txn *t, void *arg, struct err *e)
{
	uint8_t key[8] = { 0, 0, 0, 0, 0, 0, 0, 2 }, copy[2048];
	struct slice v;

	(void)arg;
	if (txn_get(t, TABLE_ACTS, SLICE(key, 8), &v, e) != 1)
		return -1;
	assert_true(v.len < sizeof(copy));
	memcpy(copy, v.p, v.len);
	copy[v.len / 2] ^= 1;
	return txn_put(t, TABLE_ACTS, SLICE(key, 8), SLICE(copy, v.len), e);
}

static void
test_audit_broken(void **state)
{
	struct queue *q = *state;
	struct answer *a;

	EXPECT(0, q, "org create", "NAME", "one", NULL);
	EXPECT(0, q, "org create", "NAME", "two", NULL);
	world_must(q->w, STORE_S, touch, NULL);
	a = cw_call(q, "audit verify", NULL);
	assert_int_equal(a->status, STATUS_NO);
	assert_int_equal(number_of(json_array_get(a->out, 0), "first_bad"),
	    2);
	answer_free(a);
}

/* ---- figures */

static void
test_figures(void **state)
{
	struct queue *q = *state;
	struct answer *a;
	json_t *o = cw_must(q, &a, "queue summary", NULL);

	assert_int_equal(number_of(o, "open"), 3);
	answer_free(a);
	cw_must(q, &a, "queue sites", NULL);
	assert_int_equal(json_array_size(a->out), 3);
	answer_free(a);
	o = cw_must(q, &a, "queue explain", "DOMAIN", "Example.NET", NULL);
	assert_int_equal(number_of(o, "waiting"), 6);
	assert_string_equal(text_of(json_object_get(o, "site"), "host"),
	    "mx.example.net");
	assert_string_equal(text_of(o, "binds"), "connections");
	assert_string_equal(text_of(o, "why"), "3 of the test");
	answer_free(a);
	EXPECT(0, q, "queue explain", "DOMAIN", "EXAMPLE.NET.", NULL);
	EXPECT(STATUS_USAGE, q, "queue explain", "DOMAIN", "a b", NULL);
	EXPECT(STATUS_USAGE, q, "queue explain", "DOMAIN", ".", NULL);
	/* Suspended is answered when what was out there was asked for. */
	EXPECT(0, q, "queue suspend", "SITE", "mx.example.net", NULL);
	assert_int_equal(q->recalls, 1);
	EXPECT(0, q, "queue resume", "SITE", "mx.example.net", NULL);
	assert_int_equal(q->recalls, 1);
	/* What is no site in memory may be a domain whose mail goes to one. */
	o = cw_must(q, &a, "queue suspend", "SITE", "Example.NET", NULL);
	assert_string_equal(text_of(o, "host"), "mx.example.net");
	assert_int_equal(q->recalls, 2);
	answer_free(a);
	EXPECT(0, q, "queue resume", "SITE", "example.net.", NULL);
	/* Nobody to ask yet is no reason to believe that there is none. */
	EXPECT(STATUS_AGAIN, q, "queue suspend", "SITE", "starting.example",
	    NULL);
	EXPECT(STATUS_NO, q, "queue suspend", "SITE", "mx.example.com", NULL);
	EXPECT(STATUS_NO, q, "queue suspend", "SITE", "no name", NULL);
	o = cw_must(q, &a, "stats", NULL);
	assert_int_equal(number_of(o, "organizations"), 1);
	assert_int_equal(number_of(json_object_get(o, "store"), "commits"),
	    7);
	o = json_object_get(o, "clock");	/* S59 */
	assert_true(json_is_false(json_object_get(o, "synchronised")));
	assert_int_equal(number_of(o, "error_ms"), 1500);
	answer_free(a);
}

int
main(void)
{
#define TEST(F) cmocka_unit_test_setup_teardown(F, control_world_setup, \
	control_world_teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_verb),
		TEST(compact_waits_until_the_copy_is_near),
		TEST(a_copy_that_fails_says_why),
		TEST(test_random_bytes),
		TEST(test_bad_call),
		TEST(test_calls_in_a_row),
		TEST(test_two_at_once),
		TEST(test_idle),
		TEST(test_many_clients),
		TEST(test_org),
		TEST(test_org_domain),
		TEST(test_list_create),
		TEST(test_list_set),
		TEST(test_list_remove),
		TEST(test_suppress),
		TEST(test_audit),
		TEST(test_correct),
		TEST(test_change_address),
		TEST(test_erase),
		TEST(test_audit_broken),
		TEST(test_figures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
