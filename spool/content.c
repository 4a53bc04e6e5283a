/* SPDX-License-Identifier: Apache-2.0 */
/*
 * content.c - files named by the SHA-256 of their bytes.
 *
 * A file that another user owns is copied and not renamed: its owner may hold
 * it open and write to it after its hash was looked at.
 */
#include "config.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "lib/err.h"
#include "lib/xmalloc.h"
#include "spool/content_private.h"

#define DIR_MODE	0750
#define ROLE_DIR_MODE	0770
#define FILE_MODE	0640
#define BUF_OCTETS	65536
#define HH		2	/* characters of the first folder */
#define PATH_MAX_OCTETS	4096

struct content_file {
	int		 dir;		/* incoming/ROLE */
	int		 fd;
	uint64_t	 length;
	EVP_MD_CTX	*md;
	char		 name[CONTENT_NAME_MAX + 1];
};

static const char *const roles[] = { "control", "deliver", "inbound", "web" };

/* ---- names */

void
content_hex(const uint8_t hash[static CONTENT_HASH],
    char out[static CONTENT_HEX])
{
	for (size_t i = 0; i < CONTENT_HASH; i++)
		snprintf(out + 2 * i, 3, "%02x", hash[i]);
}

static int
nibble(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool
content_unhex(const char *text, uint8_t hash_r[static CONTENT_HASH])
{
	uint8_t hash[CONTENT_HASH];

	if (strlen(text) != 2 * CONTENT_HASH)
		return false;
	for (size_t i = 0; i < CONTENT_HASH; i++) {
		int hi = nibble(text[2 * i]), lo = nibble(text[2 * i + 1]);

		if (hi == -1 || lo == -1)
			return false;
		hash[i] = (uint8_t)(hi << 4 | lo);
	}
	memcpy(hash_r, hash, sizeof(hash));
	return true;
}

static bool
is_name(const char *s)
{
	size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");

	return n > 0 && n <= CONTENT_NAME_MAX && s[n] == '\0' && s[0] != '.';
}

const char *
content_role(size_t i)
{
	return i < sizeof(roles) / sizeof(roles[0]) ? roles[i] : NULL;
}

static bool
is_role(const char *s)
{
	for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++)
		if (strcmp(s, roles[i]) == 0)
			return true;
	return false;
}

/* ---- small file work */

static void
close_fd(int fd)
{
	if (fd != -1)
		close(fd);
}

static int
open_dir(int at, const char *name, struct err *e)
{
	int fd = openat(at, name,
	    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd == -1 && errno == ENOENT)
		err_set(e, ERR_NOTFOUND, "%s: no such folder", name);
	else if (fd == -1)
		err_sys(e, "%s", name);
	return fd;
}

static int
write_all(int fd, const void *p, size_t len, struct err *e)
{
	const char *s = p;

	while (len > 0) {
		ssize_t n = write(fd, s, len);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1) {
			err_sys(e, "write");
			return -1;
		}
		s += n;
		len -= (size_t)n;
	}
	return 0;
}

/*
 * Hash the whole file, and copy it to `to` unless that is -1.  -1 with
 * ERR_SYSTEM or ERR_CRYPTO.
 */
static int
hash_file(int fd, int to, uint8_t out[static CONTENT_HASH], struct err *e)
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	char *buf = xmalloc(BUF_OCTETS);
	ssize_t n = 1;
	int ret = -1;

	if (md == NULL || !EVP_DigestInit_ex(md, EVP_sha256(), NULL)) {
		err_set(e, ERR_CRYPTO, "no SHA-256");
		goto out;
	}
	if (lseek(fd, 0, SEEK_SET) == -1) {
		err_sys(e, "lseek");
		goto out;
	}
	while (n > 0) {
		n = read(fd, buf, BUF_OCTETS);
		if (n == -1 && errno == EINTR) {
			n = 1;
			continue;
		}
		if (n == -1) {
			err_sys(e, "read");
			goto out;
		}
		EVP_DigestUpdate(md, buf, (size_t)n);
		if (to != -1 && write_all(to, buf, (size_t)n, e) == -1)
			goto out;
	}
	EVP_DigestFinal_ex(md, out, NULL);
	ret = 0;
out:
	EVP_MD_CTX_free(md);
	free(buf);
	return ret;
}

static int
sync_fd(int fd, const char *what, struct err *e)
{
	if (fsync(fd) == 0)
		return 0;
	err_sys(e, "%s: fsync", what);
	return -1;
}

/* ---- open */

