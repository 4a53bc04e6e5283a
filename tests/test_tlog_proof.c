/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_tlog_proof.c - proofs as text: written as others write them, read
 * back, verified, and refused.
 *
 * Published: the texts and refusals of transparency-dev/formats,
 * proof/tlog_proof_test.go, and the lines of the example in
 * c2sp.org/tlog-proof, which gives its signatures cut, so that other ones
 * stand for them here.  The tree is the one of eight leaves that test_merkle.c
 * names the origin of.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base64.h"
#include "lib/err.h"
#include "lib/strbuf.h"
#include "lib/tlog_proof.h"

#define HEAD	"c2sp.org/tlog-proof@v1\n"
#define NOTE	"test checkpoint\n\n\xe2\x80\x94 x x08go/ZJ\n"
/* SHA-256 of "hash1" and of "hash2" */
#define H1	"rzFuy5Go7nrpkhBwKy1HWPMM3eO/YePY54fXRoH5Cm4="
#define H2	"5784L25ZFbP4hhm4ZiI+vx1RxMUyHMzeLp/3AKMlkIY="

static int
parse(struct tlog_proof *p, const char *text, struct err *e)
{
	return tlog_proof_parse(p, text, strlen(text), e);
}

/* ---- the text */

static const struct {
	const char	*text, *extra;
	uint64_t	 index;
	size_t		 hashes;
} good[] = {
	{ HEAD "index 5\n" H1 "\n" H2 "\n\n" NOTE, "", 5, 2 },
	{ HEAD "extra ZXh0cmEgaW5mb3JtYXRpb24=\nindex 10\n" H1 "\n\n" NOTE,
	    "ZXh0cmEgaW5mb3JtYXRpb24=", 10, 1 },
	{ HEAD "index 0\n\n" NOTE, "", 0, 0 },
	/* the example of the specification */
	{ HEAD
	    "extra YWdlLXYxLjIuMS1kYXJ3aW4tYXJtNjQudGFyLmd6kYXJ3aW4tYXJ\n"
	    "index 73894\n"
	    "gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=\n"
	    "B95lDa8R83lS8n0eG+o0buTxRKQTYFi//1U8anccXmA=\n"
	    "EKNzoDWG8LGC0Yp9o+sv3qllpMP9uHQ9B20KNL+Q1zs=\n"
	    "RoopEkOdqkYqMB4MJXrbt/hMjOxsVn0IrWjpz1ZMMes=\n"
	    "AHCioX9nLjsrse6YhjRRmk1WUEirVOLLRoOQ6vfO5vk=\n"
	    "\n"
	    "example.com/fancylog\n"
	    "109482\n"
	    "sFodV/vSp5O8n9a8QpW6PRY97tfOSW5bsc2Xl/EQi08=\n"
	    "\n"
	    "\xe2\x80\x94 example.com/fancylog hI2DJwAA\n"
	    "\xe2\x80\x94 witness1.example mJirIkkA\n",
	    "YWdlLXYxLjIuMS1kYXJ3aW4tYXJtNjQudGFyLmd6kYXJ3aW4tYXJ", 73894,
	    5 },
	{ HEAD "index 9223372036854775807\n\n" NOTE, "", INT64_MAX, 0 },
};

static void
good_texts_come_back(void **state)
{
	struct strbuf b = STRBUF_INIT(TLOG_PROOF_MAX);
	struct tlog_proof p;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		if (parse(&p, good[i].text, NULL) == -1)
			fail_msg("refused: %s", good[i].text);
		assert_true(p.index == good[i].index);
		assert_int_equal(p.path.n, good[i].hashes);
		assert_int_equal(p.extra.len, strlen(good[i].extra));
		assert_memory_equal(p.extra.p != NULL ? (const char *)
		    p.extra.p : "", good[i].extra, p.extra.len);
		strbuf_reset(&b);
		tlog_proof_format(&p, &b);
		assert_string_equal(b.s, good[i].text);
	}
	strbuf_free(&b);
}

