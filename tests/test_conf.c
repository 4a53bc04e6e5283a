/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_conf.c - the configuration file: every mistake has its exact message,
 * what is dumped reads back equal, and the manual lists every setting.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/conf.h"
#include "lib/strbuf.h"

#define LEN(a)	(sizeof(a) / sizeof((a)[0]))
#define H	"hostname = lists.example.org\n"

static int
parse(struct conf *c, const char *text, struct strbuf *mistakes)
{
	strbuf_reset(mistakes);
	return conf_parse(c, "f", text, strlen(text), mistakes);
}

/* One line after a good first one, and what is said about it. */
/* A public witness's key. */
#define WITNESS \
	"remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2"

static const struct {
	const char *why, *line, *said;
} bad[] = {
	{ "typo", "hostnam = x", "f:2: hostnam: there is no such setting\n" },
	{ "no =", "smtp_listen 1.2.3.4:25",
	    "f:2: \"smtp_listen 1.2.3.4:25\" is not name = value\n" },
	{ "no name", "= 5", "f:2: \"= 5\" is not name = value\n" },
	{ "twice", "hostname = b.example",
	    "f:2: hostname: is set already in line 1\n" },
	{ "empty where a default is", "map_size =",
	    "f:2: map_size: needs a value\n" },
	{ "control character", "data_dir = /a\033b",
	    "f:2: holds a control character\n" },
	/* numbers */
	{ "word", "http_threads = many",
	    "f:2: http_threads: \"many\" is not a number\n" },
	{ "negative", "http_threads = -1",
	    "f:2: http_threads: \"-1\" is not a number\n" },
	{ "tail", "http_threads = 4x",
	    "f:2: http_threads: \"4x\" is not a number\n" },
	{ "unit on a plain number", "http_threads = 4k",
	    "f:2: http_threads: \"4k\" is not a number\n" },
	{ "above", "http_threads = 65",
	    "f:2: http_threads: 65 is above the maximum, 64\n" },
	{ "below", "http_threads = 0",
	    "f:2: http_threads: 0 is below the minimum, 1\n" },
	{ "2^63", "http_threads = 9223372036854775808",
	    "f:2: http_threads: 9223372036854775808 is above the maximum, "
	    "64\n" },
	{ "2^64 + 1", "http_threads = 18446744073709551617",
	    "f:2: http_threads: 18446744073709551617 is above the maximum, "
	    "64\n" },
	{ "overflow by the unit", "map_size = 9000000000000t",
	    "f:2: map_size: 9000000000000t is above the maximum, 16t\n" },
	{ "size below", "map_size = 1m",
	    "f:2: map_size: 1m is below the minimum, 16m\n" },
	{ "size unit", "map_size = 1x", "f:2: map_size: \"1x\" is not a size "
	    "(units: k, m, g, t)\n" },
	{ "capital unit", "map_size = 1G", "f:2: map_size: \"1G\" is not a "
	    "size (units: k, m, g, t)\n" },
	{ "duration without unit", "drain_timeout = 30",
	    "f:2: drain_timeout: \"30\" is not a duration "
	    "(units: ms, s, m, h, d)\n" },
	{ "zero needs no unit, but has bounds", "drain_timeout = 0",
	    "f:2: drain_timeout: 0 is below the minimum, 1s\n" },
	{ "the queue's life ends at 5 d (R102)", "queue_lifetime = 6d",
	    "f:2: queue_lifetime: 6d is above the maximum, 5d\n" },
	{ "the bombing limit only goes down (S44)", "similar_per_day = 11",
	    "f:2: similar_per_day: 11 is above the maximum, 10\n" },
	/* words */
	{ "bool", "smtp_dane = maybe",
	    "f:2: smtp_dane: \"maybe\" is neither yes nor no\n" },
	{ "enum", "log_addresses = some", "f:2: log_addresses: \"some\" is "
	    "none of full, short, none\n" },
	{ "user", "user_web = -web",
	    "f:2: user_web: \"-web\" is not a user or group name\n" },
	{ "user with a blank", "user_web = a b",
	    "f:2: user_web: \"a b\" is not a user or group name\n" },
	{ "relative path", "data_dir = var/lib",
	    "f:2: data_dir: \"var/lib\" does not begin with /\n" },
	/* names */
	{ "address for a name", "bounce_domain = 192.0.2.1",
	    "f:2: bounce_domain: \"192.0.2.1\" is not a host name\n" },
	{ "empty label", "bounce_domain = a..b",
	    "f:2: bounce_domain: \"a..b\" is not a host name\n" },
	{ "trailing dot", "bounce_domain = a.example.",
	    "f:2: bounce_domain: \"a.example.\" is not a host name\n" },
	{ "leading hyphen", "bounce_domain = a.-b.example",
	    "f:2: bounce_domain: \"a.-b.example\" is not a host name\n" },
	{ "trailing hyphen", "bounce_domain = a-.example",
	    "f:2: bounce_domain: \"a-.example\" is not a host name\n" },
	{ "underscore", "bounce_domain = a_b.example",
	    "f:2: bounce_domain: \"a_b.example\" is not a host name\n" },
	{ "no at", "postmaster = root",
	    "f:2: postmaster: \"root\" is not a mail address\n" },
	{ "two dots", "postmaster = a..b@example.org",
	    "f:2: postmaster: \"a..b@example.org\" is not a mail address\n" },
	{ "plain HTTP to the world (RFC 8058)",
	    "url_base = http://lists.example.org",
	    "f:2: url_base: \"http://lists.example.org\" needs https:// "
	    "(one-click unsubscription, RFC 8058)\n" },
	{ "other scheme", "url_base = ftp://lists.example.org",
	    "f:2: url_base: \"ftp://lists.example.org\" is not "
	    "https://host[:port][/path]\n" },
	{ "no host", "url_base = https:///x",
	    "f:2: url_base: \"https:///x\" is not "
	    "https://host[:port][/path]\n" },
	{ "query", "url_base = https://a.example/?x",
	    "f:2: url_base: \"https://a.example/?x\" is not "
	    "https://host[:port][/path]\n" },
	{ "user in the URL", "url_base = https://u@a.example",
	    "f:2: url_base: \"https://u@a.example\" is not "
	    "https://host[:port][/path]\n" },
	/* addresses of the network */
	{ "name to listen on", "smtp_listen = localhost:25",
	    "f:2: smtp_listen: \"localhost:25\" is not ip:port or "
	    "[ip6]:port\n" },
	{ "no port", "smtp_listen = 127.0.0.1",
	    "f:2: smtp_listen: \"127.0.0.1\" is not ip:port or "
	    "[ip6]:port\n" },
	{ "port 65536", "smtp_listen = 127.0.0.1:65536",
	    "f:2: smtp_listen: \"127.0.0.1:65536\" is not ip:port or "
	    "[ip6]:port\n" },
	{ "IPv6 without brackets", "smtp_listen = ::1:25",
	    "f:2: smtp_listen: \"::1:25\" is not ip:port or [ip6]:port\n" },
	{ "IPv4 in brackets", "smtp_listen = [127.0.0.1]:25",
	    "f:2: smtp_listen: \"[127.0.0.1]:25\" is not ip:port or "
	    "[ip6]:port\n" },
	{ "open bracket", "smtp_listen = [::1:25",
	    "f:2: smtp_listen: \"[::1:25\" is not ip:port or [ip6]:port\n" },
	{ "UNIX socket for SMTP", "smtp_listen = /run/x",
	    "f:2: smtp_listen: \"/run/x\" is not ip:port or [ip6]:port\n" },
	{ "the same twice", "http_listen = 127.0.0.1:80\n"
	    "http_listen = 127.0.0.1:80",
	    "f:3: http_listen: 127.0.0.1:80 is listed twice\n" },
	{ "network of a word", "trusted_proxies = localhost",
	    "f:2: trusted_proxies: \"localhost\" is not ip[/bits]\n" },
	{ "33 bits", "trusted_proxies = 10.0.0.0/33",
	    "f:2: trusted_proxies: \"10.0.0.0/33\" is not ip[/bits]\n" },
	{ "no bits", "trusted_proxies = 10.0.0.0/",
	    "f:2: trusted_proxies: \"10.0.0.0/\" is not ip[/bits]\n" },
	{ "host bits: did they mean /32 or /8?",
	    "trusted_proxies = 10.0.0.1/8", "f:2: trusted_proxies: "
	    "10.0.0.1/8 has bits set to the right of /8\n" },
	{ "network to send from", "source_address = 10.0.0.0/8",
	    "f:2: source_address: \"10.0.0.0/8\" is not ip [key value] "
	    "...\n" },
	{ "a word without its value", "source_address = 192.0.2.1 weight",
	    "f:2: source_address: weight : not one of ehlo NAME, weight 1 to "
	    "100, stream campaign|notice|both, warmup YYYY-MM-DD\n" },
	{ "no such day", "source_address = 192.0.2.1 warmup 2026-02-29",
	    "f:2: source_address: warmup 2026-02-29: not one of ehlo NAME, "
	    "weight 1 to 100, stream campaign|notice|both, warmup "
	    "YYYY-MM-DD\n" },
	{ "one address twice", "source_address = 192.0.2.1\n"
	    "source_address = 192.0.2.1 weight 2",
	    "f:3: source_address: 192.0.2.1 is there twice\n" },
	{ "resolver by name", "resolver = ns.example.org",
	    "f:2: resolver: \"ns.example.org\" is not ip[@port]\n" },
	{ "resolver's port 0", "resolver = 127.0.0.1@0",
	    "f:2: resolver: \"127.0.0.1@0\" is not ip[@port]\n" },
	{ "smarthost", "smarthost = a b",
	    "f:2: smarthost: \"a b\" is not host[:port] [key=number] "
	    "...\n" },
	{ "nobody's share", "smarthost = a weight=0",
	    "f:2: smarthost: \"a weight=0\" is not host[:port] "
	    "[key=number] ...\n" },
	{ "a preference too high", "smarthost = a preference=65536",
	    "f:2: smarthost: \"a preference=65536\" is not host[:port] "
	    "[key=number] ...\n" },
	{ "a word too many", "smarthost = a preference=1 weight=2x",
	    "f:2: smarthost: \"a preference=1 weight=2x\" is not host[:port] "
	    "[key=number] ...\n" },
	{ "a key twice", "smarthost = a weight=1 weight=2",
	    "f:2: smarthost: \"a weight=1 weight=2\" is not host[:port] "
	    "[key=number] ...\n" },
	{ "a quota that stops all mail", "smarthost = a messages_per_day=0",
	    "f:2: smarthost: \"a messages_per_day=0\" is not host[:port] "
	    "[key=number] ...\n" },
	{ "more connections than any site gets",
	    "smarthost = a connections=501",
	    "f:2: smarthost: \"a connections=501\" is not host[:port] "
	    "[key=number] ...\n" },
	{ "a key without a number", "smarthost = a messages_per_hour",
	    "f:2: smarthost: \"a messages_per_hour\" is not host[:port] "
	    "[key=number] ...\n" },
	{ "one relay twice", "smarthost_networks = 192.0.2.1\n"
	    "smarthost = 192.0.2.1\nsmarthost = 192.0.2.1:25 weight=2",
	    "f:4: smarthost: 192.0.2.1 is there twice\n" },
	{ "no key of a witness", "ledger_witness = w.example",
	    "f:2: ledger_witness: \"w.example\" is not name+id+key\n" },
	{ "a key that signs texts, and compares nothing",
	    "ledger_witness = PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBf"
	    "sVkmqq/LDE4izWy10TW", "f:2: ledger_witness: PeterNeumann is no "
	    "key of a witness, which has type 4 (c2sp.org/tlog-cosignature)"
	    "\n" },
	{ "a witness twice", "ledger_witness = " WITNESS "\n"
	    "ledger_witness = " WITNESS,
	    "f:3: ledger_witness: remora.n621.de is there twice\n" },
	/* what does not fit together */
	{ "key missing", "smtp_tls_cert = /a",
	    "f:2: smtp_tls_cert and smtp_tls_key: one is set without the "
	    "other\n" },
	{ "web key missing", "web_tls_cert = /a",
	    "f:2: web_tls_cert and web_tls_key: one is set without the "
	    "other\n" },
	{ "https without certificate", "https_listen = 127.0.0.1:443",
	    "f:2: https_listen: needs web_tls_cert and web_tls_key\n" },
	{ "password in the clear", "smarthost_auth = /a",
	    "f:2: smarthost_auth: needs smarthost_tls = verify\n" },
	{ "password to whoever it is (R172)",
	    "smarthost_auth = /a\nsmarthost_tls = encrypt",
	    "f:2: smarthost_auth: needs smarthost_tls = verify\n" },
	{ "a relay that gave no leave (S17)", "smarthost = relay.example",
	    "f:2: smarthost: needs smarthost_auth, or smarthost_networks that "
	    "it is in\n" },
	{ "a relay outside of what is allowed (S17)",
	    "smarthost_networks = 192.0.2.0/24\n"
	    "smarthost = 192.0.2.9\nsmarthost = 198.51.100.1:587",
	    "f:4: smarthost: needs smarthost_auth, or smarthost_networks that "
	    "it is in\n" },
	{ "LMTP where SMTP is expected (R177)", "lmtp_listen = 127.0.0.1:25",
	    "f:2: lmtp_listen: LMTP is not for port 25\n" },
	{ "other port in earnest", "smtp_port = 2525",
	    "f:2: smtp_port: a port other than 25 needs allow_loopback\n" },
};

