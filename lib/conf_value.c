/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conf_value.c - one value of the configuration file, read and written.
 *
 * What a value may look like is decided here and nowhere else; every reader
 * has a writer whose output it accepts.  Messages quote the value as it was
 * typed and say what was expected.
 */
#include "config.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "lib/conf.h"
#include "lib/conf_private.h"
#include "lib/err.h"
#include "lib/strbuf.h"

#define HOST_MAX	253	/* octets, RFC 1035 section 3.1 as text */
#define LABEL_MAX	63
#define LOCAL_MAX	64	/* octets, RFC 5321 section 4.5.3.1.1 */
#define USER_MAX	32	/* octets, useradd(8) */
#define SMTP_PORT	25
#define DNS_PORT	53

struct unit {
	const char	*name;
	int64_t		 factor;
};

/* Largest last: formatting looks for the last that divides. */
static const struct unit size_units[] = {
	{ "k", INT64_C(1) << 10 }, { "m", INT64_C(1) << 20 },
	{ "g", INT64_C(1) << 30 }, { "t", INT64_C(1) << 40 },
	{ NULL, 0 },
};
static const struct unit time_units[] = {
	{ "ms", 1 }, { "s", 1000 }, { "m", 60 * 1000 },
	{ "h", 60 * 60 * 1000 }, { "d", 24 * 60 * 60 * 1000 },
	{ NULL, 0 },
};

