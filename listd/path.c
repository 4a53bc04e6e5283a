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
#include "listd/site.h"
#include "listd/source.h"

#define LINE_MS		20	/* between two of a line */
#define RESERVE_MIN	4	/* limits this large keep one for notices */

static int64_t
now_us(const struct scheduler *s)
{
	return s->mono_ms * 1000;
}

/* ---- values, and who says them */

#define ANY	-1

static const struct {
	const char	*name;
	enum shaping_what shaping;
	enum reaction_kind reaction;
	int		 scope;		/* enum reaction_scope, or ANY */
} whats[PATH_WHATS] = {
	[PATH_CONNECTIONS] = { "connections", SHAPING_CONNECTIONS,
	    REACTION_CONNECTIONS, REACTION_SITE },
	[PATH_MESSAGES_PER_MINUTE] = { "messages_per_minute",
	    SHAPING_MESSAGES_PER_MINUTE, REACTION_MESSAGES_PER_MINUTE,
	    REACTION_SITE },
	[PATH_CONNECTS_PER_MINUTE] = { "connects_per_minute",
	    SHAPING_CONNECTS_PER_MINUTE, REACTION_CONNECTS_PER_MINUTE,
	    REACTION_SITE },
	[PATH_SHARED_CONNECTIONS] = { "shared_connections",
	    SHAPING_SHARED_CONNECTIONS, REACTION_CONNECTIONS,
	    REACTION_PROVIDER },
	[PATH_SHARED_MESSAGES_PER_MINUTE] = { "shared_messages_per_minute",
	    SHAPING_SHARED_MESSAGES_PER_MINUTE, REACTION_MESSAGES_PER_MINUTE,
	    REACTION_PROVIDER },
	[PATH_SHARED_CONNECTS_PER_MINUTE] = { "shared_connects_per_minute",
	    SHAPING_SHARED_CONNECTS_PER_MINUTE, REACTION_CONNECTS_PER_MINUTE,
	    REACTION_PROVIDER },
	[PATH_MESSAGES_PER_CONNECTION] = { "messages_per_connection",
	    SHAPING_MESSAGES_PER_CONNECTION, REACTION_MESSAGES_PER_CONNECTION,
	    ANY },
};

const char *
path_what_name(enum path_what what)
{
	return whats[what].name;
}

/* A lower value takes the place of what binds so far. */
static bool
binds(struct path_value *v, uint32_t value)
{
	if (value == 0 || (v->value != 0 && v->value <= value))
		return false;
	v->value = value;
	return true;
}

static void
bind_conf(const struct scheduler *s, enum path_what what,
    struct path_value *v)
{
	if (what == PATH_CONNECTIONS &&
	    binds(v, s->limits.connections_per_site))
		strcpy(v->why, "connections_per_site of the configuration");
	if (what == PATH_MESSAGES_PER_CONNECTION &&
	    binds(v, s->limits.messages_per_connection))
		strcpy(v->why, "messages_per_connection of the configuration");
}

static void
bind_shaping(const struct scheduler *s, const struct path *p,
    enum path_what what, bool tell, struct path_value *v)
{
	struct strbuf b = STRBUF_INIT(sizeof(v->why) - 1);

	if (s->shaping == NULL || !binds(v, shaping_get(s->shaping,
	    p->site->provider, whats[what].shaping)))
		return;
	if (tell) {
		shaping_explain(s->shaping, p->site->provider,
		    whats[what].shaping, &b);
		snprintf(v->why, sizeof(v->why), "%.*s", (int)b.len,
		    (const char *)b.s);
		strbuf_free(&b);
	}
}

static uint32_t
effect_value(const struct reaction_effect *f, enum reaction_kind kind)
{
	switch (kind) {
	case REACTION_CONNECTIONS:
		return f->connections;
	case REACTION_MESSAGES_PER_MINUTE:
		return f->messages_per_minute;
	case REACTION_CONNECTS_PER_MINUTE:
		return f->connects_per_minute;
	case REACTION_MESSAGES_PER_CONNECTION:
		return f->messages_per_connection;
	default:
		return 0;
	}
}

