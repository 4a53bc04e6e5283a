/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dues.h - many ids, each with the time it is due; which is next?
 *
 * A heap that knows where each id lies, so that a time can be changed: 32
 * octets an id.  Each id is in it once.
 */
#ifndef LISTD_DUES_H
#define LISTD_DUES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dues;

struct dues *dues_new(void);
void dues_free(struct dues *d);
/* Put id, or give it another time. */
void dues_set(struct dues *d, uint64_t id, int64_t at_ms);
/* As dues_set(), unless id has an earlier time. */
void dues_earlier(struct dues *d, uint64_t id, int64_t at_ms);
void dues_del(struct dues *d, uint64_t id);
/* The time of id; false when it has none. */
bool dues_get(const struct dues *d, uint64_t id, int64_t *at_r);
size_t dues_count(const struct dues *d);
/* The earliest time, INT64_MAX when there is none. */
int64_t dues_next(const struct dues *d);
/* Take out the earliest if it is due at now_ms. */
bool dues_pop(struct dues *d, int64_t now_ms, uint64_t *id_r);
/* The i-th in no particular order (i < dues_count()), for lists. */
uint64_t dues_at(const struct dues *d, size_t i, int64_t *at_r);

#endif
