/* SPDX-License-Identifier: Apache-2.0 */
/*
 * signed_note_key.c - names and public keys of those who sign notes.
 */
#include "config.h"

#include <string.h>

#include <openssl/evp.h>

#include "lib/base64.h"
#include "lib/err.h"
#include "lib/hex.h"
#include "lib/signed_note.h"
#include "lib/strbuf.h"
#include "lib/utf8.h"

#define ID		4			/* octets of a key id */
#define MATERIAL	(1 + NOTE_KEY_OCTETS)	/* type and public key */

/* White_Space of the Unicode standard, above ASCII's control characters. */
static bool
is_space(uint32_t c)
{
	return c == ' ' || c == 0x85 || c == 0xa0 || c == 0x1680 ||
	    (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 ||
	    c == 0x202f || c == 0x205f || c == 0x3000;
}

bool
note_name_valid(const char *name, size_t len)
{
	if (len == 0 || len > NOTE_NAME_MAX)
		return false;
	while (len > 0) {
		uint32_t c;
		size_t n = utf8_next(name, len, &c);

		if (n == 0 || c < 0x20 || c == '+' || is_space(c))
			return false;
		name += n;
		len -= n;
	}
	return true;
}

/* SHA-256(name | LF | type | public key), cut. */
static bool
key_id(const struct note_key *key, uint8_t id[ID])
{
	const uint8_t middle[2] = { '\n', (uint8_t)key->type };
	uint8_t hash[32];
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	bool ok = md != NULL && EVP_DigestInit_ex(md, EVP_sha256(), NULL) &&
	    EVP_DigestUpdate(md, key->name, strlen(key->name)) &&
	    EVP_DigestUpdate(md, middle, sizeof(middle)) &&
	    EVP_DigestUpdate(md, key->pub, NOTE_KEY_OCTETS) &&
	    EVP_DigestFinal_ex(md, hash, NULL);

	EVP_MD_CTX_free(md);
	if (ok)
		memcpy(id, hash, ID);
	return ok;
}

static int
no_crypto(struct err *e)
{
	err_set(e, ERR_CRYPTO, "no Ed25519 or SHA-256");
	return -1;
}

int
note_key_make(struct note_key *key, enum note_key_type type,
    const char *name, const uint8_t seed[NOTE_KEY_OCTETS], struct err *e)
{
	size_t len = strlen(name), n = NOTE_KEY_OCTETS;
	EVP_PKEY *pkey;
	bool ok;

	if (!note_name_valid(name, len)) {
		err_set(e, ERR_INPUT, "no name of a key: %s", name);
		return -1;
	}
	memset(key, 0, sizeof(*key));
	memcpy(key->name, name, len);
	key->type = type;
	pkey = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed,
	    NOTE_KEY_OCTETS);
	ok = pkey != NULL && EVP_PKEY_get_raw_public_key(pkey, key->pub,
	    &n) == 1 && n == NOTE_KEY_OCTETS && key_id(key, key->id);
	EVP_PKEY_free(pkey);
	return ok ? 0 : no_crypto(e);
}

static bool
get_id(const char *hex, uint8_t id[ID])
{
	for (size_t i = 0; i < 2 * ID; i++) {
		int digit = hex_digit(hex[i]);

		/* one spelling: lower case */
		if (digit == -1 || (hex[i] >= 'A' && hex[i] <= 'F'))
			return false;
		id[i / 2] = (uint8_t)(id[i / 2] << 4 | digit);
	}
	return true;
}

static int
not_vkey(struct err *e, const char *why)
{
	err_set(e, ERR_INPUT, "not a verifier key: %s", why);
	return -1;
}

int
note_key_parse(struct note_key *key, const char *vkey, size_t len,
    struct err *e)
{
	const char *plus = memchr(vkey, '+', len);
	size_t name = plus != NULL ? (size_t)(plus - vkey) : 0;
	uint8_t material[MATERIAL], id[ID];

	memset(key, 0, sizeof(*key));
	if (!note_name_valid(vkey, name))
		return not_vkey(e, "no name before a plus");
	memcpy(key->name, vkey, name);
	if (len != name + 1 + 2 * ID + 1 + BASE64_LEN(MATERIAL) ||
	    plus[1 + 2 * ID] != '+' || !get_id(plus + 1, key->id))
		return not_vkey(e, "not NAME+8 digits+44 characters");
	if (!base64_get_exact(plus + 2 + 2 * ID, BASE64_LEN(MATERIAL),
	    material, MATERIAL))
		return not_vkey(e, "no base64 of an Ed25519 key");
	if (material[0] != NOTE_ED25519 && material[0] != NOTE_COSIGNATURE)
		return not_vkey(e, "a type of key that is not supported");
	key->type = material[0];
	memcpy(key->pub, material + 1, NOTE_KEY_OCTETS);
	if (!key_id(key, id))
		return no_crypto(e);
	if (memcmp(id, key->id, ID) != 0)
		return not_vkey(e, "its id is not that of name and key");
	return 0;
}

void
note_key_format(const struct note_key *key, struct strbuf *out)
{
	uint8_t material[MATERIAL] = { (uint8_t)key->type };

	memcpy(material + 1, key->pub, NOTE_KEY_OCTETS);
	strbuf_addf(out, "%s+%02x%02x%02x%02x+", key->name, key->id[0],
	    key->id[1], key->id[2], key->id[3]);
	base64_put(out, material, sizeof(material));
}

bool
note_key_equal(const struct note_key *a, const struct note_key *b)
{
	return memcmp(a->id, b->id, ID) == 0 && strcmp(a->name, b->name) == 0;
}
