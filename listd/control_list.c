/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control_list.c - lists: list create, show, set, remove.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "lib/err.h"
#include "lib/strbuf.h"
#include "listd/control_json.h"
#include "listd/control_prove.h"
#include "listd/control_stop.h"
#include "listd/control_verbs.h"
#include "listd/queue_api.h"
#include "listd/role.h"
#include "listd/scheduler.h"
#include "spool/campaign.h"
#include "spool/list.h"
#include "spool/optin.h"
#include "spool/org.h"
#include "spool/writer.h"

#define WHY_MAX	2048

/* ---- what is told of a list */

/* A new object, or NULL with e. */
static json_t *
list_object(struct txn *t, const struct list *l, struct err *e)
{
	struct strbuf why = STRBUF_INIT(WHY_MAX);
	struct list_counters n;
	unsigned bits;
	json_t *o;

	if (list_counters(t, l->id, &n, e) == -1 ||
	    list_may_send(t, l->id, &bits, e) == -1)
		return NULL;
	o = list_json(l);
	list_why_text(bits, &why);
	json_object_set_new(o, "active", json_integer((json_int_t)n.active));
	json_object_set_new(o, "members", json_integer((json_int_t)n.all));
	json_object_set_new(o, "left", json_integer((json_int_t)n.left));
	json_object_set_new(o, "may_send", json_boolean(bits == 0));
	json_object_set_new(o, "missing", json_lines(why.s));
	strbuf_free(&why);
	return o;
}

static bool
list_output(struct call *c, struct txn *t, const struct list *l)
{
	struct err e = ERR_INIT;
	json_t *o = list_object(t, l, &e);

	if (o == NULL)
		call_error(c, &e);
	else
		call_output(c, o);
	return o != NULL;
}

/* ---- the proof of From's domain, after create and set */

struct change {
	struct prove	 prove;		/* first: see control_prove.h */
	const char	*name, *setting, *value, *who;
	struct list_new	 given;		/* of create */
	struct optin_limits limits;
	enum list_state	 state;
	int64_t		 now_ms;
	uint32_t	 id;
	char		 owner_text[256]; /* why the owner got no mail */
};

/* Say what is still missing before the list may send. */
static void
told(struct call *c)
{
	const struct change *s = call_state(c);
	struct txn *t = call_read(c, STORE_S);
	struct err e = ERR_INIT;
	struct list l;
	json_t *o;
	int rc;

	if (t == NULL)
		return;
	if ((rc = list_get(t, s->id, &l, &e)) == 1 &&
	    (o = list_object(t, &l, &e)) != NULL) {
		if (s->prove.claim.domain[0] != '\0' &&
		    s->prove.claim.proof == ORG_PROOF_NONE)
			json_object_set_new(o, "domain",
			    prove_json(&s->prove.claim));
		if (s->owner_text[0] != '\0')
			json_object_set_new(o, "owner_mail",
			    json_string(s->owner_text));
		call_output(c, o);
		call_done(c);
	} else if (rc == 0)
		call_fail(c, STATUS_NO, "the list is gone");
	else
		call_error(c, &e);
	txn_end(t);
}

/* Look for the proof of From's domain unless there is one already. */
static void
prove_from(struct call *c, struct change *s)
{
	struct txn *t = call_read(c, STORE_S);
	struct err e = ERR_INIT;
	struct list l;
	const char *at;
	int rc;

	if (t == NULL)
		return;
	if ((rc = list_get(t, s->id, &l, &e)) == 1 &&
	    (at = strrchr(l.from, '@')) != NULL) {
		s->prove.org = l.org;
		snprintf(s->prove.domain, sizeof(s->prove.domain), "%s",
		    at + 1);
		rc = org_domain_covers(t, l.org, at + 1, &e);
	} else if (rc == 0)
		rc = 1;
	txn_end(t);
	if (rc == -1)
		call_error(c, &e);
	else if (rc == 1)
		told(c);
	else
		prove_start(c, told);
}

/*
 * Ask the owner to confirm.  That there was one mail too many to that mailbox,
 * or that one is pending, is told and undoes nothing.
 */
static int
ask_owner(struct txn *t, struct change *s, struct err *e)
{
	struct err why = ERR_INIT;
	uint64_t notice;

	if (optin_owner(t, s->id, &s->limits, s->now_ms, &notice, &why) == 0)
		return 0;
	if (why.code == ERR_REFUSED || why.code == ERR_EXISTS) {
		snprintf(s->owner_text, sizeof(s->owner_text), "%.255s",
		    why.text);
		return 0;
	}
	*e = why;
	return -1;
}

/* ---- list create */

static int
create_apply(struct txn *t, void *arg, struct err *e)
{
	struct change *s = arg;
	int rc = list_create(t, &s->given, s->who, s->now_ms, &s->id, e);

	if (rc == -1)
		return job_answer(rc, e);
	return ask_owner(t, s, e);
}

static void
changed(struct call *c, void *arg)
{
	struct change *s = arg;

	scheduler_notices_changed(call_scheduler(c));
	prove_from(c, s);
}

static void
list_create_run(struct call *c)
{
	struct change *s = call_state(c);
	const char *org = call_option(c, "org");
	struct org o;

	if (!call_find_org(c, org != NULL ? org : ORG_DEFAULT, &o))
		return;
	s->given = (struct list_new){ .org = o.id,
		.name = call_arg(c, "NAME"), .from = call_option(c, "from"),
		.title = call_option(c, "title"),
		.postal = call_option(c, "postal-address"),
		.owner = call_option(c, "owner") };
	s->who = call_who(c);
	s->now_ms = call_now(c);
	optin_limits_of(call_conf(c), &s->limits);
	call_write(c, STORE_S, CALL_URGENT, create_apply, NULL, changed);
}

