/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smtp_connect.c - where a session goes to.
 *
 * Hosts are tried by preference, equal ones shuffled, and their addresses in
 * the order of the resolver, until one greets us and lets us send (RFC 5321
 * section 5.1).  An address that is this machine's own is passed over; where
 * our own inbound role listens we are one of the domain's hosts, and those
 * that come no earlier are not tried: what they do with the mail is to bring
 * it here.  An address that nobody answered at lately is tried when all
 * others were, so that not every session waits for it.
 *
 * Silence sends us on to the next address.  A host that says no is heard: one
 * other host is asked, and none when it speaks of us, for its neighbours would
 * say the same and count how often we knock.  Relays are hosts of different
 * people, and all are asked.
 */
#include "config.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include <openssl/rand.h>

#include "lib/conf.h"
#include "lib/err.h"
#include "listd/memo.h"
#include "listd/smtp_session_private.h"

#define DEAD_NAME	(2 * INET6_ADDRSTRLEN + 8)	/* octets of a key */

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

	return !s->grant.relay || session_login(s) != NULL ||
	    conf_cidrs_match(&conf->smarthost_networks, (uint8_t)a->family,
	    a->ip);
}

static bool
is_ourselves(const struct smtp_session *s, const struct resolver_address *a)
{
	const struct conf *conf = s->env->conf;
	char host[256];

	return !s->grant.relay && resolver_address_is_inbound(conf, a,
	    connect_split_port(s->grant.host[s->host].name, host,
	    (uint16_t)conf->smtp_port));
}

/* They are in order of preference, so all later ones come no earlier. */
static void
drop_later_hosts(struct smtp_session *s)
{
	session_why(s, "its mail routes lead back to this host");
	s->grant.n = s->host + 1;
	s->at = s->found.n;
}

/* ---- where nobody answers */

/* From one of our addresses it may be reached, and not from another. */
static void
dead_name(const struct smtp_session *s, const struct resolver_address *a,
    char name[static DEAD_NAME])
{
	char to[INET6_ADDRSTRLEN], from[INET6_ADDRSTRLEN] = "", host[256];
	const struct ipc_session_open *g = &s->grant;

	inet_ntop(a->family == 4 ? AF_INET : AF_INET6, a->ip, to, sizeof(to));
	if (g->source_family != 0)
		inet_ntop(g->source_family == 4 ? AF_INET : AF_INET6,
		    g->source_ip, from, sizeof(from));
	snprintf(name, DEAD_NAME, "%s %u %s", to, connect_split_port(
	    g->host[s->host].name, host, (uint16_t)s->env->conf->smtp_port),
	    from);
}

static void
note_dead(struct smtp_session *s)
{
	char name[DEAD_NAME];

	if (s->env->dead == NULL)
		return;
	dead_name(s, &s->found.address[s->at - 1], name);
	memo_note(s->env->dead, name, session_now(s) + DEAD_MS);
}

void
connect_answered(struct smtp_session *s)
{
	char name[DEAD_NAME];

	if (s->env->dead == NULL)
		return;
	dead_name(s, &s->found.address[s->at - 1], name);
	memo_forget(s->env->dead, name);
}

/* Is it one of those that are left for later?  It is taken from them. */
static bool
take_late(struct smtp_session *s, const struct resolver_address *a)
{
	for (unsigned i = 0; i < s->nlate; i++)
		if (s->late[i].host == s->host &&
		    memcmp(&s->late[i].address, a, sizeof(*a)) == 0) {
			s->late[i] = s->late[--s->nlate];
			return true;
		}
	return false;
}

/* Leave it for later, or when that has come pass over all others. */
static bool
is_not_its_turn(struct smtp_session *s, const struct resolver_address *a)
{
	char name[DEAD_NAME];

	if (s->late_now)
		return !take_late(s, a);
	if (s->env->dead == NULL || s->nlate == ADDRESSES_MAX)
		return false;
	dead_name(s, a, name);
	if (!memo_has(s->env->dead, name, session_now(s)))
		return false;
	s->late[s->nlate].host = s->host;
	s->late[s->nlate++].address = *a;
	return true;
}

static bool
has_late(const struct smtp_session *s)
{
	for (unsigned i = 0; i < s->nlate; i++)
		if (s->late[i].host == s->host)
			return true;
	return false;
}

/* ---- to the next one */

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
		session_why(s, e.text);
		connect_next_address(s);
		return;
	}
	s->connects++;
	session_arm(s, s->env->conf->timeout_connect);
}

