/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_world.h - a store with some rows in every table of S and Q, content
 * files and a log of outcomes, all of it sound.
 */
#ifndef TESTS_CHECK_WORLD_H
#define TESTS_CHECK_WORLD_H

#include "spool/content.h"
#include "tests/spool_people.h"

struct check_result;
struct strbuf;

#define CHECK_IMPORTED	300	/* members, beside those who joined */

struct check_world {
	struct world	*w;
	struct content	*content;
	char		 outcomes[512];
	uint8_t		 evidence[CONTENT_HASH];	/* of the import */
	uint8_t		 message[CONTENT_HASH];		/* of campaigns */
};

/* cmocka's; *state is the struct check_world. */
int check_world_setup(void **state);
int check_world_teardown(void **state);
/* Import `from` to before `to` as members of list 1, with evidence. */
void check_world_import(struct check_world *cw, unsigned from, unsigned to);
/* Sign the ledger's head, which goes on from the last one; a witness too. */
void check_world_sign(struct check_world *cw);
/* Check all of it, findings one a line in out; for children too.  0 or -1. */
int check_world_run(struct check_world *cw, struct strbuf *out,
    struct check_result *r_r);
/* The same, and it must come to its end; how many findings. */
uint64_t check_world_check(struct check_world *cw, struct strbuf *out);
/* True when a line is of this table and has these words. */
bool check_world_names(const struct strbuf *findings, const char *table,
    const char *words);

#endif
