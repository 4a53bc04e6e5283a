/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server_log.c - the access log (S3).
 *
 * Threads put lines into a list that the loop writes, because a process has
 * one log and one thread that writes it.  The line names the route and never
 * the path, which may be a token (T51).
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <event2/event.h>

#include "lib/clock.h"
#include "lib/sys/log.h"
#include "lib/xmalloc.h"
#include "web/server_private.h"

static void
write_line(const struct line *line)
{
	static const char *const methods[] = {
		[METHOD_GET] = "GET", [METHOD_HEAD] = "HEAD",
		[METHOD_POST] = "POST", [METHOD_OPTIONS] = "OPTIONS",
		[METHOD_OTHER] = "other",
	};
	char ip[CLIENT_IP_TEXT];
	struct log_line l;

	log_begin(&l, LEVEL_INFO, "http");
	log_int(&l, "at", line->began_ms);
	client_ip_format(line->from.ip, ip);
	log_str(&l, "ip", ip);
	log_int(&l, "port", line->from.port);
	if (line->from.proxy_port != 0) {
		client_ip_format(line->from.proxy_ip, ip);
		log_str(&l, "proxy", ip);
		log_int(&l, "proxy_port", line->from.proxy_port);
	}
	log_str(&l, "method", methods[line->method]);
	log_str(&l, "route", route_name(line->route));
	log_int(&l, "status", (int64_t)line->status);
	log_int(&l, "ms", line->took_ms);
	if (line->tls)
		log_str(&l, "tls", "yes");
	if (line->cut)
		log_str(&l, "cut", "yes");
	log_end(&l);
}

static void
write_lines(evutil_socket_t fd, short what, void *arg)
{
	struct line_list fresh = STAILQ_HEAD_INITIALIZER(fresh);
	struct server *s = arg;
	struct line *line;
	uint64_t n, lost;

	(void)what;
	while (read(fd, &n, sizeof(n)) == -1 && errno == EINTR)
		;
	pthread_mutex_lock(&s->lines_lock);
	STAILQ_CONCAT(&fresh, &s->lines);
	s->nlines = 0;
	lost = s->lines_lost;
	s->lines_lost = 0;
	pthread_mutex_unlock(&s->lines_lock);
	while ((line = STAILQ_FIRST(&fresh)) != NULL) {
		STAILQ_REMOVE_HEAD(&fresh, entry);
		write_line(line);
		free(line);
	}
	if (lost != 0)
		log_text(LEVEL_WARNING, "http_lost", "%llu requests are not "
		    "in this log", (unsigned long long)lost);
}

void
server_log_request(struct server *s, const struct request *r, bool cut)
{
	static const uint64_t one = 1;
	struct line *line;
	bool first;

	if (!log_enabled(LEVEL_INFO))
		return;
	line = xcalloc(1, sizeof(*line));
	line->began_ms = r->x->began_ms;
	line->took_ms = server_now(s) - r->began_ms;
	line->from = r->x->from;
	line->method = r->x->method;
	line->route = r->x->route.route;
	line->status = r->x->answer.status;
	line->tls = r->listener->tls;
	line->cut = cut;

	pthread_mutex_lock(&s->lines_lock);
	first = s->nlines == 0;
	if (s->nlines < LINES_MAX) {
		STAILQ_INSERT_TAIL(&s->lines, line, entry);
		s->nlines++;
		line = NULL;
	} else {
		s->lines_lost++;
	}
	pthread_mutex_unlock(&s->lines_lock);
	free(line);
	if (first)
		while (write(s->lines_fd, &one, sizeof(one)) == -1 &&
		    errno == EINTR)
			;
}

int
server_log_begin(struct server *s)
{
	STAILQ_INIT(&s->lines);
	pthread_mutex_init(&s->lines_lock, NULL);
	s->lines_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (s->lines_fd == -1)
		return -1;
	s->lines_event = event_new(s->p.base, s->lines_fd,
	    EV_READ | EV_PERSIST, write_lines, s);
	return s->lines_event == NULL ? -1 : event_add(s->lines_event, NULL);
}

void
server_log_end(struct server *s)
{
	if (s->lines_event != NULL) {
		write_lines(s->lines_fd, EV_READ, s);
		event_free(s->lines_event);
	}
	if (s->lines_fd != -1)
		close(s->lines_fd);
	pthread_mutex_destroy(&s->lines_lock);
}
