/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memo.c - what a role remembers of hosts for a while.
 *
 * A name has one place, by a hash that nobody outside can compute, so that no
 * name can be made to look like another's.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/rand.h>
#include <xxhash.h>

#include "lib/ascii.h"
#include "lib/xmalloc.h"
#include "listd/memo.h"

#define NAME_MAX_OCTETS	256	/* that count */

struct place {
	uint64_t	hash;
	int64_t		until_ms;	/* 0: nobody's */
};

struct memo {
	uint64_t	seed;
	struct place	place[MEMO_PLACES];
};

struct memo *
memo_new(void)
{
	struct memo *m = xcalloc(1, sizeof(*m));

	if (RAND_bytes((unsigned char *)&m->seed, sizeof(m->seed)) != 1)
		m->seed = (uintptr_t)m;
	return m;
}

void
memo_free(struct memo *m)
{
	free(m);
}

static uint64_t
hash_of(const struct memo *m, const char *name)
{
	char folded[NAME_MAX_OCTETS];
	size_t n;

	for (n = 0; n < sizeof(folded) && name[n] != '\0'; n++)
		folded[n] = ascii_lower(name[n]);
	return XXH3_64bits_withSeed(folded, n, m->seed);
}

void
memo_note(struct memo *m, const char *name, int64_t until_ms)
{
	uint64_t hash = hash_of(m, name);

	m->place[hash % MEMO_PLACES] = (struct place){ hash, until_ms };
}

void
memo_forget(struct memo *m, const char *name)
{
	uint64_t hash = hash_of(m, name);
	struct place *p = &m->place[hash % MEMO_PLACES];

	if (p->hash == hash)
		p->until_ms = 0;
}

bool
memo_has(const struct memo *m, const char *name, int64_t now_ms)
{
	uint64_t hash = hash_of(m, name);
	const struct place *p = &m->place[hash % MEMO_PLACES];

	return p->until_ms != 0 && p->hash == hash && now_ms < p->until_ms;
}
