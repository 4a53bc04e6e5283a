/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smtp_reply.c - SMTP replies as a client reads them.
 *
 * Lines are gathered whole and then looked at, so that a code, a hyphen or a
 * CRLF cut by the network needs no state of its own.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "lib/smtp_reply.h"
#include "lib/strbuf.h"
#include "lib/xmalloc.h"

struct smtp_reply_parser {
	struct smtp_reply	 reply;
	struct strbuf		 line;	/* an incomplete line */
	struct strbuf		 text;
	enum smtp_reply_state	 state;
	const char		*why;
};

struct smtp_reply_parser *
smtp_reply_new(void)
{
	struct smtp_reply_parser *p = xcalloc(1, sizeof(*p));

	strbuf_init(&p->line, SMTP_REPLY_LINE_MAX);
	strbuf_init(&p->text, SMTP_REPLY_TEXT_MAX);
	smtp_reply_reset(p);
	return p;
}

void
smtp_reply_free(struct smtp_reply_parser *p)
{
	if (p == NULL)
		return;
	strbuf_free(&p->line);
	strbuf_free(&p->text);
	free(p);
}

static void
reply_begin(struct smtp_reply_parser *p)
{
	strbuf_reset(&p->line);
	strbuf_reset(&p->text);
	p->reply.code = 0;
	p->reply.enhanced = (struct enhanced){ 0, 0, 0 };
	p->reply.cut = false;
	p->reply.lines = 0;
	p->state = SMTP_REPLY_MORE;
}

void
smtp_reply_reset(struct smtp_reply_parser *p)
{
	reply_begin(p);
	p->why = "";
}

static enum smtp_reply_state
malformed(struct smtp_reply_parser *p, const char *why)
{
	p->why = why;
	return p->state = SMTP_REPLY_MALFORMED;
}

/* Append what fits; the rest of a long reply is read and dropped. */
static void
add_cut(struct smtp_reply_parser *p, const char *s, size_t len)
{
	size_t room = SMTP_REPLY_TEXT_MAX - p->text.len;

	if (len > room) {
		p->reply.cut = true;
		len = room;
	}
	strbuf_add(&p->text, s, len);
}

static void
add_text(struct smtp_reply_parser *p, const char *s, size_t len)
{
	struct strbuf *b = &p->text;
	struct enhanced e;
	size_t n = enhanced_parse(s, len, &e);

	if (n != 0 && (n == len || s[n] == ' ' || s[n] == '\t')) {
		if (p->reply.enhanced.class == 0)
			p->reply.enhanced = e;
		/* A second, different code is text that a person may need. */
		if (enhanced_equal(&e, &p->reply.enhanced)) {
			n += n < len;
			s += n;
			len -= n;
		}
	}
	if (p->reply.lines > 0)
		add_cut(p, " ", 1);
	n = b->len;
	p->reply.line_at[p->reply.lines++] = (uint16_t)n;
	add_cut(p, s, len);
	for (; n < b->len; n++) {
		if (b->s[n] == '\t')
			b->s[n] = ' ';
		else if ((unsigned char)b->s[n] < 0x20 || b->s[n] == 0x7f)
			b->s[n] = '?';
	}
}

static int
line_code(const char *s, size_t len)
{
	if (len < 3 || s[0] < '2' || s[0] > '5')
		return -1;
	for (int i = 1; i < 3; i++)
		if (s[i] < '0' || s[i] > '9')
			return -1;
	return (s[0] - '0') * 100 + (s[1] - '0') * 10 + (s[2] - '0');
}

/* One line without its CRLF. */
static enum smtp_reply_state
take_line(struct smtp_reply_parser *p, const char *s, size_t len)
{
	int code = line_code(s, len);

	if (memchr(s, '\0', len) != NULL)
		return malformed(p, "NUL in a reply");
	if (memchr(s, '\r', len) != NULL)
		return malformed(p, "bare CR in a reply");
	if (code == -1)
		return malformed(p, "a reply without a code of 200-599");
	if (len > 3 && s[3] != ' ' && s[3] != '-')
		return malformed(p, "no blank or hyphen after the reply code");
	if (p->reply.lines == 0)
		p->reply.code = code;
	else if (code != p->reply.code)
		return malformed(p, "different codes in one reply");
	if (p->reply.lines == SMTP_REPLY_LINES_MAX)
		return malformed(p, "too many lines in one reply");
	if (len > 3)
		add_text(p, s + 4, len - 4);
	else
		add_text(p, "", 0);
	if (len > 3 && s[3] == '-')
		return SMTP_REPLY_MORE;
	p->reply.text = p->text.s;
	p->reply.text_len = p->text.len;
	return p->state = SMTP_REPLY_DONE;
}

/* The gathered line ends in LF. */
static enum smtp_reply_state
end_line(struct smtp_reply_parser *p)
{
	struct strbuf *l = &p->line;
	enum smtp_reply_state state;

	if (l->len < 2 || l->s[l->len - 2] != '\r')
		return malformed(p, "bare LF in a reply");
	state = take_line(p, l->s, l->len - 2);
	strbuf_reset(l);
	return state;
}

enum smtp_reply_state
smtp_reply_feed(struct smtp_reply_parser *p, const void *data, size_t len,
    size_t *taken_r)
{
	const char *s = data, *lf;
	size_t at = 0, n;

	*taken_r = 0;
	if (p->state == SMTP_REPLY_MALFORMED)
		return p->state;
	if (p->state == SMTP_REPLY_DONE)
		reply_begin(p);
	while (at < len && p->state == SMTP_REPLY_MORE) {
		lf = memchr(s + at, '\n', len - at);
		n = lf != NULL ? (size_t)(lf - s) + 1 - at : len - at;
		if (n > SMTP_REPLY_LINE_MAX - p->line.len)
			return malformed(p, "a reply line without an end");
		strbuf_add(&p->line, s + at, n);
		if (p->line.overflow)
			return malformed(p, "out of memory for a reply");
		at += n;
		if (lf != NULL)
			end_line(p);
	}
	*taken_r = at;
	return p->state;
}

const struct smtp_reply *
smtp_reply_get(const struct smtp_reply_parser *p)
{
	return &p->reply;
}

const char *
smtp_reply_why(const struct smtp_reply_parser *p)
{
	return p->why;
}

bool
smtp_reply_partial(const struct smtp_reply_parser *p)
{
	return p->state == SMTP_REPLY_MORE &&
	    (p->line.len > 0 || p->reply.lines > 0);
}
