/* SPDX-License-Identifier: Apache-2.0 */
/*
 * erase_kept.c - what may name a person when they are erased.
 */
#include "config.h"

#include <string.h>

#include "lib/err.h"
#include "spool/consent.h"
#include "spool/content.h"
#include "spool/erase_kept.h"
#include "spool/identity.h"
#include "spool/import.h"
#include "spool/list.h"
#include "spool/store.h"
#include "spool/subscriber.h"

/* Imports that brought the person, each once. */
struct brought {
	size_t		n;
	uint32_t	id[ERASE_KEPT_IMPORTS];
};

static void
remember(struct brought *b, uint32_t id)
{
	if (id == 0)
		return;
	for (size_t i = 0; i < b->n; i++)
		if (b->id[i] == id)
			return;
	if (b->n < ERASE_KEPT_IMPORTS)
		b->id[b->n++] = id;
}

/* By the memberships, and by the entries of those that ended. */
static int
find_imports(struct txn *t, const uint8_t *hash, struct brought *b,
    struct err *e)
{
	uint32_t from = 1;
	uint64_t index = 0;
	struct consent c;
	struct member m;
	int rc;

	while ((rc = subscriber_next_of(t, hash, from, &m, e)) == 1) {
		remember(b, m.import);
		if (m.list == UINT32_MAX)
			break;
		from = m.list + 1;
	}
	while (rc != -1 && (rc = consent_next_of(t, hash, index + 1, &index,
	    e)) == 1) {
		if ((rc = consent_get(t, index, &c, e)) == 1)
			remember(b, c.import);
	}
	return rc == -1 ? -1 : 0;
}

static int
evidence_files(struct txn *t, const uint8_t *hash, json_t *out,
    struct err *e)
{
	static const uint8_t none[CONTENT_HASH];
	struct brought b = { .n = 0 };
	char hex[CONTENT_HEX];
	struct import im;
	int rc;

	if (find_imports(t, hash, &b, e) == -1)
		return -1;
	for (size_t i = 0; i < b.n; i++) {
		if ((rc = import_get(t, b.id[i], &im, e)) == -1)
			return -1;
		if (rc == 0 || memcmp(im.evidence, none, sizeof(none)) == 0)
			continue;
		content_hex(im.evidence, hex);
		json_array_append_new(out, json_pack("{s:I, s:s}", "import",
		    (json_int_t)im.id, "evidence_file", hex));
	}
	return 0;
}

static bool
is_theirs(struct txn *t, const char *address, const uint8_t *hash)
{
	struct identity who;

	return identity_parse_member(store_keys(txn_store(t)), address,
	    strlen(address), &who, NULL) == 0 &&
	    memcmp(who.hash, hash, ADDRESS_HASH_OCTETS) == 0;
}

static int
settings(struct txn *t, const uint8_t *hash, json_t *out, struct err *e)
{
	uint32_t from = 1;
	struct list l;
	int rc;

	while ((rc = list_next(t, from, &l, e)) == 1) {
		const struct { const char *name, *value; } named[] = {
			{ "owner", l.owner }, { "from", l.from },
			{ "reply-to", l.reply_to },
		};

		for (size_t i = 0; i < sizeof(named) / sizeof(named[0]); i++)
			if (named[i].value[0] != '\0' &&
			    is_theirs(t, named[i].value, hash))
				json_array_append_new(out, json_pack(
				    "{s:s, s:s}", "list", l.name, "setting",
				    named[i].name));
		if (l.id == UINT32_MAX)
			return 0;
		from = l.id + 1;
	}
	return rc;
}

int
erase_kept(struct txn *t, const uint8_t hash[static ADDRESS_HASH_OCTETS],
    json_t *out, struct err *e)
{
	if (evidence_files(t, hash, out, e) == -1)
		return -1;
	return settings(t, hash, out, e);
}
