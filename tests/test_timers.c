/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_timers.c - a timer fires once, in order, never after its cancel, and
 * jumped time fires what became due; the test clock and its refusals.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/event.h>

#include "lib/clock.h"
#include "lib/err.h"
#include "lib/sys/realclock.h"
#include "lib/sys/timers.h"

#define LEN(a)	(sizeof(a) / sizeof((a)[0]))

/* A clock moved by hand. */
static int64_t now_ms;

static int64_t
hand_ms(const struct clock *c)
{
	(void)c;
	return now_ms;
}

static const struct clock hand = { hand_ms, hand_ms, NULL };

struct fixture {
	struct event_base	*base;
	struct timers		*ts;
};

static int
setup(void **state)
{
	static struct fixture fx;

	now_ms = 1000;
	fx.base = event_base_new();
	fx.ts = timers_new(fx.base, &hand, true);
	*state = &fx;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *fx = *state;

	timers_free(fx->ts);
	event_base_free(fx->base);
	return 0;
}

/*
 * Time passes, and the loop looks at the clock.  libevent's own clock is a
 * coarse one, so its wait needs a margin.
 */
static void
pass(struct fixture *fx, int64_t ms)
{
	now_ms += ms;
	usleep((TIMERS_TEST_POLL_MS + 15) * 1000);
	event_base_loop(fx->base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
}

static char fired[64];

struct named {
	struct timer	 t;
	char		 name;
	struct named	*also;
	bool		 cancels, restarts;
};

static void
note(void *arg)
{
	struct named *n = arg;
	size_t len = strlen(fired);

	assert_false(timer_running(&n->t));
	if (len + 1 < sizeof(fired)) {
		fired[len] = n->name;
		fired[len + 1] = '\0';
	}
	if (n->also != NULL && n->cancels)
		timer_cancel(&n->also->t);
	else if (n->also != NULL)
		timer_start(&n->also->t, 0);
	if (n->restarts)
		timer_start(&n->t, 0);
}

static void
prepare(struct fixture *fx, struct named *n, size_t count)
{
	fired[0] = '\0';
	for (size_t i = 0; i < count; i++) {
		n[i] = (struct named){ .name = (char)('a' + i) };
		timer_init(&n[i].t, fx->ts, note, &n[i]);
	}
}

static void
they_fire_in_order_and_once(void **state)
{
	struct fixture *fx = *state;
	struct named n[4];

	prepare(fx, n, LEN(n));
	timer_start(&n[0].t, 300);
	timer_start(&n[1].t, 100);
	timer_start(&n[2].t, 200);
	timer_start(&n[3].t, 100);
	assert_int_equal(timers_count(fx->ts), 4);
	pass(fx, 99);
	assert_string_equal(fired, "");
	pass(fx, 1);
	assert_string_equal(fired, "bd");
	pass(fx, 1000);
	assert_string_equal(fired, "bdca");
	pass(fx, 1000);
	assert_string_equal(fired, "bdca");
	assert_int_equal(timers_count(fx->ts), 0);
}

static void
starting_again_moves_the_deadline(void **state)
{
	struct fixture *fx = *state;
	struct named n[2];

	prepare(fx, n, LEN(n));
	timer_start(&n[0].t, 100);
	timer_start(&n[1].t, 200);
	pass(fx, 50);
	timer_start(&n[0].t, 500);
	timer_start(&n[1].t, -5);
	pass(fx, 50);
	assert_string_equal(fired, "b");
	pass(fx, 450);
	assert_string_equal(fired, "ba");
}

static void
a_cancelled_timer_never_fires(void **state)
{
	struct fixture *fx = *state;
	struct named n[3];

	prepare(fx, n, LEN(n));
	timer_start(&n[0].t, 10);
	timer_start(&n[1].t, 20);
	timer_cancel(&n[0].t);
	timer_cancel(&n[0].t);
	timer_cancel(&n[2].t);
	assert_false(timer_running(&n[0].t));
	pass(fx, 100);
	assert_string_equal(fired, "b");

	/* Both are due; the first to run cancels the other. */
	prepare(fx, n, LEN(n));
	n[0].also = &n[1];
	n[0].cancels = true;
	timer_start(&n[0].t, 10);
	timer_start(&n[1].t, 10);
	pass(fx, 100);
	assert_string_equal(fired, "a");
}

static void
callbacks_may_start_timers(void **state)
{
	struct fixture *fx = *state;
	struct named n[2];

	prepare(fx, n, LEN(n));
	n[0].also = &n[1];
	n[1].restarts = true;
	timer_start(&n[0].t, 10);
	pass(fx, 10);
	assert_string_equal(fired, "a");
	/* One that starts itself at once still lets the loop go on. */
	pass(fx, 0);
	assert_string_equal(fired, "ab");
	pass(fx, 0);
	assert_string_equal(fired, "abb");
	timer_cancel(&n[1].t);
}

static uint32_t
next_random(uint64_t *x)
{
	*x = *x * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(*x >> 33);
}

static int64_t last_ms;
static unsigned count;

static void
in_order(void *arg)
{
	struct timer *t = arg;

	assert_true(t->due_ms >= last_ms);
	assert_true(t->due_ms <= now_ms);
	last_ms = t->due_ms;
	count++;
}

/* Starts, restarts and cancels at random: the heap keeps its order. */
static void
a_thousand_keep_their_order(void **state)
{
	struct fixture *fx = *state;
	static struct timer t[1000];
	uint64_t x = 7;
	unsigned running = 0;

	for (size_t i = 0; i < LEN(t); i++)
		timer_init(&t[i], fx->ts, in_order, &t[i]);
	for (int i = 0; i < 5000; i++) {
		struct timer *one = &t[next_random(&x) % LEN(t)];

		if (next_random(&x) % 4 == 0)
			timer_cancel(one);
		else
			timer_start(one, next_random(&x) % 5000);
	}
	for (size_t i = 0; i < LEN(t); i++)
		running += timer_running(&t[i]);
	assert_int_equal(timers_count(fx->ts), running);
	assert_true(running > 0);
	last_ms = 0;
	count = 0;
	for (int i = 0; i < 10; i++)
		pass(fx, 500);
	assert_int_equal(count, running);
}

static void
stop_loop(void *arg)
{
	event_base_loopbreak(arg);
}

static void
real_time_passes(void **state)
{
	struct event_base *base = event_base_new();
	struct timers *ts = timers_new(base, &realclock, false);
	struct timer soon, never;
	int64_t begin = clock_mono_ms(&realclock);

	(void)state;
	timer_init(&soon, ts, stop_loop, base);
	timer_init(&never, ts, stop_loop, base);
	timer_start(&never, INT64_MAX);
	timer_start(&soon, 10);
	timer_start(&soon, 30);		/* later than what the loop waits for */
	event_base_dispatch(base);
	assert_false(timer_running(&soon));
	assert_true(timer_running(&never));
	assert_in_range(clock_mono_ms(&realclock) - begin, 30, 5000);
	assert_true(clock_utc_ms(&realclock) > INT64_C(1700000000000));
	timers_free(ts);
	event_base_free(base);
}

static FILE *
page_file(const struct clock_page *page, size_t len)
{
	FILE *f = tmpfile();

	assert_non_null(f);
	assert_int_equal(fwrite(page, 1, len, f), len);
	fflush(f);
	return f;
}

/* As an ordinary user: what the test clock takes and refuses. */
static int
test_clock_cases(void)
{
	struct clock_page page = { CLOCK_PAGE_MAGIC, 5000, -86400000 };
	struct clock_page bad = { 1, 0, 0 };
	struct err e = ERR_INIT;
	struct testclock *tc;
	const struct clock *c;
	int64_t d;
	FILE *f;

	f = page_file(&bad, sizeof(bad));
	if (testclock_open(fileno(f), &e) != NULL || e.code != ERR_DAMAGED)
		return 1;
	fclose(f);
	f = page_file(&page, sizeof(page) - 1);
	if (testclock_open(fileno(f), &e) != NULL || e.code != ERR_DAMAGED)
		return 2;
	fclose(f);
	f = page_file(&page, sizeof(page));
	if ((tc = testclock_open(fileno(f), &e)) == NULL)
		return 3;
	c = testclock_clock(tc);
	d = clock_mono_ms(c) - clock_mono_ms(&realclock);
	if (d < 4990 || d > 5500)
		return 4;
	d = clock_utc_ms(c) - clock_utc_ms(&realclock);
	if (d < -86400010 || d > -86399000)
		return 5;
	page.mono_ms = 60000;
	rewind(f);
	fwrite(&page, 1, sizeof(page), f);
	fclose(f);
	d = clock_mono_ms(c) - clock_mono_ms(&realclock);
	testclock_free(tc);
	return d >= 59990 ? 0 : 6;
}

static void
the_test_clock_follows_its_page(void **state)
{
	pid_t pid = fork();
	int status;

	(void)state;
	assert_int_not_equal(pid, -1);
	if (pid == 0) {
		if (getuid() == 0 && (setgid(65534) != 0 ||
		    setuid(65534) != 0))
			_exit(99);
		_exit(test_clock_cases());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void
root_is_refused_the_test_clock(void **state)
{
	struct clock_page page = { CLOCK_PAGE_MAGIC, 0, 0 };
	struct err e = ERR_INIT;
	FILE *f = page_file(&page, sizeof(page));
	struct testclock *tc = testclock_open(fileno(f), &e);

	(void)state;
	if (getuid() == 0) {
		assert_null(tc);
		assert_int_equal(e.code, ERR_REFUSED);
	} else {
		assert_non_null(tc);
	}
	testclock_free(tc);
	fclose(f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(they_fire_in_order_and_once,
		    setup, teardown),
		cmocka_unit_test_setup_teardown(
		    starting_again_moves_the_deadline, setup, teardown),
		cmocka_unit_test_setup_teardown(a_cancelled_timer_never_fires,
		    setup, teardown),
		cmocka_unit_test_setup_teardown(callbacks_may_start_timers,
		    setup, teardown),
		cmocka_unit_test_setup_teardown(a_thousand_keep_their_order,
		    setup, teardown),
		cmocka_unit_test(real_time_passes),
		cmocka_unit_test(the_test_clock_follows_its_page),
		cmocka_unit_test(root_is_refused_the_test_clock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
