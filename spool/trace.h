/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trace.h - from something of ours that a mail carries to whom it was sent.
 *
 * A complaint quotes a Message-ID, a return path, an unsubscribe link.  Links
 * name the address by its hash; the others name campaign and subscriber, or a
 * notice, and lead to the address while the membership is there, and after it
 * as long as an entry says who that was.
 */
#ifndef SPOOL_TRACE_H
#define SPOOL_TRACE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/address.h"

struct err;
struct keyring;
struct store;

#define TRACE_TEXT_MAX	2048	/* octets of text looked at */

struct trace {
	uint32_t	list;		/* 0: not known */
	uint32_t	campaign;	/* 0: not known, or a notice */
	uint64_t	subscriber;	/* 0: not known */
	uint64_t	notice;		/* 0: none */
	bool		has_hash;
	uint8_t		hash[ADDRESS_HASH_OCTETS];
};

/*
 * The first token in text whose MAC is right: of a Message-ID, a VERP address,
 * an unsubscribe address or link, or of any header that has one.  False: there
 * is none of ours in it.
 */
bool trace_parse(const struct keyring *keys, const char *text,
    struct trace *t_r);
/*
 * Find the address of t, by transactions of its own; it may walk all entries.
 * 1 with t->hash, 0 when nothing in the store says it any more, -1 with e;
 * ERR_AGAIN when *stop became true.
 */
int trace_find(struct store *st, struct trace *t, const _Atomic bool *stop,
    struct err *e);

#endif
