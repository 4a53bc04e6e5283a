/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_gaps.c - an index of the ledger may be missing only when an entry of
 * erasure names it.
 */
#include "config.h"

#include <stdlib.h>

#include "lib/xmalloc.h"
#include "spool/check_private.h"

#define GAPS_MAX	(1u << 20)	/* of either kind held in memory */

void
check_gaps_free(struct check_gaps *g)
{
	free(g->gap);
	free(g->erased);
	*g = (struct check_gaps){ .expected = 0 };
}

static void
add(struct check_gaps *g, uint64_t **list, size_t *n, uint64_t index)
{
	if (*n == GAPS_MAX) {
		g->too_many = true;
		return;
	}
	/* Room doubles at each power of two. */
	if ((*n & (*n - 1)) == 0)
		*list = xreallocarray(*list, *n == 0 ? 1 : 2 * *n,
		    sizeof(**list));
	(*list)[(*n)++] = index;
}

void
check_gaps_entry(struct check_gaps *g, uint64_t index, struct slice erased)
{
	struct unpack u;

	if (g->expected == 0)
		g->expected = 1;
	for (; g->expected < index && !g->too_many; g->expected++)
		add(g, &g->gap, &g->ngap, g->expected);
	g->expected = index + 1;
	unpack_init(&u, erased.p, erased.len);
	while (u.left >= 8)
		add(g, &g->erased, &g->nerased, unpack_u64(&u));
}

static int
compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static bool
is_explained(const struct check_gaps *g, uint64_t gap)
{
	return g->nerased != 0 && bsearch(&gap, g->erased, g->nerased,
	    sizeof(gap), compare) != NULL;
}

int
check_gaps_next(struct check_gaps *g, uint64_t index, uint64_t *gap_r)
{
	if (g->nerased != 0 && !g->sorted)
		qsort(g->erased, g->nerased, sizeof(*g->erased), compare);
	g->sorted = true;
	for (size_t i = 0; i < g->ngap; i++) {
		if (g->gap[i] >= index && !is_explained(g, g->gap[i])) {
			*gap_r = g->gap[i];
			return 1;
		}
	}
	return 0;
}
