/* SPDX-License-Identifier: Apache-2.0 */
/*
 * merkle.h - the hash tree of a transparency log, RFC 9162 section 2.1.
 *
 * A leaf hash is SHA-256(0x00 | data), an inner node SHA-256(0x01 | left |
 * right), the root of no leaves SHA-256 of nothing.  A tree whose size is no
 * power of two is the largest complete subtree to the left and the rest, by
 * the same rule, to the right.
 *
 * To grow a tree takes only its frontier: the roots of the complete subtrees
 * it falls into, one for each bit set in its size.  To prove takes the roots
 * of complete subtrees from wherever the caller keeps them, asked for one by
 * one, O(log size) of them.  To check a proof takes nothing but the proof.
 *
 * Nothing here allocates or fails for want of memory.  Sizes end at
 * MERKLE_SIZE_MAX, the largest that other implementations read, and which
 * keeps each proof within MERKLE_PROOF_MAX hashes.
 */
#ifndef LIB_MERKLE_H
#define LIB_MERKLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MERKLE_HASH		32	/* octets of SHA-256 */
#define MERKLE_PROOF_MAX	64	/* hashes of a proof */
#define MERKLE_SIZE_MAX		(UINT64_MAX >> 1)	/* leaves of a tree */

/* A tree as far as growing it needs it; all zero is the empty one. */
struct merkle_range {
	uint64_t	size;			/* leaves */
	/* Root of the complete subtree of 2^i leaves, if bit i of size is. */
	uint8_t		hash[64][MERKLE_HASH];
};

struct merkle_proof {
	size_t		n;			/* <= MERKLE_PROOF_MAX */
	uint8_t		hash[MERKLE_PROOF_MAX][MERKLE_HASH];
};

/* The hash of one leaf. */
void merkle_leaf(const void *data, size_t len, uint8_t out[MERKLE_HASH]);
/* The hash of a node; out may be l or r. */
void merkle_node(const uint8_t l[MERKLE_HASH], const uint8_t r[MERKLE_HASH],
    uint8_t out[MERKLE_HASH]);

/*
 * Add a leaf by its merkle_leaf(); one node hash on the average.  False, r
 * untouched, when the tree has MERKLE_SIZE_MAX leaves.
 */
bool merkle_append(struct merkle_range *r, const uint8_t leaf[MERKLE_HASH]);

/*
 * The same, and tell of each subtree that the leaf completes, upwards from
 * the leaf itself: root is that of the n-th (from 0) of 2^level leaves.
 */
typedef void merkle_done_fn(void *arg, unsigned level, uint64_t n,
    const uint8_t root[MERKLE_HASH]);
bool merkle_append_done(struct merkle_range *r,
    const uint8_t leaf[MERKLE_HASH], merkle_done_fn *done, void *arg);

void merkle_root(const struct merkle_range *r, uint8_t out[MERKLE_HASH]);

/*
 * Give the root of the n-th (from 0) complete subtree of 2^level leaves, the
 * leaf hash itself at level 0.  Only subtrees within the size that was asked
 * for are wanted.  0, or -1, which ends the work with -1; what went wrong
 * goes to arg.
 */
typedef int merkle_subtree_fn(void *arg, unsigned level, uint64_t n,
    uint8_t out[MERKLE_HASH]);

/*
 * The root of the first size leaves; the proof that leaf index is among them
 * (2.1.3.1); the proof that the tree of new leaves begins with that of old
 * (2.1.4.1), empty when old is 0 or new.  0, or -1: subtree said so, or
 * index >= size, old > new, or a size over MERKLE_SIZE_MAX.
 */
int merkle_root_at(merkle_subtree_fn *subtree, void *arg, uint64_t size,
    uint8_t out[MERKLE_HASH]);
int merkle_inclusion(merkle_subtree_fn *subtree, void *arg, uint64_t index,
    uint64_t size, struct merkle_proof *proof_r);
int merkle_consistency(merkle_subtree_fn *subtree, void *arg, uint64_t old,
    uint64_t new, struct merkle_proof *proof_r);

/*
 * Check that leaf is the leaf hash at index in the tree of size leaves with
 * this root (2.1.3.2); false for every other leaf, index, root or proof.  A
 * wrong size is told only when it changes the shape of the path: it is the
 * signed checkpoint that binds the size to the root.
 */
bool merkle_verify_inclusion(const uint8_t leaf[MERKLE_HASH], uint64_t index,
    uint64_t size, const struct merkle_proof *proof,
    const uint8_t root[MERKLE_HASH]);

/*
 * Check that the tree of new leaves and new_root begins with the tree of old
 * leaves and old_root (2.1.4.2).  Equal sizes take equal roots and an empty
 * proof; an old size of 0 the root of nothing and an empty proof.
 */
bool merkle_verify_consistency(uint64_t old, uint64_t new,
    const struct merkle_proof *proof, const uint8_t old_root[MERKLE_HASH],
    const uint8_t new_root[MERKLE_HASH]);

#endif
