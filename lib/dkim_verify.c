/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dkim_verify.c - the DKIM signatures of a message, verified by libopendkim.
 *
 * The library asserts on many a wrong argument and trusts much of what it
 * reads, so everything that reaches it was checked before:
 *
 *  - Signature fields are parsed here first (RFC 6376 section 6.1.1).  One that
 *    is malformed never gets there: with an i= that ends in '=', or is longer
 *    than an address, 2.11.0 reads past its end.  So another signature that
 *    covers a malformed one fails, which is fair.
 *  - Its key buffer is a kilobyte; longer records never get there.
 *  - With h= naming every field of a message and then some, 2.11.0 writes one
 *    pointer past its list of fields.  A field that nothing can name is put in
 *    front of each message, so that the list always has room for it.
 *  - Its test for t= in the future and x= in the past goes by the system's
 *    clock.  A drift of ten years silences it, and x= is judged here.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/types.h>

#include <dkim.h>

#include "lib/dkim_canon.h"
#include "lib/dkim_verify.h"
#include "lib/err.h"
#include "lib/strbuf.h"

#define CLOCK_DRIFT	(10u * 365 * 86400)	/* seconds */
#define IDENTITY_MAX	254	/* octets of i=: an address, RFC 5321 */
/* Blanks in h= go when it is read, so no h= can name this. */
#define SPARE_FIELD	"spare field:"

struct dkim_verifier {
	DKIM_LIB		*lib;
	struct dkim_field	 field[DKIM_VERIFY_FIELDS];
};

/* ---- reading signatures */

static void
judge(struct dkim_signature *sig, enum dkim_verdict verdict,
    const char *reason)
{
	sig->verdict = verdict;
	sig->reason = reason;
}

static bool
malformed(struct dkim_signature *sig, const char *reason)
{
	judge(sig, DKIM_VERDICT_MALFORMED, reason);
	return false;
}

static bool
is_space(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* h= to covered: names in small letters, blanks gone, none of them empty. */
static bool
read_covered(struct dkim_signature *sig, struct slice h)
{
	size_t n = 0;
	bool empty = true;

	if (h.len >= DKIM_COVERED_MAX)
		return false;
	for (size_t i = 0; i < h.len; i++) {
		uint8_t c = h.p[i];

		if (is_space(c))
			continue;
		if (c == ':' && empty)
			return false;
		empty = c == ':';
		if (c >= 'A' && c <= 'Z')
			c = (uint8_t)(c + ('a' - 'A'));
		sig->covered[n++] = (char)c;
	}
	sig->covered[n] = '\0';
	return !empty;
}

static bool
read_name(struct slice value, char out[static DKIM_DOMAIN_MAX + 1])
{
	if (!dkim_name_valid(value, false))
		return false;
	memcpy(out, value.p, value.len);
	out[value.len] = '\0';
	return true;
}

/* t=, x= and l=, each a number when there. */
static bool
read_numbers(const struct dkim_tags *tags, struct dkim_signature *sig)
{
	const struct slice *t = dkim_tags_find(tags, "t");
	const struct slice *x = dkim_tags_find(tags, "x");
	const struct slice *l = dkim_tags_find(tags, "l");
	uint64_t length;

	if ((t != NULL && !dkim_tag_number(*t, &sig->t)) ||
	    (x != NULL && !dkim_tag_number(*x, &sig->x)) ||
	    (l != NULL && !dkim_tag_number(*l, &length)))
		return malformed(sig, "t=, x= or l= is no number");
	if (t != NULL && x != NULL && sig->x <= sig->t)
		return malformed(sig, "x= does not come after t=");
	sig->partial = l != NULL;
	return true;
}

static bool
is_hex(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F');
}

/*
 * i= is the domain of d= or one below it, after an '@' that a local part in
 * dkim-quoted-printable may stand before (RFC 6376 sections 2.11 and 3.5).
 */
static bool
identity_valid(struct slice i, const char *domain)
{
	size_t at = i.len, len = strlen(domain);
	struct slice name;

	if (i.len > IDENTITY_MAX)
		return false;
	while (at > 0 && i.p[at - 1] != '@')
		at--;
	for (size_t k = 0; k < at; k++)
		if (i.p[k] == '=' && (at - k < 3 || !is_hex(i.p[k + 1]) ||
		    !is_hex(i.p[k + 2])))
			return false;
	name = (struct slice){ i.p + at, i.len - at };
	return at > 0 && dkim_name_valid(name, false) && name.len >= len &&
	    strncasecmp((const char *)name.p + name.len - len, domain,
	    len) == 0 && (name.len == len || name.p[name.len - len - 1] ==
	    '.');
}

static bool
read_algorithm(struct slice a, struct dkim_signature *sig)
{
	if (dkim_tag_is(a, "rsa-sha256")) {
		sig->type = DKIM_KEY_RSA;
	} else if (dkim_tag_is(a, "ed25519-sha256")) {
		sig->type = DKIM_KEY_ED25519;
	} else if (dkim_tag_is(a, "rsa-sha1")) {
		judge(sig, DKIM_VERDICT_WEAK, "rsa-sha1 (RFC 8301)");
		return false;
	} else {
		return malformed(sig, "a= is unknown");
	}
	return true;
}

/* The tags that a signature must have; false when it is judged already. */
static bool
read_tags(const struct dkim_tags *tags, struct dkim_signature *sig)
{
	static const char *const names[] = { "v", "a", "b", "bh", "d", "h",
	    "s" };
	const struct slice *value[sizeof(names) / sizeof(names[0])];
	const struct slice *i_tag = dkim_tags_find(tags, "i");

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		value[i] = dkim_tags_find(tags, names[i]);
		if (value[i] == NULL || value[i]->len == 0)
			return malformed(sig, "a required tag is missing");
	}
	if (!dkim_tag_is(*value[0], "1"))
		return malformed(sig, "v= is not 1");
	if (!read_name(*value[4], sig->domain) ||
	    !read_name(*value[6], sig->selector))
		return malformed(sig, "d= or s= is no name");
	if (i_tag != NULL && !identity_valid(*i_tag, sig->domain))
		return malformed(sig, "i= is no identity of d=");
	if (!read_covered(sig, *value[5]))
		return malformed(sig, "h= is no list of names");
	if (dkim_signature_covers(sig, "from") == 0)
		return malformed(sig, "h= does not name From");
	return read_numbers(tags, sig) && read_algorithm(*value[1], sig);
}

