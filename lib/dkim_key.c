/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dkim_key.c - a DKIM key pair: made, stored, published and compared.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "lib/dkim_key.h"
#include "lib/dkim_key_private.h"
#include "lib/dkim_tag.h"
#include "lib/err.h"
#include "lib/strbuf.h"

#define ED25519_LEN	32	/* octets of a raw public key, RFC 8032 */
#define TXT_STRING_MAX	255	/* RFC 1035 section 3.3 */
#define PEM_RESERVE	4096	/* RSA-4096 takes 3300 */

struct dkim_key {
	EVP_PKEY		*pkey;
	enum dkim_key_type	 type;
	unsigned		 bits;
};

/* Say what OpenSSL could not do, and leave its queue empty. */
static void
crypto_err(struct err *e, enum err_code code, const char *what)
{
	char text[256];
	unsigned long err = ERR_peek_last_error();

	ERR_error_string_n(err, text, sizeof(text));
	err_set(e, code, "dkim key: %s: %s", what,
	    err != 0 ? text : "no reason given");
	ERR_clear_error();
}

/* The halves belong together: a signature by one is verified by the other. */
static int
key_prove(const struct dkim_key *key, struct err *e)
{
	static const uint8_t text[] = "v=DKIM1";
	const EVP_MD *md = key->type == DKIM_KEY_RSA ? EVP_sha256() : NULL;
	EVP_MD_CTX *sign = EVP_MD_CTX_new(), *verify = EVP_MD_CTX_new();
	uint8_t sig[DKIM_RSA_MAX / 8];
	size_t len = sizeof(sig);
	int ret = -1;

	if (sign != NULL && verify != NULL &&
	    EVP_DigestSignInit(sign, NULL, md, NULL, key->pkey) == 1 &&
	    EVP_DigestSign(sign, sig, &len, text, sizeof(text)) == 1 &&
	    EVP_DigestVerifyInit(verify, NULL, md, NULL, key->pkey) == 1 &&
	    EVP_DigestVerify(verify, sig, len, text, sizeof(text)) == 1)
		ret = 0;
	else
		crypto_err(e, ERR_CRYPTO, "the key does not verify itself");
	EVP_MD_CTX_free(sign);
	EVP_MD_CTX_free(verify);
	return ret;
}

/* Takes pkey, on failure too. */
static struct dkim_key *
key_wrap(EVP_PKEY *pkey, struct err *e)
{
	struct dkim_key *key = calloc(1, sizeof(*key));

	if (key == NULL) {
		err_sys(e, "dkim key");
		EVP_PKEY_free(pkey);
		return NULL;
	}
	key->pkey = pkey;
	key->bits = (unsigned)EVP_PKEY_get_bits(pkey);
	if (EVP_PKEY_is_a(pkey, "RSA")) {
		key->type = DKIM_KEY_RSA;
	} else if (EVP_PKEY_is_a(pkey, "ED25519")) {
		key->type = DKIM_KEY_ED25519;
		key->bits = 8 * ED25519_LEN;	/* OpenSSL says 253 */
	} else {
		err_set(e, ERR_INPUT, "dkim key: neither RSA nor Ed25519");
		goto fail;
	}
	if (key->type == DKIM_KEY_RSA &&
	    (key->bits < DKIM_RSA_MIN || key->bits > DKIM_RSA_MAX)) {
		err_set(e, ERR_REFUSED,
		    "dkim key: %u bits, RFC 8301 wants %d to %d",
		    key->bits, DKIM_RSA_MIN, DKIM_RSA_MAX);
		goto fail;
	}
	if (key_prove(key, e) == -1)
		goto fail;
	return key;
fail:
	dkim_key_free(key);
	return NULL;
}

