/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reply_rules_reaction.c - read what is done when refusals come too often.
 */
#include "config.h"

#include <string.h>

#include "lib/err.h"
#include "lib/reply_rules.h"
#include "lib/reply_rules_private.h"

#define VALUE_MAX	10000000u	/* of an action */

static void
read_class(struct rule_reading *rd, char *value)
{
	struct reaction *a = rd->reaction;
	struct err e = ERR_INIT;
	char *word;

	while ((word = datafile_word(&value)) != NULL) {
		if (a->nclasses == REPLY_RULES_LIST_MAX) {
			rule_mistake(rd, "class: more than %d values",
			    REPLY_RULES_LIST_MAX);
			return;
		}
		if (datafile_name_check(word, &e) == -1) {
			rule_mistake(rd, "class: %s", e.text);
			continue;
		}
		a->classes[a->nclasses] = datafile_key(word);
		rd->uses = rule_grow(rd->uses, rd->nuses, sizeof(*rd->uses));
		rd->uses[rd->nuses++] = (struct rule_use){
			a->classes[a->nclasses++], rule_keep(rd, word),
			rd->file, rd->d.line };
	}
}

static void
read_category(struct rule_reading *rd, char *value)
{
	char *word;

	while ((word = datafile_word(&value)) != NULL) {
		int i = 1;

		while (i < REPLY_CATEGORIES && strcmp(word,
		    reply_category_name((enum reply_category)i)) != 0)
			i++;
		if (i == REPLY_CATEGORIES)
			rule_mistake(rd, "category: \"%.40s\" is none", word);
		else
			rd->reaction->categories |= 1u << i;
	}
}

static void
read_scope(struct rule_reading *rd, char *value)
{
	static const char *const names[] = { "site", "provider", NULL };
	struct err e = ERR_INIT;
	uint32_t n;

	if (datafile_choice(value, names, &n, &e) == -1)
		rule_mistake(rd, "scope: %s", e.text);
	else
		rd->reaction->scope = (enum reaction_scope)n;
}

/* "5 in 1h" */
static void
read_when(struct rule_reading *rd, char *value)
{
	struct reaction *a = rd->reaction;
	char *n = datafile_word(&value), *in = datafile_word(&value);
	char *window = datafile_word(&value);
	struct err e = ERR_INIT;

	if (window == NULL || strcmp(in, "in") != 0 ||
	    datafile_word(&value) != NULL)
		rule_mistake(rd, "when: is not NUMBER in DURATION");
	else if (datafile_number(n, 1, REACTION_THRESHOLD_MAX, &a->threshold,
	    &e) == -1 || datafile_duration(window, &a->window_s, &e) == -1)
		rule_mistake(rd, "when: %s", e.text);
}

/* "suspend", or "connections 1" */
static void
read_action(struct rule_reading *rd, char *value)
{
	struct reaction *a = rd->reaction;
	struct reaction_does *does = &a->does[a->ndoes];
	char *name = datafile_word(&value), *n = datafile_word(&value);
	struct err e = ERR_INIT;
	int kind = 0;

	while (name != NULL && kind < REACTION_KINDS && strcmp(name,
	    reaction_kind_name((enum reaction_kind)kind)) != 0)
		kind++;
	if (name == NULL || kind == REACTION_KINDS) {
		rule_mistake(rd, "action: \"%.40s\" is none",
		    name != NULL ? name : "");
		return;
	}
	if (a->ndoes == REACTION_DOES_MAX) {
		rule_mistake(rd, "action: more than %d", REACTION_DOES_MAX);
		return;
	}
	for (unsigned i = 0; i < a->ndoes; i++)
		if ((int)a->does[i].kind == kind) {
			rule_mistake(rd, "action: %s is said twice", name);
			return;
		}
	does->kind = (enum reaction_kind)kind;
	if ((n != NULL) != (kind >= REACTION_CONNECTIONS) ||
	    datafile_word(&value) != NULL)
		rule_mistake(rd, "action: %s %s", name,
		    kind >= REACTION_CONNECTIONS ? "needs one number" :
		    "has no value");
	else if (n != NULL && datafile_number(n, 1, VALUE_MAX, &does->value,
	    &e) == -1)
		rule_mistake(rd, "action: %s", e.text);
	a->ndoes++;
}

static void
read_for(struct rule_reading *rd, char *value)
{
	struct err e = ERR_INIT;

	if (datafile_duration(value, &rd->reaction->duration_s, &e) == -1)
		rule_mistake(rd, "for: %s", e.text);
}

static void
read_count(struct rule_reading *rd, const char *value, uint32_t *n_r)
{
	struct err e = ERR_INIT;

	if (datafile_number(value, 1, 1000, n_r, &e) == -1)
		rule_mistake(rd, "%s: %s", rd->d.name, e.text);
}

static void
read_restart(struct rule_reading *rd, char *value)
{
	read_count(rd, value, &rd->reaction->restart);
}

static void
read_grow(struct rule_reading *rd, char *value)
{
	read_count(rd, value, &rd->reaction->grow);
}

const struct rule_setting rule_reaction_settings[] = {
	{ "provider", false, rule_read_provider },
	{ "class", false, read_class },
	{ "category", false, read_category },
	{ "scope", false, read_scope },
	{ "when", false, read_when },
	{ "action", true, read_action },
	{ "for", false, read_for },
	{ "restart", false, read_restart },
	{ "grow", false, read_grow },
	{ "off", false, rule_read_off },
	{ NULL, false, NULL },
};

static bool
does_only_stop(const struct reaction *a)
{
	for (unsigned i = 0; i < a->ndoes; i++)
		if (a->does[i].kind != REACTION_STOP_CAMPAIGN &&
		    a->does[i].kind != REACTION_STOP_SOURCE)
			return false;
	return true;
}

static bool
does_suspend(const struct reaction *a)
{
	for (unsigned i = 0; i < a->ndoes; i++)
		if (a->does[i].kind == REACTION_SUSPEND ||
		    a->does[i].kind == REACTION_STOP_SOURCE)
			return true;
	return false;
}

void
rule_reaction_end(struct rule_reading *rd)
{
	const struct reaction *a = rd->reaction;
	const char *file = a->origin.file, *name = a->origin.name;
	unsigned line = a->origin.line;

	if (a->nproviders + a->nclasses == 0 && a->categories == 0)
		datafile_mistake(&rd->m, file, line, "reaction %s: says no "
		    "reply that it is for", name);
	if (a->ndoes == 0)
		datafile_mistake(&rd->m, file, line, "reaction %s: needs an "
		    "action", name);
	else if (a->duration_s == 0 && !does_only_stop(a))
		datafile_mistake(&rd->m, file, line, "reaction %s: needs "
		    "for = DURATION", name);
	if ((a->restart != 0 || a->grow != 0) && (!does_suspend(a) ||
	    a->restart == 0 || a->grow == 0))
		datafile_mistake(&rd->m, file, line, "reaction %s: restart "
		    "and grow go together, with suspend or stop-source", name);
}
