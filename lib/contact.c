/* SPDX-License-Identifier: Apache-2.0 */
/*
 * contact.c - the addresses that the texts of a message name.
 */
#include "config.h"

#include <string.h>
#include <strings.h>

#include "lib/charset.h"
#include "lib/contact.h"
#include "lib/err.h"
#include "lib/mime_out.h"
#include "lib/strbuf.h"

#define LOCAL_MAX	64	/* octets before "@"; RFC 5321 4.5.3.1.1 */
#define DOMAIN_MAX	253

/* ---- other ways to write "@" and "." */

static const struct {
	const char	*text;
	char		 c;
} spellings[] = {
	{ "%40", '@' }, { "&#64;", '@' }, { "&#064;", '@' },
	{ "&#x40;", '@' }, { "&commat;", '@' }, { "%2e", '.' },
	{ "&#46;", '.' }, { "&#x2e;", '.' }, { "&period;", '.' },
};

/* The character that p[len] begins with, and its octets; 0: none of them. */
static size_t
spelled(const char *p, size_t len, char *c_r)
{
	for (size_t i = 0; i < sizeof(spellings) / sizeof(spellings[0]);
	    i++) {
		size_t n = strlen(spellings[i].text);

		if (n <= len && strncasecmp(p, spellings[i].text, n) == 0) {
			*c_r = spellings[i].c;
			return n;
		}
	}
	return 0;
}

static void
spell_out(const char *p, size_t len, struct strbuf *out)
{
	size_t n;
	char c;

	for (size_t i = 0; i < len; i += n) {
		n = 0;
		if (p[i] == '%' || p[i] == '&')
			n = spelled(p + i, len - i, &c);
		if (n == 0) {
			c = p[i];
			n = 1;
		}
		strbuf_addc(out, c);
	}
}

/* ---- addresses around each "@" */

static bool
is_atext(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9') || (c != '\0' &&
	    strchr(".!#$*+-/^_`|~'", c) != NULL);
}

static bool
is_host(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9') || c == '-' || c == '.' ||
	    (unsigned char)c >= 0x80;
}

static void
look_around(const char *text, size_t at, size_t len, contact_fn *fn,
    void *arg)
{
	size_t from = at, to = at + 1;
	struct address a;

	while (from > 0 && at - from < LOCAL_MAX && is_atext(text[from - 1]))
		from--;
	while (to < len && to - at <= DOMAIN_MAX && is_host(text[to]))
		to++;
	/* The end of a sentence, and what quotes begin with. */
	while (to > at + 1 && (text[to - 1] == '.' || text[to - 1] == '-'))
		to--;
	while (from < at && strchr(".'/", text[from]) != NULL)
		from++;
	if (address_parse(text + from, to - from, 0, &a, NULL) == 0)
		fn(arg, &a);
}

void
contact_find_text(const char *text, size_t len, contact_fn *fn, void *arg)
{
	struct strbuf plain = STRBUF_INIT(len + 1);
	const char *p, *end;

	spell_out(text, len, &plain);
	end = plain.s + plain.len;
	for (p = plain.s; (p = memchr(p, '@', (size_t)(end - p))) != NULL;
	    p++)
		look_around(plain.s, (size_t)(p - plain.s), plain.len, fn,
		    arg);
	strbuf_free(&plain);
}

/* ---- the parts of a message */

static bool
is_read(const struct mime_part *p)
{
	return (strcmp(p->type, "text/plain") == 0 ||
	    strcmp(p->type, "text/html") == 0) &&
	    p->disposition != MIME_ATTACHMENT;
}

static void
look_at_part(const struct mime_message *m, uint32_t part, contact_fn *fn,
    void *arg)
{
	struct strbuf raw = STRBUF_INIT(MIME_MESSAGE_MAX);
	struct strbuf text = STRBUF_INIT(3 * MIME_MESSAGE_MAX);

	if (mime_body_decode(m, part, &raw, NULL) == 0 &&
	    charset_to_utf8(m->part[part].charset, raw.s, raw.len, &text,
	    NULL) == 0)
		contact_find_text(text.s, text.len, fn, arg);
	strbuf_free(&raw);
	strbuf_free(&text);
}

int
contact_find(const uint8_t *data, size_t len, contact_fn *fn, void *arg,
    struct err *e)
{
	struct mime_message *m = mime_parse(data, len, e);

	if (m == NULL)
		return -1;
	for (uint32_t i = 0; i < m->parts; i++)
		if (!m->part[i].multipart && is_read(&m->part[i]))
			look_at_part(m, i, fn, arg);
	mime_free(m);
	return 0;
}
