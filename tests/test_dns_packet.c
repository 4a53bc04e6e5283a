/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_dns_packet.c - answers are read as sent (R105), and what breaks off,
 * points in circles or answers another question is not believed (F25).
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/dns_packet.h"
#include "lib/pack.h"
#include "lib/strbuf.h"

static void
put_name(struct strbuf *b, const char *name)
{
	while (*name != '\0') {
		size_t n = strcspn(name, ".");

		pack_u8(b, (uint8_t)n);
		strbuf_add(b, name, n);
		name += n + (name[n] == '.');
	}
	pack_u8(b, 0);
}

static void
begin(struct strbuf *b, const char *name, unsigned flags, unsigned answers)
{
	strbuf_reset(b);
	pack_u16(b, 0x1234);
	pack_u16(b, (uint16_t)flags);
	pack_u16(b, 1);
	pack_u16(b, (uint16_t)answers);
	pack_u32(b, 0);
	put_name(b, name);
	pack_u16(b, DNS_MX);
	pack_u16(b, 1);
}

static void
record(struct strbuf *b, const char *owner, unsigned type, uint32_t ttl,
    const void *data, size_t len)
{
	if (owner == NULL)
		pack_u16(b, 0xc00c);	/* the question's name */
	else
		put_name(b, owner);
	pack_u16(b, (uint16_t)type);
	pack_u16(b, 1);
	pack_u32(b, ttl);
	pack_u16(b, (uint16_t)len);
	strbuf_add(b, data, len);
}

static void
mail_hosts_with_compressed_names(void **state)
{
	struct strbuf b = STRBUF_INIT(4096);
	struct dns_packet d;
	struct dns_record r;
	unsigned iter = 0;
	bool bad;

	(void)state;
	begin(&b, "one.example", 0x8180, 2);
	record(&b, NULL, DNS_MX, 300, "\0\12\3mx1\xc0\x0c", 8);
	record(&b, NULL, DNS_MX, 200, "\0\24\3mx2\xc0\x0c", 8);
	assert_true(dns_packet_open(&d, b.s, b.len, "ONE.example."));
	assert_true(dns_packet_next(&d, DNS_MX, &iter, &r, &bad));
	assert_int_equal(r.preference, 10);
	assert_string_equal(r.name, "mx1.one.example");
	assert_int_equal(r.ttl_s, 300);
	assert_true(dns_packet_next(&d, DNS_MX, &iter, &r, &bad));
	assert_string_equal(r.name, "mx2.one.example");
	assert_false(dns_packet_next(&d, DNS_MX, &iter, &r, &bad));
	assert_false(bad);
	for (size_t cut = 0; cut < b.len; cut++) {
		iter = 0;
		if (!dns_packet_open(&d, b.s, cut, "one.example"))
			continue;
		while (dns_packet_next(&d, DNS_MX, &iter, &r, &bad))
			;
		assert_true(bad);
	}
	strbuf_free(&b);
}

static void
null_mx_is_the_root_name(void **state)
{
	struct strbuf b = STRBUF_INIT(4096);
	struct dns_packet d;
	struct dns_record r;
	unsigned iter = 0;
	bool bad;

	(void)state;		/* RFC 7505 section 3 */
	begin(&b, "null.example", 0x8180, 1);
	record(&b, NULL, DNS_MX, 60, "\0\0\0", 3);
	assert_true(dns_packet_open(&d, b.s, b.len, "null.example"));
	assert_true(dns_packet_next(&d, DNS_MX, &iter, &r, &bad));
	assert_string_equal(r.name, "");
	assert_int_equal(r.preference, 0);
	strbuf_free(&b);
}

static void
aliases_are_followed_and_circles_noticed(void **state)
{
	struct strbuf b = STRBUF_INIT(4096), to = STRBUF_INIT(300);
	struct dns_packet d;
	struct dns_record r;
	unsigned iter = 0;
	bool bad;

	(void)state;
	begin(&b, "a.example", 0x8180, 2);
	put_name(&to, "b.example");
	record(&b, NULL, DNS_CNAME, 60, to.s, to.len);
	record(&b, "b.example", DNS_A, 60, "\300\0\2\1", 4);
	assert_true(dns_packet_open(&d, b.s, b.len, "a.example"));
	assert_string_equal(d.owner, "b.example");
	assert_true(dns_packet_next(&d, DNS_A, &iter, &r, &bad));
	assert_memory_equal(r.ip, "\300\0\2\1", 4);

	begin(&b, "a.example", 0x8180, 2);
	record(&b, NULL, DNS_CNAME, 60, to.s, to.len);
	strbuf_reset(&to);
	put_name(&to, "a.example");
	record(&b, "b.example", DNS_CNAME, 60, to.s, to.len);
	assert_true(dns_packet_open(&d, b.s, b.len, "a.example"));
	assert_true(d.loop);
	strbuf_free(&to);
	strbuf_free(&b);
}

