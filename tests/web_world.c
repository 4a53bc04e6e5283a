/* SPDX-License-Identifier: Apache-2.0 */
/*
 * web_world.c - a web server on the loopback with a queue role that a test
 * plays, and a client that sends exactly what it is told.
 */
#include "config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/event.h>

#include "lib/err.h"
#include "lib/keyring.h"
#include "lib/sys/channel.h"
#include "lib/sys/realclock.h"
#include "lib/sys/timers.h"
#include "lib/token.h"
#include "lib/xmalloc.h"
#include "tests/web_world.h"
#include "web/looks.h"
#include "web/metrics.h"
#include "web/server.h"
#include "lib/tlog_tile.h"
#include "web/view.h"

#define CLIENT_MS	10000	/* before a client gives up */

/* ---- the clock */

static int64_t
world_mono(const struct clock *c)
{
	const struct world *w = (const struct world *)c;

	return clock_mono_ms(&realclock) + atomic_load(&w->jumped_ms);
}

static int64_t
world_utc(const struct clock *c)
{
	const struct world *w = (const struct world *)c;

	return clock_utc_ms(&realclock) + atomic_load(&w->jumped_ms);
}

void
world_jump(struct world *w, int64_t ms)
{
	atomic_fetch_add(&w->jumped_ms, ms);
}

/* ---- the store */

static int
down(struct world *w, struct err *e)
{
	if (!atomic_load(&w->store_down))
		return 0;
	err_set(e, ERR_STORE, "down");
	return -1;
}

static void
news(struct view_list *l_r, const char *name)
{
	memset(l_r, 0, sizeof(*l_r));
	l_r->id = WORLD_LIST;
	l_r->open = true;
	snprintf(l_r->name, sizeof(l_r->name), "%s", name);
	snprintf(l_r->title, sizeof(l_r->title), "%s", WORLD_TITLE);
	snprintf(l_r->from, sizeof(l_r->from), "news@example.org");
	snprintf(l_r->postal, sizeof(l_r->postal), "1 Main <St>\nTown");
	snprintf(l_r->statement, sizeof(l_r->statement),
	    "We keep a <proof>.\nYou get news.\nEach has a link.\n"
	    "Any time.\n");
}

static int
view_list(void *arg, const char *name, struct view_list *l_r, struct err *e)
{
	if (down(arg, e) == -1)
		return -1;
	news(l_r, name);
	if (strcmp(name, "news") == 0)
		return 1;
	l_r->open = false;
	if (strcmp(name, "closed") == 0)
		return 1;
	l_r->gone = true;
	return strcmp(name, "gone") == 0;
}

static int
view_list_by_id(void *arg, uint32_t id, struct view_list *l_r, struct err *e)
{
	if (down(arg, e) == -1)
		return -1;
	if (id != WORLD_LIST)
		return 0;
	news(l_r, "news");
	return 1;
}

static int
view_request(void *arg, const char *token, int64_t now_ms,
    struct view_request *r_r, struct err *e)
{
	static const struct {
		const char *token;
		enum view_state state;
		enum token_confirm_use purpose;
	} known[] = {
		{ WORLD_PENDING, VIEW_PENDING, TOKEN_CONFIRM_SUBSCRIPTION },
		{ WORLD_CONFIRMED, VIEW_CONFIRMED,
		    TOKEN_CONFIRM_SUBSCRIPTION },
		{ WORLD_EXPIRED, VIEW_EXPIRED, TOKEN_CONFIRM_SUBSCRIPTION },
		{ WORLD_VOID, VIEW_VOID, TOKEN_CONFIRM_SUBSCRIPTION },
		{ WORLD_OWNER, VIEW_PENDING, TOKEN_CONFIRM_OWNER },
		{ WORLD_ACCESS, VIEW_PENDING, TOKEN_CONFIRM_EXPORT },
		{ WORLD_ACCESSED, VIEW_CONFIRMED, TOKEN_CONFIRM_EXPORT },
		{ WORLD_CHANGE, VIEW_PENDING, TOKEN_CONFIRM_CHANGE },
	};

