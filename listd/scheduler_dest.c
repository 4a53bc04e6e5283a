/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scheduler_dest.c - one domain of a run while it is being sent to, or one of
 * the parts that a large one is cut into.
 *
 * It reads members into its window, puts its row into each batch while it
 * changes, and goes when its bit is set, or its row says that it is over and
 * other parts are not.  A verdict on the whole domain (null
 * MX, no such domain, the campaign's time is over) takes the same way, so that
 * every member gets its own outcome and the figures need no other account.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "lib/err.h"
#include "lib/reply_class.h"
#include "lib/sys/log.h"
#include "lib/xmalloc.h"
#include "listd/scheduler_private.h"
#include "listd/site.h"
#include "spool/progress.h"
#include "spool/subscriber.h"

#define FEED_MAX	256	/* members read at once */
#define FEED_MIN	16	/* subscriber_window() wants that much room */

const struct verdict verdict_expired = {
	OUTCOME_EXPIRED, 0, { 4, 4, 7 }, REPLY_RECIPIENT_NONE,
	REPLY_CAT_EXPIRED, "its time is over",
};
/* RFC 1047: nobody knows, and the campaign says what that means. */
const struct verdict verdict_assumed = {
	OUTCOME_DELIVERED, 0, { 2, 0, 0 }, REPLY_RECIPIENT_NONE,
	REPLY_CAT_NONE, "sent and not answered: taken to have arrived",
};
const struct verdict verdict_unknown = {
	OUTCOME_EXPIRED, 0, { 4, 4, 2 }, REPLY_RECIPIENT_NONE,
	REPLY_CAT_NETWORK, "sent and not answered: not known to have arrived",
};
/* RFC 7505 section 4.3 */
const struct verdict verdict_null_mx = {
	OUTCOME_FAILED, 556, { 5, 1, 10 }, REPLY_RECIPIENT_HARD,
	REPLY_CAT_HOST_UNKNOWN, "the domain takes no mail (null MX)",
};
/* A domain can lapse for a day: nobody is suspended for it. */
const struct verdict verdict_no_domain = {
	OUTCOME_FAILED, 0, { 5, 1, 2 }, REPLY_RECIPIENT_NONE,
	REPLY_CAT_HOST_UNKNOWN, "no such domain",
};

/* RFC 5321 section 5.1: a loop is not entered. */
const struct verdict verdict_self = {
	OUTCOME_FAILED, 0, { 5, 4, 6 }, REPLY_RECIPIENT_NONE,
	REPLY_CAT_NETWORK, "mail for it would come back here",
};

/* S30: the administrator's word about this destination. */
const struct verdict verdict_do_not_send = {
	OUTCOME_FAILED, 0, { 5, 7, 1 }, REPLY_RECIPIENT_NONE,
	REPLY_CAT_POLICY, "nothing is sent there: send = no",
};

struct dest *
dest_find(const struct run *run, uint32_t domain)
{
	return HASH_OF(hash_find(&run->dests, domain), struct dest, by_domain);
}

struct dest *
dest_next(const struct dest *d)
{
	return HASH_OF(hash_next(&d->by_domain), struct dest, by_domain);
}

/* ---- lists */

void
dest_sort(struct dest *d)
{
	bool ready = d->lane != NULL && window_ready(d->window) > 0;
	bool hungry = d->lane != NULL && window_room(d->window) >= FEED_MIN;

	if (ready != d->in_ready) {
		if (ready)
			TAILQ_INSERT_TAIL(&d->lane->ready, d, ready);
		else
			TAILQ_REMOVE(&d->lane->ready, d, ready);
		d->in_ready = ready;
	}
	if (hungry != d->in_hungry) {
		if (hungry)
			TAILQ_INSERT_TAIL(&d->lane->hungry, d, hungry);
		else
			TAILQ_REMOVE(&d->lane->hungry, d, hungry);
		d->in_hungry = hungry;
	}
}

static size_t
dest_supply(const struct dest *d)
{
	return window_ready(d->window) + window_waiting(d->window);
}

/* Whether a part of its domain, other than d, is sent to by this lane. */
static bool
has_sibling(const struct dest *d, const struct lane *l)
{
	const struct dest *o = dest_find(d->run, d->domain);

	while (o != NULL && (o == d || o->lane != l))
		o = dest_next(o);
	return o != NULL;
}

bool
dest_leave_lane(struct dest *d)
{
	struct lane *l = d->lane;
	bool last = l != NULL && !has_sibling(d, l);

	if (l == NULL)
		return false;
	if (d->in_ready)
		TAILQ_REMOVE(&l->ready, d, ready);
	if (d->in_hungry)
		TAILQ_REMOVE(&l->hungry, d, hungry);
	d->in_ready = d->in_hungry = false;
	TAILQ_REMOVE(&l->all, d, of_lane);
	l->supply -= dest_supply(d);
	l->dests--;
	l->domains -= last;
	d->lane = NULL;
	return last;
}

void
dest_join_lane(struct dest *d, struct lane *lane)
{
	if (lane == NULL || d->lane != NULL || d->settle != NULL)
		return;
	d->lane = lane;
	TAILQ_INSERT_TAIL(&lane->all, d, of_lane);
	lane->dests++;
	lane->domains += !has_sibling(d, lane);
	lane->supply += dest_supply(d);
	dest_sort(d);
}

void
dest_free(struct scheduler *s, struct dest *d)
{
	struct delivery *v;
	uint64_t number = 0;

	while ((v = window_each(d->window, &number)) != NULL)
		delivery_free_now(s, v);
	dest_leave_lane(d);
	if (d->dirty)
		TAILQ_REMOVE(&s->dirt, d, dirt);
	if (d->flying)
		TAILQ_REMOVE(&s->flight, d, flight);
	if (d->in_settling)
		TAILQ_REMOVE(&s->settling, d, settling);
	hash_del(&d->run->dests, &d->by_domain);
	if (dest_find(d->run, d->domain) == NULL) {
		d->run->nopen--;
		route_forget(s, d);
	}
	window_free(d->window);
	free(d);
}

/* ---- feeding */

enum fate { FATE_MAIL, FATE_SUPPRESSED, FATE_SKIP };

/* The audience rule, spool/DESIGN section 4. */
static enum fate
fate_of(const struct run *run, const struct subscriber_row *m)
{
	if (!member_counted(m->state, m->join, m->change, &m->past,
	    run->c.as_of))
		return FATE_SKIP;
	if (run->c.failed_of != 0 && !run_only(run, m->subscriber))
		return FATE_SKIP;
	return m->state == MEMBER_ACTIVE ? FATE_MAIL : FATE_SUPPRESSED;
}

static void
feed_member(struct scheduler *s, struct dest *d,
    const struct subscriber_row *m)
{
	enum fate fate = fate_of(d->run, m);
	size_t before = dest_supply(d);
	struct delivery *v;

	if (fate == FATE_SKIP)
		return;
	v = delivery_new(s, IPC_KIND_CAMPAIGN, m->subscriber, m->local,
	    d->name);
	v->state = DELIVERY_WINDOW;
	v->run = d->run;
	v->dest = d;
	v->campaign = d->run->c.id;
	v->list = d->run->c.list;
	v->domain = d->domain;
	v->h8 = m->h8;
	v->join = m->join;
	v->attempt = 1;
	v->queued_ms = sched_now(s);
	v->number = window_feed(d->window, m->r, m->subscriber, v);
	if (v->number == WINDOW_NONE) {
		v->dest = NULL;
		delivery_free(s, v);
		return;
	}
	if (d->lane != NULL)
		d->lane->supply += dest_supply(d) - before;
	if (fate == FATE_SUPPRESSED)
		delivery_settle(s, v, OUTCOME_SUPPRESSED, NULL,
		    GATE_SUSPENDED);
}

bool
dest_feed(struct scheduler *s, struct dest *d, size_t max)
{
	static struct subscriber_row rows[FEED_MAX];
	struct err e = ERR_INIT;
	size_t i, n, room = window_room(d->window);
	uint64_t last = window_last(d->window);
	bool end;

	if (max > FEED_MAX)
		max = FEED_MAX;
	if (room < max)
		max = room;
	if (max < FEED_MIN || sched_s(s) == NULL)
		return false;
	if (subscriber_window(s->s_txn, d->run->c.list, d->domain,
	    d->run->c.start, window_fed(d->window), rows, max, &n, &end,
	    &e) == -1 || (n == 0 && !end)) {
		if (e.code == ERR_NONE)
			err_set(&e, ERR_DAMAGED, "members of domain %u: too "
			    "many with one hash", d->domain);
		log_failure(LEVEL_ERROR, "members-damaged", &e);
		d->run->held = true;
		return false;
	}
	for (i = 0; i < n && rows[i].r <= last; i++)
		feed_member(s, d, &rows[i]);
	if (end || i < n || rows[n - 1].r == last)
		window_fed_all(d->window);
	else
		window_fed_to(d->window, rows[n - 1].r + 1);
	dest_sort(d);
	if (window_dirty(d->window))
		sched_dirty(s, d, window_ready(d->window) == 0);
	return true;
}

/* ---- verdicts on a whole domain */

void
dest_settle(struct scheduler *s, struct dest *d, const struct verdict *v)
{
	if (d->settle == NULL)
		d->settle = v;
	dest_leave_lane(d);
	if (!d->in_settling) {
		d->in_settling = true;
		TAILQ_INSERT_TAIL(&s->settling, d, settling);
	}
}

static void
settle_slice(struct scheduler *s, struct dest *d)
{
	struct delivery *v;
	uint64_t number;

	do {
		number = 0;
		while ((v = window_each(d->window, &number)) != NULL)
			if (v->state == DELIVERY_WINDOW)
				delivery_settle(s, v, d->settle->state,
				    d->settle, 0);
	} while (dest_feed(s, d, FEED_MAX));
}

void
dests_settle(struct scheduler *s)
{
	struct dest *d;

	while ((d = TAILQ_FIRST(&s->settling)) != NULL) {
		if (batch_filled(s->batcher) > BATCH_OCTETS / 2)
			return;		/* after the commit */
		TAILQ_REMOVE(&s->settling, d, settling);
		d->in_settling = false;
		settle_slice(s, d);
	}
}

/* ---- batches */

/* Its row, at its end too as long as other parts go on. */
static void
put_row(struct scheduler *s, struct dest *d, bool over)
{
	static uint64_t done[PROGRESS_DONE_MAX];
	struct progress_key key = { 0, 0, 0 };
	struct progress p;

	key.campaign = d->run->c.id;
	key.domain = d->domain;
	key.part = d->part;
	window_row(d->window, &p, done);
	p.node = SCHEDULER_NODE;
	p.over = over;
	batch_progress(s->batcher, &key, &p);
}

static void
finish(struct scheduler *s, struct dest *d)
{
	struct progress_key key = { 0, 0, 0 };
	const struct dest *o = dest_find(d->run, d->domain);

	d->finishing = true;
	while (o != NULL && o->finishing)
		o = dest_next(o);
	if (o != NULL) {
		put_row(s, d, true);
		return;
	}
	d->ends_domain = true;
	key.campaign = d->run->c.id;
	key.domain = d->domain;
	key.part = d->parts - 1;
	batch_finish(s->batcher, &key);
}

void
dests_fill_batch(struct scheduler *s)
{
	struct dest *d;

	while ((d = TAILQ_FIRST(&s->dirt)) != NULL) {
		TAILQ_REMOVE(&s->dirt, d, dirt);
		d->dirty = false;
		if (window_finished(d->window))
			finish(s, d);
		else if (window_dirty(d->window))
			put_row(s, d, false);
		else
			continue;
		d->flying = true;
		TAILQ_INSERT_TAIL(&s->flight, d, flight);
		sched_touch(s, d->run);
	}
}

static void
dest_durable(struct scheduler *s, struct dest *d)
{
	struct run *run = d->run;
	struct lane *lane = d->lane;
	struct delivery *slow;
	bool ends_domain = d->ends_domain;

	if (d->finishing) {
		dest_free(s, d);
		if (ends_domain)
			run_domain_done(s, run);
		if (lane != NULL)
			site_kick(s, lane->site);
		return;
	}
	window_committed(d->window);
	if ((slow = window_straggler(d->window)) != NULL)
		delivery_to_row(s, slow);
	dest_sort(d);
	if (d->settle != NULL && !d->in_settling &&
	    window_room(d->window) > 0)
		dest_settle(s, d, d->settle);
	if (lane != NULL)
		site_kick(s, lane->site);
}

void
dests_durable(struct scheduler *s)
{
	struct dest *d;

	while ((d = TAILQ_FIRST(&s->flight)) != NULL) {
		TAILQ_REMOVE(&s->flight, d, flight);
		d->flying = false;
		dest_durable(s, d);
	}
}
