/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue_policies.c - policies about TLS that deliver roles have fetched.
 *
 * Nobody waits for them to be durable: a role that has one obeys it, and tells
 * it again while it is not in the store.
 */
#include "config.h"

#include <stdlib.h>

#include "lib/err.h"
#include "lib/sys/log.h"
#include "lib/xmalloc.h"
#include "listd/queue_private.h"
#include "spool/sts_policy.h"

struct told {
	char			domain[STS_POLICY_DOMAIN_MAX + 1];
	struct mta_sts_kept	kept;
};

static int
put(struct txn *t, void *arg, struct err *e)
{
	const struct told *told = arg;

	return job_answer(sts_policy_put(t, told->domain, &told->kept, e), e);
}

static void
done(void *arg, enum job_result r, const struct err *e)
{
	if (r == JOB_REFUSED)
		log_failure(LEVEL_ERROR, "keep-policy", e);
	free(arg);
}

int
queue_policy_take(struct queue *q, struct slice frame, struct err *e)
{
	struct told *told = xcalloc(1, sizeof(*told));
	const struct job job = { .apply = put, .done = done, .arg = told,
		.lane = WRITER_BULK };
	struct unpack u;

	unpack_init(&u, frame.p, frame.len);
	unpack_str(&u, told->domain, sizeof(told->domain));
	mta_sts_unpack(&u, &told->kept);
	if (unpack_done(&u)) {
		queue_commit(q, STORE_Q, &job);
		return 0;
	}
	free(told);
	err_set(e, ERR_INPUT, "a malformed frame: policy");
	return -1;
}
