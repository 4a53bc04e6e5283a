/* SPDX-License-Identifier: Apache-2.0 */
/*
 * listctl_watch.h - a campaign as somebody watches it.
 */
#ifndef LISTD_LISTCTL_WATCH_H
#define LISTD_LISTCTL_WATCH_H

#include <stdbool.h>
#include <stdio.h>

#include <jansson.h>

/*
 * What `campaign show --watch` says each second.  On a terminal it takes the
 * place of what was printed before, *lines lines, which begins at 0; elsewhere
 * it is one more line, for a file or a pipe.
 */
void listctl_watch(FILE *out, const json_t *v, bool terminal,
    unsigned *lines);

#endif
