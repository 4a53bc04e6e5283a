/* SPDX-License-Identifier: Apache-2.0 */
/*
 * batch_recover.c - give L and S what an earlier life left in the outbox.
 */
#include "config.h"

#include <unistd.h>

#include "lib/err.h"
#include "lib/strbuf.h"
#include "listd/batch.h"
#include "spool/outbox.h"
#include "spool/qmeta.h"

struct redo {
	const struct batch_params *p;
	uint64_t	 batch, from;
	struct slice	 sealed, mails;
	int		 sync_fd;
};

static int
redo_effects(struct txn *t, void *arg, struct err *e)
{
	struct redo *r = arg;

	return r->p->effects(t, r->batch, r->sealed, r->mails, e);
}

static int
redo_settle(struct txn *t, void *arg, struct err *e)
{
	struct redo *r = arg;

	return batch_settle(t, r->sync_fd, r->from, r->batch, e);
}

static int
redo_run(struct store *st, enum store_env env, struct redo *r,
    int (*fn)(struct txn *, void *, struct err *), struct err *e)
{
	const struct job job = {
		.apply = fn, .arg = r, .lane = WRITER_URGENT, .reserve = true,
	};

	return writer_run(st, env, &job, e) == JOB_DONE ? 0 : -1;
}

/* The next batch of the outbox above *batch: 1, 0, -1. */
static int
redo_next(struct store *st, uint64_t *batch, struct strbuf *bytes,
    struct strbuf *mails, struct err *e)
{
	struct txn *t;
	int rc;

	if (txn_read(st, STORE_Q, &t, e) == -1)
		return -1;
	rc = outbox_next(t, batch, bytes, e);
	if (rc == 1 && outbox_mails(t, *batch, mails, e) == -1)
		rc = -1;
	txn_end(t);
	return rc;
}

static int
last_numbered(struct store *st, uint64_t *last, struct err *e)
{
	struct txn *t;
	uint64_t q;
	int rc;

	if (txn_read(st, STORE_Q, &t, e) == -1)
		return -1;
	rc = qmeta_get(t, QMETA_BATCH, &q, e);
	txn_end(t);
	if (rc == 0 && q > *last)
		*last = q;
	return rc;
}

int
batch_recover(struct store *st, const struct batch_params *p,
    uint64_t applied, uint64_t *last_r, unsigned *n_r, struct err *e)
{
	struct strbuf bytes = STRBUF_INIT(OUTCOME_BATCH_MAX);
	struct strbuf mails = STRBUF_INIT(BATCH_MAILS_MAX);
	struct redo r = { .p = p, .sync_fd = -1 };
	int rc, ret = -1;

	*n_r = 0;
	*last_r = outcome_log_last(p->log);
	if (applied > *last_r)
		*last_r = applied;
	if (last_numbered(st, last_r, e) == -1)
		goto out;
	while ((rc = redo_next(st, &r.batch, &bytes, &mails, e)) == 1) {
		if (r.from == 0)
			r.from = r.batch;
		r.sealed = SLICE(bytes.s, bytes.len);
		r.mails = SLICE(mails.s, mails.len);
		if (outcome_log_append(p->log, r.batch, r.sealed, e) == -1 ||
		    redo_run(st, STORE_S, &r, redo_effects, e) == -1)
			goto out;
		++*n_r;
	}
	if (rc == -1)
		goto out;
	if (r.batch != 0) {
		if ((r.sync_fd = outcome_log_dup(p->log, e)) == -1 ||
		    redo_run(st, STORE_Q, &r, redo_settle, e) == -1)
			goto out;
	}
	ret = 0;
out:
	if (r.sync_fd != -1)
		close(r.sync_fd);
	strbuf_free(&bytes);
	strbuf_free(&mails);
	return ret;
}
