/* SPDX-License-Identifier: Apache-2.0 */
/*
 * progress.h - how far a campaign has come in each domain.
 *
 * A domain that is being sent to has a row, one that is done has a bit, one
 * that was not begun has neither (spool/DESIGN section 8).  The hash space of a
 * large one is cut into equal parts, which are walked side by side and have a
 * row each.
 */
#ifndef SPOOL_PROGRESS_H
#define SPOOL_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/pack.h"

struct err;
struct strbuf;
struct txn;

#define PROGRESS_DONE_MAX	4096	/* ids of one row's done-ahead */
#define PROGRESS_PARTS_MAX	64	/* of one domain; a power of two */
#define PROGRESS_CHUNK_BITS	4096	/* domain ids of a row of `finished` */
#define PROGRESS_CHUNK		(PROGRESS_CHUNK_BITS / 8)	/* octets */

/* Which row: the part of the domain, from 0; if not cut, 0 alone. */
struct progress_key {
	uint32_t	campaign;
	uint32_t	domain;
	uint16_t	part;
};

/*
 * Points are r = h8 - start of the campaign, modulo 2^64.  Below lo everything
 * has its durable end; from hi on nothing was handed out.
 */
struct progress {
	uint32_t	node;
	uint64_t	first, last;	/* of this part, both inclusive */
	uint64_t	lo;
	uint64_t	hi;		/* means nothing when hi_all */
	bool		hi_all;		/* hi is past the end */
	bool		over;		/* all have their end; others go on */
	size_t		ndone;
	const uint64_t	*done;		/* subscriber ids in [lo, hi), ended */
};

/* The points of one of parts (a power of two). */
void progress_range(unsigned parts, unsigned part, uint64_t *first_r,
    uint64_t *last_r);
/* Of how many parts this is one. */
unsigned progress_parts(const struct progress *p);

/* The row's bytes, for progress_put().  b needs 64 + 8 * ndone octets. */
void progress_encode(struct strbuf *b, const struct progress *p);
int progress_put(struct txn *t, const struct progress_key *key,
    struct slice row, struct err *e);
/*
 * Read a row; done-ahead goes to done[PROGRESS_DONE_MAX], which p_r borrows.
 * 1, 0 not there, -1.
 */
int progress_get(struct txn *t, const struct progress_key *key,
    struct progress *p_r, uint64_t *done, struct err *e);
/* The first row of key->campaign with domain >= key->domain, key updated. */
int progress_next(struct txn *t, struct progress_key *key, struct err *e);

/* Delete the rows of all parts up to key->part, and set the domain's bit. */
int progress_finish(struct txn *t, const struct progress_key *key,
    struct err *e);
/* 1 finished, 0 not, -1. */
int progress_finished(struct txn *t, uint32_t campaign, uint32_t domain,
    struct err *e);
/* The bits of domain ids chunk * PROGRESS_CHUNK_BITS on.  0 or -1. */
int progress_chunk(struct txn *t, uint32_t campaign, uint32_t chunk,
    uint8_t bits[static PROGRESS_CHUNK], struct err *e);
/*
 * Forget up to max rows of a campaign that is over, open ones and bits.
 * 1 there may be more, 0 nothing is left, -1.
 */
int progress_sweep(struct txn *t, uint32_t campaign, unsigned max,
    struct err *e);

#endif
