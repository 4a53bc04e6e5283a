/* SPDX-License-Identifier: Apache-2.0 */
/*
 * backup_tree.c - files copied into a backup and out of it.
 */
#include "config.h"

#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "lib/err.h"
#include "lib/xmalloc.h"
#include "listd/backup_tree.h"

#define BUF_OCTETS	(1u << 20)
#define PATH_OCTETS	8192
#define DEPTH_MAX	4		/* folders below the one at hand */

/* ---- one file */

static int
write_all(int fd, const uint8_t *p, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, p, len);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return -1;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

static int
copy_bytes(int from, int to, struct backup_file *f, struct err *e)
{
	uint8_t *buf = xmalloc(BUF_OCTETS);
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	ssize_t n = -1;
	int ret = -1;

	f->size = 0;
	if (md == NULL || EVP_DigestInit_ex(md, EVP_sha256(), NULL) != 1) {
		err_set(e, ERR_CRYPTO, "no SHA-256");
		goto out;
	}
	while ((n = read(from, buf, BUF_OCTETS)) > 0) {
		if (write_all(to, buf, (size_t)n) == -1 ||
		    EVP_DigestUpdate(md, buf, (size_t)n) != 1)
			break;
		f->size += (uint64_t)n;
	}
	if (n != 0 || EVP_DigestFinal_ex(md, f->hash, NULL) != 1)
		err_sys(e, "%s", f->path);
	else
		ret = 0;
out:
	EVP_MD_CTX_free(md);
	free(buf);
	return ret;
}

static int
own(const struct backup_tree *t, const char *path, mode_t mode)
{
	if (t->uid != (uid_t)-1 &&
	    lchown(path, t->uid, t->gid) == -1)
		return -1;
	return chmod(path, mode);
}

/* The folders on the way to path. */
static int
make_way(const struct backup_tree *t, const char *path, struct err *e)
{
	char at[PATH_OCTETS];

	for (const char *p = strchr(path, '/'); p != NULL;
	    p = strchr(p + 1, '/')) {
		snprintf(at, sizeof(at), "%s/%.*s", t->to, (int)(p - path),
		    path);
		if (mkdir(at, t->dir_mode) == -1) {
			if (errno == EEXIST)
				continue;
			err_sys(e, "%s: mkdir", at);
			return -1;
		}
		if (own(t, at, t->dir_mode) == -1) {
			err_sys(e, "%s: chown", at);
			return -1;
		}
	}
	return 0;
}

int
backup_copy(const struct backup_tree *t, const char *path,
    struct backup_file *f, struct err *e)
{
	char from[PATH_OCTETS], to[PATH_OCTETS];
	int in, out = -1, ret = -1;
	struct stat sb;

	snprintf(from, sizeof(from), "%s/%s", t->from, path);
	snprintf(to, sizeof(to), "%s/%s", t->to, path);
	in = open(from, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	if (in == -1 && errno == ENOENT)
		return 0;
	if (in == -1 || fstat(in, &sb) == -1 || !S_ISREG(sb.st_mode)) {
		err_sys(e, "%s", from);
		goto out;
	}
	if (make_way(t, path, e) == -1)
		goto out;
	out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (out == -1 || own(t, to, t->mode) == -1)
		err_sys(e, "%s", to);
	else if (copy_bytes(in, out, f, e) == 0)
		ret = 1;
out:
	if (out != -1 && close(out) == -1 && ret == 1) {
		err_sys(e, "%s: close", to);
		ret = -1;
	}
	if (in != -1)
		close(in);
	return ret;
}

/* ---- many */

static int copy_below(const struct backup_tree *t, const char *sub, int depth,
    struct backup_manifest *m, struct err *e);

static int
copy_entry(const struct backup_tree *t, const char *path, int depth,
    struct backup_manifest *m, struct err *e)
{
	char full[PATH_OCTETS];
	struct backup_file *f;
	struct stat sb;
	int rc;

	snprintf(full, sizeof(full), "%s/%s", t->from, path);
	if (lstat(full, &sb) == -1)
		return 0;	/* gone meanwhile */
	if (S_ISDIR(sb.st_mode) && depth > 0)
		return copy_below(t, path, depth - 1, m, e);
	if (!S_ISREG(sb.st_mode))
		return 0;
	f = backup_manifest_add(m, path);
	if ((rc = backup_copy(t, path, f, e)) == 0) {
		free(f->path);
		m->n--;
	}
	return rc == -1 ? -1 : 0;
}

static int
copy_below(const struct backup_tree *t, const char *sub, int depth,
    struct backup_manifest *m, struct err *e)
{
	char path[PATH_OCTETS], name[BACKUP_PATH_MAX + 1];
	struct dirent **names;
	int n, rc = 0;

	snprintf(path, sizeof(path), "%s/%s", t->from, sub);
	if ((n = scandir(path, &names, NULL, alphasort)) == -1) {
		if (errno == ENOENT)
			return 0;
		err_sys(e, "%s", path);
		return -1;
	}
	for (int i = 0; i < n; i++) {
		if (rc == 0 && (size_t)snprintf(name, sizeof(name), "%s/%s",
		    sub, names[i]->d_name) < sizeof(name) &&
		    backup_path_ok(name))
			rc = copy_entry(t, name, depth, m, e);
		free(names[i]);
	}
	free(names);
	return rc;
}

int
backup_copy_all(const struct backup_tree *t, const char *sub,
    struct backup_manifest *m, struct err *e)
{
	return copy_below(t, sub, DEPTH_MAX, m, e);
}

/* ---- whole folders */

int
backup_sync(const char *dir, struct err *e)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc;

	if (fd == -1) {
		err_sys(e, "%s", dir);
		return -1;
	}
	if ((rc = syncfs(fd)) == -1)
		err_sys(e, "%s: sync", dir);
	close(fd);
	return rc;
}

static int
remove_one(const char *path, const struct stat *sb, int type, struct FTW *ftw)
{
	(void)sb, (void)type, (void)ftw;
	return remove(path);
}

int
backup_remove(const char *dir, struct err *e)
{
	if (nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS) == 0 ||
	    errno == ENOENT)
		return 0;
	err_sys(e, "%s: remove", dir);
	return -1;
}
