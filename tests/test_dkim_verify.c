/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_dkim_verify.c - libopendkim passes what we sign and nothing that was
 * changed; every way a signature can be wrong has its verdict (R23, R46 to
 * R61, T9, X21, X22).
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>

#include "lib/dkim_key.h"
#include "lib/dkim_sign.h"
#include "lib/dkim_verify.h"
#include "lib/err.h"
#include "lib/strbuf.h"
#include "tests/dkim_samples.h"

#define N(a)	(sizeof(a) / sizeof((a)[0]))
#define NOW	SAMPLE_TIME

static struct dkim_verifier *verifier;
static struct dkim_report report;
static struct dkim_job job;

static struct slice
text(const char *s)
{
	return (struct slice){ (const uint8_t *)s, strlen(s) };
}

/* ---- a DNS of one name */

struct dns {
	const char *name;	/* NULL = answers to any */
	const char *txt;	/* NULL = there is none */
	bool later;
	unsigned asked;
};

static enum dkim_lookup
look_up(void *arg, const char *name, struct strbuf *txt)
{
	struct dns *dns = arg;

	dns->asked++;
	if (dns->later)
		return DKIM_LOOKUP_LATER;
	if (dns->txt == NULL ||
	    (dns->name != NULL && strcmp(dns->name, name) != 0))
		return DKIM_LOOKUP_NONE;
	strbuf_adds(txt, dns->txt);
	return DKIM_LOOKUP_FOUND;
}

static enum dkim_verdict
verify(const char *p, size_t len, struct dns *dns)
{
	struct err e = ERR_INIT;

	if (dkim_verifier_run(verifier, (struct slice){ (const uint8_t *)p,
	    len }, NOW, look_up, dns, &report, &e) == -1)
		fail_msg("%s", e.text);
	assert_true(report.n > 0);
	return report.sig[0].verdict;
}

static enum dkim_verdict
verify_buf(const struct strbuf *b, struct dns *dns)
{
	assert_false(b->overflow);
	return verify(b->s, b->len, dns);
}

/* Write message with our signature before it to out. */
static void
sign(struct dkim_signer *s, const char *message, size_t len,
    struct strbuf *out)
{
	struct err e = ERR_INIT;
	struct sample m;
	struct slice field;

	sample_split(message, len, &m);
	if (dkim_sign_message(s, m.field, m.n, m.body, SAMPLE_TIME, &job,
	    &e) == -1)
		fail_msg("%s", e.text);
	field = dkim_sign_finish(&job);
	strbuf_reset(out);
	strbuf_add(out, field.p, field.len);
	strbuf_add(out, message, len);
}

static struct dkim_signer *
signer_of(const struct dkim_key *key)
{
	struct dkim_signer *s = dkim_signer_new(&(struct dkim_signer_params){
	    .key = key, .domain = "example.org", .selector = "news",
	    .lifetime_s = 86400 }, NULL);

	assert_non_null(s);
	return s;
}

static int
set_up(void **state)
{
	(void)state;
	return (verifier = dkim_verifier_new(NULL)) != NULL ? 0 : -1;
}

static int
tear_down(void **state)
{
	(void)state;
	dkim_verifier_free(verifier);
	dkim_verifier_free(NULL);
	return 0;
}

/* ---- what we sign */

static void
samples_pass(struct dkim_key *key, uint32_t count)
{
	struct dkim_signer *s = signer_of(key);
	struct strbuf txt = STRBUF_INIT(DKIM_RECORD_MAX);
	struct strbuf m = STRBUF_INIT(1 << 20), signed_m = STRBUF_INIT(1 << 21);
	struct dns dns = { .name = "news._domainkey.example.org" };

	assert_int_equal(dkim_key_txt(key, &txt, NULL), 0);
	dns.txt = txt.s;
	for (uint32_t seed = 0; seed < count; seed++) {
		strbuf_reset(&m);
		sample_message(seed, &m);
		sign(s, m.s, m.len, &signed_m);
		if (verify_buf(&signed_m, &dns) != DKIM_VERDICT_PASS)
			fail_msg("seed %u: %s", seed, report.sig[0].reason);
		assert_int_equal(report.n, 1);
		assert_int_equal(report.sig[0].key_bits, dkim_key_bits(key));
		assert_int_equal(report.sig[0].type, dkim_key_type(key));
		assert_true(report.sig[0].t == SAMPLE_TIME);
		assert_true(report.sig[0].x == SAMPLE_TIME + 86400);
		assert_string_equal(report.sig[0].domain, "example.org");
		assert_string_equal(report.sig[0].selector, "news");
		assert_true(dkim_verify_covers(&report, "from"));
		assert_false(report.sig[0].partial);
	}
	assert_int_equal(dns.asked, count);
	strbuf_free(&txt);
	strbuf_free(&m);
	strbuf_free(&signed_m);
	dkim_signer_free(s);
	dkim_key_free(key);
}

