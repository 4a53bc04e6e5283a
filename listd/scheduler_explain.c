/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scheduler_explain.c - what the mail for a domain waits for.
 *
 * Of all that could hold it back, the one that does is told: from the outside
 * in, so that what is named is what has to change first.  A campaign that
 * waits comes before the DNS, that before the site, that before its paths; a
 * path that is closed before its rates, these before its connections.
 *
 * Where nothing of a domain is in memory its route is asked for, so that there
 * always is a site whose limits can be told.
 */
#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/err.h"
#include "lib/reactions.h"
#include "lib/shaping.h"
#include "lib/xmalloc.h"
#include "listd/path.h"
#include "listd/relay.h"
#include "listd/scheduler_private.h"
#include "listd/site.h"
#include "listd/source.h"
#include "spool/progress.h"
#include "spool/subscriber.h"

#define DAY_MS		86400000
#define ROWS_MAX	64	/* deferrals of the domain that are read */

/* It is this, and nothing else has to be looked at. */
static bool __attribute__((format(printf, 3, 4)))
bind(struct scheduler_bind *b, const char *what, const char *fmt, ...)
{
	va_list ap;

	b->what = what;
	va_start(ap, fmt);
	vsnprintf(b->why, sizeof(b->why), fmt, ap);
	va_end(ap);
	return true;
}

static bool
bind_shaping(const struct scheduler *s, const struct site *site,
    const char *name, enum shaping_what what, struct scheduler_bind *b)
{
	struct strbuf text = STRBUF_INIT(sizeof(b->why) - 1);

	shaping_explain(s->shaping, site->provider, what, &text);
	bind(b, name, "%.*s", (int)text.len, (const char *)text.s);
	strbuf_free(&text);
	return true;
}

static bool
bind_value(const struct scheduler *s, const struct path *p,
    enum path_what what, struct scheduler_bind *b)
{
	struct path_value v;

	return path_value(s, p, what, &v) != 0 &&
	    bind(b, path_what_name(what), "%s", v.why);
}

/* ---- a path that is closed */

static bool
bind_reaction(const struct scheduler *s, const struct path *p,
    struct scheduler_bind *b)
{
	const struct reaction_action *a;
	struct path_asks asks;

	if (s->reactions == NULL || p->stopped_ms <= sched_now(s))
		return false;
	path_asks(s, p, &asks);
	a = reactions_find(s->reactions, asks.suspended_by);
	if (a != NULL)
		return bind(b, "reaction", "%016llx %s: %.400s",
		    (unsigned long long)a->id, a->name, a->reply);
	return bind(b, "reaction", "it ends in a moment");
}

static bool
bind_warmup(struct scheduler *s, const struct path *p,
    struct scheduler_bind *b)
{
	const struct source *source = &s->sources[p->source];
	int64_t sent, cap, day = sched_now(s) / DAY_MS - source->warm_from + 1;
	struct shaping_origin o = { .file = "" };

	if (source_has_share(s, p))
		return false;
	source_share(s, p, &sent, &cap);
	if (day < 1)
		return bind(b, "warmup", "its first day is yet to come");
	shaping_warmup(s->shaping, p->site->provider, source->name,
	    (uint32_t)day, &o);
	return bind(b, "warmup", "%lld of %lld of its day %lld are sent (%s, "
	    "%s:%u)", (long long)sent, (long long)cap, (long long)day,
	    shaping_name(s->shaping, o.provider), o.file, o.line);
}

static bool
bind_closed(struct scheduler *s, const struct path *p,
    struct scheduler_bind *b)
{
	int64_t now = sched_now(s), until;
	const char *quota;
	uint64_t most;

	if (bind_reaction(s, p, b))
		return true;
	if (p->rest_ms > now)
		return bind(b, "rest", p->relay != NULL ? "it was refused "
		    "there, %u times in a row" : "this source was refused "
		    "there, %u times in a row, and others are not", p->rests);
	if (p->relay != NULL && (quota = relay_closed_by(s, p->relay,
	    &most)) != NULL)
		return bind(b, "quota", "smarthost %s has had its %s=%llu",
		    p->relay->c.name, quota, (unsigned long long)most);
	if (s->shaping != NULL && shaping_quiet(s->shaping,
	    p->site->provider, now / 1000, &until))
		return bind_shaping(s, p->site, "quiet", SHAPING_QUIET, b);
	return bind_warmup(s, p, b);
}

