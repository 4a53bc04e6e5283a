/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sweep.h - remove content files that no record names.
 *
 * A file is garbage when nothing names it that must: a campaign that keeps its
 * message (campaign_keeps_content()), a notice, an import, a consent entry.
 * It may be the rest of a crash between adoption and commit, of a person who
 * was erased, or of a campaign of years ago.
 *
 * First all files older than CONTENT_KEEP_MS are listed, then every table that
 * names files is walked, and what stayed unnamed goes.  Whoever is about to
 * name a file makes it young first, by adoption or content_hold(), in the
 * process that sweeps; so what the walk came past too early is passed over.
 * A record that can not be read may name anything: then nothing is removed.
 */
#ifndef SPOOL_SWEEP_H
#define SPOOL_SWEEP_H

#include <stdint.h>

struct content;
struct err;
struct store;
struct sweep;

#define SWEEP_FILES_MAX	16384	/* listed in one sweep; the next goes on */
#define SWEEP_ROWS	1000	/* looked at in one step */

/*
 * Both are borrowed.  keep_ms: of the messages of campaigns that ended; 0 is
 * the default.  now_ms: UTC.
 */
struct sweep *sweep_new(struct store *st, const struct content *c,
    int64_t keep_ms, int64_t now_ms);
/*
 * Before the first step: another age than CONTENT_KEEP_MS.  Files of a stopped
 * daemon may be of any.
 */
void sweep_young(struct sweep *s, int64_t young_ms);
void sweep_free(struct sweep *s);	/* NULL is fine */
/*
 * One step: a folder, SWEEP_ROWS rows in a read transaction, or the removal
 * of some files.  1 more, 0 done, -1: given up.
 */
int sweep_step(struct sweep *s, struct err *e);
/* Files removed so far. */
uint64_t sweep_removed(const struct sweep *s);

#endif
