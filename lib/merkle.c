/* SPDX-License-Identifier: Apache-2.0 */
/*
 * merkle.c - the tree of RFC 9162 section 2.1.
 *
 * Proofs are made from the leaf upwards, the order in which they are read.
 * At each level the node on the way has a number, and so has the last node
 * of that level; the two say whether a sibling stands to the left (then it is
 * complete), to the right (then it may be the ragged edge), or not at all.
 */
/*
 * SHA256_Init() and its like are deprecated since OpenSSL 3.0, but are the
 * only way in that neither allocates nor can fail: a leaf appended costs two
 * hashes, and by EVP more than half of that goes into finding the algorithm
 * and making a context.
 */
#define OPENSSL_SUPPRESS_DEPRECATED

#include "config.h"

#include <string.h>

#include <openssl/sha.h>

#include "lib/merkle.h"

_Static_assert(MERKLE_HASH == SHA256_DIGEST_LENGTH, "SHA-256");

void
merkle_leaf(const void *data, size_t len, uint8_t out[MERKLE_HASH])
{
	SHA256_CTX ctx;

	SHA256_Init(&ctx);
	SHA256_Update(&ctx, "\0", 1);
	SHA256_Update(&ctx, data, len);
	SHA256_Final(out, &ctx);
}

void
merkle_node(const uint8_t l[MERKLE_HASH], const uint8_t r[MERKLE_HASH],
    uint8_t out[MERKLE_HASH])
{
	SHA256_CTX ctx;

	SHA256_Init(&ctx);
	SHA256_Update(&ctx, "\1", 1);
	SHA256_Update(&ctx, l, MERKLE_HASH);
	SHA256_Update(&ctx, r, MERKLE_HASH);
	SHA256_Final(out, &ctx);
}

static void
empty_root(uint8_t out[MERKLE_HASH])
{
	SHA256_CTX ctx;

	SHA256_Init(&ctx);
	SHA256_Final(out, &ctx);
}

/* ---- growing */

bool
merkle_append_done(struct merkle_range *r, const uint8_t leaf[MERKLE_HASH],
    merkle_done_fn *done, void *arg)
{
	uint8_t h[MERKLE_HASH];
	unsigned i = 0;

	if (r->size >= MERKLE_SIZE_MAX)
		return false;
	memcpy(h, leaf, MERKLE_HASH);
	for (;; i++) {
		if (done != NULL)
			done(arg, i, r->size >> i, h);
		if (!(r->size >> i & 1))
			break;
		merkle_node(r->hash[i], h, h);
	}
	memcpy(r->hash[i], h, MERKLE_HASH);
	r->size++;
	return true;
}

bool
merkle_append(struct merkle_range *r, const uint8_t leaf[MERKLE_HASH])
{
	return merkle_append_done(r, leaf, NULL, NULL);
}

void
merkle_root(const struct merkle_range *r, uint8_t out[MERKLE_HASH])
{
	uint8_t h[MERKLE_HASH];
	bool first = true;

	empty_root(h);
	for (unsigned i = 0; i < 64 && r->size >> i != 0; i++) {
		if (!(r->size >> i & 1))
			continue;
		if (first)
			memcpy(h, r->hash[i], MERKLE_HASH);
		else
			merkle_node(r->hash[i], h, h);
		first = false;
	}
	memcpy(out, h, MERKLE_HASH);
}

/* ---- proving */

/*
 * The root over the leaves from start to end, end not included: start is a
 * multiple of a power of two that is no less than their number, which is not
 * 0.  Complete subtrees are taken from the right edge leftwards.
 */
static int
ragged(merkle_subtree_fn *subtree, void *arg, uint64_t start, uint64_t end,
    uint8_t out[MERKLE_HASH])
{
	uint64_t left = end - start;
	uint8_t l[MERKLE_HASH];
	bool first = true;

	for (unsigned i = 0; left != 0; i++) {
		if (!(left >> i & 1))
			continue;
		if (subtree(arg, i, (end >> i) - 1, first ? out : l) == -1)
			return -1;
		if (!first)
			merkle_node(l, out, out);
		first = false;
		left -= UINT64_C(1) << i;
		end -= UINT64_C(1) << i;
	}
	return 0;
}

int
merkle_root_at(merkle_subtree_fn *subtree, void *arg, uint64_t size,
    uint8_t out[MERKLE_HASH])
{
	if (size > MERKLE_SIZE_MAX)
		return -1;
	if (size == 0) {
		empty_root(out);
		return 0;
	}
	return ragged(subtree, arg, 0, size, out);
}

