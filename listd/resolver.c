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

#include <sys/queue.h>

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <event2/event.h>
#include <openssl/rand.h>
#include <unbound.h>
#include <unbound-event.h>

#include "lib/conf.h"
#include "lib/dns_packet.h"
#include "lib/err.h"
#include "lib/strbuf.h"
#include "lib/xmalloc.h"
#include "listd/resolver.h"

#define RESOLV_CONF_MAX	(64u << 10)
#define QUESTIONS	2	/* of one lookup: A and AAAA */

enum lookup_kind { LOOKUP_ROUTE, LOOKUP_ADDRESSES, LOOKUP_TXT };

struct question {
	struct resolver_lookup	*lookup;	/* NULL: cancelled */
	enum dns_type		 type;
	bool			 open;
};

/* One libunbound, with what it was told; a reload may put another there. */
struct upstream {
	TAILQ_ENTRY(upstream)	 entry;
	struct ub_ctx		*ub;
	struct strbuf		 settings;	/* servers and anchors, lines */
	size_t			 lookups;	/* that rest on it */
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
	struct resolver_address	 address[RESOLVER_ADDRESSES_MAX];
	size_t			 addresses;
	char			*text[RESOLVER_TXT_MAX];
	size_t			 texts;
	union {
		void	(*route)(void *, const struct ipc_route *);
		void	(*addresses)(void *, enum ipc_dns,
			    const struct resolver_address *, size_t);
		void	(*txt)(void *, enum ipc_dns, const char *const *,
			    size_t);
	} done;
	void			*arg;
};

struct resolver {
	struct event_base	*base;
	struct upstream		*now;
	TAILQ_HEAD(, upstream)	 upstreams;	/* now, and those before it */
	struct event		*sweep;		/* of the old ones, from the loop */
	struct conf_smarthosts	 smarthosts;	/* n 0: by MX */
	char			 hostname[CONF_NAME_MAX];
	TAILQ_HEAD(, resolver_lookup) lookups;
};

/* ---- answers */

static void
take_mx(struct resolver_lookup *l, const struct dns_record *r)
{
	struct ipc_route *route = &l->route;

	if (route->n == IPC_HOSTS_MAX)
		return;
	snprintf(route->host[route->n].name, sizeof(route->host[0].name), "%s",
	    r->name);
	route->host[route->n++].preference = r->preference;
}

static void
take_address(struct resolver_lookup *l, const struct dns_record *r)
{
	struct resolver_address *a;
	size_t at = l->addresses;

	if (l->addresses == RESOLVER_ADDRESSES_MAX)
		return;
	/* IPv4 stays before IPv6, whichever answer came first. */
	if (r->type == DNS_A)
		for (at = 0; at < l->addresses && l->address[at].family == 4;)
			at++;
	a = &l->address[at];
	memmove(a + 1, a, (l->addresses - at) * sizeof(*a));
	*a = (struct resolver_address){ .family = r->type == DNS_A ? 4 : 6 };
	memcpy(a->ip, r->ip, sizeof(a->ip));
	l->addresses++;
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
	default:
		break;
	}
}

