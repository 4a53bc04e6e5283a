/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smtp_connect.c - where a session goes to.
 *
 * Hosts are tried in the order of the route and their addresses in the order
 * of the resolver, until one greets us and lets us send (RFC 5321 section
 * 5.1).  An address that is this machine's own is passed over; where our own
 * inbound role listens we are one of the domain's hosts, and those that come no
 * earlier are not tried: what they do with the mail is to bring it here.
 */
#include "config.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "lib/conf.h"
#include "lib/err.h"
#include "listd/smtp_session_private.h"
#include "listd/tls_broken.h"

/* A smarthost may carry its port: host:port, [ip6]:port. */
uint16_t
connect_split_port(const char *name, char host[static 256], uint16_t port)
{
	const char *colon = strrchr(name, ':');
	size_t len = strlen(name);

	if (colon != NULL && (name[0] == '[' || strchr(name, ':') == colon)) {
		unsigned v = 0;

		if (sscanf(colon + 1, "%5u", &v) == 1 && v > 0 && v < 65536) {
			port = (uint16_t)v;
			len = (size_t)(colon - name);
		}
	}
	if (name[0] == '[' && len >= 2 && name[len - 1] == ']') {
		name++;
		len -= 2;
	}
	snprintf(host, 256, "%.*s", (int)len, name);
	return port;
}

/* S17: nobody's relay is used who did not let us. */
static bool
has_leave(const struct smtp_session *s, const struct resolver_address *a)
{
	const struct conf *conf = s->env->conf;

	return conf->smarthost.n == 0 || session_login(s) != NULL ||
	    conf_cidrs_match(&conf->smarthost_networks, (uint8_t)a->family,
	    a->ip);
}

static bool
is_ourselves(const struct smtp_session *s, const struct resolver_address *a)
{
	const struct conf *conf = s->env->conf;
	char host[256];

	return conf->smarthost.n == 0 && resolver_address_is_inbound(conf, a,
	    connect_split_port(s->grant.host[s->host].name, host,
	    (uint16_t)conf->smtp_port));
}

/* They are in order of preference, so all later ones come no earlier. */
static void
drop_later_hosts(struct smtp_session *s)
{
	session_why(s, 0, "its mail routes lead back to this host");
	s->grant.n = s->host + 1;
	s->at = s->found.n;
}

static void
connect_to(struct smtp_session *s, const struct resolver_address *a)
{
	struct resolver_address from = { .family = 0 };
	char ip[INET6_ADDRSTRLEN], host[256];
	struct err e = ERR_INIT;
	uint16_t port = connect_split_port(s->grant.host[s->host].name, host,
	    (uint16_t)s->env->conf->smtp_port);

	inet_ntop(a->family == 4 ? AF_INET : AF_INET6, a->ip, ip, sizeof(ip));
	snprintf(s->peer, sizeof(s->peer), "%.200s [%s]", host, ip);
	smtp_reply_reset(s->parser);
	s->helo = false;
	s->tls = IPC_TLS_NONE;
	s->for_domain = false;
	s->begun = s->ended = 0;
	s->opened_ms = session_now(s);
	s->state = SESSION_CONNECT;
	from.family = s->grant.source_family;
	memcpy(from.ip, s->grant.source_ip, sizeof(from.ip));
	s->conn = smtp_conn_open(s->env->base, from.family != 0 ? &from : NULL,
	    a, port, &session_conn_ops, s, &e);
	if (s->conn == NULL) {
		session_why(s, 0, e.text);
		connect_next_address(s);
		return;
	}
	session_arm(s, s->env->conf->timeout_connect);
}

void
connect_next_address(struct smtp_session *s)
{
	while (s->at < s->found.n && s->tried < ADDRESSES_MAX) {
		const struct resolver_address *a = &s->found.address[s->at++];

		if (a->family == 6 && !s->env->conf->smtp_ipv6) {
			session_why(s, 0, "it is reached by IPv6 alone, and "
			    "smtp_ipv6 is off");
			continue;
		}
		if (s->grant.source_family != 0 &&
		    a->family != s->grant.source_family) {
			session_why(s, 0, "our source address cannot reach "
			    "its addresses");
			continue;
		}
		if (resolver_address_is_own(a) &&
		    !s->env->conf->allow_loopback) {
			session_why(s, 0, "its address is this machine's own");
			continue;
		}
		if (is_ourselves(s, a)) {
			drop_later_hosts(s);
			continue;
		}
		if (!has_leave(s, a)) {
			session_why(s, 0, "a relay without a login that is in "
			    "none of smarthost_networks");
			continue;
		}
		s->tried++;
		connect_to(s, a);
		return;
	}
	s->host++;
	connect_next_host(s);
}

