/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scheduler.c - the scheduler's life, its turns, and what it tells of itself.
 *
 * A turn opens at most one read transaction on each environment, does a slice
 * of everything that can be done, and closes them before it returns.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "lib/err.h"
#include "lib/gcra.h"
#include "lib/reactions.h"
#include "lib/sys/log.h"
#include "lib/xmalloc.h"
#include "listd/figures.h"
#include "listd/finish.h"
#include "listd/lane.h"
#include "listd/posts.h"
#include "listd/relay.h"
#include "listd/restart.h"
#include "listd/scheduler_private.h"
#include "listd/site.h"
#include "listd/source.h"

#define SITES_A_TURN	256	/* looked at before the loop goes round */
#define HELD_MS		10000	/* between looks at what is held */

int64_t
sched_now(const struct scheduler *s)
{
	return s->base_ms + s->mono_ms;
}

/* xorshift64*: for jitter and shuffling, nothing that must be secret. */
uint32_t
sched_chance(struct scheduler *s)
{
	s->chance ^= s->chance >> 12;
	s->chance ^= s->chance << 25;
	s->chance ^= s->chance >> 27;
	return (uint32_t)(s->chance * 0x2545f4914f6cdd1du >> 32);
}

static struct txn *
turn_txn(struct scheduler *s, struct txn **t, enum store_env env)
{
	struct err e = ERR_INIT;

	if (*t == NULL && txn_read(s->p.store, env, t, &e) == -1) {
		log_failure(LEVEL_ERROR, "store-read", &e);
		*t = NULL;
	}
	return *t;
}

struct txn *
sched_s(struct scheduler *s)
{
	return turn_txn(s, &s->s_txn, STORE_S);
}

struct txn *
sched_q(struct scheduler *s)
{
	return turn_txn(s, &s->q_txn, STORE_Q);
}

void
sched_turn_begin(struct scheduler *s)
{
	s->mono_ms = clock_mono_ms(s->p.clock);
}

void
sched_turn_end(struct scheduler *s)
{
	if (s->s_txn != NULL)
		txn_end(s->s_txn);
	if (s->q_txn != NULL)
		txn_end(s->q_txn);
	s->s_txn = s->q_txn = NULL;
}

void
sched_touch(struct scheduler *s, struct run *run)
{
	run->touched = s->serial;
}

void
sched_dirty(struct scheduler *s, struct dest *d, bool soon)
{
	if (!d->dirty) {
		d->dirty = true;
		TAILQ_INSERT_TAIL(&s->dirt, d, dirt);
	}
	batch_want(s->batcher, s->mono_ms + (soon ? 0 : BATCH_WAIT_MS));
}

bool
sched_may_hand_out(const struct scheduler *s)
{
	return s->started && !s->draining && !s->held &&
	    !batch_behind(s->batcher);
}

/* ---- the batcher's calls */

static void
batcher_commit(void *arg, enum store_env env, const struct job *job)
{
	struct scheduler *s = arg;

	s->p.commit(s->p.arg, env, job);
}

static void
send_ack(struct scheduler *s, unsigned peer, uint64_t seq)
{
	struct strbuf b = STRBUF_INIT(16);

	if (s->peer[peer].up && seq > s->peer[peer].acked) {
		pack_u64(&b, seq);
		s->p.send(s->p.arg, peer, IPC_OUTCOME_ACK, &b);
		s->peer[peer].acked = seq;
	}
	strbuf_free(&b);
}

static void
look_for_room(struct scheduler *s)
{
	bool none = store_is_short(s->p.store, STORE_Q, s->no_room);

	if (none == s->no_room)
		return;
	s->no_room = none;
	if (none) {
		log_text(LEVEL_ERROR, "queue-full", "only what was begun goes "
		    "on: raise map_size_queue, or wait for retries to end");
	} else {
		log_text(LEVEL_NOTICE, "queue-room", "there is room again");
		s->look_again = true;
	}
}

