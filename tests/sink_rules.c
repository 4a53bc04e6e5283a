/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sink_rules.c - what the sink does instead of saying yes: matching.
 *
 * The file format is in sink_rules.h, its parser in sink_rules_parse.c.
 */
#include "config.h"

#include <fnmatch.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <xxhash.h>

#include "lib/strbuf.h"
#include "tests/countmap.h"
#include "tests/sink_rules.h"
#include "tests/sink_rules_private.h"

const char *
sink_event_name(enum sink_event event)
{
	static const char *const names[SINK_EVENTS] = {
		[SINK_CONNECT] = "connect", [SINK_EHLO] = "ehlo",
		[SINK_STARTTLS] = "starttls", [SINK_AUTH] = "auth",
		[SINK_MAIL] = "mail", [SINK_RCPT] = "rcpt",
		[SINK_DATA] = "data", [SINK_CONTENT] = "content",
		[SINK_DOT] = "dot", [SINK_RSET] = "rset",
		[SINK_NOOP] = "noop", [SINK_QUIT] = "quit",
		[SINK_OTHER] = "other",
	};

	return names[event];
}

static void
rule_free(struct rule *r)
{
	free(r->to);
	free(r->from);
	free(r->helo);
	free(r->local);
	free(r->peer);
	free(r->action.text);
	free(r->action.hide);
	countmap_free(&r->per_key);
}

void
ruleset_free(struct ruleset **rs)
{
	if (*rs == NULL)
		return;
	for (size_t i = 0; i < (*rs)->nrules; i++)
		rule_free(&(*rs)->rules[i]);
	free((*rs)->rules);
	free(*rs);
	*rs = NULL;
}

static bool
glob_matches(const char *pattern, const char *text)
{
	if (strpbrk(pattern, "*?[\\") == NULL)
		return strcasecmp(pattern, text) == 0;
	return fnmatch(pattern, text, FNM_CASEFOLD) == 0;
}

/* An address pattern without '@' speaks of the domain. */
static bool
address_matches(const char *pattern, const char *addr)
{
	const char *at = strrchr(addr, '@');

	if (strchr(pattern, '@') != NULL || strcmp(pattern, "*") == 0)
		return glob_matches(pattern, addr);
	return at != NULL && glob_matches(pattern, at + 1);
}

/* The recipient that to matches, NULL when none does. */
static const char *
find_rcpt(const char *to, const struct occasion *occ)
{
	const char *rcpt = occ->rcpts;

	for (size_t i = 0; i < occ->nrcpts; i++) {
		if (to == NULL || address_matches(to, rcpt))
			return rcpt;
		rcpt += strlen(rcpt) + 1;
	}
	return NULL;
}

static bool
range_holds(const struct range *range, uint64_t n)
{
	return n >= range->lo && n <= range->hi;
}

static bool
filters_match(const struct rule *r, const struct occasion *occ)
{
	if (r->to != NULL && find_rcpt(r->to, occ) == NULL)
		return false;
	if (r->from != NULL && strcmp(r->from, "<>") == 0 &&
	    *occ->from != '\0')
		return false;
	if (r->from != NULL && strcmp(r->from, "<>") != 0 &&
	    !address_matches(r->from, occ->from))
		return false;
	if (r->helo != NULL && !glob_matches(r->helo, occ->helo))
		return false;
	if (r->local != NULL && !glob_matches(r->local, occ->local))
		return false;
	if (r->peer != NULL && !glob_matches(r->peer, occ->peer))
		return false;
	if (r->tls != TLS_EITHER && (r->tls == TLS_YES) != occ->tls)
		return false;
	return range_holds(&r->conn, occ->conn) &&
	    range_holds(&r->txn, occ->txn);
}

/* splitmix64: small, seedable and even; equal on every machine. */
static uint64_t
next_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static double
unit_interval(uint64_t bits)
{
	return (double)(bits >> 11) * 0x1p-53;
}

/*
 * Count the rule's n-th time, by key if it asks for that, and draw its lot:
 * for a key the lot is the key's own, so that it does not depend on order.
 */
static uint64_t
count_time(struct rule *r, const struct occasion *occ, double *lot_r)
{
	char conn[24];
	const char *key = NULL;

	switch (r->per) {
	case PER_NONE:
		*lot_r = unit_interval(next_random(&r->random));
		return ++r->times;
	case PER_TO:
		key = find_rcpt(r->to, occ);
		break;
	case PER_FROM:
		key = occ->from;
		break;
	case PER_LOCAL:
		key = occ->local;
		break;
	case PER_CONN:
		snprintf(conn, sizeof(conn), "%" PRIu64, occ->conn);
		key = conn;
		break;
	}
	if (key == NULL)
		key = "";
	*lot_r = unit_interval(XXH3_64bits_withSeed(key, strlen(key),
	    r->seed));
	return ++countmap_get(r->per_key, key, strlen(key))->a;
}

const struct action *
ruleset_match(struct ruleset *rs, const struct occasion *occ)
{
	const struct action *chosen = NULL;
	struct rule *r;
	uint64_t n;
	double lot;

	if (rs == NULL || !rs->has[occ->event])
		return NULL;
	for (size_t i = 0; i < rs->nrules; i++) {
		r = &rs->rules[i];
		if (r->event != occ->event || !filters_match(r, occ))
			continue;
		n = count_time(r, occ, &lot);
		if (chosen == NULL && range_holds(&r->nth, n) &&
		    n % r->every == 0 && lot * 100 < r->percent)
			chosen = &r->action;
	}
	return chosen;
}
