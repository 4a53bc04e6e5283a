/* SPDX-License-Identifier: Apache-2.0 */
/*
 * listctl_main.c - the command-line tool: read the arguments, then ask the
 * daemon or do it here.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/strbuf.h"
#include "listd/listctl.h"
#include "listd/role.h"

#define DEFAULT_CONF	"/etc/listd/listd.conf"

static int
usage(void)
{
	char line[512];
	const struct verb *v;

	fputs("usage: listctl [-c FILE] [--json] VERB ...\n", stderr);
	for (size_t i = 0; (v = verb_at(i)) != NULL; i++) {
		verb_usage(v, line, sizeof(line));
		fprintf(stderr, "  %s\n        %s\n", line, v->help);
	}
	return STATUS_USAGE;
}

static int
usage_of(const struct verb *v, const char *what, const char *which)
{
	char line[512];

	verb_usage(v, line, sizeof(line));
	fprintf(stderr, "listctl: %s%s\nusage: listctl %s\n", what, which,
	    line);
	return STATUS_USAGE;
}

const char *
listctl_option(const struct listctl *lc, const char *name)
{
	const struct verb_option *o = verb_option_find(lc->verb, name,
	    strlen(name));

	return o != NULL ? lc->option[o - lc->verb->options] : NULL;
}

/* --name VALUE, --name=VALUE or a switch; how many words, 0 on a mistake. */
static int
read_option(struct listctl *lc, char **argv, int argc)
{
	const char *name = argv[0] + 2, *eq = strchr(name, '=');
	size_t len = eq != NULL ? (size_t)(eq - name) : strlen(name);
	const struct verb_option *o = verb_option_find(lc->verb, name, len);
	const char **place;

	if (o == NULL || (o->value == NULL && eq != NULL) ||
	    (o->value != NULL && eq == NULL && argc < 2))
		return 0;
	place = &lc->option[o - lc->verb->options];
	if (*place != NULL)
		return 0;
	*place = o->value == NULL ? "" : eq != NULL ? eq + 1 : argv[1];
	return o->value != NULL && eq == NULL ? 2 : 1;
}

static int
read_verb(struct listctl *lc, char **argv, int argc)
{
	const struct verb *v = lc->verb;
	size_t n = 0;

	while (argc > 0) {
		int words = 1;

		if (strcmp(argv[0], "--json") == 0)
			lc->json = true;
		else if (strncmp(argv[0], "--", 2) == 0) {
			if ((words = read_option(lc, argv, argc)) == 0)
				return usage_of(v, "cannot take ", argv[0]);
		} else if (n < VERB_ARGS_MAX && v->args[n].many) {
			lc->many = argv;
			lc->nmany = argc;
			words = argc;
			n++;
		} else if (n < VERB_ARGS_MAX && v->args[n].name != NULL)
			lc->arg[n++] = argv[0];
		else
			return usage_of(v, "too many words at ", argv[0]);
		argv += words;
		argc -= words;
	}
	if (n < VERB_ARGS_MAX && v->args[n].name != NULL &&
	    !v->args[n].optional)
		return usage_of(v, "missing ", v->args[n].name);
	for (size_t i = 0; i < VERB_OPTIONS_MAX; i++)
		if (v->options[i].required && lc->option[i] == NULL)
			return usage_of(v, "missing --", v->options[i].name);
	return 0;
}

static int
read_conf(struct listctl *lc)
{
	struct strbuf text = STRBUF_INIT(CONF_FILE_MAX);
	struct strbuf mistakes = STRBUF_INIT(64u << 10);
	int fd = open(lc->conf_file, O_RDONLY | O_CLOEXEC), ret = -1;
	char buf[4096];
	ssize_t n = -1;

	if (fd != -1)
		while ((n = read(fd, buf, sizeof(buf))) > 0)
			strbuf_add(&text, buf, (size_t)n);
	if (n != 0 || text.overflow)
		fprintf(stderr, "listctl: %s: %s\n", lc->conf_file,
		    n != 0 ? strerror(errno) : "too long");
	else if (conf_parse(&lc->conf, lc->conf_file, text.s, text.len,
	    &mistakes) == -1)
		fputs(mistakes.s, stderr);
	else
		ret = 0;
	if (fd != -1)
		close(fd);
	strbuf_free(&mistakes);
	strbuf_free(&text);
	return ret;
}

int
main(int argc, char **argv)
{
	struct listctl lc = { .conf_file = DEFAULT_CONF };
	int words, status;

	for (argc--, argv++; argc > 0 && argv[0][0] == '-'; argc--, argv++) {
		if (strcmp(argv[0], "--json") == 0)
			lc.json = true;
		else if (strcmp(argv[0], "-c") == 0 && argc > 1) {
			lc.conf_file = argv[1];
			argc--;
			argv++;
		} else
			return usage();
	}
	if ((lc.verb = verb_match(argv, argc, &words)) == NULL)
		return usage();
	if ((status = read_verb(&lc, argv + words, argc - words)) != 0)
		return status;
	conf_init(&lc.conf);
	/* Files are judged without a configuration; all else has one. */
	if (!(lc.verb->where == VERB_LOCAL && lc.verb->args[0].many) &&
	    read_conf(&lc) == -1)
		return STATUS_CONFIG;
	return lc.verb->where == VERB_LOCAL ? listctl_local(&lc) :
	    listctl_call(&lc);
}
