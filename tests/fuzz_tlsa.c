/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_tlsa.c - any bytes as TLSA records: one octet of length before each.
 */
#include "config.h"

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/tlsa.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tlsa_set set = { .n = 0 };
	struct err e = ERR_INIT;
	unsigned records = 0, before;

	while (size > 0) {
		size_t len = data[0];

		data++;
		size--;
		if (len > size || len == 255)
			len = size;
		tlsa_add(&set, data, len, &e);
		assert(set.n + set.unusable == ++records);
		data += len;
		size -= len;
	}
	before = set.n;
	tlsa_prefer(&set);
	/* What is preferred is something, if there was something. */
	assert((set.n > 0) == (before > 0) && set.n <= before);
	for (unsigned i = 0; i < set.n; i++)
		assert(set.v[i].usage == TLSA_DANE_TA ||
		    set.v[i].usage == TLSA_DANE_EE);
	tlsa_clear(&set);
	return 0;
}
