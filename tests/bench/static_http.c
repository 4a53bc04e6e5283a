/* SPDX-License-Identifier: Apache-2.0 */
/*
 * static_http.c - libmicrohttpd with nothing behind it.
 *
 *	static_http THREADS OCTETS
 *
 * Answers every request, once its body is in, with the same page of OCTETS
 * octets: what the durable one-click post is measured against.  Set up as the
 * web role sets up its listeners.  Prints its port; ends when its standard
 * input does.
 */
#include "config.h"

#include <sys/socket.h>

#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <microhttpd.h>

#define CONNECTIONS	1000
#define MEMORY		(32u << 10)	/* of a connection */

static char body_seen;

static enum MHD_Result
answer(void *cls, struct MHD_Connection *c, const char *url,
    const char *method, const char *version, const char *data, size_t *octets,
    void **state)
{
	(void)url;
	(void)method;
	(void)version;
	(void)data;
	if (*state == NULL) {		/* the header alone */
		*state = &body_seen;
		return MHD_YES;
	}
	if (*octets > 0) {
		*octets = 0;
		return MHD_YES;
	}
	return MHD_queue_response(c, MHD_HTTP_OK, cls);
}

/* As web/server_worker.c does it, without anybody who wakes. */
static void *
run(void *arg)
{
	struct MHD_Daemon *d = arg;
	int epoll = MHD_get_daemon_info(d, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
	struct pollfd p = { .fd = epoll, .events = POLLIN };
	MHD_UNSIGNED_LONG_LONG ms;

	for (;;) {
		if (MHD_get_timeout(d, &ms) != MHD_YES)
			poll(&p, 1, -1);
		else if (ms != 0)
			poll(&p, 1, (int)ms);
		MHD_run(d);
	}
	return NULL;
}

static int
start(int fd, struct MHD_Response *page)
{
	pthread_t thread;
	struct MHD_Daemon *d = MHD_start_daemon(MHD_USE_EPOLL |
	    MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, answer, page,
	    MHD_OPTION_LISTEN_SOCKET, fd,
	    MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS,
	    MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)MEMORY,
	    MHD_OPTION_END);

	return d == NULL ? -1 : pthread_create(&thread, NULL, run, d);
}

static int
listen_somewhere(void)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(sin);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	if (fd == -1 || bind(fd, (struct sockaddr *)&sin, len) == -1 ||
	    listen(fd, CONNECTIONS) == -1 ||
	    getsockname(fd, (struct sockaddr *)&sin, &len) == -1)
		return -1;
	printf("%u\n", (unsigned)ntohs(sin.sin_port));
	return fd;
}

int
main(int argc, char **argv)
{
	struct MHD_Response *page;
	size_t octets;
	char *text, c;
	int fd;

	if (argc != 3) {
		fputs("usage: static_http THREADS OCTETS\n", stderr);
		return 2;
	}
	octets = strtoul(argv[2], NULL, 10);
	if ((text = malloc(octets + 1)) == NULL)
		return 1;
	memset(text, 'x', octets);
	page = MHD_create_response_from_buffer(octets, text,
	    MHD_RESPMEM_MUST_FREE);
	MHD_add_response_header(page, "Content-Type", "text/html");
	if ((fd = listen_somewhere()) == -1)
		return 1;
	for (unsigned long n = strtoul(argv[1], NULL, 10); n > 0; n--)
		if (start(dup(fd), page) != 0)
			return 1;
	fflush(stdout);
	while (read(STDIN_FILENO, &c, 1) > 0)
		;
	return 0;
}
