/* SPDX-License-Identifier: Apache-2.0 */
/*
 * listctl_call.c - ask the running daemon over its control socket.
 */
#include "config.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>
#include <jansson.h>

#include "lib/err.h"
#include "lib/ipc.h"
#include "lib/strbuf.h"
#include "lib/sys/channel.h"
#include "lib/xmalloc.h"
#include "listd/listctl.h"
#include "listd/listctl_print.h"
#include "listd/listctl_watch.h"
#include "listd/role.h"

struct call {
	struct event_base	*base;
	const struct listctl	*lc;
	bool			 block;		/* print in blocks */
	bool			 progress;	/* a line of it stands */
	bool			 flush;		/* each value as it comes */
	bool			 watch;		/* print one over the other */
	struct listctl_screen	 screen;
	json_t			**keep;		/* not printed but kept */
	bool			 quiet;		/* of a daemon that is away */
	int			 status;
};

/* ---- answers */

static void
clear_progress(struct call *c)
{
	if (c->progress)
		fputs("\r\033[K", stderr);
	c->progress = false;
}

static void
frame_output(struct call *c, struct unpack *u)
{
	struct slice s = unpack_bytes(u);
	json_t *v = json_loadb((const char *)s.p, s.len,
	    JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);

	if (!unpack_done(u) || v == NULL) {
		u->bad = true;
		json_decref(v);
		return;
	}
	clear_progress(c);
	if (c->keep != NULL) {
		json_decref(*c->keep);
		*c->keep = v;
		return;
	}
	if (c->watch)
		listctl_watch(stdout, v, isatty(STDOUT_FILENO) == 1,
		    &c->screen);
	else
		listctl_print(stdout, v, c->lc->json, c->block);
	/* Whoever follows a long answer through a pipe sees it as it comes. */
	if (c->lc->json && c->flush)
		fflush(stdout);
	json_decref(v);
}

/* Progress is for a person at a terminal; a pipe stays quiet. */
static void
frame_progress(struct call *c, struct unpack *u)
{
	char text[256];

	unpack_str(u, text, sizeof(text));
	if (u->bad || !isatty(STDERR_FILENO))
		return;
	fputs("\r\033[K", stderr);
	listctl_print_text(stderr, text);
	fflush(stderr);
	c->progress = true;
}

static void
frame_done(struct call *c, struct unpack *u)
{
	char text[4096];

	c->status = unpack_u8(u);
	unpack_str(u, text, sizeof(text));
	clear_progress(c);
	if (!u->bad && text[0] != '\0') {
		fputs("listctl: ", stderr);
		listctl_print_text(stderr, text);
		putc('\n', stderr);
	}
	event_base_loopbreak(c->base);
}

static void
on_frame(struct channel *ch, struct channel_frame *f, void *arg)
{
	struct call *c = arg;
	struct err e = ERR_INIT;
	struct unpack u;

	unpack_init(&u, f->data, f->len);
	if (f->type == IPC_OUTPUT)
		frame_output(c, &u);
	else if (f->type == IPC_PROGRESS)
		frame_progress(c, &u);
	else if (f->type == IPC_DONE)
		frame_done(c, &u);
	else
		u.bad = true;
	if (!unpack_done(&u)) {
		err_set(&e, ERR_INPUT, "an answer that does not decode");
		channel_fail(ch, &e);
	}
}

static void
on_closed(struct channel *ch, const struct err *why, void *arg)
{
	struct call *c = arg;

	(void)ch;
	clear_progress(c);
	if (!c->quiet)
		fprintf(stderr, "listctl: the daemon ended the call%s%s\n",
		    why != NULL ? ": " : "", why != NULL ? why->text : "");
	c->status = STATUS_UNAVAILABLE;
	event_base_loopbreak(c->base);
}

static const struct channel_ops ops = {
	.frame = on_frame, .closed = on_closed,
};

/* ---- the question */

struct question {
	json_t	*json, *files;
	int	 fd[CHANNEL_FDS_MAX];
	size_t	 nfd;
	const char *output;	/* a file to be made, or NULL */
	char	 part[CONF_PATH_MAX + 16];	/* what it is called before */
};

