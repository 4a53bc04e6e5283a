/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_dsn.c - what comes back, read and judged.
 *
 * Requirements: R123-R125, R129-R134 (reports), R131 (shapes), R137 (machines
 * that answer), R138 (one engine), R143 and R154 (complaints), X12 (time).
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include <cmocka.h>
#include <jansson.h>

#include "lib/dsn.h"
#include "lib/err.h"
#include "lib/strbuf.h"
#include "tests/shared_data.h"

#define LENGTH(a)	(sizeof(a) / sizeof((a)[0]))

static struct dsn_report *
parse(const char *s, size_t len, bool null_sender)
{
	struct err e = ERR_INIT;
	struct dsn_report *r = dsn_parse(s, len, null_sender, &e);

	if (r == NULL)
		fail_msg("%s", e.text);
	return r;
}

#define DAEMON	"From: MAILER-DAEMON@mx.example\n"
#define REPORT	DAEMON "Content-Type: multipart/report; " \
    "report-type=delivery-status; boundary=b\n\n--b\n\ntext\n\n--b\n" \
    "Content-Type: message/delivery-status\n\n" \
    "Reporting-MTA: dns; mx.example\n\n"
#define RETURNED "\n--b\nContent-Type: message/rfc822\n\n" \
    "Message-ID: <m1@list.example>\n\nbody\n--b--\n"
#define TO	"Final-Recipient: rfc822; a@b.example\n"

