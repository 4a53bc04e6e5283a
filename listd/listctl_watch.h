/* SPDX-License-Identifier: Apache-2.0 */
/*
 * listctl_watch.h - a campaign as somebody watches it.
 */
#ifndef LISTD_LISTCTL_WATCH_H
#define LISTD_LISTCTL_WATCH_H

#include <stdbool.h>
#include <stdio.h>

#include <jansson.h>

/* What stands on a terminal; zeroed at first. */
struct listctl_screen {
	unsigned	 lines;
	unsigned	 columns;	/* the terminal had then */
};

/*
 * What `campaign show --watch` says each second.  On a terminal it takes the
 * place of what was printed before, cut to what the terminal shows now;
 * elsewhere it is one more line, for a file or a pipe.
 */
void listctl_watch(FILE *out, const json_t *v, bool terminal,
    struct listctl_screen *screen);

#endif
