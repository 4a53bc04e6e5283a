/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control_misc.c - figures, sites and the record of acts: stats, queue summary,
 * sites, suspend, resume and explain, audit list and verify.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "lib/address.h"
#include "lib/err.h"
#include "lib/reactions.h"
#include "listd/clock_watch.h"
#include "listd/control_json.h"
#include "listd/control_verbs.h"
#include "listd/queue_api.h"
#include "listd/role.h"
#include "listd/scheduler.h"
#include "spool/act.h"
#include "spool/writer.h"

#define VERIFY_ROWS	512	/* acts checked in one slice */
#define SITES_SLICE	64
#define ACTIONS_MAX	64	/* told at once */

static void
set(json_t *o, const char *name, uint64_t v)
{
	json_object_set_new(o, name, json_integer((json_int_t)v));
}

/* As people write it: a dot at its end says that it is whole. */
static int
domain_of(const char *text, unsigned flags, char out[static 256],
    struct err *e)
{
	size_t len = strlen(text);

	if (len > 1 && text[len - 1] == '.')
		len--;
	return address_domain(text, len, flags, out, e);
}

/* ---- what holds for a while because of refusals */

static json_t *
action_json(const struct reaction_action *a)
{
	char id[17];
	json_t *o;

	snprintf(id, sizeof(id), "%016llx", (unsigned long long)a->id);
	o = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "action", id,
	    "reaction", a->name, "does", reaction_kind_name(a->kind),
	    "source", a->source, "host", a->host, "reply", a->reply);
	if (o == NULL)		/* a host said what is no UTF-8 */
		o = json_pack("{s:s, s:s, s:s}", "action", id, "reaction",
		    a->name, "does", reaction_kind_name(a->kind));
	set(o, "value", a->value);
	set(o, "campaign", a->campaign);
	json_object_set_new(o, "since", json_time(a->since_ms));
	json_object_set_new(o, "until", json_time(a->until_ms ==
	    REACTION_EVER ? 0 : a->until_ms));
	return o;
}

/* Those that hold, at most ACTIONS_MAX; of a site alone if it is given. */
static json_t *
actions_json(struct call *c, const struct scheduler_site *site)
{
	const struct reaction_action *a;
	json_t *list = json_array();
	size_t at = 0;

	while (json_array_size(list) < ACTIONS_MAX &&
	    scheduler_action_next(call_scheduler(c), &at, &a))
		if (site == NULL || memcmp(a->site, site->hosts_key,
		    sizeof(a->site)) == 0 || (a->provider != 0 &&
		    a->provider == site->provider_key))
			json_array_append_new(list, action_json(a));
	return list;
}

/* ---- queue summary */

static json_t *
summary_json(struct call *c)
{
	struct scheduler_summary v;
	json_t *o = json_object();

	scheduler_summary(call_scheduler(c), &v);
	set(o, "open", v.open);
	set(o, "waiting", v.waiting);
	set(o, "deferred", v.deferred);
	set(o, "campaigns", v.campaigns);
	set(o, "sites", v.sites);
	set(o, "sites_paused", v.sites_paused);
	set(o, "sessions", v.sessions);
	set(o, "sessions_up", v.sessions_up);
	set(o, "deliver_roles", v.peers_ready);
	set(o, "domains_waiting", v.domains_waiting);
	set(o, "domains_deferred", v.domains_deferred);
	set(o, "lookups", v.lookups);
	set(o, "handed_out", v.handed_out);
	set(o, "outcomes", v.outcomes);
	set(o, "begun", v.begun);
	set(o, "duplicates", v.duplicates);
	set(o, "mailboxes_looked_at", v.looks);
	set(o, "no_consent", v.no_consent);
	json_object_set_new(o, "holding", json_boolean(v.holding));
	json_object_set_new(o, "departures_due",
	    json_boolean(queue_is_held(call_queue(c))));
	json_object_set_new(o, "actions", actions_json(c, NULL));
	return o;
}

static void
summary_run(struct call *c)
{
	call_output(c, summary_json(c));
	call_done(c);
}

/* ---- queue sites */

struct sites {
	size_t	at;
};

static json_t *
site_json(struct call *c, const struct scheduler_site *v)
{
	json_t *o = json_pack("{s:s, s:o, s:s, s:b}", "host", v->host, "site",
	    json_hex(v->key, sizeof(v->key)), "reason",
	    v->reason != NULL ? v->reason : "", "by_hand", (int)v->by_hand);

	json_object_set_new(o, "provider", json_string(v->provider != NULL ?
	    v->provider : ""));
	json_object_set_new(o, "actions", actions_json(c, v));
	set(o, "hosts", v->hosts);
	set(o, "window", v->window);
	set(o, "sessions", v->sessions);
	set(o, "up", v->up);
	set(o, "open", v->out);
	set(o, "domains", v->domains);
	set(o, "waiting", v->waiting);
	set(o, "retries", v->retries);
	set(o, "notices", v->notices);
	set(o, "troubles", v->troubles);
	json_object_set_new(o, "until", json_time(v->until_ms));
	return o;
}