static void
batcher_durable(void *arg)
{
	struct scheduler *s = arg;

	sched_turn_begin(s);
	s->durable = s->serial - 1;
	if (s->p.figures != NULL)
		figures_batch(s->p.figures, s->mono_ms - s->flushed_ms);
	for (unsigned i = 0; i < SCHEDULER_PEERS_MAX; i++)
		send_ack(s, i, s->peer[i].flying);
	deliveries_durable(s);
	dests_durable(s);
	slots_durable(s);
	sources_durable(s);
	relays_durable(s);
	look_for_room(s);
	sched_turn_end(s);
	s->p.wake(s->p.arg);
}

static void
batcher_stuck(void *arg, const struct err *why)
{
	struct scheduler *s = arg;

	s->stuck = why != NULL;
	if (why != NULL)
		log_failure(LEVEL_ERROR, "outcomes-wait", why);
	else
		log_text(LEVEL_NOTICE, "outcomes-flow", "there is room again");
	s->p.wake(s->p.arg);
}

static void
batcher_fatal(void *arg, const struct err *why)
{
	struct scheduler *s = arg;

	s->p.fatal(s->p.arg, why);
}

/* ---- life */

/*
 * Damage is said aloud and ends the work on that record, not the process: the
 * campaign it belongs to is not sent (P6).
 */
static int
load_runs(struct scheduler *s, struct err *e)
{
	struct campaign c;
	uint32_t after = 0;
	int rc;

	if (sched_q(s) == NULL) {
		err_set(e, ERR_STORE, "the queue cannot be read");
		return -1;
	}
	while ((rc = campaign_next(s->q_txn, after, &c, e)) != 0) {
		if (rc == -1 && e->code != ERR_DAMAGED)
			return -1;
		after = c.id;
		if (rc == 1)
			posts_set(s->posts, &c, sched_now(s));
		if (rc == 1 && c.ended_ms != 0)
			frequency_ended(s, &c, c.ended_ms);
		if (rc == 1 && ((c.state != CAMPAIGN_RUNNING &&
		    c.state != CAMPAIGN_PAUSED) || run_load(s, &c, e) != NULL))
			continue;
		if (e->code != ERR_DAMAGED)
			return -1;
		log_failure(LEVEL_ERROR, "campaign-damaged", e);
		*e = (struct err)ERR_INIT;
	}
	return 0;
}

/* One source there always is: what the system chooses. */
static void
sources_take(struct scheduler *s)
{
	s->nsources = s->p.nsources > 0 ? s->p.nsources : 1;
	s->sources = xcalloc(s->nsources, sizeof(*s->sources));
	if (s->p.nsources > 0) {
		memcpy(s->sources, s->p.sources,
		    s->nsources * sizeof(*s->sources));
	} else {
		s->sources[0].weight = 1;
		s->sources[0].streams = SOURCE_BOTH;
	}
}

static int
load_all(struct scheduler *s, struct err *e)
{
	if (load_runs(s, e) == -1 || retries_load(s, e) == -1 ||
	    sources_load(s, e) == -1 || reactions_start(s, e) == -1 ||
	    slots_load(s, e) == -1)
		return -1;
	if (sites_load(s, e) == -1) {
		if (e->code != ERR_DAMAGED)
			return -1;
		log_failure(LEVEL_ERROR, "site-damaged", e);
		*e = (struct err)ERR_INIT;
	}
	notices_load(s);
	return 0;
}

/* All that is empty at the start. */
static void
lists_init(struct scheduler *s)
{
	TAILQ_INIT(&s->durable_waits);
	TAILQ_INIT(&s->dirt);
	TAILQ_INIT(&s->flight);
	TAILQ_INIT(&s->settling);
	TAILQ_INIT(&s->ended);
	TAILQ_INIT(&s->runs);
	TAILQ_INIT(&s->kicked);
	TAILQ_INIT(&s->restarts);
	TAILQ_INIT(&s->recalls);
	TAILQ_INIT(&s->relays);
	s->starving = dues_new();
	s->limit_dues = dues_new();
	s->limit_ends = dues_new();
	s->wakes = dues_new();
	s->pauses = dues_new();
	s->waits = dues_new();
	s->routes = dues_new();
	s->dns_troubles = dues_new();
	s->retries = dues_new();
	s->notices = dues_new();
}

