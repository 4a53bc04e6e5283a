/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dkim_samples.h - keys and messages for the tests of DKIM.
 */
#ifndef TESTS_DKIM_SAMPLES_H
#define TESTS_DKIM_SAMPLES_H

#include <stddef.h>
#include <stdint.h>

#include "lib/dkim_canon.h"
#include "lib/pack.h"

struct dkim_key;
struct strbuf;

/* RFC 8463 appendix A: two keys, their records, a message signed by both. */
extern const char rfc8463_rsa_pem[];
extern const char rfc8463_rsa_txt[];
extern const char rfc8463_ed25519_pem[];
extern const char rfc8463_ed25519_txt[];
extern const char rfc8463_message[];

#define SAMPLE_FIELDS_MAX	64
#define SAMPLE_TIME		1790000000	/* UTC seconds */

/*
 * Append one message made from seed, the same each time: header fields folded
 * oddly, with tabs and runs of blanks, repeated and in any case; bodies that
 * are empty, end in blank lines or in blanks.  Always a lawful message.
 */
void sample_message(uint32_t seed, struct strbuf *out);

/* A message cut into fields and body, which borrow from it. */
struct sample {
	struct dkim_field	field[SAMPLE_FIELDS_MAX];
	size_t			n;
	struct slice		body;
};

/* Cut a message that must be one; ends the test when it is not. */
void sample_split(const char *p, size_t len, struct sample *out);

/* A key from PEM text, or a new RSA key of bits; ends the test on failure. */
struct dkim_key *sample_key(const char *pem);
struct dkim_key *sample_rsa(unsigned bits);

#endif
