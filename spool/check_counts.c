/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_counts.c - the counters of lists and domains against the members.
 *
 * A domain's members are counted in the transaction that holds its row, for
 * the two must be of one moment: a large domain takes some seconds.
 */
#include "config.h"

#include <stdio.h>

#include "lib/err.h"
#include "spool/check_private.h"
#include "spool/list.h"
#include "spool/row.h"
#include "spool/subscriber_private.h"

struct sum {
	uint64_t	active, all;
};

static int
count_members(struct txn *t, struct slice prefix, struct sum *s,
    struct err *e)
{
	struct slice key, value;
	struct member m;
	struct cursor *c;
	struct err broken;
	int rc;

	if (cursor_open(t, TABLE_MEMBERS, &c, e) == -1)
		return -1;
	rc = cursor_seek(c, prefix, &key, &value, e);
	while (rc == 1 && slice_has_prefix(key, prefix)) {
		s->all++;
		/* One that is broken is a finding of its own. */
		if (member_decode(key, value, &m, &broken) == 1)
			s->active += m.state == MEMBER_ACTIVE;
		rc = cursor_next(c, &key, &value, e);
	}
	cursor_close(c);
	return rc == -1 ? -1 : 0;
}

static int
sum_domains(struct txn *t, uint32_t list, struct sum *s, struct err *e)
{
	struct subscriber_domain rows[256];
	uint32_t from = 1;
	size_t n = 256;

	while (n == 256) {
		if (subscriber_domains(t, list, from, rows, 256, &n, e) == -1)
			return -1;
		for (size_t i = 0; i < n; i++) {
			s->active += rows[i].active;
			s->all += rows[i].all;
		}
		if (n == 0 || rows[n - 1].domain == UINT32_MAX)
			break;
		from = rows[n - 1].domain + 1;
	}
	return 0;
}

static int
compare(struct slice key, const struct sum *said, const struct sum *found,
    struct err *e)
{
	char why[160];

	if (said->active == found->active && said->all == found->all)
		return 0;
	snprintf(why, sizeof(why), "says %llu active of %llu, and there are "
	    "%llu of %llu", (unsigned long long)said->active,
	    (unsigned long long)said->all, (unsigned long long)found->active,
	    (unsigned long long)found->all);
	return row_damaged(TABLE_COUNTS, key, why, e);
}

int
check_count(struct txn *t, struct slice key, struct slice value,
    struct err *e)
{
	struct sum said, found = { 0, 0 };
	struct subscriber_domain d;
	struct list_counters c;
	struct unpack u;
	uint32_t list, domain;

	unpack_init(&u, key.p, key.len);
	list = unpack_u32(&u);
	domain = unpack_u32(&u);
	if (!unpack_done(&u))
		return row_damaged(TABLE_COUNTS, key, "no key", e);
	if (domain == 0) {
		if (list_counters(t, list, &c, e) == -1 ||
		    sum_domains(t, list, &found, e) == -1)
			return -1;
		said = (struct sum){ c.active, c.all };
	} else {
		if (member_count_decode(key, value, &d, e) == -1 ||
		    count_members(t, key, &found, e) == -1)
			return -1;
		said = (struct sum){ d.active, d.all };
	}
	return compare(key, &said, &found, e);
}
