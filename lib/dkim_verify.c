/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dkim_verify.c - the DKIM signatures of a message, verified by libopendkim.
 *
 * The library asserts on many a wrong argument and trusts much of what it
 * reads, so everything that reaches it was checked before:
 *
 *  - Signature fields are read by dkim_verify_scan.c first.  One that is
 *    malformed never gets here: with an i= that ends in '=', or is longer than
 *    an address, 2.11.0 reads past its end.  So another signature that covers a
 *    malformed one fails, which is fair.
 *  - Its key buffer is a kilobyte; longer records never get there.
 *  - With h= naming every field of a message and then some, 2.11.0 writes one
 *    pointer past its list of fields.  A field that nothing can name is put in
 *    front of each message, so that the list always has room for it.
 *  - Its test for t= in the future and x= in the past goes by the system's
 *    clock.  A drift of ten years silences it, and x= is judged here.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include <dkim.h>

#include "lib/dkim_canon.h"
#include "lib/dkim_verify.h"
#include "lib/dkim_verify_private.h"
#include "lib/err.h"
#include "lib/strbuf.h"

#define CLOCK_DRIFT	(10u * 365 * 86400)	/* seconds */
/* Blanks in h= go when it is read, so no h= can name this. */
#define SPARE_FIELD	"spare field:"

struct dkim_verifier {
	DKIM_LIB		*lib;
	struct dkim_field	 field[DKIM_VERIFY_FIELDS];
};

/* ---- libopendkim and its callbacks */

/* One verification, found again by the callbacks through the DKIM handle. */
struct run {
	struct dkim_report	*report;
	dkim_lookup_fn		*lookup;
	void			*arg;
	DKIM_SIGINFO		**sigs;		/* the library's, in order */
	int			 nsigs;
	size_t			 given;		/* how many it was given, ... */
	size_t			 index[DKIM_VERIFY_SIGNATURES]; /* ... ours */
};

/* What the library calls this signature is our report->sig[...]. */
static struct dkim_signature *
run_signature(struct run *run, const DKIM_SIGINFO *sig)
{
	for (int i = 0; i < run->nsigs; i++)
		if (run->sigs[i] == sig)
			return &run->report->sig[run->index[i]];
	return NULL;
}

static DKIM_CBSTAT
prescreen(DKIM *dkim, DKIM_SIGINFO **sigs, int nsigs)
{
	struct run *run = dkim_get_user_context(dkim);

	if ((size_t)nsigs != run->given)
		return DKIM_CBSTAT_ERROR;
	run->sigs = sigs;
	run->nsigs = nsigs;
	for (int i = 0; i < nsigs; i++)
		if (run->report->sig[run->index[i]].verdict !=
		    DKIM_VERDICT_UNTESTED)
			dkim_sig_ignore(sigs[i]);
	return DKIM_CBSTAT_CONTINUE;
}

/* Judge a record before the library sees it; false when it must not. */
static bool
record_usable(struct dkim_signature *sig, const struct strbuf *txt)
{
	struct dkim_record r;
	enum dkim_record_verdict v;

	if (txt->overflow) {
		dkim_judge(sig, DKIM_VERDICT_KEY_UNUSABLE,
		    "the record is too long");
		return false;
	}
	v = dkim_record_parse((const uint8_t *)txt->s, txt->len, &r);
	sig->testing = r.testing;
	sig->key_bits = r.bits;
	if (v == DKIM_RECORD_MATCH && r.type != sig->type)
		v = DKIM_RECORD_TYPE;
	if (v == DKIM_RECORD_MATCH)
		return true;
	dkim_judge(sig, v == DKIM_RECORD_REVOKED ? DKIM_VERDICT_KEY_REVOKED :
	    v == DKIM_RECORD_TOO_SHORT ? DKIM_VERDICT_WEAK :
	    DKIM_VERDICT_KEY_UNUSABLE, dkim_record_text(v));
	return false;
}

static bool
find_record(struct run *run, struct dkim_signature *sig, struct strbuf *txt)
{
	char name[DKIM_DOMAIN_MAX + 1];

	if (!dkim_signature_key_name(sig, name)) {
		dkim_judge(sig, DKIM_VERDICT_NO_KEY,
		    "the key's name is too long");
		return false;
	}
	switch (run->lookup(run->arg, name, txt)) {
	case DKIM_LOOKUP_FOUND:
		return record_usable(sig, txt);
	case DKIM_LOOKUP_LATER:
		dkim_judge(sig, DKIM_VERDICT_KEY_LATER, "DNS did not answer");
		return false;
	case DKIM_LOOKUP_NONE:
		break;
	}
	dkim_judge(sig, DKIM_VERDICT_NO_KEY, "there is no record");
	return false;
}

