/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_reply_rules.c - refusals as data: mistakes have their messages, the
 * first class counts, and no file breaks what the floor promises.
 *
 * Requirements: R103 (4yz keeps, 5yz ends), R132 (what never counts against a
 * subscriber).  What the shipped file says is in test_replies_conf.c.
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

#include "lib/reply_rules.h"
#include "lib/shaping.h"
#include "lib/strbuf.h"

#define LEN(a)	(sizeof(a) / sizeof((a)[0]))
#define HEAD	"format = 1\nversion = 1\n"
#define C	HEAD "[class c]\nsource = 2026-08 here\n"
#define R	C "code = 421\n[reaction r]\nsource = 2026-08 here\n"

static struct reply_rules *
parse_both(const char *text, const char *overlay, const struct shaping *known,
    struct strbuf *said)
{
	struct datafile_text t = { "f", text, strlen(text) };
	struct datafile_text o = { "o", overlay,
		overlay != NULL ? strlen(overlay) : 0 };

	strbuf_reset(said);
	return reply_rules_parse(&t, overlay != NULL ? &o : NULL, known,
	    said);
}

static struct reply_rules *
parse(const char *text, const char *overlay)
{
	struct strbuf said = STRBUF_INIT(65536);
	struct reply_rules *r = parse_both(text, overlay, NULL, &said);

	if (r == NULL)
		fail_msg("%s", said.s);
	assert_int_equal(said.len, 0);
	strbuf_free(&said);
	return r;
}

/* ---- mistakes */

