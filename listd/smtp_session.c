/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smtp_session.c - the life of one granted connection: where to, who is there,
 * what do they offer, and when it ends.
 *
 * Hosts are tried in the order of the route and their addresses in the order
 * of the resolver, until one greets us.  Failures before that are trouble of
 * the site and of no recipient: everything goes back untried.
 */
#include "config.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/conf.h"
#include "lib/err.h"
#include "lib/xmalloc.h"
#include "listd/smtp_session_private.h"

static void next_host(struct smtp_session *s);
static void next_address(struct smtp_session *s);

int64_t
session_now(const struct smtp_session *s)
{
	return clock_mono_ms(timers_clock(s->env->timers));
}

void
session_arm(struct smtp_session *s, int64_t wait_ms)
{
	timer_start(&s->timer, wait_ms);
}

static void
set_why(struct smtp_session *s, uint16_t code, const char *why)
{
	s->why_code = code;
	snprintf(s->why, sizeof(s->why), "%s", why);
}

static void
drop_connection(struct smtp_session *s)
{
	smtp_conn_free(s->conn);
	s->conn = NULL;
	timer_cancel(&s->timer);
	if (s->lookup != NULL)
		resolver_cancel(s->lookup);
	s->lookup = NULL;
	s->expects = 0;
	s->need_rset = false;
}

/* The session is over; say so once, holding nothing. */
static void
session_over(struct smtp_session *s, enum ipc_session_event event)
{
	struct ipc_session_state state = { .session = s->grant.session,
		.event = event, .code = s->why_code };

	drop_connection(s);
	s->state = SESSION_OVER;
	transaction_return_waiting(s);
	snprintf(state.host, sizeof(state.host), "%s", s->peer);
	snprintf(state.text, sizeof(state.text), "%s", s->why);
	s->env->ops->state(s->env->arg, &state);
}

/* Write one command outside of transactions. */
static void
say(struct smtp_session *s, const char *text, int64_t wait_ms)
{
	struct iovec iov = { (void *)(uintptr_t)text, strlen(text) };

	session_arm(s, wait_ms);
	if (smtp_conn_writev(s->conn, &iov, 1) == -1)
		session_fail(s, 0, "connection lost while writing");
}

/* ---- the greeting */

static void
say_ehlo(struct smtp_session *s)
{
	char line[CONF_NAME_MAX + 16];

	s->state = SESSION_EHLO;
	snprintf(line, sizeof(line), "%s %s\r\n", s->helo ? "HELO" : "EHLO",
	    s->env->conf->hostname);
	say(s, line, s->env->conf->timeout_command);
}

static void
session_open(struct smtp_session *s)
{
	struct ipc_session_state state = { .session = s->grant.session,
		.event = IPC_SESSION_UP };

	s->state = SESSION_OPEN;
	s->connect_ms = (uint32_t)(session_now(s) - s->opened_ms);
	snprintf(state.host, sizeof(state.host), "%s", s->peer);
	s->env->ops->state(s->env->arg, &state);
	transaction_pump(s);
}

static void
reply_ehlo(struct smtp_session *s, const struct smtp_reply *r)
{
	if (r->code / 100 == 5 && !s->helo) {	/* RFC 5321 section 3.2 */
		s->helo = true;
		say_ehlo(s);
		return;
	}
	if (r->code / 100 != 2) {
		session_fail(s, (uint16_t)r->code, r->text);
		return;
	}
	memset(&s->ehlo, 0, sizeof(s->ehlo));
	if (!s->helo)
		smtp_ehlo_parse(r, &s->ehlo);
	if (s->ehlo.starttls && !smtp_conn_is_tls(s->conn) && !s->avoid_tls &&
	    s->env->tls != NULL) {
		s->state = SESSION_STARTTLS;
		say(s, "STARTTLS\r\n", s->env->conf->timeout_command);
		return;
	}
	session_open(s);
}

/*
 * TLS did not come about.  It was offered freely and nothing requires it, so
 * the same address is tried once more without (opportunistic, S88).
 */
static void
retry_without_tls(struct smtp_session *s, const char *why)
{
	set_why(s, 0, why);
	drop_connection(s);
	s->avoid_tls = true;
	s->at--;
	next_address(s);
}

/* A smarthost may carry its port: host:port, [ip6]:port. */
static uint16_t
split_port(const char *name, char host[256], uint16_t port)
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

