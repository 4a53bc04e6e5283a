/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tlsrpt.c - count how TLS went, in bounded memory.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <xxhash.h>

#include "lib/tlsrpt_private.h"
#include "lib/xmalloc.h"

#define DAY_MS	86400000

const char *
tlsrpt_policy_name(enum tlsrpt_policy_type type)
{
	static const char *const name[] = { "no-policy-found", "sts", "tlsa" };

	return name[type];
}

const char *
tlsrpt_result_name(enum tlsrpt_result result)
{
	static const char *const name[TLSRPT_RESULTS] = {
		[TLSRPT_SUCCESS] = "success",
		[TLSRPT_STARTTLS_NOT_SUPPORTED] = "starttls-not-supported",
		[TLSRPT_HOST_MISMATCH] = "certificate-host-mismatch",
		[TLSRPT_EXPIRED] = "certificate-expired",
		[TLSRPT_NOT_TRUSTED] = "certificate-not-trusted",
		[TLSRPT_VALIDATION] = "validation-failure",
		[TLSRPT_TLSA_INVALID] = "tlsa-invalid",
		[TLSRPT_DNSSEC_INVALID] = "dnssec-invalid",
		[TLSRPT_DANE_REQUIRED] = "dane-required",
		[TLSRPT_STS_FETCH] = "sts-policy-fetch-error",
		[TLSRPT_STS_INVALID] = "sts-policy-invalid",
		[TLSRPT_STS_WEBPKI] = "sts-webpki-invalid",
	};

	return name[result];
}

int64_t
tlsrpt_day(int64_t utc_ms)
{
	return utc_ms >= 0 ? utc_ms / DAY_MS : (utc_ms + 1) / DAY_MS - 1;
}

struct tlsrpt *
tlsrpt_new(size_t max)
{
	struct tlsrpt *t = xcalloc(1, sizeof(*t));

	t->max = max;
	TAILQ_INIT(&t->rows);
	return t;
}

static void
row_free(struct tlsrpt *t, struct tlsrpt_row *r)
{
	TAILQ_REMOVE(&t->rows, r, entry);
	LIST_REMOVE(r, by_key);
	free(r->domain);
	free(r->policy);
	free(r->mx);
	free(r->ip);
	free(r->reason);
	free(r);
	t->n--;
}

void
tlsrpt_clear(struct tlsrpt *t)
{
	struct tlsrpt_row *r;

	while ((r = TAILQ_FIRST(&t->rows)) != NULL)
		row_free(t, r);
}

void
tlsrpt_free(struct tlsrpt *t)
{
	if (t != NULL)
		tlsrpt_clear(t);
	free(t);
}

static const char *
text_of(const char *s)
{
	return s != NULL ? s : "";
}

static bool
fits(const struct tlsrpt_event *ev)
{
	return ev->domain[0] != '\0' &&
	    strlen(ev->domain) <= TLSRPT_NAME_MAX &&
	    strlen(text_of(ev->mx)) <= TLSRPT_NAME_MAX &&
	    strlen(text_of(ev->ip)) <= TLSRPT_IP_MAX &&
	    strlen(text_of(ev->policy)) <= TLSRPT_POLICY_MAX;
}

/* Names in any case fall into one bucket; the day is not worth hashing. */
static unsigned
bucket_of(const char *domain)
{
	char name[TLSRPT_NAME_MAX];
	size_t n = strnlen(domain, sizeof(name));

	for (size_t i = 0; i < n; i++)
		name[i] = (char)(domain[i] | 0x20);
	return (unsigned)(XXH3_64bits(name, n) % TLSRPT_BUCKETS);
}

static bool
is_row_of(const struct tlsrpt_row *r, const struct tlsrpt_event *ev)
{
	return r->day == tlsrpt_day(ev->when_ms) && r->type == ev->type &&
	    r->result == ev->result && strcasecmp(r->domain, ev->domain) == 0 &&
	    strcasecmp(r->mx, text_of(ev->mx)) == 0 &&
	    strcmp(r->policy, text_of(ev->policy)) == 0;
}

static struct tlsrpt_row *
row_new(struct tlsrpt *t, const struct tlsrpt_event *ev)
{
	struct tlsrpt_row *r = xcalloc(1, sizeof(*r));
	const char *reason = text_of(ev->reason);

	r->day = tlsrpt_day(ev->when_ms);
	r->type = ev->type;
	r->result = ev->result;
	r->domain = xstrdup(ev->domain);
	r->policy = xstrdup(text_of(ev->policy));
	r->mx = xstrdup(text_of(ev->mx));
	r->ip = xstrdup(text_of(ev->ip));
	r->reason = xcalloc(1, TLSRPT_REASON_MAX + 1);
	memcpy(r->reason, reason, strnlen(reason, TLSRPT_REASON_MAX));
	TAILQ_INSERT_TAIL(&t->rows, r, entry);
	LIST_INSERT_HEAD(&t->bucket[bucket_of(ev->domain)], r, by_key);
	t->n++;
	return r;
}

bool
tlsrpt_count(struct tlsrpt *t, const struct tlsrpt_event *ev)
{
	struct tlsrpt_row *r = NULL;

	if (fits(ev))
		LIST_FOREACH(r, &t->bucket[bucket_of(ev->domain)], by_key)
			if (is_row_of(r, ev))
				break;
	if (r == NULL && (t->n == t->max || !fits(ev))) {
		t->lost += ev->count;
		return false;
	}
	if (r == NULL)
		r = row_new(t, ev);
	r->count += ev->count;
	return true;
}

uint64_t
tlsrpt_lost(const struct tlsrpt *t)
{
	return t->lost;
}

size_t
tlsrpt_rows(const struct tlsrpt *t)
{
	return t->n;
}

const char *
tlsrpt_due(const struct tlsrpt *t, int64_t before, int64_t *day_r)
{
	const struct tlsrpt_row *r;

	TAILQ_FOREACH(r, &t->rows, entry)
		if (r->day < before) {
			*day_r = r->day;
			return r->domain;
		}
	return NULL;
}

void
tlsrpt_forget(struct tlsrpt *t, const char *domain, int64_t day)
{
	char *name = xstrdup(domain);	/* it may be a row's own */
	struct tlsrpt_row *r, *next;

	for (r = LIST_FIRST(&t->bucket[bucket_of(name)]); r != NULL; r = next) {
		next = LIST_NEXT(r, by_key);
		if (r->day == day && strcasecmp(r->domain, name) == 0)
			row_free(t, r);
	}
	free(name);
}
