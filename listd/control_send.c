/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control_send.c - from a message file to a campaign at work: campaign send,
 * campaign resend-failed.
 *
 *	take the file in -> row PREPARING -> a deliver role compiles, lints and
 *	verifies -> release (release.h), or REFUSED with the findings
 *
 * Sent twice, a message is one campaign: the second call is told the first
 * one's id (P5).  A row that a crash left PREPARING is given up and made anew.
 * A test makes a row, sends one copy, and gives the row up
 * (control_send_test.c).
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/address.h"
#include "lib/conf.h"
#include "lib/date.h"
#include "lib/err.h"
#include "lib/strbuf.h"
#include "lib/sys/log.h"
#include "listd/control_excess.h"
#include "listd/control_intake.h"
#include "listd/control_json.h"
#include "listd/control_send.h"
#include "listd/control_verbs.h"
#include "listd/retry.h"
#include "listd/role.h"
#include "listd/scheduler.h"
#include "spool/act.h"
#include "spool/campaign.h"
#include "spool/content.h"
#include "spool/list.h"
#include "spool/org.h"
#include "spool/subscriber.h"
#include "spool/throttle.h"
#include "spool/writer.h"

#define PLAN_LATE_MS	(5ll * 60 * 1000)	/* of a time that is past */

static void
sending_free(void *state)
{
	struct sending *s = state;

	intake_close(&s->file);
	free(s->params);
	strbuf_free(&s->findings);
	strbuf_free(&s->print);
	strbuf_free(&s->approved);
}

static void
sending_init(struct call *c, struct sending *s)
{
	intake_init(&s->file);
	s->call = c;
	s->who = call_who(c);
	s->now_ms = call_now(c);
	s->asked_ms = call_mono(c);
	strbuf_init(&s->findings, CAMPAIGN_FINDINGS_MAX);
	strbuf_init(&s->print, CAMPAIGN_FINGERPRINT_MAX);
	strbuf_init(&s->approved, SEND_APPROVED_MAX);
}

/* ---- the answer */

static json_t *
answer(const struct sending *s)
{
	json_t *o = json_pack("{s:I, s:s, s:b}", "id", (json_int_t)s->c.id,
	    "state", campaign_state_name(s->c.state), "existed",
	    (int)s->existed);
	json_t *findings = json_loadb(s->findings.s, s->findings.len, 0, NULL);

	if (s->c.state == CAMPAIGN_RUNNING || s->c.state == CAMPAIGN_PAUSED ||
	    s->c.state == CAMPAIGN_FINISHED)
		json_object_set_new(o, "count",
		    json_integer((json_int_t)s->c.count));
	if (s->c.state == CAMPAIGN_SCHEDULED)
		json_object_set_new(o, "send_at", json_time(s->c.send_at_ms));
	excess_json(o, &s->c);
	if (findings != NULL)
		json_object_set_new(o, "findings", findings);
	return o;
}

static void
answered(struct call *c, const struct sending *s)
{
	call_output(c, answer(s));
	call_done(c);
}

/* ---- rows that are given up: refused, or of a test */

int
sending_end_apply(struct txn *t, void *arg, struct err *e)
{
	struct sending *s = arg;
	struct campaign c;
	int rc = campaign_get(t, s->c.id, &c, e);

	if (rc != 1)
		return rc;
	if (c.state != CAMPAIGN_PREPARING)
		return 0;	/* somebody else ended it */
	c.state = s->end;
	c.ended_ms = c.changed_ms = s->now_ms;
	if (s->end == CAMPAIGN_REFUSED)
		c.findings = SLICE(s->findings.s, s->findings.len);
	return campaign_change(t, &c, e);
}

static void
refused(struct call *c, void *arg)
{
	struct sending *s = arg;

	s->c.state = s->end;
	call_output(c, answer(s));
	call_fail(c, STATUS_NO, "the message is refused%s%s",
	    s->text[0] != '\0' ? ": " : "", s->text);
}

/* ---- release */

/* It is durable; commit_ms are the two commits alone (release.h). */
static void
log_release(struct call *c, const struct sending *s)
{
	int64_t now = call_mono(c);
	struct log_line l;

	log_begin(&l, LEVEL_NOTICE, "campaign-released");
	log_hex(&l, "campaign", s->c.id);
	log_int(&l, "list", s->c.list);
	log_int(&l, "count", (int64_t)s->c.count);
	log_int(&l, "commit_ms", now - s->good_ms);
	log_int(&l, "ms", now - s->asked_ms);
	log_end(&l);
}

