/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_merkle.c - the hash tree, against what others published.
 *
 * Published figures, of the repository transparency-dev/merkle, commit
 * 417fb0c:
 *  - the hashes of rfc6962/rfc6962_test.go;
 *  - the tree of eight leaves that Certificate Transparency's own tests began
 *    with: its leaves, nodes and roots (testonly/constants.go), and the five
 *    inclusion and four consistency proofs from which testdata/ is made, each
 *    broken here in the ways that testdata/ breaks it;
 *  - the sums of testonly/vectors_test.go, which stand in the appendix
 *    "Subtree Test Vectors" of draft-ietf-plants-merkle-tree-certs: one
 *    SHA-256 over the hash of every subtree of a tree of up to 130 leaves,
 *    one over every inclusion proof in them, one over every consistency
 *    proof.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>

#include "lib/hex.h"
#include "lib/merkle.h"
#include "tests/merkle_tree.h"

static void
unhex(const char *text, uint8_t *out, size_t octets)
{
	assert_int_equal(strlen(text), 2 * octets);
	for (size_t i = 0; i < octets; i++)
		out[i] = (uint8_t)(hex_digit(text[2 * i]) << 4 |
		    hex_digit(text[2 * i + 1]));
}

static void
assert_hash(const uint8_t got[MERKLE_HASH], const char *want)
{
	uint8_t octets[MERKLE_HASH];

	unhex(want, octets, MERKLE_HASH);
	assert_memory_equal(got, octets, MERKLE_HASH);
}

/* ---- the published tree of eight leaves */

#define EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define N00 "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
#define N01 "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7"
#define N02 "0298d122906dcfc10892cb53a73992fc5b9f493ea4c9badb27b791b4127a7fe7"
#define N03 "07506a85fd9dd2f120eb694f86011e5bb4662e5c415a62917033d4a9624487e7"
#define N04 "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"
#define N05 "4271a26be0d8a84f0bd54c8c302e7cb3a3b5d1fa6780a40bcce2873477dab658"
#define N06 "b08693ec2e721597130641e8211e7eedccb4c26413963eee6c1e2ed16ffb1a5f"
#define N07 "46f6ffadd3d06a09ff3c5860d2755c8b9819db7df44251788c7d8e3180de8eb1"
#define N10 "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"
#define N11 "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e"
#define N12 "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a"
#define N13 "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0"
#define N20 "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"
#define N21 "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"
#define R3 "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"
#define R5 "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4"
#define R6 "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef"
#define R7 "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c"
#define R8 "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"

static const char *const leaves8[] = {
	"", "00", "10", "2021", "3031", "40414243", "5051525354555657",
	"606162636465666768696a6b6c6d6e6f",
};
static const char *const roots8[] = {
	EMPTY, N00, N10, R3, N20, R5, R6, R7, R8,
};
static const char *const nodes8[4][8] = {
	{ N00, N01, N02, N03, N04, N05, N06, N07 },
	{ N10, N11, N12, N13 },
	{ N20, N21 },
	{ R8 },
};

static void
tree_eight(struct tree *t)
{
	uint8_t data[16];

	memset(t, 0, sizeof(*t));
	for (size_t i = 0; i < 8; i++) {
		unhex(leaves8[i], data, strlen(leaves8[i]) / 2);
		tree_add(t, data, strlen(leaves8[i]) / 2);
	}
}

static void
published_hashes(void **state)
{
	struct merkle_range none = { 0 };
	uint8_t h[MERKLE_HASH];
	EVP_MD_CTX *md;

	(void)state;
	merkle_root(&none, h);
	assert_hash(h, EMPTY);
	merkle_leaf("", 0, h);
	assert_hash(h, N00);
	merkle_leaf("L123456", 7, h);
	assert_hash(h, "395aa064aa4c29f7010acfe3f25db948"
	    "5bbd4b91897b6ad7ad547639252b4d56");

	/* A node, by another way to the same digest. */
	unhex(N00, h, sizeof(h));
	md = EVP_MD_CTX_new();
	assert_non_null(md);
	assert_true(EVP_DigestInit_ex(md, EVP_sha256(), NULL) &&
	    EVP_DigestUpdate(md, "\1", 1) && EVP_DigestUpdate(md, h, 32));
	unhex(N01, h, sizeof(h));
	assert_true(EVP_DigestUpdate(md, h, 32) &&
	    EVP_DigestFinal_ex(md, h, NULL));
	EVP_MD_CTX_free(md);
	assert_hash(h, N10);
}

