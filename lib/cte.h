/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cte.h - content transfer encodings (RFC 2045 section 6), both ways.
 *
 * Quoted-printable is written in a form that no hop has a reason to touch and
 * that equals its own DKIM "relaxed" body (RFC 6376 section 3.4.4) and its own
 * dot-stuffed form (RFC 5321 section 4.5.2), octet for octet:
 *
 *	- no octet but printable ASCII, single blanks and CRLF;
 *	- no tab, no blank at a line's or a run's end, no two blanks in a row;
 *	- no '.', "From " or "--" (a boundary) at the start of a line;
 *	- lines of at most 76 octets.
 *
 * Text may be encoded run by run: a run begins at the column where the one
 * before it ended, and none of the rules above can break where two meet.
 */
#ifndef LIB_CTE_H
#define LIB_CTE_H

#include <stddef.h>

struct err;
struct strbuf;

#define CTE_LINE_MAX	76	/* octets of an encoded line, CRLF apart */

enum cte {
	CTE_7BIT,
	CTE_8BIT,
	CTE_BINARY,
	CTE_QP,
	CTE_BASE64,
	CTE_UNKNOWN,
};

/* The encoding named by name[len] in any case; CTE_UNKNOWN for others. */
enum cte cte_parse(const char *name, size_t len);
/* As written in a header field; "unknown" for CTE_UNKNOWN. */
const char *cte_name(enum cte cte);

/*
 * Append the content of text[len], which has CRLF line ends, decoded.  Strict:
 * -1 with e set to ERR_INPUT at an octet or escape the encoding does not have
 * ("line N: ...", where line is that of text's first), ERR_LIMIT when out is
 * full.  An unknown encoding is ERR_INPUT; the identities are copied.
 */
int cte_decode(enum cte cte, const char *text, size_t len, unsigned line,
    struct strbuf *out, struct err *e);

/*
 * Append text[len] as quoted-printable.  Each CR, LF or CRLF in it is a line
 * end; a CRLF must not be cut between runs.  *col is the column to begin at (0
 * on a fresh line) and gets the one reached; a run that shall begin a new
 * encoded line without ending the decoded one is preceded by qp_soft_break().
 * Overflow shows in out.
 */
void qp_encode(struct strbuf *out, const char *text, size_t len,
    unsigned *col);
/* Append "=" CRLF unless at column 0. */
void qp_soft_break(struct strbuf *out, unsigned *col);
/* The most octets qp_encode() can append for len octets. */
size_t qp_encoded_max(size_t len);

/* Append data[len] as base64, in lines of 76 octets that each end in CRLF. */
void base64_encode(struct strbuf *out, const void *data, size_t len);

#endif
