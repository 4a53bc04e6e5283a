/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_backup_manifest.c - what is written reads back, and nothing else.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/backup_manifest.h"
#include "lib/err.h"
#include "lib/strbuf.h"

#define H16	"0123456789abcdef"
#define H	H16 H16 H16 H16
#define HEAD	"listd backup 1\ntime 1790000000000\nledger 7 " H "\n"

static const struct {
	const char	*why;
	const char	*path;
	bool		 good;
} paths[] = {
	{ "a file",			"listd.conf",		true },
	{ "below folders",		"content/0a/0a1b",	true },
	{ "nothing",			"",			false },
	{ "absolute",			"/etc/passwd",		false },
	{ "out of it",			"../x",			false },
	{ "out of it, further in",	"a/../x",		false },
	{ "hidden",			"a/.x",			false },
	{ "an empty part",		"a//x",			false },
	{ "a folder",			"a/",			false },
	{ "a space",			"a b",			false },
	{ "a line feed",		"a\nb",			false },
};

static void
paths_stay_below(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		if (backup_path_ok(paths[i].path) != paths[i].good)
			fail_msg("%s", paths[i].why);
}

static void
it_reads_back(void **state)
{
	struct backup_manifest m = { .when_ms = 1790000000000, .ledger = 7 };
	struct backup_manifest r = { .n = 0 };
	struct strbuf b = STRBUF_INIT(65536);
	struct err e = ERR_INIT;
	struct backup_file *f;

	(void)state;
	for (int i = 0; i < 100; i++) {
		char path[32];

		snprintf(path, sizeof(path), "content/%02x/%d", i, i);
		f = backup_manifest_add(&m, path);
		f->size = (uint64_t)i << 30;
		memset(f->hash, i, sizeof(f->hash));
	}
	backup_manifest_write(&m, &b);
	assert_int_equal(backup_manifest_parse(&r, b.s, b.len, &e), 0);
	assert_int_equal(r.n, 100);
	assert_true(r.when_ms == m.when_ms && r.ledger == 7);
	for (size_t i = 0; i < r.n; i++) {
		assert_string_equal(r.v[i].path, m.v[i].path);
		assert_true(r.v[i].size == m.v[i].size);
		assert_memory_equal(r.v[i].hash, m.v[i].hash, BACKUP_HASH);
	}
	backup_manifest_free(&r);
	/* Cut anywhere it is none. */
	for (size_t n = 0; n < b.len; n++)
		assert_int_equal(backup_manifest_parse(&r, b.s, n, &e), -1);
	backup_manifest_free(&m);
	strbuf_free(&b);
}

static const struct {
	const char	*why, *text;
} refused[] = {
	{ "another version",	"listd backup 2\n" },
	{ "no files told",	HEAD },
	{ "fewer than told",	HEAD "end 1\n" },
	{ "more behind",	HEAD "end 0\n\n" },
	{ "leading zeros",	HEAD "end 00\n" },
	{ "a path that leads out", HEAD "file " H " 1 ../a\nend 1\n" },
	{ "no size",		HEAD "file " H "  a\nend 1\n" },
	{ "a size too large",	HEAD "file " H " 99999999999999999999 a\n"
				"end 1\n" },
	{ "upper case",		"listd backup 1\ntime 1\nledger 7 A" H "\n" },
};

static void
all_else_is_refused(void **state)
{
	struct backup_manifest m = { .n = 0 };
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		e = (struct err)ERR_INIT;
		if (backup_manifest_parse(&m, refused[i].text,
		    strlen(refused[i].text), &e) == 0)
			fail_msg("%s", refused[i].why);
		assert_int_equal(e.code, ERR_INPUT);
		assert_int_equal(m.n, 0);
	}
	assert_int_equal(backup_manifest_parse(&m, HEAD "end 0\n",
	    strlen(HEAD "end 0\n"), &e), 0);
	backup_manifest_free(&m);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths_stay_below),
		cmocka_unit_test(it_reads_back),
		cmocka_unit_test(all_else_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