static void
published_roots(void **state)
{
	struct merkle_range r = { 0 };
	struct tree t;
	uint8_t h[MERKLE_HASH];

	(void)state;
	tree_eight(&t);
	for (unsigned l = 0; l < 4; l++)
		for (unsigned n = 0; n < 8u >> l; n++)
			assert_hash(t.node[l][n], nodes8[l][n]);
	for (uint64_t size = 0;; size++) {
		merkle_root(&r, h);
		assert_hash(h, roots8[size]);
		assert_int_equal(merkle_root_at(tree_subtree, &t, size, h), 0);
		assert_hash(h, roots8[size]);
		if (size == 8)
			break;
		assert_true(merkle_append(&r, t.node[0][size]));
	}
}

/* ---- published proofs, and all that testdata/ does to them */

static const struct {
	uint64_t	 index, size;
	const char	*hash[4];
} inclusions[] = {		/* testdata/inclusion/0 to 4 */
	{ 0, 1, { NULL } },
	{ 0, 8, { N01, N11, N21 } },
	{ 5, 8, { N04, N13, N20 } },
	{ 2, 3, { N10 } },
	{ 1, 5, { N00, N11, N04 } },
};
static const struct {
	uint64_t	 old, new;
	const char	*hash[4];
} consistencies[] = {		/* testdata/consistency/0 to 4 */
	{ 1, 1, { NULL } },
	{ 1, 8, { N01, N11, N21 } },
	{ 6, 8, { N12, N13, N20 } },
	{ 2, 5, { N11, N04 } },
	{ 6, 7, { N12, N06, N20 } },
};

static void
proof_of(const char *const hash[4], struct merkle_proof *p)
{
	memset(p, 0, sizeof(*p));
	for (; p->n < 4 && hash[p->n] != NULL; p->n++)
		unhex(hash[p->n], p->hash[p->n], MERKLE_HASH);
}

static void
assert_same(const struct merkle_proof *a, const struct merkle_proof *b)
{
	assert_int_equal(a->n, b->n);
	assert_memory_equal(a->hash, b->hash, a->n * MERKLE_HASH);
}

/* What is put before or behind a proof, or is its first hash again. */
static void
proof_insert(struct merkle_proof *p, size_t at, const uint8_t h[MERKLE_HASH])
{
	uint8_t copy[MERKLE_HASH];

	memcpy(copy, h, MERKLE_HASH);
	memmove(p->hash[at + 1], p->hash[at], (p->n - at) * MERKLE_HASH);
	memcpy(p->hash[at], copy, MERKLE_HASH);
	p->n++;
}

static void
published_inclusions(void **state)
{
	const uint8_t zero[MERKLE_HASH] = { 0 };
	struct merkle_proof p, made, bad;
	uint8_t root[MERKLE_HASH];
	struct tree t;

	(void)state;
	tree_eight(&t);
	for (size_t i = 0; i < sizeof(inclusions) / sizeof(*inclusions); i++) {
		uint64_t at = inclusions[i].index, size = inclusions[i].size;
		const uint8_t *leaf = t.node[0][at];

		proof_of(inclusions[i].hash, &p);
		unhex(roots8[size], root, sizeof(root));
		assert_int_equal(merkle_inclusion(tree_subtree, &t, at, size,
		    &made), 0);
		assert_same(&made, &p);
#define OK(leaf, at, size, p, root) \
	merkle_verify_inclusion((leaf), (at), (size), (p), (root))
		assert_true(OK(leaf, at, size, &p, root));
		assert_false(OK(leaf, at - 1, size, &p, root));
		assert_false(OK(leaf, at + 1, size, &p, root));
		assert_false(OK(leaf, at ^ 2, size, &p, root));
		assert_false(OK(leaf, at, size * 2, &p, root));
		assert_false(OK(leaf, at, size / 2, &p, root));
		assert_false(OK(t.node[0][at ^ 1], at, size, &p, root));
		assert_false(OK(zero, at, size, &p, root));
		assert_false(OK(leaf, at, size, &p, zero));
		for (size_t k = 0; k < 4; k++) {
			bad = p;	/* garbage or root, before, behind */
			proof_insert(&bad, k & 1 ? 0 : p.n,
			    k & 2 ? zero : root);
			assert_false(OK(leaf, at, size, &bad, root));
		}
		if (p.n == 0)
			continue;
		bad = p;
		proof_insert(&bad, 1, zero);
		assert_false(OK(leaf, at, size, &bad, root));
		bad = p;
		bad.n--;
		assert_false(OK(leaf, at, size, &bad, root));
		bad.n = 0;
		assert_false(OK(leaf, at, size, &bad, root));
#undef OK
	}
}

