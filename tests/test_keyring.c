/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_keyring.c - key files read, written and refused; MACs against RFC 4231
 * by way of OpenSSL's own HMAC().
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

#include "lib/err.h"
#include "lib/keyring.h"
#include "lib/strbuf.h"

#define N(a)	(sizeof(a) / sizeof((a)[0]))

/* 32 octets each: of zeros, and of 0x08 0x42 0x10 and so on. */
#define A52	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B52	"bccccccccccccccccccccccccccccccccccccccccccccccccccq"
#define C52	"ceeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeq"

static int
parse(struct keyring *kr, enum key_purpose p, const char *text, struct err *e)
{
	*e = (struct err)ERR_INIT;
	return keyring_parse(kr, p, text, strlen(text), e);
}

static void
a_file_is_read(void **state)
{
	struct keyring *kr = keyring_new();
	struct err e;

	(void)state;
	assert_int_equal(parse(kr, KEY_URL, "# old and new\n\n"
	    "255 " C52 "\r\n"
	    "\t7  " B52 "\tcurrent # since May\n"
	    "1 " A52, &e), 0);
	assert_int_equal(keyring_count(kr, KEY_URL), 3);
	assert_int_equal(keyring_current(kr, KEY_URL), 7);
	assert_int_equal(keyring_id(kr, KEY_URL, 0), 1);
	assert_int_equal(keyring_id(kr, KEY_URL, 1), 7);
	assert_int_equal(keyring_id(kr, KEY_URL, 2), 255);
	assert_int_equal(keyring_id(kr, KEY_URL, 3), 0);
	assert_int_equal(keyring_find(kr, KEY_URL, 1)[31], 0);
	assert_int_equal(keyring_find(kr, KEY_URL, 7)[0], 0x08);
	assert_ptr_equal(keyring_find(kr, KEY_URL, KEY_CURRENT),
	    keyring_find(kr, KEY_URL, 7));
	assert_null(keyring_find(kr, KEY_URL, 2));
	assert_null(keyring_find(kr, KEY_VERP, 7));
	assert_null(keyring_find(kr, KEY_VERP, KEY_CURRENT));
	assert_int_equal(keyring_current(kr, KEY_VERP), 0);
	keyring_free(kr);
	keyring_free(NULL);
}

static const struct {
	const char *why, *text, *says;
	enum err_code code;
} refused[] = {
	{ "nothing",		"", "current", ERR_INPUT },
	{ "comments only",	"# 1 " A52 " current\n", "current",
	    ERR_INPUT },
	{ "no current key",	"1 " A52 "\n", "current", ERR_INPUT },
	{ "two current keys",	"1 " A52 " current\n2 " B52 " current\n",
	    "line 2", ERR_INPUT },
	{ "id 0 means current",	"0 " A52 " current\n", "line 1", ERR_INPUT },
	{ "id past an octet",	"256 " A52 " current\n", "line 1",
	    ERR_INPUT },
	{ "id of many digits",	"4294967297 " A52 " current\n", "line 1",
	    ERR_INPUT },
	{ "leading zero",	"01 " A52 " current\n", "line 1", ERR_INPUT },
	{ "negative id",	"-1 " A52 " current\n", "line 1", ERR_INPUT },
	{ "id twice",		"\n1 " A52 " current\n\n1 " B52 "\n",
	    "line 4", ERR_INPUT },
	{ "secret twice",	"1 " A52 " current\n2 " A52 "\n", "line 2",
	    ERR_EXISTS },
	{ "secret cut",		"1 aaaa current\n", "line 1", ERR_INPUT },
	{ "secret missing",	"1\n", "line 1", ERR_INPUT },
	{ "secret too long",	"1 " A52 "a current\n", "line 1", ERR_INPUT },
	{ "not base32",		"1 0" A52 " current\n", "line 1", ERR_INPUT },
	{ "another word",	"1 " A52 " old\n", "line 1", ERR_INPUT },
	{ "a word too many",	"1 " A52 " current yes\n", "line 1",
	    ERR_INPUT },
	{ "a second line good, a third bad",
	    "# x\n1 " A52 " current\nx\n", "line 3", ERR_INPUT },
};

