/* SPDX-License-Identifier: Apache-2.0 */
/*
 * form_token.h - the hidden field that shows a form was shown (X38).
 *
 *	key id 1 | time 8 | MAC 16, in base32
 *
 * The MAC, under the confirm key and a label of its own, covers the time, the
 * list and the hash of the text that the form showed.  So a request that
 * brings a token is known to follow that very text, some seconds after it was
 * sent.  A token says nothing of who it was for and may be used more than
 * once: how often anyone may ask is limited by queue.
 */
#ifndef WEB_FORM_TOKEN_H
#define WEB_FORM_TOKEN_H

#include <stdint.h>

#include "lib/base32.h"

struct keyring;

#define FORM_TOKEN_OCTETS	25
#define FORM_TOKEN_LEN		BASE32_LEN(FORM_TOKEN_OCTETS)
#define FORM_TOKEN_HASH		32	/* octets of SHA-256 */
#define FORM_TOKEN_MIN_MS	2000	/* what a person needs at the least */
#define FORM_TOKEN_MAX_MS	(24ll * 3600 * 1000)

enum form_token {
	FORM_TOKEN_GOOD,
	FORM_TOKEN_BAD,		/* missing, foreign, of another list or text */
	FORM_TOKEN_YOUNG,
	FORM_TOKEN_OLD,
};

/* out is "" when the keyring has no key. */
void form_token_make(const struct keyring *kr, uint32_t list,
    const uint8_t shown[static FORM_TOKEN_HASH], int64_t now_ms,
    char out[static FORM_TOKEN_LEN + 1]);

enum form_token form_token_check(const struct keyring *kr, const char *token,
    uint32_t list, const uint8_t shown[static FORM_TOKEN_HASH],
    int64_t now_ms);

#endif
