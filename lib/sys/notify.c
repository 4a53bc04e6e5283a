/* SPDX-License-Identifier: Apache-2.0 */
/*
 * notify.c - tell the service manager how far we are.
 */
#include "config.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/sys/notify.h"

static struct sockaddr_un manager;
static socklen_t manager_len;	/* 0: there is none */

void
notify_init(void)
{
	const char *path = getenv("NOTIFY_SOCKET");
	size_t len = path != NULL ? strlen(path) : 0;

	manager_len = 0;
	/* An address, or @ for the NUL of an abstract one. */
	if (len > 1 && len < sizeof(manager.sun_path) &&
	    (path[0] == '/' || path[0] == '@')) {
		manager.sun_family = AF_UNIX;
		memcpy(manager.sun_path, path, len + 1);
		if (path[0] == '@')
			manager.sun_path[0] = '\0';
		manager_len = (socklen_t)(offsetof(struct sockaddr_un,
		    sun_path) + len);
	}
	unsetenv("NOTIFY_SOCKET");
}

void
notify_send(const char *state)
{
	int fd;

	if (manager_len == 0)
		return;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd == -1)
		return;
	/* A manager that does not listen is no reason to stop. */
	if (sendto(fd, state, strlen(state), MSG_NOSIGNAL,
	    (struct sockaddr *)&manager, manager_len) == -1)
		manager_len = 0;
	close(fd);
}
