/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control_invite.c - subscriber invite: ask imported people, once.
 *
 * The list is walked in slices that only read; who may be asked is asked by
 * jobs of the bulk lane, a few at a time, and not while many notices wait: a
 * list of millions never fills the store with them.  What the limits of an
 * hour do not let through is left to the next call.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "lib/err.h"
#include "lib/strbuf.h"
#include "listd/control_json.h"
#include "listd/control_verbs.h"
#include "listd/queue_api.h"
#include "listd/role.h"
#include "listd/scheduler.h"
#include "spool/act.h"
#include "spool/import.h"
#include "spool/invite.h"
#include "spool/list.h"
#include "spool/optin.h"
#include "spool/subscriber.h"
#include "spool/writer.h"

#define ASK_ROWS	32	/* asked in one job */
#define WAIT_MS		500	/* until the notices are looked at again */

struct inviting {
	struct invite	 v;
	struct optin_limits limits;
	struct invite_counts counts;
	struct invite_counts before;	/* the job, which may run again */
	char		 list[LIST_NAME_MAX + 1];
	struct member	 at;		/* looked at last */
	struct member	 ask[ASK_ROWS];
	size_t		 n, done;
	bool		 dry, noted, end;
};

static void walk(struct call *c);

/* ---- the end */

static void
finish(struct call *c, const struct inviting *s)
{
	const struct invite_counts *n = &s->counts;
	json_t *o = json_pack("{s:s, s:I, s:I, s:I, s:I, s:I}", "list",
	    s->list, "invited", (json_int_t)n->invited, "before",
	    (json_int_t)n->before, "suppressed", (json_int_t)n->suppressed,
	    "pending", (json_int_t)n->pending, "throttled",
	    (json_int_t)n->throttled);

	if (s->dry)
		json_object_set_new(o, "dry_run", json_true());
	call_output(c, o);
	if (n->full)
		call_fail(c, STATUS_AGAIN, "no more confirmations of this "
		    "list or host go out in this hour: others wait for the "
		    "next call");
	else if (n->throttled > 0)
		call_fail(c, STATUS_AGAIN, "%llu wait: their domain or "
		    "mailbox had its confirmations of the hour or day",
		    (unsigned long long)n->throttled);
	else
		call_done(c);
}

/* ---- asking */

static int
ask_apply(struct txn *t, void *arg, struct err *e)
{
	struct inviting *s = arg;
	char object[LIST_NAME_MAX + 6], of[32] = "";

	s->counts = s->before;
	if (!s->noted) {
		snprintf(object, sizeof(object), "list %s", s->list);
		if (s->v.import != 0)
			snprintf(of, sizeof(of), "import %u", s->v.import);
		if (act_note(t, s->v.who, s->v.now_ms, "subscriber invite",
		    object, NULL, of, e) == -1)
			return -1;
	}
	return invite_members(t, &s->v, s->ask, s->n, &s->counts, &s->done, e);
}

static void
asked(struct call *c, void *arg)
{
	struct inviting *s = arg;

	s->noted = true;
	s->n = 0;
	scheduler_notices_changed(call_scheduler(c));
	call_progress(c, "%llu asked",
	    (unsigned long long)s->counts.invited);
	if (s->end || s->counts.full)
		finish(c, s);
	else
		call_sleep(c, 0, walk);
}

/* ---- looking */

/* 1 there is room for more, 0, -1. */
static int
has_room(struct txn *t, struct err *e)
{
	uint64_t waiting;

	if (txn_count(t, TABLE_NOTICES, &waiting, e) == -1)
		return -1;
	return waiting + ASK_ROWS <= INVITE_OUTSTANDING;
}

/* Those of the next rows who may be asked, or their count. */
static int
look(struct inviting *s, struct txn *t, struct err *e)
{
	enum invite_verdict v;
	struct member m;
	int rc = 1;

	for (size_t i = 0; i < CALL_SLICE_ROWS && s->n < ASK_ROWS; i++) {
		rc = subscriber_next(t, s->v.list, &s->at, &m, e);
		if (rc != 1)
			break;
		s->at = m;
		if (invite_judge(t, &s->v, &m, &v, e) == -1)
			return -1;
		if (v == INVITE_OPEN && !s->dry)
			s->ask[s->n++] = m;
		else
			invite_count(&s->counts, v);
	}
	s->end = rc == 0;
	return rc == -1 ? -1 : 0;
}

static void
walk(struct call *c)
{
	struct inviting *s = call_state(c);
	struct err e = ERR_INIT;
	struct txn *t;
	int room;

	if (call_gone(c)) {
		call_fail(c, STATUS_AGAIN, "the client went away");
		return;
	}
	if ((t = call_read(c, STORE_S)) == NULL)
		return;
	room = s->dry ? 1 : has_room(t, &e);
	if (room == 1 && look(s, t, &e) == -1)
		room = -1;
	txn_end(t);
	s->v.now_ms = call_now(c);
	if (room == -1)
		call_error(c, &e);
	else if (room == 0)
		call_sleep(c, WAIT_MS, walk);
	else if (s->n > 0) {
		s->before = s->counts;
		call_write(c, STORE_S, CALL_BULK, ask_apply, NULL, asked);
	} else if (s->end)
		finish(c, s);
	else
		call_sleep(c, 0, walk);
}

/* ---- beginning */

/* A list that may not send asks nobody.  False: the call was ended. */
static bool
may_ask(struct call *c, struct inviting *s)
{
	struct strbuf why = STRBUF_INIT(2048);
	struct txn *t = call_read(c, STORE_S);
	struct err e = ERR_INIT;
	struct import im;
	unsigned bits = 0;
	int rc = 1;

	if (t == NULL)
		return false;
	if (list_may_send(t, s->v.list, &bits, &e) == -1 ||
	    (s->v.import != 0 && (rc = import_get(t, s->v.import, &im,
	    &e)) == -1))
		call_error(c, &e), rc = -1;
	else if (rc == 0 || (s->v.import != 0 && im.list != s->v.list))
		call_fail(c, STATUS_NO, "the list has no import %u",
		    s->v.import), rc = -1;
	txn_end(t);
	list_why_text(bits, &why);
	if (rc != -1 && bits != 0)
		call_fail(c, STATUS_NO, "the list %s may not send:\n%.*s",
		    s->list, (int)why.len - 1, why.s);
	strbuf_free(&why);
	return rc != -1 && bits == 0;
}

static void
invite_run(struct call *c)
{
	struct inviting *s = call_state(c);
	struct list l;

	if (call_option(c, "import") != NULL &&
	    (s->v.import = call_number(c, "import")) == 0)
		return;
	if (!call_find_list(c, call_arg(c, "LIST"), &l))
		return;
	memcpy(s->list, l.name, sizeof(s->list));
	optin_limits_of(call_conf(c), &s->limits);
	s->v.list = l.id;
	s->v.org = l.org;
	s->v.list_hour = l.confirm_per_hour;
	s->v.limits = &s->limits;
	s->v.who = call_who(c);
	s->v.now_ms = call_now(c);
	s->v.clock_unsure = queue_clock_unsure(call_queue(c));
	s->dry = call_option(c, "dry-run") != NULL;
	if (may_ask(c, s))
		walk(c);
}

const struct control_verb control_invite_verbs[] = {
	{ "subscriber invite", invite_run, sizeof(struct inviting), NULL },
	{ NULL, NULL, 0, NULL },
};
