/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_dns_packet.c - any bytes as a DNS answer.
 */
#include "config.h"

#include <stddef.h>
#include <stdint.h>

#include "lib/dns_packet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum dns_type types[] = { DNS_MX, DNS_A, DNS_AAAA, DNS_TXT,
	    DNS_TLSA };
	struct dns_packet d;
	struct dns_record r;

	if (!dns_packet_open(&d, data, size, "one.example"))
		return 0;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		unsigned iter = 0;
		bool bad;

		while (dns_packet_next(&d, types[i], &iter, &r, &bad))
			;
	}
	return 0;
}
