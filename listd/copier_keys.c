/* SPDX-License-Identifier: Apache-2.0 */
/*
 * copier_keys.c - who signs.
 *
 * A domain has a key of each type at most.  Its keys stand for it and for all
 * below it (relaxed alignment, RFC 9989 section 4.4).  RSA signs alone, unless
 * dkim_ed25519 says that a domain's Ed25519 key signs too: a receiver that
 * knows only one of the two may count the other as one that fails (T14).
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/conf.h"
#include "lib/dkim_key.h"
#include "lib/err.h"
#include "lib/strbuf.h"
#include "lib/xmalloc.h"
#include "listd/copier_private.h"

static void
part_free(struct copier *c, struct signing_part *p)
{
	if (p == NULL)
		return;
	copies_sign_with(c, p);
	dkim_signer_free(p->signer);
	dkim_key_free(p->key);
	free(p->txt);
	free(p);
}

static void
key_free(struct copier *c, struct signing_key *k)
{
	TAILQ_REMOVE(&c->keys, k, entry);
	for (size_t i = 0; i < DKIM_KEY_TYPES; i++)
		part_free(c, k->part[i]);
	free(k);
}

static struct signing_key *
key_exact(struct copier *c, const char *domain)
{
	struct signing_key *k;

	TAILQ_FOREACH(k, &c->keys, entry)
		if (strcasecmp(k->domain, domain) == 0)
			return k;
	return NULL;
}

size_t
signing_parts(const struct copier *c, const struct signing_key *k,
    const struct signing_part *part_r[static DKIM_KEY_TYPES])
{
	const struct signing_part *rsa = k->part[DKIM_KEY_RSA];
	const struct signing_part *ed25519 = k->part[DKIM_KEY_ED25519];
	size_t n = 0;

	if (rsa != NULL)
		part_r[n++] = rsa;
	if (ed25519 != NULL && (rsa == NULL || c->p.conf->dkim_ed25519))
		part_r[n++] = ed25519;
	return n;
}

const struct dkim_key *
copier_key_of(struct copier *c, const char *domain, const char **selector_r)
{
	const struct signing_part *part[DKIM_KEY_TYPES];
	const struct signing_key *k = key_exact(c, domain);

	if (k == NULL || signing_parts(c, k, part) == 0)
		return NULL;
	*selector_r = part[0]->selector;
	return part[0]->key;
}

struct signing_key *
copier_key_for(struct copier *c, const char *domain, struct err *e)
{
	struct signing_key *k;

	for (const char *d = domain; d != NULL && strchr(d, '.') != NULL;
	    d = strchr(d, '.') + 1)
		if ((k = key_exact(c, d)) != NULL)
			return k;
	err_set(e, ERR_NOTFOUND, "no DKIM key for %s: make one with "
	    "\"listctl dkim keygen\"", domain);
	return NULL;
}

static struct signing_part *
part_new(const char *domain, const char *selector, const void *pem, size_t len,
    struct err *e)
{
	struct signing_part *p = xcalloc(1, sizeof(*p));
	struct strbuf txt = STRBUF_INIT(DKIM_RECORD_MAX);
	struct dkim_signer_params sp = { .domain = domain,
		.selector = selector, .policy = DKIM_POLICY_CAMPAIGN };

	snprintf(p->selector, sizeof(p->selector), "%s", selector);
	if ((p->key = dkim_key_parse(pem, len, e)) == NULL ||
	    dkim_key_txt(p->key, &txt, e) == -1)
		goto fail;
	sp.key = p->key;
	if ((p->signer = dkim_signer_new(&sp, e)) == NULL)
		goto fail;
	p->txt = strbuf_steal(&txt);
	p->fresh = true;
	return p;
fail:
	strbuf_free(&txt);
	dkim_key_free(p->key);
	free(p);
	return NULL;
}

int
copier_key(struct copier *c, const char *domain, const char *selector,
    const void *pem, size_t len, struct err *e)
{
	struct signing_part *p = part_new(domain, selector, pem, len, e), *old;
	struct signing_key *k;

	if (p == NULL)
		return -1;
	if ((k = key_exact(c, domain)) == NULL) {
		k = xcalloc(1, sizeof(*k));
		snprintf(k->domain, sizeof(k->domain), "%s", domain);
		TAILQ_INSERT_HEAD(&c->keys, k, entry);
	}
	old = k->part[dkim_key_type(p->key)];
	k->part[dkim_key_type(p->key)] = p;
	part_free(c, old);
	return 0;
}

static bool
key_used(struct copier *c, const struct signing_key *k)
{
	struct compiled *cc;

	TAILQ_FOREACH(cc, &c->campaigns, entry)
		if (cc->signer == k)
			return true;
	return false;
}

void
copier_keys_done(struct copier *c)
{
	struct signing_key *k, *after;

	for (k = TAILQ_FIRST(&c->keys); k != NULL; k = after) {
		bool fresh = false;

		after = TAILQ_NEXT(k, entry);
		for (size_t i = 0; i < DKIM_KEY_TYPES; i++)
			fresh = fresh || (k->part[i] != NULL &&
			    k->part[i]->fresh);
		/* A running campaign goes on with the key it has (R55). */
		if (!fresh && !key_used(c, k)) {
			key_free(c, k);
			continue;
		}
		for (size_t i = 0; i < DKIM_KEY_TYPES; i++) {
			if (k->part[i] == NULL)
				continue;
			if (fresh && !k->part[i]->fresh) {
				part_free(c, k->part[i]);
				k->part[i] = NULL;
				continue;
			}
			k->part[i]->fresh = false;
		}
	}
}

void
copier_keys_free(struct copier *c)
{
	struct signing_key *k;

	while ((k = TAILQ_FIRST(&c->keys)) != NULL)
		key_free(c, k);
}
