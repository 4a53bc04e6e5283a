/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_control_campaign.c - from a message file to a campaign at work and
 * after.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/strbuf.h"
#include "listd/posts.h"
#include "listd/release.h"
#include "spool/campaign.h"
#include "spool/list.h"
#include "spool/org.h"
#include "spool/outcome.h"
#include "spool/subscriber.h"
#include "tests/control_world.h"

#define MESSAGE	"From: News <news@example.org>\r\nSubject: Hello\r\n\r\nHi\r\n"
#define HOUR	3600000

static struct campaign
campaign_of(struct queue *q, uint32_t id)
{
	struct txn *t = world_read(q->w, STORE_Q);
	struct campaign c;

	assert_int_equal(campaign_get(t, id, &c, NULL), 1);
	txn_end(t);
	return c;
}

static struct answer *
send_news(struct queue *q)
{
	return cw_call(q, "campaign send", "LIST", "news", "<FILE", MESSAGE,
	    NULL);
}

static uint32_t
make_list(struct queue *q)
{
	uint32_t list = cw_ready_list(q, "news");

	cw_member(q, list, "alice@example.com");
	cw_member(q, list, "bob@example.net");
	return list;
}

/* ---- campaign send */

static void
test_send(void **state)
{
	struct queue *q = *state;
	uint32_t list = make_list(q);
	struct answer *a = send_news(q);
	struct list_counters n;
	struct campaign c;
	struct txn *t;

	assert_int_equal(a->status, 0);
	assert_int_equal(number_of(last_of(a), "count"), 2);
	assert_string_equal(text_of(last_of(a), "state"), "running");
	assert_true(json_is_false(json_object_get(last_of(a), "existed")));
	c = campaign_of(q, (uint32_t)number_of(last_of(a), "id"));
	answer_free(a);
	t = world_read(q->w, STORE_S);
	assert_int_equal(list_counters(t, list, &n, NULL), 0);
	txn_end(t);
	assert_int_equal(c.as_of, n.sequence);
	assert_int_equal(c.count, 2);
	assert_int_equal(c.left_base, n.left);
	assert_int_equal(c.list, list);
	assert_int_equal(c.org, 1);
	assert_int_equal(c.date_ms, q->now_ms);
	assert_int_equal(c.send_by_ms, q->now_ms + q->conf.queue_lifetime);
	assert_int_equal(q->changed_campaign, c.id);
}

/* P5, F29: the same send twice is one campaign. */
static void
test_send_twice(void **state)
{
	struct queue *q = *state;
	struct answer *a;
	json_int_t id;

	make_list(q);
	a = send_news(q);
	id = number_of(last_of(a), "id");
	answer_free(a);
	a = send_news(q);
	assert_int_equal(a->status, 0);
	assert_int_equal(number_of(last_of(a), "id"), id);
	assert_true(json_is_true(json_object_get(last_of(a), "existed")));
	answer_free(a);
	assert_int_equal(q->prepared, 1);
	assert_int_equal(q->changed, 1);
}

/* S16: who approved what is an act, and goes along with the campaign. */
static void
test_approve(void **state)
{
	struct queue *q = *state;
	struct answer *a;
	struct campaign c;
	struct txn *t;
	json_t *o;
	char *params;

	make_list(q);
	EXPECT(STATUS_USAGE, q, "campaign send", "LIST", "news", "<FILE",
	    MESSAGE, "--approve", "nobody", NULL);
	a = cw_call(q, "campaign send", "LIST", "news", "<FILE", MESSAGE,
	    "--approve", "Desk@gmail.com,x@two.example", NULL);
	assert_int_equal(a->status, 0);
	c.id = (uint32_t)number_of(last_of(a), "id");
	answer_free(a);
	t = world_read(q->w, STORE_Q);
	assert_int_equal(campaign_get(t, c.id, &c, NULL), 1);
	params = strndup((const char *)c.params.p, c.params.len);
	txn_end(t);
	assert_non_null(strstr(params, "\"desk@gmail.com x@two.example\""));
	free(params);
	a = cw_call(q, "audit list", NULL);
	assert_int_equal(a->status, 0);
	for (size_t i = json_array_size(a->out); i-- > 0;) {
		o = json_array_get(a->out, i);
		if (strcmp(text_of(o, "verb"), "campaign approve") == 0)
			break;
		assert_true(i > 0);
	}
	assert_string_equal(text_of(o, "new"),
	    "desk@gmail.com x@two.example");
	answer_free(a);
}

