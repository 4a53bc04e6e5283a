/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_https_get.c - fetches that end in each way without a web server: its
 * answers are read in tests/tls.test.  A host is a port on loopback that says
 * nothing, or hangs up at once.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cmocka.h>
#include <curl/curl.h>
#include <event2/event.h>
#include <event2/listener.h>

#include "lib/err.h"
#include "listd/https_get.h"

#define TEST_LIMIT_S	60
#define TIMEOUT_MS	2000
#define SILENT		HTTPS_AT_ONCE

static struct world {
	struct event_base	*base;
	struct https		*https;
	X509_STORE		*store;
	struct evconnlistener	*curt;
	int			 silent_fd;
	uint16_t		 silent_port, curt_port;
	unsigned		 calls;		/* that curt got */
	unsigned		 open;		/* requests */
	unsigned		 open_then;	/* when curt was called */
	char			 said[128];	/* of the last curt one */
} w;

static uint16_t
port_of(int fd)
{
	struct sockaddr_in sin;
	socklen_t len = sizeof(sin);

	assert_int_equal(getsockname(fd, (struct sockaddr *)&sin, &len), 0);
	return ntohs(sin.sin_port);
}

static void
hang_up(struct evconnlistener *l, evutil_socket_t fd, struct sockaddr *sa,
    int len, void *arg)
{
	(void)l;
	(void)sa;
	(void)len;
	(void)arg;
	w.calls++;
	w.open_then = w.open;
	close(fd);
}

static int
set_up(void **state)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct err e = ERR_INIT;

	(void)state;
	w.base = event_base_new();
	assert_int_equal(curl_global_init(CURL_GLOBAL_DEFAULT), 0);
	w.https = https_new(w.base, &e);
	assert_non_null(w.https);
	w.store = X509_STORE_new();
	/* The kernel takes the calls, and nobody answers them. */
	w.silent_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(w.silent_fd, (struct sockaddr *)&sin,
	    sizeof(sin)), 0);
	assert_int_equal(listen(w.silent_fd, 2 * SILENT), 0);
	w.silent_port = port_of(w.silent_fd);
	w.curt = evconnlistener_new_bind(w.base, hang_up, NULL,
	    LEV_OPT_CLOSE_ON_FREE, 8, (struct sockaddr *)&sin, sizeof(sin));
	assert_non_null(w.curt);
	w.curt_port = port_of(evconnlistener_get_fd(w.curt));
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	https_free(w.https);
	curl_global_cleanup();
	X509_STORE_free(w.store);
	evconnlistener_free(w.curt);
	close(w.silent_fd);
	event_base_free(w.base);
	return 0;
}

static void
ended(void)
{
	if (--w.open == 0)
		event_base_loopbreak(w.base);
}

static void
on_silent(void *arg, const struct https_answer *a)
{
	(void)arg;
	assert_non_null(a->fault);
	assert_int_equal(a->status, 0);
	ended();
}

static void
on_curt(void *arg, const struct https_answer *a)
{
	(void)arg;
	assert_non_null(a->fault);
	snprintf(w.said, sizeof(w.said), "%s", a->fault);
	ended();
}

static struct https_request *
ask(uint16_t port, void (*done)(void *, const struct https_answer *))
{
	static const struct resolver_address here = { 4, { 127, 0, 0, 1 } };
	const struct https_ask ask = { .host = "mta-sts.example", .port = port,
		.path = "/", .address = &here, .n = 1, .max = 1024,
		.timeout_ms = TIMEOUT_MS, .authorities = w.store };
	struct err e = ERR_INIT;
	struct https_request *q = https_start(w.https, &ask, done, NULL, &e);

	assert_non_null(q);
	w.open++;
	return q;
}

static void
run(void)
{
	struct timeval limit = { TEST_LIMIT_S, 0 };

	event_base_loopexit(w.base, &limit);
	event_base_dispatch(w.base);
	assert_int_equal(w.open, 0);
}

/* F25: hosts that say nothing cost others their turn, and not their time. */
static void
who_waits_has_all_of_his_time(void **state)
{
	(void)state;
	w.calls = 0;
	for (int i = 0; i < SILENT; i++)
		ask(w.silent_port, on_silent);
	ask(w.curt_port, on_curt);
	event_base_loop(w.base, EVLOOP_NONBLOCK);
	assert_int_equal(w.calls, 0);		/* all places are taken */
	run();
	assert_int_equal(w.calls, 1);
	if (strstr(w.said, "timed out") != NULL)
		fail_msg("it was not asked: %s", w.said);
}

/* A place that is given up is another's at once. */
static void
who_is_cancelled_makes_room(void **state)
{
	struct https_request *first = NULL, *waits;

	(void)state;
	w.calls = 0;
	for (int i = 0; i < SILENT; i++) {
		struct https_request *q = ask(w.silent_port, on_silent);

		first = i == 0 ? q : first;
	}
	waits = ask(w.silent_port, on_silent);
	ask(w.curt_port, on_curt);
	event_base_loop(w.base, EVLOOP_NONBLOCK);
	https_cancel(waits);			/* never begun */
	https_cancel(first);
	w.open -= 2;
	run();
	assert_int_equal(w.calls, 1);
	assert_int_equal(w.open_then, SILENT);	/* no time was over yet */
}

/* What is open at the end is dropped, begun or not. */
static void
the_end_calls_nobody(void **state)
{
	(void)state;
	for (int i = 0; i < SILENT + 3; i++)
		ask(w.silent_port, on_silent);
	event_base_loop(w.base, EVLOOP_NONBLOCK);
	https_free(w.https);
	w.https = NULL;
	assert_int_equal(w.open, SILENT + 3);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_waits_has_all_of_his_time),
		cmocka_unit_test(who_is_cancelled_makes_room),
		cmocka_unit_test(the_end_calls_nobody),
	};

	return cmocka_run_group_tests_name("https_get", tests, set_up,
	    tear_down);
}
