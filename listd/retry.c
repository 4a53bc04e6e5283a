/* SPDX-License-Identifier: Apache-2.0 */
/*
 * retry.c - when to try again, and when to stop.
 */
#include "config.h"

#include <stddef.h>

#include "listd/retry.h"

#define MINUTE	INT64_C(60000)

static const int64_t schedule[] = {
	5 * MINUTE, 10 * MINUTE, 20 * MINUTE, 40 * MINUTE, 60 * MINUTE,
	120 * MINUTE, 240 * MINUTE,
};
#define STEPS	(sizeof(schedule) / sizeof(schedule[0]))

int64_t
retry_wait_ms(unsigned attempts, uint32_t chance)
{
	size_t step = attempts == 0 ? 0 : attempts - 1;
	int64_t base = schedule[step < STEPS ? step : STEPS - 1];
	int64_t spread = base * RETRY_JITTER / 100;

	/* chance / 2^32 of the way from -spread to +spread */
	return base - spread + (int64_t)((uint64_t)(2 * spread + 1) *
	    (uint64_t)chance >> 32);
}

int64_t
retry_expiry_ms(int64_t first_ms, int64_t lifetime_ms, int64_t send_by_ms)
{
	int64_t end;

	if (lifetime_ms > RETRY_LIFE_MAX)
		lifetime_ms = RETRY_LIFE_MAX;
	end = first_ms + lifetime_ms;
	return send_by_ms != 0 && send_by_ms < end ? send_by_ms : end;
}
