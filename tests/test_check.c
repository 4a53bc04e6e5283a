/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_check.c - a sound store has no findings, and every kind of damage has
 * one that names its table (P12).
 */
#include "config.h"

#include <sys/stat.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <poll.h>
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

#include "lib/strbuf.h"
#include "spool/check.h"
#include "spool/qmeta.h"
#include "tests/check_world.h"

static void
a_sound_store_has_no_findings(void **state)
{
	struct check_world *cw = *state;
	struct strbuf out = STRBUF_INIT(1u << 20);
	struct txn *t;
	uint64_t n;

	for (enum store_table i = 0; i < TABLE_LAST; i++) {
		t = world_read(cw->w, store_table_env(i));
		assert_int_equal(txn_count(t, i, &n, &cw->w->e), 0);
		txn_end(t);
		if (n == 0)
			fail_msg("%s is empty", check_table_name(i));
	}
	if (check_world_check(cw, &out) != 0)
		fail_msg("%s", out.s);
	strbuf_free(&out);
}

/* ---- numbers given out */

struct counter_job {
	enum store_counter which;
	uint64_t	to, was;
};

static int
do_counter(struct txn *t, void *arg, struct err *e)
{
	struct counter_job *j = arg;

	if (txn_counter(t, j->which, &j->was, e) == -1)
		return -1;
	txn_counter_set(t, j->which, j->to);
	return 0;
}

static void
a_number_above_the_last_is_found(void **state)
{
	static const struct { enum store_counter which; const char *words; }
	    counters[] = {
		{ COUNTER_ORG, "orgs has number" },
		{ COUNTER_LIST, "lists has number" },
		{ COUNTER_DOMAIN, "domain_ids has number" },
		{ COUNTER_SUBSCRIBER, "by_id has number" },
		{ COUNTER_NOTICE, "notices has number" },
		{ COUNTER_CONSENT, "consent has number" },
		{ COUNTER_ACT, "acts has number" },
		{ COUNTER_IMPORT, "imports has number" },
	};
	struct check_world *cw = *state;
	struct strbuf out = STRBUF_INIT(1u << 20);

	for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++) {
		struct counter_job j = { .which = counters[i].which };

		world_must(cw->w, STORE_S, do_counter, &j);
		assert_true(check_world_check(cw, &out) > 0);
		assert_true(check_world_names(&out, "meta", counters[i].words));
		j.to = j.was;
		world_must(cw->w, STORE_S, do_counter, &j);
	}
	assert_int_equal(check_world_check(cw, &out), 0);
	strbuf_free(&out);
}

static int
do_qmeta(struct txn *t, void *arg, struct err *e)
{
	(void)arg;
	return qmeta_put(t, QMETA_CAMPAIGN, 3, e) == -1 ||
	    qmeta_put(t, QMETA_BATCH, 1, e) == -1 ||
	    qmeta_put(t, QMETA_LOGGED, 3, e);
}

static void
numbers_of_the_queue_are_found(void **state)
{
	struct check_world *cw = *state;
	struct strbuf out = STRBUF_INIT(1u << 20);

	world_must(cw->w, STORE_Q, do_qmeta, NULL);
	assert_int_equal(check_world_check(cw, &out), 4);
	assert_true(check_world_names(&out, "queue/meta", "campaigns has number 4"));
	assert_true(check_world_names(&out, "queue/meta", "outbox has number 4"));
	assert_true(check_world_names(&out, "queue/meta", "meta has number 3"));
	assert_true(check_world_names(&out, "outbox", "the log has had it for good"));
	strbuf_free(&out);
}

/* ---- files */

static void
content_path(struct check_world *cw, const uint8_t *hash, char *path,
    size_t size)
{
	char hex[CONTENT_HEX];

	content_hex(hash, hex);
	snprintf(path, size, "%s/content/%.2s/%s", cw->w->dir, hex, hex);
}

