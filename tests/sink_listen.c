/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sink_listen.c - the addresses the sink listens on.
 *
 * A client that talks to several hosts uses one port for all of them, so
 * every listener written with port 0 gets the same free port.
 */
#include "config.h"

#include <arpa/inet.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "lib/err.h"
#include "lib/xmalloc.h"
#include "tests/sink.h"

#define BACKLOG		4096
#define BIND_TRIES	50
#define ACCEPTS_MAX	64	/* in a row, before others have a turn */

static void
set_port(struct sockaddr_storage *sa, unsigned port)
{
	if (sa->ss_family == AF_INET6)
		((struct sockaddr_in6 *)sa)->sin6_port = htons((uint16_t)port);
	else
		((struct sockaddr_in *)sa)->sin_port = htons((uint16_t)port);
}

static unsigned
get_port(const struct sockaddr_storage *sa)
{
	if (sa->ss_family == AF_INET6)
		return ntohs(((const struct sockaddr_in6 *)sa)->sin6_port);
	return ntohs(((const struct sockaddr_in *)sa)->sin_port);
}

static SSL_CTX *
tls_context(const char *pem, struct err *e)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

	if (ctx == NULL ||
	    SSL_CTX_use_certificate_chain_file(ctx, pem) != 1 ||
	    SSL_CTX_use_PrivateKey_file(ctx, pem, SSL_FILETYPE_PEM) != 1) {
		err_set(e, ERR_CRYPTO, "%s: no certificate and key", pem);
		SSL_CTX_free(ctx);
		return NULL;
	}
	/* OpenSSL 3 calls a close without close_notify an error. */
	SSL_CTX_set_options(ctx, SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE |
	    SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"sink", 4);
	SSL_CTX_set_read_ahead(ctx, 1);
	return ctx;
}

static int
parse_option(struct listener *l, const char *option, struct err *e)
{
	if (strcmp(option, "smtps") == 0) {
		l->implicit_tls = true;
		return 0;
	}
	if (strcmp(option, "notls") == 0) {
		SSL_CTX_free(l->tls);
		l->tls = NULL;
		return 0;
	}
	if (strncmp(option, "tls=", 4) == 0) {
		SSL_CTX_free(l->tls);
		l->tls = tls_context(option + 4, e);
		return l->tls == NULL ? -1 : 0;
	}
	err_set(e, ERR_INPUT, "%s: unknown option of a listener", option);
	return -1;
}

/* "127.0.0.1:25" or "[::1]:25"; cuts spec up. */
static int
parse_address(struct listener *l, char *spec)
{
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&l->sa;
	struct sockaddr_in *in = (struct sockaddr_in *)&l->sa;
	char *colon = strrchr(spec, ':'), *end;
	unsigned long port;

	if (colon == NULL || colon == spec)
		return -1;
	*colon++ = '\0';
	port = strtoul(colon, &end, 10);
	if (*colon < '0' || *colon > '9' || *end != '\0' || port > 65535)
		return -1;
	if (*spec == '[') {
		colon[-2] = '\0';	/* the bracket */
		l->sa.ss_family = AF_INET6;
		l->salen = sizeof(*in6);
		if (inet_pton(AF_INET6, spec + 1, &in6->sin6_addr) != 1)
			return -1;
		inet_ntop(AF_INET6, &in6->sin6_addr, l->address,
		    sizeof(l->address));
	} else {
		l->sa.ss_family = AF_INET;
		l->salen = sizeof(*in);
		if (inet_pton(AF_INET, spec, &in->sin_addr) != 1)
			return -1;
		inet_ntop(AF_INET, &in->sin_addr, l->address,
		    sizeof(l->address));
	}
	set_port(&l->sa, (unsigned)port);
	l->shared_port = port == 0;
	return 0;
}

static int
parse_listener(struct listener *l, const char *spec, const char *pem,
    struct err *e)
{
	char *copy = xstrdup(spec), *rest = copy, *option;
	int ret = -1;