uint8_t
connect_untold(struct smtp_session *s)
{
	unsigned n = s->connects > s->told ? s->connects - s->told : 0;

	s->told += n;
	return n < UINT8_MAX ? (uint8_t)n : UINT8_MAX;
}

void
connect_again(struct smtp_session *s)
{
	connect_to(s, &s->found.address[s->at - 1]);
}

/* Why no connection to it may be tried, or NULL. */
static const char *
passed_over(const struct smtp_session *s, const struct resolver_address *a)
{
	const struct conf *conf = s->env->conf;

	if (a->family == 6 && !conf->smtp_ipv6)
		return "it is reached by IPv6 alone, and smtp_ipv6 is off";
	if (s->grant.source_family != 0 && a->family != s->grant.source_family)
		return "our source address cannot reach its addresses";
	if (resolver_address_is_own(a) && !conf->allow_loopback)
		return "its address is this machine's own";
	return NULL;
}

void
connect_next_address(struct smtp_session *s)
{
	while (s->at < s->found.n && s->tried < ADDRESSES_MAX) {
		const struct resolver_address *a = &s->found.address[s->at++];
		const char *why;

		if (is_not_its_turn(s, a))
			continue;
		if ((why = passed_over(s, a)) != NULL) {
			session_why(s, why);
			continue;
		}
		if (is_ourselves(s, a)) {
			drop_later_hosts(s);
			continue;
		}
		if (!has_leave(s, a)) {
			session_why(s, "a relay without a login that is in "
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

/*
 * Hosts of one preference share the load (RFC 5321 section 5.1).  Relays come
 * in the order they were drawn.
 */
static void
shuffle_equals(struct ipc_host *host, uint16_t n)
{
	uint32_t chance[IPC_HOSTS_MAX] = { 0 };

	/* Without chance they keep their order. */
	if (RAND_bytes((unsigned char *)chance, sizeof(chance)) != 1)
		return;
	for (uint16_t from = 0, i; from < n; from = i) {
		for (i = from + 1; i < n && host[i].preference ==
		    host[from].preference; i++) {
			uint16_t with = (uint16_t)(from + chance[i] %
			    (i - from + 1u));
			struct ipc_host tmp = host[i];

			host[i] = host[with];
			host[with] = tmp;
		}
	}
}

void
connect_first_host(struct smtp_session *s)
{
	if (s->env->conf->smarthost.n == 0)
		shuffle_equals(s->grant.host, s->grant.n);
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
	    memo_has(s->env->tls_broken, host, session_now(s));
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
	session_why(s, "name service failed for its TLSA records (DANE)");
	handshake_count(s, TLSRPT_DNSSEC_INVALID, false, s->why);
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
		session_why(s, found->status == IPC_DNS_TEMPORARY ?
		    "name service failed for its mail host" :
		    "its mail host has no address");
	/*
	 * Records of a host whose address is not validated are not asked for:
	 * they would protect nothing, and many name servers that sign nothing
	 * choke on the question (RFC 7672 section 2.2.2).  Those of an alias
	 * are, if it is validated itself.
	 */
	if (found->n == 0 || !s->env->conf->smtp_dane || s->grant.any_tls ||
	    s->grant.relay)
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

	if (s->host >= s->grant.n && !s->late_now) {
		s->late_now = true;
		s->host = 0;
	}
	while (s->late_now && s->host < s->grant.n && !has_late(s))
		s->host++;
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

/* ---- and no further */

/*
 * One more host is asked, and none when all hosts of the site would say the
 * same.
 */
static bool
has_heard_enough(struct smtp_session *s, uint16_t code)
{
	enum reply_category c = s->refusal.verdict.class.category;

	if (code == 0 || s->env->conf->smarthost.n > 0)
		return false;
	return ++s->refusals == REFUSALS_MAX || c == REPLY_CAT_RATE ||
	    c == REPLY_CAT_POLICY || c == REPLY_CAT_AUTH;
}

void
connect_failed(struct smtp_session *s, uint16_t code)
{
	bool enough = has_heard_enough(s, code);

	if (code == 0 && (s->state == SESSION_CONNECT ||
	    s->state == SESSION_BANNER))
		note_dead(s);
	session_drop(s);
	s->avoid_tls = false;
	if (enough) {
		session_over(s, IPC_SESSION_REFUSED);
		return;
	}
	/* The next address of the same host may well be the same machine. */
	if (code != 0 && s->host + 1 < s->grant.n)
		s->at = s->found.n;
	connect_next_address(s);
}
