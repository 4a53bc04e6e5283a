/* SPDX-License-Identifier: Apache-2.0 */
/*
 * campaign.h - one mailing to a list: its row, its states, its figures.
 *
 * spool/DESIGN section 7 has the states and what "finished" promises.  To
 * release a campaign costs one row, whatever the size of the list; who is
 * meant follows from the list's sequence at that moment (as_of).
 */
#ifndef SPOOL_CAMPAIGN_H
#define SPOOL_CAMPAIGN_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/pack.h"

struct err;
struct txn;

#define CAMPAIGN_HASH		32	/* octets of a content hash */
#define CAMPAIGN_WHO_MAX	64	/* octets of a person's name, with NUL */
#define CAMPAIGN_PARAMS_MAX	16384	/* octets of template parameters */
#define CAMPAIGN_KEEP_MS	(1096ll * 24 * 3600 * 1000)
#define CAMPAIGN_UNSENT_KEEP_MS	(30ll * 24 * 3600 * 1000)
#define CAMPAIGN_FINDINGS_MAX	65536	/* octets of what the linter found */
#define CAMPAIGN_FINGERPRINT_MAX 1024	/* octets */

enum campaign_state {
	CAMPAIGN_PREPARING = 1,	/* compiled and linted, not yet decided */
	CAMPAIGN_REFUSED,	/* the compiler or linter said no */
	CAMPAIGN_SCHEDULED,	/* waits for send_at */
	CAMPAIGN_RUNNING,
	CAMPAIGN_PAUSED,
	CAMPAIGN_CANCELLED,
	CAMPAIGN_FINISHED,	/* every counted recipient has its end */
};
#define CAMPAIGN_STATES	8	/* one more than the last */

/*
 * What becomes of a copy whose content was sent whole and never answered: it
 * may have arrived (RFC 1047), and only the sender can say which is worse.
 */
enum campaign_after {
	CAMPAIGN_AFTER_RESEND,	/* again, at most CAMPAIGN_UNANSWERED_MAX times */
	CAMPAIGN_AFTER_ASSUME,	/* it arrived */
	CAMPAIGN_AFTER_HOLD,	/* wait for a word, until it expires */
};
#define CAMPAIGN_AFTERS		3
#define CAMPAIGN_UNANSWERED_MAX	3	/* of one delivery; then it is held */

/* Times are UTC milliseconds, 0 for "never".  Slices read from a row are
 * borrowed from it and die with its transaction. */
struct campaign {
	uint32_t	id;
	uint32_t	list;
	uint32_t	org;
	enum campaign_state state;
	uint8_t		content[CAMPAIGN_HASH];
	uint32_t	failed_of;	/* only who failed there; 0: everyone */
	uint64_t	as_of;		/* the list's sequence at release */
	uint64_t	count;		/* recipients counted at release */
	uint64_t	left_base;	/* the list's leavers at release */
	uint64_t	start;		/* where the walk of a domain begins */
	int64_t		created_ms;
	int64_t		released_ms;
	int64_t		date_ms;	/* the Date field of every copy */
	int64_t		send_at_ms;
	int64_t		send_by_ms;	/* what is left then expires */
	int64_t		ended_ms;
	char		created_by[CAMPAIGN_WHO_MAX];
	char		changed_by[CAMPAIGN_WHO_MAX];	/* the last change */
	int64_t		changed_ms;
	enum campaign_after after;
	/* What its message says to all (lib/similar.h), and who else said it
	 * lately, from its release on (listd/posts.h). */
	struct slice	fingerprint;	/* packed; empty: not known */
	uint64_t	similar;	/* recipients of all such mail */
	uint32_t	excess;		/* Breidbart index, in hundredths */
	bool		excess_allowed;	/* a person let it go all the same */
	struct slice	params;		/* JSON object or empty */
	struct slice	findings;	/* JSON array or empty */
};

/*
 * What became of a campaign's recipients.  Once FINISHED the first five sum to
 * its count; until then left is 0.
 */
struct tally {
	uint64_t	delivered;
	uint64_t	failed;
	uint64_t	expired;
	uint64_t	suppressed;
	uint64_t	left;
	uint64_t	deferred;	/* rows that wait for another attempt */
	uint64_t	attempts;	/* tries that a server answered */
	uint64_t	unanswered;	/* contents sent whole, and no answer */
};

/* Forget what is borrowed. */
void campaign_detach(struct campaign *c);

const char *campaign_state_name(enum campaign_state s);
/* "resend", "assume-delivered", "hold". */
const char *campaign_after_name(enum campaign_after after);
/* False when there is none of that name. */
bool campaign_after_find(const char *name, enum campaign_after *after_r);
/* True when spool/DESIGN section 7 has this change. */
bool campaign_legal(enum campaign_state from, enum campaign_state to);

/*
 * Whether the file with its message must still be there: until
 * keep_ms (0: CAMPAIGN_KEEP_MS) after the end of one that was released, for it
 * is evidence of what was mailed (T53, S60), and CAMPAIGN_UNSENT_KEEP_MS of
 * another.
 */
bool campaign_keeps_content(const struct campaign *c, int64_t keep_ms,
    int64_t now_ms);

/* 1 found, 0 not, -1 ERR_STORE or ERR_DAMAGED. */
int campaign_get(struct txn *t, uint32_t id, struct campaign *c_r,
    struct err *e);
/* The first campaign with an id above after: 1, 0 past the last, -1. */
int campaign_next(struct txn *t, uint32_t after, struct campaign *c_r,
    struct err *e);
/* The campaign that holds the identity (list, content): 1, 0, -1. */
int campaign_find(struct txn *t, uint32_t list,
    const uint8_t content[static CAMPAIGN_HASH], uint32_t *id_r,
    struct err *e);

/*
 * Add c in state PREPARING and give it an id.  The same content to the same
 * list is one campaign: when there is one that was neither refused nor
 * cancelled, nothing is written, c->id is that one and *existed_r is true.
 * A campaign over the failed set of another (failed_of) never is a repeat.
 *
 * 0; 1 with ERR_LIMIT (parameters too long, ids used up); -1.
 */
int campaign_create(struct txn *t, struct campaign *c, bool *existed_r,
    struct err *e);

/*
 * Store c, whose state may differ from the stored one as far as that is
 * legal.  0; 1 with ERR_REFUSED or ERR_NOTFOUND and nothing written; -1.
 */
int campaign_change(struct txn *t, const struct campaign *c, struct err *e);

/* A campaign without figures has zeros.  0 or -1. */
int tally_get(struct txn *t, uint32_t campaign, struct tally *v_r,
    struct err *e);
int tally_put(struct txn *t, uint32_t campaign, const struct tally *v,
    struct err *e);
/*
 * Of a CANCELLED campaign nobody waits any more: its deferred figure becomes
 * 0; what has no end is its count less tally_ended().  0 or -1.
 */
int campaign_settle(struct txn *t, uint32_t campaign, struct err *e);
/* delivered + failed + expired + suppressed + left */
uint64_t tally_ended(const struct tally *v);

#endif
