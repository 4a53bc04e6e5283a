/* SPDX-License-Identifier: Apache-2.0 */
/*
 * role_deliver.c - resolve, render, sign, and speak SMTP as a client.
 *
 * There is one such role per core.  It does what queue grants: sessions, and
 * deliveries within them.  It decides nothing about rates.  What became of
 * each delivery is reported in frames that are kept until queue says that they
 * are durable (IPC_OUTCOME_ACK), so that a queue role that was started again
 * learns what its forerunner may not have written down:
 *
 *	queue dies	waiting deliveries are dropped, begun ones go on
 *	HELLO (new)	begun ones get DELIVER_GRACE_MS to end, then are dropped;
 *			all unacknowledged outcomes are sent again; READY
 */
#include "config.h"

#include <sys/queue.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <event2/event.h>
#include <openssl/ssl.h>

#include "lib/charset.h"
#include "lib/clock.h"
#include "lib/conf.h"
#include "lib/dkim_key.h"
#include "lib/err.h"
#include "lib/ipc.h"
#include "lib/keyring.h"
#include "lib/strbuf.h"
#include "lib/sys/channel.h"
#include "lib/sys/log.h"
#include "lib/sys/ring.h"
#include "lib/sys/timers.h"
#include "lib/xmalloc.h"
#include "listd/copier.h"
#include "listd/deliver_setup.h"
#include "listd/resolver.h"
#include "listd/role.h"
#include "listd/smtp_session.h"
#include "spool/store.h"

#define SESSION_BUCKETS		256
#define DELIVER_GRACE_MS	2000
#define DELIVER_LONELY_MS	90000	/* past the slowest restart */
#define OUTCOME_BATCH		64	/* outcomes of one frame */
#define OUTCOME_FRAME_MAX	(256u << 10)

struct held_session {
	TAILQ_ENTRY(held_session) entry;
	uint32_t		 id;
	struct smtp_session	*smtp;
};
TAILQ_HEAD(session_list, held_session);

/* Outcomes that were sent and are not known to be durable. */
struct sent_outcomes {
	TAILQ_ENTRY(sent_outcomes) entry;
	uint64_t		 seq;		/* of the last in it */
	struct strbuf		 frame;
};

struct deliver {
	struct role_env		*env;
	struct channel		*queue;
	uint64_t		 epoch;		/* of the work in hand */
	uint64_t		 next_epoch;	/* said by a HELLO; 0: none */
	bool			 ready;		/* queue knows our old work */
	struct timer		 grace;
	struct timer		 lonely;	/* no queue for too long */
	struct store		*store;
	struct keyring		*keys;
	struct copier		*copier;
	struct resolver		*resolver;
	struct ring		*ring;
	uint16_t		 slot[RING_SLOTS];	/* free places of it */
	unsigned		 slots_free;
	SSL_CTX			*tls;
	struct smtp_session_env	 session_env;
	struct session_list	 bucket[SESSION_BUCKETS];
	struct session_list	 over;		/* to be freed from the loop */
	size_t			 sessions;
	struct event		*flush;		/* end of this turn of the loop */
	bool			 flush_set;
	struct strbuf		 outcomes;	/* of the frame being filled */
	uint16_t		 outcome_count;
	uint64_t		 outcome_seq;
	TAILQ_HEAD(, sent_outcomes) sent;
	bool			 draining;
};

/* What a lookup must remember until it calls back. */
struct asked {
	struct deliver	*dl;
	uint32_t	 request;
	uint64_t	 epoch;
};

/* ---- frames to queue */

static void
send_frame(struct deliver *dl, uint16_t type, const struct strbuf *b)
{
	struct err e = ERR_INIT;

	if (dl->queue != NULL &&
	    channel_send_buf(dl->queue, type, b, &e) == -1)
		log_failure(LEVEL_WARNING, "queue-send", &e);
}

static void
flush_later(struct deliver *dl)
{
	if (!dl->flush_set)
		event_active(dl->flush, EV_TIMEOUT, 0);
	dl->flush_set = true;
}

