/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scheduler_session.c - grant connections and fill them.
 *
 * A path never holds more sessions than its window and its limits allow, and
 * all together no more than connections_total.  Of both a share is kept for
 * notices.  A session holds at most SCHEDULER_DEPTH deliveries, topped up when
 * half of them have their outcome.  The gate is read here, and again by the
 * deliver role right before MAIL.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/err.h"
#include "lib/reply_class.h"
#include "lib/shaping.h"
#include "lib/sys/log.h"
#include "lib/xmalloc.h"
#include "listd/finish.h"
#include "listd/lane.h"
#include "listd/relay.h"
#include "listd/scheduler_private.h"
#include "spool/subscriber.h"
#include "listd/site.h"
#include "listd/source.h"
#include "spool/notice.h"

#define NOTICE_TOTAL	10	/* a tenth of all connections is kept */
#define SUPPLY_MIN	16	/* members kept ready for a lane */
#define OPEN_MAX	64	/* domains begun for a lane in one turn */
#define FEED_TURN	16	/* reads of members for a lane in one turn */
#define IDLE_MS		2000	/* a session without work is closed */
#define IDLE_LOOK_MS	500
#define BROKEN_TLS_HOURS 72	/* without shaping data */

struct session *
session_find(const struct scheduler *s, uint32_t id)
{
	return HASH_OF(hash_find(&s->sessions, id), struct session, by_id);
}

void
session_free(struct scheduler *s, struct session *se)
{
	struct delivery *d;

	while ((d = TAILQ_FIRST(&se->out)) != NULL)
		delivery_back(s, d);
	TAILQ_REMOVE(&se->site->sessions, se, of_site);
	se->site->nsessions--;
	if (se->up) {
		se->site->up--;
		se->path->up--;
	}
	path_disconnect(s, se->path);
	s->peer[se->peer].sessions--;
	s->nsessions--;
	hash_del(&s->sessions, &se->by_id);
	site_kick(s, se->site);
	site_kick_starving(s);
	free(se);
}

/* ---- supply */

/* Read on in the domains begun; false when this turn has done its share. */
static bool
lane_feed(struct scheduler *s, struct lane *l, size_t want)
{
	struct dest *d;

	for (int i = 0; l->supply < want &&
	    (d = TAILQ_FIRST(&l->hungry)) != NULL; i++) {
		if (i == FEED_TURN) {
			site_kick(s, l->site);
			s->again = true;
			return false;
		}
		if (!dest_feed(s, d, want))
			break;
	}
	return true;
}

/* Keep enough members read, and domains begun, for what is granted. */
static void
lane_refill(struct scheduler *s, struct lane *l)
{
	size_t want = 2 * SCHEDULER_DEPTH * site_cap(l->site);
	uint32_t domain;
	struct dest *d;

	if (want < SUPPLY_MIN)
		want = SUPPLY_MIN;
	if (want > WINDOW_MAX)
		want = WINDOW_MAX;
	if (run_waits(l->run) || s->no_room || l->supply >= want)
		return;
	if (sched_s(s) == NULL || sched_q(s) == NULL) {
		s->look_again = true;	/* no domain is taken to be lost */
		return;
	}
	if (!lane_feed(s, l, want))
		return;
	for (int i = 0; l->supply < want && !l->run->held; i++) {
		if (i == OPEN_MAX) {
			site_kick(s, l->site);
			s->again = true;
			return;
		}
		if (!lane_take_domain(l, &domain))
			return;
		if (l->run->npassed > 0)
			s->again = true;	/* there may be room now */
		if (s->mono_ms >= l->site->route_ms) {
			/*
			 * Ask again where it goes before it is begun.  Any
			 * one that still comes here renews the route.
			 */
			idlist_add(&l->run->again, domain);
			s->again = true;
			continue;
		}
		if (!domain_open(s, l->run, domain, l)) {
			if (l->run->held)	/* damage: keep it */
				lane_add_domain(l, domain);
			continue;
		}
		for (d = dest_find(l->run, domain); d != NULL &&
		    l->supply < want; d = dest_next(d))
			if (d->in_hungry)
				dest_feed(s, d, want);
	}
}

/* ---- handing out */

/* When it may go, if not now, and for which cause (deferral.h). */
struct later {
	int64_t		due_ms;
	uint16_t	cause;
};

