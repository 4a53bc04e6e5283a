/* SPDX-License-Identifier: Apache-2.0 */
/*
 * secrets.h - the key files under secrets/, one a purpose.
 *
 * secrets/PURPOSE.key is a key file of lib/keyring.h, mode 0600, one link,
 * owned by root or by who opens it; anything else is refused (S12).  The store
 * knows its secrets by their check values, so what must agree is looked at in
 * store_open().
 */
#ifndef SPOOL_SECRETS_H
#define SPOOL_SECRETS_H

#include "lib/keyring.h"

/*
 * Open secrets/PURPOSE.key under data_dir for reading; the parent does this and
 * passes the descriptor on.  -1 with ERR_NOTFOUND, ERR_REFUSED (mode, owner,
 * kind of file), ERR_SYSTEM.
 */
int secrets_open(const char *data_dir, enum key_purpose purpose,
    struct err *e);
/*
 * Read one key file from fd, from its start, into kr; fd stays open.  -1 with
 * ERR_SYSTEM or what keyring_parse() said.
 */
int secrets_read(struct keyring *kr, enum key_purpose purpose, int fd,
    struct err *e);
/*
 * Load every purpose in the set `purposes` (a bit 1 << purpose each) into kr.
 * -1 with the first that failed.
 */
int secrets_load(struct keyring *kr, const char *data_dir, unsigned purposes,
    struct err *e);
#define SECRETS_ALL	((1u << KEY_PURPOSES) - 1)

/*
 * Make the folder and, for each purpose that has no file, a file with one
 * fresh key; durable when it returns 0.  What is there stays.
 */
int secrets_create(const char *data_dir, struct err *e);
/* Write kr's keys of purpose in place of its file, durably, by rename. */
int secrets_write(const struct keyring *kr, const char *data_dir,
    enum key_purpose purpose, struct err *e);

#endif
