/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control_org.c - organizations: org create, show, set, suspend, resume,
 * terminate.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "lib/err.h"
#include "listd/control_json.h"
#include "listd/control_prove.h"
#include "listd/control_stop.h"
#include "listd/control_verbs.h"
#include "listd/role.h"
#include "listd/scheduler.h"
#include "spool/campaign.h"
#include "spool/org.h"
#include "spool/writer.h"

/* ---- org create */

struct create {
	const char	*name, *who;
	int64_t		 now_ms;
	uint32_t	 id;
};

static int
create_apply(struct txn *t, void *arg, struct err *e)
{
	struct create *s = arg;

	return job_answer(org_create(t, s->name, s->who, s->now_ms, &s->id,
	    e), e);
}

static void
created(struct call *c, void *arg)
{
	const struct create *s = arg;

	call_output(c, json_pack("{s:s, s:I}", "org", s->name, "id",
	    (json_int_t)s->id));
	call_done(c);
}

static void
org_create_run(struct call *c)
{
	struct create *s = call_state(c);

	s->name = call_arg(c, "NAME");
	s->who = call_who(c);
	s->now_ms = call_now(c);
	call_write(c, STORE_S, CALL_URGENT, create_apply, NULL, created);
}

/* ---- org show */

struct show {
	uint32_t	next;	/* the first id not shown yet */
};

static json_t *
domains_json(struct txn *t, uint32_t org, struct err *e)
{
	struct org_domain d = { .domain = "" };
	json_t *a = json_array();
	int rc;

	while ((rc = org_domain_next(t, org, d.domain, &d, e)) == 1)
		json_array_append_new(a, prove_json(&d));
	if (rc == 0)
		return a;
	json_decref(a);
	return NULL;
}

static void
org_output(struct call *c, struct txn *t, const struct org *o)
{
	struct err e = ERR_INIT;
	json_t *domains = domains_json(t, o->id, &e);

	if (domains == NULL)
		call_error(c, &e);
	else
		call_output(c, json_pack("{s:s, s:I, s:s, s:o, s:o}", "org",
		    o->name, "id", (json_int_t)o->id, "state",
		    org_state_name(o->state), "created",
		    json_time(o->created_ms), "domains", domains));
}

static int
show_step(struct call *c)
{
	struct show *s = call_state(c);
	struct txn *t = call_read(c, STORE_S);
	struct err e = ERR_INIT;
	struct org o;
	int rc;

	if (t == NULL)
		return 0;
	if ((rc = org_next(t, s->next, &o, &e)) == -1)
		call_error(c, &e);
	if (rc == 1) {
		org_output(c, t, &o);
		s->next = o.id + 1;
	}
	txn_end(t);
	return rc == 1;
}

static void
org_show_run(struct call *c)
{
	struct txn *t;
	struct org o;

	if (call_arg(c, "NAME") == NULL) {
		call_stream(c, show_step);
		return;
	}
	if ((t = call_read(c, STORE_S)) == NULL)
		return;
	if (call_org(c, t, call_arg(c, "NAME"), &o)) {
		org_output(c, t, &o);
		call_done(c);
	}
	txn_end(t);
}

/* ---- org set */

struct set {
	struct prove	prove;		/* first: see control_prove.h */
	const char	*domain, *who;
	int64_t		 now_ms;
	uint32_t	 org;
};

static void
proved(struct call *c)
{
	const struct prove *p = call_state(c);

	call_output(c, prove_json(&p->claim));
	if (p->claim.proof != ORG_PROOF_NONE)
		call_done(c);
	else if (p->unsure)
		call_fail(c, STATUS_AGAIN, "the DNS of %s does not answer",
		    p->claim.domain);
	else if (p->rival[0] != '\0')
		call_fail(c, STATUS_NO, "the DKIM key of %s speaks for the "
		    "organization %s: publish the record and ask again",
		    p->claim.domain, p->rival);
	else
		call_fail(c, STATUS_NO, "%s is not proven yet: publish the "
		    "record and ask again", p->claim.domain);
}

static int
drop_apply(struct txn *t, void *arg, struct err *e)
{
	struct set *s = arg;

	return job_answer(org_domain_drop(t, s->org, s->domain, s->who,
	    s->now_ms, e), e);
}

static void
dropped(struct call *c, void *arg)
{
	const struct set *s = arg;

	call_output(c, json_pack("{s:s, s:b}", "dropped", s->domain, "proven",
	    0));
	call_done(c);
}

static void
org_set_run(struct call *c)
{
	struct set *s = call_state(c);
	struct err e = ERR_INIT;
	struct org o;

	if (!call_find_org(c, call_arg(c, "NAME"), &o))
		return;
	s->domain = call_option(c, "domain");
	s->who = call_who(c);
	s->now_ms = call_now(c);
	s->org = s->prove.org = o.id;
	if (address_domain(s->domain, strlen(s->domain), 0, s->prove.domain,
	    &e) == -1) {
		call_error(c, &e);
	} else if (call_option(c, "drop") != NULL) {
		s->domain = s->prove.domain;
		call_write(c, STORE_S, CALL_URGENT, drop_apply, NULL,
		    dropped);
	} else
		prove_start(c, proved);
}

/* ---- org suspend, resume, terminate */

struct state {
	uint32_t	 org;
	enum org_state	 state;
	const char	*who;
	int64_t		 now_ms;
};

static int
state_apply(struct txn *t, void *arg, struct err *e)
{
	struct state *s = arg;

	return job_answer(org_set_state(t, s->org, s->state, s->who,
	    s->now_ms, e), e);
}

static bool
is_of_org(const struct campaign *m, uint32_t org)
{
	return m->org == org;
}

static void
state_done(struct call *c)
{
	const struct state *s = call_state(c);

	call_output(c, json_pack("{s:s, s:s}", "org", call_arg(c, "NAME"),
	    "state", org_state_name(s->state)));
	call_done(c);
}

static void
state_set(struct call *c, void *arg)
{
	const struct state *s = arg;

	scheduler_holds_changed(call_scheduler(c));
	if (s->state == ORG_ACTIVE)
		state_done(c);
	else
		stop_campaigns(c, s->state == ORG_TERMINATED, is_of_org,
		    s->org, state_done);
}

static void
change_state(struct call *c, enum org_state state)
{
	struct state *s = call_state(c);
	struct org o;

	if (!call_find_org(c, call_arg(c, "NAME"), &o))
		return;
	*s = (struct state){ .org = o.id, .state = state,
		.who = call_who(c), .now_ms = call_now(c) };
	call_write(c, STORE_S, CALL_URGENT, state_apply, NULL, state_set);
}

static void
org_suspend_run(struct call *c)
{
	change_state(c, ORG_SUSPENDED);
}

static void
org_resume_run(struct call *c)
{
	change_state(c, ORG_ACTIVE);
}

static void
org_terminate_run(struct call *c)
{
	change_state(c, ORG_TERMINATED);
}

const struct control_verb control_org_verbs[] = {
	{ "org create", org_create_run, sizeof(struct create), NULL },
	{ "org show", org_show_run, sizeof(struct show), NULL },
	{ "org set", org_set_run, sizeof(struct set), NULL },
	{ "org suspend", org_suspend_run, sizeof(struct state), NULL },
	{ "org resume", org_resume_run, sizeof(struct state), NULL },
	{ "org terminate", org_terminate_run, sizeof(struct state), NULL },
	{ NULL, NULL, 0, NULL },
};