/* A copy of a campaign: 1 it may go, 0 by *v_r or not before then, -1. */
static int
ask_gate(struct scheduler *s, struct delivery *d,
    enum gate_verdict *v_r, struct later *later_r, struct err *e)
{
	const struct gate_question q = {
		.list = d->list, .domain = d->domain, .h8 = d->h8,
		.subscriber = d->who, .as_of = d->run->c.as_of,
	};
	struct member m;
	int rc;

	if (gate_check(s->s_txn, &q, v_r, &m, e) == -1)
		return -1;
	if (*v_r != GATE_OPEN)
		return 0;
	later_r->cause = DEFERRAL_FREQUENCY;
	if ((rc = frequency_allows(s, d, &m, &later_r->due_ms, e)) != 1)
		return rc;
	later_r->cause = DEFERRAL_SIMILAR;
	return slots_allow(s, d, &m, &later_r->due_ms, e);
}

/* The gate, right before it goes out; false: it was dealt with. */
static bool
gate_open(struct scheduler *s, struct delivery *d)
{
	struct err e = ERR_INIT;
	enum gate_verdict v = GATE_OPEN;
	struct later later;
	struct notice n;
	int rc = 0;

	if (d->kind == IPC_KIND_NOTICE) {
		rc = gate_check_notice(s->s_txn, d->who & ~WHO_NOTICE,
		    sched_now(s), &v, &n, &e);
		if (rc == 0 && v == GATE_OPEN && (rc = slots_allow_notice(s, d,
		    &n, &later.due_ms, &e)) == 0) {
			notice_later(s, d, later.due_ms);
			return false;
		}
	} else if (d->kind == IPC_KIND_CAMPAIGN) {
		rc = ask_gate(s, d, &v, &later, &e);
		if (rc == 0 && v == GATE_OPEN) {
			delivery_wait(s, d, later.due_ms, later.cause);
			return false;
		}
	}
	if (rc == -1) {
		/* P6: this one waits, aloud; the others go on. */
		log_failure(LEVEL_ERROR, "gate-damaged", &e);
		delivery_postpone(s, d);
		return false;
	}
	if (v == GATE_OPEN)
		return true;
	delivery_gated(s, d, (uint8_t)v);
	return false;
}

static void
put_delivery(struct strbuf *b, const struct delivery *d)
{
	struct ipc_delivery w = {
		.delivery = d->id, .kind = d->kind, .list = d->list,
		.domain_id = d->domain, .h8 = d->h8, .attempt = d->attempt,
		.queued_ms = d->queued_ms,
		/* What is not simply sent again must be worth a doubt. */
		.by_data = d->run != NULL &&
		    d->run->c.after != CAMPAIGN_AFTER_RESEND,
	};

	if (d->kind == IPC_KIND_NOTICE) {
		w.notice = d->who & ~WHO_NOTICE;
	} else {
		w.campaign = d->campaign;
		w.subscriber = d->who;
	}
	strcpy(w.local, d->local);
	strcpy(w.domain, d->domain_name);
	ipc_put_delivery(b, &w);
}

/* As if it were out already, so that every way back is the same. */
static void
take_out(struct scheduler *s, struct session *se, struct delivery *d)
{
	d->id = ++s->next_delivery;
	d->session = se;
	d->state = DELIVERY_OUT;
	hash_add(&s->deliveries, &d->by_id, d->id);
	TAILQ_INSERT_TAIL(&se->out, d, link);
	se->nout++;
	if (d->run != NULL)
		d->run->out++;
	path_send(s, se->path);
	path_take(s, se->path);
	d->taken_ms = sched_now(s);
}

/* One more for this session, as far as its path may send. */
static struct delivery *
next_for(struct scheduler *s, struct session *se)
{
	struct path *p = se->path;

	if (se->nout >= SCHEDULER_DEPTH || sched_s(s) == NULL ||
	    (se->nout > 0 && !se->up && path_is_slow(p)) ||
	    !path_has_share(s, p) ||
	    !path_may_send(s, p, choose_is_notice(s, p)))
		return NULL;
	return choose_delivery(s, p, se->reserved);
}

