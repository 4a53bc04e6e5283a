/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server.h - HTTP and HTTPS, by libmicrohttpd.
 *
 * Each listener has a pool of threads of its own; the loop of the process has
 * the channel to queue (queue_link.h), the log and the clocks.  A request
 * that queue must answer is suspended until the commit that answers it, and
 * gets 503 when none comes.
 *
 * Bounds: connections in all and of one address (conf http_connections,
 * http_per_address), the head and the body of a request (http_max_head,
 * http_max_body), and http_timeout for each of: the head, counted from the
 * connection or the answer before; the body; and taking the answer.  These
 * run by the clock and not from octet to octet, so that a client that sends
 * one a second is cut off like one that sends none.
 *
 * Every request leaves one line in the log with time, address, port, route,
 * status and duration, and never a token (S3, T51).
 */
#ifndef WEB_SERVER_H
#define WEB_SERVER_H

#include <stdbool.h>
#include <stdint.h>

struct conf;
struct err;
struct event_base;
struct exchange_env;
struct server;
struct timers;

struct server_params {
	struct event_base	*base;
	struct timers		*timers;
	/* Keys, clock, view and metrics; the server keeps queue_up in it. */
	struct exchange_env	*env;
	const struct conf	*conf;	/* read here, not kept */
};

/* NULL with e: ERR_SYSTEM. */
struct server *server_new(const struct server_params *p, struct err *e);
/* Stops what still runs. */
void server_free(struct server *s);

/*
 * Accept on fd, a listening TCP socket, of which the server makes a copy.
 * tls needs a certificate (certificate.h).  -1 with ERR_SYSTEM, ERR_CRYPTO.
 */
int server_listen(struct server *s, int fd, bool tls, struct err *e);
/* A channel to a queue role that was started. */
void server_connect_queue(struct server *s, int fd);
/* Use what may change of conf from the next request on. */
void server_reload(struct server *s, const struct conf *conf);

/*
 * Finish what is open, at most wait_ms long, stop, and call done from the
 * loop.
 */
void server_drain(struct server *s, int64_t wait_ms, void (*done)(void *),
    void *arg);

#endif
