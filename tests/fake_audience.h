/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fake_audience.h - lists, members and the gate in plain memory, in place of
 * spool's tables of S, for tests of the scheduler.
 *
 * It defines the functions of spool/subscriber.h, gate.h, list.h, mailbox.h
 * and notice.h that the scheduler calls, so that the archive's own are not linked.
 */
#ifndef TESTS_FAKE_AUDIENCE_H
#define TESTS_FAKE_AUDIENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spool/gate.h"
#include "spool/notice.h"
#include "spool/subscriber.h"

#define FAKE_MEMBERS	4096
#define FAKE_DOMAINS	1024
#define FAKE_NOTICES	64

struct fake_member {
	uint32_t	list, domain;	/* domain ids from 1 */
	uint64_t	h8, subscriber, join, change;
	enum member_state state;
	struct member_past past;
	bool		gone;
	bool		suppressed;	/* the gate says organization */
	uint64_t	mailbox;	/* shared with others; 0: its own */
	bool		forged;		/* no entry bears it out */
};

struct fake_audience {
	struct fake_member m[FAKE_MEMBERS];
	size_t		n;
	bool		unsorted;
	uint32_t	domains;	/* ids 1 to this */
	uint64_t	sequence;
	uint64_t	left;
	bool		held;		/* the list is */
	struct notice	notice[FAKE_NOTICES];
	bool		notice_there[FAKE_NOTICES];
	uint64_t	notice_mailbox[FAKE_NOTICES];	/* likewise */
	unsigned	most;		/* addresses of a mailbox; 0: 1 */
	size_t		notices;
	/* Their rows are damaged; 0: none. */
	uint64_t	bad_notice;
	uint32_t	bad_domain;
	unsigned	gate_calls;
	unsigned	mailbox_reads;	/* but for mailbox_most() */
};

extern struct fake_audience audience;

void audience_reset(void);
/* A new active member; returns its subscriber id, from 1. */
uint64_t audience_join(uint32_t list, uint32_t domain, uint64_t h8);
void audience_leave(uint64_t subscriber);
void audience_suspend(uint64_t subscriber);
void audience_resume(uint64_t subscriber);
/* Good until the next one joins; NULL. */
struct fake_member *audience_find(uint64_t subscriber);
/* Its address ends in this mailbox, not 0. */
void audience_alias(uint64_t subscriber, uint64_t mailbox);
uint64_t audience_active(uint32_t list);
uint64_t audience_notice(uint32_t domain, int64_t now_ms);

#endif
