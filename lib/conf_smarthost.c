/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conf_smarthost.c - relays: host[:port] [key=number] ...
 */
#include "config.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "lib/ascii.h"
#include "lib/conf.h"
#include "lib/conf_private.h"
#include "lib/err.h"
#include "lib/strbuf.h"

#define SMTP_PORT	25
#define SUBMISSIONS_PORT 465	/* RFC 8314 section 3.3 */
#define RELAY_MAX	240	/* octets of host and port, as written */
#define RATE_MAX	10000000
#define QUOTA_MAX	1000000000

#define RELAY(NAME)	#NAME, offsetof(struct conf_smarthost, NAME)

static const struct {
	const char	*name;
	size_t		 offset;
	bool		 is_short;	/* uint16_t, else uint32_t */
	int64_t		 min, max;
} keys[] = {
	{ RELAY(preference), true, 0, UINT16_MAX },
	{ RELAY(weight), true, 1, UINT16_MAX },
	{ RELAY(connections), false, 1, 500 },
	{ RELAY(connects_per_minute), false, 1, RATE_MAX },
	{ RELAY(messages_per_connection), false, 1, 10000 },
	{ RELAY(messages_per_minute), false, 1, RATE_MAX },
	{ RELAY(messages_per_hour), false, 1, QUOTA_MAX },
	{ RELAY(messages_per_day), false, 1, QUOTA_MAX },
	{ RELAY(implicit_tls), true, 0, 1 },
};

#define IMPLICIT_TLS	8	/* its place among them */
#define KEYS	(sizeof(keys) / sizeof(keys[0]))

static uint32_t
key_get(const struct conf_smarthost *h, size_t i)
{
	const char *field = (const char *)h + keys[i].offset;
	uint16_t narrow;
	uint32_t wide;

	if (!keys[i].is_short) {
		memcpy(&wide, field, sizeof(wide));
		return wide;
	}
	memcpy(&narrow, field, sizeof(narrow));
	return narrow;
}

static void
key_set(struct conf_smarthost *h, size_t i, uint32_t value)
{
	char *field = (char *)h + keys[i].offset;
	uint16_t narrow = (uint16_t)value;

	if (keys[i].is_short)
		memcpy(field, &narrow, sizeof(narrow));
	else
		memcpy(field, &value, sizeof(value));
}

/* One key=number; *p moves past it and the blanks behind. */
static bool
read_key(const char **p, struct conf_smarthost *h, bool said[static KEYS])
{
	size_t len = strcspn(*p, "=");
	int64_t n;

	for (size_t i = 0; i < KEYS; i++) {
		if (strlen(keys[i].name) != len ||
		    memcmp(*p, keys[i].name, len) != 0)
			continue;
		*p += len;
		if (*(*p)++ != '=' || said[i] || !conf_read_digits(p, &n) ||
		    n < keys[i].min || n > keys[i].max ||
		    (**p != '\0' && **p != ' ' && **p != '\t'))
			return false;
		said[i] = true;
		key_set(h, i, (uint32_t)n);
		*p += strspn(*p, " \t");
		return true;
	}
	return false;
}

static bool
read_relay(const char *value, struct conf_smarthost *h)
{
	size_t len = strcspn(value, " \t");
	const char *host, *port, *rest = value + len + strspn(value + len,
	    " \t");
	char entry[RELAY_MAX + 1];
	bool said[KEYS] = { false };
	uint8_t family, ip[16];

	while (*rest != '\0')
		if (!read_key(&rest, h, said))
			return false;
	if (len > RELAY_MAX)
		return false;
	memcpy(entry, value, len);
	entry[len] = '\0';
	if (!conf_split_port(entry, &host, &len, &port) ||
	    (!conf_is_host(host, len) &&
	    !conf_read_ip(host, len, &family, ip)) ||
	    (port != NULL && !conf_read_port(port, 1, &h->port)))
		return false;
	memcpy(h->host, host, len);
	ascii_lower_all(h->host);
	if (!said[IMPLICIT_TLS])
		h->implicit_tls = h->port == SUBMISSIONS_PORT;
	return true;
}

static bool
is_there(const struct conf_smarthosts *list, const struct conf_smarthost *h)
{
	for (size_t i = 0; i < list->n; i++)
		if (list->v[i].port == h->port &&
		    strcmp(list->v[i].host, h->host) == 0)
			return true;
	return false;
}

int
conf_set_smarthost(const struct conf_setting *s, struct conf_smarthosts *list,
    const char *value, struct err *e)
{
	struct conf_smarthost h;

	memset(&h, 0, sizeof(h));
	h.port = SMTP_PORT;
	h.weight = 1;
	if (list->n > 0 && list->v[list->n - 1].preference < UINT16_MAX)
		h.preference = (uint16_t)(list->v[list->n - 1].preference + 1);
	if (!read_relay(value, &h)) {
		err_set(e, ERR_INPUT, "\"%s\" is not %s", value,
		    conf_value_shape(s));
		return -1;
	}
	if (is_there(list, &h)) {
		err_set(e, ERR_EXISTS, "%s is there twice", h.host);
		return -1;
	}
	if (list->n == CONF_SMARTHOST_MAX) {
		err_set(e, ERR_LIMIT, "more than %d entries",
		    CONF_SMARTHOST_MAX);
		return -1;
	}
	list->v[list->n++] = h;
	return 0;
}

void
conf_smarthost_name(const struct conf_smarthost *h,
    char name[static CONF_NAME_MAX])
{
	bool colon = strchr(h->host, ':') != NULL;

	snprintf(name, CONF_NAME_MAX, "%s%.*s%s:%u", colon ? "[" : "",
	    RELAY_MAX, h->host, colon ? "]" : "", h->port);
}

void
conf_smarthost_format(const struct conf_smarthost *h, struct strbuf *out)
{
	char name[CONF_NAME_MAX];

	conf_smarthost_name(h, name);
	strbuf_adds(out, name);
	for (size_t i = 0; i < KEYS; i++)
		if (i == IMPLICIT_TLS ? h->implicit_tls !=
		    (h->port == SUBMISSIONS_PORT) : i < 2 ||
		    key_get(h, i) != 0)
			strbuf_addf(out, " %s=%u", keys[i].name,
			    key_get(h, i));
}

bool
conf_smarthost_is_listed(const struct conf *c, const struct conf_smarthost *h)
{
	uint8_t family, ip[16];

	if (!conf_read_ip(h->host, strlen(h->host), &family, ip))
		return c->smarthost_networks.n > 0;
	return conf_cidrs_match(&c->smarthost_networks, family, ip);
}
