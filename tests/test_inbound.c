/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_inbound.c - which recipients are ours (S55), and what an accepted
 * message asks of queue: bounces only by the address's MAC (R128), nothing of
 * a machine's answer but an unsubscribe (R162).
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/conf.h"
#include "lib/dsn.h"
#include "lib/err.h"
#include "lib/keyring.h"
#include "lib/verp.h"
#include "listd/inbound_message.h"
#include "spool/list.h"
#include "spool/org.h"
#include "tests/spool_world.h"

static struct conf conf;
static struct keyring *keys;
static char bounce[300], leave[300], confirm[300];

static int
make_list(struct txn *t, void *arg, struct err *e)
{
	struct list_new n = { .name = "news", .from = "news@one.example" };
	struct org o;
	uint32_t id;

	(void)arg;
	if (org_find(t, ORG_DEFAULT, &o, e) != 1) {
		if (org_create(t, "acme", "root", 1, &n.org, e) == -1)
			return -1;
	} else
		n.org = o.id;
	return list_create(t, &n, "root", 1, &id, e);
}

static int
set_up(void **state)
{
	struct token_delivery td = { 7, 9 };
	struct token_unsubscribe tu = { .list = 3, .address = { 1, 2 } };
	struct strbuf b = STRBUF_INIT(299);
	struct err e = ERR_INIT;
	uint8_t request[16] = { 5 };
	char token[TOKEN_CONFIRM_LEN + 1];
	struct world *w;

	if (world_setup(state) != 0)
		return -1;
	w = *state;
	keys = w->keys;
	conf_init(&conf);
	snprintf(conf.hostname, sizeof(conf.hostname), "lists.example");
	snprintf(conf.bounce_domain, sizeof(conf.bounce_domain),
	    "bounces.example");
	world_must(w, STORE_S, make_list, NULL);
	verp_bounce_format(&b, keys, KEY_CURRENT, &td, "bounces.example", &e);
	snprintf(bounce, sizeof(bounce), "%s", b.s);
	strbuf_reset(&b);
	verp_unsubscribe_format(&b, keys, KEY_CURRENT, &tu,
	    "bounces.example", &e);
	snprintf(leave, sizeof(leave), "%s", b.s);
	strbuf_reset(&b);
	token_confirm_format(keys, KEY_CURRENT, TOKEN_CONFIRM_SUBSCRIPTION,
	    request, token, &e);
	verp_confirm_format(&b, token, "bounces.example", &e);
	snprintf(confirm, sizeof(confirm), "%s", b.s);
	strbuf_free(&b);
	return 0;
}

static struct inbound_target
target(struct world *w, const char *text)
{
	struct inbound_target t = { .kind = INBOUND_NONE };
	struct address a = { "", "" };
	struct err e = ERR_INIT;

	if (strchr(text, '@') == NULL)
		snprintf(a.local, sizeof(a.local), "%s", text);
	else
		assert_int_equal(address_parse(text, strlen(text),
		    ADDRESS_ONE_LABEL, &a, &e), 0);
	assert_int_equal(inbound_address(&conf, keys, w->st, &a, &t, &e), 0);
	return t;
}

static const struct {
	const char *why, *rcpt;
	enum inbound_kind kind;
} rcpts[] = {
	{ "a bounce with its MAC", bounce, INBOUND_BOUNCE },
	{ "mailto unsubscribe", leave, INBOUND_LEAVE },
	{ "reply to a confirmation", confirm, INBOUND_CONFIRM },
	{ "asking by mail", "news-subscribe@bounces.example",
	    INBOUND_SUBSCRIBE },
	{ "case does not matter", "NEWS-Request@lists.example",
	    INBOUND_REQUEST },
	{ "the owner", "news-owner@lists.example", INBOUND_OWNER },
	{ "postmaster of each domain (R152)", "postmaster@lists.example",
	    INBOUND_ROLE },
	{ "postmaster without a domain (RFC 5321 4.5.1)", "postmaster",
	    INBOUND_ROLE },
	{ "abuse (S62)", "abuse@bounces.example", INBOUND_ROLE },
	{ "a list that is not", "other-subscribe@lists.example",
	    INBOUND_NONE },
	{ "no suffix", "news@lists.example", INBOUND_NONE },
	{ "another domain: no relaying (S55)", "news-request@else.example",
	    INBOUND_FOREIGN },
	{ "percent, at our domain", "x%else.example@lists.example",
	    INBOUND_FOREIGN },
	{ "bang", "else.example!x@lists.example", INBOUND_FOREIGN },
	{ "quoted @", "\"x@else.example\"@lists.example", INBOUND_FOREIGN },
	{ "quoted percent", "\"x%else.example\"@bounces.example",
	    INBOUND_FOREIGN },
	{ "a percent sign in a list that is not", "a%b-request@lists.example",
	    INBOUND_FOREIGN },
	{ "quotes that are not needed", "\"Abuse\"@lists.example",
	    INBOUND_ROLE },
	{ "the same of a list", "\"news-request\"@lists.example",
	    INBOUND_REQUEST },
	{ "a bounce address without a MAC",
	    "b-aeaaaaaaaaaaaahqaaaaaaaaaaaax3xpaaaaaaaaaaa@bounces.example",
	    INBOUND_NONE },
	{ "nothing before the suffix", "-subscribe@lists.example",
	    INBOUND_NONE },
};

