/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_list.c - organizations, lists, what their owners may type, when a list
 * may send, and the chain of acts.
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

#include "lib/keyring.h"
#include "lib/strbuf.h"
#include "spool/act.h"
#include "spool/consent.h"
#include "spool/ledger_verify.h"
#include "spool/list.h"
#include "spool/org.h"
#include "spool/row.h"
#include "spool/store_private.h"
#include "spool/writer.h"
#include "tests/spool_world.h"

#define NOW	1790000000000

/* A call on the open transaction, for what a table row wants done. */
struct call {
	int		(*fn)(struct txn *t, const struct call *c,
			    struct err *e);
	uint32_t	 id;
	const char	*a, *b;
	int		 n;
	uint32_t	*id_r;
};

static int
run(struct txn *t, void *arg, struct err *e)
{
	const struct call *c = arg;

	return job_answer(c->fn(t, c, e), e);
}

static int
write_call(struct world *w, struct call c)
{
	return world_write(w, STORE_S, run, &c);
}

static int
do_org_create(struct txn *t, const struct call *c, struct err *e)
{
	uint32_t id;

	return org_create(t, c->a, "root", NOW, c->id_r != NULL ? c->id_r :
	    &id, e);
}

static int
do_org_state(struct txn *t, const struct call *c, struct err *e)
{
	return org_set_state(t, c->id, (enum org_state)c->n, "root", NOW, e);
}

static int
do_claim(struct txn *t, const struct call *c, struct err *e)
{
	struct org_domain d;

	return org_domain_claim(t, c->id, c->a, "root", NOW, &d, e);
}

static int
do_checked(struct txn *t, const struct call *c, struct err *e)
{
	return org_domain_checked(t, c->id, c->a, (enum org_proof)c->n, NOW,
	    e);
}

static int
do_drop(struct txn *t, const struct call *c, struct err *e)
{
	return org_domain_drop(t, c->id, c->a, "root", NOW, e);
}

static int
do_list_create(struct txn *t, const struct call *c, struct err *e)
{
	const struct list_new n = { .org = c->id, .name = c->a, .from = c->b };
	uint32_t id;

	return list_create(t, &n, "root", NOW, c->id_r != NULL ? c->id_r : &id,
	    e);
}

static int
do_set(struct txn *t, const struct call *c, struct err *e)
{
	return list_set(t, c->id, c->a, c->b, "ann", NOW + 5, e);
}

static int
do_state(struct txn *t, const struct call *c, struct err *e)
{
	return list_set_state(t, c->id, (enum list_state)c->n, "root", NOW, e);
}

static int
do_owner(struct txn *t, const struct call *c, struct err *e)
{
	return list_owner_confirmed(t, c->id, NOW, e);
}

/* Organization 1 "acme" with list 1 "news". */
static int
setup(void **state)
{
	struct world *w;
	uint32_t org = 0, list = 0;

	if (world_setup(state) == -1)
		return -1;
	w = *state;
	if (write_call(w, (struct call){ do_org_create, .a = "acme",
	    .id_r = &org }) != 0 || write_call(w, (struct call){
	    do_list_create, .id = org, .a = "news", .b = "news@acme.example",
	    .id_r = &list }) != 0)
		return -1;
	return org == 1 && list == 1 ? 0 : -1;
}

static struct list
get(struct world *w)
{
	struct txn *t = world_read(w, STORE_S);
	struct list l;

	assert_int_equal(list_get(t, 1, &l, &w->e), 1);
	txn_end(t);
	return l;
}

/* ---- organizations */

