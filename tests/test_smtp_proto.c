/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_smtp_proto.c - sessions, their order and their limits.
 *
 * Requirements: R173 and X01 (end of data), R174 (order, limits), X03
 * (STARTTLS), X09 (state confusion: all triples of commands against a model),
 * R163 (hops), R177 (LMTP), S55 (relaying), R11 (VRFY tells nothing).
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/smtp_proto.h"
#include "lib/strbuf.h"

#define LENGTH(a)	(sizeof(a) / sizeof((a)[0]))

/*
 * The caller of the tests: answers at once, by what the address says, and
 * writes down what happened.
 */
struct host {
	struct smtp_proto	*p;
	struct strbuf		 events;	/* one letter each */
	struct strbuf		 codes;		/* of replies' last lines */
	struct strbuf		 content;	/* of all messages */
	struct strbuf		 output;	/* every byte of reply */
	unsigned		 answers;	/* LMTP: counts recipients */
	bool			 tls_by_hand;
};

static const struct smtp_proto_params usual = {
	.hostname = "mx.list.example", .size_max = 100000, .starttls = true,
	.smtputf8 = true,
};

static void
host_init(struct host *h, const struct smtp_proto_params *params)
{
	memset(h, 0, sizeof(*h));
	h->p = smtp_proto_new(params);
	strbuf_init(&h->events, 1 << 20);
	strbuf_init(&h->codes, 1 << 20);
	strbuf_init(&h->content, 1 << 21);
	strbuf_init(&h->output, 1 << 21);
	smtp_proto_greet(h->p);
}

static void
host_free(struct host *h)
{
	smtp_proto_free(h->p);
	strbuf_free(&h->events);
	strbuf_free(&h->codes);
	strbuf_free(&h->content);
	strbuf_free(&h->output);
}

/* Move the output, noting the code of each reply's last line. */
static void
host_flush(struct host *h)
{
	struct strbuf *out = smtp_proto_output(h->p);

	for (char *s = out->s, *end; (end = strstr(s, "\r\n")) != NULL;
	    s = end + 2) {
		assert_true(end - s >= 4);
		if (s[3] == ' ')
			strbuf_addf(&h->codes, "%.3s ", s);
		else
			assert_int_equal(s[3], '-');
	}
	strbuf_add(&h->output, out->s, out->len);
	strbuf_reset(out);
}

static bool
starts(const char *s, const char *with)
{
	return strncmp(s, with, strlen(with)) == 0;
}

static void
host_answer(struct host *h, enum smtp_proto_event ev)
{
	const char *from = smtp_proto_mail(h->p)->from.local;
	const char *to = smtp_proto_rcpt(h->p)->local;

	switch (ev) {
	case SMTP_PROTO_MAIL:
		if (starts(from, "bad"))
			smtp_proto_answer(h->p, 550, "5.7.1 Not you");
		else
			smtp_proto_answer(h->p, 250, "2.1.0 Ok");
		break;
	case SMTP_PROTO_RCPT:
		if (starts(to, "no"))
			smtp_proto_answer(h->p, 550, "5.1.1 No such list");
		else if (starts(to, "later"))
			smtp_proto_answer(h->p, 450, "4.2.0 Later");
		else
			smtp_proto_answer(h->p, 250, "2.1.5 Ok");
		break;
	case SMTP_PROTO_DATA:
		if (starts(from, "full"))
			smtp_proto_answer(h->p, 452, "4.3.1 Disk full");
		else
			smtp_proto_answer(h->p, 354, "Go ahead");
		break;
	default:
		if (starts(from, "shut"))
			smtp_proto_answer(h->p, 421, "4.3.2 Shutting down");
		else if (starts(from, "refuse") || h->answers++ % 2 == 1)
			smtp_proto_answer(h->p, 550, "5.6.0 Not this");
		else
			smtp_proto_answer(h->p, 250, "2.0.0 Queued");
		break;
	}
}

static void
host_event(struct host *h, enum smtp_proto_event ev)
{
	static const char letters[] = {
		[SMTP_PROTO_MORE] = '.', [SMTP_PROTO_FLUSH] = 'f',
		[SMTP_PROTO_WAIT] = '?', [SMTP_PROTO_HELO] = 'H',
		[SMTP_PROTO_MAIL] = 'M', [SMTP_PROTO_RCPT] = 'R',
		[SMTP_PROTO_DATA] = 'D', [SMTP_PROTO_CHUNK] = 'c',
		[SMTP_PROTO_END] = 'E', [SMTP_PROTO_ABORT] = 'A',
		[SMTP_PROTO_STARTTLS] = 'T', [SMTP_PROTO_CLOSE] = 'X',
	};
	struct slice chunk = smtp_proto_chunk(h->p);

	if (ev == SMTP_PROTO_CHUNK)
		strbuf_add(&h->content, chunk.p, chunk.len);
	else if (ev != SMTP_PROTO_MORE && ev != SMTP_PROTO_FLUSH)
		strbuf_addc(&h->events, letters[ev]);
	if (ev == SMTP_PROTO_MAIL || ev == SMTP_PROTO_RCPT ||
	    ev == SMTP_PROTO_DATA)
		host_answer(h, ev);
	if (ev == SMTP_PROTO_END) {
		h->answers = 0;
		while (smtp_proto_asked(h->p) == SMTP_PROTO_END)
			host_answer(h, ev);
	}
	if (ev == SMTP_PROTO_STARTTLS && !h->tls_by_hand)
		smtp_proto_tls_started(h->p);
}

