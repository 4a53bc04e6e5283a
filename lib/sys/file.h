/* SPDX-License-Identifier: Apache-2.0 */
/*
 * file.h - open, make and replace files without being led astray.
 *
 * The daemon's parent may be root and works in folders that belong to less:
 * so names below data_dir are opened by openat, never through a symbolic
 * link, and a regular file must have one name only (reliability row X11).
 * Every descriptor is close-on-exec.  `name` in messages is the whole path,
 * as far as the caller knows it.
 */
#ifndef LIB_SYS_FILE_H
#define LIB_SYS_FILE_H

#include <stddef.h>
#include <sys/types.h>

struct err;
struct strbuf;

/*
 * Open name in the folder dirfd, flags as for open(2); a file made by O_CREAT
 * has exactly mode.  Anything but a regular file with one name is refused.
 * The descriptor, or -1: ERR_NOTFOUND, ERR_EXISTS, ERR_REFUSED, ERR_SYSTEM.
 */
int file_open(int dirfd, const char *name, int flags, mode_t mode,
    struct err *e);

/*
 * Open for reading a file the administrator named in the configuration;
 * links are followed.  It must be a regular file.
 */
int file_open_config(const char *path, struct err *e);

/* ERR_REFUSED when fd's mode has one of the bits in forbidden. */
int file_check_mode(int fd, const char *name, mode_t forbidden,
    struct err *e);

/*
 * Append the whole file to out, from its start whatever its offset.
 * ERR_LIMIT when it passes out's limit.
 */
int file_read(int fd, const char *name, struct strbuf *out, struct err *e);

/*
 * Put len octets under name in dirfd, all or nothing, also after a power cut:
 * a temporary file, synced, renamed, and the folder synced.
 */
int file_replace(int dirfd, const char *name, const void *data, size_t len,
    mode_t mode, struct err *e);

/*
 * Make the folder name in dirfd unless it is there, with mode, owner and
 * group ((uid_t)-1 and (gid_t)-1: as they come), and open it.  One that is
 * there must belong to that owner; its group and mode are set right.
 */
int file_make_dir(int dirfd, const char *name, mode_t mode, uid_t uid,
    gid_t gid, struct err *e);

#endif
