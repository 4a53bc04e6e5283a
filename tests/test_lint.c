/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_lint.c - what is found, what is not, and with which grade.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/lint.h"
#include "lib/strbuf.h"

static struct lint_report report;

static void
lint(const char *text)
{
	lint_message((const uint8_t *)text, strlen(text), &report);
}

static const struct lint_finding *
find(enum lint_grade grade, const char *rule, const char *text)
{
	for (unsigned i = 0; i < report.findings; i++)
		if (report.finding[i].grade == grade &&
		    strcmp(report.finding[i].rule, rule) == 0 &&
		    strstr(report.finding[i].text, text) != NULL)
			return &report.finding[i];
	return NULL;
}

static void
print_report(void)
{
	for (unsigned i = 0; i < report.findings; i++)
		print_message("%s %s line %u part %s: %s\n",
		    lint_grade_name(report.finding[i].grade),
		    report.finding[i].rule, (unsigned)report.finding[i].line,
		    report.finding[i].part, report.finding[i].text);
}

/* A message without fault, to which rows add one. */
#define DATE	"Date: Tue, 26 Nov 2024 10:20:34 +0900\n"
#define ID	"Message-ID: <a.b@c.example>\n"
#define FROM	"From: Taro <taro@a.example>\n"
#define SUBJECT	"Subject: Autumn\n"
#define MIME	"MIME-Version: 1.0\n"
#define HEAD	DATE ID FROM SUBJECT MIME
#define ALT	HEAD "Content-Type: multipart/alternative; boundary=b\n\n"
#define PLAIN	"--b\nContent-Type: text/plain; charset=utf-8\n\nText.\n"
#define HTML	"--b\nContent-Type: text/html; charset=utf-8\n\n"
#define END	"--b--\n"

static const struct {
	const char *why, *text;
} clean[] = {
	{ "plain text",		HEAD "\nHello\n" },
	{ "no MIME needed",	DATE ID FROM SUBJECT "\nHello\n" },
	{ "an alternative",	ALT PLAIN HTML "<p>Text.</p>\n" END },
	{ "alternative in mixed", HEAD "Content-Type: multipart/mixed; "
	    "boundary=m\n\n--m\nContent-Type: multipart/alternative; "
	    "boundary=b\n\n" PLAIN HTML "<p>x</p>\n" END "--m\nContent-Type: "
	    "application/pdf; name=a.pdf\nContent-Disposition: attachment; "
	    "filename=a.pdf\nContent-Transfer-Encoding: base64\n\nJVBERg==\n"
	    "--m--\n" },
	{ "related HTML",	ALT PLAIN "--b\nContent-Type: "
	    "multipart/related; boundary=r\n\n--r\nContent-Type: text/html\n\n"
	    "<img src=\"cid:a\" alt=\"\">\n--r\nContent-Type: image/png; "
	    "name=a.png\nContent-Disposition: inline; filename=a.png\n"
	    "Content-Transfer-Encoding: base64\n\nYQ==\n--r--\n" END },
	{ "encoded words",	DATE ID "From: =?utf-8?q?J=C3=B6rg?= <j@a.example>\n"
	    "Subject: =?UTF-8?B?44Gu44GK55+l44KJ44Gb?= and\n =?iso-2022-jp?B?"
	    "GyRCRnxLXBsoQg==?=\n" MIME "\nx\n" },
	{ "quoted name",	DATE ID "From: \"A, B (C)\" <a@b.example>\n"
	    SUBJECT MIME "\nx\n" },
	{ "a comment behind",	DATE ID "From: a@b.example (A B)\n" SUBJECT MIME "\nx\n" },
	{ "several From with Sender is the one thing said apart",
	    DATE ID FROM SUBJECT MIME "Sender: a@b.example\n\nx\n" },
	{ "an answer",		DATE ID FROM "Subject: Re: yours\n"
	    "In-Reply-To: <x@y.example>\n" MIME "\nx\n" },
	{ "Latin-1",		HEAD "Content-Type: text/plain; charset=iso-8859-1\n"
	    "Content-Transfer-Encoding: 8bit\n\ncaf\351\n" },
	{ "8-bit UTF-8",	HEAD "Content-Type: text/plain; charset=utf-8\n"
	    "Content-Transfer-Encoding: 8bit\n\ncaf\303\251\n" },
	{ "spacers",		ALT PLAIN HTML "<td style=\"font-size:0\">&nbsp;"
	    "</td><p style=\"color:#333;background:#fff\">x</p>\n" END },
	{ "hidden image, no text", ALT PLAIN HTML "<img style=\"display:none\" "
	    "src=\"cid:x\"><p>seen</p>\n" END },
};

