/* SPDX-License-Identifier: Apache-2.0 */
/*
 * deliver_tally.c - how TLS went, handed on to queue, who keeps it for the
 * reports (RFC 8460).
 */
#include "config.h"

#include "lib/conf.h"
#include "lib/ipc.h"
#include "lib/strbuf.h"
#include "listd/deliver_link.h"
#include "listd/deliver_private.h"
#include "listd/policy.h"
#include "listd/role.h"
#include "listd/tls_tally.h"

static bool
policy(void *arg, const char *domain, struct mta_sts_kept *k)
{
	const struct deliver *dl = arg;

	return dl->env->conf->smtp_mta_sts &&
	    policies_known(dl->policies, domain, k);
}

static bool
hand_on(void *arg, const struct strbuf *events, unsigned n)
{
	struct strbuf b = STRBUF_INIT(IPC_FRAME_MAX);
	struct deliver *dl = arg;

	if (dl->queue == NULL)
		return false;
	pack_u16(&b, (uint16_t)n);
	pack_raw(&b, events->s, events->len);
	deliver_link_send(dl->link, IPC_TLS_EVENTS, &b);
	strbuf_free(&b);
	return true;
}

const struct tls_tally_ops deliver_tally_ops = {
	.policy = policy, .send = hand_on,
};

void
deliver_policy_fault(void *arg, const char *domain, enum tlsrpt_result result,
    const char *why)
{
	const struct tlsrpt_event ev = { .domain = domain,
		.type = TLSRPT_NO_POLICY, .result = result, .reason = why };
	struct deliver *dl = arg;

	if (dl->tally != NULL && conf_reports_tls(dl->env->conf))
		tls_tally_count(dl->tally, &ev);
}
