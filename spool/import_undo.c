/* SPDX-License-Identifier: Apache-2.0 */
/*
 * import_undo.c - taking back what an import brought.
 *
 * Who is a member by it alone goes, with an entry if they were mailed; who was
 * unconfirmed before and confirmed by it alone is unconfirmed again.  Who
 * confirmed since stays, and so do attributes and suppressions.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "lib/err.h"
#include "lib/strbuf.h"
#include "spool/act.h"
#include "spool/consent.h"
#include "spool/import_private.h"
#include "spool/invite.h"
#include "spool/list.h"
#include "spool/store.h"
#include "spool/subscriber.h"

/* What becomes of a member. */
enum share {
	SHARE_NONE,		/* it is there without this import */
	SHARE_ALL,		/* nothing else made it a member */
	SHARE_CONFIRMED,	/* it was unconfirmed before */
};

struct undoing {
	struct import	im;
	const char	*who;
	int64_t		now_ms;
};

static int
share_of(struct txn *t, const struct undoing *u, const struct member *m,
    enum share *share_r, struct err *e)
{
	bool ours = m->import == u->im.id;
	struct consent c;
	int rc;

	*share_r = SHARE_NONE;
	if (m->state == MEMBER_UNCONFIRMED) {
		*share_r = ours ? SHARE_ALL : SHARE_NONE;
		return 0;
	}
	if (!ours && u->im.counts.confirmed == 0)
		return 0;
	rc = consent_get(t, m->consent, &c, e);
	if (rc == 1 && c.kind == CONSENT_IMPORT_ROW &&
	    c.import == u->im.id)
		*share_r = ours ? SHARE_ALL : SHARE_CONFIRMED;
	return rc == -1 ? -1 : 0;
}

static int
take_back(struct txn *t, const struct undoing *u, const struct member *m,
    struct err *e)
{
	uint8_t hash[ADDRESS_HASH_OCTETS];
	struct consent c = { .kind = CONSENT_REMOVED, .when_ms = u->now_ms,
	    .list = m->list, .subscriber = m->subscriber,
	    .import = u->im.id, .follows = m->consent,
	    .setter = consent_text(u->who) };

	if (subscriber_hash(t, m, hash, e) == -1)
		return -1;
	c.hash = SLICE(hash, sizeof(hash));
	if (m->state == MEMBER_UNCONFIRMED ?
	    invite_void(t, hash, m->list, u->im.id, e) == -1 :
	    consent_append(t, &c, NULL, e) == -1)
		return -1;
	return subscriber_remove_of(t, m, hash, e);
}

/*
 * A member of an earlier import, as it left it: ACTIVE never becomes
 * UNCONFIRMED, so it goes and comes again.
 */
static int
put_back(struct txn *t, const struct undoing *u, const struct member *m,
    struct err *e)
{
	struct strbuf json = STRBUF_INIT(SUBSCRIBER_ATTRIBUTES_MAX);
	struct identity who;
	struct subscriber_new n = { .list = m->list, .who = &who,
	    .state = MEMBER_UNCONFIRMED, .now_ms = m->created_ms,
	    .import = m->import };
	struct import by;
	struct member again;
	struct slice attributes;
	int ret = -1, rc = attributes_get(t, m->subscriber, &attributes, e);

	if (rc == 1)
		strbuf_add(&json, attributes.p, attributes.len);
	if (rc == -1 || subscriber_identity(t, m, &who, e) == -1 ||
	    (rc = import_get(t, m->import, &by, e)) == -1)
		goto out;
	n.consent = rc == 1 ? by.consent : 0;
	if (take_back(t, u, m, e) == -1 ||
	    subscriber_add(t, &n, &again, e) == -1)
		goto out;
	ret = json.len == 0 ? 0 : attributes_put(t, again.subscriber,
	    SLICE(json.s, json.len), e);
out:
	strbuf_free(&json);
	return ret;
}

static int
undo_one(struct txn *t, struct undoing *u, const struct member *m,
    uint64_t *removed, struct err *e)
{
	enum share share;
	int rc = share_of(t, u, m, &share, e);

	if (rc == 0 && share == SHARE_ALL)
		rc = take_back(t, u, m, e);
	else if (rc == 0 && share == SHARE_CONFIRMED)
		rc = put_back(t, u, m, e);
	*removed += rc == 0 && share != SHARE_NONE;
	return rc;
}

/* All members were looked at. */
static int
undone(struct txn *t, struct undoing *u, struct err *e)
{
	struct consent c = { .kind = CONSENT_IMPORT_UNDONE,
	    .when_ms = u->now_ms, .list = u->im.list, .import = u->im.id,
	    .follows = u->im.consent, .count = u->im.undone,
	    .setter = consent_text(u->who) };
	enum list_state state;
	char object[32];

	snprintf(object, sizeof(object), "import %u", u->im.id);
	if (list_brief(t, u->im.list, &c.org, &state, e) == -1 ||
	    consent_append(t, &c, NULL, e) == -1)
		return -1;
	u->im.state = IMPORT_UNDONE;
	u->im.ended_ms = u->now_ms;
	return act_note(t, u->who, u->now_ms, "import undo", object, NULL,
	    NULL, e);
}

int
import_undo(struct txn *t, uint32_t id, const char *who, struct member *at,
    unsigned max, int64_t now_ms, uint64_t *removed_r, struct err *e)
{
	struct undoing u = { .who = who, .now_ms = now_ms };
	struct member m;
	int rc = 1;

	*removed_r = 0;
	if (import_must(t, id, &u.im, e) == -1)
		return -1;
	if (u.im.state == IMPORT_RUNNING || u.im.state == IMPORT_UNDONE) {
		err_set(e, ERR_REFUSED, "the import %u %s", id,
		    u.im.state == IMPORT_RUNNING ? "still runs" :
		    "is undone");
		return -1;
	}
	for (; max > 0 && rc == 1; max--) {
		rc = subscriber_next(t, u.im.list, at, &m, e);
		if (rc == -1 || (rc == 1 && undo_one(t, &u, &m, removed_r,
		    e) == -1))
			return -1;
		if (rc == 1)
			*at = m;
	}
	u.im.undone += *removed_r;
	if ((rc == 0 && undone(t, &u, e) == -1) ||
	    import_put(t, &u.im, e) == -1)
		return -1;
	return rc;
}
