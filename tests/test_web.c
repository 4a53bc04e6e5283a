/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_web.c - pages and posts over real sockets: what mail providers,
 * browsers, scanners and worse send, and what they get for it.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/token.h"
#include "tests/web_world.h"
#include "web/form_token.h"
#include "web/html.h"
#include "web/server.h"

#define LEN(a)	(sizeof(a) / sizeof((a)[0]))
#define HOST	"Host: lists.example.org\r\n"
#define FORM	"Content-Type: application/x-www-form-urlencoded\r\n"
#define CLICK	"List-Unsubscribe=One-Click"

static struct world *w;
static struct reply r;

static int
setup(void **state)
{
	(void)state;
	reply_init(&r);
	w = world_begin("", false);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	world_end(w);
	reply_free(&r);
	return 0;
}

/* ---- one-click */

/*
 * Posts as providers send them, and as clients get them wrong: {T} is the
 * token, {L} the length of what follows the head.  All remove (R27-R29, X32).
 */
static const struct {
	const char *why, *request;
} one_clicks[] = {
	{ "Gmail", "POST /u/{T} HTTP/1.1\r\n" HOST "Content-Type: "
	    "application/x-www-form-urlencoded\r\nContent-Length: {L}\r\n"
	    "User-Agent: Gmail-Unsubscribe\r\nAccept-Encoding: gzip\r\n"
	    "Connection: close\r\n\r\n" CLICK },
	{ "Yahoo", "POST /u/{T} HTTP/1.1\r\n" HOST "Content-Type: "
	    "multipart/form-data; boundary=----YahooFormBoundary7MA4Y\r\n"
	    "Content-Length: {L}\r\nUser-Agent: YahooMailProxy\r\n\r\n"
	    "------YahooFormBoundary7MA4Y\r\nContent-Disposition: form-data; "
	    "name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n"
	    "------YahooFormBoundary7MA4Y--\r\n" },
	{ "only host, type and length (R27)", "POST /u/{T} HTTP/1.1\r\n" HOST
	    FORM "Content-Length: 26\r\n\r\n" CLICK },
	{ "HTTP/1.0 without a host (R28)", "POST /u/{T} HTTP/1.0\r\n" FORM
	    "Content-Length: {L}\r\n\r\n" CLICK },
	{ "chunked (R28)", "POST /u/{T} HTTP/1.1\r\n" HOST FORM
	    "Transfer-Encoding: chunked\r\n\r\n10\r\nList-Unsubscribe\r\n"
	    "a\r\n=One-Click\r\n0\r\n\r\n" },
	{ "chunked multipart", "POST /u/{T} HTTP/1.1\r\n" HOST "Content-Type: "
	    "multipart/form-data; boundary=x\r\nTransfer-Encoding: chunked\r\n"
	    "\r\n52\r\n--x\r\nContent-Disposition: form-data; "
	    "name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--x--\r\n\r\n"
	    "0\r\n\r\n" },
	{ "no body (R29)", "POST /u/{T} HTTP/1.1\r\n" HOST
	    "Content-Length: 0\r\n\r\n" },
	{ "not even a length (R29)", "POST /u/{T} HTTP/1.1\r\n" HOST "\r\n" },
	{ "text/plain (R29)", "POST /u/{T} HTTP/1.1\r\n" HOST
	    "Content-Type: text/plain\r\nContent-Length: {L}\r\n\r\n" CLICK },
	{ "JSON", "POST /u/{T} HTTP/1.1\r\n" HOST "Content-Type: "
	    "application/json\r\nContent-Length: {L}\r\n\r\n"
	    "{\"List-Unsubscribe\": \"One-Click\"}" },
	{ "another boundary than it says (R29)", "POST /u/{T} HTTP/1.1\r\n"
	    HOST "Content-Type: multipart/form-data; boundary=y\r\n"
	    "Content-Length: {L}\r\n\r\n--x\r\nContent-Disposition: "
	    "form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n"
	    "--x--\r\n" },
	{ "case of the value (R29)", "POST /u/{T} HTTP/1.1\r\n" HOST FORM
	    "Content-Length: {L}\r\n\r\nlist-unsubscribe=one-click" },
	{ "a slash behind the token (T13)", "POST /u/{T}/ HTTP/1.1\r\n" HOST
	    FORM "Content-Length: {L}\r\n\r\n" CLICK },
	{ "a query (T20)", "POST /u/{T}?email=victim@example.org HTTP/1.1\r\n"
	    HOST FORM "Content-Length: {L}\r\n\r\n" CLICK },
	{ "other fields (T20)", "POST /u/{T} HTTP/1.1\r\n" HOST FORM
	    "Content-Length: {L}\r\n\r\n" CLICK "&email=victim@example.org" },
	{ "it cannot be widened (T17)", "POST /u/{T} HTTP/1.1\r\n" HOST FORM
	    "Content-Length: {L}\r\n\r\n" CLICK "&all=1" },
	{ "nor by our own page's field", "POST /u/{T} HTTP/1.1\r\n" HOST FORM
	    "Content-Length: {L}\r\n\r\npage=1&all=1&" CLICK },
	{ "all without the page", "POST /u/{T} HTTP/1.1\r\n" HOST FORM
	    "Content-Length: {L}\r\n\r\nall=1" },
	{ "a strange origin (R27)", "POST /u/{T} HTTP/1.1\r\n" HOST
	    "Origin: https://mail.example\r\nReferer: https://mail.example/\r\n"
	    "Cookie: session=1\r\n" FORM "Content-Length: {L}\r\n\r\n" CLICK },
	{ "told to wait", "POST /u/{T} HTTP/1.1\r\n" HOST FORM
	    "Expect: 100-continue\r\nContent-Length: {L}\r\n\r\n" CLICK },
	{ "a token in capitals (T28)", "POST /u/{U} HTTP/1.1\r\n" HOST FORM
	    "Content-Length: {L}\r\n\r\n" CLICK },
};

