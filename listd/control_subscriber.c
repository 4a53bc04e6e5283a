/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control_subscriber.c - members: subscriber add, remove, show, history,
 * export, erase.
 *
 * Whoever looks at what names a person leaves an act, as whoever changes it
 * does (S21).
 */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "lib/address.h"
#include "lib/err.h"
#include "lib/strbuf.h"
#include "listd/control_json.h"
#include "listd/control_stop.h"
#include "listd/control_verbs.h"
#include "listd/queue_api.h"
#include "listd/role.h"
#include "listd/scheduler.h"
#include "spool/act.h"
#include "spool/consent.h"
#include "spool/erase_kept.h"
#include "spool/leave.h"
#include "spool/list.h"
#include "spool/optin.h"
#include "spool/statement.h"
#include "spool/subscriber.h"
#include "spool/writer.h"

#define RAW_MAX	1024	/* octets of the words kept as the request */

/* ---- subscriber add */

struct add {
	struct optin_limits limits;
	struct ipc_subscribe in;
	struct optin_ask ask;
	struct optin_asked asked;
	char		 raw[RAW_MAX];
};

static int
add_apply(struct txn *t, void *arg, struct err *e)
{
	struct add *s = arg;
	char object[ACT_OBJECT_MAX];

	if (optin_request(t, &s->ask, &s->asked, e) == -1)
		return -1;
	snprintf(object, sizeof(object), "list %s", s->in.list);
	return act_note(t, s->in.evidence.agent, s->ask.now_ms,
	    "subscriber add", object, NULL,
	    optin_result_name(s->asked.result), e);
}

static void
added(struct call *c, void *arg)
{
	const struct add *s = arg;
	enum optin_result r = s->asked.result;

	scheduler_notices_changed(call_scheduler(c));
	call_output(c, json_pack("{s:s, s:s, s:s, s:I}", "list",
	    s->in.list, "address", s->in.address, "result",
	    optin_result_name(r), "consent",
	    (json_int_t)s->asked.consent));
	if (r == OPTIN_ACCEPTED || r == OPTIN_PENDING || r == OPTIN_MEMBER)
		call_done(c);
	else
		call_fail(c, STATUS_NO, "not asked: %s",
		    optin_result_name(r));
}

static void
add_run(struct call *c)
{
	struct add *s = call_state(c);
	const char *list = call_arg(c, "LIST"), *addr = call_arg(c, "ADDR");
	struct err e = ERR_INIT;

	if (strlen(list) >= sizeof(s->in.list) ||
	    strlen(addr) >= sizeof(s->in.address)) {
		call_fail(c, STATUS_USAGE, "a name that is too long");
		return;
	}
	snprintf(s->in.list, sizeof(s->in.list), "%s", list);
	snprintf(s->in.address, sizeof(s->in.address), "%s", addr);
	snprintf(s->in.evidence.channel, sizeof(s->in.evidence.channel),
	    "control");
	snprintf(s->in.evidence.agent, sizeof(s->in.evidence.agent), "%s",
	    call_who(c));
	snprintf(s->raw, sizeof(s->raw), "subscriber add %s %s", list, addr);
	s->in.evidence.raw = SLICE(s->raw, strlen(s->raw));
	s->in.evidence.when_ms = call_now(c);
	if (statement_keep(call_store(c), call_content(c), list,
	    s->in.evidence.form, &e) == -1) {
		call_error(c, &e);
		return;
	}
	optin_limits_of(call_conf(c), &s->limits);
	s->ask = (struct optin_ask){ .in = &s->in, .limits = &s->limits,
		.now_ms = call_now(c),
		.clock_unsure = queue_clock_unsure(call_queue(c)) };
	call_write(c, STORE_S, CALL_URGENT, add_apply, NULL, added);
}

/* ---- subscriber remove, erase */

struct leaving {
	struct leave	 leave;
	struct leave_result result;
	struct identity	 who;
	const char	*list;
	uint64_t	 removed;	/* memberships */
	bool		 erased;	/* anything at all */
	json_t		*kept;		/* what is not theirs alone */
};

static void
leaving_free(void *state)
{
	struct leaving *s = state;

	leave_result_free(&s->result);
	json_decref(s->kept);
}

