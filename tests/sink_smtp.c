/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sink_smtp.c - the sink's side of the dialogue (RFC 5321, 1870, 2920, 3030,
 * 3207, 4954).
 *
 * Strict where a correct client has no excuse (spaces, order, pipelining that
 * was not offered): such things are answered as the standard says and counted
 * as anomalies, which most tests expect to stay at zero.
 */
#include "config.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/xmalloc.h"
#include "tests/sink.h"

#define QUEUE_ID_OCTETS	64

void
smtp_greet(struct conn *c)
{
	char text[512];

	snprintf(text, sizeof(text), "220 %s ESMTP test sink\r\n",
	    c->sink->opt.hostname);
	(void)smtp_answer(c, SINK_CONNECT, text, 0, c->peer);
}

/* ---- session and transaction */

static void
reset_transaction(struct conn *c)
{
	c->in_mail = false;
	c->eight_bit = false;
	c->nrcpts = 0;
	strbuf_reset(&c->from);
	strbuf_reset(&c->params);
	strbuf_reset(&c->rcpts);
	content_reset(&c->content);
	c->act = (struct content_act){ .action = NULL };
	if (c->state != CONN_DEAF)
		c->state = CONN_COMMAND;
}

static void
reset_session(struct conn *c)
{
	reset_transaction(c);
	strbuf_reset(&c->helo);
	c->esmtp = false;
	c->authenticated = false;
	c->auth_step = 0;
}

static bool
is_hidden(const struct conn *c, const char *keyword)
{
	const char *s = c->hidden;
	size_t len = strcspn(keyword, " ");

	while (s != NULL && *s != '\0') {
		if (strcspn(s, ",") == len && strncasecmp(s, keyword, len) == 0)
			return true;
		s += strcspn(s, ",");
		s += *s == ',';
	}
	return false;
}

bool
smtp_offers(const struct conn *c, const char *keyword)
{
	const struct sink_options *opt = &c->sink->opt;

	if (!c->esmtp || is_hidden(c, keyword))
		return false;
	if (strcmp(keyword, "PIPELINING") == 0)
		return opt->pipelining;
	if (strcmp(keyword, "CHUNKING") == 0)
		return opt->chunking;
	if (strcmp(keyword, "STARTTLS") == 0)
		return c->listener->tls != NULL && c->tls == CONN_PLAIN;
	if (strcmp(keyword, "AUTH") == 0)
		return opt->auth != NULL;
	return true;
}

static void
add_keyword(const struct conn *c, struct strbuf *out, const char *keyword)
{
	if (!is_hidden(c, keyword))
		strbuf_addf(out, "250-%s\r\n", keyword);
}

/* What the rule for this EHLO hides; asked before the reply is made. */
static void
note_hidden(struct conn *c, const struct action *a)
{
	free(c->hidden);
	c->hidden = a != NULL && a->hide != NULL ? xstrdup(a->hide) : NULL;
}

static void
ehlo_text(struct conn *c, struct strbuf *out)
{
	const struct sink_options *opt = &c->sink->opt;
	char size[40];

	strbuf_addf(out, "250-%s\r\n", opt->hostname);
	if (smtp_offers(c, "PIPELINING"))
		add_keyword(c, out, "PIPELINING");
	if (opt->size != 0) {
		snprintf(size, sizeof(size), "SIZE %" PRIu64, opt->size);
		add_keyword(c, out, size);
	}
	add_keyword(c, out, "8BITMIME");
	add_keyword(c, out, "ENHANCEDSTATUSCODES");
	if (smtp_offers(c, "CHUNKING")) {
		add_keyword(c, out, "CHUNKING");
		add_keyword(c, out, "BINARYMIME");
	}
	if (opt->smtputf8)
		add_keyword(c, out, "SMTPUTF8");
	if (smtp_offers(c, "STARTTLS"))
		add_keyword(c, out, "STARTTLS");
	if (smtp_offers(c, "AUTH"))
		add_keyword(c, out, "AUTH PLAIN LOGIN");
	for (size_t i = 0; i < opt->nextra; i++)
		add_keyword(c, out, opt->extra[i]);
	strbuf_adds(out, "250 HELP\r\n");
}