static void
damaged_content_is_found(void **state)
{
	struct check_world *cw = *state;
	struct strbuf out = STRBUF_INIT(1u << 20);
	char path[700];

	/* Named by an import, an entry and a campaign, told once. */
	content_path(cw, cw->evidence, path, sizeof(path));
	assert_int_equal(unlink(path), 0);
	assert_int_equal(check_world_check(cw, &out), 1);
	assert_true(check_world_names(&out, "consent", "missing"));
	content_path(cw, cw->message, path, sizeof(path));
	assert_int_equal(truncate(path, 3), 0);
	assert_int_equal(check_world_check(cw, &out), 2);
	assert_true(check_world_names(&out, "campaigns", "content"));
	strbuf_free(&out);
}

static void
a_damaged_log_is_found(void **state)
{
	struct check_world *cw = *state;
	struct strbuf out = STRBUF_INIT(1u << 20);
	char path[700], octet = 0x55;
	int fd;

	snprintf(path, sizeof(path), "%s/00000001.log", cw->outcomes);
	fd = open(path, O_WRONLY);
	assert_int_not_equal(fd, -1);
	assert_int_equal(pwrite(fd, &octet, 1, 60), 1);
	close(fd);
	assert_int_equal(check_world_check(cw, &out), 2);
	assert_true(check_world_names(&out, "outcomes", "00000001.log"));
	assert_true(check_world_names(&out, "outcomes", "ends at batch"));
	assert_int_equal(unlink(path), 0);
	assert_int_equal(check_world_check(cw, &out), 1);
	assert_true(check_world_names(&out, "outcomes", "ends at batch 0"));
	strbuf_free(&out);
}

/* ---- the walk itself */

static bool
stop(void *arg, const struct check_finding *f)
{
	(void)f;
	++*(unsigned *)arg;
	return false;
}

static void
count_tables(void *arg, enum store_table table, uint64_t rows)
{
	(void)table;
	*(unsigned *)arg += rows == 0 ? 1 : 0;
}

static void
a_walk_can_be_stopped_and_begun_in_the_middle(void **state)
{
	struct check_world *cw = *state;
	unsigned told = 0, begun = 0;
	struct counter_job j = { .which = COUNTER_ACT };
	struct check_params p = { .st = cw->w->st, .finding = stop,
	    .arg = &told };
	struct check_result r;

	world_must(cw->w, STORE_S, do_counter, &j);
	assert_int_equal(check_store(&p, &r, &cw->w->e), 0);
	assert_int_equal(told, 1);
	assert_int_equal(r.findings, 1);
	p.from = TABLE_QMETA;
	assert_int_equal(check_store(&p, &r, &cw->w->e), 0);
	assert_int_equal(told, 1);
	p.from = TABLE_LAST;
	p.progress = count_tables;
	p.arg = &begun;
	assert_int_equal(check_store(&p, &r, &cw->w->e), 0);
	assert_int_equal(begun, 1);
	assert_int_equal(r.rows, 0);
}

/* ---- beside a writer: more rows than a slice, and none of them at rest */

#define MANY	(CHECK_SLICE + 2000)

#define CHANGES	60	/* of people who come and go meanwhile */

/* In the child, until the other end of the pipe is closed. */
static void
check_for_a_while(struct check_world *cw, int pipe_fd)
{
	struct strbuf out = STRBUF_INIT(1u << 20);
	struct pollfd pfd = { .fd = pipe_fd, .events = POLLIN };
	struct check_result r;

	alarm(100);
	if ((cw->w->st = world_open(cw->w, false, false)) == NULL)
		_exit(3);
	do {
		if (check_world_run(cw, &out, &r) != 0 || r.findings != 0) {
			fprintf(stderr, "%s", out.s);
			_exit(1);
		}
	} while (poll(&pfd, 1, 0) == 0);
	_exit(0);
}