static void
reply_starttls(struct smtp_session *s, const struct smtp_reply *r, bool more)
{
	struct err e = ERR_INIT;
	char host[256];

	if (r->code != 220) {
		/* The plaintext session is still good (RFC 3207 section 4). */
		session_open(s);
		return;
	}
	if (more) {		/* X04: bytes behind the 220 are not from it */
		session_fail(s, 0, "bytes before the TLS handshake");
		return;
	}
	split_port(s->grant.host[s->host].name, host, 0);
	if (smtp_conn_starttls(s->conn, s->env->tls, host, &e) == -1) {
		session_fail(s, 0, e.text);
		return;
	}
	s->state = SESSION_TLS;
	smtp_reply_reset(s->parser);
	session_arm(s, s->env->conf->timeout_command);
}

/* One reply; false when the session moved on and the rest is not for it. */
static bool
session_reply(struct smtp_session *s, const struct smtp_reply *r, bool more)
{
	switch (s->state) {
	case SESSION_BANNER:
		if (r->code / 100 != 2) {
			session_fail(s, (uint16_t)r->code, r->text);
			return false;
		}
		say_ehlo(s);
		return s->state == SESSION_EHLO;
	case SESSION_EHLO:
		reply_ehlo(s, r);
		return s->state == SESSION_EHLO || s->state == SESSION_OPEN ||
		    s->state == SESSION_STARTTLS;
	case SESSION_STARTTLS:
		reply_starttls(s, r, more);
		return s->state == SESSION_OPEN;
	case SESSION_OPEN:
		return transaction_reply(s, r);
	case SESSION_QUIT:
		session_over(s, IPC_SESSION_CLOSED);
		return false;
	default:
		session_fail(s, 0, "a reply to nothing");
		return false;
	}
}

/* ---- events of the connection */

static void
on_connected(void *arg)
{
	struct smtp_session *s = arg;

	s->state = SESSION_BANNER;
	session_arm(s, s->env->conf->timeout_banner);
}

static void
on_secured(void *arg, bool verified)
{
	struct smtp_session *s = arg;

	s->tls = verified ? 2 : 1;
	say_ehlo(s);		/* what was offered in clear is forgotten */
}

static void
on_data(void *arg, const uint8_t *p, size_t len)
{
	struct smtp_session *s = arg;
	struct smtp_conn *conn = s->conn;
	size_t taken;

	while (len > 0) {
		switch (smtp_reply_feed(s->parser, p, len, &taken)) {
		case SMTP_REPLY_MORE:
			return;
		case SMTP_REPLY_MALFORMED:
			session_fail(s, 0, smtp_reply_why(s->parser));
			return;
		case SMTP_REPLY_DONE:
			break;
		}
		p += taken;
		len -= taken;
		if (!session_reply(s, smtp_reply_get(s->parser), len > 0) ||
		    s->conn != conn)
			return;
	}
}

static void
on_drained(void *arg)
{
	struct smtp_session *s = arg;

	if (s->expects > 0)
		transaction_await(s);
}

static void
on_closed(void *arg, const char *why, bool eof)
{
	struct smtp_session *s = arg;

	(void)eof;
	if (s->state == SESSION_QUIT)
		session_over(s, IPC_SESSION_CLOSED);
	else if (s->state == SESSION_TLS)
		retry_without_tls(s, why);
	else
		session_fail(s, 0, why);
}

static const struct smtp_conn_ops conn_ops = {
	.connected = on_connected, .secured = on_secured, .data = on_data,
	.drained = on_drained, .closed = on_closed,
};

/* A long copy may take more than one block's time to leave. */
static bool
is_leaving(const struct smtp_session *s)
{
	size_t queued = s->expects > 0 ? smtp_conn_queued(s->conn) : 0;

	return queued > 0 && queued + BLOCK_MIN <= s->queued;
}

static void
on_timeout(void *arg)
{
	struct smtp_session *s = arg;

	if (is_leaving(s))
		transaction_await(s);
	else if (s->state == SESSION_OPEN && s->held == 0)
		session_quit(s);	/* nothing to do for long enough */
	else if (s->state == SESSION_TLS)
		retry_without_tls(s, "TLS handshake timed out");
	else
		on_closed(s, "timed out", false);
}

/* ---- where to */

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
	uint16_t port = split_port(s->grant.host[s->host].name, host,
	    (uint16_t)s->env->conf->smtp_port);

	inet_ntop(a->family == 4 ? AF_INET : AF_INET6, a->ip, ip, sizeof(ip));
	snprintf(s->peer, sizeof(s->peer), "%.200s [%s]", host, ip);
	smtp_reply_reset(s->parser);
	s->helo = false;
	s->tls = 0;
	s->begun = s->ended = 0;
	s->opened_ms = session_now(s);
	s->state = SESSION_CONNECT;
	s->conn = smtp_conn_open(s->env->base, a, port, &conn_ops, s, &e);
	if (s->conn == NULL) {
		set_why(s, 0, e.text);
		next_address(s);
		return;
	}
	session_arm(s, s->env->conf->timeout_connect);
}

