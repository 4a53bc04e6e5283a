/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_store_copy.c - a copy is the store, row by row, also when it is written
 * meanwhile; it carries nothing that was deleted; and wherever a swap is cut
 * short the store is whole.
 */
#include "config.h"

#include <sys/stat.h>
#include <sys/wait.h>

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "spool/row.h"
#include "spool/store_copy.h"
#include "spool/store_notes.h"
#include "spool/store_private.h"
#include "spool/store_swap.h"
#include "tests/spool_people.h"

#define MANY	30000

static void
path_of(const struct world *w, const char *name, char out[static 512])
{
	snprintf(out, 512, "%s/%s", w->dir, name);
}

static void
make_copy_dir(const struct world *w)
{
	char dir[512];

	path_of(w, STORE_COPY_DIR, dir);
	mkdir(dir, 0750);
}

/* ---- what lies in a store, as one number */

static uint64_t
mix(uint64_t h, struct slice s)
{
	h = (h ^ s.len) * 0x100000001b3u;
	for (size_t i = 0; i < s.len; i++)
		h = (h ^ s.p[i]) * 0x100000001b3u;
	return h;
}

static uint64_t
digest(struct store *st, bool with_due)
{
	uint64_t h = 0xcbf29ce484222325u;
	struct slice k, v;
	struct cursor *c;
	struct txn *t;
	int rc;

	for (enum store_table i = 0; i < TABLE_LAST; i++) {
		assert_int_equal(txn_read(st, store_table_env(i), &t, NULL),
		    0);
		assert_int_equal(cursor_open(t, i, &c, NULL), 0);
		for (rc = cursor_seek(c, SLICE("", 0), &k, &v, NULL); rc == 1;
		    rc = cursor_next(c, &k, &v, NULL)) {
			if (!with_due && i == TABLE_META && k.len == 6 &&
			    memcmp(k.p, "erased", 6) == 0)
				continue;
			h = mix(mix(h + i, k), v);
		}
		assert_int_equal(rc, 0);
		cursor_close(c);
		txn_end(t);
	}
	return h;
}

/* True when the file holds these octets anywhere. */
static bool
file_holds(const char *path, const char *text)
{
	FILE *f = fopen(path, "rb");
	struct stat sb;
	char *p;
	bool found;

	assert_non_null(f);
	assert_int_equal(fstat(fileno(f), &sb), 0);
	p = malloc((size_t)sb.st_size);
	assert_non_null(p);
	assert_int_equal(fread(p, 1, (size_t)sb.st_size, f), sb.st_size);
	found = memmem(p, (size_t)sb.st_size, text, strlen(text)) != NULL;
	free(p);
	fclose(f);
	return found;
}

static bool
store_holds(const struct world *w, const char *text)
{
	char path[512];

	path_of(w, "subscribers/data.mdb", path);
	if (file_holds(path, text))
		return true;
	path_of(w, "queue/data.mdb", path);
	return file_holds(path, text);
}

/* ---- many rows */

struct some {
	uint32_t	from, n;
	enum store_table table;
	uint32_t	stamp;
	bool		del;
};

static int
put_some(struct txn *t, void *arg, struct err *e)
{
	const struct some *s = arg;
	char value[64];

	memset(value, 'v', sizeof(value));
	memcpy(value, &s->stamp, sizeof(s->stamp));
	for (uint32_t i = 0; i < s->n; i++) {
		struct key k = KEY_INIT;
		int rc;

		/* Spread over the whole table. */
		key_u32(&k, (s->from + i) * 2654435761u);
		rc = s->del ? txn_del(t, s->table, key_slice(&k), e) :
		    txn_put(t, s->table, key_slice(&k), SLICE(value,
		    sizeof(value)), e);
		if (rc == -1)
			return -1;
	}
	return 0;
}

static void
some(struct world *w, enum store_table table, uint32_t from, uint32_t n,
    uint32_t stamp, bool del)
{
	struct some s = { from, n, table, stamp, del };

	world_must(w, store_table_env(table), put_some, &s);
}

