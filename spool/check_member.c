/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_member.c - memberships and what is kept in step with them: domains,
 * by_id, by_hash, counts, attributes.
 *
 * An index row is told under the index's name, also when it is missing.
 */
#include "config.h"

#include <jansson.h>
#include <string.h>

#include "lib/err.h"
#include "spool/check_private.h"
#include "spool/mailbox.h"
#include "spool/gate.h"
#include "spool/identity.h"
#include "spool/list.h"
#include "spool/subscriber_private.h"

/* ---- domains */

void
check_domains(struct check *c, struct slice key, struct slice value)
{
	char name[256], back[256];
	struct err e = ERR_INIT;
	uint32_t id;

	(void)value;
	if (!slice_to_text(key, name, sizeof(name))) {
		check_tell(c, c->table, key, "no name of a domain");
		return;
	}
	if (!check_found(c, domain_find(c->t, name, &id, &e), NULL, key, &e))
		return;
	if (check_found(c, domain_name(c->t, id, back, &e),
	    "its number leads nowhere", key, &e) && strcmp(name, back) != 0)
		check_tell(c, c->table, key, "number %u is of %s", id, back);
}

void
check_domain_ids(struct check *c, struct slice key, struct slice value)
{
	struct err e = ERR_INIT;
	uint32_t id = check_u32(key, 0), back;
	char name[256];

	(void)value;
	if (!check_key_len(c, key, 4) ||
	    !check_found(c, domain_name(c->t, id, name, &e), NULL, key, &e))
		return;
	if (check_found(c, domain_find(c->t, name, &back, &e),
	    "its name leads nowhere", key, &e) && back != id)
		check_tell(c, c->table, key, "%s has number %u", name, back);
}

/* ---- counted members */

static struct key
counts_key(uint32_t list, uint32_t domain)
{
	struct key k = KEY_INIT;

	key_u32(&k, list);
	key_u32(&k, domain);
	return k;
}

/* Count the members of a list and domain anew, inside this transaction. */
static int
recount(struct check *c, struct check_group *g, struct err *e)
{
	struct key k = counts_key(g->list, g->domain);
	struct key last = KEY_INIT;
	struct slice key, value;
	struct cursor *cur;
	struct member m;
	int rc;

	g->active = g->all = g->unread = 0;
	if (cursor_open(c->t, TABLE_MEMBERS, &cur, e) == -1)
		return -1;
	rc = cursor_seek(cur, key_slice(&k), &key, &value, e);
	for (; rc == 1; rc = cursor_next(cur, &key, &value, e)) {
		if (!check_ascends(&last, key) ||
		    !slice_has_prefix(key, key_slice(&k)))
			break;
		g->all++;
		check_alive(c);
		if (member_decode(key, value, &m, NULL) == -1)
			g->unread++;
		else
			g->active += m.state == MEMBER_ACTIVE;
	}
	cursor_close(cur);
	return rc == -1 ? -1 : 0;
}

static bool
agrees(const struct check_group *g, const struct subscriber_domain *n)
{
	return n->all == g->all && n->active >= g->active &&
	    n->active <= g->active + g->unread;
}

/* All members of the group have passed: what does its counter say? */
static void
group_end(struct check *c)
{
	struct key k = counts_key(c->group.list, c->group.domain);
	struct subscriber_domain n = { 0 };
	struct err e = ERR_INIT;
	struct slice value;
	int rc;

	if (c->group.all == 0)
		return;
	rc = txn_get(c->t, TABLE_COUNTS, key_slice(&k), &value, &e);
	if (rc == 1 && member_count_decode(key_slice(&k), value, &n,
	    NULL) == -1)
		return;		/* told when its own row passes */
	/* What was seen over several transactions is no proof. */
	if (rc == -1 || (!agrees(&c->group, &n) &&
	    recount(c, &c->group, &e) == -1))
		check_tell_err(c, TABLE_COUNTS, key_slice(&k), &e);
	else if (!agrees(&c->group, &n))
		check_tell(c, TABLE_COUNTS, key_slice(&k), "it says %u "
		    "active of %u, there are %llu of %llu", n.active, n.all,
		    (unsigned long long)c->group.active,
		    (unsigned long long)c->group.all);
	c->group.all = 0;
}

/* One more row of members, of which m is known when it could be read. */
static void
group_add(struct check *c, struct slice key, const struct member *m)
{
	uint32_t list = check_u32(key, 0), domain = check_u32(key, 4);

	if (c->group.list != list || c->group.domain != domain) {
		group_end(c);
		c->group = (struct check_group){ list, domain, 0, 0, 0 };
	}
	c->group.all++;
	if (m == NULL)
		c->group.unread++;
	else
		c->group.active += m->state == MEMBER_ACTIVE;
}

void
check_members_end(struct check *c)
{
	group_end(c);
}

/* Sum what the domains of a list say.  1, 0 when one cannot be read, -1. */
static int
sum_domains(struct check *c, uint32_t list, uint64_t *active, uint64_t *all,
    struct err *e)
{
	struct key from = counts_key(list, 1);
	struct key last = KEY_INIT;
	struct subscriber_domain n;
	struct slice key, value;
	struct cursor *cur;
	int rc, ret = 1;

