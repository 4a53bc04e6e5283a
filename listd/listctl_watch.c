/* SPDX-License-Identifier: Apache-2.0 */
/*
 * listctl_watch.c - a campaign as somebody watches it.
 */
#include "config.h"

#include <sys/ioctl.h>

#include <stdlib.h>
#include <string.h>

#include "listd/listctl_print.h"
#include "listd/listctl_watch.h"

#define HOST_COLUMNS	30
#define ROWS_DEFAULT	24	/* of a terminal that does not say */
#define COLUMNS_DEFAULT	80

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

static void
print_all(FILE *out, const json_t *v)
{
	const json_t *sites = json_object_get(v, "sites");

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
	for (size_t i = 0; i < json_array_size(sites); i++)
		print_site(out, json_array_get(sites, i));
}

/* ---- as much as the terminal shows */

static struct winsize
size_of(FILE *out)
{
	struct winsize ws;

	if (ioctl(fileno(out), TIOCGWINSZ, &ws) == -1)
		memset(&ws, 0, sizeof(ws));
	if (ws.ws_row == 0)
		ws.ws_row = ROWS_DEFAULT;
	if (ws.ws_col == 0)
		ws.ws_col = COLUMNS_DEFAULT;
	return ws;
}

/* The octets of so many characters. */
static size_t
octets_of(const char *s, size_t len, unsigned columns)
{
	size_t n = 0;

	for (; n < len; n++)
		if (((unsigned char)s[n] & 0xc0) != 0x80 && columns-- == 0)
			break;
	return n;
}

/*
 * A line that is wrapped takes more of the screen than we would take back, and
 * one that scrolls out cannot be taken back: both are cut.  The last row is
 * the cursor's.
 */
static unsigned
print_cut(FILE *out, const char *text, const struct winsize *ws)
{
	unsigned n = 0;

	for (const char *end; n + 1 < ws->ws_row &&
	    (end = strchr(text, '\n')) != NULL; text = end + 1, n++) {
		fwrite(text, 1, octets_of(text, (size_t)(end - text),
		    ws->ws_col), out);
		putc('\n', out);
	}
	return n;
}

static void
print_screen(FILE *out, const json_t *v, struct listctl_screen *screen)
{
	struct winsize ws = size_of(out);
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	if (f == NULL)
		return;
	print_all(f, v);
	if (fclose(f) == 0) {
		if (screen->lines > 0 && ws.ws_col < screen->columns)
			/* What stands there may have been wrapped since. */
			fputs("\033[H\033[2J", out);
		else if (screen->lines > 0)
			/* Up to where it began, and clear from there. */
			fprintf(out, "\033[%uF\033[J", screen->lines);
		screen->lines = print_cut(out, text, &ws);
		screen->columns = ws.ws_col;
	}
	free(text);
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
listctl_watch(FILE *out, const json_t *v, bool terminal,
    struct listctl_screen *screen)
{
	if (terminal)
		print_screen(out, v, screen);
	else
		print_line(out, v);
	fflush(out);
}
