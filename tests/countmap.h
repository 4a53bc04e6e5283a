/* SPDX-License-Identifier: Apache-2.0 */
/*
 * countmap.h - counters by name, for millions of names.
 *
 * Names live in one append-only arena and the table holds 24 octets a slot,
 * so ten million recipients of 25 octets take about 1 GB at worst.
 */
#ifndef TESTS_COUNTMAP_H
#define TESTS_COUNTMAP_H

#include <stddef.h>
#include <stdint.h>

struct countmap;

struct counts {
	uint32_t	a, b;		/* meaning is the caller's */
};

struct countmap *countmap_new(void);
/* Free; m may be NULL.  Sets *m to NULL. */
void countmap_free(struct countmap **m);
/* Forget every name. */
void countmap_clear(struct countmap *m);

/*
 * The counters of name (which holds no NUL), made with zeros when new.  Valid
 * until the next call with this map.
 */
struct counts *countmap_get(struct countmap *m, const char *name, size_t len);

size_t countmap_size(const struct countmap *m);

/*
 * Walk: start with *pos 0, call until NULL.  The name is NUL-terminated and
 * lives as long as the map.
 */
const char *countmap_next(const struct countmap *m, size_t *pos,
    struct counts *counts_r);

#endif
