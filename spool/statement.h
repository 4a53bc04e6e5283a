/* SPDX-License-Identifier: Apache-2.0 */
/*
 * statement.h - what a list says to who is asked for consent, kept by its hash.
 *
 * Who asks by mail, or whom an operator puts down, sees no form: they are told
 * by the page behind the link of the confirmation mail, which shows the list's
 * answers (list.h).  Their request's entry names that text as a form's does.
 */
#ifndef SPOOL_STATEMENT_H
#define SPOOL_STATEMENT_H

#include "spool/content.h"

struct err;
struct store;

/*
 * Make the statement of the list content, and say its hash in hex_r; "" when
 * there is no such list.  0 or -1.
 */
int statement_keep(struct store *st, const struct content *c,
    const char *list, char hex_r[static CONTENT_HEX], struct err *e);

#endif
