/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_token.c - tokens come back; not one flipped bit, cut or change of use
 * passes (T4, T5); old keys still verify; and the layouts are those of DESIGN,
 * byte for byte, for tokens in mailboxes must work for years.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "lib/base32.h"
#include "lib/err.h"
#include "lib/keyring.h"
#include "lib/token.h"

static struct keyring *kr;

static const struct token_unsubscribe leave = {
	.list = 0x01020304, .campaign = 0xfedcba98,
	.address = "\0\1\2\3\4\5\6\7\10\11\12\13\14\15\16",
};
static const struct token_delivery delivery = {
	.campaign = 0x0123456789abcdef, .subscriber = 0xfffefdfcfbfaf9f8,
};
static const uint8_t request[TOKEN_REQUEST_OCTETS] = "request number 1";

static int
make_keys(void **state)
{
	uint8_t octets[KEY_OCTETS];
	struct err e;

	(void)state;
	kr = keyring_new();
	for (enum key_purpose p = 0; p < KEY_PURPOSES; p++) {
		memset(octets, 1 + (int)p, sizeof(octets));
		if (keyring_rotate(kr, p, octets, NULL, &e) == -1)
			return -1;
	}
	return 0;
}

static int
free_keys(void **state)
{
	(void)state;
	keyring_free(kr);
	return 0;
}

/* ---- the kinds alike, so that each property is tried on every one */

enum { URL, MAILTO, VERP, MESSAGE_ID, KINDS };

static const size_t lengths[KINDS] = { TOKEN_URL_LEN, TOKEN_MAILTO_LEN,
    TOKEN_DELIVERY_LEN, TOKEN_DELIVERY_LEN };

static void
make(int kind, uint8_t key_id, char *out)
{
	struct err e = ERR_INIT;
	int rc = -1;

	switch (kind) {
	case URL:
		rc = token_url_format(kr, key_id, &leave, out, &e);
		break;
	case MAILTO:
		rc = token_mailto_format(kr, key_id, &leave, out, &e);
		break;
	case VERP:
		rc = token_delivery_format(kr, key_id, TOKEN_VERP, &delivery,
		    out, &e);
		break;
	case MESSAGE_ID:
		rc = token_delivery_format(kr, key_id, TOKEN_MESSAGE_ID,
		    &delivery, out, &e);
		break;
	}
	assert_int_equal(rc, 0);
	assert_int_equal(strlen(out), lengths[kind]);
}

/* Read text as kind; when it passes it must say what was put in. */
static bool
reads(int kind, const char *text, size_t len)
{
	struct token_unsubscribe u = { .list = 77 };
	struct token_delivery d = { .campaign = 77 };
	bool ok;

	if (kind == URL || kind == MAILTO) {
		ok = kind == URL ? token_url_parse(kr, text, len, &u) :
		    token_mailto_parse(kr, text, len, &u);
		assert_int_equal(u.list, ok ? leave.list : 77);
		if (!ok)
			return false;
		assert_int_equal(u.campaign, kind == URL ? leave.campaign : 0);
		assert_memory_equal(u.address, leave.address,
		    sizeof(u.address));
		return true;
	}
	ok = token_delivery_parse(kr, kind == VERP ? TOKEN_VERP :
	    TOKEN_MESSAGE_ID, text, len, &d);
	assert_true(d.campaign == (ok ? delivery.campaign : 77));
	assert_true(!ok || d.subscriber == delivery.subscriber);
	return ok;
}

static void
tokens_come_back_in_either_case(void **state)
{
	char text[80];

	(void)state;
	for (int kind = 0; kind < KINDS; kind++) {
		make(kind, KEY_CURRENT, text);
		assert_true(reads(kind, text, lengths[kind]));
		for (char *p = text; *p != '\0'; p++)
			if (*p >= 'a' && *p <= 'z')
				*p -= 'a' - 'A';
		assert_true(reads(kind, text, lengths[kind]));
	}
}

/* Flip every bit of the text: only the case of a letter may change. */
static void
every_flipped_bit_of_the_text_is_refused(void **state)
{
	char text[80], was;

	(void)state;
	for (int kind = 0; kind < KINDS; kind++) {
		make(kind, KEY_CURRENT, text);
		for (size_t bit = 0; bit < lengths[kind] * 8; bit++) {
			char *c = &text[bit / 8];

			was = *c;
			*c ^= (char)(1 << bit % 8);
			if (bit % 8 == 5 && was >= 'a')
				assert_true(reads(kind, text, lengths[kind]));
			else
				assert_false(reads(kind, text, lengths[kind]));
			*c = was;
		}
	}
}

