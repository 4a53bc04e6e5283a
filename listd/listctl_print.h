/* SPDX-License-Identifier: Apache-2.0 */
/*
 * listctl_print.h - JSON results as people read them.
 */
#ifndef LISTD_LISTCTL_PRINT_H
#define LISTD_LISTCTL_PRINT_H

#include <stdbool.h>
#include <stdio.h>

#include <jansson.h>

/*
 * Print one result.  json: compact, on one line.  Otherwise an object is a
 * line of key=value pairs or, as a block, a line for each key; values from
 * outside are quoted, and nothing in them reaches the terminal raw (T31).
 */
void listctl_print(FILE *out, const json_t *v, bool json, bool block);
/* Words of the daemon, which may quote a stranger's; lines stay lines. */
void listctl_print_text(FILE *out, const char *s);

#endif
