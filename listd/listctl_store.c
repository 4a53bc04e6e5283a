/* SPDX-License-Identifier: Apache-2.0 */
/*
 * listctl_store.c - verbs on the store itself: init, check.
 *
 * init makes what the daemon's first start would make, with its own code.
 * check reads, beside a running daemon or without one; the walk is a child's,
 * because a page that is garbage can kill who reads it, or keep it for ever.
 */
#include "config.h"

#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <jansson.h>

#include "lib/err.h"
#include "lib/keyring.h"
#include "lib/strbuf.h"
#include "lib/sys/rights.h"
#include "listd/layout.h"
#include "listd/listctl_local.h"
#include "listd/listctl_print.h"
#include "listd/listctl_store.h"
#include "listd/role.h"
#include "spool/check.h"
#include "spool/content.h"
#include "spool/secrets.h"
#include "spool/store.h"

/* A walk that says nothing for so long goes round in circles. */
#define STILL_SECONDS	120

int
listctl_complain(const struct listctl *lc, const struct err *e, int status)
{
	fprintf(stderr, "listctl: %s: %s\n", lc->conf.data_dir, e->text);
	return status;
}

struct store *
listctl_open_store(const struct listctl *lc, const struct keyring *keys,
    bool write, bool create, struct err *e)
{
	const struct store_params p = {
		.dir = lc->conf.data_dir, .keys = keys,
		.map_size = (uint64_t)lc->conf.map_size,
		.map_size_queue = (uint64_t)lc->conf.map_size_queue,
		.write = write, .create = create,
	};

	return store_open(&p, e);
}

int
listctl_in_child(int (*fn)(void *arg), void *arg, int *signal_r)
{
	pid_t pid;
	int status;

	fflush(NULL);
	if ((pid = fork()) == -1) {
		fprintf(stderr, "listctl: fork: %s\n", strerror(errno));
		return STATUS_AGAIN;
	}
	if (pid == 0) {
		status = fn(arg);
		fflush(NULL);
		_exit(status);
	}
	while (waitpid(pid, &status, 0) == -1 && errno == EINTR)
		;
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	*signal_r = WTERMSIG(status);
	return -1;
}

bool
listctl_has_store(const struct listctl *lc)
{
	char path[CONF_PATH_MAX + 32];
	struct err e = ERR_INIT;

	snprintf(path, sizeof(path), "%s/subscribers/data.mdb",
	    lc->conf.data_dir);
	if (access(path, F_OK) == 0)
		return true;
	err_sys(&e, "no store");
	listctl_complain(lc, &e, 0);
	return false;
}

/* ---- init */

struct making {
	const struct listctl *lc;
	const struct layout_users *users;
};

/* As the user that will own it. */
static int
make_store(void *arg)
{
	const struct making *m = arg;
	struct keyring *keys = keyring_new();
	struct content *content = NULL;
	struct store *st = NULL;
	struct err e = ERR_INIT;
	int ret = STATUS_CONFIG;

	if (secrets_load(keys, m->lc->conf.data_dir, SECRETS_ALL, &e) == 0 &&
	    (!m->users->root ||
	    rights_drop(&m->users->of[ROLE_QUEUE], &e) == 0) &&
	    (st = listctl_open_store(m->lc, keys, true, true, &e)) != NULL &&
	    (content = content_open(m->lc->conf.data_dir, true, &e)) != NULL)
		ret = STATUS_OK;
	else
		listctl_complain(m->lc, &e, ret);
	content_close(content);
	store_close(st);
	keyring_free(keys);
	return ret;
}

int
listctl_init(const struct listctl *lc)
{
	struct layout_users users;
	struct making m = { lc, &users };
	struct layout l = { .data_fd = -1, .lock_fd = -1 };
	struct err e = ERR_INIT;
	int ret, killed = 0;

	if (layout_users_lookup(&lc->conf, &users, &e) == -1)
		return listctl_complain(lc, &e, STATUS_CONFIG);
	if (layout_open(&lc->conf, &users, &l, &e) == -1) {
		layout_close(&l);
		fprintf(stderr, "listctl: %s\n", e.text);
		return e.code == ERR_EXISTS ? STATUS_NO : STATUS_CONFIG;
	}
	if (!l.first_run) {
		fprintf(stderr, "listctl: %s: there is a store already\n",
		    lc->conf.data_dir);
		ret = STATUS_NO;
	} else if ((ret = listctl_in_child(make_store, &m, &killed)) == 0 &&
	    layout_first_run_done(&l, &e) == -1)
		ret = listctl_complain(lc, &e, STATUS_CONFIG);
	layout_close(&l);
	return ret == -1 ? STATUS_CONFIG : ret;
}

/* ---- check */

/* What parent and child both see of a walk. */
struct walking {
	const struct listctl *lc;
	struct layout_users users;
	enum store_table from;
	bool		 begun;		/* the store was opened */
	enum store_table at;		/* the table at hand */
	uint64_t	 rows, findings;
};

