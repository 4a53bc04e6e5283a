/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_load.c - post to many paths over a few lasting connections.
 *
 *	http_load PORT CONNECTIONS <paths
 *
 * Each path of standard input gets one POST with the body of RFC 8058, one
 * request at a time on each connection.  A connection that the server ends is
 * made again.  Prints "posts N ok N seconds S"; ok counts answers of 200.
 * Gives up, with status 1, when nothing came for SILENCE_MS.
 */
#include "config.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#define SILENCE_MS	10000
#define CONNECTIONS_MAX	512
#define PATH_OCTETS	256
#define ANSWER_OCTETS	65536
#define REMADE_MAX	100000

static const char form[] = "List-Unsubscribe=One-Click";

struct conn {
	int	fd;
	size_t	len;
	bool	done;
	char	path[PATH_OCTETS];
	char	answer[ANSWER_OCTETS];
};

struct load {
	uint16_t	 port;
	int		 epoll;
	unsigned	 open;		/* connections with a request out */
	uint64_t	 posts, ok, remade;
};

static void
die(const char *what)
{
	perror(what);
	exit(1);
}

static void
connect_one(struct load *l, struct conn *c)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
		.sin_port = htons(l->port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = c };
	int on = 1;

	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd == -1 ||
	    connect(c->fd, (struct sockaddr *)&sin, sizeof(sin)) == -1 ||
	    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on,
	    sizeof(on)) == -1 ||
	    epoll_ctl(l->epoll, EPOLL_CTL_ADD, c->fd, &ev) == -1)
		die("connect");
}

static void
post(struct load *l, struct conn *c)
{
	char text[1024];
	int n = snprintf(text, sizeof(text), "POST %s HTTP/1.1\r\n"
	    "Host: localhost\r\nContent-Type: application/x-www-form-"
	    "urlencoded\r\nContent-Length: %zu\r\n\r\n%s", c->path,
	    sizeof(form) - 1, form);

	c->len = 0;
	if (send(c->fd, text, (size_t)n, MSG_NOSIGNAL) == n)
		return;
	/* It was closed between two requests: once more. */
	if (++l->remade > REMADE_MAX)
		die("send");
	close(c->fd);
	connect_one(l, c);
	if (send(c->fd, text, (size_t)n, MSG_NOSIGNAL) != n)
		die("send");
}

static void
next(struct load *l, struct conn *c)
{
	if (fgets(c->path, sizeof(c->path), stdin) == NULL) {
		c->done = true;
		close(c->fd);	/* or its end would be told for ever */
		l->open--;
		return;
	}
	c->path[strcspn(c->path, "\n")] = '\0';
	l->posts++;
	post(l, c);
}

/* The whole answer is here: 1 and goes on, 2 and is closed; 0: not yet. */
static int
complete(struct conn *c)
{
	char *head, *at;

	c->answer[c->len] = '\0';
	if ((head = strstr(c->answer, "\r\n\r\n")) == NULL)
		return 0;
	*head = '\0';
	at = strcasestr(c->answer, "\r\nContent-Length:");
	*head = '\r';
	if (at == NULL) {
		fputs("http_load: an answer without its length\n", stderr);
		exit(1);
	}
	if (c->len < (size_t)(head + 4 - c->answer) +
	    strtoul(at + 17, NULL, 10))
		return 0;
	return strcasestr(c->answer, "\r\nConnection: close") != NULL ? 2 : 1;
}

static void
take(struct load *l, struct conn *c)
{
	ssize_t n = recv(c->fd, c->answer + c->len,
	    sizeof(c->answer) - 1 - c->len, MSG_DONTWAIT);
	int end;

	if (n == -1 && errno == EAGAIN)
		return;
	if (n <= 0) {
		if (c->len > 0 || ++l->remade > REMADE_MAX)
			die("cut off");
		close(c->fd);
		connect_one(l, c);
		post(l, c);
		return;
	}
	c->len += (size_t)n;
	if ((end = complete(c)) == 0) {
		if (c->len == sizeof(c->answer) - 1)
			die("too long an answer");
		return;
	}
	l->ok += strncmp(c->answer, "HTTP/1.1 200 ", 13) == 0;
	if (end == 2) {
		close(c->fd);
		connect_one(l, c);
	}
	next(l, c);
}

static double
now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

int
main(int argc, char **argv)
{
	struct load l = { .epoll = epoll_create1(EPOLL_CLOEXEC) };
	struct epoll_event ev[CONNECTIONS_MAX];
	struct conn *conns;
	unsigned n;
	double began;

	if (argc != 3 || (n = (unsigned)atoi(argv[2])) == 0 ||
	    n > CONNECTIONS_MAX) {
		fputs("usage: http_load PORT CONNECTIONS <paths\n", stderr);
		return 2;
	}
	l.port = (uint16_t)atoi(argv[1]);
	if ((conns = calloc(n, sizeof(*conns))) == NULL)
		die("memory");
	for (unsigned i = 0; i < n; i++)
		connect_one(&l, &conns[i]);
	began = now_s();
	l.open = n;
	for (unsigned i = 0; i < n; i++)
		next(&l, &conns[i]);
	while (l.open > 0) {
		int got = epoll_wait(l.epoll, ev, CONNECTIONS_MAX,
		    SILENCE_MS);

		if (got <= 0)
			die("nothing comes");
		for (int i = 0; i < got; i++) {
			struct conn *c = ev[i].data.ptr;

			if (!c->done)
				take(&l, c);
		}
	}
	printf("posts %llu ok %llu seconds %.4f\n",
	    (unsigned long long)l.posts, (unsigned long long)l.ok,
	    now_s() - began);
	free(conns);
	return 0;
}
