/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smtp_transaction.c - what is said about each delivery of a session, and what
 * the answers mean for it.
 *
 * items holds the deliveries in the order they are sent; `expect` holds the
 * replies still to come, in order.  With PIPELINING the group
 *
 *	content of A . CRLF | MAIL B, RCPT B, DATA B
 *
 * is one write; DATA is the last command of a group, so B's content waits for
 * its 354 (RFC 2920 section 3.1).  Without, each command waits for its reply.
 * With CHUNKING as well
 *
 *	MAIL A, RCPT A, BDAT A LAST, content of A
 *
 * is one write, and its three replies are read before the next one.
 * Where all of an envelope was refused and DATA still got a 354, a lone dot
 * ends the transaction.
 *
 * A reply answers what was written before it came.  While octets are there that
 * no reply is awaited for, nothing is written, or they would be taken to answer
 * it; and only a content that has left whole can have been taken (F23).
 *
 * A MAIL never waits in a buffer of ours: its gate is asked when nothing else
 * waits, right before the write, and when the socket takes none of it then the
 * item waits again and its gate is asked anew.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/conf.h"
#include "lib/err.h"
#include "lib/utf8.h"
#include "listd/bdat.h"
#include "listd/copy.h"
#include "listd/smtp_session_private.h"

/* ---- what may be written */

static bool
may_pipeline(const struct smtp_session *s)
{
	return s->ehlo.pipelining;
}

static const struct item *
first_waiting(const struct smtp_session *s)
{
	const struct item *item;

	TAILQ_FOREACH(item, &s->items, entry)
		if (item->step == ITEM_WAITING)
			break;
	return item;
}

/* Asked between transactions alone. */
static bool
pays_bdat(const struct smtp_session *s)
{
	const struct item *next = first_waiting(s);

	return s->ehlo.chunking && may_pipeline(s) &&
	    (next == NULL || !next->d.by_data) &&
	    s->grant.bdat == IPC_BDAT_AUTO && (s->env->bdat == NULL ||
	    bdat_may(s->env->bdat, session_host(s), session_now(s)));
}

static void
expect_add(struct smtp_session *s, enum expect_kind kind, struct item *item)
{
	s->expect[(s->expect_first + s->expects++) % EXPECT_MAX] =
	    (struct expect){ kind, item };
}

static int64_t
expect_wait(const struct smtp_session *s)
{
	const struct conf *conf = s->env->conf;

	switch (s->expect[s->expect_first].kind) {
	case EXPECT_MAIL: return conf->timeout_mail;
	case EXPECT_RCPT: return conf->timeout_rcpt;
	case EXPECT_DATA: return conf->timeout_data;
	case EXPECT_DOT:
	case EXPECT_LONE_DOT: return conf->timeout_dot;
	case EXPECT_RSET: return conf->timeout_command;
	}
	return conf->timeout_command;
}

void
transaction_await(struct smtp_session *s)
{
	s->queued = smtp_conn_queued(s->conn);
	session_arm(s, s->queued > 0 || s->expects == 0 ?
	    s->env->conf->timeout_block : expect_wait(s));
}

static bool
has_open_item(const struct smtp_session *s)
{
	const struct item *item;

	TAILQ_FOREACH(item, &s->items, entry)
		if (item->step != ITEM_WAITING && item->step != ITEM_BODY)
			return true;
	return false;
}

/* ---- writing */

/* A refused envelope may have left a transaction open at the server. */
static void
command_rset(struct smtp_session *s)
{
	strbuf_adds(&s->command, "RSET\r\n");
	expect_add(s, EXPECT_RSET, NULL);
	s->need_rset = false;
}

