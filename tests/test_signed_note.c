/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_signed_note.c - notes of others verified, ours made, all else refused.
 *
 * Published figures: the example of c2sp.org/signed-note, and the keys and
 * notes of golang.org/x/mod/sumdb/note (note_test.go), whose signer is the
 * only one whose seed is public.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base64.h"
#include "lib/err.h"
#include "lib/signed_note.h"
#include "lib/strbuf.h"

#define EXAMPLE_KEY \
	"example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
#define EXAMPLE \
	"This is an example message.\n" \
	"\n" \
	"\xe2\x80\x94 example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXp" \
	"pzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"

#define PETER_KEY \
	"PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
#define PETER_SEED	"gQoUAtUUbI2E8kQzMPVAgOv5juF9nHT2JS/F1ccoMXM="
#define ENOCH_KEY \
	"EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop"
#define TEXT \
	"If you think cryptography is the answer to your problem,\n" \
	"then you don't know what your problem is.\n"
#define PETER \
	"\xe2\x80\x94 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcEl" \
	"ZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
#define ENOCH \
	"\xe2\x80\x94 EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/" \
	"5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n"
/* Somebody's, of a kind that we do not know, and long. */
#define LATER \
	"\xe2\x80\x94 later.example AAAAAAYGBgYGBgYGBgYGBgYGBgYGBgYGBgYGBgYG" \
	"BgYGBgYGBgYGBgYGBgYGBgYGBgYGBgYGBgYGBgYGBgYGBgYGBgYGBgYGBgYGBgYGBgY" \
	"GBgYGBgYGBgYGBgYGBgYGBgYGBgYGBgYGBgYGBgYGBgYGBgYGBgYGBgYGBgYGBgYG\n"

static struct note_key peter, enoch;
static uint8_t peter_seed[NOTE_KEY_OCTETS];

static int
set_up(void **state)
{
	(void)state;
	if (note_key_parse(&peter, PETER_KEY, strlen(PETER_KEY), NULL) == -1 ||
	    note_key_parse(&enoch, ENOCH_KEY, strlen(ENOCH_KEY), NULL) == -1)
		return -1;
	return base64_get_exact(PETER_SEED, strlen(PETER_SEED), peter_seed,
	    sizeof(peter_seed)) ? 0 : -1;
}

/* ---- keys */

static void
published_keys(void **state)
{
	const char *const vkeys[] = { EXAMPLE_KEY, PETER_KEY, ENOCH_KEY };
	struct strbuf b = STRBUF_INIT(NOTE_VKEY_MAX);
	struct note_key key;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(note_key_parse(&key, vkeys[i],
		    strlen(vkeys[i]), NULL), 0);
		assert_int_equal(key.type, NOTE_ED25519);
		strbuf_reset(&b);
		note_key_format(&key, &b);
		assert_string_equal(b.s, vkeys[i]);
	}
	strbuf_free(&b);

	assert_int_equal(note_key_make(&key, NOTE_ED25519, "PeterNeumann",
	    peter_seed, NULL), 0);
	assert_memory_equal(&key, &peter, sizeof(key));
	assert_true(note_key_equal(&key, &peter));
	assert_false(note_key_equal(&key, &enoch));

	/* of another type it has another id */
	assert_int_equal(note_key_make(&key, NOTE_COSIGNATURE, "PeterNeumann",
	    peter_seed, NULL), 0);
	assert_memory_equal(key.pub, peter.pub, NOTE_KEY_OCTETS);
	assert_false(note_key_equal(&key, &peter));
}

/* As in note_test.go: no part of a key, no octet changed. */
static void
mangled_keys_are_refused(void **state)
{
	const size_t len = strlen(PETER_KEY);
	char vkey[] = PETER_KEY;
	struct note_key key;

	(void)state;
	for (size_t from = 0; from < len; from++)
		for (size_t to = from; to <= len; to++)
			if (to - from < len)
				assert_int_equal(note_key_parse(&key,
				    vkey + from, to - from, NULL), -1);
	for (size_t i = 0; i < len; i++)
		for (unsigned c = 0; c < 256; c++) {
			vkey[i] = (char)c;
			if (PETER_KEY[i] != vkey[i])
				assert_int_equal(note_key_parse(&key, vkey,
				    len, NULL), -1);
			vkey[i] = PETER_KEY[i];
		}
}

