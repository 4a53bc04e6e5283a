/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_ring.c - what a killed process marked is read by another; a torn or
 * foreign file is never believed.
 */
#include "config.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/err.h"
#include "lib/sys/ring.h"

static FILE *file;

static int
setup(void **state)
{
	(void)state;
	file = tmpfile();
	return file != NULL ? 0 : -1;
}

static int
teardown(void **state)
{
	(void)state;
	fclose(file);
	return 0;
}

static struct ring *
fresh_ring(void)
{
	struct err e = ERR_INIT;
	struct ring *r;
	bool fresh;

	assert_int_equal(ring_prepare(fileno(file), &fresh, &e), 0);
	assert_true(fresh);
	r = ring_map(fileno(file), &e);
	assert_non_null(r);
	return r;
}

static void
a_killed_process_leaves_its_marks(void **state)
{
	struct ring_entry entry = { 7, 1234567890123, 3, RING_HANDED };
	struct ring *r = fresh_ring();
	int status;
	pid_t pid;

	(void)state;
	pid = fork();
	assert_int_not_equal(pid, -1);
	if (pid == 0) {
		ring_put(r, 1, 0, &entry);
		entry.subscriber++;
		ring_put(r, 1, RING_SLOTS - 1, &entry);
		ring_mark(r, 1, 0, RING_DOT);
		raise(SIGKILL);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_true(ring_get(r, 1, 0, &entry, NULL));
	assert_int_equal(entry.campaign, 7);
	assert_int_equal(entry.subscriber, 1234567890123);
	assert_int_equal(entry.epoch, 3);
	assert_int_equal(entry.state, RING_DOT);
	assert_true(ring_get(r, 1, RING_SLOTS - 1, &entry, NULL));
	assert_int_equal(entry.state, RING_HANDED);
	assert_false(ring_get(r, 0, 0, &entry, NULL));
	assert_false(ring_get(r, 1, 1, &entry, NULL));
	ring_unmap(r);
}

static void
a_slot_is_free_between_two_deliveries(void **state)
{
	struct ring_entry entry = { 1, 2, 3, RING_BEGUN };
	struct ring *r = fresh_ring();

	(void)state;
	ring_put(r, 63, 5, &entry);
	ring_mark(r, 63, 5, RING_FREE);
	assert_false(ring_get(r, 63, 5, &entry, NULL));
	ring_put(r, 63, 5, &entry);
	ring_put(r, 62, 5, &entry);
	ring_clear(r, 63);
	assert_false(ring_get(r, 63, 5, &entry, NULL));
	assert_true(ring_get(r, 62, 5, &entry, NULL));
	ring_unmap(r);
}

/* The file outlives the daemon. */
static void
a_good_ring_is_kept(void **state)
{
	struct ring_entry entry = { 1, 2, 3, RING_BEGUN };
	struct ring *r = fresh_ring();
	struct err e = ERR_INIT;
	bool fresh;

	(void)state;
	ring_put(r, 0, 0, &entry);
	ring_unmap(r);
	assert_int_equal(ring_prepare(fileno(file), &fresh, &e), 0);
	assert_false(fresh);
	assert_non_null(r = ring_map(fileno(file), &e));
	assert_true(ring_get(r, 0, 0, &entry, NULL));
	ring_unmap(r);
}

/* A power cut leaves pages of different times, or random ones. */
static void
torn_slots_are_counted_and_skipped(void **state)
{
	struct ring_entry entry = { 1, 2, 3, RING_BEGUN };
	struct ring *r = fresh_ring();
	unsigned torn = 0, good = 0;
	char byte = 0x55;

	(void)state;
	for (unsigned i = 0; i < 100; i++)
		ring_put(r, 0, i, &entry);
	/* One octet changed in the first 28 slots, another one in each. */
	for (unsigned i = 0; i < 28; i++)
		assert_int_equal(pwrite(fileno(file), &byte, 1,
		    4096 + (off_t)i * 32 + i), 1);
	for (unsigned i = 0; i < RING_SLOTS; i++)
		good += ring_get(r, 0, i, &entry, &torn);
	assert_int_equal(good, 72);
	assert_int_equal(torn, 28);
	ring_unmap(r);
}

static void
foreign_files_start_afresh(void **state)
{
	struct ring *r = fresh_ring();
	struct err e = ERR_INIT;
	struct stat st;
	bool fresh;

	(void)state;
	ring_unmap(r);
	assert_int_equal(fstat(fileno(file), &st), 0);
	/* Sparse: a ring nobody used is a page. */
	assert_true(st.st_blocks * 512 <= 65536);
	/* Too short. */
	assert_int_equal(ftruncate(fileno(file), st.st_size - 1), 0);
	assert_null(ring_map(fileno(file), &e));
	assert_int_equal(e.code, ERR_DAMAGED);
	assert_int_equal(ring_prepare(fileno(file), &fresh, &e), 0);
	assert_true(fresh);
	/* The right size, and not ours. */
	assert_int_equal(pwrite(fileno(file), "x", 1, 3), 1);
	assert_null(ring_map(fileno(file), &e));
	assert_int_equal(e.code, ERR_DAMAGED);
	assert_int_equal(ring_prepare(fileno(file), &fresh, &e), 0);
	assert_true(fresh);
	assert_non_null(r = ring_map(fileno(file), &e));
	ring_unmap(r);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_killed_process_leaves_its_marks),
		TEST(a_slot_is_free_between_two_deliveries),
		TEST(a_good_ring_is_kept),
		TEST(torn_slots_are_counted_and_skipped),
		TEST(foreign_files_start_afresh),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
