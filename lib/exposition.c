/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exposition.c - figures in the text format of Prometheus, version 0.0.4.
 */
#include "config.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>

#include "lib/exposition.h"
#include "lib/strbuf.h"

static const unsigned limits_ms[EXPOSITION_BUCKETS] = {
	1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000,
	50000,
};

static void
add_value(struct strbuf *out, const char *s)
{
	for (; *s != '\0'; s++) {
		if (*s == '\n')
			strbuf_adds(out, "\\n");
		else if (*s == '"' || *s == '\\')
			strbuf_addf(out, "\\%c", *s);
		else
			strbuf_addc(out, *s < ' ' || *s > '~' ? '?' : *s);
	}
}

static void
add_labels(struct strbuf *out, va_list ap)
{
	const char *name, *sep = "{";

	while ((name = va_arg(ap, const char *)) != NULL) {
		strbuf_addf(out, "%s%s=\"", sep, name);
		add_value(out, va_arg(ap, const char *));
		strbuf_addc(out, '"');
		sep = ",";
	}
	if (*sep == ',')
		strbuf_addc(out, '}');
}

static void
add_ms(struct strbuf *out, uint64_t ms)
{
	strbuf_addf(out, "%" PRIu64 ".%03" PRIu64, ms / 1000, ms % 1000);
}

void
exposition_head(struct strbuf *out, const char *name, const char *type,
    const char *help)
{
	strbuf_addf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name,
	    type);
}

void
exposition_sample(struct strbuf *out, const char *name, uint64_t v, ...)
{
	va_list ap;

	strbuf_adds(out, name);
	va_start(ap, v);
	add_labels(out, ap);
	va_end(ap);
	strbuf_addf(out, " %" PRIu64 "\n", v);
}

void
exposition_seconds(struct strbuf *out, const char *name, int64_t ms, ...)
{
	va_list ap;

	strbuf_adds(out, name);
	va_start(ap, ms);
	add_labels(out, ap);
	va_end(ap);
	strbuf_addc(out, ' ');
	add_ms(out, ms > 0 ? (uint64_t)ms : 0);
	strbuf_addc(out, '\n');
}

void
exposition_one(struct strbuf *out, const char *name, const char *type,
    const char *help, uint64_t v)
{
	exposition_head(out, name, type, help);
	exposition_sample(out, name, v, NULL);
}

void
exposition_time(struct exposition_times *t, int64_t ms)
{
	size_t i = 0;

	if (ms < 0)
		ms = 0;
	while (i < EXPOSITION_BUCKETS && ms > (int64_t)limits_ms[i])
		i++;
	t->n[i]++;
	t->sum_ms += (uint64_t)ms;
}

void
exposition_times(struct strbuf *out, const char *name, const char *help,
    const struct exposition_times *t)
{
	uint64_t sum = 0;

	exposition_head(out, name, "histogram", help);
	for (size_t i = 0; i < EXPOSITION_BUCKETS; i++) {
		sum += t->n[i];
		strbuf_addf(out, "%s_bucket{le=\"", name);
		add_ms(out, limits_ms[i]);
		strbuf_addf(out, "\"} %" PRIu64 "\n", sum);
	}
	sum += t->n[EXPOSITION_BUCKETS];
	strbuf_addf(out, "%s_bucket{le=\"+Inf\"} %" PRIu64 "\n%s_sum ", name,
	    sum, name);
	add_ms(out, t->sum_ms);
	strbuf_addf(out, "\n%s_count %" PRIu64 "\n", name, sum);
}
