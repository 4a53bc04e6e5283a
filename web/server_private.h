/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server_private.h - what the files of the server share.
 */
#ifndef WEB_SERVER_PRIVATE_H
#define WEB_SERVER_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include <microhttpd.h>

#include "lib/sys/timers.h"
#include "web/exchange.h"
#include "web/queue_link.h"
#include "web/server.h"

#define LISTENERS_MAX	32		/* conf allows 16 of each kind */
#define LINES_MAX	8192		/* log lines that may wait */
#define SWEEP_MS	500		/* between looks for slow clients */
#define DRAIN_POLL_MS	20
#define NEVER		INT64_MAX

/* One client's connection. */
struct connection {
	TAILQ_ENTRY(connection)	 entry;
	int			 fd;
	uint8_t			 ip[16];
	bool			 entered;	/* counted in the crowd */
	bool			 alone;
	_Atomic int64_t		 deadline_ms;	/* monotonic, or NEVER */
};

struct listener {
	struct server		*server;
	bool			 tls;
	struct worker		*workers;
	unsigned		 nworkers;
};

/* One of a listener's threads, and the connections it has accepted. */
struct worker {
	struct listener		*listener;
	struct MHD_Daemon	*daemon;
	pthread_t		 thread;
	bool			 running;
	int			 wake_fd, epoll_fd;
	atomic_bool		 woken, stopping;
};

/*
 * What a configuration makes.  Requests borrow it for as long as they last, so
 * older ones are kept until the server goes; reloads are few.
 */
struct generation {
	struct generation	*older;
	struct site		 site;
	/* Ready-made answers, by listener's tls. */
	struct MHD_Response	*fixed[2][ANSWER_FIXED_LAST];
};

/* A line of the access log on its way to the loop. */
struct line {
	STAILQ_ENTRY(line)	 entry;
	int64_t			 began_ms;	/* UTC */
	int64_t			 took_ms;
	struct client_ip	 from;
	enum web_method		 method;
	enum web_route		 route;
	unsigned		 status;
	bool			 tls, cut;
};

enum request_state {
	REQUEST_READING,	/* head and body */
	REQUEST_ASKED,		/* suspended until queue answered */
	REQUEST_REPLIED,	/* resumed: queue's answer is there */
	REQUEST_ANSWERED,
};

struct request {
	struct queue_ask	 ask;
	struct listener		*listener;
	struct worker		*worker;
	struct MHD_Connection	*mhd;
	struct connection	*conn;
	struct generation	*gen;
	struct exchange		*x;
	int64_t			 began_ms;	/* monotonic */
	enum request_state	 state;
	enum ipc_result		 result;
	char			 text[QUEUE_LINK_TEXT_MAX];
};

struct server {
	struct server_params	 p;	/* conf is NULL after server_new() */
	struct queue_link	*link;
	struct listener		 listeners[LISTENERS_MAX];
	size_t			 nlisteners;
	unsigned		 threads;
	size_t			 max_connections;
	int64_t			 timeout_ms;
	struct generation *_Atomic gen;
	atomic_bool		 draining;
	_Atomic unsigned	 active;	/* requests under way */
	atomic_bool		 starved;	/* a worker had no descriptor */

	/* Connections, by whichever thread. */
	pthread_mutex_t		 conns_lock;
	TAILQ_HEAD(, connection) conns;
	struct crowd		*crowd;
	struct timer		 sweep;

	/* The log: filled by threads, written by the loop. */
	pthread_mutex_t		 lines_lock;
	STAILQ_HEAD(line_list, line) lines;
	size_t			 nlines;
	uint64_t		 lines_lost;
	int			 lines_fd;
	struct event		*lines_event;

	struct timer		 drain_timer;
	int64_t			 drain_until_ms;
	bool			 drain_closed;
	void			(*drained)(void *);
	void			*drained_arg;
};

static inline int64_t
server_now(const struct server *s)
{
	return clock_mono_ms(s->p.env->clock);
}

/* ---- server_conn.c: connections and their clocks */
enum MHD_Result server_conn_accept(void *cls, const struct sockaddr *sa,
    socklen_t len);
void server_conn_notify(void *cls, struct MHD_Connection *mhd, void **context,
    enum MHD_ConnectionNotificationCode what);
struct connection *server_conn_of(struct MHD_Connection *mhd);
/* This much longer, or NEVER. */
void server_conn_wait(struct server *s, struct connection *c, int64_t ms);
void server_conn_sweep(void *arg);

/* ---- server_worker.c: threads */
/*
 * Run w->daemon, started without threads; it is the worker's from here on,
 * also on failure.  -1: ERR_SYSTEM.
 */
int server_worker_start(struct worker *w, struct err *e);
/* Nothing may be suspended. */
void server_worker_stop(struct worker *w);
/* From any thread, after a connection of the worker was resumed. */
void server_worker_wake(struct worker *w);

/* ---- server_log.c: one line per request */
int server_log_begin(struct server *s);
void server_log_end(struct server *s);
/* From any thread. */
void server_log_request(struct server *s, const struct request *r, bool cut);

/* ---- server_request.c: what libmicrohttpd calls */
enum MHD_Result server_request_handle(void *cls, struct MHD_Connection *mhd,
    const char *url, const char *method, const char *version,
    const char *data, size_t *size, void **context);
void server_request_done(void *cls, struct MHD_Connection *mhd,
    void **context, enum MHD_RequestTerminationCode why);
/* A response object for an answer, whose body it takes; NULL: no memory. */
struct MHD_Response *server_response(struct answer *a, bool tls);

#endif
