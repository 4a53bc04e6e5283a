/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scheduler_delivery.c - one copy in memory, from where it waits to its end.
 *
 * A delivery is a first attempt (it waits in its domain's window), a retry (a
 * row in `deferrals` stands for it), a notice (a row in S does) or a test.
 * Every outcome is taken once: one that is reported again, after a crash of
 * this role or of the channel, finds no window slot and no row that waits for
 * that attempt, and is dropped.
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
#include "listd/figures.h"
#include "listd/retry.h"
#include "listd/scheduler_private.h"
#include "listd/site.h"
#include "listd/source.h"
#include "spool/notice.h"
#include "spool/progress.h"

#define HELD_RETRY_MS	300000	/* a retry of a held list is looked at again */

struct delivery *
delivery_new(struct scheduler *s, enum ipc_kind kind, uint64_t who,
    const char *local, const char *domain)
{
	size_t llen = strlen(local) + 1, dlen = strlen(domain) + 1;
	struct delivery *d = xcalloc(1, sizeof(*d) + llen + dlen);

	d->kind = kind;
	d->who = who;
	memcpy(d->local, local, llen);
	memcpy(d->local + llen, domain, dlen);
	d->domain_name = d->local + llen;
	hash_add(&s->who, &d->by_who, who);
	return d;
}

/* Leave the list it is in; what its window says is not touched. */
static void
detach(struct scheduler *s, struct delivery *d, bool tried)
{
	switch (d->state) {
	case DELIVERY_LOOSE:
	case DELIVERY_WINDOW:
		break;
	case DELIVERY_RETRY:
		TAILQ_REMOVE(&d->site->retries, d, link);
		d->site->nretries--;
		break;
	case DELIVERY_NOTICE:
		TAILQ_REMOVE(&d->site->notices, d, link);
		d->site->nnotices--;
		break;
	case DELIVERY_STASH:
		TAILQ_REMOVE(&d->path->stash, d, link);
		d->path->nstash--;
		break;
	case DELIVERY_OUT:
		path_sent(s, d->session->path, tried);
		if (!tried)
			path_give(s, d->session->path, d->taken_ms);
		TAILQ_REMOVE(&d->session->out, d, link);
		if (--d->session->nout == 0)
			d->session->idle_ms = s->mono_ms;
		d->session = NULL;
		hash_del(&s->deliveries, &d->by_id);
		if (d->run != NULL)
			d->run->out--;
		site_kick(s, d->site);
		break;
	case DELIVERY_ENDED:
		TAILQ_REMOVE(&s->ended, d, link);
		break;
	}
	d->state = DELIVERY_LOOSE;
}

void
delivery_free_now(struct scheduler *s, struct delivery *d)
{
	delivery_recalled(s, d, false);
	detach(s, d, true);
	hash_del(&s->who, &d->by_who);
	if (d->test != NULL) {
		d->test->done(d->test->arg, NULL, "it was given up");
		free(d->test);
	}
	free(d->mailbox);
	free(d);
}

void
delivery_free(struct scheduler *s, struct delivery *d)
{
	if (!d->ghost) {
		delivery_free_now(s, d);
		return;
	}
	delivery_recalled(s, d, false);
	detach(s, d, true);
	d->state = DELIVERY_ENDED;
	d->serial = s->serial;
	TAILQ_INSERT_TAIL(&s->ended, d, link);
}

void
deliveries_durable(struct scheduler *s)
{
	struct delivery *d;

	while ((d = TAILQ_FIRST(&s->ended)) != NULL &&
	    d->serial <= s->durable) {
		/* Who looked for its row before now did not see it. */
		if (d->next_row)
			dues_earlier(s->retries, d->domain, d->queued_ms);
		delivery_free_now(s, d);
	}
}

struct delivery *
delivery_of(const struct scheduler *s, const struct run *run, uint64_t who)
{
	struct hash_link *l = hash_find(&s->who, who);

	for (; l != NULL; l = hash_next(l)) {
		struct delivery *d = HASH_OF(l, struct delivery, by_who);

		if (d->run == run && d->kind != IPC_KIND_TEST)
			return d;
	}
	return NULL;
}

void
delivery_row(const struct delivery *d, struct deferral *row)
{
	memset(row, 0, sizeof(*row));
	row->domain = d->domain;
	row->due_ms = d->queued_ms;
	row->campaign = d->campaign;
	row->h8 = d->h8;
	row->subscriber = d->who;
	row->join = d->join;
	row->attempts = (uint16_t)(d->attempt - 1);
	row->first_ms = d->first_ms;
	row->unanswered = d->unanswered;
	row->lost = d->lost;
}

