/* SPDX-License-Identifier: Apache-2.0 */
/*
 * token.h - what we hand out and must know again: unsubscribe URLs and
 * addresses, return paths, Message-IDs and confirmations.
 *
 *	URL		key id 1, list 4, address hash 16, campaign 4, MAC 16
 *	mailto		key id 1, list 4, address hash 16, MAC 10
 *	delivery	key id 1, campaign 8, subscriber 8, MAC 10
 *	confirm		the first 16 octets of a MAC over the request id
 *
 * Octets, integers big-endian, the whole in base32 of lower case.  The MAC is
 * HMAC-SHA-256, cut, over a label that names the use, a NUL, and all that
 * stands before it; so no token passes for one of another use.  80 bits do in
 * a mail address, where each guess costs a mail (T28); 128 in a URL.
 *
 * To make a token takes the id of a key, KEY_CURRENT or the one that a
 * campaign noted at its release: a retry has to carry the same return path
 * and Message-ID whatever rotated meanwhile.  To read one takes any key that
 * is still in the ring.  Nothing here expires.
 */
#ifndef LIB_TOKEN_H
#define LIB_TOKEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct keyring;

#define TOKEN_URL_LEN		66	/* characters */
#define TOKEN_MAILTO_LEN	50
#define TOKEN_DELIVERY_LEN	44
#define TOKEN_CONFIRM_LEN	26

#define TOKEN_ADDRESS_OCTETS	16	/* of address_hash() */
#define TOKEN_REQUEST_OCTETS	16	/* of a confirmation's request id */
#define TOKEN_HASH_OCTETS	32	/* of token_hash() */

/* Who leaves what.  A mailto token knows no campaign: 0. */
struct token_unsubscribe {
	uint32_t	list;
	uint32_t	campaign;
	uint8_t		address[TOKEN_ADDRESS_OCTETS];
};

/* One campaign to one subscriber. */
struct token_delivery {
	uint64_t	campaign;
	uint64_t	subscriber;
};

enum token_delivery_use {
	TOKEN_VERP,
	TOKEN_MESSAGE_ID,
};

enum token_confirm_use {
	TOKEN_CONFIRM_SUBSCRIPTION,
	TOKEN_CONFIRM_OWNER,		/* an owner's own address */
	TOKEN_CONFIRM_CHANGE,		/* change of address */
	TOKEN_CONFIRM_EXPORT,		/* access to one's own data */
	TOKEN_CONFIRM_USES
};

/*
 * Write a token and a NUL to out.  -1 with ERR_CRYPTO when the keyring has no
 * such key.  Keys: KEY_URL, KEY_URL, KEY_VERP, KEY_CONFIRM.
 */
int token_url_format(const struct keyring *kr, uint8_t key_id,
    const struct token_unsubscribe *t, char out[static TOKEN_URL_LEN + 1],
    struct err *e);
int token_mailto_format(const struct keyring *kr, uint8_t key_id,
    const struct token_unsubscribe *t, char out[static TOKEN_MAILTO_LEN + 1],
    struct err *e);
int token_delivery_format(const struct keyring *kr, uint8_t key_id,
    enum token_delivery_use use, const struct token_delivery *t,
    char out[static TOKEN_DELIVERY_LEN + 1], struct err *e);
int token_confirm_format(const struct keyring *kr, uint8_t key_id,
    enum token_confirm_use use,
    const uint8_t request[static TOKEN_REQUEST_OCTETS],
    char out[static TOKEN_CONFIRM_LEN + 1], struct err *e);

/*
 * Read text[len] back.  True and t_r filled only when the length, the
 * alphabet (either case), the key id and the MAC, compared in constant time,
 * are right; false for all else, t_r untouched.  False is no error: anyone
 * may write to us.
 */
bool token_url_parse(const struct keyring *kr, const char *text, size_t len,
    struct token_unsubscribe *t_r);
bool token_mailto_parse(const struct keyring *kr, const char *text,
    size_t len, struct token_unsubscribe *t_r);
bool token_delivery_parse(const struct keyring *kr,
    enum token_delivery_use use, const char *text, size_t len,
    struct token_delivery *t_r);

/*
 * What the store keeps of a confirm token, and finds the request by: the
 * SHA-256 of its 16 octets, the same for either case of the text.  False,
 * hash_r untouched, when text[len] has not the shape of one.
 */
bool token_hash(const char *text, size_t len,
    uint8_t hash_r[static TOKEN_HASH_OCTETS]);

/*
 * Make the confirm token of a request again, for a retry or a reminder, with
 * whichever key gives the token whose hash the store has; the key may have
 * rotated since.  False, out holding "", when none does.
 */
bool token_confirm_again(const struct keyring *kr, enum token_confirm_use use,
    const uint8_t request[static TOKEN_REQUEST_OCTETS],
    const uint8_t hash[static TOKEN_HASH_OCTETS],
    char out[static TOKEN_CONFIRM_LEN + 1]);

#endif
