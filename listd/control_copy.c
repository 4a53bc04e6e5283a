/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control_copy.c - copies of the store that somebody asks for: compact, backup;
 * and restore --waive.
 *
 * compact ends when the copy has caught up: the roles restart, and this call
 * could not outlive that.  listctl looks at `stats` then, until the store was
 * compacted since.
 */
#include "config.h"

#include <stdio.h>

#include "lib/err.h"
#include "listd/control_json.h"
#include "listd/control_verbs.h"
#include "listd/queue_api.h"
#include "listd/role.h"
#include "spool/act.h"
#include "spool/restored.h"
#include "spool/store_swap.h"
#include "spool/writer.h"

#define POLL_MS		100

/* A call's state. */
struct copying {
	const char	*who, *verb;
	int64_t		 now_ms, begun_ms;
	bool		 backup;
};

static int
note_act(struct txn *t, void *arg, struct err *e)
{
	const struct copying *k = arg;

	return act_note(t, k->who, k->now_ms, k->verb, "store", NULL, NULL,
	    e);
}

static void
answer(struct call *c, const struct queue_copy_state *s)
{
	struct copying *k = call_state(c);

	call_output(c, json_pack("{s:s, s:I, s:I, s:I}", "copy", k->backup ?
	    STORE_BACKUP_DIR : STORE_COMPACT_DIR, "since",
	    (json_int_t)s->begun_ms, "rows", (json_int_t)s->rows, "ledger",
	    (json_int_t)s->consent));
	call_done(c);
	if (!k->backup)
		queue_copy_go(call_queue(c));
}

static void
look(struct call *c)
{
	struct copying *k = call_state(c);
	struct queue_copy_state s;

	queue_copy_look(call_queue(c), &s);
	if (s.why.code != ERR_NONE) {
		call_error(c, &s.why);
	} else if (s.backup != k->backup || s.begun_ms != k->begun_ms) {
		call_fail(c, STATUS_AGAIN, "the copy was given up");
	} else if (k->backup ? s.done : s.near) {
		answer(c, &s);
	} else {
		call_progress(c, "%llu of %llu rows",
		    (unsigned long long)s.rows, (unsigned long long)s.of);
		call_sleep(c, POLL_MS, look);
	}
}

static void
noted(struct call *c, void *arg)
{
	struct copying *k = arg;
	struct queue_copy_state s;
	struct err e = ERR_INIT;

	queue_copy_look(call_queue(c), &s);
	/* What a client that went away had asked for. */
	if (k->backup && s.backup && s.done)
		queue_copy_end(call_queue(c));
	if (queue_copy_begin(call_queue(c), k->backup, &e) == -1) {
		if (e.code == ERR_EXISTS)
			call_fail(c, STATUS_AGAIN, "%s", e.text);
		else
			call_error(c, &e);
		return;
	}
	queue_copy_look(call_queue(c), &s);
	k->begun_ms = s.begun_ms;
	look(c);
}

static void
copy_run(struct call *c, const char *verb, bool backup)
{
	struct copying *k = call_state(c);

	k->who = call_who(c);
	k->verb = verb;
	k->now_ms = call_now(c);
	k->backup = backup;
	call_write(c, STORE_S, CALL_URGENT, note_act, NULL, noted);
}

static void
compact_run(struct call *c)
{
	copy_run(c, "compact", false);
}

json_t *
control_copy_json(struct call *c)
{
	struct queue_copy_state s;
	json_t *o = json_object();

	queue_copy_look(call_queue(c), &s);
	json_object_set_new(o, "last", json_integer(s.compacted_ms));
	json_object_set_new(o, "compacted", json_time(s.compacted_ms));
	json_object_set_new(o, "erased_since", json_time(s.erased_ms));
	json_object_set_new(o, "copying", json_boolean(s.runs));
	json_object_set_new(o, "rows", json_integer((json_int_t)s.rows));
	return o;
}

static void
backup_run(struct call *c)
{
	copy_run(c, "backup", true);
}

static void
backup_end_run(struct call *c)
{
	struct queue_copy_state s;

	queue_copy_look(call_queue(c), &s);
	if (s.backup)
		queue_copy_end(call_queue(c));
	call_done(c);
}

/* ---- restore --waive */

static int
waive_apply(struct txn *t, void *arg, struct err *e)
{
	const struct copying *k = arg;
	char who[ACT_WHO_MAX + 1];

	/* Who says so, and by whose rights. */
	snprintf(who, sizeof(who), "%s (%s)", k->verb, k->who);
	return job_answer(restored_end(t, RESTORED_WAIVED, 0, who, k->now_ms,
	    e), e);
}

static void
waived(struct call *c, void *arg)
{
	(void)arg;
	queue_release(call_queue(c));
	call_output(c, json_pack("{s:b}", "departures_due", 0));
	call_done(c);
}

static void
restore_run(struct call *c)
{
	struct copying *k = call_state(c);

	k->verb = call_option(c, "waive");
	if (k->verb == NULL || !restored_is_name(k->verb)) {
		call_fail(c, STATUS_NO, k->verb == NULL ?
		    "stop the daemon first" : "waived by whom?");
		return;
	}
	k->who = call_who(c);
	k->now_ms = call_now(c);
	call_write(c, STORE_S, CALL_URGENT, waive_apply, NULL, waived);
}

const struct control_verb control_copy_verbs[] = {
	{ "restore", restore_run, sizeof(struct copying), NULL },
	{ "backup", backup_run, sizeof(struct copying), NULL },
	{ "backup end", backup_end_run, 0, NULL },
	{ "compact", compact_run, sizeof(struct copying), NULL },
	{ NULL, NULL, 0, NULL },
};
