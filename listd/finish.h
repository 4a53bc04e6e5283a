/* SPDX-License-Identifier: Apache-2.0 */
/*
 * finish.h - which site has longest to go.
 *
 * When all connections_total are taken, a connection that is free goes to the
 * site whose estimated finish is farthest away, for that one decides when a
 * campaign ends.  It is an estimate to choose by: the members that wait there,
 * at what its paths that are open may send in a minute.
 */
#ifndef LISTD_FINISH_H
#define LISTD_FINISH_H

#include <stdint.h>

struct scheduler;
struct site;

#define FINISH_AHEAD_MS		600000	/* nobody waits longer for others */
/* Taken to be sent by one connection a minute where no rate is known. */
#define FINISH_CONNECTION	600

/* How long what waits at a site takes; with all of its provider, if shared. */
int64_t site_finish_ms(struct scheduler *s, const struct site *site);
/* It wants a connection, and all connections_total are taken. */
void site_starves(struct scheduler *s, struct site *site);
/* Kick the one of them that has longest to go. */
void site_kick_starving(struct scheduler *s);

#endif