static void
fill(const char *template, const char *token, struct strbuf *out)
{
	const char *body = strstr(template, "\r\n\r\n") + 4;

	strbuf_reset(out);
	for (const char *p = template; *p != '\0'; p++) {
		if (strncmp(p, "{T}", 3) == 0) {
			strbuf_adds(out, token);
		} else if (strncmp(p, "{U}", 3) == 0) {
			for (const char *t = token; *t != '\0'; t++)
				strbuf_addc(out, (char)(*t >= 'a' &&
				    *t <= 'z' ? *t - 32 : *t));
		} else if (strncmp(p, "{L}", 3) == 0) {
			strbuf_addf(out, "%zu", strlen(body));
		} else {
			strbuf_addc(out, *p);
			continue;
		}
		p += 2;
	}
	assert_false(out->overflow);
}

/* An answer without what may differ between any two. */
static void
same_bytes(const struct reply *x, struct strbuf *out)
{
	const char *date = strstr(x->head.s, "Date: ");

	strbuf_reset(out);
	strbuf_addf(out, "%d\n", x->status);
	if (date != NULL) {
		strbuf_add(out, x->head.s, (size_t)(date - x->head.s));
		strbuf_adds(out, date + strcspn(date, "\n"));
	} else {
		strbuf_adds(out, x->head.s);
	}
	strbuf_add(out, x->body.s, x->body.len);
}

static void
one_click_is_taken(void **state)
{
	struct strbuf request = STRBUF_INIT(65536);
	struct world_seen seen;

	(void)state;
	for (size_t i = 0; i < LEN(one_clicks); i++) {
		fill(one_clicks[i].request, w->token, &request);
		client_ask(w->port, request.s, request.len, &r);
		world_take(w, &seen);
		if (r.status != 200 || seen.unsubscribes != 1)
			fail_msg("%s: %d, %u", one_clicks[i].why, r.status,
			    seen.unsubscribes);
		if (seen.unsubscribe.list != WORLD_LIST ||
		    seen.unsubscribe.campaign != WORLD_CAMPAIGN ||
		    memcmp(seen.unsubscribe.hash, w->hash, 16) != 0 ||
		    seen.unsubscribe.scope != IPC_LEAVE_LIST ||
		    strcmp(seen.unsubscribe.evidence.channel, "one-click") != 0)
			fail_msg("%s: asks for something else",
			    one_clicks[i].why);
		/* R26: a 2xx without a redirect; R27: no cookie. */
		assert_null(reply_header(&r, "Location"));
		assert_null(reply_header(&r, "Set-Cookie"));
		/* T51: the token is in no evidence, whatever its case. */
		assert_null(strcasestr(seen.raw, w->token));
		assert_null(strstr(r.body.s, w->token));
		assert_int_equal(seen.others, 0);
	}
	strbuf_free(&request);
}

/* The same bytes for a good, a repeated and a guessed token (R31, S29). */
static void
every_token_gets_one_answer(void **state)
{
	static const struct {
		const char *why;
		enum ipc_result result;
		bool garbage;
	} rows[] = {
		{ "good", IPC_OK, false },
		{ "of a list that is gone (R32)", IPC_UNKNOWN, false },
		{ "garbage", IPC_OK, true },
	};
	struct strbuf first = STRBUF_INIT(1 << 20);
	struct strbuf other = STRBUF_INIT(1 << 20);
	struct world_seen seen;
	char token[TOKEN_URL_LEN + 1];

	(void)state;
	for (size_t i = 0; i < LEN(rows); i++) {
		memcpy(token, w->token, sizeof(token));
		if (rows[i].garbage)	/* one bit (R25) */
			token[30] = token[30] == 'a' ? 'b' : 'a';
		atomic_store(&w->result, rows[i].result);
		client_askf(w->port, &r, "POST /u/%s HTTP/1.1\r\n" HOST FORM
		    "Content-Length: 26\r\n\r\n" CLICK, token);
		same_bytes(&r, i == 0 ? &first : &other);
		if (r.status != 200 ||
		    (i != 0 && strcmp(first.s, other.s) != 0))
			fail_msg("%s: another answer", rows[i].why);
		world_take(w, &seen);
		assert_int_equal(seen.unsubscribes, rows[i].garbage ? 0 : 1);
	}
	client_askf(w->port, &r, "POST /u/x HTTP/1.1\r\n" HOST "\r\n");
	same_bytes(&r, &other);
	assert_string_equal(first.s, other.s);
	strbuf_free(&first);
	strbuf_free(&other);
}

/* The page's own buttons (T17). */
static void
the_page_can_leave_all(void **state)
{
	struct world_seen seen;

	(void)state;
	client_askf(w->port, &r, "GET /u/%s HTTP/1.1\r\n" HOST "\r\n",
	    w->token);
	assert_int_equal(r.status, 200);
	assert_non_null(strstr(r.body.s, "name=\"all\" value=\"1\""));
	client_askf(w->port, &r, "POST /u/%s HTTP/1.1\r\n" HOST FORM
	    "Content-Length: 6\r\n\r\npage=1", w->token);
	world_take(w, &seen);
	assert_int_equal(r.status, 200);
	assert_int_equal(seen.unsubscribe.scope, IPC_LEAVE_LIST);
	assert_string_equal(seen.unsubscribe.evidence.channel, "page");
	client_askf(w->port, &r, "POST /u/%s HTTP/1.1\r\n" HOST FORM
	    "Content-Length: 12\r\n\r\npage=1&all=1", w->token);
	world_take(w, &seen);
	assert_int_equal(r.status, 200);
	assert_int_equal(seen.unsubscribe.scope, IPC_LEAVE_ORGANIZATION);
	assert_null(strstr(r.body.s, "<form"));
}