static void
read_signature(struct slice raw, uint64_t now, struct dkim_signature *sig)
{
	const uint8_t *colon = memchr(raw.p, ':', raw.len);
	struct dkim_tags tags;

	sig->verdict = DKIM_VERDICT_UNTESTED;
	sig->reason = "not tested";
	if (raw.len > DKIM_SIGNATURE_FIELD_MAX) {
		malformed(sig, "the field is too long");
		return;
	}
	/* dkim_message_split() saw the colon and the CRLF at the end. */
	if (dkim_tags_parse(&tags, colon + 1,
	    raw.len - 2 - (size_t)(colon + 1 - raw.p), NULL) == -1) {
		malformed(sig, "no list of tags");
		return;
	}
	if (!read_tags(&tags, sig))
		return;
	if (sig->x != 0 && sig->x <= now)
		judge(sig, DKIM_VERDICT_EXPIRED, "x= has passed");
}

static bool
is_named(const struct dkim_field *f, const char *name)
{
	return f->name.len == strlen(name) &&
	    strncasecmp((const char *)f->name.p, name, f->name.len) == 0;
}

/* The message in pieces, and its signatures as far as we can judge them. */
struct scan {
	struct dkim_field	*field;
	size_t			 n;
	struct slice		 body;
};

static int
scan_message(struct slice message, uint64_t now, struct scan *s,
    struct dkim_report *report, struct err *e)
{
	bool from = false;

	report->n = report->ignored = 0;
	if (message.len > DKIM_VERIFY_OCTETS) {
		err_set(e, ERR_LIMIT, "message of over %u octets",
		    DKIM_VERIFY_OCTETS);
		return -1;
	}
	if (dkim_message_split(message, s->field, DKIM_VERIFY_FIELDS, &s->n,
	    &s->body, e) == -1)
		return -1;
	for (size_t i = 0; i < s->n; i++) {
		from = from || is_named(&s->field[i], "From");
		if (!is_named(&s->field[i], DKIM_SIGNHEADER))
			continue;
		if (report->n == DKIM_VERIFY_SIGNATURES) {
			report->ignored++;
			continue;
		}
		report->sig[report->n] = (struct dkim_signature){ 0 };
		read_signature(s->field[i].raw, now,
		    &report->sig[report->n++]);
	}
	if (!from) {
		err_set(e, ERR_INPUT, "the message has no From field");
		return -1;
	}
	return 0;
}

int
dkim_verify_scan(struct slice message, uint64_t now,
    struct dkim_report *report_r, struct err *e)
{
	struct scan s = { .field = calloc(DKIM_VERIFY_FIELDS,
	    sizeof(*s.field)) };
	int ret;

	if (s.field == NULL) {
		err_sys(e, "dkim scan");
		return -1;
	}
	ret = scan_message(message, now, &s, report_r, e);
	free(s.field);
	return ret;
}

bool
dkim_signature_key_name(const struct dkim_signature *sig,
    char name_r[static DKIM_DOMAIN_MAX + 1])
{
	int n = snprintf(name_r, DKIM_DOMAIN_MAX + 1, "%s." DKIM_DNSKEYNAME
	    ".%s", sig->selector, sig->domain);

	return n > 0 && n <= DKIM_DOMAIN_MAX;
}

