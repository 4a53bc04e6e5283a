/* SPDX-License-Identifier: Apache-2.0 */
/*
 * import_dry.h - what an import would come to, without writing.
 *
 * Rows are given in the order in which they would be written.  What earlier
 * rows of the file would have done is remembered, a few octets an address, so
 * that the counts are those that the import gives afterwards.
 */
#ifndef SPOOL_IMPORT_DRY_H
#define SPOOL_IMPORT_DRY_H

#include "spool/import.h"

struct err;
struct import_dry;
struct txn;

/*
 * Addresses remembered, in 128 MB.  Of a file with more of them those behind
 * may be told as added though an earlier row has them.
 */
#define IMPORT_DRY_MAX	(12u << 20)

/* im gives list and vouched; org is the list's. */
struct import_dry *import_dry_new(const struct import *im, uint32_t org);
void import_dry_free(struct import_dry *d);	/* NULL is fine */
/* 0 or -1. */
int import_dry_row(struct import_dry *d, struct txn *t,
    const struct import_row *row, struct err *e);
const struct import_counts *import_dry_counts(const struct import_dry *d);
/* False when there were too many addresses. */
bool import_dry_exact(const struct import_dry *d);

#endif
