/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resolver.c - names to mail routes, addresses and text records.
 *
 * A lookup asks one or two questions; each answer is read from the packet into
 * the lookup at once, for the packet belongs to libunbound.  When the last one
 * is in, the lookup is finished from a zero timer, because libunbound answers
 * cached questions before ub_resolve_event() returns.
 */
#include "config.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <event2/event.h>
#include <unbound.h>
#include <unbound-event.h>

#include "lib/dns_packet.h"
#include "lib/err.h"
#include "lib/tlsa.h"
#include "lib/xmalloc.h"
#include "listd/resolver_private.h"

#define QUESTIONS	2	/* of one lookup: A and AAAA */

enum lookup_kind {
	LOOKUP_ROUTE, LOOKUP_ADDRESSES, LOOKUP_ALIAS, LOOKUP_TXT, LOOKUP_TLSA,
};

struct question {
	struct resolver_lookup	*lookup;	/* NULL: cancelled */
	enum dns_type		 type;
	bool			 open;
};

struct resolver_lookup {
	TAILQ_ENTRY(resolver_lookup) entry;
	struct resolver		*resolver;
	struct upstream		*upstream;
	enum lookup_kind	 kind;
	char			 name[DNS_NAME_MAX];
	bool			 cancelled;
	struct question		 question[QUESTIONS];
	unsigned		 waiting;	/* answers not in yet */
	enum ipc_dns		 status;	/* the best so far */
	struct event		*finish;
	struct ipc_route	 route;
	bool			 insecure;	/* one answer was not signed */
	struct resolver_host	 host;
	struct tlsa_set		*tlsa;		/* NULL: not asked for */
	char			*text[RESOLVER_TXT_MAX];
	size_t			 texts;
	union {
		void	(*route)(void *, const struct ipc_route *);
		void	(*addresses)(void *, const struct resolver_host *);
		void	(*alias)(void *, enum ipc_dns, bool);
		void	(*tlsa)(void *, enum ipc_dns, bool,
			    const struct tlsa_set *);
		void	(*txt)(void *, enum ipc_dns, const char *const *,
			    size_t);
	} done;
	void			*arg;
};

/* ---- answers */

/* Of more than there is room for those that are tried first are kept. */
static void
take_mx(struct resolver_lookup *l, const struct dns_record *r)
{
	struct ipc_route *route = &l->route;
	struct ipc_host *h = &route->host[0];

	if (route->n < IPC_HOSTS_MAX) {
		h = &route->host[route->n++];
	} else {
		for (uint16_t i = 1; i < route->n; i++)
			if (route->host[i].preference > h->preference)
				h = &route->host[i];
		if (h->preference <= r->preference)
			return;
	}
	snprintf(h->name, sizeof(h->name), "%s", r->name);
	h->preference = r->preference;
}

static void
take_address(struct resolver_lookup *l, const struct dns_record *r)
{
	struct resolver_host *h = &l->host;
	struct resolver_address *a;
	size_t at = h->n;

	if (h->n == RESOLVER_ADDRESSES_MAX)
		return;
	/* IPv4 stays before IPv6, whichever answer came first. */
	if (r->type == DNS_A)
		for (at = 0; at < h->n && h->address[at].family == 4;)
			at++;
	a = &h->address[at];
	memmove(a + 1, a, (h->n - at) * sizeof(*a));
	*a = (struct resolver_address){ .family = r->type == DNS_A ? 4 : 6 };
	memcpy(a->ip, r->ip, sizeof(a->ip));
	h->n++;
}

static void
take_record(struct resolver_lookup *l, const struct dns_record *r)
{
	if (r->ttl_s < l->route.ttl_s)
		l->route.ttl_s = r->ttl_s;
	switch (r->type) {
	case DNS_MX:
		take_mx(l, r);
		break;
	case DNS_A:
	case DNS_AAAA:
		take_address(l, r);
		break;
	case DNS_TXT:
		if (l->texts < RESOLVER_TXT_MAX)
			l->text[l->texts++] = xstrdup(r->text);
		break;
	case DNS_TLSA:
		if (!l->insecure)
			tlsa_add(l->tlsa, (const uint8_t *)r->text,
			    r->text_len, NULL);
		break;
	default:
		break;
	}
}

