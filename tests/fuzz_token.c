/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_token.c - base32, and every token reader: nobody without the key gets
 * a token past them, and what base32 takes it gives back.
 */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base32.h"
#include "lib/keyring.h"
#include "lib/token.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A key that no mutation of the seeds will guess a MAC for. */
static struct keyring *
ring(void)
{
	static const uint8_t octets[KEY_OCTETS] = "a key for the fuzzer alone";
	struct keyring *kr = keyring_new();

	for (enum key_purpose p = 0; p < KEY_PURPOSES; p++)
		if (keyring_rotate(kr, p, octets, NULL, NULL) == -1)
			abort();
	return kr;
}

static void
round_trip(const char *text, size_t len)
{
	uint8_t octets[100];
	char back[BASE32_LEN(sizeof(octets)) + 1];
	size_t n = len * 5 / 8;

	if (n > sizeof(octets) || !base32_decode(text, len, octets, n))
		return;
	base32_encode(octets, n, back);
	for (size_t i = 0; i < len; i++)
		if (back[i] != text[i] && back[i] != (text[i] | 0x20))
			abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	uint8_t hash[TOKEN_HASH_OCTETS];
	struct keyring *kr = ring();
	struct token_unsubscribe u;
	struct token_delivery d;

	round_trip(text, size);
	token_hash(text, size, hash);
	if (token_url_parse(kr, text, size, &u) ||
	    token_mailto_parse(kr, text, size, &u) ||
	    token_delivery_parse(kr, TOKEN_VERP, text, size, &d) ||
	    token_delivery_parse(kr, TOKEN_MESSAGE_ID, text, size, &d))
		abort();
	keyring_free(kr);
	return 0;
}
