/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scheduler_steering.c - a person's word about a site.
 */
#include "config.h"

#include <stdlib.h>

#include "lib/xmalloc.h"
#include "listd/scheduler_private.h"
#include "listd/site.h"

/* ---- sites by the name of a domain */

struct asked {
	struct scheduler *s;
	void	(*done)(void *, const struct scheduler_site *, enum ipc_dns,
		    const char *);
	void		*arg;
};

static void
found(void *arg, struct site *site, enum ipc_dns status, const char *why)
{
	struct asked *a = arg;
	struct scheduler_site v;

	if (site != NULL)
		site_describe(a->s, site, &v);
	a->done(a->arg, site != NULL ? &v : NULL, status, why);
	free(a);
}

void
scheduler_lookup_site(struct scheduler *s, const char *domain,
    void (*done)(void *, const struct scheduler_site *, enum ipc_dns,
    const char *), void *arg)
{
	struct asked *a = xcalloc(1, sizeof(*a));

	a->s = s;
	a->done = done;
	a->arg = arg;
	lookup_site(s, domain, found, a);
}

/* ---- suspend, resume */

/* The one of that key, or all whose best host it is: *at begins at 0. */
static struct site *
next_named(const struct scheduler *s, const char *name, size_t *at,
    struct hash_link **next)
{
	struct hash_link *l;

	while ((l = hash_each(&s->sites, at, next)) != NULL) {
		struct site *site = HASH_OF(l, struct site, by_key);

		if (site_is_named(site, name))
			return site;
	}
	return NULL;
}

bool
scheduler_site_suspend(struct scheduler *s, const char *name,
    const char *reason)
{
	struct hash_link *next = NULL;
	struct site *site;
	bool any = false;
	size_t at = 0;

	sched_turn_begin(s);
	while ((site = next_named(s, name, &at, &next)) != NULL) {
		site_pause(s, site, SUSPENSION_FOREVER, true, reason);
		any = true;
	}
	sched_turn_end(s);
	s->p.wake(s->p.arg);
	return any;
}

bool
scheduler_site_resume(struct scheduler *s, const char *name)
{
	struct hash_link *next = NULL;
	struct site *site;
	bool any = false;
	size_t at = 0;

	sched_turn_begin(s);
	while ((site = next_named(s, name, &at, &next)) != NULL) {
		reactions_cancel_site(s, site);
		site_resume(s, site, true);
		any = true;
	}
	sched_turn_end(s);
	s->p.wake(s->p.arg);
	return any;
}

/* ---- until it is durable */

void
durable_waits_end(struct scheduler *s, bool all)
{
	struct durable_wait *w;

	while ((w = TAILQ_FIRST(&s->durable_waits)) != NULL &&
	    (all || s->stuck || w->serial <= s->durable)) {
		TAILQ_REMOVE(&s->durable_waits, w, link);
		w->done(w->arg, w->serial <= s->durable);
		free(w);
	}
}

void
scheduler_when_durable(struct scheduler *s, void (*done)(void *, bool),
    void *arg)
{
	struct durable_wait *w = xcalloc(1, sizeof(*w));

	w->serial = s->serial;
	w->done = done;
	w->arg = arg;
	TAILQ_INSERT_TAIL(&s->durable_waits, w, link);
	batch_want(s->batcher, s->mono_ms);
	s->p.wake(s->p.arg);
}