/* Flip every bit of the octets, key id, fields and MAC, and encode again. */
static void
every_flipped_bit_of_the_octets_is_refused(void **state)
{
	static const size_t sizes[KINDS] = { 41, 31, 27, 27 };
	uint8_t octets[41];
	char text[80];

	(void)state;
	for (int kind = 0; kind < KINDS; kind++) {
		make(kind, KEY_CURRENT, text);
		assert_true(base32_decode(text, lengths[kind], octets,
		    sizes[kind]));
		for (size_t bit = 0; bit < sizes[kind] * 8; bit++) {
			octets[bit / 8] ^= (uint8_t)(1 << bit % 8);
			base32_encode(octets, sizes[kind], text);
			assert_false(reads(kind, text, lengths[kind]));
			octets[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
	}
}

static void
every_cut_and_longer_text_is_refused(void **state)
{
	char text[80];

	(void)state;
	for (int kind = 0; kind < KINDS; kind++) {
		make(kind, KEY_CURRENT, text);
		for (size_t len = 0; len < lengths[kind]; len++)
			assert_false(reads(kind, text, len));
		for (size_t from = 1; from < lengths[kind]; from++)
			assert_false(reads(kind, text + from,
			    lengths[kind] - from));
		strcpy(text + lengths[kind], "a");
		assert_false(reads(kind, text, lengths[kind] + 1));
	}
}

static void
uses_are_not_interchangeable(void **state)
{
	char text[80];

	(void)state;
	for (int made = 0; made < KINDS; made++)
		for (int read = 0; read < KINDS; read++) {
			make(made, KEY_CURRENT, text);
			assert_int_equal(reads(read, text, lengths[made]),
			    read == made);
		}
}

/*
 * The layouts and labels, written out a second time: a change here would
 * break every link in every mailbox.
 */
static void
the_layouts_are_fixed(void **state)
{
	uint8_t url_key[KEY_OCTETS], verp_key[KEY_OCTETS], mac[32];
	uint8_t url[41] = { 1, 1, 2, 3, 4, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10,
	    11, 12, 13, 14, 0, 0xfe, 0xdc, 0xba, 0x98 };
	uint8_t verp[27] = { 1, 0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef,
	    0xff, 0xfe, 0xfd, 0xfc, 0xfb, 0xfa, 0xf9, 0xf8 };
	char want[80], got[80];
	uint8_t under[100];

	(void)state;
	memset(url_key, 1 + KEY_URL, sizeof(url_key));
	memset(verp_key, 1 + KEY_VERP, sizeof(verp_key));

	memcpy(under, "listd unsubscribe url v1", 25);
	memcpy(under + 25, url, 25);
	HMAC(EVP_sha256(), url_key, 32, under, 50, mac, NULL);
	memcpy(url + 25, mac, 16);
	base32_encode(url, 41, want);
	make(URL, 1, got);
	assert_string_equal(got, want);

	memcpy(under, "listd unsubscribe mailto v1", 28);
	memcpy(under + 28, url, 21);
	HMAC(EVP_sha256(), url_key, 32, under, 49, mac, NULL);
	memcpy(url + 21, mac, 10);
	base32_encode(url, 31, want);
	make(MAILTO, 1, got);
	assert_string_equal(got, want);

	memcpy(under, "listd verp v1", 14);
	memcpy(under + 14, verp, 17);
	HMAC(EVP_sha256(), verp_key, 32, under, 31, mac, NULL);
	memcpy(verp + 17, mac, 10);
	base32_encode(verp, 27, want);
	make(VERP, 1, got);
	assert_string_equal(got, want);

	memcpy(under, "listd message-id v1", 20);
	memcpy(under + 20, verp, 17);
	HMAC(EVP_sha256(), verp_key, 32, under, 37, mac, NULL);
	memcpy(verp + 17, mac, 10);
	base32_encode(verp, 27, want);
	make(MESSAGE_ID, 1, got);
	assert_string_equal(got, want);
}

/* ---- confirmations */

static void
confirm_tokens_differ_by_use_and_request(void **state)
{
	char text[TOKEN_CONFIRM_USES][TOKEN_CONFIRM_LEN + 1], other[27];
	uint8_t next[TOKEN_REQUEST_OCTETS];
	struct err e;

	(void)state;
	memcpy(next, request, sizeof(next));
	next[15] ^= 1;
	for (int use = 0; use < TOKEN_CONFIRM_USES; use++) {
		assert_int_equal(token_confirm_format(kr, KEY_CURRENT,
		    (enum token_confirm_use)use, request, text[use], &e), 0);
		assert_int_equal(strlen(text[use]), TOKEN_CONFIRM_LEN);
		for (int i = 0; i < use; i++)
			assert_string_not_equal(text[i], text[use]);
		assert_int_equal(token_confirm_format(kr, KEY_CURRENT,
		    (enum token_confirm_use)use, next, other, &e), 0);
		assert_string_not_equal(other, text[use]);
	}
}

static void
the_hash_is_of_the_octets(void **state)
{
	uint8_t octets[16], hash[32], want[32], again[32];
	char text[27];
	struct err e;

	(void)state;
	assert_int_equal(token_confirm_format(kr, KEY_CURRENT,
	    TOKEN_CONFIRM_OWNER, request, text, &e), 0);
	assert_true(base32_decode(text, 26, octets, 16));
	EVP_Digest(octets, 16, want, NULL, EVP_sha256(), NULL);
	assert_true(token_hash(text, 26, hash));
	assert_memory_equal(hash, want, 32);
	for (char *p = text; *p != '\0'; p++)
		if (*p >= 'a')
			*p ^= 0x20;
	assert_true(token_hash(text, 26, again));
	assert_memory_equal(again, want, 32);

	/* No shape of a token, no hash. */
	assert_false(token_hash(text, 25, again));
	assert_false(token_hash("", 0, again));
	text[3] = '1';
	assert_false(token_hash(text, 26, again));
	text[3] = 'a';
	text[25] = 'b';		/* spare bits */
	assert_false(token_hash(text, 26, again));
	assert_memory_equal(again, want, 32);
}

/* ---- rotation, last, for it changes the ring */

static void
old_keys_verify_after_rotation(void **state)
{
	char old[KINDS][80], confirm[27], again[27], fresh[80];
	uint8_t octets[KEY_OCTETS], hash[32];
	struct err e;
	uint8_t id;

	(void)state;
	for (int kind = 0; kind < KINDS; kind++)
		make(kind, KEY_CURRENT, old[kind]);
	assert_int_equal(token_confirm_format(kr, KEY_CURRENT,
	    TOKEN_CONFIRM_SUBSCRIPTION, request, confirm, &e), 0);
	assert_true(token_hash(confirm, 26, hash));

	memset(octets, 0x77, sizeof(octets));
	assert_int_equal(keyring_rotate(kr, KEY_URL, octets, &id, &e), 0);
	assert_int_equal(id, 2);
	assert_int_equal(keyring_rotate(kr, KEY_VERP, octets, NULL, &e), 0);
	assert_int_equal(keyring_rotate(kr, KEY_CONFIRM, octets, NULL, &e), 0);

	for (int kind = 0; kind < KINDS; kind++) {
		assert_true(reads(kind, old[kind], lengths[kind]));
		make(kind, KEY_CURRENT, fresh);
		assert_true(reads(kind, fresh, lengths[kind]));
		assert_string_not_equal(fresh, old[kind]);
		/* A retry says which key it began with. */
		make(kind, 1, fresh);
		assert_string_equal(fresh, old[kind]);
	}

	/* A reminder carries the token of the first mail. */
	assert_int_equal(token_confirm_format(kr, KEY_CURRENT,
	    TOKEN_CONFIRM_SUBSCRIPTION, request, again, &e), 0);
	assert_string_not_equal(again, confirm);
	assert_true(token_confirm_again(kr, TOKEN_CONFIRM_SUBSCRIPTION,
	    request, hash, again));
	assert_string_equal(again, confirm);
	assert_false(token_confirm_again(kr, TOKEN_CONFIRM_OWNER, request,
	    hash, again));
	assert_string_equal(again, "");
}

static void
without_a_key_there_is_no_token(void **state)
{
	struct keyring *empty = keyring_new(), *full = kr;
	struct err e = ERR_INIT;
	char text[80];

	(void)state;
	make(URL, KEY_CURRENT, text);
	assert_int_equal(token_url_format(empty, KEY_CURRENT, &leave, text,
	    &e), -1);
	assert_int_equal(e.code, ERR_CRYPTO);
	assert_string_equal(text, "");
	assert_int_equal(token_mailto_format(full, 200, &leave, text, &e), -1);
	assert_int_equal(token_delivery_format(empty, KEY_CURRENT, TOKEN_VERP,
	    &delivery, text, &e), -1);
	assert_int_equal(token_confirm_format(empty, KEY_CURRENT,
	    TOKEN_CONFIRM_OWNER, request, text, &e), -1);
	make(URL, KEY_CURRENT, text);
	kr = empty;
	assert_false(reads(URL, text, TOKEN_URL_LEN));
	kr = full;
	keyring_free(empty);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tokens_come_back_in_either_case),
		cmocka_unit_test(every_flipped_bit_of_the_text_is_refused),
		cmocka_unit_test(every_flipped_bit_of_the_octets_is_refused),
		cmocka_unit_test(every_cut_and_longer_text_is_refused),
		cmocka_unit_test(uses_are_not_interchangeable),
		cmocka_unit_test(the_layouts_are_fixed),
		cmocka_unit_test(confirm_tokens_differ_by_use_and_request),
		cmocka_unit_test(the_hash_is_of_the_octets),
		cmocka_unit_test(old_keys_verify_after_rotation),
		cmocka_unit_test(without_a_key_there_is_no_token),
	};

	return cmocka_run_group_tests(tests, make_keys, free_keys);
}
