/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spool_people.h - an organization with lists, and people who join and leave
 * them, for the tests of spool/.
 */
#ifndef TESTS_SPOOL_PEOPLE_H
#define TESTS_SPOOL_PEOPLE_H

#include "lib/ipc.h"
#include "spool/gate.h"
#include "spool/identity.h"
#include "spool/leave.h"
#include "spool/optin.h"
#include "spool/subscriber.h"
#include "tests/spool_world.h"

#define NOW	1790000000000	/* 2026-09-21 */
#define SECOND	1000ll
#define MINUTE	(60 * SECOND)
#define HOUR	(60 * MINUTE)
#define DAY	(24 * HOUR)

/* List 1 "news" and 2 "club" of organization 1, 3 "other" of 2. */
int people_setup(void **state);

/* The limits of section 4 of the requirements. */
extern struct optin_limits people_limits;

struct identity people_identity(struct world *w, const char *address);

/* Ask by the form; ip is dotted IPv4 or NULL for none known. */
struct optin_asked people_ask(struct world *w, const char *list,
    const char *address, const char *ip, int64_t now_ms);
/* The token in the mail that a notice is; "" when it has none. */
void people_token(struct world *w, uint64_t notice,
    char out[static TOKEN_CONFIRM_LEN + 1]);
/* Use a token by the button, from ip. */
struct optin_confirmed people_confirm(struct world *w, const char *token,
    const char *ip, int64_t now_ms);
/* Ask and confirm; the subscriber. */
uint64_t people_join(struct world *w, const char *list, const char *address,
    int64_t now_ms);
/* Leave by one click.  True when it changed something. */
bool people_leave(struct world *w, uint32_t list, const char *address,
    enum ipc_leave scope, int64_t now_ms);
/* Any other way to leave. */
bool people_remove(struct world *w, struct leave l, const char *address);

/* The state of a membership; 0: none. */
enum member_state people_state(struct world *w, uint32_t list,
    const char *address);
/* What the gate says of a copy to a member as of now. */
enum gate_verdict people_gate(struct world *w, uint64_t subscriber);
/* Consent entries but those of acts. */
uint64_t people_entries(struct world *w);
/* Rows of a table. */
uint64_t people_rows(struct world *w, enum store_table table);
/* The store holds together, as check.h sees it; or the test fails. */
void people_are_sound(struct world *w);

#endif