static void
clean_messages_have_no_findings(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(clean) / sizeof(clean[0]); i++) {
		lint(clean[i].text);
		if (report.findings != 0) {
			print_report();
			fail_msg("%s", clean[i].why);
		}
	}
}

/* One fault each; exactly one finding of the grade and those above it. */
static const struct {
	const char *rule;
	enum lint_grade grade;
	uint32_t line;
	const char *part, *say, *text;
} faulty[] = {
	/* R84, S99: the header-count table of RFC 5322 section 3.6 */
	{ "S99", LINT_MUST, 0, "0", "From header field is missing", DATE ID SUBJECT MIME "\nx\n" },
	{ "R84", LINT_MUST, 6, "0", "2 From", HEAD FROM "\nx\n" },
	{ "R84", LINT_MUST, 6, "0", "2 Date", HEAD DATE "\nx\n" },
	{ "R84", LINT_MUST, 6, "0", "2 Subject", HEAD SUBJECT "\nx\n" },
	{ "R84", LINT_MUST, 6, "0", "2 Message-ID", HEAD ID "\nx\n" },
	{ "R84", LINT_MUST, 6, "0", "2 MIME-Version", HEAD MIME "\nx\n" },
	{ "R84", LINT_MUST, 7, "0", "2 Sender", HEAD "Sender: a@b.example\nSender: a@b.example\n\nx\n" },
	{ "R84", LINT_MUST, 7, "0", "3 Reply-To", HEAD "Reply-To: a@b.example\nReply-To: a@b.example\nReply-To: a@b.example\n\nx\n" },
	{ "R84", LINT_MUST, 7, "0", "2 To", HEAD "To: a@b.example\nto: a@b.example\n\nx\n" },
	{ "R84", LINT_MUST, 7, "0", "2 In-Reply-To", HEAD "In-Reply-To: <a@b>\nIn-Reply-To: <a@b>\n\nx\n" },
	{ "R84", LINT_MUST, 7, "0", "2 References", HEAD "References: <a@b>\nReferences: <a@b>\n\nx\n" },
	{ "R90", LINT_MUST, 7, "0", "more than one Content-Type", HEAD "Content-Type: text/plain\nContent-Type: text/plain\n\nx\n" },
	{ "R84", LINT_MAY, 0, "0", "Date is missing", ID FROM SUBJECT MIME "\nx\n" },
	{ "R86", LINT_MAY, 0, "0", "Message-ID is missing", DATE FROM SUBJECT MIME "\nx\n" },
	{ "R6", LINT_SHOULD, 0, "0", "Subject is missing", DATE ID FROM MIME "\nx\n" },
	{ "R6", LINT_SHOULD, 4, "0", "Subject is empty", DATE ID FROM "Subject: \n" MIME "\nx\n" },
	{ "R90", LINT_SHOULD, 0, "0", "MIME-Version is missing", DATE ID FROM SUBJECT "Content-Type: text/plain\n\nx\n" },
	{ "R90", LINT_SHOULD, 5, "0", "MIME-Version is not", DATE ID FROM SUBJECT "MIME-Version: 2.0\n\nx\n" },
	{ "R84", LINT_MUST, 2, "0", "no field", DATE "nonsense\n" ID FROM SUBJECT MIME "\nx\n" },
	/* addresses */
	{ "R84", LINT_MUST, 3, "0", "no Sender", DATE ID "From: a@b.example,\n c@d.example\n" SUBJECT MIME "\nx\n" },
	{ "R6", LINT_SHOULD, 3, "0", "From has 2", DATE ID "From: a@b.example, c@d.example\n" SUBJECT MIME "Sender: a@b.example\n\nx\n" },
	{ "R84", LINT_MUST, 3, "0", "From has 1 that is no address", DATE ID "From: Whomever\n" SUBJECT MIME "\nx\n" },
	{ "R84", LINT_MUST, 3, "0", "From has 1 that is no address", DATE ID "From: A <a@@b.example>\n" SUBJECT MIME "\nx\n" },
	{ "R84", LINT_MUST, 3, "0", "cannot reach", DATE ID "From: A <a@localhost>\n" SUBJECT MIME "\nx\n" },
	{ "R84", LINT_MUST, 3, "0", "do not match", DATE ID "From: \"A <a@b.example>\n" SUBJECT MIME "\nx\n" },
	{ "R84", LINT_MUST, 3, "0", "From has no address", DATE ID "From:\n" SUBJECT MIME "\nx\n" },
	{ "R84", LINT_MUST, 3, "0", "From has no address", DATE ID "From: undisclosed:;\n" SUBJECT MIME "\nx\n" },
	{ "R84", LINT_MUST, 6, "0", "Sender has 2", HEAD "Sender: a@b.example, c@d.example\n\nx\n" },
	{ "R93", LINT_MAY, 6, "0", "several recipients", HEAD "To: a@b.example, \"c, d\" <c@d.example>\n\nx\n" },
	/* R7 */
	{ "R7", LINT_SHOULD, 3, "0", "answer", DATE ID "From: \"Re: your order\" <a@b.example>\n" SUBJECT MIME "\nx\n" },
	{ "R7", LINT_SHOULD, 3, "0", "thread", DATE ID "From: \"Shop (2)\" <a@b.example>\n" SUBJECT MIME "\nx\n" },
	{ "R7", LINT_SHOULD, 3, "0", "badge", DATE ID "From: =?utf-8?b?U2hvcCDinJQ=?= <a@b.example>\n" SUBJECT MIME "\nx\n" },
	{ "R7", LINT_SHOULD, 3, "0", "another address", DATE ID "From: \"boss@bank.example\" <a@b.example>\n" SUBJECT MIME "\nx\n" },
	{ "R7", LINT_SHOULD, 3, "0", "placeholder", DATE ID "From: \"For {{name}}\" <a@b.example>\n" SUBJECT MIME "\nx\n" },
	{ "R7", LINT_SHOULD, 4, "0", "answers nothing", DATE ID FROM "Subject: RE: hello\n" MIME "\nx\n" },
	{ "R7", LINT_SHOULD, 4, "0", "answers nothing", DATE ID FROM "Subject: =?utf-8?q?Fwd:_x?=\n" MIME "\nx\n" },
	/* octets and lines */
	{ "S100", LINT_MUST, 4, "0", "8-bit text in Subject", DATE ID FROM "Subject: caf\303\251\n" MIME "\nx\n" },
	{ "S100", LINT_MUST, 10, "1", "8-bit text in Content-D", HEAD "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain\nContent-Description: caf\303\251\n\nx\n--b--\n" },
	{ "R95", LINT_MUST, 4, "0", "control", DATE ID FROM "Subject: a\033b\n" MIME "\nx\n" },
	{ "R85", LINT_MUST, 4, "0", "line of blanks", DATE ID FROM "Subject: a\n \n b\n" MIME "\nx\n" },
	{ "R85", LINT_SHOULD, 4, "0", "header line of", DATE ID FROM "Subject: 12345678901234567890123456789012345678901234567890123456789012345678901234567890\n" MIME "\nx\n" },
	{ "T30", LINT_MAY, 0, "0", "mixed", DATE ID FROM SUBJECT "MIME-Version: 1.0\r\n\nx\n" },
	{ "R87", LINT_MAY, 1, "0", "wrong weekday", "Date: Mon, 26 Nov 2024 10:20:34 +0900\n" ID FROM SUBJECT MIME "\nx\n" },
	{ "R87", LINT_MAY, 1, "0", "not a date", "Date: Whenever\n" ID FROM SUBJECT MIME "\nx\n" },
	{ "R6", LINT_MAY, 2, "0", "Message-ID is not", DATE "Message-ID: a.b@c.example\n" FROM SUBJECT MIME "\nx\n" },
	/* R88 */
	{ "R88", LINT_MUST, 4, "0", "of 76 octets", DATE ID FROM "Subject:\n =?utf-8?q?xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx?=\n" MIME "\nx\n" },
	{ "R88", LINT_SHOULD, 4, "0", "touches", DATE ID FROM "Subject: a=?utf-8?q?b?=\n" MIME "\nx\n" },
	{ "R88", LINT_MUST, 4, "0", "cannot be decoded", DATE ID FROM "Subject: =?utf-8?b?Y?=\n" MIME "\nx\n" },
	{ "R88", LINT_MUST, 4, "0", "cannot be decoded", DATE ID FROM "Subject: =?utf-8?q?a=4?=\n" MIME "\nx\n" },
	{ "R88", LINT_MUST, 4, "0", "cannot be decoded", DATE ID FROM "Subject: =?utf-8?x?a?=\n" MIME "\nx\n" },
	{ "R88", LINT_MUST, 4, "0", "whole characters", DATE ID FROM "Subject: =?utf-8?q?=C3?= x\n" MIME "\nx\n" },
	{ "R88", LINT_SHOULD, 4, "0", "unknown charset", DATE ID FROM "Subject: =?x-none?q?a?=\n" MIME "\nx\n" },
	{ "R88", LINT_MUST, 3, "0", "inside quotes", DATE ID "From: \"=?utf-8?q?a?=\" <a@b.example>\n" SUBJECT MIME "\nx\n" },
	{ "R88", LINT_MUST, 6, "0", "must not hold", HEAD "References: =?utf-8?q?a?=\n\nx\n" },
	{ "R89", LINT_SHOULD, 6, "0", "parameter", HEAD "Content-Disposition: inline; filename=\"=?utf-8?q?a?=\"\n\nx\n" },
	/* what does not leave */
	{ "R34", LINT_MAY, 6, "0", "List-Unsubscribe is left out", HEAD "List-Unsubscribe: <https://a.example/>\n\nx\n" },
	{ "R9", LINT_MAY, 6, "0", "Feedback-ID", HEAD "Feedback-ID: a:b:c:d\n\nx\n" },
	{ "R149", LINT_MAY, 6, "0", "CFBL-Address", HEAD "CFBL-Address: a@b.example\n\nx\n" },
	{ "R93", LINT_MAY, 6, "0", "Bcc", HEAD "Bcc: a@b.example\n\nx\n" },
	{ "T23", LINT_MAY, 6, "0", "ARC-Seal", HEAD "ARC-Seal: i=1\n\nx\n" },
	/* parts */
	{ "T30", LINT_MUST, 7, "0", "8-bit", HEAD "\ncaf\303\251\n" },
	{ "R90", LINT_MUST, 9, "0", "fit its charset", HEAD "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\ncaf\351\n" },
	{ "R90", LINT_MUST, 9, "0", "fit its charset", HEAD "Content-Type: text/plain; charset=us-ascii\nContent-Transfer-Encoding: quoted-printable\n\ncaf=E9\n" },
	{ "R90", LINT_SHOULD, 1, "0", "unknown charset", HEAD "Content-Type: text/plain; charset=x-none\n\nx\n" },
	{ "R90", LINT_MUST, 8, "0", "cannot be decoded: line 10", HEAD "Content-Transfer-Encoding: quoted-printable\n\nx\n=\n=ZZ\n" },
	{ "R90", LINT_MUST, 1, "0", "binary", HEAD "Content-Transfer-Encoding: binary\n\nx\n" },
	{ "R90", LINT_MUST, 6, "0", "unknown or not allowed", HEAD "Content-Transfer-Encoding: uuencode\n\nx\n" },
	{ "T30", LINT_MUST, 8, "0", "NUL", HEAD "Content-Transfer-Encoding: base64\n\nYQBi\n" },
	{ "R90", LINT_MUST, 9, "1", "must not be encoded", HEAD "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\nYQ==\n--b--\n" },
	{ "S101", LINT_MUST, 16, "0", "not closed", ALT PLAIN HTML "<p>x</p>\n" },
	{ "S101", LINT_MUST, 6, "0", "without a boundary", HEAD "Content-Type: multipart/mixed\n\nx\n" },
	{ "S101", LINT_MUST, 1, "0", "begins no part", HEAD "Content-Type: multipart/mixed; boundary=b\n\nx\n" },
	{ "S101", LINT_SHOULD, 16, "0", "goes on", ALT PLAIN HTML "x\n--bc\n" END },
	/* S101, R91 */
	{ "S101", LINT_MUST, 13, "2", "application/pdf", ALT PLAIN "--b\nContent-Type: application/pdf\n\nx\n" END },
	{ "S101", LINT_MUST, 13, "2", "text/html", ALT PLAIN "--b\nContent-Type: text/html\nContent-Disposition: attachment\n\nx\n" END },
	{ "S101", LINT_MUST, 13, "2", "image/png", ALT PLAIN "--b\nContent-Type: image/png; name=x.png\n\nx\n" END },
	{ "R91", LINT_MUST, 13, "2", "not the first", ALT HTML "x\n" PLAIN END },
	{ "R91", LINT_MUST, 11, "1", "empty", ALT "--b\nContent-Type: text/plain\n\n \n" HTML "x\n" END },
	{ "R91", LINT_SHOULD, 7, "0", "empty", HEAD "\n\n" },
	{ "T32", LINT_SHOULD, 0, "0", "without a plain", HEAD "Content-Type: text/html\n\n<p>x</p>\n" },
	/* R92, T32 */
	{ "R92", LINT_SHOULD, 15, "2", "hidden by its style", ALT PLAIN HTML "<div style=\"Display: NONE !important\"><b>pre</b></div>\n" END },
	{ "R92", LINT_SHOULD, 15, "2", "hidden by its style", ALT PLAIN HTML "<p hidden>x</p>\n" END },
	{ "R92", LINT_SHOULD, 15, "2", "too small", ALT PLAIN HTML "<p style='font-size:1px'>x</p>\n" END },
	{ "R92", LINT_SHOULD, 15, "2", "color", ALT PLAIN HTML "<p style='color:#fefefe'>x</p>\n" END },
	{ "R92", LINT_SHOULD, 15, "2", "color", ALT PLAIN HTML "<table bgcolor=\"#000\"><tr><td style='color:#111'>x</table>\n" END },
	{ "T32", LINT_SHOULD, 15, "2", "unsubscribe link is hidden", ALT PLAIN HTML "<a style=\"visibility:hidden\" href=\"{{unsubscribe_url}}\">x</a><a href='{{unsubscribe_url}}'>leave</a>\n" END },
	{ "R92", LINT_MUST, 15, "2", "hidden or empty", ALT PLAIN HTML "<a style=\"visibility:hidden\" href=\"{{unsubscribe_url}}\"><img src=\"cid:x\"></a>\n" END },
	{ "R92", LINT_MUST, 15, "2", "hidden or empty", ALT PLAIN HTML "<div style='display:none'><a href='{{unsubscribe_url}}'>Leave</a></div>\n" END },
	{ "R92", LINT_MUST, 15, "2", "hidden or empty", ALT PLAIN HTML "<a href='{{unsubscribe_url}}'> &nbsp;</a>Leave\n" END },
	{ "R96", LINT_SHOULD, 8, "0", "placeholder in a signed", HEAD "Content-Type: multipart/signed; boundary=b\n\n" "--b\nContent-Type: text/plain\n\nDear {{name}}\n--b\nContent-Type: application/pgp-signature\n\nx\n" END },
	{ "R92", LINT_SHOULD, 15, "2", "ends in the middle", ALT PLAIN HTML "<p\n" END },
};

