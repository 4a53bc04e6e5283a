/* SPDX-License-Identifier: Apache-2.0 */
/*
 * copy_keep.c - what is kept of a confirmation mail (S38, S70).
 */
#include "config.h"

#include <string.h>

#include <openssl/evp.h>

#include "lib/err.h"
#include "lib/strbuf.h"
#include "lib/token_mask.h"
#include "listd/copier_private.h"

int
made_keep(struct made *m, struct err *e)
{
	struct strbuf *b = &m->kept;
	struct copy *copy = &m->copy;

	strbuf_init(b, copy->octets);
	made_message(b, m);
	if (b->overflow || EVP_Digest(b->s, b->len, copy->mail_hash, NULL,
	    EVP_sha256(), NULL) != 1) {
		err_set(e, ERR_CRYPTO, "a confirmation that cannot be kept");
		return -1;
	}
	/* One that is in no form we know must not be kept (S39). */
	if (token_mask(b->s, b->len, copy->token) == 0) {
		err_set(e, ERR_INPUT, "a confirmation without its link");
		return -1;
	}
	copy->mail = (struct slice){ (const uint8_t *)b->s,
	    b->len < IPC_RAW_MAX ? b->len : IPC_RAW_MAX };
	return 0;
}
