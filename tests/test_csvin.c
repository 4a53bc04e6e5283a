/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_csvin.c - what comes out of files that people export, however they are
 * cut on the way in.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/csvin.h"
#include "lib/err.h"
#include "lib/strbuf.h"

/* Each row as line:field|field; bad ones as line!reason; */
static bool
describe(void *arg, const struct csvin_row *row)
{
	struct strbuf *out = arg;

	if (row->bad != NULL) {
		strbuf_addf(out, "%llu!%s;", (unsigned long long)row->line,
		    row->bad);
		return true;
	}
	strbuf_addf(out, "%llu:", (unsigned long long)row->line);
	for (size_t i = 0; i < row->n; i++) {
		assert_int_equal(row->field[i].p[row->field[i].len], '\0');
		strbuf_addf(out, "%s%s", i > 0 ? "|" : "",
		    (const char *)row->field[i].p);
	}
	strbuf_addc(out, ';');
	return true;
}

/* Feed text in pieces of at most `piece` octets. */
static void
run(const char *text, size_t len, size_t piece, struct strbuf *out)
{
	struct csvin *c = csvin_new(describe, out);
	struct err e = ERR_INIT;
	int rc = 0;

	for (size_t i = 0; i < len && rc == 0; i += piece)
		rc = csvin_feed(c, text + i, len - i < piece ? len - i : piece,
		    &e);
	if (rc == 0)
		rc = csvin_end(c, &e);
	if (rc == -1)
		strbuf_addf(out, "-%s", e.text);
	csvin_free(c);
}

static const struct {
	const char	*why;
	const char	*in;
	const char	*out;
} files[] = {
	{ "plain", "email,name\na@b,Ann\nc@d,Bob\n", "2:a@b|Ann;3:c@d|Bob;" },
	{ "CR LF and no end at the end", "email,name\r\na@b,Ann\r\nc@d,Bob",
	    "2:a@b|Ann;3:c@d|Bob;" },
	{ "byte order mark", "\xef\xbb\xbf" "email\na@b\n", "2:a@b;" },
	{ "quotes", "email,name\n\"a@b\",\"Ann, \"\"the\"\" B\"\n",
	    "2:a@b|Ann, \"the\" B;" },
	{ "empty lines are none", "email\n\n\r\na@b\n\n", "4:a@b;" },
	{ "missing fields are empty", "email,name,city\na@b\n", "2:a@b||;" },
	{ "empty fields stay", "email,name,city\na@b,,X\n", "2:a@b||X;" },
	{ "too many fields", "email\na@b,Ann\nc@d\n",
	    "2!more fields than the header names;3:c@d;" },
	{ "blanks around are trimmed", "email,name\n  a@b , \"Ann\" \n",
	    "2:a@b|Ann;" },
	{ "a quote in the middle", "email,name\na@b,An\"n\nc@d,Bob\n",
	    "2!a quote out of place;3:c@d|Bob;" },
	{ "text behind a quoted field", "email,name\na@b,\"An\"n\nc@d,B\n",
	    "2!a quote out of place;3:c@d|B;" },
	{ "a quote that never ends", "email\n\"a@b\nc@d\n",
	    "2!a quote out of place;" },
	{ "a line end in quotes", "email,name\na@b,\"An\nn\"\nc@d,B\n",
	    "2!a control character;4:c@d|B;" },
	{ "not UTF-8", "email,name\na@b,A\xffn\nc@d,B\n",
	    "2!not UTF-8;3:c@d|B;" },
	{ "a bare CR", "email,name\na@b,A\rc@d,B\ne@f,C\n",
	    "2!a carriage return inside the row;3:e@f|C;" },
	{ "an escape", "email,name\na@b,\x1b[31m\nc@d,B\n",
	    "2!a control character;3:c@d|B;" },
	{ "header alone", "email\n", "" },
	{ "nothing", "", "-an empty file: no header" },
	{ "blank lines alone", "\n\n", "-an empty file: no header" },
	{ "no header", "a@b.example,Ann\n",
	    "-line 1: the header: an address where names of columns belong" },
	{ "a column twice", "email,Email \na,b\n",
	    "-line 1: the header: two columns of one name" },
	{ "a bad header", "em\"ail\na@b\n",
	    "-line 1: the header: a quote out of place" },
};