/*
 * What one packet says; records are added to l.  A fault does not make l
 * insecure: who can suppress one answer must not take the other one's DNSSEC
 * away with it, for without it nobody asks for TLSA records (RFC 7672 section
 * 2.1.1).
 */
static enum ipc_dns
read_answer(struct resolver_lookup *l, enum dns_type type, int rcode,
    const void *packet, int len, int sec)
{
	struct dns_packet d;
	struct dns_record r;
	unsigned iter = 0, n = 0;
	bool bad;

	/* sec 1 is bogus: somebody changed the answer on its way. */
	if (sec == 1 || packet == NULL || len <= 0 || rcode != 0 ||
	    !dns_packet_open(&d, packet, (size_t)len, l->name) ||
	    (d.rcode != 0 && d.rcode != 3) || d.loop)
		return IPC_DNS_TEMPORARY;
	if (sec != 2)
		l->insecure = true;
	if (d.rcode == 3)
		return IPC_DNS_NXDOMAIN;
	if (strcasecmp(d.owner, l->name) != 0)
		snprintf(l->host.alias, sizeof(l->host.alias), "%s", d.owner);
	while (dns_packet_next(&d, type, &iter, &r, &bad)) {
		take_record(l, &r);
		n++;
	}
	if (bad)
		return IPC_DNS_TEMPORARY;
	return n > 0 ? IPC_DNS_OK : IPC_DNS_NODATA;
}

/*
 * Two answers about one name: records win; then a fault, because the missing
 * half might have held one; then "no such name".
 */
static enum ipc_dns
join_status(enum ipc_dns a, enum ipc_dns b)
{
	if (a == IPC_DNS_OK || b == IPC_DNS_OK)
		return IPC_DNS_OK;
	if (a == IPC_DNS_TEMPORARY || b == IPC_DNS_TEMPORARY)
		return IPC_DNS_TEMPORARY;
	return a == IPC_DNS_NXDOMAIN && b == a ? a : IPC_DNS_NODATA;
}

/* ---- questions */

static void
lookup_free(struct resolver_lookup *l)
{
	struct resolver *r = l->resolver;

	/* Not here: libunbound may be what called us. */
	if (--l->upstream->lookups == 0 && l->upstream != r->now)
		event_active(r->sweep, EV_TIMEOUT, 0);
	TAILQ_REMOVE(&l->resolver->lookups, l, entry);
	for (size_t i = 0; i < l->texts; i++)
		free(l->text[i]);
	if (l->tlsa != NULL)
		tlsa_clear(l->tlsa);
	free(l->tlsa);
	if (l->finish != NULL)
		event_free(l->finish);
	free(l);
}

static void
lookup_answered(struct resolver_lookup *l, enum ipc_dns status, bool first)
{
	static const struct timeval now = { 0, 0 };

	l->status = first ? status : join_status(l->status, status);
	if (l->waiting > 0)
		return;
	if (l->cancelled)
		lookup_free(l);
	else
		event_add(l->finish, &now);
}

static void
on_answer(void *arg, int rcode, void *packet, int len, int sec,
    char *why, int limited)
{
	struct question *q = arg;
	struct resolver_lookup *l = q->lookup;
	bool first = l->waiting == (l->question[1].lookup != NULL ? 2u : 1u);

	(void)why;
	(void)limited;
	q->open = false;
	l->waiting--;
	lookup_answered(l, l->cancelled ? IPC_DNS_TEMPORARY :
	    read_answer(l, q->type, rcode, packet, len, sec), first);
}

static void
ask(struct resolver_lookup *l, enum dns_type first, enum dns_type second)
{
	enum dns_type type[QUESTIONS] = { first, second };
	unsigned n = second != 0 ? 2 : 1;

	l->waiting = n;
	for (unsigned i = 0; i < QUESTIONS; i++)
		l->question[i] = (struct question){ i < n ? l : NULL, type[i],
			i < n };
	for (unsigned i = 0; i < n; i++) {
		int rc = ub_resolve_event(l->upstream->ub, l->name,
		    (int)type[i], 1, &l->question[i], on_answer, NULL);

		/* Out of memory, or a name libunbound cannot pack. */
		if (rc != 0)
			on_answer(&l->question[i], 2, NULL, 0, 0, NULL, 0);
	}
}

/* ---- routes */

