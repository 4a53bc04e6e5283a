/* SPDX-License-Identifier: Apache-2.0 */
/*
 * form_token.c - the hidden field that shows a form was shown (X38).
 */
#include "config.h"

#include <string.h>

#include <openssl/crypto.h>

#include "lib/keyring.h"
#include "lib/pack.h"
#include "lib/strbuf.h"
#include "web/form_token.h"

#define LABEL		"listd web form v1"
#define TIME_OCTETS	8
#define MAC_OCTETS	16
#define MAC_AT		(1 + TIME_OCTETS)

_Static_assert(MAC_AT + MAC_OCTETS == FORM_TOKEN_OCTETS, "layout");

static bool
make_mac(const struct keyring *kr, uint8_t id, int64_t ms, uint32_t list,
    const uint8_t *shown, uint8_t mac[static KEY_MAC_OCTETS])
{
	struct strbuf b = STRBUF_INIT(64);
	bool ok;

	pack_u8(&b, id);
	pack_i64(&b, ms);
	pack_u32(&b, list);
	pack_raw(&b, shown, FORM_TOKEN_HASH);
	ok = !b.overflow && keyring_mac(kr, KEY_CONFIRM, id, LABEL, b.s,
	    b.len, mac);
	strbuf_free(&b);
	return ok;
}

void
form_token_make(const struct keyring *kr, uint32_t list,
    const uint8_t shown[static FORM_TOKEN_HASH], int64_t now_ms,
    char out[static FORM_TOKEN_LEN + 1])
{
	uint8_t mac[KEY_MAC_OCTETS], octets[FORM_TOKEN_OCTETS];
	uint8_t id = keyring_current(kr, KEY_CONFIRM);

	out[0] = '\0';
	if (id == 0 || !make_mac(kr, id, now_ms, list, shown, mac))
		return;
	octets[0] = id;
	for (int i = 0; i < TIME_OCTETS; i++)
		octets[1 + i] = (uint8_t)((uint64_t)now_ms >> (56 - 8 * i));
	memcpy(octets + MAC_AT, mac, MAC_OCTETS);
	base32_encode(octets, sizeof(octets), out);
}

enum form_token
form_token_check(const struct keyring *kr, const char *token, uint32_t list,
    const uint8_t shown[static FORM_TOKEN_HASH], int64_t now_ms)
{
	uint8_t mac[KEY_MAC_OCTETS], octets[FORM_TOKEN_OCTETS];
	struct unpack u;
	int64_t ms, age;
	uint8_t id;

	if (strlen(token) != FORM_TOKEN_LEN ||
	    !base32_decode(token, FORM_TOKEN_LEN, octets, sizeof(octets)))
		return FORM_TOKEN_BAD;
	unpack_init(&u, octets, sizeof(octets));
	id = unpack_u8(&u);
	ms = unpack_i64(&u);
	if (id == KEY_CURRENT || !make_mac(kr, id, ms, list, shown, mac) ||
	    CRYPTO_memcmp(mac, octets + MAC_AT, MAC_OCTETS) != 0)
		return FORM_TOKEN_BAD;
	/* The MAC is ours, so the time is one our clock once showed. */
	age = now_ms - ms;
	if (age > FORM_TOKEN_MAX_MS)
		return FORM_TOKEN_OLD;
	return age < FORM_TOKEN_MIN_MS ? FORM_TOKEN_YOUNG : FORM_TOKEN_GOOD;
}
