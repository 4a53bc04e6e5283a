/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dkim_sign.c - the DKIM signature of one message, made in three steps.
 *
 * The field is laid out like this; the order of tags, the margin and the kind
 * of folds are libopendkim's, so that its output is a byte-exact reference:
 *
 *	DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.org;
 *		s=news; t=1700000000; bh=...;
 *		h=From:To:...:
 *		 Subject;
 *		b=...
 */
#include "config.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "lib/dkim_key.h"
#include "lib/dkim_key_private.h"
#include "lib/dkim_sign.h"
#include "lib/dkim_tag.h"
#include "lib/err.h"
#include "lib/rsa_lanes.h"

#define FIELD_NAME	"DKIM-Signature: "
#define MARGIN		75	/* columns; a tab counts 8 */
#define BASE64_LEN(n)	(((n) + 2) / 3 * 4)
/* What the longest signature takes, with its folds, and the last CRLF. */
#define SIGNATURE_ROOM	(BASE64_LEN(DKIM_SIGNATURE_MAX) + \
	(BASE64_LEN(DKIM_SIGNATURE_MAX) / (MARGIN - 10) + 1) * 4 + 2)
/*
 * The canonical fields are gathered here before they are hashed: most headers
 * fit at once, and the longest field always does.
 */
#define SCRATCH_LEN	65536

#define PREFIX_MAX	640	/* the constant tags: two names of 253 */

struct dkim_signer {
	EVP_PKEY		*pkey;
	EVP_PKEY_CTX		*rsa;	/* set up to sign, or NULL */
	struct rsa_lanes	*lanes;	/* for several at once, or NULL */
	EVP_MD_CTX		*ed25519;	/* likewise */
	EVP_MD_CTX		*hash;
	EVP_MD			*sha256;
	struct dkim_body_hash	*body;	/* for dkim_sign_message() */
	enum dkim_key_type	 type;
	enum dkim_policy	 policy;
	uint32_t		 lifetime_s;
	char			 prefix[PREFIX_MAX];	/* up to "s=...;" */
	size_t			 prefix_len;
	size_t			 prefix_col;
	uint8_t			 scratch[SCRATCH_LEN];
};

_Static_assert(DKIM_BATCH_MAX == RSA_LANES &&
    DKIM_SIGNATURE_MAX >= RSA_LANES_SIGNATURE, "a batch fits the lanes");
_Static_assert(SCRATCH_LEN >= DKIM_FIELD_MAX + 2 &&
    SCRATCH_LEN >= DKIM_TEXT_MAX + 2, "any one field fits the scratch");

/* ---- which fields */

enum { OVERSIGN_NEVER, OVERSIGN_CAMPAIGN, OVERSIGN_ALWAYS };

/* A name that ends in '-' stands for all that begin so. */
static const struct rule {
	const char	*name;
	size_t		 len;
	int		 oversign;
	bool		 discussion_only;
} rules[] = {
#define RULE(NAME, OVERSIGN) { NAME, sizeof(NAME) - 1, OVERSIGN, false }
	RULE("From", OVERSIGN_ALWAYS),
	RULE("Subject", OVERSIGN_ALWAYS),
	RULE("Date", OVERSIGN_ALWAYS),
	RULE("To", OVERSIGN_ALWAYS),
	RULE("Cc", OVERSIGN_ALWAYS),
	RULE("Reply-To", OVERSIGN_CAMPAIGN),
	RULE("Message-ID", OVERSIGN_ALWAYS),
	RULE("Content-Type", OVERSIGN_ALWAYS),
	RULE("List-Unsubscribe", OVERSIGN_CAMPAIGN),
	RULE("List-Unsubscribe-Post", OVERSIGN_CAMPAIGN),
	RULE("List-", OVERSIGN_NEVER),
	RULE("Content-", OVERSIGN_NEVER),
	RULE("MIME-Version", OVERSIGN_NEVER),
	RULE("Feedback-ID", OVERSIGN_NEVER),
	RULE("Form-Sub", OVERSIGN_NEVER),
	RULE("CFBL-", OVERSIGN_NEVER),
	RULE("Auto-Submitted", OVERSIGN_NEVER),
	RULE("Listd-", OVERSIGN_NEVER),
	RULE("In-Reply-To", OVERSIGN_NEVER),
	RULE("References", OVERSIGN_NEVER),
	RULE("Sender", OVERSIGN_NEVER),
	{ "Authentication-Results", 22, OVERSIGN_NEVER, true },
#undef RULE
};
#define RULES	(sizeof(rules) / sizeof(rules[0]))

