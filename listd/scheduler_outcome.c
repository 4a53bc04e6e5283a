/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scheduler_outcome.c - whose outcome it is that a deliver role reports.
 *
 * What this queue role handed out is found by its id.  What another one did,
 * before a crash, is looked for where it waits now; found nowhere, it was
 * taken already.  A cancelled campaign is loaded again for that: what was
 * accepted counts, whatever was decided since.
 */
#include "config.h"

#include <stdio.h>

#include "lib/err.h"
#include "lib/sys/log.h"
#include "lib/sys/ring.h"
#include "listd/scheduler_private.h"
#include "listd/site.h"
#include "spool/notice.h"
#include "spool/progress.h"

/* What waits for the outcome of this attempt, or NULL: it is known. */
static struct delivery *
foreign_row(struct scheduler *s, struct run *run,
    const struct ipc_delivery *w)
{
	struct err e = ERR_INIT;
	struct deferral row = {
		.domain = w->domain_id, .due_ms = w->queued_ms,
		.campaign = w->campaign, .h8 = w->h8,
		.subscriber = w->subscriber,
	};
	struct delivery *d;
	int rc;

	if (sched_q(s) == NULL)
		return NULL;
	if ((rc = deferral_get(s->q_txn, &row, &e)) == -1)
		log_failure(LEVEL_ERROR, "deferral-damaged", &e);
	if (rc != 1 || row.attempts + 1 != w->attempt)
		return NULL;
	d = delivery_new(s, IPC_KIND_CAMPAIGN, w->subscriber, w->local,
	    w->domain);
	d->run = run;
	d->campaign = w->campaign;
	d->list = w->list;
	d->domain = w->domain_id;
	d->h8 = w->h8;
	d->join = row.join;
	d->attempt = w->attempt;
	d->row = true;
	d->queued_ms = row.due_ms;
	d->first_ms = row.first_ms;
	d->unanswered = row.unanswered;
	d->lost = row.lost;
	return d;
}

/* Its run; a cancelled one's stays until all that is out is known. */
static struct run *
run_even_dead(struct scheduler *s, uint32_t campaign)
{
	struct run *run = run_find(s, campaign);
	struct err e = ERR_INIT;
	struct campaign c;

	if (run != NULL || sched_q(s) == NULL)
		return run;
	if (campaign_get(s->q_txn, campaign, &c, &e) == 1 &&
	    c.state == CAMPAIGN_CANCELLED &&
	    (run = run_load(s, &c, &e)) != NULL)
		run->dead = true;
	if (e.code != ERR_NONE)
		log_failure(LEVEL_ERROR, "campaign-damaged", &e);
	return run;
}

bool
scheduler_is_told(const struct scheduler *s, uint32_t campaign)
{
	return s->reported && run_find(s, campaign) == NULL;
}

static struct delivery *
foreign_campaign(struct scheduler *s, const struct ipc_delivery *w)
{
	struct run *run = run_even_dead(s, w->campaign);
	struct delivery *d;
	struct err e = ERR_INIT;
	struct progress_key key = { w->campaign, w->domain_id, 0 };

	if (run == NULL)
		return NULL;
	/* A domain it may still be open in is read, to find it there. */
	if (w->attempt == 1 && dest_find(run, w->domain_id) == NULL &&
	    sched_q(s) != NULL && progress_next(s->q_txn, &key, &e) == 1 &&
	    key.domain == w->domain_id)
		domain_open(s, run, w->domain_id, NULL);
	d = delivery_of(s, run, w->subscriber);
	if (d == NULL)
		return foreign_row(s, run, w);
	/* One that is out again will say what became of it itself. */
	if (d->state == DELIVERY_OUT || d->state == DELIVERY_ENDED ||
	    d->attempt != w->attempt)
		return NULL;
	return d;
}

static struct delivery *
foreign_notice(struct scheduler *s, const struct ipc_delivery *w)
{
	struct delivery *d = delivery_of(s, NULL, w->notice | WHO_NOTICE);

	if (d == NULL)
		d = notice_delivery(s, w->notice);
	if (d == NULL || d->state == DELIVERY_OUT)
		return NULL;
	if (d->attempt != w->attempt) {
		if (d->state == DELIVERY_LOOSE)
			delivery_free(s, d);
		return NULL;
	}
	dues_del(s->notices, w->notice);
	return d;
}

/* What this role has under that id, or NULL. */
static struct delivery *
out_with(const struct scheduler *s, unsigned peer, uint64_t id)
{
	struct delivery *d = HASH_OF(hash_find(&s->deliveries, id),
	    struct delivery, by_id);

	return d != NULL && d->session->peer == peer ? d : NULL;
}

void
delivery_outcome(struct scheduler *s, unsigned peer, uint64_t epoch,
    const struct ipc_outcome *o)
{
	const struct ipc_delivery *w = &o->what;
	struct delivery *d;

	if (epoch == s->p.epoch)
		d = out_with(s, peer, w->delivery);
	else if (w->kind == IPC_KIND_NOTICE)
		d = foreign_notice(s, w);
	else if (w->kind == IPC_KIND_CAMPAIGN)
		d = foreign_campaign(s, w);
	else
		d = NULL;
	if (d == NULL) {
		s->duplicates++;
		return;
	}
	react_to_outcome(s, d, o);
	delivery_take_outcome(s, d, o);
}

/* ---- the last of a deliver role that is gone */

static struct delivery *
marked(const struct scheduler *s, const struct ring_entry *entry)
{
	const struct run *run;

	if (entry->campaign == 0)
		return delivery_of(s, NULL, entry->subscriber | WHO_NOTICE);
	run = run_find(s, (uint32_t)entry->campaign);
	return run != NULL ? delivery_of(s, run, entry->subscriber) : NULL;
}

void
scheduler_peer_past_dot(struct scheduler *s, unsigned peer,
    const struct ring_entry *entry)
{
	static struct ipc_outcome o;
	struct delivery *d = marked(s, entry);

	if (entry->epoch != (uint32_t)s->p.epoch || d == NULL ||
	    d->state != DELIVERY_OUT || d->session->peer != peer)
		return;
	o = (struct ipc_outcome){ .result = IPC_UNANSWERED,
		.stage = IPC_STAGE_DOT,
		.when_ms = clock_utc_ms(s->p.clock) };
	snprintf(o.host, sizeof(o.host), "%s", d->site->host);
	snprintf(o.text, sizeof(o.text),
	    "after the final dot: the deliver role ended");
	sched_turn_begin(s);
	delivery_take_outcome(s, d, &o);
	batch_want(s->batcher, s->mono_ms + BATCH_WAIT_MS);
	sched_turn_end(s);
	s->p.wake(s->p.arg);
}
