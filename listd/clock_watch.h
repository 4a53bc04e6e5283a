/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clock_watch.h - whether the machine's clock can be believed (S59).
 *
 * Asked at the start and each minute.  Entries made meanwhile say when it was
 * not synchronised; their order is that of their numbers and never hangs on
 * it.
 */
#ifndef LISTD_CLOCK_WATCH_H
#define LISTD_CLOCK_WATCH_H

#include <stdbool.h>
#include <stdint.h>

struct clock;

/* Zeros at first. */
struct clock_watch {
	bool		known;		/* looked at before */
	bool		unsure;		/* not synchronised */
	int64_t		error_us;	/* at most, by the machine's estimate */
};

/* Look; true when it is to be told: it changed, or is unsure at first. */
bool clock_watch_look(struct clock_watch *w, const struct clock *clock);

#endif
