/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dkim_reference.h - libopendkim as a signer, with a fixed time.
 *
 * What DKIM signatures are checked against, byte for byte.  It parses the key
 * for every message and leaks with Ed25519, so nothing but tests and
 * measurements uses it.
 */
#ifndef TESTS_DKIM_REFERENCE_H
#define TESTS_DKIM_REFERENCE_H

#include <stdint.h>

#include "lib/dkim_key.h"
#include "lib/dkim_sign.h"

struct reference;
struct sample;
struct strbuf;

/*
 * A signer for key with the header policy of lib/dkim_sign.h, written out once
 * more.  Ends the test when libopendkim refuses anything.
 */
struct reference *reference_new(const struct dkim_key *key,
    const char *domain, const char *selector, enum dkim_policy policy,
    uint64_t t, uint64_t lifetime_s);
void reference_free(struct reference *ref);

/* Append the complete DKIM-Signature field for message. */
void reference_sign(const struct reference *ref, const struct sample *message,
    struct strbuf *out);

#endif
