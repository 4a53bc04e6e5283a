/* SPDX-License-Identifier: Apache-2.0 */
/*
 * release.h - let a campaign go: from PREPARING or SCHEDULED to RUNNING.
 *
 * A release is two commits.  The first is S's: the list may send, the act is
 * noted, and the list's sequence and counters of that moment say who is meant.
 * The second is Q's: the campaign's one row (spool/DESIGN section 7).  A crash
 * between them leaves the campaign where it was, to be released again.
 *
 * Between them it is judged (posts.h).  One whose Breidbart index would be
 * excessive is not released but planned for now, with that index in its row:
 * so it waits as others do whose list is held, until posts of before are old
 * enough, or somebody says by name and reason that it shall go.
 *
 * A campaign planned for later is released at its time by the watch; while its
 * list is held it waits.
 */
#ifndef LISTD_RELEASE_H
#define LISTD_RELEASE_H

#include <stdbool.h>
#include <stdint.h>

#include "listd/posts.h"
#include "spool/act.h"
#include "spool/campaign.h"
#include "spool/list.h"

struct err;
struct queue;
struct release;
struct scheduler;
struct txn;

#define RELEASE_HELD_MS	60000	/* until a held list is looked at again */

/* One campaign on its way. */
struct release_one {
	/* Given. */
	uint32_t	campaign, list, org;
	bool		resend;
	bool		excess_allowed;
	struct similar	print;
	int64_t		now_ms;
	int64_t		lifetime_ms;	/* what is left then expires, unless
					 * the campaign has a time of its own */
	int64_t		send_at_ms;	/* ahead of now: only plan it */
	uint64_t	start;		/* a random point */
	char		who[ACT_WHO_MAX + 1];
	struct slice	findings;	/* to keep; borrowed, or empty */
	/* Found by release_judge(). */
	uint64_t	similar;
	uint32_t	excess;
	/* Found. */
	unsigned	why;		/* list_may_send() */
	struct list_counters counters;
	struct campaign	c;		/* as committed, without its slices */
};

/*
 * now, lifetime and start from the queue role; what the campaign is from its
 * row.  -1 with ERR_CRYPTO.
 */
int release_init(struct release_one *r, struct queue *q,
    const struct campaign *c, const char *who, struct err *e);
/* The job of S.  Refused, with the reasons, when the list may not send. */
int release_check(struct txn *t, void *one, struct err *e);
/*
 * Before the job of Q: what similar mail there was.  From here on it counts as
 * released, for POSTS_PENDING_MS or as its row says.
 */
void release_judge(struct release_one *r, struct scheduler *s);
/* Its index passes, and nobody let it go: release_apply() only plans it. */
bool release_is_excess(const struct release_one *r);
/* Before the job of S, to write nothing in vain: may it pass? */
bool release_foresee(struct release_one *r, const struct scheduler *s);
/* The job of Q, after it.  Refused when the campaign's state forbids it. */
int release_apply(struct txn *t, void *one, struct err *e);

/* ---- the watch over campaigns that wait for their time */

struct release *release_start(struct queue *q);
/* A campaign was planned, or a plan was given up. */
void release_changed(struct release *w);
/* Release nothing more. */
void release_stop(struct release *w);
/* When the writers have called back for the last time. */
void release_free(struct release *w);

#endif
