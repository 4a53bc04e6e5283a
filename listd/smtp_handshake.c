/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smtp_handshake.c - how TLS went, for reports to the domains (RFC 8460).
 *
 * A connection counts for the domain whose mail is first in line on it.  Only
 * new handshakes count: who resumes a session, or finds a connection open, has
 * learned nothing new.  Mail that is a report is not reported, and neither is
 * the second connection of S88, which is made without TLS for what the first
 * was counted as.
 */
#include "config.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "lib/conf.h"
#include "listd/smtp_session_private.h"
#include "listd/tls_peer.h"
#include "listd/tls_tally.h"

#define LINE_MAX_OCTETS	(16 + 2 * TLSA_DATA_MAX)

/* The domain it is about; NULL: nobody's mail is here. */
static const char *
domain_of(const struct smtp_session *s)
{
	const struct item *item = TAILQ_FIRST(&s->items);

	return item != NULL ? item->d.domain : s->grant.domain[0] != '\0' ?
	    s->grant.domain : NULL;
}

/* The records as RFC 6698 section 2.2 writes them, as many as there is room. */
static void
records(const struct tlsa_set *set, struct strbuf *out)
{
	struct strbuf line = STRBUF_INIT(LINE_MAX_OCTETS);

	for (unsigned i = 0; i < set->n; i++) {
		const struct tlsa *r = &set->v[i];

		strbuf_reset(&line);
		strbuf_addf(&line, "%u %u %u ", r->usage, r->selector,
		    r->matching);
		for (size_t j = 0; j < r->len; j++)
			strbuf_addf(&line, "%02x", r->data[j]);
		strbuf_addc(&line, '\n');
		if (!line.overflow && out->len + line.len <= TLSRPT_POLICY_MAX)
			strbuf_add(out, line.s, line.len);
	}
	strbuf_free(&line);
}

void
handshake_count(struct smtp_session *s, enum tlsrpt_result result,
    bool of_certificate, const char *why)
{
	struct strbuf policy = STRBUF_INIT(TLSRPT_POLICY_MAX + 1);
	char host[256], ip[INET6_ADDRSTRLEN] = "";
	struct tlsrpt_event ev = { .domain = domain_of(s), .mx = host,
		.ip = ip, .result = result, .reason = why,
		.type = of_certificate ? TLSRPT_STS : TLSRPT_NO_POLICY };

	if (s->env->tally == NULL || s->grant.any_tls || s->grant.relay ||
	    ev.domain == NULL ||
	    !conf_reports_tls(s->env->conf))
		return;
	connect_split_port(session_host(s), host, 0);
	if (s->conn != NULL && s->at > 0)
		inet_ntop(s->found.address[s->at - 1].family == 4 ? AF_INET :
		    AF_INET6, s->found.address[s->at - 1].ip, ip, sizeof(ip));
	if (tlsa_verdict(&s->tlsa) != TLSA_NONE ||
	    result == TLSRPT_DNSSEC_INVALID) {
		ev.type = TLSRPT_TLSA;
		records(&s->tlsa, &policy);
		ev.policy = policy.s;
	}
	tls_tally_count(s->env->tally, &ev);
	strbuf_free(&policy);
}

void
handshake_secured(struct smtp_session *s, bool good)
{
	SSL *ssl = smtp_conn_ssl(s->conn);
	enum tlsrpt_result result = tls_peer_result(ssl);

	if (SSL_session_reused(ssl))
		return;
	if (tlsa_verdict(&s->tlsa) == TLSA_UNUSABLE)
		handshake_count(s, TLSRPT_TLSA_INVALID, false,
		    "none of its TLSA records can be used");
	else if (result == TLSRPT_SUCCESS && !good)
		handshake_count(s, TLSRPT_VALIDATION, false, "");
	else
		handshake_count(s, result, true, result == TLSRPT_SUCCESS ?
		    "" : tls_peer_fault(ssl));
}