/* What is to be known of the host is known. */
static void
connect_begin(struct smtp_session *s)
{
	char host[256];

	connect_split_port(s->grant.host[s->host].name, host, 0);
	s->at = 0;
	s->avoid_tls = greeting_tls_needed(s) == IPC_TLS_NONE &&
	    s->env->tls_broken != NULL &&
	    tls_broken_is(s->env->tls_broken, host, session_now(s));
	connect_next_address(s);
}

static void ask_tlsa(struct smtp_session *s, bool by_alias);

/*
 * Who can stop the answer could stop TLS too, so without it there is no mail
 * for this host (RFC 7672 section 2.1.2).
 */
static void
dns_hides_records(struct smtp_session *s)
{
	session_why(s, 0, "name service failed for its TLSA records (DANE)");
	s->host++;
	connect_next_host(s);
}

static void
on_tlsa(void *arg, enum ipc_dns status, bool secure,
    const struct tlsa_set *set)
{
	struct smtp_session *s = arg;

	s->lookup = NULL;
	if (status == IPC_DNS_TEMPORARY) {
		dns_hides_records(s);
		return;
	}
	if (secure) {
		tlsa_copy(&s->tlsa, set);
		tlsa_prefer(&s->tlsa);
	}
	if (s->by_alias && tlsa_verdict(&s->tlsa) == TLSA_NONE)
		ask_tlsa(s, false);
	else
		connect_begin(s);
}

/* What a host is an alias of comes first (RFC 7672 section 2.2.3). */
static void
ask_tlsa(struct smtp_session *s, bool by_alias)
{
	char host[256];
	uint16_t port = connect_split_port(s->grant.host[s->host].name, host,
	    (uint16_t)s->env->conf->smtp_port);

	s->by_alias = by_alias;
	s->lookup = resolver_tlsa(s->env->resolver,
	    by_alias ? s->found.alias : host, port, on_tlsa, s);
}

/* Records at its own name can be believed, if who it is an alias of can. */
static void
on_alias(void *arg, enum ipc_dns status, bool secure)
{
	struct smtp_session *s = arg;

	s->lookup = NULL;
	if (status == IPC_DNS_TEMPORARY)
		dns_hides_records(s);
	else if (secure)
		ask_tlsa(s, false);
	else
		connect_begin(s);
}

static void
ask_alias(struct smtp_session *s)
{
	char host[256];

	connect_split_port(s->grant.host[s->host].name, host, 0);
	s->lookup = resolver_alias(s->env->resolver, host, on_alias, s);
}

static void
on_addresses(void *arg, const struct resolver_host *found)
{
	struct smtp_session *s = arg;

	s->lookup = NULL;
	s->found = *found;
	s->by_alias = false;
	if (found->n == 0)
		session_why(s, 0, found->status == IPC_DNS_TEMPORARY ?
		    "name service failed for its mail host" :
		    "its mail host has no address");
	/*
	 * Records of a host whose address is not validated are not asked for:
	 * they would protect nothing, and many name servers that sign nothing
	 * choke on the question (RFC 7672 section 2.2.2).  Those of an alias
	 * are, if it is validated itself.
	 */
	if (found->n == 0 || !s->env->conf->smtp_dane ||
	    s->env->conf->smarthost.n > 0)
		connect_begin(s);
	else if (found->secure)
		ask_tlsa(s, found->alias[0] != '\0');
	else if (found->alias[0] != '\0')
		ask_alias(s);
	else
		connect_begin(s);
}

void
connect_next_host(struct smtp_session *s)
{
	char host[256];

	if (s->host >= s->grant.n || s->tried >= ADDRESSES_MAX) {
		session_over(s, IPC_SESSION_REFUSED);
		return;
	}
	s->state = SESSION_RESOLVE;
	s->progress_ms = session_now(s);
	tlsa_clear(&s->tlsa);
	connect_split_port(s->grant.host[s->host].name, host, 0);
	snprintf(s->peer, sizeof(s->peer), "%s", host);
	s->lookup = resolver_addresses(s->env->resolver, host, on_addresses, s);
}
