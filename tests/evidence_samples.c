/* SPDX-License-Identifier: Apache-2.0 */
/*
 * evidence_samples.c - files of evidence, sound and wrong in one way each.
 *
 * A log of seven entries, of which the file has 2, 3 and 6: a request after a
 * form that was shown, the mail that asked, and a confirmation.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "lib/cbor.h"
#include "lib/date.h"
#include "lib/err.h"
#include "lib/evidence_private.h"
#include "lib/tlog_proof.h"
#include "lib/token_mask.h"
#include "tests/evidence_samples.h"
#include "tests/evidence_wrong.h"

#define LEAVES	7
#define TOKEN	"abcdefghij234567klmnopqrst"

static const char shown[] = SAMPLE_SHOWN;
static const char mail[] = "To: ann@a.example\r\nSubject: confirm\r\n\r\n"
    "https://log.example/c/" TOKEN "\r\n";

static const struct note_key *
key_of(uint8_t first, const char *name, uint8_t seed[static 32])
{
	static struct note_key key;

	memset(seed, 7, 32);
	seed[0] = first;
	if (note_key_make(&key, NOTE_ED25519, name, seed, NULL) == -1)
		abort();
	return &key;
}

const struct note_key *
sample_key(void)
{
	static struct note_key key;
	uint8_t seed[32];

	key = *key_of(1, SAMPLE_ORIGIN, seed);
	return &key;
}

/* ---- its parts */

struct making {
	enum wrong	 wrong;
	struct strbuf	 entry[LEAVES + 2];	/* by index; salt and CBOR */
	uint8_t		 leaf[LEAVES][MERKLE_HASH];
	struct strbuf	 checkpoint, other;
	uint8_t		 root[MERKLE_HASH];
	uint8_t		 shown_hash[32];
	char		 text_name[80];
	struct strbuf	 file, manifest;
};

static struct slice
slice_of(const struct strbuf *b)
{
	return (struct slice){ (const uint8_t *)b->s, b->len };
}

static struct slice
text(const char *s)
{
	return (struct slice){ (const uint8_t *)s, strlen(s) };
}

static void
put_key(struct strbuf *b, uint64_t key, const void *p, size_t len)
{
	cbor_put_uint(b, key);
	cbor_put_bytes(b, p, len);
}

static void
put_time(const struct making *k, uint64_t index, struct strbuf *b)
{
	uint64_t ms = 1795000000000 + index;

	if (index == 6 && k->wrong == TIME_HUGE)
		ms = UINT64_C(1) << 62;
	if (index == 6 && (k->wrong == TIME_PAST || k->wrong == TIME_LAST))
		ms = DATE_MAX_MS + (k->wrong == TIME_PAST);
	cbor_put_uint(b, 2);
	if (index == 6 && k->wrong == TIME_TEXT)
		cbor_put_text(b, "x", 1);
	else if (index == 6 && k->wrong == TIME_NULL)
		cbor_put_null(b);
	else
		cbor_put_uint(b, ms);
}

/* Has the entry something of a later version, nested? */
static bool
is_deep(const struct making *k, uint64_t index)
{
	return index == 6 && (k->wrong == ENTRY_DEEP ||
	    k->wrong == ENTRY_DEEPEST);
}

/* What a request has beyond its kind and time. */
static void
put_request(const struct making *k, struct strbuf *b)
{
	static const uint8_t ip[16] = { 0x20, 0x01, 0x0d, 0xb8, [15] = 7 };

	cbor_put_uint(b, 3);
	cbor_put_uint(b, 5);
	cbor_put_uint(b, 6);
	cbor_put_text(b, "ann@a.example", 13);
	put_key(b, 8, ip, sizeof(ip));
	cbor_put_uint(b, 9);
	cbor_put_uint(b, 40000);
	cbor_put_uint(b, 12);
	cbor_put_text(b, "Mozilla/5.0 \"\xc3\xbc\"", 16);
	put_key(b, 13, k->shown_hash, sizeof(k->shown_hash));
	put_key(b, 14, "GET /\xff", 6);
}

