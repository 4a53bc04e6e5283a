/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue_request_job.c - what a request changes, in the thread of the writer.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "lib/err.h"
#include "lib/reply_rules.h"
#include "lib/xmalloc.h"
#include "listd/queue_request.h"
#include "spool/access.h"
#include "spool/cosign.h"
#include "spool/effect.h"
#include "spool/list.h"
#include "spool/notice.h"
#include "spool/writer.h"

static int
apply_subscribe(struct txn *t, struct peer_request *r, struct err *e)
{
	struct optin_ask ask = { .in = &r->in.subscribe,
		.limits = &r->limits, .now_ms = r->now_ms,
		.clock_unsure = r->clock_unsure };
	struct optin_asked asked;

	if (optin_request(t, &ask, &asked, e) == -1)
		return -1;
	r->result = optin_answer(asked.result);
	r->text = "";		/* nothing of what is known of an address */
	return 0;
}

static int
help(struct txn *t, const struct peer_request *r,
    const struct ipc_subscribe *in, struct err *e)
{
	struct optin_ask ask = { .in = in, .limits = &r->limits,
		.now_ms = r->now_ms };
	uint64_t notice;

	return optin_help(t, &ask, &notice, e);
}

static int
apply_confirm(struct txn *t, struct peer_request *r, struct err *e)
{
	struct optin_confirm c = { .in = &r->in.confirm, .now_ms = r->now_ms,
		.clock_unsure = r->clock_unsure };
	struct optin_confirmed got;

	if (optin_confirm(t, &c, &got, e) == -1)
		return -1;
	r->result = optin_answer(got.result);
	r->text = optin_result_name(got.result);
	r->joined = got.result == OPTIN_CONFIRMED && got.subscriber != 0;
	return 0;
}

static int
apply_unsubscribe(struct txn *t, struct peer_request *r, struct err *e)
{
	const struct ipc_unsubscribe *u = &r->in.unsubscribe;
	struct ipc_subscribe in = { .evidence = u->evidence };
	struct list *l;
	int rc;

	r->result = IPC_OK;
	if (leave_unsubscribe(t, u, r->now_ms, &r->gone, e) == -1)
		return -1;
	/* Written from another address than the list has: not silence (T18). */
	if (r->gone.n > 0 || u->address[0] == '\0')
		return 0;
	l = xcalloc(1, sizeof(*l));
	if ((rc = list_get(t, u->list, l, e)) == 1) {
		snprintf(in.list, sizeof(in.list), "%s", l->name);
		memcpy(in.address, u->address, sizeof(in.address));
		rc = help(t, r, &in, e);
	}
	free(l);
	return rc;
}

static int
apply_data(struct txn *t, struct peer_request *r, struct err *e)
{
	const struct ipc_data *d = &r->in.data;
	struct ipc_subscribe in = { .evidence = d->evidence };
	const struct optin_ask ask = { .in = &in, .limits = &r->limits,
		.now_ms = r->now_ms, .clock_unsure = r->clock_unsure };
	const struct access a = { .in = d, .limits = &r->limits,
		.now_ms = r->now_ms, .clock_unsure = r->clock_unsure };
	struct access_done done = { .gone = { .n = 0 } };
	struct optin_asked asked;

	r->result = IPC_OK;
	r->text = "";
	if (d->act == IPC_DATA_ASK) {
		memcpy(in.address, d->address, sizeof(in.address));
		if (access_ask(t, &ask, &asked, e) == -1)
			return -1;
		/* Whatever is held, or not: the same answer (T7). */
		if (asked.result == OPTIN_MALFORMED)
			r->result = IPC_NO;
		return 0;
	}
	if (access_do(t, &a, &done, e) == -1)
		return -1;
	r->gone = done.gone;
	r->kept = done.kept;
	memcpy(r->kept_in, done.kept_in, sizeof(r->kept_in));
	r->erased = done.erased;
	memcpy(r->mailbox, done.mailbox, sizeof(r->mailbox));
	r->result = optin_answer(done.result);
	r->text = done.erased && done.kept > 0 ? IPC_TEXT_KEPT :
	    optin_result_name(done.result);
	return 0;
}

