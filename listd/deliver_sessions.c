/* SPDX-License-Identifier: Apache-2.0 */
/*
 * deliver_sessions.c - the connections that queue granted, and what they tell.
 *
 * A session that is over is taken out of its bucket at once and freed from the
 * loop, for it may be one of its own callbacks that says so.  Each delivery in
 * hand has a place in the ring (lib/sys/ring.h), so that it is known after a
 * crash which copies were past their final dot.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "lib/conf.h"
#include "lib/err.h"
#include "lib/strbuf.h"
#include "lib/sys/log.h"
#include "lib/xmalloc.h"
#include "listd/copy.h"
#include "listd/deliver_link.h"
#include "listd/deliver_private.h"
#include "listd/role.h"

void
sessions_init(struct deliver *dl)
{
	TAILQ_INIT(&dl->over);
	for (size_t i = 0; i < SESSION_BUCKETS; i++)
		TAILQ_INIT(&dl->bucket[i]);
}

static void
flush_later(struct deliver *dl)
{
	if (!dl->flush_set)
		event_active(dl->flush, EV_TIMEOUT, 0);
	dl->flush_set = true;
}

static struct held_session *
session_find(struct deliver *dl, uint32_t id)
{
	struct held_session *hs;

	TAILQ_FOREACH(hs, &dl->bucket[id % SESSION_BUCKETS], entry)
		if (hs->id == id)
			return hs;
	return NULL;
}

static uint8_t
op_gate(void *arg, const struct ipc_delivery *d)
{
	struct deliver *dl = arg;
	uint8_t gate = copy_gate(dl->copier, d);
	struct log_line l;

	if (log_enabled(LEVEL_DEBUG)) {
		log_begin(&l, LEVEL_DEBUG, "gate");
		log_hex(&l, "delivery", d->delivery);
		log_str(&l, "verdict", gate == 0 ? "open" : "shut");
		log_end(&l);
	}
	return gate;
}

static enum ipc_tls
op_tls(void *arg, const struct ipc_delivery *d)
{
	struct deliver *dl = arg;

	return copy_tls(dl->copier, d);
}

static struct copy *
op_make(void *arg, const struct ipc_delivery *d, bool bdat, struct err *e)
{
	struct deliver *dl = arg;

	return copy_make(dl->copier, d, bdat, e);
}

static int
op_sign(void *arg, struct copy *copy, struct err *e)
{
	struct deliver *dl = arg;

	return copy_sign(dl->copier, copy, e);
}

static void
op_release(void *arg, struct copy *copy)
{
	struct deliver *dl = arg;

	copy_release(dl->copier, copy);
}

/*
 * *slot is a place in the ring plus one.  More deliveries than places do not
 * happen (RING_SLOTS); should they, those over it are not marked.
 */
static void
op_mark(void *arg, const struct ipc_delivery *d, unsigned *slot,
    enum smtp_mark mark)
{
	static const enum ring_state states[] = {
		[SMTP_MARK_NONE] = RING_FREE, [SMTP_MARK_HELD] = RING_HANDED,
		[SMTP_MARK_BODY] = RING_BEGUN, [SMTP_MARK_DOT] = RING_DOT,
	};
	struct deliver *dl = arg;
	struct ring_entry entry = { d->campaign, d->kind == IPC_KIND_NOTICE ?
		d->notice : d->subscriber, (uint32_t)dl->epoch, RING_HANDED };

	if (dl->ring == NULL)
		return;
	if (mark == SMTP_MARK_HELD && *slot == 0 && dl->slots_free > 0) {
		*slot = dl->slot[--dl->slots_free] + 1u;
		ring_put(dl->ring, dl->env->index, *slot - 1, &entry);
	}
	if (*slot == 0)
		return;
	ring_mark(dl->ring, dl->env->index, *slot - 1, states[mark]);
	if (mark == SMTP_MARK_NONE) {
		dl->slot[dl->slots_free++] = (uint16_t)(*slot - 1);
		*slot = 0;
	}
}

