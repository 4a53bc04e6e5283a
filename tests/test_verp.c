/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_verp.c - our local parts come back through what relays do to them,
 * and nothing else does.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/err.h"
#include "lib/keyring.h"
#include "lib/strbuf.h"
#include "lib/verp.h"

#define N(a)	(sizeof(a) / sizeof((a)[0]))
#define LOCAL_MAX	64	/* RFC 5321 section 4.5.3.1.1 */

static struct keyring *kr;
static char bounce[80], unsubscribe[80], confirm[80];	/* local parts */

static const struct token_delivery delivery = { 7, 0xbeef };
static const struct token_unsubscribe leave = {
	.list = 3, .address = "0123456789abcde",
};

static int
make_local_parts(void **state)
{
	uint8_t octets[KEY_OCTETS], request[TOKEN_REQUEST_OCTETS] = { 9 };
	struct strbuf b = STRBUF_INIT(VERP_PATH_MAX);
	char token[TOKEN_CONFIRM_LEN + 1];
	struct err e;

	(void)state;
	kr = keyring_new();
	for (enum key_purpose p = 0; p < KEY_PURPOSES; p++) {
		memset(octets, 1 + (int)p, sizeof(octets));
		if (keyring_rotate(kr, p, octets, NULL, &e) == -1)
			return -1;
	}
	if (verp_bounce_format(&b, kr, KEY_CURRENT, &delivery, "b.example",
	    &e) == -1)
		return -1;
	memcpy(bounce, b.s, strcspn(b.s, "@"));
	strbuf_reset(&b);
	if (verp_unsubscribe_format(&b, kr, KEY_CURRENT, &leave, "b.example",
	    &e) == -1)
		return -1;
	memcpy(unsubscribe, b.s, strcspn(b.s, "@"));
	strbuf_reset(&b);
	if (token_confirm_format(kr, KEY_CURRENT, TOKEN_CONFIRM_SUBSCRIPTION,
	    request, token, &e) == -1 ||
	    verp_confirm_format(&b, token, "b.example", &e) == -1)
		return -1;
	memcpy(confirm, b.s, strcspn(b.s, "@"));
	strbuf_free(&b);
	return 0;
}

static int
free_keys(void **state)
{
	(void)state;
	keyring_free(kr);
	return 0;
}

static enum verp_kind
classify(const char *local, struct verp *v)
{
	memset(v, 0xee, sizeof(*v));
	return verp_classify(kr, local, strlen(local), v);
}

/* T28: at most 64 octets, of letters, digits and a hyphen. */
static void
local_parts_have_the_safe_shape(void **state)
{
	const char *all[] = { bounce, unsubscribe, confirm };

	(void)state;
	assert_int_equal(strlen(bounce), 2 + 44);
	assert_int_equal(strlen(unsubscribe), 2 + 50);
	assert_int_equal(strlen(confirm), 2 + 26);
	for (size_t i = 0; i < N(all); i++) {
		assert_true(strlen(all[i]) <= LOCAL_MAX);
		assert_int_equal(strspn(all[i],
		    "abcdefghijklmnopqrstuvwxyz234567-"), strlen(all[i]));
	}
}

static void
each_is_told_from_the_others(void **state)
{
	uint8_t hash[TOKEN_HASH_OCTETS];
	struct verp v;

	(void)state;
	assert_int_equal(classify(bounce, &v), VERP_BOUNCE);
	assert_int_equal(v.kind, VERP_BOUNCE);
	assert_int_equal(v.u.delivery.campaign, 7);
	assert_int_equal(v.u.delivery.subscriber, 0xbeef);
	assert_int_equal(classify(unsubscribe, &v), VERP_UNSUBSCRIBE);
	assert_int_equal(v.u.unsubscribe.list, 3);
	assert_memory_equal(v.u.unsubscribe.address, leave.address, 16);
	assert_int_equal(classify(confirm, &v), VERP_CONFIRM);
	assert_true(token_hash(confirm + 2, 26, hash));
	assert_memory_equal(v.u.confirm, hash, sizeof(hash));
}

