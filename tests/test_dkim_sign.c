/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_dkim_sign.c - our signatures are libopendkim's, byte for byte, and the
 * header policy is what R46 to R58 ask for.
 *
 * Compared is the whole DKIM-Signature field, its h=, folds and signature
 * included, made of the same message, key and time by both; there is nothing
 * in which they are allowed to differ.
 */
#include "config.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <cmocka.h>
#include <openssl/evp.h>

#include "lib/dkim_key.h"
#include "lib/dkim_sign.h"
#include "lib/dkim_tag.h"
#include "lib/err.h"
#include "lib/strbuf.h"
#include "tests/dkim_reference.h"
#include "tests/dkim_samples.h"

#define N(a)	(sizeof(a) / sizeof((a)[0]))

static struct dkim_job job;

static struct slice
text(const char *s)
{
	return (struct slice){ (const uint8_t *)s, strlen(s) };
}

static struct dkim_signer *
signer(const struct dkim_key *key, enum dkim_policy policy)
{
	struct err e = ERR_INIT;
	struct dkim_signer *s = dkim_signer_new(&(struct dkim_signer_params){
	    .key = key, .domain = "example.org", .selector = "news",
	    .policy = policy }, &e);

	if (s == NULL)
		fail_msg("%s", e.text);
	return s;
}

/* Sign a whole message; the field is in job. */
static struct slice
sign(struct dkim_signer *s, const char *message, size_t len)
{
	struct err e = ERR_INIT;
	struct sample m;

	sample_split(message, len, &m);
	if (dkim_sign_message(s, m.field, m.n, m.body, SAMPLE_TIME, &job,
	    &e) == -1)
		fail_msg("%s", e.text);
	return dkim_sign_finish(&job);
}

/* The unfolded value of a tag of the field in job, such as h=. */
static struct slice
tag(struct slice field, const char *name)
{
	static struct dkim_tags tags;
	const struct slice *v;

	assert_int_equal(dkim_tags_parse(&tags, field.p + 15, field.len - 17,
	    NULL), 0);
	v = dkim_tags_find(&tags, name);
	return v != NULL ? *v : (struct slice){ NULL, 0 };
}

/* How often h= names a field. */
static size_t
named(struct slice h, const char *name)
{
	size_t count = 0, len = strlen(name);

	for (size_t i = 0; i + len <= h.len; i++)
		count += strncasecmp((const char *)h.p + i, name, len) == 0 &&
		    (i == 0 || strchr(": \t\n", h.p[i - 1]) != NULL) &&
		    (i + len == h.len || h.p[i + len] == ':');
	return count;
}

static const struct variant {
	const char *why;
	const char *pem;	/* NULL = a new RSA-2048 key */
	const char *domain, *selector;
	enum dkim_policy policy;
	uint32_t lifetime_s;
	uint32_t first, count;	/* seeds of samples */
} variants[] = {
	{ "RSA-2048, campaign", NULL, "example.org", "news",
	    DKIM_POLICY_CAMPAIGN, 0, 0, 300 },
	{ "RSA-2048, discussion", NULL, "example.org", "news",
	    DKIM_POLICY_DISCUSSION, 0, 300, 60 },
	{ "RSA-2048 with x=", NULL, "lists.example.org", "s2026a",
	    DKIM_POLICY_CAMPAIGN, 14 * 86400, 400, 60 },
	{ "RSA-1024", rfc8463_rsa_pem, "football.example.com", "test",
	    DKIM_POLICY_CAMPAIGN, 0, 500, 60 },
	{ "names as long as they come", rfc8463_rsa_pem,
	    "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffff123."
	    "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffff123."
	    "example.org",
	    "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffff123",
	    DKIM_POLICY_CAMPAIGN, 86400, 600, 20 },
	{ "Ed25519", rfc8463_ed25519_pem, "football.example.com", "brisbane",
	    DKIM_POLICY_CAMPAIGN, 0, 700, 20 },
};

