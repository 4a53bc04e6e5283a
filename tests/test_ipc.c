/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_ipc.c - every frame comes back as put, and every cut, over-long and
 * out-of-range one turns bad instead of being believed (X10).
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/ipc.h"
#include "lib/strbuf.h"

static const struct ipc_evidence evidence = {
	.when_ms = 1795000000123, .ip = { [10] = 0xff, 0xff, 192, 0, 2, 1 },
	.port = 40000, .channel = "form", .agent = "agent/1", .form = "abc",
	.raw = { (const uint8_t *)"a=b", 3 },
};

static const struct ipc_delivery delivery = {
	.delivery = 7, .kind = IPC_KIND_CAMPAIGN, .campaign = 3,
	.subscriber = 99, .list = 2, .domain_id = 5, .h8 = 0x1122334455667788,
	.attempt = 2, .queued_ms = -1, .by_data = true, .local = "a.b", .domain = "one.example",
};

static void
put_outcome(struct strbuf *b)
{
	struct ipc_outcome o = {
		.what = delivery, .result = IPC_DEFERRED,
		.stage = IPC_STAGE_RCPT, .code = 452, .enhanced = { 4, 7, 650 },
		.delay_ms = { 1, 2, 3, 4 }, .when_ms = 5, .host = "mx.example",
		.text = "mailbox full", .category = 10, .rule = 0xdeadbeef,
		.mail = { (const uint8_t *)"To: x", 5 }, .mail_hash = { 7 },
	};

	ipc_put_outcome(b, &o);
}

static void
get_outcome(struct unpack *u)
{
	struct ipc_outcome o;

	ipc_get_outcome(u, &o);
	if (!unpack_done(u))
		return;
	assert_int_equal(o.code, 452);
	assert_int_equal(o.enhanced[2], 650);
	assert_int_equal(o.what.subscriber, 99);
	assert_true(o.what.queued_ms == -1);
	assert_string_equal(o.what.domain, "one.example");
	assert_string_equal(o.text, "mailbox full");
	assert_int_equal(o.delay_ms[3], 4);
	assert_int_equal(o.category, 10);
	assert_true(o.rule == 0xdeadbeef);
	assert_int_equal(o.mail.len, 5);
	assert_memory_equal(o.mail.p, "To: x", 5);
	assert_int_equal(o.mail_hash[0], 7);
}

static void
put_session_state(struct strbuf *b)
{
	struct ipc_session_state v = { .session = 7,
		.event = IPC_SESSION_REFUSED, .code = 421, .host = "mx",
		.text = "no", .spoken = true, .stage = IPC_STAGE_DOT,
		.enhanced = { 4, 7, 28 }, .campaign = 3, .rule = 0xdeadbeef,
		.category = 9, .site = 2, .connects = 31 };

	ipc_put_session_state(b, &v);
}

static void
get_session_state(struct unpack *u)
{
	struct ipc_session_state v;

	ipc_get_session_state(u, &v);
	if (!unpack_done(u))
		return;
	assert_int_equal(v.event, IPC_SESSION_REFUSED);
	assert_string_equal(v.text, "no");
	assert_true(v.spoken);
	assert_int_equal(v.stage, IPC_STAGE_DOT);
	assert_int_equal(v.enhanced[2], 28);
	assert_int_equal(v.campaign, 3);
	assert_true(v.rule == 0xdeadbeef);
	assert_int_equal(v.category, 9);
	assert_int_equal(v.site, 2);
	assert_int_equal(v.connects, 31);
}

static void
put_route(struct strbuf *b)
{
	struct ipc_route r = { .request = 1, .ttl_s = 60, .n = 2,
		.secure = true, .alias = "c.example",
		.host = { { 10, "a.example" }, { 20, "b.example" } } };

	ipc_put_route(b, &r);
}

static void
get_route(struct unpack *u)
{
	struct ipc_route r;

	ipc_get_route(u, &r);
	if (!unpack_done(u))
		return;
	assert_int_equal(r.n, 2);
	assert_int_equal(r.host[1].preference, 20);
	assert_string_equal(r.host[1].name, "b.example");
	assert_true(r.secure);
	assert_string_equal(r.alias, "c.example");
}

static void
put_session_open(struct strbuf *b)
{
	struct ipc_session_open o = { .session = 7, .secure = true, .n = 1,
		.provider = 0xcafe0001, .broken_tls_hours = 720,
		.idle_ms = 30000, .bdat = IPC_BDAT_NO,
		.domain = "one.example", .alias = "two.example",
		.host = { { 10, "a.example" } } };

	ipc_put_session_open(b, &o);
}

static void
get_session_open(struct unpack *u)
{
	struct ipc_session_open o;

	ipc_get_session_open(u, &o);
	if (!unpack_done(u))
		return;
	assert_int_equal(o.session, 7);
	assert_true(o.secure);
	assert_true(o.provider == 0xcafe0001);
	assert_int_equal(o.broken_tls_hours, 720);
	assert_int_equal(o.idle_ms, 30000);
	assert_int_equal(o.bdat, IPC_BDAT_NO);
	assert_string_equal(o.domain, "one.example");
	assert_string_equal(o.alias, "two.example");
	assert_string_equal(o.host[0].name, "a.example");
}