static void
each_fault_is_found(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(faulty) / sizeof(faulty[0]); i++) {
		const struct lint_finding *f;

		lint(faulty[i].text);
		f = find(faulty[i].grade, faulty[i].rule, faulty[i].say);
		if (f == NULL || f->line != faulty[i].line ||
		    strcmp(f->part, faulty[i].part) != 0) {
			print_report();
			fail_msg("row %zu: %s %s", i, faulty[i].rule,
			    faulty[i].say);
		}
		for (unsigned g = 0; g < faulty[i].grade; g++)
			if (report.count[g] != 0) {
				print_report();
				fail_msg("row %zu: something worse too", i);
			}
	}
}

/* T32: text and link of 6 pixels, pale: both are said. */
static void
a_hidden_link_is_said_apart(void **state)
{
	(void)state;
	lint(ALT PLAIN HTML "<p style='font-size:6px;color:#ddd'>To leave <a "
	    "href='https://a.example/unsubscribe'>click</a></p>\n" END);
	assert_non_null(find(LINT_SHOULD, "R92", "too small"));
	assert_non_null(find(LINT_SHOULD, "T32", "too small"));
	assert_int_equal(report.findings, 2);
}

/* What can be clicked: words in it, a value, a picture. */
static void
a_link_that_is_seen_is_no_fault(void **state)
{
	static const char *const links[] = {
		"<p style='color:#fff'><a href='{{unsubscribe_url}}'>x</a></p>",
		"<a href='{{unsubscribe_url}}'>{{word}}</a>",
		"<a href='{{{unsubscribe_url}}}'><img src='cid:x'></a>",
		"<a hidden href='{{unsubscribe_url}}'>x</a>"
		    "<a href='{{unsubscribe_url}}'><b>x</b></a>",
	};
	char text[1024];

	(void)state;
	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
		snprintf(text, sizeof(text), "%s%s\n%s", ALT PLAIN HTML,
		    links[i], END);
		lint(text);
		if (report.count[LINT_MUST] != 0)
			fail_msg("refused: %s", links[i]);
	}
}

