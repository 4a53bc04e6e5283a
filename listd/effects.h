/* SPDX-License-Identifier: Apache-2.0 */
/*
 * effects.h - from a batch of outcomes to what S must do about them.
 */
#ifndef LISTD_EFFECTS_H
#define LISTD_EFFECTS_H

#include <stdint.h>

#include "lib/pack.h"

struct err;
struct txn;

/*
 * Apply a sealed batch (spool/outcome.h) and the mails kept beside it
 * (spool/mailed.h) in a transaction on S, unless S has it; as the apply of a
 * job.  Bounces count for members, notices are sent,
 * wait or are given up; all else says nothing to S.
 */
int effects_apply(struct txn *t, uint64_t batch, struct slice sealed,
    struct slice mails, struct err *e);

#endif
