/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spool_world.c - a store in a folder of its own.
 */
#include "config.h"

#include <sys/wait.h>

#include <ftw.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/keyring.h"
#include "spool/ledger_private.h"
#include "spool/store_private.h"
#include "spool/writer.h"
#include "tests/spool_world.h"

static unsigned steps_left;

struct keyring *
world_keys(unsigned seed)
{
	struct keyring *kr = keyring_new();
	uint8_t octets[KEY_OCTETS];

	for (enum key_purpose p = 0; p < KEY_PURPOSES; p++) {
		memset(octets, (int)(seed * 16 + p + 1), sizeof(octets));
		if (keyring_rotate(kr, p, octets, NULL, NULL) == -1)
			abort();
	}
	return kr;
}

struct store *
world_open(struct world *w, bool write, bool create)
{
	const struct store_params p = {
		.dir = w->dir, .keys = w->keys, .map_size = w->map_size,
		.map_size_queue = w->map_size, .write = write,
		.create = create,
	};

	w->e = (struct err)ERR_INIT;
	return store_open(&p, &w->e);
}

/* Tests sign when they want to, as after a restore of an empty store. */
static int
begin_ledger(struct txn *t, void *arg, struct err *e)
{
	(void)arg;
	return ledger_first_put(t, e);
}

int
world_setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	const char *tmp = getenv("TMPDIR");

	if (w == NULL)
		return -1;
	snprintf(w->dir, sizeof(w->dir), "%s/listd-spool-XXXXXX",
	    tmp != NULL ? tmp : "/tmp");
	if (mkdtemp(w->dir) == NULL) {
		free(w);
		return -1;
	}
	w->map_size = WORLD_MAP;
	w->keys = world_keys(1);
	w->st = world_open(w, true, true);
	*state = w;
	if (w->st == NULL || world_write(w, STORE_S, begin_ledger, NULL) != 0) {
		print_error("%s\n", w->e.text);
		return -1;
	}
	return 0;
}

static int
remove_one(const char *path, const struct stat *sb, int type, struct FTW *ftw)
{
	(void)sb, (void)type, (void)ftw;
	return remove(path);
}

int
world_teardown(void **state)
{
	struct world *w = *state;

	world_close(w);
	keyring_free(w->keys);
	nftw(w->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(w);
	return 0;
}

void
world_close(struct world *w)
{
	store_close(w->st);
	w->st = NULL;
}

void
world_reopen(struct world *w)
{
	world_close(w);
	w->st = world_open(w, true, false);
	if (w->st == NULL)
		fail_msg("open: %s", w->e.text);
}

int
world_write(struct world *w, enum store_env env, world_fn *fn, void *arg)
{
	const struct job job = {
		.apply = fn, .arg = arg, .lane = WRITER_URGENT,
		.reserve = true,
	};

	w->e = (struct err)ERR_INIT;
	switch (writer_run(w->st, env, &job, &w->e)) {
	case JOB_DONE:
		return 0;
	case JOB_REFUSED:
		return 1;
	case JOB_TRY_AGAIN:
		break;
	}
	return -1;
}

void
world_must(struct world *w, enum store_env env, world_fn *fn, void *arg)
{
	if (world_write(w, env, fn, arg) != 0)
		fail_msg("write: %s", w->e.text);
}

struct txn *
world_read(struct world *w, enum store_env env)
{
	struct txn *t;

	if (txn_read(w->st, env, &t, &w->e) == -1)
		fail_msg("read: %s", w->e.text);
	return t;
}

static void
die_at_last_step(const char *what)
{
	(void)what;
	if (--steps_left == 0)
		kill(getpid(), SIGKILL);
}

bool
world_killed_at(struct world *w, enum store_env env, world_fn *fn, void *arg,
    unsigned n)
{
	pid_t pid;
	int status;

	world_close(w);
	if ((pid = fork()) == -1)
		fail_msg("fork");
	if (pid == 0) {
		if ((w->st = world_open(w, true, false)) == NULL)
			_exit(3);
		steps_left = n;
		store_step_hook = die_at_last_step;
		_exit(world_write(w, env, fn, arg) == 0 ? 0 : 4);
	}
	while (waitpid(pid, &status, 0) == -1)
		;
	world_reopen(w);
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
		return true;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		fail_msg("child ended with status %x", (unsigned)status);
	return false;
}
