/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay.c - the smarthosts that take all mail, each by its own terms.
 */
#include "config.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/sha.h>

#include "lib/err.h"
#include "lib/shaping.h"
#include "lib/sys/log.h"
#include "lib/xmalloc.h"
#include "listd/path.h"
#include "listd/relay.h"
#include "listd/site.h"

#define HOUR_MS		3600000
#define ROUTE_TTL_S	3600	/* a reload ends it */
#define TIME_STEP	(UINT64_C(1) << 32)	/* of one message, by weight */

static const struct {
	const char	*key;		/* of its rows */
	const char	*name;		/* in the configuration */
	int64_t		 ms;
} periods[RELAY_PERIODS] = {
	[RELAY_HOUR] = { "hour", "messages_per_hour", HOUR_MS },
	[RELAY_DAY] = { "day", "messages_per_day", 24 * HOUR_MS },
};

/* ---- quotas */

static uint64_t
quota_max(const struct relay *r, enum relay_period period)
{
	return period == RELAY_HOUR ? r->c.messages_per_hour :
	    r->c.messages_per_day;
}

static int64_t
period_now(const struct scheduler *s, enum relay_period period)
{
	return sched_now(s) / periods[period].ms;
}

/* Its rows are between those of sources, whose names are addresses. */
static void
quota_name(const struct relay *r, enum relay_period period,
    char name[static SHARE_SOURCE_MAX + 1])
{
	uint64_t hash;

	memcpy(&hash, r->key, sizeof(hash));
	if (snprintf(name, SHARE_SOURCE_MAX + 1, "%s/%s",
	    periods[period].key, r->c.name) > SHARE_SOURCE_MAX)
		snprintf(name, SHARE_SOURCE_MAX + 1, "%s/%016llx",
		    periods[period].key, (unsigned long long)hash);
}

void
relay_quota(const struct scheduler *s, const struct relay *r,
    enum relay_period period, uint64_t *sent, uint64_t *max)
{
	const struct quota *q = &r->quota[period];

	*max = quota_max(r, period);
	*sent = q->row.day == period_now(s, period) ? q->sent : 0;
}

int64_t
relay_closed_ms(const struct scheduler *s, const struct relay *r)
{
	int64_t at = 0;

	for (enum relay_period i = 0; i < RELAY_PERIODS; i++) {
		uint64_t sent, max;

		relay_quota(s, r, i, &sent, &max);
		if (max != 0 && sent >= max)	/* a day ends after its hours */
			at = (period_now(s, i) + 1) * periods[i].ms;
	}
	return at;
}

const char *
relay_closed_by(const struct scheduler *s, const struct relay *r,
    uint64_t *max)
{
	const char *by = NULL;

	for (enum relay_period i = 0; i < RELAY_PERIODS; i++) {
		uint64_t sent, most;

		relay_quota(s, r, i, &sent, &most);
		if (most != 0 && sent >= most) {
			by = periods[i].name;
			*max = most;
		}
	}
	return by;
}

bool
relay_is_open(struct scheduler *s, struct relay *r)
{
	bool open = true;

	/* Both look ahead, so that they wait for one batch and not for two. */
	for (enum relay_period i = 0; i < RELAY_PERIODS; i++) {
		if (quota_max(r, i) == 0)
			continue;
		quota_turn(&r->quota[i], period_now(s, i));
		if (!quota_is_open(s, &r->quota[i], quota_max(r, i)))
			open = false;
	}
	return open;
}

void
relay_take(struct scheduler *s, struct relay *r)
{
	for (enum relay_period i = 0; i < RELAY_PERIODS; i++) {
		quota_turn(&r->quota[i], period_now(s, i));
		quota_take(&r->quota[i]);
	}
	if (r->time < s->relay_time)
		r->time = s->relay_time;
	r->time += TIME_STEP / r->c.weight;
}

void
relay_give(struct scheduler *s, struct relay *r, int64_t taken_ms)
{
	for (enum relay_period i = 0; i < RELAY_PERIODS; i++) {
		quota_turn(&r->quota[i], period_now(s, i));
		quota_give(&r->quota[i], taken_ms / periods[i].ms);
	}
}

