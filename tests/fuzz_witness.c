/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_witness.c - whatever is read from a field makes the same field again.
 */
#include "config.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/err.h"
#include "lib/strbuf.h"
#include "lib/witness.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct strbuf note = STRBUF_INIT(1024), again = STRBUF_INIT(1024);
	struct strbuf field = STRBUF_INIT(2048);
	struct err e = ERR_INIT;
	const char *value;

	if (witness_read(&note, (const char *)data, size, &e) == 0) {
		if (witness_write(&field, note.s, note.len, &e) == -1)
			abort();
		value = strchr(field.s, ':') + 1;
		if (witness_read(&again, value, strlen(value), &e) == -1 ||
		    again.len != note.len ||
		    memcmp(again.s, note.s, note.len) != 0)
			abort();
	}
	strbuf_free(&note);
	strbuf_free(&again);
	strbuf_free(&field);
	return 0;
}
