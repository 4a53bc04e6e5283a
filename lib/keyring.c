/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keyring.c - the secrets in memory.
 *
 * Each copy of a campaign needs half a dozen MACs.  OpenSSL's HMAC() spends
 * most of its time on fetching the digest and padding the key, so every key
 * keeps the two SHA-256 states that HMAC starts from (RFC 2104 section 4
 * suggests it) and a MAC copies them: a fifth of the time, and as a keyring
 * in use is only read, threads can share it.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "lib/base32.h"
#include "lib/err.h"
#include "lib/keyring.h"
#include "lib/strbuf.h"
#include "lib/xmalloc.h"

#define BLOCK_OCTETS	64	/* of SHA-256 */

struct key {
	EVP_MD_CTX	*inner, *outer;	/* fed with the padded key */
	uint8_t		 octets[KEY_OCTETS];
	uint8_t		 id;
};

/* Keys in order of id; current is an id, 0 while there is none. */
struct keyset {
	struct key	keys[KEY_MAX];
	size_t		n;
	uint8_t		current;
};

struct keyring {
	struct keyset	sets[KEY_PURPOSES];
};

static const char *const purpose_names[KEY_PURPOSES] = {
	[KEY_H8] = "h8",
	[KEY_ADDRESS] = "address",
	[KEY_VERP] = "verp",
	[KEY_URL] = "url",
	[KEY_CONFIRM] = "confirm",
	[KEY_LEDGER] = "ledger",
	[KEY_LOG] = "log",
};

const char *
key_purpose_name(enum key_purpose purpose)
{
	return purpose < KEY_PURPOSES ? purpose_names[purpose] : "unknown";
}

enum key_purpose
key_purpose_find(const char *name)
{
	enum key_purpose p = 0;

	while (p < KEY_PURPOSES && strcmp(name, purpose_names[p]) != 0)
		p++;
	return p;
}

bool
key_purpose_is_fixed(enum key_purpose purpose)
{
	return purpose == KEY_H8 || purpose == KEY_ADDRESS;
}

static void
keyset_clear(struct keyset *set)
{
	for (size_t i = 0; i < set->n; i++) {
		EVP_MD_CTX_free(set->keys[i].inner);
		EVP_MD_CTX_free(set->keys[i].outer);
	}
	OPENSSL_cleanse(set, sizeof(*set));
}

struct keyring *
keyring_new(void)
{
	return xcalloc(1, sizeof(struct keyring));
}

void
keyring_free(struct keyring *kr)
{
	if (kr == NULL)
		return;
	for (size_t i = 0; i < KEY_PURPOSES; i++)
		keyset_clear(&kr->sets[i]);
	free(kr);
}

void
keyring_wipe(struct strbuf *b)
{
	if (b->cap != 0)
		OPENSSL_cleanse(b->s, b->cap);
	strbuf_free(b);
}

/* A digest that has taken in the key with one of HMAC's two pads. */
static EVP_MD_CTX *
padded_digest(const uint8_t octets[static KEY_OCTETS], uint8_t pad)
{
	uint8_t block[BLOCK_OCTETS];
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	memset(block, pad, sizeof(block));
	for (size_t i = 0; i < KEY_OCTETS; i++)
		block[i] ^= octets[i];
	if (ctx == NULL || !EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) ||
	    !EVP_DigestUpdate(ctx, block, sizeof(block))) {
		EVP_MD_CTX_free(ctx);
		ctx = NULL;
	}
	OPENSSL_cleanse(block, sizeof(block));
	return ctx;
}

/* Put a key at its place by id; the caller has checked the rules. */
static int
keyset_insert(struct keyset *set, uint8_t id,
    const uint8_t octets[static KEY_OCTETS], struct err *e)
{
	EVP_MD_CTX *inner = padded_digest(octets, 0x36);
	EVP_MD_CTX *outer = padded_digest(octets, 0x5c);
	size_t at = set->n;

	if (inner == NULL || outer == NULL) {
		EVP_MD_CTX_free(inner);
		EVP_MD_CTX_free(outer);
		err_set(e, ERR_CRYPTO, "OpenSSL offers no SHA-256");
		return -1;
	}
	for (; at > 0 && set->keys[at - 1].id > id; at--)
		set->keys[at] = set->keys[at - 1];
	set->keys[at] = (struct key){ .inner = inner, .outer = outer,
	    .id = id };
	memcpy(set->keys[at].octets, octets, KEY_OCTETS);
	set->n++;
	return 0;
}

