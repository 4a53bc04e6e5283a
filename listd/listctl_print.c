/* SPDX-License-Identifier: Apache-2.0 */
/*
 * listctl_print.c - JSON results as people read them.
 */
#include "config.h"

#include <stdint.h>
#include <string.h>

#include "lib/utf8.h"
#include "listd/listctl_print.h"

#define INDENT	2

static void print_value(FILE *out, const json_t *v);

/*
 * The octets of the character at s.  Harmful is what a terminal must not get
 * as it is (T31): controls, C1 among them, characters that turn the direction
 * of text or show nothing, and what is no UTF-8.
 */
static size_t
look(const char *s, bool *harmful_r)
{
	static const struct { uint32_t first, last; } sets[] = {
		{ 0, 0x1f }, { 0x7f, 0x9f }, { 0xad, 0xad }, { 0x61c, 0x61c },
		{ 0x200b, 0x200f }, { 0x2028, 0x202e }, { 0x2060, 0x206f },
		{ 0xfeff, 0xfeff }, { 0xe0000, 0xe007f },
	};
	uint32_t c;
	size_t n = utf8_next(s, strnlen(s, UTF8_OCTETS_MAX), &c);

	*harmful_r = n == 0;
	for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]) && n > 0; i++)
		if (c >= sets[i].first && c <= sets[i].last)
			*harmful_r = true;
	return n > 0 ? n : 1;
}

static void
print_octets(FILE *out, const char *s, size_t n)
{
	while (n-- > 0)
		fprintf(out, "\\x%02x", (unsigned char)*s++);
}

void
listctl_print_text(FILE *out, const char *s)
{
	bool harmful;
	size_t n;

	for (; *s != '\0'; s += n) {
		n = look(s, &harmful);
		if (harmful && *s != '\n')
			print_octets(out, s, n);
		else
			fwrite(s, 1, n, out);
	}
}

static bool
is_plain(const char *s)
{
	bool harmful = *s == '\0' || strpbrk(s, " \"\\=") != NULL;

	while (*s != '\0' && !harmful)
		s += look(s, &harmful);
	return !harmful;
}

/* Plain words go as they are, all else quoted with escapes. */
static void
print_string(FILE *out, const char *s)
{
	bool harmful;
	size_t n;

	if (is_plain(s)) {
		fputs(s, out);
		return;
	}
	putc('"', out);
	for (; *s != '\0'; s += n) {
		n = look(s, &harmful);
		if (*s == '"' || *s == '\\')
			putc('\\', out);
		if (harmful)
			print_octets(out, s, n);
		else
			fwrite(s, 1, n, out);
	}
	putc('"', out);
}

static void
print_array(FILE *out, const json_t *v)
{
	size_t i;
	json_t *item;

	json_array_foreach(v, i, item) {
		if (i > 0)
			putc(',', out);
		print_value(out, item);
	}
}

static void
print_pairs(FILE *out, const json_t *v, const char *between)
{
	const char *key, *sep = "";
	json_t *item;

	json_object_foreach((json_t *)(uintptr_t)v, key, item) {
		fprintf(out, "%s%s=", sep, key);
		print_value(out, item);
		sep = between;
	}
}

static void
print_value(FILE *out, const json_t *v)
{
	switch (json_typeof(v)) {
	case JSON_STRING:
		print_string(out, json_string_value(v));
		break;
	case JSON_INTEGER:
		fprintf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
		break;
	case JSON_REAL:
		fprintf(out, "%.6g", json_real_value(v));
		break;
	case JSON_ARRAY:
		print_array(out, v);
		break;
	case JSON_OBJECT:
		putc('{', out);
		print_pairs(out, v, " ");
		putc('}', out);
		break;
	case JSON_TRUE:
		fputs("yes", out);
		break;
	case JSON_FALSE:
		fputs("no", out);
		break;
	case JSON_NULL:
		fputs("-", out);
		break;
	}
}

static bool
is_rows(const json_t *v)
{
	return json_is_array(v) && json_is_object(json_array_get(v, 0));
}

/* A line per key; arrays of objects as indented lines of their own. */
static void
print_block(FILE *out, const json_t *v, int indent)
{
	const char *key;
	json_t *item, *row;
	size_t i;

	json_object_foreach((json_t *)(uintptr_t)v, key, item) {
		fprintf(out, "%*s%s:", indent, "", key);
		if (json_is_object(item)) {
			putc('\n', out);
			print_block(out, item, indent + INDENT);
			continue;
		}
		if (!is_rows(item)) {
			putc(' ', out);
			print_value(out, item);
			putc('\n', out);
			continue;
		}
		putc('\n', out);
		json_array_foreach(item, i, row) {
			fprintf(out, "%*s", indent + INDENT, "");
			print_pairs(out, row, " ");
			putc('\n', out);
		}
	}
}

void
listctl_print(FILE *out, const json_t *v, bool json, bool block)
{
	if (json) {
		json_dumpf(v, out, JSON_COMPACT | JSON_ENCODE_ANY);
		putc('\n', out);
	} else if (json_is_object(v) && block) {
		print_block(out, v, 0);
	} else if (json_is_object(v)) {
		print_pairs(out, v, " ");
		putc('\n', out);
	} else {
		print_value(out, v);
		putc('\n', out);
	}
}
