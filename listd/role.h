/* SPDX-License-Identifier: Apache-2.0 */
/*
 * role.h - what a role of the daemon is given, and what it gives back.
 *
 * The parent starts a role by fork and exec.  The role's function begins with
 * what it may do (role_confine), sets up its peers and callbacks, says that it
 * is ready, and runs the loop:
 *
 *	int
 *	role_inbound(struct role_env *env)
 *	{
 *		static const struct role_path paths[] = {
 *			{ "subscribers", ROLE_PATH_LMDB_READ },
 *			{ "incoming/inbound", ROLE_PATH_WRITE },
 *		};
 *		struct err e = ERR_INIT;
 *
 *		... open what needs rights that are given up next ...
 *		if (role_confine(env, paths, ARRAY_LEN(paths), &e) == -1)
 *			return role_refuse(env, &e);
 *		env->on_peer = inbound_on_peer;
 *		env->on_drain = inbound_on_drain;
 *		role_ready(env);
 *		return role_run(env);
 *	}
 *
 * Its return value is the exit status of the process.  Nothing a peer sends
 * may end a role; the parent's death does.
 */
#ifndef LISTD_ROLE_H
#define LISTD_ROLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct clock;
struct conf;
struct err;
struct event_base;
struct role;
struct timers;

/* Exit status, of sysexits(3). */
#define STATUS_OK		0
#define STATUS_NO		1	/* the answer is "no" */
#define STATUS_USAGE		2
#define STATUS_UNAVAILABLE	69
#define STATUS_AGAIN		75
#define STATUS_CONFIG		78	/* configuration or store damaged */

enum role_kind {
	ROLE_QUEUE = 1,
	ROLE_DELIVER,
	ROLE_INBOUND,
	ROLE_WEB,
};
#define ROLE_KINDS	5		/* one more than the last */
#define ROLE_DELIVER_MAX	64	/* deliver roles */

/*
 * The descriptors a role finds by name (role_fd).  A name that ends in a dot
 * or a slash here is followed by a number from 0 or by a file's name.  Those
 * of files are shared with other processes, offset included: read them with
 * file_read() of lib/sys/file.h, which does not move it.
 */
#define FD_SMTP		"smtp."		/* inbound: listeners */
#define FD_LMTP		"lmtp."		/* inbound: listeners */
#define FD_SMTP_CERT	"smtp-cert"	/* inbound: PEM chain */
#define FD_SMTP_KEY	"smtp-key"	/* inbound: PEM key */
#define FD_HTTP		"http."		/* web: listeners, plain */
#define FD_HTTPS	"https."	/* web: listeners, TLS */
#define FD_WEB_CERT	"web-cert"	/* web: PEM chain */
#define FD_WEB_KEY	"web-key"	/* web: PEM key */
#define FD_CONTROL	"control"	/* queue: the control socket */
#define FD_LOCK		"lock"		/* queue: the store's, while it lives */
#define FD_RING		"ring"		/* queue, deliver: lib/sys/ring.h */
#define FD_SHAPING	"shaping"	/* queue: listd.shaping(5) */
#define FD_SHAPING_OVERLAY "shaping-overlay"	/* queue */
#define FD_REPLIES	"replies"	/* queue: listd.replies(5) */
#define FD_REPLIES_OVERLAY "replies-overlay"	/* queue */
#define FD_CA		"ca"		/* deliver: PEM bundle */
#define FD_RESOLV	"resolv"	/* deliver: resolv.conf */
#define FD_ANCHOR	"anchor"	/* deliver: DNSSEC root key */
#define FD_DKIM		"dkim/"		/* deliver: dkim/DOMAIN/SELECTOR.pem */
#define FD_SMARTHOST_AUTH "smarthost-auth" /* deliver: user and password */
/*
 * secret/PURPOSE: a key file of lib/keyring.h.  queue gets all; deliver
 * address, verp, url, confirm, log; inbound and web these and h8.
 */
