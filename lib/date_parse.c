/* SPDX-License-Identifier: Apache-2.0 */
/*
 * date_parse.c - read RFC 3339 and RFC 5322 dates.
 */
#include "config.h"

#include <string.h>
#include <strings.h>

#include "lib/date.h"
#include "lib/err.h"

/* What is left to read. */
struct cursor {
	const char	*p, *end;
};

static bool
at_end(const struct cursor *c)
{
	return c->p == c->end;
}

/* Take one character of the set. */
static bool
take(struct cursor *c, const char *set)
{
	if (at_end(c) || *c->p == '\0' || strchr(set, *c->p) == NULL)
		return false;
	c->p++;
	return true;
}

/* Take from min to max digits, as many as there are; their number, or 0. */
static int
take_digits(struct cursor *c, int min, int max, int *value_r)
{
	int n = 0, value = 0;

	while (n < max && c->p + n < c->end && c->p[n] >= '0' &&
	    c->p[n] <= '9')
		value = value * 10 + (c->p[n++] - '0');
	if (n < min)
		return 0;
	c->p += n;
	*value_r = value;
	return n;
}

static bool
take_two(struct cursor *c, int *value_r)
{
	return take_digits(c, 2, 2, value_r) == 2;
}

/* Take "+hhmm" or "+hh:mm", as colon says, in minutes east of UTC. */
static bool
take_offset(struct cursor *c, bool colon, int *minutes_r)
{
	int hour, minute, sign;

	if (at_end(c) || (*c->p != '+' && *c->p != '-'))
		return false;
	sign = *c->p++ == '-' ? -1 : 1;
	if (!take_two(c, &hour) || (colon && !take(c, ":")) ||
	    !take_two(c, &minute) || hour > 23 || minute > 59)
		return false;
	*minutes_r = sign * (hour * 60 + minute);
	return true;
}

/* Put it together and bring it to UTC. */
static bool
join(const struct date *d, int offset_minutes, int64_t *utc_ms_r)
{
	int64_t utc_ms;

	if (!date_join(d, &utc_ms))
		return false;
	utc_ms -= (int64_t)offset_minutes * 60000;
	if (utc_ms < DATE_MIN_MS || utc_ms > DATE_MAX_MS)
		return false;
	*utc_ms_r = utc_ms;
	return true;
}

/* Take "HH:MM[:SS[.fraction]]". */
static bool
take_clock(struct cursor *c, struct date *d)
{
	int digit, worth = 100;

	if (!take_two(c, &d->hour) || !take(c, ":") ||
	    !take_two(c, &d->minute))
		return false;
	if (!take(c, ":"))
		return true;
	if (!take_two(c, &d->second))
		return false;
	if (!take(c, "."))
		return true;
	if (!take_digits(c, 1, 1, &digit))
		return false;
	do {
		d->ms += digit * worth;
		worth /= 10;
	} while (take_digits(c, 1, 1, &digit));
	return true;
}

int
date_parse(const char *text, size_t len, int64_t *utc_ms_r, struct err *e)
{
	struct cursor c = { text, text + len };
	struct date d = { .year = 0 };
	int offset = 0;

	if (len > DATE_TEXT_MAX || take_digits(&c, 4, 4, &d.year) == 0 ||
	    !take(&c, "-") || !take_two(&c, &d.month) || !take(&c, "-") ||
	    !take_two(&c, &d.day))
		goto refuse;
	if (!at_end(&c)) {
		if (!take(&c, "Tt ") || !take_clock(&c, &d))
			goto refuse;
		if (!at_end(&c) && !take(&c, "Zz") &&
		    !take_offset(&c, true, &offset))
			goto refuse;
	}
	if (at_end(&c) && join(&d, offset, utc_ms_r))
		return 0;
refuse:
	err_set(e, ERR_INPUT, "not a date of the calendar written as "
	    "2006-01-02, 2006-01-02 15:04:05 or 2006-01-02T15:04:05Z "
	    "(RFC 3339)");
	return -1;
}

/* ---- RFC 5322 */

/*
 * White space, folded or not, and comments; says whether there was any.  A
 * comment without its end is left, and nothing can follow it.
 */
static bool
take_blanks(struct cursor *c, unsigned *faults)
{
	const char *from = c->p, *open = NULL;
	int depth = 0;

	for (; !at_end(c); c->p++) {
		if (*c->p == '(') {
			if (depth++ == 0)
				open = c->p;
			*faults |= DATE_COMMENT;
		} else if (depth > 0) {
			if (*c->p == ')')
				depth--;
			else if (*c->p == '\\' && c->p + 1 < c->end)
				c->p++;
		} else if (*c->p == '\0' || strchr(" \t\r\n", *c->p) == NULL) {
			break;
		}
	}
	if (depth > 0)
		c->p = open;
	return c->p != from;
}

