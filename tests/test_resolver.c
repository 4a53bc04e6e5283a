/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_resolver.c - names to mail routes and addresses, as a DNS server on
 * loopback answers: what is an end, what is a fault that may pass (R105, R106,
 * F25), and what DNSSEC vouches for (R168).
 *
 * The server is that of tests/fake_dns.h, inside the test and by UDP alone.
 * The zone s.example is signed.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cmocka.h>
#include <event2/event.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "lib/conf.h"
#include "lib/err.h"
#include "lib/strbuf.h"
#include "listd/resolver.h"
#include "tests/fake_dns.h"

#define TEST_LIMIT_S	60
#define QUERY_MAX	4096
#define MX_OF_MANY	25

static struct world {
	char			 dir[64];
	struct event_base	*base;
	struct event		*readable;
	int			 fd;
	struct conf		 conf;
	struct zone		*zone;
	struct resolver		*resolver;
	bool			 answered;
	struct ipc_route	 route;
	struct resolver_host	 host;
} w;

static const char zone_text[] =
    "pref.example MX 20 b.h.example\n"
    "pref.example MX 10 a.h.example\n"
    "alias.example CNAME pref.example\n"
    "implicit.example A 192.0.2.1\n"
    "six.example AAAA 2001:db8::1\n"
    "null.example MX 0 .\n"
    "both.example MX 0 .\n"
    "both.example MX 10 a.h.example\n"
    "number.example MX 5 127.0.0.1\n"
    "number.example MX 10 a.h.example\n"
    "numbers.example MX 5 127.0.0.1\n"
    "void.example TXT nothing\n"
    "loop.example CNAME pool.example\n"
    "pool.example CNAME loop.example\n"
    "servfail.example FAIL servfail\n"
    "refused.example FAIL refused\n"
    "garbage.example FAIL garbage\n"
    "halfway.example A 192.0.2.1\n"
    "halfway.example FAIL/MX servfail\n"
    "gone.example FAIL/AAAA servfail\n"
    "gone.example TXT here\n"
    "self.example MX 10 Lists.Example\n"
    "self.example MX 20 a.h.example\n"
    "out.example MX 10 out2.lists.example\n"
    "backup.example MX 10 a.h.example\n"
    "backup.example MX 20 lists.example\n"
    "backup.example MX 20 b.h.example\n"
    "backup.example MX 30 c.h.example\n"
    "s.example MX 10 mx.s.example\n"
    "mx.s.example A 192.0.2.2\n"
    "bare.s.example A 192.0.2.3\n"
    "also.s.example CNAME s.example\n"
    "out.s.example CNAME pref.example\n"
    "badalias.s.example CNAME pref.example\n"
    "badalias.s.example FAIL bogus\n"
    "bogus.s.example MX 10 mx.s.example\n"
    "bogus.s.example FAIL/MX bogus\n"
    "void.s.example TXT nothing\n"
    "void.s.example FAIL/MX bogus\n"
    "no4.s.example A 192.0.2.4\n"
    "no4.s.example AAAA 2001:db8::4\n"
    "no4.s.example FAIL/A servfail\n"
    "no6.s.example A 192.0.2.4\n"
    "no6.s.example FAIL/AAAA servfail\n"
    "forged6.s.example A 192.0.2.4\n"
    "forged6.s.example AAAA 2001:db8::4\n"
    "forged6.s.example FAIL/AAAA bogus\n"
    "forged.s.example A 192.0.2.4\n"
    "forged.s.example FAIL bogus\n"
    "only4.s.example A 192.0.2.4\n"
    "no6.example A 192.0.2.4\n"
    "no6.example FAIL/AAAA servfail\n";

/* ---- the server */

static void
on_query(evutil_socket_t fd, short what, void *arg)
{
	struct strbuf out = STRBUF_INIT(DNS_MESSAGE_MAX);
	struct sockaddr_storage from;
	socklen_t len = sizeof(from);
	uint8_t query[QUERY_MAX];
	struct verdict v;
	ssize_t n = recvfrom(fd, query, sizeof(query), 0,
	    (struct sockaddr *)&from, &len);

	(void)what;
	(void)arg;
	if (n <= 0)
		return;
	zone_answer(w.zone, query, (size_t)n, false, &v, &out);
	if (out.len > 0)
		sendto(fd, out.s, out.len, 0, (struct sockaddr *)&from, len);
	strbuf_free(&out);
}

