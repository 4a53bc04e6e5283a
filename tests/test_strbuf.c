/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_strbuf.c - the limit holds, overflow sticks, content stays a C string.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/strbuf.h"

static void
limit_is_exact(void **state)
{
	struct strbuf b = STRBUF_INIT(4);

	(void)state;
	strbuf_add(&b, "abcd", 4);
	assert_false(b.overflow);
	assert_string_equal(b.s, "abcd");
	strbuf_addc(&b, 'e');
	assert_true(b.overflow);
	assert_string_equal(b.s, "abcd");
	strbuf_free(&b);
}

static void
overflow_sticks_until_reset(void **state)
{
	struct strbuf b = STRBUF_INIT(4);

	(void)state;
	strbuf_adds(&b, "12345");
	strbuf_adds(&b, "1");
	assert_true(b.overflow);
	assert_int_equal(b.len, 0);
	strbuf_reset(&b);
	strbuf_adds(&b, "1");
	assert_false(b.overflow);
	assert_string_equal(b.s, "1");
	strbuf_free(&b);
}

static void
formatting_respects_the_limit(void **state)
{
	struct strbuf b = STRBUF_INIT(8);

	(void)state;
	strbuf_addf(&b, "%d-%s", 12, "abc");
	assert_string_equal(b.s, "12-abc");
	strbuf_addf(&b, "%s", "");
	assert_false(b.overflow);
	strbuf_addf(&b, "%d", 1000);
	assert_true(b.overflow);
	assert_string_equal(b.s, "12-abc");
	strbuf_free(&b);
}

static void
consume_and_steal(void **state)
{
	struct strbuf b = STRBUF_INIT(1000);
	char *s;

	(void)state;
	strbuf_adds(&b, "hello world");
	strbuf_consume(&b, 6);
	assert_string_equal(b.s, "world");
	s = strbuf_steal(&b);
	assert_string_equal(s, "world");
	assert_int_equal(b.len, 0);
	free(s);
	s = strbuf_steal(&b);
	assert_string_equal(s, "");
	free(s);
}

static void
a_huge_reserve_is_refused(void **state)
{
	struct strbuf b = STRBUF_INIT(SIZE_MAX / 2);

	(void)state;
	strbuf_addc(&b, 'x');
	assert_null(strbuf_reserve(&b, SIZE_MAX));
	assert_true(b.overflow);
	strbuf_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(limit_is_exact),
		cmocka_unit_test(overflow_sticks_until_reset),
		cmocka_unit_test(formatting_respects_the_limit),
		cmocka_unit_test(consume_and_steal),
		cmocka_unit_test(a_huge_reserve_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
