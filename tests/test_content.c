/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_content.c - adoption looks at everything a role says, and the folders
 * hold what they should after it.
 */
#include "config.h"

#include <sys/stat.h>

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/err.h"
#include "spool/content.h"
#include "tests/spool_world.h"

/* SHA-256 of "abc", FIPS 180-4. */
#define ABC "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

struct fixture {
	struct world	*w;
	struct content	*c;
	uint8_t		 abc[CONTENT_HASH];
	struct err	 e;
};

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	void *w;

	if (f == NULL || world_setup(&w) == -1)
		return -1;
	f->w = w;
	f->c = content_open(f->w->dir, true, &f->e);
	*state = f;
	return f->c != NULL && content_unhex(ABC, f->abc) ? 0 : -1;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;
	void *w = f->w;

	content_close(f->c);
	world_teardown(&w);
	free(f);
	return 0;
}

static const char *
path_of(const struct fixture *f, const char *name)
{
	static char path[600];

	snprintf(path, sizeof(path), "%s/%s", f->w->dir, name);
	return path;
}

static void
write_file(const struct fixture *f, const char *name, const char *text)
{
	FILE *fp = fopen(path_of(f, name), "w");

	assert_non_null(fp);
	assert_int_equal(fwrite(text, 1, strlen(text), fp), strlen(text));
	fclose(fp);
}

static bool
exists(const struct fixture *f, const char *name)
{
	return access(path_of(f, name), F_OK) == 0;
}

static void
a_file_is_adopted_under_its_hash(void **state)
{
	struct fixture *f = *state;
	char buf[8] = "";
	struct stat sb;
	uint64_t size;
	int fd;

	write_file(f, "incoming/web/x.eml", "abc");
	assert_int_equal(content_verify(f->c, f->abc, &f->e), 0);
	assert_int_equal(content_adopt(f->c, "web", "x.eml", 3, f->abc,
	    &f->e), 0);
	assert_false(exists(f, "incoming/web/x.eml"));
	assert_true(exists(f, "content/ba/" ABC));
	assert_int_equal(stat(path_of(f, "content/ba/" ABC), &sb), 0);
	assert_int_equal(sb.st_mode & 0777, 0640);
	fd = content_read(f->c, f->abc, &size, &f->e);
	assert_true(fd != -1);
	assert_int_equal(size, 3);
	assert_int_equal(read(fd, buf, sizeof(buf)), 3);
	assert_string_equal(buf, "abc");
	close(fd);
	assert_int_equal(content_verify(f->c, f->abc, &f->e), 1);
	/* The same bytes again are fine, the same name again is gone. */
	write_file(f, "incoming/web/y", "abc");
	assert_int_equal(content_adopt(f->c, "web", "y", 3, f->abc, &f->e), 0);
	assert_int_equal(content_adopt(f->c, "web", "y", 3, f->abc, &f->e),
	    -1);
	assert_int_equal(f->e.code, ERR_NOTFOUND);
}

/* What a broken or hostile role may say. */
static const struct {
	const char	*why, *role, *name;
	uint64_t	 length;
	enum err_code	 code;
} refused[] = {
	{ "another length",	"web",	"good",	4, ERR_REFUSED },
	{ "another hash",	"web",	"evil",	3, ERR_REFUSED },
	{ "missing",		"web",	"none",	3, ERR_NOTFOUND },
	{ "a symbolic link",	"web",	"link",	3, ERR_REFUSED },
	{ "two names",		"web",	"hard",	3, ERR_REFUSED },
	{ "a folder",		"web",	"dir",	3, ERR_REFUSED },
	{ "a pipe",		"web",	"fifo",	3, ERR_REFUSED },
	{ "a way out",		"web",	"../inbound/good", 3, ERR_INPUT },
	{ "itself",		"web",	".",	3, ERR_INPUT },
	{ "hidden",		"web",	".x",	3, ERR_INPUT },
	{ "empty",		"web",	"",	3, ERR_INPUT },
	{ "blank",		"web",	"a b",	3, ERR_INPUT },
	{ "no such role",	"root",	"good",	3, ERR_INPUT },
	{ "role as a way out",	"..",	"good",	3, ERR_INPUT },
	{ "another role's",	"inbound", "good", 3, ERR_NOTFOUND },
};