static void
text_strings_join_without_blank(void **state)
{
	struct strbuf b = STRBUF_INIT(4096);
	struct dns_packet d;
	struct dns_record r;
	unsigned iter = 0;
	bool bad;

	(void)state;		/* R61 */
	begin(&b, "t.example", 0x8180, 1);
	record(&b, NULL, DNS_TXT, 60, "\3abc\0\2de", 8);
	assert_true(dns_packet_open(&d, b.s, b.len, "t.example"));
	assert_true(dns_packet_next(&d, DNS_TXT, &iter, &r, &bad));
	assert_string_equal(r.text, "abcde");
	begin(&b, "t.example", 0x8180, 1);
	record(&b, NULL, DNS_TXT, 60, "\3ab", 3);
	iter = 0;
	assert_true(dns_packet_open(&d, b.s, b.len, "t.example"));
	assert_false(dns_packet_next(&d, DNS_TXT, &iter, &r, &bad));
	assert_true(bad);
	strbuf_free(&b);
}

static void
associations_come_as_they_are(void **state)
{
	struct strbuf b = STRBUF_INIT(8192);
	static char huge[DNS_TXT_MAX + 1];
	struct dns_packet d;
	struct dns_record r;
	unsigned iter = 0;
	bool bad;

	(void)state;		/* RFC 6698 section 2.1 */
	begin(&b, "one.example", 0x8180, 2);
	record(&b, NULL, DNS_TLSA, 60, "\3\1\1\0ab", 6);
	record(&b, NULL, DNS_TLSA, 60, huge, sizeof(huge));
	assert_true(dns_packet_open(&d, b.s, b.len, "one.example"));
	assert_true(dns_packet_next(&d, DNS_TLSA, &iter, &r, &bad));
	assert_int_equal(r.text_len, 6);
	assert_memory_equal(r.text, "\3\1\1\0ab", 6);
	/* Longer than any we could use, but it was there. */
	assert_true(dns_packet_next(&d, DNS_TLSA, &iter, &r, &bad));
	assert_int_equal(r.text_len, 0);
	strbuf_free(&b);
}

static void
strange_packets_are_refused(void **state)
{
	struct strbuf b = STRBUF_INIT(4096);
	struct dns_packet d;
	struct dns_record r;
	unsigned iter = 0;
	bool bad;

	(void)state;
	begin(&b, "one.example", 0x0100, 0);
	assert_false(dns_packet_open(&d, b.s, b.len, "one.example"));
	begin(&b, "one.example", 0x8180, 0);
	assert_false(dns_packet_open(&d, b.s, b.len, "two.example"));
	begin(&b, "one.example", 0x8180, 60000);
	assert_false(dns_packet_open(&d, b.s, b.len, "one.example"));
	/* A pointer to itself must not turn for ever. */
	begin(&b, "one.example", 0x8180, 1);
	pack_u16(&b, (uint16_t)(0xc000 | b.len));
	pack_raw(&b, "\0\17\0\1\0\0\0\1\0\0", 10);
	assert_true(dns_packet_open(&d, b.s, b.len, "one.example"));
	assert_false(dns_packet_next(&d, DNS_MX, &iter, &r, &bad));
	assert_true(bad);
	begin(&b, "one.example", 0x8183, 0);
	assert_true(dns_packet_open(&d, b.s, b.len, "one.example"));
	assert_int_equal(d.rcode, 3);
	strbuf_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mail_hosts_with_compressed_names),
		cmocka_unit_test(null_mx_is_the_root_name),
		cmocka_unit_test(aliases_are_followed_and_circles_noticed),
		cmocka_unit_test(text_strings_join_without_blank),
		cmocka_unit_test(associations_come_as_they_are),
		cmocka_unit_test(strange_packets_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