static bool
same_name(struct slice a, struct slice b)
{
	return a.len == b.len && strncasecmp((const char *)a.p,
	    (const char *)b.p, a.len) == 0;
}

static bool
rule_matches(const struct rule *r, struct slice name)
{
	bool prefix = r->name[r->len - 1] == '-';

	/* The first letter alone rules out nearly all. */
	if (name.len == 0 || ((r->name[0] ^ name.p[0]) & ~0x20) != 0)
		return false;
	return (prefix ? name.len > r->len : name.len == r->len) &&
	    strncasecmp((const char *)name.p, r->name, r->len) == 0;
}

bool
dkim_policy_signs(enum dkim_policy policy, struct slice name)
{
	for (size_t i = 0; i < RULES; i++)
		if (rule_matches(&rules[i], name))
			return !rules[i].discussion_only ||
			    policy == DKIM_POLICY_DISCUSSION;
	return false;
}

static bool
rule_oversigns(const struct rule *r, enum dkim_policy policy)
{
	return r->oversign == OVERSIGN_ALWAYS ||
	    (r->oversign == OVERSIGN_CAMPAIGN &&
	    policy == DKIM_POLICY_CAMPAIGN);
}

const char *
dkim_policy_oversigned(enum dkim_policy policy, size_t i)
{
	for (size_t k = 0; k < RULES; k++)
		if (rule_oversigns(&rules[k], policy) && i-- == 0)
			return rules[k].name;
	return NULL;
}

/* The names of h=, and the fields that they stand for. */
struct selection {
	struct slice	name[DKIM_SIGNED_MAX];
	struct slice	raw[DKIM_SIGNED_MAX];	/* as in the message, ... */
	size_t		fields;			/* ... so many */
	size_t		names;			/* with the over-signed */
};

static bool
field_has_name(const struct dkim_field *f)
{
	size_t i = f->name.len;

	if (i == 0 || i > f->raw.len || memcmp(f->raw.p, f->name.p, i) != 0)
		return false;
	while (i < f->raw.len && (f->raw.p[i] == ' ' || f->raw.p[i] == '\t'))
		i++;
	return i < f->raw.len && f->raw.p[i] == ':';
}

static int
select_field(struct selection *sel, const struct dkim_field *f, struct err *e)
{
	if (!field_has_name(f)) {
		err_set(e, ERR_INPUT, "a header field is not named \"%.*s\"",
		    f->name.len > 60 ? 60 : (int)f->name.len, f->name.p);
		return -1;
	}
	if (sel->fields == DKIM_SIGNED_MAX || f->raw.len > DKIM_FIELD_MAX) {
		err_set(e, ERR_LIMIT, "%.*s: too many or too long to sign",
		    f->name.len > 60 ? 60 : (int)f->name.len, f->name.p);
		return -1;
	}
	sel->name[sel->fields] = f->name;
	sel->raw[sel->fields++] = f->raw;
	return 0;
}

