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
 * Where all of an envelope was refused and DATA still got a 354, a lone dot
 * ends the transaction.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/conf.h"
#include "lib/err.h"
#include "lib/xmalloc.h"
#include "listd/copy.h"
#include "listd/smtp_session_private.h"

#define REPLACED	"<rcpt>"

/* ---- outcomes */

static struct item *
item_find(struct smtp_session *s, uint64_t delivery)
{
	struct item *item;

	TAILQ_FOREACH(item, &s->items, entry)
		if (item->d.delivery == delivery)
			return item;
	return NULL;
}

static void
item_free(struct smtp_session *s, struct item *item)
{
	TAILQ_REMOVE(&s->items, item, entry);
	s->held--;
	s->env->ops->mark(s->env->arg, &item->d, &item->slot, SMTP_MARK_NONE);
	if (item->copy != NULL)
		s->env->ops->release(s->env->arg, item->copy);
	free(item);
}

static void
item_return(struct smtp_session *s, struct item *item)
{
	uint64_t delivery = item->d.delivery;

	item_free(s, item);
	s->env->ops->returned(s->env->arg, s->grant.session, delivery);
}

static void
item_done(struct smtp_session *s, struct item *item)
{
	struct ipc_outcome o = item->outcome;

	o.what = item->d;
	o.when_ms = clock_utc_ms(timers_clock(s->env->timers));
	if (item->copy != NULL)
		snprintf(o.message_id, sizeof(o.message_id), "%s",
		    item->copy->message_id);
	item_free(s, item);
	s->env->ops->outcome(s->env->arg, &o);
}

/*
 * Keep a reply without the address it may repeat (spool/DESIGN, L).  It is
 * taken out before the text is cut, or a half of it could stay at the end.
 */
static void
put_text(const struct ipc_delivery *d, const char *text,
    char out[IPC_TEXT_MAX + 1])
{
	char address[520];
	size_t len, used = 0;

	snprintf(address, sizeof(address), "%s@%s", d->local, d->domain);
	len = strlen(address);
	while (*text != '\0' && used < IPC_TEXT_MAX) {
		if (strncasecmp(text, address, len) != 0) {
			out[used++] = *text++;
			continue;
		}
		text += len;
		if (used > 0 && out[used - 1] == '<' && *text == '>') {
			used--;
			text++;
		}
		for (const char *p = REPLACED; *p != '\0' &&
		    used < IPC_TEXT_MAX; p++)
			out[used++] = *p;
	}
	out[used] = '\0';
}

static void
put_times(struct smtp_session *s, struct item *item)
{
	struct ipc_outcome *o = &item->outcome;
	const struct clock *clock = timers_clock(s->env->timers);
	int64_t now = session_now(s), waited;

	waited = clock_utc_ms(clock) - item->d.queued_ms;
	if (item->begun_ms != 0)
		waited -= now - item->begun_ms;
	o->delay_ms[0] = waited > 0 && waited < UINT32_MAX ?
	    (uint32_t)waited : 0;
	o->delay_ms[1] = s->connect_ms;
	s->connect_ms = 0;		/* the first delivery waited for it */
	if (item->begun_ms == 0)
		return;
	o->delay_ms[2] = (uint32_t)((item->body_ms != 0 ? item->body_ms :
	    now) - item->begun_ms);
	o->delay_ms[3] = item->body_ms != 0 ?
	    (uint32_t)(now - item->body_ms) : 0;
}

/* Write the verdict into the item; the first one stays. */
static void
item_verdict(struct smtp_session *s, struct item *item,
    enum ipc_result_kind result, enum ipc_stage stage, uint16_t code,
    const char *text)
{
	struct ipc_outcome *o = &item->outcome;

	if (item->refused)
		return;
	item->refused = true;
	o->result = result;
	o->stage = stage;
	o->code = code;
	o->tls = s->tls;
	put_text(&item->d, text, o->text);
	snprintf(o->host, sizeof(o->host), "%s", s->peer);
	put_times(s, item);
}

static void
put_enhanced(struct ipc_outcome *o, const struct enhanced *e)
{
	o->enhanced[0] = e->class;
	o->enhanced[1] = e->subject;
	o->enhanced[2] = e->detail;
}

/* A reply other than the hoped-for one. */
static void
item_refuse(struct smtp_session *s, struct item *item, enum ipc_stage stage,
    enum reply_stage said, const struct smtp_reply *r)
{
	struct reply_class c;