static void
command_mail(struct smtp_session *s, struct item *item)
{
	bool utf8 = item->copy->smtputf8 ||
	    !utf8_is_ascii(item->d.local, strlen(item->d.local));

	strbuf_addf(&s->envelope, "MAIL FROM:<%s>", item->copy->return_path);
	if (s->ehlo.size)
		strbuf_addf(&s->envelope, " SIZE=%zu", item->copy->octets);
	if (item->copy->eightbit)
		strbuf_adds(&s->envelope, " BODY=8BITMIME");
	if (utf8)
		strbuf_adds(&s->envelope, " SMTPUTF8");
	strbuf_adds(&s->envelope, "\r\n");
	expect_add(s, EXPECT_MAIL, item);
	item->step = ITEM_MAIL;
	item->begun_ms = session_now(s);
	s->begun++;
}

static void
command_rcpt(struct smtp_session *s, struct strbuf *out, struct item *item)
{
	strbuf_addf(out, "RCPT TO:<%s@%s>\r\n", item->d.local,
	    item->d.domain);
	expect_add(s, EXPECT_RCPT, item);
	item->step = ITEM_RCPT;
}

static void
command_data(struct smtp_session *s, struct strbuf *out, struct item *item)
{
	strbuf_adds(out, "DATA\r\n");
	expect_add(s, EXPECT_DATA, item);
	item->step = ITEM_DATA;
}

/* The content goes right behind; see flush_chunk(). */
static void
command_bdat(struct smtp_session *s, struct item *item)
{
	size_t octets = 0;

	/* Counted: a wrong number would end in the next command. */
	for (size_t i = 0; i < item->copy->n; i++)
		octets += item->copy->iov[i].iov_len;
	strbuf_addf(&s->envelope, "BDAT %zu LAST\r\n", octets);
	expect_add(s, EXPECT_DOT, item);
	item->step = ITEM_BODY;
	item->body_ms = item->begun_ms;
	s->chunk = item;
}

static unsigned
messages_max(const struct smtp_session *s)
{
	unsigned max = s->grant.messages != 0 ? s->grant.messages : UINT32_MAX;

	if (s->ehlo.mailmax != 0 && s->ehlo.mailmax < max)
		max = s->ehlo.mailmax;
	return max;
}

/*
 * May a MAIL be written now?  Not behind what the socket has not taken: it
 * would lie there while its gate may close.
 */
static bool
may_begin(const struct smtp_session *s)
{
	return s->begun < messages_max(s) && !s->winding_down &&
	    !has_open_item(s) && smtp_conn_queued(s->conn) == 0;
}

/* Put the next envelope into s->envelope, as much of it as may go now. */
static void
begin_next(struct smtp_session *s)
{
	struct item *item;

	if (!may_begin(s))
		return;
	if (s->need_rset && !may_pipeline(s)) {
		if (first_waiting(s) != NULL)
			command_rset(s);
		return;
	}
	if ((item = item_next_ready(s)) == NULL)
		return;
	if (s->need_rset)
		command_rset(s);
	command_mail(s, item);
	if (!may_pipeline(s))
		return;
	command_rcpt(s, &s->envelope, item);
	if (item->copy->bdat)
		command_bdat(s, item);
	else
		command_data(s, &s->envelope, item);
}

/* Its MAIL was not written after all. */
static void
unbegin(struct smtp_session *s)
{
	struct item *item = s->chunk;

	if (item != NULL) {
		s->expects--;		/* of its BDAT */
		item->body_ms = 0;
		s->env->ops->mark(s->env->arg, &item->d, &item->slot,
		    SMTP_MARK_HELD);
	}
	while (s->expects > 0) {
		const struct expect *x = &s->expect[(s->expect_first +
		    s->expects - 1) % EXPECT_MAX];

		if (x->kind != EXPECT_MAIL && x->kind != EXPECT_RCPT &&
		    x->kind != EXPECT_DATA)
			break;
		item = x->item;
		s->expects--;
	}
	if (item == NULL)
		return;
	item->step = ITEM_WAITING;
	item->begun_ms = 0;
	s->begun--;
}

static void
clear_output(struct smtp_session *s)
{
	strbuf_reset(&s->command);
	strbuf_reset(&s->envelope);
	s->chunk = NULL;
}

