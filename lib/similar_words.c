/* SPDX-License-Identifier: Apache-2.0 */
/*
 * similar_words.c - from text to the runs of words that count.
 *
 * Words are what Unicode calls letters, marks and digits in a row; in scripts
 * without blanks between words each character is one.  What may differ from
 * copy to copy or from day to day is taken out here: see similar.h.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <unicase.h>
#include <uninorm.h>
#include <unictype.h>

#include "lib/similar_private.h"
#include "lib/utf8.h"
#include "lib/xmalloc.h"

#define GREETING_WORDS	8	/* a greeting's, with the name */
#define GREETING_CHARS	16	/* the same, a character a word */
#define GREETED_WITHIN	6	/* paragraphs that can hold the greeting */
#define NUMBER_MAX	5	/* digits; a longer one is a token */
#define TOKEN_MIN	8	/* octets of letters mixed with digits */
#define WORD_MAX	64	/* octets; a longer one is a token */

enum kind {
	KIND_WORD,
	KIND_CHAR,		/* a word of one character */
	KIND_DAY,		/* a number that can be one of a date */
	KIND_MONTH,
	KIND_NOTHING,		/* taken out */
};

struct word {
	const char	*s;
	size_t		 len;
	enum kind	 kind;
	bool		 stop;		/* a mark or line end follows */
};

struct paragraph {
	struct word	*word;
	size_t		 n;
	bool		 frame;
};

/* All folded: lower case, NFKC. */
static const char *const months[] = {
	"january", "february", "march", "april", "may", "june", "july",
	"august", "september", "october", "november", "december", "jan",
	"feb", "mar", "apr", "jun", "jul", "aug", "sep", "sept", "oct",
	"nov", "dec",
	"januar", "februar", "märz", "mai", "juni", "juli", "oktober",
	"dezember",
	"janvier", "février", "mars", "avril", "juin", "juillet", "août",
	"septembre", "octobre", "novembre", "décembre",
	"enero", "febrero", "marzo", "abril", "mayo", "junio", "julio",
	"agosto", "septiembre", "octubre", "noviembre", "diciembre",
	"gennaio", "febbraio", "aprile", "maggio", "giugno", "luglio",
	"settembre", "ottobre", "dicembre",
	"januari", "februari", "maart", "mei", "augustus",
	"janeiro", "fevereiro", "março", "maio", "junho", "julho",
	"setembro", "outubro", "novembro", "dezembro",
	"stycznia", "lutego", "marca", "kwietnia", "maja", "czerwca",
	"lipca", "sierpnia", "września", "października", "listopada",
	"grudnia",
	"января", "февраля", "марта", "апреля", "мая", "июня", "июля",
	"августа", "сентября", "октября", "ноября", "декабря",
};

static const char *const weekdays[] = {
	"monday", "tuesday", "wednesday", "thursday", "friday", "saturday",
	"sunday", "mon", "tue", "tues", "wed", "thu", "thurs", "fri", "sat",
	"montag", "dienstag", "mittwoch", "donnerstag", "freitag", "samstag",
	"sonntag", "lundi", "mardi", "mercredi", "jeudi", "vendredi",
	"samedi", "dimanche", "lunes", "martes", "miércoles", "jueves",
	"viernes", "sábado", "domingo", "lunedì", "martedì", "mercoledì",
	"giovedì", "venerdì", "sabato", "domenica", "maandag", "dinsdag",
	"woensdag", "donderdag", "vrijdag", "zaterdag", "zondag",
};

static const char *const greetings[] = {
	"hello", "hi", "hey", "dear", "greetings", "welcome",
	"hallo", "liebe", "lieber", "liebes", "moin", "servus", "grüezi",
	"bonjour", "bonsoir", "salut", "cher", "chère", "chers", "chères",
	"hola", "estimado", "estimada", "querido", "querida",
	"ciao", "salve", "gentile", "caro", "cara",
	"olá", "prezado", "prezada", "caro", "cara",
	"beste", "geachte", "hoi", "hej", "hei", "kära", "käre", "kjære",
	"cześć", "witaj", "drogi", "droga", "szanowny", "szanowna",
	"привет", "здравствуйте", "здравствуй", "уважаемый", "уважаемая",
	"dragă", "bună", "merhaba", "sayın", "안녕하세요",
};

