/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sink_record.c - what the sink remembers: journal, counters, archive.
 *
 * The journal has one line an event, its columns separated by tabs:
 *
 *	ms conn txn local port event from to reply octets detail
 *
 * ms is monotonic with three decimals; txn counts the MAILs of a connection;
 * port is the peer's, and so is the address that is the detail of "connect".
 * The archive is two files that only grow: DIR/messages
 * holds the contents one behind the other, DIR/index a line for each:
 *
 *	number offset octets conn txn answered from to...
 */
#include "config.h"

#include <sys/resource.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/err.h"
#include "lib/xmalloc.h"
#include "tests/countmap.h"
#include "tests/eventlog.h"
#include "tests/sink.h"

#define PATH_OCTETS	4096
#define SPILL_OCTETS	(1u << 20)

struct archive {
	int		 fd;
	uint64_t	 offset;	/* where the next message will lie */
	struct strbuf	 pending;
	bool		 failed;
	struct eventlog	*index;
};

void
record_event(struct conn *c, const char *event, const char *to,
    const char *reply, size_t reply_len, uint64_t octets, const char *detail)
{
	struct eventlog *log = c->sink->log;

	if (log == NULL)
		return;
	while (reply_len > 0 && (reply[reply_len - 1] == '\n' ||
	    reply[reply_len - 1] == '\r'))
		reply_len--;
	eventlog_us(log, c->sink->now_us);
	eventlog_u64(log, c->id);
	eventlog_u64(log, c->txn);
	eventlog_str(log, c->listener->address);
	eventlog_u64(log, c->peer_port);
	eventlog_str(log, event);
	eventlog_text(log, c->from.s, c->from.len);
	eventlog_str(log, to != NULL ? to : c->rcpts.s + c->focus);
	eventlog_text(log, reply, reply_len);
	eventlog_u64(log, octets);
	eventlog_str(log, detail);
	eventlog_end(log);
}

void
record_anomaly(struct conn *c, const char *what)
{
	if (!c->sink->opt.check)
		return;
	record_count(c, anomalies);
	record_event(c, "anomaly", NULL, "", 0, c->content.octets, what);
}

static void
count_recipients(struct conn *c, bool answered)
{
	const char *rcpt = c->rcpts.s;
	struct counts *n;
	size_t len;

	for (size_t i = 0; i < c->nrcpts; i++) {
		len = strlen(rcpt);
		n = countmap_get(c->sink->recipients, rcpt, len);
		if (answered)
			n->a++;
		else
			n->b++;
		rcpt += len + 1;
	}
}

static void
archive_message(struct conn *c, bool answered, uint64_t number)
{
	struct archive *a = c->sink->archive;
	const struct strbuf *text = &c->content.text;
	const char *rcpt = c->rcpts.s;

	strbuf_add(&a->pending, text->s, text->len);
	eventlog_u64(a->index, number);
	eventlog_u64(a->index, a->offset);
	eventlog_u64(a->index, text->len);
	eventlog_u64(a->index, c->id);
	eventlog_u64(a->index, c->txn);
	eventlog_u64(a->index, answered ? 1 : 0);
	eventlog_text(a->index, c->from.s, c->from.len);
	for (size_t i = 0; i < c->nrcpts; i++) {
		eventlog_str(a->index, rcpt);
		rcpt += strlen(rcpt) + 1;
	}
	eventlog_end(a->index);
	a->offset += text->len;
	if (a->pending.len >= SPILL_OCTETS)
		(void)archive_flush(a, NULL);
}

void
record_message(struct conn *c, bool answered, uint64_t number)
{
	const struct sink *sink = c->sink;

	if (answered)
		record_count(c, accepted);
	else
		record_count(c, unanswered);
	c->sink->total.octets += c->content.octets;
	c->listener->count.octets += c->content.octets;
	if (sink->recipients != NULL)
		count_recipients(c, answered);
	if (sink->archive != NULL && number % sink->opt.store_every == 0)
		archive_message(c, answered, number);
}

struct archive *
archive_open(const char *dir, struct err *e)
{
	char path[PATH_OCTETS];
	struct archive *a = xcalloc(1, sizeof(*a));

	strbuf_init(&a->pending, SIZE_MAX / 2);
	if (mkdir(dir, 0755) == -1 && errno != EEXIST)
		err_sys(e, "%s", dir);
	snprintf(path, sizeof(path), "%s/index", dir);
	a->index = eventlog_open(path, e);
	snprintf(path, sizeof(path), "%s/messages", dir);
	a->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC,
	    0644);
	if (a->fd == -1)
		err_sys(e, "%s", path);
	if (a->fd == -1 || a->index == NULL)
		archive_close(&a);
	return a;
}

