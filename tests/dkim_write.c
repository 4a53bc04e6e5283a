/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dkim_write.c - write signed sample messages for other verifiers to judge.
 *
 *	dkim_write FOLDER COUNT
 *
 * FOLDER/N.eml, from 0, is a sample signed by an RSA-2048 key and by an
 * Ed25519 key; standard output has a line "NAME RECORD" for each of the two.
 * Samples with blanks between a name and its colon, which not every verifier
 * reads, are left out.
 */
#include "config.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/dkim_key.h"
#include "lib/dkim_sign.h"
#include "lib/err.h"
#include "lib/strbuf.h"
#include "tests/dkim_samples.h"

static struct dkim_job job;

static void
need(int ok, const char *what, const struct err *e)
{
	if (!ok) {
		fprintf(stderr, "dkim_write: %s: %s\n", what, e->text);
		exit(1);
	}
}

static struct dkim_signer *
signer(struct dkim_key *key, const char *selector)
{
	struct strbuf txt = STRBUF_INIT(DKIM_RECORD_MAX);
	struct err e = ERR_INIT;
	struct dkim_signer *s = dkim_signer_new(&(struct dkim_signer_params){
	    .key = key, .domain = "example.org", .selector = selector }, &e);

	need(s != NULL, selector, &e);
	need(dkim_key_txt(key, &txt, &e) == 0, selector, &e);
	printf("%s._domainkey.example.org %s\n", selector, txt.s);
	strbuf_free(&txt);
	dkim_key_free(key);
	return s;
}

static bool
widely_read(const struct sample *m)
{
	for (size_t i = 0; i < m->n; i++)
		if (m->field[i].raw.p[m->field[i].name.len] != ':')
			return false;
	return true;
}

static void
write_one(struct dkim_signer *const signers[2], const struct sample *m,
    const struct strbuf *text, const char *path)
{
	struct err e = ERR_INIT;
	FILE *f = fopen(path, "wb");

	if (f == NULL) {
		perror(path);
		exit(1);
	}
	for (int i = 0; i < 2; i++) {
		struct slice field;

		need(dkim_sign_message(signers[i], m->field, m->n, m->body,
		    SAMPLE_TIME, &job, &e) == 0, path, &e);
		field = dkim_sign_finish(&job);
		fwrite(field.p, 1, field.len, f);
	}
	fwrite(text->s, 1, text->len, f);
	if (ferror(f) | fclose(f)) {
		perror(path);
		exit(1);
	}
}

static void
write_all(struct dkim_signer *const signers[2], const char *folder,
    unsigned long count)
{
	struct strbuf text = STRBUF_INIT(1 << 20), path = STRBUF_INIT(4096);
	unsigned long done = 0;

	for (uint32_t seed = 0; done < count; seed++) {
		struct sample m;

		strbuf_reset(&text);
		sample_message(seed, &text);
		sample_split(text.s, text.len, &m);
		if (!widely_read(&m))
			continue;
		strbuf_reset(&path);
		strbuf_addf(&path, "%s/%lu.eml", folder, done++);
		write_one(signers, &m, &text, path.s);
	}
	strbuf_free(&text);
	strbuf_free(&path);
}

int
main(int argc, char **argv)
{
	struct dkim_signer *signers[2];
	struct err e = ERR_INIT;
	struct dkim_key *ed;
	unsigned long count;

	if (argc != 3) {
		fputs("usage: dkim_write FOLDER COUNT\n", stderr);
		return 2;
	}
	count = strtoul(argv[2], NULL, 10);
	need((ed = dkim_key_generate(DKIM_KEY_ED25519, 0, &e)) != NULL, "key",
	    &e);
	signers[0] = signer(sample_rsa(2048), "rsa");
	signers[1] = signer(ed, "ed");
	write_all(signers, argv[1], count);
	dkim_signer_free(signers[0]);
	dkim_signer_free(signers[1]);
	return 0;
}