static void
released(struct call *c, void *arg)
{
	struct sending *s = call_state(c);

	(void)arg;
	s->c = s->release.c;
	if (s->c.state == CAMPAIGN_SCHEDULED) {
		call_plans_changed(c);
	} else {
		log_release(c, s);
		scheduler_campaign_changed(call_scheduler(c), s->c.id);
	}
	answered(c, s);
}

static void
release_checked(struct call *c, void *arg)
{
	release_judge(arg, call_scheduler(c));
	call_write(c, STORE_Q, CALL_URGENT, release_apply, arg, released);
}

static void
release(struct call *c, struct sending *s)
{
	struct err e = ERR_INIT;

	/* Who gave up waiting did not see the findings. */
	if (call_gone(c)) {
		call_fail(c, STATUS_AGAIN, "the client went away");
		return;
	}
	s->c.fingerprint = SLICE(s->print.s, s->print.len);
	if (release_init(&s->release, call_queue(c), &s->c, s->who,
	    &e) == -1) {
		call_error(c, &e);
		return;
	}
	s->good_ms = call_mono(c);
	s->release.send_at_ms = s->send_at_ms;
	s->release.findings = SLICE(s->findings.s, s->findings.len);
	if (!release_foresee(&s->release, call_scheduler(c)))
		call_write(c, STORE_Q, CALL_URGENT, release_apply,
		    &s->release, released);
	else
		call_write(c, STORE_S, CALL_URGENT, release_check,
		    &s->release, release_checked);
}

/* ---- prepare */

static void
prepared(void *arg, const struct ipc_prepared *r)
{
	struct sending *s = arg;
	struct call *c = s->call;

	if (!call_resume(c))
		return;
	if (r == NULL) {
		call_fail(c, STATUS_AGAIN, "no deliver role is ready to check "
		    "the message; nothing was sent");
		return;
	}
	strbuf_add(&s->findings, r->findings.p, r->findings.len);
	strbuf_add(&s->print, r->fingerprint.p, r->fingerprint.len);
	if (s->findings.overflow)
		strbuf_reset(&s->findings);
	snprintf(s->text, sizeof(s->text), "%s", r->text);
	if (!r->ok) {
		s->end = CAMPAIGN_REFUSED;
		call_write(c, STORE_Q, CALL_URGENT, sending_end_apply,
		    NULL, refused);
	} else if (s->test)
		send_test(c, s);
	else
		release(c, s);
}

static void
prepare(struct call *c, struct sending *s)
{
	call_progress(c, "checking the message");
	call_hold(c);
	scheduler_prepare(call_scheduler(c), s->c.id, prepared, s);
}

/* ---- the row */

static int
give_up(struct txn *t, const struct sending *s, struct err *e)
{
	struct campaign c;
	int rc = campaign_get(t, s->stale, &c, e);

	if (rc != 1 || c.state != CAMPAIGN_PREPARING)
		return rc == -1 ? -1 : 0;
	c.state = CAMPAIGN_CANCELLED;
	c.ended_ms = c.changed_ms = s->now_ms;
	return campaign_change(t, &c, e);
}

/* Another campaign over the same failed set that is not dead. */
static int
find_resent(struct txn *t, struct sending *s, struct err *e)
{
	struct campaign c = { .id = s->want.failed_of };
	int rc;

	while ((rc = campaign_next(t, c.id, &c, e)) == 1)
		if (c.failed_of == s->want.failed_of && c.id != s->stale &&
		    c.state != CAMPAIGN_REFUSED &&
		    c.state != CAMPAIGN_CANCELLED) {
			s->c.id = c.id;
			s->existed = true;
			break;
		}
	return rc;
}

static int
create_apply(struct txn *t, void *arg, struct err *e)
{
	struct sending *s = arg;
	int rc = 0;

	s->existed = false;
	s->c = s->want;
	s->c.params = SLICE(s->params, strlen(s->params));
	if (s->stale != 0 && (rc = give_up(t, s, e)) != 0)
		return rc;
	if (s->want.failed_of != 0 && (rc = find_resent(t, s, e)) == -1)
		return -1;
	if (!s->existed && (rc = campaign_create(t, &s->c, &s->existed,
	    e)) != 0)
		return rc;
	if (s->existed && (rc = campaign_get(t, s->c.id, &s->c, e)) != 1)
		return -1;
	campaign_detach(&s->c);
	return 0;
}