static void
libopendkim_passes_what_we_sign(void **state)
{
	(void)state;
	samples_pass(sample_rsa(2048), 300);
	samples_pass(sample_key(rfc8463_rsa_pem), 30);
	samples_pass(sample_key(rfc8463_ed25519_pem), 60);
}

static enum dkim_lookup
rfc8463_lookup(void *arg, const char *name, struct strbuf *txt)
{
	(void)arg;
	if (strcmp(name, "brisbane._domainkey.football.example.com") == 0)
		strbuf_adds(txt, rfc8463_ed25519_txt);
	else if (strcmp(name, "test._domainkey.football.example.com") == 0)
		strbuf_adds(txt, rfc8463_rsa_txt);
	else
		return DKIM_LOOKUP_NONE;
	return DKIM_LOOKUP_FOUND;
}

static void
the_message_of_rfc_8463_passes_twice(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(dkim_verifier_run(verifier, text(rfc8463_message),
	    NOW, rfc8463_lookup, NULL, &report, &e), 0);
	assert_int_equal(report.n, 2);
	assert_int_equal(report.sig[0].verdict, DKIM_VERDICT_PASS);
	assert_int_equal(report.sig[0].key_bits, 256);
	assert_int_equal(report.sig[1].verdict, DKIM_VERDICT_PASS);
	assert_int_equal(report.sig[1].key_bits, 1024);
	assert_string_equal(report.sig[0].covered,
	    "from:to:subject:date:message-id:from:subject:date");
	assert_int_equal(dkim_signature_covers(&report.sig[1], "Subject"), 2);
	assert_string_equal(dkim_verdict_result(report.sig[0].verdict),
	    "pass");
}

/* ---- what was changed on the way */

static const char header[] =
    "Received: from a by b; Mon, 1 Jan 2024 00:00:00 +0000\r\n"
    "From: News <news@example.org>\r\n"
    "Reply-To: office@example.org\r\n"
    "Subject: One\r\n"
    "Date: Mon, 1 Jan 2024 00:00:00 +0000\r\n"
    "To: reader@example.net\r\n"
    "Message-ID: <1@example.org>\r\n"
    "MIME-Version: 1.0\r\n"
    "Content-Type: text/plain\r\n"
    "Content-Transfer-Encoding: 7bit\r\n"
    "List-Id: <news.example.org>\r\n"
    "List-Unsubscribe: <https://example.org/u/1>\r\n"
    "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
    "List-Help: <mailto:help@example.org>\r\n"
    "Feedback-ID: 1:2:3:example\r\n"
    "CFBL-Address: fbl@example.org; report=arf\r\n"
    "Auto-Submitted: auto-generated\r\n"
    "Listd-Witness: abc\r\n"
    "X-Mailer: listd\r\n";
static const char body[] = "Dear reader,\r\n\r\nnews.\r\n";

struct campaign {
	struct strbuf	 m;		/* the signed message */
	struct strbuf	 changed;
	struct strbuf	 txt;
	struct dns	 dns;
};

static void
campaign_init(struct campaign *c)
{
	struct dkim_key *key = sample_rsa(2048);
	struct dkim_signer *s = signer_of(key);
	struct strbuf plain = STRBUF_INIT(10000);

	strbuf_init(&c->m, 20000);
	strbuf_init(&c->changed, 20000);
	strbuf_init(&c->txt, DKIM_RECORD_MAX);
	strbuf_addf(&plain, "%s\r\n%s", header, body);
	sign(s, plain.s, plain.len, &c->m);
	assert_int_equal(dkim_key_txt(key, &c->txt, NULL), 0);
	c->dns = (struct dns){ .txt = c->txt.s };
	assert_int_equal(verify_buf(&c->m, &c->dns), DKIM_VERDICT_PASS);
	strbuf_free(&plain);
	dkim_signer_free(s);
	dkim_key_free(key);
}

static void
campaign_free(struct campaign *c)
{
	strbuf_free(&c->m);
	strbuf_free(&c->changed);
	strbuf_free(&c->txt);
}

/* Copy the message, with insert at octet `at` instead of cut octets. */
static enum dkim_verdict
change(struct campaign *c, size_t at, size_t cut, const char *insert)
{
	strbuf_reset(&c->changed);
	strbuf_add(&c->changed, c->m.s, at);
	strbuf_adds(&c->changed, insert);
	strbuf_add(&c->changed, c->m.s + at + cut, c->m.len - at - cut);
	return verify_buf(&c->changed, &c->dns);
}

static size_t
offset(const struct campaign *c, const uint8_t *p)
{
	return (size_t)(p - (const uint8_t *)c->m.s);
}

