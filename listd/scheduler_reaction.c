/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scheduler_reaction.c - what follows when a receiver refuses us.
 *
 * The deliver roles judge every refusal by the rules (lib/reply_rules.h) and
 * tell what they found with it; here it is counted (lib/reactions.h).  What
 * becomes due is said aloud with the reply that caused it, kept in Q with the
 * next batch, and bears on paths or a campaign until its time is over or a
 * person ends it.  Nothing is ever written per recipient for it.
 *
 * A suspension is silence at once: what is out there is called back, and the
 * connections end (R5).
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/enhanced.h"
#include "lib/err.h"
#include "lib/reactions.h"
#include "lib/sys/log.h"
#include "listd/path.h"
#include "listd/restart.h"
#include "listd/scheduler_private.h"
#include "listd/site.h"
#include "listd/source.h"
#include "spool/steering.h"

static bool
is_suspension(const struct reaction_action *a)
{
	return a->kind == REACTION_SUSPEND || a->kind == REACTION_STOP_SOURCE;
}

static bool
bears_on_path(const struct scheduler *s, const struct reaction_action *a,
    const struct path *p)
{
	if (a->kind == REACTION_STOP_CAMPAIGN)
		return false;
	if (a->scope == REACTION_PROVIDER && a->provider != 0)
		return a->provider == path_provider_key(s, p);
	return memcmp(a->site, path_hosts_key(p), SITE_KEY) == 0;
}

static bool
bears_on_site(const struct scheduler *s, const struct reaction_action *a,
    const struct site *site)
{
	for (uint16_t i = 0; i < site->npaths; i++)
		if (bears_on_path(s, a, &site->paths[i]))
			return true;
	return false;
}

bool
action_bears_on(const struct scheduler *s, const struct reaction_action *a,
    const struct path *p)
{
	return bears_on_path(s, a, p) && (a->source[0] == '\0' ||
	    strcmp(a->source, source_name(s, p->source)) == 0);
}

static void
log_action(const struct scheduler *s, const struct reaction_action *a,
    const char *event, enum log_level level)
{
	struct log_line l;

	log_begin(&l, level, event);
	log_hex(&l, "action", a->id);
	log_str(&l, "reaction", a->name);
	log_str(&l, "does", reaction_kind_name(a->kind));
	if (a->value != 0)
		log_int(&l, "value", a->value);
	if (a->campaign != 0)
		log_hex(&l, "campaign", a->campaign);
	if (a->source[0] != '\0')
		log_str(&l, "source", a->source);
	log_str(&l, "mx", a->host);
	if (a->until_ms != REACTION_EVER)
		log_seconds(&l, "for", a->until_ms - sched_now(s));
	log_str(&l, "reason", a->reply);
	log_end(&l);
}

/* ---- what it does at once */

void
session_hush(struct scheduler *s, struct session *se)
{
	const struct delivery *d;

	TAILQ_FOREACH(d, &se->out, link)
		delivery_call_back(s, d);
	session_close(s, se);
}

static void
silence(struct scheduler *s, const struct reaction_action *a)
{
	struct hash_link *l, *next = NULL;
	size_t at = 0;

	while ((l = hash_each(&s->sessions, &at, &next)) != NULL) {
		struct session *se = HASH_OF(l, struct session, by_id);

		if (action_bears_on(s, a, se->path))
			session_hush(s, se);
	}
}

/* The action that stops a campaign, or NULL. */
static const struct reaction_action *
stops(const struct scheduler *s, uint32_t campaign)
{
	const struct reaction_action *a;
	size_t at = 0;

	while ((a = reactions_each(s->reactions, &at)) != NULL)
		if (a->kind == REACTION_STOP_CAMPAIGN &&
		    a->campaign == campaign)
			return a;
	return NULL;
}

void
run_look_stopped(struct scheduler *s, struct run *run)
{
	const struct reaction_action *a = stops(s, run->c.id);
	struct lane *l;

	if ((a != NULL) == run->stopped)
		return;
	run->stopped = a != NULL;
	if (a != NULL) {
		snprintf(run->why, sizeof(run->why), "stopped by reaction "
		    "%016llx %s: %.300s", (unsigned long long)a->id, a->name,
		    a->reply);
		retries_park(s, run);
		recall_run(s, run);	/* they would fail as well */
		return;
	}
	run->why[0] = '\0';
	TAILQ_FOREACH(l, &run->lanes, of_run)
		site_kick(s, l->site);
	retries_sweep(s);
}

static void
look_at_campaign(struct scheduler *s, const struct reaction_action *a)
{
	struct run *run = run_find(s, (uint32_t)a->campaign);

	if (a->kind == REACTION_STOP_CAMPAIGN && run != NULL)
		run_look_stopped(s, run);
}

/* A refusal may come when the campaign has been cancelled. */
static bool
stops_nothing(const struct scheduler *s, const struct reaction_action *a)
{
	const struct run *run = run_find(s, (uint32_t)a->campaign);

	return a->kind == REACTION_STOP_CAMPAIGN && (run == NULL || run->dead);
}

static void
action_due(struct scheduler *s, const struct reaction_action *a)
{
	struct strbuf b = STRBUF_INIT(REACTION_RECORD_MAX);

	if (stops_nothing(s, a)) {
		reactions_cancel(s->reactions, a->id);
		return;
	}
	log_action(s, a, "reaction", a->kind == REACTION_STOP_CAMPAIGN ?
	    LEVEL_ERROR : LEVEL_WARNING);
	reaction_action_pack(&b, a);
	batch_action(s->batcher, a->id, SLICE(b.s, b.len));
	batch_want(s->batcher, s->mono_ms + BATCH_WAIT_MS);
	strbuf_free(&b);
	look_at_campaign(s, a);
	if (is_suspension(a)) {
		restart_forget(s, a->id);
		silence(s, a);
	}
	paths_changed(s);
}

