/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scheduler_run.c - a campaign at work: list its domains, let it expire, see
 * that it is finished.
 *
 * Listing walks the counts of the list in slices and leaves out what the
 * bitmap says is finished; a domain that waits costs four octets.  Large ones
 * are resolved first, because they take longest.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "lib/err.h"
#include "lib/sys/log.h"
#include "lib/xmalloc.h"
#include "listd/lane.h"
#include "listd/posts.h"
#include "listd/scheduler_private.h"
#include "listd/site.h"
#include "spool/list.h"
#include "spool/progress.h"
#include "spool/subscriber.h"

#define LIST_SLICE	512	/* domains listed in one go */
#define LIST_TURN	8192	/* and in one turn */
#define BIG_DOMAIN	1000	/* members; these go first */
#define ONLY_TURN	4096	/* outcomes read in one turn */
#define SETTLE_TURN	256	/* domains begun to be settled in one turn */

/* ---- idlist */

void
idlist_add(struct idlist *l, uint32_t id)
{
	if (l->n == l->cap && l->at > l->n / 2) {
		memmove(l->v, l->v + l->at, (l->n - l->at) * sizeof(*l->v));
		l->n -= l->at;
		l->at = 0;
	}
	if (l->n == l->cap) {
		l->cap = l->cap == 0 ? 4 : l->cap + l->cap / 2;
		l->v = xreallocarray(l->v, l->cap, sizeof(*l->v));
	}
	l->v[l->n++] = id;
}

bool
idlist_take(struct idlist *l, uint32_t *id_r)
{
	if (l->at == l->n)
		return false;
	*id_r = l->v[l->at++];
	if (l->at == l->n)
		idlist_free(l);
	return true;
}

size_t
idlist_count(const struct idlist *l)
{
	return l->n - l->at;
}

void
idlist_free(struct idlist *l)
{
	free(l->v);
	memset(l, 0, sizeof(*l));
}

/* ---- runs */

struct run *
run_find(const struct scheduler *s, uint32_t campaign)
{
	return HASH_OF(hash_find(&s->runs_by_id, campaign), struct run, by_id);
}

bool
run_waits(const struct run *run)
{
	return run->held || run->stopped || run->dead || run->expiring ||
	    run->c.state != CAMPAIGN_RUNNING;
}

/* Domains that an earlier life had begun come first. */
static int
load_begun(struct scheduler *s, struct run *run, struct err *e)
{
	struct progress_key key = { run->c.id, 0, 0 };
	int rc;

	while ((rc = progress_next(s->q_txn, &key, e)) == 1) {
		idlist_add(&run->begun, key.domain);
		run->domains_left++;
		if (key.domain == UINT32_MAX)
			return 0;
		key.domain++;
		key.part = 0;
	}
	return rc;
}

struct run *
run_load(struct scheduler *s, const struct campaign *c, struct err *e)
{
	struct run *run = xcalloc(1, sizeof(*run));
	struct tally v;

	run->c = *c;
	campaign_detach(&run->c);
	run->list_from = 1;
	run->shares = shares_new();
	TAILQ_INIT(&run->lanes);
	TAILQ_INSERT_TAIL(&s->runs, run, link);
	hash_add(&s->runs_by_id, &run->by_id, c->id);
	s->nruns++;
	if (sched_q(s) == NULL || tally_get(s->q_txn, c->id, &v, e) == -1 ||
	    load_begun(s, run, e) == -1) {
		run_free(s, run);
		return NULL;
	}
	run->deferred = (int64_t)v.deferred;
	if (s->reactions != NULL)
		run_look_stopped(s, run);
	return run;
}