static void
a_changed_field_fails(void **state)
{
	struct campaign c;
	struct sample m;

	(void)state;
	campaign_init(&c);
	sample_split(c.m.s, c.m.len, &m);
	for (size_t i = 1; i < m.n; i++) {
		struct slice raw = m.field[i].raw;
		size_t at = offset(&c, raw.p);
		bool sign_it = dkim_policy_signs(DKIM_POLICY_CAMPAIGN,
		    m.field[i].name);
		enum dkim_verdict want = sign_it ?
		    DKIM_VERDICT_HEADER_CHANGED : DKIM_VERDICT_PASS;

		/* One octet of the value, another value, and no field. */
		if (change(&c, at + raw.len - 3, 1, "~") != want)
			fail_msg("changed: %.*s", (int)raw.len, raw.p);
		if (change(&c, at + raw.len - 2, 0, " more") != want)
			fail_msg("longer: %.*s", (int)raw.len, raw.p);
		/* Without From there is no message. */
		if (m.field[i].name.len == 4 && memcmp(raw.p, "From", 4) == 0)
			continue;
		if (change(&c, at, raw.len, "") != want)
			fail_msg("removed: %.*s", (int)raw.len, raw.p);
	}
	campaign_free(&c);
}

/* R47, T9, X22: before the others or after them, it breaks the signature. */
static void
a_second_field_of_an_over_signed_name_fails(void **state)
{
	struct campaign c;
	struct sample m;
	const char *name;
	char field[100];

	(void)state;
	campaign_init(&c);
	sample_split(c.m.s, c.m.len, &m);
	for (size_t i = 0; (name = dkim_policy_oversigned(
	    DKIM_POLICY_CAMPAIGN, i)) != NULL; i++) {
		snprintf(field, sizeof(field), "%s: other@example.com\r\n",
		    name);
		if (change(&c, 0, 0, field) != DKIM_VERDICT_HEADER_CHANGED)
			fail_msg("first: %s", name);
		if (change(&c, offset(&c, m.body.p) - 2, 0, field) !=
		    DKIM_VERDICT_HEADER_CHANGED)
			fail_msg("last: %s", name);
	}
	/* What a hop may add, and does. */
	assert_int_equal(change(&c, 0, 0, "Received: from b by c\r\n"),
	    DKIM_VERDICT_PASS);
	assert_int_equal(change(&c, 0, 0, "Return-Path: <b-1@b.example>\r\n"
	    "X-Spam: no\r\n"), DKIM_VERDICT_PASS);
	campaign_free(&c);
}

static const struct {
	const char *why, *from, *to;
	enum dkim_verdict verdict;
} body_changes[] = {
	{ "a word", "\r\nnews.", "\r\nolds.", DKIM_VERDICT_BODY_CHANGED },
	{ "a case", "Dear", "dear", DKIM_VERDICT_BODY_CHANGED },
	{ "a footer", "news.\r\n", "news.\r\n-- \r\n",
	    DKIM_VERDICT_BODY_CHANGED },
	{ "an empty line gone", "reader,\r\n\r\n", "reader,\r\n",
	    DKIM_VERDICT_BODY_CHANGED },
	{ "a blank put in", "Dear", "De ar", DKIM_VERDICT_BODY_CHANGED },
	{ "blanks widened", "Dear ", "Dear \t ", DKIM_VERDICT_PASS },
	{ "blanks at a line's end", "reader,", "reader,  ",
	    DKIM_VERDICT_PASS },
	{ "empty lines at the end", "news.\r\n", "news.\r\n\r\n\r\n",
	    DKIM_VERDICT_PASS },
	{ "the last CRLF gone", "news.\r\n", "news.", DKIM_VERDICT_PASS },
	{ "a field refolded", "Subject: One", "Subject:\r\n\tOne",
	    DKIM_VERDICT_PASS },
	{ "a tab before the colon", "\nSubject:", "\nSubject\t :",
	    DKIM_VERDICT_PASS },
	{ "a name in capitals", "\nSubject:", "\nSUBJECT:", DKIM_VERDICT_PASS },
	{ "h= refolded", ":\r\n\t ", ": \r\n ", DKIM_VERDICT_PASS },
	{ "h= shortened", ":List-Unsubscribe-Post;", ";",
	    DKIM_VERDICT_HEADER_CHANGED },
	{ "bh= changed", "bh=", "bh=A", DKIM_VERDICT_HEADER_CHANGED },
	{ "another t=", "t=1790000000", "t=1790000001",
	    DKIM_VERDICT_HEADER_CHANGED },
	{ "another c=", "relaxed/relaxed", "relaxed/simple",
	    DKIM_VERDICT_HEADER_CHANGED },
	{ "l= added", "bh=", "l=4; bh=", DKIM_VERDICT_HEADER_CHANGED },
};

static void
changes_in_transit(void **state)
{
	struct campaign c;

	(void)state;
	campaign_init(&c);
	for (size_t i = 0; i < N(body_changes); i++) {
		const char *p = strstr(c.m.s, body_changes[i].from);

		if (p == NULL)
			fail_msg("%s: not in the message",
			    body_changes[i].why);
		if (change(&c, (size_t)(p - c.m.s),
		    strlen(body_changes[i].from), body_changes[i].to) !=
		    body_changes[i].verdict)
			fail_msg("%s: %s", body_changes[i].why,
			    report.sig[0].reason);
	}
	campaign_free(&c);
}

