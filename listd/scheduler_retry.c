/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scheduler_retry.c - what was tried and waits: deferrals, by domain.
 *
 * In memory is only which domain has its next row due when.  When a domain is
 * due and its route is known, some of its rows are read at its site.  A walk
 * over all rows, every WALK_MS and whenever something may have ended or may go
 * on, ends what expired, drops what belongs to dead campaigns and wakes what
 * was passed over: no row depends on its site ever working (R102).
 */
#include "config.h"

#include <string.h>

#include "lib/err.h"
#include "lib/sys/log.h"
#include "listd/retry.h"
#include "listd/scheduler_private.h"
#include "listd/site.h"
#include "spool/deferral.h"
#include "spool/subscriber.h"

#define LOAD_MAX	64	/* rows read at once, and kept at a site */
#define WALK_SLICE	256	/* rows looked at in one turn */
#define WALK_MS		600000
#define LATE_MS		60000	/* a row so long past its expiry ends */

int
retries_load(struct scheduler *s, struct err *e)
{
	uint32_t domain = 0;
	int64_t due;
	int rc;

	if (sched_q(s) == NULL)
		return -1;
	while ((rc = deferral_earliest(s->q_txn, 0, &domain, &due, e)) == 1) {
		dues_set(s->retries, domain, due);
		if (domain == UINT32_MAX)
			return 0;
		domain++;
	}
	return rc;
}

/* ---- one row */

static struct delivery *
row_delivery(struct scheduler *s, struct run *run,
    const struct deferral *row, const char *local, const char *domain)
{
	struct delivery *d = delivery_new(s, IPC_KIND_CAMPAIGN,
	    row->subscriber, local, domain);

	d->run = run;
	d->campaign = row->campaign;
	d->list = run->c.list;
	d->domain = row->domain;
	d->h8 = row->h8;
	d->join = row->join;
	d->attempt = (uint16_t)(row->attempts + 1);
	d->row = true;
	d->queued_ms = row->due_ms;
	d->first_ms = row->first_ms;
	d->unanswered = row->unanswered;
	d->lost = row->lost;
	return d;
}

static bool
row_expired(const struct scheduler *s, const struct run *run,
    const struct deferral *row)
{
	int64_t now = sched_now(s);

	if (run->expiring)
		return true;
	if (run->c.send_by_ms != 0 && now >= run->c.send_by_ms + LATE_MS)
		return true;
	return row->first_ms != 0 && now >= LATE_MS + retry_expiry_ms(
	    row->first_ms, s->limits.queue_lifetime_ms, run->c.send_by_ms);
}

/* In memory, or ended with a batch under way: not to be touched here. */
static bool
row_is_taken(struct scheduler *s, const struct deferral *row)
{
	struct run *run = run_find(s, row->campaign);

	return run != NULL && delivery_of(s, run, row->subscriber) != NULL;
}

bool
campaign_is_over(struct scheduler *s, uint32_t campaign)
{
	struct err e = ERR_INIT;
	struct campaign c;
	int rc = campaign_get(s->q_txn, campaign, &c, &e);

	return rc == 0 || (rc == 1 && (c.state == CAMPAIGN_CANCELLED ||
	    c.state == CAMPAIGN_FINISHED || c.state == CAMPAIGN_REFUSED));
}

static void
row_settle(struct scheduler *s, struct run *run, const struct deferral *row,
    const struct verdict *v)
{
	delivery_settle(s, row_delivery(s, run, row, "", ""), v->state, v, 0);
}

/*
 * A row of a dead or expired campaign ends here, and one that is taken to have
 * arrived; true when nothing is left.
 */
static bool
row_ends(struct scheduler *s, const struct deferral *row)
{
	struct run *run = run_find(s, row->campaign);

	if (run == NULL && !campaign_is_over(s, row->campaign))
		return true;	/* nobody may touch it */
	if (!s->reported && (run == NULL || run->dead)) {
		s->passed_dead = true;	/* its last attempt may be told yet */
		return true;
	}
	if (run == NULL || run->dead) {
		batch_undefer(s->batcher, row);
		batch_want(s->batcher, s->mono_ms + BATCH_WAIT_MS);
		return true;
	}
	if (run->c.state != CAMPAIGN_RUNNING && !run->expiring)
		return false;
	if (row->lost && run->c.after == CAMPAIGN_AFTER_ASSUME)
		row_settle(s, run, row, &verdict_assumed);
	else if (row_expired(s, run, row))
		row_settle(s, run, row, row->lost ? &verdict_unknown :
		    &verdict_expired);
	else
		return false;
	return true;
}

