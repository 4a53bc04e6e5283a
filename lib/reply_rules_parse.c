/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reply_rules_parse.c - read what is known of refusals.
 *
 * The overlay is read first, so that its classes come first and its names are
 * known when the shipped file repeats them.  A section that counts for nothing
 * is read like any other, for its mistakes, and dropped at its end.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "lib/err.h"
#include "lib/reply_rules.h"
#include "lib/reply_rules_private.h"
#include "lib/shaping.h"
#include "lib/strbuf.h"
#include "lib/xmalloc.h"

#define BASE	0
#define OVERLAY	1

char *
rule_keep(struct rule_reading *rd, const char *text)
{
	struct reply_rules *r = rd->r;

	r->strings = rule_grow(r->strings, r->nstrings, sizeof(char *));
	r->strings[r->nstrings] = xstrdup(text);
	return r->strings[r->nstrings++];
}

void *
rule_grow(void *array, size_t n, size_t size)
{
	if ((n & (n - 1)) != 0)
		return array;
	return xreallocarray(array, n == 0 ? 1 : 2 * n, size);
}

/* ---- what fits */

static bool
has_room(struct rule_reading *rd, unsigned n)
{
	if (n < REPLY_RULES_LIST_MAX)
		return true;
	rule_mistake(rd, "%s: more than %d values", rd->d.name,
	    REPLY_RULES_LIST_MAX);
	return false;
}

void
rule_read_provider(struct rule_reading *rd, char *value)
{
	uint32_t *list = rd->rule != NULL ? rd->rule->providers :
	    rd->reaction->providers;
	uint8_t *n = rd->rule != NULL ? &rd->rule->nproviders :
	    &rd->reaction->nproviders;
	struct err e = ERR_INIT;
	char *word;
	bool found = true;

	while ((word = datafile_word(&value)) != NULL) {
		if (!has_room(rd, *n))
			return;
		if (datafile_name_check(word, &e) == -1) {
			rule_mistake(rd, "provider: %s", e.text);
			return;
		}
		if (rd->known != NULL)
			(void)shaping_find(rd->known, word, &found);
		if (!found || strcmp(word, "default") == 0)
			rule_mistake(rd, "provider: %s is not known", word);
		list[(*n)++] = datafile_key(word);
	}
}

static const char *const stage_names[] = {
	"connect", "banner", "ehlo", "tls", "mail", "rcpt", "data", "dot",
	"report", NULL,
};

static void
read_stage(struct rule_reading *rd, char *value)
{
	struct err e = ERR_INIT;
	uint32_t stage;
	char *word;

	while ((word = datafile_word(&value)) != NULL) {
		if (datafile_choice(word, stage_names, &stage, &e) == -1)
			rule_mistake(rd, "stage: %s", e.text);
		else
			rd->rule->stages |= (uint16_t)(1u << stage);
	}
}

/* Three octets: a digit 4 or 5 and two digits, or "xx" for any two. */
static bool
read_code(const char *p, struct rule_codes *c_r)
{
	int n;

	if (p[0] != '4' && p[0] != '5')
		return false;
	if (strncmp(p + 1, "xx", 2) == 0 || strncmp(p + 1, "yz", 2) == 0) {
		c_r->low = (uint16_t)((p[0] - '0') * 100);
		c_r->high = (uint16_t)(c_r->low + 99);
		return true;
	}
	n = p[0] - '0';
	for (int i = 1; i < 3; i++) {
		if (p[i] < '0' || p[i] > '9')
			return false;
		n = n * 10 + p[i] - '0';
	}
	c_r->low = c_r->high = (uint16_t)n;
	return true;
}

/* "421", "4xx" or "550-559" */
static void
read_codes(struct rule_reading *rd, char *value)
{
	struct reply_rule *r = rd->rule;
	struct rule_codes c, end;
	char *word;

	while ((word = datafile_word(&value)) != NULL) {
		size_t len = strlen(word);
		bool good = len >= 3 && read_code(word, &c);

		if (good && len == 7 && word[3] == '-') {
			good = read_code(word + 4, &end) && end.low > c.high;
			c.high = end.high;
		} else if (len != 3) {
			good = false;
		}
		if (!good)
			rule_mistake(rd, "code: \"%.40s\" is not a code as "
			    "421, 4xx or 550-559", word);
		else if (has_room(rd, r->ncodes))
			r->codes[r->ncodes++] = c;
	}
}

/* A number to 999 or "x"; the octets it takes, 0 for none. */
static size_t
read_part(const char *p, uint16_t *n_r)
{
	size_t i = 0;
	unsigned n = 0;

	if (*p == 'x') {
		*n_r = RULE_ANY;
		return 1;
	}
	for (; i < 3 && p[i] >= '0' && p[i] <= '9'; i++)
		n = n * 10 + (unsigned)(p[i] - '0');
	*n_r = (uint16_t)n;
	return i;
}