static void
organizations_have_names_and_states(void **state)
{
	static const char *const bad[] = { "", "-a", "a-", "A", "a b", "a.b",
	    "a_b", "\xc3\xbc", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	    "aaaaaaaaaaaaaaaaaa" };
	struct world *w = *state;
	struct txn *t;
	struct org o;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (write_call(w, (struct call){ do_org_create,
		    .a = bad[i] }) != 1)
			fail_msg("created: %s", bad[i]);
		assert_int_equal(w->e.code, ERR_INPUT);
	}
	assert_int_equal(write_call(w, (struct call){ do_org_create,
	    .a = "acme" }), 1);
	assert_int_equal(w->e.code, ERR_EXISTS);
	assert_int_equal(write_call(w, (struct call){ do_org_create,
	    .a = ORG_DEFAULT }), 0);
	assert_int_equal(write_call(w, (struct call){ do_org_state, .id = 1,
	    .n = ORG_HELD }), 0);
	t = world_read(w, STORE_S);
	assert_int_equal(org_find(t, "acme", &o, NULL), 1);
	assert_int_equal(o.state, ORG_HELD);
	assert_true(o.created_ms == NOW);
	assert_int_equal(org_find(t, "nobody", &o, NULL), 0);
	assert_int_equal(org_find(t, "", &o, NULL), 0);
	assert_int_equal(org_next(t, 2, &o, NULL), 1);
	assert_string_equal(o.name, ORG_DEFAULT);
	assert_int_equal(org_next(t, 3, &o, NULL), 0);
	txn_end(t);
	/* Terminated is for good (S7). */
	assert_int_equal(write_call(w, (struct call){ do_org_state, .id = 1,
	    .n = ORG_TERMINATED }), 0);
	assert_int_equal(write_call(w, (struct call){ do_org_state, .id = 1,
	    .n = ORG_ACTIVE }), 1);
	assert_int_equal(w->e.code, ERR_REFUSED);
	assert_int_equal(write_call(w, (struct call){ do_org_state, .id = 9,
	    .n = ORG_HELD }), 1);
	assert_int_equal(w->e.code, ERR_NOTFOUND);
}

static void
a_proof_covers_what_is_below_it(void **state)
{
	static const struct { const char *domain; int covered; } rows[] = {
		{ "acme.example", 1 }, { "news.acme.example", 1 },
		{ "a.b.acme.example", 1 }, { "example", 0 },
		{ "notacme.example", 0 }, { "acme.example.org", 0 },
		{ "", 0 },
	};
	struct world *w = *state;
	struct org_domain d;
	struct txn *t;

	assert_int_equal(write_call(w, (struct call){ do_claim, .id = 1,
	    .a = "ACME.example" }), 0);
	assert_int_equal(write_call(w, (struct call){ do_claim, .id = 1,
	    .a = "b\xc3\xbc" "cher.example" }), 0);
	assert_int_equal(write_call(w, (struct call){ do_claim, .id = 1,
	    .a = "no domain" }), 1);
	assert_int_equal(write_call(w, (struct call){ do_claim, .id = 7,
	    .a = "acme.example" }), 1);
	assert_int_equal(w->e.code, ERR_NOTFOUND);
	t = world_read(w, STORE_S);
	assert_int_equal(org_domain_get(t, 1, "acme.example", &d, NULL), 1);
	assert_int_equal(strlen(d.token), ORG_TOKEN_LEN);
	assert_int_equal(org_domain_covers(t, 1, "acme.example", NULL), 0);
	txn_end(t);
	assert_int_equal(write_call(w, (struct call){ do_checked, .id = 1,
	    .a = "acme.example", .n = ORG_PROOF_DNS }), 0);
	t = world_read(w, STORE_S);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(org_domain_covers(t, 1, rows[i].domain,
		    NULL), rows[i].covered);
	assert_int_equal(org_domain_covers(t, 2, "acme.example", NULL), 0);
	assert_int_equal(org_domain_next(t, 1, "", &d, NULL), 1);
	assert_string_equal(d.domain, "acme.example");
	assert_int_equal(org_domain_next(t, 1, d.domain, &d, NULL), 1);
	assert_string_equal(d.domain, "xn--bcher-kva.example");
	assert_int_equal(org_domain_next(t, 1, d.domain, &d, NULL), 0);
	assert_int_equal(org_domain_next(t, 0, "", &d, NULL), 0);
	txn_end(t);
	/* Found no more: no proof any more; and the token stays the same. */
	assert_int_equal(write_call(w, (struct call){ do_checked, .id = 1,
	    .a = "acme.example", .n = ORG_PROOF_NONE }), 0);
	assert_int_equal(write_call(w, (struct call){ do_checked, .id = 1,
	    .a = "other.example", .n = ORG_PROOF_DNS }), 1);
	t = world_read(w, STORE_S);
	assert_int_equal(org_domain_covers(t, 1, "acme.example", NULL), 0);
	txn_end(t);
	assert_int_equal(write_call(w, (struct call){ do_drop, .id = 1,
	    .a = "acme.example" }), 0);
	assert_int_equal(write_call(w, (struct call){ do_drop, .id = 1,
	    .a = "acme.example" }), 1);
}