/* One recipient each, or none when address is NULL. */
static const struct {
	const char		*why, *in;
	enum dsn_kind		 kind;
	enum dsn_verdict	 verdict;
	const char		*address, *status;
	enum reply_recipient	 counts;
} rows[] = {
	{ "user unknown", REPORT TO "Action: failed\nStatus: 5.1.1\n"
	    "Diagnostic-Code: smtp; 550 5.1.1 no such user\n" RETURNED,
	    DSN_REPORT, DSN_VERDICT_HARD, "a@b.example", "5.1.1",
	    REPLY_RECIPIENT_HARD },
	{ "no diagnostic", REPORT TO "Action: failed\nStatus: 5.1.1\n"
	    RETURNED, DSN_REPORT, DSN_VERDICT_HARD, "a@b.example", "5.1.1",
	    REPLY_RECIPIENT_HARD },
	{ "field names in any case, values with comments",
	    REPORT "final-recipient: RFC822 ; <a@b.example>\n"
	    "ACTION: Failed (really)\nSTATUS: 5.2.2 (full)\n" RETURNED,
	    DSN_REPORT, DSN_VERDICT_SOFT, "a@b.example", "5.2.2",
	    REPLY_RECIPIENT_SOFT },
	{ "folded field", REPORT TO "Action: failed\nStatus: 5.0.0\n"
	    "Diagnostic-Code: smtp; 550\n 5.1.1\n\tunknown\n" RETURNED,
	    DSN_REPORT, DSN_VERDICT_HARD, "a@b.example", "5.1.1",
	    REPLY_RECIPIENT_HARD },

	/* R124: only failed counts */
	{ "delayed", REPORT TO "Action: delayed\nStatus: 4.4.1\n" RETURNED,
	    DSN_REPORT, DSN_VERDICT_DELAYED, "a@b.example", "4.4.1",
	    REPLY_RECIPIENT_NONE },
	{ "delayed, whatever the code", REPORT TO "Action: delayed\n"
	    "Status: 5.1.1\n" RETURNED, DSN_REPORT, DSN_VERDICT_DELAYED,
	    "a@b.example", "5.1.1", REPLY_RECIPIENT_NONE },
	{ "delivered", REPORT TO "Action: delivered\nStatus: 2.1.5\n"
	    RETURNED, DSN_REPORT, DSN_VERDICT_NONE, "a@b.example", "2.1.5",
	    REPLY_RECIPIENT_NONE },
	{ "relayed", REPORT TO "Action: relayed\nStatus: 2.1.9\n" RETURNED,
	    DSN_REPORT, DSN_VERDICT_NONE, "a@b.example", "2.1.9",
	    REPLY_RECIPIENT_NONE },
	{ "expanded", REPORT TO "Action: expanded\nStatus: 5.1.1\n" RETURNED,
	    DSN_REPORT, DSN_VERDICT_NONE, "a@b.example", "5.1.1",
	    REPLY_RECIPIENT_NONE },
	{ "an action of the future", REPORT TO "Action: exploded\n"
	    "Status: 5.1.1\n" RETURNED, DSN_REPORT, DSN_VERDICT_NONE,
	    "a@b.example", "5.1.1", REPLY_RECIPIENT_NONE },
	{ "no action beside 5.x.x", REPORT TO "Status: 5.1.1\n" RETURNED,
	    DSN_REPORT, DSN_VERDICT_HARD, "a@b.example", "5.1.1",
	    REPLY_RECIPIENT_HARD },
	{ "no action beside 4.x.x", REPORT TO "Status: 4.1.1\n" RETURNED,
	    DSN_REPORT, DSN_VERDICT_NONE, "a@b.example", "4.1.1",
	    REPLY_RECIPIENT_NONE },

	/* R125 */
	{ "given up", REPORT TO "Action: failed\nStatus: 4.4.7\n" RETURNED,
	    DSN_REPORT, DSN_VERDICT_SOFT, "a@b.example", "4.4.7",
	    REPLY_RECIPIENT_SOFT },
	{ "given up on an unknown user", REPORT TO "Action: failed\n"
	    "Status: 4.1.1\nDiagnostic-Code: smtp; 450 4.1.1 unknown\n"
	    RETURNED, DSN_REPORT, DSN_VERDICT_SOFT, "a@b.example", "4.1.1",
	    REPLY_RECIPIENT_SOFT },
	{ "leading zeros are no code", REPORT TO "Action: failed\n"
	    "Status: 5.01.1\n" RETURNED, DSN_REPORT, DSN_VERDICT_SOFT,
	    "a@b.example", "", REPLY_RECIPIENT_SOFT },

	/* R132, R133 */
	{ "the reply outranks the field", REPORT TO "Action: failed\n"
	    "Status: 5.1.1\nDiagnostic-Code: smtp; 550 5.7.1 listed\n"
	    RETURNED, DSN_REPORT, DSN_VERDICT_SOFT, "a@b.example", "5.7.1",
	    REPLY_RECIPIENT_NONE },
	{ "a field made up from a bare 550", REPORT TO "Action: failed\n"
	    "Status: 5.1.1\nDiagnostic-Code: smtp; 550 blocked\n" RETURNED,
	    DSN_REPORT, DSN_VERDICT_SOFT, "a@b.example", "5.1.1",
	    REPLY_RECIPIENT_NONE },
	{ "a field made up from 5.0.0", REPORT TO "Action: failed\n"
	    "Status: 5.1.1\nDiagnostic-Code: smtp; 550 5.0.0 x\n" RETURNED,
	    DSN_REPORT, DSN_VERDICT_SOFT, "a@b.example", "5.1.1",
	    REPLY_RECIPIENT_SOFT },
	{ "a bare 550 without words", REPORT TO "Action: failed\n"
	    "Status: 5.1.1\nDiagnostic-Code: smtp; 550\n" RETURNED,
	    DSN_REPORT, DSN_VERDICT_SOFT, "a@b.example", "5.1.1",
	    REPLY_RECIPIENT_SOFT },
	{ "a bare 550 with words", REPORT TO "Action: failed\n"
	    "Status: 5.0.0\nDiagnostic-Code: smtp; 550 User unknown\n"
	    RETURNED, DSN_REPORT, DSN_VERDICT_HARD, "a@b.example", "5.0.0",
	    REPLY_RECIPIENT_HARD },
	{ "DMARC", REPORT TO "Action: failed\nStatus: 5.7.26\n" RETURNED,
	    DSN_REPORT, DSN_VERDICT_SOFT, "a@b.example", "5.7.26",
	    REPLY_RECIPIENT_NONE },
	{ "numbers that are no codes", REPORT TO "Action: failed\n"
	    "Status: 5.0.0\nDiagnostic-Code: smtp; mail.550.example[192.0.2."
	    "55] size=550, 5500 x550 550x: user unknown\n" RETURNED,
	    DSN_REPORT, DSN_VERDICT_HARD, "a@b.example", "5.0.0",
	    REPLY_RECIPIENT_HARD },

	/* R129 */
	{ "the original recipient is ours", REPORT
	    "Final-Recipient: rfc822; x@y.example\n"
	    "Original-Recipient: rfc822;a@b.example\nAction: failed\n"
	    "Status: 5.1.1\n" RETURNED, DSN_REPORT, DSN_VERDICT_HARD,
	    "a@b.example", "5.1.1", REPLY_RECIPIENT_HARD },
	{ "no type, quotes", REPORT "Final-Recipient: \"a;b\"@b.example\n"
	    "Action: failed\nStatus: 5.1.1\n" RETURNED, DSN_REPORT,
	    DSN_VERDICT_HARD, "\"a;b\"@b.example", "5.1.1",
	    REPLY_RECIPIENT_HARD },
	{ "not an address", REPORT "Final-Recipient: rfc822; @b.example\n"
	    "Action: failed\nStatus: 5.1.2\n" RETURNED, DSN_REPORT,
	    DSN_VERDICT_HARD, "", "5.1.2", REPLY_RECIPIENT_HARD },

	/* R130, RFC 6533 */
	{ "escaped UTF-8", REPORT
	    "Final-Recipient: utf-8; J\\x{F6}rg@b.example\nAction: failed\n"
	    "Status: 5.1.1\n" RETURNED, DSN_REPORT, DSN_VERDICT_HARD,
	    "J\xc3\xb6rg@b.example", "5.1.1", REPLY_RECIPIENT_HARD },
	{ "plain UTF-8 in the global types", DAEMON
	    "Content-Type: multipart/report; "
	    "report-type=delivery-status; boundary=b\n\n"
	    "--b\nContent-Type: message/global-delivery-status\n\n"
	    "Reporting-MTA: dns; mx.example\n\n"
	    "Final-Recipient: utf-8; J\xc3\xb6rg@b.example\nAction: failed\n"
	    "Status: 5.1.1\n\n--b\nContent-Type: message/global-headers\n\n"
	    "Message-ID: <m1@list.example>\n--b--\n", DSN_REPORT,
	    DSN_VERDICT_HARD, "J\xc3\xb6rg@b.example", "5.1.1",
	    REPLY_RECIPIENT_HARD },
	{ "an escape that is none", REPORT
	    "Final-Recipient: utf-8; J\\x{110000}@b.example\n"
	    "Action: failed\nStatus: 5.1.1\n" RETURNED, DSN_REPORT,
	    DSN_VERDICT_HARD, "", "5.1.1", REPLY_RECIPIENT_HARD },

	/* Containers, R123 */
	{ "the report part is base64", DAEMON
	    "Content-Type: multipart/report; boundary=b;\n"
	    " report-type=delivery-status\n\n--b\n"
	    "Content-Type: message/delivery-status\n"
	    "Content-Transfer-Encoding: base64\n\n"
	    "UmVwb3J0aW5nLU1UQTogZG5zOyBteAoKRmluYWwtUmVjaXBpZW50OiByZmM4Mj"
	    "I7IGFAYi5leGFtcGxlCkFjdGlvbjogZmFpbGVkClN0YXR1czogNS4xLjEK\n"
	    "--b--\n", DSN_REPORT, DSN_VERDICT_HARD, "a@b.example", "5.1.1",
	    REPLY_RECIPIENT_HARD },
	{ "in multipart/mixed, from a mail system", DAEMON
	    "Content-Type: multipart/mixed; boundary=b\n\n--b\n\ntext\n--b\n"
	    "Content-Type: message/delivery-status\n\nReporting-MTA: dns; x\n"
	    "\n" TO "Action: failed\nStatus: 5.1.1\n--b--\n", DSN_REPORT,
	    DSN_VERDICT_HARD, "a@b.example", "5.1.1", REPLY_RECIPIENT_HARD },
	{ "the same from a person", "From: a person <p@b.example>\n"
	    "Content-Type: multipart/mixed; boundary=b\n\n--b\n\ntext\n--b\n"
	    "Content-Type: message/delivery-status\n\nReporting-MTA: dns; x\n"
	    "\n" TO "Action: failed\nStatus: 5.1.1\n--b--\n", DSN_ORDINARY,
	    DSN_VERDICT_NONE, NULL, "", REPLY_RECIPIENT_NONE },
	{ "a report forwarded by a person", "From: p@b.example\n"
	    "Content-Type: multipart/mixed; boundary=c\n\n--c\n\nhelp\n--c\n"
	    "Content-Type: message/rfc822\n\n" REPORT TO "Action: failed\n"
	    "Status: 5.1.1\n" RETURNED "--c--\n", DSN_ORDINARY,
	    DSN_VERDICT_NONE, NULL, "", REPLY_RECIPIENT_NONE },
	{ "a boundary damaged on the way", DAEMON
	    "Content-Type: multipart/report; report-type=delivery-status; "
	    "boundary=other\n\n--b\nContent-Type: message/delivery-status\n\n"
	    "Reporting-MTA: dns; x\n\n" TO "Action: failed\nStatus: 5.1.1\n\n"
	    "--b\n\nStatus: 2.0.0\n", DSN_REPORT, DSN_VERDICT_HARD,
	    "a@b.example", "5.1.1", REPLY_RECIPIENT_HARD },
	{ "a receipt is no bounce (R137)", "From: p@b.example\n"
	    "Content-Type: multipart/report; boundary=b;\n"
	    " report-type=disposition-notification\n\n--b\n\nread\n--b\n"
	    "Content-Type: message/disposition-notification\n\n" TO
	    "Disposition: manual-action/MDN-sent-manually; displayed\n--b--\n",
	    DSN_ORDINARY, DSN_VERDICT_NONE, NULL, "", REPLY_RECIPIENT_NONE },
	{ "a report about nobody", REPORT "\n" RETURNED, DSN_ORDINARY,
	    DSN_VERDICT_NONE, NULL, "", REPLY_RECIPIENT_NONE },

	/* The text for people fills gaps, and only gaps */
	{ "words from the text", DAEMON
	    "Content-Type: multipart/report; report-type=delivery-status; "
	    "boundary=b\n\n--b\n\nThe following address(es) failed:\n\n"
	    "  a@b.example\n    SMTP error after RCPT TO: 550 5.1.1 gone\n"
	    "--b\nContent-Type: message/delivery-status\n\nA: b\n\n" TO
	    "Action: failed\nStatus: 5.0.0\n--b--\n", DSN_REPORT,
	    DSN_VERDICT_HARD, "a@b.example", "5.1.1", REPLY_RECIPIENT_HARD },
	{ "words about another do not", DAEMON
	    "Content-Type: multipart/report; report-type=delivery-status; "
	    "boundary=b\n\n--b\n\nThe following address(es) failed:\n\n"
	    "  x@b.example\n    550 5.1.1 gone\n  y@b.example\n    "
	    "550 5.1.1 gone\n--b\n"
	    "Content-Type: message/delivery-status\n\nA: b\n\n" TO
	    "Action: failed\nStatus: 5.0.0\n--b--\n", DSN_REPORT,
	    DSN_VERDICT_SOFT, "a@b.example", "5.0.0", REPLY_RECIPIENT_SOFT },

	/* R131: shapes */
	{ "qmail", DAEMON "Subject: failure notice\n\n"
	    "Hi. This is the qmail-send program at mx.example.\n"
	    "I'm afraid I wasn't able to deliver your message.\n\n"
	    "<a@b.example>:\n192.0.2.1 does not like recipient.\n"
	    "Remote host said: 550 5.1.1 no\nGiving up on 192.0.2.1.\n\n"
	    "--- Below this line is a copy of the message.\n\n"
	    "Return-Path: <x@list.example>\n"
	    "Message-ID: <m1@list.example>\n\nx@y.example:\n", DSN_SHAPE,
	    DSN_VERDICT_HARD, "a@b.example", "5.1.1", REPLY_RECIPIENT_HARD },
	{ "qmail's own codes", DAEMON "\nHi. This is the qmail-send program\n"
	    "\n<a@b.example>:\nSorry, no mailbox here by that name. "
	    "(#5.1.1)\n", DSN_SHAPE, DSN_VERDICT_HARD, "a@b.example",
	    "5.1.1", REPLY_RECIPIENT_HARD },
	{ "Exim, with only a header field", DAEMON
	    "X-Failed-Recipients: a@b.example\n\n"
	    "The following\naddress(es) failed:\n\n  save to x\n    mailbox "
	    "is full: retry timeout exceeded\n", DSN_SHAPE, DSN_VERDICT_SOFT,
	    "a@b.example", "", REPLY_RECIPIENT_SOFT },
	{ "Exim's warning", DAEMON "\nThe address to which the message has "
	    "not yet been delivered is:\n\n  a@b.example\n    Delay reason: "
	    "550 5.1.1 user unknown\n", DSN_SHAPE, DSN_VERDICT_DELAYED,
	    "a@b.example", "5.1.1", REPLY_RECIPIENT_NONE },
	{ "nobody named", DAEMON "\nDelivery to the following recipients "
	    "failed.\n\nJane Doe\n", DSN_SHAPE, DSN_VERDICT_SOFT, "", "",
	    REPLY_RECIPIENT_SOFT },
	{ "at MAIL it is about us", DAEMON "\nThe following address(es) "
	    "failed:\n\n  a@b.example\n    SMTP error from remote mail server "
	    "after MAIL FROM:<x@y>:\n    550 user unknown\n", DSN_SHAPE,
	    DSN_VERDICT_SOFT, "a@b.example", "", REPLY_RECIPIENT_NONE },
	{ "a person quotes a bounce", "From: p@b.example\n\n"
	    "The following address(es) failed:\n\n  a@b.example\n    550 "
	    "5.1.1 no\n", DSN_ORDINARY, DSN_VERDICT_NONE, NULL, "",
	    REPLY_RECIPIENT_NONE },
	{ "list mail about a bounce", DAEMON "List-Id: <l.example>\n\n"
	    "The following address(es) failed:\n\n  a@b.example\n    550 "
	    "5.1.1 no\n", DSN_ORDINARY, DSN_VERDICT_NONE, NULL, "",
	    REPLY_RECIPIENT_NONE },
	{ "a mail system with other news", DAEMON "\nYour quota is nearly "
	    "used up.\n", DSN_ORDINARY, DSN_VERDICT_NONE, NULL, "",
	    REPLY_RECIPIENT_NONE },

	/* R137 */
	{ "vacation", "From: p@b.example\nAuto-Submitted: auto-replied\n\n"
	    "I am away. The following address(es) failed:\n", DSN_AUTOREPLY,
	    DSN_VERDICT_AUTOREPLY, NULL, "", REPLY_RECIPIENT_NONE },
	{ "null sender, no bounce", "Return-Path: <>\nFrom: p@b.example\n\n"
	    "I am away\n", DSN_AUTOREPLY, DSN_VERDICT_AUTOREPLY, NULL, "",
	    REPLY_RECIPIENT_NONE },

	/* R143 */
	{ "complaint", "From: fbl@p.example\n"
	    "Content-Type: multipart/report; report-type=feedback-report; "
	    "boundary=b\n\n--b\n\ntext\n--b\n"
	    "Content-Type: message/feedback-report\n\nFeedback-Type: abuse\n"
	    "Version: 1\nOriginal-Rcpt-To: <a@b.example>\n" RETURNED,
	    DSN_COMPLAINT, DSN_VERDICT_COMPLAINT, "a@b.example", "",
	    REPLY_RECIPIENT_NONE },
	{ "R154: authentication failures accuse nobody", "From: f@p.example\n"
	    "Content-Type: multipart/report; report-type=feedback-report; "
	    "boundary=b\n\n--b\n\ntext\n--b\n"
	    "Content-Type: message/feedback-report\n\n"
	    "Feedback-Type: auth-failure\nOriginal-Rcpt-To: <a@b.example>\n"
	    RETURNED, DSN_COMPLAINT, DSN_VERDICT_NONE, "a@b.example", "",
	    REPLY_RECIPIENT_NONE },
	{ "complaint, our To names whose copy it is", "From: f@p.example\n"
	    "Content-Type: multipart/report; report-type=feedback-report; "
	    "boundary=b\n\n--b\nContent-Type: message/feedback-report\n\n"
	    "Feedback-Type: abuse\n--b\nContent-Type: message/rfc822\n\n"
	    "To: \"Doe, J\" <a@b.example>\n\nx\n--b--\n", DSN_COMPLAINT,
	    DSN_VERDICT_COMPLAINT, "a@b.example", "", REPLY_RECIPIENT_NONE },
};

