/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_signed_note.c - notes and verifier keys: what is taken has one
 * spelling, and nobody without the seed signs.
 */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base64.h"
#include "lib/signed_note.h"
#include "lib/strbuf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
same(struct strbuf *b, const uint8_t *data, size_t size)
{
	if (b->len != size || memcmp(b->s, data, size) != 0)
		abort();
	strbuf_free(b);
}

static void
fuzz_note(const uint8_t *data, size_t size)
{
	/* a seed that no mutation finds out */
	static const uint8_t seed[NOTE_KEY_OCTETS] = "for the fuzzer alone";
	struct strbuf b = STRBUF_INIT(NOTE_MAX);
	struct note_key key;
	struct note n;
	uint64_t time;

	if (note_parse(&n, data, size, NULL) == -1)
		return;
	strbuf_add(&b, n.text.p, n.text.len);
	strbuf_addc(&b, '\n');
	for (size_t i = 0; i < n.n; i++) {
		const struct note_signature *s = &n.signature[i];

		strbuf_add(&b, s->line.p, s->line.len);
		if (!note_name_valid((const char *)s->name.p, s->name.len))
			abort();
	}
	same(&b, data, size);
	if (note_key_make(&key, size & 1 ? NOTE_ED25519 : NOTE_COSIGNATURE,
	    "PeterNeumann", seed, NULL) == -1)
		abort();
	memcpy(key.id, "\xc7\x4f\x20\xa3", 4);	/* of the corpus */
	if (note_verify(&n, &key, &time) == NOTE_SIGNED)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct strbuf b = STRBUF_INIT(1 << 21);
	uint8_t octets[300];
	struct note_key key;
	size_t n;

	fuzz_note(data, size);
	if (note_key_parse(&key, text, size, NULL) == 0) {
		note_key_format(&key, &b);
		same(&b, data, size);
	}
	if (base64_get(text, size, octets, sizeof(octets), &n)) {
		base64_put(&b, octets, n);
		same(&b, data, size);
	}
	strbuf_free(&b);
	return 0;
}
