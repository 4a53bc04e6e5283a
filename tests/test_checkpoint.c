/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_checkpoint.c - checkpoints of real logs opened, ours made, all else
 * refused.
 *
 * Two checkpoints that public logs signed and public witnesses cosigned:
 * number 1432088532 of the static-ct staging log arche2025h1 of
 * transparency.dev, with four witnesses, and number 9266 of a log on the
 * witness network's staging list.  The rows of what is malformed begin with
 * those of transparency-dev/formats, log/checkpoint_test.go, and of
 * golang.org/x/mod/sumdb/tlog, note_test.go, from which the golden text is.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base64.h"
#include "lib/checkpoint.h"
#include "lib/err.h"
#include "lib/strbuf.h"

#define D	"\xe2\x80\x94 "

/* Its log signs twice: type 0x05, of RFC 6962, is not ours to check. */
#define ARCHE \
	"arche2025h1.staging.ct.transparency.dev\n" \
	"1432088532\n" \
	"U7WM79jrzyhGZ5/GUBTpM7NzwdyfFx61t3RovgcC4Ro=\n" \
	"\n" \
	D "arche2025h1.staging.ct.transparency.dev zTM8sQAAAZ5W0WdjBAMARjBE" \
	"AiBjW5IQf9pvsYLfQFX6hoGREPMHbdQ3urbllzalApkptQIgIpwtEroeW2BXaHAI4k" \
	"JXFbon5Ch9MNL5zRNZ55lvGt0=\n" \
	D "arche2025h1.staging.ct.transparency.dev ui8GwCF1+kWqZrxGdhj4aX3g" \
	"cw7XUlXQQabg/27lefwhUkzbC3NygNI75MdhL1bfTW9g8Ei59RA23oHP7Ry1k3ZFWw" \
	"Q=\n" \
	D "transparency.dev/DEV:witness-little-garden 2AQqhwAAAABqEiEgzgFIq" \
	"qhbUoDwjMWE6UP8nd8/KYTzwZ2rhIgcqoXHAwVkjZr4AscylP3v7sEodkRAErumC2q" \
	"44vdgJY096st5BQ==\n" \
	D "witness1.smartit.nu/witness1 pIyCDwAAAABqEiEghIp82KWebrw7/oHQwlT" \
	"Am3g2RKS4+eebl8eO0WH+/iEcxZ75W3u5hNI7TOQtmJbqmNWVuE0tgh0XwzdZsDsUA" \
	"Q==\n" \
	D "remora.n621.de 2net5wAAAABqEiEgPlfF3V06o0Y+fHM+J5J9s27wgxxcOVSpZ" \
	"/2g/KSiXCg9DEZI+aVCIobWX9sXTynk5XeU/zZ0WBxtqB0DrAWfBw==\n" \
	D "witness.stagemole.eu Z/euoAAAAABqEiEgw0i+7g2ENfDAWHmtRzCfKTHSDwY" \
	"DJA2NmKeGi9Y8FtEyOUvVr+AJmIY/2TUFucgKi7lI7cUiOvKFYe/TmN9DAg==\n"
#define ARCHE_KEY \
	"arche2025h1.staging.ct.transparency.dev+ba2f06c0+AU0vHmlGCS/PdN8b2O" \
	"aGmKprLI8HKM+dJ472xgFYh15f"
#define REMORA_KEY \
	"remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2"

#define STAGING \
	"markovianprotocol.com/log\n" \
	"9266\n" \
	"QnwPzJywq5AyOk9k1zLqfryh6Ktw1CnaaKplELApoxw=\n" \
	"\n" \
	D "markovianprotocol.com/log AwLGyIvuxLXZM101mKdNCPTsl9GgtiG/wzbd8cG" \
	"ru0pGnWVMXI06twIsEIZho7n8id+w2EO0BZCalxuEm6BauQGNmgo=\n" \
	D "witness.navigli.sunlight.geomys.org o+AP4gAAAABqwX+So8evhUsltetL+" \
	"QnwUxEYMNrD25pJYOTFHwDCopbgQMl2AEh583AxfFNMDZzE73rdjK62tUN8oUBfd9p6" \
	"usq+BA==\n"
#define STAGING_KEY \
	"markovianprotocol.com/log+0302c6c8+ATkpOWo95UuEiW2EhNZAol4f0CS8hMluJ" \
	"fPcTSzrr03v"
