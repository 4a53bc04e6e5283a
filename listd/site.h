/* SPDX-License-Identifier: Apache-2.0 */
/*
 * site.h - the hosts that take the mail of many domains.
 *
 * A site is named by the set of its hosts, so that thousands of vanity domains
 * at one provider share one limit (DESIGN.md section 4); and by the order in
 * which they are to be tried and what TLS must be there, which are kept by
 * whole connections.  What one of our source
 * addresses has there is a path (path.h): its window of connections, its
 * limits, its sessions.  When a site refuses all of them it rests by the
 * schedule of retries, and nothing is written per recipient.
 */
#ifndef LISTD_SITE_H
#define LISTD_SITE_H

#include "listd/path.h"
#include "listd/scheduler_private.h"
#include "listd/suspect.h"

#define SITE_SUSPECTS_MS	18000000 /* past the longest wait for a retry */
#define SITES_KEPT		4096	/* but not in more of them */
#define SITE_ROUTE_MIN_MS	300000	/* a route is believed that long */
#define SITE_ROUTE_MAX_MS	3600000

struct site {
	uint8_t		 key[SITE_KEY];
	enum ipc_tls	 tls;		/* asked of each connection */
	bool		 secure;	/* its hosts are, by DNSSEC */
	bool		 any_tls;	/* for reports about TLS alone */
	char		*domain;	/* whose mail alone goes there; NULL */
	char		*alias;		/* and what that one is an alias of */
	bool		 of_many;	/* or more than one domain's does */
	/* Of its hosts alone: limits and reactions are theirs. */
	uint8_t		 hosts_key[SITE_KEY];
	uint64_t	 best_key;	/* of its best one; 0: not known */
	uint16_t	 provider;	/* in the shaping data of now */
	char		 of_domain[256]; /* whose name told the provider */
	uint64_t	 limits_of;	/* serial its paths' limits are of */
	uint16_t	 nhosts;
	struct strbuf	 hosts;		/* n x (u16 preference, str name) */
	char		 host[256];	/* the best one */
	int64_t		 route_ms;	/* its route is fresh until then */
	struct path	*paths;		/* by relay, if any, and source */
	uint16_t	 npaths;
	uint64_t	 routes_of;	/* serial its route is of */
	unsigned	 nsessions, up;
	bool		 paused, by_hand;
	bool		 probing;	/* one session to see if it is back */
	uint16_t	 probe;		/* the source it is from, if it can */
	int64_t		 until_ms;	/* of the pause */
	int64_t		 since_ms;
	unsigned	 troubles;
	char		*reason;
	struct suspects	*suspects;	/* who drew refusals; or NULL */
	int64_t		 suspects_ms;	/* UTC: they are kept until then */
	struct session_list sessions;
	struct lane_list lanes;
	struct lane	*turn;		/* whose turn it is */
	size_t		 npending;	/* domains of all lanes */
	unsigned	 kind;		/* which pool they count for, lane.h */
	int64_t		 starves_ms;	/* for a connection, since then */
	int64_t		 shut_ms;	/* UTC: no campaigns until then; or 0 */
	struct delivery_list retries, notices;
	size_t		 nretries, nnotices;
	struct idlist	 retry_domains;	/* with due rows to be read */
	unsigned	 served;	/* counts hand-outs, for the shares */
	unsigned	 slots;		/* and those of campaigns */
	bool		 is_kicked;
	TAILQ_ENTRY(site) kicked;
	struct hash_link by_key;
};

/* At start: sites that are suspended, or had trouble. */
int sites_load(struct scheduler *s, struct err *e);
/* The site of a route: found, or made. */
struct site *site_of_route(struct scheduler *s, const struct ipc_route *r,
    const char *domain);
/* shaping_key() of its provider; 0: nobody in particular. */
uint32_t site_provider_key(const struct scheduler *s,
    const struct site *site);
/* The shaping data changed: whose hosts are these now? */
void sites_reshape(struct scheduler *s);
struct site *site_by_key(const struct scheduler *s,
    const uint8_t key[static SITE_KEY]);
/* Is this its key, in 32 hex digits, or its best host? */
bool site_is_named(const struct site *site, const char *name);
/* Free it when nothing hangs on it. */
void site_release(struct scheduler *s, struct site *site);
/* At the end of the scheduler: nothing hangs on it but domain ids. */
void site_free(struct scheduler *s, struct site *site);
/* What scheduler.h tells of it. */
void site_describe(const struct scheduler *s, const struct site *site,
    struct scheduler_site *r);
/* Look at it in this turn. */
void site_kick(struct scheduler *s, struct site *site);
/* Connections all its paths may hold now. */
unsigned site_cap(const struct site *site);

/* A connection of a path came up. */
void site_came_up(struct scheduler *s, struct path *p);
/* It has taken d, which is out, or has refused it because of the person. */
void site_heard(struct scheduler *s, const struct delivery *d);
/*
 * One was refused, with a reply or without: fewer connections, or a rest when
 * none is up.  The rest is of this path alone when others are up, or when
 * nobody answered it and another has not been tried: it may be its address
 * that does not get through.
 */
void site_refused(struct scheduler *s, struct path *p, bool replied,
    const char *reason);
/* Rest until then (UTC). */
void site_pause(struct scheduler *s, struct site *site, int64_t until_ms,
    bool by_hand, const char *reason);
/* The pause is over, or somebody ended it. */
void site_resume(struct scheduler *s, struct site *site, bool by_hand);
/* Pauses that are over. */
void sites_advance(struct scheduler *s);

#endif
