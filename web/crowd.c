/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crowd.c - how many connections are open, in all and from one address.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/random.h>

#include <xxhash.h>

#include "lib/xmalloc.h"
#include "web/crowd.h"

#define BUCKETS	4096		/* a power of two */

struct member {
	LIST_ENTRY(member)	 entry;
	uint8_t			 network[16];
	size_t			 n;
};
LIST_HEAD(bucket, member);

struct crowd {
	size_t		total_max, each_max, total;
	uint64_t	seed;	/* so that nobody can choose a bucket (X12) */
	struct bucket	buckets[BUCKETS];
};

struct crowd *
crowd_new(size_t total, size_t per_address)
{
	struct crowd *c = xcalloc(1, sizeof(*c));

	c->total_max = total;
	c->each_max = per_address;
	if (getrandom(&c->seed, sizeof(c->seed), 0) != sizeof(c->seed))
		c->seed = (uint64_t)(uintptr_t)c;
	return c;
}

void
crowd_free(struct crowd *c)
{
	struct member *m;

	if (c == NULL)
		return;
	for (size_t i = 0; i < BUCKETS; i++)
		while ((m = LIST_FIRST(&c->buckets[i])) != NULL) {
			LIST_REMOVE(m, entry);
			free(m);
		}
	free(c);
}

static void
network_of(const uint8_t ip[static 16], uint8_t out[static 16])
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	memcpy(out, ip, 16);
	if (memcmp(ip, mapped, sizeof(mapped)) != 0)
		memset(out + 8, 0, 8);
}

static struct member *
find(const struct crowd *c, const uint8_t network[static 16], size_t *slot_r)
{
	struct member *m;

	*slot_r = XXH3_64bits_withSeed(network, 16, c->seed) % BUCKETS;
	LIST_FOREACH(m, &c->buckets[*slot_r], entry)
		if (memcmp(m->network, network, 16) == 0)
			break;
	return m;
}

bool
crowd_has_room(const struct crowd *c, const uint8_t ip[static 16], bool alone)
{
	uint8_t network[16];
	struct member *m;
	size_t slot;

	if (c->total >= c->total_max)
		return false;
	if (alone)
		return true;
	network_of(ip, network);
	m = find(c, network, &slot);
	return (m != NULL ? m->n : 0) < c->each_max;
}

bool
crowd_enter(struct crowd *c, const uint8_t ip[static 16], bool alone)
{
	uint8_t network[16];
	struct member *m;
	size_t slot;

	if (!crowd_has_room(c, ip, alone))
		return false;
	c->total++;
	if (alone)
		return true;
	network_of(ip, network);
	if ((m = find(c, network, &slot)) == NULL) {
		m = xcalloc(1, sizeof(*m));
		memcpy(m->network, network, sizeof(m->network));
		LIST_INSERT_HEAD(&c->buckets[slot], m, entry);
	}
	m->n++;
	return true;
}

void
crowd_leave(struct crowd *c, const uint8_t ip[static 16], bool alone)
{
	uint8_t network[16];
	struct member *m;
	size_t slot;

	c->total--;
	if (alone)
		return;
	network_of(ip, network);
	m = find(c, network, &slot);
	if (m != NULL && --m->n == 0) {
		LIST_REMOVE(m, entry);
		free(m);
	}
}

size_t
crowd_size(const struct crowd *c)
{
	return c->total;
}
