/* SPDX-License-Identifier: Apache-2.0 */
/*
 * html.c - pages out of texts and values.
 */
#include "config.h"

#include <pthread.h>
#include <string.h>

#include <openssl/evp.h>

#include "lib/address.h"
#include "lib/strbuf.h"
#include "lib/utf8.h"
#include "web/html.h"
#include "web/site.h"

#define SHA256_OCTETS	32
#define ABOUT_TO_POLICY	256	/* octets of the policy apart from the hash */

/* Changes nothing but looks; the policy carries the hash of these octets. */
static const char style[] =
    ":root{color-scheme:light dark;--back:#f4f5f7;--card:#fff;--text:#1b1f24;"
    "--soft:#57606a;--line:#d8dee4;--key:#0b5cad;--on:#fff;--note:#fff4d6}"
    "@media(prefers-color-scheme:dark){:root{--back:#14171b;--card:#1d2126;"
    "--text:#e7eaee;--soft:#a3adb8;--line:#363c44;--key:#7db7f5;--on:#0d1116;"
    "--note:#3a3116}}"
    "*{box-sizing:border-box}"
    "body{margin:0;padding:1.5rem 1rem;background:var(--back);"
    "color:var(--text);font:1.0625rem/1.55 system-ui,-apple-system,"
    "\"Segoe UI\",Roboto,\"Noto Sans\",sans-serif}"
    "main,footer{max-width:36rem;margin:0 auto}"
    "main{padding:1.75rem;background:var(--card);border:1px solid var(--line);"
    "border-radius:.75rem;overflow-wrap:anywhere}"
    "h1{margin:0 0 1rem;font-size:1.6rem;line-height:1.25}"
    "h2{margin:1.75rem 0 .5rem;font-size:1.15rem}"
    "p,ul{margin:0 0 1rem}ul{padding-left:1.25rem}li{margin-bottom:.4rem}"
    "main>:last-child,form>:last-child,div>:last-child{margin-bottom:0}"
    "a{color:var(--key)}"
    "label{display:block;margin:1.25rem 0 .35rem;font-weight:600}"
    "input{display:block;width:100%;margin-bottom:1.25rem;padding:.65rem "
    ".75rem;border:1px solid var(--soft);border-radius:.5rem;"
    "background:var(--back);color:inherit;font:inherit}"
    "button,.button{display:inline-block;padding:.7rem 1.4rem;border:2px solid "
    "var(--key);border-radius:.5rem;background:var(--key);color:var(--on);"
    "font:inherit;font-weight:600;text-decoration:none;cursor:pointer}"
    ".second{background:transparent;color:var(--key)}"
    ":focus-visible{outline:3px solid var(--key);outline-offset:2px}"
    ".note{padding:.75rem 1rem;border-radius:.5rem;background:var(--note)}"
    ".apart{margin-top:2rem;padding-top:1.25rem;border-top:1px solid "
    "var(--line)}"
    ".soft{color:var(--soft);font-size:.95rem}"
    "footer{padding:1rem .25rem;color:var(--soft);font-size:.9rem}"
    "footer a{color:inherit;margin-right:1.25rem}";

/* ---- values */

