/* SPDX-License-Identifier: Apache-2.0 */
/*
 * listctl_print.c - JSON results as people read them.
 */
#include "config.h"

#include <stdint.h>
#include <string.h>

#include "listd/listctl_print.h"

#define INDENT	2

static void print_value(FILE *out, const json_t *v);

/* Plain words go as they are, all else quoted with escapes. */
static void
print_string(FILE *out, const char *s)
{
	bool plain = *s != '\0';

	for (const unsigned char *p = (const unsigned char *)s; *p != '\0'; p++)
		plain = plain && *p > ' ' && *p != '"' && *p != '\\' &&
		    *p != '=' && *p != 0x7f;
	if (plain) {
		fputs(s, out);
		return;
	}
	putc('"', out);
	for (const unsigned char *p = (const unsigned char *)s; *p != '\0'; p++)
		if (*p < ' ' || *p == 0x7f)
			fprintf(out, "\\x%02x", *p);
		else if (*p == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0)
			fprintf(out, "\\x%02x", *++p);	/* C1 controls */
		else if (*p == '"' || *p == '\\')
			fprintf(out, "\\%c", *p);
		else
			putc(*p, out);
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
