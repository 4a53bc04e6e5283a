/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_autoreply.c - machines that write to us.
 *
 * Requirements: R137, R157, R162 (no sign of automation may confirm), R163
 * (loops), T3 (a vacation reply quotes the token).
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/autoreply.h"
#include "lib/mailhead.h"
#include "lib/strbuf.h"
#include "tests/shared_data.h"

#define LENGTH(a)	(sizeof(a) / sizeof((a)[0]))

static const struct {
	const char		*why, *in;
	bool			 null_sender;
	enum autoreply_sign	 sign;
	bool			 reply;		/* answers by itself */
} rows[] = {
	{ "a person", "Subject: yes\n", false, AUTOREPLY_NONE, false },
	{ "a person who answers", "In-Reply-To: <a@b>\n", false,
	    AUTOREPLY_NONE, false },
	{ "null sender alone", "Subject: x\n", true, AUTOREPLY_NULL_SENDER,
	    true },
	{ "null sender of list mail", "List-Id: <a.b>\n", true,
	    AUTOREPLY_NULL_SENDER, false },
	{ "Return-Path is not the envelope", "Return-Path: <>\n", false,
	    AUTOREPLY_NONE, false },
	{ "auto-replied", "Auto-Submitted: auto-replied\n", false,
	    AUTOREPLY_AUTO_SUBMITTED, true },
	{ "with a comment (Sieve)",
	    "Auto-Submitted: auto-replied (vacation)\n", false,
	    AUTOREPLY_AUTO_SUBMITTED, true },
	{ "with a parameter (R160)", "auto-submitted: Auto-Replied; x=\"y\"\n",
	    false, AUTOREPLY_AUTO_SUBMITTED, true },
	{ "auto-generated is automatic, and no reply",
	    "Auto-Submitted: auto-generated\n", false,
	    AUTOREPLY_AUTO_SUBMITTED, false },
	{ "a value of the future", "Auto-Submitted: auto-notified\n", false,
	    AUTOREPLY_AUTO_SUBMITTED, false },
	{ "no", "Auto-Submitted: no\n", false, AUTOREPLY_NONE, false },
	{ "no, with parameters", "Auto-Submitted: No; x=y\n", false,
	    AUTOREPLY_NONE, false },
	{ "no that is not", "Auto-Submitted: no\nAuto-Submitted: x\n", false,
	    AUTOREPLY_AUTO_SUBMITTED, false },
	{ "notice", "Auto-Submitted: none\n", false,
	    AUTOREPLY_AUTO_SUBMITTED, false },
	{ "empty", "Auto-Submitted:\n", false, AUTOREPLY_AUTO_SUBMITTED,
	    false },
	{ "report", "Content-Type: multipart/report; report-type=x\n", false,
	    AUTOREPLY_REPORT, false },
	{ "report with null sender",
	    "Content-Type: Multipart/Report; report-type=x\n", true,
	    AUTOREPLY_NULL_SENDER, false },
	{ "X-Autoreply", "X-Autoreply: yes\n", false, AUTOREPLY_RESPONDER,
	    true },
	{ "X-Autoreply: no", "X-Autoreply: no\n", false, AUTOREPLY_NONE,
	    false },
	{ "X-Autorespond", "X-Autorespond: x\n", false, AUTOREPLY_RESPONDER,
	    true },
	{ "vacation(1)", "Delivered-By-The-Graces-Of: The Vacation program\n",
	    false, AUTOREPLY_RESPONDER, true },
	{ "Apple", "X-Apple-Action: VACATION\n", false, AUTOREPLY_RESPONDER,
	    true },
	{ "Exchange", "Auto-Submitted: auto-generated\nIn-Reply-To: <a@b>\n"
	    "X-Auto-Response-Suppress: All\n", false,
	    AUTOREPLY_AUTO_SUBMITTED, true },
	{ "suppress", "X-Auto-Response-Suppress: DR, OOF, AutoReply\n",
	    false, AUTOREPLY_SUPPRESS, false },
	{ "suppress nothing", "X-Auto-Response-Suppress: None\n", false,
	    AUTOREPLY_NONE, false },
	{ "bulk", "Precedence: bulk\n", false, AUTOREPLY_PRECEDENCE, false },
	{ "junk", "Precedence: Junk\n", false, AUTOREPLY_PRECEDENCE, false },
	{ "list", "Precedence: list\n", false, AUTOREPLY_PRECEDENCE, false },
	{ "auto_reply", "Precedence: auto_reply\n", false,
	    AUTOREPLY_PRECEDENCE, false },
	{ "first-class", "Precedence: first-class\n", false, AUTOREPLY_NONE,
	    false },
	{ "List-Id", "List-Id: x <a.b>\n", false, AUTOREPLY_LIST_ID, false },
	{ "List-Unsubscribe", "List-Unsubscribe: <mailto:x>\n", false,
	    AUTOREPLY_LIST, false },
	{ "Listen", "Listen: to me\n", false, AUTOREPLY_NONE, false },
	{ "the first in order is told",
	    "List-Id: <a.b>\nPrecedence: list\nAuto-Submitted: auto-replied\n",
	    false, AUTOREPLY_AUTO_SUBMITTED, false },
};

