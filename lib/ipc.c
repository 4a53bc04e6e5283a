/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ipc.c - the fields of each frame, written and read in one place.
 */
#include "config.h"

#include <string.h>

#include "lib/ipc.h"
#include "lib/strbuf.h"

/* An enum field: values past the last known one make the frame bad. */
static unsigned
get_enum(struct unpack *u, unsigned last)
{
	uint8_t v = unpack_u8(u);

	if (v > last)
		u->bad = true;
	return u->bad ? 0 : v;
}

static bool
get_bool(struct unpack *u)
{
	return get_enum(u, 1) != 0;
}

static void
put_slice(struct strbuf *b, struct slice s)
{
	pack_bytes(b, s.p, s.len);
}

static void
put_hosts(struct strbuf *b, const struct ipc_host *host, uint16_t n)
{
	pack_u16(b, n);
	for (uint16_t i = 0; i < n; i++) {
		pack_u16(b, host[i].preference);
		pack_str(b, host[i].name);
	}
}

static uint16_t
get_hosts(struct unpack *u, struct ipc_host host[IPC_HOSTS_MAX])
{
	uint16_t n = unpack_u16(u);

	if (n > IPC_HOSTS_MAX)
		u->bad = true;
	for (uint16_t i = 0; i < n && !u->bad; i++) {
		host[i].preference = unpack_u16(u);
		unpack_str(u, host[i].name, sizeof(host[i].name));
	}
	return u->bad ? 0 : n;
}

void
ipc_put_hello(struct strbuf *b, const struct ipc_hello *v)
{
	pack_u64(b, v->epoch);
	pack_u32(b, v->node);
}

void
ipc_get_hello(struct unpack *u, struct ipc_hello *v)
{
	v->epoch = unpack_u64(u);
	v->node = unpack_u32(u);
}

void
ipc_put_route(struct strbuf *b, const struct ipc_route *v)
{
	pack_u32(b, v->request);
	pack_u8(b, (uint8_t)v->status);
	pack_u32(b, v->ttl_s);
	pack_u8(b, v->implicit);
	pack_u8(b, (uint8_t)v->tls);
	pack_u8(b, v->secure);
	pack_str(b, v->alias);
	pack_u8(b, v->any_tls);
	put_hosts(b, v->host, v->n);
	pack_str(b, v->text);
}

void
ipc_get_route(struct unpack *u, struct ipc_route *v)
{
	v->request = unpack_u32(u);
	v->status = get_enum(u, IPC_DNS_SELF);
	v->ttl_s = unpack_u32(u);
	v->implicit = get_bool(u);
	v->tls = get_enum(u, IPC_TLS_DANE);
	v->secure = get_bool(u);
	unpack_str(u, v->alias, sizeof(v->alias));
	v->any_tls = get_bool(u);
	v->n = get_hosts(u, v->host);
	unpack_str(u, v->text, sizeof(v->text));
}

void
ipc_put_session_open(struct strbuf *b, const struct ipc_session_open *v)
{
	pack_u32(b, v->session);
	pack_u16(b, v->depth);
	pack_u16(b, v->messages);
	pack_u8(b, (uint8_t)v->tls);
	pack_u8(b, (uint8_t)v->bdat);
	pack_u32(b, v->idle_ms);
	pack_u16(b, v->broken_tls_hours);
	pack_u32(b, v->provider);
	pack_u8(b, v->source_family);
	pack_raw(b, v->source_ip, sizeof(v->source_ip));
	pack_str(b, v->ehlo);
	pack_u8(b, v->secure);
	pack_str(b, v->domain);
	pack_str(b, v->alias);
	pack_u8(b, (uint8_t)v->relay);
	pack_u8(b, v->any_tls);
	put_hosts(b, v->host, v->n);
}

void
ipc_get_session_open(struct unpack *u, struct ipc_session_open *v)
{
	v->session = unpack_u32(u);
	v->depth = unpack_u16(u);
	v->messages = unpack_u16(u);
	v->tls = get_enum(u, IPC_TLS_DANE);
	v->bdat = get_enum(u, IPC_BDAT_NO);
	v->idle_ms = unpack_u32(u);
	v->broken_tls_hours = unpack_u16(u);
	v->provider = unpack_u32(u);
	v->source_family = unpack_u8(u);
	unpack_raw(u, v->source_ip, sizeof(v->source_ip));
	unpack_str(u, v->ehlo, sizeof(v->ehlo));
	v->secure = get_bool(u);
	unpack_str(u, v->domain, sizeof(v->domain));
	unpack_str(u, v->alias, sizeof(v->alias));
	v->relay = get_enum(u, IPC_RELAY_TLS);
	v->any_tls = get_bool(u);
	v->n = get_hosts(u, v->host);
}