/* F29: also in the same millisecond. */
static void
test_send_at_once(void **state)
{
	struct queue *q = *state;
	struct cw_client *one, *two;
	struct ipc_prepared r = { .ok = true, .findings = SLICE("[]", 2) };

	make_list(q);
	q->hold_prepare = true;
	one = cw_begin(q, "campaign send", "LIST", "news", "<FILE", MESSAGE,
	    NULL);
	two = cw_begin(q, "campaign send", "LIST", "news", "<FILE", MESSAGE,
	    NULL);
	for (int i = 0; i < 2000 && !(q->held != NULL &&
	    json_array_size(cw_answer(two)->out) +
	    json_array_size(cw_answer(one)->out) == 1); i++)
		cw_turn(q);
	assert_int_equal(q->prepared, 1);
	r.campaign = q->held_campaign;
	q->held(q->held_arg, &r);
	cw_wait(q, one);
	cw_wait(q, two);
	assert_int_equal(cw_answer(one)->status, 0);
	assert_int_equal(cw_answer(two)->status, 0);
	assert_int_equal(number_of(last_of(cw_answer(one)), "id"),
	    number_of(last_of(cw_answer(two)), "id"));
	assert_int_equal(q->changed, 1);
	cw_disconnect(one);
	cw_disconnect(two);
}

static void
test_send_refused(void **state)
{
	struct queue *q = *state;
	struct answer *a;
	struct campaign c;

	make_list(q);
	q->refuse = true;
	q->findings = "[{\"grade\":\"MUST\",\"rule\":\"R1\",\"text\":\"x\"}]";
	a = send_news(q);
	assert_int_equal(a->status, STATUS_NO);
	assert_string_equal(text_of(last_of(a), "state"), "refused");
	assert_int_equal(json_array_size(json_object_get(last_of(a),
	    "findings")), 1);
	c = campaign_of(q, (uint32_t)number_of(last_of(a), "id"));
	answer_free(a);
	assert_int_equal(c.state, CAMPAIGN_REFUSED);
	assert_int_equal(q->changed, 0);
	/* Mended elsewhere, the same file may be sent after all. */
	q->refuse = false;
	a = send_news(q);
	assert_int_equal(a->status, 0);
	assert_int_not_equal(number_of(last_of(a), "id"), c.id);
	answer_free(a);
}

/* S9: a list that may not send says why, and makes no campaign. */
static void
test_send_not_allowed(void **state)
{
	struct queue *q = *state;
	struct answer *a;

	EXPECT(0, q, "list create", "NAME", "news", "--from",
	    "news@example.org", NULL);
	a = send_news(q);
	assert_int_equal(a->status, STATUS_NO);
	assert_non_null(strstr(a->text, "owner"));
	answer_free(a);
	assert_int_equal(q->prepared, 0);
	EXPECT(STATUS_NO, q, "campaign show", "ID", "1", NULL);
	EXPECT(STATUS_NO, q, "campaign send", "LIST", "none", "<FILE",
	    MESSAGE, NULL);
}

/* S8: one octet over the list's limit. */
static void
test_send_size(void **state)
{
	struct queue *q = *state;
	char limit[16];

	make_list(q);
	snprintf(limit, sizeof(limit), "%zu", strlen(MESSAGE) - 1);
	EXPECT(0, q, "list set", "NAME", "news", "SETTING", "max-message",
	    "VALUE", limit, NULL);
	EXPECT(STATUS_NO, q, "campaign send", "LIST", "news", "<FILE",
	    MESSAGE, NULL);
	snprintf(limit, sizeof(limit), "%zu", strlen(MESSAGE));
	EXPECT(0, q, "list set", "NAME", "news", "SETTING", "max-message",
	    "VALUE", limit, NULL);
	EXPECT(0, q, "campaign send", "LIST", "news", "<FILE", MESSAGE, NULL);
}