static struct iovec
piece(const struct strbuf *b)
{
	return (struct iovec){ b->s, b->len };
}

/* What smtp_conn_gone() says when all before and these pieces have left. */
static uint64_t
end_of(const struct smtp_session *s, const struct iovec *iov, size_t n)
{
	uint64_t at = smtp_conn_gone(s->conn) + smtp_conn_queued(s->conn);

	for (size_t i = 0; i < n; i++)
		at += iov[i].iov_len;
	return at;
}

/*
 * The mark stands before the write, in case we die in it.  It is taken back
 * where the end of a content has to wait for room, which may be long.
 */
static void
mark_leaving(struct smtp_session *s)
{
	struct item *item;

	TAILQ_FOREACH(item, &s->items, entry)
		if (item->step == ITEM_BODY &&
		    smtp_conn_gone(s->conn) < item->end)
			s->env->ops->mark(s->env->arg, &item->d, &item->slot,
			    SMTP_MARK_BODY);
}

static void
mark_gone(struct smtp_session *s)
{
	struct item *item;

	TAILQ_FOREACH(item, &s->items, entry)
		if (item->step == ITEM_BODY)
			s->env->ops->mark(s->env->arg, &item->d, &item->slot,
			    SMTP_MARK_DOT);
}

/* The last pieces of iov begin a transaction, and wait for nothing. */
static void
write_group(struct smtp_session *s, struct iovec *iov, size_t n, size_t last)
{
	uint64_t begins = end_of(s, iov, n - last);
	bool taken = true;
	int rc = last > 0 ?
	    smtp_conn_writev_last(s->conn, iov, n, last, &taken) :
	    smtp_conn_writev(s->conn, iov, n);

	/* Some may have left before it broke. */
	if (rc == -1)
		taken = last == 0 || smtp_conn_gone(s->conn) > begins;
	if (!taken)
		unbegin(s);
	if (rc == -1) {
		session_fail(s, "connection lost while writing");
		return;
	}
	if (smtp_conn_queued(s->conn) > 0)
		mark_leaving(s);
	transaction_await(s);
}

/* s->command, then s->envelope, which ends in BDAT, then the content. */
static void
flush_chunk(struct smtp_session *s)
{
	struct item *item = s->chunk;
	struct iovec *iov = item->copy->iov;
	size_t n = item->copy->n + 1, last = n;

	*--iov = piece(&s->envelope);
	if (s->command.len > 0) {
		*--iov = piece(&s->command);
		n++;
	}
	item->end = end_of(s, iov, n);
	s->env->ops->mark(s->env->arg, &item->d, &item->slot, SMTP_MARK_DOT);
	write_group(s, iov, n, last);
}

/* Write body, if any, then s->command, then s->envelope, in one write. */
static void
flush(struct smtp_session *s, struct item *body)
{
	struct iovec two[2], *iov = body != NULL ? body->copy->iov : two;
	size_t n = body != NULL ? body->copy->n : 0;

	if (s->command.overflow || s->envelope.overflow) {
		session_fail(s, "commands too long");
		return;
	}
	if (s->chunk != NULL) {
		flush_chunk(s);
		return;
	}
	if (body != NULL)
		body->end = end_of(s, iov, n);
	/* The copier leaves spare pieces for what travels along. */
	if (s->command.len > 0)
		iov[n++] = piece(&s->command);
	if (s->envelope.len > 0)
		iov[n++] = piece(&s->envelope);
	if (n == 0)
		return;
	if (body != NULL)
		s->env->ops->mark(s->env->arg, &body->d, &body->slot,
		    SMTP_MARK_DOT);
	write_group(s, iov, n, s->envelope.len > 0);
}

