/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control_parse.c - one call of listctl, read strictly by the table of verbs.
 */
#include "config.h"

#include <string.h>

#include "lib/err.h"
#include "listd/control_parse.h"

/* A member that must be there, of this type. */
static json_t *
member(const json_t *o, const char *name, json_type type, struct err *e)
{
	json_t *v = json_object_get(o, name);

	if (v != NULL && json_typeof(v) == type)
		return v;
	err_set(e, ERR_INPUT, "the call's \"%s\" is missing or of another "
	    "type", name);
	return NULL;
}

static int
take_arg(struct control_request *r, const char *name, const char *text,
    struct err *e)
{
	const struct verb_arg *a = r->verb->args;

	for (size_t i = 0; i < VERB_ARGS_MAX; i++)
		if (a[i].name != NULL && !a[i].file &&
		    strcmp(a[i].name, name) == 0) {
			r->arg[i] = text;
			return 0;
		}
	err_set(e, ERR_INPUT, "%s takes no \"%s\"", r->verb->name, name);
	return -1;
}

static int
take_option(struct control_request *r, const char *name, const char *text,
    struct err *e)
{
	const struct verb_option *o = verb_option_find(r->verb, name,
	    strlen(name));

	if (o == NULL || o->file) {
		err_set(e, ERR_INPUT, "%s takes no --%s", r->verb->name, name);
		return -1;
	}
	if (o->value == NULL && text[0] != '\0') {
		err_set(e, ERR_INPUT, "--%s takes no value", name);
		return -1;
	}
	r->option[o - r->verb->options] = text;
	return 0;
}

/* Hand every member of `args` or `options`, a string, to take. */
static int
take_all(struct control_request *r, const char *part,
    int (*take)(struct control_request *, const char *, const char *,
    struct err *), struct err *e)
{
	json_t *o = member(r->json, part, JSON_OBJECT, e), *v;
	const char *name;

	if (o == NULL)
		return -1;
	json_object_foreach(o, name, v) {
		if (!json_is_string(v)) {
			err_set(e, ERR_INPUT, "\"%s\" is no string", name);
			return -1;
		}
		if (take(r, name, json_string_value(v), e) == -1)
			return -1;
	}
	return 0;
}

/* The name as the table has it, of an argument or option that is a file. */
static const char *
file_place(const struct verb *v, const char *name)
{
	const struct verb_option *o = verb_option_find(v, name, strlen(name));

	for (size_t i = 0; i < VERB_ARGS_MAX; i++)
		if (v->args[i].name != NULL && v->args[i].file &&
		    strcmp(v->args[i].name, name) == 0)
			return v->args[i].name;
	return o != NULL && o->file ? o->name : NULL;
}

static bool
has_file(const struct control_request *r, const char *name)
{
	for (size_t i = 0; i < r->nfiles; i++)
		if (strcmp(r->file[i], name) == 0)
			return true;
	return false;
}

static int
take_files(struct control_request *r, size_t nfds, struct err *e)
{
	json_t *files = member(r->json, "files", JSON_ARRAY, e), *v;
	size_t i;

	if (files == NULL)
		return -1;
	if (json_array_size(files) != nfds || nfds > CONTROL_FILES_MAX) {
		err_set(e, ERR_INPUT, "%zu files are named and %zu came",
		    json_array_size(files), nfds);
		return -1;
	}
	json_array_foreach(files, i, v) {
		const char *place = json_is_string(v) ?
		    file_place(r->verb, json_string_value(v)) : NULL;

		if (place == NULL || has_file(r, place)) {
			err_set(e, ERR_INPUT, "%s takes no such file",
			    r->verb->name);
			return -1;
		}
		r->file[r->nfiles++] = place;
	}
	return 0;
}

static int
check_required(const struct control_request *r, struct err *e)
{
	const struct verb *v = r->verb;
	const char *missing = NULL;

	for (size_t i = 0; i < VERB_ARGS_MAX; i++)
		if (v->args[i].name != NULL && !v->args[i].optional &&
		    (v->args[i].file ? !has_file(r, v->args[i].name) :
		    r->arg[i] == NULL))
			missing = v->args[i].name;
	for (size_t i = 0; i < VERB_OPTIONS_MAX; i++)
		if (v->options[i].required && (v->options[i].file ?
		    !has_file(r, v->options[i].name) : r->option[i] == NULL))
			missing = v->options[i].name;
	if (missing == NULL)
		return 0;
	err_set(e, ERR_INPUT, "%s needs %s", v->name, missing);
	return -1;
}

int
control_request_parse(struct control_request *r, const void *text, size_t len,
    size_t nfds, struct err *e)
{
	json_error_t je;
	json_t *name;

	*r = (struct control_request){ 0 };
	if (len > CONTROL_CALL_MAX) {
		err_set(e, ERR_LIMIT, "a call of %zu octets", len);
		return -1;
	}
	r->json = json_loadb(text, len, JSON_REJECT_DUPLICATES, &je);
	if (r->json == NULL || !json_is_object(r->json) ||
	    json_object_size(r->json) != 4) {
		err_set(e, ERR_INPUT, "no call: %s", r->json == NULL ?
		    je.text : "not the four members of one");
		return -1;
	}
	if ((name = member(r->json, "verb", JSON_STRING, e)) == NULL)
		return -1;
	r->verb = verb_find(json_string_value(name));
	if (r->verb == NULL || r->verb->where == VERB_LOCAL) {
		err_set(e, ERR_NOTFOUND, "\"%s\" is not asked of the daemon",
		    json_string_value(name));
		return -1;
	}
	if (take_all(r, "args", take_arg, e) == -1 ||
	    take_all(r, "options", take_option, e) == -1 ||
	    take_files(r, nfds, e) == -1)
		return -1;
	return check_required(r, e);
}

void
control_request_free(struct control_request *r)
{
	json_decref(r->json);
	*r = (struct control_request){ 0 };
}
