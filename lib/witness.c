/* SPDX-License-Identifier: Apache-2.0 */
/*
 * witness.c - a checkpoint as a header field.
 */
#include "config.h"

#include <stdint.h>
#include <string.h>

#include "lib/base64.h"
#include "lib/err.h"
#include "lib/header.h"
#include "lib/strbuf.h"
#include "lib/witness.h"

#define LINE	64	/* characters between blanks, where it may fold */

_Static_assert(BASE64_LEN(WITNESS_NOTE_MAX) == WITNESS_OCTETS, "all fit");

int
witness_write(struct strbuf *out, const char *note, size_t len, struct err *e)
{
	struct strbuf base64 = STRBUF_INIT(WITNESS_OCTETS);
	struct strbuf value = STRBUF_INIT(2 * WITNESS_OCTETS);
	int ret;

	if (len == 0 || len > WITNESS_NOTE_MAX) {
		err_set(e, ERR_LIMIT, "a checkpoint of %zu octets", len);
		return -1;
	}
	base64_put(&base64, note, len);
	for (size_t at = 0; at < base64.len; at += LINE) {
		size_t n = base64.len - at < LINE ? base64.len - at : LINE;

		if (at > 0)
			strbuf_addc(&value, ' ');
		strbuf_add(&value, base64.s + at, n);
	}
	ret = header_field_raw(out, WITNESS_FIELD, value.s, value.len, e);
	strbuf_free(&base64);
	strbuf_free(&value);
	return ret;
}

int
witness_read(struct strbuf *out, const char *value, size_t len, struct err *e)
{
	char base64[WITNESS_OCTETS];
	uint8_t note[WITNESS_NOTE_MAX];
	size_t n = 0, octets;

	for (size_t i = 0; i < len; i++) {
		if (strchr(" \t\r\n", value[i]) != NULL && value[i] != '\0')
			continue;
		if (n == sizeof(base64))
			goto bad;
		base64[n++] = value[i];
	}
	if (n == 0 || !base64_get(base64, n, note, sizeof(note), &octets))
		goto bad;
	strbuf_add(out, note, octets);
	if (!out->overflow)
		return 0;
bad:
	err_set(e, ERR_INPUT, "no checkpoint in the field %s", WITNESS_FIELD);
	return -1;
}