	if (item->refused)
		return;
	reply_classify(said, r, &c);
	item->scheduler = c.scheduler;
	item_verdict(s, item, reply_is_final(&c) ? IPC_FAILED : IPC_DEFERRED,
	    stage, (uint16_t)r->code, r->text);
	put_enhanced(&item->outcome, &r->enhanced);
	item->outcome.recipient = (uint8_t)c.recipient;
	item->outcome.category = (uint8_t)c.category;
}

/* ---- what may be written */

static bool
may_pipeline(const struct smtp_session *s)
{
	return s->ehlo.pipelining;
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
	session_arm(s, s->queued > 0 ? s->env->conf->timeout_block :
	    expect_wait(s));
}

/* A reason of our own, before any command: this copy cannot go here. */
static bool
cannot_go(struct smtp_session *s, struct item *item)
{
	static const struct enhanced too_big = { 5, 3, 4 }, eai = { 5, 6, 7 },
	    eightbit = { 5, 6, 3 };
	const struct enhanced *why = NULL;
	const char *text = NULL;

	if (s->ehlo.size_max != 0 && item->copy->octets > s->ehlo.size_max) {
		why = &too_big;
		text = "the message is larger than this host accepts";
	} else if (item->copy->eightbit && !s->ehlo.eightbitmime) {
		why = &eightbit;
		text = "the message needs 8BITMIME and this host lacks it";
	}
	for (const char *p = item->d.local; *p != '\0'; p++)
		if ((unsigned char)*p >= 0x80 && !s->ehlo.smtputf8) {
			why = &eai;
			text = "the address needs SMTPUTF8, this host lacks it";
		}
	if (why == NULL)
		return false;
	item_verdict(s, item, IPC_FAILED, IPC_STAGE_EHLO, 0, text);
	put_enhanced(&item->outcome, why);
	return true;
}

/* Make the copy, or end the item.  False when it is gone. */
static bool
item_prepare(struct smtp_session *s, struct item *item)
{
	struct err e = ERR_INIT;

	if (item->copy != NULL)
		return true;
	if ((item->copy = s->env->ops->make(s->env->arg, &item->d, &e)) != NULL)
		return true;
	item_verdict(s, item, e.code == ERR_AGAIN ? IPC_DEFERRED : IPC_FAILED,
	    IPC_STAGE_RENDER, 0, e.text);
	item_done(s, item);
	return false;
}

/*
 * The next waiting item that may be begun now: rendered, acceptable to this
 * host, and its gate open at this moment.  Others end here.
 */
static struct item *
next_ready(struct smtp_session *s)
{
	struct item *item, *after;
	uint8_t gate;

	for (item = TAILQ_FIRST(&s->items); item != NULL; item = after) {
		after = TAILQ_NEXT(item, entry);
		if (item->step != ITEM_WAITING)
			continue;
		if (!item_prepare(s, item))
			continue;
		if (cannot_go(s, item)) {
			item_done(s, item);
			continue;
		}
		/* The last look: the write that carries MAIL follows. */
		if ((gate = s->env->ops->gate(s->env->arg, &item->d)) != 0) {
			item_verdict(s, item, IPC_SKIPPED, IPC_STAGE_GATE, 0,
			    "");
			item->outcome.gate = gate;
			item_done(s, item);
			continue;
		}
		return item;
	}
	return NULL;
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
	bool utf8 = false;

	for (const char *p = item->d.local; *p != '\0'; p++)
		utf8 = utf8 || (unsigned char)*p >= 0x80;
	strbuf_addf(&s->command, "MAIL FROM:<%s>", item->copy->return_path);
	if (s->ehlo.size)
		strbuf_addf(&s->command, " SIZE=%zu", item->copy->octets);
	if (item->copy->eightbit)
		strbuf_adds(&s->command, " BODY=8BITMIME");
	if (utf8)
		strbuf_adds(&s->command, " SMTPUTF8");
	strbuf_adds(&s->command, "\r\n");
	expect_add(s, EXPECT_MAIL, item);
	item->step = ITEM_MAIL;
	item->begun_ms = session_now(s);
	s->begun++;
}

static void
command_rcpt(struct smtp_session *s, struct item *item)
{
	strbuf_addf(&s->command, "RCPT TO:<%s@%s>\r\n", item->d.local,
	    item->d.domain);
	expect_add(s, EXPECT_RCPT, item);
	item->step = ITEM_RCPT;
}

static void
command_data(struct smtp_session *s, struct item *item)
{
	strbuf_adds(&s->command, "DATA\r\n");
	expect_add(s, EXPECT_DATA, item);
	item->step = ITEM_DATA;
}

