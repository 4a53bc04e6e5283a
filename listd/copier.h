/* SPDX-License-Identifier: Apache-2.0 */
/*
 * copier.h - set up what makes copies (copy.h): store, keys, signers.
 */
#ifndef LISTD_COPIER_H
#define LISTD_COPIER_H

#include "lib/ipc.h"
#include "listd/copy.h"

struct clock;
struct conf;
struct dkim_key;
struct err;
struct keyring;
struct store;
struct strbuf;

#define COPIER_VERIFY_EVERY	1000	/* copies from one sample to the next */

struct copier_params {
	struct store		*store;		/* read-only, borrowed */
	const struct keyring	*keys;		/* borrowed */
	const struct conf	*conf;		/* borrowed */
	const struct clock	*clock;
	int			 content_fd;	/* the folder content/, borrowed */
};

struct copier *copier_new(const struct copier_params *p, struct err *e);
/* After every copy was released.  NULL is fine. */
void copier_free(struct copier *c);

/* The configuration was reloaded; compiled campaigns are kept. */
void copier_set_conf(struct copier *c, const struct conf *conf);

/*
 * Add the signing key of a domain from PEM bytes; a later one of the same
 * domain takes its place.  Keys given before a reload stay until
 * copier_keys_done() drops those that were not given again; a key that cannot
 * be read changes nothing (F28).
 */
int copier_key(struct copier *c, const char *domain, const char *selector,
    const void *pem, size_t len, struct err *e);
void copier_keys_done(struct copier *c);
/*
 * The signing key of exactly this domain, and its selector; NULL: there is
 * none.  Borrowed until a key is added or dropped.
 */
const struct dkim_key *copier_key_of(struct copier *c, const char *domain,
    const char **selector_r);

/*
 * Compile and lint a campaign's content, render and sign a sample and let
 * libopendkim verify it.  Fills v_r; out owns what that points to.
 */
void copier_prepare(struct copier *c, uint32_t campaign,
    struct ipc_prepared *v_r, struct strbuf *out);
/* Drop what is cached of a campaign that has ended. */
void copier_forget(struct copier *c, uint32_t campaign);

#endif
