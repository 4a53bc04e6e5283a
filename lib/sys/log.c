/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log.c - one line per event, for people and for grep.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "lib/err.h"
#include "lib/sys/log.h"
#include "lib/utf8.h"

#define LOG_SOCKET	"/dev/log"
#define LOG_TAIL	8		/* octets kept for: quote, " ..." */
#define LOG_TEXT_MAX	1024		/* octets of formatted text */
#define RECONNECT_S	1		/* between looks for a log daemon */

/* The log of this process. */
static struct {
	char		name[32];
	bool		to_stderr;
	bool		stream;		/* standard error is a socket */
	int		fd;		/* -1: none yet, or none at all */
	int		facility;
	char		socket[sizeof(((struct sockaddr_un *)0)->sun_path)];
	enum log_level	level;
	enum log_addresses addresses;
	uint64_t	dropped;	/* ever */
	uint64_t	unreported;	/* of those */
	time_t		connected;	/* last try, monotonic */
	bool		broken;		/* a line left half of itself behind */
} lg = {
	.name = "listd", .to_stderr = true, .fd = -1, .facility = LOG_MAIL,
	.socket = LOG_SOCKET, .level = LEVEL_NOTICE,
	.addresses = ADDRESSES_SHORT,
};

static const struct {
	const char	*name;
	int		 priority;
} levels[] = {
	[LEVEL_ERROR] = { "error", LOG_ERR },
	[LEVEL_WARNING] = { "warning", LOG_WARNING },
	[LEVEL_NOTICE] = { "notice", LOG_NOTICE },
	[LEVEL_INFO] = { "info", LOG_INFO },
	[LEVEL_DEBUG] = { "debug", LOG_DEBUG },
};

/* ---- where lines go */

/*
 * Standard error belongs to whoever started us, so O_NONBLOCK must not be set
 * on it.  A pipe or terminal is opened a second time for that; a socket takes
 * MSG_DONTWAIT.  A file does not block, and opened again it would have another
 * offset than the file of `2>log`, so that lines overwrite what others print.
 */
static void
open_stderr(void)
{
	struct stat st;
	bool known = fstat(STDERR_FILENO, &st) == 0;

	lg.stream = known && S_ISSOCK(st.st_mode);
	if (!lg.stream && !(known && S_ISREG(st.st_mode)))
		lg.fd = open("/proc/self/fd/2",
		    O_WRONLY | O_APPEND | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	if (lg.fd == -1)
		lg.fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
}

static void
open_syslog(void)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (lg.connected != 0 && now.tv_sec - lg.connected < RECONNECT_S)
		return;
	lg.connected = now.tv_sec;
	lg.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (lg.fd == -1)
		return;
	memcpy(sa.sun_path, lg.socket, sizeof(sa.sun_path));
	if (connect(lg.fd, (struct sockaddr *)&sa, sizeof(sa)) == -1) {
		close(lg.fd);
		lg.fd = -1;
	}
}

void
log_open(const struct log_params *p)
{
	bool same = lg.fd != -1 && lg.to_stderr && p->to_stderr;

	snprintf(lg.name, sizeof(lg.name), "%s", p->name);
	snprintf(lg.socket, sizeof(lg.socket), "%s",
	    p->socket != NULL ? p->socket : LOG_SOCKET);
	lg.facility = p->facility;
	lg.level = p->level;
	lg.addresses = p->addresses;
	lg.to_stderr = p->to_stderr;
	/* After rights are dropped the second opening may be forbidden. */
	if (same)
		return;
	log_close();
	tzset();
	if (lg.to_stderr)
		open_stderr();
	else
		open_syslog();
}

void
log_close(void)
{
	if (lg.fd != -1)
		close(lg.fd);
	lg.fd = -1;
	lg.connected = 0;
}

uint64_t
log_dropped(void)
{
	return lg.dropped;
}

static bool
put_stderr(const char *line, size_t len)
{
	char buf[LOG_LINE_MAX + 128];
	size_t off = 0;
	ssize_t n;

	/* The rest of a half-written line must not swallow this one. */
	if (lg.broken)
		buf[off++] = '\n';
	memcpy(buf + off, line, len);
	len += off;
	buf[len++] = '\n';
	n = lg.stream ?
	    send(lg.fd, buf, len, MSG_DONTWAIT | MSG_NOSIGNAL) :
	    write(lg.fd, buf, len);
	if (n > 0)
		lg.broken = (size_t)n != len;
	return n == (ssize_t)len;
}

