/* SPDX-License-Identifier: Apache-2.0 */
/*
 * restart.h - how sending begins again after a silence that a receiver asked
 * for (R5).
 *
 * A suspension may say: then one connection, and one more for each that comes
 * up.  That is counted over all sites and all sources that were silent, for
 * the receiver counts so.  It is done when all connections there may be are
 * allowed, or after RESTART_MS.
 *
 * The action's row stays in the store until then, so that a new queue role
 * begins with the first connection too.
 */
#ifndef LISTD_RESTART_H
#define LISTD_RESTART_H

#include "lib/reactions.h"
#include "listd/scheduler_private.h"

#define RESTART_MS	3600000	/* longer nobody goes slowly for it */
#define RESTARTS_MAX	256	/* beyond that the oldest is done */

struct path;

/* A suspension is over: does it say how to begin again?  Then it is so. */
bool restart_begin(struct scheduler *s, const struct reaction_action *a);
/* There is silence again; its row is the action's. */
void restart_forget(struct scheduler *s, uint64_t action);
/* How many connections p and others share now; 0: any.  And their limit. */
unsigned restart_window(const struct scheduler *s, const struct path *p,
    uint64_t *key_r);
/* A connection of p came up. */
void restart_up(struct scheduler *s, const struct path *p);
/* Those whose time is over. */
void restarts_advance(struct scheduler *s);
void restarts_free(struct scheduler *s);

#endif