static const struct {
	const char *why, *vkey;
} bad_keys[] = {
	/* these two of note_test.go */
	{ "another length, its id right", "PeterNeumann+cc469956+ARpc2QcUPDh"
	    "MQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==" },
	{ "another type, its id right", "PeterNeumann+173116ae+ZRpc2QcUPDhMQ"
	    "egwxbzhKqiBfsVkmqq/LDE4izWy10TW" },
	{ "id in upper case", "PeterNeumann+C74F20A3+ARpc2QcUPDhMQegwxbzhKqi"
	    "BfsVkmqq/LDE4izWy10TW" },
	{ "a line end", PETER_KEY "\n" },
	{ "a blank before", " " PETER_KEY },
	{ "no name", "+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW" },
};

static void
bad_keys_are_refused(void **state)
{
	struct note_key key;
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof(bad_keys) / sizeof(*bad_keys); i++) {
		if (note_key_parse(&key, bad_keys[i].vkey,
		    strlen(bad_keys[i].vkey), &e) != -1)
			fail_msg("taken: %s", bad_keys[i].why);
		assert_int_equal(e.code, ERR_INPUT);
	}
}

static const struct {
	const char	*name;
	bool		 valid;
} names[] = {
	{ "example.com/log42", true },
	{ "x", true },
	{ "m\xc3\xbcnchen.example", true },
	{ "", false },
	{ "a b", false },
	{ "a+b", false },
	{ "a\tb", false },
	{ "a\nb", false },
	{ "a\x7f", true },		/* only those below a blank */
	{ "a\xc2\x85", false },		/* U+0085, next line */
	{ "a\xc2\xa0", false },		/* no-break space */
	{ "a\xe1\x9a\x80", false },	/* U+1680 */
	{ "a\xe2\x80\x80", false },	/* U+2000 */
	{ "a\xe2\x80\x8a", false },	/* U+200A */
	{ "a\xe2\x80\x8b", true },	/* U+200B is no space to Unicode */
	{ "a\xe2\x80\xa8", false },	/* line separator */
	{ "a\xe2\x80\xa9", false },	/* paragraph separator */
	{ "a\xe2\x80\xaf", false },	/* U+202F */
	{ "a\xe2\x81\x9f", false },	/* U+205F */
	{ "a\xe3\x80\x80", false },	/* ideographic space */
	{ "a\xff", false },
	{ "a\xc0\xa0", false },		/* overlong blank */
};

static void
names_of_keys(void **state)
{
	char name[NOTE_NAME_MAX + 2];
	struct note_key key;
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (note_name_valid(names[i].name, strlen(names[i].name)) !=
		    names[i].valid)
			fail_msg("%s", names[i].name);
		assert_int_equal(note_key_make(&key, NOTE_ED25519,
		    names[i].name, peter_seed, &e), names[i].valid ? 0 : -1);
	}
	memset(name, 'n', sizeof(name));
	assert_true(note_name_valid(name, NOTE_NAME_MAX));
	assert_false(note_name_valid(name, NOTE_NAME_MAX + 1));
}

/* ---- notes of others */

static void
published_notes(void **state)
{
	const struct note_key both[] = { peter, enoch };
	struct note_key example;
	struct note n;

	(void)state;
	assert_int_equal(note_key_parse(&example, EXAMPLE_KEY,
	    strlen(EXAMPLE_KEY), NULL), 0);
	assert_int_equal(note_open(&n, EXAMPLE, strlen(EXAMPLE), &example, 1,
	    NULL), 0);
	assert_int_equal(n.text.len, strlen("This is an example message.\n"));
	assert_int_equal(n.n, 1);

	/* one known, both known, none known */
#define OPEN(TEXT, KEYS, N) \
	note_open(&n, (TEXT), strlen(TEXT), (KEYS), (N), NULL)
	assert_int_equal(OPEN(TEXT "\n" PETER ENOCH, &peter, 1), 0);
	assert_int_equal(note_verify(&n, &enoch, NULL), NOTE_SIGNED);
	assert_int_equal(n.text.len, strlen(TEXT));
	assert_int_equal(n.n, 2);
	assert_int_equal(OPEN(TEXT "\n" PETER ENOCH, both, 2), 0);
	assert_int_equal(OPEN(TEXT "\n" PETER ENOCH, NULL, 0), -1);
	assert_int_equal(OPEN(TEXT "\n" PETER ENOCH, &example, 1), -1);
	assert_int_equal(note_verify(&n, &example, NULL), NOTE_UNSIGNED);

	/* the same line twice is as good as once */
	assert_int_equal(OPEN(TEXT "\n" PETER PETER, &peter, 1), 0);

	/* what is not known does not disturb, whatever its length */
	assert_int_equal(OPEN(TEXT "\n" LATER PETER, &peter, 1), 0);
	assert_int_equal(OPEN(TEXT "\n" LATER, &peter, 1), -1);

	/* an empty line in the text: the last one ends it */
	assert_int_equal(OPEN("a\n\nb\n\n" PETER, &enoch, 1), -1);
	assert_int_equal(n.text.len, 5);
}

