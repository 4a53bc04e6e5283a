/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_datafile.c - the lines and values that the data files have in common.
 * Their mistakes are told in test_shaping.c and test_reply_rules.c.
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

#include "lib/datafile.h"
#include "lib/err.h"
#include "lib/strbuf.h"

#define LEN(a)	(sizeof(a) / sizeof((a)[0]))

/* What is read, written down: S kind|name, = name|value|date|source. */
static const struct {
	const char	*why, *text, *read;
	bool		 is_overlay;
} files[] = {
	{ "nothing", "", "", true },
	{ "comments and blank lines", "# x\n\n \t\n  # y = z\n", "", true },
	{ "blanks around", " \tformat = 1\nversion=2\n [ a]\n[a b ]\n\t x "
	    "\t=  y z \t\n", "f:3: \"[ a]\" is not [kind name]\n"
	    "S a|b|2\n= x|y z||\n", true },
	{ "CRLF, and no end of the last line", "[a]\r\nx = y\r\nz =",
	    "S a||\n= x|y||\n= z|||\n", true },
	{ "a value keeps = and #", "[a]\nx = y = z # [1]\n",
	    "S a||\n= x|y = z # [1]||\n", true },
	{ "sources count downwards, and end with their section",
	    "[a]\nw = 1\nsource = 2026-08 s t\nx = 1\nsource = 2024-02-29 "
	    "u\ny = 1\n[b]\nz = 1\n", "S a||\n= w|1||\n= x|1|2026-08|s t\n"
	    "= y|1|2024-02-29|u\nS b||\n= z|1||\n", true },
	{ "the head must be there", "[a]\nsource = 2026-08 s\nx = 1\n",
	    "f: format: is not set\nf: version: is not set\n"
	    "S a||\n= x|1|2026-08|s\n", false },
	{ "three words", "[a b c]\n[]\n[ ]\n[,]\n", "f:1: \"[a\" is not "
	    "[kind name]\nf:2: \"[]\" is not [kind name]\nf:3: \"[ ]\" is "
	    "not [kind name]\nf:4: \"[,]\" is not [kind name]\n", true },
	{ "octets above 127 pass", "[a]\nx = \xc3\xa9\n",
	    "S a||\n= x|\xc3\xa9||\n", true },
};

static void
lines(void **state)
{
	(void)state;
	for (size_t i = 0; i < LEN(files); i++) {
		struct strbuf out = STRBUF_INIT(4096);
		struct datafile_mistakes m = { &out, 0 };
		struct datafile_text t = { "f", files[i].text,
			strlen(files[i].text) };
		enum datafile_is is;
		struct datafile d;

		datafile_begin(&d, &t, files[i].is_overlay, &m);
		while ((is = datafile_next(&d)) != DATAFILE_END) {
			if (is == DATAFILE_SECTION)
				strbuf_addf(&out, "S %s|%s|%s\n", d.name,
				    d.value, d.version);
			else
				strbuf_addf(&out, "= %s|%s|%s|%s\n", d.name,
				    d.value, d.date, d.source);
		}
		assert_int_equal(datafile_next(&d), DATAFILE_END);
		if (strcmp(out.s, files[i].read) != 0)
			fail_msg("%s:\n%s", files[i].why, out.s);
		strbuf_free(&out);
	}
}

static const struct {
	const char	*value;
	uint32_t	 seconds;	/* 0: refused */
} durations[] = {
	{ "1s", 1 }, { "90m", 5400 }, { "2h", 7200 }, { "366d", 31622400 },
	{ "31622400s", 31622400 }, { "31622401s", 0 }, { "367d", 0 },
	{ "0s", 0 }, { "1", 0 }, { "s", 0 }, { "", 0 }, { "-1s", 0 },
	{ "1 s", 0 }, { "1sm", 0 }, { "1.5h", 0 }, { "1w", 0 },
	{ "99999999999999999999s", 0 },
};

static const struct {
	const char	*value;
	bool		 is_good;
} hosts[] = {
	{ "a", true }, { "a.b", true }, { "A-1_x.b", true }, { "", false },
	{ ".", false }, { "a.", false }, { ".a", false }, { "a b", false },
	{ "a:b", false }, { "\xc3\xa9", false },
	{ "123456789012345678901234567890123456789012345678901234567890123",
	    true },
	{ "1234567890123456789012345678901234567890123456789012345678901234",
	    false },
};

static void
values(void **state)
{
	struct err e = ERR_INIT;
	uint32_t n;

	(void)state;
	for (size_t i = 0; i < LEN(durations); i++)
		if ((datafile_duration(durations[i].value, &n, &e) == 0) !=
		    (durations[i].seconds != 0) || (durations[i].seconds != 0
		    && n != durations[i].seconds))
			fail_msg("%s", durations[i].value);
	for (size_t i = 0; i < LEN(hosts); i++) {
		char copy[80];

		snprintf(copy, sizeof(copy), "%s", hosts[i].value);
		if ((datafile_host(copy, &e) == 0) != hosts[i].is_good)
			fail_msg("%s", hosts[i].value);
		assert_null(strpbrk(copy, "A"));
	}
	assert_int_equal(datafile_number("4294967295", 0, UINT32_MAX, &n,
	    &e), 0);
	assert_int_equal(n, UINT32_MAX);
	assert_int_equal(datafile_number("4294967296", 0, UINT32_MAX, &n,
	    &e), -1);
	assert_int_equal(e.code, ERR_LIMIT);
	assert_int_equal(datafile_number("1x", 0, 9, &n, &e), -1);
	assert_int_equal(e.code, ERR_INPUT);
}

static void
words_and_phrases(void **state)
{
	char words[] = " a,b  ,, c\td ", phrases[] = " \"a b\"\"c\" x";
	char open[] = "\"a", empty[] = "\"\"";
	struct err e = ERR_INIT;
	char *rest = words, *p;

	(void)state;
	assert_string_equal(datafile_word(&rest), "a");
	assert_string_equal(datafile_word(&rest), "b");
	assert_string_equal(datafile_word(&rest), "c");
	assert_string_equal(datafile_word(&rest), "d");
	assert_null(datafile_word(&rest));
	assert_null(datafile_word(&rest));
	rest = phrases;
	assert_int_equal(datafile_phrase(&rest, &p, &e), 1);
	assert_string_equal(p, "a b");
	assert_int_equal(datafile_phrase(&rest, &p, &e), 1);
	assert_string_equal(p, "c");
	assert_int_equal(datafile_phrase(&rest, &p, &e), -1);
	rest = open;
	assert_int_equal(datafile_phrase(&rest, &p, &e), -1);
	rest = empty;
	assert_int_equal(datafile_phrase(&rest, &p, &e), -1);
	rest = empty + 2;
	assert_int_equal(datafile_phrase(&rest, &p, &e), 0);
}

/* Numbers lie in the store and travel: they may never change. */
static void
keys_stay(void **state)
{
	(void)state;
	assert_int_equal(datafile_key("default"), 2470140894u);
	assert_int_equal(datafile_key("google"), 2644829574u);
	assert_int_equal(datafile_key(""), 2166136261u);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines),
		cmocka_unit_test(values),
		cmocka_unit_test(words_and_phrases),
		cmocka_unit_test(keys_stay),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
