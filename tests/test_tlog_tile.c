/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_tlog_tile.c - names of tiles both ways, and how wide they are.
 *
 * Published: the example of c2sp.org/tlog-tiles, and the rows of
 * transparency-dev/trillian-tessera, api/layout/paths_test.go.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/strbuf.h"
#include "lib/tlog_tile.h"

static const struct {
	struct tlog_tile	 tile;
	const char		*path;
} paths[] = {
	/* the specification's, then tessera's */
	{ { false, 0, 1234067, 256 }, "tile/0/x001/x234/067" },
	{ { false, 0, 1234067, 89 }, "tile/0/x001/x234/067.p/89" },
	{ { false, 63, 999999999999999999, 255 },
	    "tile/63/x999/x999/x999/x999/x999/999.p/255" },
	{ { false, 0, 1, 256 }, "tile/0/001" },
	{ { false, 0, 0, 256 }, "tile/0/000" },
	{ { false, 0, 0, 255 }, "tile/0/000.p/255" },
	{ { false, 1, 0, 1 }, "tile/1/000.p/1" },
	{ { false, 15, 455667, 256 }, "tile/15/x455/667" },
	{ { false, 3, 1234567, 256 }, "tile/3/x001/x234/567" },
	{ { false, 15, 123456789, 256 }, "tile/15/x123/x456/789" },
	{ { true, 0, 0, 256 }, "tile/entries/000" },
	{ { true, 0, 0, 8 }, "tile/entries/000.p/8" },
	{ { true, 0, 255, 253 }, "tile/entries/255.p/253" },
	{ { true, 0, 256, 256 }, "tile/entries/256" },
	{ { true, 0, 123456789000, 256 },
	    "tile/entries/x123/x456/x789/000" },
	{ { true, 0, 999999999999999999, 255 },
	    "tile/entries/x999/x999/x999/x999/x999/999.p/255" },
	/* zeros inside and behind */
	{ { false, 0, 1000, 256 }, "tile/0/x001/000" },
	{ { false, 0, 1000000, 256 }, "tile/0/x001/x000/000" },
	{ { false, 0, 999, 256 }, "tile/0/999" },
};

static void
paths_both_ways(void **state)
{
	char path[TLOG_TILE_PATH_MAX];
	struct tlog_tile t;

	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		const struct tlog_tile *want = &paths[i].tile;

		tlog_tile_path(want, path);
		assert_string_equal(path, paths[i].path);
		if (!tlog_tile_parse(&t, path, strlen(path)))
			fail_msg("refused: %s", path);
		assert_int_equal(t.entries, want->entries);
		assert_int_equal(t.level, want->level);
		assert_true(t.n == want->n);
		assert_int_equal(t.width, want->width);
	}
	assert_int_equal(strlen(paths[15].path), TLOG_TILE_PATH_MAX - 1);
}

static const struct {
	const char *why, *path;
} refused[] = {
	/* tessera's */
	{ "no width", "tile/0/x001/x234/067.p/" },
	{ "no width, no slash", "tile/0/x001/x234/067.p" },
	{ "no last group", "tile/0/x001/x234/" },
	{ "last group with x", "tile/0/x001/x234" },
	{ "one group and a slash", "tile/0/x001/" },
	{ "one group with x", "tile/0/x001" },
	{ "width no number", "tile/1/x001/.p/abc" },
	{ "level 64", "tile/64/x001/002" },
	{ "level negative", "tile/-1/x001/002" },
	{ "level no number", "tile/abc/x001/002" },
	{ "first group without x", "tile/8/001/002" },
	{ "four digits", "tile/8/x001/0002" },
	{ "negative group", "tile/8/x001/-002" },
	{ "width 256", "tile/8/x001/002.p/256" },
	/* more */
	{ "nothing", "" },
	{ "tile alone", "tile/" },
	{ "level alone", "tile/0" },
	{ "level and slash", "tile/0/" },
	{ "entries alone", "tile/entries" },
	{ "entries and slash", "tile/entries/" },
	{ "level 00", "tile/00/001" },
	{ "no level", "tile//001" },
	{ "a slash before", "/tile/0/001" },
	{ "two slashes", "tile/0//001" },
	{ "a slash behind", "tile/0/001/" },
	{ "a blank", "tile/0/001 " },
	{ "two digits", "tile/0/01" },
	{ "group of zero before", "tile/0/x000/001" },
	{ "groups of zero before", "tile/0/x000/x000/000" },
	{ "X", "tile/0/X001/002" },
	{ "seven groups", "tile/0/x001/x000/x000/x000/x000/x000/000" },
	{ "width 0", "tile/0/001.p/0" },
	{ "width 01", "tile/0/001.p/01" },
	{ "width and slash", "tile/0/001.p/1/" },
	{ "width of the group before", "tile/0/x001.p/1/002" },
	{ "hexadecimal", "tile/0/00a" },
	{ "data, as sumdb has it", "tile/data/001" },
	{ "with a height, as sumdb has it", "tile/8/0/001" },
};

