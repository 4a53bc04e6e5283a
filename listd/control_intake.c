/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control_intake.c - take in a file that came with a call.
 */
#include "config.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "lib/err.h"
#include "lib/strbuf.h"
#include "lib/xmalloc.h"
#include "listd/control_intake.h"
#include "spool/content.h"

#define PIECE		65536	/* octets read at once */
#define PATH_OCTETS	2048
#define ROLE		"control"	/* whose folder of incoming/ */

int
intake_check(const struct intake *in, struct err *e)
{
	struct stat sb;

	if (fstat(in->fd, &sb) == -1) {
		err_sys(e, "the file");
		return -1;
	}
	if (!S_ISREG(sb.st_mode)) {
		err_set(e, ERR_INPUT, "the file is no regular file");
		return -1;
	}
	if ((uint64_t)sb.st_size <= in->max)
		return 0;
	err_set(e, ERR_LIMIT, "the file has %llu octets, %llu are taken",
	    (unsigned long long)sb.st_size, (unsigned long long)in->max);
	return -1;
}

/* Where the octets go. */
struct target {
	struct content_file *file;	/* or NULL: */
	int		 fd;
	EVP_MD_CTX	*md;
};

static int
put(struct target *to, const char *p, size_t len, struct err *e)
{
	if (to->file != NULL)
		return content_add(to->file, p, len, e);
	EVP_DigestUpdate(to->md, p, len);
	while (len > 0) {
		ssize_t n = write(to->fd, p, len);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1) {
			err_sys(e, "a copy of the file");
			return -1;
		}
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

static int
copy(struct intake *in, struct target *to, struct err *e)
{
	char *buf = xmalloc(PIECE);
	int ret = -1;
	ssize_t n;

	in->size = 0;
	while ((n = pread(in->fd, buf, PIECE, (off_t)in->size)) != 0) {
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1) {
			err_sys(e, "the file");
			goto out;
		}
		in->size += (uint64_t)n;
		if (in->size > in->max || *in->stop) {
			err_set(e, *in->stop ? ERR_AGAIN : ERR_LIMIT,
			    *in->stop ? "the daemon stops" :
			    "the file grows past its limit");
			goto out;
		}
		if (put(to, buf, (size_t)n, e) == -1)
			goto out;
	}
	ret = 0;
out:
	free(buf);
	return ret;
}

static int
into_content(struct intake *in, struct err *e)
{
	struct target to = { .file = content_begin(in->content, ROLE, e) };

	if (to.file == NULL)
		return -1;
	if (copy(in, &to, e) == -1) {
		content_abandon(to.file);
		return -1;
	}
	return content_keep(in->content, to.file, in->hash, e);
}

/* A file in incoming/control that ends with its descriptor. */
static int
nameless(const char *data_dir, struct err *e)
{
	struct strbuf path = STRBUF_INIT(PATH_OCTETS);
	int fd;

	strbuf_addf(&path, "%s/incoming/" ROLE, data_dir);
	fd = open(path.s, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd == -1 && (errno == EOPNOTSUPP || errno == EISDIR)) {
		strbuf_adds(&path, "/tmp-XXXXXX");
		if ((fd = mkostemp(path.s, O_CLOEXEC)) != -1)
			(void)unlink(path.s);
	}
	if (fd == -1)
		err_sys(e, "%s", path.s);
	strbuf_free(&path);
	return fd;
}

static int
into_nameless(struct intake *in, struct err *e)
{
	struct target to = { .md = EVP_MD_CTX_new() };
	int ret = -1;

	if (to.md == NULL || !EVP_DigestInit_ex(to.md, EVP_sha256(), NULL)) {
		err_set(e, ERR_CRYPTO, "no SHA-256");
		goto out;
	}
	if ((in->copy = to.fd = nameless(in->data_dir, e)) == -1)
		goto out;
	if ((ret = copy(in, &to, e)) == 0)
		EVP_DigestFinal_ex(to.md, in->hash, NULL);
out:
	EVP_MD_CTX_free(to.md);
	return ret;
}

void
intake_init(struct intake *in)
{
	*in = (struct intake){ .fd = -1, .copy = -1 };
}

int
intake_run(struct intake *in, struct err *e)
{
	int ret = intake_check(in, e);

	if (ret == 0)
		ret = in->content != NULL ? into_content(in, e) :
		    into_nameless(in, e);
	if (in->fd != -1)
		close(in->fd);
	in->fd = -1;
	return ret;
}

void
intake_close(struct intake *in)
{
	if (in->fd != -1)
		close(in->fd);
	if (in->copy != -1)
		close(in->copy);
	in->fd = in->copy = -1;
}
