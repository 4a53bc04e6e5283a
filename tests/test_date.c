/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_date.c - the calendar against the C library's over 200 years, month
 * ends and leap days (R87), and what is a date and what is not.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "lib/date.h"
#include "lib/err.h"

#define N(a)	(sizeof(a) / sizeof((a)[0]))
#define DAY_MS	86400000

/* A moment of each day from 1900 to 2100, each at another time of day. */
static void
two_hundred_years_as_the_library_has_them(void **state)
{
	int64_t from, to;
	char want[64], got[64];
	struct date d;
	int64_t back;
	struct err e;
	struct tm tm;

	(void)state;
	assert_int_equal(date_parse("1900-01-01", 10, &from, &e), 0);
	assert_int_equal(date_parse("2100-12-31", 10, &to, &e), 0);
	for (int64_t ms = from; ms <= to; ms += DAY_MS + 1237) {
		time_t t = (time_t)(ms / 1000 - (ms % 1000 < 0));
		unsigned faults = 99;

		assert_non_null(gmtime_r(&t, &tm));
		strftime(want, sizeof(want), "%a, %d %b %Y %H:%M:%S +0000",
		    &tm);
		date_rfc5322(ms, got);
		assert_string_equal(got, want);
		assert_int_equal(strlen(got), DATE_RFC5322_LEN);
		assert_int_equal(date_parse_rfc5322(got, strlen(got), &back,
		    &faults, &e), 0);
		assert_int_equal(faults, 0);
		assert_true(back == (int64_t)t * 1000);

		date_rfc3339(ms, got);
		assert_int_equal(strlen(got), DATE_RFC3339_LEN);
		assert_int_equal(date_parse(got, strlen(got), &back, &e), 0);
		assert_true(back == ms);
		date_split(ms, &d);
		assert_int_equal(d.weekday, tm.tm_wday);
		assert_true(date_join(&d, &back));
		assert_true(back == ms);
		date_day(ms, got);
		strftime(want, sizeof(want), "%Y-%m-%d", &tm);
		assert_string_equal(got, want);
	}
}

/* Every day of all the years follows the one before it. */
static void
each_day_follows_the_last(void **state)
{
	struct date was = { .year = 1, .month = 1, .day = 1, .weekday = 1 }, d;

	(void)state;
	for (int64_t ms = DATE_MIN_MS + DAY_MS; ms < DATE_MAX_MS;
	    ms += DAY_MS) {
		bool new_month, new_year;

		date_split(ms, &d);
		new_month = was.day == date_month_days(was.year, was.month);
		new_year = new_month && was.month == 12;
		if (d.day != (new_month ? 1 : was.day + 1) ||
		    d.month != (new_year ? 1 : was.month + new_month) ||
		    d.year != was.year + new_year ||
		    d.weekday != (was.weekday + 1) % 7)
			fail_msg("%d-%d-%d", d.year, d.month, d.day);
		was = d;
	}
	assert_int_equal(was.year, 9999);
	assert_int_equal(was.day, 31);
}

static const struct {
	const char *text, *utc;
} moments[] = {
	{ "1970-01-01", "1970-01-01T00:00:00.000Z" },
	{ "2026-11-23 02:53", "2026-11-23T02:53:00.000Z" },
	{ "2026-11-23 02:53:47", "2026-11-23T02:53:47.000Z" },
	{ "2026-11-23T02:53:47Z", "2026-11-23T02:53:47.000Z" },
	{ "2026-11-23t02:53:47z", "2026-11-23T02:53:47.000Z" },
	{ "2026-11-23T02:53:47.5+01:00", "2026-11-23T01:53:47.500Z" },
	{ "2026-01-01T00:30:00+05:45", "2025-12-31T18:45:00.000Z" },
	{ "2026-12-31T23:30:00-01:00", "2027-01-01T00:30:00.000Z" },
	{ "2026-11-23T02:53:47.1239999999-00:00",
	    "2026-11-23T02:53:47.123Z" },
	{ "2000-02-29", "2000-02-29T00:00:00.000Z" },
	{ "2024-02-29 23:59", "2024-02-29T23:59:00.000Z" },
	/* RFC 3339 section 5.8: a leap second is the second after. */
	{ "1990-12-31T23:59:60Z", "1991-01-01T00:00:00.000Z" },
	{ "1990-12-31T15:59:60-08:00", "1991-01-01T00:00:00.000Z" },
	{ "0001-01-01", "0001-01-01T00:00:00.000Z" },
	{ "9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z" },
};

