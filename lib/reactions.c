/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reactions.c - count refusals, and say what is to be done.
 *
 * A bearing says what a count or an action is about: a campaign, or a site or
 * provider and perhaps one source.  Counters hang in a table by it and in a
 * list by age; actions hang in a table by it and in a heap by their end.
 * Bearings are compared whole, since a hash of what peers can choose proves
 * nothing.
 */
#include "config.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "lib/reactions.h"
#include "lib/reply_rules.h"
#include "lib/xmalloc.h"

#define BUCKETS		4096	/* a power of two */
#define RENEW_MS	1000	/* less than that is not told */

struct bearing {
	enum reaction_scope	scope;
	uint32_t		provider;
	uint64_t		campaign;
	uint8_t			site[REACTION_KEY];
	char			source[REACTION_NAME_MAX + 1];
};

/* The last n refusals, of which used are known, the next goes to at. */
struct counter {
	uint32_t		reaction;
	struct bearing		about;
	LIST_ENTRY(counter)	bucket;
	TAILQ_ENTRY(counter)	age;
	uint32_t		n, used, at;
	int64_t			when_ms[];
};
LIST_HEAD(counter_list, counter);
TAILQ_HEAD(counter_ages, counter);

struct holding {
	struct reaction_action	a;
	struct bearing		about;
	size_t			at;	/* in the heap */
	LIST_ENTRY(holding)	bucket;
};
LIST_HEAD(holding_list, holding);

struct reactions {
	struct counter_list	counters[BUCKETS];
	struct counter_ages	ages;		/* fed longest ago first */
	size_t			octets;
	struct holding_list	holdings[BUCKETS];
	struct holding		**heap;
	size_t			nheap, room;
};

struct reactions *
reactions_new(void)
{
	struct reactions *r = xcalloc(1, sizeof(*r));

	TAILQ_INIT(&r->ages);
	return r;
}

static size_t
counter_octets(uint32_t n)
{
	return sizeof(struct counter) + n * sizeof(int64_t);
}

static void
counter_free(struct reactions *r, struct counter *c)
{
	r->octets -= counter_octets(c->n);
	LIST_REMOVE(c, bucket);
	TAILQ_REMOVE(&r->ages, c, age);
	free(c);
}

void
reactions_free(struct reactions *r)
{
	struct counter *c;

	if (r == NULL)
		return;
	while ((c = TAILQ_FIRST(&r->ages)) != NULL)
		counter_free(r, c);
	for (size_t i = 0; i < r->nheap; i++)
		free(r->heap[i]);
	free(r->heap);
	free(r);
}

size_t
reactions_memory(const struct reactions *r)
{
	return r->octets;
}

/* ---- bearings */

static uint64_t
hash_more(uint64_t h, const void *data, size_t len)
{
	const uint8_t *p = data;

	while (len-- > 0)
		h = (h ^ *p++) * UINT64_C(1099511628211);
	return h;
}

static uint64_t
bearing_hash(const struct bearing *b, uint32_t more)
{
	uint64_t h = hash_more(UINT64_C(14695981039346656037), &more,
	    sizeof(more));

	h = hash_more(h, &b->provider, sizeof(b->provider));
	h = hash_more(h, &b->campaign, sizeof(b->campaign));
	h = hash_more(h, b->site, sizeof(b->site));
	h = hash_more(h, b->source, strlen(b->source));
	return h ^ h >> 32;
}

static bool
bearing_same(const struct bearing *a, const struct bearing *b)
{
	return a->scope == b->scope && a->provider == b->provider &&
	    a->campaign == b->campaign &&
	    memcmp(a->site, b->site, sizeof(a->site)) == 0 &&
	    strcmp(a->source, b->source) == 0;
}

/* Control characters, which may come from a peer, become '?'. */
static void
copy_text(char *out, size_t size, const char *text, size_t len)
{
	size_t n = len < size ? len : size - 1;

	for (size_t i = 0; i < n; i++)
		out[i] = (unsigned char)text[i] < 0x20 || text[i] == 0x7f ?
		    '?' : text[i];
	out[n] = '\0';
}

/* Whoever has no other provider has "default", which no two sites share. */
static bool
is_provider(uint32_t key)
{
	return key != 0 && key != datafile_key("default");
}

/* source NULL: all of them. */
static struct bearing
bearing_at(enum reaction_scope scope, const uint8_t *site, uint32_t provider,
    const char *source)
{
	struct bearing b = { .scope = scope };

	if (scope == REACTION_PROVIDER && is_provider(provider))
		b.provider = provider;
	else {
		b.scope = REACTION_SITE;
		memcpy(b.site, site, sizeof(b.site));
	}
	if (source != NULL)
		copy_text(b.source, sizeof(b.source), source, strlen(source));
	return b;
}