/* The map of an entry as it went into the log. */
static void
put_entry(const struct making *k, uint64_t index, struct strbuf *b)
{
	char kept[sizeof(mail)];
	uint8_t hash[32];

	memcpy(kept, mail, sizeof(mail));
	token_mask(kept, strlen(kept), TOKEN);
	if (k->wrong == MAIL_UNLIKE)
		kept[4] = 'b';
	EVP_Digest(mail, strlen(mail), hash, NULL, EVP_sha256(), NULL);
	cbor_put_map(b, index == 2 ? 9 : index == 3 ? 4 : is_deep(k, index) ?
	    3 : 2);
	cbor_put_uint(b, 1);
	cbor_put_uint(b, index);
	put_time(k, index, b);
	if (index == 2)
		put_request(k, b);
	if (index == 3) {
		put_key(b, 43, kept, strlen(kept));
		put_key(b, 44, hash, sizeof(hash));
	}
	if (is_deep(k, index)) {
		cbor_put_uint(b, 250);
		for (int i = 1; i < (k->wrong == ENTRY_DEEP ? 16 : 15); i++)
			cbor_put_array(b, 1);
		cbor_put_uint(b, 0);
	}
}

static void
make_entries(struct making *k)
{
	for (uint64_t i = 1; i <= LEAVES; i++) {
		struct strbuf *b = &k->entry[i];
		uint8_t commitment[32];

		strbuf_init(b, EVIDENCE_ENTRY_MAX);
		for (unsigned n = 0; n < 32; n++)
			strbuf_addc(b, (char)(i * 40 + n));
		if (k->wrong == ENTRY_NO_MAP && i == 6)
			cbor_put_uint(b, 5);
		else if (!(k->wrong == ENTRY_SHORT && i == 6))
			put_entry(k, i, b);
		if (k->wrong == ENTRY_TAIL && i == 6)
			strbuf_addc(b, '\0');
		if (k->wrong == ENTRY_SPELT && i == 6)
			b->s[32] = '\xb8', strbuf_addc(b, '\0');
		EVP_Digest(b->s, b->len, commitment, NULL, EVP_sha256(), NULL);
		merkle_leaf(commitment, sizeof(commitment), k->leaf[i - 1]);
	}
	if (k->wrong == SALT_CHANGED)
		k->entry[2].s[0] ^= 1;
	if (k->wrong == ENTRY_CHANGED)
		k->entry[6].s[k->entry[6].len - 1] ^= 1;
}

static int
subtree(void *arg, unsigned level, uint64_t n, uint8_t out[MERKLE_HASH])
{
	struct making *k = arg;
	uint8_t l[MERKLE_HASH], r[MERKLE_HASH];

	if (level == 0) {
		memcpy(out, k->leaf[n], MERKLE_HASH);
		return 0;
	}
	subtree(arg, level - 1, 2 * n, l);
	subtree(arg, level - 1, 2 * n + 1, r);
	merkle_node(l, r, out);
	return 0;
}

static void
make_checkpoint(struct making *k, uint64_t size, struct strbuf *out)
{
	const char *origin = k->wrong == CHECKPOINT_OTHER_ORIGIN ?
	    "elsewhere.example/ledger" : SAMPLE_ORIGIN;
	struct strbuf body = STRBUF_INIT(1024);
	struct checkpoint c = { .size = size };
	uint8_t seed[32];
	const struct note_key *key = key_of(k->wrong == CHECKPOINT_OTHER_KEY ?
	    2 : 1, origin, seed);

	snprintf(c.origin, sizeof(c.origin), "%s", origin);
	merkle_root_at(subtree, k, size, c.root);
	if (size == LEAVES)
		memcpy(k->root, c.root, sizeof(k->root));
	checkpoint_format(&c, &body);
	strbuf_init(out, NOTE_MAX);
	if (note_make(out, key, seed, body.s, body.len, NULL) == -1)
		abort();
	if (k->wrong == CHECKPOINT_COSIGNED) {
		memset(seed, 9, sizeof(seed));
		struct note_key w;

		if (note_key_make(&w, NOTE_COSIGNATURE, "witness.example",
		    seed, NULL) == -1 || note_sign(out, &w, seed, 1795000000,
		    body.s, body.len, NULL) == -1)
			abort();
	}
	if (k->wrong == CHECKPOINT_DEL)
		strbuf_adds(out, "\xe2\x80\x94 w\x7f AAAAAAAA\n");
	strbuf_free(&body);
}

/* What is said of one field of entry 2 or 3, in place of the truth. */
static const struct word_edit {
	uint64_t	index;
	const char	*name, *value;		/* NULL: left out */
} edits[] = {
	{ 2, "time", "\"2026-11-17T12:26:40.003Z\"" },
	{ 3, "kind", "\"confirmed\"" }, { 2, "list", "6" },
	{ 2, "list", "5.0" }, { 2, "ip", "\"2001:db8::8\"" },
	{ 2, "port", "40001" }, { 2, "agent", "\"Mozilla/5.0\"" },
	{ 2, "shown", "\"00\"" }, { 2, "ip", NULL },
	{ 3, "address", "\"ann@a.example\"" }, { 3, "mail", "\"\"" },
	{ 3, "mail", NULL }, { 2, "request", "{\"base64\": \"R0VUIC8=\"}" },
	{ 2, "list_title", "\"The example news\"" },
};

