/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control_intake.c - take a file that came with a call into content/.
 */
#include "config.h"

#include <sys/stat.h>

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/err.h"
#include "lib/xmalloc.h"
#include "listd/control_intake.h"
#include "spool/content.h"

#define PIECE	65536	/* octets read at once */

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

static int
copy(struct intake *in, struct content_file *f, struct err *e)
{
	char *buf = xmalloc(PIECE);
	int ret = -1;
	ssize_t n;

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
		if (content_add(f, buf, (size_t)n, e) == -1)
			goto out;
	}
	ret = 0;
out:
	free(buf);
	return ret;
}

int
intake_run(struct intake *in, struct err *e)
{
	char name[CONTENT_NAME_MAX + 1];
	struct content_file *f = NULL;
	uint64_t length;
	int ret = -1;

	in->size = 0;
	if (intake_check(in, e) == -1 ||
	    (f = content_begin(in->content, "control", e)) == NULL)
		goto out;
	if (copy(in, f, e) == -1) {
		content_abandon(f);
		goto out;
	}
	if (content_finish(f, name, &length, in->hash, e) == 0)
		ret = content_adopt(in->content, "control", name, length,
		    in->hash, e);
out:
	intake_close(in);
	return ret;
}

void
intake_close(struct intake *in)
{
	if (in->fd != -1)
		close(in->fd);
	in->fd = -1;
}
