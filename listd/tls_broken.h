/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls_broken.h - hosts that offer TLS and cannot speak it.
 *
 * Where nothing asks for TLS, mail goes to them without (S88); that is known
 * for some days, so that not every connection has to fail first.  Nobody looks
 * here where TLS is required, and who would have needed it makes us forget.
 */
#ifndef LISTD_TLS_BROKEN_H
#define LISTD_TLS_BROKEN_H

#include <stdbool.h>
#include <stdint.h>

#define TLS_BROKEN_MS	(3 * INT64_C(86400000))
#define TLS_BROKEN_MAX	4096	/* hosts; a later one may take another's place */

struct tls_broken;

struct tls_broken *tls_broken_new(void);
/* NULL is fine. */
void tls_broken_free(struct tls_broken *b);
/* A host's name or address as we connect to it; its case does not count. */
void tls_broken_note(struct tls_broken *b, const char *host, int64_t now_ms);
void tls_broken_forget(struct tls_broken *b, const char *host);
/* Was it noted within TLS_BROKEN_MS?  now_ms is monotonic. */
bool tls_broken_is(const struct tls_broken *b, const char *host,
    int64_t now_ms);

#endif
