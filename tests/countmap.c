/* SPDX-License-Identifier: Apache-2.0 */
/*
 * countmap.c - counters by name, for millions of names.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "lib/xmalloc.h"
#include "tests/countmap.h"

#define FIRST_SLOTS	1024u		/* a power of two */
#define FIRST_ARENA	(16u << 10)

struct slot {
	uint64_t	name;		/* offset in the arena; 0 = free */
	uint32_t	hash;
	struct counts	counts;
};

struct countmap {
	struct slot	*slots;
	size_t		 nslots, used;
	char		*arena;
	size_t		 arena_len, arena_cap;
};

static void
map_start(struct countmap *m)
{
	m->nslots = FIRST_SLOTS;
	m->used = 0;
	m->slots = xcalloc(m->nslots, sizeof(*m->slots));
	m->arena_cap = FIRST_ARENA;
	m->arena = xmalloc(m->arena_cap);
	m->arena_len = 1;		/* offset 0 means a free slot */
}

struct countmap *
countmap_new(void)
{
	struct countmap *m = xcalloc(1, sizeof(*m));

	map_start(m);
	return m;
}

void
countmap_free(struct countmap **m)
{
	if (*m == NULL)
		return;
	free((*m)->slots);
	free((*m)->arena);
	free(*m);
	*m = NULL;
}

void
countmap_clear(struct countmap *m)
{
	free(m->slots);
	free(m->arena);
	map_start(m);
}

static void
grow(struct countmap *m)
{
	size_t nslots = 2 * m->nslots;
	struct slot *slots = xcalloc(nslots, sizeof(*slots));

	for (size_t i = 0; i < m->nslots; i++) {
		size_t at = m->slots[i].hash & (nslots - 1);

		if (m->slots[i].name == 0)
			continue;
		while (slots[at].name != 0)
			at = (at + 1) & (nslots - 1);
		slots[at] = m->slots[i];
	}
	free(m->slots);
	m->slots = slots;
	m->nslots = nslots;
}

static uint64_t
arena_add(struct countmap *m, const char *name, size_t len)
{
	uint64_t at = m->arena_len;

	if (m->arena_cap - m->arena_len < len + 1) {
		m->arena_cap = 2 * m->arena_cap + len + 1;
		m->arena = xreallocarray(m->arena, m->arena_cap, 1);
	}
	memcpy(m->arena + at, name, len);
	m->arena[at + len] = '\0';
	m->arena_len += len + 1;
	return at;
}

struct counts *
countmap_get(struct countmap *m, const char *name, size_t len)
{
	uint32_t hash = (uint32_t)XXH3_64bits(name, len);
	struct slot *s;
	size_t at;

	if (4 * (m->used + 1) > 3 * m->nslots)
		grow(m);
	for (at = hash & (m->nslots - 1); ; at = (at + 1) & (m->nslots - 1)) {
		s = &m->slots[at];
		if (s->name == 0)
			break;
		if (s->hash == hash &&
		    strncmp(m->arena + s->name, name, len) == 0 &&
		    m->arena[s->name + len] == '\0')
			return &s->counts;
	}
	s->name = arena_add(m, name, len);
	s->hash = hash;
	s->counts = (struct counts){ 0, 0 };
	m->used++;
	return &s->counts;
}

size_t
countmap_size(const struct countmap *m)
{
	return m->used;
}

const char *
countmap_next(const struct countmap *m, size_t *pos, struct counts *counts_r)
{
	while (*pos < m->nslots) {
		const struct slot *s = &m->slots[(*pos)++];

		if (s->name == 0)
			continue;
		*counts_r = s->counts;
		return m->arena + s->name;
	}
	return NULL;
}
