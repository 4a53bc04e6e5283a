/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_smtp_hostile.c - replies that mean us ill, where a session waits for one
 * inside TLS, for AUTH, between messages or at the end (F23, X05).  What comes
 * before is in sending_hostile.test, in front of a whole daemon.
 *
 * Whatever is said: the session ends, the delivery has one end and that is no
 * failure, and nothing a terminal would obey is passed on.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/smtp_script.h"

#define END	"Y", "F", "X"
#define LOGIN	HELLO_TLS, INSIDE_TLS, "S 250-mx", "S 250 AUTH LOGIN", \
	"C AUTH LOGIN"

static const struct step {
	const char *name;
	const char *const *script;
	unsigned tls;
	unsigned yes;		/* so many times 250 would take the content */
} steps[] = {
	{ "STARTTLS", SCRIPT(HELLO_TLS, END), TLS_POLICY, 0 },
	{ "STARTTLS that is a favour", SCRIPT(HELLO_TLS, END, "N", "X"),
	    TLS_FREE, 0 },
	{ "EHLO inside TLS", SCRIPT(HELLO_TLS, INSIDE_TLS, END), TLS_POLICY,
	    0 },
	{ "AUTH PLAIN", SCRIPT(HELLO_TLS, INSIDE_TLS, "S 250-mx",
		"S 250 AUTH PLAIN", "C AUTH PLAIN", END), TLS_LOGIN, 0 },
	{ "AUTH LOGIN", SCRIPT(LOGIN, END), TLS_LOGIN, 0 },
	{ "the user's name", SCRIPT(LOGIN, "S 334 VXNlcm5hbWU6", "C bWU=",
		END), TLS_LOGIN, 0 },
	{ "the password", SCRIPT(LOGIN, "S 334 VXNlcm5hbWU6", "C bWU=",
		"S 334 UGFzc3dvcmQ6", "C c2VjcmV0", END), TLS_LOGIN, 0 },
	{ "MAIL of a flight", SCRIPT(HELLO_CHUNK, FLIGHT, END), 0, 3 },
	{ "RCPT of a flight", SCRIPT(HELLO_CHUNK, FLIGHT, "S 250 ok", END), 0,
	    2 },
	{ "BDAT", SCRIPT(HELLO_CHUNK, FLIGHT, "S 250 ok", "S 250 ok", END), 0,
	    1 },
	{ "MAIL of a group", SCRIPT(HELLO_PIPE, ENVELOPE, END), 0, 0 },
	{ "RCPT of a group", SCRIPT(HELLO_PIPE, ENVELOPE, "S 250 ok", END), 0,
	    0 },
	{ "DATA of a group", SCRIPT(HELLO_PIPE, ENVELOPE, "S 250 ok",
		"S 250 ok", END), 0, 0 },
	{ "DATA inside TLS", SCRIPT(HELLO_TLS, INSIDE_TLS, "S 250-mx",
		"S 250 PIPELINING", ENVELOPE, "S 250 ok", "S 250 ok", END),
	    TLS_POLICY, 0 },
	{ "MAIL alone", SCRIPT(HELLO_PLAIN, "C MAIL", END), 0, 0 },
	{ "RCPT alone", SCRIPT(HELLO_PLAIN, "C MAIL", "S 250 ok", "C RCPT",
		END), 0, 0 },
	{ "DATA alone", SCRIPT(HELLO_PLAIN, "C MAIL", "S 250 ok", "C RCPT",
		"S 250 ok", "C DATA", END), 0, 0 },
	{ "the dot inside TLS", SCRIPT(HELLO_TLS, INSIDE_TLS, "S 250-mx",
		"S 250 PIPELINING", ENVELOPE, "S 250 ok", "S 250 ok",
		"S 354 go", "D", END), TLS_POLICY, 1 },
	{ "a lone dot", SCRIPT(HELLO_PIPE, ENVELOPE, "S 250 ok",
		"S 450 4.2.1 busy", "S 354 go", "C .", END), 0, 0 },
	{ "RSET", SCRIPT(HELLO_PLAIN, "C MAIL", "S 250 ok", "C RCPT",
		"S 450 4.2.1 busy", "C RSET", END), 0, 0 },
	{ "QUIT", SCRIPT(HELLO_PIPE, "C MAIL", "C RCPT", "C DATA", ACCEPTED,
		"C MAIL", "C RCPT", "C DATA", ACCEPTED, "C QUIT", END), 0, 1 },
};