/* Top up one session; true when it got something. */
static bool
session_fill(struct scheduler *s, struct session *se)
{
	struct strbuf items = STRBUF_INIT(IPC_FRAME_MAX / 2);
	struct strbuf frame = STRBUF_INIT(IPC_FRAME_MAX);
	struct delivery *d;
	uint16_t n = 0;

	while ((d = next_for(s, se)) != NULL) {
		take_out(s, se, d);
		if (!gate_open(s, d))
			continue;
		put_delivery(&items, d);
		n++;
	}
	if (n > 0) {
		pack_u32(&frame, se->id);
		pack_u16(&frame, n);
		pack_raw(&frame, items.s, items.len);
		s->p.send(s->p.arg, se->peer, IPC_DELIVER, &frame);
		s->handed_out += n;
	}
	strbuf_free(&items);
	strbuf_free(&frame);
	return n > 0;
}

/* ---- granting */

static int
choose_peer(const struct scheduler *s)
{
	int best = -1;

	for (int i = 0; i < SCHEDULER_PEERS_MAX; i++)
		if (s->peer[i].ready && (best == -1 ||
		    s->peer[i].sessions < s->peer[best].sessions))
			best = i;
	return best;
}

/* May the path have one more?  reserved: for notices alone. */
static bool
may_grant(struct scheduler *s, struct path *p, bool reserved)
{
	unsigned total = s->limits.connections_total;
	unsigned window = p->feedback.window;

	if (reserved)
		window++;
	else
		total -= total / NOTICE_TOTAL;
	if (p->nsessions >= window || !path_may_connect(s, p, reserved))
		return false;
	if (s->nsessions < total)
		return true;
	site_starves(s, p->site);
	return false;
}

static void
grant_hosts(const struct path *p, struct ipc_session_open *g)
{
	struct unpack u;

	if (p->relay != NULL) {
		g->n = 1;
		g->host[0].preference = 0;
		strcpy(g->host[0].name, p->relay->c.name);
		return;
	}
	unpack_init(&u, p->site->hosts.s, p->site->hosts.len);
	for (g->n = 0; g->n < p->site->nhosts; g->n++) {
		g->host[g->n].preference = unpack_u16(&u);
		unpack_str(&u, g->host[g->n].name,
		    sizeof(g->host[g->n].name));
	}
}

static void
put_grant(struct scheduler *s, const struct session *se, struct strbuf *b)
{
	static struct ipc_session_open g;	/* 6 KB */
	const struct path *p = se->path;
	const struct source *source = &s->sources[p->source];
	const struct site *site = se->site;

	g.session = se->id;
	g.depth = SCHEDULER_DEPTH;
	g.messages = (uint16_t)p->messages;
	g.tls = path_tls(s, p);
	g.bdat = s->shaping == NULL || shaping_get(s->shaping,
	    path_provider(p), SHAPING_BDAT) != 0 ? IPC_BDAT_AUTO :
	    IPC_BDAT_NO;
	g.idle_ms = p->idle_ms;
	g.broken_tls_hours = s->shaping == NULL ? BROKEN_TLS_HOURS :
	    (uint16_t)shaping_get(s->shaping, path_provider(p),
	    SHAPING_BROKEN_TLS_HOURS);
	g.provider = path_provider_key(s, p);
	g.source_family = source->family;
	memcpy(g.source_ip, source->ip, sizeof(g.source_ip));
	strcpy(g.ehlo, source->ehlo);
	g.secure = site->secure;
	strcpy(g.domain, site->domain != NULL ? site->domain : "");
	strcpy(g.alias, site->alias != NULL ? site->alias : "");
	g.relay = p->relay == NULL ? IPC_RELAY_NONE :
	    p->relay->c.implicit_tls ? IPC_RELAY_TLS : IPC_RELAY_SMTP;
	g.any_tls = site->any_tls;
	grant_hosts(p, &g);
	ipc_put_session_open(b, &g);
}