/* T21: never "done" without the commit. */
static void
what_is_not_durable_is_a_503(void **state)
{
	static const enum ipc_result results[] = { IPC_TRY_AGAIN, IPC_NO };

	(void)state;
	for (size_t i = 0; i < LEN(results); i++) {
		atomic_store(&w->result, results[i]);
		client_askf(w->port, &r, "POST /u/%s HTTP/1.1\r\n" HOST FORM
		    "Content-Length: 26\r\n\r\n" CLICK, w->token);
		assert_int_equal(r.status, 503);
		assert_string_equal(reply_header(&r, "Retry-After"), "30");
		client_askf(w->port, &r, "POST /c/" WORLD_PENDING
		    " HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n");
		assert_int_equal(r.status, 503);
	}
}

static void
silence_is_a_503(void **state)
{
	int fd = client_open(w->port);
	char request[256];

	(void)state;
	atomic_store(&w->silent, true);
	snprintf(request, sizeof(request), "POST /u/%s HTTP/1.1\r\n" HOST
	    "Content-Length: 0\r\n\r\n", w->token);
	client_send(fd, request, strlen(request));
	assert_true(world_wait_frame(w));
	world_jump(w, 9000);
	assert_false(client_closed(fd, 200));
	world_jump(w, 1100);
	client_read(fd, false, &r);
	assert_int_equal(r.status, 503);
	close(fd);
}

/* A queue that dies: what may be done twice is asked of the next one. */
static void
a_new_queue_is_asked_again(void **state)
{
	char request[256];
	int fd = client_open(w->port);

	(void)state;
	atomic_store(&w->silent, true);
	snprintf(request, sizeof(request), "POST /u/%s HTTP/1.1\r\n" HOST
	    "Content-Length: 0\r\n\r\n", w->token);
	client_send(fd, request, strlen(request));
	assert_true(world_wait_frame(w));
	world_disconnect(w);
	client_askf(w->port, &r, "GET /health HTTP/1.1\r\n" HOST "\r\n");
	assert_int_equal(r.status, 503);
	atomic_store(&w->silent, false);
	world_connect(w);
	client_read(fd, false, &r);
	assert_int_equal(r.status, 200);
	close(fd);
	client_askf(w->port, &r, "GET /health HTTP/1.1\r\n" HOST "\r\n");
	assert_int_equal(r.status, 200);
	assert_string_equal(r.body.s, "ok\n");
}

static void
without_a_queue_requests_wait(void **state)
{
	char request[256];
	int fd = client_open(w->port);

	(void)state;
	world_disconnect(w);
	snprintf(request, sizeof(request), "POST /u/%s HTTP/1.1\r\n" HOST
	    "Content-Length: 0\r\n\r\n", w->token);
	client_send(fd, request, strlen(request));
	assert_false(client_closed(fd, 200));
	world_connect(w);
	client_read(fd, false, &r);
	assert_int_equal(r.status, 200);
	close(fd);
}

/* ---- reading changes nothing */

static const char *const paths[] = {
	"/", "/robots.txt", "/favicon.ico", "/health", "/metrics", "/abuse",
	"/help/news", "/lists/news", "/help/closed", "/help/none",
	"/join/news", "/join/closed", "/join/none", "/c/" WORLD_PENDING,
	"/c/" WORLD_CONFIRMED, "/c/" WORLD_EXPIRED, "/c/" WORLD_UNKNOWN,
	"/c/x", "/u/{T}", "/u/{T}/", "/u/x", "/none",
};

/* Scanners get, look ahead, and ask what is possible (T1, X31). */
static void
reading_changes_nothing(void **state)
{
	static const char *const methods[] = { "GET", "HEAD", "OPTIONS" };
	struct strbuf request = STRBUF_INIT(65536);
	struct strbuf template = STRBUF_INIT(65536);
	struct world_seen seen;

	(void)state;
	for (size_t i = 0; i < 2 * LEN(paths) * LEN(methods); i++) {
		size_t m = i % LEN(methods);

		strbuf_reset(&template);
		strbuf_addf(&template, "%s %s HTTP/1.1\r\n" HOST
		    "Purpose: prefetch\r\n\r\n", methods[m],
		    paths[i / LEN(methods) % LEN(paths)]);
		fill(template.s, w->token, &request);
		client_ask(w->port, request.s, request.len, &r);
		if (r.status == 0 || r.status == 405)
			fail_msg("%s: %d", template.s, r.status);
		if (m != 0)
			assert_int_equal(r.body.len, 0);
	}
	world_take(w, &seen);
	assert_int_equal(seen.unsubscribes + seen.confirms +
	    seen.subscribes + seen.others, 0);
	strbuf_free(&request);
	strbuf_free(&template);
}

static void
head_is_get_without_a_body(void **state)
{
	char length[32];

	(void)state;
	client_askf(w->port, &r, "GET /abuse HTTP/1.1\r\n" HOST "\r\n");
	assert_int_equal(r.status, 200);
	snprintf(length, sizeof(length), "%zu", r.body.len);
	client_askf(w->port, &r, "HEAD /abuse HTTP/1.1\r\n" HOST "\r\n");
	assert_int_equal(r.status, 200);
	assert_string_equal(reply_header(&r, "Content-Length"), length);
}

static void
other_methods_are_refused(void **state)
{
	(void)state;
	client_askf(w->port, &r, "DELETE /u/%s HTTP/1.1\r\n" HOST "\r\n",
	    w->token);
	assert_int_equal(r.status, 405);
	assert_string_equal(reply_header(&r, "Allow"),
	    "GET, HEAD, OPTIONS, POST");
	client_askf(w->port, &r, "POST /abuse HTTP/1.1\r\n" HOST
	    "Content-Length: 1\r\n\r\nx");
	assert_int_equal(r.status, 405);
	assert_string_equal(reply_header(&r, "Allow"), "GET, HEAD, OPTIONS");
	client_askf(w->port, &r, "OPTIONS /abuse HTTP/1.1\r\n" HOST "\r\n");
	assert_int_equal(r.status, 204);
	assert_string_equal(reply_header(&r, "Allow"), "GET, HEAD, OPTIONS");
}

