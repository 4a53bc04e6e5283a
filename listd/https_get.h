/* SPDX-License-Identifier: Apache-2.0 */
/*
 * https_get.h - fetch one small file over HTTPS, on the caller's loop.
 *
 * For policies that others publish (MTA-STS): a name that anybody may choose,
 * so everything has a limit.  The addresses are the caller's, nothing is
 * resolved here; no redirect is followed, no proxy, cookie or cache is used
 * (RFC 8461 section 3.3), and the certificate must be good for the name.
 */
#ifndef LISTD_HTTPS_GET_H
#define LISTD_HTTPS_GET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/x509.h>

#include "listd/resolver.h"

struct err;
struct event_base;
struct https;
struct https_request;

#define HTTPS_TIMEOUT_MAX_MS	60000	/* RFC 8461 section 3.3 has a minute */
#define HTTPS_AT_ONCE		64	/* begun; the rest waits for an end */
#define HTTPS_URL_MAX		512

struct https_ask {
	const char	*host;		/* as in URL and certificate */
	uint16_t	 port;
	const char	*path;		/* with its slash */
	const struct resolver_address *address;
	size_t		 n;		/* at least one */
	size_t		 max;		/* octets of a body; more fail */
	/* From when it is begun to its end; cut at the maximum. */
	int64_t		 timeout_ms;
	X509_STORE	*authorities;	/* borrowed for the call */
};

struct https_answer {
	const char	*fault;		/* NULL: it came; else why it did not */
	bool		 untrusted;	/* the certificate is no good */
	long		 status;	/* of HTTP; 0 when there was none */
	const char	*type;		/* Content-Type; "" for none */
	const char	*body;
	size_t		 len;
};

/* Call curl_global_init() before.  NULL with e. */
struct https *https_new(struct event_base *base, struct err *e);
/* Running requests are dropped without a call back.  NULL is fine. */
void https_free(struct https *h);

/*
 * Begin.  done is called exactly once, from the loop; its answer is borrowed
 * for the call.  NULL with e when it cannot be begun: then it is never called.
 */
struct https_request *https_start(struct https *h,
    const struct https_ask *ask, void (*done)(void *arg,
    const struct https_answer *answer), void *arg, struct err *e);
/* Forget a request that has not called back yet. */
void https_cancel(struct https_request *q);

#endif