/* The tables, and what lists_init() made. */
static void
lists_free(struct scheduler *s)
{
	hash_free(&s->deliveries);
	hash_free(&s->who);
	hash_free(&s->runs_by_id);
	hash_free(&s->sites);
	hash_free(&s->sessions);
	hash_free(&s->queries);
	dues_free(s->starving);
	dues_free(s->limit_dues);
	dues_free(s->limit_ends);
	dues_free(s->wakes);
	dues_free(s->pauses);
	dues_free(s->waits);
	dues_free(s->routes);
	dues_free(s->dns_troubles);
	dues_free(s->retries);
	dues_free(s->notices);
}

struct scheduler *
scheduler_new(const struct scheduler_params *p, struct err *e)
{
	struct scheduler *s = xcalloc(1, sizeof(*s));
	const struct batch_params bp = {
		.node = SCHEDULER_NODE, .log = p->log, .arg = s,
		.commit = batcher_commit, .durable = batcher_durable,
		.effects = p->effects, .stuck = batcher_stuck,
		.fatal = batcher_fatal,
	};
	int rc;

	s->p = *p;
	if (p->part_members == 0)
		s->p.part_members = SCHEDULER_PART;
	s->limits = p->limits;
	s->chance = p->seed | 1;
	s->base_ms = clock_utc_ms(p->clock) - clock_mono_ms(p->clock);
	s->serial = 1;
	s->batcher = batcher_new(&bp, p->last_batch);
	s->posts = posts_new();
	lists_init(s);
	s->limits_serial = 1;
	sources_take(s);
	s->notice_from = 1;

	sched_turn_begin(s);
	s->start_by_ms = s->mono_ms + SCHEDULER_READY_MS;
	/* Of a store that had no queue role before no burst was used up. */
	s->start_us = s->mono_ms * 1000 - (p->epoch <= 1 ?
	    60 * GCRA_MINUTE : 0);
	s->walk_ms = s->mono_ms;
	look_for_room(s);
	rc = load_all(s, e);
	sched_turn_end(s);
	if (rc == -1) {
		scheduler_free(s);
		return NULL;
	}
	return s;
}

void
scheduler_free(struct scheduler *s)
{
	struct hash_link *l, *next = NULL;
	struct run *run;
	size_t at;

	if (s == NULL)
		return;
	/* Deliveries hang on everything else, so they go first. */
	while ((run = TAILQ_FIRST(&s->runs)) != NULL)
		run_free(s, run);
	at = 0;
	while ((l = hash_each(&s->who, &at, &next)) != NULL)
		delivery_free_now(s, HASH_OF(l, struct delivery, by_who));
	at = 0;
	while ((l = hash_each(&s->sessions, &at, &next)) != NULL)
		session_free(s, HASH_OF(l, struct session, by_id));
	lookups_free(s);
	at = 0;
	while ((l = hash_each(&s->sites, &at, &next)) != NULL)
		site_free(s, HASH_OF(l, struct site, by_key));
	while (!TAILQ_EMPTY(&s->recalls)) {
		struct recall *r = TAILQ_FIRST(&s->recalls);

		TAILQ_REMOVE(&s->recalls, r, link);
		r->done(r->arg, &r->result);
		free(r);
	}
	durable_waits_end(s, true);
	limits_free(s);
	relays_free(s);
	sources_free(s);
	restarts_free(s);
	reactions_free(s->reactions);
	free(s->recents);
	posts_free(s->posts);
	slots_free(s);
	lists_free(s);
	idlist_free(&s->retry_queue);
	batcher_free(s->batcher);
	free(s);
}

