/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gate.c - may this copy go?
 */
#include "config.h"

#include <string.h>

#include "lib/address.h"
#include "lib/err.h"
#include "spool/consent.h"
#include "spool/gate.h"
#include "spool/ledger.h"
#include "spool/list.h"
#include "spool/notice.h"
#include "spool/org.h"
#include "spool/request.h"
#include "spool/revocation.h"
#include "spool/store.h"
#include "spool/subscriber.h"
#include "spool/suppression.h"

const char *
gate_verdict_name(enum gate_verdict v)
{
	static const char *const names[GATE_VERDICTS] = {
		[0] = "none", [GATE_OPEN] = "open", [GATE_LEFT] = "left",
		[GATE_NOT_COUNTED] = "not-counted",
		[GATE_SUPPRESSED_LIST] = "suppressed-list",
		[GATE_SUPPRESSED_ORG] = "suppressed-org",
		[GATE_SUPPRESSED_HOST] = "suppressed-host",
		[GATE_SUSPENDED] = "suspended", [GATE_HELD] = "held",
		[GATE_NO_CONSENT] = "no-consent",
	};

	return v < GATE_VERDICTS ? names[v] : "unknown";
}

static enum gate_verdict
suppressed(const struct suppression *s)
{
	switch (s->scope) {
	case SUPPRESSION_LIST: return GATE_SUPPRESSED_LIST;
	case SUPPRESSION_ORG: return GATE_SUPPRESSED_ORG;
	case SUPPRESSION_HOST: break;
	}
	return GATE_SUPPRESSED_HOST;
}

/* The table of spool/DESIGN section 4. */
static enum gate_verdict
by_sequence(const struct member *m, uint64_t as_of)
{
	if (!member_counted(m->state, m->join, m->change, &m->past, as_of))
		return GATE_NOT_COUNTED;
	return m->state == MEMBER_ACTIVE ? GATE_OPEN : GATE_SUSPENDED;
}

/* A membership, and what its entry has to say to bear it out. */
struct ground {
	const struct member *m;
	const uint8_t	*hash;		/* of its address */
	uint32_t	 org;		/* whose list it is */
	uint64_t	 since;		/* the list has its purpose */
};

/* Whether list and organization may send now; 0 or -1. */
static int
look_at_list(struct txn *t, uint32_t list, uint32_t *org, uint64_t *since,
    bool *held, struct err *e)
{
	enum list_state state;
	struct org o;
	int ret = list_gate(t, list, org, &state, since, e);

	*held = true;
	if (ret != 1)
		return ret;
	if ((ret = org_get(t, *org, &o, e)) != 1)
		return ret;
	*held = o.state != ORG_ACTIVE || state != LIST_ACTIVE;
	return 0;
}

/* ---- the record itself */

/*
 * An entry, if the one that was appended lies there still: its seal holds for
 * whoever writes one, its leaf only for those octets.  1, 0, -1.
 */
static int
read_entry(struct txn *t, uint64_t index, struct consent *c, struct err *e)
{
	uint8_t appended[LEDGER_HASH];
	struct ledger_entry now;
	struct slice salt, entry;
	int rc = ledger_leaf(t, index, appended, e);

	if (rc != 1 || (rc = consent_get_row(t, index, &salt, &entry, e)) != 1)
		return rc;
	ledger_entry_of(SLICE(salt.p, CONSENT_SALT + entry.len + LEDGER_SEAL),
	    &now);
	if (memcmp(now.commitment, appended, LEDGER_HASH) != 0)
		return 0;
	/* What can not be read, the other says in its words. */
	return consent_decode(entry, c, NULL) == 0 ? 1 :
	    consent_get(t, index, c, e);
}

/* Does the entry speak of this list and address, and of whose list it is? */
static bool
speaks_of(const struct consent *c, const struct ground *g)
{
	return c->list == g->m->list && c->org == g->org &&
	    c->hash.len == ADDRESS_HASH_OCTETS &&
	    memcmp(c->hash.p, g->hash, ADDRESS_HASH_OCTETS) == 0;
}

static bool
says_yes(const struct consent *c)
{
	return c->kind == CONSENT_CONFIRMED || c->kind == CONSENT_IMPORT_ROW ||
	    c->kind == CONSENT_ADDRESS_CHANGED;
}

/*
 * Did the address say nothing behind this entry that ends it?  Of what is not
 * as it was appended nobody knows what it said.  1, 0, -1.
 */
static int
nothing_ends_it(struct txn *t, const struct ground *g, uint64_t index,
    struct err *e)
{
	struct consent c;
	int rc;

	for (unsigned n = 0; n < GATE_LOOK_MAX; n++) {
		rc = consent_next_of(t, g->hash, index + 1, &index, e);
		if (rc != 1)
			return rc == 0 ? 1 : -1;
		if ((rc = read_entry(t, index, &c, e)) != 1)
			return rc;
		if (revocation_covers(&c, g->m->list, g->org))
			return 0;
	}
	return 1;
}

/* 1 when the entry bears the membership out, 0, -1. */
static int
bears_out(struct txn *t, const struct ground *g, struct err *e)
{
	uint64_t index = g->m->consent;
	struct consent c;
	uint64_t last;
	int rc;

	if (index == 0)
		return 0;
	if ((rc = read_entry(t, index, &c, e)) != 1)
		return rc;
	/* To resume says nothing by itself: only what it follows may. */
	if (c.kind == CONSENT_RESUMED && speaks_of(&c, g) &&
	    c.follows != 0 && c.follows < index) {
		index = c.follows;
		if ((rc = read_entry(t, index, &c, e)) != 1)
			return rc;
	}
	if (!says_yes(&c) || !speaks_of(&c, g))
		return 0;
	if (revocation_last(t, g->hash, g->m->list, g->org, &last, e) == -1)
		return -1;
	return index > last && index > g->since ?
	    nothing_ends_it(t, g, index, e) : 0;
}

