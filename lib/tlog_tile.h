/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tlog_tile.h - a log cut into tiles, by the names it is fetched under
 * (c2sp.org/tlog-tiles).
 *
 *	tile/L/N	256 nodes of level 8 L, from the one numbered 256 N
 *	tile/entries/N	256 entries, each behind its length in two octets
 *
 * N is written in groups of three digits, all but the last with an x before
 * them: x001/x234/067.  At the right edge of the tree a tile has fewer nodes,
 * W of them, and is called N.p/W; it is another resource than the full one,
 * so nothing that was ever fetched changes.
 */
#ifndef LIB_TLOG_TILE_H
#define LIB_TLOG_TILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct strbuf;

#define TLOG_TILE_WIDTH		256	/* nodes of a full tile */
#define TLOG_TILE_HEIGHT	8	/* levels of the tree in one */
#define TLOG_TILE_LEVEL_MAX	63
#define TLOG_TILE_N_MAX		UINT64_C(999999999999999999)
#define TLOG_TILE_PATH_MAX	48	/* octets of a path, its NUL too */

struct tlog_tile {
	bool		entries;	/* a bundle of entries; level is 0 */
	uint8_t		level;		/* in tiles, not in nodes */
	uint64_t	n;		/* which one of its level */
	uint16_t	width;		/* 1 to TLOG_TILE_WIDTH */
};

/* Write the path, "tile/0/x001/234.p/5", and a NUL. */
void tlog_tile_path(const struct tlog_tile *t, char out[TLOG_TILE_PATH_MAX]);

/*
 * Read a path as above: false, *t untouched, for everything that
 * tlog_tile_path() does not write.
 */
bool tlog_tile_parse(struct tlog_tile *t, const char *path, size_t len);

/*
 * How wide tile n of a level is in the tree of size leaves: 0 to
 * TLOG_TILE_WIDTH, where 0 says that there is none.
 */
uint16_t tlog_tile_width(uint8_t level, uint64_t n, uint64_t size);

/* Append one entry of a bundle; len is at most 65535. */
void tlog_tile_entry(struct strbuf *out, const void *entry, size_t len);

#endif
