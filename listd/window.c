/* SPDX-License-Identifier: Apache-2.0 */
/*
 * window.c - the walk of a campaign through one domain, or a part of it.
 *
 * Slots lie in a ring in order of r.  A slot's number is its place counted
 * from the beginning of the walk, so it stays the same while slots before it
 * leave.
 */
#include "config.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lib/xmalloc.h"
#include "listd/window.h"
#include "spool/progress.h"

enum slot_state { SLOT_FED, SLOT_READY, SLOT_OUT, SLOT_DONE };

struct slot {
	uint64_t	 r;
	uint64_t	 subscriber;
	void		*owner;
	enum slot_state	 state;
};

struct window {
	uint64_t	 start;
	uint64_t	 first, last;
	size_t		 cap;
	struct slot	*ring;
	size_t		 size;		/* of ring, a power of two */
	uint64_t	 base;		/* number of the first slot */
	uint64_t	 end;		/* one past the last */
	uint64_t	 next;		/* nothing READY below this number */
	size_t		 count[SLOT_DONE + 1];

	uint64_t	 fed;		/* r up to which members were read */
	bool		 all;		/* there are no more */
	uint64_t	 hi;		/* durable */
	bool		 hi_all;
	uint64_t	 row_end;	/* slots the row under way covers */
	uint64_t	 row_hi;
	bool		 row_all;
	bool		 dirty;
	bool		 loaded;	/* it goes on from a row */
	bool		 mid;		/* in the middle of a round */

	/* Of a loaded row: ids that are done, sorted. */
	uint64_t	*ended;
	size_t		 nended;
};

static struct slot *
slot(const struct window *w, uint64_t number)
{
	assert(number >= w->base && number < w->end);
	return &w->ring[number & (w->size - 1)];
}

static void
slot_move(struct window *w, struct slot *s, enum slot_state to)
{
	w->count[s->state]--;
	w->count[to]++;
	s->state = to;
}

struct window *
window_new(uint64_t start, size_t cap, uint64_t first, uint64_t last)
{
	struct window *w = xcalloc(1, sizeof(*w));

	assert(cap >= 1 && cap <= WINDOW_MAX);
	w->start = start;
	w->first = w->fed = w->hi = first;
	w->last = last;
	w->cap = cap;
	w->dirty = true;
	return w;
}

