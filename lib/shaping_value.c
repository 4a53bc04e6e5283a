/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shaping_value.c - one value of shaping.conf: its bounds, default and shape.
 */
#include "config.h"

#include <string.h>

#include "lib/err.h"
#include "lib/shaping.h"
#include "lib/shaping_private.h"
#include "lib/strbuf.h"

static const char *const tls_names[] = {
	"opportunistic", "unverified", "required", NULL,
};
static const char *const bdat_names[] = { "no", "auto", NULL };
static const char *const send_names[] = { "no", "yes", NULL };

/* Numbers have bounds, others names; quiet hours have neither. */
static const struct row {
	const char		*name, *def;
	uint32_t		 min, max;
	const char *const	*names;
} rows[SHAPING_WHATS] = {
	[SHAPING_CONNECTIONS] = { "connections", "10", 1, 100000, NULL },
	[SHAPING_SHARED_CONNECTIONS] = { "shared_connections", "0", 0, 100000,
	    NULL },
	[SHAPING_CONNECTIONS_MAX] = { "connections_max", "0", 0, 100000,
	    NULL },
	[SHAPING_MESSAGES_PER_CONNECTION] = { "messages_per_connection",
	    "100", 1, 100000, NULL },
	[SHAPING_MESSAGES_PER_MINUTE] = { "messages_per_minute", "6000", 1,
	    10000000, NULL },
	[SHAPING_SHARED_MESSAGES_PER_MINUTE] = { "shared_messages_per_minute",
	    "0", 0, 10000000, NULL },
	[SHAPING_CONNECTS_PER_MINUTE] = { "connects_per_minute", "100", 1,
	    1000000, NULL },
	[SHAPING_SHARED_CONNECTS_PER_MINUTE] = { "shared_connects_per_minute",
	    "0", 0, 1000000, NULL },
	[SHAPING_IDLE_SECONDS] = { "idle_seconds", "60", 0, 3600, NULL },
	[SHAPING_FAILURES] = { "failures", "100", 1, 10000, NULL },
	[SHAPING_BROKEN_TLS_HOURS] = { "broken_tls_hours", "72", 0, 720,
	    NULL },
	[SHAPING_TLS] = { "tls", "opportunistic", 0, 0, tls_names },
	[SHAPING_BDAT] = { "bdat", "auto", 0, 0, bdat_names },
	[SHAPING_SEND] = { "send", "yes", 0, 0, send_names },
	[SHAPING_QUIET] = { "quiet", "none", 0, 0, NULL },
};

const char *
shaping_what_name(enum shaping_what what)
{
	return (unsigned)what < SHAPING_WHATS ? rows[what].name : NULL;
}

const char *
shaping_what_default(enum shaping_what what)
{
	return rows[what].def;
}

/* ---- quiet hours */

/* "HH:MM" within max_hours; minutes. */
static const char *
read_clock(const char *p, int max_hours, int *minutes_r)
{
	int digit[4];

	for (int i = 0; i < 4; i++) {
		if (i == 2 && *p++ != ':')
			return NULL;
		if (*p < '0' || *p > '9')
			return NULL;
		digit[i] = *p++ - '0';
	}
	*minutes_r = (digit[0] * 10 + digit[1]) * 60 + digit[2] * 10 +
	    digit[3];
	if (digit[2] > 5 || *minutes_r > max_hours * 60)
		return NULL;
	return p;
}

/* "UTC" or "+01:00": minutes east. */
static bool
read_offset(const char *word, int *offset_r)
{
	const char *p;

	*offset_r = 0;
	if (strcmp(word, "UTC") == 0)
		return true;
	if (*word != '+' && *word != '-')
		return false;
	if ((p = read_clock(word + 1, 14, offset_r)) == NULL || *p != '\0')
		return false;
	if (*word == '-')
		*offset_r = -*offset_r;
	return true;
}

static bool
read_window(const char *word, int *from_r, int *to_r)
{
	const char *p = read_clock(word, 24, from_r);

	if (p == NULL || *p != '-')
		return false;
	p = read_clock(p + 1, 24, to_r);
	return p != NULL && *p == '\0' && *from_r != *to_r;
}

