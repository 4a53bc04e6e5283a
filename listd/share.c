/* SPDX-License-Identifier: Apache-2.0 */
/*
 * share.c - how a campaign goes at each site, as seen since it was loaded.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/xmalloc.h"
#include "listd/share.h"

/* ---- rates */

/* Empty the seconds that passed since the newest; a clock that went back
 * stays where it was. */
static void
pace_turn(struct pace *p, int64_t now_s)
{
	int64_t from = p->last_s + 1;

	if (now_s - p->last_s > PACE_SECONDS)
		from = now_s - PACE_SECONDS + 1;
	for (int64_t s = from; s <= now_s; s++)
		p->n[s % PACE_SECONDS] = 0;
	if (now_s > p->last_s)
		p->last_s = now_s;
}

void
pace_count(struct pace *p, int64_t now_ms)
{
	pace_turn(p, now_ms / 1000);
	if (p->first_s == 0)
		p->first_s = p->last_s;
	p->n[p->last_s % PACE_SECONDS]++;
}

uint64_t
pace_per_minute(const struct pace *p, int64_t now_ms)
{
	int64_t now_s = now_ms / 1000, span = now_s - p->first_s + 1;
	uint64_t sum = 0;

	if (p->first_s == 0)
		return 0;
	if (span > PACE_SECONDS || span < 1)
		span = PACE_SECONDS;
	for (int64_t s = p->last_s; s > p->last_s - PACE_SECONDS &&
	    s > now_s - PACE_SECONDS && s >= 0; s--)
		sum += p->n[s % PACE_SECONDS];
	return sum * PACE_SECONDS / (uint64_t)span;
}

/* ---- shares */

struct shares *
shares_new(void)
{
	return xcalloc(1, sizeof(struct shares));
}

void
shares_free(struct shares *s)
{
	free(s);
}

static struct share *
find(struct shares *s, const uint8_t *key)
{
	for (size_t i = 0; key != NULL && i < s->n; i++)
		if (memcmp(s->v[i].key, key, SITE_KEY) == 0)
			return &s->v[i];
	return &s->other;
}

void
shares_begin(struct shares *s, const uint8_t key[static SITE_KEY],
    const char *host, uint64_t members)
{
	struct share *v = find(s, key);

	if (v == &s->other && s->n < SHARES_MAX) {
		v = &s->v[s->n++];
		memcpy(v->key, key, SITE_KEY);
		snprintf(v->host, sizeof(v->host), "%s", host);
	}
	v->members += members;
}

void
shares_outcome(struct shares *s, const uint8_t *key,
    enum outcome_state state, int64_t now_ms)
{
	struct share *v = find(s, key);

	v->attempts[state]++;
	if (state == OUTCOME_DEFERRED)
		return;
	pace_count(&v->pace, now_ms);
	pace_count(&s->pace, now_ms);
}

uint64_t
share_left(const struct share *s)
{
	uint64_t ended = 0;

	for (enum outcome_state i = OUTCOME_DELIVERED; i < OUTCOME_STATES; i++)
		if (i != OUTCOME_DEFERRED)
			ended += s->attempts[i];
	/* What was begun before a restart ends without having been counted. */
	return s->members > ended ? s->members - ended : 0;
}

uint64_t
shares_left(struct shares *s, const uint8_t key[static SITE_KEY])
{
	const struct share *v = find(s, key);

	return v == &s->other ? 0 : share_left(v);
}