static const struct {
	const char *why, *text, *overlay, *said;
} bad[] = {
	{ "other sections", HEAD "[provider x]\nsource = 2026-08 y\n", NULL,
	    "f:3: [provider]: sections are [class NAME] and [reaction NAME]\n"
	},
	{ "a class for nothing", C, NULL,
	    "f:3: class c: says no reply that it is for\n" },
	{ "twice", C "code = 421\n[class c]\n", NULL,
	    "f:6: c: is described already in line 3\n" },
	{ "a class and a reaction may share a name", C "code = 421\n"
	    "[reaction c]\nsource = 2026-08 y\nclass = d\n"
	    "action = suspend\nfor = 1h\n", NULL,
	    "f:8: class: d is not described\n" },
	{ "all at once", C "code = 4x 299 421-420 550-5590 4xx\n"
	    "enhanced = 4.7 2.0.0 4.7.28x x.x.x 4.1000.1\n"
	    "stage = rcpt end\nwords = \"a\" b\ncategory = bad\n"
	    "recipient = dead\nscheduler = site now\nsite = maybe\n"
	    "sight = x\ncode = 421\n", NULL,
	    "f:5: code: \"4x\" is not a code as 421, 4xx or 550-559\n"
	    "f:5: code: \"299\" is not a code as 421, 4xx or 550-559\n"
	    "f:5: code: \"421-420\" is not a code as 421, 4xx or 550-559\n"
	    "f:5: code: \"550-5590\" is not a code as 421, 4xx or 550-559\n"
	    "f:6: enhanced: \"4.7\" is not a code as 4.7.28, x.7.28 or "
	    "5.7.x\n"
	    "f:6: enhanced: \"2.0.0\" is not a code as 4.7.28, x.7.28 or "
	    "5.7.x\n"
	    "f:6: enhanced: \"4.7.28x\" is not a code as 4.7.28, x.7.28 or "
	    "5.7.x\n"
	    "f:6: enhanced: \"4.1000.1\" is not a code as 4.7.28, x.7.28 or "
	    "5.7.x\n"
	    "f:7: stage: \"end\" is not connect, banner, ehlo, tls, mail, "
	    "rcpt, data, dot or report\n"
	    "f:8: words: \"b\" is not a phrase in double quotes\n"
	    "f:9: category: \"bad\" is none\n"
	    "f:10: recipient: \"dead\" is not none, soft or hard\n"
	    "f:11: scheduler: \"now\" is not retry-recipient, site, "
	    "fail-recipient or stop-campaign\n"
	    "f:12: site: \"maybe\" is not ok, slow or suspend\n"
	    "f:13: sight: there is no such setting\n"
	    "f:14: code: is set already\n" },
	{ "an empty phrase", C "words = \"\"\n", NULL,
	    "f:5: words: \"\"\" is not a phrase in double quotes\n"
	    "f:3: class c: says no reply that it is for\n" },
	{ "a phrase of blanks", C "words = \" \"\ncode = 421\n", NULL,
	    "f:5: words: a phrase is empty\n" },
	{ "no value", C "code =\n", NULL, "f:5: code: needs a value\n"
	    "f:3: class c: says no reply that it is for\n" },
	{ "too many", C "code = 400 401 402 403 404 405 406 407 408 409 410 "
	    "411 412 413 414 415 416\n", NULL,
	    "f:5: code: more than 16 values\n" },
	{ "two verdicts", C "code = 4xx 5xx\nscheduler = site "
	    "retry-recipient fail-recipient\n", NULL,
	    "f:6: scheduler: says two verdicts for 4yz\n" },
	{ "R103: 4yz does not end", C "code = 421 45x 450-459\n"
	    "scheduler = fail-recipient\n", NULL,
	    "f:5: code: \"45x\" is not a code as 421, 4xx or 550-559\n"
	    "f:3: class c: the basic code alone decides whether there is "
	    "another attempt\n" },
	{ "R103: 5yz does not come again", C "code = 5xx\nscheduler = site\n",
	    NULL, "f:3: class c: the basic code alone decides whether there "
	    "is another attempt\n" },
	{ "R132: policy is not soft", C "code = 5xx\ncategory = policy\n"
	    "recipient = soft\n", NULL, "f:3: class c: a refusal about us "
	    "never counts against the subscriber\n" },
	{ "R132: rate is not hard", C "code = 5xx\ncategory = rate\n"
	    "recipient = hard\n", NULL, "f:3: class c: only a 5yz of an "
	    "unknown mailbox or host is hard\n" },
	{ "R125: 4yz is not hard", C "code = 450\nrecipient = hard\n", NULL,
	    "f:3: class c: only a 5yz of an unknown mailbox or host is hard\n"
	},
	{ "off in the shipped file", C "off = yes\n", NULL,
	    "f:5: off: is for the overlay\n" },
	{ "half off", HEAD, "[class c]\noff = no\n",
	    "o:2: off: is yes, or not said\n" },
	{ "a reaction to nothing", R "action = suspend\nfor = 1h\n", NULL,
	    "f:6: reaction r: says no reply that it is for\n" },
	{ "a reaction of nothing", R "class = c\n", NULL,
	    "f:6: reaction r: needs an action\n" },
	{ "for ever", R "class = c\naction = suspend\n", NULL,
	    "f:6: reaction r: needs for = DURATION\n" },
	{ "restart without a suspension", R "class = c\nfor = 1h\n"
	    "action = connections 1\nrestart = 1\ngrow = 1\n", NULL,
	    "f:6: reaction r: restart and grow go together, with suspend or "
	    "stop-source\n" },
	{ "restart without grow", R "class = c\nfor = 1h\naction = suspend\n"
	    "restart = 1\n", NULL, "f:6: reaction r: restart and grow go "
	    "together, with suspend or stop-source\n" },
	{ "values of a reaction", R "class = c\naction = sleep\n"
	    "action = connections\naction = suspend 1\n"
	    "action = connections 2\naction = messages-per-minute 0\n"
	    "when = 5 per 1h\nscope = world\nfor = 1y\n"
	    "category = rate bad\n", NULL,
	    "f:9: action: \"sleep\" is none\n"
	    "f:10: action: connections needs one number\n"
	    "f:11: action: suspend has no value\n"
	    "f:12: action: connections is said twice\n"
	    "f:13: action: 0 is below the minimum, 1\n"
	    "f:14: when: is not NUMBER in DURATION\n"
	    "f:15: scope: \"world\" is not site or provider\n"
	    "f:16: for: \"1y\" is not a number with s, m, h or d\n"
	    "f:17: category: \"bad\" is none\n"
	    "f:6: reaction r: needs for = DURATION\n" },
	{ "a threshold above what is counted", R "class = c\nfor = 367d\n"
	    "action = suspend\nwhen = 257 in 1h\n", NULL,
	    "f:9: for: 367d is not between 1s and 366d\n"
	    "f:11: when: 257 is above the maximum, 256\n"
	    "f:6: reaction r: needs for = DURATION\n" },
};