bool
is_held_lost(const struct run *run, const struct deferral *row)
{
	return row->lost && (run->c.after == CAMPAIGN_AFTER_HOLD ||
	    row->unanswered >= CAMPAIGN_UNANSWERED_MAX);
}

/* Its slot in the window is done with; what waits there counts as supply. */
static void
leave_window(struct scheduler *s, struct delivery *d)
{
	struct dest *dest = d->dest;

	if (d->state == DELIVERY_WINDOW && dest->lane != NULL)
		dest->lane->supply--;
	window_done(dest->window, d->number);
	d->dest = NULL;
	dest_sort(dest);
	sched_dirty(s, dest, false);
	sched_touch(s, dest->run);
}

static void
leave_row(struct scheduler *s, struct delivery *d)
{
	struct deferral row;

	delivery_row(d, &row);
	batch_undefer(s->batcher, &row);
	d->row = false;
	d->ghost = true;
	sched_touch(s, d->run);
	batch_want(s->batcher, s->mono_ms + BATCH_WAIT_MS);
}

/* Its campaign is dead: nothing more is said of it. */
static void
abandon(struct scheduler *s, struct delivery *d)
{
	if (d->dest != NULL)
		leave_window(s, d);
	delivery_free(s, d);
}

void
delivery_end(struct scheduler *s, struct delivery *d)
{
	if (d->dest != NULL)
		leave_window(s, d);
	if (d->row) {
		leave_row(s, d);
		batch_deferred(s->batcher, d->campaign, -1);
		d->run->deferred--;
	}
	if (d->kind == IPC_KIND_NOTICE)
		dues_del(s->notices, d->who & ~WHO_NOTICE);
	delivery_free(s, d);
}

void
delivery_to_row(struct scheduler *s, struct delivery *d)
{
	struct deferral row;

	leave_window(s, d);
	d->row = true;
	delivery_row(d, &row);
	batch_defer(s->batcher, &row);
	batch_deferred(s->batcher, d->campaign, 1);
	d->run->deferred++;
}

void
delivery_back(struct scheduler *s, struct delivery *d)
{
	struct site *site = d->site;

	delivery_recalled(s, d, true);
	/* Of a role that died it may have gone for all we know. */
	detach(s, d, d->state == DELIVERY_OUT &&
	    !s->peer[d->session->peer].up);
	if (d->kind != IPC_KIND_CAMPAIGN) {
		notice_waits(s, d, site, true);
		return;
	}
	if (d->run->dead) {
		abandon(s, d);
		return;
	}
	if (d->dest != NULL) {
		d->state = DELIVERY_WINDOW;
		window_back(d->dest->window, d->number);
		if (d->dest->lane != NULL) {
			d->dest->lane->supply++;
			/* Its domain moved while it was out? */
			if (d->dest->lane->site != site)
				site_kick(s, d->dest->lane->site);
		}
		dest_sort(d->dest);
		if (d->dest->settle != NULL)
			delivery_settle(s, d, d->dest->settle->state,
			    d->dest->settle, 0);
		return;
	}
	if (d->run->expiring) {
		delivery_settle(s, d, OUTCOME_EXPIRED, &verdict_expired, 0);
		return;
	}
	if (run_waits(d->run)) {	/* a sweep finds its row */
		delivery_free(s, d);
		return;
	}
	if (site->paused) {	/* the row stands for it */
		idlist_add(&site->retry_domains, d->domain);
		delivery_free(s, d);
		return;
	}
	d->state = DELIVERY_RETRY;
	TAILQ_INSERT_HEAD(&site->retries, d, link);
	site->nretries++;
	site_kick(s, site);
}

/* ---- outcomes */

static void
outcome_of(const struct delivery *d, enum outcome_state state, int64_t now,
    struct outcome *r)
{
	memset(r, 0, offsetof(struct outcome, host));
	r->host[0] = r->text[0] = r->message_id[0] = '\0';
	r->state = state;
	r->kind = (uint8_t)d->kind;
	r->campaign = d->kind == IPC_KIND_NOTICE ? 0 : d->campaign;
	if (d->kind == IPC_KIND_NOTICE)
		r->notice = d->who & ~WHO_NOTICE;
	else
		r->subscriber = d->who;
	r->list = d->list;
	r->domain = d->domain;
	r->when_ms = now;
}