static void
every_row(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH(rows); i++) {
		struct dsn_report *r = parse(rows[i].in, strlen(rows[i].in),
		    false);
		char status[ENHANCED_TEXT_MAX];

		if (r->kind != rows[i].kind ||
		    dsn_report_verdict(r, NULL) != rows[i].verdict ||
		    r->recipients != (rows[i].address != NULL))
			fail_msg("%s: %s, %s, %u recipients", rows[i].why,
			    dsn_kind_name(r->kind),
			    dsn_verdict_name(dsn_report_verdict(r, NULL)),
			    r->recipients);
		if (r->recipients == 1) {
			enhanced_format(&r->recipient[0].status, status);
			if (strcmp(r->recipient[0].address,
			    rows[i].address) != 0 ||
			    strcmp(status, rows[i].status) != 0 ||
			    r->recipient[0].class.recipient != rows[i].counts)
				fail_msg("%s: %s, %s, %s", rows[i].why,
				    r->recipient[0].address, status,
				    reply_recipient_name(
				    r->recipient[0].class.recipient));
		}
		/* All samples above return the same message, if any. */
		if (strstr(rows[i].in, "<m1@") != NULL &&
		    r->kind != DSN_ORDINARY)
			assert_string_equal(r->message_id, "m1@list.example");
		dsn_report_free(r);
	}
}

