/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_rows.c - what each row of S must be, alone and beside the others.
 *
 * Every function is given one row inside a read transaction and answers 0, or
 * -1 with what is wrong.
 */
#include "config.h"

#include <string.h>

#include "lib/err.h"
#include "spool/check_private.h"
#include "spool/consent.h"
#include "spool/content.h"
#include "spool/import.h"
#include "spool/list.h"
#include "spool/notice.h"
#include "spool/org.h"
#include "spool/request.h"
#include "spool/row.h"
#include "spool/subscriber_private.h"
#include "spool/suppression.h"

/* One row with what is needed to judge it. */
struct look {
	struct txn	*t;
	enum store_table table;
	struct slice	 key, value;
	const struct content *content;
	struct err	*e;
};

static int
wrong(const struct look *l, const char *why)
{
	return row_damaged(l->table, l->key, why, l->e);
}

/* For a call that answers 1, 0 (missing) or -1. */
static int
must(const struct look *l, int rc, const char *why)
{
	if (rc == 0)
		return wrong(l, why);
	return rc == 1 ? 0 : -1;
}

static uint32_t
key_number(const struct look *l, size_t at)
{
	struct unpack u;

	if (l->key.len < at + 4)
		return 0;
	unpack_init(&u, l->key.p + at, 4);
	return unpack_u32(&u);
}

static uint64_t
key_index(const struct look *l, size_t at)
{
	return (uint64_t)key_number(l, at) << 32 | key_number(l, at + 4);
}

static int
check_seal(const struct look *l)
{
	struct unpack u;
	uint8_t version;

	return record_open(&u, l->value.p, l->value.len, &version) ? 0 :
	    wrong(l, "its seal is broken");
}

static int
check_file(const struct look *l, const uint8_t hash[static CONTENT_HASH])
{
	static const uint8_t none[CONTENT_HASH];

	if (l->content == NULL || memcmp(hash, none, sizeof(none)) == 0)
		return 0;
	return must(l, content_verify(l->content, hash, l->e),
	    "the content file it names is missing");
}

/* ---- organizations and lists */

static int
check_org(const struct look *l)
{
	struct org o, named;

	if (must(l, org_get(l->t, key_number(l, 0), &o, l->e),
	    "no organization") == -1 ||
	    must(l, org_find(l->t, o.name, &named, l->e),
	    "its name leads nowhere") == -1)
		return -1;
	return named.id == o.id ? 0 : wrong(l, "its name is another's");
}

static int
check_org_name(const struct look *l)
{
	char name[ORG_NAME_MAX + 1];
	struct org o;

	if (!slice_to_text(l->key, name, sizeof(name)))
		return wrong(l, "no name");
	if (must(l, org_find(l->t, name, &o, l->e), "no row") == -1)
		return -1;
	return strcmp(o.name, name) == 0 ? 0 :
	    wrong(l, "its organization has another name");
}

static int
check_org_domain(const struct look *l)
{
	char domain[256];
	struct org_domain d;
	struct org o;
	uint32_t org = key_number(l, 0);

	if (l->key.len < 5 || !slice_to_text((struct slice){ l->key.p + 4,
	    l->key.len - 4 }, domain, sizeof(domain)))
		return wrong(l, "no domain");
	if (must(l, org_domain_get(l->t, org, domain, &d, l->e),
	    "no row") == -1)
		return -1;
	return must(l, org_get(l->t, org, &o, l->e),
	    "its organization is missing");
}

static int
check_list(const struct look *l)
{
	struct list list, named;
	struct org o;

	if (must(l, list_get(l->t, key_number(l, 0), &list, l->e),
	    "no list") == -1 ||
	    must(l, list_find(l->t, list.name, &named, l->e),
	    "its name leads nowhere") == -1)
		return -1;
	if (named.id != list.id)
		return wrong(l, "its name is another's");
	return must(l, org_get(l->t, list.org, &o, l->e),
	    "its organization is missing");
}

static int
check_list_name(const struct look *l)
{
	char name[LIST_NAME_MAX + 1];
	struct list list;

	if (!slice_to_text(l->key, name, sizeof(name)))
		return wrong(l, "no name");
	if (must(l, list_find(l->t, name, &list, l->e), "no row") == -1)
		return -1;
	return strcmp(list.name, name) == 0 ? 0 :
	    wrong(l, "its list has another name");
}

/* ---- domains */

