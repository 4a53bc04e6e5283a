/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_dkim_key.c - keys come back from their PEM, records say what they
 * publish, and every fault of a record has its name (R53, R54, R61).
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "lib/dkim_key.h"
#include "lib/err.h"
#include "lib/strbuf.h"
#include "tests/dkim_samples.h"

#define N(a)	(sizeof(a) / sizeof((a)[0]))

static struct slice
text(const char *s)
{
	return (struct slice){ (const uint8_t *)s, strlen(s) };
}

static enum dkim_record_verdict
compare(const struct dkim_key *key, const char *txt, struct dkim_record *r)
{
	struct slice s = text(txt);

	return dkim_key_compare(key, &s, 1, r);
}

static void
keys_survive_their_pem(void **state)
{
	struct dkim_key *made[] = {
		sample_rsa(2048),
		dkim_key_generate(DKIM_KEY_ED25519, 0, NULL),
		dkim_key_generate(DKIM_KEY_RSA, 0, NULL),
	};

	(void)state;
	for (size_t i = 0; i < N(made); i++) {
		struct strbuf pem = STRBUF_INIT(DKIM_PEM_MAX);
		struct strbuf txt = STRBUF_INIT(DKIM_RECORD_MAX);
		struct dkim_record r;
		struct dkim_key *back;
		struct err e = ERR_INIT;

		assert_non_null(made[i]);
		assert_int_equal(dkim_key_write(made[i], &pem, &e), 0);
		assert_memory_equal(pem.s, "-----BEGIN PRIVATE KEY-----\n", 28);
		back = dkim_key_parse((uint8_t *)pem.s, pem.len, &e);
		assert_non_null(back);
		assert_int_equal(dkim_key_txt(back, &txt, &e), 0);
		assert_int_equal(compare(made[i], txt.s, &r),
		    DKIM_RECORD_MATCH);
		assert_int_equal(r.bits, dkim_key_bits(made[i]));
		assert_false(dkim_key_weak(back));
		assert_int_equal(compare(made[(i + 1) % N(made)], txt.s, &r),
		    i == 2 ? DKIM_RECORD_DIFFERENT : DKIM_RECORD_TYPE);
		dkim_key_free(back);
		strbuf_free(&pem);
		strbuf_free(&txt);
	}
	assert_int_equal(dkim_key_bits(made[2]), DKIM_RSA_GOOD);
	assert_int_equal(dkim_key_bits(made[1]), 256);
	for (size_t i = 0; i < N(made); i++)
		dkim_key_free(made[i]);
}

static void
the_keys_of_rfc_8463_give_its_records(void **state)
{
	static const struct {
		const char *pem, *txt;
		enum dkim_key_type type;
		unsigned bits;
		bool weak;
	} rfc[] = {
		{ rfc8463_rsa_pem, rfc8463_rsa_txt, DKIM_KEY_RSA, 1024, true },
		{ rfc8463_ed25519_pem, rfc8463_ed25519_txt, DKIM_KEY_ED25519,
		    256, false },
	};

	(void)state;
	for (size_t i = 0; i < N(rfc); i++) {
		struct dkim_key *key = sample_key(rfc[i].pem);
		struct strbuf txt = STRBUF_INIT(DKIM_RECORD_MAX);

		assert_int_equal(dkim_key_type(key), rfc[i].type);
		assert_int_equal(dkim_key_bits(key), rfc[i].bits);
		assert_int_equal(dkim_key_weak(key), rfc[i].weak);
		assert_int_equal(dkim_key_txt(key, &txt, NULL), 0);
		assert_string_equal(txt.s, rfc[i].txt);
		strbuf_free(&txt);
		dkim_key_free(key);
	}
}

/* PEM of a key that OpenSSL makes and we refuse. */
static void
refuse_pkey(EVP_PKEY *pkey, const EVP_CIPHER *cipher, enum err_code code)
{
	BIO *bio = BIO_new(BIO_s_mem());
	struct err e = ERR_INIT;
	char *p;
	long n;

	assert_non_null(pkey);
	assert_int_equal(PEM_write_bio_PKCS8PrivateKey(bio, pkey, cipher,
	    cipher != NULL ? "secret" : NULL, cipher != NULL ? 6 : 0, NULL,
	    NULL), 1);
	n = BIO_get_mem_data(bio, &p);
	assert_null(dkim_key_parse((uint8_t *)p, (size_t)n, &e));
	assert_int_equal(e.code, code);
	assert_true(e.text[0] != '\0');
	BIO_free(bio);
	EVP_PKEY_free(pkey);
}