static void
published_consistencies(void **state)
{
	const uint8_t zero[MERKLE_HASH] = { 0 };
	uint8_t was[MERKLE_HASH], is[MERKLE_HASH];
	struct merkle_proof p, made, bad;
	struct tree t;

	(void)state;
	tree_eight(&t);
	for (size_t i = 0; i < sizeof(consistencies) / sizeof(*consistencies);
	    i++) {
		uint64_t old = consistencies[i].old, new = consistencies[i].new;

		proof_of(consistencies[i].hash, &p);
		unhex(roots8[old], was, sizeof(was));
		unhex(roots8[new], is, sizeof(is));
		assert_int_equal(merkle_consistency(tree_subtree, &t, old, new,
		    &made), 0);
		assert_same(&made, &p);
#define OK(old, new, p, was, is) \
	merkle_verify_consistency((old), (new), (p), (was), (is))
		assert_true(OK(old, new, &p, was, is));
		assert_false(OK(old - 1, new, &p, was, is));
		assert_false(OK(old + 1, new, &p, was, is));
		assert_false(OK(old ^ 2, new, &p, was, is));
		assert_false(OK(old, new * 2, &p, was, is));
		assert_false(OK(old, new / 2, &p, was, is));
		assert_false(OK(old, new, &p, zero, is));
		assert_false(OK(old, new, &p, was, zero));
		for (size_t k = 0; k < 6; k++) {
			bad = p;
			proof_insert(&bad, k & 1 ? 0 : p.n,
			    k < 2 ? zero : k < 4 ? was : is);
			assert_false(OK(old, new, &bad, was, is));
		}
		if (p.n == 0)
			continue;
		assert_false(OK(old, new, &p, is, was));
		bad = p;
		bad.n--;
		assert_false(OK(old, new, &bad, was, is));
		bad.n = 0;
		assert_false(OK(old, new, &bad, was, is));
#undef OK
	}
}

/* ---- the published sums over all trees of up to 130 leaves */

struct sum {
	EVP_MD_CTX	*md;
};

static void
sum_begin(struct sum *s)
{
	s->md = EVP_MD_CTX_new();
	assert_non_null(s->md);
	assert_true(EVP_DigestInit_ex(s->md, EVP_sha256(), NULL));
}

static void
sum_text(struct sum *s, const char *text)
{
	assert_true(EVP_DigestUpdate(s->md, text, strlen(text)));
}

static void
sum_hashes(struct sum *s, const uint8_t hash[][MERKLE_HASH], size_t n)
{
	char text[2 * MERKLE_HASH + 2];

	for (size_t i = 0; i < n; i++) {
		char *p = text;

		*p++ = ' ';
		for (size_t k = 0; k < MERKLE_HASH; k++)
			p += sprintf(p, "%02x", hash[i][k]);
		sum_text(s, text);
	}
	sum_text(s, "\n");
}

static void
sum_end(struct sum *s, const char *want)
{
	uint8_t h[MERKLE_HASH];

	assert_true(EVP_DigestFinal_ex(s->md, h, NULL));
	EVP_MD_CTX_free(s->md);
	assert_hash(h, want);
}

/* The least power of two that is no less than n. */
static uint64_t
ceiling(uint64_t n)
{
	uint64_t p = 1;

	while (p < n)
		p *= 2;
	return p;
}