static void
files_are_read_however_they_are_cut(void **state)
{
	struct strbuf out = STRBUF_INIT(4096);

	(void)state;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		size_t len = strlen(files[i].in);

		for (size_t piece = 1; piece <= len + 1; piece++) {
			strbuf_reset(&out);
			run(files[i].in, len, piece, &out);
			if (strcmp(out.s, files[i].out) != 0)
				fail_msg("%s, in pieces of %zu: %s",
				    files[i].why, piece, out.s);
		}
	}
	strbuf_free(&out);
}

static void
a_nul_is_a_control_character(void **state)
{
	static const char text[] = "email\na\0b\nc@d\n";
	struct strbuf out = STRBUF_INIT(4096);

	(void)state;
	run(text, sizeof(text) - 1, 3, &out);
	assert_string_equal(out.s, "2!a control character;3:c@d;");
	strbuf_free(&out);
}

static void
columns_are_found_by_name(void **state)
{
	struct strbuf out = STRBUF_INIT(4096);
	struct csvin *c = csvin_new(describe, &out);
	static const char text[] = " E-Mail ,First Name,\n";

	(void)state;
	assert_int_equal(csvin_columns(c), 0);
	assert_int_equal(csvin_feed(c, text, sizeof(text) - 1, NULL), 0);
	assert_int_equal(csvin_columns(c), 3);
	assert_int_equal(csvin_column(c, "e-mail"), 0);
	assert_int_equal(csvin_column(c, "first name"), 1);
	assert_int_equal(csvin_column(c, "city"), -1);
	assert_string_equal(csvin_column_name(c, 2), "");
	csvin_free(c);
	strbuf_free(&out);
}

static void
repeat(struct strbuf *b, char ch, size_t n)
{
	while (n-- > 0)
		strbuf_addc(b, ch);
}

static void
limits_cost_one_row(void **state)
{
	struct strbuf in = STRBUF_INIT(1 << 20), out = STRBUF_INIT(65536);

	(void)state;
	strbuf_adds(&in, "email,name\na@b,");
	repeat(&in, 'x', CSVIN_FIELD_MAX);	/* just fits */
	strbuf_adds(&in, "\nc@d,");
	repeat(&in, 'x', CSVIN_FIELD_MAX + 1);
	strbuf_adds(&in, "\ne@f,");
	repeat(&in, 'x', CSVIN_ROW_MAX);
	strbuf_adds(&in, "\ng@h,\"");		/* a quote left open */
	repeat(&in, '\n', CSVIN_ROW_MAX + 10);
	strbuf_adds(&in, "i@j,Ann\n");
	run(in.s, in.len, 1000, &out);
	assert_non_null(strstr(out.s, "3!a field is too long;"
	    "4!the row is too long;5!the row is too long;"));
	assert_non_null(strstr(out.s, ":i@j|Ann;"));
	strbuf_reset(&in);
	strbuf_reset(&out);
	repeat(&in, ',', CSVIN_COLUMNS_MAX);
	strbuf_adds(&in, "\n");
	run(in.s, in.len, in.len, &out);
	assert_string_equal(out.s, "-line 1: the header: too many fields");
	strbuf_free(&in);
	strbuf_free(&out);
}

static bool
stop_at_two(void *arg, const struct csvin_row *row)
{
	*(uint64_t *)arg = row->number;
	return row->number < 2;
}

static void
the_reader_can_be_stopped(void **state)
{
	static const char text[] = "email\na\nb\nc\n";
	uint64_t last = 0;
	struct csvin *c = csvin_new(stop_at_two, &last);

	(void)state;
	assert_int_equal(csvin_feed(c, text, sizeof(text) - 1, NULL), 1);
	assert_int_equal(last, 2);
	assert_int_equal(csvin_feed(c, text, sizeof(text) - 1, NULL), 1);
	assert_int_equal(csvin_end(c, NULL), 1);
	assert_int_equal(last, 2);
	csvin_free(c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_are_read_however_they_are_cut),
		cmocka_unit_test(a_nul_is_a_control_character),
		cmocka_unit_test(columns_are_found_by_name),
		cmocka_unit_test(limits_cost_one_row),
		cmocka_unit_test(the_reader_can_be_stopped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
