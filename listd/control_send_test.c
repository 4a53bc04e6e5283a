/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control_send_test.c - campaign send --test: one copy to one address.
 *
 * It may go to people who asked for no mail of the list, and so leaves an act
 * and is counted (S45).  What was made for it alone is taken back.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "lib/err.h"
#include "listd/control_json.h"
#include "listd/control_send.h"
#include "listd/control_verbs.h"
#include "listd/role.h"
#include "listd/scheduler.h"
#include "spool/act.h"
#include "spool/list.h"
#include "spool/org.h"
#include "spool/subscriber.h"
#include "spool/suppression.h"
#include "spool/throttle.h"

#define TEST_STRANGERS	10	/* tests of a list a day, see is_ours() */
#define TEST_WINDOW_MS	(24ll * 3600 * 1000)

static struct throttle_rule
strangers_rule(const struct sending *s)
{
	return (struct throttle_rule){ THROTTLE_TEST,
		SLICE(&s->want.list, sizeof(s->want.list)), TEST_STRANGERS,
		TEST_WINDOW_MS };
}

/* ---- whom */

/* The owner, a member, or at a domain of the organization: 1, 0, -1. */
static int
is_ours(struct call *c, struct txn *t, const struct list *l,
    const struct sending *s, struct err *e)
{
	struct identity owner;
	struct member m;
	int rc;

	if (identity_parse(store_keys(call_store(c)), l->owner,
	    strlen(l->owner), 0, &owner, e) == -1)
		return -1;
	if (memcmp(s->to.hash, owner.hash, sizeof(s->to.hash)) == 0)
		return 1;
	rc = subscriber_find(t, l->id, s->to.hash, &m, e);
	if (rc == -1 || (rc == 1 && m.state == MEMBER_ACTIVE))
		return rc;
	return org_domain_covers(t, l->org, s->to.folded.domain, e);
}

/*
 * Nobody gets a test who does not want to hear of this sender, and few do who
 * are strangers: owners look at their mail in mailboxes elsewhere.
 */
bool
send_may_test(struct call *c, struct txn *t, const struct list *l,
    struct sending *s)
{
	const struct throttle_rule rule = strangers_rule(s);
	struct suppression block;
	struct err e = ERR_INIT;
	int rc = suppression_blocks(t, s->to.hash, l->id, l->org, 0, &block,
	    &e);

	if (rc == 1) {
		call_fail(c, STATUS_NO, "the address is suppressed: %s",
		    suppression_reason_name(block.reason));
		return false;
	}
	if (rc == 0 && (rc = is_ours(c, t, l, s, &e)) == 0) {
		s->stranger = true;
		rc = throttle_check(t, &rule, s->now_ms, &e);
	}
	if (rc == 0)
		call_fail(c, STATUS_NO, "%d tests of this list went to "
		    "addresses of others in 24 hours; members, the owner and "
		    "the organization's own domains are not counted",
		    TEST_STRANGERS);
	else if (rc == -1)
		call_error(c, &e);
	return rc == 1;
}

/* ---- the copy */

static void
test_over(struct call *c, void *arg)
{
	const struct sending *s = arg;
	json_t *o = json_pack("{s:s, s:b, s:i, s:s}", "test",
	    call_option(c, "test"), "delivered", (int)s->delivered, "code",
	    (int)s->code, "text", s->text);
	json_t *findings = json_loadb(s->findings.s, s->findings.len, 0, NULL);

	if (findings != NULL)
		json_object_set_new(o, "findings", findings);
	call_output(c, o);
	if (s->delivered)
		call_done(c);
	else
		call_fail(c, STATUS_NO, "the test was not delivered: %s",
		    s->text);
}

/* What this call made only for its test is taken back. */
static void
end_test(struct call *c, struct sending *s)
{
	s->end = CAMPAIGN_CANCELLED;
	if (s->existed)
		test_over(c, s);
	else
		call_write(c, STORE_Q, CALL_URGENT, sending_end_apply, NULL,
		    test_over);
}

static void
tested(void *arg, const struct ipc_outcome *o, const char *why)
{
	struct sending *s = arg;

	if (!call_resume(s->call))
		return;
	if (o == NULL) {
		snprintf(s->text, sizeof(s->text), "%s", why);
	} else {
		s->delivered = o->result == IPC_DELIVERED;
		s->code = o->code;
		snprintf(s->text, sizeof(s->text), "%s", o->text);
	}
	end_test(s->call, s);
}

/* The message is one that may go: now it is counted, and on record. */
static int
test_apply(struct txn *t, void *arg, struct err *e)
{
	const struct sending *s = arg;
	const struct throttle_rule rule = strangers_rule(s);
	char object[32], who[ACT_ADDRESS_LEN + 1];

	if (s->stranger && throttle_hit(t, &rule, s->now_ms, 1, e) == -1)
		return -1;
	snprintf(object, sizeof(object), "list %u", s->want.list);
	act_address(s->to.hash, who);
	return act_note(t, s->who, s->now_ms, "campaign test", object, NULL,
	    who, e);
}

static void
test_noted(struct call *c, void *arg)
{
	struct sending *s = arg;
	const struct scheduler_test t = { .campaign = s->c.id,
		.list = s->c.list, .local = s->to.typed.local,
		.domain = s->to.typed.domain, .done = tested, .arg = s };

	call_hold(c);
	scheduler_test(call_scheduler(c), &t);
}

void
send_test(struct call *c, struct sending *s)
{
	call_write(c, STORE_S, CALL_URGENT, test_apply, s, test_noted);
}