static void
fill(struct world *w)
{
	some(w, TABLE_THROTTLES, 0, MANY, 0, false);
	some(w, TABLE_DEFERRALS, 0, MANY, 0, false);
}

/* The copy as a store of its own. */
static uint64_t
digest_of_copy(struct world *w, const char *dir, bool with_due)
{
	struct world other = *w;
	struct store *st;
	char path[512];
	uint64_t h;

	path_of(w, dir, path);
	assert_true(strlen(path) < sizeof(other.dir));
	memcpy(other.dir, path, strlen(path) + 1);
	st = world_open(&other, false, false);
	if (st == NULL)
		fail_msg("%s", other.e.text);
	h = digest(st, with_due);
	store_close(st);
	return h;
}

static struct store_copy *
begin(struct world *w, const char *name)
{
	struct store_copy *c;
	char dir[512];

	make_copy_dir(w);
	path_of(w, name, dir);
	c = store_copy_begin(w->st, dir, NOW, &w->e);
	if (c == NULL)
		fail_msg("%s", w->e.text);
	return c;
}

static void
finish(struct world *w, struct store_copy *c, bool compact,
    struct store_copy_info *info)
{
	int rc;

	while ((rc = store_copy_step(c, &w->e)) == 1)
		;
	assert_int_equal(rc, 0);
	if (store_copy_finish(c, compact, NOW + 1, info, &w->e) == -1)
		fail_msg("%s", w->e.text);
	store_copy_free(c);
}

static void
a_copy_is_the_store(void **state)
{
	struct world *w = *state;
	struct store_copy_info info, again;
	char dir[512];

	fill(w);
	people_join(w, "news", "ann@b.example", NOW);
	finish(w, begin(w, STORE_BACKUP_DIR), false, &info);
	assert_true(digest(w->st, true) ==
	    digest_of_copy(w, STORE_BACKUP_DIR, true));
	assert_int_equal(info.rows[TABLE_THROTTLES] >= MANY, 1);
	assert_int_equal(info.rows[TABLE_DEFERRALS], MANY);
	assert_true(info.after[STORE_Q] < info.before[STORE_Q]);
	path_of(w, STORE_BACKUP_DIR, dir);
	assert_int_equal(store_copy_read_mark(dir, &again, &w->e), 1);
	assert_memory_equal(&info, &again, sizeof(info));
}

/* Each kind of change, before, at and behind where the copy stands. */
static void
changes_meanwhile_are_taken_over(void **state)
{
	struct world *w = *state;
	struct store_copy *c;
	struct store_copy_info info;
	uint32_t n = 0;
	int rc;

	fill(w);
	c = begin(w, STORE_BACKUP_DIR);
	while ((rc = store_copy_step(c, &w->e)) == 1 && n < 40) {
		n++;
		some(w, TABLE_THROTTLES, n * 300, 300, n, n % 3 == 0);
		some(w, TABLE_DEFERRALS, n * 500, 200, n, n % 2 == 0);
		some(w, TABLE_DEFERRALS, MANY + n * 50, 50, n, false);
		if (n % 5 == 0)
			people_join(w, "news", n % 2 ? "a@b.example" :
			    "b@c.example", NOW + n);
	}
	assert_true(n > 5 && rc >= 0);
	finish(w, c, false, &info);
	assert_true(digest(w->st, true) ==
	    digest_of_copy(w, STORE_BACKUP_DIR, true));
	/* And what comes after it was finished is not in it. */
	some(w, TABLE_THROTTLES, 1, 1, 999, false);
	assert_false(digest(w->st, true) ==
	    digest_of_copy(w, STORE_BACKUP_DIR, true));
}

