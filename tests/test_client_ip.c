/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_client_ip.c - who is behind the proxies, and who only says so (T8).
 */
#include "config.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/conf.h"
#include "lib/strbuf.h"
#include "web/client_ip.h"

#define LEN(a)	(sizeof(a) / sizeof((a)[0]))

static struct conf conf;

static const struct {
	const char *why, *peer, *for_list, *forwarded;
	const char *ip;
	uint16_t port;		/* the peer's is 4000 */
	const char *proxy;
} rows[] = {
	{ "direct", "192.0.2.1", NULL, NULL, "192.0.2.1", 4000, "-" },
	{ "a stranger's header is nothing", "192.0.2.1", "198.51.100.9",
	    "for=198.51.100.9", "192.0.2.1", 4000, "-" },
	{ "one proxy", "10.0.0.1", "198.51.100.9", NULL, "198.51.100.9", 0,
	    "10.0.0.1" },
	{ "the left-most is the stranger's word", "10.0.0.1",
	    "203.0.113.66, 198.51.100.9", NULL, "198.51.100.9", 0,
	    "10.0.0.1" },
	{ "two proxies of ours", "10.0.0.1",
	    "203.0.113.66, 198.51.100.9, 10.0.0.2", NULL, "198.51.100.9", 0,
	    "10.0.0.1" },
	{ "a proxy of ours, asked from inside", "10.0.0.1",
	    "10.0.0.3, 10.0.0.2", NULL, "10.0.0.3", 0, "10.0.0.1" },
	{ "with the source port", "10.0.0.1", "198.51.100.9:5678", NULL,
	    "198.51.100.9", 5678, "10.0.0.1" },
	{ "IPv6", "10.0.0.1", "2001:db8::9", NULL, "2001:db8::9", 0,
	    "10.0.0.1" },
	{ "IPv6 with a port", "10.0.0.1", "[2001:DB8::9]:5678", NULL,
	    "2001:db8::9", 5678, "10.0.0.1" },
	{ "IPv6 in brackets", "10.0.0.1", "[2001:db8::9]", NULL,
	    "2001:db8::9", 0, "10.0.0.1" },
	{ "IPv4 in IPv6 is IPv4", "10.0.0.1", "::ffff:198.51.100.9", NULL,
	    "198.51.100.9", 0, "10.0.0.1" },
	{ "so is a peer's", "::ffff:10.0.0.1", "198.51.100.9", NULL,
	    "198.51.100.9", 0, "10.0.0.1" },
	{ "an IPv6 proxy", "fd00::5", "198.51.100.9", NULL, "198.51.100.9", 0,
	    "fd00::5" },
	{ "a proxy that named nobody", "10.0.0.1", NULL, NULL, "10.0.0.1",
	    4000, "-" },
	{ "an empty field", "10.0.0.1", "", NULL, "10.0.0.1", 4000, "-" },
	{ "nonsense", "10.0.0.1", "unknown", NULL, "10.0.0.1", 4000, "-" },
	{ "nonsense behind a proxy of ours: the last we know", "10.0.0.1",
	    "198.51.100.9, x, 10.0.0.2", NULL, "10.0.0.2", 0, "10.0.0.1" },
	{ "empty elements", "10.0.0.1", "203.0.113.66,,198.51.100.9, ,", NULL,
	    "198.51.100.9", 0, "10.0.0.1" },
	{ "tabs", "10.0.0.1", "\t198.51.100.9\t", NULL, "198.51.100.9", 0,
	    "10.0.0.1" },
	{ "a port too large", "10.0.0.1", "198.51.100.9:65536", NULL,
	    "10.0.0.1", 4000, "-" },
	{ "a zone", "10.0.0.1", "fe80::1%eth0", NULL, "10.0.0.1", 4000, "-" },
	{ "octal is no address", "10.0.0.1", "0300.0.2.1", NULL, "10.0.0.1",
	    4000, "-" },
	{ "IPv4 in brackets", "10.0.0.1", "[198.51.100.9]", NULL, "10.0.0.1",
	    4000, "-" },
	{ "too long for an address", "10.0.0.1",
	    "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb", NULL,
	    "10.0.0.1", 4000, "-" },

	{ "Forwarded", "10.0.0.1", NULL, "for=198.51.100.9", "198.51.100.9",
	    0, "10.0.0.1" },
	{ "among others, in any case", "10.0.0.1", NULL,
	    "proto=https; FOR=198.51.100.9;by=10.0.0.1", "198.51.100.9", 0,
	    "10.0.0.1" },
	{ "quoted IPv6 (RFC 7239 section 6)", "10.0.0.1", NULL,
	    "For=\"[2001:db8:cafe::17]:4711\"", "2001:db8:cafe::17", 4711,
	    "10.0.0.1" },
	{ "right-most there too", "10.0.0.1", NULL,
	    "for=203.0.113.66, for=198.51.100.9, for=10.0.0.2",
	    "198.51.100.9", 0, "10.0.0.1" },
	{ "a quote left open hides nothing", "10.0.0.1", NULL,
	    "for=\"203.0.113.66, for=198.51.100.9", "198.51.100.9", 0,
	    "10.0.0.1" },
	{ "a comma in quotes", "10.0.0.1", NULL,
	    "for=198.51.100.9;host=\"a,for=203.0.113.66\"", "198.51.100.9",
	    0, "10.0.0.1" },
	{ "an escaped quote ends nothing", "10.0.0.1", NULL,
	    "for=198.51.100.9;host=\"x\\\",for=203.0.113.66;y=\\\"\"",
	    "198.51.100.9", 0, "10.0.0.1" },
	{ "hidden (RFC 7239 section 6.3)", "10.0.0.1", NULL, "for=_gazonk",
	    "10.0.0.1", 4000, "-" },
	{ "unknown (RFC 7239 section 6.2)", "10.0.0.1", NULL,
	    "for=198.51.100.9, for=unknown", "10.0.0.1", 4000, "-" },
	{ "no for=", "10.0.0.1", NULL, "by=198.51.100.9", "10.0.0.1", 4000,
	    "-" },
	{ "X-Forwarded-For wins", "10.0.0.1", "198.51.100.9",
	    "for=203.0.113.66", "198.51.100.9", 0, "10.0.0.1" },
};

