/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls_tally.h - how handshakes of a deliver role went, until queue is told.
 *
 * Whoever ends a handshake counts it here, which costs a look into a table.
 * What is in the table is handed on after TLS_TALLY_MS, in few frames; what the
 * domains promised is looked up then, not by the handshake.  What a role that
 * dies has not handed on is lost.
 */
#ifndef LISTD_TLS_TALLY_H
#define LISTD_TLS_TALLY_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/tlsrpt.h"

struct mta_sts_kept;
struct strbuf;
struct timers;
struct tls_tally;

#define TLS_TALLY_MS	10000
#define TLS_TALLY_ROWS	2000	/* until they are handed on; more are lost */
#define TLS_TALLY_FRAME	200	/* events of one frame */

struct tls_tally_ops {
	/* The policy that counts for the domain, of any mode; false: none. */
	bool	(*policy)(void *arg, const char *domain,
	    struct mta_sts_kept *k_r);
	/* Hand on n packed events (tlsrpt_pack); false: later. */
	bool	(*send)(void *arg, const struct strbuf *events, unsigned n);
};

struct tls_tally *tls_tally_new(struct timers *timers,
    const struct tls_tally_ops *ops, void *arg);
/* NULL is fine. */
void tls_tally_free(struct tls_tally *t);

/*
 * Count one session of now; ev's when_ms and count are set here.  Its type:
 *
 *	TLSRPT_TLSA	with the records as its policy
 *	TLSRPT_STS	what became of it is a fault by the domain's policy of
 *			MTA-STS; without one, TLS stands and all is well
 *	TLSRPT_NO_POLICY	it is what it is, with a policy or without
 *
 * The text of an MTA-STS policy is added later.
 */
void tls_tally_count(struct tls_tally *t, const struct tlsrpt_event *ev);
/* Hand on what there is. */
void tls_tally_flush(struct tls_tally *t);

#endif
