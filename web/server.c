/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server.c - HTTP and HTTPS, by libmicrohttpd.
 *
 * libmicrohttpd ends the process when a daemon is stopped while a connection
 * is suspended.  So a drain waits until no request is open, answers what
 * queue does not, and then stops for good.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "lib/clock.h"
#include "lib/err.h"
#include "lib/sys/log.h"
#include "lib/xmalloc.h"
#include "web/certificate.h"
#include "web/crowd.h"
#include "web/server_private.h"

#define PRIORITIES	"NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"
/* What libmicrohttpd needs of a connection's memory beside the head. */
#define MEMORY_BESIDE	8192
#define CLOSED_GRACE_MS	1000	/* of a drain, after queue was given up */

/* ---- what a configuration makes */

static void
make_fixed(struct generation *gen)
{
	struct answer a = { .body = STRBUF_INIT(EXCHANGE_PAGE_MAX) };

	for (int tls = 0; tls < 2; tls++)
		for (int i = ANSWER_FIXED_NO + 1; i < ANSWER_FIXED_LAST; i++) {
			exchange_fixed(&a, &gen->site, (enum answer_fixed)i);
			gen->fixed[tls][i] = server_response(&a, tls);
			answer_free(&a);
		}
}

void
server_reload(struct server *s, const struct conf *conf)
{
	struct generation *gen = xcalloc(1, sizeof(*gen));

	site_init(&gen->site, conf);
	make_fixed(gen);
	gen->older = atomic_load(&s->gen);
	atomic_store(&s->gen, gen);
}

static void
free_generations(struct server *s)
{
	struct generation *gen = atomic_load(&s->gen), *older;

	for (; gen != NULL; gen = older) {
		older = gen->older;
		for (int tls = 0; tls < 2; tls++)
			for (int i = 0; i < ANSWER_FIXED_LAST; i++)
				if (gen->fixed[tls][i] != NULL)
					MHD_destroy_response(
					    gen->fixed[tls][i]);
		free(gen);
	}
}

/* ---- listeners */

/* A path keeps its encoding; route.c reads it. */
static size_t
leave_encoded(void *cls, struct MHD_Connection *mhd, char *text)
{
	(void)cls;
	(void)mhd;
	return strlen(text);
}

static struct MHD_Daemon *
start(struct server *s, struct worker *w, int fd)
{
	size_t head = atomic_load(&s->gen)->site.max_head;
	unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME;
	struct MHD_OptionItem tls[] = {
		{ MHD_OPTION_HTTPS_CERT_CALLBACK, 0,
		    (void *)(uintptr_t)certificate_retrieve },
		{ MHD_OPTION_HTTPS_PRIORITIES, 0,
		    (void *)(uintptr_t)PRIORITIES },
		{ MHD_OPTION_END, 0, NULL },
	};

	if (w->listener->tls)
		flags |= MHD_USE_TLS;
	else
		tls[0].option = MHD_OPTION_END;
	/*
	 * libmicrohttpd would count the connections of each worker alone; ours
	 * is the limit of all, so its is out of the way.
	 */
	return MHD_start_daemon(flags, 0, server_conn_accept, w,
	    server_request_handle, w,
	    MHD_OPTION_LISTEN_SOCKET, fd,
	    MHD_OPTION_CONNECTION_LIMIT, (unsigned)(s->max_connections + 1),
	    MHD_OPTION_CONNECTION_MEMORY_LIMIT, 2 * head + MEMORY_BESIDE,
	    MHD_OPTION_CONNECTION_TIMEOUT,
	    (unsigned)((s->timeout_ms + 1999) / 1000),
	    MHD_OPTION_UNESCAPE_CALLBACK, leave_encoded, NULL,
	    MHD_OPTION_NOTIFY_CONNECTION, server_conn_notify, w,
	    MHD_OPTION_NOTIFY_COMPLETED, server_request_done, w,
	    MHD_OPTION_ARRAY, tls,
	    MHD_OPTION_END);
}

