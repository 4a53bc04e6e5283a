/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sink.c - an SMTP server for tests: fast, scriptable, remembers everything.
 *
 *	sink -l ADDRESS:PORT[,tls=PEM][,notls][,smtps] ... [options]
 *
 * Prints "listen ADDRESS PORT" for each listener, then "ready"; at its end,
 * and on SIGUSR1, one line of JSON with all counters and its own use of CPU.
 * Listeners written with port 0 share one free port.  SIGHUP reads the rules
 * again, SIGTERM and SIGINT end it.  Lines for the control socket:
 *
 *	summary			the counters
 *	flush			journal and archive are in their files
 *	rules PATH		take these rules from now on; "rules -": none
 *	counts PATH		write "accepted unanswered recipient" lines
 *	reset			all counters and recipients to zero
 *	store off		keep no more messages
 *	disconnect		reset every open connection
 *	refuse on|off		stop listening (connections stay), start again
 *	quit
 */
#include "config.h"

#include <sys/resource.h>

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "lib/err.h"
#include "lib/xmalloc.h"
#include "tests/countmap.h"
#include "tests/ctl.h"
#include "tests/eventlog.h"
#include "tests/sink.h"

#define EXIT_USAGE	2
#define SPECS_MAX	64
#define DEFAULT_SIZE	(50u << 20)
#define SUMMARY_MAX	(256u << 10)

struct command_line {
	const char	*specs[SPECS_MAX];
	size_t		 nspecs;
	const char	*pem;
};

static void
usage(void)
{
	fputs("usage: sink -l ADDRESS:PORT[,tls=PEM][,notls][,smtps] ...\n"
	    "  --tls PEM          certificate and key for all listeners\n"
	    "  --log FILE         journal\n"
	    "  --store DIR        keep the messages; --store-every N\n"
	    "  --raw              keep them dot-stuffed\n"
	    "  --control PATH     UNIX socket\n"
	    "  --rules FILE       what to do instead of saying yes\n"
	    "  --hostname NAME    in greeting and EHLO\n"
	    "  --size N           SIZE announced, 0 = none\n"
	    "  --keyword TEXT     one more EHLO line\n"
	    "  --auth USER:PASS   require AUTH\n"
	    "  --chunking --smtputf8 --no-pipelining\n"
	    "  --no-count         do not count recipients one by one\n"
	    "  --no-check         do not look for protocol anomalies\n",
	    stderr);
	exit(EXIT_USAGE);
}

/* ---- control */

static void
reset_counters(struct counters *n)
{
	*n = (struct counters){
		.current = n->current, .max_current = n->current,
	};
}

static int
take_rules(struct sink *sink, const char *path, struct err *e)
{
	struct ruleset *rs = NULL;

	if (strcmp(path, "-") != 0 && (rs = ruleset_load(path, e)) == NULL)
		return -1;
	ruleset_free(&sink->rules);
	sink->rules = rs;
	sink->rules_generation++;
	return 0;
}

static int
flush_all(struct sink *sink, struct err *e)
{
	if (archive_flush(sink->archive, e) == -1)
		return -1;
	return eventlog_flush(sink->log, e);
}

static void
disconnect_all(struct sink *sink)
{
	struct linger lg = { .l_onoff = 1, .l_linger = 0 };

	while (!LIST_EMPTY(&sink->conns)) {
		struct conn *c = LIST_FIRST(&sink->conns);

		(void)setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &lg,
		    sizeof(lg));
		conn_free(c, "control: disconnect");
	}
}

static void
reset_all(struct sink *sink)
{
	reset_counters(&sink->total);
	for (size_t i = 0; i < sink->nlisteners; i++)
		reset_counters(&sink->listeners[i].count);
	if (sink->recipients != NULL)
		countmap_clear(sink->recipients);
}

static int
refuse(struct sink *sink, const char *arg, struct err *e)
{
	sink_unlisten(sink);
	return strcmp(arg, "on") == 0 ? 0 : sink_listen(sink, e);
}

