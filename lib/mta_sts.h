/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mta_sts.h - what a domain says about TLS to its mail hosts (RFC 8461).
 *
 * A domain that wants its mail over verified TLS alone publishes a TXT record
 * at _mta-sts.DOMAIN, whose id changes with the policy, and the policy itself
 * at https://mta-sts.DOMAIN/.well-known/mta-sts.txt.  Here both are read and
 * the rules of the cache are kept; who asks and fetches is somebody else.
 *
 * The cache is the point of it all: a policy counts until its max_age is over,
 * whatever becomes of DNS and HTTPS meanwhile (sections 3.3 and 5.1), so that
 * who can suppress an answer cannot suppress a policy that was seen once.
 */
#ifndef LIB_MTA_STS_H
#define LIB_MTA_STS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct strbuf;
struct unpack;

#define MTA_STS_ID_MAX		32	/* octets of an id, section 3.1 */
#define MTA_STS_POLICY_MAX	(64u << 10)	/* octets; section 3.3 */
#define MTA_STS_MX_MAX		64	/* patterns of one policy */
#define MTA_STS_NAME_MAX	255	/* octets of a pattern */
#define MTA_STS_AGE_MAX_S	31557600	/* larger count as this */
#define MTA_STS_FAILED_MS	300000	/* no second try of a failed fetch */
#define MTA_STS_REFRESH_MS	86400000	/* fetched anew by then */

/* ---- the record */

enum mta_sts_found {
	MTA_STS_ABSENT,		/* no record, several, or one that is wrong */
	MTA_STS_PRESENT,
	MTA_STS_UNKNOWN,	/* the DNS did not answer */
};

/*
 * Look for the one record among the n TXT records of _mta-sts.DOMAIN: those
 * that do not begin with v=STSv1 are no record of ours; of the others there
 * must be one, and it must be right.  id_r is set for MTA_STS_PRESENT alone.
 */
enum mta_sts_found mta_sts_record(const char *const *text, size_t n,
    char id_r[static MTA_STS_ID_MAX + 1]);

/* ---- the policy */

enum mta_sts_mode { MTA_STS_NONE, MTA_STS_TESTING, MTA_STS_ENFORCE };

struct mta_sts_policy {
	enum mta_sts_mode mode;
	uint32_t	max_age_s;
	unsigned	n;
	char		mx[MTA_STS_MX_MAX][MTA_STS_NAME_MAX + 1];
};

/*
 * Read a policy file (section 3.2): lines "key: value" that end in LF or CRLF;
 * keys not known are passed over, of a repeated key other than mx the first
 * counts.  Names come out in lower case, without a last dot.
 *
 * -1 with e: ERR_LIMIT above MTA_STS_POLICY_MAX or MTA_STS_MX_MAX, ERR_INPUT
 * when something required is missing or wrong; p_r is undefined then.
 */
int mta_sts_parse(const char *text, size_t len, struct mta_sts_policy *p_r,
    struct err *e);

/* "text/plain", perhaps with parameters; the value of Content-Type. */
bool mta_sts_is_plain(const char *media_type);

/*
 * Does a pattern of the policy name this mail host?  "*.example.com" stands
 * for exactly one label more (section 4.1).  Case and a last dot do not count.
 */
bool mta_sts_match(const struct mta_sts_policy *p, const char *host);

/*
 * Append the policy as a file's lines, ended by LF, as many whole ones as max
 * octets take.
 */
void mta_sts_format(struct strbuf *out, const struct mta_sts_policy *p,
    size_t max);

/* "none", "testing" or "enforce". */
const char *mta_sts_mode_name(enum mta_sts_mode mode);

/* ---- a policy that came, as it is kept */

struct mta_sts_kept {
	char		id[MTA_STS_ID_MAX + 1];	/* of the record then */
	int64_t		fetched_ms, expires_ms;	/* UTC */
	struct mta_sts_policy policy;
};

/* Its fields, in frames and in the store. */
void mta_sts_pack(struct strbuf *b, const struct mta_sts_kept *k);
/* u turns bad at what never can have been kept. */
void mta_sts_unpack(struct unpack *u, struct mta_sts_kept *k_r);

/* ---- the cache */

struct mta_sts_cache;

/* What to do about a domain now. */
enum mta_sts_step {
	MTA_STS_GO,		/* obey what *policy_r is; NULL: nothing */
	MTA_STS_FETCH,		/* fetch first; *policy_r if that fails */
};

/*
 * At most max domains (> 0).  Those of which nothing but a failed fetch is
 * known go first, so that nobody's failures can push out another's policy;
 * then the one not asked for longest.
 */
struct mta_sts_cache *mta_sts_cache_new(size_t max);
void mta_sts_cache_free(struct mta_sts_cache *c);

/*
 * domain	A-label form
 * found, id	what mta_sts_record() said of it just now
 * now_ms	UTC, for a max_age is a promise about days
 * policy_r	borrowed until the next call that may change the cache; a
 *		policy of mode none is handed out as NULL
 *
 * A fetch is due when the id is another than the cached policy's, or the
 * policy is as old as MTA_STS_REFRESH_MS or half its max_age; but not within
 * MTA_STS_FAILED_MS of one that failed.
 */
enum mta_sts_step mta_sts_cache_ask(struct mta_sts_cache *c,
    const char *domain, enum mta_sts_found found, const char *id,
    int64_t now_ms, const struct mta_sts_policy **policy_r);

/* The policy came, under this id. */
void mta_sts_cache_store(struct mta_sts_cache *c, const char *domain,
    const char *id, const struct mta_sts_policy *p, int64_t now_ms);
/* One that was kept, unless a later one is here or its time is over. */
void mta_sts_cache_load(struct mta_sts_cache *c, const char *domain,
    const struct mta_sts_kept *k, int64_t now_ms);
/* The domain's policy, of any mode, to be kept; false when none is here. */
bool mta_sts_cache_kept(const struct mta_sts_cache *c, const char *domain,
    struct mta_sts_kept *k_r);
/* It did not, or could not be read. */
void mta_sts_cache_failed(struct mta_sts_cache *c, const char *domain,
    const char *why, int64_t now_ms);
/* Why the last fetch failed; "" when it did not.  Borrowed as above. */
const char *mta_sts_cache_why(const struct mta_sts_cache *c,
    const char *domain);
size_t mta_sts_cache_count(const struct mta_sts_cache *c);

#endif