static struct bearing
bearing_of(const struct reaction *x, enum reaction_kind kind,
    const struct reaction_event *ev)
{
	if (kind == REACTION_STOP_CAMPAIGN)
		return (struct bearing){ .campaign = ev->campaign };
	return bearing_at(x->scope, ev->site, ev->provider,
	    kind == REACTION_SUSPEND ? NULL : ev->source);
}

/* ---- counting */

static struct counter *
counter_new(struct reactions *r, const struct reaction *x,
    const struct bearing *about)
{
	size_t octets = counter_octets(x->threshold);
	struct counter *c;

	while (r->octets + octets > REACTIONS_COUNTERS_OCTETS)
		counter_free(r, TAILQ_FIRST(&r->ages));
	c = xcalloc(1, octets);
	c->reaction = x->id;
	c->about = *about;
	c->n = x->threshold;
	r->octets += octets;
	LIST_INSERT_HEAD(&r->counters[bearing_hash(about, x->id) &
	    (BUCKETS - 1)], c, bucket);
	TAILQ_INSERT_TAIL(&r->ages, c, age);
	return c;
}

static struct counter *
counter_get(struct reactions *r, const struct reaction *x,
    const struct bearing *about)
{
	struct counter *c;

	LIST_FOREACH(c, &r->counters[bearing_hash(about, x->id) &
	    (BUCKETS - 1)], bucket)
		if (c->reaction == x->id && bearing_same(&c->about, about))
			break;
	if (c != NULL && c->n != x->threshold) {
		counter_free(r, c);
		c = NULL;
	}
	if (c == NULL)
		return counter_new(r, x, about);
	TAILQ_REMOVE(&r->ages, c, age);
	TAILQ_INSERT_TAIL(&r->ages, c, age);
	return c;
}

/* Count one; true when the threshold is reached. */
static bool
counter_add(struct counter *c, int64_t now_ms, int64_t window_ms)
{
	uint32_t last = (c->at + c->n - 1) % c->n;

	/* The clock stepped back: what was counted cannot be placed. */
	if (c->used > 0 && c->when_ms[last] > now_ms)
		c->used = c->at = 0;
	c->when_ms[c->at] = now_ms;
	c->at = (c->at + 1) % c->n;
	if (c->used < c->n)
		c->used++;
	/* When all are known the oldest is where the next will go. */
	return c->used == c->n && c->when_ms[c->at] > now_ms - window_ms;
}

/* ---- the heap */

static void
heap_put(struct reactions *r, size_t at, struct holding *h)
{
	r->heap[at] = h;
	h->at = at;
}

