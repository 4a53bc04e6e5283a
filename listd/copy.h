/* SPDX-License-Identifier: Apache-2.0 */
/*
 * copy.h - one recipient's copy: may it go, and what are its bytes.
 *
 * The deliver role's side of campaigns and notices.  It reads campaign, list
 * and content once, compiles them (lib/template.h), holds the signing key, and
 * makes a finished copy per delivery: rendered, signed, ready for writev.  The
 * gate (spool/gate.h) is read from the store at every call, because the answer
 * may have changed since queue handed the delivery out.
 */
#ifndef LISTD_COPY_H
#define LISTD_COPY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "lib/ipc.h"
#include "lib/token.h"

struct copier;
struct err;

#define COPY_SPARE	2	/* what the session lets travel along */

/* Owned by the copier that made it until copy_release(). */
struct copy {
	char		 return_path[320];	/* VERP, without brackets */
	char		 message_id[256];	/* with brackets */
	/*
	 * Headers, body, final dot; room for COPY_SPARE more behind them and,
	 * below iov[0], for as many before.  With bdat there is no final dot
	 * and nothing is dot-stuffed.
	 */
	struct iovec	*iov;
	size_t		 n;
	/* As SIZE= counts them (RFC 1870); with bdat just what iov holds. */
	size_t		 octets;
	bool		 eightbit;		/* needs 8BITMIME */
	bool		 smtputf8;		/* a header that takes RFC 6531 */
	bool		 bdat;			/* to go by BDAT (RFC 3030) */
	/*
	 * A confirmation: the secret in it ("" in all others), and, once it is
	 * signed, what is kept of it as in struct ipc_outcome.
	 */
	char		 token[TOKEN_CONFIRM_LEN + 1];
	struct slice	 mail;
	uint8_t		 mail_hash[32];
};

/*
 * GATE_OPEN (0), or why this delivery must not be written now.  A gate that
 * cannot be read is held, and logged once in COPY_GATE_LOG_MS with how many.
 */
#define COPY_GATE_LOG_MS	60000
uint8_t copy_gate(struct copier *c, const struct ipc_delivery *d);

/*
 * What the list of a delivery wants to be sent over.  One that cannot be read
 * wants the most there is.
 */
enum ipc_tls copy_tls(struct copier *c, const struct ipc_delivery *d);

/*
 * Render, to go by BDAT or DATA, and hash what is to be signed.  octets and
 * eightbit stand; iov does when copy_sign() was called.  NULL with e: ERR_AGAIN
 * (passing: store or campaign not readable now), otherwise this copy can never
 * be made.
 */
struct copy *copy_make(struct copier *c, const struct ipc_delivery *d,
    bool bdat, struct err *e);
/*
 * The copy is about to be written: put in its signatures.  Those of others
 * that wait are made along with them where that is cheaper.  Once signed it
 * stays so.  -1 with e, ERR_CRYPTO: it must not be sent.
 */
int copy_sign(struct copier *c, struct copy *copy, struct err *e);
void copy_release(struct copier *c, struct copy *copy);

#endif
