/* SPDX-License-Identifier: Apache-2.0 */
/*
 * realclock.h - the clock of the machine, and one that tests can move.
 *
 * The real clock is CLOCK_MONOTONIC and CLOCK_REALTIME.  The test clock adds
 * offsets that lie in a file mapped by every process of a daemon, so that one
 * write moves all of them at once (tests/clock_jump.c writes it):
 *
 *	u64 magic | i64 monotonic offset ms | i64 UTC offset ms
 *
 * in the machine's byte order.  It is refused to root: whoever may write the
 * file decides when rate limits and links end.
 */
#ifndef LIB_SYS_REALCLOCK_H
#define LIB_SYS_REALCLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/clock.h"

struct err;

#define CLOCK_PAGE_MAGIC	0x6c69737464636c6bu	/* "listdclk" */

/* The shared page; both offsets are read and written atomically. */
struct clock_page {
	uint64_t	magic;
	int64_t		mono_ms;
	int64_t		utc_ms;
};

/* The machine's clock; nothing to free. */
extern const struct clock realclock;

struct testclock;

/*
 * The test clock over the page in fd, which stays the caller's and may be
 * closed afterwards.  NULL with e set: ERR_REFUSED for root, ERR_DAMAGED for
 * a file that is no page.
 */
struct testclock *testclock_open(int fd, struct err *e);
/* NULL is fine. */
void testclock_free(struct testclock *tc);
/* Lives as long as tc. */
const struct clock *testclock_clock(const struct testclock *tc);

#endif
