/* SPDX-License-Identifier: Apache-2.0 */
/*
 * restart.c - how sending begins again after a silence.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "lib/strbuf.h"
#include "lib/xmalloc.h"
#include "listd/path.h"
#include "listd/restart.h"
#include "listd/site.h"
#include "listd/source.h"

struct restart {
	struct reaction_action a;
	unsigned	 window;
	int64_t		 ends_ms;	/* UTC */
	TAILQ_ENTRY(restart) link;
};

static uint64_t
limit_key(const struct restart *r)
{
	return hash_mix(r->a.id + 1);
}

static void
restart_drop(struct scheduler *s, struct restart *r)
{
	TAILQ_REMOVE(&s->restarts, r, link);
	s->nrestarts--;
	free(r);
	paths_changed(s);
}

static void
restart_done(struct scheduler *s, struct restart *r)
{
	batch_unaction(s->batcher, r->a.id);
	batch_want(s->batcher, s->mono_ms + BATCH_WAIT_MS);
	restart_drop(s, r);
}

bool
restart_begin(struct scheduler *s, const struct reaction_action *a)
{
	struct strbuf b = STRBUF_INIT(REACTION_RECORD_MAX);
	int64_t now = sched_now(s);
	struct restart *r;

	if ((a->kind != REACTION_SUSPEND && a->kind != REACTION_STOP_SOURCE) ||
	    a->restart == 0 || now >= a->until_ms + RESTART_MS)
		return false;
	if (s->nrestarts == RESTARTS_MAX)
		restart_done(s, TAILQ_FIRST(&s->restarts));
	r = xcalloc(1, sizeof(*r));
	r->a = *a;
	r->window = a->restart;
	TAILQ_INSERT_TAIL(&s->restarts, r, link);
	s->nrestarts++;
	/* Who cancels it ends the silence now, for a later role too. */
	if (r->a.until_ms > now) {
		r->a.until_ms = now;
		reaction_action_pack(&b, &r->a);
		batch_action(s->batcher, a->id, SLICE(b.s, b.len));
		batch_want(s->batcher, s->mono_ms + BATCH_WAIT_MS);
		strbuf_free(&b);
	}
	r->ends_ms = r->a.until_ms + RESTART_MS;
	paths_changed(s);
	return true;
}

void
restart_forget(struct scheduler *s, uint64_t action)
{
	struct restart *r;

	TAILQ_FOREACH(r, &s->restarts, link)
		if (r->a.id == action) {
			restart_drop(s, r);
			return;
		}
}

unsigned
restart_window(const struct scheduler *s, const struct path *p,
    uint64_t *key)
{
	const struct restart *r;
	unsigned least = 0;

	TAILQ_FOREACH(r, &s->restarts, link)
		if ((least == 0 || r->window < least) &&
		    action_bears_on(s, &r->a, p)) {
			least = r->window;
			*key = limit_key(r);
		}
	return least;
}

void
restart_up(struct scheduler *s, const struct path *p)
{
	struct limit *l = p->limit[PATH_RESTART];
	struct restart *r;
	struct limit_values v = { 0, 0, 0 };

	if (l == NULL)
		return;
	TAILQ_FOREACH(r, &s->restarts, link)
		if (limit_key(r) == l->by_key.key)
			break;
	if (r == NULL)
		return;
	r->window += r->a.grow > 0 ? r->a.grow : 1;
	if (r->window >= s->limits.connections_total) {
		restart_done(s, r);
		return;
	}
	v.connections = r->window;
	limit_set(l, &v, s->mono_ms * 1000);
	limit_poke(s, l);
}

void
restarts_advance(struct scheduler *s)
{
	struct restart *r, *next;

	for (r = TAILQ_FIRST(&s->restarts); r != NULL; r = next) {
		next = TAILQ_NEXT(r, link);
		if (sched_now(s) >= r->ends_ms)
			restart_done(s, r);
	}
}

void
restarts_free(struct scheduler *s)
{
	struct restart *r;

	while ((r = TAILQ_FIRST(&s->restarts)) != NULL) {
		TAILQ_REMOVE(&s->restarts, r, link);
		free(r);
	}
}