static void
moments_are_read(void **state)
{
	char got[DATE_RFC3339_LEN + 1];
	int64_t ms;
	struct err e;

	(void)state;
	for (size_t i = 0; i < N(moments); i++) {
		if (date_parse(moments[i].text, strlen(moments[i].text), &ms,
		    &e) == -1)
			fail_msg("%s", moments[i].text);
		date_rfc3339(ms, got);
		assert_string_equal(got, moments[i].utc);
	}
}

static const char *const no_moments[] = {
	"", "2026", "2026-11", "2026-11-2", "26-11-23", "2026-13-01",
	"2026-00-01", "2026-02-29", "1900-02-29", "2026-04-31", "2026-01-00",
	"0000-01-01", "2026-11-23 ", " 2026-11-23", "2026-11-23T",
	"2026-11-23 2:53", "2026-11-23 02", "2026-11-23 24:00",
	"2026-11-23 02:60", "2026-11-23 02:53:61", "2026-11-23 02:53:47.",
	"2026-11-23T02:53:47+1", "2026-11-23T02:53:47+0100",
	"2026-11-23T02:53:47+24:00", "2026-11-23T02:53:47+01:60",
	"2026-11-23T02:53:47ZZ", "2026-11-23Z", "2026/11/23", "+026-11-23",
	"2026-11-+3", "2026-11-23  02:53", "9999-12-31T23:59:60Z",
	"0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01",
	"2026-11-23T02:53:47.00000000000000000000000000000000000000000000000",
};

static void
all_else_is_no_moment(void **state)
{
	int64_t ms = 42;
	struct err e;

	(void)state;
	for (size_t i = 0; i < N(no_moments); i++) {
		e = (struct err)ERR_INIT;
		if (date_parse(no_moments[i], strlen(no_moments[i]), &ms,
		    &e) == 0)
			fail_msg("accepted: %s", no_moments[i]);
		assert_int_equal(e.code, ERR_INPUT);
		assert_true(ms == 42);
	}
	assert_int_equal(date_parse("2026-11-23\0", 11, &ms, &e), -1);
}

static const struct {
	const char *text, *utc;
	unsigned faults;
} fields[] = {
	{ "Mon, 23 Nov 2026 02:53:47 +0000", "2026-11-23T02:53:47.000Z", 0 },
	{ "Mon, 23 Nov 2026 02:53:47 -0000", "2026-11-23T02:53:47.000Z", 0 },
	{ "23 Nov 2026 02:53 +0130", "2026-11-23T01:23:00.000Z", 0 },
	{ "Fri, 1 Jan 2027 00:10:00 +0100", "2026-12-31T23:10:00.000Z", 0 },
	{ "\tMon,\r\n 23 Nov 2026 02:53:47 +0000\r\n",
	    "2026-11-23T02:53:47.000Z", 0 },
	{ "Mon, 23 Nov 2026 02:53:47 +0100 (CET)",
	    "2026-11-23T01:53:47.000Z", DATE_COMMENT },
	{ "Mon, 23 Nov 2026 02:53:47 +0100 (a (b\\)) c)",
	    "2026-11-23T01:53:47.000Z", DATE_COMMENT },
	{ "Mon, 23 Nov 2026 02:53:47 GMT", "2026-11-23T02:53:47.000Z",
	    DATE_OBSOLETE_ZONE },
	{ "Mon, 23 Nov 2026 02:53:47 EST", "2026-11-23T07:53:47.000Z",
	    DATE_OBSOLETE_ZONE },
	{ "Mon, 23 Nov 26 02:53:47 +0000", "2026-11-23T02:53:47.000Z",
	    DATE_OBSOLETE_YEAR },
	{ "Fri, 21 Nov 97 09:55:06 -0600", "1997-11-21T15:55:06.000Z",
	    DATE_OBSOLETE_YEAR },
	{ "Tue, 23 Nov 2026 02:53:47 +0000", "2026-11-23T02:53:47.000Z",
	    DATE_WRONG_WEEKDAY },
	{ "Thu, 31 Dec 2026 23:59:60 +0000", "2027-01-01T00:00:00.000Z", 0 },
};

static void
date_fields_are_read(void **state)
{
	char got[DATE_RFC3339_LEN + 1];
	unsigned faults;
	int64_t ms;
	struct err e;

	(void)state;
	for (size_t i = 0; i < N(fields); i++) {
		if (date_parse_rfc5322(fields[i].text, strlen(fields[i].text),
		    &ms, &faults, &e) == -1)
			fail_msg("%s", fields[i].text);
		date_rfc3339(ms, got);
		assert_string_equal(got, fields[i].utc);
		assert_int_equal(faults, fields[i].faults);
		assert_int_equal(date_parse_rfc5322(fields[i].text,
		    strlen(fields[i].text), &ms, NULL, &e), 0);
	}
}