static void
bytes_that_cannot_be_parsed(void **state)
{
	(void)state;
	lint("From: a@b.example\n\nx\ry\n");
	assert_int_equal(report.findings, 1);
	assert_non_null(find(LINT_MUST, "T30", "line 3: a CR"));
	lint_message((const uint8_t *)"From: a\n\nx\0y\n", 13, &report);
	assert_non_null(find(LINT_MUST, "T30", "line 3: a NUL"));
}

static void
long_lines_and_long_reports(void **state)
{
	struct strbuf b = STRBUF_INIT(1 << 20);

	(void)state;
	for (int over = 0; over < 2; over++) {
		strbuf_reset(&b);
		strbuf_adds(&b, HEAD "\n");
		for (int i = 0; i < LINT_LINE_MAX + over; i++)
			strbuf_addc(&b, 'x');
		lint(b.s);
		assert_int_equal(report.count[LINT_MUST], over);
		if (over)
			assert_int_equal(find(LINT_MUST, "R85",
			    "999 octets")->line, 7);
	}
	strbuf_reset(&b);
	for (int i = 0; i < LINT_FINDINGS_MAX + 50; i++)
		strbuf_adds(&b, "List-Id: x\n");
	lint(b.s);
	assert_int_equal(report.findings, LINT_FINDINGS_MAX);
	assert_true(report.count[LINT_MAY] > LINT_FINDINGS_MAX);
	strbuf_free(&b);
}

