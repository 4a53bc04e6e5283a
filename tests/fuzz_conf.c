/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_conf.c - any file is read or refused, and what is read dumps to a file
 * that reads back equal.
 */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/conf.h"
#include "lib/strbuf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct strbuf text = STRBUF_INIT(1 << 18);
	static struct conf a, b;
	int rc;

	rc = conf_parse(&a, "fuzz", data, size, &text);
	if ((rc == 0) != (text.len == 0))
		abort();
	strbuf_reset(&text);
	conf_dump(&a, &text);
	if (rc == 0 && !text.overflow) {
		struct strbuf said = STRBUF_INIT(1 << 18);

		if (conf_parse(&b, "dump", text.s, text.len, &said) != 0 ||
		    memcmp(&a, &b, sizeof(a)) != 0)
			abort();
		strbuf_free(&said);
	}
	strbuf_free(&text);
	return 0;
}