static bool
put_syslog(const char *line, size_t len)
{
	for (int tries = 0; tries < 2; tries++) {
		if (lg.fd == -1)
			open_syslog();
		if (lg.fd == -1)
			return false;
		if (send(lg.fd, line, len, MSG_DONTWAIT | MSG_NOSIGNAL) != -1)
			return true;
		if (errno == EAGAIN || errno == ENOBUFS || errno == EMSGSIZE)
			return false;
		/* The log daemon was started again: so is its socket. */
		close(lg.fd);
		lg.fd = -1;
	}
	return false;
}

static bool
put(enum log_level level, const char *text, size_t len)
{
	char line[LOG_LINE_MAX + 96];
	struct timespec ts;
	struct tm tm;
	size_t n;

	clock_gettime(CLOCK_REALTIME, &ts);
	if (lg.to_stderr) {
		gmtime_r(&ts.tv_sec, &tm);
		n = strftime(line, 32, "%Y-%m-%dT%H:%M:%S", &tm);
		n += (size_t)snprintf(line + n, sizeof(line) - n,
		    ".%03ldZ %s[%d] %s ", ts.tv_nsec / 1000000, lg.name,
		    (int)getpid(), levels[level].name);
	} else {
		localtime_r(&ts.tv_sec, &tm);
		n = (size_t)snprintf(line, 16, "<%d>",
		    lg.facility | levels[level].priority);
		n += strftime(line + n, 32, "%b %e %H:%M:%S", &tm);
		n += (size_t)snprintf(line + n, sizeof(line) - n,
		    " %s%s[%d]: ", strcmp(lg.name, "listd") == 0 ? "" :
		    "listd-", lg.name, (int)getpid());
	}
	memcpy(line + n, text, len);
	return lg.to_stderr ? put_stderr(line, n + len) :
	    put_syslog(line, n + len);
}

static void
write_line(enum log_level level, const char *text, size_t len)
{
	char note[64];
	int n;

	if (lg.fd == -1 && lg.to_stderr)
		open_stderr();
	if (lg.unreported != 0) {
		n = snprintf(note, sizeof(note),
		    "event=log_dropped count=%" PRIu64, lg.unreported);
		if (put(LEVEL_WARNING, note, (size_t)n))
			lg.unreported = 0;
	}
	if (lg.unreported != 0 || !put(level, text, len)) {
		lg.dropped++;
		lg.unreported++;
	}
}

/* ---- building a line */

bool
log_enabled(enum log_level level)
{
	return level <= lg.level;
}

void
log_begin(struct log_line *l, enum log_level level, const char *event)
{
	l->level = level;
	l->off = !log_enabled(level);
	l->cut = false;
	l->len = 0;
	if (!l->off)
		log_str(l, "event", event);
}

static void
add(struct log_line *l, const char *p, size_t n)
{
	if (l->cut || n > sizeof(l->text) - LOG_TAIL - l->len) {
		l->cut = true;
		return;
	}
	memcpy(l->text + l->len, p, n);
	l->len += n;
}

static void
add_key(struct log_line *l, const char *key)
{
	if (l->len != 0)
		add(l, " ", 1);
	add(l, key, strlen(key));
	add(l, "=", 1);
}

static bool
is_plain(unsigned char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
	    (c >= 'A' && c <= 'Z') || (c != '\0' &&
	    strchr("-._:/@+,<>[]()*#%~!?&;", c) != NULL);
}

/*
 * Octets of the character at p[n] that may stand in a log as it is: 0 for
 * ASCII, malformed octets, C1 controls, and the characters that break or turn
 * a line (U+2028 to U+202E, U+2066 to U+2069, the marks U+200B to U+200F,
 * U+FEFF).
 */
static size_t
utf8_safe(const unsigned char *p, size_t n)
{
	uint32_t c;
	size_t len = utf8_next((const char *)p, n, &c);

	if (len < 2 || c < 0xa0 || (c >= 0x200b && c <= 0x200f) ||
	    (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) ||
	    c == 0xfeff)
		return 0;
	return len;
}

