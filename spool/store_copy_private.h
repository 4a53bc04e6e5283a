/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store_copy_private.h - shared by store_copy*.c and store_swap.c.
 */
#ifndef SPOOL_STORE_COPY_PRIVATE_H
#define SPOOL_STORE_COPY_PRIVATE_H

#include "spool/store_copy.h"

#define STORE_COPY_PATH	4096
#define STORE_COPY_MARK	"whole"

/* The folders of both environments and dir itself. */
int store_copy_sync_dirs(const char *dir, struct err *e);
int store_copy_write_mark(const char *dir,
    const struct store_copy_info *info, struct err *e);
/*
 * In a copy that was begun at begun_ms: what was erased before is not in it.
 */
int store_erased_before(struct txn *t, int64_t begun_ms, int64_t now_ms,
    struct err *e);

#endif