/* ---- one that is open */

/* What it stands in line for, when that is said of the best host. */
static bool
bind_best(const struct scheduler *s, const struct path *p,
    struct scheduler_bind *b)
{
	enum path_what what = PATH_CONNECTIONS;
	struct path_value v;

	if (p->waits_kind == LIMIT_MESSAGE)
		what = PATH_MESSAGES_PER_MINUTE;
	else if (limit_connect_wait(p->waits_for, s->mono_ms * 1000) > 0)
		what = PATH_CONNECTS_PER_MINUTE;
	return path_best_value(s, p, what, &v) != 0 &&
	    bind(b, path_what_name(what), "%s", v.why);
}

/* What it stands in line for. */
static bool
bind_line(const struct scheduler *s, const struct path *p,
    struct scheduler_bind *b)
{
	const struct limit *l = p->waits_for;
	bool shared = l != NULL && l == p->limit[PATH_PROVIDER];

	if (l == NULL)
		return false;
	if (l == p->limit[PATH_RESTART])
		return bind(b, "restart", "%u connections after a silence, and "
		    "more as they come up", l->v.connections);
	if (l == p->limit[PATH_BEST])
		return bind_best(s, p, b);
	if (p->waits_kind == LIMIT_MESSAGE)
		return bind_value(s, p, shared ?
		    PATH_SHARED_MESSAGES_PER_MINUTE :
		    PATH_MESSAGES_PER_MINUTE, b);
	/* It has its connections, or gets the next one in time. */
	if (limit_connect_wait(l, s->mono_ms * 1000) > 0)
		return bind_value(s, p, shared ?
		    PATH_SHARED_CONNECTS_PER_MINUTE :
		    PATH_CONNECTS_PER_MINUTE, b);
	return bind_value(s, p, shared ? PATH_SHARED_CONNECTIONS :
	    PATH_CONNECTIONS, b);
}

static bool
bind_window(const struct scheduler *s, const struct path *p,
    struct scheduler_bind *b)
{
	const struct feedback *f = &p->feedback;
	const struct limit *l = p->limit[PATH_HOSTS];

	if (p->nsessions < f->window)
		return false;
	if (l != NULL && l->v.connections != 0 &&
	    f->window >= l->v.connections)
		return bind_value(s, p, PATH_CONNECTIONS, b);
	if (f->step > 0)
		return bind(b, "window", "%u connections to begin with, and "
		    "%u more for each that comes up", f->window, f->step);
	if (s->mono_ms < f->calm_ms)
		return bind(b, "window", "it refused more than %u connections "
		    "less than a minute ago", f->window);
	return bind(b, "window", "it bore %u connections, and is asked for "
	    "more slowly", f->window);
}

static bool
bind_total(const struct scheduler *s, const struct path *p,
    struct scheduler_bind *b)
{
	int64_t at;

	return dues_get(s->starving, (uintptr_t)p->site, &at) &&
	    bind(b, "connections_total", "all %u of the configuration are "
	    "taken", s->limits.connections_total);
}

static void
path_bind(struct scheduler *s, const struct path *p, struct scheduler_bind *b)
{
	if (bind_closed(s, p, b))
		return;
	if (p->site->probing && p->site->nsessions > 0)
		bind(b, "probe", "one connection sees whether it is back");
	else if (!bind_line(s, p, b) && !bind_window(s, p, b) &&
	    !bind_total(s, p, b))
		bind(b, "nothing", "it goes as fast as it is answered");
}

bool
scheduler_path_next(struct scheduler *s, const uint8_t key[static 16],
    size_t *at, struct scheduler_path *r)
{
	struct site *site = site_by_key(s, key);
	const struct path *p;
	struct path_value v;

	memset(r, 0, sizeof(*r));
	if (site == NULL || *at >= site->npaths)
		return false;
	sched_turn_begin(s);
	paths_refresh(s, site);
	p = &site->paths[(*at)++];
	r->source = source_name(s, p->source);
	r->window = p->feedback.window;
	r->sessions = p->nsessions;
	r->up = p->up;
	r->out = p->out;
	r->closed_ms = path_closed_ms(s, p);
	r->waits_for = p->waits_for == NULL ? "" :
	    p->waits_kind == LIMIT_CONNECT ? "connection" : "message";
	source_share(s, p, &r->sent_today, &r->may_today);
	if (p->relay != NULL) {
		r->relay = p->relay->c.name;
		for (enum relay_period i = 0; i < RELAY_PERIODS; i++)
			relay_quota(s, p->relay, i, &r->relay_sent[i],
			    &r->relay_may[i]);
	}
	for (enum path_what what = 0; what < PATH_WHATS; what++) {
		r->value[what].name = path_what_name(what);
		r->value[what].value = path_value(s, p, what, &v);
		strcpy(r->value[what].why, v.why);
	}
	path_bind(s, p, &r->bind);
	sched_turn_end(s);
	return true;
}

