/* SPDX-License-Identifier: Apache-2.0 */
/*
 * autoreply.h - signs that no person sent a message.
 *
 * Three questions, with three answers.  May this message confirm or be
 * answered?  Not with any sign of automation (RFC 3834 section 2, R157, R162):
 * a vacation program that quotes our mail must not subscribe anybody.  Is it
 * itself an answer of a machine (R137)?  Then it is no bounce and goes no
 * further.  Has it been here before (RFC 5321 section 6.3, R163)?
 */
#ifndef LIB_AUTOREPLY_H
#define LIB_AUTOREPLY_H

#include <stdbool.h>

struct mailhead;

enum autoreply_sign {
	AUTOREPLY_NONE,
	AUTOREPLY_NULL_SENDER,		/* MAIL FROM:<> */
	AUTOREPLY_AUTO_SUBMITTED,	/* anything but "no", RFC 3834 */
	AUTOREPLY_REPORT,		/* multipart/report, RFC 6522 */
	AUTOREPLY_RESPONDER,		/* a responder's own field */
	AUTOREPLY_SUPPRESS,		/* X-Auto-Response-Suppress */
	AUTOREPLY_PRECEDENCE,		/* auto_reply, bulk, junk, list */
	AUTOREPLY_LIST_ID,		/* RFC 2919 */
	AUTOREPLY_LIST			/* another List- field, RFC 2369 */
};

/*
 * The first sign found, in the order above.
 *
 * null_sender	the envelope had no return path; the field Return-Path, which
 *		any relay may have written, is not looked at
 */
enum autoreply_sign autoreply_find(const struct mailhead *h,
    bool null_sender);

/* Its name, for records: "auto-submitted"; "" for AUTOREPLY_NONE. */
const char *autoreply_name(enum autoreply_sign sign);

/*
 * True when the message answers one by itself: vacation notice, receipt and
 * the like.  Not for reports and list mail, which are automatic too.  Look
 * for a bounce first (dsn.h): older ones have no mark but the null sender.
 */
bool autoreply_is_reply(const struct mailhead *h, bool null_sender);

#define LOOP_RECEIVED_MAX	100	/* hops; more is a loop */
#define LOOP_RECEIVED_WARN	30

struct loop_facts {
	unsigned	received;	/* Received fields */
	bool		own_list;	/* List-Id names this list */
	bool		own_address;	/* Delivered-To names this address */
};

/*
 * What speaks for a loop.
 *
 * list_id	without brackets; NULL: do not look.  Compared without case.
 * address	the recipient; NULL: do not look.  Compared without case.
 */
void loop_find(const struct mailhead *h, const char *list_id,
    const char *address, struct loop_facts *facts_r);

#endif