static void
peer_of(const char *text, struct client_ip *c_r)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6,
	    .sin6_port = htons(4000) };
	struct sockaddr_in in = { .sin_family = AF_INET,
	    .sin_port = htons(4000) };

	if (inet_pton(AF_INET, text, &in.sin_addr) == 1) {
		assert_true(client_ip_peer((struct sockaddr *)&in, c_r));
		return;
	}
	assert_int_equal(inet_pton(AF_INET6, text, &in6.sin6_addr), 1);
	assert_true(client_ip_peer((struct sockaddr *)&in6, c_r));
}

static void
clients_are_found(void **state)
{
	char ip[CLIENT_IP_TEXT], proxy[CLIENT_IP_TEXT];
	struct client_ip c;

	(void)state;
	for (size_t i = 0; i < LEN(rows); i++) {
		peer_of(rows[i].peer, &c);
		client_ip_find(&conf.trusted_proxies, rows[i].for_list,
		    rows[i].forwarded, &c);
		client_ip_format(c.ip, ip);
		client_ip_format(c.proxy_ip, proxy);
		if (strcmp(ip, rows[i].ip) != 0 || c.port != rows[i].port ||
		    strcmp(proxy, rows[i].proxy) != 0 ||
		    c.proxy_port != (proxy[0] == '-' ? 0 : 4000))
			fail_msg("%s: %s port %u by %s", rows[i].why, ip,
			    c.port, proxy);
	}
}

/* However long the list, only its right end is looked at. */
static void
long_lists_end(void **state)
{
	struct strbuf list = STRBUF_INIT(65536);
	char ip[CLIENT_IP_TEXT];
	struct client_ip c;

	(void)state;
	strbuf_adds(&list, "198.51.100.9");
	for (int i = 0; i < CLIENT_IP_HOPS_MAX; i++)
		strbuf_addf(&list, ", 10.0.1.%d", i);
	peer_of("10.0.0.1", &c);
	client_ip_find(&conf.trusted_proxies, list.s, NULL, &c);
	client_ip_format(c.ip, ip);
	assert_string_equal(ip, "10.0.1.0");
	strbuf_free(&list);
}

static void
unix_peers_have_no_address(void **state)
{
	struct sockaddr sa = { .sa_family = AF_UNIX };
	struct client_ip c;
	char ip[CLIENT_IP_TEXT];

	(void)state;
	assert_false(client_ip_peer(&sa, &c));
	client_ip_find(&conf.trusted_proxies, "198.51.100.9", NULL, &c);
	client_ip_format(c.ip, ip);
	assert_string_equal(ip, "-");
	assert_int_equal(c.port, 0);
	assert_false(client_ip_peer(NULL, &c));
}

static void
loopback_is_known(void **state)
{
	static const struct {
		const char *ip;
		bool loopback;
	} ips[] = {
		{ "127.0.0.1", true }, { "127.9.9.9", true }, { "::1", true },
		{ "::ffff:127.0.0.1", true }, { "128.0.0.1", false },
		{ "::2", false }, { "10.0.0.1", false },
	};
	struct client_ip c;

	(void)state;
	for (size_t i = 0; i < LEN(ips); i++) {
		peer_of(ips[i].ip, &c);
		assert_int_equal(client_ip_loopback(c.ip), ips[i].loopback);
	}
}

static int
setup(void **state)
{
	static const char text[] = "hostname = a.example\n"
	    "trusted_proxies = 10.0.0.0/8\ntrusted_proxies = fd00::/16\n";

	(void)state;
	return conf_parse(&conf, "test", text, strlen(text), NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(clients_are_found),
		cmocka_unit_test(long_lists_end),
		cmocka_unit_test(unix_peers_have_no_address),
		cmocka_unit_test(loopback_is_known),
	};

	return cmocka_run_group_tests_name("client_ip", tests, setup, NULL);
}
