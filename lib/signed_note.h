/* SPDX-License-Identifier: Apache-2.0 */
/*
 * signed_note.h - text signed by one or more keys, as C2SP's signed-note
 * (c2sp.org/signed-note) has it.
 *
 *	text, lines of UTF-8, the last one ended
 *	(an empty line)
 *	EM DASH, blank, key name, blank, base64(key id 4 | signature)
 *	...
 *
 * A key is known by its name and its id, the first four octets of
 * SHA-256(name | LF | type | public key).  Of the types that are assigned we
 * make and check two:
 *
 *	0x01	Ed25519 (RFC 8032) over the text
 *	0x04	cosignature/v1 of a checkpoint (c2sp.org/tlog-cosignature):
 *		a time of 8 octets, then Ed25519 over "cosignature/v1" LF
 *		"time N" LF and the text
 *
 * Signatures of keys that are not known are passed over, but even those must
 * be well formed: base64 that is spelt in another way, a control character or
 * anything else not as above makes it no note.  What a note says is to be
 * believed only after note_open() or note_verify().
 */
#ifndef LIB_SIGNED_NOTE_H
#define LIB_SIGNED_NOTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/pack.h"

struct err;
struct strbuf;

#define NOTE_MAX		131072	/* octets of a note, its text too */
#define NOTE_SIGNATURES_MAX	32	/* signature lines of a note */
#define NOTE_NAME_MAX		255	/* octets of a key's name */
#define NOTE_KEY_OCTETS		32	/* of a seed or a public key */
#define NOTE_VKEY_MAX	(NOTE_NAME_MAX + 1 + 8 + 1 + 44)
#define NOTE_TIME_MAX	(UINT64_MAX >> 1)	/* of a cosignature */

enum note_key_type {
	NOTE_ED25519 = 0x01,
	NOTE_COSIGNATURE = 0x04,
};

/* A public key. */
struct note_key {
	char		name[NOTE_NAME_MAX + 1];
	enum note_key_type type;
	uint8_t		id[4];
	uint8_t		pub[NOTE_KEY_OCTETS];
};

/*
 * True for a key name: 1 to NOTE_NAME_MAX octets of UTF-8, no space of
 * Unicode, no control character of ASCII, no plus.
 */
bool note_name_valid(const char *name, size_t len);

/*
 * The public key of a seed under a name.  -1 with e set: ERR_INPUT for a name
 * that is none, ERR_CRYPTO from OpenSSL.
 */
int note_key_make(struct note_key *key, enum note_key_type type,
    const char *name, const uint8_t seed[NOTE_KEY_OCTETS], struct err *e);

/*
 * Read a verifier key, "NAME+HEX+BASE64": hexadecimal key id, base64 of type
 * and public key.  ERR_INPUT for all else, also when the id is not that of
 * name, type and key, or the type none of ours.
 */
int note_key_parse(struct note_key *key, const char *vkey, size_t len,
    struct err *e);
/* Append it; overflow shows in out. */
void note_key_format(const struct note_key *key, struct strbuf *out);

/* Same name and id, which is what a signature names its key by. */
bool note_key_equal(const struct note_key *a, const struct note_key *b);

/* ---- reading */

struct note_signature {
	struct slice	line;		/* whole, with its line end */
	struct slice	name;
	struct slice	base64;
};

/* All borrowed from what was parsed. */
struct note {
	struct slice	text;		/* with its last line end */
	size_t		n;
	struct note_signature signature[NOTE_SIGNATURES_MAX];
};

/*
 * Take a note apart and verify nothing.  -1 with e set: ERR_INPUT when it is
 * not as above, ERR_LIMIT over NOTE_MAX or NOTE_SIGNATURES_MAX.
 */
int note_parse(struct note *note, const void *p, size_t len, struct err *e);

enum note_verdict {
	NOTE_UNSIGNED,		/* the key has not signed it */
	NOTE_SIGNED,		/* it has */
	NOTE_FORGED,		/* a signature in its name does not hold */
};

/*
 * What key has to do with the note.  Of two signatures by one key both must
 * hold.  *time_r, unless NULL, gets the latest time of a key's cosignatures;
 * 0 for another type and verdict.
 */
enum note_verdict note_verify(const struct note *note,
    const struct note_key *key, uint64_t *time_r);

/*
 * Parse, and verify with all of keys[n]: 0 when at least one has signed and
 * none is forged.  -1 with e as note_parse() has it, or ERR_REFUSED.
 */
int note_open(struct note *note, const void *p, size_t len,
    const struct note_key *keys, size_t n, struct err *e);

/* ---- writing */

/*
 * Append one signature line by key, whose seed is that, over text[len]; time
 * (seconds) is for a cosignature alone, and not 0 there.  -1 with e set:
 * ERR_INPUT when text cannot be a note's or time is out of range, ERR_LIMIT
 * when out is full, ERR_CRYPTO also when seed is not that of key.
 */
int note_sign(struct strbuf *out, const struct note_key *key,
    const uint8_t seed[NOTE_KEY_OCTETS], uint64_t time, const void *text,
    size_t len, struct err *e);

/* Append a whole note of one signature: text, empty line, signature line. */
int note_make(struct strbuf *out, const struct note_key *key,
    const uint8_t seed[NOTE_KEY_OCTETS], const void *text, size_t len,
    struct err *e);

#endif