/* A signature that does not hold is not passed over for one that does. */
static void
forged_beats_signed(void **state)
{
	struct note_key both[] = { peter, enoch };
	static const char forged[] = "other text\n\n" PETER;
	struct note n;
	struct err e;

	(void)state;
	assert_int_equal(note_open(&n, forged, strlen(forged), &peter, 1, &e),
	    -1);
	assert_int_equal(e.code, ERR_REFUSED);
	assert_int_equal(note_verify(&n, &peter, NULL), NOTE_FORGED);
	assert_int_equal(note_verify(&n, &enoch, NULL), NOTE_UNSIGNED);

	/* Peter's own name and id with too short and too long a signature */
#define SHORT "\xe2\x80\x94 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQ\n"
#define LONG "\xe2\x80\x94 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLL" \
	"r8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAMA\n"
#define ABCD "\xe2\x80\x94 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLL" \
	"r8pABCDAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
	assert_int_equal(OPEN(TEXT "\n" SHORT, &peter, 1), -1);
	assert_int_equal(note_verify(&n, &peter, NULL), NOTE_FORGED);
	assert_int_equal(OPEN(TEXT "\n" PETER LONG, both, 2), -1);
	assert_int_equal(note_verify(&n, &peter, NULL), NOTE_FORGED);
	assert_int_equal(OPEN(TEXT "\n" ENOCH ABCD, both, 2), -1);
	assert_int_equal(note_verify(&n, &peter, NULL), NOTE_FORGED);
	/* to who does not know Peter it is Enoch's all the same */
	assert_int_equal(OPEN(TEXT "\n" ENOCH ABCD, &enoch, 1), 0);

	/* his id with another name, his name with another id: not his */
	both[0].id[0] ^= 1;
	assert_int_equal(OPEN(TEXT "\n" PETER, &both[0], 1), -1);
	assert_int_equal(note_verify(&n, &both[0], NULL), NOTE_UNSIGNED);
	strcpy(both[1].name, "PeterNeumanN");
	memcpy(both[1].id, peter.id, 4);
	assert_int_equal(note_verify(&n, &both[1], NULL), NOTE_UNSIGNED);
}

/*
 * Ed25519's other signature of the same: S + L is S to a verifier that does
 * not look (RFC 8032 section 8.4).
 */
static void
signatures_have_one_form(void **state)
{
	static const uint8_t order[32] = { 0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63,
	    0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
	    [31] = 0x10 };
	struct strbuf b = STRBUF_INIT(1000);
	uint8_t octets[68];
	unsigned carry = 0;
	struct note n;

	(void)state;
	assert_int_equal(OPEN(TEXT "\n" PETER, &peter, 1), 0);
	assert_true(base64_get_exact((const char *)n.signature[0].base64.p,
	    n.signature[0].base64.len, octets, sizeof(octets)));
	for (size_t i = 0; i < 32; i++) {
		carry += octets[36 + i] + order[i];
		octets[36 + i] = (uint8_t)carry;
		carry >>= 8;
	}
	assert_int_equal(carry, 0);
	strbuf_adds(&b, TEXT "\n\xe2\x80\x94 PeterNeumann ");
	base64_put(&b, octets, sizeof(octets));
	strbuf_addc(&b, '\n');
	assert_int_equal(note_open(&n, b.s, b.len, &peter, 1, NULL), -1);
	assert_int_equal(note_verify(&n, &peter, NULL), NOTE_FORGED);
	strbuf_free(&b);
}

/* Whatever octet is changed, the note is refused, or never was for Peter. */
static void
every_octet_counts(void **state)
{
	static const char good[] = TEXT "\n" PETER;
	const size_t len = strlen(good);
	char note[sizeof(good)];
	struct note n;

	(void)state;
	memcpy(note, good, sizeof(note));
	for (size_t i = 0; i < len; i++)
		for (unsigned bit = 0; bit < 8; bit++) {
			note[i] ^= (char)(1 << bit);
			if (note_open(&n, note, len, &peter, 1, NULL) == 0)
				fail_msg("octet %zu, bit %u", i, bit);
			note[i] = good[i];
		}
	for (size_t cut = 0; cut < len; cut++)
		assert_int_equal(note_open(&n, note, cut, &peter, 1, NULL),
		    -1);
}

