/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_rights.c - files are opened without being led astray (X11), the
 * sandbox closes every path that was not named, and root is given up for good
 * (X42).  What needs root is tried when run as root.
 */
#include "config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/err.h"
#include "lib/strbuf.h"
#include "lib/sys/file.h"
#include "lib/sys/rights.h"
#include "lib/sys/sandbox.h"

#define NOBODY	65534

static char dir[] = "/tmp/listd-rights-XXXXXX";
static int dirfd_ = -1;

static void
put_file(const char *name, const char *text)
{
	int fd = openat(dirfd_, name, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	assert_int_not_equal(fd, -1);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

/* ---- files */

static void
links_and_odd_files_are_refused(void **state)
{
	static const struct {
		const char *name;
		enum err_code code;
		const char *text;
	} rows[] = {
		{ "missing", ERR_NOTFOUND,
		    "missing: No such file or directory" },
		{ "symlink", ERR_REFUSED, "symlink: is a symbolic link" },
		{ "hardlink", ERR_REFUSED, "hardlink: has more than one name" },
		{ "fifo", ERR_REFUSED, "fifo: is not a regular file" },
		{ "folder", ERR_REFUSED, "folder: is not a regular file" },
	};
	struct err e = ERR_INIT;
	int fd;

	(void)state;
	put_file("plain", "text");
	assert_int_equal(symlinkat("plain", dirfd_, "symlink"), 0);
	put_file("other", "text");
	assert_int_equal(linkat(dirfd_, "other", dirfd_, "hardlink", 0), 0);
	assert_int_equal(mkfifoat(dirfd_, "fifo", 0600), 0);
	assert_int_equal(mkdirat(dirfd_, "folder", 0700), 0);
	fd = file_open(dirfd_, "plain", O_RDONLY, 0, &e);
	assert_int_not_equal(fd, -1);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	close(fd);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(file_open(dirfd_, rows[i].name, O_RDONLY, 0,
		    &e), -1);
		assert_int_equal(e.code, rows[i].code);
		assert_string_equal(e.text, rows[i].text);
	}
	assert_int_equal(file_open(dirfd_, "plain", O_WRONLY | O_CREAT |
	    O_EXCL, 0600, &e), -1);
	assert_int_equal(e.code, ERR_EXISTS);
}

static void
the_umask_changes_no_mode(void **state)
{
	mode_t old = umask(077);
	struct err e = ERR_INIT;
	struct stat st;
	int fd;

	(void)state;
	fd = file_open(dirfd_, "made", O_WRONLY | O_CREAT, 0640, &e);
	assert_int_not_equal(fd, -1);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	close(fd);
	fd = file_make_dir(dirfd_, "made-dir", 0750, (uid_t)-1, (gid_t)-1, &e);
	umask(old);
	assert_int_not_equal(fd, -1);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0750);
	close(fd);
}

static void
modes_are_checked(void **state)
{
	struct err e = ERR_INIT;
	int fd;

	(void)state;
	put_file("secret", "x");
	assert_int_equal(fchmodat(dirfd_, "secret", 0640, 0), 0);
	fd = file_open(dirfd_, "secret", O_RDONLY, 0, &e);
	assert_int_equal(file_check_mode(fd, "secrets/secret", 0077, &e), -1);
	assert_string_equal(e.text,
	    "secrets/secret: mode 0640 is wider than 0600");
	assert_int_equal(file_check_mode(fd, "secret", 0007, &e), 0);
	close(fd);
}

static void
files_are_replaced_whole(void **state)
{
	struct strbuf b = STRBUF_INIT(16);
	struct err e = ERR_INIT;
	struct stat st;
	int fd;

	(void)state;
	put_file("data.new", "left by an earlier try");
	assert_int_equal(file_replace(dirfd_, "data", "one", 3, 0600, &e), 0);
	assert_int_equal(file_replace(dirfd_, "data", "second", 6, 0600, &e),
	    0);
	fd = file_open(dirfd_, "data", O_RDONLY, 0, &e);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(file_read(fd, "data", &b, &e), 0);
	assert_string_equal(b.s, "second");
	strbuf_reset(&b);
	assert_int_equal(file_replace(dirfd_, "data", "12345678901234567", 17,
	    0600, &e), 0);
	close(fd);
	fd = file_open(dirfd_, "data", O_RDONLY, 0, &e);
	assert_int_equal(file_read(fd, "data", &b, &e), -1);
	assert_string_equal(e.text, "data: longer than 16 octets");
	close(fd);
	assert_int_equal(faccessat(dirfd_, "data.new", F_OK, 0), -1);
	strbuf_free(&b);
}

