/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client_ip.h - whose request it is, when proxies stand between (T8).
 *
 * What a request says of its origin is believed only from a peer in
 * trusted_proxies, and only as far as trusted hops reach: each proxy appends
 * the address it was asked from, so the list is read from its right end, and
 * the first address that is not one of ours is the client.  What stands left
 * of it was written by strangers and never becomes evidence.
 *
 * X-Forwarded-For wins over Forwarded (RFC 7239), which is read only where
 * the other is absent: a proxy that speaks Forwarded alone has to remove
 * X-Forwarded-For from what it passes on.
 *
 * Addresses are 16 octets, IPv4 as ::ffff:a.b.c.d.
 */
#ifndef WEB_CLIENT_IP_H
#define WEB_CLIENT_IP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct conf_cidrs;
struct sockaddr;

#define CLIENT_IP_HOPS_MAX	32	/* entries looked at, from the right */
#define CLIENT_IP_TEXT		46	/* octets of a printed one, with NUL */

struct client_ip {
	uint8_t		ip[16];		/* zeros: not known */
	uint16_t	port;		/* 0: not known */
	uint8_t		proxy_ip[16];	/* the peer, when ip is not; or zeros */
	uint16_t	proxy_port;
};

/* The peer's own address; false for what is not IP, with zeros. */
bool client_ip_peer(const struct sockaddr *sa, struct client_ip *c_r);

/*
 * Look behind the proxies: c_r, as client_ip_peer() filled it, is changed when
 * its ip is in trusted and one of the two fields names another.
 *
 * for_list	X-Forwarded-For: the bodies of all such fields in order, joined
 *		by commas; NULL when there is none
 * forwarded	Forwarded, likewise
 */
void client_ip_find(const struct conf_cidrs *trusted, const char *for_list,
    const char *forwarded, struct client_ip *c_r);

/*
 * Read an address as proxies write it: 192.0.2.1, 192.0.2.1:80, 2001:db8::1,
 * [2001:db8::1]:80; *port_r is 0 when none is named.
 */
bool client_ip_parse(const char *text, size_t len, uint8_t ip_r[static 16],
    uint16_t *port_r);

/* a.b.c.d or IPv6 as text; "-" for zeros. */
void client_ip_format(const uint8_t ip[static 16],
    char out[static CLIENT_IP_TEXT]);

/* True for 127.0.0.0/8 and ::1. */
bool client_ip_loopback(const uint8_t ip[static 16]);

#endif
