/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conf_net.c - values that are places in the network: listeners, networks,
 * servers, URLs.
 */
#include "config.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "lib/ascii.h"
#include "lib/conf.h"
#include "lib/conf_private.h"
#include "lib/err.h"
#include "lib/strbuf.h"

#define DNS_PORT	53

bool
conf_read_port(const char *s, int64_t min, uint16_t *port_r)
{
	int64_t n;

	if (!conf_read_digits(&s, &n) || *s != '\0' || n < min || n > 65535)
		return false;
	*port_r = (uint16_t)n;
	return true;
}

bool
conf_read_ip(const char *p, size_t len, uint8_t *family_r, uint8_t ip_r[16])
{
	char buf[INET6_ADDRSTRLEN];

	if (len >= sizeof(buf))
		return false;
	memcpy(buf, p, len);
	buf[len] = '\0';
	memset(ip_r, 0, 16);
	if (inet_pton(AF_INET, buf, ip_r) == 1)
		*family_r = 4;
	else if (inet_pton(AF_INET6, buf, ip_r) == 1)
		*family_r = 6;
	else
		return false;
	return true;
}

static void
format_ip(uint8_t family, const uint8_t *ip, struct strbuf *out)
{
	char buf[INET6_ADDRSTRLEN];

	if (inet_ntop(family == 4 ? AF_INET : AF_INET6, ip, buf,
	    sizeof(buf)) != NULL)
		strbuf_adds(out, buf);
}

bool
conf_split_port(const char *value, const char **host_r, size_t *len_r,
    const char **port_r)
{
	const char *end;

	*host_r = value;
	if (value[0] == '[') {
		if ((end = strchr(value, ']')) == NULL)
			return false;
		*host_r = value + 1;
		*len_r = (size_t)(end - *host_r);
		end++;
		if (memchr(*host_r, ':', *len_r) == NULL)
			return false;
	} else {
		if ((end = strchr(value, ':')) == NULL)
			end = value + strlen(value);
		*len_r = (size_t)(end - value);
	}
	if (*end != '\0' && *end != ':')
		return false;
	*port_r = *end == ':' ? end + 1 : NULL;
	return true;
}