static int
sites_step(struct call *c)
{
	struct sites *s = call_state(c);
	struct scheduler_site v;

	for (int i = 0; i < SITES_SLICE && !call_busy(c); i++) {
		if (!scheduler_site_next(call_scheduler(c), &s->at, &v))
			return 0;
		call_output(c, site_json(c, &v));
	}
	return 1;
}

static void
sites_run(struct call *c)
{
	call_stream(c, sites_step);
}

/* ---- queue suspend, resume */

struct site {
	struct call	*call;
	const char	*name, *who, *verb;
	const char	*steered;	/* name, or key of a domain's site */
	char		 key[33], host[256];
	bool		 suspend;
	int64_t		 now_ms;
};

static int
site_note(struct txn *t, void *arg, struct err *e)
{
	struct site *s = arg;
	char object[ACT_OBJECT_MAX];

	snprintf(object, sizeof(object), "site %s", s->name);
	return act_note(t, s->who, s->now_ms, s->verb, object, NULL, NULL, e);
}

static bool
action_id(const char *name, uint64_t *id_r)
{
	static const char digits[] = "0123456789abcdef";
	size_t len = strlen(name);

	*id_r = 0;
	for (size_t i = 0; i < len; i++) {
		const char *d = strchr(digits, name[i]);

		if (d == NULL)
			return false;
		*id_r = *id_r << 4 | (uint64_t)(d - digits);
	}
	return len == 16;
}

/* By key or host; false: there is none in memory. */
static bool
site_steer(struct call *c, struct site *s, const char *name)
{
	char reason[ACT_WHO_MAX + 16];

	s->steered = name;
	snprintf(reason, sizeof(reason), "by %s", s->who);
	return s->suspend ?
	    scheduler_site_suspend(call_scheduler(c), name, reason) :
	    scheduler_site_resume(call_scheduler(c), name);
}

static void
site_durable(void *arg, bool ok)
{
	const struct site *s = arg;
	struct call *c = s->call;
	json_t *o;

	if (!call_resume(c))
		return;
	if (!ok) {
		call_fail(c, STATUS_AGAIN, "it holds from now on, but not over "
		    "a restart: the store has no room for it yet");
		return;
	}
	o = json_pack("{s:s, s:b}", "site", s->name, "suspended",
	    (int)s->suspend);
	if (s->host[0] != '\0')
		json_object_set_new(o, "host", json_string(s->host));
	call_output(c, o);
	call_done(c);
}

static void
site_recalled(void *arg, const struct scheduler_recalled *r)
{
	struct site *s = arg;

	(void)r;	/* what had begun is the one exception, and counted */
	if (!call_resume(s->call))
		return;
	call_hold(s->call);
	scheduler_when_durable(call_scheduler(s->call), site_durable, s);
}

/* host: which one was meant; "" when that was said. */
static void
site_steered(struct call *c, struct site *s, const char *host)
{
	snprintf(s->host, sizeof(s->host), "%s", host);
	call_hold(c);
	if (s->suspend)
		scheduler_recall_site(call_scheduler(c), s->steered,
		    site_recalled, s);
	else
		scheduler_when_durable(call_scheduler(c), site_durable, s);
}

/* The site of a domain was looked up. */
static void
site_found(void *arg, const struct scheduler_site *v, enum ipc_dns status,
    const char *why)
{
	struct site *s = arg;
	struct call *c = s->call;
	json_t *key;

	if (!call_resume(c))
		return;
	if (v == NULL) {
		call_fail(c, status == IPC_DNS_TEMPORARY ? STATUS_AGAIN :
		    STATUS_NO, "no site is known by %s, and as a domain: %s",
		    s->name, why);
		return;
	}
	key = json_hex(v->key, sizeof(v->key));
	snprintf(s->key, sizeof(s->key), "%s", json_string_value(key));
	json_decref(key);
	if (site_steer(c, s, s->key))
		site_steered(c, s, v->host);
	else
		call_fail(c, STATUS_NO, "no site is known by %s", s->name);
}

static void
site_noted(struct call *c, void *arg)
{
	struct site *s = arg;
	struct err e = ERR_INIT;
	char domain[256];
	uint64_t id;

	/* The number of an action ends it alone. */
	if (!s->suspend && action_id(s->name, &id) ?
	    scheduler_action_cancel(call_scheduler(c), id) :
	    site_steer(c, s, s->name)) {
		site_steered(c, s, "");
		return;
	}
	if (domain_of(s->name, 0, domain, &e) == -1) {
		call_fail(c, STATUS_NO, "no site is known by %s", s->name);
		return;
	}
	call_hold(c);
	scheduler_lookup_site(call_scheduler(c), domain, site_found, s);
}

