/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shaping.h - what each receiver accepts, as data.
 *
 * A provider is a name, the hosts or domains it is known by, and limits.  They
 * come from the file that is shipped (listd/shaping.conf; listd.shaping(5)
 * describes it), where every value has a source and a date, and from the
 * administrator's overlay, which wins value by value.  What a provider does
 * not say is said by the provider "default"; what that one does not say, by
 * the table in shaping_parse.c.
 *
 * A struct shaping does not change once it is made: a reload makes another.
 * Numbers of providers hold within one only; what lasts, or goes to another
 * process, uses shaping_key(), which is the same for the same name.
 *
 * Scope: a limit counts per source address and site (set of MX hosts); a
 * shared_ limit counts per source address over all sites of the provider,
 * which matters where each customer's domain has hosts of its own.  The cost
 * of a lookup does not grow with the number of providers.
 */
#ifndef LIB_SHAPING_H
#define LIB_SHAPING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/datafile.h"

struct strbuf;
struct shaping;

#define SHAPING_PROVIDERS_MAX	4096
#define SHAPING_MATCHES_MAX	65536	/* host and domain names of all */
#define SHAPING_QUIET_MAX	4	/* windows of one provider */
#define SHAPING_SCHEDULES_MAX	4096	/* warm-up schedules of all */
#define SHAPING_WARMUP_MAX	64	/* rows of one schedule */
#define SHAPING_DAYS_MAX	1000	/* the last day a row may name */
#define SHAPING_DEFAULT		0	/* the number of "default" */

enum shaping_what {
	/* connections at once; of all sites together, 0 = no such limit */
	SHAPING_CONNECTIONS,
	SHAPING_SHARED_CONNECTIONS,
	/* what the two above may never be set above, overlay included */
	SHAPING_CONNECTIONS_MAX,
	SHAPING_MESSAGES_PER_CONNECTION,
	/* a minute; the shared ones 0 = no such limit */
	SHAPING_MESSAGES_PER_MINUTE,
	SHAPING_SHARED_MESSAGES_PER_MINUTE,
	SHAPING_CONNECTS_PER_MINUTE,
	SHAPING_SHARED_CONNECTS_PER_MINUTE,
	SHAPING_IDLE_SECONDS,		/* an unused connection is kept, s */
	SHAPING_FAILURES,		/* failures in a row, then it rests */
	SHAPING_BROKEN_TLS_HOURS,	/* a failed handshake is remembered */
	SHAPING_TLS,			/* enum shaping_tls */
	SHAPING_BDAT,			/* 0 never, 1 where it is offered */
	SHAPING_SEND,			/* 0 no connection at all (S30) */
	SHAPING_QUIET,			/* number of windows, see below */
	SHAPING_WHATS
};

enum shaping_tls {
	SHAPING_TLS_OPPORTUNISTIC,
	SHAPING_TLS_UNVERIFIED,		/* required, any certificate */
	SHAPING_TLS_REQUIRED		/* required, valid and of that host */
};

/* Why a value is what it is; strings live as long as the struct shaping. */
struct shaping_origin {
	const char	*text;		/* the value as it was written */
	const char	*file;		/* "built-in": line 0, no source */
	unsigned	 line;
	const char	*date;		/* "" when none was given */
	const char	*source;
	uint16_t	 provider;	/* who says it: its own, or "default" */
};

/*
 * Read the shipped file and, unless NULL, the overlay.
 *
 * mistakes	appended to: one line each, of both files, at most
 *		DATAFILE_MISTAKES_MAX
 *
 * Returns NULL when there were mistakes.  In the overlay format, version and
 * sources may be missing.
 */
struct shaping *shaping_parse(const struct datafile_text *text,
    const struct datafile_text *overlay, struct strbuf *mistakes);
void shaping_free(struct shaping *s);	/* NULL is fine */

/* The shipped file's; the overlay's follows after '+' when it has one. */
const char *shaping_version(const struct shaping *s);

/* ---- who */

/*
 * The provider of a site.  One that knows the recipients' domain wins; else
 * one that knows every host, by the longest name it is known under.
 *
 * hosts[n]	names of MX hosts in any case, a last dot is passed over
 * domain	likewise, or NULL
 *
 * Returns SHAPING_DEFAULT when nobody knows them all.
 */
uint16_t shaping_site(const struct shaping *s, const char *const *hosts,
    size_t n, const char *domain);

size_t shaping_providers(const struct shaping *s);
const char *shaping_name(const struct shaping *s, uint16_t provider);
/* By name: SHAPING_DEFAULT with *found_r false when there is none. */
uint16_t shaping_find(const struct shaping *s, const char *name,
    bool *found_r);
/* datafile_key() of its name. */
uint32_t shaping_key(const struct shaping *s, uint16_t provider);
uint16_t shaping_find_key(const struct shaping *s, uint32_t key,
    bool *found_r);

/* ---- what; provider is one of shaping_providers() */

uint32_t shaping_get(const struct shaping *s, uint16_t provider,
    enum shaping_what what);
void shaping_origin(const struct shaping *s, uint16_t provider,
    enum shaping_what what, struct shaping_origin *origin_r);
/* The name it has in the file; NULL past the end. */
const char *shaping_what_name(enum shaping_what what);
/*
 * One line for people: `connections 5 (google, shaping.conf:31, 2026-08
 * where it was read)`.
 */
void shaping_explain(const struct shaping *s, uint16_t provider,
    enum shaping_what what, struct strbuf *out);

/*
 * Is it a quiet hour at the UTC second now?  Then until_r gets the second
 * when it ends; else now.
 */
bool shaping_quiet(const struct shaping *s, uint16_t provider, int64_t now,
    int64_t *until_r);

/*
 * How many messages a source that is being warmed up may send to a provider.
 *
 * source	its name or address; a schedule of its own wins over one for
 *		all, and the provider's over that of "default"
 * day		1 on the first day
 *
 * Returns messages that day, or -1 when there is no limit (any more).
 * origin_r may be NULL.
 */
int64_t shaping_warmup(const struct shaping *s, uint16_t provider,
    const char *source, uint32_t day, struct shaping_origin *origin_r);

#endif