static void
folders_must_be_ours(void **state)
{
	struct err e = ERR_INIT;
	struct stat st;
	int fd;

	(void)state;
	put_file("file", "");
	assert_int_equal(file_make_dir(dirfd_, "file", 0700, (uid_t)-1,
	    (gid_t)-1, &e), -1);
	assert_string_equal(e.text, "file: is not a folder");
	assert_int_equal(symlinkat("/tmp", dirfd_, "away"), 0);
	assert_int_equal(file_make_dir(dirfd_, "away", 0700, (uid_t)-1,
	    (gid_t)-1, &e), -1);
	assert_int_equal(mkdirat(dirfd_, "theirs", 0777), 0);
	assert_int_equal(file_make_dir(dirfd_, "theirs", 0700, getuid() + 1,
	    (gid_t)-1, &e), -1);
	assert_int_equal(e.code, ERR_REFUSED);
	fd = file_make_dir(dirfd_, "theirs", 0700, getuid(), getgid(), &e);
	assert_int_not_equal(fd, -1);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	close(fd);
	if (getuid() != 0)
		return;
	fd = file_make_dir(dirfd_, "given", 0770, NOBODY, NOBODY, &e);
	assert_int_not_equal(fd, -1);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_uid, NOBODY);
	assert_int_equal(st.st_gid, NOBODY);
	assert_int_equal(st.st_mode & 07777, 0770);
	close(fd);
}

/* ---- processes: each case runs in a child and exits 0, or with its line */

#define MUST(c)	do { if (!(c)) _exit(__LINE__ % 250 + 1); } while (0)

