/* SPDX-License-Identifier: Apache-2.0 */
/*
 * merkle_tree.c - a small tree kept whole, for tests.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/merkle_tree.h"

void
tree_add(struct tree *t, const void *data, size_t len)
{
	uint64_t n = t->size++;

	merkle_leaf(data, len, t->node[0][n]);
	for (unsigned l = 1; l < 8 && t->size % (UINT64_C(1) << l) == 0; l++) {
		n >>= 1;
		merkle_node(t->node[l - 1][2 * n], t->node[l - 1][2 * n + 1],
		    t->node[l][n]);
	}
}

int
tree_subtree(void *arg, unsigned level, uint64_t n, uint8_t out[MERKLE_HASH])
{
	struct tree *t = arg;

	assert_int_equal(t->start % (UINT64_C(1) << level), 0);
	n += t->start >> level;
	assert_true(level < 8 && (n + 1) << level <= t->size);
	memcpy(out, t->node[level][n], MERKLE_HASH);
	return 0;
}

void
tree_counting(struct tree *t)
{
	memset(t, 0, sizeof(*t));
	for (unsigned i = 0; i < LEAVES_MAX; i++)
		tree_add(t, &(uint8_t){ (uint8_t)i }, 1);
}