/* Take one of n names of three letters, in either case; its place or -1. */
static int
take_name(struct cursor *c, const char *names, int n)
{
	if (c->end - c->p < 3)
		return -1;
	for (int i = 0; i < n; i++) {
		if (strncasecmp(c->p, names + 3 * i, 3) == 0) {
			c->p += 3;
			return i;
		}
	}
	return -1;
}

/* Section 4.3: the years of two and three digits, and what they mean. */
static bool
take_year(struct cursor *c, struct date *d, unsigned *faults)
{
	int n = take_digits(c, 2, 4, &d->year);

	if (n == 2)
		d->year += d->year < 50 ? 2000 : 1900;
	else if (n == 3)
		d->year += 1900;
	if (n == 2 || n == 3)
		*faults |= DATE_OBSOLETE_YEAR;
	return n != 0;
}

/* Section 4.3: the zones with names; unknown ones count as +0000. */
static bool
take_zone(struct cursor *c, int *minutes_r, unsigned *faults)
{
	static const struct {
		char name[4];
		int hours;
	} zones[] = {
		{ "EST", -5 }, { "EDT", -4 }, { "CST", -6 }, { "CDT", -5 },
		{ "MST", -7 }, { "MDT", -6 }, { "PST", -8 }, { "PDT", -7 },
	};
	const char *from = c->p;
	size_t n;

	if (take_offset(c, false, minutes_r))
		return true;
	c->p = from;
	while (!at_end(c) && ((*c->p | 0x20) >= 'a' && (*c->p | 0x20) <= 'z'))
		c->p++;
	n = (size_t)(c->p - from);
	*faults |= DATE_OBSOLETE_ZONE;
	*minutes_r = 0;
	for (size_t i = 0; i < sizeof(zones) / sizeof(zones[0]); i++)
		if (n == 3 && strncasecmp(from, zones[i].name, 3) == 0)
			*minutes_r = zones[i].hours * 60;
	return n > 0 && n <= 5;
}

/* "HH:MM[:SS]", which obsolete syntax lets stand apart. */
static bool
take_time_of_day(struct cursor *c, struct date *d)
{
	return take_digits(c, 1, 2, &d->hour) && take(c, ":") &&
	    take_two(c, &d->minute) &&
	    (!take(c, ":") || take_two(c, &d->second));
}

int
date_parse_rfc5322(const char *text, size_t len, int64_t *utc_ms_r,
    unsigned *faults_r, struct err *e)
{
	struct cursor c = { text, text + len };
	struct date d = { .weekday = -1 }, real;
	unsigned faults = 0;
	int64_t utc_ms;
	int offset, month;

	if (len > 2 * DATE_TEXT_MAX)
		goto refuse;
	take_blanks(&c, &faults);
	if ((d.weekday = take_name(&c, "SunMonTueWedThuFriSat", 7)) != -1) {
		take_blanks(&c, &faults);
		if (!take(&c, ","))
			goto refuse;
		take_blanks(&c, &faults);
	}
	if (!take_digits(&c, 1, 2, &d.day) || !take_blanks(&c, &faults) ||
	    (month = take_name(&c, "JanFebMarAprMayJunJulAugSepOctNovDec",
	    12)) == -1 || !take_blanks(&c, &faults) ||
	    !take_year(&c, &d, &faults) || !take_blanks(&c, &faults) ||
	    !take_time_of_day(&c, &d) || !take_blanks(&c, &faults) ||
	    !take_zone(&c, &offset, &faults))
		goto refuse;
	take_blanks(&c, &faults);
	d.month = month + 1;
	if (!at_end(&c) || !join(&d, offset, &utc_ms))
		goto refuse;
	/* The day name is that of the zone, so look before the offset. */
	date_split(utc_ms + (int64_t)offset * 60000, &real);
	if (d.weekday != -1 && d.weekday != real.weekday && d.second != 60)
		faults |= DATE_WRONG_WEEKDAY;
	*utc_ms_r = utc_ms;
	if (faults_r != NULL)
		*faults_r = faults;
	return 0;
refuse:
	err_set(e, ERR_INPUT, "not a date such as Mon, 02 Jan 2006 15:04:05 "
	    "+0000 (RFC 5322 section 3.3)");
	return -1;
}