/* "4.7.28", "x.7.28" or "5.7.x" */
static bool
read_enhanced_one(const char *p, struct rule_enhanced *e_r)
{
	size_t n;

	if ((*p != 'x' && *p != '4' && *p != '5') || p[1] != '.')
		return false;
	e_r->class = *p == 'x' ? 0 : (uint8_t)(*p - '0');
	p += 2;
	if ((n = read_part(p, &e_r->subject)) == 0 || p[n] != '.')
		return false;
	p += n + 1;
	return (n = read_part(p, &e_r->detail)) != 0 && p[n] == '\0';
}

static void
read_enhanced(struct rule_reading *rd, char *value)
{
	struct reply_rule *r = rd->rule;
	struct rule_enhanced e;
	char *word;

	while ((word = datafile_word(&value)) != NULL) {
		if (!read_enhanced_one(word, &e))
			rule_mistake(rd, "enhanced: \"%.40s\" is not a code "
			    "as 4.7.28, x.7.28 or 5.7.x", word);
		else if (has_room(rd, r->nenhanced))
			r->enhanced[r->nenhanced++] = e;
	}
}

static void
read_words(struct rule_reading *rd, char *value)
{
	struct reply_rule *r = rd->rule;
	struct err e = ERR_INIT;
	char *phrase;
	int rc;

	while ((rc = datafile_phrase(&value, &phrase, &e)) == 1) {
		if (!has_room(rd, r->nwords))
			return;
		if (phrases_add(rd->r->phrases, phrase, &r->words[r->nwords],
		    &e) == -1) {
			rc = -1;
			break;
		}
		r->nwords++;
	}
	if (rc == -1)
		rule_mistake(rd, "words: %s", e.text);
}

/* ---- what it says */

static void
read_category(struct rule_reading *rd, char *value)
{
	for (int i = 1; i < REPLY_CATEGORIES; i++)
		if (strcmp(value, reply_category_name((enum reply_category)i))
		    == 0) {
			rd->rule->category = (int8_t)i;
			return;
		}
	rule_mistake(rd, "category: \"%.40s\" is none", value);
}

/* One of the names, by its number. */
static void
read_verdict(struct rule_reading *rd, const char *what, char *value,
    const char *const names[], int8_t *verdict)
{
	struct err e = ERR_INIT;
	uint32_t n;

	if (datafile_choice(value, names, &n, &e) == -1)
		rule_mistake(rd, "%s: %s", what, e.text);
	else
		*verdict = (int8_t)n;
}

static void
read_recipient(struct rule_reading *rd, char *value)
{
	static const char *const names[] = { "none", "soft", "hard", NULL };

	read_verdict(rd, "recipient", value, names, &rd->rule->recipient);
}

/* One for 4yz, one for 5yz, or both. */
static void
read_scheduler(struct rule_reading *rd, char *value)
{
	static const char *const names[] = { "retry-recipient", "site",
		"fail-recipient", "stop-campaign", NULL };
	static const int8_t verdicts[] = { REPLY_SCHED_RETRY_RECIPIENT,
		REPLY_SCHED_SITE, REPLY_SCHED_FAIL_RECIPIENT,
		REPLY_SCHED_STOP_CAMPAIGN };
	struct err e = ERR_INIT;
	char *word;
	uint32_t n;

	while ((word = datafile_word(&value)) != NULL) {
		int8_t *which;

		if (datafile_choice(word, names, &n, &e) == -1) {
			rule_mistake(rd, "scheduler: %s", e.text);
			continue;
		}
		which = n < 2 ? &rd->rule->temporary : &rd->rule->final;
		if (*which != RULE_KEEPS)
			rule_mistake(rd, "scheduler: says two verdicts for "
			    "%s", n < 2 ? "4yz" : "5yz");
		*which = verdicts[n];
	}
}

static void
read_site(struct rule_reading *rd, char *value)
{
	static const char *const names[] = { "ok", "slow", "suspend", NULL };

	read_verdict(rd, "site", value, names, &rd->rule->site);
}

void
rule_read_off(struct rule_reading *rd, char *value)
{
	if (strcmp(value, "yes") != 0)
		rule_mistake(rd, "off: is yes, or not said");
	else if (rd->layer == BASE)
		rule_mistake(rd, "off: is for the overlay");
	rd->off = true;
}

static const struct rule_setting class_settings[] = {
	{ "provider", false, rule_read_provider },
	{ "stage", false, read_stage },
	{ "code", false, read_codes },
	{ "enhanced", false, read_enhanced },
	{ "words", false, read_words },
	{ "category", false, read_category },
	{ "recipient", false, read_recipient },
	{ "scheduler", false, read_scheduler },
	{ "site", false, read_site },
	{ "off", false, rule_read_off },
	{ NULL, false, NULL },
};