static unsigned
messages_max(const struct smtp_session *s)
{
	unsigned max = s->grant.messages != 0 ? s->grant.messages : UINT32_MAX;

	if (s->ehlo.mailmax != 0 && s->ehlo.mailmax < max)
		max = s->ehlo.mailmax;
	return max;
}

/* Put the next envelope into s->command, as much of it as may go now. */
static void
begin_next(struct smtp_session *s)
{
	struct item *item;

	if (s->begun >= messages_max(s) || has_open_item(s))
		return;
	if (s->need_rset && !may_pipeline(s)) {
		command_rset(s);
		return;
	}
	if ((item = next_ready(s)) == NULL)
		return;
	if (s->need_rset)
		command_rset(s);
	command_mail(s, item);
	if (!may_pipeline(s))
		return;
	command_rcpt(s, item);
	command_data(s, item);
}

static void
flush(struct smtp_session *s, struct item *body)
{
	struct iovec command = { s->command.s, s->command.len };
	int rc = 0;

	if (body == NULL && s->command.len == 0)
		return;
	if (s->command.overflow) {
		session_fail(s, 0, "commands too long");
		return;
	}
	if (body != NULL) {
		struct copy *c = body->copy;

		/* The copier leaves one spare piece for what travels along. */
		c->iov[c->n] = command;
		s->env->ops->mark(s->env->arg, &body->d, &body->slot,
		    SMTP_MARK_DOT);
		rc = smtp_conn_writev(s->conn, c->iov,
		    c->n + (command.iov_len > 0));
	} else {
		rc = smtp_conn_writev(s->conn, &command, 1);
	}
	if (rc == -1)
		session_fail(s, 0, "connection lost while writing");
	else
		transaction_await(s);
}

/* Sign and render what comes next while the answers are on their way. */
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
static void
rest(struct smtp_session *s)
{
	if (s->expects > 0 || s->state != SESSION_OPEN)
		return;
	if (s->begun >= messages_max(s) || (s->closing && s->held == 0)) {
		session_quit(s);
		return;
	}
	if (s->held == 0)
		session_arm(s, s->env->conf->idle_connection);
}

void
transaction_pump(struct smtp_session *s)
{
	if (s->in_pump)
		return;			/* an ops callback came back here */
	s->in_pump = true;
	strbuf_reset(&s->command);
	if (s->expects == 0)
		begin_next(s);
	flush(s, NULL);
	if (s->state == SESSION_OPEN && s->expects > 0)
		prepare_ahead(s);
	s->in_pump = false;
	rest(s);
}

/* ---- replies */

/* The envelope is accepted: content, and the next envelope behind it. */
static void
send_body(struct smtp_session *s, struct item *item)
{
	s->in_pump = true;
	strbuf_reset(&s->command);
	item->step = ITEM_BODY;
	item->body_ms = session_now(s);
	expect_add(s, EXPECT_DOT, item);
	s->env->ops->mark(s->env->arg, &item->d, &item->slot, SMTP_MARK_BODY);
	if (may_pipeline(s))
		begin_next(s);
	flush(s, item);
	if (s->state == SESSION_OPEN)
		prepare_ahead(s);
	s->in_pump = false;
}

static void
send_lone_dot(struct smtp_session *s, struct item *item)
{
	strbuf_reset(&s->command);
	strbuf_adds(&s->command, ".\r\n");
	expect_add(s, EXPECT_LONE_DOT, item);
	flush(s, NULL);
}

/* The item has its verdict and no more replies belong to it. */
static bool
item_settle(struct smtp_session *s, struct item *item)
{
	bool site = item->scheduler == REPLY_SCHED_SITE;
	struct ipc_outcome o = item->outcome;

	s->ended++;
	if (!site) {
		item_done(s, item);
		return true;
	}
	/* It says "not now" about us, not about the person: nobody is blamed,
	 * the delivery goes back and the site pauses. */
	item_return(s, item);
	s->site_trouble = true;
	session_fail(s, o.code, o.text);
	return false;
}

static bool
reply_data(struct smtp_session *s, struct item *item,
    const struct smtp_reply *r)
{
	if (r->code == 354) {
		if (item->refused)
			send_lone_dot(s, item);
		else
			send_body(s, item);
		return s->state == SESSION_OPEN;
	}
	item_refuse(s, item, IPC_STAGE_DATA, REPLY_AT_DATA, r);
	s->need_rset = true;
	return item_settle(s, item);
}

