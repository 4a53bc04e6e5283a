/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_list.c - organizations and lists with their names, imports, acts, and
 * the named values of S.
 */
#include "config.h"

#include <string.h>

#include "lib/err.h"
#include "spool/check_private.h"
#include "spool/consent.h"
#include "spool/import.h"
#include "spool/list.h"
#include "spool/org.h"

void
check_meta(struct check *c, struct slice key, struct slice value)
{
	struct unpack u;
	uint8_t version;

	if (!record_open(&u, value.p, value.len, &version) || u.left == 0)
		check_tell(c, c->table, key, "the value of %.*s is damaged",
		    (int)key.len, (const char *)key.p);
}

/* ---- organizations */

void
check_orgs(struct check *c, struct slice key, struct slice value)
{
	struct err e = ERR_INIT;
	struct org o, named;

	(void)value;
	if (!check_key_len(c, key, 4) || !check_found(c, org_get(c->t,
	    check_u32(key, 0), &o, &e), NULL, key, &e))
		return;
	/* Its name's row may lead to another, but it must be there. */
	if (check_found(c, org_find(c->t, o.name, &named, &e), NULL, key, &e)) {
		if (named.id != o.id)
			check_tell(c, TABLE_ORG_NAMES, SLICE(o.name,
			    strlen(o.name)), "it leads to %u, not to %u",
			    named.id, o.id);
	} else if (e.code == ERR_NONE) {
		check_tell(c, TABLE_ORG_NAMES, SLICE(o.name, strlen(o.name)),
		    "missing, but there is its organization");
	}
}

void
check_org_names(struct check *c, struct slice key, struct slice value)
{
	char name[ORG_NAME_MAX + 1];
	struct err e = ERR_INIT;
	struct org o;

	(void)value;
	if (!slice_to_text(key, name, sizeof(name)))
		check_tell(c, c->table, key, "no name");
	else if (check_found(c, org_find(c->t, name, &o, &e), NULL, key, &e) &&
	    strcmp(o.name, name) != 0)
		check_tell(c, c->table, key, "its organization is called %s",
		    o.name);
}

void
check_org_domains(struct check *c, struct slice key, struct slice value)
{
	uint32_t org = check_u32(key, 0);
	struct err e = ERR_INIT;
	struct org_domain d;
	char domain[256];
	struct org o;

	(void)value;
	if (key.len <= 4 || !slice_to_text((struct slice){ key.p + 4,
	    key.len - 4 }, domain, sizeof(domain))) {
		check_tell(c, c->table, key, "no domain");
		return;
	}
	if (!check_found(c, org_domain_get(c->t, org, domain, &d, &e), NULL,
	    key, &e))
		return;
	check_found(c, org_get(c->t, org, &o, &e),
	    "its organization is missing", key, &e);
	if ((d.proof == ORG_PROOF_NONE) != (d.proven_ms == 0))
		check_tell(c, c->table, key, "its proof has no time");
}

/* ---- lists */

void
check_lists(struct check *c, struct slice key, struct slice value)
{
	struct err e = ERR_INIT;
	struct list l, named;
	struct org o;

	(void)value;
	if (!check_key_len(c, key, 4) || !check_found(c, list_get(c->t,
	    check_u32(key, 0), &l, &e), NULL, key, &e))
		return;
	check_found(c, org_get(c->t, l.org, &o, &e),
	    "its organization is missing", key, &e);
	e = (struct err)ERR_INIT;
	if (check_found(c, list_find(c->t, l.name, &named, &e), NULL, key,
	    &e)) {
		if (named.id != l.id)
			check_tell(c, TABLE_LIST_NAMES, SLICE(l.name,
			    strlen(l.name)), "it leads to %u, not to %u",
			    named.id, l.id);
	} else if (e.code == ERR_NONE) {
		check_tell(c, TABLE_LIST_NAMES, SLICE(l.name, strlen(l.name)),
		    "missing, but there is its list");
	}
}

void
check_list_names(struct check *c, struct slice key, struct slice value)
{
	char name[LIST_NAME_MAX + 1];
	struct err e = ERR_INIT;
	struct list l;

	(void)value;
	if (!slice_to_text(key, name, sizeof(name)))
		check_tell(c, c->table, key, "no name");
	else if (check_found(c, list_find(c->t, name, &l, &e), NULL, key,
	    &e) && strcmp(l.name, name) != 0)
		check_tell(c, c->table, key, "its list is called %s", l.name);
}

/* ---- imports */

void
check_imports(struct check *c, struct slice key, struct slice value)
{
	struct err e = ERR_INIT;
	enum list_state state;
	struct consent entry;
	struct import im;
	uint32_t org;

	(void)value;
	if (!check_key_len(c, key, 4) || !check_found(c, import_get(c->t,
	    check_u32(key, 0), &im, &e), NULL, key, &e))
		return;
	check_found(c, list_brief(c->t, im.list, &org, &state, &e),
	    "its list is missing", key, &e);
	/* It names nobody, so no erasure takes it. */
	if (check_found(c, consent_get(c->t, im.consent, &entry, &e),
	    "its consent entry is missing", key, &e) &&
	    entry.import != im.id)
		check_tell(c, c->table, key, "its consent entry is of another");
	/* What was imported is kept nowhere; the evidence is. */
	check_names_file(c, key, im.evidence);
}

/* ---- acts */

/* Verify the next act of the chain, whatever it is.  False at its end. */
static bool
follow_chain(struct check *c)
{
	struct key k = KEY_INIT;
	struct err e = ERR_INIT;
	int rc = act_verify(c->t, &c->acts, 1, &e);

	if (rc != -1)
		return rc == 1;
	key_u64(&k, c->acts.index);
	check_tell_err(c, TABLE_ACTS, key_slice(&k), &e);
	rc = act_walk_skip(c->t, &c->acts, &e);
	if (rc == -1)
		check_tell_err(c, TABLE_ACTS, key_slice(&k), &e);
	return rc == 1;
}

void
check_acts(struct check *c, struct slice key, struct slice value)
{
	struct err e = ERR_INIT;
	struct act a;

	(void)value;
	if (!check_key_len(c, key, 8))
		return;
	/* What seal and MAC say of it is told by the chain. */
	follow_chain(c);
	if (act_next(c->t, check_u64(key, 0), &a, &e) == -1 &&
	    c->acts.index <= check_u64(key, 0))
		check_tell_err(c, c->table, key, &e);
}

void
check_acts_end(struct check *c)
{
	while (!c->stop && follow_chain(c))
		;
}