static struct session *
session_grant(struct scheduler *s, struct path *p, bool reserved)
{
	struct strbuf b = STRBUF_INIT(IPC_FRAME_MAX);
	struct site *site = p->site;
	struct session *se;
	int peer = choose_peer(s);

	if (peer == -1)
		return NULL;
	se = xcalloc(1, sizeof(*se));
	se->id = ++s->next_session;
	se->peer = (unsigned)peer;
	se->site = site;
	se->path = p;
	se->reserved = reserved;
	se->idle_ms = s->mono_ms;
	TAILQ_INIT(&se->out);
	TAILQ_INSERT_TAIL(&site->sessions, se, of_site);
	site->nsessions++;
	path_connect(s, p);
	s->nsessions++;
	s->peer[peer].sessions++;
	hash_add(&s->sessions, &se->by_id, se->id);

	put_grant(s, se, &b);
	s->p.send(s->p.arg, se->peer, IPC_SESSION_OPEN, &b);
	strbuf_free(&b);
	return se;
}

void
session_close(struct scheduler *s, struct session *se)
{
	struct strbuf b = STRBUF_INIT(16);

	if (se->closing)
		return;
	se->closing = true;
	pack_u32(&b, se->id);
	s->p.send(s->p.arg, se->peer, IPC_SESSION_CLOSE, &b);
	strbuf_free(&b);
}

static void
fill_open(struct scheduler *s, struct path *p)
{
	struct session *se;

	TAILQ_FOREACH(se, &p->site->sessions, of_site)
		if (se->path == p && !se->closing &&
		    se->nout <= SCHEDULER_DEPTH / 2 && s->peer[se->peer].up)
			session_fill(s, se);
}

/* Open one more, if there is something for it; true when it got that. */
static bool
path_open_one(struct scheduler *s, struct path *p)
{
	struct site *site = p->site;
	bool notice, reserved = false;
	struct session *se;

	if ((site->probing && site->nsessions > 0) || !choose_has(s, p))
		return false;
	notice = choose_is_notice(s, p);
	if (!path_may_send(s, p, notice))
		return false;
	if (!may_grant(s, p, false)) {
		reserved = true;
		if (!notice || !may_grant(s, p, true))
			return false;
	}
	if ((se = session_grant(s, p, reserved)) == NULL)
		return false;
	return session_fill(s, se) || se->nout > 0;
}

/* Closed for a while?  Then the site is looked at when that is over. */
static bool
path_is_closed(struct scheduler *s, struct path *p)
{
	int64_t until = source_opens_ms(s, p);

	/* Its share has yet to be committed?  Then that commit looks here. */
	if (until == 0)
		return !path_has_share(s, p);
	path_unstash(s, p);
	dues_earlier(s->wakes, (uintptr_t)p->site, until);
	return true;
}

static void
paths_work(struct scheduler *s, struct site *site)
{
	for (uint16_t i = 0; i < site->npaths; i++) {
		struct path *p = &site->paths[(site->probing ?
		    site->probe + i : i) % site->npaths];

		if (path_is_closed(s, p))
			continue;
		fill_open(s, p);
		while (path_open_one(s, p))
			;
	}
}

/* By turns, so that each gets the share that its weight is. */
static void
relays_work(struct scheduler *s, struct site *site)
{
	struct path *p;

	relays_look(s, site);
	for (uint16_t i = 0; i < site->npaths; i++) {
		p = &site->paths[i];
		if (path_is_closed(s, p))
			p->in_turn = p->is_open = false;
		else if (!p->in_turn)
			path_unstash(s, p);
	}
	while ((p = relays_next(s, site)) != NULL) {
		fill_open(s, p);
		p->in_turn = relays_may_open(p) && path_open_one(s, p);
	}
}

/*
 * Refill, fill what is open, and open more.  A site that is being probed gets
 * one session until that is up, each time from another source.
 */
void
sessions_work(struct scheduler *s, struct site *site)
{
	struct lane *l, *next;

	if (site_is_stale(s, site))
		site_reroute(s, site);
	for (l = TAILQ_FIRST(&site->lanes); l != NULL; l = next) {
		next = TAILQ_NEXT(l, of_site);
		lane_release(s, l);
	}
	if (!sched_may_hand_out(s))
		s->could = false;	/* looked at again when it may */
	if (site->paused || !s->could || site_is_stale(s, site)) {
		site_release(s, site);
		return;
	}
	paths_refresh(s, site);
	site_sort(s, site);
	if (site->shut_ms == 0) {
		retries_fill(s, site);
		TAILQ_FOREACH(l, &site->lanes, of_site)
			lane_refill(s, l);
	}
	if (site->paths[0].relay != NULL)
		relays_work(s, site);
	else
		paths_work(s, site);
	site_release(s, site);
}