static void
other_keys_are_refused(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	refuse_pkey(EVP_RSA_gen(512), NULL, ERR_REFUSED);	/* R53 */
	refuse_pkey(EVP_RSA_gen(1023), NULL, ERR_REFUSED);
	refuse_pkey(EVP_EC_gen("P-256"), NULL, ERR_INPUT);
	refuse_pkey(EVP_PKEY_Q_keygen(NULL, NULL, "X25519"), NULL, ERR_INPUT);
	/* Encrypted: refused, and nobody asks a terminal for the phrase. */
	refuse_pkey(EVP_RSA_gen(1024), EVP_aes_128_cbc(), ERR_INPUT);
	assert_null(dkim_key_generate(DKIM_KEY_RSA, 1023, &e));
	assert_int_equal(e.code, ERR_REFUSED);
	assert_null(dkim_key_generate(DKIM_KEY_RSA, 4097, &e));
	assert_int_equal(e.code, ERR_REFUSED);
}

static void
what_is_no_key_is_refused(void **state)
{
	static uint8_t big[DKIM_PEM_MAX + 1];
	struct strbuf b = STRBUF_INIT(10000);
	struct err e = ERR_INIT;

	(void)state;
	assert_null(dkim_key_parse((const uint8_t *)"", 0, &e));
	assert_int_equal(e.code, ERR_INPUT);
	assert_null(dkim_key_parse(big, sizeof(big), &e));
	assert_int_equal(e.code, ERR_LIMIT);
	strbuf_adds(&b, rfc8463_rsa_pem);
	assert_null(dkim_key_parse((uint8_t *)b.s, b.len - 40, &e));
	assert_int_equal(e.code, ERR_INPUT);
	/* A modulus that the private half does not belong to. */
	memcpy(strstr(b.s, "DkHlOQ"), "DkHlOR", 6);
	assert_null(dkim_key_parse((uint8_t *)b.s, b.len, &e));
	assert_int_equal(e.code, ERR_CRYPTO);
	strbuf_free(&b);
}

static void
a_zone_line_is_cut_at_255(void **state)
{
	struct dkim_key *key = sample_rsa(2048);
	struct strbuf line = STRBUF_INIT(2000), txt = STRBUF_INIT(2000);
	struct strbuf joined = STRBUF_INIT(2000);
	struct err e = ERR_INIT;
	char *p;

	(void)state;
	assert_int_equal(dkim_key_zone(key, "news", "example.org", &line, &e),
	    0);
	assert_int_equal(dkim_key_txt(key, &txt, &e), 0);
	p = strstr(line.s, " \"");
	assert_int_equal(strncmp(line.s,
	    "news._domainkey.example.org. IN TXT \"", 37), 0);
	while (p != NULL) {
		char *end = strchr(p + 2, '"');

		assert_non_null(end);
		assert_true(end - p - 2 <= 255);
		strbuf_add(&joined, p + 2, (size_t)(end - p - 2));
		p = strstr(end, " \"");
	}
	assert_string_equal(joined.s, txt.s);
	assert_int_equal(line.s[line.len - 1], '\n');
	assert_int_equal(dkim_key_zone(key, "a b", "example.org", &line, &e),
	    -1);
	assert_int_equal(e.code, ERR_INPUT);
	assert_int_equal(dkim_key_zone(key, "a", "example.org.\n$INCLUDE x",
	    &line, &e), -1);
	strbuf_free(&line);
	strbuf_free(&txt);
	strbuf_free(&joined);
	dkim_key_free(key);
}

