/* SPDX-License-Identifier: Apache-2.0 */
/*
 * evidence_verify.c - check a file of evidence, step by step as lib/EVIDENCE
 * section 6 has them.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "lib/cbor.h"
#include "lib/date.h"
#include "lib/err.h"
#include "lib/evidence_private.h"
#include "lib/tlog_proof.h"
#include "lib/token_mask.h"

#define SALT_OCTETS	32

/* Keys of an entry that are looked at. */
enum {
	KEY_TIME = 2, KEY_SHOWN = 13, KEY_SENT = 43, KEY_SENT_HASH = 44,
};

static bool
equal(struct slice a, const char *p, size_t len)
{
	return a.len == len && memcmp(a.p, p, len) == 0;
}

static bool
slice_equal(struct slice a, struct slice b)
{
	return equal(a, (const char *)b.p, b.len);
}

/* ---- MANIFEST, log.vkey, MANIFEST.sig, checkpoint */

static bool
check_manifest(const struct evidence_parts *p, struct evidence_verdict *v)
{
	struct strbuf b = STRBUF_INIT(p->manifest->content.len);
	bool ok = true;

	for (const struct ustar_member *m = p->member; ok && m != p->manifest;
	    m++)
		ok = evidence_manifest_line(&b, m->name, m->content) == 0 &&
		    !b.overflow;
	ok = ok && equal(p->manifest->content, b.s, b.len);
	strbuf_free(&b);
	return ok || evidence_bad(v, p->manifest->name,
	    "it does not have the members as they are");
}

static bool
is_one_of(const struct note_key *key, const struct note_key *keys, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (keys[i].type == key->type &&
		    strcmp(keys[i].name, key->name) == 0 &&
		    memcmp(keys[i].pub, key->pub, sizeof(key->pub)) == 0)
			return true;
	return false;
}

static bool
check_key(const struct evidence_parts *p, const struct note_key *keys,
    size_t n, struct evidence_verdict *v)
{
	const struct ustar_member *m = p->head[HEAD_KEY];
	struct err e = ERR_INIT;
	size_t len = m->content.len;

	if (len == 0 || m->content.p[len - 1] != '\n' ||
	    note_key_parse(&v->key, (const char *)m->content.p, len - 1,
	    &e) == -1 || v->key.type != NOTE_ED25519)
		return evidence_bad(v, m->name, "no key of a log");
	if (n > 0 && !is_one_of(&v->key, keys, n))
		return evidence_bad(v, m->name, "made with another key than "
		    "the one given");
	return true;
}

static bool
check_signature(const struct evidence_parts *p, struct evidence_verdict *v)
{
	const struct ustar_member *m = p->signature;
	struct strbuf text = STRBUF_INIT(EVIDENCE_STATEMENT_MAX);
	struct err e = ERR_INIT;
	struct note note;
	bool ok;

	ok = evidence_statement(&text, v->key.name,
	    p->manifest->content) == 0 && !text.overflow &&
	    note_open(&note, m->content.p, m->content.len, &v->key, 1,
	    &e) == 0 && note.n == 1 && equal(note.text, text.s, text.len);
	strbuf_free(&text);
	return ok || evidence_bad(v, m->name,
	    "the log's key has not signed this manifest");
}

static bool
check_checkpoint(const struct evidence_parts *p, struct evidence_verdict *v)
{
	const struct ustar_member *m = p->head[HEAD_CHECKPOINT];
	struct err e = ERR_INIT;
	struct note note;

	if (checkpoint_open(&v->checkpoint, &note, m->content.p,
	    m->content.len, &v->key, 1, &e) == -1)
		return evidence_bad(v, m->name, "%s", e.text);
	v->checkpoint.extensions = (struct slice){ NULL, 0 };
	return true;
}

/* ---- entries */

