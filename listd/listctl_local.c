/* SPDX-License-Identifier: Apache-2.0 */
/*
 * listctl_local.c - which function does a verb that needs no daemon.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "listd/listctl_local.h"
#include "listd/role.h"

static const struct {
	const char	*verb;
	int		(*run)(const struct listctl *lc);
} local[] = {
	{ "init",		listctl_init },
	{ "check",		listctl_check },
	{ "backup",		listctl_backup },
	{ "restore",		listctl_restore },
	{ "compact",		listctl_compact },
	{ "evidence verify",	listctl_evidence_verify },
	{ "ledger checkpoint",	listctl_ledger_checkpoint },
	{ "ledger verify",	listctl_ledger_verify },
	{ "bounce classify",	listctl_bounce_classify },
	{ "lint",		listctl_lint },
	{ "dkim keygen",	listctl_dkim_keygen },
	{ "dkim dns",		listctl_dkim_dns },
};

int
listctl_local(const struct listctl *lc)
{
	for (size_t i = 0; i < sizeof(local) / sizeof(local[0]); i++)
		if (strcmp(local[i].verb, lc->verb->name) == 0)
			return local[i].run(lc);
	fprintf(stderr, "listctl: %s: no such verb\n", lc->verb->name);
	return STATUS_USAGE;
}