static void
host_feed(struct host *h, const char *s, size_t len)
{
	enum smtp_proto_event ev;
	size_t taken;

	do {
		ev = smtp_proto_feed(h->p, s, len, &taken);
		assert_true(taken <= len);
		assert_true(ev != SMTP_PROTO_WAIT);
		s += taken;
		len -= taken;
		host_event(h, ev);
		host_flush(h);
	} while (len > 0 && ev != SMTP_PROTO_CLOSE);
	/* An answer may have ended it. */
	if (ev != SMTP_PROTO_CLOSE) {
		ev = smtp_proto_feed(h->p, "", 0, &taken);
		if (ev == SMTP_PROTO_CLOSE)
			host_event(h, ev);
	}
	host_flush(h);
}

static void
host_say(struct host *h, const char *s)
{
	host_feed(h, s, strlen(s));
}

/* A letter once for each time it stands in the events. */
static unsigned
count(const struct host *h, char letter)
{
	unsigned n = 0;

	for (const char *s = h->events.s; *s != '\0'; s++)
		n += *s == letter;
	return n;
}

#define E	"EHLO a.example\r\n"
#define M	"MAIL FROM:<a@b.example>\r\n"
#define R	"RCPT TO:<list@l.example>\r\n"
#define MSG	"Subject: x\r\n\r\nbody\r\n.\r\n"

