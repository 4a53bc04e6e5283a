/* SPDX-License-Identifier: Apache-2.0 */
/*
 * outcome_private.h - how a segment of L is read, for outcome_log.c and
 * outcome_reader.c.
 */
#ifndef SPOOL_OUTCOME_PRIVATE_H
#define SPOOL_OUTCOME_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct strbuf;

#define OUTCOME_MAGIC		"listd L1"
#define OUTCOME_MAGIC_LEN	8
#define OUTCOME_FRAME_HEAD	4	/* octets of a frame's length */
#define OUTCOME_BATCH_HEAD	41	/* octets of a sealed batch's head */
#define OUTCOME_NAME_LEN	12	/* "NNNNNNNN.log" */

#define FRAME_SLICE(B) ((struct slice){ (const uint8_t *)(B)->s, (B)->len })

void outcome_segment_name(char name[OUTCOME_NAME_LEN + 1], uint32_t segment);
/* The lowest segment above after, or the highest; 0 when there is none. */
int outcome_segment_next(int dirfd, uint32_t after, bool highest,
    uint32_t *n_r, struct err *e);
/* Read exactly len octets at offset.  1, 0 when the file ends before, -1. */
int outcome_read_at(int fd, void *buf, size_t len, uint64_t at,
    struct err *e);
/*
 * The frame at offset at: 1 with its sealed batch in out, 0 when the file ends
 * before the frame does, -1.
 */
int outcome_frame_read(int fd, uint64_t at, struct strbuf *out,
    struct err *e);

#endif
