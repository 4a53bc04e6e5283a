/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_address.c - what is an address in SMTP and what is not, and when two
 * are the same (T33 to T36, S37).
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/address.h"
#include "lib/err.h"
#include "lib/keyring.h"
#include "lib/strbuf.h"

#define N(a)	(sizeof(a) / sizeof((a)[0]))

#define A20	"aaaaaaaaaaaaaaaaaaaa"
#define A61	A20 A20 A20 "a"
#define A63	A61 "aa"

#define ALL	(ADDRESS_UTF8 | ADDRESS_ONE_LABEL)
#define LITERAL	ADDRESS_LITERAL

static int
parse(const char *text, unsigned flags, struct address *a, struct err *e)
{
	*e = (struct err)ERR_INIT;
	return address_parse(text, strlen(text), flags, a, e);
}

static const struct {
	const char *why, *text, *local, *domain;
	unsigned flags;
} taken[] = {
	{ "plain", "jane@example.org", "jane", "example.org", 0 },
	{ "case of the local part stays, of the domain goes",
	    "Jane.Doe@EXAMPLE.org", "Jane.Doe", "example.org", 0 },
	{ "all of atext", "!#$%&'*+-/=?^_`{|}~@example.org",
	    "!#$%&'*+-/=?^_`{|}~", "example.org", 0 },
	{ "64 octets of local part", A63 "a@example.org", A63 "a",
	    "example.org", 0 },
	{ "a long local part where it is asked for", A63 A63 "@example.org",
	    A63 A63, "example.org", ADDRESS_LONG_LOCAL },
	{ "254 octets in all", A63 "a@" A63 "." A63 "." A61,
	    A63 "a", A63 "." A63 "." A61, 0 },
	{ "quoted", "\"jane doe\"@example.org", "\"jane doe\"",
	    "example.org", 0 },
	{ "quoted @ and pairs", "\"a@b\\\"\\\\\"@example.org",
	    "\"a@b\\\"\\\\\"", "example.org", 0 },
	{ "an address literal where it is asked for", "a@[192.0.2.1]", "a",
	    "[192.0.2.1]", LITERAL },
	{ "one of IPv6", "a@[IPV6:2001:DB8::192.0.2.1]", "a",
	    "[ipv6:2001:db8::192.0.2.1]", LITERAL },
	{ "digits in labels but the last", "a@1.2.example", "a",
	    "1.2.example", 0 },
	{ "hyphens in third and fourth place", "a@r3---sn.example", "a",
	    "r3---sn.example", 0 },
	{ "A-labels as they are", "a@xn--mnchen-3ya.example", "a",
	    "xn--mnchen-3ya.example", 0 },
	{ "A-label that IDNA2008 would not make", "a@xn--i-7iq.example", "a",
	    "xn--i-7iq.example", 0 },
	/* T35: IDNA2008, where sharp s and final sigma are themselves. */
	{ "U-label", "a@m\xc3\xbcnchen.example", "a",
	    "xn--mnchen-3ya.example", 0 },
	{ "sharp s is not ss", "a@stra\xc3\x9f" "e.example", "a",
	    "xn--strae-oqa.example", 0 },
	{ "final sigma stays final", "a@\xcf\x82.example", "a",
	    "xn--3xa.example", 0 },
	{ "U-label in capitals", "a@M\xc3\x9cNCHEN.example", "a",
	    "xn--mnchen-3ya.example", 0 },
	{ "U-label not in NFC", "a@mu\xcc\x88nchen.example", "a",
	    "xn--mnchen-3ya.example", 0 },
	{ "ideographic full stop is a dot",
	    "a@\xe4\xbe\x8b\xe3\x80\x82" "example", "a",
	    "xn--fsq.example", 0 },
	{ "UTF-8 local part", "j\xc3\xa9r\xc3\xb4me@example.org",
	    "j\xc3\xa9r\xc3\xb4me", "example.org", ADDRESS_UTF8 },
	{ "UTF-8 in quotes", "\"\xc3\xa9 \xc3\xa8\"@example.org",
	    "\"\xc3\xa9 \xc3\xa8\"", "example.org", ADDRESS_UTF8 },
	{ "one label", "root@localhost", "root", "localhost",
	    ADDRESS_ONE_LABEL },
};

