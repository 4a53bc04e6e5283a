/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_writer.c - group commit: results come after durability, a failing job
 * harms no other, a full map answers "try again" and keeps a reserve (P7,
 * F11), a failed commit ends everything (P6).
 */
#include "config.h"

#include <sys/resource.h>
#include <sys/wait.h>

#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "spool/store_private.h"
#include "spool/writer.h"
#include "tests/spool_world.h"

struct probe {
	char		key[16];
	size_t		size;		/* octets to put; 0: put nothing */
	int		ret;		/* what apply returns */
	unsigned	sleep_ms;
	unsigned	applied;
	unsigned	answered;
	unsigned	order;		/* counted at apply */
	enum job_result	result;
	struct err	err;
};

static unsigned order;

static void
sleep_ms(unsigned ms)
{
	const struct timespec ts = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&ts, NULL);
}

static int
probe_apply(struct txn *t, void *arg, struct err *e)
{
	static char body[65536];
	struct probe *p = arg;

	p->applied++;
	p->order = ++order;
	if (p->sleep_ms != 0)
		sleep_ms(p->sleep_ms);
	if (p->size != 0 && txn_put(t, TABLE_DOMAINS,
	    SLICE(p->key, strlen(p->key)), SLICE(body, p->size), e) == -1)
		return -1;
	if (p->ret != 0)
		err_set(e, ERR_REFUSED, "told to");
	return p->ret;
}

static void
probe_done(void *arg, enum job_result r, const struct err *e)
{
	struct probe *p = arg;

	p->answered++;
	p->result = r;
	p->err = *e;
}

static void
submit(struct writer *wr, struct probe *p, enum writer_lane lane, bool reserve)
{
	const struct job job = {
		.apply = probe_apply, .done = probe_done, .arg = p,
		.lane = lane, .reserve = reserve,
	};

	writer_submit(wr, &job);
}

/* Collect until nothing is under way, at most five seconds. */
static int
collect_all(struct writer *wr, struct err *e)
{
	struct pollfd fd = { writer_fd(wr), POLLIN, 0 };

	for (int i = 0; i < 500 && writer_backlog(wr) > 0; i++) {
		poll(&fd, 1, 10);
		if (writer_collect(wr, e) == -1)
			return -1;
	}
	assert_int_equal(writer_backlog(wr), 0);
	return 0;
}

static struct writer *
start(struct world *w, unsigned group_ms)
{
	struct writer *wr = writer_start(w->st, STORE_S, group_ms, &w->e);

	assert_non_null(wr);
	return wr;
}

static uint64_t
rows(struct world *w)
{
	struct txn *t = world_read(w, STORE_S);
	uint64_t n;

	assert_int_equal(txn_count(t, TABLE_DOMAINS, &n, NULL), 0);
	txn_end(t);
	return n;
}

static void
jobs_share_a_commit(void **state)
{
	struct world *w = *state;
	struct writer *wr = start(w, 50);
	struct probe p[100] = { 0 };

	for (size_t i = 0; i < 100; i++) {
		snprintf(p[i].key, sizeof(p[i].key), "k%zu", i);
		p[i].size = 10;
		submit(wr, &p[i], WRITER_URGENT, false);
	}
	assert_int_equal(collect_all(wr, NULL), 0);
	for (size_t i = 0; i < 100; i++) {
		assert_int_equal(p[i].answered, 1);
		assert_int_equal(p[i].result, JOB_DONE);
	}
	assert_int_equal(rows(w), 100);
	assert_true(writer_commits(wr) < 10);
	writer_stop(wr);
}

static void
a_refusal_changes_nothing_and_harms_no_other(void **state)
{
	struct world *w = *state;
	struct writer *wr = start(w, 20);
	struct probe good = { .key = "a", .size = 1 }, no = { .ret = 1 };
	struct probe bad = { .key = "b", .size = 1, .ret = -1 };

	submit(wr, &good, WRITER_URGENT, false);
	submit(wr, &no, WRITER_URGENT, false);
	submit(wr, &bad, WRITER_URGENT, false);
	assert_int_equal(collect_all(wr, NULL), 0);
	assert_int_equal(good.result, JOB_DONE);
	assert_int_equal(no.result, JOB_REFUSED);
	assert_int_equal(no.err.code, ERR_REFUSED);
	assert_int_equal(bad.result, JOB_REFUSED);
	assert_int_equal(bad.applied, 2);	/* together, then alone */
	assert_int_equal(good.answered + no.answered + bad.answered, 3);
	assert_int_equal(rows(w), 1);
	writer_stop(wr);
}