static int
note_person(struct txn *t, const struct leaving *s, const char *verb,
    const char *list, struct err *e)
{
	char object[ACT_ADDRESS_LEN + 1], where[LIST_NAME_MAX + 8];

	act_address(s->who.hash, object);
	snprintf(where, sizeof(where), "list %s", list != NULL ? list : "");
	return act_note(t, s->leave.who, s->leave.now_ms, verb, object, NULL,
	    list != NULL ? where : NULL, e);
}

static int
remove_apply(struct txn *t, void *arg, struct err *e)
{
	struct leaving *s = arg;
	struct member m;
	int rc = subscriber_find(t, s->leave.list, s->who.hash, &m, e);

	if (rc == 0)
		err_set(e, ERR_NOTFOUND, "no such member");
	if (rc != 1)
		return job_answer(-1, e);
	if (leave_apply(t, &s->leave, &s->result, e) == -1)
		return -1;
	return note_person(t, s, "subscriber remove", s->list, e);
}

static void
remove_told(struct call *c)
{
	const struct leaving *s = call_state(c);

	call_output(c, json_pack("{s:s, s:s, s:b}", "list", s->list,
	    "removed", call_arg(c, "ADDR"), "suppressed", 1));
	call_done(c);
}

static void
removed(struct call *c, void *arg)
{
	const struct leaving *s = arg;

	stop_members(c, s->result.gone, s->result.n, remove_told);
}

static void
remove_run(struct call *c)
{
	struct leaving *s = call_state(c);
	struct list l;

	if (!call_identity(c, "ADDR", &s->who) ||
	    !call_find_list(c, call_arg(c, "LIST"), &l))
		return;
	s->list = call_arg(c, "LIST");
	s->leave = (struct leave){ .reason = SUPPRESSION_OWNER,
		.setter = SUPPRESSION_BY_OWNER, .scope = SUPPRESSION_LIST,
		.list = l.id, .org = l.org, .who = call_who(c),
		.now_ms = call_now(c),
		.clock_unsure = queue_clock_unsure(call_queue(c)) };
	memcpy(s->leave.hash, s->who.hash, sizeof(s->leave.hash));
	call_write(c, STORE_S, CALL_RESERVE, remove_apply, NULL, removed);
}

/* In as many transactions as it takes; the act goes with the first. */
static int
erase_apply(struct txn *t, void *arg, struct err *e)
{
	struct leaving *s = arg;

	if (leave_erase(t, s->who.hash, s->leave.who, s->leave.now_ms,
	    &s->result, e) == -1)
		return -1;
	if (!s->result.changed)
		return 0;
	return note_person(t, s, "subscriber erase", NULL, e);
}

static void erase_more(struct call *c);

static void
erased(struct call *c, void *arg)
{
	struct leaving *s = arg;

	s->removed += s->result.n;
	if (s->result.changed) {
		s->erased = true;
		stop_members(c, s->result.gone, s->result.n, erase_more);
		return;
	}
	scheduler_mailbox_erased(call_scheduler(c), s->who.mailbox);
	call_output(c, json_pack("{s:b, s:I, s:O}", "erased",
	    s->erased, "memberships", (json_int_t)s->removed, "kept", s->kept));
	call_done(c);
}

static void
erase_more(struct call *c)
{
	call_write(c, STORE_S, CALL_RESERVE, erase_apply, NULL, erased);
}

static void
erase_run(struct call *c)
{
	struct leaving *s = call_state(c);
	struct err e = ERR_INIT;
	struct txn *t;
	int rc;

	if (!call_identity(c, "ADDR", &s->who))
		return;
	s->leave.who = call_who(c);
	s->leave.now_ms = call_now(c);
	if ((t = call_read(c, STORE_S)) == NULL)
		return;
	s->kept = json_array();
	rc = erase_kept(t, s->who.hash, s->kept, &e);
	txn_end(t);
	if (rc == -1)
		call_error(c, &e);
	else
		erase_more(c);
}

/* ---- what is told of a member */

static void
set_attributes(json_t *o, struct txn *t, const struct member *m,
    struct err *e)
{
	struct slice json;
	json_t *v;