static void
effect_on(const struct scheduler *s, const struct path *p,
    struct reaction_effect *f)
{
	memset(f, 0, sizeof(*f));
	if (s->reactions != NULL)
		reactions_effect(s->reactions, p->site->key,
		    site_provider_key(s, p->site), source_name(s, p->source),
		    sched_now(s), f);
}

/* A reaction for a provider bears on all its sites together. */
static void
bind_reaction(const struct scheduler *s, const struct reaction_effect *f,
    enum path_what what, struct path_value *v)
{
	enum reaction_kind kind = whats[what].reaction;
	const struct reaction_action *a;

	if (s->reactions == NULL || f->by[kind] == 0 ||
	    (a = reactions_find(s->reactions, f->by[kind])) == NULL)
		return;
	if (whats[what].scope != ANY && (a->scope ==
	    REACTION_PROVIDER && a->provider != 0) !=
	    (whats[what].scope == REACTION_PROVIDER))
		return;
	if (binds(v, effect_value(f, kind)))
		snprintf(v->why, sizeof(v->why), "reaction %016llx %s: %.300s",
		    (unsigned long long)a->id, a->name, a->reply);
}

static uint32_t
value_of(const struct scheduler *s, const struct path *p,
    const struct reaction_effect *f, enum path_what what, bool tell,
    struct path_value *v)
{
	v->value = 0;
	v->why[0] = '\0';
	bind_conf(s, what, v);
	bind_shaping(s, p, what, tell, v);
	bind_reaction(s, f, what, v);
	return v->value;
}

uint32_t
path_value(const struct scheduler *s, const struct path *p,
    enum path_what what, struct path_value *v)
{
	struct reaction_effect f;

	effect_on(s, p, &f);
	return value_of(s, p, &f, what, true, v);
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
	site->paths = xcalloc(s->nsources, sizeof(*site->paths));
	for (uint16_t i = 0; i < s->nsources; i++) {
		struct path *p = &site->paths[i];

		p->site = site;
		p->source = i;
		TAILQ_INIT(&p->stash);
		feedback_begin(&p->feedback, FEEDBACK_FIRST, 1);
	}
}

void
paths_free(struct scheduler *s, struct site *site)
{
	for (uint16_t i = 0; i < s->nsources; i++) {
		struct path *p = &site->paths[i];

		path_leave_line(p);
		limit_put(s, p->limit[PATH_HOSTS]);
		limit_put(s, p->limit[PATH_PROVIDER]);
	}
	free(site->paths);
}

bool
paths_keep(const struct scheduler *s, const struct site *site)
{
	for (uint16_t i = 0; i < s->nsources; i++)
		if (site->paths[i].nstash > 0)
			return true;
	return false;
}

static void
path_set_limit(struct scheduler *s, struct path *p, enum path_limit which,
    uint64_t key, const struct limit_values *v)
{
	struct limit *old = p->limit[which];

	/* One that is in use is left behind when nothing is open. */
	if (old == NULL || (old->by_key.key != key && p->nsessions == 0)) {
		if (old != NULL && p->waits_for == old)
			path_leave_line(p);
		p->limit[which] = limit_get(s, key);
		p->limit[which]->sessions += p->nsessions;
		p->limit[which]->out += p->out;
		limit_put(s, old);
	}
	limit_set(p->limit[which], v, now_us(s));
}

static void
path_begin_again(struct path *p, const struct reaction_effect *f)
{
	if (p->was_stopped && f->suspended_until_ms == 0) {
		if (p->restart != 0)
			feedback_begin(&p->feedback, p->restart, p->grow);
		p->was_stopped = false;
	}
	if (f->suspended_until_ms != 0)
		p->was_stopped = true;
	p->stopped_ms = f->suspended_until_ms;
}

