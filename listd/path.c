/* SPDX-License-Identifier: Apache-2.0 */
/*
 * path.c - what one source address has at one site.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/reactions.h"
#include "lib/shaping.h"
#include "lib/xmalloc.h"
#include "listd/path.h"
#include "listd/restart.h"
#include "listd/relay.h"
#include "listd/site.h"
#include "listd/source.h"

#define LINE_MS		20	/* between two of a line */
#define RESERVE_MIN	4	/* limits this large keep one for notices */

static int64_t
now_us(const struct scheduler *s)
{
	return s->mono_ms * 1000;
}

/* ---- limits, found by what they are counted for */

static struct limit *
limit_get(struct scheduler *s, uint64_t key)
{
	struct limit *l = HASH_OF(hash_find(&s->all_limits, key),
	    struct limit, by_key);

	if (l == NULL) {
		l = limit_new(key, s->start_us);
		hash_add(&s->all_limits, &l->by_key, key);
	}
	l->refs++;
	dues_del(s->limit_ends, (uintptr_t)l);
	return l;
}

/* Kept until it would begin anew anyway. */
static void
limit_put(struct scheduler *s, struct limit *l)
{
	if (l != NULL && --l->refs == 0)
		dues_set(s->limit_ends, (uintptr_t)l,
		    limit_clear_us(l) / 1000 + 60001);
}

static void
limit_drop(struct scheduler *s, struct limit *l)
{
	dues_del(s->limit_dues, (uintptr_t)l);
	hash_del(&s->all_limits, &l->by_key);
	limit_free(l);
}

void
limits_free(struct scheduler *s)
{
	struct hash_link *l, *next = NULL;
	size_t at = 0;

	while ((l = hash_each(&s->all_limits, &at, &next)) != NULL)
		limit_drop(s, HASH_OF(l, struct limit, by_key));
	hash_free(&s->all_limits);
}

/* ---- paths */

void
paths_new(struct scheduler *s, struct site *site)
{
	struct relay *r = s->nrelays > 0 ? TAILQ_FIRST(&s->relays) : NULL;

	site->npaths = (uint16_t)(s->nsources * (r != NULL ? s->nrelays : 1));
	site->paths = xcalloc(site->npaths, sizeof(*site->paths));
	for (uint16_t i = 0; i < site->npaths; i++) {
		struct path *p = &site->paths[i];

		p->site = site;
		p->source = i % s->nsources;
		if (r != NULL && i > 0 && p->source == 0)
			r = TAILQ_NEXT(r, link);
		p->relay = r;
		TAILQ_INIT(&p->stash);
		feedback_begin(&p->feedback, FEEDBACK_FIRST, 1);
	}
}

struct path *
path_by(const struct path *p, uint16_t source)
{
	return &p->site->paths[p - p->site->paths - p->source + source];
}

const uint8_t *
path_hosts_key(const struct path *p)
{
	return p->relay != NULL ? p->relay->key : p->site->hosts_key;
}

uint16_t
path_provider(const struct path *p)
{
	return p->relay != NULL ? p->relay->provider : p->site->provider;
}

uint32_t
path_provider_key(const struct scheduler *s, const struct path *p)
{
	uint16_t provider = path_provider(p);

	return s->shaping == NULL || provider == SHAPING_DEFAULT ? 0 :
	    shaping_key(s->shaping, provider);
}

/* A relay counts our mail by our login, wherever it comes from. */
static uint64_t
path_limit_key(const struct path *p)
{
	uint64_t key;

	memcpy(&key, path_hosts_key(p), sizeof(key));
	return hash_mix(p->relay != NULL ? key : key +
	    ((uint64_t)(p->source + 1) << 32));
}

struct path *
path_of_use(const struct limit_use *u)
{
	return (struct path *)((uintptr_t)u - offsetof(struct path, asks));
}

/* What is open and on its way no longer counts there. */
static void
path_drop_limit(struct scheduler *s, struct path *p, enum path_limit which)
{
	struct limit *l = p->limit[which];

	if (l == NULL)
		return;
	if (p->waits_for == l) {
		path_leave_line(p);
		site_kick(s, p->site);
	}
	if (which == PATH_HOSTS)
		limit_use_end(l, &p->asks, now_us(s));
	p->limit[which] = NULL;
	l->sessions -= p->nsessions;
	l->out -= p->out;
	limit_poke(s, l);
	limit_put(s, l);
}

/*
 * It counts there, and at used_us it sent something that may not have.  True
 * when it did not before.
 */