static void
what_does_not_fit_is_refused(void **state)
{
	struct fixture *f = *state;
	char other[700];

	write_file(f, "incoming/web/good", "abc");
	write_file(f, "incoming/web/evil", "abd");
	write_file(f, "incoming/web/hard", "abc");
	snprintf(other, sizeof(other), "%s", path_of(f, "incoming/web/two"));
	assert_int_equal(link(path_of(f, "incoming/web/hard"), other), 0);
	assert_int_equal(symlink("good", path_of(f, "incoming/web/link")), 0);
	assert_int_equal(mkdir(path_of(f, "incoming/web/dir"), 0700), 0);
	assert_int_equal(mkfifo(path_of(f, "incoming/web/fifo"), 0600), 0);
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		if (content_adopt(f->c, refused[i].role, refused[i].name,
		    refused[i].length, f->abc, &f->e) == 0)
			fail_msg("adopted: %s", refused[i].why);
		if (f->e.code != refused[i].code)
			fail_msg("%s: %s", refused[i].why, f->e.text);
	}
	assert_int_equal(content_verify(f->c, f->abc, &f->e), 0);
	assert_true(exists(f, "incoming/web/good"));
}

/* As root the file of another user can be made; else there is no such file. */
static void
a_file_of_another_user_is_copied(void **state)
{
	struct fixture *f = *state;
	struct stat sb;
	int fd;

	write_file(f, "incoming/web/x", "abc");
	if (chown(path_of(f, "incoming/web/x"), 65534, (gid_t)-1) == -1)
		skip();
	fd = open(path_of(f, "incoming/web/x"), O_WRONLY);
	assert_int_equal(content_adopt(f->c, "web", "x", 3, f->abc, &f->e), 0);
	assert_int_equal(pwrite(fd, "zzz", 3, 0), 3);	/* too late */
	close(fd);
	assert_int_equal(content_verify(f->c, f->abc, &f->e), 1);
	assert_int_equal(stat(path_of(f, "content/ba/" ABC), &sb), 0);
	assert_int_equal(sb.st_uid, geteuid());
	assert_false(exists(f, "incoming/web/x"));
}

static void
a_role_writes_what_queue_adopts(void **state)
{
	struct fixture *f = *state;
	struct content_file *file;
	char name[CONTENT_NAME_MAX + 1];
	uint8_t hash[CONTENT_HASH];
	uint64_t length;

	file = content_begin(f->c, "inbound", &f->e);
	assert_non_null(file);
	assert_int_equal(content_add(file, "a", 1, &f->e), 0);
	assert_int_equal(content_add(file, "bc", 2, &f->e), 0);
	assert_int_equal(content_finish(file, name, &length, hash, &f->e), 0);
	assert_int_equal(length, 3);
	assert_memory_equal(hash, f->abc, CONTENT_HASH);
	assert_int_equal(content_adopt(f->c, "inbound", name, length, hash,
	    &f->e), 0);
	file = content_begin(f->c, "inbound", &f->e);
	assert_non_null(file);
	content_abandon(file);
	assert_null(content_begin(f->c, "queue", &f->e));
	assert_int_equal(f->e.code, ERR_INPUT);
}

/* A file of queue's own needs no adoption. */
static void
queue_keeps_what_it_wrote(void **state)
{
	struct fixture *f = *state;
	struct content_file *file = content_begin(f->c, "control", &f->e);
	uint8_t hash[CONTENT_HASH];

	assert_non_null(file);
	assert_int_equal(content_add(file, "abc", 3, &f->e), 0);
	assert_int_equal(content_keep(f->c, file, hash, &f->e), 0);
	assert_memory_equal(hash, f->abc, CONTENT_HASH);
	assert_int_equal(content_verify(f->c, hash, &f->e), 1);
	/* The same bytes once more are the same file. */
	file = content_begin(f->c, "control", &f->e);
	assert_non_null(file);
	assert_int_equal(content_add(file, "abc", 3, &f->e), 0);
	assert_int_equal(content_keep(f->c, file, hash, &f->e), 0);
	assert_int_equal(content_verify(f->c, hash, &f->e), 1);
}

static void
put_and_hex(void **state)
{
	struct fixture *f = *state;
	uint8_t hash[CONTENT_HASH];
	char hex[CONTENT_HEX];

	assert_int_equal(content_put(f->c, "abc", 3, hash, &f->e), 0);
	content_hex(hash, hex);
	assert_string_equal(hex, ABC);
	assert_int_equal(content_verify(f->c, hash, &f->e), 1);
	assert_false(content_unhex("BA78", hash));
	hex[5] = 'G';
	assert_false(content_unhex(hex, hash));
	hex[5] = 'B';		/* one name for each file */
	assert_false(content_unhex(hex, hash));
	assert_int_equal(content_put(f->c, "", 0, hash, &f->e), 0);
	assert_int_equal(content_verify(f->c, hash, &f->e), 1);
}

