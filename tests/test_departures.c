/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_departures.c - the journal knows who left, whatever becomes of the
 * store; and a backup that is restored learns it before anything is sent (T52).
 */
#include "config.h"

#include <sys/stat.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "spool/act.h"
#include "spool/consent.h"
#include "spool/departures.h"
#include "spool/invite.h"
#include "spool/ledger.h"
#include "spool/restored.h"
#include "spool/store_copy.h"
#include "spool/store_private.h"
#include "spool/store_swap.h"
#include "spool/writer.h"
#include "tests/spool_people.h"

#define SEEN_MAX	64

struct seen {
	size_t		n;
	struct departure v[SEEN_MAX];
};

static void
path_of(const struct world *w, const char *name, char out[static 512])
{
	snprintf(out, 512, "%s/%s", w->dir, name);
}

static struct departures *
open_journal(struct world *w)
{
	struct departures *d;
	char dir[512];

	path_of(w, DEPARTURES_DIR, dir);
	mkdir(dir, 0750);
	d = departures_open(dir, &w->e);
	if (d == NULL)
		fail_msg("%s", w->e.text);
	departures_use(w->st, d);
	return d;
}

static void
close_journal(struct world *w, struct departures *d)
{
	departures_use(w->st, NULL);
	assert_int_equal(departures_trouble(d, &w->e), 0);
	departures_close(d);
}

static int
see(void *arg, const struct departure *d, struct err *e)
{
	struct seen *s = arg;

	(void)e;
	assert_true(s->n < SEEN_MAX);
	s->v[s->n++] = *d;
	return 0;
}

static struct seen
read_all(struct world *w, uint64_t damaged)
{
	struct seen s = { .n = 0 };
	uint64_t bad;
	char dir[512];

	path_of(w, DEPARTURES_DIR, dir);
	assert_int_equal(departures_read(dir, see, &s, &bad, &w->e), 0);
	assert_int_equal(bad, damaged);
	return s;
}

static void
leaving_is_written_down(void **state)
{
	struct world *w = *state;
	struct departures *d = open_journal(w);
	struct identity who = people_identity(w, "ann@b.example");
	struct seen s;

	people_join(w, "news", "ann@b.example", NOW);
	people_leave(w, 1, "ann@b.example", IPC_LEAVE_LIST, NOW + HOUR);
	s = read_all(w, 0);
	assert_int_equal(s.n, 2);
	for (size_t i = 0; i < s.n; i++) {
		assert_int_equal(s.v[i].number, i + 1);
		assert_memory_equal(s.v[i].hash, who.hash, 16);
		assert_int_equal(s.v[i].id, 1);
	}
	assert_int_equal(s.v[0].kind, DEPARTURE_SET);
	assert_int_equal(s.v[0].reason, SUPPRESSION_UNSUBSCRIBE);
	assert_true(s.v[0].when_ms == NOW + HOUR);
	assert_int_equal(s.v[1].kind, DEPARTURE_ENDED);
	/* Again: nothing changes, nothing is written (R31). */
	people_leave(w, 1, "ann@b.example", IPC_LEAVE_LIST, NOW + 2 * HOUR);
	assert_int_equal(read_all(w, 0).n, 2);
	/* Their own fresh confirmation lifts it. */
	people_join(w, "news", "ann@b.example", NOW + 8 * DAY);
	s = read_all(w, 0);
	assert_int_equal(s.n, 3);
	assert_int_equal(s.v[2].kind, DEPARTURE_LIFTED);
	close_journal(w, d);
}

static int
add_and_fail(struct txn *t, void *arg, struct err *e)
{
	struct suppression s = { .scope = SUPPRESSION_HOST,
		.reason = SUPPRESSION_DESK, .setter = SUPPRESSION_BY_DESK,
		.when_ms = NOW };

	(void)arg;
	if (suppression_add(t, &s, e) == -1)
		return -1;
	err_set(e, ERR_REFUSED, "no");
	return -1;
}

static void
what_is_not_committed_is_not_written(void **state)
{
	struct world *w = *state;
	struct departures *d = open_journal(w);

	assert_int_not_equal(world_write(w, STORE_S, add_and_fail, NULL), 0);
	assert_int_equal(read_all(w, 0).n, 0);
	close_journal(w, d);
}

