/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_clock_watch.c - what is said of a clock that nobody keeps right (S59).
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/clock.h"
#include "listd/clock_watch.h"

static struct clock_sync now;

static struct clock_sync
hand_sync(const struct clock *c)
{
	(void)c;
	return now;
}

static const struct clock hand = { .sync = hand_sync };

static void
changes_are_told_once(void **state)
{
	static const struct {
		const char	*why;
		bool		 synced, tell;
	} looks[] = {
		{ "right at the start: nothing to say", true, false },
		{ "lost", false, true },
		{ "still lost", false, false },
		{ "found", true, true },
		{ "still right", true, false },
	};
	struct clock_watch w = { .known = false };

	(void)state;
	for (size_t i = 0; i < sizeof(looks) / sizeof(looks[0]); i++) {
		now = (struct clock_sync){ looks[i].synced, 2500 };
		if (clock_watch_look(&w, &hand) != looks[i].tell)
			fail_msg("%s", looks[i].why);
		assert_int_equal(w.unsure, !looks[i].synced);
		assert_int_equal(w.error_us, 2500);
	}
}

static void
a_start_without_it_is_told(void **state)
{
	struct clock_watch w = { .known = false };

	(void)state;
	now = (struct clock_sync){ false, 16000000 };
	assert_true(clock_watch_look(&w, &hand));
	assert_false(clock_watch_look(&w, &hand));
	assert_true(w.unsure);
}

/* A clock that says nothing of it, as those of tests, is taken to be right. */
static void
silence_is_no_doubt(void **state)
{
	static const struct clock dumb = { .sync = NULL };
	struct clock_watch w = { .known = false };

	(void)state;
	assert_false(clock_watch_look(&w, &dumb));
	assert_false(w.unsure);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(changes_are_told_once),
		cmocka_unit_test(a_start_without_it_is_told),
		cmocka_unit_test(silence_is_no_doubt),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