static int
check_domain(const struct look *l)
{
	char text[256], found[256];
	uint32_t id;

	if (!slice_to_text(l->key, text, sizeof(text)))
		return wrong(l, "no domain");
	if (must(l, domain_find(l->t, text, &id, l->e), "no row") == -1 ||
	    must(l, domain_name(l->t, id, found, l->e),
	    "its id leads nowhere") == -1)
		return -1;
	return strcmp(text, found) == 0 ? 0 : wrong(l, "its id is another's");
}

static int
check_domain_id(const struct look *l)
{
	char text[256];
	uint32_t id = key_number(l, 0), found;

	if (must(l, domain_name(l->t, id, text, l->e), "no row") == -1 ||
	    must(l, domain_find(l->t, text, &found, l->e),
	    "its text leads nowhere") == -1)
		return -1;
	return found == id ? 0 : wrong(l, "its text is another's");
}

/* ---- members */

/* S19: nobody is ACTIVE whom no entry bears out. */
static int
check_consent_of(const struct look *l, const struct member *m)
{
	struct consent c;

	if (m->state != MEMBER_ACTIVE)
		return 0;
	if (m->consent == 0)
		return wrong(l, "active without a consent entry");
	if (must(l, consent_get(l->t, m->consent, &c, l->e),
	    "the consent entry it rests on is missing") == -1)
		return -1;
	return c.list == m->list ? 0 :
	    wrong(l, "the consent entry it rests on names another list");
}

static int
check_member(const struct look *l)
{
	const struct keyring *keys = store_keys(txn_store(l->t));
	uint8_t hash[ADDRESS_HASH_OCTETS];
	struct member m, found;
	struct list_counters n;
	uint64_t h8;

	if (member_decode(l->key, l->value, &m, l->e) == -1)
		return -1;
	if (must(l, subscriber_get(l->t, m.subscriber, &found, l->e),
	    "by_id does not lead to it") == -1)
		return -1;
	if (found.list != m.list || strcmp(found.folded, m.folded) != 0)
		return wrong(l, "by_id leads elsewhere");
	if (list_counters(l->t, m.list, &n, l->e) == -1)
		return -1;
	if (m.join > m.change || m.change > n.sequence)
		return wrong(l, "its sequence numbers are ahead of the list");
	if (check_consent_of(l, &m) == -1 || keys == NULL)
		return keys == NULL ? 0 : -1;
	if (address_h8(keys, m.folded, &h8, l->e) == -1 ||
	    subscriber_hash(l->t, &m, hash, l->e) == -1)
		return -1;
	if (h8 != m.h8)
		return wrong(l, "it lies at another place than its address");
	if (must(l, subscriber_find(l->t, m.list, hash, &found, l->e),
	    "by_hash does not lead to it") == -1)
		return -1;
	return found.subscriber == m.subscriber ? 0 :
	    wrong(l, "by_hash leads elsewhere");
}

static int
check_by_id(const struct look *l)
{
	struct member m;

	return must(l, subscriber_get(l->t, key_index(l, 0), &m, l->e),
	    "its member is missing");
}

static int
check_by_hash(const struct look *l)
{
	struct member m;

	if (l->key.len != ADDRESS_HASH_OCTETS + 4)
		return wrong(l, "no key");
	return must(l, subscriber_find(l->t, key_number(l,
	    ADDRESS_HASH_OCTETS), l->key.p, &m, l->e),
	    "its member is missing");
}

static int
check_attributes(const struct look *l)
{
	struct member m;
	struct slice json;
	uint64_t id = key_index(l, 0);

	if (must(l, attributes_get(l->t, id, &json, l->e), "no row") == -1)
		return -1;
	return must(l, subscriber_get(l->t, id, &m, l->e),
	    "its member is missing");
}

/* ---- people without membership */

static int
check_suppression(const struct look *l)
{
	struct suppression s;

	if (l->key.len != ADDRESS_HASH_OCTETS + 5)
		return wrong(l, "no key");
	return must(l, suppression_get(l->t, l->key.p,
	    (enum suppression_scope)l->key.p[ADDRESS_HASH_OCTETS],
	    key_number(l, ADDRESS_HASH_OCTETS + 1), &s, l->e), "no row");
}

static int
check_request(const struct look *l)
{
	struct request r, found;

	if (l->key.len != REQUEST_ID)
		return wrong(l, "no key");
	if (must(l, request_get(l->t, l->key.p, &r, l->e), "no row") == -1 ||
	    must(l, request_by_hash(l->t, r.token, &found, l->e),
	    "its token leads nowhere") == -1)
		return -1;
	if (memcmp(found.id, r.id, REQUEST_ID) != 0)
		return wrong(l, "its token leads elsewhere");
	return must(l, request_of(l->t, r.hash, r.list, r.purpose, &found,
	    l->e), "request_of does not know it");
}