static void
one_variant_equals(const struct variant *v)
{
	struct dkim_key *key = v->pem != NULL ? sample_key(v->pem) :
	    sample_rsa(2048);
	struct reference *ref = reference_new(key, v->domain, v->selector,
	    v->policy, SAMPLE_TIME, v->lifetime_s);
	struct dkim_signer *s = dkim_signer_new(&(struct dkim_signer_params){
	    .key = key, .domain = v->domain, .selector = v->selector,
	    .policy = v->policy, .lifetime_s = v->lifetime_s }, NULL);
	struct strbuf m = STRBUF_INIT(1 << 20), want = STRBUF_INIT(1 << 20);

	assert_non_null(s);
	for (uint32_t seed = v->first; seed < v->first + v->count; seed++) {
		struct slice got;
		struct sample parts;

		strbuf_reset(&m);
		strbuf_reset(&want);
		sample_message(seed, &m);
		sample_split(m.s, m.len, &parts);
		reference_sign(ref, &parts, &want);
		got = sign(s, m.s, m.len);
		if (got.len != want.len ||
		    memcmp(got.p, want.s, got.len) != 0)
			fail_msg("%s, seed %u:\n%.*s\n%s", v->why, seed,
			    (int)got.len, got.p, want.s);
	}
	dkim_signer_free(s);
	reference_free(ref);
	dkim_key_free(key);
	strbuf_free(&m);
	strbuf_free(&want);
}

static void
signatures_equal_libopendkims(void **state)
{
	(void)state;
	for (size_t i = 0; i < N(variants); i++)
		one_variant_equals(&variants[i]);
}

/*
 * RFC 8463 appendix A.  Its header list is not ours, so the digest is built
 * from the canonical fields here; the private operation must then give the
 * published signatures.
 */
static void
the_signatures_of_rfc_8463_come_out(void **state)
{
	static const struct {
		const char *pem;
		size_t field;
		const char *b;
	} rfc[] = {
		{ rfc8463_ed25519_pem, 0,
		    "/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus"
		    "Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==" },
		{ rfc8463_rsa_pem, 1,
		    "F45dVWDfMbQDGHJFlXUNB2HKfbCeLRyhDXgFpEL8GwpsRe0IeIixNTe3"
		    "DhCVlUrSjV4BwcVcOF6+FF3Zo9Rpo1tFOeS9mPYQTnGdaSGsgeefOsk2"
		    "JzdA+L10TeYt9BgDfQNZtKdN1WO//KgIqXP7OdEFE4LjFYNcUxZQ4FAD"
		    "Y+8=" },
	};
	struct sample m;

	(void)state;
	sample_split(rfc8463_message, strlen(rfc8463_message), &m);
	for (size_t i = 0; i < N(rfc); i++) {
		struct dkim_key *key = sample_key(rfc[i].pem);
		struct dkim_signer *s = signer(key, DKIM_POLICY_CAMPAIGN);
		struct strbuf canon = STRBUF_INIT(10000);
		struct slice own = m.field[rfc[i].field].raw;
		struct dkim_job *jobs[1] = { &job };
		uint8_t out[2000], want[DKIM_SIGNATURE_MAX];
		size_t len;

		for (size_t k = 2; k < m.n; k++)
			strbuf_add(&canon, out, dkim_canon_relax(
			    m.field[k].raw, out));
		while (memcmp(own.p + own.len - 4, "\r\n b=", 5) != 0)
			own.len--;
		own.len++;
		strbuf_add(&canon, out, dkim_canon_relax(own, out) - 2);
		assert_int_equal(EVP_Digest(canon.s, canon.len, job.digest,
		    NULL, EVP_sha256(), NULL), 1);
		assert_int_equal(dkim_sign_private(s, jobs, 1, NULL), 0);
		assert_true(dkim_tag_base64(text(rfc[i].b), want, sizeof(want),
		    &len));
		assert_int_equal(job.siglen, len);
		assert_memory_equal(job.signature, want, len);
		strbuf_free(&canon);
		dkim_signer_free(s);
		dkim_key_free(key);
	}
}

