/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sink_rules.h - what the sink does instead of saying yes.
 *
 * A rules file holds one rule a line, '#' starts a comment:
 *
 *	EVENT [PATTERN] [FILTER=VALUE ...] ACTION ...
 *
 * EVENT	connect ehlo starttls auth mail rcpt data content dot rset noop
 *		quit other.  "ehlo" is also HELO; "content" is a point inside
 *		the message; "dot" its end.  A chunk of BDAT counts as "data"
 *		when it is complete, the LAST one as "dot".
 * PATTERN	a glob, case folded: the recipient for rcpt, data, content and
 *		dot (any of them), the sender for mail, the name for ehlo, the
 *		local address for connect.  Without '@' a pattern of an address
 *		is one of its domain.
 * FILTER	to= from= helo= local=	globs as above, more than one may stand
 *		peer=	a glob, the address of the client
 *		tls=yes|no	on a connection that is (not) encrypted
 *		conn= txn=	RANGE: the connection of this sink, the
 *				transaction of this connection, both from 1
 *		nth=		RANGE over the times the filters above matched
 *		first=N after=N	the same as nth=1-N and nth=(N+1)-
 *		every=N		each N-th of those times
 *		percent=P	of them, by a generator that seed=N starts
 *		per=KEY		count and decide for each KEY apart: to, from,
 *				local or conn
 *		at=N		content only: after N octets of it (default 1)
 *		RANGE is N, N-M or N-.
 * ACTION	accept		the usual reply; shields what stands below
 *		reply "TEXT"	this reply; its first digit decides, 421 closes
 *		raw "BYTES"	these octets, CRLF and all; first digit decides
 *		drop		close without a reply (what came before is sent)
 *		reset		the same with a TCP reset
 *		hang		never answer, read on and forget what comes
 *		stall		never answer, never read again
 *		tls-fail	send octets that are no TLS record, then close;
 *				for starttls after its 220
 *		tls-hang	starttls only: 220, then silence
 *		close		with any of the first three: close after it
 *		delay MS	... the reply comes that late
 *		dribble MS	... one octet each MS
 *		hide A,B	ehlo: leave out these keywords
 *
 * Strings are quoted and know \r \n \t \\ \" \xNN.  In reply "\n" separates
 * the lines, which get CRLF.  The first rule that matches decides.  Every rule
 * counts the times its filters match, also when one above it decides.
 */
#ifndef TESTS_SINK_RULES_H
#define TESTS_SINK_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

enum sink_event {
	SINK_CONNECT,
	SINK_EHLO,
	SINK_STARTTLS,
	SINK_AUTH,
	SINK_MAIL,
	SINK_RCPT,
	SINK_DATA,
	SINK_CONTENT,
	SINK_DOT,
	SINK_RSET,
	SINK_NOOP,
	SINK_QUIT,
	SINK_OTHER,
	SINK_EVENTS
};

enum action_kind {
	ACTION_USUAL,		/* the reply the sink gives without rules */
	ACTION_REPLY,
	ACTION_RAW,
	ACTION_DROP,
	ACTION_RESET,
	ACTION_HANG,
	ACTION_STALL,
	ACTION_TLS_FAIL,
	ACTION_TLS_HANG,
};

struct action {
	enum action_kind kind;
	bool		 close;
	uint32_t	 delay_ms, dribble_ms;	/* 0 = at once */
	uint64_t	 at;			/* octets of content */
	char		*text;			/* reply with CRLFs, or raw */
	size_t		 text_len;
	char		*hide;			/* "A,B" or NULL */
};

/* What a rule may look at.  All pointers are borrowed for the call. */
struct occasion {
	enum sink_event	 event;
	const char	*local, *peer;	/* addresses, no port */
	const char	*helo;		/* "" before EHLO */
	const char	*from;		/* "" for the null sender or none */
	const char	*rcpts;		/* nrcpts strings, each with its NUL */
	size_t		 nrcpts;
	uint64_t	 conn, txn;
	bool		 tls;
};

struct ruleset;

/* Parse a rules file of len octets.  NULL with e naming the line. */
struct ruleset *ruleset_parse(const char *text, size_t len, struct err *e);
/* Read and parse path; NULL with e set. */
struct ruleset *ruleset_load(const char *path, struct err *e);
/* Free; *rs may be NULL.  Sets *rs to NULL. */
void ruleset_free(struct ruleset **rs);

/*
 * Count the occasion and return what to do, or NULL for the usual.  rs may be
 * NULL.  The action lives as long as rs.
 */
const struct action *ruleset_match(struct ruleset *rs,
    const struct occasion *occ);

/* "rcpt", "dot", ... */
const char *sink_event_name(enum sink_event event);

#endif
