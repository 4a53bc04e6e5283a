/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scheduler_frequency.c - no more than recipient_per_day campaigns to one
 * address in any 24 hours, whatever lists they go to (S8).
 *
 * Nothing is written for it.  A copy of a campaign counts the campaigns of
 * lower number that go on, or ended less than 24 hours ago, and whose audience
 * the address belonged to.  As long as there are fewer of those than the cap,
 * which is nearly always, nobody's memberships are looked at.
 *
 * Only lower numbers are counted, so that two campaigns never wait for each
 * other.  That is enough: of all copies in 24 hours take the one with the
 * highest number; the others, those that went before and those that were
 * still to go, were counted when it went.  A campaign that an address has
 * failed in, or that was cancelled, counts all the same: it errs to the
 * quieter side.  A campaign over those who failed in another is not counted,
 * for it reaches only people whom that one did not.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "lib/err.h"
#include "lib/sys/log.h"
#include "lib/xmalloc.h"
#include "listd/scheduler_private.h"
#include "spool/subscriber.h"

#define DAY_MS		(INT64_C(24) * 3600 * 1000)
#define LOOK_AGAIN_MS	(INT64_C(3600) * 1000)	/* for one that goes on */

/* A campaign that may have sent a copy in the last 24 hours. */
struct recent {
	uint32_t	campaign, list;
	uint64_t	as_of;
	int64_t		ended_ms;	/* 0: goes on */
};

void
frequency_ended(struct scheduler *s, const struct campaign *c,
    int64_t ended_ms)
{
	struct recent *r;
	size_t n = 0;

	if (c->released_ms == 0 || c->failed_of != 0 ||
	    ended_ms + DAY_MS <= sched_now(s))
		return;
	for (size_t i = 0; i < s->nrecents; i++)
		if (s->recents[i].ended_ms + DAY_MS > sched_now(s) &&
		    s->recents[i].campaign != c->id)
			s->recents[n++] = s->recents[i];
	s->nrecents = n;
	s->recents = xreallocarray(s->recents, n + 1, sizeof(*s->recents));
	r = &s->recents[s->nrecents++];
	r->campaign = c->id;
	r->list = c->list;
	r->as_of = c->as_of;
	r->ended_ms = ended_ms;
}

/* The i-th that counts for this campaign; false past the last. */
static bool
earlier(const struct scheduler *s, uint32_t campaign, size_t *i,
    const struct run **run, struct recent *r)
{
	for (; *i < s->nrecents; (*i)++) {
		*r = s->recents[*i];
		if (r->campaign < campaign &&
		    r->ended_ms + DAY_MS > sched_now(s)) {
			(*i)++;
			return true;
		}
	}
	while (*run != NULL) {
		const struct campaign *c = &(*run)->c;

		*run = TAILQ_NEXT(*run, link);
		if (c->id < campaign && c->failed_of == 0) {
			*r = (struct recent){ c->id, c->list, c->as_of, 0 };
			return true;
		}
	}
	return false;
}

/* Whether they are so many that somebody may have had them all. */
static bool
may_bind(const struct scheduler *s, uint32_t campaign, unsigned cap)
{
	const struct run *run = TAILQ_FIRST(&s->runs);
	struct recent r;
	size_t i = 0;
	unsigned n = 0;

	while (n < cap && earlier(s, campaign, &i, &run, &r))
		n++;
	return n == cap;
}

/* Of those, the ones this membership was meant by; the first to be over. */
static unsigned
count_member(const struct scheduler *s, uint32_t campaign,
    const struct member *m, int64_t *due_r)
{
	const struct run *run = TAILQ_FIRST(&s->runs);
	int64_t due;
	struct recent r;
	size_t i = 0;
	unsigned n = 0;

	while (earlier(s, campaign, &i, &run, &r)) {
		if (r.list != m->list || !member_counted(m->state, m->join,
		    m->change, &m->past, r.as_of))
			continue;
		n++;
		due = r.ended_ms != 0 ? r.ended_ms + DAY_MS :
		    sched_now(s) + LOOK_AGAIN_MS;
		if (due < *due_r)
			*due_r = due;
	}
	return n;
}

static void
tell_held(struct run *run, unsigned cap)
{
	struct log_line l;

	if (run->told_frequency)
		return;
	run->told_frequency = true;
	log_begin(&l, LEVEL_NOTICE, "campaign-frequency");
	log_hex(&l, "campaign", run->c.id);
	log_int(&l, "recipient_per_day", cap);
	log_str(&l, "text", "recipients who had as many campaigns in 24 hours "
	    "wait");
	log_end(&l);
}

int
frequency_allows(struct scheduler *s, const struct delivery *d,
    const struct member *m, int64_t *due_r, struct err *e)
{
	uint8_t hash[ADDRESS_HASH_OCTETS];
	unsigned n = 0, cap = s->limits.recipient_per_day;
	struct member of;
	uint32_t list = 0;
	int rc;

	if (cap == 0 || !may_bind(s, d->campaign, cap))
		return 1;
	if (subscriber_hash(s->s_txn, m, hash, e) == -1)
		return -1;
	*due_r = INT64_MAX;
	while ((rc = subscriber_next_of(s->s_txn, hash, list, &of, e)) == 1) {
		n += count_member(s, d->campaign, &of, due_r);
		if (of.list == UINT32_MAX)
			break;
		list = of.list + 1;
	}
	if (rc == -1 || n < cap)
		return rc == -1 ? -1 : 1;
	tell_held(d->run, cap);
	return 0;
}
