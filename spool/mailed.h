/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mailed.h - confirmation mails on their way from a deliver role to the
 * entries that keep them (S38, S70).
 *
 * They name people, so they travel beside a batch's outcomes and not in them,
 * which L keeps.  One after the other: notice u64, hash 32, mail with its
 * length.
 */
#ifndef SPOOL_MAILED_H
#define SPOOL_MAILED_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/pack.h"

struct strbuf;

struct mailed {
	uint64_t	notice;
	uint8_t		hash[32];	/* of the mail as it was sent */
	struct slice	mail;		/* its token masked; maybe cut */
};

void mailed_add(struct strbuf *b, const struct mailed *m);
/* The next of what u has; false at the end, or when u turned bad. */
bool mailed_next(struct unpack *u, struct mailed *m_r);

#endif