static void
recipients_that_are_ours(void **state)
{
	for (size_t i = 0; i < sizeof(rcpts) / sizeof(rcpts[0]); i++)
		if (target(*state, rcpts[i].rcpt).kind != rcpts[i].kind)
			fail_msg("%s", rcpts[i].why);
}

#define REPORT "From: MAILER-DAEMON@mx.example\r\nMIME-Version: 1.0\r\n" \
	"Content-Type: multipart/report; report-type=delivery-status;" \
	" boundary=x\r\n\r\n--x\r\n\r\nSorry.\r\n--x\r\n" \
	"Content-Type: message/delivery-status\r\n\r\n" \
	"Reporting-MTA: dns; mx.example\r\n\r\n" \
	"Final-Recipient: rfc822; a@one.example\r\nAction: failed\r\n" \
	"Status: 5.1.1\r\n" \
	"Diagnostic-Code: smtp; 550 5.1.1 <a@one.example> unknown," \
	" A@One.Example\r\n\r\n" \
	"--x--\r\n"

static const struct {
	const char *why, *rcpt, *message;
	bool null_sender;
	uint16_t type;
} messages[] = {
	{ "a report is a bounce", bounce, REPORT, true, IPC_BOUNCE },
	{ "a vacation notice is none (R137)", bounce,
	    "From: a@one.example\r\nAuto-Submitted: auto-replied\r\n"
	    "Subject: away\r\n\r\nI am away.\r\n", true, 0 },
	{ "a person's mail is none", bounce,
	    "From: a@one.example\r\nSubject: hi\r\n\r\nHello.\r\n", false, 0 },
	{ "empty mail to the mailto address removes (R33)", leave, "\r\n",
	    false, IPC_UNSUBSCRIBE },
	{ "even a machine's (R162)", leave,
	    "Auto-Submitted: auto-replied\r\n\r\n", true, IPC_UNSUBSCRIBE },
	{ "a reply confirms", confirm,
	    "From: a@one.example\r\nSubject: Re: x\r\n\r\nok\r\n", false,
	    IPC_CONFIRM },
	{ "asking", "news-subscribe@lists.example",
	    "From: a@one.example\r\n\r\n", false, IPC_SUBSCRIBE },
	{ "a machine's asking is kept (R162, S20)",
	    "news-subscribe@lists.example",
	    "From: a@one.example\r\nAuto-Submitted: auto-generated\r\n\r\n",
	    false, IPC_SUBSCRIBE },
	{ "that of two authors too", "news-subscribe@lists.example",
	    "From: a@one.example, b@one.example\r\n\r\n", false,
	    IPC_SUBSCRIBE },
	{ "a command in the subject", "news-request@lists.example",
	    "From: a@one.example\r\nSubject: Re: Subscribe\r\n\r\n", false,
	    IPC_SUBSCRIBE },
	{ "a command in the body (T18)", "news-request@lists.example",
	    "From: a@one.example\r\nSubject:\r\n\r\nunsubscribe\r\n", false,
	    IPC_UNSUBSCRIBE },
	{ "help (R36)", "news-request@lists.example",
	    "From: a@one.example\r\nSubject: Re: Help!\r\n\r\n", false,
	    IPC_HELP },
	{ "no command", "news-request@lists.example",
	    "From: a@one.example\r\nSubject: helpful\r\n\r\nhi\r\n", false, 0 },
};

