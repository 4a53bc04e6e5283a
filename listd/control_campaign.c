/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control_campaign.c - campaigns at work and after: campaign list, show,
 * pause, resume, cancel, outcomes.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "lib/address.h"
#include "lib/conf.h"
#include "lib/err.h"
#include "lib/reply_class.h"
#include "lib/strbuf.h"
#include "lib/xmalloc.h"
#include "listd/control_excess.h"
#include "listd/control_json.h"
#include "listd/control_stop.h"
#include "listd/control_verbs.h"
#include "listd/role.h"
#include "listd/scheduler.h"
#include "spool/act.h"
#include "spool/campaign.h"
#include "spool/list.h"
#include "spool/outcome.h"
#include "spool/subscriber.h"
#include "spool/writer.h"

#define WATCH_MS	1000	/* between looks */
#define WATCH_SITES	10	/* told apart each time */
#define BUSY_MS		20	/* for a client to read on */
#define OUTCOMES_READ	256	/* outcomes read in one go */

/* ---- what is told of a campaign */

/* Ends the call unless it is 1; the row's slices die with t. */
static bool
campaign_read(struct call *c, struct txn *t, uint32_t id, struct campaign *m,
    struct tally *v)
{
	struct err e = ERR_INIT;
	int rc = campaign_get(t, id, m, &e);

	if (rc == 1 && tally_get(t, id, v, &e) == -1)
		rc = -1;
	if (rc == -1)
		call_error(c, &e);
	else if (rc == 0)
		call_fail(c, STATUS_NO, "there is no campaign %u", id);
	return rc == 1;
}

static bool
is_over(const struct campaign *m)
{
	return m->state == CAMPAIGN_FINISHED ||
	    m->state == CAMPAIGN_CANCELLED || m->state == CAMPAIGN_REFUSED;
}

static void
set(json_t *o, const char *name, uint64_t v)
{
	json_object_set_new(o, name, json_integer((json_int_t)v));
}

/* Made for a test alone; it never was for members. */
static bool
is_test(const struct campaign *m)
{
	json_t *params = json_loadb((const char *)m->params.p, m->params.len,
	    0, NULL);
	bool test = json_is_true(json_object_get(params, "test"));

	json_decref(params);
	return test;
}

/* When it would end at this rate; 0: never, or nothing to go by. */
static int64_t
estimate_at(const struct campaign *m, const struct tally *v,
    uint64_t per_minute, int64_t now)
{
	uint64_t ended = tally_ended(v);

	if (m->state != CAMPAIGN_RUNNING || per_minute == 0 ||
	    ended >= m->count)
		return 0;
	return now + (int64_t)((double)(m->count - ended) /
	    (double)per_minute * 60000);
}

/* When it would end if it went on as until now; 0: nothing to go by. */
static int64_t
estimate(const struct campaign *m, const struct tally *v, int64_t now)
{
	uint64_t ended = tally_ended(v);
	int64_t spent = now - m->released_ms;

	if (m->state != CAMPAIGN_RUNNING || ended == 0 || spent <= 0 ||
	    ended >= m->count)
		return 0;
	return now + (int64_t)((double)spent *
	    (double)(m->count - ended) / (double)ended);
}