	(void)now_ms;
	if (down(arg, e) == -1)
		return -1;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strcmp(known[i].token, token) != 0)
			continue;
		memset(r_r, 0, sizeof(*r_r));
		r_r->state = known[i].state;
		r_r->purpose = known[i].purpose;
		snprintf(r_r->title, sizeof(r_r->title), "%s", WORLD_TITLE);
		view_mask("alice@example.org", r_r->address);
		return 1;
	}
	return 0;
}

static int
view_person(void *arg, const char *token, int64_t now_ms, json_t **json_r,
    struct err *e)
{
	struct world *world = arg;

	(void)now_ms;
	*json_r = NULL;
	if (down(arg, e) == -1)
		return -1;
	if (atomic_load(&world->erased) || (strcmp(token, WORLD_ACCESS) != 0 &&
	    strcmp(token, WORLD_ACCESSED) != 0))
		return 0;
	*json_r = json_pack("{s:s, s:s, s:[{s:i, s:s, s:{s:s, s:i}}], s:[], "
	    "s:[{s:s}], s:[{s:i, s:s, s:{s:s}}], s:b}",
	    "address", "alice@example.org", "made", "2026-11-23T12:00:00Z",
	    "memberships", "list_id", WORLD_LIST, "title", WORLD_TITLE,
	    "attributes", "nick\"<x>", "</b><script>alert(1)</script>",
	    "age", 7, "suppressions", "requests", "state", "confirmed",
	    "entries", "index", 1, "kind", "confirmed", "request", "base64",
	    "AAAA", "more_entries", 0);
	assert_non_null(*json_r);
	return 1;
}

static int
view_ready(void *arg, struct err *e)
{
	struct world *w = arg;

	atomic_fetch_add(&w->at_door, 1);
	pthread_mutex_lock(&w->door);
	pthread_mutex_unlock(&w->door);
	return down(arg, e) == -1 ? -1 : 1;
}

static int
view_ledger(void *arg, const char *log, enum view_ledger what,
    struct strbuf *out, struct err *e)
{
	(void)log;
	(void)what;
	strbuf_adds(out, "a signed note\n");
	return down(arg, e) == -1 ? -1 : 1;
}

/* Tiles of level 0 alone, of zeros. */
static int
view_tile(void *arg, const char *log, const struct tlog_tile *t,
    struct strbuf *out, struct err *e)
{
	static const uint8_t zeros[32];

	(void)log;
	if (down(arg, e) == -1 || t->level != 0)
		return t->level != 0 ? 0 : -1;
	for (unsigned i = 0; i < t->width; i++)
		strbuf_add(out, zeros, sizeof(zeros));
	return 1;
}

/* What is posted says what it is: "good", "stranger", "other". */
static int
view_cosign(void *arg, const struct cosign_witnesses *w, struct slice note,
    enum cosign_verdict *v_r, struct err *e)
{
	(void)w;
	*v_r = note.len == 4 ? COSIGN_GOOD : note.len == 8 ?
	    COSIGN_STRANGER : note.len == 5 ? COSIGN_OTHER :
	    COSIGN_MALFORMED;
	return down(arg, e);
}

static const struct view_ops fake_view = {
	.list = view_list, .list_by_id = view_list_by_id,
	.request = view_request, .person = view_person,
	.ledger = view_ledger, .tile = view_tile, .cosign = view_cosign,
	.ready = view_ready,
};

/* ---- the queue role */

static void
keep_raw(struct world_seen *s, struct ipc_evidence *ev)
{
	assert_true(ev->raw.len <= IPC_RAW_MAX);
	memcpy(s->raw, ev->raw.p, ev->raw.len);
	s->raw[ev->raw.len] = '\0';
	s->raw_len = ev->raw.len;
	ev->raw = (struct slice){ NULL, 0 };
}