static bool
find_text(const struct evidence_parts *p, const uint8_t hash[static 32],
    const struct strbuf *missing)
{
	const struct evidence_item *it = evidence_texts(p);
	size_t from = 0, to = p->texts;

	while (from < to) {
		size_t mid = from + (to - from) / 2;
		int c = memcmp(it[mid].hash, hash, 32);

		if (c == 0)
			return true;
		if (c < 0)
			from = mid + 1;
		else
			to = mid;
	}
	for (size_t i = 0; i < missing->len; i += 32)
		if (memcmp(missing->s + i, hash, 32) == 0)
			return true;
	return false;
}

/* One of the keys that matter; NULL, or why it may not be. */
static const char *
take_field(const struct evidence_parts *p, struct evidence_item *it,
    uint64_t key, const struct cbor_item *value, const struct strbuf *missing)
{
	bool hash = value->type == CBOR_BYTES && value->string.len == 32;

	if (key == KEY_TIME && (value->type != CBOR_UINT ||
	    value->value > DATE_MAX_MS))
		return "a time that is none";
	if (key == KEY_SHOWN && !hash)
		return "the hash of a text that is none";
	if (key == KEY_SHOWN && !find_text(p, value->string.p, missing))
		return "what was shown is not in the file";
	if (key == KEY_SENT && value->type != CBOR_BYTES)
		return "a mail that is none";
	if (key == KEY_SENT)
		it->sent = value->string;
	if (key == KEY_SENT_HASH && !hash)
		return "the hash of a mail that is none";
	if (key == KEY_SENT_HASH)
		it->sent_hash = value->string;
	return NULL;
}

static const char *
read_entry(const struct evidence_parts *p, struct evidence_item *it,
    struct slice entry, const struct strbuf *missing)
{
	const char *why = NULL;
	struct cbor_item head, value;
	struct cbor in;

	cbor_init(&in, entry.p, entry.len);
	head = cbor_next(&in);
	if (head.type != CBOR_MAP)
		return "it is no map";
	for (uint64_t n = head.value; n > 0 && why == NULL; n--) {
		uint64_t key = cbor_next(&in).value;

		if (key != KEY_TIME && key != KEY_SHOWN && key != KEY_SENT &&
		    key != KEY_SENT_HASH) {
			if (!cbor_skip(&in))
				break;
			continue;
		}
		value = cbor_next(&in);
		if (value.type == CBOR_BAD)
			break;
		why = take_field(p, it, key, &value, missing);
	}
	return why != NULL ? why : cbor_done(&in) ? NULL : cbor_why(&in);
}

static bool
check_proof(const struct evidence_parts *p, const struct evidence_item *it,
    struct evidence_verdict *v)
{
	uint8_t commitment[32], leaf[MERKLE_HASH];
	struct err e = ERR_INIT;
	struct tlog_proof proof;

	if (tlog_proof_parse(&proof, it->proof->content.p,
	    it->proof->content.len, &e) == -1)
		return evidence_bad(v, it->proof->name, "%s", e.text);
	if (proof.index != it->index - 1 || proof.extra.len != 0 ||
	    !slice_equal(proof.checkpoint,
	    p->head[HEAD_CHECKPOINT]->content) ||
	    evidence_sha256(it->member->content, commitment) == -1)
		return evidence_bad(v, it->proof->name,
		    "the proof of something else");
	merkle_leaf(commitment, sizeof(commitment), leaf);
	if (!merkle_verify_inclusion(leaf, proof.index, v->checkpoint.size,
	    &proof.path, v->checkpoint.root))
		return evidence_bad(v, it->proof->name,
		    "it does not lead to the checkpoint");
	return true;
}

static bool
check_entry(const struct evidence_parts *p, struct evidence_item *it,
    struct evidence_verdict *v, const struct strbuf *missing,
    struct slice *entry_r)
{
	struct slice content = it->member->content;
	const char *why;

	if (content.len <= SALT_OCTETS || content.len > EVIDENCE_ENTRY_MAX)
		return evidence_bad(v, it->member->name, "no salt and entry");
	*entry_r = (struct slice){ content.p + SALT_OCTETS,
		content.len - SALT_OCTETS };
	if ((why = read_entry(p, it, *entry_r, missing)) != NULL)
		return evidence_bad(v, it->member->name, "%s", why);
	return check_proof(p, it, v);
}