static void
people_go_before_bulk(void **state)
{
	struct world *w = *state;
	struct writer *wr = start(w, 30);
	struct probe bulk[4] = { 0 }, urgent = { .key = "u", .size = 1 };

	order = 0;
	for (size_t i = 0; i < 4; i++) {
		bulk[i].sleep_ms = 6;
		submit(wr, &bulk[i], WRITER_BULK, false);
	}
	submit(wr, &urgent, WRITER_URGENT, false);
	assert_int_equal(collect_all(wr, NULL), 0);
	assert_int_equal(urgent.order, 1);
	assert_int_equal(bulk[0].order, 2);
	assert_int_equal(bulk[3].order, 5);
	writer_stop(wr);
}

static void
bulk_is_cut_after_its_share(void **state)
{
	struct world *w = *state;
	struct writer *wr = start(w, 30);
	struct probe person = { .key = "person", .size = 1 };
	struct probe bulk[6] = { 0 };

	/* As long as people come, time is short. */
	submit(wr, &person, WRITER_URGENT, false);
	assert_int_equal(collect_all(wr, NULL), 0);

	for (size_t i = 0; i < 6; i++) {
		snprintf(bulk[i].key, sizeof(bulk[i].key), "%zu", i);
		bulk[i].size = 1;
		bulk[i].sleep_ms = WRITER_BULK_MS / 2 + 1;
		submit(wr, &bulk[i], WRITER_BULK, false);
	}
	assert_int_equal(collect_all(wr, NULL), 0);
	assert_true(writer_commits(wr) >= 4);	/* two to a commit */
	writer_stop(wr);
}

static int
slices(struct txn *t, void *arg, struct err *e)
{
	unsigned *n = arg;

	(void)e;
	for (*n = 0; *n < 1000 && !writer_slice_over(t); ++*n)
		sleep_ms(1);
	return 0;
}

static void
a_bulk_job_is_told_when_to_stop(void **state)
{
	struct world *w = *state;
	struct writer *wr = start(w, 0);
	struct probe person = { .key = "person", .size = 1 };
	unsigned n = 0;
	const struct job job = { slices, NULL, &n, WRITER_BULK, false };

	submit(wr, &person, WRITER_URGENT, false);
	assert_int_equal(collect_all(wr, NULL), 0);
	writer_submit(wr, &job);
	assert_int_equal(collect_all(wr, NULL), 0);
	assert_true(n > 0 && n <= WRITER_BULK_MS + 5);
	writer_stop(wr);
}

/* While nobody comes it has more time, until somebody does. */
static void
a_bulk_job_has_time_until_somebody_comes(void **state)
{
	struct world *w = *state;
	struct writer *wr = start(w, 0);
	struct probe person = { .key = "person", .size = 1 };
	unsigned n = 0;
	const struct job job = { slices, NULL, &n, WRITER_BULK, false };

	writer_submit(wr, &job);
	assert_int_equal(collect_all(wr, NULL), 0);
	assert_true(n > 2 * WRITER_BULK_MS && n <= WRITER_IDLE_BULK_MS + 5);
	writer_submit(wr, &job);
	sleep_ms(WRITER_BULK_MS);
	submit(wr, &person, WRITER_URGENT, false);
	assert_int_equal(collect_all(wr, NULL), 0);
	assert_int_equal(person.result, JOB_DONE);
	assert_true(n < WRITER_IDLE_BULK_MS / 2);
	writer_stop(wr);
}

static int
put_much(struct txn *t, void *arg, struct err *e)
{
	struct probe one = { .size = 20000 };

	(void)arg;
	for (int i = 0; i < 70; i++) {
		snprintf(one.key, sizeof(one.key), "m%d", i);
		if (probe_apply(t, &one, e) == -1)
			return -1;
	}
	return 0;
}

