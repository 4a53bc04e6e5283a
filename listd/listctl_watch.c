/* SPDX-License-Identifier: Apache-2.0 */
/*
 * listctl_watch.c - a campaign as somebody watches it.
 */
#include "config.h"

#include <sys/ioctl.h>

#include <string.h>

#include "listd/listctl_print.h"
#include "listd/listctl_watch.h"

#define HOST_COLUMNS	30
#define HEAD_LINES	5	/* above the sites, and the cursor's below */
#define ROWS_DEFAULT	24	/* of a terminal that does not say */

static long long
number(const json_t *v, const char *key)
{
	return json_integer_value(json_object_get(v, key));
}

static const char *
word(const json_t *v, const char *key)
{
	const char *s = json_string_value(json_object_get(v, key));

	return s != NULL ? s : "-";
}

static long long
ended(const json_t *v)
{
	return number(v, "delivered") + number(v, "failed") +
	    number(v, "expired") + number(v, "suppressed") +
	    number(v, "left");
}

/* Site lines that fit; more would scroll, and could not be taken back. */
static unsigned
room(FILE *out)
{
	struct winsize ws = { .ws_row = 0 };
	unsigned rows = ROWS_DEFAULT;

	if (ioctl(fileno(out), TIOCGWINSZ, &ws) == 0 && ws.ws_row > 0)
		rows = ws.ws_row;
	return rows > HEAD_LINES ? rows - HEAD_LINES : 0;
}

static void
print_site(FILE *out, const json_t *row)
{
	char host[HOST_COLUMNS + 1];

	snprintf(host, sizeof(host), "%s", word(row, "host"));
	listctl_print_text(out, host);
	fprintf(out, "%*s %10lld %10lld %9lld %7lld %9lld\n",
	    (int)(HOST_COLUMNS - strlen(host)), "", number(row, "left"),
	    number(row, "delivered"), number(row, "deferred"),
	    number(row, "failed"), number(row, "per_minute"));
}

static unsigned
print_screen(FILE *out, const json_t *v)
{
	const json_t *sites = json_object_get(v, "sites");
	unsigned n = (unsigned)json_array_size(sites), most = room(out);

	fprintf(out, "campaign %lld  %s  %lld of %lld ended (%lld %%)\n",
	    number(v, "id"), word(v, "state"), ended(v), number(v, "count"),
	    number(v, "percent"));
	fprintf(out, "delivered %lld  failed %lld  deferred %lld  open %lld\n",
	    number(v, "delivered"), number(v, "failed"),
	    number(v, "deferred"), number(v, "open"));
	fprintf(out, "%lld a minute, done about %s\n",
	    number(v, "per_minute"), word(v, "estimate"));
	fprintf(out, "%-*s %10s %10s %9s %7s %9s\n", HOST_COLUMNS, "site",
	    "left", "delivered", "deferred", "failed", "a minute");
	if (n > most)
		n = most;
	for (unsigned i = 0; i < n; i++)
		print_site(out, json_array_get(sites, i));
	return 4 + n;
}

static void
print_line(FILE *out, const json_t *v)
{
	fprintf(out, "%s campaign=%lld state=%s count=%lld ended=%lld "
	    "delivered=%lld deferred=%lld failed=%lld open=%lld "
	    "per_minute=%lld estimate=%s\n", word(v, "time"), number(v, "id"),
	    word(v, "state"), number(v, "count"), ended(v),
	    number(v, "delivered"), number(v, "deferred"),
	    number(v, "failed"), number(v, "open"), number(v, "per_minute"),
	    word(v, "estimate"));
}

void
listctl_watch(FILE *out, const json_t *v, bool terminal, unsigned *lines)
{
	if (!terminal) {
		print_line(out, v);
	} else {
		/* Up to where it began, and clear from there. */
		if (*lines > 0)
			fprintf(out, "\033[%uF\033[J", *lines);
		*lines = print_screen(out, v);
	}
	fflush(out);
}