struct dkim_key *
dkim_key_generate(enum dkim_key_type type, unsigned bits, struct err *e)
{
	EVP_PKEY *pkey;

	if (bits == 0)
		bits = DKIM_RSA_GOOD;
	if (type == DKIM_KEY_RSA &&
	    (bits < DKIM_RSA_MIN || bits > DKIM_RSA_MAX)) {
		err_set(e, ERR_REFUSED, "dkim key: %u bits, must be %d to %d",
		    bits, DKIM_RSA_MIN, DKIM_RSA_MAX);
		return NULL;
	}
	pkey = type == DKIM_KEY_RSA ? EVP_RSA_gen(bits) :
	    EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	if (pkey == NULL) {
		crypto_err(e, ERR_CRYPTO, "generate");
		return NULL;
	}
	return key_wrap(pkey, e);
}

/* Without this OpenSSL would ask for a passphrase on the terminal. */
static int
no_passphrase(char *buf, int size, int rwflag, void *arg)
{
	(void)buf, (void)size, (void)rwflag, (void)arg;
	return -1;
}

struct dkim_key *
dkim_key_parse(const uint8_t *pem, size_t len, struct err *e)
{
	EVP_PKEY *pkey = NULL;
	BIO *bio;

	if (len > DKIM_PEM_MAX) {
		err_set(e, ERR_LIMIT, "dkim key: %zu octets, at most %d",
		    len, DKIM_PEM_MAX);
		return NULL;
	}
	if ((bio = BIO_new_mem_buf(pem, (int)len)) == NULL) {
		crypto_err(e, ERR_CRYPTO, "read");
		return NULL;
	}
	pkey = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
	BIO_free(bio);
	if (pkey == NULL) {
		crypto_err(e, ERR_INPUT, "no unencrypted private key in PEM");
		return NULL;
	}
	return key_wrap(pkey, e);
}

void
dkim_key_free(struct dkim_key *key)
{
	if (key == NULL)
		return;
	EVP_PKEY_free(key->pkey);
	free(key);
}

int
dkim_key_write(const struct dkim_key *key, struct strbuf *out, struct err *e)
{
	BIO *bio = BIO_new(BIO_s_secmem());
	char *text;
	long len;
	int ret = -1;

	if (bio == NULL || PEM_write_bio_PKCS8PrivateKey(bio, key->pkey, NULL,
	    NULL, 0, NULL, NULL) != 1) {
		crypto_err(e, ERR_CRYPTO, "write");
		goto out;
	}
	/* Room first: a strbuf that grows leaves copies of the key behind. */
	len = BIO_get_mem_data(bio, &text);
	if (strbuf_reserve(out, PEM_RESERVE) != NULL)
		strbuf_add(out, text, (size_t)len);
	if (out->overflow) {
		err_set(e, ERR_LIMIT, "dkim key: no room for its PEM");
		goto out;
	}
	ret = 0;
out:
	BIO_free(bio);
	return ret;
}

enum dkim_key_type
dkim_key_type(const struct dkim_key *key)
{
	return key->type;
}

unsigned
dkim_key_bits(const struct dkim_key *key)
{
	return key->bits;
}

bool
dkim_key_weak(const struct dkim_key *key)
{
	return key->type == DKIM_KEY_RSA && key->bits < DKIM_RSA_GOOD;
}

EVP_PKEY *
dkim_key_evp(const struct dkim_key *key)
{
	return key->pkey;
}

/*
 * The octets that p= holds in base64: the SubjectPublicKeyInfo for RSA, the
 * bare 32 octets for Ed25519 (RFC 8463 section 4.2).
 */
static int
public_octets(const struct dkim_key *key, uint8_t out[static DKIM_RECORD_MAX],
    size_t *len_r, struct err *e)
{
	uint8_t *p = out;
	int n;

	*len_r = DKIM_RECORD_MAX;
	if (key->type == DKIM_KEY_ED25519) {
		if (EVP_PKEY_get_raw_public_key(key->pkey, out, len_r) == 1)
			return 0;
	} else if ((n = i2d_PUBKEY(key->pkey, NULL)) > 0 &&
	    n <= DKIM_RECORD_MAX && i2d_PUBKEY(key->pkey, &p) == n) {
		*len_r = (size_t)n;
		return 0;
	}
	crypto_err(e, ERR_CRYPTO, "public half");
	return -1;
}

