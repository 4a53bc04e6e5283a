/* SPDX-License-Identifier: Apache-2.0 */
/*
 * outcome_log.c - the segments of L: append, cut what is torn, let go.
 *
 * Reading never trusts a length before the octets behind it have been
 * checked: a segment may end anywhere, and its tail may be anything.
 */
#include "config.h"

#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/err.h"
#include "lib/xmalloc.h"
#include "spool/outcome.h"
#include "spool/outcome_private.h"

#define SEGMENT_LAST	99999999u

struct outcome_log {
	int		dirfd;
	int		fd;
	uint32_t	segment;
	uint64_t	size;		/* octets of the current segment */
	uint64_t	last;		/* batch */
};

void
outcome_segment_name(char name[OUTCOME_NAME_LEN + 1], uint32_t segment)
{
	snprintf(name, OUTCOME_NAME_LEN + 1, "%08u.log", segment % 100000000u);
}

/* The number of a segment's name, 0 when it is none. */
static uint32_t
segment_number(const char *name)
{
	uint32_t n = 0;

	if (strlen(name) != OUTCOME_NAME_LEN || strcmp(name + 8, ".log") != 0)
		return 0;
	for (int i = 0; i < 8; i++) {
		if (name[i] < '0' || name[i] > '9')
			return 0;
		n = n * 10 + (uint32_t)(name[i] - '0');
	}
	return n;
}

int
outcome_segment_next(int dirfd, uint32_t after, bool highest, uint32_t *n_r,
    struct err *e)
{
	struct dirent *ent;
	uint32_t n, best = 0;
	DIR *d;
	int fd;

	if ((fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) ==
	    -1 || (d = fdopendir(fd)) == NULL) {
		err_sys(e, "outcomes");
		if (fd != -1)
			close(fd);
		return -1;
	}
	while ((ent = readdir(d)) != NULL) {
		n = segment_number(ent->d_name);
		if (n > after && (best == 0 || (highest ? n > best : n < best)))
			best = n;
	}
	closedir(d);
	*n_r = best;
	return 0;
}

int
outcome_read_at(int fd, void *buf, size_t len, uint64_t at, struct err *e)
{
	size_t got = 0;
	ssize_t n;

	while (got < len) {
		n = pread(fd, (char *)buf + got, len - got,
		    (off_t)(at + got));
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1) {
			err_sys(e, "outcomes: read");
			return -1;
		}
		if (n == 0)
			return 0;
		got += (size_t)n;
	}
	return 1;
}

int
outcome_frame_read(int fd, uint64_t at, struct strbuf *out, struct err *e)
{
	uint8_t head[OUTCOME_FRAME_HEAD];
	struct unpack u;
	uint32_t len;
	char *room;
	int rc;

	strbuf_reset(out);
	if ((rc = outcome_read_at(fd, head, sizeof(head), at, e)) != 1)
		return rc;
	unpack_init(&u, head, sizeof(head));
	len = unpack_u32(&u);
	if (len == 0)		/* the writer is not done with it */
		return 0;
	if (len > OUTCOME_BATCH_MAX ||
	    (room = strbuf_reserve(out, len)) == NULL) {
		err_set(e, ERR_DAMAGED, "a length of %u octets", len);
		return -1;
	}
	rc = outcome_read_at(fd, room, len, at + OUTCOME_FRAME_HEAD, e);
	if (rc == 1)
		strbuf_commit(out, len);
	return rc;
}

/*
 * Walk a segment: *end_r behind its last whole batch, *last_r its number
 * (unchanged when there is none).  Bad frames are where the walk ends.
 */
static int
segment_scan(int fd, uint64_t *end_r, uint64_t *last_r, struct err *e)
{
	struct strbuf frame = STRBUF_INIT(OUTCOME_BATCH_MAX);
	struct outcome_head head;
	struct err why = ERR_INIT;
	struct unpack u;
	char magic[OUTCOME_MAGIC_LEN];
	uint64_t at = 0;
	int rc;

	if ((rc = outcome_read_at(fd, magic, sizeof(magic), 0, &why)) == 1 &&
	    memcmp(magic, OUTCOME_MAGIC, OUTCOME_MAGIC_LEN) == 0)
		at = OUTCOME_MAGIC_LEN;
	while (at != 0 &&
	    (rc = outcome_frame_read(fd, at, &frame, &why)) == 1) {
		if (outcome_open(&u, FRAME_SLICE(&frame), &head, &why) == -1)
			break;
		at += OUTCOME_FRAME_HEAD + frame.len;
		*last_r = head.batch;
	}
	strbuf_free(&frame);
	*end_r = at;
	if (rc == -1 && why.code == ERR_SYSTEM) {
		*e = why;
		return -1;
	}
	return 0;
}