/* ---- a site */

/* Of several paths the one that is first to go on tells what binds. */
static const struct path *
path_in_front(struct scheduler *s, const struct site *site)
{
	const struct path *best = NULL;
	int64_t at, first = 0;

	for (uint16_t i = 0; i < site->npaths; i++) {
		const struct path *p = &site->paths[i];

		at = source_opens_ms(s, p);
		if (best == NULL || at < first) {
			best = p;
			first = at;
		}
	}
	return best;
}

/* A rest that an action makes longer is told by that action. */
static bool
bind_paused(struct scheduler *s, const struct site *site,
    struct scheduler_bind *b)
{
	const struct path *p = path_in_front(s, site);

	if (!site->paused)
		return false;
	if (!site->by_hand && path_closed_ms(s, p) > site->until_ms)
		return bind_closed(s, p, b);
	return bind(b, site->by_hand ? "suspended" : "rest", "%.500s",
	    site->reason != NULL ? site->reason : "");
}

static bool
bind_send(const struct scheduler *s, const struct site *site,
    struct scheduler_bind *b)
{
	return s->shaping != NULL && shaping_get(s->shaping, site->provider,
	    SHAPING_SEND) == 0 && bind_shaping(s, site, "send", SHAPING_SEND,
	    b);
}

/* ---- the queue role as a whole */

static bool
bind_role(const struct scheduler *s, bool fresh, struct scheduler_bind *b)
{
	bool ready = false;

	for (unsigned i = 0; i < SCHEDULER_PEERS_MAX; i++)
		ready |= s->peer[i].ready;
	if (s->draining)
		return bind(b, "role", "the daemon stops");
	if (s->held)
		return bind(b, "restore", "who left since the backup is not "
		    "known yet: listctl restore --replay or --waive");
	if (!ready || !s->started)
		return bind(b, "role", "the deliver roles are not ready");
	if (s->stuck || batch_behind(s->batcher))
		return bind(b, "store", "outcomes wait to be written");
	return s->no_room && fresh && bind(b, "store", "only what was begun "
	    "goes on: raise map_size_queue, or wait for retries to end");
}

/* ---- a domain */

struct explain {
	struct scheduler *s;
	uint32_t	domain;		/* 0: nobody has an address there */
	char		name[256];
	void	(*done)(void *, const struct scheduler_domain *,
	    const struct err *);
	void		*arg;
};

/* Who has something for it. */
struct wanted {
	bool		 fresh;		/* it was not tried, and may be */
	bool		 rows, due;	/* deferrals that may go, and now */
	bool		 tried;		/* some of these rows were */
	bool		 similar;	/* some wait for that */
	uint16_t	 code, enhanced[3];	/* the answer to one of them */
	bool		 notices;
	const struct run *waits, *lost;
};

static bool
idlist_has(const struct idlist *l, uint32_t id)
{
	for (size_t i = l->at; i < l->n; i++)
		if (l->v[i] == id)
			return true;
	return false;
}

static struct site *
site_of_run(const struct run *run, uint32_t domain)
{
	const struct dest *d;
	const struct lane *l;

	for (d = dest_find(run, domain); d != NULL; d = dest_next(d))
		if (d->lane != NULL)
			return d->lane->site;
	TAILQ_FOREACH(l, &run->lanes, of_run)
		if (idlist_has(&l->pending, domain))
			return l->site;
	return NULL;
}