/* The lowest preference first; who connects shuffles those that are equal. */
static int
host_order(const void *a, const void *b)
{
	const struct ipc_host *one = a, *other = b;

	if (one->preference != other->preference)
		return one->preference < other->preference ? -1 : 1;
	return strcasecmp(one->name, other->name);
}

static bool
is_own_name(const struct resolver *r, const char *name)
{
	for (size_t i = 0; i < r->nown; i++)
		if (strcasecmp(name, r->own[i]) == 0)
			return true;
	return false;
}

/* RFC 5321 section 5.1: drop ourselves and all that come no earlier. */
static void
drop_self(struct ipc_route *route, const struct resolver *r)
{
	unsigned own = UINT16_MAX + 1u;
	uint16_t n = 0;

	for (uint16_t i = 0; i < route->n; i++)
		if (is_own_name(r, route->host[i].name) &&
		    route->host[i].preference < own)
			own = route->host[i].preference;
	for (uint16_t i = 0; i < route->n; i++)
		if (route->host[i].preference < own)
			route->host[n++] = route->host[i];
	if (n == 0 && route->n > 0)
		route->status = IPC_DNS_SELF;
	route->n = n;
}

/* RFC 2181 section 10.3: an MX names a host, never its address. */
static bool
is_address(const char *name)
{
	uint8_t ip[16];

	return inet_pton(AF_INET, name, ip) == 1 ||
	    inet_pton(AF_INET6, name, ip) == 1;
}

/* The root is none, and means no mail when it stands alone (RFC 7505). */
static void
drop_no_hosts(struct ipc_route *route)
{
	uint16_t n = 0;
	bool addresses = false;

	for (uint16_t i = 0; i < route->n; i++) {
		if (is_address(route->host[i].name))
			addresses = true;
		else if (route->host[i].name[0] != '\0')
			route->host[n++] = route->host[i];
	}
	/* Somebody's slip, who will see it: it is no word that none is taken. */
	if (n == 0 && addresses)
		route->status = IPC_DNS_TEMPORARY;
	else if (n == 0 && route->n > 0)
		route->status = IPC_DNS_NULL_MX;
	route->n = n;
}

static void
route_text(struct ipc_route *route, const char *domain)
{
	static const char *const said[] = {
		[IPC_DNS_OK] = "", [IPC_DNS_NODATA] = "no MX and no address",
		[IPC_DNS_NXDOMAIN] = "no such domain",
		[IPC_DNS_TEMPORARY] = "name service failed",
		[IPC_DNS_NULL_MX] = "the domain takes no mail (null MX)",
		[IPC_DNS_SELF] = "its mail routes lead back to this host",
	};

	if (route->status != IPC_DNS_OK)
		snprintf(route->text, sizeof(route->text), "%s: %s", domain,
		    said[route->status]);
}

static void
finish_route(struct resolver_lookup *l)
{
	struct ipc_route *route = &l->route;

	/* No MX: the domain itself, if it has an address (5.1, implicit MX). */
	if (l->status == IPC_DNS_NODATA && !route->implicit &&
	    l->question[0].type == DNS_MX) {
		route->implicit = true;
		ask(l, DNS_A, DNS_AAAA);
		return;
	}
	route->status = l->status;
	if (route->implicit && l->status == IPC_DNS_OK) {
		snprintf(route->host[0].name, sizeof(route->host[0].name),
		    "%s", l->name);
		route->n = 1;
	}
	route->secure = !l->insecure;
	if (route->secure)
		memcpy(route->alias, l->host.alias, sizeof(route->alias));
	drop_no_hosts(route);
	if (route->status == IPC_DNS_OK) {
		qsort(route->host, route->n, sizeof(route->host[0]),
		    host_order);
		drop_self(route, l->resolver);
	}
	if (route->ttl_s == UINT32_MAX)
		route->ttl_s = RESOLVER_TTL_NEGATIVE_S;
	if (route->ttl_s < RESOLVER_TTL_MIN_S)
		route->ttl_s = RESOLVER_TTL_MIN_S;
	if (route->ttl_s > RESOLVER_TTL_MAX_S)
		route->ttl_s = RESOLVER_TTL_MAX_S;
	route_text(route, l->name);
	l->done.route(l->arg, route);
	lookup_free(l);
}