/* What could not be checked is not sent, and is no obstacle later. */
static void
test_send_no_deliver(void **state)
{
	struct queue *q = *state;
	struct answer *a;
	json_int_t id;

	make_list(q);
	q->no_deliver = true;
	EXPECT(STATUS_AGAIN, q, "campaign send", "LIST", "news", "<FILE",
	    MESSAGE, NULL);
	assert_int_equal(campaign_of(q, 1).state, CAMPAIGN_PREPARING);
	q->no_deliver = false;
	a = send_news(q);
	assert_int_equal(a->status, 0);
	id = number_of(last_of(a), "id");
	assert_int_equal(id, 2);
	assert_int_equal(campaign_of(q, 1).state, CAMPAIGN_CANCELLED);
	answer_free(a);
}

/* A client that left before the release did not see the findings. */
static void
test_send_gone(void **state)
{
	struct queue *q = *state;
	struct ipc_prepared r = { .ok = true, .findings = SLICE("[]", 2) };
	struct cw_client *cl;

	make_list(q);
	q->hold_prepare = true;
	cl = cw_begin(q, "campaign send", "LIST", "news", "<FILE", MESSAGE,
	    NULL);
	for (int i = 0; i < 2000 && q->held == NULL; i++)
		cw_turn(q);
	cw_disconnect(cl);
	for (int i = 0; i < 20; i++)
		cw_turn(q);
	q->held(q->held_arg, &r);
	for (int i = 0; i < 20; i++)
		cw_turn(q);
	assert_int_equal(campaign_of(q, 1).state, CAMPAIGN_PREPARING);
	assert_int_equal(q->changed, 0);
}

/* S9, S54: return paths lie at a domain that is proven to be the host's. */
static void
test_envelope(void **state)
{
	struct queue *q = *state;
	struct answer *a;
	struct org o;
	struct txn *t;

	make_list(q);
	snprintf(q->conf.bounce_domain, sizeof(q->conf.bounce_domain),
	    "bounces.host.example");
	q->dns = IPC_DNS_NXDOMAIN;
	a = send_news(q);
	assert_int_equal(a->status, STATUS_NO);
	assert_non_null(strstr(a->text, "bounces.host.example"));
	assert_non_null(strstr(text_of(last_of(a), "record"),
	    "_listd.bounces.host.example. IN TXT"));
	answer_free(a);
	/* Silence proves nothing and refutes nothing. */
	q->dns = IPC_DNS_TEMPORARY;
	q->proof = IPC_PROOF_UNSURE;
	a = send_news(q);
	assert_int_equal(a->status, STATUS_AGAIN);
	answer_free(a);
	t = world_read(q->w, STORE_Q);
	assert_int_equal(campaign_next(t, 0, &(struct campaign){ 0 }, NULL),
	    0);
	txn_end(t);
	/* The key that signs its mail is enough, for whichever list. */
	q->dns = IPC_DNS_NXDOMAIN;
	q->proof = IPC_PROOF_FOUND;
	a = send_news(q);
	assert_int_equal(a->status, 0);
	answer_free(a);
	t = world_read(q->w, STORE_S);
	assert_int_equal(org_find(t, ORG_DEFAULT, &o, NULL), 1);
	assert_int_equal(org_domain_covers(t, o.id, "bounces.host.example",
	    NULL), 1);
	assert_int_equal(org_domain_known(t, "x.bounces.host.example", NULL),
	    1);
	assert_int_equal(org_domain_known(t, "host.example", NULL), 0);
	txn_end(t);
}

/* ---- --at */

static void
test_scheduled(void **state)
{
	struct queue *q = *state;
	uint32_t list = make_list(q);
	struct answer *a = cw_call(q, "campaign send", "LIST", "news",
	    "<FILE", MESSAGE, "--at", "2025-11-24T20:00Z", NULL);
	struct campaign c;

	assert_int_equal(a->status, 0);
	assert_string_equal(text_of(last_of(a), "state"), "scheduled");
	answer_free(a);
	assert_int_equal(q->changed, 0);
	/* Who joins before its time gets it. */
	cw_member(q, list, "carol@example.org");
	q->now_ms = campaign_of(q, 1).send_at_ms - 1;
	q->mono_ms += 2 * HOUR;
	for (int i = 0; i < 20; i++)
		cw_turn(q);
	assert_int_equal(campaign_of(q, 1).state, CAMPAIGN_SCHEDULED);
	q->now_ms++;
	q->mono_ms += HOUR;
	for (int i = 0; i < 50 && q->changed == 0; i++)
		cw_turn(q);
	c = campaign_of(q, 1);
	assert_int_equal(c.state, CAMPAIGN_RUNNING);
	assert_int_equal(c.count, 3);
	assert_int_equal(c.released_ms, q->now_ms);
	assert_int_equal(q->changed, 1);
}

