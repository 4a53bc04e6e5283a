/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scheduler_recall.c - take back what is out with deliver roles.
 *
 * Someone left, a campaign was stopped, or a site suspended: whoever asked is
 * answered when each delivery has come back, is known to have begun, or
 * SCHEDULER_RECALL_MS have passed.  Several may wait for one delivery.
 */
#include "config.h"

#include <stdlib.h>

#include "lib/xmalloc.h"
#include "listd/scheduler_private.h"
#include "listd/site.h"

static void
recall_count(struct scheduler *s, struct recall *r, bool dropped)
{
	r->left--;
	if (dropped) {
		r->result.dropped++;
	} else {
		r->result.begun++;
		s->begun++;
	}
}

void
delivery_recalled(struct scheduler *s, struct delivery *d, bool dropped)
{
	struct recall_wait *w;

	while ((w = d->wanted) != NULL) {
		d->wanted = w->next;
		recall_count(s, w->recall, dropped);
		free(w);
		s->p.wake(s->p.arg);
	}
}

/* Its time is over: what did not answer counts as begun. */
static void
recall_cut(struct scheduler *s, struct recall *r)
{
	struct hash_link *l, *next = NULL;
	size_t at = 0;

	while (r->left > 0 &&
	    (l = hash_each(&s->deliveries, &at, &next)) != NULL) {
		struct delivery *d = HASH_OF(l, struct delivery, by_id);
		struct recall_wait **wp = &d->wanted, *w;

		while ((w = *wp) != NULL) {
			if (w->recall != r) {
				wp = &w->next;
				continue;
			}
			*wp = w->next;
			free(w);
			recall_count(s, r, false);
		}
	}
}

void
recalls_advance(struct scheduler *s)
{
	struct recall *r, *next;

	for (r = TAILQ_FIRST(&s->recalls); r != NULL; r = next) {
		next = TAILQ_NEXT(r, link);
		if (r->left > 0 && s->mono_ms < r->deadline_ms)
			continue;
		recall_cut(s, r);
		TAILQ_REMOVE(&s->recalls, r, link);
		r->done(r->arg, &r->result);
		free(r);
	}
}

void
delivery_call_back(struct scheduler *s, const struct delivery *d)
{
	struct strbuf b = STRBUF_INIT(16);

	pack_u64(&b, d->id);
	s->p.send(s->p.arg, d->session->peer, IPC_RECALL, &b);
	strbuf_free(&b);
}

static void
recall_one(struct scheduler *s, struct recall *r, struct delivery *d)
{
	struct recall_wait *w;

	if (d->state != DELIVERY_OUT)
		return;		/* the gate is asked before it goes out */
	w = xcalloc(1, sizeof(*w));
	w->recall = r;
	w->next = d->wanted;
	r->left++;
	if (d->wanted == NULL)
		delivery_call_back(s, d);
	d->wanted = w;
}

void
recall_run(struct scheduler *s, const struct run *run)
{
	struct hash_link *l, *next = NULL;
	size_t at = 0;

	while ((l = hash_each(&s->deliveries, &at, &next)) != NULL) {
		const struct delivery *d = HASH_OF(l, struct delivery, by_id);

		if (d->run == run && d->wanted == NULL)
			delivery_call_back(s, d);
	}
}

static struct recall *
recall_new(struct scheduler *s,
    void (*done)(void *, const struct scheduler_recalled *), void *arg)
{
	struct recall *r = xcalloc(1, sizeof(*r));

	s->mono_ms = clock_mono_ms(s->p.clock);
	r->done = done;
	r->arg = arg;
	r->deadline_ms = s->mono_ms + SCHEDULER_RECALL_MS;
	return r;
}

/* All that it wants back was asked for. */
static void
recall_waits(struct scheduler *s, struct recall *r)
{
	if (r->left == 0) {
		r->done(r->arg, &r->result);
		free(r);
		return;
	}
	TAILQ_INSERT_TAIL(&s->recalls, r, link);
	s->p.wake(s->p.arg);
}

void
scheduler_recall(struct scheduler *s, uint32_t campaign,
    const uint64_t *subscribers, size_t n,
    void (*done)(void *, const struct scheduler_recalled *), void *arg)
{
	struct recall *r = recall_new(s, done, arg);
	struct hash_link *l, *next = NULL;
	size_t at = 0;

	for (size_t i = 0; i < n; i++)
		for (l = hash_find(&s->who, subscribers[i]); l != NULL;
		    l = hash_next(l))
			recall_one(s, r, HASH_OF(l, struct delivery, by_who));
	while (n == 0 && campaign != 0 &&
	    (l = hash_each(&s->deliveries, &at, &next)) != NULL) {
		struct delivery *d = HASH_OF(l, struct delivery, by_id);

		if (d->run != NULL && d->campaign == campaign)
			recall_one(s, r, d);
	}
	recall_waits(s, r);
}

void
scheduler_recall_site(struct scheduler *s, const char *name,
    void (*done)(void *, const struct scheduler_recalled *), void *arg)
{
	struct recall *r = recall_new(s, done, arg);
	struct hash_link *l, *next = NULL;
	size_t at = 0;

	while ((l = hash_each(&s->deliveries, &at, &next)) != NULL) {
		struct delivery *d = HASH_OF(l, struct delivery, by_id);

		if (site_is_named(d->site, name))
			recall_one(s, r, d);
	}
	recall_waits(s, r);
}