/*
 * The daemon takes regular files alone, which no writer can keep waiting; a
 * pipe's content goes into one without a name.  -1 with errno.
 */
static int
make_regular(int fd)
{
	char buf[65536];
	struct stat sb;
	FILE *f;
	ssize_t n;
	int copy;

	if (fd == -1 || fstat(fd, &sb) == -1 || S_ISREG(sb.st_mode))
		return fd;
	if ((f = tmpfile()) == NULL)
		return -1;
	while ((n = read(fd, buf, sizeof(buf))) != 0)
		if ((n == -1 && errno != EINTR) || (n > 0 &&
		    fwrite(buf, 1, (size_t)n, f) != (size_t)n))
			break;
	copy = n == 0 && fflush(f) == 0 ?
	    fcntl(fileno(f), F_DUPFD_CLOEXEC, 0) : -1;
	fclose(f);
	close(fd);
	return copy;
}

/*
 * The daemon writes into a file of another name, so that the one that was asked
 * for is whole or not there.
 */
static int
add_output(struct question *q, const char *name, const char *path)
{
	int fd = -1;

	if ((size_t)snprintf(q->part, sizeof(q->part), "%s.part", path) >=
	    sizeof(q->part))
		errno = ENAMETOOLONG;
	else
		fd = open(q->part, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC,
		    0600);
	if (fd == -1 || q->nfd == CHANNEL_FDS_MAX) {
		fprintf(stderr, "listctl: %s: %s\n", q->part, fd == -1 ?
		    strerror(errno) : "too many files");
		return -1;
	}
	q->output = path;
	q->fd[q->nfd++] = fd;
	json_array_append_new(q->files, json_string(name));
	return 0;
}

/* All went well, or nothing shall be there.  The exit status. */
static int
end_output(struct question *q, int status)
{
	if (q->output == NULL)
		return status;
	if (status == STATUS_OK && rename(q->part, q->output) == 0)
		return status;
	if (status == STATUS_OK) {
		fprintf(stderr, "listctl: %s: %s\n", q->output,
		    strerror(errno));
		status = STATUS_AGAIN;
	}
	unlink(q->part);
	return status;
}

static int
add_file(struct question *q, const char *name, const char *path)
{
	int fd = make_regular(strcmp(path, "-") == 0 ? dup(STDIN_FILENO) :
	    open(path, O_RDONLY | O_CLOEXEC));

	if (fd == -1 || q->nfd == CHANNEL_FDS_MAX) {
		fprintf(stderr, "listctl: %s: %s\n", path, fd == -1 ?
		    strerror(errno) : "too many files");
		return -1;
	}
	q->fd[q->nfd++] = fd;
	json_array_append_new(q->files, json_string(name));
	return 0;
}

/* A word that is not UTF-8 is refused here, where it can be named. */
static int
add_text(json_t *o, const char *name, const char *value)
{
	json_t *s = json_string(value);

	if (s == NULL) {
		fprintf(stderr, "listctl: %s is not UTF-8\n", name);
		return -1;
	}
	return json_object_set_new(o, name, s);
}

/* The last part of the path of the verb's file, where that is UTF-8. */
static void
add_file_name(json_t *options, const char *name, const struct listctl *lc)
{
	const char *slash;

	for (size_t i = 0; i < VERB_ARGS_MAX && lc->arg[i] != NULL; i++)
		if (lc->verb->args[i].file) {
			slash = strrchr(lc->arg[i], '/');
			json_object_set_new(options, name, json_string(slash !=
			    NULL ? slash + 1 : lc->arg[i]));
			return;
		}
}

