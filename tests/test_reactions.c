/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_reactions.c - too many refusals have consequences, by a clock that the
 * test drives.
 *
 * Requirements: R4 (a sender's fault pauses the stream), R5 (ten minutes after
 * the last 4.7.28), R13.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/err.h"
#include "lib/reactions.h"
#include "lib/strbuf.h"

#define LEN(a)	(sizeof(a) / sizeof((a)[0]))
#define S	INT64_C(1000)
#define M	(60 * S)
#define H	(60 * M)
#define T0	INT64_C(1795392000000)

static const char text[] =
    "format = 1\nversion = 1\n"
    "[class silence]\nsource = 2026-08 x\nwords = \"a\"\n"
    "[class slow]\nsource = 2026-08 x\nwords = \"b\"\n"
    "[class wide]\nsource = 2026-08 x\nwords = \"c\"\n"
    "[class auth]\nsource = 2026-08 x\nwords = \"d\"\n"
    "[class both]\nsource = 2026-08 x\nwords = \"e\"\n"
    "[class listed]\nsource = 2026-08 x\nwords = \"f\"\n"
    "[reaction silence]\nsource = 2026-08 x\nclass = silence\n"
    "action = suspend\nfor = 600s\nrestart = 1\ngrow = 1\n"
    "[reaction slow]\nsource = 2026-08 x\nclass = slow\nwhen = 3 in 1h\n"
    "action = messages-per-minute 10\nfor = 30m\n"
    "[reaction wide]\nsource = 2026-08 x\nclass = wide\nscope = provider\n"
    "when = 2 in 10m\naction = connections 1\nfor = 1h\n"
    "[class few]\nsource = 2026-08 x\nwords = \"g\"\n"
    "[reaction few]\nsource = 2026-08 x\nclass = few\n"
    "action = connections 1\nfor = 1h\n"
    "[reaction auth]\nsource = 2026-08 x\nclass = auth\nwhen = 3 in 1h\n"
    "action = stop-campaign\n"
    "[reaction both]\nsource = 2026-08 x\nclass = both\n"
    "action = messages-per-minute 1\naction = connections 2\nfor = 90m\n"
    "[reaction listed]\nsource = 2026-08 x\nclass = listed\n"
    "action = stop-source\nfor = 1d\n"
    "[reaction sizes]\nsource = 2026-08 x\ncategory = size\n"
    "when = 256 in 1d\naction = messages-per-connection 2\n"
    "action = connects-per-minute 3\nfor = 1h\n";

/* Everything a test has. */
struct world {
	struct reactions	*r;
	struct reply_rules	*rules;
	struct reaction_action	 due[REACTIONS_DUE_MAX];
	int64_t			 now;
};

static struct reply_rules *
rules_new(const char *s)
{
	struct strbuf said = STRBUF_INIT(4096);
	struct reply_rules *rules = reply_rules_parse(&(struct datafile_text){
		"f", s, strlen(s) }, NULL, NULL, &said);

	if (rules == NULL)
		fail_msg("%s", said.s);
	strbuf_free(&said);
	return rules;
}

static int
begin(void **state)
{
	static struct world w;

	memset(&w, 0, sizeof(w));
	w.r = reactions_new();
	w.rules = rules_new(text);
	w.now = T0;
	*state = &w;
	return 0;
}

static int
end(void **state)
{
	struct world *w = *state;

	reactions_free(w->r);
	reply_rules_free(w->rules);
	return 0;
}

static struct reaction_event
event(const struct world *w, const char *class, char site, const char *source)
{
	struct reaction_event e = {
		.now_ms = w->now,
		.rule = datafile_key(class),
		.category = REPLY_CAT_RATE,
		.source = source,
		.host = "mx.example",
		.reply = "421 slow down",
		.reply_len = 13,
	};

	memset(e.site, site, sizeof(e.site));
	return e;
}

static size_t
feed(struct world *w, const char *class, char site, const char *source)
{
	struct reaction_event e = event(w, class, site, source);

	return reactions_feed(w->r, w->rules, &e, w->due);
}

static struct reaction_effect
effect(const struct world *w, char site, uint32_t provider,
    const char *source)
{
	struct reaction_effect e;
	uint8_t key[REACTION_KEY];

	memset(key, site, sizeof(key));
	reactions_effect(w->r, key, provider, source, w->now, &e);
	return e;
}