int
dkim_key_txt(const struct dkim_key *key, struct strbuf *out, struct err *e)
{
	uint8_t der[DKIM_RECORD_MAX];
	char text[4 * DKIM_RECORD_MAX / 3 + 8];
	size_t len;

	if (public_octets(key, der, &len, e) == -1)
		return -1;
	EVP_EncodeBlock((unsigned char *)text, der, (int)len);
	strbuf_addf(out, "v=DKIM1; k=%s; p=%s",
	    key->type == DKIM_KEY_RSA ? "rsa" : "ed25519", text);
	if (out->overflow) {
		err_set(e, ERR_LIMIT, "dkim key: no room for its record");
		return -1;
	}
	return 0;
}

int
dkim_key_zone(const struct dkim_key *key, const char *selector,
    const char *domain, struct strbuf *out, struct err *e)
{
	struct strbuf name = STRBUF_INIT(2 * DKIM_DOMAIN_MAX + 16);
	struct strbuf txt = STRBUF_INIT(DKIM_RECORD_MAX);
	int ret = -1;

	strbuf_addf(&name, "%s._domainkey.%s", selector, domain);
	if (name.overflow || !dkim_name_valid((struct slice){
	    (const uint8_t *)name.s, name.len }, false) ||
	    !dkim_name_valid((struct slice){ (const uint8_t *)selector,
	    strlen(selector) }, true) ||
	    !dkim_name_valid((struct slice){ (const uint8_t *)domain,
	    strlen(domain) }, true)) {
		err_set(e, ERR_INPUT, "dkim key: \"%s\" at \"%s\" is no name",
		    selector, domain);
		goto out;
	}
	if (dkim_key_txt(key, &txt, e) == -1)
		goto out;
	strbuf_addf(out, "%s. IN TXT", name.s);
	for (size_t i = 0; i < txt.len; i += TXT_STRING_MAX)
		strbuf_addf(out, " \"%.*s\"", TXT_STRING_MAX, txt.s + i);
	strbuf_addc(out, '\n');
	if (out->overflow) {
		err_set(e, ERR_LIMIT, "dkim key: no room for its zone line");
		goto out;
	}
	ret = 0;
out:
	strbuf_free(&name);
	strbuf_free(&txt);
	return ret;
}

/* The public key of a record, or NULL when p= is none of type k=. */
static EVP_PKEY *
record_pkey(const struct dkim_record *r)
{
	const uint8_t *p = r->p;
	EVP_PKEY *pkey;

	if (r->type == DKIM_KEY_ED25519)
		pkey = r->plen != ED25519_LEN ? NULL :
		    EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, p,
		    r->plen);
	else
		pkey = d2i_PUBKEY(NULL, &p, (long)r->plen);
	if (pkey != NULL && r->type == DKIM_KEY_RSA &&
	    (!EVP_PKEY_is_a(pkey, "RSA") || p != r->p + r->plen)) {
		EVP_PKEY_free(pkey);
		pkey = NULL;
	}
	ERR_clear_error();
	return pkey;
}

static enum dkim_record_verdict
record_key(const struct slice *p, struct dkim_record *r)
{
	EVP_PKEY *pkey;

	if (p == NULL)
		return DKIM_RECORD_NO_KEY;
	if (p->len == 0) {
		r->revoked = true;
		return DKIM_RECORD_REVOKED;
	}
	if (!dkim_tag_base64(*p, r->p, sizeof(r->p), &r->plen) ||
	    (pkey = record_pkey(r)) == NULL)
		return DKIM_RECORD_BAD_KEY;
	r->bits = r->type == DKIM_KEY_ED25519 ? 8 * ED25519_LEN :
	    (unsigned)EVP_PKEY_get_bits(pkey);
	EVP_PKEY_free(pkey);
	if (r->type == DKIM_KEY_RSA && r->bits < DKIM_RSA_MIN)
		return DKIM_RECORD_TOO_SHORT;
	return DKIM_RECORD_MATCH;
}