static const char *const no_fields[] = {
	"", "Whenever", "Mon", "Mon,", "Mon 23 Nov 2026 02:53:47 +0000",
	"Mon, 31 Feb 2026 02:53:47 +0000", "Mon, 23 Nov 2026",
	"Mon, 23 Nov 2026 02:53:47", "Mon, 23 Nov 2026 02:53:47 +00",
	"Mon, 23 Nov 2026 02:53:47 +00000", "Mon, 23 Nov 2026 25:53:47 +0000",
	"Mon, 23 November 2026 02:53:47 +0000", "2026-11-23T02:53:47Z",
	"Mon, 23 Nov 2026 02:53:47 +0000 x", "Mon, 23 Nov 2026 02:53:47 (",
	"Mon, 23 Nov 2 02:53:47 +0000", "Mon, 23 Nov 20266 02:53:47 +0000",
	"Mon, 23 Nov 2026 02:53:47 Greenwich",
	"Mon, 23 Nov 2026 02:53:47 +0000 (UTC", "((((((((((",
	"Mon, 23 Nov 2026 02:53:47 +0000 (UTC\\)",
};

static void
all_else_is_no_date_field(void **state)
{
	int64_t ms = 42;
	unsigned faults = 42;
	struct err e;

	(void)state;
	for (size_t i = 0; i < N(no_fields); i++) {
		if (date_parse_rfc5322(no_fields[i], strlen(no_fields[i]),
		    &ms, &faults, &e) == 0)
			fail_msg("accepted: %s", no_fields[i]);
		assert_true(ms == 42 && faults == 42);
	}
}

/* T45: six months by the calendar. */
static const struct {
	const char *from;
	int months;
	const char *to;
} later[] = {
	{ "2026-08-31", 6, "2027-02-28" },
	{ "2027-08-31", 6, "2028-02-29" },
	{ "2026-08-30 12:34", 1, "2026-09-30" },
	{ "2026-12-31", 1, "2027-01-31" },
	{ "2026-01-31", -1, "2025-12-31" },
	{ "2026-03-31", -1, "2026-02-28" },
	{ "2026-11-23", 0, "2026-11-23" },
	{ "2026-11-23", -1200, "1926-11-23" },
	{ "9999-11-23", 2, "9999-12-31" },
	{ "0001-02-23", -2, "0001-01-01" },
};

static void
months_are_added_by_the_calendar(void **state)
{
	char got[DATE_DAY_LEN + 1];
	int64_t ms;
	struct err e;

	(void)state;
	for (size_t i = 0; i < N(later); i++) {
		assert_int_equal(date_parse(later[i].from,
		    strlen(later[i].from), &ms, &e), 0);
		date_day(date_add_months(ms, later[i].months), got);
		assert_string_equal(got, later[i].to);
	}
	assert_true(date_add_months(0, INT32_MAX) == DATE_MAX_MS);
	assert_true(date_add_months(0, INT32_MIN) == DATE_MIN_MS);
}

/* A clock gone mad is written as an end of the years, and never overruns. */
static void
the_ends_of_time(void **state)
{
	static const int64_t low[] = { INT64_MIN, DATE_MIN_MS - 1,
	    DATE_MIN_MS };
	static const int64_t high[] = { INT64_MAX, DATE_MAX_MS + 1,
	    DATE_MAX_MS };
	char got[DATE_RFC5322_LEN + 1];

	(void)state;
	for (size_t i = 0; i < N(low); i++) {
		date_rfc5322(low[i], got);
		assert_string_equal(got, "Mon, 01 Jan 0001 00:00:00 +0000");
		date_rfc5322(high[i], got);
		assert_string_equal(got, "Fri, 31 Dec 9999 23:59:59 +0000");
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_hundred_years_as_the_library_has_them),
		cmocka_unit_test(each_day_follows_the_last),
		cmocka_unit_test(moments_are_read),
		cmocka_unit_test(all_else_is_no_moment),
		cmocka_unit_test(date_fields_are_read),
		cmocka_unit_test(all_else_is_no_date_field),
		cmocka_unit_test(months_are_added_by_the_calendar),
		cmocka_unit_test(the_ends_of_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
