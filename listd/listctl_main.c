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

/* The verbs that begin with this word, or all of them. */
static void
print_verbs(FILE *out, const char *word)
{
	size_t len = word != NULL ? strlen(word) : 0;
	char line[512];
	const struct verb *v;

	fputs("usage: listctl [-hV] [-c FILE] [--json] VERB ...\n", out);
	for (size_t i = 0; (v = verb_at(i)) != NULL; i++) {
		if (word != NULL && (strncmp(v->name, word, len) != 0 ||
		    (v->name[len] != ' ' && v->name[len] != '\0')))
			continue;
		verb_usage(v, line, sizeof(line));
		fprintf(out, "  %s\n        %s\n", line, v->help);
	}
}

static bool
is_group(const char *word)
{
	size_t len = strlen(word);
	const struct verb *v;

	for (size_t i = 0; (v = verb_at(i)) != NULL; i++)
		if (strncmp(v->name, word, len) == 0 && v->name[len] == ' ')
			return true;
	return false;
}

/* There is no verb in these words: say which there are. */
static int
usage(char *const argv[], int argc)
{
	bool group = argc > 0 && is_group(argv[0]);

	if (argc > (group ? 1 : 0))
		fprintf(stderr, "listctl: there is no verb %s%s%s\n", argv[0],
		    group ? " " : "", group ? argv[1] : "");
	print_verbs(stderr, group ? argv[0] : NULL);
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

/* --name VALUE, --name=VALUE, -n VALUE, a switch; how many words, or 0, why. */
static int
read_option(struct listctl *lc, char **argv, int argc, const char **why)
{
	bool letter = argv[0][1] != '-';
	const char *name = argv[0] + 2, *eq = letter ? NULL :
	    strchr(name, '=');
	size_t len = eq != NULL ? (size_t)(eq - name) : strlen(name);
	const struct verb_option *o = letter ?
	    verb_option_letter(lc->verb, argv[0][1]) :
	    verb_option_find(lc->verb, name, len);
	const char **place = o != NULL ?
	    &lc->option[o - lc->verb->options] : NULL;

	*why = o == NULL ? "there is no option " :
	    o->value == NULL && eq != NULL ? "no value belongs to " :
	    o->value != NULL && eq == NULL && argc < 2 ? "a value is missing "
	    "after " : *place != NULL ? "twice: " : NULL;
	if (*why != NULL)
		return 0;
	*place = o->value == NULL ? "" : eq != NULL ? eq + 1 : argv[1];
	return o->value != NULL && eq == NULL ? 2 : 1;
}

/* -o, where the verb has such an option. */
static bool
is_letter(const struct verb *v, const char *word)
{
	return word[0] == '-' && word[1] != '\0' && word[2] == '\0' &&
	    verb_option_letter(v, word[1]) != NULL;
}

static int
read_verb(struct listctl *lc, char **argv, int argc)
{
	const struct verb *v = lc->verb;
	bool options = true;
	const char *why;
	size_t n = 0;

	while (argc > 0) {
		int words = 1;

		if (options && strcmp(argv[0], "--json") == 0)
			lc->json = true;
		else if (options && strcmp(argv[0], "--") == 0)
			options = false;
		else if (options && (strncmp(argv[0], "--", 2) == 0 ||
		    is_letter(v, argv[0]))) {
			if ((words = read_option(lc, argv, argc, &why)) == 0)
				return usage_of(v, why, argv[0]);
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

/* The options before the verb; how many words, or -1 to end with *status. */
static int
read_globals(struct listctl *lc, int argc, char **argv, int *status)
{
	int n;

	*status = 0;
	for (n = 0; n < argc && argv[n][0] == '-'; n++) {
		if (strcmp(argv[n], "--json") == 0) {
			lc->json = true;
		} else if (strcmp(argv[n], "-c") == 0 && n + 1 < argc) {
			lc->conf_file = argv[++n];
		} else if (strcmp(argv[n], "-h") == 0 ||
		    strcmp(argv[n], "--help") == 0) {
			print_verbs(stdout, NULL);
			return -1;
		} else if (strcmp(argv[n], "-V") == 0 ||
		    strcmp(argv[n], "--version") == 0) {
			printf("listctl %s\n", PACKAGE_VERSION);
			return -1;
		} else {
			fprintf(stderr, "listctl: cannot take %s\n"
			    "usage: listctl [-hV] [-c FILE] [--json] VERB "
			    "...\n", argv[n]);
			*status = STATUS_USAGE;
			return -1;
		}
	}
	return n;
}

int
main(int argc, char **argv)
{
	struct listctl lc = { .conf_file = DEFAULT_CONF };
	int n, words, status;

	if ((n = read_globals(&lc, argc - 1, argv + 1, &status)) == -1)
		return status;
	argv += 1 + n;
	argc -= 1 + n;
	if ((lc.verb = verb_match(argv, argc, &words)) == NULL)
		return usage(argv, argc);
	if ((status = read_verb(&lc, argv + words, argc - words)) != 0)
		return status;
	conf_init(&lc.conf);
	/* Files are judged without a configuration; all else has one. */
	if (!(lc.verb->where == VERB_LOCAL && lc.verb->args[0].file) &&
	    read_conf(&lc) == -1)
		return STATUS_CONFIG;
	return lc.verb->where == VERB_DAEMON ? listctl_call(&lc) :
	    listctl_local(&lc);
}
