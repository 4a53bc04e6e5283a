/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reply_rules_private.h - classes and reactions, between reader and use.
 */
#ifndef LIB_REPLY_RULES_PRIVATE_H
#define LIB_REPLY_RULES_PRIVATE_H

#include "lib/phrases.h"
#include "lib/reply_rules.h"

#define RULE_KEEPS	(-1)	/* a verdict that stays the floor's */
#define RULE_ANY	1000	/* any subject or detail */

struct rule_codes {
	uint16_t	low, high;
};

struct rule_enhanced {
	uint8_t		class;			/* 0: 4 and 5 */
	uint16_t	subject, detail;	/* RULE_ANY */
};

struct reply_rule {
	uint32_t		id;
	struct reply_rule_origin origin;
	/* What fits: all that are not empty. */
	uint32_t		providers[REPLY_RULES_LIST_MAX];
	struct rule_codes	codes[REPLY_RULES_LIST_MAX];
	struct rule_enhanced	enhanced[REPLY_RULES_LIST_MAX];
	uint16_t		words[REPLY_RULES_LIST_MAX];
	uint8_t			nproviders, ncodes, nenhanced, nwords;
	uint16_t		stages;
	/* What it says; RULE_KEEPS. */
	int8_t			category, recipient, site;
	int8_t			temporary, final;	/* of the scheduler */
};

struct reply_rules {
	char			 version[2 * DATAFILE_NAME_MAX + 2];
	struct reply_rule	*rules;
	size_t			 nrules;
	struct reaction		*reactions;
	size_t			 nreactions;
	struct phrases		*phrases;
	char			**strings;	/* owned */
	size_t			 nstrings;
};

/* What a section was called. */
struct rule_name {
	uint32_t	id;
	const char	*name;
	unsigned	 line;
	uint8_t		 layer;
	bool		 is_reaction;
};

/* A class that a reaction names. */
struct rule_use {
	uint32_t	id;
	const char	*name, *file;
	unsigned	 line;
};

/* The two files being read; d and what follows is of one of them. */
struct rule_reading {
	struct reply_rules	*r;
	const struct shaping	*known;
	struct datafile_mistakes m;
	struct rule_name	*names;
	size_t			 nnames;
	struct rule_use		*uses;		/* looked for at the end */
	size_t			 nuses;
	struct datafile		 d;
	uint8_t			 layer;
	char			*file;		/* its name, kept */
	const char		*date, *source;	/* kept last */
	/* The section that is open: none, or one of these. */
	struct reply_rule	*rule;
	struct reaction		*reaction;
	uint32_t		 seen;		/* its settings, by bits */
	bool			 off;		/* it says so */
	bool			 hidden;	/* the overlay has the name */
};

#define rule_mistake(rd, ...) \
	datafile_mistake(&(rd)->m, (rd)->d.text.file, (rd)->d.line, \
	    __VA_ARGS__)

char *rule_keep(struct rule_reading *rd, const char *text);
/* Room for one more element, by doubling. */
void *rule_grow(void *array, size_t n, size_t size);

/* A setting: its name, and what reads its value into the open section. */
struct rule_setting {
	const char	*name;
	bool		 may_repeat;
	void		(*read)(struct rule_reading *rd, char *value);
};

/* Those that classes and reactions share. */
void rule_read_provider(struct rule_reading *rd, char *value);
void rule_read_off(struct rule_reading *rd, char *value);

/* Those of a reaction, ended by one without a name. */
extern const struct rule_setting rule_reaction_settings[];
/* Its section ends: what does not fit together, or is missing. */
void rule_reaction_end(struct rule_reading *rd);

#endif