/* Does S have to hear of it? */
static bool
has_effect(const struct outcome *r)
{
	if (r->kind == IPC_KIND_NOTICE)
		return true;
	return (r->state == OUTCOME_FAILED || r->state == OUTCOME_EXPIRED) &&
	    r->recipient != REPLY_RECIPIENT_NONE;
}

static const char *
provider_name(const struct scheduler *s, const struct site *site)
{
	return s->shaping != NULL ? shaping_name(s->shaping, site->provider) :
	    NULL;
}

static void
record(struct scheduler *s, const struct delivery *d, const struct outcome *r)
{
	batch_outcome(s->batcher, r, has_effect(r), s->mono_ms);
	if (s->p.figures != NULL && d->site != NULL)
		figures_outcome(s->p.figures, r, d->site->host,
		    provider_name(s, d->site));
	else if (s->p.figures != NULL)
		figures_outcome(s->p.figures, r, NULL, NULL);
	if (d->run != NULL) {
		sched_touch(s, d->run);
		shares_outcome(d->run->shares, d->site != NULL ?
		    d->site->key : NULL, r->state, s->mono_ms);
	}
	s->outcomes++;
}

void
delivery_settle(struct scheduler *s, struct delivery *d,
    enum outcome_state state, const struct verdict *v, uint8_t gate)
{
	struct outcome r;

	outcome_of(d, state, clock_utc_ms(s->p.clock), &r);
	r.gate = gate;
	if (v != NULL) {
		r.code = v->code;
		memcpy(r.enhanced, v->enhanced, sizeof(r.enhanced));
		r.recipient = v->recipient;
		r.category = v->category;
		strcpy(r.text, v->text);
	}
	record(s, d, &r);
	attempt_log(d, &r, sched_now(s));
	delivery_end(s, d);
}

/* Nothing was written: it waits where it did. */
static void
not_tried(struct scheduler *s, struct delivery *d)
{
	if (d->state == DELIVERY_OUT)
		delivery_back(s, d);
	else if (d->state == DELIVERY_LOOSE)
		delivery_free(s, d);	/* its row stands for it */
}

/* Not now: it is looked at again when what holds it may be over. */
static void
hold_back(struct scheduler *s, struct delivery *d)
{
	if (d->kind == IPC_KIND_NOTICE) {
		dues_set(s->notices, d->who & ~WHO_NOTICE,
		    sched_now(s) + HELD_RETRY_MS);
		delivery_free(s, d);
	} else if (d->kind == IPC_KIND_TEST) {
		delivery_free(s, d);
	} else if (d->row) {
		d->run->held = true;
		dues_earlier(s->retries, d->domain,
		    sched_now(s) + HELD_RETRY_MS);
		delivery_free(s, d);
	} else {
		d->run->held = true;
		not_tried(s, d);
	}
}

/*
 * A membership that no entry bears out: somebody wrote to the store past us,
 * or a bug did (S42).  Said once for a campaign, for they come in thousands;
 * whose they are the outcomes tell, and `listctl check`.
 */
static void
alarm_no_consent(struct scheduler *s, const struct delivery *d)
{
	struct log_line l;

	s->no_consent++;
	if (d->run == NULL || d->run->told_no_consent)
		return;
	d->run->told_no_consent = true;
	log_begin(&l, LEVEL_ERROR, "no-consent");
	log_hex(&l, "campaign", d->run->c.id);
	log_int(&l, "list", d->list);
	log_hex(&l, "subscriber", d->who);
	log_str(&l, "reason", "no confirmed entry bears this membership out, "
	    "and maybe others of the list: run listctl check");
	log_end(&l);
}

void
delivery_gated(struct scheduler *s, struct delivery *d, uint8_t gate)
{
	switch ((enum gate_verdict)gate) {
	case GATE_LEFT:
	case GATE_NOT_COUNTED:
		if (d->kind == IPC_KIND_CAMPAIGN)
			delivery_end(s, d);	/* "left" is what remains */
		else
			delivery_settle(s, d, OUTCOME_SUPPRESSED, NULL, gate);
		return;
	case GATE_HELD:
		hold_back(s, d);
		return;
	case GATE_NO_CONSENT:
		alarm_no_consent(s, d);
		/* FALLTHROUGH */
	default:
		delivery_settle(s, d, OUTCOME_SUPPRESSED, NULL, gate);
	}
}

/*
 * No copy can be made: its message or key is gone, or the store can not be
 * read.  That is the campaign's affair and not its recipients': it waits,
 * says why, and goes on by itself once that is mended.
 */
