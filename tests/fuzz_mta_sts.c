/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_mta_sts.c - any bytes as an MTA-STS record and as a policy file.
 */
#include "config.h"

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/err.h"
#include "lib/mta_sts.h"
#include "lib/pack.h"
#include "lib/strbuf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct mta_sts_policy p;
	static struct mta_sts_kept k;
	struct strbuf b = STRBUF_INIT(65536);
	struct unpack u;
	char id[MTA_STS_ID_MAX + 1];
	struct err e = ERR_INIT;
	char *text;
	const char *one;

	if ((text = malloc(size + 1)) == NULL)
		return 0;
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	one = text;
	if (mta_sts_record(&one, 1, id) == MTA_STS_PRESENT)
		assert(id[0] != '\0' && strlen(id) <= MTA_STS_ID_MAX);
	mta_sts_is_plain(text);
	if (mta_sts_parse((const char *)data, size, &p, &e) == 0) {
		assert(p.n > 0 || p.mode == MTA_STS_NONE);
		for (unsigned i = 0; i < p.n; i++)	/* a name is its own */
			assert(p.mx[i][0] == '*' ||
			    mta_sts_match(&p, p.mx[i]));
		mta_sts_match(&p, text);
	}
	free(text);
	unpack_init(&u, data, size);
	mta_sts_unpack(&u, &k);
	if (unpack_done(&u)) {		/* what is read is what was written */
		mta_sts_pack(&b, &k);
		assert(b.len == size && memcmp(b.s, data, size) == 0);
		strbuf_free(&b);
	}
	return 0;
}
