/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_log.c - no value forges a line, addresses are shortened, nothing
 * blocks, and what was dropped is said.
 */
#include "config.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/err.h"
#include "lib/sys/log.h"

#define LEN(a)	(sizeof(a) / sizeof((a)[0]))

/* A log daemon of our own. */
static char dir[] = "/tmp/listd-log-XXXXXX";
static char path[64];
static int daemon_fd = -1;

static void
daemon_start(void)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };

	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", path);
	daemon_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	assert_int_not_equal(daemon_fd, -1);
	assert_int_equal(bind(daemon_fd, (struct sockaddr *)&sa, sizeof(sa)),
	    0);
}

static void
daemon_stop(void)
{
	close(daemon_fd);
	daemon_fd = -1;
	unlink(path);
}

static void
open_log(enum log_level level, enum log_addresses addresses)
{
	struct log_params p = {
		.name = "queue", .facility = LOG_MAIL, .socket = path,
		.level = level, .addresses = addresses,
	};

	log_close();
	log_open(&p);
}

/* The text of the next line, or "" when there is none. */
static const char *
next_line(void)
{
	static char line[8192];
	char *text;
	ssize_t n = recv(daemon_fd, line, sizeof(line) - 1, 0);

	if (n <= 0)
		return "";
	line[n] = '\0';
	assert_non_null(text = strstr(line, "]: "));
	return text + 3;
}

static int
setup(void **state)
{
	(void)state;
	daemon_start();
	open_log(LEVEL_INFO, ADDRESSES_SHORT);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	log_close();
	daemon_stop();
	return 0;
}

static const struct {
	const char *why, *value, *written;
} values[] = {
	{ "plain", "mx1.example.org[192.0.2.1]:25",
	    "mx1.example.org[192.0.2.1]:25" },
	{ "empty", "", "\"\"" },
	{ "none", NULL, "\"\"" },
	{ "blank", "mailbox full", "\"mailbox full\"" },
	{ "a pair of its own", "x status=delivered",
	    "\"x status=delivered\"" },
	{ "an = alone", "a=b", "\"a=b\"" },
	{ "quotes and backslash", "a\"b\\c", "\"a\\\"b\\\\c\"" },
	{ "a forged line", "x\r\nevent=start", "\"x\\x0d\\x0aevent=start\"" },
	{ "escape sequence", "\033[2J", "\"\\x1b[2J\"" },
	{ "delete", "a\177", "\"a\\x7f\"" },
	{ "UTF-8 stays", "gr\xc3\xbc\xc3\x9f", "\"gr\xc3\xbc\xc3\x9f\"" },
	{ "Latin-1 does not", "gr\xfc", "\"gr\\xfc\"" },
	{ "a cut character", "\xe2\x82", "\"\\xe2\\x82\"" },
	{ "overlong", "\xc0\xaf\xe0\x80\xaf",
	    "\"\\xc0\\xaf\\xe0\\x80\\xaf\"" },
	{ "surrogate", "\xed\xa0\x80", "\"\\xed\\xa0\\x80\"" },
	{ "past U+10FFFF", "\xf4\x90\x80\x80", "\"\\xf4\\x90\\x80\\x80\"" },
	{ "C1 control", "\xc2\x9b", "\"\\xc2\\x9b\"" },
	{ "line separator", "\xe2\x80\xa8", "\"\\xe2\\x80\\xa8\"" },
	{ "right to left", "\xe2\x80\xae", "\"\\xe2\\x80\\xae\"" },
	{ "four octets", "\xf0\x9f\x93\xac", "\"\xf0\x9f\x93\xac\"" },
};

static void
values_are_quoted(void **state)
{
	struct log_line l;
	char want[256];

	(void)state;
	for (size_t i = 0; i < LEN(values); i++) {
		log_begin(&l, LEVEL_INFO, "test");
		log_str(&l, "v", values[i].value);
		log_int(&l, "n", -5);
		log_end(&l);
		snprintf(want, sizeof(want), "event=test v=%s n=-5",
		    values[i].written);
		if (strcmp(next_line(), want) != 0)
			fail_msg("%s", values[i].why);
	}
}

static void
a_nul_is_escaped(void **state)
{
	struct log_line l;

	(void)state;
	log_begin(&l, LEVEL_INFO, "test");
	log_bytes(&l, "v", "a\0b", 3);
	log_end(&l);
	assert_string_equal(next_line(), "event=test v=\"a\\x00b\"");
}

