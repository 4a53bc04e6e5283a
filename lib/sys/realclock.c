/* SPDX-License-Identifier: Apache-2.0 */
/*
 * realclock.c - the clock of the machine, and one that tests can move.
 */
#include "config.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/timex.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "lib/err.h"
#include "lib/sys/realclock.h"
#include "lib/xmalloc.h"

struct testclock {
	struct clock		 clock;	/* first: callers hold its address */
	const struct clock_page	*page;
};

static int64_t
read_ms(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static int64_t
real_mono_ms(const struct clock *c)
{
	(void)c;
	return read_ms(CLOCK_MONOTONIC);
}

static int64_t
real_utc_ms(const struct clock *c)
{
	(void)c;
	return read_ms(CLOCK_REALTIME);
}

/* Who keeps the clock right tells the kernel so (RFC 5905 11.3). */
static struct clock_sync
real_sync(const struct clock *c)
{
	struct timex tx = { .modes = 0 };
	int state = adjtimex(&tx);

	(void)c;
	return (struct clock_sync){
		.synced = state != -1 && state != TIME_ERROR &&
		    (tx.status & STA_UNSYNC) == 0,
		.error_us = tx.maxerror,
	};
}

const struct clock realclock = { real_mono_ms, real_utc_ms, real_sync };

static int64_t
test_mono_ms(const struct clock *c)
{
	const struct testclock *tc = (const struct testclock *)c;

	return read_ms(CLOCK_MONOTONIC) +
	    __atomic_load_n(&tc->page->mono_ms, __ATOMIC_ACQUIRE);
}

static int64_t
test_utc_ms(const struct clock *c)
{
	const struct testclock *tc = (const struct testclock *)c;

	return read_ms(CLOCK_REALTIME) +
	    __atomic_load_n(&tc->page->utc_ms, __ATOMIC_ACQUIRE);
}

struct testclock *
testclock_open(int fd, struct err *e)
{
	const struct clock_page *page;
	struct testclock *tc;
	struct stat st;

	if (geteuid() == 0 || getuid() == 0) {
		err_set(e, ERR_REFUSED, "test clock: refused to root");
		return NULL;
	}
	if (fstat(fd, &st) == -1) {
		err_sys(e, "test clock");
		return NULL;
	}
	if (!S_ISREG(st.st_mode) || st.st_size < (off_t)sizeof(*page)) {
		err_set(e, ERR_DAMAGED, "test clock: not a clock page");
		return NULL;
	}
	page = mmap(NULL, sizeof(*page), PROT_READ, MAP_SHARED, fd, 0);
	if (page == MAP_FAILED) {
		err_sys(e, "test clock: map");
		return NULL;
	}
	if (page->magic != CLOCK_PAGE_MAGIC) {
		err_set(e, ERR_DAMAGED, "test clock: not a clock page");
		munmap((void *)(uintptr_t)page, sizeof(*page));
		return NULL;
	}
	tc = xcalloc(1, sizeof(*tc));
	tc->clock = (struct clock){ test_mono_ms, test_utc_ms,
		real_sync };
	tc->page = page;
	return tc;
}

void
testclock_free(struct testclock *tc)
{
	if (tc == NULL)
		return;
	munmap((void *)(uintptr_t)tc->page, sizeof(*tc->page));
	free(tc);
}

const struct clock *
testclock_clock(const struct testclock *tc)
{
	return &tc->clock;
}