static void
on_finish(evutil_socket_t fd, short what, void *arg)
{
	struct resolver_lookup *l = arg;

	(void)fd;
	(void)what;
	if (l->cancelled) {
		lookup_free(l);
		return;
	}
	switch (l->kind) {
	case LOOKUP_ROUTE:
		finish_route(l);
		return;
	case LOOKUP_ADDRESSES:
		l->host.status = l->status;
		l->host.secure = !l->insecure;
		l->done.addresses(l->arg, &l->host);
		break;
	case LOOKUP_ALIAS:
		l->done.alias(l->arg, l->status, !l->insecure);
		break;
	case LOOKUP_TLSA:
		l->done.tlsa(l->arg, l->status, !l->insecure, l->tlsa);
		break;
	case LOOKUP_TXT:
		l->done.txt(l->arg, l->status, (const char *const *)l->text,
		    l->texts);
		break;
	}
	lookup_free(l);
}

static struct resolver_lookup *
lookup_new(struct resolver *r, enum lookup_kind kind, const char *name,
    void *arg)
{
	struct resolver_lookup *l = xcalloc(1, sizeof(*l));

	l->resolver = r;
	l->upstream = r->now;
	l->upstream->lookups++;
	l->kind = kind;
	l->arg = arg;
	l->route.ttl_s = UINT32_MAX;
	snprintf(l->name, sizeof(l->name), "%s", name);
	TAILQ_INSERT_TAIL(&r->lookups, l, entry);
	if ((l->finish = evtimer_new(r->base, on_finish, l)) == NULL)
		abort();		/* no memory for a fixed size */
	return l;
}

struct resolver_lookup *
resolver_route(struct resolver *r, const char *domain,
    void (*done)(void *, const struct ipc_route *), void *arg)
{
	struct resolver_lookup *l = lookup_new(r, LOOKUP_ROUTE, domain, arg);

	l->done.route = done;
	ask(l, DNS_MX, 0);
	return l;
}

struct resolver_lookup *
resolver_addresses(struct resolver *r, const char *host,
    void (*done)(void *, const struct resolver_host *), void *arg)
{
	struct resolver_lookup *l = lookup_new(r, LOOKUP_ADDRESSES, host, arg);
	struct dns_record literal = { .type = DNS_A };

	l->done.addresses = done;
	if (inet_pton(AF_INET, host, literal.ip) != 1) {
		literal.type = DNS_AAAA;
		if (inet_pton(AF_INET6, host, literal.ip) != 1) {
			ask(l, DNS_A, DNS_AAAA);
			return l;
		}
	}
	l->insecure = true;
	take_address(l, &literal);
	lookup_answered(l, IPC_DNS_OK, true);
	return l;
}

struct resolver_lookup *
resolver_alias(struct resolver *r, const char *host,
    void (*done)(void *, enum ipc_dns, bool), void *arg)
{
	struct resolver_lookup *l = lookup_new(r, LOOKUP_ALIAS, host, arg);

	l->done.alias = done;
	ask(l, DNS_CNAME, 0);
	return l;
}

struct resolver_lookup *
resolver_txt(struct resolver *r, const char *name,
    void (*done)(void *, enum ipc_dns, const char *const *, size_t),
    void *arg)
{
	struct resolver_lookup *l = lookup_new(r, LOOKUP_TXT, name, arg);

	l->done.txt = done;
	ask(l, DNS_TXT, 0);
	return l;
}

struct resolver_lookup *
resolver_tlsa(struct resolver *r, const char *host, uint16_t port,
    void (*done)(void *, enum ipc_dns, bool, const struct tlsa_set *),
    void *arg)
{
	char name[TLSA_NAME_MAX];
	bool good = tlsa_name(name, port, host);
	struct resolver_lookup *l = lookup_new(r, LOOKUP_TLSA,
	    good ? name : host, arg);

	l->done.tlsa = done;
	l->tlsa = xcalloc(1, sizeof(*l->tlsa));
	if (good)
		ask(l, DNS_TLSA, 0);
	else		/* a name that long has no records */
		lookup_answered(l, IPC_DNS_NXDOMAIN, true);
	return l;
}

void
resolver_cancel(struct resolver_lookup *l)
{
	if (l->waiting > 0)
		l->cancelled = true;	/* libunbound still holds it */
	else
		lookup_free(l);
}

void
resolver_drop_lookups(struct resolver *r)
{
	struct resolver_lookup *l;

	while ((l = TAILQ_FIRST(&r->lookups)) != NULL)
		lookup_free(l);
}
