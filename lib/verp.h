/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verp.h - the local parts that are ours, written and read back.
 *
 * Every delivery leaves with its own envelope sender, so that a bounce can be
 * credited without trusting a byte of its body; unsubscribing and confirming
 * by mail have such addresses too:
 *
 *	b-<delivery token>	the return path of one delivery
 *	u-<mailto token>	leaves a list
 *	c-<confirm token>	confirms a request, by replying
 *
 * Letters, digits and '-' alone, 52 characters at most, so the local part
 * stays under its 64 octets (RFC 5321 section 4.5.3.1.1) and survives hosts
 * that fold its case (T28).  The technique is D. J. Bernstein's VERP; it has
 * no RFC.
 *
 * On the way back relays may have put things around: BATV (prvs=0123abcdef=),
 * SRS (SRS0=hash=tt=domain=), an extension after '+', quotes.  So a token is
 * looked for at the start and after any of = / + and quotes, and ends at the
 * end or before one of these; its MAC is then checked strictly.
 */
#ifndef LIB_VERP_H
#define LIB_VERP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/token.h"

struct err;
struct keyring;
struct strbuf;

#define VERP_LOCAL_MAX	512	/* octets of a local part looked at */
#define VERP_PATH_MAX	254	/* octets of an address we write */

enum verp_kind {
	VERP_NONE,		/* not ours, or tampered with */
	VERP_BOUNCE,
	VERP_UNSUBSCRIBE,
	VERP_CONFIRM,
};

/* What a local part says; the member that kind names is filled. */
struct verp {
	enum verp_kind	kind;
	union {
		struct token_delivery		delivery;
		struct token_unsubscribe	unsubscribe;	/* campaign 0 */
		/* token_hash(): only the store knows whether it exists. */
		uint8_t				confirm[TOKEN_HASH_OCTETS];
	} u;
};

/*
 * Append to out the address of that kind at domain (A-label form, no trailing
 * dot), without angle brackets.  key_id as in token.h.
 *
 * -1 with e set, out holding part of it: ERR_CRYPTO without a key, ERR_LIMIT
 * past VERP_PATH_MAX or the room of out.
 */
int verp_bounce_format(struct strbuf *out, const struct keyring *kr,
    uint8_t key_id, const struct token_delivery *t, const char *domain,
    struct err *e);
int verp_unsubscribe_format(struct strbuf *out, const struct keyring *kr,
    uint8_t key_id, const struct token_unsubscribe *t, const char *domain,
    struct err *e);
/* token is what token_confirm_format() or token_confirm_again() made. */
int verp_confirm_format(struct strbuf *out, const char *token,
    const char *domain, struct err *e);

/*
 * Say what the local part local[len] of a recipient is.  v_r->kind is
 * VERP_NONE for all that is not ours, and for more than VERP_LOCAL_MAX
 * octets.  The work is bounded: one MAC for every 52 octets.
 */
enum verp_kind verp_classify(const struct keyring *kr, const char *local,
    size_t len, struct verp *v_r);

/*
 * The same for a whole address as found in a message, perhaps in angle
 * brackets: what stands before the last '@'.  The domain is not looked at;
 * the MAC is what makes it ours.
 */
enum verp_kind verp_classify_address(const struct keyring *kr,
    const char *address, size_t len, struct verp *v_r);

#endif
