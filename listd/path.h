/* SPDX-License-Identifier: Apache-2.0 */
/*
 * path.h - what one source address has at one site, or with one relay.
 *
 * A path has its own window of connections (feedback.h) under limits
 * (limit.h): that of the hosts and that of all sites of the provider; and when
 * nobody is known as that, that of all such sites with the same best host,
 * whose others differ, for it is the best one that bears their mail.  Their
 * values are the least of what the configuration, the shaping data and the
 * reactions that hold now say (path_value.c).  Several sites may have the same
 * hosts; when the data come to know them as another provider's, what is open
 * there counts with that one's from then on.
 *
 * With several sources a delivery has one that it keeps over its retries
 * (source.h); what is meant for another path waits in that one's stash.
 */
#ifndef LISTD_PATH_H
#define LISTD_PATH_H

#include "listd/feedback.h"
#include "listd/limit.h"
#include "listd/scheduler_private.h"

#define PATH_STASH_MAX	16	/* deliveries that wait for this path alone */

/* RESTART: of all that were silent together, see restart.h. */
enum path_limit {
	PATH_HOSTS, PATH_BEST, PATH_PROVIDER, PATH_RESTART, PATH_LIMITS
};

struct path {
	struct site	*site;
	struct relay	*relay;		/* or NULL: its hosts themselves */
	uint16_t	 source;
	bool		 is_open;	/* of a relay: as it was looked at */
	bool		 in_turn;	/* and still to be looked at */
	struct feedback	 feedback;
	unsigned	 nsessions, up, out;
	struct limit	*limit[PATH_LIMITS];	/* but HOSTS, may be NULL */
	struct limit_use asks;		/* of that of its hosts */
	unsigned	 messages;	/* of one connection */
	unsigned	 failures;	/* in a row that are enough */
	unsigned	 idle_ms;	/* a session without work is kept */
	int64_t		 rest_ms;	/* UTC: its own rest; or 0 */
	unsigned	 rests;		/* in a row */
	int64_t		 stopped_ms;	/* UTC: a reaction's; or 0 */
	struct limit	*waits_for;	/* in its line */
	enum limit_kind	 waits_kind;
	bool		 waits_notice;	/* at the head of it */
	TAILQ_ENTRY(path) line;
	struct delivery_list stash;
	unsigned	 nstash;
};

/* What binds a path, and who says so. */
struct path_value {
	uint32_t	 value;		/* 0: nothing */
	char		 why[512];
};
enum path_what {
	PATH_CONNECTIONS, PATH_MESSAGES_PER_MINUTE, PATH_CONNECTS_PER_MINUTE,
	PATH_SHARED_CONNECTIONS, PATH_SHARED_MESSAGES_PER_MINUTE,
	PATH_SHARED_CONNECTS_PER_MINUTE, PATH_MESSAGES_PER_CONNECTION,
	PATH_WHATS
};
_Static_assert(PATH_WHATS == SCHEDULER_VALUES, "all are told");
/* The least value there is, with its origin when text is wanted. */
uint32_t path_value(const struct scheduler *s, const struct path *p,
    enum path_what what, struct path_value *v_r);
const char *path_what_name(enum path_what what);
/* The same of its best host, over all sites of nobody in particular. */
uint32_t path_best_value(const struct scheduler *s, const struct path *p,
    enum path_what what, struct path_value *v_r);

/* The path that asks for something. */
struct path *path_of_use(const struct limit_use *u);

/* The same without words: what it asks of its limits, and of itself. */
struct path_asks {
	struct limit_values hosts, best, provider;
	unsigned	 messages;		/* of one connection */
	int64_t		 suspended_until_ms;	/* by a reaction; or 0 */
	uint64_t	 suspended_by;		/* which one */
};
void path_asks(const struct scheduler *s, const struct path *p,
    struct path_asks *a_r);

/* The paths of a site, one for each source, or each relay and source. */
void paths_new(struct scheduler *s, struct site *site);
void paths_free(struct scheduler *s, struct site *site);
/* The path by another source, of the same relay if any. */
struct path *path_by(const struct path *p, uint16_t source);
/* Who it is that answers there: of limits, and of reactions. */
const uint8_t *path_hosts_key(const struct path *p);
uint16_t path_provider(const struct path *p);
uint32_t path_provider_key(const struct scheduler *s, const struct path *p);
/* What is kept for one of them may go another way. */
void path_unstash(struct scheduler *s, struct path *p);
void paths_unstash(struct scheduler *s, struct site *site);
/* Does anything wait for one of them alone? */
bool paths_keep(const struct site *site);
/* Data, configuration or reactions changed: take the values of now. */
void paths_refresh(struct scheduler *s, struct site *site);
/* Every site looks at its values again. */
void paths_changed(struct scheduler *s);

/* UTC when it may be used: 0 now.  Quiet hours and quotas count. */
int64_t path_closed_ms(const struct scheduler *s, const struct path *p);
/* May it have one more connection?  If not, it waits in a line. */
bool path_may_connect(struct scheduler *s, struct path *p, bool notice);
void path_connect(struct scheduler *s, struct path *p);
/* A session made n more than it was granted. */
void path_connects_made(struct scheduler *s, struct path *p, unsigned n);
void path_disconnect(struct scheduler *s, struct path *p);
/* Likewise one more message. */
bool path_may_send(struct scheduler *s, struct path *p, bool notice);
/* On so slow a path a session that is not up holds one message at most. */
bool path_is_slow(const struct path *p);
void path_send(struct scheduler *s, struct path *p);
/* It counts by its source and its relay; one taken then was not sent (UTC). */
void path_take(struct scheduler *s, struct path *p);
void path_give(struct scheduler *s, struct path *p, int64_t taken_ms);
/* Is there something of their shares, and committed that it may be used? */
bool path_has_share(struct scheduler *s, const struct path *p);
void path_sent(struct scheduler *s, struct path *p, bool tried);
/* Let it wait in no line. */
void path_leave_line(struct path *p);
/* What its connections must have: by the domains' policy, or the data. */
enum ipc_tls path_tls(const struct scheduler *s, const struct path *p);
/* Who waits at a full limit: idle connections of others are closed. */
bool path_is_wanted(const struct path *p);

/* It allows more now: let the first of its lines look again. */
void limit_poke(struct scheduler *s, struct limit *l);
/* Lines whose time has come; and limits nobody needs any more. */
void limits_advance(struct scheduler *s);
int64_t limits_wait_ms(const struct scheduler *s);
void limits_free(struct scheduler *s);

#endif