static void
addresses_are_taken(void **state)
{
	struct strbuf b = STRBUF_INIT(1000);
	struct address a;
	struct err e;

	(void)state;
	for (size_t i = 0; i < N(taken); i++) {
		if (parse(taken[i].text, taken[i].flags, &a, &e) == -1)
			fail_msg("%s: %s", taken[i].why, e.text);
		assert_string_equal(a.local, taken[i].local);
		assert_string_equal(a.domain, taken[i].domain);
		strbuf_reset(&b);
		address_format(&b, &a);
		assert_int_equal(b.len, strlen(a.local) + 1 +
		    strlen(a.domain));
		/* What we write reads back as the same. */
		assert_int_equal(parse(b.s, taken[i].flags, &a, &e), 0);
		assert_string_equal(a.local, taken[i].local);
		assert_string_equal(a.domain, taken[i].domain);
	}
	strbuf_free(&b);
}

static const struct {
	const char *why, *text;
	unsigned flags;
	enum err_code code;
} refused[] = {
	{ "empty", "", ALL, ERR_INPUT },
	{ "no @", "jane", ALL, ERR_INPUT },
	{ "no local part", "@example.org", ALL, ERR_INPUT },
	{ "no domain", "jane@", ALL, ERR_INPUT },
	{ "blank before", " jane@example.org", ALL, ERR_INPUT },
	{ "blank after", "jane@example.org ", ALL, ERR_INPUT },
	{ "angle brackets", "<jane@example.org>", ALL, ERR_INPUT },
	{ "display name", "Jane <jane@example.org>", ALL, ERR_INPUT },
	{ "two addresses", "a@example.org,b@example.org", ALL, ERR_INPUT },
	{ "two @", "a@b@example.org", ALL, ERR_INPUT },
	{ "source route", "@a.example,@b.example:c@example.org", ALL,
	    ERR_INPUT },
	{ "comment", "jane(doe)@example.org", ALL, ERR_INPUT },
	{ "comment in the domain", "jane@(x)example.org", ALL, ERR_INPUT },
	{ "dot first", ".jane@example.org", ALL, ERR_INPUT },
	{ "dot last", "jane.@example.org", ALL, ERR_INPUT },
	{ "two dots", "jane..doe@example.org", ALL, ERR_INPUT },
	{ "empty quotes", "\"\"@example.org", ALL, ERR_INPUT },
	{ "quotes not closed", "\"jane@example.org", ALL, ERR_INPUT },
	{ "quotes closed by an escape", "\"jane\\\"@example.org", ALL,
	    ERR_INPUT },
	{ "quotes and a word", "\"jane\"doe@example.org", ALL, ERR_INPUT },
	{ "word and quotes", "jane\"doe\"@example.org", ALL, ERR_INPUT },
	{ "tab in quotes", "\"a\tb\"@example.org", ALL, ERR_INPUT },
	{ "DEL in quotes", "\"a\x7f\"@example.org", ALL, ERR_INPUT },
	{ "escaped UTF-8", "\"\\\xc3\xa9\"@example.org", ALL, ERR_INPUT },
	{ "CR LF", "a\r\nRCPT TO:<b>@example.org", ALL, ERR_INPUT },
	{ "CR LF in quotes", "\"a\r\n\"@example.org", ALL, ERR_INPUT },
	{ "LF at the end", "a@example.org\n", ALL, ERR_INPUT },
	{ "trailing dot", "a@example.org.", ALL, ERR_INPUT },
	{ "empty label", "a@example..org", ALL, ERR_INPUT },
	{ "dot first in the domain", "a@.example.org", ALL, ERR_INPUT },
	{ "address literal", "a@[192.0.2.1]", ALL, ERR_INPUT },
	{ "IPv6 literal", "a@[IPv6:2001:db8::1]", ALL, ERR_INPUT },
	{ "literal not closed", "a@[192.0.2.1", LITERAL, ERR_INPUT },
	{ "literal and more", "a@[192.0.2.1]x", LITERAL, ERR_INPUT },
	{ "empty literal", "a@[]", LITERAL, ERR_INPUT },
	{ "half a literal", "a@[", LITERAL, ERR_INPUT },
	{ "three numbers", "a@[192.0.2]", LITERAL, ERR_INPUT },
	{ "IPv6 without its tag", "a@[2001:db8::1]", LITERAL, ERR_INPUT },
	{ "IPv4 with that tag", "a@[IPv6:192.0.2.1]", LITERAL, ERR_INPUT },
	{ "tag alone", "a@[IPv6:]", LITERAL, ERR_INPUT },
	{ "a name in brackets", "a@[example.org]", LITERAL, ERR_INPUT },
	{ "a literal longer than any", "a@[IPv6:" A63 "]", LITERAL, ERR_INPUT },
	{ "an address as a name", "a@192.0.2.1", ALL, ERR_INPUT },
	{ "the same where literals are taken", "a@192.0.2.1", LITERAL,
	    ERR_INPUT },
	{ "number as top level", "a@example.123", ALL, ERR_INPUT },
	{ "underscore", "a@ex_ample.org", ALL, ERR_INPUT },
	{ "hyphen first", "a@-example.org", ALL, ERR_INPUT },
	{ "hyphen last", "a@example-.org", ALL, ERR_INPUT },
	{ "space in the domain", "a@exa mple.org", ALL, ERR_INPUT },
	{ "shell in the domain", "a@$(reboot).org", ALL, ERR_INPUT },
	{ "one label", "a@example", ADDRESS_UTF8, ERR_INPUT },
	{ "UTF-8 without the flag", "\xc3\xa9@example.org",
	    ADDRESS_ONE_LABEL, ERR_INPUT },
	{ "not UTF-8", "\xe9@example.org", ALL, ERR_INPUT },
	{ "overlong @", "a\xc1\x80" "example.org@example.org", ALL,
	    ERR_INPUT },
	{ "domain not UTF-8", "a@\xe9.org", ALL, ERR_INPUT },
	{ "fullwidth @ in the domain", "a@b\xef\xbc\xa0" "c.example", ALL,
	    ERR_INPUT },
	{ "fullwidth slash in the domain", "a@b\xef\xbc\x8f" "c.example",
	    ALL, ERR_INPUT },
	{ "symbol in the domain", "a@\xe2\x9d\xa4.example", ALL, ERR_INPUT },
	{ "combining mark first", "a@\xcc\x88u.example", ALL, ERR_INPUT },
	{ "65 octets of local part", A63 "aa@example.org", ALL, ERR_LIMIT },
	{ "65 octets in quotes", "\"" A63 "\"@example.org", ALL, ERR_LIMIT },
	{ "65 octets of UTF-8", A63 "\xc3\xa9@example.org", ALL, ERR_LIMIT },
	{ "64 octets of label", "a@" A63 "a.example", ALL, ERR_LIMIT },
	{ "255 octets in all", A63 "a@" A63 "." A63 "." A61 "a", ALL,
	    ERR_LIMIT },
	{ "254 octets of domain",
	    "a@" A63 "." A63 "." A63 "." A61 "a", ALL, ERR_LIMIT },
};