static void
heap_up(struct reactions *r, struct holding *h)
{
	size_t at = h->at;

	while (at > 0 && r->heap[(at - 1) / 2]->a.until_ms > h->a.until_ms) {
		heap_put(r, at, r->heap[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
	heap_put(r, at, h);
}

static void
heap_down(struct reactions *r, struct holding *h)
{
	size_t at = h->at, child;

	while ((child = 2 * at + 1) < r->nheap) {
		if (child + 1 < r->nheap && r->heap[child + 1]->a.until_ms <
		    r->heap[child]->a.until_ms)
			child++;
		if (r->heap[child]->a.until_ms >= h->a.until_ms)
			break;
		heap_put(r, at, r->heap[child]);
		at = child;
	}
	heap_put(r, at, h);
}

/* ---- actions */

static struct holding_list *
holdings_of(struct reactions *r, const struct bearing *about)
{
	return &r->holdings[bearing_hash(about, 0) & (BUCKETS - 1)];
}

static struct holding *
holding_find(struct reactions *r, const struct bearing *about,
    uint32_t reaction, enum reaction_kind kind)
{
	struct holding *h;

	LIST_FOREACH(h, holdings_of(r, about), bucket)
		if (h->a.reaction == reaction && h->a.kind == kind &&
		    bearing_same(&h->about, about))
			return h;
	return NULL;
}

static struct holding *
holding_by_id(const struct reactions *r, uint64_t id)
{
	for (size_t i = 0; i < r->nheap; i++)
		if (r->heap[i]->a.id == id)
			return r->heap[i];
	return NULL;
}

static struct holding *
holding_new(struct reactions *r, const struct bearing *about)
{
	struct holding *h = xcalloc(1, sizeof(*h));

	if (r->nheap == r->room) {
		r->room = r->room == 0 ? 16 : 2 * r->room;
		r->heap = xreallocarray(r->heap, r->room, sizeof(*r->heap));
	}
	h->about = *about;
	LIST_INSERT_HEAD(holdings_of(r, about), h, bucket);
	heap_put(r, r->nheap++, h);
	return h;
}

static void
holding_free(struct reactions *r, struct holding *h)
{
	struct holding *last = r->heap[--r->nheap];

	if (last != h) {
		heap_put(r, h->at, last);
		heap_up(r, last);
		heap_down(r, last);
	}
	LIST_REMOVE(h, bucket);
	free(h);
}

/* Derived, so that it is the same after a restart; never 0, never twice. */
static uint64_t
id_new(const struct reactions *r, const struct bearing *about,
    uint32_t reaction, enum reaction_kind kind)
{
	uint64_t id = bearing_hash(about, reaction) * 31 + (uint64_t)kind;

	while (id == 0 || holding_by_id(r, id) != NULL)
		id++;
	return id;
}

static void
action_cause(struct reaction_action *a, const struct reaction_event *ev)
{
	memcpy(a->site, ev->site, sizeof(a->site));
	copy_text(a->host, sizeof(a->host), ev->host, strlen(ev->host));
	copy_text(a->reply, sizeof(a->reply), ev->reply, ev->reply_len);
}

static void
action_fill(struct reaction_action *a, const struct bearing *about,
    const struct reaction *x, const struct reaction_does *does,
    int64_t now_ms)
{
	a->reaction = x->id;
	a->kind = does->kind;
	a->scope = about->scope;
	a->provider = about->provider;
	a->campaign = about->campaign;
	a->since_ms = now_ms;
	memcpy(a->source, about->source, sizeof(a->source));
	copy_text(a->name, sizeof(a->name), x->origin.name,
	    strlen(x->origin.name));
}

/*
 * An action is due: begin it, or make it last longer.  True: it is new, or
 * news.  *full_r is set when there is no room for it.
 */
static bool
act(struct reactions *r, const struct reaction *x,
    const struct reaction_does *does, const struct reaction_event *ev,
    struct reaction_action *due_r, bool *full_r)
{
	struct bearing about = bearing_of(x, does->kind, ev);
	struct holding *h = holding_find(r, &about, x->id, does->kind);
	int64_t until = x->duration_s == 0 ? REACTION_EVER :
	    ev->now_ms + (int64_t)x->duration_s * 1000;

	if (h != NULL && h->a.until_ms > until - RENEW_MS)
		return false;
	if (h == NULL) {
		uint64_t id;

		if (r->nheap == REACTIONS_ACTIONS_MAX) {
			*full_r = true;
			return false;
		}
		id = id_new(r, &about, x->id, does->kind);
		h = holding_new(r, &about);
		h->a.id = id;
		action_fill(&h->a, &about, x, does, ev->now_ms);
	} else if (h->a.until_ms <= ev->now_ms) {
		h->a.since_ms = ev->now_ms;
	}
	h->a.until_ms = until;
	h->a.value = does->value;
	h->a.restart = x->restart;
	h->a.grow = x->grow;
	action_cause(&h->a, ev);
	heap_up(r, h);
	heap_down(r, h);
	*due_r = h->a;
	return true;
}

/* What a reaction counts by: the campaign when it only stops campaigns. */
static enum reaction_kind
counts_as(const struct reaction *x)
{
	for (unsigned i = 0; i < x->ndoes; i++)
		if (x->does[i].kind != REACTION_STOP_CAMPAIGN)
			return REACTION_STOP_SOURCE;
	return REACTION_STOP_CAMPAIGN;
}

static size_t
feed_one(struct reactions *r, const struct reaction *x,
    const struct reaction_event *ev, struct reaction_action *due, size_t room)
{
	enum reaction_kind kind = counts_as(x);
	struct bearing about;
	struct counter *c;
	bool full = false;
	size_t n = 0;

	if (kind == REACTION_STOP_CAMPAIGN && ev->campaign == 0)
		return 0;
	about = bearing_of(x, kind, ev);
	c = counter_get(r, x, &about);
	if (!counter_add(c, ev->now_ms, (int64_t)x->window_s * 1000))
		return 0;
	for (unsigned i = 0; i < x->ndoes; i++) {
		if (x->does[i].kind == REACTION_STOP_CAMPAIGN &&
		    ev->campaign == 0)
			continue;
		if (n == room)
			full = true;
		else if (act(r, x, &x->does[i], ev, &due[n], &full))
			n++;
	}
	/* What found no room comes with the next one. */
	if (!full)
		counter_free(r, c);
	return n;
}

size_t
reactions_feed(struct reactions *r, const struct reply_rules *rules,
    const struct reaction_event *event,
    struct reaction_action due[static REACTIONS_DUE_MAX])
{
	size_t nreactions, n = 0;
	const struct reaction *x = reply_rules_reactions(rules, &nreactions);

	for (size_t i = 0; i < nreactions; i++)
		if (reaction_counts(&x[i], event->provider, event->rule,
		    event->category))
			n += feed_one(r, &x[i], event, due + n,
			    REACTIONS_DUE_MAX - n);
	return n;
}

/* ---- actions that hold */

bool
reactions_load(struct reactions *r, const struct reaction_action *a,
    int64_t now_ms)
{
	struct bearing about = { .campaign = a->campaign };
	struct holding *h;

	if (a->kind != REACTION_STOP_CAMPAIGN)
		about = bearing_at(a->scope, a->site, a->provider, a->source);
	if (a->until_ms <= now_ms || r->nheap == REACTIONS_ACTIONS_MAX ||
	    holding_by_id(r, a->id) != NULL ||
	    holding_find(r, &about, a->reaction, a->kind) != NULL)
		return false;
	h = holding_new(r, &about);
	h->a = *a;
	heap_up(r, h);
	return true;
}

/* Is the count for what the action did? */
static bool
led_to(const struct counter *c, const struct holding *h)
{
	struct bearing about = c->about;

	if (c->reaction != h->a.reaction)
		return false;
	if (h->a.kind == REACTION_SUSPEND)
		about.source[0] = '\0';
	return bearing_same(&about, &h->about);
}

bool
reactions_cancel(struct reactions *r, uint64_t id)
{
	struct holding *h = holding_by_id(r, id);
	struct counter *c, *next;

	if (h == NULL)
		return false;
	for (c = TAILQ_FIRST(&r->ages); c != NULL; c = next) {
		next = TAILQ_NEXT(c, age);
		if (led_to(c, h))
			counter_free(r, c);
	}
	holding_free(r, h);
	return true;
}

bool
reactions_expire(struct reactions *r, int64_t now_ms,
    struct reaction_action *a_r)
{
	if (r->nheap == 0 || r->heap[0]->a.until_ms == REACTION_EVER ||
	    r->heap[0]->a.until_ms > now_ms)
		return false;
	*a_r = r->heap[0]->a;
	holding_free(r, r->heap[0]);
	return true;
}

int64_t
reactions_next_ms(const struct reactions *r)
{
	return r->nheap == 0 ? REACTION_EVER : r->heap[0]->a.until_ms;
}

const struct reaction_action *
reactions_each(const struct reactions *r, size_t *at)
{
	return *at < r->nheap ? &r->heap[(*at)++]->a : NULL;
}

const struct reaction_action *
reactions_find(const struct reactions *r, uint64_t id)
{
	const struct holding *h = holding_by_id(r, id);

	return h != NULL ? &h->a : NULL;
}

static void
add_effect(struct reaction_effect *e, const struct reaction_action *a)
{
	struct reaction_bound *b = a->scope == REACTION_PROVIDER ?
	    &e->provider[a->kind] : &e->site[a->kind];

	switch (a->kind) {
	case REACTION_SUSPEND:
	case REACTION_STOP_SOURCE:
		if (a->until_ms > e->suspended_until_ms) {
			e->suspended_until_ms = a->until_ms;
			e->suspended_by = a->id;
		}
		break;
	case REACTION_CONNECTIONS:
	case REACTION_MESSAGES_PER_MINUTE:
	case REACTION_CONNECTS_PER_MINUTE:
	case REACTION_MESSAGES_PER_CONNECTION:
		if (b->by == 0 || a->value < b->value)
			*b = (struct reaction_bound){ a->value, a->id };
		break;
	case REACTION_STOP_CAMPAIGN:
	case REACTION_KINDS:
		break;
	}
}

void
reactions_effect(const struct reactions *r,
    const uint8_t site[static REACTION_KEY], uint32_t provider,
    const char *source, int64_t now_ms, struct reaction_effect *effect_r)
{
	memset(effect_r, 0, sizeof(*effect_r));
	if (r->nheap == 0)
		return;
	for (int i = 0; i < 4; i++) {
		enum reaction_scope scope = i < 2 ? REACTION_SITE :
		    REACTION_PROVIDER;
		struct bearing about = bearing_at(scope, site, provider,
		    i % 2 == 0 ? NULL : source);
		const struct holding *h;

		if (scope == REACTION_PROVIDER && !is_provider(provider))
			break;
		LIST_FOREACH(h, &r->holdings[bearing_hash(&about, 0) &
		    (BUCKETS - 1)], bucket)
			if (h->a.until_ms > now_ms &&
			    bearing_same(&h->about, &about))
				add_effect(effect_r, &h->a);
	}
}
