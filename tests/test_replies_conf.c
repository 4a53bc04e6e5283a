/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_replies_conf.c - the rules of refusals that are shipped: what replies
 * that were seen mean by them, and what follows.
 *
 * Requirements: R4 (sender faults pause us and touch no subscriber), R5, R13,
 * R132 (what never counts against a subscriber).
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

#include "lib/reactions.h"
#include "lib/reply_rules.h"
#include "lib/shaping.h"
#include "lib/smtp_reply.h"
#include "lib/strbuf.h"

#define LEN(a)	(sizeof(a) / sizeof((a)[0]))
#define CAT(x)	REPLY_CAT_##x
#define NONE	REPLY_RECIPIENT_NONE
#define HARD	REPLY_RECIPIENT_HARD
#define FAIL	REPLY_SCHED_FAIL_RECIPIENT
#define SITE	REPLY_SCHED_SITE
#define STOP	REPLY_SCHED_STOP_CAMPAIGN
#define OK	REPLY_SITE_OK
#define SLOW	REPLY_SITE_SLOW
#define SUSPEND	REPLY_SITE_SUSPEND

/* "550 5.1.1 text"; "- text" has no code. */
static void
classify(const struct reply_rules *r, const char *provider,
    enum reply_stage stage, const char *reply, struct reply_verdict *v)
{
	int code = reply[0] == '-' ? 0 : atoi(reply);
	const char *text = reply + (code == 0 ? 2 : 4);
	struct enhanced e;

	text += enhanced_parse(text, strlen(text), &e);
	reply_rules_classify_text(r,
	    provider != NULL ? datafile_key(provider) : 0, stage, code, &e,
	    text, strlen(text), v);
}

static const char *
name_of(const struct reply_rules *r, uint32_t rule)
{
	struct reply_rule_origin o;

	return rule == 0 ? "-" : reply_rules_class(r, rule, &o) ? o.name :
	    "?";
}

static void
read_tree(const char *name, struct strbuf *out)
{
	const char *dir = getenv("LISTD_SRCDIR");
	struct strbuf path = STRBUF_INIT(4096);
	char buf[4096];
	size_t n;
	FILE *f;

	strbuf_addf(&path, "%s/%s", dir != NULL ? dir : ".", name);
	if ((f = fopen(path.s, "rb")) == NULL)
		fail_msg("%s", path.s);
	while ((n = fread(buf, 1, sizeof(buf), f)) > 0)
		strbuf_add(out, buf, n);
	fclose(f);
	strbuf_free(&path);
}

static struct reply_rules *
shipped_rules(void)
{
	struct strbuf shaping = STRBUF_INIT(DATAFILE_MAX);
	struct strbuf text = STRBUF_INIT(DATAFILE_MAX);
	struct strbuf said = STRBUF_INIT(65536);
	struct shaping *s;
	struct reply_rules *r;

	read_tree("listd/shaping.conf", &shaping);
	read_tree("listd/replies.conf", &text);
	s = shaping_parse(&(struct datafile_text){ "s", shaping.s,
	    shaping.len }, NULL, &said);
	assert_non_null(s);
	r = reply_rules_parse(&(struct datafile_text){ "f", text.s,
	    text.len }, NULL, s, &said);
	if (r == NULL)
		fail_msg("%s", said.s);
	shaping_free(s);
	strbuf_free(&shaping);
	strbuf_free(&text);
	strbuf_free(&said);
	return r;
}

