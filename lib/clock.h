/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clock.h - the two kinds of time, behind one interface.
 *
 * Waiting uses monotonic milliseconds; records use UTC milliseconds.  Both are
 * asked of a struct clock that is passed in, so tests can drive them; so is
 * what the machine knows of how right its clock is.  The real clock lives in
 * lib/sys/realclock.h.  Differences are signed.
 */
#ifndef LIB_CLOCK_H
#define LIB_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Is the clock kept right by another, and how wrong may it be at most? */
struct clock_sync {
	bool	synced;
	int64_t	error_us;	/* the machine's estimate */
};

struct clock {
	/* Milliseconds that never step back; the zero point means nothing. */
	int64_t	(*mono_ms)(const struct clock *);
	/* Milliseconds since 1970-01-01 UTC; may step either way. */
	int64_t	(*utc_ms)(const struct clock *);
	/* NULL: it is taken to be right. */
	struct clock_sync (*sync)(const struct clock *);
};

static inline int64_t
clock_mono_ms(const struct clock *c)
{
	return c->mono_ms(c);
}

static inline int64_t
clock_utc_ms(const struct clock *c)
{
	return c->utc_ms(c);
}

static inline struct clock_sync
clock_sync(const struct clock *c)
{
	return c->sync != NULL ? c->sync(c) : (struct clock_sync){ true, 0 };
}

#endif