void
run_free(struct scheduler *s, struct run *run)
{
	struct hash_link *l, *next = NULL;
	struct lane *lane;
	size_t at = 0;

	frequency_ended(s, &run->c, sched_now(s));
	posts_end(s->posts, run->c.id, sched_now(s));
	lookups_forget_run(s, run);
	while ((l = hash_each(&run->dests, &at, &next)) != NULL)
		dest_free(s, HASH_OF(l, struct dest, by_domain));
	/* What is left are retries. */
	at = 0;
	while ((l = hash_each(&s->who, &at, &next)) != NULL) {
		struct delivery *d = HASH_OF(l, struct delivery, by_who);

		if (d->run == run)
			delivery_free_now(s, d);
	}
	while ((lane = TAILQ_FIRST(&run->lanes)) != NULL)
		lane_drop(s, lane);
	run_free_pools(run);
	idlist_free(&run->begun);
	idlist_free(&run->big);
	idlist_free(&run->small);
	hash_free(&run->dests);
	hash_del(&s->runs_by_id, &run->by_id);
	TAILQ_REMOVE(&s->runs, run, link);
	s->nruns--;
	outcome_reader_free(run->reader);
	shares_free(run->shares);
	free(run->only);
	free(run);
}

void
run_domain_done(struct scheduler *s, struct run *run)
{
	(void)s;
	if (run->domains_left > 0)
		run->domains_left--;
}

/* ---- a resend goes to those alone who failed */

static int
id_order(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

bool
run_only(const struct run *run, uint64_t subscriber)
{
	return run->nonly > 0 && bsearch(&subscriber, run->only, run->nonly,
	    sizeof(*run->only), id_order) != NULL;
}

static void
only_add(struct run *run, uint64_t subscriber)
{
	if (run->nonly == run->only_cap) {
		run->only_cap = run->only_cap == 0 ? 256 : run->only_cap * 2;
		run->only = xreallocarray(run->only, run->only_cap,
		    sizeof(*run->only));
	}
	run->only[run->nonly++] = subscriber;
}

/* Read a slice of L; the domains are listed when all of it is read. */
static void
only_slice(struct scheduler *s, struct run *run)
{
	struct err e = ERR_INIT;
	struct outcome o;
	uint64_t batch;
	int rc = 0;

	if (run->reader == NULL)
		run->reader = outcome_reader_new(s->p.outcomes,
		    run->c.failed_of, 1u << OUTCOME_FAILED, &e);
	if (run->reader == NULL) {
		log_failure(LEVEL_ERROR, "outcomes-read", &e);
		run->held = true;	/* tried again by and by */
		return;
	}
	for (int i = 0; i < ONLY_TURN; i++) {
		rc = outcome_reader_next(run->reader, &o, &batch, &e);
		if (rc == 0)
			break;
		if (rc == -1)	/* P6: said aloud, and the sum will tell */
			log_failure(LEVEL_ERROR, "outcomes-damaged", &e);
		else
			only_add(run, o.subscriber);
	}
	s->again = true;
	if (rc != 0)
		return;
	outcome_reader_free(run->reader);
	run->reader = NULL;
	run->only_read = true;
	if (run->nonly > 0)
		qsort(run->only, run->nonly, sizeof(*run->only), id_order);
}

/* ---- listing */

static bool
is_finished(struct scheduler *s, struct run *run, uint32_t domain)
{
	uint32_t chunk = domain / PROGRESS_CHUNK_BITS;
	uint32_t at = domain % PROGRESS_CHUNK_BITS;
	struct err e = ERR_INIT;

	if (run->chunk != chunk + 1) {
		if (progress_chunk(s->q_txn, run->c.id, chunk, run->bits,
		    &e) == -1) {
			/* P6: what is done must not be guessed. */
			log_failure(LEVEL_ERROR, "progress-damaged", &e);
			run->held = true;
			run->chunk = 0;
			return true;
		}
		run->chunk = chunk + 1;
	}
	return (run->bits[at / 8] >> (at % 8) & 1) != 0;
}

/* True when an earlier life began it: it is in run->begun. */
static bool
was_begun(const struct run *run, uint32_t domain)
{
	size_t lo = 0, hi = run->begun.n;

	/* Loaded in order of id, and never added to. */
	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (run->begun.v[mid] == domain)
			return true;
		if (run->begun.v[mid] < domain)
			lo = mid + 1;
		else
			hi = mid;
	}
	return false;
}

