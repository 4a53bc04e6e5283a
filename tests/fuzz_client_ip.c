/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_client_ip.c - X-Forwarded-For and Forwarded: whatever they hold, an
 * untrusted peer stays itself, and what a trusted one says is an address that
 * can be printed and read back.
 */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/conf.h"
#include "web/client_ip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(const struct conf_cidrs *trusted, const char *for_list,
    const char *forwarded)
{
	static const uint8_t ours[16] = { [10] = 0xff, 0xff, 10, 0, 0, 1 };
	static const uint8_t other[16] = { [10] = 0xff, 0xff, 192, 0, 2, 1 };
	struct client_ip c = { .port = 1 };
	char text[CLIENT_IP_TEXT];
	uint8_t back[16];
	uint16_t port;

	memcpy(c.ip, other, sizeof(other));
	client_ip_find(trusted, for_list, forwarded, &c);
	if (memcmp(c.ip, other, sizeof(other)) != 0 || c.port != 1)
		abort();
	memcpy(c.ip, ours, sizeof(ours));
	client_ip_find(trusted, for_list, forwarded, &c);
	client_ip_format(c.ip, text);
	if (strcmp(text, "-") != 0 && (!client_ip_parse(text, strlen(text),
	    back, &port) || memcmp(back, c.ip, sizeof(back)) != 0))
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct conf_cidrs trusted = { 1,
	    { { .family = 4, .bits = 8, .ip = { 10 } } } };
	char *text = malloc(size + 1);

	if (text == NULL)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	check(&trusted, text, NULL);
	check(&trusted, NULL, text);
	free(text);
	return 0;
}
