/* SPDX-License-Identifier: Apache-2.0 */
/*
 * secrets.c - the key files under secrets/.
 */
#include "config.h"

#include <sys/random.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "lib/err.h"
#include "lib/strbuf.h"
#include "spool/secrets.h"

#define PATH_OCTETS	4096
#define DIR_MODE	0700
#define FILE_MODE	0600

/* The file of a purpose, that with a suffix, or with "" the folder. */
static int
path_of(char out[static PATH_OCTETS], const char *data_dir, const char *name,
    const char *suffix, struct err *e)
{
	int n = snprintf(out, PATH_OCTETS, "%s/secrets/%s%s", data_dir, name,
	    suffix);

	if (n > 0 && n < PATH_OCTETS)
		return 0;
	err_set(e, ERR_LIMIT, "the data directory's name is too long");
	return -1;
}

/* S12: what others may read is no secret. */
static int
check_file(int fd, const char *path, struct err *e)
{
	struct stat sb;

	if (fstat(fd, &sb) == -1) {
		err_sys(e, "%s", path);
		return -1;
	}
	if (!S_ISREG(sb.st_mode) || sb.st_nlink != 1) {
		err_set(e, ERR_REFUSED, "%s: not a plain file of one name",
		    path);
		return -1;
	}
	if ((sb.st_mode & 07177) != 0) {
		err_set(e, ERR_REFUSED, "%s: mode %04o, and it must be 0600 "
		    "or less", path, (unsigned)sb.st_mode & 07777);
		return -1;
	}
	if (sb.st_uid != 0 && sb.st_uid != geteuid()) {
		err_set(e, ERR_REFUSED, "%s: owned by user %u, who is neither "
		    "root nor us", path, (unsigned)sb.st_uid);
		return -1;
	}
	return 0;
}

int
secrets_open(const char *data_dir, enum key_purpose purpose, struct err *e)
{
	char path[PATH_OCTETS];
	int fd;

	if (path_of(path, data_dir, key_purpose_name(purpose), ".key",
	    e) == -1)
		return -1;
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd == -1) {
		if (errno == ENOENT)
			err_set(e, ERR_NOTFOUND, "%s: the %s secret is "
			    "missing", path, key_purpose_name(purpose));
		else
			err_sys(e, "%s", path);
		return -1;
	}
	if (check_file(fd, path, e) == -1) {
		close(fd);
		return -1;
	}
	return fd;
}

int
secrets_read(struct keyring *kr, enum key_purpose purpose, int fd,
    struct err *e)
{
	/* One more than may be, so that too long is seen. */
	char text[KEY_FILE_MAX + 1];
	size_t len = 0;
	ssize_t n = 1;
	int ret = -1;

	while (len < sizeof(text) && n != 0) {
		n = pread(fd, text + len, sizeof(text) - len, (off_t)len);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1) {
			err_sys(e, "the %s secret", key_purpose_name(purpose));
			goto out;
		}
		len += (size_t)n;
	}
	ret = keyring_parse(kr, purpose, text, len, e);
out:
	OPENSSL_cleanse(text, sizeof(text));
	return ret;
}

int
secrets_load(struct keyring *kr, const char *data_dir, unsigned purposes,
    struct err *e)
{
	int fd, rc;

	for (enum key_purpose p = 0; p < KEY_PURPOSES; p++) {
		if ((purposes & 1u << p) == 0)
			continue;
		if ((fd = secrets_open(data_dir, p, e)) == -1)
			return -1;
		rc = secrets_read(kr, p, fd, e);
		close(fd);
		if (rc == -1)
			return -1;
	}
	return 0;
}

/* Write text to a fresh file beside path, synced. */
static int
write_beside(const char *path, const struct strbuf *text, struct err *e)
{
	int fd, ret = -1;
	size_t done = 0;

	unlink(path);	/* what a crash left */
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
	    FILE_MODE);
	if (fd == -1) {
		err_sys(e, "%s", path);
		return -1;
	}
	while (done < text->len) {
		ssize_t n = write(fd, text->s + done, text->len - done);

		if (n == -1 && errno != EINTR)
			goto out;
		done += n > 0 ? (size_t)n : 0;
	}
	if (fsync(fd) == 0)
		ret = 0;
out:
	if (ret == -1) {
		err_sys(e, "%s", path);
		unlink(path);
	}
	close(fd);
	return ret;
}

static int
sync_dir(const char *data_dir, struct err *e)
{
	char path[PATH_OCTETS];
	int fd, ret = -1;

	if (path_of(path, data_dir, "", "", e) == -1)
		return -1;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd != -1 && fsync(fd) == 0)
		ret = 0;
	else
		err_sys(e, "%s", path);
	if (fd != -1)
		close(fd);
	return ret;
}

int
secrets_write(const struct keyring *kr, const char *data_dir,
    enum key_purpose purpose, struct err *e)
{
	struct strbuf text = STRBUF_INIT(KEY_FILE_MAX);
	char path[PATH_OCTETS], beside[PATH_OCTETS];
	const char *name = key_purpose_name(purpose);
	int ret = -1;

	if (path_of(path, data_dir, name, ".key", e) == -1 ||
	    path_of(beside, data_dir, name, ".new", e) == -1)
		return -1;
	if (keyring_format(kr, purpose, &text, e) == -1 ||
	    write_beside(beside, &text, e) == -1)
		goto out;
	if (rename(beside, path) == -1) {
		err_sys(e, "%s: rename", path);
		unlink(beside);
		goto out;
	}
	ret = sync_dir(data_dir, e);
out:
	keyring_wipe(&text);
	return ret;
}

/* A file with one fresh key. */
static int
create_one(const char *data_dir, enum key_purpose purpose, struct err *e)
{
	struct keyring *kr = keyring_new();
	uint8_t octets[KEY_OCTETS];
	int ret = -1;

	if (getrandom(octets, sizeof(octets), 0) != sizeof(octets))
		err_sys(e, "getrandom");
	else if (keyring_rotate(kr, purpose, octets, NULL, e) == 0)
		ret = secrets_write(kr, data_dir, purpose, e);
	OPENSSL_cleanse(octets, sizeof(octets));
	keyring_free(kr);
	return ret;
}

int
secrets_create(const char *data_dir, struct err *e)
{
	char path[PATH_OCTETS];

	if (path_of(path, data_dir, "", "", e) == -1)
		return -1;
	if (mkdir(path, DIR_MODE) == -1 && errno != EEXIST) {
		err_sys(e, "%s: mkdir", path);
		return -1;
	}
	for (enum key_purpose p = 0; p < KEY_PURPOSES; p++) {
		if (path_of(path, data_dir, key_purpose_name(p), ".key",
		    e) == -1)
			return -1;
		if (access(path, F_OK) == 0)
			continue;
		if (create_one(data_dir, p, e) == -1)
			return -1;
	}
	return 0;
}