static uint16_t
serve(void)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(sin);

	w.fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_int_not_equal(w.fd, -1);
	assert_int_equal(bind(w.fd, (struct sockaddr *)&sin, len), 0);
	assert_int_equal(getsockname(w.fd, (struct sockaddr *)&sin, &len), 0);
	w.readable = event_new(w.base, w.fd, EV_READ | EV_PERSIST, on_query,
	    NULL);
	event_add(w.readable, NULL);
	return ntohs(sin.sin_port);
}

static FILE *
open_file(const char *name, char path[static 128], const char *mode)
{
	FILE *f;

	snprintf(path, 128, "%s/%s", w.dir, name);
	f = fopen(path, mode);
	assert_non_null(f);
	return f;
}

/* A key that signs s.example; what is to be believed of it, as a file. */
static int
make_key(char key_path[static 128])
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	char path[128], text[128];
	unsigned char pub[65];
	size_t len;
	FILE *f = open_file("key", key_path, "w");

	assert_int_equal(PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL,
	    NULL), 1);
	fclose(f);
	assert_int_equal(EVP_PKEY_get_octet_string_param(key, "pub", pub,
	    sizeof(pub), &len), 1);
	assert_int_equal(len, sizeof(pub));
	EVP_PKEY_free(key);
	EVP_EncodeBlock((unsigned char *)text, pub + 1, 64);
	f = open_file("anchor", path, "w");
	fprintf(f, "s.example. IN DNSKEY 257 3 13 %s\n", text);
	fclose(f);
	return open(path, O_RDONLY | O_CLOEXEC);
}

static void
make_zone(const char *key_path)
{
	struct err e = ERR_INIT;
	char path[128];
	FILE *f = open_file("zone", path, "w");

	fprintf(f, "s.example SIGN %s\n%s", key_path, zone_text);
	/* The best ones come last. */
	for (int i = MX_OF_MANY; i > 0; i--)
		fprintf(f, "many.example MX %d m%d.h.example\n", i, i);
	fclose(f);
	w.zone = zone_load(path, 60, &e);
	if (w.zone == NULL)
		fail_msg("%s", e.text);
}

static int
set_up(void **state)
{
	struct err e = ERR_INIT;
	char key_path[128];
	int anchor;

	(void)state;
	snprintf(w.dir, sizeof(w.dir), "/tmp/test_resolver.XXXXXX");
	assert_non_null(mkdtemp(w.dir));
	w.base = event_base_new();
	conf_init(&w.conf);
	snprintf(w.conf.hostname, sizeof(w.conf.hostname), "lists.example");
	w.conf.source_address.n = 2;
	snprintf(w.conf.source_address.v[1].ehlo,
	    sizeof(w.conf.source_address.v[1].ehlo), "out2.lists.example");
	w.conf.resolver = (struct conf_server){ 4, { 127, 0, 0, 1 },
		serve() };
	anchor = make_key(key_path);
	make_zone(key_path);
	w.resolver = resolver_new(w.base, &w.conf, -1, anchor, &e);
	close(anchor);
	if (w.resolver == NULL)
		fail_msg("%s", e.text);
	return 0;
}

static int
tear_down(void **state)
{
	static const char *const names[] = { "key", "anchor", "zone" };
	char path[128];

	(void)state;
	resolver_free(w.resolver);
	zone_free(&w.zone);
	event_free(w.readable);
	close(w.fd);
	event_base_free(w.base);
	for (size_t i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s/%s", w.dir, names[i]);
		unlink(path);
	}
	rmdir(w.dir);
	return 0;
}

/* ---- asking */

static void
run(const char *name)
{
	struct timeval limit = { TEST_LIMIT_S, 0 };

	event_base_loopexit(w.base, &limit);
	event_base_dispatch(w.base);
	if (!w.answered)
		fail_msg("%s: no answer", name);
}

static void
on_route(void *arg, const struct ipc_route *route)
{
	(void)arg;
	assert_false(w.answered);
	w.answered = true;
	w.route = *route;
	event_base_loopbreak(w.base);
}

static void
on_host(void *arg, const struct resolver_host *host)
{
	(void)arg;
	assert_false(w.answered);
	w.answered = true;
	w.host = *host;
	event_base_loopbreak(w.base);
}