void
ipc_put_session_state(struct strbuf *b, const struct ipc_session_state *v)
{
	pack_u32(b, v->session);
	pack_u8(b, (uint8_t)v->event);
	pack_u16(b, v->code);
	pack_u8(b, v->connects);
	pack_str(b, v->host);
	pack_str(b, v->text);
	pack_u8(b, v->spoken);
	pack_u8(b, (uint8_t)v->stage);
	pack_enhanced(b, v->enhanced);
	pack_u32(b, v->campaign);
	pack_u32(b, v->rule);
	pack_u8(b, v->category);
	pack_u8(b, v->site);
}

void
ipc_get_session_state(struct unpack *u, struct ipc_session_state *v)
{
	v->session = unpack_u32(u);
	v->event = get_enum(u, IPC_SESSION_CLOSED);
	v->code = unpack_u16(u);
	v->connects = unpack_u8(u);
	unpack_str(u, v->host, sizeof(v->host));
	unpack_str(u, v->text, sizeof(v->text));
	v->spoken = get_bool(u);
	v->stage = get_enum(u, IPC_STAGE_DOT);
	unpack_enhanced(u, v->enhanced);
	v->campaign = unpack_u32(u);
	v->rule = unpack_u32(u);
	v->category = unpack_u8(u);
	v->site = unpack_u8(u);
}

void
ipc_put_delivery(struct strbuf *b, const struct ipc_delivery *v)
{
	pack_u64(b, v->delivery);
	pack_u8(b, (uint8_t)v->kind);
	pack_u32(b, v->campaign);
	pack_u64(b, v->notice);
	pack_u64(b, v->subscriber);
	pack_u32(b, v->list);
	pack_u32(b, v->domain_id);
	pack_u64(b, v->h8);
	pack_u16(b, v->attempt);
	pack_i64(b, v->queued_ms);
	pack_u8(b, v->by_data);
	pack_str(b, v->local);
	pack_str(b, v->domain);
}

void
ipc_get_delivery(struct unpack *u, struct ipc_delivery *v)
{
	v->delivery = unpack_u64(u);
	v->kind = get_enum(u, IPC_KIND_TEST);
	v->campaign = unpack_u32(u);
	v->notice = unpack_u64(u);
	v->subscriber = unpack_u64(u);
	v->list = unpack_u32(u);
	v->domain_id = unpack_u32(u);
	v->h8 = unpack_u64(u);
	v->attempt = unpack_u16(u);
	v->queued_ms = unpack_i64(u);
	v->by_data = get_bool(u);
	unpack_str(u, v->local, sizeof(v->local));
	unpack_str(u, v->domain, sizeof(v->domain));
}

void
ipc_put_outcome(struct strbuf *b, const struct ipc_outcome *v)
{
	ipc_put_delivery(b, &v->what);
	pack_u8(b, (uint8_t)v->result);
	pack_u8(b, (uint8_t)v->stage);
	pack_u8(b, v->gate);
	pack_u16(b, v->code);
	pack_enhanced(b, v->enhanced);
	pack_u8(b, v->recipient);
	pack_u8(b, v->category);
	pack_u32(b, v->rule);
	pack_u8(b, v->tls);
	for (int i = 0; i < 4; i++)
		pack_u32(b, v->delay_ms[i]);
	pack_i64(b, v->when_ms);
	pack_str(b, v->host);
	pack_str(b, v->text);
	pack_str(b, v->message_id);
	put_slice(b, v->mail);
	if (v->mail.len > 0)
		pack_raw(b, v->mail_hash, sizeof(v->mail_hash));
}

