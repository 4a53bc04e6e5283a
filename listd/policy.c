/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy.c - the mail route of a domain, as its policy about TLS leaves it.
 *
 *	route -> record at _mta-sts -> [address of mta-sts -> file] -> answer
 *
 * What fails on the way leaves what the cache has (lib/mta_sts.h).
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include <curl/curl.h>

#include "lib/clock.h"
#include "lib/conf.h"
#include "lib/err.h"
#include "lib/mta_sts.h"
#include "lib/sys/log.h"
#include "lib/xmalloc.h"
#include "listd/https_get.h"
#include "listd/policy.h"
#include "listd/resolver.h"

#define RECORD_PREFIX	"_mta-sts."
#define HOST_PREFIX	"mta-sts."
#define FILE_PATH	"/.well-known/mta-sts.txt"

struct asked_route {
	TAILQ_ENTRY(asked_route) entry;
	struct policies		*p;
	char			 domain[256];
	bool			 any_tls;
	struct ipc_route	 route;
	enum mta_sts_found	 found;
	char			 id[MTA_STS_ID_MAX + 1];
	struct resolver_lookup	*lookup;	/* one of these is under way */
	struct https_request	*fetch;
	void			(*done)(void *, const struct ipc_route *);
	void			*arg;
};

struct policies {
	struct policy_env	 env;
	struct mta_sts_cache	*cache;
	struct https		*https;
	TAILQ_HEAD(, asked_route) routes;
};

/* ---- the answer */

static void
asked_free(struct asked_route *a)
{
	TAILQ_REMOVE(&a->p->routes, a, entry);
	free(a);
}

static void
answer(struct asked_route *a)
{
	a->done(a->arg, &a->route);
	asked_free(a);
}

static int64_t
now_ms(const struct policies *p)
{
	return clock_utc_ms(p->env.clock);
}

static void
say(const char *domain, const char *why)
{
	struct log_line l;

	log_begin(&l, LEVEL_WARNING, "mta-sts");
	log_str(&l, "domain", domain);
	log_str(&l, "reason", why);
	log_end(&l);
}

/* Hosts that the policy does not name are not the domain's (section 4.1). */
static void
enforce(struct ipc_route *route, const char *domain,
    const struct mta_sts_policy *policy)
{
	uint16_t n = 0;

	for (uint16_t i = 0; i < route->n; i++)
		if (mta_sts_match(policy, route->host[i].name))
			route->host[n++] = route->host[i];
	route->n = n;
	route->tls = IPC_TLS_VERIFIED;
	if (n > 0)
		return;
	route->status = IPC_DNS_TEMPORARY;
	snprintf(route->text, sizeof(route->text), "%s: its MTA-STS policy "
	    "names none of its mail hosts", domain);
	say(domain, "the policy names none of the domain's mail hosts");
}

/*
 * What is kept of the domain and what is here: the later one counts in both
 * places.  So one that could not be kept the last time is kept now.
 */
static void
meet_kept(struct asked_route *a)
{
	static struct mta_sts_kept here, there;		/* 16 KB each */
	const struct policy_env *env = &a->p->env;
	bool have = mta_sts_cache_kept(a->p->cache, a->domain, &here);
	bool kept = env->recall(env->arg, a->domain, &there);

	if (kept && (!have || there.fetched_ms > here.fetched_ms))
		mta_sts_cache_load(a->p->cache, a->domain, &there,
		    now_ms(a->p));
	else if (have && (!kept || here.fetched_ms > there.fetched_ms))
		env->keep(env->arg, a->domain, &here);
}

/* Obey what is known by now. */
static void
apply(struct asked_route *a)
{
	const struct mta_sts_policy *policy;

	mta_sts_cache_ask(a->p->cache, a->domain, a->found, a->id,
	    now_ms(a->p), &policy);
	if (policy != NULL && policy->mode == MTA_STS_ENFORCE)
		enforce(&a->route, a->domain, policy);
	answer(a);
}

/* ---- the file */

static void
fetch_failed(struct asked_route *a, enum tlsrpt_result result,
    const char *why)
{
	const struct policy_env *env = &a->p->env;

	env->fault(env->arg, a->domain, result, why);
	mta_sts_cache_failed(a->p->cache, a->domain, why, now_ms(a->p));
	say(a->domain, why);
	apply(a);
}

static void
on_file(void *arg, const struct https_answer *file)
{
	struct mta_sts_policy policy;
	struct asked_route *a = arg;
	struct err e = ERR_INIT;
	enum tlsrpt_result result = file->untrusted ? TLSRPT_STS_WEBPKI :
	    file->fault != NULL || file->status != 200 ? TLSRPT_STS_FETCH :
	    TLSRPT_STS_INVALID;

	a->fetch = NULL;
	if (file->fault == NULL && file->status != 200)
		err_set(&e, ERR_REFUSED, "HTTP status %ld", file->status);
	else if (file->fault != NULL)
		err_set(&e, ERR_REFUSED, "%s", file->fault);
	else if (!mta_sts_is_plain(file->type))
		err_set(&e, ERR_INPUT, "the policy is not text/plain");
	else if (mta_sts_parse(file->body, file->len, &policy, &e) == 0) {
		mta_sts_cache_store(a->p->cache, a->domain, a->id, &policy,
		    now_ms(a->p));
		meet_kept(a);
		apply(a);
		return;
	}
	fetch_failed(a, result, e.text);
}

