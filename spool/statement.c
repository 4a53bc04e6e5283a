/* SPDX-License-Identifier: Apache-2.0 */
/*
 * statement.c - what a list says to who is asked for consent.
 */
#include "config.h"

#include <stdlib.h>

#include "lib/err.h"
#include "lib/strbuf.h"
#include "lib/xmalloc.h"
#include "spool/list.h"
#include "spool/statement.h"
#include "spool/store.h"

static int
read_list(struct store *st, const char *name, struct list *l, struct err *e)
{
	struct txn *t;
	int rc;

	if (txn_read(st, STORE_S, &t, e) == -1)
		return -1;
	rc = list_find(t, name, l, e);
	txn_end(t);
	return rc;
}

int
statement_keep(struct store *st, const struct content *c, const char *list,
    char hex[static CONTENT_HEX], struct err *e)
{
	struct strbuf b = STRBUF_INIT(LIST_STATEMENT_MAX);
	struct list *l = xcalloc(1, sizeof(*l));	/* large for a stack */
	uint8_t hash[CONTENT_HASH];
	int rc;

	hex[0] = '\0';
	if (list_name_check(list, NULL) == -1)
		rc = 0;		/* it can be no list's */
	else
		rc = read_list(st, list, l, e);
	if (rc == 1) {
		list_statement(l, &b);
		rc = content_put(c, b.s, b.len, hash, e);
		if (rc == 0)
			content_hex(hash, hex);
	}
	strbuf_free(&b);
	free(l);
	return rc;
}
