/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fake_dns.c - a DNS server for tests, on UDP and TCP of one loopback port.
 *
 *	fake_dns [-l ADDRESS:PORT] [--ttl SECONDS] [--log FILE]
 *	    [--control PATH] ZONE
 *
 * Prints "listen ADDRESS PORT" and "ready".  The zone file's format is in
 * fake_dns.h; SIGHUP reads it again.  It answers like a forwarder (RA set)
 * and never asks anyone.  The journal has a line a query:
 *
 *	ms udp|tcp name type code answers remark
 *
 * Lines for the control socket: summary, flush, reload, zone PATH,
 * mute on|off (answer nothing, as if gone), quit.
 */
#include "config.h"

#include <sys/queue.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <arpa/inet.h>

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>

#include "lib/err.h"
#include "lib/strbuf.h"
#include "lib/xmalloc.h"
#include "tests/ctl.h"
#include "tests/eventlog.h"
#include "tests/fake_dns.h"

#define EXIT_USAGE	2
#define BIND_TRIES	50
#define QUERIES_MAX	64	/* from UDP in a row */
#define DEFAULT_TTL	60

struct dns_client;

/* An answer whose time has not come. */
struct late {
	LIST_ENTRY(late)	 link;
	struct dns_server	*server;
	struct dns_client	*client;	/* NULL: UDP to sa */
	struct sockaddr_storage	 sa;
	socklen_t		 salen;
	struct event		*timer;
	struct strbuf		 text;
};

struct dns_client {
	LIST_ENTRY(dns_client)	 link;
	struct dns_server	*server;
	struct bufferevent	*bev;
};

struct dns_server {
	struct event_base	*base;
	struct zone		*zone;
	const char		*zone_path, *log_path, *control_path;
	uint32_t		 ttl;
	struct sockaddr_in	 sin;
	int			 udp;
	struct event		*udp_event;
	struct evconnlistener	*tcp;
	LIST_HEAD(, dns_client)	 clients;
	LIST_HEAD(, late)	 lates;
	struct eventlog		*log;
	bool			 mute;
	uint64_t		 udp_queries, tcp_queries, dropped;
	struct strbuf		 answer;
};

static void
journal(struct dns_server *s, bool tcp, const struct verdict *v)
{
	struct timespec ts;

	if (s->log == NULL)
		return;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	eventlog_us(s->log, (uint64_t)ts.tv_sec * 1000000 +
	    (uint64_t)ts.tv_nsec / 1000);
	eventlog_str(s->log, tcp ? "tcp" : "udp");
	eventlog_str(s->log, v->name);
	eventlog_str(s->log, dns_type_name(v->type));
	eventlog_str(s->log, dns_code_name(v->code));
	eventlog_u64(s->log, v->answers);
	eventlog_str(s->log, v->close ? "close" : v->drop ? "drop" :
	    v->delay_ms != 0 ? "late" : "");
	eventlog_end(s->log);
}

static void
late_free(struct late *l)
{
	LIST_REMOVE(l, link);
	event_free(l->timer);
	strbuf_free(&l->text);
	free(l);
}

static void
client_free(struct dns_client *c)
{
	struct late *l, *next;

	for (l = LIST_FIRST(&c->server->lates); l != NULL; l = next) {
		next = LIST_NEXT(l, link);
		if (l->client == c)
			late_free(l);
	}
	LIST_REMOVE(c, link);
	bufferevent_free(c->bev);
	free(c);
}

static void
tcp_send(struct dns_client *c, const struct strbuf *text)
{
	uint8_t prefix[2] = { (uint8_t)(text->len >> 8), (uint8_t)text->len };

	bufferevent_write(c->bev, prefix, sizeof(prefix));
	bufferevent_write(c->bev, text->s, text->len);
}

static void
udp_send(struct dns_server *s, const struct sockaddr_storage *sa,
    socklen_t salen, const struct strbuf *text)
{
	(void)sendto(s->udp, text->s, text->len, MSG_DONTWAIT,
	    (const struct sockaddr *)sa, salen);
}

