/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crowd.h - how many connections are open, in all and from one address.
 *
 * Of IPv6 an address counts as its /64, which is what one customer has.  Not
 * locked: the caller sees to that.
 */
#ifndef WEB_CROWD_H
#define WEB_CROWD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct crowd;

struct crowd *crowd_new(size_t total, size_t per_address);
void crowd_free(struct crowd *c);
/*
 * One more from ip; alone counts for the total only (a proxy of ours).  False
 * and nothing counted when that would pass a limit.
 */
bool crowd_enter(struct crowd *c, const uint8_t ip[static 16], bool alone);
/* Would crowd_enter() say yes? */
bool crowd_has_room(const struct crowd *c, const uint8_t ip[static 16],
    bool alone);
void crowd_leave(struct crowd *c, const uint8_t ip[static 16], bool alone);
size_t crowd_size(const struct crowd *c);

#endif
