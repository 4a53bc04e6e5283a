/* SPDX-License-Identifier: Apache-2.0 */
/*
 * org_domain.c - which domains an organization has proven.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include <openssl/rand.h>

#include "lib/address.h"
#include "lib/base32.h"
#include "lib/err.h"
#include "spool/act.h"
#include "spool/org.h"
#include "spool/row.h"

#define DOMAIN_VERSION	1
#define DOMAIN_ROW_MAX	128
#define TOKEN_OCTETS	16

static struct key
domain_key(uint32_t org, const char *domain)
{
	struct key k = KEY_INIT;

	key_u32(&k, org);
	key_raw(&k, domain, strlen(domain));
	return k;
}

static int
domain_put(struct txn *t, const struct org_domain *d, struct err *e)
{
	struct strbuf b = STRBUF_INIT(DOMAIN_ROW_MAX);
	struct key k = domain_key(d->org, d->domain);
	int ret;

	record_begin(&b, DOMAIN_VERSION);
	pack_u8(&b, (uint8_t)d->proof);
	pack_i64(&b, d->claimed_ms);
	pack_i64(&b, d->proven_ms);
	pack_i64(&b, d->checked_ms);
	pack_str(&b, d->token);
	ret = row_put(t, TABLE_ORG_DOMAINS, key_slice(&k), &b, e);
	strbuf_free(&b);
	return ret;
}

static int
domain_decode(struct slice key, struct slice value, struct org_domain *d_r,
    struct err *e)
{
	struct unpack u;

	if (row_open(&u, TABLE_ORG_DOMAINS, key, value, DOMAIN_VERSION,
	    e) == -1)
		return -1;
	d_r->proof = (enum org_proof)unpack_u8(&u);
	d_r->claimed_ms = unpack_i64(&u);
	d_r->proven_ms = unpack_i64(&u);
	d_r->checked_ms = unpack_i64(&u);
	unpack_str(&u, d_r->token, sizeof(d_r->token));
	if (d_r->proof > ORG_PROOF_DKIM)
		u.bad = true;
	if (row_done(&u, TABLE_ORG_DOMAINS, key, e) == -1)
		return -1;
	unpack_init(&u, key.p, key.len);
	d_r->org = unpack_u32(&u);
	if (!slice_to_text(unpack_rest(&u), d_r->domain, sizeof(d_r->domain)))
		return row_damaged(TABLE_ORG_DOMAINS, key, "no domain", e);
	return 0;
}

int
org_domain_get(struct txn *t, uint32_t org, const char *domain,
    struct org_domain *d_r, struct err *e)
{
	struct key k = domain_key(org, domain);
	struct slice value;
	int rc = txn_get(t, TABLE_ORG_DOMAINS, key_slice(&k), &value, e);

	if (rc == 1 && domain_decode(key_slice(&k), value, d_r, e) == -1)
		return -1;
	return rc;
}

int
org_domain_next(struct txn *t, uint32_t org, const char *after,
    struct org_domain *d_r, struct err *e)
{
	struct key k = domain_key(org, after), prefix = domain_key(org, "");
	struct slice key, value;
	struct cursor *c;
	int rc;

	key_u8(&k, 0);		/* the smallest key above it */
	if (cursor_open(t, TABLE_ORG_DOMAINS, &c, e) == -1)
		return -1;
	rc = cursor_seek(c, key_slice(&k), &key, &value, e);
	if (rc == 1 && !slice_has_prefix(key, key_slice(&prefix)))
		rc = 0;
	if (rc == 1 && domain_decode(key, value, d_r, e) == -1)
		rc = -1;
	cursor_close(c);
	return rc;
}

static int
note(struct txn *t, uint32_t org, const char *verb, const char *domain,
    const char *who, int64_t now_ms, struct err *e)
{
	char object[ORG_NAME_MAX + 5];
	struct org o;
	int rc = org_get(t, org, &o, e);

	if (rc == 0)
		err_set(e, ERR_NOTFOUND, "no organization %u", org);
	if (rc != 1)
		return -1;
	snprintf(object, sizeof(object), "org %s", o.name);
	return act_note(t, who, now_ms, verb, object, NULL, domain, e);
}