/*
 * Close the frame being filled and keep it until it is acknowledged.  A queue
 * role that is not ready for it gets it, in order, when it is.
 */
static void
flush_outcomes(struct deliver *dl)
{
	struct sent_outcomes *so;

	if (dl->outcome_count == 0)
		return;
	so = xcalloc(1, sizeof(*so));
	so->seq = dl->outcome_seq;
	strbuf_init(&so->frame, IPC_FRAME_MAX);
	pack_u64(&so->frame, dl->outcome_seq);
	pack_u64(&so->frame, dl->epoch);
	pack_u16(&so->frame, dl->outcome_count);
	strbuf_add(&so->frame, dl->outcomes.s, dl->outcomes.len);
	strbuf_reset(&dl->outcomes);
	dl->outcome_count = 0;
	TAILQ_INSERT_TAIL(&dl->sent, so, entry);
	if (dl->ready)
		send_frame(dl, IPC_OUTCOME, &so->frame);
}

static void
acknowledged(struct deliver *dl, uint64_t seq)
{
	struct sent_outcomes *so;

	while ((so = TAILQ_FIRST(&dl->sent)) != NULL && so->seq <= seq) {
		TAILQ_REMOVE(&dl->sent, so, entry);
		strbuf_free(&so->frame);
		free(so);
	}
}

static void check_idle(struct deliver *dl);

static void
on_flush(evutil_socket_t fd, short what, void *arg)
{
	struct deliver *dl = arg;
	struct held_session *hs;

	(void)fd;
	(void)what;
	dl->flush_set = false;
	flush_outcomes(dl);
	while ((hs = TAILQ_FIRST(&dl->over)) != NULL) {
		TAILQ_REMOVE(&dl->over, hs, entry);
		smtp_session_free(hs->smtp);
		free(hs);
	}
	check_idle(dl);
}

/* ---- sessions */

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

	return copy_gate(dl->copier, d);
}

static struct copy *
op_make(void *arg, const struct ipc_delivery *d, struct err *e)
{
	struct deliver *dl = arg;

	return copy_make(dl->copier, d, e);
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
	struct deliver *dl = arg;
	struct ring_entry entry = { d->campaign, d->kind == IPC_KIND_NOTICE ?
		d->notice : d->subscriber, (uint32_t)dl->epoch, RING_HANDED };

	if (dl->ring == NULL)
		return;
	if (mark == SMTP_MARK_HELD && dl->slots_free > 0) {
		*slot = dl->slot[--dl->slots_free] + 1u;
		ring_put(dl->ring, dl->env->index, *slot - 1, &entry);
	}
	if (*slot == 0 || mark == SMTP_MARK_HELD)
		return;
	ring_mark(dl->ring, dl->env->index, *slot - 1,
	    mark == SMTP_MARK_NONE ? RING_FREE :
	    mark == SMTP_MARK_BODY ? RING_BEGUN : RING_DOT);
	if (mark == SMTP_MARK_NONE) {
		dl->slot[dl->slots_free++] = (uint16_t)(*slot - 1);
		*slot = 0;
	}
}

static void
clear_ring(struct deliver *dl)
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
	dl->outcome_seq++;
	dl->outcome_count++;
	ipc_put_outcome(&dl->outcomes, o);
	if (dl->outcome_count >= OUTCOME_BATCH)
		flush_outcomes(dl);
	flush_later(dl);
}

static void
op_returned(void *arg, uint32_t session, uint64_t delivery)
{
	struct deliver *dl = arg;
	struct strbuf b = STRBUF_INIT(64);

	flush_outcomes(dl);		/* keep the order of what happened */
	pack_u32(&b, session);
	pack_u16(&b, 1);
	pack_u64(&b, delivery);
	if (dl->ready)		/* an old epoch's are simply dropped */
		send_frame(dl, IPC_RETURNED, &b);
	strbuf_free(&b);
}