static bool
is_sending(const void *state, const void *arg)
{
	const struct sending *s = state;

	return s->live == *(const uint32_t *)arg;
}

static void create(struct call *c, struct sending *s);

/* A row that was there already: at work, under way here, or left behind. */
static void
meet(struct call *c, struct sending *s)
{
	const struct sending *other = call_other(c, is_sending, &s->c.id);

	if (s->c.state != CAMPAIGN_PREPARING) {
		if (s->test)
			send_test(c, s);
		else
			answered(c, s);
	} else if (other != NULL && !other->test && !s->test) {
		answered(c, s);
	} else if (other != NULL) {
		call_fail(c, STATUS_AGAIN, "the same message is being tested "
		    "or sent at this moment");
	} else {
		s->stale = s->c.id;
		create(c, s);
	}
}

static void
approved(struct call *c, void *arg)
{
	prepare(c, arg);
}

static void
created(struct call *c, void *arg)
{
	struct sending *s = arg;

	if (s->existed) {
		meet(c, s);
		return;
	}
	s->live = s->c.id;
	if (s->approved.len > 0)
		call_write(c, STORE_S, CALL_URGENT, send_approve_apply, s,
		    approved);
	else
		prepare(c, s);
}

static void
create(struct call *c, struct sending *s)
{
	call_write(c, STORE_Q, CALL_URGENT, create_apply, s, created);
}

/* ---- before the row */

static void
envelope_proved(struct call *c)
{
	struct sending *s = call_state(c);

	if (s->prove.claim.proof != ORG_PROOF_NONE) {
		create(c, s);
		return;
	}
	call_output(c, prove_json(&s->prove.claim));
	call_fail(c, s->prove.unsure ? STATUS_AGAIN : STATUS_NO, "nobody has "
	    "proven %s, the domain of the return paths: publish its DKIM key "
	    "or the record, and send again", s->prove.claim.domain);
}

/* Where reports are sent must be ours (S9, S54): the host answers for it. */
static void
prove_envelope(struct call *c, struct sending *s, uint32_t org)
{
	snprintf(s->prove.domain, sizeof(s->prove.domain), "%s",
	    call_conf(c)->bounce_domain);
	s->prove.org = org;
	prove_start(c, envelope_proved);
}

/* Check list, address and domains, fix the parameters, and make the row. */
static void
begin(struct call *c, struct sending *s)
{
	struct txn *t = call_read(c, STORE_S);
	struct org host = { .id = 0 };
	struct err e = ERR_INIT;
	int rc, proven = 0;
	struct list l;
	bool ok;

	if (t == NULL)
		return;
	if ((rc = list_get(t, s->want.list, &l, &e)) == 0)
		call_fail(c, STATUS_NO, "the list is gone");
	s->want.org = rc == 1 ? l.org : 0;
	ok = rc == 1 && send_may(c, t, &l, s);
	if (ok && ((proven = org_domain_known(t, call_conf(c)->bounce_domain,
	    &e)) == -1 || org_find(t, ORG_DEFAULT, &host, &e) == -1))
		rc = -1;
	txn_end(t);
	if (rc == -1)
		call_error(c, &e);
	else if (ok && send_params(c, s, &l)) {
		if (proven == 1)
			create(c, s);
		else
			prove_envelope(c, s, host.id != 0 ? host.id : l.org);
	}
}

/* ---- campaign send */

static int
intake_work(void *arg, struct err *e)
{
	struct sending *s = arg;

	return intake_run(&s->file, e);
}

static void
taken_in(struct call *c, void *arg)
{
	struct sending *s = arg;

	memcpy(s->want.content, s->file.hash, sizeof(s->want.content));
	begin(c, s);
}

/* The time of an option, 0 without it.  False: the call was ended. */
static bool
time_option(struct call *c, const char *name, int64_t *ms_r)
{
	const char *text = call_option(c, name);
	struct err e = ERR_INIT;

	*ms_r = 0;
	if (text == NULL || date_parse(text, strlen(text), ms_r, &e) == 0)
		return true;
	call_error(c, &e);
	return false;
}