/* What was put before our local part and behind it. */
static const struct {
	const char *why, *before, *behind;
} rewritten[] = {
	{ "as we wrote it",			"", "" },
	{ "BATV, draft-levine-smtp-batv",	"prvs=1234abcdef=", "" },
	{ "BATV of another maker",		"btv1==0123456789a==", "" },
	{ "BATV, tag behind",			"prvs=", "/1234abcdef" },
	{ "SRS0 of a forwarder",		"SRS0=HHHH=TT=b.example=", "" },
	{ "SRS1 of the next forwarder",
	    "SRS1=HHH=mx.example==HHHH=TT=b.example=", "" },
	{ "extension behind",			"", "+retry" },
	{ "extension before",			"relay+", "" },
	{ "quoted by a gateway",		"\"", "\"" },
};

static void
what_relays_add_is_looked_through(void **state)
{
	char local[200];
	struct verp v;

	(void)state;
	for (size_t i = 0; i < N(rewritten); i++) {
		snprintf(local, sizeof(local), "%s%s%s", rewritten[i].before,
		    bounce, rewritten[i].behind);
		if (classify(local, &v) != VERP_BOUNCE ||
		    v.u.delivery.subscriber != 0xbeef)
			fail_msg("not seen: %s", rewritten[i].why);
		for (char *p = local; *p != '\0'; p++)
			if (*p >= 'a' && *p <= 'z')
				*p -= 'a' - 'A';
		if (classify(local, &v) != VERP_BOUNCE)
			fail_msg("not seen in capitals: %s",
			    rewritten[i].why);
		snprintf(local, sizeof(local), "%s%s%s", rewritten[i].before,
		    unsubscribe, rewritten[i].behind);
		assert_int_equal(classify(local, &v), VERP_UNSUBSCRIBE);
		snprintf(local, sizeof(local), "%s%s%s", rewritten[i].before,
		    confirm, rewritten[i].behind);
		assert_int_equal(classify(local, &v), VERP_CONFIRM);
	}
}

/* Anyone may write to us; the shape alone makes nothing ours. */
static const struct {
	const char *why, *local;
} strangers[] = {
	{ "empty",			"" },
	{ "a prefix alone",		"b-" },
	{ "postmaster",			"postmaster" },
	{ "a name that begins so",	"b-smith" },
	{ "a MAC of nothing",
	    "b-aeaaaaaaaaaaaaahqaaaaaaaaaaaax3xpaaaaaaaaaaa" },
	{ "unsubscribe without a MAC",
	    "u-aeaaaaadaaytembtgqztmnzyheydcmrtgq2tmnzyhfqwe" },
	{ "confirm of 25 characters",	"c-aaaaaaaaaaaaaaaaaaaaaaaaa" },
	{ "confirm with spare bits",	"c-aaaaaaaaaaaaaaaaaaaaaaaaab" },
	{ "confirm glued to a name",	"abc-aaaaaaaaaaaaaaaaaaaaaaaaaa" },
	{ "confirm before a dot",	"c-aaaaaaaaaaaaaaaaaaaaaaaaaa.x" },
};

static void
strangers_are_refused(void **state)
{
	struct verp v;

	(void)state;
	for (size_t i = 0; i < N(strangers); i++) {
		if (classify(strangers[i].local, &v) != VERP_NONE)
			fail_msg("accepted: %s", strangers[i].why);
		assert_int_equal(v.kind, VERP_NONE);
	}
}