static void
site_change(struct call *c, const char *verb, bool suspend)
{
	struct site *s = call_state(c);

	s->call = c;
	s->name = call_arg(c, "SITE");
	s->who = call_who(c);
	s->verb = verb;
	s->suspend = suspend;
	s->now_ms = call_now(c);
	call_write(c, STORE_S, CALL_URGENT, site_note, NULL, site_noted);
}

static void
site_suspend_run(struct call *c)
{
	site_change(c, "queue suspend", true);
}

static void
site_resume_run(struct call *c)
{
	site_change(c, "queue resume", false);
}

/* ---- queue explain */

static void
bind_json(json_t *o, const struct scheduler_bind *b)
{
	json_t *why = json_string(b->why);

	/* NULL: a host said what is no UTF-8. */
	json_object_set_new(o, "binds", json_string(b->what));
	json_object_set_new(o, "why", why != NULL ? why : json_string(""));
}

static void
relay_json(json_t *o, const struct scheduler_path *v)
{
	static const char *const names[] = { "this_hour", "today" };
	char name[32];

	if (v->relay == NULL)
		return;
	json_object_set_new(o, "relay", json_string(v->relay));
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (v->relay_may[i] == 0)
			continue;
		snprintf(name, sizeof(name), "relay_sent_%s", names[i]);
		set(o, name, v->relay_sent[i]);
		snprintf(name, sizeof(name), "relay_may_%s", names[i]);
		set(o, name, v->relay_may[i]);
	}
}

/* Each source there: where it stands, each value and who says it. */
static json_t *
paths_json(struct call *c, const uint8_t key[static 16])
{
	struct scheduler_path v;
	json_t *list = json_array(), *o, *values;
	size_t at = 0;

	while (scheduler_path_next(call_scheduler(c), key, &at, &v)) {
		o = json_pack("{s:s, s:s}", "source", v.source, "waits_for",
		    v.waits_for);
		set(o, "window", v.window);
		set(o, "sessions", v.sessions);
		set(o, "up", v.up);
		set(o, "open", v.out);
		json_object_set_new(o, "closed_until",
		    json_time(v.closed_ms));
		if (v.may_today >= 0) {
			set(o, "sent_today", (uint64_t)v.sent_today);
			set(o, "may_today", (uint64_t)v.may_today);
		}
		relay_json(o, &v);
		values = json_object();
		for (int i = 0; i < SCHEDULER_VALUES; i++)
			if (v.value[i].value != 0)
				json_object_set_new(values, v.value[i].name,
				    json_pack("{s:I, s:s%}", "value",
				    (json_int_t)v.value[i].value, "why",
				    v.value[i].why, strlen(v.value[i].why)));
		json_object_set_new(o, "limits", values);
		bind_json(o, &v.bind);
		json_array_append_new(list, o);
	}
	return list;
}

struct explain {
	struct call	*call;
	char		 domain[256];
};

static void
explained(void *arg, const struct scheduler_domain *v, const struct err *e)
{
	const struct explain *s = arg;
	struct call *c = s->call;
	json_t *o;

	if (!call_resume(c))
		return;
	if (v == NULL) {
		call_error(c, e);
		return;
	}
	o = json_pack("{s:s, s:b}", "domain", s->domain, "known",
	    (int)v->known);
	bind_json(o, &v->bind);
	set(o, "campaigns", v->windows);
	set(o, "waiting", v->waiting);
	set(o, "open", v->out);
	json_object_set_new(o, "next_lookup", json_time(v->lookup_ms));
	json_object_set_new(o, "next_retry", json_time(v->retry_ms));
	if (v->has_site) {
		json_object_set_new(o, "site", site_json(c, &v->site));
		json_object_set_new(o, "paths", paths_json(c, v->site.key));
	}
	call_output(c, o);
	call_done(c);
}

static void
explain_run(struct call *c)
{
	struct explain *s = call_state(c);
	struct err e = ERR_INIT;

	s->call = c;
	if (domain_of(call_arg(c, "DOMAIN"), ADDRESS_ONE_LABEL, s->domain,
	    &e) == -1) {
		call_error(c, &e);
		return;
	}
	call_hold(c);
	scheduler_explain(call_scheduler(c), s->domain, explained, s);
}

/* ---- stats */