/* The same message with CRLF line ends reads the same. */
static void
line_ends_do_not_matter(void **state)
{
	struct strbuf crlf = STRBUF_INIT(65536), a = STRBUF_INIT(65536);
	struct strbuf b = STRBUF_INIT(65536);

	(void)state;
	for (size_t i = 0; i < LENGTH(rows); i++) {
		struct dsn_report *lf = parse(rows[i].in, strlen(rows[i].in),
		    false), *r;

		strbuf_reset(&crlf);
		for (const char *s = rows[i].in; *s != '\0'; s++)
			strbuf_add(&crlf, *s == '\n' ? "\r\n" : s,
			    *s == '\n' ? 2 : 1);
		r = parse(crlf.s, crlf.len, false);
		strbuf_reset(&a);
		strbuf_reset(&b);
		assert_int_equal(dsn_report_to_json(lf, &a), 0);
		assert_int_equal(dsn_report_to_json(r, &b), 0);
		/* Text quoted over line ends keeps each as '?'. */
		if (lf->kind != DSN_SHAPE && strcmp(a.s, b.s) != 0 &&
		    strchr(b.s, '?') == NULL)
			fail_msg("%s: %s, not %s", rows[i].why, b.s, a.s);
		assert_int_equal(dsn_report_verdict(lf, NULL),
		    dsn_report_verdict(r, NULL));
		dsn_report_free(lf);
		dsn_report_free(r);
	}
	strbuf_free(&crlf);
	strbuf_free(&a);
	strbuf_free(&b);
}

