/* SPDX-License-Identifier: Apache-2.0 */
/*
 * layout.c - the folders, the lock and the secrets under data_dir.
 */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lib/conf.h"
#include "lib/err.h"
#include "lib/strbuf.h"
#include "lib/sys/file.h"
#include "listd/layout.h"
#include "listd/start.h"
#include "spool/departures.h"
#include "spool/secrets.h"
#include "spool/store_swap.h"

#define LOCK_NAME	"lock"
#define MARK_NAME	"first-run"
#define STORE_NAME	"subscribers/data.mdb"
/* How long the roles of a parent that died may take to follow it. */
#define LOCK_WAIT_MS	10000
#define LOCK_POLL_MS	50

int
layout_users_lookup(const struct conf *c, struct layout_users *users_r,
    struct err *e)
{
	const char *names[ROLE_KINDS] = {
		[ROLE_QUEUE] = c->user_queue,
		[ROLE_DELIVER] = c->user_deliver,
		[ROLE_INBOUND] = c->user_inbound,
		[ROLE_WEB] = c->user_web,
	};
	struct rights *queue = &users_r->of[ROLE_QUEUE];

	*users_r = (struct layout_users){ .root = geteuid() == 0 };
	if (!users_r->root)
		return 0;
	for (int k = ROLE_QUEUE; k < ROLE_KINDS; k++)
		if (rights_lookup(names[k], c->group, &users_r->of[k], e) ==
		    -1)
			return -1;
	if (queue->own_gid != queue->gid)
		queue->groups[queue->ngroups++] = queue->own_gid;
	return 0;
}

/* ---- folders */

static int
make_dir(int dirfd, const char *name, mode_t mode,
    const struct layout_users *users, enum role_kind owner, gid_t gid,
    struct err *e)
{
	/* 0 stands for root, who owns what no role may change. */
	uid_t uid = users->root && owner != 0 ? users->of[owner].uid :
	    geteuid();

	return file_make_dir(dirfd, name, mode, uid,
	    users->root ? gid : (gid_t)-1, e);
}

static int
make_data_dir(const struct conf *c, const struct layout_users *users,
    struct err *e)
{
	char real[PATH_MAX];
	const char *path = c->data_dir;

	/* It is the administrator who says where; a link is his to make. */
	if (realpath(path, real) != NULL)
		path = real;
	return make_dir(AT_FDCWD, path, 0750, users, 0,
	    users->of[ROLE_QUEUE].gid, e);
}

static int
make_and_close(int dirfd, const char *name, mode_t mode,
    const struct layout_users *users, enum role_kind owner, gid_t gid,
    struct err *e)
{
	int fd = make_dir(dirfd, name, mode, users, owner, gid, e);

	if (fd == -1)
		return -1;
	close(fd);
	return 0;
}

/*
 * A role's own folder is open to the role, and to queue through queue's login
 * group: queue takes files out of it, and no other role may look in.
 */
static int
make_incoming(int data_fd, const struct layout_users *users, struct err *e)
{
	gid_t group = users->of[ROLE_QUEUE].gid;
	int fd = make_dir(data_fd, "incoming", 0750, users, 0, group, e);
	int ret = -1;

	if (fd == -1)
		return -1;
	for (enum role_kind k = ROLE_QUEUE; k < ROLE_KINDS; k++)
		if (make_and_close(fd, role_kind_name(k),
		    users->root ? 0770 : 0700, users, k,
		    users->of[ROLE_QUEUE].own_gid, e) == -1)
			goto out;
	/* What came with calls of listctl; queue copies it there itself. */
	ret = make_and_close(fd, "control", 0700, users, ROLE_QUEUE,
	    users->of[ROLE_QUEUE].own_gid, e);
out:
	close(fd);
	return ret;
}

static int
make_dirs(struct layout *l, const struct layout_users *users, struct err *e)
{
	static const char *const of_queue[] = {
		"subscribers", "queue", "content", "outcomes",
		STORE_COPY_DIR, DEPARTURES_DIR,
	};
	gid_t group = users->of[ROLE_QUEUE].gid;

	for (size_t i = 0; i < sizeof(of_queue) / sizeof(of_queue[0]); i++)
		if (make_and_close(l->data_fd, of_queue[i], 0750, users,
		    ROLE_QUEUE, group, e) == -1)
			return -1;
	if (make_incoming(l->data_fd, users, e) == -1 ||
	    make_and_close(l->data_fd, "dkim", 0700, users, 0, 0, e) == -1)
		return -1;
	return make_and_close(l->data_fd, "secrets", 0700, users, 0, 0, e);
}

/* ---- the lock */

/* The process id in the lock file, 0 when there is none. */
static pid_t
lock_holder(int fd)
{
	struct strbuf text = STRBUF_INIT(32);
	pid_t pid = 0;

	if (file_read(fd, LOCK_NAME, &text, NULL) == 0)
		for (const char *p = text.s; *p >= '0' && *p <= '9' &&
		    pid < INT_MAX / 10 - 1; p++)
			pid = pid * 10 + (*p - '0');
	strbuf_free(&text);
	return pid;
}

static bool
is_alive(pid_t pid)
{
	return pid > 0 && (kill(pid, 0) == 0 || errno == EPERM);
}

