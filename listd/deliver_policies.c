/* SPDX-License-Identifier: Apache-2.0 */
/*
 * deliver_policies.c - policies about TLS that outlive a deliver role.
 *
 * This role writes nothing into the store: what it fetched it tells queue, who
 * does, and what is kept it reads there, whichever role fetched it.
 */
#include "config.h"

#include "lib/err.h"
#include "lib/ipc.h"
#include "lib/mta_sts.h"
#include "lib/strbuf.h"
#include "lib/sys/log.h"
#include "listd/deliver_link.h"
#include "listd/deliver_private.h"
#include "spool/store.h"
#include "spool/sts_policy.h"

bool
deliver_policy_recall(void *arg, const char *domain, struct mta_sts_kept *k)
{
	struct deliver *dl = arg;
	struct err e = ERR_INIT;
	struct txn *t = NULL;
	int rc = -1;

	if (dl->store == NULL)
		return false;
	if (txn_read(dl->store, STORE_Q, &t, &e) == 0) {
		rc = sts_policy_get(t, domain, k, &e);
		txn_end(t);
	}
	if (rc == -1)
		log_failure(LEVEL_ERROR, "policy-damaged", &e);
	return rc == 1;
}

void
deliver_policy_keep(void *arg, const char *domain,
    const struct mta_sts_kept *k)
{
	struct strbuf b = STRBUF_INIT(IPC_FRAME_MAX);
	struct deliver *dl = arg;

	pack_str(&b, domain);
	mta_sts_pack(&b, k);
	deliver_link_send(dl->link, IPC_POLICY, &b);
	strbuf_free(&b);
}
