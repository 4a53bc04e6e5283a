/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resolver_private.h - shared by resolver.c (lookups and their answers) and
 * resolver_setup.c (which servers are asked).
 */
#ifndef LISTD_RESOLVER_PRIVATE_H
#define LISTD_RESOLVER_PRIVATE_H

#include <sys/queue.h>

#include "lib/conf.h"
#include "lib/strbuf.h"
#include "listd/resolver.h"

struct event;
struct ub_ctx;

/* One libunbound, with what it was told; a reload may put another there. */
struct upstream {
	TAILQ_ENTRY(upstream)	 entry;
	struct ub_ctx		*ub;
	struct strbuf		 settings;	/* servers and anchors, lines */
	size_t			 lookups;	/* that rest on it */
};

struct resolver {
	struct event_base	*base;
	struct upstream		*now;
	TAILQ_HEAD(, upstream)	 upstreams;	/* now, and those before it */
	struct event		*sweep;		/* of old ones, from the loop */
	/* What we are called: hostname, and the EHLO names of sources. */
	char			 own[CONF_SOURCE_MAX + 1][CONF_NAME_MAX];
	size_t			 nown;
	TAILQ_HEAD(, resolver_lookup) lookups;
};

/* resolver.c */
/* Drop all lookups; their servers are gone. */
void resolver_drop_lookups(struct resolver *r);

#endif
