/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_consent.c - an entry that is taken and holds only keys we know is
 * written again as the same bytes; JSON can be made of it; what we write of
 * any octets we take back.
 */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cbor.h"
#include "lib/strbuf.h"
#include "spool/consent_private.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Does the map have keys that this program does not know? */
static bool
has_unknown(const uint8_t *data, size_t size)
{
	const struct consent_field *f;
	struct cbor in;
	bool known = true;

	cbor_init(&in, data, size);
	for (uint64_t n = cbor_next(&in).value; n > 0 && known; n--) {
		uint64_t key = cbor_next(&in).value;

		known = false;
		for (size_t i = 0; (f = consent_field(i)) != NULL; i++)
			known = known || f->key == key;
		cbor_skip(&in);
	}
	return !known;
}

/* An entry that is taken and holds only keys we know has one encoding. */
static void
encodes_again(const uint8_t *data, size_t size, const struct consent *c)
{
	struct strbuf b = STRBUF_INIT(CONSENT_ENTRY_MAX);
	struct consent again;

	if (consent_encode(&b, c, NULL) == -1 || b.len > size)
		abort();
	if (!has_unknown(data, size) &&
	    (b.len != size || memcmp(b.s, data, size) != 0))
		abort();
	if (consent_decode((struct slice){ (uint8_t *)b.s, b.len }, &again,
	    NULL) == -1 || again.kind != c->kind ||
	    again.when_ms != c->when_ms || again.list != c->list)
		abort();
	strbuf_free(&b);
}

/* What we make of any texts, however broken, we take back. */
static void
encodes_anything(const uint8_t *data, size_t size)
{
	struct strbuf b = STRBUF_INIT(CONSENT_ENTRY_MAX);
	const struct slice s = { data, size };
	const struct consent c = { .kind = CONSENT_REQUEST, .agent = s,
	    .raw = s, .note = { data, size / 2 } };
	struct consent back;

	if (consent_encode(&b, &c, NULL) == -1 || consent_decode(
	    (struct slice){ (uint8_t *)b.s, b.len }, &back, NULL) == -1)
		abort();
	encodes_again((uint8_t *)b.s, b.len, &back);
	strbuf_free(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct consent c;
	json_t *j;

	if (size > 16384)
		return 0;
	encodes_anything(data, size);
	if (consent_decode((struct slice){ data, size }, &c, NULL) == -1)
		return 0;
	if ((j = consent_json(1, &c)) == NULL)
		abort();
	json_decref(j);
	encodes_again(data, size, &c);
	return 0;
}