	*active = *all = 0;
	if (cursor_open(c->t, TABLE_COUNTS, &cur, e) == -1)
		return -1;
	rc = cursor_seek(cur, key_slice(&from), &key, &value, e);
	for (; rc == 1; rc = cursor_next(cur, &key, &value, e)) {
		if (!check_ascends(&last, key) ||
		    !slice_has_prefix(key, SLICE(from.b, 4)))
			break;
		check_alive(c);
		if (member_count_decode(key, value, &n, NULL) == -1) {
			ret = 0;
			break;
		}
		*active += n.active;
		*all += n.all;
	}
	cursor_close(cur);
	return rc == -1 ? -1 : ret;
}

static void
check_list_counts(struct check *c, struct slice key, uint32_t list)
{
	struct err e = ERR_INIT;
	struct list_counters n;
	enum list_state state;
	uint64_t active, all;
	uint32_t org;
	int rc;

	if (list_counters(c->t, list, &n, &e) == -1) {
		check_tell_err(c, c->table, key, &e);
		return;
	}
	check_found(c, list_brief(c->t, list, &org, &state, &e),
	    "its list is missing", key, &e);
	if ((rc = sum_domains(c, list, &active, &all, &e)) == -1)
		check_tell_err(c, c->table, key, &e);
	else if (rc == 1 && (n.active != active || n.all != all))
		check_tell(c, c->table, key, "the list says %llu active of "
		    "%llu, its domains %llu of %llu",
		    (unsigned long long)n.active, (unsigned long long)n.all,
		    (unsigned long long)active, (unsigned long long)all);
	if (n.left > n.sequence || n.all > n.sequence)
		check_tell(c, c->table, key, "more members than changes");
}

void
check_counts(struct check *c, struct slice key, struct slice value)
{
	struct member from = { .domain = check_u32(key, 4) }, m;
	uint32_t list = check_u32(key, 0);
	struct subscriber_domain n;
	struct err e = ERR_INIT;
	int rc;

	if (!check_key_len(c, key, 8))
		return;
	if (from.domain == 0) {
		check_list_counts(c, key, list);
		return;
	}
	if (member_count_decode(key, value, &n, &e) == -1) {
		check_tell_err(c, c->table, key, &e);
		return;
	}
	if (n.all == 0)
		check_tell(c, c->table, key, "a row that counts nothing");
	/* Where there are members they were counted as they passed. */
	rc = subscriber_next(c->t, list, &from, &m, NULL);
	if (rc == 0 || (rc == 1 && m.domain != from.domain))
		check_tell(c, c->table, key, "it counts %u members, there "
		    "are none", n.all);
}

/* ---- members */

static void
missing(struct check *c, enum store_table table, struct key *k, int rc,
    const struct err *e)
{
	if (rc == -1)
		check_tell_err(c, table, key_slice(k), e);
	else if (rc == 0)
		check_tell(c, table, key_slice(k), "missing, but there is "
		    "its member");
}

static void
check_indexes(struct check *c, const struct member *m, struct slice key)
{
	uint8_t hash[ADDRESS_HASH_OCTETS];
	struct key by_id = KEY_INIT, by_hash = KEY_INIT;
	struct err e = ERR_INIT;
	struct slice value;
	int rc;

	key_u64(&by_id, m->subscriber);
	rc = txn_get(c->t, TABLE_BY_ID, key_slice(&by_id), &value, &e);
	missing(c, TABLE_BY_ID, &by_id, rc, &e);
	if (rc == 1 && (value.len != MEMBER_PREFIX ||
	    !slice_has_prefix(key, value)))
		check_tell(c, TABLE_BY_ID, key_slice(&by_id), "it does not "
		    "lead to its member");
	if (subscriber_hash(c->t, m, hash, &e) == -1)
		return;		/* told already */
	key_raw(&by_hash, hash, sizeof(hash));
	key_u32(&by_hash, m->list);
	rc = txn_get(c->t, TABLE_BY_HASH, key_slice(&by_hash), &value, &e);
	missing(c, TABLE_BY_HASH, &by_hash, rc, &e);
	if (rc == 1 && (value.len != MEMBER_PREFIX - 4 ||
	    memcmp(value.p, key.p + 4, value.len) != 0))
		check_tell(c, TABLE_BY_HASH, key_slice(&by_hash), "it does "
		    "not lead to its member");
	if (mailbox_check_member(c->t, m, hash, &e) == -1)
		check_tell_err(c, c->table, key, &e);
}

/* The address in key and value, and the place that follows from it. */
static void
check_address(struct check *c, const struct member *m, struct slice key)
{
	struct address typed = { 0 };
	struct err e = ERR_INIT;
	struct identity who;

	if (!check_found(c, domain_name(c->t, m->domain, typed.domain, &e),
	    "its domain is missing", key, &e))
		return;
	memcpy(typed.local, m->local, sizeof(typed.local));
	if (identity_of(store_keys(c->p->st), &typed, &who, &e) == -1)
		check_tell_err(c, c->table, key, &e);
	else if (strcmp(who.folded.local, m->folded) != 0)
		check_tell(c, c->table, key, "it is not the address of its "
		    "key");
	else if (who.h8 != m->h8)
		check_tell(c, c->table, key, "it is not at the place of its "
		    "address");
}

