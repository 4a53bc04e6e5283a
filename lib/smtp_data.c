/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smtp_data.c - the content of DATA as a server reads it: where it ends.
 */
#include "config.h"

#include <string.h>

#include "lib/smtp_data.h"

enum {
	START,		/* at the start of a line */
	LINE,		/* inside a line */
	CR,		/* after a CR that is content */
	DOT,		/* after the first dot of a line, which is dropped */
	DOT_CR		/* after dot and CR, which may yet be the end */
};

void
smtp_data_begin(struct smtp_data *d)
{
	memset(d, 0, sizeof(*d));
	d->state = START;
	d->header = d->match = true;
}

/* One octet of a line; counts the hops of R163 on the way. */
static void
line_octet(struct smtp_data *d, uint8_t c)
{
	static const char received[] = "received:";
	uint8_t lower = c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c;

	if (c == 0)
		d->nul = true;
	if (c > 0x7f)
		d->eight_bit = true;
	if (d->match) {
		d->match = lower == (uint8_t)received[d->line];
		if (d->match && d->line == sizeof(received) - 2) {
			d->hops++;
			d->match = false;
		}
	}
	if (d->line < UINT32_MAX)
		d->line++;
}

static void
line_end(struct smtp_data *d)
{
	if (d->line == 0)
		d->header = false;
	if (d->line > d->longest_line)
		d->longest_line = d->line;
	d->line = 0;
	d->match = d->header;
	d->state = START;
}

/* One octet that is content or wrong; false when it is wrong. */
static bool
content_octet(struct smtp_data *d, uint8_t c)
{
	if (d->state == CR) {
		if (c != '\n')
			return false;
		line_end(d);
	} else if (c == '\r') {
		d->state = CR;
	} else if (c == '\n') {
		return false;
	} else {
		d->state = LINE;
		line_octet(d, c);
	}
	return true;
}

enum smtp_data_result
smtp_data_feed(struct smtp_data *d, const void *data, size_t len,
    size_t *taken_r, struct slice *chunk_r)
{
	const uint8_t *s = data;
	size_t from = 0, i;

	*taken_r = 0;
	*chunk_r = (struct slice){ s, 0 };
	for (i = 0; i < len; i++) {
		if (d->state == START && s[i] == '.') {
			if (i > from)
				break;
			d->state = DOT;
			from = i + 1;
		} else if (d->state == DOT && s[i] == '\r') {
			d->state = DOT_CR;
			from = i + 1;
		} else if (d->state == DOT_CR) {
			*taken_r = i + 1;
			return s[i] == '\n' ? SMTP_DATA_END : SMTP_DATA_BARE;
		} else if (!content_octet(d, s[i])) {
			/* What came before it counts, in any cut. */
			if (i > from)
				break;
			return SMTP_DATA_BARE;
		}
	}
	*taken_r = i;
	if (i == from)
		return SMTP_DATA_MORE;
	d->octets += i - from;
	*chunk_r = (struct slice){ s + from, i - from };
	return SMTP_DATA_CHUNK;
}
