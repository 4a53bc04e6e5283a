/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_reactions.c - any stored action is refused or kept, and any order of
 * refusals, cancellations and ends leaves what holds consistent.
 *
 * The input is tried as a record, and then as a script of three octets a step.
 */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/err.h"
#include "lib/reactions.h"
#include "lib/strbuf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char text[] =
    "format = 1\nversion = 1\n"
    "[class a]\nsource = 2026-08 x\nwords = \"a\"\n"
    "[class b]\nsource = 2026-08 x\nwords = \"b\"\n"
    "[class c]\nsource = 2026-08 x\nwords = \"c\"\n"
    "[reaction a]\nsource = 2026-08 x\nclass = a\nscope = provider\n"
    "action = suspend\nfor = 10s\n"
    "[reaction b]\nsource = 2026-08 x\nclass = a b\nwhen = 3 in 20s\n"
    "action = connections 1\naction = stop-source\nfor = 1m\n"
    "[reaction c]\nsource = 2026-08 x\nclass = c\nwhen = 2 in 5s\n"
    "action = stop-campaign\nfor = 30s\n";

static void
check(const struct reactions *r)
{
	const struct reaction_action *a;
	int64_t next = reactions_next_ms(r);
	size_t at = 0;

	while ((a = reactions_each(r, &at)) != NULL) {
		if (a->until_ms < next || a->kind >= REACTION_KINDS ||
		    reactions_find(r, a->id) != a)
			abort();
	}
}

static void
record(const uint8_t *data, size_t size)
{
	struct strbuf b = STRBUF_INIT(REACTION_RECORD_MAX);
	struct reaction_action a, again;

	if (reaction_action_unpack(data, size, &a, NULL) == -1)
		return;
	reaction_action_pack(&b, &a);
	if (b.overflow || reaction_action_unpack(b.s, b.len, &again, NULL) ==
	    -1 || memcmp(&a, &again, sizeof(a)) != 0)
		abort();
	strbuf_free(&b);
}

static void
step(struct reactions *r, const struct reply_rules *rules, const uint8_t *p,
    int64_t now)
{
	static const char *const classes[] = { "a", "b", "c", "d" };
	struct reaction_action due[REACTIONS_DUE_MAX];
	struct reaction_effect effect;
	struct reaction_event e = {
		.now_ms = now,
		.rule = datafile_key(classes[p[0] & 3]),
		.category = REPLY_CAT_RATE,
		.provider = p[0] >> 2 & 3,
		.site = { p[0] >> 4 & 3 },
		.source = (p[0] >> 6 & 1) != 0 ? "a" : "b",
		.campaign = p[1] & 3,
		.host = "h",
		.reply = (const char *)p,
		.reply_len = 3,
	};
	size_t n = reactions_feed(r, rules, &e, due);

	for (size_t i = 0; i < n; i++)
		if (reactions_find(r, due[i].id) == NULL)
			abort();
	if (n > 0 && (p[1] & 0x80) != 0 && !reactions_cancel(r, due[0].id))
		abort();
	while (reactions_expire(r, now, &due[0]))
		if (due[0].until_ms > now)
			abort();
	reactions_effect(r, e.site, e.provider, e.source, now, &effect);
	if (effect.suspended_until_ms != 0 &&
	    effect.suspended_until_ms <= now)
		abort();
	check(r);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct strbuf said = STRBUF_INIT(4096);
	struct reply_rules *rules = reply_rules_parse(&(struct datafile_text){
		"f", text, strlen(text) }, NULL, NULL, &said);
	struct reactions *r = reactions_new();
	int64_t now = 1000000;

	if (rules == NULL)
		abort();
	record(data, size);
	for (size_t i = 0; i + 3 <= size && i < 3000; i += 3) {
		/* The clock steps back at times. */
		now += (int64_t)(int8_t)data[i + 2] * 100 + 3000;
		step(r, rules, data + i, now);
	}
	reactions_free(r);
	reply_rules_free(rules);
	strbuf_free(&said);
	return 0;
}
