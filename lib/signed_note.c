/* SPDX-License-Identifier: Apache-2.0 */
/*
 * signed_note.c - notes read, verified and signed.
 */
#include "config.h"

#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "lib/base64.h"
#include "lib/err.h"
#include "lib/signed_note.h"
#include "lib/strbuf.h"
#include "lib/utf8.h"

#define DASH		"\xe2\x80\x94 "		/* EM DASH and a blank */
#define DASH_LEN	(sizeof(DASH) - 1)
#define SIGNATURE	64			/* octets of Ed25519's */
#define STAMP		8			/* octets of a time */
#define ID		4			/* octets of a key id */
/* Octets of a whole signature of ours. */
#define OURS_MAX	(ID + STAMP + SIGNATURE)

/* ---- taking apart */

/* UTF-8 without control characters other than the line end. */
static bool
is_clean(const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (p[i] < 0x20 && p[i] != '\n')
			return false;
	return utf8_valid((const char *)p, len);
}

/* Whether text[len] can be the text of a note. */
static bool
is_text(const uint8_t *p, size_t len)
{
	return len > 0 && p[len - 1] == '\n' && is_clean(p, len);
}

/* An empty line is where the text ends: the last one there is. */
static size_t
find_split(const uint8_t *p, size_t len)
{
	for (size_t i = len; i >= 2; i--)
		if (p[i - 1] == '\n' && p[i - 2] == '\n')
			return i - 1;
	return 0;
}

/* Of unknown keys too: four octets of id, and then a signature. */
static bool
is_signature(struct slice text)
{
	size_t n;

	return base64_valid((const char *)text.p, text.len, &n) && n > ID;
}

/* One line[len], its line end not counted. */
static bool
take_line(struct note_signature *s, const uint8_t *line, size_t len)
{
	const uint8_t *name = line + DASH_LEN, *blank;

	if (len < DASH_LEN || memcmp(line, DASH, DASH_LEN) != 0)
		return false;
	blank = memchr(name, ' ', len - DASH_LEN);
	if (blank == NULL)
		return false;
	s->line = (struct slice){ line, len + 1 };
	s->name = (struct slice){ name, (size_t)(blank - name) };
	s->base64 = (struct slice){ blank + 1,
	    len - DASH_LEN - s->name.len - 1 };
	return note_name_valid((const char *)name, s->name.len) &&
	    is_signature(s->base64);
}

static int
malformed(struct err *e, const char *what)
{
	err_set(e, ERR_INPUT, "not a signed note: %s", what);
	return -1;
}

int
note_parse(struct note *note, const void *p, size_t len, struct err *e)
{
	const uint8_t *at = p, *end = at + len;
	size_t split;

	note->n = 0;
	if (len > NOTE_MAX) {
		err_set(e, ERR_LIMIT, "note of more than %d octets", NOTE_MAX);
		return -1;
	}
	if (!is_text(p, len))
		return malformed(e, "not lines of UTF-8");
	split = find_split(p, len);
	if (split == 0)
		return malformed(e, "no empty line before signatures");
	note->text = (struct slice){ at, split };
	for (at += split + 1; at < end; ) {
		size_t n = (size_t)((const uint8_t *)memchr(at, '\n',
		    (size_t)(end - at)) - at);

		if (note->n == NOTE_SIGNATURES_MAX) {
			err_set(e, ERR_LIMIT, "note of more than %d "
			    "signatures", NOTE_SIGNATURES_MAX);
			return -1;
		}
		if (!take_line(&note->signature[note->n++], at, n))
			return malformed(e, "bad signature line");
		at += n + 1;
	}
	return note->n > 0 ? 0 : malformed(e, "no signature");
}

/* ---- Ed25519 */

static bool
verify(const uint8_t pub[NOTE_KEY_OCTETS], const void *msg, size_t len,
    const uint8_t sig[SIGNATURE])
{
	EVP_PKEY *pkey = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL,
	    pub, NOTE_KEY_OCTETS);
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	bool good = pkey != NULL && md != NULL &&
	    EVP_DigestVerifyInit(md, NULL, NULL, NULL, pkey) == 1 &&
	    EVP_DigestVerify(md, sig, SIGNATURE, msg, len) == 1;

	EVP_MD_CTX_free(md);
	EVP_PKEY_free(pkey);
	return good;
}

static bool
sign(const uint8_t seed[NOTE_KEY_OCTETS], const void *msg, size_t len,
    uint8_t sig[SIGNATURE])
{
	EVP_PKEY *pkey = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL,
	    seed, NOTE_KEY_OCTETS);
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	size_t n = SIGNATURE;
	bool good = pkey != NULL && md != NULL &&
	    EVP_DigestSignInit(md, NULL, NULL, NULL, pkey) == 1 &&
	    EVP_DigestSign(md, sig, &n, msg, len) == 1 && n == SIGNATURE;

	EVP_MD_CTX_free(md);
	EVP_PKEY_free(pkey);
	return good;
}

/* What a cosigner signs at that time. */
static void
cosigned(struct strbuf *msg, uint64_t time, const void *text, size_t len)
{
	strbuf_addf(msg, "cosignature/v1\ntime %llu\n",
	    (unsigned long long)time);
	strbuf_add(msg, text, len);
}

#define COSIGNED_MAX	(NOTE_MAX + 64)

/* ---- verifying */