static void
all_else_is_refused(void **state)
{
	struct address a, before;
	struct err e;

	(void)state;
	memset(&a, 'x', sizeof(a));
	before = a;
	for (size_t i = 0; i < N(refused); i++) {
		if (parse(refused[i].text, refused[i].flags, &a, &e) == 0)
			fail_msg("accepted: %s", refused[i].why);
		if (e.code != refused[i].code)
			fail_msg("%s: %s", refused[i].why, e.text);
		assert_memory_equal(&a, &before, sizeof(a));
	}
}

static void
nul_and_length(void **state)
{
	char big[ADDRESS_TEXT_MAX + 1];
	struct address a;
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(address_parse("a\0b@example.org", 15, ALL, &a, &e),
	    -1);
	assert_int_equal(address_parse("a@exam\0ple.org", 14, ALL, &a, &e),
	    -1);
	assert_int_equal(address_parse("a@\xc3\xa9\0.org", 9, ALL, &a, &e),
	    -1);
	assert_int_equal(address_parse("\"a\0b\"@example.org", 17, ALL, &a,
	    &e), -1);
	/* A text is read up to its length and not beyond. */
	assert_int_equal(address_parse("a@example.organ", 13, 0, &a, &e), 0);
	assert_string_equal(a.domain, "example.org");
	memset(big, 'a', sizeof(big));
	memcpy(big, "a@", 2);
	assert_int_equal(address_parse(big, sizeof(big), ALL, &a, &e), -1);
	assert_int_equal(e.code, ERR_LIMIT);
}