/* What the last two commits freed is room for one that may not be put off. */
static void
what_was_freed_is_room(void **state)
{
	struct world *w = *state;
	struct probe answer = { 0 };
	const struct job job = {
		.apply = put_much, .done = probe_done, .arg = &answer,
		.lane = WRITER_URGENT, .reserve = true,
	};
	struct writer *wr;

	world_close(w);
	w->map_size = 4 << 20;
	world_reopen(w);
	wr = start(w, 0);
	for (int i = 0; i < 6; i++) {	/* each time on other pages */
		writer_submit(wr, &job);
		assert_int_equal(collect_all(wr, NULL), 0);
		assert_int_equal(answer.result, JOB_DONE);
	}
	writer_stop(wr);
}

/* Fill the map, then see who still gets in (P7, F11). */
static void
a_full_map_keeps_a_reserve(void **state)
{
	struct world *w = *state;
	struct probe fill, bulk = { .key = "bulk", .size = 1 };
	struct probe person = { .key = "person", .size = 1 };
	struct probe leaver = { .key = "leaver", .size = 1 };
	struct probe huge = { .key = "huge", .size = 65536 };
	struct writer *wr;
	unsigned i;

	world_close(w);
	w->map_size = 4 << 20;
	world_reopen(w);
	wr = start(w, 0);
	for (i = 0; i < 1000; i++) {
		fill = (struct probe){ .size = 20000 };
		snprintf(fill.key, sizeof(fill.key), "f%u", i);
		submit(wr, &fill, WRITER_BULK, false);
		assert_int_equal(collect_all(wr, NULL), 0);
		if (fill.result != JOB_DONE)
			break;
	}
	assert_true(i > 100 && i < 1000);
	assert_int_equal(fill.result, JOB_TRY_AGAIN);
	assert_int_equal(fill.err.code, ERR_AGAIN);
	submit(wr, &person, WRITER_URGENT, false);
	assert_int_equal(collect_all(wr, NULL), 0);
	assert_int_equal(person.result, JOB_DONE);
	for (i = 0; i < 100; i++) {	/* people use up their part */
		fill = (struct probe){ .size = 20000 };
		snprintf(fill.key, sizeof(fill.key), "g%u", i);
		submit(wr, &fill, WRITER_URGENT, false);
		assert_int_equal(collect_all(wr, NULL), 0);
		if (fill.result != JOB_DONE)
			break;
	}
	assert_int_equal(fill.result, JOB_TRY_AGAIN);
	for (i = 0; i < 100 && huge.result == JOB_DONE; i++) {
		snprintf(huge.key, sizeof(huge.key), "h%u", i);
		submit(wr, &huge, WRITER_URGENT, true);
		assert_int_equal(collect_all(wr, NULL), 0);
	}
	assert_int_equal(huge.result, JOB_TRY_AGAIN);
	/* The map met its end inside a batch: the small one still gets in. */
	huge.applied = 0;
	submit(wr, &huge, WRITER_URGENT, true);
	submit(wr, &leaver, WRITER_URGENT, true);
	submit(wr, &bulk, WRITER_BULK, false);
	assert_int_equal(collect_all(wr, NULL), 0);
	assert_int_equal(huge.result, JOB_TRY_AGAIN);
	assert_int_equal(leaver.result, JOB_DONE);
	assert_int_equal(bulk.result, JOB_TRY_AGAIN);
	assert_int_equal(bulk.applied, 0);
	writer_stop(wr);
}

static int
rewrite(struct txn *t, void *arg, struct err *e)
{
	static char body[20000];

	body[0] = *(char *)arg;
	return txn_put(t, TABLE_DOMAINS, SLICE("x", 1),
	    SLICE(body, sizeof(body)), e);
}

/* A reader killed in mid-read pins pages until it is cleared (F12). */
static void
a_dead_reader_does_not_fill_the_map(void **state)
{
	struct world *w = *state;
	char ready = 0;
	int fds[2];
	pid_t pid;

	world_close(w);
	w->map_size = 2 << 20;
	world_reopen(w);
	world_must(w, STORE_S, rewrite, &ready);
	assert_int_equal(pipe(fds), 0);
	if ((pid = fork()) == 0) {
		struct store *st = world_open(w, false, false);
		struct txn *t;

		if (st == NULL || txn_read(st, STORE_S, &t, NULL) == -1 ||
		    write(fds[1], "r", 1) != 1)
			_exit(1);
		pause();
		_exit(0);
	}
	assert_int_equal(read(fds[0], &ready, 1), 1);
	close(fds[0]);
	close(fds[1]);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	for (int i = 0; i < 300; i++) {
		struct writer *wr = writer_start(w->st, STORE_S, 0, &w->e);
		const struct job job = { rewrite, NULL, &ready, WRITER_URGENT,
		    true };

		assert_non_null(wr);
		writer_submit(wr, &job);
		assert_int_equal(collect_all(wr, NULL), 0);
		writer_stop(wr);
	}
	assert_int_equal(store_clear_readers(w->st), 0);
}

