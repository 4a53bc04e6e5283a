/* SPDX-License-Identifier: Apache-2.0 */
/*
 * deliver_names.c - what queue asks a deliver role: where mail goes, what text
 * a name has, and whether one of our keys is published.
 *
 * An answer that comes when another queue role has taken over is dropped: the
 * new one has its own questions.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/dkim_key.h"
#include "lib/err.h"
#include "lib/strbuf.h"
#include "lib/xmalloc.h"
#include "listd/copier.h"
#include "listd/deliver_link.h"
#include "listd/deliver_private.h"
#include "listd/policy.h"
#include "listd/resolver.h"

/* What a lookup must remember until it calls back. */
struct asked {
	struct deliver	*dl;
	uint32_t	 request;
	uint64_t	 epoch;
};

static struct asked *
ask(struct deliver *dl, uint32_t request)
{
	struct asked *a = xmalloc(sizeof(*a));

	*a = (struct asked){ dl, request, dl->epoch };
	return a;
}

static void
on_route(void *arg, const struct ipc_route *route)
{
	struct asked *a = arg;
	struct ipc_route answer = *route;
	struct strbuf b = STRBUF_INIT(IPC_FRAME_MAX);

	answer.request = a->request;
	ipc_put_route(&b, &answer);
	if (a->epoch == a->dl->epoch)
		deliver_link_send(a->dl->link, IPC_RESOLVED, &b);
	strbuf_free(&b);
	free(a);
}

void
frame_resolve(struct deliver *dl, struct unpack *u)
{
	uint32_t request = unpack_u32(u);
	uint8_t any_tls = unpack_u8(u);
	char domain[256];

	unpack_str(u, domain, sizeof(domain));
	if (unpack_done(u))
		policy_route(dl->policies, domain, any_tls != 0, on_route,
		    ask(dl, request));
}

static void
on_txt(void *arg, enum ipc_dns status, const char *const *text, size_t n)
{
	struct asked *a = arg;
	struct strbuf b = STRBUF_INIT(IPC_FRAME_MAX);

	pack_u32(&b, a->request);
	pack_u8(&b, (uint8_t)status);
	pack_u16(&b, (uint16_t)n);
	for (size_t i = 0; i < n; i++)
		pack_str(&b, text[i]);
	if (a->epoch == a->dl->epoch)
		deliver_link_send(a->dl->link, IPC_TXT, &b);
	strbuf_free(&b);
	free(a);
}

void
frame_lookup_txt(struct deliver *dl, struct unpack *u)
{
	uint32_t request = unpack_u32(u);
	char name[256];

	unpack_str(u, name, sizeof(name));
	if (unpack_done(u))
		resolver_txt(dl->resolver, name, on_txt, ask(dl, request));
}

/* ---- is our key published */

static void
tell_proof(struct deliver *dl, uint32_t request, enum ipc_proof proof,
    const char *text)
{
	struct strbuf b = STRBUF_INIT(IPC_FRAME_MAX);

	pack_u32(&b, request);
	pack_u8(&b, (uint8_t)proof);
	pack_str(&b, text);
	deliver_link_send(dl->link, IPC_PROVEN, &b);
	strbuf_free(&b);
}

struct proof {
	struct deliver	*dl;
	uint32_t	 request;
	uint64_t	 epoch;
	char		 domain[256];
};

/* The key is looked up again: a reload may have come in between. */
static void
on_key_txt(void *arg, enum ipc_dns status, const char *const *text, size_t n)
{
	struct proof *p = arg;
	const char *why = "no record at the selector of our key", *selector;
	const struct dkim_key *key = copier_key_of(p->dl->copier, p->domain,
	    &selector);
	enum ipc_proof proof = status == IPC_DNS_TEMPORARY ?
	    IPC_PROOF_UNSURE : IPC_PROOF_NONE;
	struct dkim_record record;

	for (size_t i = 0; i < n && key != NULL &&
	    proof != IPC_PROOF_FOUND; i++) {
		struct slice s = { (const uint8_t *)text[i],
			strlen(text[i]) };
		enum dkim_record_verdict v = dkim_key_compare(key, &s, 1,
		    &record);

		why = dkim_record_text(v);
		if (v == DKIM_RECORD_MATCH)
			proof = IPC_PROOF_FOUND;
	}
	if (p->epoch == p->dl->epoch)
		tell_proof(p->dl, p->request, proof,
		    proof == IPC_PROOF_NONE ? why : "");
	free(p);
}

void
frame_prove(struct deliver *dl, struct unpack *u)
{
	struct proof *p;
	const char *selector;
	char domain[256], name[64 + sizeof("._domainkey.") + 256];
	uint32_t request = unpack_u32(u);

	unpack_str(u, domain, sizeof(domain));
	if (!unpack_done(u))
		return;
	if (dl->copier == NULL ||
	    copier_key_of(dl->copier, domain, &selector) == NULL) {
		tell_proof(dl, request, IPC_PROOF_NONE, "we have no key of it");
		return;
	}
	p = xmalloc(sizeof(*p));
	*p = (struct proof){ .dl = dl, .request = request,
		.epoch = dl->epoch };
	snprintf(p->domain, sizeof(p->domain), "%s", domain);
	snprintf(name, sizeof(name), "%s._domainkey.%s", selector, domain);
	resolver_txt(dl->resolver, name, on_key_txt, p);
}