static bool
listen_equal(const struct conf_listen *a, const struct conf_listen *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

int
conf_set_listen(const struct conf_setting *s, struct conf_listens *list,
    const char *value, struct err *e)
{
	struct conf_listen l;
	const char *host, *port;
	size_t len;

	memset(&l, 0, sizeof(l));
	if (value[0] == '/' && (s->flags & CONF_UNIX) != 0) {
		if (strlen(value) >= sizeof(l.path)) {
			err_set(e, ERR_LIMIT, "longer than %zu octets",
			    sizeof(l.path) - 1);
			return -1;
		}
		memcpy(l.path, value, strlen(value));
	} else if (!conf_split_port(value, &host, &len, &port) ||
	    port == NULL ||
	    !conf_read_ip(host, len, &l.family, l.ip) ||
	    !conf_read_port(port, 0, &l.port)) {
		err_set(e, ERR_INPUT, "\"%s\" is not %s", value,
		    conf_value_shape(s));
		return -1;
	}
	if (list->n == CONF_LISTEN_MAX) {
		err_set(e, ERR_LIMIT, "more than %d entries", CONF_LISTEN_MAX);
		return -1;
	}
	for (size_t i = 0; i < list->n; i++) {
		/* Port 0 asks for any free one, and may do so twice. */
		if (listen_equal(&list->v[i], &l) &&
		    (l.family == 0 || l.port != 0)) {
			err_set(e, ERR_EXISTS, "%s is listed twice", value);
			return -1;
		}
	}
	list->v[list->n++] = l;
	return 0;
}

static void
cidr_mask(uint8_t ip[16], unsigned bits)
{
	for (unsigned i = 0; i < 16; i++) {
		unsigned keep = bits > i * 8 ? bits - i * 8 : 0;

		if (keep < 8)
			ip[i] &= (uint8_t)(0xff00u >> keep);
	}
}

int
conf_set_cidr(const struct conf_setting *s, struct conf_cidrs *list,
    const char *value, struct err *e)
{
	const char *slash = s->type == CONF_CIDR ? strchr(value, '/') : NULL;
	size_t len = slash != NULL ? (size_t)(slash - value) : strlen(value);
	struct conf_cidr c;
	uint8_t masked[16];
	int64_t bits;

	memset(&c, 0, sizeof(c));
	if (!conf_read_ip(value, len, &c.family, c.ip))
		goto bad;
	bits = c.family == 4 ? 32 : 128;
	if (slash != NULL) {
		int64_t most = bits;

		slash++;
		if (!conf_read_digits(&slash, &bits) || *slash != '\0' ||
		    bits > most)
			goto bad;
	}
	c.bits = (uint8_t)bits;
	memcpy(masked, c.ip, sizeof(masked));
	cidr_mask(masked, c.bits);
	if (memcmp(masked, c.ip, sizeof(masked)) != 0) {
		err_set(e, ERR_INPUT, "%s has bits set to the right of /%d",
		    value, (int)c.bits);
		return -1;
	}
	if (list->n == CONF_CIDR_MAX) {
		err_set(e, ERR_LIMIT, "more than %d entries", CONF_CIDR_MAX);
		return -1;
	}
	list->v[list->n++] = c;
	return 0;
bad:
	err_set(e, ERR_INPUT, "\"%s\" is not %s", value, conf_value_shape(s));
	return -1;
}

int
conf_set_server(const struct conf_setting *s, struct conf_server *field,
    const char *value, struct err *e)
{
	const char *at = strchr(value, '@');
	size_t len = at != NULL ? (size_t)(at - value) : strlen(value);
	struct conf_server v;

	memset(&v, 0, sizeof(v));
	v.port = DNS_PORT;
	if (!conf_read_ip(value, len, &v.family, v.ip) ||
	    (at != NULL && !conf_read_port(at + 1, 1, &v.port))) {
		err_set(e, ERR_INPUT, "\"%s\" is not %s", value,
		    conf_value_shape(s));
		return -1;
	}
	*field = v;
	return 0;
}

/* The authority of a URL is this machine, where plain HTTP does no harm. */
static bool
is_loopback(const char *host, size_t len)
{
	uint8_t family, ip[16];
	static const uint8_t one[16] = { [15] = 1 };

	if (len == 9 && memcmp(host, "localhost", 9) == 0)
		return true;
	if (!conf_read_ip(host, len, &family, ip))
		return false;
	return family == 4 ? ip[0] == 127 : memcmp(ip, one, 16) == 0;
}

int
conf_set_url(const struct conf_setting *s, char *field, const char *value,
    struct err *e)
{
	bool plain = strncmp(value, "http://", 7) == 0;
	const char *auth = value + (plain ? 7 : 8), *host, *port;
	char buf[CONF_NAME_MAX];
	size_t len = strlen(value), alen, hlen;
	uint8_t family, ip[16];
	uint16_t number;

	while (len > 8 && value[len - 1] == '/')
		len--;
	if (!plain && strncmp(value, "https://", 8) != 0)
		goto bad;
	alen = strcspn(auth, "/");
	if (alen >= sizeof(buf) || strpbrk(value, " \t?#\"<>\\") != NULL)
		goto bad;
	memcpy(buf, auth, alen);
	buf[alen] = '\0';
	if (!conf_split_port(buf, &host, &hlen, &port) ||
	    (!conf_is_host(host, hlen) &&
	    !conf_read_ip(host, hlen, &family, ip)) ||
	    (port != NULL && !conf_read_port(port, 1, &number)))
		goto bad;
	if (plain && !is_loopback(host, hlen)) {
		err_set(e, ERR_REFUSED, "\"%s\" needs https:// "
		    "(one-click unsubscription, RFC 8058)", value);
		return -1;
	}
	return conf_set_text(s, field, value, len, e);
bad:
	err_set(e, ERR_INPUT, "\"%s\" is not %s", value, conf_value_shape(s));
	return -1;
}

/* ---- writing */

void
conf_listen_format(const struct conf_listen *l, struct strbuf *out)
{
	if (l->family == 0) {
		strbuf_adds(out, l->path);
		return;
	}
	strbuf_adds(out, l->family == 6 ? "[" : "");
	format_ip(l->family, l->ip, out);
	strbuf_addf(out, "%s:%u", l->family == 6 ? "]" : "", l->port);
}

void
conf_cidr_format(const struct conf_cidr *c, struct strbuf *out)
{
	format_ip(c->family, c->ip, out);
	if (c->bits != (c->family == 4 ? 32 : 128))
		strbuf_addf(out, "/%u", c->bits);
}

/* ---- sources of mail: ip [ehlo NAME] [weight N] [stream S] [warmup DATE] */

static const char *const stream_names[] = {
	NULL, "campaign", "notice", "both",
};

/* The day of YYYY-MM-DD, after 1970 (Hinnant's days_from_civil). */
static bool
read_day(const char *s, int32_t *day_r)
{
	static const uint8_t length[] = { 31, 29, 31, 30, 31, 30, 31, 31, 30,
		31, 30, 31 };
	int64_t y, m, d, era, yoe, doy;

	if (strlen(s) != 10 || !conf_read_digits(&s, &y) || *s++ != '-' ||
	    !conf_read_digits(&s, &m) || *s++ != '-' ||
	    !conf_read_digits(&s, &d) || *s != '\0' || y < 1971 || y > 9999 ||
	    m < 1 || m > 12 || d < 1 || d > length[m - 1] || (m == 2 &&
	    d == 29 && (y % 4 != 0 || (y % 100 == 0 && y % 400 != 0))))
		return false;
	y -= m <= 2;
	era = y / 400;
	yoe = y - era * 400;
	doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
	*day_r = (int32_t)(era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 +
	    doy - 719468);
	return true;
}

static void
format_day(int32_t day, struct strbuf *out)
{
	int64_t z = (int64_t)day + 719468, era = z / 146097;
	int64_t doe = z - era * 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	int64_t mp = (5 * doy + 2) / 153, m = mp + (mp < 10 ? 3 : -9);

	strbuf_addf(out, "%04d-%02d-%02d", (int)(yoe + era * 400 + (m <= 2)),
	    (int)m, (int)(doy - (153 * mp + 2) / 5 + 1));
}

/* One pair after the address. */
static bool
source_pair(struct conf_source *v, const char *key, const char *value)
{
	size_t len = strlen(value);
	int64_t n;

	if (strcmp(key, "ehlo") == 0) {
		if (len >= sizeof(v->ehlo) || !conf_is_host(value, len))
			return false;
		memcpy(v->ehlo, value, len + 1);
		ascii_lower_all(v->ehlo);
		return true;
	}
	if (strcmp(key, "weight") == 0) {
		if (!conf_read_digits(&value, &n) || *value != '\0' ||
		    n < 1 || n > CONF_WEIGHT_MAX)
			return false;
		v->weight = (uint8_t)n;
		return true;
	}
	if (strcmp(key, "warmup") == 0)
		return read_day(value, &v->warm_from);
	for (uint8_t i = 1; i <= CONF_STREAM_BOTH; i++)
		if (strcmp(key, "stream") == 0 &&
		    strcmp(value, stream_names[i]) == 0) {
			v->stream = i;
			return true;
		}
	return false;
}

int
conf_set_source(const struct conf_setting *s, struct conf_sources *list,
    const char *value, struct err *e)
{
	struct conf_source v = { .weight = 1, .stream = CONF_STREAM_BOTH };
	char text[CONF_PATH_MAX], *rest = text, *ip, *key, *word;

	if (strlen(value) >= sizeof(text))
		goto bad;
	strcpy(text, value);
	ip = strtok_r(text, " \t", &rest);
	if (ip == NULL || !conf_read_ip(ip, strlen(ip), &v.family, v.ip))
		goto bad;
	while ((key = strtok_r(NULL, " \t", &rest)) != NULL)
		if ((word = strtok_r(NULL, " \t", &rest)) == NULL ||
		    !source_pair(&v, key, word)) {
			err_set(e, ERR_INPUT, "%s %s: not one of ehlo NAME, "
			    "weight 1 to %d, stream campaign|notice|both, "
			    "warmup YYYY-MM-DD", key, word != NULL ? word :
			    "", CONF_WEIGHT_MAX);
			return -1;
		}
	for (size_t i = 0; i < list->n; i++)
		if (list->v[i].family == v.family &&
		    memcmp(list->v[i].ip, v.ip, sizeof(v.ip)) == 0) {
			err_set(e, ERR_INPUT, "%s is there twice", ip);
			return -1;
		}
	if (list->n == CONF_SOURCE_MAX) {
		err_set(e, ERR_LIMIT, "more than %d entries", CONF_SOURCE_MAX);
		return -1;
	}
	list->v[list->n++] = v;
	return 0;
bad:
	err_set(e, ERR_INPUT, "\"%s\" is not %s", value, conf_value_shape(s));
	return -1;
}

void
conf_source_format(const struct conf_source *v, struct strbuf *out)
{
	format_ip(v->family, v->ip, out);
	if (v->ehlo[0] != '\0')
		strbuf_addf(out, " ehlo %s", v->ehlo);
	if (v->weight != 1)
		strbuf_addf(out, " weight %u", v->weight);
	if (v->stream != CONF_STREAM_BOTH)
		strbuf_addf(out, " stream %s", stream_names[v->stream]);
	if (v->warm_from != 0) {
		strbuf_adds(out, " warmup ");
		format_day(v->warm_from, out);
	}
}

void
conf_server_format(const struct conf_server *v, struct strbuf *out)
{
	if (v->family == 0)
		return;
	format_ip(v->family, v->ip, out);
	strbuf_addf(out, "@%u", v->port);
}

/* ---- matching */

bool
conf_cidrs_match(const struct conf_cidrs *list, uint8_t family,
    const uint8_t *ip)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	uint8_t bits[16] = { 0 }, masked[16];

	if (family == 6 && memcmp(ip, mapped, sizeof(mapped)) == 0) {
		family = 4;
		ip += sizeof(mapped);
	}
	memcpy(bits, ip, family == 4 ? 4 : 16);
	for (size_t i = 0; i < list->n; i++) {
		if (list->v[i].family != family)
			continue;
		memcpy(masked, bits, sizeof(masked));
		cidr_mask(masked, list->v[i].bits);
		if (memcmp(masked, list->v[i].ip, sizeof(masked)) == 0)
			return true;
	}
	return false;
}