/* Cut in the middle of a record, and one octet wrong. */
static void
damage_costs_what_it_hits(void **state)
{
	struct world *w = *state;
	struct departures *d = open_journal(w);
	char path[512];
	struct seen s;
	FILE *f;

	for (int i = 0; i < 3; i++) {
		char address[32];

		snprintf(address, sizeof(address), "p%d@b.example", i);
		people_join(w, "news", address, NOW);
		people_leave(w, 1, address, IPC_LEAVE_LIST, NOW + HOUR);
	}
	close_journal(w, d);
	path_of(w, DEPARTURES_DIR "/00000001.log", path);
	assert_int_equal(truncate(path, 6 * DEPARTURE_OCTETS - 7), 0);
	d = open_journal(w);		/* cut to whole ones, and goes on */
	people_join(w, "news", "q@b.example", NOW);
	people_leave(w, 1, "q@b.example", IPC_LEAVE_LIST, NOW + HOUR);
	close_journal(w, d);
	s = read_all(w, 0);
	assert_int_equal(s.n, 7);
	assert_int_equal(s.v[6].number, 8);
	assert_non_null(f = fopen(path, "r+b"));
	assert_int_equal(fseek(f, DEPARTURE_OCTETS + 20, SEEK_SET), 0);
	fputc('!', f);
	fclose(f);
	s = read_all(w, 1);
	assert_int_equal(s.n, 6);
	assert_int_equal(s.v[1].number, 3);
}

/* ---- a backup, and what comes after it */

static void
back_up(struct world *w)
{
	struct store_copy *c;
	char dir[512];

	path_of(w, STORE_COPY_DIR, dir);
	mkdir(dir, 0750);
	path_of(w, STORE_BACKUP_DIR, dir);
	assert_non_null(c = store_copy_begin(w->st, dir, NOW, &w->e));
	while (store_copy_step(c, &w->e) == 1)
		;
	assert_int_equal(store_copy_finish(c, false, NOW, NULL, &w->e), 0);
	store_copy_free(c);
}

/* The world goes on with the backup as its store. */
static void
lose_the_store(struct world *w)
{
	static const char *const env[] = { "subscribers", "queue" };
	char from[600], to[600], dir[512];

	world_close(w);
	path_of(w, STORE_BACKUP_DIR, dir);
	for (int i = 0; i < 2; i++) {
		snprintf(from, sizeof(from), "%s/%s", w->dir, env[i]);
		snprintf(to, sizeof(to), "%s/%s.lost", w->dir, env[i]);
		assert_int_equal(rename(from, to), 0);
		snprintf(from, sizeof(from), "%s/%s", dir, env[i]);
		snprintf(to, sizeof(to), "%s/%s", w->dir, env[i]);
		assert_int_equal(rename(from, to), 0);
	}
	world_reopen(w);
}

static int
do_begin(struct txn *t, void *arg, struct err *e)
{
	(void)arg;
	return restored_begin(t, NOW, "lists.example.org/ledger", "root",
	    NOW + DAY, e);
}

struct ending {
	struct replay	*r;
	enum restored_state how;
};

static int
do_replay(struct txn *t, void *arg, struct err *e)
{
	struct ending *k = arg;
	int rc = 1;

	while (k->r != NULL && rc == 1) {
		rc = replay_apply(t, k->r, 2, NOW + DAY, e);
		replay_commit(k->r);
	}
	return rc == -1 ? -1 : job_answer(restored_end(t, k->how, 0, "Ann",
	    NOW + DAY, e), e);
}

static enum restored_state
state_of(struct world *w)
{
	struct txn *t = world_read(w, STORE_S);
	struct restored r;

	assert_int_equal(restored_get(t, &r, &w->e), 0);
	txn_end(t);
	return r.state;
}

static struct replay *
load(struct world *w, bool with_store)
{
	struct txn *t = world_read(w, STORE_S);
	struct restored r;
	struct replay *p;
	char dir[512];

	assert_int_equal(restored_get(t, &r, &w->e), 0);
	p = replay_new(r.departure);
	path_of(w, DEPARTURES_DIR, dir);
	if (!with_store)
		assert_int_equal(replay_add(p, dir, &w->e), 0);
	txn_end(t);
	return p;
}

static bool
is_suppressed(struct world *w, const char *address)
{
	struct identity who = people_identity(w, address);
	struct txn *t = world_read(w, STORE_S);
	struct suppression s;
	int rc = suppression_get(t, who.hash, SUPPRESSION_LIST, 1, &s, &w->e);

	txn_end(t);
	assert_int_not_equal(rc, -1);
	return rc == 1;
}

static int
do_erase(struct txn *t, void *arg, struct err *e)
{
	struct leave_result r = { .changed = true };
	int rc = 0;

	while (rc == 0 && r.changed)
		rc = leave_erase(t, arg, "desk", NOW + HOUR, &r, e);
	leave_result_free(&r);
	return rc;
}

