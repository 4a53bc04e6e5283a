/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_merkle_self.c - the hash tree against itself: every size up to 130,
 * every bit of a proof, and the edges of the numbers.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/merkle_tree.h"

/* The tree as appending tells of it is the tree. */
static void
append_tells(void *arg, unsigned level, uint64_t n,
    const uint8_t root[MERKLE_HASH])
{
	struct tree *t = arg;

	assert_memory_equal(t->node[level][n], root, MERKLE_HASH);
	/* size counts what was told here: all of 2n - popcount(n) nodes */
	t->size++;
}

static void
every_subtree_is_told(void **state)
{
	struct merkle_range r = { 0 };
	struct tree t;

	(void)state;
	tree_counting(&t);
	t.size = 0;
	for (size_t i = 0; i < LEAVES_MAX; i++)
		assert_true(merkle_append_done(&r, t.node[0][i], append_tells,
		    &t));
	assert_int_equal(t.size, 2 * LEAVES_MAX - 2);	/* 128 + 2 */
}

static void
roots_up_to(struct tree *t, uint8_t root[LEAVES_MAX + 1][MERKLE_HASH])
{
	struct merkle_range r = { 0 };

	tree_counting(t);
	for (uint64_t i = 0; i <= LEAVES_MAX; i++) {
		merkle_root(&r, root[i]);
		if (i < LEAVES_MAX)
			assert_true(merkle_append(&r, t->node[0][i]));
	}
}

/* Every pair of sizes: the proof holds, and for no other root. */
static void
every_consistency_holds(void **state)
{
	uint8_t root[LEAVES_MAX + 1][MERKLE_HASH];
	struct merkle_proof p;
	struct tree t;

	(void)state;
	roots_up_to(&t, root);
	for (uint64_t new = 0; new <= LEAVES_MAX; new++)
		for (uint64_t old = 0; old <= new; old++) {
			assert_int_equal(merkle_consistency(tree_subtree, &t,
			    old, new, &p), 0);
			assert_true(merkle_verify_consistency(old, new, &p,
			    root[old], root[new]));
			assert_false(merkle_verify_consistency(old, new, &p,
			    root[(old + 1) % LEAVES_MAX], root[new]));
			/* of nothing, each tree is the continuation */
			assert_int_equal(merkle_verify_consistency(old, new,
			    &p, root[old], root[(new + 1) % LEAVES_MAX]),
			    old == 0 && new != 0);
			p.n++;
			assert_false(merkle_verify_consistency(old, new, &p,
			    root[old], root[new]));
		}
}

