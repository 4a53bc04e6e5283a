/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smtp_script.c - a session against scripted servers on loopback.
 */
#include "config.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cmocka.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include "lib/conf.h"
#include "lib/err.h"
#include "lib/smtp_login.h"
#include "lib/strbuf.h"
#include "lib/sys/realclock.h"
#include "lib/sys/timers.h"
#include "listd/bdat.h"
#include "listd/resolver.h"
#include "listd/smtp_session_private.h"
#include "tests/smtp_script.h"

#define TEST_LIMIT_S	60	/* a scenario that takes longer has hung */

struct world script_world;

/* ---- the scripted server */

static void
script_fail(struct world *w, const char *line)
{
	if (w->wrong == NULL)
		w->wrong = line;
	event_base_loopbreak(w->base);
}

/* The content's end has come; take it away. */
static bool
take_content(struct world *w, struct evbuffer *in)
{
	size_t len = evbuffer_get_length(in);
	struct evbuffer_ptr from, at;

	/* What was looked at before ended within five octets of here. */
	evbuffer_ptr_set(in, &from, w->looked_at, EVBUFFER_PTR_SET);
	at = evbuffer_search(in, "\r\n.\r\n", 5, &from);
	if (at.pos == -1) {
		w->looked_at = len > 5 ? len - 5 : 0;
		return false;
	}
	evbuffer_drain(in, (size_t)at.pos + 5);
	w->looked_at = 0;
	return true;
}

/* A chunk, right behind its BDAT. */
static bool
take_octets(struct evbuffer *in, size_t n)
{
	return evbuffer_get_length(in) >= n && evbuffer_drain(in, n) == 0;
}

static bool
take_line(struct world *w, struct evbuffer *in, const char *want)
{
	size_t len;
	char *line = evbuffer_readln(in, &len, EVBUFFER_EOL_CRLF_STRICT);

	if (line == NULL)
		return false;
	if (strncmp(line, "MAIL FROM:<b-", 13) == 0) {
		unsigned n = (unsigned)line[13] - '0';

		if (n >= GATES || !w->passed[n])
			script_fail(w, "(no gate was asked for this MAIL)");
		else
			w->passed[n] = false;
	}
	if (strncmp(line, want, strlen(want)) != 0) {
		fprintf(stderr, "wanted \"%s\", got \"%s\"\n", want, line);
		script_fail(w, want);
	}
	free(line);
	return true;
}

static void
peer_close(struct world *w)
{
	if (w->peer != NULL)
		bufferevent_free(w->peer);
	w->peer = NULL;
}

static void on_peer_read(struct bufferevent *, void *);
static void on_peer_event(struct bufferevent *, short, void *);

static void
wind_down(struct world *w)
{
	struct ipc_delivery d = { .delivery = 9, .kind = IPC_KIND_CAMPAIGN,
		.local = "r9", .domain = "one.example" };

	smtp_session_wind_down(w->session);
	assert_false(smtp_session_give(w->session, &d));
}

/* What was written leaves first; then the peer's bytes are TLS. */
static void
speak_tls(struct world *w)
{
	struct evbuffer *out = bufferevent_get_output(w->peer);
	evutil_socket_t fd = bufferevent_getfd(w->peer);

	evbuffer_unfreeze(out, 1);
	evbuffer_write(out, fd);
	bufferevent_setfd(w->peer, -1);
	bufferevent_free(w->peer);
	w->peer = bufferevent_openssl_socket_new(w->base, fd,
	    SSL_new(w->server_tls), BUFFEREVENT_SSL_ACCEPTING,
	    BEV_OPT_CLOSE_ON_FREE);
	bufferevent_setcb(w->peer, on_peer_read, on_peer_read, on_peer_event,
	    w);
	bufferevent_enable(w->peer, EV_READ | EV_WRITE);
}

/* As a fault of ours would: nothing wakes the session any more. */
static void
lose_timer(struct world *w)
{
	timer_cancel(&w->session->timer);
	assert_false(smtp_session_watch(w->session));
	w->session->progress_ms -= 2 * 3600 * 1000;
	assert_false(smtp_session_watch(w->session));
	assert_true(smtp_session_watch(w->session));
	assert_false(smtp_session_watch(w->session));
}