#define NAVIGLI_KEY \
	"witness.navigli.sunlight.geomys.org+a3e00fe2+BNy/co4C1Hn1p+INwJrfUlg" \
	"z7W55dSZReusH/GhUhJ/G"

static struct note_key
key_of(const char *vkey)
{
	struct note_key key;

	assert_int_equal(note_key_parse(&key, vkey, strlen(vkey), NULL), 0);
	return key;
}

static int
parse(struct checkpoint *c, const char *text, struct err *e)
{
	struct slice s = { (const uint8_t *)text, strlen(text) };

	return checkpoint_parse(c, s, e);
}

static int
open_all(struct checkpoint *c, struct note *n, const char *text,
    const struct note_key *keys, size_t nkeys, struct err *e)
{
	return checkpoint_open(c, n, text, strlen(text), keys, nkeys, e);
}

/* ---- of real logs */

static const struct {
	const char	*text, *log, *witness, *root;
	uint64_t	 size, time;
} real[] = {
	{ ARCHE, ARCHE_KEY, REMORA_KEY,
	    "U7WM79jrzyhGZ5/GUBTpM7NzwdyfFx61t3RovgcC4Ro=",
	    1432088532, 1779573024 },
	{ STAGING, STAGING_KEY, NAVIGLI_KEY,
	    "QnwPzJywq5AyOk9k1zLqfryh6Ktw1CnaaKplELApoxw=",
	    9266, 1791066002 },
};

static void
real_checkpoints(void **state)
{
	struct checkpoint c;
	struct note n;
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof(real) / sizeof(*real); i++) {
		struct note_key keys[2] = { key_of(real[i].log),
		    key_of(real[i].witness) };
		uint8_t root[MERKLE_HASH];
		uint64_t time;

		assert_int_equal(open_all(&c, &n, real[i].text, keys, 2, &e),
		    0);
		assert_string_equal(c.origin, keys[0].name);
		assert_true(c.size == real[i].size);
		assert_true(base64_get_exact(real[i].root,
		    strlen(real[i].root), root, MERKLE_HASH));
		assert_memory_equal(c.root, root, MERKLE_HASH);
		assert_int_equal(c.extensions.len, 0);
		assert_int_equal(note_verify(&n, &keys[1], &time),
		    NOTE_SIGNED);
		assert_int_equal(time, real[i].time);
		assert_int_equal(keys[1].type, NOTE_COSIGNATURE);

		/* without the witness it is the log's; without the log not */
		assert_int_equal(open_all(&c, &n, real[i].text, keys, 1, &e),
		    0);
		assert_int_equal(open_all(&c, &n, real[i].text, keys + 1, 1,
		    &e), -1);
		assert_int_equal(e.code, ERR_REFUSED);
	}
}

/* One digit of the size, and both the log and the witness refuse it. */
static void
another_size_is_forged(void **state)
{
	static const char changed[] = STAGING;
	char text[sizeof(changed)];
	struct note_key keys[2] = { key_of(STAGING_KEY),
	    key_of(NAVIGLI_KEY) };
	struct checkpoint c;
	struct note n;
	struct err e;

	(void)state;
	memcpy(text, changed, sizeof(text));
	*strstr(text, "9266") = '8';
	assert_int_equal(open_all(&c, &n, text, keys, 2, &e), -1);
	assert_int_equal(e.code, ERR_REFUSED);
	assert_int_equal(note_verify(&n, &keys[0], NULL), NOTE_FORGED);
	assert_int_equal(note_verify(&n, &keys[1], NULL), NOTE_FORGED);

	/* and the witness's time is under its signature */
	memcpy(text, changed, sizeof(text));
	*strstr(text, "BqwX+So8") = 'C';
	assert_int_equal(open_all(&c, &n, text, keys, 1, &e), 0);
	assert_int_equal(note_verify(&n, &keys[1], NULL), NOTE_FORGED);
	assert_int_equal(open_all(&c, &n, text, keys, 2, &e), -1);
}

/* ---- the lines */

#define ROOT	"TszzRgjTG6xce+z2AG31kAXYKBgQVtCSCE40HmuwBb0="
#define NONE	"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="

