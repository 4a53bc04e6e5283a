/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dkim_verify_private.h - between reading signatures and verifying them.
 */
#ifndef LIB_DKIM_VERIFY_PRIVATE_H
#define LIB_DKIM_VERIFY_PRIVATE_H

#include "lib/dkim_canon.h"
#include "lib/dkim_verify.h"

#define DKIM_FIELD_NAME	"DKIM-Signature"

/* A message in pieces, which borrow from it. */
struct dkim_scan {
	struct dkim_field	*field;		/* DKIM_VERIFY_FIELDS of them */
	size_t			 n;
	struct slice		 body;
};

/* Cut message into s and fill report as dkim_verify_scan() does. */
int dkim_scan_message(struct slice message, uint64_t now, struct dkim_scan *s,
    struct dkim_report *report, struct err *e);

/* True when the field has this name, the case of letters apart. */
bool dkim_field_is(const struct dkim_field *f, const char *name);

/* Give sig its verdict; reason is static text. */
void dkim_judge(struct dkim_signature *sig, enum dkim_verdict verdict,
    const char *reason);

#endif