/* What was to be sent leaves now, whatever the loop does. */
static void
send_all(struct world *w)
{
	struct evbuffer *out = bufferevent_get_output(w->peer);
	SSL *ssl = bufferevent_openssl_get_ssl(w->peer);
	int len = (int)evbuffer_get_length(out);

	evbuffer_unfreeze(out, 1);
	if (ssl == NULL)
		evbuffer_write(out, bufferevent_getfd(w->peer));
	else if (len > 0)
		assert_int_equal(SSL_write(ssl, evbuffer_pullup(out, -1),
		    len), len);
}

/* The other end finds all that was said, and can say nothing any more. */
static void
peer_reset(struct world *w)
{
	struct sockaddr none = { .sa_family = AF_UNSPEC };

	send_all(w);
	assert_int_equal(connect(bufferevent_getfd(w->peer), &none,
	    sizeof(none)), 0);
	peer_close(w);
}

/* The session can read nothing of it before the script goes on. */
static void
send_now(struct world *w, const char *text)
{
	SSL *ssl = bufferevent_openssl_get_ssl(w->peer);
	char line[256];
	int n = snprintf(line, sizeof(line), "%s\r\n", text);

	assert_int_equal(evbuffer_get_length(
	    bufferevent_get_output(w->peer)), 0);
	assert_int_equal(ssl != NULL ? SSL_write(ssl, line, n) :
	    write(bufferevent_getfd(w->peer), line, (size_t)n), n);
}

static void
play(struct world *w)
{
	while (*w->script != NULL && w->wrong == NULL) {
		const char *line = *w->script;
		struct evbuffer *in;

		if (line[0] == 'N') {
			peer_close(w);
			w->script++;
			return;
		}
		if (w->peer == NULL)
			return;
		in = bufferevent_get_input(w->peer);
		if (line[0] == 'C' && !take_line(w, in, line + 2))
			return;
		if (line[0] == 'D' && !take_content(w, in))
			return;
		if (line[0] == 'B' && !take_octets(in,
		    strtoul(line + 2, NULL, 10)))
			return;
		if (line[0] == 'S') {
			bufferevent_write(w->peer, line + 2,
			    strlen(line + 2));
			bufferevent_write(w->peer, "\r\n", 2);
		}
		if (line[0] == 'A')
			send_now(w, line + 2);
		if (line[0] == 'Y')
			bufferevent_write(w->peer, w->hostile.p,
			    w->hostile.len);
		if (line[0] == 'F' && evbuffer_get_length(
		    bufferevent_get_output(w->peer)) > 0)
			return;
		if (line[0] == 'X') {
			if (bufferevent_openssl_get_ssl(w->peer) == NULL)
				send_all(w);
			peer_close(w);
		}
		if (line[0] == 'K')
			peer_reset(w);
		if (line[0] == 'W')
			wind_down(w);
		if (line[0] == 'Z' && evbuffer_get_length(in) > 0)
			script_fail(w, line);
		if (line[0] == 'H' && !w->content_begun)
			return;
		if (line[0] == 'L')
			lose_timer(w);
		if (line[0] == 'E')
			smtp_session_give_up(w->session);
		if (line[0] == 'M' && w->mark[2] != SMTP_MARK_HELD)
			script_fail(w, line);
		if (line[0] == 'T')
			speak_tls(w);
		if (line[0] == 'G')
			w->closed_gate = 2;
		if (line[0] == 'P')
			bufferevent_disable(w->peer, EV_READ);
		if (line[0] == 'R')
			bufferevent_enable(w->peer, EV_READ);
		w->script++;
	}
}

static void
on_play(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	play(arg);
}

static void
on_peer_read(struct bufferevent *bev, void *arg)
{
	(void)bev;
	play(arg);
}

static void
on_peer_event(struct bufferevent *bev, short what, void *arg)
{
	struct world *w = arg;

	(void)bev;
	if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)) {
		play(w);
		peer_close(w);
	}
}

static void
on_accept(struct evconnlistener *l, evutil_socket_t fd, struct sockaddr *sa,
    int len, void *arg)
{
	struct world *w = arg;
	int one = 1;

	(void)l;
	(void)sa;
	(void)len;
	peer_close(w);
	w->connections++;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	w->peer = bufferevent_socket_new(w->base, fd, BEV_OPT_CLOSE_ON_FREE);
	bufferevent_setcb(w->peer, on_peer_read, on_peer_read, on_peer_event,
	    w);
	bufferevent_enable(w->peer, EV_READ | EV_WRITE);
	event_active(w->play, EV_TIMEOUT, 0);
}

