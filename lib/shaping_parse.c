/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shaping_parse.c - read what receivers accept.
 *
 * The shipped file is layer 0 and the overlay layer 1.  A value is set once in
 * a layer, and the higher layer stays.  When both are read what is not said is
 * inherited, and every origin with it.
 */
#include "config.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lib/err.h"
#include "lib/shaping.h"
#include "lib/shaping_private.h"
#include "lib/strbuf.h"
#include "lib/xmalloc.h"

#define BASE	0
#define OVERLAY	1
#define NOWHERE	SHAPING_PROVIDERS_MAX	/* no section, or a bad one */

/* Both files being read; file and what follows is of one of them. */
struct reading {
	struct shaping		*s;
	struct datafile_mistakes m;
	struct datafile		 d;
	uint8_t			 layer;
	char			*file;		/* its name, kept */
	size_t			 provider;	/* NOWHERE */
	const char		*date, *source;	/* kept last */
};

/* What is wrong with the line read last. */
#define mistake(r, ...) \
	datafile_mistake(&(r)->m, (r)->d.text.file, (r)->d.line, __VA_ARGS__)

static char *
keep(struct shaping *s, const char *text)
{
	char *copy = xstrdup(text);

	/* Grows by doubling: at 0, 1, 2, 4... */
	if ((s->nstrings & (s->nstrings - 1)) == 0)
		s->strings = xreallocarray(s->strings,
		    s->nstrings == 0 ? 1 : 2 * s->nstrings, sizeof(char *));
	s->strings[s->nstrings++] = copy;
	return copy;
}

/* Room for one more element; limits are far below an overflow. */
static void *
grow(void *array, size_t n, size_t size)
{
	if ((n & (n - 1)) != 0)
		return array;
	return xreallocarray(array, n == 0 ? 1 : 2 * n, size);
}

/* ---- values */

static struct shaping_origin
origin_here(struct reading *r, const char *text)
{
	struct shaping_origin o;

	if (strcmp(r->date, r->d.date) != 0)
		r->date = keep(r->s, r->d.date);
	if (strcmp(r->source, r->d.source) != 0)
		r->source = keep(r->s, r->d.source);
	o = (struct shaping_origin){
		.text = keep(r->s, text),
		.file = r->file,
		.line = r->d.line,
		.date = r->date,
		.source = r->source,
		.provider = (uint16_t)r->provider,
	};
	return o;
}

static void
set_value(struct reading *r, enum shaping_what what, char *value)
{
	struct shaping_provider *p = &r->s->providers[r->provider];
	struct shaping_value *v = &p->v[what];
	struct err e = ERR_INIT;
	struct shaping_origin o;

	if (v->set && v->origin.file == r->file) {
		mistake(r, "%s: is set already in line %u",
		    shaping_what_name(what), v->origin.line);
		return;
	}
	o = origin_here(r, value);
	if (shaping_value_read(p, what, value, &v->n, &e) == -1)
		mistake(r, "%s: %s", shaping_what_name(what), e.text);
	v->set = true;
	v->origin = o;
}

/* ---- warm-up */

static struct shaping_schedule *
schedule_of(const struct shaping *s, size_t provider, const char *source)
{
	for (size_t i = 0; i < s->nschedules; i++)
		if (s->schedules[i].provider == provider &&
		    strcmp(s->schedules[i].source, source) == 0)
			return &s->schedules[i];
	return NULL;
}

/* The key is "warmup" or "warmup SOURCE". */
static void
set_warmup(struct reading *r, const char *source, char *value)
{
	struct shaping *s = r->s;
	struct shaping_schedule *old = schedule_of(s, r->provider, source);
	struct shaping_schedule w = { .provider = (uint16_t)r->provider };
	struct err e = ERR_INIT;

	if (old != NULL && old->origin.file == r->file) {
		mistake(r, "warmup: is set already in line %u",
		    old->origin.line);
		return;
	}
	w.origin = origin_here(r, value);
	if (shaping_steps_read(value, &w, &e) == -1) {
		mistake(r, "warmup: %s", e.text);
		return;
	}
	w.source = keep(s, source);
	if (old != NULL) {
		*old = w;
	} else if (s->nschedules == SHAPING_SCHEDULES_MAX) {
		mistake(r, "warmup: more than %d in all",
		    SHAPING_SCHEDULES_MAX);
	} else {
		s->schedules = grow(s->schedules, s->nschedules, sizeof(w));
		s->schedules[s->nschedules++] = w;
	}
}

/* ---- names of hosts and domains */

