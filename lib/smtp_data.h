/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smtp_data.h - the content of DATA as a server reads it: where it ends.
 *
 * RFC 5321 sections 2.3.8 and 4.5.2.  Only CRLF "." CRLF ends a message.  Where
 * a sender and a receiver disagree about that, one message carries a second
 * one past every check (SMTP smuggling, 2023), so a CR or LF that is not part
 * of CRLF is no content either: it is a verdict, and the connection ends.
 *
 * The first dot of a line that starts with one is removed.  Content comes out
 * as slices of the input, never copied, and ends in CRLF unless it is empty.
 */
#ifndef LIB_SMTP_DATA_H
#define LIB_SMTP_DATA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/pack.h"

enum smtp_data_result {
	SMTP_DATA_MORE,		/* all input taken, no content in it */
	SMTP_DATA_CHUNK,	/* some content */
	SMTP_DATA_END,		/* CRLF "." CRLF was taken, and nothing more */
	SMTP_DATA_BARE		/* a bare CR or LF: the session must end */
};

/* What passed so far.  Counted on the content, after dots are removed. */
struct smtp_data {
	uint64_t	octets;
	uint32_t	longest_line;	/* octets without CRLF */
	uint32_t	hops;		/* Received fields of the header */
	bool		nul;		/* a NUL octet */
	bool		eight_bit;	/* an octet above 0x7f */

	/* private */
	uint32_t	line;		/* octets in the line so far */
	uint8_t		state;
	bool		header;		/* no empty line yet */
	bool		match;		/* the line is "Received:" so far */
};

/* Begin a message; the CRLF of the DATA command counts as the first. */
void smtp_data_begin(struct smtp_data *d);

/*
 * Take input up to one contiguous run of content or the end.
 *
 * taken_r	octets of the input used
 * chunk_r	the content, borrowed from data; empty unless SMTP_DATA_CHUNK
 */
enum smtp_data_result smtp_data_feed(struct smtp_data *d, const void *data,
    size_t len, size_t *taken_r, struct slice *chunk_r);

#endif