static const struct {
	const char	*why, *in, *codes, *events, *content;
} sessions[] = {
	{ "the usual", E M R "DATA\r\n" MSG "QUIT\r\n",
	    "220 250 250 250 354 250 221 ", "HMRDEX",
	    "Subject: x\r\n\r\nbody\r\n" },
	{ "HELO", "HELO a\r\n" M R "DATA\r\n.\r\nQUIT\r\n",
	    "220 250 250 250 354 250 221 ", "HMRDEX", "" },
	{ "two messages", E M R "DATA\r\na\r\n.\r\n" M R "DATA\r\n..\r\n.\r\n",
	    "220 250 250 250 354 250 250 250 354 250 ", "HMRDEMRDE",
	    "a\r\n.\r\n" },
	{ "null sender, postmaster",
	    E "MAIL FROM:<>\r\nRCPT TO:<postmaster>\r\nDATA\r\n.\r\n",
	    "220 250 250 250 354 250 ", "HMRDE", "" },
	{ "one of two recipients", E M R
	    "RCPT TO:<no@l.example>\r\nDATA\r\n.\r\n",
	    "220 250 250 250 550 354 250 ", "HMRRDE", "" },
	{ "no recipient left", E M "RCPT TO:<no@l.example>\r\nDATA\r\n",
	    "220 250 250 550 554 ", "HMR", "" },
	{ "all later", E M "RCPT TO:<later@l.example>\r\nDATA\r\n",
	    "220 250 250 450 554 ", "HMR", "" },
	{ "sender refused", E "MAIL FROM:<bad@b.example>\r\n" R "DATA\r\n",
	    "220 250 550 503 503 ", "HM", "" },
	{ "no room for data, then room", E "MAIL FROM:<full@b.example>\r\n" R
	    "DATA\r\nRSET\r\n" M R "DATA\r\n.\r\n",
	    "220 250 250 250 452 250 250 250 354 250 ", "HMRDAMRDE", "" },
	{ "message refused", E "MAIL FROM:<refuse@b.example>\r\n" R
	    "DATA\r\n.\r\n" M, "220 250 250 250 354 550 250 ", "HMRDEM", "" },
	{ "421 instead of an answer", E "MAIL FROM:<shut@b.example>\r\n" R
	    "DATA\r\n.\r\n" M, "220 250 250 250 354 421 ", "HMRDEX", "" },

	/* R174: order */
	{ "MAIL before EHLO", M R "DATA\r\n", "220 503 503 503 ", "", "" },
	{ "RCPT before MAIL", E R, "220 250 503 ", "H", "" },
	{ "DATA before RCPT", E M "DATA\r\n", "220 250 250 503 ", "HM", "" },
	{ "MAIL twice", E M M, "220 250 250 503 ", "HM", "" },
	{ "EHLO resets", E M R E "DATA\r\n" R M,
	    "220 250 250 250 250 503 503 250 ", "HMRHM", "" },
	{ "RSET resets and keeps the name", E M R "RSET\r\nDATA\r\n" M,
	    "220 250 250 250 250 503 250 ", "HMRAM", "" },
	{ "RSET of nothing", "RSET\r\n" M, "220 250 503 ", "", "" },
	{ "a transaction ends with its message", E M R "DATA\r\n.\r\nDATA\r\n",
	    "220 250 250 250 354 250 503 ", "HMRDE", "" },
	{ "MAIL parameters need EHLO",
	    "HELO a\r\nMAIL FROM:<> SIZE=1\r\n" "MAIL FROM:<>\r\n",
	    "220 250 555 250 ", "HM", "" },
	{ "after QUIT nothing", E "QUIT\r\n" M R "DATA\r\n.\r\n",
	    "220 250 221 ", "HX", "" },

	/* The small commands tell nothing. */
	{ "VRFY and EXPN", "VRFY list\r\nEXPN list\r\n", "220 252 502 ", "",
	    "" },
	{ "NOOP, HELP", "NOOP\r\nNOOP x y\r\nHELP\r\nHELP MAIL\r\n",
	    "220 250 250 214 214 ", "", "" },
	{ "AUTH is not here", E "AUTH PLAIN AGEAYg==\r\n", "220 250 502 ",
	    "H", "" },
	{ "arguments where none belong", "DATA x\r\nRSET x\r\nQUIT x\r\n"
	    "STARTTLS x\r\n", "220 501 501 501 501 ", "", "" },
	{ "unknown", "FOO\r\n\r\n QUIT\r\n", "220 500 500 500 ", "", "" },
	{ "EHLO without name", "EHLO\r\nEHLO a b\r\nHELO \r\n",
	    "220 501 501 501 ", "", "" },
	{ "LHLO is for LMTP", "LHLO a\r\n", "220 500 ", "", "" },

	/* R173: the session ends, and nothing behind it is read. */
	{ "bare LF in a command", "NOOP\nNOOP\r\n", "220 521 ", "X", "" },
	{ "bare CR in a command", "NOOP\rx\r\nNOOP\r\n", "220 521 ", "X",
	    "" },
	{ "CR CR LF in a command", "NOOP\r\r\nNOOP\r\n", "220 521 ", "X",
	    "" },
	{ "LF alone", "\nNOOP\r\n", "220 521 ", "X", "" },
	{ "bare LF in data", E M R "DATA\r\na\n.\r\n.\r\n" M,
	    "220 250 250 250 354 550 ", "HMRDX", "" },
	{ "HTTP", "POST / HTTP/1.1\r\nHost: a\r\n\r\n" E M, "220 521 ", "X",
	    "" },
	{ "BDAT, whose content would be commands", E M R
	    "BDAT 30 LAST\r\n" M R "DATA\r\n", "220 250 250 250 521 ",
	    "HMRX", "" },

	/* R174, S8: size */
	{ "declared too big", E "MAIL FROM:<> SIZE=100001\r\n"
	    "MAIL FROM:<> SIZE=100000\r\n", "220 250 552 250 ", "HM", "" },

	/* X03 */
	{ "STARTTLS forgets", E M "STARTTLS\r\n" R, "220 250 250 220 503 ",
	    "HMT", "" },
	{ "STARTTLS twice", "STARTTLS\r\n" E "STARTTLS\r\n",
	    "220 220 250 503 ", "TH", "" },
	{ "EHLO must come again", E "STARTTLS\r\n" M E M,
	    "220 250 220 503 250 250 ", "HTHM", "" },
};

/* Each session whole, octet by octet, and in two pieces at every place. */
static void
sessions_in_any_cut(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH(sessions); i++) {
		const char *in = sessions[i].in;
		size_t len = strlen(in);

		for (size_t cut = 0; cut <= len + 1; cut++) {
			struct host h;

			/* A real client waits for the answer to STARTTLS. */
			if (strstr(in, "STARTTLS\r\n") != NULL && cut <= len)
				continue;
			host_init(&h, &usual);
			if (cut <= len) {
				host_feed(&h, in, cut);
				host_feed(&h, in + cut, len - cut);
			} else {
				for (size_t k = 0; k < len; k++)
					host_feed(&h, in + k, 1);
			}
			while (h.events.len > 1 &&
			    h.events.s[h.events.len - 2] == 'X')
				strbuf_truncate(&h.events, h.events.len - 1);
			if (strcmp(h.codes.s, sessions[i].codes) != 0 ||
			    strcmp(h.events.s, sessions[i].events) != 0)
				fail_msg("%s, cut at %zu: %s %s",
				    sessions[i].why, cut, h.codes.s,
				    h.events.s);
			if (strchr(h.events.s, 'E') != NULL)
				assert_string_equal(h.content.s,
				    sessions[i].content);
			host_free(&h);
		}
	}
}

/*
 * X01: forms of an end of data that some server once took for one, with a
 * message smuggled behind.  Cut at every place; the second message is never
 * seen as one.
 */
