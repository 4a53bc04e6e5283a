/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_template_sign.c - a rendered copy, signed with the hash its renderer
 * made, passes libopendkim; what must be covered is (R9, R23, R47, R49, R51,
 * R149, T9, T23).
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/dkim_key.h"
#include "lib/dkim_sign.h"
#include "lib/dkim_verify.h"
#include "lib/err.h"
#include "tests/dkim_samples.h"
#include "tests/template_samples.h"

static struct dkim_verifier *verifier;
static struct dkim_signer *signer;
static struct dkim_report report;
static struct dkim_job job;
static struct strbuf whole = STRBUF_INIT(64 << 20);
static struct strbuf mail = STRBUF_INIT(64 << 20);

static enum dkim_lookup
look_up(void *arg, const char *name, struct strbuf *txt)
{
	(void)arg;
	(void)name;
	strbuf_adds(txt, rfc8463_rsa_txt);
	return DKIM_LOOKUP_FOUND;
}

static enum dkim_verdict
verify(void)
{
	struct err e = ERR_INIT;

	if (dkim_verifier_run(verifier, (struct slice){
	    (const uint8_t *)mail.s, mail.len }, SAMPLE_TIME, look_up, NULL,
	    &report, &e) == -1)
		fail_msg("%s", e.text);
	assert_int_equal(report.n, 1);
	return report.sig[0].verdict;
}

/* Render and sign t; mail gets what a receiver would see. */
static void
make_mail(const struct template *t, const char *json)
{
	struct template_values v = sample_values;
	struct rendered r = RENDERED_INIT;
	struct err e = ERR_INIT;
	struct dkim_job *jobs[1] = { &job };
	struct slice field;
	json_t *attributes = json_loads(json, 0, NULL);

	v.attributes = attributes;
	if (template_render(t, &v, &r, &e) == -1 ||
	    dkim_sign_digest(signer, r.field, r.fields, r.body_hash,
	    SAMPLE_TIME, &job, &e) == -1 ||
	    dkim_sign_private(signer, jobs, 1, &e) == -1)
		fail_msg("%s", e.text);
	field = dkim_sign_finish(&job);
	sample_check(&r, &whole);
	strbuf_reset(&mail);
	strbuf_add(&mail, field.p, field.len);
	strbuf_add(&mail, whole.s, whole.len);
	rendered_free(&r);
	json_decref(attributes);
}

static const struct {
	const char *why, *text, *json;
} rows[] = {
	{ "plain", SAMPLE_HEAD "\nHello {{name}}\n", "{\"name\":\"Zo\303\253\"}" },
	{ "empty value at the end", SAMPLE_HEAD "\n{{unsubscribe_url}}\n{{x}}\n", "{}" },
	{ "empty lines at the end", SAMPLE_HEAD "\n{{unsubscribe_url}}\n{{x}}\n\n\n", "{}" },
	{ "only values", SAMPLE_HEAD "\n{{unsubscribe_url}}{{x}}", "{\"x\":\" \\n \\n\"}" },
	{ "blanks everywhere", SAMPLE_HEAD "\n a  {{x}}\t \n\t\n{{x}} \n", "{\"x\":\"  b\\t\\t \"}" },
	{ "personal subject", "From: a@b.example\nSubject: {{x}}\n\nx\n",
	    "{\"x\":\"\346\227\245\346\234\254  and   blanks\"}" },
	{ "verbatim part", SAMPLE_HEAD "Content-Type: multipart/mixed; "
	    "boundary=b\n\n--b\n\n{{x}}\n--b\nContent-Disposition: "
	    "attachment\n\n.a  b \t\n..\n\n \n--b--\n", "{\"x\":\".\"}" },
	{ "signed whole", SAMPLE_HEAD "Content-Type: multipart/signed; "
	    "boundary=s\n\n--s\n\n.x  y \n--s--\n\n \n\n", "{}" },
};

static void
copies_verify(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct template *t = sample_compile(rows[i].text,
		    &sample_params);

		make_mail(t, rows[i].json);
		if (verify() != DKIM_VERDICT_PASS)
			fail_msg("%s: %s", rows[i].why, report.sig[0].reason);
		assert_false(report.sig[0].partial);
		template_free(t);
	}
}

/* T9: over-signed ones stand twice in h=. */
static void
what_matters_is_covered(void **state)
{
	static const struct {
		const char *name;
		size_t times;
	} fields[] = {
		{ "From", 2 }, { "Subject", 2 }, { "Date", 2 }, { "To", 2 },
		{ "Cc", 1 }, { "Reply-To", 1 }, { "Message-ID", 2 },
		{ "Content-Type", 2 }, { "MIME-Version", 1 },
		{ "List-Unsubscribe", 2 }, { "List-Unsubscribe-Post", 2 },
		{ "List-Id", 1 }, { "List-Help", 1 }, { "List-Owner", 1 },
		{ "List-Post", 1 }, { "List-Subscribe", 1 },
		{ "Feedback-ID", 1 }, { "CFBL-Address", 1 },
		{ "CFBL-Feedback-ID", 1 }, { "Listd-Checkpoint", 1 },
	};
	struct template *t = sample_compile(rows[0].text, &sample_params);

	(void)state;
	make_mail(t, rows[0].json);
	template_free(t);
	assert_int_equal(verify(), DKIM_VERDICT_PASS);
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (dkim_signature_covers(&report.sig[0], fields[i].name) !=
		    fields[i].times)
			fail_msg("%s", fields[i].name);
}

/* R23: one octet of what was signed, and it is no longer. */
static void
changes_are_seen(void **state)
{
	static const char *const places[] = { "List-Unsubscribe=One",
	    "<https://lists.example.org/u/", "Subject: N", "c17:l4",
	    "fbl@lists", "/log 7", "Hello", "Unsubscribe:" };
	struct template *t = sample_compile(rows[0].text, &sample_params);

	(void)state;
	make_mail(t, rows[0].json);
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		char *p = memmem(mail.s, mail.len, places[i],
		    strlen(places[i]));

		assert_non_null(p);
		p += strlen(places[i]) - 1;
		*p ^= 1;
		assert_int_not_equal(verify(), DKIM_VERDICT_PASS);
		*p ^= 1;
	}
	assert_int_equal(verify(), DKIM_VERDICT_PASS);
	template_free(t);
}

static int
set_up(void **state)
{
	struct dkim_signer_params p = { .key = sample_key(rfc8463_rsa_pem),
	    .domain = "lists.example.org", .selector = "test",
	    .policy = DKIM_POLICY_CAMPAIGN };

	(void)state;
	verifier = dkim_verifier_new(NULL);
	signer = dkim_signer_new(&p, NULL);
	dkim_key_free((struct dkim_key *)(uintptr_t)p.key);
	return verifier != NULL && signer != NULL ? 0 : -1;
}

static int
tear_down(void **state)
{
	(void)state;
	dkim_verifier_free(verifier);
	dkim_signer_free(signer);
	strbuf_free(&whole);
	strbuf_free(&mail);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(copies_verify),
		cmocka_unit_test(what_matters_is_covered),
		cmocka_unit_test(changes_are_seen),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