static void
golden_text(void **state)
{
	static const char golden[] = "go.sum database tree\n123456789012\n"
	    ROOT "\n";
	struct strbuf b = STRBUF_INIT(1000);
	uint8_t leaf[MERKLE_HASH];
	struct checkpoint c;

	(void)state;
	assert_int_equal(parse(&c, golden, NULL), 0);
	assert_string_equal(c.origin, "go.sum database tree");
	assert_true(c.size == 123456789012);
	merkle_leaf("hello world", 11, leaf);
	assert_memory_equal(c.root, leaf, MERKLE_HASH);
	checkpoint_format(&c, &b);
	assert_string_equal(b.s, golden);
	strbuf_free(&b);
}

static const struct {
	const char	*why, *text, *extensions;
	uint64_t	 size;
} good[] = {
	{ "a log of nothing", "o\n0\n" NONE "\n", "", 0 },
	{ "the largest", "o\n9223372036854775807\n" ROOT "\n", "",
	    INT64_MAX },
	{ "with extensions", "o\n1\n" ROOT "\nlots\nof\nlines\n",
	    "lots\nof\nlines\n", 1 },
	{ "origin of UTF-8", "m\xc3\xbcnchen\n1\n" ROOT "\n", "", 1 },
};

static void
good_texts_come_back(void **state)
{
	struct strbuf b = STRBUF_INIT(1000);
	struct checkpoint c, other;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		if (parse(&c, good[i].text, NULL) == -1)
			fail_msg("refused: %s", good[i].why);
		assert_true(c.size == good[i].size);
		assert_int_equal(c.extensions.len,
		    strlen(good[i].extensions));
		strbuf_reset(&b);
		checkpoint_format(&c, &b);
		assert_string_equal(b.s, good[i].text);
		other = c;
		other.extensions.len = 0;
		assert_true(checkpoint_equal(&c, &other));
		other.size++;
		assert_false(checkpoint_equal(&c, &other));
		other = c;
		other.origin[0]++;
		assert_false(checkpoint_equal(&c, &other));
		other = c;
		other.root[31] ^= 1;
		assert_false(checkpoint_equal(&c, &other));
	}
	strbuf_free(&b);
}

static const struct {
	const char *why, *text;
} bad[] = {
	/* published, the roots made 32 octets where that is not the point */
	{ "insufficient lines", "Head\n9944\n" },
	{ "empty header", "\n9944\n" ROOT "\n" },
	{ "missing newline on roothash", "Log\n123\n" ROOT },
	{ "size not a number", "Log\nbananas\n" ROOT "\n" },
	{ "size negative", "Log\n-34\n" ROOT "\n" },
	{ "size too large", "Log\n3438945738945739845734895735\n" ROOT "\n" },
	{ "roothash not base64", "Log\n123\nThisIsn'tBase64\n" },
	{ "size in hexadecimal", "go.sum database tree\n0xabcdef\n" ROOT
	    "\n" },
	{ "root of another length", "go.sum database tree\n123456789012\n"
	    "TszzRgjTG6xce+z2AG31kAXYKBgQVtCSCE40HmuwBTOOBIG=\n" },
	/* more, the first of which others take */
	{ "root of seven octets", "Log\n123\nYmFuYW5hcw==\n" },
	{ "nothing", "" },
	{ "one over the largest", "o\n9223372036854775808\n" ROOT "\n" },
	{ "leading zero", "o\n01\n" ROOT "\n" },
	{ "zero twice", "o\n00\n" NONE "\n" },
	{ "plus", "o\n+1\n" ROOT "\n" },
	{ "blank behind the size", "o\n1 \n" ROOT "\n" },
	{ "no size", "o\n\n" ROOT "\n" },
	{ "no leaves, but a root", "o\n0\n" ROOT "\n" },
	{ "root spelt otherwise", "o\n1\n"
	    "TszzRgjTG6xce+z2AG31kAXYKBgQVtCSCE40HmuwBb1=\n" },
	{ "root without padding", "o\n1\n"
	    "TszzRgjTG6xce+z2AG31kAXYKBgQVtCSCE40HmuwBb0\n" },
	{ "empty extension line", "o\n1\n" ROOT "\n\n" },
	{ "an empty one among others", "o\n1\n" ROOT "\na\n\nb\n" },
	{ "extension without end", "o\n1\n" ROOT "\nJOE" },
	{ "CR LF", "o\r\n1\r\n" ROOT "\r\n" },
	{ "control character", "o\x01\n1\n" ROOT "\n" },
	{ "origin not UTF-8", "o\xff\n1\n" ROOT "\n" },
};

