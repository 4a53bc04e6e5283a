/* SPDX-License-Identifier: Apache-2.0 */
/*
 * entry_word.h - the values of a consent entry as JSON has them (lib/EVIDENCE
 * section 7).  Who shows an entry of the store, and who checks one in a file,
 * must say the same.  Each returns a new reference, or NULL for want of memory.
 */
#ifndef LIB_ENTRY_WORD_H
#define LIB_ENTRY_WORD_H

#include <jansson.h>
#include <stdint.h>

#include "lib/pack.h"

/* UTC milliseconds as RFC 3339; past DATE_MAX_MS the last that can be said. */
json_t *entry_word_time(uint64_t ms);
/* Lower case. */
json_t *entry_word_hex(struct slice s);
/* 16 octets; IPv4 is ::ffff:a.b.c.d there and dotted here. */
json_t *entry_word_ip(struct slice s);
/* What is no UTF-8 goes as {"base64": ...}. */
json_t *entry_word_octets(struct slice s);
/* Numbers of 8 octets each. */
json_t *entry_word_indexes(struct slice s);

#endif
