/* SPDX-License-Identifier: Apache-2.0 */
/*
 * outcome_reader.c - what L says, read in any process.
 */
#include "config.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/err.h"
#include "lib/xmalloc.h"
#include "spool/outcome.h"
#include "spool/outcome_private.h"

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
	char name[OUTCOME_NAME_LEN + 1], magic[OUTCOME_MAGIC_LEN];
	uint32_t n;
	int rc;

	if (outcome_segment_next(r->dirfd, r->segment, false, &n, e) == -1)
		return -1;
	if (n == 0)
		return 0;
	r->segment = n;
	outcome_segment_name(name, n);
	r->fd = openat(r->dirfd, name, O_RDONLY | O_CLOEXEC);
	if (r->fd == -1) {
		err_sys(e, "outcomes/%s", name);
		return -1;
	}
	r->at = OUTCOME_MAGIC_LEN;
	rc = outcome_read_at(r->fd, magic, sizeof(magic), 0, e);
	if (rc == 1 && memcmp(magic, OUTCOME_MAGIC, OUTCOME_MAGIC_LEN) != 0) {
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
	uint8_t head[OUTCOME_FRAME_HEAD + OUTCOME_BATCH_HEAD];
	uint32_t lowest, highest;
	struct unpack u;
	int rc;

	if ((rc = outcome_read_at(r->fd, head, sizeof(head), r->at, e)) != 1)
		return rc;
	unpack_init(&u, head, sizeof(head));
	*len_r = unpack_u32(&u);
	unpack_init(&u, head + OUTCOME_FRAME_HEAD + 29, 8);
	lowest = unpack_u32(&u);
	highest = unpack_u32(&u);
	*wanted_r = r->campaign == 0 || *len_r < OUTCOME_BATCH_HEAD ||
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
		r->at += OUTCOME_FRAME_HEAD + len;
	if (rc != 1)
		return rc;
	if ((rc = outcome_frame_read(r->fd, r->at, &r->frame, &why)) == 1 &&
	    outcome_open(&r->u, FRAME_SLICE(&r->frame), &head, &why) == -1)
		rc = -1;
	if (rc != 1) {
		if (rc == -1)
			err_set(e, why.code, "outcomes/%08u.log at %llu: %s",
			    r->segment, (unsigned long long)r->at, why.text);
		return rc;
	}
	r->at += OUTCOME_FRAME_HEAD + r->frame.len;
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