static void
signs(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH(rows); i++) {
		struct mailhead *h = mailhead_parse(rows[i].in,
		    strlen(rows[i].in), NULL);

		assert_non_null(h);
		if (autoreply_find(h, rows[i].null_sender) != rows[i].sign ||
		    autoreply_is_reply(h, rows[i].null_sender) !=
		    rows[i].reply)
			fail_msg("%s: %s, %d", rows[i].why, autoreply_name(
			    autoreply_find(h, rows[i].null_sender)),
			    autoreply_is_reply(h, rows[i].null_sender));
		mailhead_free(h);
	}
	for (int s = AUTOREPLY_NULL_SENDER; s <= AUTOREPLY_LIST; s++)
		assert_true(autoreply_name((enum autoreply_sign)s)[0] != '\0');
	assert_string_equal(autoreply_name(AUTOREPLY_NONE), "");
}

static void
loops(void **state)
{
	static const char in[] = "Received: a\nReceived: b\nX-Received: c\n"
	    "List-Id: Some <other> list <News.L.example>\n"
	    "Delivered-To: news@L.example\n\nReceived: body\n";
	struct mailhead *h = mailhead_parse(in, sizeof(in) - 1, NULL);
	struct loop_facts f;

	(void)state;
	loop_find(h, "news.l.example", "news@l.example", &f);
	assert_int_equal(f.received, 2);
	assert_true(f.own_list && f.own_address);
	loop_find(h, "ews.l.example", "ews@l.example", &f);
	assert_false(f.own_list || f.own_address);
	loop_find(h, "news.l.exampl", NULL, &f);
	assert_false(f.own_list || f.own_address);
	loop_find(h, "other", NULL, &f);
	assert_false(f.own_list);
	mailhead_free(h);
}

/* Every labelled message: an auto-reply is one, an ordinary one is not. */
static void
labelled_messages(void **state)
{
	struct strbuf text = STRBUF_INIT(1 << 22);
	char *row[SHARED_COLUMNS_MAX];
	unsigned seen = 0;
	FILE *f;

	(void)state;
	if ((f = shared_open("not-bounces/labels.tsv")) == NULL)
		skip();
	while (shared_row(f, row, 4)) {
		struct mailhead *h;
		const char *path;
		bool null_sender;

		shared_read("not-bounces/", row[0], &text);
		h = mailhead_parse(text.s, text.len, NULL);
		assert_non_null(h);
		path = mailhead_get(h, "Return-Path", 0);
		null_sender = path != NULL && strcmp(path, "<>") == 0;
		if (autoreply_is_reply(h, null_sender) !=
		    (strcmp(row[1], "autoreply") == 0))
			fail_msg("%s: not %s", row[0], row[1]);
		/* R162: an auto-reply shows a sign, whoever sent it. */
		if (strcmp(row[1], "autoreply") == 0)
			assert_int_not_equal(autoreply_find(h, null_sender),
			    AUTOREPLY_NONE);
		mailhead_free(h);
		seen++;
	}
	fclose(f);
	strbuf_free(&text);
	assert_int_equal(seen, 30);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(signs),
		cmocka_unit_test(loops),
		cmocka_unit_test(labelled_messages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
