/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tlog_tile.c - names of tiles, written and read.
 */
#include "config.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/decimal.h"
#include "lib/pack.h"
#include "lib/strbuf.h"
#include "lib/tlog_tile.h"

#define GROUPS_MAX	6	/* of three digits, TLOG_TILE_N_MAX */

void
tlog_tile_path(const struct tlog_tile *t, char out[TLOG_TILE_PATH_MAX])
{
	uint64_t unit = 1;
	size_t at;

	assert(t->n <= TLOG_TILE_N_MAX && t->level <= TLOG_TILE_LEVEL_MAX);
	assert(t->width >= 1 && t->width <= TLOG_TILE_WIDTH);
	while (t->n / unit >= 1000)
		unit *= 1000;
	at = (size_t)(t->entries ? sprintf(out, "tile/entries") :
	    sprintf(out, "tile/%u", (unsigned)t->level));
	for (; unit > 0; unit /= 1000)
		at += (size_t)sprintf(out + at, "/%s%03" PRIu64,
		    unit > 1 ? "x" : "", t->n / unit % 1000);
	if (t->width < TLOG_TILE_WIDTH)
		sprintf(out + at, ".p/%u", (unsigned)t->width);
}

/* ---- reading */

struct cursor {
	const char	*p;
	size_t		 left;
};

static bool
take(struct cursor *c, const char *word)
{
	size_t n = strlen(word);

	if (c->left < n || memcmp(c->p, word, n) != 0)
		return false;
	c->p += n;
	c->left -= n;
	return true;
}

static bool
take_three(struct cursor *c, uint64_t *n)
{
	if (c->left < 3)
		return false;
	for (size_t i = 0; i < 3; i++) {
		if (c->p[i] < '0' || c->p[i] > '9')
			return false;
		*n = *n * 10 + (uint64_t)(c->p[i] - '0');
	}
	c->p += 3;
	c->left -= 3;
	return true;
}

/* Groups of three digits: no more than needed, and no more than fit. */
static bool
take_n(struct cursor *c, uint64_t *n)
{
	*n = 0;
	for (size_t groups = 1; groups <= GROUPS_MAX; groups++) {
		bool more = take(c, "x");

		if (!take_three(c, n) || (groups == 1 && more && *n == 0))
			return false;
		if (!more)
			return true;
		if (!take(c, "/"))
			return false;
	}
	return false;
}

/* The level before the next slash, which is taken too. */
static bool
take_level(struct cursor *c, struct tlog_tile *t)
{
	const char *slash = memchr(c->p, '/', c->left);
	uint64_t level;

	if (take(c, "entries/")) {
		t->entries = true;
		return true;
	}
	if (slash == NULL || !decimal_get(c->p, (size_t)(slash - c->p),
	    TLOG_TILE_LEVEL_MAX, &level))
		return false;
	t->level = (uint8_t)level;
	c->left -= (size_t)(slash + 1 - c->p);
	c->p = slash + 1;
	return true;
}

bool
tlog_tile_parse(struct tlog_tile *t, const char *path, size_t len)
{
	struct cursor c = { path, len };
	struct tlog_tile got = { .width = TLOG_TILE_WIDTH };
	uint64_t width;

	if (!take(&c, "tile/") || !take_level(&c, &got) ||
	    !take_n(&c, &got.n))
		return false;
	if (c.left > 0) {
		if (!take(&c, ".p/") || !decimal_get(c.p, c.left,
		    TLOG_TILE_WIDTH - 1, &width) || width == 0)
			return false;
		got.width = (uint16_t)width;
	}
	*t = got;
	return true;
}

/* ---- the tree in tiles */

uint16_t
tlog_tile_width(uint8_t level, uint64_t n, uint64_t size)
{
	uint64_t nodes, before;

	/* no tree has a node of level 64 */
	if (level >= 64 / TLOG_TILE_HEIGHT || n > TLOG_TILE_N_MAX)
		return 0;
	nodes = size >> (TLOG_TILE_HEIGHT * level);
	if (n > UINT64_MAX / TLOG_TILE_WIDTH)
		return 0;
	before = n * TLOG_TILE_WIDTH;
	if (before >= nodes)
		return 0;
	return nodes - before < TLOG_TILE_WIDTH ?
	    (uint16_t)(nodes - before) : TLOG_TILE_WIDTH;
}

void
tlog_tile_entry(struct strbuf *out, const void *entry, size_t len)
{
	assert(len <= UINT16_MAX);
	pack_u16(out, (uint16_t)len);
	pack_raw(out, entry, len);
}
