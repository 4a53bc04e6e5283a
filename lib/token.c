/* SPDX-License-Identifier: Apache-2.0 */
/*
 * token.c - tokens made and read.
 *
 * All but the confirm token are alike: fields, then a cut MAC over them.  A
 * row of the table below is all that tells them apart, and token_seal() and
 * token_open() do the rest.
 */
#include "config.h"

#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "lib/base32.h"
#include "lib/err.h"
#include "lib/keyring.h"
#include "lib/token.h"

#define OCTETS_MAX	41	/* of the longest token, as bytes */

struct kind {
	const char		*label;
	enum key_purpose	 purpose;
	size_t			 fields;	/* octets before the MAC */
	size_t			 mac;		/* octets of it */
};

static const struct kind
    kind_url = { "listd unsubscribe url v1", KEY_URL, 25, 16 },
    kind_mailto = { "listd unsubscribe mailto v1", KEY_URL, 21, 10 };

static const struct kind kind_delivery[] = {
	[TOKEN_VERP] = { "listd verp v1", KEY_VERP, 17, 10 },
	[TOKEN_MESSAGE_ID] = { "listd message-id v1", KEY_VERP, 17, 10 },
};

static const char *const confirm_labels[TOKEN_CONFIRM_USES] = {
	[TOKEN_CONFIRM_SUBSCRIPTION] = "listd confirm subscription v1",
	[TOKEN_CONFIRM_OWNER] = "listd confirm owner address v1",
	[TOKEN_CONFIRM_CHANGE] = "listd confirm change of address v1",
	[TOKEN_CONFIRM_EXPORT] = "listd confirm access export v1",
};

static uint8_t *
put_be(uint8_t *p, uint64_t v, size_t octets)
{
	for (size_t i = 0; i < octets; i++)
		p[i] = (uint8_t)(v >> (8 * (octets - 1 - i)));
	return p + octets;
}

static uint64_t
get_be(const uint8_t *p, size_t octets)
{
	uint64_t v = 0;

	for (size_t i = 0; i < octets; i++)
		v = v << 8 | p[i];
	return v;
}

/* The id that stands in the token: KEY_CURRENT names no key there. */
static uint8_t
real_id(const struct keyring *kr, enum key_purpose purpose, uint8_t id)
{
	return id != KEY_CURRENT ? id : keyring_current(kr, purpose);
}

static int
no_key(enum key_purpose purpose, uint8_t id, struct err *e)
{
	err_set(e, ERR_CRYPTO, "no usable %s key of id %u",
	    key_purpose_name(purpose), id);
	return -1;
}

/* Seal the fields at octets, put their MAC after them, write it all out. */
static int
token_seal(const struct keyring *kr, const struct kind *k,
    uint8_t octets[static OCTETS_MAX], char *out, struct err *e)
{
	uint8_t mac[KEY_MAC_OCTETS];

	out[0] = '\0';
	if (!keyring_mac(kr, k->purpose, octets[0], k->label, octets,
	    k->fields, mac))
		return no_key(k->purpose, octets[0], e);
	memcpy(octets + k->fields, mac, k->mac);
	base32_encode(octets, k->fields + k->mac, out);
	return 0;
}

/* The fields of text[len] at octets, when it is a token of this kind. */
static bool
token_open(const struct keyring *kr, const struct kind *k, const char *text,
    size_t len, uint8_t octets[static OCTETS_MAX])
{
	uint8_t mac[KEY_MAC_OCTETS];

	return base32_decode(text, len, octets, k->fields + k->mac) &&
	    octets[0] != KEY_CURRENT &&
	    keyring_mac(kr, k->purpose, octets[0], k->label, octets,
	    k->fields, mac) &&
	    CRYPTO_memcmp(mac, octets + k->fields, k->mac) == 0;
}

int
token_url_format(const struct keyring *kr, uint8_t key_id,
    const struct token_unsubscribe *t, char out[static TOKEN_URL_LEN + 1],
    struct err *e)
{
	uint8_t octets[OCTETS_MAX], *p = octets;

	p = put_be(p, real_id(kr, KEY_URL, key_id), 1);
	p = put_be(p, t->list, 4);
	memcpy(p, t->address, TOKEN_ADDRESS_OCTETS);
	put_be(p + TOKEN_ADDRESS_OCTETS, t->campaign, 4);
	return token_seal(kr, &kind_url, octets, out, e);
}

bool
token_url_parse(const struct keyring *kr, const char *text, size_t len,
    struct token_unsubscribe *t_r)
{
	uint8_t octets[OCTETS_MAX];