static void
each_mistake_has_its_message(void **state)
{
	struct strbuf text = STRBUF_INIT(8192), said = STRBUF_INIT(65536);
	struct conf c;

	(void)state;
	for (size_t i = 0; i < LEN(bad); i++) {
		strbuf_reset(&text);
		strbuf_addf(&text, H "%s\n", bad[i].line);
		if (parse(&c, text.s, &said) != -1)
			fail_msg("accepted: %s", bad[i].why);
		if (strcmp(said.s, bad[i].said) != 0)
			fail_msg("%s: said \"%s\"", bad[i].why, said.s);
	}
	strbuf_free(&text);
	strbuf_free(&said);
}

static void
all_mistakes_are_reported_at_once(void **state)
{
	struct strbuf said = STRBUF_INIT(65536);
	struct conf c;

	(void)state;
	assert_int_equal(parse(&c, "nonsense\n\n# fine\nmap_size = 0\n"
	    "http_threads = x", &said), -1);
	assert_string_equal(said.s,
	    "f:1: \"nonsense\" is not name = value\n"
	    "f:4: map_size: 0 is below the minimum, 16m\n"
	    "f:5: http_threads: \"x\" is not a number\n"
	    "f: hostname: is not set\n");
	strbuf_free(&said);
}

static void
reports_end_at_a_limit(void **state)
{
	struct strbuf text = STRBUF_INIT(65536), said = STRBUF_INIT(65536);
	struct conf c;
	size_t lines = 0;

	(void)state;
	for (int i = 0; i < CONF_ERRORS_MAX + 5; i++)
		strbuf_adds(&text, "x\n");
	strbuf_adds(&text, H);
	assert_int_equal(parse(&c, text.s, &said), -1);
	for (size_t i = 0; i < said.len; i++)
		lines += said.s[i] == '\n';
	assert_int_equal(lines, CONF_ERRORS_MAX + 1);
	assert_non_null(strstr(said.s, "\nf: and 5 more\n"));
	strbuf_free(&text);
	strbuf_free(&said);
}

