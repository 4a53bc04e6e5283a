/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reply_rules.c - apply what is known of refusals to one of them.
 *
 * The text is searched once for the phrases of all classes; then the classes
 * are walked in order, codes first.  What a class says is taken within the
 * bounds that the header promises, whatever it says.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "lib/reply_rules.h"
#include "lib/reply_rules_private.h"
#include "lib/smtp_reply.h"

void
reply_rules_free(struct reply_rules *r)
{
	if (r == NULL)
		return;
	for (size_t i = 0; i < r->nstrings; i++)
		free(r->strings[i]);
	free(r->strings);
	free(r->rules);
	free(r->reactions);
	phrases_free(r->phrases);
	free(r);
}

const char *
reply_rules_version(const struct reply_rules *r)
{
	return r->version;
}

/* ---- which class */

static bool
one_of(const uint32_t *list, unsigned n, uint32_t key)
{
	for (unsigned i = 0; i < n; i++)
		if (list[i] == key)
			return true;
	return n == 0;
}

static bool
code_fits(const struct reply_rule *r, int code)
{
	for (unsigned i = 0; i < r->ncodes; i++)
		if (code >= r->codes[i].low && code <= r->codes[i].high)
			return true;
	return r->ncodes == 0;
}

static bool
enhanced_fits(const struct reply_rule *r, const struct enhanced *e)
{
	for (unsigned i = 0; i < r->nenhanced; i++) {
		const struct rule_enhanced *x = &r->enhanced[i];

		if ((x->class == 0 ? e->class == 4 || e->class == 5 :
		    x->class == e->class) &&
		    (x->subject == RULE_ANY || x->subject == e->subject) &&
		    (x->detail == RULE_ANY || x->detail == e->detail))
			return true;
	}
	return r->nenhanced == 0;
}

static bool
words_fit(const struct reply_rule *r, const struct phrases_found *found)
{
	for (unsigned i = 0; i < r->nwords; i++)
		if (!phrases_has(found, r->words[i]))
			return false;
	return true;
}

static const struct reply_rule *
rule_find(const struct reply_rules *r, uint32_t provider,
    enum reply_stage stage, int code, const struct enhanced *e,
    const char *text, size_t len)
{
	struct phrases_found found;

	phrases_find(r->phrases, text, len, &found);
	for (size_t i = 0; i < r->nrules; i++) {
		const struct reply_rule *rule = &r->rules[i];

		if (words_fit(rule, &found) && code_fits(rule, code) &&
		    one_of(rule->providers, rule->nproviders, provider) &&
		    (rule->stages == 0 ||
		    (rule->stages >> stage & 1) != 0) &&
		    enhanced_fits(rule, e))
			return rule;
	}
	return NULL;
}

/* ---- what it may change */

static bool
is_unknown_address(enum reply_category c)
{
	return c == REPLY_CAT_MAILBOX_UNKNOWN || c == REPLY_CAT_HOST_UNKNOWN;
}

static bool
is_about_us(enum reply_category c)
{
	switch (c) {
	case REPLY_CAT_POLICY:
	case REPLY_CAT_AUTH:
	case REPLY_CAT_CONTENT:
	case REPLY_CAT_SIZE:
	case REPLY_CAT_RATE:
	case REPLY_CAT_GREYLISTED:
		return true;
	default:
		return false;
	}
}

/* R132: milder always; harder from soft to hard, with every proof. */
static void
refine_recipient(const struct reply_rule *rule, bool proven,
    struct reply_class *c)
{
	enum reply_recipient said = c->recipient;

	if (rule->recipient != RULE_KEEPS)
		said = (enum reply_recipient)rule->recipient;
	if (said < c->recipient || (said == REPLY_RECIPIENT_HARD &&
	    c->recipient == REPLY_RECIPIENT_SOFT && proven))
		c->recipient = said;
	if (c->recipient == REPLY_RECIPIENT_HARD &&
	    !is_unknown_address(c->category))
		c->recipient = REPLY_RECIPIENT_SOFT;
	if (is_about_us(c->category))
		c->recipient = REPLY_RECIPIENT_NONE;
}

/*
 * At MAIL nobody was named, so what costs a delivery elsewhere costs none: the
 * site has refused.  Only a class that says nothing but "fail-recipient" (the
 * message will never fit) fails the delivery there.
 */
static int
said_of(const struct reply_rule *rule, enum reply_stage stage, bool final)
{
	if (!final)
		return rule->temporary;
	if (stage == REPLY_AT_MAIL &&
	    (rule->temporary == REPLY_SCHED_SITE ||
	    rule->final == REPLY_SCHED_STOP_CAMPAIGN))
		return REPLY_SCHED_SITE;
	return rule->final;
}