static int
select_fields(struct selection *sel, enum dkim_policy policy,
    const struct dkim_field field[], size_t n, struct err *e)
{
	static const struct slice from = { (const uint8_t *)"From", 4 };
	const char *name;
	size_t senders = 0;

	sel->fields = 0;
	for (size_t i = 0; i < n; i++) {
		if (!dkim_policy_signs(policy, field[i].name))
			continue;
		if (select_field(sel, &field[i], e) == -1)
			return -1;
		senders += same_name(field[i].name, from);
	}
	if (senders != 1) {
		err_set(e, ERR_INPUT, "%zu From fields, must be one", senders);
		return -1;
	}
	sel->names = sel->fields;
	for (size_t i = 0; (name = dkim_policy_oversigned(policy, i)) != NULL;
	    i++) {
		if (sel->names == DKIM_SIGNED_MAX) {
			err_set(e, ERR_LIMIT, "more than %d names to sign",
			    DKIM_SIGNED_MAX);
			return -1;
		}
		sel->name[sel->names++] = (struct slice){
		    (const uint8_t *)name, strlen(name) };
	}
	return 0;
}

/* ---- the text of the field */

/* Tags are written one after another, a fold where the margin is passed. */
struct fold {
	char	*s;
	size_t	 len;
	size_t	 max;
	size_t	 col;
	bool	 overflow;
};

static void
fold_add(struct fold *f, const void *p, size_t len)
{
	if (len > f->max - f->len) {
		f->overflow = true;
		return;
	}
	memcpy(f->s + f->len, p, len);
	f->len += len;
	f->col += len;
}

static void
fold_line(struct fold *f, const char *end, size_t col)
{
	fold_add(f, end, strlen(end));
	f->col = col;
}

/* A tag, its ';' included, on this line or the next. */
static void
fold_tag(struct fold *f, const char *tag, size_t len)
{
	if (f->col + len > MARGIN)
		fold_line(f, "\r\n\t", 8);
	else
		fold_add(f, " ", 1);
	fold_add(f, tag, len);
}

/* h= breaks after a colon; where it breaks, each line gets one more blank. */
static void
fold_names(struct fold *f, const struct selection *sel)
{
	size_t whole = 2;	/* "h=" */
	bool wrap;

	for (size_t i = 0; i < sel->names; i++)
		whole += sel->name[i].len + 1;
	wrap = f->col + whole > MARGIN;
	if (wrap)
		fold_line(f, "\r\n\t", 8);
	else
		fold_add(f, " ", 1);
	fold_add(f, "h=", 2);
	for (size_t i = 0; i < sel->names; i++) {
		size_t len = sel->name[i].len + (i + 1 == sel->names);

		if (i > 0) {
			bool full = f->col + len + 1 > MARGIN;

			fold_add(f, ":", 1);
			if (wrap && full)
				fold_line(f, "\r\n\t ", 9);
		}
		fold_add(f, sel->name[i].p, sel->name[i].len);
	}
	fold_add(f, ";", 1);
}

static int
write_text(const struct dkim_signer *signer, const struct selection *sel,
    const uint8_t body_hash[static DKIM_HASH_LEN], uint64_t t,
    struct dkim_job *job, struct err *e)
{
	struct fold f = { .s = job->text,
	    .max = DKIM_TEXT_MAX - SIGNATURE_ROOM };
	char tag[64];
	int n;

	fold_add(&f, signer->prefix, signer->prefix_len);
	f.col = signer->prefix_col;
	n = snprintf(tag, sizeof(tag), "t=%" PRIu64 ";", t);
	fold_tag(&f, tag, (size_t)n);
	if (signer->lifetime_s != 0) {
		n = snprintf(tag, sizeof(tag), "x=%" PRIu64 ";",
		    t + signer->lifetime_s);
		fold_tag(&f, tag, (size_t)n);
	}
	memcpy(tag, "bh=", 3);
	n = 3 + EVP_EncodeBlock((unsigned char *)tag + 3, body_hash,
	    DKIM_HASH_LEN);
	tag[n++] = ';';
	fold_tag(&f, tag, (size_t)n);
	fold_names(&f, sel);
	/* No signature fits what is left of a line. */
	fold_line(&f, "\r\n\t", 8);
	fold_add(&f, "b=", 2);
	if (f.overflow) {
		err_set(e, ERR_LIMIT, "DKIM-Signature over %d octets",
		    DKIM_TEXT_MAX);
		return -1;
	}
	job->len = f.len;
	return 0;
}

/* ---- signer */

