/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_render.c - what one rendered copy costs, its SHA-256 included.
 *
 * Prints "bench NAME VALUE UNIT" lines; an optional argument gives the number
 * of copies (default 100,000).  The message is what a newsletter is: plain
 * text and HTML of 5 KB together, a name, a city and the unsubscribe link.
 */
#include "config.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/err.h"
#include "lib/header.h"
#include "lib/lint.h"
#include "lib/template.h"

static double
cpu_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

static void
make_message(struct strbuf *b)
{
	strbuf_adds(b, "From: =?utf-8?q?J=C3=B6rg?= <news@lists.example>\r\n"
	    "Subject: News of November\r\nMIME-Version: 1.0\r\n"
	    "Content-Type: multipart/alternative; boundary=\"b1\"\r\n\r\n"
	    "--b1\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
	    "Dear {{name}},\r\n\r\n");
	for (int i = 0; i < 24; i++)
		strbuf_adds(b, "Here is a line of text that says what is new "
		    "this month, plainly.\r\n");
	strbuf_adds(b, "\r\nLeave: {{unsubscribe_url}}\r\n--b1\r\n"
	    "Content-Type: text/html; charset=utf-8\r\n\r\n"
	    "<html><body><p>Dear {{name}} of {{city}},</p>\r\n");
	for (int i = 0; i < 36; i++)
		strbuf_adds(b, "<p>Here is a line of text that says what is "
		    "new this month, plainly.</p>\r\n");
	strbuf_adds(b, "<p><a href=\"{{unsubscribe_url}}\">Leave</a></p>\r\n"
	    "</body></html>\r\n--b1--\r\n");
}

static struct template *
compile(void)
{
	static struct lint_report report;
	static const struct template_params params = {
		.list_id = "news.lists.example", .list_title = "News",
		.base_url = "https://lists.example",
		.bounce_domain = "bounces.lists.example",
		.help_uri = "mailto:news-help@lists.example",
		.owner_uri = "mailto:news-owner@lists.example",
		.subscribe_uri = "https://lists.example/join/news",
		.feedback = { "c1", "l1", "o1" }, .feedback_sender = "listd",
		.cfbl_address = "fbl@lists.example",
		.date_ms = 1700000000000,
	};
	struct strbuf b = STRBUF_INIT(1 << 20);
	struct err e = ERR_INIT;
	struct template *t;

	make_message(&b);
	t = template_compile((const uint8_t *)b.s, b.len, &params, &report,
	    &e);
	if (t == NULL) {
		fprintf(stderr, "%s\n", e.text);
		exit(1);
	}
	strbuf_free(&b);
	return t;
}

int
main(int argc, char **argv)
{
	unsigned long copies = argc > 1 ? strtoul(argv[1], NULL, 10) : 100000;
	char base64[401];
	struct strbuf witness = STRBUF_INIT(1024);
	json_t *who = json_pack("{s:s, s:s}", "name", "J\303\266rg & Anna",
	    "city", "Sankt P\303\266lten");
	struct template_values v = {
		.address = "joerg.anna@mail.example",
		.url_token = "aeaaaaaaaaaaaahqaaaaaaaaaaaax3xpaaaaaaaaaaaaaeaa"
		    "aaaaaaaaaaaahqaaaa",
		.mailto_token = "aeaaaaaaaaaaaahqaaaaaaaaaaaax3xpaaaaaaaaaaaaae"
		    "aaaa",
		.message_token = "aeaaaaaaaaaaaahqaaaaaaaaaaaax3xpaaaaaaaaaaaa",
		.attributes = who,
	};
	struct rendered r = RENDERED_INIT;
	struct template *t = compile();
	struct err e = ERR_INIT;
	double start = 0;

	memset(base64, 'A', sizeof(base64) - 1);
	for (size_t i = 64; i < sizeof(base64) - 1; i += 65)
		base64[i] = ' ';
	header_field_raw(&witness, "Listd-Ledger", base64, sizeof(base64) - 1,
	    &e);
	v.witness = (struct slice){ (uint8_t *)witness.s, witness.len };
	for (unsigned long i = 0; i <= copies; i++) {
		if (i == 1)
			start = cpu_us();	/* the first one allocates */
		if (template_render(t, &v, &r, &e) == -1) {
			fprintf(stderr, "%s\n", e.text);
			return 1;
		}
	}
	printf("bench render_us %.2f us\n",
	    (cpu_us() - start) / (double)(copies != 0 ? copies : 1));
	printf("bench render_octets %zu octets\n", r.octets);
	printf("bench render_pieces %zu pieces\n", r.iovs);
	strbuf_free(&witness);
	rendered_free(&r);
	template_free(t);
	json_decref(who);
	return 0;
}