static void
sizes_of_input_are_limited(void **state)
{
	struct strbuf said = STRBUF_INIT(65536);
	size_t len = CONF_FILE_MAX + 1;
	char *big = malloc(len);
	struct conf c;

	(void)state;
	assert_non_null(big);
	memset(big, '\n', len);
	assert_int_equal(conf_parse(&c, "f", big, len, &said), -1);
	assert_string_equal(said.s, "f: larger than 262144 octets\n");
	strbuf_reset(&said);
	memset(big, '#', len);
	memcpy(big, H, strlen(H));
	assert_int_equal(conf_parse(&c, "f", big, strlen(H) + 2048, &said), 0);
	assert_int_equal(conf_parse(&c, "f", big, strlen(H) + 2049, &said),
	    -1);
	assert_string_equal(said.s, "f:2: longer than 2048 octets\n");

	/* A path one octet too long for its field. */
	strbuf_reset(&said);
	len = (size_t)snprintf(big, 4096, H "ca_file = /");
	memset(big + len, 'a', CONF_PATH_MAX - 2);
	len += CONF_PATH_MAX - 2;
	assert_int_equal(conf_parse(&c, "f", big, len, &said), 0);
	assert_int_equal(strlen(c.ca_file), CONF_PATH_MAX - 1);
	big[len] = 'a';
	assert_int_equal(conf_parse(&c, "f", big, len + 1, &said), -1);
	assert_string_equal(said.s,
	    "f:2: ca_file: longer than 1023 octets\n");
	free(big);
	strbuf_free(&said);
}

