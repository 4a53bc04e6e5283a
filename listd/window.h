/* SPDX-License-Identifier: Apache-2.0 */
/*
 * window.h - the walk of a campaign through one domain, or a part of it.
 *
 * Members come in the order of r = h8 - start (mod 2^64).  The window is what
 * has been read and not yet ended: [lo, hi) of the row in `progress`
 * (spool/DESIGN section 8).  A member passes through
 *
 *	FED	read from the store; the row that covers it is not committed
 *	READY	covered: it may be handed out
 *	OUT	handed out
 *	DONE	ended, in this batch or an earlier one
 *
 * and may fall back from OUT to READY.  The owner feeds ahead of need, writes
 * window_row() with each batch while window_dirty(), and says when that batch
 * is durable.  No I/O happens here, and no clock is asked.
 */
#ifndef LISTD_WINDOW_H
#define LISTD_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct progress;
struct window;

#define WINDOW_MAX	1024	/* members of one window */
#define WINDOW_NONE	UINT64_MAX

/* A walk from first to last; cap members at once, 1 to WINDOW_MAX. */
struct window *window_new(uint64_t start, size_t cap, uint64_t first,
    uint64_t last);
/*
 * A walk that goes on from its row: feed from window_fed(), which is lo.
 * What lies below the row's hi is READY as soon as it is fed.
 */
struct window *window_load(uint64_t start, size_t cap,
    const struct progress *p);
void window_free(struct window *w);

/* ---- feeding */

/* Members from this r on were not read yet. */
uint64_t window_fed(const struct window *w);
/* No r beyond this one is of this walk. */
uint64_t window_last(const struct window *w);
/* The hash to read from, for window_fed(). */
uint64_t window_hash(const struct window *w);
/* How many more to read now; 0 when there is no room or nothing left. */
size_t window_room(const struct window *w);
/* What the loaded row covers is not all fed yet: first of all, do that. */
bool window_reloading(const struct window *w);
/*
 * The next member.  Returns its number in the window, or WINDOW_NONE when the
 * row says that it has its end already.  owner is given back by window_take().
 * r must not be below window_fed().  A round of reading takes all members of
 * one r and ends with window_fed_to() or window_fed_all().
 */
uint64_t window_feed(struct window *w, uint64_t r, uint64_t subscriber,
    void *owner);
/* Everything below r is read (what does not count was passed over). */
void window_fed_to(struct window *w, uint64_t r);
/* There are no more members. */
void window_fed_all(struct window *w);

/* ---- handing out */

/* Members that are READY. */
size_t window_ready(const struct window *w);
/* Members that are FED: a commit would make them ready. */
size_t window_waiting(const struct window *w);
/* The next READY member, now OUT, or NULL. */
void *window_take(struct window *w);
/* OUT -> READY: not tried, to be given again. */
void window_back(struct window *w, uint64_t number);
/* Any state -> DONE.  The owner's pointer is not used again. */
void window_done(struct window *w, uint64_t number);
/*
 * When the window is full and nothing is READY because its first member is
 * still OUT: that one, for the owner to write a deferral and call
 * window_done(), so that one slow server does not stop the domain.  Or NULL.
 */
void *window_straggler(const struct window *w);
/* Walk the members that are not DONE, from *number on; NULL past the last. */
void *window_each(const struct window *w, uint64_t *number);

/* ---- the row */

/* True when the row would differ from the last one taken. */
bool window_dirty(const struct window *w);
/* True when all are fed and DONE: the domain's bit takes the row's place. */
bool window_finished(const struct window *w);
/*
 * The row of this moment, not while reloading; done[PROGRESS_DONE_MAX] takes
 * the ids, which p_r borrows.  One row may be under way at a time.
 */
void window_row(struct window *w, struct progress *p_r, uint64_t *done);
/* The last row taken is durable: what it covers is READY. */
void window_committed(struct window *w);

#endif