static void
bad_files_change_nothing(void **state)
{
	struct keyring *kr = keyring_new();
	struct err e;

	(void)state;
	assert_int_equal(parse(kr, KEY_LOG, "9 " B52 " current\n", &e), 0);
	for (size_t i = 0; i < N(refused); i++) {
		if (parse(kr, KEY_LOG, refused[i].text, &e) != -1)
			fail_msg("accepted: %s", refused[i].why);
		assert_int_equal(e.code, refused[i].code);
		if (strstr(e.text, refused[i].says) == NULL)
			fail_msg("%s: %s", refused[i].why, e.text);
		/* A message must never tell the secret. */
		assert_null(strstr(e.text, "aaaa"));
		assert_int_equal(keyring_current(kr, KEY_LOG), 9);
		assert_int_equal(keyring_count(kr, KEY_LOG), 1);
	}
	/* A good one replaces them all. */
	assert_int_equal(parse(kr, KEY_LOG, "8 " C52 " current\n", &e), 0);
	assert_int_equal(keyring_count(kr, KEY_LOG), 1);
	assert_null(keyring_find(kr, KEY_LOG, 9));
	keyring_free(kr);
}

static void
limits_of_a_file(void **state)
{
	struct strbuf b = STRBUF_INIT(2 * KEY_FILE_MAX);
	struct keyring *kr = keyring_new();
	struct err e = ERR_INIT;

	(void)state;
	strbuf_adds(&b, "1 " A52 " current\n");
	while (b.len < KEY_FILE_MAX)
		strbuf_addc(&b, '#');
	assert_int_equal(keyring_parse(kr, KEY_URL, b.s, b.len, &e), 0);
	strbuf_addc(&b, '#');
	assert_int_equal(keyring_parse(kr, KEY_URL, b.s, b.len, &e), -1);
	assert_int_equal(e.code, ERR_LIMIT);
	strbuf_free(&b);
	keyring_free(kr);
}

/* Rotate until it is full; write, read, compare; old keys stay. */
static void
rotation_and_the_way_through_a_file(void **state)
{
	struct strbuf b = STRBUF_INIT(KEY_FILE_MAX);
	struct keyring *kr = keyring_new(), *back = keyring_new();
	uint8_t octets[KEY_OCTETS] = { 0 }, id;
	struct err e = ERR_INIT;

	(void)state;
	for (int i = 0; i < KEY_MAX; i++) {
		octets[0] = (uint8_t)i;
		assert_int_equal(keyring_rotate(kr, KEY_VERP, octets, &id,
		    &e), 0);
		assert_int_equal(id, i + 1);
		assert_int_equal(keyring_current(kr, KEY_VERP), id);
	}
	assert_int_equal(keyring_rotate(kr, KEY_VERP, octets, &id, &e), -1);
	assert_int_equal(e.code, ERR_LIMIT);
	assert_int_equal(keyring_format(kr, KEY_VERP, &b, &e), 0);
	assert_int_equal(keyring_parse(back, KEY_VERP, b.s, b.len, &e), 0);
	assert_int_equal(keyring_count(back, KEY_VERP), KEY_MAX);
	assert_int_equal(keyring_current(back, KEY_VERP), KEY_MAX);
	for (int i = 1; i <= KEY_MAX; i++)
		assert_memory_equal(keyring_find(back, KEY_VERP, (uint8_t)i),
		    keyring_find(kr, KEY_VERP, (uint8_t)i), KEY_OCTETS);
	keyring_wipe(&b);
	assert_int_equal(b.len, 0);
	keyring_free(kr);
	keyring_free(back);
}

