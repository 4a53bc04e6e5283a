/* SPDX-License-Identifier: Apache-2.0 */
/*
 * content.h - files named by the SHA-256 of their bytes, and how a role's file
 * becomes one.
 *
 * A role writes and syncs incoming/ROLE/NAME and tells queue name, length and
 * hash; queue looks again at all three and renames it to
 * content/HH/HASH (spool/DESIGN section 11).  Names come from peers: they are
 * opened relative to a descriptor, never through a symbolic link, and hold
 * letters, digits, '.', '_' and '-' alone.
 */
#ifndef SPOOL_CONTENT_H
#define SPOOL_CONTENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

#define CONTENT_HASH	32		/* octets of SHA-256 */
#define CONTENT_HEX	65		/* in hex, with NUL */
#define CONTENT_NAME_MAX 63		/* octets of a name in incoming/ROLE */
#define CONTENT_MAX	(1ull << 32)	/* octets of one file */
#define CONTENT_KEEP_MS	(36ll * 3600 * 1000)	/* unnamed files live on */

struct content;

/*
 * Open content/ and incoming/ under data_dir.  make creates what is missing,
 * incoming/ROLE for each known role too (queue; the parent hands it to the
 * roles' users).  NULL with ERR_SYSTEM.
 */
struct content *content_open(const char *data_dir, bool make, struct err *e);
void content_close(struct content *c);

void content_hex(const uint8_t hash[static CONTENT_HASH],
    char out[static CONTENT_HEX]);
/* True and hash_r filled when text is 64 hex digits of lower case. */
bool content_unhex(const char *text, uint8_t hash_r[static CONTENT_HASH]);

/*
 * A descriptor for reading, *size_r its length.  -1 with ERR_NOTFOUND or
 * ERR_SYSTEM.  The bytes are not hashed again; content_verify() does that.
 */
int content_read(const struct content *c,
    const uint8_t hash[static CONTENT_HASH], uint64_t *size_r, struct err *e);
/*
 * A record is about to name a file that may be there already: 1 it is, *size_r
 * is its length, and the sweeper passes it for CONTENT_KEEP_MS from now on; 0
 * it is not, -1 with ERR_SYSTEM.
 */
int content_hold(const struct content *c,
    const uint8_t hash[static CONTENT_HASH], uint64_t *size_r, struct err *e);
/*
 * 1 there with the right bytes, 0 missing, -1 with ERR_DAMAGED when other
 * bytes lie there, or ERR_SYSTEM.
 */
int content_verify(const struct content *c,
    const uint8_t hash[static CONTENT_HASH], struct err *e);

/*
 * Take incoming/ROLE/NAME over.  Durable when it returns 0: file and folder
 * are synced.  A file with these bytes that is there already makes it a
 * success too.  On failure the incoming file is left for the sweeper.
 *
 * -1 with e: ERR_INPUT (a name or role that may not be), ERR_NOTFOUND,
 * ERR_REFUSED (no plain file, another length or hash), ERR_SYSTEM.
 */
int content_adopt(const struct content *c, const char *role, const char *name,
    uint64_t length, const uint8_t hash[static CONTENT_HASH], struct err *e);
/* Write len octets as a content file, durably; hash_r says its name. */
int content_put(const struct content *c, const void *p, size_t len,
    uint8_t hash_r[static CONTENT_HASH], struct err *e);

/* ---- the role's side */

/* A file growing in incoming/ROLE; hashed as it is written. */
struct content_file;

struct content_file *content_begin(const struct content *c, const char *role,
    struct err *e);
int content_add(struct content_file *f, const void *p, size_t len,
    struct err *e);
/*
 * Sync file and folder; name_r, *length_r and hash_r are what queue is told.
 * Frees f in any case.
 */
int content_finish(struct content_file *f,
    char name_r[static CONTENT_NAME_MAX + 1], uint64_t *length_r,
    uint8_t hash_r[static CONTENT_HASH], struct err *e);
/*
 * For queue itself, whose own file nobody else could touch: move it into
 * content/ at once, as durable as content_adopt() makes it, with half of the
 * flushes and without reading it again.  Frees f in any case.
 */
int content_keep(const struct content *c, struct content_file *f,
    uint8_t hash_r[static CONTENT_HASH], struct err *e);
/* Forget f and remove the file. */
void content_abandon(struct content_file *f);

/* ---- the sweeper's side (spool/sweep.h) */

#define CONTENT_FOLDERS	256	/* content/00 to content/ff */

/*
 * What lies in one folder and last changed before this time (UTC ms): up to
 * max hashes.  Temporary files that a crash left there are removed.  0, or -1.
 */
int content_list_old(const struct content *c, unsigned folder,
    int64_t before_ms, uint8_t (*hash_r)[CONTENT_HASH], size_t max,
    size_t *n_r, struct err *e);
/* Remove what is as old in incoming/ and, unfinished, in content/.  0, -1. */
int content_clear_old(const struct content *c, int64_t before_ms,
    struct err *e);
/* Remove one, unless it changed since.  1 removed, 0 not, -1. */
int content_remove_old(const struct content *c,
    const uint8_t hash[static CONTENT_HASH], int64_t before_ms,
    struct err *e);

#endif