static int
build(struct question *q, const struct listctl *lc)
{
	const struct verb *v = lc->verb;
	json_t *args = json_object(), *options = json_object();

	q->json = json_object();
	q->files = json_array();
	json_object_set_new(q->json, "verb", json_string(v->name));
	json_object_set_new(q->json, "args", args);
	json_object_set_new(q->json, "options", options);
	json_object_set_new(q->json, "files", q->files);
	for (size_t i = 0; i < VERB_ARGS_MAX && lc->arg[i] != NULL; i++)
		if ((v->args[i].file ?
		    add_file(q, v->args[i].name, lc->arg[i]) :
		    add_text(args, v->args[i].name, lc->arg[i])) == -1)
			return -1;
	for (size_t i = 0; i < VERB_OPTIONS_MAX; i++)
		if (lc->option[i] != NULL && (v->options[i].output ?
		    add_output(q, v->options[i].name, lc->option[i]) :
		    v->options[i].file ?
		    add_file(q, v->options[i].name, lc->option[i]) :
		    add_text(options, v->options[i].name, lc->option[i])) ==
		    -1)
			return -1;
		else if (lc->option[i] == NULL && v->options[i].file_name)
			add_file_name(options, v->options[i].name, lc);
	return 0;
}

static int
connect_to(const char *path, bool quiet)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", path);
	if (fd != -1 && connect(fd, (struct sockaddr *)&sun,
	    sizeof(sun)) == 0)
		return fd;
	if (!quiet)
		fprintf(stderr, "listctl: the daemon is not reachable at "
		    "%s: %s\n", path, strerror(errno));
	if (fd != -1)
		close(fd);
	return -1;
}

static int
converse(struct call *c, struct question *q, int fd)
{
	struct strbuf b = STRBUF_INIT(IPC_FRAME_MAX);
	char *text = json_dumps(q->json, JSON_COMPACT);
	struct channel *ch = channel_new(c->base, fd, &ops, c);
	struct err e = ERR_INIT;

	pack_str(&b, text);
	free(text);
	if (channel_send_fds(ch, IPC_CALL, b.s, b.len, q->fd, q->nfd,
	    &e) == -1) {
		fprintf(stderr, "listctl: %s\n", e.text);
		c->status = STATUS_UNAVAILABLE;
	} else
		event_base_dispatch(c->base);
	channel_free(ch);
	strbuf_free(&b);
	return c->status;
}

static bool
ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);

	return n >= m && strcmp(s + n - m, end) == 0;
}

static int
call(struct call *given)
{
	const struct listctl *lc = given->lc;
	struct question q = { 0 };
	struct call c = *given;
	int fd, status = STATUS_USAGE;

	if (build(&q, lc) == 0) {
		c.block = ends_with(lc->verb->name, "show") ||
		    ends_with(lc->verb->name, "send") ||
		    ends_with(lc->verb->name, "resend-failed") ||
		    ends_with(lc->verb->name, "create") ||
		    ends_with(lc->verb->name, "set") ||
		    ends_with(lc->verb->name, "summary") ||
		    ends_with(lc->verb->name, "explain") ||
		    ends_with(lc->verb->name, "stats");
		c.flush = listctl_option(lc, "watch") != NULL;
		c.watch = c.flush && !lc->json;
		c.base = event_base_new();
		status = STATUS_UNAVAILABLE;
		if ((fd = connect_to(lc->conf.control_socket,
		    c.quiet)) != -1)
			status = converse(&c, &q, fd);
		event_base_free(c.base);
	}
	status = end_output(&q, status);
	json_decref(q.json);
	return status;
}

int
listctl_call(const struct listctl *lc)
{
	struct call c = { .lc = lc, .status = STATUS_UNAVAILABLE };

	return call(&c);
}

int
listctl_ask(const struct listctl *lc, const char *verb, const char *option,
    bool loud, json_t **out_r)
{
	struct listctl *other = xcalloc(1, sizeof(*other));
	struct call c = { .lc = other, .status = STATUS_UNAVAILABLE,
		.keep = out_r, .quiet = !loud };
	int status;

	*out_r = NULL;
	*other = *lc;
	if (strcmp(verb, lc->verb->name) != 0)
		memset(other->arg, 0, sizeof(other->arg));
	memset(other->option, 0, sizeof(other->option));
	other->verb = verb_find(verb);
	for (size_t i = 0; option != NULL && i < VERB_OPTIONS_MAX; i++)
		if (other->verb->options[i].name != NULL &&
		    strcmp(other->verb->options[i].name, option) == 0)
			other->option[i] = "";
	status = call(&c);
	free(other);
	return status;
}