#define HEADER_ALL \
	"Return-Path: <b-1@b.example>\r\n" \
	"Received: from a by b; Mon, 1 Jan 2024 00:00:00 +0000\r\n" \
	"Received: from c by d; Mon, 1 Jan 2024 00:00:00 +0000\r\n" \
	"DKIM-Signature: v=1; a=rsa-sha256; d=other.example; s=x; bh=; b=\r\n" \
	"From: News <news@example.org>\r\n" \
	"Sender: list@example.org\r\n" \
	"Reply-To: office@example.org\r\n" \
	"Subject: One\r\n" \
	"Date: Mon, 1 Jan 2024 00:00:00 +0000\r\n" \
	"To: reader@example.net\r\n" \
	"Cc: second@example.net\r\n" \
	"Message-ID: <1@example.org>\r\n" \
	"In-Reply-To: <0@example.org>\r\n" \
	"References: <0@example.org>\r\n" \
	"MIME-Version: 1.0\r\n" \
	"Content-Type: text/plain\r\n" \
	"Content-Transfer-Encoding: 7bit\r\n" \
	"List-Id: <news.example.org>\r\n" \
	"List-Unsubscribe: <https://example.org/u/1>\r\n" \
	"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" \
	"List-Help: <mailto:help@example.org>\r\n" \
	"List-Owner: <mailto:owner@example.org>\r\n" \
	"Feedback-ID: 1:2:3:example\r\n" \
	"CFBL-Address: fbl@example.org; report=arf\r\n" \
	"CFBL-Feedback-ID: 1:2\r\n" \
	"Auto-Submitted: auto-generated\r\n" \
	"Listd-Witness: abc\r\n" \
	"Authentication-Results: lists.example.org; dkim=pass\r\n" \
	"X-Mailer: listd\r\n" \
	"Precedence: list\r\n"

/* R46, R47, R52, T9, T24: how often h= names each. */
static const struct {
	const char *name;
	size_t campaign, discussion;
} policy[] = {
	{ "From", 2, 2 }, { "Subject", 2, 2 }, { "Date", 2, 2 },
	{ "To", 2, 2 }, { "Cc", 2, 2 }, { "Message-ID", 2, 2 },
	{ "Content-Type", 2, 2 }, { "Reply-To", 2, 1 },
	{ "List-Unsubscribe", 2, 1 }, { "List-Unsubscribe-Post", 2, 1 },
	{ "Sender", 1, 1 }, { "In-Reply-To", 1, 1 }, { "References", 1, 1 },
	{ "MIME-Version", 1, 1 }, { "Content-Transfer-Encoding", 1, 1 },
	{ "List-Id", 1, 1 }, { "List-Help", 1, 1 }, { "List-Owner", 1, 1 },
	{ "Feedback-ID", 1, 1 }, { "CFBL-Address", 1, 1 },
	{ "CFBL-Feedback-ID", 1, 1 }, { "Auto-Submitted", 1, 1 },
	{ "Listd-Witness", 1, 1 }, { "Authentication-Results", 0, 1 },
	{ "Received", 0, 0 }, { "Return-Path", 0, 0 },
	{ "DKIM-Signature", 0, 0 }, { "X-Mailer", 0, 0 },
	{ "Precedence", 0, 0 },
};

static void
the_policy_covers_what_it_must(void **state)
{
	static const char message[] = HEADER_ALL "\r\nbody\r\n";
	struct dkim_key *key = sample_key(rfc8463_rsa_pem);
	struct dkim_signer *campaign = signer(key, DKIM_POLICY_CAMPAIGN);
	struct dkim_signer *discussion = signer(key, DKIM_POLICY_DISCUSSION);

	(void)state;
	for (size_t i = 0; i < N(policy); i++) {
		struct slice h = tag(sign(campaign, message, strlen(message)),
		    "h");
		size_t n = named(h, policy[i].name);

		if (n != policy[i].campaign)
			fail_msg("campaign: %s %zu times", policy[i].name, n);
		h = tag(sign(discussion, message, strlen(message)), "h");
		n = named(h, policy[i].name);
		if (n != policy[i].discussion)
			fail_msg("discussion: %s %zu times", policy[i].name,
			    n);
		assert_int_equal(dkim_policy_signs(DKIM_POLICY_CAMPAIGN,
		    text(policy[i].name)), policy[i].campaign > 0);
	}
	dkim_signer_free(campaign);
	dkim_signer_free(discussion);
	dkim_key_free(key);
}

static void
over_signed_names_stand_once_more(void **state)
{
	static const char message[] = "From: a@example.org\r\n"
	    "Cc: a@example.net\r\nCc: b@example.net\r\n\r\n";
	struct dkim_key *key = sample_key(rfc8463_rsa_pem);
	struct dkim_signer *s = signer(key, DKIM_POLICY_CAMPAIGN);
	struct slice field = sign(s, message, strlen(message));

	(void)state;
	assert_int_equal(named(tag(field, "h"), "Cc"), 3);
	assert_int_equal(named(tag(field, "h"), "Subject"), 1);
	assert_int_equal(named(tag(field, "h"), "List-Unsubscribe-Post"), 1);
	for (size_t i = 0; dkim_policy_oversigned(DKIM_POLICY_CAMPAIGN, i) !=
	    NULL; i++)
		assert_true(named(tag(field, "h"), dkim_policy_oversigned(
		    DKIM_POLICY_CAMPAIGN, i)) >= 1);
	dkim_signer_free(s);
	dkim_key_free(key);
}

