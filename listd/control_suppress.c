/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control_suppress.c - addresses nobody writes to: suppress add, remove, list.
 *
 * Who has a shell here is the desk: it sets and lifts what it wants, and each
 * time an act and a consent entry say so.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "lib/err.h"
#include "listd/control_json.h"
#include "listd/control_stop.h"
#include "listd/control_verbs.h"
#include "listd/queue_api.h"
#include "listd/role.h"
#include "spool/act.h"
#include "spool/leave.h"
#include "spool/list.h"
#include "spool/org.h"
#include "spool/suppression.h"
#include "spool/writer.h"

struct suppressing {
	struct leave	 leave;
	struct leave_result result;
	struct identity	 who;
	uint32_t	 id;		/* of list or organization, or 0 */
	bool		 lifted;
};

static void
suppressing_free(void *state)
{
	struct suppressing *s = state;

	leave_result_free(&s->result);
}

/* --list L, --org O or --host: exactly one.  False: the call was ended. */
static bool
read_scope(struct call *c, struct suppressing *s)
{
	const char *list = call_option(c, "list"), *org = call_option(c,
	    "org"), *host = call_option(c, "host");
	struct txn *t;
	struct list l;
	struct org o;
	bool ok = true;

	if ((list != NULL) + (org != NULL) + (host != NULL) != 1) {
		call_fail(c, STATUS_USAGE,
		    "one of --list, --org and --host");
		return false;
	}
	if ((t = call_read(c, STORE_S)) == NULL)
		return false;
	s->leave.scope = SUPPRESSION_HOST;
	if (list != NULL && (ok = call_list(c, t, list, &l))) {
		s->leave.scope = SUPPRESSION_LIST;
		s->id = s->leave.list = l.id;
		s->leave.org = l.org;
	} else if (org != NULL && (ok = call_org(c, t, org, &o))) {
		s->leave.scope = SUPPRESSION_ORG;
		s->id = s->leave.org = o.id;
	}
	txn_end(t);
	return ok;
}

static bool
read_call(struct call *c, struct suppressing *s)
{
	if (!call_identity(c, "ADDR", &s->who) || !read_scope(c, s))
		return false;
	s->leave.setter = SUPPRESSION_BY_DESK;
	s->leave.who = call_who(c);
	s->leave.now_ms = call_now(c);
	s->leave.clock_unsure = queue_clock_unsure(call_queue(c));
	memcpy(s->leave.hash, s->who.hash, sizeof(s->leave.hash));
	return true;
}

static int
note(struct txn *t, const struct suppressing *s, const char *verb,
    const char *old, const char *new, struct err *e)
{
	char object[ACT_ADDRESS_LEN + 32];

	act_address(s->who.hash, object);
	snprintf(object + ACT_ADDRESS_LEN, sizeof(object) - ACT_ADDRESS_LEN,
	    " %s %u", suppression_scope_name(s->leave.scope), s->id);
	return act_note(t, s->leave.who, s->leave.now_ms, verb, object, old,
	    new, e);
}

static json_t *
scope_json(const struct suppressing *s)
{
	return json_pack("{s:s, s:I}", "scope",
	    suppression_scope_name(s->leave.scope), "id",
	    (json_int_t)s->id);
}

/* ---- suppress add */

static int
add_apply(struct txn *t, void *arg, struct err *e)
{
	struct suppressing *s = arg;

	if (leave_apply(t, &s->leave, &s->result, e) == -1)
		return -1;
	return note(t, s, "suppress add", NULL,
	    suppression_reason_name(s->leave.reason), e);
}

static void
add_told(struct call *c)
{
	const struct suppressing *s = call_state(c);
	json_t *o = scope_json(s);

	json_object_set_new(o, "reason", json_string(
	    suppression_reason_name(s->leave.reason)));
	json_object_set_new(o, "changed", json_boolean(s->result.changed));
	json_object_set_new(o, "memberships", json_integer(
	    (json_int_t)s->result.n));
	call_output(c, o);
	call_done(c);
}

static void
added(struct call *c, void *arg)
{
	const struct suppressing *s = arg;

	stop_members(c, s->result.gone, s->result.n, add_told);
}

static void
add_run(struct call *c)
{
	struct suppressing *s = call_state(c);
	const char *reason = call_option(c, "reason");

	if (!read_call(c, s))
		return;
	if ((s->leave.reason = suppression_reason_find(reason)) == 0) {
		char text[256] = "";
		size_t len = 0;

		for (int r = 1; r < SUPPRESSION_REASONS &&
		    len < sizeof(text); r++)
			len += (size_t)snprintf(text + len,
			    sizeof(text) - len, " %s",
			    suppression_reason_name(r));
		call_fail(c, STATUS_USAGE, "a reason is one of:%s", text);
		return;
	}
	call_write(c, STORE_S, CALL_RESERVE, add_apply, NULL, added);
}

/* ---- suppress remove */

static int
lift_apply(struct txn *t, void *arg, struct err *e)
{
	struct suppressing *s = arg;
	enum suppression_reason was;
	int rc;

	rc = leave_lift(t, &s->leave, &was, e);
	s->lifted = rc == 1;
	if (rc != 1)
		return rc;
	return note(t, s, "suppress remove", suppression_reason_name(was),
	    NULL, e);
}

static void
lifted(struct call *c, void *arg)
{
	const struct suppressing *s = arg;
	json_t *o;

	if (!s->lifted) {
		call_fail(c, STATUS_NO, "the address is not suppressed "
		    "there");
		return;
	}
	o = scope_json(s);
	json_object_set_new(o, "lifted", json_true());
	call_output(c, o);
	call_done(c);
}

static void
remove_run(struct call *c)
{
	if (read_call(c, call_state(c)))
		call_write(c, STORE_S, CALL_URGENT, lift_apply, NULL, lifted);
}

/* ---- suppress list */

struct listing {
	struct suppression at;
};

static int
list_step(struct call *c)
{
	struct listing *s = call_state(c);
	struct txn *t = call_read(c, STORE_S);
	struct err e = ERR_INIT;
	int rc = 1;

	if (t == NULL)
		return 0;
	for (int i = 0; i < CALL_SLICE_ROWS && !call_busy(c); i++) {
		if ((rc = suppression_next(t, &s->at, &e)) != 1)
			break;
		call_output(c, json_pack("{s:o, s:s, s:I, s:s, s:o, s:I}",
		    "hash", json_hex(s->at.hash, sizeof(s->at.hash)),
		    "scope", suppression_scope_name(s->at.scope), "id",
		    (json_int_t)s->at.id, "reason",
		    suppression_reason_name(s->at.reason), "since",
		    json_time(s->at.when_ms), "consent",
		    (json_int_t)s->at.consent));
	}
	txn_end(t);
	if (rc == -1)
		call_error(c, &e);
	return rc == 1;
}

static void
list_run(struct call *c)
{
	call_stream(c, list_step);
}

const struct control_verb control_suppress_verbs[] = {
	{ "suppress add", add_run, sizeof(struct suppressing),
	    suppressing_free },
	{ "suppress remove", remove_run, sizeof(struct suppressing),
	    suppressing_free },
	{ "suppress list", list_run, sizeof(struct listing), NULL },
	{ NULL, NULL, 0, NULL },
};
