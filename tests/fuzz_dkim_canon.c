/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_dkim_canon.c - any octets as a message: fields add up to the header,
 * the relaxed form is its own relaxed form, and a body has one hash however
 * it is cut.
 */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/dkim_canon.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
relax_twice(struct slice raw)
{
	uint8_t *once = malloc(raw.len + 2), *twice = malloc(raw.len + 4);
	size_t n, m;

	if (once == NULL || twice == NULL)
		exit(1);
	n = dkim_canon_relax(raw, once);
	if (n > raw.len + 2)
		abort();
	if (n != 0) {
		m = dkim_canon_relax((struct slice){ once, n }, twice);
		if (m != n || memcmp(once, twice, n) != 0)
			abort();
	}
	free(once);
	free(twice);
}

static void
body(struct slice b)
{
	static struct dkim_body_hash *h;
	uint8_t whole[DKIM_HASH_LEN], cut[DKIM_HASH_LEN];

	if (h == NULL && (h = dkim_body_hash_new(NULL)) == NULL)
		exit(1);
	dkim_body_hash_reset(h);
	dkim_body_hash_update(h, b.p, b.len);
	if (dkim_body_hash_final(h, whole, NULL) == -1)
		abort();
	dkim_body_hash_reset(h);
	for (size_t i = 0; i < b.len; i += 3)
		dkim_body_hash_update(h, b.p + i,
		    b.len - i < 3 ? b.len - i : 3);
	if (dkim_body_hash_final(h, cut, NULL) == -1 ||
	    memcmp(whole, cut, sizeof(cut)) != 0)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dkim_field field[20];
	struct slice rest;
	size_t n, sum = 0;

	relax_twice((struct slice){ data, size });
	body((struct slice){ data, size });
	if (dkim_message_split((struct slice){ data, size }, field, 20, &n,
	    &rest, NULL) == -1)
		return 0;
	for (size_t i = 0; i < n; i++) {
		relax_twice(field[i].raw);
		sum += field[i].raw.len;
	}
	if (sum != size && sum + 2 + rest.len != size)
		abort();
	body(rest);
	return 0;
}
