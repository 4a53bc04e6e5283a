/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sink_content.c - the octets of a message, dot-stuffed or in BDAT chunks.
 *
 * Only CRLF.CRLF ends dot-stuffed content (RFC 5321 section 4.1.1.4); a dot
 * after a bare LF is content, and the bare LF an anomaly.  Works line by line
 * with memchr(), which is what keeps the sink cheap: a message costs about
 * as many nanoseconds as it has octets divided by ten.
 */
#include "config.h"

#include <string.h>

#include "tests/sink.h"

#define LINE_OCTETS_MAX	998	/* without CRLF */

void
content_reset(struct content *ct)
{
	struct strbuf text = ct->text;

	strbuf_reset(&text);
	*ct = (struct content){
		.at_line_start = true, .after_crlf = true, .text = text,
	};
}

static bool
has_eight_bit(const char *s, size_t len)
{
	uint64_t word, any = 0;

	for (; len >= sizeof(word); s += sizeof(word), len -= sizeof(word)) {
		memcpy(&word, s, sizeof(word));
		any |= word;
	}
	for (; len > 0; s++, len--)
		any |= (unsigned char)*s;
	return (any & 0x8080808080808080u) != 0;
}

/* Look at a piece of one line; its LF, if it has one, is the last octet. */
static void
check_piece(struct conn *c, const char *s, size_t len)
{
	struct content *ct = &c->content;
	bool lf = len > 0 && s[len - 1] == '\n';
	const char *end = s + len - (lf ? 1 : 0), *cr;

	if (len == 0)
		return;
	if (ct->after_cr && s[0] != '\n')
		ct->anomalies |= ANOMALY_BARE_CR;
	cr = end > s ? memchr(s, '\r', (size_t)(end - s)) : NULL;
	if (cr != NULL && cr != end - 1)
		ct->anomalies |= ANOMALY_BARE_CR;
	if (lf && !(end > s ? end[-1] == '\r' : ct->after_cr))
		ct->anomalies |= ANOMALY_BARE_LF;
	if (!c->eight_bit && has_eight_bit(s, len))
		ct->anomalies |= ANOMALY_EIGHT_BIT;
	if (memchr(s, '\0', len) != NULL)
		ct->anomalies |= ANOMALY_NUL;
	ct->line_octets += len;
	if (ct->line_octets > LINE_OCTETS_MAX + (lf ? 2 : 1))
		ct->anomalies |= ANOMALY_LONG_LINE;
}

/* Count, check and keep a piece of one line, and note how it ends. */
static void
take_piece(struct conn *c, const char *s, size_t len)
{
	struct content *ct = &c->content;
	bool crlf;

	if (len == 0)
		return;
	if (c->sink->opt.check)
		check_piece(c, s, len);
	if (s[len - 1] == '\n') {
		crlf = len >= 2 ? s[len - 2] == '\r' : ct->after_cr;
		ct->after_crlf = crlf;
		ct->at_line_start = true;
		ct->line_octets = 0;
	} else
		ct->at_line_start = false;
	ct->after_cr = s[len - 1] == '\r';
	ct->octets += len;
	if (c->sink->opt.size != 0 && ct->octets > c->sink->opt.size)
		ct->too_big = true;
	if (c->sink->archive != NULL && !ct->too_big)
		strbuf_add(&ct->text, s, len);
}

/* Could the len octets here be the start of the final ".CRLF"? */
static bool
may_be_end(const struct content *ct, const char *s, size_t len)
{
	return ct->at_line_start && ct->after_crlf && len < 3 &&
	    memcmp(s, ".\r", len) == 0;
}

size_t
content_dotted(struct conn *c, const char *buf, size_t len, bool *done_r)
{
	struct content *ct = &c->content;
	const char *s = buf, *end = buf + len, *nl, *stop;

	*done_r = false;
	while (s < end) {
		nl = memchr(s, '\n', (size_t)(end - s));
		stop = nl != NULL ? nl + 1 : end;
		if (nl == NULL && may_be_end(ct, s, (size_t)(end - s)))
			break;		/* the rest of it is still to come */
		if (*s == '.' && ct->at_line_start && ct->after_crlf) {
			if (stop - s == 3 && s[1] == '\r' && s[2] == '\n') {
				s = stop;
				*done_r = true;
				break;
			}
			if (c->sink->opt.raw && c->sink->archive != NULL)
				strbuf_addc(&ct->text, '.');
			s++;
			ct->at_line_start = false;
		}
		take_piece(c, s, (size_t)(stop - s));
		s = stop;
	}
	return (size_t)(s - buf);
}

void
content_plain(struct conn *c, const char *buf, size_t len)
{
	const char *s = buf, *end = buf + len, *nl, *stop;

	while (s < end) {
		nl = memchr(s, '\n', (size_t)(end - s));
		stop = nl != NULL ? nl + 1 : end;
		take_piece(c, s, (size_t)(stop - s));
		s = stop;
	}
}

void
content_anomaly_names(unsigned anomalies, struct strbuf *out)
{
	static const struct {
		unsigned bit;
		const char *name;
	} names[] = {
		{ ANOMALY_BARE_CR, "bare-cr" }, { ANOMALY_BARE_LF, "bare-lf" },
		{ ANOMALY_LONG_LINE, "long-line" },
		{ ANOMALY_EIGHT_BIT, "eight-bit" }, { ANOMALY_NUL, "nul" },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if ((anomalies & names[i].bit) == 0)
			continue;
		if (out->len > 0)
			strbuf_addc(out, ' ');
		strbuf_adds(out, names[i].name);
	}
}