void
scheduler_set_limits(struct scheduler *s,
    const struct scheduler_limits *limits)
{
	s->limits = *limits;
	paths_changed(s);
}

void
scheduler_set_shaping(struct scheduler *s, const struct shaping *shaping,
    const struct reply_rules *rules)
{
	s->shaping = shaping;
	s->rules = rules;
	relays_reshape(s);
	sites_reshape(s);
	sched_turn_begin(s);
	routes_reshape(s);
	sched_turn_end(s);
	paths_changed(s);
}

/* ---- a turn */

/* Deliver roles have reported what an earlier queue role gave them. */
static void
look_started(struct scheduler *s)
{
	unsigned ready = 0;

	if (s->reported)
		return;
	for (unsigned i = 0; i < SCHEDULER_PEERS_MAX; i++)
		ready += s->peer[i].ready;
	if (ready >= s->p.peers) {
		s->reported = true;
		if (s->passed_dead)
			retries_sweep(s);
	}
	if (s->started)
		return;
	if (ready < s->p.peers &&
	    (ready == 0 || s->mono_ms < s->start_by_ms))
		return;
	if (ready < s->p.peers)
		log_text(LEVEL_WARNING, "deliver-late",
		    "%u of %u deliver roles reported their old work",
		    ready, s->p.peers);
	s->started = true;
}

/* Sites that were looked at while nothing could go out are looked at again. */
static void
look_at_all(struct scheduler *s)
{
	struct hash_link *l, *next = NULL;
	bool may = sched_may_hand_out(s);
	size_t at = 0;

	if (may && (!s->could || s->look_again))
		while ((l = hash_each(&s->sites, &at, &next)) != NULL)
			site_kick(s, HASH_OF(l, struct site, by_key));
	s->could = may;
	s->look_again = false;
}

/* There is somebody to ask for routes; what is due waits until then. */
static bool
may_ask(const struct scheduler *s)
{
	if (!s->started || s->draining || s->held)
		return false;
	for (unsigned i = 0; i < SCHEDULER_PEERS_MAX; i++)
		if (s->peer[i].ready)
			return true;
	return false;
}

static void
flush_batch(struct scheduler *s)
{
	if (!batch_due(s->batcher, s->mono_ms))
		return;
	dests_fill_batch(s);
	for (unsigned i = 0; i < SCHEDULER_PEERS_MAX; i++)
		s->peer[i].flying = s->peer[i].seen;
	if (batch_filled(s->batcher) == 0) {
		/* Nothing of those outcomes had to be written. */
		for (unsigned i = 0; i < SCHEDULER_PEERS_MAX; i++)
			send_ack(s, i, s->peer[i].seen);
	}
	s->serial++;
	s->flushed_ms = s->mono_ms;
	batch_flush(s->batcher, s->mono_ms);
	if (batch_idle(s->batcher))
		s->durable = s->serial - 1;
}

static void
look_at_sites(struct scheduler *s)
{
	struct site *site;

	if (s->nsessions < s->limits.connections_total)
		site_kick_starving(s);
	for (int i = 0; i < SITES_A_TURN; i++) {
		if ((site = TAILQ_FIRST(&s->kicked)) == NULL)
			return;
		TAILQ_REMOVE(&s->kicked, site, kicked);
		site->is_kicked = false;
		sessions_work(s, site);
	}
	s->again = true;
}

static void
look_at_holds(struct scheduler *s)
{
	struct run *run;

	if (s->mono_ms < s->held_ms)
		return;
	s->held_ms = s->mono_ms + HELD_MS;
	TAILQ_FOREACH(run, &s->runs, link)
		if (run->held)
			break;
	if (run != NULL)
		scheduler_holds_changed(s);
}

static int64_t
earlier(int64_t a, int64_t b)
{
	if (a == -1 || (b != -1 && b < a))
		return b;
	return a;
}