/* ---- list show */

struct show {
	uint32_t	next;
};

static int
show_step(struct call *c)
{
	struct show *s = call_state(c);
	struct txn *t = call_read(c, STORE_S);
	struct err e = ERR_INIT;
	struct list l;
	int rc;

	if (t == NULL)
		return 0;
	if ((rc = list_next(t, s->next, &l, &e)) == -1)
		call_error(c, &e);
	if (rc == 1) {
		s->next = l.id + 1;
		if (l.state != LIST_REMOVED)
			list_output(c, t, &l);
	}
	txn_end(t);
	return rc == 1;
}

static void
list_show_run(struct call *c)
{
	struct txn *t;
	struct list l;

	if (call_arg(c, "NAME") == NULL) {
		call_stream(c, show_step);
		return;
	}
	if ((t = call_read(c, STORE_S)) == NULL)
		return;
	if (call_list(c, t, call_arg(c, "NAME"), &l) &&
	    list_output(c, t, &l))
		call_done(c);
	txn_end(t);
}

/* ---- list set */

/* "state" is a setting here; who may set what is one table less to know. */
static bool
read_state(const char *value, enum list_state *state_r)
{
	static const enum list_state allowed[] = {
		LIST_ACTIVE, LIST_HELD, LIST_SUSPENDED,
	};

	for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++)
		if (strcmp(value, list_state_name(allowed[i])) == 0) {
			*state_r = allowed[i];
			return true;
		}
	return false;
}

static int
set_apply(struct txn *t, void *arg, struct err *e)
{
	struct change *s = arg;
	struct list old, new;
	int rc;

	if (s->state != 0)
		return job_answer(list_set_state(t, s->id, s->state, s->who,
		    s->now_ms, e), e);
	if ((rc = list_get(t, s->id, &old, e)) != 1)
		return rc;
	if (list_set(t, s->id, s->setting, s->value, s->who, s->now_ms,
	    e) == -1)
		return job_answer(-1, e);
	if (list_get(t, s->id, &new, e) != 1)
		return -1;
	return strcmp(old.owner, new.owner) != 0 ? ask_owner(t, s, e) : 0;
}

static bool
is_of_list(const struct campaign *m, uint32_t list)
{
	return m->list == list;
}

static void
set_done(struct call *c, void *arg)
{
	struct change *s = arg;

	scheduler_notices_changed(call_scheduler(c));
	if (s->state == 0) {
		prove_from(c, s);
		return;
	}
	scheduler_holds_changed(call_scheduler(c));
	if (s->state == LIST_ACTIVE)
		told(c);
	else
		stop_campaigns(c, false, is_of_list, s->id, told);
}

/* All settings of one list, with their values. */
static void
name_settings(struct call *c, const struct list *l)
{
	struct strbuf value = STRBUF_INIT(LIST_TEXTS_MAX);
	json_t *o = json_object();
	const char *name;

	json_object_set_new(o, "state", json_string(list_state_name(
	    l->state)));
	for (size_t i = 0; (name = list_setting(i)) != NULL; i++) {
		strbuf_reset(&value);
		if (list_value(l, name, &value, NULL) == 0)
			json_object_set_new(o, name, json_string(value.s));
	}
	strbuf_free(&value);
	call_output(c, o);
	call_done(c);
}

static void
list_set_run(struct call *c)
{
	struct change *s = call_state(c);
	struct list l;

	if (!call_find_list(c, call_arg(c, "NAME"), &l))
		return;
	s->setting = call_arg(c, "SETTING");
	s->value = call_arg(c, "VALUE");
	s->who = call_who(c);
	s->now_ms = call_now(c);
	s->id = l.id;
	optin_limits_of(call_conf(c), &s->limits);
	if (s->setting == NULL) {
		name_settings(c, &l);
	} else if (s->value == NULL) {
		call_fail(c, STATUS_USAGE, "list set needs VALUE");
	} else if (strcmp(s->setting, "state") == 0 &&
	    !read_state(s->value, &s->state)) {
		call_fail(c, STATUS_USAGE,
		    "the state is active, held or suspended");
	} else
		call_write(c, STORE_S, CALL_URGENT, set_apply, NULL,
		    set_done);
}

/* ---- list remove */

static void
removed(struct call *c)
{
	queue_chores_soon(call_queue(c));	/* its members */
	call_output(c, json_pack("{s:s}", "removed", call_arg(c, "NAME")));
	call_done(c);
}

static void
remove_done(struct call *c, void *arg)
{
	const struct change *s = arg;

	scheduler_holds_changed(call_scheduler(c));
	stop_campaigns(c, true, is_of_list, s->id, removed);
}

static void
list_remove_run(struct call *c)
{
	struct change *s = call_state(c);
	struct list l;

	if (!call_find_list(c, call_arg(c, "NAME"), &l))
		return;
	s->who = call_who(c);
	s->now_ms = call_now(c);
	s->id = l.id;
	s->state = LIST_REMOVED;
	call_write(c, STORE_S, CALL_URGENT, set_apply, NULL, remove_done);
}

const struct control_verb control_list_verbs[] = {
	{ "list create", list_create_run, sizeof(struct change), NULL },
	{ "list show", list_show_run, sizeof(struct show), NULL },
	{ "list set", list_set_run, sizeof(struct change), NULL },
	{ "list remove", list_remove_run, sizeof(struct change), NULL },
	{ NULL, NULL, 0, NULL },
};
