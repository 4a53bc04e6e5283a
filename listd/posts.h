/* SPDX-License-Identifier: Apache-2.0 */
/*
 * posts.h - what was mailed lately, and what of it is substantively the same.
 *
 * One entry for each campaign that was released in the last POSTS_DAYS days or
 * goes on, with its fingerprint (lib/similar.h).  All in memory: campaigns'
 * rows have it, and a new queue role reads them.
 *
 *	bulk (S32)	an organization's similar campaigns within those days
 *			went to more than POSTS_BULK recipients in all.  One
 *			who had two of them counts twice, and a campaign over
 *			those who failed in another not at all.
 *	excessive (S46)	their Breidbart index, the sum over all posts of the
 *			square root of the lists of each, passes POSTS_EXCESS.
 *			The campaigns of the 24 hours from a first one are one
 *			post to their lists; a list that has it again in that
 *			time makes a second post, and so on.  The poster is
 *			the organization, whoever of it sends.  What only one
 *			list has is a series for its own members, a daily
 *			report in a fixed frame, and no cross-post: the index
 *			is 1 then, until another list has it too.
 *
 * A campaign without a fingerprint, of an older store or one that says
 * nothing, is like no other.
 */
#ifndef LISTD_POSTS_H
#define LISTD_POSTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/similar.h"

struct campaign;
struct posts;

#define POSTS_DAYS	45	/* window of bulk and Breidbart index */
#define POSTS_BULK	50	/* recipients that are not bulk yet */
#define POSTS_EXCESS	2000	/* hundredths of the index that pass */
#define POSTS_PENDING_MS 60000	/* a release that takes longer has failed */
#define POSTS_SPREAD_MS	(INT64_C(24) * 3600 * 1000)	/* one post */

struct post {
	uint32_t	campaign, org, list;
	bool		resend;		/* to those who failed in another */
	uint64_t	as_of, count;
	int64_t		released_ms;
	int64_t		ended_ms;	/* 0: goes on */
	bool		pending;	/* its release is not committed yet */
	struct similar	print;
};

struct posts *posts_new(void);
void posts_free(struct posts *p);		/* NULL is fine */

/*
 * Take over a campaign's row: new, or changed.  One that was not released, or
 * whose time is over, is forgotten.  Unknown when it ends: it goes on.
 */
void posts_set(struct posts *p, const struct campaign *c, int64_t now_ms);
void posts_forget(struct posts *p, uint32_t campaign);
void posts_end(struct posts *p, uint32_t campaign, int64_t ended_ms);
/* x is about to be released: it counts, for POSTS_PENDING_MS. */
void posts_expect(struct posts *p, const struct post *x);
/* NULL when there is none.  Good until the next posts_set(). */
const struct post *posts_find(const struct posts *p, uint32_t campaign);
/* Rises with every change. */
uint64_t posts_serial(const struct posts *p);

/*
 * Were x released at x->released_ms: recipients of similar mail, its own too,
 * and the Breidbart index in hundredths, rounded up.  x itself may be among p.
 */
void posts_judge(const struct posts *p, const struct post *x,
    uint64_t *similar_r, uint32_t *excess_r);

/* Does each of them say the same?  Not of one that is not there. */
bool posts_similar(const struct posts *p, uint32_t a, uint32_t b);
/*
 * Walk those that go on or ended later than ended_ms: *at starts at 0; NULL
 * past the last.
 */
const struct post *posts_next(const struct posts *p, size_t *at,
    int64_t ended_ms);

/*
 * Posts similar to that of campaign, of any organization, that go on or ended
 * later than ended_ms: up to max in near_r, which are good until the next
 * posts_set().  Returns how many there are, which may be more.
 */
size_t posts_near(const struct posts *p, uint32_t campaign, int64_t ended_ms,
    const struct post **near_r, size_t max);

#endif
