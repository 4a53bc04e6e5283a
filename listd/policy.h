/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy.h - the mail route of a domain, as its policy about TLS leaves it.
 *
 * MTA-STS (RFC 8461) belongs between the MX lookup and the site: a policy in
 * mode "enforce" takes away the hosts it does not name, and asks for verified
 * TLS at the rest.  It is kept per domain, so that one domain's broken policy
 * is nobody else's trouble.  A policy that leaves no host is a fault that may
 * pass, never a bounce.
 *
 * What was seen is remembered as long as the role lives, by that role alone:
 * queue asks the same one about a domain again.  A new role begins without.
 */
#ifndef LISTD_POLICY_H
#define LISTD_POLICY_H

#include <openssl/ssl.h>

#include "lib/ipc.h"

struct clock;
struct conf;
struct err;
struct event_base;
struct policies;
struct resolver;

#define POLICIES_MAX	10000	/* domains whose policy is remembered */

/* What they work with; borrowed, and read anew at every use. */
struct policy_env {
	struct event_base	*base;
	const struct clock	*clock;
	const struct conf	*conf;
	struct resolver		*resolver;
	SSL_CTX			*tls;	/* whose authorities count */
};

struct policies *policies_new(const struct policy_env *env, struct err *e);
/* Routes under way are dropped without a call back.  NULL is fine. */
void policies_free(struct policies *p);
/* The configuration was reloaded; what is remembered stays. */
void policies_reload(struct policies *p, const struct conf *conf,
    SSL_CTX *tls);

/*
 * As resolver_route(), from the loop and exactly once: route->tls says what
 * each of its hosts has to give.
 */
void policy_route(struct policies *p, const char *domain,
    void (*done)(void *arg, const struct ipc_route *route), void *arg);

#endif
