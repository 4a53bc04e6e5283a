/* SPDX-License-Identifier: Apache-2.0 */
/*
 * view.h - the little that pages show of the store.
 *
 * Each call opens and ends its own read transaction, so nothing is held while
 * a client is waited for.  Threads may call at the same time.  What decides
 * anything is decided by queue; a page that cannot read the store does
 * without.
 */
#ifndef WEB_VIEW_H
#define WEB_VIEW_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "lib/token.h"
#include "spool/cosign.h"

struct err;
struct store;
struct strbuf;
struct tlog_tile;

#define VIEW_NAME_MAX	63
#define VIEW_TITLE_MAX	240
#define VIEW_FROM_MAX	320
#define VIEW_POSTAL_MAX	512
#define VIEW_STATEMENT_MAX 1204

struct view_list {
	uint32_t	id;
	bool		gone;		/* removed */
	bool		open;		/* takes requests of strangers */
	char		name[VIEW_NAME_MAX + 1];
	char		title[VIEW_TITLE_MAX + 1];
	char		from[VIEW_FROM_MAX + 1];
	char		postal[VIEW_POSTAL_MAX + 1];
	/* The answers to the questions of fairness, a line each (S68). */
	char		statement[VIEW_STATEMENT_MAX + 1];
};

enum view_state { VIEW_PENDING, VIEW_CONFIRMED, VIEW_EXPIRED, VIEW_VOID };

struct view_request {
	enum token_confirm_use purpose;
	enum view_state	state;
	char		title[VIEW_TITLE_MAX + 1];	/* of the list, or "" */
	/* The address, most of it hidden: whoever has the link may look. */
	char		address[VIEW_FROM_MAX + 1];
	char		statement[VIEW_STATEMENT_MAX + 1];	/* as above */
};

enum view_ledger {
	VIEW_CHECKPOINT,	/* the last one, with its cosignatures */
	VIEW_COSIGNED,		/* the largest one with a cosignature */
	VIEW_LEDGER_KEYS,	/* verifier keys, a line each */
};

/* 1, 0 there is none, -1 the store cannot be read. */
struct view_ops {
	int	(*list)(void *arg, const char *name, struct view_list *l_r,
		    struct err *e);
	int	(*list_by_id)(void *arg, uint32_t id, struct view_list *l_r,
		    struct err *e);
	/* The request a confirmation token stands for. */
	int	(*request)(void *arg, const char *token, int64_t now_ms,
		    struct view_request *r_r, struct err *e);
	/*
	 * All that is held of the address behind a token that was used, as a
	 * new object (spool/access.h).
	 */
	int	(*person)(void *arg, const char *token, int64_t now_ms,
		    json_t **json_r, struct err *e);
	/*
	 * Of the log whose origin ends so, "" or "rN".  One that the ledger
	 * was called before a restore is as long as what that brought back.
	 */
	int	(*ledger)(void *arg, const char *log, enum view_ledger what,
		    struct strbuf *out, struct err *e);
	/* 0 also when the last checkpoint does not cover all of it. */
	int	(*tile)(void *arg, const char *log, const struct tlog_tile *t,
		    struct strbuf *out, struct err *e);
	/* 0 with the verdict, -1. */
	int	(*cosign)(void *arg, const struct cosign_witnesses *w,
		    struct slice note, enum cosign_verdict *v_r,
		    struct err *e);
	/* 1 the store is open and readable. */
	int	(*ready)(void *arg, struct err *e);
};

/* Over the real store; arg is a struct view. */
extern const struct view_ops view_ops;

/* A place for the store, which comes and goes while threads look. */
struct view;

struct view *view_new(void);
void view_free(struct view *v);
/* Put st (NULL: none) in its place; returns the one before, now unused. */
struct store *view_set(struct view *v, struct store *st);

/* a...@example.org out of an address; for view_request. */
void view_mask(const char *address, char out[static VIEW_FROM_MAX + 1]);

#endif
