/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mta_sts.c - what a domain says about TLS to its mail hosts (RFC 8461): the
 * record and the policy file.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "lib/ascii.h"
#include "lib/err.h"
#include "lib/mta_sts.h"
#include "lib/pack.h"
#include "lib/strbuf.h"

#define KEY_MAX		32	/* octets of the name of a field */
#define AGE_DIGITS	10	/* of a max_age, section 3.2 */

static bool
is_wsp(char c)
{
	return c == ' ' || c == '\t';
}

static bool
is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9');
}

/* The name of a field or extension, of either grammar: its length, or 0. */
static size_t
key_length(const char *s, size_t len)
{
	size_t n = 0;

	while (n < len && (is_alnum(s[n]) ||
	    (n > 0 && (s[n] == '_' || s[n] == '-' || s[n] == '.'))))
		n++;
	return n <= KEY_MAX ? n : 0;
}

/* ---- the record */

#define RECORD_VERSION	"v=STSv1"

/* One field "name=value" of a record; an id is copied when it is the first. */
static bool
record_field(const char *s, size_t len, char id[static MTA_STS_ID_MAX + 1])
{
	size_t key = key_length(s, len), n;
	const char *value;
	bool is_id;

	if (key == 0 || key + 1 >= len || s[key] != '=')
		return false;
	value = s + key + 1;
	n = len - key - 1;
	is_id = key == 2 && memcmp(s, "id", 2) == 0;
	for (size_t i = 0; i < n; i++)
		if (value[i] <= ' ' || value[i] > '~' || value[i] == '=' ||
		    (is_id && !is_alnum(value[i])))
			return false;
	if (is_id && n > MTA_STS_ID_MAX)
		return false;
	if (is_id && id[0] == '\0')
		snprintf(id, MTA_STS_ID_MAX + 1, "%.*s", (int)n, value);
	return true;
}

/* True when it begins as a record; then *id is "" unless it is right. */
static bool
record_read(const char *s, char id[static MTA_STS_ID_MAX + 1])
{
	const char *p = s + strlen(RECORD_VERSION);

	id[0] = '\0';
	if (strncmp(s, RECORD_VERSION, strlen(RECORD_VERSION)) != 0)
		return false;
	for (; is_wsp(*p); p++)
		;
	if (*p != ';')
		return false;		/* v=STSv10, or no field at all */
	while (*p == ';') {
		size_t n;

		for (p++; is_wsp(*p); p++)
			;
		if (*p == '\0')
			break;
		n = strcspn(p, ";");
		s = p + n;
		while (n > 0 && is_wsp(p[n - 1]))
			n--;
		if (!record_field(p, n, id)) {
			id[0] = '\0';
			break;
		}
		p = s;
	}
	return true;
}

enum mta_sts_found
mta_sts_record(const char *const *text, size_t n,
    char id_r[static MTA_STS_ID_MAX + 1])
{
	char id[MTA_STS_ID_MAX + 1];
	size_t records = 0;

	for (size_t i = 0; i < n; i++)
		if (record_read(text[i], id)) {
			if (++records > 1)
				return MTA_STS_ABSENT;
			memcpy(id_r, id, sizeof(id));
		}
	return records == 1 && id_r[0] != '\0' ? MTA_STS_PRESENT :
	    MTA_STS_ABSENT;
}

/* ---- the policy */

/* Which of the fields that must be there were seen. */
struct seen {
	bool	version, mode, max_age;
};

static bool
value_is(const char *value, size_t n, const char *word)
{
	return n == strlen(word) && memcmp(value, word, n) == 0;
}

static bool
read_mode(const char *value, size_t n, enum mta_sts_mode *mode)
{
	for (enum mta_sts_mode m = MTA_STS_NONE; m <= MTA_STS_ENFORCE; m++)
		if (value_is(value, n, mta_sts_mode_name(m))) {
			*mode = m;
			return true;
		}
	return false;
}

