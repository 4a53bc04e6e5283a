/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lane.h - what one run has at one site, and how far ahead its domains are
 * resolved.
 *
 * A domain that is resolved waits in its lane as four octets until the site's
 * turn for it comes.  How many wait is counted for each run by kind, so that
 * what cannot go on stops nobody else:
 *
 *	open	at sites of nobody in particular; while enough of all runs
 *		that may send are there, no more domains are resolved
 *	shut	at such sites that are closed for a while
 *	named	at the sites of one provider, closed or not, for they share
 *		what it allows
 *	none	at sites that rest, which people look for; not counted
 *
 * Of shut and of each named kind a run puts POOL_MAX to their sites.  Beyond
 * that a domain is passed over: it keeps its four octets, makes no site, and is
 * resolved again when there is room.  A lane counts for LANE_SUPPLY_MAX at
 * most, since what waits behind that costs next to nothing.
 */
#ifndef LISTD_LANE_H
#define LISTD_LANE_H

#include "listd/scheduler_private.h"

#define LANE_SUPPLY_MAX	64	/* domains of a lane that are counted */
#define POOL_MAX	512	/* domains of one kind put to their sites */

struct site;

/* The lane of a run at a site, made when missing. */
struct lane *lane_get(struct site *site, struct run *run);
void lane_add_domain(struct lane *l, uint32_t domain);
bool lane_take_domain(struct lane *l, uint32_t *domain_r);
/* Free it when it is empty. */
void lane_release(struct scheduler *s, struct lane *l);
/* Free it with the domains in it, which their run knows no more. */
void lane_drop(struct scheduler *s, struct lane *l);

/* Put a resolved domain to its site, or pass it over for now. */
void domain_place(struct scheduler *s, struct site *site, struct run *run,
    uint32_t domain);
/* It rests, is closed, open, or somebody else's now: of which kind is it? */
void site_sort(struct scheduler *s, struct site *site);

/* Domains of all runs that may send, and whose sites are open. */
size_t lanes_supply(const struct scheduler *s);
/* Domains of those runs at sites of one kind, and what was passed over. */
size_t lanes_of_kind(const struct scheduler *s, unsigned kind);
/* Where there is room again, what was passed over is resolved first. */
void run_take_back(struct scheduler *s, struct run *run);
/* All of it is. */
void run_take_back_all(struct run *run);
/* When time alone makes room; -1: it does not. */
int64_t lanes_wait_ms(const struct scheduler *s);
/* Providers get other numbers: no site is of any kind until it is sorted. */
void lanes_unsort(struct scheduler *s);
/* At the end of the run, without lanes. */
void run_free_pools(struct run *run);

#endif