static uint64_t
decode(struct world_seen *s, uint16_t type, struct unpack *u)
{
	switch (type) {
	case IPC_SUBSCRIBE:
		s->subscribes++;
		ipc_get_subscribe(u, &s->subscribe);
		keep_raw(s, &s->subscribe.evidence);
		memcpy(s->shown, s->subscribe.shown.p,
		    s->subscribe.shown.len);
		s->shown_len = s->subscribe.shown.len;
		return s->subscribe.request;
	case IPC_CONFIRM:
		s->confirms++;
		ipc_get_confirm(u, &s->confirm);
		keep_raw(s, &s->confirm.evidence);
		memcpy(s->shown, s->confirm.shown.p, s->confirm.shown.len);
		s->shown_len = s->confirm.shown.len;
		return s->confirm.request;
	case IPC_UNSUBSCRIBE:
		s->unsubscribes++;
		ipc_get_unsubscribe(u, &s->unsubscribe);
		keep_raw(s, &s->unsubscribe.evidence);
		return s->unsubscribe.request;
	case IPC_DATA:
		s->datas++;
		ipc_get_data(u, &s->data);
		keep_raw(s, &s->data.evidence);
		snprintf(s->name, sizeof(s->name), "%.*s",
		    (int)s->data.name.len, (const char *)s->data.name.p);
		snprintf(s->value, sizeof(s->value), "%.*s",
		    (int)s->data.value.len, (const char *)s->data.value.p);
		return s->data.request;
	case IPC_COSIGN:
		s->cosigns++;
		ipc_get_cosign(u, &s->cosign);
		s->cosign.note = (struct slice){ NULL, s->cosign.note.len };
		return s->cosign.request;
	case IPC_FIGURES:
		return unpack_u64(u);
	}
	s->others++;
	return 0;
}

static void
queue_frame(struct channel *ch, struct channel_frame *f, void *arg)
{
	struct strbuf b = STRBUF_INIT(1024);
	struct world *w = arg;
	struct unpack u;
	uint64_t id;

	unpack_init(&u, f->data, f->len);
	pthread_mutex_lock(&w->lock);
	id = decode(&w->seen, f->type, &u);
	if (!unpack_done(&u))
		w->seen.others++;
	pthread_mutex_unlock(&w->lock);
	if (!atomic_load(&w->silent)) {
		pack_u64(&b, id);
		pack_u8(&b, (uint8_t)atomic_load(&w->result));
		pack_str(&b, atomic_load(&w->text));
		channel_send_buf(ch, IPC_REPLY, &b, NULL);
	}
	strbuf_free(&b);
}

static void
queue_closed(struct channel *ch, const struct err *why, void *arg)
{
	struct world *w = arg;

	(void)why;
	channel_free(ch);
	if (w->queue == ch)
		w->queue = NULL;
}

static const struct channel_ops queue_ops = {
	queue_frame, queue_closed, NULL,
};

static void
do_connect(struct world *w, void *arg)
{
	int fds[2];

	(void)arg;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == -1)
		abort();
	channel_free(w->queue);
	w->queue = channel_new(w->base, fds[0], &queue_ops, w);
	server_connect_queue(w->server, fds[1]);
}

void
world_connect(struct world *w)
{
	world_call(w, do_connect, NULL);
}

static void
do_disconnect(struct world *w, void *arg)
{
	(void)arg;
	channel_free(w->queue);
	w->queue = NULL;
}

void
world_disconnect(struct world *w)
{
	world_call(w, do_disconnect, NULL);
	for (int i = 0; i < 500 && atomic_load(&w->env.queue_up); i++)
		usleep(10000);
	assert_false(atomic_load(&w->env.queue_up));
}

void
world_take(struct world *w, struct world_seen *seen_r)
{
	pthread_mutex_lock(&w->lock);
	*seen_r = w->seen;
	memset(&w->seen, 0, sizeof(w->seen));
	pthread_mutex_unlock(&w->lock);
}

bool
world_wait_frame(struct world *w)
{
	bool there = false;

	for (int i = 0; i < 500 && !there; i++) {
		pthread_mutex_lock(&w->lock);
		there = w->seen.subscribes + w->seen.confirms +
		    w->seen.unsubscribes != 0;
		pthread_mutex_unlock(&w->lock);
		if (!there)
			usleep(10000);
	}
	return there;
}

/* ---- the loop's thread */

static void
on_call(evutil_socket_t fd, short what, void *arg)
{
	static const uint64_t one = 1;
	struct world *w = arg;
	uint64_t n;

	(void)what;
	if (read(fd, &n, sizeof(n)) != sizeof(n))
		return;
	w->call(w, w->call_arg);
	if (write(w->back_fd, &one, sizeof(one)) != sizeof(one))
		abort();
}

