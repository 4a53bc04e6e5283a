/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_smtp_command.c - command lines, right, odd and hostile.
 *
 * Requirements: X06 (addresses as commands), X08 (limits), X14 and S55 (no
 * relaying), R174 (line length), R178 (SMTPUTF8).
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/smtp_command.h"
#include "lib/strbuf.h"

#define LENGTH(a)	(sizeof(a) / sizeof((a)[0]))

static const struct {
	const char	*line;
	enum smtp_verb	 verb;
	const char	*arg;
} lines[] = {
	{ "EHLO a.example", SMTP_EHLO, "a.example" },
	{ "eHlO a.example  ", SMTP_EHLO, "a.example" },
	{ "helo  a", SMTP_HELO, "a" },
	{ "LHLO a", SMTP_LHLO, "a" },
	{ "MAIL FROM:<>", SMTP_MAIL, "FROM:<>" },
	{ "RCPT TO:<a@b>", SMTP_RCPT, "TO:<a@b>" },
	{ "DATA", SMTP_DATA, "" },
	{ "DATA ", SMTP_DATA, "" },
	{ "DATAX", SMTP_UNKNOWN, "" },
	{ "QUIT", SMTP_QUIT, "" },
	{ "STARTTLS", SMTP_STARTTLS, "" },
	{ "AUTH PLAIN x", SMTP_ABSENT, "PLAIN x" },
	{ "BDAT 10 LAST", SMTP_FOREIGN, "10 LAST" },
	{ "GET / HTTP/1.1", SMTP_FOREIGN, "/ HTTP/1.1" },
	{ "", SMTP_UNKNOWN, "" },
	{ " QUIT", SMTP_UNKNOWN, "" },
	{ "MAILFROM:<a@b>", SMTP_UNKNOWN, "" },
};

static void
lines_are_split(void **state)
{
	struct smtp_command c;

	(void)state;
	for (size_t i = 0; i < LENGTH(lines); i++) {
		assert_true(smtp_command_parse(lines[i].line,
		    strlen(lines[i].line), &c));
		if (c.verb != lines[i].verb)
			fail_msg("%s: verb %d", lines[i].line, c.verb);
		assert_int_equal(c.arg_len, strlen(lines[i].arg));
		assert_memory_equal(c.arg, lines[i].arg, c.arg_len);
	}
	assert_false(smtp_command_parse("NOOP \t", 6, &c));
	assert_false(smtp_command_parse("NO\0P", 4, &c));
	assert_false(smtp_command_parse("NOOP \x7f", 6, &c));
	assert_false(smtp_command_parse("NOOP\rQUIT", 9, &c));
}

/* R174: exactly 512 octets with CRLF, and what the extensions add. */
static void
line_limit_is_exact(void **state)
{
	static const struct {
		const char	*verb;
		size_t		 max;
	} verbs[] = {
		{ "NOOP ", 512 }, { "EHLO ", 512 }, { "FOOO ", 512 },
		{ "MAIL ", 565 }, { "RCPT ", 522 },
	};
	char line[1024];
	struct smtp_command c;

	(void)state;
	for (size_t i = 0; i < LENGTH(verbs); i++) {
		memset(line, 'x', sizeof(line));
		memcpy(line, verbs[i].verb, 5);
		assert_true(smtp_command_parse(line, verbs[i].max - 2, &c));
		assert_false(smtp_command_parse(line, verbs[i].max - 1, &c));
	}
}

