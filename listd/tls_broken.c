/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls_broken.c - hosts that offer TLS and cannot speak it.
 *
 * A host has one place, by a hash that nobody outside can compute, so that no
 * name can be made to look like another's.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/rand.h>
#include <xxhash.h>

#include "lib/ascii.h"
#include "lib/xmalloc.h"
#include "listd/tls_broken.h"

#define NAME_MAX_OCTETS	256

struct place {
	uint64_t	hash;
	int64_t		until_ms;	/* 0: nobody's */
};

struct tls_broken {
	uint64_t	seed;
	struct place	place[TLS_BROKEN_MAX];
};

struct tls_broken *
tls_broken_new(void)
{
	struct tls_broken *b = xcalloc(1, sizeof(*b));

	if (RAND_bytes((unsigned char *)&b->seed, sizeof(b->seed)) != 1)
		b->seed = (uintptr_t)b;
	return b;
}

void
tls_broken_free(struct tls_broken *b)
{
	free(b);
}

static uint64_t
hash_of(const struct tls_broken *b, const char *host)
{
	char name[NAME_MAX_OCTETS];
	size_t n;

	for (n = 0; n < sizeof(name) && host[n] != '\0'; n++)
		name[n] = ascii_lower(host[n]);
	return XXH3_64bits_withSeed(name, n, b->seed);
}

void
tls_broken_note(struct tls_broken *b, const char *host, int64_t now_ms)
{
	uint64_t hash = hash_of(b, host);

	b->place[hash % TLS_BROKEN_MAX] = (struct place){ hash,
		now_ms + TLS_BROKEN_MS };
}

void
tls_broken_forget(struct tls_broken *b, const char *host)
{
	uint64_t hash = hash_of(b, host);
	struct place *p = &b->place[hash % TLS_BROKEN_MAX];

	if (p->hash == hash)
		p->until_ms = 0;
}

bool
tls_broken_is(const struct tls_broken *b, const char *host, int64_t now_ms)
{
	uint64_t hash = hash_of(b, host);
	const struct place *p = &b->place[hash % TLS_BROKEN_MAX];

	return p->until_ms != 0 && p->hash == hash && now_ms < p->until_ms;
}
