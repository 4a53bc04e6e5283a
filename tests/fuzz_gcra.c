/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_gcra.c - whatever the rate, and whenever it is asked, no span of a
 * period holds more than was allowed, and no wait is longer than an interval.
 *
 * Two octets n, two the period, one the burst; then steps of the clock.
 */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>

#include "lib/gcra.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TAKES	4096

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int64_t at[TAKES];
	struct gcra g = { 0 };
	struct gcra_rate r;
	uint64_t n;
	int64_t period, now = 0, wait;
	size_t taken = 0, first = 0;

	if (size < 5)
		return 0;
	n = 1 + ((unsigned)data[0] << 8 | data[1]);
	period = 1 + ((int64_t)data[2] << 8 | data[3]) * 1000;
	r = gcra_rate(n, period, data[4]);
	for (size_t i = 5; i < size && taken < TAKES; i++) {
		now += (int64_t)data[i] * data[i];
		wait = gcra_take(&g, &r, now);
		if (wait < 0 || wait > r.interval_us)
			abort();
		if (wait != 0)
			continue;
		at[taken++] = now;
		while (at[first] <= now - period)
			first++;
		if (taken - first > n)
			abort();
	}
	return 0;
}
