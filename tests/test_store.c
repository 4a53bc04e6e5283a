/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_store.c - rows and cursors, and every way in which what lies in the
 * folder may not be the store (F13, P5, P12).
 */
#include "config.h"

#include <sys/stat.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/keyring.h"
#include "lib/strbuf.h"
#include "spool/store_private.h"
#include "tests/spool_world.h"

#define S(text)	SLICE((text), sizeof(text) - 1)

static char *
path_of(const struct world *w, const char *name)
{
	static char path[512];

	snprintf(path, sizeof(path), "%s/%s", w->dir, name);
	return path;
}

static void
equal(struct slice got, const char *want)
{
	assert_int_equal(got.len, strlen(want));
	assert_memory_equal(got.p, want, got.len);
}

/* ---- rows */

static int
put_rows(struct txn *t, void *arg, struct err *e)
{
	(void)arg;
	return txn_put(t, TABLE_DOMAINS, S("b"), S("2"), e) == -1 ||
	    txn_put(t, TABLE_DOMAINS, S("a"), S("1"), e) == -1 ||
	    txn_append(t, TABLE_DOMAINS, S("c"), S("3"), e) == -1 ? -1 : 0;
}

static void
rows_come_back_in_order(void **state)
{
	struct world *w = *state;
	struct slice k, v;
	struct cursor *c;
	struct txn *t;
	uint64_t n;

	world_must(w, STORE_S, put_rows, NULL);
	world_reopen(w);
	t = world_read(w, STORE_S);
	assert_int_equal(txn_get(t, TABLE_DOMAINS, S("b"), &v, NULL), 1);
	equal(v, "2");
	assert_int_equal(txn_get(t, TABLE_DOMAINS, S("bb"), &v, NULL), 0);
	assert_int_equal(txn_get(t, TABLE_DOMAIN_IDS, S("b"), &v, NULL), 0);
	assert_int_equal(txn_count(t, TABLE_DOMAINS, &n, NULL), 0);
	assert_int_equal(n, 3);
	assert_int_equal(cursor_open(t, TABLE_DOMAINS, &c, NULL), 0);
	assert_int_equal(cursor_seek(c, S("aa"), &k, &v, NULL), 1);
	equal(k, "b");
	assert_int_equal(cursor_next(c, &k, &v, NULL), 1);
	equal(k, "c");
	equal(v, "3");
	assert_int_equal(cursor_next(c, &k, &v, NULL), 0);
	assert_int_equal(cursor_seek(c, S(""), &k, &v, NULL), 1);
	equal(k, "a");
	assert_int_equal(cursor_last(c, &k, &v, NULL), 1);
	equal(k, "c");
	cursor_close(c);
	txn_end(t);
}

static int
add_and_delete(struct txn *t, void *arg, struct err *e)
{
	struct slice v;

	(void)arg;
	assert_int_equal(txn_add(t, TABLE_DOMAINS, S("a"), S("1"), e), 1);
	assert_int_equal(txn_add(t, TABLE_DOMAINS, S("a"), S("2"), e), 0);
	assert_int_equal(txn_get(t, TABLE_DOMAINS, S("a"), &v, e), 1);
	equal(v, "1");
	assert_int_equal(txn_del(t, TABLE_DOMAINS, S("a"), e), 1);
	assert_int_equal(txn_del(t, TABLE_DOMAINS, S("a"), e), 0);
	assert_true(txn_store(t) != NULL);
	return 0;
}

static void
add_keeps_the_first(void **state)
{
	world_must(*state, STORE_S, add_and_delete, NULL);
}

static int
put_long_key(struct txn *t, void *arg, struct err *e)
{
	static const char key[STORE_KEY_MAX + 1];

	(void)arg;
	return txn_put(t, TABLE_DOMAINS, SLICE(key, sizeof(key)), S("x"), e);
}

static void
keys_have_a_limit(void **state)
{
	struct world *w = *state;
	static const char key[STORE_KEY_MAX + 1];
	struct txn *t;
	struct slice v;

	assert_int_not_equal(world_write(w, STORE_S, put_long_key, NULL), 0);
	assert_int_equal(w->e.code, ERR_STORE);
	t = world_read(w, STORE_S);
	assert_int_equal(txn_get(t, TABLE_DOMAINS, SLICE(key, sizeof(key)), &v,
	    NULL), 0);
	assert_int_equal(txn_get(t, TABLE_DOMAINS, S(""), &v, NULL), 0);
	txn_end(t);
}

