/* SPDX-License-Identifier: Apache-2.0 */
/*
 * erase_kept.h - what may name a person when they are erased, for it is not
 * theirs alone (S31).
 *
 * Two things are shared: the file that an operator gave as the evidence of an
 * import, which speaks of everybody in it; and the settings of a list, whose
 * owner or sender the person is.  Neither is changed behind the back of who it
 * belongs to; the erasure says where they are, and each has a command that ends
 * it (import_drop_evidence(), list_set()).
 */
#ifndef SPOOL_ERASE_KEPT_H
#define SPOOL_ERASE_KEPT_H

#include <jansson.h>
#include <stdint.h>

#include "lib/address.h"

struct err;
struct txn;

#define ERASE_KEPT_IMPORTS	64	/* looked at; of more the first */

/*
 * Look before the erasure, which takes the entries that lead there.  Appends
 * {"import", "evidence_file"} and {"list", "setting"} to out.  0 or -1.
 */
int erase_kept(struct txn *t, const uint8_t hash[static
    ADDRESS_HASH_OCTETS], json_t *out, struct err *e);

#endif