static json_t *
campaign_json(const struct campaign *m, const struct tally *v,
    const char *list, int64_t now)
{
	json_t *o = json_pack("{s:I, s:s, s:s, s:I}", "id", (json_int_t)m->id,
	    "list", list, "state", campaign_state_name(m->state), "count",
	    (json_int_t)m->count);

	set(o, "delivered", v->delivered);
	set(o, "failed", v->failed);
	set(o, "expired", v->expired);
	set(o, "suppressed", v->suppressed);
	set(o, "left", v->left);
	set(o, "deferred", v->deferred);
	set(o, "attempts", v->attempts);
	set(o, "unanswered", v->unanswered);
	json_object_set_new(o, "after_data",
	    json_string(campaign_after_name(m->after)));
	if (m->state == CAMPAIGN_CANCELLED && m->count > tally_ended(v))
		set(o, "unsent", m->count - tally_ended(v));
	json_object_set_new(o, "percent", json_integer(m->count == 0 ?
	    (m->state == CAMPAIGN_FINISHED ? 100 : 0) :
	    (json_int_t)(tally_ended(v) * 100 / m->count)));
	json_object_set_new(o, "created", json_time(m->created_ms));
	json_object_set_new(o, "created_by", json_string(m->created_by));
	json_object_set_new(o, "released", json_time(m->released_ms));
	json_object_set_new(o, "send_at", json_time(m->send_at_ms));
	json_object_set_new(o, "send_by", json_time(m->send_by_ms));
	json_object_set_new(o, "ended", json_time(m->ended_ms));
	json_object_set_new(o, "estimate", json_time(estimate(m, v, now)));
	if (m->failed_of != 0)
		set(o, "failed_of", m->failed_of);
	excess_json(o, m);
	if (is_test(m))
		json_object_set_new(o, "test", json_true());
	return o;
}

/* What only `show` tells: what lies in memory, who changed it, findings. */
static void
add_details(struct call *c, json_t *o, const struct campaign *m)
{
	struct scheduler_progress p;
	json_t *findings;

	json_object_set_new(o, "content", json_hex(m->content,
	    sizeof(m->content)));
	json_object_set_new(o, "changed_by", json_string(m->changed_by));
	json_object_set_new(o, "changed", json_time(m->changed_ms));
	if (scheduler_progress(call_scheduler(c), m->id, &p)) {
		json_object_set_new(o, "held", json_boolean(p.held));
		if (p.held_similar)
			json_object_set_new(o, "held_similar", json_true());
		if (p.why[0] != '\0')
			json_object_set_new(o, "reason", json_string(p.why));
		set(o, "open", p.out);
		set(o, "waiting", p.waiting);
		set(o, "domains_left", p.domains_left);
	}
	findings = json_loadb((const char *)m->findings.p, m->findings.len, 0,
	    NULL);
	if (findings != NULL)
		json_object_set_new(o, "findings", findings);
}

static void
list_name(struct call *c, uint32_t id, char out[static LIST_NAME_MAX + 1])
{
	struct txn *t = call_read(c, STORE_S);
	struct list l;

	out[0] = '\0';
	if (t == NULL)
		return;
	if (list_get(t, id, &l, NULL) == 1)
		memcpy(out, l.name, sizeof(l.name));
	txn_end(t);
}

/* ---- campaign list */

struct listing {
	uint32_t	after;
};

static int
list_step(struct call *c)
{
	struct listing *s = call_state(c);
	struct txn *t = call_read(c, STORE_Q);
	char name[LIST_NAME_MAX + 1];
	struct err e = ERR_INIT;
	struct campaign m;
	struct tally v;
	int rc;

	if (t == NULL)
		return 0;
	if ((rc = campaign_next(t, s->after, &m, &e)) == 1 &&
	    tally_get(t, m.id, &v, &e) == -1)
		rc = -1;
	if (rc == 1) {
		s->after = m.id;
		list_name(c, m.list, name);
		call_output(c, campaign_json(&m, &v, name, call_now(c)));
	} else if (rc == -1)
		call_error(c, &e);
	txn_end(t);
	return rc == 1;
}

static void
list_run(struct call *c)
{
	call_stream(c, list_step);
}

/* ---- campaign show */

struct showing {
	uint32_t	id;
	bool		watch;
};

static json_t *
share_json(const struct scheduler_share *r)
{
	json_t *o = json_pack("{s:s}", "host", r->host[0] != '\0' ? r->host :
	    "others");

	set(o, "left", r->left);
	set(o, "delivered", r->delivered);
	set(o, "deferred", r->deferred);
	set(o, "failed", r->failed);
	set(o, "per_minute", r->per_minute);
	return o;
}

