/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tlog_proof.h - that a leaf is in a log, in one text that can be checked
 * offline (c2sp.org/tlog-proof).
 *
 *	c2sp.org/tlog-proof@v1
 *	extra BASE64			if there is anything to add
 *	index N
 *	BASE64 of one hash		the path from the leaf up, 0 to 63
 *	...
 *	(an empty line)
 *	the signed checkpoint, to the end
 */
#ifndef LIB_TLOG_PROOF_H
#define LIB_TLOG_PROOF_H

#include <stddef.h>
#include <stdint.h>

#include "lib/checkpoint.h"
#include "lib/merkle.h"
#include "lib/pack.h"

struct err;
struct strbuf;

#define TLOG_PROOF_EXTRA_MAX	65536	/* octets of extra data */
/* Octets of a proof: a checkpoint, extra data and the rest. */
#define TLOG_PROOF_MAX		(NOTE_MAX + 96 * 1024)

struct tlog_proof {
	uint64_t	index;		/* of the leaf, from 0 */
	struct merkle_proof path;
	struct slice	extra;		/* in base64; empty: none; borrowed */
	struct slice	checkpoint;	/* with its signatures; borrowed */
};

/* Append the text; overflow shows in out. */
void tlog_proof_format(const struct tlog_proof *p, struct strbuf *out);

/*
 * Read one, verifying nothing but that the checkpoint's note is well formed;
 * there is one text for each proof.  -1 with e set: ERR_INPUT, or ERR_LIMIT
 * over TLOG_PROOF_MAX or TLOG_PROOF_EXTRA_MAX.
 */
int tlog_proof_parse(struct tlog_proof *p, const void *text, size_t len,
    struct err *e);

/*
 * Check that the log has leaf (a merkle_leaf()) at p->index, by its keys and
 * those of witnesses as checkpoint_open() takes them.  0 with *c_r filled, or
 * -1 with e set as that does, and ERR_REFUSED when the path does not lead to
 * the root.
 */
int tlog_proof_verify(const struct tlog_proof *p,
    const uint8_t leaf[MERKLE_HASH], const struct note_key *keys, size_t n,
    struct checkpoint *c_r, struct err *e);

#endif