static void
list_domain(struct scheduler *s, struct run *run,
    const struct subscriber_domain *d)
{
	if (d->all == 0 || is_finished(s, run, d->domain) ||
	    was_begun(run, d->domain) || dest_find(run, d->domain) != NULL)
		return;
	idlist_add(d->all >= BIG_DOMAIN ? &run->big : &run->small, d->domain);
	run->domains_left++;
}

static void
list_slice(struct scheduler *s, struct run *run)
{
	struct subscriber_domain rows[LIST_SLICE];
	struct err e = ERR_INIT;
	size_t n;

	if (sched_s(s) == NULL || sched_q(s) == NULL)
		return;
	if (subscriber_domains(s->s_txn, run->c.list, run->list_from, rows,
	    LIST_SLICE, &n, &e) == -1) {
		log_failure(LEVEL_ERROR, "counts-damaged", &e);
		run->held = true;
		return;
	}
	for (size_t i = 0; i < n && !run->held; i++)
		list_domain(s, run, &rows[i]);
	if (run->held)
		return;
	if (n < LIST_SLICE)
		run->listed = true;
	else
		run->list_from = rows[n - 1].domain + 1;
}

bool
run_take_domain(struct run *run, uint32_t *domain_r)
{
	/* What was begun is looked for while listing, so it goes after. */
	return (run->listed && idlist_take(&run->begun, domain_r)) ||
	    idlist_take(&run->again, domain_r) ||
	    idlist_take(&run->big, domain_r) ||
	    idlist_take(&run->small, domain_r);
}

/* ---- the end by time */

static void
expire_begin(struct scheduler *s, struct run *run)
{
	struct hash_link *l, *next = NULL;
	struct log_line line;
	size_t at = 0;

	run->expiring = true;
	lookups_forget_run(s, run);
	run_take_back_all(run);
	log_begin(&line, LEVEL_NOTICE, "campaign-expiring");
	log_hex(&line, "campaign", run->c.id);
	log_int(&line, "domains_left", (int64_t)run->domains_left);
	log_end(&line);
	while ((l = hash_each(&run->dests, &at, &next)) != NULL)
		dest_settle(s, HASH_OF(l, struct dest, by_domain),
		    &verdict_expired);
	retries_park(s, run);
	retries_sweep(s);
	/* What waits behind a slow server's answer has no time left either. */
	recall_run(s, run);
}

/* Begin a domain only to end it; false: enough for this turn. */
static bool
expire_domain(struct scheduler *s, struct run *run, uint32_t domain,
    int *budget)
{
	domain_settle(s, run, domain, &verdict_expired);
	/* Beyond that the commit comes first. */
	return --*budget > 0 && batch_filled(s->batcher) <= BATCH_OCTETS / 2;
}

/* A slice of the domains that nobody has begun. */
static void
expire_slice(struct scheduler *s, struct run *run)
{
	int budget = SETTLE_TURN;
	uint32_t domain;
	struct lane *l;

	if (batch_filled(s->batcher) > BATCH_OCTETS / 2 ||
	    sched_s(s) == NULL || sched_q(s) == NULL)
		return;
	while (run_take_domain(run, &domain))
		if (!expire_domain(s, run, domain, &budget))
			goto more;
	TAILQ_FOREACH(l, &run->lanes, of_run)
		while (lane_take_domain(l, &domain))
			if (!expire_domain(s, run, domain, &budget))
				goto more;
	return;
more:
	if (budget == 0)
		s->again = true;
}

/* ---- the end */

struct finish {
	struct scheduler *s;
	uint32_t	 campaign;
	int64_t		 now_ms;
	uint64_t	 leavers;	/* that S counted since the release */
	bool		 expired;
	struct campaign	 c;
	struct tally	 v;
	bool		 impossible;
};