int
org_domain_claim(struct txn *t, uint32_t org, const char *domain,
    const char *who, int64_t now_ms, struct org_domain *d_r, struct err *e)
{
	struct org_domain d = { .org = org, .claimed_ms = now_ms };
	uint8_t octets[TOKEN_OCTETS];
	struct org o;
	int rc;

	if (address_domain(domain, strlen(domain), 0, d.domain, e) == -1)
		return -1;
	if ((rc = org_get(t, org, &o, e)) == 0)
		err_set(e, ERR_NOTFOUND, "no organization %u", org);
	if (rc != 1)
		return -1;
	if ((rc = org_domain_get(t, org, d.domain, d_r, e)) != 0)
		return rc == 1 ? 0 : -1;
	if (RAND_bytes(octets, sizeof(octets)) != 1) {
		err_set(e, ERR_CRYPTO, "no random octets for a token");
		return -1;
	}
	base32_encode(octets, sizeof(octets), d.token);
	if (domain_put(t, &d, e) == -1 || note(t, org, "org domain claim",
	    d.domain, who, now_ms, e) == -1)
		return -1;
	*d_r = d;
	return 0;
}

/* One of them is the other or lies below it. */
static bool
overlap(const char *a, const char *b)
{
	size_t m = strlen(a), n = strlen(b);

	if (m < n)
		return overlap(b, a);
	return strcmp(a + (m - n), b) == 0 && (m == n || a[m - n - 1] == '.');
}

int
org_domain_rival(struct txn *t, uint32_t org, const char *domain,
    struct org *o_r, struct err *e)
{
	struct org o = { .id = 0 };
	int rc;

	while ((rc = org_next(t, o.id + 1, &o, e)) == 1) {
		struct org_domain d = { .domain = "" };

		while (o.id != org && (rc = org_domain_next(t, o.id, d.domain,
		    &d, e)) == 1)
			if (d.proof != ORG_PROOF_NONE &&
			    overlap(d.domain, domain)) {
				*o_r = o;
				return 1;
			}
		if (rc == -1)
			break;
	}
	return rc;
}

int
org_domain_checked(struct txn *t, uint32_t org, const char *domain,
    enum org_proof proof, int64_t now_ms, struct err *e)
{
	struct org_domain d;
	struct org rival;
	int rc = org_domain_get(t, org, domain, &d, e);

	if (rc == 0)
		err_set(e, ERR_NOTFOUND, "%s was not claimed", domain);
	if (rc != 1)
		return -1;
	/* The key is the host's: it speaks for whom it spoke for first. */
	if (proof == ORG_PROOF_DKIM && d.proof == ORG_PROOF_NONE &&
	    (rc = org_domain_rival(t, org, d.domain, &rival, e)) != 0) {
		if (rc == -1)
			return -1;
		proof = ORG_PROOF_NONE;
	}
	d.checked_ms = now_ms;
	if (proof == ORG_PROOF_NONE)
		d.proven_ms = 0;
	else if (d.proven_ms == 0)
		d.proven_ms = now_ms;
	d.proof = proof;
	return domain_put(t, &d, e);
}

int
org_domain_drop(struct txn *t, uint32_t org, const char *domain,
    const char *who, int64_t now_ms, struct err *e)
{
	struct key k = domain_key(org, domain);
	int rc = txn_del(t, TABLE_ORG_DOMAINS, key_slice(&k), e);

	if (rc == 0)
		err_set(e, ERR_NOTFOUND, "%s was not claimed", domain);
	if (rc != 1)
		return -1;
	return note(t, org, "org domain drop", domain, who, now_ms, e);
}

int
org_domain_covers(struct txn *t, uint32_t org, const char *domain,
    struct err *e)
{
	struct org_domain d;
	int rc;

	/* Up to the last two labels: nobody proves a top-level domain. */
	while (strchr(domain, '.') != NULL) {
		rc = org_domain_get(t, org, domain, &d, e);
		if (rc == -1)
			return -1;
		if (rc == 1 && d.proof != ORG_PROOF_NONE)
			return 1;
		domain = strchr(domain, '.') + 1;
	}
	return 0;
}

int
org_domain_known(struct txn *t, const char *domain, struct err *e)
{
	struct org o = { .id = 0 };
	int rc, covers;

	while ((rc = org_next(t, o.id + 1, &o, e)) == 1)
		if ((covers = org_domain_covers(t, o.id, domain, e)) != 0)
			return covers;
	return rc;
}