size_t
dkim_signature_covers(const struct dkim_signature *sig, const char *name)
{
	size_t len = strlen(name), count = 0;

	for (const char *p = sig->covered; *p != '\0';) {
		size_t n = strcspn(p, ":");

		count += n == len && strncasecmp(p, name, n) == 0;
		p += n;
		p += *p == ':';
	}
	return count;
}

bool
dkim_verify_covers(const struct dkim_report *report, const char *name)
{
	for (size_t i = 0; i < report->n; i++)
		if (report->sig[i].verdict == DKIM_VERDICT_PASS &&
		    dkim_signature_covers(&report->sig[i], name) > 0)
			return true;
	return false;
}

const char *
dkim_verdict_result(enum dkim_verdict verdict)
{
	switch (verdict) {
	case DKIM_VERDICT_PASS:
		return "pass";
	case DKIM_VERDICT_HEADER_CHANGED:
	case DKIM_VERDICT_BODY_CHANGED:
	case DKIM_VERDICT_EXPIRED:
		return "fail";
	case DKIM_VERDICT_WEAK:
		return "policy";
	case DKIM_VERDICT_MALFORMED:
	case DKIM_VERDICT_NO_KEY:
	case DKIM_VERDICT_KEY_REVOKED:
	case DKIM_VERDICT_KEY_UNUSABLE:
		return "permerror";
	case DKIM_VERDICT_KEY_LATER:
		return "temperror";
	case DKIM_VERDICT_UNTESTED:
		break;
	}
	return "neutral";
}

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
		judge(sig, DKIM_VERDICT_KEY_UNUSABLE, "the record is too long");
		return false;
	}
	v = dkim_record_parse((const uint8_t *)txt->s, txt->len, &r);
	sig->testing = r.testing;
	sig->key_bits = r.bits;
	if (v == DKIM_RECORD_MATCH && r.type != sig->type)
		v = DKIM_RECORD_TYPE;
	if (v == DKIM_RECORD_MATCH)
		return true;
	judge(sig, v == DKIM_RECORD_REVOKED ? DKIM_VERDICT_KEY_REVOKED :
	    v == DKIM_RECORD_TOO_SHORT ? DKIM_VERDICT_WEAK :
	    DKIM_VERDICT_KEY_UNUSABLE, dkim_record_text(v));
	return false;
}

static bool
find_record(struct run *run, struct dkim_signature *sig, struct strbuf *txt)
{
	char name[DKIM_DOMAIN_MAX + 1];

	if (!dkim_signature_key_name(sig, name)) {
		judge(sig, DKIM_VERDICT_NO_KEY, "the key's name is too long");
		return false;
	}
	switch (run->lookup(run->arg, name, txt)) {
	case DKIM_LOOKUP_FOUND:
		return record_usable(sig, txt);
	case DKIM_LOOKUP_LATER:
		judge(sig, DKIM_VERDICT_KEY_LATER, "DNS did not answer");
		return false;
	case DKIM_LOOKUP_NONE:
		break;
	}
	judge(sig, DKIM_VERDICT_NO_KEY, "there is no record");
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
			judge(sig, DKIM_VERDICT_KEY_UNUSABLE,
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
give_header(DKIM *dkim, const struct scan *s, struct run *run, struct err *e)
{
	size_t seen = 0;

	if (give_octets(dkim, SPARE_FIELD, strlen(SPARE_FIELD), e) == -1)
		return -1;
	for (size_t i = 0; i < s->n; i++) {
		if (is_named(&s->field[i], DKIM_SIGNHEADER)) {
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
		judge(sig, DKIM_VERDICT_PASS, "");
	else if (bh == DKIM_SIGBH_MISMATCH)
		judge(sig, DKIM_VERDICT_BODY_CHANGED, "the body was changed");
	else if (error == DKIM_SIGERROR_TOOLARGE_L)
		judge(sig, DKIM_VERDICT_BODY_CHANGED, "the body is cut short");
	else if (error == DKIM_SIGERROR_BADSIG)
		judge(sig, DKIM_VERDICT_HEADER_CHANGED,
		    "the header was changed, or the key is another");
	else if (error == DKIM_SIGERROR_SUBDOMAIN)
		judge(sig, DKIM_VERDICT_KEY_UNUSABLE,
		    "the key's t=s forbids this i=");
	else if (error == DKIM_SIGERROR_KEYTOOSMALL)
		judge(sig, DKIM_VERDICT_WEAK, "the key is too short");
	else
		malformed(sig, text != NULL ? text : "no reason given");
}

static int
run_library(DKIM *dkim, const struct scan *s, struct run *run, struct err *e)
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
	struct scan s = { .field = v->field };
	DKIM_STAT st;
	DKIM *dkim;
	int ret;

	if (scan_message(message, now, &s, report_r, e) == -1)
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