static void
cmd_helo(struct conn *c, const char *arg, bool esmtp)
{
	struct strbuf text = STRBUF_INIT(SINK_LINE_MAX);
	const struct action *a;

	if (*arg == '\0') {
		smtp_refuse(c, "501 5.5.4 A name is needed\r\n",
		    "EHLO without a name");
		return;
	}
	reset_session(c);
	strbuf_adds(&c->helo, arg);
	c->esmtp = esmtp;
	a = smtp_rule(c, SINK_EHLO);
	note_hidden(c, a);
	if (esmtp)
		ehlo_text(c, &text);
	else
		strbuf_addf(&text, "250 %s\r\n", c->sink->opt.hostname);
	if (smtp_perform(c, a, SINK_EHLO, text.s, 0, arg) != '2')
		reset_session(c);
	strbuf_free(&text);
}

static void
cmd_starttls(struct conn *c, const char *arg)
{
	int digit;

	if (*arg != '\0') {
		smtp_refuse(c, "501 5.5.4 No parameters here\r\n",
		    "STARTTLS with an argument");
		return;
	}
	if (!smtp_offers(c, "STARTTLS")) {
		smtp_refuse(c, "503 5.5.1 Not now\r\n", "STARTTLS not offered");
		return;
	}
	digit = smtp_answer(c, SINK_STARTTLS, "220 2.0.0 Ready\r\n", 0, "");
	if (digit != '2' || c->ending != CONN_STAYS || c->state == CONN_DEAF)
		return;
	reset_session(c);
	conn_start_tls(c);
}

/* ---- MAIL, RCPT, DATA */

/* "<path>" at the start of arg: its length, or -1.  No spaces before it. */
static ssize_t
path_length(const char *arg)
{
	bool quoted = false;

	if (*arg != '<')
		return -1;
	for (const char *s = arg + 1; *s != '\0'; s++) {
		if (*s == '\\' && quoted && s[1] != '\0')
			s++;
		else if (*s == '"')
			quoted = !quoted;
		else if (*s == '>' && !quoted)
			return s[1] == '\0' || s[1] == ' ' ? s - arg - 1 : -1;
		else if (*s == ' ' && !quoted)
			return -1;
	}
	return -1;
}

/* The value of keyword in " A=x B=y", or NULL. */
static const char *
param_value(const char *params, const char *keyword)
{
	size_t len = strlen(keyword);

	while (*params == ' ') {
		params++;
		if (strncasecmp(params, keyword, len) == 0 &&
		    params[len] == '=')
			return params + len + 1;
		params += strcspn(params, " ");
	}
	return NULL;
}

static void
note_params(struct conn *c)
{
	const char *body = param_value(c->params.s, "BODY");

	if (c->params.len > 0 && !c->esmtp)
		record_anomaly(c, "MAIL parameters after HELO");
	if (body == NULL)
		return;
	c->eight_bit = strncasecmp(body, "7BIT", 4) != 0;
	if (c->eight_bit && is_hidden(c, "8BITMIME"))
		record_anomaly(c, "BODY without 8BITMIME offered");
}