/* While its list is held it waits, and keeps nobody else waiting. */
static void
test_scheduled_held(void **state)
{
	struct queue *q = *state;

	make_list(q);
	cw_ready_list(q, "other");
	EXPECT(0, q, "campaign send", "LIST", "news", "<FILE", MESSAGE,
	    "--at", "2025-11-24T20:00Z", NULL);
	EXPECT(0, q, "campaign send", "LIST", "other", "<FILE", MESSAGE,
	    "--at", "2025-11-24T20:00Z", NULL);
	EXPECT(0, q, "list set", "NAME", "news", "SETTING", "state", "VALUE",
	    "held", NULL);
	q->now_ms = campaign_of(q, 1).send_at_ms + 1;
	q->mono_ms += HOUR;
	for (int i = 0; i < 50 && q->changed == 0; i++)
		cw_turn(q);
	assert_int_equal(campaign_of(q, 1).state, CAMPAIGN_SCHEDULED);
	assert_int_equal(campaign_of(q, 2).state, CAMPAIGN_RUNNING);
	EXPECT(0, q, "list set", "NAME", "news", "SETTING", "state", "VALUE",
	    "active", NULL);
	q->mono_ms += RELEASE_HELD_MS;
	for (int i = 0; i < 50 && q->changed == 1; i++)
		cw_turn(q);
	assert_int_equal(campaign_of(q, 1).state, CAMPAIGN_RUNNING);
}

static void
test_scheduled_cancelled(void **state)
{
	struct queue *q = *state;

	make_list(q);
	EXPECT(0, q, "campaign send", "LIST", "news", "<FILE", MESSAGE,
	    "--at", "2025-11-24T20:00Z", NULL);
	EXPECT(STATUS_NO, q, "campaign resume", "ID", "1", NULL);
	EXPECT(0, q, "campaign cancel", "ID", "1", NULL);
	q->now_ms = campaign_of(q, 1).send_at_ms + 1;
	q->mono_ms += HOUR;
	for (int i = 0; i < 50; i++)
		cw_turn(q);
	assert_int_equal(campaign_of(q, 1).state, CAMPAIGN_CANCELLED);
	EXPECT(STATUS_USAGE, q, "campaign send", "LIST", "news", "<FILE",
	    MESSAGE, "--at", "soon", NULL);
	/* The year mistaken: not to everybody at this moment. */
	q->changed = 0;
	EXPECT(STATUS_USAGE, q, "campaign send", "LIST", "news", "<FILE",
	    MESSAGE, "--at", "2024-11-24T20:00Z", NULL);
	assert_int_equal(q->changed, 0);
}

/* ---- S46: an excessive cross-post */

/* The first of the last words that were noted for a verb. */
static bool
was_noted(struct queue *q, const char *verb, const char *word)
{
	struct answer *a = cw_call(q, "audit list", NULL);
	bool found = false;
	const json_t *act;
	size_t i;

	json_array_foreach(a->out, i, act)
		found |= strcmp(text_of(act, "verb"), verb) == 0 &&
		    strstr(text_of(act, "new"), word) != NULL;
	answer_free(a);
	return found;
}

static void
test_excess(void **state)
{
	struct queue *q = *state;
	struct answer *a;

	make_list(q);
	q->excess = POSTS_EXCESS + 1;
	a = send_news(q);
	assert_int_equal(a->status, 0);
	assert_string_equal(text_of(last_of(a), "state"), "scheduled");
	assert_string_equal(text_of(last_of(a), "breidbart"), "20.01");
	assert_non_null(text_of(last_of(a), "held_excess"));
	answer_free(a);
	/* It waits, and is looked at now and then. */
	for (int i = 0; i < 3; i++) {
		q->mono_ms += RELEASE_HELD_MS;
		q->now_ms += RELEASE_HELD_MS;
		for (int k = 0; k < 20; k++)
			cw_turn(q);
		assert_int_equal(campaign_of(q, 1).state, CAMPAIGN_SCHEDULED);
	}
	assert_false(was_noted(q, "campaign send", "list 1"));
	/* Not without a word. */
	EXPECT(STATUS_NO, q, "campaign resume", "ID", "1", NULL);
	EXPECT(STATUS_NO, q, "campaign resume", "ID", "1", "--reason", " ",
	    NULL);
	assert_int_equal(q->changed, 0);
	EXPECT(0, q, "campaign resume", "ID", "1", "--reason",
	    "the flood warning", NULL);
	for (int i = 0; i < 50 && q->changed == 0; i++)
		cw_turn(q);
	assert_int_equal(campaign_of(q, 1).state, CAMPAIGN_RUNNING);
	assert_int_equal(campaign_of(q, 1).similar, 2);
	assert_true(was_noted(q, "campaign resume", "the flood warning"));
	cw_must(q, &a, "campaign show", "ID", "1", NULL);
	assert_true(json_is_true(json_object_get(last_of(a),
	    "excess_allowed")));
	assert_null(json_object_get(last_of(a), "held_excess"));
	assert_true(json_is_false(json_object_get(last_of(a), "bulk")));
	answer_free(a);
}