static int
apply_bounce(struct txn *t, struct peer_request *r, struct err *e)
{
	const struct ipc_bounce *b = &r->in.bounce;
	struct effect ef = { .kind = b->recipient == REPLY_RECIPIENT_HARD ?
		EFFECT_HARD : EFFECT_SOFT, .subscriber = b->subscriber,
		.campaign = (uint32_t)b->campaign, .when_ms = r->now_ms,
		.reported = true, .code = b->code, .text = b->text };

	r->result = IPC_OK;
	/* Delays, and what speaks of us and not of the mailbox, count for
	 * nothing (R124, R132); a bounced notice has no member. */
	if (b->action != REQUEST_ACTION_FAILED ||
	    b->recipient == REPLY_RECIPIENT_NONE || b->subscriber == 0 ||
	    (b->campaign & IPC_NOTICE_BIT) != 0)
		return 0;
	memcpy(ef.enhanced, b->enhanced, sizeof(ef.enhanced));
	return effect_bounce(t, &ef, &r->suspended, e);
}

static int
apply_forward(struct txn *t, struct peer_request *r, struct err *e)
{
	const struct ipc_forward *f = &r->in.forward;
	struct notice n = { .kind = NOTICE_FORWARD, .created_ms = r->now_ms,
		.due_ms = r->now_ms };
	struct list *l;
	uint64_t id;
	int ret = 0;

	r->result = IPC_OK;
	memcpy(n.content, f->hash, sizeof(n.content));
	snprintf(n.address, sizeof(n.address), "%.*s",
	    (int)sizeof(n.address) - 1, r->postmaster);
	if (f->list[0] != '\0') {
		l = xcalloc(1, sizeof(*l));
		/* Who was named and did not confirm it is no owner yet (S9). */
		if ((ret = list_find(t, f->list, l, e)) == 1 &&
		    l->owner_ms != 0)
			snprintf(n.address, sizeof(n.address), "%.*s",
			    (int)sizeof(n.address) - 1, l->owner);
		free(l);
	}
	/* Without anybody to send it to the mail stays under content/. */
	if (ret == -1 || n.address[0] == '\0')
		return ret == -1 ? -1 : 0;
	return notice_add(t, &n, &id, e);
}

/* Web has judged it already; but web is where the world comes in. */
static int
apply_cosign(struct txn *t, struct peer_request *r, struct err *e)
{
	const struct cosign_witnesses w = { r->witnesses->v, r->witnesses->n };
	enum cosign_verdict verdict;

	if (cosign_keep(t, &w, r->in.cosign.note, &verdict, e) == -1)
		return -1;
	r->result = verdict == COSIGN_GOOD ? IPC_OK :
	    verdict == COSIGN_OTHER ? IPC_NO : IPC_UNKNOWN;
	return 0;
}

int
request_apply(struct txn *t, void *arg, struct err *e)
{
	struct peer_request *r = arg;

	/* A job may run again when the map was full. */
	leave_result_free(&r->gone);
	r->gone = (struct leave_result){ 0 };
	r->suspended = r->joined = false;
	switch (r->type) {
	case IPC_SUBSCRIBE: return job_answer(apply_subscribe(t, r, e), e);
	case IPC_HELP: return job_answer(help(t, r, &r->in.subscribe, e), e);
	case IPC_CONFIRM: return job_answer(apply_confirm(t, r, e), e);
	case IPC_UNSUBSCRIBE: return job_answer(apply_unsubscribe(t, r, e), e);
	case IPC_DATA: return job_answer(apply_data(t, r, e), e);
	case IPC_BOUNCE: return job_answer(apply_bounce(t, r, e), e);
	case IPC_FORWARD: return job_answer(apply_forward(t, r, e), e);
	case IPC_COSIGN: return job_answer(apply_cosign(t, r, e), e);
	default: return 0;
	}
}