static void
lists_are_limited(void **state)
{
	struct strbuf text = STRBUF_INIT(65536), said = STRBUF_INIT(65536);
	struct conf c;

	(void)state;
	strbuf_adds(&text, H);
	for (int i = 0; i < CONF_LISTEN_MAX; i++)
		strbuf_addf(&text, "smtp_listen = 127.0.0.1:%d\n", 1000 + i);
	assert_int_equal(parse(&c, text.s, &said), 0);
	assert_int_equal(c.smtp_listen.n, CONF_LISTEN_MAX);
	strbuf_adds(&text, "smtp_listen = 127.0.0.1:9\n");
	assert_int_equal(parse(&c, text.s, &said), -1);
	assert_string_equal(said.s,
	    "f:18: smtp_listen: more than 16 entries\n");
	strbuf_free(&text);
	strbuf_free(&said);
}

static void
defaults_are_those_of_the_requirements(void **state)
{
	struct strbuf said = STRBUF_INIT(65536);
	struct conf c;

	(void)state;
	assert_int_equal(parse(&c, "hostname = Lists.Example.ORG", &said), 0);
	assert_string_equal(c.hostname, "lists.example.org");
	assert_string_equal(c.url_base, "https://lists.example.org");
	assert_string_equal(c.bounce_domain, "lists.example.org");
	assert_string_equal(c.postmaster, "postmaster@lists.example.org");
	assert_string_equal(c.dkim_dir, "/var/lib/listd/dkim");
	assert_int_equal(c.smtp_listen.n, 0);
	/* R101: RFC 5321 section 4.5.3.2 */
	assert_int_equal(c.timeout_banner, 5 * 60 * 1000);
	assert_int_equal(c.timeout_mail, 5 * 60 * 1000);
	assert_int_equal(c.timeout_rcpt, 5 * 60 * 1000);
	assert_int_equal(c.timeout_data, 2 * 60 * 1000);
	assert_int_equal(c.timeout_block, 3 * 60 * 1000);
	assert_int_equal(c.timeout_dot, 10 * 60 * 1000);
	/* R102, R174, S44, requirements section 4; reliability section 5 */
	assert_int_equal(c.queue_lifetime, 48 * 3600 * 1000);
	assert_int_equal(c.inbound_idle, 5 * 60 * 1000);
	assert_int_equal(c.inbound_idle_load, 60 * 1000);
	assert_int_equal(c.similar_per_day, 10);
	assert_int_equal(c.confirm_per_mailbox_day, 3);
	assert_int_equal(c.http_max_head, 8192);
	assert_int_equal(c.http_max_body, 65536);
	assert_int_equal(c.http_per_address, 16);
	assert_int_equal(c.log_addresses, CONF_ADDRESSES_SHORT);
	assert_int_equal(c.log_level, CONF_LOG_INFO);
	assert_int_equal(c.log_syslog, CONF_FACILITY_MAIL);
	assert_false(c.allow_loopback);
	strbuf_free(&said);
}