/* ---- scenarios */

static void
on_limit(evutil_socket_t fd, short what, void *arg)
{
	struct world *w = arg;

	(void)fd;
	(void)what;
	script_fail(w, "(the time is up)");
}

static uint16_t
listen_port(struct world *w)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	socklen_t len = sizeof(sin);
	int small = 65536;

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	w->listener = evconnlistener_new_bind(w->base, on_accept, w,
	    LEV_OPT_CLOSE_ON_FREE | LEV_OPT_REUSEABLE, 8,
	    (struct sockaddr *)&sin, sizeof(sin));
	assert_non_null(w->listener);
	setsockopt(evconnlistener_get_fd(w->listener), SOL_SOCKET, SO_RCVBUF,
	    &small, sizeof(small));
	assert_int_equal(getsockname(evconnlistener_get_fd(w->listener),
	    (struct sockaddr *)&sin, &len), 0);
	return ntohs(sin.sin_port);
}

void
script_give(struct world *w, unsigned n)
{
	struct ipc_delivery eight = { .delivery = 8,
		.kind = IPC_KIND_CAMPAIGN, .local = "r\303\26618",
		.domain = "one.example" };

	for (unsigned i = 1; i <= (n & 0xff); i++) {
		struct ipc_delivery d = { .delivery = i,
			.kind = IPC_KIND_CAMPAIGN, .campaign = 7,
			.domain = "one.example",
			.by_data = i == 2 && (n & SECOND_BY_DATA) != 0 };

		snprintf(d.local, sizeof(d.local), "r%u", i);
		smtp_session_give(w->session, &d);
	}
	if (n & BEYOND_ASCII)
		smtp_session_give(w->session, &eight);
}

void
script_set_policy(struct world *w, unsigned tls)
{
	w->list_tls = tls == TLS_LIST ? IPC_TLS_UNVERIFIED :
	    tls == TLS_LIST_VERIFIED ? IPC_TLS_VERIFIED : IPC_TLS_NONE;
	w->conf.smarthost_networks = (struct conf_cidrs){ tls == TLS_ENCRYPT ||
		tls == TLS_VERIFY || tls == TLS_TRUSTED,
		{ { .family = 4, .bits = 8, .ip = { 127 } } } };
	w->conf.smarthost_tls = tls == TLS_ENCRYPT ? CONF_TLS_ENCRYPT :
	    CONF_TLS_VERIFY;
}

void
script_run(const struct scenario *sc)
{
	static const struct smtp_logins logins = { 2, {
		{ "127.0.0.1", "me", "secret" },
		{ "", "somebody", "elsewhere" } } };
	struct world *w = &script_world;
	struct ipc_session_open grant = { .session = 1, .depth = 8, .n = 1,
		.tls = sc->tls == TLS_POLICY || sc->tls == TLS_POLICY_BROKEN ?
		    IPC_TLS_VERIFIED : IPC_TLS_NONE,
		.bdat = sc->tls == BDAT_NO ? IPC_BDAT_NO : IPC_BDAT_AUTO,
		.provider = datafile_key("p"),
		.idle_ms = sc->tls == KEPT ? 50 : 0,
		.broken_tls_hours = w->broken_tls_hours,
		.relay = (sc->tls > TLS_FREE && sc->tls <= TLS_LOGIN) ||
		    sc->tls == NO_LEAVE,
		.source_family = w->source != 0 ? 4 : 0,
		.source_ip = { 127, 0, 0, w->source },
		.host = { { 10, "127.0.0.1" } } };
	struct smtp_session_env env = { .base = w->base, .timers = w->timers,
		.conf = &w->conf, .resolver = w->resolver,
		.tls = w->client_tls[sc->tls >= TLS_TRUSTED &&
		    sc->tls <= TLS_POLICY],
		.logins = sc->tls == TLS_LOGIN ? &logins : NULL,
		.ops = &script_ops, .arg = w, .bdat = bdat_hosts_new(), .rules = w->rules,
		.tls_sessions = w->sessions,
		.tls_broken = w->tls_broken };
	struct timeval limit = { TEST_LIMIT_S, 0 };
	int64_t idle = w->conf.idle_connection;
	struct event *timeout = evtimer_new(w->base, on_limit, w);

	w->script = sc->script;
	w->wrong = NULL;
	w->closed_gate = sc->closed_gate;
	w->unsignable = sc->tls == UNSIGNED ? 1 : 0;
	w->large = sc->large;
	w->connections = 0;
	w->looked_at = 0;
	w->content_begun = false;
	memset(w->passed, 0, sizeof(w->passed));
	memset(w->mark, 0, sizeof(w->mark));
	script_set_policy(w, sc->tls);
	strbuf_reset(&w->events);
	w->conf.smtp_port = listen_port(w);
	event_add(timeout, &limit);
	w->session = smtp_session_start(&env, &grant);
	script_give(w, sc->deliveries);
	if (sc->tls == KEPT)
		w->conf.idle_connection = 2 * TEST_LIMIT_S * 1000;
	else
		smtp_session_close(w->session);
	event_base_dispatch(w->base);
	smtp_session_free(w->session);
	w->conf.idle_connection = idle;
	bdat_hosts_free(env.bdat);
	peer_close(w);
	evconnlistener_free(w->listener);
	event_free(timeout);
	if (w->wrong != NULL)
		fail_msg("%s: the script stood at \"%s\"; events:\n%s",
		    sc->why, w->wrong, w->events.s);
	if (sc->events == NULL)
		return;
	if (strcmp(w->events.s, sc->events) != 0)
		fail_msg("%s: events were\n%s", sc->why, w->events.s);
	if (w->connections != (sc->connections == NONE ? 0 :
	    sc->connections != 0 ? sc->connections : 1))
		fail_msg("%s: %u connections", sc->why, w->connections);
}