/* Render what comes next while the answers are on their way. */
static void
prepare_ahead(struct smtp_session *s)
{
	struct item *item, *after;

	if (s->begun >= messages_max(s))
		return;
	for (item = TAILQ_FIRST(&s->items); item != NULL; item = after) {
		after = TAILQ_NEXT(item, entry);
		if (item->step != ITEM_WAITING)
			continue;
		if (item_prepare(s, item))
			return;
	}
}

/* Nothing is being said: end, or wait for more to say. */
/* As long as we would keep it, and not longer than the receiver would. */
static int64_t
idle_wait(const struct smtp_session *s)
{
	int64_t ours = s->env->conf->idle_connection;

	return s->grant.idle_ms != 0 && s->grant.idle_ms < ours ?
	    s->grant.idle_ms : ours;
}

static void
rest(struct smtp_session *s)
{
	if (s->expects > 0 || s->state != SESSION_OPEN || s->ahead)
		return;
	if (smtp_conn_queued(s->conn) > 0) {	/* refused before it was read */
		transaction_await(s);
		return;
	}
	if (s->begun >= messages_max(s) || (s->closing && s->held == 0)) {
		session_quit(s);
		return;
	}
	if (s->held == 0)
		session_arm(s, idle_wait(s));
}

void
transaction_pump(struct smtp_session *s)
{
	if (s->in_pump)
		return;			/* an ops callback came back here */
	s->in_pump = true;
	clear_output(s);
	if (s->expects == 0 && !session_is_ahead(s)) {
		s->bdat = pays_bdat(s);
		begin_next(s);
	}
	flush(s, NULL);
	if (s->state == SESSION_OPEN && s->expects > 0)
		prepare_ahead(s);
	s->in_pump = false;
	rest(s);
}

void
transaction_drained(struct smtp_session *s)
{
	mark_gone(s);
	if (s->expects == 0) {
		transaction_pump(s);
		return;
	}
	if (s->in_pump)
		return;
	/* What could not travel with the content follows it now. */
	s->in_pump = true;
	clear_output(s);
	if (may_pipeline(s) && !s->bdat)
		begin_next(s);
	flush(s, NULL);
	s->in_pump = false;
	if (s->state == SESSION_OPEN)
		transaction_await(s);
}

/* ---- replies */

/* The server waits for content that there is not: only hanging up is left. */
static void
cannot_send(struct smtp_session *s, struct item *item, const struct err *e)
{
	item_verdict(s, item, e->code == ERR_AGAIN ? IPC_DEFERRED : IPC_FAILED,
	    IPC_STAGE_RENDER, 0, e->text);
	s->ended++;
	item_done(s, item);
	session_fail(s, "a copy could not be signed");
}

/* The envelope is accepted: content, and the next envelope behind it. */
static void
send_body(struct smtp_session *s, struct item *item)
{
	struct err e = ERR_INIT;

	if (s->env->ops->sign(s->env->arg, item->copy, &e) == -1) {
		cannot_send(s, item, &e);
		return;
	}
	s->in_pump = true;
	clear_output(s);
	item->step = ITEM_BODY;
	item->body_ms = session_now(s);
	expect_add(s, EXPECT_DOT, item);
	s->env->ops->mark(s->env->arg, &item->d, &item->slot, SMTP_MARK_BODY);
	if (may_pipeline(s) && !s->bdat)
		begin_next(s);
	flush(s, item);
	if (s->state == SESSION_OPEN)
		prepare_ahead(s);
	s->in_pump = false;
}

static void
send_lone_dot(struct smtp_session *s, struct item *item)
{
	clear_output(s);
	strbuf_adds(&s->command, ".\r\n");
	expect_add(s, EXPECT_LONE_DOT, item);
	flush(s, NULL);
}

/*
 * What comes next answers this reply.  False: it is not written, for the peer
 * did not wait for it, or has not even read what it answers (F23).
 */
static bool
may_go_on(struct smtp_session *s)
{
	if (smtp_conn_queued(s->conn) > 0)
		session_fail(s, SESSION_EARLY);
	return s->state == SESSION_OPEN && !session_is_ahead(s);
}

