/* SPDX-License-Identifier: Apache-2.0 */
/*
 * privsep_roles.c - a daemon whose roles do nothing but tell what they have.
 *
 * For tests/privsep.test.  Each role logs its descriptors, ids and limits,
 * says hello to every peer it is given and logs the hellos it gets.  A file
 * ROLE.ACT in the folder named by LISTD_TEST_ACTS, removed before it is
 * obeyed, makes the role misbehave:
 *
 *	crash	abort at its start
 *	refuse	say that it cannot work
 *	leave	exit with status 0 at its start
 *	mute	never become ready
 *	stuck	never drain
 *	deaf	close the channel to the parent and go on
 *	babble	send the parent nonsense
 *	accuse	tell the parent that deliver.0 talks nonsense
 */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

#include "lib/clock.h"
#include "lib/conf.h"
#include "lib/err.h"
#include "lib/strbuf.h"
#include "lib/sys/channel.h"
#include "lib/sys/file.h"
#include "lib/sys/log.h"
#include "listd/privsep.h"
#include "listd/start.h"

#define PEERS_MAX	(ROLE_DELIVER_MAX + ROLE_KINDS)
#define HELLO		0x7000

struct peer {
	enum role_kind	 kind;
	unsigned	 index;
	struct channel	*ch;
};

struct tester {
	struct role_env	*env;
	char		 name[32];
	struct peer	 peers[PEERS_MAX];
	size_t		 npeers;
	bool		 stuck, mute, babble, deaf, accuse;
};

static char acts[1024];

static void
name_of(enum role_kind kind, unsigned index, char *out, size_t size)
{
	snprintf(out, size, kind == ROLE_DELIVER ? "%s.%u" : "%s",
	    role_kind_name(kind), index);
}

/* Is this act asked of us?  Once. */
static bool
act(const struct tester *t, const char *what)
{
	char path[1200];

	if (acts[0] == '\0')
		return false;
	snprintf(path, sizeof(path), "%s/%s.%s", acts, t->name, what);
	return unlink(path) == 0;
}

static int
compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* What each descriptor of this process is, but for the standard ones. */
static void
log_descriptors(const struct tester *t)
{
	DIR *d = opendir("/proc/self/fd");
	char *names[256], path[512], target[512];
	struct strbuf all = STRBUF_INIT(65536);
	const struct dirent *de;
	size_t n = 0;

	while (d != NULL && (de = readdir(d)) != NULL && n < 256) {
		ssize_t len;

		if (de->d_name[0] == '.' || atoi(de->d_name) == dirfd(d) ||
		    atoi(de->d_name) <= STDERR_FILENO)
			continue;
		snprintf(path, sizeof(path), "/proc/self/fd/%s", de->d_name);
		len = readlink(path, target, sizeof(target) - 1);
		target[len > 0 ? len : 0] = '\0';
		names[n++] = strdup(target);
	}
	closedir(d);
	qsort(names, n, sizeof(names[0]), compare);
	for (size_t i = 0; i < n; i++) {
		/* Files by their last name, sockets without their number. */
		const char *slash = strrchr(names[i], '/');
		const char *last = slash != NULL ? slash + 1 : names[i];

		strbuf_addf(&all, "%s%.*s", i != 0 ? "," : "",
		    (int)strcspn(last, "["), last);
		free(names[i]);
	}
	log_text(LEVEL_NOTICE, "descriptors", "%s %s", t->name, all.s);
	strbuf_free(&all);
}

static void
log_names(const struct tester *t)
{
	const char *name, *names[256];
	struct strbuf all = STRBUF_INIT(65536);
	size_t iter = 0, n = 0;
	int fd;

	while (n < 256 && role_fd_next(t->env, "", &iter, &name, &fd))
		if (fcntl(fd, F_GETFD) == FD_CLOEXEC)
			names[n++] = name;
	qsort(names, n, sizeof(names[0]), compare);
	for (size_t i = 0; i < n; i++)
		strbuf_addf(&all, "%s%s", i != 0 ? "," : "", names[i]);
	log_text(LEVEL_NOTICE, "names", "%s %s", t->name, all.s);
	strbuf_free(&all);
}

static void
log_rights(const struct tester *t)
{
	struct rlimit core, files;
	gid_t groups[8];
	int n = getgroups(8, groups);

	getrlimit(RLIMIT_CORE, &core);
	getrlimit(RLIMIT_NOFILE, &files);
	log_text(LEVEL_NOTICE, "rights",
	    "%s uid=%u gid=%u groups=%d core=%lu nofile_raised=%d "
	    "no_new_privs=%d umask=%03o passwd=%d", t->name,
	    (unsigned)getuid(), (unsigned)getgid(), n,
	    (unsigned long)core.rlim_max, files.rlim_cur == files.rlim_max,
	    prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), (unsigned)umask(0027),
	    open("/etc/passwd", O_RDONLY | O_CLOEXEC) != -1);
}