/* ---- opening */

static void
readers_see_commits_and_write_nothing(void **state)
{
	struct world *w = *state;
	pid_t pid;
	int status;

	world_must(w, STORE_S, put_rows, NULL);
	if ((pid = fork()) == 0) {
		struct store *st = world_open(w, false, false);
		struct slice v;
		struct txn *t;

		if (st == NULL || store_claim_writer(st, STORE_S) ||
		    txn_read(st, STORE_S, &t, NULL) == -1 ||
		    txn_get(t, TABLE_DOMAINS, S("b"), &v, NULL) != 1)
			_exit(1);
		txn_end(t);
		store_close(st);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void
a_second_open_is_refused(void **state)
{
	struct world *w = *state;

	assert_null(world_open(w, false, false));
	assert_int_equal(w->e.code, ERR_EXISTS);
	world_reopen(w);	/* and the first still works */
	world_must(w, STORE_S, put_rows, NULL);
}

static void
modes_do_not_hang_on_the_umask(void **state)
{
	static const struct { const char *name; mode_t mode; } files[] = {
		{ "subscribers/data.mdb", 0640 },
		{ "subscribers/lock.mdb", 0660 },
		{ "queue/data.mdb", 0640 },
		{ "queue/lock.mdb", 0660 },
	};
	struct world *w = *state;
	struct stat sb;
	mode_t old = umask(0077);

	world_close(w);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(unlink(path_of(w, files[i].name)), 0);
	w->st = world_open(w, true, true);
	umask(old);
	assert_non_null(w->st);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(stat(path_of(w, files[i].name), &sb), 0);
		assert_int_equal(sb.st_mode & 07777, files[i].mode);
	}
}

static void
refused(struct world *w, bool write, enum err_code code, const char *word)
{
	assert_null(world_open(w, write, false));
	assert_int_equal(w->e.code, code);
	if (strstr(w->e.text, word) == NULL)
		fail_msg("\"%s\" does not name \"%s\"", w->e.text, word);
}

static void
an_empty_folder_is_no_store(void **state)
{
	struct world *w = *state;

	world_close(w);
	unlink(path_of(w, "subscribers/data.mdb"));
	refused(w, true, ERR_NOTFOUND, "subscribers/data.mdb");
	refused(w, false, ERR_NOTFOUND, "subscribers/data.mdb");
}

static void
a_missing_lock_file_is_the_writers_to_make(void **state)
{
	struct world *w = *state;

	world_close(w);
	unlink(path_of(w, "subscribers/lock.mdb"));
	refused(w, false, ERR_NOTFOUND, "lock.mdb");
	w->st = world_open(w, true, false);
	assert_non_null(w->st);
}

/* LMDB itself opens such a file and dies of SIGBUS at the first read. */
static void
a_truncated_file_is_refused(void **state)
{
	static const struct { const char *why; off_t size; } cuts[] = {
		{ "empty",			0 },
		{ "half a meta page",		100 },
		{ "one meta page",		4096 },
		{ "meta pages alone",		8192 },
		{ "one page is missing",	-1 },
	};
	struct world *w = *state;
	char path[512];
	uint64_t used, size;
	off_t cut;

	world_must(w, STORE_S, put_rows, NULL);
	store_usage(w->st, STORE_S, &used, &size);
	assert_true(used > 8192 && used < size && size == w->map_size);
	world_close(w);
	snprintf(path, sizeof(path), "%s", path_of(w, "subscribers/data.mdb"));
	for (size_t i = sizeof(cuts) / sizeof(cuts[0]); i-- > 0;) {
		cut = cuts[i].size != -1 ? cuts[i].size : (off_t)used - 4096;
		assert_int_equal(truncate(path, cut), 0);
		refused(w, true, ERR_DAMAGED, "data.mdb");
		refused(w, false, ERR_DAMAGED, "data.mdb");
	}
}

static void
overwrite(const char *path, off_t at, const void *p, size_t len)
{
	int fd = open(path, O_WRONLY);

	assert_true(fd != -1);
	assert_int_equal(pwrite(fd, p, len, at), len);
	close(fd);
}

static void
garbage_for_meta_pages_is_refused(void **state)
{
	static const uint32_t bad_version = 999, bad_size = 3000;
	static const uint64_t bad_last = UINT64_MAX;
	static const struct {
		const char *why; off_t at; const void *p; size_t len;
	} rows[] = {
		{ "magic",		16, "\0\0\0\0", 4 },
		{ "data version",	20, &bad_version, 4 },
		{ "page size",		40, &bad_size, 4 },
		{ "last page",		136, &bad_last, 8 },
		{ "no meta page",	10, "\0\0", 2 },
		{ "magic of the second", 4096 + 16, "\0\0\0\0", 4 },
	};
	struct world *w = *state;
	char path[512], page[8192];
	int fd;

	world_close(w);
	snprintf(path, sizeof(path), "%s", path_of(w, "queue/data.mdb"));
	fd = open(path, O_RDONLY);
	assert_int_equal(pread(fd, page, sizeof(page), 0), sizeof(page));
	close(fd);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		overwrite(path, rows[i].at, rows[i].p, rows[i].len);
		refused(w, true, ERR_DAMAGED, "queue/data.mdb");
		overwrite(path, 0, page, sizeof(page));
	}
	w->st = world_open(w, true, false);
	assert_non_null(w->st);
}