void
archive_close(struct archive **a)
{
	if (*a == NULL)
		return;
	if ((*a)->fd != -1) {
		(void)archive_flush(*a, NULL);
		close((*a)->fd);
	}
	eventlog_close(&(*a)->index);
	strbuf_free(&(*a)->pending);
	free(*a);
	*a = NULL;
}

int
archive_flush(struct archive *a, struct err *e)
{
	size_t off = 0;
	ssize_t n;

	if (a == NULL)
		return 0;
	while (off < a->pending.len) {
		n = write(a->fd, a->pending.s + off, a->pending.len - off);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1) {
			a->failed = true;
			break;
		}
		off += (size_t)n;
	}
	strbuf_reset(&a->pending);
	if (a->failed) {
		err_set(e, ERR_SYSTEM, "archive: octets were lost");
		return -1;
	}
	return eventlog_flush(a->index, e);	/* never ahead of its text */
}

static void
add_counters(struct strbuf *out, const struct counters *n)
{
	strbuf_addf(out,
	    "\"connections\":%" PRIu64 ",\"current\":%" PRIu64
	    ",\"max_concurrent\":%" PRIu64 ",\"tls\":%" PRIu64
	    ",\"tls_resumed\":%" PRIu64 ",\"begun\":%" PRIu64
	    ",\"rcpts\":%" PRIu64 ",\"refused\":%" PRIu64
	    ",\"accepted\":%" PRIu64 ",\"unanswered\":%" PRIu64
	    ",\"octets\":%" PRIu64 ",\"anomalies\":%" PRIu64,
	    n->connections, n->current, n->max_current, n->tls,
	    n->tls_resumed, n->begun, n->rcpts, n->refused, n->accepted,
	    n->unanswered, n->octets, n->anomalies);
}

static void
add_usage(struct strbuf *out)
{
	struct rusage ru;

	getrusage(RUSAGE_SELF, &ru);
	strbuf_addf(out,
	    "\"cpu_user_us\":%lld,\"cpu_system_us\":%lld,"
	    "\"context_switches\":%ld,\"max_rss_kb\":%ld",
	    (long long)ru.ru_utime.tv_sec * 1000000 + ru.ru_utime.tv_usec,
	    (long long)ru.ru_stime.tv_sec * 1000000 + ru.ru_stime.tv_usec,
	    ru.ru_nvcsw + ru.ru_nivcsw, ru.ru_maxrss);
}

/* Recipients, and those that got more than one copy. */
static void
add_recipients(struct strbuf *out, const struct countmap *m)
{
	struct counts n;
	size_t pos = 0;
	uint64_t twice = 0, most = 0;

	while (countmap_next(m, &pos, &n) != NULL) {
		if (n.a > 1)
			twice++;
		if (n.a > most)
			most = n.a;
	}
	strbuf_addf(out, ",\"recipients\":%zu,\"recipients_twice\":%" PRIu64
	    ",\"most_copies\":%" PRIu64, countmap_size(m), twice, most);
}

void
record_summary(const struct sink *sink, struct strbuf *out)
{
	strbuf_adds(out, "{");
	add_counters(out, &sink->total);
	if (sink->recipients != NULL)
		add_recipients(out, sink->recipients);
	strbuf_addf(out, ",\"uptime_us\":%" PRIu64 ",",
	    sink->now_us - sink->started_us);
	add_usage(out);
	strbuf_adds(out, ",\"listeners\":[");
	for (size_t i = 0; i < sink->nlisteners; i++) {
		const struct listener *l = &sink->listeners[i];

		strbuf_addf(out, "%s{\"address\":\"%s\",\"port\":%u,",
		    i > 0 ? "," : "", l->address, l->port);
		add_counters(out, &l->count);
		strbuf_adds(out, "}");
	}
	strbuf_adds(out, "]}");
}

int
record_counts_file(const struct sink *sink, const char *path, struct err *e)
{
	struct eventlog *log;
	struct counts n;
	const char *name;
	size_t pos = 0;
	int ret;

	if (sink->recipients == NULL) {
		err_set(e, ERR_REFUSED, "recipients are not counted");
		return -1;
	}
	if ((log = eventlog_open(path, e)) == NULL)
		return -1;
	while ((name = countmap_next(sink->recipients, &pos, &n)) != NULL) {
		eventlog_u64(log, n.a);
		eventlog_u64(log, n.b);
		eventlog_str(log, name);
		eventlog_end(log);
	}
	ret = eventlog_flush(log, e);
	eventlog_close(&log);
	return ret;
}
