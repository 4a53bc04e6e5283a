/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox.h - keep a process to the paths it named, by Landlock.
 *
 * Works for any user, and is the only fence between roles when the daemon was
 * not started as root.  The kernel is asked what it can do, so an old one
 * fences less, and says so in words.
 */
#ifndef LIB_SYS_SANDBOX_H
#define LIB_SYS_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>

struct err;
struct strbuf;

enum sandbox_access {
	SANDBOX_READ = 1,	/* open and read, list folders */
	SANDBOX_WRITE,		/* also create, write, rename, remove */
	SANDBOX_UPDATE,		/* one file: read and write what is there */
};

struct sandbox_path {
	const char		*path;
	enum sandbox_access	 access;
};

/*
 * From here on this process (and what it starts) opens nothing but what lies
 * beneath paths[n], executes nothing, reaches no other process by a signal or
 * an abstract socket, and, unless tcp, binds and connects no TCP socket.
 * Descriptors that are open already stay usable.  Sets no_new_privs.
 *
 * missing	appended to: what this kernel does not enforce, as "; "-joined
 *		phrases; stays as it is when everything is
 *
 * 0, or -1 with e set: a path that does not exist, or a refusal by a kernel
 * that claims it can.  A kernel without Landlock is 0 and a phrase.
 */
int sandbox_enter(const struct sandbox_path *paths, size_t n, bool tcp,
    struct strbuf *missing, struct err *e);

/* The kernel's Landlock version, 0 without; for tests and `doctor`. */
int sandbox_version(void);

#endif