/* Old posts drop out of the window, and it goes by itself. */
static void
test_excess_passes(void **state)
{
	struct queue *q = *state;

	make_list(q);
	q->excess = POSTS_EXCESS + 1;
	answer_free(send_news(q));
	assert_int_equal(campaign_of(q, 1).state, CAMPAIGN_SCHEDULED);
	q->excess = POSTS_EXCESS;
	q->mono_ms += RELEASE_HELD_MS;
	for (int i = 0; i < 50 && q->changed == 0; i++)
		cw_turn(q);
	assert_int_equal(campaign_of(q, 1).state, CAMPAIGN_RUNNING);
	assert_int_equal(campaign_of(q, 1).excess, POSTS_EXCESS);
	assert_true(was_noted(q, "campaign send", "list 1"));
}

/* ---- --send-by */

static void
test_send_by(void **state)
{
	static const struct {
		const char *at, *by;
		int status;
	} row[] = {
		{ NULL, "soon", STATUS_USAGE },
		{ NULL, "2024-11-24T20:00Z", STATUS_USAGE },	/* past */
		/* Before it begins. */
		{ "2025-11-24T20:00Z", "2025-11-24T19:00Z", STATUS_USAGE },
		{ "2025-11-24T20:00Z", "2025-11-24T20:00Z", STATUS_USAGE },
		/* Five days and a minute (R118). */
		{ "2025-11-24T20:00Z", "2025-11-29T20:01Z", STATUS_USAGE },
		{ "2025-11-24T20:00Z", "2025-11-29T20:00Z", 0 },
	};
	struct queue *q = *state;
	int64_t by;

	make_list(q);
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		if (row[i].at == NULL)
			EXPECT(row[i].status, q, "campaign send", "LIST",
			    "news", "<FILE", MESSAGE, "--send-by", row[i].by,
			    NULL);
		else
			EXPECT(row[i].status, q, "campaign send", "LIST",
			    "news", "<FILE", MESSAGE, "--at", row[i].at,
			    "--send-by", row[i].by, NULL);
	}
	EXPECT(STATUS_USAGE, q, "campaign send", "LIST", "news", "<FILE",
	    MESSAGE, "--test", "me@example.org", "--send-by",
	    "2025-11-29T20:00Z", NULL);
	/* It is kept until the release, which does not put its own there. */
	by = campaign_of(q, 1).send_by_ms;
	assert_true(by == campaign_of(q, 1).send_at_ms + 120 * HOUR);
	q->now_ms = campaign_of(q, 1).send_at_ms + 1;
	q->mono_ms += HOUR;
	for (int i = 0; i < 50 && q->changed == 0; i++)
		cw_turn(q);
	assert_int_equal(campaign_of(q, 1).state, CAMPAIGN_RUNNING);
	assert_true(campaign_of(q, 1).send_by_ms == by);
}

/* ---- --test */