static const struct {
	const char *why, *domain;
	enum ipc_dns status;
	const char *hosts;
} routes[] = {
	{ "by preference, not in the order of the packet", "pref.example",
	    IPC_DNS_OK, "a.h.example b.h.example " },
	{ "by an alias", "alias.example", IPC_DNS_OK,
	    "a.h.example b.h.example " },
	{ "no MX: the domain itself", "implicit.example", IPC_DNS_OK,
	    "implicit.example " },
	{ "by IPv6 alone", "six.example", IPC_DNS_OK, "six.example " },
	{ "null MX (RFC 7505)", "null.example", IPC_DNS_NULL_MX, "" },
	{ "which has to be alone", "both.example", IPC_DNS_OK,
	    "a.h.example " },
	{ "an address is no host (RFC 2181 section 10.3)", "number.example",
	    IPC_DNS_OK, "a.h.example " },
	{ "nor do we connect to it", "numbers.example", IPC_DNS_TEMPORARY,
	    "" },
	{ "no such domain", "nxdomain.example", IPC_DNS_NXDOMAIN, "" },
	{ "no MX and no address", "void.example", IPC_DNS_NODATA, "" },
	{ "aliases in a circle", "loop.example", IPC_DNS_TEMPORARY, "" },
	{ "SERVFAIL", "servfail.example", IPC_DNS_TEMPORARY, "" },
	{ "REFUSED", "refused.example", IPC_DNS_TEMPORARY, "" },
	{ "no DNS at all", "garbage.example", IPC_DNS_TEMPORARY, "" },
	{ "MX fails: an address does not stand for it", "halfway.example",
	    IPC_DNS_TEMPORARY, "" },
	{ "one of two addresses fails, and the other is not there",
	    "gone.example", IPC_DNS_TEMPORARY, "" },
	{ "first our own name, in any case", "self.example", IPC_DNS_SELF,
	    "" },
	{ "the EHLO name of a source", "out.example", IPC_DNS_SELF, "" },
	{ "we are a backup: none that comes no earlier", "backup.example",
	    IPC_DNS_OK, "a.h.example " },
	{ "signed", "s.example", IPC_DNS_OK, "mx.s.example " },
	{ "signed, no MX", "bare.s.example", IPC_DNS_OK, "bare.s.example " },
	{ "a forged MX", "bogus.s.example", IPC_DNS_TEMPORARY, "" },
	{ "a forged denial", "void.s.example", IPC_DNS_TEMPORARY, "" },
	{ "a name that is none", "a..example", IPC_DNS_TEMPORARY, "" },
};

static void
routes_are_told_from_faults(void **state)
{
	struct strbuf hosts = STRBUF_INIT(8192);

	(void)state;
	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
		w.answered = false;
		resolver_route(w.resolver, routes[i].domain, on_route, NULL);
		assert_false(w.answered);
		run(routes[i].why);
		strbuf_reset(&hosts);
		for (uint16_t k = 0; k < w.route.n; k++)
			strbuf_addf(&hosts, "%s ", w.route.host[k].name);
		if (w.route.status != routes[i].status ||
		    strcmp(hosts.len > 0 ? hosts.s : "",
		    routes[i].hosts) != 0)
			fail_msg("%s: status %u, hosts %s", routes[i].why,
			    w.route.status, hosts.len > 0 ? hosts.s : "");
	}
	strbuf_free(&hosts);
}

