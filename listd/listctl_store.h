/* SPDX-License-Identifier: Apache-2.0 */
/*
 * listctl_store.h - what the verbs on the store itself share.
 */
#ifndef LISTD_LISTCTL_STORE_H
#define LISTD_LISTCTL_STORE_H

#include <stdbool.h>

#include "listd/listctl.h"

struct err;
struct keyring;
struct store;

/* Say what is wrong with data_dir; returns status. */
int listctl_complain(const struct listctl *lc, const struct err *e,
    int status);
/* Is there a store in data_dir?  If not, it was said. */
bool listctl_has_store(const struct listctl *lc);
/* The store in data_dir, or NULL. */
struct store *listctl_open_store(const struct listctl *lc,
    const struct keyring *keys, bool write, bool create, struct err *e);
/* Run fn in a child; its exit status, or -1 with the signal that ended it. */
int listctl_in_child(int (*fn)(void *arg), void *arg, int *signal_r);

#endif