static void
on_late(evutil_socket_t fd, short what, void *arg)
{
	struct late *l = arg;

	(void)fd;
	(void)what;
	if (!l->server->mute) {
		if (l->client != NULL)
			tcp_send(l->client, &l->text);
		else
			udp_send(l->server, &l->sa, l->salen, &l->text);
	}
	late_free(l);
}

/* Keep the answer for ms; exactly one of client and sa is given. */
static void
send_late(struct dns_server *s, struct dns_client *client,
    const struct sockaddr_storage *sa, socklen_t salen, uint32_t ms)
{
	struct timeval tv = { ms / 1000, (int)(ms % 1000) * 1000 };
	struct late *l = xcalloc(1, sizeof(*l));

	l->server = s;
	l->client = client;
	if (sa != NULL)
		l->sa = *sa;
	l->salen = salen;
	strbuf_init(&l->text, DNS_MESSAGE_MAX);
	strbuf_add(&l->text, s->answer.s, s->answer.len);
	l->timer = evtimer_new(s->base, on_late, l);
	evtimer_add(l->timer, &tv);
	LIST_INSERT_HEAD(&s->lates, l, link);
}

static void
on_udp(evutil_socket_t fd, short what, void *arg)
{
	struct dns_server *s = arg;
	struct sockaddr_storage sa;
	struct verdict v;
	uint8_t query[4096];
	socklen_t salen;
	ssize_t n;

	(void)what;
	for (int i = 0; i < QUERIES_MAX; i++) {
		salen = sizeof(sa);
		n = recvfrom(fd, query, sizeof(query), MSG_DONTWAIT,
		    (struct sockaddr *)&sa, &salen);
		if (n == -1)
			return;
		s->udp_queries++;
		if (s->mute) {
			s->dropped++;
			continue;
		}
		strbuf_reset(&s->answer);
		zone_answer(s->zone, query, (size_t)n, false, &v, &s->answer);
		journal(s, false, &v);
		if (v.drop)
			s->dropped++;
		else if (v.delay_ms != 0)
			send_late(s, NULL, &sa, salen, v.delay_ms);
		else
			udp_send(s, &sa, salen, &s->answer);
	}
}

/* One whole query of a TCP client.  False when the client is gone. */
static bool
answer_tcp(struct dns_client *c, const uint8_t *query, size_t len)
{
	struct dns_server *s = c->server;
	struct verdict v;

	s->tcp_queries++;
	strbuf_reset(&s->answer);
	zone_answer(s->zone, query, len, true, &v, &s->answer);
	journal(s, true, &v);
	if (v.drop)
		s->dropped++;
	if (v.close) {
		client_free(c);
		return false;
	}
	if (!v.drop && v.delay_ms != 0)
		send_late(s, c, NULL, 0, v.delay_ms);
	else if (!v.drop)
		tcp_send(c, &s->answer);
	return true;
}

static void
on_tcp_data(struct bufferevent *bev, void *arg)
{
	struct evbuffer *in = bufferevent_get_input(bev);
	struct dns_client *c = arg;
	uint8_t *p;
	size_t len;

	if (c->server->mute) {
		evbuffer_drain(in, evbuffer_get_length(in));
		return;
	}
	while (evbuffer_get_length(in) >= 2) {
		p = evbuffer_pullup(in, 2);
		len = (size_t)p[0] << 8 | p[1];
		if (evbuffer_get_length(in) < 2 + len)
			return;
		p = evbuffer_pullup(in, (ssize_t)(2 + len));
		if (!answer_tcp(c, p + 2, len))
			return;
		evbuffer_drain(in, 2 + len);
	}
}

static void
on_tcp_end(struct bufferevent *bev, short what, void *arg)
{
	(void)bev;
	(void)what;
	client_free(arg);
}

static void
on_tcp(struct evconnlistener *listener, evutil_socket_t fd,
    struct sockaddr *sa, int salen, void *arg)
{
	struct dns_server *s = arg;
	struct dns_client *c;
	struct bufferevent *bev;