static bool
read_age(const char *value, size_t n, uint32_t *age)
{
	uint64_t v = 0;

	if (n == 0 || n > AGE_DIGITS)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (value[i] < '0' || value[i] > '9')
			return false;
		v = v * 10 + (unsigned)(value[i] - '0');
	}
	*age = v > MTA_STS_AGE_MAX_S ? MTA_STS_AGE_MAX_S : (uint32_t)v;
	return true;
}

/* A host name, or one behind "*."; in lower case, without a last dot. */
static bool
read_mx(const char *value, size_t n, char out[static MTA_STS_NAME_MAX + 1])
{
	size_t label = 0;

	if (n > 0 && value[n - 1] == '.')
		n--;
	if (n == 0 || n > MTA_STS_NAME_MAX)
		return false;
	for (size_t i = 0; i < n; i++) {
		char c = ascii_lower(value[i]);

		out[i] = c;
		if (c == '.') {
			if (label == 0)
				return false;
			label = 0;
			continue;
		}
		label++;
		if (label > 63 || (!is_alnum(c) && c != '-' && c != '_' &&
		    !(c == '*' && i == 0 && n > 2 && value[1] == '.')))
			return false;
	}
	out[n] = '\0';
	return label > 0;
}

static int
policy_field(const char *key, size_t key_len, const char *value, size_t n,
    struct mta_sts_policy *p, struct seen *seen, struct err *e)
{
	if (value_is(key, key_len, "version")) {
		if (!seen->version && !value_is(value, n, "STSv1"))
			goto bad;
		seen->version = true;
	} else if (value_is(key, key_len, "mode")) {
		if (!seen->mode && !read_mode(value, n, &p->mode))
			goto bad;
		seen->mode = true;
	} else if (value_is(key, key_len, "max_age")) {
		if (!seen->max_age && !read_age(value, n, &p->max_age_s))
			goto bad;
		seen->max_age = true;
	} else if (value_is(key, key_len, "mx")) {
		if (p->n == MTA_STS_MX_MAX) {
			err_set(e, ERR_LIMIT, "policy: more than %d mail hosts",
			    MTA_STS_MX_MAX);
			return -1;
		}
		if (!read_mx(value, n, p->mx[p->n]))
			goto bad;
		p->n++;
	}
	return 0;
bad:
	err_set(e, ERR_INPUT, "policy: wrong %.*s: %.*s", (int)key_len, key,
	    n < 80 ? (int)n : 80, value);
	return -1;
}

static int
policy_line(const char *line, size_t len, struct mta_sts_policy *p,
    struct seen *seen, struct err *e)
{
	size_t key = key_length(line, len);
	const char *value;

	if (key == 0 || key == len || line[key] != ':') {
		err_set(e, ERR_INPUT, "policy: no field: %.*s",
		    len < 80 ? (int)len : 80, line);
		return -1;
	}
	value = line + key + 1;
	len -= key + 1;
	for (; len > 0 && is_wsp(value[0]); value++, len--)
		;
	return policy_field(line, key, value, len, p, seen, e);
}

static int
policy_whole(const struct mta_sts_policy *p, const struct seen *seen,
    struct err *e)
{
	const char *missing = !seen->version ? "version" :
	    !seen->mode ? "mode" : !seen->max_age ? "max_age" :
	    p->n == 0 && p->mode != MTA_STS_NONE ? "mx" : NULL;

	if (missing == NULL)
		return 0;
	err_set(e, ERR_INPUT, "policy: it has no %s", missing);
	return -1;
}

int
mta_sts_parse(const char *text, size_t len, struct mta_sts_policy *p,
    struct err *e)
{
	struct seen seen = { false, false, false };
	size_t at = 0;

	p->n = 0;
	if (len > MTA_STS_POLICY_MAX) {
		err_set(e, ERR_LIMIT, "policy: more than %u octets",
		    MTA_STS_POLICY_MAX);
		return -1;
	}
	while (at < len) {
		const char *line = text + at;
		const char *lf = memchr(line, '\n', len - at);
		size_t n = lf != NULL ? (size_t)(lf - line) : len - at;

		at += n + 1;
		if (lf != NULL && n > 0 && line[n - 1] == '\r')
			n--;
		while (n > 0 && is_wsp(line[n - 1]))
			n--;
		/* An empty line is no field, but files have them. */
		if (n > 0 && policy_line(line, n, p, &seen, e) == -1)
			return -1;
	}
	return policy_whole(p, &seen, e);
}