static const struct {
	const char *why, *text;
} bad[] = {
	/* published */
	{ "missing header", "wrong-header\nindex 0\n\n" NOTE },
	{ "invalid extra data encoding",
	    HEAD "extra !!notbase64!!\nindex 0\n\n" NOTE },
	{ "missing index", HEAD "\n\n" NOTE },
	{ "index not a number", HEAD "index notanumber\n\n" NOTE },
	{ "index negative", HEAD "index -5\n\n" NOTE },
	{ "hash not base64", HEAD "index 0\n!!notbase64!!\n\n" NOTE },
	{ "hash of another length", HEAD "index 0\n" "AAAAAAAAAAAAAAAAAAAAAA"
	    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	    "==\n\n" NOTE },
	/* more */
	{ "nothing", "" },
	{ "header alone", HEAD },
	{ "header with CR", "c2sp.org/tlog-proof@v1\r\nindex 0\n\n" NOTE },
	{ "another version", "c2sp.org/tlog-proof@v2\nindex 0\n\n" NOTE },
	{ "header without end", "c2sp.org/tlog-proof@v1" },
	{ "index and nothing", HEAD "index 0\n" },
	{ "index twice", HEAD "index 0\nindex 0\n\n" NOTE },
	{ "leading zero", HEAD "index 00\n\n" NOTE },
	{ "no blank", HEAD "index0\n\n" NOTE },
	{ "no number", HEAD "index \n\n" NOTE },
	{ "index too large", HEAD "index 9223372036854775808\n\n" NOTE },
	{ "no empty line", HEAD "index 0\n" H1 "\n" },
	{ "no checkpoint", HEAD "index 0\n" H1 "\n\n" },
	{ "checkpoint without signature", HEAD "index 0\n\nbody\n" },
	{ "octets behind it", HEAD "index 0\n\n" NOTE "more\n" },
	{ "empty extra", HEAD "extra \nindex 0\n\n" NOTE },
	{ "extra without blank", HEAD "extra\nindex 0\n\n" NOTE },
	{ "extra twice", HEAD "extra AAAA\nextra AAAA\nindex 0\n\n" NOTE },
	{ "extra behind", HEAD "index 0\nextra AAAA\n\n" NOTE },
	{ "extra spelt otherwise", HEAD "extra AB==\nindex 0\n\n" NOTE },
	{ "hash spelt otherwise", HEAD "index 0\n"
	    "rzFuy5Go7nrpkhBwKy1HWPMM3eO/YePY54fXRoH5Cm5=\n\n" NOTE },
};

static void
bad_texts_are_refused(void **state)
{
	struct tlog_proof p;
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		if (parse(&p, bad[i].text, &e) != -1)
			fail_msg("taken: %s", bad[i].why);
		assert_int_equal(e.code, ERR_INPUT);
	}
}

static void
put_text(struct strbuf *b, size_t hashes, size_t extra)
{
	strbuf_reset(b);
	strbuf_adds(b, HEAD);
	if (extra > 0) {
		strbuf_adds(b, "extra ");
		for (size_t i = 0; i < BASE64_LEN(extra); i++)
			strbuf_addc(b, 'A');
		strbuf_addc(b, '\n');
	}
	strbuf_adds(b, "index 0\n");
	for (size_t i = 0; i < hashes; i++)
		strbuf_adds(b, H1 "\n");
	strbuf_adds(b, "\n" NOTE);
}

static void
limits(void **state)
{
	struct strbuf b = STRBUF_INIT(2 * TLOG_PROOF_MAX);
	const size_t extra = TLOG_PROOF_EXTRA_MAX / 3 * 3;
	struct tlog_proof p;
	struct err e;

	(void)state;
	put_text(&b, MERKLE_PROOF_MAX, extra);
	assert_int_equal(parse(&p, b.s, &e), 0);
	put_text(&b, MERKLE_PROOF_MAX + 1, 0);
	assert_int_equal(parse(&p, b.s, &e), -1);
	assert_int_equal(e.code, ERR_LIMIT);
	put_text(&b, 0, extra + 3);
	assert_int_equal(parse(&p, b.s, &e), -1);
	assert_int_equal(e.code, ERR_LIMIT);
	put_text(&b, 0, 2 * TLOG_PROOF_MAX / 3);
	assert_int_equal(parse(&p, b.s, &e), -1);
	assert_int_equal(e.code, ERR_LIMIT);
	strbuf_free(&b);
}

/* ---- proving with it */

static const uint8_t log_seed[NOTE_KEY_OCTETS] = { 1, 2, 3 };
static const uint8_t witness_seed[NOTE_KEY_OCTETS] = { 4, 5, 6 };

