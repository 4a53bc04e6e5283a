/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue_figures.c - the queue role's figures as Prometheus reads them.
 *
 * Counters are in figures.c; here is what is looked at when somebody asks.
 */
#include "config.h"

#include "lib/clock.h"
#include "lib/err.h"
#include "lib/exposition.h"
#include "listd/clock_watch.h"
#include "listd/figures.h"
#include "listd/queue_api.h"
#include "listd/queue_figures.h"
#include "listd/role.h"
#include "listd/scheduler.h"
#include "spool/store.h"

static const struct {
	const char	*name;
	enum store_env	 env;
} stores[] = { { "subscribers", STORE_S }, { "queue", STORE_Q } };
#define STORES	(sizeof(stores) / sizeof(stores[0]))

static void
gauge(struct strbuf *out, const char *name, const char *help, uint64_t v)
{
	exposition_one(out, name, "gauge", help, v);
}

static void
format_waiting(const struct scheduler_summary *v, struct strbuf *out)
{
	gauge(out, "listd_deliveries_open", "Deliveries that are with a "
	    "deliver role, or whose outcome is not durable yet.", v->open);
	gauge(out, "listd_deliveries_waiting",
	    "Deliveries in memory, to be handed out.", v->waiting);
	gauge(out, "listd_recipients_deferred",
	    "Recipients that wait for another attempt.", v->deferred);
	gauge(out, "listd_campaigns_running", "Campaigns that are released "
	    "and not ended, paused ones too.", v->campaigns);
	gauge(out, "listd_domains_waiting", "Domains of running campaigns "
	    "that are not begun, summed over campaigns.", v->domains_waiting);
	gauge(out, "listd_domains_deferred",
	    "Domains with somebody who waits for another attempt.",
	    v->domains_deferred);
	gauge(out, "listd_lookups", "Questions to the DNS under way.",
	    v->lookups);
	gauge(out, "listd_holding", "1: nothing is handed out, because the "
	    "store is full or behind.", v->holding);
}

static void
format_sites(const struct scheduler_summary *v, struct strbuf *out)
{
	static const char sessions[] = "listd_sessions";

	gauge(out, "listd_sites", "Sites in memory: hosts that take the mail "
	    "of one or many domains.", v->sites);
	gauge(out, "listd_sites_paused", "Sites that rest, after trouble or "
	    "by somebody's hand.", v->sites_paused);
	exposition_head(out, sessions, "gauge", "Connections granted to "
	    "deliver roles; up: greeted and in use.");
	exposition_sample(out, sessions, v->sessions_up, "state", "up", NULL);
	exposition_sample(out, sessions, v->sessions > v->sessions_up ?
	    v->sessions - v->sessions_up : 0, "state", "opening", NULL);
	gauge(out, "listd_deliver_roles_ready",
	    "Deliver roles that take work.", v->peers_ready);
	exposition_one(out, "listd_recalls_late_total", "counter",
	    "Recalls that came after MAIL was written.", v->begun);
	exposition_one(out, "listd_no_consent_total", "counter",
	    "Copies refused because no consent entry bears the membership "
	    "out: an alarm.", v->no_consent);
	exposition_one(out, "listd_outcomes_repeated_total", "counter",
	    "Outcomes that were reported twice and dropped.", v->duplicates);
}

/* Since the first attempt at whoever waits longest. */
static void
format_oldest(struct queue *q, const struct scheduler_summary *v,
    struct strbuf *out)
{
	int64_t now = clock_utc_ms(queue_env(q)->clock);

	exposition_head(out, "listd_oldest_deferral_seconds", "gauge",
	    "Time since the first attempt at the recipient who waits longest "
	    "for another; looked for every ten minutes.");
	exposition_seconds(out, "listd_oldest_deferral_seconds",
	    v->oldest_ms == 0 ? 0 : now - v->oldest_ms, NULL);
}

static void
format_stores(struct queue *q, struct strbuf *out)
{
	uint64_t used[STORES], size[STORES];

	for (size_t i = 0; i < STORES; i++)
		store_usage(queue_store(q), stores[i].env, &used[i], &size[i]);
	exposition_head(out, "listd_store_used_bytes", "gauge",
	    "Of the store's address space, in use.");
	for (size_t i = 0; i < STORES; i++)
		exposition_sample(out, "listd_store_used_bytes", used[i],
		    "store", stores[i].name, NULL);
	exposition_head(out, "listd_store_size_bytes", "gauge",
	    "The store's address space: the most it can grow to.");
	for (size_t i = 0; i < STORES; i++)
		exposition_sample(out, "listd_store_size_bytes", size[i],
		    "store", stores[i].name, NULL);
	exposition_head(out, "listd_store_reader_lag_commits", "gauge",
	    "Commits since the one that the oldest reader looks at.");
	for (size_t i = 0; i < STORES; i++)
		exposition_sample(out, "listd_store_reader_lag_commits",
		    store_reader_lag(queue_store(q), stores[i].env), "store",
		    stores[i].name, NULL);
	exposition_head(out, "listd_store_commits_total", "counter",
	    "Commits, each synced.");
	for (size_t i = 0; i < STORES; i++)
		exposition_sample(out, "listd_store_commits_total",
		    queue_commits(q, stores[i].env), "store", stores[i].name,
		    NULL);
	exposition_head(out, "listd_store_jobs_waiting", "gauge",
	    "Changes that wait for their commit.");
	for (size_t i = 0; i < STORES; i++)
		exposition_sample(out, "listd_store_jobs_waiting",
		    queue_backlog(q, stores[i].env), "store", stores[i].name,
		    NULL);
}

static void
format_rows(struct queue *q, struct strbuf *out)
{
	static const struct {
		enum store_table table;
		const char	*name, *help;
	} rows[] = {
		{ TABLE_MEMBERS, "listd_memberships",
		    "Memberships, suspended ones too." },
		{ TABLE_SUPPRESSIONS, "listd_suppressions",
		    "Addresses that are not to be mailed." },
		{ TABLE_REQUESTS, "listd_requests_pending",
		    "Requests that wait for a confirmation." },
		{ TABLE_NOTICES, "listd_notices_waiting",
		    "Confirmations and other notices to be mailed." },
	};
	struct txn *t;
	uint64_t n;

	if (txn_read(queue_store(q), STORE_S, &t, NULL) == -1)
		return;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (txn_count(t, rows[i].table, &n, NULL) == 0)
			gauge(out, rows[i].name, rows[i].help, n);
	txn_end(t);
}

static void
format_clock(struct queue *q, struct strbuf *out)
{
	const struct clock_watch *w = queue_clock(q);

	gauge(out, "listd_clock_synchronised", "0: nobody keeps the machine's "
	    "clock right, and consent entries say so.", !w->unsure);
	exposition_head(out, "listd_clock_error_seconds", "gauge",
	    "How wrong the clock may be at most, by the machine's estimate.");
	exposition_seconds(out, "listd_clock_error_seconds",
	    w->error_us / 1000, NULL);
}

void
queue_figures_format(struct queue *q, struct strbuf *out)
{
	struct scheduler_summary v;

	scheduler_summary(queue_scheduler(q), &v);
	figures_format(queue_figures(q), out);
	format_waiting(&v, out);
	format_sites(&v, out);
	format_oldest(q, &v, out);
	format_stores(q, out);
	format_rows(q, out);
	format_clock(q, out);
}
