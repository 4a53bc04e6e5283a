/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smtp_proto.c - the server's side of an SMTP or LMTP connection.
 *
 * Two layers: feed_line() gathers command lines, feed_data() passes content;
 * command() says what each verb does now.  A question leaves p->asked set,
 * and nothing moves until the answer clears it.
 */
#include "config.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lib/smtp_proto.h"
#include "lib/strbuf.h"
#include "lib/xmalloc.h"

#define LINE_MAX	(SMTP_COMMAND_MAIL_MAX + 1)	/* octets gathered */
#define OVERLONG_MAX	8192	/* octets of one line that are dropped */
#define ANSWER_MAX	400	/* octets of a caller's text */
#define OUTPUT_MAX	(1 << 17)	/* 100 LMTP answers and to spare */

enum phase {
	PHASE_NEW,		/* not greeted */
	PHASE_COMMAND,
	PHASE_DATA,
	PHASE_TLS,		/* 220 to STARTTLS was said */
	PHASE_CLOSED
};

struct smtp_proto {
	enum phase		 phase;
	enum smtp_proto_event	 asked;	/* the open question, or MORE */
	struct strbuf		 line;
	struct strbuf		 output;
	struct slice		 chunk;
	struct smtp_data	 data;
	struct smtp_mail	 mail;
	struct address		 rcpt;
	char			*hostname;
	uint64_t		 size_max;
	char			 helo[SMTP_HELO_MAX + 1];
	const char		*why;
	const char		*refusal;	/* of the data under way */
	size_t			 overlong;	/* octets of a line dropped */
	unsigned		 rcpts, tries, answers, errors, junk;
	unsigned		 rcpt_max, errors_max, junk_max;
	bool			 lmtp, starttls, smtputf8, tls, extended;
	bool			 after_cr;	/* the last octet was a CR */
	bool			 mail_given;
	bool			 accepted;	/* one of the answers was 2xx */
};

struct smtp_proto *
smtp_proto_new(const struct smtp_proto_params *params)
{
	struct smtp_proto *p = xcalloc(1, sizeof(*p));

	assert(params->size_max > 0);
	p->phase = PHASE_NEW;
	p->asked = SMTP_PROTO_MORE;
	strbuf_init(&p->line, LINE_MAX);
	strbuf_init(&p->output, OUTPUT_MAX);
	p->hostname = xstrdup(params->hostname);
	p->size_max = params->size_max;
	p->rcpt_max = params->rcpt_max == 0 ||
	    params->rcpt_max > SMTP_PROTO_RCPT_MAX ? SMTP_PROTO_RCPT_MAX :
	    params->rcpt_max;
	p->errors_max = params->errors_max != 0 ? params->errors_max :
	    SMTP_PROTO_ERRORS_MAX;
	p->junk_max = params->junk_max != 0 ? params->junk_max :
	    SMTP_PROTO_JUNK_MAX;
	p->lmtp = params->lmtp;
	p->starttls = params->starttls;
	p->smtputf8 = params->smtputf8;
	p->why = "";
	return p;
}

void
smtp_proto_free(struct smtp_proto *p)
{
	if (p == NULL)
		return;
	strbuf_free(&p->line);
	strbuf_free(&p->output);
	free(p->hostname);
	free(p);
}

static void
end_session(struct smtp_proto *p, const char *why)
{
	p->phase = PHASE_CLOSED;
	p->asked = SMTP_PROTO_MORE;
	p->why = why;
}

static void
end_transaction(struct smtp_proto *p)
{
	memset(&p->mail, 0, sizeof(p->mail));
	memset(&p->rcpt, 0, sizeof(p->rcpt));
	p->mail_given = false;
	p->refusal = NULL;
	p->rcpts = p->tries = p->answers = 0;
}

/* One line of output; text of a caller may be anything. */
static void
say(struct smtp_proto *p, int code, char hyphen, const char *text)
{
	size_t from;

	strbuf_addf(&p->output, "%03d%c", code, hyphen);
	from = p->output.len;
	strbuf_add(&p->output, text, strnlen(text, ANSWER_MAX));
	for (; from < p->output.len; from++)
		if ((unsigned char)p->output.s[from] < 0x20 ||
		    p->output.s[from] == 0x7f)
			p->output.s[from] = '?';
	strbuf_adds(&p->output, "\r\n");
	if (p->output.overflow)
		end_session(p, "replies were not read");
}

static void
hang_up(struct smtp_proto *p, int code, const char *text, const char *why)
{
	say(p, code, ' ', text);
	end_session(p, why);
}

