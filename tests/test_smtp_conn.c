/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_smtp_conn.c - a connection whose TLS wants the other direction: a read
 * that has to write first, and a write that has to read first; whose sessions
 * are kept; and bytes that came too early for TLS.
 *
 * Renegotiation and new keys do the first in the field, in moments that no
 * test can choose.  So SSL_read(), SSL_write() and SSL_get_error() are those of
 * this file, which say once, when asked to, what OpenSSL would say then.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <dlfcn.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cmocka.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "lib/err.h"
#include "listd/smtp_conn.h"
#include "listd/tls_sessions.h"

#define TEST_LIMIT_S	30

static struct world {
	struct event_base	*base;
	struct evconnlistener	*listener;
	struct bufferevent	*server;
	struct smtp_conn	*conn;
	X509			*certificate;	/* of the server */
	SSL_CTX			*server_tls, *client_tls;
	bool			 secured, closed;
	bool			 early;		/* the server says more than 220 */
	int			 server_fd;	/* of one that speaks no TLS; -1 */
	struct err		 fault;		/* of smtp_conn_starttls() */
	char			 heard[64];	/* by the client */
	SSL			*ours;		/* the client's */
	int			 read_says, write_says;	/* once; 0: the truth */
	int			 said;		/* for SSL_get_error() */
	unsigned		 reads, writes;	/* calls of the client's */
	struct tls_sessions	*sessions;	/* NULL: none are kept */
} w;

/* ---- OpenSSL's own, unless asked otherwise */

int
SSL_read(SSL *ssl, void *buf, int num)
{
	int (*real)(SSL *, void *, int);

	*(void **)&real = dlsym(RTLD_NEXT, "SSL_read");
	w.said = 0;
	if (ssl != w.ours)
		return real(ssl, buf, num);
	w.reads++;
	if (w.read_says != 0) {
		SSL_peek(ssl, buf, 1);	/* the socket has no more to tell */
		w.said = w.read_says;
		w.read_says = 0;
		return -1;
	}
	return real(ssl, buf, num);
}

int
SSL_write(SSL *ssl, const void *buf, int num)
{
	int (*real)(SSL *, const void *, int);

	*(void **)&real = dlsym(RTLD_NEXT, "SSL_write");
	w.said = 0;
	if (w.ours == NULL)
		w.ours = ssl;		/* the client speaks first */
	if (ssl != w.ours)
		return real(ssl, buf, num);
	w.writes++;
	if (w.write_says != 0) {
		w.said = w.write_says;
		w.write_says = 0;
		return -1;
	}
	return real(ssl, buf, num);
}

int
SSL_get_error(const SSL *ssl, int rc)
{
	int (*real)(const SSL *, int);

	*(void **)&real = dlsym(RTLD_NEXT, "SSL_get_error");
	return w.said != 0 && ssl == w.ours ? w.said : real(ssl, rc);
}

/* ---- the client */

static int
begin_tls(void)
{
	const struct smtp_conn_tls tls = { .ctx = w.client_tls,
		.host = "127.0.0.1", .sessions = w.sessions, .key = "key",
		.now_s = time(NULL) };

	w.fault = (struct err)ERR_INIT;
	return smtp_conn_starttls(w.conn, &tls, &w.fault);
}

static void
on_connected(void *arg)
{
	(void)arg;
	if (!w.early)
		assert_int_equal(begin_tls(), 0);
}

static void
say(const char *text)
{
	struct iovec iov = { (void *)(uintptr_t)text, strlen(text) };

	assert_int_equal(smtp_conn_writev(w.conn, &iov, 1), 0);
}

static void
on_secured(void *arg)
{
	(void)arg;
	w.secured = true;
	say("one");
}

/* Behind the reply that was read, before the handshake: it has arrived. */
static void
say_more(void)
{
	int waits = 1;

	assert_int_equal(send(w.server_fd, "250 evil\r\n", 10, 0), 10);
	for (int i = 0; i < 10000 && waits != 0; i++) {
		assert_int_equal(ioctl(w.server_fd, SIOCOUTQ, &waits), 0);
		usleep(1000);
	}
	assert_int_equal(begin_tls(), -1);
	w.closed = true;
}

static void
on_data(void *arg, const uint8_t *p, size_t len)
{
	size_t have = strlen(w.heard);

	(void)arg;
	assert_true(have + len < sizeof(w.heard));
	memcpy(w.heard + have, p, len);
	w.heard[have + len] = '\0';
	if (w.early)
		say_more();
}