/* When it begins, and when what is left expires. */
static bool
read_times(struct call *c, struct sending *s)
{
	int64_t by, from;

	if (!time_option(c, "at", &s->send_at_ms) ||
	    !time_option(c, "send-by", &by))
		return false;
	from = s->send_at_ms > s->now_ms ? s->send_at_ms : s->now_ms;
	if (s->send_at_ms != 0 && s->send_at_ms < s->now_ms - PLAN_LATE_MS) {
		/* A slip in the date must not send to everybody at once. */
		call_fail(c, STATUS_USAGE, "--at: that time is past; without "
		    "it the mail goes at once");
		return false;
	}
	if (by != 0 && by <= from) {
		call_fail(c, STATUS_USAGE, "--send-by: that is before the "
		    "mail would begin to go");
		return false;
	}
	if (by - from > RETRY_LIFE_MAX) {
		call_fail(c, STATUS_USAGE, "--send-by: mail is tried for five "
		    "days at most");
		return false;
	}
	s->want.send_by_ms = by;
	return true;
}

static bool
read_options(struct call *c, struct sending *s)
{
	const char *to = call_option(c, "test");
	struct err e = ERR_INIT;

	s->reminder = call_option(c, "reminder") != NULL;
	if (!call_after(c, &s->want.after) || !read_times(c, s) ||
	    !send_approved(c, s))
		return false;
	if (to == NULL)
		return true;
	if (s->send_at_ms != 0 || s->want.send_by_ms != 0) {
		call_fail(c, STATUS_USAGE, "a test goes at once");
		return false;
	}
	s->test = true;
	if (identity_parse(store_keys(call_store(c)), to, strlen(to), 0,
	    &s->to, &e) == 0)
		return true;
	call_error(c, &e);
	return false;
}

static void
send_run(struct call *c)
{
	struct sending *s = call_state(c);
	const struct conf *conf = call_conf(c);
	struct list l;

	sending_init(c, s);
	if (!read_options(c, s) ||
	    !call_find_list(c, call_arg(c, "LIST"), &l))
		return;
	s->want.list = l.id;
	s->file.fd = call_take_file(c, "FILE");
	s->file.max = l.max_message != 0 ? l.max_message :
	    (uint64_t)conf->max_message_size;
	s->file.content = call_content(c);
	s->file.stop = call_stopping(c);
	call_work(c, intake_work, NULL, taken_in);
}

/* ---- campaign resend-failed */

static void
resend_run(struct call *c)
{
	struct sending *s = call_state(c);
	uint32_t id = call_number(c, "ID");
	struct err e = ERR_INIT;
	struct campaign of;
	struct tally v;
	struct txn *t;
	uint64_t size;
	int rc;

	sending_init(c, s);
	if (id == 0 || (t = call_read(c, STORE_Q)) == NULL)
		return;
	if ((rc = campaign_get(t, id, &of, &e)) == 1 &&
	    tally_get(t, id, &v, &e) == -1)
		rc = -1;
	if (rc == 1)
		send_like(s, &of);
	txn_end(t);
	if (rc == -1) {
		call_error(c, &e);
	} else if (rc == 0) {
		call_fail(c, STATUS_NO, "there is no campaign %u", id);
	} else if (of.state != CAMPAIGN_FINISHED &&
	    of.state != CAMPAIGN_CANCELLED) {
		call_fail(c, STATUS_NO, "campaign %u is %s: wait for its end",
		    id, campaign_state_name(of.state));
	} else if (v.failed == 0) {
		call_fail(c, STATUS_NO, "nobody failed in campaign %u", id);
	} else if (content_hold(call_content(c), of.content, &size, &e) != 1) {
		call_fail(c, STATUS_NO, "the message of campaign %u is not "
		    "kept any more", id);
	} else {
		s->want.list = of.list;
		s->want.failed_of = id;
		s->want.after = of.after;
		memcpy(s->want.content, of.content, sizeof(s->want.content));
		begin(c, s);
	}
}

const struct control_verb control_send_verbs[] = {
	{ "campaign send", send_run, sizeof(struct sending), sending_free },
	{ "campaign resend-failed", resend_run, sizeof(struct sending),
	    sending_free },
	{ NULL, NULL, 0, NULL },
};
