/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bundle_file.c - the archive of a file of evidence, member by member.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/err.h"
#include "lib/keyring.h"
#include "listd/bundle_private.h"

static const char readme[] =
"This is evidence from a mailing list's ledger of consent.\n"
"\n"
"  report.txt      what it says, for people; report.html is the same\n"
"  evidence.json   the same for machines\n"
"  entries/        what was written down when it happened, each with a proof\n"
"                  that the ledger has it\n"
"  shown/          texts that were shown to the person, by their SHA-256\n"
"  mails/          mails as they were sent, by the number of their entry\n"
"  checkpoint      the ledger's signed head, which the proofs lead to\n"
"  log.vkey        the ledger's public key, as this file says it is\n"
"  MANIFEST        names, sizes and hashes of all of these\n"
"  MANIFEST.sig    its signature by the ledger's key\n"
"\n"
"Check the file as a whole, as it was sent, with one of\n"
"\n"
"  listctl evidence verify FILE --key KEYFILE\n"
"  verify-evidence FILE --key KEYFILE\n"
"\n"
"Neither needs the ledger, its host or the network.  The second is a program\n"
"in Python of its own, in contrib/ of listd.  KEYFILE has the ledger's\n"
"public keys, a line each.  Take them from the ledger, which publishes them,\n"
"or from whoever keeps watch over it, and not from this file: who forges a\n"
"file forges its key as well.\n"
"\n"
"No octet of the file can be changed without both saying so.  What they check\n"
"is written down in lib/EVIDENCE of listd, so that you can write a third.\n"
"\n"
"What is proved are the entries, and both programs print them.  The reports,\n"
"this text, names of lists and what stands now are the word of whoever made\n"
"the file, who signed it.  Entries can be left out of a file: it proves what\n"
"is in it, and not that there is nothing else.\n";

static int
add_strbuf(struct evidence_writer *w, const char *name,
    const struct strbuf *b, struct err *e)
{
	if (!b->overflow)
		return evidence_add(w, name, SLICE(b->s, b->len), e);
	err_set(e, ERR_LIMIT, "%s is over its limit", name);
	return -1;
}

static int
add_json(const struct bundle *b, struct evidence_writer *w, struct err *e)
{
	char *text = json_dumps(b->json, JSON_INDENT(1));
	int ret = -1;

	if (text == NULL)
		err_set(e, ERR_LIMIT, "no memory for evidence.json");
	else
		ret = evidence_add(w, "evidence.json",
		    SLICE(text, strlen(text)), e);
	free(text);
	return ret;
}

static int
add_head(const struct bundle *b, const struct report *r,
    struct evidence_writer *w, struct err *e)
{
	struct strbuf vkey = STRBUF_INIT(NOTE_VKEY_MAX + 1);
	int ret = -1;

	note_key_format(&b->key, &vkey);
	strbuf_addc(&vkey, '\n');
	if (evidence_add(w, "README.txt", SLICE(readme, strlen(readme)),
	    e) == 0 && add_strbuf(w, "report.txt", &r->text, e) == 0 &&
	    add_strbuf(w, "report.html", &r->html, e) == 0 &&
	    add_json(b, w, e) == 0 &&
	    add_strbuf(w, "checkpoint", &b->checkpoint, e) == 0)
		ret = add_strbuf(w, "log.vkey", &vkey, e);
	strbuf_free(&vkey);
	return ret;
}

static int
add_entries(const struct bundle *b, struct evidence_writer *w, struct err *e)
{
	char name[64];

	for (size_t i = 0; i < b->n; i++) {
		const struct bundle_row *r = &b->rows[i];

		snprintf(name, sizeof(name), "entries/%llu.entry",
		    (unsigned long long)r->index);
		if (add_strbuf(w, name, &r->row, e) == -1)
			return -1;
		snprintf(name, sizeof(name), "entries/%llu.tlog-proof",
		    (unsigned long long)r->index);
		if (add_strbuf(w, name, &r->proof, e) == -1)
			return -1;
	}
	return 0;
}

static int
add_texts(const struct bundle *b, struct evidence_writer *w, struct err *e)
{
	char name[6 + 64 + 1] = "shown/";

	for (size_t i = 0; i < b->nshown; i++) {
		if (b->shown[i].missing)
			continue;
		for (size_t k = 0; k < 32; k++)
			snprintf(name + 6 + 2 * k, 3, "%02x",
			    b->shown[i].hash[k]);
		if (add_strbuf(w, name, &b->shown[i].text, e) == -1)
			return -1;
	}
	return 0;
}

static int
add_mails(const struct bundle *b, struct evidence_writer *w, struct err *e)
{
	char name[64];

	for (size_t i = 0; i < b->n; i++) {
		snprintf(name, sizeof(name), "mails/%llu.eml",
		    (unsigned long long)b->rows[i].index);
		if (b->rows[i].mail.len > 0 &&
		    add_strbuf(w, name, &b->rows[i].mail, e) == -1)
			return -1;
	}
	return 0;
}

int
bundle_file(const struct bundle *b, const struct report *r,
    struct evidence_writer *w, struct err *e)
{
	const uint8_t *seed = keyring_find(store_keys(b->ask->store),
	    KEY_LEDGER, KEY_CURRENT);

	if (seed == NULL) {
		err_set(e, ERR_CRYPTO, "there is no key of the ledger");
		return -1;
	}
	if (add_head(b, r, w, e) == -1 || add_entries(b, w, e) == -1 ||
	    add_texts(b, w, e) == -1 || add_mails(b, w, e) == -1)
		return -1;
	return evidence_end(w, &b->key, seed, e);
}