static const struct {
	const char		*provider;
	enum reply_stage	 stage;
	const char		*reply, *name;
	struct reply_class	 want;
} shipped[] = {
	/* R5 */
	{ "google", REPLY_AT_MAIL, "421 4.7.28 Our system has detected an "
	    "unusual rate of unsolicited mail", "google-rate",
	    { CAT(RATE), NONE, SITE, SUSPEND } },
	{ "google", REPLY_AT_DOT, "550 5.7.28 x", "google-rate",
	    { CAT(RATE), NONE, FAIL, SUSPEND } },
	/* R4, each number, both ways */
	{ "google", REPLY_AT_DOT, "421 4.7.23 x", "google-ptr",
	    { CAT(AUTH), NONE, SITE, SUSPEND } },
	{ "google", REPLY_AT_DOT, "550 5.7.25 x", "google-ptr",
	    { CAT(AUTH), NONE, FAIL, SUSPEND } },
	{ "google", REPLY_AT_DOT, "421 4.7.29 x", "google-tls",
	    { CAT(AUTH), NONE, SITE, SUSPEND } },
	{ "google", REPLY_AT_DOT, "421 4.7.27 x", "google-auth",
	    { CAT(AUTH), NONE, SITE, SUSPEND } },
	{ "google", REPLY_AT_DOT, "550 5.7.24 x", "google-auth",
	    { CAT(AUTH), NONE, STOP, SUSPEND } },
	{ "google", REPLY_AT_DOT, "550 5.7.26 x", "google-auth",
	    { CAT(AUTH), NONE, STOP, SUSPEND } },
	{ "google", REPLY_AT_DOT, "550 5.7.27 x", "google-auth",
	    { CAT(AUTH), NONE, STOP, SUSPEND } },
	{ "google", REPLY_AT_DOT, "550 5.7.30 x", "google-auth",
	    { CAT(AUTH), NONE, STOP, SUSPEND } },
	{ "google", REPLY_AT_DOT, "550 5.7.31 x", "google-auth",
	    { CAT(AUTH), NONE, STOP, SUSPEND } },
	{ "google", REPLY_AT_DOT, "550 5.7.32 x", "google-auth",
	    { CAT(AUTH), NONE, STOP, SUSPEND } },
	{ "google", REPLY_AT_DOT, "421 4.7.40 x", "google-auth",
	    { CAT(AUTH), NONE, SITE, SUSPEND } },
	/* said by others they mean what the RFCs say */
	{ NULL, REPLY_AT_DOT, "550 5.7.23 SPF failed", "sender-fault",
	    { CAT(AUTH), NONE, STOP, OK } },
	{ "yahoo", REPLY_AT_DOT, "451 4.7.26 x", "sender-fault",
	    { CAT(AUTH), NONE, SITE, SLOW } },
	{ "orange", REPLY_AT_RCPT, "550 5.7.29 x", "sender-fault",
	    { CAT(AUTH), NONE, STOP, OK } },
	{ NULL, REPLY_AT_RCPT, "550 5.7.25 no reverse DNS", "-",
	    { CAT(AUTH), NONE, FAIL, SUSPEND } },
	/* a customer's own words, with the code that they may use */
	{ "office365", REPLY_AT_DOT, "550 5.7.1 DMARC: go away", "-",
	    { CAT(AUTH), NONE, STOP, OK } },
	{ "google", REPLY_AT_DOT, "550 5.7.1 Our system has detected that "
	    "this message is likely unsolicited", "google-detected",
	    { CAT(POLICY), NONE, FAIL, OK } },
	{ "google", REPLY_AT_RCPT, "550 5.1.1 The email account that you "
	    "tried to reach does not exist", "-",
	    { CAT(MAILBOX_UNKNOWN), HARD, FAIL, OK } },
	{ "yahoo", REPLY_AT_BANNER, "421 4.7.0 [TSS04] Messages from "
	    "192.0.2.1 temporarily deferred due to user complaints",
	    "yahoo-tss04", { CAT(POLICY), NONE, SITE, SUSPEND } },
	{ "yahoo", REPLY_AT_MAIL, "421 [IPTS05] x", "yahoo-ipts05",
	    { CAT(POLICY), NONE, SITE, SUSPEND } },
	{ "yahoo", REPLY_AT_MAIL, "421 4.7.0 [TS01] Messages from 192.0.2.1 "
	    "temporarily deferred due to user complaints",
	    "deferred-temporarily", { CAT(POLICY), NONE, SITE, SLOW } },
	{ "yahoo", REPLY_AT_MAIL, "421 4.7.1 [TS03] All messages from "
	    "192.0.2.1 will be permanently deferred", "yahoo-ts03",
	    { CAT(RATE), NONE, SITE, SLOW } },
	{ "yahoo", REPLY_AT_MAIL, "553 5.7.1 [BL21] Connections will not be "
	    "accepted from 192.0.2.1", "yahoo-listed",
	    { CAT(POLICY), NONE, SITE, SUSPEND } },
	/* R13: no second attempt */
	{ "outlook", REPLY_AT_DOT, "550 5.7.515 Access denied, sending "
	    "domain a.example does not meet the required authentication "
	    "level", "microsoft-auth", { CAT(AUTH), NONE, STOP, SUSPEND } },
	{ "outlook", REPLY_AT_BANNER, "451 4.7.650 The mail server "
	    "[192.0.2.1] has been temporarily rate limited due to IP "
	    "reputation", "microsoft-reputation",
	    { CAT(RATE), NONE, SITE, SLOW } },
	{ "outlook", REPLY_AT_BANNER, "451 4.7.652 The mail server "
	    "[192.0.2.1] has exceeded the maximum number of connections",
	    "microsoft-connections", { CAT(RATE), NONE, SITE, SLOW } },
	{ "office365", REPLY_AT_MAIL, "451 4.7.500 Server busy. Please try "
	    "again later from [192.0.2.1]", "microsoft-busy",
	    { CAT(RATE), NONE, SITE, SLOW } },
	{ "apple", REPLY_AT_RCPT, "451 4.7.1 [HCM1] Your mail from 192.0.2.1 "
	    "was deferred", "apple-hcm1", { CAT(POLICY), NONE, SITE,
	    SUSPEND } },
	{ "comcast", REPLY_AT_BANNER, "421 too fast RL000010",
	    "comcast-rl000010", { CAT(RATE), NONE, SITE, SUSPEND } },
	{ "comcast", REPLY_AT_BANNER, "421 too fast RL0000",
	    "comcast-rl0000", { CAT(RATE), NONE, SITE, SLOW } },
	/* R4 at MAIL: it rests, and no copy fails */
	{ NULL, REPLY_AT_MAIL, "550 5.7.23 SPF failed", "sender-fault",
	    { CAT(AUTH), NONE, SITE, SUSPEND } },
	{ "google", REPLY_AT_MAIL, "550 5.7.26 x", "google-auth",
	    { CAT(AUTH), NONE, SITE, SUSPEND } },
	{ "outlook", REPLY_AT_MAIL, "550 5.7.515 x", "microsoft-auth",
	    { CAT(AUTH), NONE, SITE, SUSPEND } },
	{ "google", REPLY_AT_MAIL, "550 5.7.28 x", "google-rate",
	    { CAT(RATE), NONE, SITE, SUSPEND } },
	{ NULL, REPLY_AT_MAIL, "553 5.1.8 Domain of sender address does not "
	    "exist", "sender-address", { CAT(POLICY), NONE, SITE, SUSPEND } },
	{ NULL, REPLY_AT_RCPT, "450 4.1.8 Sender address rejected: Domain "
	    "not found", "sender-address", { CAT(POLICY), NONE, SITE, SLOW } },
	{ NULL, REPLY_AT_RCPT, "554 5.7.1 <b@l.example>: Sender address "
	    "rejected: Access denied", "sender-address-rejected",
	    { CAT(POLICY), NONE, STOP, OK } },
	/* T41: our host is listed; at RCPT one fails (R103), and it rests */
	{ NULL, REPLY_AT_RCPT, "554 5.7.1 Service unavailable; Client host "
	    "[192.0.2.1] blocked using zen.spamhaus.org", "listed",
	    { CAT(POLICY), NONE, FAIL, SUSPEND } },
	{ NULL, REPLY_AT_MAIL, "554 5.7.1 Client host [192.0.2.1] blocked "
	    "using zen.spamhaus.org", "listed",
	    { CAT(POLICY), NONE, SITE, SUSPEND } },
	{ NULL, REPLY_AT_RCPT, "554 5.7.1 <mx[192.0.2.1]>: Client host "
	    "rejected: Access denied", "listed-client",
	    { CAT(POLICY), NONE, FAIL, SUSPEND } },
	{ NULL, REPLY_AT_RCPT, "550 5.7.1 Your IP is listed at spamhaus",
	    "listed-address", { CAT(POLICY), NONE, FAIL, SUSPEND } },
	{ NULL, REPLY_AT_DOT, "550 5.7.1 URL listed by dbl.spamhaus.org",
	    "-", { CAT(CONTENT), NONE, FAIL, OK } },
	/* R111: it will never fit */
	{ NULL, REPLY_AT_MAIL, "552 5.3.4 too big", "too-large",
	    { CAT(SIZE), NONE, FAIL, OK } },
	{ NULL, REPLY_AT_RCPT, "554 5.7.1 <a@b.example>: Relay access "
	    "denied", "relay-denied", { CAT(POLICY), NONE, FAIL, OK } },
	{ NULL, REPLY_AT_RCPT, "451 Server busy, try again later", "busy",
	    { CAT(RATE), NONE, SITE, SLOW } },
};