/* ---- the writer */

static int
segment_create(struct outcome_log *log, uint32_t segment, struct err *e)
{
	char name[OUTCOME_NAME_LEN + 1];
	int fd;

	if (segment > SEGMENT_LAST) {
		err_set(e, ERR_LIMIT, "outcomes: all segment numbers are used");
		return -1;
	}
	outcome_segment_name(name, segment);
	fd = openat(log->dirfd, name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC,
	    0640);
	if (fd == -1 || pwrite(fd, OUTCOME_MAGIC, OUTCOME_MAGIC_LEN, 0) !=
	    OUTCOME_MAGIC_LEN ||
	    fsync(fd) == -1 || fsync(log->dirfd) == -1) {
		err_sys(e, "outcomes/%s", name);
		if (fd != -1) {
			close(fd);
			unlinkat(log->dirfd, name, 0);
		}
		return -1;
	}
	if (log->fd != -1)
		close(log->fd);
	log->fd = fd;
	log->segment = segment;
	log->size = OUTCOME_MAGIC_LEN;
	return 0;
}

/* The last batch of the segments below the current one. */
static int
earlier_last(struct outcome_log *log, struct err *e)
{
	char name[OUTCOME_NAME_LEN + 1];
	uint64_t end;
	int fd, rc;

	for (uint32_t n = log->segment; log->last == 0 && n-- > 1;) {
		outcome_segment_name(name, n);
		fd = openat(log->dirfd, name, O_RDONLY | O_CLOEXEC);
		if (fd == -1 && errno == ENOENT)
			continue;
		if (fd == -1) {
			err_sys(e, "outcomes/%s", name);
			return -1;
		}
		rc = segment_scan(fd, &end, &log->last, e);
		close(fd);
		if (rc == -1)
			return -1;
	}
	return 0;
}

/* Find the end of the newest segment; cut its tail, or leave it as damaged. */
static int
log_recover(struct outcome_log *log, uint64_t synced, struct err *damage,
    struct err *e)
{
	char name[OUTCOME_NAME_LEN + 1];
	struct stat sb;
	uint64_t end;

	outcome_segment_name(name, log->segment);
	log->fd = openat(log->dirfd, name, O_RDWR | O_CLOEXEC);
	if (log->fd == -1 || fstat(log->fd, &sb) == -1) {
		err_sys(e, "outcomes/%s", name);
		return -1;
	}
	if (segment_scan(log->fd, &end, &log->last, e) == -1 ||
	    earlier_last(log, e) == -1)
		return -1;
	if (log->last < synced) {
		err_set(damage, ERR_DAMAGED, "outcomes/%s at %llu: damaged, "
		    "batches %llu to %llu are lost", name,
		    (unsigned long long)end,
		    (unsigned long long)log->last + 1,
		    (unsigned long long)synced);
		log->last = synced;
		return segment_create(log, log->segment + 1, e);
	}
	if (end == 0)		/* not even its magic was whole */
		return segment_create(log, log->segment, e);
	if ((uint64_t)sb.st_size > end && ftruncate(log->fd, (off_t)end) ==
	    -1) {
		err_sys(e, "outcomes/%s", name);
		return -1;
	}
	log->size = end;
	return 0;
}

struct outcome_log *
outcome_log_open(const char *dir, uint64_t synced, struct err *damage,
    struct err *e)
{
	struct outcome_log *log = xcalloc(1, sizeof(*log));

	log->fd = log->dirfd = -1;
	if (mkdir(dir, 0750) == -1 && errno != EEXIST) {
		err_sys(e, "%s", dir);
		goto fail;
	}
	log->dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (log->dirfd == -1) {
		err_sys(e, "%s", dir);
		goto fail;
	}
	if (outcome_segment_next(log->dirfd, 0, true, &log->segment, e) == -1)
		goto fail;
	if (log->segment == 0 ? segment_create(log, 1, e) == -1 :
	    log_recover(log, synced, damage, e) == -1)
		goto fail;
	return log;
fail:
	outcome_log_close(log);
	return NULL;
}

void
outcome_log_close(struct outcome_log *log)
{
	if (log == NULL)
		return;
	if (log->fd != -1)
		close(log->fd);
	if (log->dirfd != -1)
		close(log->dirfd);
	free(log);
}

uint64_t
outcome_log_last(const struct outcome_log *log)
{
	return log->last;
}