static int
make_dirs(const char *data_dir, struct err *e)
{
	char path[PATH_MAX_OCTETS];
	mode_t mode = DIR_MODE;

	for (size_t i = 0; i < 2 + sizeof(roles) / sizeof(roles[0]); i++) {
		if (i < 2) {
			snprintf(path, sizeof(path), "%s/%s", data_dir,
			    i == 0 ? "content" : "incoming");
		} else {
			snprintf(path, sizeof(path), "%s/incoming/%s",
			    data_dir, roles[i - 2]);
			mode = ROLE_DIR_MODE;
		}
		if (mkdir(path, mode) == -1 && errno != EEXIST) {
			err_sys(e, "%s: mkdir", path);
			return -1;
		}
	}
	return 0;
}

struct content *
content_open(const char *data_dir, bool make, struct err *e)
{
	struct content *c;
	char path[PATH_MAX_OCTETS];

	if (strlen(data_dir) > PATH_MAX_OCTETS - 64) {
		err_set(e, ERR_LIMIT, "the data directory's name is too long");
		return NULL;
	}
	if (make && make_dirs(data_dir, e) == -1)
		return NULL;
	c = xmalloc(sizeof(*c));
	c->lock = xmalloc(sizeof(*c->lock));
	pthread_mutex_init(c->lock, NULL);
	snprintf(path, sizeof(path), "%s/content", data_dir);
	c->dir = open_dir(AT_FDCWD, path, e);
	snprintf(path, sizeof(path), "%s/incoming", data_dir);
	c->incoming = c->dir != -1 ? open_dir(AT_FDCWD, path, e) : -1;
	if (c->incoming == -1) {
		content_close(c);
		return NULL;
	}
	return c;
}

void
content_close(struct content *c)
{
	if (c == NULL)
		return;
	close_fd(c->dir);
	close_fd(c->incoming);
	pthread_mutex_destroy(c->lock);
	free(c->lock);
	free(c);
}

/* ---- reading */

void
content_path(const uint8_t hash[static CONTENT_HASH],
    char out[static CONTENT_PATH])
{
	char hex[CONTENT_HEX];

	content_hex(hash, hex);
	snprintf(out, CONTENT_PATH, "%.*s/%s", HH, hex, hex);
}

int
content_read(const struct content *c,
    const uint8_t hash[static CONTENT_HASH], uint64_t *size_r, struct err *e)
{
	char path[CONTENT_PATH];
	struct stat sb;
	int fd;

	content_path(hash, path);
	fd = openat(c->dir, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1) {
		if (errno == ENOENT)
			err_set(e, ERR_NOTFOUND, "content/%s: missing", path);
		else
			err_sys(e, "content/%s", path);
		return -1;
	}
	if (fstat(fd, &sb) == -1) {
		err_sys(e, "content/%s", path);
		close(fd);
		return -1;
	}
	*size_r = (uint64_t)sb.st_size;
	return fd;
}

int
content_verify(const struct content *c,
    const uint8_t hash[static CONTENT_HASH], struct err *e)
{
	uint8_t found[CONTENT_HASH];
	char path[CONTENT_PATH];
	uint64_t size;
	struct err le = ERR_INIT;
	int fd = content_read(c, hash, &size, &le);
	int rc;

	if (fd == -1 && le.code == ERR_NOTFOUND)
		return 0;
	if (fd == -1) {
		err_set(e, le.code, "%s", le.text);
		return -1;
	}
	rc = hash_file(fd, -1, found, e);
	close(fd);
	if (rc == -1)
		return -1;
	if (memcmp(found, hash, CONTENT_HASH) == 0)
		return 1;
	content_path(hash, path);
	err_set(e, ERR_DAMAGED, "content/%s: its bytes are others", path);
	return -1;
}

int
content_hold(const struct content *c,
    const uint8_t hash[static CONTENT_HASH], uint64_t *size_r, struct err *e)
{
	char path[CONTENT_PATH];
	struct stat sb;
	int rc = 1;

	content_path(hash, path);
	pthread_mutex_lock(c->lock);
	if (utimensat(c->dir, path, NULL, AT_SYMLINK_NOFOLLOW) == -1 ||
	    fstatat(c->dir, path, &sb, AT_SYMLINK_NOFOLLOW) == -1) {
		rc = errno == ENOENT ? 0 : -1;
		if (rc == -1)
			err_sys(e, "content/%s", path);
	}
	pthread_mutex_unlock(c->lock);
	if (rc == 1)
		*size_r = (uint64_t)sb.st_size;
	return rc;
}

