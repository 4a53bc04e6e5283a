/* SPDX-License-Identifier: Apache-2.0 */
/*
 * content_sweep.c - find and remove what is old in content/ and incoming/.
 */
#include "config.h"

#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/err.h"
#include "spool/content_private.h"

/* What a walk through one folder does with old files. */
struct looking {
	int64_t		 before_ms;
	uint8_t		(*hash)[CONTENT_HASH];	/* NULL: remove all */
	size_t		 max, n;
};

static bool
is_old(const struct stat *sb, int64_t before_ms)
{
	return S_ISREG(sb->st_mode) &&
	    (int64_t)sb->st_mtim.tv_sec * 1000 < before_ms;
}

static void
look_at(struct looking *l, int dir, const char *name)
{
	uint8_t hash[CONTENT_HASH];
	struct stat sb;

	if (fstatat(dir, name, &sb, AT_SYMLINK_NOFOLLOW) == -1 ||
	    !is_old(&sb, l->before_ms))
		return;
	/* Names that are no hash are temporary files of a crash. */
	if (l->hash == NULL || !content_unhex(name, hash))
		unlinkat(dir, name, 0);
	else if (l->n < l->max)
		memcpy(l->hash[l->n++], hash, sizeof(hash));
}

/* The folder `name` in `at`; missing is empty. */
static int
look_in(struct looking *l, int at, const char *name, struct err *e)
{
	struct dirent *d;
	DIR *dir;
	int fd;

	fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1 && errno == ENOENT)
		return 0;
	if (fd == -1 || (dir = fdopendir(fd)) == NULL) {
		err_sys(e, "%s", name);
		if (fd != -1)
			close(fd);
		return -1;
	}
	while ((d = readdir(dir)) != NULL)
		if (d->d_name[0] != '.')
			look_at(l, fd, d->d_name);
	closedir(dir);
	return 0;
}

int
content_list_old(const struct content *c, unsigned folder, int64_t before_ms,
    uint8_t (*hash_r)[CONTENT_HASH], size_t max, size_t *n_r, struct err *e)
{
	struct looking l = { before_ms, hash_r, max, 0 };
	char name[16];

	*n_r = 0;
	snprintf(name, sizeof(name), "%02x", folder);
	if (look_in(&l, c->dir, name, e) == -1)
		return -1;
	*n_r = l.n;
	return 0;
}

int
content_clear_old(const struct content *c, int64_t before_ms, struct err *e)
{
	struct looking l = { .before_ms = before_ms };
	const char *role;

	if (look_in(&l, c->dir, ".", e) == -1)
		return -1;
	for (size_t i = 0; (role = content_role(i)) != NULL; i++)
		if (look_in(&l, c->incoming, role, e) == -1)
			return -1;
	return 0;
}

int
content_remove_old(const struct content *c,
    const uint8_t hash[static CONTENT_HASH], int64_t before_ms, struct err *e)
{
	char path[CONTENT_PATH];
	struct stat sb;
	int rc = 0;

	content_path(hash, path);
	pthread_mutex_lock(c->lock);
	if (fstatat(c->dir, path, &sb, AT_SYMLINK_NOFOLLOW) == 0 &&
	    is_old(&sb, before_ms))
		rc = unlinkat(c->dir, path, 0) == 0 ? 1 : -1;
	if (rc == -1)
		err_sys(e, "content/%s: unlink", path);
	pthread_mutex_unlock(c->lock);
	return rc;
}