int
gate_consent(struct txn *t, const struct member *m,
    const uint8_t hash[static ADDRESS_HASH_OCTETS], struct err *e)
{
	struct ground g = { .m = m, .hash = hash };
	enum list_state state;
	int rc = list_gate(t, m->list, &g.org, &state, &g.since, e);

	return rc == 1 ? bears_out(t, &g, e) : rc;
}

/* ---- a copy */

int
gate_check(struct txn *t, const struct gate_question *q,
    enum gate_verdict *v, struct member *m_r, struct err *e)
{
	uint8_t hash[ADDRESS_HASH_OCTETS];
	struct ground g = { .hash = hash };
	struct suppression s;
	struct member m;
	bool held;
	int ret;

	*v = GATE_LEFT;
	ret = subscriber_at(t, q->list, q->domain, q->h8, q->subscriber, &m, e);
	if (ret != 1)
		return ret;
	if (m_r != NULL)
		*m_r = m;
	if ((*v = by_sequence(&m, q->as_of)) != GATE_OPEN)
		return 0;
	g.m = &m;
	if (look_at_list(t, q->list, &g.org, &g.since, &held, e) == -1 ||
	    subscriber_hash(t, &m, hash, e) == -1)
		return -1;
	ret = suppression_blocks(t, hash, q->list, g.org, m.consent, &s, e);
	if (ret == 1)
		*v = suppressed(&s);
	else if (ret == 0 && held)
		*v = GATE_HELD;
	else if (ret == 0 && (ret = bears_out(t, &g, e)) == 0)
		*v = GATE_NO_CONSENT;
	return ret == -1 ? -1 : 0;
}

/* Is what a confirmation asks for still open? */
static int
request_open(struct txn *t, const struct notice *n, int64_t now_ms,
    struct err *e)
{
	struct request r;
	int ret = request_get(t, n->request, &r, e);

	if (ret != 1)
		return ret;
	return r.state == REQUEST_PENDING && now_ms < r.expires_ms;
}

/*
 * Only the hash of the address: whoever asks the gate before a MAIL has no
 * key of the send order (KEY_H8), which an identity needs.
 */
static int
notice_hash(struct txn *t, const struct notice *n,
    uint8_t hash[static ADDRESS_HASH_OCTETS], struct err *e)
{
	struct address a;

	if (address_parse(n->address, strlen(n->address), ADDRESS_UTF8, &a,
	    e) == -1 || address_fold(&a, &a, e) == -1)
		return -1;
	return address_hash(store_keys(txn_store(t)), &a, hash, e);
}

/* A mail to a person about a list: may it go there? */
static int
check_person(struct txn *t, const struct notice *n, enum gate_verdict *v,
    struct err *e)
{
	uint8_t hash[ADDRESS_HASH_OCTETS];
	struct suppression s;
	uint64_t since;
	uint32_t org = 0;
	bool held;
	int ret;

	if (look_at_list(t, n->list, &org, &since, &held, e) == -1 ||
	    notice_hash(t, n, hash, e) == -1)
		return -1;
	ret = suppression_blocks_request(t, hash, n->list, org, &s, e);
	if (ret == 1)
		*v = suppressed(&s);
	else
		*v = held ? GATE_HELD : GATE_OPEN;
	return ret == -1 ? -1 : 0;
}

/*
 * A mail that is the host's own and not a list's: only who is shut out of the
 * whole host, by desk or ban, gets none.
 */
static int
check_mailbox(struct txn *t, const struct notice *n, enum gate_verdict *v,
    struct err *e)
{
	uint8_t hash[ADDRESS_HASH_OCTETS];
	struct suppression s;
	int ret;

	if (notice_hash(t, n, hash, e) == -1)
		return -1;
	ret = suppression_get(t, hash, SUPPRESSION_HOST, 0, &s, e);
	*v = ret == 1 && s.reason >= SUPPRESSION_DESK ?
	    GATE_SUPPRESSED_HOST : GATE_OPEN;
	return ret == -1 ? -1 : 0;
}

int
gate_check_notice(struct txn *t, uint64_t notice, int64_t now_ms,
    enum gate_verdict *v, struct notice *n_r, struct err *e)
{
	struct notice n;
	int ret = notice_get(t, notice, &n, e);

	*v = GATE_LEFT;
	if (ret != 1)
		return ret;
	if (n_r != NULL)
		*n_r = n;
	switch (n.kind) {
	case NOTICE_CONFIRM:
	case NOTICE_INVITE:
		if ((ret = request_open(t, &n, now_ms, e)) != 1)
			return ret;
		return check_person(t, &n, v, e);
	case NOTICE_ALREADY:
	case NOTICE_HELP:
		return check_person(t, &n, v, e);
	case NOTICE_OWNER:
		/* An owner confirms before the list may do anything. */
		if ((ret = request_open(t, &n, now_ms, e)) != 1)
			return ret;
		break;
	case NOTICE_CHANGE:
	case NOTICE_ACCESS:
		if ((ret = request_open(t, &n, now_ms, e)) != 1)
			return ret;
		return check_mailbox(t, &n, v, e);
	case NOTICE_CHANGED:
		return check_mailbox(t, &n, v, e);
	case NOTICE_FORWARD:
	case NOTICE_TLS_REPORT:	/* its domain asks for it in the DNS */
		break;
	}
	*v = GATE_OPEN;
	return 0;
}