/* What the draft calls a valid subtree from start to end. */
static bool
is_subtree(uint64_t start, uint64_t end)
{
	return start == 0 || start == end || start % ceiling(end - start) == 0;
}

static void
published_subtrees(void **state)
{
	struct sum hashes, proofs;
	uint8_t h[1][MERKLE_HASH];
	struct merkle_proof p;
	struct tree t;
	char text[64];

	(void)state;
	tree_counting(&t);
	sum_begin(&hashes);
	sum_begin(&proofs);
	for (uint64_t end = 0; end <= LEAVES_MAX; end++) {
		for (t.start = 0; t.start <= end; t.start++) {
			unsigned from = (unsigned)t.start;

			if (!is_subtree(t.start, end))
				continue;
			assert_int_equal(merkle_root_at(tree_subtree, &t,
			    end - t.start, h[0]), 0);
			sprintf(text, "[%u, %u)", from, (unsigned)end);
			sum_text(&hashes, text);
			sum_hashes(&hashes, h, 1);
			for (uint64_t i = 0; i < end - from; i++) {
				assert_int_equal(merkle_inclusion(tree_subtree,
				    &t, i, end - from, &p), 0);
				assert_true(merkle_verify_inclusion(
				    t.node[0][from + i], i, end - from, &p,
				    h[0]));
				sprintf(text, "%u [%u, %u)",
				    (unsigned)i + from, from, (unsigned)end);
				sum_text(&proofs, text);
				sum_hashes(&proofs, p.hash, p.n);
			}
		}
	}
	sum_end(&hashes, "b82806ad4265bb151c1119c0f4db437b"
	    "b4d1a1f887b3a7fba1cd4ebf552e3e81");
	sum_end(&proofs, "ac2a8f989e44d99e399db448050ff5f1"
	    "9757df53cfb716aa81015d3955d8163f");
}

/*
 * That the subtree from start to end is part of the tree of size leaves.  It
 * is the draft's and not ours, but made of ours: the consistency proof within
 * the block that end cuts, then the way from that block to the root.
 */
static void
subtree_consistency(struct tree *t, uint64_t start, uint64_t end,
    uint64_t size, struct merkle_proof *p)
{
	uint64_t block = ceiling(end - start);
	struct merkle_proof out, in;

	t->start = 0;
	if (start == 0 || start == end) {
		assert_int_equal(merkle_consistency(tree_subtree, t,
		    start == end ? 0 : end, size, p), 0);
		return;
	}
	assert_int_equal(merkle_inclusion(tree_subtree, t, start, size, &out),
	    0);
	if (block > size - start)
		block = size - start;
	t->start = start;
	assert_int_equal(merkle_consistency(tree_subtree, t, end - start,
	    block, p), 0);
	assert_int_equal(merkle_inclusion(tree_subtree, t, 0, block, &in), 0);
	t->start = 0;
	for (size_t i = in.n; i < out.n; i++)
		proof_insert(p, p->n, out.hash[i]);
}

static void
published_subtree_consistencies(void **state)
{
	struct merkle_proof p;
	struct sum proofs;
	struct tree t;
	char text[64];

	(void)state;
	tree_counting(&t);
	sum_begin(&proofs);
	for (unsigned n = 0; n <= LEAVES_MAX; n++)
		for (unsigned end = 0; end <= n; end++)
			for (unsigned start = 0; start <= end; start++) {
				if (!is_subtree(start, end))
					continue;
				subtree_consistency(&t, start, end, n, &p);
				sprintf(text, "[%u, %u) %u", start, end, n);
				sum_text(&proofs, text);
				sum_hashes(&proofs, p.hash, p.n);
			}
	sum_end(&proofs, "10fa99b37bf9bf9ffa26b412fbd98bd7"
	    "5363256d0b75d61bc4538b9c9c5a0a74");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(published_hashes),
		cmocka_unit_test(published_roots),
		cmocka_unit_test(published_inclusions),
		cmocka_unit_test(published_consistencies),
		cmocka_unit_test(published_subtrees),
		cmocka_unit_test(published_subtree_consistencies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
