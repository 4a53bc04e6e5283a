/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_witness.c - a checkpoint goes into a header field and comes back out,
 * whatever folds it on its way (DESIGN: at most 400 octets of base64).
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/err.h"
#include "lib/strbuf.h"
#include "lib/witness.h"

static void
every_length_comes_back(void **state)
{
	char note[WITNESS_NOTE_MAX + 1];
	struct strbuf field = STRBUF_INIT(1024), back = STRBUF_INIT(1024);
	struct err e = ERR_INIT;
	const char *colon;

	(void)state;
	for (size_t i = 0; i < sizeof(note); i++)
		note[i] = (char)(i * 7);
	for (size_t len = 1; len <= WITNESS_NOTE_MAX; len++) {
		strbuf_reset(&field);
		strbuf_reset(&back);
		assert_int_equal(witness_write(&field, note, len, &e), 0);
		colon = strchr(field.s, ':');
		assert_int_equal(colon - field.s, strlen(WITNESS_FIELD));
		assert_memory_equal(field.s, WITNESS_FIELD,
		    strlen(WITNESS_FIELD));
		for (char *p = field.s, *end; *p != '\0'; p = end + 1) {
			end = strchr(p, '\n');
			assert_non_null(end);
			assert_true(end - p <= 79);
		}
		assert_int_equal(witness_read(&back, colon + 1,
		    field.len - (size_t)(colon + 1 - field.s), &e), 0);
		assert_int_equal(back.len, len);
		assert_memory_equal(back.s, note, len);
	}
	assert_int_equal(witness_write(&field, note, 0, &e), -1);
	assert_int_equal(witness_write(&field, note, WITNESS_NOTE_MAX + 1,
	    &e), -1);
	assert_int_equal(e.code, ERR_LIMIT);
	strbuf_free(&field);
	strbuf_free(&back);
}

static const struct {
	const char *why, *value, *note;	/* NULL: refused */
} rows[] = {
	{ "plain",		"YWJj", "abc" },
	{ "padded",		"YQ==", "a" },
	{ "unfolded",		" YW Jj ", "abc" },
	{ "folded",		"YW\r\n\tJj\r\n", "abc" },
	{ "folds between all",	" Y \r\n W \r\n J \r\n j", "abc" },
	{ "empty",		"", NULL },
	{ "blank",		" \r\n ", NULL },
	{ "no base64",		"YW?j", NULL },
	{ "cut",		"YWJ", NULL },
	{ "of the URL alphabet", "YW_-", NULL },
	{ "bits too many",	"YR==", NULL },
	{ "more behind it",	"YQ==YQ==", NULL },
};

static void
values(void **state)
{
	struct strbuf out = STRBUF_INIT(1024);
	struct err e = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int rc;

		strbuf_reset(&out);
		rc = witness_read(&out, rows[i].value, strlen(rows[i].value),
		    &e);
		if ((rc == 0) != (rows[i].note != NULL))
			fail_msg("%s: %d", rows[i].why, rc);
		if (rc == 0)
			assert_string_equal(out.s, rows[i].note);
		else
			assert_int_equal(e.code, ERR_INPUT);
	}
	assert_int_equal(witness_read(&out, "YQ\0==", 5, &e), -1);
	strbuf_free(&out);
}

static void
one_that_is_too_long_is_none(void **state)
{
	struct strbuf value = STRBUF_INIT(1024), out = STRBUF_INIT(1024);
	struct err e = ERR_INIT;

	(void)state;
	while (value.len < WITNESS_OCTETS)
		strbuf_adds(&value, "YWJj");
	assert_int_equal(witness_read(&out, value.s, value.len, &e), 0);
	strbuf_adds(&value, "YWJj");
	assert_int_equal(witness_read(&out, value.s, value.len, &e), -1);
	strbuf_free(&value);
	strbuf_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_length_comes_back),
		cmocka_unit_test(values),
		cmocka_unit_test(one_that_is_too_long_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