static void
nothing_is_smuggled(void **state)
{
	static const char *const ends[] = {
		"\n.\n", "\n.\r\n", "\r\n.\n", "\r.\r", "\r.\r\n", "\r\n.\r",
		"\r.\n", "\n.\r", "\r\n.\r\r\n", "\r\r\n.\r\n", "\r\n\r.\r\n",
		"\n\n.\n\n", "\n\r.\n\r", "\r\n\n.\r\n", "\r\n..\n",
		"\r\n. \r\n", "\r\n..\r\n", "\r\n.\t\r\n", "\v.\v", "\f.\f",
		"\xc2\x85.\xc2\x85", "\xe2\x80\xa8.\xe2\x80\xa8",
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(ends); i++) {
		struct strbuf in = STRBUF_INIT(4096);

		strbuf_adds(&in, E M R "DATA\r\nSubject: outer\r\n\r\ntext");
		strbuf_adds(&in, ends[i]);
		strbuf_adds(&in, "MAIL FROM:<evil@b.example>\r\n" R
		    "DATA\r\nSubject: inner\r\n\r\nx\r\n.\r\n");
		for (size_t cut = 0; cut <= in.len; cut++) {
			struct host h;

			host_init(&h, &usual);
			host_feed(&h, in.s, cut);
			host_feed(&h, in.s + cut, in.len - cut);
			if (count(&h, 'M') != 1 || count(&h, 'D') != 1)
				fail_msg("end %zu, cut at %zu: %s", i, cut,
				    h.events.s);
			assert_true(count(&h, 'E') + (count(&h, 'X') > 0) == 1);
			host_free(&h);
		}
		strbuf_free(&in);
	}
}

/* ---- X09: every triple of commands, from every state, against a model */

enum model_command {
	C_EHLO, C_HELO, C_LHLO, C_EHLO_BAD, C_MAIL, C_MAIL_BAD, C_MAIL_SYNTAX,
	C_MAIL_SIZE, C_RCPT, C_RCPT_NO, C_RCPT_SYNTAX, C_DATA, C_DATA_ARG,
	C_RSET, C_NOOP, C_VRFY, C_EXPN, C_HELP, C_QUIT, C_STARTTLS, C_BDAT,
	C_AUTH, C_GARBAGE, C_LF, C_LONG, C_COUNT
};

struct model {
	bool	closed, helo, extended, tls, mail;
	int	tries, rcpts;
};

static const char *
model_text(enum model_command c, char line[600])
{
	static const char *const text[C_COUNT] = {
		[C_EHLO] = E, [C_HELO] = "HELO a\r\n", [C_LHLO] = "LHLO a\r\n",
		[C_EHLO_BAD] = "EHLO <a>\r\n", [C_MAIL] = M,
		[C_MAIL_BAD] = "MAIL FROM:<bad@b.example>\r\n",
		[C_MAIL_SYNTAX] = "MAIL a@b.example\r\n",
		[C_MAIL_SIZE] = "MAIL FROM:<> SIZE=5\r\n", [C_RCPT] = R,
		[C_RCPT_NO] = "RCPT TO:<no@l.example>\r\n",
		[C_RCPT_SYNTAX] = "RCPT TO:<a%b>\r\n", [C_DATA] = "DATA\r\n",
		[C_DATA_ARG] = "DATA 1\r\n", [C_RSET] = "RSET\r\n",
		[C_NOOP] = "NOOP\r\n", [C_VRFY] = "VRFY a\r\n",
		[C_EXPN] = "EXPN a\r\n", [C_HELP] = "HELP\r\n",
		[C_QUIT] = "QUIT\r\n", [C_STARTTLS] = "STARTTLS\r\n",
		[C_BDAT] = "BDAT 1\r\n", [C_AUTH] = "AUTH PLAIN\r\n",
		[C_GARBAGE] = "\xff\xfe\r\n", [C_LF] = "RSET\n",
	};

	if (c != C_LONG)
		return text[c];
	memset(line, 'x', 598);
	memcpy(line, "NOOP ", 5);
	memcpy(line + 596, "\r\n", 3);
	return line;
}

static int
model_mail(struct model *m, int otherwise)
{
	if (!m->helo || m->mail)
		return 503;
	if (otherwise == 250) {
		m->mail = true;
		m->tries = m->rcpts = 0;
	}
	return otherwise;
}

static int
model_rcpt(struct model *m, int otherwise)
{
	if (!m->mail)
		return 503;
	m->tries++;
	m->rcpts += otherwise == 250;
	return otherwise;
}

