/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_sign.c - what a DKIM signature costs over the bare RSA operation.
 *
 * CPU time of one thread, RSA-2048, a campaign's header and a body of 5 KB:
 *
 *	rsa_alone_us		EVP_PKEY_sign() with everything set up
 *	dkim_sign_us		our signer, the hash of the body given
 *	dkim_digest_us		of that, all but the private operation
 *	body_hash_us		the relaxed body, canonicalized and hashed
 *	opendkim_sign_us	libopendkim, header and body
 *
 * BENCH_SIGNATURES (default 2000) is how many of each; of libopendkim's a
 * quarter.  The kinds take turns, so that a change of the machine's mood
 * meets them alike.
 */
#include "config.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "lib/dkim_key.h"
#include "lib/dkim_key_private.h"
#include "lib/dkim_sign.h"
#include "lib/err.h"
#include "lib/strbuf.h"
#include "tests/dkim_reference.h"
#include "tests/dkim_samples.h"

#define ROUNDS	10

static const char header[] =
    "From: Example News <news@lists.example.org>\r\n"
    "Reply-To: Office <office@example.org>\r\n"
    "To: \"A. Reader\" <a.reader@mailbox.example.net>\r\n"
    "Subject: =?utf-8?q?News_of_the_week=3A_what_changes?=\r\n"
    " =?utf-8?q?_in_the_coming_year?=\r\n"
    "Date: Mon, 23 Nov 2026 09:00:00 +0100\r\n"
    "Message-ID: <b-aeaaaaaaaaaaaahqaaaaaaaaaaaax3xpaaaaaaaaaaa@l.example>\r\n"
    "MIME-Version: 1.0\r\n"
    "Content-Type: multipart/alternative;\r\n"
    "\tboundary=\"=_aeaaaaaaaaaaaahqaaaa\"\r\n"
    "List-Id: Example News <news.lists.example.org>\r\n"
    "List-Unsubscribe: <https://lists.example.org/u/aeaaaaaaaaaaaahqaaaaaaaaaa"
    "aax3xpaaaaaaaaaaabbbbccccddddeeeeffff>,\r\n"
    "\t<mailto:u-aeaaaaaaaaaaaahqaaaaaaaaaaaax3xpaaaaaaaaaaa@l.example>\r\n"
    "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
    "List-Help: <https://lists.example.org/news>\r\n"
    "List-Owner: <mailto:news-owner@lists.example.org>\r\n"
    "Feedback-ID: c1f:news:example:listd\r\n"
    "CFBL-Address: fbl@lists.example.org; report=arf\r\n"
    "CFBL-Feedback-ID: c1f:aeaaaaaaaaaaaahq\r\n"
    "Auto-Submitted: auto-generated\r\n"
    "Listd-Witness: bGVkZ2VyLmxpc3RzLmV4YW1wbGUub3JnCjEyMzQ1Njc4OQpzZXZlbnR\r\n"
    "\tdHdvIG9jdGV0cyBvZiBhIHRyZWUgaGVhZCBhbmQgYSBzaWduYXR1cmUgdGhhdCBp\r\n"
    "\tcyBzaXh0eS1mb3VyIG1vcmUgYW5kIHNvbWUgdGV4dCB0byBmaWxsIHRoZSBsaW5l\r\n"
    "\r\n";

struct bench {
	struct dkim_key		*key;
	struct dkim_signer	*signer;
	struct reference	*reference;
	struct dkim_body_hash	*body;
	EVP_PKEY_CTX		*rsa;
	struct strbuf		 text;
	struct sample		 message;
	struct dkim_job		 job;
	uint8_t			 body_hash[DKIM_HASH_LEN];
};

static void
need(int ok, const char *what)
{
	if (!ok) {
		fprintf(stderr, "bench_sign: %s failed\n", what);
		exit(1);
	}
}

static void
do_rsa(struct bench *b)
{
	uint8_t sig[DKIM_SIGNATURE_MAX];
	size_t len = sizeof(sig);

	need(EVP_PKEY_sign(b->rsa, sig, &len, b->body_hash,
	    sizeof(b->body_hash)) == 1, "rsa");
}