static void
too_many_changes_end_it(void **state)
{
	struct world *w = *state;
	struct store_notes *n = store_notes_begin(w->st, 8192, &w->e);
	struct store_noted noted;

	assert_non_null(n);
	assert_null(store_notes_begin(w->st, 8192, &w->e));
	assert_int_equal(w->e.code, ERR_EXISTS);
	assert_true(store_notes_ready(n, STORE_S));
	some(w, TABLE_THROTTLES, 0, 100, 0, false);
	some(w, TABLE_THROTTLES, 50, 100, 0, false);
	assert_int_equal(store_notes_take(n, STORE_S, UINT64_MAX, &noted,
	    &w->e), 0);
	assert_int_equal(noted.n, 150);
	store_noted_free(&noted);
	some(w, TABLE_THROTTLES, 0, 1000, 0, false);
	assert_int_equal(store_notes_take(n, STORE_S, UINT64_MAX, &noted,
	    &w->e), -1);
	assert_int_equal(w->e.code, ERR_AGAIN);
	store_notes_end(n);
	n = store_notes_begin(w->st, 8192, &w->e);
	assert_non_null(n);
	store_notes_end(n);
}

static int
look_due(struct world *w, int64_t *first, int64_t *done)
{
	struct txn *t = world_read(w, STORE_S);
	int rc = store_compact_due(t, first, done, &w->e);

	txn_end(t);
	return rc;
}

static void
swap_now(struct world *w)
{
	struct store_copy_info info;
	char dir[512];

	world_close(w);
	assert_int_equal(store_swap(w->dir, &info, &w->e), 1);
	path_of(w, STORE_COMPACT_DIR, dir);
	assert_int_equal(store_copy_remove(dir, &w->e), 0);
	world_reopen(w);
}

static int
do_erase(struct txn *t, void *arg, struct err *e)
{
	struct leave *l = arg;
	struct leave_result r = { .changed = true };
	int rc = 0;

	while (rc == 0 && r.changed)
		rc = leave_erase(t, l->hash, "desk", l->now_ms, &r, e);
	leave_result_free(&r);
	return rc;
}

static void
erase(struct world *w, const char *address, int64_t now_ms)
{
	struct identity who = people_identity(w, address);
	struct leave l = { .now_ms = now_ms };

	memcpy(l.hash, who.hash, sizeof(l.hash));
	world_must(w, STORE_S, do_erase, &l);
}

/* S31: what was erased is in no octet of the compacted store. */
static void
nothing_deleted_is_carried_along(void **state)
{
	struct world *w = *state;
	struct store_copy_info info;
	struct store_copy *c;
	int64_t first, done;
	uint64_t before;

	for (int i = 0; i < 200; i++) {
		char address[64];

		snprintf(address, sizeof(address), "p%d@b.example", i);
		people_join(w, "news", address, NOW);
	}
	people_join(w, "news", "gone-for-good@b.example", NOW);
	erase(w, "gone-for-good@b.example", NOW + HOUR);
	assert_true(store_holds(w, "gone-for-good"));
	assert_int_equal(look_due(w, &first, &done), 0);
	assert_true(first == NOW + HOUR && done == 0);
	c = store_copy_begin(w->st, "/nonexistent/x", NOW, &w->e);
	assert_null(c);
	before = digest(w->st, false);
	make_copy_dir(w);
	c = begin(w, STORE_COMPACT_DIR);
	finish(w, c, true, &info);
	swap_now(w);
	assert_true(digest(w->st, false) == before);
	assert_false(store_holds(w, "gone-for-good"));
	assert_true(store_holds(w, "p17"));
	assert_int_equal(look_due(w, &first, &done), 0);
	/* The erasure is younger than the copy's begin: it may be in it. */
	assert_true(first == NOW && done == NOW + 1);
	assert_int_equal(people_state(w, 1, "p17@b.example"), MEMBER_ACTIVE);
}

/* A copy of what the store is no more must never take its place. */
static void
an_old_copy_is_not_taken(void **state)
{
	struct world *w = *state;
	struct store_copy_info info;
	struct store_copy *c;
	uint64_t now;

	finish(w, begin(w, STORE_COMPACT_DIR), true, &info);
	some(w, TABLE_THROTTLES, 1, 1, 7, false);
	now = digest(w->st, true);
	world_close(w);
	assert_int_equal(store_swap(w->dir, &info, &w->e), 0);
	world_reopen(w);
	assert_true(digest(w->st, true) == now);
	/* Nor one that was not finished, which leaves nothing behind. */
	c = begin(w, STORE_COMPACT_DIR);
	assert_int_equal(store_copy_finish(c, true, NOW, &info, &w->e), -1);
	store_copy_free(c);
	world_close(w);
	assert_int_equal(store_swap(w->dir, &info, &w->e), 0);
	world_reopen(w);
}

