/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_tlsa.c - which TLSA records count for SMTP (R168; RFC 7672 section 3.1,
 * RFC 7671 section 9), and that those which do not still promise TLS.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "lib/err.h"
#include "lib/tlsa.h"

static const struct {
	const char *why;
	uint8_t usage, selector, matching;
	size_t len;		/* octets of data */
	bool usable;
	enum err_code code;
} rows[] = {
	{ "3 1 1, what most publish", 3, 1, 1, 32, true, ERR_NONE },
	{ "3 1 2", 3, 1, 2, 64, true, ERR_NONE },
	{ "3 0 1", 3, 0, 1, 32, true, ERR_NONE },
	{ "2 0 1, an authority", 2, 0, 1, 32, true, ERR_NONE },
	{ "2 1 1", 2, 1, 1, 32, true, ERR_NONE },
	{ "PKIX-TA (RFC 7672 3.1.3)", 0, 0, 1, 32, false, ERR_INPUT },
	{ "PKIX-EE (RFC 7672 3.1.3)", 1, 1, 1, 32, false, ERR_INPUT },
	{ "private usage", 255, 1, 1, 32, false, ERR_INPUT },
	{ "unknown usage", 4, 1, 1, 32, false, ERR_INPUT },
	{ "unknown selector", 3, 2, 1, 32, false, ERR_INPUT },
	{ "unknown matching", 3, 1, 3, 32, false, ERR_INPUT },
	{ "digest too short", 3, 1, 1, 31, false, ERR_INPUT },
	{ "digest too long", 3, 1, 1, 33, false, ERR_INPUT },
	{ "the other digest's length", 3, 1, 2, 32, false, ERR_INPUT },
	{ "no data", 3, 1, 1, 0, false, ERR_INPUT },
	{ "full, and no certificate", 3, 0, 0, 100, false, ERR_INPUT },
	{ "full, and no key", 3, 1, 0, 100, false, ERR_INPUT },
	{ "more than there can be", 3, 0, 0, TLSA_DATA_MAX + 1, false,
	    ERR_LIMIT },
};

static size_t
rdata(uint8_t *out, uint8_t usage, uint8_t selector, uint8_t matching,
    size_t len, uint8_t fill)
{
	out[0] = usage;
	out[1] = selector;
	out[2] = matching;
	memset(out + 3, fill, len);
	return len + 3;
}

static void
records_count_or_not(void **state)
{
	uint8_t buf[TLSA_DATA_MAX + 4];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct tlsa_set set = { .n = 0 };
		struct err e = ERR_INIT;
		size_t len = rdata(buf, rows[i].usage, rows[i].selector,
		    rows[i].matching, rows[i].len, 0x5a);

		assert_int_equal(tlsa_verdict(&set), TLSA_NONE);
		if (tlsa_add(&set, buf, len, &e) != rows[i].usable)
			fail_msg("%s: %s", rows[i].why, e.text);
		assert_int_equal(e.code, rows[i].code);
		assert_int_equal(tlsa_verdict(&set),
		    rows[i].usable ? TLSA_USABLE : TLSA_UNUSABLE);
		tlsa_clear(&set);
		assert_int_equal(tlsa_verdict(&set), TLSA_NONE);
	}
	for (size_t len = 0; len < 4; len++) {	/* breaks off */
		struct tlsa_set set = { .n = 0 };

		rdata(buf, 3, 1, 1, 32, 1);
		assert_false(tlsa_add(&set, buf, len, NULL));
	}
}

static void
full_keys_are_read(void **state)
{
	struct tlsa_set set = { .n = 0 };
	EVP_PKEY *key = EVP_EC_gen("P-256");
	unsigned char buf[512] = { TLSA_DANE_EE, TLSA_SPKI, TLSA_FULL };
	unsigned char *p = buf + 3;
	int len;

	(void)state;
	assert_non_null(key);
	len = i2d_PUBKEY(key, &p);
	assert_true(len > 0);
	assert_true(tlsa_add(&set, buf, (size_t)len + 3, NULL));
	/* One octet behind it, one missing: not that key. */
	assert_false(tlsa_add(&set, buf, (size_t)len + 4, NULL));
	assert_false(tlsa_add(&set, buf, (size_t)len + 2, NULL));
	assert_int_equal(set.n, 1);
	assert_int_equal(set.unusable, 2);
	tlsa_clear(&set);
	EVP_PKEY_free(key);
}

static void
the_better_digest_wins(void **state)
{
	struct tlsa_set set = { .n = 0 }, copy;
	uint8_t buf[128];

	(void)state;
	tlsa_add(&set, buf, rdata(buf, 3, 1, 1, 32, 1), NULL);
	tlsa_add(&set, buf, rdata(buf, 3, 1, 2, 64, 2), NULL);
	tlsa_add(&set, buf, rdata(buf, 3, 1, 1, 32, 3), NULL);
	tlsa_add(&set, buf, rdata(buf, 3, 0, 1, 32, 4), NULL);	/* selector */
	tlsa_add(&set, buf, rdata(buf, 2, 1, 1, 32, 5), NULL);	/* usage */
	tlsa_prefer(&set);
	assert_int_equal(set.n, 3);
	assert_int_equal(set.v[0].data[0], 2);
	assert_int_equal(set.v[1].data[0], 4);
	assert_int_equal(set.v[2].data[0], 5);
	tlsa_prefer(&set);
	assert_int_equal(set.n, 3);
	tlsa_copy(&copy, &set);
	tlsa_clear(&set);
	assert_int_equal(copy.n, 3);
	assert_int_equal(copy.v[2].data[31], 5);
	tlsa_clear(&copy);
}

static void
a_set_has_a_limit(void **state)
{
	struct tlsa_set set = { .n = 0 };
	struct err e = ERR_INIT;
	uint8_t buf[64];
	size_t len = rdata(buf, 3, 1, 1, 32, 1);

	(void)state;
	for (int i = 0; i < TLSA_RECORDS_MAX; i++)
		assert_true(tlsa_add(&set, buf, len, &e));
	assert_false(tlsa_add(&set, buf, len, &e));
	assert_int_equal(e.code, ERR_LIMIT);
	tlsa_clear(&set);
}

static void
names(void **state)
{
	char out[TLSA_NAME_MAX], host[260];

	(void)state;
	assert_true(tlsa_name(out, 25, "mx.example.com"));
	assert_string_equal(out, "_25._tcp.mx.example.com");
	assert_true(tlsa_name(out, 65535, "mx.example.com."));
	assert_string_equal(out, "_65535._tcp.mx.example.com");
	assert_false(tlsa_name(out, 25, ""));
	memset(host, 'a', sizeof(host));
	host[244] = '\0';
	assert_true(tlsa_name(out, 25, host));
	host[244] = 'a';
	host[245] = '\0';
	assert_false(tlsa_name(out, 25, host));
	host[245] = 'a';
	host[259] = '\0';
	assert_false(tlsa_name(out, 25, host));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_count_or_not),
		cmocka_unit_test(full_keys_are_read),
		cmocka_unit_test(the_better_digest_wins),
		cmocka_unit_test(a_set_has_a_limit),
		cmocka_unit_test(names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
