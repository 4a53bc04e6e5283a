/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox.c - keep a process to the paths it named, by Landlock.
 *
 * System calls by number and constants of our own: Debian 12's headers know
 * the first two versions of Landlock, kernels in use know more.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/err.h"
#include "lib/strbuf.h"
#include "lib/sys/sandbox.h"

/* The same on every architecture. */
#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset	444
#define SYS_landlock_add_rule		445
#define SYS_landlock_restrict_self	446
#endif

#define RULE_PATH_BENEATH	1
#define CREATE_VERSION		(1u << 0)

#define FS_EXECUTE		(UINT64_C(1) << 0)
#define FS_WRITE_FILE		(UINT64_C(1) << 1)
#define FS_READ_FILE		(UINT64_C(1) << 2)
#define FS_READ_DIR		(UINT64_C(1) << 3)
#define FS_REMOVE_DIR		(UINT64_C(1) << 4)
#define FS_REMOVE_FILE		(UINT64_C(1) << 5)
#define FS_MAKE_CHAR		(UINT64_C(1) << 6)
#define FS_MAKE_DIR		(UINT64_C(1) << 7)
#define FS_MAKE_REG		(UINT64_C(1) << 8)
#define FS_MAKE_SOCK		(UINT64_C(1) << 9)
#define FS_MAKE_FIFO		(UINT64_C(1) << 10)
#define FS_MAKE_BLOCK		(UINT64_C(1) << 11)
#define FS_MAKE_SYM		(UINT64_C(1) << 12)
#define FS_REFER		(UINT64_C(1) << 13)	/* version 2 */
#define FS_TRUNCATE		(UINT64_C(1) << 14)	/* version 3 */
#define FS_IOCTL_DEV		(UINT64_C(1) << 15)	/* version 5 */
#define FS_VERSION_1		((UINT64_C(1) << 13) - 1)

#define NET_BIND_TCP		(UINT64_C(1) << 0)	/* version 4 */
#define NET_CONNECT_TCP		(UINT64_C(1) << 1)
#define SCOPE_ABSTRACT_SOCKET	(UINT64_C(1) << 0)	/* version 6 */
#define SCOPE_SIGNAL		(UINT64_C(1) << 1)

#define READ_RIGHTS	(FS_READ_FILE | FS_READ_DIR)
#define WRITE_RIGHTS	(READ_RIGHTS | FS_WRITE_FILE | FS_REMOVE_DIR | \
    FS_REMOVE_FILE | FS_MAKE_DIR | FS_MAKE_REG | FS_REFER | FS_TRUNCATE)
#define UPDATE_RIGHTS	(FS_READ_FILE | FS_WRITE_FILE | FS_TRUNCATE)
/* Those that mean something on a file that is no folder. */
#define FILE_RIGHTS	(FS_EXECUTE | FS_WRITE_FILE | FS_READ_FILE | \
    FS_TRUNCATE | FS_IOCTL_DEV)

struct ruleset_attr {
	uint64_t	fs;
	uint64_t	net;		/* version 4 */
	uint64_t	scoped;		/* version 6 */
};

struct path_attr {
	uint64_t	allowed;
	int32_t		fd;
} __attribute__((packed));

int
sandbox_version(void)
{
	long v = syscall(SYS_landlock_create_ruleset, NULL, 0, CREATE_VERSION);

	return v > 0 ? (int)v : 0;
}

static void
phrase(struct strbuf *missing, const char *text)
{
	strbuf_addf(missing, "%s%s", missing->len != 0 ? "; " : "", text);
}

/* What to ask of this version; what it lacks goes to missing. */
static struct ruleset_attr
ask(int version, bool tcp, struct strbuf *missing)
{
	struct ruleset_attr a = { .fs = FS_VERSION_1 };

	if (version >= 2)
		a.fs |= FS_REFER;
	else
		phrase(missing, "renames between folders fail");
	if (version >= 3)
		a.fs |= FS_TRUNCATE;
	else
		phrase(missing, "files outside may be truncated");
	if (version >= 4 && !tcp)
		a.net = NET_BIND_TCP | NET_CONNECT_TCP;
	else if (!tcp)
		phrase(missing, "TCP may be used");
	if (version >= 5)
		a.fs |= FS_IOCTL_DEV;
	if (version >= 6)
		a.scoped = SCOPE_ABSTRACT_SOCKET | SCOPE_SIGNAL;
	else
		phrase(missing, "signals may be sent to the same user");
	return a;
}

static uint64_t
rights_of(enum sandbox_access access)
{
	switch (access) {
	case SANDBOX_READ:
		return READ_RIGHTS;
	case SANDBOX_WRITE:
		return WRITE_RIGHTS;
	case SANDBOX_UPDATE:
		return UPDATE_RIGHTS;
	}
	return 0;
}

static int
allow(int ruleset, const struct sandbox_path *p, uint64_t handled,
    struct err *e)
{
	struct path_attr a = { .allowed = rights_of(p->access) & handled };
	struct stat st;
	int ret = -1;

	a.fd = open(p->path, O_PATH | O_CLOEXEC);
	if (a.fd == -1 || fstat(a.fd, &st) == -1) {
		err_sys(e, "sandbox: %s", p->path);
		goto out;
	}
	if (!S_ISDIR(st.st_mode))
		a.allowed &= FILE_RIGHTS;
	if (syscall(SYS_landlock_add_rule, ruleset, RULE_PATH_BENEATH, &a,
	    0) == -1) {
		err_sys(e, "sandbox: %s: landlock_add_rule", p->path);
		goto out;
	}
	ret = 0;
out:
	if (a.fd != -1)
		close(a.fd);
	return ret;
}

int
sandbox_enter(const struct sandbox_path *paths, size_t n, bool tcp,
    struct strbuf *missing, struct err *e)
{
	int version = sandbox_version(), ruleset = -1, ret = -1;
	struct ruleset_attr a;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1) {
		err_sys(e, "no_new_privs");
		return -1;
	}
	if (version == 0) {
		phrase(missing, "the kernel has no Landlock: "
		    "every path of the user may be opened");
		return 0;
	}
	a = ask(version, tcp, missing);
	ruleset = (int)syscall(SYS_landlock_create_ruleset, &a, sizeof(a), 0);
	if (ruleset == -1) {
		err_sys(e, "landlock_create_ruleset");
		goto out;
	}
	for (size_t i = 0; i < n; i++)
		if (allow(ruleset, &paths[i], a.fs, e) == -1)
			goto out;
	if (syscall(SYS_landlock_restrict_self, ruleset, 0) == -1) {
		err_sys(e, "landlock_restrict_self");
		goto out;
	}
	ret = 0;
out:
	if (ruleset != -1)
		close(ruleset);
	return ret;
}