/* S9: the key is the host's, so another organization needs its own token. */
static void
a_key_proves_for_one_organization(void **state)
{
	static const struct { const char *why, *domain; } rivals[] = {
		{ "the same", "acme.example" },
		{ "below it", "shop.acme.example" },
		{ "above one that is proven", "deep.example" },
	};
	struct world *w = *state;
	struct org_domain d;
	struct org o;
	struct txn *t;

	assert_int_equal(write_call(w, (struct call){ do_org_create,
	    .a = "rival" }), 0);
	for (unsigned org = 1; org <= 2; org++) {
		static const char *const claims[] = { "acme.example",
		    "shop.acme.example", "a.deep.example", "deep.example",
		    "notacme.example" };

		for (size_t i = 0; i < 5; i++)
			assert_int_equal(write_call(w, (struct call){
			    do_claim, .id = org, .a = claims[i] }), 0);
	}
	assert_int_equal(write_call(w, (struct call){ do_checked, .id = 1,
	    .a = "acme.example", .n = ORG_PROOF_DKIM }), 0);
	assert_int_equal(write_call(w, (struct call){ do_checked, .id = 1,
	    .a = "a.deep.example", .n = ORG_PROOF_DKIM }), 0);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(write_call(w, (struct call){ do_checked,
		    .id = 2, .a = rivals[i].domain, .n = ORG_PROOF_DKIM }), 0);
		t = world_read(w, STORE_S);
		if (org_domain_covers(t, 2, rivals[i].domain, NULL) != 0)
			fail_msg("proven: %s", rivals[i].why);
		assert_int_equal(org_domain_rival(t, 2, rivals[i].domain, &o,
		    NULL), 1);
		assert_int_equal(o.id, 1);
		txn_end(t);
	}
	assert_int_equal(write_call(w, (struct call){ do_checked, .id = 2,
	    .a = "notacme.example", .n = ORG_PROOF_DKIM }), 0);
	assert_int_equal(write_call(w, (struct call){ do_checked, .id = 2,
	    .a = "acme.example", .n = ORG_PROOF_DNS }), 0);
	/* Looked at again, who was first keeps what the key proved. */
	assert_int_equal(write_call(w, (struct call){ do_checked, .id = 1,
	    .a = "acme.example", .n = ORG_PROOF_DKIM }), 0);
	t = world_read(w, STORE_S);
	assert_int_equal(org_domain_covers(t, 2, "notacme.example", NULL), 1);
	assert_int_equal(org_domain_covers(t, 2, "acme.example", NULL), 1);
	assert_int_equal(org_domain_get(t, 1, "acme.example", &d, NULL), 1);
	assert_int_equal(d.proof, ORG_PROOF_DKIM);
	txn_end(t);
}

/* ---- names and titles */

static const struct { const char *why, *name; } bad_names[] = {
	{ "empty",			"" },
	{ "upper case",			"News" },
	{ "hyphen first",		"-news" },
	{ "hyphen last",		"news-" },
	{ "dot",			"a.b" },
	{ "CR LF (S14)",		"a\r\nBcc: b" },
	{ "64 octets",	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	    "aaaaaaaaaaaa" },
	{ "role address",		"postmaster" },
	{ "role address",		"abuse" },
	{ "role address",		"root" },
	{ "the machine's",		"mailer-daemon" },
	{ "request address of news",	"news-request" },
	{ "owner address of news",	"news-owner" },
	{ "bounces of news",		"news-bounces" },
	{ "a token of ours",	"c-aaaaaaaaaaaaaaaaaaaaaaaaaa" },
};

static void
names_that_may_not_be(void **state)
{
	struct world *w = *state;
	static const char *const good[] = { "n", "1", "newsletter-2026",
	    "b-sides", "owner", "request", "c-programmers",
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	    "aaaaaaaaaaa" };

	for (size_t i = 0; i < sizeof(bad_names) / sizeof(bad_names[0]); i++) {
		if (write_call(w, (struct call){ do_list_create, .id = 1,
		    .a = bad_names[i].name, .b = "x@acme.example" }) != 1)
			fail_msg("created: %s", bad_names[i].why);
		assert_int_equal(w->e.code, ERR_INPUT);
	}
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		if (list_name_check(good[i], &w->e) == -1)
			fail_msg("refused: %s: %s", good[i], w->e.text);
}

