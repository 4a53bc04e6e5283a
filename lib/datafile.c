/* SPDX-License-Identifier: Apache-2.0 */
/*
 * datafile.c - read the lines and values of the shipped data files.
 */
#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/datafile.h"
#include "lib/err.h"
#include "lib/strbuf.h"

#define HOST_MAX	253	/* octets, RFC 1035 section 3.1 as text */
#define LABEL_MAX	63

/* ---- mistakes */

void
datafile_mistake(struct datafile_mistakes *m, const char *file, unsigned line,
    const char *fmt, ...)
{
	char text[ERR_TEXT_MAX + 2 * DATAFILE_NAME_MAX];
	va_list ap;

	if (++m->count > DATAFILE_MISTAKES_MAX)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	strbuf_adds(m->out, file);
	if (line != 0)
		strbuf_addf(m->out, ":%u", line);
	strbuf_addf(m->out, ": %s\n", text);
}

bool
datafile_mistakes_end(struct datafile_mistakes *m, const char *file)
{
	if (m->count > DATAFILE_MISTAKES_MAX)
		strbuf_addf(m->out, "%s: and %zu more\n", file,
		    m->count - DATAFILE_MISTAKES_MAX);
	return m->count == 0;
}

/* ---- lines */

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
is_name_char(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') ||
	    (c >= 'A' && c <= 'Z') || c == '-' || c == '.' || c == '_';
}

void
datafile_begin(struct datafile *d, const struct datafile_text *text,
    bool is_overlay, struct datafile_mistakes *m)
{
	memset(d, 0, sizeof(*d));
	d->text = *text;
	d->m = m;
	d->is_overlay = is_overlay;
	if (text->len > DATAFILE_MAX) {
		datafile_mistake(m, text->file, 0, "larger than %u octets",
		    DATAFILE_MAX);
		d->text.len = 0;
	}
}

/* Copy the next line to buf without blanks around; false: a mistake. */
static bool
take_line(struct datafile *d)
{
	const char *p = (const char *)d->text.bytes + d->at, *eol;
	size_t left = d->text.len - d->at, len, skip = 0;

	eol = memchr(p, '\n', left);
	len = eol != NULL ? (size_t)(eol - p) : left;
	d->at += eol != NULL ? len + 1 : len;
	d->line++;
	if (len > 0 && p[len - 1] == '\r')
		len--;
	while (skip < len && is_blank(p[skip]))
		skip++;
	while (len > skip && is_blank(p[len - 1]))
		len--;
	len -= skip;
	if (len > DATAFILE_LINE_MAX) {
		datafile_mistake(d->m, d->text.file, d->line,
		    "longer than %d octets", DATAFILE_LINE_MAX);
		return false;
	}
	for (size_t i = 0; i < len; i++)
		if (((unsigned char)p[skip + i] < 0x20 &&
		    p[skip + i] != '\t') || p[skip + i] == 0x7f) {
			datafile_mistake(d->m, d->text.file, d->line,
			    "holds a control character");
			return false;
		}
	memcpy(d->buf, p + skip, len);
	d->buf[len] = '\0';
	return true;
}

/* "[kind name]" in buf; what is none stays as it is. */
static bool
split_section(struct datafile *d)
{
	size_t len = strlen(d->buf);
	char *p = d->buf + 1, *value;
	bool whole;

	if (len < 3 || d->buf[len - 1] != ']' || is_blank(*p) || *p == ',')
		return false;
	d->buf[len - 1] = '\0';
	d->name = p;
	(void)datafile_word(&p);
	value = datafile_word(&p);
	whole = datafile_word(&p) == NULL;
	d->value = value != NULL ? value : d->name + strlen(d->name);
	return whole;
}

static bool
split_setting(struct datafile *d)
{
	char *eq = strchr(d->buf, '='), *end = eq;

	if (eq == NULL || eq == d->buf)
		return false;
	while (is_blank(end[-1]))
		end--;
	*end = '\0';
	for (eq++; is_blank(*eq); eq++)
		;
	d->name = d->buf;
	d->value = eq;
	return true;
}

/* ---- the head, and sources */