/* ---- texts and mails */

static bool
check_texts(const struct evidence_parts *p, struct evidence_verdict *v)
{
	const struct evidence_item *it = evidence_texts(p);
	uint8_t hash[32];

	for (size_t i = 0; i < p->texts; i++)
		if (evidence_sha256(it[i].member->content, hash) == -1 ||
		    memcmp(hash, it[i].hash, sizeof(hash)) != 0)
			return evidence_bad(v, it[i].member->name,
			    "its hash is another");
	return true;
}

static int
by_index(const void *a, const void *b)
{
	uint64_t x = ((const struct evidence_item *)a)->index;
	uint64_t y = ((const struct evidence_item *)b)->index;

	return x < y ? -1 : x > y;
}

static const struct evidence_item *
entry_of(const struct evidence_parts *p, uint64_t index)
{
	const struct evidence_item wanted = { .index = index };

	return bsearch(&wanted, p->item, p->entries, sizeof(wanted),
	    by_index);
}

/* Is sent what is kept of it, but for what is masked? */
static bool
is_kept_as(struct slice sent, struct slice kept)
{
	if (kept.len > sent.len)
		return false;
	for (size_t i = 0; i < kept.len; i++)
		if (kept.p[i] != sent.p[i] && kept.p[i] != TOKEN_MASK)
			return false;
	return true;
}

static bool
check_mails(const struct evidence_parts *p, struct evidence_verdict *v)
{
	const struct evidence_item *it = evidence_mails(p), *of;
	uint8_t hash[32];

	for (size_t i = 0; i < p->mails; i++) {
		struct slice mail = it[i].member->content;

		of = entry_of(p, it[i].index);
		if (of == NULL || of->sent.len == 0 ||
		    of->sent_hash.len != 32)
			return evidence_bad(v, it[i].member->name,
			    "no entry is about it");
		if (evidence_sha256(mail, hash) == -1 ||
		    memcmp(hash, of->sent_hash.p, sizeof(hash)) != 0 ||
		    !is_kept_as(mail, of->sent))
			return evidence_bad(v, it[i].member->name,
			    "not the mail of its entry");
	}
	return true;
}

/* ---- all of it */

/* Says evidence.json of each what it says itself? */
static bool
check_words(const struct evidence_parts *p, struct evidence_verdict *v)
{
	const json_t *said = json_object_get(p->json, "entries");

	for (size_t i = 0; i < p->entries; i++) {
		struct slice s = p->item[i].member->content;

		if (!evidence_words_agree(json_array_get(said, i),
		    (struct slice){ s.p + SALT_OCTETS, s.len - SALT_OCTETS }))
			return evidence_bad(v, p->head[HEAD_JSON]->name,
			    "entry %llu says otherwise",
			    (unsigned long long)p->item[i].index);
	}
	return true;
}

static bool
check_entries(struct evidence_parts *p, struct evidence_verdict *v,
    evidence_entry_fn *fn, void *arg)
{
	struct strbuf missing;
	bool ok = evidence_check_json(p, v, &missing);

	for (size_t i = 0; ok && i < p->entries; i++) {
		struct slice entry;

		ok = check_entry(p, &p->item[i], v, &missing, &entry);
		if (ok && fn != NULL)
			fn(arg, p->item[i].index, entry);
	}
	strbuf_free(&missing);
	return ok;
}

void
evidence_verify(struct slice file, const struct note_key *keys, size_t n,
    struct evidence_verdict *v, evidence_entry_fn *fn, void *arg)
{
	struct evidence_parts p = { .n = 0 };

	memset(v, 0, sizeof(*v));
	v->sound = evidence_take_apart(&p, file, v) && check_manifest(&p, v) &&
	    check_key(&p, keys, n, v) && check_signature(&p, v) &&
	    check_checkpoint(&p, v) && check_entries(&p, v, fn, arg) &&
	    check_texts(&p, v) && check_mails(&p, v) && check_words(&p, v);
	evidence_parts_free(&p);
}