/* The octets of a signature in key's name; 0 when it is in another's. */
static size_t
signature_of(const struct note_signature *s, const struct note_key *key,
    uint8_t out[OURS_MAX])
{
	const char *text = (const char *)s->base64.p;
	uint8_t head[6];
	size_t n;

	if (s->name.len != strlen(key->name) ||
	    memcmp(s->name.p, key->name, s->name.len) != 0 ||
	    !base64_get(text, 8, head, sizeof(head), &n) ||
	    memcmp(head, key->id, ID) != 0)
		return 0;
	/* in its name, but longer than any of ours: no signature, not 0 */
	if (!base64_get(text, s->base64.len, out, OURS_MAX, &n))
		return 1;
	return n;
}

static bool
holds(const struct note *note, const struct note_key *key,
    const uint8_t *octets, size_t n, uint64_t *time_r)
{
	struct strbuf msg = STRBUF_INIT(COSIGNED_MAX);
	struct unpack u;
	uint64_t time;
	bool good;

	if (key->type == NOTE_ED25519)
		return n == ID + SIGNATURE && verify(key->pub, note->text.p,
		    note->text.len, octets + ID);
	if (n != OURS_MAX)
		return false;
	unpack_init(&u, octets + ID, STAMP);
	time = unpack_u64(&u);
	if (time == 0 || time > NOTE_TIME_MAX)
		return false;
	cosigned(&msg, time, note->text.p, note->text.len);
	good = !msg.overflow && verify(key->pub, msg.s, msg.len,
	    octets + ID + STAMP);
	strbuf_free(&msg);
	if (good && time > *time_r)
		*time_r = time;
	return good;
}

enum note_verdict
note_verify(const struct note *note, const struct note_key *key,
    uint64_t *time_r)
{
	enum note_verdict verdict = NOTE_UNSIGNED;
	uint8_t octets[OURS_MAX];
	uint64_t time = 0;

	if (time_r != NULL)
		*time_r = 0;
	for (size_t i = 0; i < note->n; i++) {
		size_t n = signature_of(&note->signature[i], key, octets);

		if (n == 0)
			continue;
		if (!holds(note, key, octets, n, &time))
			return NOTE_FORGED;
		verdict = NOTE_SIGNED;
	}
	if (time_r != NULL)
		*time_r = time;
	return verdict;
}

int
note_open(struct note *note, const void *p, size_t len,
    const struct note_key *keys, size_t n, struct err *e)
{
	bool known = false;

	if (note_parse(note, p, len, e) == -1)
		return -1;
	for (size_t i = 0; i < n; i++)
		switch (note_verify(note, &keys[i], NULL)) {
		case NOTE_FORGED:
			err_set(e, ERR_REFUSED, "the signature of %s does "
			    "not hold", keys[i].name);
			return -1;
		case NOTE_SIGNED:
			known = true;
			break;
		case NOTE_UNSIGNED:
			break;
		}
	if (known)
		return 0;
	err_set(e, ERR_REFUSED, "not signed by a key that is known");
	return -1;
}

/* ---- signing */

/* The octets of a signature, id and time first; their number, or 0. */
static size_t
signature_make(uint8_t out[OURS_MAX], const struct note_key *key,
    const uint8_t seed[NOTE_KEY_OCTETS], uint64_t time, const void *text,
    size_t len)
{
	struct strbuf msg = STRBUF_INIT(COSIGNED_MAX);
	size_t head = ID;
	bool good;

	memcpy(out, key->id, ID);
	if (key->type == NOTE_ED25519) {
		good = sign(seed, text, len, out + head) &&
		    verify(key->pub, text, len, out + head);
	} else {
		for (size_t i = 0; i < STAMP; i++)
			out[head++] = (uint8_t)(time >> (56 - 8 * i));
		cosigned(&msg, time, text, len);
		good = !msg.overflow &&
		    sign(seed, msg.s, msg.len, out + head) &&
		    verify(key->pub, msg.s, msg.len, out + head);
		strbuf_free(&msg);
	}
	return good ? head + SIGNATURE : 0;
}

int
note_sign(struct strbuf *out, const struct note_key *key,
    const uint8_t seed[NOTE_KEY_OCTETS], uint64_t time, const void *text,
    size_t len, struct err *e)
{
	uint8_t octets[OURS_MAX];
	size_t n;

	if (len > NOTE_MAX || !is_text(text, len)) {
		err_set(e, ERR_INPUT, "not the text of a note");
		return -1;
	}
	if ((key->type == NOTE_COSIGNATURE) != (time != 0) ||
	    time > NOTE_TIME_MAX) {
		err_set(e, ERR_INPUT, "no time of a signature");
		return -1;
	}
	n = signature_make(octets, key, seed, time, text, len);
	if (n == 0) {
		err_set(e, ERR_CRYPTO, "cannot sign as %s", key->name);
		return -1;
	}
	strbuf_adds(out, DASH);
	strbuf_adds(out, key->name);
	strbuf_addc(out, ' ');
	base64_put(out, octets, n);
	strbuf_addc(out, '\n');
	if (!out->overflow)
		return 0;
	err_set(e, ERR_LIMIT, "no room for a signature");
	return -1;
}

int
note_make(struct strbuf *out, const struct note_key *key,
    const uint8_t seed[NOTE_KEY_OCTETS], const void *text, size_t len,
    struct err *e)
{
	strbuf_add(out, text, len);
	strbuf_addc(out, '\n');
	return note_sign(out, key, seed, 0, text, len, e);
}