static int
add_worker(struct server *s, struct listener *l, int fd, struct err *e)
{
	struct worker *w = &l->workers[l->nworkers];
	int copy;

	/* libmicrohttpd closes what it is given. */
	if ((copy = fcntl(fd, F_DUPFD_CLOEXEC, 3)) == -1 ||
	    fcntl(copy, F_SETFL, fcntl(copy, F_GETFL) | O_NONBLOCK) == -1) {
		err_sys(e, "web listener");
		if (copy != -1)
			close(copy);
		return -1;
	}
	w->listener = l;
	if ((w->daemon = start(s, w, copy)) == NULL) {
		err_set(e, ERR_SYSTEM, "libmicrohttpd did not start");
		close(copy);
		return -1;
	}
	if (server_worker_start(w, e) == -1)
		return -1;
	l->nworkers++;
	return 0;
}

static void
stop_listener(struct listener *l)
{
	while (l->nworkers > 0)
		server_worker_stop(&l->workers[--l->nworkers]);
	free(l->workers);
	l->workers = NULL;
}

int
server_listen(struct server *s, int fd, bool tls, struct err *e)
{
	struct listener *l = &s->listeners[s->nlisteners];

	if (s->nlisteners == LISTENERS_MAX) {
		err_set(e, ERR_LIMIT, "more than %d web listeners",
		    LISTENERS_MAX);
		return -1;
	}
	if (tls && !certificate_present()) {
		err_set(e, ERR_CRYPTO, "no certificate for HTTPS");
		return -1;
	}
	l->server = s;
	l->tls = tls;
	l->workers = xcalloc(s->threads, sizeof(*l->workers));
	s->nlisteners++;	/* stopped with the others on failure */
	while (l->nworkers < s->threads)
		if (add_worker(s, l, fd, e) == -1)
			return -1;
	return 0;
}

void
server_connect_queue(struct server *s, int fd)
{
	queue_link_connect(s->link, fd);
}

/* ---- the end */

/* Nothing may be suspended, so the link is closed first. */
static void
stop(struct server *s)
{
	atomic_store(&s->draining, true);
	queue_link_close(s->link);
	while (s->nlisteners > 0)
		stop_listener(&s->listeners[--s->nlisteners]);
	timer_cancel(&s->sweep);
	timer_cancel(&s->drain_timer);
}

static void
on_drain(void *arg)
{
	struct server *s = arg;
	int64_t now = server_now(s);

	if (atomic_load(&s->active) != 0 && now < s->drain_until_ms) {
		timer_start(&s->drain_timer, DRAIN_POLL_MS);
		return;
	}
	if (atomic_load(&s->active) != 0 && !s->drain_closed) {
		s->drain_closed = true;
		s->drain_until_ms = now + CLOSED_GRACE_MS;
		queue_link_close(s->link);
		timer_start(&s->drain_timer, DRAIN_POLL_MS);
		return;
	}
	stop(s);
	s->drained(s->drained_arg);
}

void
server_drain(struct server *s, int64_t wait_ms, void (*done)(void *),
    void *arg)
{
	atomic_store(&s->draining, true);
	s->drained = done;
	s->drained_arg = arg;
	s->drain_until_ms = server_now(s) + wait_ms;
	timer_start(&s->drain_timer, 0);
}

/* ---- life */

struct server *
server_new(const struct server_params *p, struct err *e)
{
	struct server *s = xcalloc(1, sizeof(*s));
	const struct conf *conf = p->conf;

	s->p = *p;
	s->p.conf = NULL;
	s->lines_fd = -1;
	s->threads = (unsigned)conf->http_threads;
	s->max_connections = (size_t)conf->http_connections;
	s->timeout_ms = conf->http_timeout;
	TAILQ_INIT(&s->conns);
	pthread_mutex_init(&s->conns_lock, NULL);
	s->crowd = crowd_new(s->max_connections,
	    (size_t)conf->http_per_address);
	timer_init(&s->sweep, p->timers, server_conn_sweep, s);
	timer_init(&s->drain_timer, p->timers, on_drain, s);
	server_reload(s, conf);
	s->link = queue_link_new(p->base, p->timers, p->env->metrics,
	    &p->env->queue_up);
	if (server_log_begin(s) == -1 || s->link == NULL) {
		err_set(e, ERR_SYSTEM, "web: no descriptors left");
		server_free(s);
		return NULL;
	}
	timer_start(&s->sweep, SWEEP_MS);
	return s;
}

void
server_free(struct server *s)
{
	if (s == NULL)
		return;
	if (s->link != NULL)
		stop(s);
	server_log_end(s);
	queue_link_free(s->link);
	free_generations(s);
	crowd_free(s->crowd);
	pthread_mutex_destroy(&s->conns_lock);
	free(s);
}