static uint32_t
of_site(const struct world *w, char site, const char *source,
    enum reaction_kind kind)
{
	return effect(w, site, 0, source).site[kind].value;
}

static uint32_t
of_provider(const struct world *w, char site, uint32_t provider,
    const char *source, enum reaction_kind kind)
{
	return effect(w, site, provider, source).provider[kind].value;
}

/* R5: silence from the last one on, for all sources at that site. */
static void
silence(void **state)
{
	struct world *w = *state;
	struct reaction_action a;

	assert_int_equal(reactions_next_ms(w->r), REACTION_EVER);
	assert_int_equal(feed(w, "silence", 1, "192.0.2.1"), 1);
	assert_int_equal(w->due[0].kind, REACTION_SUSPEND);
	assert_int_equal(w->due[0].until_ms, T0 + 600 * S);
	assert_int_equal(w->due[0].restart, 1);
	assert_int_equal(w->due[0].grow, 1);
	assert_string_equal(w->due[0].name, "silence");
	assert_string_equal(w->due[0].source, "");
	assert_string_equal(w->due[0].host, "mx.example");
	assert_string_equal(w->due[0].reply, "421 slow down");
	a = w->due[0];

	/* Sessions that were open hear it too: told once a second at most. */
	w->now += 500;
	assert_int_equal(feed(w, "silence", 1, "192.0.2.2"), 0);
	w->now = T0 + 30 * S;
	assert_int_equal(feed(w, "silence", 1, "192.0.2.2"), 1);
	assert_int_equal(w->due[0].id, a.id);
	assert_int_equal(w->due[0].since_ms, T0);
	assert_int_equal(w->due[0].until_ms, T0 + 630 * S);
	assert_int_equal(effect(w, 1, 0, "any").suspended_until_ms,
	    T0 + 630 * S);
	assert_int_equal(effect(w, 1, 0, "any").suspended_by, a.id);
	assert_int_equal(effect(w, 2, 0, "any").suspended_until_ms, 0);

	assert_int_equal(reactions_next_ms(w->r), T0 + 630 * S);
	assert_false(reactions_expire(w->r, T0 + 630 * S - 1, &a));
	assert_true(reactions_expire(w->r, T0 + 630 * S, &a));
	assert_int_equal(a.restart, 1);
	assert_false(reactions_expire(w->r, T0 + 630 * S, &a));
	assert_int_equal(effect(w, 1, 0, "any").suspended_until_ms, 0);
	/* The next one begins anew. */
	w->now = T0 + 700 * S;
	assert_int_equal(feed(w, "silence", 1, "192.0.2.1"), 1);
	assert_int_equal(w->due[0].since_ms, T0 + 700 * S);
}

/* A script: when refusals come, and which of them is the one too many. */
static const struct {
	const char	*why;
	int64_t		 at[8];		/* after T0; -1 ends */
	int		 due;		/* the first that is; -1: none */
} windows[] = {
	{ "three at once", { 0, 0, 0, -1 }, 2 },
	{ "two are not enough", { 0, 1, -1 }, -1 },
	{ "within the hour", { 0, 30 * M, H - 1, -1 }, 2 },
	{ "an hour apart is not within it", { 0, 30 * M, H, -1 }, -1 },
	{ "the window slides", { 0, 50 * M, 70 * M, 80 * M, -1 }, 3 },
	{ "never three in an hour", { 0, 31 * M, 62 * M, 93 * M, 124 * M,
	    -1 }, -1 },
	{ "a clock that steps back begins anew", { 50 * M, 51 * M, 0, 1, -1 },
	    -1 },
	{ "and then counts", { 50 * M, 51 * M, 0, 1, 2, -1 }, 4 },
};

static void
window_is_exact(void **state)
{
	struct world *w = *state;

	for (size_t i = 0; i < LEN(windows); i++) {
		for (int n = 0; n < 8 && windows[i].at[n] != -1; n++) {
			size_t due;

			w->now = T0 + windows[i].at[n];
			due = feed(w, "slow", (char)(1 + i), "a");
			if (due != (n == windows[i].due ? 1 : 0))
				fail_msg("%s: %d", windows[i].why, n);
		}
	}
}

