/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sweep.c - remove content files that no record names.
 */
#include "config.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "lib/err.h"
#include "lib/xmalloc.h"
#include "spool/campaign.h"
#include "spool/consent.h"
#include "spool/content.h"
#include "spool/import.h"
#include "spool/notice.h"
#include "spool/store.h"
#include "spool/sweep.h"

#define DAY_MS		(24ll * 3600 * 1000)
#define FOLDER_STEP	61	/* folders between the starts of two days */
#define REMOVE_MAX	64	/* files of one step */

enum phase {
	SWEEP_LIST, SWEEP_CAMPAIGNS, SWEEP_NOTICES, SWEEP_IMPORTS,
	SWEEP_CONSENT, SWEEP_REMOVE,
};

struct sweep {
	struct store	*st;
	const struct content *content;
	int64_t		 keep_ms, now_ms;
	int64_t		 young_ms;	/* files that are younger are left */
	enum phase	 phase;
	uint64_t	 at;		/* folder, id, index or file: next */
	unsigned	 first;		/* folder; another each day */
	uint8_t		(*hash)[CONTENT_HASH];	/* sorted once listed */
	bool		*named;
	size_t		 n, unnamed;
	uint64_t	 removed;
};

struct sweep *
sweep_new(struct store *st, const struct content *c, int64_t keep_ms,
    int64_t now_ms)
{
	struct sweep *s = xcalloc(1, sizeof(*s));

	s->st = st;
	s->content = c;
	s->keep_ms = keep_ms;
	s->now_ms = now_ms;
	s->young_ms = CONTENT_KEEP_MS;
	s->first = (unsigned)(now_ms / DAY_MS * FOLDER_STEP) %
	    CONTENT_FOLDERS;
	s->hash = xcalloc(SWEEP_FILES_MAX, sizeof(*s->hash));
	s->named = xcalloc(SWEEP_FILES_MAX, sizeof(*s->named));
	return s;
}

void
sweep_young(struct sweep *s, int64_t young_ms)
{
	s->young_ms = young_ms;
}

void
sweep_free(struct sweep *s)
{
	if (s == NULL)
		return;
	free(s->hash);
	free(s->named);
	free(s);
}

uint64_t
sweep_removed(const struct sweep *s)
{
	return s->removed;
}

static int
by_hash(const void *a, const void *b)
{
	return memcmp(a, b, CONTENT_HASH);
}

static void
name_file(struct sweep *s, const uint8_t *hash)
{
	uint8_t (*at)[CONTENT_HASH] = bsearch(hash, s->hash, s->n,
	    sizeof(*s->hash), by_hash);

	if (at == NULL || s->named[at - s->hash])
		return;
	s->named[at - s->hash] = true;
	s->unnamed--;
}

static void
next_phase(struct sweep *s)
{
	s->phase++;
	s->at = 0;
	/* Nothing left to look for. */
	if (s->unnamed == 0)
		s->phase = SWEEP_REMOVE;
}

/* ---- what lies there */

static int
list_folder(struct sweep *s, struct err *e)
{
	int64_t before = s->now_ms - s->young_ms;
	unsigned folder = (s->first + (unsigned)s->at) % CONTENT_FOLDERS;
	size_t n;

	if (s->at == 0 && content_clear_old(s->content, before, e) == -1)
		return -1;
	if (content_list_old(s->content, folder, before, s->hash + s->n,
	    SWEEP_FILES_MAX - s->n, &n, e) == -1)
		return -1;
	s->n += n;
	if (++s->at < CONTENT_FOLDERS)
		return 1;
	qsort(s->hash, s->n, sizeof(*s->hash), by_hash);
	s->unnamed = s->n;
	next_phase(s);
	return 1;
}

/* ---- who names it: the next row, 1, 0 at the end, -1 */

static int
look_campaign(struct sweep *s, struct txn *t, struct err *e)
{
	struct campaign c;
	int rc = campaign_next(t, (uint32_t)s->at, &c, e);

	if (rc != 1)
		return rc;
	s->at = c.id;
	if (campaign_keeps_content(&c, s->keep_ms, s->now_ms))
		name_file(s, c.content);
	return 1;
}

static int
look_notice(struct sweep *s, struct txn *t, struct err *e)
{
	struct notice n;
	int rc = notice_next(t, s->at, &n, e);

	if (rc != 1)
		return rc;
	s->at = n.id + 1;
	name_file(s, n.content);
	return 1;
}

static int
look_import(struct sweep *s, struct txn *t, struct err *e)
{
	struct import im;
	int rc = import_next(t, (uint32_t)s->at, &im, e);

	if (rc != 1)
		return rc;
	name_file(s, im.evidence);
	if (im.id == UINT32_MAX)
		return 0;
	s->at = im.id + 1;
	return 1;
}

static int
look_entry(struct sweep *s, struct txn *t, struct err *e)
{
	struct consent c;
	uint64_t index;
	int rc = consent_next(t, s->at, &index, &c, e);

	if (rc != 1)
		return rc;
	name_file(s, c.shown);
	if (c.content.len == CONTENT_HASH)
		name_file(s, c.content.p);
	s->at = index + 1;
	return 1;
}

static const struct {
	enum store_env	 env;
	int		(*look)(struct sweep *, struct txn *, struct err *);
} tables[] = {
	[SWEEP_CAMPAIGNS] = { STORE_Q, look_campaign },
	[SWEEP_NOTICES] = { STORE_S, look_notice },
	[SWEEP_IMPORTS] = { STORE_S, look_import },
	[SWEEP_CONSENT] = { STORE_S, look_entry },
};

static int
look_at_rows(struct sweep *s, struct err *e)
{
	struct txn *t;
	int rc = 1;

	if (txn_read(s->st, tables[s->phase].env, &t, e) == -1)
		return -1;
	for (unsigned i = 0; i < SWEEP_ROWS && rc == 1 && s->unnamed > 0; i++)
		rc = tables[s->phase].look(s, t, e);
	txn_end(t);
	if (rc == 0 || s->unnamed == 0)
		next_phase(s);
	return rc == -1 ? -1 : 1;
}

/* ---- the end */

static int
remove_some(struct sweep *s, struct err *e)
{
	int64_t before = s->now_ms - s->young_ms;
	unsigned left = REMOVE_MAX;
	int rc;

	for (; s->at < s->n && left > 0; s->at++) {
		if (s->named[s->at])
			continue;
		rc = content_remove_old(s->content, s->hash[s->at], before, e);
		if (rc == -1)
			return -1;
		s->removed += (uint64_t)rc;
		left--;
	}
	return s->at < s->n;
}

int
sweep_step(struct sweep *s, struct err *e)
{
	switch (s->phase) {
	case SWEEP_LIST:
		return list_folder(s, e);
	case SWEEP_REMOVE:
		return remove_some(s, e);
	default:
		return look_at_rows(s, e);
	}
}
