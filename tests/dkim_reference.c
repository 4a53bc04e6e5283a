/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dkim_reference.c - libopendkim as a signer, with a fixed time.
 */
#include "config.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>

#include <dkim.h>

#include "lib/dkim_key.h"
#include "lib/err.h"
#include "lib/strbuf.h"
#include "lib/xmalloc.h"
#include "tests/dkim_reference.h"
#include "tests/dkim_samples.h"

struct reference {
	DKIM_LIB	*lib;
	struct strbuf	 pem;
	const char	*domain;
	const char	*selector;
	dkim_alg_t	 alg;
};

/*
 * dkim_free() of 2.11.0 forgets Ed25519 keys: the leak checker, where there is
 * one, looks away while such a signature is made.
 */
void __lsan_disable(void) __attribute__((weak));
void __lsan_enable(void) __attribute__((weak));

static void
check(DKIM_STAT st, const char *what)
{
	if (st == DKIM_STAT_OK)
		return;
	fprintf(stderr, "libopendkim: %s: %s\n", what, dkim_getresultstr(st));
	exit(1);
}

static void
set_policy(DKIM_LIB *lib, enum dkim_policy policy)
{
	/* From is always signed, by libopendkim's own rule. */
	static const char *const campaign[] = {
		"Sender", "Reply-To", "Subject", "Date", "To", "Cc",
		"Message-ID", "In-Reply-To", "References", "MIME-Version",
		"Content-*", "List-*", "Feedback-ID", "CFBL-*",
		"Auto-Submitted", "Listd-*", NULL,
	};
	static const char *const discussion[] = {
		"Sender", "Reply-To", "Subject", "Date", "To", "Cc",
		"Message-ID", "In-Reply-To", "References", "MIME-Version",
		"Content-*", "List-*", "Feedback-ID", "CFBL-*",
		"Auto-Submitted", "Listd-*", "Authentication-Results", NULL,
	};
	static const char *const oversign_campaign[] = {
		"From", "Subject", "Date", "To", "Cc", "Reply-To",
		"Message-ID", "Content-Type", "List-Unsubscribe",
		"List-Unsubscribe-Post", NULL,
	};
	static const char *const oversign_discussion[] = {
		"From", "Subject", "Date", "To", "Cc", "Message-ID",
		"Content-Type", NULL,
	};
	bool c = policy == DKIM_POLICY_CAMPAIGN;

	check(dkim_options(lib, DKIM_OP_SETOPT, DKIM_OPTS_SIGNHDRS,
	    (void *)(c ? campaign : discussion), sizeof(char **)),
	    "signed headers");
	check(dkim_options(lib, DKIM_OP_SETOPT, DKIM_OPTS_OVERSIGNHDRS,
	    (void *)(c ? oversign_campaign : oversign_discussion),
	    sizeof(char **)), "over-signed headers");
}

struct reference *
reference_new(const struct dkim_key *key, const char *domain,
    const char *selector, enum dkim_policy policy, uint64_t t,
    uint64_t lifetime_s)
{
	struct reference *ref = xcalloc(1, sizeof(*ref));
	struct err e = ERR_INIT;

	strbuf_init(&ref->pem, DKIM_PEM_MAX);
	if (dkim_key_write(key, &ref->pem, &e) == -1) {
		fprintf(stderr, "reference key: %s\n", e.text);
		exit(1);
	}
	ref->domain = domain;
	ref->selector = selector;
	ref->alg = dkim_key_type(key) == DKIM_KEY_RSA ?
	    DKIM_SIGN_RSASHA256 : DKIM_SIGN_ED25519SHA256;
	if ((ref->lib = dkim_init(NULL, NULL)) == NULL)
		check(DKIM_STAT_INTERNAL, "init");
	set_policy(ref->lib, policy);
	check(dkim_options(ref->lib, DKIM_OP_SETOPT, DKIM_OPTS_FIXEDTIME, &t,
	    sizeof(t)), "fixed time");
	check(dkim_options(ref->lib, DKIM_OP_SETOPT, DKIM_OPTS_SIGNATURETTL,
	    &lifetime_s, sizeof(lifetime_s)), "lifetime");
	return ref;
}

void
reference_free(struct reference *ref)
{
	dkim_close(ref->lib);
	strbuf_free(&ref->pem);
	free(ref);
}

static void
sign(const struct reference *ref, const struct sample *m, struct strbuf *out)
{
	DKIM_STAT st;
	DKIM *d;
	u_char *text;
	size_t len;
	_Bool testkey;

	d = dkim_sign(ref->lib, (const unsigned char *)"test", NULL,
	    (dkim_sigkey_t)ref->pem.s, (const unsigned char *)ref->selector,
	    (const unsigned char *)ref->domain, DKIM_CANON_RELAXED,
	    DKIM_CANON_RELAXED, ref->alg, -1, &st);
	check(st, "sign");
	for (size_t i = 0; i < m->n; i++)
		check(dkim_header(d, (u_char *)m->field[i].raw.p,
		    m->field[i].raw.len - 2), "header");
	check(dkim_eoh(d), "end of header");
	if (m->body.len > 0)
		check(dkim_body(d, (u_char *)m->body.p, m->body.len), "body");
	check(dkim_eom(d, &testkey), "end of message");
	check(dkim_getsighdr_d(d, sizeof("DKIM-Signature: ") - 1, &text,
	    &len), "signature");
	strbuf_adds(out, "DKIM-Signature: ");
	strbuf_add(out, text, len);
	strbuf_adds(out, "\r\n");
	dkim_free(d);
}

void
reference_sign(const struct reference *ref, const struct sample *m,
    struct strbuf *out)
{
	bool leaks = ref->alg == DKIM_SIGN_ED25519SHA256 &&
	    __lsan_disable != NULL;

	if (leaks)
		__lsan_disable();
	sign(ref, m, out);
	if (leaks)
		__lsan_enable();
}