/* After a reaction counting begins anew; while it holds it is made longer. */
static void
counting_begins_anew(void **state)
{
	struct world *w = *state;
	uint64_t id;

	for (int i = 0; i < 2; i++)
		assert_int_equal(feed(w, "slow", 1, "a"), 0);
	assert_int_equal(feed(w, "slow", 1, "a"), 1);
	id = w->due[0].id;
	assert_int_equal(w->due[0].value, 10);
	assert_int_equal(of_site(w, 1, "a", REACTION_MESSAGES_PER_MINUTE), 10);
	assert_int_equal(of_site(w, 1, "b", REACTION_MESSAGES_PER_MINUTE), 0);
	w->now += 10 * M;
	for (int i = 0; i < 2; i++)
		assert_int_equal(feed(w, "slow", 1, "a"), 0);
	assert_int_equal(feed(w, "slow", 1, "a"), 1);
	assert_int_equal(w->due[0].id, id);
	assert_int_equal(w->due[0].until_ms, T0 + 40 * M);
	/* Each source for itself. */
	for (int i = 0; i < 2; i++)
		assert_int_equal(feed(w, "slow", 1, "b"), 0);
	assert_int_equal(feed(w, "slow", 1, "b"), 1);
	assert_int_not_equal(w->due[0].id, id);
}

/* Over all sites of a provider; without one, the site's. */
static void
scope_of_a_provider(void **state)
{
	struct world *w = *state;
	struct reaction_event e = event(w, "wide", 1, "a");

	e.provider = 7;
	assert_int_equal(reactions_feed(w->r, w->rules, &e, w->due), 0);
	memset(e.site, 2, sizeof(e.site));
	assert_int_equal(reactions_feed(w->r, w->rules, &e, w->due), 1);
	assert_int_equal(w->due[0].scope, REACTION_PROVIDER);
	assert_int_equal(w->due[0].provider, 7);
	assert_int_equal(w->due[0].site[0], 2);
	assert_string_equal(w->due[0].source, "a");
	assert_int_equal(of_provider(w, 3, 7, "a", REACTION_CONNECTIONS), 1);
	assert_int_equal(of_provider(w, 3, 8, "a", REACTION_CONNECTIONS), 0);
	assert_int_equal(of_provider(w, 3, 7, "b", REACTION_CONNECTIONS), 0);

	assert_int_equal(feed(w, "wide", 4, "a"), 0);
	assert_int_equal(feed(w, "wide", 5, "a"), 0);
	assert_int_equal(feed(w, "wide", 5, "a"), 1);
	assert_int_equal(w->due[0].scope, REACTION_SITE);
	assert_int_equal(of_site(w, 5, "a", REACTION_CONNECTIONS), 1);
	assert_int_equal(of_site(w, 4, "a", REACTION_CONNECTIONS), 0);
	/* Two sites of nobody are not one provider, by either number. */
	assert_int_equal(of_site(w, 6, "a", REACTION_CONNECTIONS), 0);
	e.provider = datafile_key("default");
	memset(e.site, 7, sizeof(e.site));
	assert_int_equal(reactions_feed(w->r, w->rules, &e, w->due), 0);
	memset(e.site, 8, sizeof(e.site));
	assert_int_equal(reactions_feed(w->r, w->rules, &e, w->due), 0);
	assert_int_equal(reactions_feed(w->r, w->rules, &e, w->due), 1);
	assert_int_equal(of_site(w, 8, "a", REACTION_CONNECTIONS), 1);
	assert_int_equal(of_site(w, 7, "a", REACTION_CONNECTIONS), 0);
}

/* What one site must do stricter says nothing of the provider's others. */
static void
both_scopes_hold(void **state)
{
	struct world *w = *state;
	struct reaction_event wide = event(w, "wide", 1, "a");
	struct reaction_event site = event(w, "few", 1, "a");
	struct reaction_effect e;

	wide.provider = site.provider = 7;
	assert_int_equal(reactions_feed(w->r, w->rules, &wide, w->due), 0);
	assert_int_equal(reactions_feed(w->r, w->rules, &wide, w->due), 1);
	assert_int_equal(reactions_feed(w->r, w->rules, &site, w->due), 1);
	e = effect(w, 1, 7, "a");
	assert_int_equal(e.site[REACTION_CONNECTIONS].value, 1);
	assert_int_equal(e.site[REACTION_CONNECTIONS].by, w->due[0].id);
	assert_int_equal(e.provider[REACTION_CONNECTIONS].value, 1);
	assert_int_not_equal(e.provider[REACTION_CONNECTIONS].by,
	    w->due[0].id);
	e = effect(w, 2, 7, "a");
	assert_int_equal(e.site[REACTION_CONNECTIONS].value, 0);
	assert_int_equal(e.provider[REACTION_CONNECTIONS].value, 1);
}

