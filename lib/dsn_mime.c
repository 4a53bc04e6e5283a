/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dsn_mime.c - take a message apart with GMime.
 *
 * The only file that knows GMime.  Its parser compares each line that begins
 * with hyphens with every open boundary, so the number of boundaries is
 * limited before it starts; then its time is linear in the input.
 */
#include "config.h"

#include <string.h>
#include <strings.h>

#include <gmime/gmime.h>

#include "lib/dsn_private.h"
#include "lib/err.h"

#define ORIGINAL_MAX	131072	/* octets of an enclosed header section */

void
dsn_setup(void)
{
	g_mime_init();
}

void
dsn_parts_init(struct dsn_parts *parts)
{
	strbuf_init(&parts->human, DSN_TEXT_MAX);
	strbuf_init(&parts->status, DSN_STATUS_MAX);
	strbuf_init(&parts->feedback, DSN_STATUS_MAX);
	strbuf_init(&parts->original, ORIGINAL_MAX);
}

void
dsn_parts_free(struct dsn_parts *parts)
{
	strbuf_free(&parts->human);
	strbuf_free(&parts->status);
	strbuf_free(&parts->feedback);
	strbuf_free(&parts->original);
}

/* Append what fits; a part is cut and not lost. */
static void
add_cut(struct strbuf *out, const char *s, size_t len)
{
	size_t room = out->max - out->len;

	strbuf_add(out, s, len < room ? len : room);
}

static void
add_content(struct strbuf *out, GMimePart *part)
{
	GMimeDataWrapper *content = g_mime_part_get_content(part);
	GMimeStream *mem;
	GByteArray *bytes;

	if (content == NULL)
		return;
	mem = g_mime_stream_mem_new();
	if (g_mime_data_wrapper_write_to_stream(content, mem) != -1) {
		bytes = g_mime_stream_mem_get_byte_array(
		    GMIME_STREAM_MEM(mem));
		add_cut(out, (const char *)bytes->data, bytes->len);
	}
	g_object_unref(mem);
}

static void
take_part(struct dsn_parts *parts, GMimePart *part)
{
	GMimeContentType *ct = g_mime_object_get_content_type(
	    GMIME_OBJECT(part));
	const char *type = g_mime_content_type_get_media_type(ct);
	const char *subtype = g_mime_content_type_get_media_subtype(ct);

	if (type == NULL || subtype == NULL)
		return;
	if (strcasecmp(subtype, "delivery-status") == 0 ||
	    strcasecmp(subtype, "global-delivery-status") == 0) {
		add_content(&parts->status, part);
		add_cut(&parts->status, "\n\n", 2);
	} else if (strcasecmp(subtype, "feedback-report") == 0) {
		add_content(&parts->feedback, part);
		add_cut(&parts->feedback, "\n\n", 2);
	} else if (strcasecmp(subtype, "rfc822-headers") == 0 ||
	    strcasecmp(subtype, "global-headers") == 0 ||
	    strcasecmp(subtype, "global") == 0) {
		if (parts->original.len == 0)
			add_content(&parts->original, part);
	} else if (strcasecmp(type, "text") == 0 && parts->human.len == 0) {
		add_content(&parts->human, part);
	}
}

static void
take_message(struct dsn_parts *parts, GMimeMessagePart *enclosed)
{
	GMimeMessage *message = g_mime_message_part_get_message(enclosed);
	char *headers;

	if (message == NULL || parts->original.len != 0)
		return;
	headers = g_mime_object_get_headers(GMIME_OBJECT(message), NULL);
	if (headers != NULL)
		add_cut(&parts->original, headers, strlen(headers));
	g_free(headers);
}

static void
walk(struct dsn_parts *parts, GMimeObject *object, unsigned depth,
    unsigned *count)
{
	int n;

	if (object == NULL || ++*count > DSN_PARTS_MAX)
		return;
	if (GMIME_IS_MESSAGE_PART(object)) {
		take_message(parts, GMIME_MESSAGE_PART(object));
	} else if (GMIME_IS_MULTIPART(object)) {
		n = g_mime_multipart_get_count(GMIME_MULTIPART(object));
		for (int i = 0; i < n && depth < DSN_DEPTH_MAX; i++)
			walk(parts, g_mime_multipart_get_part(
			    GMIME_MULTIPART(object), i), depth + 1, count);
	} else if (GMIME_IS_PART(object)) {
		take_part(parts, GMIME_PART(object));
	}
}

/*
 * How many multiparts the parser may open, at most: each needs this word, in
 * whatever comments and blanks it may stand.
 */
static unsigned
count_boundaries(const char *s, size_t len)
{
	static const char word[] = "boundary";
	const size_t n = sizeof(word) - 1;
	unsigned found = 0;

	for (size_t i = 0; i + n <= len; i++)
		if ((s[i] | 0x20) == 'b' && strncasecmp(s + i, word, n) == 0)
			found++;
	return found;
}

int
dsn_mime_split(const char *message, size_t len, size_t body_at,
    struct dsn_parts *parts, struct err *e)
{
	GMimeStream *stream;
	GMimeParser *parser;
	GMimeMessage *parsed;
	unsigned count = 0;

	if (count_boundaries(message, len) > DSN_MULTIPARTS_MAX) {
		err_set(e, ERR_LIMIT, "more than %d multiparts",
		    DSN_MULTIPARTS_MAX);
		return -1;
	}
	stream = g_mime_stream_mem_new_with_buffer(message, len);
	parser = g_mime_parser_new_with_stream(stream);
	parsed = g_mime_parser_construct_message(parser, NULL);
	if (parsed != NULL) {
		walk(parts, g_mime_message_get_mime_part(parsed), 0, &count);
		g_object_unref(parsed);
	}
	g_object_unref(parser);
	g_object_unref(stream);
	/* A boundary that is not what the header says: better than nothing. */
	if (parts->human.len == 0 && parts->status.len == 0)
		add_cut(&parts->human, message + body_at, len - body_at);
	return 0;
}