#define P1	"MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3"
#define P2	"idY6Wk08a5qhdR6wy5bdOKb2jLQiY/J16JYi0Qvx/byYzCNb3W91y3FutAC"
#define P3	"DfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYL"
#define P4	"zBfO2EeC3Ip3G+2kryOTIKT+l/K4w3QIDAQAB"
#define P	P1 P2 P3 P4
#define ED	"11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
/* The public half of an RSA-512 key made for this test. */
#define P512 \
	"MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAMep7cYazX5+BmyH0PF0GwThjuUR" \
	"d23NG5+kHb2FDJwzcR6XJsWEtF00GkpbE/HMzdJ/wetLo0W+APUarVqNqVMC" \
	"AwEAAQ=="

/* R61: what doctor must tell apart; the private key is RFC 8463's RSA key. */
static const struct {
	const char *why, *txt;
	enum dkim_record_verdict verdict;
	bool testing, strict;
} records[] = {
	{ "as published", "v=DKIM1; k=rsa; p=" P, DKIM_RECORD_MATCH, 0, 0 },
	{ "without v= and k=", "p=" P, DKIM_RECORD_MATCH, 0, 0 },
	{ "blanks inside p=", "p=" P1 " " P2 "\t" P3 "  " P4,
	    DKIM_RECORD_MATCH, 0, 0 },
	{ "test mode", "v=DKIM1; t=y; p=" P, DKIM_RECORD_MATCH, 1, 0 },
	{ "no subdomains", "v=DKIM1; t=s; p=" P, DKIM_RECORD_MATCH, 0, 1 },
	{ "both flags", "v=DKIM1; t= y : s; p=" P, DKIM_RECORD_MATCH, 1, 1 },
	{ "unknown flag", "v=DKIM1; t=z; p=" P, DKIM_RECORD_MATCH, 0, 0 },
	{ "unknown tag and note", "v=DKIM1; zz=1; n=hello=there; p=" P,
	    DKIM_RECORD_MATCH, 0, 0 },
	{ "both hashes", "v=DKIM1; h=sha1:sha256; p=" P, DKIM_RECORD_MATCH,
	    0, 0 },
	{ "any service", "v=DKIM1; s=*; p=" P, DKIM_RECORD_MATCH, 0, 0 },
	{ "service email", "v=DKIM1; s=tlsrpt:email; p=" P,
	    DKIM_RECORD_MATCH, 0, 0 },
	{ "empty", "", DKIM_RECORD_SYNTAX, 0, 0 },
	{ "another kind of record", "v=spf1 -all", DKIM_RECORD_VERSION, 0, 0 },
	{ "a sentence", "hello world", DKIM_RECORD_SYNTAX, 0, 0 },
	{ "p= twice", "p=" P "; p=" P, DKIM_RECORD_SYNTAX, 0, 0 },
	{ "quotes left in", "\"v=DKIM1; p=" P "\"", DKIM_RECORD_SYNTAX, 0, 0 },
	{ "backslash before semicolon", "v=DKIM1\\; p=" P, DKIM_RECORD_VERSION,
	    0, 0 },
	{ "version 2", "v=DKIM2; p=" P, DKIM_RECORD_VERSION, 0, 0 },
	{ "version in small letters", "v=dkim1; p=" P, DKIM_RECORD_VERSION,
	    0, 0 },
	{ "version last", "p=" P "; v=DKIM1", DKIM_RECORD_VERSION, 0, 0 },
	{ "no p=", "v=DKIM1; k=rsa", DKIM_RECORD_NO_KEY, 0, 0 },
	{ "revoked", "v=DKIM1; p=", DKIM_RECORD_REVOKED, 0, 0 },
	{ "unknown type", "v=DKIM1; k=dsa; p=" P, DKIM_RECORD_TYPE, 0, 0 },
	{ "a good Ed25519 record", "v=DKIM1; k=ed25519; p=" ED,
	    DKIM_RECORD_TYPE, 0, 0 },
	{ "k= forgotten on Ed25519", "v=DKIM1; p=" ED, DKIM_RECORD_BAD_KEY,
	    0, 0 },
	{ "k=ed25519 with an RSA key", "k=ed25519; p=" P, DKIM_RECORD_BAD_KEY,
	    0, 0 },
	{ "cut short by a 255-octet limit", "p=" P1 P2 P3,
	    DKIM_RECORD_BAD_KEY, 0, 0 },
	{ "octets after the key", "p=" P "AAAA", DKIM_RECORD_BAD_KEY, 0, 0 },
	{ "no base64", "p=" P1 P2 P3 "!" P4, DKIM_RECORD_BAD_KEY, 0, 0 },
	{ "RSA-512", "v=DKIM1; k=rsa; p=" P512, DKIM_RECORD_TOO_SHORT, 0, 0 },
	{ "one bit off", "p=" P1 P2 P3 "zBfO2EeC3Ip3G+2kryOTIKT+l/K4w3wIDAQAB",
	    DKIM_RECORD_DIFFERENT, 0, 0 },
	{ "sha1 alone", "v=DKIM1; h=sha1; p=" P, DKIM_RECORD_HASH, 0, 0 },
	{ "another service", "v=DKIM1; s=tlsrpt; p=" P, DKIM_RECORD_SERVICE,
	    0, 0 },
};