/* By campaign, over sites and sources; until a person acts. */
static void
campaign_stops(void **state)
{
	struct world *w = *state;
	struct reaction_event e = event(w, "auth", 1, "a");
	struct reaction_action a;

	/* Without a campaign there is nothing to stop. */
	for (int i = 0; i < 5; i++)
		assert_int_equal(reactions_feed(w->r, w->rules, &e, w->due),
		    0);
	e.campaign = 11;
	assert_int_equal(reactions_feed(w->r, w->rules, &e, w->due), 0);
	memset(e.site, 2, sizeof(e.site));
	e.source = "b";
	assert_int_equal(reactions_feed(w->r, w->rules, &e, w->due), 0);
	e.campaign = 12;
	assert_int_equal(reactions_feed(w->r, w->rules, &e, w->due), 0);
	e.campaign = 11;
	assert_int_equal(reactions_feed(w->r, w->rules, &e, w->due), 1);
	assert_int_equal(w->due[0].kind, REACTION_STOP_CAMPAIGN);
	assert_int_equal(w->due[0].campaign, 11);
	assert_int_equal(w->due[0].until_ms, REACTION_EVER);
	assert_false(reactions_expire(w->r, INT64_MAX, &a));
	assert_int_equal(reactions_next_ms(w->r), REACTION_EVER);
	/* It bears on no site. */
	assert_int_equal(effect(w, 2, 0, "b").suspended_until_ms, 0);
	/* It is stopped: nothing more to say. */
	for (int i = 0; i < 9; i++)
		assert_int_equal(reactions_feed(w->r, w->rules, &e, w->due),
		    0);
	assert_true(reactions_cancel(w->r, w->due[0].id));
	for (int i = 0; i < 3; i++)
		assert_int_equal(reactions_feed(w->r, w->rules, &e, w->due),
		    i == 2);
}

static void
several_actions(void **state)
{
	struct world *w = *state;
	struct reaction_effect e;

	assert_int_equal(feed(w, "both", 1, "a"), 2);
	assert_int_equal(w->due[0].kind, REACTION_MESSAGES_PER_MINUTE);
	assert_int_equal(w->due[1].kind, REACTION_CONNECTIONS);
	assert_int_not_equal(w->due[0].id, w->due[1].id);
	/* The strictest counts, and is named. */
	for (int i = 0; i < 3; i++)
		(void)feed(w, "slow", 1, "a");
	e = effect(w, 1, 0, "a");
	assert_int_equal(e.site[REACTION_MESSAGES_PER_MINUTE].value, 1);
	assert_int_equal(e.site[REACTION_CONNECTIONS].value, 2);
	assert_string_equal(reactions_find(w->r,
	    e.site[REACTION_MESSAGES_PER_MINUTE].by)->name, "both");
	assert_int_equal(e.suspended_by, 0);
	/* A source stopped is not the others. */
	assert_int_equal(feed(w, "listed", 1, "a"), 1);
	assert_int_equal(effect(w, 1, 0, "a").suspended_until_ms,
	    T0 + 24 * H);
	assert_int_equal(effect(w, 1, 0, "b").suspended_until_ms, 0);
	/* Over, though nobody has asked for what is over. */
	w->now += 91 * M;
	assert_int_equal(of_site(w, 1, "a", REACTION_MESSAGES_PER_MINUTE), 0);
}

