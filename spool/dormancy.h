/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dormancy.h - a list that was silent for long is forgotten (S69).
 *
 * Its members do not know any more that they asked for its mail, and report
 * what comes.  So after `dormant_months` the first campaign goes out only with
 * a reminder over each text; then the list is awake.
 */
#ifndef SPOOL_DORMANCY_H
#define SPOOL_DORMANCY_H

#include <stdbool.h>
#include <stdint.h>

struct campaign;
struct err;
struct list;
struct txn;

#define DORMANCY_LOOK_MAX	4096	/* members looked at */

/*
 * Since when nobody has heard of it: the release of the last campaign that was
 * delivered to somebody, or goes on and has a reminder; or, if there was none,
 * when the oldest of its members joined (of the first DORMANCY_LOOK_MAX); 0
 * without members.  Looks at one campaign after the other, the latest first.  s and q are transactions of both
 * environments.
 */
int dormancy_silent_since(struct txn *s, struct txn *q, const struct list *l,
    int64_t *since_ms_r, struct err *e);
/* Has this campaign a reminder over its texts?  c with its slices. */
bool dormancy_reminds(const struct campaign *c);
/* Is who is written to at when_ms likely to have forgotten it? */
bool dormancy_is(int64_t since_ms, int64_t when_ms, int months);
/*
 * When a member asked for the list's mail: their confirmation, or what an
 * import claims.  1, 0 it is none, -1.
 */
int dormancy_member_since(struct txn *t, uint64_t subscriber,
    int64_t *since_ms_r, struct err *e);

#endif