/* In the writer's thread: everything before it is in the same order. */
static int
finish_apply(struct txn *t, void *arg, struct err *e)
{
	struct finish *f = arg;
	int rc = campaign_get(t, f->campaign, &f->c, e);

	if (rc != 1 || (f->c.state != CAMPAIGN_RUNNING &&
	    !(f->c.state == CAMPAIGN_PAUSED && f->expired))) {
		if (rc != -1)
			err_set(e, ERR_REFUSED, "campaign %u does not run",
			    f->campaign);
		return rc == -1 ? -1 : 1;
	}
	if (tally_get(t, f->campaign, &f->v, e) == -1)
		return -1;
	f->impossible = tally_ended(&f->v) > f->c.count;
	f->v.left = f->impossible ? 0 : f->c.count - tally_ended(&f->v);
	f->c.state = CAMPAIGN_FINISHED;
	f->c.ended_ms = f->now_ms;
	if (tally_put(t, f->campaign, &f->v, e) == -1)
		return -1;
	return campaign_change(t, &f->c, e);
}

static void
finish_log(const struct finish *f)
{
	bool alarm = f->impossible || f->v.left > f->leavers;
	struct log_line l;

	log_begin(&l, alarm ? LEVEL_ERROR : LEVEL_NOTICE,
	    alarm ? "campaign-sum-wrong" : "campaign-finished");
	log_hex(&l, "campaign", f->campaign);
	log_int(&l, "count", (int64_t)f->c.count);
	log_int(&l, "delivered", (int64_t)f->v.delivered);
	log_int(&l, "failed", (int64_t)f->v.failed);
	log_int(&l, "expired", (int64_t)f->v.expired);
	log_int(&l, "suppressed", (int64_t)f->v.suppressed);
	log_int(&l, "left", (int64_t)f->v.left);
	log_int(&l, "leavers", (int64_t)f->leavers);
	log_int(&l, "attempts", (int64_t)f->v.attempts);
	log_end(&l);
}

static void
finish_done(void *arg, enum job_result r, const struct err *why)
{
	struct finish *f = arg;
	struct scheduler *s = f->s;
	struct run *run = run_find(s, f->campaign);
	struct strbuf b = STRBUF_INIT(16);

	if (r == JOB_DONE) {
		finish_log(f);
		if (run != NULL)
			run_free(s, run);
		reactions_forget_campaign(s, f->campaign);
		pack_u32(&b, f->campaign);
		for (unsigned i = 0; i < SCHEDULER_PEERS_MAX; i++)
			if (s->peer[i].up)
				s->p.send(s->p.arg, i, IPC_CAMPAIGN_FORGET,
				    &b);
	} else if (run != NULL) {
		/* Paused in the same moment, or no room: another time. */
		if (r == JOB_TRY_AGAIN)
			log_failure(LEVEL_WARNING, "campaign-finish", why);
		run->finishing = false;
	}
	strbuf_free(&b);
	free(f);
}

static void
finish_begin(struct scheduler *s, struct run *run)
{
	struct finish *f;
	struct list_counters counters;
	struct err e = ERR_INIT;
	const struct job job = {
		.apply = finish_apply, .done = finish_done,
		.lane = WRITER_URGENT, .reserve = true,
	};
	struct job j = job;

	if (sched_s(s) == NULL || list_counters(s->s_txn, run->c.list,
	    &counters, &e) == -1) {
		log_failure(LEVEL_ERROR, "campaign-finish", &e);
		run->held = true;
		return;
	}
	f = xcalloc(1, sizeof(*f));
	f->s = s;
	f->campaign = run->c.id;
	f->now_ms = clock_utc_ms(s->p.clock);
	f->leavers = counters.left - run->c.left_base;
	f->expired = run->expiring;
	run->finishing = true;
	j.arg = f;
	s->p.commit(s->p.arg, STORE_Q, &j);
}

static bool
is_over(const struct scheduler *s, const struct run *run)
{
	return run->listed && run->domains_left == 0 && run->out == 0 &&
	    run->deferred == 0 && run->touched <= s->durable &&
	    (run->c.state == CAMPAIGN_RUNNING || run->expiring) &&
	    !run->finishing && !run->held;
}

/*
 * A cancelled run goes when nothing of it is out, now or since an earlier
 * life, or on its way to disk.
 */
static bool
is_gone(const struct scheduler *s, const struct run *run)
{
	const struct hash_link *l;
	struct hash_link *next = NULL;
	size_t at = 0;

	if (!run->dead || !s->reported || run->out > 0 ||
	    run->touched > s->durable || run->finishing)
		return false;
	while ((l = hash_each(&run->dests, &at, &next)) != NULL)
		if (HASH_OF(l, const struct dest, by_domain)->flying)
			return false;
	return true;
}

