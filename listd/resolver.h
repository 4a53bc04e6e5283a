/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resolver.h - names to mail routes, addresses and text records.
 *
 * libunbound on the caller's event loop, so that nothing blocks and answers
 * are cached by their TTL.  The deliver role resolves for itself and, through
 * frames, for the others.  A lookup calls back exactly once, from the loop and
 * never from inside the call that started it; or it is cancelled and then
 * never.  What the DNS says is a verdict (enum ipc_dns), not an error; a fault
 * of the DNS is always IPC_DNS_TEMPORARY and never costs a subscriber anything.
 */
#ifndef LISTD_RESOLVER_H
#define LISTD_RESOLVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/ipc.h"

struct conf;
struct err;
struct event_base;
struct resolver;
struct resolver_lookup;
struct tlsa_set;

#define RESOLVER_ADDRESSES_MAX	16	/* of one host; the rest are left out */
#define RESOLVER_TTL_MIN_S	60
#define RESOLVER_TTL_MAX_S	86400
#define RESOLVER_TTL_NEGATIVE_S	300	/* for answers that carry none */
#define RESOLVER_TXT_MAX	16	/* TXT records handed back */

struct resolver_address {
	uint8_t		family;		/* 4 or 6 */
	uint8_t		ip[16];
};

/*
 * conf		resolver or, when that is empty, resolv_fd; hostname and the
 *		EHLO names of source_address (to see that a route leads back
 *		to us).
 * resolv_fd	resolv.conf, borrowed, read here; -1 for none
 * anchor_fd	DNSSEC trust anchor, borrowed; -1: nothing is validated
 *
 * NULL with e: no name server is known, or libunbound refused a setting.
 */
struct resolver *resolver_new(struct event_base *base,
    const struct conf *conf, int resolv_fd, int anchor_fd, struct err *e);
/* Running lookups are dropped without a call back.  NULL is fine. */
void resolver_free(struct resolver *r);

/*
 * The configuration was reloaded: hostname counts from here on, and so
 * do the servers and the anchor, if they changed.  Lookups under way
 * end with the old ones.  -1 with e: those could not be set, the old ones stay.
 */
int resolver_reload(struct resolver *r, const struct conf *conf,
    int resolv_fd, int anchor_fd, struct err *e);

/*
 * The hosts that take mail for domain (A-label form), RFC 5321 section 5.1:
 * MX by preference, equal ones by name, aliases followed; without MX the
 * domain itself; null MX (RFC 7505), NXDOMAIN and "no address either" are
 * told apart from faults.  route->request is 0.  It is secure when DNSSEC
 * vouches for all that led to the hosts; without MX, for the addresses too.
 */
struct resolver_lookup *resolver_route(struct resolver *r, const char *domain,
    void (*done)(void *arg, const struct ipc_route *route), void *arg);

/*
 * What was found out about a host.  Addresses come IPv4 first because its
 * reputation data is older and better (R3 counts per address).
 */
struct resolver_host {
	enum ipc_dns	status;
	bool		secure;		/* DNSSEC vouches for every answer */
	char		alias[256];	/* where aliases led to; "": no alias */
	struct resolver_address address[RESOLVER_ADDRESSES_MAX];
	size_t		n;		/* 0 unless status is IPC_DNS_OK */
};

struct resolver_lookup *resolver_addresses(struct resolver *r,
    const char *host, void (*done)(void *arg,
    const struct resolver_host *host), void *arg);

/*
 * Whether DNSSEC vouches for the alias that a host is, wherever it leads;
 * status tells a fault of the DNS from the rest alone.
 */
struct resolver_lookup *resolver_alias(struct resolver *r, const char *host,
    void (*done)(void *arg, enum ipc_dns status, bool secure), void *arg);

/*
 * The TLSA records of a host's port.  Only those that DNSSEC vouches for are
 * in the set: the rest says nothing (RFC 7672 section 2.1).  secure tells the
 * same of an answer without records.  The set is borrowed for the call.
 */
struct resolver_lookup *resolver_tlsa(struct resolver *r, const char *host,
    uint16_t port, void (*done)(void *arg, enum ipc_dns status, bool secure,
    const struct tlsa_set *set), void *arg);

/* The TXT records of a name, each with its strings joined. */
struct resolver_lookup *resolver_txt(struct resolver *r, const char *name,
    void (*done)(void *arg, enum ipc_dns status, const char *const *text,
    size_t n), void *arg);

/* Loopback and unspecified addresses lead to this machine, not to a site. */
bool resolver_address_is_own(const struct resolver_address *a);
/*
 * Our own inbound role listens there, by smtp_listen: at this address, or at
 * all addresses of this machine, of which it is one now.  Another server on
 * the same machine is a site like others.
 */
bool resolver_address_is_inbound(const struct conf *conf,
    const struct resolver_address *a, uint16_t port);

/* Forget a lookup that has not called back yet. */
void resolver_cancel(struct resolver_lookup *l);

#endif