void
sessions_clear_ring(struct deliver *dl)
{
	if (dl->ring != NULL)
		ring_clear(dl->ring, dl->env->index);
	dl->slots_free = RING_SLOTS;
	for (unsigned i = 0; i < RING_SLOTS; i++)
		dl->slot[i] = (uint16_t)i;
}

static void
op_outcome(void *arg, const struct ipc_outcome *o)
{
	struct deliver *dl = arg;

	if (o->result == IPC_DELIVERED && o->what.kind == IPC_KIND_TEST &&
	    log_enabled(LEVEL_DEBUG))
		log_text(LEVEL_DEBUG, "test-copy", "delivered");
	deliver_link_outcome(dl->link, o);
	flush_later(dl);
}

static void
op_returned(void *arg, uint32_t session, uint64_t delivery)
{
	struct deliver *dl = arg;
	struct strbuf b = STRBUF_INIT(64);

	pack_u32(&b, session);
	pack_u16(&b, 1);
	pack_u64(&b, delivery);
	/* An old epoch's are simply dropped. */
	deliver_link_report(dl->link, IPC_RETURNED, &b);
	strbuf_free(&b);
}

static void
op_state(void *arg, const struct ipc_session_state *state)
{
	struct deliver *dl = arg;
	struct strbuf b = STRBUF_INIT(IPC_FRAME_MAX);
	struct held_session *hs = session_find(dl, state->session);

	ipc_put_session_state(&b, state);
	deliver_link_report(dl->link, IPC_SESSION_STATE, &b);
	strbuf_free(&b);
	if (state->event == IPC_SESSION_UP || hs == NULL)
		return;
	TAILQ_REMOVE(&dl->bucket[hs->id % SESSION_BUCKETS], hs, entry);
	TAILQ_INSERT_TAIL(&dl->over, hs, entry);
	dl->sessions--;
	flush_later(dl);
}

const struct smtp_session_ops deliver_session_ops = {
	.gate = op_gate, .tls = op_tls, .make = op_make, .sign = op_sign,
	.release = op_release, .mark = op_mark, .outcome = op_outcome,
	.returned = op_returned, .state = op_state,
};

/*
 * At a reload queue and this role do not change their minds at the same
 * moment.  Nobody's relay is taken for a recipient's host meanwhile, or the
 * other way round (S17).
 */
static bool
is_by_conf(const struct conf *conf, const struct ipc_session_open *grant)
{
	char name[CONF_NAME_MAX];

	if (!grant->relay)
		return conf->smarthost.n == 0;
	for (size_t i = 0; i < conf->smarthost.n && grant->n == 1; i++) {
		conf_smarthost_name(&conf->smarthost.v[i], name);
		if (strcmp(name, grant->host[0].name) == 0)
			return true;
	}
	return false;
}

/* A grant that is given back; what is given to it comes back, too. */
static void
say_closed(struct deliver *dl, uint32_t session)
{
	static const struct ipc_session_state none;
	struct ipc_session_state state = none;
	struct strbuf b = STRBUF_INIT(IPC_FRAME_MAX);

	state.session = session;
	state.event = IPC_SESSION_CLOSED;
	ipc_put_session_state(&b, &state);
	deliver_link_report(dl->link, IPC_SESSION_STATE, &b);
	strbuf_free(&b);
	flush_later(dl);
}

void
frame_session_open(struct deliver *dl, struct unpack *u)
{
	struct ipc_session_open grant;
	struct held_session *hs;

	ipc_get_session_open(u, &grant);
	if (!unpack_done(u) || session_find(dl, grant.session) != NULL) {
		u->bad = true;
		return;
	}
	if (!is_by_conf(dl->env->conf, &grant)) {
		say_closed(dl, grant.session);
		return;
	}
	hs = xcalloc(1, sizeof(*hs));
	hs->id = grant.session;
	TAILQ_INSERT_TAIL(&dl->bucket[hs->id % SESSION_BUCKETS], hs, entry);
	dl->sessions++;
	hs->smtp = smtp_session_start(&dl->session_env, &grant);
	/* Granted before queue heard of the drain: it would never end. */
	if (dl->draining && session_find(dl, hs->id) == hs)
		smtp_session_wind_down(hs->smtp);
}

