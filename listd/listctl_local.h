/* SPDX-License-Identifier: Apache-2.0 */
/*
 * listctl_local.h - the verbs that need no daemon, by file.
 */
#ifndef LISTD_LISTCTL_LOCAL_H
#define LISTD_LISTCTL_LOCAL_H

#include "listd/listctl.h"

/* Each answers with the exit status. */
int listctl_init(const struct listctl *lc);		/* listctl_store.c */
int listctl_check(const struct listctl *lc);
int listctl_backup(const struct listctl *lc);		/* listctl_backup.c */
int listctl_restore(const struct listctl *lc);		/* listctl_restore.c */
int listctl_compact(const struct listctl *lc);		/* listctl_compact.c */
int listctl_evidence_verify(const struct listctl *lc);	/* listctl_evidence.c */
int listctl_ledger_checkpoint(const struct listctl *lc); /* listctl_ledger.c */
int listctl_ledger_verify(const struct listctl *lc);
int listctl_bounce_classify(const struct listctl *lc);	/* listctl_mail.c */
int listctl_lint(const struct listctl *lc);
int listctl_dkim_keygen(const struct listctl *lc);	/* listctl_dkim.c */
int listctl_dkim_dns(const struct listctl *lc);

#endif