/* How many octets of a date that exists stand at s; 0: none. */
static size_t
date_len(const char *s)
{
	static const char days[] = { 31, 29, 31, 30, 31, 30, 31, 31, 30, 31,
		30, 31 };
	static const char shape[] = "dddd-dd-dd";
	size_t n = 0;
	int month, day;

	while (shape[n] != '\0' && (shape[n] == 'd' ? is_digit(s[n]) :
	    s[n] == '-'))
		n++;
	if (n != 7 && n != 10)
		return 0;
	month = (s[5] - '0') * 10 + s[6] - '0';
	if (month < 1 || month > 12)
		return 0;
	if (n == 10) {
		day = (s[8] - '0') * 10 + s[9] - '0';
		if (day < 1 || day > days[month - 1])
			return 0;
	}
	return n;
}

#define mistake(d, ...) \
	datafile_mistake((d)->m, (d)->text.file, (d)->line, __VA_ARGS__)

static void
read_source(struct datafile *d)
{
	size_t n = date_len(d->value);
	const char *p = d->value + n;

	/* Even a bad one was meant to be one for what follows. */
	d->has_source = true;
	if (n == 0 || (*p != '\0' && !is_blank(*p))) {
		mistake(d, "source: \"%.40s\" does not begin with a date as "
		    "2026-08 or 2026-08-31", d->value);
		return;
	}
	while (is_blank(*p))
		p++;
	if (*p == '\0')
		mistake(d, "source: says a date and no source");
	memcpy(d->date, d->value, n);
	d->date[n] = '\0';
	memcpy(d->source, p, strlen(p) + 1);
}

static void
read_head(struct datafile *d)
{
	bool is_format = strcmp(d->name, "format") == 0;
	struct err e = ERR_INIT;
	uint32_t n;

	if (!is_format && strcmp(d->name, "version") != 0) {
		mistake(d, "%.60s: stands in no section", d->name);
	} else if (is_format ? d->has_format : d->has_version) {
		mistake(d, "%s: is set already", d->name);
	} else if (is_format) {
		d->has_format = true;
		if (datafile_number(d->value, DATAFILE_FORMAT,
		    DATAFILE_FORMAT, &n, &e) == -1)
			mistake(d, "format: %s", e.text);
	} else {
		d->has_version = true;
		if (datafile_name_check(d->value, &e) == -1)
			mistake(d, "version: %s", e.text);
		else
			memcpy(d->version, d->value, strlen(d->value) + 1);
	}
}

static void
end_head(struct datafile *d)
{
	if (d->in_section || d->is_overlay)
		return;
	if (!d->has_format)
		datafile_mistake(d->m, d->text.file, 0, "format: is not set");
	if (!d->has_version)
		datafile_mistake(d->m, d->text.file, 0,
		    "version: is not set");
}

/* A setting for the reader; false: it was read here. */
static bool
is_for_reader(struct datafile *d)
{
	if (!d->in_section) {
		read_head(d);
		return false;
	}
	if (strcmp(d->name, "source") == 0) {
		read_source(d);
		return false;
	}
	if (!d->has_source && !d->is_overlay) {
		mistake(d, "%.60s: no source is said above it", d->name);
		d->has_source = true;	/* said once a section */
	}
	return true;
}

static bool
begin_section(struct datafile *d)
{
	if (!split_section(d))
		return false;
	end_head(d);
	d->in_section = true;
	d->has_source = false;
	d->date[0] = d->source[0] = '\0';
	return true;
}

enum datafile_is
datafile_next(struct datafile *d)
{
	while (d->at < d->text.len) {
		if (!take_line(d) || d->buf[0] == '\0' || d->buf[0] == '#')
			continue;
		if (d->buf[0] == '[') {
			if (begin_section(d))
				return DATAFILE_SECTION;
			mistake(d, "\"%.60s\" is not [kind name]", d->buf);
		} else if (!split_setting(d)) {
			mistake(d, "\"%.60s\" is not name = value", d->buf);
		} else if (is_for_reader(d)) {
			return DATAFILE_SETTING;
		}
	}
	end_head(d);
	d->in_section = true;
	return DATAFILE_END;
}

/* ---- values */

/* Digits at *p, which moves past them; too many stay at UINT64_MAX. */
static bool
digits(const char **p, uint64_t *n_r)
{
	uint64_t n = 0;

	if (!is_digit(**p))
		return false;
	for (; is_digit(**p); (*p)++)
		n = n > UINT64_MAX / 16 ? UINT64_MAX :
		    n * 10 + (uint64_t)(**p - '0');
	*n_r = n;
	return true;
}

int
datafile_number(const char *value, uint32_t min, uint32_t max, uint32_t *n_r,
    struct err *e)
{
	const char *p = value;
	uint64_t n;

