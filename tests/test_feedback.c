/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_feedback.c - the window of connections: how it grows, shrinks, and when
 * a site counts as dead.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "listd/feedback.h"

#define CAP	20

/* R5: 1, 2, 3 after silence; a new site likewise, from where it begins. */
static void
one_more_each_time_until_a_refusal(void **state)
{
	struct feedback f;

	(void)state;
	feedback_begin(&f, 1, 1);
	for (unsigned n = 2; n < 12; n++) {
		feedback_up(&f, CAP, 0);
		assert_int_equal(f.window, n);
	}
}

static void
never_above_its_cap(void **state)
{
	struct feedback f;

	(void)state;
	feedback_begin(&f, 2, 3);
	for (int i = 0; i < 100; i++) {
		feedback_up(&f, 5, i * 1000);
		assert_in_range(f.window, 1, 5);
	}
	feedback_up(&f, 2, 0);		/* the cap was lowered */
	assert_int_equal(f.window, 2);
}

static void
a_refusal_leaves_what_is_up(void **state)
{
	struct feedback f;

	(void)state;
	feedback_begin(&f, 10, 1);
	assert_false(feedback_refused(&f, 4, 100, 0));
	assert_int_equal(f.window, 4);
}

/* From four up, a fourth for each refusal: four of them are one less. */
static void
further_refusals_take_a_part_each(void **state)
{
	struct feedback f;

	(void)state;
	feedback_begin(&f, 4, 1);
	for (int i = 0; i < 3; i++) {
		assert_false(feedback_refused(&f, 4, 100, 0));
		assert_int_equal(f.window, 4);
	}
	assert_false(feedback_refused(&f, 4, 100, 0));
	assert_int_equal(f.window, 3);
}

/* 1/sqrt(9) for each that comes up, once the calm is over. */
static void
after_a_refusal_it_grows_by_the_root(void **state)
{
	struct feedback f;

	(void)state;
	feedback_begin(&f, 9, 1);
	feedback_refused(&f, 9, 100, 0);
	for (int i = 0; i < 20; i++)
		feedback_up(&f, CAP, FEEDBACK_CALM_MS - 1);
	assert_int_equal(f.window, 9);
	feedback_up(&f, CAP, FEEDBACK_CALM_MS);
	feedback_up(&f, CAP, FEEDBACK_CALM_MS);
	assert_int_equal(f.window, 9);
	feedback_up(&f, CAP, FEEDBACK_CALM_MS);
	assert_int_equal(f.window, 10);
}

/* One that comes up between them begins the count anew. */
static void
a_window_of_refusals_is_dead(void **state)
{
	struct feedback f;

	(void)state;
	feedback_begin(&f, 3, 1);
	assert_false(feedback_refused(&f, 0, 100, 0));
	assert_false(feedback_refused(&f, 0, 100, 0));
	feedback_up(&f, 3, 0);
	assert_false(feedback_refused(&f, 0, 100, 0));
	assert_false(feedback_refused(&f, 0, 100, 0));
	assert_true(feedback_refused(&f, 0, 100, 0));
}

static void
or_so_many_in_a_row(void **state)
{
	struct feedback f;

	(void)state;
	feedback_begin(&f, 50, 1);
	for (int i = 0; i < 4; i++)
		assert_false(feedback_refused(&f, 0, 5, 0));
	assert_true(feedback_refused(&f, 0, 5, 0));
	feedback_begin(&f, 50, 1);
	for (int i = 0; i < 200; i++)	/* one works: it is not dead */
		assert_false(feedback_refused(&f, 1, 5, 0));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_more_each_time_until_a_refusal),
		cmocka_unit_test(never_above_its_cap),
		cmocka_unit_test(a_refusal_leaves_what_is_up),
		cmocka_unit_test(further_refusals_take_a_part_each),
		cmocka_unit_test(after_a_refusal_it_grows_by_the_root),
		cmocka_unit_test(a_window_of_refusals_is_dead),
		cmocka_unit_test(or_so_many_in_a_row),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