static const char everything[] =
    "  hostname=a.example # who we are\r\n"
    "#comment\n"
    "\t\n"
    "url_base = http://127.0.0.1:8080/lists//\n"
    "data_dir = /tmp/with # hash\n"
    "ca_file = /tmp/with#hash\n"
    "control_socket = /tmp/c/\n"
    "smtp_listen = 0.0.0.0:25\n"
    "smtp_listen = [::]:25\n"
    "smtp_listen = 127.0.0.1:0\n"
    "smtp_listen = 127.0.0.1:0\n"
    "lmtp_listen = /run/listd/lmtp\n"
    "trusted_proxies = 10.0.0.0/8\n"
    "trusted_proxies = 2001:db8::/33\n"
    "trusted_proxies = 127.0.0.1\n"
    "ledger_witness = " WITNESS "\n"
    "resolver = ::1@5353\n"
    "smarthost = relay.example.org\n"
    "smarthost = [2001:db8::1]:587\n"
    "smarthost = 127.0.0.1:2525 weight=3 preference=1\n"
    "smarthost = relay2.example.org connections=3 connects_per_minute=30 "
    "messages_per_connection=20 messages_per_minute=500 "
    "messages_per_hour=20000 messages_per_day=100000 implicit_tls=1\n"
    "smarthost = relay3.example.org:465\n"
    "smarthost = relay4.example.org:465 implicit_tls=0\n"
    "smarthost_networks = 192.0.2.0/24\n"
    "smarthost_networks = 127.0.0.1\n"
    "smarthost_networks = 2001:db8::/32\n"
    "source_address = 192.0.2.1 ehlo a.example weight 3 stream campaign "
    "warmup 2028-02-29\n"
    "smtp_ipv6 = off\n"
    "map_size = 1t\n"
    "map_size_queue = 16777217\n"
    "timeout_dot = 1500ms\n"
    "idle_connection = 0\n"
    "queue_lifetime = 36h\n"
    "log_level = debug\n"
    "bounce_domain =\n"
    "allow_loopback = yes\n"
    "smtp_port = 2525\n";

