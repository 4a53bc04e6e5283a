/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mime_param.c - read Content-Type and its kin: a value and its parameters.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "lib/hex.h"
#include "lib/mime_param.h"
#include "lib/strbuf.h"

#define COMMENT_DEPTH_MAX	16

/* RFC 2045 section 5.1: what a token holds. */
static bool
is_token(char c)
{
	return (unsigned char)c > 0x20 && (unsigned char)c < 0x7f &&
	    strchr("()<>@,;:\\\"/[]?=", c) == NULL;
}

static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Skip blanks and nested comments; false when a comment does not end. */
static bool
skip_cfws(struct mime_param_iter *it)
{
	unsigned depth = 0;

	for (; it->p < it->end; it->p++) {
		if (*it->p == '(') {
			if (++depth > COMMENT_DEPTH_MAX)
				return false;
		} else if (depth > 0 && *it->p == ')') {
			depth--;
		} else if (depth > 0 && *it->p == '\\') {
			if (++it->p == it->end)
				return false;
		} else if (depth == 0 && !is_space(*it->p)) {
			return true;
		}
	}
	return depth == 0;
}

static struct slice
slice_between(const char *from, const char *to)
{
	return (struct slice){ (const uint8_t *)from, (size_t)(to - from) };
}

bool
mime_param_begin(struct mime_param_iter *it, const char *text, size_t len,
    struct slice *main_r)
{
	const char *from;

	it->p = text;
	it->end = text + len;
	*main_r = (struct slice){ (const uint8_t *)text, 0 };
	if (!skip_cfws(it))
		return false;
	from = it->p;
	while (it->p < it->end && (is_token(*it->p) || *it->p == '/'))
		it->p++;
	*main_r = slice_between(from, it->p);
	return main_r->len > 0 && skip_cfws(it) &&
	    (it->p == it->end || *it->p == ';');
}

/* Step over a quoted string at it->p. */
static bool
skip_quoted(struct mime_param_iter *it)
{
	for (it->p++; it->p < it->end; it->p++) {
		if (*it->p == '"') {
			it->p++;
			return true;
		}
		if (*it->p == '\\' && ++it->p == it->end)
			return false;
	}
	return false;
}

int
mime_param_next(struct mime_param_iter *it, struct mime_param *param_r)
{
	const char *from;

	/* A stray ';' is common at the end of a field, and harms nobody. */
	for (;;) {
		if (!skip_cfws(it))
			return -1;
		if (it->p == it->end)
			return 0;
		if (*it->p != ';')
			break;
		it->p++;
	}
	from = it->p;
	while (it->p < it->end && is_token(*it->p))
		it->p++;
	param_r->name = slice_between(from, it->p);
	if (param_r->name.len == 0 || !skip_cfws(it) || it->p == it->end ||
	    *it->p++ != '=' || !skip_cfws(it) || it->p == it->end)
		return -1;
	from = it->p;
	if (*it->p == '"') {
		if (!skip_quoted(it))
			return -1;
	} else {
		while (it->p < it->end && is_token(*it->p))
			it->p++;
	}
	param_r->raw = slice_between(from, it->p);
	if (param_r->raw.len == 0 || !skip_cfws(it))
		return -1;
	return it->p == it->end || *it->p == ';' ? 1 : -1;
}

void
mime_param_unquote(struct slice raw, struct strbuf *out)
{
	const char *p = (const char *)raw.p, *end = p + raw.len;

	if (raw.len < 2 || *p != '"') {
		strbuf_add(out, p, raw.len);
		return;
	}
	for (p++, end--; p < end; p++) {
		if (*p == '\r' || *p == '\n')
			continue;	/* folding inside the quotes */
		if (*p == '\\' && p + 1 < end)
			p++;
		strbuf_addc(out, *p);
	}
}

/* RFC 2231 section 4: percent escapes, after charset'language' at first. */
static void
decode_extended(struct slice raw, bool first, struct strbuf *out)
{
	const char *p = (const char *)raw.p, *end = p + raw.len, *q;

	for (int i = 0; first && i < 2; i++)
		if ((q = memchr(p, '\'', (size_t)(end - p))) != NULL)
			p = q + 1;
	for (; p < end; p++) {
		if (*p == '%' && end - p > 2 && hex_digit(p[1]) != -1 &&
		    hex_digit(p[2]) != -1) {
			strbuf_addc(out, (char)(hex_digit(p[1]) << 4 |
			    hex_digit(p[2])));
			p += 2;
		} else {
			strbuf_addc(out, *p);
		}
	}
}

static bool
name_is(const struct mime_param *p, const char *name, const char *suffix)
{
	size_t n = strlen(name), s = strlen(suffix);

	return p->name.len == n + s &&
	    strncasecmp((const char *)p->name.p, name, n) == 0 &&
	    memcmp(p->name.p + n, suffix, s) == 0;
}

/* Find the one parameter name followed by suffix; as mime_param_find(). */
static int
find_one(const char *text, size_t len, const char *name, const char *suffix,
    struct mime_param *p)
{
	struct mime_param_iter it;
	struct slice ignored;
	int rc;

	if (!mime_param_begin(&it, text, len, &ignored))
		return -1;
	while ((rc = mime_param_next(&it, p)) == 1)
		if (name_is(p, name, suffix))
			return 1;
	return rc;
}

int
mime_param_find(const char *text, size_t len, const char *name,
    struct strbuf *out)
{
	struct mime_param p;
	size_t before = out->len;
	char suffix[16];
	unsigned i;
	int rc;

	if ((rc = find_one(text, len, name, "", &p)) == 1) {
		mime_param_unquote(p.raw, out);
	} else if (rc == 0 && (rc = find_one(text, len, name, "*", &p)) == 1) {
		decode_extended(p.raw, true, out);
	} else if (rc == 0) {
		for (i = 0; i < MIME_PARAM_PIECES_MAX; i++) {
			snprintf(suffix, sizeof(suffix), "*%u", i);
			if (find_one(text, len, name, suffix, &p) == 1) {
				mime_param_unquote(p.raw, out);
				continue;
			}
			snprintf(suffix, sizeof(suffix), "*%u*", i);
			if (find_one(text, len, name, suffix, &p) != 1)
				break;
			decode_extended(p.raw, i == 0, out);
		}
		rc = i > 0;
	}
	if (rc == 1 && (out->overflow || out->len - before > MIME_PARAM_MAX))
		return -1;
	return rc;
}
