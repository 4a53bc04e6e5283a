/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control_excess.c - what is told of a campaign's similar mail, and who lets
 * one go whose Breidbart index passes.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "lib/err.h"
#include "listd/control_call.h"
#include "listd/control_excess.h"
#include "listd/posts.h"
#include "listd/role.h"
#include "spool/act.h"
#include "spool/campaign.h"
#include "spool/writer.h"

struct excess {
	uint32_t	 id;
	char		 index[32];
	const char	*who, *reason;
	int64_t		 now_ms;
};

static void
index_text(const struct campaign *m, char *out, size_t size)
{
	snprintf(out, size, "%u.%02u", m->excess / 100, m->excess % 100);
}

bool
excess_holds(const struct campaign *m)
{
	return m->state == CAMPAIGN_SCHEDULED && m->excess > POSTS_EXCESS &&
	    !m->excess_allowed;
}

void
excess_json(json_t *o, const struct campaign *m)
{
	char index[32], held[160];

	if (m->fingerprint.len == 0 && m->excess == 0)
		return;
	index_text(m, index, sizeof(index));
	json_object_set_new(o, "similar", json_integer((json_int_t)
	    m->similar));
	json_object_set_new(o, "bulk", json_boolean(m->similar > POSTS_BULK));
	json_object_set_new(o, "breidbart", json_string(index));
	if (m->excess_allowed)
		json_object_set_new(o, "excess_allowed", json_true());
	if (!excess_holds(m))
		return;
	snprintf(held, sizeof(held), "it would be the organization's "
	    "excessive cross-post: index %s, %d.%02d passes", index,
	    POSTS_EXCESS / 100, POSTS_EXCESS % 100);
	json_object_set_new(o, "held_excess", json_string(held));
}

/* ---- campaign resume */

static int
allow_apply(struct txn *t, void *arg, struct err *e)
{
	struct excess *s = arg;
	struct campaign m;
	int rc = campaign_get(t, s->id, &m, e);

	if (rc != 1)
		return rc == 0 ? 1 : -1;
	if (!excess_holds(&m)) {
		err_set(e, ERR_REFUSED, "campaign %u is not held any more",
		    s->id);
		return 1;
	}
	m.excess_allowed = true;
	m.changed_ms = s->now_ms;
	snprintf(m.changed_by, sizeof(m.changed_by), "%.*s",
	    CAMPAIGN_WHO_MAX - 1, s->who);
	return campaign_change(t, &m, e);
}

static void
allowed(struct call *c, void *arg)
{
	const struct excess *s = arg;

	call_plans_changed(c);
	call_output(c, json_pack("{s:I, s:s, s:b}", "id", (json_int_t)s->id,
	    "state", campaign_state_name(CAMPAIGN_SCHEDULED),
	    "excess_allowed", 1));
	call_done(c);
}

static void
noted(struct call *c, void *arg)
{
	call_write(c, STORE_Q, CALL_URGENT, allow_apply, arg, allowed);
}

static int
note_apply(struct txn *t, void *arg, struct err *e)
{
	const struct excess *s = arg;
	char object[32], old[64], new[EXCESS_REASON_MAX + 32];

	snprintf(object, sizeof(object), "campaign %u", s->id);
	snprintf(old, sizeof(old), "held, Breidbart index %s", s->index);
	snprintf(new, sizeof(new), "let go: %.*s", EXCESS_REASON_MAX,
	    s->reason);
	return act_note(t, s->who, s->now_ms, "campaign resume", object, old,
	    new, e);
}

void
excess_resume(struct call *c, const struct campaign *m)
{
	const char *reason = call_option(c, "reason");
	struct excess *s = call_alloc(c, sizeof(*s));

	index_text(m, s->index, sizeof(s->index));
	if (reason == NULL || reason[strspn(reason, " ")] == '\0') {
		call_fail(c, STATUS_NO, "campaign %u is held: with it the "
		    "organization's Breidbart index of similar mail in %d "
		    "days would be %s; whoever lets it go says why with "
		    "--reason", m->id, POSTS_DAYS, s->index);
		return;
	}
	if (strlen(reason) > EXCESS_REASON_MAX) {
		call_fail(c, STATUS_USAGE, "--reason: at most %d octets",
		    EXCESS_REASON_MAX);
		return;
	}
	s->id = m->id;
	s->who = call_who(c);
	s->reason = reason;
	s->now_ms = call_now(c);
	call_write(c, STORE_S, CALL_URGENT, note_apply, s, noted);
}