static void
bad_texts_are_refused(void **state)
{
	struct strbuf b = STRBUF_INIT(1000);
	struct checkpoint c;
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		if (parse(&c, bad[i].text, &e) != -1)
			fail_msg("taken: %s", bad[i].why);
		assert_int_equal(e.code, ERR_INPUT);
	}
	for (size_t i = 0; i < CHECKPOINT_ORIGIN_MAX; i++)
		strbuf_addc(&b, 'o');
	strbuf_adds(&b, "\n1\n" ROOT "\n");
	assert_int_equal(parse(&c, b.s, &e), 0);
	strbuf_reset(&b);
	for (size_t i = 0; i <= CHECKPOINT_ORIGIN_MAX; i++)
		strbuf_addc(&b, 'o');
	strbuf_adds(&b, "\n1\n" ROOT "\n");
	assert_int_equal(parse(&c, b.s, &e), -1);
	strbuf_free(&b);
}

/* ---- whose it is */

static void
only_the_log_itself_counts(void **state)
{
	static const uint8_t seed[NOTE_KEY_OCTETS] = { 1 },
	    seed2[NOTE_KEY_OCTETS] = { 2 };
	static const char body[] = "log.example/ledger\n1\n" ROOT "\n";
	struct strbuf b = STRBUF_INIT(4096);
	struct note_key log, next, other;
	struct checkpoint c;
	struct note n;
	struct err e;

	(void)state;
#define MAKE(KEY, TYPE, NAME, SEED) \
	assert_int_equal(note_key_make((KEY), (TYPE), (NAME), (SEED), &e), 0)
	MAKE(&log, NOTE_ED25519, "log.example/ledger", seed);
	MAKE(&next, NOTE_ED25519, "log.example/ledger", seed2);
	MAKE(&other, NOTE_ED25519, "other.example/ledger", seed);

	/* after a rotation either key will do */
	assert_int_equal(note_make(&b, &next, seed2, body, strlen(body), &e),
	    0);
	assert_int_equal(open_all(&c, &n, b.s, (struct note_key[]){ log,
	    next }, 2, &e), 0);
	assert_int_equal(open_all(&c, &n, b.s, &log, 1, &e), -1);
	assert_int_equal(e.code, ERR_REFUSED);

	/* another log's key is none of this one, whoever is known */
	strbuf_reset(&b);
	assert_int_equal(note_make(&b, &other, seed, body, strlen(body), &e),
	    0);
	assert_int_equal(open_all(&c, &n, b.s, (struct note_key[]){ log,
	    other }, 2, &e), -1);
	assert_int_equal(e.code, ERR_REFUSED);

	strbuf_free(&b);
}

static void
a_cosignature_is_not_the_logs(void **state)
{
	static const uint8_t seed[NOTE_KEY_OCTETS] = { 1 };
	static const char body[] = "log.example/ledger\n1\n" ROOT "\n";
	struct strbuf b = STRBUF_INIT(4096);
	struct note_key log, cosigner;
	struct checkpoint c;
	struct note n;
	struct err e;

	(void)state;
	MAKE(&log, NOTE_ED25519, "log.example/ledger", seed);
	MAKE(&cosigner, NOTE_COSIGNATURE, "log.example/ledger", seed);
	strbuf_adds(&b, body);
	strbuf_addc(&b, '\n');
	assert_int_equal(note_sign(&b, &cosigner, seed, 1, body, strlen(body),
	    &e), 0);
	assert_int_equal(open_all(&c, &n, b.s, (struct note_key[]){ log,
	    cosigner }, 2, &e), -1);
	assert_int_equal(e.code, ERR_REFUSED);

	/* the log signs what is no checkpoint */
	strbuf_reset(&b);
	assert_int_equal(note_make(&b, &log, seed, "hi\n", 3, &e), 0);
	assert_int_equal(open_all(&c, &n, b.s, &log, 1, &e), -1);
	assert_int_equal(e.code, ERR_INPUT);
	strbuf_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(real_checkpoints),
		cmocka_unit_test(another_size_is_forged),
		cmocka_unit_test(golden_text),
		cmocka_unit_test(good_texts_come_back),
		cmocka_unit_test(bad_texts_are_refused),
		cmocka_unit_test(only_the_log_itself_counts),
		cmocka_unit_test(a_cosignature_is_not_the_logs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
