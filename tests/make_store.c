/* SPDX-License-Identifier: Apache-2.0 */
/*
 * make_store.c - leave the store of check_world in a folder, with its secrets,
 * for scripts: make_store FOLDER [EARLIER].  FOLDER must not be there yet; the
 * file EARLIER gets the data of `subscribers` as it was ten members ago.
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

static int
copy_file(const char *from, const char *to, struct err *e)
{
	FILE *in = fopen(from, "r"), *out = fopen(to, "w");
	char buf[65536];
	size_t n;
	int ret = 0;

	if (in == NULL || out == NULL)
		ret = -1;
	while (ret == 0 && (n = fread(buf, 1, sizeof(buf), in)) > 0)
		if (fwrite(buf, 1, n, out) != n)
			ret = -1;
	if (in != NULL)
		fclose(in);
	if (out != NULL && fclose(out) != 0)
		ret = -1;
	if (ret == -1)
		err_sys(e, "%s", to);
	return ret;
}

/* Keep what there is, and let the store grow. */
static int
go_on(struct check_world *cw, const char *earlier, struct err *e)
{
	char path[300];

	snprintf(path, sizeof(path), "%s/subscribers/data.mdb", cw->w->dir);
	world_close(cw->w);
	if (copy_file(path, earlier, e) == -1)
		return -1;
	world_reopen(cw->w);
	check_world_import(cw, CHECK_IMPORTED, CHECK_IMPORTED + 10);
	check_world_sign(cw);
	return 0;
}

int
main(int argc, char **argv)
{
	struct err e = ERR_INIT;
	struct check_world *cw;
	void *state;

	if (argc < 2 || argc > 3 || check_world_setup(&state) == -1)
		return 2;
	cw = state;
	if (argc == 3 && go_on(cw, argv[2], &e) == -1) {
		fprintf(stderr, "make_store: %s\n", e.text);
		return 1;
	}
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