static void
in_child(void (*body)(void))
{
	pid_t pid = fork();
	int status;

	assert_int_not_equal(pid, -1);
	if (pid == 0) {
		alarm(20);
		body();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		fail_msg("child: status %#x, line %% 250 = %d", status,
		    WEXITSTATUS(status) - 1);
}

static bool
opens(const char *name, int flags)
{
	int fd = openat(AT_FDCWD, name, flags | O_CLOEXEC, 0600);

	if (fd != -1)
		close(fd);
	return fd != -1;
}

static bool
connects(void)
{
	struct sockaddr_in sa = { .sin_family = AF_INET,
	    .sin_port = htons(1) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	bool tried;

	sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	/* Nobody listens there, but it is the network that says so. */
	tried = connect(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0 ||
	    errno == ECONNREFUSED;
	close(fd);
	return tried;
}

static void
sandboxed(void)
{
	struct sandbox_path paths[] = {
		{ "read", SANDBOX_READ }, { "write", SANDBOX_WRITE },
		{ "update/lock", SANDBOX_UPDATE },
	};
	struct strbuf missing = STRBUF_INIT(1024);
	struct err e = ERR_INIT;
	pid_t parent = getppid();
	int before;

	MUST(fchdir(dirfd_) == 0);
	before = open("closed/file", O_RDONLY);
	MUST(before != -1);
	MUST(sandbox_enter(paths, 3, false, &missing, &e) == 0);
	MUST(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
	MUST(opens("read/file", O_RDONLY));
	MUST(!opens("read/file", O_RDWR));
	MUST(!opens("read/new", O_WRONLY | O_CREAT));
	MUST(opens("write/new", O_WRONLY | O_CREAT));
	MUST(renameat(AT_FDCWD, "write/new", AT_FDCWD, "write/newer") == 0);
	MUST(unlink("write/newer") == 0);
	MUST(opens("update/lock", O_RDWR));
	MUST(!opens("update/other", O_RDONLY));
	MUST(!opens("closed/file", O_RDONLY));
	MUST(!opens("/etc/passwd", O_RDONLY));
	MUST(execl("/bin/true", "true", NULL) == -1);
	/* What was open stays open. */
	MUST(read(before, &(char){ 0 }, 1) == 1);
	if (sandbox_version() >= 4)
		MUST(!connects());
	if (sandbox_version() >= 6)
		MUST(kill(parent, 0) == -1 && errno == EPERM);
	MUST((missing.len == 0) == (sandbox_version() >= 6));
}

static void
sandboxed_with_tcp(void)
{
	struct strbuf missing = STRBUF_INIT(1024);
	struct err e = ERR_INIT;

	MUST(sandbox_enter(NULL, 0, true, &missing, &e) == 0);
	MUST(connects());
	MUST(!opens("/etc/passwd", O_RDONLY));
}

static void
sandbox_of_nothing(void)
{
	struct sandbox_path path = { "/no/such/path", SANDBOX_READ };
	struct strbuf missing = STRBUF_INIT(1024);
	struct err e = ERR_INIT;

	MUST(sandbox_enter(&path, 1, false, &missing, &e) == -1);
	MUST(strstr(e.text, "/no/such/path") != NULL);
}

static void
the_sandbox_holds(void **state)
{
	(void)state;
	assert_int_equal(mkdirat(dirfd_, "read", 0755), 0);
	assert_int_equal(mkdirat(dirfd_, "write", 0755), 0);
	assert_int_equal(mkdirat(dirfd_, "update", 0755), 0);
	assert_int_equal(mkdirat(dirfd_, "closed", 0755), 0);
	put_file("read/file", "x");
	put_file("update/lock", "x");
	put_file("update/other", "x");
	put_file("closed/file", "x");
	if (sandbox_version() == 0) {
		print_message("no Landlock here\n");
		return;
	}
	in_child(sandboxed);
	in_child(sandboxed_with_tcp);
	in_child(sandbox_of_nothing);
}

static void
limited(void)
{
	struct err e = ERR_INIT;
	struct rlimit rl;

	MUST(rights_limit(&e) == 0);
	MUST(getrlimit(RLIMIT_CORE, &rl) == 0);
	MUST(rl.rlim_cur == 0 && rl.rlim_max == 0);
	MUST(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
	rl = (struct rlimit){ 10, 20 };
	MUST(setrlimit(RLIMIT_NOFILE, &rl) == 0);
	MUST(rights_raise_nofile() == 20);
	MUST(getrlimit(RLIMIT_NOFILE, &rl) == 0 && rl.rlim_cur == 20);
}

static void
dropped(void)
{
	struct rights r = { .uid = NOBODY, .gid = NOBODY, .ngroups = 1,
	    .groups = { 1 } };
	struct err e = ERR_INIT;
	gid_t groups[4];

	MUST(rights_drop(&r, &e) == 0);
	MUST(getuid() == NOBODY && geteuid() == NOBODY);
	MUST(getgroups(4, groups) == 1 && groups[0] == 1);
	MUST(setuid(0) == -1);
}

static void
not_dropped(void)
{
	struct rights root = { .uid = 0, .gid = NOBODY };
	struct rights r = { .uid = NOBODY, .gid = NOBODY };
	struct err e = ERR_INIT;

	MUST(rights_drop(&root, &e) == -1 && e.code == ERR_REFUSED);
	if (getuid() == 0)
		MUST(setresuid(1, 1, 1) == 0);
	MUST(rights_drop(&r, &e) == -1 && e.code == ERR_SYSTEM);
}

static void
rights_are_given_up_for_good(void **state)
{
	(void)state;
	in_child(limited);
	in_child(not_dropped);
	if (getuid() == 0)
		in_child(dropped);
}

static void
users_are_looked_up(void **state)
{
	struct err e = ERR_INIT;
	struct rights r;

	(void)state;
	assert_int_equal(rights_lookup("nobody", "nogroup", &r, &e), 0);
	assert_int_equal(r.uid, NOBODY);
	assert_int_equal(r.ngroups, 0);
	assert_int_equal(rights_lookup("no-such-user", "nogroup", &r, &e), -1);
	assert_string_equal(e.text, "there is no user no-such-user");
	assert_int_equal(rights_lookup("nobody", "no-such-group", &r, &e), -1);
	assert_string_equal(e.text, "there is no group no-such-group");
	assert_int_equal(rights_lookup("root", "nogroup", &r, &e), -1);
	assert_string_equal(e.text, "user root is root");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(links_and_odd_files_are_refused),
		cmocka_unit_test(the_umask_changes_no_mode),
		cmocka_unit_test(modes_are_checked),
		cmocka_unit_test(files_are_replaced_whole),
		cmocka_unit_test(folders_must_be_ours),
		cmocka_unit_test(the_sandbox_holds),
		cmocka_unit_test(rights_are_given_up_for_good),
		cmocka_unit_test(users_are_looked_up),
	};
	char command[64];
	int rc;

	if (mkdtemp(dir) == NULL ||
	    (dirfd_ = open(dir, O_RDONLY | O_DIRECTORY)) == -1)
		return 1;
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command) != 0 ? 1 : rc;
}
