/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rsa_lanes.c - eight RSA-2048 signatures at once, of one key.
 *
 * A number is a column of limbs of 52 bits, the lowest first; a row of eight
 * lanes holds the same limb of eight numbers.  Numbers modulo a prime have 20
 * limbs and those modulo n 40, so R of the Montgomery form is 2^1040 or
 * 2^2080, and the 16 bits or more above the modulus allow sums and products
 * of values up to four times the modulus without reducing them: a product
 * comes out below twice the modulus (Gueron, "Efficient software
 * implementations of modular exponentiation").
 *
 *	blind	c = m * r^e mod n
 *	sign	s1 = c^dp mod p, s2 = c^dq mod q, s = s2 + q * (s1 - s2)/q mod p
 *	unblind	s / r mod n, and its 65537th power is m
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>

#include "lib/rsa_lanes.h"

#if defined(__x86_64__) && defined(__GNUC__)

#include <immintrin.h>

#define LANES	RSA_LANES
#define HALF	20			/* limbs modulo a prime */
#define FULL	40			/* modulo n */
#define BITS	52			/* of a limb */
#define MASK	((UINT64_C(1) << BITS) - 1)
#define PRIME_BITS	1024
#define WORDS	((FULL * BITS + 63) / 64)	/* of 64 bits of any number */
#define EXPONENT_WORDS	(PRIME_BITS / 64)
#define WINDOW	4			/* bits of an exponent per step */
#define POWERS	(1 << WINDOW)
#define BLINDINGS	32		/* uses of r and its squares */

#define INTRINSIC	__attribute__((target("avx512f,avx512ifma")))
#define INLINED		INTRINSIC __attribute__((always_inline)) inline

/* Written before it is read: not worth the time of clearing it first. */
#if __has_attribute(uninitialized)
#define UNCLEARED	__attribute__((uninitialized))
#else
#define UNCLEARED
#endif

typedef __m512i row;

struct modulus {
	row		m[FULL];
	row		rr[FULL];	/* R^2 */
	row		rrr[FULL];	/* R^3 */
	row		k;		/* -1/m mod 2^52 */
	size_t		limbs;
};

struct rsa_lanes {
	struct modulus	n, p, q;
	uint64_t	dp[EXPONENT_WORDS], dq[EXPONENT_WORDS];
	row		q_inverse[HALF];	/* R/q mod p */
	row		p_twice[HALF];
	BIGNUM		*bn_n, *bn_e;
	BN_CTX		*ctx;
	unsigned	blindings;		/* left */
	row		blind[FULL], unblind[FULL];	/* r^e, 1/r, times R */
	/* of the work under way, here to be wiped with the rest */
	row		power[POWERS][HALF];
	row		s1[HALF], s2[HALF], h[HALF];
	row		message[FULL], c[FULL], s[FULL], t[FULL];
};

/* ---- numbers into lanes and back */

static uint64_t
limb_of(const uint64_t word[static WORDS + 1], size_t i)
{
	size_t bit = i * BITS, at = bit / 64, shift = bit % 64;
	uint64_t v = word[at] >> shift;

	if (shift > 64 - BITS)
		v |= word[at + 1] << (64 - shift);
	return v & MASK;
}

static void
put_lane(row *r, size_t limbs, size_t lane,
    const uint64_t word[static WORDS + 1])
{
	for (size_t i = 0; i < limbs; i++)
		((uint64_t *)&r[i])[lane] = limb_of(word, i);
}

static void
get_lane(const row *r, size_t limbs, size_t lane,
    uint64_t word[static WORDS + 1])
{
	memset(word, 0, (WORDS + 1) * sizeof(word[0]));
	for (size_t i = 0; i < limbs; i++) {
		uint64_t v = ((const uint64_t *)&r[i])[lane];
		size_t at = i * BITS / 64, shift = i * BITS % 64;

		word[at] |= v << shift;
		if (shift > 64 - BITS)
			word[at + 1] |= v >> (64 - shift);
	}
}

static bool
words_of(const BIGNUM *b, uint64_t *word, size_t words)
{
	/* Little-endian, as this machine is. */
	return BN_bn2lebinpad(b, (unsigned char *)word,
	    (int)(words * sizeof(word[0]))) != -1;
}

static bool
put_bn_lane(row *r, size_t limbs, size_t lane, const BIGNUM *b)
{
	uint64_t word[WORDS + 1] = { 0 };
	bool ok = words_of(b, word, WORDS);

	put_lane(r, limbs, lane, word);
	OPENSSL_cleanse(word, sizeof(word));
	return ok;
}

/* The same number in all lanes. */
static bool
put_bn(row *r, size_t limbs, const BIGNUM *b)
{
	bool ok = true;

	for (size_t i = 0; i < LANES; i++)
		ok = ok && put_bn_lane(r, limbs, i, b);
	return ok;
}

/* ---- arithmetic */

/* Each limb below 2^52 again; limbs may be negative, the number may not. */
INLINED static void
normalize(row *r, size_t limbs)
{
	const row mask = _mm512_set1_epi64(MASK);
	row carry = _mm512_setzero_si512();

	for (size_t i = 0; i < limbs; i++) {
		row v = _mm512_add_epi64(r[i], carry);

		carry = _mm512_srai_epi64(v, BITS);
		r[i] = _mm512_and_si512(v, mask);
	}
}

/* r = a * b / R, below twice the modulus; r may be a or b. */
INLINED static void
multiply(row *r, const row *a, const row *b, const struct modulus *n,
    const size_t limbs)
{
	UNCLEARED row acc[FULL];
	const row zero = _mm512_setzero_si512();

#pragma GCC unroll 40
	for (size_t j = 0; j < limbs; j++)
		acc[j] = zero;
#pragma GCC unroll 1
	for (size_t i = 0; i < limbs; i++) {
		row bi = b[i], y, low;

		low = _mm512_madd52lo_epu64(acc[0], a[0], bi);
		y = _mm512_madd52lo_epu64(zero, low, n->k);
		low = _mm512_madd52lo_epu64(low, n->m[0], y);
		low = _mm512_srli_epi64(low, BITS);
#pragma GCC unroll 40
		for (size_t j = 1; j < limbs; j++) {
			row v = acc[j];

			v = _mm512_madd52hi_epu64(v, a[j - 1], bi);
			v = _mm512_madd52lo_epu64(v, a[j], bi);
			v = _mm512_madd52hi_epu64(v, n->m[j - 1], y);
			acc[j - 1] = _mm512_madd52lo_epu64(v, n->m[j], y);
		}
		acc[0] = _mm512_add_epi64(acc[0], low);
		acc[limbs - 1] = _mm512_madd52hi_epu64(
		    _mm512_madd52hi_epu64(zero, a[limbs - 1], bi),
		    n->m[limbs - 1], y);
	}
	normalize(acc, limbs);
	for (size_t j = 0; j < limbs; j++)
		r[j] = acc[j];
}

INTRINSIC static __attribute__((noinline)) void
multiply_half(row *r, const row *a, const row *b, const struct modulus *n)
{
	multiply(r, a, b, n, HALF);
}

INTRINSIC static __attribute__((noinline)) void
multiply_full(row *r, const row *a, const row *b, const struct modulus *n)
{
	multiply(r, a, b, n, FULL);
}

/* What the pairs i < j with i + j = k, or k - 1, give to column k of a * a. */
INLINED static row
square_column(const row *a, const int k)
{
	row low = _mm512_setzero_si512(), high = low;

#pragma GCC unroll 20
	for (int i = k < HALF ? 0 : k - HALF + 1; 2 * i < k; i++)
		low = _mm512_madd52lo_epu64(low, a[i], a[k - i]);
#pragma GCC unroll 20
	for (int i = k - 1 < HALF ? 0 : k - HALF; 2 * i < k - 1; i++)
		high = _mm512_madd52hi_epu64(high, a[i], a[k - 1 - i]);
	low = _mm512_add_epi64(low, high);
	low = _mm512_add_epi64(low, low);
	return k % 2 == 0 ?
	    _mm512_madd52lo_epu64(low, a[k / 2], a[k / 2]) :
	    _mm512_madd52hi_epu64(low, a[k / 2], a[k / 2]);
}

/* multiply_half(r, a, a, n) with a quarter less to do. */
INTRINSIC static __attribute__((noinline)) void
square_half(row *r, const row *a, const struct modulus *n)
{
	const row zero = _mm512_setzero_si512();
	UNCLEARED row acc[HALF];
	UNCLEARED row high[HALF];

#define COLUMN(K)	acc[K] = square_column(a, K); \
	high[K] = square_column(a, HALF + (K))
	COLUMN(0); COLUMN(1); COLUMN(2); COLUMN(3); COLUMN(4);
	COLUMN(5); COLUMN(6); COLUMN(7); COLUMN(8); COLUMN(9);
	COLUMN(10); COLUMN(11); COLUMN(12); COLUMN(13); COLUMN(14);
	COLUMN(15); COLUMN(16); COLUMN(17); COLUMN(18); COLUMN(19);
#undef COLUMN
#pragma GCC unroll 1
	for (size_t i = 0; i < HALF; i++) {
		row y = _mm512_madd52lo_epu64(zero, acc[0], n->k);
		row low = _mm512_madd52lo_epu64(acc[0], n->m[0], y);

		low = _mm512_srli_epi64(low, BITS);
#pragma GCC unroll 20
		for (size_t j = 1; j < HALF; j++)
			acc[j - 1] = _mm512_madd52lo_epu64(
			    _mm512_madd52hi_epu64(acc[j], n->m[j - 1], y),
			    n->m[j], y);
		acc[0] = _mm512_add_epi64(acc[0], low);
		acc[HALF - 1] = _mm512_madd52hi_epu64(high[i],
		    n->m[HALF - 1], y);
	}
	normalize(acc, HALF);
	for (size_t j = 0; j < HALF; j++)
		r[j] = acc[j];
}

/* Below twice the modulus becomes below it. */
INTRINSIC static void
reduce(row *r, const struct modulus *n)
{
	row t[FULL], carry = _mm512_setzero_si512();
	const row mask = _mm512_set1_epi64(MASK);
	__mmask8 below;

	for (size_t i = 0; i < n->limbs; i++) {
		row v = _mm512_add_epi64(_mm512_sub_epi64(r[i], n->m[i]),
		    carry);

		carry = _mm512_srai_epi64(v, BITS);
		t[i] = _mm512_and_si512(v, mask);
	}
	below = _mm512_cmplt_epi64_mask(carry, _mm512_setzero_si512());
	for (size_t i = 0; i < n->limbs; i++)
		r[i] = _mm512_mask_mov_epi64(t[i], below, r[i]);
}

/* All of the table is read, whichever power it is (the same in all lanes). */
INTRINSIC static void
take_power(row r[static HALF], row power[static POWERS][HALF], uint64_t which)
{
	for (size_t j = 0; j < HALF; j++)
		r[j] = _mm512_setzero_si512();
	for (uint64_t i = 0; i < POWERS; i++) {
		/* All ones where i is which. */
		__mmask8 it = (__mmask8)(((i ^ which) - 1) >> 56);

		for (size_t j = 0; j < HALF; j++)
			r[j] = _mm512_mask_mov_epi64(r[j], it, power[i][j]);
	}
}

/* r = c^d modulo a prime, below it; c has FULL limbs. */
INTRINSIC static void
power_half(struct rsa_lanes *l, row r[static HALF], const row c[static FULL],
    const struct modulus *n, const uint64_t d[static EXPONENT_WORDS])
{
	row one[HALF], x[HALF];

	for (size_t j = 0; j < HALF; j++)
		one[j] = _mm512_setzero_si512();
	one[0] = _mm512_set1_epi64(1);
	/* c = low + high * R; both parts go to Montgomery form. */
	multiply_half(x, c, n->rr, n);
	multiply_half(r, c + HALF, n->rrr, n);
	for (size_t j = 0; j < HALF; j++)
		x[j] = _mm512_add_epi64(x[j], r[j]);
	normalize(x, HALF);
	multiply_half(l->power[0], one, n->rr, n);
	memcpy(l->power[1], x, sizeof(x));
	for (size_t i = 2; i < POWERS; i++)
		multiply_half(l->power[i], l->power[i - 1], x, n);
	memcpy(r, l->power[0], sizeof(x));
	for (size_t bit = PRIME_BITS; bit > 0;) {
		bit -= WINDOW;
		for (int i = 0; i < WINDOW; i++)
			square_half(r, r, n);
		take_power(x, l->power, d[bit / 64] >> (bit % 64) &
		    (POWERS - 1));
		multiply_half(r, r, x, n);
	}
	multiply_half(r, r, one, n);
	reduce(r, n);
	OPENSSL_cleanse(x, sizeof(x));
}

/* l->s from its remainders l->s1 and l->s2 (RFC 8017 section 5.1.2). */
INTRINSIC static void
combine(struct rsa_lanes *l)
{
	/* q is below 2p, as both have 1024 bits. */
	for (size_t j = 0; j < HALF; j++)
		l->h[j] = _mm512_add_epi64(_mm512_sub_epi64(l->s1[j],
		    l->s2[j]), l->p_twice[j]);
	normalize(l->h, HALF);
	multiply_half(l->h, l->h, l->q_inverse, &l->p);
	reduce(l->h, &l->p);
	for (size_t j = 0; j < FULL; j++)
		l->s[j] = j < HALF ? l->s2[j] : _mm512_setzero_si512();
	for (size_t i = 0; i < HALF; i++)
		for (size_t j = 0; j < HALF; j++) {
			l->s[i + j] = _mm512_madd52lo_epu64(l->s[i + j],
			    l->h[i], l->q.m[j]);
			l->s[i + j + 1] = _mm512_madd52hi_epu64(
			    l->s[i + j + 1], l->h[i], l->q.m[j]);
		}
	normalize(l->s, FULL);
}

/* Whether l->s to the 65537th is l->message in every lane. */
INTRINSIC static bool
verified(struct rsa_lanes *l)
{
	__mmask8 differs = 0;

	multiply_full(l->t, l->s, l->n.rr, &l->n);
	for (int i = 0; i < 16; i++)
		multiply_full(l->t, l->t, l->t, &l->n);
	multiply_full(l->t, l->t, l->s, &l->n);
	reduce(l->t, &l->n);
	for (size_t j = 0; j < FULL; j++)
		differs |= _mm512_cmpneq_epi64_mask(l->t[j], l->message[j]);
	return differs == 0;
}

INTRINSIC static bool
private_operation(struct rsa_lanes *l)
{
	multiply_full(l->c, l->message, l->blind, &l->n);
	power_half(l, l->s1, l->c, &l->p, l->dp);
	power_half(l, l->s2, l->c, &l->q, l->dq);
	combine(l);
	multiply_full(l->s, l->s, l->unblind, &l->n);
	reduce(l->s, &l->n);
	return verified(l);
}

/* ---- blinding */

/*
 * One r serves all lanes and BLINDINGS batches, raised to (2 * lane + 1) times
 * 2^batch: no two of these exponents are the same.
 */
static bool
blinding_new(struct rsa_lanes *l)
{
	BIGNUM *r = BN_secure_new(), *a = BN_secure_new();
	BIGNUM *u = BN_secure_new(), *aa = BN_secure_new();
	BIGNUM *uu = BN_secure_new();
	bool ok = r != NULL && a != NULL && u != NULL && aa != NULL &&
	    uu != NULL && BN_priv_rand_range_ex(r, l->bn_n, 0, l->ctx) == 1;

	if (ok)
		BN_set_flags(r, BN_FLG_CONSTTIME);
	/* r has no inverse once in 2^1000 times, and then this fails. */
	ok = ok && BN_mod_inverse(u, r, l->bn_n, l->ctx) != NULL &&
	    BN_mod_exp(a, r, l->bn_e, l->bn_n, l->ctx) == 1 &&
	    BN_mod_sqr(aa, a, l->bn_n, l->ctx) == 1 &&
	    BN_mod_sqr(uu, u, l->bn_n, l->ctx) == 1;
	for (size_t i = 0; i < LANES && ok; i++)
		ok = put_bn_lane(l->blind, FULL, i, a) &&
		    put_bn_lane(l->unblind, FULL, i, u) &&
		    BN_mod_mul(a, a, aa, l->bn_n, l->ctx) == 1 &&
		    BN_mod_mul(u, u, uu, l->bn_n, l->ctx) == 1;
	if (ok) {
		multiply_full(l->blind, l->blind, l->n.rr, &l->n);
		multiply_full(l->unblind, l->unblind, l->n.rr, &l->n);
	}
	BN_clear_free(r);
	BN_clear_free(a);
	BN_clear_free(u);
	BN_clear_free(aa);
	BN_clear_free(uu);
	l->blindings = ok ? BLINDINGS : 0;
	return ok;
}

static bool
blinding_next(struct rsa_lanes *l)
{
	if (l->blindings == 0)
		return blinding_new(l);
	l->blindings--;
	multiply_full(l->blind, l->blind, l->blind, &l->n);
	multiply_full(l->unblind, l->unblind, l->unblind, &l->n);
	return true;
}

/* ---- messages */

/* EMSA-PKCS1-v1_5 (RFC 8017 section 9.2), as a number. */
static void
encode(const uint8_t digest[static RSA_LANES_DIGEST],
    uint64_t word[static WORDS + 1])
{
	static const uint8_t info[] = { 0x00, 0x30, 0x31, 0x30, 0x0d, 0x06,
		0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01,
		0x05, 0x00, 0x04, 0x20 };
	uint8_t em[RSA_LANES_SIGNATURE];
	uint8_t *at = em + sizeof(em) - RSA_LANES_DIGEST - sizeof(info);

	memset(em, 0xff, sizeof(em));
	em[0] = 0x00;
	em[1] = 0x01;
	memcpy(at, info, sizeof(info));
	memcpy(at + sizeof(info), digest, RSA_LANES_DIGEST);
	memset(word, 0, (WORDS + 1) * sizeof(word[0]));
	for (size_t i = 0; i < sizeof(em); i++)
		((uint8_t *)word)[i] = em[sizeof(em) - 1 - i];
}

bool
rsa_lanes_sign(struct rsa_lanes *l, const uint8_t *const digest[],
    uint8_t *const signature[], size_t n)
{
	uint64_t word[WORDS + 1];

	/* Lanes without a message of their own repeat the last one. */
	for (size_t i = 0; i < LANES; i++) {
		encode(digest[i < n ? i : n - 1], word);
		put_lane(l->message, FULL, i, word);
	}
	if (!blinding_next(l) || !private_operation(l))
		return false;
	for (size_t i = 0; i < n; i++) {
		get_lane(l->s, FULL, i, word);
		for (size_t k = 0; k < RSA_LANES_SIGNATURE; k++)
			signature[i][k] = ((const uint8_t *)word)
			    [RSA_LANES_SIGNATURE - 1 - k];
	}
	return true;
}

/* ---- keys */

static bool
modulus_set(struct modulus *n, const BIGNUM *m, size_t limbs, BN_CTX *ctx)
{
	uint64_t word[WORDS + 1] = { 0 }, inverse = 1;
	BIGNUM *r = BN_secure_new();
	bool ok = r != NULL && words_of(m, word, WORDS);

	n->limbs = limbs;
	/* Newton: each step doubles the bits that are right. */
	for (int i = 0; i < 6; i++)
		inverse *= 2 - word[0] * inverse;
	n->k = (row){ 0 };
	for (size_t i = 0; i < LANES; i++)
		((uint64_t *)&n->k)[i] = (0 - inverse) & MASK;
	ok = ok && put_bn(n->m, limbs, m) && BN_set_bit(r,
	    (int)(2 * limbs * BITS)) == 1 && BN_nnmod(r, r, m, ctx) == 1 &&
	    put_bn(n->rr, limbs, r);
	ok = ok && BN_lshift(r, r, (int)(limbs * BITS)) == 1 &&
	    BN_nnmod(r, r, m, ctx) == 1 && put_bn(n->rrr, limbs, r);
	BN_clear_free(r);
	OPENSSL_cleanse(word, sizeof(word));
	return ok;
}

enum { N, E, P, Q, DP, DQ, QI, NUMBERS };

static bool
usable(BIGNUM *const b[NUMBERS], BIGNUM *t, BN_CTX *ctx)
{
	return BN_is_word(b[E], 65537) && BN_num_bits(b[P]) == PRIME_BITS &&
	    BN_num_bits(b[Q]) == PRIME_BITS &&
	    BN_num_bits(b[N]) == 2 * PRIME_BITS &&
	    BN_mul(t, b[P], b[Q], ctx) == 1 && BN_cmp(t, b[N]) == 0;
}

_Static_assert(sizeof(struct rsa_lanes) % sizeof(row) == 0,
    "aligned_alloc() wants whole rows");

static bool
set_key(struct rsa_lanes *l, BIGNUM *const b[NUMBERS], BIGNUM *t)
{
	if (!usable(b, t, l->ctx) ||
	    !modulus_set(&l->n, b[N], FULL, l->ctx) ||
	    !modulus_set(&l->p, b[P], HALF, l->ctx) ||
	    !modulus_set(&l->q, b[Q], HALF, l->ctx) ||
	    !words_of(b[DP], l->dp, EXPONENT_WORDS) ||
	    !words_of(b[DQ], l->dq, EXPONENT_WORDS) ||
	    BN_lshift1(t, b[P]) != 1 || !put_bn(l->p_twice, HALF, t) ||
	    BN_lshift(t, b[QI], HALF * BITS) != 1 ||
	    BN_nnmod(t, t, b[P], l->ctx) != 1 ||
	    !put_bn(l->q_inverse, HALF, t))
		return false;
	l->bn_n = BN_dup(b[N]);
	l->bn_e = BN_dup(b[E]);
	return l->bn_n != NULL && l->bn_e != NULL;
}

static bool
read_key(struct rsa_lanes *l, EVP_PKEY *key)
{
	static const char *const name[NUMBERS] = {
		[N] = OSSL_PKEY_PARAM_RSA_N, [E] = OSSL_PKEY_PARAM_RSA_E,
		[P] = OSSL_PKEY_PARAM_RSA_FACTOR1,
		[Q] = OSSL_PKEY_PARAM_RSA_FACTOR2,
		[DP] = OSSL_PKEY_PARAM_RSA_EXPONENT1,
		[DQ] = OSSL_PKEY_PARAM_RSA_EXPONENT2,
		[QI] = OSSL_PKEY_PARAM_RSA_COEFFICIENT1,
	};
	BIGNUM *b[NUMBERS] = { NULL }, *t = BN_secure_new();
	bool ok = t != NULL;

	for (size_t i = 0; i < NUMBERS && ok; i++)
		ok = EVP_PKEY_get_bn_param(key, name[i], &b[i]) == 1;
	ok = ok && set_key(l, b, t);
	for (size_t i = 0; i < NUMBERS; i++)
		BN_clear_free(b[i]);
	BN_clear_free(t);
	return ok;
}

struct rsa_lanes *
rsa_lanes_new(EVP_PKEY *key)
{
	struct rsa_lanes *l;

	if (!__builtin_cpu_supports("avx512f") ||
	    !__builtin_cpu_supports("avx512ifma") ||
	    EVP_PKEY_get_bits(key) != 2 * PRIME_BITS ||
	    (l = aligned_alloc(sizeof(row), sizeof(*l))) == NULL)
		return NULL;
	memset(l, 0, sizeof(*l));
	if ((l->ctx = BN_CTX_secure_new()) != NULL && read_key(l, key))
		return l;
	rsa_lanes_free(l);
	return NULL;
}

void
rsa_lanes_free(struct rsa_lanes *l)
{
	if (l == NULL)
		return;
	BN_free(l->bn_n);
	BN_free(l->bn_e);
	BN_CTX_free(l->ctx);
	OPENSSL_cleanse(l, sizeof(*l));
	free(l);
}

#else	/* another processor, or another compiler */

struct rsa_lanes *
rsa_lanes_new(EVP_PKEY *key)
{
	(void)key;
	return NULL;
}

void
rsa_lanes_free(struct rsa_lanes *l)
{
	(void)l;
}

bool
rsa_lanes_sign(struct rsa_lanes *l, const uint8_t *const digest[],
    uint8_t *const signature[], size_t n)
{
	(void)l;
	(void)digest;
	(void)signature;
	(void)n;
	return false;
}

#endif