static void
stop_answers_everything(void **state)
{
	struct world *w = *state;
	struct writer *wr = start(w, 200);
	struct probe p[3] = { 0 };

	for (size_t i = 0; i < 3; i++)
		submit(wr, &p[i], i == 1 ? WRITER_BULK : WRITER_URGENT, false);
	writer_stop(wr);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(p[i].answered, 1);
		assert_int_equal(p[i].result, JOB_DONE);
	}
}

static struct writer *resubmit_to;

static void
submit_again(void *arg, enum job_result r, const struct err *e)
{
	(void)r, (void)e;
	submit(resubmit_to, arg, WRITER_URGENT, false);
}

static void
a_job_submitted_while_stopping_is_told_to_come_back(void **state)
{
	struct world *w = *state;
	struct probe p = { 0 };
	const struct job job = { probe_apply, submit_again, &p, WRITER_URGENT,
	    false };

	resubmit_to = start(w, 0);
	writer_submit(resubmit_to, &job);
	writer_stop(resubmit_to);
	assert_int_equal(p.answered, 1);
	assert_int_equal(p.result, JOB_TRY_AGAIN);
	assert_int_equal(p.applied, 1);
}

static void
one_writer_at_a_time(void **state)
{
	struct world *w = *state;
	struct writer *wr = start(w, 0);
	struct probe p = { 0 };
	const struct job job = { probe_apply, NULL, &p, WRITER_URGENT, false };

	assert_null(writer_start(w->st, STORE_S, 0, &w->e));
	assert_int_equal(w->e.code, ERR_EXISTS);
	assert_int_equal(writer_run(w->st, STORE_S, &job, &w->e), JOB_REFUSED);
	assert_int_equal(p.applied, 0);
	writer_stop(wr);
	assert_int_equal(writer_run(w->st, STORE_S, &job, &w->e), JOB_DONE);
}

/*
 * A file that may not grow stands for a full disk: EFBIG is no "try again".
 * In a child, for the limit would hold for the test too.
 */
static void
a_failed_commit_is_the_end(void **state)
{
	struct world *w = *state;
	int status;
	pid_t pid;

	world_close(w);
	if ((pid = fork()) == 0) {
		const struct rlimit limit = { 8192, 8192 };
		struct probe p = { .key = "a", .size = 60000 };
		struct err e = ERR_INIT;
		struct writer *wr;

		signal(SIGXFSZ, SIG_IGN);
		if ((w->st = world_open(w, true, false)) == NULL)
			_exit(1);
		wr = start(w, 0);
		setrlimit(RLIMIT_FSIZE, &limit);
		submit(wr, &p, WRITER_URGENT, true);
		_exit(collect_all(wr, &e) == -1 && e.code == ERR_STORE &&
		    p.answered == 0 ? 0 : 2);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	world_reopen(w);
	assert_int_equal(rows(w), 0);
}

int
main(void)
{
#define TEST(F)	cmocka_unit_test_setup_teardown(F, world_setup, world_teardown)
	const struct CMUnitTest tests[] = {
		TEST(jobs_share_a_commit),
		TEST(a_refusal_changes_nothing_and_harms_no_other),
		TEST(people_go_before_bulk),
		TEST(bulk_is_cut_after_its_share),
		TEST(a_bulk_job_is_told_when_to_stop),
		TEST(a_bulk_job_has_time_until_somebody_comes),
		TEST(what_was_freed_is_room),
		TEST(a_full_map_keeps_a_reserve),
		TEST(a_dead_reader_does_not_fill_the_map),
		TEST(stop_answers_everything),
		TEST(a_job_submitted_while_stopping_is_told_to_come_back),
		TEST(one_writer_at_a_time),
		TEST(a_failed_commit_is_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