/* Every bit of every hash of a proof counts, and of what it is about. */
static void
every_bit_counts(void **state)
{
	uint8_t root[LEAVES_MAX + 1][MERKLE_HASH], h[MERKLE_HASH];
	struct merkle_proof p;
	struct tree t;

	(void)state;
	roots_up_to(&t, root);
	for (uint64_t size = 1; size <= LEAVES_MAX; size += 3) {
		uint64_t at = size * 7 / 11, old = size * 5 / 9 + 1;
		uint8_t *octets = p.hash[0];

		assert_int_equal(merkle_inclusion(tree_subtree, &t, at, size,
		    &p), 0);
		for (size_t bit = 0; bit < p.n * MERKLE_HASH * 8; bit++) {
			octets[bit / 8] ^= (uint8_t)(1 << bit % 8);
			assert_false(merkle_verify_inclusion(t.node[0][at], at,
			    size, &p, root[size]));
			octets[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
		for (size_t bit = 0; bit < MERKLE_HASH * 8; bit++) {
			memcpy(h, t.node[0][at], sizeof(h));
			h[bit / 8] ^= (uint8_t)(1 << bit % 8);
			assert_false(merkle_verify_inclusion(h, at, size, &p,
			    root[size]));
		}
		assert_int_equal(merkle_consistency(tree_subtree, &t, old,
		    size, &p), 0);
		for (size_t bit = 0; bit < p.n * MERKLE_HASH * 8; bit++) {
			octets[bit / 8] ^= (uint8_t)(1 << bit % 8);
			assert_false(merkle_verify_consistency(old, size, &p,
			    root[old], root[size]));
			octets[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
	}
}

/* ---- the edges of the numbers */

/* A tree of equal leaves: one node a level, whatever its number. */
static int
equal_subtree(void *arg, unsigned level, uint64_t n, uint8_t out[MERKLE_HASH])
{
	assert_true(level < 63);
	assert_true(n <= (MERKLE_SIZE_MAX >> level) - 1);
	memcpy(out, ((uint8_t (*)[MERKLE_HASH])arg)[level], MERKLE_HASH);
	return 0;
}

static int
failing_subtree(void *arg, unsigned level, uint64_t n,
    uint8_t out[MERKLE_HASH])
{
	(void)arg, (void)level, (void)n, (void)out;
	return -1;
}

static void
the_largest_tree(void **state)
{
	const uint64_t max = MERKLE_SIZE_MAX;
	uint64_t where[] = { 0, 1, max / 2, max / 2 + 1, max - 2, max - 1 };
	uint8_t equal[63][MERKLE_HASH], root[MERKLE_HASH], was[MERKLE_HASH];
	struct merkle_range r = { .size = max };
	struct merkle_proof p;

	(void)state;
	merkle_leaf("", 0, equal[0]);
	for (size_t i = 1; i < 63; i++)
		merkle_node(equal[i - 1], equal[i - 1], equal[i]);
	memcpy(r.hash, equal, sizeof(equal));
	merkle_root(&r, was);
	assert_int_equal(merkle_root_at(equal_subtree, equal, max, root), 0);
	assert_memory_equal(root, was, MERKLE_HASH);
	assert_false(merkle_append(&r, equal[0]));
	assert_true(r.size == max);

	for (size_t i = 0; i < sizeof(where) / sizeof(*where); i++) {
		assert_int_equal(merkle_inclusion(equal_subtree, equal,
		    where[i], max, &p), 0);
		assert_true(merkle_verify_inclusion(equal[0], where[i], max,
		    &p, root));
		assert_int_equal(merkle_root_at(equal_subtree, equal,
		    where[i], was), 0);
		assert_int_equal(merkle_consistency(equal_subtree, equal,
		    where[i], max, &p), 0);
		assert_true(p.n <= MERKLE_PROOF_MAX);
		assert_true(merkle_verify_consistency(where[i], max, &p, was,
		    root));
	}
}

static void
what_is_refused(void **state)
{
	const uint64_t over = MERKLE_SIZE_MAX + 1;
	uint8_t h[MERKLE_HASH] = { 0 }, any[MERKLE_HASH];
	struct merkle_proof p = { 0 };

	(void)state;
	assert_int_equal(merkle_root_at(failing_subtree, NULL, 0, any), 0);
	assert_int_equal(merkle_root_at(failing_subtree, NULL, 3, any), -1);
	assert_int_equal(merkle_root_at(failing_subtree, NULL, over, any), -1);
	assert_int_equal(merkle_inclusion(failing_subtree, NULL, 0, 1, &p), 0);
	assert_int_equal(merkle_inclusion(failing_subtree, NULL, 0, 2, &p),
	    -1);
	assert_int_equal(merkle_inclusion(failing_subtree, NULL, 0, 0, &p),
	    -1);
	assert_int_equal(merkle_inclusion(failing_subtree, NULL, 2, 2, &p),
	    -1);
	assert_int_equal(merkle_inclusion(failing_subtree, NULL, 0, over, &p),
	    -1);
	assert_int_equal(merkle_consistency(failing_subtree, NULL, 3, 3, &p),
	    0);
	assert_int_equal(merkle_consistency(failing_subtree, NULL, 3, 4, &p),
	    -1);
	assert_int_equal(merkle_consistency(failing_subtree, NULL, 4, 3, &p),
	    -1);
	assert_int_equal(merkle_consistency(failing_subtree, NULL, 1, over,
	    &p), -1);

	/* a count that a peer made up reads nothing past the end */
	p.n = MERKLE_PROOF_MAX + 1;
	assert_false(merkle_verify_inclusion(h, 1, 2, &p, h));
	assert_false(merkle_verify_consistency(1, 2, &p, h, h));
	p.n = 0;
	assert_false(merkle_verify_inclusion(h, 0, 0, &p, h));
	assert_false(merkle_verify_inclusion(h, 0, over, &p, h));
	assert_false(merkle_verify_inclusion(h, over, over, &p, h));
	assert_false(merkle_verify_consistency(2, 1, &p, h, h));
	assert_false(merkle_verify_consistency(over, over, &p, h, h));
	assert_false(merkle_verify_consistency(0, 0, &p, h, h));
	assert_false(merkle_verify_consistency(0, 1, &p, h, h));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_subtree_is_told),
		cmocka_unit_test(every_consistency_holds),
		cmocka_unit_test(every_bit_counts),
		cmocka_unit_test(the_largest_tree),
		cmocka_unit_test(what_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
