/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memo.h - what a role remembers of hosts for a while, in a fixed number of
 * places: hosts that offer TLS and cannot speak it, addresses that nobody
 * answers at.
 *
 * It is a hint that saves trying, and may be forgotten at any time: of two
 * names that fall on one place the later has it.
 */
#ifndef LISTD_MEMO_H
#define LISTD_MEMO_H

#include <stdbool.h>
#include <stdint.h>

#define MEMO_PLACES	4096

struct memo;

struct memo *memo_new(void);
/* NULL is fine. */
void memo_free(struct memo *m);
/*
 * Names are of the caller's making, of any length; case does not count.
 * Times are monotonic ms.  Whoever asks before until_ms hears of it.
 */
void memo_note(struct memo *m, const char *name, int64_t until_ms);
void memo_forget(struct memo *m, const char *name);
bool memo_has(const struct memo *m, const char *name, int64_t now_ms);

#endif