void
ipc_get_outcome(struct unpack *u, struct ipc_outcome *v)
{
	ipc_get_delivery(u, &v->what);
	v->result = get_enum(u, IPC_REFUSED);
	v->stage = get_enum(u, IPC_STAGE_DOT);
	v->gate = unpack_u8(u);
	v->code = unpack_u16(u);
	unpack_enhanced(u, v->enhanced);
	v->recipient = unpack_u8(u);
	v->category = unpack_u8(u);
	v->rule = unpack_u32(u);
	v->tls = unpack_u8(u);
	for (int i = 0; i < 4; i++)
		v->delay_ms[i] = unpack_u32(u);
	v->when_ms = unpack_i64(u);
	unpack_str(u, v->host, sizeof(v->host));
	unpack_str(u, v->text, sizeof(v->text));
	unpack_str(u, v->message_id, sizeof(v->message_id));
	v->mail = unpack_bytes(u);
	memset(v->mail_hash, 0, sizeof(v->mail_hash));
	if (v->mail.len > 0)
		unpack_raw(u, v->mail_hash, sizeof(v->mail_hash));
	if (v->mail.len > IPC_RAW_MAX)
		u->bad = true;
}

void
ipc_put_prepared(struct strbuf *b, const struct ipc_prepared *v)
{
	pack_u32(b, v->request);
	pack_u32(b, v->campaign);
	pack_u8(b, v->ok);
	pack_u32(b, v->copy_octets);
	put_slice(b, v->findings);
	put_slice(b, v->fingerprint);
	pack_str(b, v->text);
}

void
ipc_get_prepared(struct unpack *u, struct ipc_prepared *v)
{
	v->request = unpack_u32(u);
	v->campaign = unpack_u32(u);
	v->ok = get_bool(u);
	v->copy_octets = unpack_u32(u);
	v->findings = unpack_bytes(u);
	v->fingerprint = unpack_bytes(u);
	unpack_str(u, v->text, sizeof(v->text));
}

void
ipc_put_evidence(struct strbuf *b, const struct ipc_evidence *v)
{
	struct slice raw = v->raw;

	if (raw.len > IPC_RAW_MAX)
		raw.len = IPC_RAW_MAX;
	pack_i64(b, v->when_ms);
	pack_raw(b, v->ip, sizeof(v->ip));
	pack_u16(b, v->port);
	pack_raw(b, v->proxy_ip, sizeof(v->proxy_ip));
	pack_u16(b, v->proxy_port);
	pack_str(b, v->channel);
	pack_str(b, v->agent);
	pack_str(b, v->form);
	put_slice(b, raw);
}

void
ipc_get_evidence(struct unpack *u, struct ipc_evidence *v)
{
	v->when_ms = unpack_i64(u);
	unpack_raw(u, v->ip, sizeof(v->ip));
	v->port = unpack_u16(u);
	unpack_raw(u, v->proxy_ip, sizeof(v->proxy_ip));
	v->proxy_port = unpack_u16(u);
	unpack_str(u, v->channel, sizeof(v->channel));
	unpack_str(u, v->agent, sizeof(v->agent));
	unpack_str(u, v->form, sizeof(v->form));
	v->raw = unpack_bytes(u);
	if (v->raw.len > IPC_RAW_MAX)
		u->bad = true;
}

void
ipc_put_subscribe(struct strbuf *b, const struct ipc_subscribe *v)
{
	pack_u64(b, v->request);
	ipc_put_evidence(b, &v->evidence);
	pack_str(b, v->list);
	pack_str(b, v->address);
	put_slice(b, v->attributes);
	put_slice(b, v->shown);
	put_slice(b, v->automation);
}

void
ipc_get_subscribe(struct unpack *u, struct ipc_subscribe *v)
{
	v->request = unpack_u64(u);
	ipc_get_evidence(u, &v->evidence);
	unpack_str(u, v->list, sizeof(v->list));
	unpack_str(u, v->address, sizeof(v->address));
	v->attributes = unpack_bytes(u);
	v->shown = unpack_bytes(u);
	v->automation = unpack_bytes(u);
}

void
ipc_put_confirm(struct strbuf *b, const struct ipc_confirm *v)
{
	pack_u64(b, v->request);
	ipc_put_evidence(b, &v->evidence);
	pack_str(b, v->token);
	put_slice(b, v->automation);
	put_slice(b, v->shown);
	pack_u32(b, v->looks);
	pack_i64(b, v->look_ms);
	pack_raw(b, v->look_ip, sizeof(v->look_ip));
	pack_str(b, v->look_agent);
}

void
ipc_get_confirm(struct unpack *u, struct ipc_confirm *v)
{
	v->request = unpack_u64(u);
	ipc_get_evidence(u, &v->evidence);
	unpack_str(u, v->token, sizeof(v->token));
	v->automation = unpack_bytes(u);
	v->shown = unpack_bytes(u);
	v->looks = unpack_u32(u);
	v->look_ms = unpack_i64(u);
	unpack_raw(u, v->look_ip, sizeof(v->look_ip));
	unpack_str(u, v->look_agent, sizeof(v->look_agent));
}