/* ---- T34: the three equalities */

static const struct {
	const char *why, *text, *folded, *canonical;
} same[] = {
	{ "nothing to do", "jane@example.org", "jane@example.org",
	    "jane@example.org" },
	{ "case", "Jane.DOE@Example.ORG", "jane.doe@example.org",
	    "jane.doe@example.org" },
	{ "quotes without need", "\"Jane\"@example.org", "jane@example.org",
	    "jane@example.org" },
	{ "escapes without need", "\"\\J\\a.n\\e\"@example.org",
	    "ja.ne@example.org", "ja.ne@example.org" },
	{ "quotes needed", "\"Jane\\ \\\"Doe\"@example.org",
	    "\"jane \\\"doe\"@example.org", "\"jane \\\"doe\"@example.org" },
	{ "quotes needed for a dot", "\"jane.\"@example.org",
	    "\"jane.\"@example.org", "\"jane.\"@example.org" },
	{ "NFC", "e\xcc\x81@example.org", "\xc3\xa9@example.org",
	    "\xc3\xa9@example.org" },
	{ "no case but of ASCII", "\xc3\x89@example.org",
	    "\xc3\x89@example.org", "\xc3\x89@example.org" },
	{ "NFC that makes a capital", "\xe2\x84\xaa@example.org",
	    "k@example.org", "k@example.org" },
	{ "NFC only in lower case", "H\xcc\xb1@example.org",
	    "\xe1\xba\x96@example.org", "\xe1\xba\x96@example.org" },
	{ "NFC that needs quotes", "a\xcd\xbe" "b@example.org",
	    "\"a;b\"@example.org", "\"a;b\"@example.org" },
	{ "tag", "Jane+News@example.org", "jane+news@example.org",
	    "jane@example.org" },
	{ "two tags", "jane+a+b@example.org", "jane+a+b@example.org",
	    "jane@example.org" },
	{ "plus first", "+jane@example.org", "+jane@example.org",
	    "+jane@example.org" },
	{ "plus in quotes", "\"a b+c\"@example.org", "\"a b+c\"@example.org",
	    "\"a b+c\"@example.org" },
	{ "Gmail", "J.a.n.e+x@GoogleMail.com", "j.a.n.e+x@googlemail.com",
	    "jane@gmail.com" },
	{ "dots elsewhere", "j.a.n.e@example.org", "j.a.n.e@example.org",
	    "j.a.n.e@example.org" },
	{ "iCloud", "jane@me.com", "jane@me.com", "jane@icloud.com" },
	{ "only what is ignored", "-@pm.me", "-@pm.me", "-@proton.me" },
};