static void
on_control(void *arg, const char *line, struct strbuf *out)
{
	struct sink *sink = arg;
	const struct timeval answer_first = { 0, 20000 };
	struct err e = ERR_INIT;
	int rc = 0;

	sink_touch_clock(sink);
	if (strcmp(line, "summary") == 0) {
		record_summary(sink, out);
		return;
	}
	if (strcmp(line, "flush") == 0)
		rc = flush_all(sink, &e);
	else if (strncmp(line, "rules ", 6) == 0)
		rc = take_rules(sink, line + 6, &e);
	else if (strncmp(line, "counts ", 7) == 0)
		rc = record_counts_file(sink, line + 7, &e);
	else if (strcmp(line, "reset") == 0)
		reset_all(sink);
	else if (strcmp(line, "disconnect") == 0)
		disconnect_all(sink);
	else if (strcmp(line, "store off") == 0)
		archive_close(&sink->archive);
	else if (strncmp(line, "refuse ", 7) == 0)
		rc = refuse(sink, line + 7, &e);
	else if (strcmp(line, "quit") == 0)
		event_base_loopexit(sink->base, &answer_first);
	else {
		err_set(&e, ERR_INPUT, "unknown command: %.80s", line);
		rc = -1;
	}
	if (rc == 0)
		ctl_ok(out);
	else
		ctl_error(out, e.text);
}

static void
print_summary(struct sink *sink)
{
	struct strbuf text = STRBUF_INIT(SUMMARY_MAX);

	sink_touch_clock(sink);
	record_summary(sink, &text);
	printf("%s\n", text.s);
	fflush(stdout);
	strbuf_free(&text);
}

static void
on_signal(evutil_socket_t number, short what, void *arg)
{
	struct sink *sink = arg;
	struct err e = ERR_INIT;

	(void)what;
	switch (number) {
	case SIGUSR1:
		print_summary(sink);
		break;
	case SIGHUP:
		if (sink->opt.rules != NULL &&
		    take_rules(sink, sink->opt.rules, &e) == -1)
			fprintf(stderr, "sink: %s\n", e.text);
		break;
	default:
		event_base_loopexit(sink->base, NULL);
		break;
	}
}

static void
on_tick(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)flush_all(arg, NULL);
}

/* ---- command line */

enum { OPT_TLS = 256, OPT_LOG, OPT_STORE, OPT_EVERY, OPT_RAW, OPT_CONTROL,
	OPT_RULES, OPT_HOSTNAME, OPT_SIZE, OPT_KEYWORD, OPT_AUTH, OPT_CHUNKING,
	OPT_SMTPUTF8, OPT_NO_PIPELINING, OPT_NO_COUNT, OPT_NO_CHECK };

static const struct option long_options[] = {
	{ "listen", required_argument, NULL, 'l' },
	{ "tls", required_argument, NULL, OPT_TLS },
	{ "log", required_argument, NULL, OPT_LOG },
	{ "store", required_argument, NULL, OPT_STORE },
	{ "store-every", required_argument, NULL, OPT_EVERY },
	{ "raw", no_argument, NULL, OPT_RAW },
	{ "control", required_argument, NULL, OPT_CONTROL },
	{ "rules", required_argument, NULL, OPT_RULES },
	{ "hostname", required_argument, NULL, OPT_HOSTNAME },
	{ "size", required_argument, NULL, OPT_SIZE },
	{ "keyword", required_argument, NULL, OPT_KEYWORD },
	{ "auth", required_argument, NULL, OPT_AUTH },
	{ "chunking", no_argument, NULL, OPT_CHUNKING },
	{ "smtputf8", no_argument, NULL, OPT_SMTPUTF8 },
	{ "no-pipelining", no_argument, NULL, OPT_NO_PIPELINING },
	{ "no-count", no_argument, NULL, OPT_NO_COUNT },
	{ "no-check", no_argument, NULL, OPT_NO_CHECK },
	{ NULL, 0, NULL, 0 },
};

static uint64_t
number(const char *text)
{
	char *end;
	uint64_t v = strtoull(text, &end, 10);

	if (*text < '0' || *text > '9' || *end != '\0')
		usage();
	return v;
}

static void
take_option(struct sink_options *opt, struct command_line *cl, int which)
{
	switch (which) {
	case 'l':
		if (cl->nspecs == SPECS_MAX)
			usage();
		cl->specs[cl->nspecs++] = optarg;
		break;
	case OPT_TLS:
		cl->pem = optarg;
		break;
	case OPT_LOG:
		opt->log = optarg;
		break;
	case OPT_STORE:
		opt->store = optarg;
		break;
	case OPT_EVERY:
		opt->store_every = number(optarg);
		if (opt->store_every == 0)
			usage();
		break;
	case OPT_RAW:
		opt->raw = true;
		break;
	case OPT_CONTROL:
		opt->control = optarg;
		break;
	case OPT_RULES:
		opt->rules = optarg;
		break;
	case OPT_HOSTNAME:
		opt->hostname = optarg;
		break;
	case OPT_SIZE:
		opt->size = number(optarg);
		break;
	case OPT_KEYWORD:
		if (opt->nextra == sizeof(opt->extra) / sizeof(opt->extra[0]))
			usage();
		opt->extra[opt->nextra++] = optarg;
		break;
	case OPT_AUTH:
		opt->auth = optarg;
		break;
	case OPT_CHUNKING:
		opt->chunking = true;
		break;
	case OPT_SMTPUTF8:
		opt->smtputf8 = true;
		break;
	case OPT_NO_PIPELINING:
		opt->pipelining = false;
		break;
	case OPT_NO_COUNT:
		opt->count = false;
		break;
	case OPT_NO_CHECK:
		opt->check = false;
		break;
	default:
		usage();
	}
}