/* ... of two words, or characters. */
static const char *const greetings2[] = {
	"good morning", "good afternoon", "good evening", "guten tag",
	"guten morgen", "guten abend", "sehr geehrte", "sehr geehrter",
	"buenos días", "buenas tardes", "buon giorno", "bom dia", "boa tarde",
	"亲 爱", "尊 敬", "您 好", "你 好", "親 愛", "こ ん",
};

/* A name stands before these. */
static const char *const honorifics[] = { "様", "樣", "님", "さん", "先生",
	"女士", "小姐" };

#define IS_ONE_OF(LIST, W) \
	is_one_of(LIST, sizeof(LIST) / sizeof((LIST)[0]), (W)->s, (W)->len)

static bool
is_one_of(const char *const list[], size_t n, const char *s, size_t len)
{
	for (size_t i = 0; i < n; i++)
		if (strlen(list[i]) == len && memcmp(list[i], s, len) == 0)
			return true;
	return false;
}

/* ---- characters */

/* Shown by nothing: joiners, marks of direction, selectors, fillers. */
static bool
is_invisible(uint32_t c)
{
	return uc_is_general_category_withtable(c, UC_CATEGORY_MASK_Cf) ||
	    c == 0x34f || (c >= 0xfe00 && c <= 0xfe0f) ||
	    (c >= 0xe0100 && c <= 0xe01ef) || c == 0x115f || c == 0x1160 ||
	    c == 0x3164 || c == 0x17b4 || c == 0x17b5;
}

static bool
is_of_word(uint32_t c)
{
	return uc_is_general_category_withtable(c, UC_CATEGORY_MASK_L |
	    UC_CATEGORY_MASK_M | UC_CATEGORY_MASK_N);
}