void
relays_durable(struct scheduler *s)
{
	struct relay *r;

	TAILQ_FOREACH(r, &s->relays, link)
		for (enum relay_period i = 0; i < RELAY_PERIODS; i++)
			if (quota_durable(s, &r->quota[i]))
				s->look_again = true;
}

/* What those that are new here have used up before. */
static void
load_row(struct scheduler *s, const struct source_share *row)
{
	char name[SHARE_SOURCE_MAX + 1];
	struct relay *r;

	TAILQ_FOREACH(r, &s->relays, link)
		for (enum relay_period i = 0; i < RELAY_PERIODS; i++) {
			quota_name(r, i, name);
			if (row->provider == 0 && r->quota[i].row.day == 0 &&
			    strcmp(row->source, name) == 0)
				quota_load(&r->quota[i], row);
		}
}

static void
load_quotas(struct scheduler *s)
{
	struct source_share row, after;
	struct err e = ERR_INIT;
	bool any = false;
	int rc;

	if (sched_q(s) == NULL)
		return;
	while ((rc = source_share_next(s->q_txn, any ? &after : NULL, &row,
	    &e)) != 0) {
		if (rc == -1)
			log_failure(LEVEL_ERROR, "quota-damaged", &e);
		if (rc == -1 && e.code != ERR_DAMAGED)
			return;
		if (rc == 1)
			load_row(s, &row);
		e = (struct err)ERR_INIT;
		after = row;
		any = true;
	}
}

/* ---- which there are */

static struct relay *
relay_find(const struct scheduler *s, const char *name)
{
	struct relay *r;

	TAILQ_FOREACH(r, &s->relays, link)
		if (strcmp(r->c.name, name) == 0)
			return r;
	return NULL;
}

static struct relay *
relay_new(struct scheduler *s, const char *name)
{
	struct relay *r = xcalloc(1, sizeof(*r));
	uint8_t digest[SHA256_DIGEST_LENGTH];
	struct strbuf b = STRBUF_INIT(512);

	pack_raw(&b, store_instance(s->p.store), 16);
	pack_str(&b, "relay");
	pack_str(&b, name);
	SHA256((const uint8_t *)b.s, b.len, digest);
	memcpy(r->key, digest, SITE_KEY);
	strbuf_free(&b);
	strcpy(r->c.name, name);
	for (enum relay_period i = 0; i < RELAY_PERIODS; i++)
		quota_name(r, i, r->quota[i].row.source);
	TAILQ_INSERT_TAIL(&s->relays, r, link);
	return r;
}

/* The best in front; those of one preference as they were written. */
static void
relay_sort_in(struct scheduler *s, struct relay *r)
{
	struct relay *o;

	TAILQ_REMOVE(&s->relays, r, link);
	TAILQ_FOREACH(o, &s->relays, link)
		if (o->gone || o->c.preference > r->c.preference)
			break;
	if (o != NULL)
		TAILQ_INSERT_BEFORE(o, r, link);
	else
		TAILQ_INSERT_TAIL(&s->relays, r, link);
}

void
relays_reshape(struct scheduler *s)
{
	struct relay *r;

	TAILQ_FOREACH(r, &s->relays, link) {
		const char *host = r->c.host;

		r->provider = s->shaping == NULL ? SHAPING_DEFAULT :
		    shaping_site(s->shaping, &host, 1, NULL);
	}
}

/*
 * One that is no longer there keeps its place: deliveries are still out with
 * it, and what it has used up counts when it comes back.
 */