/* Make room in slots for twice the matches. */
static void
make_room(struct shaping *s)
{
	size_t want = 4;

	while (want < 2 * (s->nmatches + 1))
		want *= 2;
	if (want > s->nslots) {
		free(s->slots);
		s->slots = xcalloc(want, sizeof(*s->slots));
		s->nslots = want;
		for (size_t i = 0; i < s->nmatches; i++) {
			size_t at = s->matches[i].hash & (want - 1);

			while (s->slots[at] != 0)
				at = (at + 1) & (want - 1);
			s->slots[at] = (uint32_t)i + 1;
		}
	}
}

static void
match_new(struct shaping *s, const struct shaping_match *m)
{
	size_t at;

	make_room(s);
	s->matches = grow(s->matches, s->nmatches, sizeof(*m));
	s->matches[s->nmatches++] = *m;
	at = m->hash & (s->nslots - 1);
	while (s->slots[at] != 0)
		at = (at + 1) & (s->nslots - 1);
	s->slots[at] = (uint32_t)s->nmatches;
}

static void
add_match(struct reading *r, char *word, bool is_domain)
{
	struct shaping_match m = { .hash = SHAPING_HASH_INIT,
		.provider = (uint16_t)r->provider, .is_domain = is_domain,
		.layer = r->layer, .line = r->d.line };
	struct shaping_match *old;
	struct err e = ERR_INIT;

	if (datafile_host(word, &e) == -1) {
		mistake(r, "%s: %s", r->d.name, e.text);
		return;
	}
	m.len = strlen(word);
	for (size_t i = m.len; i-- > 0;)
		m.hash = shaping_hash_step(m.hash, word[i]);
	old = shaping_match_find(r->s, word, m.len, m.hash, is_domain);
	if (old != NULL && old->layer == r->layer) {
		mistake(r, "%s: %s belongs to %s already, line %u", r->d.name,
		    word, r->s->providers[old->provider].name, old->line);
	} else if (old != NULL) {
		m.name = old->name;
		*old = m;
	} else if (r->s->nmatches == SHAPING_MATCHES_MAX) {
		mistake(r, "%s: more than %d names in all", r->d.name,
		    SHAPING_MATCHES_MAX);
	} else {
		m.name = keep(r->s, word);
		match_new(r->s, &m);
	}
}

static void
set_matches(struct reading *r, char *value, bool is_domain)
{
	char *word = datafile_word(&value);

	if (r->provider == SHAPING_DEFAULT)
		mistake(r, "%s: default is whoever has no name", r->d.name);
	else if (word == NULL)
		mistake(r, "%s: needs a value", r->d.name);
	else
		for (; word != NULL; word = datafile_word(&value))
			add_match(r, word, is_domain);
}

/* ---- sections and settings */

static size_t
provider_new(struct shaping *s, const char *name)
{
	struct shaping_provider *p;

	s->providers = grow(s->providers, s->nproviders, sizeof(*p));
	p = &s->providers[s->nproviders];
	memset(p, 0, sizeof(*p));
	p->name = keep(s, name);
	p->key = datafile_key(name);
	return s->nproviders++;
}

static size_t
provider_get(struct reading *r, const char *name)
{
	uint32_t key = datafile_key(name);
	struct shaping *s = r->s;

	for (size_t i = 0; i < s->nproviders; i++) {
		if (s->providers[i].key != key)
			continue;
		if (strcmp(s->providers[i].name, name) == 0)
			return i;
		mistake(r, "%s: cannot be told from %s; take another name",
		    name, s->providers[i].name);
		return NOWHERE;
	}
	if (s->nproviders == SHAPING_PROVIDERS_MAX) {
		mistake(r, "%s: more than %d providers", name,
		    SHAPING_PROVIDERS_MAX);
		return NOWHERE;
	}
	return provider_new(s, name);
}

static void
read_section(struct reading *r)
{
	struct err e = ERR_INIT;
	struct shaping_provider *p;

	r->provider = NOWHERE;
	if (strcmp(r->d.name, "provider") != 0) {
		mistake(r, "[%.60s]: sections are [provider NAME]", r->d.name);
		return;
	}
	if (datafile_name_check(r->d.value, &e) == -1) {
		mistake(r, "provider: %s", e.text);
		return;
	}
	r->provider = provider_get(r, r->d.value);
	if (r->provider == NOWHERE)
		return;
	p = &r->s->providers[r->provider];
	if (p->line[r->layer] != 0)
		mistake(r, "provider %s: is described already in line %u",
		    p->name, p->line[r->layer]);
	else
		p->line[r->layer] = r->d.line;
}

