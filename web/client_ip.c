/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client_ip.c - whose request it is, when proxies stand between (T8).
 */
#include "config.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "lib/conf.h"
#include "lib/pack.h"
#include "web/client_ip.h"

static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
static const uint8_t none[16];

/* ---- addresses */

bool
client_ip_peer(const struct sockaddr *sa, struct client_ip *c_r)
{
	const struct sockaddr_in6 *in6 = (const void *)sa;
	const struct sockaddr_in *in = (const void *)sa;

	memset(c_r, 0, sizeof(*c_r));
	if (sa == NULL)
		return false;
	switch (sa->sa_family) {
	case AF_INET:
		memcpy(c_r->ip, mapped, sizeof(mapped));
		memcpy(c_r->ip + 12, &in->sin_addr, 4);
		c_r->port = ntohs(in->sin_port);
		return true;
	case AF_INET6:
		memcpy(c_r->ip, &in6->sin6_addr, 16);
		c_r->port = ntohs(in6->sin6_port);
		return true;
	default:
		return false;
	}
}

static bool
parse_port(const char *p, size_t len, uint16_t *port_r)
{
	unsigned v = 0;

	if (len == 0 || len > 5)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (p[i] < '0' || p[i] > '9')
			return false;
		v = v * 10 + (unsigned)(p[i] - '0');
	}
	if (v > UINT16_MAX)
		return false;
	*port_r = (uint16_t)v;
	return true;
}

static bool
parse_ip(const char *p, size_t len, uint8_t ip_r[static 16])
{
	char text[CLIENT_IP_TEXT];
	uint8_t ip[16];

	if (len >= sizeof(text))
		return false;
	memcpy(text, p, len);
	text[len] = '\0';
	if (memchr(p, ':', len) != NULL) {
		if (inet_pton(AF_INET6, text, ip) != 1)
			return false;
	} else {
		memcpy(ip, mapped, sizeof(mapped));
		if (inet_pton(AF_INET, text, ip + sizeof(mapped)) != 1)
			return false;
	}
	memcpy(ip_r, ip, sizeof(ip));
	return true;
}

bool
client_ip_parse(const char *text, size_t len, uint8_t ip_r[static 16],
    uint16_t *port_r)
{
	const char *end, *colon, *bracket;
	uint16_t port = 0;

	if (len == 0)
		return false;
	end = text + len;
	if (text[0] == '[') {
		if ((bracket = memchr(text, ']', len)) == NULL)
			return false;
		if (bracket + 1 != end && (bracket[1] != ':' ||
		    !parse_port(bracket + 2, (size_t)(end - bracket - 2),
		    &port)))
			return false;
		if (memchr(text, ':', (size_t)(bracket - text)) == NULL)
			return false;
		text++;
		end = bracket;
	} else if ((colon = memchr(text, ':', len)) != NULL &&
	    memchr(colon + 1, ':', (size_t)(end - colon - 1)) == NULL) {
		/* One colon: a port behind IPv4; more are IPv6. */
		if (!parse_port(colon + 1, (size_t)(end - colon - 1), &port))
			return false;
		end = colon;
	}
	if (!parse_ip(text, (size_t)(end - text), ip_r))
		return false;
	*port_r = port;
	return true;
}

void
client_ip_format(const uint8_t ip[static 16], char out[static CLIENT_IP_TEXT])
{
	if (memcmp(ip, none, sizeof(none)) == 0)
		snprintf(out, CLIENT_IP_TEXT, "-");
	else if (memcmp(ip, mapped, sizeof(mapped)) == 0)
		inet_ntop(AF_INET, ip + sizeof(mapped), out, CLIENT_IP_TEXT);
	else
		inet_ntop(AF_INET6, ip, out, CLIENT_IP_TEXT);
}

bool
client_ip_loopback(const uint8_t ip[static 16])
{
	static const uint8_t one[16] = { [15] = 1 };

	return memcmp(ip, one, sizeof(one)) == 0 ||
	    (memcmp(ip, mapped, sizeof(mapped)) == 0 && ip[12] == 127);
}

/* ---- the chain of hops, from its right end */

static struct slice
trim(const char *p, const char *end)
{
	while (p < end && (*p == ' ' || *p == '\t'))
		p++;
	while (p < end && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	return (struct slice){ (const uint8_t *)p, (size_t)(end - p) };
}

/* Is the quote at list[i] one inside a quoted string? */
static bool
escaped(const char *list, size_t i)
{
	size_t n = 0;

	while (n < i && list[i - n - 1] == '\\')
		n++;
	return n % 2 == 1;
}

/*
 * Cut the right-most element off list[*len_r].  Quotes are counted from the
 * right too, so that one which a stranger left open further left hides
 * nothing.  False when there is nothing left.
 */
static bool
last_element(const char *list, size_t *len_r, struct slice *element_r)
{
	size_t i = *len_r;
	bool quoted = false;

	if (i == 0)
		return false;
	for (; i > 0; i--) {
		if (list[i - 1] == '"' && !escaped(list, i - 1))
			quoted = !quoted;
		else if (list[i - 1] == ',' && !quoted)
			break;
	}
	*element_r = trim(list + i, list + *len_r);
	*len_r = i > 0 ? i - 1 : 0;
	return true;
}

/* The node of for= in an element of Forwarded (RFC 7239 section 4). */
static struct slice
node_of(struct slice element)
{
	const char *p = (const char *)element.p, *end = p + element.len;

	while (p < end) {
		const char *semicolon = memchr(p, ';', (size_t)(end - p));
		const char *stop = semicolon != NULL ? semicolon : end;
		struct slice pair = trim(p, stop);

		if (pair.len > 4 &&
		    strncasecmp((const char *)pair.p, "for=", 4) == 0)
			return trim((const char *)pair.p + 4,
			    (const char *)pair.p + pair.len);
		p = semicolon != NULL ? stop + 1 : end;
	}
	return (struct slice){ NULL, 0 };
}

static struct slice
unquote(struct slice s)
{
	if (s.len >= 2 && s.p[0] == '"' && s.p[s.len - 1] == '"') {
		s.p++;
		s.len -= 2;
	}
	return s;
}

void
client_ip_find(const struct conf_cidrs *trusted, const char *for_list,
    const char *forwarded, struct client_ip *c_r)
{
	const char *list = for_list != NULL ? for_list : forwarded;
	struct client_ip found = { .proxy_port = c_r->port };
	struct slice element;
	bool any = false;
	size_t len;

	if (list == NULL || memcmp(c_r->ip, none, sizeof(none)) == 0 ||
	    !conf_cidrs_match(trusted, 6, c_r->ip))
		return;
	memcpy(found.proxy_ip, c_r->ip, sizeof(found.proxy_ip));
	len = strlen(list);
	for (int hops = 0; hops < CLIENT_IP_HOPS_MAX &&
	    last_element(list, &len, &element); hops++) {
		if (element.len == 0)
			continue;	/* RFC 9110 section 5.6.1 allows it */
		if (list == forwarded)
			element = node_of(element);
		element = unquote(element);
		/* "unknown", or a name of the proxy's own: as far as we see. */
		if (!client_ip_parse((const char *)element.p, element.len,
		    found.ip, &found.port))
			break;
		any = true;
		if (!conf_cidrs_match(trusted, 6, found.ip))
			break;
	}
	if (any)
		*c_r = found;
}
