/* SPDX-License-Identifier: Apache-2.0 */
/*
 * similar.c - fingerprints: sets of runs, made, compared, stored.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "lib/err.h"
#include "lib/similar_private.h"
#include "lib/xmalloc.h"

#define RUNS_FIRST	1024

uint64_t
similar_hash(uint64_t h, const void *data, size_t len)
{
	const uint8_t *p = data;

	/* FNV-1a, and then every bit stirred into every other. */
	h ^= 0xcbf29ce484222325;
	for (size_t i = 0; i < len; i++)
		h = (h ^ p[i]) * 0x100000001b3;
	h = (h ^ (h >> 30)) * 0xbf58476d1ce4e5b9;
	h = (h ^ (h >> 27)) * 0x94d049bb133111eb;
	return h ^ (h >> 31);
}

void
similar_runs_add(struct similar_runs *r, uint64_t hash)
{
	if (r->n == SIMILAR_RUNS_MAX)
		return;
	if (r->n == r->cap) {
		r->cap = r->cap == 0 ? RUNS_FIRST : 2 * r->cap;
		r->v = xreallocarray(r->v, r->cap, sizeof(*r->v));
	}
	r->v[r->n++] = (uint32_t)hash;
}

static int
hash_order(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* The lowest of r, each once. */
static void
take_lowest(struct similar_runs *r, struct similar *out)
{
	out->n = 0;
	if (r->n > 0)
		qsort(r->v, r->n, sizeof(*r->v), hash_order);
	for (size_t i = 0; i < r->n && out->n < SIMILAR_SKETCH; i++)
		if (i == 0 || r->v[i] != r->v[i - 1])
			out->hash[out->n++] = r->v[i];
}

int
similar_of(const uint8_t *data, size_t len, struct similar *out,
    struct err *e)
{
	struct similar_text text = {
		STRBUF_INIT(SIMILAR_TEXT_MAX), STRBUF_INIT(SIMILAR_TEXT_MAX),
	};
	struct similar_runs runs = { NULL, 0, 0 };
	int ret = similar_text(data, len, &text, e);

	out->n = 0;
	if (ret == 0) {
		similar_words(&text.text, &runs);
		take_lowest(&runs, out);
		if (out->n < SIMILAR_FEW) {
			similar_words(&text.other, &runs);
			take_lowest(&runs, out);
		}
	}
	free(runs.v);
	strbuf_free(&text.text);
	strbuf_free(&text.other);
	return ret;
}

unsigned
similar_percent(const struct similar *a, const struct similar *b)
{
	bool cut = a->n == SIMILAR_SKETCH || b->n == SIMILAR_SKETCH;
	unsigned all = 0, both = 0;
	size_t i = 0, k = 0;

	/*
	 * The lowest of the union are a fair sample of it.  Where neither
	 * fingerprint was cut, that is all of it.
	 */
	while ((i < a->n || k < b->n) && (!cut || all < SIMILAR_SKETCH)) {
		if (k == b->n || (i < a->n && a->hash[i] < b->hash[k])) {
			i++;
		} else if (i == a->n || b->hash[k] < a->hash[i]) {
			k++;
		} else {
			both++;
			i++;
			k++;
		}
		all++;
	}
	return all == 0 ? 0 : 100 * both / all;
}

bool
similar_is(const struct similar *a, const struct similar *b)
{
	return similar_percent(a, b) >= SIMILAR_PERCENT;
}

void
similar_pack(struct strbuf *out, const struct similar *s)
{
	pack_u16(out, s->n);
	for (unsigned i = 0; i < s->n; i++)
		pack_u32(out, s->hash[i]);
}

bool
similar_unpack(struct slice packed, struct similar *out)
{
	struct unpack u;
	uint16_t n;

	out->n = 0;
	unpack_init(&u, packed.p, packed.len);
	n = unpack_u16(&u);
	if (n > SIMILAR_SKETCH)
		return false;
	for (unsigned i = 0; i < n; i++) {
		out->hash[i] = unpack_u32(&u);
		if (i > 0 && out->hash[i] <= out->hash[i - 1])
			return false;
	}
	if (!unpack_done(&u))
		return false;
	out->n = n;
	return true;
}
