/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue_steering.c - what the scheduler steers by: the shaping data, the rules
 * of refusals (steering.h), and the source addresses.
 *
 * At the start a mistake in a file is told and refuses; at a reload it is told
 * and what was read before stays.  The rules of refusals are for the deliver
 * roles as well, which judge by them; they get the text that was taken here,
 * so that nobody goes by another one.
 */
#include "config.h"

#include <arpa/inet.h>
#include <string.h>

#include "lib/conf.h"
#include "lib/err.h"
#include "lib/reply_rules.h"
#include "lib/shaping.h"
#include "lib/strbuf.h"
#include "lib/sys/log.h"
#include "listd/queue_private.h"
#include "listd/role.h"
#include "listd/scheduler.h"
#include "listd/source.h"

_Static_assert(SCHEDULER_RELAYS_MAX == CONF_SMARTHOST_MAX, "the same");
_Static_assert(SOURCES_MAX == CONF_SOURCE_MAX, "all that can be configured");
_Static_assert((int)SOURCE_BOTH == (int)CONF_STREAM_BOTH, "the same bits");

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

/* From here on; what it holds is taken over. */
static void
go_by(struct queue *q, struct steering *new)
{
	if (q->sched != NULL)
		scheduler_set_shaping(q->sched, new->shaping, new->rules);
	queue_steering_free(q);
	q->steering = *new;
	for (unsigned i = 0; i < ROLE_DELIVER_MAX; i++)
		queue_steering_tell(q, i);
	log_text(LEVEL_INFO, "steering", "shaping data %s, rules %s",
	    shaping_version(new->shaping), reply_rules_version(new->rules));
}

int
queue_steering_load(struct queue *q, struct err *e)
{
	static const char *const names[STEERING_FILES] = {
		[STEERING_SHAPING] = FD_SHAPING,
		[STEERING_SHAPING_OVERLAY] = FD_SHAPING_OVERLAY,
		[STEERING_REPLIES] = FD_REPLIES,
		[STEERING_REPLIES_OVERLAY] = FD_REPLIES_OVERLAY,
	};
	struct strbuf mistakes = STRBUF_INIT(1 << 16);
	int fd[STEERING_FILES], rc;
	struct steering new;

	for (int i = 0; i < STEERING_FILES; i++)
		fd[i] = role_fd(q->env, names[i]);
	if ((rc = steering_read(&new, q->env->conf, fd, &mistakes, e)) == 0) {
		go_by(q, &new);
	} else {
		tell_mistakes(&mistakes);
		steering_free(&new);
	}
	strbuf_free(&mistakes);
	return rc;
}

void
queue_steering_free(struct queue *q)
{
	steering_free(&q->steering);
	memset(&q->steering, 0, sizeof(q->steering));
}

void
queue_steering_tell(struct queue *q, unsigned peer)
{
	static const enum steering_file rules[] = {
		STEERING_REPLIES, STEERING_REPLIES_OVERLAY,
	};
	struct strbuf b = STRBUF_INIT(IPC_FRAME_MAX);

	for (uint8_t i = 0; i < 2; i++) {
		const struct strbuf *text = &q->steering.text[rules[i]];

		strbuf_reset(&b);
		pack_u8(&b, i);
		pack_bytes(&b, text->s, text->len);
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