/* The reply to a command; a refusal too many becomes the last one. */
static void
reply(struct smtp_proto *p, int code, const char *text)
{
	if (code >= 500 && ++p->errors >= p->errors_max)
		hang_up(p, 421, "4.7.0 Too many errors", "too many errors");
	else
		say(p, code, ' ', text);
}

/* As reply(), for the ready-made "501 5.5.4 text" of the readers. */
static void
refuse(struct smtp_proto *p, const char *refusal)
{
	reply(p, (refusal[0] - '0') * 100 + (refusal[1] - '0') * 10 +
	    (refusal[2] - '0'), refusal + 4);
}

/* A command that is harmless but brings no message; false: one too many. */
static bool
junk(struct smtp_proto *p)
{
	if (++p->junk < p->junk_max)
		return true;
	hang_up(p, 421, "4.7.0 Too many commands without a message",
	    "too many commands without a message");
	return false;
}

void
smtp_proto_greet(struct smtp_proto *p)
{
	struct strbuf text = STRBUF_INIT(ANSWER_MAX);

	assert(p->phase == PHASE_NEW);
	strbuf_addf(&text, "%s %s", p->hostname, p->lmtp ? "LMTP" : "ESMTP");
	say(p, 220, ' ', text.s);
	strbuf_free(&text);
	p->phase = PHASE_COMMAND;
}

void
smtp_proto_close(struct smtp_proto *p, int code, const char *text)
{
	if (p->phase == PHASE_CLOSED)
		return;
	hang_up(p, code, text, "closed by us");
}

void
smtp_proto_tls_started(struct smtp_proto *p)
{
	/* The handshake may end after we gave up waiting for it. */
	if (p->phase == PHASE_CLOSED)
		return;
	assert(p->phase == PHASE_TLS);
	p->tls = true;
	p->phase = PHASE_COMMAND;
}

static enum smtp_proto_event
ask(struct smtp_proto *p, enum smtp_proto_event question)
{
	p->asked = question;
	return question;
}

static void
offer(struct smtp_proto *p)
{
	struct strbuf size = STRBUF_INIT(64), limits = STRBUF_INIT(64);

	strbuf_addf(&size, "SIZE %llu", (unsigned long long)p->size_max);
	strbuf_addf(&limits, "LIMITS RCPTMAX=%u", p->rcpt_max);
	say(p, 250, '-', p->hostname);
	say(p, 250, '-', "PIPELINING");
	say(p, 250, '-', size.s);
	if (p->starttls && !p->tls)
		say(p, 250, '-', "STARTTLS");
	say(p, 250, '-', "ENHANCEDSTATUSCODES");
	say(p, 250, '-', "8BITMIME");
	if (p->smtputf8)
		say(p, 250, '-', "SMTPUTF8");
	say(p, 250, ' ', limits.s);
	strbuf_free(&size);
	strbuf_free(&limits);
}

static enum smtp_proto_event
cmd_helo(struct smtp_proto *p, const struct smtp_command *c)
{
	const char *refusal;

	/* RFC 2033 section 4.1: LHLO there, and only there. */
	if (p->lmtp != (c->verb == SMTP_LHLO)) {
		reply(p, 500, p->lmtp ? "5.5.1 This is LMTP, say LHLO" :
		    "5.5.1 Unknown command");
		return SMTP_PROTO_MORE;
	}
	if ((refusal = smtp_helo_parse(c->arg, c->arg_len)) != NULL) {
		refuse(p, refusal);
		return SMTP_PROTO_MORE;
	}
	if (!junk(p))
		return SMTP_PROTO_CLOSE;
	end_transaction(p);
	memcpy(p->helo, c->arg, c->arg_len);
	p->helo[c->arg_len] = '\0';
	p->extended = c->verb != SMTP_HELO;
	if (p->extended)
		offer(p);
	else
		say(p, 250, ' ', p->hostname);
	return SMTP_PROTO_HELO;
}

static enum smtp_proto_event
cmd_mail(struct smtp_proto *p, const struct smtp_command *c)
{
	const char *refusal = NULL;
	struct smtp_mail m;

	if (p->helo[0] == '\0')
		refusal = "503 5.5.1 Say who you are first";
	else if (p->mail_given)
		refusal = "503 5.5.1 A transaction is open";
	else
		refusal = smtp_mail_parse(c->arg, c->arg_len, p->extended,
		    p->smtputf8, &m);
	if (refusal == NULL && m.size > p->size_max)
		refusal = "552 5.3.4 That message is too big";
	if (refusal != NULL) {
		refuse(p, refusal);
		return SMTP_PROTO_MORE;
	}
	end_transaction(p);
	p->mail = m;
	return ask(p, SMTP_PROTO_MAIL);
}