/* What a server shall answer, written from the RFCs and not from ours. */
static int
model_answer(struct model *m, enum model_command c)
{
	bool tls = m->tls;

	switch (c) {
	case C_EHLO:
	case C_HELO:
		m->helo = true;
		m->extended = c == C_EHLO;
		m->mail = false;
		return 250;
	case C_LHLO:
	case C_GARBAGE:
	case C_LONG:
		return 500;
	case C_EHLO_BAD:
	case C_DATA_ARG:
		return 501;
	case C_MAIL:
		return model_mail(m, 250);
	case C_MAIL_BAD:
		return model_mail(m, 550);
	case C_MAIL_SYNTAX:
		return model_mail(m, 501);
	case C_MAIL_SIZE:
		return model_mail(m, m->extended ? 250 : 555);
	case C_RCPT:
		return model_rcpt(m, 250);
	case C_RCPT_NO:
	case C_RCPT_SYNTAX:
		return model_rcpt(m, 550);
	case C_DATA:
		if (!m->mail || m->tries == 0)
			return 503;
		return m->rcpts == 0 ? 554 : 354;
	case C_RSET:
		m->mail = false;
		return 250;
	case C_NOOP:
		return 250;
	case C_VRFY:
		return 252;
	case C_EXPN:
	case C_AUTH:
		return 502;
	case C_HELP:
		return 214;
	case C_QUIT:
		m->closed = true;
		return 221;
	case C_STARTTLS:
		if (tls)
			return 503;
		memset(m, 0, sizeof(*m));
		m->tls = true;
		return 220;
	case C_BDAT:
	case C_LF:
		m->closed = true;
		return 521;
	case C_COUNT:
		break;
	}
	return -1;
}

/* One command to both; an accepted DATA is followed by a message. */
static bool
model_step(struct host *h, struct model *m, enum model_command c)
{
	char line[600];
	int want = m->closed ? 0 : model_answer(m, c);

	strbuf_reset(&h->codes);
	host_say(h, model_text(c, line));
	if (want == 0)
		return h->codes.len == 0;
	if (atoi(h->codes.s) != want || h->codes.len != 4)
		return false;
	if (want != 354)
		return true;
	strbuf_reset(&h->codes);
	host_say(h, "QUIT\r\n..\r\n.\r\n");
	m->mail = false;
	return strcmp(h->codes.s, "250 ") == 0;
}

static void
all_triples_of_commands(void **state)
{
	/* The ways into every state the machine has. */
	static const enum model_command ways[][3] = {
		{ C_COUNT }, { C_EHLO, C_COUNT }, { C_HELO, C_COUNT },
		{ C_EHLO, C_MAIL, C_COUNT }, { C_EHLO, C_MAIL, C_RCPT },
		{ C_STARTTLS, C_EHLO, C_MAIL },
	};

	(void)state;
	for (size_t w = 0; w < LENGTH(ways); w++)
		for (int i = 0; i < C_COUNT * C_COUNT * C_COUNT; i++) {
			const enum model_command seq[6] = {
				ways[w][0], ways[w][1], ways[w][2],
				(enum model_command)(i / C_COUNT / C_COUNT),
				(enum model_command)(i / C_COUNT % C_COUNT),
				(enum model_command)(i % C_COUNT),
			};
			struct model m = { 0 };
			struct host h;
			bool way = true;

			host_init(&h, &usual);
			host_flush(&h);
			for (int k = 0; k < 6; k++) {
				way = way && k < 3 && seq[k] != C_COUNT;
				if (k < 3 && !way)
					continue;
				if (!model_step(&h, &m, seq[k]))
					fail_msg("way %zu, commands %d %d %d: "
					    "%s at step %d", w, seq[3], seq[4],
					    seq[5], h.codes.s, k);
			}
			host_free(&h);
		}
}

/* ---- limits */

/* Everything the machine answers to many times the same line. */
static unsigned
answers_until_closed(const char *before, const char *line, unsigned tries)
{
	struct host h;
	unsigned n = 0;

	host_init(&h, &usual);
	host_say(&h, before);
	strbuf_reset(&h.codes);
	while (n < tries && count(&h, 'X') == 0) {
		host_say(&h, line);
		n++;
	}
	if (count(&h, 'X') != 0) {
		assert_true(h.codes.len >= 4);
		assert_string_equal(h.codes.s + h.codes.len - 4, "421 ");
		assert_true(smtp_proto_why(h.p)[0] != '\0');
	}
	host_free(&h);
	return n;
}

static void
counts_end_a_session(void **state)
{
	(void)state;
	assert_int_equal(answers_until_closed("", "FOO\r\n", 1000),
	    SMTP_PROTO_ERRORS_MAX);
	assert_int_equal(answers_until_closed(E M,
	    "RCPT TO:<no@l.example>\r\n", 1000), SMTP_PROTO_ERRORS_MAX);
	assert_int_equal(answers_until_closed("", "NOOP\r\n", 1000),
	    SMTP_PROTO_JUNK_MAX);
	assert_int_equal(answers_until_closed("", "VRFY a\r\n", 1000),
	    SMTP_PROTO_JUNK_MAX);
	assert_int_equal(answers_until_closed("", E, 1000),
	    SMTP_PROTO_JUNK_MAX);
	/* The EHLO is one of the fifty. */
	assert_int_equal(answers_until_closed(E, M "RSET\r\n", 1000),
	    SMTP_PROTO_JUNK_MAX - 1);
	/* 4xx over and over ends too, some time. */
	assert_true(answers_until_closed(E,
	    "MAIL FROM:<full@b.example>\r\n" R "DATA\r\nRSET\r\n", 1000) <
	    SMTP_PROTO_JUNK_MAX);
	/* A client that brings messages is never sent away. */
	assert_int_equal(answers_until_closed(E,
	    M R "RCPT TO:<no@l.example>\r\nNOOP\r\nDATA\r\n.\r\n", 300), 300);
}

