/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hash.c - things found by a 64-bit key, with the link inside the thing.
 */
#include "config.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lib/xmalloc.h"
#include "listd/hash.h"

/* Ids count up, so the bits are mixed before the low ones choose. */
static size_t
slot_of(const struct hash *h, uint64_t key)
{
	key *= 0x9e3779b97f4a7c15u;
	return (size_t)(key >> 32) & (h->size - 1);
}

void
hash_init(struct hash *h)
{
	memset(h, 0, sizeof(*h));
}

void
hash_free(struct hash *h)
{
	free(h->bucket);
	hash_init(h);
}

static void
grow(struct hash *h)
{
	struct hash bigger = {
		.size = h->size == 0 ? 64 : h->size * 2, .n = h->n,
	};
	struct hash_link *l, *next;

	bigger.bucket = xcalloc(bigger.size, sizeof(*bigger.bucket));
	for (size_t i = 0; i < h->size; i++)
		for (l = h->bucket[i]; l != NULL; l = next) {
			size_t to = slot_of(&bigger, l->key);

			next = l->next;
			l->next = bigger.bucket[to];
			bigger.bucket[to] = l;
		}
	free(h->bucket);
	*h = bigger;
}

void
hash_add(struct hash *h, struct hash_link *l, uint64_t key)
{
	size_t i;

	if (h->n >= h->size)
		grow(h);
	i = slot_of(h, key);
	l->key = key;
	l->next = h->bucket[i];
	h->bucket[i] = l;
	h->n++;
}

void
hash_del(struct hash *h, struct hash_link *l)
{
	struct hash_link **at = &h->bucket[slot_of(h, l->key)];

	while (*at != l) {
		assert(*at != NULL);
		at = &(*at)->next;
	}
	*at = l->next;
	l->next = NULL;
	h->n--;
}

struct hash_link *
hash_find(const struct hash *h, uint64_t key)
{
	struct hash_link *l;

	if (h->size == 0)
		return NULL;
	l = h->bucket[slot_of(h, key)];
	while (l != NULL && l->key != key)
		l = l->next;
	return l;
}

struct hash_link *
hash_next(const struct hash_link *l)
{
	uint64_t key = l->key;
	struct hash_link *n = l->next;

	while (n != NULL && n->key != key)
		n = n->next;
	return n;
}

struct hash_link *
hash_each(const struct hash *h, size_t *at, struct hash_link **next)
{
	struct hash_link *l = *at == 0 ? NULL : *next;

	while (l == NULL && *at < h->size)
		l = h->bucket[(*at)++];
	*next = l == NULL ? NULL : l->next;
	return l;
}