/* ---- the ledger (c2sp.org/tlog-tiles) */

static const struct {
	const char	*path, *type, *cache;
	int		 status;
	size_t		 len;
} ledger[] = {
	{ "/ledger/checkpoint", "text/plain; charset=utf-8", "no-cache", 200,
	    14 },
	{ "/ledger/key", "text/plain; charset=utf-8", "no-cache", 200, 14 },
	{ "/ledger/cosignature", "text/plain; charset=utf-8", "no-cache", 200,
	    14 },
	{ "/ledger/tile/0/000", "application/octet-stream",
	    "public, max-age=31536000, immutable", 200, 8192 },
	{ "/ledger/tile/0/000.p/3", "application/octet-stream",
	    "public, max-age=31536000, immutable", 200, 96 },
	/* what is not there may be there tomorrow */
	{ "/ledger/tile/1/000.p/1", "text/plain; charset=utf-8", "no-store",
	    404, 32 },
};

static void
the_ledger_says_how_long_it_lasts(void **state)
{
	(void)state;
	for (size_t i = 0; i < LEN(ledger); i++) {
		client_askf(w->port, &r, "GET %s HTTP/1.1\r\n" HOST "\r\n",
		    ledger[i].path);
		assert_int_equal(r.status, ledger[i].status);
		assert_string_equal(reply_header(&r, "Content-Type"),
		    ledger[i].type);
		assert_string_equal(reply_header(&r, "Cache-Control"),
		    ledger[i].cache);
		assert_int_equal(r.body.len, ledger[i].len);
	}
	atomic_store(&w->store_down, true);
	for (size_t i = 0; i < LEN(ledger) - 1; i++) {
		client_askf(w->port, &r, "GET %s HTTP/1.1\r\n" HOST "\r\n",
		    ledger[i].path);
		assert_int_equal(r.status, 503);
		assert_string_equal(reply_header(&r, "Cache-Control"),
		    "no-store");
		assert_non_null(reply_header(&r, "Retry-After"));
	}
	atomic_store(&w->store_down, false);
}

/* What web finds bad does not reach queue; queue has the last word. */
static const struct {
	const char	*body;
	enum ipc_result	 result;
	int		 status;
	unsigned	 asked;
} cosignatures[] = {
	{ "", IPC_OK, 400, 0 },
	{ "malformed", IPC_OK, 400, 0 },
	{ "stranger", IPC_OK, 403, 0 },
	{ "other", IPC_OK, 409, 0 },
	{ "good", IPC_OK, 200, 1 },
	{ "good", IPC_NO, 409, 1 },
	{ "good", IPC_UNKNOWN, 403, 1 },
	{ "good", IPC_TRY_AGAIN, 503, 1 },
};

static void
cosignatures_are_judged_twice(void **state)
{
	struct world_seen seen;

	(void)state;
	world_take(w, &seen);
	for (size_t i = 0; i < LEN(cosignatures); i++) {
		const char *body = cosignatures[i].body;

		atomic_store(&w->result, cosignatures[i].result);
		client_askf(w->port, &r, "POST /ledger/cosignature HTTP/1.1"
		    "\r\n" HOST "Content-Length: %zu\r\n\r\n%s",
		    strlen(body), body);
		assert_int_equal(r.status, cosignatures[i].status);
		world_take(w, &seen);
		assert_int_equal(seen.cosigns, cosignatures[i].asked);
		assert_int_equal(seen.others, 0);
		if (seen.cosigns == 1)
			assert_int_equal(seen.cosign.note.len, strlen(body));
	}
	atomic_store(&w->result, IPC_OK);
	atomic_store(&w->store_down, true);
	client_askf(w->port, &r, "POST /ledger/cosignature HTTP/1.1\r\n" HOST
	    "Content-Length: 4\r\n\r\ngood");
	assert_int_equal(r.status, 503);
	atomic_store(&w->store_down, false);
}

/* What keeps tokens and pages to themselves (S29, T51, X35, X43). */
static void
answers_are_safe(void **state)
{
	struct strbuf request = STRBUF_INIT(65536);
	struct strbuf template = STRBUF_INIT(65536);

	(void)state;
	for (size_t i = 0; i < LEN(paths); i++) {
		strbuf_reset(&template);
		strbuf_addf(&template, "GET %s HTTP/1.1\r\n" HOST "\r\n",
		    paths[i]);
		fill(template.s, w->token, &request);
		client_ask(w->port, request.s, request.len, &r);
		assert_string_equal(reply_header(&r, "Referrer-Policy"),
		    "no-referrer");
		assert_string_equal(reply_header(&r, "Cache-Control"),
		    "no-store");
		assert_string_equal(reply_header(&r, "X-Robots-Tag"),
		    "noindex, nofollow");
		assert_string_equal(reply_header(&r, "X-Content-Type-Options"),
		    "nosniff");
		assert_string_equal(reply_header(&r,
		    "Content-Security-Policy"), html_policy());
		assert_null(reply_header(&r, "Strict-Transport-Security"));
		assert_null(strstr(r.body.s, w->token));
		assert_null(strstr(r.body.s, WORLD_PENDING));
		assert_null(strstr(r.body.s, "<script"));
		assert_null(strstr(r.body.s, "http://"));
		assert_null(strstr(r.body.s, "https://"));
		/* The title of the list is trouble unless escaped. */
		assert_null(strstr(r.body.s, "<b>"));
		assert_null(strstr(r.body.s, "\xe2\x80\xae"));
		assert_null(strstr(r.body.s, "<St>"));
	}
	assert_non_null(strstr(html_policy(), "default-src 'none'"));
	assert_non_null(strstr(html_policy(), "style-src 'sha256-"));
	strbuf_free(&request);
	strbuf_free(&template);
}

