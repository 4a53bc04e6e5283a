/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_dkim_verify.c - any octets as a signed message, up to the first NUL,
 * and as the key record, after it; without a NUL the records are those of RFC
 * 8463.  Linked with an instrumented libopendkim this also looks for holes in
 * that.
 */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/dkim_verify.h"
#include "lib/strbuf.h"
#include "tests/dkim_samples.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum dkim_lookup
look_up(void *arg, const char *name, struct strbuf *txt)
{
	const struct slice *record = arg;

	if (strlen(name) > DKIM_DOMAIN_MAX)
		abort();
	if (record->p != NULL)
		strbuf_add(txt, record->p, record->len);
	else if (strncmp(name, "brisbane.", 9) == 0)
		strbuf_adds(txt, rfc8463_ed25519_txt);
	else if (strncmp(name, "later.", 6) == 0)
		return DKIM_LOOKUP_LATER;
	else if (strncmp(name, "test.", 5) == 0)
		strbuf_adds(txt, rfc8463_rsa_txt);
	else
		return DKIM_LOOKUP_NONE;
	return DKIM_LOOKUP_FOUND;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct dkim_verifier *v;
	static struct dkim_report scanned, report;
	const uint8_t *nul = memchr(data, '\0', size);
	struct slice record = { NULL, 0 }, message = { data, size };
	int rc;

	if (v == NULL && (v = dkim_verifier_new(NULL)) == NULL)
		exit(1);
	if (nul != NULL) {
		message.len = (size_t)(nul - data);
		record = (struct slice){ nul + 1, size - message.len - 1 };
	}
	rc = dkim_verify_scan(message, SAMPLE_TIME, &scanned, NULL);
	if (dkim_verifier_run(v, message, SAMPLE_TIME, look_up, &record,
	    &report, NULL) != rc)
		abort();
	if (rc == -1)
		return 0;
	if (report.n != scanned.n || report.n > DKIM_VERIFY_SIGNATURES)
		abort();
	for (size_t i = 0; i < report.n; i++) {
		const struct dkim_signature *sig = &report.sig[i];

		if (sig->verdict == DKIM_VERDICT_UNTESTED ||
		    (sig->verdict == DKIM_VERDICT_PASS) !=
		    (sig->reason[0] == '\0') ||
		    dkim_verdict_result(sig->verdict)[0] == '\0')
			abort();
		if (scanned.sig[i].verdict != DKIM_VERDICT_UNTESTED &&
		    scanned.sig[i].verdict != sig->verdict)
			abort();
		/* What is taken for good names From and has a real key. */
		if (sig->verdict == DKIM_VERDICT_PASS &&
		    (dkim_signature_covers(sig, "from") == 0 ||
		    sig->key_bits == 0))
			abort();
	}
	return 0;
}
