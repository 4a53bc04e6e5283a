/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_reply_class.c - any reply gets a verdict, and never a hard one from a
 * temporary code (R125).
 *
 * The first octet is the step, two more the code, the rest is text.
 */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>

#include "lib/reply_class.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reply_class c;
	struct enhanced e;
	const char *text;
	size_t n;
	int code;

	if (size < 3)
		return 0;
	code = 200 + (data[1] << 8 | data[2]) % 400;
	if (data[1] == 0xff)
		code = 0;
	text = (const char *)data + 3;
	size -= 3;
	n = enhanced_parse(text, size, &e);
	reply_classify_text((enum reply_stage)(data[0] %
	    (REPLY_AT_REPORT + 1)), code, &e, text + n, size - n, &c);
	if (code / 100 == 4 && c.recipient == REPLY_RECIPIENT_HARD)
		abort();
	if (c.category >= REPLY_CATEGORIES)
		abort();
	return 0;
}
