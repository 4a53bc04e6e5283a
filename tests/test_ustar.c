/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_ustar.c - archives with one way to write each of them: what is written
 * reads back, what tar thinks of it, and no octet outside of a content can be
 * another.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/err.h"
#include "lib/strbuf.h"
#include "lib/ustar.h"

#define N(a)	(sizeof(a) / sizeof((a)[0]))

static struct slice
slice_of(const char *s)
{
	return (struct slice){ (const uint8_t *)s, strlen(s) };
}

static const struct {
	const char *name, *content;
} members[] = {
	{ "README.txt", "hello\n" },
	{ "entries/1.entry", "" },
	{ "shown/0a-b_c.D", "x" },
};

static void
make(struct strbuf *b)
{
	for (size_t i = 0; i < N(members); i++)
		assert_int_equal(ustar_add(b, members[i].name,
		    slice_of(members[i].content), NULL), 0);
	assert_int_equal(ustar_end(b, NULL), 0);
}

static void
what_is_written_reads_back(void **state)
{
	struct strbuf b = STRBUF_INIT(1 << 20);
	struct ustar_member m;
	struct ustar u;

	(void)state;
	make(&b);
	/* Three headers, two blocks of content, two of the end. */
	assert_int_equal(b.len, 7 * USTAR_BLOCK);
	ustar_init(&u, b.s, b.len);
	for (size_t i = 0; i < N(members); i++) {
		assert_int_equal(ustar_next(&u, &m, NULL), 1);
		assert_string_equal(m.name, members[i].name);
		assert_int_equal(m.content.len, strlen(members[i].content));
		assert_memory_equal(m.content.p, members[i].content,
		    m.content.len);
	}
	assert_int_equal(ustar_next(&u, &m, NULL), 0);
	strbuf_free(&b);
}

/* Whether it reads to its end. */
static bool
reads(const char *p, size_t len, size_t *content)
{
	struct err e = ERR_INIT;
	struct ustar_member m;
	struct ustar u;
	int rc;

	*content = 0;
	ustar_init(&u, p, len);
	while ((rc = ustar_next(&u, &m, &e)) == 1)
		*content += m.content.len;
	assert_true(rc == 0 || e.code == ERR_DAMAGED);
	return rc == 0;
}

/*
 * Every octet, with every bit turned once: it is refused, unless it lies in a
 * name (another name, with its own check sum, would need a second change) or
 * in a content, whose hash is for the user of the archive.
 */
static void
no_octet_is_free(void **state)
{
	struct strbuf b = STRBUF_INIT(1 << 20);
	size_t content, taken = 0;

	(void)state;
	make(&b);
	for (size_t i = 0; i < b.len; i++)
		for (int bit = 0; bit < 8; bit++) {
			b.s[i] = (char)(b.s[i] ^ 1 << bit);
			taken += reads(b.s, b.len, &content);
			b.s[i] = (char)(b.s[i] ^ 1 << bit);
		}
	assert_int_equal(taken, 8 * (strlen("hello\n") + strlen("x")));
	for (size_t len = 0; len < b.len; len++)
		assert_false(reads(b.s, len, &content));
	strbuf_addc(&b, '\0');
	assert_false(reads(b.s, b.len, &content));
	strbuf_free(&b);
}

static const struct {
	const char *why, *name;
	bool fits;
} names[] = {
	{ "plain",		"a",			true },
	{ "parts",		"a/b.c/D-e_0",		true },
	{ "empty",		"",			false },
	{ "from the root",	"/etc/passwd",		false },
	{ "upwards",		"a/../b",		false },
	{ "hidden",		".ssh",			false },
	{ "hidden below",	"a/.b",			false },
	{ "an empty part",	"a//b",			false },
	{ "a folder",		"a/",			false },
	{ "a space",		"a b",			false },
	{ "not ASCII",		"\xc3\xa4",		false },
	{ "a backslash",	"a\\b",			false },
};

static void
names_are_plain(void **state)
{
	struct strbuf b = STRBUF_INIT(1 << 20);
	char longest[USTAR_NAME_MAX + 2];
	struct err e = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < N(names); i++) {
		int want = names[i].fits ? 0 : -1;

		if (ustar_add(&b, names[i].name, slice_of("x"), &e) != want)
			fail_msg("%s", names[i].why);
		if (!names[i].fits)
			assert_int_equal(e.code, ERR_INPUT);
	}
	memset(longest, 'a', sizeof(longest));
	assert_true(ustar_name_fits(longest, USTAR_NAME_MAX));
	assert_false(ustar_name_fits(longest, USTAR_NAME_MAX + 1));
	strbuf_free(&b);
}

static void
sizes_have_a_limit(void **state)
{
	static const uint8_t octet;
	struct strbuf b = STRBUF_INIT(3 * USTAR_BLOCK - 1);
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(ustar_add(&b, "big", (struct slice){ &octet,
	    (size_t)USTAR_SIZE_MAX + 1 }, &e), -1);
	assert_int_equal(e.code, ERR_LIMIT);
	assert_int_equal(b.len, 0);
	assert_int_equal(ustar_add(&b, "a", slice_of("x"), &e), 0);
	assert_int_equal(ustar_end(&b, &e), -1);
	assert_int_equal(e.code, ERR_LIMIT);
	strbuf_free(&b);
}

/* The length of the longest name uses the whole field, without a NUL. */
static void
the_longest_name_comes_back(void **state)
{
	struct strbuf b = STRBUF_INIT(1 << 20);
	char name[USTAR_NAME_MAX + 1];
	struct ustar_member m;
	struct ustar u;

	(void)state;
	memset(name, 'n', USTAR_NAME_MAX);
	name[USTAR_NAME_MAX] = '\0';
	assert_int_equal(ustar_add(&b, name, slice_of("x"), NULL), 0);
	assert_int_equal(ustar_end(&b, NULL), 0);
	ustar_init(&u, b.s, b.len);
	assert_int_equal(ustar_next(&u, &m, NULL), 1);
	assert_string_equal(m.name, name);
	assert_int_equal(ustar_next(&u, &m, NULL), 0);
	strbuf_free(&b);
}

/* GNU tar lists and unpacks it; where there is none, that is not tested. */
static void
tar_reads_it(void **state)
{
	struct strbuf b = STRBUF_INIT(1 << 20);
	char path[] = "/tmp/ustar-XXXXXX", cmd[256], line[128];
	FILE *f;
	int fd;

	(void)state;
	if (system("tar --version >/dev/null 2>&1") != 0)
		skip();
	make(&b);
	fd = mkstemp(path);
	assert_true(fd != -1 && write(fd, b.s, b.len) == (ssize_t)b.len);
	close(fd);
	snprintf(cmd, sizeof(cmd), "tar -tf %s 2>&1", path);
	assert_non_null(f = popen(cmd, "r"));
	for (size_t i = 0; i < N(members); i++) {
		assert_non_null(fgets(line, sizeof(line), f));
		line[strcspn(line, "\n")] = '\0';
		assert_string_equal(line, members[i].name);
	}
	assert_null(fgets(line, sizeof(line), f));
	assert_int_equal(pclose(f), 0);
	unlink(path);
	strbuf_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_reads_back),
		cmocka_unit_test(no_octet_is_free),
		cmocka_unit_test(names_are_plain),
		cmocka_unit_test(sizes_have_a_limit),
		cmocka_unit_test(the_longest_name_comes_back),
		cmocka_unit_test(tar_reads_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