static const struct {
	const char	*why, *arg;
	const char	*code;		/* start of the refusal, NULL = taken */
	const char	*local, *domain;
	uint64_t	 size;
	bool		 eight_bit, utf8;
} mails[] = {
	{ "usual", "FROM:<a@b.example>", NULL, "a", "b.example", 0, 0, 0 },
	{ "null", "FROM:<>", NULL, "", "", 0, 0, 0 },
	{ "case", "from:<a@B.example>", NULL, "a", "b.example", 0, 0, 0 },
	{ "blank after the colon is forgiven", "FROM:  <a@b.example>", NULL,
	    "a", "b.example", 0, 0, 0 },
	{ "parameters", "FROM:<a@b.example> size=1000  BODY=8BITMIME", NULL,
	    "a", "b.example", 1000, 1, 0 },
	{ "7BIT", "FROM:<> BODY=7bit", NULL, "", "", 0, 0, 0 },
	{ "more than can be counted", "FROM:<> SIZE=99999999999999999999",
	    NULL, "", "", UINT64_MAX, 0, 0 },
	{ "largest that can", "FROM:<> SIZE=18446744073709551615", NULL, "",
	    "", UINT64_MAX, 0, 0 },
	{ "UTF-8", "FROM:<\xc3\xbc@b.example> SMTPUTF8", NULL, "\xc3\xbc",
	    "b.example", 0, 0, 1 },
	{ "quoted > and blank", "FROM:<\"a>b\"@b.example> SIZE=1", NULL,
	    "\"a>b\"", "b.example", 1, 0, 0 },

	{ "a host without a name", "FROM:<a@[192.0.2.1]>", NULL, "a",
	    "[192.0.2.1]", 0, 0, 0 },
	{ "the same with IPv6", "FROM:<a@[IPv6:2001:db8::1]> SIZE=1", NULL,
	    "a", "[ipv6:2001:db8::1]", 1, 0, 0 },

	{ "no such address", "FROM:<a@[192.0.2.256]>", "501 5.1.7", "", "", 0,
	    0, 0 },
	{ "UTF-8 without SMTPUTF8", "FROM:<\xc3\xbc@b.example>", "553 5.6.7",
	    "", "", 0, 0, 0 },
	{ "no brackets", "FROM:a@b.example", "501 5.5.4", "", "", 0, 0, 0 },
	{ "no colon", "FROM <a@b.example>", "501 5.5.4", "", "", 0, 0, 0 },
	{ "blank before the colon", "FROM :<a@b.example>", "501 5.5.4", "", "",
	    0, 0, 0 },
	{ "nothing", "", "501 5.5.4", "", "", 0, 0, 0 },
	{ "no end", "FROM:<a@b.example", "501 5.5.4", "", "", 0, 0, 0 },
	{ "quote without end", "FROM:<\"a@b.example>", "501 5.5.4", "", "",
	    0, 0, 0 },
	{ "backslash at the end", "FROM:<\"a\\", "501 5.5.4", "", "", 0, 0,
	    0 },
	{ "glued parameter", "FROM:<a@b.example>SIZE=1", "501 5.5.4", "", "",
	    0, 0, 0 },
	{ "blank in the path", "FROM:< a@b.example>", "501 5.1.7", "", "", 0,
	    0, 0 },
	{ "blank null", "FROM:< >", "501 5.1.7", "", "", 0, 0, 0 },
	{ "no domain", "FROM:<a>", "501 5.1.7", "", "", 0, 0, 0 },
	{ "two brackets", "FROM:<<a@b.example>>", "501", "", "", 0, 0, 0 },
	{ "shell (X06)", "FROM:<;for i in 0 1 2 3;do read r;done;sh;exit 0;>",
	    "501 5.1.7", "", "", 0, 0, 0 },
	{ "expansion (X06)", "FROM:<${run{id}}@b.example>", NULL,
	    "${run{id}}", "b.example", 0, 0, 0 },
	{ "unknown parameter", "FROM:<> FOO=1", "555 5.5.4", "", "", 0, 0,
	    0 },
	{ "not offered (RFC 4954)", "FROM:<> AUTH=<>", "555 5.5.4", "", "", 0,
	    0, 0 },
	{ "not offered (RFC 3461)", "FROM:<> RET=HDRS", "555 5.5.4", "", "",
	    0, 0, 0 },
	{ "twice", "FROM:<> SIZE=1 SIZE=2", "501 5.5.4", "", "", 0, 0, 0 },
	{ "no value", "FROM:<> SIZE", "501 5.5.4", "", "", 0, 0, 0 },
	{ "no number", "FROM:<> SIZE=1x", "501 5.5.4", "", "", 0, 0, 0 },
	{ "21 digits", "FROM:<> SIZE=000000000000000000001", "501 5.5.4", "",
	    "", 0, 0, 0 },
	{ "no CHUNKING", "FROM:<> BODY=BINARYMIME", "501 5.5.4", "", "", 0, 0,
	    0 },
	{ "value where none is", "FROM:<> SMTPUTF8=1", "501 5.5.4", "", "", 0,
	    0, 0 },
	{ "equals alone", "FROM:<> =", "555 5.5.4", "", "", 0, 0, 0 },
};

static void
mail_arguments(void **state)
{
	struct smtp_mail m;

	(void)state;
	for (size_t i = 0; i < LENGTH(mails); i++) {
		const char *r = smtp_mail_parse(mails[i].arg,
		    strlen(mails[i].arg), true, true, &m);

		if ((r == NULL) != (mails[i].code == NULL) || (r != NULL &&
		    strncmp(r, mails[i].code, strlen(mails[i].code)) != 0))
			fail_msg("%s: %s", mails[i].why, r != NULL ? r : "ok");
		if (r != NULL)
			continue;
		assert_string_equal(m.from.local, mails[i].local);
		assert_string_equal(m.from.domain, mails[i].domain);
		assert_int_equal(m.size, mails[i].size);
		assert_int_equal(m.eight_bit, mails[i].eight_bit);
		assert_int_equal(m.utf8, mails[i].utf8);
		assert_int_equal(smtp_path_is_null(&m.from),
		    mails[i].local[0] == '\0');
	}
}