static const struct {
	const char *why, *note;
} malformed[] = {
	/* these of note_test.go */
	{ "text alone", TEXT },
	{ "no signature", TEXT "\n" },
	{ "control character", "\x01" TEXT "\n" PETER },
	{ "no UTF-8", "\xff" TEXT "\n" PETER },
	{ "a blank in the name", TEXT "\n\xe2\x80\x94 Bad Name x08go/ZJ\n" },
	{ "another line behind", TEXT "\n" PETER "Unexpected line.\n" },
	/* and more */
	{ "nothing", "" },
	{ "an empty line behind", TEXT "\n" PETER "\n" },
	{ "no line end", TEXT "\n\xe2\x80\x94 x x08go/ZJ" },
	{ "CR LF", TEXT "\r\n" PETER },
	{ "a tab", "\t" TEXT "\n" PETER },
	{ "hyphen for the dash", TEXT "\n- x x08go/ZJ\n" },
	{ "EN DASH", TEXT "\n\xe2\x80\x93 x x08go/ZJ\n" },
	{ "two blanks", TEXT "\n\xe2\x80\x94  x x08go/ZJ\n" },
	{ "two blanks later", TEXT "\n\xe2\x80\x94 x  x08go/ZJ\n" },
	{ "a blank behind", TEXT "\n\xe2\x80\x94 x x08go/ZJ \n" },
	{ "no name", TEXT "\n\xe2\x80\x94  x08go/ZJ\n" },
	{ "a plus in it", TEXT "\n\xe2\x80\x94 a+b x08go/ZJ\n" },
	{ "no base64", TEXT "\n\xe2\x80\x94 x \n" },
	{ "no blank", TEXT "\n\xe2\x80\x94 x\n" },
	{ "the dash alone", TEXT "\n\xe2\x80\x94 \n" },
	{ "half the dash", TEXT "\n\xe2\x80\n" },
	{ "base64 without padding", TEXT "\n\xe2\x80\x94 x x08go/Z\n" },
	{ "base64 spelt otherwise", TEXT "\n\xe2\x80\x94 x x08go/ZJZv==\n" },
	{ "an id alone", TEXT "\n\xe2\x80\x94 x x08gow==\n" },
	{ "good, then bad", TEXT "\n" PETER "\xe2\x80\x94 x x\n" },
};

static void
malformed_notes_are_refused(void **state)
{
	struct note n;
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof(malformed) / sizeof(*malformed); i++) {
		if (note_parse(&n, malformed[i].note,
		    strlen(malformed[i].note), &e) != -1)
			fail_msg("taken: %s", malformed[i].why);
		assert_int_equal(e.code, ERR_INPUT);
	}
	assert_int_equal(note_parse(&n, "a\0\n\n" LATER,
	    4 + strlen(LATER), &e), -1);	/* NUL */
	/* an id and one octet is the least that can be a signature */
	assert_int_equal(OPEN(TEXT "\n" PETER "\xe2\x80\x94 x x08go/Y=\n",
	    &peter, 1), 0);
}

static void
limits(void **state)
{
	struct strbuf b = STRBUF_INIT(2 * NOTE_MAX);
	struct note n;
	struct err e;

	(void)state;
	strbuf_adds(&b, TEXT "\n");
	for (size_t i = 0; i < NOTE_SIGNATURES_MAX; i++)
		strbuf_adds(&b, PETER);
	assert_int_equal(note_open(&n, b.s, b.len, &peter, 1, &e), 0);
	assert_int_equal(n.n, NOTE_SIGNATURES_MAX);
	strbuf_adds(&b, PETER);
	assert_int_equal(note_open(&n, b.s, b.len, &peter, 1, &e), -1);
	assert_int_equal(e.code, ERR_LIMIT);

	strbuf_reset(&b);
	while (b.len < NOTE_MAX - strlen("\n\n" PETER))
		strbuf_addc(&b, 'a');
	strbuf_adds(&b, "\n\n" PETER);
	assert_int_equal(b.len, NOTE_MAX);
	assert_int_equal(note_parse(&n, b.s, b.len, &e), 0);
	assert_int_equal(note_verify(&n, &peter, NULL), NOTE_FORGED);
	assert_int_equal(note_parse(&n, b.s, b.len + 1, &e), -1);
	assert_int_equal(e.code, ERR_LIMIT);
	strbuf_free(&b);
}

/* ---- ours */

