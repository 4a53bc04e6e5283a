/* SPDX-License-Identifier: Apache-2.0 */
/*
 * date.h - moments in UTC milliseconds since 1970, and their texts.
 *
 * Arithmetic of our own over the Gregorian calendar, so that no time zone,
 * locale or static buffer of the C library has a say (R87).  The years are 1
 * to 9999: what lies outside is refused when read, and written as the nearest
 * end.  Leap seconds are taken when read and count as the second after.
 */
#ifndef LIB_DATE_H
#define LIB_DATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

#define DATE_MIN_MS	(-62135596800000)	/* 0001-01-01T00:00:00.000Z */
#define DATE_MAX_MS	253402300799999		/* 9999-12-31T23:59:59.999Z */
#define DATE_TEXT_MAX	64			/* octets of text looked at */

#define DATE_RFC5322_LEN	31	/* Mon, 02 Jan 2006 15:04:05 +0000 */
#define DATE_RFC3339_LEN	24	/* 2006-01-02T15:04:05.000Z */
#define DATE_DAY_LEN		10	/* 2006-01-02 */

/* A moment taken apart, in UTC. */
struct date {
	int	year;		/* 1 to 9999 */
	int	month;		/* 1 to 12 */
	int	day;		/* 1 to 31 */
	int	hour, minute, second, ms;
	int	weekday;	/* 0 is Sunday */
};

void date_split(int64_t utc_ms, struct date *d_r);

/*
 * Put a moment together; the weekday is not looked at.  False, utc_ms_r
 * untouched, when a field is out of its range (the day by its month) or the
 * moment out of the years.  A second of 60 counts as the next minute.
 */
bool date_join(const struct date *d, int64_t *utc_ms_r);

/* Days of a month from 1 to 12. */
int date_month_days(int year, int month);

/*
 * The same time of day so many calendar months later, or earlier; the 31st
 * becomes the last day of a shorter month (T45).  Stays within the years.
 */
int64_t date_add_months(int64_t utc_ms, int months);

/* For header fields: RFC 5322 section 3.3, always in +0000. */
void date_rfc5322(int64_t utc_ms, char out[static DATE_RFC5322_LEN + 1]);

/* For records and interfaces: RFC 3339 with milliseconds, always in Z. */
void date_rfc3339(int64_t utc_ms, char out[static DATE_RFC3339_LEN + 1]);

/* The day alone. */
void date_day(int64_t utc_ms, char out[static DATE_DAY_LEN + 1]);

/*
 * Read what people and programs write: an RFC 3339 moment, or less of it,
 * YYYY-MM-DD[ HH:MM[:SS[.fraction]][offset]], with 'T' or a blank between.
 * Without an offset it is UTC; a day alone is its first moment.  Digits after
 * the third of a fraction are dropped.
 *
 * -1 with ERR_INPUT, utc_ms_r untouched, for all else.
 */
int date_parse(const char *text, size_t len, int64_t *utc_ms_r,
    struct err *e);

/* What date_parse_rfc5322() can have against a date that it takes. */
#define DATE_OBSOLETE_ZONE	1u	/* GMT, EST, Z, ... (section 4.3) */
#define DATE_OBSOLETE_YEAR	2u	/* of two or three digits */
#define DATE_WRONG_WEEKDAY	4u	/* the day name is another day's */
#define DATE_COMMENT		8u	/* a comment behind, as in (CET) */

/*
 * Read the value of a Date field, white space folded or not.  faults_r gets
 * DATE_ bits; it may be NULL.  -1 with ERR_INPUT for what is no date at all.
 */
int date_parse_rfc5322(const char *text, size_t len, int64_t *utc_ms_r,
    unsigned *faults_r, struct err *e);

#endif
