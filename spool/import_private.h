/* SPDX-License-Identifier: Apache-2.0 */
/*
 * import_private.h - shared by import*.c.
 */
#ifndef SPOOL_IMPORT_PRIVATE_H
#define SPOOL_IMPORT_PRIVATE_H

#include "spool/import.h"

int import_put(struct txn *t, const struct import *im, struct err *e);
/* 0, or -1 with ERR_NOTFOUND. */
int import_must(struct txn *t, uint32_t id, struct import *im_r,
    struct err *e);

#endif