/* S43: the title stands in mail to people who asked for nothing yet. */
static const struct { bool good; const char *title; } titles[] = {
	{ true,  "News" },
	{ true,  "Garden club, monthly" },
	{ true,  "B\xc3\xbc" "cher & Noten" },
	{ true,  "Release 2.0" },
	{ true,  "e.g. this one" },
	{ true,  "St.Gallen" },
	{ true,  "\xe3\x83\x8b\xe3\x83\xa5\xe3\x83\xbc\xe3\x82\xb9" },
	{ true,  "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffff" },
	{ false, "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffg" },
	{ false, "" },
	{ false, "   " },
	{ false, "https://example.com/" },
	{ false, "visit www.example" },
	{ false, "example.com" },
	{ false, "News of EXAMPLE.COM" },
	{ false, "cheap-pills.example" },
	{ false, "see (example.de)" },
	{ false, "mail x@example" },
	{ false, "Buy now" },
	{ false, "Everything 50% off" },
	{ false, "Win!!!" },
	{ false, "$100 for you" },
	{ false, "News\r\nBcc: victim@example.org" },
	{ false, "News\x1b[31m" },
	{ false, "a\x7f" },
	{ false, "a\xe2\x80\xae" "b" },		/* right-to-left override */
	{ false, "a\xe2\x80\x8b" "b" },		/* zero width */
	{ false, "a\xff" },
};

static void
titles_advertise_nothing(void **state)
{
	struct world *w = *state;

	for (size_t i = 0; i < sizeof(titles) / sizeof(titles[0]); i++) {
		w->e = (struct err)ERR_INIT;
		if ((list_title_check(titles[i].title, &w->e) == 0) !=
		    titles[i].good)
			fail_msg("row %zu: %s", i, titles[i].title);
	}
}

/* ---- settings */

static const struct {
	const char	*setting, *value, *stored;	/* NULL: refused */
} sets[] = {
	{ "title", "Club", "Club" },
	{ "from", "Club <x@acme.example>", NULL },
	{ "from", "club@Acme.Example", "club@acme.example" },
	{ "from", "", NULL },
	{ "from", "a@[192.0.2.1]", NULL },
	{ "from-name", "The club\r\nX: y", NULL },
	{ "from-name", "The club", "The club" },
	{ "reply-to", "help@acme.example", "help@acme.example" },
	{ "reply-to", "", "" },
	{ "owner", "", NULL },
	{ "owner", "boss@acme.example", "boss@acme.example" },
	{ "postal-address", "1 Street, Town", "1 Street, Town" },
	{ "commercial", "no", "no" },
	{ "commercial", "perhaps", NULL },
	{ "open", "no", "no" },
	{ "open", "true", "yes" },
	{ "language", "de-AT", "de-AT" },
	{ "language", "x", NULL },
	{ "language", "de-", NULL },
	{ "texts", "{\"de\":{\"hello\":\"Guten Tag\"}}",
	    "{\"de\":{\"hello\":\"Guten Tag\"}}" },
	{ "texts", "[1]", NULL },
	{ "texts", "{\"a\":1,\"a\":2}", NULL },
	{ "texts", "", "" },
	{ "trusted-attributes", "name city", "name city" },
	{ "trusted-attributes", "<b>", NULL },
	{ "confirm-per-hour", "100", "100" },
	{ "confirm-per-hour", "-1", NULL },
	{ "confirm-per-hour", "1e3", NULL },
	{ "confirm-per-hour", "99999999999999999999999", NULL },
	{ "max-message", "0", "0" },
	{ "tls", "required", "required" },
	{ "tls", "verified", "verified" },
	{ "tls", "always", NULL },
	{ "tls", "", NULL },
	{ "tls", "opportunistic", "opportunistic" },
	{ "state", "active", NULL },
};

