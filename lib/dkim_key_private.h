/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dkim_key_private.h - the key as OpenSSL sees it, for the signer.
 */
#ifndef LIB_DKIM_KEY_PRIVATE_H
#define LIB_DKIM_KEY_PRIVATE_H

#include <openssl/evp.h>

struct dkim_key;

/* Borrowed from key; take a reference (EVP_PKEY_up_ref) to keep it. */
EVP_PKEY *dkim_key_evp(const struct dkim_key *key);

#endif
