/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue_chores.c - what has to be tidied, once a minute, a slice at a time.
 *
 * Each chore is a bulk job that looks at some rows and says whether there are
 * more; people's requests go before it in every commit.  What each has to do
 * follows from the store alone, so that a start goes on where an end cut it
 * short.  Content files that nothing names are looked for once a day, in steps
 * with pauses between them.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/err.h"
#include "lib/sys/log.h"
#include "lib/xmalloc.h"
#include "listd/queue_private.h"
#include "listd/scheduler.h"
#include "spool/campaign.h"
#include "spool/leave.h"
#include "spool/optin.h"
#include "spool/outcome.h"
#include "spool/progress.h"
#include "spool/request.h"
#include "spool/retention.h"
#include "spool/row.h"
#include "spool/slot.h"
#include "spool/sts_policy.h"
#include "spool/sweep.h"
#include "spool/throttle.h"

#define CHORE_MS	60000
#define CHORE_BUSY_MS	1000	/* asked for while the last round runs */
#define CHORE_ROWS	200	/* of one job */
#define CHORE_LONG	20000	/* of one that ends with its slice of time */
#define SWEEP_EVERY_MS	(24ll * 3600 * 1000)
#define PRUNE_EVERY_MS	(24ll * 3600 * 1000)
#define SLOTS_EVERY_MS	3600000
#define SWEEP_LATER_MS	600000	/* a copy of the store is being made */
#define SWEEP_PAUSE_MS	10

/* Where each walk stands; a chore's job works on its own copy. */
struct chore {
	struct queue	*q;
	int64_t		 now_ms;
	uint8_t		 request_at[REQUEST_ID];
	struct key	 throttle_at, policy_at;
	uint8_t		 slot_at[ADDRESS_HASH_OCTETS];
	uint32_t	 campaign;	/* at hand; 0: before the first */
	bool		 told;		/* no outcome of it comes any more */
	uint32_t	 list;		/* the next to look at */
	bool		 prunes;	/* a pass over the evidence is due */
	bool		 slots;		/* ... over what mailboxes had */
	struct retention_pass pass;
	int		 more;
};

/* Minutes of a flood of requests that are over get their one entry. */
static int
close_minutes(struct txn *t, void *arg, struct err *e)
{
	struct chore *c = arg;

	c->more = optin_close_minutes(t, c->now_ms, CHORE_ROWS, e);
	return job_answer(c->more, e);
}

/* Members of lists that were removed. */
static int
remove_members(struct txn *t, void *arg, struct err *e)
{
	struct chore *c = arg;

	c->more = leave_removed(t, &c->list, CHORE_LONG, c->now_ms, e);
	return job_answer(c->more, e);
}

/* What never was confirmed, before its requests go. */
static int
hash_requests(struct txn *t, void *arg, struct err *e)
{
	struct chore *c = arg;

	c->more = retention_hash(t, CHORE_LONG, c->now_ms, e);
	return job_answer(c->more, e);
}

/* Evidence whose time is over, once a day. */
static int
prune_evidence(struct txn *t, void *arg, struct err *e)
{
	struct chore *c = arg;

	c->more = !c->prunes ? 0 :
	    retention_prune(t, &c->pass, CHORE_LONG, c->now_ms, e);
	return job_answer(c->more, e);
}

static int
expire_requests(struct txn *t, void *arg, struct err *e)
{
	struct chore *c = arg;

	c->more = request_sweep(t, c->request_at, CHORE_ROWS, c->now_ms, e);
	return job_answer(c->more, e);
}

static int
forget_throttles(struct txn *t, void *arg, struct err *e)
{
	struct chore *c = arg;

	c->more = throttle_sweep(t, &c->throttle_at, CHORE_ROWS, c->now_ms,
	    e);
	return job_answer(c->more, e);
}

/* The rows of progress of one, if it is over; 1 there are more, 0, -1. */
static int
forget_one(struct txn *t, const struct chore *c, struct err *e)
{
	struct campaign row;
	int rc = campaign_get(t, c->campaign, &row, e);

	if (rc != 1)
		return rc;
	if (campaign_settle(t, row.id, e) == -1)
		return -1;
	/* By them an outcome that is reported again finds its place. */
	if (!c->told || (row.state != CAMPAIGN_FINISHED &&
	    row.state != CAMPAIGN_CANCELLED))
		return 0;
	return progress_sweep(t, row.id, CHORE_ROWS, e);
}

/* Of all of them. */
static int
forget_progress(struct txn *t, void *arg, struct err *e)
{
	struct chore *c = arg;
	struct campaign row;
	int rc = c->campaign == 0 ? 0 : forget_one(t, c, e);

	c->more = rc == 1;
	if (rc != 0)
		return rc == -1 ? -1 : 0;
	if ((rc = campaign_next(t, c->campaign, &row, e)) == -1)
		return -1;
	c->campaign = rc == 1 ? row.id : 0;
	c->more = rc;
	return 0;
}

/* Promises about TLS whose time is over. */
static int
forget_policies(struct txn *t, void *arg, struct err *e)
{
	struct chore *c = arg;

	c->more = sts_policy_sweep(t, &c->policy_at, CHORE_ROWS, c->now_ms, e);
	return job_answer(c->more, e);
}

/* What mailboxes were mailed more than a day ago. */
static int
forget_slots(struct txn *t, void *arg, struct err *e)
{
	struct chore *c = arg;

	c->more = !c->slots ? 0 :
	    slots_sweep(t, c->slot_at, CHORE_ROWS, c->now_ms, e);
	return job_answer(c->more, e);
}

