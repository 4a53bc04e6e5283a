/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_header.c - any value goes to the reader, and as text, name and raw
 * value to the writers: what comes out is one field, whatever went in.
 */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/address.h"
#include "lib/err.h"
#include "lib/header.h"
#include "lib/strbuf.h"
#include "lib/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Exactly one field: CR LF only at its end and before a blank. */
static void
check_field(const struct strbuf *b)
{
	size_t line = 0;

	if (b->len < 2 || memcmp(b->s + b->len - 2, "\r\n", 2) != 0)
		abort();
	for (size_t i = 0; i < b->len; i++, line++) {
		if (b->s[i] == '\r') {
			if (b->s[i + 1] != '\n' || line > HEADER_LINE_MAX ||
			    (i + 2 < b->len && b->s[i + 2] != ' '))
				abort();
			i++;
			line = (size_t)-1;
		} else if (b->s[i] < 0x20 || b->s[i] > 0x7e) {
			abort();
		}
	}
}

static void
check_text(const char *text, size_t size, struct strbuf *field,
    struct strbuf *back)
{
	struct err e;

	if (header_field_text(field, "Subject", text, size, &e) == -1) {
		if (field->len != 0)
			abort();
		return;
	}
	check_field(field);
	if (size > 0 && (header_decode(back, field->s + 9, field->len - 9,
	    &e) == -1 || back->len != size ||
	    memcmp(back->s, text, size) != 0))
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct address a = { "a", "b.example" };
	struct strbuf field = STRBUF_INIT(8 * HEADER_VALUE_MAX);
	struct strbuf back = STRBUF_INIT(4 * HEADER_DECODE_MAX);
	const char *text = (const char *)data;
	struct err e;

	if (header_decode(&back, text, size, &e) == 0 &&
	    !utf8_valid(back.s, back.len))
		abort();
	for (size_t i = 0; i < back.len; i++)
		if ((uint8_t)back.s[i] < 0x20 || back.s[i] == 0x7f)
			abort();
	strbuf_reset(&back);
	check_text(text, size, &field, &back);
	strbuf_reset(&field);
	if (header_field_mailbox(&field, "From", text, size, &a, &e) == 0)
		check_field(&field);
	strbuf_reset(&field);
	if (header_field_raw(&field, "List-Unsubscribe", text, size, &e) == 0)
		check_field(&field);
	strbuf_free(&field);
	strbuf_free(&back);
	return 0;
}
