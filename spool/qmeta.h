/* SPDX-License-Identifier: Apache-2.0 */
/*
 * qmeta.h - the named counters of the queue's environment.
 *
 * Each only ever rises.  A name that was never written is 0.
 */
#ifndef SPOOL_QMETA_H
#define SPOOL_QMETA_H

#include <stdint.h>

struct err;
struct txn;

enum qmeta {
	QMETA_EPOCH,		/* of the running queue role */
	QMETA_BATCH,		/* last batch that was committed */
	QMETA_CAMPAIGN,		/* last campaign id given */
	QMETA_LOGGED,		/* last batch known to be synced in L */
};

int qmeta_get(struct txn *t, enum qmeta name, uint64_t *v_r, struct err *e);
int qmeta_put(struct txn *t, enum qmeta name, uint64_t v, struct err *e);
/* Add one and say the new value. */
int qmeta_next(struct txn *t, enum qmeta name, uint64_t *v_r, struct err *e);

#endif
