/* SPDX-License-Identifier: Apache-2.0 */
/*
 * file.c - open, make and replace files without being led astray.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/err.h"
#include "lib/strbuf.h"
#include "lib/sys/file.h"

#define NAME_OCTETS	256	/* of a temporary file's name */

/* err_sys() with the codes that callers look at. */
static void
fail(struct err *e, const char *name)
{
	int saved = errno;

	err_sys(e, "%s", name);
	if (e == NULL)
		return;
	if (saved == ENOENT)
		e->code = ERR_NOTFOUND;
	else if (saved == EEXIST)
		e->code = ERR_EXISTS;
	else if (saved == ELOOP)
		err_set(e, ERR_REFUSED, "%s: is a symbolic link", name);
}

int
file_open(int dirfd, const char *name, int flags, mode_t mode, struct err *e)
{
	/* O_NONBLOCK: a planted FIFO must not hold us up. */
	int fd = openat(dirfd, name, flags | O_CLOEXEC | O_NOFOLLOW |
	    O_NOCTTY | O_NONBLOCK, mode);
	struct stat st;

	if (fd == -1) {
		fail(e, name);
		return -1;
	}
	if (fstat(fd, &st) == -1) {
		fail(e, name);
		goto bad;
	}
	if (!S_ISREG(st.st_mode) || st.st_nlink > 1) {
		err_set(e, ERR_REFUSED, "%s: %s", name,
		    S_ISREG(st.st_mode) ? "has more than one name" :
		    "is not a regular file");
		goto bad;
	}
	/* Whatever the umask was. */
	if ((flags & O_CREAT) != 0 && st.st_uid == geteuid() &&
	    (st.st_mode & 07777) != mode && fchmod(fd, mode) == -1) {
		fail(e, name);
		goto bad;
	}
	return fd;
bad:
	close(fd);
	return -1;
}

int
file_open_config(const char *path, struct err *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;

	if (fd == -1) {
		fail(e, path);
		return -1;
	}
	if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode)) {
		err_set(e, ERR_REFUSED, "%s: is not a regular file", path);
		close(fd);
		return -1;
	}
	return fd;
}

int
file_check_mode(int fd, const char *name, mode_t forbidden, struct err *e)
{
	struct stat st;

	if (fstat(fd, &st) == -1) {
		fail(e, name);
		return -1;
	}
	if ((st.st_mode & forbidden) != 0) {
		err_set(e, ERR_REFUSED, "%s: mode %04o is wider than %04o",
		    name, (unsigned)st.st_mode & 07777,
		    (unsigned)(st.st_mode & ~forbidden) & 07777);
		return -1;
	}
	return 0;
}

int
file_read(int fd, const char *name, struct strbuf *out, struct err *e)
{
	char buf[8192];
	off_t at = 0;
	ssize_t n;

	while ((n = pread(fd, buf, sizeof(buf), at)) > 0) {
		strbuf_add(out, buf, (size_t)n);
		at += n;
		if (out->overflow) {
			err_set(e, ERR_LIMIT, "%s: longer than %zu octets",
			    name, out->max);
			return -1;
		}
	}
	if (n == -1) {
		fail(e, name);
		return -1;
	}
	return 0;
}

static int
write_synced(int fd, const char *data, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, data, len);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return -1;
		data += n;
		len -= (size_t)n;
	}
	return fsync(fd);
}

int
file_replace(int dirfd, const char *name, const void *data, size_t len,
    mode_t mode, struct err *e)
{
	char tmp[NAME_OCTETS];
	int fd = -1, ret = -1;

	if ((size_t)snprintf(tmp, sizeof(tmp), "%s.new", name) >=
	    sizeof(tmp)) {
		err_set(e, ERR_LIMIT, "%s: name too long", name);
		return -1;
	}
	/* What an earlier try left behind. */
	unlinkat(dirfd, tmp, 0);
	fd = file_open(dirfd, tmp, O_WRONLY | O_CREAT | O_EXCL, mode, e);
	if (fd == -1)
		return -1;
	if (write_synced(fd, data, len) == -1 ||
	    renameat(dirfd, tmp, dirfd, name) == -1 || fsync(dirfd) == -1) {
		fail(e, name);
		unlinkat(dirfd, tmp, 0);
		goto out;
	}
	ret = 0;
out:
	close(fd);
	return ret;
}

int
file_make_dir(int dirfd, const char *name, mode_t mode, uid_t uid, gid_t gid,
    struct err *e)
{
	bool made = mkdirat(dirfd, name, 0700) == 0;
	struct stat st;
	int fd;

	if (!made && errno != EEXIST) {
		fail(e, name);
		return -1;
	}
	fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW |
	    O_CLOEXEC);
	if (fd == -1) {
		if (errno == ENOTDIR)
			err_set(e, ERR_REFUSED, "%s: is not a folder", name);
		else
			fail(e, name);
		return -1;
	}
	if (fstat(fd, &st) == -1)
		goto bad;
	if (!made && uid != (uid_t)-1 && st.st_uid != uid) {
		err_set(e, ERR_REFUSED, "%s: belongs to user %u instead of %u",
		    name, (unsigned)st.st_uid, (unsigned)uid);
		close(fd);
		return -1;
	}
	if (((made && uid != (uid_t)-1) ||
	    (gid != (gid_t)-1 && st.st_gid != gid)) &&
	    fchown(fd, uid, gid) == -1)
		goto bad;
	if ((st.st_mode & 07777) != mode && fchmod(fd, mode) == -1)
		goto bad;
	return fd;
bad:
	fail(e, name);
	close(fd);
	return -1;
}