	if (!token_open(kr, &kind_url, text, len, octets))
		return false;
	t_r->list = (uint32_t)get_be(octets + 1, 4);
	memcpy(t_r->address, octets + 5, TOKEN_ADDRESS_OCTETS);
	t_r->campaign = (uint32_t)get_be(octets + 21, 4);
	return true;
}

int
token_mailto_format(const struct keyring *kr, uint8_t key_id,
    const struct token_unsubscribe *t, char out[static TOKEN_MAILTO_LEN + 1],
    struct err *e)
{
	uint8_t octets[OCTETS_MAX], *p = octets;

	p = put_be(p, real_id(kr, KEY_URL, key_id), 1);
	p = put_be(p, t->list, 4);
	memcpy(p, t->address, TOKEN_ADDRESS_OCTETS);
	return token_seal(kr, &kind_mailto, octets, out, e);
}

bool
token_mailto_parse(const struct keyring *kr, const char *text, size_t len,
    struct token_unsubscribe *t_r)
{
	uint8_t octets[OCTETS_MAX];

	if (!token_open(kr, &kind_mailto, text, len, octets))
		return false;
	t_r->list = (uint32_t)get_be(octets + 1, 4);
	memcpy(t_r->address, octets + 5, TOKEN_ADDRESS_OCTETS);
	t_r->campaign = 0;
	return true;
}

int
token_delivery_format(const struct keyring *kr, uint8_t key_id,
    enum token_delivery_use use, const struct token_delivery *t,
    char out[static TOKEN_DELIVERY_LEN + 1], struct err *e)
{
	uint8_t octets[OCTETS_MAX], *p = octets;

	p = put_be(p, real_id(kr, KEY_VERP, key_id), 1);
	p = put_be(p, t->campaign, 8);
	put_be(p, t->subscriber, 8);
	return token_seal(kr, &kind_delivery[use], octets, out, e);
}

bool
token_delivery_parse(const struct keyring *kr, enum token_delivery_use use,
    const char *text, size_t len, struct token_delivery *t_r)
{
	uint8_t octets[OCTETS_MAX];

	if (!token_open(kr, &kind_delivery[use], text, len, octets))
		return false;
	t_r->campaign = get_be(octets + 1, 8);
	t_r->subscriber = get_be(octets + 9, 8);
	return true;
}

/* ---- confirmations: not read back but looked up by hash */

#define CONFIRM_OCTETS	16

int
token_confirm_format(const struct keyring *kr, uint8_t key_id,
    enum token_confirm_use use,
    const uint8_t request[static TOKEN_REQUEST_OCTETS],
    char out[static TOKEN_CONFIRM_LEN + 1], struct err *e)
{
	uint8_t mac[KEY_MAC_OCTETS];

	out[0] = '\0';
	if (!keyring_mac(kr, KEY_CONFIRM, key_id, confirm_labels[use],
	    request, TOKEN_REQUEST_OCTETS, mac))
		return no_key(KEY_CONFIRM, key_id, e);
	base32_encode(mac, CONFIRM_OCTETS, out);
	return 0;
}

bool
token_hash(const char *text, size_t len,
    uint8_t hash_r[static TOKEN_HASH_OCTETS])
{
	uint8_t octets[CONFIRM_OCTETS], hash[TOKEN_HASH_OCTETS];

	if (!base32_decode(text, len, octets, sizeof(octets)) ||
	    !EVP_Digest(octets, sizeof(octets), hash, NULL, EVP_sha256(),
	    NULL))
		return false;
	memcpy(hash_r, hash, sizeof(hash));
	return true;
}

bool
token_confirm_again(const struct keyring *kr, enum token_confirm_use use,
    const uint8_t request[static TOKEN_REQUEST_OCTETS],
    const uint8_t hash[static TOKEN_HASH_OCTETS],
    char out[static TOKEN_CONFIRM_LEN + 1])
{
	uint8_t got[TOKEN_HASH_OCTETS];
	size_t i = keyring_count(kr, KEY_CONFIRM);

	while (i-- > 0) {
		uint8_t id = keyring_id(kr, KEY_CONFIRM, i);

		if (token_confirm_format(kr, id, use, request, out,
		    NULL) == 0 &&
		    token_hash(out, TOKEN_CONFIRM_LEN, got) &&
		    CRYPTO_memcmp(got, hash, sizeof(got)) == 0)
			return true;
	}
	out[0] = '\0';
	return false;
}