/* Scripts that put no blanks between words. */
static bool
is_alone(uint32_t c)
{
	return (c >= 0x2e80 && c <= 0xa4cf && c != 0x3164) ||
	    (c >= 0xf900 && c <= 0xfaff) || (c >= 0x20000 && c <= 0x3ffff) ||
	    (c >= 0xe00 && c <= 0xeff) || (c >= 0x1000 && c <= 0x109f) ||
	    (c >= 0x1780 && c <= 0x17ff) || (c >= 0x19e0 && c <= 0x19ff);
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* ---- words */

/*
 * Octets of printable ASCII at s, without a blank.  *token_r: a URL or an
 * address of mail is among them, and none of it is a word.
 */
static size_t
ascii_at(const char *s, const char *end, bool *token_r)
{
	size_t n = 0;

	while (s + n < end && s[n] > ' ' && s[n] < 0x7f &&
	    strchr("<>\"", s[n]) == NULL)
		n++;
	*token_r = memmem(s, n, "://", 3) != NULL ||
	    memchr(s, '@', n) != NULL || memmem(s, n, "www.", 4) != NULL;
	return n;
}

/*
 * A number with its points at s.  *date_r: three groups as of a date, or a
 * time.
 */
static size_t
number_at(const char *s, const char *end, bool *date_r)
{
	unsigned groups = 1, odd = 0, colons = 0, digits = 0;
	size_t n = 0;

	for (; s + n < end; n++) {
		if (is_digit(s[n])) {
			digits++;
			continue;
		}
		if (strchr(".,:/-", s[n]) == NULL || s + n + 1 == end ||
		    !is_digit(s[n + 1]))
			break;
		colons += s[n] == ':';
		odd += (digits != 1 && digits != 2 && digits != 4) ||
		    s[n] == ',';
		groups++;
		digits = 0;
	}
	odd += digits != 1 && digits != 2 && digits != 4;
	*date_r = colons > 0 || (groups == 3 && odd == 0);
	return n;
}

/* Letters mixed with digits, or too long: no word of a language. */
static bool
is_token(const struct word *w)
{
	size_t digits = 0;

	for (size_t i = 0; i < w->len; i++)
		digits += is_digit(w->s[i]);
	return w->len > WORD_MAX || (digits > 0 && digits < w->len &&
	    w->len >= TOKEN_MIN);
}

static bool
is_day(const struct word *w)
{
	size_t n = 0;

	while (n < w->len && is_digit(w->s[n]))
		n++;
	return n >= 1 && n <= 2 && w->len - n <= 2;
}

/* A year, or longer than a price or count is. */
static bool
is_number_out(const struct word *w)
{
	size_t digits = 0;

	for (size_t i = 0; i < w->len; i++)
		digits += is_digit(w->s[i]);
	if (digits != w->len)
		return digits > 2 * NUMBER_MAX;
	return digits > NUMBER_MAX || (digits == 4 && (memcmp(w->s, "19",
	    2) == 0 || memcmp(w->s, "20", 2) == 0));
}

static enum kind
kind_of(const struct word *w)
{
	if (IS_ONE_OF(months, w))
		return KIND_MONTH;
	if (IS_ONE_OF(weekdays, w) || is_token(w) || (is_digit(w->s[0]) &&
	    is_number_out(w)))
		return KIND_NOTHING;
	return is_day(w) ? KIND_DAY : KIND_WORD;
}

static struct word *
new_word(struct paragraph *p, const char *s, size_t len, enum kind kind)
{
	struct word *w;

	if (p->n == SIMILAR_WORDS_MAX)
		return NULL;
	w = &p->word[p->n++];
	*w = (struct word){ s, len, kind, false };
	return w;
}

static void
stop(struct paragraph *p)
{
	if (p->n > 0)
		p->word[p->n - 1].stop = true;
}

/* Take the word at s; returns behind it. */
static const char *
take_word(struct paragraph *p, const char *s, const char *end)
{
	struct word w = { s, 0, KIND_WORD, false };
	bool date = false;
	uint32_t c;
	size_t n;

	if (is_digit(*s) && (n = number_at(s, end, &date)) > 0) {
		w.len = n;
		s += n;
	}
	if (date) {
		new_word(p, w.s, w.len, KIND_NOTHING);
		return s;
	}
	for (; s < end; s += n) {
		n = utf8_next(s, (size_t)(end - s), &c);
		if (!is_of_word(c))
			break;
		if (is_alone(c)) {
			if (w.len == 0) {
				new_word(p, s, n, KIND_CHAR);
				return s + n;
			}
			break;
		}
		w.len += n;
	}
	new_word(p, w.s, w.len, kind_of(&w));
	return s;
}

static void
find_words(struct paragraph *p, const char *s, const char *end)
{
	const char *known = s;	/* before it there is no token */
	bool fresh = true;	/* no word goes on here */
	bool token;
	uint32_t c;
	size_t n;

	p->n = 0;
	p->frame = false;
	while (s < end) {
		if (fresh && s >= known) {
			n = ascii_at(s, end, &token);
			known = s + n;
			if (token) {
				s = known;
				continue;
			}
		}
		if ((n = utf8_next(s, (size_t)(end - s), &c)) == 0)
			break;
		fresh = false;
		if (is_of_word(c)) {
			s = take_word(p, s, end);
			continue;
		}
		p->frame |= c == (uint32_t)SIMILAR_FRAME;
		/* An apostrophe or hyphen is no end of a greeting. */
		if (c != ' ' && c != '\t' && c != '\r' && c != '-' &&
		    c != '\'' && c != 0x2019 && c != '.')
			stop(p);
		fresh = true;
		s += n;
	}
	stop(p);
}

/* ---- what is taken out of a paragraph */

static bool
is_of_date(const struct word *w)
{
	static const char *const units[] = { "年", "月", "日", "号", "號",
		"時", "时", "分" };

	return w->kind == KIND_CHAR && IS_ONE_OF(units, w);
}

/* Days of months, beside their names or with a word between. */
static void
drop_dates(struct paragraph *p)
{
	struct word *w = p->word;

	for (size_t i = 0; i < p->n; i++) {
		if (w[i].kind != KIND_MONTH)
			continue;
		for (size_t k = i >= 2 ? i - 2 : 0; k <= i + 2 && k < p->n;
		    k++)
			if (w[k].kind == KIND_DAY)
				w[k].kind = KIND_NOTHING;
	}
	for (size_t i = 0; i < p->n; i++) {
		if (w[i].kind == KIND_MONTH)
			w[i].kind = KIND_NOTHING;
		if (i > 0 && is_of_date(&w[i]) && is_digit(w[i - 1].s[0]))
			w[i].kind = w[i - 1].kind = KIND_NOTHING;
	}
}

static bool
is_two(const struct word *a, const struct word *b, const char *two)
{
	size_t n = strcspn(two, " ");

	return a->len == n && memcmp(a->s, two, n) == 0 &&
	    b->len == strlen(two + n + 1) &&
	    memcmp(b->s, two + n + 1, b->len) == 0;
}

static bool
begins_greeting(const struct paragraph *p)
{
	if (IS_ONE_OF(greetings, &p->word[0]))
		return true;
	for (size_t i = 0; p->n > 1 && i < sizeof(greetings2) /
	    sizeof(greetings2[0]); i++)
		if (is_two(&p->word[0], &p->word[1], greetings2[i]))
			return true;
	return false;
}

/* Does the text up to the end of w end in an honorific? */
static bool
ends_in_honorific(const struct paragraph *p, const struct word *w)
{
	const char *end = w->s + w->len;

	for (size_t i = 0; i < sizeof(honorifics) / sizeof(honorifics[0]);
	    i++) {
		size_t n = strlen(honorifics[i]);

		if ((size_t)(end - p->word[0].s) > n &&
		    memcmp(end - n, honorifics[i], n) == 0)
			return true;
	}
	return false;
}

/* True when it had one. */
static bool
drop_greeting(struct paragraph *p)
{
	bool greets = begins_greeting(p);
	size_t max = p->word[0].kind == KIND_CHAR ? GREETING_CHARS :
	    GREETING_WORDS, i;

	for (i = 0; i < p->n && i < max && !p->word[i].stop; i++)
		;
	if (i == p->n || !p->word[i].stop ||
	    (!greets && !ends_in_honorific(p, &p->word[i])))
		return false;
	for (size_t k = 0; k <= i; k++)
		p->word[k].kind = KIND_NOTHING;
	return true;
}

/* ---- runs */

static void
add_runs(const struct paragraph *p, struct similar_runs *r)
{
	uint64_t last[SIMILAR_RUN] = { 0 };
	size_t n = 0;

	for (size_t i = 0; i < p->n; i++) {
		uint64_t run = 0;

		if (p->word[i].kind == KIND_NOTHING)
			continue;
		last[n++ % SIMILAR_RUN] = similar_hash(0, p->word[i].s,
		    p->word[i].len);
		if (n < SIMILAR_RUN)
			continue;
		for (size_t k = n - SIMILAR_RUN; k < n; k++)
			run = similar_hash(run, &last[k % SIMILAR_RUN],
			    sizeof(last[0]));
		similar_runs_add(r, run);
	}
	/* One that is shorter is a run of its own. */
	if (n > 0 && n < SIMILAR_RUN)
		similar_runs_add(r, similar_hash(n, last, sizeof(last)));
}

/* Folded, and without what nobody sees. */
static char *
fold(const struct strbuf *text, size_t *len_r)
{
	struct strbuf whole = STRBUF_INIT(4 * SIMILAR_TEXT_MAX);
	struct strbuf seen = STRBUF_INIT(4 * SIMILAR_TEXT_MAX);
	uint8_t *folded;
	uint32_t c;

	utf8_append_repaired(&whole, text->s, text->len);
	for (size_t i = 0, n; i < whole.len &&
	    (n = utf8_next(whole.s + i, whole.len - i, &c)) > 0; i += n)
		if (!is_invisible(c))
			strbuf_add(&seen, whole.s + i, n);
	folded = u8_casefold((const uint8_t *)seen.s, seen.len, NULL,
	    UNINORM_NFKC, NULL, len_r);
	strbuf_free(&whole);
	strbuf_free(&seen);
	return (char *)folded;
}

void
similar_words(const struct strbuf *text, struct similar_runs *r)
{
	struct paragraph p = { NULL, 0, false };
	unsigned ungreeted = GREETED_WITHIN;
	const char *at, *end, *next;
	size_t len = 0;
	char *folded;

	if (text->len == 0 || (folded = fold(text, &len)) == NULL)
		return;
	p.word = xcalloc(SIMILAR_WORDS_MAX, sizeof(*p.word));
	end = folded + len;
	for (at = folded; at < end; at = next + 1) {
		next = memchr(at, SIMILAR_PARAGRAPH, (size_t)(end - at));
		if (next == NULL)
			next = end;
		find_words(&p, at, next);
		if (p.n == 0 || p.frame)
			continue;
		if (ungreeted > 0)
			ungreeted = drop_greeting(&p) ? 0 : ungreeted - 1;
		drop_dates(&p);
		add_runs(&p, r);
	}
	free(p.word);
	free(folded);
}