static void
on_drained(void *arg)
{
	(void)arg;
}

static void
on_closed(void *arg, const char *why, bool eof)
{
	(void)arg;
	(void)eof;
	print_message("closed: %s\n", why);
	w.closed = true;
}

static const struct smtp_conn_ops ops = {
	.connected = on_connected, .secured = on_secured, .data = on_data,
	.drained = on_drained, .closed = on_closed,
};

/* ---- the server */

static void
on_accept(struct evconnlistener *l, evutil_socket_t fd, struct sockaddr *sa,
    int len, void *arg)
{
	(void)l;
	(void)sa;
	(void)len;
	(void)arg;
	if (w.early) {
		w.server_fd = fd;
		assert_int_equal(send(fd, "220 go\r\n", 8, 0), 8);
		return;
	}
	w.server = bufferevent_openssl_socket_new(w.base, fd,
	    SSL_new(w.server_tls), BUFFEREVENT_SSL_ACCEPTING,
	    BEV_OPT_CLOSE_ON_FREE);
	bufferevent_enable(w.server, EV_READ | EV_WRITE);
}

static bool
server_has(const char *text)
{
	struct evbuffer *in;

	if (w.server == NULL)
		return false;
	in = bufferevent_get_input(w.server);
	return evbuffer_search(in, text, strlen(text), NULL).pos != -1;
}

static void
on_limit(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	*(bool *)arg = true;
}

/* Run the loop until it is so; false when it never is. */
static bool
run_until(bool (*so)(void))
{
	struct timeval limit = { TEST_LIMIT_S, 0 };
	bool late = false;
	struct event *timer = evtimer_new(w.base, on_limit, &late);

	event_add(timer, &limit);
	while (!so() && !late && !w.closed)
		event_base_loop(w.base, EVLOOP_ONCE);
	event_free(timer);
	return so();
}

static bool
one_came(void)
{
	return server_has("one");
}

static bool
two_came(void)
{
	return server_has("two");
}

static bool
answer_came(void)
{
	return strcmp(w.heard, "answer") == 0;
}

static void
make_tls(void)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x = X509_new();
	X509_EXTENSION *san = X509V3_EXT_conf_nid(NULL, NULL,
	    NID_subject_alt_name, "IP:127.0.0.1");
	struct err e = ERR_INIT;

	X509_set_version(x, 2);
	X509_gmtime_adj(X509_getm_notBefore(x), -3600);
	X509_gmtime_adj(X509_getm_notAfter(x), 86400);
	X509_set_pubkey(x, key);
	X509_add_ext(x, san, -1);
	X509_EXTENSION_free(san);
	assert_true(X509_sign(x, key, EVP_sha256()) > 0);
	w.server_tls = SSL_CTX_new(TLS_server_method());
	SSL_CTX_set_num_tickets(w.server_tls, 0);
	assert_int_equal(SSL_CTX_use_certificate(w.server_tls, x), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(w.server_tls, key), 1);
	w.client_tls = smtp_conn_context(&e);
	assert_non_null(w.client_tls);
	w.certificate = x;
	EVP_PKEY_free(key);
}

static void
connect_to_server(void)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	struct resolver_address to = { 4, { 127, 0, 0, 1 } };
	socklen_t len = sizeof(sin);
	struct err e = ERR_INIT;

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	w.listener = evconnlistener_new_bind(w.base, on_accept, NULL,
	    LEV_OPT_CLOSE_ON_FREE, 8, (struct sockaddr *)&sin, sizeof(sin));
	assert_int_equal(getsockname(evconnlistener_get_fd(w.listener),
	    (struct sockaddr *)&sin, &len), 0);
	w.conn = smtp_conn_open(w.base, NULL, &to, ntohs(sin.sin_port), &ops,
	    NULL, &e);
	assert_non_null(w.conn);
}

static int
set_up(void **state)
{
	(void)state;
	memset(&w, 0, sizeof(w));
	w.server_fd = -1;
	w.base = event_base_new();
	make_tls();
	return 0;
}

