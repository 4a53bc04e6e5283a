/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store_swap.h - put a whole copy in the store's place.
 *
 * Nobody may have the store open, and the caller holds its lock.  The steps,
 * and what a crash behind each leaves, are in spool/DESIGN section 14: at each
 * of them either environment is the old one or the new one, whole, and both
 * say the same.
 */
#ifndef SPOOL_STORE_SWAP_H
#define SPOOL_STORE_SWAP_H

struct err;
struct store_copy_info;

#define STORE_COPY_DIR	"copy"		/* below data_dir; of the queue role */
#define STORE_COMPACT_DIR STORE_COPY_DIR "/compact"
#define STORE_BACKUP_DIR STORE_COPY_DIR "/backup"

/*
 * Swap the store in data_dir with the copy that was made to be compacted into.
 * The old one lies there afterwards, for store_copy_remove().  1 done, 0 there
 * is no whole copy, or one of a store that was written since; -1.  After -1
 * with ERR_DAMAGED store_swap_recover() is due.
 */
int store_swap(const char *data_dir, struct store_copy_info *info_r,
    struct err *e);
/*
 * Where a file system cannot exchange two folders a crash may leave one of
 * the store's missing: put it back.  0, or -1.
 */
int store_swap_recover(const char *data_dir, struct err *e);

#endif
