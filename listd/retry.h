/* SPDX-License-Identifier: Apache-2.0 */
/*
 * retry.h - when to try again, and when to stop.
 *
 * One schedule for everything that waits: a recipient, a site that refuses us
 * and a domain whose DNS does not answer (R102): 5, 10, 20, 40 minutes, 1 and
 * 2 hours, then every 4, each 15 % longer or shorter by chance, so that what
 * failed together does not come back together.
 */
#ifndef LISTD_RETRY_H
#define LISTD_RETRY_H

#include <stdint.h>

#define RETRY_JITTER	15	/* per cent, either way */
#define RETRY_LIFE_MAX	(INT64_C(5) * 24 * 3600 * 1000)	/* ms */

/*
 * Milliseconds to wait after the attempts-th failure in a row (from 1).
 * chance is any number; all its values are equally likely.
 */
int64_t retry_wait_ms(unsigned attempts, uint32_t chance);

/*
 * When to give up, UTC milliseconds: the earliest of send_by_ms (0: none),
 * lifetime_ms after the first attempt, and RETRY_LIFE_MAX after it.
 */
int64_t retry_expiry_ms(int64_t first_ms, int64_t lifetime_ms,
    int64_t send_by_ms);

#endif
