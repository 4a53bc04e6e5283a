/* SPDX-License-Identifier: Apache-2.0 */
/*
 * outcome_log.c - the segments of L: append, cut what is torn, read back.
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

#define MAGIC		"listd L1"
#define MAGIC_LEN	8
#define FRAME_HEAD	4	/* octets of a frame's length */
#define BATCH_HEAD	41	/* octets of a sealed batch's head */
#define NAME_LEN	12	/* "NNNNNNNN.log" */
#define SEGMENT_LAST	99999999u
#define FRAME_SLICE(B)	((struct slice){ (const uint8_t *)(B)->s, (B)->len })

struct outcome_log {
	int		dirfd;
	int		fd;
	uint32_t	segment;
	uint64_t	size;		/* octets of the current segment */
	uint64_t	last;		/* batch */
};

struct outcome_reader {
	int		dirfd;
	int		fd;		/* -1: between segments */
	uint32_t	segment;	/* current, or the last one done */
	uint64_t	at;		/* offset of the next frame */
	uint32_t	campaign;
	unsigned	states;
	struct strbuf	frame;
	struct unpack	u;		/* of the records not yet given out */
	uint32_t	left;
	uint64_t	batch;
};

static void
segment_name(char name[NAME_LEN + 1], uint32_t segment)
{
	snprintf(name, NAME_LEN + 1, "%08u.log", segment % 100000000u);
}

/* The number of a segment's name, 0 when it is none. */
static uint32_t
segment_number(const char *name)
{
	uint32_t n = 0;

	if (strlen(name) != NAME_LEN || strcmp(name + 8, ".log") != 0)
		return 0;
	for (int i = 0; i < 8; i++) {
		if (name[i] < '0' || name[i] > '9')
			return 0;
		n = n * 10 + (uint32_t)(name[i] - '0');
	}
	return n;
}