static void
put_subscribe(struct strbuf *b)
{
	struct ipc_subscribe s = { .request = 4, .evidence = evidence,
		.list = "news", .address = "a@one.example",
		.attributes = { (const uint8_t *)"{}", 2 },
		.shown = { (const uint8_t *)"text", 4 },
		.automation = { (const uint8_t *)"list", 4 } };

	ipc_put_subscribe(b, &s);
}

static void
get_subscribe(struct unpack *u)
{
	struct ipc_subscribe s;

	ipc_get_subscribe(u, &s);
	if (!unpack_done(u))
		return;
	assert_memory_equal(s.evidence.ip, evidence.ip, 16);
	assert_int_equal(s.evidence.raw.len, 3);
	assert_string_equal(s.evidence.channel, "form");
	assert_string_equal(s.address, "a@one.example");
	assert_int_equal(s.shown.len, 4);
	assert_memory_equal(s.shown.p, "text", 4);
	assert_int_equal(s.automation.len, 4);
	assert_memory_equal(s.automation.p, "list", 4);
}

static void
put_unsubscribe(struct strbuf *b)
{
	struct ipc_unsubscribe v = { .request = 4, .evidence = evidence,
		.list = 8, .hash = { 1, 2 }, .scope = IPC_LEAVE_LIST,
		.address = "a@one.example" };

	ipc_put_unsubscribe(b, &v);
}

static void
get_unsubscribe(struct unpack *u)
{
	struct ipc_unsubscribe v;

	ipc_get_unsubscribe(u, &v);
	if (!unpack_done(u))
		return;
	assert_int_equal(v.hash[1], 2);
	assert_int_equal(v.scope, IPC_LEAVE_LIST);
	assert_string_equal(v.address, "a@one.example");
}

static void
put_data(struct strbuf *b)
{
	struct ipc_data v = { .request = 5, .evidence = evidence,
		.act = IPC_DATA_CORRECT, .token = "abc", .list = 9,
		.address = "a@one.example",
		.name = { (const uint8_t *)"nick", 4 },
		.value = { (const uint8_t *)"x", 1 } };

	ipc_put_data(b, &v);
}

static void
get_data(struct unpack *u)
{
	struct ipc_data v;

	ipc_get_data(u, &v);
	if (!unpack_done(u))
		return;
	assert_int_equal(v.request, 5);
	assert_int_equal(v.act, IPC_DATA_CORRECT);
	assert_string_equal(v.token, "abc");
	assert_int_equal(v.list, 9);
	assert_string_equal(v.address, "a@one.example");
	assert_int_equal(v.name.len, 4);
	assert_memory_equal(v.value.p, "x", 1);
}

static const struct {
	const char *name;
	void (*put)(struct strbuf *);
	void (*get)(struct unpack *);
} frames[] = {
	{ "outcome",		put_outcome,		get_outcome },
	{ "route",		put_route,		get_route },
	{ "session open",	put_session_open,	get_session_open },
	{ "session state",	put_session_state,	get_session_state },
	{ "subscribe",		put_subscribe,		get_subscribe },
	{ "unsubscribe",	put_unsubscribe,	get_unsubscribe },
	{ "data",		put_data,		get_data },
};

static void
frames_come_back_and_cuts_are_bad(void **state)
{
	struct strbuf b = STRBUF_INIT(IPC_FRAME_MAX);
	struct unpack u;

	(void)state;
	for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
		strbuf_reset(&b);
		frames[i].put(&b);
		unpack_init(&u, b.s, b.len);
		frames[i].get(&u);
		assert_true(unpack_done(&u));
		for (size_t cut = 0; cut < b.len; cut++) {
			unpack_init(&u, b.s, cut);
			frames[i].get(&u);
			if (unpack_done(&u))
				fail_msg("%s cut at %zu was believed",
				    frames[i].name, cut);
		}
	}
	strbuf_free(&b);
}

static void
out_of_range_fields_are_bad(void **state)
{
	struct strbuf b = STRBUF_INIT(IPC_FRAME_MAX);
	struct ipc_delivery d;
	struct ipc_route r = { .n = 0 };
	struct unpack u;

	(void)state;
	ipc_put_delivery(&b, &delivery);
	b.s[8] = 77;			/* the kind */
	unpack_init(&u, b.s, b.len);
	ipc_get_delivery(&u, &d);
	assert_true(u.bad);

	strbuf_reset(&b);
	ipc_put_route(&b, &r);
	b.s[4 + 1 + 4 + 1] = 0x7f;	/* number of hosts, high octet */
	unpack_init(&u, b.s, b.len);
	ipc_get_route(&u, &r);
	assert_true(u.bad);
	assert_int_equal(r.n, 0);
	strbuf_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_come_back_and_cuts_are_bad),
		cmocka_unit_test(out_of_range_fields_are_bad),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
