/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clock.h - the two kinds of time, behind one interface.
 *
 * Waiting uses monotonic milliseconds; records use UTC milliseconds.  Both are
 * asked of a struct clock that is passed in, so tests can drive them.  The
 * real clock lives in lib/sys/realclock.h.  Differences are signed.
 */
#ifndef LIB_CLOCK_H
#define LIB_CLOCK_H

#include <stdint.h>

struct clock {
	/* Milliseconds that never step back; the zero point means nothing. */
	int64_t	(*mono_ms)(const struct clock *);
	/* Milliseconds since 1970-01-01 UTC; may step either way. */
	int64_t	(*utc_ms)(const struct clock *);
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

#endif
