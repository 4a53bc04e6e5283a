/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control_json.h - what the verbs' answers are made of, and the words of calls
 * that many verbs share.
 */
#ifndef LISTD_CONTROL_JSON_H
#define LISTD_CONTROL_JSON_H

#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "spool/campaign.h"
#include "spool/identity.h"
#include "spool/suppression.h"

struct call;
struct err;
struct list;
struct org;
struct txn;

/* RFC 3339 in UTC; null for 0. */
json_t *json_time(int64_t utc_ms);
json_t *json_hex(const void *p, size_t len);
/* Lines of text as an array of strings. */
json_t *json_lines(const char *text);

/* ---- words; false or -1: the call was ended */

/* The list or organization that arg or option names. */
bool call_list(struct call *c, struct txn *t, const char *name,
    struct list *l_r);
bool call_org(struct call *c, struct txn *t, const char *name,
    struct org *o_r);
/* --after-data, or what the configuration says. */
bool call_after(struct call *c, enum campaign_after *after_r);
/* The same as the first two, in a transaction of their own. */
bool call_find_list(struct call *c, const char *name, struct list *l_r);
bool call_find_org(struct call *c, const char *name, struct org *o_r);
/* The address that arg names. */
bool call_identity(struct call *c, const char *arg, struct identity *id_r);
/*
 * What an act says instead of an address: acts are kept for ever, and an
 * erased person must not be found in them.
 */
#define ACT_ADDRESS_LEN	(8 + 2 * ADDRESS_HASH_OCTETS)
void act_address(const uint8_t hash[static ADDRESS_HASH_OCTETS],
    char out[static ACT_ADDRESS_LEN + 1]);

#endif