/* A connection inside TLS, "one" having been said. */
static int
set_up_connected(void **state)
{
	set_up(state);
	connect_to_server();
	assert_true(run_until(one_came));
	assert_true(w.secured);
	assert_int_equal(smtp_conn_level(w.conn), IPC_TLS_UNVERIFIED);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	smtp_conn_free(w.conn);
	if (w.server != NULL)
		bufferevent_free(w.server);
	if (w.server_fd != -1)
		close(w.server_fd);
	evconnlistener_free(w.listener);
	tls_sessions_free(w.sessions);
	X509_free(w.certificate);
	SSL_CTX_free(w.server_tls);
	SSL_CTX_free(w.client_tls);
	event_base_free(w.base);
	return 0;
}

/* ---- the tests */

/* The answer lies there, and no more bytes come to wake the reader. */
static void
a_read_that_has_to_write_first(void **state)
{
	(void)state;
	w.read_says = SSL_ERROR_WANT_WRITE;
	bufferevent_write(w.server, "answer", 6);
	assert_true(run_until(answer_came));
	assert_false(w.closed);
}

static bool
tried_to_write(void)
{
	return w.write_says == 0;
}

/* It waits for bytes, and not in circles for room that is there. */
static void
a_write_that_has_to_read_first(void **state)
{
	unsigned writes;

	(void)state;
	w.write_says = SSL_ERROR_WANT_READ;
	say("two");
	assert_true(run_until(tried_to_write));
	writes = w.writes;
	for (int i = 0; i < 20; i++)
		event_base_loop(w.base, EVLOOP_NONBLOCK);
	assert_int_equal(w.writes, writes);
	assert_int_equal(smtp_conn_queued(w.conn), 3);
	bufferevent_write(w.server, "answer", 6);
	assert_true(run_until(two_came));
	assert_true(run_until(answer_came));
	assert_int_equal(smtp_conn_queued(w.conn), 0);
}

static void
a_write_that_finds_no_room(void **state)
{
	(void)state;
	w.write_says = SSL_ERROR_WANT_WRITE;
	say("two");
	assert_true(run_until(two_came));
	assert_int_equal(smtp_conn_queued(w.conn), 0);
}

/* X04: whoever is in the way may have said it. */
static void
bytes_that_come_before_the_handshake(void **state)
{
	(void)state;
	w.early = true;
	connect_to_server();
	run_until(answer_came);
	assert_string_equal(w.heard, "220 go\r\n");
	assert_string_equal(w.fault.text, "bytes before the TLS handshake");
}

/*
 * The CA file is read by several roles at once through one open file, so where
 * that stands must not matter.
 */
static void
trust_server(void)
{
	struct err e = ERR_INIT;
	FILE *f = tmpfile();
	off_t end;

	assert_non_null(f);
	assert_int_equal(PEM_write_X509(f, w.certificate), 1);
	assert_int_equal(fflush(f), 0);
	end = lseek(fileno(f), 0, SEEK_END);
	assert_true(end > 0);
	assert_int_equal(smtp_conn_trust(w.client_tls, fileno(f), &e), 0);
	assert_int_equal(lseek(fileno(f), 0, SEEK_CUR), end);
	fclose(f);
}

/*
 * A session remembers that its certificate was no good, so the next one must
 * look at what the host has then.
 */
static void
only_what_was_verified_is_resumed(void **state)
{
	static const struct {
		int version;
		bool trusted;
	} rows[] = {
		{ TLS1_2_VERSION, false }, { TLS1_2_VERSION, true },
		{ TLS1_3_VERSION, false }, { TLS1_3_VERSION, true },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		set_up(state);
		w.sessions = tls_sessions_new(8);
		SSL_CTX_set_num_tickets(w.server_tls, 1);
		SSL_CTX_set_max_proto_version(w.server_tls, rows[i].version);
		if (rows[i].trusted)
			trust_server();
		connect_to_server();
		assert_true(run_until(one_came));
		/* The ticket of TLS 1.3 comes before this. */
		bufferevent_write(w.server, "answer", 6);
		assert_true(run_until(answer_came));
		assert_int_equal(smtp_conn_level(w.conn), rows[i].trusted ?
		    IPC_TLS_VERIFIED : IPC_TLS_UNVERIFIED);
		assert_int_equal(tls_sessions_count(w.sessions),
		    rows[i].trusted);
		tear_down(state);
	}
}

#define T(F)	cmocka_unit_test_setup_teardown(F, set_up_connected, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_read_that_has_to_write_first),
		T(a_write_that_has_to_read_first),
		T(a_write_that_finds_no_room),
		cmocka_unit_test_setup_teardown(
		    bytes_that_come_before_the_handshake, set_up, tear_down),
		cmocka_unit_test(only_what_was_verified_is_resumed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
