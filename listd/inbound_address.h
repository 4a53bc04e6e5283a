/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inbound_address.h - which of our addresses a recipient is.
 *
 * Mail is accepted for nothing else (S55): everything that is not found here
 * is 550 at RCPT, so that no bounce of ours can hit a stranger (R136).
 */
#ifndef LISTD_INBOUND_ADDRESS_H
#define LISTD_INBOUND_ADDRESS_H

#include <stdint.h>

#include "lib/address.h"
#include "lib/token.h"

struct conf;
struct err;
struct keyring;
struct store;

enum inbound_kind {
	INBOUND_NONE,		/* no such address here: 550 5.1.1 */
	INBOUND_FOREIGN,	/* for another host: 550 5.7.1 (S55) */
	INBOUND_BOUNCE,		/* b-TOKEN: a report about one delivery */
	INBOUND_LEAVE,		/* u-TOKEN */
	INBOUND_CONFIRM,	/* c-TOKEN */
	INBOUND_SUBSCRIBE,	/* LIST-subscribe */
	INBOUND_UNSUBSCRIBE,	/* LIST-unsubscribe */
	INBOUND_REQUEST,	/* LIST-request: a command */
	INBOUND_OWNER,		/* LIST-owner: to a person */
	INBOUND_ROLE,		/* postmaster, abuse */
	INBOUND_HELP,		/* a command of REQUEST alone */
};

struct inbound_target {
	enum inbound_kind	kind;
	struct token_delivery	delivery;	/* BOUNCE */
	struct token_unsubscribe leave;		/* LEAVE */
	char			token[TOKEN_CONFIRM_LEN + 1];	/* CONFIRM */
	uint32_t		list;		/* by name */
	char			name[64];	/* of the list, or the role */
};

/*
 * What rcpt is.  Domains served are the bounce domain and the host's own name;
 * postmaster without a domain is the host's (RFC 5321 section 4.5.1).  Lists
 * are read from the store.  A local part of ours that is none of these and has
 * a '%', '!' or '@' asks for another host, too.  0 with t_r, or -1: the store
 * cannot be read now.
 */
int inbound_address(const struct conf *conf, const struct keyring *keys,
    struct store *st, const struct address *rcpt,
    struct inbound_target *t_r, struct err *e);

#endif