/*
 * Take the flock.  Where the daemon that wrote the file is dead its queue role
 * may still be on its way out, and is worth a little patience.
 */
static int
lock_take(int fd, struct err *e)
{
	const struct timespec poll = { 0, LOCK_POLL_MS * 1000000L };
	pid_t pid = 0;

	for (int ms = 0; ms <= LOCK_WAIT_MS; ms += LOCK_POLL_MS) {
		if (flock(fd, LOCK_EX | LOCK_NB) == 0)
			return 0;
		if (errno != EWOULDBLOCK) {
			err_sys(e, "%s", LOCK_NAME);
			return -1;
		}
		pid = lock_holder(fd);
		if (is_alive(pid))
			break;
		nanosleep(&poll, NULL);
	}
	if (is_alive(pid))
		err_set(e, ERR_EXISTS, "the store is in use by process %d",
		    (int)pid);
	else
		err_set(e, ERR_EXISTS, "the store is in use by a role of "
		    "process %d, which is gone", (int)pid);
	return -1;
}

static int
lock_open(struct layout *l, struct err *e)
{
	char text[16];
	int n;

	l->lock_fd = file_open(l->data_fd, LOCK_NAME, O_RDWR | O_CREAT, 0640,
	    e);
	if (l->lock_fd == -1 || lock_take(l->lock_fd, e) == -1)
		return -1;
	n = snprintf(text, sizeof(text), "%d\n", (int)getpid());
	if (ftruncate(l->lock_fd, 0) == -1 ||
	    pwrite(l->lock_fd, text, (size_t)n, 0) != n) {
		err_sys(e, "%s", LOCK_NAME);
		return -1;
	}
	return 0;
}

/* ---- the first run */

static bool
exists(int dirfd, const char *name)
{
	struct stat st;

	return fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/* True also when it is not there at all. */
static bool
is_empty(int dirfd, const char *name)
{
	int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW |
	    O_CLOEXEC);
	DIR *d = fd != -1 ? fdopendir(fd) : NULL;
	const struct dirent *de;
	bool empty = true;

	if (d == NULL) {
		if (fd != -1)
			close(fd);
		return true;
	}
	while ((de = readdir(d)) != NULL)
		if (strcmp(de->d_name, ".") != 0 &&
		    strcmp(de->d_name, "..") != 0)
			empty = false;
	closedir(d);
	return empty;
}

/*
 * Is there a store?  Content or outcomes without one are what a lost file or a
 * missing mount leaves: never begin afresh beside them.
 */
static int
look_for_store(struct layout *l, const char *data_dir, struct err *e)
{
	static const char *const traces[] = { "content", "outcomes", "queue" };

	if (exists(l->data_fd, MARK_NAME)) {
		l->first_run = true;
		return 0;
	}
	if (exists(l->data_fd, STORE_NAME))
		return 0;
	for (size_t i = 0; i < sizeof(traces) / sizeof(traces[0]); i++) {
		if (!is_empty(l->data_fd, traces[i])) {
			err_set(e, ERR_REFUSED, "%s/%s is missing, but %s/ "
			    "is not empty", data_dir, STORE_NAME, traces[i]);
			return -1;
		}
	}
	l->first_run = true;
	return file_replace(l->data_fd, MARK_NAME, "", 0, 0600, e);
}

int
layout_first_run_done(struct layout *l, struct err *e)
{
	if (!l->first_run)
		return 0;
	if (unlinkat(l->data_fd, MARK_NAME, 0) == -1 ||
	    fsync(l->data_fd) == -1) {
		err_sys(e, "%s", MARK_NAME);
		return -1;
	}
	l->first_run = false;
	return 0;
}

/* ---- secrets */

static int
check_secrets(const struct layout *l, const char *data_dir, struct err *e)
{
	if (l->first_run && secrets_create(data_dir, e) == -1)
		return -1;
	for (enum key_purpose p = 0; p < KEY_PURPOSES; p++) {
		int fd = secrets_open(data_dir, p, e);

		if (fd == -1)
			return -1;
		close(fd);
	}
	return 0;
}

/* ---- all of it */

static void
add_data_dir(const struct conf *c, struct err *e)
{
	struct err why = *e;

	err_set(e, why.code, "%s: %s", c->data_dir, why.text);
}

int
layout_open(const struct conf *c, const struct layout_users *users,
    struct layout *l_r, struct err *e)
{
	*l_r = (struct layout){ .data_fd = -1, .lock_fd = -1 };
	if ((l_r->data_fd = make_data_dir(c, users, e)) == -1)
		return -1;
	if (lock_open(l_r, e) == -1) {
		add_data_dir(c, e);
		return -1;
	}
	if (store_swap_recover(c->data_dir, e) == -1 ||
	    look_for_store(l_r, c->data_dir, e) == -1)
		return -1;
	if (make_dirs(l_r, users, e) == -1) {
		add_data_dir(c, e);
		return -1;
	}
	return check_secrets(l_r, c->data_dir, e);
}

void
layout_close(struct layout *l)
{
	if (l->data_fd != -1)
		close(l->data_fd);
	if (l->lock_fd != -1)
		close(l->lock_fd);
	*l = (struct layout){ .data_fd = -1, .lock_fd = -1 };
}