/* Can the folder of this role be written, and the others not? */
static void
log_folders(const struct tester *t)
{
	static const char *const dirs[] = { "subscribers", "content",
		"incoming/inbound", "incoming/web", "secrets", "dkim" };
	char path[CONF_PATH_MAX + 64];
	struct strbuf all = STRBUF_INIT(1024);

	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		int fd;

		snprintf(path, sizeof(path), "%s/%s/probe-%s",
		    t->env->conf->data_dir, dirs[i], t->name);
		fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0640);
		strbuf_addf(&all, " %s=%s", dirs[i], fd != -1 ? "yes" : "no");
		if (fd != -1) {
			close(fd);
			unlink(path);
		}
	}
	log_text(LEVEL_NOTICE, "writes", "%s%s", t->name, all.s);
	strbuf_free(&all);
}

/* How the two files of an environment open: w, r or not at all. */
static void
log_store(const struct tester *t)
{
	static const char *const files[] = { "data", "lock" };
	char path[CONF_PATH_MAX + 64];
	struct strbuf all = STRBUF_INIT(256);

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		int w, r;

		snprintf(path, sizeof(path), "%s/subscribers/%s.mdb",
		    t->env->conf->data_dir, files[i]);
		w = open(path, O_RDWR | O_CLOEXEC);
		r = open(path, O_RDONLY | O_CLOEXEC);
		strbuf_addf(&all, " %s=%s", files[i],
		    w != -1 ? "w" : r != -1 ? "r" : "-");
		if (w != -1)
			close(w);
		if (r != -1)
			close(r);
	}
	log_text(LEVEL_NOTICE, "store", "%s%s", t->name, all.s);
	strbuf_free(&all);
}

/* ---- peers */

static void
hello_frame(struct channel *ch, struct channel_frame *f, void *arg)
{
	struct tester *t = arg;

	(void)ch;
	log_text(LEVEL_NOTICE, "hello", "%s heard %.*s", t->name, (int)f->len,
	    (const char *)f->data);
}

static void
hello_closed(struct channel *ch, const struct err *why, void *arg)
{
	struct tester *t = arg;

	for (size_t i = 0; i < t->npeers; i++) {
		char name[32];

		if (t->peers[i].ch != ch)
			continue;
		name_of(t->peers[i].kind, t->peers[i].index, name,
		    sizeof(name));
		log_text(LEVEL_NOTICE, "lost", "%s lost %s%s", t->name, name,
		    why != NULL ? " badly" : "");
		t->peers[i] = t->peers[--t->npeers];
		break;
	}
	channel_free(ch);
}

static const struct channel_ops hello_ops = {
	hello_frame, hello_closed, NULL,
};

static void
on_peer(struct role_env *env, enum role_kind kind, unsigned index, int fd)
{
	struct tester *t = env->arg;
	struct err e = ERR_INIT;
	struct channel *ch;
	char text[64];
	int n;

	ch = channel_new(env->base, fd, &hello_ops, t);
	if (t->npeers < PEERS_MAX)
		t->peers[t->npeers++] = (struct peer){ kind, index, ch };
	n = snprintf(text, sizeof(text), "%s epoch %llu", t->name,
	    (unsigned long long)env->epoch);
	channel_send(ch, HELLO, text, (size_t)n, &e);
}

/* ---- the role's life */

static void
log_file(const struct tester *t, const char *name)
{
	struct strbuf text = STRBUF_INIT(4096);
	struct err e = ERR_INIT;

	if (role_fd(t->env, name) != -1 &&
	    file_read(role_fd(t->env, name), name, &text, &e) == 0)
		log_text(LEVEL_NOTICE, "file", "%s %s: %s", t->name, name,
		    text.s);
	strbuf_free(&text);
}

static void
on_reload(struct role_env *env, const struct conf *old)
{
	struct tester *t = env->arg;

	log_text(LEVEL_NOTICE, "role_reloaded",
	    "%s connections_total %lld then %lld, map_size %lld", t->name,
	    (long long)old->connections_total,
	    (long long)env->conf->connections_total,
	    (long long)env->conf->map_size);
	log_file(t, FD_SMTP_CERT);
	log_names(t);
}

static void
on_stopping(struct role_env *env)
{
	struct tester *t = env->arg;

	log_text(LEVEL_NOTICE, "told", "%s that the daemon stops", t->name);
}