/* ---- adoption */

/* The folder content/HH, made when missing, durably. */
static int
open_hh(const struct content *c, const char *path, struct err *e)
{
	char hh[HH + 1] = { path[0], path[1], '\0' };

	if (mkdirat(c->dir, hh, DIR_MODE) == 0) {
		if (sync_fd(c->dir, "content", e) == -1)
			return -1;
	} else if (errno != EEXIST) {
		err_sys(e, "content/%s: mkdir", hh);
		return -1;
	}
	return open_dir(c->dir, hh, e);
}

/*
 * Move name in the folder `from` to its place, over one with the same bytes
 * if need be, durably.  It counts as changed now: a record is about to name it.
 */
static int
place(const struct content *c, int from, const char *name,
    const uint8_t hash[static CONTENT_HASH], struct err *e)
{
	char path[CONTENT_PATH];
	int hh, ret = -1;

	content_path(hash, path);
	if ((hh = open_hh(c, path, e)) == -1)
		return -1;
	pthread_mutex_lock(c->lock);
	if (renameat(from, name, hh, path + HH + 1) == -1 ||
	    utimensat(hh, path + HH + 1, NULL, 0) == -1)
		err_sys(e, "content/%s: rename", path);
	else
		ret = 0;
	pthread_mutex_unlock(c->lock);
	if (ret == 0)
		ret = sync_fd(hh, path, e);
	close(hh);
	return ret;
}

/* A fresh file in dir under a name of our own. */
static int
create_temporary(int dir, char name[static CONTENT_NAME_MAX + 1],
    struct err *e)
{
	static _Atomic unsigned serial;
	int fd = -1;

	for (int i = 0; i < 100 && fd == -1; i++) {
		snprintf(name, CONTENT_NAME_MAX + 1, "tmp-%ld-%u",
		    (long)getpid(), serial++);
		fd = openat(dir, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW |
		    O_CLOEXEC, FILE_MODE);
		if (fd == -1 && errno != EEXIST)
			break;
	}
	if (fd == -1)
		err_sys(e, "%s", name);
	return fd;
}

/* Bring fd's bytes into content/ as a file of our own. */
static int
adopt_copy(const struct content *c, int fd,
    const uint8_t hash[static CONTENT_HASH], struct err *e)
{
	char name[CONTENT_NAME_MAX + 1];
	uint8_t found[CONTENT_HASH];
	int to = create_temporary(c->dir, name, e), ret = -1;

	if (to == -1)
		return -1;
	if (hash_file(fd, to, found, e) == -1)
		goto out;
	if (memcmp(found, hash, CONTENT_HASH) != 0) {
		err_set(e, ERR_REFUSED, "the file's hash is another");
		goto out;
	}
	if (sync_fd(to, name, e) == -1)
		goto out;
	ret = place(c, c->dir, name, hash, e);
out:
	if (ret == -1)
		unlinkat(c->dir, name, 0);
	close(to);
	return ret;
}

static int
adopt_rename(const struct content *c, int dir, const char *name, int fd,
    const uint8_t hash[static CONTENT_HASH], struct err *e)
{
	uint8_t found[CONTENT_HASH];

	if (hash_file(fd, -1, found, e) == -1)
		return -1;
	if (memcmp(found, hash, CONTENT_HASH) != 0) {
		err_set(e, ERR_REFUSED, "the file's hash is another");
		return -1;
	}
	if (fchmod(fd, FILE_MODE) == -1) {
		err_sys(e, "%s: chmod", name);
		return -1;
	}
	if (sync_fd(fd, name, e) == -1)
		return -1;
	return place(c, dir, name, hash, e);
}