static void
folded_and_canonical(void **state)
{
	struct strbuf b = STRBUF_INIT(1000);
	struct address a;
	struct err e;

	(void)state;
	for (size_t i = 0; i < N(same); i++) {
		assert_int_equal(parse(same[i].text, ALL, &a, &e), 0);
		for (int twice = 0; twice < 2; twice++) {
			strbuf_reset(&b);
			assert_int_equal(address_fold(&a, &a, &e), 0);
			address_format(&b, &a);
			assert_string_equal(b.s, same[i].folded);
		}
		/* A folded address is an address. */
		assert_int_equal(parse(b.s, ALL, &a, &e), 0);
		assert_int_equal(address_is_canonical(a.local, a.domain),
		    strcmp(same[i].folded, same[i].canonical) == 0);
		for (int twice = 0; twice < 2; twice++) {
			strbuf_reset(&b);
			address_canonical(&a, &a);
			address_format(&b, &a);
			assert_string_equal(b.s, same[i].canonical);
		}
	}
	strbuf_free(&b);
}

/* NFC can triple a text (U+1D160); 64 octets of it must still have room. */
static void
the_longest_growth_fits(void **state)
{
	struct address a, folded;
	char text[200] = "";
	struct err e;

	(void)state;
	for (int i = 0; i < 16; i++)
		strcat(text, "\xf0\x9d\x85\xa0");
	strcat(text, "@example.org");
	assert_int_equal(parse(text, ALL, &a, &e), 0);
	assert_int_equal(address_fold(&a, &folded, &e), 0);
	assert_int_equal(strlen(folded.local), 16 * 12);
}

/* S37, RFC 2142. */
static const struct {
	const char *local;
	enum address_role role;
} roles[] = {
	{ "abuse", ADDRESS_RESERVED },
	{ "Postmaster", ADDRESS_RESERVED },
	{ "\"security\"", ADDRESS_RESERVED },
	{ "noc+list", ADDRESS_RESERVED },
	{ "hostmaster", ADDRESS_RESERVED },
	{ "MAILER-DAEMON", ADDRESS_RESERVED },
	{ "info", ADDRESS_ROLE },
	{ "webmaster", ADDRESS_ROLE },
	{ "news-request", ADDRESS_ROLE },
	{ "-request", ADDRESS_PERSON },
	{ "abuser", ADDRESS_PERSON },
	{ "abus", ADDRESS_PERSON },
	{ "jane", ADDRESS_PERSON },
	{ "jane+abuse", ADDRESS_PERSON },
	{ "+abuse", ADDRESS_PERSON },
};

static void
role_addresses_are_known(void **state)
{
	char text[100];
	struct address a;
	struct err e;

	(void)state;
	for (size_t i = 0; i < N(roles); i++) {
		snprintf(text, sizeof(text), "%s@example.org",
		    roles[i].local);
		assert_int_equal(parse(text, 0, &a, &e), 0);
		assert_int_equal(address_fold(&a, &a, &e), 0);
		if (address_role(&a) != roles[i].role)
			fail_msg("%s", roles[i].local);
	}
}

/* ---- the keyed hashes */

static void
hashes_are_keyed_and_separate(void **state)
{
	struct keyring *kr = keyring_new();
	struct address a, b;
	uint8_t octets[KEY_OCTETS] = { 1 }, mac[KEY_MAC_OCTETS];
	uint8_t h[ADDRESS_HASH_OCTETS], g[ADDRESS_HASH_OCTETS];
	uint64_t h8, g8, want = 0;
	struct err e;

	(void)state;
	assert_int_equal(parse("jane@example.org", 0, &a, &e), 0);
	assert_int_equal(parse("jane@example.net", 0, &b, &e), 0);
	assert_int_equal(address_h8(kr, a.local, &h8, &e), -1);
	assert_int_equal(e.code, ERR_CRYPTO);
	assert_int_equal(address_hash(kr, &a, h, &e), -1);
	assert_int_equal(e.code, ERR_CRYPTO);

	assert_int_equal(keyring_rotate(kr, KEY_H8, octets, NULL, &e), 0);
	octets[0] = 2;
	assert_int_equal(keyring_rotate(kr, KEY_ADDRESS, octets, NULL, &e),
	    0);
	assert_int_equal(address_h8(kr, "jane", &h8, &e), 0);
	assert_int_equal(address_h8(kr, "jand", &g8, &e), 0);
	assert_true(h8 != g8);
	assert_true(keyring_mac(kr, KEY_H8, KEY_CURRENT, "listd h8 v1",
	    "jane", 4, mac));
	for (int i = 0; i < 8; i++)
		want = want << 8 | mac[i];
	assert_true(h8 == want);

	assert_int_equal(address_hash(kr, &a, h, &e), 0);
	assert_int_equal(address_hash(kr, &b, g, &e), 0);
	assert_memory_not_equal(h, g, sizeof(h));
	assert_true(keyring_mac(kr, KEY_ADDRESS, KEY_CURRENT,
	    "listd address v1", "jane@example.org", 16, mac));
	assert_memory_equal(h, mac, sizeof(h));
	keyring_free(kr);
}