static void
cannot_make(struct scheduler *s, struct delivery *d, const char *why)
{
	struct run *run = d->run;
	struct log_line l;

	if (strcmp(run->why, why) != 0) {
		snprintf(run->why, sizeof(run->why), "%s", why);
		log_begin(&l, LEVEL_ERROR, "campaign-held");
		log_hex(&l, "campaign", run->c.id);
		log_str(&l, "reason", why);
		log_end(&l);
	}
	hold_back(s, d);
}

static void
outcome_from_ipc(const struct delivery *d, const struct ipc_outcome *o,
    enum outcome_state state, struct outcome *r)
{
	outcome_of(d, state, o->when_ms, r);
	r->attempt = d->attempt;
	r->stage = (uint8_t)o->stage;
	r->gate = o->gate;
	r->code = o->code;
	memcpy(r->enhanced, o->enhanced, sizeof(r->enhanced));
	r->recipient = o->recipient;
	r->category = o->category;
	r->tls = o->tls;
	memcpy(r->delay_ms, o->delay_ms, sizeof(r->delay_ms));
	strcpy(r->host, o->host);
	strcpy(r->text, o->text);
	if (d->kind == IPC_KIND_NOTICE)
		strcpy(r->message_id, o->message_id);
}

static int64_t
expiry_of(const struct scheduler *s, const struct delivery *d, int64_t now)
{
	if (d->kind == IPC_KIND_NOTICE)
		return d->born_ms + NOTICE_LIFETIME_MS;
	if (d->run->expiring)
		return now;
	return retry_expiry_ms(d->first_ms, s->limits.queue_lifetime_ms,
	    d->run->c.send_by_ms);
}

/* Write the row of its next attempt in place of what stood for it. */
static void
put_row(struct scheduler *s, struct delivery *d, int64_t due_ms,
    const struct ipc_outcome *o, uint16_t cause)
{
	struct deferral row;

	if (d->row) {
		leave_row(s, d);
	} else {
		leave_window(s, d);
		batch_deferred(s->batcher, d->campaign, 1);
		d->run->deferred++;
	}
	d->queued_ms = due_ms;
	delivery_row(d, &row);
	row.code = cause;
	if (o != NULL) {
		row.code = o->code;
		memcpy(row.enhanced, o->enhanced, sizeof(row.enhanced));
	}
	batch_defer(s->batcher, &row);
	d->ghost = d->next_row = true;
}

void
delivery_postpone(struct scheduler *s, struct delivery *d)
{
	int64_t due = sched_now(s) + retry_wait_ms(d->attempt,
	    sched_chance(s));

	if (d->kind == IPC_KIND_CAMPAIGN)
		put_row(s, d, due, NULL, 0);
	else if (d->kind == IPC_KIND_NOTICE)
		dues_set(s->notices, d->who & ~WHO_NOTICE, due);
	delivery_free(s, d);
}

void
delivery_wait(struct scheduler *s, struct delivery *d, int64_t due_ms,
    uint16_t cause)
{
	put_row(s, d, due_ms, NULL, cause);
	delivery_free(s, d);
}

/* A 4yz: a row for the next attempt, or the end when its time is over. */
static void
deferred(struct scheduler *s, struct delivery *d, const struct ipc_outcome *o)
{
	int64_t now = sched_now(s), expiry, due;
	struct outcome r;

	if (d->first_ms == 0)
		d->first_ms = now;
	expiry = expiry_of(s, d, now);
	outcome_from_ipc(d, o, now >= expiry ? OUTCOME_EXPIRED :
	    OUTCOME_DEFERRED, &r);
	if (now < expiry) {
		due = now + retry_wait_ms(d->attempt, sched_chance(s));
		r.due_ms = due < expiry ? due : expiry;
	}
	record(s, d, &r);
	attempt_log(d, &r, now);
	if (now >= expiry) {
		delivery_end(s, d);
		return;
	}
	if (d->kind == IPC_KIND_NOTICE) {
		dues_set(s->notices, d->who & ~WHO_NOTICE, r.due_ms);
		delivery_free(s, d);
		return;
	}
	d->attempt++;
	put_row(s, d, r.due_ms, o, 0);
	delivery_free(s, d);
}

/* What a confirmation said goes with its outcome, to its entry. */
static void
keep_mail(struct scheduler *s, const struct outcome *r,
    const struct ipc_outcome *o)
{
	struct mailed m = { .notice = r->notice, .mail = o->mail };

	memcpy(m.hash, o->mail_hash, sizeof(m.hash));
	batch_mailed(s->batcher, &m);
}

