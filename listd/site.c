/* SPDX-License-Identifier: Apache-2.0 */
/*
 * site.c - the hosts that take the mail of many domains.
 */
#include "config.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/sha.h>

#include "lib/err.h"
#include "lib/shaping.h"
#include "lib/sys/log.h"
#include "lib/xmalloc.h"
#include "listd/lane.h"
#include "listd/restart.h"
#include "listd/retry.h"
#include "listd/relay.h"
#include "listd/site.h"
#include "listd/source.h"

#define KEY_ANY_TLS		0x40	/* likewise: nothing */
#define KEY_SECURE		0x80	/* in a key, beside what TLS is asked */
static uint64_t
hash_of_key(const uint8_t key[static SITE_KEY])
{
	uint64_t h;

	memcpy(&h, key, sizeof(h));
	return h;
}

static int
name_order(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The order in which they are to be tried, whatever the numbers are. */
static unsigned
rank_of(const struct ipc_route *r, const char *name)
{
	unsigned rank = 0;

	for (uint16_t i = 0; i < r->n; i++) {
		if (i > 0 && r->host[i].preference > r->host[i - 1].preference)
			rank++;
		if (strcmp(r->host[i].name, name) == 0)
			break;
	}
	return rank;
}

/*
 * Names decide, and which of them comes first: what is a domain's last resort
 * may be another's own host, and has to be tried last for the one (RFC 5321
 * section 5.1).  The store's own number goes in first, so that nobody can make
 * names that meet in our tables.
 * Domains with a policy about TLS are a site of their own: their connections
 * must not be used for less, and when their policy is broken, others who share
 * the hosts must not wait for it.  So are those whose hosts DNSSEC vouches for:
 * what TLSA records prove, they prove of the domain.  And so are those that get
 * a report about it all.
 */
static void
key_of_route(struct scheduler *s, const struct ipc_route *r,
    const char *of_domain, uint8_t key[static SITE_KEY],
    uint8_t hosts_key[static SITE_KEY])
{
	const char *names[IPC_HOSTS_MAX];
	uint8_t digest[SHA256_DIGEST_LENGTH];
	struct strbuf b = STRBUF_INIT(IPC_HOSTS_MAX * 261 + 300);

	for (uint16_t i = 0; i < r->n; i++)
		names[i] = r->host[i].name;
	qsort(names, r->n, sizeof(names[0]), name_order);
	pack_raw(&b, store_instance(s->p.store), 16);
	for (uint16_t i = 0; i < r->n; i++)
		if (i == 0 || strcmp(names[i], names[i - 1]) != 0)
			pack_str(&b, names[i]);
	SHA256((const uint8_t *)b.s, b.len, digest);
	memcpy(hosts_key, digest, SITE_KEY);	/* limits are theirs */
	for (uint16_t i = 0; i < r->n; i++)
		pack_u8(&b, (uint8_t)rank_of(r, names[i]));
	if (r->tls != IPC_TLS_NONE || r->secure || r->any_tls)
		pack_u8(&b, (uint8_t)(r->tls | (r->secure ? KEY_SECURE : 0) |
		    (r->any_tls ? KEY_ANY_TLS : 0)));
	if (of_domain[0] != '\0')
		pack_str(&b, of_domain);
	SHA256((const uint8_t *)b.s, b.len, digest);
	memcpy(key, digest, SITE_KEY);
	strbuf_free(&b);
}

/* Other sites may have the same best host.  No key of a set is like it. */
static uint64_t
key_of_best(struct scheduler *s, const char *host)
{
	uint8_t digest[SHA256_DIGEST_LENGTH];
	struct strbuf b = STRBUF_INIT(300);
	uint64_t key;

	pack_raw(&b, store_instance(s->p.store), 16);
	pack_str(&b, host);
	pack_u8(&b, 'b');
	SHA256((const uint8_t *)b.s, b.len, digest);
	strbuf_free(&b);
	memcpy(&key, digest, sizeof(key));
	return key | 1;
}

struct site *
site_by_key(const struct scheduler *s, const uint8_t key[static SITE_KEY])
{
	struct hash_link *l = hash_find(&s->sites, hash_of_key(key));

	for (; l != NULL; l = hash_next(l)) {
		struct site *site = HASH_OF(l, struct site, by_key);

		if (memcmp(site->key, key, SITE_KEY) == 0)
			return site;
	}
	return NULL;
}

static struct site *
site_new(struct scheduler *s, const uint8_t key[static SITE_KEY])
{
	struct site *site = xcalloc(1, sizeof(*site));

	memcpy(site->key, key, SITE_KEY);
	memcpy(site->hosts_key, key, SITE_KEY);
	paths_new(s, site);
	strbuf_init(&site->hosts, IPC_HOSTS_MAX * 264 + 16);
	TAILQ_INIT(&site->sessions);
	TAILQ_INIT(&site->lanes);
	TAILQ_INIT(&site->retries);
	TAILQ_INIT(&site->notices);
	hash_add(&s->sites, &site->by_key, hash_of_key(key));
	return site;
}

/* All its paths begin with so many connections, and one more each time. */
static void
paths_begin(struct site *site, unsigned window)
{
	for (uint16_t i = 0; i < site->npaths; i++)
		feedback_begin(&site->paths[i].feedback, window, 1);
}

static void
load_one(struct scheduler *s, const struct suspension *sus)
{
	struct site *site = site_new(s, sus->site);

	strcpy(site->host, sus->host);
	site->troubles = sus->attempts;
	site->since_ms = sus->since_ms;
	site->until_ms = sus->until_ms;
	site->by_hand = sus->by_hand;
	site->paused = true;
	paths_begin(site, 1);
	site->reason = xstrdup(sus->reason);
	dues_set(s->pauses, (uintptr_t)site, site->until_ms);
}

/*
 * A damaged row may have been somebody's word that nothing is sent there: it
 * is until they say otherwise (P6).
 */
int
sites_load(struct scheduler *s, struct err *e)
{
	uint8_t last[SITE_KEY];
	const uint8_t *after = NULL;
	struct suspension sus;
	int rc;

	while ((rc = suspension_next(s->q_txn, after, &sus, e)) != 0) {
		if (rc == -1 && (e->code != ERR_DAMAGED || (after != NULL &&
		    memcmp(after, sus.site, SITE_KEY) == 0)))
			return -1;
		if (rc == -1) {
			log_failure(LEVEL_ERROR, "site-damaged", e);
			*e = (struct err)ERR_INIT;
			sus.until_ms = SUSPENSION_FOREVER;
			sus.by_hand = true;
			strcpy(sus.reason, "its record is damaged");
		}
		load_one(s, &sus);
		memcpy(last, sus.site, SITE_KEY);
		after = last;
	}
	return 0;
}

/* ---- who it belongs to */

static uint16_t
provider_of(const struct scheduler *s, const struct ipc_route *r,
    const char *domain)
{
	const char *names[IPC_HOSTS_MAX];

	if (s->shaping == NULL)
		return SHAPING_DEFAULT;
	for (uint16_t i = 0; i < r->n; i++)
		names[i] = r->host[i].name;
	return shaping_site(s->shaping, names, r->n, domain);
}

uint32_t
site_provider_key(const struct scheduler *s, const struct site *site)
{
	if (s->shaping == NULL || site->provider == SHAPING_DEFAULT)
		return 0;
	return shaping_key(s->shaping, site->provider);
}

/* New data: the same hosts may be somebody else's now. */
void
sites_reshape(struct scheduler *s)
{
	static struct ipc_route r;
	struct hash_link *l, *next = NULL;
	struct unpack u;
	size_t at = 0;

	lanes_unsort(s);
	while ((l = hash_each(&s->sites, &at, &next)) != NULL) {
		struct site *site = HASH_OF(l, struct site, by_key);

		unpack_init(&u, site->hosts.s, site->hosts.len);
		for (r.n = 0; r.n < site->nhosts; r.n++) {
			unpack_u16(&u);
			unpack_str(&u, r.host[r.n].name,
			    sizeof(r.host[r.n].name));
		}
		site->provider = provider_of(s, &r, site->of_domain[0] !=
		    '\0' ? site->of_domain : NULL);
	}
}

/* A certificate may bear the domain's name, while there is one alone. */
static void
take_domain(struct site *site, const struct ipc_route *r, const char *domain)
{
	if (!r->secure || site->of_many)
		return;
	site->of_many = site->domain != NULL &&
	    strcmp(site->domain, domain) != 0;
	free(site->domain);
	free(site->alias);
	site->domain = site->of_many ? NULL : xstrdup(domain);
	site->alias = site->of_many ? NULL : xstrdup(r->alias);
}

static void
take_best(struct scheduler *s, struct site *site, const char *host)
{
	if (site->best_key != 0 && strcmp(site->host, host) == 0)
		return;
	snprintf(site->host, sizeof(site->host), "%s", host);
	site->best_key = key_of_best(s, host);
	site->limits_of = 0;
}

/* One that was known by its key alone gets what its route says. */
static void
site_take_relays(struct scheduler *s, struct site *site)
{
	if ((site->paths[0].relay != NULL) == (s->nrelays > 0))
		return;
	assert(TAILQ_EMPTY(&site->sessions));
	paths_free(s, site);
	paths_new(s, site);
	if (site->paused)
		paths_begin(site, 1);
	site->limits_of = 0;
}

struct site *
site_of_route(struct scheduler *s, const struct ipc_route *r,
    const char *domain)
{
	uint8_t key[SITE_KEY], hosts_key[SITE_KEY];
	uint16_t provider = provider_of(s, r, domain);
	const char *of_domain = "";
	struct site *site;
	int64_t ttl = (int64_t)r->ttl_s * 1000;

	/* A provider that is known by this domain and not by its hosts. */
	if (provider != provider_of(s, r, NULL))
		of_domain = domain;
	key_of_route(s, r, of_domain, key, hosts_key);
	if ((site = site_by_key(s, key)) == NULL)
		site = site_new(s, key);
	site_take_relays(s, site);
	site->routes_of = s->routes_serial;
	if (memcmp(site->hosts_key, hosts_key, SITE_KEY) != 0 ||
	    site->provider != provider)
		site->limits_of = 0;
	memcpy(site->hosts_key, hosts_key, SITE_KEY);
	site->provider = provider;
	strcpy(site->of_domain, of_domain);
	take_domain(site, r, domain);
	strbuf_reset(&site->hosts);
	for (uint16_t i = 0; i < r->n; i++) {
		pack_u16(&site->hosts, r->host[i].preference);
		pack_str(&site->hosts, r->host[i].name);
	}
	site->nhosts = r->n;
	site->tls = r->tls;
	site->secure = r->secure;
	site->any_tls = r->any_tls;
	take_best(s, site, r->host[0].name);
	if (ttl < SITE_ROUTE_MIN_MS)
		ttl = SITE_ROUTE_MIN_MS;
	if (ttl > SITE_ROUTE_MAX_MS)
		ttl = SITE_ROUTE_MAX_MS;
	site->route_ms = s->mono_ms + ttl;
	return site;
}

static bool
key_parse(const char *text, uint8_t key[static SITE_KEY])
{
	static const char digits[] = "0123456789abcdef";

	if (strlen(text) != 2 * SITE_KEY)
		return false;
	for (int i = 0; i < 2 * SITE_KEY; i++) {
		const char *d = strchr(digits, text[i]);

		if (d == NULL)
			return false;
		key[i / 2] = (uint8_t)(key[i / 2] << 4 | (d - digits));
	}
	return true;
}

bool
site_is_named(const struct site *site, const char *name)
{
	uint8_t key[SITE_KEY] = { 0 };

	if (key_parse(name, key))
		return memcmp(site->key, key, SITE_KEY) == 0;
	return strcmp(site->host, name) == 0;
}

static void
forget_trouble(struct scheduler *s, struct site *site)
{
	batch_unsuspend(s->batcher, site->key);
	batch_want(s->batcher, s->mono_ms + BATCH_WAIT_MS);
	site->troubles = 0;
	site->since_ms = 0;
	free(site->reason);
	site->reason = NULL;
}

/* What is known of its deliveries is of use when they come back. */
static bool
is_kept(struct scheduler *s, struct site *site)
{
	if (site->suspects == NULL || sched_now(s) >= site->suspects_ms ||
	    s->sites.n > SITES_KEPT)
		return false;
	dues_earlier(s->wakes, (uintptr_t)site, site->suspects_ms);
	return true;
}

void
site_release(struct scheduler *s, struct site *site)
{
	/* A paused one stays: people look for it, and may resume it. */
	if (!site->paused && TAILQ_EMPTY(&site->sessions) &&
	    TAILQ_EMPTY(&site->lanes) && site->nretries == 0 &&
	    site->nnotices == 0 && !paths_keep(site) &&
	    idlist_count(&site->retry_domains) == 0 && !is_kept(s, site)) {
		if (site->troubles > 0)
			forget_trouble(s, site);
		site_free(s, site);
	}
}

void
site_free(struct scheduler *s, struct site *site)
{
	if (site->is_kicked)
		TAILQ_REMOVE(&s->kicked, site, kicked);
	paths_free(s, site);
	dues_del(s->starving, (uintptr_t)site);
	dues_del(s->wakes, (uintptr_t)site);
	dues_del(s->pauses, (uintptr_t)site);
	hash_del(&s->sites, &site->by_key);
	strbuf_free(&site->hosts);
	idlist_free(&site->retry_domains);
	suspects_free(site->suspects);
	free(site->domain);
	free(site->alias);
	free(site->reason);
	free(site);
}

void
site_kick(struct scheduler *s, struct site *site)
{
	if (site->is_kicked)
		return;
	site->is_kicked = true;
	TAILQ_INSERT_TAIL(&s->kicked, site, kicked);
}

unsigned
site_cap(const struct site *site)
{
	unsigned sum = 0;

	for (uint16_t i = 0; i < site->npaths; i++) {
		const struct path *p = &site->paths[i];
		unsigned hard = p->limit[PATH_HOSTS] == NULL ? 0 :
		    p->limit[PATH_HOSTS]->v.connections;

		sum += hard == 0 || p->feedback.window < hard ?
		    p->feedback.window : hard;
	}
	return sum;
}

/* ---- what it bears */

static void
suspension_of(const struct site *site, struct suspension *sus)
{
	memset(sus, 0, sizeof(*sus));
	memcpy(sus->site, site->key, SITE_KEY);
	sus->since_ms = site->since_ms;
	sus->until_ms = site->until_ms;
	sus->attempts = (uint16_t)(site->troubles < UINT16_MAX ?
	    site->troubles : UINT16_MAX);
	sus->window = (uint16_t)site->paths[0].feedback.window;
	sus->by_hand = site->by_hand;
	strcpy(sus->host, site->host);
	if (site->reason != NULL)
		strncpy(sus->reason, site->reason, sizeof(sus->reason) - 1);
}

static void
log_site(const struct site *site, const char *event, enum log_level level,
    int64_t rest_ms)
{
	struct log_line l;

	log_begin(&l, level, event);
	log_str(&l, "mx", site->host);
	log_int(&l, "window", site->paths[0].feedback.window);
	if (rest_ms >= 0)
		log_seconds(&l, "rest", rest_ms);
	if (site->troubles > 0)
		log_int(&l, "troubles", site->troubles);
	if (site->reason != NULL)
		log_str(&l, "reason", site->reason);
	log_end(&l);
}

void
site_came_up(struct scheduler *s, struct path *p)
{
	struct site *site = p->site;
	const struct limit *l = p->limit[PATH_HOSTS];

	site->up++;
	p->up++;
	p->rest_ms = 0;
	if (site->paused && !site->by_hand)
		site_resume(s, site, false);	/* another one was faster */
	if (site->probing) {
		site->probing = false;
		log_site(site, "site-back", LEVEL_NOTICE, -1);
		feedback_begin(&p->feedback, FEEDBACK_FIRST, 1);
	}
	feedback_up(&p->feedback, l == NULL || l->v.connections == 0 ?
	    UINT16_MAX : l->v.connections, s->mono_ms);
	restart_up(s, p);
	site_kick(s, site);
}

/* A connection alone is no good sign: what it is for may be refused still. */
void
site_heard(struct scheduler *s, const struct delivery *d)
{
	struct site *site = d->site;

	d->session->path->rests = 0;
	suspects_heard(site->suspects, d->who);
	/* What a person said of it meanwhile stays. */
	if (site->troubles > 0 && !site->paused)
		forget_trouble(s, site);
}

/* A relay, or the only source that is refused: it alone rests. */
static void
path_rests(struct scheduler *s, struct path *p, const char *reason)
{
	struct log_line l;

	p->rest_ms = sched_now(s) + retry_wait_ms(++p->rests,
	    sched_chance(s));
	feedback_begin(&p->feedback, 1, 1);
	log_begin(&l, LEVEL_WARNING, p->relay != NULL ? "relay-paused" :
	    "source-paused");
	log_str(&l, "mx", p->relay != NULL ? p->relay->c.name :
	    p->site->host);
	log_str(&l, "source", source_name(s, p->source));
	log_seconds(&l, "rest", p->rest_ms - sched_now(s));
	log_str(&l, "reason", reason);
	log_end(&l);
}

/* May one that is not known to be refused go on with what p had? */
static bool
another_may_try(struct scheduler *s, const struct path *p)
{
	const struct site *site = p->site;

	for (uint16_t i = 0; i < s->nsources; i++) {
		const struct path *q = &site->paths[i];
		unsigned streams = s->sources[i].streams;

		if (q != p && source_opens_ms(s, q) == 0 && (q->nsessions > 0 ||
		    (streams & s->sources[p->source].streams) != 0 ||
		    (site->nnotices > 0 && (streams & SOURCE_NOTICES) != 0)))
			return true;
	}
	return false;
}

void
site_refused(struct scheduler *s, struct path *p, bool replied,
    const char *reason)
{
	struct site *site = p->site;
	bool dead;

	if (site->paused)
		return;
	dead = feedback_refused(&p->feedback, p->up, p->failures, s->mono_ms);
	/* Nobody else is asking either, or it is one call to see. */
	dead |= p->up == 0 && (p->nsessions == 0 || site->probing);
	site_kick(s, site);
	if (!dead)
		return;
	site->probe = (uint16_t)((p->source + 1) % s->nsources);
	if (p->relay != NULL || site->up > 0 || (!replied &&
	    !site->probing && another_may_try(s, p))) {
		path_rests(s, p, reason);
		return;
	}
	if (site->troubles++ == 0)
		site->since_ms = sched_now(s);
	site_pause(s, site, sched_now(s) + retry_wait_ms(site->troubles,
	    sched_chance(s)), false, reason);
}

void
site_pause(struct scheduler *s, struct site *site, int64_t until_ms,
    bool by_hand, const char *reason)
{
	struct suspension sus;

	site->paused = true;
	site->probing = false;
	site->by_hand = by_hand;
	site->until_ms = until_ms;
	paths_begin(site, 1);
	for (uint16_t i = 0; i < site->npaths; i++)
		site->paths[i].rest_ms = 0;	/* all of them rest now */
	free(site->reason);
	site->reason = xstrdup(reason);
	dues_set(s->pauses, (uintptr_t)site, until_ms);
	site_sort(s, site);
	retries_unload(s, site);
	suspension_of(site, &sus);
	batch_suspend(s->batcher, &sus);
	batch_want(s->batcher, s->mono_ms + BATCH_WAIT_MS);
	log_site(site, by_hand ? "site-suspended" : "site-paused",
	    LEVEL_WARNING, by_hand ? -1 : until_ms - sched_now(s));
}

void
site_resume(struct scheduler *s, struct site *site, bool by_hand)
{
	dues_del(s->pauses, (uintptr_t)site);
	if (!site->paused)
		return;
	site->paused = false;
	site_sort(s, site);
	paths_begin(site, 1);
	site->probing = true;
	if (by_hand) {
		site->by_hand = false;
		site->probing = false;
		paths_begin(site, FEEDBACK_FIRST);
		forget_trouble(s, site);
		log_site(site, "site-resumed", LEVEL_NOTICE, -1);
	}
	site_kick(s, site);
}

void
sites_advance(struct scheduler *s)
{
	int64_t now = sched_now(s);
	uint64_t id;

	while (dues_pop(s->pauses, now, &id)) {
		site_renew(s, (struct site *)(uintptr_t)id);
		site_resume(s, (struct site *)(uintptr_t)id, false);
	}
	while (dues_pop(s->wakes, now, &id)) {
		struct site *site = (struct site *)(uintptr_t)id;

		site->limits_of = 0;
		site_kick(s, site);
	}
}
