/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dkim_tag.c - the tag=value lists of DKIM, read (RFC 6376 section 3.2).
 */
#include "config.h"

#include <string.h>
#include <strings.h>
#include <sys/types.h>

#include "lib/dkim_tag.h"
#include "lib/err.h"

#define LABEL_MAX	63
#define NUMBER_DIGITS	18	/* fits an int64_t, too */

static bool
is_space(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool
is_alpha(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool
is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

/*
 * The number of octets of white space at p: blanks, and line ends that a blank
 * follows (FWS of RFC 6376 section 2.8).
 */
static size_t
skip_fws(const uint8_t *p, size_t len)
{
	size_t i = 0;

	for (;;) {
		if (i < len && (p[i] == ' ' || p[i] == '\t'))
			i++;
		else if (len - i >= 3 && p[i] == '\r' && p[i + 1] == '\n' &&
		    (p[i + 2] == ' ' || p[i + 2] == '\t'))
			i += 3;
		else
			return i;
	}
}

static struct slice
trim(struct slice s)
{
	while (s.len > 0 && is_space(s.p[0]))
		s.p++, s.len--;
	while (s.len > 0 && is_space(s.p[s.len - 1]))
		s.len--;
	return s;
}

/* The length of the tag-name at p; 0 when there is none. */
static size_t
name_length(const uint8_t *p, size_t len)
{
	size_t i = 0;

	if (len == 0 || !is_alpha(p[0]))
		return 0;
	while (i < len && (is_alpha(p[i]) || is_digit(p[i]) || p[i] == '_'))
		i++;
	return i;
}

/* The length of the tag-value at p, up to ';' or the end; -1 = bad octet. */
static ssize_t
value_length(const uint8_t *p, size_t len)
{
	size_t i = 0;

	while (i < len && p[i] != ';') {
		size_t fws = skip_fws(p + i, len - i);

		if (fws == 0 && (p[i] < 0x21 || p[i] > 0x7e))
			return -1;
		i += fws != 0 ? fws : 1;
	}
	return (ssize_t)i;
}

static bool
same(struct slice a, struct slice b)
{
	return a.len == b.len && memcmp(a.p, b.p, a.len) == 0;
}

static int
tags_add(struct dkim_tags *tags, struct slice name, struct slice value,
    struct err *e)
{
	for (size_t i = 0; i < tags->n; i++) {
		if (same(tags->tag[i].name, name)) {
			err_set(e, ERR_INPUT, "tag %.*s= given twice",
			    name.len > 20 ? 20 : (int)name.len, name.p);
			return -1;
		}
	}
	if (tags->n == DKIM_TAGS_MAX) {
		err_set(e, ERR_LIMIT, "more than %d tags", DKIM_TAGS_MAX);
		return -1;
	}
	tags->tag[tags->n].name = name;
	tags->tag[tags->n].value = trim(value);
	tags->n++;
	return 0;
}

int
dkim_tags_parse(struct dkim_tags *tags, const uint8_t *p, size_t len,
    struct err *e)
{
	size_t i = 0;

	tags->n = 0;
	while (i += skip_fws(p + i, len - i), i < len || tags->n == 0) {
		struct slice name, value;
		ssize_t n;

		name = (struct slice){ p + i, name_length(p + i, len - i) };
		i += name.len;
		i += skip_fws(p + i, len - i);
		if (name.len == 0 || i == len || p[i] != '=') {
			err_set(e, ERR_INPUT, "no tag=value at octet %zu", i);
			return -1;
		}
		i++;
		if ((n = value_length(p + i, len - i)) == -1) {
			err_set(e, ERR_INPUT, "bad octet in tag %.*s=",
			    name.len > 20 ? 20 : (int)name.len, name.p);
			return -1;
		}
		value = (struct slice){ p + i, (size_t)n };
		if (tags_add(tags, name, value, e) == -1)
			return -1;
		i += value.len;
		if (i < len)
			i++;	/* the ';' */
	}
	return 0;
}

const struct slice *
dkim_tags_find(const struct dkim_tags *tags, const char *name)
{
	for (size_t i = 0; i < tags->n; i++)
		if (dkim_tag_is(tags->tag[i].name, name))
			return &tags->tag[i].value;
	return NULL;
}

bool
dkim_tag_is(struct slice value, const char *text)
{
	return value.len == strlen(text) &&
	    memcmp(value.p, text, value.len) == 0;
}

bool
dkim_tag_lists(struct slice value, const char *item)
{
	size_t len = strlen(item);

	for (;;) {
		const uint8_t *colon = value.len == 0 ? NULL :
		    memchr(value.p, ':', value.len);
		struct slice s = value;

		if (colon != NULL)
			s.len = (size_t)(colon - value.p);
		s = trim(s);
		if (s.len == len &&
		    strncasecmp((const char *)s.p, item, len) == 0)
			return true;
		if (colon == NULL)
			return false;
		value.len -= (size_t)(colon + 1 - value.p);
		value.p = colon + 1;
	}
}

bool
dkim_tag_number(struct slice value, uint64_t *number_r)
{
	uint64_t v = 0;

	if (value.len == 0 || value.len > NUMBER_DIGITS)
		return false;
	for (size_t i = 0; i < value.len; i++) {
		if (!is_digit(value.p[i]))
			return false;
		v = v * 10 + (uint64_t)(value.p[i] - '0');
	}
	*number_r = v;
	return true;
}

static int
base64_value(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (is_digit(c))
		return c - '0' + 52;
	if (c == '+')
		return 62;
	return c == '/' ? 63 : -1;
}

bool
dkim_tag_base64(struct slice value, uint8_t *out, size_t size, size_t *len_r)
{
	size_t n = 0, digits = 0, pads = 0;
	uint32_t acc = 0;

	for (size_t i = 0; i < value.len; i++) {
		int v;

		if (is_space(value.p[i]))
			continue;
		if (value.p[i] == '=') {
			pads++;
			continue;
		}
		if ((v = base64_value(value.p[i])) == -1 || pads > 0)
			return false;
		acc = acc << 6 | (uint32_t)v;
		/* Every digit but the first of four completes an octet. */
		if (digits++ % 4 == 0)
			continue;
		if (n == size)
			return false;
		out[n++] = (uint8_t)(acc >> (6 - 2 * ((digits - 1) % 4)));
	}
	if (pads > 2 || (digits + pads) % 4 != 0)
		return false;
	*len_r = n;
	return true;
}

static bool
label_valid(const uint8_t *p, size_t len, bool strict)
{
	if (len == 0 || len > LABEL_MAX)
		return false;
	if (strict && (p[0] == '-' || p[len - 1] == '-'))
		return false;
	for (size_t i = 0; i < len; i++)
		if (!is_alpha(p[i]) && !is_digit(p[i]) && p[i] != '-' &&
		    (strict || p[i] != '_'))
			return false;
	return true;
}

bool
dkim_name_valid(struct slice name, bool strict)
{
	size_t start = 0;

	if (name.len == 0 || name.len > DKIM_DOMAIN_MAX)
		return false;
	for (size_t i = 0; i <= name.len; i++) {
		if (i < name.len && name.p[i] != '.')
			continue;
		if (!label_valid(name.p + start, i - start, strict))
			return false;
		start = i + 1;
	}
	return true;
}
