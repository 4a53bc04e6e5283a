/* SPDX-License-Identifier: Apache-2.0 */
/*
 * path_value.c - what bears on a path: the least of what the configuration,
 * the shaping data and the reactions that hold now say, and which of them.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "lib/reactions.h"
#include "lib/shaping.h"
#include "listd/path.h"
#include "listd/relay.h"
#include "listd/site.h"
#include "listd/source.h"

#define ANY	-1
/* Of a relay that nothing else is said of. */
#define RELAY_CONNECTIONS	10
#define RELAY_MESSAGES		100

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

static bool
is_shared(enum path_what what)
{
	return whats[what].scope == REACTION_PROVIDER;
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
bind_relay(const struct scheduler_relay *c, enum path_what what,
    struct path_value *v)
{
	const uint32_t said[PATH_WHATS] = {
		[PATH_CONNECTIONS] = c->connections,
		[PATH_MESSAGES_PER_MINUTE] = c->messages_per_minute,
		[PATH_CONNECTS_PER_MINUTE] = c->connects_per_minute,
		[PATH_MESSAGES_PER_CONNECTION] = c->messages_per_connection,
	};

	if (binds(v, said[what]))
		snprintf(v->why, sizeof(v->why), "smarthost %s of the "
		    "configuration", c->name);
}

/* What nobody says of a relay. */
static void
bind_relay_default(enum path_what what, struct path_value *v)
{
	uint32_t value = what == PATH_CONNECTIONS ? RELAY_CONNECTIONS :
	    what == PATH_MESSAGES_PER_CONNECTION ? RELAY_MESSAGES : 0;

	if (v->value == 0 && binds(v, value))
		strcpy(v->why, "of any smarthost, unless something is said");
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
bind_row(const struct scheduler *s, uint16_t provider,
    enum shaping_what what, bool tell, struct path_value *v)
{
	struct strbuf b = STRBUF_INIT(sizeof(v->why) - 1);

	if (!binds(v, shaping_get(s->shaping, provider, what)) || !tell)
		return;
	shaping_explain(s->shaping, provider, what, &b);
	snprintf(v->why, sizeof(v->why), "%.*s", (int)b.len,
	    (const char *)b.s);
	strbuf_free(&b);
}

/*
 * A relay has what its row says and no more: "default" is for hosts of whom
 * nothing is known, and of a relay our administrator knows.  What a domain's
 * row says is shared by all relays.
 */
static void
bind_rows(const struct scheduler *s, const struct path *p,
    enum path_what what, bool tell, struct path_value *v)
{
	uint16_t provider = is_shared(what) ? p->site->provider :
	    p->relay->provider;
	struct shaping_origin o;

	if (provider == SHAPING_DEFAULT)
		return;
	for (enum path_what i = 0; i < PATH_WHATS; i++) {
		if (whats[i].reaction != whats[what].reaction)
			continue;
		shaping_origin(s->shaping, provider, whats[i].shaping, &o);
		if (o.provider == provider)
			bind_row(s, provider, whats[i].shaping, tell, v);
	}
}

static void
bind_shaping(const struct scheduler *s, const struct path *p,
    enum path_what what, bool tell, struct path_value *v)
{
	if (s->shaping != NULL && p->relay != NULL)
		bind_rows(s, p, what, tell, v);
	else if (s->shaping != NULL)
		bind_row(s, p->site->provider, whats[what].shaping, tell, v);
}

static void
effect_on(const struct scheduler *s, const struct path *p,
    struct reaction_effect *f)
{
	memset(f, 0, sizeof(*f));
	if (s->reactions != NULL)
		reactions_effect(s->reactions, path_hosts_key(p),
		    path_provider_key(s, p), source_name(s, p->source),
		    sched_now(s), f);
}

static void
bind_action(const struct scheduler *s, const struct reaction_bound *bound,
    struct path_value *v)
{
	const struct reaction_action *a;

	if (!binds(v, bound->value))
		return;
	if ((a = reactions_find(s->reactions, bound->by)) != NULL)
		snprintf(v->why, sizeof(v->why), "reaction %016llx %s: %.300s",
		    (unsigned long long)a->id, a->name, a->reply);
}

/*
 * A reaction for a provider bears on all its sites together; a relay is one
 * place whatever it is for.
 */
static void
bind_reaction(const struct scheduler *s, const struct path *p,
    const struct reaction_effect *f, enum path_what what,
    struct path_value *v)
{
	enum reaction_kind kind = whats[what].reaction;

	if (s->reactions == NULL || (p->relay != NULL && is_shared(what)))
		return;
	if (!is_shared(what))
		bind_action(s, &f->site[kind], v);
	if (whats[what].scope != REACTION_SITE || p->relay != NULL)
		bind_action(s, &f->provider[kind], v);
}

static void
bind_all(const struct scheduler *s, const struct path *p,
    const struct reaction_effect *f, enum path_what what, bool tell,
    struct path_value *v)
{
	if (p->relay != NULL)
		bind_relay(&p->relay->c, what, v);
	else
		bind_conf(s, what, v);
	bind_shaping(s, p, what, tell, v);
	if (p->relay != NULL)
		bind_relay_default(what, v);
	bind_reaction(s, p, f, what, v);
}

/* ---- for people */

static bool
is_of_hosts(enum path_what what)
{
	return what == PATH_CONNECTIONS || what == PATH_MESSAGES_PER_MINUTE ||
	    what == PATH_CONNECTS_PER_MINUTE;
}

uint32_t
path_value(const struct scheduler *s, const struct path *p,
    enum path_what what, struct path_value *v)
{
	const struct limit *l = p->limit[PATH_HOSTS];
	const struct limit_use *u;
	struct reaction_effect f;

	v->value = 0;
	v->why[0] = '\0';
	effect_on(s, p, &f);
	bind_all(s, p, &f, what, true, v);
	/* Others at the same hosts may ask for less. */
	if (is_of_hosts(what) && l != NULL)
		TAILQ_FOREACH(u, &l->uses, link)
			bind_shaping(s, path_of_use(u), what, true, v);
	return v->value;
}

uint32_t
path_best_value(const struct scheduler *s, const struct path *p,
    enum path_what what, struct path_value *v)
{
	struct path_value said = { .value = 0 };

	bind_conf(s, what, &said);
	bind_shaping(s, p, what, true, &said);
	v->value = said.value;
	snprintf(v->why, sizeof(v->why), "%s, for all whose best host it is: "
	    "%.200s", p->site->host, said.why);
	return v->value;
}

/* ---- for the limits */

static uint32_t
value_of(const struct scheduler *s, const struct path *p,
    const struct reaction_effect *f, enum path_what what)
{
	struct path_value v;

	v.value = 0;
	bind_all(s, p, f, what, false, &v);
	return v.value;
}

static uint32_t
best_of(const struct scheduler *s, const struct path *p, enum path_what what)
{
	struct path_value v;

	v.value = 0;
	bind_conf(s, what, &v);
	bind_shaping(s, p, what, false, &v);
	return v.value;
}

void
path_asks(const struct scheduler *s, const struct path *p,
    struct path_asks *a)
{
	struct reaction_effect f;

	effect_on(s, p, &f);
	a->hosts.connections = value_of(s, p, &f, PATH_CONNECTIONS);
	a->hosts.messages_per_minute = value_of(s, p, &f,
	    PATH_MESSAGES_PER_MINUTE);
	a->hosts.connects_per_minute = value_of(s, p, &f,
	    PATH_CONNECTS_PER_MINUTE);
	a->best.connections = best_of(s, p, PATH_CONNECTIONS);
	a->best.messages_per_minute = best_of(s, p, PATH_MESSAGES_PER_MINUTE);
	a->best.connects_per_minute = best_of(s, p, PATH_CONNECTS_PER_MINUTE);
	a->provider.connections = value_of(s, p, &f, PATH_SHARED_CONNECTIONS);
	a->provider.messages_per_minute = value_of(s, p, &f,
	    PATH_SHARED_MESSAGES_PER_MINUTE);
	a->provider.connects_per_minute = value_of(s, p, &f,
	    PATH_SHARED_CONNECTS_PER_MINUTE);
	a->messages = value_of(s, p, &f, PATH_MESSAGES_PER_CONNECTION);
	a->suspended_by = f.suspended_by;
	a->suspended_until_ms = f.suspended_until_ms;
}
