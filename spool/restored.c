/* SPDX-License-Identifier: Apache-2.0 */
/*
 * restored.c - a store that came from a backup: what is due, and until when.
 */
#include "config.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/date.h"
#include "lib/strbuf.h"
#include "spool/act.h"
#include "spool/consent.h"
#include "spool/ledger.h"
#include "spool/ledger_private.h"
#include "spool/ledger_sign.h"
#include "spool/restored.h"
#include "spool/store_private.h"

#define ROW		"restored"
#define ROW_OCTETS	33
#define NUMBER_DIGITS	18	/* of a number behind the log's name */

int
restored_get(struct txn *t, struct restored *r, struct err *e)
{
	uint8_t b[ROW_OCTETS];
	struct unpack u;
	int rc = meta_get(t, TABLE_META, ROW, b, sizeof(b), e);

	*r = (struct restored){ .state = RESTORED_NONE };
	if (rc != 1)
		return rc;
	unpack_init(&u, b, sizeof(b));
	r->state = unpack_u8(&u);
	r->departure = unpack_u64(&u);
	r->consent = unpack_u64(&u);
	r->backup_ms = unpack_i64(&u);
	r->restored_ms = unpack_i64(&u);
	return 0;
}

static int
put(struct txn *t, const struct restored *r, struct err *e)
{
	struct strbuf b = STRBUF_INIT(ROW_OCTETS);
	int rc;

	pack_u8(&b, (uint8_t)r->state);
	pack_u64(&b, r->departure);
	pack_u64(&b, r->consent);
	pack_i64(&b, r->backup_ms);
	pack_i64(&b, r->restored_ms);
	rc = meta_put(t, TABLE_META, ROW, b.s, b.len, e);
	strbuf_free(&b);
	return rc;
}

/* The entry and the act; both say the same. */
static int
note(struct txn *t, const struct restored *r, const char *verb,
    const char *text, uint64_t count, const char *who, int64_t now_ms,
    struct err *e)
{
	struct consent c = {
		.kind = CONSENT_RESTORED, .when_ms = now_ms,
		.channel = consent_text("restore"), .count = count,
		.follows = r->consent, .setter = consent_text(who),
		.note = consent_text(text), .claimed_ms = r->backup_ms,
	};

	return act_note(t, who, now_ms, verb, "store", NULL, text, e) == -1 ?
	    -1 : consent_append(t, &c, NULL, e);
}

/* The number that an earlier restore put behind origin, which loses it; 1. */
static unsigned long long
cut_number(char *origin)
{
	char *tail = strrchr(origin, '/');
	size_t digits;

	if (tail == NULL || tail[1] != 'r')
		return 1;
	digits = strspn(tail + 2, "0123456789");
	if (digits == 0 || digits > NUMBER_DIGITS || tail[2 + digits] != '\0')
		return 1;
	*tail = '\0';
	return strtoull(tail + 2, NULL, 10);
}

/*
 * "HOST/ledger" becomes "HOST/ledger/rSECONDS".  A count would not do: who
 * restores one backup twice has two logs that go on from it.
 */
static int
rename_log(struct txn *t, const char *first, int64_t now_ms, struct err *e)
{
	char was[LEDGER_ORIGIN_MAX + 1] = "", origin[LEDGER_ORIGIN_MAX + 1];
	char next[LEDGER_ORIGIN_MAX + NUMBER_DIGITS + 8];
	unsigned long long before, number = (unsigned long long)now_ms / 1000;
	int rc = ledger_origin(t, was, e);

	if (rc == -1)
		return -1;
	if (rc == 0)
		snprintf(was, sizeof(was), "%s", first);
	memcpy(origin, was, sizeof(origin));
	before = cut_number(origin);
	if (number <= before)
		number = before + 1;
	if ((size_t)snprintf(next, sizeof(next), "%s/r%llu", origin,
	    number) > LEDGER_ORIGIN_MAX) {
		/* As for a url_base that makes none. */
		ledger_origin_of(" ", store_instance(txn_store(t)), origin);
		snprintf(next, sizeof(next), "%s/r%llu", origin, number);
	}
	return ledger_rename(t, was, next, now_ms, e);
}

/* A log that was empty has an entry now, and no checkpoint yet. */
static int
begin_log(struct txn *t, struct err *e)
{
	struct ledger_checkpoint c;
	struct ledger_head head;
	int rc = ledger_checkpoint(t, &c, e);

	if (rc != 0 || (rc = ledger_head(t, &head, e)) == -1)
		return rc == -1 ? -1 : 0;
	return head.size == 0 ? ledger_first_put(t, e) : 0;
}

int
restored_begin(struct txn *t, int64_t backup_ms, const char *origin,
    const char *who, int64_t now_ms, struct err *e)
{
	struct restored r = { .state = RESTORED_DUE, .backup_ms = backup_ms,
		.restored_ms = now_ms };

	if (txn_counter(t, COUNTER_DEPARTURE, &r.departure, e) == -1 ||
	    txn_counter(t, COUNTER_CONSENT, &r.consent, e) == -1 ||
	    rename_log(t, origin, now_ms, e) == -1 ||
	    begin_log(t, e) == -1 || put(t, &r, e) == -1)
		return -1;
	return note(t, &r, "restore", "from a backup; departures since are "
	    "due", 0, who, now_ms, e);
}

int
restored_end(struct txn *t, enum restored_state how, uint64_t changes,
    const char *who, int64_t now_ms, struct err *e)
{
	struct restored r;

	if (restored_get(t, &r, e) == -1)
		return -1;
	if (r.state != RESTORED_DUE) {
		err_set(e, ERR_REFUSED, "no departures are due: the store %s",
		    r.state == RESTORED_NONE ? "was not restored" :
		    "had them already, or they were waived");
		return -1;
	}
	r.state = how;
	if (put(t, &r, e) == -1)
		return -1;
	return note(t, &r, how == RESTORED_DONE ? "restore replay" :
	    "restore waive", how == RESTORED_DONE ? "departures since were "
	    "replayed" : "departures since are waived", changes, who, now_ms,
	    e);
}

bool
restored_is_name(const char *who)
{
	for (; *who != '\0'; who++)
		if (isalpha((unsigned char)*who) || (unsigned char)*who >= 0x80)
			return true;
	return false;
}
