/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay.h - the smarthosts that take all mail, each by its own terms.
 *
 * While any is configured nobody's MX is asked for: one site has them all, and
 * each is a path of it for each source address (path.h).  So a relay has its
 * own window, limits, rests and reactions, over all deliver roles, and a
 * connection is granted to one relay.  Its row of the shaping data is found by
 * its name.  Its quotas of an hour and a day are kept as in quota.h.
 *
 * Mail goes by the relays of the least preference of which one may be used
 * now, to each by its weight.  One that refuses us, or whose quota is used up,
 * may not; one that is only busy may, and has its mail wait.
 *
 * Domains with rows of their own in the shaping data are sites of their own
 * over the same relays, and keep those limits, too.
 */
#ifndef LISTD_RELAY_H
#define LISTD_RELAY_H

#include "listd/quota.h"
#include "listd/scheduler_private.h"

enum relay_period { RELAY_HOUR, RELAY_DAY, RELAY_PERIODS };

struct relay {
	struct scheduler_relay c;
	uint8_t		 key[SITE_KEY];	/* of its limits and reactions */
	uint16_t	 provider;	/* in the shaping data of now */
	bool		 gone;		/* it is no longer configured */
	uint64_t	 time;		/* what it was given, by its weight */
	struct quota	 quota[RELAY_PERIODS];
	TAILQ_ENTRY(relay) link;
};

/* A route to all of them. */
void relays_route(const struct scheduler *s, struct ipc_route *r_r);
/* The shaping data changed. */
void relays_reshape(struct scheduler *s);
/* A batch is durable. */
void relays_durable(struct scheduler *s);
void relays_free(struct scheduler *s);

/* UTC when it has something of its quotas again; 0: now. */
int64_t relay_closed_ms(const struct scheduler *s, const struct relay *r);
/* Now, and it is committed that it may be used. */
bool relay_is_open(struct scheduler *s, struct relay *r);
void relay_take(struct scheduler *s, struct relay *r);
void relay_give(struct scheduler *s, struct relay *r, int64_t taken_ms);
/* What of this period; max 0: any number. */
void relay_quota(const struct scheduler *s, const struct relay *r,
    enum relay_period period, uint64_t *sent_r, uint64_t *max_r);
/* What closes it, in the words of the configuration; or NULL. */
const char *relay_closed_by(const struct scheduler *s,
    const struct relay *r, uint64_t *max_r);

/* Mark the paths of a site whose turn it is. */
void relays_look(struct scheduler *s, struct site *site);
/* May it have one more connection, for all that the others have? */
bool relays_may_open(const struct path *p);
/* Of those that are marked the one that is next, or NULL. */
struct path *relays_next(struct scheduler *s, struct site *site);

#endif
