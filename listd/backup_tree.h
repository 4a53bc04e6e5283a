/* SPDX-License-Identifier: Apache-2.0 */
/*
 * backup_tree.h - files copied into a backup and out of it, by listctl.
 *
 * Every file is hashed as it is copied.  Nothing is synced one by one:
 * backup_sync() syncs the whole file system at the end.
 */
#ifndef LISTD_BACKUP_TREE_H
#define LISTD_BACKUP_TREE_H

#include <sys/types.h>

#include "lib/backup_manifest.h"

/* From one folder into another; both are paths. */
struct backup_tree {
	const char	*from, *to;
	mode_t		 mode, dir_mode;	/* of what is made */
	uid_t		 uid;			/* (uid_t)-1: ours */
	gid_t		 gid;
};

/*
 * Copy from/PATH to to/PATH, which must not be there, making folders on the
 * way; f gets its hash and size.  Links are not followed.  1, 0 when there is
 * no such file, -1.
 */
int backup_copy(const struct backup_tree *t, const char *path,
    struct backup_file *f, struct err *e);
/*
 * Copy every file below from/SUB whose name may stand in a manifest and add it
 * to m; a folder that is missing is empty.
 */
int backup_copy_all(const struct backup_tree *t, const char *sub,
    struct backup_manifest *m, struct err *e);
/* Sync the file system that dir lies on. */
int backup_sync(const char *dir, struct err *e);
/* Remove dir and all below it.  NULL e: as far as it goes. */
int backup_remove(const char *dir, struct err *e);

#endif