/* How it is to begin when the suspension is over. */
static void
path_note_restart(const struct scheduler *s, struct path *p,
    const struct reaction_effect *f)
{
	static const enum reaction_kind kinds[] = { REACTION_SUSPEND,
		REACTION_STOP_SOURCE };
	const struct reaction_action *a;

	for (size_t i = 0; i < 2 && s->reactions != NULL; i++)
		if (f->by[kinds[i]] != 0 && (a = reactions_find(s->reactions,
		    f->by[kinds[i]])) != NULL) {
			p->restart = a->restart;
			p->grow = a->grow;
		}
}

static void
path_refresh(struct scheduler *s, struct path *p)
{
	struct reaction_effect f;
	struct path_value v;
	struct limit_values own, shared;
	uint64_t source = (uint64_t)(p->source + 1) << 32;

	effect_on(s, p, &f);
	own.connections = value_of(s, p, &f, PATH_CONNECTIONS, false, &v);
	own.messages_per_minute = value_of(s, p, &f,
	    PATH_MESSAGES_PER_MINUTE, false, &v);
	own.connects_per_minute = value_of(s, p, &f,
	    PATH_CONNECTS_PER_MINUTE, false, &v);
	shared.connections = value_of(s, p, &f, PATH_SHARED_CONNECTIONS,
	    false, &v);
	shared.messages_per_minute = value_of(s, p, &f,
	    PATH_SHARED_MESSAGES_PER_MINUTE, false, &v);
	shared.connects_per_minute = value_of(s, p, &f,
	    PATH_SHARED_CONNECTS_PER_MINUTE, false, &v);
	p->messages = value_of(s, p, &f, PATH_MESSAGES_PER_CONNECTION, false,
	    &v);
	path_set_limit(s, p, PATH_HOSTS,
	    hash_mix(p->site->hosts_key + source),
	    &own);
	if (p->limit[PATH_PROVIDER] != NULL || shared.connections != 0 ||
	    shared.messages_per_minute != 0 || shared.connects_per_minute != 0)
		path_set_limit(s, p, PATH_PROVIDER,
		    hash_mix(site_provider_key(s, p->site) | source), &shared);
	p->failures = s->shaping == NULL ? 100 : shaping_get(s->shaping,
	    p->site->provider, SHAPING_FAILURES);
	p->idle_ms = s->shaping == NULL ? 0 : 1000 * shaping_get(s->shaping,
	    p->site->provider, SHAPING_IDLE_SECONDS);
	path_note_restart(s, p, &f);
	path_begin_again(p, &f);
}

void
paths_refresh(struct scheduler *s, struct site *site)
{
	if (site->limits_of == s->limits_serial)
		return;
	site->limits_of = s->limits_serial;
	for (uint16_t i = 0; i < s->nsources; i++)
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
wait_of(const struct scheduler *s, const struct limit *l,
    enum limit_kind kind, bool notice)
{
	int64_t wait;

	if (kind == LIMIT_MESSAGE)
		return limit_message_wait(l, notice, now_us(s));
	wait = limit_connect_wait(l, now_us(s));
	/* The last connection is for notices. */
	if (wait == 0 && !notice && l->v.connections >= RESERVE_MIN &&
	    l->sessions + 1 >= l->v.connections)
		wait = -1;
	return wait;
}

/* Let the first of a line look again, and the next a little later. */
static void
limit_poke(struct scheduler *s, struct limit *l)
{
	for (enum limit_kind kind = 0; kind < LIMIT_KINDS; kind++) {
		struct path *p = TAILQ_FIRST(&l->waiting[kind]);
		int64_t wait;

		if (p == NULL)
			continue;
		if ((wait = wait_of(s, l, kind, p->waits_notice)) == 0) {
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

		if (l != NULL && (wait = wait_of(s, l, kind, notice)) != 0)
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
	switch (shaping_get(s->shaping, p->site->provider, SHAPING_TLS)) {
	case SHAPING_TLS_UNVERIFIED:
		data = IPC_TLS_UNVERIFIED;
		break;
	case SHAPING_TLS_REQUIRED:
		data = IPC_TLS_VERIFIED;
		break;
	}
	return data > tls ? data : tls;
}