static void
several_recipients(void **state)
{
	static const char in[] = REPORT
	    "Final-Recipient: rfc822; a@b.example\nAction: delayed\n"
	    "Status: 4.4.1\n\n"
	    "Final-Recipient: rfc822; c@d.example\nAction: failed\n"
	    "Status: 5.1.1\nRemote-MTA: dns; mx.d.example\n\n"
	    "X-Other: group\n\n"
	    "Final-Recipient: rfc822; e@f.example\nAction: failed\n"
	    "Status: 5.2.2\n" RETURNED;
	struct dsn_report *r = parse(in, sizeof(in) - 1, false);
	unsigned at;

	(void)state;
	assert_int_equal(r->recipients, 3);
	assert_int_equal(dsn_report_verdict(r, &at), DSN_VERDICT_HARD);
	assert_int_equal(at, 1);
	assert_string_equal(r->recipient[1].remote_mta, "mx.d.example");
	assert_string_equal(r->reporting_mta, "mx.example");
	assert_int_equal(r->recipient[2].verdict, DSN_VERDICT_SOFT);
	dsn_report_free(r);
}

static void
json_is_one_clean_line(void **state)
{
	static const char in[] = REPORT TO "Action: failed\nStatus: 5.1.1\n"
	    "Diagnostic-Code: smtp; 550 5.1.1 \"x\\\x01\xff\x1b[1m <b>\n"
	    RETURNED;
	struct dsn_report *r = parse(in, sizeof(in) - 1, false);
	struct strbuf out = STRBUF_INIT(65536);
	json_t *o, *rcpt;

	(void)state;
	assert_int_equal(dsn_report_to_json(r, &out), 0);
	assert_null(strpbrk(out.s, "\r\n\x1b\x01"));
	o = json_loads(out.s, 0, NULL);
	assert_non_null(o);
	assert_string_equal(json_string_value(json_object_get(o, "verdict")),
	    "hard");
	assert_string_equal(json_string_value(json_object_get(o,
	    "recipient")), "a@b.example");
	assert_string_equal(json_string_value(json_object_get(o, "status")),
	    "5.1.1");
	assert_string_equal(json_string_value(json_object_get(o, "class")),
	    "mailbox-unknown");
	rcpt = json_array_get(json_object_get(o, "recipients"), 0);
	assert_string_equal(json_string_value(json_object_get(rcpt,
	    "counts")), "hard");
	assert_int_equal(json_integer_value(json_object_get(rcpt, "code")),
	    550);
	json_decref(o);
	dsn_report_free(r);
	/* An ordinary message says "-", never nothing. */
	r = parse("A: b\n\n", 6, false);
	strbuf_reset(&out);
	assert_int_equal(dsn_report_to_json(r, &out), 0);
	assert_memory_equal(out.s, "{\"verdict\":\"none\",\"recipient\":\"-\","
	    "\"status\":\"-\",\"class\":\"-\",", 58);
	dsn_report_free(r);
	strbuf_free(&out);
}