/* What only a watcher is told: rates, and the sites with most to go. */
static void
add_pace(struct call *c, json_t *o, const struct campaign *m,
    const struct tally *v)
{
	struct scheduler_share rows[WATCH_SITES];
	struct scheduler_progress p;
	json_t *sites = json_array();
	size_t n = scheduler_shares(call_scheduler(c), m->id, rows,
	    WATCH_SITES);

	if (scheduler_progress(call_scheduler(c), m->id, &p)) {
		set(o, "per_minute", p.per_minute);
		json_object_set_new(o, "estimate", json_time(estimate_at(m, v,
		    p.per_minute, call_now(c))));
	}
	for (size_t i = 0; i < n; i++)
		json_array_append_new(sites, share_json(&rows[i]));
	json_object_set_new(o, "sites", sites);
	json_object_set_new(o, "time", json_time(call_now(c)));
}

/* The campaign as it stands; false when the call was ended. */
static bool
show(struct call *c, struct showing *s, bool *over_r)
{
	struct txn *t = call_read(c, STORE_Q);
	char name[LIST_NAME_MAX + 1];
	struct campaign m;
	struct tally v;
	bool ok;

	if (t == NULL)
		return false;
	if ((ok = campaign_read(c, t, s->id, &m, &v))) {
		json_t *o;

		list_name(c, m.list, name);
		*over_r = is_over(&m);
		o = campaign_json(&m, &v, name, call_now(c));
		add_details(c, o, &m);
		if (s->watch)
			add_pace(c, o, &m, &v);
		call_output(c, o);
	}
	txn_end(t);
	return ok;
}

static void
watch(struct call *c)
{
	struct showing *s = call_state(c);
	bool over = false;

	if (call_gone(c)) {
		call_done(c);
		return;
	}
	/* Who does not read is told less often, never more at once. */
	if (!call_busy(c) && !show(c, s, &over))
		return;
	if (over)
		call_done(c);
	else
		call_sleep(c, WATCH_MS, watch);
}

static void
show_run(struct call *c)
{
	struct showing *s = call_state(c);
	bool over;

	if ((s->id = call_number(c, "ID")) == 0)
		return;
	s->watch = call_option(c, "watch") != NULL;
	if (s->watch)
		watch(c);
	else if (show(c, s, &over))
		call_done(c);
}

/* ---- campaign pause, resume, cancel */

struct changing {
	uint32_t	 id;
	enum campaign_state from, to;
	enum campaign_after after;
	bool		 decides;	/* after is to be stored */
	const char	*verb, *who;
	int64_t		 now_ms;
};

static void
changed(struct call *c)
{
	const struct changing *s = call_state(c);

	call_output(c, json_pack("{s:I, s:s}", "id", (json_int_t)s->id,
	    "state", campaign_state_name(s->to)));
	call_done(c);
}

static void
applied(struct call *c, void *arg)
{
	const struct changing *s = arg;

	scheduler_campaign_changed(call_scheduler(c), s->id);
	if (s->from == CAMPAIGN_SCHEDULED)
		call_plans_changed(c);
	if (s->to == CAMPAIGN_RUNNING)
		changed(c);
	else
		stop_campaign(c, s->id, changed);
}

static int
change_apply(struct txn *t, void *arg, struct err *e)
{
	struct changing *s = arg;
	struct campaign m;
	int rc = campaign_get(t, s->id, &m, e);

	if (rc != 1)
		return rc == 0 ? 1 : -1;
	if (s->decides)
		m.after = s->after;
	else if (m.state == s->to)
		return 0;
	m.state = s->to;
	m.changed_ms = s->now_ms;
	snprintf(m.changed_by, sizeof(m.changed_by), "%.*s",
	    CAMPAIGN_WHO_MAX - 1, s->who);
	if (s->to == CAMPAIGN_CANCELLED)
		m.ended_ms = s->now_ms;
	return campaign_change(t, &m, e);
}