static void
numbers_have_their_forms(void **state)
{
	static const struct {
		int64_t ms;
		const char *written;
	} rows[] = {
		{ 0, "0.0" }, { 99, "0.0" }, { 5100, "5.1" },
		{ 61999, "61.9" }, { -50, "0.0" }, { -1500, "-1.4" },
		{ INT64_MIN, "-9223372036854775.8" },
	};
	struct log_line l;
	char want[64];

	(void)state;
	for (size_t i = 0; i < LEN(rows); i++) {
		log_begin(&l, LEVEL_INFO, "t");
		log_seconds(&l, "d", rows[i].ms);
		log_end(&l);
		snprintf(want, sizeof(want), "event=t d=%s", rows[i].written);
		assert_string_equal(next_line(), want);
	}
	log_begin(&l, LEVEL_INFO, "t");
	log_hex(&l, "campaign", 0x1f);
	log_hex(&l, "big", UINT64_MAX);
	log_end(&l);
	assert_string_equal(next_line(),
	    "event=t campaign=1f big=ffffffffffffffff");
}

static const struct {
	const char *address, *full, *shortened;
} addresses[] = {
	{ "alice@example.org", "alice@example.org", "a...@example.org" },
	{ "\"a b\"@example.org", "\"\\\"a b\\\"@example.org\"",
	    "\"\\\"...@example.org\"" },
	{ "@example.org", "@example.org", "...@example.org" },
	{ "alice", "alice", "a..." },
	{ "\xc3\xa9va@example.org", "\"\xc3\xa9va@example.org\"",
	    "...@example.org" },
	{ "", "\"\"", "..." },
};

static void
addresses_follow_the_setting(void **state)
{
	static const enum log_addresses how[] = {
		ADDRESSES_FULL, ADDRESSES_SHORT, ADDRESSES_NONE,
	};
	struct log_line l;
	char want[256];

	(void)state;
	for (size_t k = 0; k < LEN(how); k++) {
		open_log(LEVEL_INFO, how[k]);
		for (size_t i = 0; i < LEN(addresses); i++) {
			log_begin(&l, LEVEL_INFO, "t");
			log_address(&l, "to", addresses[i].address);
			log_end(&l);
			snprintf(want, sizeof(want), "event=t to=%s",
			    how[k] == ADDRESSES_FULL ? addresses[i].full :
			    how[k] == ADDRESSES_SHORT ?
			    addresses[i].shortened : "...@...");
			assert_string_equal(next_line(), want);
		}
	}
}

static void
levels_are_kept(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	open_log(LEVEL_WARNING, ADDRESSES_SHORT);
	log_text(LEVEL_NOTICE, "x", "not written");
	assert_string_equal(next_line(), "");
	assert_false(log_enabled(LEVEL_NOTICE));
	err_set(&e, ERR_STORE, "no %s", "room");
	log_failure(LEVEL_WARNING, "save", &e);
	assert_string_equal(next_line(),
	    "event=save error=store reason=\"no room\"");
	log_text(LEVEL_ERROR, "x", "%d left", 3);
	assert_string_equal(next_line(), "event=x text=\"3 left\"");
}

static void
long_lines_are_cut(void **state)
{
	static char big[2 * LOG_LINE_MAX];
	const char *line;
	struct log_line l;

	(void)state;
	for (int quoted = 0; quoted < 2; quoted++) {
		memset(big, quoted ? ' ' : 'x', sizeof(big) - 1);
		log_begin(&l, LEVEL_INFO, "t");
		log_str(&l, "v", big);
		log_str(&l, "lost", "1");
		log_end(&l);
		line = next_line();
		assert_true(strlen(line) <= LOG_LINE_MAX);
		assert_true(strlen(line) > LOG_LINE_MAX - 64);
		assert_string_equal(line + strlen(line) - 5, "\" ...");
		assert_null(strstr(line, "lost"));
	}
}

/* F40: a log daemon that stopped reading must not stop the mail. */
static void
a_full_socket_drops_and_counts(void **state)
{
	uint64_t before = log_dropped();
	char want[64];
	int lines = 0;

	(void)state;
	while (log_dropped() - before < 10 && lines++ < 100000)
		log_text(LEVEL_INFO, "fill", "line");
	assert_int_equal(log_dropped() - before, 10);
	while (*next_line() != '\0')
		;
	log_text(LEVEL_INFO, "after", "room again");
	snprintf(want, sizeof(want), "event=log_dropped count=10");
	assert_string_equal(next_line(), want);
	assert_string_equal(next_line(), "event=after text=\"room again\"");
}