/* R103: the digit has decided; the rule chooses among what is left. */
static void
refine_scheduler(const struct reply_rule *rule, enum reply_stage stage,
    bool final, struct reply_class *c)
{
	int said = said_of(rule, stage, final);

	if (stage == REPLY_AT_REPORT)
		return;
	if (said != RULE_KEEPS && (stage >= REPLY_AT_MAIL ||
	    said == REPLY_SCHED_SITE))
		c->scheduler = (enum reply_scheduler)said;
	if (rule->site != RULE_KEEPS)
		c->site = (enum reply_site)rule->site;
	/* What goes back unharmed must not come again at once. */
	if (c->scheduler == REPLY_SCHED_SITE && c->site == REPLY_SITE_OK)
		c->site = REPLY_SITE_SLOW;
}

void
reply_rules_classify_text(const struct reply_rules *r, uint32_t provider,
    enum reply_stage stage, int code, const struct enhanced *enhanced,
    const char *text, size_t len, struct reply_verdict *verdict_r)
{
	struct reply_class *c = &verdict_r->class;
	const struct reply_rule *rule;
	int digit = code != 0 ? code / 100 : enhanced->class;
	bool hard;

	verdict_r->rule = 0;
	reply_classify_text(stage, code, enhanced, text, len, c);
	if (r == NULL || c->scheduler == REPLY_SCHED_DELIVERED)
		return;
	if (len > REPLY_TEXT_MAX)
		len = REPLY_TEXT_MAX;
	rule = rule_find(r, provider, stage, code, enhanced, text, len);
	if (rule == NULL)
		return;
	verdict_r->rule = rule->id;
	if (rule->category != RULE_KEEPS)
		c->category = (enum reply_category)rule->category;
	hard = digit == 5 && enhanced->class != 4 &&
	    (stage == REPLY_AT_RCPT || stage == REPLY_AT_REPORT);
	refine_recipient(rule, hard, c);
	refine_scheduler(rule, stage, digit == 5, c);
}

void
reply_rules_classify(const struct reply_rules *r, uint32_t provider,
    enum reply_stage stage, const struct smtp_reply *reply,
    struct reply_verdict *verdict_r)
{
	reply_rules_classify_text(r, provider, stage, reply->code,
	    &reply->enhanced, reply->text, reply->text_len, verdict_r);
}

void
reply_rules_report(const struct reply_rules *r, int code,
    const struct enhanced *enhanced, const char *text, size_t len,
    struct reply_class *class)
{
	struct reply_verdict v, floor;

	reply_rules_classify_text(r, 0, REPLY_AT_REPORT, code, enhanced, text,
	    len, &v);
	if (v.rule == 0)
		return;
	reply_rules_classify_text(NULL, 0, REPLY_AT_REPORT, code, enhanced,
	    text, len, &floor);
	class->category = v.class.category;
	if (v.class.recipient < class->recipient ||
	    (v.class.recipient == REPLY_RECIPIENT_HARD &&
	    floor.class.recipient == REPLY_RECIPIENT_SOFT &&
	    class->recipient == REPLY_RECIPIENT_SOFT))
		class->recipient = v.class.recipient;
}

/* ---- names and lists */

bool
reply_rules_class_at(const struct reply_rules *r, size_t i, uint32_t *rule_r,
    struct reply_rule_origin *origin_r)
{
	if (i >= r->nrules)
		return false;
	*rule_r = r->rules[i].id;
	*origin_r = r->rules[i].origin;
	return true;
}

bool
reply_rules_class(const struct reply_rules *r, uint32_t rule,
    struct reply_rule_origin *origin_r)
{
	for (size_t i = 0; i < r->nrules; i++)
		if (r->rules[i].id == rule) {
			*origin_r = r->rules[i].origin;
			return true;
		}
	return false;
}

const struct reaction *
reply_rules_reactions(const struct reply_rules *r, size_t *n_r)
{
	*n_r = r->nreactions;
	return r->reactions;
}

const struct reaction *
reply_rules_reaction(const struct reply_rules *r, uint32_t id)
{
	for (size_t i = 0; i < r->nreactions; i++)
		if (r->reactions[i].id == id)
			return &r->reactions[i];
	return NULL;
}

bool
reaction_counts(const struct reaction *a, uint32_t provider, uint32_t rule,
    enum reply_category category)
{
	return one_of(a->providers, a->nproviders, provider) &&
	    one_of(a->classes, a->nclasses, rule) &&
	    (a->categories == 0 || ((unsigned)category < REPLY_CATEGORIES &&
	    (a->categories >> category & 1) != 0));
}

const char *
reaction_kind_name(enum reaction_kind kind)
{
	static const char *const names[REACTION_KINDS] = {
		[REACTION_SUSPEND] = "suspend",
		[REACTION_STOP_SOURCE] = "stop-source",
		[REACTION_STOP_CAMPAIGN] = "stop-campaign",
		[REACTION_CONNECTIONS] = "connections",
		[REACTION_MESSAGES_PER_MINUTE] = "messages-per-minute",
		[REACTION_CONNECTS_PER_MINUTE] = "connects-per-minute",
		[REACTION_MESSAGES_PER_CONNECTION] =
		    "messages-per-connection",
	};

	return (unsigned)kind < REACTION_KINDS ? names[kind] : "-";
}