static void
other_paths_are_refused(void **state)
{
	struct tlog_tile t = { .n = 42 };

	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++)
		if (tlog_tile_parse(&t, refused[i].path,
		    strlen(refused[i].path)))
			fail_msg("taken: %s", refused[i].why);
	assert_false(tlog_tile_parse(&t, "tile/0/001\0", 11));
	assert_true(t.n == 42);
}

static const struct {
	uint8_t		level;
	uint64_t	n, size;
	uint16_t	width;
} widths[] = {
	/* "a tree of size 70,000 ..." */
	{ 0, 0, 70000, 256 },
	{ 0, 272, 70000, 256 },
	{ 0, 273, 70000, 112 },
	{ 0, 274, 70000, 0 },
	{ 1, 0, 70000, 256 },
	{ 1, 1, 70000, 17 },
	{ 1, 2, 70000, 0 },
	{ 2, 0, 70000, 1 },
	{ 2, 1, 70000, 0 },
	{ 3, 0, 70000, 0 },
	/* "a tree of size 256 ..." */
	{ 0, 0, 256, 256 },
	{ 0, 1, 256, 0 },
	{ 1, 0, 256, 1 },
	/* tessera's */
	{ 0, 0, 289, 256 },
	{ 0, 0, 8, 8 },
	{ 0, 255, 256 * 256, 256 },
	{ 0, 255, 256 * 256 - 3, 253 },
	{ 1, 0, 1024, 4 },
	{ 0, 123456789, UINT64_C(123456790) * 256, 256 },
	/* the edges */
	{ 0, 0, 0, 0 },
	{ 0, 0, 1, 1 },
	{ 1, 0, 255, 0 },
	{ 7, 0, UINT64_MAX, 255 },
	{ 7, 1, UINT64_MAX, 0 },
	{ 8, 0, UINT64_MAX, 0 },
	{ 63, 0, UINT64_MAX, 0 },
	{ 0, UINT64_C(1) << 56, UINT64_MAX, 0 },
	{ 0, (UINT64_C(1) << 56) - 1, UINT64_MAX, 255 },
	{ 0, TLOG_TILE_N_MAX, UINT64_MAX, 0 },
	{ 0, UINT64_MAX, UINT64_MAX, 0 },
};

static void
widths_of_tiles(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(widths) / sizeof(*widths); i++)
		if (tlog_tile_width(widths[i].level, widths[i].n,
		    widths[i].size) != widths[i].width)
			fail_msg("row %zu", i);
}

static void
bundles(void **state)
{
	struct strbuf b = STRBUF_INIT(100000);
	static char large[65535];

	(void)state;
	tlog_tile_entry(&b, "", 0);
	tlog_tile_entry(&b, "ab", 2);
	assert_int_equal(b.len, 6);
	assert_memory_equal(b.s, "\0\0\0\2ab", 6);
	tlog_tile_entry(&b, large, sizeof(large));
	assert_int_equal(b.len, 6 + 2 + 65535);
	assert_memory_equal(b.s + 6, "\xff\xff\0", 3);
	strbuf_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths_both_ways),
		cmocka_unit_test(other_paths_are_refused),
		cmocka_unit_test(widths_of_tiles),
		cmocka_unit_test(bundles),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
