/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metrics.h - what the web role counts, and how Prometheus is told.
 *
 * Threads count at the same time, without a lock.  Labels come from tables of
 * ours, so their number is fixed whatever is asked for.
 */
#ifndef WEB_METRICS_H
#define WEB_METRICS_H

#include <stdint.h>

#include "web/route.h"

struct metrics;
struct strbuf;

struct metrics *metrics_new(void);
void metrics_free(struct metrics *m);

/* A request was answered; 0: cut off before. */
void metrics_request(struct metrics *m, enum web_route route,
    unsigned status);
/* Queue answered after so many milliseconds, or did not in time. */
void metrics_round_trip(struct metrics *m, int64_t ms);
void metrics_unanswered(struct metrics *m);
/* A connection came (1) or went (-1); one was refused for a limit. */
void metrics_connection(struct metrics *m, int by);
void metrics_refused(struct metrics *m);
/* A slow client was cut off. */
void metrics_slow(struct metrics *m);

/* Append all of it in the text format of Prometheus, version 0.0.4. */
void metrics_format(const struct metrics *m, struct strbuf *out);

#endif