static void
read_limit(struct reading *r)
{
	const char *name = r->d.name;
	size_t what = 0;

	if (strcmp(name, "mx") == 0 || strcmp(name, "domain") == 0) {
		set_matches(r, r->d.value, *name == 'd');
		return;
	}
	if (strncmp(name, "warmup", 6) == 0 &&
	    (name[6] == '\0' || name[6] == ' ')) {
		if (name[6] == ' ' && strlen(name) > 7 + DATAFILE_NAME_MAX)
			mistake(r, "warmup: the name of the source is longer "
			    "than %d octets", DATAFILE_NAME_MAX);
		else if (name[6] == ' ' && strchr(name + 7, ' ') != NULL)
			mistake(r, "warmup: more than one source");
		else
			set_warmup(r, name[6] == ' ' ? name + 7 : "",
			    r->d.value);
		return;
	}
	while (what < SHAPING_WHATS &&
	    strcmp(shaping_what_name((enum shaping_what)what), name) != 0)
		what++;
	if (what == SHAPING_WHATS)
		mistake(r, "%.60s: there is no such setting", name);
	else
		set_value(r, (enum shaping_what)what, r->d.value);
}

static void
add_version(struct shaping *s, const char *version)
{
	size_t len = strlen(s->version);

	if (version[0] == '\0')
		return;
	if (len > 0)
		s->version[len++] = '+';
	memcpy(s->version + len, version, strlen(version) + 1);
}

static void
read_file(struct reading *r, const struct datafile_text *text, uint8_t layer)
{
	enum datafile_is is;

	r->layer = layer;
	r->file = keep(r->s, text->file);
	r->provider = NOWHERE;
	datafile_begin(&r->d, text, layer == OVERLAY, &r->m);
	while ((is = datafile_next(&r->d)) != DATAFILE_END) {
		if (is == DATAFILE_SECTION)
			read_section(r);
		else if (r->provider != NOWHERE)
			read_limit(r);
		/* What follows a bad section is not judged. */
	}
	add_version(r->s, r->d.version);
}

/* ---- when all is read */

static void
fill_builtin(struct shaping *s)
{
	struct shaping_provider *p = &s->providers[SHAPING_DEFAULT];

	for (int i = 0; i < SHAPING_WHATS; i++) {
		enum shaping_what what = (enum shaping_what)i;
		const char *def = shaping_what_default(what);
		struct err e = ERR_INIT;
		char *value = xstrdup(def);
		int rc = shaping_value_read(p, what, value, &p->v[i].n, &e);

		assert(rc == 0);	/* our own table */
		(void)rc;
		free(value);
		p->v[i].origin = (struct shaping_origin){ def, "built-in", 0,
			"", "", SHAPING_DEFAULT };
	}
}

/* An own value above the maximum is a mistake, an inherited one is cut. */
static void
keep_below_max(struct reading *r, struct shaping_provider *p,
    enum shaping_what what)
{
	const struct shaping_value *max = &p->v[SHAPING_CONNECTIONS_MAX];
	struct shaping_value *v = &p->v[what];

	if (max->n == 0 || v->n <= max->n)
		return;
	if (v->set)
		datafile_mistake(&r->m, v->origin.file, v->origin.line,
		    "%s: %u is above connections_max, %u (%s:%u)",
		    shaping_what_name(what), v->n, max->n, max->origin.file,
		    max->origin.line);
	else
		*v = *max;
}

static void
inherit(struct reading *r)
{
	struct shaping *s = r->s;
	const struct shaping_provider *def = &s->providers[SHAPING_DEFAULT];

	for (size_t i = 0; i < s->nproviders; i++) {
		struct shaping_provider *p = &s->providers[i];

		for (size_t w = 0; w < SHAPING_WHATS && i != SHAPING_DEFAULT;
		    w++) {
			if (p->v[w].set)
				continue;
			p->v[w] = def->v[w];
			p->v[w].set = false;
			if (w == SHAPING_QUIET)
				memcpy(p->quiet, def->quiet,
				    sizeof(p->quiet));
		}
		keep_below_max(r, p, SHAPING_CONNECTIONS);
		keep_below_max(r, p, SHAPING_SHARED_CONNECTIONS);
	}
}

static void
index_keys(struct shaping *s)
{
	s->by_key = xcalloc(s->nproviders, sizeof(*s->by_key));
	for (size_t i = 0; i < s->nproviders; i++) {
		size_t at = i;

		for (; at > 0 && s->providers[s->by_key[at - 1]].key >
		    s->providers[i].key; at--)
			s->by_key[at] = s->by_key[at - 1];
		s->by_key[at] = (uint16_t)i;
	}
}

struct shaping *
shaping_parse(const struct datafile_text *text,
    const struct datafile_text *overlay, struct strbuf *mistakes)
{
	struct reading r = { .m = { mistakes, 0 }, .date = "", .source = "" };
	struct shaping *s = xcalloc(1, sizeof(*s));

	r.s = s;
	provider_new(s, "default");
	fill_builtin(s);
	read_file(&r, text, BASE);
	if (overlay != NULL)
		read_file(&r, overlay, OVERLAY);
	inherit(&r);
	index_keys(s);
	if (!datafile_mistakes_end(&r.m, text->file)) {
		shaping_free(s);
		return NULL;
	}
	return s;
}
