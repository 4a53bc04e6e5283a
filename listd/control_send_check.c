/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control_send_check.c - campaign send: may the list send, is it awake, and
 * what are its copies made with.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/address.h"
#include "lib/conf.h"
#include "lib/date.h"
#include "lib/err.h"
#include "listd/campaign_params.h"
#include "listd/control_send.h"
#include "listd/control_verbs.h"
#include "listd/role.h"
#include "spool/act.h"
#include "spool/dormancy.h"
#include "spool/list.h"

static bool
may_send(struct call *c, struct txn *t, const struct list *l)
{
	struct strbuf why = STRBUF_INIT(2048);
	struct err e = ERR_INIT;
	unsigned bits;

	if (list_may_send(t, l->id, &bits, &e) == -1) {
		call_error(c, &e);
		return false;
	}
	list_why_text(bits, &why);
	if (bits != 0)
		call_fail(c, STATUS_NO, "the list %s may not send:\n%.*s",
		    l->name, (int)why.len - 1, why.s);
	strbuf_free(&why);
	return bits == 0;
}

/* S69: a list that was silent for long says so first. */
static bool
is_awake(struct call *c, struct txn *t, const struct list *l,
    const struct sending *s)
{
	int months = (int)call_conf(c)->dormant_months;
	char day[DATE_DAY_LEN + 1];
	struct err e = ERR_INIT;
	int64_t since;
	struct txn *q;
	int rc;

	if ((q = call_read(c, STORE_Q)) == NULL)
		return false;
	rc = dormancy_silent_since(t, q, l, &since, &e);
	txn_end(q);
	if (rc == -1) {
		call_error(c, &e);
		return false;
	}
	if (!dormancy_is(since, s->now_ms, months))
		return true;
	date_day(since, day);
	call_fail(c, STATUS_NO, "the list %s has not been heard of since %s, "
	    "%d months or more: its members will not remember it.  Send with "
	    "--reminder, which says at the top of each text why it comes and "
	    "how to leave", l->name, day, months);
	return false;
}

bool
send_may(struct call *c, struct txn *t, const struct list *l,
    struct sending *s)
{
	if (!may_send(c, t, l))
		return false;
	if (s->test)
		return send_may_test(c, t, l, s);
	return s->reminder || is_awake(c, t, l, s);
}

bool
send_params(struct call *c, struct sending *s, const struct list *l)
{
	json_t *params = campaign_params_new(call_conf(c), l,
	    store_keys(call_store(c)));

	if (s->test)
		json_object_set_new(params, "test", json_true());
	if (s->reminder)
		json_object_set_new(params, "reminder", json_true());
	if (s->approved.len > 0)
		json_object_set_new(params, "approved",
		    json_string(s->approved.s));
	s->params = json_dumps(params, JSON_COMPACT);
	json_decref(params);
	s->want.created_ms = s->want.changed_ms = s->now_ms;
	snprintf(s->want.created_by, sizeof(s->want.created_by), "%.*s",
	    CAMPAIGN_WHO_MAX - 1, s->who);
	memcpy(s->want.changed_by, s->want.created_by,
	    sizeof(s->want.changed_by));
	if (s->params == NULL)
		call_fail(c, STATUS_AGAIN, "no memory");
	return s->params != NULL;
}

void
send_like(struct sending *s, const struct campaign *m)
{
	json_t *params = json_loadb((const char *)m->params.p, m->params.len,
	    0, NULL);
	const char *names = json_string_value(json_object_get(params,
	    "approved"));

	s->reminder = dormancy_reminds(m);
	if (names != NULL)
		strbuf_adds(&s->approved, names);
	json_decref(params);
}

/* ---- addresses to answer to, approved by name */

bool
send_approved(struct call *c, struct sending *s)
{
	const char *p = call_option(c, "approve");
	struct err e = ERR_INIT;
	struct address a;
	size_t n;

	for (; p != NULL && *p != '\0'; p += n + (p[n] == ',')) {
		n = strcspn(p, ",");
		if (address_parse(p, n, 0, &a, &e) == -1 ||
		    address_fold(&a, &a, &e) == -1) {
			call_error(c, &e);
			return false;
		}
		if (s->approved.len > 0)
			strbuf_addc(&s->approved, ' ');
		address_format(&s->approved, &a);
	}
	if (s->approved.overflow)
		call_fail(c, STATUS_USAGE, "--approve: too many addresses");
	return !s->approved.overflow;
}

int
send_approve_apply(struct txn *t, void *arg, struct err *e)
{
	const struct sending *s = arg;
	char object[32];

	snprintf(object, sizeof(object), "campaign %u", s->live);
	return act_note(t, s->who, s->now_ms, "campaign approve", object,
	    NULL, s->approved.s, e);
}