static enum smtp_proto_event
cmd_rcpt(struct smtp_proto *p, const struct smtp_command *c)
{
	const char *refusal;

	if (!p->mail_given) {
		reply(p, 503, "5.5.1 MAIL comes first");
		return SMTP_PROTO_MORE;
	}
	if (++p->tries > SMTP_PROTO_RCPT_TRIES) {
		hang_up(p, 421, "4.5.3 Too many recipients",
		    "too many recipients");
		return SMTP_PROTO_CLOSE;
	}
	refusal = smtp_rcpt_parse(c->arg, c->arg_len, p->mail.utf8, &p->rcpt);
	/* RFC 5321 section 4.5.3.1.10: the rest may come next time. */
	if (refusal == NULL && p->rcpts >= p->rcpt_max)
		refusal = "452 4.5.3 Too many recipients";
	if (refusal != NULL) {
		refuse(p, refusal);
		return SMTP_PROTO_MORE;
	}
	return ask(p, SMTP_PROTO_RCPT);
}

static enum smtp_proto_event
cmd_data(struct smtp_proto *p, const struct smtp_command *c)
{
	if (c->arg_len != 0) {
		reply(p, 501, "5.5.4 DATA takes no argument");
	} else if (!p->mail_given || p->tries == 0) {
		reply(p, 503, "5.5.1 MAIL and RCPT come first");
	} else if (p->rcpts == 0) {
		/* Each protocol has its own code: RFC 2033 section 4.2. */
		reply(p, p->lmtp ? 503 : 554, "5.5.1 No valid recipients");
	} else {
		return ask(p, SMTP_PROTO_DATA);
	}
	return SMTP_PROTO_MORE;
}

static enum smtp_proto_event
cmd_starttls(struct smtp_proto *p, const struct smtp_command *c)
{
	if (p->tls) {
		reply(p, 503, "5.5.1 TLS is on already");
	} else if (!p->starttls) {
		reply(p, 502, "5.5.1 There is no TLS here");
	} else if (c->arg_len != 0) {
		reply(p, 501, "5.5.4 STARTTLS takes no argument");
	} else {
		/* Nothing said in the clear holds after this (X03). */
		end_transaction(p);
		p->helo[0] = '\0';
		p->extended = false;
		say(p, 220, ' ', "2.0.0 Go ahead");
		p->phase = PHASE_TLS;
		return SMTP_PROTO_STARTTLS;
	}
	return SMTP_PROTO_MORE;
}

static enum smtp_proto_event
cmd_rset(struct smtp_proto *p, const struct smtp_command *c)
{
	bool open = p->mail_given;

	if (c->arg_len != 0) {
		reply(p, 501, "5.5.4 RSET takes no argument");
		return SMTP_PROTO_MORE;
	}
	if (!junk(p))
		return SMTP_PROTO_CLOSE;
	end_transaction(p);
	say(p, 250, ' ', "2.0.0 Ok");
	return open ? SMTP_PROTO_ABORT : SMTP_PROTO_MORE;
}

static enum smtp_proto_event
cmd_quit(struct smtp_proto *p, const struct smtp_command *c)
{
	if (c->arg_len != 0) {
		reply(p, 501, "5.5.4 QUIT takes no argument");
		return SMTP_PROTO_MORE;
	}
	say(p, 221, ' ', "2.0.0 Bye");
	end_session(p, "");
	return SMTP_PROTO_CLOSE;
}

static enum smtp_proto_event
command(struct smtp_proto *p, const struct smtp_command *c)
{
	switch (c->verb) {
	case SMTP_HELO:
	case SMTP_EHLO:
	case SMTP_LHLO:
		return cmd_helo(p, c);
	case SMTP_MAIL:
		return cmd_mail(p, c);
	case SMTP_RCPT:
		return cmd_rcpt(p, c);
	case SMTP_DATA:
		return cmd_data(p, c);
	case SMTP_STARTTLS:
		return cmd_starttls(p, c);
	case SMTP_RSET:
		return cmd_rset(p, c);
	case SMTP_QUIT:
		return cmd_quit(p, c);
	case SMTP_NOOP:
		if (junk(p))
			say(p, 250, ' ', "2.0.0 Ok");
		break;
	case SMTP_HELP:
		if (junk(p))
			say(p, 214, ' ', "2.0.0 See RFC 5321");
		break;
	case SMTP_VRFY:
		/* R11, S29: nobody learns here which addresses exist. */
		if (junk(p))
			say(p, 252, ' ', "2.0.0 Send mail and you will see");
		break;
	case SMTP_EXPN:
	case SMTP_ABSENT:
		reply(p, 502, "5.5.1 Not done here");
		break;
	case SMTP_FOREIGN:
		hang_up(p, 521, "5.5.1 Not done here",
		    "a command of another protocol");
		break;
	case SMTP_UNKNOWN:
		reply(p, 500, "5.5.1 Unknown command");
		break;
	}
	return SMTP_PROTO_MORE;
}