static const struct {
	const char	*name;
	enum store_env	 env;
	int	(*apply)(struct txn *, void *, struct err *);
} chores[] = {
	{ "close-minutes", STORE_S, close_minutes },
	{ "remove-members", STORE_S, remove_members },
	{ "hash-requests", STORE_S, hash_requests },
	{ "prune-evidence", STORE_S, prune_evidence },
	{ "expire-requests", STORE_S, expire_requests },
	{ "forget-throttles", STORE_S, forget_throttles },
	{ "forget-progress", STORE_Q, forget_progress },
	{ "forget-policies", STORE_Q, forget_policies },
	{ "forget-slots", STORE_Q, forget_slots },
};
#define CHORES	(sizeof(chores) / sizeof(chores[0]))

static void run_chore(struct chore *c);

static void
chore_done(void *arg, enum job_result r, const struct err *e)
{
	struct chore *c = arg;
	struct queue *q = c->q;

	if (r == JOB_REFUSED)
		log_failure(LEVEL_ERROR, chores[q->chore].name, e);
	if (r == JOB_DONE && c->more == 1 && !q->draining) {
		run_chore(c);
		return;
	}
	if (++q->chore < CHORES && !q->draining) {
		run_chore(c);
		return;
	}
	if (c->pass.pruned > 0)
		log_text(LEVEL_NOTICE, "evidence-pruned", "%llu entries",
		    (unsigned long long)c->pass.pruned);
	q->chore_runs = false;
	free(c);
	queue_look_drained(q);
}

static void
run_chore(struct chore *c)
{
	const struct job job = {
		.apply = chores[c->q->chore].apply, .done = chore_done,
		.arg = c, .lane = WRITER_BULK,
	};

	c->told = c->campaign != 0 &&
	    scheduler_is_told(c->q->sched, c->campaign);
	queue_commit(c->q, chores[c->q->chore].env, &job);
}

void
queue_look_at_clock(struct queue *q)
{
	struct log_line l;

	if (!clock_watch_look(&q->clock, q->env->clock))
		return;
	store_set_clock_unsure(q->store, q->clock.unsure);
	log_begin(&l, q->clock.unsure ? LEVEL_WARNING : LEVEL_NOTICE,
	    "clock");
	log_str(&l, "reason", q->clock.unsure ?
	    "the machine's clock is not synchronised: entries say so" :
	    "the machine's clock is synchronised");
	log_int(&l, "error_ms", q->clock.error_us / 1000);
	log_end(&l);
}

static void
on_minute(void *arg)
{
	struct queue *q = arg;
	struct chore *c;
	int dead;

	timer_start(&q->chores, q->chore_runs ? CHORE_BUSY_MS : CHORE_MS);
	if (q->chore_runs || q->draining)
		return;
	queue_look_at_clock(q);
	queue_departures_look(q);
	if ((dead = store_clear_readers(q->store)) > 0)
		log_text(LEVEL_NOTICE, "stale-readers", "%d cleared", dead);
	c = xcalloc(1, sizeof(*c));
	c->q = q;
	c->now_ms = clock_utc_ms(q->env->clock);
	c->prunes = c->now_ms >= q->prune_ms;
	if (c->prunes)
		q->prune_ms = c->now_ms + PRUNE_EVERY_MS;
	c->slots = c->now_ms >= q->slots_ms;
	if (c->slots)
		q->slots_ms = c->now_ms + SLOTS_EVERY_MS;
	q->chore = 0;
	q->chore_runs = true;
	run_chore(c);
}

/* ---- content files, and the log of outcomes */

static void
prune_outcomes(struct queue *q)
{
	struct err e = ERR_INIT;
	int n = outcome_log_prune(q->log, q->env->conf->keep_outcomes,
	    clock_utc_ms(q->env->clock), &e);

	if (n == -1)
		log_failure(LEVEL_ERROR, "outcomes-pruned", &e);
	else if (n > 0)
		log_text(LEVEL_NOTICE, "outcomes-pruned", "%d files", n);
}

static void
sweep_end(struct queue *q)
{
	if (sweep_removed(q->sweeping) > 0)
		log_text(LEVEL_NOTICE, "content-swept", "%llu files",
		    (unsigned long long)sweep_removed(q->sweeping));
	sweep_free(q->sweeping);
	q->sweeping = NULL;
}

static void
on_sweep(void *arg)
{
	struct queue *q = arg;
	struct queue_copy_state copy;
	struct err e = ERR_INIT;
	int rc;

	queue_copy_look(q, &copy);
	if (copy.runs || copy.done) {	/* it counts on what it names */
		timer_start(&q->sweep, SWEEP_LATER_MS);
		return;
	}
	if (q->sweeping == NULL) {
		prune_outcomes(q);
		q->sweeping = sweep_new(q->store, q->content,
		    q->env->conf->keep_content,
		    clock_utc_ms(q->env->clock));
	}
	if ((rc = sweep_step(q->sweeping, &e)) == 1) {
		timer_start(&q->sweep, SWEEP_PAUSE_MS);
		return;
	}
	if (rc == -1)
		log_failure(LEVEL_ERROR, "content-sweep", &e);
	sweep_end(q);
	timer_start(&q->sweep, SWEEP_EVERY_MS);
}

/* ---- life */

void
queue_chores_start(struct queue *q)
{
	timer_init(&q->chores, q->env->timers, on_minute, q);
	timer_start(&q->chores, 0);
	timer_init(&q->sweep, q->env->timers, on_sweep, q);
	timer_start(&q->sweep, 0);
}

void
queue_chores_soon(struct queue *q)
{
	if (!q->draining)
		timer_start(&q->chores, 0);
}

void
queue_chores_stop(struct queue *q)
{
	timer_cancel(&q->chores);
	timer_cancel(&q->sweep);
	if (q->sweeping != NULL)
		sweep_end(q);
}
