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
 * A policy counts until its max_age is over, whatever becomes of this role
 * (section 5.1): who fetched one has it kept by another, and looks there for
 * what an earlier life or another role has seen.  What is here counts beside
 * it, for to be kept takes its time; failed fetches are known here alone.
 */
#ifndef LISTD_POLICY_H
#define LISTD_POLICY_H

#include <openssl/ssl.h>

#include "lib/ipc.h"
#include "lib/tlsrpt.h"

struct clock;
struct conf;
struct err;
struct event_base;
struct mta_sts_kept;
struct policies;
struct resolver;

#define POLICIES_MAX	10000	/* domains known of here, fetched or failed */

/* What they work with; borrowed, and read anew at every use. */
struct policy_env {
	struct event_base	*base;
	const struct clock	*clock;
	const struct conf	*conf;
	struct resolver		*resolver;
	SSL_CTX			*tls;	/* whose authorities count */
	/* The policy that is kept of a domain; false: none. */
	bool	(*recall)(void *arg, const char *domain,
	    struct mta_sts_kept *k_r);
	/* Let it be kept, instead of what was there. */
	void	(*keep)(void *arg, const char *domain,
	    const struct mta_sts_kept *k);
	/* It is not as it should be; the rest are words. */
	void	(*fault)(void *arg, const char *domain,
	    enum tlsrpt_result result, const char *why);
	void			*arg;
};

struct policies *policies_new(const struct policy_env *env, struct err *e);
/* Routes under way are dropped without a call back.  NULL is fine. */
void policies_free(struct policies *p);
/* The configuration was reloaded; what is remembered stays. */
void policies_reload(struct policies *p, const struct conf *conf,
    SSL_CTX *tls);

/* The policy of a domain that counts now, of any mode; false: none. */
bool policies_known(struct policies *p, const char *domain,
    struct mta_sts_kept *k_r);

/*
 * As resolver_route(), from the loop and exactly once: route->tls says what
 * each of its hosts has to give.  any_tls: nothing, for what its policy says
 * does not count.
 */
void policy_route(struct policies *p, const char *domain, bool any_tls,
    void (*done)(void *arg, const struct ipc_route *route), void *arg);

#endif
