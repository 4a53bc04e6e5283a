/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shaping_private.h - what is known of receivers, between its reader and its
 * lookups.
 */
#ifndef LIB_SHAPING_PRIVATE_H
#define LIB_SHAPING_PRIVATE_H

#include "lib/shaping.h"

#define SHAPING_DAY	1440	/* minutes */

struct shaping_value {
	uint32_t		n;
	bool			set;	/* by this provider, not inherited */
	struct shaping_origin	origin;
};

/* Minutes of the UTC day, [from, to), over midnight when to <= from. */
struct shaping_window {
	uint16_t	from, to;
};

struct shaping_provider {
	char			*name;
	uint32_t		 key;
	unsigned		 line[2];	/* of its section; 0: none */
	struct shaping_value	 v[SHAPING_WHATS];
	struct shaping_window	 quiet[SHAPING_QUIET_MAX];
};

struct shaping_schedule {
	uint16_t		provider;
	uint8_t			nrows;
	const char		*source;	/* "" for all */
	struct shaping_origin	origin;
	struct {
		uint32_t	day;
		int64_t		cap;		/* -1: none */
	} rows[SHAPING_WARMUP_MAX];
};

/* A name that says who it is. */
struct shaping_match {
	const char	*name;		/* lower case */
	size_t		 len;
	uint32_t	 hash;		/* from its end to its start */
	uint16_t	 provider;
	bool		 is_domain;
	uint8_t		 layer;		/* 0 shipped, 1 overlay */
	unsigned	 line;
};

struct shaping {
	char			 version[2 * DATAFILE_NAME_MAX + 2];
	struct shaping_provider	*providers;
	size_t			 nproviders;
	uint16_t		*by_key;	/* providers by their key */
	struct shaping_match	*matches;
	size_t			 nmatches;
	uint32_t		*slots;		/* match + 1, 0 free */
	size_t			 nslots;	/* a power of two */
	struct shaping_schedule	*schedules;
	size_t			 nschedules;
	char			**strings;	/* owned */
	size_t			 nstrings;
};

#define SHAPING_HASH_INIT	2166136261u

static inline uint32_t
shaping_hash_step(uint32_t h, char c)
{
	if (c >= 'A' && c <= 'Z')
		c = (char)(c + ('a' - 'A'));
	return (h ^ (unsigned char)c) * 16777619u;
}

static inline bool
shaping_in_window(const struct shaping_window *w, unsigned minute)
{
	if (w->from < w->to)
		return minute >= w->from && minute < w->to;
	return minute >= w->from || minute < w->to;
}

struct err;

/* Read a value; quiet hours go to p, and n_r is how many.  value is cut up. */
int shaping_value_read(struct shaping_provider *p, enum shaping_what what,
    char *value, uint32_t *n_r, struct err *e);
int shaping_steps_read(char *value, struct shaping_schedule *w,
    struct err *e);
const char *shaping_what_default(enum shaping_what what);

/* NULL when name[len] itself is not known. */
struct shaping_match *shaping_match_find(const struct shaping *s,
    const char *name, size_t len, uint32_t hash, bool is_domain);

#endif