/* R174: a hundred recipients, then 452, and nobody is lost by it. */
static void
recipients_beyond_the_limit_wait(void **state)
{
	struct host h;

	(void)state;
	host_init(&h, &usual);
	host_say(&h, E M);
	for (int i = 0; i < SMTP_PROTO_RCPT_MAX; i++)
		host_say(&h, R);
	assert_int_equal(smtp_proto_rcpts(h.p), SMTP_PROTO_RCPT_MAX);
	strbuf_reset(&h.codes);
	host_say(&h, R);
	assert_string_equal(h.codes.s, "452 ");
	assert_int_equal(smtp_proto_rcpts(h.p), SMTP_PROTO_RCPT_MAX);
	host_say(&h, "DATA\r\n.\r\n");
	assert_string_equal(h.codes.s, "452 354 250 ");
	host_free(&h);
	assert_int_equal(answers_until_closed(E M, R, 5000),
	    SMTP_PROTO_RCPT_TRIES + 1);
}

/* S8: one octet over the size; the reply comes when the data has ended. */
static void
size_limit_is_exact(void **state)
{
	const struct smtp_proto_params small = { .hostname = "h",
	    .size_max = 20 };
	struct host h;

	(void)state;
	host_init(&h, &small);
	host_say(&h, E M R "DATA\r\n123456789012345678\r\n.\r\n");
	assert_string_equal(h.codes.s, "220 250 250 250 354 250 ");
	assert_int_equal(smtp_proto_facts(h.p)->octets, 20);
	strbuf_reset(&h.codes);
	host_say(&h, M R "DATA\r\n1234567890123456789\r\n.\r\n" M);
	assert_string_equal(h.codes.s, "250 250 354 552 250 ");
	/* The stuffed dot is no octet of the message. */
	strbuf_reset(&h.codes);
	host_say(&h, "RSET\r\n" M R "DATA\r\n..23456789012345678\r\n.\r\n");
	assert_string_equal(h.codes.s, "250 250 250 354 250 ");
	assert_string_equal(h.events.s, "HMRDEMRDAMAMRDE");
	host_free(&h);

	/* X01 with a size overrun: the end is still looked for strictly. */
	host_init(&h, &small);
	host_say(&h, E M R "DATA\r\n1234567890123456789012\r\n..\r\n.x\r\n"
	    ".\r\nNOOP\r\n");
	assert_string_equal(h.codes.s, "220 250 250 250 354 552 250 ");
	host_free(&h);
	host_init(&h, &small);
	host_say(&h, E M R "DATA\r\n123456789012345678901\n.\r\n" M);
	assert_string_equal(h.codes.s, "220 250 250 250 354 550 ");
	host_free(&h);
	/* A flood is not read for ever. */
	host_init(&h, &small);
	host_say(&h, E M R "DATA\r\n");
	for (int i = 0; i < 100 && count(&h, 'X') == 0; i++)
		host_say(&h, "0123456789\r\n");
	assert_string_equal(h.codes.s, "220 250 250 250 354 552 ");
	host_free(&h);
}

/* R163: a hundred hops are much, one more is a loop. */
static void
a_loop_is_refused(void **state)
{
	struct strbuf in = STRBUF_INIT(65536);
	struct host h;

	(void)state;
	for (int hops = SMTP_PROTO_HOPS_MAX; hops <= SMTP_PROTO_HOPS_MAX + 1;
	    hops++) {
		strbuf_reset(&in);
		strbuf_adds(&in, E M R "DATA\r\n");
		for (int i = 0; i < hops; i++)
			strbuf_adds(&in, "Received: by x\r\n");
		strbuf_adds(&in, "\r\nx\r\n.\r\n");
		host_init(&h, &usual);
		host_say(&h, in.s);
		assert_string_equal(h.codes.s, hops > SMTP_PROTO_HOPS_MAX ?
		    "220 250 250 250 354 554 " : "220 250 250 250 354 250 ");
		host_free(&h);
	}
	strbuf_free(&in);
}