static void
erase(struct world *w, const char *address)
{
	struct identity who = people_identity(w, address);

	world_must(w, STORE_S, do_erase, who.hash);
}

/* Consent entries of an address. */
static int
entries_of(struct world *w, const char *address)
{
	struct identity who = people_identity(w, address);
	struct txn *t = world_read(w, STORE_S);
	uint64_t index = 0;
	int n = 0;

	while (consent_next_of(t, who.hash, index + 1, &index, &w->e) == 1)
		n++;
	txn_end(t);
	return n;
}

static int
do_invited(struct txn *t, void *arg, struct err *e)
{
	return invite_remember(t, arg, 1, 7, e) == 1 ? 0 : -1;
}

/* Was this address asked, once, for the list? */
static bool
was_asked(struct world *w, const char *address)
{
	struct identity who = people_identity(w, address);
	struct txn *t = world_read(w, STORE_S);
	uint64_t consent;
	int rc = invite_find(t, who.hash, 1, &consent, &w->e);

	txn_end(t);
	assert_int_not_equal(rc, -1);
	return rc == 1;
}

/* Before the backup ann left and came back, and bob left; then cat leaves, dan
 * leaves and comes back, eve stays and fay is erased. */
static void
tell_the_story(struct world *w)
{
	static const char *const all[] = { "ann@b.example", "bob@b.example",
		"cat@b.example", "dan@b.example", "eve@b.example",
		"fay@b.example" };

	for (int i = 0; i < 6; i++)
		people_join(w, "news", all[i], NOW - 20 * DAY);
	people_leave(w, 1, all[0], IPC_LEAVE_LIST, NOW - 19 * DAY);
	people_leave(w, 1, all[1], IPC_LEAVE_LIST, NOW - 19 * DAY);
	people_join(w, "news", all[0], NOW - 10 * DAY);
	back_up(w);
	people_leave(w, 1, all[2], IPC_LEAVE_LIST, NOW + HOUR);
	people_leave(w, 1, all[3], IPC_LEAVE_LIST, NOW + HOUR);
	people_join(w, "news", all[3], NOW + 2 * HOUR);
	erase(w, "fay@b.example");
}

/* Who was asked after the backup was made is not asked again (S35). */
static void
a_restored_store_asks_nobody_twice(void **state)
{
	struct world *w = *state;
	struct departures *d = open_journal(w);
	struct identity who = people_identity(w, "gus@b.example");
	struct ending k = { .how = RESTORED_DONE };

	back_up(w);
	world_must(w, STORE_S, do_invited, who.hash);
	assert_true(was_asked(w, "gus@b.example"));
	close_journal(w, d);
	lose_the_store(w);
	assert_false(was_asked(w, "gus@b.example"));
	world_must(w, STORE_S, do_begin, NULL);
	k.r = load(w, false);
	world_must(w, STORE_S, do_replay, &k);
	assert_int_equal(replay_counts(k.r)->invited, 1);
	assert_int_equal(replay_counts(k.r)->suppressed, 0);
	replay_free(k.r);
	assert_true(was_asked(w, "gus@b.example"));
	assert_false(is_suppressed(w, "gus@b.example"));
}