/* F35: a forged bounce must not count against another subscriber. */
static void
each_flipped_bit_and_cut_is_refused(void **state)
{
	char local[80], was;
	struct verp v;

	(void)state;
	strcpy(local, bounce);
	for (size_t bit = 16; bit < strlen(bounce) * 8; bit++) {
		was = local[bit / 8];
		local[bit / 8] ^= (char)(1 << bit % 8);
		if (bit % 8 != 5 || was < 'a')
			assert_int_equal(verp_classify(kr, local,
			    strlen(bounce), &v), VERP_NONE);
		local[bit / 8] = was;
	}
	for (size_t len = 0; len < strlen(bounce); len++)
		assert_int_equal(verp_classify(kr, bounce, len, &v),
		    VERP_NONE);
	/* A delivery token does not unsubscribe, nor the other way round. */
	strcpy(local, bounce);
	local[0] = 'u';
	assert_int_equal(classify(local, &v), VERP_NONE);
	strcpy(local, unsubscribe);
	local[0] = 'b';
	assert_int_equal(classify(local, &v), VERP_NONE);
}

static void
whole_addresses(void **state)
{
	char text[200];
	struct verp v;

	(void)state;
	snprintf(text, sizeof(text), "<%s@b.example>", bounce);
	assert_int_equal(verp_classify_address(kr, text, strlen(text), &v),
	    VERP_BOUNCE);
	snprintf(text, sizeof(text), "%s@b.example", bounce);
	assert_int_equal(verp_classify_address(kr, text, strlen(text), &v),
	    VERP_BOUNCE);
	snprintf(text, sizeof(text), "%s", bounce);	/* no domain */
	assert_int_equal(verp_classify_address(kr, text, strlen(text), &v),
	    VERP_NONE);
	assert_int_equal(verp_classify_address(kr, "<>", 2, &v), VERP_NONE);
	assert_int_equal(verp_classify_address(kr, "", 0, &v), VERP_NONE);
	assert_int_equal(verp_classify_address(kr, "@", 1, &v), VERP_NONE);
}

static void
limits(void **state)
{
	struct strbuf b = STRBUF_INIT(VERP_PATH_MAX);
	char local[VERP_LOCAL_MAX + 100], domain[256];
	struct err e = ERR_INIT;
	struct verp v;

	(void)state;
	/* The longest local part that is looked at, and one octet more. */
	memset(local, '=', sizeof(local));
	memcpy(local + VERP_LOCAL_MAX - strlen(bounce), bounce,
	    strlen(bounce));
	assert_int_equal(verp_classify(kr, local, VERP_LOCAL_MAX, &v),
	    VERP_BOUNCE);
	assert_int_equal(verp_classify(kr, local, VERP_LOCAL_MAX + 1, &v),
	    VERP_NONE);

	memset(domain, 'd', sizeof(domain));
	domain[VERP_PATH_MAX - strlen(bounce) - 1] = '\0';
	assert_int_equal(verp_bounce_format(&b, kr, KEY_CURRENT, &delivery,
	    domain, &e), 0);
	assert_int_equal(b.len, VERP_PATH_MAX);
	domain[VERP_PATH_MAX - strlen(bounce) - 1] = 'd';
	domain[VERP_PATH_MAX - strlen(bounce)] = '\0';
	strbuf_reset(&b);
	assert_int_equal(verp_bounce_format(&b, kr, KEY_CURRENT, &delivery,
	    domain, &e), -1);
	assert_int_equal(e.code, ERR_LIMIT);
	assert_int_equal(verp_bounce_format(&b, kr, 99, &delivery, "d", &e),
	    -1);
	assert_int_equal(e.code, ERR_CRYPTO);
	strbuf_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(local_parts_have_the_safe_shape),
		cmocka_unit_test(each_is_told_from_the_others),
		cmocka_unit_test(what_relays_add_is_looked_through),
		cmocka_unit_test(strangers_are_refused),
		cmocka_unit_test(each_flipped_bit_and_cut_is_refused),
		cmocka_unit_test(whole_addresses),
		cmocka_unit_test(limits),
	};

	return cmocka_run_group_tests(tests, make_local_parts, free_keys);
}