/* ---- due rows of a domain */

/* Where to send a row's mail; false when its member is gone (it ended). */
static bool
row_member(struct scheduler *s, struct run *run, const struct deferral *row,
    struct member *m)
{
	struct err e = ERR_INIT;
	int rc = subscriber_at(s->s_txn, run->c.list, row->domain, row->h8,
	    row->subscriber, m, &e);

	if (rc == 1 && m->join == row->join)
		return true;
	if (rc == -1) {
		log_failure(LEVEL_ERROR, "members-damaged", &e);
		return false;
	}
	/* Suspended, and the gate has words for it; or resumed since. */
	if (rc == 1 && member_counted(m->state, m->join, m->change, &m->past,
	    run->c.as_of))
		return true;
	delivery_end(s, row_delivery(s, run, row, "", ""));
	return false;
}

static void
load_row(struct scheduler *s, struct site *site, const struct deferral *row,
    const char *domain)
{
	struct run *run;
	struct delivery *d;
	struct member m;

	if (row_is_taken(s, row) || row_ends(s, row))
		return;
	run = run_find(s, row->campaign);
	if (run_waits(run) || is_held_lost(run, row) ||
	    !row_member(s, run, row, &m))
		return;
	d = row_delivery(s, run, row, m.local, domain);
	d->site = site;
	d->state = DELIVERY_RETRY;
	TAILQ_INSERT_TAIL(&site->retries, d, link);
	site->nretries++;
}

/* deferral_due(), with what is damaged said aloud: it keeps its row (P6). */
static bool
read_rows(struct scheduler *s, uint32_t domain, const struct deferral *after,
    int64_t until_ms, struct deferral *rows, size_t max, size_t *n_r)
{
	struct err e = ERR_INIT;
	int rc = deferral_due(s->q_txn, domain, after, until_ms, rows, max,
	    n_r, &e);

	if (rc != 0)
		log_failure(LEVEL_ERROR, "deferral-damaged", &e);
	return rc != -1;
}

/* Rows of domain, behind after or the first, that are due. */
static bool
due_rows(struct scheduler *s, uint32_t domain, const struct deferral *after,
    struct deferral *rows, size_t *n_r)
{
	if (sched_q(s) == NULL || sched_s(s) == NULL)
		return false;
	return read_rows(s, domain, after, sched_now(s), rows, LOAD_MAX, n_r);
}

/* Its next row that is not due yet tells when to look again. */
static void
wait_for_next(struct scheduler *s, uint32_t domain)
{
	uint32_t found = domain;
	struct err e = ERR_INIT;
	int64_t due;

	if (deferral_earliest(s->q_txn, sched_now(s) + 1, &found, &due,
	    &e) == 1 && found == domain)
		dues_earlier(s->retries, domain, due);
}

static void
load_domain(struct scheduler *s, struct site *site, uint32_t domain)
{
	static struct deferral rows[LOAD_MAX];
	struct deferral last;
	struct err e = ERR_INIT;
	char name[256];
	size_t n;

	if (!due_rows(s, domain, NULL, rows, &n) ||
	    domain_name(s->s_txn, domain, name, &e) != 1)
		return;
	for (;;) {
		for (size_t i = 0; i < n; i++)
			load_row(s, site, &rows[i], name);
		if (n < LOAD_MAX) {
			wait_for_next(s, domain);
			return;
		}
		if (site->nretries >= LOAD_MAX) {
			/* More of it when these are out. */
			idlist_add(&site->retry_domains, domain);
			return;
		}
		/* Many in memory, or of paused campaigns: go past them. */
		last = rows[n - 1];
		if (!due_rows(s, domain, &last, rows, &n))
			return;
	}
}

void
retries_fill(struct scheduler *s, struct site *site)
{
	size_t domains = idlist_count(&site->retry_domains);
	uint32_t domain;

	for (; domains > 0 && site->nretries < LOAD_MAX / 2; domains--) {
		if (!idlist_take(&site->retry_domains, &domain))
			return;
		/* One that is probed is kept for what it has to wait for. */
		if (s->mono_ms >= site->route_ms && site->troubles == 0)
			dues_earlier(s->retries, domain, sched_now(s));
		else
			load_domain(s, site, domain);
	}
}

