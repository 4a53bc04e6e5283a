/* SPDX-License-Identifier: Apache-2.0 */
/*
 * site.h - the hosts that take the mail of many domains.
 *
 * A site is named by the set of its hosts, so that thousands of vanity domains
 * at one provider share one limit (DESIGN.md section 4); and by what TLS must
 * be there, for a policy is kept by whole connections.  Its window says how
 * many connections it has shown to bear: two at first, one more for each that
 * comes up, half when it refuses one while others work.  When it refuses all
 * it rests by the schedule of retries, and nothing is written per recipient.
 */
#ifndef LISTD_SITE_H
#define LISTD_SITE_H

#include "listd/scheduler_private.h"

#define SITE_WINDOW_FIRST	2	/* connections of a new site */
#define SITE_CALM_MS		60000	/* no growth after a refusal */
#define SITE_SUPPLY_MAX		64	/* domains that count as supply */
#define SITE_ROUTE_MIN_MS	300000	/* a route is believed that long */
#define SITE_ROUTE_MAX_MS	3600000

struct site {
	uint8_t		 key[SITE_KEY];
	enum ipc_tls	 tls;		/* asked of each connection */
	uint16_t	 nhosts;
	struct strbuf	 hosts;		/* n x (u16 preference, str name) */
	char		 host[256];	/* the best one */
	int64_t		 route_ms;	/* its route is fresh until then */
	unsigned	 window;
	unsigned	 nsessions, up;
	int64_t		 calm_ms;	/* no growth until then */
	bool		 paused, by_hand;
	bool		 probing;	/* one session to see if it is back */
	int64_t		 until_ms;	/* of the pause */
	int64_t		 since_ms;
	unsigned	 troubles;
	char		*reason;
	struct session_list sessions;
	struct lane_list lanes;
	struct lane	*turn;		/* whose turn it is */
	size_t		 npending;	/* domains of all lanes */
	struct delivery_list retries, notices;
	size_t		 nretries, nnotices;
	struct idlist	 retry_domains;	/* with due rows to be read */
	unsigned	 served;	/* counts hand-outs, for the shares */
	bool		 is_kicked, is_starving;
	TAILQ_ENTRY(site) kicked, starving;
	struct hash_link by_key;
};

/* At start: sites that are suspended, or had trouble. */
int sites_load(struct scheduler *s, struct err *e);
/* The site of a route: found, or made. */
struct site *site_of_route(struct scheduler *s, const struct ipc_route *r);
/* By 32 hex digits or best host; NULL. */
struct site *site_find(const struct scheduler *s, const char *name);
/* Free it when nothing hangs on it. */
void site_release(struct scheduler *s, struct site *site);
/* At the end of the scheduler: nothing hangs on it but domain ids. */
void site_free(struct scheduler *s, struct site *site);
/* Look at it in this turn. */
void site_kick(struct scheduler *s, struct site *site);
/* Kick one site that waits for a session to become free. */
void site_kick_starving(struct scheduler *s);
/* Connections it may hold now, for campaigns; notices may take one more. */
unsigned site_cap(const struct scheduler *s, const struct site *site);

/* The lane of a run at a site, made when missing. */
struct lane *lane_get(struct site *site, struct run *run);
void lane_add_domain(struct scheduler *s, struct lane *l, uint32_t domain);
bool lane_take_domain(struct scheduler *s, struct lane *l,
    uint32_t *domain_r);
/* Free it when it is empty. */
void lane_release(struct scheduler *s, struct lane *l);

/* A connection came up. */
void site_came_up(struct scheduler *s, struct site *site);
/* One was refused: fewer connections, or a pause when none is up. */
void site_refused(struct scheduler *s, struct site *site,
    const char *reason);
/* Rest until then (UTC). */
void site_pause(struct scheduler *s, struct site *site, int64_t until_ms,
    bool by_hand, const char *reason);
/* The pause is over, or somebody ended it. */
void site_resume(struct scheduler *s, struct site *site, bool by_hand);
/* Pauses that are over. */
void sites_advance(struct scheduler *s);

#endif