/* What one packet says; records are added to l. */
static enum ipc_dns
read_answer(struct resolver_lookup *l, enum dns_type type, int rcode,
    const void *packet, int len, int sec)
{
	struct dns_packet d;
	struct dns_record r;
	unsigned iter = 0, n = 0;
	bool bad;

	/* sec 1 is bogus: somebody changed the answer on its way. */
	if (sec == 1 || packet == NULL || len <= 0 ||
	    !dns_packet_open(&d, packet, (size_t)len, l->name))
		return rcode == 3 ? IPC_DNS_NXDOMAIN : IPC_DNS_TEMPORARY;
	if (d.rcode == 3)
		return IPC_DNS_NXDOMAIN;
	if (d.rcode != 0 || rcode != 0 || d.loop)
		return IPC_DNS_TEMPORARY;
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

static uint32_t
random_below(uint32_t n)
{
	uint32_t x;

	if (RAND_bytes((unsigned char *)&x, sizeof(x)) != 1)
		return 0;
	return x % n;
}

/* Lowest preference first; equal ones in random order (RFC 5321 5.1). */
static void
sort_hosts(struct ipc_route *route)
{
	for (uint16_t i = 1; i < route->n; i++) {
		uint16_t j = (uint16_t)random_below(i + 1u);
		struct ipc_host tmp = route->host[i];

		route->host[i] = route->host[j];
		route->host[j] = tmp;
	}
	for (uint16_t i = 1; i < route->n; i++) {
		struct ipc_host tmp = route->host[i];
		uint16_t j = i;

		for (; j > 0 && route->host[j - 1].preference > tmp.preference;
		    j--)
			route->host[j] = route->host[j - 1];
		route->host[j] = tmp;
	}
}

/* RFC 5321 section 5.1: drop ourselves and all that come no earlier. */
static void
drop_self(struct ipc_route *route, const char *hostname)
{
	unsigned own = UINT16_MAX + 1u;
	uint16_t n = 0;

	for (uint16_t i = 0; i < route->n; i++)
		if (strcasecmp(route->host[i].name, hostname) == 0 &&
		    route->host[i].preference < own)
			own = route->host[i].preference;
	for (uint16_t i = 0; i < route->n; i++)
		if (route->host[i].preference < own)
			route->host[n++] = route->host[i];
	if (n == 0 && route->n > 0)
		route->status = IPC_DNS_SELF;
	route->n = n;
}

static void
drop_root_names(struct ipc_route *route)
{
	uint16_t n = 0;

	for (uint16_t i = 0; i < route->n; i++)
		if (route->host[i].name[0] != '\0')
			route->host[n++] = route->host[i];
	if (n == 0 && route->n > 0)
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
	drop_root_names(route);
	if (route->status == IPC_DNS_OK) {
		sort_hosts(route);
		drop_self(route, l->resolver->hostname);
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
		l->done.addresses(l->arg, l->status, l->address, l->addresses);
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

/* Relays are tried in the order of the configuration. */
uint16_t
resolver_smarthosts(const struct conf_smarthosts *list,
    struct ipc_host host[static IPC_HOSTS_MAX])
{
	uint16_t n = 0;

	for (; n < list->n && n < IPC_HOSTS_MAX; n++) {
		const struct conf_smarthost *sh = &list->v[n];
		bool six = strchr(sh->host, ':') != NULL;

		host[n].preference = n;
		snprintf(host[n].name, sizeof(host[n].name), "%s%.240s%s:%u",
		    six ? "[" : "", sh->host, six ? "]" : "", sh->port);
	}
	return n;
}

struct resolver_lookup *
resolver_route(struct resolver *r, const char *domain,
    void (*done)(void *, const struct ipc_route *), void *arg)
{
	struct resolver_lookup *l = lookup_new(r, LOOKUP_ROUTE, domain, arg);

	l->done.route = done;
	if (r->smarthosts.n == 0) {
		ask(l, DNS_MX, 0);
		return l;
	}
	l->route.n = resolver_smarthosts(&r->smarthosts, l->route.host);
	l->route.ttl_s = RESOLVER_TTL_NEGATIVE_S;	/* a reload ends it */
	lookup_answered(l, IPC_DNS_OK, true);
	return l;
}

struct resolver_lookup *
resolver_addresses(struct resolver *r, const char *host,
    void (*done)(void *, enum ipc_dns, const struct resolver_address *,
    size_t), void *arg)
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
	take_address(l, &literal);
	lookup_answered(l, IPC_DNS_OK, true);
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

void
resolver_cancel(struct resolver_lookup *l)
{
	if (l->waiting > 0)
		l->cancelled = true;	/* libunbound still holds it */
	else
		lookup_free(l);
}

/* ---- set-up */

static int
ub_try(int rc, const char *what, struct err *e)
{
	if (rc == 0)
		return 0;
	err_set(e, ERR_SYSTEM, "resolver: %s: %s", what, ub_strerror(rc));
	return -1;
}

/* The settings are lines: S and a server, or A and a trust anchor. */
static int
apply_settings(struct upstream *up, struct err *e)
{
	char *text = xstrdup(up->settings.len > 0 ? up->settings.s : "");
	char *line, *save = NULL;
	int ret = 0;

	for (line = strtok_r(text, "\n", &save); line != NULL && ret == 0;
	    line = strtok_r(NULL, "\n", &save))
		ret = line[0] == 'S' ?
		    ub_try(ub_ctx_set_fwd(up->ub, line + 1), line + 1, e) :
		    ub_try(ub_ctx_add_ta(up->ub, line + 1), "trust anchor", e);
	free(text);
	return ret;
}

static int
read_fd(int fd, struct strbuf *b, struct err *e)
{
	char buf[4096];
	ssize_t n;
	off_t at = 0;

	while ((n = pread(fd, buf, sizeof(buf), at)) > 0) {
		strbuf_add(b, buf, (size_t)n);
		at += n;
	}
	if (n == -1 || b->overflow) {
		err_set(e, ERR_SYSTEM, "resolver: cannot read its file: %s",
		    n == -1 ? strerror(errno) : "too long");
		return -1;
	}
	return 0;
}

/* The nameserver lines of resolv.conf(5). */
static int
add_resolv_conf(struct strbuf *settings, int fd, struct err *e)
{
	struct strbuf b = STRBUF_INIT(RESOLV_CONF_MAX);
	char *line, *save = NULL;
	int n = 0, ret = -1;

	if (fd == -1 || read_fd(fd, &b, e) == -1)
		goto out;
	for (line = b.len > 0 ? strtok_r(b.s, "\n", &save) : NULL;
	    line != NULL; line = strtok_r(NULL, "\n", &save)) {
		char word[16], server[64];

		if (sscanf(line, " %15s %63s", word, server) != 2 ||
		    strcmp(word, "nameserver") != 0)
			continue;
		server[strcspn(server, "%")] = '\0';	/* scope ids */
		strbuf_addf(settings, "S%s\n", server);
		n++;
	}
	if (n > 0)
		ret = 0;
out:
	if (ret == -1 && (e->code == ERR_NONE))
		err_set(e, ERR_INPUT, "resolver: resolv.conf names no server");
	strbuf_free(&b);
	return ret;
}

static int
add_anchor(struct strbuf *settings, int fd, struct err *e)
{
	struct strbuf b = STRBUF_INIT(RESOLV_CONF_MAX);
	char *line, *save = NULL;
	int ret = -1;

	if (read_fd(fd, &b, e) == -1)
		goto out;
	for (line = b.len > 0 ? strtok_r(b.s, "\n", &save) : NULL;
	    line != NULL; line = strtok_r(NULL, "\n", &save)) {
		line[strcspn(line, ";")] = '\0';
		if (line[strspn(line, " \t\r")] != '\0')
			strbuf_addf(settings, "A%s\n", line);
	}
	ret = 0;
out:
	strbuf_free(&b);
	return ret;
}

/* All that makes a new libunbound necessary when it changes. */
static int
read_settings(struct strbuf *settings, const struct conf *conf, int resolv_fd,
    int anchor_fd, struct err *e)
{
	const struct conf_server *s = &conf->resolver;
	char ip[INET6_ADDRSTRLEN];

	if (s->family == 0) {
		if (add_resolv_conf(settings, resolv_fd, e) == -1)
			return -1;
	} else {
		inet_ntop(s->family == 4 ? AF_INET : AF_INET6, s->ip, ip,
		    sizeof(ip));
		strbuf_addf(settings, "S%s@%u\n", ip,
		    s->port != 0 ? s->port : 53);
	}
	if (anchor_fd != -1 && add_anchor(settings, anchor_fd, e) == -1)
		return -1;
	if (!settings->overflow)
		return 0;
	err_set(e, ERR_LIMIT, "resolver: too many servers and anchors");
	return -1;
}

static void
upstream_free(struct resolver *r, struct upstream *up)
{
	if (up->ub != NULL)
		ub_ctx_delete(up->ub);
	TAILQ_REMOVE(&r->upstreams, up, entry);
	strbuf_free(&up->settings);
	free(up);
}

/* Ask these servers from now on; takes the settings over. */
static int
use_settings(struct resolver *r, struct strbuf *settings, struct err *e)
{
	struct upstream *up = xcalloc(1, sizeof(*up));

	up->settings = *settings;
	TAILQ_INSERT_TAIL(&r->upstreams, up, entry);
	if ((up->ub = ub_ctx_create_event(r->base)) == NULL)
		err_set(e, ERR_SYSTEM, "resolver: libunbound did not start");
	/* A local resolver, as most hosts have, counts as loopback. */
	if (up->ub == NULL ||
	    ub_try(ub_ctx_set_option(up->ub, "do-not-query-localhost:", "no"),
	    "do-not-query-localhost", e) == -1 ||
	    apply_settings(up, e) == -1) {
		upstream_free(r, up);
		return -1;
	}
	r->now = up;
	return 0;
}

static void
on_sweep(evutil_socket_t fd, short what, void *arg)
{
	struct resolver *r = arg;
	struct upstream *up, *next;

	(void)fd;
	(void)what;
	for (up = TAILQ_FIRST(&r->upstreams); up != NULL; up = next) {
		next = TAILQ_NEXT(up, entry);
		if (up != r->now && up->lookups == 0)
			upstream_free(r, up);
	}
}

int
resolver_reload(struct resolver *r, const struct conf *conf, int resolv_fd,
    int anchor_fd, struct err *e)
{
	struct strbuf settings = STRBUF_INIT(2 * RESOLV_CONF_MAX);

	snprintf(r->hostname, sizeof(r->hostname), "%s", conf->hostname);
	r->smarthosts = conf->smarthost;
	if (read_settings(&settings, conf, resolv_fd, anchor_fd, e) == -1) {
		strbuf_free(&settings);
		return -1;
	}
	if (r->now != NULL && settings.len == r->now->settings.len &&
	    memcmp(settings.s, r->now->settings.s, settings.len) == 0) {
		strbuf_free(&settings);		/* and keep what it knows */
		return 0;
	}
	if (use_settings(r, &settings, e) == -1)
		return -1;
	event_active(r->sweep, EV_TIMEOUT, 0);
	return 0;
}

struct resolver *
resolver_new(struct event_base *base, const struct conf *conf, int resolv_fd,
    int anchor_fd, struct err *e)
{
	struct resolver *r = xcalloc(1, sizeof(*r));

	TAILQ_INIT(&r->lookups);
	TAILQ_INIT(&r->upstreams);
	r->base = base;
	if ((r->sweep = event_new(base, -1, 0, on_sweep, r)) == NULL)
		err_set(e, ERR_SYSTEM, "no memory for an event");
	else if (resolver_reload(r, conf, resolv_fd, anchor_fd, e) == 0)
		return r;
	resolver_free(r);
	return NULL;
}

void
resolver_free(struct resolver *r)
{
	struct resolver_lookup *l;
	struct upstream *up;

	if (r == NULL)
		return;
	/* Without their servers lookups call nobody back any more. */
	TAILQ_FOREACH(up, &r->upstreams, entry) {
		ub_ctx_delete(up->ub);
		up->ub = NULL;
	}
	while ((l = TAILQ_FIRST(&r->lookups)) != NULL)
		lookup_free(l);
	while ((up = TAILQ_FIRST(&r->upstreams)) != NULL)
		upstream_free(r, up);
	if (r->sweep != NULL)
		event_free(r->sweep);
	free(r);
}