/* Made of its parts: head, then `times` times body, then tail. */
static const struct reply {
	const char *why, *head, *body;
	unsigned times;
	const char *tail;
	size_t tail_len;	/* 0: a text */
	unsigned yes;		/* times that it says 250 */
} replies[] = {
	{ "ten thousand lines", "", "250-a\r\n", 10000, "250 ok\r\n", 0, 0 },
	{ "a line of a megabyte", "250 ", "a", 1 << 20, "\r\n", 0, 0 },
	{ "NUL", "", "", 0, "250 a\0b\r\n", 9, 0 },
	{ "bare LF", "", "", 0, "250 ok\n", 0, 0 },
	{ "bare CR", "", "", 0, "250 ok\r250 ok\r\n", 0, 0 },
	{ "other codes in one reply", "", "", 0, "250-a\r\n550 b\r\n", 0, 0 },
	{ "code 000", "", "", 0, "000 ok\r\n", 0, 0 },
	{ "code 999", "", "", 0, "999 ok\r\n", 0, 0 },
	{ "code 199", "", "", 0, "199 ok\r\n", 0, 0 },
	{ "two digits", "", "", 0, "25 ok\r\n", 0, 0 },
	{ "no code", "", "", 0, "hello\r\n", 0, 0 },
	{ "an empty line", "", "", 0, "\r\n", 0, 0 },
	{ "half a reply", "", "", 0, "250-a\r\n250", 0, 0 },
	{ "a reply and garbage", "", "", 0, "250 a\r\n\x16\x03\x01\r\n", 0,
	    1 },
	{ "more replies than questions", "", "250 a\r\n", 50, "", 0, 50 },
	{ "the answers to all from MAIL on", "", "250 a\r\n", 2,
	    "354 go\r\n250 ok\r\n", 0, 2 },
	{ "the answers from RCPT on", "250 a\r\n", "", 0,
	    "354 go\r\n250 ok\r\n", 0, 1 },
	{ "the answers from DATA on", "", "", 0, "354 go\r\n250 ok\r\n",
	    0, 0 },
	{ "an escape sequence", "", "", 0, "451 4.3.0 \x1b[2J\x07\r\n", 0, 0 },
	{ "high octets", "", "", 0, "451 4.3.0 \xff\xfe\r\n", 0, 0 },
};

static void
make_reply(const struct reply *r, struct strbuf *out)
{
	strbuf_reset(out);
	strbuf_adds(out, r->head);
	for (unsigned i = 0; i < r->times; i++)
		strbuf_adds(out, r->body);
	strbuf_add(out, r->tail, r->tail_len != 0 ? r->tail_len :
	    strlen(r->tail));
	assert_false(out->overflow);
}

/* How many lines of the events begin so. */
static unsigned
count_events(const char *begins)
{
	const char *p = script_world.events.s;
	unsigned n = 0;

	for (; *p != '\0'; p = strchr(p, '\n') + 1)
		n += strncmp(p, begins, strlen(begins)) == 0;
	return n;
}

static void
look_at_end(const char *why, bool may_be_taken)
{
	const struct world *w = &script_world;

	for (const char *const *left = w->script; *left != NULL; left++)
		if (strcmp(*left, "Y") == 0)
			fail_msg("%s: it was never said", why);
	if (count_events("refused ") + count_events("closed ") != 1)
		fail_msg("%s: it did not end: %s", why, w->events.s);
	for (char d = '1'; d <= '2'; d++) {
		const char id[] = { d, ' ', '\0' };

		if (count_events(id) != 1)
			fail_msg("%s: delivery %c: %s", why, d, w->events.s);
	}
	if (strstr(w->events.s, "failed") != NULL)
		fail_msg("%s: somebody failed: %s", why, w->events.s);
	if (!may_be_taken && strstr(w->events.s, "delivered") != NULL)
		fail_msg("%s: delivered: %s", why, w->events.s);
	for (const char *p = w->why; *p != '\0'; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			fail_msg("%s: octet %u is told", why,
			    (unsigned char)*p);
}

static void
hostile_replies_harm_nobody(void **state)
{
	struct strbuf text = STRBUF_INIT(2u << 20);

	(void)state;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		for (size_t k = 0; k < sizeof(replies) / sizeof(replies[0]);
		    k++) {
			const struct step *step = &steps[i];
			struct scenario sc = { .why = step->name,
				.script = step->script, .deliveries = 2,
				.tls = step->tls };
			char why[128];

			snprintf(why, sizeof(why), "%s at %s", replies[k].why,
			    step->name);
			make_reply(&replies[k], &text);
			script_world.hostile = (struct slice){
				(const uint8_t *)text.s, text.len };
			script_run(&sc);
			look_at_end(why, step->yes > 0 && (replies[k].yes >=
			    step->yes || strcmp(step->name, "QUIT") == 0));
		}
	strbuf_free(&text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hostile_replies_harm_nobody),
	};

	return cmocka_run_group_tests(tests, script_set_up, script_tear_down);
}