static bool
path_take_limit(struct scheduler *s, struct path *p, enum path_limit which,
    uint64_t key, int64_t used_us)
{
	struct limit *l = p->limit[which];

	if (l != NULL && l->by_key.key == key)
		return false;
	l = limit_get(s, key);
	l->sessions += p->nsessions;
	l->out += p->out;
	limit_used(l, used_us);
	path_drop_limit(s, p, which);
	p->limit[which] = l;
	return true;
}

/* Values have changed: what do all ask for who share these hosts? */
static void
hosts_ask(struct scheduler *s, struct limit *l)
{
	struct limit_use *u;
	struct path_asks a;

	if (l->uses_of == s->limits_serial)
		return;
	l->uses_of = s->limits_serial;
	TAILQ_FOREACH(u, &l->uses, link) {
		path_asks(s, path_of_use(u), &a);
		u->v = a.hosts;
	}
	limit_uses_changed(l, now_us(s));
}

static void
path_set_hosts(struct scheduler *s, struct path *p,
    const struct limit_values *v, int64_t used_us)
{
	if (path_take_limit(s, p, PATH_HOSTS, path_limit_key(p), used_us)) {
		limit_use(p->limit[PATH_HOSTS], &p->asks, v, now_us(s));
	} else if (memcmp(&p->asks.v, v, sizeof(*v)) != 0) {
		p->asks.v = *v;
		limit_uses_changed(p->limit[PATH_HOSTS], now_us(s));
	}
	hosts_ask(s, p->limit[PATH_HOSTS]);
}

/* All its sites ask for the same, so that one may speak for them. */
static void
path_set_provider(struct scheduler *s, struct path *p,
    const struct limit_values *v, int64_t used_us)
{
	uint32_t provider = path_provider_key(s, p);

	if (provider == 0 && v->connections == 0 &&
	    v->messages_per_minute == 0 && v->connects_per_minute == 0) {
		path_drop_limit(s, p, PATH_PROVIDER);
		return;
	}
	path_take_limit(s, p, PATH_PROVIDER, hash_mix(
	    (uint64_t)(p->source + 1) << 32 | provider), used_us);
	limit_set(p->limit[PATH_PROVIDER], v, now_us(s));
}

/*
 * Sites of nobody in particular: what is theirs alone, reactions among it, is
 * no word about the others, so that here all ask for the same, too.
 */
static void
path_set_best(struct scheduler *s, struct path *p,
    const struct limit_values *v, int64_t used_us)
{
	if (p->relay != NULL || p->site->best_key == 0 ||
	    path_provider_key(s, p) != 0) {
		path_drop_limit(s, p, PATH_BEST);
		return;
	}
	path_take_limit(s, p, PATH_BEST, hash_mix(p->site->best_key +
	    ((uint64_t)(p->source + 1) << 32)), used_us);
	limit_set(p->limit[PATH_BEST], v, now_us(s));
}

void
paths_free(struct scheduler *s, struct site *site)
{
	for (uint16_t i = 0; i < site->npaths; i++)
		path_leave_line(&site->paths[i]);
	for (uint16_t i = 0; i < site->npaths; i++)
		for (int which = 0; which < PATH_LIMITS; which++)
			path_drop_limit(s, &site->paths[i],
			    (enum path_limit)which);
	free(site->paths);
}

void
path_unstash(struct scheduler *s, struct path *p)
{
	struct delivery *d;

	while ((d = TAILQ_FIRST(&p->stash)) != NULL)
		delivery_back(s, d);
}

void
paths_unstash(struct scheduler *s, struct site *site)
{
	for (uint16_t i = 0; i < site->npaths; i++)
		path_unstash(s, &site->paths[i]);
}

bool
paths_keep(const struct site *site)
{
	for (uint16_t i = 0; i < site->npaths; i++)
		if (site->paths[i].nstash > 0)
			return true;
	return false;
}

/* One limit for all that begin again after the same silence. */
static void
path_set_restart(struct scheduler *s, struct path *p)
{
	struct limit_values v = { 0, 0, 0 };
	uint64_t key;

	if ((v.connections = restart_window(s, p, &key)) == 0) {
		path_drop_limit(s, p, PATH_RESTART);
		return;
	}
	path_take_limit(s, p, PATH_RESTART, key, INT64_MIN);
	limit_set(p->limit[PATH_RESTART], &v, now_us(s));
}