/* The next message may come; the receiver may not want to wait for it. */
static int64_t
idle_max(const struct path *p)
{
	return p->idle_ms != 0 && p->idle_ms < IDLE_MS ? p->idle_ms : IDLE_MS;
}

/* Close what has nothing to do: at once when others wait for a session. */
void
sessions_sweep(struct scheduler *s)
{
	struct hash_link *l, *next = NULL;
	size_t at = 0;

	if (s->mono_ms < s->sweep_ms)
		return;
	s->sweep_ms = s->mono_ms + IDLE_LOOK_MS;
	while ((l = hash_each(&s->sessions, &at, &next)) != NULL) {
		struct session *se = HASH_OF(l, struct session, by_id);

		if (se->nout == 0 && (s->draining || se->site->paused ||
		    s->mono_ms - se->idle_ms >= idle_max(se->path) ||
		    ((dues_count(s->starving) > 0 ||
		    path_is_wanted(se->path)) && s->mono_ms > se->idle_ms)))
			session_close(s, se);
	}
}

/* ---- frames */

static struct session *
session_of(const struct scheduler *s, unsigned peer, uint32_t id)
{
	struct session *se = session_find(s, id);

	return se != NULL && se->peer == peer ? se : NULL;
}

/*
 * R11: one that answered for some mail and then says 421 has had enough of
 * this connection.  Whether it has had enough of us the next one will tell.
 */
static void
session_refused(struct scheduler *s, struct session *se,
    const struct ipc_session_state *st)
{
	char reason[IPC_TEXT_MAX + 300];
	struct path *p = se->path;
	bool enough = se->up && se->useful && st->code == 421 &&
	    st->site != REPLY_SITE_SUSPEND;

	if (se->excused) {
		session_free(s, se);
		return;
	}
	snprintf(reason, sizeof(reason), "%s%s%s", st->host,
	    st->host[0] != '\0' ? ": " : "", st->text);
	session_free(s, se);
	react_to_session(s, p, st);
	if (!enough)
		site_refused(s, p, st->code != 0, reason);
}

int
session_state(struct scheduler *s, unsigned peer, struct slice payload,
    struct err *e)
{
	static struct ipc_session_state st;
	struct session *se;
	struct unpack u;

	unpack_init(&u, payload.p, payload.len);
	ipc_get_session_state(&u, &st);
	if (!unpack_done(&u)) {
		err_set(e, ERR_INPUT, "a malformed frame: session state");
		return -1;
	}
	if ((se = session_of(s, peer, st.session)) == NULL)
		return 0;
	path_connects_made(s, se->path, st.connects);
	switch (st.event) {
	case IPC_SESSION_UP:
		if (!se->up) {
			se->up = true;
			site_came_up(s, se->path);
		}
		break;
	case IPC_SESSION_REFUSED:
		session_refused(s, se, &st);
		break;
	case IPC_SESSION_CLOSED:
		session_free(s, se);
		break;
	}
	return 0;
}

int
session_returned(struct scheduler *s, unsigned peer, struct slice payload,
    struct err *e)
{
	struct delivery *d;
	struct unpack u;
	uint32_t id;
	uint16_t n;

	unpack_init(&u, payload.p, payload.len);
	id = unpack_u32(&u);
	n = unpack_u16(&u);
	for (; n > 0 && !u.bad; n--) {
		d = HASH_OF(hash_find(&s->deliveries, unpack_u64(&u)),
		    struct delivery, by_id);
		if (!u.bad && d != NULL && d->session->id == id &&
		    d->session->peer == peer)
			delivery_back(s, d);
	}
	if (!unpack_done(&u)) {
		err_set(e, ERR_INPUT, "a malformed frame: returned");
		return -1;
	}
	return 0;
}

void
sessions_peer_down(struct scheduler *s, unsigned peer)
{
	struct hash_link *l, *next = NULL;
	size_t at = 0;

	while ((l = hash_each(&s->sessions, &at, &next)) != NULL) {
		struct session *se = HASH_OF(l, struct session, by_id);

		if (se->peer == peer)
			session_free(s, se);
	}
}