static void
on_drain(struct role_env *env)
{
	struct tester *t = env->arg;

	log_text(LEVEL_NOTICE, "drain", "%s", t->name);
	if (!t->stuck)
		role_drained(env);
}

static void
babble(void)
{
	static const char nonsense[] = "\0\0\0\2\77\77\0\0hi";

	if (write(START_FD, nonsense, sizeof(nonsense) - 1) == -1)
		log_text(LEVEL_ERROR, "babble", "not sent");
}

/* The store, as far as others look at it from outside. */
static void
make_store(const struct role_env *env)
{
	static const struct {
		const char	*name;
		mode_t		 mode;
	} files[] = { { "data.mdb", 0640 }, { "lock.mdb", 0660 } };
	char path[CONF_PATH_MAX + 64];

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		int fd;

		snprintf(path, sizeof(path), "%s/subscribers/%s",
		    env->conf->data_dir, files[i].name);
		fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		if (fd == -1 || fchmod(fd, files[i].mode) == -1)
			log_text(LEVEL_ERROR, "make_store", "%s", path);
		if (fd != -1)
			close(fd);
	}
}

static int
run(struct tester *t)
{
	static const struct role_path paths[] = {
		{ "content", ROLE_PATH_READ },
	};
	static const struct role_path writes[] = {
		{ "subscribers", ROLE_PATH_WRITE },
		{ "content", ROLE_PATH_WRITE },
		{ "incoming", ROLE_PATH_WRITE },
	};
	static const struct role_path reads[] = {
		{ "subscribers", ROLE_PATH_LMDB_READ },
	};
	static const struct role_path own[] = {
		{ "content", ROLE_PATH_READ },
		{ "incoming/web", ROLE_PATH_WRITE },
	};
	struct role_env *env = t->env;
	struct err e = ERR_INIT;
	int rc;

	rc = env->kind == ROLE_QUEUE ? role_confine(env, writes, 3, &e) :
	    env->kind == ROLE_WEB ? role_confine(env, own, 2, &e) :
	    env->kind == ROLE_DELIVER ? role_confine(env, reads, 1, &e) :
	    role_confine(env, paths, 1, &e);
	if (rc == -1)
		return role_refuse(env, &e);
	if (env->kind == ROLE_QUEUE && env->first_run)
		make_store(env);
	log_rights(t);
	log_folders(t);
	log_store(t);
	env->on_peer = on_peer;
	env->on_reload = on_reload;
	env->on_stopping = on_stopping;
	env->on_drain = on_drain;
	if (!t->mute)
		role_ready(env);
	if (t->babble)
		babble();
	if (t->accuse)
		role_peer_broken(env, ROLE_DELIVER, 0);
	if (t->deaf) {
		shutdown(START_FD, SHUT_RDWR);
		for (;;)
			pause();
	}
	return role_run(env);
}

static int
role_tester(struct role_env *env)
{
	static struct tester t;
	struct err e = ERR_INIT;
	int status;

	t.env = env;
	env->arg = &t;
	name_of(env->kind, env->index, t.name, sizeof(t.name));
	log_text(LEVEL_NOTICE, "begin", "%s epoch %llu delivers %u first %d",
	    t.name, (unsigned long long)env->epoch, env->delivers,
	    env->first_run);
	log_descriptors(&t);
	log_names(&t);
	log_file(&t, FD_SMTP_CERT);
	if (act(&t, "crash"))
		abort();
	if (act(&t, "leave"))
		return STATUS_OK;
	if (act(&t, "refuse")) {
		err_set(&e, ERR_DAMAGED, "the test says so");
		return role_refuse(env, &e);
	}
	t.stuck = act(&t, "stuck");
	t.mute = act(&t, "mute");
	t.babble = act(&t, "babble");
	t.deaf = act(&t, "deaf");
	t.accuse = act(&t, "accuse");
	status = run(&t);
	for (size_t i = 0; i < t.npeers; i++)
		channel_free(t.peers[i].ch);
	log_text(LEVEL_NOTICE, "end", "%s status %d", t.name, status);
	return status;
}

int
main(int argc, char **argv)
{
	static const struct role_def roles[] = {
		{ ROLE_QUEUE, role_tester },
		{ ROLE_DELIVER, role_tester },
		{ ROLE_INBOUND, role_tester },
		{ ROLE_WEB, role_tester },
	};
	const char *dir = getenv("LISTD_TEST_ACTS");

	snprintf(acts, sizeof(acts), "%s", dir != NULL ? dir : "");
	return privsep_main(argc, argv, roles,
	    sizeof(roles) / sizeof(roles[0]));
}