static void
good_values_are_read(void **state)
{
	struct strbuf said = STRBUF_INIT(65536);
	struct conf c;

	(void)state;
	if (parse(&c, everything, &said) != 0)
		fail_msg("%s", said.s);
	assert_string_equal(c.url_base, "http://127.0.0.1:8080/lists");
	assert_string_equal(c.data_dir, "/tmp/with");
	assert_string_equal(c.ca_file, "/tmp/with#hash");
	assert_string_equal(c.control_socket, "/tmp/c");
	assert_int_equal(c.smtp_listen.n, 4);
	assert_int_equal(c.smtp_listen.v[1].family, 6);
	assert_string_equal(c.lmtp_listen.v[0].path, "/run/listd/lmtp");
	assert_int_equal(c.trusted_proxies.v[1].bits, 33);
	assert_int_equal(c.trusted_proxies.v[2].bits, 32);
	assert_int_equal(c.ledger_witness.n, 1);
	assert_string_equal(c.ledger_witness.v[0].name, "remora.n621.de");
	assert_int_equal(c.resolver.port, 5353);
	assert_string_equal(c.smarthost.v[1].host, "2001:db8::1");
	assert_int_equal(c.smarthost.v[1].port, 587);
	assert_int_equal(c.smarthost.v[0].port, 25);
	assert_int_equal(c.smarthost.v[0].preference, 0);
	assert_int_equal(c.smarthost.v[1].preference, 1);
	assert_int_equal(c.smarthost.v[1].weight, 1);
	assert_int_equal(c.smarthost.v[2].preference, 1);
	assert_int_equal(c.smarthost.v[2].weight, 3);
	assert_int_equal(c.smarthost.v[3].preference, 2);
	assert_int_equal(c.smarthost.v[2].connections, 0);
	assert_int_equal(c.smarthost.v[3].connections, 3);
	assert_int_equal(c.smarthost.v[3].connects_per_minute, 30);
	assert_int_equal(c.smarthost.v[3].messages_per_connection, 20);
	assert_int_equal(c.smarthost.v[3].messages_per_minute, 500);
	assert_int_equal(c.smarthost.v[3].messages_per_hour, 20000);
	assert_int_equal(c.smarthost.v[3].messages_per_day, 100000);
	assert_int_equal(c.smarthost.v[2].implicit_tls, 0);
	assert_int_equal(c.smarthost.v[3].implicit_tls, 1);
	assert_int_equal(c.smarthost.v[4].implicit_tls, 1);	/* RFC 8314 */
	assert_int_equal(c.smarthost.v[5].implicit_tls, 0);
	assert_false(c.smtp_ipv6);
	assert_int_equal(c.map_size, INT64_C(1) << 40);
	assert_int_equal(c.map_size_queue, 16777217);
	assert_int_equal(c.timeout_dot, 1500);
	assert_int_equal(c.queue_lifetime, 36 * 3600 * 1000);
	assert_string_equal(c.bounce_domain, "a.example");
	strbuf_free(&said);
}

