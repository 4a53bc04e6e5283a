/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scheduler_query.c - questions to deliver roles: a mail route, TXT records,
 * whether a campaign compiles, whether a key is published.
 *
 * Each is asked of one role, and of another when that one dies.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "lib/err.h"
#include "lib/xmalloc.h"
#include "listd/relay.h"
#include "listd/scheduler_private.h"

/* ---- asking */

static int
any_peer(struct scheduler *s)
{
	for (unsigned i = 0; i < SCHEDULER_PEERS_MAX; i++) {
		unsigned p = (s->next_peer + i) % SCHEDULER_PEERS_MAX;

		if (s->peer[p].ready) {
			s->next_peer = p + 1;
			return (int)p;
		}
	}
	return -1;
}

/*
 * Questions about a name go to the same peer while the same ones are ready: it
 * has the answer, and what it saw of the domain's policy (listd/policy.h).
 */
static int
peer_of_name(struct scheduler *s, const char *name)
{
	unsigned ready = 0, at;

	for (unsigned i = 0; i < SCHEDULER_PEERS_MAX; i++)
		ready += s->peer[i].ready;
	if (ready == 0)
		return -1;
	at = (unsigned)(XXH3_64bits(name, strlen(name)) % ready);
	for (unsigned i = 0; ; i++)
		if (s->peer[i].ready && at-- == 0)
			return (int)i;
}

bool
query_is_route(const struct query *q)
{
	return q->kind != QUERY_TXT && q->kind != QUERY_PREPARE &&
	    q->kind != QUERY_PROVE;
}

/* The frame that asks. */
static enum ipc_type
query_frame(const struct query *q)
{
	switch (q->kind) {
	case QUERY_TXT:
		return IPC_LOOKUP_TXT;
	case QUERY_PREPARE:
		return IPC_PREPARE;
	case QUERY_PROVE:
		return IPC_PROVE;
	default:
		return IPC_RESOLVE;
	}
}

/* Ask a peer; false when there is none. */
static bool
query_send(struct scheduler *s, struct query *q)
{
	struct strbuf b = STRBUF_INIT(512);
	int peer = q->name[0] != '\0' ? peer_of_name(s, q->name) :
	    any_peer(s);

	if (peer == -1)
		return false;
	q->peer = (unsigned)peer;
	pack_u32(&b, q->id);
	if (query_is_route(q))
		pack_u8(&b, q->any_tls);
	if (q->kind == QUERY_PREPARE)
		pack_u32(&b, q->campaign);
	else
		pack_str(&b, q->name);
	s->p.send(s->p.arg, q->peer, query_frame(q), &b);
	strbuf_free(&b);
	return true;
}

struct query *
query_new(struct scheduler *s, enum query_kind kind, const char *name)
{
	struct query *q = xcalloc(1, sizeof(*q));

	q->kind = kind;
	q->id = ++s->next_query;
	strcpy(q->name, name);
	hash_add(&s->queries, &q->by_id, q->id);
	if (query_is_route(q))
		s->nlookups++;
	return q;
}

void
query_free(struct scheduler *s, struct query *q)
{
	hash_del(&s->queries, &q->by_id);
	if (query_is_route(q))
		s->nlookups--;
	if (q->run != NULL)
		q->run->asking--;
	free(q);
}

/* It cannot be asked, now or ever: tell who waits, or let it wait. */
static void
query_fail(struct scheduler *s, struct query *q)
{
	switch (q->kind) {
	case QUERY_FRESH:
		idlist_add(&q->run->small, q->domain);
		break;
	case QUERY_OPEN:	/* it is to be asked again in any case */
		break;
	case QUERY_RETRY:
		dues_earlier(s->retries, q->domain, sched_now(s));
		break;
	case QUERY_NOTICE:
		dues_earlier(s->notices, q->notice, sched_now(s));
		break;
	case QUERY_TEST:
		q->test->done(q->test->arg, NULL, "no deliver role is ready");
		free(q->test);
		break;
	case QUERY_TXT:
		q->txt(q->arg, IPC_DNS_TEMPORARY, NULL, 0);
		break;
	case QUERY_PREPARE:
		q->prepared(q->arg, NULL);
		break;
	case QUERY_PROVE:
		q->proven(q->arg, IPC_PROOF_UNSURE,
		    "no deliver role is ready");
		break;
	case QUERY_SITE:
		q->found(q->arg, NULL, IPC_DNS_TEMPORARY,
		    "no deliver role is ready");
		break;
	}
	query_free(s, q);
}

/* By relays the way is known. */
void
query_go(struct scheduler *s, struct query *q)
{
	static struct ipc_route r;	/* 6 KB */

	if (s->nrelays > 0 && query_is_route(q)) {
		relays_route(s, &r);
		route_answered(s, q, &r);
	} else if (!query_send(s, q)) {
		query_fail(s, q);
	}
}

/* ---- answers */

int
lookup_txt(struct scheduler *s, struct slice payload, struct err *e)
{
	struct slice text[64];
	struct unpack u;
	struct query *q;
	uint32_t id;
	uint8_t status;
	uint16_t n;

	unpack_init(&u, payload.p, payload.len);
	id = unpack_u32(&u);
	status = unpack_u8(&u);
	n = unpack_u16(&u);
	if (n > 64)
		u.bad = true;
	for (uint16_t i = 0; i < n && !u.bad; i++)
		text[i] = unpack_bytes(&u);
	if (!unpack_done(&u) || status > IPC_DNS_SELF) {
		err_set(e, ERR_INPUT, "a malformed frame: txt");
		return -1;
	}
	q = HASH_OF(hash_find(&s->queries, id), struct query, by_id);
	if (q != NULL && q->kind == QUERY_TXT) {
		q->txt(q->arg, (enum ipc_dns)status, text, n);
		query_free(s, q);
	}
	return 0;
}

