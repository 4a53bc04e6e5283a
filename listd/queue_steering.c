/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue_steering.c - read what the scheduler steers by: the shaping data, the
 * rules of refusals, and the source addresses.
 *
 * At the start a mistake in a file is told and refuses; at a reload it is told
 * and what was read before stays.  The rules of refusals are for the deliver
 * roles as well, which judge by them; they get the text that was taken here,
 * so that nobody goes by another one.
 */
#include "config.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "lib/conf.h"
#include "lib/err.h"
#include "lib/reply_rules.h"
#include "lib/shaping.h"
#include "lib/strbuf.h"
#include "lib/sys/file.h"
#include "lib/sys/log.h"
#include "listd/queue_private.h"
#include "listd/role.h"
#include "listd/scheduler.h"
#include "listd/source.h"

_Static_assert(SOURCES_MAX == CONF_SOURCE_MAX, "all that can be configured");
_Static_assert((int)SOURCE_BOTH == (int)CONF_STREAM_BOTH, "the same bits");

static const char nothing[] = "format = 1\nversion = built-in\n";

/* One of the four files; false with e when it cannot be read. */
static bool
read_text(struct queue *q, const char *fd_name, const char *setting,
    const char *path, struct strbuf *b, struct datafile_text *text_r,
    struct err *e)
{
	int fd = role_fd(q->env, fd_name);

	text_r->file = path[0] != '\0' ? path : setting;
	if (fd == -1)
		strbuf_adds(b, nothing);
	else if (file_read(fd, setting, b, e) == -1)
		return false;
	text_r->bytes = b->s;
	text_r->len = b->len;
	return true;
}

static void
tell_mistakes(const struct strbuf *mistakes)
{
	const char *p = (const char *)mistakes->s, *end = p + mistakes->len;

	while (p < end) {
		const char *line = memchr(p, '\n', (size_t)(end - p));
		size_t len = line != NULL ? (size_t)(line - p) :
		    (size_t)(end - p);

		log_text(LEVEL_ERROR, "steering", "%.*s", (int)len, p);
		p += len + 1;
	}
}

/* From here on; replies are the two texts of the rules, taken over. */
static void
go_by(struct queue *q, struct shaping *shaping, struct reply_rules *rules,
    struct strbuf replies[static 2])
{
	if (q->sched != NULL)
		scheduler_set_shaping(q->sched, shaping, rules);
	queue_steering_free(q);
	q->shaping = shaping;
	q->rules = rules;
	for (int i = 0; i < 2; i++) {
		q->replies[i] = replies[i];
		strbuf_init(&replies[i], 0);
	}
	for (unsigned i = 0; i < ROLE_DELIVER_MAX; i++)
		queue_steering_tell(q, i);
	log_text(LEVEL_INFO, "steering", "shaping data %s, rules %s",
	    shaping_version(shaping), reply_rules_version(rules));
}

int
queue_steering_load(struct queue *q, struct err *e)
{
	const struct conf *c = q->env->conf;
	struct strbuf b[4], mistakes = STRBUF_INIT(1 << 16);
	struct datafile_text text[4];
	struct shaping *shaping = NULL;
	struct reply_rules *rules = NULL;
	int ret = -1;

	for (int i = 0; i < 4; i++)
		strbuf_init(&b[i], DATAFILE_MAX + 1);
	if (!read_text(q, FD_SHAPING, "shaping_file", c->shaping_file, &b[0],
	    &text[0], e) ||
	    !read_text(q, FD_SHAPING_OVERLAY, "shaping_overlay",
	    c->shaping_overlay, &b[1], &text[1], e) ||
	    !read_text(q, FD_REPLIES, "replies_file", c->replies_file, &b[2],
	    &text[2], e) ||
	    !read_text(q, FD_REPLIES_OVERLAY, "replies_overlay",
	    c->replies_overlay, &b[3], &text[3], e))
		goto out;
	shaping = shaping_parse(&text[0], &text[1], &mistakes);
	if (shaping != NULL)
		rules = reply_rules_parse(&text[2], &text[3], shaping,
		    &mistakes);
	if (rules == NULL) {
		tell_mistakes(&mistakes);
		err_set(e, ERR_INPUT, "the shaping data or the rules of "
		    "refusals have mistakes");
		shaping_free(shaping);
		goto out;
	}
	go_by(q, shaping, rules, &b[2]);
	ret = 0;
out:
	for (int i = 0; i < 4; i++)
		strbuf_free(&b[i]);
	strbuf_free(&mistakes);
	return ret;
}

void
queue_steering_free(struct queue *q)
{
	shaping_free(q->shaping);
	reply_rules_free(q->rules);
	q->shaping = NULL;
	q->rules = NULL;
	for (int i = 0; i < 2; i++)
		strbuf_free(&q->replies[i]);
}

void
queue_steering_tell(struct queue *q, unsigned peer)
{
	struct strbuf b = STRBUF_INIT(IPC_FRAME_MAX);

	for (uint8_t i = 0; i < 2; i++) {
		strbuf_reset(&b);
		pack_u8(&b, i);
		pack_bytes(&b, q->replies[i].s, q->replies[i].len);
		queue_send(q, peer, IPC_RULES, &b);
	}
	strbuf_free(&b);
}

uint16_t
queue_sources(const struct conf *c, struct source *sources)
{
	for (size_t i = 0; i < c->source_address.n; i++) {
		const struct conf_source *v = &c->source_address.v[i];
		struct source *s = &sources[i];

		memset(s, 0, sizeof(*s));
		s->family = v->family;
		memcpy(s->ip, v->ip, sizeof(s->ip));
		inet_ntop(v->family == 4 ? AF_INET : AF_INET6, v->ip, s->name,
		    sizeof(s->name));
		strcpy(s->ehlo, v->ehlo);
		s->weight = v->weight;
		s->streams = v->stream;
		s->warm_from = v->warm_from;
	}
	return (uint16_t)c->source_address.n;
}
