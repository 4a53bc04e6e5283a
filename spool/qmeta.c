/* SPDX-License-Identifier: Apache-2.0 */
/*
 * qmeta.c - the named counters of the queue's environment.
 */
#include "config.h"

#include <string.h>

#include "lib/strbuf.h"
#include "spool/qmeta.h"
#include "spool/store.h"

#define QMETA_VERSION	1

static struct slice
qmeta_key(enum qmeta name)
{
	static const char *const names[] = {
		"epoch", "batch", "campaign", "logged",
	};

	return SLICE(names[name], strlen(names[name]));
}

int
qmeta_get(struct txn *t, enum qmeta name, uint64_t *v_r, struct err *e)
{
	struct slice key = qmeta_key(name), value;
	struct unpack u;
	uint8_t version;
	int rc;

	*v_r = 0;
	if ((rc = txn_get(t, TABLE_QMETA, key, &value, e)) != 1)
		return rc;
	if (record_open(&u, value.p, value.len, &version))
		*v_r = unpack_u64(&u);
	if (!unpack_done(&u)) {
		err_set(e, ERR_DAMAGED, "queue meta %.*s: not what was written",
		    (int)key.len, (const char *)key.p);
		return -1;
	}
	return 0;
}

int
qmeta_put(struct txn *t, enum qmeta name, uint64_t v, struct err *e)
{
	struct strbuf b = STRBUF_INIT(32);
	int rc;

	record_begin(&b, QMETA_VERSION);
	pack_u64(&b, v);
	record_end(&b);
	rc = txn_put(t, TABLE_QMETA, qmeta_key(name), SLICE(b.s, b.len), e);
	strbuf_free(&b);
	return rc;
}

int
qmeta_next(struct txn *t, enum qmeta name, uint64_t *v_r, struct err *e)
{
	if (qmeta_get(t, name, v_r, e) == -1)
		return -1;
	return qmeta_put(t, name, ++*v_r, e);
}