/* ---- keys */

static void
keys_that_do_not_help(void **state)
{
	static const struct {
		const char *why, *txt;
		enum dkim_verdict verdict;
		const char *result;
	} rows[] = {
		{ "no record", NULL, DKIM_VERDICT_NO_KEY, "permerror" },
		{ "revoked", "v=DKIM1; p=", DKIM_VERDICT_KEY_REVOKED,
		    "permerror" },
		{ "no tag list", "hello", DKIM_VERDICT_KEY_UNUSABLE,
		    "permerror" },
		{ "empty", "", DKIM_VERDICT_KEY_UNUSABLE, "permerror" },
		{ "of the other type", rfc8463_ed25519_txt,
		    DKIM_VERDICT_KEY_UNUSABLE, "permerror" },
		{ "sha1 alone", "h=sha1; p=MAA=", DKIM_VERDICT_KEY_UNUSABLE,
		    "permerror" },
		{ "another key", rfc8463_rsa_txt,
		    DKIM_VERDICT_HEADER_CHANGED, "fail" },
		{ "RSA-512 (R53)", "p=MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAMep7cY"
		    "azX5+BmyH0PF0GwThjuURd23NG5+kHb2FDJwzcR6XJsWEtF00GkpbE/"
		    "HMzdJ/wetLo0W+APUarVqNqVMCAwEAAQ==", DKIM_VERDICT_WEAK,
		    "policy" },
	};
	struct campaign c;
	struct strbuf big = STRBUF_INIT(20000);

	(void)state;
	campaign_init(&c);
	for (size_t i = 0; i < N(rows); i++) {
		struct dns dns = { .txt = rows[i].txt };

		if (verify_buf(&c.m, &dns) != rows[i].verdict)
			fail_msg("%s: %s", rows[i].why, report.sig[0].reason);
		assert_string_equal(dkim_verdict_result(
		    report.sig[0].verdict), rows[i].result);
		assert_true(report.sig[0].reason[0] != '\0');
		assert_false(dkim_verify_covers(&report, "from"));
		assert_int_equal(dns.asked, 1);
	}
	assert_int_equal(verify_buf(&c.m, &(struct dns){ .later = true }),
	    DKIM_VERDICT_KEY_LATER);
	assert_string_equal(dkim_verdict_result(DKIM_VERDICT_KEY_LATER),
	    "temperror");

	/* X21: a record longer than the library's buffer never reaches it. */
	strbuf_addf(&big, "%s; n=", c.txt.s);
	while (big.len < DKIM_RECORD_MAX)
		strbuf_addc(&big, 'x');
	assert_int_equal(verify_buf(&c.m, &(struct dns){ .txt = big.s }),
	    DKIM_VERDICT_PASS);
	while (big.len < 10000)
		strbuf_addc(&big, 'x');
	assert_int_equal(verify_buf(&c.m, &(struct dns){ .txt = big.s }),
	    DKIM_VERDICT_KEY_UNUSABLE);

	strbuf_reset(&big);
	strbuf_addf(&big, "%s; t=y", c.txt.s);
	assert_int_equal(verify_buf(&c.m, &(struct dns){ .txt = big.s }),
	    DKIM_VERDICT_PASS);
	assert_true(report.sig[0].testing);
	strbuf_free(&big);
	campaign_free(&c);
}

static void
two_signatures_of_one_key_both_pass(void **state)
{
	struct campaign c;
	struct sample m;

	(void)state;
	campaign_init(&c);
	sample_split(c.m.s, c.m.len, &m);
	strbuf_add(&c.changed, m.field[0].raw.p, m.field[0].raw.len);
	strbuf_add(&c.changed, c.m.s, c.m.len);
	strbuf_addf(&c.txt, "; t=y");
	c.dns.txt = c.txt.s;
	assert_int_equal(verify_buf(&c.changed, &c.dns), DKIM_VERDICT_PASS);
	assert_int_equal(report.n, 2);
	assert_int_equal(report.sig[1].verdict, DKIM_VERDICT_PASS);
	assert_int_equal(report.sig[1].key_bits, 2048);
	assert_true(report.sig[1].testing);
	campaign_free(&c);
}

/* ---- signatures of others, made by hand */

/* Canonical octets of a field, in either form. */
static void
add_canonical(struct strbuf *out, struct slice raw, bool simple)
{
	uint8_t relaxed[10000];

	assert_true(raw.len < sizeof(relaxed) - 2);
	if (simple)
		strbuf_add(out, raw.p, raw.len);
	else
		strbuf_add(out, relaxed, dkim_canon_relax(raw, relaxed));
}

/*
 * Write to out a message signed with the RSA key of RFC 8463 and the tags
 * given, which hold bh= of `hashed` and cover From alone, once.
 */