/* Eight leaves, of the numbers 0 to 7 of one octet. */
static int
subtree(void *arg, unsigned level, uint64_t n, uint8_t out[MERKLE_HASH])
{
	uint8_t r[MERKLE_HASH], octet = (uint8_t)n;

	if (level == 0) {
		merkle_leaf(&octet, 1, out);
		return 0;
	}
	if (subtree(arg, level - 1, 2 * n, out) == -1 ||
	    subtree(arg, level - 1, 2 * n + 1, r) == -1)
		return -1;
	merkle_node(out, r, out);
	return 0;
}

static void
sign_tree(struct strbuf *note, struct note_key keys[2])
{
	struct checkpoint c = { .origin = "log.example/ledger", .size = 8 };
	struct strbuf body = STRBUF_INIT(1000);

	assert_int_equal(note_key_make(&keys[0], NOTE_ED25519,
	    "log.example/ledger", log_seed, NULL), 0);
	assert_int_equal(note_key_make(&keys[1], NOTE_COSIGNATURE,
	    "w.example", witness_seed, NULL), 0);
	assert_int_equal(merkle_root_at(subtree, NULL, 8, c.root), 0);
	checkpoint_format(&c, &body);
	assert_int_equal(note_make(note, &keys[0], log_seed, body.s, body.len,
	    NULL), 0);
	assert_int_equal(note_sign(note, &keys[1], witness_seed, 1700000000,
	    body.s, body.len, NULL), 0);
	strbuf_free(&body);
}

/* The proof of leaf index as text, and its leaf. */
static void
make_proof(struct strbuf *out, struct note_key keys[2], uint64_t index,
    uint8_t leaf[MERKLE_HASH])
{
	struct strbuf note = STRBUF_INIT(4096);
	struct tlog_proof p = { .index = index };

	sign_tree(&note, keys);
	assert_int_equal(merkle_inclusion(subtree, NULL, index, 8, &p.path),
	    0);
	p.checkpoint = (struct slice){ (uint8_t *)note.s, note.len };
	tlog_proof_format(&p, out);
	assert_int_equal(subtree(NULL, 0, index, leaf), 0);
	strbuf_free(&note);
}

static void
proofs_hold(void **state)
{
	(void)state;
	for (uint64_t i = 0; i < 8; i++) {
		struct strbuf b = STRBUF_INIT(TLOG_PROOF_MAX);
		uint8_t leaf[MERKLE_HASH];
		struct note_key keys[2];
		struct tlog_proof p;
		struct checkpoint c;
		struct err e;

		make_proof(&b, keys, i, leaf);
		assert_int_equal(tlog_proof_parse(&p, b.s, b.len, &e), 0);
		assert_int_equal(tlog_proof_verify(&p, leaf, keys, 2, &c, &e),
		    0);
		assert_true(c.size == 8);
		assert_string_equal(c.origin, "log.example/ledger");
		assert_int_equal(tlog_proof_verify(&p, leaf, keys + 1, 1, &c,
		    &e), -1);
		leaf[0] ^= 1;
		assert_int_equal(tlog_proof_verify(&p, leaf, keys, 2, &c, &e),
		    -1);
		assert_int_equal(e.code, ERR_REFUSED);
		strbuf_free(&b);
	}
}

/* Each octet changed, each bit of it: no proof any more. */
static void
every_bit_counts(void **state)
{
	struct strbuf b = STRBUF_INIT(TLOG_PROOF_MAX);
	uint8_t leaf[MERKLE_HASH];
	struct note_key keys[2];
	struct tlog_proof p;
	struct checkpoint c;

	(void)state;
	make_proof(&b, keys, 5, leaf);
	for (size_t i = 0; i < b.len; i++)
		for (unsigned bit = 0; bit < 8; bit++) {
			b.s[i] ^= (char)(1 << bit);
			/* in the witness's name or id it is another's */
			if (tlog_proof_parse(&p, b.s, b.len, NULL) == 0 &&
			    tlog_proof_verify(&p, leaf, keys, 2, &c,
			    NULL) == 0 && i < b.len - 116)
				fail_msg("octet %zu, bit %u", i, bit);
			b.s[i] ^= (char)(1 << bit);
		}
	strbuf_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_texts_come_back),
		cmocka_unit_test(bad_texts_are_refused),
		cmocka_unit_test(limits),
		cmocka_unit_test(proofs_hold),
		cmocka_unit_test(every_bit_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