/* The fields of an entry, as a part of its object. */
static void
put_words(const struct making *k, uint64_t index, struct strbuf *b)
{
	const struct word_edit *x = k->wrong < WORD_TIME ? NULL :
	    &edits[k->wrong - WORD_TIME];
	const struct strbuf *e = &k->entry[index];
	json_t *o = e->len > 32 ? evidence_words((struct slice){
	    (const uint8_t *)e->s + 32, e->len - 32 }) : NULL;
	char *text;

	if (o == NULL)		/* of an entry that fails by itself */
		return;
	if (x != NULL && x->index == index && x->value == NULL)
		json_object_del(o, x->name);
	else if (x != NULL && x->index == index)
		json_object_set_new(o, x->name, json_loads(x->value,
		    JSON_DECODE_ANY, NULL));
	if ((text = json_dumps(o, JSON_COMPACT)) == NULL)
		abort();
	strbuf_addc(b, ',');
	strbuf_add(b, text + 1, strlen(text) - 2);
	free(text);
	json_decref(o);
}

/* One more name of the object: of the operator's, but JSON. */
static void
put_extra(const struct making *k, struct strbuf *b)
{
	static const char *const extras[] = {
		"99999999999999999999", "-9223372036854775809",
		"[9223372036854775807,-9223372036854775808]", "1e999",
		"1e-999", "\"\\ud800\"", "\"\\udc00\\ud800\"",
		"\"\\ud83d\\ude00\"", "\"a\\u0000b\"",
		"{\"a\\u0000b\":1}", "NaN",
	};
	int deep = k->wrong == EXTRA_DEEP ? EVIDENCE_JSON_DEPTH :
	    k->wrong == EXTRA_DEEPEST ? EVIDENCE_JSON_DEPTH - 1 : 0;

	if (k->wrong < EXTRA_BIG || k->wrong > EXTRA_DEEPEST)
		return;
	strbuf_adds(b, ",\"extra\":");
	if (deep == 0)
		strbuf_adds(b, extras[k->wrong - EXTRA_BIG]);
	for (int i = 0; i < deep; i++)
		strbuf_addc(b, '[');
	for (int i = 0; i < deep; i++)
		strbuf_addc(b, ']');
}

static void
make_json(struct making *k, struct strbuf *b)
{
	static const uint64_t in_file[] = { 2, 3, 6 };
	size_t n = k->wrong == JSON_FEWER ? 2 : k->wrong == NO_ENTRIES ? 0 : 3;
	uint8_t hash[32];

	strbuf_addf(b, "{\"format\":\"%s\",\"origin\":\"%s\",",
	    k->wrong == JSON_FORMAT ? "listd-evidence/2" : EVIDENCE_FORMAT,
	    k->wrong == JSON_ORIGIN ? "other.example" : SAMPLE_ORIGIN);
	strbuf_addf(b, "\"tree\":{\"size\":%s,\"root\":\"",
	    k->wrong == JSON_SIZE ? "8" : k->wrong == JSON_SIZE_TRUE ? "true" :
	    "7");
	evidence_hex(k->root, sizeof(k->root), b);
	strbuf_adds(b, "\"},\"entries\":[");
	for (size_t i = 0; i < n; i++) {
		uint64_t index = in_file[i];

		if (k->wrong == PAST_THE_TREE && i == 2)
			index = 8;
		EVP_Digest(k->entry[in_file[i]].s, k->entry[in_file[i]].len,
		    hash, NULL, EVP_sha256(), NULL);
		hash[0] ^= k->wrong == JSON_COMMITMENT && i == 1;
		strbuf_addf(b, "%s{\"index\":%llu,\"commitment\":\"",
		    i > 0 ? "," : "", (unsigned long long)index);
		evidence_hex(hash, sizeof(hash), b);
		strbuf_adds(b, "\"");
		put_words(k, in_file[i], b);
		strbuf_adds(b, "}");
	}
	strbuf_adds(b, "]");
	if (k->wrong == JSON_TWICE)
		strbuf_adds(b, ",\"entries\":[]");
	if (k->wrong == TEXT_MISSING) {
		strbuf_adds(b, ",\"missing_texts\":[\"");
		evidence_hex(k->shown_hash, sizeof(k->shown_hash), b);
		strbuf_adds(b, "\"]");
	} else if (k->wrong == JSON_MISSING_MANY) {
		strbuf_addf(b, ",\"missing_texts\":[\"%064d\"", 0);
		for (int i = 0; i < EVIDENCE_ENTRIES_MAX; i++)
			strbuf_addf(b, ",\"%064d\"", i);
		strbuf_adds(b, "]");
	} else if (k->wrong != JSON_NO_MISSING)
		strbuf_adds(b, ",\"missing_texts\":[]");
	put_extra(k, b);
	strbuf_adds(b, "}\n");
	if (k->wrong == JSON_NONE)
		strbuf_truncate(b, b->len - 3);
}

