/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dsn_private.h - what the files of dsn share.
 *
 *	dsn_mime.c	parts of the message (GMime)
 *	dsn_status.c	groups of fields: delivery-status, feedback-report
 *	dsn_text.c	what is written for people
 *	dsn.c		puts it together
 *	dsn_json.c	prints it
 */
#ifndef LIB_DSN_PRIVATE_H
#define LIB_DSN_PRIVATE_H

#include "lib/dsn.h"
#include "lib/strbuf.h"

struct mailhead;

/* The parts that matter, without those inside an enclosed message. */
struct dsn_parts {
	struct strbuf	human;		/* the first text part, or the body */
	struct strbuf	status;		/* delivery-status parts */
	struct strbuf	feedback;	/* feedback-report parts */
	struct strbuf	original;	/* header of the enclosed message */
};

void dsn_parts_init(struct dsn_parts *parts);
void dsn_parts_free(struct dsn_parts *parts);
/*
 * Transfer encodings are undone, character sets stay.  -1 with e set to
 * ERR_LIMIT above DSN_MULTIPARTS_MAX.
 */
int dsn_mime_split(const char *message, size_t len, size_t body_at,
    struct dsn_parts *parts, struct err *e);

/* A fresh, cleared recipient; NULL when there are DSN_RECIPIENTS_MAX. */
struct dsn_recipient *dsn_report_add(struct dsn_report *r);
/* Copy a value of size octets at most, without control characters. */
void dsn_copy(char *out, size_t size, const char *s, size_t len);
/*
 * Copy the address of "rfc822; <addr>" or of addr alone, RFC 6533 escapes
 * undone; false when there is none.
 */
bool dsn_copy_address(char out[DSN_ADDRESS_MAX + 1], const char *s,
    size_t len);

/* A server's reply, found in free text. */
struct dsn_said {
	int		 code;		/* 0 = none */
	struct enhanced	 enhanced;
	const char	*text;		/* what follows the codes */
	size_t		 len;
};

/* Look for "550 5.1.1 words" or less of it. */
void dsn_said_find(const char *text, size_t len, struct dsn_said *said_r);
/* The step of the session that the text tells, else REPLY_AT_REPORT. */
enum reply_stage dsn_stage_find(const char *text, size_t len);

/* Set code, status and said from a reply, and class from them and Status. */
void dsn_judge(struct dsn_recipient *rcpt, const char *text, size_t len,
    enum reply_stage stage);

/*
 * Read groups of fields.  dsn_status_read() adds the recipients of a delivery
 * report, and says whether there was one.
 */
bool dsn_status_read(struct dsn_report *r, const struct strbuf *status);
void dsn_feedback_read(struct dsn_report *r, const struct dsn_parts *parts);
/* Where fields of a report begin in text that is no MIME part of its own. */
bool dsn_status_locate(const struct strbuf *text, struct strbuf *status);

/* What the text says of one recipient. */
struct dsn_block {
	char		 address[DSN_ADDRESS_MAX + 1];
	const char	*text;
	size_t		 len;
};

/*
 * Cut text where the returned message begins; what follows goes to original,
 * if that is empty.
 */
void dsn_text_cut(struct strbuf *text, struct strbuf *original);
/*
 * True when text has the shape of a bounce: *action_r is what it tells and
 * *from_r where its list of recipients may begin.
 */
bool dsn_shape_find(const struct strbuf *text, enum dsn_action *action_r,
    size_t *from_r);
/* Blocks of recipients in text from there on, at most max. */
unsigned dsn_blocks_find(const struct strbuf *text, size_t from,
    struct dsn_block *block, unsigned max);

#endif
