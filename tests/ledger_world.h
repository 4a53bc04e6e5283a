/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ledger_world.h - a store with a signed ledger, and witnesses, for tests.
 */
#ifndef TESTS_LEDGER_WORLD_H
#define TESTS_LEDGER_WORLD_H

#include "lib/strbuf.h"
#include "spool/cosign.h"
#include "tests/spool_world.h"

#define LEDGER_URL	"https://lists.example.org"
#define LEDGER_ORIGIN	"lists.example.org/ledger"
#define LEDGER_NOW	1790000000000

/* Append n entries; sign what is there, and keep the checkpoint. */
void ledger_grow(struct world *w, unsigned n);
void ledger_sign_now(struct world *w, struct ledger_checkpoint *c_r);

/* The witness of a number: "wN.example", its key of type 4 from its seed. */
struct note_key ledger_witness(unsigned number);
/* Append a line by it over the text of a signed checkpoint, at a time. */
void ledger_cosign(struct strbuf *note, unsigned number, uint64_t time);
/* A checkpoint and a cosignature of it, as a note; freed by strbuf_free(). */
struct strbuf ledger_cosigned_note(const struct ledger_checkpoint *c,
    unsigned number, uint64_t time);

#endif