static bool
reply_dot(struct smtp_session *s, struct item *item,
    const struct smtp_reply *r)
{
	if (r->code / 100 != 2) {
		item_refuse(s, item, IPC_STAGE_DOT, REPLY_AT_DOT, r);
		return item_settle(s, item);
	}
	item_verdict(s, item, IPC_DELIVERED, IPC_STAGE_DOT, (uint16_t)r->code,
	    r->text);
	put_enhanced(&item->outcome, &r->enhanced);
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
	strbuf_reset(&s->command);
	if (item->step == ITEM_MAIL)
		command_rcpt(s, item);
	else
		command_data(s, item);
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
			item_refuse(s, item, IPC_STAGE_MAIL, REPLY_AT_MAIL, r);
		return may_pipeline(s) || lockstep(s, item);
	case EXPECT_RCPT:
		if (r->code / 100 != 2)
			item_refuse(s, item, IPC_STAGE_RCPT, REPLY_AT_RCPT, r);
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

bool
transaction_reply(struct smtp_session *s, const struct smtp_reply *r)
{
	char text[IPC_TEXT_MAX + 1];
	struct expect x;

	if (s->expects == 0) {
		/* 421 may come at any time; anything else is out of step. */
		session_fail(s, (uint16_t)r->code, r->text);
		return false;
	}
	x = s->expect[s->expect_first];
	if (x.item != NULL)
		put_text(&x.item->d, r->text, text);
	else
		snprintf(text, sizeof(text), "%.*s", IPC_TEXT_MAX, r->text);
	if (r->code == 421 && x.kind != EXPECT_DOT) {
		session_fail(s, 421, text);
		return false;
	}
	s->expect_first = (s->expect_first + 1) % EXPECT_MAX;
	s->expects--;
	if (x.item != NULL && !reply_item(s, &x, r))
		return false;
	if (r->code == 421) {
		session_fail(s, 421, text);
		return false;
	}
	if (s->expects > 0) {
		if (smtp_conn_queued(s->conn) == 0)
			session_arm(s, expect_wait(s));
		return true;
	}
	transaction_pump(s);
	return s->state == SESSION_OPEN || s->state == SESSION_QUIT;
}

/* ---- trouble */

/*
 * Which end each delivery has when the connection goes:
 *
 *	content sent		tried: whether it arrived nobody knows (R104)
 *	begun, and answered or the first of this connection	tried
 *	begun, unanswered, others went well before	given back: the peer
 *				only closed between messages (R11)
 *	not begun		given back
 */
void
transaction_lost(struct smtp_session *s, uint16_t code, const char *why)
{
	bool useful = s->ended > 0 || s->site_trouble;
	struct item *item, *after;
	char text[IPC_TEXT_MAX + 1];

	for (item = TAILQ_FIRST(&s->items); item != NULL; item = after) {
		after = TAILQ_NEXT(item, entry);
		if (item->step == ITEM_WAITING || (useful &&
		    !item->answered && item->step != ITEM_BODY)) {
			item_return(s, item);
			continue;
		}
		snprintf(text, sizeof(text), "%s%.480s",
		    item->step == ITEM_BODY ? "after the final dot: " : "",
		    why);
		item_verdict(s, item, IPC_DEFERRED, item->step == ITEM_BODY ?
		    IPC_STAGE_DOT : IPC_STAGE_MAIL, code, text);
		item_done(s, item);
	}
}

void
transaction_return_waiting(struct smtp_session *s)
{
	struct item *item, *after;

	for (item = TAILQ_FIRST(&s->items); item != NULL; item = after) {
		after = TAILQ_NEXT(item, entry);
		if (item->step == ITEM_WAITING)
			item_return(s, item);
	}
}

/* ---- from queue */

bool
smtp_session_give(struct smtp_session *s, const struct ipc_delivery *d)
{
	struct item *item;

	if (s->held >= SMTP_SESSION_DEPTH_MAX || s->winding_down ||
	    s->state == SESSION_QUIT || s->state == SESSION_OVER) {
		s->env->ops->returned(s->env->arg, s->grant.session, d->delivery);
		return false;
	}
	item = xcalloc(1, sizeof(*item));
	item->d = *d;
	TAILQ_INSERT_TAIL(&s->items, item, entry);
	s->held++;
	s->env->ops->mark(s->env->arg, d, &item->slot, SMTP_MARK_HELD);
	if (s->state == SESSION_OPEN && s->expects == 0)
		transaction_pump(s);
	return true;
}

enum ipc_recall
smtp_session_recall(struct smtp_session *s, uint64_t delivery)
{
	struct item *item = item_find(s, delivery);

	if (item == NULL)
		return IPC_RECALL_UNKNOWN;
	if (item->step != ITEM_WAITING)
		return IPC_RECALL_BEGUN;
	item_free(s, item);
	return IPC_RECALL_DROPPED;
}