static void
pages_say_what_they_should(void **state)
{
	(void)state;
	client_askf(w->port, &r, "GET / HTTP/1.1\r\n" HOST "\r\n");
	assert_int_equal(r.status, 200);
	assert_non_null(strstr(r.body.s,
	    "mailto:postmaster@lists.example.org"));
	client_askf(w->port, &r, "GET /abuse HTTP/1.1\r\n" HOST "\r\n");
	assert_non_null(strstr(r.body.s, "mailto:abuse@lists.example.org"));
	assert_non_null(strstr(r.body.s, "header lines"));	/* S64 */
	client_askf(w->port, &r, "GET /robots.txt HTTP/1.1\r\n" HOST "\r\n");
	assert_string_equal(r.body.s, "User-agent: *\nDisallow: /\n");
	client_askf(w->port, &r, "GET /help/news HTTP/1.1\r\n" HOST "\r\n");
	assert_int_equal(r.status, 200);
	assert_non_null(strstr(r.body.s, "News &amp; &lt;b&gt;"));
	assert_non_null(strstr(r.body.s, "href=\"/join/news\""));
	client_askf(w->port, &r, "GET /help/closed HTTP/1.1\r\n" HOST "\r\n");
	assert_int_equal(r.status, 200);
	assert_null(strstr(r.body.s, "/join/"));
	client_askf(w->port, &r, "GET /help/gone HTTP/1.1\r\n" HOST "\r\n");
	assert_int_equal(r.status, 404);
	client_askf(w->port, &r, "GET /c/" WORLD_PENDING " HTTP/1.1\r\n" HOST
	    "\r\n");
	assert_non_null(strstr(r.body.s, "a...@example.org"));
	assert_null(strstr(r.body.s, "alice"));
}

/* Without the store, what matters goes on (T15, T21). */
static void
pages_do_without_the_store(void **state)
{
	(void)state;
	atomic_store(&w->store_down, true);
	client_askf(w->port, &r, "GET /u/%s HTTP/1.1\r\n" HOST "\r\n",
	    w->token);
	assert_int_equal(r.status, 200);
	assert_non_null(strstr(r.body.s, "<button"));
	client_askf(w->port, &r, "GET /c/" WORLD_PENDING " HTTP/1.1\r\n" HOST
	    "\r\n");
	assert_int_equal(r.status, 200);
	assert_non_null(strstr(r.body.s, "<button"));
	client_askf(w->port, &r, "POST /u/%s HTTP/1.1\r\n" HOST
	    "Content-Length: 0\r\n\r\n", w->token);
	assert_int_equal(r.status, 200);
	client_askf(w->port, &r, "GET /join/news HTTP/1.1\r\n" HOST "\r\n");
	assert_int_equal(r.status, 503);
	client_askf(w->port, &r, "GET /health HTTP/1.1\r\n" HOST "\r\n");
	assert_int_equal(r.status, 503);
	client_askf(w->port, &r, "GET / HTTP/1.1\r\n" HOST "\r\n");
	assert_int_equal(r.status, 200);
}

/*
 * A request is counted when its answer has left, so who has the answer may
 * ask for the figures before that.
 */
static void
metrics_when(const char *what)
{
	int i;

	for (i = 0; i < 1000; i++) {
		client_askf(w->port, &r, "GET /metrics HTTP/1.1\r\n" HOST
		    "\r\n");
		assert_int_equal(r.status, 200);
		if (strstr(r.body.s, what) != NULL)
			return;
		usleep(10000);
	}
	fail_msg("never told: %s", what);
}

static void
metrics_are_for_neighbours(void **state)
{
	(void)state;
	client_askf(w->port, &r, "GET /abuse HTTP/1.1\r\n" HOST "\r\n");
	client_askf(w->port, &r, "POST /u/%s HTTP/1.1\r\n" HOST
	    "Content-Length: 0\r\n\r\n", w->token);
	metrics_when("listd_web_requests_total"
	    "{route=\"abuse\",status=\"200\"} 1\n");
	assert_non_null(strstr(r.body.s, "\nlistd_queue_up 1\n"));
	assert_non_null(strstr(r.body.s, "listd_web_queue_seconds_count 1\n"));
	assert_non_null(strstr(r.body.s, "le=\"+Inf\"} 1\n"));
	assert_non_null(strstr(r.body.s, "version=\"" PACKAGE_VERSION "\""));
	assert_null(strstr(r.body.s, w->token));
	/* A proxy on this host that passes on for someone. */
	client_askf(w->port, &r, "GET /metrics HTTP/1.1\r\n" HOST
	    "X-Forwarded-For: 127.0.0.1\r\n\r\n");
	assert_int_equal(r.status, 403);
	client_askf(w->port, &r, "GET /metrics HTTP/1.1\r\n" HOST
	    "Forwarded: for=127.0.0.1\r\n\r\n");
	assert_int_equal(r.status, 403);
	/* Without queue its figures are missing, and nobody waits for them. */
	world_disconnect(w);
	client_askf(w->port, &r, "GET /metrics HTTP/1.1\r\n" HOST "\r\n");
	assert_int_equal(r.status, 200);
	assert_non_null(strstr(r.body.s, "\nlistd_queue_up 0\n"));
	world_connect(w);
}

/* ---- joining */

/* The value of the hidden field in the page just read. */
static void
form_token(char out[static FORM_TOKEN_LEN + 1])
{
	static const char mark[] = "name=\"form\" value=\"";
	const char *p = strstr(r.body.s, mark);

	assert_non_null(p);
	memcpy(out, p + sizeof(mark) - 1, FORM_TOKEN_LEN);
	out[FORM_TOKEN_LEN] = '\0';
}