static void
make_proof(struct making *k, uint64_t index, struct strbuf *b)
{
	struct tlog_proof p = { .index = index - 1,
		.checkpoint = slice_of(&k->checkpoint) };
	uint64_t size = LEAVES;

	if (k->wrong == PROOF_OF_OTHER && index == 3)
		p.index = 1;
	if (k->wrong == PROOF_EXTRA && index == 3)
		p.extra = text("YQ==");
	if (k->wrong == PROOF_OTHER_CHECKPOINT && index == 3) {
		p.checkpoint = slice_of(&k->other);
		size = LEAVES - 1;
	}
	if (merkle_inclusion(subtree, k, index > LEAVES ? LEAVES - 1 : p.index,
	    size, &p.path) == -1)
		abort();
	if (k->wrong == PROOF_LONGER && index == 3)
		p.path.n++;
	tlog_proof_format(&p, b);
}

/* ---- the file */

static void
add(struct making *k, const char *name, struct slice content)
{
	if (evidence_manifest_line(&k->manifest, name, content) == -1 ||
	    ustar_add(&k->file, name, content, NULL) == -1)
		abort();
}

static void
add_entry(struct making *k, uint64_t index, const char *before)
{
	struct strbuf proof = STRBUF_INIT(TLOG_PROOF_MAX);
	char name[64];
	uint64_t as = k->wrong == PAST_THE_TREE && index == 6 ? 8 : index;

	snprintf(name, sizeof(name), "entries/%s%llu.entry", before,
	    (unsigned long long)as);
	add(k, name, slice_of(&k->entry[index]));
	make_proof(k, as, &proof);
	snprintf(name, sizeof(name), "entries/%llu.tlog-proof",
	    (unsigned long long)as);
	if (!(k->wrong == NO_PROOF && index == 6))
		add(k, name, slice_of(&proof));
	strbuf_free(&proof);
}

static void
add_entries(struct making *k)
{
	if (k->wrong == NO_ENTRIES)
		return;
	if (k->wrong == ENTRY_ZERO)
		add(k, "entries/0.entry", slice_of(&k->entry[2]));
	add_entry(k, k->wrong == ENTRIES_SWAPPED ? 3 : 2, "");
	add_entry(k, k->wrong == ENTRIES_SWAPPED ? 2 : 3, "");
	add_entry(k, 6, k->wrong == ENTRY_PADDED ? "0" : "");
}

static void
add_mail(struct making *k)
{
	char changed[sizeof(mail)];

	memcpy(changed, mail, sizeof(mail));
	if (k->wrong == MAIL_CHANGED)
		changed[5] ^= 1;
	if (k->wrong == MAIL_SHORTER)
		changed[strlen(changed) - 2] = '\0';
	if (k->wrong != MAIL_NOT_KEPT && k->wrong != NO_ENTRIES)
		add(k, k->wrong == MAIL_OF_OTHER ? "mails/2.eml" :
		    "mails/3.eml", text(changed));
}

static void
add_text(struct making *k)
{
	if (k->wrong == TEXT_CHANGED)
		add(k, k->text_name, text("other words"));
	else if (k->wrong != TEXT_GONE && k->wrong != TEXT_MISSING)
		add(k, k->text_name, text(shown));
}

static void
add_key_member(struct making *k)
{
	struct strbuf vkey = STRBUF_INIT(NOTE_VKEY_MAX + 8);
	uint8_t seed[32];

	note_key_format(key_of(k->wrong == OTHER_KEY ? 2 : 1, SAMPLE_ORIGIN,
	    seed), &vkey);
	strbuf_adds(&vkey, k->wrong == KEY_SPELT ? "\r\n" : "\n");
	add(k, "log.vkey", slice_of(&vkey));
	strbuf_free(&vkey);
}