static const struct key *
keyset_find(const struct keyset *set, uint8_t id)
{
	if (id == KEY_CURRENT)
		id = set->current;
	for (size_t i = 0; i < set->n; i++)
		if (set->keys[i].id == id)
			return &set->keys[i];
	return NULL;
}

/* Whether one more key may join set; says why not. */
static int
keyset_admit(const struct keyset *set, enum key_purpose purpose,
    const uint8_t octets[static KEY_OCTETS], struct err *e)
{
	if (set->n > 0 && key_purpose_is_fixed(purpose)) {
		err_set(e, ERR_REFUSED, "the %s key never rotates: "
		    "stored data hangs on it", key_purpose_name(purpose));
		return -1;
	}
	if (set->n == KEY_MAX) {
		err_set(e, ERR_LIMIT, "more than %d %s keys", KEY_MAX,
		    key_purpose_name(purpose));
		return -1;
	}
	for (size_t i = 0; i < set->n; i++) {
		if (CRYPTO_memcmp(set->keys[i].octets, octets,
		    KEY_OCTETS) == 0) {
			err_set(e, ERR_EXISTS, "the same secret as %s key %u",
			    key_purpose_name(purpose), set->keys[i].id);
			return -1;
		}
	}
	return 0;
}

/* ---- key files */

struct word {
	const char	*s;
	size_t		 len;
};

/* The next word of a line, empty at its end or at a comment. */
static struct word
next_word(const char **p, const char *end)
{
	struct word w;

	while (*p < end && (**p == ' ' || **p == '\t' || **p == '\r'))
		(*p)++;
	w.s = *p;
	while (*p < end && **p != ' ' && **p != '\t' && **p != '\r' &&
	    **p != '#')
		(*p)++;
	w.len = (size_t)(*p - w.s);
	return w;
}

static bool
parse_id(struct word w, uint8_t *id_r)
{
	unsigned id = 0;

	if (w.len == 0 || w.len > 3 || w.s[0] == '0')
		return false;
	for (size_t i = 0; i < w.len; i++) {
		if (w.s[i] < '0' || w.s[i] > '9')
			return false;
		id = id * 10 + (unsigned)(w.s[i] - '0');
	}
	*id_r = (uint8_t)id;
	return id <= UINT8_MAX;
}

/* One line into set.  Messages never quote it: it holds a secret. */
static int
parse_line(struct keyset *set, enum key_purpose purpose, const char *line,
    const char *end, struct err *e)
{
	uint8_t octets[KEY_OCTETS], id;
	struct word w = next_word(&line, end);
	int ret = -1;

	if (w.len == 0)
		return 0;
	if (!parse_id(w, &id)) {
		err_set(e, ERR_INPUT, "the id is not a number from 1 to 255");
		return -1;
	}
	if (keyset_find(set, id) != NULL) {
		err_set(e, ERR_INPUT, "id %u a second time", id);
		return -1;
	}
	w = next_word(&line, end);
	if (!base32_decode(w.s, w.len, octets, sizeof(octets))) {
		err_set(e, ERR_INPUT, "the secret is not %d characters of "
		    "base32", (int)BASE32_LEN(KEY_OCTETS));
		goto out;
	}
	if (keyset_admit(set, purpose, octets, e) == -1 ||
	    keyset_insert(set, id, octets, e) == -1)
		goto out;
	w = next_word(&line, end);
	if (w.len == 7 && memcmp(w.s, "current", 7) == 0) {
		if (set->current != 0) {
			err_set(e, ERR_INPUT, "a second current key");
			goto out;
		}
		set->current = id;
		w = next_word(&line, end);
	}
	if (w.len != 0) {
		err_set(e, ERR_INPUT, "something after the key that is not "
		    "\"current\"");
		goto out;
	}
	ret = 0;
out:
	OPENSSL_cleanse(octets, sizeof(octets));
	return ret;
}

