/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smtp_item.c - one delivery of a session, from when it is taken until its
 * outcome is told or it is given back.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/err.h"
#include "lib/hide.h"
#include "lib/token_mask.h"
#include "lib/utf8.h"
#include "lib/xmalloc.h"
#include "listd/bdat.h"
#include "listd/copy.h"
#include "listd/memo.h"
#include "listd/smtp_session_private.h"

/* ---- its end */

struct item *
item_find(struct smtp_session *s, uint64_t delivery)
{
	struct item *item;

	TAILQ_FOREACH(item, &s->items, entry)
		if (item->d.delivery == delivery)
			return item;
	return NULL;
}

void
item_free(struct smtp_session *s, struct item *item)
{
	TAILQ_REMOVE(&s->items, item, entry);
	s->held--;
	s->env->ops->mark(s->env->arg, &item->d, &item->slot, SMTP_MARK_NONE);
	if (item->copy != NULL)
		s->env->ops->release(s->env->arg, item->copy);
	free(item);
}

void
item_return(struct smtp_session *s, struct item *item)
{
	uint64_t delivery = item->d.delivery;

	item_free(s, item);
	s->env->ops->returned(s->env->arg, s->grant.session, delivery);
}

void
item_done(struct smtp_session *s, struct item *item)
{
	struct ipc_outcome o = item->outcome;
	struct copy *copy = item->copy;

	o.what = item->d;
	o.when_ms = clock_utc_ms(timers_clock(s->env->timers));
	if (copy != NULL)
		snprintf(o.message_id, sizeof(o.message_id), "%s",
		    copy->message_id);
	if (copy != NULL && o.result == IPC_DELIVERED) {
		o.mail = copy->mail;
		memcpy(o.mail_hash, copy->mail_hash, sizeof(o.mail_hash));
	}
	item->copy = NULL;	/* until its mail was told */
	item_free(s, item);
	s->env->ops->outcome(s->env->arg, &o);
	if (copy != NULL)
		s->env->ops->release(s->env->arg, copy);
}

/*
 * Keep a reply without the address it may repeat (spool/DESIGN, L).  It is
 * taken out before the text is cut, or a half of it could stay at the end.
 * The secret of a confirmation, which one that objects to its link may repeat,
 * is nobody's to know but the reader's (S39).
 */
void
item_text(const struct item *item, const char *text,
    char out[static IPC_TEXT_MAX + 1])
{
	const struct ipc_delivery *d = &item->d;
	char address[520];

	snprintf(address, sizeof(address), "%s@%s", d->local, d->domain);
	hide_address(text, address, out, IPC_TEXT_MAX + 1);
	if (item->copy != NULL)
		token_mask(out, strlen(out), item->copy->token);
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

void
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
	item_text(item, text, o->text);
	snprintf(o->host, sizeof(o->host), "%s", s->peer);
	put_times(s, item);
}

void
item_enhanced(struct item *item, const struct enhanced *e)
{
	struct ipc_outcome *o = &item->outcome;

	o->enhanced[0] = e->class;
	o->enhanced[1] = e->subject;
	o->enhanced[2] = e->detail;
}

/* ---- its beginning */

/* A reason of our own, before any command: this copy cannot go here. */
static bool
cannot_go(struct smtp_session *s, struct item *item)
{
	static const struct enhanced too_big = { 5, 3, 4 }, eai = { 5, 6, 7 },
	    eightbit = { 5, 6, 3 };
	const struct enhanced *why = NULL;
	const char *text = NULL;

	/* It cannot be written otherwise (RFC 6531 section 3.2). */
	if (!s->ehlo.smtputf8 && (item->copy->smtputf8 ||
	    !utf8_is_ascii(item->d.local, strlen(item->d.local)))) {
		why = &eai;
		text = "the address needs SMTPUTF8 and this host lacks it";
	} else if (s->ehlo.size_max != 0 &&
	    item->copy->octets > s->ehlo.size_max) {
		why = &too_big;
		text = "the message is larger than this host accepts";
	} else if (item->copy->eightbit && !s->ehlo.eightbitmime) {
		why = &eightbit;
		text = "the message needs 8BITMIME and this host lacks it";
	}
	if (why == NULL)
		return false;
	item_verdict(s, item, IPC_FAILED, IPC_STAGE_EHLO, 0, text);
	item_enhanced(item, why);
	return true;
}

/* Its list wants more of a connection than this one has: it waits (T56). */
static bool
lacks_tls(struct smtp_session *s, struct item *item)
{
	static const struct enhanced needed = { 4, 7, 10 };	/* RFC 5248 */
	enum ipc_tls want;
	char host[256];

	if (s->tls >= IPC_TLS_VERIFIED)
		return false;		/* no list can ask for more */
	want = s->env->ops->tls(s->env->arg, &item->d);
	if (s->tls >= (uint8_t)want)
		return false;
	if (s->avoid_tls && s->env->tls_broken != NULL) {
		/* It may have been mended since. */
		connect_split_port(s->grant.host[s->host].name, host, 0);
		memo_forget(s->env->tls_broken, host);
	}
	item_verdict(s, item, IPC_DEFERRED, IPC_STAGE_TLS, 0,
	    s->tls != IPC_TLS_NONE ? "the list requires verified TLS, and "
	    "this host's certificate is not good" : s->avoid_tls ?
	    "the list requires TLS, which breaks at this host" :
	    "the list requires TLS, which this host does not offer");
	item_enhanced(item, &needed);
	return true;
}