static void
cmd_mail(struct conn *c, const char *arg)
{
	const char *size, *usual = "250 2.1.0 Ok\r\n";
	ssize_t len = path_length(arg);

	if (c->helo.len == 0 || c->in_mail) {
		smtp_refuse(c, "503 5.5.1 MAIL not expected\r\n",
		    "MAIL out of order");
		return;
	}
	if (len == -1) {
		smtp_refuse(c, "501 5.1.7 Bad sender syntax\r\n",
		    "MAIL with bad syntax");
		return;
	}
	record_count(c, begun);
	c->txn++;
	strbuf_reset(&c->from);
	strbuf_add(&c->from, arg + 1, (size_t)len);
	strbuf_reset(&c->params);
	strbuf_adds(&c->params, arg + len + 2);
	note_params(c);
	size = param_value(c->params.s, "SIZE");
	if (size != NULL && c->sink->opt.size != 0 &&
	    strtoull(size, NULL, 10) > c->sink->opt.size)
		usual = "552 5.3.4 Too big\r\n";
	else if (c->sink->opt.auth != NULL && !c->authenticated)
		usual = "530 5.7.0 Authenticate first\r\n";
	if (smtp_answer(c, SINK_MAIL, usual, 0, c->params.s) == '2')
		c->in_mail = true;
	else
		reset_transaction(c);
}

static void
cmd_rcpt(struct conn *c, const char *arg)
{
	ssize_t len = path_length(arg);
	size_t before = c->rcpts.len;
	int digit;

	if (!c->in_mail) {
		/* No anomaly: MAIL of the same group may have been refused. */
		smtp_reply(c, "rcpt", "503 5.5.1 RCPT not expected\r\n", 0,
		    arg);
		return;
	}
	if (len < 1) {
		smtp_refuse(c, "501 5.1.3 Bad recipient syntax\r\n",
		    "RCPT with bad syntax");
		return;
	}
	if (c->rcpts.len + (size_t)len + 1 > SINK_RCPTS_MAX) {
		smtp_reply(c, "rcpt", "452 4.5.3 Too many recipients\r\n", 0,
		    arg);
		return;
	}
	record_count(c, rcpts);
	strbuf_add(&c->rcpts, arg + 1, (size_t)len);
	strbuf_addc(&c->rcpts, '\0');
	c->nrcpts++;
	c->focus = before;
	digit = smtp_answer(c, SINK_RCPT, "250 2.1.5 Ok\r\n", 0,
	    arg + len + 2);
	c->focus = 0;
	if (digit != '2') {
		c->nrcpts--;
		strbuf_truncate(&c->rcpts, before);
	}
}

/* ---- content */

/* The rules may want to act in mid-content; ask them once, before it. */
static void
begin_content(struct conn *c)
{
	content_reset(&c->content);
	c->act.action = smtp_rule(c, SINK_CONTENT);
	if (c->act.action == NULL)
		return;
	c->act.generation = c->sink->rules_generation;
	c->act.due = c->act.action->at;
}

/* Do what the rules planned for this point of the content, if it is here. */
static void
act_in_content(struct conn *c)
{
	const struct action *a = c->act.action;

	if (a == NULL || c->content.octets < c->act.due)
		return;
	c->act.action = NULL;
	if (c->act.generation == c->sink->rules_generation)
		(void)smtp_perform(c, a, SINK_CONTENT, "", c->content.octets,
		    "");
}

static void
cmd_data(struct conn *c)
{
	if (!c->in_mail || c->nrcpts == 0) {
		smtp_reply(c, "data", c->in_mail ?
		    "554 5.5.1 No valid recipients\r\n" :
		    "503 5.5.1 DATA not expected\r\n", 0, "");
		return;
	}
	if (c->content.chunk_begun) {
		smtp_refuse(c, "503 5.5.1 DATA after BDAT\r\n",
		    "DATA after BDAT");
		return;
	}
	if (smtp_answer(c, SINK_DATA, "354 Go ahead\r\n", 0, "") != '3')
		return;
	begin_content(c);
	if (c->state == CONN_COMMAND)
		c->state = CONN_CONTENT;
}