	if (!digits(&p, &n) || *p != '\0') {
		err_set(e, ERR_INPUT, "\"%.40s\" is not a number", value);
		return -1;
	}
	if (n < min || n > max) {
		err_set(e, ERR_LIMIT, "%.40s is %s, %u", value,
		    n < min ? "below the minimum" : "above the maximum",
		    n < min ? min : max);
		return -1;
	}
	*n_r = (uint32_t)n;
	return 0;
}

int
datafile_duration(const char *value, uint32_t *seconds_r, struct err *e)
{
	static const struct {
		char		name;
		uint32_t	seconds;
	} units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 } };
	const char *p = value;
	uint64_t n = 0;
	size_t u = 0;

	if (digits(&p, &n))
		while (u < 4 && units[u].name != *p)
			u++;
	else
		u = 4;
	if (u == 4 || p[1] != '\0') {
		err_set(e, ERR_INPUT, "\"%.40s\" is not a number with s, m, h "
		    "or d", value);
		return -1;
	}
	if (n == 0 || n > DATAFILE_SECONDS_MAX / units[u].seconds) {
		err_set(e, ERR_LIMIT, "%.40s is not between 1s and %ud", value,
		    DATAFILE_SECONDS_MAX / 86400);
		return -1;
	}
	*seconds_r = (uint32_t)n * units[u].seconds;
	return 0;
}

int
datafile_choice(const char *value, const char *const *names, uint32_t *n_r,
    struct err *e)
{
	struct strbuf all = STRBUF_INIT(ERR_TEXT_MAX / 2);

	for (uint32_t i = 0; names[i] != NULL; i++) {
		if (strcmp(names[i], value) == 0) {
			*n_r = i;
			strbuf_free(&all);
			return 0;
		}
		strbuf_addf(&all, "%s%s", i == 0 ? "" :
		    names[i + 1] == NULL ? " or " : ", ", names[i]);
	}
	err_set(e, ERR_INPUT, "\"%.40s\" is not %s", value, all.s);
	strbuf_free(&all);
	return -1;
}

int
datafile_name_check(const char *name, struct err *e)
{
	size_t n = 0;

	while (is_name_char(name[n]))
		n++;
	if (n == 0 || name[n] != '\0') {
		err_set(e, ERR_INPUT, "\"%.60s\" is not a name of letters, "
		    "digits, '-', '.' and '_'", name);
		return -1;
	}
	if (n > DATAFILE_NAME_MAX) {
		err_set(e, ERR_LIMIT, "\"%.60s...\" is longer than %d octets",
		    name, DATAFILE_NAME_MAX);
		return -1;
	}
	return 0;
}

int
datafile_host(char *value, struct err *e)
{
	size_t label = 0, n;

	for (n = 0; value[n] != '\0'; n++) {
		if (value[n] >= 'A' && value[n] <= 'Z')
			value[n] = (char)(value[n] + ('a' - 'A'));
		if (value[n] == '.' ? label == 0 : !is_name_char(value[n]))
			goto bad;
		label = value[n] == '.' ? 0 : label + 1;
		if (label > LABEL_MAX)
			goto bad;
	}
	if (label != 0 && n <= HOST_MAX)
		return 0;
bad:
	err_set(e, ERR_INPUT, "\"%.60s\" is not a host name", value);
	return -1;
}

char *
datafile_word(char **rest)
{
	char *p = *rest, *word;

	while (is_blank(*p) || *p == ',')
		p++;
	if (*p == '\0') {
		*rest = p;
		return NULL;
	}
	for (word = p; *p != '\0' && !is_blank(*p) && *p != ','; p++)
		;
	if (*p != '\0')
		*p++ = '\0';
	*rest = p;
	return word;
}

int
datafile_phrase(char **rest, char **phrase_r, struct err *e)
{
	char *p = *rest, *end;

	while (is_blank(*p))
		p++;
	*rest = p;
	if (*p == '\0')
		return 0;
	if (*p != '"' || (end = strchr(p + 1, '"')) == NULL || end == p + 1) {
		err_set(e, ERR_INPUT, "\"%.40s\" is not a phrase in double "
		    "quotes", *p == '"' ? p + 1 : p);
		return -1;
	}
	*end = '\0';
	*phrase_r = p + 1;
	*rest = end + 1;
	return 1;
}

/* FNV-1a of 32 bits. */
uint32_t
datafile_key(const char *name)
{
	uint32_t h = 2166136261u;

	for (; *name != '\0'; name++)
		h = (h ^ (unsigned char)*name) * 16777619u;
	return h != 0 ? h : 1;
}
