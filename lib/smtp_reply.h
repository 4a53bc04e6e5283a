/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smtp_reply.h - SMTP replies as a client reads them.
 *
 * RFC 5321 section 4.2 with the enhanced codes of RFC 2034.  Bytes go in cut
 * anywhere; replies come out one at a time, because a pipelining client must
 * match each to its command.  What a server may not send is a verdict and not
 * an error: the answer to it is to close the connection and try again later,
 * for nothing after it can be trusted to be where it seems (a temporary
 * failure, whatever code the bytes spell).
 *
 * Malformed are: a line of more than SMTP_REPLY_LINE_MAX octets, more than
 * SMTP_REPLY_LINES_MAX lines, a NUL, a CR or LF that is not part of CRLF, a
 * code outside 200-599, something other than blank or hyphen after it, and
 * lines of one reply with different codes.  RFC 5321 section 4.5.3.1.5 says
 * 512 octets a line; longer ones are common and harmless.  The second digit
 * is 0-5 by the grammar; others (571) are in use and taken.
 */
#ifndef LIB_SMTP_REPLY_H
#define LIB_SMTP_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/enhanced.h"

#define SMTP_REPLY_LINE_MAX	4096	/* octets of one line with its CRLF */
#define SMTP_REPLY_LINES_MAX	100	/* lines of one reply */
#define SMTP_REPLY_TEXT_MAX	4096	/* octets of text kept of one reply */

enum smtp_reply_state {
	SMTP_REPLY_MORE,	/* the reply is not complete: feed more */
	SMTP_REPLY_DONE,	/* smtp_reply_get() has it */
	SMTP_REPLY_MALFORMED	/* sticky until smtp_reply_reset() */
};

struct smtp_reply {
	int		 code;		/* 200-599 */
	struct enhanced	 enhanced;	/* of the first line that has one */
	/*
	 * The text of all lines joined with one blank, without the codes: no
	 * control character (each became '?', a tab a blank), but any octet
	 * of 0x80-0xff.
	 */
	const char	*text;		/* NUL-terminated */
	size_t		 text_len;
	bool		 cut;		/* there was more text than is kept */
	unsigned	 lines;
	/* Where the text of each line starts; text_len when it was cut. */
	uint16_t	 line_at[SMTP_REPLY_LINES_MAX];
};

struct smtp_reply_parser;

struct smtp_reply_parser *smtp_reply_new(void);
void smtp_reply_free(struct smtp_reply_parser *p);	/* NULL is fine */

/*
 * Forget everything: for a new connection, and after STARTTLS, where what came
 * before the handshake must not be believed.
 */
void smtp_reply_reset(struct smtp_reply_parser *p);

/*
 * Take bytes up to the end of one reply.  After SMTP_REPLY_DONE the next call
 * begins the next reply; after SMTP_REPLY_MALFORMED nothing is taken.
 *
 * taken_r	octets of data used; the rest belongs to later replies.  Means
 *		nothing when the input is malformed.
 */
enum smtp_reply_state smtp_reply_feed(struct smtp_reply_parser *p,
    const void *data, size_t len, size_t *taken_r);

/*
 * The reply that the last SMTP_REPLY_DONE completed, valid until the next call
 * on p.
 */
const struct smtp_reply *smtp_reply_get(const struct smtp_reply_parser *p);

/* Why the input was malformed, in words fit for a log; "" when it was not. */
const char *smtp_reply_why(const struct smtp_reply_parser *p);

/* True between the first octet of a reply and its end. */
bool smtp_reply_partial(const struct smtp_reply_parser *p);

/* What a server offers in its answer to EHLO.  Numbers are 0 if not stated. */
struct smtp_ehlo {
	bool		pipelining;	/* RFC 2920 */
	bool		eightbitmime;	/* RFC 6152 */
	bool		starttls;	/* RFC 3207 */
	bool		chunking;	/* RFC 3030 */
	bool		smtputf8;	/* RFC 6531 */
	bool		dsn;		/* RFC 3461 */
	bool		enhanced;	/* RFC 2034 */
	bool		requiretls;	/* RFC 8689 */
	bool		size;		/* RFC 1870, with or without a value */
	bool		auth_plain;	/* RFC 4954 and 4616 */
	bool		auth_login;
	uint64_t	size_max;	/* octets; 0 = no fixed maximum */
	uint32_t	rcptmax;	/* RFC 9422, RCPT a MAIL */
	uint32_t	mailmax;	/* RFC 9422, MAIL a connection */
};

/*
 * Read the extensions from a 250 answer to EHLO.  Unknown keywords and values
 * that do not parse are ignored: an offer that is not understood is no offer.
 */
void smtp_ehlo_parse(const struct smtp_reply *reply, struct smtp_ehlo *ehlo_r);

#endif