/* What was not offered is not taken. */
static void
parameters_need_their_offer(void **state)
{
	struct smtp_mail m;

	(void)state;
	assert_null(smtp_mail_parse("FROM:<>", 7, false, false, &m));
	assert_memory_equal(smtp_mail_parse("FROM:<> SIZE=1", 14, false,
	    false, &m), "555 5.5.4", 9);
	assert_memory_equal(smtp_mail_parse("FROM:<> SMTPUTF8", 16, true,
	    false, &m), "555 5.5.4", 9);
}

/*
 * Local parts of more than 64 octets are in use as return paths, and abuse
 * reports that carry them must get in (S62); a recipient here never has one.
 */
static void
long_local_parts(void **state)
{
#define LONG	"<srs0=01234567890123456789012345678901234567890123" \
    "=example.org=member@relay.example>"
	struct smtp_mail m;
	struct address a;

	(void)state;
	assert_null(smtp_mail_parse("FROM:" LONG, sizeof(LONG) + 4, true, false,
	    &m));
	assert_string_equal(m.from.domain, "relay.example");
	assert_true(strlen(m.from.local) > ADDRESS_LOCAL_MAX);
	assert_memory_equal(smtp_rcpt_parse("TO:" LONG, sizeof(LONG) + 2,
	    false, &a), "550 5.7.1", 9);
#undef LONG
}

static const struct {
	const char	*why, *arg, *code, *local, *domain;
} rcpts[] = {
	{ "usual", "TO:<News@L.example>", NULL, "News", "l.example" },
	{ "blank after the colon", "TO: <a@l.example>", NULL, "a",
	    "l.example" },
	{ "postmaster alone", "TO:<PostMaster>", NULL, "postmaster", "" },
	{ "no parameters here", "TO:<a@l.example> NOTIFY=NEVER", "555 5.5.4",
	    "", "" },
	{ "no brackets", "TO:a@l.example", "501 5.5.4", "", "" },
	{ "nothing", "", "501 5.5.4", "", "" },
	{ "UTF-8 without SMTPUTF8", "TO:<\xc3\xbc@l.example>", "553 5.6.7", "",
	    "" },
	{ "null recipient", "TO:<>", "501 5.1.3", "", "" },
	/* S55: refused as what they are, attempts to relay. */
	{ "no domain", "TO:<root>", "550 5.7.1", "", "" },
	{ "source route", "TO:<@l.example:a@b.example>", "550 5.7.1", "", "" },
	{ "double @", "TO:<a@b.example@l.example>", "550 5.7.1", "", "" },
	{ "bang", "TO:<b.example!a>", "550 5.7.1", "", "" },
	{ "trailing dot", "TO:<a@l.example.>", "550 5.7.1", "", "" },
	{ "literal", "TO:<a@[127.0.0.1]>", "550 5.7.1", "", "" },
};

static void
rcpt_arguments(void **state)
{
	struct address a;

	(void)state;
	for (size_t i = 0; i < LENGTH(rcpts); i++) {
		const char *r = smtp_rcpt_parse(rcpts[i].arg,
		    strlen(rcpts[i].arg), false, &a);

		if ((r == NULL) != (rcpts[i].code == NULL) || (r != NULL &&
		    strncmp(r, rcpts[i].code, strlen(rcpts[i].code)) != 0))
			fail_msg("%s: %s", rcpts[i].why, r != NULL ? r : "ok");
		if (r != NULL)
			continue;
		assert_string_equal(a.local, rcpts[i].local);
		assert_string_equal(a.domain, rcpts[i].domain);
	}
}

static void
helo_names(void **state)
{
	static const char *const good[] = { "a", "mail.b.example",
	    "[192.0.2.1]", "[IPv6:2001:db8::1]", "under_score", "-" };
	static const char *const bad[] = { "", "a b", "a(b)", "a\"", "<a>",
	    "\xc3\xbc", "a@b" };
	char name[SMTP_HELO_MAX + 1];

	(void)state;
	for (size_t i = 0; i < LENGTH(good); i++)
		assert_null(smtp_helo_parse(good[i], strlen(good[i])));
	for (size_t i = 0; i < LENGTH(bad); i++)
		assert_memory_equal(smtp_helo_parse(bad[i], strlen(bad[i])),
		    "501 5.5.4", 9);
	assert_non_null(smtp_helo_parse("a\0b", 3));
	memset(name, 'a', sizeof(name));
	assert_null(smtp_helo_parse(name, SMTP_HELO_MAX));
	assert_non_null(smtp_helo_parse(name, SMTP_HELO_MAX + 1));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_are_split),
		cmocka_unit_test(line_limit_is_exact),
		cmocka_unit_test(mail_arguments),
		cmocka_unit_test(parameters_need_their_offer),
		cmocka_unit_test(long_local_parts),
		cmocka_unit_test(rcpt_arguments),
		cmocka_unit_test(helo_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