/* The statement that is signed, and by whom. */
static void
make_signature(struct making *k, struct strbuf *note)
{
	struct strbuf body = STRBUF_INIT(1024);
	uint8_t seed[32];
	const struct note_key *key = key_of(k->wrong == NOT_SIGNED ||
	    k->wrong == OTHER_KEY ? 2 : 1, SAMPLE_ORIGIN, seed);

	if (evidence_statement(&body, k->wrong == SIGNED_OTHER ?
	    "other.example" : SAMPLE_ORIGIN, slice_of(&k->manifest)) == -1)
		abort();
	if (k->wrong == SIGNED_AS_CHECKPOINT)
		strbuf_add(note, k->checkpoint.s, k->checkpoint.len);
	else if (note_make(note, key, seed, body.s, body.len, NULL) == -1)
		abort();
	if (k->wrong == SIGNED_TWICE && note_sign(note, key_of(3,
	    "other.example", seed), seed, 0, body.s, body.len, NULL) == -1)
		abort();
	strbuf_free(&body);
}

static void
end(struct making *k)
{
	struct strbuf note = STRBUF_INIT(NOTE_MAX);

	if (k->wrong == MANIFEST_SHORT)
		strbuf_truncate(&k->manifest, k->manifest.len - 1);
	if (k->wrong == MANIFEST_SPELT)
		k->manifest.s[64] = '\t';
	make_signature(k, &note);
	if (ustar_add(&k->file, "MANIFEST", slice_of(&k->manifest),
	    NULL) == -1 || ustar_add(&k->file, "MANIFEST.sig",
	    slice_of(&note), NULL) == -1 || (k->wrong == TWO_SIGNATURES &&
	    ustar_add(&k->file, "MANIFEST.sig", slice_of(&note),
	    NULL) == -1) || ustar_end(&k->file, NULL) == -1)
		abort();
	if (k->wrong == CUT)
		strbuf_truncate(&k->file, k->file.len - USTAR_BLOCK);
	if (k->wrong == LONGER)
		strbuf_addc(&k->file, '\0');
	strbuf_free(&note);
}

static void
make_file(struct making *k)
{
	struct strbuf json = STRBUF_INIT(1 << 20);

	if (k->wrong == MEMBERS_OVER || k->wrong == MEMBERS_MOST)
		for (int i = k->wrong == MEMBERS_MOST; i <
		    EVIDENCE_MEMBERS_MAX + 1; i++)
			if (ustar_add(&k->file, "a", text(""), NULL) == -1)
				abort();
	if (k->wrong == MEMBERS_OVER || k->wrong == MEMBERS_MOST) {
		ustar_end(&k->file, NULL);
		return;
	}
	if (k->wrong != NO_README)
		add(k, "README.txt", text("To check it ...\n"));
	if (k->wrong == TWICE)
		add(k, "README.txt", text("To check it ...\n"));
	add(k, "report.txt", text("On 23 November ann@a.example asked ...\n"));
	add(k, "report.html", text("<!DOCTYPE html>\n"));
	make_json(k, &json);
	add(k, "evidence.json", slice_of(&json));
	strbuf_free(&json);
	add(k, "checkpoint", slice_of(&k->checkpoint));
	add_key_member(k);
	add_entries(k);
	if (k->wrong == MAILS_FIRST)
		add_mail(k);
	add_text(k);
	if (k->wrong != MAILS_FIRST)
		add_mail(k);
	if (k->wrong == EXTRA)
		add(k, "zzz", text(""));
	end(k);
}

void
sample_make(const struct sample *s, struct strbuf *out)
{
	struct making k = { .wrong = s->wrong };

	EVP_Digest(shown, strlen(shown), k.shown_hash, NULL, EVP_sha256(),
	    NULL);
	snprintf(k.text_name, sizeof(k.text_name), "%s",
	    sample_text_name(s->wrong == TEXT_NAMED_UP));
	strbuf_init(&k.file, EVIDENCE_FILE_MAX);
	strbuf_init(&k.manifest, 1 << 20);
	make_entries(&k);
	make_checkpoint(&k, LEAVES, &k.checkpoint);
	make_checkpoint(&k, LEAVES - 1, &k.other);
	make_file(&k);
	strbuf_add(out, k.file.s, k.file.len);
	for (size_t i = 1; i <= LEAVES; i++)
		strbuf_free(&k.entry[i]);
	strbuf_free(&k.checkpoint);
	strbuf_free(&k.other);
	strbuf_free(&k.file);
	strbuf_free(&k.manifest);
}