static void
mistakes_are_told(void **state)
{
	struct strbuf said = STRBUF_INIT(65536);

	(void)state;
	for (size_t i = 0; i < LEN(bad); i++) {
		struct reply_rules *r = parse_both(bad[i].text,
		    bad[i].overlay, NULL, &said);

		if (r != NULL)
			fail_msg("accepted: %s", bad[i].why);
		if (strcmp(said.s, bad[i].said) != 0)
			fail_msg("%s: %s", bad[i].why, said.s);
	}
	strbuf_free(&said);
}

static void
providers_must_be_known(void **state)
{
	static const char text[] = HEAD "[provider x]\nsource = 2026-08 y\n";
	struct strbuf said = STRBUF_INIT(65536);
	struct shaping *s = shaping_parse(&(struct datafile_text){ "s", text,
		strlen(text) }, NULL, &said);
	struct reply_rules *r;

	(void)state;
	assert_non_null(s);
	assert_null(parse_both(C "provider = x y default\ncode = 421\n", NULL,
	    s, &said));
	assert_string_equal(said.s, "f:5: provider: y is not known\n"
	    "f:5: provider: default is not known\n");
	r = parse_both(C "provider = x\n", NULL, s, &said);
	assert_non_null(r);
	reply_rules_free(r);
	shaping_free(s);
	strbuf_free(&said);
}

/* ---- classes */

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

static const char order[] = HEAD
    "[class by-provider]\nsource = 2026-08 x\nprovider = a b\ncode = 450\n"
    "[class by-stage]\nsource = 2026-08 x\nstage = mail dot\ncode = 450\n"
    "[class by-range]\nsource = 2026-08 x\ncode = 551-553 421\n"
    "[class by-code]\nsource = 2026-08 x\nenhanced = x.7.28 5.6.x 4.x.9\n"
    "[class by-words]\nsource = 2026-08 x\nwords = \"too  FAST\" \"[X1]\"\n"
    "[class shadowed]\nsource = 2026-08 x\nwords = \"too fast\" \"[x1]\"\n"
    "[class rest]\nsource = 2026-08 x\ncode = 450 4xx\n";

static const struct {
	const char	*why, *provider;
	enum reply_stage stage;
	const char	*reply, *name;
} fits[] = {
	{ "a provider", "a", REPLY_AT_RCPT, "450 x", "by-provider" },
	{ "another one of the list", "b", REPLY_AT_RCPT, "450 x",
	    "by-provider" },
	{ "not listed", "c", REPLY_AT_RCPT, "450 x", "rest" },
	{ "no provider", NULL, REPLY_AT_RCPT, "450 x", "rest" },
	{ "all must fit", "a", REPLY_AT_RCPT, "451 x", "rest" },
	{ "a stage", NULL, REPLY_AT_MAIL, "450 x", "by-stage" },
	{ "another stage", NULL, REPLY_AT_DOT, "450 x", "by-stage" },
	{ "the low end", NULL, REPLY_AT_RCPT, "551 x", "by-range" },
	{ "the high end", NULL, REPLY_AT_RCPT, "553 x", "by-range" },
	{ "past it", NULL, REPLY_AT_RCPT, "554 x", "-" },
	{ "one of a list", NULL, REPLY_AT_RCPT, "421 x", "by-range" },
	{ "x is 4", NULL, REPLY_AT_RCPT, "450 4.7.28 x", "by-code" },
	{ "x is 5", NULL, REPLY_AT_RCPT, "550 5.7.28 x", "by-code" },
	{ "any detail", NULL, REPLY_AT_RCPT, "550 5.6.123 x", "by-code" },
	{ "of that class", NULL, REPLY_AT_RCPT, "450 4.6.1 x", "rest" },
	{ "any subject", NULL, REPLY_AT_RCPT, "450 4.3.9 x", "by-code" },
	{ "all words, in any order and case", NULL, REPLY_AT_RCPT,
	    "550 [x1] much TOO \t fast", "by-words" },
	{ "not all words", NULL, REPLY_AT_RCPT, "550 too fast", "-" },
	{ "no code at all", NULL, REPLY_AT_CONNECT, "- [x1] too fast",
	    "by-words" },
	{ "delivered", NULL, REPLY_AT_DOT, "250 2.0.0 too fast [x1]", "-" },
	{ "go on", NULL, REPLY_AT_DATA, "354 too fast [x1]", "-" },
};