/* ---- a class ends */

/* The promises of the header, where they can be seen to be broken. */
static void
check_class(struct rule_reading *rd, const struct reply_rule *r)
{
	bool all4 = r->ncodes > 0, all5 = r->ncodes > 0;
	const char *file = r->origin.file;
	unsigned line = r->origin.line;

	if (r->nproviders + r->ncodes + r->nenhanced + r->nwords == 0 &&
	    r->stages == 0)
		datafile_mistake(&rd->m, file, line, "class %s: says no "
		    "reply that it is for", r->origin.name);
	for (unsigned i = 0; i < r->ncodes; i++) {
		all4 = all4 && r->codes[i].high < 500;
		all5 = all5 && r->codes[i].low >= 500;
	}
	if ((all4 && r->final != RULE_KEEPS) ||
	    (all5 && r->temporary != RULE_KEEPS))
		datafile_mistake(&rd->m, file, line, "class %s: the basic "
		    "code alone decides whether there is another attempt",
		    r->origin.name);
	if (r->recipient == REPLY_RECIPIENT_HARD && (all4 ||
	    (r->category != RULE_KEEPS &&
	    r->category != REPLY_CAT_MAILBOX_UNKNOWN &&
	    r->category != REPLY_CAT_HOST_UNKNOWN)))
		datafile_mistake(&rd->m, file, line, "class %s: only a 5yz "
		    "of an unknown mailbox or host is hard", r->origin.name);
	if (r->recipient == REPLY_RECIPIENT_SOFT &&
	    r->category >= REPLY_CAT_POLICY &&
	    r->category <= REPLY_CAT_GREYLISTED)
		datafile_mistake(&rd->m, file, line, "class %s: a refusal "
		    "about us never counts against the subscriber",
		    r->origin.name);
}

static void
end_section(struct rule_reading *rd)
{
	if (rd->rule != NULL) {
		if (!rd->off)
			check_class(rd, rd->rule);
		if (rd->off || rd->hidden)
			rd->r->nrules--;
	} else if (rd->reaction != NULL) {
		if (!rd->off)
			rule_reaction_end(rd);
		if (rd->off || rd->hidden)
			rd->r->nreactions--;
	}
	rd->rule = NULL;
	rd->reaction = NULL;
}

/* ---- sections and settings */

/*
 * Enter a name.  False: it cannot be used.  Sets hidden when the overlay has
 * it already.
 */
static bool
enter_name(struct rule_reading *rd, const char *name, bool is_reaction)
{
	uint32_t id = datafile_key(name);
	struct rule_name *n;

	for (size_t i = 0; i < rd->nnames; i++) {
		n = &rd->names[i];
		if (n->id != id || n->is_reaction != is_reaction)
			continue;
		if (strcmp(n->name, name) != 0)
			rule_mistake(rd, "%s: cannot be told from %s; take "
			    "another name", name, n->name);
		else if (n->layer == rd->layer)
			rule_mistake(rd, "%s: is described already in line "
			    "%u", name, n->line);
		else {
			rd->hidden = true;
			continue;
		}
		return false;
	}
	rd->names = rule_grow(rd->names, rd->nnames, sizeof(*n));
	rd->names[rd->nnames++] = (struct rule_name){ id,
		rule_keep(rd, name), rd->d.line, rd->layer, is_reaction };
	return true;
}

static struct reply_rule_origin
origin_here(struct rule_reading *rd)
{
	return (struct reply_rule_origin){
		.name = rd->names[rd->nnames - 1].name,
		.file = rd->file,
		.line = rd->d.line,
		.date = "",
		.source = "",
	};
}

static void
begin_class(struct rule_reading *rd)
{
	struct reply_rules *r = rd->r;
	struct reply_rule *rule;

	r->rules = rule_grow(r->rules, r->nrules, sizeof(*rule));
	rule = &r->rules[r->nrules++];
	memset(rule, 0, sizeof(*rule));
	rule->origin = origin_here(rd);
	rule->id = datafile_key(rule->origin.name);
	rule->category = rule->recipient = rule->site = RULE_KEEPS;
	rule->temporary = rule->final = RULE_KEEPS;
	rd->rule = rule;
}

static void
begin_reaction(struct rule_reading *rd)
{
	struct reply_rules *r = rd->r;
	struct reaction *a;

	r->reactions = rule_grow(r->reactions, r->nreactions, sizeof(*a));
	a = &r->reactions[r->nreactions++];
	memset(a, 0, sizeof(*a));
	a->origin = origin_here(rd);
	a->id = datafile_key(a->origin.name);
	a->threshold = 1;
	a->window_s = 1;
	rd->reaction = a;
}