static int
prefix_write(struct dkim_signer *s, const struct dkim_signer_params *params,
    struct err *e)
{
	struct fold f = { .s = s->prefix, .max = sizeof(s->prefix) };
	struct slice domain = { (const uint8_t *)params->domain,
	    strlen(params->domain) };
	struct slice selector = { (const uint8_t *)params->selector,
	    strlen(params->selector) };
	char tag[DKIM_DOMAIN_MAX + 8];
	int n;

	if (!dkim_name_valid(domain, true) ||
	    !dkim_name_valid(selector, true)) {
		err_set(e, ERR_INPUT, "cannot sign as d=%s s=%s",
		    params->domain, params->selector);
		return -1;
	}
	fold_add(&f, FIELD_NAME "v=1;", sizeof(FIELD_NAME "v=1;") - 1);
	n = snprintf(tag, sizeof(tag), "a=%s-sha256;",
	    s->type == DKIM_KEY_RSA ? "rsa" : "ed25519");
	fold_tag(&f, tag, (size_t)n);
	fold_tag(&f, "c=relaxed/relaxed;", 18);
	n = snprintf(tag, sizeof(tag), "d=%s;", params->domain);
	fold_tag(&f, tag, (size_t)n);
	n = snprintf(tag, sizeof(tag), "s=%s;", params->selector);
	fold_tag(&f, tag, (size_t)n);
	s->prefix_len = f.len;
	s->prefix_col = f.col;
	return 0;
}

static int
signer_setup(struct dkim_signer *s, EVP_PKEY *pkey, struct err *e)
{
	if (EVP_PKEY_up_ref(pkey) == 1)
		s->pkey = pkey;
	s->hash = EVP_MD_CTX_new();
	s->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	if (s->pkey == NULL || s->hash == NULL || s->sha256 == NULL)
		goto fail;
	if (s->type == DKIM_KEY_RSA &&
	    ((s->rsa = EVP_PKEY_CTX_new(pkey, NULL)) == NULL ||
	    EVP_PKEY_sign_init(s->rsa) != 1 ||
	    EVP_PKEY_CTX_set_rsa_padding(s->rsa, RSA_PKCS1_PADDING) != 1 ||
	    EVP_PKEY_CTX_set_signature_md(s->rsa, s->sha256) != 1))
		goto fail;
	if (s->type == DKIM_KEY_RSA)
		s->lanes = rsa_lanes_new(pkey);
	if (s->type == DKIM_KEY_ED25519 &&
	    (s->ed25519 = EVP_MD_CTX_new()) == NULL)
		goto fail;
	return (s->body = dkim_body_hash_new(e)) != NULL ? 0 : -1;
fail:
	ERR_clear_error();
	err_set(e, ERR_CRYPTO, "cannot set up a DKIM signer");
	return -1;
}

struct dkim_signer *
dkim_signer_new(const struct dkim_signer_params *params, struct err *e)
{
	struct dkim_signer *s = calloc(1, sizeof(*s));

	if (s == NULL) {
		err_sys(e, "dkim signer");
		return NULL;
	}
	s->type = dkim_key_type(params->key);
	s->policy = params->policy;
	s->lifetime_s = params->lifetime_s;
	if (prefix_write(s, params, e) == -1 ||
	    signer_setup(s, dkim_key_evp(params->key), e) == -1) {
		dkim_signer_free(s);
		return NULL;
	}
	return s;
}

struct dkim_signer *
dkim_signer_dup(const struct dkim_signer *signer, struct err *e)
{
	struct dkim_signer *s = calloc(1, sizeof(*s));

	if (s == NULL) {
		err_sys(e, "dkim signer");
		return NULL;
	}
	s->type = signer->type;
	s->policy = signer->policy;
	s->lifetime_s = signer->lifetime_s;
	memcpy(s->prefix, signer->prefix, signer->prefix_len);
	s->prefix_len = signer->prefix_len;
	s->prefix_col = signer->prefix_col;
	if (signer_setup(s, signer->pkey, e) == -1) {
		dkim_signer_free(s);
		return NULL;
	}
	return s;
}

