/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clock_watch.c - whether the machine's clock can be believed.
 */
#include "config.h"

#include "lib/clock.h"
#include "listd/clock_watch.h"

bool
clock_watch_look(struct clock_watch *w, const struct clock *clock)
{
	struct clock_sync s = clock_sync(clock);
	bool tell = w->known ? w->unsure == s.synced : !s.synced;

	w->known = true;
	w->unsure = !s.synced;
	w->error_us = s.error_us > 0 ? s.error_us : 0;
	return tell;
}