	(void)listener;
	(void)sa;
	(void)salen;
	bev = bufferevent_socket_new(s->base, fd, BEV_OPT_CLOSE_ON_FREE);
	if (bev == NULL) {
		close(fd);
		return;
	}
	c = xcalloc(1, sizeof(*c));
	c->server = s;
	c->bev = bev;
	LIST_INSERT_HEAD(&s->clients, c, link);
	bufferevent_setcb(bev, on_tcp_data, NULL, on_tcp_end, c);
	bufferevent_enable(bev, EV_READ | EV_WRITE);
}

/* ---- sockets */

/* UDP first, then TCP on the port that gave. */
static int
try_bind(struct dns_server *s, struct err *e)
{
	socklen_t len = sizeof(s->sin);

	s->udp = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (s->udp == -1 || bind(s->udp, (struct sockaddr *)&s->sin,
	    sizeof(s->sin)) == -1 ||
	    getsockname(s->udp, (struct sockaddr *)&s->sin, &len) == -1) {
		err_sys(e, "UDP");
		return -1;
	}
	s->tcp = evconnlistener_new_bind(s->base, on_tcp, s,
	    LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_REUSEABLE,
	    1024, (struct sockaddr *)&s->sin, sizeof(s->sin));
	if (s->tcp == NULL) {
		err_sys(e, "TCP port %u", ntohs(s->sin.sin_port));
		return -1;
	}
	return 0;
}

static int
bind_both(struct dns_server *s, struct err *e)
{
	in_port_t wanted = s->sin.sin_port;

	for (int i = 0; i < BIND_TRIES; i++) {
		s->sin.sin_port = wanted;
		if (try_bind(s, e) == 0) {
			s->udp_event = event_new(s->base, s->udp,
			    EV_READ | EV_PERSIST, on_udp, s);
			event_add(s->udp_event, NULL);
			return 0;
		}
		if (s->udp != -1)
			close(s->udp);
		s->udp = -1;
		if (wanted != 0)
			break;
	}
	return -1;
}

/* ---- control */

static int
reload(struct dns_server *s, const char *path, struct err *e)
{
	struct zone *z = zone_load(path, s->ttl, e);

	if (z == NULL)
		return -1;
	zone_free(&s->zone);
	s->zone = z;
	return 0;
}

static void
on_control(void *arg, const char *line, struct strbuf *out)
{
	struct dns_server *s = arg;
	const struct timeval answer_first = { 0, 20000 };
	struct err e = ERR_INIT;
	int rc = 0;

	if (strcmp(line, "summary") == 0) {
		strbuf_addf(out, "{\"udp\":%" PRIu64 ",\"tcp\":%" PRIu64
		    ",\"dropped\":%" PRIu64 "}", s->udp_queries,
		    s->tcp_queries, s->dropped);
		return;
	}
	if (strcmp(line, "flush") == 0)
		rc = eventlog_flush(s->log, &e);
	else if (strcmp(line, "reload") == 0)
		rc = reload(s, s->zone_path, &e);
	else if (strncmp(line, "zone ", 5) == 0)
		rc = reload(s, line + 5, &e);
	else if (strcmp(line, "mute on") == 0)
		s->mute = true;
	else if (strcmp(line, "mute off") == 0)
		s->mute = false;
	else if (strcmp(line, "quit") == 0)
		event_base_loopexit(s->base, &answer_first);
	else {
		err_set(&e, ERR_INPUT, "unknown command: %.80s", line);
		rc = -1;
	}
	if (rc == 0)
		ctl_ok(out);
	else
		ctl_error(out, e.text);
}

static void
on_signal(evutil_socket_t number, short what, void *arg)
{
	struct dns_server *s = arg;
	struct err e = ERR_INIT;

	(void)what;
	if (number != SIGHUP)
		event_base_loopexit(s->base, NULL);
	else if (reload(s, s->zone_path, &e) == -1)
		fprintf(stderr, "fake_dns: %s\n", e.text);
}

