/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mailed.c - confirmation mails on their way to their entries.
 */
#include "config.h"

#include "lib/strbuf.h"
#include "spool/mailed.h"

void
mailed_add(struct strbuf *b, const struct mailed *m)
{
	pack_u64(b, m->notice);
	pack_raw(b, m->hash, sizeof(m->hash));
	pack_bytes(b, m->mail.p, m->mail.len);
}

bool
mailed_next(struct unpack *u, struct mailed *m)
{
	if (u->bad || u->left == 0)
		return false;
	m->notice = unpack_u64(u);
	unpack_raw(u, m->hash, sizeof(m->hash));
	m->mail = unpack_bytes(u);
	return !u->bad;
}
