/* SPDX-License-Identifier: Apache-2.0 */
/*
 * entry_word.c - the values of a consent entry as JSON has them.
 */
#include "config.h"

#include <string.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include "lib/base64.h"
#include "lib/date.h"
#include "lib/entry_word.h"
#include "lib/evidence_private.h"
#include "lib/strbuf.h"
#include "lib/utf8.h"

#define WORD_OCTETS_MAX	65536	/* octets of one value: those of an entry */

json_t *
entry_word_time(uint64_t ms)
{
	char text[DATE_RFC3339_LEN + 1];

	date_rfc3339(ms > DATE_MAX_MS ? DATE_MAX_MS : (int64_t)ms, text);
	return json_string(text);
}

json_t *
entry_word_hex(struct slice s)
{
	struct strbuf b = STRBUF_INIT(2 * WORD_OCTETS_MAX);
	json_t *j;

	evidence_hex(s.p, s.len, &b);
	j = b.overflow ? NULL : json_stringn(b.s, b.len);
	strbuf_free(&b);
	return j;
}

json_t *
entry_word_ip(struct slice s)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	char text[INET6_ADDRSTRLEN];
	bool v4 = memcmp(s.p, mapped, sizeof(mapped)) == 0;

	inet_ntop(v4 ? AF_INET : AF_INET6, v4 ? s.p + 12 : s.p, text,
	    sizeof(text));
	return json_string(text);
}

json_t *
entry_word_octets(struct slice s)
{
	struct strbuf b = STRBUF_INIT(2 * WORD_OCTETS_MAX);
	json_t *j;

	if (utf8_valid((const char *)s.p, s.len))
		return json_stringn((const char *)s.p, s.len);
	base64_put(&b, s.p, s.len);
	j = b.overflow ? NULL : json_pack("{s:s%}", "base64", b.s, b.len);
	strbuf_free(&b);
	return j;
}

json_t *
entry_word_indexes(struct slice s)
{
	json_t *j = json_array();
	struct unpack u;

	unpack_init(&u, s.p, s.len);
	while (u.left >= 8)
		json_array_append_new(j,
		    json_integer((json_int_t)unpack_u64(&u)));
	return j;
}