static void
shipped_file(void **state)
{
	struct reply_rules *r = shipped_rules();
	struct reply_rule_origin o;
	struct reply_verdict v;
	const struct reaction *a;
	uint32_t rule;
	size_t n;

	(void)state;
	for (size_t i = 0; i < LEN(shipped); i++) {
		const struct reply_class *w = &shipped[i].want;

		classify(r, shipped[i].provider, shipped[i].stage,
		    shipped[i].reply, &v);
		if (strcmp(name_of(r, v.rule), shipped[i].name) != 0 ||
		    memcmp(&v.class, w, sizeof(*w)) != 0)
			fail_msg("%s: %s %s %s %s %d", shipped[i].reply,
			    name_of(r, v.rule),
			    reply_category_name(v.class.category),
			    reply_recipient_name(v.class.recipient),
			    reply_scheduler_name(v.class.scheduler),
			    v.class.site);
	}
	for (size_t i = 0; reply_rules_class_at(r, i, &rule, &o); i++)
		if (strlen(o.date) < 7 || o.source[0] == '\0')
			fail_msg("%s has no source", o.name);
	/* R5: ten minutes, one connection, one more at a time. */
	a = reply_rules_reaction(r, datafile_key("google-silence"));
	assert_non_null(a);
	assert_int_equal(a->threshold, 1);
	assert_int_equal(a->does[0].kind, REACTION_SUSPEND);
	assert_int_equal(a->duration_s, 600);
	assert_int_equal(a->restart, 1);
	assert_int_equal(a->grow, 1);
	a = reply_rules_reactions(r, &n);
	for (size_t i = 0; i < n; i++)
		if (strlen(a[i].origin.date) < 7)
			fail_msg("%s has no source", a[i].origin.name);
	reply_rules_free(r);
}