/* What -n prints is a configuration with the same meaning. */
static void
a_dump_reads_back_equal(void **state)
{
	struct strbuf said = STRBUF_INIT(65536), dump = STRBUF_INIT(65536);
	struct strbuf again = STRBUF_INIT(65536);
	struct conf a, b;

	(void)state;
	assert_int_equal(parse(&a, everything, &said), 0);
	conf_dump(&a, &dump);
	if (parse(&b, dump.s, &said) != 0)
		fail_msg("%s", said.s);
	assert_memory_equal(&a, &b, sizeof(a));
	conf_dump(&b, &again);
	assert_string_equal(dump.s, again.s);
	for (size_t i = 0; conf_name(i) != NULL; i++) {
		strbuf_reset(&said);
		strbuf_addf(&said, "%s =", conf_name(i));
		assert_non_null(strstr(dump.s, said.s));
	}
	assert_non_null(strstr(dump.s, "\ntimeout_dot = 1500ms\n"));
	assert_non_null(strstr(dump.s, "\nqueue_lifetime = 36h\n"));
	assert_non_null(strstr(dump.s, "\nmap_size = 1t\n"));
	assert_non_null(strstr(dump.s, "\nsmarthost = [2001:db8::1]:587 "
	    "preference=1 weight=1\n"));
	assert_non_null(strstr(dump.s, "\nhttp_listen =\n"));
	strbuf_free(&said);
	strbuf_free(&dump);
	strbuf_free(&again);
}

static void
a_reload_keeps_what_needs_a_restart(void **state)
{
	struct strbuf said = STRBUF_INIT(65536);
	struct conf a, b;

	(void)state;
	assert_int_equal(parse(&a, H "data_dir = /a\n", &said), 0);
	assert_int_equal(parse(&b, H "data_dir = /a\nlog_level = debug\n",
	    &said), 0);
	assert_int_equal(conf_reload_check(&a, &b, &said), 0);
	assert_int_equal(said.len, 0);
	assert_int_equal(b.log_level, CONF_LOG_DEBUG);

	assert_int_equal(parse(&b, H "data_dir = /b\nmap_size = 1g\n"
	    "dkim_dir = /a/dkim\nsmtp_listen = 127.0.0.1:25\n"
	    "smarthost = relay.example\nsmarthost_networks = 10.0.0.0/8\n",
	    &said), 0);
	assert_int_equal(conf_reload_check(&a, &b, &said), 3);
	assert_string_equal(said.s,
	    "data_dir: cannot change while running\n"
	    "smtp_listen: cannot change while running\n"
	    "map_size: cannot change while running\n");
	assert_string_equal(b.data_dir, "/a");
	assert_int_equal(b.smtp_listen.n, 0);
	assert_int_equal(b.map_size, a.map_size);
	assert_int_equal(b.smarthost.n, 1);
	strbuf_free(&said);
}