void
retries_park(struct scheduler *s, const struct run *run)
{
	struct hash_link *l, *next = NULL;
	size_t at = 0;

	while ((l = hash_each(&s->who, &at, &next)) != NULL) {
		struct delivery *d = HASH_OF(l, struct delivery, by_who);

		if (d->run == run && d->state == DELIVERY_RETRY)
			delivery_free(s, d);
		else if (d->run == run && d->state == DELIVERY_STASH)
			delivery_back(s, d);
	}
}

void
retries_unload(struct scheduler *s, struct site *site)
{
	struct delivery *d;

	paths_unstash(s, site);
	while ((d = TAILQ_FIRST(&site->retries)) != NULL) {
		idlist_add(&site->retry_domains, d->domain);
		delivery_free(s, d);
	}
	while ((d = TAILQ_FIRST(&site->notices)) != NULL)
		notice_rests(s, d);
}

static void
settle_row(struct scheduler *s, const struct deferral *row,
    const struct verdict *v)
{
	struct run *run;

	if (row_is_taken(s, row) || row_ends(s, row))
		return;
	run = run_find(s, row->campaign);
	if (!run_waits(run) && !is_held_lost(run, row))
		row_settle(s, run, row, v);
}

void
retries_settle(struct scheduler *s, uint32_t domain, const struct verdict *v)
{
	static struct deferral rows[LOAD_MAX];
	struct deferral last, *after = NULL;
	size_t n;

	do {
		if (!due_rows(s, domain, after, rows, &n))
			return;
		for (size_t i = 0; i < n; i++)
			settle_row(s, &rows[i], v);
		if (n < LOAD_MAX) {
			wait_for_next(s, domain);
			return;
		}
		last = rows[n - 1];
		after = &last;
	} while (batch_filled(s->batcher) <= BATCH_OCTETS / 2);
	/* The rest, when these are off the disk. */
	dues_earlier(s->retries, domain, sched_now(s) + BATCH_RETRY_MS);
}

/* ---- the walk over all rows */

void
retries_sweep(struct scheduler *s)
{
	s->walk_ms = s->mono_ms;
	s->walk_again = s->sweeping;
}

static void
walk_row(struct scheduler *s, const struct deferral *row)
{
	const struct run *run;

	if (row->first_ms != 0 && (s->walk_oldest_ms == 0 ||
	    row->first_ms < s->walk_oldest_ms))
		s->walk_oldest_ms = row->first_ms;
	if (row_is_taken(s, row) || row_ends(s, row))
		return;
	run = run_find(s, row->campaign);
	if (!run_waits(run) && !is_held_lost(run, row) &&
	    row->due_ms <= sched_now(s))
		dues_earlier(s->retries, row->domain, sched_now(s));
}

static void
walk_over(struct scheduler *s)
{
	s->sweeping = false;
	s->oldest_ms = s->walk_oldest_ms;
	s->walk_ms = s->mono_ms + (s->walk_again ? 0 : WALK_MS);
	s->walk_again = false;
}

/* A slice: rows of the domain the walk stands at, or the next domain. */
static void
walk_slice(struct scheduler *s)
{
	static struct deferral rows[WALK_SLICE];
	struct err e = ERR_INIT;
	int64_t due;
	size_t n;
	int rc;

	if (sched_q(s) == NULL)
		return;
	if (!read_rows(s, s->walk_domain, s->walk_inside ? &s->walk_row :
	    NULL, INT64_MAX, rows, WALK_SLICE, &n))
		n = 0;		/* go on behind this domain */
	for (size_t i = 0; i < n; i++)
		walk_row(s, &rows[i]);
	if ((s->walk_inside = n == WALK_SLICE)) {
		s->walk_row = rows[n - 1];
		return;
	}
	if (s->walk_domain == UINT32_MAX) {
		walk_over(s);
		return;
	}
	s->walk_domain++;
	rc = deferral_earliest(s->q_txn, 0, &s->walk_domain, &due, &e);
	if (rc == -1)
		log_failure(LEVEL_ERROR, "deferral-damaged", &e);
	if (rc != 1)
		walk_over(s);
}

void
retries_advance(struct scheduler *s)
{
	if (!s->sweeping) {
		if (s->mono_ms < s->walk_ms)
			return;
		s->sweeping = true;
		s->walk_domain = 0;
		s->walk_inside = false;
		s->walk_oldest_ms = 0;
	}
	if (batch_filled(s->batcher) > BATCH_OCTETS / 2) {
		batch_want(s->batcher, s->mono_ms);
		return;			/* after the commit, which goes now */
	}
	walk_slice(s);
	if (s->sweeping)
		s->again = true;
}