static void
settings_are_checked_and_noted(void **state)
{
	struct world *w = *state;
	struct strbuf b = STRBUF_INIT(LIST_TEXTS_MAX);
	struct list l;

	for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
		int rc = write_call(w, (struct call){ do_set, .id = 1,
		    .a = sets[i].setting, .b = sets[i].value });

		if (rc != (sets[i].stored == NULL))
			fail_msg("%s=%s: %d %s", sets[i].setting,
			    sets[i].value, rc, w->e.text);
		if (rc != 0)
			continue;
		l = get(w);
		strbuf_reset(&b);
		assert_int_equal(list_value(&l, sets[i].setting, &b, NULL), 0);
		assert_string_equal(b.s, sets[i].stored);
	}
	for (size_t i = 0; list_setting(i) != NULL; i++)
		assert_int_equal(list_value(&l, list_setting(i), &b, NULL), 0);
	assert_int_equal(list_value(&l, "nothing", &b, NULL), -1);
	strbuf_free(&b);
}

static void
an_act_says_who_changed_what(void **state)
{
	struct world *w = *state;
	struct txn *t;
	struct act a;

	assert_int_equal(write_call(w, (struct call){ do_set, .id = 1,
	    .a = "title", .b = "Club" }), 0);
	t = world_read(w, STORE_S);
	assert_int_equal(act_next(t, 3, &a, NULL), 1);
	txn_end(t);
	assert_int_equal(a.index, 3);
	assert_true(a.when_ms == NOW + 5);
	assert_string_equal(a.who, "ann");
	assert_string_equal(a.verb, "list set title");
	assert_string_equal(a.object, "list news");
	assert_string_equal(a.old, "news");
	assert_string_equal(a.new, "Club");
}

static void
a_name_is_never_used_twice(void **state)
{
	struct world *w = *state;
	struct list l;
	struct txn *t;
	uint32_t org;
	enum list_state s;

	assert_int_equal(write_call(w, (struct call){ do_state, .id = 1,
	    .n = LIST_REMOVED }), 0);
	assert_int_equal(write_call(w, (struct call){ do_list_create, .id = 1,
	    .a = "news", .b = "x@acme.example" }), 1);
	assert_int_equal(w->e.code, ERR_EXISTS);
	assert_int_equal(write_call(w, (struct call){ do_state, .id = 1,
	    .n = LIST_ACTIVE }), 1);
	assert_int_equal(w->e.code, ERR_REFUSED);
	t = world_read(w, STORE_S);
	assert_int_equal(list_find(t, "news", &l, NULL), 1);	/* T15 */
	assert_int_equal(l.id, 1);
	assert_int_equal(list_find(t, "new", &l, NULL), 0);
	assert_int_equal(list_brief(t, 1, &org, &s, NULL), 1);
	assert_int_equal(org, 1);
	assert_int_equal(s, LIST_REMOVED);
	assert_int_equal(list_brief(t, 2, &org, &s, NULL), 0);
	assert_int_equal(list_next(t, 1, &l, NULL), 1);
	assert_int_equal(list_next(t, 2, &l, NULL), 0);
	txn_end(t);
	assert_int_equal(write_call(w, (struct call){ do_list_create, .id = 9,
	    .a = "other", .b = "x@acme.example" }), 1);
	assert_int_equal(w->e.code, ERR_NOTFOUND);
}

static void
new_lists_are_commercial_and_open(void **state)
{
	struct list l = get(*state);
	json_t *j = list_json(&l);

	assert_true(l.commercial);	/* S33: undeclared counts as such */
	assert_true(l.open);
	assert_string_equal(l.title, "news");
	assert_string_equal(l.owner, "news@acme.example");
	assert_true(l.owner_ms == 0);
	assert_non_null(j);
	assert_true(json_is_true(json_object_get(j, "commercial")));
	assert_string_equal(json_string_value(json_object_get(j, "state")),
	    "active");
	json_decref(j);
}

/* ---- may it send */

static unsigned
why(struct world *w)
{
	struct txn *t = world_read(w, STORE_S);
	unsigned v;

	assert_int_equal(list_may_send(t, 1, &v, &w->e), 0);
	txn_end(t);
	return v;
}