/* The line is complete, CRLF included. */
static enum smtp_proto_event
take_line(struct smtp_proto *p)
{
	enum smtp_proto_event ev = SMTP_PROTO_MORE;
	struct smtp_command c;

	if (p->overlong != 0)
		reply(p, 500, "5.5.2 That line is too long");
	else if (!smtp_command_parse(p->line.s, p->line.len - 2, &c))
		reply(p, 500, "5.5.2 That line is too long or no text");
	else
		ev = command(p, &c);
	strbuf_reset(&p->line);
	p->overlong = 0;
	return ev;
}

/* Every CR of s[n] has its LF and, where s ends a line, every LF its CR. */
static bool
crlf_only(struct smtp_proto *p, const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (p->after_cr != (s[i] == '\n'))
			return false;
		p->after_cr = s[i] == '\r';
	}
	return true;
}

/* Take at most one line. */
static enum smtp_proto_event
feed_line(struct smtp_proto *p, const char *s, size_t len, size_t *taken_r)
{
	const char *lf = memchr(s, '\n', len);
	size_t n = lf != NULL ? (size_t)(lf - s) + 1 : len;

	*taken_r = n;
	if (!crlf_only(p, s, n)) {
		hang_up(p, 521, "5.5.2 A CR or LF stands alone",
		    "bare CR or LF in a command");
		return SMTP_PROTO_CLOSE;
	}
	if (p->overlong != 0 || n > LINE_MAX - p->line.len) {
		p->overlong += n;
		if (p->overlong > OVERLONG_MAX) {
			hang_up(p, 521, "5.5.2 That line has no end",
			    "a line without an end");
			return SMTP_PROTO_CLOSE;
		}
	} else {
		strbuf_add(&p->line, s, n);
		if (p->line.overflow) {
			hang_up(p, 421, "4.3.0 Out of memory",
			    "out of memory");
			return SMTP_PROTO_CLOSE;
		}
	}
	return lf != NULL ? take_line(p) : SMTP_PROTO_MORE;
}

/* Say text to the message, or in LMTP for each of its recipients. */
static void
refuse_message(struct smtp_proto *p)
{
	unsigned n = p->lmtp ? p->rcpts : 1;

	while (--n > 0)
		say(p, 500 + (p->refusal[1] - '0') * 10 + p->refusal[2] - '0',
		    ' ', p->refusal + 4);
	refuse(p, p->refusal);
	end_transaction(p);
}

static enum smtp_proto_event
data_end(struct smtp_proto *p)
{
	p->phase = PHASE_COMMAND;
	if (p->refusal != NULL) {
		refuse_message(p);
		return SMTP_PROTO_MORE;
	}
	p->answers = p->lmtp ? p->rcpts : 1;
	p->accepted = false;
	return ask(p, SMTP_PROTO_END);
}

/* Content beyond a limit is read to its end, so that the reply is heard. */
static enum smtp_proto_event
data_chunk(struct smtp_proto *p)
{
	if (p->data.octets / 2 > p->size_max) {
		hang_up(p, 552, "5.3.4 That message is too big",
		    "a message beyond twice the limit");
		return SMTP_PROTO_CLOSE;
	}
	if (p->refusal != NULL)
		return SMTP_PROTO_MORE;
	if (p->data.octets > p->size_max)
		p->refusal = "552 5.3.4 That message is too big";
	else if (p->data.hops > SMTP_PROTO_HOPS_MAX)
		p->refusal = "554 5.4.6 Too many hops";
	return p->refusal != NULL ? SMTP_PROTO_ABORT : SMTP_PROTO_CHUNK;
}

static enum smtp_proto_event
feed_data(struct smtp_proto *p, const char *s, size_t len, size_t *taken_r)
{
	switch (smtp_data_feed(&p->data, s, len, taken_r, &p->chunk)) {
	case SMTP_DATA_MORE:
		return SMTP_PROTO_MORE;
	case SMTP_DATA_CHUNK:
		return data_chunk(p);
	case SMTP_DATA_END:
		return data_end(p);
	case SMTP_DATA_BARE:
		break;
	}
	hang_up(p, 550, "5.5.2 A CR or LF stands alone",
	    "bare CR or LF in data");
	return SMTP_PROTO_CLOSE;
}