/* spool/DESIGN section 4. */
static void
check_state(struct check *c, const struct member *m, struct slice key)
{
	bool active = m->state == MEMBER_ACTIVE;
	const char *why = NULL;

	if (m->subscriber == 0)
		why = "it has no number";
	else if ((m->state == MEMBER_UNCONFIRMED) != (m->join == 0))
		why = "its join does not fit its state";
	else if (m->join > m->change)
		why = "its join is later than its last change";
	else if (active && m->join != m->change)
		why = "it is active, but not since its last change";
	else if ((m->state == MEMBER_SUSPENDED) != (m->why != MEMBER_WHY_NONE))
		why = "its reason does not fit its state";
	else if (c->list.exists && m->change > c->list.sequence)
		why = "its last change is later than its list's";
	if (why != NULL)
		check_tell(c, c->table, key, "%s", why);
}

static void
check_grounds(struct check *c, const struct member *m, struct slice key)
{
	uint8_t hash[ADDRESS_HASH_OCTETS];
	struct err e = ERR_INIT;
	struct slice value;
	struct key k = KEY_INIT;

	if (m->state != MEMBER_UNCONFIRMED &&
	    subscriber_hash(c->t, m, hash, NULL) == 0)
		check_found(c, gate_consent(c->t, m, hash, &e),
		    "no consent entry bears it out", key, &e);
	key_u32(&k, m->import);
	if (m->import != 0)
		check_found(c, txn_get(c->t, TABLE_IMPORTS, key_slice(&k),
		    &value, &e), "its import is missing", key, &e);
}

/* Look its list up once a slice. */
static void
meet_list(struct check *c, const struct member *m, struct slice key)
{
	struct list_counters n = { 0 };
	struct err e = ERR_INIT;
	enum list_state state;
	uint32_t org;

	if (c->list.known && c->list.id == m->list)
		return;
	c->list.known = true;
	c->list.id = m->list;
	c->list.exists = check_found(c, list_brief(c->t, m->list, &org,
	    &state, &e), "its list is missing", key, &e) &&
	    list_counters(c->t, m->list, &n, NULL) == 0;
	c->list.sequence = n.sequence;
}

void
check_members(struct check *c, struct slice key, struct slice value)
{
	struct err e = ERR_INIT;
	struct member m;

	if (member_decode(key, value, &m, &e) == -1) {
		group_add(c, key, NULL);
		check_tell_err(c, c->table, key, &e);
		return;
	}
	group_add(c, key, &m);
	meet_list(c, &m, key);
	check_state(c, &m, key);
	check_address(c, &m, key);
	check_grounds(c, &m, key);
	check_indexes(c, &m, key);
}

/* ---- the indexes, from their side */

void
check_by_id(struct check *c, struct slice key, struct slice value)
{
	struct err e = ERR_INIT;
	struct member m;

	(void)value;
	if (check_key_len(c, key, 8))
		check_found(c, subscriber_get(c->t, check_u64(key, 0), &m,
		    &e), "it leads to no such member", key, &e);
}

void
check_by_hash(struct check *c, struct slice key, struct slice value)
{
	struct err e = ERR_INIT;
	struct member m;

	(void)value;
	if (check_key_len(c, key, ADDRESS_HASH_OCTETS + 4))
		check_found(c, subscriber_find(c->t, check_u32(key,
		    ADDRESS_HASH_OCTETS), key.p, &m, &e),
		    "it leads to no such member", key, &e);
}

void
check_attributes(struct check *c, struct slice key, struct slice value)
{
	struct err e = ERR_INIT;
	struct slice json;
	json_t *j;

	(void)value;
	if (!check_key_len(c, key, 8) || !check_found(c, attributes_get(c->t,
	    check_u64(key, 0), &json, &e), NULL, key, &e))
		return;
	check_found(c, txn_get(c->t, TABLE_BY_ID, key, &value, &e),
	    "its member is missing", key, &e);
	j = json_loadb((const char *)json.p, json.len, JSON_REJECT_DUPLICATES,
	    NULL);
	if (!json_is_object(j))
		check_tell(c, c->table, key, "no JSON object");
	json_decref(j);
}

/* ---- mailboxes */

void
check_aliases(struct check *c, struct slice key, struct slice value)
{
	struct err e = ERR_INIT;

	if (mailbox_check_alias(c->t, key, value, &e) == -1)
		check_tell_err(c, c->table, key, &e);
}

void
check_crowds(struct check *c, struct slice key, struct slice value)
{
	struct err e = ERR_INIT;

	if (mailbox_check_crowd(c->t, key, value, &e) == -1)
		check_tell_err(c, c->table, key, &e);
}