/* ---- what follows from a sender's fault (R4) */

/* So many copies of one campaign are refused; what is due at the last. */
static size_t
refuse_at(const struct reply_rules *r, const char *provider,
    enum reply_stage stage, const char *reply, unsigned n,
    struct reaction_action due[static REACTIONS_DUE_MAX])
{
	struct reactions *x = reactions_new();
	struct reply_verdict v;
	size_t got = 0;

	classify(r, provider, stage, reply, &v);
	assert_int_equal(v.class.recipient, REPLY_RECIPIENT_NONE);
	for (unsigned i = 0; i < n; i++) {
		const struct reaction_event e = { .now_ms = 1000 + i,
			.rule = v.rule, .category = v.class.category,
			.provider = provider != NULL ?
			    datafile_key(provider) : 0, .source = "a",
			.campaign = 7, .host = "mx", .reply = reply,
			.reply_len = strlen(reply) };

		assert_int_equal(got, 0);
		got = reactions_feed(x, r, &e, due);
	}
	reactions_free(x);
	return got;
}

static size_t
refuse(const struct reply_rules *r, const char *provider, const char *reply,
    unsigned n, struct reaction_action due[static REACTIONS_DUE_MAX])
{
	return refuse_at(r, provider, REPLY_AT_DOT, reply, n, due);
}

static bool
stops(const struct reaction_action *due, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (due[i].kind == REACTION_STOP_CAMPAIGN)
			return true;
	return false;
}

/*
 * Receivers of very many stop the campaign.  Anyone else, and whoever has
 * nothing but words of his own at one of them, closes his own site alone.
 */
static void
sender_faults(void **state)
{
	static const char *const both[] = { "450 4.7.26 x", "550 5.7.26 x" };
	static struct reaction_action due[REACTIONS_DUE_MAX];
	struct reply_rules *r = shipped_rules();
	size_t n;

	(void)state;
	n = refuse(r, "google", "550 5.7.26 x", 3, due);
	assert_true(stops(due, n));
	n = refuse(r, "outlook", "550 5.7.515 x", 3, due);
	assert_true(stops(due, n));
	for (size_t i = 0; i < LEN(both); i++) {
		const char *reply = both[i];

		n = refuse(r, "yahoo", reply, 5, due);
		assert_true(stops(due, n));
		assert_int_equal(due[0].campaign, 7);
		n = refuse(r, NULL, reply, 5, due);
		assert_int_equal(n, 1);
		assert_int_equal(due[0].kind, REACTION_SUSPEND);
		assert_int_equal(due[0].scope, REACTION_SITE);
	}
	n = refuse(r, "office365", "550 5.7.1 DMARC: go away", 5, due);
	assert_int_equal(n, 1);
	assert_int_equal(due[0].kind, REACTION_SUSPEND);
	reply_rules_free(r);
}