static void
first_class_counts(void **state)
{
	struct reply_rules *r = parse(order, NULL);
	struct reply_rule_origin o;
	struct reply_verdict v;
	uint32_t rule;

	(void)state;
	for (size_t i = 0; i < LEN(fits); i++) {
		classify(r, fits[i].provider, fits[i].stage, fits[i].reply,
		    &v);
		if (strcmp(name_of(r, v.rule), fits[i].name) != 0)
			fail_msg("%s: %s", fits[i].why, name_of(r, v.rule));
	}
	assert_true(reply_rules_class_at(r, 0, &rule, &o));
	assert_string_equal(o.name, "by-provider");
	assert_string_equal(o.file, "f");
	assert_int_equal(o.line, 3);
	assert_string_equal(o.date, "2026-08");
	assert_string_equal(o.source, "x");
	assert_int_equal(rule, datafile_key("by-provider"));
	assert_true(reply_rules_class_at(r, 6, &rule, &o));
	assert_false(reply_rules_class_at(r, 7, &rule, &o));
	assert_false(reply_rules_class(r, 12345, &o));
	reply_rules_free(r);
}

static void
overlay_comes_first(void **state)
{
	struct reply_rules *r = parse(HEAD
	    "[class a]\nsource = 2026-08 x\nwords = \"busy\"\nsite = slow\n"
	    "[class b]\nsource = 2026-08 x\nwords = \"slow\"\n"
	    "[class d]\nsource = 2026-08 x\nwords = \"gone\"\n"
	    "[reaction a]\nsource = 2026-08 x\nclass = a d\n"
	    "action = suspend\nfor = 1h\n",
	    "version = 5\n[class c]\nwords = \"very\" \"busy\"\n"
	    "[class b]\nwords = \"sluggish\"\n[class d]\noff = yes\n"
	    "[reaction a]\noff = yes\n[reaction e]\nclass = a\n"
	    "action = stop-source\n");
	struct reply_verdict v;
	size_t n;

	(void)state;
	classify(r, NULL, REPLY_AT_RCPT, "450 very busy", &v);
	assert_string_equal(name_of(r, v.rule), "c");
	classify(r, NULL, REPLY_AT_RCPT, "450 busy", &v);
	assert_string_equal(name_of(r, v.rule), "a");
	classify(r, NULL, REPLY_AT_RCPT, "450 slow", &v);
	assert_string_equal(name_of(r, v.rule), "-");
	classify(r, NULL, REPLY_AT_RCPT, "450 sluggish", &v);
	assert_string_equal(name_of(r, v.rule), "b");
	classify(r, NULL, REPLY_AT_RCPT, "450 gone", &v);
	assert_string_equal(name_of(r, v.rule), "-");
	assert_string_equal(reply_rules_version(r), "1+5");
	assert_string_equal(reply_rules_reactions(r, &n)->origin.name, "e");
	assert_int_equal(n, 1);
	assert_non_null(reply_rules_reaction(r, datafile_key("e")));
	assert_null(reply_rules_reaction(r, datafile_key("a")));
	reply_rules_free(r);
}

/* ---- what a class may change; the rule is all settings of one class */

#define CAT(x)	REPLY_CAT_##x
#define NONE	REPLY_RECIPIENT_NONE
#define SOFT	REPLY_RECIPIENT_SOFT
#define HARD	REPLY_RECIPIENT_HARD
#define RETRY	REPLY_SCHED_RETRY_RECIPIENT
#define FAIL	REPLY_SCHED_FAIL_RECIPIENT
#define SITE	REPLY_SCHED_SITE
#define STOP	REPLY_SCHED_STOP_CAMPAIGN
#define OK	REPLY_SITE_OK
#define SLOW	REPLY_SITE_SLOW
#define SUSPEND	REPLY_SITE_SUSPEND

