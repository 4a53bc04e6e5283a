/* SPDX-License-Identifier: Apache-2.0 */
/*
 * eventlog.c - the journal of a test double: tab-separated lines, buffered.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/err.h"
#include "lib/xmalloc.h"
#include "tests/eventlog.h"

#define SPILL_OCTETS	(256u << 10)	/* write when this much waits */
#define FIELD_MAX	4096u		/* octets of one field kept */

struct eventlog {
	int	 fd;
	bool	 midline;	/* a field precedes the next one */
	bool	 failed;	/* a write failed: reported at flush */
	size_t	 len, cap;
	char	*buf;
};

struct eventlog *
eventlog_open(const char *path, struct err *e)
{
	struct eventlog *log;
	int fd;

	if (strcmp(path, "-") == 0)
		fd = dup(STDOUT_FILENO);
	else
		fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND |
		    O_CLOEXEC, 0644);
	if (fd == -1) {
		err_sys(e, "%s", path);
		return NULL;
	}
	log = xcalloc(1, sizeof(*log));
	log->fd = fd;
	log->cap = SPILL_OCTETS + 8 * FIELD_MAX;
	log->buf = xmalloc(log->cap);
	return log;
}

void
eventlog_close(struct eventlog **log)
{
	if (*log == NULL)
		return;
	(void)eventlog_flush(*log, NULL);
	close((*log)->fd);
	free((*log)->buf);
	free(*log);
	*log = NULL;
}

/* Room for n octets; a line of many long fields may have to grow the buffer. */
static char *
reserve(struct eventlog *log, size_t n)
{
	if (log->cap - log->len < n) {
		log->cap = 2 * log->cap + n;
		log->buf = xreallocarray(log->buf, log->cap, 1);
	}
	return log->buf + log->len;
}

static char *
field_begin(struct eventlog *log, size_t n)
{
	char *p = reserve(log, n + 1);

	if (log->midline)
		*p++ = '\t';
	log->midline = true;
	return p;
}

static bool
is_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x7f && c != '\\';
}

void
eventlog_text(struct eventlog *log, const char *s, size_t len)
{
	static const char hex[] = "0123456789abcdef";
	char *p;

	if (log == NULL)
		return;
	if (len > FIELD_MAX)
		len = FIELD_MAX;
	p = field_begin(log, 4 * len + 1);
	if (len == 0)
		*p++ = '-';
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)s[i];

		if (is_plain(c)) {
			*p++ = (char)c;
			continue;
		}
		*p++ = '\\';
		*p++ = 'x';
		*p++ = hex[c >> 4];
		*p++ = hex[c & 15];
	}
	log->len = (size_t)(p - log->buf);
}

void
eventlog_str(struct eventlog *log, const char *s)
{
	eventlog_text(log, s, strlen(s));
}

static char *
put_u64(char *p, uint64_t v)
{
	char digits[20];
	int n = 0;

	do {
		digits[n++] = (char)('0' + v % 10);
		v /= 10;
	} while (v != 0);
	while (n > 0)
		*p++ = digits[--n];
	return p;
}

void
eventlog_u64(struct eventlog *log, uint64_t value)
{
	if (log == NULL)
		return;
	log->len = (size_t)(put_u64(field_begin(log, 20), value) - log->buf);
}

void
eventlog_us(struct eventlog *log, uint64_t us)
{
	unsigned rest = (unsigned)(us % 1000);
	char *p;

	if (log == NULL)
		return;
	p = put_u64(field_begin(log, 24), us / 1000);
	*p++ = '.';
	*p++ = (char)('0' + rest / 100);
	*p++ = (char)('0' + rest / 10 % 10);
	*p++ = (char)('0' + rest % 10);
	log->len = (size_t)(p - log->buf);
}

void
eventlog_end(struct eventlog *log)
{
	if (log == NULL)
		return;
	*reserve(log, 1) = '\n';
	log->len++;
	log->midline = false;
	if (log->len >= SPILL_OCTETS)
		(void)eventlog_flush(log, NULL);
}

int
eventlog_flush(struct eventlog *log, struct err *e)
{
	size_t off = 0;
	ssize_t n;

	if (log == NULL)
		return 0;
	while (off < log->len) {
		n = write(log->fd, log->buf + off, log->len - off);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1) {
			log->failed = true;
			break;
		}
		off += (size_t)n;
	}
	log->len = 0;
	if (!log->failed)
		return 0;
	err_set(e, ERR_SYSTEM, "journal: lines were lost: %s",
	    strerror(errno));
	return -1;
}