void
scheduler_set_relays(struct scheduler *s, const struct scheduler_relay *v,
    size_t n)
{
	struct relay *r, *now[SCHEDULER_RELAYS_MAX];
	size_t kept = 0, was = s->nrelays;

	sched_turn_begin(s);
	for (size_t i = 0; i < n; i++) {
		if ((now[i] = relay_find(s, v[i].name)) == NULL) {
			now[i] = relay_new(s, v[i].name);
			now[i]->gone = true;
		}
		kept += !now[i]->gone;
	}
	TAILQ_FOREACH(r, &s->relays, link)
		r->gone = true;
	for (size_t i = 0; i < n; i++) {
		now[i]->c = v[i];
		relay_sort_in(s, now[i]);
		now[i]->gone = false;
	}
	s->nrelays = n;
	load_quotas(s);
	relays_reshape(s);
	paths_changed(s);
	if (kept != n || kept != was)
		sites_reroute(s);
	sched_turn_end(s);
}

void
relays_free(struct scheduler *s)
{
	struct relay *r;

	while ((r = TAILQ_FIRST(&s->relays)) != NULL) {
		TAILQ_REMOVE(&s->relays, r, link);
		free(r);
	}
}

void
relays_route(const struct scheduler *s, struct ipc_route *r)
{
	const struct relay *relay;

	memset(r, 0, offsetof(struct ipc_route, host));
	r->status = IPC_DNS_OK;
	r->ttl_s = ROUTE_TTL_S;
	r->text[0] = '\0';
	TAILQ_FOREACH(relay, &s->relays, link) {
		if (relay->gone)
			continue;
		r->host[r->n].preference = (uint16_t)relay->c.preference;
		strcpy(r->host[r->n++].name, relay->c.name);
	}
}

/* ---- which is next */

void
relays_look(struct scheduler *s, struct site *site)
{
	unsigned least = UINT_MAX;

	for (uint16_t i = 0; i < site->npaths; i++) {
		struct path *p = &site->paths[i];

		p->is_open = !p->relay->gone && path_closed_ms(s, p) == 0;
		if (p->is_open && p->relay->c.preference < least)
			least = p->relay->c.preference;
	}
	for (uint16_t i = 0; i < site->npaths; i++) {
		struct path *p = &site->paths[i];

		p->in_turn = p->is_open && p->relay->c.preference == least;
	}
}

/* Connections of one relay there, and whether it could have more. */
static unsigned
connections_of(const struct site *site, const struct relay *r, bool *more)
{
	unsigned n = 0;

	*more = false;
	for (uint16_t i = 0; i < site->npaths; i++) {
		const struct path *p = &site->paths[i];
		const struct limit *l = p->limit[PATH_HOSTS];

		if (p->relay != r)
			continue;
		n += p->nsessions;
		*more |= (p->nsessions < p->feedback.window ||
		    p->feedback.step > 0) && (l == NULL ||
		    l->v.connections == 0 || l->sessions < l->v.connections);
	}
	return n;
}

/*
 * When there is more than all can take, what each gets is by its connections:
 * none has more than its share, as long as the others could have theirs.
 */
bool
relays_may_open(const struct path *p)
{
	const struct site *site = p->site;
	bool more;
	uint64_t n = connections_of(site, p->relay, &more);

	for (uint16_t i = 0; n > 0 && i < site->npaths; i++) {
		const struct path *q = &site->paths[i];
		const struct relay *o = q->relay;
		uint64_t theirs;

		if (o == p->relay || !q->is_open ||
		    o->c.preference != p->relay->c.preference)
			continue;
		theirs = connections_of(site, o, &more);
		if (more && (n + 1) * o->c.weight > (theirs + 1) *
		    p->relay->c.weight)
			return false;
	}
	return true;
}

/*
 * Fair queueing by start times: the one that was given least by its weight.
 * One that comes back after a while is not owed what it missed.
 */
struct path *
relays_next(struct scheduler *s, struct site *site)
{
	struct path *best = NULL;

	for (uint16_t i = 0; i < site->npaths; i++) {
		struct path *p = &site->paths[i];

		if (p->in_turn && (best == NULL || p->relay->time <
		    best->relay->time || (p->relay == best->relay &&
		    p->nsessions < best->nsessions)))
			best = p;
	}
	if (best != NULL && best->relay->time > s->relay_time)
		s->relay_time = best->relay->time;
	return best;
}