static void
every_fault_of_a_record_has_its_name(void **state)
{
	struct dkim_key *key = sample_key(rfc8463_rsa_pem);

	(void)state;
	for (size_t i = 0; i < N(records); i++) {
		struct dkim_record r;
		enum dkim_record_verdict v = compare(key, records[i].txt, &r);

		if (v != records[i].verdict)
			fail_msg("%s: %s", records[i].why,
			    dkim_record_text(v));
		assert_int_equal(r.testing, records[i].testing);
		assert_int_equal(r.strict, records[i].strict);
		assert_true(strlen(dkim_record_text(v)) > 10);
	}
	dkim_key_free(key);
}

static void
strings_are_joined_without_a_blank(void **state)
{
	struct dkim_key *key = sample_key(rfc8463_rsa_pem);
	const char *whole = rfc8463_rsa_txt;
	struct dkim_record r;

	(void)state;
	for (size_t cut = 0; cut <= strlen(whole); cut++) {
		struct slice s[2] = {
			{ (const uint8_t *)whole, cut },
			text(whole + cut),
		};

		assert_int_equal(dkim_key_compare(key, s, 2, &r),
		    DKIM_RECORD_MATCH);
	}
	assert_int_equal(dkim_key_compare(key, NULL, 0, &r),
	    DKIM_RECORD_SYNTAX);
	dkim_key_free(key);
}

static void
a_record_may_have_1024_octets(void **state)
{
	struct dkim_key *key = sample_key(rfc8463_rsa_pem);
	struct strbuf b = STRBUF_INIT(2000);
	struct dkim_record r;

	(void)state;
	strbuf_addf(&b, "%s; n=", rfc8463_rsa_txt);
	while (b.len < DKIM_RECORD_MAX)
		strbuf_addc(&b, 'x');
	assert_int_equal(compare(key, b.s, &r), DKIM_RECORD_MATCH);
	strbuf_addc(&b, 'x');
	assert_int_equal(compare(key, b.s, &r), DKIM_RECORD_SYNTAX);
	assert_int_equal(dkim_record_parse((uint8_t *)b.s, b.len, &r),
	    DKIM_RECORD_SYNTAX);
	strbuf_free(&b);
	/* The largest key that we make fits. */
	dkim_key_free(key);
	key = sample_rsa(DKIM_RSA_MAX);
	strbuf_init(&b, DKIM_RECORD_MAX);
	assert_int_equal(dkim_key_txt(key, &b, NULL), 0);
	assert_int_equal(compare(key, b.s, &r), DKIM_RECORD_MATCH);
	strbuf_free(&b);
	dkim_key_free(key);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_survive_their_pem),
		cmocka_unit_test(the_keys_of_rfc_8463_give_its_records),
		cmocka_unit_test(other_keys_are_refused),
		cmocka_unit_test(what_is_no_key_is_refused),
		cmocka_unit_test(a_zone_line_is_cut_at_255),
		cmocka_unit_test(every_fault_of_a_record_has_its_name),
		cmocka_unit_test(strings_are_joined_without_a_blank),
		cmocka_unit_test(a_record_may_have_1024_octets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