/* This was its last attempt. */
static void
ended(struct scheduler *s, struct delivery *d, const struct ipc_outcome *o,
    enum outcome_state state)
{
	struct outcome r;

	outcome_from_ipc(d, o, state, &r);
	record(s, d, &r);
	if (d->kind == IPC_KIND_NOTICE && o->mail.len > 0)
		keep_mail(s, &r, o);
	attempt_log(d, &r, sched_now(s));
	delivery_end(s, d);
}

/*
 * All of its content was sent and nothing was said to it.  A notice goes again
 * like any deferral: who asked for it waits.
 */
static void
unanswered(struct scheduler *s, struct delivery *d,
    const struct ipc_outcome *o)
{
	if (d->run == NULL || d->run->c.after != CAMPAIGN_AFTER_ASSUME) {
		d->lost = true;
		if (d->unanswered < UINT8_MAX)
			d->unanswered++;
		deferred(s, d, o);
		return;
	}
	ended(s, d, o, OUTCOME_DELIVERED);
}

/*
 * It goes back, behind the others, and the site rests; unless it has become
 * its own affair.
 */
static void
refused_by_site(struct scheduler *s, struct delivery *d,
    const struct ipc_outcome *o)
{
	enum suspect whose;

	if (d->state != DELIVERY_OUT) {		/* of an earlier life */
		not_tried(s, d);
		return;
	}
	whose = suspects_refused(&d->site->suspects, d->who);
	d->site->suspects_ms = sched_now(s) + SITE_SUSPECTS_MS;
	if (whose == SUSPECT_SITE) {
		delivery_back(s, d);
		return;
	}
	d->session->excused = whose == SUSPECT_ALONE;
	d->lost = false;
	deferred(s, d, o);
}

/* Did the host deal with this one for its own sake? */
static bool
is_of_person(const struct ipc_outcome *o)
{
	return o->result == IPC_DELIVERED || (o->code >= 400 &&
	    (o->result == IPC_DEFERRED || o->result == IPC_FAILED) &&
	    o->recipient != REPLY_RECIPIENT_NONE);
}

static void
test_over(struct scheduler *s, struct delivery *d,
    const struct ipc_outcome *o)
{
	struct scheduler_test *t = d->test;

	d->test = NULL;
	t->done(t->arg, o, o->text);
	free(t);
	delivery_free(s, d);
}

/* What an outcome means for one that still matters. */
static void
take_result(struct scheduler *s, struct delivery *d,
    const struct ipc_outcome *o)
{
	if (o->result == IPC_DELIVERED || o->result == IPC_UNANSWERED)
		slots_delivered(s, d);
	switch (o->result) {
	case IPC_DELIVERED:
		ended(s, d, o, OUTCOME_DELIVERED);
		return;
	case IPC_FAILED:
		ended(s, d, o, OUTCOME_FAILED);
		return;
	case IPC_DEFERRED:
		d->lost = false;
		deferred(s, d, o);
		return;
	case IPC_UNANSWERED:
		unanswered(s, d, o);
		return;
	case IPC_SKIPPED:
		delivery_gated(s, d, o->gate);
		return;
	case IPC_DROPPED:
		not_tried(s, d);
		return;
	case IPC_REFUSED:
		refused_by_site(s, d, o);
		return;
	}
}

void
delivery_take_outcome(struct scheduler *s, struct delivery *d,
    const struct ipc_outcome *o)
{
	if (d->state == DELIVERY_OUT && o->code != 0 && o->code != 421)
		d->session->useful = true;
	if (d->state == DELIVERY_OUT && is_of_person(o))
		site_heard(s, d);
	delivery_recalled(s, d, o->result == IPC_SKIPPED ||
	    o->result == IPC_DROPPED || o->result == IPC_REFUSED);
	if (d->kind == IPC_KIND_TEST) {
		test_over(s, d, o);
		return;
	}
	if (d->run != NULL && d->run->dead && o->result != IPC_DELIVERED &&
	    o->result != IPC_FAILED) {
		abandon(s, d);
		return;
	}
	if (d->kind == IPC_KIND_CAMPAIGN && o->result == IPC_DEFERRED &&
	    o->stage == IPC_STAGE_RENDER) {
		cannot_make(s, d, o->text);
		return;
	}
	if (d->run != NULL && o->stage > IPC_STAGE_RENDER &&
	    !d->run->stopped)
		d->run->why[0] = '\0';
	take_result(s, d, o);
}