static void
every_reason_stands_alone(void **state)
{
	struct world *w = *state;
	struct strbuf b = STRBUF_INIT(1000);

	assert_int_equal(why(w), LIST_NO_OWNER | LIST_NO_FROM |
	    LIST_NO_REPLY_TO | LIST_NO_POSTAL);
	list_why_text(why(w), &b);
	assert_non_null(strstr(b.s, "postal address\n"));
	strbuf_free(&b);
	assert_int_equal(write_call(w, (struct call){ do_claim, .id = 1,
	    .a = "acme.example" }), 0);
	assert_int_equal(write_call(w, (struct call){ do_checked, .id = 1,
	    .a = "acme.example", .n = ORG_PROOF_DKIM }), 0);
	assert_int_equal(why(w), LIST_NO_OWNER | LIST_NO_POSTAL);
	assert_int_equal(write_call(w, (struct call){ do_owner, .id = 1 }), 0);
	assert_int_equal(why(w), LIST_NO_POSTAL);
	assert_int_equal(write_call(w, (struct call){ do_set, .id = 1,
	    .a = "commercial", .b = "no" }), 0);
	assert_int_equal(why(w), 0);
	/* S9, S16: a Reply-To elsewhere; S90: free mail. */
	assert_int_equal(write_call(w, (struct call){ do_set, .id = 1,
	    .a = "reply-to", .b = "x@other.example" }), 0);
	assert_int_equal(why(w), LIST_NO_REPLY_TO);
	assert_int_equal(write_call(w, (struct call){ do_set, .id = 1,
	    .a = "reply-to", .b = "x@news.acme.example" }), 0);
	assert_int_equal(why(w), 0);
	assert_int_equal(write_call(w, (struct call){ do_set, .id = 1,
	    .a = "from", .b = "x@gmail.com" }), 0);
	assert_int_equal(why(w), LIST_NO_FROM | LIST_NO_FREEMAIL);
	assert_int_equal(write_call(w, (struct call){ do_set, .id = 1,
	    .a = "from", .b = "x@acme.example" }), 0);
	/* A new owner's address is not confirmed, the same one still is. */
	assert_int_equal(write_call(w, (struct call){ do_set, .id = 1,
	    .a = "owner", .b = "news@acme.example" }), 0);
	assert_int_equal(why(w), 0);
	assert_int_equal(write_call(w, (struct call){ do_set, .id = 1,
	    .a = "owner", .b = "new@acme.example" }), 0);
	assert_int_equal(why(w), LIST_NO_OWNER);
	assert_int_equal(write_call(w, (struct call){ do_owner, .id = 1 }), 0);
	assert_int_equal(write_call(w, (struct call){ do_org_state, .id = 1,
	    .n = ORG_SUSPENDED }), 0);
	assert_int_equal(why(w), LIST_NO_ORG);
	assert_int_equal(write_call(w, (struct call){ do_state, .id = 1,
	    .n = LIST_HELD }), 0);
	assert_int_equal(why(w), LIST_NO_ORG | LIST_NO_STATE);
}

/* ---- what is said to who is asked (S36, S68) */

static void
no_answer_no_requests(void **state)
{
	static const char *const answers[] = { "collection", "purpose",
	    "leaving", "revocation" };
	struct world *w = *state;
	struct strbuf b = STRBUF_INIT(LIST_STATEMENT_MAX);
	struct txn *t = world_read(w, STORE_S);
	struct list l;

	assert_int_equal(list_get(t, 1, &l, &w->e), 1);
	txn_end(t);
	/* A new list answers as this program keeps its word. */
	assert_true(list_answers(&l));
	list_statement(&l, &b);
	assert_non_null(strstr(b.s, l.title));
	assert_non_null(strstr(b.s, "take your consent back"));
	strbuf_free(&b);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(write_call(w, (struct call){ do_set, .id = 1,
		    .a = answers[i], .b = "" }), 0);
		assert_true((why(w) & LIST_NO_ANSWERS) != 0);
		assert_int_equal(write_call(w, (struct call){ do_set, .id = 1,
		    .a = answers[i], .b = "an answer" }), 0);
		assert_true((why(w) & LIST_NO_ANSWERS) == 0);
	}
	/* Who asks nobody owes nobody an answer. */
	assert_int_equal(write_call(w, (struct call){ do_set, .id = 1,
	    .a = "leaving", .b = "" }), 0);
	assert_int_equal(write_call(w, (struct call){ do_set, .id = 1,
	    .a = "open", .b = "no" }), 0);
	assert_true((why(w) & LIST_NO_ANSWERS) == 0);
}