/* ---- the shared data */

static bool
load(const char *file, struct strbuf *out)
{
	const char *shared = getenv("LISTD_SHARED");
	const char *src = getenv("LISTD_SRCDIR");
	char path[4096], buf[4096];
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), "%s%s/data/%s", shared != NULL ? shared :
	    src != NULL ? src : ".", shared != NULL ? "" : "/../shared", file);
	if ((f = fopen(path, "rb")) == NULL)
		return false;
	while ((n = fread(buf, 1, sizeof(buf), f)) > 0)
		strbuf_add(out, buf, n);
	fclose(f);
	return true;
}

/*
 * Find the mistake (S99-S101): the rows "main" of expected.tsv are exactly the
 * MUST findings, the rows "also" are found below that, and no finding touches
 * what the rows "not" call right.
 */
static const struct {
	const char *file;
	unsigned musts;
	struct {
		enum lint_grade grade;
		const char *rule, *say;
	} expect[4];
	const char *not_rule[3];
} seeds[] = {
	{ "seeds/p3.eml", 1, {
	    { LINT_MUST, "S99", "From header field is missing" },
	    { LINT_SHOULD, "R90", "MIME-Version is missing" },
	    { LINT_MAY, "R86", "Message-ID is missing" } },
	    { "T30", "R85", "R91" } },
	{ "seeds/p4.eml", 1, {
	    { LINT_MUST, "S100", "raw 8-bit text in Subject" },
	    { LINT_SHOULD, "R90", "MIME-Version is missing" },
	    { LINT_MAY, "R86", "Message-ID is missing" } },
	    { "T30", "R85", "R91" } },
	{ "seeds/p5.eml", 2, {
	    { LINT_MUST, "S101", "inside multipart/alternative" },
	    { LINT_MUST, "S101", "is not closed" },
	    { LINT_SHOULD, "R90", "MIME-Version is missing" },
	    { LINT_MAY, "R86", "Message-ID is missing" } },
	    { "R88", "T30", "R91" } },
};

