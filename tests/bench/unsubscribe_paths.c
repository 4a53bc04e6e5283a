/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unsubscribe_paths.c - the one-click paths of some addresses, without
 * reading their mail.
 *
 *	unsubscribe_paths DATA_DIR LIST CAMPAIGN <addresses >paths
 *
 * LIST and CAMPAIGN are numbers.  Reads the secrets under DATA_DIR, as the
 * deliver role does when it makes a copy.
 */
#include "config.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/address.h"
#include "lib/err.h"
#include "lib/token.h"
#include "spool/secrets.h"

#define LINE_OCTETS	1024

static int
print_path(const struct keyring *kr, const char *text,
    struct token_unsubscribe *t, struct err *e)
{
	char token[TOKEN_URL_LEN + 1];
	struct address a;

	if (address_parse(text, strlen(text), 0, &a, e) == -1 ||
	    address_fold(&a, &a, e) == -1 ||
	    address_hash(kr, &a, t->address, e) == -1 ||
	    token_url_format(kr, KEY_CURRENT, t, token, e) == -1)
		return -1;
	printf("/u/%s\n", token);
	return 0;
}

int
main(int argc, char **argv)
{
	struct keyring *kr = keyring_new();
	struct token_unsubscribe t = { .list = 0 };
	struct err e = ERR_INIT;
	char line[LINE_OCTETS];
	int ret = 1;

	if (argc != 4) {
		fputs("usage: unsubscribe_paths DATA_DIR LIST CAMPAIGN\n",
		    stderr);
		return 2;
	}
	t.list = (uint32_t)strtoul(argv[2], NULL, 10);
	t.campaign = (uint32_t)strtoul(argv[3], NULL, 10);
	if (secrets_load(kr, argv[1], 1u << KEY_ADDRESS | 1u << KEY_URL,
	    &e) == -1)
		goto out;
	while (fgets(line, sizeof(line), stdin) != NULL) {
		line[strcspn(line, "\r\n")] = '\0';
		if (print_path(kr, line, &t, &e) == -1)
			goto out;
	}
	ret = 0;
out:
	if (ret != 0)
		fprintf(stderr, "unsubscribe_paths: %s\n", e.text);
	keyring_free(kr);
	return ret;
}