/* The content is complete: answer for it, count it, forget it. */
static void
finish_message(struct conn *c)
{
	struct strbuf names = STRBUF_INIT(256);
	char usual[QUEUE_ID_OCTETS];
	uint64_t number = ++c->sink->next_message;
	int digit;

	if (c->content.anomalies != 0) {
		content_anomaly_names(c->content.anomalies, &names);
		record_anomaly(c, names.s);
		strbuf_free(&names);
	}
	snprintf(usual, sizeof(usual), "250 2.0.0 Ok: queued as %" PRIu64
	    "\r\n", number);
	digit = smtp_answer(c, SINK_DOT, c->content.too_big ?
	    "552 5.3.4 Too big\r\n" : usual, c->content.octets, "");
	if (digit == '2' || digit == 0)
		record_message(c, digit == '2', number);
	reset_transaction(c);
}

static size_t
take_dotted(struct conn *c, const char *buf, size_t len)
{
	size_t used;
	bool done;

	used = content_dotted(c, buf, len, &done);
	act_in_content(c);
	if (!done || c->state != CONN_CONTENT || c->ending != CONN_STAYS)
		return used;
	if (used < len && !smtp_offers(c, "PIPELINING"))
		record_anomaly(c, "pipelining behind the dot");
	finish_message(c);
	return used;
}

/* "n [LAST]" of BDAT (RFC 3030 section 2).  False when it is neither. */
static bool
parse_chunk(const char *arg, uint64_t *size_r, bool *last_r)
{
	char *end;

	if (*arg < '0' || *arg > '9')
		return false;
	*size_r = strtoull(arg, &end, 10);
	*last_r = strcasecmp(end, " LAST") == 0;
	return *last_r || *end == '\0';
}

static void
finish_chunk(struct conn *c)
{
	struct content *ct = &c->content;

	c->state = CONN_COMMAND;
	if (ct->chunk_refused) {
		smtp_reply(c, "data", "503 5.5.1 BDAT not expected\r\n",
		    ct->octets, "");
		ct->chunk_refused = false;
	} else if (ct->chunk_last)
		finish_message(c);
	else if (smtp_answer(c, SINK_DATA, "250 2.0.0 Ok, more\r\n",
	    ct->octets, "chunk") != '2')
		reset_transaction(c);
}

static size_t
take_chunk(struct conn *c, const char *buf, size_t len)
{
	struct content *ct = &c->content;

	if (len > ct->chunk_left)
		len = (size_t)ct->chunk_left;
	ct->chunk_left -= len;
	if (!ct->chunk_refused) {
		content_plain(c, buf, len);
		act_in_content(c);
	}
	if (ct->chunk_left == 0 && c->state == CONN_CHUNK &&
	    c->ending == CONN_STAYS)
		finish_chunk(c);
	return len;
}

static void
cmd_bdat(struct conn *c, const char *arg)
{
	struct content *ct = &c->content;
	uint64_t size;
	bool last;

	if (!smtp_offers(c, "CHUNKING") || !parse_chunk(arg, &size, &last)) {
		smtp_refuse(c, "501 5.5.4 BDAT not offered, or no number\r\n",
		    "BDAT out of place");
		return;
	}
	if (!ct->chunk_begun && c->in_mail && c->nrcpts > 0)
		begin_content(c);
	ct->chunk_refused = !c->in_mail || c->nrcpts == 0;
	ct->chunk_begun = !ct->chunk_refused;
	ct->chunk_last = last;
	ct->chunk_left = size;
	c->state = CONN_CHUNK;
	if (size == 0)
		finish_chunk(c);
}

/* ---- commands */

static void
cmd_quit(struct conn *c)
{
	if (smtp_answer(c, SINK_QUIT, "221 2.0.0 Bye\r\n", 0, "") != 0 &&
	    c->state != CONN_DEAF)
		conn_end(c, CONN_CLOSES, "quit");
}

static void
cmd_rset(struct conn *c)
{
	reset_transaction(c);
	(void)smtp_answer(c, SINK_RSET, "250 2.0.0 Ok\r\n", 0, "");
}

/* Is line the command verb, alone or before a space?  Then its argument. */
static const char *
argument(const char *line, const char *verb)
{
	size_t len = strlen(verb);

	if (strncasecmp(line, verb, len) != 0)
		return NULL;
	if (line[len] == '\0')
		return line + len;
	if (verb[len - 1] == ':')
		return line + len;
	return line[len] == ' ' ? line + len + 1 : NULL;
}

