/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ctl.c - the control socket of a test double.
 */
#include "config.h"

#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>

#include "lib/err.h"
#include "lib/strbuf.h"
#include "lib/xmalloc.h"
#include "tests/ctl.h"

#define REPLY_MAX	(1u << 20)

struct client {
	LIST_ENTRY(client)	 link;
	struct ctl		*ctl;
	struct bufferevent	*bev;
};

struct ctl {
	LIST_HEAD(, client)	 clients;
	struct event_base	*base;
	struct evconnlistener	*listener;
	char			*path;
	ctl_handler		*handler;
	void			*arg;
};

static void
client_free(struct client *c)
{
	LIST_REMOVE(c, link);
	bufferevent_free(c->bev);
	free(c);
}

static void
on_line(struct bufferevent *bev, void *arg)
{
	struct evbuffer *in = bufferevent_get_input(bev);
	struct client *c = arg;
	struct strbuf out = STRBUF_INIT(REPLY_MAX);
	char *line;

	while ((line = evbuffer_readln(in, NULL, EVBUFFER_EOL_LF)) != NULL) {
		strbuf_reset(&out);
		c->ctl->handler(c->ctl->arg, line, &out);
		free(line);
		strbuf_addc(&out, '\n');
		bufferevent_write(bev, out.s, out.len);
	}
	strbuf_free(&out);
	if (evbuffer_get_length(in) > CTL_LINE_MAX)
		client_free(c);
}

static void
on_end(struct bufferevent *bev, short what, void *arg)
{
	(void)bev;
	(void)what;
	client_free(arg);
}

static void
on_client(struct evconnlistener *listener, evutil_socket_t fd,
    struct sockaddr *sa, int salen, void *arg)
{
	struct ctl *ctl = arg;
	struct client *c;
	struct bufferevent *bev;

	(void)listener;
	(void)sa;
	(void)salen;
	bev = bufferevent_socket_new(ctl->base, fd, BEV_OPT_CLOSE_ON_FREE);
	if (bev == NULL) {
		close(fd);
		return;
	}
	c = xcalloc(1, sizeof(*c));
	c->ctl = ctl;
	c->bev = bev;
	LIST_INSERT_HEAD(&ctl->clients, c, link);
	bufferevent_setcb(bev, on_line, NULL, on_end, c);
	bufferevent_enable(bev, EV_READ | EV_WRITE);
}

struct ctl *
ctl_open(struct event_base *base, const char *path, ctl_handler *handler,
    void *arg, struct err *e)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	struct ctl *ctl;

	if (strlen(path) >= sizeof(sun.sun_path)) {
		err_set(e, ERR_LIMIT, "%s: too long for a socket", path);
		return NULL;
	}
	memcpy(sun.sun_path, path, strlen(path) + 1);
	(void)unlink(path);
	ctl = xcalloc(1, sizeof(*ctl));
	LIST_INIT(&ctl->clients);
	ctl->base = base;
	ctl->handler = handler;
	ctl->arg = arg;
	ctl->path = xstrdup(path);
	ctl->listener = evconnlistener_new_bind(base, on_client, ctl,
	    LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 16,
	    (struct sockaddr *)&sun, sizeof(sun));
	if (ctl->listener == NULL) {
		err_sys(e, "%s", path);
		ctl_close(&ctl);
	}
	return ctl;
}

void
ctl_close(struct ctl **ctlp)
{
	struct ctl *ctl = *ctlp;

	if (ctl == NULL)
		return;
	while (!LIST_EMPTY(&ctl->clients))
		client_free(LIST_FIRST(&ctl->clients));
	if (ctl->listener != NULL) {
		evconnlistener_free(ctl->listener);
		(void)unlink(ctl->path);
	}
	free(ctl->path);
	free(ctl);
	*ctlp = NULL;
}

void
ctl_ok(struct strbuf *out)
{
	strbuf_adds(out, "{\"ok\":true}");
}

void
ctl_error(struct strbuf *out, const char *text)
{
	strbuf_adds(out, "{\"error\":\"");
	for (; *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;

		if (c == '"' || c == '\\')
			strbuf_addc(out, '\\');
		strbuf_addc(out, c < 0x20 ? '?' : (char)c);
	}
	strbuf_adds(out, "\"}");
}
