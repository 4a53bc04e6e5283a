/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_keyring.c - key files: what is taken is written and read back as the
 * same, and a refusal leaves the keys alone.
 */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/err.h"
#include "lib/keyring.h"
#include "lib/strbuf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct strbuf b = STRBUF_INIT(KEY_FILE_MAX);
	struct keyring *kr = keyring_new(), *back = keyring_new();
	struct err e = ERR_INIT;

	if (keyring_parse(kr, KEY_URL, (const char *)data, size, &e) == -1) {
		if (e.code == ERR_NONE || keyring_count(kr, KEY_URL) != 0)
			abort();
	} else {
		if (keyring_current(kr, KEY_URL) == 0 ||
		    keyring_format(kr, KEY_URL, &b, &e) == -1 ||
		    keyring_parse(back, KEY_URL, b.s, b.len, &e) == -1 ||
		    keyring_count(kr, KEY_URL) !=
		    keyring_count(back, KEY_URL) ||
		    keyring_current(kr, KEY_URL) !=
		    keyring_current(back, KEY_URL))
			abort();
		for (size_t i = 0; i < keyring_count(kr, KEY_URL); i++) {
			uint8_t id = keyring_id(kr, KEY_URL, i);

			if (memcmp(keyring_find(kr, KEY_URL, id),
			    keyring_find(back, KEY_URL, id), KEY_OCTETS) != 0)
				abort();
		}
	}
	keyring_wipe(&b);
	keyring_free(kr);
	keyring_free(back);
	return 0;
}