void
ipc_put_data(struct strbuf *b, const struct ipc_data *v)
{
	pack_u64(b, v->request);
	ipc_put_evidence(b, &v->evidence);
	pack_u8(b, (uint8_t)v->act);
	pack_str(b, v->token);
	pack_u32(b, v->list);
	pack_str(b, v->address);
	put_slice(b, v->name);
	put_slice(b, v->value);
}

void
ipc_get_data(struct unpack *u, struct ipc_data *v)
{
	uint8_t act;

	v->request = unpack_u64(u);
	ipc_get_evidence(u, &v->evidence);
	act = unpack_u8(u);
	if (act < IPC_DATA_ASK || act > IPC_DATA_ERASE)
		u->bad = true;
	v->act = (enum ipc_data_act)act;
	unpack_str(u, v->token, sizeof(v->token));
	v->list = unpack_u32(u);
	unpack_str(u, v->address, sizeof(v->address));
	v->name = unpack_bytes(u);
	v->value = unpack_bytes(u);
}

void
ipc_put_unsubscribe(struct strbuf *b, const struct ipc_unsubscribe *v)
{
	pack_u64(b, v->request);
	ipc_put_evidence(b, &v->evidence);
	pack_u32(b, v->list);
	pack_raw(b, v->hash, sizeof(v->hash));
	pack_u32(b, v->campaign);
	pack_u8(b, (uint8_t)v->scope);
	pack_str(b, v->address);
}

void
ipc_get_unsubscribe(struct unpack *u, struct ipc_unsubscribe *v)
{
	v->request = unpack_u64(u);
	ipc_get_evidence(u, &v->evidence);
	v->list = unpack_u32(u);
	unpack_raw(u, v->hash, sizeof(v->hash));
	v->campaign = unpack_u32(u);
	v->scope = get_enum(u, IPC_LEAVE_ORGANIZATION);
	unpack_str(u, v->address, sizeof(v->address));
}

void
ipc_put_bounce(struct strbuf *b, const struct ipc_bounce *v)
{
	pack_u64(b, v->request);
	pack_u64(b, v->campaign);
	pack_u64(b, v->subscriber);
	pack_u8(b, v->recipient);
	pack_u8(b, v->category);
	pack_u16(b, v->code);
	pack_enhanced(b, v->enhanced);
	pack_u8(b, v->action);
	pack_i64(b, v->when_ms);
	pack_str(b, v->text);
}

void
ipc_get_bounce(struct unpack *u, struct ipc_bounce *v)
{
	v->request = unpack_u64(u);
	v->campaign = unpack_u64(u);
	v->subscriber = unpack_u64(u);
	v->recipient = unpack_u8(u);
	v->category = unpack_u8(u);
	v->code = unpack_u16(u);
	unpack_enhanced(u, v->enhanced);
	v->action = unpack_u8(u);
	v->when_ms = unpack_i64(u);
	unpack_str(u, v->text, sizeof(v->text));
}

void
ipc_put_forward(struct strbuf *b, const struct ipc_forward *v)
{
	pack_u64(b, v->request);
	ipc_put_evidence(b, &v->evidence);
	pack_str(b, v->role);
	pack_str(b, v->list);
	pack_str(b, v->file);
	pack_u64(b, v->length);
	pack_raw(b, v->hash, sizeof(v->hash));
}

void
ipc_get_forward(struct unpack *u, struct ipc_forward *v)
{
	v->request = unpack_u64(u);
	ipc_get_evidence(u, &v->evidence);
	unpack_str(u, v->role, sizeof(v->role));
	unpack_str(u, v->list, sizeof(v->list));
	unpack_str(u, v->file, sizeof(v->file));
	v->length = unpack_u64(u);
	unpack_raw(u, v->hash, sizeof(v->hash));
}

void
ipc_put_cosign(struct strbuf *b, const struct ipc_cosign *v)
{
	pack_u64(b, v->request);
	pack_bytes(b, v->note.p, v->note.len);
}

void
ipc_get_cosign(struct unpack *u, struct ipc_cosign *v)
{
	v->request = unpack_u64(u);
	v->note = unpack_bytes(u);
}