static void
noted(struct call *c, void *arg)
{
	(void)arg;
	call_write(c, STORE_Q, CALL_URGENT, change_apply, NULL, applied);
}

static int
note_apply(struct txn *t, void *arg, struct err *e)
{
	struct changing *s = arg;
	char object[32], to[64];

	snprintf(object, sizeof(object), "campaign %u", s->id);
	snprintf(to, sizeof(to), "%s%s%s", campaign_state_name(s->to),
	    s->decides ? ", after data " : "",
	    s->decides ? campaign_after_name(s->after) : "");
	return act_note(t, s->who, s->now_ms, s->verb, object,
	    campaign_state_name(s->from), to, e);
}

/*
 * From PAUSED alone may one resume: a release is more than a change of state.
 */
static bool
may_change(const struct campaign *m, enum campaign_state to)
{
	if (m->state == to)
		return true;
	return campaign_legal(m->state, to) &&
	    (to != CAMPAIGN_RUNNING || m->state == CAMPAIGN_PAUSED);
}

static void
change(struct call *c, const char *verb, enum campaign_state to)
{
	struct changing *s = call_state(c);
	struct campaign m;
	struct tally v;
	struct txn *t;
	bool ok;

	if ((s->id = call_number(c, "ID")) == 0 ||
	    (t = call_read(c, STORE_Q)) == NULL)
		return;
	ok = campaign_read(c, t, s->id, &m, &v);
	txn_end(t);
	if (!ok)
		return;
	if (to == CAMPAIGN_RUNNING && excess_holds(&m)) {
		excess_resume(c, &m);
		return;
	}
	s->from = m.state;
	s->to = to;
	s->verb = verb;
	s->who = call_who(c);
	s->now_ms = call_now(c);
	if (m.state == to && !s->decides)
		changed(c);
	else if (!may_change(&m, to))
		call_fail(c, STATUS_NO, "campaign %u is %s: there is nothing "
		    "to %s", m.id, campaign_state_name(m.state),
		    verb + strlen("campaign "));
	else
		call_write(c, STORE_S, CALL_URGENT, note_apply, NULL, noted);
}

static void
pause_run(struct call *c)
{
	change(c, "campaign pause", CAMPAIGN_PAUSED);
}

static void
resume_run(struct call *c)
{
	struct changing *s = call_state(c);

	s->decides = call_option(c, "after-data") != NULL;
	if (!call_after(c, &s->after))
		return;
	change(c, "campaign resume", CAMPAIGN_RUNNING);
}

static void
cancel_run(struct call *c)
{
	change(c, "campaign cancel", CAMPAIGN_CANCELLED);
}

/* ---- campaign outcomes */

struct reading {
	struct outcome_reader *reader;
	struct outcome	*v;		/* OUTCOMES_READ of them */
	size_t		 n, at;
	bool		 end;
	struct err	 damage;	/* of a part of the log */
};

static void
reading_free(void *state)
{
	struct reading *s = state;

	outcome_reader_free(s->reader);
	free(s->v);
}

static void tell(struct call *c);

static int
read_work(void *arg, struct err *e)
{
	struct reading *s = arg;
	uint64_t batch;
	int rc = 1;

	s->n = s->at = 0;
	while (s->n < OUTCOMES_READ && (rc = outcome_reader_next(s->reader,
	    &s->v[s->n], &batch, e)) == 1)
		s->n++;
	s->end = rc == 0;
	if (rc != -1)
		return 0;
	/* What is damaged is named at the end; the rest is read (P12). */
	if (e->code != ERR_DAMAGED)
		return -1;
	s->damage = *e;
	return 0;
}