static const struct unit *
units_of(const struct conf_setting *s)
{
	switch (s->type) {
	case CONF_SIZE:
		return size_units;
	case CONF_TIME:
		return time_units;
	default:
		return NULL;
	}
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
is_alnum(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Digits at *p, which moves past them; false: none, or above INT64_MAX. */
static bool
read_digits(const char **p, int64_t *n_r)
{
	int64_t n = 0;

	if (!is_digit(**p))
		return false;
	for (; is_digit(**p); (*p)++) {
		int d = **p - '0';

		if (n > (INT64_MAX - d) / 10)
			return false;
		n = n * 10 + d;
	}
	*n_r = n;
	return true;
}

static bool
read_port(const char *s, int64_t min, uint16_t *port_r)
{
	int64_t n;

	if (!read_digits(&s, &n) || *s != '\0' || n < min || n > 65535)
		return false;
	*port_r = (uint16_t)n;
	return true;
}

/* ---- numbers */

void
conf_number_format(const struct conf_setting *s, int64_t n, struct strbuf *out)
{
	const struct unit *u = units_of(s), *best = NULL;

	for (; u != NULL && u->name != NULL; u++)
		if (n != 0 && n % u->factor == 0)
			best = u;
	if (best != NULL)
		strbuf_addf(out, "%lld%s", (long long)(n / best->factor),
		    best->name);
	else
		strbuf_addf(out, "%lld", (long long)n);
}

static int
number_bounds(const struct conf_setting *s, int64_t n, const char *value,
    struct err *e)
{
	struct strbuf limit = STRBUF_INIT(64);

	if (n >= s->min && n <= s->max)
		return 0;
	conf_number_format(s, n < s->min ? s->min : s->max, &limit);
	err_set(e, ERR_LIMIT, "%s is %s, %s", value,
	    n < s->min ? "below the minimum" : "above the maximum", limit.s);
	strbuf_free(&limit);
	return -1;
}

static int
set_number(const struct conf_setting *s, int64_t *field, const char *value,
    struct err *e)
{
	const struct unit *u = units_of(s);
	const char *p = value;
	int64_t n, factor = 1;

	if (!read_digits(&p, &n)) {
		if (is_digit(*value))
			goto huge;
		err_set(e, ERR_INPUT, "\"%s\" is not a %s", value,
		    conf_value_shape(s));
		return -1;
	}
	if (*p != '\0' || (s->type == CONF_TIME && n != 0)) {
		while (u != NULL && u->name != NULL && strcmp(u->name, p) != 0)
			u++;
		if (u == NULL || u->name == NULL) {
			err_set(e, ERR_INPUT, "\"%s\" is not a %s%s", value,
			    conf_value_shape(s), s->type == CONF_TIME ?
			    " (units: ms, s, m, h, d)" : s->type == CONF_SIZE ?
			    " (units: k, m, g, t)" : "");
			return -1;
		}
		factor = u->factor;
	}
	if (n > INT64_MAX / factor)
		goto huge;
	if (number_bounds(s, n * factor, value, e) == -1)
		return -1;
	*field = n * factor;
	return 0;
huge:
	return number_bounds(s, INT64_MAX, value, e);
}

static int
set_bool(bool *field, const char *value, struct err *e)
{
	static const char *const words[][2] = {
		{ "no", "yes" }, { "off", "on" }, { "false", "true" },
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		for (int v = 0; v < 2; v++) {
			if (strcmp(value, words[i][v]) == 0) {
				*field = v == 1;
				return 0;
			}
		}
	}
	err_set(e, ERR_INPUT, "\"%s\" is neither yes nor no", value);
	return -1;
}

static int
set_enum(const struct conf_setting *s, conf_enum *field, const char *value,
    struct err *e)
{
	struct strbuf all = STRBUF_INIT(256);

	for (int i = 0; s->names[i] != NULL; i++) {
		if (strcmp(value, s->names[i]) == 0) {
			*field = i;
			strbuf_free(&all);
			return 0;
		}
		strbuf_addf(&all, "%s%s", i != 0 ? ", " : "", s->names[i]);
	}
	err_set(e, ERR_INPUT, "\"%s\" is none of %s", value, all.s);
	strbuf_free(&all);
	return -1;
}

/* ---- text */

/* Copy to a zero-filled field, so that equal values have equal octets. */
static int
set_text(const struct conf_setting *s, char *field, const char *value,
    size_t len, struct err *e)
{
	if (len >= s->size) {
		err_set(e, ERR_LIMIT, "longer than %zu octets", s->size - 1);
		return -1;
	}
	memset(field, 0, s->size);
	memcpy(field, value, len);
	return 0;
}

static int
set_path(const struct conf_setting *s, char *field, const char *value,
    struct err *e)
{
	size_t len = strlen(value);

	if (value[0] != '/') {
		err_set(e, ERR_INPUT, "\"%s\" does not begin with /", value);
		return -1;
	}
	while (len > 1 && value[len - 1] == '/')
		len--;
	return set_text(s, field, value, len, e);
}

/*
 * A host name in A-label form, len octets.  The last label is not a number,
 * so an address is never taken for a name.
 */
static bool
is_host(const char *p, size_t len)
{
	size_t label = 0;
	bool number = true;

	if (len == 0 || len > HOST_MAX)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (p[i] == '.') {
			if (label == 0 || p[i - 1] == '-')
				return false;
			label = 0;
			number = true;
			continue;
		}
		if (!is_alnum(p[i]) && (p[i] != '-' || label == 0))
			return false;
		if (!is_digit(p[i]))
			number = false;
		if (++label > LABEL_MAX)
			return false;
	}
	return label != 0 && p[len - 1] != '-' && !number;
}

static void
lower(char *s)
{
	for (; *s != '\0'; s++)
		if (*s >= 'A' && *s <= 'Z')
			*s = (char)(*s - 'A' + 'a');
}

static int
set_host(const struct conf_setting *s, char *field, const char *value,
    struct err *e)
{
	if (!is_host(value, strlen(value))) {
		err_set(e, ERR_INPUT, "\"%s\" is not a host name", value);
		return -1;
	}
	if (set_text(s, field, value, strlen(value), e) == -1)
		return -1;
	lower(field);
	return 0;
}

static int
set_user(const struct conf_setting *s, char *field, const char *value,
    struct err *e)
{
	size_t len = strlen(value), i = 0;

	if (len <= USER_MAX && value[0] != '-')
		while (i < len && (is_alnum(value[i]) ||
		    strchr("_.-", value[i]) != NULL))
			i++;
	if (i == 0 || i != len) {
		err_set(e, ERR_INPUT, "\"%s\" is not a user or group name",
		    value);
		return -1;
	}
	return set_text(s, field, value, len, e);
}

/* A dot-atom (RFC 5322 section 3.2.3) of at most LOCAL_MAX octets. */
static bool
is_local(const char *p, size_t len)
{
	bool dot = true;

	if (len == 0 || len > LOCAL_MAX)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (p[i] == '.' ? dot : !is_alnum(p[i]) &&
		    strchr("!#$%&'*+-/=?^_`{|}~", p[i]) == NULL)
			return false;
		dot = p[i] == '.';
	}
	return !dot;
}

static int
set_mail(const struct conf_setting *s, char *field, const char *value,
    struct err *e)
{
	const char *at = strrchr(value, '@');

