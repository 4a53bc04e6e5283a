/* SPDX-License-Identifier: Apache-2.0 */
/*
 * steering.c - read the data files that sending is steered by.
 */
#include "config.h"

#include <unistd.h>

#include "lib/conf.h"
#include "lib/err.h"
#include "lib/reply_rules.h"
#include "lib/shaping.h"
#include "lib/sys/file.h"
#include "listd/steering.h"

static const char nothing[] = "format = 1\nversion = built-in\n";

const char *
steering_setting(enum steering_file file)
{
	static const char *const names[STEERING_FILES] = {
		"shaping_file", "shaping_overlay", "replies_file",
		"replies_overlay",
	};

	return names[file];
}

static const char *
installed(const char *path, const char *otherwise)
{
	if (path[0] != '\0')
		return path;
	return access(otherwise, R_OK) == 0 ? otherwise : "";
}

const char *
steering_path(const struct conf *c, enum steering_file file)
{
	switch (file) {
	case STEERING_SHAPING:
		return installed(c->shaping_file, PKGDATADIR "/shaping.conf");
	case STEERING_REPLIES:
		return installed(c->replies_file, PKGDATADIR "/replies.conf");
	case STEERING_SHAPING_OVERLAY:
		return c->shaping_overlay;
	case STEERING_REPLIES_OVERLAY:
	case STEERING_FILES:
		break;
	}
	return c->replies_overlay;
}

int
steering_read(struct steering *s, const struct conf *c,
    const int fd[static STEERING_FILES], struct strbuf *mistakes,
    struct err *e)
{
	struct datafile_text text[STEERING_FILES];

	s->shaping = NULL;
	s->rules = NULL;
	for (int i = 0; i < STEERING_FILES; i++)
		strbuf_init(&s->text[i], DATAFILE_MAX + 1);
	for (enum steering_file i = 0; i < STEERING_FILES; i++) {
		text[i].file = steering_path(c, i);
		if (text[i].file[0] == '\0')
			text[i].file = steering_setting(i);
		if (fd[i] == -1)
			strbuf_adds(&s->text[i], nothing);
		else if (file_read(fd[i], steering_setting(i), &s->text[i],
		    e) == -1)
			return -1;
		text[i].bytes = s->text[i].s;
		text[i].len = s->text[i].len;
	}
	s->shaping = shaping_parse(&text[STEERING_SHAPING],
	    &text[STEERING_SHAPING_OVERLAY], mistakes);
	if (s->shaping != NULL)
		s->rules = reply_rules_parse(&text[STEERING_REPLIES],
		    &text[STEERING_REPLIES_OVERLAY], s->shaping, mistakes);
	if (s->rules != NULL)
		return 0;
	err_set(e, ERR_INPUT, "the shaping data or the rules of refusals have "
	    "mistakes");
	return -1;
}

int
steering_check(const struct conf *c, struct strbuf *mistakes, struct err *e)
{
	struct err why = ERR_INIT;
	int fd[STEERING_FILES], ret = 0;
	struct steering s;

	for (enum steering_file i = 0; i < STEERING_FILES; i++) {
		const char *path = steering_path(c, i);

		fd[i] = -1;
		if (ret == -1 || path[0] == '\0')
			continue;
		fd[i] = file_open_config(path, &why);
		if (fd[i] == -1) {
			err_set(e, why.code, "%s: %s", steering_setting(i),
			    why.text);
			ret = -1;
		}
	}
	if (ret == 0) {
		ret = steering_read(&s, c, fd, mistakes, e);
		steering_free(&s);
	}
	for (int i = 0; i < STEERING_FILES; i++)
		if (fd[i] != -1)
			close(fd[i]);
	return ret;
}

void
steering_free(struct steering *s)
{
	shaping_free(s->shaping);
	reply_rules_free(s->rules);
	for (int i = 0; i < STEERING_FILES; i++)
		strbuf_free(&s->text[i]);
}