/* ---- the chain of acts (S10) */

static int
forge(struct txn *t, void *arg, struct err *e)
{
	struct strbuf b = STRBUF_INIT(8192);
	struct key k = KEY_INIT;
	struct slice v;
	const char *what = arg;
	char *at;
	int ret = 0;

	key_u64(&k, what[0] == 'd' ? 3 : 2);
	if (txn_get(t, TABLE_ACTS, key_slice(&k), &v, e) != 1)
		return -1;
	strbuf_add(&b, v.p, v.len - 4);		/* all but the check */
	switch (what[0]) {
	case 'a':				/* alter */
		at = memmem(b.s, b.len, "root", 4);
		assert_non_null(at);
		memcpy(at, "toor", 4);
		ret = row_put(t, TABLE_ACTS, key_slice(&k), &b, e);
		break;
	case 'd':				/* drop the last */
	case 'm':				/* drop one from the middle */
		ret = txn_del(t, TABLE_ACTS, key_slice(&k), e) == 1 ? 0 : -1;
		break;
	case 'c':				/* the second again as third */
		k.len = 0;
		key_u64(&k, 3);
		ret = row_put(t, TABLE_ACTS, key_slice(&k), &b, e);
		break;
	}
	strbuf_free(&b);
	return ret;
}

/* The last act altered by who has the key: its MAC is right again. */
static int
forge_with_key(struct txn *t, void *arg, struct err *e)
{
	struct strbuf b = STRBUF_INIT(8192), in = STRBUF_INIT(8192);
	struct key k = KEY_INIT, before = KEY_INIT;
	uint8_t mac[KEY_MAC_OCTETS];
	const struct world *w = arg;
	struct slice v, first;
	int ret = -1;
	char *at;

	key_u64(&k, 3);
	key_u64(&before, 2);
	if (txn_get(t, TABLE_ACTS, key_slice(&before), &first, e) != 1 ||
	    txn_get(t, TABLE_ACTS, key_slice(&k), &v, e) != 1)
		return -1;
	strbuf_add(&b, v.p, v.len - 4 - KEY_MAC_OCTETS);
	at = memmem(b.s, b.len, "Club", 4);
	assert_non_null(at);
	memcpy(at, "Clab", 4);
	strbuf_add(&in, first.p + first.len - 4 - KEY_MAC_OCTETS,
	    KEY_MAC_OCTETS);
	strbuf_add(&in, k.b, k.len);
	strbuf_add(&in, b.s, b.len);
	if (keyring_mac(w->keys, KEY_LEDGER, (uint8_t)b.s[9], "listd act v1",
	    in.s, in.len, mac)) {
		strbuf_add(&b, mac, sizeof(mac));
		ret = row_put(t, TABLE_ACTS, key_slice(&k), &b, e);
	}
	strbuf_free(&in);
	strbuf_free(&b);
	return ret;
}

static uint64_t
first_bad(struct world *w)
{
	struct txn *t = world_read(w, STORE_S);
	struct act_walk walk = { 0 };
	int rc;

	while ((rc = act_verify(t, &walk, 2, &w->e)) == 1)
		;
	txn_end(t);
	if (rc == -1)
		assert_int_equal(w->e.code, ERR_DAMAGED);
	return rc == 0 ? 0 : walk.index;
}

static void
a_changed_chain_is_found(void **state)
{
	static const struct { const char *what; uint64_t bad; } forgeries[] = {
		{ "alter", 2 }, { "drop the last", 3 },
		{ "middle one dropped", 2 }, { "copied over", 3 },
	};

	for (size_t i = 0; i < 4; i++) {
		struct world *w;
		void *own;

		assert_int_equal(setup(&own), 0);
		w = own;
		assert_int_equal(write_call(w, (struct call){ do_set, .id = 1,
		    .a = "title", .b = "Club" }), 0);
		assert_int_equal(first_bad(w), 0);
		world_must(w, STORE_S, forge,
		    (void *)(uintptr_t)forgeries[i].what);
		if (first_bad(w) != forgeries[i].bad)
			fail_msg("not found: %s", forgeries[i].what);
		world_teardown(&own);
	}
	(void)state;
}

