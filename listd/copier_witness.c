/* SPDX-License-Identifier: Apache-2.0 */
/*
 * copier_witness.c - the checkpoint that every copy carries (lib/witness.h).
 *
 * A history that was rewritten later does not go on from the one that a
 * mailbox keeps, and `listctl ledger verify --against` the copy says so.  The
 * field is made once a minute and the same in every copy of that time.
 */
#include "config.h"

#include "lib/clock.h"
#include "lib/err.h"
#include "lib/sys/log.h"
#include "lib/witness.h"
#include "listd/copier_private.h"
#include "spool/ledger.h"
#include "spool/store.h"

#define WITNESS_MS	60000	/* a checkpoint is carried for so long */
#define WITNESS_AGAIN_MS 1000	/* looked for one when there was none */

_Static_assert(LEDGER_NOTE_MAX <= WITNESS_NOTE_MAX, "every one fits");

static int
refresh(struct copier *c, struct err *e)
{
	struct ledger_checkpoint last;
	struct txn *t;
	int rc;

	if (txn_read(c->p.store, STORE_S, &t, e) == -1)
		return -1;
	rc = ledger_checkpoint(t, &last, e);
	txn_end(t);
	if (rc != 1)
		return rc;
	strbuf_reset(&c->witness);
	return witness_write(&c->witness, last.text, last.len, e) == -1 ?
	    -1 : 1;
}

struct slice
copier_witness(struct copier *c)
{
	int64_t now = clock_mono_ms(c->p.clock);
	struct err e = ERR_INIT;
	int rc;

	if (c->witness_ms == 0 || now >= c->witness_ms) {
		rc = refresh(c, &e);
		/* The old one goes on: that it is old is no lie. */
		if (rc == -1)
			log_failure(LEVEL_ERROR, "ledger-header", &e);
		c->witness_ms = now + (rc == 0 ? WITNESS_AGAIN_MS :
		    WITNESS_MS);
	}
	return (struct slice){ (const uint8_t *)c->witness.s,
	    c->witness.len };
}
