/* SPDX-License-Identifier: Apache-2.0 */
/*
 * witness.h - the header field that carries a ledger's signed checkpoint.
 *
 *	Listd-Ledger: base64 of the whole note (lib/signed_note.h)
 *
 * At most WITNESS_OCTETS characters of base64, with blanks or folds wherever
 * the way of the mail put them.  So each mailbox that keeps a copy holds what
 * the ledger was when the copy was made.
 */
#ifndef LIB_WITNESS_H
#define LIB_WITNESS_H

#include <stdbool.h>
#include <stddef.h>

struct err;
struct strbuf;

#define WITNESS_FIELD		"Listd-Ledger"
#define WITNESS_OCTETS		400	/* of base64 */
#define WITNESS_NOTE_MAX	300	/* octets of a note that are so many */

/*
 * Append the field for a note, folded, with its line end.  ERR_LIMIT over
 * WITNESS_NOTE_MAX, and for an empty one.
 */
int witness_write(struct strbuf *out, const char *note, size_t len,
    struct err *e);
/*
 * Append the note that a field's value[len] holds, unfolded or not.  Nobody
 * has looked at the note itself then.  -1 with ERR_INPUT for all else.
 */
int witness_read(struct strbuf *out, const char *value, size_t len,
    struct err *e);

#endif
