/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smeta.c - numbers that S gives out once and never again.
 */
#include "config.h"

#include <string.h>

#include "lib/err.h"
#include "spool/row.h"
#include "spool/smeta.h"
#include "spool/store.h"

#define SMETA_VERSION	1

int
smeta_next(struct txn *t, const char *name, uint64_t last, uint64_t *id,
    struct err *e)
{
	struct strbuf row = STRBUF_INIT(32);
	struct key k = KEY_INIT;
	struct slice value;
	struct unpack u;
	int ret;

	key_raw(&k, "next.", 5);
	key_raw(&k, name, strlen(name));
	*id = 0;
	ret = txn_get(t, TABLE_META, key_slice(&k), &value, e);
	if (ret == 1) {
		if (row_open(&u, TABLE_META, key_slice(&k), value,
		    SMETA_VERSION, e) == -1)
			return -1;
		*id = unpack_u64(&u);
		ret = row_done(&u, TABLE_META, key_slice(&k), e);
	}
	if (ret == -1)
		return -1;
	if (*id >= last) {
		err_set(e, ERR_LIMIT, "the numbers for %s are used up", name);
		return -1;
	}
	record_begin(&row, SMETA_VERSION);
	pack_u64(&row, ++*id);
	ret = row_put(t, TABLE_META, key_slice(&k), &row, e);
	strbuf_free(&row);
	return ret;
}