static void
test_test(void **state)
{
	struct queue *q = *state;
	struct answer *a;

	make_list(q);
	a = cw_call(q, "campaign send", "LIST", "news", "<FILE", MESSAGE,
	    "--test", "me@example.org", NULL);
	assert_int_equal(a->status, 0);
	assert_true(json_is_true(json_object_get(last_of(a), "delivered")));
	answer_free(a);
	assert_int_equal(q->tests, 1);
	assert_int_equal(campaign_of(q, 1).state, CAMPAIGN_CANCELLED);
	assert_int_equal(q->changed, 0);
	q->test_result = IPC_FAILED;
	EXPECT(STATUS_NO, q, "campaign send", "LIST", "news", "<FILE",
	    MESSAGE, "--test", "me@example.org", NULL);
	EXPECT(STATUS_USAGE, q, "campaign send", "LIST", "news", "<FILE",
	    MESSAGE, "--test", "me", NULL);
	/* A test is in nobody's way. */
	EXPECT(0, q, "campaign send", "LIST", "news", "<FILE", MESSAGE, NULL);
	q->test_result = IPC_DELIVERED;
	/* And may be done again, of what is at work. */
	EXPECT(0, q, "campaign send", "LIST", "news", "<FILE", MESSAGE,
	    "--test", "me@example.org", NULL);
	assert_int_equal(campaign_of(q, 3).state, CAMPAIGN_RUNNING);
	/* Nobody gets one who wants none. */
	EXPECT(0, q, "suppress add", "ADDR", "me@example.org", "--host", "",
	    "--reason", "desk", NULL);
	q->tests = 0;
	EXPECT(STATUS_NO, q, "campaign send", "LIST", "news", "<FILE",
	    MESSAGE, "--test", "me@example.org", NULL);
	assert_int_equal(q->tests, 0);
}

/* One test of its own message to an address. */
static int
test_to(struct queue *q, const char *address)
{
	static int number;
	char message[256];
	struct answer *a;
	int status;

	snprintf(message, sizeof(message), "%s%d\r\n", MESSAGE, number++);
	a = cw_call(q, "campaign send", "LIST", "news", "<FILE", message,
	    "--test", address, NULL);
	status = a->status;
	answer_free(a);
	return status;
}

/* S45: it is no way to mail those who did not ask; and it leaves its act. */
static void
test_strangers(void **state)
{
	struct queue *q = *state;
	struct answer *a;
	const json_t *act;

	make_list(q);
	/* What is refused goes to nobody and counts for nothing. */
	q->refuse = true;
	for (int i = 0; i < 10; i++)
		assert_int_equal(test_to(q, "seed@mailbox.example"),
		    STATUS_NO);
	q->refuse = false;
	for (int i = 0; i < 10; i++)
		assert_int_equal(test_to(q, "seed@mailbox.example"), 0);
	assert_int_equal(test_to(q, "another@mailbox.example"), STATUS_NO);
	/* A member, the owner, a domain proven for the organization. */
	assert_int_equal(test_to(q, "Alice@example.com"), 0);
	assert_int_equal(test_to(q, "owner@example.org"), 0);
	assert_int_equal(test_to(q, "me@desk.example.org"), 0);
	assert_int_equal(q->tests, 13);
	q->now_ms += 25 * HOUR;
	assert_int_equal(test_to(q, "another@mailbox.example"), 0);
	a = cw_call(q, "audit list", NULL);
	act = last_of(a);
	assert_string_equal(text_of(act, "verb"), "campaign test");
	assert_string_equal(text_of(act, "object"), "list 1");
	assert_memory_equal(text_of(act, "new"), "address ", 8);
	answer_free(a);
	/* It is listed as what it was. */
	cw_must(q, &a, "campaign show", "ID", "1", NULL);
	assert_true(json_is_true(json_object_get(last_of(a), "test")));
	answer_free(a);
}

/* ---- states */

static void
test_states(void **state)
{
	struct queue *q = *state;
	struct answer *a;
	json_t *o;

	make_list(q);
	answer_free(send_news(q));
	q->changed = 0;
	EXPECT(0, q, "campaign pause", "ID", "1", NULL);
	assert_int_equal(campaign_of(q, 1).state, CAMPAIGN_PAUSED);
	assert_int_equal(q->changed, 1);
	/* S7: what is out is recalled before the answer. */
	assert_int_equal(q->recalls, 1);
	assert_int_equal(q->recalled_campaign, 1);
	EXPECT(0, q, "campaign pause", "ID", "1", NULL);	/* once more */
	EXPECT(0, q, "campaign resume", "ID", "1", NULL);
	assert_int_equal(campaign_of(q, 1).state, CAMPAIGN_RUNNING);
	EXPECT(0, q, "campaign cancel", "ID", "1", NULL);
	EXPECT(STATUS_NO, q, "campaign resume", "ID", "1", NULL);
	EXPECT(STATUS_NO, q, "campaign pause", "ID", "9", NULL);
	EXPECT(STATUS_USAGE, q, "campaign pause", "ID", "nine", NULL);
	o = cw_must(q, &a, "campaign show", "ID", "1", NULL);
	assert_string_equal(text_of(o, "state"), "cancelled");
	assert_string_equal(text_of(o, "list"), "news");
	assert_true(json_is_string(json_object_get(o, "ended")));
	answer_free(a);
	cw_must(q, &a, "campaign list", NULL);
	assert_int_equal(json_array_size(a->out), 1);
	answer_free(a);
}

