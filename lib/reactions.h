/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reactions.h - count refusals, and say what is to be done when there are too
 * many.
 *
 * Whoever hears of all refusals feeds them, with the time.  For each reaction
 * of lib/reply_rules.h that counts the refusal, those of the same source and
 * scope (or of the same campaign) within the reaction's window are counted,
 * exactly.  When the threshold is reached the reaction's actions are due, and
 * counting begins anew.
 *
 * An action is a plain value that can be stored and read back; it names the
 * refusal that caused it.  While it holds, being due again makes it last
 * longer and is told again, so that the stored one is replaced.  It ends by
 * time or by a person; the owner is told of neither twice.
 *
 * Memory is bounded: counters by REACTIONS_COUNTERS_OCTETS, where what was fed
 * longest ago is forgotten first, and actions by REACTIONS_ACTIONS_MAX.
 * Times are UTC milliseconds.  A clock that steps back may only make a window
 * shorter.
 */
#ifndef LIB_REACTIONS_H
#define LIB_REACTIONS_H

#include "lib/reply_rules.h"

struct err;
struct reactions;
struct strbuf;

#define REACTIONS_COUNTERS_OCTETS	(8u << 20)
#define REACTIONS_ACTIONS_MAX		16384	/* that hold at once */
#define REACTIONS_DUE_MAX		64	/* from one refusal */
#define REACTION_KEY			16	/* octets that name a site */
#define REACTION_TEXT_MAX		512	/* octets of a reply kept */
#define REACTION_NAME_MAX		63	/* of a source */
#define REACTION_HOST_MAX		255
#define REACTION_EVER			INT64_MAX

/* A refusal; all is borrowed. */
struct reaction_event {
	int64_t			now_ms;
	uint32_t		rule;		/* of reply_verdict */
	enum reply_category	category;
	/* shaping_key() of the site's provider; 0 is "default" too. */
	uint32_t		provider;
	uint8_t			site[REACTION_KEY];
	const char		*source;	/* name or address of ours */
	uint64_t		campaign;	/* 0: none */
	const char		*host;		/* that said it */
	const char		*reply;		/* with its codes */
	size_t			reply_len;
};

/*
 * What is to be done, and holds until then.  It bears on a campaign, or on the
 * site or provider, and there on all sources or on one.
 */
struct reaction_action {
	uint64_t		id;	/* of reaction, kind and bearing */
	uint32_t		reaction;
	enum reaction_kind	kind;
	enum reaction_scope	scope;
	uint32_t		value, restart, grow;
	uint32_t		provider;	/* 0 with REACTION_SITE */
	uint8_t			site[REACTION_KEY]; /* where it was said */
	uint64_t		campaign;	/* 0 but for STOP_CAMPAIGN */
	int64_t			since_ms;	/* of the first time due */
	int64_t			until_ms;	/* or REACTION_EVER */
	char			name[DATAFILE_NAME_MAX + 1]; /* of reaction */
	char			source[REACTION_NAME_MAX + 1]; /* "": all */
	char			host[REACTION_HOST_MAX + 1];
	char			reply[REACTION_TEXT_MAX + 1];
};

struct reactions *reactions_new(void);
void reactions_free(struct reactions *r);	/* NULL is fine */

/*
 * Count a refusal.
 *
 * rules	those of now; counts and actions go over to the next ones by
 *		the names of reactions, counts while the threshold stays
 * due		gets what is new, or lasts longer now by a second or more
 *
 * Returns how many are due.  What does not fit, or would be more than
 * REACTIONS_ACTIONS_MAX, is left out and comes with the next refusal.
 */
size_t reactions_feed(struct reactions *r, const struct reply_rules *rules,
    const struct reaction_event *event,
    struct reaction_action due[static REACTIONS_DUE_MAX]);

/* ---- actions that hold */

/* One from the store.  False: there are too many, or it is over. */
bool reactions_load(struct reactions *r, const struct reaction_action *a,
    int64_t now_ms);
/*
 * End it before its time.  The refusals that were counted for it are forgotten
 * too.  False: it does not hold.
 */
bool reactions_cancel(struct reactions *r, uint64_t id);
/* The next one whose time is over: it is given to a_r and holds no more. */
bool reactions_expire(struct reactions *r, int64_t now_ms,
    struct reaction_action *a_r);
/* When to call reactions_expire(), or REACTION_EVER. */
int64_t reactions_next_ms(const struct reactions *r);
/* Walk them, in no order: *at is 0 at first.  NULL at the end. */
const struct reaction_action *reactions_each(const struct reactions *r,
    size_t *at);
const struct reaction_action *reactions_find(const struct reactions *r,
    uint64_t id);

/* A limit, and the action that says it; 0: there is none. */
struct reaction_bound {
	uint32_t	value;
	uint64_t	by;
};

/*
 * All that bears on a source at a site.  What holds for the site and what
 * holds for its provider are kept apart: the one says nothing of the other's
 * sites.
 */
struct reaction_effect {
	int64_t		suspended_until_ms;	/* 0: it is not */
	uint64_t	suspended_by;
	struct reaction_bound site[REACTION_KINDS];
	struct reaction_bound provider[REACTION_KINDS];
};

/* The strictest of each kind; cheap when nothing holds. */
void reactions_effect(const struct reactions *r,
    const uint8_t site[static REACTION_KEY], uint32_t provider,
    const char *source, int64_t now_ms, struct reaction_effect *effect_r);

/* Octets of counters in use, for metrics and tests. */
size_t reactions_memory(const struct reactions *r);

/* ---- for the store: sealed, see lib/pack.h */

#define REACTION_RECORD_MAX	1200	/* octets */

void reaction_action_pack(struct strbuf *b, const struct reaction_action *a);
/* 0, or -1 with ERR_DAMAGED. */
int reaction_action_unpack(const void *p, size_t len,
    struct reaction_action *a_r, struct err *e);

#endif