/* Milliseconds from now until at (INT64_MAX: never, -1). */
static int64_t
until(int64_t at_ms, int64_t now_ms)
{
	if (at_ms == INT64_MAX)
		return -1;
	return at_ms > now_ms ? at_ms - now_ms : 0;
}

static int64_t
next_turn(struct scheduler *s)
{
	int64_t now = sched_now(s), wait;
	struct recall *r;
	struct run *run;

	if (s->again || (!TAILQ_EMPTY(&s->kicked) && sched_may_hand_out(s)))
		return 0;
	wait = batch_wait_ms(s->batcher, s->mono_ms);
	/* Past that time it is a role that is waited for, and not a time. */
	if (!s->started && s->mono_ms < s->start_by_ms)
		wait = earlier(wait, s->start_by_ms - s->mono_ms);
	wait = earlier(wait, until(dues_next(s->pauses), now));
	if (!s->sweeping)	/* else it waits for a commit */
		wait = earlier(wait, until(s->walk_ms, s->mono_ms));
	wait = earlier(wait, until(dues_next(s->wakes), now));
	wait = earlier(wait, until(reactions_next_ms(s->reactions), now));
	wait = earlier(wait, limits_wait_ms(s));
	wait = earlier(wait, runs_wait_ms(s));
	if (s->sessions.n > 0)
		wait = earlier(wait, until(s->sweep_ms, s->mono_ms));
	TAILQ_FOREACH(r, &s->recalls, link)
		wait = earlier(wait, until(r->deadline_ms, s->mono_ms));
	if (!may_ask(s))
		return wait;
	wait = earlier(wait, until(dues_next(s->waits), now));
	wait = earlier(wait, until(dues_next(s->routes), now));
	wait = earlier(wait, lanes_wait_ms(s));
	wait = earlier(wait, until(dues_next(s->retries), now));
	wait = earlier(wait, until(dues_next(s->notices), now));
	TAILQ_FOREACH(run, &s->runs, link)
		if (run->held) {
			wait = earlier(wait, until(s->held_ms, s->mono_ms));
			break;
		}
	return wait;
}

int64_t
scheduler_run(struct scheduler *s)
{
	sched_turn_begin(s);
	s->again = false;
	look_started(s);
	look_at_all(s);
	recalls_advance(s);
	look_at_holds(s);
	reactions_advance(s);
	restarts_advance(s);
	sites_advance(s);
	limits_advance(s);
	runs_advance(s);
	dests_settle(s);
	retries_advance(s);
	if (may_ask(s))
		lookups_advance(s);
	look_at_sites(s);
	sessions_sweep(s);
	flush_batch(s);
	batch_tick(s->batcher, s->mono_ms);
	sched_turn_end(s);
	durable_waits_end(s, false);
	return next_turn(s);
}

/* ---- what changes under it */

void
scheduler_notices_changed(struct scheduler *s)
{
	sched_turn_begin(s);
	notices_load(s);
	sched_turn_end(s);
	s->p.wake(s->p.arg);
}

void
scheduler_holds_changed(struct scheduler *s)
{
	bool any = false;
	struct lane *l;
	struct run *run;

	TAILQ_FOREACH(run, &s->runs, link) {
		if (!run->held)
			continue;
		any = true;
		run->held = false;
		TAILQ_FOREACH(l, &run->lanes, of_run)
			site_kick(s, l->site);
	}
	if (!any)
		return;
	retries_sweep(s);
	s->p.wake(s->p.arg);
}

void
scheduler_set_held(struct scheduler *s, bool held)
{
	s->held = held;
	s->look_again = true;
	s->p.wake(s->p.arg);
}

void
scheduler_drain(struct scheduler *s)
{
	s->draining = true;
	s->p.wake(s->p.arg);
}

bool
scheduler_drained(const struct scheduler *s)
{
	return s->deliveries.n == 0 && TAILQ_EMPTY(&s->dirt) &&
	    TAILQ_EMPTY(&s->flight) && batch_settled(s->batcher);
}