int
keyring_parse(struct keyring *kr, enum key_purpose purpose, const char *text,
    size_t len, struct err *e)
{
	struct keyset set = { .n = 0 };
	const char *p = text, *end = text + len, *eol;
	struct err le = ERR_INIT;
	int ret = -1;

	if (len > KEY_FILE_MAX) {
		err_set(e, ERR_LIMIT, "%s key file longer than %d octets",
		    key_purpose_name(purpose), KEY_FILE_MAX);
		return -1;
	}
	for (unsigned line = 1; p < end; line++, p = eol + (eol < end)) {
		if ((eol = memchr(p, '\n', (size_t)(end - p))) == NULL)
			eol = end;
		if (parse_line(&set, purpose, p, eol, &le) == -1) {
			err_set(e, le.code, "%s key file, line %u: %s",
			    key_purpose_name(purpose), line, le.text);
			goto out;
		}
	}
	if (set.current == 0) {
		err_set(e, ERR_INPUT, "%s key file: no key is current",
		    key_purpose_name(purpose));
		goto out;
	}
	keyset_clear(&kr->sets[purpose]);
	kr->sets[purpose] = set;
	OPENSSL_cleanse(&set, sizeof(set));
	ret = 0;
out:
	keyset_clear(&set);
	return ret;
}

int
keyring_format(const struct keyring *kr, enum key_purpose purpose,
    struct strbuf *out, struct err *e)
{
	const struct keyset *set = &kr->sets[purpose];

	/* All at once, so that growing leaves no copy of a secret behind. */
	if (strbuf_reserve(out, KEY_FILE_MAX) == NULL)
		goto full;
	strbuf_addf(out, "# listd %s keys: ID SECRET [current]\n",
	    key_purpose_name(purpose));
	for (size_t i = 0; i < set->n; i++) {
		strbuf_addf(out, "%u ", set->keys[i].id);
		base32_append(out, set->keys[i].octets, KEY_OCTETS);
		strbuf_adds(out, set->keys[i].id == set->current ?
		    " current\n" : "\n");
	}
	if (!out->overflow)
		return 0;
full:
	err_set(e, ERR_LIMIT, "no room for the %s key file",
	    key_purpose_name(purpose));
	return -1;
}

/* ---- use */

int
keyring_rotate(struct keyring *kr, enum key_purpose purpose,
    const uint8_t octets[static KEY_OCTETS], uint8_t *id_r, struct err *e)
{
	struct keyset *set = &kr->sets[purpose];
	uint8_t id = 1;

	if (keyset_admit(set, purpose, octets, e) == -1)
		return -1;
	while (keyset_find(set, id) != NULL)
		id++;		/* ends: KEY_MAX is below 255 */
	if (keyset_insert(set, id, octets, e) == -1)
		return -1;
	set->current = id;
	if (id_r != NULL)
		*id_r = id;
	return 0;
}

size_t
keyring_count(const struct keyring *kr, enum key_purpose purpose)
{
	return kr->sets[purpose].n;
}

uint8_t
keyring_id(const struct keyring *kr, enum key_purpose purpose, size_t i)
{
	const struct keyset *set = &kr->sets[purpose];

	return i < set->n ? set->keys[i].id : 0;
}

uint8_t
keyring_current(const struct keyring *kr, enum key_purpose purpose)
{
	return kr->sets[purpose].current;
}

const uint8_t *
keyring_find(const struct keyring *kr, enum key_purpose purpose, uint8_t id)
{
	const struct key *k = keyset_find(&kr->sets[purpose], id);

	return k != NULL ? k->octets : NULL;
}

bool
keyring_mac(const struct keyring *kr, enum key_purpose purpose, uint8_t id,
    const char *label, const void *data, size_t len,
    uint8_t mac_r[static KEY_MAC_OCTETS])
{
	const struct key *k = keyset_find(&kr->sets[purpose], id);
	uint8_t inner[KEY_MAC_OCTETS];
	EVP_MD_CTX *ctx;
	bool ok;

	memset(mac_r, 0, KEY_MAC_OCTETS);
	if (k == NULL || (ctx = EVP_MD_CTX_new()) == NULL)
		return false;
	ok = EVP_MD_CTX_copy_ex(ctx, k->inner) &&
	    EVP_DigestUpdate(ctx, label, strlen(label) + 1) &&
	    EVP_DigestUpdate(ctx, data, len) &&
	    EVP_DigestFinal_ex(ctx, inner, NULL) &&
	    EVP_MD_CTX_copy_ex(ctx, k->outer) &&
	    EVP_DigestUpdate(ctx, inner, sizeof(inner)) &&
	    EVP_DigestFinal_ex(ctx, mac_r, NULL);
	EVP_MD_CTX_free(ctx);
	return ok;
}
