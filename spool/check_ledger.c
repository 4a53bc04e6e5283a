/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_ledger.c - leaves that are their entries', a tree that is its leaves',
 * and records of checkpoints that can be read.
 *
 * Whether what was signed is what lies here is for `listctl ledger verify`.
 */
#include "config.h"

#include <string.h>

#include "lib/err.h"
#include "spool/check_private.h"
#include "spool/consent.h"
#include "spool/cosign.h"
#include "spool/ledger_private.h"

#define ROW_OCTETS	(LEDGER_ROW * LEDGER_HASH)

/* One leaf into the tree that is built anew, after a look at its entry. */
static void
take_leaf(struct check *c, struct slice key, const uint8_t *commitment)
{
	uint64_t index = c->tree.size + 1;
	struct slice salt, entry;
	uint8_t h[LEDGER_HASH];

	/* The entry's own damage was told with its table. */
	if (consent_get_row(c->t, index, &salt, &entry, NULL) == 1 &&
	    consent_commitment(salt.p, entry, h, NULL) == 0 &&
	    memcmp(h, commitment, sizeof(h)) != 0)
		check_tell(c, c->table, key, "the leaf of entry %llu is not "
		    "its commitment", (unsigned long long)index);
	merkle_leaf(commitment, LEDGER_HASH, h);
	merkle_append(&c->tree, h);
}

/* Leaves are given up to size; behind it a row has zeros. */
static void
take_row(struct check *c, struct slice key, struct slice value, uint64_t size)
{
	static const uint8_t none[LEDGER_HASH];

	for (size_t i = 0; i < LEDGER_ROW; i++) {
		const uint8_t *leaf = value.p + i * LEDGER_HASH;

		if (c->tree.size < size)
			take_leaf(c, key, leaf);
		else if (memcmp(leaf, none, sizeof(none)) != 0)
			check_tell(c, c->table, key, "it has a leaf past the "
			    "last one");
	}
}

void
check_leaves(struct check *c, struct slice key, struct slice value)
{
	struct err e = ERR_INIT;
	struct ledger_head head;
	uint64_t row = check_u64(key, 0);

	if (!check_key_len(c, key, 8))
		return;
	if (value.len != ROW_OCTETS) {
		check_tell(c, c->table, key, "%zu octets, not %d", value.len,
		    ROW_OCTETS);
		return;
	}
	if (ledger_head(c->t, &head, &e) == -1) {
		check_tell_err(c, c->table, key, &e);
		return;
	}
	if (row != c->tree.size / LEDGER_ROW ||
	    c->tree.size % LEDGER_ROW != 0)
		check_tell(c, c->table, key, "it is not the next one, after "
		    "%llu leaves", (unsigned long long)c->tree.size);
	else
		take_row(c, key, value, head.size);
}

/* The last row may have got more leaves since the walk came past. */
static void
take_late(struct check *c, struct slice key, uint64_t size)
{
	uint8_t leaf[LEDGER_HASH];

	while (c->tree.size < size && c->tree.size % LEDGER_ROW != 0) {
		if (ledger_leaf(c->t, c->tree.size + 1, leaf, NULL) != 1)
			break;
		take_leaf(c, key, leaf);
	}
}

void
check_leaves_end(struct check *c)
{
	struct slice key = SLICE("ledger", strlen("ledger"));
	uint8_t root[LEDGER_HASH], is[LEDGER_HASH];
	struct merkle_range r;
	struct err e = ERR_INIT;
	uint64_t last;

	if (ledger_load(c->t, &r, root, &e) == -1) {
		check_tell_err(c, TABLE_META, key, &e);
		return;
	}
	take_late(c, key, r.size);
	if (consent_last(c->t, &last, NULL) == 0 && last != r.size)
		check_tell(c, TABLE_META, key, "a ledger of %llu for %llu "
		    "entries", (unsigned long long)r.size,
		    (unsigned long long)last);
	if (c->tree.size != r.size)
		check_tell(c, TABLE_LEAVES, key, "%llu leaves, not %llu",
		    (unsigned long long)c->tree.size,
		    (unsigned long long)r.size);
	merkle_root(&c->tree, is);
	if (memcmp(is, root, sizeof(is)) != 0)
		check_tell(c, TABLE_META, key, "the root is not the one of "
		    "the leaves");
	merkle_root(&r, is);
	if (memcmp(is, root, sizeof(is)) != 0)
		check_tell(c, TABLE_META, key, "the root is not the one of "
		    "its subtrees");
}

void
check_tiles(struct check *c, struct slice key, struct slice value)
{
	uint8_t h[LEDGER_TILE][LEDGER_HASH];
	struct err e = ERR_INIT;
	unsigned level;

	if (!check_key_len(c, key, 1 + 8))
		return;
	level = key.p[0];
	if (level == 0 || value.len != LEDGER_HASH) {
		check_tell(c, c->table, key, "%zu octets, level %u",
		    value.len, level);
		return;
	}
	if (ledger_tile(c->t, level - 1, check_u64(key, 1), LEDGER_TILE, h,
	    &e) == -1) {
		check_tell_err(c, c->table, key, &e);
		return;
	}
	for (size_t width = LEDGER_TILE; width > 1; width /= 2)
		for (size_t i = 0; i < width / 2; i++)
			merkle_node(h[2 * i], h[2 * i + 1], h[i]);
	if (memcmp(h[0], value.p, LEDGER_HASH) != 0)
		check_tell(c, c->table, key, "it is not the root of what is "
		    "below it");
}

/* As many rows of each level as the size has complete subtrees. */
void
check_tiles_end(struct check *c)
{
	struct slice key = SLICE("", 0);
	struct ledger_head head;
	uint64_t n, due = 0;

	if (ledger_head(c->t, &head, NULL) == -1 ||
	    txn_count(c->t, TABLE_TILES, &n, NULL) == -1)
		return;		/* told with the leaves */
	while (head.size /= LEDGER_TILE)
		due += head.size;
	if (n != due)
		check_tell(c, c->table, key, "%llu tiles, not %llu",
		    (unsigned long long)n, (unsigned long long)due);
}

void
check_cosignatures(struct check *c, struct slice key, struct slice value)
{
	char name[LEDGER_WITNESS_MAX + 1];
	struct err e = ERR_INIT;
	struct slice note;

	(void)value;
	if (!slice_to_text(key, name, sizeof(name)))
		check_tell(c, c->table, key, "no witness has such a name");
	else if (ledger_cosigned(c->t, name, &note, &e) == -1 ||
	    cosign_row_check(c->t, name, note, &e) == -1)
		check_tell_err(c, c->table, key, &e);
}