static void
do_digest(struct bench *b)
{
	need(dkim_sign_digest(b->signer, b->message.field, b->message.n,
	    b->body_hash, SAMPLE_TIME, &b->job, NULL) == 0, "digest");
}

static void
do_dkim(struct bench *b)
{
	struct dkim_job *jobs[] = { &b->job };

	do_digest(b);
	need(dkim_sign_private(b->signer, jobs, 1, NULL) == 0, "private");
	need(dkim_sign_finish(&b->job).len > 0, "finish");
}

static void
do_body(struct bench *b)
{
	dkim_body_hash_reset(b->body);
	dkim_body_hash_update(b->body, b->message.body.p, b->message.body.len);
	need(dkim_body_hash_final(b->body, b->body_hash, NULL) == 0, "body");
}

static void
do_reference(struct bench *b)
{
	struct strbuf out = STRBUF_INIT(DKIM_TEXT_MAX);

	reference_sign(b->reference, &b->message, &out);
	need(!out.overflow, "libopendkim");
	strbuf_free(&out);
}

static struct {
	const char	*name;
	void		(*run)(struct bench *);
	unsigned	 share;		/* one of so many is enough */
	double		 us;
	unsigned	 n;
} kinds[] = {
	{ "rsa_alone_us", do_rsa, 1, 0, 0 },
	{ "dkim_sign_us", do_dkim, 1, 0, 0 },
	{ "dkim_digest_us", do_digest, 1, 0, 0 },
	{ "body_hash_us", do_body, 1, 0, 0 },
	{ "opendkim_sign_us", do_reference, 4, 0, 0 },
};
#define KINDS	(sizeof(kinds) / sizeof(kinds[0]))

static double
cpu_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

static void
set_up(struct bench *b)
{
	b->key = sample_rsa(2048);
	b->signer = dkim_signer_new(&(struct dkim_signer_params){
	    .key = b->key, .domain = "lists.example.org",
	    .selector = "s2026b" }, NULL);
	need(b->signer != NULL, "signer");
	b->reference = reference_new(b->key, "lists.example.org", "s2026b",
	    DKIM_POLICY_CAMPAIGN, SAMPLE_TIME, 0);
	b->body = dkim_body_hash_new(NULL);
	need(b->body != NULL, "body hash");
	b->rsa = EVP_PKEY_CTX_new(dkim_key_evp(b->key), NULL);
	need(b->rsa != NULL && EVP_PKEY_sign_init(b->rsa) == 1 &&
	    EVP_PKEY_CTX_set_rsa_padding(b->rsa, RSA_PKCS1_PADDING) == 1 &&
	    EVP_PKEY_CTX_set_signature_md(b->rsa, EVP_sha256()) == 1, "rsa");
	strbuf_init(&b->text, 1 << 16);
	strbuf_adds(&b->text, header);
	while (b->text.len < sizeof(header) - 1 + 5120)
		strbuf_adds(&b->text, "Lorem ipsum dolor sit amet, consectetur"
		    " adipiscing elit, sed do eiusmod=\r\n");
	sample_split(b->text.s, b->text.len, &b->message);
	do_body(b);
}

static void
tear_down(struct bench *b)
{
	EVP_PKEY_CTX_free(b->rsa);
	dkim_body_hash_free(b->body);
	reference_free(b->reference);
	dkim_signer_free(b->signer);
	dkim_key_free(b->key);
	strbuf_free(&b->text);
}

int
main(void)
{
	static struct bench b;
	const char *env = getenv("BENCH_SIGNATURES");
	unsigned long n = env != NULL ? strtoul(env, NULL, 10) : 2000;

	n = n < ROUNDS * 4 ? 4 : n / ROUNDS;
	set_up(&b);
	for (int round = 0; round < ROUNDS; round++) {
		for (size_t k = 0; k < KINDS; k++) {
			double before = cpu_us();
			unsigned long i;

			for (i = 0; i < n / kinds[k].share; i++)
				kinds[k].run(&b);
			kinds[k].us += cpu_us() - before;
			kinds[k].n += (unsigned)i;
		}
	}
	for (size_t k = 0; k < KINDS; k++)
		printf("bench %s %.2f us\n", kinds[k].name,
		    kinds[k].us / kinds[k].n);
	tear_down(&b);
	return 0;
}
