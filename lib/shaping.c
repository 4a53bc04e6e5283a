/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shaping.c - look up what a receiver accepts.
 *
 * Names of hosts are hashed from their end, so that one pass over a name gives
 * the hash of every domain above it; the table of those is half empty.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/shaping.h"
#include "lib/shaping_private.h"
#include "lib/strbuf.h"

void
shaping_free(struct shaping *s)
{
	if (s == NULL)
		return;
	for (size_t i = 0; i < s->nstrings; i++)
		free(s->strings[i]);
	free(s->strings);
	free(s->providers);
	free(s->by_key);
	free(s->matches);
	free(s->slots);
	free(s->schedules);
	free(s);
}

const char *
shaping_version(const struct shaping *s)
{
	return s->version;
}

/* ---- who */

struct shaping_match *
shaping_match_find(const struct shaping *s, const char *name, size_t len,
    uint32_t hash, bool is_domain)
{
	size_t mask = s->nslots - 1;

	if (s->nslots == 0)
		return NULL;
	for (size_t i = hash & mask; s->slots[i] != 0; i = (i + 1) & mask) {
		struct shaping_match *m = &s->matches[s->slots[i] - 1];

		if (m->hash == hash && m->len == len &&
		    m->is_domain == is_domain &&
		    strncasecmp(m->name, name, len) == 0)
			return m;
	}
	return NULL;
}

static size_t
name_len(const char *name)
{
	size_t len = strlen(name);

	return len > 0 && name[len - 1] == '.' ? len - 1 : len;
}

/* The longest known name that host is or lies under. */
static uint16_t
provider_of_host(const struct shaping *s, const char *host)
{
	uint16_t best = SHAPING_DEFAULT;
	uint32_t h = SHAPING_HASH_INIT;
	size_t len = name_len(host);

	for (size_t i = len; i-- > 0;) {
		const struct shaping_match *m;

		h = shaping_hash_step(h, host[i]);
		if (i > 0 && host[i - 1] != '.')
			continue;
		m = shaping_match_find(s, host + i, len - i, h, false);
		if (m != NULL)
			best = m->provider;
	}
	return best;
}

static uint16_t
provider_of_domain(const struct shaping *s, const char *domain)
{
	const struct shaping_match *m;
	uint32_t h = SHAPING_HASH_INIT;
	size_t len = name_len(domain);

	for (size_t i = len; i-- > 0;)
		h = shaping_hash_step(h, domain[i]);
	m = shaping_match_find(s, domain, len, h, true);
	return m != NULL ? m->provider : SHAPING_DEFAULT;
}

uint16_t
shaping_site(const struct shaping *s, const char *const *hosts, size_t n,
    const char *domain)
{
	uint16_t p = SHAPING_DEFAULT;

	if (domain != NULL)
		p = provider_of_domain(s, domain);
	if (p != SHAPING_DEFAULT || n == 0)
		return p;
	p = provider_of_host(s, hosts[0]);
	for (size_t i = 1; i < n && p != SHAPING_DEFAULT; i++)
		if (provider_of_host(s, hosts[i]) != p)
			return SHAPING_DEFAULT;
	return p;
}

size_t
shaping_providers(const struct shaping *s)
{
	return s->nproviders;
}

const char *
shaping_name(const struct shaping *s, uint16_t provider)
{
	return s->providers[provider].name;
}

uint32_t
shaping_key(const struct shaping *s, uint16_t provider)
{
	return s->providers[provider].key;
}

uint16_t
shaping_find_key(const struct shaping *s, uint32_t key, bool *found_r)
{
	size_t lo = 0, hi = s->nproviders;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (s->providers[s->by_key[mid]].key < key)
			lo = mid + 1;
		else
			hi = mid;
	}
	*found_r = lo < s->nproviders &&
	    s->providers[s->by_key[lo]].key == key;
	return *found_r ? s->by_key[lo] : SHAPING_DEFAULT;
}

uint16_t
shaping_find(const struct shaping *s, const char *name, bool *found_r)
{
	uint16_t p = shaping_find_key(s, datafile_key(name), found_r);

	*found_r = *found_r && strcmp(s->providers[p].name, name) == 0;
	return *found_r ? p : SHAPING_DEFAULT;
}

/* ---- what */

uint32_t
shaping_get(const struct shaping *s, uint16_t provider,
    enum shaping_what what)
{
	return s->providers[provider].v[what].n;
}

void
shaping_origin(const struct shaping *s, uint16_t provider,
    enum shaping_what what, struct shaping_origin *origin_r)
{
	*origin_r = s->providers[provider].v[what].origin;
}

void
shaping_explain(const struct shaping *s, uint16_t provider,
    enum shaping_what what, struct strbuf *out)
{
	const struct shaping_value *v = &s->providers[provider].v[what];
	const struct shaping_origin *o = &v->origin;

	strbuf_addf(out, "%s %s (%s, %s", shaping_what_name(what), o->text,
	    shaping_name(s, o->provider), o->file);
	if (o->line != 0)
		strbuf_addf(out, ":%u", o->line);
	if (o->date[0] != '\0')
		strbuf_addf(out, ", %s %s", o->date, o->source);
	strbuf_addc(out, ')');
}

/* Minutes from here to the end of a window that it is in; 0: in none. */
static unsigned
minutes_left(const struct shaping_provider *p, unsigned minute)
{
	for (uint32_t i = 0; i < p->v[SHAPING_QUIET].n; i++)
		if (shaping_in_window(&p->quiet[i], minute))
			return (p->quiet[i].to + SHAPING_DAY - minute) %
			    SHAPING_DAY;
	return 0;
}

bool
shaping_quiet(const struct shaping *s, uint16_t provider, int64_t now,
    int64_t *until_r)
{
	const struct shaping_provider *p = &s->providers[provider];
	int64_t day = now - (now % 86400 + 86400) % 86400;
	unsigned first = (unsigned)((now - day) / 60), minute = first, left;

	/* Windows may touch; that they leave time to send was checked. */
	while ((left = minutes_left(p, minute % SHAPING_DAY)) != 0)
		minute += left;
	*until_r = minute == first ? now : day + (int64_t)minute * 60;
	return minute != first;
}

static int64_t
cap_of_day(const struct shaping_schedule *w, uint32_t day)
{
	int64_t cap = w->rows[0].cap;

	for (unsigned i = 1; i < w->nrows && w->rows[i].day <= day; i++)
		cap = w->rows[i].cap;
	return cap;
}

static const struct shaping_schedule *
schedule_find(const struct shaping *s, uint16_t provider, const char *source)
{
	for (size_t i = 0; i < s->nschedules; i++)
		if (s->schedules[i].provider == provider &&
		    strcmp(s->schedules[i].source, source) == 0)
			return &s->schedules[i];
	return NULL;
}

int64_t
shaping_warmup(const struct shaping *s, uint16_t provider, const char *source,
    uint32_t day, struct shaping_origin *origin_r)
{
	const struct shaping_schedule *w;

	if ((w = schedule_find(s, provider, source)) == NULL &&
	    (w = schedule_find(s, provider, "")) == NULL &&
	    (w = schedule_find(s, SHAPING_DEFAULT, source)) == NULL &&
	    (w = schedule_find(s, SHAPING_DEFAULT, "")) == NULL)
		return -1;
	if (origin_r != NULL)
		*origin_r = w->origin;
	return cap_of_day(w, day);
}