static void
add_quoted(struct log_line *l, const unsigned char *p, size_t n)
{
	char hex[5];
	size_t k;

	add(l, "\"", 1);
	for (size_t i = 0; i < n && !l->cut; i += k) {
		k = 1;
		if (p[i] == '"' || p[i] == '\\') {
			hex[0] = '\\';
			hex[1] = (char)p[i];
			add(l, hex, 2);
		} else if (p[i] >= 0x20 && p[i] < 0x7f) {
			add(l, (const char *)p + i, 1);
		} else if ((k = utf8_safe(p + i, n - i)) != 0) {
			add(l, (const char *)p + i, k);
		} else {
			k = 1;
			snprintf(hex, sizeof(hex), "\\x%02x", p[i]);
			add(l, hex, 4);
		}
	}
	/* LOG_TAIL keeps room for this one. */
	l->text[l->len++] = '"';
}

static void
add_value(struct log_line *l, const void *p, size_t n)
{
	const unsigned char *s = p;
	size_t i = 0;

	if (l->cut)
		return;
	while (i < n && is_plain(s[i]))
		i++;
	if (n != 0 && i == n && n <= sizeof(l->text) - LOG_TAIL - l->len)
		add(l, p, n);
	else
		add_quoted(l, s, n);
}

void
log_bytes(struct log_line *l, const char *key, const void *p, size_t len)
{
	if (l->off)
		return;
	add_key(l, key);
	add_value(l, p, len);
}

void
log_str(struct log_line *l, const char *key, const char *value)
{
	log_bytes(l, key, value, value != NULL ? strlen(value) : 0);
}

void
log_int(struct log_line *l, const char *key, int64_t value)
{
	char buf[24];

	if (l->off)
		return;
	add_key(l, key);
	add(l, buf, (size_t)snprintf(buf, sizeof(buf), "%" PRId64, value));
}

void
log_hex(struct log_line *l, const char *key, uint64_t id)
{
	char buf[24];

	if (l->off)
		return;
	add_key(l, key);
	add(l, buf, (size_t)snprintf(buf, sizeof(buf), "%" PRIx64, id));
}

void
log_seconds(struct log_line *l, const char *key, int64_t ms)
{
	uint64_t tenths = (uint64_t)(ms < 0 ? -(ms + 1) : ms) / 100;
	char buf[32];

	if (l->off)
		return;
	add_key(l, key);
	add(l, buf, (size_t)snprintf(buf, sizeof(buf), "%s%" PRIu64 ".%d",
	    ms <= -100 ? "-" : "", tenths / 10, (int)(tenths % 10)));
}

void
log_address(struct log_line *l, const char *key, const char *address)
{
	char buf[512];
	const char *at;

	if (l->off)
		return;
	if (address == NULL || lg.addresses == ADDRESSES_FULL) {
		log_str(l, key, address);
		return;
	}
	if (lg.addresses == ADDRESSES_NONE) {
		log_str(l, key, "...@...");
		return;
	}
	at = strrchr(address, '@');
	snprintf(buf, sizeof(buf), "%.*s...%s",
	    at == address || (unsigned char)*address >= 0x80 ? 0 : 1, address,
	    at != NULL ? at : "");
	log_str(l, key, buf);
}

void
log_err(struct log_line *l, const struct err *e)
{
	log_str(l, "error", err_name(e->code));
	log_str(l, "reason", e->text);
}

void
log_end(struct log_line *l)
{
	if (l->off)
		return;
	if (l->cut) {
		memcpy(l->text + l->len, " ...", 4);
		l->len += 4;
	}
	write_line(l->level, l->text, l->len);
	l->off = true;
}

void
log_text(enum log_level level, const char *event, const char *fmt, ...)
{
	char text[LOG_TEXT_MAX];
	struct log_line l;
	va_list ap;

	log_begin(&l, level, event);
	if (l.off)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	log_str(&l, "text", text);
	log_end(&l);
}

void
log_failure(enum log_level level, const char *event, const struct err *e)
{
	struct log_line l;

	log_begin(&l, level, event);
	log_err(&l, e);
	log_end(&l);
}