/* Only two answers leave the other signatures of the message alone. */
static DKIM_CBSTAT
key_lookup(DKIM *dkim, DKIM_SIGINFO *info, u_char *buf, size_t size)
{
	struct strbuf txt = STRBUF_INIT(DKIM_RECORD_MAX);
	struct run *run = dkim_get_user_context(dkim);
	struct dkim_signature *sig = run_signature(run, info);
	DKIM_CBSTAT ret = DKIM_CBSTAT_NOTFOUND;

	if (sig != NULL && find_record(run, sig, &txt)) {
		if (txt.len < size) {
			memcpy(buf, txt.s, txt.len + 1);
			ret = DKIM_CBSTAT_CONTINUE;
		} else {
			dkim_judge(sig, DKIM_VERDICT_KEY_UNUSABLE,
			    "the record is too long");
		}
	}
	strbuf_free(&txt);
	return ret;
}

static bool
set_option(DKIM_LIB *lib, dkim_opts_t option, void *value, size_t len)
{
	return dkim_options(lib, DKIM_OP_SETOPT, option, value, len) ==
	    DKIM_STAT_OK;
}

struct dkim_verifier *
dkim_verifier_new(struct err *e)
{
	struct dkim_verifier *v = calloc(1, sizeof(*v));
	unsigned flags = DKIM_LIBFLAGS_BADSIGHANDLES, bits = DKIM_RSA_MIN;
	uint64_t drift = CLOCK_DRIFT;

	if (v != NULL)
		v->lib = dkim_init(NULL, NULL);
	if (v == NULL || v->lib == NULL ||
	    !set_option(v->lib, DKIM_OPTS_FLAGS, &flags, sizeof(flags)) ||
	    !set_option(v->lib, DKIM_OPTS_MINKEYBITS, &bits, sizeof(bits)) ||
	    !set_option(v->lib, DKIM_OPTS_CLOCKDRIFT, &drift, sizeof(drift)) ||
	    dkim_set_key_lookup(v->lib, key_lookup) != DKIM_STAT_OK ||
	    dkim_set_prescreen(v->lib, prescreen) != DKIM_STAT_OK) {
		err_set(e, ERR_SYSTEM, "cannot set up libopendkim");
		dkim_verifier_free(v);
		return NULL;
	}
	return v;
}

void
dkim_verifier_free(struct dkim_verifier *v)
{
	if (v == NULL)
		return;
	if (v->lib != NULL)
		dkim_close(v->lib);
	free(v);
}

static int
lib_err(struct err *e, DKIM_STAT st)
{
	const char *text = dkim_getresultstr(st);

	err_set(e, st == DKIM_STAT_NORESOURCE || st == DKIM_STAT_INTERNAL ||
	    st == DKIM_STAT_CBERROR ? ERR_SYSTEM : ERR_INPUT,
	    "libopendkim: %s", text != NULL ? text : "no reason given");
	return -1;
}

/* It copies what it is given, whatever its prototype says. */
static int
give_octets(DKIM *dkim, const void *p, size_t len, struct err *e)
{
	DKIM_STAT st = dkim_header(dkim, (u_char *)p, len);

	return st == DKIM_STAT_OK ? 0 : lib_err(e, st);
}

/*
 * Tabs between name and colon are lawful, if obsolete, but refused by the
 * library; as blanks they mean the same to the relaxed form.
 */
static int
give_field(DKIM *dkim, const struct dkim_field *f, struct err *e)
{
	struct strbuf copy = STRBUF_INIT(DKIM_FIELD_MAX);
	const uint8_t *colon = memchr(f->raw.p, ':', f->raw.len);
	size_t len = f->raw.len - 2, before = (size_t)(colon - f->raw.p);
	int ret;

	if (memchr(f->raw.p, '\t', before) == NULL)
		return give_octets(dkim, f->raw.p, len, e);
	strbuf_add(&copy, f->raw.p, len);
	if (copy.overflow) {
		err_set(e, ERR_SYSTEM, "no memory for a header field");
		return -1;
	}
	for (size_t i = 0; i < before; i++)
		if (copy.s[i] == '\t')
			copy.s[i] = ' ';
	ret = give_octets(dkim, copy.s, len, e);
	strbuf_free(&copy);
	return ret;
}

/* All fields but the signatures that are malformed or past the limit. */
static int
give_header(DKIM *dkim, const struct dkim_scan *s, struct run *run,
    struct err *e)
{
	size_t seen = 0;

	if (give_octets(dkim, SPARE_FIELD, strlen(SPARE_FIELD), e) == -1)
		return -1;
	for (size_t i = 0; i < s->n; i++) {
		if (dkim_field_is(&s->field[i], DKIM_FIELD_NAME)) {
			size_t k = seen++;

			if (k >= run->report->n || run->report->sig[k].verdict
			    == DKIM_VERDICT_MALFORMED)
				continue;
			run->index[run->given++] = k;
		}
		if (give_field(dkim, &s->field[i], e) == -1)
			return -1;
	}
	return 0;
}

