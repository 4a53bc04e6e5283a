/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_web_server.c - what keeps the web server up: malformed and endless
 * requests (X30, F19), limits, proxies, TLS and the way it stops.
 */
#include "config.h"

#include <arpa/inet.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "lib/err.h"
#include "lib/formdata.h"
#include "lib/sys/log.h"
#include "tests/web_world.h"
#include "web/certificate.h"
#include "web/crowd.h"
#include "web/server.h"

#define LEN(a)	(sizeof(a) / sizeof((a)[0]))
#define HOST	"Host: lists.example.org\r\n"
#define FORM	"Content-Type: application/x-www-form-urlencoded\r\n"
#define TIMEOUT_MS	30000	/* http_timeout of the default */

static struct world *w;
static struct reply r;

static int
begin(const char *settings, bool tls)
{
	reply_init(&r);
	w = world_begin(settings, tls);
	return 0;
}

static int
setup(void **state)
{
	(void)state;
	return begin("", false);
}

static int
setup_proxies(void **state)
{
	(void)state;
	return begin("trusted_proxies = 127.0.0.0/8\n"
	    "http_per_address = 2\n", false);
}

static int
setup_few(void **state)
{
	(void)state;
	return begin("http_per_address = 4\n", false);
}

static int
setup_fewer(void **state)
{
	(void)state;
	return begin("http_connections = 3\n", false);
}

static int
setup_crowd(void **state)
{
	(void)state;
	return begin("http_threads = 1\nhttp_per_address = 1000\n", false);
}

static int
setup_prefix(void **state)
{
	(void)state;
	return begin("url_base = https://example.org/mail\n", false);
}

static int
teardown(void **state)
{
	(void)state;
	world_end(w);
	reply_free(&r);
	return 0;
}

static void
assert_alive(void)
{
	client_askf(w->port, &r, "GET /robots.txt HTTP/1.1\r\n" HOST "\r\n");
	assert_int_equal(r.status, 200);
}

static void
assert_untouched(void)
{
	static struct world_seen seen;

	world_take(w, &seen);
	assert_int_equal(seen.unsubscribes + seen.confirms +
	    seen.subscribes + seen.others, 0);
}

/* ---- malformed requests (X30) */

/*
 * Each ends in this status, or is closed without one; none reaches the queue
 * and none harms the next.  {T} is a token.
 */