/* R51, R53, R58: the tags, and lines that no hop needs to fold. */
static void
the_field_has_the_right_tags_and_lines(void **state)
{
	static const char message[] = HEADER_ALL "\r\nbody\r\n";
	struct dkim_key *key = sample_rsa(4096);
	struct dkim_signer *s = signer(key, DKIM_POLICY_CAMPAIGN);
	struct slice f = sign(s, message, strlen(message));
	size_t line = 0;

	(void)state;
	assert_memory_equal(f.p, "DKIM-Signature: v=1; ", 21);
	assert_true(dkim_tag_is(tag(f, "a"), "rsa-sha256"));
	assert_true(dkim_tag_is(tag(f, "c"), "relaxed/relaxed"));
	assert_true(dkim_tag_is(tag(f, "d"), "example.org"));
	assert_true(dkim_tag_is(tag(f, "s"), "news"));
	assert_true(dkim_tag_is(tag(f, "t"), "1790000000"));
	assert_null(tag(f, "l").p);
	assert_null(tag(f, "x").p);
	for (size_t i = 0; i < f.len; i++) {
		line = f.p[i] == '\n' ? 0 : line + (f.p[i] == '\t' ? 8 : 1);
		assert_true(line <= 78);
	}
	assert_memory_equal(f.p + f.len - 2, "\r\n", 2);
	dkim_signer_free(s);
	dkim_key_free(key);
}

static const struct {
	const char *why, *header;
	enum err_code code;
} refused[] = {
	{ "no From", "To: a@b.example\r\n", ERR_INPUT },
	{ "two From (X22)", "From: a@b.example\r\nfrom: c@d.example\r\n",
	    ERR_INPUT },
};

static void
headers_that_must_not_be_signed(void **state)
{
	struct dkim_key *key = sample_key(rfc8463_rsa_pem);
	struct dkim_signer *s = signer(key, DKIM_POLICY_CAMPAIGN);
	uint8_t hash[DKIM_HASH_LEN] = { 0 };
	/* R49: what the next hop would see as another field, or not at all. */
	const struct dkim_field bad[] = {
		{ text("Subject"), text("Subject: a\r\nBcc: b\r\n") },
		{ text("Subject"), text("Subject: a\nb\r\n") },
		{ text("Subject"), { (const uint8_t *)"Subject: \0\r\n", 12 } },
		{ text("Subject"), text("Subject a\r\n") },
		{ text("Subject"), text("To: a\r\n") },
		{ text("Subject"), text("Subject-X: a\r\n") },
		{ text("Subject"), text("Subj") },
	};
	struct dkim_field f[2] = { { text("From"), text("From: a\r\n") } };
	struct err e = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < N(refused); i++) {
		struct sample m;

		sample_split(refused[i].header, strlen(refused[i].header), &m);
		if (dkim_sign_digest(s, m.field, m.n, hash, 0, &job, &e) == 0)
			fail_msg("signed: %s", refused[i].why);
		assert_int_equal(e.code, refused[i].code);
	}
	for (size_t i = 0; i < N(bad); i++) {
		f[1] = bad[i];
		e = (struct err)ERR_INIT;
		if (dkim_sign_digest(s, f, 2, hash, 0, &job, &e) == 0)
			fail_msg("signed: bad field %zu", i);
		assert_int_equal(e.code, ERR_INPUT);
	}
	dkim_signer_free(s);
	dkim_key_free(key);
}

