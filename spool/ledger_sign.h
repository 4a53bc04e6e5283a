/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ledger_sign.h - sign the head of the ledger: C2SP tlog-checkpoint in a C2SP
 * signed note, Ed25519 with the current key of KEY_LEDGER as its seed.
 */
#ifndef SPOOL_LEDGER_SIGN_H
#define SPOOL_LEDGER_SIGN_H

#include "lib/keyring.h"
#include "lib/signed_note.h"
#include "spool/ledger.h"

struct ledger_signing {
	const char	*url_base;	/* names the log when nothing does */
	int64_t		 now_ms;	/* UTC */
	bool		 clock_unsure;
};

/*
 * What a log at url_base is called: without its scheme and with "/ledger".  A
 * name that would be too long, or could not be a key's, is replaced by one
 * made from the store's instance.
 */
void ledger_origin_of(const char *url_base,
    const uint8_t instance[static 16],
    char origin_r[static LEDGER_ORIGIN_MAX + 1]);

/*
 * The public keys of KEY_LEDGER, current and old ones, under the log's name.
 * How many, or 0 with e.
 */
size_t ledger_keys(const struct keyring *keys, const char *origin,
    struct note_key keys_r[static KEY_MAX], struct err *e);
/*
 * The same, and behind them those of the names that the log had before;
 * *keys_r is to be freed.  How many; 0 when it has no name yet, or with e.
 */
size_t ledger_keys_ever(struct txn *t, struct note_key **keys_r,
    struct err *e);

/*
 * Sign what is durable now.  1 with a new checkpoint, to be kept by a job of
 * ledger_signed(); 0: the last one says the same.  -1: ERR_DAMAGED when the
 * tree does not go on from the last one, or has entries and the last one is
 * gone, and the like.
 */
int ledger_sign(struct store *st, const struct ledger_signing *s,
    struct ledger_checkpoint *c_r, struct err *e);
/*
 * In a job: keep c as the last one, unless a larger one is there; with the
 * first one the log's name.
 */
int ledger_signed(struct txn *t, const struct ledger_checkpoint *c,
    struct err *e);

#endif
