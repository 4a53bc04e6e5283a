/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control_person.c - what an operator does in a person's name: subscriber
 * correct, change-address.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "lib/err.h"
#include "listd/control_json.h"
#include "listd/control_verbs.h"
#include "listd/queue_api.h"
#include "listd/role.h"
#include "listd/scheduler.h"
#include "spool/act.h"
#include "spool/change.h"
#include "spool/correct.h"
#include "spool/list.h"
#include "spool/writer.h"

static int
note_person(struct txn *t, const uint8_t *hash, const char *who,
    int64_t now_ms, const char *verb, const char *list, struct err *e)
{
	char object[ACT_ADDRESS_LEN + 1], where[LIST_NAME_MAX + 8];

	act_address(hash, object);
	snprintf(where, sizeof(where), "list %s", list);
	return act_note(t, who, now_ms, verb, object, NULL, where, e);
}

/* ---- subscriber correct */

struct correcting {
	struct correction c;
	struct identity	 who;
	const char	*list;
};

static int
correct_apply(struct txn *t, void *arg, struct err *e)
{
	struct correcting *s = arg;

	if (correct_attribute(t, &s->c, e) == -1)
		return job_answer(-1, e);
	return note_person(t, s->who.hash, s->c.who, s->c.now_ms,
	    "subscriber correct", s->list, e);
}

static void
corrected(struct call *c, void *arg)
{
	const struct correcting *s = arg;
	const char *value = call_arg(c, "VALUE");

	call_output(c, json_pack("{s:s, s:s, s:s, s:s?}", "list", s->list,
	    "address", call_arg(c, "ADDR"), "attribute",
	    call_arg(c, "NAME"), "value", value));
	call_done(c);
}

static void
correct_run(struct call *c)
{
	struct correcting *s = call_state(c);
	const char *name = call_arg(c, "NAME"), *value = call_arg(c, "VALUE");
	struct list l;

	if (!call_identity(c, "ADDR", &s->who) ||
	    !call_find_list(c, call_arg(c, "LIST"), &l))
		return;
	s->list = call_arg(c, "LIST");
	s->c = (struct correction){ .list = l.id, .hash = s->who.hash,
		.name = SLICE(name, strlen(name)),
		.value = SLICE(value, value != NULL ? strlen(value) : 0),
		.who = call_who(c), .now_ms = call_now(c),
		.clock_unsure = queue_clock_unsure(call_queue(c)) };
	call_write(c, STORE_S, CALL_URGENT, correct_apply, NULL, corrected);
}

/* ---- subscriber change-address */

struct changing {
	struct change_ask ask;
	struct optin_asked asked;
	struct optin_limits limits;
	struct identity	 from;
	const char	*list;		/* or "" */
};

static int
change_run_job(struct txn *t, void *arg, struct err *e)
{
	struct changing *s = arg;

	if (change_ask(t, &s->ask, &s->asked, e) == -1)
		return -1;
	return note_person(t, s->from.hash, s->ask.who, s->ask.now_ms,
	    "subscriber change-address", s->list, e);
}

static void
change_asked(struct call *c, void *arg)
{
	const struct changing *s = arg;
	enum optin_result r = s->asked.result;

	scheduler_notices_changed(call_scheduler(c));
	call_output(c, json_pack("{s:s, s:s, s:s, s:I}", "old",
	    call_arg(c, "OLD"), "new", call_arg(c, "NEW"), "result",
	    optin_result_name(r), "consent",
	    (json_int_t)s->asked.consent));
	if (r == OPTIN_ACCEPTED || r == OPTIN_PENDING)
		call_done(c);
	else
		call_fail(c, STATUS_NO, "not asked: %s",
		    optin_result_name(r));
}

static void
change_run(struct call *c)
{
	struct changing *s = call_state(c);
	const char *list = call_option(c, "list");
	bool all = call_option(c, "all") != NULL;
	struct list l = { .id = 0 };

	if ((list != NULL) == all) {
		call_fail(c, STATUS_USAGE, "say --list LIST or --all");
		return;
	}
	if (!call_identity(c, "OLD", &s->from) ||
	    (list != NULL && !call_find_list(c, list, &l)))
		return;
	s->list = list != NULL ? list : "";
	optin_limits_of(call_conf(c), &s->limits);
	s->ask = (struct change_ask){ .from = &s->from,
		.to = call_arg(c, "NEW"), .list = l.id, .who = call_who(c),
		.limits = &s->limits, .now_ms = call_now(c),
		.clock_unsure = queue_clock_unsure(call_queue(c)) };
	call_write(c, STORE_S, CALL_URGENT, change_run_job, NULL,
	    change_asked);
}

const struct control_verb control_person_verbs[] = {
	{ "subscriber correct", correct_run, sizeof(struct correcting),
	    NULL },
	{ "subscriber change-address", change_run, sizeof(struct changing),
	    NULL },
	{ NULL, NULL, 0, NULL },
};