void
world_call(struct world *w, void (*fn)(struct world *, void *), void *arg)
{
	static const uint64_t one = 1;
	uint64_t n;

	w->call = fn;
	w->call_arg = arg;
	assert_int_equal(write(w->call_fd, &one, sizeof(one)), sizeof(one));
	assert_int_equal(read(w->back_fd, &n, sizeof(n)), sizeof(n));
}

static void *
run_loop(void *arg)
{
	struct world *w = arg;

	event_base_dispatch(w->base);
	return NULL;
}

static void
do_stop(struct world *w, void *arg)
{
	(void)arg;
	event_base_loopbreak(w->base);
}

/* ---- begin and end */

static int
listen_here(uint16_t *port_r)
{
	struct sockaddr_in sa = { .sin_family = AF_INET,
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(sa);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_not_equal(fd, -1);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(listen(fd, 128), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
	*port_r = ntohs(sa.sin_port);
	return fd;
}

static void
listen_on(struct world *w, bool tls, uint16_t *port_r)
{
	struct err e = ERR_INIT;
	int fd = listen_here(port_r);

	if (server_listen(w->server, fd, tls, &e) == -1)
		fail_msg("%s", e.text);
	close(fd);
}

static void
read_settings(struct world *w, const char *settings)
{
	struct strbuf text = STRBUF_INIT(65536), bad = STRBUF_INIT(65536);

	strbuf_addf(&text, "hostname = lists.example.org\n%s", settings);
	if (conf_parse(&w->conf, "test", text.s, text.len, &bad) == -1)
		fail_msg("%s", bad.s);
	strbuf_free(&text);
	strbuf_free(&bad);
}

static void
make_keys(struct world *w)
{
	static const uint8_t octets[KEY_OCTETS] = "a key of the tests";
	struct token_unsubscribe t = { .list = WORLD_LIST,
	    .campaign = WORLD_CAMPAIGN };

	w->keys = keyring_new();
	for (enum key_purpose p = 0; p < KEY_PURPOSES; p++)
		assert_int_equal(keyring_rotate(w->keys, p, octets, NULL,
		    NULL), 0);
	memset(w->hash, 0xab, sizeof(w->hash));
	memcpy(t.address, w->hash, sizeof(t.address));
	assert_int_equal(token_url_format(w->keys, KEY_CURRENT, &t, w->token,
	    NULL), 0);
}

struct world *
world_begin(const char *settings, bool tls)
{
	struct world *w = xcalloc(1, sizeof(*w));
	struct server_params p = { .env = &w->env, .conf = &w->conf };
	struct err e = ERR_INIT;

	w->clock = (struct clock){ world_mono, world_utc, NULL };
	pthread_mutex_init(&w->lock, NULL);
	pthread_mutex_init(&w->door, NULL);
	atomic_store(&w->text, "");
	read_settings(w, settings);
	make_keys(w);
	w->env.keys = w->keys;
	w->env.clock = &w->clock;
	w->env.metrics = metrics_new();
	w->env.looks = looks_new();
	w->env.view = &fake_view;
	w->env.view_arg = w;
	w->base = event_base_new();
	w->timers = timers_new(w->base, &w->clock, true);
	p.base = w->base;
	p.timers = w->timers;
	if ((w->server = server_new(&p, &e)) == NULL)
		fail_msg("%s", e.text);
	listen_on(w, false, &w->port);
	if (tls)
		listen_on(w, true, &w->tls_port);
	w->call_fd = eventfd(0, EFD_CLOEXEC);
	w->back_fd = eventfd(0, EFD_CLOEXEC);
	w->call_event = event_new(w->base, w->call_fd, EV_READ | EV_PERSIST,
	    on_call, w);
	event_add(w->call_event, NULL);
	assert_int_equal(pthread_create(&w->thread, NULL, run_loop, w), 0);
	world_connect(w);
	return w;
}

void
world_end(struct world *w)
{
	world_call(w, do_stop, NULL);
	pthread_join(w->thread, NULL);
	server_free(w->server);
	channel_free(w->queue);
	event_free(w->call_event);
	close(w->call_fd);
	close(w->back_fd);
	timers_free(w->timers);
	event_base_free(w->base);
	metrics_free(w->env.metrics);
	looks_free(w->env.looks);
	keyring_free(w->keys);
	pthread_mutex_destroy(&w->lock);
	pthread_mutex_destroy(&w->door);
	free(w);
}

/* ---- the client */

void
reply_init(struct reply *r)
{
	r->status = 0;
	strbuf_init(&r->head, 65536);
	strbuf_init(&r->body, 1 << 20);
}

void
reply_free(struct reply *r)
{
	strbuf_free(&r->head);
	strbuf_free(&r->body);
}

int
client_open(uint16_t port)
{
	struct sockaddr_in sa = { .sin_family = AF_INET,
	    .sin_port = htons(port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct timeval tv = { CLIENT_MS / 1000, 0 };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_not_equal(fd, -1);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
	if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) == -1) {
		close(fd);
		return -1;
	}
	return fd;
}

void
client_send(int fd, const void *p, size_t len)
{
	const char *s = p;
	ssize_t n;

	/* A server that has heard enough may close: that is no fault here. */
	for (; len > 0; s += n, len -= (size_t)n)
		if ((n = send(fd, s, len, MSG_NOSIGNAL)) <= 0)
			return;
}

/* One octet at a time, so that nothing of the next answer is taken. */
static bool
read_line(int fd, struct strbuf *out)
{
	char c;

	strbuf_reset(out);
	while (recv(fd, &c, 1, 0) == 1) {
		if (c == '\n')
			return true;
		if (c != '\r')
			strbuf_addc(out, c);
	}
	return false;
}

static void
read_body(int fd, struct reply *r)
{
	const char *length = reply_header(r, "Content-Length");
	size_t left = length != NULL ? (size_t)atol(length) : SIZE_MAX;
	char buf[4096];
	ssize_t n;

	while (left > 0 && (n = recv(fd, buf,
	    left < sizeof(buf) ? left : sizeof(buf), 0)) > 0) {
		strbuf_add(&r->body, buf, (size_t)n);
		left -= (size_t)n;
	}
}

void
client_read(int fd, bool head_only, struct reply *r)
{
	struct strbuf line = STRBUF_INIT(65536);

	r->status = 0;
	strbuf_reset(&r->head);
	strbuf_reset(&r->body);
	do {
		if (!read_line(fd, &line))
			goto out;
	} while (strncmp(line.s, "HTTP/1.1 100", 12) == 0 || line.len == 0);
	if (strncmp(line.s, "HTTP/1.", 7) == 0)
		r->status = atoi(line.s + 9);
	while (read_line(fd, &line) && line.len != 0)
		strbuf_addf(&r->head, "%s\n", line.s);
	if (!head_only && r->status != 204)
		read_body(fd, r);
out:
	strbuf_free(&line);
}

bool
client_closed(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char buf[4096];

	while (poll(&p, 1, ms) == 1)
		if (recv(fd, buf, sizeof(buf), 0) <= 0)
			return true;
	return false;
}

void
client_ask(uint16_t port, const char *request, size_t len, struct reply *r)
{
	int fd = client_open(port);

	assert_int_not_equal(fd, -1);
	client_send(fd, request, len);
	client_read(fd, strncmp(request, "HEAD ", 5) == 0, r);
	close(fd);
}

void
client_askf(uint16_t port, struct reply *r, const char *fmt, ...)
{
	char *request = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&request, fmt, ap);
	va_end(ap);
	assert_int_not_equal(n, -1);
	client_ask(port, request, (size_t)n, r);
	free(request);
}

const char *
reply_header(const struct reply *r, const char *name)
{
	static char value[4096];
	size_t len = strlen(name);

	for (const char *p = r->head.s; *p != '\0';
	    p += strcspn(p, "\n"), p += *p != '\0') {
		if (strncasecmp(p, name, len) != 0 || p[len] != ':')
			continue;
		p += len + 1;
		p += strspn(p, " ");
		snprintf(value, sizeof(value), "%.*s", (int)strcspn(p, "\n"),
		    p);
		return value;
	}
	return NULL;
}