enum dkim_record_verdict
dkim_record_parse(const uint8_t *txt, size_t len, struct dkim_record *r)
{
	struct dkim_tags tags;
	const struct slice *v, *k, *t, *h, *s;
	enum dkim_record_verdict verdict;

	*r = (struct dkim_record){ .type = DKIM_KEY_RSA };
	if (len > DKIM_RECORD_MAX ||
	    dkim_tags_parse(&tags, txt, len, NULL) == -1)
		return DKIM_RECORD_SYNTAX;
	v = dkim_tags_find(&tags, "v");
	if (v != NULL && (v != &tags.tag[0].value || !dkim_tag_is(*v, "DKIM1")))
		return DKIM_RECORD_VERSION;
	if ((t = dkim_tags_find(&tags, "t")) != NULL) {
		r->testing = dkim_tag_lists(*t, "y");
		r->strict = dkim_tag_lists(*t, "s");
	}
	h = dkim_tags_find(&tags, "h");
	r->sha256 = h == NULL || dkim_tag_lists(*h, "sha256");
	s = dkim_tags_find(&tags, "s");
	r->email = s == NULL || dkim_tag_lists(*s, "email") ||
	    dkim_tag_lists(*s, "*");
	if ((k = dkim_tags_find(&tags, "k")) != NULL) {
		if (dkim_tag_is(*k, "ed25519"))
			r->type = DKIM_KEY_ED25519;
		else if (!dkim_tag_is(*k, "rsa"))
			return DKIM_RECORD_TYPE;
	}
	verdict = record_key(dkim_tags_find(&tags, "p"), r);
	if (verdict != DKIM_RECORD_MATCH)
		return verdict;
	if (!r->sha256)
		return DKIM_RECORD_HASH;
	return r->email ? DKIM_RECORD_MATCH : DKIM_RECORD_SERVICE;
}

static bool
record_is(const struct dkim_record *r, const struct dkim_key *key)
{
	EVP_PKEY *pkey = record_pkey(r);
	bool eq = pkey != NULL && EVP_PKEY_eq(pkey, key->pkey) == 1;

	EVP_PKEY_free(pkey);
	ERR_clear_error();
	return eq;
}

enum dkim_record_verdict
dkim_key_compare(const struct dkim_key *key, const struct slice strings[],
    size_t n, struct dkim_record *r)
{
	struct strbuf txt = STRBUF_INIT(DKIM_RECORD_MAX);
	enum dkim_record_verdict verdict;

	*r = (struct dkim_record){ .type = DKIM_KEY_RSA };
	for (size_t i = 0; i < n; i++)
		strbuf_add(&txt, strings[i].p, strings[i].len);
	verdict = txt.overflow ? DKIM_RECORD_SYNTAX :
	    dkim_record_parse((const uint8_t *)txt.s, txt.len, r);
	strbuf_free(&txt);
	if (verdict != DKIM_RECORD_MATCH && verdict != DKIM_RECORD_HASH &&
	    verdict != DKIM_RECORD_SERVICE)
		return verdict;
	if (r->type != key->type)
		return DKIM_RECORD_TYPE;
	return record_is(r, key) ? verdict : DKIM_RECORD_DIFFERENT;
}

const char *
dkim_record_text(enum dkim_record_verdict verdict)
{
	switch (verdict) {
	case DKIM_RECORD_MATCH:
		return "the record publishes this key";
	case DKIM_RECORD_SYNTAX:
		return "the record is no list of tag=value, or too long";
	case DKIM_RECORD_VERSION:
		return "v= must be DKIM1 and come first";
	case DKIM_RECORD_NO_KEY:
		return "p= is missing";
	case DKIM_RECORD_REVOKED:
		return "p= is empty: the key is revoked";
	case DKIM_RECORD_TYPE:
		return "k= names another type of key";
	case DKIM_RECORD_BAD_KEY:
		return "p= holds no public key of the type in k=";
	case DKIM_RECORD_TOO_SHORT:
		return "the RSA key has fewer than 1024 bits";
	case DKIM_RECORD_DIFFERENT:
		return "the record publishes another key";
	case DKIM_RECORD_HASH:
		return "h= does not allow sha256";
	case DKIM_RECORD_SERVICE:
		return "s= does not allow email";
	}
	return "unknown";
}