static void
sign_by_hand(const char *tags, bool simple, const char *hashed,
    const char *message_body, struct strbuf *out)
{
	static const char from[] = "From: News  <news@example.org>\r\n";
	struct dkim_key *key = sample_key(rfc8463_rsa_pem);
	struct dkim_signer *s = signer_of(key);
	struct strbuf canon = STRBUF_INIT(10000);
	struct dkim_job *jobs[] = { &job };
	uint8_t hash[DKIM_HASH_LEN];
	char b64[2000];

	strbuf_reset(out);
	EVP_Digest(hashed, strlen(hashed), hash, NULL, EVP_sha256(), NULL);
	EVP_EncodeBlock((unsigned char *)b64, hash, sizeof(hash));
	strbuf_addf(out, "DKIM-Signature: v=1; %s; bh=%s; h=From; b=", tags,
	    b64);
	add_canonical(&canon, text(from), simple);
	add_canonical(&canon, text(out->s), simple);
	if (!simple)
		strbuf_truncate(&canon, canon.len - 2);
	EVP_Digest(canon.s, canon.len, job.digest, NULL, EVP_sha256(), NULL);
	assert_int_equal(dkim_sign_private(s, jobs, 1, NULL), 0);
	EVP_EncodeBlock((unsigned char *)b64, job.signature, (int)job.siglen);
	strbuf_addf(out, "%s\r\n%s\r\n%s", b64, from, message_body);
	strbuf_free(&canon);
	dkim_signer_free(s);
	dkim_key_free(key);
}

#define RELAXED	"a=rsa-sha256; c=relaxed/relaxed; d=example.org; s=x"
#define X64 \
	"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define SIMPLE	"a=rsa-sha256; c=simple/simple; d=example.org; s=x"

static const struct {
	const char *why, *tags;
	bool simple;
	const char *hashed, *body;
	const char *key_tags;	/* put after the record */
	enum dkim_verdict verdict;
} by_hand[] = {
	{ "as it should be", RELAXED, false, "a\r\n", "a\r\n", "",
	    DKIM_VERDICT_PASS },
	{ "simple", SIMPLE, true, "a \r\n", "a \r\n\r\n", "",
	    DKIM_VERDICT_PASS },
	{ "simple, empty body", SIMPLE, true, "\r\n", "", "",
	    DKIM_VERDICT_PASS },
	{ "simple is the default", "a=rsa-sha256; d=example.org; s=x", true,
	    "a \r\n", "a \r\n", "", DKIM_VERDICT_PASS },
	{ "simple, last CRLF missing", SIMPLE, true, "a\r\n", "a", "",
	    DKIM_VERDICT_PASS },
	{ "simple, blanks changed", SIMPLE, true, "a\r\n", "a \r\n", "",
	    DKIM_VERDICT_BODY_CHANGED },
	{ "l= with text after it", RELAXED "; l=3", false, "a\r\n",
	    "a\r\nbuy this\r\n", "", DKIM_VERDICT_PASS },
	{ "l= past the end", RELAXED "; l=9", false, "a\r\n", "a\r\n", "",
	    DKIM_VERDICT_BODY_CHANGED },
	{ "i= of the domain", RELAXED "; i=@example.org", false, "a\r\n",
	    "a\r\n", "; t=s", DKIM_VERDICT_PASS },
	{ "i= of a subdomain", RELAXED "; i=joe@sub.example.org", false,
	    "a\r\n", "a\r\n", "", DKIM_VERDICT_PASS },
	{ "the same under t=s (R61)", RELAXED "; i=joe@sub.example.org",
	    false, "a\r\n", "a\r\n", "; t=s", DKIM_VERDICT_KEY_UNUSABLE },
	{ "i= of another domain", RELAXED "; i=@example.com", false, "a\r\n",
	    "a\r\n", "", DKIM_VERDICT_MALFORMED },
	{ "i= of a lookalike", RELAXED "; i=@badexample.org", false, "a\r\n",
	    "a\r\n", "", DKIM_VERDICT_MALFORMED },
	{ "i= with escapes", RELAXED "; i=j=6Fe=3Bx@example.org", false,
	    "a\r\n", "a\r\n", "", DKIM_VERDICT_PASS },
	{ "i= without @", RELAXED "; i=example.org", false, "a\r\n",
	    "a\r\n", "", DKIM_VERDICT_MALFORMED },
	/* What 2.11.0 would read past the end of (see dkim_verify.c). */
	{ "i= ends in =", RELAXED "; i=joe@example.org=", false, "a\r\n",
	    "a\r\n", "", DKIM_VERDICT_MALFORMED },
	{ "i= with half an escape", RELAXED "; i=joe=4@example.org", false,
	    "a\r\n", "a\r\n", "", DKIM_VERDICT_MALFORMED },
	{ "i= longer than an address", RELAXED "; i=" X64 X64 X64 X64
	    "@example.org", false, "a\r\n", "a\r\n", "",
	    DKIM_VERDICT_MALFORMED },
	{ "expired", RELAXED "; t=1789000000; x=1789999999", false, "a\r\n",
	    "a\r\n", "", DKIM_VERDICT_EXPIRED },
	{ "about to expire", RELAXED "; t=1789000000; x=1790000001", false,
	    "a\r\n", "a\r\n", "", DKIM_VERDICT_PASS },
	{ "expired long before this test ran", RELAXED "; x=12345", false,
	    "a\r\n", "a\r\n", "", DKIM_VERDICT_EXPIRED },
	{ "an unknown tag and q=", RELAXED "; q=dns/txt; zz=1", false,
	    "a\r\n", "a\r\n", "", DKIM_VERDICT_PASS },
	{ "rsa-sha1 (R53)", "a=rsa-sha1; c=relaxed/relaxed; d=example.org; "
	    "s=x", false, "a\r\n", "a\r\n", "", DKIM_VERDICT_WEAK },
	{ "t= given twice", RELAXED "; t=1789000000; t=1789000000", false,
	    "a\r\n", "a\r\n", "", DKIM_VERDICT_MALFORMED },
	{ "x= before t=", RELAXED "; t=1790000009; x=1790000008", false,
	    "a\r\n", "a\r\n", "", DKIM_VERDICT_MALFORMED },
	{ "no c= like this", "a=rsa-sha256; c=loose; d=example.org; s=x",
	    false, "a\r\n", "a\r\n", "", DKIM_VERDICT_MALFORMED },
	{ "no number in l=", RELAXED "; l=all", false, "a\r\n", "a\r\n", "",
	    DKIM_VERDICT_MALFORMED },
	{ "d= missing", "a=rsa-sha256; c=relaxed/relaxed; s=x", false,
	    "a\r\n", "a\r\n", "", DKIM_VERDICT_MALFORMED },
	{ "d= is no name", "a=rsa-sha256; d=exam ple.org; s=x", false,
	    "a\r\n", "a\r\n", "", DKIM_VERDICT_MALFORMED },
	{ "s= empty", "a=rsa-sha256; d=example.org; s=", false, "a\r\n",
	    "a\r\n", "", DKIM_VERDICT_MALFORMED },
	{ "unknown algorithm", "a=rsa-sha512; d=example.org; s=x", false,
	    "a\r\n", "a\r\n", "", DKIM_VERDICT_MALFORMED },
	{ "no list of tags", "hello", false, "a\r\n", "a\r\n", "",
	    DKIM_VERDICT_MALFORMED },
};