static void
on_file_host(void *arg, const struct resolver_host *found)
{
	char host[sizeof(HOST_PREFIX) + 256];
	struct resolver_address address[RESOLVER_ADDRESSES_MAX];
	struct asked_route *a = arg;
	const struct conf *conf = a->p->env.conf;
	struct https_ask ask = { .host = host, .path = FILE_PATH,
		.port = (uint16_t)conf->mta_sts_port, .address = address,
		.max = MTA_STS_POLICY_MAX, .timeout_ms = conf->timeout_connect,
		.authorities = SSL_CTX_get_cert_store(a->p->env.tls) };
	struct err e = ERR_INIT;

	a->lookup = NULL;
	/* A stranger's name must not make us ask ourselves. */
	for (size_t i = 0; i < found->n; i++)
		if (conf->allow_loopback ||
		    !resolver_address_is_own(&found->address[i]))
			address[ask.n++] = found->address[i];
	snprintf(host, sizeof(host), HOST_PREFIX "%s", a->domain);
	if (ask.n == 0) {
		fetch_failed(a, TLSRPT_STS_FETCH,
		    found->status == IPC_DNS_TEMPORARY ?
		    "name service failed for the policy's host" :
		    "the policy's host has no address");
		return;
	}
	a->fetch = https_start(a->p->https, &ask, on_file, a, &e);
	if (a->fetch == NULL)
		fetch_failed(a, TLSRPT_STS_FETCH, e.text);
}

/* ---- the record */

static void
on_record(void *arg, enum ipc_dns status, const char *const *text, size_t n)
{
	const struct mta_sts_policy *policy;
	struct asked_route *a = arg;
	char host[sizeof(HOST_PREFIX) + 256];

	a->lookup = NULL;
	a->found = status == IPC_DNS_TEMPORARY ? MTA_STS_UNKNOWN :
	    mta_sts_record(text, n, a->id);
	meet_kept(a);
	if (mta_sts_cache_ask(a->p->cache, a->domain, a->found, a->id,
	    now_ms(a->p), &policy) == MTA_STS_GO) {
		apply(a);
		return;
	}
	snprintf(host, sizeof(host), HOST_PREFIX "%s", a->domain);
	a->lookup = resolver_addresses(a->p->env.resolver, host, on_file_host,
	    a);
}

static void
on_route(void *arg, const struct ipc_route *route)
{
	struct asked_route *a = arg;
	const struct conf *conf = a->p->env.conf;
	char name[sizeof(RECORD_PREFIX) + 256];

	a->lookup = NULL;
	a->route = *route;
	/* It is of use with TLSA records alone. */
	a->route.any_tls = a->any_tls;
	if (!conf->smtp_dane || a->any_tls) {
		a->route.secure = false;
		a->route.alias[0] = '\0';
	}
	/* A name may be too long for a policy. */
	if (route->status != IPC_DNS_OK || !conf->smtp_mta_sts ||
	    a->any_tls || snprintf(name, sizeof(name), RECORD_PREFIX "%s",
	    a->domain) > 253) {
		answer(a);
		return;
	}
	a->lookup = resolver_txt(a->p->env.resolver, name, on_record, a);
}

void
policy_route(struct policies *p, const char *domain, bool any_tls,
    void (*done)(void *, const struct ipc_route *), void *arg)
{
	struct asked_route *a = xcalloc(1, sizeof(*a));

	a->p = p;
	a->any_tls = any_tls;
	a->done = done;
	a->arg = arg;
	snprintf(a->domain, sizeof(a->domain), "%s", domain);
	TAILQ_INSERT_TAIL(&p->routes, a, entry);
	a->lookup = resolver_route(p->env.resolver, domain, on_route, a);
}

bool
policies_known(struct policies *p, const char *domain,
    struct mta_sts_kept *k)
{
	return (mta_sts_cache_kept(p->cache, domain, k) ||
	    p->env.recall(p->env.arg, domain, k)) &&
	    now_ms(p) < k->expires_ms;
}

/* ---- life */

struct policies *
policies_new(const struct policy_env *env, struct err *e)
{
	struct policies *p = xcalloc(1, sizeof(*p));

	TAILQ_INIT(&p->routes);
	p->env = *env;
	p->cache = mta_sts_cache_new(POLICIES_MAX);
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		err_set(e, ERR_SYSTEM, "libcurl did not start");
	else if ((p->https = https_new(env->base, e)) != NULL)
		return p;
	policies_free(p);
	return NULL;
}

void
policies_reload(struct policies *p, const struct conf *conf, SSL_CTX *tls)
{
	p->env.conf = conf;
	p->env.tls = tls;
}

void
policies_free(struct policies *p)
{
	struct asked_route *a;

	if (p == NULL)
		return;
	while ((a = TAILQ_FIRST(&p->routes)) != NULL) {
		if (a->lookup != NULL)
			resolver_cancel(a->lookup);
		if (a->fetch != NULL)
			https_cancel(a->fetch);
		asked_free(a);
	}
	https_free(p->https);
	mta_sts_cache_free(p->cache);
	free(p);
}