static bool
reply_data(struct smtp_session *s, struct item *item,
    const struct smtp_reply *r)
{
	if (r->code == 354) {
		if (!may_go_on(s))
			return s->state == SESSION_OPEN;
		if (item->refused)
			send_lone_dot(s, item);
		else
			send_body(s, item);
		return s->state == SESSION_OPEN;
	}
	item_refuse(s, item, IPC_STAGE_DATA, r);
	s->need_rset = true;
	return item_settle(s, item);
}

static bool
reply_dot(struct smtp_session *s, struct item *item,
    const struct smtp_reply *r)
{
	if (item_bdat_unknown(s, item, r))
		return false;
	if (r->code / 100 != 2) {
		/* RFC 3030 section 2: what was begun may still be open. */
		s->need_rset = item->copy->bdat;
		item_refuse(s, item, IPC_STAGE_DOT, r);
		return item_settle(s, item);
	}
	/* Who has not had all of it cannot have taken it (F23). */
	if (smtp_conn_gone(s->conn) < item->end) {
		session_fail(s, SESSION_EARLY);
		return false;
	}
	item_verdict(s, item, IPC_DELIVERED, IPC_STAGE_DOT, (uint16_t)r->code,
	    r->text);
	item_enhanced(item, &r->enhanced);
	return item_settle(s, item);
}

/* Without PIPELINING the next command waits for this one's reply. */
static bool
lockstep(struct smtp_session *s, struct item *item)
{
	if (item->refused) {
		s->need_rset = true;
		return item_settle(s, item);
	}
	if (!may_go_on(s))
		return s->state == SESSION_OPEN;
	clear_output(s);
	if (item->step == ITEM_MAIL)
		command_rcpt(s, &s->command, item);
	else
		command_data(s, &s->command, item);
	flush(s, NULL);
	return s->state == SESSION_OPEN;
}

static bool
reply_item(struct smtp_session *s, const struct expect *x,
    const struct smtp_reply *r)
{
	struct item *item = x->item;

	item->answered = true;
	switch (x->kind) {
	case EXPECT_MAIL:
		if (r->code / 100 != 2)
			item_refuse(s, item, IPC_STAGE_MAIL, r);
		return may_pipeline(s) || lockstep(s, item);
	case EXPECT_RCPT:
		if (r->code / 100 != 2)
			item_refuse(s, item, IPC_STAGE_RCPT, r);
		if (s->env->bdat != NULL)
			bdat_rcpt(s->env->bdat, session_host(s),
			    r->code / 100 != 2);
		return may_pipeline(s) || lockstep(s, item);
	case EXPECT_DATA:
		return reply_data(s, item, r);
	case EXPECT_DOT:
		return reply_dot(s, item, r);
	case EXPECT_LONE_DOT:
		return item_settle(s, item);
	case EXPECT_RSET:
		break;
	}
	return true;
}

void
transaction_reply(struct smtp_session *s, const struct smtp_reply *r,
    bool more)
{
	struct expect x;

	if (s->expects == 0) {
		/* 421 may come at any time; anything else is out of step. */
		session_refused(s, IPC_STAGE_MAIL, r);
		return;
	}
	x = s->expect[s->expect_first];
	if (r->code == 421) {
		if (x.item != NULL)
			item_hung_up(s, x.item, expect_stage(x.kind), r);
		else
			session_refused(s, expect_stage(x.kind), r);
		return;
	}
	s->expect_first = (s->expect_first + 1) % EXPECT_MAX;
	s->expects--;
	/* What was said before the next is asked must not answer it. */
	s->ahead = s->expects == 0 && more;
	if (x.item != NULL && !reply_item(s, &x, r))
		return;
	if (s->expects > 0) {
		if (smtp_conn_queued(s->conn) == 0)
			session_arm(s, expect_wait(s));
		return;
	}
	transaction_pump(s);
}