static json_t *
env_json(struct call *c, enum store_env env)
{
	uint64_t used, size;
	json_t *o = json_object();

	store_usage(call_store(c), env, &used, &size);
	set(o, "used", used);
	set(o, "size", size);
	set(o, "commits", queue_commits(call_queue(c), env));
	set(o, "backlog", queue_backlog(call_queue(c), env));
	return o;
}

static int
counts_json(struct txn *t, json_t *o, struct err *e)
{
	static const struct { const char *name; enum store_table table; }
	    rows[] = {
		{ "organizations", TABLE_ORGS }, { "lists", TABLE_LISTS },
		{ "members", TABLE_MEMBERS }, { "domains", TABLE_DOMAINS },
		{ "suppressions", TABLE_SUPPRESSIONS },
		{ "requests", TABLE_REQUESTS }, { "notices", TABLE_NOTICES },
		{ "consent_entries", TABLE_CONSENT }, { "acts", TABLE_ACTS },
		{ "imports", TABLE_IMPORTS },
	};
	uint64_t n;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (txn_count(t, rows[i].table, &n, e) == -1)
			return -1;
		set(o, rows[i].name, n);
	}
	return 0;
}

static json_t *
clock_json(struct call *c)
{
	const struct clock_watch *w = queue_clock(call_queue(c));

	return json_pack("{s:b, s:I}", "synchronised", (int)!w->unsure,
	    "error_ms", (json_int_t)(w->error_us / 1000));
}

static void
stats_run(struct call *c)
{
	struct txn *t = call_read(c, STORE_S);
	struct err e = ERR_INIT;
	json_t *o;
	int rc;

	if (t == NULL)
		return;
	o = json_pack("{s:s, s:o}", "version", PACKAGE_VERSION, "time",
	    json_time(call_now(c)));
	rc = counts_json(t, o, &e);
	txn_end(t);
	json_object_set_new(o, "store", env_json(c, STORE_S));
	json_object_set_new(o, "queue_store", env_json(c, STORE_Q));
	json_object_set_new(o, "compaction", control_copy_json(c));
	json_object_set_new(o, "queue", summary_json(c));
	json_object_set_new(o, "clock", clock_json(c));
	if (rc == -1) {
		json_decref(o);
		call_error(c, &e);
		return;
	}
	call_output(c, o);
	call_done(c);
}

/* ---- audit list, verify */

struct audit {
	uint64_t	next;
	struct act_walk	walk;
	uint64_t	rows;
};

static int
audit_step(struct call *c)
{
	struct audit *s = call_state(c);
	struct txn *t = call_read(c, STORE_S);
	struct err e = ERR_INIT;
	struct act a;
	int rc = 1;

	if (t == NULL)
		return 0;
	for (int i = 0; i < CALL_SLICE_ROWS && !call_busy(c); i++) {
		if ((rc = act_next(t, s->next, &a, &e)) != 1)
			break;
		s->next = a.index + 1;
		call_output(c, json_pack("{s:I, s:o, s:s, s:s, s:s, s:s, s:s}",
		    "index", (json_int_t)a.index, "time", json_time(a.when_ms),
		    "who", a.who, "verb", a.verb, "object", a.object, "old",
		    a.old, "new", a.new));
	}
	txn_end(t);
	if (rc == -1)
		call_error(c, &e);
	return rc == 1;
}

static void
audit_list_run(struct call *c)
{
	call_stream(c, audit_step);
}

static int
verify_step(struct call *c)
{
	struct audit *s = call_state(c);
	struct txn *t = call_read(c, STORE_S);
	struct err e = ERR_INIT;
	int rc;

	if (t == NULL)
		return 0;
	rc = act_verify(t, &s->walk, VERIFY_ROWS, &e);
	txn_end(t);
	if (rc == 1)
		return 1;
	call_output(c, json_pack("{s:b, s:I}", "sound", rc == 0,
	    rc == 0 ? "next" : "first_bad", (json_int_t)s->walk.index));
	if (rc == -1)
		call_fail(c, e.code == ERR_DAMAGED ? STATUS_NO :
		    STATUS_CONFIG, "%s", e.text);
	return 0;
}

static void
audit_verify_run(struct call *c)
{
	call_stream(c, verify_step);
}

const struct control_verb control_misc_verbs[] = {
	{ "stats", stats_run, 0, NULL },
	{ "queue summary", summary_run, 0, NULL },
	{ "queue sites", sites_run, sizeof(struct sites), NULL },
	{ "queue suspend", site_suspend_run, sizeof(struct site), NULL },
	{ "queue resume", site_resume_run, sizeof(struct site), NULL },
	{ "queue explain", explain_run, sizeof(struct explain), NULL },
	{ "audit list", audit_list_run, sizeof(struct audit), NULL },
	{ "audit verify", audit_verify_run, sizeof(struct audit), NULL },
	{ NULL, NULL, 0, NULL },
};