static void
op_state(void *arg, const struct ipc_session_state *state)
{
	struct deliver *dl = arg;
	struct strbuf b = STRBUF_INIT(IPC_FRAME_MAX);
	struct held_session *hs = session_find(dl, state->session);

	flush_outcomes(dl);
	ipc_put_session_state(&b, state);
	if (dl->ready)
		send_frame(dl, IPC_SESSION_STATE, &b);
	strbuf_free(&b);
	if (state->event == IPC_SESSION_UP || hs == NULL)
		return;
	TAILQ_REMOVE(&dl->bucket[hs->id % SESSION_BUCKETS], hs, entry);
	TAILQ_INSERT_TAIL(&dl->over, hs, entry);
	dl->sessions--;
	flush_later(dl);
}

static const struct smtp_session_ops session_ops = {
	.gate = op_gate, .make = op_make, .release = op_release,
	.mark = op_mark, .outcome = op_outcome, .returned = op_returned,
	.state = op_state,
};

static void
frame_session_open(struct deliver *dl, struct unpack *u)
{
	struct ipc_session_open grant;
	struct held_session *hs;

	ipc_get_session_open(u, &grant);
	if (!unpack_done(u) || session_find(dl, grant.session) != NULL) {
		u->bad = true;
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

static void
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

static void
frame_session_close(struct deliver *dl, struct unpack *u)
{
	struct held_session *hs = session_find(dl, unpack_u32(u));

	if (hs != NULL && !u->bad)
		smtp_session_close(hs->smtp);
}

static void
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
	flush_outcomes(dl);
	pack_u64(&b, delivery);
	pack_u8(&b, (uint8_t)verdict);
	send_frame(dl, IPC_RECALLED, &b);
	strbuf_free(&b);
}

/* ---- names */

static struct asked *
ask(struct deliver *dl, uint32_t request)
{
	struct asked *a = xmalloc(sizeof(*a));

	*a = (struct asked){ dl, request, dl->epoch };
	return a;
}

static void
on_route(void *arg, const struct ipc_route *route)
{
	struct asked *a = arg;
	struct ipc_route answer = *route;
	struct strbuf b = STRBUF_INIT(IPC_FRAME_MAX);

	answer.request = a->request;
	ipc_put_route(&b, &answer);
	if (a->epoch == a->dl->epoch)
		send_frame(a->dl, IPC_RESOLVED, &b);
	strbuf_free(&b);
	free(a);
}

static void
frame_resolve(struct deliver *dl, struct unpack *u)
{
	uint32_t request = unpack_u32(u);
	char domain[256];

	unpack_str(u, domain, sizeof(domain));
	if (unpack_done(u))
		resolver_route(dl->resolver, domain, on_route,
		    ask(dl, request));
}

static void
on_txt(void *arg, enum ipc_dns status, const char *const *text, size_t n)
{
	struct asked *a = arg;
	struct strbuf b = STRBUF_INIT(IPC_FRAME_MAX);

	pack_u32(&b, a->request);
	pack_u8(&b, (uint8_t)status);
	pack_u16(&b, (uint16_t)n);
	for (size_t i = 0; i < n; i++)
		pack_str(&b, text[i]);
	if (a->epoch == a->dl->epoch)
		send_frame(a->dl, IPC_TXT, &b);
	strbuf_free(&b);
	free(a);
}

static void
frame_lookup_txt(struct deliver *dl, struct unpack *u)
{
	uint32_t request = unpack_u32(u);
	char name[256];

	unpack_str(u, name, sizeof(name));
	if (unpack_done(u))
		resolver_txt(dl->resolver, name, on_txt, ask(dl, request));
}

/* ---- is our key published */

static void
tell_proof(struct deliver *dl, uint32_t request, enum ipc_proof proof,
    const char *text)
{
	struct strbuf b = STRBUF_INIT(IPC_FRAME_MAX);

	pack_u32(&b, request);
	pack_u8(&b, (uint8_t)proof);
	pack_str(&b, text);
	send_frame(dl, IPC_PROVEN, &b);
	strbuf_free(&b);
}

struct proof {
	struct deliver	*dl;
	uint32_t	 request;
	uint64_t	 epoch;
	char		 domain[256];
};

/* The key is looked up again: a reload may have come in between. */
static void
on_key_txt(void *arg, enum ipc_dns status, const char *const *text, size_t n)
{
	struct proof *p = arg;
	const char *why = "no record at the selector of our key", *selector;
	const struct dkim_key *key = copier_key_of(p->dl->copier, p->domain,
	    &selector);
	enum ipc_proof proof = status == IPC_DNS_TEMPORARY ?
	    IPC_PROOF_UNSURE : IPC_PROOF_NONE;
	struct dkim_record record;

	for (size_t i = 0; i < n && key != NULL &&
	    proof != IPC_PROOF_FOUND; i++) {
		struct slice s = { (const uint8_t *)text[i],
			strlen(text[i]) };
		enum dkim_record_verdict v = dkim_key_compare(key, &s, 1,
		    &record);

		why = dkim_record_text(v);
		if (v == DKIM_RECORD_MATCH)
			proof = IPC_PROOF_FOUND;
	}
	if (p->epoch == p->dl->epoch)
		tell_proof(p->dl, p->request, proof,
		    proof == IPC_PROOF_NONE ? why : "");
	free(p);
}

static void
frame_prove(struct deliver *dl, struct unpack *u)
{
	struct proof *p;
	const char *selector;
	char domain[256], name[64 + sizeof("._domainkey.") + 256];
	uint32_t request = unpack_u32(u);

	unpack_str(u, domain, sizeof(domain));
	if (!unpack_done(u))
		return;
	if (dl->copier == NULL ||
	    copier_key_of(dl->copier, domain, &selector) == NULL) {
		tell_proof(dl, request, IPC_PROOF_NONE, "we have no key of it");
		return;
	}
	p = xmalloc(sizeof(*p));
	*p = (struct proof){ .dl = dl, .request = request,
		.epoch = dl->epoch };
	snprintf(p->domain, sizeof(p->domain), "%s", domain);
	snprintf(name, sizeof(name), "%s._domainkey.%s", selector, domain);
	resolver_txt(dl->resolver, name, on_key_txt, p);
}

/* ---- campaigns */

static void
frame_prepare(struct deliver *dl, struct unpack *u)
{
	struct strbuf b = STRBUF_INIT(IPC_FRAME_MAX);
	struct strbuf findings = STRBUF_INIT(256u << 10);
	struct ipc_prepared v = { .request = unpack_u32(u) };
	uint32_t campaign = unpack_u32(u);

	if (!unpack_done(u))
		return;
	copier_prepare(dl->copier, campaign, &v, &findings);
	v.campaign = campaign;
	ipc_put_prepared(&b, &v);
	send_frame(dl, IPC_PREPARED, &b);
	strbuf_free(&findings);
	strbuf_free(&b);
}

/* ---- epochs */

/* All old work is told or dropped: the new queue role may hand out. */
static void
become_ready(struct deliver *dl)
{
	struct strbuf b = STRBUF_INIT(64);
	struct sent_outcomes *so;

	timer_cancel(&dl->grace);
	flush_outcomes(dl);
	TAILQ_FOREACH(so, &dl->sent, entry)
		send_frame(dl, IPC_OUTCOME, &so->frame);
	dl->epoch = dl->next_epoch;
	dl->next_epoch = 0;
	dl->ready = true;
	pack_u64(&b, dl->epoch);
	send_frame(dl, IPC_READY, &b);
	strbuf_free(&b);
}

/* Not told to anyone: what was open is handed out again by the new queue. */
static void
drop_sessions(struct deliver *dl)
{
	struct held_session *hs;

	for (size_t i = 0; i < SESSION_BUCKETS; i++)
		while ((hs = TAILQ_FIRST(&dl->bucket[i])) != NULL) {
			TAILQ_REMOVE(&dl->bucket[i], hs, entry);
			smtp_session_free(hs->smtp);
			free(hs);
			dl->sessions--;
		}
}

static void
on_grace(void *arg)
{
	struct deliver *dl = arg;

	drop_sessions(dl);
	check_idle(dl);		/* ready, and a drain may wait for it too */
}

/* The peer that said HELLO is gone: nobody waits for READY any more. */
static void
forget_hello(struct deliver *dl)
{
	timer_cancel(&dl->grace);
	dl->next_epoch = 0;
	dl->ready = false;
}

/* Let every session finish what it has begun, and take nothing more. */
static void
wind_down(struct deliver *dl)
{
	struct held_session *hs, *after;

	for (size_t i = 0; i < SESSION_BUCKETS; i++)
		for (hs = TAILQ_FIRST(&dl->bucket[i]); hs != NULL; hs = after) {
			after = TAILQ_NEXT(hs, entry);
			smtp_session_wind_down(hs->smtp);
		}
}

static int
open_store(struct deliver *dl)
{
	struct err e = ERR_INIT;

	if (dl->store != NULL)
		return 0;
	if (deliver_setup_store(dl->env, dl->keys, &dl->store, &dl->copier,
	    &e) == 0)
		return 0;
	log_failure(LEVEL_ERROR, "store", &e);
	role_stop(dl->env, STATUS_CONFIG);
	return -1;
}

static void
frame_hello(struct deliver *dl, struct unpack *u)
{
	struct ipc_hello hello;

	ipc_get_hello(u, &hello);
	if (!unpack_done(u) || open_store(dl) == -1)
		return;
	if (dl->epoch == 0)	/* queue has read what a former life left */
		clear_ring(dl);
	dl->next_epoch = hello.epoch;
	wind_down(dl);
	if (dl->sessions == 0)
		become_ready(dl);
	else
		timer_start(&dl->grace, DELIVER_GRACE_MS);
}

/* Nothing is in hand any more: what waits for that goes on. */
static void
check_idle(struct deliver *dl)
{
	if (dl->sessions > 0)
		return;
	if (dl->next_epoch != 0)
		become_ready(dl);
	if (dl->draining) {
		flush_outcomes(dl);
		if (dl->queue != NULL)
			channel_flush(dl->queue);
		role_drained(dl->env);
	}
}

/* ---- the peer */

static void
on_frame(struct channel *ch, struct channel_frame *f, void *arg)
{
	struct deliver *dl = arg;
	struct err e = ERR_INIT;
	struct unpack u;

	unpack_init(&u, f->data, f->len);
	switch (f->type) {
	case IPC_HELLO: frame_hello(dl, &u); break;
	case IPC_RESOLVE: frame_resolve(dl, &u); break;
	case IPC_LOOKUP_TXT: frame_lookup_txt(dl, &u); break;
	case IPC_PROVE: frame_prove(dl, &u); break;
	case IPC_PREPARE: frame_prepare(dl, &u); break;
	case IPC_SESSION_OPEN: frame_session_open(dl, &u); break;
	case IPC_SESSION_CLOSE: frame_session_close(dl, &u); break;
	case IPC_DELIVER: frame_deliver(dl, &u); break;
	case IPC_RECALL: frame_recall(dl, &u); break;
	case IPC_OUTCOME_ACK: acknowledged(dl, unpack_u64(&u)); break;
	case IPC_CAMPAIGN_FORGET:
		copier_forget(dl->copier, unpack_u32(&u));
		break;
	default: u.bad = true;
	}
	if (!unpack_done(&u)) {
		err_set(&e, ERR_INPUT, "frame %#x does not decode", f->type);
		channel_fail(ch, &e);
	}
}

static void
on_closed(struct channel *ch, const struct err *why, void *arg)
{
	struct deliver *dl = arg;

	if (why != NULL)
		log_failure(LEVEL_WARNING, "queue-peer", why);
	dl->queue = NULL;
	forget_hello(dl);
	channel_free(ch);
	wind_down(dl);
	/*
	 * A queue role that died is started again and its socket comes.  One
	 * that lives and hung up, or was hung up on, sends none: then only a
	 * new start of this role brings the two together again.
	 */
	timer_start(&dl->lonely, why != NULL ? 0 : DELIVER_LONELY_MS);
}

static void
on_lonely(void *arg)
{
	struct deliver *dl = arg;

	if (dl->queue == NULL && !dl->draining)
		role_stop(dl->env, STATUS_UNAVAILABLE);
}

static const struct channel_ops queue_ops = {
	.frame = on_frame, .closed = on_closed,
};

static void
on_peer(struct role_env *env, enum role_kind kind, unsigned index, int fd)
{
	struct deliver *dl = env->arg;

	(void)index;
	if (kind != ROLE_QUEUE) {
		close(fd);
		return;
	}
	timer_cancel(&dl->lonely);
	channel_free(dl->queue);
	forget_hello(dl);
	dl->queue = channel_new(env->base, fd, &queue_ops, dl);
	wind_down(dl);
}

/* ---- life */

static void
on_reload(struct role_env *env, const struct conf *old)
{
	struct deliver *dl = env->arg;
	struct err e = ERR_INIT;
	SSL_CTX *tls;

	(void)old;
	dl->session_env.conf = env->conf;
	if (dl->copier != NULL) {
		copier_set_conf(dl->copier, env->conf);
		deliver_setup_keys(env, dl->copier);
	}
	if ((tls = deliver_setup_tls(env, &e)) == NULL) {
		log_failure(LEVEL_ERROR, "reload-tls", &e);
		return;			/* the old one stays in use (F28) */
	}
	SSL_CTX_free(dl->tls);
	dl->tls = dl->session_env.tls = tls;
}

static void
on_drain(struct role_env *env)
{
	struct deliver *dl = env->arg;

	dl->draining = true;
	wind_down(dl);
	check_idle(dl);
}

static int
deliver_open(struct deliver *dl, struct role_env *env, struct err *e)
{
	dl->env = env;
	TAILQ_INIT(&dl->over);
	TAILQ_INIT(&dl->sent);
	for (size_t i = 0; i < SESSION_BUCKETS; i++)
		TAILQ_INIT(&dl->bucket[i]);
	strbuf_init(&dl->outcomes, OUTCOME_FRAME_MAX);
	timer_init(&dl->grace, env->timers, on_grace, dl);
	timer_init(&dl->lonely, env->timers, on_lonely, dl);
	if ((dl->flush = event_new(env->base, -1, 0, on_flush, dl)) == NULL) {
		err_set(e, ERR_SYSTEM, "no memory for an event");
		return -1;
	}
	if ((dl->keys = deliver_setup_keyring(env, e)) == NULL ||
	    (dl->tls = deliver_setup_tls(env, e)) == NULL)
		return -1;
	dl->resolver = resolver_new(env->base, env->conf,
	    role_fd(env, FD_RESOLV), role_fd(env, FD_ANCHOR), e);
	if (dl->resolver == NULL)
		return -1;
	dl->ring = deliver_setup_ring(env);
	dl->session_env = (struct smtp_session_env){ env->base, env->timers,
		env->conf, dl->resolver, dl->tls, &session_ops, dl };
	return 0;
}

int
role_deliver(struct role_env *env)
{
	static struct deliver dl;	/* large: the ring's free places */
	static const struct role_path paths[] = {
		{ "subscribers", ROLE_PATH_LMDB_READ },
		{ "queue", ROLE_PATH_LMDB_READ },
		{ "content", ROLE_PATH_READ },
	};
	struct charset_tables *tables;
	struct err e = ERR_INIT;
	int status;

	if (deliver_open(&dl, env, &e) == -1)
		return role_refuse(env, &e);
	/* No table can be read after this. */
	tables = charset_preload();
	if (role_confine(env, paths, sizeof(paths) / sizeof(paths[0]), &e) == -1) {
		status = role_refuse(env, &e);
		goto out;
	}
	env->arg = &dl;
	env->on_peer = on_peer;
	env->on_reload = on_reload;
	env->on_drain = on_drain;
	role_ready(env);
	status = role_run(env);
out:
	charset_unload(tables);
	return status;
}
