/* SPDX-License-Identifier: Apache-2.0 */
/*
 * content_sweep.c - find content files that nothing names any more.
 */
#include "config.h"

#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "lib/err.h"
#include "spool/content_private.h"

typedef int sweep_fn(void *arg, const uint8_t *hash, uint64_t size,
    struct err *e);

struct sweep {
	int64_t		 before_ms;
	sweep_fn	*fn;	/* NULL: what is old goes unasked */
	void		*arg;
};

/* Look at one file: 0 to go on, -1 to stop. */
static int
look_at(const struct sweep *s, int dir, const char *name, struct err *e)
{
	uint8_t hash[CONTENT_HASH];
	struct stat sb;
	int rc = 1;

	if (fstatat(dir, name, &sb, AT_SYMLINK_NOFOLLOW) == -1)
		return 0;	/* went while we looked */
	if (S_ISDIR(sb.st_mode) ||
	    (int64_t)sb.st_mtim.tv_sec * 1000 >= s->before_ms)
		return 0;
	/* Names that are no hash are temporary files of a crash. */
	if (s->fn != NULL && content_unhex(name, hash))
		rc = s->fn(s->arg, hash, (uint64_t)sb.st_size, e);
	if (rc == 1)
		unlinkat(dir, name, 0);
	return rc == -1 ? -1 : 0;
}

/* Every file of the folder `name` in `at`, which is "." for at itself. */
static int
look_in(const struct sweep *s, int at, const char *name, struct err *e)
{
	struct dirent *d;
	DIR *dir;
	int fd, ret = 0;

	fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1 || (dir = fdopendir(fd)) == NULL) {
		err_sys(e, "%s", name);
		if (fd != -1)
			close(fd);
		return -1;
	}
	while (ret == 0 && (d = readdir(dir)) != NULL)
		if (d->d_name[0] != '.')
			ret = look_at(s, fd, d->d_name, e);
	closedir(dir);
	return ret;
}

/* Every folder in `at`, and at itself. */
static int
look_below(const struct sweep *s, int at, struct err *e)
{
	struct stat sb;
	struct dirent *d;
	DIR *dir;
	int fd, ret;

	if ((ret = look_in(s, at, ".", e)) == -1)
		return -1;
	fd = openat(at, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1 || (dir = fdopendir(fd)) == NULL) {
		err_sys(e, "sweep");
		if (fd != -1)
			close(fd);
		return -1;
	}
	while (ret == 0 && (d = readdir(dir)) != NULL)
		if (d->d_name[0] != '.' &&
		    fstatat(fd, d->d_name, &sb, AT_SYMLINK_NOFOLLOW) == 0 &&
		    S_ISDIR(sb.st_mode))
			ret = look_in(s, fd, d->d_name, e);
	closedir(dir);
	return ret;
}

int
content_sweep(const struct content *c, int64_t before_ms, sweep_fn *fn,
    void *arg, struct err *e)
{
	const struct sweep named = { before_ms, fn, arg };
	const struct sweep incoming = { before_ms, NULL, NULL };

	if (look_below(&named, c->dir, e) == -1)
		return -1;
	return look_below(&incoming, c->incoming, e);
}