static void
action_over(struct scheduler *s, const struct reaction_action *a,
    const char *event)
{
	log_action(s, a, event, LEVEL_NOTICE);
	if (!restart_begin(s, a)) {
		batch_unaction(s->batcher, a->id);
		batch_want(s->batcher, s->mono_ms + BATCH_WAIT_MS);
	}
	look_at_campaign(s, a);
	paths_changed(s);
}

void
reactions_forget_campaign(struct scheduler *s, uint32_t campaign)
{
	const struct reaction_action *a;
	struct reaction_action copy;

	/* More than one may have stopped it. */
	while ((a = stops(s, campaign)) != NULL) {
		copy = *a;
		reactions_cancel(s->reactions, copy.id);
		action_over(s, &copy, "reaction-over");
	}
}

/* ---- refusals */

/* What the deliver role has judged is counted, and not judged again. */
struct told {
	uint32_t	 campaign, rule;
	uint8_t		 category;
	uint16_t	 code;
	const uint16_t	*enhanced;
	const char	*host, *text;
};

static void
feed(struct scheduler *s, const struct path *p, const struct told *t)
{
	static struct reaction_action due[REACTIONS_DUE_MAX];
	const struct enhanced code = { (uint8_t)t->enhanced[0],
		t->enhanced[1], t->enhanced[2] };
	char reply[IPC_TEXT_MAX + 32], text[ENHANCED_TEXT_MAX];
	struct reaction_event e = {
		.now_ms = sched_now(s), .rule = t->rule,
		.category = t->category,
		.provider = path_provider_key(s, p),
		.source = source_name(s, p->source), .campaign = t->campaign,
		.host = t->host, .reply = reply,
	};
	size_t n;

	enhanced_format(&code, text);
	snprintf(reply, sizeof(reply), "%u %s%s%s", t->code, text,
	    text[0] != '\0' ? " " : "", t->text);
	e.reply_len = strlen(reply);
	memcpy(e.site, path_hosts_key(p), SITE_KEY);
	n = reactions_feed(s->reactions, s->rules, &e, due);
	for (size_t i = 0; i < n; i++)
		action_due(s, &due[i]);
}

void
react_to_session(struct scheduler *s, const struct path *p,
    const struct ipc_session_state *st)
{
	if (s->rules != NULL && st->spoken)
		feed(s, p, &(const struct told){ st->campaign, st->rule,
			st->category, st->code, st->enhanced, st->host,
			st->text });
}

void
react_to_outcome(struct scheduler *s, const struct delivery *d,
    const struct ipc_outcome *o)
{
	/* One that was refused for the site's sake is told as the site's. */
	if (s->rules != NULL && o->code >= 400 && d->state == DELIVERY_OUT &&
	    o->result != IPC_REFUSED)
		feed(s, d->session->path, &(const struct told){
			d->kind == IPC_KIND_CAMPAIGN ? d->campaign : 0,
			o->rule, o->category, o->code, o->enhanced, o->host,
			o->text });
}

/* ---- times */

void
reactions_advance(struct scheduler *s)
{
	struct reaction_action a;

	while (reactions_expire(s->reactions, sched_now(s), &a))
		action_over(s, &a, "reaction-over");
}

int
reactions_start(struct scheduler *s, struct err *e)
{
	struct reaction_action a;
	struct slice record;
	uint64_t id = 0;
	struct run *run;
	int rc;

	s->reactions = reactions_new();
	for (; (rc = action_next(s->q_txn, &id, &record, e)) == 1; id++) {
		if (reaction_action_unpack(record.p, record.len, &a, e) == -1) {
			log_failure(LEVEL_ERROR, "action-damaged", e);
			*e = (struct err)ERR_INIT;
		} else if ((a.kind == REACTION_STOP_CAMPAIGN &&
		    campaign_is_over(s, (uint32_t)a.campaign)) ||
		    (!reactions_load(s->reactions, &a, sched_now(s)) &&
		    !(a.until_ms <= sched_now(s) && restart_begin(s, &a)))) {
			batch_unaction(s->batcher, id);
			batch_want(s->batcher, s->mono_ms + BATCH_WAIT_MS);
		}
		if (id == UINT64_MAX)
			break;
	}
	TAILQ_FOREACH(run, &s->runs, link)
		run_look_stopped(s, run);
	return rc == -1 ? -1 : 0;
}

/* ---- for people */

bool
scheduler_action_next(const struct scheduler *s, size_t *at,
    const struct reaction_action **a_r)
{
	return (*a_r = reactions_each(s->reactions, at)) != NULL;
}

static void
cancel(struct scheduler *s, uint64_t id)
{
	const struct reaction_action *a = reactions_find(s->reactions, id);
	struct reaction_action copy;

	if (a == NULL)
		return;
	copy = *a;
	reactions_cancel(s->reactions, id);
	action_over(s, &copy, "reaction-cancelled");
}

bool
scheduler_action_cancel(struct scheduler *s, uint64_t id)
{
	if (reactions_find(s->reactions, id) == NULL)
		return false;
	sched_turn_begin(s);
	cancel(s, id);
	sched_turn_end(s);
	return true;
}

bool
reactions_cancel_site(struct scheduler *s, const struct site *site)
{
	const struct reaction_action *a;
	size_t at = 0;
	bool any = false;

	while ((a = reactions_each(s->reactions, &at)) != NULL)
		if (bears_on_site(s, a, site)) {
			cancel(s, a->id);
			any = true;
			at = 0;		/* the order may have changed */
		}
	return any;
}
