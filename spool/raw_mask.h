/* SPDX-License-Identifier: Apache-2.0 */
/*
 * raw_mask.h - what came in, without the secrets in it that still work.
 *
 * A request is kept octet by octet as it was received (S70).  But a mail may
 * quote another one of ours, whose secret somebody who reads the store, or a
 * file of evidence, could still use (S39).  So each confirmation token that a
 * request here can be confirmed with is masked (lib/token_mask.h); the one
 * that the entry itself uses up stays.  A body that has one inside of base64
 * is left out.  Either way the SHA-256 of the whole is kept beside.
 */
#ifndef SPOOL_RAW_MASK_H
#define SPOOL_RAW_MASK_H

#include <stdint.h>

struct consent;
struct err;
struct strbuf;
struct txn;

/*
 * Put c->raw into kept, which has room for it, and let c have that one and,
 * unless it has one, its hash when there is anything to mask.  0 or -1.
 */
int raw_mask(struct txn *t, struct consent *c, struct strbuf *kept,
    uint8_t hash[static 32], struct err *e);

#endif
