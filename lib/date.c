/* SPDX-License-Identifier: Apache-2.0 */
/*
 * date.c - the calendar: days to dates and back, and the texts we write.
 */
#include "config.h"

#include <string.h>

#include "lib/date.h"

#define DAY_MS		86400000
#define DAYS_4		(4 * 365 + 1)
#define DAYS_100	(25 * DAYS_4 - 1)
#define DAYS_400	(4 * DAYS_100 + 1)

static const char month_names[][4] = { "Jan", "Feb", "Mar", "Apr", "May",
    "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
static const char day_names[][4] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri",
    "Sat" };

static bool
is_leap(int year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

int
date_month_days(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31,
	    30, 31 };

	return days[month - 1] + (month == 2 && is_leap(year));
}

/* Days from 0001-01-01 to the first day of year. */
static int64_t
days_before_year(int year)
{
	int64_t y = year - 1;

	return 365 * y + y / 4 - y / 100 + y / 400;
}

static int64_t
clamp(int64_t utc_ms)
{
	if (utc_ms < DATE_MIN_MS)
		return DATE_MIN_MS;
	return utc_ms > DATE_MAX_MS ? DATE_MAX_MS : utc_ms;
}

void
date_split(int64_t utc_ms, struct date *d_r)
{
	int64_t since = clamp(utc_ms) - DATE_MIN_MS;
	int64_t days = since / DAY_MS, ms = since % DAY_MS;
	int64_t n400, n100, n4, n1;
	struct date d = { .month = 1 };

	d.weekday = (int)((days + 1) % 7);	/* 0001-01-01 was a Monday */
	n400 = days / DAYS_400;
	days %= DAYS_400;
	/* The last day of a cycle is a leap day: it opens no fifth century. */
	n100 = days / DAYS_100 - (days == DAYS_400 - 1);
	days -= n100 * DAYS_100;
	n4 = days / DAYS_4;
	days %= DAYS_4;
	n1 = days / 365 - (days == DAYS_4 - 1);
	days -= n1 * 365;
	d.year = (int)(1 + 400 * n400 + 100 * n100 + 4 * n4 + n1);
	while (days >= date_month_days(d.year, d.month))
		days -= date_month_days(d.year, d.month++);
	d.day = (int)days + 1;
	d.hour = (int)(ms / 3600000);
	d.minute = (int)(ms / 60000 % 60);
	d.second = (int)(ms / 1000 % 60);
	d.ms = (int)(ms % 1000);
	*d_r = d;
}

bool
date_join(const struct date *d, int64_t *utc_ms_r)
{
	int64_t days, utc_ms;

	if (d->year < 1 || d->year > 9999 || d->month < 1 || d->month > 12 ||
	    d->day < 1 || d->day > date_month_days(d->year, d->month) ||
	    d->hour < 0 || d->hour > 23 || d->minute < 0 || d->minute > 59 ||
	    d->second < 0 || d->second > 60 || d->ms < 0 || d->ms > 999)
		return false;
	days = days_before_year(d->year) + d->day - 1;
	for (int m = 1; m < d->month; m++)
		days += date_month_days(d->year, m);
	utc_ms = DATE_MIN_MS + days * DAY_MS + d->hour * 3600000 +
	    d->minute * 60000 + d->second * 1000 + d->ms;
	if (utc_ms > DATE_MAX_MS)
		return false;
	*utc_ms_r = utc_ms;
	return true;
}

int64_t
date_add_months(int64_t utc_ms, int months)
{
	struct date d;
	int64_t month;
	int64_t ret = 0;

	date_split(utc_ms, &d);
	month = (int64_t)d.year * 12 + d.month - 1 + months;
	if (month < 12)
		return DATE_MIN_MS;
	if (month >= 10000 * 12)
		return DATE_MAX_MS;
	d.year = (int)(month / 12);
	d.month = (int)(month % 12) + 1;
	if (d.day > date_month_days(d.year, d.month))
		d.day = date_month_days(d.year, d.month);
	date_join(&d, &ret);
	return ret;
}

/* value in digits characters, zeros before it; value has no more. */
static char *
put_digits(char *p, int value, int digits)
{
	for (int i = digits - 1; i >= 0; i--, value /= 10)
		p[i] = (char)('0' + value % 10);
	return p + digits;
}

static char *
put_time(char *p, const struct date *d)
{
	p = put_digits(p, d->hour, 2);
	*p++ = ':';
	p = put_digits(p, d->minute, 2);
	*p++ = ':';
	return put_digits(p, d->second, 2);
}

static char *
put_day(char *p, const struct date *d)
{
	p = put_digits(p, d->year, 4);
	*p++ = '-';
	p = put_digits(p, d->month, 2);
	*p++ = '-';
	return put_digits(p, d->day, 2);
}

void
date_rfc5322(int64_t utc_ms, char out[static DATE_RFC5322_LEN + 1])
{
	struct date d;
	char *p = out;

	date_split(utc_ms, &d);
	memcpy(p, day_names[d.weekday], 3);
	memcpy(p + 3, ", ", 2);
	p = put_digits(p + 5, d.day, 2);
	*p = ' ';
	memcpy(p + 1, month_names[d.month - 1], 3);
	p[4] = ' ';
	p = put_digits(p + 5, d.year, 4);
	*p = ' ';
	p = put_time(p + 1, &d);
	memcpy(p, " +0000", 7);
}

void
date_rfc3339(int64_t utc_ms, char out[static DATE_RFC3339_LEN + 1])
{
	struct date d;
	char *p;

	date_split(utc_ms, &d);
	p = put_day(out, &d);
	*p = 'T';
	p = put_time(p + 1, &d);
	*p = '.';
	p = put_digits(p + 1, d.ms, 3);
	memcpy(p, "Z", 2);
}

void
date_day(int64_t utc_ms, char out[static DATE_DAY_LEN + 1])
{
	struct date d;

	date_split(utc_ms, &d);
	*put_day(out, &d) = '\0';
}
