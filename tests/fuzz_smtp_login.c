/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_smtp_login.c - files of logins: what is taken has whole words, each host
 * once, and is found under its host.
 */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/err.h"
#include "lib/smtp_login.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err e = ERR_INIT;
	struct smtp_logins all;

	if (smtp_logins_parse((const char *)data, size, &all, &e) == -1) {
		if (e.code == ERR_NONE)
			abort();
		return 0;
	}
	if (all.n == 0 || all.n > SMTP_LOGINS_MAX)
		abort();
	for (size_t i = 0; i < all.n; i++) {
		const struct smtp_login *l = &all.v[i];

		if (l->user[0] == '\0' || l->password[0] == '\0' ||
		    strchr(l->host, ':') != NULL ||
		    smtp_logins_find(&all, l->host) != l)
			abort();
	}
	return 0;
}
