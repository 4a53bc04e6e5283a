/* SPDX-License-Identifier: Apache-2.0 */
/*
 * outbox.h - outcomes of a batch, kept in Q until L and S have them.
 *
 * A batch's sealed outcomes (spool/outcome.h) are cut into parts, so that the
 * store never has to find a long run of free pages.
 */
#ifndef SPOOL_OUTBOX_H
#define SPOOL_OUTBOX_H

#include <stdint.h>

#include "lib/pack.h"

struct err;
struct strbuf;
struct txn;

#define OUTBOX_PART	16384	/* octets of one row's piece */
#define OUTBOX_MAILS	0x8000	/* number of the first part of the mails */

/*
 * Put the bytes of a batch, which are not looked into: its outcomes, and the
 * mails kept with them (spool/mailed.h), which never reach L.
 */
int outbox_put(struct txn *t, uint64_t batch, struct slice outcomes,
    struct slice mails, struct err *e);
/* 1 deleted, 0 was not there, -1. */
int outbox_del(struct txn *t, uint64_t batch, struct err *e);
/*
 * The first batch above *batch, its number put there and its outcomes in out,
 * which is reset first.  1, 0 past the last, -1.
 */
int outbox_next(struct txn *t, uint64_t *batch, struct strbuf *out,
    struct err *e);
/* The mails of a batch into out, which is reset first; none is fine.  0, -1. */
int outbox_mails(struct txn *t, uint64_t batch, struct strbuf *out,
    struct err *e);

#endif