static int
id_order(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

struct window *
window_load(uint64_t start, size_t cap, const struct progress *p)
{
	struct window *w = window_new(start, cap, p->first, p->last);

	w->fed = p->lo;
	w->hi = p->hi;
	w->hi_all = p->hi_all;
	w->dirty = false;
	w->loaded = true;
	if (p->ndone > 0) {
		w->ended = xreallocarray(NULL, p->ndone, sizeof(*w->ended));
		memcpy(w->ended, p->done, p->ndone * sizeof(*w->ended));
		qsort(w->ended, p->ndone, sizeof(*w->ended), id_order);
		w->nended = p->ndone;
	}
	return w;
}

void
window_free(struct window *w)
{
	if (w == NULL)
		return;
	free(w->ring);
	free(w->ended);
	free(w);
}

/* ---- feeding */

uint64_t
window_fed(const struct window *w)
{
	return w->fed;
}

uint64_t
window_last(const struct window *w)
{
	return w->last;
}

uint64_t
window_hash(const struct window *w)
{
	return w->start + w->fed;
}

size_t
window_room(const struct window *w)
{
	size_t n = (size_t)(w->end - w->base);

	if (window_reloading(w))
		return w->cap;
	return w->all || n >= w->cap ? 0 : w->cap - n;
}

bool
window_reloading(const struct window *w)
{
	return w->loaded && !w->all && (w->hi_all || w->fed < w->hi);
}

static void
ring_grow(struct window *w)
{
	size_t size = w->size == 0 ? 8 : w->size * 2;
	struct slot *ring = xreallocarray(NULL, size, sizeof(*ring));

	for (uint64_t n = w->base; n < w->end; n++)
		ring[n & (size - 1)] = w->ring[n & (w->size - 1)];
	free(w->ring);
	w->ring = ring;
	w->size = size;
}

uint64_t
window_feed(struct window *w, uint64_t r, uint64_t subscriber, void *owner)
{
	struct slot *s;
	bool durable = w->hi_all || r < w->hi;

	assert(!w->all && r >= w->fed && r <= w->last);
	w->fed = r;
	w->mid = true;
	if (w->end - w->base == w->size)
		ring_grow(w);
	s = &w->ring[w->end & (w->size - 1)];
	s->r = r;
	s->subscriber = subscriber;
	s->owner = owner;
	s->state = durable ? SLOT_READY : SLOT_FED;
	if (durable && w->nended > 0 && bsearch(&subscriber, w->ended,
	    w->nended, sizeof(*w->ended), id_order) != NULL) {
		/* It stays done-ahead until lo has passed it. */
		s->state = SLOT_DONE;
		s->owner = NULL;
	}
	w->count[s->state]++;
	w->end++;
	if (s->state == SLOT_DONE)
		return WINDOW_NONE;
	if (!durable)
		w->dirty = true;
	return w->end - 1;
}

void
window_fed_to(struct window *w, uint64_t r)
{
	assert(r >= w->fed);
	w->fed = r;
	w->mid = false;
	if (!w->hi_all && r > w->hi)
		w->dirty = true;
}

void
window_fed_all(struct window *w)
{
	w->all = true;
	w->mid = false;
	w->dirty = true;
	free(w->ended);
	w->ended = NULL;
	w->nended = 0;
}

/* ---- handing out */

size_t
window_ready(const struct window *w)
{
	return w->count[SLOT_READY];
}

size_t
window_waiting(const struct window *w)
{
	return w->count[SLOT_FED];
}

void *
window_take(struct window *w)
{
	struct slot *s;

	if (w->count[SLOT_READY] == 0)
		return NULL;
	if (w->next < w->base)
		w->next = w->base;
	while ((s = slot(w, w->next))->state != SLOT_READY)
		w->next++;
	slot_move(w, s, SLOT_OUT);
	w->next++;
	return s->owner;
}

void
window_back(struct window *w, uint64_t number)
{
	struct slot *s = slot(w, number);

	assert(s->state == SLOT_OUT);
	slot_move(w, s, SLOT_READY);
	if (number < w->next)
		w->next = number;
}

void
window_done(struct window *w, uint64_t number)
{
	struct slot *s = slot(w, number);

	assert(s->state != SLOT_DONE);
	slot_move(w, s, SLOT_DONE);
	s->owner = NULL;
	w->dirty = true;
}

void *
window_straggler(const struct window *w)
{
	if (w->end - w->base < w->cap || w->all ||
	    w->count[SLOT_READY] > 0 || w->count[SLOT_FED] > 0 ||
	    slot(w, w->base)->state != SLOT_OUT)
		return NULL;
	return slot(w, w->base)->owner;
}

void *
window_each(const struct window *w, uint64_t *number)
{
	if (*number < w->base)
		*number = w->base;
	for (; *number < w->end; (*number)++) {
		struct slot *s = slot(w, *number);

		if (s->state != SLOT_DONE) {
			(*number)++;
			return s->owner;
		}
	}
	return NULL;
}

/* ---- the row */

bool
window_dirty(const struct window *w)
{
	return w->dirty;
}

bool
window_finished(const struct window *w)
{
	return w->all && (size_t)(w->end - w->base) == w->count[SLOT_DONE];
}

/*
 * Forget the slots at the front that are DONE: lo passes them.  One that
 * shares its r with a member that is not DONE stays, for lo stops at that r.
 */
static void
ring_advance(struct window *w)
{
	uint64_t open = w->base;

	while (open < w->end && slot(w, open)->state == SLOT_DONE)
		open++;
	while (w->base < open && (open == w->end ||
	    slot(w, w->base)->r != slot(w, open)->r)) {
		w->count[SLOT_DONE]--;
		w->base++;
	}
}

void
window_row(struct window *w, struct progress *p, uint64_t *done)
{
	assert(!w->mid && !window_reloading(w));
	ring_advance(w);
	memset(p, 0, sizeof(*p));
	p->first = w->first;
	p->last = w->last;
	p->lo = w->base < w->end ? slot(w, w->base)->r : w->fed;
	p->hi_all = w->all;
	p->hi = w->fed;
	p->done = done;
	for (uint64_t n = w->base; n < w->end; n++)
		if (slot(w, n)->state == SLOT_DONE)
			done[p->ndone++] = slot(w, n)->subscriber;
	w->row_end = w->end;
	w->row_hi = p->hi;
	w->row_all = p->hi_all;
	w->dirty = false;
}

void
window_committed(struct window *w)
{
	w->hi = w->row_hi;
	w->hi_all = w->row_all;
	if (w->count[SLOT_FED] == 0)
		return;
	for (uint64_t n = w->base; n < w->row_end; n++) {
		struct slot *s = slot(w, n);

		if (s->state == SLOT_FED) {
			slot_move(w, s, SLOT_READY);
			if (n < w->next)
				w->next = n;
		}
	}
}