static void
by_category(void **state)
{
	struct world *w = *state;
	struct reaction_event e = event(w, "none of them", 1, "a");

	e.category = REPLY_CAT_SIZE;
	for (int i = 1; i < REACTION_THRESHOLD_MAX; i++) {
		e.now_ms += S;
		assert_int_equal(reactions_feed(w->r, w->rules, &e, w->due),
		    0);
	}
	assert_int_equal(reactions_feed(w->r, w->rules, &e, w->due), 2);
	w->now = e.now_ms;
	assert_int_equal(of_site(w, 1, "a", REACTION_MESSAGES_PER_CONNECTION), 2);
	assert_int_equal(of_site(w, 1, "a", REACTION_CONNECTS_PER_MINUTE), 3);
	e.rule = 0;
	e.category = REPLY_CAT_NONE;
	assert_int_equal(reactions_feed(w->r, w->rules, &e, w->due), 0);
}

static void
cancel(void **state)
{
	struct world *w = *state;
	uint64_t id;

	for (int i = 0; i < 5; i++)
		(void)feed(w, "slow", 1, "a");
	assert_int_equal(of_site(w, 1, "a", REACTION_MESSAGES_PER_MINUTE), 10);
	id = effect(w, 1, 0, "a").site[REACTION_MESSAGES_PER_MINUTE].by;
	assert_true(reactions_cancel(w->r, id));
	assert_false(reactions_cancel(w->r, id));
	assert_null(reactions_find(w->r, id));
	assert_int_equal(of_site(w, 1, "a", REACTION_MESSAGES_PER_MINUTE), 0);
	/* The two since then are forgotten too. */
	assert_int_equal(feed(w, "slow", 1, "a"), 0);
	assert_int_equal(feed(w, "slow", 1, "a"), 0);
	assert_int_equal(feed(w, "slow", 1, "a"), 1);
}

/* Stored, and there again after a restart, when it still holds. */
static void
survives_a_restart(void **state)
{
	struct world *w = *state;
	struct strbuf b = STRBUF_INIT(REACTION_RECORD_MAX);
	struct reaction_action a, back;
	struct reactions *fresh = reactions_new();
	struct err e = ERR_INIT;

	assert_int_equal(feed(w, "silence", 1, "a"), 1);
	a = w->due[0];
	reaction_action_pack(&b, &a);
	assert_false(b.overflow);
	assert_int_equal(reaction_action_unpack(b.s, b.len, &back, &e), 0);
	assert_memory_equal(&a, &back, sizeof(a));
	assert_false(reactions_load(fresh, &back, a.until_ms));
	assert_true(reactions_load(fresh, &back, T0 + S));
	assert_false(reactions_load(fresh, &back, T0 + S));
	reactions_free(w->r);
	w->r = fresh;
	assert_int_equal(effect(w, 1, 0, "b").suspended_until_ms, a.until_ms);
	/* And is made longer under its old number. */
	w->now += 60 * S;
	assert_int_equal(feed(w, "silence", 1, "a"), 1);
	assert_int_equal(w->due[0].id, a.id);
	assert_int_equal(w->due[0].since_ms, T0);

	for (size_t i = 0; i < b.len; i++) {
		b.s[i] ^= 1;
		assert_int_equal(reaction_action_unpack(b.s, b.len, &back,
		    &e), -1);
		assert_int_equal(e.code, ERR_DAMAGED);
		b.s[i] ^= 1;
		assert_int_equal(reaction_action_unpack(b.s, i, &back, &e),
		    -1);
	}
	strbuf_free(&b);
}

/* The largest record fits, and what a peer said is kept harmless. */
static void
long_texts_are_cut(void **state)
{
	struct world *w = *state;
	struct strbuf b = STRBUF_INIT(REACTION_RECORD_MAX);
	static char reply[2000], source[200], host[600];
	struct reaction_event e;

	memset(reply, 'r', sizeof(reply));
	memcpy(reply, "a\r\n\033b\0c", 7);
	memset(source, 's', sizeof(source) - 1);
	memset(host, 'h', sizeof(host) - 1);
	e = event(w, "listed", 1, source);
	e.reply = reply;
	e.reply_len = sizeof(reply);
	e.host = host;
	assert_int_equal(reactions_feed(w->r, w->rules, &e, w->due), 1);
	assert_int_equal(strlen(w->due[0].reply), REACTION_TEXT_MAX);
	assert_memory_equal(w->due[0].reply, "a???b?crr", 9);
	assert_int_equal(strlen(w->due[0].source), REACTION_NAME_MAX);
	assert_int_equal(strlen(w->due[0].host), REACTION_HOST_MAX);
	/* It is found by the name that was cut. */
	assert_int_not_equal(effect(w, 1, 0, source).suspended_until_ms, 0);
	memset(w->due[0].name, 'n', DATAFILE_NAME_MAX);
	reaction_action_pack(&b, &w->due[0]);
	assert_false(b.overflow);
	strbuf_free(&b);
}