static const struct {
	const char		*why, *rule;
	enum reply_stage	 stage;
	const char		*reply;
	struct reply_class	 want;
} bounds[] = {
	{ "nothing said, nothing changed", "", REPLY_AT_RCPT,
	    "550 5.1.1 w", { CAT(MAILBOX_UNKNOWN), HARD, FAIL, OK } },
	{ "category alone", "category = network\n", REPLY_AT_RCPT,
	    "450 w", { CAT(NETWORK), SOFT, RETRY, OK } },

	/* R132: milder always */
	{ "hard becomes none", "recipient = none\n", REPLY_AT_RCPT,
	    "550 5.1.1 w", { CAT(MAILBOX_UNKNOWN), NONE, FAIL, OK } },
	{ "hard becomes soft", "recipient = soft\n", REPLY_AT_RCPT,
	    "550 5.1.1 w", { CAT(MAILBOX_UNKNOWN), SOFT, FAIL, OK } },
	{ "a category about us is enough", "category = rate\n",
	    REPLY_AT_RCPT, "550 5.1.1 w", { CAT(RATE), NONE, FAIL, OK } },
	{ "another category is not dead", "category = mailbox-full\n",
	    REPLY_AT_RCPT, "550 5.1.1 w", { CAT(MAILBOX_FULL), SOFT, FAIL,
	    OK } },
	/* R132: never harder than the floor's none */
	{ "none stays none", "recipient = hard\n"
	    "category = mailbox-unknown\n", REPLY_AT_RCPT, "550 5.7.1 w",
	    { CAT(MAILBOX_UNKNOWN), NONE, FAIL, OK } },
	{ "none stays none, soft said", "recipient = soft\n", REPLY_AT_DOT,
	    "550 5.7.1 w", { CAT(POLICY), NONE, FAIL, OK } },
	{ "nobody was named at MAIL", "recipient = hard\n"
	    "category = mailbox-unknown\n", REPLY_AT_MAIL, "550 w",
	    { CAT(MAILBOX_UNKNOWN), NONE, SITE, SUSPEND } },
	/* soft to hard with every proof */
	{ "soft becomes hard at RCPT", "recipient = hard\n"
	    "category = mailbox-unknown\n", REPLY_AT_RCPT, "550 w",
	    { CAT(MAILBOX_UNKNOWN), HARD, FAIL, OK } },
	{ "in a report too", "recipient = hard\n"
	    "category = host-unknown\n", REPLY_AT_REPORT, "550 5.0.0 w",
	    { CAT(HOST_UNKNOWN), HARD, FAIL, OK } },
	{ "not after the dot", "recipient = hard\n"
	    "category = mailbox-unknown\n", REPLY_AT_DOT, "550 w",
	    { CAT(MAILBOX_UNKNOWN), SOFT, FAIL, OK } },
	{ "R125: not by 4yz", "recipient = hard\n"
	    "category = mailbox-unknown\n", REPLY_AT_RCPT, "450 w",
	    { CAT(MAILBOX_UNKNOWN), SOFT, RETRY, OK } },
	{ "R125: not when the codes differ", "recipient = hard\n"
	    "category = mailbox-unknown\n", REPLY_AT_RCPT, "550 4.1.1 w",
	    { CAT(MAILBOX_UNKNOWN), SOFT, FAIL, OK } },
	{ "not without the category", "recipient = hard\n", REPLY_AT_RCPT,
	    "550 w", { CAT(UNKNOWN), SOFT, FAIL, OK } },

	/* R103 */
	{ "4yz: the site's", "scheduler = site stop-campaign\n",
	    REPLY_AT_RCPT, "450 w", { CAT(UNKNOWN), SOFT, SITE, SLOW } },
	{ "5yz: the campaign's", "scheduler = site stop-campaign\n",
	    REPLY_AT_RCPT, "550 w", { CAT(UNKNOWN), SOFT, STOP, OK } },
	{ "4yz does not end", "scheduler = fail-recipient\n", REPLY_AT_RCPT,
	    "450 w", { CAT(UNKNOWN), SOFT, RETRY, OK } },
	{ "5yz does not come again", "scheduler = retry-recipient\n",
	    REPLY_AT_RCPT, "550 w", { CAT(UNKNOWN), SOFT, FAIL, OK } },
	{ "but not what says \"site\" as well", "scheduler = site "
	    "fail-recipient\n", REPLY_AT_MAIL, "550 w", { CAT(POLICY), NONE,
	    SITE, SUSPEND } },
	{ "nor what is the sender's", "scheduler = stop-campaign\n",
	    REPLY_AT_MAIL, "550 w", { CAT(POLICY), NONE, SITE, SUSPEND } },
	{ "5yz at MAIL may end it", "scheduler = fail-recipient\n",
	    REPLY_AT_MAIL, "550 w", { CAT(POLICY), NONE, FAIL, SUSPEND } },
	{ "a banner ends nothing", "scheduler = stop-campaign\n",
	    REPLY_AT_BANNER, "554 w", { CAT(POLICY), NONE, SITE, SUSPEND } },
	{ "and makes no retry of one", "scheduler = retry-recipient\n",
	    REPLY_AT_BANNER, "421 w", { CAT(NETWORK), NONE, SITE, SLOW } },
	{ "R108: 552 may still be a no", "scheduler = fail-recipient\n",
	    REPLY_AT_RCPT, "552 w too many recipients", { CAT(RATE), NONE,
	    FAIL, OK } },
	{ "a report ends, whatever is said", "scheduler = retry-recipient "
	    "stop-campaign\nsite = suspend\n", REPLY_AT_REPORT,
	    "550 5.0.0 w", { CAT(UNKNOWN), SOFT, FAIL, OK } },

	/* the site */
	{ "site alone", "site = suspend\n", REPLY_AT_RCPT, "450 w",
	    { CAT(UNKNOWN), SOFT, RETRY, SUSPEND } },
	{ "milder", "site = slow\n", REPLY_AT_BANNER, "554 w",
	    { CAT(POLICY), NONE, SITE, SLOW } },
	{ "never straight away again", "scheduler = site\nsite = ok\n",
	    REPLY_AT_RCPT, "450 w", { CAT(UNKNOWN), SOFT, SITE, SLOW } },
};

