/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checkpoint.h - the size and root of a log at one moment, as a note says it
 * (c2sp.org/tlog-checkpoint).
 *
 *	origin, which names the log
 *	number of leaves, in decimal
 *	base64 of the root
 *	extension lines, if any
 *
 * The note that holds these lines is signed by the log, under a name that is
 * its origin, and by witnesses (lib/signed_note.h).
 */
#ifndef LIB_CHECKPOINT_H
#define LIB_CHECKPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/merkle.h"
#include "lib/pack.h"
#include "lib/signed_note.h"

struct err;
struct strbuf;

/* So that each origin we take can be the name of a key. */
#define CHECKPOINT_ORIGIN_MAX	NOTE_NAME_MAX

struct checkpoint {
	char		origin[CHECKPOINT_ORIGIN_MAX + 1];
	uint64_t	size;
	uint8_t		root[MERKLE_HASH];
	struct slice	extensions;	/* whole lines; borrowed */
};

/*
 * Append the lines, extensions too.  Overflow shows in out.
 */
void checkpoint_format(const struct checkpoint *c, struct strbuf *out);

/*
 * Read the text of a note, all of it.  -1 with ERR_INPUT in e when it is not
 * as above: also for an origin of more than CHECKPOINT_ORIGIN_MAX octets, a
 * size over MERKLE_SIZE_MAX, an empty extension line, and a root of no leaves
 * that is not that of the empty tree.
 */
int checkpoint_parse(struct checkpoint *c, struct slice text, struct err *e);

/*
 * Read a signed checkpoint p[len] of the log whose keys are among keys[n],
 * next to those of witnesses.  A log may have several keys, of NOTE_ED25519
 * and of one name.
 *
 * 0 when a key that has the origin's name has signed it, no signature by any
 * of keys is forged, and the text is a checkpoint.  -1 with e set as
 * note_open() and checkpoint_parse() do; ERR_REFUSED when only others have
 * signed.  note_r, whole on success, says with note_verify() who else did.
 */
int checkpoint_open(struct checkpoint *c, struct note *note_r, const void *p,
    size_t len, const struct note_key *keys, size_t n, struct err *e);

/* Same origin, size and root. */
bool checkpoint_equal(const struct checkpoint *a, const struct checkpoint *b);

#endif