/* Is it the domain itself that says who its hosts are (RFC 7672 2.2.1)? */
static void
routes_are_vouched_for(void **state)
{
	static const struct {
		const char *domain, *alias;
		bool secure;
	} rows[] = {
		{ "s.example", "", true },
		{ "bare.s.example", "", true },
		{ "also.s.example", "s.example", true },
		{ "out.s.example", "", false },
		{ "alias.example", "", false },
		{ "pref.example", "", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		w.answered = false;
		resolver_route(w.resolver, rows[i].domain, on_route, NULL);
		run(rows[i].domain);
		assert_int_equal(w.route.status, IPC_DNS_OK);
		if (w.route.secure != rows[i].secure ||
		    strcmp(w.route.alias, rows[i].alias) != 0)
			fail_msg("%s: %s, alias %s", rows[i].domain,
			    w.route.secure ? "secure" : "insecure",
			    w.route.alias);
	}
}

/* Of more hosts than there is room for those are kept that come first. */
static void
the_best_of_many_are_kept(void **state)
{
	(void)state;
	w.answered = false;
	resolver_route(w.resolver, "many.example", on_route, NULL);
	run("many hosts");
	assert_int_equal(w.route.status, IPC_DNS_OK);
	assert_int_equal(w.route.n, IPC_HOSTS_MAX);
	for (uint16_t i = 0; i < IPC_HOSTS_MAX; i++)
		assert_int_equal(w.route.host[i].preference, i + 1);
}

/*
 * Who suppresses or forges one of the two answers must not take the other
 * one's security away: it is what TLSA records are asked for by (R168).
 */
static const struct {
	const char *why, *host;
	enum ipc_dns status;
	size_t n;
	bool secure;
} hosts[] = {
	{ "signed, no AAAA", "only4.s.example", IPC_DNS_OK, 1, true },
	{ "AAAA fails", "no6.s.example", IPC_DNS_OK, 1, true },
	{ "A fails", "no4.s.example", IPC_DNS_OK, 1, true },
	{ "AAAA is forged", "forged6.s.example", IPC_DNS_OK, 1, true },
	{ "both are forged", "forged.s.example", IPC_DNS_TEMPORARY, 0, true },
	{ "not signed", "implicit.example", IPC_DNS_OK, 1, false },
	{ "not signed, AAAA fails", "no6.example", IPC_DNS_OK, 1, false },
	{ "an address says nothing", "192.0.2.1", IPC_DNS_OK, 1, false },
};

static void
half_an_answer_keeps_its_security(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		w.answered = false;
		resolver_addresses(w.resolver, hosts[i].host, on_host, NULL);
		run(hosts[i].why);
		if (w.host.status != hosts[i].status ||
		    w.host.n != hosts[i].n ||
		    (w.host.n > 0 && w.host.secure != hosts[i].secure))
			fail_msg("%s: status %u, %zu addresses, %s",
			    hosts[i].why, w.host.status, w.host.n,
			    w.host.secure ? "secure" : "insecure");
	}
}

static void
on_alias(void *arg, enum ipc_dns status, bool secure)
{
	assert_false(w.answered);
	w.answered = true;
	w.host.status = status;
	*(bool *)arg = secure;
	event_base_loopbreak(w.base);
}

/* Whatever is known of where it leads (RFC 7672 section 2.2.2). */
static void
an_alias_has_its_own_security(void **state)
{
	static const struct {
		const char *host;
		bool fault, secure;
	} rows[] = {
		{ "out.s.example", false, true },
		{ "also.s.example", false, true },
		{ "alias.example", false, false },
		{ "badalias.s.example", true, false },
		{ "servfail.example", true, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		bool secure = false;

		w.answered = false;
		resolver_alias(w.resolver, rows[i].host, on_alias, &secure);
		run(rows[i].host);
		if ((w.host.status == IPC_DNS_TEMPORARY) != rows[i].fault ||
		    (!rows[i].fault && secure != rows[i].secure))
			fail_msg("%s", rows[i].host);
	}
}

/* ---- our own addresses */

static const struct {
	const char *why, *ip;
	uint16_t port;
	bool wildcard, inbound;
} addresses[] = {
	{ "where inbound listens", "192.0.2.25", 25, false, true },
	{ "the same in IPv6", "::ffff:192.0.2.25", 25, false, true },
	{ "another port is another server", "192.0.2.25", 26, false, false },
	{ "another address", "192.0.2.26", 25, false, false },
	{ "all of this machine", "127.0.0.1", 25, true, true },
	{ "and of no other", "192.0.2.26", 25, true, false },
	{ "not by IPv6, where nobody listens", "::1", 25, true, false },
};

static void
inbound_is_known_by_its_address(void **state)
{
	struct conf_listens *l = &w.conf.smtp_listen;

	(void)state;
	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
		struct resolver_address a = { .family = 4 };

		*l = (struct conf_listens){ 1, { { 4, { 192, 0, 2, 25 }, 25,
			"" } } };
		if (addresses[i].wildcard)
			memset(l->v[0].ip, 0, 4);
		if (inet_pton(AF_INET, addresses[i].ip, a.ip) != 1) {
			a.family = 6;
			assert_int_equal(inet_pton(AF_INET6, addresses[i].ip,
			    a.ip), 1);
		}
		if (resolver_address_is_inbound(&w.conf, &a,
		    addresses[i].port) != addresses[i].inbound)
			fail_msg("%s", addresses[i].why);
	}
	l->n = 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(routes_are_told_from_faults),
		cmocka_unit_test(routes_are_vouched_for),
		cmocka_unit_test(the_best_of_many_are_kept),
		cmocka_unit_test(half_an_answer_keeps_its_security),
		cmocka_unit_test(an_alias_has_its_own_security),
		cmocka_unit_test(inbound_is_known_by_its_address),
	};

	return cmocka_run_group_tests_name("resolver", tests, set_up,
	    tear_down);
}