int
content_adopt(const struct content *c, const char *role, const char *name,
    uint64_t length, const uint8_t hash[static CONTENT_HASH], struct err *e)
{
	struct stat sb;
	int dir, fd = -1, ret = -1;

	if (!is_role(role) || !is_name(name)) {
		err_set(e, ERR_INPUT, "no name of an incoming file");
		return -1;
	}
	if ((dir = open_dir(c->incoming, role, e)) == -1)
		return -1;
	fd = openat(dir, name,
	    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd == -1) {
		if (errno == ENOENT)
			err_set(e, ERR_NOTFOUND, "incoming/%s/%s: missing",
			    role, name);
		else if (errno == ELOOP)
			err_set(e, ERR_REFUSED, "incoming/%s/%s: a symbolic "
			    "link", role, name);
		else
			err_sys(e, "incoming/%s/%s", role, name);
		goto out;
	}
	if (fstat(fd, &sb) == -1) {
		err_sys(e, "incoming/%s/%s", role, name);
		goto out;
	}
	if (!S_ISREG(sb.st_mode) || sb.st_nlink != 1 ||
	    (uint64_t)sb.st_size != length || length > CONTENT_MAX) {
		err_set(e, ERR_REFUSED, "incoming/%s/%s: not the plain file "
		    "of %llu octets it was said to be", role, name,
		    (unsigned long long)length);
		goto out;
	}
	if (sb.st_uid == geteuid()) {
		ret = adopt_rename(c, dir, name, fd, hash, e);
	} else {
		ret = adopt_copy(c, fd, hash, e);
		if (ret == 0)
			unlinkat(dir, name, 0);
	}
out:
	close_fd(fd);
	close(dir);
	return ret;
}

int
content_put(const struct content *c, const void *p, size_t len,
    uint8_t hash_r[static CONTENT_HASH], struct err *e)
{
	char name[CONTENT_NAME_MAX + 1];
	int fd, ret = -1;

	if (!EVP_Digest(p, len, hash_r, NULL, EVP_sha256(), NULL)) {
		err_set(e, ERR_CRYPTO, "no SHA-256");
		return -1;
	}
	if ((fd = create_temporary(c->dir, name, e)) == -1)
		return -1;
	if (write_all(fd, p, len, e) == 0 && sync_fd(fd, name, e) == 0)
		ret = place(c, c->dir, name, hash_r, e);
	if (ret == -1)
		unlinkat(c->dir, name, 0);
	close(fd);
	return ret;
}

/* ---- the role's side */

struct content_file *
content_begin(const struct content *c, const char *role, struct err *e)
{
	struct content_file *f;

	if (!is_role(role)) {
		err_set(e, ERR_INPUT, "%s: no role with incoming files", role);
		return NULL;
	}
	f = xcalloc(1, sizeof(*f));
	f->fd = -1;
	f->md = EVP_MD_CTX_new();
	f->dir = open_dir(c->incoming, role, e);
	if (f->dir != -1)
		f->fd = create_temporary(f->dir, f->name, e);
	if (f->fd == -1)
		goto fail;
	if (f->md == NULL || !EVP_DigestInit_ex(f->md, EVP_sha256(), NULL)) {
		err_set(e, ERR_CRYPTO, "no SHA-256");
		goto fail;
	}
	return f;
fail:
	content_abandon(f);
	return NULL;
}

int
content_add(struct content_file *f, const void *p, size_t len, struct err *e)
{
	if (len > CONTENT_MAX - f->length) {
		err_set(e, ERR_LIMIT, "a file over %llu octets",
		    (unsigned long long)CONTENT_MAX);
		return -1;
	}
	if (write_all(f->fd, p, len, e) == -1)
		return -1;
	EVP_DigestUpdate(f->md, p, len);
	f->length += len;
	return 0;
}

static void
file_free(struct content_file *f)
{
	close_fd(f->fd);
	close_fd(f->dir);
	EVP_MD_CTX_free(f->md);
	free(f);
}

int
content_finish(struct content_file *f,
    char name_r[static CONTENT_NAME_MAX + 1], uint64_t *length_r,
    uint8_t hash_r[static CONTENT_HASH], struct err *e)
{
	if (sync_fd(f->fd, f->name, e) == -1 ||
	    sync_fd(f->dir, "incoming", e) == -1) {
		content_abandon(f);
		return -1;
	}
	EVP_DigestFinal_ex(f->md, hash_r, NULL);
	memcpy(name_r, f->name, sizeof(f->name));
	*length_r = f->length;
	file_free(f);
	return 0;
}

int
content_keep(const struct content *c, struct content_file *f,
    uint8_t hash_r[static CONTENT_HASH], struct err *e)
{
	int ret = -1;

	EVP_DigestFinal_ex(f->md, hash_r, NULL);
	if (fchmod(f->fd, FILE_MODE) == -1)
		err_sys(e, "%s: chmod", f->name);
	else if (sync_fd(f->fd, f->name, e) == 0)
		ret = place(c, f->dir, f->name, hash_r, e);
	if (ret == 0)
		file_free(f);
	else
		content_abandon(f);
	return ret;
}

void
content_abandon(struct content_file *f)
{
	if (f == NULL)
		return;
	if (f->fd != -1)
		unlinkat(f->dir, f->name, 0);
	file_free(f);
}