/* Where its mail waits, as far as that is in memory. */
static struct site *
site_of_domain(const struct scheduler *s, uint32_t domain)
{
	struct hash_link *l, *next = NULL;
	const struct run *run;
	struct site *site;
	size_t at = 0;

	TAILQ_FOREACH(run, &s->runs, link)
		if ((site = site_of_run(run, domain)) != NULL)
			return site;
	while ((l = hash_each(&s->who, &at, &next)) != NULL) {
		struct delivery *d = HASH_OF(l, struct delivery, by_who);

		if (d->domain == domain && d->state != DELIVERY_ENDED &&
		    d->site != NULL)
			return d->site;
	}
	at = 0;
	while ((l = hash_each(&s->sites, &at, &next)) != NULL) {
		site = HASH_OF(l, struct site, by_key);
		if (idlist_has(&site->retry_domains, domain))
			return site;
	}
	return NULL;
}

/* Members there that the campaign is not done with? */
static bool
run_wants(struct scheduler *s, const struct run *run, uint32_t domain)
{
	struct subscriber_domain row;
	struct err e = ERR_INIT;
	size_t n;

	if (dest_find(run, domain) != NULL)
		return true;
	return sched_q(s) != NULL && sched_s(s) != NULL &&
	    progress_finished(s->q_txn, run->c.id, domain, &e) == 0 &&
	    subscriber_domains(s->s_txn, run->c.list, domain, &row, 1, &n,
	    &e) == 0 && n == 1 && row.domain == domain && row.all > 0;
}

static void
row_wants(const struct scheduler *s, const struct deferral *row,
    struct wanted *w)
{
	w->rows = true;
	w->due |= row->due_ms <= sched_now(s);
	w->similar |= row->code == DEFERRAL_SIMILAR;
	if (row->code == DEFERRAL_SIMILAR || row->code == DEFERRAL_FREQUENCY)
		return;
	if (row->attempts == 0)
		return;
	w->tried = true;
	if (w->code != 0 || row->code == 0)
		return;
	w->code = row->code;
	memcpy(w->enhanced, row->enhanced, sizeof(w->enhanced));
}

static void
rows_want(struct scheduler *s, uint32_t domain, struct wanted *w)
{
	static struct deferral rows[ROWS_MAX];
	struct err e = ERR_INIT;
	size_t n;

	if (sched_q(s) == NULL || deferral_due(s->q_txn, domain, NULL,
	    INT64_MAX, rows, ROWS_MAX, &n, &e) == -1)
		return;
	for (size_t i = 0; i < n; i++) {
		const struct run *run = run_find(s, rows[i].campaign);

		if (run == NULL)
			continue;
		if (run_waits(run))
			w->waits = run;
		else if (is_held_lost(run, &rows[i]))
			w->lost = run;
		else
			row_wants(s, &rows[i], w);
	}
}

static void
look_who_wants(struct scheduler *s, uint32_t domain, struct wanted *w,
    struct scheduler_domain *r)
{
	struct hash_link *l, *next = NULL;
	const struct run *run;
	size_t at = 0;
	int64_t ms;

	TAILQ_FOREACH(run, &s->runs, link) {
		r->windows += dest_find(run, domain) != NULL;
		if (dues_get(s->waits, (uint64_t)run->c.id << 32 | domain,
		    &ms) && (r->lookup_ms == 0 || ms < r->lookup_ms))
			r->lookup_ms = ms;
		if (!run_wants(s, run, domain))
			continue;
		if (run_waits(run))
			w->waits = run;
		else
			w->fresh = true;
	}
	while ((l = hash_each(&s->who, &at, &next)) != NULL) {
		const struct delivery *d = HASH_OF(l, struct delivery,
		    by_who);

		if (d->domain != domain || d->state == DELIVERY_ENDED)
			continue;
		w->notices |= d->kind == IPC_KIND_NOTICE;
		if (d->state == DELIVERY_OUT)
			r->out++;
		else
			r->waiting++;
	}
	rows_want(s, domain, w);
}

static void
bind_run(const struct run *run, struct scheduler_bind *b)
{
	const char *how = "its list or organization is held";

	if (run->dead)
		how = "it is cancelled";
	else if (run->expiring)
		how = "its time is over";
	else if (run->c.state == CAMPAIGN_PAUSED)
		how = "it is paused";
	else if (run->why[0] != '\0')
		how = run->why;
	bind(b, "campaign", "%u: %.480s", run->c.id, how);
}