static void
nothing_is_found_beside_a_writer(void **state)
{
	struct check_world *cw = *state;
	char address[64];
	int status = -1, fd[2];
	pid_t pid;

	check_world_import(cw, CHECK_IMPORTED, MANY / 2);
	check_world_import(cw, MANY / 2, MANY);
	world_close(cw->w);
	assert_int_equal(pipe(fd), 0);
	if ((pid = fork()) == 0) {
		close(fd[1]);
		check_for_a_while(cw, fd[0]);
	}
	assert_int_not_equal(pid, -1);
	close(fd[0]);
	world_reopen(cw->w);
	for (unsigned i = 0; i < CHANGES; i++) {
		snprintf(address, sizeof(address), "new.%u@e%u.example", i,
		    i % 50);
		people_join(cw->w, "news", address, NOW + 1000 + i * 5000ll);
		snprintf(address, sizeof(address), "member.%u@d%u.example",
		    i + 8, (i + 8) % 7);
		people_leave(cw->w, 1, address, IPC_LEAVE_LIST, NOW);
	}
	close(fd[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (status != 0)
		fail_msg("the child ended with %x", (unsigned)status);
}

/* ---- garbage for a page: LMDB may fall, and the test looks from outside */

static void
garbage(const char *path, off_t at)
{
	char page[4096];
	int fd = open(path, O_WRONLY);

	for (size_t i = 0; i < sizeof(page); i++)
		page[i] = (char)(i * 37 + (size_t)at / 4096 * 101);
	assert_true(fd != -1);
	assert_int_equal(pwrite(fd, page, sizeof(page), at), sizeof(page));
	close(fd);
}

static void
run_in_child(struct check_world *cw, int *status)
{
	pid_t pid = fork();

	if (pid == 0) {
		struct strbuf out = STRBUF_INIT(1u << 20);
		struct check_result r;

		/* cmocka's handlers would go on with the test here. */
		signal(SIGABRT, SIG_DFL);
		signal(SIGSEGV, SIG_DFL);
		signal(SIGBUS, SIG_DFL);
		/* LMDB's own assertions write to stderr. */
		if (freopen("/dev/null", "w", stderr) == NULL)
			_exit(9);
		alarm(20);
		cw->w->st = world_open(cw->w, false, false);
		_exit(cw->w->st == NULL ||
		    check_world_run(cw, &out, &r) == -1 || r.findings > 0);
	}
	assert_int_equal(waitpid(pid, status, 0), pid);
}

static void
garbage_pages_never_hang_it(void **state)
{
	struct check_world *cw = *state;
	struct world *w = cw->w;
	char path[512], copy[512], command[1200];
	unsigned told = 0, died = 0;
	uint64_t used, size;
	int status;

	store_usage(w->st, STORE_S, &used, &size);
	world_close(w);
	snprintf(path, sizeof(path), "%s/subscribers/data.mdb", w->dir);
	snprintf(copy, sizeof(copy), "%s/copy.mdb", w->dir);
	snprintf(command, sizeof(command), "cp --sparse=always %s %s", path,
	    copy);
	assert_int_equal(system(command), 0);
	snprintf(command, sizeof(command), "cp --sparse=always %s %s", copy,
	    path);
	for (off_t at = 8192; at < (off_t)used; at += 7 * 4096) {
		assert_int_equal(system(command), 0);
		garbage(path, at);
		run_in_child(cw, &status);
		if (WIFSIGNALED(status)) {
			if (WTERMSIG(status) == SIGALRM)
				fail_msg("page %lld: it goes in circles",
				    (long long)at / 4096);
			died++;
		} else {
			told += WEXITSTATUS(status) == 1;
		}
	}
	assert_true(told + died > 0);
}

int
main(void)
{
#define TEST(F)	cmocka_unit_test_setup_teardown(F, check_world_setup, \
	check_world_teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_sound_store_has_no_findings),
		TEST(a_number_above_the_last_is_found),
		TEST(numbers_of_the_queue_are_found),
		TEST(damaged_content_is_found),
		TEST(a_damaged_log_is_found),
		TEST(a_walk_can_be_stopped_and_begun_in_the_middle),
		TEST(nothing_is_found_beside_a_writer),
		TEST(garbage_pages_never_hang_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
