/* SPDX-License-Identifier: Apache-2.0 */
/*
 * list_private.h - shared by list*.c.
 */
#ifndef SPOOL_LIST_PRIVATE_H
#define SPOOL_LIST_PRIVATE_H

#include "spool/list.h"

/* Answer the four questions as this program keeps its word on them. */
void list_answer(struct list *l);
int list_put(struct txn *t, const struct list *l, struct err *e);
/* 0, or -1 with ERR_NOTFOUND. */
int list_must(struct txn *t, uint32_t id, struct list *l_r, struct err *e);
/* Change one setting of the struct, checked; -1 as list_set(). */
int list_change(struct list *l, const char *setting, const char *value,
    struct err *e);

#endif