#define FD_SECRET	"secret/"

struct role_env {
	/* Filled when the role function is called; borrowed. */
	enum role_kind		 kind;
	unsigned		 index;		/* 0 but for deliver */
	unsigned		 delivers;	/* deliver roles there are */
	const struct conf	*conf;		/* replaced by a reload */
	bool			 first_run;	/* queue: make the store */
	struct event_base	*base;
	const struct clock	*clock;
	struct timers		*timers;
	/*
	 * How often the queue role was started in this life of the daemon;
	 * rises by one with each.  Not durable: the store's epoch, which
	 * outcomes are counted by, is the one queue says in IPC_HELLO.
	 */
	uint64_t		 epoch;

	/* Set by the role before role_run(); NULL is allowed. */
	void			*arg;
	/*
	 * A fresh socket to a peer, at the start and after that peer was
	 * started again; fd is the role's.  It takes the place of an older
	 * one to the same kind and index, whose end may not be read yet.
	 */
	void	(*on_peer)(struct role_env *, enum role_kind, unsigned index,
	    int fd);
	/* env->conf and the named descriptors are new; old dies after this. */
	void	(*on_reload)(struct role_env *, const struct conf *old);
	/* Queue only: it stops, hand out nothing more; drain follows. */
	void	(*on_stopping)(struct role_env *);
	/*
	 * Accept nothing new, finish what is open, then call role_drained().
	 * NULL: the role ends at once.  The parent kills after drain_timeout.
	 */
	void	(*on_drain)(struct role_env *);

	struct role		*role;		/* private */
};

/* ---- descriptors by name */

/* Borrowed; -1 when there is none.  A reload replaces those of files. */
int role_fd(const struct role_env *env, const char *name);
/*
 * Walk the names that begin with prefix; *iter starts at 0.  True, with a
 * borrowed name and descriptor, until there are no more.
 */
bool role_fd_next(const struct role_env *env, const char *prefix,
    size_t *iter, const char **name_r, int *fd_r);

/* ---- rights */

enum role_access {
	ROLE_PATH_READ = 1,	/* files beneath: open and read */
	ROLE_PATH_WRITE,	/* also create, write, rename, remove */
	ROLE_PATH_LMDB_READ,	/* an environment: read data, write lock.mdb */
};

struct role_path {
	const char		*path;	/* below data_dir, or absolute */
	enum role_access	 access;
};

/*
 * Give up every right but those named, in this order: groups, user and group
 * of the role (when started as root), core dumps, new privileges, and by
 * Landlock all paths but paths[n].  What the kernel can not enforce is logged
 * once as a warning.  -1 with e set: do not go on.
 */
int role_confine(struct role_env *env, const struct role_path *paths,
    size_t n, struct err *e);

/* ---- the role's life */

/* Everything needed is open; the parent may call the daemon started. */
void role_ready(struct role_env *env);
/* Run the loop until drained, stopped or orphaned; returns exit status. */
int role_run(struct role_env *env);
/* End role_run() with this status after the current callback. */
void role_stop(struct role_env *env, int status);
/* Queue only: all roles are to drain and be started again. */
void role_restart_all(struct role_env *env);
/* The drain is complete. */
void role_drained(struct role_env *env);
/*
 * Queue only: that peer broke the rules, or does not read or answer.  It is
 * killed and started again, with the parent's back-off.
 */
void role_peer_broken(struct role_env *env, enum role_kind kind,
    unsigned index);
/*
 * The role cannot work with this configuration or store: the parent repeats
 * e to whoever started it.  Returns STATUS_CONFIG, for `return`.
 */
int role_refuse(struct role_env *env, const struct err *e);

/* ---- the roles, called by main.c and by nobody else */
int role_queue(struct role_env *env);
int role_deliver(struct role_env *env);
int role_inbound(struct role_env *env);

#endif