static void
promises_hold(void **state)
{
	struct strbuf text = STRBUF_INIT(4096);

	(void)state;
	for (size_t i = 0; i < LEN(bounds); i++) {
		const struct reply_class *w = &bounds[i].want;
		struct reply_rules *r;
		struct reply_verdict v;

		strbuf_reset(&text);
		strbuf_addf(&text, C "words = \"w\"\n%s", bounds[i].rule);
		r = parse(text.s, NULL);
		classify(r, NULL, bounds[i].stage, bounds[i].reply, &v);
		if (v.rule != datafile_key("c") ||
		    v.class.category != w->category ||
		    v.class.recipient != w->recipient ||
		    v.class.scheduler != w->scheduler ||
		    v.class.site != w->site)
			fail_msg("%s: %s %s %s %d", bounds[i].why,
			    reply_category_name(v.class.category),
			    reply_recipient_name(v.class.recipient),
			    reply_scheduler_name(v.class.scheduler),
			    v.class.site);
		reply_rules_free(r);
	}
	strbuf_free(&text);
}

/* ---- reports, which were judged by more than the reply they quote */

static const struct {
	const char		*why, *rule, *reply;
	enum reply_recipient	 judged, want;
	enum reply_category	 category;
} reports[] = {
	{ "a class spares", "recipient = none\n", "550 5.1.1 w", HARD, NONE,
	    CAT(MAILBOX_UNKNOWN) },
	{ "by its category, too", "category = policy\n", "550 5.1.1 w", HARD,
	    NONE, CAT(POLICY) },
	{ "what was spared stays so", "recipient = hard\n"
	    "category = mailbox-unknown\n", "550 5.0.0 w", NONE, NONE,
	    CAT(MAILBOX_UNKNOWN) },
	{ "the codes alone make nobody hard", "", "550 5.1.1 w", SOFT, SOFT,
	    CAT(MAILBOX_UNKNOWN) },
	{ "a class does, where both are soft", "recipient = hard\n"
	    "category = mailbox-unknown\n", "550 5.0.0 w", SOFT, HARD,
	    CAT(MAILBOX_UNKNOWN) },
	{ "not by a 4yz", "recipient = hard\n"
	    "category = mailbox-unknown\n", "450 w", SOFT, SOFT,
	    CAT(MAILBOX_UNKNOWN) },
	{ "none fits", "stage = dot\nrecipient = none\n", "550 5.1.1 w", HARD,
	    HARD, CAT(UNKNOWN) },
};