enum smtp_proto_event
smtp_proto_feed(struct smtp_proto *p, const void *data, size_t len,
    size_t *taken_r)
{
	enum smtp_proto_event ev = SMTP_PROTO_MORE;
	const char *s = data;
	size_t taken;

	*taken_r = 0;
	p->chunk = (struct slice){ data, 0 };
	while (ev == SMTP_PROTO_MORE) {
		if (p->phase == PHASE_CLOSED) {
			*taken_r = len;
			return SMTP_PROTO_CLOSE;
		}
		if (p->asked != SMTP_PROTO_MORE || p->phase == PHASE_NEW)
			return SMTP_PROTO_WAIT;
		if (p->phase == PHASE_TLS) {
			*taken_r = len;
			return SMTP_PROTO_MORE;
		}
		if (*taken_r == len)
			return SMTP_PROTO_MORE;
		if (p->output.len >= SMTP_PROTO_OUTPUT_HIGH)
			return SMTP_PROTO_FLUSH;
		ev = p->phase == PHASE_DATA ?
		    feed_data(p, s + *taken_r, len - *taken_r, &taken) :
		    feed_line(p, s + *taken_r, len - *taken_r, &taken);
		*taken_r += taken;
	}
	/* A refusal in a command's reply may have been the last allowed. */
	return p->phase == PHASE_CLOSED ? SMTP_PROTO_CLOSE : ev;
}

static void
answer_end(struct smtp_proto *p, int code)
{
	p->accepted = p->accepted || code / 100 == 2;
	if (--p->answers > 0) {
		p->asked = SMTP_PROTO_END;
		return;
	}
	if (p->accepted)
		p->errors = p->junk = 0;
	end_transaction(p);
}

void
smtp_proto_answer(struct smtp_proto *p, int code, const char *text)
{
	enum smtp_proto_event asked = p->asked;
	bool yes = code / 100 == 2;

	if (p->phase == PHASE_CLOSED)
		return;
	assert(asked != SMTP_PROTO_MORE);
	p->asked = SMTP_PROTO_MORE;
	if (code == 421) {
		hang_up(p, code, text, "closed by us");
		return;
	}
	/* Each recipient of LMTP gets its own reply, whatever was before. */
	if (asked == SMTP_PROTO_END && p->answers > 1)
		say(p, code, ' ', text);
	else
		reply(p, code, text);
	if (p->phase == PHASE_CLOSED)
		return;
	if (code / 100 == 4 && asked != SMTP_PROTO_RCPT)
		p->junk++;
	switch (asked) {
	case SMTP_PROTO_MAIL:
		p->mail_given = yes;
		break;
	case SMTP_PROTO_RCPT:
		p->rcpts += yes;
		break;
	case SMTP_PROTO_DATA:
		if (code == 354) {
			smtp_data_begin(&p->data);
			p->phase = PHASE_DATA;
		}
		break;
	default:
		answer_end(p, code);
		break;
	}
}

struct strbuf *
smtp_proto_output(struct smtp_proto *p)
{
	return &p->output;
}

const char *
smtp_proto_helo(const struct smtp_proto *p)
{
	return p->helo;
}

const struct smtp_mail *
smtp_proto_mail(const struct smtp_proto *p)
{
	return &p->mail;
}

const struct address *
smtp_proto_rcpt(const struct smtp_proto *p)
{
	return &p->rcpt;
}

struct slice
smtp_proto_chunk(const struct smtp_proto *p)
{
	return p->chunk;
}

const struct smtp_data *
smtp_proto_facts(const struct smtp_proto *p)
{
	return &p->data;
}

unsigned
smtp_proto_rcpts(const struct smtp_proto *p)
{
	return p->rcpts;
}

enum smtp_proto_event
smtp_proto_asked(const struct smtp_proto *p)
{
	return p->asked;
}

const char *
smtp_proto_with(const struct smtp_proto *p)
{
	if (p->lmtp)
		return p->mail.utf8 ? (p->tls ? "UTF8LMTPS" : "UTF8LMTP") :
		    (p->tls ? "LMTPS" : "LMTP");
	if (p->mail.utf8)
		return p->tls ? "UTF8SMTPS" : "UTF8SMTP";
	if (!p->extended)
		return "SMTP";
	return p->tls ? "ESMTPS" : "ESMTP";
}

const char *
smtp_proto_why(const struct smtp_proto *p)
{
	return p->why;
}