static void
signing_gives_what_is_published(void **state)
{
	struct strbuf b = STRBUF_INIT(NOTE_MAX);
	struct err e;

	(void)state;
	assert_int_equal(note_make(&b, &peter, peter_seed, TEXT, strlen(TEXT),
	    &e), 0);
	assert_string_equal(b.s, TEXT "\n" PETER);
	strbuf_free(&b);
}

static void
what_cannot_be_signed(void **state)
{
	struct strbuf b = STRBUF_INIT(1000), small = STRBUF_INIT(20);
	struct err e;

	(void)state;
#define SIGN(OUT, KEY, TIME, TEXT) \
	note_sign((OUT), (KEY), peter_seed, (TIME), (TEXT), strlen(TEXT), &e)
	assert_int_equal(SIGN(&b, &peter, 0, ""), -1);
	assert_int_equal(e.code, ERR_INPUT);
	assert_int_equal(SIGN(&b, &peter, 0, "abc"), -1);
	assert_int_equal(e.code, ERR_INPUT);
	assert_int_equal(SIGN(&b, &peter, 0, "a\tc\n"), -1);
	assert_int_equal(e.code, ERR_INPUT);
	assert_int_equal(SIGN(&b, &peter, 0, "a\xff\n"), -1);
	assert_int_equal(e.code, ERR_INPUT);
	assert_int_equal(SIGN(&b, &peter, 1, "a\n"), -1);	/* no time */
	assert_int_equal(e.code, ERR_INPUT);
	assert_int_equal(SIGN(&b, &enoch, 0, "a\n"), -1);	/* not his */
	assert_int_equal(e.code, ERR_CRYPTO);
	assert_int_equal(b.len, 0);
	assert_int_equal(SIGN(&small, &peter, 0, "a\n"), -1);
	assert_int_equal(e.code, ERR_LIMIT);
	strbuf_free(&b);
	strbuf_free(&small);
}

static void
cosigning(void **state)
{
	struct strbuf b = STRBUF_INIT(NOTE_MAX);
	struct note_key key;
	struct note n;
	struct err e;
	uint64_t time;

	(void)state;
	assert_int_equal(note_key_make(&key, NOTE_COSIGNATURE, "w.example",
	    peter_seed, NULL), 0);
	assert_int_equal(SIGN(&b, &key, 0, "a\n"), -1);
	assert_int_equal(e.code, ERR_INPUT);
	assert_int_equal(SIGN(&b, &key, NOTE_TIME_MAX + 1, "a\n"), -1);
	assert_int_equal(e.code, ERR_INPUT);

	/* two by one witness: the later one is when it last saw this */
	strbuf_adds(&b, "a\n\n");
	assert_int_equal(SIGN(&b, &key, 1679315147, "a\n"), 0);
	assert_int_equal(note_open(&n, b.s, b.len, &key, 1, &e), 0);
	assert_int_equal(note_verify(&n, &key, &time), NOTE_SIGNED);
	assert_int_equal(time, 1679315147);
	assert_int_equal(SIGN(&b, &key, NOTE_TIME_MAX, "a\n"), 0);
	assert_int_equal(SIGN(&b, &key, 5, "a\n"), 0);
	assert_int_equal(note_open(&n, b.s, b.len, &key, 1, &e), 0);
	assert_int_equal(note_verify(&n, &key, &time), NOTE_SIGNED);
	assert_true(time == NOTE_TIME_MAX);
	assert_int_equal(note_verify(&n, &peter, &time), NOTE_UNSIGNED);
	assert_true(time == 0);

	/* one of another text among them, and none counts */
	assert_int_equal(SIGN(&b, &key, 9, "b\n"), 0);
	assert_int_equal(note_open(&n, b.s, b.len, &key, 1, &e), -1);
	assert_int_equal(note_verify(&n, &key, &time), NOTE_FORGED);
	assert_true(time == 0);
	strbuf_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(published_keys),
		cmocka_unit_test(mangled_keys_are_refused),
		cmocka_unit_test(bad_keys_are_refused),
		cmocka_unit_test(names_of_keys),
		cmocka_unit_test(published_notes),
		cmocka_unit_test(forged_beats_signed),
		cmocka_unit_test(signatures_have_one_form),
		cmocka_unit_test(every_octet_counts),
		cmocka_unit_test(malformed_notes_are_refused),
		cmocka_unit_test(limits),
		cmocka_unit_test(signing_gives_what_is_published),
		cmocka_unit_test(what_cannot_be_signed),
		cmocka_unit_test(cosigning),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