static void
post_join(const char *list, const char *token, const char *address)
{
	char body[512];

	snprintf(body, sizeof(body), "form=%s&address=%s", token, address);
	client_askf(w->port, &r, "POST /join/%s HTTP/1.1\r\n" HOST FORM
	    "User-Agent: Browser/1.0\r\nCookie: secret-cookie\r\n"
	    "Authorization: secret-word\r\nContent-Length: %zu\r\n\r\n%s",
	    list, strlen(body), body);
}

static void
open_form(char token[static FORM_TOKEN_LEN + 1])
{
	client_askf(w->port, &r, "GET /join/news HTTP/1.1\r\n" HOST "\r\n");
	assert_int_equal(r.status, 200);
	form_token(token);
}

static void
joining_leaves_evidence(void **state)
{
	char token[FORM_TOKEN_LEN + 1];
	static struct world_seen seen;
	int64_t before;

	(void)state;
	open_form(token);
	world_jump(w, FORM_TOKEN_MIN_MS);
	before = clock_utc_ms(&w->clock);
	post_join("news", token, "Alice%2Bx%40example.org");
	assert_int_equal(r.status, 200);
	world_take(w, &seen);
	assert_int_equal(seen.subscribes, 1);
	assert_string_equal(seen.subscribe.list, "news");
	assert_string_equal(seen.subscribe.address, "Alice+x@example.org");
	assert_in_range(seen.subscribe.evidence.when_ms, before,
	    before + 5000);
	assert_memory_equal(seen.subscribe.evidence.ip,
	    "\0\0\0\0\0\0\0\0\0\0\xff\xff\x7f\0\0\1", 16);
	assert_int_not_equal(seen.subscribe.evidence.port, 0);
	assert_int_equal(seen.subscribe.evidence.proxy_port, 0);
	assert_string_equal(seen.subscribe.evidence.channel, "form");
	assert_string_equal(seen.subscribe.evidence.agent, "Browser/1.0");
	assert_int_equal(strlen(seen.subscribe.evidence.form), 64);
	/* The request as it came, but for what lets others in. */
	assert_non_null(strstr(seen.raw, "POST /join/news HTTP/1.1\r\n"));
	assert_non_null(strstr(seen.raw, "User-Agent: Browser/1.0\r\n"));
	assert_non_null(strstr(seen.raw,
	    "\r\n\r\nform="));
	assert_non_null(strstr(seen.raw, "Alice%2Bx%40example.org"));
	assert_null(strstr(seen.raw, "secret-"));
	/* The words that were shown, and the page shows no others (T10). */
	assert_true(seen.shown_len > 200);
	assert_non_null(strstr(seen.shown, WORLD_TITLE));
	assert_non_null(strstr(seen.shown, "Ask to join"));
	/* The four answers of the list among them (S68). */
	assert_non_null(strstr(seen.shown, "We keep a <proof>.\nYou get news."
	    "\nEach has a link.\nAny time.\n"));
	client_askf(w->port, &r, "GET /join/news HTTP/1.1\r\n" HOST "\r\n");
	assert_non_null(strstr(r.body.s, "We keep a &lt;proof&gt;."));
	assert_non_null(strstr(r.body.s, "Any time."));
}

/* T7, S29: the same bytes whatever the address is to the store. */
static void
joining_tells_nothing(void **state)
{
	static const char *const addresses[] = {
		"member%40example.org", "stranger%40example.net",
		"abuse%40example.org",
	};
	struct strbuf first = STRBUF_INIT(1 << 20);
	struct strbuf other = STRBUF_INIT(1 << 20);
	char token[FORM_TOKEN_LEN + 1];

	(void)state;
	open_form(token);
	world_jump(w, FORM_TOKEN_MIN_MS);
	for (size_t i = 0; i < LEN(addresses); i++) {
		post_join("news", token, addresses[i]);
		assert_int_equal(r.status, 200);
		same_bytes(&r, i == 0 ? &first : &other);
		if (i != 0)
			assert_string_equal(first.s, other.s);
		assert_null(strstr(r.body.s, "@example."));
	}
	atomic_store(&w->result, IPC_TRY_AGAIN);
	post_join("news", token, addresses[0]);
	assert_int_equal(r.status, 503);
	atomic_store(&w->result, IPC_NO);
	post_join("news", token, addresses[0]);
	assert_int_equal(r.status, 503);
	strbuf_free(&first);
	strbuf_free(&other);
}

/* X38: a form that was not shown, or just now, or yesterday. */
static void
forms_have_an_age(void **state)
{
	char token[FORM_TOKEN_LEN + 1], later[FORM_TOKEN_LEN + 1];
	struct world_seen seen;

	(void)state;
	post_join("news", "", "a%40example.org");
	assert_int_equal(r.status, 200);
	assert_non_null(strstr(r.body.s, "once more"));
	assert_non_null(strstr(r.body.s, "value=\"a@example.org\""));
	form_token(token);
	post_join("news", token, "a%40example.org");	/* too young */
	assert_non_null(strstr(r.body.s, "once more"));
	form_token(later);
	world_jump(w, FORM_TOKEN_MAX_MS + 1000);
	post_join("news", token, "a%40example.org");	/* too old */
	assert_non_null(strstr(r.body.s, "once more"));
	token[3] = token[3] == 'a' ? 'b' : 'a';
	post_join("news", token, "%3Cscript%3E%22%40example.org");
	assert_non_null(strstr(r.body.s, "once more"));
	assert_null(strstr(r.body.s, "<script"));
	world_take(w, &seen);
	assert_int_equal(seen.subscribes, 0);
	/* The page that asks again brings what it needs. */
	form_token(later);
	world_jump(w, FORM_TOKEN_MIN_MS);
	post_join("news", later, "a%40example.org");
	assert_null(strstr(r.body.s, "once more"));
	world_take(w, &seen);
	assert_int_equal(seen.subscribes, 1);
}