static void
seeds_give_their_findings(void **state)
{
	struct strbuf b = STRBUF_INIT(1 << 20);

	(void)state;
	for (size_t i = 0; i < sizeof(seeds) / sizeof(seeds[0]); i++) {
		strbuf_reset(&b);
		if (!load(seeds[i].file, &b)) {
			strbuf_free(&b);
			skip();
		}
		lint_message((const uint8_t *)b.s, b.len, &report);
		if (report.count[LINT_MUST] != seeds[i].musts ||
		    report.count[LINT_SHOULD] != 1) {
			print_report();
			fail_msg("%s", seeds[i].file);
		}
		for (size_t k = 0; k < 4 && seeds[i].expect[k].rule; k++)
			if (find(seeds[i].expect[k].grade,
			    seeds[i].expect[k].rule,
			    seeds[i].expect[k].say) == NULL)
				fail_msg("%s: %s", seeds[i].file,
				    seeds[i].expect[k].say);
		for (size_t k = 0; k < 3; k++)
			for (int g = 0; g < LINT_GRADES; g++)
				assert_null(find((enum lint_grade)g,
				    seeds[i].not_rule[k], ""));
	}
	strbuf_free(&b);
}

/* The examples of the RFCs: how many MUST findings, each looked at by hand. */
static void
examples_of_the_rfcs(void **state)
{
	static const struct {
		unsigned musts;
		const char *say;	/* in each of them */
	} rows[] = {
		{ 2, "cannot be decoded" },	/* two descriptions of data */
		{ 2, "" },	/* From: Whomever; a Content-Type without ";" */
		{ 0, "" },
		{ 0, "" },
		{ 1, "From" },			/* "Moderator-Address" */
		{ 0, "" },
		{ 0, "" },
		{ 1, "From" },			/* none */
		{ 2, "" },		/* no From; base64 of message/rfc822 */
		{ 0, "" },
	};
	struct strbuf b = STRBUF_INIT(1 << 20);
	char file[64];

	(void)state;
	for (unsigned i = 0; i < 10; i++) {
		snprintf(file, sizeof(file), "mime/rfc-00%u.eml", i);
		strbuf_reset(&b);
		if (!load(file, &b)) {
			strbuf_free(&b);
			skip();
		}
		lint_message((const uint8_t *)b.s, b.len, &report);
		if (report.count[LINT_MUST] != rows[i].musts) {
			print_report();
			fail_msg("%s", file);
		}
		for (unsigned k = 0; k < report.findings; k++)
			if (report.finding[k].grade == LINT_MUST &&
			    strstr(report.finding[k].text, rows[i].say) ==
			    NULL)
				fail_msg("%s: %s", file,
				    report.finding[k].text);
	}
	strbuf_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(clean_messages_have_no_findings),
		cmocka_unit_test(each_fault_is_found),
		cmocka_unit_test(a_hidden_link_is_said_apart),
		cmocka_unit_test(a_link_that_is_seen_is_no_fault),
		cmocka_unit_test(bytes_that_cannot_be_parsed),
		cmocka_unit_test(long_lines_and_long_reports),
		cmocka_unit_test(seeds_give_their_findings),
		cmocka_unit_test(examples_of_the_rfcs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