/* What would turn the direction of text that is not its own (T31). */
static bool
turns_text(uint32_t c)
{
	return c == 0x200e || c == 0x200f || c == 0x061c ||
	    (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

static bool
control(uint32_t c)
{
	return (c < ' ' && c != '\n' && c != '\t') ||
	    (c >= 0x7f && c < 0xa0);
}

static void
escape_one(struct strbuf *out, uint32_t c, const char *p, size_t n)
{
	switch (c) {
	case '&':
		strbuf_adds(out, "&amp;");
		break;
	case '<':
		strbuf_adds(out, "&lt;");
		break;
	case '>':
		strbuf_adds(out, "&gt;");
		break;
	case '"':
		strbuf_adds(out, "&quot;");
		break;
	case '\'':
		strbuf_adds(out, "&#39;");
		break;
	default:
		if (control(c) || turns_text(c))
			utf8_append(out, 0xfffd);
		else
			strbuf_add(out, p, n);
	}
}

void
html_escape(struct strbuf *out, const char *value, size_t len)
{
	while (len > 0) {
		uint32_t c = 0;
		size_t n = utf8_next(value, len, &c);

		if (n == 0) {
			utf8_append(out, 0xfffd);
			n = 1;
		} else {
			escape_one(out, c, value, n);
		}
		value += n;
		len -= n;
	}
}

static void
escape(struct strbuf *out, const char *value)
{
	html_escape(out, value, strlen(value));
}

static void
add_text(struct strbuf *out, enum text id, const char *value,
    const char *before, const char *after)
{
	const char *t = text(id), *hole = strstr(t, "{}");

	if (hole == NULL || value == NULL) {
		escape(out, t);
		return;
	}
	html_escape(out, t, (size_t)(hole - t));
	strbuf_adds(out, before);
	escape(out, value);
	strbuf_adds(out, after);
	escape(out, hole + 2);
}

void
html_text(struct strbuf *out, enum text id, const char *value)
{
	add_text(out, id, value, "", "");
}

/* ---- the policy */

static char policy[ABOUT_TO_POLICY + SHA256_OCTETS * 2];
static pthread_once_t policy_once = PTHREAD_ONCE_INIT;

static void
make_policy(void)
{
	struct strbuf b = STRBUF_INIT(sizeof(policy) - 1);
	unsigned char hash[EVP_MAX_MD_SIZE];
	char base64[SHA256_OCTETS * 2];

	strbuf_adds(&b, "default-src 'none'; base-uri 'none'; "
	    "form-action 'self'; frame-ancestors 'none'");
	/* Without the hash a page is plain, and no less safe. */
	if (EVP_Digest(style, sizeof(style) - 1, hash, NULL, EVP_sha256(),
	    NULL) == 1) {
		EVP_EncodeBlock((unsigned char *)base64, hash, SHA256_OCTETS);
		strbuf_addf(&b, "; style-src 'sha256-%s'", base64);
	}
	memcpy(policy, b.s, b.len + 1);
	strbuf_free(&b);
}

const char *
html_policy(void)
{
	pthread_once(&policy_once, make_policy);
	return policy;
}

/* ---- parts of a page */

void
html_begin(struct strbuf *out, enum text title, const char *value)
{
	strbuf_adds(out, "<!DOCTYPE html>\n<html lang=\"");
	escape(out, text(TEXT_LANGUAGE));
	strbuf_adds(out, "\">\n<head>\n<meta charset=\"utf-8\">\n"
	    "<meta name=\"viewport\" content=\"width=device-width, "
	    "initial-scale=1\">\n"
	    "<meta name=\"color-scheme\" content=\"light dark\">\n"
	    "<meta name=\"robots\" content=\"noindex, nofollow\">\n<title>");
	html_text(out, title, value);
	strbuf_adds(out, "</title>\n<style>");
	strbuf_adds(out, style);
	strbuf_adds(out, "</style>\n</head>\n<body>\n<main>\n<h1>");
	add_text(out, title, value, "<bdi>", "</bdi>");
	strbuf_adds(out, "</h1>\n");
}

static void
foot_link(struct strbuf *out, enum text id, const char *scheme,
    const char *target)
{
	strbuf_addf(out, "<a href=\"%s", scheme);
	escape(out, target);
	strbuf_adds(out, "\">");
	html_text(out, id, NULL);
	strbuf_adds(out, "</a>\n");
}

void
html_end(struct strbuf *out, const struct site *site)
{
	strbuf_adds(out, "</main>\n<footer>\n");
	foot_link(out, TEXT_FOOT_HOME, site->prefix, "/");
	foot_link(out, TEXT_FOOT_ABUSE, site->prefix, "/abuse");
	foot_link(out, TEXT_FOOT_DATA, site->prefix, "/data");
	foot_link(out, TEXT_FOOT_OPERATOR, "mailto:", site->postmaster);
	strbuf_adds(out, "</footer>\n</body>\n</html>\n");
}

void
html_heading(struct strbuf *out, enum text id)
{
	strbuf_adds(out, "<h2>");
	html_text(out, id, NULL);
	strbuf_adds(out, "</h2>\n");
}

void
html_paragraph(struct strbuf *out, enum text id, const char *value)
{
	strbuf_adds(out, "<p>");
	add_text(out, id, value, "<strong><bdi>", "</bdi></strong>");
	strbuf_adds(out, "</p>\n");
}

void
html_statement(struct strbuf *out, const char *text)
{
	while (*text != '\0') {
		size_t len = strcspn(text, "\n");

		if (len > 0) {
			strbuf_adds(out, "<p><bdi>");
			html_escape(out, text, len);
			strbuf_adds(out, "</bdi></p>\n");
		}
		text += len + (text[len] == '\n');
	}
}

void
html_paragraph_mailto(struct strbuf *out, enum text id, const char *address)
{
	struct strbuf before = STRBUF_INIT(4096);

	strbuf_adds(&before, "<a href=\"mailto:");
	escape(&before, address);
	strbuf_adds(&before, "\">");
	strbuf_adds(out, "<p>");
	add_text(out, id, address, before.s, "</a>");
	strbuf_adds(out, "</p>\n");
	strbuf_free(&before);
}

void
html_note(struct strbuf *out, enum text id)
{
	strbuf_adds(out, "<p class=\"note\" role=\"alert\">");
	html_text(out, id, NULL);
	strbuf_adds(out, "</p>\n");
}

void
html_lines(struct strbuf *out, const char *value)
{
	const char *eol;

	strbuf_adds(out, "<p><bdi>");
	for (; (eol = strchr(value, '\n')) != NULL; value = eol + 1) {
		html_escape(out, value, (size_t)(eol - value));
		strbuf_adds(out, "<br>\n");
	}
	escape(out, value);
	strbuf_adds(out, "</bdi></p>\n");
}

void
html_link(struct strbuf *out, enum text id, const char *prefix,
    const char *path, const char *argument)
{
	strbuf_adds(out, "<p><a class=\"button\" href=\"");
	escape(out, prefix);
	escape(out, path);
	escape(out, argument);
	strbuf_adds(out, "\">");
	html_text(out, id, NULL);
	strbuf_adds(out, "</a></p>\n");
}

void
html_form_begin(struct strbuf *out)
{
	strbuf_adds(out, "<form method=\"post\">\n");
}

void
html_hidden(struct strbuf *out, const char *name, const char *value)
{
	strbuf_addf(out, "<input type=\"hidden\" name=\"%s\" value=\"", name);
	escape(out, value);
	strbuf_adds(out, "\">\n");
}

void
html_address_field(struct strbuf *out, enum text label, const char *value)
{
	strbuf_adds(out, "<label for=\"address\">");
	html_text(out, label, NULL);
	strbuf_addf(out, "</label>\n<input type=\"email\" id=\"address\" "
	    "name=\"address\" autocomplete=\"email\" maxlength=\"%d\" "
	    "required value=\"", ADDRESS_MAX);
	escape(out, value);
	strbuf_adds(out, "\">\n");
}

void
html_field(struct strbuf *out, const char *label, const char *name,
    const char *value)
{
	strbuf_adds(out, "<label>");
	escape(out, label);
	strbuf_addf(out, "<br>\n<input type=\"text\" name=\"%s\" value=\"",
	    name);
	escape(out, value);
	strbuf_adds(out, "\"></label>\n");
}

void
html_button(struct strbuf *out, enum text id, const char *class)
{
	strbuf_addf(out, "<p><button type=\"submit\"%s>", class);
	html_text(out, id, NULL);
	strbuf_adds(out, "</button></p>\n");
}

void
html_form_end(struct strbuf *out)
{
	strbuf_adds(out, "</form>\n");
}