/* Whether an entry says that it speaks of an act which is not that one. */
static bool
an_entry_objects(struct world *w, uint64_t act)
{
	struct txn *t = world_read(w, STORE_S);
	uint64_t index = 0;
	struct consent c;
	bool objects = false;

	while (consent_next(t, index + 1, &index, &c, &w->e) == 1)
		if (c.kind == CONSENT_ACT && c.act == act)
			objects = act_check_entry(t, &c, &w->e) == -1;
	txn_end(t);
	return objects;
}

static int
drop_last(struct txn *t, void *arg, struct err *e)
{
	struct key k = KEY_INIT;

	(void)arg;
	key_u64(&k, 3);
	txn_counter_set(t, COUNTER_ACT, 2);
	return txn_del(t, TABLE_ACTS, key_slice(&k), e) == 1 ? 0 : -1;
}

static void
hear(void *arg, uint64_t index, const char *text)
{
	(void)arg, (void)index, (void)text;
}

/* The first entry that `ledger verify` objects to; 0: none. */
static uint64_t
ledger_objects_to(struct world *w)
{
	const struct ledger_verifying p = { .st = w->st, .finding = hear };
	struct ledger_verdict v = { .size = 0 };

	if (ledger_verify(&p, &v, &w->e) == -1)
		fail_msg("verify: %s", w->e.text);
	return v.first;
}

/* Each act is in the ledger too, which a key does not help against (S10). */
static void
the_ledger_holds_every_act(void **state)
{
	struct world *w = *state;
	struct consent c;
	struct txn *t;
	struct act a;

	assert_int_equal(write_call(w, (struct call){ do_set, .id = 1,
	    .a = "title", .b = "Club" }), 0);
	t = world_read(w, STORE_S);
	assert_int_equal(act_next(t, 3, &a, &w->e), 1);
	assert_int_equal(consent_get(t, a.entry, &c, &w->e), 1);
	assert_int_equal(c.kind, CONSENT_ACT);
	assert_int_equal(c.act, 3);
	assert_int_equal(c.setter.len, strlen(a.who));
	assert_memory_equal(c.setter.p, a.who, c.setter.len);
	txn_end(t);
	assert_int_equal(first_bad(w), 0);
	assert_false(an_entry_objects(w, 3));
	assert_int_equal(ledger_objects_to(w), 0);
	world_must(w, STORE_S, forge_with_key, w);
	assert_int_equal(first_bad(w), 3);
	assert_true(an_entry_objects(w, 3));
	assert_int_equal(ledger_objects_to(w), a.entry);
	/* Cut off with its counter, nothing but the entry tells. */
	world_must(w, STORE_S, drop_last, NULL);
	assert_int_equal(first_bad(w), 0);
	assert_true(an_entry_objects(w, 3));
	assert_int_equal(ledger_objects_to(w), a.entry);
}

static int
long_note(struct txn *t, void *arg, struct err *e)
{
	char text[4000];

	(void)arg;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	return act_note(t, text, NOW, text, text, text, text, e);
}

static void
long_texts_are_cut(void **state)
{
	struct world *w = *state;
	struct txn *t;
	struct act a;

	world_must(w, STORE_S, long_note, NULL);
	t = world_read(w, STORE_S);
	assert_int_equal(act_next(t, 3, &a, &w->e), 1);
	txn_end(t);
	assert_int_equal(strlen(a.who), ACT_WHO_MAX);
	assert_int_equal(strlen(a.new), ACT_VALUE_MAX);
	assert_int_equal(first_bad(w), 0);
}

int
main(void)
{
#define TEST(F)	cmocka_unit_test_setup_teardown(F, setup, world_teardown)
	const struct CMUnitTest tests[] = {
		TEST(organizations_have_names_and_states),
		TEST(a_proof_covers_what_is_below_it),
		TEST(a_key_proves_for_one_organization),
		TEST(names_that_may_not_be),
		TEST(titles_advertise_nothing),
		TEST(settings_are_checked_and_noted),
		TEST(an_act_says_who_changed_what),
		TEST(a_name_is_never_used_twice),
		TEST(new_lists_are_commercial_and_open),
		TEST(every_reason_stands_alone),
		TEST(no_answer_no_requests),
		cmocka_unit_test(a_changed_chain_is_found),
		TEST(the_ledger_holds_every_act),
		TEST(long_texts_are_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