static bool
tell_finding(void *arg, const struct check_finding *f)
{
	struct walking *w = arg;
	json_t *o = json_pack("{s:s, s:s, s:s}", "table", f->table, "key",
	    f->key, "text", f->text);

	w->findings++;
	if (o != NULL)
		listctl_print(stdout, o, w->lc->json, false);
	else
		printf("%s %s: damaged\n", f->table, f->key);
	json_decref(o);
	/* A child that dies later must not take it along. */
	return fflush(stdout) == 0;
}

static void
tell_progress(void *arg, enum store_table table, uint64_t rows)
{
	struct walking *w = arg;

	w->at = table;
	alarm(STILL_SECONDS);
	if (isatty(STDERR_FILENO))
		fprintf(stderr, "\r\033[K%s: %llu", check_table_name(table),
		    (unsigned long long)rows);
}

static int
check_opened(struct walking *w, struct store *st,
    const struct content *content, struct err *e)
{
	char outcomes[CONF_PATH_MAX + 16];
	const struct check_params p = { .st = st, .content = content,
		.keep_ms = w->lc->conf.keep_content,
		.outcomes = outcomes, .from = w->from,
		.now_ms = (int64_t)time(NULL) * 1000,
		.finding = tell_finding, .progress = tell_progress,
		.arg = w };
	struct check_result r;

	snprintf(outcomes, sizeof(outcomes), "%s/outcomes",
	    w->lc->conf.data_dir);
	w->begun = true;
	w->at = w->from;
	if (check_store(&p, &r, e) == -1)
		return -1;
	w->rows += r.rows;
	return 0;
}

/*
 * In the child.  It has no core dump, which would hold addresses, and as root
 * no more rights than the role whose files these are.
 */
static int
walk(void *arg)
{
	struct walking *w = arg;
	struct keyring *keys = keyring_new();
	struct content *content = NULL;
	struct store *st = NULL;
	struct err e = ERR_INIT;
	int ret = STATUS_OK;

	alarm(STILL_SECONDS);
	if (secrets_load(keys, w->lc->conf.data_dir, SECRETS_ALL, &e) == -1 ||
	    rights_limit(&e) == -1 || (w->users.root &&
	    rights_drop(&w->users.of[ROLE_QUEUE], &e) == -1) ||
	    (st = listctl_open_store(w->lc, keys, false, false, &e)) ==
	    NULL ||
	    (content = content_open(w->lc->conf.data_dir, false,
	    &e)) == NULL || check_opened(w, st, content, &e) == -1)
		ret = listctl_complain(w->lc, &e, STATUS_CONFIG);
	content_close(content);
	store_close(st);
	keyring_free(keys);
	return ret;
}

/* Statuses of a walk that was not cut short, by a signal or otherwise. */
static bool
is_over(int status)
{
	return status == STATUS_OK || status == STATUS_CONFIG ||
	    status == STATUS_AGAIN;
}

/*
 * Walk, and where a table kills the child go on behind it (P12).  The exit
 * status, but for findings.
 */
static int
walk_on(struct walking *w)
{
	int killed = 0, ret;

	while (!is_over(ret = listctl_in_child(walk, w, &killed))) {
		struct check_finding f = { .table = "store" };

		if (ret == -1)
			snprintf(f.text, sizeof(f.text), "the walk was ended "
			    "by %s (SIG%s)", strsignal(killed),
			    sigabbrev_np(killed));
		else
			snprintf(f.text, sizeof(f.text), "the walk was ended "
			    "with status %d", ret);
		if (w->begun)
			f.table = check_table_name(w->at);
		tell_finding(w, &f);
		if (!w->begun)
			return STATUS_CONFIG;
		if (w->at == TABLE_LAST)
			return STATUS_OK;
		w->from = w->at + 1;
		w->begun = false;
	}
	return ret;
}

/*
 * Where no daemon runs, none shall start below the walk.  -1 is fine: there is
 * one, or nothing to lock.
 */
static int
take_lock(const struct listctl *lc)
{
	char path[2 * CONF_PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "%s/lock", lc->conf.data_dir);
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd != -1 && flock(fd, LOCK_SH | LOCK_NB) == -1) {
		close(fd);
		fd = -1;
	}
	return fd;
}

static int
check(struct walking *w)
{
	int ret = walk_on(w);
	json_t *o;

	if (isatty(STDERR_FILENO))
		fputs("\r\033[K", stderr);
	if (ret != STATUS_OK)
		return ret;
	o = json_pack("{s:I, s:I}", "rows", (json_int_t)w->rows, "findings",
	    (json_int_t)w->findings);
	listctl_print(stdout, o, w->lc->json, false);
	json_decref(o);
	return w->findings == 0 ? STATUS_OK : STATUS_NO;
}

int
listctl_check(const struct listctl *lc)
{
	struct walking *w = mmap(NULL, sizeof(*w), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct err e = ERR_INIT;
	int lock, ret;

	if (w == MAP_FAILED) {
		fprintf(stderr, "listctl: mmap: %s\n", strerror(errno));
		return STATUS_AGAIN;
	}
	w->lc = lc;
	lock = take_lock(lc);
	ret = layout_users_lookup(&lc->conf, &w->users, &e) == -1 ?
	    listctl_complain(lc, &e, STATUS_CONFIG) : check(w);
	if (lock != -1)
		close(lock);
	munmap(w, sizeof(*w));
	return ret;
}