/* ---- cut short */

static unsigned steps_left;

static void
die(const char *what)
{
	/* Rows are many and alike; commits and what follows are few. */
	for (enum store_table i = 0; i < TABLE_LAST; i++)
		if (strcmp(what, store_table_name(i)) == 0)
			return;
	if (--steps_left == 0)
		kill(getpid(), SIGKILL);
}

static int
compact_in_child(struct world *w)
{
	struct store_copy_info info;
	struct store_copy *c;
	char dir[512];
	int rc;

	if ((w->st = world_open(w, true, false)) == NULL)
		return 3;
	path_of(w, STORE_COMPACT_DIR, dir);
	if ((c = store_copy_begin(w->st, dir, NOW, &w->e)) == NULL)
		return 4;
	while ((rc = store_copy_step(c, &w->e)) == 1)
		;
	if (rc == -1 || store_copy_finish(c, true, NOW, &info, &w->e) == -1)
		return 5;
	store_copy_free(c);
	world_close(w);
	return store_swap(w->dir, &info, &w->e) == 1 ? 0 : 6;
}

/* True when it was killed at its n-th step. */
static bool
cut_at(struct world *w, unsigned n)
{
	int status;
	pid_t pid;

	world_close(w);
	assert_int_not_equal(pid = fork(), -1);
	if (pid == 0) {
		steps_left = n;
		store_step_hook = die;
		_exit(compact_in_child(w));
	}
	while (waitpid(pid, &status, 0) == -1)
		;
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
		return true;
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	return false;
}

static void
wherever_it_is_cut_the_store_is_whole(void **state)
{
	struct world *w = *state;
	char dir[512];
	uint64_t before;
	unsigned n;
	bool cut = true;

	fill(w);
	some(w, TABLE_THROTTLES, 0, MANY / 2, 0, true);
	people_join(w, "news", "ann@b.example", NOW);
	make_copy_dir(w);
	path_of(w, STORE_COMPACT_DIR, dir);
	before = digest(w->st, false);
	for (n = 1; cut && n < 200; n++) {
		cut = cut_at(w, n);
		/* As a start does. */
		assert_int_equal(store_swap_recover(w->dir, &w->e), 0);
		assert_int_equal(store_copy_remove(dir, &w->e), 0);
		world_reopen(w);
		assert_true(digest(w->st, false) == before);
		some(w, TABLE_SITES, n, 1, n, false);
		before = digest(w->st, false);
	}
	assert_false(cut);
	assert_true(n > 10);
}

/* On a file system that cannot exchange folders, between the two renames. */
static void
a_folder_that_was_set_aside_comes_back(void **state)
{
	struct world *w = *state;
	char from[512], to[512];
	uint64_t before = digest(w->st, true);

	make_copy_dir(w);
	path_of(w, STORE_COMPACT_DIR, to);
	assert_int_equal(mkdir(to, 0750), 0);
	world_close(w);
	path_of(w, "subscribers", from);
	path_of(w, STORE_COMPACT_DIR "/subscribers.old", to);
	assert_int_equal(rename(from, to), 0);
	assert_int_equal(store_swap_recover(w->dir, &w->e), 0);
	world_reopen(w);
	assert_true(digest(w->st, true) == before);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(F)	cmocka_unit_test_setup_teardown(F, people_setup, world_teardown)
		T(a_copy_is_the_store),
		T(changes_meanwhile_are_taken_over),
		T(too_many_changes_end_it),
		T(nothing_deleted_is_carried_along),
		T(an_old_copy_is_not_taken),
		T(wherever_it_is_cut_the_store_is_whole),
		T(a_folder_that_was_set_aside_comes_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