static void
damage_is_named(void **state)
{
	struct fixture *f = *state;
	uint64_t size;

	assert_int_equal(content_put(f->c, "abc", 3, f->abc, &f->e), 0);
	write_file(f, "content/ba/" ABC, "abd");
	assert_int_equal(content_verify(f->c, f->abc, &f->e), -1);
	assert_int_equal(f->e.code, ERR_DAMAGED);
	assert_non_null(strstr(f->e.text, ABC));
	/* Putting the right bytes there again mends it. */
	assert_int_equal(content_put(f->c, "abc", 3, f->abc, &f->e), 0);
	assert_int_equal(content_verify(f->c, f->abc, &f->e), 1);
	memset(f->abc, 7, sizeof(f->abc));
	assert_int_equal(content_read(f->c, f->abc, &size, &f->e), -1);
	assert_int_equal(f->e.code, ERR_NOTFOUND);
}

/* Hashes of files in content/ba that changed before this time. */
static size_t
old_ones(struct fixture *f, int64_t before_ms)
{
	uint8_t hash[4][CONTENT_HASH];
	size_t n;

	assert_int_equal(content_list_old(f->c, 0xba, before_ms, hash, 4, &n,
	    &f->e), 0);
	for (size_t i = 0; i < n; i++)
		assert_memory_equal(hash[i], f->abc, CONTENT_HASH);
	return n;
}

static void
what_is_old_is_found_and_removed(void **state)
{
	struct fixture *f = *state;
	int64_t later = ((int64_t)time(NULL) + 60) * 1000;
	int64_t earlier = later - 120000;

	assert_int_equal(old_ones(f, later), 0);	/* no such folder */
	assert_int_equal(content_put(f->c, "abc", 3, f->abc, &f->e), 0);
	write_file(f, "incoming/web/left", "x");
	write_file(f, "content/tmp-1-1", "x");
	write_file(f, "content/ba/tmp-1-2", "x");
	assert_int_equal(old_ones(f, earlier), 0);
	assert_int_equal(content_clear_old(f->c, earlier, &f->e), 0);
	assert_true(exists(f, "incoming/web/left"));
	assert_true(exists(f, "content/tmp-1-1"));
	assert_true(exists(f, "content/ba/tmp-1-2"));
	assert_int_equal(content_clear_old(f->c, later, &f->e), 0);
	assert_int_equal(old_ones(f, later), 1);
	assert_false(exists(f, "incoming/web/left"));
	assert_false(exists(f, "content/tmp-1-1"));
	assert_false(exists(f, "content/ba/tmp-1-2"));
	assert_int_equal(content_remove_old(f->c, f->abc, earlier, &f->e), 0);
	assert_int_equal(content_verify(f->c, f->abc, &f->e), 1);
	assert_int_equal(content_remove_old(f->c, f->abc, later, &f->e), 1);
	assert_int_equal(content_verify(f->c, f->abc, &f->e), 0);
	assert_int_equal(content_remove_old(f->c, f->abc, later, &f->e), 0);
}

static void
age(struct fixture *f, const char *name)
{
	const struct timespec long_ago[2] = { { 1000, 0 }, { 1000, 0 } };

	assert_int_equal(utimensat(AT_FDCWD, path_of(f, name), long_ago, 0),
	    0);
}

/* Who is about to name a file makes it young, whatever way it came. */
static void
what_is_held_is_young_again(void **state)
{
	struct fixture *f = *state;
	int64_t recent = ((int64_t)time(NULL) - 60) * 1000;
	uint64_t size = 0;

	assert_int_equal(content_hold(f->c, f->abc, &size, &f->e), 0);
	assert_int_equal(content_put(f->c, "abc", 3, f->abc, &f->e), 0);
	age(f, "content/ba/" ABC);
	assert_int_equal(old_ones(f, recent), 1);
	assert_int_equal(content_hold(f->c, f->abc, &size, &f->e), 1);
	assert_int_equal(size, 3);
	assert_int_equal(content_remove_old(f->c, f->abc, recent, &f->e), 0);
	age(f, "content/ba/" ABC);
	write_file(f, "incoming/web/new", "abc");
	age(f, "incoming/web/new");
	assert_int_equal(content_adopt(f->c, "web", "new", 3, f->abc, &f->e),
	    0);
	assert_int_equal(old_ones(f, recent), 0);
}

static void
without_folders_there_is_no_content(void **state)
{
	struct fixture *f = *state;

	assert_null(content_open(path_of(f, "content"), false, &f->e));
	assert_int_equal(f->e.code, ERR_NOTFOUND);
}

int
main(void)
{
#define TEST(F)	cmocka_unit_test_setup_teardown(F, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_file_is_adopted_under_its_hash),
		TEST(what_does_not_fit_is_refused),
		TEST(a_file_of_another_user_is_copied),
		TEST(a_role_writes_what_queue_adopts),
		TEST(queue_keeps_what_it_wrote),
		TEST(put_and_hex),
		TEST(damage_is_named),
		TEST(what_is_old_is_found_and_removed),
		TEST(what_is_held_is_young_again),
		TEST(without_folders_there_is_no_content),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
