/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resolver_own.c - which addresses lead to ourselves.
 */
#include "config.h"

#include <sys/socket.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#include "lib/conf.h"
#include "listd/resolver.h"

#define DISCARD_PORT	9	/* nothing is sent to it */

static const uint8_t zero[16];

/* IPv4 inside IPv6 as what it is. */
static struct resolver_address
plain(const struct resolver_address *a)
{
	struct resolver_address four = { .family = 4 };

	if (a->family == 4 || memcmp(a->ip, zero, 10) != 0 ||
	    a->ip[10] != 0xff || a->ip[11] != 0xff)
		return *a;
	memcpy(four.ip, a->ip + 12, 4);
	return four;
}

bool
resolver_address_is_own(const struct resolver_address *given)
{
	struct resolver_address a = plain(given);

	if (a.family == 4)
		return a.ip[0] == 127 || a.ip[0] == 0;
	return memcmp(a.ip, zero, 15) == 0 && a.ip[15] <= 1;
}

/*
 * What is sent to an address of this machine comes from that same one.  So the
 * system is asked where it would send from, and nothing is sent: addresses
 * that came or went since the start count, and no right is needed.
 */
static bool
is_here(const struct resolver_address *a)
{
	struct sockaddr_in6 six = { .sin6_family = AF_INET6,
		.sin6_port = htons(DISCARD_PORT) };
	struct sockaddr_in four = { .sin_family = AF_INET,
		.sin_port = htons(DISCARD_PORT) };
	bool v4 = a->family == 4;
	struct sockaddr *sa = v4 ? (struct sockaddr *)&four :
	    (struct sockaddr *)&six;
	socklen_t len = v4 ? sizeof(four) : sizeof(six);
	bool here = false;
	int fd;

	memcpy(&four.sin_addr, a->ip, 4);
	memcpy(&six.sin6_addr, a->ip, 16);
	fd = socket(sa->sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return false;
	if (connect(fd, sa, len) == 0 && getsockname(fd, sa, &len) == 0)
		here = v4 ? memcmp(&four.sin_addr, a->ip, 4) == 0 :
		    memcmp(&six.sin6_addr, a->ip, 16) == 0;
	close(fd);
	return here;
}

bool
resolver_address_is_inbound(const struct conf *conf,
    const struct resolver_address *given, uint16_t port)
{
	struct resolver_address a = plain(given);
	size_t octets = a.family == 4 ? 4 : 16;

	for (size_t i = 0; i < conf->smtp_listen.n; i++) {
		const struct conf_listen *l = &conf->smtp_listen.v[i];

		if (l->family != a.family || l->port != port)
			continue;
		if (memcmp(l->ip, a.ip, octets) == 0 ||
		    (memcmp(l->ip, zero, octets) == 0 && is_here(&a)))
			return true;
	}
	return false;
}