static void
a_restored_store_learns_who_left(void **state)
{
	struct world *w = *state;
	struct departures *d = open_journal(w);
	struct ending k = { .how = RESTORED_DONE };
	const struct replay_counts *n;
	struct consent entry;
	char origin[LEDGER_ORIGIN_MAX + 1], name[LEDGER_ORIGIN_MAX + 1];
	uint64_t last;
	struct txn *t;

	tell_the_story(w);
	close_journal(w, d);
	assert_int_equal(state_of(w), RESTORED_NONE);
	lose_the_store(w);
	assert_int_equal(people_state(w, 1, "cat@b.example"), MEMBER_ACTIVE);
	world_must(w, STORE_S, do_begin, NULL);
	assert_int_equal(state_of(w), RESTORED_DUE);
	k.r = load(w, false);
	world_must(w, STORE_S, do_replay, &k);
	n = replay_counts(k.r);
	assert_int_equal(n->read, 8);
	assert_int_equal(n->suppressed, 1);
	assert_int_equal(n->removed, 2);
	assert_int_equal(n->erased, 1);
	assert_int_equal(n->lifted, 1);
	/* S31: what a backup brings back of a person goes again. */
	assert_int_equal(people_state(w, 1, "fay@b.example"), 0);
	assert_int_equal(entries_of(w, "fay@b.example"), 0);
	replay_free(k.r);
	assert_int_equal(state_of(w), RESTORED_DONE);
	assert_int_equal(people_state(w, 1, "ann@b.example"), MEMBER_ACTIVE);
	assert_int_equal(people_state(w, 1, "bob@b.example"), 0);
	assert_int_equal(people_state(w, 1, "cat@b.example"), 0);
	assert_true(is_suppressed(w, "cat@b.example"));
	/* The proof that dan came back is lost, so he may ask again. */
	assert_int_equal(people_state(w, 1, "dan@b.example"), 0);
	assert_false(is_suppressed(w, "dan@b.example"));
	assert_int_equal(people_state(w, 1, "eve@b.example"), MEMBER_ACTIVE);
	t = world_read(w, STORE_S);
	assert_int_equal(consent_last(t, &last, &w->e), 0);
	assert_int_equal(consent_get(t, last, &entry, &w->e), 1);
	assert_int_equal(entry.kind, CONSENT_RESTORED);
	assert_memory_equal(entry.setter.p, "Ann", 3);
	assert_int_equal(ledger_origin(t, origin, &w->e), 1);
	snprintf(name, sizeof(name), "lists.example.org/ledger/r%lld",
	    (long long)(NOW + DAY) / 1000);
	assert_string_equal(origin, name);
	txn_end(t);
	/* Once is enough. */
	k.r = NULL;
	assert_int_equal(world_write(w, STORE_S, do_replay, &k), 1);
	assert_int_equal(w->e.code, ERR_REFUSED);
	/* And at the next time it is the third log. */
	world_must(w, STORE_S, do_begin, NULL);
	t = world_read(w, STORE_S);
	assert_int_equal(ledger_origin(t, origin, &w->e), 1);
	snprintf(name, sizeof(name), "lists.example.org/ledger/r%lld",
	    (long long)(NOW + DAY) / 1000 + 1);
	assert_string_equal(origin, name);
	txn_end(t);
}

/* Without a journal the lost store itself may still be read. */
static void
the_lost_store_tells_too(void **state)
{
	struct world *w = *state, old = *w;
	struct ending k = { .how = RESTORED_DONE };
	char from[600], to[600];
	struct txn *t;

	tell_the_story(w);
	lose_the_store(w);
	world_must(w, STORE_S, do_begin, NULL);
	k.r = load(w, true);
	snprintf(old.dir, sizeof(old.dir), "%.200s/old", w->dir);
	assert_int_equal(mkdir(old.dir, 0750), 0);
	for (int i = 0; i < 2; i++) {
		const char *env = i == 0 ? "subscribers" : "queue";

		snprintf(from, sizeof(from), "%s/%s.lost", w->dir, env);
		snprintf(to, sizeof(to), "%s/%s", old.dir, env);
		assert_int_equal(rename(from, to), 0);
	}
	assert_non_null(old.st = world_open(&old, false, false));
	assert_int_equal(txn_read(old.st, STORE_S, &t, &w->e), 0);
	assert_int_equal(replay_add_store(k.r, t, &w->e), 0);
	txn_end(t);
	store_close(old.st);
	world_must(w, STORE_S, do_replay, &k);
	replay_free(k.r);
	assert_true(is_suppressed(w, "cat@b.example"));
	assert_int_equal(people_state(w, 1, "eve@b.example"), MEMBER_ACTIVE);
}

static void
somebody_may_waive_it(void **state)
{
	struct world *w = *state;
	struct ending k = { .how = RESTORED_WAIVED };

	assert_int_equal(world_write(w, STORE_S, do_replay, &k), 1);
	world_must(w, STORE_S, do_begin, NULL);
	world_must(w, STORE_S, do_replay, &k);
	assert_int_equal(state_of(w), RESTORED_WAIVED);
}

static int
join(struct world *w, const char *own, uint64_t after, uint64_t *last_r)
{
	char dir[512], other[512];

	path_of(w, DEPARTURES_DIR, dir);
	path_of(w, own, other);
	return departures_join(dir, other, after, last_r, &w->e);
}

static void
damage_record(struct world *w, long n)
{
	char path[512];
	FILE *f;

	path_of(w, DEPARTURES_DIR "/00000001.log", path);
	assert_non_null(f = fopen(path, "r+b"));
	fseek(f, n * DEPARTURE_OCTETS + 9, SEEK_SET);
	fputc('!', f);
	fclose(f);
}

static void
name_file(struct world *w, const char *from, const char *to)
{
	char a[512], b[512];

	path_of(w, from, a);
	path_of(w, to, b);
	assert_int_equal(rename(a, b), 0);
}