static void
signatures_of_others(void **state)
{
	struct strbuf m = STRBUF_INIT(10000), txt = STRBUF_INIT(1000);

	(void)state;
	for (size_t i = 0; i < N(by_hand); i++) {
		struct dns dns = { .txt = NULL };

		sign_by_hand(by_hand[i].tags, by_hand[i].simple,
		    by_hand[i].hashed, by_hand[i].body, &m);
		strbuf_reset(&txt);
		strbuf_addf(&txt, "%s%s", rfc8463_rsa_txt,
		    by_hand[i].key_tags);
		dns.txt = txt.s;
		if (verify_buf(&m, &dns) != by_hand[i].verdict)
			fail_msg("%s: %s", by_hand[i].why,
			    report.sig[0].reason);
		assert_int_equal(report.sig[0].partial,
		    by_hand[i].verdict != DKIM_VERDICT_MALFORMED &&
		    strstr(by_hand[i].tags, "l=") != NULL);
	}
	strbuf_free(&m);
	strbuf_free(&txt);
}

/* Fields that cannot pass, whatever is signed; the others go on. */
static void
a_bad_signature_does_not_hide_a_good_one(void **state)
{
	static const char *const bad[] = {
		"DKIM-Signature: hello\r\n",
		"DKIM-Signature:\r\n",
		"DKIM-Signature: ;;;\r\n",
		"DKIM-Signature: v=1; v=1; a=b\r\n",
		"DKIM-Signature: v=1; a=\xc3\xa9\r\n",
		"DKIM-Signature: v=1; a=rsa-sha256; b=!; bh=!; d=example.org; "
		    "h=from; s=news\r\n",
		"DKIM-Signature: v=1; a=rsa-sha256; b=AA==; bh=AA==; "
		    "d=example.org; h=to; s=news\r\n",
		"DKIM-Signature: v=1; a=rsa-sha256; b=AA==; bh=AA==; "
		    "d=example.org; h=from::to; s=news\r\n",
		"DKIM-Signature: v=1; a=rsa-sha256; b=AA==; bh=AA==; "
		    "d=example.org; h=from:; s=news\r\n",
		"DKIM-Signature: v=2; a=rsa-sha256; b=AA==; bh=AA==; "
		    "d=example.org; h=from; s=news\r\n",
		"DKIM-Signature: v=1; a=rsa-sha256; b=AA==; bh=AA==; "
		    "d=example.org; h=from; s=news; i=@@@@\r\n",
	};
	struct campaign c;

	(void)state;
	campaign_init(&c);
	for (size_t i = 0; i < N(bad); i++) {
		if (change(&c, 0, 0, bad[i]) == DKIM_VERDICT_PASS)
			fail_msg("passed: %s", bad[i]);
		assert_int_not_equal(report.sig[0].verdict,
		    DKIM_VERDICT_UNTESTED);
		assert_int_equal(report.n, 2);
		if (report.sig[1].verdict != DKIM_VERDICT_PASS)
			fail_msg("hidden by %s: %s", bad[i],
			    report.sig[1].reason);
		/* A name the bad one claims is not covered by that. */
		assert_true(dkim_verify_covers(&report, "list-unsubscribe"));
		assert_false(dkim_verify_covers(&report, "x-mailer"));
	}
	campaign_free(&c);
}

