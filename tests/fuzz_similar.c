/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_similar.c - any message: its fingerprint is in order, like itself, and
 * the same when it is made again and when it was stored.
 */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/err.h"
#include "lib/similar.h"
#include "lib/strbuf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
require(int cond)
{
	if (!cond)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct strbuf b = STRBUF_INIT(SIMILAR_PACKED_MAX);
	struct similar s, again, any;
	struct err e = ERR_INIT;

	if (similar_unpack((struct slice){ data, size }, &any))
		require(any.n <= SIMILAR_SKETCH);
	else
		require(any.n == 0);
	if (similar_of(data, size, &s, &e) == -1) {
		require(e.code != ERR_NONE);
		return 0;
	}
	require(s.n <= SIMILAR_SKETCH);
	for (unsigned i = 1; i < s.n; i++)
		require(s.hash[i] > s.hash[i - 1]);
	require(similar_of(data, size, &again, &e) == 0);
	require(similar_percent(&s, &again) == (s.n > 0 ? 100 : 0));
	require(similar_percent(&s, &any) <= 100);
	similar_pack(&b, &s);
	require(!b.overflow && similar_unpack((struct slice){
	    (const uint8_t *)b.s, b.len }, &again));
	require(again.n == s.n && memcmp(again.hash, s.hash,
	    s.n * sizeof(s.hash[0])) == 0);
	strbuf_free(&b);
	return 0;
}