/* A reload: counts go on while the threshold is the same. */
static void
rules_change(void **state)
{
	struct world *w = *state;
	char next[sizeof(text)];

	(void)feed(w, "slow", 1, "a");
	(void)feed(w, "slow", 1, "a");
	reply_rules_free(w->rules);
	w->rules = rules_new(text);
	assert_int_equal(feed(w, "slow", 1, "a"), 1);

	(void)feed(w, "slow", 2, "a");
	(void)feed(w, "slow", 2, "a");
	memcpy(next, text, sizeof(text));
	memcpy(strstr(next, "when = 3"), "when = 2", 8);
	reply_rules_free(w->rules);
	w->rules = rules_new(next);
	assert_int_equal(feed(w, "slow", 2, "a"), 0);
	assert_int_equal(feed(w, "slow", 2, "a"), 1);
}

/* However many sites refuse, memory stays where it is promised to. */
static void
memory_is_bounded(void **state)
{
	struct world *w = *state;
	struct reaction_event e = event(w, "slow", 0, "a");
	size_t at = 0, n = 0, due = 0;

	for (uint32_t i = 0; i < 100000; i++) {
		memcpy(e.site, &i, sizeof(i));
		due += reactions_feed(w->r, w->rules, &e, w->due);
		assert_true(reactions_memory(w->r) <=
		    REACTIONS_COUNTERS_OCTETS);
	}
	assert_int_equal(due, 0);
	assert_true(reactions_memory(w->r) > REACTIONS_COUNTERS_OCTETS / 2);
	/* The last one is still known, the first is forgotten. */
	(void)reactions_feed(w->r, w->rules, &e, w->due);
	assert_int_equal(reactions_feed(w->r, w->rules, &e, w->due), 1);
	memset(e.site, 0, sizeof(e.site));
	(void)reactions_feed(w->r, w->rules, &e, w->due);
	assert_int_equal(reactions_feed(w->r, w->rules, &e, w->due), 0);

	/* Actions, too; what finds no room comes when there is some. */
	e.rule = datafile_key("silence");
	for (uint32_t i = 0; i < REACTIONS_ACTIONS_MAX + 10; i++) {
		e.now_ms++;
		memcpy(e.site, &i, sizeof(i));
		due += reactions_feed(w->r, w->rules, &e, w->due);
	}
	while (reactions_each(w->r, &at) != NULL)
		n++;
	assert_int_equal(n, REACTIONS_ACTIONS_MAX);
	assert_true(reactions_expire(w->r, T0 + 600 * S + 1, w->due));
	assert_int_equal(reactions_feed(w->r, w->rules, &e, w->due), 1);
}

/* They end in the order of their times, however they were begun. */
static void
ends_in_order(void **state)
{
	struct world *w = *state;
	struct reaction_action a;
	uint32_t x = 1;
	int64_t last = 0;
	int n = 0;

	for (int i = 0; i < 500; i++) {
		x = x * 1103515245 + 12345;
		w->now = T0 + (int64_t)(x >> 16) * S;
		(void)feed(w, i % 2 != 0 ? "silence" : "listed",
		    (char)(x >> 8), "a");
		if (i % 7 == 0)
			(void)reactions_cancel(w->r, w->due[0].id);
	}
	while (reactions_expire(w->r, INT64_MAX - 1, &a)) {
		assert_true(a.until_ms >= last);
		last = a.until_ms;
		n++;
	}
	assert_true(n > 100);
	assert_int_equal(reactions_next_ms(w->r), REACTION_EVER);
}

#define TEST(f)	cmocka_unit_test_setup_teardown(f, begin, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(silence),
		TEST(window_is_exact),
		TEST(counting_begins_anew),
		TEST(scope_of_a_provider),
		TEST(both_scopes_hold),
		TEST(campaign_stops),
		TEST(several_actions),
		TEST(by_category),
		TEST(cancel),
		TEST(survives_a_restart),
		TEST(long_texts_are_cut),
		TEST(rules_change),
		TEST(memory_is_bounded),
		TEST(ends_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
