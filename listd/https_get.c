/* SPDX-License-Identifier: Apache-2.0 */
/*
 * https_get.c - fetch one small file over HTTPS, on the caller's loop.
 *
 * libcurl says which sockets and times it waits for; libevent waits.  What is
 * above HTTPS_AT_ONCE does not wait inside libcurl, which would count that for
 * its timeout: with enough hosts that answer nothing, nobody else's would come.
 */
#include "config.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include <curl/curl.h>
#include <event2/event.h>
#include <openssl/ssl.h>

#include "lib/err.h"
#include "lib/strbuf.h"
#include "lib/xmalloc.h"
#include "listd/https_get.h"

struct https_request {
	TAILQ_ENTRY(https_request) entry;
	bool			 begun;		/* or it waits */
	struct https		*https;
	CURL			*easy;
	struct curl_slist	*resolve;
	X509_STORE		*authorities;
	struct strbuf		 body;
	char			 problem[CURL_ERROR_SIZE];
	void			(*done)(void *, const struct https_answer *);
	void			*arg;
};

struct https {
	struct event_base	*base;
	CURLM			*multi;
	struct event		*timer, *begin;
	TAILQ_HEAD(request_list, https_request) requests, waiting;
	size_t			 begun;
};

/* ---- the end of a request */

static void
request_free(struct https_request *q)
{
	struct https *h = q->https;

	if (q->begun) {
		curl_multi_remove_handle(h->multi, q->easy);
		h->begun--;
	}
	TAILQ_REMOVE(q->begun ? &h->requests : &h->waiting, q, entry);
	curl_easy_cleanup(q->easy);
	curl_slist_free_all(q->resolve);
	X509_STORE_free(q->authorities);
	strbuf_free(&q->body);
	free(q);
}

static void
request_done(struct https_request *q, CURLcode rc)
{
	struct https_answer a = { .type = "", .body = q->body.s,
		.len = q->body.len };
	const char *type = NULL;

	curl_easy_getinfo(q->easy, CURLINFO_RESPONSE_CODE, &a.status);
	curl_easy_getinfo(q->easy, CURLINFO_CONTENT_TYPE, &type);
	if (type != NULL)
		a.type = type;
	if (q->body.overflow)
		a.fault = "the file is too large";
	else if (rc != CURLE_OK)
		a.fault = q->problem[0] != '\0' ? q->problem :
		    curl_easy_strerror(rc);
	a.untrusted = rc == CURLE_PEER_FAILED_VERIFICATION;
	q->done(q->arg, &a);
	request_free(q);
}

/* Begin what there is room for; from the loop, for one may end at once. */
static void
begin_waiting(struct https *h)
{
	struct https_request *q;

	while (h->begun < HTTPS_AT_ONCE &&
	    (q = TAILQ_FIRST(&h->waiting)) != NULL) {
		if (curl_multi_add_handle(h->multi, q->easy) != CURLM_OK) {
			request_done(q, CURLE_FAILED_INIT);
			continue;
		}
		TAILQ_REMOVE(&h->waiting, q, entry);
		TAILQ_INSERT_TAIL(&h->requests, q, entry);
		q->begun = true;
		h->begun++;
	}
}

/* libcurl has its say before any of its handles is touched. */
static void
collect(struct https *h)
{
	struct https_request *q;
	CURLMsg *m;
	int left;

	while ((m = curl_multi_info_read(h->multi, &left)) != NULL)
		if (m->msg == CURLMSG_DONE && curl_easy_getinfo(m->easy_handle,
		    CURLINFO_PRIVATE, &q) == CURLE_OK)
			request_done(q, m->data.result);
	begin_waiting(h);
}

/* ---- what libcurl waits for */

static void
on_socket(evutil_socket_t fd, short what, void *arg)
{
	struct https *h = arg;
	int running, flags = ((what & EV_READ) != 0 ? CURL_CSELECT_IN : 0) |
	    ((what & EV_WRITE) != 0 ? CURL_CSELECT_OUT : 0);

	curl_multi_socket_action(h->multi, fd, flags, &running);
	collect(h);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct https *h = arg;
	int running;

	(void)fd;
	(void)what;
	curl_multi_socket_action(h->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	collect(h);
}

static void
on_begin(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	begin_waiting(arg);
}

static int
watch_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *own)
{
	struct https *h = arg;
	struct event *ev = own;
	short flags = (short)(EV_PERSIST |
	    ((what & CURL_POLL_IN) != 0 ? EV_READ : 0) |
	    ((what & CURL_POLL_OUT) != 0 ? EV_WRITE : 0));

	(void)easy;
	if (ev != NULL)
		event_free(ev);
	ev = NULL;
	if (what != CURL_POLL_REMOVE) {
		if ((ev = event_new(h->base, fd, flags, on_socket, h)) == NULL)
			return -1;
		event_add(ev, NULL);
	}
	curl_multi_assign(h->multi, fd, ev);
	return 0;
}

static int
watch_time(CURLM *multi, long wait_ms, void *arg)
{
	struct https *h = arg;
	struct timeval tv = { wait_ms / 1000, (wait_ms % 1000) * 1000 };

	(void)multi;
	if (wait_ms < 0)
		event_del(h->timer);
	else
		event_add(h->timer, &tv);
	return 0;
}

/* ---- a request */

static size_t
on_body(char *data, size_t size, size_t n, void *arg)
{
	struct https_request *q = arg;

	strbuf_add(&q->body, data, size * n);
	return q->body.overflow ? 0 : size * n;
}