/* All of it waits for a time that is to come. */
static void
bind_later(const struct scheduler *s, const struct wanted *w,
    struct scheduler_bind *b)
{
	if (!w->tried && w->similar)
		bind(b, "similar", "%d mails that say the same to one mailbox "
		    "in 24 hours", (int)slots_limit(s));
	else if (!w->tried)
		bind(b, "recipient_per_day", "%u of the configuration, in 24 "
		    "hours", s->limits.recipient_per_day);
	else if (w->code == 0)
		bind(b, "retry", "it was tried, and not answered");
	else if (w->enhanced[0] == 0)
		bind(b, "retry", "it was tried, and answered %u", w->code);
	else
		bind(b, "retry", "it was tried, and answered %u %u.%u.%u",
		    w->code, w->enhanced[0], w->enhanced[1], w->enhanced[2]);
}

/* Nothing may go out whatever the site takes; then it does not matter. */
static void
bind_unwanted(struct explain *x, struct site *site, const struct wanted *w,
    struct scheduler_bind *b)
{
	if (w->waits != NULL)
		bind_run(w->waits, b);
	else if (w->lost != NULL)
		bind(b, "after_data", "campaign %u: sent and not answered, "
		    "until campaign resume --after-data says what that means",
		    w->lost->c.id);
	else if (site == NULL || (!bind_send(x->s, site, b) &&
	    !bind_paused(x->s, site, b)))
		bind(b, "nothing", x->domain == 0 ?
		    "nobody has an address there" : "no mail for it waits");
}

static void
domain_bind(struct explain *x, struct site *site, const char *why,
    const struct wanted *w, struct scheduler_domain *r)
{
	struct scheduler *s = x->s;
	struct scheduler_bind *b = &r->bind;

	if (!w->fresh && !w->rows && !w->notices)
		bind_unwanted(x, site, w, b);
	else if (bind_role(s, w->fresh && !w->rows && !w->notices, b))
		return;
	else if (site == NULL)
		bind(b, "dns", "%.500s", why);
	else if (r->lookup_ms > sched_now(s))
		bind(b, "dns", "it did not answer and is asked again");
	else if (bind_send(s, site, b) || bind_paused(s, site, b))
		return;
	else if (!w->fresh && !w->notices && !w->due)
		bind_later(s, w, b);
	else
		path_bind(s, path_in_front(s, site), b);
}

static void
tell(struct explain *x, struct site *site, const char *why)
{
	struct scheduler_domain r = { .known = x->domain != 0 };
	struct scheduler *s = x->s;
	struct wanted w = { 0 };

	sched_turn_begin(s);
	if (x->domain != 0) {
		dues_get(s->retries, x->domain, &r.retry_ms);
		look_who_wants(s, x->domain, &w, &r);
	}
	if (site != NULL) {
		paths_refresh(s, site);
		r.has_site = true;
		site_describe(s, site, &r.site);
	}
	domain_bind(x, site, why, &w, &r);
	sched_turn_end(s);
	x->done(x->arg, &r, NULL);
	free(x);
}

static void
found(void *arg, struct site *site, enum ipc_dns status, const char *why)
{
	(void)status;
	tell(arg, site, why);
}

/* Its number; 0 when nobody has an address there.  -1 with e. */
static int
number_of(struct scheduler *s, const char *domain, uint32_t *id_r,
    struct err *e)
{
	struct txn *t;
	int rc;

	if (txn_read(s->p.store, STORE_S, &t, e) == -1)
		return -1;
	if ((rc = domain_find(t, domain, id_r, e)) != 1)
		*id_r = 0;
	txn_end(t);
	return rc == -1 ? -1 : 0;
}

void
scheduler_explain(struct scheduler *s, const char *domain,
    void (*done)(void *arg, const struct scheduler_domain *r,
    const struct err *e), void *arg)
{
	struct err e = ERR_INIT;
	struct site *site = NULL;
	struct explain *x;
	uint32_t id = 0;

	if (number_of(s, domain, &id, &e) == -1) {
		done(arg, NULL, &e);
		return;
	}
	x = xcalloc(1, sizeof(*x));
	x->s = s;
	x->domain = id;
	x->done = done;
	x->arg = arg;
	if (id != 0)
		site = site_of_domain(s, id);
	if (site != NULL)
		tell(x, site, NULL);
	else
		lookup_site(s, domain, found, x);
}