/* ---- 164 addresses with labels, dominicsayers/isemail 3.05 */

static size_t
unescape(const char *s, char *out)
{
	size_t n = 0;
	unsigned octet;

	for (; *s != '\0'; s++) {
		if (*s != '\\') {
			out[n++] = *s;
		} else if (*++s == 'x' && sscanf(s + 1, "%2x", &octet) == 1) {
			out[n++] = (char)octet;
			s += 2;
		} else if (*s == '\\') {
			out[n++] = '\\';
		}
	}
	return n;
}

/*
 * What its label says about an SMTP envelope.  Ours is narrower where "right
 * for SMTP but unusual" means a literal, a number for a top-level domain or
 * empty quotes.
 */
static bool
should_be_taken(const char *category, const char *diagnosis, int id)
{
	if (strcmp(category, "VALID") == 0 || strcmp(category, "DNSWARN") == 0)
		return true;
	if (strcmp(category, "RFC5321") != 0)
		return false;
	return strcmp(diagnosis, "RFC5321_TLD") == 0 ||
	    (strcmp(diagnosis, "RFC5321_QUOTEDSTRING") == 0 && id != 43);
}

static void
the_isemail_collection(void **state)
{
	const char *shared = getenv("LISTD_SHARED"), *src;
	char path[4096], line[2048], *field[4], text[2048];
	struct address a;
	struct err e;
	int rows = 0;
	FILE *f;

	(void)state;
	src = getenv("LISTD_SRCDIR");
	if (shared != NULL)
		snprintf(path, sizeof(path), "%s/data/addresses/isemail.tsv",
		    shared);
	else
		snprintf(path, sizeof(path),
		    "%s/../shared/data/addresses/isemail.tsv",
		    src != NULL ? src : ".");
	if ((f = fopen(path, "r")) == NULL)
		skip();
	assert_non_null(fgets(line, sizeof(line), f));
	while (fgets(line, sizeof(line), f) != NULL) {
		char *p = line;
		size_t len;
		int rc;

		line[strcspn(line, "\n")] = '\0';
		for (int i = 0; i < 4; i++)
			field[i] = strsep(&p, "\t");
		assert_non_null(field[3]);
		len = unescape(strcmp(field[0], "\\e") == 0 ? "" : field[0],
		    text);
		rc = address_parse(text, len, ALL, &a, &e);
		if ((rc == 0) != should_be_taken(field[1], field[2],
		    atoi(field[3])))
			fail_msg("%s %s: %s", field[3], field[2],
			    rc == 0 ? "taken" : e.text);
		rows++;
	}
	fclose(f);
	assert_int_equal(rows, 164);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_are_taken),
		cmocka_unit_test(all_else_is_refused),
		cmocka_unit_test(nul_and_length),
		cmocka_unit_test(folded_and_canonical),
		cmocka_unit_test(the_longest_growth_fits),
		cmocka_unit_test(role_addresses_are_known),
		cmocka_unit_test(hashes_are_keyed_and_separate),
		cmocka_unit_test(the_isemail_collection),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
