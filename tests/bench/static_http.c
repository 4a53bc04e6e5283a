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

#include <netinet/in.h>
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

int
main(int argc, char **argv)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	const union MHD_DaemonInfo *info;
	struct MHD_Response *page;
	struct MHD_Daemon *d;
	size_t octets;
	char *text, c;

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
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	d = MHD_start_daemon(MHD_USE_EPOLL | MHD_USE_INTERNAL_POLLING_THREAD |
	    MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, answer, page,
	    MHD_OPTION_SOCK_ADDR, (struct sockaddr *)&sin,
	    MHD_OPTION_THREAD_POOL_SIZE,
	    (unsigned)strtoul(argv[1], NULL, 10),
	    MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS,
	    MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)MEMORY,
	    MHD_OPTION_END);
	if (d == NULL ||
	    (info = MHD_get_daemon_info(d, MHD_DAEMON_INFO_BIND_PORT)) == NULL)
		return 1;
	printf("%u\n", (unsigned)info->port);
	fflush(stdout);
	while (read(STDIN_FILENO, &c, 1) > 0)
		;
	MHD_stop_daemon(d);
	MHD_destroy_response(page);
	return 0;
}
