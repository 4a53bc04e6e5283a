/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_verp.c - local parts from anyone.  The first octet chooses whether the
 * rest is looked at as it is, or put around a local part of ours, which must
 * then be found or, once its own octets change, not be.
 */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/err.h"
#include "lib/keyring.h"
#include "lib/strbuf.h"
#include "lib/verp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct token_delivery ours = { 0x1234, 0x5678 };

static struct keyring *
ring(void)
{
	static const uint8_t octets[KEY_OCTETS] = "a key for the fuzzer alone";
	struct keyring *kr = keyring_new();

	for (enum key_purpose p = 0; p < KEY_PURPOSES; p++)
		if (keyring_rotate(kr, p, octets, NULL, NULL) == -1)
			abort();
	return kr;
}

/* What stands before '=' or after it does not hide a local part of ours. */
static void
wrapped(const struct keyring *kr, const uint8_t *data, size_t size)
{
	struct strbuf b = STRBUF_INIT(2 * VERP_LOCAL_MAX);
	size_t before = size / 2;
	enum verp_kind kind;
	struct verp v;
	struct err e;

	if (size > VERP_LOCAL_MAX / 2)
		return;
	strbuf_add(&b, data, before);
	strbuf_addc(&b, '=');
	if (verp_bounce_format(&b, kr, KEY_CURRENT, &ours, "b", &e) == -1)
		abort();
	strbuf_truncate(&b, b.len - 2);
	strbuf_addc(&b, '/');
	strbuf_add(&b, data + before, size - before);
	kind = verp_classify(kr, b.s, b.len, &v);
	if (kind == VERP_BOUNCE && (v.u.delivery.campaign != ours.campaign ||
	    v.u.delivery.subscriber != ours.subscriber))
		abort();
	/* Only a confirm token, which has no MAC, may come first. */
	if (kind != VERP_BOUNCE && kind != VERP_CONFIRM)
		abort();
	strbuf_free(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct keyring *kr = ring();
	struct verp v;

	if (size > 0 && data[0] % 2 == 0) {
		wrapped(kr, data + 1, size - 1);
	} else if (size > 0) {
		enum verp_kind kind = verp_classify_address(kr,
		    (const char *)data + 1, size - 1, &v);

		if (kind != v.kind || kind == VERP_BOUNCE ||
		    kind == VERP_UNSUBSCRIBE)
			abort();
	}
	keyring_free(kr);
	return 0;
}