	if (attributes_get(t, m->subscriber, &json, e) == 1 &&
	    (v = json_loadb((const char *)json.p, json.len, 0, NULL)) != NULL)
		json_object_set_new(o, "attributes", v);
}

/* A new object, or NULL with e. */
static json_t *
member_json(struct txn *t, const struct member *m, struct err *e)
{
	struct strbuf address = STRBUF_INIT(2 * ADDRESS_TEXT_MAX);
	char domain[256];
	json_t *o;
	int rc = domain_name(t, m->domain, domain, e);

	if (rc == 0)
		err_set(e, ERR_DAMAGED, "domain %u has no name", m->domain);
	if (rc != 1)
		return NULL;
	strbuf_addf(&address, "%s@%s", m->local, domain);
	o = json_pack("{s:s, s:s, s:I, s:I, s:o}", "address", address.s,
	    "state", member_state_name(m->state), "subscriber",
	    (json_int_t)m->subscriber, "consent", (json_int_t)m->consent,
	    "created", json_time(m->created_ms));
	if (m->import != 0)
		json_object_set_new(o, "import", json_integer(m->import));
	set_attributes(o, t, m, e);
	strbuf_free(&address);
	return o;
}

/* ---- the act of looking, before anything is shown */

struct look {
	struct identity	 who;
	const char	*verb, *operator, *object;
	char		 buf[ACT_OBJECT_MAX];
	int64_t		 now_ms;
	struct member	 at;		/* export: the last one told */
	uint32_t	 list, org;	/* export; else 0 */
	uint64_t	 next;		/* history: first index not told */
};

static int
look_apply(struct txn *t, void *arg, struct err *e)
{
	struct look *s = arg;
	const struct consent c = { .kind = CONSENT_EXPORTED,
	    .when_ms = s->now_ms, .list = s->list, .org = s->org,
	    .channel = consent_text("control"),
	    .setter = consent_text(s->operator),
	    .note = consent_text("members of the list") };

	/* Whoever takes a whole list away leaves an entry of it (S21). */
	if (s->list != 0 && consent_append(t, &c, NULL, e) == -1)
		return -1;
	return act_note(t, s->operator, s->now_ms, s->verb, s->buf, NULL,
	    NULL, e);
}

/* Note verb on the person (or on the list named), then go on. */
static void
look_begin(struct call *c, const char *verb, const char *list,
    call_then *then)
{
	struct look *s = call_state(c);

	s->verb = verb;
	s->operator = call_who(c);
	s->now_ms = call_now(c);
	if (list != NULL)
		snprintf(s->buf, sizeof(s->buf), "list %s", list);
	else
		act_address(s->who.hash, s->buf);
	call_write(c, STORE_S, CALL_URGENT, look_apply, NULL, then);
}

/* ---- subscriber show */

static json_t *
memberships(struct txn *t, const uint8_t *hash, struct err *e)
{
	json_t *a = json_array(), *o;
	struct member m = { .list = 0 };
	uint32_t from = 1;
	struct list l;
	int rc;

	while ((rc = subscriber_next_of(t, hash, from, &m, e)) == 1) {
		if ((o = member_json(t, &m, e)) == NULL ||
		    (rc = list_get(t, m.list, &l, e)) == -1) {
			json_decref(o);
			rc = -1;
			break;
		}
		json_object_set_new(o, "list", json_string(rc == 1 ? l.name :
		    ""));
		json_array_append_new(a, o);
		if (m.list == UINT32_MAX)
			break;
		from = m.list + 1;
	}
	if (rc != -1)
		return a;
	json_decref(a);
	return NULL;
}

static json_t *
suppressions(struct txn *t, const uint8_t *hash, struct err *e)
{
	struct suppression s = { .id = 0 };
	json_t *a = json_array();
	int rc;

	memcpy(s.hash, hash, sizeof(s.hash));
	while ((rc = suppression_next(t, &s, e)) == 1 &&
	    memcmp(s.hash, hash, sizeof(s.hash)) == 0)
		json_array_append_new(a, json_pack("{s:s, s:I, s:s, s:o}",
		    "scope", suppression_scope_name(s.scope), "id",
		    (json_int_t)s.id, "reason",
		    suppression_reason_name(s.reason), "since",
		    json_time(s.when_ms)));
	if (rc != -1)
		return a;
	json_decref(a);
	return NULL;
}