/* A key and a certificate for 127.0.0.1 that it signed itself. */
static X509 *
make_certificate(EVP_PKEY *key)
{
	X509 *x = X509_new();
	X509_EXTENSION *san;
	X509_NAME *name = X509_get_subject_name(x);

	X509_set_version(x, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
	X509_gmtime_adj(X509_getm_notBefore(x), -3600);
	X509_gmtime_adj(X509_getm_notAfter(x), 86400);
	X509_set_pubkey(x, key);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
	    (const unsigned char *)"test", -1, -1, 0);
	X509_set_issuer_name(x, name);
	san = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name,
	    "IP:127.0.0.1");
	X509_add_ext(x, san, -1);
	X509_EXTENSION_free(san);
	assert_true(X509_sign(x, key, EVP_sha256()) > 0);
	return x;
}

static void
make_tls(struct world *w)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = make_certificate(key);
	struct err e = ERR_INIT;

	w->server_tls = SSL_CTX_new(TLS_server_method());
	assert_int_equal(SSL_CTX_use_certificate(w->server_tls, cert), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(w->server_tls, key), 1);
	for (int i = 0; i < 2; i++) {
		w->client_tls[i] = smtp_conn_context(&e);
		assert_non_null(w->client_tls[i]);
	}
	X509_STORE_add_cert(SSL_CTX_get_cert_store(w->client_tls[1]), cert);
	X509_free(cert);
	EVP_PKEY_free(key);
}

int
script_set_up(void **state)
{
	struct world *w = &script_world;
	struct err e = ERR_INIT;

	(void)state;
	signal(SIGPIPE, SIG_IGN);	/* as the role does */
	conf_init(&w->conf);
	snprintf(w->conf.hostname, sizeof(w->conf.hostname), "lists.example");
	w->conf.allow_loopback = true;
	w->conf.resolver = (struct conf_server){ 4, { 127, 0, 0, 1 }, 9 };
	strbuf_init(&w->events, 65536);
	w->base = event_base_new();
	w->timers = timers_new(w->base, &realclock, false);
	w->resolver = resolver_new(w->base, &w->conf, -1, -1, &e);
	w->play = event_new(w->base, -1, 0, on_play, w);
	make_tls(w);
	return w->resolver == NULL ? -1 : 0;
}

int
script_tear_down(void **state)
{
	struct world *w = &script_world;

	(void)state;
	event_free(w->play);
	SSL_CTX_free(w->server_tls);
	SSL_CTX_free(w->client_tls[0]);
	SSL_CTX_free(w->client_tls[1]);
	resolver_free(w->resolver);
	timers_free(w->timers);
	event_base_free(w->base);
	strbuf_free(&w->events);
	return 0;
}