static void
limits_of_a_signature_hold(void **state)
{
	struct dkim_key *key = sample_key(rfc8463_rsa_pem);
	struct dkim_signer *s = signer(key, DKIM_POLICY_CAMPAIGN);
	uint8_t hash[DKIM_HASH_LEN] = { 0 };
	struct dkim_field f[DKIM_SIGNED_MAX + 1];
	struct strbuf big = STRBUF_INIT(DKIM_FIELD_MAX + 1);
	struct err e = ERR_INIT;

	(void)state;
	f[0] = (struct dkim_field){ text("From"), text("From: a\r\n") };
	for (size_t i = 1; i < N(f); i++)
		f[i] = (struct dkim_field){ text("List-X"),
		    text("List-X: a\r\n") };
	assert_int_equal(dkim_sign_digest(s, f, DKIM_SIGNED_MAX - 10, hash, 0,
	    &job, &e), 0);		/* ten are over-signed */
	assert_int_equal(dkim_sign_digest(s, f, DKIM_SIGNED_MAX - 9, hash, 0,
	    &job, &e), -1);
	assert_int_equal(e.code, ERR_LIMIT);
	assert_int_equal(dkim_sign_digest(s, f, N(f), hash, 0, &job, &e), -1);
	assert_int_equal(e.code, ERR_LIMIT);

	strbuf_adds(&big, "Subject:");
	while (big.len < DKIM_FIELD_MAX)
		strbuf_addc(&big, 'x');
	f[1] = (struct dkim_field){ text("Subject"), text(big.s) };
	assert_int_equal(dkim_sign_digest(s, f, 2, hash, 0, &job, &e), 0);
	strbuf_addc(&big, 'x');
	f[1].raw = text(big.s);
	assert_int_equal(dkim_sign_digest(s, f, 2, hash, 0, &job, &e), -1);
	assert_int_equal(e.code, ERR_LIMIT);

	/* Names that make h= itself too long. */
	strbuf_reset(&big);
	strbuf_adds(&big, "List-");
	while (big.len < DKIM_TEXT_MAX)
		strbuf_addc(&big, 'x');
	strbuf_adds(&big, ":");
	f[1] = (struct dkim_field){ { (uint8_t *)big.s, big.len - 1 },
	    text(big.s) };
	assert_int_equal(dkim_sign_digest(s, f, 2, hash, 0, &job, &e), -1);
	assert_int_equal(e.code, ERR_LIMIT);
	strbuf_free(&big);
	dkim_signer_free(s);
	dkim_key_free(key);
}

static void
a_signer_needs_names(void **state)
{
	static const struct {
		const char *domain, *selector;
	} bad[] = {
		{ "", "news" }, { "example.org", "" },
		{ "example.org; l=0", "news" }, { "example.org", "a b" },
		{ "b\xc3\xbc" "cher.example", "news" },
		{ "example.org.", "news" },
	};
	struct dkim_key *key = sample_key(rfc8463_ed25519_pem);

	(void)state;
	for (size_t i = 0; i < N(bad); i++) {
		struct err e = ERR_INIT;

		assert_null(dkim_signer_new(&(struct dkim_signer_params){
		    .key = key, .domain = bad[i].domain,
		    .selector = bad[i].selector }, &e));
		assert_int_equal(e.code, ERR_INPUT);
	}
	dkim_key_free(key);
}

/* A batch, a duplicate and a signer whose key was freed: the same bytes. */
static void
batches_and_duplicates_sign_alike(void **state)
{
	static struct dkim_job batch[13];
	struct dkim_job *jobs[5];
	struct dkim_key *key = sample_rsa(2048);
	struct dkim_signer *s = signer(key, DKIM_POLICY_CAMPAIGN);
	struct dkim_signer *dup = dkim_signer_dup(s, NULL);
	uint8_t hash[DKIM_HASH_LEN];
	struct strbuf m = STRBUF_INIT(1 << 20);
	struct err e = ERR_INIT;

	(void)state;
	assert_non_null(dup);
	dkim_key_free(key);
	for (uint32_t i = 0; i < N(jobs); i++) {
		struct dkim_body_hash *h = dkim_body_hash_new(NULL);
		struct sample parts;

		strbuf_reset(&m);
		sample_message(i, &m);
		sample_split(m.s, m.len, &parts);
		dkim_body_hash_update(h, parts.body.p, parts.body.len);
		assert_int_equal(dkim_body_hash_final(h, hash, &e), 0);
		jobs[i] = &batch[i];
		assert_int_equal(dkim_sign_digest(i % 2 == 0 ? s : dup,
		    parts.field, parts.n, hash, SAMPLE_TIME, jobs[i], &e), 0);
		assert_int_equal(jobs[i]->siglen, 0);
		dkim_body_hash_free(h);
	}
	assert_int_equal(dkim_sign_private(dup, jobs, N(jobs), &e), 0);
	assert_int_equal(dkim_sign_private(dup, NULL, 0, &e), 0);
	for (uint32_t i = 0; i < N(jobs); i++) {
		size_t length = dkim_sign_length(s, jobs[i]);
		struct slice got = dkim_sign_finish(jobs[i]), again, want;
		uint8_t first[DKIM_TEXT_MAX];

		assert_int_equal(got.len, length);
		memcpy(first, got.p, got.len);
		again = dkim_sign_finish(jobs[i]);
		assert_int_equal(again.len, got.len);
		assert_memory_equal(again.p, first, got.len);
		strbuf_reset(&m);
		sample_message(i, &m);
		want = sign(s, m.s, m.len);
		assert_int_equal(want.len, got.len);
		assert_memory_equal(want.p, first, got.len);
	}
	strbuf_free(&m);
	dkim_signer_free(s);
	dkim_signer_free(dup);
}