	if (at == NULL || !is_local(value, (size_t)(at - value)) ||
	    !is_host(at + 1, strlen(at + 1))) {
		err_set(e, ERR_INPUT, "\"%s\" is not a mail address", value);
		return -1;
	}
	return set_text(s, field, value, strlen(value), e);
}

/* ---- addresses of the network */

static bool
read_ip(const char *p, size_t len, uint8_t *family_r, uint8_t ip_r[16])
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

/*
 * Split "host:port", "[ip6]:port" or, where no port is needed, either without
 * it.  *port_r is NULL then.  An address with colons needs its brackets.
 */
static bool
split_port(const char *value, const char **host_r, size_t *len_r,
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

static int
set_listen(const struct conf_setting *s, struct conf_listens *list,
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
	} else if (!split_port(value, &host, &len, &port) || port == NULL ||
	    !read_ip(host, len, &l.family, l.ip) ||
	    !read_port(port, 0, &l.port)) {
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

static int
set_cidr(const struct conf_setting *s, struct conf_cidrs *list,
    const char *value, struct err *e)
{
	const char *slash = s->type == CONF_CIDR ? strchr(value, '/') : NULL;
	size_t len = slash != NULL ? (size_t)(slash - value) : strlen(value);
	struct conf_cidr c;
	uint8_t masked[16];
	int64_t bits;

	memset(&c, 0, sizeof(c));
	if (!read_ip(value, len, &c.family, c.ip))
		goto bad;
	bits = c.family == 4 ? 32 : 128;
	if (slash != NULL) {
		int64_t most = bits;

		slash++;
		if (!read_digits(&slash, &bits) || *slash != '\0' ||
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

static int
set_server(const struct conf_setting *s, struct conf_server *field,
    const char *value, struct err *e)
{
	const char *at = strchr(value, '@');
	size_t len = at != NULL ? (size_t)(at - value) : strlen(value);
	struct conf_server v;

	memset(&v, 0, sizeof(v));
	v.port = DNS_PORT;
	if (!read_ip(value, len, &v.family, v.ip) ||
	    (at != NULL && !read_port(at + 1, 1, &v.port))) {
		err_set(e, ERR_INPUT, "\"%s\" is not %s", value,
		    conf_value_shape(s));
		return -1;
	}
	*field = v;
	return 0;
}

static int
set_smarthost(const struct conf_setting *s, struct conf_smarthosts *list,
    const char *value, struct err *e)
{
	struct conf_smarthost h;
	const char *host, *port;
	uint8_t family, ip[16];
	size_t len;

	memset(&h, 0, sizeof(h));
	h.port = SMTP_PORT;
	if (!split_port(value, &host, &len, &port) ||
	    (!is_host(host, len) && !read_ip(host, len, &family, ip)) ||
	    (port != NULL && !read_port(port, 1, &h.port))) {
		err_set(e, ERR_INPUT, "\"%s\" is not %s", value,
		    conf_value_shape(s));
		return -1;
	}
	if (list->n == CONF_SMARTHOST_MAX) {
		err_set(e, ERR_LIMIT, "more than %d entries",
		    CONF_SMARTHOST_MAX);
		return -1;
	}
	memcpy(h.host, host, len);
	lower(h.host);
	list->v[list->n++] = h;
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
	if (!read_ip(host, len, &family, ip))
		return false;
	return family == 4 ? ip[0] == 127 : memcmp(ip, one, 16) == 0;
}

static int
set_url(const struct conf_setting *s, char *field, const char *value,
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
	if (!split_port(buf, &host, &hlen, &port) ||
	    (!is_host(host, hlen) && !read_ip(host, hlen, &family, ip)) ||
	    (port != NULL && !read_port(port, 1, &number)))
		goto bad;
	if (plain && !is_loopback(host, hlen)) {
		err_set(e, ERR_REFUSED, "\"%s\" needs https:// "
		    "(one-click unsubscription, RFC 8058)", value);
		return -1;
	}
	return set_text(s, field, value, len, e);
bad:
	err_set(e, ERR_INPUT, "\"%s\" is not %s", value, conf_value_shape(s));
	return -1;
}

int
conf_value_set(const struct conf_setting *s, void *field, const char *value,
    struct err *e)
{
	switch (s->type) {
	case CONF_BOOL:
		return set_bool(field, value, e);
	case CONF_INT:
	case CONF_SIZE:
	case CONF_TIME:
		return set_number(s, field, value, e);
	case CONF_ENUM:
		return set_enum(s, field, value, e);
	case CONF_PATH:
		return set_path(s, field, value, e);
	case CONF_HOST:
		return set_host(s, field, value, e);
	case CONF_USER:
		return set_user(s, field, value, e);
	case CONF_MAIL:
		return set_mail(s, field, value, e);
	case CONF_URL:
		return set_url(s, field, value, e);
	case CONF_LISTEN:
		return set_listen(s, field, value, e);
	case CONF_CIDR:
	case CONF_IP:
		return set_cidr(s, field, value, e);
	case CONF_SERVER:
		return set_server(s, field, value, e);
	case CONF_SMARTHOST:
		return set_smarthost(s, field, value, e);
	}
	assert(!"a type without a reader");
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

static void
format_cidr(const struct conf_cidr *c, struct strbuf *out)
{
	format_ip(c->family, c->ip, out);
	if (c->bits != (c->family == 4 ? 32 : 128))
		strbuf_addf(out, "/%u", c->bits);
}

static void
format_smarthost(const struct conf_smarthost *h, struct strbuf *out)
{
	bool colon = strchr(h->host, ':') != NULL;

	strbuf_addf(out, "%s%s%s:%u", colon ? "[" : "", h->host,
	    colon ? "]" : "", h->port);
}

static void
format_server(const struct conf_server *v, struct strbuf *out)
{
	if (v->family == 0)
		return;
	format_ip(v->family, v->ip, out);
	strbuf_addf(out, "@%u", v->port);
}

bool
conf_value_is_list(const struct conf_setting *s)
{
	return s->type == CONF_LISTEN || s->type == CONF_CIDR ||
	    s->type == CONF_IP || s->type == CONF_SMARTHOST;
}

size_t
conf_value_count(const struct conf_setting *s, const void *field)
{
	switch (s->type) {
	case CONF_LISTEN:
		return ((const struct conf_listens *)field)->n;
	case CONF_CIDR:
	case CONF_IP:
		return ((const struct conf_cidrs *)field)->n;
	case CONF_SMARTHOST:
		return ((const struct conf_smarthosts *)field)->n;
	default:
		return 1;
	}
}

void
conf_value_format(const struct conf_setting *s, const void *field, size_t i,
    struct strbuf *out)
{
	switch (s->type) {
	case CONF_BOOL:
		strbuf_adds(out, *(const bool *)field ? "yes" : "no");
		break;
	case CONF_INT:
	case CONF_SIZE:
	case CONF_TIME:
		conf_number_format(s, *(const int64_t *)field, out);
		break;
	case CONF_ENUM:
		strbuf_adds(out, s->names[*(const conf_enum *)field]);
		break;
	case CONF_PATH:
	case CONF_HOST:
	case CONF_USER:
	case CONF_MAIL:
	case CONF_URL:
		strbuf_adds(out, field);
		break;
	case CONF_LISTEN:
		conf_listen_format(&((const struct conf_listens *)field)->v[i],
		    out);
		break;
	case CONF_CIDR:
	case CONF_IP:
		format_cidr(&((const struct conf_cidrs *)field)->v[i], out);
		break;
	case CONF_SERVER:
		format_server(field, out);
		break;
	case CONF_SMARTHOST:
		format_smarthost(
		    &((const struct conf_smarthosts *)field)->v[i], out);
		break;
	}
}

const char *
conf_value_shape(const struct conf_setting *s)
{
	switch (s->type) {
	case CONF_BOOL:
		return "yes|no";
	case CONF_INT:
		return "number";
	case CONF_SIZE:
		return "size";
	case CONF_TIME:
		return "duration";
	case CONF_ENUM:
		return "name";
	case CONF_PATH:
		return "path";
	case CONF_HOST:
		return "host";
	case CONF_USER:
		return "name";
	case CONF_MAIL:
		return "address";
	case CONF_URL:
		return "https://host[:port][/path]";
	case CONF_LISTEN:
		return (s->flags & CONF_UNIX) != 0 ?
		    "ip:port, [ip6]:port or /path" : "ip:port or [ip6]:port";
	case CONF_CIDR:
		return "ip[/bits]";
	case CONF_IP:
		return "ip";
	case CONF_SERVER:
		return "ip[@port]";
	case CONF_SMARTHOST:
		return "host[:port]";
	}
	return "";
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
