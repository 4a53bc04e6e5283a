/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hash.h - things found by a 64-bit key, with the link inside the thing.
 *
 * Several things may have the same key; they are walked with hash_next().
 * Keys are ids we gave ourselves, or keyed hashes, so no peer can choose
 * them to collide.
 */
#ifndef LISTD_HASH_H
#define LISTD_HASH_H

#include <stddef.h>
#include <stdint.h>

struct hash_link {
	struct hash_link *next;
	uint64_t	 key;
};

struct hash {
	struct hash_link **bucket;
	size_t		 size;		/* a power of two, or 0 */
	size_t		 n;
};

void hash_init(struct hash *h);
/* The things stay their owners'. */
void hash_free(struct hash *h);
void hash_add(struct hash *h, struct hash_link *l, uint64_t key);
/* l must be in h. */
void hash_del(struct hash *h, struct hash_link *l);
/* The first with this key, or NULL. */
struct hash_link *hash_find(const struct hash *h, uint64_t key);
/* The next one with the key of l, or NULL. */
struct hash_link *hash_next(const struct hash_link *l);
/*
 * Walk all: *at starts at 0.  The one returned may be deleted before the next
 * call, no other.
 */
struct hash_link *hash_each(const struct hash *h, size_t *at,
    struct hash_link **next);

/*
 * Every bit of the result depends on every bit of z, and no two z have the
 * same one: for keys put together from numbers, and for draws (the finalizer
 * of SplitMix64, Steele and others).
 */
static inline uint64_t
hash_mix(uint64_t z)
{
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static inline void *
hash_thing(const struct hash_link *l, size_t offset)
{
	return l == NULL ? NULL : (void *)((uintptr_t)l - offset);
}

/* From the link L to the thing of type TYPE with the link as MEMBER. */
#define HASH_OF(L, TYPE, MEMBER) \
	((TYPE *)hash_thing((L), offsetof(TYPE, MEMBER)))

#endif