static void
reports_are_refined(void **state)
{
	struct strbuf text = STRBUF_INIT(4096);

	(void)state;
	for (size_t i = 0; i < LEN(reports); i++) {
		struct reply_class c = { .category = CAT(UNKNOWN),
			.recipient = reports[i].judged };
		const char *words = reports[i].reply + 4;
		struct reply_rules *r;
		struct enhanced e;

		strbuf_reset(&text);
		strbuf_addf(&text, C "words = \"w\"\n%s", reports[i].rule);
		r = parse(text.s, NULL);
		words += enhanced_parse(words, strlen(words), &e);
		reply_rules_report(r, atoi(reports[i].reply), &e, words,
		    strlen(words), &c);
		if (c.recipient != reports[i].want ||
		    c.category != reports[i].category)
			fail_msg("%s: %s %s", reports[i].why,
			    reply_category_name(c.category),
			    reply_recipient_name(c.recipient));
		reply_rules_free(r);
	}
	strbuf_free(&text);
}

/* ---- reactions */

static void
reactions_are_read(void **state)
{
	struct reply_rules *r = parse(R "provider = google\nclass = c\n"
	    "category = rate policy\nscope = provider\nwhen = 5 in 2h\n"
	    "action = suspend\naction = connections 3\nfor = 10m\n"
	    "restart = 1\ngrow = 2\n"
	    "[reaction s]\nsource = 2026-09-01 there\nclass = c\n"
	    "action = stop-campaign\n", NULL);
	uint32_t google = datafile_key("google"), c = datafile_key("c");
	const struct reaction *a;
	size_t n;

	(void)state;
	a = reply_rules_reactions(r, &n);
	assert_int_equal(n, 2);
	assert_int_equal(a->id, datafile_key("r"));
	assert_int_equal(a->scope, REACTION_PROVIDER);
	assert_int_equal(a->threshold, 5);
	assert_int_equal(a->window_s, 7200);
	assert_int_equal(a->duration_s, 600);
	assert_int_equal(a->restart, 1);
	assert_int_equal(a->grow, 2);
	assert_int_equal(a->ndoes, 2);
	assert_int_equal(a->does[0].kind, REACTION_SUSPEND);
	assert_int_equal(a->does[1].kind, REACTION_CONNECTIONS);
	assert_int_equal(a->does[1].value, 3);
	assert_true(reaction_counts(a, google, c, REPLY_CAT_RATE));
	assert_true(reaction_counts(a, google, c, REPLY_CAT_POLICY));
	assert_false(reaction_counts(a, google, c, REPLY_CAT_AUTH));
	assert_false(reaction_counts(a, google, 0, REPLY_CAT_RATE));
	assert_false(reaction_counts(a, 0, c, REPLY_CAT_RATE));
	assert_int_equal(a[1].threshold, 1);
	assert_int_equal(a[1].duration_s, 0);
	assert_int_equal(a[1].scope, REACTION_SITE);
	assert_int_equal(a[1].origin.line, 18);
	assert_string_equal(a[1].origin.date, "2026-09-01");
	assert_true(reaction_counts(&a[1], 0, c, REPLY_CAT_NONE));
	assert_string_equal(reaction_kind_name(REACTION_KINDS), "-");
	reply_rules_free(r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mistakes_are_told),
		cmocka_unit_test(providers_must_be_known),
		cmocka_unit_test(first_class_counts),
		cmocka_unit_test(overlay_comes_first),
		cmocka_unit_test(promises_hold),
		cmocka_unit_test(reports_are_refined),
		cmocka_unit_test(reactions_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
