/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mta_sts_cache.c - policies seen once count until their time is over.
 *
 * An entry may hold a policy, the memory of a failed fetch, or both.  Policies
 * are kept at the size they have, not at the largest they could have.
 */
#include "config.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include <xxhash.h>

#include "lib/ascii.h"
#include "lib/mta_sts.h"
#include "lib/xmalloc.h"

#define BUCKETS		1024
#define WHY_MAX		128

struct entry {
	TAILQ_ENTRY(entry) by_use;
	bool		 held;		/* which list it is in */
	LIST_ENTRY(entry) by_name;
	char		 domain[MTA_STS_NAME_MAX + 1];
	char		 id[MTA_STS_ID_MAX + 1];
	struct mta_sts_policy *policy;	/* NULL: none; cut behind its mx */
	int64_t		 fetched_ms, expires_ms;
	int64_t		 failed_ms;	/* no fetch before that */
	char		 why[WHY_MAX];
};

struct mta_sts_cache {
	size_t		 max, n;
	/* The latest first; [true]: with a policy. */
	TAILQ_HEAD(use_list, entry) by_use[2];
	LIST_HEAD(, entry) bucket[BUCKETS];
	struct mta_sts_policy out;	/* what was handed out last */
};

struct mta_sts_cache *
mta_sts_cache_new(size_t max)
{
	struct mta_sts_cache *c = xcalloc(1, sizeof(*c));

	c->max = max;
	TAILQ_INIT(&c->by_use[false]);
	TAILQ_INIT(&c->by_use[true]);
	return c;
}

static void
entry_free(struct mta_sts_cache *c, struct entry *en)
{
	TAILQ_REMOVE(&c->by_use[en->held], en, by_use);
	LIST_REMOVE(en, by_name);
	free(en->policy);
	free(en);
	c->n--;
}

void
mta_sts_cache_free(struct mta_sts_cache *c)
{
	struct entry *en;

	if (c == NULL)
		return;
	for (int held = 0; held < 2; held++)
		while ((en = TAILQ_FIRST(&c->by_use[held])) != NULL)
			entry_free(c, en);
	free(c);
}

/* Names are compared as they are asked for: the caller's are A-labels. */
static void
fold(const char *domain, char out[static MTA_STS_NAME_MAX + 1])
{
	size_t i;

	for (i = 0; domain[i] != '\0' && i < MTA_STS_NAME_MAX; i++)
		out[i] = ascii_lower(domain[i]);
	out[i] = '\0';
}

static unsigned
bucket_of(const char *name)
{
	return (unsigned)(XXH3_64bits(name, strlen(name)) % BUCKETS);
}

static struct entry *
entry_find(const struct mta_sts_cache *c, const char *domain)
{
	char name[MTA_STS_NAME_MAX + 1];
	struct entry *en;

	fold(domain, name);
	LIST_FOREACH(en, &c->bucket[bucket_of(name)], by_name)
		if (strcmp(en->domain, name) == 0)
			return en;
	return NULL;
}

/* It is used now, and has a policy or has none. */
static void
entry_touch(struct mta_sts_cache *c, struct entry *en)
{
	TAILQ_REMOVE(&c->by_use[en->held], en, by_use);
	en->held = en->policy != NULL;
	TAILQ_INSERT_HEAD(&c->by_use[en->held], en, by_use);
}

static void
make_room(struct mta_sts_cache *c)
{
	struct entry *en = TAILQ_LAST(&c->by_use[false], use_list);

	if (c->n < c->max)
		return;
	entry_free(c, en != NULL ? en :
	    TAILQ_LAST(&c->by_use[true], use_list));
}

/* Found or made; touched by its caller. */
static struct entry *
entry_make(struct mta_sts_cache *c, const char *domain)
{
	struct entry *en = entry_find(c, domain);

	if (en != NULL)
		return en;
	make_room(c);
	en = xcalloc(1, sizeof(*en));
	fold(domain, en->domain);
	LIST_INSERT_HEAD(&c->bucket[bucket_of(en->domain)], en, by_name);
	TAILQ_INSERT_HEAD(&c->by_use[false], en, by_use);
	c->n++;
	return en;
}

