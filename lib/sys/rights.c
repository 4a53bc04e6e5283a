/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rights.c - give up the rights of root, and limits of a process.
 */
#include "config.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "lib/err.h"
#include "lib/sys/rights.h"

int
rights_lookup(const char *user, const char *group, struct rights *rights_r,
    struct err *e)
{
	struct passwd *pw;
	struct group *gr;

	errno = 0;
	if ((pw = getpwnam(user)) == NULL) {
		err_set(e, ERR_NOTFOUND, "there is no user %s", user);
		return -1;
	}
	if (pw->pw_uid == 0) {
		err_set(e, ERR_REFUSED, "user %s is root", user);
		return -1;
	}
	*rights_r = (struct rights){ .uid = pw->pw_uid,
	    .own_gid = pw->pw_gid };
	if ((gr = getgrnam(group)) == NULL) {
		err_set(e, ERR_NOTFOUND, "there is no group %s", group);
		return -1;
	}
	rights_r->gid = gr->gr_gid;
	return 0;
}

static int
verify(const struct rights *rights, struct err *e)
{
	uid_t ru, eu, su;
	gid_t rg, eg, sg;

	if (getresuid(&ru, &eu, &su) == -1 || ru != rights->uid ||
	    eu != rights->uid || su != rights->uid ||
	    getresgid(&rg, &eg, &sg) == -1 || rg != rights->gid ||
	    eg != rights->gid || sg != rights->gid ||
	    getgroups(0, NULL) != (int)rights->ngroups) {
		err_set(e, ERR_SYSTEM, "rights: not dropped");
		return -1;
	}
	if (setuid(0) != -1 || setgid(0) != -1 || seteuid(0) != -1) {
		err_set(e, ERR_SYSTEM, "rights: root could be taken back");
		return -1;
	}
	return 0;
}

int
rights_drop(const struct rights *rights, struct err *e)
{
	if (rights->uid == 0 || rights->gid == 0) {
		err_set(e, ERR_REFUSED, "rights: root is no role's user");
		return -1;
	}
	if (setgroups(rights->ngroups, rights->groups) == -1) {
		err_sys(e, "setgroups");
		return -1;
	}
	if (setresgid(rights->gid, rights->gid, rights->gid) == -1) {
		err_sys(e, "setresgid");
		return -1;
	}
	if (setresuid(rights->uid, rights->uid, rights->uid) == -1) {
		err_sys(e, "setresuid");
		return -1;
	}
	return verify(rights, e);
}

int
rights_limit(struct err *e)
{
	struct rlimit none = { 0, 0 };

	if (setrlimit(RLIMIT_CORE, &none) == -1) {
		err_sys(e, "RLIMIT_CORE");
		return -1;
	}
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1) {
		err_sys(e, "no_new_privs");
		return -1;
	}
	return 0;
}

size_t
rights_raise_nofile(void)
{
	struct rlimit rl;

	if (getrlimit(RLIMIT_NOFILE, &rl) == -1)
		return 0;
	rl.rlim_cur = rl.rlim_max;
	setrlimit(RLIMIT_NOFILE, &rl);
	return rl.rlim_max;
}
