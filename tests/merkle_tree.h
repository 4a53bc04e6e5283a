/* SPDX-License-Identifier: Apache-2.0 */
/*
 * merkle_tree.h - a small tree kept whole, for tests: every complete
 * subtree's root.
 */
#ifndef TESTS_MERKLE_TREE_H
#define TESTS_MERKLE_TREE_H

#include <stddef.h>
#include <stdint.h>

#include "lib/merkle.h"

#define LEAVES_MAX	130

struct tree {
	uint64_t	size, start;	/* leaf 0 of tree_subtree() is start */
	uint8_t		node[8][LEAVES_MAX][MERKLE_HASH];
};

/* Append a leaf of this data. */
void tree_add(struct tree *t, const void *data, size_t len);
/* Of LEAVES_MAX leaves, where leaf i is the octet i. */
void tree_counting(struct tree *t);
/* A merkle_subtree_fn; arg is the tree. */
int tree_subtree(void *arg, unsigned level, uint64_t n,
    uint8_t out[MERKLE_HASH]);

#endif