int
lookup_proven(struct scheduler *s, struct slice payload, struct err *e)
{
	char text[IPC_TEXT_MAX + 1];
	struct unpack u;
	struct query *q;
	uint32_t id;
	uint8_t found;

	unpack_init(&u, payload.p, payload.len);
	id = unpack_u32(&u);
	found = unpack_u8(&u);
	unpack_str(&u, text, sizeof(text));
	if (!unpack_done(&u) || found > IPC_PROOF_UNSURE) {
		err_set(e, ERR_INPUT, "a malformed frame: proven");
		return -1;
	}
	q = HASH_OF(hash_find(&s->queries, id), struct query, by_id);
	if (q != NULL && q->kind == QUERY_PROVE) {
		q->proven(q->arg, (enum ipc_proof)found, text);
		query_free(s, q);
	}
	return 0;
}

int
lookup_prepared(struct scheduler *s, struct slice payload, struct err *e)
{
	struct ipc_prepared p;
	struct unpack u;
	struct query *q;

	unpack_init(&u, payload.p, payload.len);
	ipc_get_prepared(&u, &p);
	if (!unpack_done(&u)) {
		err_set(e, ERR_INPUT, "a malformed frame: prepared");
		return -1;
	}
	q = HASH_OF(hash_find(&s->queries, p.request), struct query, by_id);
	if (q != NULL && q->kind == QUERY_PREPARE) {
		q->prepared(q->arg, &p);
		query_free(s, q);
	}
	return 0;
}

/* ---- ends */

void
lookups_peer_down(struct scheduler *s, unsigned peer)
{
	struct hash_link *l, *next = NULL;
	size_t at = 0;

	while ((l = hash_each(&s->queries, &at, &next)) != NULL) {
		struct query *q = HASH_OF(l, struct query, by_id);

		if (q->peer == peer)
			query_go(s, q);
	}
}

void
lookups_free(struct scheduler *s)
{
	struct hash_link *l, *next = NULL;
	size_t at = 0;

	while ((l = hash_each(&s->queries, &at, &next)) != NULL) {
		struct query *q = HASH_OF(l, struct query, by_id);

		if (query_is_route(q) && q->kind != QUERY_TEST &&
		    q->kind != QUERY_SITE)
			query_free(s, q);
		else
			query_fail(s, q);
	}
}

/* ---- for others */

void
scheduler_prepare(struct scheduler *s, uint32_t campaign,
    void (*done)(void *, const struct ipc_prepared *), void *arg)
{
	struct query *q = query_new(s, QUERY_PREPARE, "");

	q->campaign = campaign;
	q->prepared = done;
	q->arg = arg;
	query_go(s, q);
}

void
scheduler_lookup_txt(struct scheduler *s, const char *name,
    void (*done)(void *, enum ipc_dns, const struct slice *, size_t),
    void *arg)
{
	struct query *q;

	if (strlen(name) >= sizeof(q->name)) {
		done(arg, IPC_DNS_NXDOMAIN, NULL, 0);
		return;
	}
	q = query_new(s, QUERY_TXT, name);
	q->txt = done;
	q->arg = arg;
	query_go(s, q);
}

void
scheduler_prove(struct scheduler *s, const char *domain,
    void (*done)(void *, enum ipc_proof, const char *), void *arg)
{
	struct query *q;

	if (strlen(domain) >= sizeof(q->name)) {
		done(arg, IPC_PROOF_NONE, "no such domain");
		return;
	}
	q = query_new(s, QUERY_PROVE, domain);
	q->proven = done;
	q->arg = arg;
	query_go(s, q);
}

void
lookup_site(struct scheduler *s, const char *domain,
    void (*found)(void *, struct site *, enum ipc_dns, const char *),
    void *arg)
{
	struct query *q;

	if (strlen(domain) >= sizeof(q->name)) {
		found(arg, NULL, IPC_DNS_NXDOMAIN, "no such domain");
		return;
	}
	q = query_new(s, QUERY_SITE, domain);
	q->found = found;
	q->arg = arg;
	query_go(s, q);
}

void
scheduler_test(struct scheduler *s, const struct scheduler_test *t)
{
	size_t llen = strlen(t->local) + 1, dlen = strlen(t->domain) + 1;
	struct scheduler_test *copy;
	struct query *q;
	char *text;

	if (llen > 256 || dlen > sizeof(q->name)) {
		t->done(t->arg, NULL, "the address is too long");
		return;
	}
	copy = xcalloc(1, sizeof(*copy) + llen + dlen);
	*copy = *t;
	text = (char *)(copy + 1);
	memcpy(text, t->local, llen);
	memcpy(text + llen, t->domain, dlen);
	copy->local = text;
	copy->domain = text + llen;
	q = query_new(s, QUERY_TEST, copy->domain);
	q->test = copy;
	query_go(s, q);
}

void
test_reroute(struct scheduler *s, struct delivery *d)
{
	struct query *q = query_new(s, QUERY_TEST, d->domain_name);

	q->test = d->test;
	d->test = NULL;
	delivery_free(s, d);
	query_go(s, q);
}
