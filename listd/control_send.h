/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control_send.h - what the parts of campaign send share.
 */
#ifndef LISTD_CONTROL_SEND_H
#define LISTD_CONTROL_SEND_H

#include "lib/strbuf.h"
#include "listd/control_intake.h"
#include "listd/control_prove.h"
#include "listd/release.h"
#include "spool/campaign.h"
#include "spool/identity.h"

struct call;
struct list;
struct txn;

#define SEND_APPROVED_MAX	1024	/* octets of --approve */

struct sending {
	struct prove	 prove;		/* first: see control_prove.h */
	struct intake	 file;
	struct campaign	 want;		/* to be made */
	struct campaign	 c;		/* as it stands */
	uint32_t	 live;		/* its id, while at work on it */
	struct release_one release;
	char		*params;	/* JSON text */
	struct strbuf	 findings;	/* JSON array */
	struct strbuf	 print;		/* its fingerprint, packed */
	bool		 existed;
	uint32_t	 stale;		/* left PREPARING by a crash */
	int64_t		 now_ms;
	int64_t		 send_at_ms;
	int64_t		 asked_ms;	/* monotonic: the call came */
	int64_t		 good_ms;	/* ... and the message was found good */
	const char	*who;
	struct call	*call;

	/* The end of a row that is not released. */
	enum campaign_state end;
	char		 text[IPC_TEXT_MAX + 1];

	bool		 reminder;	/* over each text (S69) */
	struct strbuf	 approved;	/* folded, blanks between (S16) */
	bool		 test;
	struct identity	 to;
	bool		 stranger;	/* it is nobody's of ours */
	bool		 delivered;
	uint16_t	 code;
};

/* A job of Q: the row has the end s->end, unless somebody else ended it. */
int sending_end_apply(struct txn *t, void *sending, struct err *e);

/* ---- control_send_check.c */

/* May the list send this now, or the test of it?  False: the call was ended. */
bool send_may(struct call *c, struct txn *t, const struct list *l,
    struct sending *s);
/* Fix what the copies are made with.  False: the call was ended. */
bool send_params(struct call *c, struct sending *s, const struct list *l);

/* Read --approve.  False: the call was ended. */
bool send_approved(struct call *c, struct sending *s);
/* A job of S: who approved which addresses, for the campaign s->live. */
int send_approve_apply(struct txn *t, void *sending, struct err *e);
/* With the reminder and the approvals that this one had. */
void send_like(struct sending *s, const struct campaign *m);

/* ---- control_send_test.c */

/* May the list send to s->to, which may be a stranger's?  False: call over. */
bool send_may_test(struct call *c, struct txn *t, const struct list *l,
    struct sending *s);
/* Send it one copy, and end row and call. */
void send_test(struct call *c, struct sending *s);

#endif