static const struct {
	uint8_t family, ip[16];
	bool match;
} proxies[] = {
	{ 4, { 10, 0, 0, 1 }, true },
	{ 4, { 10, 255, 255, 255 }, true },
	{ 4, { 11, 0, 0, 0 }, false },
	{ 4, { 127, 0, 0, 1 }, true },
	{ 4, { 127, 0, 0, 2 }, false },
	{ 6, { [10] = 0xff, [11] = 0xff, 10, 0, 0, 1 }, true },
	{ 6, { 0x20, 0x01, 0x0d, 0xb8, 0x7f, 1 }, true },
	{ 6, { 0x20, 0x01, 0x0d, 0xb8, 0x80, 1 }, false },
	/* The octets of 10.0.0.1, but as IPv6. */
	{ 6, { 10, 0, 0, 1 }, false },
};

static void
networks_match_to_the_bit(void **state)
{
	struct strbuf said = STRBUF_INIT(65536);
	struct conf c;

	(void)state;
	assert_int_equal(parse(&c, everything, &said), 0);
	for (size_t i = 0; i < LEN(proxies); i++)
		if (conf_cidrs_match(&c.trusted_proxies, proxies[i].family,
		    proxies[i].ip) != proxies[i].match)
			fail_msg("row %zu", i);
	assert_int_equal(parse(&c, H "trusted_proxies = 0.0.0.0/0\n", &said),
	    0);
	assert_true(conf_cidrs_match(&c.trusted_proxies, 4, proxies[2].ip));
	assert_false(conf_cidrs_match(&c.trusted_proxies, 6, proxies[6].ip));
	strbuf_free(&said);
}

#define BEGIN	".\\\" settings begin: written from the table in lib/conf.c\n"
#define END	".\\\" settings end\n"

static void
read_page(const char *path, struct strbuf *page)
{
	char buf[4096];
	FILE *f = fopen(path, "r");
	size_t n;

	assert_non_null(f);
	while ((n = fread(buf, 1, sizeof(buf), f)) > 0)
		strbuf_add(page, buf, n);
	fclose(f);
}

static void
the_manual_lists_every_setting(void **state)
{
	struct strbuf page = STRBUF_INIT(1 << 20), rows = STRBUF_INIT(1 << 20);
	const char *srcdir = getenv("LISTD_SRCDIR"), *begin, *end;
	char path[4096];

	(void)state;
	snprintf(path, sizeof(path), "%s/listd/listd.conf.5",
	    srcdir != NULL ? srcdir : ".");
	read_page(path, &page);
	conf_manual(&rows);
	assert_false(page.overflow || rows.overflow);
	assert_non_null(begin = strstr(page.s, BEGIN));
	begin += strlen(BEGIN);
	assert_non_null(end = strstr(begin, END));
	if (getenv("LISTD_UPDATE_MANUAL") != NULL) {
		FILE *f = fopen(path, "w");

		assert_non_null(f);
		fwrite(page.s, 1, (size_t)(begin - page.s), f);
		fwrite(rows.s, 1, rows.len, f);
		fputs(end, f);
		assert_int_equal(fclose(f), 0);
	} else if ((size_t)(end - begin) != rows.len ||
	    memcmp(begin, rows.s, rows.len) != 0) {
		fail_msg("listd.conf.5 is not what the table says; run "
		    "LISTD_UPDATE_MANUAL=1 tests/test_conf");
	}
	strbuf_free(&page);
	strbuf_free(&rows);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_mistake_has_its_message),
		cmocka_unit_test(all_mistakes_are_reported_at_once),
		cmocka_unit_test(reports_end_at_a_limit),
		cmocka_unit_test(sizes_of_input_are_limited),
		cmocka_unit_test(lists_are_limited),
		cmocka_unit_test(defaults_are_those_of_the_requirements),
		cmocka_unit_test(good_values_are_read),
		cmocka_unit_test(a_dump_reads_back_equal),
		cmocka_unit_test(a_reload_keeps_what_needs_a_restart),
		cmocka_unit_test(networks_match_to_the_bit),
		cmocka_unit_test(the_manual_lists_every_setting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