static void
long_lines(void **state)
{
	struct strbuf in = STRBUF_INIT(1 << 20);
	struct host h;

	(void)state;
	/* Just too long, and then the session goes on. */
	strbuf_adds(&in, "NOOP ");
	while (in.len < SMTP_COMMAND_MAX - 1)
		strbuf_addc(&in, 'x');
	strbuf_adds(&in, "\r\nNOOP\r\n");
	host_init(&h, &usual);
	host_say(&h, in.s);
	assert_string_equal(h.codes.s, "220 500 250 ");
	host_free(&h);
	/* Longer than anything kept. */
	strbuf_reset(&in);
	while (in.len < 8000)
		strbuf_addc(&in, 'x');
	strbuf_adds(&in, "\r\nNOOP\r\n");
	host_init(&h, &usual);
	host_say(&h, in.s);
	assert_string_equal(h.codes.s, "220 500 250 ");
	host_free(&h);
	/* Without an end: dropped, not stored, and not for ever. */
	host_init(&h, &usual);
	for (int i = 0; i < 100 && count(&h, 'X') == 0; i++)
		host_feed(&h, in.s, 1000);
	assert_string_equal(h.codes.s, "220 521 ");
	host_free(&h);
	/* Long lines of data are taken, and told. */
	strbuf_truncate(&in, 5000);
	strbuf_adds(&in, "\r\n.\r\n");
	host_init(&h, &usual);
	host_say(&h, E M R "DATA\r\n");
	host_say(&h, in.s);
	assert_string_equal(h.codes.s, "220 250 250 250 354 250 ");
	assert_int_equal(smtp_proto_facts(h.p)->longest_line, 5000);
	host_free(&h);
	strbuf_free(&in);
}

/* X03: what came in one piece with STARTTLS was not said under TLS. */
static void
plaintext_behind_starttls_is_dropped(void **state)
{
	struct host h;

	(void)state;
	host_init(&h, &usual);
	h.tls_by_hand = true;
	host_say(&h, E "STARTTLS\r\n" E M R "DATA\r\n");
	assert_string_equal(h.codes.s, "220 250 220 ");
	assert_string_equal(h.events.s, "HT");
	/* More of it, while the handshake runs. */
	host_say(&h, "RSET\r\nQUIT\r\n");
	smtp_proto_tls_started(h.p);
	assert_string_equal(smtp_proto_helo(h.p), "");
	host_say(&h, M E M);
	assert_string_equal(h.codes.s, "220 250 220 503 250 250 ");
	assert_string_equal(smtp_proto_with(h.p), "ESMTPS");
	assert_null(strstr(strstr(h.output.s, "Go ahead"), "STARTTLS"));
	host_free(&h);
}

/* The peer ends the handshake when its time was up already. */
static void
tls_after_the_end(void **state)
{
	struct host h;

	(void)state;
	host_init(&h, &usual);
	h.tls_by_hand = true;
	host_say(&h, E "STARTTLS\r\n");
	smtp_proto_close(h.p, 421, "4.4.2 Timeout");
	smtp_proto_tls_started(h.p);
	host_say(&h, E);
	assert_string_equal(h.codes.s, "220 250 220 421 ");
	host_free(&h);
}

static void
offers_are_what_is_done(void **state)
{
	struct smtp_proto_params params = usual;
	struct host h;

	(void)state;
	host_init(&h, &params);
	host_say(&h, E);
	assert_string_equal(h.output.s, "220 mx.list.example ESMTP\r\n"
	    "250-mx.list.example\r\n250-PIPELINING\r\n250-SIZE 100000\r\n"
	    "250-STARTTLS\r\n250-ENHANCEDSTATUSCODES\r\n250-8BITMIME\r\n"
	    "250-SMTPUTF8\r\n250 LIMITS RCPTMAX=100\r\n");
	host_free(&h);
	params.starttls = params.smtputf8 = false;
	host_init(&h, &params);
	host_say(&h, E "STARTTLS\r\nMAIL FROM:<> SMTPUTF8\r\n");
	assert_null(strstr(h.output.s, "250-STARTTLS"));
	assert_null(strstr(h.output.s, "250-SMTPUTF8"));
	assert_string_equal(h.codes.s, "220 250 502 555 ");
	host_free(&h);
}

/* R177: one answer for each accepted recipient, in their order. */
static void
lmtp_answers_each_recipient(void **state)
{
	const struct smtp_proto_params lmtp = { .hostname = "h",
	    .size_max = 50, .lmtp = true };
	struct host h;

	(void)state;
	host_init(&h, &lmtp);
	host_say(&h, "EHLO a\r\nHELO a\r\nLHLO a\r\n" M R
	    "RCPT TO:<no@l.example>\r\n" R R "DATA\r\nx\r\n.\r\n");
	assert_string_equal(h.codes.s, "220 500 500 250 250 250 550 250 250 "
	    "354 250 550 250 ");
	assert_string_equal(h.events.s, "HMRRRRDE");
	assert_string_equal(smtp_proto_with(h.p), "LMTP");
	/* RFC 2033 section 4.2: 503 and not 554. */
	strbuf_reset(&h.codes);
	host_say(&h, M "RCPT TO:<no@l.example>\r\nDATA\r\n");
	assert_string_equal(h.codes.s, "250 550 503 ");
	/* Our own refusal goes to each recipient too. */
	strbuf_reset(&h.codes);
	host_say(&h, "RSET\r\n" M R R "DATA\r\n"
	    "01234567890123456789012345678901234567890123456789\r\n.\r\n");
	assert_string_equal(h.codes.s, "250 250 250 250 354 552 552 ");
	host_free(&h);
}