/* S7: an organization that is terminated has no campaigns left. */
static void
test_terminated(void **state)
{
	struct queue *q = *state;

	make_list(q);
	answer_free(send_news(q));
	EXPECT(0, q, "org terminate", "NAME", "default", NULL);
	assert_int_equal(campaign_of(q, 1).state, CAMPAIGN_CANCELLED);
	assert_int_equal(q->recalls, 1);
	EXPECT(STATUS_NO, q, "campaign send", "LIST", "news", "<FILE",
	    MESSAGE "more", NULL);
}

struct ending {
	uint32_t	 id;
	struct tally	 v;
};

static int
end_campaign(struct txn *t, void *arg, struct err *e)
{
	struct ending *s = arg;
	struct campaign c;

	if (campaign_get(t, s->id, &c, e) != 1 ||
	    tally_put(t, s->id, &s->v, e) == -1)
		return -1;
	c.state = CAMPAIGN_FINISHED;
	return campaign_change(t, &c, e);
}

static void
test_watch(void **state)
{
	struct queue *q = *state;
	struct ending end = { .id = 1, .v = { .delivered = 2 } };
	struct cw_client *cl;
	const json_t *sites;

	make_list(q);
	answer_free(send_news(q));
	cl = cw_begin(q, "campaign show", "ID", "1", "--watch", "", NULL);
	for (int i = 0; i < 100; i++) {
		q->mono_ms += 100;
		cw_turn(q);
	}
	/* Again and again, and not more often than once a second. */
	assert_in_range(json_array_size(cw_answer(cl)->out), 2, 11);
	sites = json_object_get(last_of(cw_answer(cl)), "sites");
	assert_int_equal(json_array_size(sites), 2);
	assert_string_equal(text_of(json_array_get(sites, 0), "host"),
	    "mx.example.net");
	assert_int_equal(number_of(json_array_get(sites, 0), "left"), 7);
	assert_string_equal(text_of(json_array_get(sites, 1), "host"),
	    "others");
	world_must(q->w, STORE_Q, end_campaign, &end);
	q->mono_ms += 5000;
	cw_wait(q, cl);
	assert_int_equal(cw_answer(cl)->status, 0);
	assert_string_equal(text_of(last_of(cw_answer(cl)), "state"),
	    "finished");
	assert_int_equal(number_of(last_of(cw_answer(cl)), "delivered"), 2);
	cw_disconnect(cl);
}

/* ---- after */

static uint64_t
subscriber_of(struct queue *q, uint32_t list, const char *address)
{
	struct identity who;
	struct member m;
	struct txn *t;

	assert_int_equal(identity_parse(q->w->keys, address, strlen(address),
	    0, &who, NULL), 0);
	t = world_read(q->w, STORE_S);
	assert_int_equal(subscriber_find(t, list, who.hash, &m, NULL), 1);
	txn_end(t);
	return m.subscriber;
}

/* Two outcomes in L, as the queue role would put them there. */
static void
put_outcomes(struct queue *q, uint64_t delivered, uint64_t failed)
{
	struct strbuf dir = STRBUF_INIT(512), sealed;
	struct outcome o = { .state = OUTCOME_DELIVERED, .campaign = 1,
		.subscriber = delivered, .code = 250, .attempt = 1,
		.when_ms = q->now_ms, .host = "mx.example.com" };
	struct err damage = ERR_INIT;
	struct outcome_log *log;
	struct outcome_set set;

	strbuf_addf(&dir, "%s/outcomes", q->w->dir);
	strbuf_init(&sealed, OUTCOME_BATCH_MAX);
	log = outcome_log_open(dir.s, 0, &damage, &q->w->e);
	assert_non_null(log);
	outcome_set_init(&set);
	outcome_set_add(&set, &o);
	o.state = OUTCOME_FAILED;
	o.subscriber = failed;
	o.code = 550;
	o.enhanced[0] = 5;
	o.enhanced[1] = 1;
	o.enhanced[2] = 1;
	strcpy(o.text, "no <rcpt> here");
	outcome_set_add(&set, &o);
	outcome_set_seal(&set, 1, 1, 0, UINT64_MAX, &sealed);
	assert_int_equal(outcome_log_append(log, 1, SLICE(sealed.s,
	    sealed.len), &q->w->e), 0);
	outcome_log_close(log);
	outcome_set_free(&set);
	strbuf_free(&sealed);
	strbuf_free(&dir);
}