static int
check_token(const struct look *l)
{
	struct request r;

	if (l->key.len != TOKEN_HASH_OCTETS)
		return wrong(l, "no key");
	return must(l, request_by_hash(l->t, l->key.p, &r, l->e), "no row");
}

/* hash16 | list | purpose | created */
static int
check_request_of(const struct look *l)
{
	struct request r;

	if (l->key.len != ADDRESS_HASH_OCTETS + 13)
		return wrong(l, "no key");
	return must(l, request_of(l->t, l->key.p, key_number(l,
	    ADDRESS_HASH_OCTETS), (enum token_confirm_use)
	    l->key.p[ADDRESS_HASH_OCTETS + 4], &r, l->e), "no row");
}

static int
check_notice(const struct look *l)
{
	struct notice n;
	char domain[256];

	if (must(l, notice_get(l->t, key_index(l, 0), &n, l->e),
	    "no row") == -1 ||
	    must(l, domain_name(l->t, n.domain, domain, l->e),
	    "its domain is missing") == -1)
		return -1;
	return check_file(l, n.content);
}

/* ---- the ledger */

static int
check_consent(const struct look *l)
{
	struct consent c;
	uint64_t index = key_index(l, 0), last, found;

	if (l->key.len != 8)
		return wrong(l, "no key");
	if (must(l, consent_get(l->t, index, &c, l->e), "no row") == -1 ||
	    consent_last(l->t, &last, l->e) == -1)
		return -1;
	if (index > last)
		return wrong(l, "past the last index that was given");
	if (c.hash.len == 0)
		return 0;
	if (must(l, consent_next_of(l->t, c.hash.p, index, &found, l->e),
	    "consent_of does not know it") == -1)
		return -1;
	return found == index ? 0 : wrong(l, "consent_of does not know it");
}

static int
check_of(const struct look *l)
{
	struct consent c;

	if (l->key.len != ADDRESS_HASH_OCTETS + 8)
		return wrong(l, "no key");
	if (must(l, consent_get(l->t, key_index(l, ADDRESS_HASH_OCTETS), &c,
	    l->e), "its entry is missing") == -1)
		return -1;
	return c.hash.len == ADDRESS_HASH_OCTETS && memcmp(c.hash.p, l->key.p,
	    ADDRESS_HASH_OCTETS) == 0 ? 0 :
	    wrong(l, "its entry speaks of another address");
}

static int
check_import(const struct look *l)
{
	struct import im;

	if (must(l, import_get(l->t, key_number(l, 0), &im, l->e),
	    "no row") == -1)
		return -1;
	return check_file(l, im.evidence);
}

static int
check_counts(const struct look *l)
{
	return check_count(l->t, l->key, l->value, l->e);
}

static int (*const checks[TABLE_QMETA])(const struct look *) = {
	[TABLE_META] = check_seal,
	[TABLE_ORGS] = check_org,
	[TABLE_ORG_NAMES] = check_org_name,
	[TABLE_ORG_DOMAINS] = check_org_domain,
	[TABLE_LISTS] = check_list,
	[TABLE_LIST_NAMES] = check_list_name,
	[TABLE_DOMAINS] = check_domain,
	[TABLE_DOMAIN_IDS] = check_domain_id,
	[TABLE_MEMBERS] = check_member,
	[TABLE_BY_ID] = check_by_id,
	[TABLE_BY_HASH] = check_by_hash,
	[TABLE_COUNTS] = check_counts,
	[TABLE_ATTRIBUTES] = check_attributes,
	[TABLE_SUPPRESSIONS] = check_suppression,
	[TABLE_REQUESTS] = check_request,
	[TABLE_REQUEST_OF] = check_request_of,
	[TABLE_TOKENS] = check_token,
	[TABLE_NOTICES] = check_notice,
	[TABLE_CONSENT] = check_consent,
	[TABLE_CONSENT_OF] = check_of,
	[TABLE_THROTTLES] = check_seal,
	[TABLE_ACTS] = check_seal,	/* the chain is walked by itself */
	[TABLE_IMPORTS] = check_import,
	[TABLE_AGGREGATES] = check_seal,
};

int
check_row(struct txn *t, enum store_table table, struct slice key,
    struct slice value, const struct content *content, struct err *e)
{
	const struct look l = { t, table, key, value, content, e };

	return checks[table](&l);
}
