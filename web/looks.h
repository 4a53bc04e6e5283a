/* SPDX-License-Identifier: Apache-2.0 */
/*
 * looks.h - who opened the link of a confirmation mail before its button was
 * pressed.
 *
 * Scanners of mail open every link within seconds of its delivery, some from
 * another network than the reader's (T1, T2).  That says how much a press is
 * worth, so it goes into the confirmation's entry; but to open a page changes
 * nothing in the store (X31), so it is remembered here alone, for as long as
 * this process lives and there is room.  From any thread.
 */
#ifndef WEB_LOOKS_H
#define WEB_LOOKS_H

#include <stdint.h>

#include "lib/token.h"

#define LOOKS_MAX	4096	/* links; the one looked at longest ago goes */
#define LOOKS_AGENT	128	/* octets, with NUL */

struct looks;

/* The first of them in full. */
struct look {
	uint32_t	n;		/* 0: none is known */
	int64_t		first_ms;	/* UTC */
	uint8_t		ip[16];
	char		agent[LOOKS_AGENT];
};

struct looks *looks_new(void);
void looks_free(struct looks *l);	/* NULL is fine */

/* token: its hash, as the store keeps it.  l may be NULL: nothing is known. */
void looks_note(struct looks *l, const uint8_t token[static TOKEN_HASH_OCTETS],
    int64_t now_ms, const uint8_t ip[static 16], const char *agent);
struct look looks_of(struct looks *l,
    const uint8_t token[static TOKEN_HASH_OCTETS]);

#endif
