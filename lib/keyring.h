/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keyring.h - the secrets in memory: one set of keys for each purpose.
 *
 * Purposes never share a key, and within one purpose the text of the MAC
 * starts with a label, so nothing made for one use is taken for another.
 * Every key has an id from 1 to 255 that travels with what it made; one key
 * of a purpose is current and makes, the others only verify.  Reading and
 * writing the files is for others (one per purpose, mode 0600).
 *
 * A key file has one line a key, "ID BASE32 [current]": a decimal id, the 32
 * octets in 52 characters of base32, and on exactly one line the word
 * "current".  Empty lines, and from '#' to the end of a line, mean nothing.
 */
#ifndef LIB_KEYRING_H
#define LIB_KEYRING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct strbuf;
struct keyring;

#define KEY_OCTETS	32	/* of secret */
#define KEY_MAX		16	/* keys of one purpose */
#define KEY_CURRENT	0	/* as an id: the current key */
#define KEY_FILE_MAX	8192	/* octets of one key file */
#define KEY_MAC_OCTETS	32	/* of HMAC-SHA-256 */

enum key_purpose {
	KEY_H8,			/* order of subscribers; never rotates */
	KEY_ADDRESS,		/* address hashes; never rotates */
	KEY_VERP,		/* return paths and Message-IDs */
	KEY_URL,		/* unsubscribe URLs and mailto addresses */
	KEY_CONFIRM,		/* confirmation tokens */
	KEY_LEDGER,		/* Ed25519 seed of the checkpoints */
	KEY_LOG,		/* pseudonyms in logs */
	KEY_PURPOSES
};

/* "h8", "address", "verp", "url", "confirm", "ledger", "log". */
const char *key_purpose_name(enum key_purpose purpose);

/* The purpose of that name, or KEY_PURPOSES. */
enum key_purpose key_purpose_find(const char *name);

/*
 * True when stored data hangs on the key for ever, so that a second key of
 * the purpose is refused: KEY_H8 and KEY_ADDRESS.
 */
bool key_purpose_is_fixed(enum key_purpose purpose);

/* An empty keyring; released with keyring_free(), which wipes it. */
struct keyring *keyring_new(void);
void keyring_free(struct keyring *kr);	/* NULL is fine */

/*
 * Replace the keys of purpose by those of a key file's text[len].  On failure
 * the keys are as they were.
 *
 * -1 with e set: ERR_INPUT naming the line, never quoting it; ERR_LIMIT over
 * KEY_FILE_MAX octets or KEY_MAX keys; ERR_CRYPTO from OpenSSL.
 */
int keyring_parse(struct keyring *kr, enum key_purpose purpose,
    const char *text, size_t len, struct err *e);

/*
 * Append the key file of purpose to out, lines in order of id.  out then
 * holds secrets: give it room for KEY_FILE_MAX octets at once and wipe it with
 * keyring_wipe().  -1 with ERR_LIMIT when out is full.
 */
int keyring_format(const struct keyring *kr, enum key_purpose purpose,
    struct strbuf *out, struct err *e);

/* Overwrite the memory of b, then release it. */
void keyring_wipe(struct strbuf *b);

/*
 * Add the key octets under the smallest free id, which *id_r gets unless
 * NULL, and make it current.
 *
 * -1 with e set: ERR_REFUSED for a second key of a fixed purpose, ERR_EXISTS
 * when the same octets are there already, ERR_LIMIT at KEY_MAX keys.
 */
int keyring_rotate(struct keyring *kr, enum key_purpose purpose,
    const uint8_t octets[static KEY_OCTETS], uint8_t *id_r, struct err *e);

/* Number of keys of purpose. */
size_t keyring_count(const struct keyring *kr, enum key_purpose purpose);

/* The id of the i-th key of purpose (from 0, in order of id), or 0. */
uint8_t keyring_id(const struct keyring *kr, enum key_purpose purpose,
    size_t i);

/* The id of the current key, or 0 when purpose has no key. */
uint8_t keyring_current(const struct keyring *kr, enum key_purpose purpose);

/*
 * The KEY_OCTETS octets of a key (id may be KEY_CURRENT), or NULL.  Borrowed
 * until the purpose is parsed again or the keyring freed.
 */
const uint8_t *keyring_find(const struct keyring *kr, enum key_purpose purpose,
    uint8_t id);

/*
 * HMAC-SHA-256 under a key (id may be KEY_CURRENT) of label, its NUL, and
 * data[len].  Threads may share a keyring for this.
 *
 * False, with mac_r cleared, when the purpose has no such key, or when
 * OpenSSL has no memory.
 */
bool keyring_mac(const struct keyring *kr, enum key_purpose purpose,
    uint8_t id, const char *label, const void *data, size_t len,
    uint8_t mac_r[static KEY_MAC_OCTETS]);

#endif
