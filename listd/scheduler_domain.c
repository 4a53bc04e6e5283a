/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scheduler_domain.c - begin a domain of a run, whole or in parts.
 *
 * One window holds WINDOW_MAX members at most, so one walk would keep no more
 * than that out at a domain, and one slow answer in every thousand would slow
 * all.  So the hash space of a domain with many members is cut into equal
 * parts of at most `part_members`, which are walked side by side.  In how many
 * is decided when the domain is begun, and from then on its rows say it.
 */
#include "config.h"

#include <string.h>

#include "lib/err.h"
#include "lib/sys/log.h"
#include "lib/xmalloc.h"
#include "listd/scheduler_private.h"
#include "listd/site.h"
#include "spool/progress.h"
#include "spool/subscriber.h"

#define RELOAD_MAX	256	/* members read at once */
#define DOMAIN_WINDOW	4096	/* members of all parts in memory, unless
				 * WINDOW_MAX for each is less */

/* The members it has now, active or not. */
static uint32_t
members_of(struct scheduler *s, const struct run *run, uint32_t domain)
{
	struct subscriber_domain row;
	size_t n;

	if (subscriber_domains(s->s_txn, run->c.list, domain, &row, 1, &n,
	    NULL) == -1 || n == 0 || row.domain != domain)
		return 0;
	return row.all;
}

/* How many parts it has; 0 when it is finished, -1. */
static int
parts_of(struct scheduler *s, const struct run *run, uint32_t domain,
    struct err *e)
{
	static uint64_t done[PROGRESS_DONE_MAX];
	struct progress_key key = { run->c.id, domain, 0 };
	struct progress p;
	uint32_t members;
	unsigned n = 1;
	int rc = progress_next(s->q_txn, &key, e);

	if (rc == 1 && key.domain == domain)
		return progress_get(s->q_txn, &key, &p, done, e) == 1 ?
		    (int)progress_parts(&p) : -1;
	if (rc != -1)
		rc = progress_finished(s->q_txn, run->c.id, domain, e);
	if (rc != 0)
		return rc == 1 ? 0 : -1;
	members = members_of(s, run, domain);
	while (n < PROGRESS_PARTS_MAX && members / n > s->p.part_members)
		n *= 2;
	return (int)n;
}

/* The walk of a part, from its row or its start.  NULL: it is over, or e. */
static struct window *
load_window(struct scheduler *s, const struct run *run,
    const struct progress_key *key, unsigned parts, struct err *e)
{
	static uint64_t done[PROGRESS_DONE_MAX];
	size_t cap = DOMAIN_WINDOW / parts;
	struct progress p;
	uint64_t first, last;
	int rc = progress_get(s->q_txn, key, &p, done, e);

	if (cap > WINDOW_MAX)
		cap = WINDOW_MAX;
	if (rc == -1 || (rc == 1 && p.over))
		return NULL;
	if (rc == 1)
		return window_load(run->c.start, cap, &p);
	progress_range(parts, key->part, &first, &last);
	return window_new(run->c.start, cap, first, last);
}

static struct dest *
dest_new(struct scheduler *s, struct run *run, const char *name,
    const struct progress_key *key, struct window *w)
{
	size_t len = strlen(name) + 1;
	struct dest *d = xcalloc(1, sizeof(*d) + len);

	(void)s;
	d->run = run;
	d->domain = key->domain;
	d->part = key->part;
	d->window = w;
	memcpy(d->name, name, len);
	run->nopen += dest_find(run, d->domain) == NULL;
	hash_add(&run->dests, &d->by_domain, d->domain);
	return d;
}

/* Read again what its row covers; false: not now, or it is damaged. */
static bool
reload(struct scheduler *s, struct dest *d)
{
	while (window_reloading(d->window))
		if (!dest_feed(s, d, RELOAD_MAX))
			return false;
	return true;
}

static void
close_all(struct scheduler *s, struct run *run, uint32_t domain)
{
	struct dest *d;

	while ((d = dest_find(run, domain)) != NULL)
		dest_free(s, d);
}

/* Its parts that are not over; false with e, or without when it is finished. */
static bool
open_parts(struct scheduler *s, struct run *run, uint32_t domain,
    struct err *e)
{
	struct progress_key key = { run->c.id, domain, 0 };
	char name[256] = "";
	struct window *w;
	int parts = 0, rc = domain_name(s->s_txn, domain, name, e);

	if (rc == -1 || (parts = parts_of(s, run, domain, e)) <= 0)
		return false;
	for (; key.part < parts; key.part++) {
		w = load_window(s, run, &key, (unsigned)parts, e);
		if (w != NULL)
			dest_new(s, run, name, &key, w)->parts =
			    (uint16_t)parts;
		else if (e->code != ERR_NONE)
			break;
	}
	if (e->code == ERR_NONE && dest_find(run, domain) == NULL)
		err_set(e, ERR_DAMAGED, "progress campaign %u domain %u: "
		    "all parts are over, and the domain is not", run->c.id,
		    domain);
	return e->code == ERR_NONE;
}

/* For people who watch: so many members are there. */
static void
count_share(struct scheduler *s, struct run *run, uint32_t domain,
    const struct lane *lane)
{
	uint32_t members;

	if (lane != NULL && (members = members_of(s, run, domain)) > 0)
		shares_begin(run->shares, lane->site->key, lane->site->host,
		    members);
}

bool
domain_open(struct scheduler *s, struct run *run, uint32_t domain,
    struct lane *lane)
{
	struct err e = ERR_INIT;
	struct dest *d;

	if (dest_find(run, domain) == NULL) {
		if (sched_s(s) == NULL || sched_q(s) == NULL)
			return false;
		if (!open_parts(s, run, domain, &e)) {
			close_all(s, run, domain);
			if (e.code == ERR_NONE)
				return false;
			log_failure(LEVEL_ERROR, "progress-damaged", &e);
			run->held = true;
			return false;
		}
		for (d = dest_find(run, domain); d != NULL; d = dest_next(d))
			if (!reload(s, d)) {
				close_all(s, run, domain);
				return false;
			}
		count_share(s, run, domain, lane);
	}
	for (d = dest_find(run, domain); d != NULL; d = dest_next(d))
		dest_join_lane(d, lane);
	if (lane != NULL)
		route_renewed(s, run, domain, lane->site);
	return true;
}

bool
domain_settle(struct scheduler *s, struct run *run, uint32_t domain,
    const struct verdict *v)
{
	struct dest *d;

	if (!domain_open(s, run, domain, NULL))
		return false;
	for (d = dest_find(run, domain); d != NULL; d = dest_next(d))
		dest_settle(s, d, v);
	return true;
}