void
frame_deliver(struct deliver *dl, struct unpack *u)
{
	uint32_t id = unpack_u32(u);
	uint16_t n = unpack_u16(u);
	struct ipc_delivery d;

	for (uint16_t i = 0; i < n && !u->bad; i++) {
		struct held_session *hs = session_find(dl, id);

		ipc_get_delivery(u, &d);
		if (u->bad)
			return;
		if (hs == NULL)		/* it ended while this was under way */
			op_returned(dl, id, d.delivery);
		else
			smtp_session_give(hs->smtp, &d);
	}
}

void
frame_session_close(struct deliver *dl, struct unpack *u)
{
	struct held_session *hs = session_find(dl, unpack_u32(u));

	if (hs != NULL && !u->bad)
		smtp_session_close(hs->smtp);
}

void
frame_recall(struct deliver *dl, struct unpack *u)
{
	uint64_t delivery = unpack_u64(u);
	enum ipc_recall verdict = IPC_RECALL_UNKNOWN;
	struct strbuf b = STRBUF_INIT(64);
	struct held_session *hs;

	for (size_t i = 0; i < SESSION_BUCKETS && !u->bad &&
	    verdict == IPC_RECALL_UNKNOWN; i++)
		TAILQ_FOREACH(hs, &dl->bucket[i], entry) {
			verdict = smtp_session_recall(hs->smtp, delivery);
			if (verdict != IPC_RECALL_UNKNOWN)
				break;
		}
	deliver_link_flush(dl->link);	/* its outcome goes before this */
	pack_u64(&b, delivery);
	pack_u8(&b, (uint8_t)verdict);
	deliver_link_send(dl->link, IPC_RECALLED, &b);
	strbuf_free(&b);
}

/* ---- all of them */

void
sessions_wind_down(struct deliver *dl)
{
	struct held_session *hs, *after;

	for (size_t i = 0; i < SESSION_BUCKETS; i++)
		for (hs = TAILQ_FIRST(&dl->bucket[i]); hs != NULL; hs = after) {
			after = TAILQ_NEXT(hs, entry);
			smtp_session_wind_down(hs->smtp);
		}
}

void
sessions_watch(struct deliver *dl)
{
	struct held_session *hs, *after;
	struct log_line l;

	for (size_t i = 0; i < SESSION_BUCKETS; i++)
		for (hs = TAILQ_FIRST(&dl->bucket[i]); hs != NULL; hs = after) {
			uint32_t id = hs->id;

			after = TAILQ_NEXT(hs, entry);
			if (!smtp_session_watch(hs->smtp))
				continue;
			log_begin(&l, LEVEL_ERROR, "session-wedged");
			log_int(&l, "session", id);
			log_end(&l);
		}
}

void
sessions_drop(struct deliver *dl)
{
	struct held_session *hs;

	for (size_t i = 0; i < SESSION_BUCKETS; i++)
		while ((hs = TAILQ_FIRST(&dl->bucket[i])) != NULL) {
			TAILQ_REMOVE(&dl->bucket[i], hs, entry);
			smtp_session_give_up(hs->smtp);
			smtp_session_free(hs->smtp);
			free(hs);
			dl->sessions--;
		}
}

void
sessions_reap(struct deliver *dl)
{
	struct held_session *hs;

	while ((hs = TAILQ_FIRST(&dl->over)) != NULL) {
		TAILQ_REMOVE(&dl->over, hs, entry);
		smtp_session_free(hs->smtp);
		free(hs);
	}
}