/* The caller may take its time; nothing moves meanwhile. */
static void
a_question_stops_the_input(void **state)
{
	struct smtp_proto *p = smtp_proto_new(&usual);
	size_t taken;

	(void)state;
	assert_int_equal(smtp_proto_feed(p, E, 16, &taken), SMTP_PROTO_WAIT);
	assert_int_equal(taken, 0);
	smtp_proto_greet(p);
	assert_int_equal(smtp_proto_feed(p, E M, strlen(E M), &taken),
	    SMTP_PROTO_HELO);
	assert_int_equal(taken, strlen(E));
	assert_string_equal(smtp_proto_helo(p), "a.example");
	assert_int_equal(smtp_proto_feed(p, M, strlen(M), &taken),
	    SMTP_PROTO_MAIL);
	assert_int_equal(smtp_proto_asked(p), SMTP_PROTO_MAIL);
	assert_int_equal(smtp_proto_feed(p, R, strlen(R), &taken),
	    SMTP_PROTO_WAIT);
	assert_int_equal(taken, 0);
	smtp_proto_close(p, 421, "4.4.2 Timeout");
	assert_int_equal(smtp_proto_feed(p, R, strlen(R), &taken),
	    SMTP_PROTO_CLOSE);
	/* The queue's answer comes too late and does no harm. */
	smtp_proto_answer(p, 250, "2.1.0 Ok");
	assert_non_null(strstr(smtp_proto_output(p)->s,
	    "421 4.4.2 Timeout\r\n"));
	assert_null(strstr(smtp_proto_output(p)->s, "2.1.0"));
	smtp_proto_free(p);
}

/* X35, T31: what a caller passes on cannot become a second reply. */
static void
answers_are_one_line(void **state)
{
	struct smtp_proto *p = smtp_proto_new(&usual);
	char big[2000];
	size_t taken;

	(void)state;
	smtp_proto_greet(p);
	smtp_proto_feed(p, E, strlen(E), &taken);
	smtp_proto_feed(p, M, strlen(M), &taken);
	strbuf_reset(smtp_proto_output(p));
	smtp_proto_answer(p, 450, "4.0.0 a\r\n250 b\x1b");
	assert_string_equal(smtp_proto_output(p)->s,
	    "450 4.0.0 a??250 b?\r\n");
	smtp_proto_feed(p, M, strlen(M), &taken);
	memset(big, 'x', sizeof(big));
	big[sizeof(big) - 1] = '\0';
	strbuf_reset(smtp_proto_output(p));
	smtp_proto_answer(p, 450, big);
	assert_int_equal(smtp_proto_output(p)->len, 4 + 400 + 2);
	smtp_proto_free(p);
}

/* Replies that nobody reads do not pile up. */
static void
unread_replies_stop_the_input(void **state)
{
	struct smtp_proto *p = smtp_proto_new(&usual);
	enum smtp_proto_event ev = SMTP_PROTO_MORE;
	size_t taken, replies = 0;

	(void)state;
	smtp_proto_greet(p);
	smtp_proto_feed(p, E, strlen(E), &taken);
	smtp_proto_feed(p, M, strlen(M), &taken);
	smtp_proto_answer(p, 250, "2.1.0 Ok");
	while (replies < 10000 && ev != SMTP_PROTO_FLUSH) {
		ev = smtp_proto_feed(p, R, strlen(R), &taken);
		if (ev == SMTP_PROTO_RCPT)
			smtp_proto_answer(p, 450, "4.2.0 A text of some "
			    "length, so that it takes fewer of them");
		replies++;
	}
	assert_int_equal(ev, SMTP_PROTO_FLUSH);
	assert_int_equal(taken, 0);
	assert_true(smtp_proto_output(p)->len < SMTP_PROTO_OUTPUT_HIGH + 600);
	strbuf_reset(smtp_proto_output(p));
	assert_int_equal(smtp_proto_feed(p, R, strlen(R), &taken),
	    SMTP_PROTO_RCPT);
	smtp_proto_free(p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sessions_in_any_cut),
		cmocka_unit_test(nothing_is_smuggled),
		cmocka_unit_test(all_triples_of_commands),
		cmocka_unit_test(counts_end_a_session),
		cmocka_unit_test(recipients_beyond_the_limit_wait),
		cmocka_unit_test(size_limit_is_exact),
		cmocka_unit_test(a_loop_is_refused),
		cmocka_unit_test(long_lines),
		cmocka_unit_test(plaintext_behind_starttls_is_dropped),
		cmocka_unit_test(tls_after_the_end),
		cmocka_unit_test(offers_are_what_is_done),
		cmocka_unit_test(lmtp_answers_each_recipient),
		cmocka_unit_test(a_question_stops_the_input),
		cmocka_unit_test(answers_are_one_line),
		cmocka_unit_test(unread_replies_stop_the_input),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