/* The authorities are those of the role, read once and not for each fetch. */
static CURLcode
use_authorities(CURL *easy, void *ctx, void *arg)
{
	struct https_request *q = arg;

	(void)easy;
	SSL_CTX_set1_cert_store(ctx, q->authorities);
	return CURLE_OK;
}

/* "+" in front would make it age; the name is resolved to this and no more. */
static struct curl_slist *
resolve_list(const struct https_ask *ask)
{
	struct strbuf b = STRBUF_INIT(4096);
	struct curl_slist *list = NULL;
	char ip[INET6_ADDRSTRLEN];

	strbuf_addf(&b, "%s:%u:", ask->host, ask->port);
	for (size_t i = 0; i < ask->n; i++) {
		bool six = ask->address[i].family == 6;

		inet_ntop(six ? AF_INET6 : AF_INET, ask->address[i].ip, ip,
		    sizeof(ip));
		strbuf_addf(&b, "%s%s%s%s", i > 0 ? "," : "", six ? "[" : "",
		    ip, six ? "]" : "");
	}
	if (!b.overflow)
		list = curl_slist_append(NULL, b.s);
	strbuf_free(&b);
	return list;
}

#define SET(OPTION, VALUE) \
	(bad = bad || curl_easy_setopt(q->easy, (OPTION), (VALUE)) != CURLE_OK)

static bool
request_options(struct https_request *q, const struct https_ask *ask)
{
	char url[HTTPS_URL_MAX];
	bool bad = false;

	if ((size_t)snprintf(url, sizeof(url), "https://%s:%u%s", ask->host,
	    ask->port, ask->path) >= sizeof(url))
		return false;
	SET(CURLOPT_URL, url);
	SET(CURLOPT_PRIVATE, q);
	SET(CURLOPT_ERRORBUFFER, q->problem);
	SET(CURLOPT_PROTOCOLS_STR, "https");
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	SET(CURLOPT_PROXY, "");
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_USERAGENT, PACKAGE_NAME);
	SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	SET(CURLOPT_FORBID_REUSE, 1L);
	SET(CURLOPT_RESOLVE, q->resolve);
	SET(CURLOPT_TIMEOUT_MS, ask->timeout_ms < HTTPS_TIMEOUT_MAX_MS ?
	    (long)ask->timeout_ms : (long)HTTPS_TIMEOUT_MAX_MS);
	SET(CURLOPT_MAXFILESIZE, (long)ask->max);
	SET(CURLOPT_WRITEFUNCTION, on_body);
	SET(CURLOPT_WRITEDATA, q);
	/* No file is read: the role may not, and has its authorities. */
	SET(CURLOPT_CAINFO, NULL);
	SET(CURLOPT_CAPATH, NULL);
	SET(CURLOPT_SSL_CTX_FUNCTION, use_authorities);
	SET(CURLOPT_SSL_CTX_DATA, q);
	SET(CURLOPT_SSL_VERIFYPEER, 1L);
	SET(CURLOPT_SSL_VERIFYHOST, 2L);
	SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	return !bad;
}

struct https_request *
https_start(struct https *h, const struct https_ask *ask,
    void (*done)(void *, const struct https_answer *), void *arg,
    struct err *e)
{
	struct https_request *q = xcalloc(1, sizeof(*q));

	q->https = h;
	q->done = done;
	q->arg = arg;
	strbuf_init(&q->body, ask->max);
	TAILQ_INSERT_TAIL(&h->waiting, q, entry);
	X509_STORE_up_ref(ask->authorities);
	q->authorities = ask->authorities;
	q->resolve = resolve_list(ask);
	q->easy = curl_easy_init();
	if (q->resolve != NULL && q->easy != NULL && request_options(q, ask)) {
		event_active(h->begin, EV_TIMEOUT, 0);
		return q;
	}
	err_set(e, ERR_SYSTEM, "https: cannot begin");
	request_free(q);
	return NULL;
}

void
https_cancel(struct https_request *q)
{
	struct https *h = q->https;

	request_free(q);
	event_active(h->begin, EV_TIMEOUT, 0);
}

/* ---- life */

struct https *
https_new(struct event_base *base, struct err *e)
{
	struct https *h = xcalloc(1, sizeof(*h));

	TAILQ_INIT(&h->requests);
	TAILQ_INIT(&h->waiting);
	h->base = base;
	h->multi = curl_multi_init();
	h->timer = evtimer_new(base, on_timer, h);
	h->begin = event_new(base, -1, 0, on_begin, h);
	if (h->multi == NULL || h->timer == NULL || h->begin == NULL) {
		err_set(e, ERR_SYSTEM, "libcurl did not start");
		https_free(h);
		return NULL;
	}
	curl_multi_setopt(h->multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
	curl_multi_setopt(h->multi, CURLMOPT_SOCKETDATA, h);
	curl_multi_setopt(h->multi, CURLMOPT_TIMERFUNCTION, watch_time);
	curl_multi_setopt(h->multi, CURLMOPT_TIMERDATA, h);
	return h;
}

void
https_free(struct https *h)
{
	struct https_request *q;

	if (h == NULL)
		return;
	while ((q = TAILQ_FIRST(&h->requests)) != NULL ||
	    (q = TAILQ_FIRST(&h->waiting)) != NULL)
		request_free(q);
	if (h->multi != NULL)
		curl_multi_cleanup(h->multi);
	if (h->timer != NULL)
		event_free(h->timer);
	if (h->begin != NULL)
		event_free(h->begin);
	free(h);
}
