/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mime_out.h - read a message that shall be sent, strictly and byte by byte.
 *
 * This is the one normaliser at ingress: whatever an author hands in becomes
 * CRLF text here, and what could mean one thing to us and another to a
 * receiver (a bare CR, a NUL) is refused.  What is merely wrong is noted as a
 * defect and left to the linter, so that an author sees all of it at once.
 *
 * Header fields keep the bytes they came with.  The parts form a tree (RFC
 * 2046 section 5.1) kept in one array in the order of the text; a
 * message/rfc822 part is not looked into.
 */
#ifndef LIB_MIME_OUT_H
#define LIB_MIME_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/cte.h"
#include "lib/pack.h"
#include "lib/strbuf.h"

struct err;

#define MIME_MESSAGE_MAX	(10u << 20)	/* octets of a message, CRLF */
#define MIME_HEADER_MAX		(128u << 10)	/* octets of all headers */
#define MIME_DEPTH_MAX		32	/* multiparts inside each other */
#define MIME_PARTS_MAX		1000	/* parts, multiparts included */
#define MIME_BOUNDARY_MAX	70	/* octets of a boundary */
#define MIME_DEFECTS_MAX	100	/* noted; later ones are dropped */
#define MIME_TYPE_MAX		127	/* octets of "type/subtype" */
#define MIME_CHARSET_MAX	40	/* octets of a charset's name */

struct mime_field {
	struct slice	 name;	/* without the colon */
	struct slice	 value;	/* behind the colon, still folded, no CRLF */
	struct slice	 raw;	/* all of it with its last CRLF */
	uint32_t	 line;	/* from 1 */
};

enum mime_disposition {
	MIME_NO_DISPOSITION,
	MIME_INLINE,
	MIME_ATTACHMENT,	/* also any value not known: RFC 2183, 2.8 */
};

struct mime_part {
	uint32_t	 parent;	/* index; 0 of part 0 */
	uint32_t	 child, next;	/* index, 0: none */
	uint32_t	 number;	/* among its siblings, from 1 */
	uint32_t	 depth;		/* multiparts around it */
	uint32_t	 line;		/* of the first header line */
	uint32_t	 body_line;	/* of the first body line */
	uint32_t	 fields;	/* their count ... */
	uint32_t	 first_field;	/* ... and index of the first */
	struct slice	 head;		/* header with its blank line */
	struct slice	 body;		/* as transferred */
	struct slice	 preamble;	/* of a multipart: in front of the */
	struct slice	 epilogue;	/* first and behind the last boundary */
	enum cte	 cte;
	enum mime_disposition disposition;
	bool		 multipart;
	bool		 typed;		/* has a Content-Type that can be read */
	bool		 flowed, delsp;	/* RFC 3676 */
	char		 type[MIME_TYPE_MAX + 1];	/* lower case */
	char		 charset[MIME_CHARSET_MAX + 1];	/* as written, or "" */
	char		 boundary[MIME_BOUNDARY_MAX + 1];
};

enum mime_defect_kind {
	MIME_BAD_FIELD,		/* a header line that is no field */
	MIME_BAD_TYPE,		/* Content-Type that cannot be read */
	MIME_BAD_DISPOSITION,
	MIME_BAD_CTE,		/* unknown, or not allowed on a multipart */
	MIME_BOUNDARY_MISSING,	/* a multipart without the parameter */
	MIME_BOUNDARY_BAD,	/* too long, or with octets it must not have */
	MIME_BOUNDARY_UNUSED,	/* named, and no such line in the body */
	MIME_BOUNDARY_UNCLOSED,	/* the last line with its "--" is missing */
	MIME_BOUNDARY_UNCLEAR,	/* a line begins like one and goes on */
	MIME_BOUNDARY_REUSED,	/* the same as of a multipart around it */
};

struct mime_defect {
	enum mime_defect_kind	 kind;
	uint32_t		 part;	/* index */
	uint32_t		 line;
};

struct mime_message {
	struct strbuf		 text;	/* the message in CRLF */
	struct mime_part	*part;
	struct mime_field	*field;	/* of all parts, in order */
	uint32_t		 parts, fields;
	struct mime_defect	 defect[MIME_DEFECTS_MAX];
	unsigned		 defects;
	uint32_t		 lines_crlf, lines_lf;	/* as they came */
};

/*
 * Append data[len] to out with CRLF, LF or both as line ends brought to CRLF,
 * and a missing last one added.  -1 with e set: ERR_INPUT at a bare CR or a
 * NUL ("line N: ..."), ERR_LIMIT when out is full.
 */
int mime_normalize(const uint8_t *data, size_t len, struct strbuf *out,
    struct err *e);

/*
 * Parse data[len] (CRLF or LF).  Returns a message to be released with
 * mime_free(), or NULL with e set: ERR_INPUT as mime_normalize(), ERR_LIMIT
 * when one of the limits above is passed, ERR_SYSTEM without memory.
 */
struct mime_message *mime_parse(const uint8_t *data, size_t len,
    struct err *e);
void mime_free(struct mime_message *m);

/* The first field of part called name (any case), or NULL. */
const struct mime_field *mime_field_find(const struct mime_message *m,
    uint32_t part, const char *name);
bool mime_field_is(const struct mime_field *f, const char *name);
/* Append the value unfolded (RFC 5322 section 2.2.3), blanks trimmed. */
void mime_field_unfold(const struct mime_field *f, struct strbuf *out);

/* Append the part's body decoded; as cte_decode(), lines of the message. */
int mime_body_decode(const struct mime_message *m, uint32_t part,
    struct strbuf *out, struct err *e);
/* "1.2.1" for people; the message itself is "0". */
void mime_part_path(const struct mime_message *m, uint32_t part, char *out,
    size_t size);

#endif