/* Add the siblings on the way from node n of level up to the root. */
static int
climb(merkle_subtree_fn *subtree, void *arg, unsigned level, uint64_t n,
    uint64_t size, struct merkle_proof *p)
{
	uint64_t last = (size - 1) >> level;
	int rc;

	for (; last != 0; level++, n >>= 1, last >>= 1) {
		if (n & 1)
			rc = subtree(arg, level, n - 1, p->hash[p->n]);
		else if (n + 1 < last)
			rc = subtree(arg, level, n + 1, p->hash[p->n]);
		else if (n + 1 == last)
			rc = ragged(subtree, arg, last << level, size,
			    p->hash[p->n]);
		else
			continue;	/* the edge itself: no sibling here */
		if (rc == -1)
			return -1;
		p->n++;
	}
	return 0;
}

int
merkle_inclusion(merkle_subtree_fn *subtree, void *arg, uint64_t index,
    uint64_t size, struct merkle_proof *proof_r)
{
	proof_r->n = 0;
	if (size > MERKLE_SIZE_MAX || index >= size)
		return -1;
	return climb(subtree, arg, 0, index, size, proof_r);
}

/* The level of the last complete subtree that a tree of size falls into. */
static unsigned
edge_level(uint64_t size)
{
	unsigned level = 0;

	while (!(size >> level & 1))
		level++;
	return level;
}

int
merkle_consistency(merkle_subtree_fn *subtree, void *arg, uint64_t old,
    uint64_t new, struct merkle_proof *proof_r)
{
	unsigned level;
	uint64_t n;

	proof_r->n = 0;
	if (new > MERKLE_SIZE_MAX || old > new)
		return -1;
	if (old == 0 || old == new)
		return 0;
	level = edge_level(old);
	n = (old - 1) >> level;

	/* An old tree of one subtree is known to who checks: its root. */
	if (n != 0) {
		if (subtree(arg, level, n, proof_r->hash[0]) == -1)
			return -1;
		proof_r->n = 1;
	}
	return climb(subtree, arg, level, n, new, proof_r);
}

/* ---- checking */

/* Skip the levels in which the node n, the last one, has no sibling. */
static void
skip_edge(uint64_t *n, uint64_t *last)
{
	while (!(*n & 1) && *n != 0) {
		*n >>= 1;
		*last >>= 1;
	}
}

bool
merkle_verify_inclusion(const uint8_t leaf[MERKLE_HASH], uint64_t index,
    uint64_t size, const struct merkle_proof *proof,
    const uint8_t root[MERKLE_HASH])
{
	uint64_t n = index, last = size - 1;
	uint8_t r[MERKLE_HASH];

	if (size > MERKLE_SIZE_MAX || index >= size ||
	    proof->n > MERKLE_PROOF_MAX)
		return false;
	memcpy(r, leaf, MERKLE_HASH);
	for (size_t i = 0; i < proof->n; i++) {
		if (last == 0)
			return false;
		if (n & 1 || n == last) {
			merkle_node(proof->hash[i], r, r);
			skip_edge(&n, &last);
		} else {
			merkle_node(r, proof->hash[i], r);
		}
		n >>= 1;
		last >>= 1;
	}
	return last == 0 && memcmp(r, root, MERKLE_HASH) == 0;
}

/* The proof proper: 0 < old < new. */
static bool
consistent(uint64_t old, uint64_t new, const struct merkle_proof *proof,
    const uint8_t old_root[MERKLE_HASH], const uint8_t new_root[MERKLE_HASH])
{
	unsigned level = edge_level(old);
	uint64_t n = (old - 1) >> level, last = (new - 1) >> level;
	const uint8_t *seed = n == 0 ? old_root : proof->hash[0];
	uint8_t was[MERKLE_HASH], is[MERKLE_HASH];
	size_t i = n == 0 ? 0 : 1;

	if (proof->n <= i)
		return false;	/* new > old: there is more to hash in */
	memcpy(was, seed, MERKLE_HASH);
	memcpy(is, seed, MERKLE_HASH);
	for (; i < proof->n; i++) {
		if (last == 0)
			return false;
		if (n & 1 || n == last) {
			merkle_node(proof->hash[i], was, was);
			merkle_node(proof->hash[i], is, is);
			skip_edge(&n, &last);
		} else {
			merkle_node(is, proof->hash[i], is);
		}
		n >>= 1;
		last >>= 1;
	}
	return last == 0 && memcmp(was, old_root, MERKLE_HASH) == 0 &&
	    memcmp(is, new_root, MERKLE_HASH) == 0;
}

bool
merkle_verify_consistency(uint64_t old, uint64_t new,
    const struct merkle_proof *proof, const uint8_t old_root[MERKLE_HASH],
    const uint8_t new_root[MERKLE_HASH])
{
	uint8_t nothing[MERKLE_HASH];

	if (new > MERKLE_SIZE_MAX || old > new ||
	    proof->n > MERKLE_PROOF_MAX)
		return false;
	empty_root(nothing);
	if (old == 0 && memcmp(old_root, nothing, MERKLE_HASH) != 0)
		return false;
	if (old == new)
		return proof->n == 0 &&
		    memcmp(old_root, new_root, MERKLE_HASH) == 0;
	if (old == 0)
		return proof->n == 0;
	return consistent(old, new, proof, old_root, new_root);
}