/* The log daemon is started again: its socket is another one. */
static void
a_new_log_daemon_is_found(void **state)
{
	(void)state;
	log_text(LEVEL_INFO, "one", "x");
	assert_string_equal(next_line(), "event=one text=x");
	daemon_stop();
	log_text(LEVEL_INFO, "lost", "x");
	daemon_start();
	usleep(1100 * 1000);
	log_text(LEVEL_INFO, "two", "x");
	assert_string_equal(next_line(), "event=log_dropped count=1");
	assert_string_equal(next_line(), "event=two text=x");
}

/* Standard error as a pipe nobody reads, and as a socket. */
static void
standard_error_never_blocks(void **state)
{
	struct log_params p = {
		.name = "web", .to_stderr = true, .level = LEVEL_INFO,
	};
	int saved = dup(STDERR_FILENO), fds[2], flags;
	char buf[256];

	(void)state;
	for (int kind = 0; kind < 2; kind++) {
		uint64_t before = log_dropped();
		int lines = 0;

		if (kind == 0)
			assert_int_equal(pipe(fds), 0);
		else
			assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0,
			    fds), 0);
		dup2(fds[1], STDERR_FILENO);
		log_close();
		log_open(&p);
		flags = fcntl(STDERR_FILENO, F_GETFL);
		alarm(20);	/* a log that blocks ends the test */
		while (log_dropped() == before && lines++ < 100000)
			log_text(LEVEL_INFO, "fill", "line");
		alarm(0);
		dup2(saved, STDERR_FILENO);
		assert_true(log_dropped() > before);
		assert_true(lines > 10);
		/* It belongs to others too. */
		assert_int_equal(flags & O_NONBLOCK, 0);
		assert_true(read(fds[0], buf, sizeof(buf)) > 60);
		assert_memory_equal(buf + 23, "Z web[", 6);
		assert_non_null(strstr(buf, "] info event="));
		close(fds[0]);
		close(fds[1]);
	}
	close(saved);
}

/* As with `listd -f 2>log`: what is printed and what is logged both stay. */
static void
a_file_keeps_every_line(void **state)
{
	struct log_params p = { .name = "q", .to_stderr = true,
	    .level = LEVEL_INFO };
	int saved = dup(STDERR_FILENO), fd;
	char file[80], buf[1024];
	ssize_t n;

	(void)state;
	snprintf(file, sizeof(file), "%s/file", dir);
	fd = open(file, O_RDWR | O_CREAT | O_TRUNC, 0600);
	assert_int_not_equal(fd, -1);
	dup2(fd, STDERR_FILENO);
	log_close();
	log_open(&p);
	log_text(LEVEL_INFO, "first", "%s", "x");
	fputs("printed\n", stderr);
	log_text(LEVEL_INFO, "last", "%s", "y");
	log_close();
	dup2(saved, STDERR_FILENO);
	close(saved);
	n = pread(fd, buf, sizeof(buf) - 1, 0);
	close(fd);
	unlink(file);
	assert_true(n > 0);
	buf[n] = '\0';
	assert_non_null(strstr(buf, "event=first text=x\nprinted\n"));
	assert_non_null(strstr(buf, "event=last text=y\n"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(values_are_quoted, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(a_nul_is_escaped, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(numbers_have_their_forms,
		    setup, teardown),
		cmocka_unit_test_setup_teardown(addresses_follow_the_setting,
		    setup, teardown),
		cmocka_unit_test_setup_teardown(levels_are_kept, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(long_lines_are_cut, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(a_full_socket_drops_and_counts,
		    setup, teardown),
		cmocka_unit_test_setup_teardown(a_new_log_daemon_is_found,
		    setup, teardown),
		cmocka_unit_test_setup_teardown(standard_error_never_blocks,
		    setup, teardown),
		cmocka_unit_test_setup_teardown(a_file_keeps_every_line,
		    setup, teardown),
	};
	int rc;

	signal(SIGPIPE, SIG_IGN);
	if (mkdtemp(dir) == NULL)
		return 1;
	snprintf(path, sizeof(path), "%s/log", dir);
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	rmdir(dir);
	return rc;
}
