/* SPDX-License-Identifier: Apache-2.0 */
/*
 * make_store.c - leave the store of check_world in a folder, with its secrets,
 * for scripts: make_store FOLDER, which must not be there yet.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "spool/secrets.h"
#include "tests/check_world.h"

static int
write_secrets(const struct world *w, struct err *e)
{
	char path[300];

	snprintf(path, sizeof(path), "%s/secrets", w->dir);
	if (mkdir(path, 0700) == -1) {
		err_sys(e, "%s", path);
		return -1;
	}
	for (enum key_purpose p = 0; p < KEY_PURPOSES; p++)
		if (secrets_write(w->keys, w->dir, p, e) == -1)
			return -1;
	return 0;
}

int
main(int argc, char **argv)
{
	struct err e = ERR_INIT;
	struct check_world *cw;
	void *state;

	if (argc != 2 || check_world_setup(&state) == -1)
		return 2;
	cw = state;
	world_close(cw->w);
	if (write_secrets(cw->w, &e) == -1 ||
	    rename(cw->w->dir, argv[1]) == -1) {
		fprintf(stderr, "make_store: %s\n", e.text);
		return 1;
	}
	content_close(cw->content);
	keyring_free(cw->w->keys);
	free(cw->w);
	free(cw);
	return 0;
}