struct thread {
	pthread_t		 id;
	struct dkim_signer	*signer;
	const struct sample	*message;
	struct slice		 want;
	bool			 same;
};

static void *
sign_again_and_again(void *arg)
{
	struct thread *t = arg;
	struct dkim_job *own = malloc(sizeof(*own));

	t->same = own != NULL;
	for (int i = 0; t->same && i < 50; i++) {
		struct slice got;

		t->same = dkim_sign_message(t->signer, t->message->field,
		    t->message->n, t->message->body, SAMPLE_TIME, own,
		    NULL) == 0;
		if (!t->same)
			break;
		got = dkim_sign_finish(own);
		t->same = got.len == t->want.len &&
		    memcmp(got.p, t->want.p, got.len) == 0;
	}
	free(own);
	return NULL;
}

/* Duplicates share the key, and OpenSSL's blinding with it. */
static void
threads_with_duplicates_sign_alike(void **state)
{
	struct dkim_key *key = sample_rsa(2048);
	struct dkim_signer *s = signer(key, DKIM_POLICY_CAMPAIGN);
	struct strbuf m = STRBUF_INIT(1 << 20);
	struct thread t[3];
	struct sample parts;
	struct slice want;

	(void)state;
	sample_message(7, &m);
	sample_split(m.s, m.len, &parts);
	want = sign(s, m.s, m.len);
	for (size_t i = 0; i < N(t); i++) {
		t[i] = (struct thread){ .signer = dkim_signer_dup(s, NULL),
		    .message = &parts, .want = want };
		assert_non_null(t[i].signer);
		assert_int_equal(pthread_create(&t[i].id, NULL,
		    sign_again_and_again, &t[i]), 0);
	}
	for (size_t i = 0; i < N(t); i++) {
		assert_int_equal(pthread_join(t[i].id, NULL), 0);
		assert_true(t[i].same);
		dkim_signer_free(t[i].signer);
	}
	strbuf_free(&m);
	dkim_signer_free(s);
	dkim_key_free(key);
}

/* X21: a thousand signatures; the leak checker looks when the test ends. */
static void
a_thousand_signatures_leave_nothing_behind(void **state)
{
	struct dkim_key *keys[2] = { sample_key(rfc8463_rsa_pem),
	    sample_key(rfc8463_ed25519_pem) };
	struct strbuf m = STRBUF_INIT(1 << 20);

	(void)state;
	sample_message(1, &m);
	for (size_t k = 0; k < N(keys); k++) {
		struct dkim_signer *s = signer(keys[k], DKIM_POLICY_CAMPAIGN);

		for (int i = 0; i < 500; i++)
			sign(s, m.s, m.len);
		dkim_signer_free(s);
		dkim_key_free(keys[k]);
	}
	strbuf_free(&m);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(signatures_equal_libopendkims),
		cmocka_unit_test(the_signatures_of_rfc_8463_come_out),
		cmocka_unit_test(the_policy_covers_what_it_must),
		cmocka_unit_test(over_signed_names_stand_once_more),
		cmocka_unit_test(the_field_has_the_right_tags_and_lines),
		cmocka_unit_test(headers_that_must_not_be_signed),
		cmocka_unit_test(limits_of_a_signature_hold),
		cmocka_unit_test(a_signer_needs_names),
		cmocka_unit_test(batches_and_duplicates_sign_alike),
		cmocka_unit_test(threads_with_duplicates_sign_alike),
		cmocka_unit_test(a_thousand_signatures_leave_nothing_behind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
