/* SPDX-License-Identifier: Apache-2.0 */
/*
 * listctl_copy.h - a copy of a stopped store (listctl_compact.c).
 */
#ifndef LISTD_LISTCTL_COPY_H
#define LISTD_LISTCTL_COPY_H

#include <stdbool.h>

struct layout_users;
struct listctl;

/*
 * In a child with the rights of the queue role copy S and Q, for a backup or
 * to be compacted into (content that nothing names is removed then).  Who
 * calls holds the lock.  The exit status; what was wrong was said.
 */
int listctl_copy_store(const struct listctl *lc,
    const struct layout_users *users, bool backup);

#endif
