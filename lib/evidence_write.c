/* SPDX-License-Identifier: Apache-2.0 */
/*
 * evidence_write.c - put a file of evidence together (lib/EVIDENCE).
 */
#include "config.h"

#include "lib/err.h"
#include "lib/evidence.h"
#include "lib/evidence_private.h"

#include <openssl/evp.h>

#define MANIFEST_MAX	(8u << 20)	/* of all members there can be */

int
evidence_sha256(struct slice s, uint8_t out[static 32])
{
	return EVP_Digest(s.p, s.len, out, NULL, EVP_sha256(), NULL) == 1 ?
	    0 : -1;
}

void
evidence_hex(const uint8_t *p, size_t len, struct strbuf *out)
{
	for (size_t i = 0; i < len; i++)
		strbuf_addf(out, "%02x", p[i]);
}

void
evidence_begin(struct evidence_writer *w)
{
	strbuf_init(&w->file, EVIDENCE_FILE_MAX);
	strbuf_init(&w->manifest, MANIFEST_MAX);
}

void
evidence_free(struct evidence_writer *w)
{
	strbuf_free(&w->file);
	strbuf_free(&w->manifest);
}

int
evidence_manifest_line(struct strbuf *out, const char *name,
    struct slice content)
{
	uint8_t hash[32];

	if (evidence_sha256(content, hash) == -1)
		return -1;
	evidence_hex(hash, sizeof(hash), out);
	strbuf_addf(out, " %zu %s\n", content.len, name);
	return 0;
}

int
evidence_statement(struct strbuf *out, const char *origin,
    struct slice manifest)
{
	uint8_t hash[32];

	if (evidence_sha256(manifest, hash) == -1)
		return -1;
	strbuf_addf(out, EVIDENCE_FORMAT "\n%s\n", origin);
	evidence_hex(hash, sizeof(hash), out);
	strbuf_addc(out, '\n');
	return 0;
}

int
evidence_add(struct evidence_writer *w, const char *name,
    struct slice content, struct err *e)
{
	if (evidence_manifest_line(&w->manifest, name, content) == -1) {
		err_set(e, ERR_CRYPTO, "no SHA-256");
		return -1;
	}
	return ustar_add(&w->file, name, content, e);
}

int
evidence_end(struct evidence_writer *w, const struct note_key *key,
    const uint8_t seed[static NOTE_KEY_OCTETS], struct err *e)
{
	struct slice manifest = { (const uint8_t *)w->manifest.s,
		w->manifest.len };
	struct strbuf text = STRBUF_INIT(EVIDENCE_STATEMENT_MAX);
	struct strbuf note = STRBUF_INIT(NOTE_MAX);
	int ret = -1;

	if (w->manifest.overflow) {
		err_set(e, ERR_LIMIT, "a manifest over %u octets",
		    MANIFEST_MAX);
	} else if (evidence_statement(&text, key->name, manifest) == -1) {
		err_set(e, ERR_CRYPTO, "no SHA-256");
	} else if (note_make(&note, key, seed, text.s, text.len, e) == 0 &&
	    ustar_add(&w->file, EVIDENCE_MANIFEST, manifest, e) == 0 &&
	    ustar_add(&w->file, EVIDENCE_SIGNATURE, (struct slice){
	    (const uint8_t *)note.s, note.len }, e) == 0) {
		ret = ustar_end(&w->file, e);
	}
	strbuf_free(&text);
	strbuf_free(&note);
	return ret;
}
