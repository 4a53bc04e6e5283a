/* SPDX-License-Identifier: Apache-2.0 */
/*
 * release.c - let a campaign go: from PREPARING or SCHEDULED to RUNNING.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/rand.h>

#include "lib/clock.h"
#include "lib/conf.h"
#include "lib/err.h"
#include "lib/strbuf.h"
#include "lib/sys/log.h"
#include "lib/sys/timers.h"
#include "lib/xmalloc.h"
#include "listd/campaign_params.h"
#include "listd/queue_api.h"
#include "listd/release.h"
#include "listd/role.h"
#include "listd/scheduler.h"
#include "spool/dormancy.h"
#include "spool/writer.h"

#define LOOK_MS		60000	/* between looks at the wall clock */
#define WHY_MAX		2048

/* ---- the two jobs */

int
release_init(struct release_one *r, struct queue *q,
    const struct campaign *c, const char *who, struct err *e)
{
	const struct role_env *env = queue_env(q);

	*r = (struct release_one){ .campaign = c->id, .list = c->list,
		.org = c->org, .resend = c->failed_of != 0,
		.excess_allowed = c->excess_allowed,
		.now_ms = clock_utc_ms(env->clock),
		.lifetime_ms = env->conf->queue_lifetime };
	similar_unpack(c->fingerprint, &r->print);
	snprintf(r->who, sizeof(r->who), "%s", who);
	if (RAND_bytes((uint8_t *)&r->start, sizeof(r->start)) == 1)
		return 0;
	err_set(e, ERR_CRYPTO, "no random octets for a starting point");
	return -1;
}

static int
refuse(unsigned why, struct err *e)
{
	struct strbuf text = STRBUF_INIT(WHY_MAX);

	list_why_text(why, &text);
	if (text.len > 0 && text.s[text.len - 1] == '\n')
		strbuf_truncate(&text, text.len - 1);
	for (char *p = text.s; *p != '\0'; p++)
		if (*p == '\n')
			*p = ';';
	err_set(e, ERR_REFUSED, "the list may not send: %s", text.s);
	strbuf_free(&text);
	return 1;
}

int
release_check(struct txn *t, void *one, struct err *e)
{
	struct release_one *r = one;
	char object[32], new[64];
	bool later = r->send_at_ms > r->now_ms;
	int rc = list_may_send(t, r->list, &r->why, e);

	if (rc == -1)
		return job_answer(rc, e);
	if (r->why != 0)
		return refuse(r->why, e);
	if (list_counters(t, r->list, &r->counters, e) == -1)
		return -1;
	snprintf(object, sizeof(object), "campaign %u", r->campaign);
	snprintf(new, sizeof(new), "list %u, %llu members", r->list,
	    (unsigned long long)r->counters.active);
	return act_note(t, r->who, r->now_ms, later ? "campaign schedule" :
	    "campaign send", object, NULL, new, e);
}

bool
release_is_excess(const struct release_one *r)
{
	return r->excess > POSTS_EXCESS && !r->excess_allowed;
}

static void
post_of(const struct release_one *r, struct post *x)
{
	*x = (struct post){ .campaign = r->campaign, .org = r->org,
		.list = r->list, .resend = r->resend,
		.as_of = r->counters.sequence, .count = r->counters.active,
		.released_ms = r->now_ms, .print = r->print };
}

void
release_judge(struct release_one *r, struct scheduler *s)
{
	struct post x;

	if (r->send_at_ms > r->now_ms)
		return;
	post_of(r, &x);
	scheduler_judge(s, &x, &r->similar, &r->excess);
}

bool
release_foresee(struct release_one *r, const struct scheduler *s)
{
	struct post x;

	if (r->send_at_ms > r->now_ms)
		return true;
	post_of(r, &x);
	r->excess = scheduler_foresee(s, &x);
	return !release_is_excess(r);
}

/* Only who failed there, by the same count of who was a member. */
static int
meant_of(struct txn *t, struct campaign *c, struct err *e)
{
	struct campaign of;
	struct tally v;
	int rc = campaign_get(t, c->failed_of, &of, e);

	if (rc == 0)
		err_set(e, ERR_NOTFOUND, "no campaign %u", c->failed_of);
	if (rc != 1)
		return job_answer(-1, e);
	if (tally_get(t, c->failed_of, &v, e) == -1)
		return -1;
	c->as_of = of.as_of;
	c->count = v.failed;
	c->left_base = of.left_base;
	return 0;
}

/* From this moment: who is meant, and until when. */
static int
release_now(struct txn *t, const struct release_one *r, struct campaign *c,
    struct err *e)
{
	c->state = CAMPAIGN_RUNNING;
	c->as_of = r->counters.sequence;
	c->count = r->counters.active;
	c->left_base = r->counters.left;
	c->start = r->start;
	c->released_ms = c->date_ms = r->now_ms;
	c->similar = r->similar;
	if (c->send_by_ms == 0)
		c->send_by_ms = r->now_ms + r->lifetime_ms;
	return c->failed_of != 0 ? meant_of(t, c, e) : 0;
}

