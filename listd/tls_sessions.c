/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls_sessions.c - TLS sessions of hosts we have spoken to, to be resumed.
 */
#include "config.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include <xxhash.h>

#include "lib/ascii.h"
#include "lib/xmalloc.h"
#include "listd/tls_sessions.h"

#define BUCKETS		1024

struct kept {
	TAILQ_ENTRY(kept) by_use;
	LIST_ENTRY(kept) by_key;
	char		*key;
	SSL_SESSION	*session;
};

struct tls_sessions {
	size_t		 max, n;
	TAILQ_HEAD(kept_list, kept) by_use;	/* the latest first */
	LIST_HEAD(, kept) bucket[BUCKETS];
};

void
tls_session_key(char out[static TLS_SESSION_KEY_MAX],
    const struct tls_session_key *k)
{
	/* '/' stands in no host name and in no address. */
	int n = snprintf(out, TLS_SESSION_KEY_MAX, "%s/%s/%u/%" PRIx64
	    "/%u/%s", k->host, k->sni, k->level, k->policy, k->family,
	    k->source);

	if (n >= TLS_SESSION_KEY_MAX)
		out[0] = '\0';
	ascii_lower_all(out);
}

struct tls_sessions *
tls_sessions_new(size_t max)
{
	struct tls_sessions *c = xcalloc(1, sizeof(*c));

	c->max = max;
	TAILQ_INIT(&c->by_use);
	return c;
}

static void
kept_free(struct tls_sessions *c, struct kept *k)
{
	TAILQ_REMOVE(&c->by_use, k, by_use);
	LIST_REMOVE(k, by_key);
	SSL_SESSION_free(k->session);
	free(k->key);
	free(k);
	c->n--;
}

void
tls_sessions_clear(struct tls_sessions *c)
{
	struct kept *k;

	while ((k = TAILQ_FIRST(&c->by_use)) != NULL)
		kept_free(c, k);
}

void
tls_sessions_free(struct tls_sessions *c)
{
	if (c == NULL)
		return;
	tls_sessions_clear(c);
	free(c);
}

static unsigned
bucket_of(const char *key)
{
	return (unsigned)(XXH3_64bits(key, strlen(key)) % BUCKETS);
}

static struct kept *
kept_find(struct tls_sessions *c, const char *key)
{
	struct kept *k;

	LIST_FOREACH(k, &c->bucket[bucket_of(key)], by_key)
		if (strcmp(k->key, key) == 0)
			return k;
	return NULL;
}

/* May it still be offered?  A clock that was set back makes it old too. */
static bool
is_fresh(SSL_SESSION *session, int64_t now_s)
{
	int64_t age = now_s - (int64_t)SSL_SESSION_get_time(session);

	return age >= 0 && age < TLS_SESSIONS_AGE_S &&
	    age < (int64_t)SSL_SESSION_get_timeout(session) &&
	    SSL_SESSION_is_resumable(session) == 1;
}

SSL_SESSION *
tls_sessions_take(struct tls_sessions *c, const char *key, int64_t now_s)
{
	struct kept *k = kept_find(c, key);
	SSL_SESSION *session = NULL;

	if (k == NULL)
		return NULL;
	if (!is_fresh(k->session, now_s)) {
		kept_free(c, k);
		return NULL;
	}
	if (SSL_SESSION_up_ref(k->session) == 1)
		session = k->session;
	if (SSL_SESSION_get_protocol_version(k->session) >= TLS1_3_VERSION) {
		kept_free(c, k);
	} else {
		TAILQ_REMOVE(&c->by_use, k, by_use);
		TAILQ_INSERT_HEAD(&c->by_use, k, by_use);
	}
	return session;
}

void
tls_sessions_put(struct tls_sessions *c, const char *key,
    SSL_SESSION *session)
{
	struct kept *k;

	if (key[0] == '\0') {
		SSL_SESSION_free(session);
		return;
	}
	if ((k = kept_find(c, key)) != NULL)
		kept_free(c, k);
	if (c->n == c->max)
		kept_free(c, TAILQ_LAST(&c->by_use, kept_list));
	k = xcalloc(1, sizeof(*k));
	k->key = xstrdup(key);
	k->session = session;
	LIST_INSERT_HEAD(&c->bucket[bucket_of(key)], k, by_key);
	TAILQ_INSERT_HEAD(&c->by_use, k, by_use);
	c->n++;
}

size_t
tls_sessions_count(const struct tls_sessions *c)
{
	return c->n;
}