static int
newer_schema(struct txn *t, void *arg, struct err *e)
{
	(void)arg;
	return meta_put(t, TABLE_QMETA, "schema", "\0\0\0\7", 4, e);
}

static void
a_newer_schema_is_refused_naming_both(void **state)
{
	struct world *w = *state;

	world_must(w, STORE_Q, newer_schema, NULL);
	world_close(w);
	refused(w, true, ERR_DAMAGED, "schema 7");
	refused(w, false, ERR_DAMAGED, "knows 2");
}

static int
older_schema(struct txn *t, void *arg, struct err *e)
{
	uint8_t v[4] = { 0, 0, 0, *(uint8_t *)arg };

	return meta_put(t, TABLE_QMETA, "schema", v, sizeof(v), e);
}

/* Only who may write upgrades; what it does with S is test_ledger's. */
static void
an_older_schema_is_the_writers_to_raise(void **state)
{
	struct world *w = *state;

	world_must(w, STORE_Q, older_schema, &(uint8_t){ 1 });
	world_close(w);
	refused(w, false, ERR_DAMAGED, "schema 1");
	refused(w, false, ERR_DAMAGED, "knows 2");
	world_reopen(w);
	world_close(w);
	w->st = world_open(w, false, false);
	assert_non_null(w->st);
	world_close(w);
	world_reopen(w);
	world_must(w, STORE_Q, older_schema, &(uint8_t){ 0 });
	world_close(w);
	refused(w, true, ERR_DAMAGED, "schema 0");
}

static int
broken_seal(struct txn *t, void *arg, struct err *e)
{
	(void)arg;
	return txn_put(t, TABLE_META, S("instance"), S("xxxxxxxxxxxxxxxx"), e);
}

static void
a_damaged_meta_row_is_named(void **state)
{
	struct world *w = *state;

	world_must(w, STORE_S, broken_seal, NULL);
	world_close(w);
	refused(w, true, ERR_DAMAGED, "instance");
}

static int
other_instance(struct txn *t, void *arg, struct err *e)
{
	(void)arg;
	return meta_put(t, TABLE_QMETA, "instance", "0123456789abcdef", 16, e);
}

static void
halves_of_two_stores_do_not_meet(void **state)
{
	struct world *w = *state;

	world_must(w, STORE_Q, other_instance, NULL);
	world_close(w);
	refused(w, true, ERR_DAMAGED, "another store");
}

/* ---- secrets */

static void
foreign_secrets_are_named(void **state)
{
	struct world *w = *state;
	struct keyring *own = w->keys, *other = world_keys(2);

	world_close(w);
	w->keys = other;
	refused(w, true, ERR_DAMAGED, "h8 key 1 is not the one");
	refused(w, false, ERR_DAMAGED, "h8");
	keyring_free(other);
	w->keys = own;
}