/* ---- start and end */

static void
usage(void)
{
	fputs("usage: fake_dns [-l ADDRESS:PORT] [--ttl SECONDS]\n"
	    "    [--log FILE] [--control PATH] ZONE\n", stderr);
	exit(EXIT_USAGE);
}

static void
parse_address(struct dns_server *s, char *text)
{
	char *colon = strrchr(text, ':');

	if (colon == NULL)
		usage();
	*colon = '\0';
	if (inet_pton(AF_INET, text, &s->sin.sin_addr) != 1)
		usage();
	s->sin.sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10));
}

static void
take_options(struct dns_server *s, int argc, char **argv)
{
	static const struct option options[] = {
		{ "listen", required_argument, NULL, 'l' },
		{ "ttl", required_argument, NULL, 't' },
		{ "log", required_argument, NULL, 'o' },
		{ "control", required_argument, NULL, 'c' },
		{ NULL, 0, NULL, 0 },
	};
	int which;

	s->ttl = DEFAULT_TTL;
	s->sin.sin_family = AF_INET;
	s->sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	while ((which = getopt_long(argc, argv, "l:", options, NULL)) != -1) {
		switch (which) {
		case 'l':
			parse_address(s, optarg);
			break;
		case 't':
			s->ttl = (uint32_t)strtoul(optarg, NULL, 10);
			break;
		case 'o':
			s->log_path = optarg;
			break;
		case 'c':
			s->control_path = optarg;
			break;
		default:
			usage();
		}
	}
	if (optind + 1 != argc)
		usage();
	s->zone_path = argv[optind];
}

static void
run(struct dns_server *s)
{
	static const int signals[] = { SIGHUP, SIGTERM, SIGINT };
	struct event *ev[3];

	for (int i = 0; i < 3; i++) {
		ev[i] = evsignal_new(s->base, signals[i], on_signal, s);
		event_add(ev[i], NULL);
	}
	printf("listen %s %u\nready\n", inet_ntoa(s->sin.sin_addr),
	    ntohs(s->sin.sin_port));
	fflush(stdout);
	event_base_dispatch(s->base);
	for (int i = 0; i < 3; i++)
		event_free(ev[i]);
}

static void
close_all(struct dns_server *s, struct ctl **ctl)
{
	ctl_close(ctl);
	while (!LIST_EMPTY(&s->clients))
		client_free(LIST_FIRST(&s->clients));
	while (!LIST_EMPTY(&s->lates))
		late_free(LIST_FIRST(&s->lates));
	if (s->udp_event != NULL)
		event_free(s->udp_event);
	if (s->udp != -1)
		close(s->udp);
	if (s->tcp != NULL)
		evconnlistener_free(s->tcp);
	eventlog_close(&s->log);
	zone_free(&s->zone);
	strbuf_free(&s->answer);
	event_base_free(s->base);
}

int
main(int argc, char **argv)
{
	struct dns_server s = { .udp = -1 };
	struct ctl *ctl = NULL;
	struct err e = ERR_INIT;
	int ret = EXIT_FAILURE;

	take_options(&s, argc, argv);
	signal(SIGPIPE, SIG_IGN);
	LIST_INIT(&s.clients);
	LIST_INIT(&s.lates);
	strbuf_init(&s.answer, DNS_MESSAGE_MAX);
	s.base = event_base_new();
	s.zone = zone_load(s.zone_path, s.ttl, &e);
	if (s.zone == NULL || bind_both(&s, &e) == -1)
		goto out;
	if (s.log_path != NULL &&
	    (s.log = eventlog_open(s.log_path, &e)) == NULL)
		goto out;
	if (s.control_path != NULL && (ctl = ctl_open(s.base, s.control_path,
	    on_control, &s, &e)) == NULL)
		goto out;
	run(&s);
	ret = EXIT_SUCCESS;
out:
	if (ret != EXIT_SUCCESS)
		fprintf(stderr, "fake_dns: %s\n", e.text);
	close_all(&s, &ctl);
	return ret;
}
