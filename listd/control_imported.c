/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control_imported.c - imports that were made: subscriber import show, undo.
 */
#include "config.h"

#include "lib/err.h"
#include "listd/control_json.h"
#include "listd/control_verbs.h"
#include "listd/role.h"
#include "spool/import.h"
#include "spool/list.h"
#include "spool/subscriber.h"
#include "spool/writer.h"

/* ---- subscriber import show */

struct showing {
	uint32_t	 from;		/* the next one */
	bool		 alone;
};

static int
show_step(struct call *c)
{
	struct showing *s = call_state(c);
	struct txn *t = call_read(c, STORE_S);
	struct err e = ERR_INIT;
	struct import im;
	struct list l;
	json_t *o;
	int rc;

	if (t == NULL)
		return 0;
	rc = s->alone ? import_get(t, s->from, &im, &e) :
	    import_next(t, s->from, &im, &e);
	if (rc == 1) {
		o = import_json(&im);
		if (list_get(t, im.list, &l, NULL) == 1)
			json_object_set_new(o, "list", json_string(l.name));
		call_output(c, o);
		s->from = im.id + 1;
	} else if (rc == -1)
		call_error(c, &e);
	else if (s->alone)
		call_fail(c, STATUS_NO, "no import %u", s->from);
	txn_end(t);
	return rc == 1 && !s->alone && s->from != 0;
}

static void
show_run(struct call *c)
{
	struct showing *s = call_state(c);

	s->alone = call_arg(c, "ID") != NULL;
	s->from = s->alone ? call_number(c, "ID") : 1;
	if (s->from != 0)
		call_stream(c, show_step);
}

/* ---- subscriber import undo */

struct undoing {
	uint32_t	 id;
	struct member	 at, next;	/* from where, and where it came to */
	uint64_t	 removed, last;
	bool		 more;
	const char	*who;
	int64_t		 now_ms;
};

#define UNDO_ROWS	1024	/* rows looked at in one transaction */

static int
undo_apply(struct txn *t, void *arg, struct err *e)
{
	struct undoing *s = arg;
	int rc;

	s->last = 0;
	s->next = s->at;
	rc = import_undo(t, s->id, s->who, &s->next, UNDO_ROWS, s->now_ms,
	    &s->last, e);
	s->more = rc == 1;
	return rc == -1 ? -1 : 0;
}

static void
undone(struct call *c, void *arg)
{
	struct undoing *s = arg;

	s->removed += s->last;
	s->at = s->next;
	call_progress(c, "%llu removed", (unsigned long long)s->removed);
	if (s->more) {
		call_write(c, STORE_S, CALL_BULK, undo_apply, NULL, undone);
		return;
	}
	call_output(c, json_pack("{s:I, s:s, s:I}", "id", (json_int_t)s->id,
	    "state", import_state_name(IMPORT_UNDONE), "removed",
	    (json_int_t)s->removed));
	call_done(c);
}

static void
undo_run(struct call *c)
{
	struct undoing *s = call_state(c);

	if ((s->id = call_number(c, "ID")) == 0)
		return;
	s->who = call_who(c);
	s->now_ms = call_now(c);
	call_write(c, STORE_S, CALL_BULK, undo_apply, NULL, undone);
}

/* ---- subscriber import drop-evidence */

struct dropping {
	uint32_t	 id;
	const char	*who;
	int64_t		 now_ms;
};

static int
drop_apply(struct txn *t, void *arg, struct err *e)
{
	const struct dropping *s = arg;

	return job_answer(import_drop_evidence(t, s->id, s->who, s->now_ms,
	    e), e);
}

static void
dropped(struct call *c, void *arg)
{
	const struct dropping *s = arg;

	call_output(c, json_pack("{s:I, s:b}", "import", (json_int_t)s->id,
	    "dropped", 1));
	call_done(c);
}

static void
drop_run(struct call *c)
{
	struct dropping *s = call_state(c);

	if ((s->id = call_number(c, "ID")) == 0)
		return;
	s->who = call_who(c);
	s->now_ms = call_now(c);
	call_write(c, STORE_S, CALL_URGENT, drop_apply, NULL, dropped);
}

const struct control_verb control_imported_verbs[] = {
	{ "subscriber import show", show_run, sizeof(struct showing), NULL },
	{ "subscriber import drop-evidence", drop_run,
	    sizeof(struct dropping), NULL },
	{ "subscriber import undo", undo_run, sizeof(struct undoing), NULL },
	{ NULL, NULL, 0, NULL },
};