static const struct {
	const char *why, *request;
	int status;		/* 0: closed, whatever was said */
} malformed[] = {
	{ "length and chunks (request smuggling)", "POST /u/{T} HTTP/1.1\r\n"
	    HOST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
	    "0\r\n\r\n", 400 },
	{ "chunks and length", "POST /u/{T} HTTP/1.1\r\n" HOST
	    "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n"
	    "0\r\n\r\n", 400 },
	{ "two lengths", "POST /u/{T} HTTP/1.1\r\n" HOST
	    "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello", 400 },
	{ "twice the same", "POST /u/{T} HTTP/1.1\r\n" HOST
	    "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", 400 },
	{ "a list of lengths", "POST /u/{T} HTTP/1.1\r\n" HOST
	    "Content-Length: 5, 5\r\n\r\nhello", 400 },
	{ "a negative length", "POST /u/{T} HTTP/1.1\r\n" HOST
	    "Content-Length: -1\r\n\r\n", 400 },
	{ "a length with a sign", "POST /u/{T} HTTP/1.1\r\n" HOST
	    "Content-Length: +5\r\n\r\nhello", 400 },
	{ "a length beyond 64 bits", "POST /u/{T} HTTP/1.1\r\n" HOST
	    "Content-Length: 99999999999999999999999\r\n\r\n", 413 },
	{ "a length beyond the limit", "POST /u/{T} HTTP/1.1\r\n" HOST
	    "Content-Length: 65537\r\n\r\n", 413 },
	{ "a length of 2^63", "POST /u/{T} HTTP/1.1\r\n" HOST
	    "Content-Length: 9223372036854775808\r\n\r\n", 413 },
	{ "a coding nobody knows", "POST /u/{T} HTTP/1.1\r\n" HOST
	    "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400 },
	{ "two codings", "POST /u/{T} HTTP/1.1\r\n" HOST
	    "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n"
	    "\r\n0\r\n\r\n", 400 },
	{ "a chunk of 2^63 octets", "POST /u/{T} HTTP/1.1\r\n" HOST
	    "Transfer-Encoding: chunked\r\n\r\n8000000000000000\r\nx", 0 },
	{ "a chunk of 2^64 octets", "POST /u/{T} HTTP/1.1\r\n" HOST
	    "Transfer-Encoding: chunked\r\n\r\n10000000000000000\r\nx", 0 },
	{ "a chunk without a size", "POST /u/{T} HTTP/1.1\r\n" HOST
	    "Transfer-Encoding: chunked\r\n\r\n\r\nx", 0 },
	{ "a chunk of size -1", "POST /u/{T} HTTP/1.1\r\n" HOST
	    "Transfer-Encoding: chunked\r\n\r\n-1\r\nx", 0 },
	{ "HTTP/0.9", "GET /\r\n", 0 },
	{ "HTTP/9.9", "POST /u/{T} HTTP/9.9\r\n" HOST "\r\n", 0 },
	{ "no version", "POST /u/{T}\r\n\r\n", 0 },
	{ "no request line", "\r\n\r\n\r\n", 0 },
	{ "binary", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 0 },
	{ "HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 0 },
	{ "a header without a colon", "GET /u/{T} HTTP/1.1\r\n" HOST
	    "nonsense\r\n\r\n", 0 },
	{ "a proxy's request", "CONNECT example.org:25 HTTP/1.1\r\n\r\n", 404 },
	{ "an absolute path", "GET http://evil.example/ HTTP/1.1\r\n" HOST
	    "\r\n", 404 },
};

static void
with_token(const char *template, struct strbuf *out)
{
	const char *t = strstr(template, "{T}");

	strbuf_reset(out);
	if (t == NULL)
		strbuf_adds(out, template);
	else
		strbuf_addf(out, "%.*s%s%s", (int)(t - template), template,
		    w->token, t + 3);
}

static void
malformed_requests_end(void **state)
{
	struct strbuf request = STRBUF_INIT(65536);

	(void)state;
	for (size_t i = 0; i < LEN(malformed); i++) {
		int fd = client_open(w->port);

		with_token(malformed[i].request, &request);
		client_send(fd, request.s, request.len);
		if (malformed[i].status == 0) {
			/* The rest never comes; at the latest time tells. */
			shutdown(fd, SHUT_WR);
			if (!client_closed(fd, 200)) {
				world_jump(w, TIMEOUT_MS);
				assert_true(client_closed(fd, 5000));
			}
		} else {
			client_read(fd, false, &r);
			if (r.status != malformed[i].status)
				fail_msg("%s: %d", malformed[i].why, r.status);
			shutdown(fd, SHUT_WR);
			/* What follows on such a connection is not trusted. */
			if (!client_closed(fd, 5000))
				fail_msg("%s: stays open", malformed[i].why);
		}
		close(fd);
		assert_alive();
	}
	assert_untouched();
	strbuf_free(&request);
}

static void
large_heads_are_refused(void **state)
{
	struct strbuf request = STRBUF_INIT(1 << 20);

	(void)state;
	for (size_t n = 7000; n <= 70000; n *= 3) {
		strbuf_reset(&request);
		strbuf_adds(&request, "GET /robots.txt HTTP/1.1\r\n" HOST
		    "X: ");
		while (request.len < n)
			strbuf_addc(&request, 'x');
		strbuf_adds(&request, "\r\n\r\n");
		client_ask(w->port, request.s, request.len, &r);
		if (n < 8000)
			assert_int_equal(r.status, 200);
		else
			assert_true(r.status == 431 || r.status == 413 ||
			    r.status == 0);
	}
	/* Many small fields are a large head too. */
	strbuf_reset(&request);
	strbuf_adds(&request, "GET /robots.txt HTTP/1.1\r\n" HOST);
	while (request.len < 60000)
		strbuf_adds(&request, "a:b\r\n");
	strbuf_adds(&request, "\r\n");
	client_ask(w->port, request.s, request.len, &r);
	assert_int_not_equal(r.status, 200);
	/* So is a long path. */
	strbuf_reset(&request);
	strbuf_adds(&request, "GET /u/");
	while (request.len < 60000)
		strbuf_addc(&request, 'a');
	strbuf_adds(&request, " HTTP/1.1\r\n" HOST "\r\n");
	client_ask(w->port, request.s, request.len, &r);
	assert_int_not_equal(r.status, 200);
	assert_alive();
	strbuf_free(&request);
}

static void
endless_bodies_are_cut(void **state)
{
	static char chunk[8192 + 16];
	char request[256];
	int fd = client_open(w->port), n;

	(void)state;
	snprintf(request, sizeof(request), "POST /u/%s HTTP/1.1\r\n" HOST
	    "Transfer-Encoding: chunked\r\n\r\n", w->token);
	client_send(fd, request, strlen(request));
	n = snprintf(chunk, sizeof(chunk), "2000\r\n");
	memset(chunk + n, 'x', 8192);
	memcpy(chunk + n + 8192, "\r\n", 2);
	for (int i = 0; i < 9; i++)
		client_send(fd, chunk, (size_t)n + 8192 + 2);
	assert_true(client_closed(fd, 5000));
	close(fd);
	assert_untouched();
	assert_alive();
}

/* Exactly the limit is taken; the body of the one-click means nothing. */
static void
the_largest_body_is_taken(void **state)
{
	struct strbuf request = STRBUF_INIT(1 << 20);
	size_t head;

	(void)state;
	strbuf_addf(&request, "POST /u/%s HTTP/1.1\r\n" HOST FORM
	    "Content-Length: %u\r\n\r\n", w->token, FORMDATA_MAX);
	head = request.len;
	while (request.len - head < FORMDATA_MAX)
		strbuf_addc(&request, 'x');
	client_ask(w->port, request.s, request.len, &r);
	assert_int_equal(r.status, 200);
	strbuf_free(&request);
}

/* ---- slow clients (F19) */

static void
slow_heads_are_cut(void **state)
{
	int fd = client_open(w->port);

	(void)state;
	client_send(fd, "GET / HT", 8);
	usleep(200000);		/* until it was accepted */
	/* An octet now and then is activity, and helps nothing. */
	for (int i = 0; i < 3; i++) {
		world_jump(w, TIMEOUT_MS / 4);
		client_send(fd, "T", 1);
		assert_false(client_closed(fd, 100));
	}
	world_jump(w, TIMEOUT_MS / 4 + 1);
	assert_true(client_closed(fd, 5000));
	close(fd);
	assert_alive();
}

static void
slow_bodies_are_cut(void **state)
{
	char request[256];
	int fd = client_open(w->port);

	(void)state;
	snprintf(request, sizeof(request), "POST /u/%s HTTP/1.1\r\n" HOST
	    "Content-Length: 10\r\n\r\n12345", w->token);
	client_send(fd, request, strlen(request));
	usleep(200000);
	world_jump(w, TIMEOUT_MS - 1000);
	client_send(fd, "6", 1);
	assert_false(client_closed(fd, 200));
	world_jump(w, 2000);
	assert_true(client_closed(fd, 5000));
	close(fd);
	assert_untouched();
	assert_alive();
}

static void
idle_connections_end(void **state)
{
	int fd = client_open(w->port);
	static const char request[] = "GET /robots.txt HTTP/1.1\r\n" HOST
	    "\r\n";

	(void)state;
	/* Two requests on one connection, then nothing. */
	for (int i = 0; i < 2; i++) {
		client_send(fd, request, sizeof(request) - 1);
		client_read(fd, false, &r);
		assert_int_equal(r.status, 200);
	}
	assert_false(client_closed(fd, 100));
	world_jump(w, TIMEOUT_MS + 1);
	assert_true(client_closed(fd, 5000));
	close(fd);
}

static void
pipelined_requests_are_answered_in_order(void **state)
{
	char request[1024];
	int fd = client_open(w->port);

	(void)state;
	snprintf(request, sizeof(request), "POST /u/%s HTTP/1.1\r\n" HOST FORM
	    "Content-Length: 26\r\n\r\nList-Unsubscribe=One-Click"
	    "GET /none HTTP/1.1\r\n" HOST "\r\n"
	    "GET /robots.txt HTTP/1.1\r\n" HOST "\r\n", w->token);
	client_send(fd, request, strlen(request));
	client_read(fd, false, &r);
	assert_int_equal(r.status, 200);
	client_read(fd, false, &r);
	assert_int_equal(r.status, 404);
	client_read(fd, false, &r);
	assert_string_equal(r.body.s, "User-agent: *\nDisallow: /\n");
	close(fd);
}

/* ---- how many */

static unsigned
served(int *fds, unsigned n)
{
	static const char request[] = "GET /robots.txt HTTP/1.1\r\n" HOST
	    "\r\n";
	unsigned good = 0;

	for (unsigned i = 0; i < n; i++) {
		fds[i] = client_open(w->port);
		assert_int_not_equal(fds[i], -1);
		client_send(fds[i], request, sizeof(request) - 1);
		client_read(fds[i], false, &r);
		if (r.status == 200)
			good++;
	}
	return good;
}

static void
an_address_has_so_many(void **state)
{
	int fds[8];

	(void)state;
	assert_int_equal(served(fds, 8), 4);
	for (int i = 0; i < 8; i++)
		close(fds[i]);
	/* The places are free again as soon as the server saw it. */
	for (int i = 0; i < 500; i++) {
		client_askf(w->port, &r, "GET /robots.txt HTTP/1.1\r\n" HOST
		    "\r\n");
		if (r.status == 200)
			break;
		usleep(10000);
	}
	assert_int_equal(r.status, 200);
}

static void
all_have_so_many(void **state)
{
	int fds[6];

	(void)state;
	assert_int_equal(served(fds, 6), 3);
	for (int i = 0; i < 6; i++)
		close(fds[i]);
}

/* A proxy brings many, and says who they are (T8). */
static void
proxies_are_believed(void **state)
{
	static struct world_seen seen;
	int fds[6];

	(void)state;
	assert_int_equal(served(fds, 6), 6);
	client_askf(w->port, &r, "POST /u/%s HTTP/1.1\r\n" HOST
	    "X-Forwarded-For: 203.0.113.66\r\n"
	    "X-Forwarded-For: 198.51.100.9:4711\r\nContent-Length: 0\r\n\r\n",
	    w->token);
	assert_int_equal(r.status, 200);
	world_take(w, &seen);
	assert_memory_equal(seen.unsubscribe.evidence.ip,
	    "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc6\x33\x64\x09", 16);
	assert_int_equal(seen.unsubscribe.evidence.port, 4711);
	assert_memory_equal(seen.unsubscribe.evidence.proxy_ip,
	    "\0\0\0\0\0\0\0\0\0\0\xff\xff\x7f\0\0\1", 16);
	assert_int_not_equal(seen.unsubscribe.evidence.proxy_port, 0);
	for (int i = 0; i < 6; i++)
		close(fds[i]);
}

static void
strangers_are_not_believed(void **state)
{
	static struct world_seen seen;

	(void)state;
	client_askf(w->port, &r, "POST /u/%s HTTP/1.1\r\n" HOST
	    "X-Forwarded-For: 198.51.100.9\r\nContent-Length: 0\r\n\r\n",
	    w->token);
	world_take(w, &seen);
	assert_memory_equal(seen.unsubscribe.evidence.ip,
	    "\0\0\0\0\0\0\0\0\0\0\xff\xff\x7f\0\0\1", 16);
	assert_int_equal(seen.unsubscribe.evidence.proxy_port, 0);
	/* What was claimed is still in the request as received. */
	assert_non_null(strstr(seen.raw, "X-Forwarded-For: 198.51.100.9"));
}

static void
a_prefix_is_kept(void **state)
{
	(void)state;
	client_askf(w->port, &r, "GET /mail/help/news HTTP/1.1\r\n" HOST
	    "\r\n");
	assert_int_equal(r.status, 200);
	assert_non_null(strstr(r.body.s, "href=\"/mail/join/news\""));
	assert_non_null(strstr(r.body.s, "href=\"/mail/abuse\""));
	client_askf(w->port, &r, "POST /mail/u/%s HTTP/1.1\r\n" HOST
	    "Content-Length: 0\r\n\r\n", w->token);
	assert_int_equal(r.status, 200);
}

static void
crowds_are_counted(void **state)
{
	static const uint8_t a[16] = { 0x20, 1, [15] = 1 };
	static const uint8_t a2[16] = { 0x20, 1, [15] = 2 };	/* same /64 */
	static const uint8_t b[16] = { [10] = 0xff, 0xff, 192, 0, 2, 1 };
	static const uint8_t b2[16] = { [10] = 0xff, 0xff, 192, 0, 2, 2 };
	struct crowd *c = crowd_new(5, 2);

	(void)state;
	assert_true(crowd_enter(c, a, false));
	assert_true(crowd_enter(c, a2, false));
	assert_false(crowd_enter(c, a, false));
	assert_true(crowd_enter(c, b, false));
	assert_true(crowd_enter(c, b2, false));
	assert_true(crowd_enter(c, a, true));
	assert_false(crowd_has_room(c, b, false));
	assert_int_equal(crowd_size(c), 5);
	crowd_leave(c, a, true);
	crowd_leave(c, a2, false);
	assert_true(crowd_enter(c, a, false));
	crowd_leave(c, a, false);
	crowd_leave(c, a, false);
	crowd_leave(c, b, false);
	crowd_leave(c, b2, false);
	assert_int_equal(crowd_size(c), 0);
	crowd_free(c);
}

/* ---- stopping */

static void
on_drained(void *arg)
{
	atomic_store((atomic_bool *)arg, true);
}

struct drain {
	atomic_bool	done;
	int64_t		wait_ms;
};

static void
do_drain(struct world *world, void *arg)
{
	struct drain *d = arg;

	server_drain(world->server, d->wait_ms, on_drained, &d->done);
}

static void
wait_drained(struct drain *d)
{
	for (int i = 0; i < 1000 && !atomic_load(&d->done); i++)
		usleep(10000);
	assert_true(atomic_load(&d->done));
}

static void
ask_and_leave_open(int *fd_r)
{
	char request[256];

	*fd_r = client_open(w->port);
	snprintf(request, sizeof(request), "POST /u/%s HTTP/1.1\r\n" HOST
	    "Content-Length: 0\r\n\r\n", w->token);
	client_send(*fd_r, request, strlen(request));
	assert_true(world_wait_frame(w));
}

/* What waits for the queue when time is up is told so, and nothing aborts. */
static void
a_drain_answers_what_waits(void **state)
{
	struct drain d = { .wait_ms = 100 };
	int fd;

	(void)state;
	atomic_store(&w->silent, true);
	ask_and_leave_open(&fd);
	world_call(w, do_drain, &d);
	client_read(fd, false, &r);
	assert_int_equal(r.status, 503);
	assert_string_equal(reply_header(&r, "Connection"), "close");
	wait_drained(&d);
	close(fd);
}

static void
an_idle_drain_is_quick(void **state)
{
	struct drain d = { .wait_ms = 60000 };

	(void)state;
	assert_alive();
	world_call(w, do_drain, &d);
	wait_drained(&d);
	/* A connection may be made, as the socket is not the server's own. */
}

/* Teardown meets a suspended request: libmicrohttpd must not abort. */
static void
stopping_with_a_question_open(void **state)
{
	int fd;

	(void)state;
	atomic_store(&w->silent, true);
	ask_and_leave_open(&fd);
	close(fd);
}

/* ---- many at once */

static const char hello[] = "GET /robots.txt HTTP/1.1\r\n" HOST "\r\n";

static void
wait_at_door(void)
{
	for (int i = 0; i < 1000 && atomic_load(&w->at_door) == 0; i++)
		usleep(10000);
	assert_int_equal(atomic_load(&w->at_door), 1);
}

/*
 * As many as fit in one poll of libmicrohttpd ask while its only thread is
 * busy: left to itself, 0.9.75 then waits for one more before it reads any.
 */
static void
a_full_poll_is_answered(void **state)
{
	static const char health[] = "GET /health HTTP/1.1\r\n" HOST "\r\n";
	int fds[128], busy = client_open(w->port);

	(void)state;
	for (size_t i = 0; i < LEN(fds); i++) {
		fds[i] = client_open(w->port);
		client_send(fds[i], hello, sizeof(hello) - 1);
		client_read(fds[i], false, &r);
		assert_int_equal(r.status, 200);
	}
	pthread_mutex_lock(&w->door);
	client_send(busy, health, sizeof(health) - 1);
	wait_at_door();
	for (size_t i = 0; i < LEN(fds); i++)
		client_send(fds[i], hello, sizeof(hello) - 1);
	pthread_mutex_unlock(&w->door);
	for (size_t i = 0; i < LEN(fds); i++) {
		client_read(fds[i], false, &r);
		assert_int_equal(r.status, 200);
		close(fds[i]);
	}
	close(busy);
}

/* ---- TLS */

static void
make_certificate(const char *name, struct strbuf *chain, struct strbuf *key)
{
	EVP_PKEY *pkey = EVP_EC_gen("P-256");
	X509 *x = X509_new();
	BIO *cert_bio = BIO_new(BIO_s_mem()), *key_bio = BIO_new(BIO_s_mem());
	X509_NAME *subject = X509_get_subject_name(x);
	char *p;

	X509_set_version(x, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
	X509_gmtime_adj(X509_getm_notBefore(x), -3600);
	X509_gmtime_adj(X509_getm_notAfter(x), 86400);
	X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
	    (const unsigned char *)name, -1, -1, 0);
	X509_set_issuer_name(x, subject);
	X509_set_pubkey(x, pkey);
	assert_true(X509_sign(x, pkey, EVP_sha256()) > 0);
	PEM_write_bio_X509(cert_bio, x);
	PEM_write_bio_PrivateKey(key_bio, pkey, NULL, NULL, 0, NULL, NULL);
	strbuf_reset(chain);
	strbuf_reset(key);
	strbuf_add(chain, p, (size_t)BIO_get_mem_data(cert_bio, &p));
	strbuf_add(key, p, (size_t)BIO_get_mem_data(key_bio, &p));
	BIO_free(cert_bio);
	BIO_free(key_bio);
	X509_free(x);
	EVP_PKEY_free(pkey);
}

/* Connect, note the subject's name, and ask for a page. */
static void
ask_tls(char *name, size_t size, struct strbuf *answer)
{
	static const char request[] = "GET /abuse HTTP/1.1\r\n" HOST
	    "Connection: close\r\n\r\n";
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	SSL *ssl = SSL_new(ctx);
	X509 *x;
	char buf[4096];
	int fd = client_open(w->tls_port), n;

	SSL_set_fd(ssl, fd);
	assert_int_equal(SSL_connect(ssl), 1);
	x = SSL_get1_peer_certificate(ssl);
	assert_non_null(x);
	X509_NAME_get_text_by_NID(X509_get_subject_name(x), NID_commonName,
	    name, (int)size);
	X509_free(x);
	assert_true(SSL_write(ssl, request, sizeof(request) - 1) > 0);
	strbuf_reset(answer);
	while ((n = SSL_read(ssl, buf, sizeof(buf))) > 0)
		strbuf_add(answer, buf, (size_t)n);
	SSL_free(ssl);
	SSL_CTX_free(ctx);
	close(fd);
}

static void
certificates_are_replaced(void **state)
{
	struct strbuf chain = STRBUF_INIT(65536), key = STRBUF_INIT(65536);
	struct strbuf other = STRBUF_INIT(65536), spare = STRBUF_INIT(65536);
	struct strbuf answer = STRBUF_INIT(1 << 20);
	struct err e = ERR_INIT;
	char name[64];

	(void)state;
	make_certificate("one.example", &chain, &key);
	assert_int_equal(certificate_use(chain.s, chain.len, key.s, key.len,
	    &e), 0);
	begin("", true);
	ask_tls(name, sizeof(name), &answer);
	assert_string_equal(name, "one.example");
	assert_non_null(strstr(answer.s, "HTTP/1.1 200"));
	assert_non_null(strstr(answer.s, "Strict-Transport-Security: "));

	/* F28: what is no certificate, or another's key, changes nothing. */
	make_certificate("two.example", &other, &spare);
	assert_int_equal(certificate_use("x", 1, key.s, key.len, &e), -1);
	assert_int_equal(certificate_use(chain.s, chain.len, "", 0, &e), -1);
	assert_int_equal(certificate_use(chain.s, chain.len, spare.s,
	    spare.len, &e), -1);
	assert_int_equal(e.code, ERR_CRYPTO);
	ask_tls(name, sizeof(name), &answer);
	assert_string_equal(name, "one.example");

	assert_int_equal(certificate_use(other.s, other.len, spare.s,
	    spare.len, &e), 0);
	ask_tls(name, sizeof(name), &answer);
	assert_string_equal(name, "two.example");
	teardown(NULL);
	certificate_free();
	strbuf_free(&chain);
	strbuf_free(&key);
	strbuf_free(&other);
	strbuf_free(&spare);
	strbuf_free(&answer);
}

/* ---- the log (S3, T51) */

static void
read_back(FILE *f, struct strbuf *out)
{
	char buf[4096];
	size_t n;

	rewind(f);
	while ((n = fread(buf, 1, sizeof(buf), f)) > 0)
		strbuf_add(out, buf, n);
}

static void
requests_are_logged_without_tokens(void **state)
{
	struct log_params p = { .name = "web", .to_stderr = true,
	    .level = LEVEL_DEBUG, .addresses = ADDRESSES_FULL };
	struct strbuf text = STRBUF_INIT(1 << 20);
	FILE *f = tmpfile();
	int saved = dup(STDERR_FILENO);
	char want[128], token[67];

	(void)state;
	assert_non_null(f);
	log_close();
	dup2(fileno(f), STDERR_FILENO);
	log_open(&p);
	begin("", false);
	memcpy(token, w->token, sizeof(token));
	client_askf(w->port, &r, "POST /u/%s HTTP/1.1\r\n" HOST
	    "Content-Length: 0\r\n\r\n", token);
	client_askf(w->port, &r, "GET /c/" WORLD_PENDING " HTTP/1.1\r\n" HOST
	    "\r\n");
	teardown(NULL);
	log_close();
	dup2(saved, STDERR_FILENO);
	close(saved);
	read_back(f, &text);
	fclose(f);
	snprintf(want, sizeof(want), "method=POST route=leave status=200 ms=");
	assert_non_null(strstr(text.s, want));
	assert_non_null(strstr(text.s, "ip=127.0.0.1 port="));
	assert_non_null(strstr(text.s, "method=GET route=confirm status=200"));
	assert_null(strstr(text.s, token));
	assert_null(strstr(text.s, WORLD_PENDING));
	strbuf_free(&text);
}

int
main(void)
{
#define T(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)
#define S(f, s)	cmocka_unit_test_setup_teardown(f, s, teardown)
	const struct CMUnitTest tests[] = {
		T(malformed_requests_end),
		T(large_heads_are_refused),
		T(endless_bodies_are_cut),
		T(the_largest_body_is_taken),
		T(slow_heads_are_cut),
		T(slow_bodies_are_cut),
		T(idle_connections_end),
		T(pipelined_requests_are_answered_in_order),
		S(an_address_has_so_many, setup_few),
		S(all_have_so_many, setup_fewer),
		S(proxies_are_believed, setup_proxies),
		T(strangers_are_not_believed),
		S(a_prefix_is_kept, setup_prefix),
		cmocka_unit_test(crowds_are_counted),
		T(a_drain_answers_what_waits),
		T(an_idle_drain_is_quick),
		T(stopping_with_a_question_open),
		S(a_full_poll_is_answered, setup_crowd),
		cmocka_unit_test(certificates_are_replaced),
		cmocka_unit_test(requests_are_logged_without_tokens),
	};

	return cmocka_run_group_tests_name("web_server", tests, NULL, NULL);
}
