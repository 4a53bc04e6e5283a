/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_cbor.c - what is accepted is written again and must be the same bytes:
 * there is one encoding of everything.
 */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cbor.h"
#include "lib/strbuf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
put(struct strbuf *b, const struct cbor_item *it)
{
	switch (it->type) {
	case CBOR_UINT: cbor_put_uint(b, it->value); break;
	case CBOR_NINT: cbor_put_nint(b, it->value); break;
	case CBOR_BYTES:
		cbor_put_bytes(b, it->string.p, it->string.len);
		break;
	case CBOR_TEXT:
		cbor_put_text(b, (const char *)it->string.p, it->string.len);
		break;
	case CBOR_ARRAY: cbor_put_array(b, it->value); break;
	case CBOR_MAP: cbor_put_map(b, it->value); break;
	case CBOR_BOOL: cbor_put_bool(b, it->value != 0); break;
	case CBOR_NULL: cbor_put_null(b); break;
	case CBOR_BAD: abort();
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct strbuf b = STRBUF_INIT(2 << 20);
	struct cbor c, skip;

	cbor_init(&c, data, size);
	cbor_init(&skip, data, size);
	while (!cbor_done(&c)) {
		struct cbor_item it = cbor_next(&c);

		if (it.type == CBOR_BAD)
			break;
		put(&b, &it);
	}
	if (cbor_done(&c) && (b.overflow || b.len != size ||
	    memcmp(b.s, data, size) != 0))
		abort();
	if (cbor_done(&c) != (cbor_skip(&skip) && cbor_done(&skip)))
		abort();
	strbuf_free(&b);
	return 0;
}
