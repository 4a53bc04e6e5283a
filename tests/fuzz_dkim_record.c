/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_dkim_record.c - any octets as a key record: read without harm, joined
 * alike wherever DNS cuts them, and never taken for a key they do not hold.
 */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>

#include "lib/dkim_key.h"
#include "tests/dkim_samples.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct dkim_key *key;
	struct dkim_record whole, cut;
	struct slice strings[2] = { { data, size / 2 },
	    { data + size / 2, size - size / 2 } };
	enum dkim_record_verdict v = dkim_record_parse(data, size, &whole);
	enum dkim_record_verdict c;

	if (key == NULL)
		key = sample_key(rfc8463_ed25519_pem);
	c = dkim_key_compare(key, strings, 2, &cut);
	if (v == DKIM_RECORD_DIFFERENT || whole.bits != cut.bits ||
	    whole.testing != cut.testing || whole.plen != cut.plen)
		abort();
	if (v == DKIM_RECORD_MATCH &&
	    (whole.revoked || whole.bits == 0 || !whole.sha256))
		abort();
	if (c == DKIM_RECORD_MATCH &&
	    (v != DKIM_RECORD_MATCH || whole.type != DKIM_KEY_ED25519))
		abort();
	return 0;
}