static void
test_outcomes(void **state)
{
	struct queue *q = *state;
	uint32_t list = make_list(q);
	struct answer *a;
	json_t *o;

	answer_free(send_news(q));
	put_outcomes(q, subscriber_of(q, list, "alice@example.com"),
	    subscriber_of(q, list, "bob@example.net"));
	cw_must(q, &a, "campaign outcomes", "ID", "1", NULL);
	assert_int_equal(json_array_size(a->out), 2);
	answer_free(a);
	o = cw_must(q, &a, "campaign outcomes", "ID", "1", "--state",
	    "failed", NULL);
	assert_int_equal(json_array_size(a->out), 1);
	assert_string_equal(text_of(o, "address"), "bob@example.net");
	assert_string_equal(text_of(o, "enhanced"), "5.1.1");
	answer_free(a);
	/* Who left is known by number alone. */
	EXPECT(0, q, "subscriber remove", "LIST", "news", "ADDR",
	    "bob@example.net", NULL);
	o = cw_must(q, &a, "campaign outcomes", "ID", "1", "--state",
	    "failed", NULL);
	assert_true(json_is_null(json_object_get(o, "address")));
	answer_free(a);
	EXPECT(STATUS_USAGE, q, "campaign outcomes", "ID", "1", "--state",
	    "lost", NULL);
	EXPECT(STATUS_NO, q, "campaign outcomes", "ID", "2", NULL);
}

static void
test_resend_failed(void **state)
{
	struct queue *q = *state;
	struct ending end = { .id = 1, .v = { .delivered = 1, .failed = 1 } };
	struct answer *a;
	struct campaign c, of;

	make_list(q);
	answer_free(send_news(q));
	EXPECT(STATUS_NO, q, "campaign resend-failed", "ID", "1", NULL);
	EXPECT(STATUS_NO, q, "campaign resend-failed", "ID", "2", NULL);
	world_must(q->w, STORE_Q, end_campaign, &end);
	a = cw_call(q, "campaign resend-failed", "ID", "1", NULL);
	assert_int_equal(a->status, 0);
	assert_int_equal(number_of(last_of(a), "id"), 2);
	answer_free(a);
	c = campaign_of(q, 2);
	of = campaign_of(q, 1);
	assert_int_equal(c.failed_of, 1);
	assert_int_equal(c.count, 1);
	assert_int_equal(c.as_of, of.as_of);
	assert_int_equal(c.left_base, of.left_base);
	assert_memory_equal(c.content, of.content, sizeof(c.content));
	/* P5 holds for it too. */
	a = cw_call(q, "campaign resend-failed", "ID", "1", NULL);
	assert_int_equal(a->status, 0);
	assert_int_equal(number_of(last_of(a), "id"), 2);
	assert_true(json_is_true(json_object_get(last_of(a), "existed")));
	answer_free(a);
}

int
main(void)
{
#define TEST(F) cmocka_unit_test_setup_teardown(F, control_world_setup, \
	control_world_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_send),
		TEST(test_send_twice),
		TEST(test_approve),
		TEST(test_send_at_once),
		TEST(test_send_refused),
		TEST(test_send_not_allowed),
		TEST(test_send_size),
		TEST(test_send_no_deliver),
		TEST(test_send_gone),
		TEST(test_envelope),
		TEST(test_scheduled),
		TEST(test_scheduled_held),
		TEST(test_scheduled_cancelled),
		TEST(test_excess),
		TEST(test_excess_passes),
		TEST(test_send_by),
		TEST(test_test),
		TEST(test_strangers),
		TEST(test_states),
		TEST(test_terminated),
		TEST(test_watch),
		TEST(test_outcomes),
		TEST(test_resend_failed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
