/* SPDX-License-Identifier: Apache-2.0 */
/*
 * list_private.h - the counters of a list, for who changes them.
 */
#ifndef SPOOL_LIST_PRIVATE_H
#define SPOOL_LIST_PRIVATE_H

#include "spool/list.h"

int list_counters_put(struct txn *t, uint32_t id,
    const struct list_counters *c, struct err *e);

#endif