/*
 * What one site says of everybody has an end (T41): after so many the action
 * is due, and not before.
 */
static void
whole_sites(void **state)
{
	static const struct {
		const char		*provider;
		enum reply_stage	 stage;
		const char		*reply;
		unsigned		 n;
		enum reaction_kind	 kind;
	} t[] = {
		{ NULL, REPLY_AT_RCPT, "554 5.7.1 Client host [192.0.2.1] "
		    "blocked using zen.spamhaus.org", 2, REACTION_SUSPEND },
		{ NULL, REPLY_AT_MAIL, "550 5.7.1 Your IP is listed", 2,
		    REACTION_SUSPEND },
		{ NULL, REPLY_AT_MAIL, "553 5.1.8 x", 5, REACTION_SUSPEND },
		{ NULL, REPLY_AT_RCPT, "550 5.7.1 Sender address rejected: "
		    "no", 5, REACTION_SUSPEND },
		{ "gmx", REPLY_AT_MAIL, "552 5.3.4 too big", 5,
		    REACTION_STOP_CAMPAIGN },
		{ NULL, REPLY_AT_RCPT, "554 5.7.1 Relay access denied", 20,
		    REACTION_SUSPEND },
	};
	static struct reaction_action due[REACTIONS_DUE_MAX];
	struct reply_rules *r = shipped_rules();

	(void)state;
	for (size_t i = 0; i < LEN(t); i++) {
		if (refuse_at(r, t[i].provider, t[i].stage, t[i].reply,
		    t[i].n, due) != 1 || due[0].kind != t[i].kind ||
		    due[0].scope != REACTION_SITE)
			fail_msg("%s", t[i].reply);
	}
	/* Receivers of very many speak of the sender's address with weight. */
	assert_true(stops(due, refuse_at(r, "google", REPLY_AT_MAIL,
	    "553 5.1.8 x", 5, due)));
	/* A small receiver's limit is its own. */
	assert_int_equal(refuse_at(r, NULL, REPLY_AT_MAIL, "552 5.3.4 x", 200,
	    due), 0);
	reply_rules_free(r);
}

/* Without data the floor speaks, by either call. */
static void
floor_alone(void **state)
{
	struct smtp_reply_parser *p = smtp_reply_new();
	struct reply_rules *r = shipped_rules();
	struct reply_verdict v;
	static const char line[] = "421 4.7.28 slow down\r\n";
	size_t taken;

	(void)state;
	assert_int_equal(smtp_reply_feed(p, line, strlen(line), &taken),
	    SMTP_REPLY_DONE);
	reply_rules_classify(NULL, datafile_key("google"), REPLY_AT_RCPT,
	    smtp_reply_get(p), &v);
	assert_int_equal(v.rule, 0);
	assert_int_equal(v.class.site, REPLY_SITE_SLOW);
	reply_rules_classify(r, datafile_key("google"), REPLY_AT_RCPT,
	    smtp_reply_get(p), &v);
	assert_string_equal(name_of(r, v.rule), "google-rate");
	assert_int_equal(v.class.site, REPLY_SITE_SUSPEND);
	reply_rules_free(r);
	smtp_reply_free(p);
}

static void
manual_names_every_action(void **state)
{
	struct strbuf page = STRBUF_INIT(1 << 18), item = STRBUF_INIT(256);

	(void)state;
	read_tree("listd/listd.replies.5", &page);
	for (int k = 0; k < REACTION_KINDS; k++) {
		strbuf_reset(&item);
		strbuf_addf(&item, "\n.Ql %s",
		    reaction_kind_name((enum reaction_kind)k));
		if (strstr(page.s, item.s) == NULL)
			fail_msg("%s", item.s);
	}
	for (int c = 1; c < REPLY_CATEGORIES; c++)
		if (strstr(page.s, reply_category_name(
		    (enum reply_category)c)) == NULL)
			fail_msg("%s", reply_category_name(
			    (enum reply_category)c));
	strbuf_free(&item);
	strbuf_free(&page);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shipped_file),
		cmocka_unit_test(sender_faults),
		cmocka_unit_test(whole_sites),
		cmocka_unit_test(floor_alone),
		cmocka_unit_test(manual_names_every_action),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