/* What was found out about it, whether it goes now or not. */
static void
take_over(const struct release_one *r, struct strbuf *print,
    struct campaign *c)
{
	if (r->findings.len > 0 && r->findings.len <= CAMPAIGN_FINDINGS_MAX)
		c->findings = r->findings;
	if (r->print.n > 0) {
		similar_pack(print, &r->print);
		c->fingerprint = SLICE(print->s, print->len);
	}
	c->excess = r->excess;
	c->changed_ms = r->now_ms;
	snprintf(c->changed_by, sizeof(c->changed_by), "%.*s",
	    (int)sizeof(c->changed_by) - 1, r->who);
}

int
release_apply(struct txn *t, void *one, struct err *e)
{
	struct strbuf print = STRBUF_INIT(SIMILAR_PACKED_MAX);
	struct release_one *r = one;
	struct campaign c;
	int rc = campaign_get(t, r->campaign, &c, e);

	if (rc == 0)
		err_set(e, ERR_NOTFOUND, "no campaign %u", r->campaign);
	if (rc != 1)
		return job_answer(-1, e);
	if (c.state != CAMPAIGN_PREPARING && c.state != CAMPAIGN_SCHEDULED) {
		err_set(e, ERR_REFUSED, "campaign %u is %s", c.id,
		    campaign_state_name(c.state));
		return 1;
	}
	take_over(r, &print, &c);
	rc = 0;
	if (r->send_at_ms <= r->now_ms && !release_is_excess(r)) {
		rc = release_now(t, r, &c, e);
	} else {
		c.state = CAMPAIGN_SCHEDULED;
		c.send_at_ms = r->send_at_ms > r->now_ms ? r->send_at_ms :
		    r->now_ms;
	}
	if (rc == 0)
		rc = campaign_change(t, &c, e);
	r->c = c;
	campaign_detach(&r->c);
	strbuf_free(&print);
	return rc;
}

/* ---- the watch */

struct release {
	struct queue	*queue;
	struct timer	 timer;
	uint32_t	 after;		/* campaigns up to it had their turn */
	bool		 busy, stopped;
	struct strbuf	 print;		/* of what find_planned() found */
	struct release_one one;
};

static void look(struct release *w);

static int64_t
now_of(const struct release *w)
{
	return clock_utc_ms(queue_env(w->queue)->clock);
}

static void
released(struct release *w, bool done, const struct err *e)
{
	struct log_line l;

	w->busy = false;
	log_begin(&l, done ? LEVEL_NOTICE : LEVEL_WARNING,
	    done ? "campaign-released" : "campaign-waits");
	log_hex(&l, "campaign", w->one.campaign);
	if (!done)
		log_err(&l, e);
	log_end(&l);
	if (done)
		scheduler_campaign_changed(queue_scheduler(w->queue),
		    w->one.campaign);
	look(w);
}

static int
check_one(struct txn *t, void *arg, struct err *e)
{
	struct release *w = arg;

	return release_check(t, &w->one, e);
}

static int
apply_one(struct txn *t, void *arg, struct err *e)
{
	struct release *w = arg;

	return release_apply(t, &w->one, e);
}

static void
applied(void *arg, enum job_result r, const struct err *e)
{
	struct release *w = arg;
	struct err held = ERR_INIT;

	if (r == JOB_DONE && w->one.c.state != CAMPAIGN_RUNNING) {
		err_set(&held, ERR_REFUSED, "its Breidbart index would be "
		    "%u.%02u (S46)", w->one.excess / 100,
		    w->one.excess % 100);
		e = &held;
	}
	released(w, r == JOB_DONE && w->one.c.state == CAMPAIGN_RUNNING, e);
}

static void
checked(void *arg, enum job_result r, const struct err *e)
{
	struct release *w = arg;
	const struct job job = { .apply = apply_one, .done = applied,
		.arg = w };

	if (r != JOB_DONE) {
		released(w, false, e);
		return;
	}
	release_judge(&w->one, queue_scheduler(w->queue));
	queue_commit(w->queue, STORE_Q, &job);
}

/* Its row says by how much, if it does not yet; else nothing is written. */
static void
hold_excess(struct release *w, uint32_t known)
{
	const struct job job = { .apply = apply_one, .done = applied,
		.arg = w };
	struct err e = ERR_INIT;

	err_set(&e, ERR_REFUSED, "its Breidbart index would be %u.%02u (S46)",
	    w->one.excess / 100, w->one.excess % 100);
	if (known == w->one.excess)
		released(w, false, &e);
	else
		queue_commit(w->queue, STORE_Q, &job);
}