static void
missing_secrets_are_named(void **state)
{
	struct world *w = *state;
	struct keyring *own = w->keys;
	uint8_t octets[KEY_OCTETS];

	world_close(w);
	w->keys = keyring_new();
	refused(w, true, ERR_DAMAGED, "h8 key 1 of this store is missing");
	/* A reader's role may know some purposes only, but these right. */
	w->st = world_open(w, false, false);
	assert_non_null(w->st);
	world_close(w);
	memset(octets, 0x55, sizeof(octets));
	assert_int_equal(keyring_rotate(w->keys, KEY_URL, octets, NULL, NULL),
	    0);
	refused(w, false, ERR_DAMAGED, "url");
	keyring_free(w->keys);
	w->keys = own;
}

static void
a_rotated_key_is_learnt_and_then_missed(void **state)
{
	struct world *w = *state;
	struct keyring *old = w->keys;
	uint8_t octets[KEY_OCTETS], id;

	memset(octets, 0x77, sizeof(octets));
	w->keys = world_keys(1);
	assert_int_equal(keyring_rotate(w->keys, KEY_VERP, octets, &id, NULL),
	    0);
	world_reopen(w);
	world_reopen(w);
	world_close(w);
	keyring_free(w->keys);
	w->keys = old;
	refused(w, true, ERR_DAMAGED, "verp key 2 of this store is missing");
}

/* ---- a first run killed at every step */

static void
creation_survives_a_kill_anywhere(void **state)
{
	struct world *w = *state;
	struct stat sb;

	/* What a kill between the two environments leaves. */
	world_close(w);
	unlink(path_of(w, "queue/data.mdb"));
	unlink(path_of(w, "queue/lock.mdb"));
	w->st = world_open(w, true, true);
	assert_non_null(w->st);
	world_close(w);
	/* What one between creat() and the first commit leaves. */
	assert_int_equal(truncate(path_of(w, "queue/data.mdb"), 0), 0);
	refused(w, true, ERR_DAMAGED, "queue");
	w->st = world_open(w, true, true);
	assert_non_null(w->st);
	assert_int_equal(stat(path_of(w, "queue/data.mdb"), &sb), 0);
	assert_true(sb.st_size > 0);
}

static void
a_kill_at_each_step_is_all_or_nothing(void **state)
{
	struct world *w = *state;
	struct txn *t;
	uint64_t n;
	unsigned killed = 0;

	for (unsigned i = 1; world_killed_at(w, STORE_S, put_rows, NULL, i);
	    i++) {
		killed++;
		t = world_read(w, STORE_S);
		assert_int_equal(txn_count(t, TABLE_DOMAINS, &n, NULL), 0);
		txn_end(t);
		if (n == 3)
			break;	/* killed after the commit */
		assert_int_equal(n, 0);
	}
	assert_int_equal(killed, 6);	/* begin, 3 puts, commit, committed */
}

int
main(void)
{
#define TEST(F)	cmocka_unit_test_setup_teardown(F, world_setup, world_teardown)
	const struct CMUnitTest tests[] = {
		TEST(rows_come_back_in_order),
		TEST(add_keeps_the_first),
		TEST(keys_have_a_limit),
		TEST(readers_see_commits_and_write_nothing),
		TEST(a_second_open_is_refused),
		TEST(modes_do_not_hang_on_the_umask),
		TEST(an_empty_folder_is_no_store),
		TEST(a_missing_lock_file_is_the_writers_to_make),
		TEST(a_truncated_file_is_refused),
		TEST(garbage_for_meta_pages_is_refused),
		TEST(a_newer_schema_is_refused_naming_both),
		TEST(an_older_schema_is_the_writers_to_raise),
		TEST(a_damaged_meta_row_is_named),
		TEST(halves_of_two_stores_do_not_meet),
		TEST(foreign_secrets_are_named),
		TEST(missing_secrets_are_named),
		TEST(a_rotated_key_is_learnt_and_then_missed),
		TEST(creation_survives_a_kill_anywhere),
		TEST(a_kill_at_each_step_is_all_or_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