static int
give_body(DKIM *dkim, struct slice body, struct err *e)
{
	DKIM_STAT st = DKIM_STAT_OK;

	if (body.len > 0)
		st = dkim_body(dkim, (u_char *)body.p, body.len);
	/* RFC 6376 section 3.4.3 adds it; libopendkim refuses to. */
	if (st == DKIM_STAT_OK && body.len > 0 && (body.len < 2 ||
	    memcmp(body.p + body.len - 2, "\r\n", 2) != 0))
		st = dkim_body(dkim, (u_char *)"\r\n", 2);
	return st == DKIM_STAT_OK ? 0 : lib_err(e, st);
}

/* What the library found out about a signature that it was let to test. */
static void
read_result(struct dkim_signature *sig, DKIM_SIGINFO *info)
{
	unsigned flags = dkim_sig_getflags(info);
	int bh = dkim_sig_getbh(info), error = dkim_sig_geterror(info);
	const char *text = dkim_sig_geterrorstr(error);

	/* The second signature by one key does not ask for it again. */
	sig->testing = (flags & DKIM_SIGFLAG_TESTKEY) != 0;
	if (sig->key_bits == 0 && sig->type == DKIM_KEY_ED25519)
		sig->key_bits = 256;	/* libopendkim says 0 */
	else if (sig->key_bits == 0 &&
	    dkim_sig_getkeysize(info, &sig->key_bits) != DKIM_STAT_OK)
		sig->key_bits = 0;
	if ((flags & DKIM_SIGFLAG_PASSED) != 0 && bh == DKIM_SIGBH_MATCH &&
	    error == DKIM_SIGERROR_OK)
		dkim_judge(sig, DKIM_VERDICT_PASS, "");
	else if (bh == DKIM_SIGBH_MISMATCH)
		dkim_judge(sig, DKIM_VERDICT_BODY_CHANGED,
		    "the body was changed");
	else if (error == DKIM_SIGERROR_TOOLARGE_L)
		dkim_judge(sig, DKIM_VERDICT_BODY_CHANGED,
		    "the body is cut short");
	else if (error == DKIM_SIGERROR_BADSIG)
		dkim_judge(sig, DKIM_VERDICT_HEADER_CHANGED,
		    "the header was changed, or the key is another");
	else if (error == DKIM_SIGERROR_SUBDOMAIN)
		dkim_judge(sig, DKIM_VERDICT_KEY_UNUSABLE,
		    "the key's t=s forbids this i=");
	else if (error == DKIM_SIGERROR_KEYTOOSMALL)
		dkim_judge(sig, DKIM_VERDICT_WEAK, "the key is too short");
	else
		dkim_judge(sig, DKIM_VERDICT_MALFORMED,
		    text != NULL ? text : "no reason given");
}

static int
run_library(DKIM *dkim, const struct dkim_scan *s, struct run *run,
    struct err *e)
{
	DKIM_STAT st;

	if (give_header(dkim, s, run, e) == -1)
		return -1;
	st = dkim_eoh(dkim);
	if (st == DKIM_STAT_NOSIG)	/* all of them are ignored */
		return 0;
	if (st != DKIM_STAT_OK)
		return lib_err(e, st);
	if (give_body(dkim, s->body, e) == -1)
		return -1;
	/* Its one answer for the whole message does not matter. */
	st = dkim_eom(dkim, NULL);
	if (st == DKIM_STAT_NORESOURCE || st == DKIM_STAT_INTERNAL ||
	    st == DKIM_STAT_INVALID)
		return lib_err(e, st);
	for (int i = 0; i < run->nsigs; i++) {
		struct dkim_signature *sig =
		    &run->report->sig[run->index[i]];

		if (sig->verdict == DKIM_VERDICT_UNTESTED)
			read_result(sig, run->sigs[i]);
	}
	return 0;
}

static bool
any_untested(const struct dkim_report *report)
{
	for (size_t i = 0; i < report->n; i++)
		if (report->sig[i].verdict == DKIM_VERDICT_UNTESTED)
			return true;
	return false;
}

int
dkim_verifier_run(struct dkim_verifier *v, struct slice message, uint64_t now,
    dkim_lookup_fn *lookup, void *arg, struct dkim_report *report_r,
    struct err *e)
{
	struct run run = { .report = report_r, .lookup = lookup, .arg = arg };
	struct dkim_scan s = { .field = v->field };
	DKIM_STAT st;
	DKIM *dkim;
	int ret;

	if (dkim_scan_message(message, now, &s, report_r, e) == -1)
		return -1;
	if (!any_untested(report_r))
		return 0;
	dkim = dkim_verify(v->lib, (const unsigned char *)"-", NULL, &st);
	if (dkim == NULL)
		return lib_err(e, st);
	dkim_set_user_context(dkim, &run);
	ret = run_library(dkim, &s, &run, e);
	dkim_free(dkim);
	return ret;
}