bool
mta_sts_is_plain(const char *type)
{
	static const char plain[] = "text/plain";

	for (; is_wsp(*type); type++)
		;
	if (strncasecmp(type, plain, sizeof(plain) - 1) != 0)
		return false;
	for (type += sizeof(plain) - 1; is_wsp(*type); type++)
		;
	return *type == '\0' || *type == ';';
}

bool
mta_sts_match(const struct mta_sts_policy *p, const char *host)
{
	size_t len = strlen(host);
	const char *rest;

	if (len > 0 && host[len - 1] == '.')
		len--;
	for (unsigned i = 0; i < p->n; i++) {
		const char *mx = p->mx[i];
		size_t n = strlen(mx);

		if (mx[0] != '*') {
			if (n == len && strncasecmp(mx, host, n) == 0)
				return true;
			continue;
		}
		/* The label in front of the first dot, and no more. */
		rest = memchr(host, '.', len);
		if (rest != NULL && rest != host &&
		    n - 1 == len - (size_t)(rest - host) &&
		    strncasecmp(mx + 1, rest, n - 1) == 0)
			return true;
	}
	return false;
}

void
mta_sts_format(struct strbuf *out, const struct mta_sts_policy *p, size_t max)
{
	char line[MTA_STS_NAME_MAX + 8];
	size_t from = out->len;

	strbuf_addf(out, "version: STSv1\nmode: %s\nmax_age: %u\n",
	    mta_sts_mode_name(p->mode), (unsigned)p->max_age_s);
	for (unsigned i = 0; i < p->n; i++) {
		int n = snprintf(line, sizeof(line), "mx: %s\n", p->mx[i]);

		if (out->len - from + (size_t)n <= max)
			strbuf_add(out, line, (size_t)n);
	}
}

const char *
mta_sts_mode_name(enum mta_sts_mode mode)
{
	static const char *const name[] = { "none", "testing", "enforce" };

	return name[mode];
}

/* ---- a policy that came, as it is kept */

void
mta_sts_pack(struct strbuf *b, const struct mta_sts_kept *k)
{
	pack_str(b, k->id);
	pack_i64(b, k->fetched_ms);
	pack_i64(b, k->expires_ms);
	pack_u8(b, (uint8_t)k->policy.mode);
	pack_u32(b, k->policy.max_age_s);
	pack_u16(b, (uint16_t)k->policy.n);
	for (unsigned i = 0; i < k->policy.n; i++)
		pack_str(b, k->policy.mx[i]);
}

void
mta_sts_unpack(struct unpack *u, struct mta_sts_kept *k)
{
	struct mta_sts_policy *p = &k->policy;
	uint8_t mode;

	unpack_str(u, k->id, sizeof(k->id));
	k->fetched_ms = unpack_i64(u);
	k->expires_ms = unpack_i64(u);
	mode = unpack_u8(u);
	p->max_age_s = unpack_u32(u);
	p->n = unpack_u16(u);
	if (mode > MTA_STS_ENFORCE || p->n > MTA_STS_MX_MAX ||
	    p->max_age_s > MTA_STS_AGE_MAX_S || k->fetched_ms < 0 ||
	    k->expires_ms < k->fetched_ms || k->expires_ms - k->fetched_ms >
	    MTA_STS_AGE_MAX_S * INT64_C(1000))
		u->bad = true;
	p->mode = u->bad ? MTA_STS_NONE : (enum mta_sts_mode)mode;
	if (u->bad)
		p->n = 0;
	for (unsigned i = 0; i < p->n; i++)
		unpack_str(u, p->mx[i], sizeof(p->mx[i]));
}