static void
limits_hold(void **state)
{
	struct strbuf b = STRBUF_INIT(1 << 24);
	struct err e = ERR_INIT;
	struct dsn_report *r;

	(void)state;
	strbuf_adds(&b, REPORT);
	for (unsigned i = 0; i < DSN_RECIPIENTS_MAX + 5; i++)
		strbuf_adds(&b, TO "Action: failed\nStatus: 5.1.1\n\n");
	strbuf_adds(&b, RETURNED);
	r = parse(b.s, b.len, false);
	assert_int_equal(r->recipients, DSN_RECIPIENTS_MAX);
	dsn_report_free(r);

	/* A header without an end. */
	strbuf_reset(&b);
	while (b.len < 200000)
		strbuf_adds(&b, "A: b\n");
	assert_null(dsn_parse(b.s, b.len, false, &e));
	assert_int_equal(e.code, ERR_LIMIT);

	/* Multiparts in multiparts, to the limit and beyond. */
	for (unsigned n = DSN_MULTIPARTS_MAX; n <= DSN_MULTIPARTS_MAX + 1;
	    n++) {
		strbuf_reset(&b);
		for (unsigned i = 0; i < n; i++)
			strbuf_addf(&b, "Content-Type: multipart/mixed; "
			    "boundary=b%u\n\n--b%u\n", i, i);
		r = dsn_parse(b.s, b.len, false, &e);
		assert_int_equal(r != NULL, n == DSN_MULTIPARTS_MAX);
		dsn_report_free(r);
	}

	/* What stands behind the first megabyte is our own message. */
	strbuf_reset(&b);
	strbuf_adds(&b, DAEMON "Content-Type: multipart/report; "
	    "report-type=delivery-status; boundary=b\n\n--b\n\n");
	while (b.len < DSN_LOOK_MAX)
		strbuf_adds(&b, "text text text text text text text\n");
	strbuf_adds(&b, "--b\nContent-Type: message/delivery-status\n\n" TO
	    "Action: failed\nStatus: 5.1.1\n--b--\n");
	r = parse(b.s, b.len, false);
	assert_int_equal(r->recipients, 0);
	dsn_report_free(r);
	strbuf_free(&b);
}

/*
 * X12: ten megabytes of what hurts some parser somewhere.  Time is linear by
 * construction; the bound is so generous that only a square breaks it.
 */
