/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store_swap.c - put a whole copy in the store's place.
 *
 * The parent does this as root in a folder of the queue role's: nothing here
 * goes through a symbolic link, and what is moved must be a folder of the
 * owner of the one it replaces.  S goes last, for it says that compaction is
 * due until then.
 */
#include "config.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/err.h"
#include "spool/store_copy_private.h"
#include "spool/store_private.h"
#include "spool/store_swap.h"

#ifndef RENAME_EXCHANGE
#define RENAME_EXCHANGE	(1 << 1)
#endif

static const struct {
	const char	*name, *old;
	enum store_env	 env;
} folders[] = {
	{ "queue", "queue.old", STORE_Q },
	{ "subscribers", "subscribers.old", STORE_S },
};
#define FOLDERS		(sizeof(folders) / sizeof(folders[0]))

static void
step(const char *what)
{
	if (store_step_hook != NULL)
		store_step_hook(what);
}

static int
open_dir(int at, const char *name, struct err *e)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW |
	    O_CLOEXEC);

	if (fd == -1)
		err_sys(e, "%s", name);
	return fd;
}

/* 1 the store is as it was when it was copied, 0 it was written, -1. */
static int
is_of(int data, const struct store_copy_info *info, struct err *e)
{
	for (size_t i = 0; i < FOLDERS; i++) {
		char path[64];
		uint64_t txn;
		int fd, rc;

		snprintf(path, sizeof(path), "%s/data.mdb", folders[i].name);
		fd = openat(data, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
		if (fd == -1) {
			err_sys(e, "%s", path);
			return -1;
		}
		rc = store_file_txn(fd, path, &txn, e);
		close(fd);
		if (rc == -1)
			return -1;
		if (txn != info->source_txn[folders[i].env])
			return 0;
	}
	return 1;
}

/* Both are folders, of one owner, and the new one is as open as the old. */
static int
check_folders(int data, int copy, struct err *e)
{
	for (size_t i = 0; i < FOLDERS; i++) {
		const char *name = folders[i].name;
		struct stat a, b;

		if (fstatat(data, name, &a, AT_SYMLINK_NOFOLLOW) == -1 ||
		    fstatat(copy, name, &b, AT_SYMLINK_NOFOLLOW) == -1) {
			err_sys(e, "%s", name);
			return -1;
		}
		if (!S_ISDIR(a.st_mode) || !S_ISDIR(b.st_mode) ||
		    a.st_uid != b.st_uid || a.st_gid != b.st_gid ||
		    (a.st_mode & 07777) != (b.st_mode & 07777)) {
			err_set(e, ERR_REFUSED, "%s: the copy has another "
			    "owner or mode", name);
			return -1;
		}
	}
	return 0;
}

static int
exchange(int data, int copy, size_t i, struct err *e)
{
	const char *name = folders[i].name, *old = folders[i].old;

	if (renameat2(data, name, copy, name, RENAME_EXCHANGE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS) {
		err_sys(e, "%s: exchange", name);
		return -1;
	}
	if (renameat(data, name, copy, old) == -1) {
		err_sys(e, "%s: rename", name);
		return -1;
	}
	step("set aside");
	if (renameat(copy, name, data, name) == -1) {
		err_sys(e, "%s: rename", name);
		e->code = ERR_DAMAGED;
		return -1;
	}
	return 0;
}

static int
sync_fd(int fd, const char *name, struct err *e)
{
	if (fsync(fd) == 0)
		return 0;
	err_sys(e, "%s: fsync", name);
	return -1;
}

static int
swap(int data, int copy, struct err *e)
{
	if (check_folders(data, copy, e) == -1)
		return -1;
	for (size_t i = 0; i < FOLDERS; i++) {
		step("exchange");
		if (exchange(data, copy, i, e) == -1)
			return -1;
	}
	step("exchanged");
	/* Before anything is written to the new one. */
	if (sync_fd(data, "data_dir", e) == -1 ||
	    sync_fd(copy, STORE_COMPACT_DIR, e) == -1)
		return -1;
	step("synced");
	return 0;
}

int
store_swap(const char *data_dir, struct store_copy_info *info_r,
    struct err *e)
{
	char path[STORE_COPY_PATH];
	int data = -1, copy = -1, rc;

	snprintf(path, sizeof(path), "%s/%s", data_dir, STORE_COMPACT_DIR);
	if ((rc = store_copy_read_mark(path, info_r, e)) != 1)
		return rc;
	data = open(data_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (data == -1)
		err_sys(e, "%s", data_dir);
	rc = -1;
	if (data != -1 &&
	    (copy = open_dir(data, STORE_COMPACT_DIR, e)) != -1 &&
	    (rc = is_of(data, info_r, e)) == 1 && swap(data, copy, e) == -1)
		rc = -1;
	if (copy != -1)
		close(copy);
	if (data != -1)
		close(data);
	return rc;
}

int
store_swap_recover(const char *data_dir, struct err *e)
{
	int ret = 0, data, copy;
	struct stat sb;

	data = open(data_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (data == -1) {
		err_sys(e, "%s", data_dir);
		return -1;
	}
	copy = open_dir(data, STORE_COMPACT_DIR, NULL);
	for (size_t i = 0; copy != -1 && i < FOLDERS && ret == 0; i++) {
		if (fstatat(data, folders[i].name, &sb,
		    AT_SYMLINK_NOFOLLOW) == 0 ||
		    fstatat(copy, folders[i].old, &sb,
		    AT_SYMLINK_NOFOLLOW) == -1)
			continue;
		if (renameat(copy, folders[i].old, data, folders[i].name) ==
		    -1) {
			err_sys(e, "%s: rename", folders[i].name);
			ret = -1;
		} else {
			ret = sync_fd(data, data_dir, e);
		}
	}
	if (copy != -1)
		close(copy);
	close(data);
	return ret;
}
