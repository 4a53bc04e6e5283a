/* SPDX-License-Identifier: Apache-2.0 */
/*
 * row.h - keys and sealed values, as every table of the store has them.
 *
 * A key is put together from big-endian integers and octets; a value is a
 * record of lib/pack.h.  What does not open, or does not end where its fields
 * do, is ERR_DAMAGED with the table's name and the key in hex, so that it can
 * be found again (P12).
 */
#ifndef SPOOL_ROW_H
#define SPOOL_ROW_H

#include "lib/strbuf.h"
#include "spool/store.h"

struct key {
	uint8_t	b[STORE_KEY_MAX];
	size_t	len;
};

/* For definitions. */
#define KEY_INIT	{ .len = 0 }

/* Append; what passes STORE_KEY_MAX is a bug of ours and asserted. */
void key_u8(struct key *k, uint8_t v);
void key_u32(struct key *k, uint32_t v);
void key_u64(struct key *k, uint64_t v);
void key_raw(struct key *k, const void *p, size_t len);
struct slice key_slice(const struct key *k);
bool slice_has_prefix(struct slice s, struct slice prefix);
/* Copy text into a char array with its NUL; false when it does not fit. */
bool slice_to_text(struct slice s, char *out, size_t size);

/*
 * Open a sealed value of this version; u is then at its fields.  0, or -1
 * ERR_DAMAGED.
 */
int row_open(struct unpack *u, enum store_table table, struct slice key,
    struct slice value, uint8_t version, struct err *e);
/* After the last field: 0, or -1 when they did not fit. */
int row_done(const struct unpack *u, enum store_table table, struct slice key,
    struct err *e);
/* The same complaint, for a value that contradicts another. */
int row_damaged(enum store_table table, struct slice key, const char *why,
    struct err *e);
/*
 * Seal b, which record_begin() began, put it under key, and reset b.  What
 * goes in was checked before: a value past b's limit is ERR_STORE.
 */
int row_put(struct txn *t, enum store_table table, struct slice key,
    struct strbuf *b, struct err *e);

/* Tables whose key is a name, and whose value the number of what has it. */
int row_put_name(struct txn *t, enum store_table table, const char *name,
    uint32_t id, struct err *e);
/* 1, 0, -1. */
int row_find_name(struct txn *t, enum store_table table, const char *name,
    uint32_t *id_r, struct err *e);

#endif