	option = strsep(&rest, ",");
	if (parse_address(l, option) == -1) {
		err_set(e, ERR_INPUT, "%s: not ADDRESS:PORT", spec);
		goto out;
	}
	if (pem != NULL && (l->tls = tls_context(pem, e)) == NULL)
		goto out;
	while ((option = strsep(&rest, ",")) != NULL)
		if (parse_option(l, option, e) == -1)
			goto out;
	if (l->implicit_tls && l->tls == NULL) {
		err_set(e, ERR_INPUT, "%s: smtps needs a certificate", spec);
		goto out;
	}
	ret = 0;
out:
	free(copy);
	return ret;
}

/* Out of descriptors: take the peer with the spare one and send it away. */
static void
turn_away(struct listener *l)
{
	struct sink *sink = l->sink;
	int fd;

	close(sink->spare_fd);
	fd = accept(l->fd, NULL, NULL);
	if (fd != -1)
		close(fd);
	sink->spare_fd = dup(STDERR_FILENO);
}

static void
on_accept(evutil_socket_t lfd, short what, void *arg)
{
	struct listener *l = arg;
	struct sockaddr_storage peer;
	socklen_t len;
	int fd;

	(void)what;
	sink_touch_clock(l->sink);
	for (int i = 0; i < ACCEPTS_MAX; i++) {
		len = sizeof(peer);
		fd = accept4(lfd, (struct sockaddr *)&peer, &len,
		    SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd == -1) {
			if (errno == EMFILE || errno == ENFILE)
				turn_away(l);
			return;
		}
		conn_open(l, fd, &peer);
	}
}

static int
bind_one(struct listener *l, struct err *e)
{
	int on = 1;

	l->fd = socket(l->sa.ss_family,
	    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (l->fd == -1) {
		err_sys(e, "socket");
		return -1;
	}
	(void)setsockopt(l->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(l->fd, (struct sockaddr *)&l->sa, l->salen) == -1 ||
	    listen(l->fd, BACKLOG) == -1 ||
	    getsockname(l->fd, (struct sockaddr *)&l->sa, &l->salen) == -1) {
		err_sys(e, "%s port %u", l->address, get_port(&l->sa));
		close(l->fd);
		l->fd = -1;
		return -1;
	}
	l->port = get_port(&l->sa);
	l->event = event_new(l->sink->base, l->fd, EV_READ | EV_PERSIST,
	    on_accept, l);
	event_add(l->event, NULL);
	return 0;
}

void
sink_unlisten(struct sink *sink)
{
	for (size_t i = 0; i < sink->nlisteners; i++) {
		struct listener *l = &sink->listeners[i];

		if (l->fd == -1)
			continue;
		event_free(l->event);
		l->event = NULL;
		close(l->fd);
		l->fd = -1;
	}
}

/* Bind all; those that share a port take that of the first among them. */
static int
bind_all(struct sink *sink, struct err *e)
{
	unsigned shared = 0;

	for (size_t i = 0; i < sink->nlisteners; i++) {
		struct listener *l = &sink->listeners[i];

		if (l->shared_port && l->port == 0)
			set_port(&l->sa, shared);
		if (bind_one(l, e) == -1) {
			sink_unlisten(sink);
			return -1;
		}
		if (l->shared_port)
			shared = l->port;
	}
	return 0;
}

int
sink_listen(struct sink *sink, struct err *e)
{
	bool known = sink->nlisteners > 0 && sink->listeners[0].port != 0;

	for (int i = 0; i < BIND_TRIES; i++) {
		if (bind_all(sink, e) == 0)
			return 0;
		if (known)
			return -1;
		for (size_t k = 0; k < sink->nlisteners; k++)
			sink->listeners[k].port = 0;
	}
	return -1;
}

int
sink_add_listener(struct sink *sink, const char *spec, const char *pem,
    struct err *e)
{
	struct listener *l;

	sink->listeners = xreallocarray(sink->listeners, sink->nlisteners + 1,
	    sizeof(*sink->listeners));
	l = &sink->listeners[sink->nlisteners++];
	*l = (struct listener){ .sink = sink, .fd = -1 };
	return parse_listener(l, spec, pem, e);
}

void
sink_free_listeners(struct sink *sink)
{
	sink_unlisten(sink);
	for (size_t i = 0; i < sink->nlisteners; i++)
		SSL_CTX_free(sink->listeners[i].tls);
	free(sink->listeners);
}