static bool
leaves_time(const struct shaping_window *w, uint32_t n)
{
	for (unsigned minute = 0; minute < SHAPING_DAY; minute++) {
		bool free_minute = true;

		for (uint32_t i = 0; i < n; i++)
			if (shaping_in_window(&w[i], minute))
				free_minute = false;
		if (free_minute)
			return true;
	}
	return false;
}

/* Windows, each with its offset behind it; n_r is how many. */
static int
read_quiet(char *value, struct shaping_window *w, uint32_t *n_r,
    struct err *e)
{
	uint32_t n = 0;
	char *word;
	int from, to, offset;

	*n_r = 0;
	if (strcmp(value, "none") == 0)
		return 0;
	while ((word = datafile_word(&value)) != NULL) {
		if (n > 0 && read_offset(word, &offset)) {
			/* Twice a day ahead, so that it stays positive. */
			w[n - 1].from = (uint16_t)((w[n - 1].from +
			    SHAPING_DAY - offset) % SHAPING_DAY);
			w[n - 1].to = (uint16_t)((w[n - 1].to + SHAPING_DAY -
			    offset) % SHAPING_DAY);
			continue;
		}
		if (n == SHAPING_QUIET_MAX) {
			err_set(e, ERR_LIMIT, "more than %d windows",
			    SHAPING_QUIET_MAX);
			return -1;
		}
		if (!read_window(word, &from, &to)) {
			err_set(e, ERR_INPUT, "\"%.40s\" is not HH:MM-HH:MM, "
			    "UTC or an offset as +01:00", word);
			return -1;
		}
		w[n].from = (uint16_t)(from % SHAPING_DAY);
		w[n].to = (uint16_t)(to % SHAPING_DAY);
		n++;
	}
	if (n == 0 || !leaves_time(w, n)) {
		err_set(e, ERR_INPUT, n == 0 ? "needs a value" :
		    "leaves no time to send; say send = no");
		return -1;
	}
	*n_r = n;
	return 0;
}

int
shaping_value_read(struct shaping_provider *p, enum shaping_what what,
    char *value, uint32_t *n_r, struct err *e)
{
	const struct row *row = &rows[what];

	if (what == SHAPING_QUIET)
		return read_quiet(value, p->quiet, n_r, e);
	if (row->names != NULL)
		return datafile_choice(value, row->names, n_r, e);
	return datafile_number(value, row->min, row->max, n_r, e);
}

/* ---- warm-up */

/* "3:200" or "30:none" */
static int
read_step(char *word, struct shaping_schedule *w, struct err *e)
{
	char *colon = strchr(word, ':');
	uint32_t day, cap = 0;
	bool none;

	if (colon == NULL) {
		err_set(e, ERR_INPUT, "\"%.40s\" is not DAY:MESSAGES", word);
		return -1;
	}
	*colon = '\0';
	none = strcmp(colon + 1, "none") == 0;
	if (datafile_number(word, 1, SHAPING_DAYS_MAX, &day, e) == -1 ||
	    (!none && datafile_number(colon + 1, 0, 1000000000, &cap, e) ==
	    -1))
		return -1;
	if (w->nrows == SHAPING_WARMUP_MAX) {
		err_set(e, ERR_LIMIT, "more than %d steps",
		    SHAPING_WARMUP_MAX);
		return -1;
	}
	if (w->nrows == 0 ? day != 1 : day <= w->rows[w->nrows - 1].day) {
		err_set(e, ERR_INPUT, "day %u: days begin with 1 and rise",
		    day);
		return -1;
	}
	w->rows[w->nrows].day = day;
	w->rows[w->nrows++].cap = none ? -1 : (int64_t)cap;
	return 0;
}

int
shaping_steps_read(char *value, struct shaping_schedule *w, struct err *e)
{
	char *word;

	while ((word = datafile_word(&value)) != NULL)
		if (read_step(word, w, e) == -1)
			return -1;
	if (w->nrows == 0) {
		err_set(e, ERR_INPUT, "needs a value");
		return -1;
	}
	return 0;
}