static void
show_noted(struct call *c, void *arg)
{
	const struct look *s = arg;
	struct txn *t = call_read(c, STORE_S);
	struct err e = ERR_INIT;
	json_t *lists, *blocks = NULL;

	if (t == NULL)
		return;
	if ((lists = memberships(t, s->who.hash, &e)) == NULL ||
	    (blocks = suppressions(t, s->who.hash, &e)) == NULL) {
		json_decref(lists);
		call_error(c, &e);
	} else {
		call_output(c, json_pack("{s:s, s:o, s:o, s:o}", "address",
		    call_arg(c, "ADDR"), "hash", json_hex(s->who.hash,
		    sizeof(s->who.hash)), "memberships", lists,
		    "suppressions", blocks));
		call_done(c);
	}
	txn_end(t);
}

static void
show_run(struct call *c)
{
	struct look *s = call_state(c);

	if (call_identity(c, "ADDR", &s->who))
		look_begin(c, "subscriber show", NULL, show_noted);
}

/* ---- subscriber history */

static int
history_step(struct call *c)
{
	struct look *s = call_state(c);
	struct txn *t = call_read(c, STORE_S);
	struct err e = ERR_INIT;
	struct consent entry;
	uint64_t index;
	int rc = 1;

	if (t == NULL)
		return 0;
	for (int i = 0; i < CALL_SLICE_ROWS && rc == 1 && !call_busy(c);
	    i++) {
		rc = consent_next_of(t, s->who.hash, s->next, &index, &e);
		if (rc != 1)
			break;
		s->next = index + 1;
		if ((rc = consent_get(t, index, &entry, &e)) == 1)
			call_output(c, consent_json(index, &entry));
		else if (rc == 0)
			rc = 1;		/* erased meanwhile */
	}
	txn_end(t);
	if (rc == -1)
		call_error(c, &e);
	return rc == 1;
}

static void
history_noted(struct call *c, void *arg)
{
	struct look *s = arg;

	s->next = 1;
	call_stream(c, history_step);
}

static void
history_run(struct call *c)
{
	struct look *s = call_state(c);

	if (call_identity(c, "ADDR", &s->who))
		look_begin(c, "subscriber history", NULL, history_noted);
}

/* ---- subscriber export */

static int
export_step(struct call *c)
{
	struct look *s = call_state(c);
	struct txn *t = call_read(c, STORE_S);
	struct err e = ERR_INIT;
	struct member m;
	json_t *o;
	int rc = 1;

	if (t == NULL)
		return 0;
	for (int i = 0; i < CALL_SLICE_ROWS && rc == 1 && !call_busy(c);
	    i++) {
		rc = subscriber_next(t, s->list, &s->at, &m, &e);
		if (rc != 1)
			break;
		s->at = m;
		if ((o = member_json(t, &m, &e)) == NULL)
			rc = -1;
		else
			call_output(c, o);
	}
	txn_end(t);
	if (rc == -1)
		call_error(c, &e);
	return rc == 1;
}

static void
export_noted(struct call *c, void *arg)
{
	(void)arg;
	call_stream(c, export_step);
}

static void
export_run(struct call *c)
{
	struct look *s = call_state(c);
	struct list l;

	if (!call_find_list(c, call_arg(c, "LIST"), &l))
		return;
	s->list = l.id;
	s->org = l.org;
	look_begin(c, "subscriber export", l.name, export_noted);
}

const struct control_verb control_subscriber_verbs[] = {
	{ "subscriber add", add_run, sizeof(struct add), NULL },
	{ "subscriber remove", remove_run, sizeof(struct leaving),
	    leaving_free },
	{ "subscriber erase", erase_run, sizeof(struct leaving),
	    leaving_free },
	{ "subscriber show", show_run, sizeof(struct look), NULL },
	{ "subscriber history", history_run, sizeof(struct look), NULL },
	{ "subscriber export", export_run, sizeof(struct look), NULL },
	{ NULL, NULL, 0, NULL },
};
