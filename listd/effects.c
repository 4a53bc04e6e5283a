/* SPDX-License-Identifier: Apache-2.0 */
/*
 * effects.c - from a batch of outcomes to what S must do about them.
 */
#include "config.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "lib/err.h"
#include "lib/ipc.h"
#include "lib/reply_class.h"
#include "lib/xmalloc.h"
#include "listd/effects.h"
#include "spool/effect.h"
#include "spool/mailed.h"
#include "spool/outcome.h"

#define EFFECTS_STEP	64

static enum effect_kind
kind_of_notice(const struct outcome *o)
{
	switch (o->state) {
	case OUTCOME_DELIVERED:
		return EFFECT_NOTICE_SENT;
	case OUTCOME_DEFERRED:
		return EFFECT_NOTICE_DEFERRED;
	case OUTCOME_FAILED:
	case OUTCOME_EXPIRED:
		return EFFECT_NOTICE_FAILED;
	case OUTCOME_SUPPRESSED:
		break;
	}
	return EFFECT_NOTICE_DROPPED;
}

/* False when o says nothing to S. */
static bool
effect_of(const struct outcome *o, struct effect *f)
{
	memset(f, 0, sizeof(*f));
	if (o->kind == IPC_KIND_NOTICE)
		f->kind = kind_of_notice(o);
	else if (o->state != OUTCOME_FAILED && o->state != OUTCOME_EXPIRED)
		return false;
	else if (o->recipient == REPLY_RECIPIENT_HARD)
		f->kind = EFFECT_HARD;
	else if (o->recipient == REPLY_RECIPIENT_SOFT)
		f->kind = EFFECT_SOFT;
	else
		return false;
	f->subscriber = o->subscriber;
	f->notice = o->notice;
	f->campaign = o->campaign;
	f->when_ms = o->when_ms;
	f->due_ms = o->due_ms;
	f->code = o->code;
	memcpy(f->enhanced, o->enhanced, sizeof(f->enhanced));
	return true;
}

/* Which of the effects a mail belongs to is said by its notice. */
static int
take_mails(struct effect *v, size_t n, struct slice mails, struct err *e)
{
	struct mailed m;
	struct unpack u;

	unpack_init(&u, mails.p, mails.len);
	while (mailed_next(&u, &m))
		for (size_t i = 0; i < n; i++)
			if (v[i].kind == EFFECT_NOTICE_SENT &&
			    v[i].notice == m.notice) {
				v[i].mail = m.mail;
				memcpy(v[i].mail_hash, m.hash,
				    sizeof(v[i].mail_hash));
			}
	if (!u.bad)
		return 0;
	err_set(e, ERR_DAMAGED, "the mails of a batch do not fit");
	return -1;
}

int
effects_apply(struct txn *t, uint64_t batch, struct slice sealed,
    struct slice mails, struct err *e)
{
	struct outcome_head head;
	struct outcome *o = NULL;
	struct effect *v = NULL;
	struct unpack u;
	size_t n = 0, room = 0;
	int rc = -1;

	if (outcome_open(&u, sealed, &head, e) == -1)
		return -1;
	for (uint32_t i = 0; i < head.n && !u.bad; i++) {
		if (n == room) {
			room += EFFECTS_STEP;
			o = xreallocarray(o, room, sizeof(*o));
			v = xreallocarray(v, room, sizeof(*v));
		}
		outcome_get(&u, &o[n]);
		if (!u.bad && effect_of(&o[n], &v[n]))
			n++;
	}
	if (u.bad) {
		err_set(e, ERR_DAMAGED, "outbox batch %llu: a record that "
		    "does not fit", (unsigned long long)batch);
		goto out;
	}
	/* Borrowed from the outcomes, now that these stay where they are. */
	for (size_t i = 0; i < n; i++) {
		v[i].host = o[i].host;
		v[i].text = o[i].text;
		v[i].message_id = o[i].message_id;
	}
	if (take_mails(v, n, mails, e) == 0)
		rc = effect_apply(t, batch, v, n, e) == -1 ? -1 : 0;
out:
	free(o);
	free(v);
	return rc;
}