/*
 * The certificate bears the name of one domain and not the host's, so it says
 * nothing of another's mail (RFC 7672 section 3.2.2).
 */
static bool
is_for_another(const struct smtp_session *s, const struct item *item)
{
	return s->for_domain &&
	    strcasecmp(item->d.domain, s->grant.domain) != 0;
}

bool
item_prepare(struct smtp_session *s, struct item *item)
{
	bool bdat = s->bdat && !item->d.by_data;
	struct err e = ERR_INIT;

	if (item->copy != NULL && item->copy->bdat == bdat)
		return true;
	if (item->copy != NULL)		/* the host changed its mind, or we */
		s->env->ops->release(s->env->arg, item->copy);
	item->copy = s->env->ops->make(s->env->arg, &item->d, bdat, &e);
	if (item->copy != NULL)
		return true;
	item_verdict(s, item, e.code == ERR_AGAIN ? IPC_DEFERRED : IPC_FAILED,
	    IPC_STAGE_RENDER, 0, e.text);
	item_done(s, item);
	return false;
}

/* A content that goes with its envelope has to be whole before that. */
static bool
item_sign(struct smtp_session *s, struct item *item)
{
	struct err e = ERR_INIT;

	if (!item->copy->bdat ||
	    s->env->ops->sign(s->env->arg, item->copy, &e) == 0)
		return true;
	item_verdict(s, item, e.code == ERR_AGAIN ? IPC_DEFERRED : IPC_FAILED,
	    IPC_STAGE_RENDER, 0, e.text);
	return false;
}

struct item *
item_next_ready(struct smtp_session *s)
{
	struct item *item, *after;
	uint8_t gate;

	for (item = TAILQ_FIRST(&s->items); item != NULL; item = after) {
		after = TAILQ_NEXT(item, entry);
		if (item->step != ITEM_WAITING)
			continue;
		if (is_for_another(s, item)) {
			s->closing = true;
			item_return(s, item);
			continue;
		}
		if (!item_prepare(s, item))
			continue;
		if (cannot_go(s, item) || lacks_tls(s, item) ||
		    !item_sign(s, item)) {
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

void
items_return_waiting(struct smtp_session *s)
{
	struct item *item, *after;

	for (item = TAILQ_FIRST(&s->items); item != NULL; item = after) {
		after = TAILQ_NEXT(item, entry);
		if (item->step == ITEM_WAITING)
			item_return(s, item);
	}
}

/* ---- when the connection goes */

static void
item_unanswered(struct smtp_session *s, struct item *item, const char *why)
{
	char text[IPC_TEXT_MAX + 1];

	snprintf(text, sizeof(text), "after the final dot: %.480s", why);
	item_verdict(s, item, IPC_UNANSWERED, IPC_STAGE_DOT, 0, text);
}

/*
 * Which end each delivery has when the connection goes:
 *
 *	all of its content sent	tried: whether it arrived nobody knows (R104)
 *	begun, and answered or the first of this connection	tried
 *	begun, unanswered, others went well before	given back: the peer
 *				only closed between messages (R11)
 *	not begun		given back
 */
void
items_lost(struct smtp_session *s, uint16_t code, const char *why)
{
	bool useful = s->ended > 0 || s->site_trouble;
	uint64_t gone = smtp_conn_gone(s->conn);
	struct item *item, *after;

	for (item = TAILQ_FIRST(&s->items); item != NULL; item = after) {
		after = TAILQ_NEXT(item, entry);
		if (item->step == ITEM_BODY && gone < item->end)
			item->step = ITEM_DATA;
		/* By DATA it would have lost nothing. */
		if (item->step == ITEM_BODY && item->copy->bdat && useful &&
		    !item->answered && s->env->bdat != NULL)
			bdat_broken(s->env->bdat, session_host(s),
			    session_now(s));
		if (item->step == ITEM_WAITING || (useful &&
		    !item->answered && item->step != ITEM_BODY)) {
			item_return(s, item);
			continue;
		}
		if (item->step == ITEM_BODY)
			item_unanswered(s, item, why);
		else
			item_verdict(s, item, IPC_DEFERRED, IPC_STAGE_MAIL,
			    code, why);
		item_done(s, item);
	}
}

void
smtp_session_give_up(struct smtp_session *s)
{
	uint64_t gone = s->conn != NULL ? smtp_conn_gone(s->conn) : 0;
	struct item *item, *after;

	for (item = TAILQ_FIRST(&s->items); item != NULL; item = after) {
		after = TAILQ_NEXT(item, entry);
		if (item->step != ITEM_BODY || gone < item->end)
			continue;
		item_unanswered(s, item, "the queue role ended");
		item_done(s, item);
	}
}

/* ---- from queue */

bool
smtp_session_give(struct smtp_session *s, const struct ipc_delivery *d)
{
	struct item *item;

	if (s->held >= SMTP_SESSION_DEPTH_MAX || s->winding_down ||
	    s->state == SESSION_QUIT || s->state == SESSION_OVER) {
		s->env->ops->returned(s->env->arg, s->grant.session,
		    d->delivery);
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
