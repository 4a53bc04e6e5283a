/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smeta.h - numbers that S gives out once and never again.
 */
#ifndef SPOOL_SMETA_H
#define SPOOL_SMETA_H

#include <stdint.h>

struct err;
struct txn;

/*
 * The next number under this name ("subscriber", "domain", ...), from 1.  0,
 * or -1: ERR_LIMIT when last was given already.
 */
int smeta_next(struct txn *t, const char *name, uint64_t last,
    uint64_t *id_r, struct err *e);

#endif
