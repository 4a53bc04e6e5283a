/* SPDX-License-Identifier: Apache-2.0 */
/*
 * limit.h - connections and rates that several sites may share.
 *
 * A limit is counted for one source address at one set of hosts, or over all
 * sites of a provider (the shared_ values of lib/shaping.h).  The queue role
 * alone counts, so that it holds however many deliver roles there are.
 *
 * It holds as the receiver counts, too, who sees a message later than we let
 * it go: n a minute become n - out_max handed out a minute, with at most
 * out_max on their way at any moment.  Then in no minute, wherever it begins,
 * more than n arrive.  out_max is a tenth of n, or what so many connections as
 * are allowed can hold, when that is less.
 *
 * A new queue role begins as if all bursts had just been used up: whatever an
 * earlier one let go, its next arrival time cannot lie later.  So limits hold
 * over restarts, and nothing of this needs to be stored.  A rate that is set
 * where there was none begins likewise, with what was let go last.
 *
 * Who shares the limit of a set of hosts may ask for different values, as the
 * data know one by its hosts and another by its domain: the least counts.
 *
 * No I/O, no clock; times are microseconds of the caller's.
 */
#ifndef LISTD_LIMIT_H
#define LISTD_LIMIT_H

#include <sys/queue.h>

#include <stdbool.h>
#include <stdint.h>

#include "lib/gcra.h"
#include "listd/hash.h"

struct path;

/* What a path may have to wait for. */
enum limit_kind { LIMIT_CONNECT, LIMIT_MESSAGE, LIMIT_KINDS };

/* What it allows; 0 is no limit. */
struct limit_values {
	unsigned	connections;
	uint32_t	messages_per_minute;
	uint32_t	connects_per_minute;
};

/* One who shares a limit, and the values it asks for. */
struct limit_use {
	struct limit_values v;
	TAILQ_ENTRY(limit_use) link;
};

struct limit {
	struct limit_values v;
	TAILQ_HEAD(limit_uses, limit_use) uses;
	uint64_t	 uses_of;	/* serial their values are of */
	unsigned	 sessions;	/* open, or being opened */
	unsigned	 out;		/* deliveries on their way */
	unsigned	 out_max;	/* 0: any number */
	struct gcra_rate message_rate, connect_rate;
	int64_t		 reserve_us;	/* of the burst, for notices */
	struct gcra	 messages, connects;
	int64_t		 owed_us;	/* connects already made are paid then */
	int64_t		 used_us;	/* something was let go, or may have been */
	int64_t		 last_us;	/* a message of a slow rate ended */
	unsigned	 refs;
	/* First come, first served. */
	TAILQ_HEAD(path_list, path) waiting[LIMIT_KINDS];
	struct hash_link by_key;
};

/* start_us: when this queue role began. */
struct limit *limit_new(uint64_t key, int64_t start_us);
void limit_free(struct limit *l);
/* Other values from now on. */
void limit_set(struct limit *l, const struct limit_values *v, int64_t now_us);
/* At that time something went that this limit did not count. */
void limit_used(struct limit *l, int64_t used_us);

/* u shares it: from now on the least that anybody asks for holds. */
void limit_use(struct limit *l, struct limit_use *u,
    const struct limit_values *v, int64_t now_us);
/* Some u->v were changed. */
void limit_uses_changed(struct limit *l, int64_t now_us);
void limit_use_end(struct limit *l, struct limit_use *u, int64_t now_us);

/* One more connection: 0 now, microseconds to wait, or -1 when one ends. */
int64_t limit_connect_wait(const struct limit *l, int64_t now_us);
void limit_connect(struct limit *l, int64_t now_us);
/* n more were made without having been asked for, and count. */
void limit_connects_made(struct limit *l, unsigned n, int64_t now_us);
void limit_disconnect(struct limit *l);

/* One more message, likewise; a notice may use the reserve. */
int64_t limit_message_wait(const struct limit *l, bool notice,
    int64_t now_us);
void limit_message(struct limit *l, int64_t now_us);
/* It is no longer on its way; tried is false when nothing was sent. */
void limit_message_over(struct limit *l, bool tried, int64_t now_us);

/* When it is as good as new and may be forgotten. */
int64_t limit_clear_us(const struct limit *l);

#endif