static void
rotation_takes_the_smallest_free_id(void **state)
{
	struct keyring *kr = keyring_new();
	uint8_t octets[KEY_OCTETS] = { 5 }, id;
	struct err e;

	(void)state;
	assert_int_equal(parse(kr, KEY_URL, "1 " A52 "\n3 " B52 " current\n",
	    &e), 0);
	assert_int_equal(keyring_rotate(kr, KEY_URL, octets, &id, &e), 0);
	assert_int_equal(id, 2);
	assert_int_equal(keyring_current(kr, KEY_URL), 2);
	assert_int_equal(keyring_rotate(kr, KEY_URL, octets, NULL, &e), -1);
	assert_int_equal(e.code, ERR_EXISTS);
	keyring_free(kr);
}

/* Stored data hangs on these two: DESIGN says they never rotate. */
static void
fixed_keys_stay_alone(void **state)
{
	static const enum key_purpose fixed[] = { KEY_H8, KEY_ADDRESS };
	uint8_t octets[KEY_OCTETS] = { 5 };
	struct keyring *kr = keyring_new();
	struct err e;

	(void)state;
	for (size_t i = 0; i < N(fixed); i++) {
		assert_int_equal(keyring_rotate(kr, fixed[i], octets, NULL,
		    &e), 0);
		octets[1]++;
		assert_int_equal(keyring_rotate(kr, fixed[i], octets, NULL,
		    &e), -1);
		assert_int_equal(e.code, ERR_REFUSED);
		assert_int_equal(parse(kr, fixed[i], "1 " A52 " current\n2 "
		    B52 "\n", &e), -1);
		assert_int_equal(e.code, ERR_REFUSED);
	}
	keyring_free(kr);
}

static void
a_mac_is_hmac_sha256(void **state)
{
	static const char under[] = "listd test v1\0some data";
	uint8_t mac[KEY_MAC_OCTETS], want[KEY_MAC_OCTETS];
	struct keyring *kr = keyring_new();
	struct err e;

	(void)state;
	assert_int_equal(parse(kr, KEY_URL, "1 " B52 "\n2 " C52 " current\n",
	    &e), 0);
	for (uint8_t id = 1; id <= 2; id++) {
		assert_non_null(HMAC(EVP_sha256(),
		    keyring_find(kr, KEY_URL, id), KEY_OCTETS,
		    (const uint8_t *)under, sizeof(under) - 1, want, NULL));
		assert_true(keyring_mac(kr, KEY_URL, id, "listd test v1",
		    "some data", 9, mac));
		assert_memory_equal(mac, want, sizeof(mac));
	}
	assert_true(keyring_mac(kr, KEY_URL, KEY_CURRENT, "listd test v1",
	    "some data", 9, mac));
	assert_memory_equal(mac, want, sizeof(mac));
	assert_false(keyring_mac(kr, KEY_URL, 3, "listd test v1", "", 0,
	    mac));
	assert_int_equal(mac[0] | mac[31], 0);
	assert_false(keyring_mac(kr, KEY_LOG, KEY_CURRENT, "listd test v1",
	    "", 0, mac));
	keyring_free(kr);
}

static void
purposes_have_names(void **state)
{
	(void)state;
	for (enum key_purpose p = 0; p < KEY_PURPOSES; p++) {
		assert_non_null(key_purpose_name(p));
		assert_int_equal(key_purpose_find(key_purpose_name(p)), p);
	}
	assert_int_equal(key_purpose_find("master"), KEY_PURPOSES);
	assert_string_equal(key_purpose_name(KEY_PURPOSES), "unknown");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_is_read),
		cmocka_unit_test(bad_files_change_nothing),
		cmocka_unit_test(limits_of_a_file),
		cmocka_unit_test(rotation_and_the_way_through_a_file),
		cmocka_unit_test(rotation_takes_the_smallest_free_id),
		cmocka_unit_test(fixed_keys_stay_alone),
		cmocka_unit_test(a_mac_is_hmac_sha256),
		cmocka_unit_test(purposes_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