/* What the data say alone. */
static void
path_take_times(const struct scheduler *s, struct path *p)
{
	uint16_t provider = path_provider(p);

	p->failures = 100;
	p->idle_ms = 0;
	if (s->shaping == NULL)
		return;
	p->failures = shaping_get(s->shaping, provider, SHAPING_FAILURES);
	/* 0 in the grant is no word about it. */
	p->idle_ms = 1000 * shaping_get(s->shaping, provider,
	    SHAPING_IDLE_SECONDS);
	if (p->idle_ms == 0)
		p->idle_ms = 1;
}

static void
path_refresh(struct scheduler *s, struct path *p)
{
	/* What it sent so far counts where it did not count before. */
	int64_t used_us = p->limit[PATH_HOSTS] != NULL ?
	    p->limit[PATH_HOSTS]->used_us : INT64_MIN;
	struct path_asks a;

	path_asks(s, p, &a);
	path_set_hosts(s, p, &a.hosts, used_us);
	path_set_best(s, p, &a.best, used_us);
	path_set_provider(s, p, &a.provider, used_us);
	p->messages = a.messages < UINT16_MAX ? a.messages : UINT16_MAX;
	path_take_times(s, p);
	path_set_restart(s, p);
	p->stopped_ms = a.suspended_until_ms;
}

void
paths_refresh(struct scheduler *s, struct site *site)
{
	if (site->limits_of == s->limits_serial)
		return;
	site->limits_of = s->limits_serial;
	for (uint16_t i = 0; i < site->npaths; i++)
		path_refresh(s, &site->paths[i]);
}

void
paths_changed(struct scheduler *s)
{
	s->limits_serial++;
	s->look_again = true;
	s->p.wake(s->p.arg);
}

int64_t
path_closed_ms(const struct scheduler *s, const struct path *p)
{
	int64_t now = sched_now(s), at = 0, quiet;

	if (p->rest_ms > now)
		at = p->rest_ms;
	if (p->stopped_ms > now && p->stopped_ms > at)
		at = p->stopped_ms;
	if (s->shaping != NULL && shaping_quiet(s->shaping,
	    p->site->provider, now / 1000, &quiet) && quiet * 1000 > at)
		at = quiet * 1000;
	if (p->relay != NULL && (quiet = relay_closed_ms(s, p->relay)) > at)
		at = quiet;
	return at;
}

/* ---- lines */

void
path_leave_line(struct path *p)
{
	if (p->waits_for != NULL)
		TAILQ_REMOVE(&p->waits_for->waiting[p->waits_kind], p, line);
	p->waits_for = NULL;
}

static void
arm(struct scheduler *s, struct limit *l, int64_t wait_us)
{
	int64_t ms = (wait_us + 999) / 1000;

	dues_earlier(s->limit_dues, (uintptr_t)l, s->mono_ms +
	    (ms > LINE_MS ? ms : LINE_MS));
}

static bool
path_queues(struct scheduler *s, struct path *p, struct limit *l,
    enum limit_kind kind, bool notice, int64_t wait_us)
{
	/* What it waits for now counts; and a notice goes to the front. */
	if (p->waits_for != l || p->waits_kind != kind ||
	    (notice && !p->waits_notice))
		path_leave_line(p);
	if (p->waits_for == NULL) {
		p->waits_for = l;
		p->waits_kind = kind;
		p->waits_notice = notice;
		if (notice)
			TAILQ_INSERT_HEAD(&l->waiting[kind], p, line);
		else
			TAILQ_INSERT_TAIL(&l->waiting[kind], p, line);
	}
	if (wait_us > 0)
		arm(s, l, wait_us);
	return false;
}

static int64_t
wait_of(const struct scheduler *s, const struct path *p,
    const struct limit *l, enum limit_kind kind, bool notice)
{
	int64_t wait;

	if (kind == LIMIT_MESSAGE)
		return limit_message_wait(l, notice, now_us(s));
	wait = limit_connect_wait(l, now_us(s));
	/* The last connection is for notices, when it is the last for long. */
	if (wait == 0 && !notice && l != p->limit[PATH_RESTART] &&
	    l->v.connections >= RESERVE_MIN &&
	    l->sessions + 1 >= l->v.connections)
		wait = -1;
	return wait;
}

/* Let the first of a line look again, and the next a little later. */
void
limit_poke(struct scheduler *s, struct limit *l)
{
	for (enum limit_kind kind = 0; kind < LIMIT_KINDS; kind++) {
		struct path *p = TAILQ_FIRST(&l->waiting[kind]);
		int64_t wait;

		if (p == NULL)
			continue;
		if ((wait = wait_of(s, p, l, kind, p->waits_notice)) == 0) {
			path_leave_line(p);
			site_kick(s, p->site);
			wait = LINE_MS * 1000;
		}
		if (wait > 0 && !TAILQ_EMPTY(&l->waiting[kind]))
			arm(s, l, wait);
	}
}