/* A policy without the room for mail hosts that it does not name. */
static size_t
policy_size(const struct mta_sts_policy *p)
{
	return offsetof(struct mta_sts_policy, mx) + p->n * sizeof(p->mx[0]);
}

static void
policy_drop(struct entry *en)
{
	free(en->policy);
	en->policy = NULL;
	en->id[0] = '\0';
}

/* Old enough that the next change of it might be missed. */
static bool
is_stale(const struct entry *en, int64_t now_ms)
{
	int64_t age = now_ms - en->fetched_ms;

	return age < 0 || age >= MTA_STS_REFRESH_MS ||
	    age >= (en->expires_ms - en->fetched_ms) / 2;
}

enum mta_sts_step
mta_sts_cache_ask(struct mta_sts_cache *c, const char *domain,
    enum mta_sts_found found, const char *id, int64_t now_ms,
    const struct mta_sts_policy **policy_r)
{
	struct entry *en = entry_find(c, domain);

	*policy_r = NULL;
	if (en == NULL)
		return found == MTA_STS_PRESENT ? MTA_STS_FETCH : MTA_STS_GO;
	if (en->policy != NULL && now_ms >= en->expires_ms)
		policy_drop(en);
	entry_touch(c, en);
	if (en->policy != NULL && en->policy->mode != MTA_STS_NONE) {
		memcpy(&c->out, en->policy, policy_size(en->policy));
		*policy_r = &c->out;
	}
	if (found != MTA_STS_PRESENT || now_ms < en->failed_ms)
		return MTA_STS_GO;
	if (en->policy != NULL && strcmp(en->id, id) == 0 &&
	    !is_stale(en, now_ms))
		return MTA_STS_GO;
	return MTA_STS_FETCH;
}

static void
policy_take(struct mta_sts_cache *c, struct entry *en, const char *id,
    const struct mta_sts_policy *p, int64_t fetched_ms)
{
	policy_drop(en);
	en->policy = xmalloc(policy_size(p));
	memcpy(en->policy, p, policy_size(p));
	snprintf(en->id, sizeof(en->id), "%s", id);
	en->fetched_ms = fetched_ms;
	en->expires_ms = fetched_ms + (int64_t)p->max_age_s * 1000;
	entry_touch(c, en);
}

void
mta_sts_cache_store(struct mta_sts_cache *c, const char *domain,
    const char *id, const struct mta_sts_policy *p, int64_t now_ms)
{
	struct entry *en = entry_make(c, domain);

	policy_take(c, en, id, p, now_ms);
	en->failed_ms = 0;
	en->why[0] = '\0';
}

void
mta_sts_cache_load(struct mta_sts_cache *c, const char *domain,
    const struct mta_sts_kept *k, int64_t now_ms)
{
	struct entry *en = entry_find(c, domain);

	if (now_ms >= k->expires_ms || (en != NULL && en->policy != NULL &&
	    en->fetched_ms >= k->fetched_ms))
		return;
	policy_take(c, entry_make(c, domain), k->id, &k->policy,
	    k->fetched_ms);
}

bool
mta_sts_cache_kept(const struct mta_sts_cache *c, const char *domain,
    struct mta_sts_kept *k)
{
	const struct entry *en = entry_find(c, domain);

	if (en == NULL || en->policy == NULL)
		return false;
	memcpy(k->id, en->id, sizeof(k->id));
	k->fetched_ms = en->fetched_ms;
	k->expires_ms = en->expires_ms;
	memcpy(&k->policy, en->policy, policy_size(en->policy));
	return true;
}

void
mta_sts_cache_failed(struct mta_sts_cache *c, const char *domain,
    const char *why, int64_t now_ms)
{
	struct entry *en = entry_make(c, domain);

	entry_touch(c, en);
	en->failed_ms = now_ms + MTA_STS_FAILED_MS;
	snprintf(en->why, sizeof(en->why), "%s", why);
}

const char *
mta_sts_cache_why(const struct mta_sts_cache *c, const char *domain)
{
	const struct entry *en = entry_find(c, domain);

	return en != NULL ? en->why : "";
}

size_t
mta_sts_cache_count(const struct mta_sts_cache *c)
{
	return c->n;
}