static json_t *
outcome_json(struct txn *t, const struct outcome *o)
{
	char enhanced[24] = "", domain[256] = "";
	struct member m;
	json_t *v = json_pack("{s:s, s:I, s:i, s:o, s:i, s:s, s:s}", "state",
	    outcome_state_name(o->state), "subscriber",
	    (json_int_t)o->subscriber, "attempt", (int)o->attempt, "time",
	    json_time(o->when_ms), "code", (int)o->code, "host", o->host,
	    "text", o->text);

	if (o->enhanced[0] != 0)
		snprintf(enhanced, sizeof(enhanced), "%u.%u.%u",
		    o->enhanced[0], o->enhanced[1], o->enhanced[2]);
	json_object_set_new(v, "enhanced", json_string(enhanced));
	json_object_set_new(v, "category", json_string(reply_category_name(
	    (enum reply_category)o->category)));
	if (subscriber_get(t, o->subscriber, &m, NULL) == 1 &&
	    domain_name(t, m.domain, domain, NULL) == 1) {
		struct strbuf a = STRBUF_INIT(ADDRESS_TEXT_MAX);

		strbuf_addf(&a, "%s@%s", m.local, domain);
		json_object_set_new(v, "address", json_string(a.s));
		strbuf_free(&a);
	} else
		json_object_set_new(v, "address", json_null());
	return v;
}

static void
outcomes_read(struct call *c, void *arg)
{
	(void)arg;
	tell(c);
}

static void
tell(struct call *c)
{
	struct reading *s = call_state(c);
	struct txn *t;

	if (call_gone(c)) {
		call_done(c);
		return;
	}
	if ((t = call_read(c, STORE_S)) == NULL)
		return;
	while (s->at < s->n && !call_busy(c))
		call_output(c, outcome_json(t, &s->v[s->at++]));
	txn_end(t);
	if (s->at < s->n)
		call_sleep(c, BUSY_MS, tell);
	else if (!s->end)
		call_work(c, read_work, NULL, outcomes_read);
	else if (s->damage.code != ERR_NONE)
		call_error(c, &s->damage);
	else
		call_done(c);
}

/* A bit of the state named; 0 for one that there is not. */
static unsigned
state_bit(const char *name)
{
	for (enum outcome_state i = OUTCOME_DELIVERED; i < OUTCOME_STATES;
	    i++)
		if (strcmp(name, outcome_state_name(i)) == 0)
			return 1u << i;
	return 0;
}

static void
outcomes_run(struct call *c)
{
	struct reading *s = call_state(c);
	const char *state = call_option(c, "state");
	unsigned bits = state != NULL ? state_bit(state) : 0;
	struct strbuf dir = STRBUF_INIT(CONF_PATH_MAX + 16);
	struct err e = ERR_INIT;
	uint32_t id = call_number(c, "ID");
	struct campaign m;
	struct tally v;
	struct txn *t;
	bool ok;

	if (id == 0 || (t = call_read(c, STORE_Q)) == NULL)
		return;
	ok = campaign_read(c, t, id, &m, &v);
	txn_end(t);
	if (!ok)
		return;
	if (state != NULL && bits == 0) {
		call_fail(c, STATUS_USAGE, "a state is delivered, deferred, "
		    "failed, expired or suppressed");
		return;
	}
	strbuf_addf(&dir, "%s/outcomes", call_conf(c)->data_dir);
	s->reader = outcome_reader_new(dir.s, id, bits, &e);
	strbuf_free(&dir);
	if (s->reader == NULL) {
		call_error(c, &e);
		return;
	}
	s->v = xcalloc(OUTCOMES_READ, sizeof(*s->v));
	call_work(c, read_work, NULL, outcomes_read);
}

const struct control_verb control_campaign_verbs[] = {
	{ "campaign list", list_run, sizeof(struct listing), NULL },
	{ "campaign show", show_run, sizeof(struct showing), NULL },
	{ "campaign pause", pause_run, sizeof(struct changing), NULL },
	{ "campaign resume", resume_run, sizeof(struct changing), NULL },
	{ "campaign cancel", cancel_run, sizeof(struct changing), NULL },
	{ "campaign outcomes", outcomes_run, sizeof(struct reading),
	    reading_free },
	{ NULL, NULL, 0, NULL },
};