static void
the_number_of_signatures_is_limited(void **state)
{
	static const char other[] = "DKIM-Signature: v=1; a=rsa-sha256; "
	    "b=AA==; bh=AA==; d=other.example; h=from; s=x\r\n";
	struct campaign c;
	struct strbuf many = STRBUF_INIT(100000);

	(void)state;
	campaign_init(&c);
	for (int n = 1; n <= DKIM_VERIFY_SIGNATURES + 1; n++) {
		strbuf_adds(&many, other);
		change(&c, 0, 0, many.s);
		assert_int_equal(report.n + report.ignored, n + 1);
		assert_int_equal(report.n, n < DKIM_VERIFY_SIGNATURES ?
		    n + 1 : DKIM_VERIFY_SIGNATURES);
		assert_int_equal(dkim_verify_covers(&report, "from"),
		    n < DKIM_VERIFY_SIGNATURES);
	}
	/* One that is too long is not looked at, and the rest are. */
	strbuf_reset(&many);
	strbuf_adds(&many, "DKIM-Signature: v=1; n=");
	while (many.len < DKIM_SIGNATURE_FIELD_MAX)
		strbuf_addc(&many, 'x');
	strbuf_adds(&many, "\r\n");
	strbuf_add(&many, c.m.s, c.m.len);
	assert_int_equal(verify_buf(&many, &c.dns), DKIM_VERDICT_MALFORMED);
	assert_int_equal(report.sig[1].verdict, DKIM_VERDICT_PASS);
	strbuf_free(&many);
	campaign_free(&c);
}

/*
 * h= that names every field of the message, the signature included, and more:
 * where 2.11.0 writes past its list when it is not given a spare field.  Many
 * sizes, so that the list ends at the end of its memory in some of them.
 */
static void
h_may_name_more_fields_than_there_are(void **state)
{
	struct strbuf m = STRBUF_INIT(10000);
	struct dns dns = { .txt = rfc8463_rsa_txt };

	(void)state;
	for (int fields = 0; fields < 40; fields++) {
		strbuf_reset(&m);
		strbuf_adds(&m, "DKIM-Signature: v=1; a=rsa-sha256; d=a.b; "
		    "s=x; b=AA==; bh=AA==; h=from:dkim-signature");
		for (int i = 0; i < fields + 100; i++)
			strbuf_adds(&m, ":x");
		strbuf_adds(&m, "\r\nFrom: a@a.b\r\n");
		for (int i = 0; i < fields; i++)
			strbuf_adds(&m, "X: y\r\n");
		strbuf_adds(&m, "\r\n");
		assert_int_equal(verify_buf(&m, &dns),
		    DKIM_VERDICT_HEADER_CHANGED);
	}
	strbuf_free(&m);
}

static void
h_may_not_be_longer_than_the_library_reads(void **state)
{
	struct strbuf m = STRBUF_INIT(20000);
	struct dns dns = { .txt = rfc8463_rsa_txt };

	(void)state;
	for (size_t len = DKIM_COVERED_MAX - 1; len <= DKIM_COVERED_MAX;
	    len++) {
		size_t end;

		strbuf_reset(&m);
		strbuf_adds(&m, "DKIM-Signature: v=1; a=rsa-sha256; d=a.b; "
		    "s=x; b=AA==; bh=AA==; h=");
		end = m.len + len;
		strbuf_adds(&m, "from:");
		while (m.len < end)
			strbuf_addc(&m, 'x');
		strbuf_adds(&m, "\r\nFrom: a@a.b\r\n\r\n");
		assert_int_equal(verify_buf(&m, &dns),
		    len < DKIM_COVERED_MAX ? DKIM_VERDICT_HEADER_CHANGED :
		    DKIM_VERDICT_MALFORMED);
	}
	strbuf_free(&m);
}

/* T9: one name beginning like another does not cover it. */
static void
covering_is_by_whole_names(void **state)
{
	static struct dkim_signature sig = {
		.covered = "from:list-unsubscribe:to:to",
	};

	(void)state;
	assert_int_equal(dkim_signature_covers(&sig, "List-Unsubscribe"), 1);
	assert_int_equal(dkim_signature_covers(&sig, "List-Unsubscribe-Post"),
	    0);
	assert_int_equal(dkim_signature_covers(&sig, "list"), 0);
	assert_int_equal(dkim_signature_covers(&sig, "fro"), 0);
	assert_int_equal(dkim_signature_covers(&sig, ""), 0);
	assert_int_equal(dkim_signature_covers(&sig, "TO"), 2);
	sig.covered[0] = '\0';
	assert_int_equal(dkim_signature_covers(&sig, "from"), 0);
	assert_int_equal(dkim_signature_covers(&sig, ""), 0);
}