static void
dispatch(struct conn *c, const char *line)
{
	const char *arg;

	if ((arg = argument(line, "MAIL FROM:")) != NULL)
		cmd_mail(c, arg);
	else if ((arg = argument(line, "RCPT TO:")) != NULL)
		cmd_rcpt(c, arg);
	else if ((arg = argument(line, "DATA")) != NULL && *arg == '\0')
		cmd_data(c);
	else if ((arg = argument(line, "BDAT")) != NULL)
		cmd_bdat(c, arg);
	else if ((arg = argument(line, "EHLO")) != NULL)
		cmd_helo(c, arg, true);
	else if ((arg = argument(line, "HELO")) != NULL)
		cmd_helo(c, arg, false);
	else if ((arg = argument(line, "STARTTLS")) != NULL)
		cmd_starttls(c, arg);
	else if ((arg = argument(line, "AUTH")) != NULL)
		auth_begin(c, arg);
	else if ((arg = argument(line, "RSET")) != NULL)
		cmd_rset(c);
	else if ((arg = argument(line, "NOOP")) != NULL)
		(void)smtp_answer(c, SINK_NOOP, "250 2.0.0 Ok\r\n", 0, arg);
	else if ((arg = argument(line, "QUIT")) != NULL)
		cmd_quit(c);
	else
		(void)smtp_answer(c, SINK_OTHER,
		    "500 5.5.2 Unknown command\r\n", 0, line);
}

/*
 * RFC 2920 section 3.1: without the offer nothing may follow a command before
 * its reply; with it, still nothing may follow these.
 */
static void
check_pipelining(struct conn *c, const char *line)
{
	static const char *const last_in_group[] = {
		"EHLO", "HELO", "DATA", "VRFY", "EXPN", "QUIT", "NOOP",
	};

	if (!smtp_offers(c, "PIPELINING") && argument(line, "BDAT") == NULL) {
		record_anomaly(c, "pipelining not offered");
		return;
	}
	for (size_t i = 0; i < sizeof(last_in_group) /
	    sizeof(last_in_group[0]); i++) {
		if (argument(line, last_in_group[i]) != NULL)
			record_anomaly(c, "command must end its group");
	}
}

/* One command; s ends in LF and may be changed.  more: octets follow it. */
static void
take_line(struct conn *c, char *s, size_t len, bool more)
{
	bool crlf = len >= 2 && s[len - 2] == '\r';

	s[len - (crlf ? 2 : 1)] = '\0';
	if (!crlf || strlen(s) != len - 2 || strchr(s, '\r') != NULL) {
		smtp_refuse(c, "500 5.5.2 CR, LF or NUL out of place\r\n",
		    "bare CR or LF or NUL in a command");
		return;
	}
	if (more && c->sink->opt.check && c->auth_step == 0)
		check_pipelining(c, s);
	if (c->auth_step != 0)
		auth_line(c, s);
	else
		dispatch(c, s);
}

size_t
smtp_input(struct conn *c, char *buf, size_t len)
{
	size_t off = 0, line;
	char *nl;

	while (off < len && !c->paused && c->ending == CONN_STAYS &&
	    c->tls != CONN_HANDSHAKE) {
		size_t before = off;

		switch (c->state) {
		case CONN_COMMAND:
			nl = memchr(buf + off, '\n', len - off);
			if (nl == NULL)
				return off;
			line = (size_t)(nl + 1 - (buf + off));
			off += line;
			take_line(c, nl + 1 - line, line, off < len);
			break;
		case CONN_CONTENT:
			off += take_dotted(c, buf + off, len - off);
			if (off == before)
				return off;
			break;
		case CONN_CHUNK:
			off += take_chunk(c, buf + off, len - off);
			break;
		case CONN_DEAF:
			return len;
		}
	}
	return off;
}
