/* SPDX-License-Identifier: Apache-2.0 */
/*
 * evidence_sample_list.c - the samples of evidence, and what is to be said of
 * each.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "lib/evidence_private.h"
#include "tests/evidence_samples.h"
#include "tests/evidence_wrong.h"

/* The name of the text is known when it was hashed. */
#define TEXT	"shown/HASH"
#define TEXT_UP	"shown/HASH in capitals"

static const struct sample samples[] = {
	{ "sound", "", NOTHING },
	{ "cosigned", "", CHECKPOINT_COSIGNED },
	{ "text-missing-and-said", "", TEXT_MISSING },
	{ "mail-not-kept", "", MAIL_NOT_KEPT },
	{ "no-entries", "", NO_ENTRIES },
	{ "cut", "archive", CUT },
	{ "longer", "archive", LONGER },
	{ "no-readme", "report.txt", NO_README },
	{ "extra-member", "zzz", EXTRA },
	{ "no-proof", TEXT, NO_PROOF },
	{ "entries-swapped", "entries/2.entry", ENTRIES_SWAPPED },
	{ "entry-zero", "entries/0.entry", ENTRY_ZERO },
	{ "entry-padded", "entries/06.entry", ENTRY_PADDED },
	{ "text-in-capitals", TEXT_UP, TEXT_NAMED_UP },
	{ "mails-first", TEXT, MAILS_FIRST },
	{ "twice", "README.txt", TWICE },
	{ "two-signatures", "MANIFEST.sig", TWO_SIGNATURES },
	{ "members-too-many", "archive", MEMBERS_OVER },
	{ "members-most", "a", MEMBERS_MOST },
	{ "manifest-short", "MANIFEST", MANIFEST_SHORT },
	{ "manifest-spelt", "MANIFEST", MANIFEST_SPELT },
	{ "other-key", "log.vkey", OTHER_KEY },
	{ "key-spelt", "log.vkey", KEY_SPELT },
	{ "not-signed", "MANIFEST.sig", NOT_SIGNED },
	{ "signed-twice", "MANIFEST.sig", SIGNED_TWICE },
	{ "signed-as-checkpoint", "MANIFEST.sig", SIGNED_AS_CHECKPOINT },
	{ "signed-other", "MANIFEST.sig", SIGNED_OTHER },
	{ "checkpoint-other-key", "checkpoint", CHECKPOINT_OTHER_KEY },
	{ "checkpoint-other-origin", "checkpoint", CHECKPOINT_OTHER_ORIGIN },
	{ "cosigner-with-del", "", CHECKPOINT_DEL },
	{ "json-none", "evidence.json", JSON_NONE },
	{ "json-twice", "evidence.json", JSON_TWICE },
	{ "json-format", "evidence.json", JSON_FORMAT },
	{ "json-origin", "evidence.json", JSON_ORIGIN },
	{ "json-size", "evidence.json", JSON_SIZE },
	{ "json-fewer", "evidence.json", JSON_FEWER },
	{ "json-commitment", "evidence.json", JSON_COMMITMENT },
	{ "json-no-missing", "evidence.json", JSON_NO_MISSING },
	{ "json-true", "evidence.json", JSON_SIZE_TRUE },
	{ "json-missing-many", "evidence.json", JSON_MISSING_MANY },
	{ "json-integer-too-big", "evidence.json", EXTRA_BIG },
	{ "json-integer-too-small", "evidence.json", EXTRA_SMALL },
	{ "json-integer-largest", "", EXTRA_LARGEST },
	{ "json-infinite", "evidence.json", EXTRA_INFINITE },
	{ "json-tiny", "", EXTRA_TINY },
	{ "json-surrogate", "evidence.json", EXTRA_SURROGATE },
	{ "json-low-surrogate", "evidence.json", EXTRA_LOW_SURROGATE },
	{ "json-surrogate-pair", "", EXTRA_PAIR },
	{ "json-nul", "", EXTRA_NUL },
	{ "json-nul-in-name", "evidence.json", EXTRA_NUL_NAME },
	{ "json-nan", "evidence.json", EXTRA_NAN },
	{ "json-too-deep", "evidence.json", EXTRA_DEEP },
	{ "json-deepest", "", EXTRA_DEEPEST },
	{ "salt-changed", "entries/2.tlog-proof", SALT_CHANGED },
	{ "entry-changed", "entries/6.tlog-proof", ENTRY_CHANGED },
	{ "entry-spelt", "entries/6.entry", ENTRY_SPELT },
	{ "entry-tail", "entries/6.entry", ENTRY_TAIL },
	{ "entry-no-map", "entries/6.entry", ENTRY_NO_MAP },
	{ "entry-short", "entries/6.entry", ENTRY_SHORT },
	{ "entry-too-deep", "entries/6.entry", ENTRY_DEEP },
	{ "entry-deepest", "", ENTRY_DEEPEST },
	{ "time-text", "entries/6.entry", TIME_TEXT },
	{ "time-null", "entries/6.entry", TIME_NULL },
	{ "time-huge", "entries/6.entry", TIME_HUGE },
	{ "time-past-9999", "entries/6.entry", TIME_PAST },
	{ "time-end-of-9999", "", TIME_LAST },
	{ "text-gone", "entries/2.entry", TEXT_GONE },
	{ "proof-of-other", "entries/3.tlog-proof", PROOF_OF_OTHER },
	{ "proof-extra", "entries/3.tlog-proof", PROOF_EXTRA },
	{ "proof-longer", "entries/3.tlog-proof", PROOF_LONGER },
	{ "proof-other-checkpoint", "entries/3.tlog-proof",
	    PROOF_OTHER_CHECKPOINT },
	{ "past-the-tree", "entries/8.tlog-proof", PAST_THE_TREE },
	{ "text-changed", TEXT, TEXT_CHANGED },
	{ "mail-changed", "mails/3.eml", MAIL_CHANGED },
	{ "mail-of-other", "mails/2.eml", MAIL_OF_OTHER },
	{ "mail-shorter", "mails/3.eml", MAIL_SHORTER },
	{ "mail-unlike", "mails/3.eml", MAIL_UNLIKE },
	{ "word-time", "evidence.json", WORD_TIME },
	{ "word-kind", "evidence.json", WORD_KIND },
	{ "word-list", "evidence.json", WORD_LIST },
	{ "word-list-real", "evidence.json", WORD_LIST_REAL },
	{ "word-ip", "evidence.json", WORD_IP },
	{ "word-port", "evidence.json", WORD_PORT },
	{ "word-agent", "evidence.json", WORD_AGENT },
	{ "word-shown", "evidence.json", WORD_SHOWN },
	{ "word-left-out", "evidence.json", WORD_GONE },
	{ "word-made-up", "evidence.json", WORD_MORE },
	{ "word-mail", "evidence.json", WORD_MAIL },
	{ "word-mail-left-out", "", WORD_MAIL_GONE },
	{ "word-request", "evidence.json", WORD_REQUEST },
	{ "word-of-the-operator", "", WORD_OTHER },
};