static void
what_is_no_address_is_told(void **state)
{
	char token[FORM_TOKEN_LEN + 1];
	struct world_seen seen;

	(void)state;
	open_form(token);
	world_jump(w, FORM_TOKEN_MIN_MS);
	atomic_store(&w->result, IPC_NO);
	post_join("news", token, "not+an+address");
	assert_int_equal(r.status, 200);
	assert_non_null(strstr(r.body.s, "not a mail address"));
	world_take(w, &seen);
	assert_int_equal(seen.subscribes, 1);	/* recorded all the same */
	post_join("news", token, "");
	assert_non_null(strstr(r.body.s, "not a mail address"));
	post_join("news", token, "a%0d%0ab%40example.org");	/* X41 */
	assert_non_null(strstr(r.body.s, "not a mail address"));
	world_take(w, &seen);
	assert_int_equal(seen.subscribes, 0);
}

/* X37: a closed list is like none at all, by form and by post. */
static void
closed_lists_take_nothing(void **state)
{
	static const char *const names[] = { "none", "closed", "gone" };
	struct strbuf first = STRBUF_INIT(1 << 20);
	struct strbuf other = STRBUF_INIT(1 << 20);
	char token[FORM_TOKEN_LEN + 1];
	struct world_seen seen;

	(void)state;
	open_form(token);
	world_jump(w, FORM_TOKEN_MIN_MS);
	for (size_t i = 0; i < LEN(names); i++) {
		client_askf(w->port, &r, "GET /join/%s HTTP/1.1\r\n" HOST
		    "\r\n", names[i]);
		assert_int_equal(r.status, 404);
		post_join(names[i], token, "a%40example.org");
		assert_int_equal(r.status, 404);
		same_bytes(&r, i == 0 ? &first : &other);
		if (i != 0)
			assert_string_equal(first.s, other.s);
	}
	world_take(w, &seen);
	assert_int_equal(seen.subscribes, 0);
	/* It closed between the form and the commit. */
	atomic_store(&w->result, IPC_UNKNOWN);
	post_join("news", token, "a%40example.org");
	assert_int_equal(r.status, 404);
	strbuf_free(&first);
	strbuf_free(&other);
}

/* A dead queue: nobody knows whether it was done, so it is not done twice. */
static void
a_request_is_not_sent_twice(void **state)
{
	char token[FORM_TOKEN_LEN + 1], body[256], request[1024];
	static struct world_seen seen;
	int fd;

	(void)state;
	open_form(token);
	world_jump(w, FORM_TOKEN_MIN_MS);
	atomic_store(&w->silent, true);
	snprintf(body, sizeof(body), "form=%s&address=a%%40example.org",
	    token);
	snprintf(request, sizeof(request), "POST /join/news HTTP/1.1\r\n" HOST
	    FORM "Content-Length: %zu\r\n\r\n%s", strlen(body), body);
	fd = client_open(w->port);
	client_send(fd, request, strlen(request));
	assert_true(world_wait_frame(w));
	world_disconnect(w);
	client_read(fd, false, &r);
	assert_int_equal(r.status, 503);
	world_connect(w);
	world_take(w, &seen);
	assert_int_equal(seen.subscribes, 1);
	close(fd);
}

/* ---- confirming */

/* T1: to open the link changes nothing, and is told with the press. */
static void
looks_come_with_the_press(void **state)
{
	static const char *const agents[] = { "Scanner/1", "Browser/1" };
	struct world_seen seen;

	(void)state;
	for (size_t i = 0; i < LEN(agents); i++) {
		client_askf(w->port, &r, "GET /c/" WORLD_PENDING " HTTP/1.1\r\n"
		    HOST "User-Agent: %s\r\n\r\n", agents[i]);
		assert_int_equal(r.status, 200);
	}
	client_askf(w->port, &r, "GET /c/" WORLD_CONFIRMED " HTTP/1.1\r\n"
	    HOST "\r\n");
	world_take(w, &seen);
	assert_int_equal(seen.confirms, 0);
	atomic_store(&w->result, IPC_OK);
	client_askf(w->port, &r, "POST /c/" WORLD_PENDING " HTTP/1.1\r\n" HOST
	    "Content-Length: 0\r\n\r\n");
	world_take(w, &seen);
	assert_int_equal(seen.confirms, 1);
	assert_int_equal(seen.confirm.looks, 2);
	assert_string_equal(seen.confirm.look_agent, "Scanner/1");
	assert_memory_equal(seen.confirm.look_ip,
	    "\0\0\0\0\0\0\0\0\0\0\xff\xff\x7f\0\0\1", 16);
	assert_true(seen.confirm.look_ms > 0 &&
	    seen.confirm.look_ms <= seen.confirm.evidence.when_ms);
	client_askf(w->port, &r, "POST /c/" WORLD_CONFIRMED " HTTP/1.1\r\n"
	    HOST "Content-Length: 0\r\n\r\n");
	world_take(w, &seen);
	assert_int_equal(seen.confirm.looks, 0);
}

/* A press with this field in it. */
static void
press(const char *token, const char *shown, struct world_seen *seen)
{
	char body[128];

	snprintf(body, sizeof(body), "shown=%s", shown);
	client_askf(w->port, &r, "POST /c/%s HTTP/1.1\r\n" HOST FORM
	    "Content-Length: %zu\r\n\r\n%s", token, strlen(body), body);
	world_take(w, seen);
	assert_int_equal(seen->confirms, 1);
}