/* The lowest segment above after; 0 in *n_r when there is none. */
static int
segment_next(int dirfd, uint32_t after, bool highest, uint32_t *n_r,
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

/* Read exactly len octets at offset.  1, 0 when the file ends before, -1. */
static int
read_at(int fd, void *buf, size_t len, uint64_t at, struct err *e)
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

/*
 * The frame at offset at: 1 with its sealed batch in out, 0 when the file ends
 * before the frame does, -1.
 */
static int
frame_read(int fd, uint64_t at, struct strbuf *out, struct err *e)
{
	uint8_t head[FRAME_HEAD];
	struct unpack u;
	uint32_t len;
	char *room;
	int rc;

	strbuf_reset(out);
	if ((rc = read_at(fd, head, sizeof(head), at, e)) != 1)
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
	if ((rc = read_at(fd, room, len, at + FRAME_HEAD, e)) == 1)
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
	char magic[MAGIC_LEN];
	uint64_t at = 0;
	int rc;

	if ((rc = read_at(fd, magic, sizeof(magic), 0, &why)) == 1 &&
	    memcmp(magic, MAGIC, MAGIC_LEN) == 0)
		at = MAGIC_LEN;
	while (at != 0 && (rc = frame_read(fd, at, &frame, &why)) == 1) {
		if (outcome_open(&u, FRAME_SLICE(&frame), &head, &why) == -1)
			break;
		at += FRAME_HEAD + frame.len;
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
	char name[NAME_LEN + 1];
	int fd;

	if (segment > SEGMENT_LAST) {
		err_set(e, ERR_LIMIT, "outcomes: all segment numbers are used");
		return -1;
	}
	segment_name(name, segment);
	fd = openat(log->dirfd, name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC,
	    0640);
	if (fd == -1 || pwrite(fd, MAGIC, MAGIC_LEN, 0) != MAGIC_LEN ||
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
	log->size = MAGIC_LEN;
	return 0;
}

/* The last batch of the segments below the current one. */
static int
earlier_last(struct outcome_log *log, struct err *e)
{
	char name[NAME_LEN + 1];
	uint64_t end;
	int fd, rc;

	for (uint32_t n = log->segment; log->last == 0 && n-- > 1;) {
		segment_name(name, n);
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
	char name[NAME_LEN + 1];
	struct stat sb;
	uint64_t end;

	segment_name(name, log->segment);
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
	if (segment_next(log->dirfd, 0, true, &log->segment, e) == -1)
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
	struct strbuf head = STRBUF_INIT(FRAME_HEAD);
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
	if (write_at(log->fd, sealed.p, sealed.len, log->size + FRAME_HEAD) ==
	    -1 || write_at(log->fd, head.s, head.len, log->size) == -1) {
		err_sys(e, "outcomes: write");
		/* Readers and the next open cut it too. */
		if (ftruncate(log->fd, (off_t)log->size) == -1)
			err_sys(e, "outcomes: truncate");
		goto out;
	}
	log->size += FRAME_HEAD + sealed.len;
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
	char name[NAME_LEN + 1];
	struct outcome o;
	struct unpack u;
	int fd, rc = -1;

	*ms_r = 0;
	segment_name(name, segment);
	if ((fd = openat(log->dirfd, name, O_RDONLY | O_CLOEXEC)) == -1) {
		err_sys(e, "outcomes/%s", name);
		return -1;
	}
	rc = frame_read(fd, MAGIC_LEN, &frame, e);
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
	char name[NAME_LEN + 1];
	uint32_t oldest, next;
	int64_t began;
	int n = 0;

	if (turn(log, now_ms, e) == -1)
		return -1;
	for (;;) {
		if (segment_next(log->dirfd, 0, false, &oldest, e) == -1 ||
		    segment_next(log->dirfd, oldest, false, &next, e) == -1)
			return -1;
		if (oldest == 0 || next == 0)
			return n;
		if (segment_began(log, next, &began, e) == -1)
			return -1;
		if (began == 0 || now_ms - began < keep_ms)
			return n;
		segment_name(name, oldest);
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

/* ---- readers */

struct outcome_reader *
outcome_reader_new(const char *dir, uint32_t campaign, unsigned states,
    struct err *e)
{
	struct outcome_reader *r;
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd == -1) {
		err_sys(e, "%s", dir);
		return NULL;
	}
	r = xcalloc(1, sizeof(*r));
	r->dirfd = fd;
	r->fd = -1;
	r->campaign = campaign;
	r->states = states;
	strbuf_init(&r->frame, OUTCOME_BATCH_MAX);
	return r;
}

void
outcome_reader_free(struct outcome_reader *r)
{
	if (r == NULL)
		return;
	if (r->fd != -1)
		close(r->fd);
	close(r->dirfd);
	strbuf_free(&r->frame);
	free(r);
}

static void
reader_leave(struct outcome_reader *r)
{
	close(r->fd);
	r->fd = -1;
	r->left = 0;
}

/* Open the next segment: 1, 0 when there is none, -1. */
static int
reader_enter(struct outcome_reader *r, struct err *e)
{
	char name[NAME_LEN + 1], magic[MAGIC_LEN];
	uint32_t n;
	int rc;

	if (segment_next(r->dirfd, r->segment, false, &n, e) == -1)
		return -1;
	if (n == 0)
		return 0;
	r->segment = n;
	segment_name(name, n);
	r->fd = openat(r->dirfd, name, O_RDONLY | O_CLOEXEC);
	if (r->fd == -1) {
		err_sys(e, "outcomes/%s", name);
		return -1;
	}
	r->at = MAGIC_LEN;
	rc = read_at(r->fd, magic, sizeof(magic), 0, e);
	if (rc == 1 && memcmp(magic, MAGIC, MAGIC_LEN) != 0) {
		err_set(e, ERR_DAMAGED, "outcomes/%s: not a log of outcomes",
		    name);
		rc = -1;
	}
	if (rc != 1)
		reader_leave(r);
	return rc == 0 ? 1 : rc;	/* a segment that is being made */
}

/* True when the batch at r->at can hold what is asked for; *len_r its size. */
static int
reader_peek(struct outcome_reader *r, bool *wanted_r, uint32_t *len_r,
    struct err *e)
{
	uint8_t head[FRAME_HEAD + BATCH_HEAD];
	uint32_t lowest, highest;
	struct unpack u;
	int rc;

	if ((rc = read_at(r->fd, head, sizeof(head), r->at, e)) != 1)
		return rc;
	unpack_init(&u, head, sizeof(head));
	*len_r = unpack_u32(&u);
	unpack_init(&u, head + FRAME_HEAD + 29, 8);
	lowest = unpack_u32(&u);
	highest = unpack_u32(&u);
	*wanted_r = r->campaign == 0 || *len_r < BATCH_HEAD ||
	    (r->campaign >= lowest && r->campaign <= highest);
	return 1;
}

/* Make the next batch current: 1, 0 at the segment's end, -1. */
static int
reader_frame(struct outcome_reader *r, struct err *e)
{
	struct outcome_head head;
	struct err why = ERR_INIT;
	uint32_t len = 0;
	bool wanted = true;
	int rc;

	while ((rc = reader_peek(r, &wanted, &len, e)) == 1 && !wanted)
		r->at += FRAME_HEAD + len;
	if (rc != 1)
		return rc;
	if ((rc = frame_read(r->fd, r->at, &r->frame, &why)) == 1 &&
	    outcome_open(&r->u, FRAME_SLICE(&r->frame), &head, &why) == -1)
		rc = -1;
	if (rc != 1) {
		if (rc == -1)
			err_set(e, why.code, "outcomes/%08u.log at %llu: %s",
			    r->segment, (unsigned long long)r->at, why.text);
		return rc;
	}
	r->at += FRAME_HEAD + r->frame.len;
	r->left = head.n;
	r->batch = head.batch;
	return 1;
}

int
outcome_reader_next(struct outcome_reader *r, struct outcome *o,
    uint64_t *batch_r, struct err *e)
{
	int rc;

	for (;;) {
		while (r->left > 0) {
			r->left--;
			outcome_get(&r->u, o);
			if (r->u.bad) {
				err_set(e, ERR_DAMAGED, "outcomes/%08u.log: "
				    "a record that does not fit", r->segment);
				reader_leave(r);
				return -1;
			}
			*batch_r = r->batch;
			if ((r->campaign == 0 || o->campaign == r->campaign) &&
			    (r->states == 0 ||
			    (r->states & 1u << o->state) != 0))
				return 1;
		}
		if (r->fd == -1 && (rc = reader_enter(r, e)) != 1)
			return rc;
		if (r->fd == -1)
			continue;
		if ((rc = reader_frame(r, e)) == 1)
			continue;
		reader_leave(r);
		if (rc == -1)
			return -1;
	}
}