static void
hostile_input_takes_no_time(void **state)
{
	static const struct {
		const char	*why, *start, *again;
	} hostile[] = {
		{ "boundaries", REPORT, "--b\n" },
		{ "half boundaries", REPORT, "--\n" },
		{ "groups", REPORT, "Final-Recipient: x\n\n" },
		{ "empty groups", REPORT, "\n\n" },
		{ "one long group", REPORT TO, "X: y\n" },
		{ "folds", REPORT TO "Diagnostic-Code: x\n", " y\n" },
		{ "parentheses", REPORT TO "Status: (", "(" },
		{ "codes", REPORT TO "Diagnostic-Code: smtp; ", "550 " },
		{ "enhanced codes", REPORT TO "Diagnostic-Code: ", "#5.1. " },
		{ "escapes", REPORT "Final-Recipient: utf-8; ", "\\x{4" },
		{ "addresses", DAEMON "\nHi. This is the\n", "<a@b.cd>:\n" },
		{ "different addresses", DAEMON "\nHi. This is the\n",
		    "<a@b.cd>:\n<c@b.cd>:\n" },
		{ "shapes that break off", DAEMON "\n", "the following " },
		{ "blanks", DAEMON "\nhi.", " " },
		{ "list elements", DAEMON "X-Failed-Recipients: a@b\n\n"
		    "the following address failed:", "a@b," },
		{ "phrases with gaps", REPORT TO "Action: failed\n"
		    "Diagnostic-Code: smtp; 550 ", "multiple addresses " },
		{ "parts", DAEMON "Content-Type: multipart/mixed; "
		    "boundary=b\n\n", "--b\n\n\n" },
		{ "enclosed messages", DAEMON "Content-Type: multipart/mixed;"
		    " boundary=b\n\n",
		    "--b\nContent-Type: message/rfc822\n\n" },
		{ "messages in messages", DAEMON
		    "Content-Type: message/rfc822\n\n",
		    "Content-Type: message/rfc822\n\n" },
		{ "quoted-printable", DAEMON
		    "Content-Transfer-Encoding: quoted-printable\n\n", "=\n" },
		{ "NULs", DAEMON "\n", "\x01\xff" },
	};
	struct strbuf b = STRBUF_INIT(11 << 20);

	(void)state;
	for (size_t i = 0; i < LENGTH(hostile); i++) {
		clock_t from = clock();

		strbuf_reset(&b);
		strbuf_adds(&b, hostile[i].start);
		while (b.len < 10 << 20)
			strbuf_adds(&b, hostile[i].again);
		dsn_report_free(dsn_parse(b.s, b.len, false, NULL));
		if (clock() - from > 10 * CLOCKS_PER_SEC)
			fail_msg("%s: %ld ms", hostile[i].why,
			    (long)((clock() - from) * 1000 /
			    CLOCKS_PER_SEC));
	}
	strbuf_free(&b);
}

/* ---- labelled messages */

static bool
listed(const char *value, const char *list)
{
	return strcasecmp(value, list) == 0;
}

/* Is "verdict/class" one of those that are as good? */
static bool
also_accepted(const char *also, const char *verdict, const char *class)
{
	struct strbuf pair = STRBUF_INIT(256);
	const char *at;
	bool ok = false;

	strbuf_addf(&pair, "%s/%s", verdict, class);
	for (at = also; !ok && at != NULL; at = strchr(at, ';')) {
		at += *at == ';';
		ok = strcspn(at, ";") == pair.len &&
		    strncmp(at, pair.s, pair.len) == 0;
	}
	strbuf_free(&pair);
	return ok;
}

/* The same for the verdict alone. */
static bool
also_verdict(const char *also, const char *verdict)
{
	size_t n = strlen(verdict);

	for (const char *at = also; at != NULL; at = strchr(at, ';')) {
		at += *at == ';';
		if (strncmp(at, verdict, n) == 0 && at[n] == '/')
			return true;
	}
	return false;
}

static const struct dsn_recipient *
find_recipient(const struct dsn_report *r, const char *address,
    const char *also)
{
	for (unsigned i = 0; i < r->recipients; i++)
		if (listed(r->recipient[i].address, address) ||
		    listed(r->recipient[i].address, also))
			return &r->recipient[i];
	return r->recipients == 1 ? &r->recipient[0] : NULL;
}

struct score {
	unsigned	rows, right, status, class, classed;
};

static void
score_row(struct score *s, const struct dsn_report *r, char *const label[6],
    char *const detail[9])
{
	const struct dsn_recipient *rcpt = find_recipient(r, label[2],
	    detail[7]);
	const char *verdict = dsn_verdict_name(rcpt != NULL ? rcpt->verdict :
	    dsn_report_verdict(r, NULL));
	const char *class = reply_category_name(rcpt != NULL ?
	    rcpt->class.category : REPLY_CAT_NONE);
	const char *address = rcpt != NULL && rcpt->address[0] != '\0' ?
	    rcpt->address : "-";
	char status[ENHANCED_TEXT_MAX] = "";
	bool right;

	if (rcpt != NULL)
		enhanced_format(&rcpt->status, status);
	right = strcmp(verdict, label[1]) == 0 ||
	    also_verdict(detail[6], verdict);
	/* Without a verdict it does not matter whom it would be about. */
	right = right && (strcmp(verdict, "none") == 0 || rcpt == NULL ||
	    listed(address, label[2]) || listed(address, detail[7]));
	s->rows++;
	s->right += right;
	s->status += strcmp(status[0] != '\0' ? status : "-", label[3]) == 0;
	if (strcmp(label[5], "yes") == 0) {
		s->classed++;
		s->class += (strcmp(verdict, label[1]) == 0 &&
		    strcmp(class, label[4]) == 0) ||
		    also_accepted(detail[6], verdict, class);
	}
	if (!right)
		print_message("%s %s: %s for %s\n", label[0], label[2],
		    verdict, address);
}