static void
take_options(struct sink_options *opt, struct command_line *cl, int argc,
    char **argv)
{
	int which;

	*opt = (struct sink_options){
		.hostname = "sink.example", .size = DEFAULT_SIZE,
		.store_every = 1, .pipelining = true, .check = true,
		.count = true,
	};
	while ((which = getopt_long(argc, argv, "l:", long_options,
	    NULL)) != -1)
		take_option(opt, cl, which);
	if (cl->nspecs == 0 || optind != argc)
		usage();
}

/* ---- start and end */

static int
open_all(struct sink *sink, const struct command_line *cl, struct ctl **ctl,
    struct err *e)
{
	const struct sink_options *opt = &sink->opt;

	if (opt->rules != NULL && take_rules(sink, opt->rules, e) == -1)
		return -1;
	if (opt->log != NULL &&
	    (sink->log = eventlog_open(opt->log, e)) == NULL)
		return -1;
	if (opt->store != NULL &&
	    (sink->archive = archive_open(opt->store, e)) == NULL)
		return -1;
	if (opt->count)
		sink->recipients = countmap_new();
	for (size_t i = 0; i < cl->nspecs; i++)
		if (sink_add_listener(sink, cl->specs[i], cl->pem, e) == -1)
			return -1;
	if (sink_listen(sink, e) == -1)
		return -1;
	if (opt->control != NULL && (*ctl = ctl_open(sink->base, opt->control,
	    on_control, sink, e)) == NULL)
		return -1;
	return 0;
}

static void
close_all(struct sink *sink, struct ctl **ctl)
{
	ctl_close(ctl);
	while (!LIST_EMPTY(&sink->conns))
		conn_free(LIST_FIRST(&sink->conns), "the sink ends");
	sink_free_listeners(sink);
	archive_close(&sink->archive);
	eventlog_close(&sink->log);
	countmap_free(&sink->recipients);
	ruleset_free(&sink->rules);
}

static void
run(struct sink *sink)
{
	static const int signals[] = { SIGUSR1, SIGHUP, SIGTERM, SIGINT };
	struct event *ev[4], *tick;
	const struct timeval second = { 1, 0 };

	for (int i = 0; i < 4; i++) {
		ev[i] = evsignal_new(sink->base, signals[i], on_signal, sink);
		event_add(ev[i], NULL);
	}
	tick = event_new(sink->base, -1, EV_PERSIST, on_tick, sink);
	event_add(tick, &second);
	for (size_t i = 0; i < sink->nlisteners; i++)
		printf("listen %s %u\n", sink->listeners[i].address,
		    sink->listeners[i].port);
	printf("ready\n");
	fflush(stdout);
	event_base_dispatch(sink->base);
	for (int i = 0; i < 4; i++)
		event_free(ev[i]);
	event_free(tick);
}

/* As many connections as the system lets us have. */
static void
raise_descriptor_limit(void)
{
	struct rlimit rl;

	if (getrlimit(RLIMIT_NOFILE, &rl) == 0) {
		rl.rlim_cur = rl.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &rl);
	}
}

int
main(int argc, char **argv)
{
	struct sink *sink = xcalloc(1, sizeof(*sink));
	struct command_line cl = { .nspecs = 0 };
	struct ctl *ctl = NULL;
	struct err e = ERR_INIT;
	int ret = EXIT_FAILURE;

	take_options(&sink->opt, &cl, argc, argv);
	signal(SIGPIPE, SIG_IGN);
	raise_descriptor_limit();
	LIST_INIT(&sink->conns);
	sink->spare_fd = dup(STDERR_FILENO);
	sink->base = event_base_new();
	sink_touch_clock(sink);
	sink->started_us = sink->now_us;
	if (open_all(sink, &cl, &ctl, &e) == 0) {
		run(sink);
		print_summary(sink);
		ret = EXIT_SUCCESS;
	} else
		fprintf(stderr, "sink: %s\n", e.text);
	close_all(sink, &ctl);
	event_base_free(sink->base);
	close(sink->spare_fd);
	free(sink);
	return ret;
}
