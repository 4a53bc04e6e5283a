/* SPDX-License-Identifier: Apache-2.0 */
/*
 * view_private.h - what the parts of view share.
 */
#ifndef WEB_VIEW_PRIVATE_H
#define WEB_VIEW_PRIVATE_H

#include "web/view.h"

struct txn;

/* Begin to look; on success the lock is held until view_look_end(). */
int view_look_begin(struct view *v, struct txn **t_r, struct err *e);
void view_look_end(struct view *v, struct txn *t);

/* ---- view_ledger.c; arg is a struct view */
int view_ledger(void *arg, const char *log, enum view_ledger what,
    struct strbuf *out, struct err *e);
int view_tile(void *arg, const char *log, const struct tlog_tile *tile,
    struct strbuf *out, struct err *e);
int view_cosign(void *arg, const struct cosign_witnesses *w,
    struct slice note, enum cosign_verdict *v_r, struct err *e);

#endif