static void
messages_ask_for_one_thing(void **state)
{
	struct strbuf frame = STRBUF_INIT(IPC_FRAME_MAX);

	for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
		struct inbound_target t = target(*state, messages[i].rcpt);
		struct inbound_message m = { .head =
			STRBUF_INIT(INBOUND_LOOK_MAX),
			.null_sender = messages[i].null_sender };
		const char *why = "";

		strbuf_adds(&m.head, messages[i].message);
		strbuf_reset(&frame);
		if (inbound_message_frame(keys, &m, &t, 77, &frame, &why) !=
		    messages[i].type)
			fail_msg("%s (%s)", messages[i].why, why);
		strbuf_free(&m.head);
	}
	strbuf_free(&frame);
}

/* As deep as the sender likes: it must not take our stack. */
static void
replies_to_replies(void **state)
{
	struct inbound_target t = target(*state, "news-request@lists.example");
	struct inbound_message m = { .head = STRBUF_INIT(INBOUND_LOOK_MAX) };
	struct strbuf frame = STRBUF_INIT(IPC_FRAME_MAX);
	const char *why;

	strbuf_adds(&m.head, "From: a@one.example\r\n\r\n");
	while (m.head.len + 16 < INBOUND_LOOK_MAX)
		strbuf_adds(&m.head, "re:");
	strbuf_adds(&m.head, " leave\r\n");
	assert_int_equal(inbound_message_frame(keys, &m, &t, 77, &frame, &why),
	    IPC_UNSUBSCRIBE);
	strbuf_free(&m.head);
	strbuf_free(&frame);
}

static void
a_report_says_what_counts(void **state)
{
	struct inbound_target t = target(*state, bounce);
	struct inbound_message m = { .head = STRBUF_INIT(INBOUND_LOOK_MAX),
		.null_sender = true };
	struct strbuf frame = STRBUF_INIT(IPC_FRAME_MAX);
	struct ipc_bounce b;
	struct unpack u;
	const char *why;

	strbuf_adds(&m.head, REPORT);
	inbound_message_frame(keys, &m, &t, 77, &frame, &why);
	unpack_init(&u, frame.s, frame.len);
	ipc_get_bounce(&u, &b);
	assert_true(unpack_done(&u));
	assert_int_equal(b.request, 77);
	assert_int_equal(b.campaign, 7);
	assert_int_equal(b.subscriber, 9);
	assert_int_equal(b.action, 1);
	assert_int_equal(b.recipient, REPLY_RECIPIENT_HARD);
	assert_int_equal(b.code, 550);
	assert_int_equal(b.enhanced[0], 5);
	assert_int_equal(b.enhanced[1], 1);
	assert_int_equal(b.enhanced[2], 1);
	/* The address is not stored a second time. */
	assert_null(strcasestr(b.text, "a@one.example"));
	assert_non_null(strstr(b.text, "<rcpt>"));
	strbuf_free(&m.head);
	strbuf_free(&frame);
}

/* An automatic answer that quotes the token is passed on as one (T3). */
static void
automation_is_named(void **state)
{
	struct inbound_target t = target(*state, confirm);
	struct inbound_message m = { .head = STRBUF_INIT(INBOUND_LOOK_MAX) };
	struct strbuf frame = STRBUF_INIT(IPC_FRAME_MAX);
	struct ipc_subscribe s;
	struct ipc_confirm c;
	struct unpack u;
	const char *why;

	strbuf_adds(&m.head, "From: a@one.example\r\n"
	    "Auto-Submitted: auto-replied (vacation)\r\n\r\n");
	inbound_message_frame(keys, &m, &t, 1, &frame, &why);
	unpack_init(&u, frame.s, frame.len);
	ipc_get_confirm(&u, &c);
	assert_true(unpack_done(&u));
	assert_true(c.automation.len > 0);
	assert_int_equal(strlen(c.token), TOKEN_CONFIRM_LEN);
	strbuf_reset(&frame);
	t = target(*state, "news-subscribe@lists.example");
	inbound_message_frame(keys, &m, &t, 1, &frame, &why);
	unpack_init(&u, frame.s, frame.len);
	ipc_get_subscribe(&u, &s);
	assert_true(unpack_done(&u));
	assert_true(s.automation.len > 0);
	assert_string_equal(s.address, "a@one.example");
	strbuf_free(&m.head);
	strbuf_free(&frame);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(recipients_that_are_ours),
		cmocka_unit_test(messages_ask_for_one_thing),
		cmocka_unit_test(replies_to_replies),
		cmocka_unit_test(a_report_says_what_counts),
		cmocka_unit_test(automation_is_named),
	};

	dsn_setup();
	return cmocka_run_group_tests(tests, set_up, world_teardown);
}