static void
a_journal_has_to_join_on(void **state)
{
	struct world *w = *state;
	struct departures *d = open_journal(w);
	char dir[512];
	uint64_t last;

	path_of(w, DEPARTURES_DIR, dir);
	/* Empty: cut off or never written, nobody can tell. */
	assert_int_equal(join(w, DEPARTURES_DIR, 0, &last), -1);
	assert_int_equal(w->e.code, ERR_REFUSED);
	people_join(w, "news", "ann@b.example", NOW);
	people_leave(w, 1, "ann@b.example", IPC_LEAVE_LIST, NOW + HOUR);
	people_join(w, "news", "bob@b.example", NOW);
	people_leave(w, 1, "bob@b.example", IPC_LEAVE_LIST, NOW + HOUR);
	close_journal(w, d);
	assert_int_equal(join(w, DEPARTURES_DIR, 0, &last), 1);
	assert_int_equal(last, 4);
	assert_int_equal(join(w, DEPARTURES_DIR, 4, &last), 1);
	assert_int_equal(join(w, "nothing", 2, &last), 1);
	assert_int_equal(join(w, DEPARTURES_DIR, 5, &last), -1);
	/* One that begins with its second file does, if that is enough. */
	name_file(w, DEPARTURES_DIR "/00000001.log",
	    DEPARTURES_DIR "/00000003.log");
	assert_int_equal(join(w, DEPARTURES_DIR, 2, &last), 1);
	name_file(w, DEPARTURES_DIR "/00000003.log",
	    DEPARTURES_DIR "/00000001.log");
	damage_record(w, 2);
	assert_int_equal(join(w, DEPARTURES_DIR, 2, &last), 0);
	assert_non_null(strstr(w->e.text, "lacks departures 3 to 3"));
	/* Of the last one nobody knows what it was. */
	damage_record(w, 3);
	assert_int_equal(join(w, DEPARTURES_DIR, 2, &last), 0);
	assert_non_null(strstr(w->e.text, "2 damaged"));
	assert_false(departures_are_due(dir));
	assert_int_equal(departures_set_due(dir, true, &w->e), 0);
	assert_true(departures_are_due(dir));
	assert_int_equal(departures_set_due(dir, false, &w->e), 0);
	assert_int_equal(departures_set_due(dir, false, &w->e), 0);
	assert_false(departures_are_due(dir));
}

static int
do_number_anew(struct txn *t, void *arg, struct err *e)
{
	(void)arg, (void)e;
	txn_counter_set(t, COUNTER_DEPARTURE, 0);
	return 0;
}

/* That of another store has the numbers, but not the people. */
static void
a_journal_of_others_does_not(void **state)
{
	struct world *w = *state;
	struct departures *d = open_journal(w);
	char dir[512];
	uint64_t last;

	people_join(w, "news", "ann@b.example", NOW);
	people_leave(w, 1, "ann@b.example", IPC_LEAVE_LIST, NOW + HOUR);
	close_journal(w, d);
	path_of(w, "mine", dir);
	assert_int_equal(mkdir(dir, 0750), 0);
	name_file(w, DEPARTURES_DIR "/00000001.log", "mine/00000001.log");
	world_must(w, STORE_S, do_number_anew, NULL);
	d = open_journal(w);
	people_join(w, "news", "bob@b.example", NOW);
	people_leave(w, 1, "bob@b.example", IPC_LEAVE_LIST, NOW + HOUR);
	close_journal(w, d);
	assert_int_equal(join(w, DEPARTURES_DIR, 2, &last), 1);
	assert_int_equal(departures_join(dir, dir, 2, &last, &w->e), 1);
	assert_int_equal(join(w, "mine", 2, &last), -1);
	assert_int_equal(w->e.code, ERR_REFUSED);
}

static void
a_name_has_a_letter(void **state)
{
	(void)state;
	assert_false(restored_is_name(""));
	assert_false(restored_is_name(" "));
	assert_false(restored_is_name("12 -"));
	assert_true(restored_is_name("A. Operator"));
	assert_true(restored_is_name("\xc3\x85"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(F)	cmocka_unit_test_setup_teardown(F, people_setup, world_teardown)
		T(leaving_is_written_down),
		T(what_is_not_committed_is_not_written),
		T(damage_costs_what_it_hits),
		T(a_restored_store_learns_who_left),
		T(a_restored_store_asks_nobody_twice),
		T(the_lost_store_tells_too),
		T(somebody_may_waive_it),
		T(a_journal_has_to_join_on),
		T(a_journal_of_others_does_not),
		T(a_name_has_a_letter),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
