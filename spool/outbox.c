/* SPDX-License-Identifier: Apache-2.0 */
/*
 * outbox.c - outcomes of a batch, kept in Q until L and S have them.
 *
 * Key batch u64 | part u16; value sealed: parts u16, the piece.  The parts of
 * the outcomes count from 0, those of the mails from OUTBOX_MAILS on.
 */
#include "config.h"

#include "lib/err.h"
#include "lib/strbuf.h"
#include "spool/outbox.h"
#include "spool/store.h"

#define OUTBOX_VERSION	1

static void
key_build(struct strbuf *b, uint64_t batch, uint16_t part)
{
	strbuf_reset(b);
	pack_u64(b, batch);
	pack_u16(b, part);
}

static int
put_parts(struct txn *t, uint64_t batch, unsigned first, struct slice bytes,
    struct err *e)
{
	struct strbuf key = STRBUF_INIT(16);
	struct strbuf row = STRBUF_INIT(OUTBOX_PART + 32);
	size_t parts = (bytes.len + OUTBOX_PART - 1) / OUTBOX_PART;
	int rc = 0;

	if (parts > OUTBOX_MAILS) {
		err_set(e, ERR_LIMIT, "outbox: a batch of %zu octets",
		    bytes.len);
		return -1;
	}
	for (size_t i = 0; i < parts && rc == 0; i++) {
		size_t at = i * OUTBOX_PART;
		size_t n = bytes.len - at;

		key_build(&key, batch, (uint16_t)(first + i));
		record_begin(&row, OUTBOX_VERSION);
		pack_u16(&row, (uint16_t)parts);
		pack_raw(&row, bytes.p + at,
		    n < OUTBOX_PART ? n : OUTBOX_PART);
		record_end(&row);
		rc = txn_put(t, TABLE_OUTBOX, SLICE(key.s, key.len),
		    SLICE(row.s, row.len), e);
	}
	strbuf_free(&key);
	strbuf_free(&row);
	return rc;
}

int
outbox_put(struct txn *t, uint64_t batch, struct slice outcomes,
    struct slice mails, struct err *e)
{
	return put_parts(t, batch, 0, outcomes, e) == -1 ? -1 :
	    put_parts(t, batch, OUTBOX_MAILS, mails, e);
}

static int
del_parts(struct txn *t, uint64_t batch, unsigned first, struct err *e)
{
	struct strbuf key = STRBUF_INIT(16);
	int rc = 1, found = 0;

	for (unsigned i = 0; rc == 1 && i < OUTBOX_MAILS; i++) {
		key_build(&key, batch, (uint16_t)(first + i));
		if ((rc = txn_del(t, TABLE_OUTBOX, SLICE(key.s, key.len),
		    e)) == 1)
			found = 1;
	}
	strbuf_free(&key);
	return rc == -1 ? -1 : found;
}

int
outbox_del(struct txn *t, uint64_t batch, struct err *e)
{
	int rc = del_parts(t, batch, 0, e);

	return rc == -1 || del_parts(t, batch, OUTBOX_MAILS, e) == -1 ? -1 : rc;
}

/* Append the piece of one row; *parts_r says how many there should be. */
static int
part_read(struct strbuf *out, struct slice value, unsigned *parts_r)
{
	struct slice piece;
	struct unpack u;
	uint8_t version;

	if (!record_open(&u, value.p, value.len, &version))
		return -1;
	*parts_r = unpack_u16(&u);
	piece = unpack_rest(&u);
	strbuf_add(out, piece.p, piece.len);
	return u.bad || out->overflow ? -1 : 0;
}

int
outbox_next(struct txn *t, uint64_t *batch, struct strbuf *out,
    struct err *e)
{
	struct strbuf from = STRBUF_INIT(16);
	struct cursor *c = NULL;
	struct slice key, value;
	struct unpack u;
	uint64_t found = 0;
	unsigned n = 0, parts = 0;
	int rc;

	strbuf_reset(out);
	if (*batch == UINT64_MAX)
		return 0;
	key_build(&from, *batch + 1, 0);
	if (cursor_open(t, TABLE_OUTBOX, &c, e) == -1) {
		strbuf_free(&from);
		return -1;
	}
	rc = cursor_seek(c, SLICE(from.s, from.len), &key, &value, e);
	for (; rc == 1; rc = cursor_next(c, &key, &value, e)) {
		unpack_init(&u, key.p, key.len);
		if (n == 0)
			found = unpack_u64(&u);
		else if (unpack_u64(&u) != found)
			break;
		if (unpack_u16(&u) != n || !unpack_done(&u) ||
		    part_read(out, value, &parts) == -1)
			break;
		n++;
	}
	cursor_close(c);
	strbuf_free(&from);
	if (rc == -1 || (rc == 0 && n == 0))
		return rc;
	*batch = found;
	if (n == 0 || n != parts) {
		err_set(e, ERR_DAMAGED, "outbox batch %llu: not what was "
		    "written", (unsigned long long)found);
		return -1;
	}
	return 1;
}

int
outbox_mails(struct txn *t, uint64_t batch, struct strbuf *out, struct err *e)
{
	struct strbuf key = STRBUF_INIT(16);
	unsigned n = 0, parts = 0;
	struct slice value;
	bool torn = false;
	int rc;

	strbuf_reset(out);
	do {
		key_build(&key, batch, (uint16_t)(OUTBOX_MAILS + n));
		rc = txn_get(t, TABLE_OUTBOX, SLICE(key.s, key.len), &value,
		    e);
		torn = rc == 1 && part_read(out, value, &parts) == -1;
		n += rc == 1;
	} while (rc == 1 && !torn && n < parts);
	strbuf_free(&key);
	if (rc == -1)
		return -1;
	if (!torn && n == parts)
		return 0;
	err_set(e, ERR_DAMAGED, "outbox batch %llu: its mails are not what "
	    "was written", (unsigned long long)batch);
	return -1;
}
