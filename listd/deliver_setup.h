/* SPDX-License-Identifier: Apache-2.0 */
/*
 * deliver_setup.h - from the descriptors a deliver role is given to the things
 * it works with.
 */
#ifndef LISTD_DELIVER_SETUP_H
#define LISTD_DELIVER_SETUP_H

#include <openssl/ssl.h>

struct copier;
struct err;
struct keyring;
struct ring;
struct role_env;
struct smtp_logins;
struct store;

/* The secrets this role was given.  NULL with e. */
struct keyring *deliver_setup_keyring(struct role_env *env, struct err *e);
/*
 * A client context of TLS 1.2 or better that checks certificates against the
 * CA file where there is one.  What a bad one means is the session's affair.
 */
SSL_CTX *deliver_setup_tls(struct role_env *env, struct err *e);
/*
 * Who we are at the smarthosts, see lib/smtp_login.h.  1 with it, 0 when no
 * smarthost_auth is set, -1.  The caller wipes logins_r.
 */
int deliver_setup_login(struct role_env *env, struct smtp_logins *logins_r,
    struct err *e);
/* The ring of open deliveries; NULL (logged) when it cannot be used. */
struct ring *deliver_setup_ring(struct role_env *env);
/* The store, read-only, and the copier on top with its signing keys. */
int deliver_setup_store(struct role_env *env, struct keyring *keys,
    struct store **store_r, struct copier **copier_r, struct err *e);
/* Read the DKIM keys again; a bad one is logged and the old one kept. */
void deliver_setup_keys(struct role_env *env, struct copier *copier);

#endif