/* T10: what the page said whose button was pressed, and no other's words. */
static void
the_page_that_confirms_is_kept(void **state)
{
	static const char mark[] = "name=\"shown\" value=\"";
	struct world_seen seen;
	char hex[65];
	const char *p;

	(void)state;
	atomic_store(&w->result, IPC_OK);
	client_askf(w->port, &r, "GET /c/" WORLD_PENDING " HTTP/1.1\r\n" HOST
	    "\r\n");
	assert_non_null(p = strstr(r.body.s, mark));
	snprintf(hex, sizeof(hex), "%.64s", p + sizeof(mark) - 1);
	press(WORLD_PENDING, hex, &seen);
	assert_string_equal(seen.confirm.evidence.form, hex);
	assert_non_null(strstr(seen.shown, "Yes, I confirm"));
	assert_non_null(strstr(seen.shown, WORLD_TITLE));
	/* It is everybody's, so it names nobody and lets nobody in. */
	assert_null(strchr(seen.shown, '@'));
	assert_null(strstr(seen.shown, WORLD_PENDING));
	/* A page of other words, or none, is not vouched for. */
	hex[0] = hex[0] == '0' ? '1' : '0';
	press(WORLD_PENDING, hex, &seen);
	assert_string_equal(seen.confirm.evidence.form, "");
	assert_int_equal(seen.shown_len, 0);
	press(WORLD_PENDING, "", &seen);
	assert_string_equal(seen.confirm.evidence.form, "");
	/* An owner agrees to no mail. */
	client_askf(w->port, &r, "GET /c/" WORLD_OWNER " HTTP/1.1\r\n" HOST
	    "\r\n");
	assert_null(strstr(r.body.s, mark));
}

static void
confirming_says_what_became_of_it(void **state)
{
	static const struct {
		const char *why, *token;
		enum ipc_result result;
		const char *text;
		int status;
		const char *title;
		bool asked;
	} rows[] = {
		{ "confirmed", WORLD_PENDING, IPC_OK, "confirmed", 200,
		    "<h1>Confirmed</h1>", true },
		{ "in capitals (T28)", "AAAAAAAAAAAAAAAAAAAAAAAAAA", IPC_OK,
		    "confirmed", 200, "<h1>Confirmed</h1>", true },
		{ "again", WORLD_CONFIRMED, IPC_OK, IPC_TEXT_AGAIN, 200,
		    "Already confirmed", true },
		{ "expired", WORLD_EXPIRED, IPC_NO, "expired", 410,
		    "too old", true },
		{ "void (T11)", WORLD_VOID, IPC_NO, IPC_TEXT_VOID, 410,
		    "no longer valid", true },
		{ "unknown", WORLD_UNKNOWN, IPC_UNKNOWN, "unknown", 404,
		    "not known", true },
		{ "no token's shape", "x", IPC_OK, "", 404, "not known",
		    false },
		{ "an owner's", WORLD_OWNER, IPC_OK, "confirmed", 200,
		    "<h1>Confirmed</h1>", true },
	};
	struct world_seen seen;

	(void)state;
	for (size_t i = 0; i < LEN(rows); i++) {
		atomic_store(&w->result, rows[i].result);
		atomic_store(&w->text, rows[i].text);
		client_askf(w->port, &r, "POST /c/%s HTTP/1.1\r\n" HOST
		    "Referer: https://x/c/%s\r\nX-Original-URI: /c/%s\r\n"
		    "Content-Length: 0\r\n\r\n", rows[i].token, rows[i].token,
		    rows[i].token);
		if (r.status != rows[i].status ||
		    strstr(r.body.s, rows[i].title) == NULL)
			fail_msg("%s: %d %s", rows[i].why, r.status,
			    r.body.s);
		world_take(w, &seen);
		assert_int_equal(seen.confirms, rows[i].asked);
		if (!rows[i].asked)
			continue;
		assert_string_equal(seen.confirm.token, rows[i].token);
		assert_string_equal(seen.confirm.evidence.channel, "page");
		/* S39, T51 */
		assert_null(strcasestr(seen.raw, rows[i].token));
		assert_non_null(strstr(seen.raw, "POST /c/<token> HTTP"));
		assert_null(strstr(r.body.s, rows[i].token));
	}
}

static void
links_show_their_state(void **state)
{
	static const struct {
		const char *token;
		int status;
		const char *text;
		bool button;
	} rows[] = {
		{ WORLD_PENDING, 200, "you want the mail of the list", true },
		{ WORLD_OWNER, 200, "responsible for the list", true },
		{ WORLD_CONFIRMED, 200, "Already confirmed", false },
		{ WORLD_EXPIRED, 410, "too old", false },
		{ WORLD_VOID, 410, "no longer valid", false },
		{ WORLD_UNKNOWN, 404, "not known", false },
		{ "x", 404, "not known", false },
	};

	(void)state;
	for (size_t i = 0; i < LEN(rows); i++) {
		client_askf(w->port, &r, "GET /c/%s HTTP/1.1\r\n" HOST "\r\n",
		    rows[i].token);
		assert_int_equal(r.status, rows[i].status);
		assert_non_null(strstr(r.body.s, rows[i].text));
		assert_int_equal(strstr(r.body.s, "<button") != NULL,
		    rows[i].button);
	}
}

int
main(void)
{
#define T(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(one_click_is_taken),
		T(every_token_gets_one_answer),
		T(the_page_can_leave_all),
		T(what_is_not_durable_is_a_503),
		T(silence_is_a_503),
		T(a_new_queue_is_asked_again),
		T(without_a_queue_requests_wait),
		T(reading_changes_nothing),
		T(head_is_get_without_a_body),
		T(other_methods_are_refused),
		T(the_ledger_says_how_long_it_lasts),
		T(cosignatures_are_judged_twice),
		T(answers_are_safe),
		T(pages_say_what_they_should),
		T(pages_do_without_the_store),
		T(metrics_are_for_neighbours),
		T(joining_leaves_evidence),
		T(joining_tells_nothing),
		T(forms_have_an_age),
		T(what_is_no_address_is_told),
		T(closed_lists_take_nothing),
		T(a_request_is_not_sent_twice),
		T(looks_come_with_the_press),
		T(the_page_that_confirms_is_kept),
		T(confirming_says_what_became_of_it),
		T(links_show_their_state),
	};

	return cmocka_run_group_tests_name("web", tests, NULL, NULL);
}