void
limits_advance(struct scheduler *s)
{
	uint64_t id;

	while (dues_pop(s->limit_dues, s->mono_ms, &id))
		limit_poke(s, (struct limit *)(uintptr_t)id);
	while (dues_pop(s->limit_ends, s->mono_ms, &id))
		limit_drop(s, (struct limit *)(uintptr_t)id);
}

int64_t
limits_wait_ms(const struct scheduler *s)
{
	int64_t at = dues_next(s->limit_dues);

	if (at == INT64_MAX)
		return -1;
	return at > s->mono_ms ? at - s->mono_ms : 0;
}

/* ---- what a path may do */

static bool
path_may(struct scheduler *s, struct path *p, enum limit_kind kind,
    bool notice)
{
	for (int i = 0; i < PATH_LIMITS; i++) {
		struct limit *l = p->limit[i];
		int64_t wait;

		if (l != NULL && (wait = wait_of(s, p, l, kind, notice)) != 0)
			return path_queues(s, p, l, kind, notice, wait);
	}
	return true;
}

bool
path_may_connect(struct scheduler *s, struct path *p, bool notice)
{
	return path_may(s, p, LIMIT_CONNECT, notice);
}

bool
path_may_send(struct scheduler *s, struct path *p, bool notice)
{
	return path_may(s, p, LIMIT_MESSAGE, notice);
}

void
path_connect(struct scheduler *s, struct path *p)
{
	p->nsessions++;
	for (int i = 0; i < PATH_LIMITS; i++)
		if (p->limit[i] != NULL)
			limit_connect(p->limit[i], now_us(s));
}

void
path_connects_made(struct scheduler *s, struct path *p, unsigned n)
{
	for (int i = 0; i < PATH_LIMITS; i++)
		if (p->limit[i] != NULL)
			limit_connects_made(p->limit[i], n, now_us(s));
}

void
path_disconnect(struct scheduler *s, struct path *p)
{
	p->nsessions--;
	for (int i = 0; i < PATH_LIMITS; i++)
		if (p->limit[i] != NULL) {
			limit_disconnect(p->limit[i]);
			limit_poke(s, p->limit[i]);
		}
}

bool
path_is_slow(const struct path *p)
{
	for (int i = 0; i < PATH_LIMITS; i++)
		if (p->limit[i] != NULL && p->limit[i]->out_max != 0 &&
		    p->limit[i]->out_max < SCHEDULER_DEPTH * 2)
			return true;
	return false;
}

void
path_send(struct scheduler *s, struct path *p)
{
	p->out++;
	for (int i = 0; i < PATH_LIMITS; i++)
		if (p->limit[i] != NULL)
			limit_message(p->limit[i], now_us(s));
}

void
path_sent(struct scheduler *s, struct path *p, bool tried)
{
	p->out--;
	for (int i = 0; i < PATH_LIMITS; i++)
		if (p->limit[i] != NULL) {
			limit_message_over(p->limit[i], tried, now_us(s));
			limit_poke(s, p->limit[i]);
		}
}

void
path_take(struct scheduler *s, struct path *p)
{
	source_take(s, p);
	if (p->relay != NULL)
		relay_take(s, p->relay);
}

void
path_give(struct scheduler *s, struct path *p, int64_t taken_ms)
{
	source_give(s, p, taken_ms);
	if (p->relay != NULL)
		relay_give(s, p->relay, taken_ms);
}

bool
path_has_share(struct scheduler *s, const struct path *p)
{
	return source_is_open(s, p) && (p->relay == NULL ||
	    relay_is_open(s, p->relay));
}

bool
path_is_wanted(const struct path *p)
{
	for (int i = 0; i < PATH_LIMITS; i++)
		if (p->limit[i] != NULL &&
		    !TAILQ_EMPTY(&p->limit[i]->waiting[LIMIT_CONNECT]))
			return true;
	return false;
}

enum ipc_tls
path_tls(const struct scheduler *s, const struct path *p)
{
	enum ipc_tls tls = p->site->tls, data = IPC_TLS_NONE;

	if (s->shaping == NULL)
		return tls;
	switch (shaping_get(s->shaping, path_provider(p), SHAPING_TLS)) {
	case SHAPING_TLS_UNVERIFIED:
		data = IPC_TLS_UNVERIFIED;
		break;
	case SHAPING_TLS_REQUIRED:
		data = IPC_TLS_VERIFIED;
		break;
	}
	return data > tls ? data : tls;
}