static void
next_address(struct smtp_session *s)
{
	while (s->at < s->addresses && s->tried < ADDRESSES_MAX) {
		const struct resolver_address *a = &s->address[s->at++];

		if (is_own(a) && !s->env->conf->allow_loopback) {
			set_why(s, 0, "its address is this machine's own");
			continue;
		}
		s->tried++;
		connect_to(s, a);
		return;
	}
	s->host++;
	next_host(s);
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
		set_why(s, 0, status == IPC_DNS_TEMPORARY ?
		    "name service failed for its mail host" :
		    "its mail host has no address");
	next_address(s);
}

static void
next_host(struct smtp_session *s)
{
	char host[256];

	if (s->host >= s->grant.n || s->tried >= ADDRESSES_MAX) {
		session_over(s, IPC_SESSION_REFUSED);
		return;
	}
	s->state = SESSION_RESOLVE;
	split_port(s->grant.host[s->host].name, host, 0);
	snprintf(s->peer, sizeof(s->peer), "%s", host);
	s->lookup = resolver_addresses(s->env->resolver, host, on_addresses, s);
}

/* ---- the end */

/*
 * Something broke.  Before the first greeting the next address may do better;
 * after it, deliveries have begun and the site's state is news for queue.
 */
void
session_fail(struct smtp_session *s, uint16_t code, const char *why)
{
	bool orderly = s->state == SESSION_QUIT;

	set_why(s, code, why);
	if (s->state != SESSION_OPEN && !orderly) {
		drop_connection(s);
		s->avoid_tls = false;
		next_address(s);
		return;
	}
	/* A peer that hangs up after some messages just wants a new call. */
	if (s->ended > 0 && code == 0 && !s->site_trouble)
		orderly = true;
	transaction_lost(s, code, s->why);
	session_over(s, orderly ? IPC_SESSION_CLOSED : IPC_SESSION_REFUSED);
}

void
session_quit(struct smtp_session *s)
{
	transaction_return_waiting(s);
	s->state = SESSION_QUIT;
	set_why(s, 0, "");
	say(s, "QUIT\r\n", s->env->conf->timeout_quit);
	if (s->winding_down && s->state == SESSION_QUIT)
		session_over(s, IPC_SESSION_CLOSED);
}

/* ---- life */

struct smtp_session *
smtp_session_start(const struct smtp_session_env *env,
    const struct ipc_session_open *grant)
{
	struct smtp_session *s = xcalloc(1, sizeof(*s));

	s->env = env;
	s->grant = *grant;
	TAILQ_INIT(&s->items);
	strbuf_init(&s->command, COMMAND_MAX);
	timer_init(&s->timer, env->timers, on_timeout, s);
	if ((s->parser = smtp_reply_new()) == NULL)
		abort();		/* no memory for a fixed size */
	set_why(s, 0, "no host to try");
	next_host(s);
	return s;
}

void
smtp_session_free(struct smtp_session *s)
{
	struct item *item;

	if (s == NULL)
		return;
	drop_connection(s);
	while ((item = TAILQ_FIRST(&s->items)) != NULL) {
		TAILQ_REMOVE(&s->items, item, entry);
		s->env->ops->mark(s->env->arg, &item->d, &item->slot,
		    SMTP_MARK_NONE);
		if (item->copy != NULL)
			s->env->ops->release(s->env->arg, item->copy);
		free(item);
	}
	smtp_reply_free(s->parser);
	strbuf_free(&s->command);
	free(s);
}

void
smtp_session_close(struct smtp_session *s)
{
	s->closing = true;
	if (s->state == SESSION_OPEN && s->held == 0)
		session_quit(s);
}

void
smtp_session_wind_down(struct smtp_session *s)
{
	s->closing = s->winding_down = true;
	transaction_return_waiting(s);
	if (s->state < SESSION_OPEN || s->state == SESSION_QUIT)
		session_over(s, IPC_SESSION_CLOSED);
	else if (s->state == SESSION_OPEN && s->held == 0)
		session_quit(s);
}

size_t
smtp_session_held(const struct smtp_session *s)
{
	return s->held;
}