static void
messages_that_are_none(void **state)
{
	static const struct {
		const char *why, *message;
		size_t len;
	} rows[] = {
		{ "empty", "", 0 },
		{ "no From", "To: a@b\r\n\r\n", 11 },
		{ "bare LF", "From: a@b\nTo: c\n\n", 17 },
		{ "NUL", "From: a\0b\r\n\r\n", 13 },
		{ "no field", "hello\r\n\r\n", 9 },
	};
	struct dns dns = { .txt = NULL };
	struct err e;

	(void)state;
	for (size_t i = 0; i < N(rows); i++) {
		struct slice m = { (const uint8_t *)rows[i].message,
		    rows[i].len };

		e = (struct err)ERR_INIT;
		if (dkim_verifier_run(verifier, m, NOW, look_up, &dns,
		    &report, &e) == 0)
			fail_msg("accepted: %s", rows[i].why);
		assert_int_equal(e.code, ERR_INPUT);
		assert_int_equal(dkim_verify_scan(m, NOW, &report, &e), -1);
	}
	assert_int_equal(dkim_verifier_run(verifier, text("From: a@b\r\n\r\n"),
	    NOW, look_up, &dns, &report, &e), 0);
	assert_int_equal(report.n, 0);
	assert_false(dkim_verify_covers(&report, "from"));
	assert_int_equal(dns.asked, 0);
}

/* A From that names nobody is no reason not to verify. */
static void
odd_senders_are_verified(void **state)
{
	static const char *const froms[] = {
		"From: MAILER-DAEMON\r\n", "From:\r\n", "From: <>\r\n",
		"From: undisclosed:;\r\n", "From: \"a\r\n b\" <x@y>\r\n",
		"From: a@b, c@d\r\n", "From: ((((\r\n", "From: \xc3\xa9@b\r\n",
		"From: <a@[::1]>\r\n", "From: @@@@\r\n", "From: \"\\\r\n",
	};
	struct dkim_key *key = sample_key(rfc8463_rsa_pem);
	struct dkim_signer *s = signer_of(key);
	struct strbuf m = STRBUF_INIT(1000), out = STRBUF_INIT(10000);
	struct dns dns = { .txt = rfc8463_rsa_txt };

	(void)state;
	for (size_t i = 0; i < N(froms); i++) {
		strbuf_reset(&m);
		strbuf_addf(&m, "%sSubject: x\r\n\r\nbody\r\n", froms[i]);
		sign(s, m.s, m.len, &out);
		if (verify_buf(&out, &dns) != DKIM_VERDICT_PASS)
			fail_msg("%s: %s", froms[i], report.sig[0].reason);
	}
	strbuf_free(&m);
	strbuf_free(&out);
	dkim_signer_free(s);
	dkim_key_free(key);
}

static void
a_scan_names_the_keys_to_ask_for(void **state)
{
	char name[DKIM_DOMAIN_MAX + 1];
	struct err e = ERR_INIT;
	struct dkim_signature sig = { .t = 0 };

	(void)state;
	assert_int_equal(dkim_verify_scan(text(rfc8463_message), NOW, &report,
	    &e), 0);
	assert_int_equal(report.n, 2);
	assert_int_equal(report.sig[0].verdict, DKIM_VERDICT_UNTESTED);
	assert_string_equal(dkim_verdict_result(report.sig[0].verdict),
	    "neutral");
	assert_true(dkim_signature_key_name(&report.sig[0], name));
	assert_string_equal(name, "brisbane._domainkey.football.example.com");
	memset(sig.domain, 'a', DKIM_DOMAIN_MAX);
	memset(sig.selector, 'a', 5);
	assert_false(dkim_signature_key_name(&sig, name));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(libopendkim_passes_what_we_sign),
		cmocka_unit_test(the_message_of_rfc_8463_passes_twice),
		cmocka_unit_test(a_changed_field_fails),
		cmocka_unit_test(a_second_field_of_an_over_signed_name_fails),
		cmocka_unit_test(changes_in_transit),
		cmocka_unit_test(keys_that_do_not_help),
		cmocka_unit_test(two_signatures_of_one_key_both_pass),
		cmocka_unit_test(signatures_of_others),
		cmocka_unit_test(a_bad_signature_does_not_hide_a_good_one),
		cmocka_unit_test(the_number_of_signatures_is_limited),
		cmocka_unit_test(h_may_name_more_fields_than_there_are),
		cmocka_unit_test(h_may_not_be_longer_than_the_library_reads),
		cmocka_unit_test(covering_is_by_whole_names),
		cmocka_unit_test(messages_that_are_none),
		cmocka_unit_test(odd_senders_are_verified),
		cmocka_unit_test(a_scan_names_the_keys_to_ask_for),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
