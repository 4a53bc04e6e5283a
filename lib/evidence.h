/* SPDX-License-Identifier: Apache-2.0 */
/*
 * evidence.h - the file that proves a consent, written and checked.
 *
 * Whoever is told "you never asked" gets one file that can be checked without
 * the daemon, the store or trust in either: entries with their salts, proofs
 * against one signed checkpoint, the texts that were shown, the mails that
 * were sent, and a report for people.  The format is in lib/EVIDENCE, which
 * this follows step by step; contrib/verify-evidence does the same in another
 * language.
 */
#ifndef LIB_EVIDENCE_H
#define LIB_EVIDENCE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/checkpoint.h"
#include "lib/pack.h"
#include "lib/strbuf.h"
#include "lib/ustar.h"

struct err;

#define EVIDENCE_FORMAT		"listd-evidence/1"
#define EVIDENCE_FILE_MAX	(256u << 20)	/* octets of the file */
#define EVIDENCE_ENTRIES_MAX	10000
#define EVIDENCE_ENTRY_MAX	65568		/* octets, with the salt */
#define EVIDENCE_MEMBERS_MAX	40008	/* a text and a mail for each entry */
#define EVIDENCE_MISSING_MAX	10000	/* texts that are missing */
#define EVIDENCE_JSON_DEPTH	64	/* of evidence.json, the object: 1 */
#define EVIDENCE_KEYS_MAX	16	/* to verify with, of one file */
#define EVIDENCE_KEY_FILE_MAX	8192	/* octets */
#define EVIDENCE_WHY_MAX	160

/* ---- writing */

/* The members in the order of the format; its two last ones come by the end. */
struct evidence_writer {
	struct strbuf	file;		/* the archive */
	struct strbuf	manifest;
};

void evidence_begin(struct evidence_writer *w);
/* -1 as ustar_add() has it, ERR_CRYPTO from OpenSSL. */
int evidence_add(struct evidence_writer *w, const char *name,
    struct slice content, struct err *e);
/* Sign and end; w->file is whole then.  -1 as note_make() and ustar_end(). */
int evidence_end(struct evidence_writer *w, const struct note_key *key,
    const uint8_t seed[static NOTE_KEY_OCTETS], struct err *e);
void evidence_free(struct evidence_writer *w);

/* ---- checking */

struct evidence_verdict {
	bool		sound;
	/* What does not hold: a member's name, or "archive"; else "". */
	char		where[USTAR_NAME_MAX + 1];
	char		why[EVIDENCE_WHY_MAX];
	/* What the file says of itself, as far as it was read. */
	struct note_key	key;		/* in log.vkey */
	struct checkpoint checkpoint;	/* its extensions: not kept */
	size_t		entries, texts, mails;
};

/* Called for each entry that was found good, with its CBOR. */
typedef void evidence_entry_fn(void *arg, uint64_t index, struct slice entry);

/*
 * What an entry itself says, in words: a new JSON object of the fields of
 * lib/EVIDENCE section 7.  NULL when one of them is not what it has to be.
 */
json_t *evidence_words(struct slice entry);

/*
 * Check the whole file.  keys[n] are the log's, present and former, known from
 * elsewhere; the file's has to be one of them.  With none the file's own is
 * taken, which shows no more than that it fits together: whoever made it up
 * made its key up as well.
 */
void evidence_verify(struct slice file, const struct note_key *keys, size_t n,
    struct evidence_verdict *v_r, evidence_entry_fn *entry, void *arg);

#endif
