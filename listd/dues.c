/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dues.c - many ids, each with the time it is due; which is next?
 *
 * A binary heap of (time, id), and an open-addressed table from id to place.
 */
#include "config.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lib/xmalloc.h"
#include "listd/dues.h"

struct due {
	int64_t		at_ms;
	uint64_t	id;
};

/* An id's place in the heap + 1; 0: the slot is empty. */
struct place {
	uint64_t	id;
	size_t		at;
};

struct dues {
	struct due	*heap;
	size_t		 n, cap;
	struct place	*table;
	size_t		 size;		/* a power of two, at least 2 n */
};

struct dues *
dues_new(void)
{
	return xcalloc(1, sizeof(struct dues));
}

void
dues_free(struct dues *d)
{
	if (d == NULL)
		return;
	free(d->heap);
	free(d->table);
	free(d);
}

/* ---- the table */

static size_t
home(const struct dues *d, uint64_t id)
{
	return (size_t)(id * 0x9e3779b97f4a7c15u >> 32) & (d->size - 1);
}

/* The slot of id, or the empty one where it would go. */
static struct place *
place_of(const struct dues *d, uint64_t id)
{
	size_t i = home(d, id);

	while (d->table[i].at != 0 && d->table[i].id != id)
		i = (i + 1) & (d->size - 1);
	return &d->table[i];
}

static void
table_grow(struct dues *d)
{
	free(d->table);
	d->size = d->size == 0 ? 64 : d->size * 2;
	d->table = xcalloc(d->size, sizeof(*d->table));
	for (size_t i = 0; i < d->n; i++) {
		struct place *p = place_of(d, d->heap[i].id);

		p->id = d->heap[i].id;
		p->at = i + 1;
	}
}

/* Empty a slot and close the gap in its run. */
static void
table_del(struct dues *d, struct place *p)
{
	size_t gap = (size_t)(p - d->table), i = gap, want;

	for (;;) {
		i = (i + 1) & (d->size - 1);
		if (d->table[i].at == 0)
			break;
		want = home(d, d->table[i].id);
		/* It may move back unless its home lies behind the gap. */
		if (((i - want) & (d->size - 1)) >=
		    ((i - gap) & (d->size - 1))) {
			d->table[gap] = d->table[i];
			gap = i;
		}
	}
	d->table[gap].at = 0;
}

/* ---- the heap */

static bool
before(const struct due *a, const struct due *b)
{
	return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : a->id < b->id;
}

static void
put(struct dues *d, size_t i, struct due v)
{
	d->heap[i] = v;
	place_of(d, v.id)->at = i + 1;
}

static void
sift_up(struct dues *d, size_t i, struct due v)
{
	while (i > 0 && before(&v, &d->heap[(i - 1) / 2])) {
		put(d, i, d->heap[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
	put(d, i, v);
}

static void
sift_down(struct dues *d, size_t i, struct due v)
{
	size_t c;

	while ((c = 2 * i + 1) < d->n) {
		if (c + 1 < d->n && before(&d->heap[c + 1], &d->heap[c]))
			c++;
		if (!before(&d->heap[c], &v))
			break;
		put(d, i, d->heap[c]);
		i = c;
	}
	put(d, i, v);
}

static void
move(struct dues *d, size_t i, struct due v)
{
	if (i > 0 && before(&v, &d->heap[(i - 1) / 2]))
		sift_up(d, i, v);
	else
		sift_down(d, i, v);
}

void
dues_set(struct dues *d, uint64_t id, int64_t at_ms)
{
	const struct due v = { at_ms, id };
	struct place *p;

	if (2 * (d->n + 1) > d->size)
		table_grow(d);
	p = place_of(d, id);
	if (p->at != 0) {
		move(d, p->at - 1, v);
		return;
	}
	if (d->n == d->cap) {
		d->cap = d->cap == 0 ? 32 : d->cap * 2;
		d->heap = xreallocarray(d->heap, d->cap, sizeof(*d->heap));
	}
	p->id = id;
	p->at = ++d->n;
	sift_up(d, d->n - 1, v);
}

void
dues_earlier(struct dues *d, uint64_t id, int64_t at_ms)
{
	int64_t at;

	if (!dues_get(d, id, &at) || at_ms < at)
		dues_set(d, id, at_ms);
}

void
dues_del(struct dues *d, uint64_t id)
{
	struct place *p;
	size_t i;

	if (d->size == 0 || (p = place_of(d, id))->at == 0)
		return;
	i = p->at - 1;
	table_del(d, p);
	if (i != --d->n)
		move(d, i, d->heap[d->n]);
}

bool
dues_get(const struct dues *d, uint64_t id, int64_t *at_r)
{
	const struct place *p;

	if (d->size == 0 || (p = place_of(d, id))->at == 0)
		return false;
	*at_r = d->heap[p->at - 1].at_ms;
	return true;
}

size_t
dues_count(const struct dues *d)
{
	return d->n;
}

int64_t
dues_next(const struct dues *d)
{
	return d->n == 0 ? INT64_MAX : d->heap[0].at_ms;
}

bool
dues_pop(struct dues *d, int64_t now_ms, uint64_t *id_r)
{
	if (d->n == 0 || d->heap[0].at_ms > now_ms)
		return false;
	*id_r = d->heap[0].id;
	dues_del(d, *id_r);
	return true;
}

uint64_t
dues_at(const struct dues *d, size_t i, int64_t *at_r)
{
	assert(i < d->n);
	*at_r = d->heap[i].at_ms;
	return d->heap[i].id;
}