static void
read_section(struct rule_reading *rd)
{
	bool is_reaction = strcmp(rd->d.name, "reaction") == 0;
	struct err e = ERR_INIT;

	end_section(rd);
	rd->seen = 0;
	rd->off = rd->hidden = false;
	if (!is_reaction && strcmp(rd->d.name, "class") != 0)
		rule_mistake(rd, "[%.60s]: sections are [class NAME] and "
		    "[reaction NAME]", rd->d.name);
	else if (datafile_name_check(rd->d.value, &e) == -1)
		rule_mistake(rd, "%s: %s", rd->d.name, e.text);
	else if ((is_reaction ? rd->r->nreactions : rd->r->nrules) ==
	    REPLY_RULES_MAX)
		rule_mistake(rd, "more than %d of %s", REPLY_RULES_MAX,
		    rd->d.name);
	else if (!enter_name(rd, rd->d.value, is_reaction))
		return;
	else if (is_reaction)
		begin_reaction(rd);
	else
		begin_class(rd);
}

/* The source of a section is that of its last setting. */
static void
note_source(struct rule_reading *rd, struct reply_rule_origin *o)
{
	if (strcmp(rd->date, rd->d.date) != 0)
		rd->date = rule_keep(rd, rd->d.date);
	if (strcmp(rd->source, rd->d.source) != 0)
		rd->source = rule_keep(rd, rd->d.source);
	o->date = rd->date;
	o->source = rd->source;
}

static void
read_setting(struct rule_reading *rd)
{
	const struct rule_setting *s = rd->rule != NULL ? class_settings :
	    rule_reaction_settings;
	unsigned bit = 0;

	while (s[bit].name != NULL && strcmp(s[bit].name, rd->d.name) != 0)
		bit++;
	if (s[bit].name == NULL)
		rule_mistake(rd, "%.60s: there is no such setting",
		    rd->d.name);
	else if ((rd->seen >> bit & 1) != 0 && !s[bit].may_repeat)
		rule_mistake(rd, "%s: is set already", rd->d.name);
	else if (rd->d.value[0] == '\0')
		rule_mistake(rd, "%s: needs a value", rd->d.name);
	else
		s[bit].read(rd, rd->d.value);
	rd->seen |= 1u << bit;
	note_source(rd, rd->rule != NULL ? &rd->rule->origin :
	    &rd->reaction->origin);
}

static void
read_file(struct rule_reading *rd, const struct datafile_text *text,
    uint8_t layer)
{
	enum datafile_is is;

	rd->layer = layer;
	rd->file = rule_keep(rd, text->file);
	datafile_begin(&rd->d, text, layer == OVERLAY, &rd->m);
	while ((is = datafile_next(&rd->d)) != DATAFILE_END) {
		if (is == DATAFILE_SECTION)
			read_section(rd);
		else if (rd->rule != NULL || rd->reaction != NULL)
			read_setting(rd);
		/* What follows a bad section is not judged. */
	}
	end_section(rd);
}

static void
check_uses(struct rule_reading *rd)
{
	for (size_t i = 0; i < rd->nuses; i++) {
		const struct rule_use *u = &rd->uses[i];
		bool found = false;

		for (size_t j = 0; j < rd->nnames && !found; j++)
			found = !rd->names[j].is_reaction &&
			    rd->names[j].id == u->id;
		if (!found)
			datafile_mistake(&rd->m, u->file, u->line,
			    "class: %s is not described", u->name);
	}
}

static void
set_version(struct reply_rules *r, const char *overlay, const char *base)
{
	size_t len = strlen(base);

	memcpy(r->version, base, len + 1);
	if (overlay[0] == '\0')
		return;
	r->version[len++] = '+';
	memcpy(r->version + len, overlay, strlen(overlay) + 1);
}

struct reply_rules *
reply_rules_parse(const struct datafile_text *text,
    const struct datafile_text *overlay, const struct shaping *known,
    struct strbuf *mistakes)
{
	struct rule_reading rd = { .known = known, .m = { mistakes, 0 },
		.date = "", .source = "" };
	char overlay_version[DATAFILE_NAME_MAX + 1] = "";
	struct reply_rules *r = xcalloc(1, sizeof(*r));

	rd.r = r;
	r->phrases = phrases_new();
	if (overlay != NULL) {
		read_file(&rd, overlay, OVERLAY);
		memcpy(overlay_version, rd.d.version, sizeof(rd.d.version));
	}
	read_file(&rd, text, BASE);
	set_version(r, overlay_version, rd.d.version);
	check_uses(&rd);
	phrases_ready(r->phrases);
	free(rd.names);
	free(rd.uses);
	if (!datafile_mistakes_end(&rd.m, text->file)) {
		reply_rules_free(r);
		return NULL;
	}
	return r;
}
