/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smtp_connect.c - where a session goes to.
 *
 * Hosts are tried in the order of the route and their addresses in the order
 * of the resolver, until one greets us and lets us send (RFC 5321 section
 * 5.1).  An address that is this machine's own is passed over.
 */
#include "config.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "lib/conf.h"
#include "lib/err.h"
#include "listd/smtp_session_private.h"

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

/* Loopback and unspecified addresses lead to this machine, not to a site. */
static bool
is_own(const struct resolver_address *a)
{
	static const uint8_t zero[15];

	if (a->family == 4)
		return a->ip[0] == 127 || a->ip[0] == 0;
	if (memcmp(a->ip, zero, 15) == 0)
		return a->ip[15] <= 1;
	return memcmp(a->ip, zero, 10) == 0 && a->ip[10] == 0xff &&
	    a->ip[11] == 0xff && (a->ip[12] == 127 || a->ip[12] == 0);
}

static void
connect_to(struct smtp_session *s, const struct resolver_address *a)
{
	char ip[INET6_ADDRSTRLEN], host[256];
	struct err e = ERR_INIT;
	uint16_t port = connect_split_port(s->grant.host[s->host].name, host,
	    (uint16_t)s->env->conf->smtp_port);

	inet_ntop(a->family == 4 ? AF_INET : AF_INET6, a->ip, ip, sizeof(ip));
	snprintf(s->peer, sizeof(s->peer), "%.200s [%s]", host, ip);
	smtp_reply_reset(s->parser);
	s->helo = false;
	s->tls = 0;
	s->begun = s->ended = 0;
	s->opened_ms = session_now(s);
	s->state = SESSION_CONNECT;
	s->conn = smtp_conn_open(s->env->base, a, port, &session_conn_ops, s, &e);
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
	while (s->at < s->addresses && s->tried < ADDRESSES_MAX) {
		const struct resolver_address *a = &s->address[s->at++];

		if (a->family == 6 && !s->env->conf->smtp_ipv6) {
			session_why(s, 0, "it is reached by IPv6 alone, and "
			    "smtp_ipv6 is off");
			continue;
		}
		if (is_own(a) && !s->env->conf->allow_loopback) {
			session_why(s, 0, "its address is this machine's own");
			continue;
		}
		s->tried++;
		connect_to(s, a);
		return;
	}
	s->host++;
	connect_next_host(s);
}

static void
on_addresses(void *arg, enum ipc_dns status,
    const struct resolver_address *address, size_t n)
{
	struct smtp_session *s = arg;

	s->lookup = NULL;
	s->addresses = n;
	s->at = 0;
	s->avoid_tls = false;
	if (n > 0)
		memcpy(s->address, address, n * sizeof(*address));
	else
		session_why(s, 0, status == IPC_DNS_TEMPORARY ?
		    "name service failed for its mail host" :
		    "its mail host has no address");
	connect_next_address(s);
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
	connect_split_port(s->grant.host[s->host].name, host, 0);
	snprintf(s->peer, sizeof(s->peer), "%s", host);
	s->lookup = resolver_addresses(s->env->resolver, host, on_addresses, s);
}
