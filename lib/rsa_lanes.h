/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rsa_lanes.h - eight RSA-2048 signatures at once, of one key.
 *
 * A signature is a chain of multiplications that each wait for the one before,
 * so a core that could multiply eight numbers at a time mostly waits.  Here
 * eight signatures go side by side, one in each 64-bit lane of an AVX-512
 * register, with the 52-bit multiply-add of AVX-512 IFMA.  Eight take as long
 * as five of OpenSSL's on processors that do such an instruction a cycle, and
 * less on those that do two.
 *
 * What OpenSSL does to keep the key a secret is done here too: time, branches
 * and addresses do not depend on key or message (the table of powers is read
 * whole at each step), the message is blinded, and every signature is raised
 * to the public exponent and compared before it leaves, so that a fault in
 * the machine cannot give the factors away.  PKCS#1 v1.5 with SHA-256 (RFC
 * 8017 section 8.2), which is all that DKIM asks of RSA.
 */
#ifndef LIB_RSA_LANES_H
#define LIB_RSA_LANES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/evp.h>

struct rsa_lanes;

#define RSA_LANES		8	/* signatures at once */
#define RSA_LANES_DIGEST	32	/* octets of SHA-256 */
#define RSA_LANES_SIGNATURE	256	/* octets: 2048 bits */
/* From so many on they cost less than one after another. */
#define RSA_LANES_LEAST		6

/*
 * NULL when this processor has no such instructions, or for a key of another
 * size or form than two primes of 1024 bits and the exponent 65537: then sign
 * with OpenSSL.  One thread uses the result.
 */
struct rsa_lanes *rsa_lanes_new(EVP_PKEY *key);
void rsa_lanes_free(struct rsa_lanes *l);	/* NULL is fine */

/*
 * Sign n digests, 1 to RSA_LANES.  False when a signature did not verify or
 * there was no randomness: none was written, sign with OpenSSL.
 */
bool rsa_lanes_sign(struct rsa_lanes *l, const uint8_t *const digest[],
    uint8_t *const signature[], size_t n);

#endif
