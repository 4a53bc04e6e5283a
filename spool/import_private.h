/* SPDX-License-Identifier: Apache-2.0 */
/*
 * import_private.h - shared by import*.c.
 */
#ifndef SPOOL_IMPORT_PRIVATE_H
#define SPOOL_IMPORT_PRIVATE_H

#include "spool/import.h"

/* One import_rows() at work. */
struct slicing {
	struct import	im;
	uint32_t	org;
	int64_t		now_ms;
	struct import_batch *batch;	/* room for one */
};

/* Apply n <= IMPORT_BATCH rows; s->im.counts goes with them.  0 or -1. */
int import_batch_apply(struct txn *t, struct slicing *s,
    const struct import_row *rows, size_t n, struct err *e);
struct import_batch *import_batch_new(void);
void import_batch_free(struct import_batch *b);
/* Whether a member by this row would be mailed. */
static inline bool
import_row_vouched(const struct slicing *s, const struct import_row *row)
{
	return s->im.vouched != EVIDENCE_NONE && !row->unvouched;
}

/*
 * One row by itself, whatever is there already: of one that takes a place, or
 * of one that had left or bounced.  0 or -1.
 */
int import_row_alone(struct txn *t, struct slicing *s,
    const struct import_row *row, struct err *e);

int import_put(struct txn *t, const struct import *im, struct err *e);
/* 0, or -1 with ERR_NOTFOUND. */
int import_must(struct txn *t, uint32_t id, struct import *im_r,
    struct err *e);

#endif
