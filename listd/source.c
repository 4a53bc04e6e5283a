/* SPDX-License-Identifier: Apache-2.0 */
/*
 * source.c - the addresses that mail leaves from.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "lib/err.h"
#include "lib/shaping.h"
#include "lib/sys/log.h"
#include "lib/xmalloc.h"
#include "listd/path.h"
#include "listd/quota.h"
#include "listd/site.h"
#include "listd/source.h"
#include "spool/steering.h"

#define DAY_MS		86400000

/* What one source sent to one provider on one day. */
struct day_share {
	struct quota	 quota;
	struct hash_link by_key;
};

const char *
source_name(const struct scheduler *s, uint16_t source)
{
	return source < s->nsources ? s->sources[source].name : "";
}

/* ---- the day's share */

static uint64_t
share_key(uint16_t source, uint32_t provider)
{
	return (uint64_t)source << 32 | provider;
}

static struct day_share *
share_find(const struct scheduler *s, uint16_t source, uint32_t provider)
{
	return HASH_OF(hash_find(&s->shares, share_key(source, provider)),
	    struct day_share, by_key);
}

static struct day_share *
share_get(struct scheduler *s, uint16_t source, uint32_t provider)
{
	struct day_share *sh = share_find(s, source, provider);

	if (sh == NULL) {
		sh = xcalloc(1, sizeof(*sh));
		sh->quota.row.provider = provider;
		strcpy(sh->quota.row.source, source_name(s, source));
		hash_add(&s->shares, &sh->by_key,
		    share_key(source, provider));
	}
	return sh;
}

static int64_t
today(const struct scheduler *s)
{
	return sched_now(s) / DAY_MS;
}

void
source_share(struct scheduler *s, const struct path *p, int64_t *sent,
    int64_t *cap)
{
	const struct source *source = &s->sources[p->source];
	const struct day_share *sh = share_find(s, p->source,
	    site_provider_key(s, p->site));
	int64_t day = today(s) - source->warm_from + 1;

	*cap = -1;
	*sent = sh != NULL && sh->quota.row.day == today(s) ?
	    (int64_t)sh->quota.sent : 0;
	if (s->shaping != NULL && source->warm_from != 0 && day >= 1)
		*cap = shaping_warmup(s->shaping, p->site->provider,
		    source->name, (uint32_t)day, NULL);
	if (source->warm_from != 0 && day < 1)
		*cap = 0;		/* its first day is yet to come */
}

bool
source_has_share(struct scheduler *s, const struct path *p)
{
	int64_t sent, cap;

	if (s->sources[p->source].warm_from == 0)
		return true;
	source_share(s, p, &sent, &cap);
	return cap < 0 || sent < cap;
}

static struct quota *
quota_of_today(struct scheduler *s, const struct path *p)
{
	struct day_share *sh = share_get(s, p->source,
	    site_provider_key(s, p->site));

	quota_turn(&sh->quota, today(s));
	return &sh->quota;
}

bool
source_is_open(struct scheduler *s, const struct path *p)
{
	int64_t sent, cap;

	if (s->sources[p->source].warm_from == 0)
		return true;
	source_share(s, p, &sent, &cap);
	return cap < 0 || quota_is_open(s, quota_of_today(s, p),
	    (uint64_t)cap);
}

void
source_take(struct scheduler *s, const struct path *p)
{
	if (s->sources[p->source].warm_from != 0)
		quota_take(quota_of_today(s, p));
}

void
source_give(struct scheduler *s, const struct path *p, int64_t taken_ms)
{
	if (s->sources[p->source].warm_from != 0)
		quota_give(quota_of_today(s, p), taken_ms / DAY_MS);
}

void
sources_durable(struct scheduler *s)
{
	struct hash_link *l, *next = NULL;
	size_t at = 0;

	while ((l = hash_each(&s->shares, &at, &next)) != NULL)
		if (quota_durable(s, &HASH_OF(l, struct day_share,
		    by_key)->quota))
			s->look_again = true;
}

int
sources_load(struct scheduler *s, struct err *e)
{
	struct source_share row, after;
	bool any = false;
	int rc;

	while ((rc = source_share_next(s->q_txn, any ? &after : NULL, &row,
	    e)) != 0) {
		if (rc == -1 && e->code != ERR_DAMAGED)
			return -1;
		if (rc == -1) {		/* the day begins anew, aloud */
			log_failure(LEVEL_ERROR, "source-damaged", e);
			*e = (struct err)ERR_INIT;
		}
		after = row;
		any = true;
		for (uint16_t i = 0; i < s->nsources && rc == 1; i++)
			if (strcmp(source_name(s, i), row.source) == 0)
				quota_load(&share_get(s, i,
				    row.provider)->quota, &row);
	}
	return 0;
}

void
sources_free(struct scheduler *s)
{
	struct hash_link *l, *next = NULL;
	size_t at = 0;

	while ((l = hash_each(&s->shares, &at, &next)) != NULL)
		free(HASH_OF(l, struct day_share, by_key));
	hash_free(&s->shares);
	free(s->sources);
}

/* ---- the choice */

/*
 * The best of as many draws as its weight: the chance to win is the share of
 * all weights, and the others' draws do not depend on it.
 */
uint64_t
source_score(const struct source *source, uint64_t subscriber,
    uint32_t campaign)
{
	uint64_t id = 0, best = 0, who;

	for (int i = 0; i < 16; i++)
		id = id * 0x100000001b3 + source->ip[i] + 1;
	who = hash_mix(subscriber * 0x9e3779b97f4a7c15 + campaign + 1) ^
	    hash_mix(id);
	for (unsigned i = 0; i < source->weight; i++) {
		uint64_t draw = hash_mix(who + i * 0x9e3779b97f4a7c15 + 1);

		if (draw > best)
			best = draw;
	}
	return best;
}

int64_t
source_opens_ms(struct scheduler *s, const struct path *p)
{
	int64_t at = path_closed_ms(s, p);

	return at == 0 && !source_has_share(s, p) ?
	    (today(s) + 1) * DAY_MS : at;
}

/*
 * A path that waits for its rate lets first attempts go another way; a retry
 * may wait for its own a good deal longer.
 */
static bool
is_full(const struct path *p, const struct delivery *d)
{
	if (d->attempt > 1)
		return p->nstash >= 4 * PATH_STASH_MAX;
	return p->nstash >= PATH_STASH_MAX && p->waits_for != NULL &&
	    p->waits_kind == LIMIT_MESSAGE;
}

uint16_t
source_choose(struct scheduler *s, const struct path *self,
    const struct delivery *d)
{
	unsigned stream = d->kind == IPC_KIND_NOTICE ? SOURCE_NOTICES :
	    SOURCE_CAMPAIGNS;
	uint16_t chosen = self->source;
	uint64_t best = 0;

	for (uint16_t i = 0; i < s->nsources; i++) {
		const struct path *p = path_by(self, i);
		uint64_t score;

		if ((s->sources[i].streams & stream) == 0 || (p != self &&
		    (self->site->probing || source_opens_ms(s, p) != 0 ||
		    is_full(p, d))))
			continue;
		score = source_score(&s->sources[i], d->who, d->campaign);
		if (score >= best) {
			best = score;
			chosen = i;
		}
	}
	return chosen;
}