/* 1: the list fell asleep while its campaign waited (S69); 0, -1. */
static int
look_at_list(struct release *w, struct txn *s, struct txn *q, uint32_t id,
    struct err *e)
{
	struct campaign c;
	int64_t since;
	struct list l;
	int rc;

	if ((rc = campaign_get(q, id, &c, e)) != 1 ||
	    dormancy_reminds(&c) ||
	    (rc = list_get(s, c.list, &l, e)) != 1)
		return rc == -1 ? -1 : 0;	/* what is gone is told later */
	if (dormancy_silent_since(s, q, &l, &since, e) == -1)
		return -1;
	return dormancy_is(since, now_of(w),
	    (int)queue_env(w->queue)->conf->dormant_months);
}

static bool
sleeps(struct release *w, uint32_t campaign, struct err *e)
{
	struct store *st = queue_store(w->queue);
	struct txn *s = NULL, *q = NULL;
	int rc = -1;

	if (txn_read(st, STORE_S, &s, e) == 0 &&
	    txn_read(st, STORE_Q, &q, e) == 0)
		rc = look_at_list(w, s, q, campaign, e);
	if (rc == 1)
		err_set(e, ERR_REFUSED, "the list was silent for %lld months: "
		    "it waits until one with --reminder was sent (S69)",
		    (long long)queue_env(w->queue)->conf->dormant_months);
	if (s != NULL)
		txn_end(s);
	if (q != NULL)
		txn_end(q);
	return rc != 0;
}

static void
release_next(struct release *w, const struct campaign *c)
{
	const struct job job = { .apply = check_one, .done = checked,
		.arg = w };
	struct err e = ERR_INIT;

	w->after = c->id;
	w->busy = true;
	if (release_init(&w->one, w->queue, c, c->changed_by, &e) == -1 ||
	    sleeps(w, c->id, &e))
		released(w, false, &e);
	else if (!release_foresee(&w->one, queue_scheduler(w->queue)))
		hold_excess(w, c->excess);
	else
		queue_commit(w->queue, STORE_S, &job);
}

/*
 * Of the planned campaigns with an id above after: the first that is due, else
 * the one with the earliest time.  False when there is none, or the store can
 * not be read now.  Its fingerprint is good until the next call.
 */
static bool
find_planned(struct release *w, uint32_t after, int64_t now,
    struct campaign *c_r)
{
	struct err e = ERR_INIT;
	struct campaign c;
	struct txn *t;
	bool found = false;
	int rc;

	if (txn_read(queue_store(w->queue), STORE_Q, &t, &e) == -1) {
		log_failure(LEVEL_ERROR, "campaign-release", &e);
		return false;
	}
	while ((rc = campaign_next(t, after, &c, &e)) == 1) {
		if (c.state == CAMPAIGN_SCHEDULED &&
		    (!found || c.send_at_ms < c_r->send_at_ms)) {
			*c_r = c;
			campaign_detach(c_r);
			strbuf_reset(&w->print);
			strbuf_add(&w->print, c.fingerprint.p,
			    c.fingerprint.len);
			c_r->fingerprint = SLICE(w->print.s, w->print.len);
			found = true;
			if (c.send_at_ms <= now)
				break;
		}
		after = c.id;
	}
	if (rc == -1)
		log_failure(LEVEL_ERROR, "campaign-release", &e);
	txn_end(t);
	return found;
}

/*
 * Each that is due gets one try in a pass; a held list keeps nobody else
 * waiting.  The wall clock may be set meanwhile, so no wait is long.
 */
static void
look(struct release *w)
{
	int64_t now = now_of(w), wait = LOOK_MS;
	struct campaign c;

	if (w->stopped || w->busy)
		return;
	timer_cancel(&w->timer);
	if (find_planned(w, w->after, now, &c) && c.send_at_ms <= now) {
		release_next(w, &c);
		return;
	}
	w->after = 0;
	if (!find_planned(w, 0, now, &c))
		return;
	if (c.send_at_ms <= now)
		wait = RELEASE_HELD_MS;
	else if (c.send_at_ms - now < wait)
		wait = c.send_at_ms - now;
	timer_start(&w->timer, wait);
}

static void
on_timer(void *arg)
{
	look(arg);
}

struct release *
release_start(struct queue *q)
{
	struct release *w = xcalloc(1, sizeof(*w));

	w->queue = q;
	strbuf_init(&w->print, CAMPAIGN_FINGERPRINT_MAX);
	timer_init(&w->timer, queue_env(q)->timers, on_timer, w);
	timer_start(&w->timer, 0);
	return w;
}

void
release_changed(struct release *w)
{
	look(w);
}

void
release_stop(struct release *w)
{
	w->stopped = true;
	timer_cancel(&w->timer);
}

void
release_free(struct release *w)
{
	strbuf_free(&w->print);
	free(w);
}
