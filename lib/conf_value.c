/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conf_value.c - one value of the configuration file, read and written.
 *
 * What a value may look like is decided here and nowhere else; every reader
 * has a writer whose output it accepts.  Messages quote the value as it was
 * typed and say what was expected.
 */
#include "config.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "lib/ascii.h"
#include "lib/conf.h"
#include "lib/conf_private.h"
#include "lib/err.h"
#include "lib/strbuf.h"

#define HOST_MAX	253	/* octets, RFC 1035 section 3.1 as text */
#define LABEL_MAX	63
#define LOCAL_MAX	64	/* octets, RFC 5321 section 4.5.3.1.1 */
#define USER_MAX	32	/* octets, useradd(8) */

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
bool
conf_read_digits(const char **p, int64_t *n_r)
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

	if (!conf_read_digits(&p, &n)) {
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
int
conf_set_text(const struct conf_setting *s, char *field, const char *value,
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
	return conf_set_text(s, field, value, len, e);
}

/*
 * A host name in A-label form, len octets.  The last label is not a number,
 * so an address is never taken for a name.
 */
bool
conf_is_host(const char *p, size_t len)
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

static int
set_host(const struct conf_setting *s, char *field, const char *value,
    struct err *e)
{
	if (!conf_is_host(value, strlen(value))) {
		err_set(e, ERR_INPUT, "\"%s\" is not a host name", value);
		return -1;
	}
	if (conf_set_text(s, field, value, strlen(value), e) == -1)
		return -1;
	ascii_lower_all(field);
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
	return conf_set_text(s, field, value, len, e);
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
	    !conf_is_host(at + 1, strlen(at + 1))) {
		err_set(e, ERR_INPUT, "\"%s\" is not a mail address", value);
		return -1;
	}
	return conf_set_text(s, field, value, strlen(value), e);
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
		return conf_set_url(s, field, value, e);
	case CONF_LISTEN:
		return conf_set_listen(s, field, value, e);
	case CONF_CIDR:
		return conf_set_cidr(s, field, value, e);
	case CONF_SOURCE:
		return conf_set_source(s, field, value, e);
	case CONF_SERVER:
		return conf_set_server(s, field, value, e);
	case CONF_SMARTHOST:
		return conf_set_smarthost(s, field, value, e);
	case CONF_WITNESS:
		return conf_set_witness(s, field, value, e);
	}
	assert(!"a type without a reader");
	return -1;
}

/* ---- writing */

bool
conf_value_is_list(const struct conf_setting *s)
{
	return s->type == CONF_LISTEN || s->type == CONF_CIDR ||
	    s->type == CONF_SOURCE || s->type == CONF_SMARTHOST ||
	    s->type == CONF_WITNESS;
}

size_t
conf_value_count(const struct conf_setting *s, const void *field)
{
	switch (s->type) {
	case CONF_LISTEN:
		return ((const struct conf_listens *)field)->n;
	case CONF_CIDR:
		return ((const struct conf_cidrs *)field)->n;
	case CONF_SOURCE:
		return ((const struct conf_sources *)field)->n;
	case CONF_SMARTHOST:
		return ((const struct conf_smarthosts *)field)->n;
	case CONF_WITNESS:
		return ((const struct conf_witnesses *)field)->n;
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
		conf_cidr_format(
		    &((const struct conf_cidrs *)field)->v[i], out);
		break;
	case CONF_SOURCE:
		conf_source_format(&((const struct conf_sources *)field)->v[i],
		    out);
		break;
	case CONF_SERVER:
		conf_server_format(field, out);
		break;
	case CONF_SMARTHOST:
		conf_smarthost_format(
		    &((const struct conf_smarthosts *)field)->v[i], out);
		break;
	case CONF_WITNESS:
		note_key_format(
		    &((const struct conf_witnesses *)field)->v[i], out);
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
	case CONF_SOURCE:
		return "ip [key value] ...";
	case CONF_SERVER:
		return "ip[@port]";
	case CONF_SMARTHOST:
		return "host[:port] [key=number] ...";
	case CONF_WITNESS:
		return "name+id+key";
	}
	return "";
}