static int
write_at(int fd, const void *buf, size_t len, uint64_t at)
{
	size_t put = 0;
	ssize_t n;

	while (put < len) {
		n = pwrite(fd, (const char *)buf + put, len - put,
		    (off_t)(at + put));
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			return -1;
		put += (size_t)n;
	}
	return 0;
}

int
outcome_log_append(struct outcome_log *log, uint64_t batch,
    struct slice sealed, struct err *e)
{
	struct strbuf head = STRBUF_INIT(OUTCOME_FRAME_HEAD);
	int rc = -1;

	if (batch <= log->last)
		return 0;
	pack_u32(&head, (uint32_t)sealed.len);
	if (sealed.len > OUTCOME_BATCH_MAX) {
		err_set(e, ERR_LIMIT, "outcomes: a batch of %zu octets",
		    sealed.len);
		goto out;
	}
	if (log->size >= OUTCOME_SEGMENT) {
		if (fdatasync(log->fd) == -1) {
			err_sys(e, "outcomes: sync");
			goto out;
		}
		if (segment_create(log, log->segment + 1, e) == -1)
			goto out;
	}
	/* The length goes last, so that a part is never taken for a whole. */
	if (write_at(log->fd, sealed.p, sealed.len,
	    log->size + OUTCOME_FRAME_HEAD) == -1 ||
	    write_at(log->fd, head.s, head.len, log->size) == -1) {
		err_sys(e, "outcomes: write");
		/* Readers and the next open cut it too. */
		if (ftruncate(log->fd, (off_t)log->size) == -1)
			err_sys(e, "outcomes: truncate");
		goto out;
	}
	log->size += OUTCOME_FRAME_HEAD + sealed.len;
	log->last = batch;
	rc = 0;
out:
	strbuf_free(&head);
	return rc;
}

/* When the first record of a segment was made; 0: it has none. */
static int
segment_began(struct outcome_log *log, uint32_t segment, int64_t *ms_r,
    struct err *e)
{
	struct strbuf frame = STRBUF_INIT(OUTCOME_BATCH_MAX);
	struct outcome_head head;
	char name[OUTCOME_NAME_LEN + 1];
	struct outcome o;
	struct unpack u;
	int fd, rc = -1;

	*ms_r = 0;
	outcome_segment_name(name, segment);
	if ((fd = openat(log->dirfd, name, O_RDONLY | O_CLOEXEC)) == -1) {
		err_sys(e, "outcomes/%s", name);
		return -1;
	}
	rc = outcome_frame_read(fd, OUTCOME_MAGIC_LEN, &frame, e);
	if (rc == 1)
		rc = outcome_open(&u, FRAME_SLICE(&frame), &head, e);
	if (rc == 0 && frame.len > 0 && head.n > 0) {
		outcome_get(&u, &o);
		*ms_r = u.bad ? 0 : o.when_ms;
	}
	close(fd);
	strbuf_free(&frame);
	return rc == -1 ? -1 : 0;
}

/* So that little of it is kept longer for what came after. */
static int
turn(struct outcome_log *log, int64_t now_ms, struct err *e)
{
	int64_t began;

	if (segment_began(log, log->segment, &began, e) == -1)
		return -1;
	if (began == 0 || now_ms - began < OUTCOME_SEGMENT_MS)
		return 0;
	if (fdatasync(log->fd) == -1) {
		err_sys(e, "outcomes: sync");
		return -1;
	}
	return segment_create(log, log->segment + 1, e);
}

/*
 * Records are written in the order of their times: what the next segment begins
 * with is younger than all in this one.
 */
int
outcome_log_prune(struct outcome_log *log, int64_t keep_ms, int64_t now_ms,
    struct err *e)
{
	char name[OUTCOME_NAME_LEN + 1];
	uint32_t oldest, next;
	int64_t began;
	int n = 0;

	if (turn(log, now_ms, e) == -1)
		return -1;
	for (;;) {
		if (outcome_segment_next(log->dirfd, 0, false, &oldest,
		    e) == -1 || outcome_segment_next(log->dirfd, oldest,
		    false, &next, e) == -1)
			return -1;
		if (oldest == 0 || next == 0)
			return n;
		if (segment_began(log, next, &began, e) == -1)
			return -1;
		if (began == 0 || now_ms - began < keep_ms)
			return n;
		outcome_segment_name(name, oldest);
		if (unlinkat(log->dirfd, name, 0) == -1) {
			err_sys(e, "outcomes/%s", name);
			return -1;
		}
		n++;
	}
}

int
outcome_log_dup(const struct outcome_log *log, struct err *e)
{
	int fd = fcntl(log->fd, F_DUPFD_CLOEXEC, 3);

	if (fd == -1)
		err_sys(e, "outcomes");
	return fd;
}