const char *
sample_text_name(bool up)
{
	static char name[2][80];
	struct strbuf hex = STRBUF_INIT(65);
	uint8_t hash[32];

	EVP_Digest(SAMPLE_SHOWN, strlen(SAMPLE_SHOWN), hash, NULL,
	    EVP_sha256(), NULL);
	evidence_hex(hash, sizeof(hash), &hex);
	for (size_t i = 0; up && i < hex.len; i++)
		if (hex.s[i] >= 'a')
			hex.s[i] = (char)(hex.s[i] - 'a' + 'A');
	snprintf(name[up], sizeof(name[up]), "shown/%s", hex.s);
	strbuf_free(&hex);
	return name[up];
}

const struct sample *
sample_at(size_t i)
{
	static struct sample s;

	if (i >= sizeof(samples) / sizeof(samples[0]))
		return NULL;
	s = samples[i];
	if (strcmp(s.where, TEXT) == 0)
		s.where = sample_text_name(false);
	if (strcmp(s.where, TEXT_UP) == 0)
		s.where = sample_text_name(true);
	return &s;
}

void
sample_edit(uint64_t seed, unsigned n, char *p, size_t len)
{
	uint8_t in[16], out[32];

	for (int i = 0; i < 8; i++)
		in[i] = (uint8_t)(seed >> 8 * i);
	for (int i = 0; i < 8; i++)
		in[8 + i] = i < 4 ? (uint8_t)(n >> 8 * i) : 0;
	if (EVP_Digest(in, sizeof(in), out, NULL, EVP_sha256(), NULL) != 1)
		abort();
	/* The octet is another one afterwards. */
	p[((size_t)out[0] | (size_t)out[1] << 8 | (size_t)out[2] << 16 |
	    (size_t)out[3] << 24) % len] ^= (char)(1 + out[4] % 255);
}