/*
 * The whole collection.  The numbers are what was reached; none may fall.  Of
 * the rows without the right status or class, three are notifications in JSON
 * or a transcript, which are no bounces here and are accepted as such; two say
 * that a domain which they do not name as the sender's does not exist, or
 * leave three causes open.
 */
static void
labelled_bounces(void **state)
{
	struct strbuf text = STRBUF_INIT(1 << 22);
	char *label[SHARED_COLUMNS_MAX], *detail[SHARED_COLUMNS_MAX];
	char file[64] = "", *copy[6];
	struct score s = { 0, 0, 0, 0, 0 };
	struct dsn_report *r = NULL;
	FILE *labels, *details;

	(void)state;
	labels = shared_open("bounces/labels.tsv");
	details = shared_open("bounces/details.tsv");
	if (labels == NULL || details == NULL)
		skip();
	while (shared_row(labels, label, 6)) {
		for (int i = 0; i < 6; i++)
			copy[i] = strdup(label[i]);
		assert_true(shared_row(details, detail, 9));
		assert_string_equal(copy[0], detail[0]);
		if (strcmp(file, copy[0]) != 0) {
			snprintf(file, sizeof(file), "%s", copy[0]);
			shared_read("bounces/", file, &text);
			dsn_report_free(r);
			r = parse(text.s, text.len, false);
		}
		score_row(&s, r, copy, detail);
		for (int i = 0; i < 6; i++)
			free(copy[i]);
	}
	print_message("bounces: verdict and recipient %u of %u, status %u, "
	    "class %u of %u\n", s.right, s.rows, s.status, s.class,
	    s.classed);
	assert_int_equal(s.rows, 150);
	assert_int_equal(s.right, 150);
	assert_true(s.status >= 147);
	assert_int_equal(s.classed, 142);
	assert_true(s.class >= 140);
	dsn_report_free(r);
	fclose(labels);
	fclose(details);
	strbuf_free(&text);
}

/* Never an ordinary message taken for a bounce, nor a machine for a person. */
static void
labelled_others(void **state)
{
	struct strbuf text = STRBUF_INIT(1 << 22);
	char *row[SHARED_COLUMNS_MAX];
	unsigned seen = 0;
	FILE *f;

	(void)state;
	if ((f = shared_open("not-bounces/labels.tsv")) == NULL)
		skip();
	while (shared_row(f, row, 4)) {
		struct dsn_report *r;

		shared_read("not-bounces/", row[0], &text);
		r = parse(text.s, text.len, false);
		if (r->recipients != 0 ||
		    strcmp(dsn_kind_name(r->kind), row[1]) != 0)
			fail_msg("%s: %s", row[0], dsn_kind_name(r->kind));
		dsn_report_free(r);
		seen++;
	}
	assert_int_equal(seen, 30);
	fclose(f);
	strbuf_free(&text);
}

/* The addresses of a report as the table writes them. */
static void
join_addresses(const struct dsn_report *r, struct strbuf *out)
{
	strbuf_reset(out);
	for (unsigned i = 0; i < r->recipients; i++)
		if (r->recipient[i].address[0] != '\0')
			strbuf_addf(out, "%s%s", out->len != 0 ? "," : "",
			    r->recipient[i].address);
	if (out->len == 0)
		strbuf_adds(out, "-");
}

/* Complaints are no bounces, and tell whom they are from where they can. */
static void
labelled_complaints(void **state)
{
	struct strbuf text = STRBUF_INIT(1 << 22), got = STRBUF_INIT(4096);
	char *row[SHARED_COLUMNS_MAX];
	unsigned seen = 0;
	FILE *f;

	(void)state;
	if ((f = shared_open("arf/labels.tsv")) == NULL)
		skip();
	while (shared_row(f, row, 6)) {
		struct dsn_report *r;
		const char *want = strcmp(row[4], "redacted") == 0 ? "-" :
		    row[4];

		shared_read("arf/", row[0], &text);
		r = parse(text.s, text.len, false);
		assert_int_equal(r->kind, DSN_COMPLAINT);
		if (strcmp(dsn_verdict_name(dsn_report_verdict(r, NULL)),
		    strcmp(row[2], "yes") == 0 ? "complaint" : "none") != 0)
			fail_msg("%s: verdict", row[0]);
		join_addresses(r, &got);
		if (strcmp(got.s, want) != 0)
			fail_msg("%s: %s, not %s", row[0], got.s, want);
		dsn_report_free(r);
		seen++;
	}
	assert_int_equal(seen, 16);
	fclose(f);
	strbuf_free(&text);
	strbuf_free(&got);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row),
		cmocka_unit_test(line_ends_do_not_matter),
		cmocka_unit_test(several_recipients),
		cmocka_unit_test(json_is_one_clean_line),
		cmocka_unit_test(limits_hold),
		cmocka_unit_test(hostile_input_takes_no_time),
		cmocka_unit_test(labelled_bounces),
		cmocka_unit_test(labelled_others),
		cmocka_unit_test(labelled_complaints),
	};

	dsn_setup();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