/* ---- a turn */

/* Nobody wants what is left of it any more, be it paused or not. */
static bool
is_late(const struct run *run, int64_t now)
{
	return run->expiring || (run->c.send_by_ms != 0 &&
	    now >= run->c.send_by_ms);
}

static void
run_advance(struct scheduler *s, struct run *run, int64_t now)
{
	if (run->dead) {
		if (is_gone(s, run))
			run_free(s, run);
		return;
	}
	if (run->held || (run->c.state != CAMPAIGN_RUNNING &&
	    !is_late(run, now)))
		return;
	if (run->c.failed_of != 0 && !run->only_read) {
		only_slice(s, run);
		return;
	}
	for (int i = 0; !run->listed && !run->held &&
	    i < LIST_TURN / LIST_SLICE; i++)
		list_slice(s, run);
	if (!run->listed && !run->held)
		s->again = true;
	if (!run->expiring && is_late(run, now))
		expire_begin(s, run);
	if (run->expiring && run->listed)
		expire_slice(s, run);
	if (is_over(s, run))
		finish_begin(s, run);
}

void
runs_advance(struct scheduler *s)
{
	struct run *run, *next;
	int64_t now = sched_now(s);

	for (run = TAILQ_FIRST(&s->runs); run != NULL; run = next) {
		next = TAILQ_NEXT(run, link);
		run_advance(s, run, now);
	}
}

int64_t
runs_wait_ms(const struct scheduler *s)
{
	int64_t now = sched_now(s), best = -1;
	const struct run *run;

	TAILQ_FOREACH(run, &s->runs, link) {
		int64_t wait = run->c.send_by_ms - now;

		if (run->expiring || run->dead || run->held ||
		    run->c.send_by_ms == 0)
			continue;
		if (wait < 0)
			wait = 0;
		if (best == -1 || wait < best)
			best = wait;
	}
	return best;
}

/* Everything of a dead run that is in memory and not out. */
static void
run_kill(struct scheduler *s, struct run *run)
{
	struct log_line l;

	run->dead = true;
	log_begin(&l, LEVEL_NOTICE, "campaign-cancelled");
	log_hex(&l, "campaign", run->c.id);
	log_int(&l, "out", (int64_t)run->out);
	log_end(&l);
	reactions_forget_campaign(s, run->c.id);
	retries_park(s, run);
	retries_sweep(s);
}

void
scheduler_campaign_changed(struct scheduler *s, uint32_t campaign)
{
	struct run *run = run_find(s, campaign);
	struct err e = ERR_INIT;
	struct campaign c;
	struct lane *l;
	int rc;

	s->mono_ms = clock_mono_ms(s->p.clock);
	if (sched_q(s) == NULL)
		return;
	if ((rc = campaign_get(s->q_txn, campaign, &c, &e)) == -1)
		log_failure(LEVEL_ERROR, "campaign-damaged", &e);
	else if (rc == 1)
		posts_set(s->posts, &c, sched_now(s));
	if (rc != 1)
		;	/* nothing to do with it */
	else if (run == NULL && (c.state == CAMPAIGN_RUNNING ||
	    c.state == CAMPAIGN_PAUSED)) {
		if (run_load(s, &c, &e) == NULL)
			log_failure(LEVEL_ERROR, "campaign-damaged", &e);
	} else if (run != NULL) {
		run->c.state = c.state;
		run->c.after = c.after;
		if (c.state == CAMPAIGN_CANCELLED)
			run_kill(s, run);
		if (c.state == CAMPAIGN_PAUSED)
			retries_park(s, run);
		if (c.state == CAMPAIGN_RUNNING) {
			TAILQ_FOREACH(l, &run->lanes, of_run)
				site_kick(s, l->site);
			retries_sweep(s);
		}
	}
	if (s->s_txn != NULL)
		txn_end(s->s_txn);
	txn_end(s->q_txn);
	s->s_txn = s->q_txn = NULL;
	s->p.wake(s->p.arg);
}