void
dkim_signer_free(struct dkim_signer *s)
{
	if (s == NULL)
		return;
	dkim_body_hash_free(s->body);
	EVP_PKEY_CTX_free(s->rsa);
	rsa_lanes_free(s->lanes);
	EVP_MD_CTX_free(s->ed25519);
	EVP_MD_CTX_free(s->hash);
	EVP_MD_free(s->sha256);
	EVP_PKEY_free(s->pkey);
	free(s);
}

/* ---- the three steps */

/* Canonicalize raw into the scratch, which is hashed when it has no room. */
static int
hash_field(struct dkim_signer *s, size_t *used, struct slice raw,
    struct err *e)
{
	size_t len;

	if (raw.len + 2 > SCRATCH_LEN - *used) {
		if (EVP_DigestUpdate(s->hash, s->scratch, *used) != 1) {
			err_set(e, ERR_CRYPTO, "SHA-256 of a header failed");
			return -1;
		}
		*used = 0;
	}
	if ((len = dkim_canon_relax(raw, s->scratch + *used)) == 0) {
		err_set(e, ERR_INPUT, "header field \"%.*s\" is malformed",
		    raw.len > 40 ? 40 : (int)raw.len, raw.p);
		return -1;
	}
	*used += len;
	return 0;
}

/*
 * Names are taken from the top of h=, fields of one name from the bottom of
 * the message (RFC 6376 section 5.4.2); the over-signed find none left.
 */
static int
hash_fields(struct dkim_signer *s, const struct selection *sel, size_t *used,
    struct err *e)
{
	bool taken[DKIM_SIGNED_MAX] = { false };

	for (size_t i = 0; i < sel->fields; i++) {
		size_t k = sel->fields;

		do
			k--;
		while (taken[k] || !same_name(sel->name[k], sel->name[i]));
		taken[k] = true;
		if (hash_field(s, used, sel->raw[k], e) == -1)
			return -1;
	}
	return 0;
}

int
dkim_sign_digest(struct dkim_signer *s, const struct dkim_field field[],
    size_t n, const uint8_t body_hash[static DKIM_HASH_LEN], uint64_t t,
    struct dkim_job *job, struct err *e)
{
	struct selection sel;
	unsigned len = 0;
	size_t used = 0;

	job->siglen = 0;
	if (select_fields(&sel, s->policy, field, n, e) == -1 ||
	    write_text(s, &sel, body_hash, t, job, e) == -1)
		return -1;
	if (EVP_DigestInit_ex2(s->hash, s->sha256, NULL) != 1)
		goto fail;
	if (hash_fields(s, &sel, &used, e) == -1 ||
	    hash_field(s, &used, (struct slice){ (const uint8_t *)job->text,
	    job->len }, e) == -1)
		return -1;
	/* The signature's own field counts without its last CRLF. */
	if (EVP_DigestUpdate(s->hash, s->scratch, used - 2) == 1 &&
	    EVP_DigestFinal_ex(s->hash, job->digest, &len) == 1 &&
	    len == DKIM_HASH_LEN)
		return 0;
fail:
	err_set(e, ERR_CRYPTO, "SHA-256 of a header failed");
	return -1;
}

/* PureEdDSA over the digest (RFC 8463 section 3). */
static bool
sign_ed25519(struct dkim_signer *s, struct dkim_job *job, size_t *len)
{
	return EVP_DigestSignInit(s->ed25519, NULL, NULL, NULL, s->pkey) == 1 &&
	    EVP_DigestSign(s->ed25519, job->signature, len, job->digest,
	    sizeof(job->digest)) == 1;
}

size_t
dkim_sign_batch(const struct dkim_signer *s, size_t waiting)
{
	if (s->lanes == NULL || waiting < RSA_LANES_LEAST)
		return 1;
	return waiting < RSA_LANES ? waiting : RSA_LANES;
}

