/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_rsa_lanes.c - signatures made side by side are OpenSSL's, bit for bit.
 *
 * PKCS#1 v1.5 signatures are not random, so OpenSSL's of the same key and
 * digest is the reference.  Each key and each number of lanes is tried, with
 * more batches than one blinding serves.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "lib/rsa_lanes.h"

#define KEYS	3
#define BATCHES	75	/* over twice what one blinding serves */

struct batch {
	uint8_t		 digest[RSA_LANES][RSA_LANES_DIGEST];
	uint8_t		 signature[RSA_LANES][RSA_LANES_SIGNATURE];
	const uint8_t	*in[RSA_LANES];
	uint8_t		*out[RSA_LANES];
};

static void
fill(struct batch *b, unsigned seed)
{
	for (size_t i = 0; i < RSA_LANES; i++) {
		unsigned char from[2] = { (unsigned char)seed,
			(unsigned char)i };

		assert_int_equal(EVP_Digest(from, sizeof(from), b->digest[i],
		    NULL, EVP_sha256(), NULL), 1);
		memset(b->signature[i], 0, sizeof(b->signature[i]));
		b->in[i] = b->digest[i];
		b->out[i] = b->signature[i];
	}
}

static EVP_PKEY *
key_of(unsigned bits, unsigned long exponent)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	BIGNUM *e = BN_new();
	EVP_PKEY *key = NULL;

	assert_int_equal(BN_set_word(e, exponent), 1);
	assert_int_equal(EVP_PKEY_keygen_init(ctx), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, (int)bits), 1);
	assert_int_equal(EVP_PKEY_CTX_set1_rsa_keygen_pubexp(ctx, e), 1);
	assert_int_equal(EVP_PKEY_keygen(ctx, &key), 1);
	EVP_PKEY_CTX_free(ctx);
	BN_free(e);
	return key;
}

/* Without the instructions there is nothing to look at. */
static bool
can(void)
{
#if defined(__x86_64__) && defined(__GNUC__)
	if (__builtin_cpu_supports("avx512f") &&
	    __builtin_cpu_supports("avx512ifma"))
		return true;
#endif
	print_message("this processor has no AVX-512 IFMA\n");
	return false;
}

static struct rsa_lanes *
lanes_of(EVP_PKEY *key)
{
	struct rsa_lanes *l = rsa_lanes_new(key);

	assert_non_null(l);
	return l;
}

static void
reference(EVP_PKEY *key, const uint8_t digest[RSA_LANES_DIGEST],
    uint8_t signature[RSA_LANES_SIGNATURE])
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
	size_t len = RSA_LANES_SIGNATURE;

	assert_int_equal(EVP_PKEY_sign_init(ctx), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(ctx,
	    RSA_PKCS1_PADDING), 1);
	assert_int_equal(EVP_PKEY_CTX_set_signature_md(ctx, EVP_sha256()), 1);
	assert_int_equal(EVP_PKEY_sign(ctx, signature, &len, digest,
	    RSA_LANES_DIGEST), 1);
	assert_int_equal(len, RSA_LANES_SIGNATURE);
	EVP_PKEY_CTX_free(ctx);
}

static void
signatures_are_openssls(void **state)
{
	static const uint8_t nothing[RSA_LANES_SIGNATURE];
	uint8_t want[RSA_LANES_SIGNATURE];

	(void)state;
	for (unsigned k = 0; k < KEYS && can(); k++) {
		EVP_PKEY *key = key_of(2048, 65537);
		struct rsa_lanes *l = lanes_of(key);

		for (unsigned i = 0; i < BATCHES; i++) {
			size_t n = 1 + i % RSA_LANES;
			struct batch b;

			fill(&b, i);
			assert_true(rsa_lanes_sign(l, b.in, b.out, n));
			for (size_t j = 0; j < n; j++) {
				reference(key, b.digest[j], want);
				assert_memory_equal(b.signature[j], want,
				    sizeof(want));
			}
			for (size_t j = n; j < RSA_LANES; j++)
				assert_memory_equal(b.signature[j], nothing,
				    sizeof(nothing));
		}
		rsa_lanes_free(l);
		EVP_PKEY_free(key);
	}
}

/* The blinding changes from batch to batch, and the signature does not. */
static void
a_digest_has_one_signature(void **state)
{
	uint8_t first[RSA_LANES_SIGNATURE];
	struct rsa_lanes *l;
	EVP_PKEY *key;
	struct batch b;

	(void)state;
	if (!can())
		return;
	key = key_of(2048, 65537);
	l = lanes_of(key);
	fill(&b, 0);
	for (size_t i = 1; i < RSA_LANES; i++)
		b.in[i] = b.in[0];
	for (unsigned i = 0; i < BATCHES; i++) {
		assert_true(rsa_lanes_sign(l, b.in, b.out, RSA_LANES));
		if (i == 0)
			memcpy(first, b.signature[0], sizeof(first));
		for (size_t j = 0; j < RSA_LANES; j++)
			assert_memory_equal(b.signature[j], first,
			    sizeof(first));
	}
	rsa_lanes_free(l);
	EVP_PKEY_free(key);
}

static void
other_keys_are_left_to_openssl(void **state)
{
	EVP_PKEY *key[] = { key_of(1024, 65537), key_of(2048, 3),
		key_of(3072, 65537),
		EVP_PKEY_Q_keygen(NULL, NULL, "ED25519") };

	(void)state;
	for (size_t i = 0; i < sizeof(key) / sizeof(key[0]); i++) {
		assert_non_null(key[i]);
		assert_null(rsa_lanes_new(key[i]));
		EVP_PKEY_free(key[i]);
	}
	rsa_lanes_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(signatures_are_openssls),
		cmocka_unit_test(a_digest_has_one_signature),
		cmocka_unit_test(other_keys_are_left_to_openssl),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
