/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smtp_command.h - one SMTP command line, read (RFC 5321 section 4.1).
 *
 * Syntax alone: what a command means at a given moment is smtp_proto.h's
 * business.  Whoever cannot be understood gets told so in a reply, so the
 * readers of arguments answer with NULL or with that reply.
 */
#ifndef LIB_SMTP_COMMAND_H
#define LIB_SMTP_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/address.h"

/*
 * Octets of a command line with its CRLF, RFC 5321 section 4.5.3.1.4, and what
 * SIZE (RFC 1870), 8BITMIME (RFC 6152) and SMTPUTF8 (RFC 6531) add to MAIL,
 * the last to RCPT too.
 */
#define SMTP_COMMAND_MAX	512
#define SMTP_COMMAND_MAIL_MAX	(SMTP_COMMAND_MAX + 26 + 17 + 10)
#define SMTP_COMMAND_RCPT_MAX	(SMTP_COMMAND_MAX + 10)
#define SMTP_HELO_MAX		255	/* octets of a HELO name */

enum smtp_verb {
	SMTP_UNKNOWN,
	SMTP_HELO,
	SMTP_EHLO,
	SMTP_LHLO,		/* RFC 2033 */
	SMTP_MAIL,
	SMTP_RCPT,
	SMTP_DATA,
	SMTP_RSET,
	SMTP_NOOP,
	SMTP_VRFY,
	SMTP_EXPN,
	SMTP_HELP,
	SMTP_QUIT,
	SMTP_STARTTLS,		/* RFC 3207 */
	SMTP_ABSENT,		/* of some RFC, but not done here: AUTH, ETRN */
	/*
	 * BDAT, whose content follows at once and would be read as commands,
	 * and the first words of HTTP, whose browsers can be made to speak to
	 * any port: nothing after these may be believed.
	 */
	SMTP_FOREIGN
};

/* The argument is borrowed from the line, without blanks at either end. */
struct smtp_command {
	enum smtp_verb	 verb;
	const char	*arg;
	size_t		 arg_len;
};

/*
 * Split a line (without CRLF) in verb and argument.  False when it holds a
 * control character, or more octets than its verb may have.
 */
bool smtp_command_parse(const char *line, size_t len,
    struct smtp_command *cmd_r);

/* What MAIL said.  A path of empty local part and domain is "<>". */
struct smtp_mail {
	struct address	from;
	uint64_t	size;		/* RFC 1870; 0 = not stated */
	bool		eight_bit;	/* BODY=8BITMIME */
	bool		utf8;		/* SMTPUTF8 */
};

static inline bool
smtp_path_is_null(const struct address *path)
{
	return path->local[0] == '\0' && path->domain[0] == '\0';
}

/*
 * Read the argument of MAIL.  Blanks after "FROM:" are forgiven, as many send
 * them and they cannot be misread.
 *
 * extended	parameters are allowed: the client said EHLO or LHLO
 * utf8		SMTPUTF8 was offered
 */
const char *smtp_mail_parse(const char *arg, size_t len, bool extended,
    bool utf8, struct smtp_mail *mail_r);

/*
 * Read the argument of RCPT.  "<postmaster>" without domain is taken in any
 * case of letters (RFC 5321 section 4.1.1.3) and comes out as "postmaster"
 * with an empty domain.  A path in brackets that is no mailbox of ours by its
 * very form - source route, percent, bang or whatever - is refused as
 * relaying, S55.
 *
 * utf8		the transaction is an SMTPUTF8 one
 */
const char *smtp_rcpt_parse(const char *arg, size_t len, bool utf8,
    struct address *rcpt_r);

/*
 * Check the argument of HELO, EHLO or LHLO: letters, digits and ".-_:[]",
 * since it goes into the Received field.  Its truth is not checked (S58).
 */
const char *smtp_helo_parse(const char *arg, size_t len);

#endif