/* False: they are to be signed one after another. */
static bool
sign_lanes(struct dkim_signer *s, struct dkim_job *const jobs[], size_t n)
{
	const uint8_t *digest[RSA_LANES];
	uint8_t *signature[RSA_LANES];

	if (s->lanes == NULL || n < RSA_LANES_LEAST)
		return false;
	for (size_t i = 0; i < n; i++) {
		digest[i] = jobs[i]->digest;
		signature[i] = jobs[i]->signature;
	}
	if (!rsa_lanes_sign(s->lanes, digest, signature, n)) {
		ERR_clear_error();
		return false;
	}
	for (size_t i = 0; i < n; i++)
		jobs[i]->siglen = RSA_LANES_SIGNATURE;
	return true;
}

static int
sign_each(struct dkim_signer *s, struct dkim_job *const jobs[], size_t n,
    struct err *e)
{
	for (size_t i = 0; i < n; i++) {
		size_t len = sizeof(jobs[i]->signature);
		bool ok;

		if (s->type == DKIM_KEY_RSA)
			ok = EVP_PKEY_sign(s->rsa, jobs[i]->signature, &len,
			    jobs[i]->digest, sizeof(jobs[i]->digest)) == 1;
		else
			ok = sign_ed25519(s, jobs[i], &len);
		if (!ok) {
			ERR_clear_error();
			err_set(e, ERR_CRYPTO, "a DKIM signature failed");
			return -1;
		}
		jobs[i]->siglen = len;
	}
	return 0;
}

int
dkim_sign_private(struct dkim_signer *s, struct dkim_job *const jobs[],
    size_t n, struct err *e)
{
	for (size_t i = 0; i < n; i++)
		jobs[i]->siglen = 0;
	for (size_t i = 0; i < n; i += RSA_LANES) {
		size_t some = n - i < RSA_LANES ? n - i : RSA_LANES;

		if (!sign_lanes(s, jobs + i, some) &&
		    sign_each(s, jobs + i, some, e) == -1)
			return -1;
	}
	return 0;
}

#define FIRST_LINE	(MARGIN - 8 - 2)	/* base64 behind "\tb=" */
#define OTHER_LINES	(MARGIN - 9)
#define SIGNATURE_FOLD	"\r\n\t "

size_t
dkim_sign_length(const struct dkim_signer *s, const struct dkim_job *job)
{
	size_t text = BASE64_LEN((size_t)EVP_PKEY_get_size(s->pkey));
	size_t folds = text <= FIRST_LINE ? 0 :
	    (text - FIRST_LINE + OTHER_LINES - 1) / OTHER_LINES;

	return job->len + text + folds * strlen(SIGNATURE_FOLD) + 2;
}

struct slice
dkim_sign_finish(struct dkim_job *job)
{
	char text[BASE64_LEN(DKIM_SIGNATURE_MAX) + 1];
	struct fold f = { .s = job->text, .len = job->len,
	    .max = sizeof(job->text), .col = 8 + 2 };
	size_t left;

	assert(job->siglen != 0);
	left = (size_t)EVP_EncodeBlock((unsigned char *)text, job->signature,
	    (int)job->siglen);
	for (const char *p = text; left > 0;) {
		size_t n = MARGIN - f.col;

		if (n > left)
			n = left;
		fold_add(&f, p, n);
		p += n;
		left -= n;
		if (left > 0)
			fold_line(&f, SIGNATURE_FOLD, 9);
	}
	fold_add(&f, "\r\n", 2);
	return (struct slice){ (const uint8_t *)job->text, f.len };
}

int
dkim_sign_message(struct dkim_signer *s, const struct dkim_field field[],
    size_t n, struct slice body, uint64_t t, struct dkim_job *job,
    struct err *e)
{
	uint8_t hash[DKIM_HASH_LEN];

	dkim_body_hash_reset(s->body);
	dkim_body_hash_update(s->body, body.p, body.len);
	if (dkim_body_hash_final(s->body, hash, e) == -1 ||
	    dkim_sign_digest(s, field, n, hash, t, job, e) == -1)
		return -1;
	return dkim_sign_private(s, &job, 1, e);
}
