/* SPDX-License-Identifier: Apache-2.0 */
/*
 * consent_model.c - who may be mailed, in a few arrays.
 */
#include "config.h"

#include <string.h>

#include "tests/consent_model.h"

uint32_t
model_org(uint32_t list)
{
	return list <= 2 ? 1 : 2;
}

/* ---- who said yes */

static uint8_t
mark(unsigned who, uint32_t list)
{
	return (uint8_t)(1 + who * MODEL_LISTS + list - 1);
}

void
model_yes(struct model *m, uint64_t index, unsigned who, uint32_t list)
{
	m->yes[index] = mark(who, list);
}

bool
model_said_yes(const struct model *m, uint64_t index, unsigned who,
    uint32_t list)
{
	return index < MODEL_ENTRIES && index > m->p[who].forgotten &&
	    m->yes[index] == mark(who, list);
}

void
model_forget(struct model *m, unsigned who, uint64_t last)
{
	struct model_person *p = &m->p[who];

	p->forgotten = last;
	memset(p->no_list, 0, sizeof(p->no_list));
	memset(p->no_org, 0, sizeof(p->no_org));
	p->no_host = 0;
}

/* ---- who said no */

/* A person's own will: to leave, or to be forgotten. */
static bool
own(const struct model_block *b, enum suppression_scope scope)
{
	return scope != SUPPRESSION_HOST &&
	    (b->reason == SUPPRESSION_UNSUBSCRIBE ||
	    (b->reason == SUPPRESSION_ERASURE &&
	    b->setter == SUPPRESSION_BY_PERSON));
}

struct model_block *
model_block(struct model *m, unsigned who, enum suppression_scope scope,
    uint32_t id)
{
	struct model_person *p = &m->p[who];

	switch (scope) {
	case SUPPRESSION_LIST: return &p->list[id];
	case SUPPRESSION_ORG: return &p->org[id];
	case SUPPRESSION_HOST: break;
	}
	return &p->host;
}

void
model_suppress(struct model_block *at, const struct model_block *b)
{
	if (b->reason > at->reason || (b->reason == at->reason &&
	    b->reason == SUPPRESSION_UNSUBSCRIBE))
		*at = *b;
}

static void
say_no(struct model_person *p, enum suppression_scope scope, uint32_t list,
    uint64_t index)
{
	switch (scope) {
	case SUPPRESSION_LIST:
		p->no_list[list] = index;
		break;
	case SUPPRESSION_ORG:
		p->no_org[model_org(list)] = index;
		break;
	case SUPPRESSION_HOST:
		p->no_host = index;
		break;
	}
}

void
model_leave(struct model *m, unsigned who, enum suppression_scope scope,
    uint32_t list, const struct model_block *b, bool keep_open)
{
	struct model_person *p = &m->p[who];
	uint32_t id = scope == SUPPRESSION_LIST ? list : model_org(list);

	for (uint32_t l = 1; l <= MODEL_LISTS; l++)
		if (scope == SUPPRESSION_HOST || l == list ||
		    (scope == SUPPRESSION_ORG && model_org(l) == id))
			p->row[l] = ROW_NONE;
	say_no(p, scope, list, b->at);
	if (!keep_open)
		model_suppress(model_block(m, who, scope, id), b);
}

bool
model_may_lift(const struct model_block *b, enum suppression_scope scope,
    enum suppression_setter by)
{
	switch (by) {
	case SUPPRESSION_BY_PERSON:
		return scope == SUPPRESSION_LIST && own(b, scope);
	case SUPPRESSION_BY_OWNER:
		return scope == SUPPRESSION_LIST &&
		    b->reason <= SUPPRESSION_IMPORT;
	default:
		return true;
	}
}

bool
model_may_ask(const struct model *m, unsigned who, uint32_t list)
{
	const struct model_person *p = &m->p[who];
	const struct model_block *org = &p->org[model_org(list)];

	return p->host.reason == 0 &&
	    (org->reason == 0 || own(org, SUPPRESSION_ORG)) &&
	    (p->list[list].reason == 0 ||
	    own(&p->list[list], SUPPRESSION_LIST)) &&
	    p->row[list] != ROW_BARRED;
}

bool
model_may_import(const struct model *m, unsigned who, uint32_t list)
{
	const struct model_person *p = &m->p[who];

	return p->host.reason == 0 && p->org[model_org(list)].reason == 0 &&
	    p->list[list].reason == 0;
}

/* ---- the verdict */

bool
model_holds(const struct model *m, unsigned who, uint32_t list)
{
	const struct model_person *p = &m->p[who];
	uint64_t index = p->rests[list];

	return model_said_yes(m, index, who, list) &&
	    index > p->no_list[list] && index > p->no_org[model_org(list)] &&
	    index > p->no_host;
}

enum gate_verdict
model_verdict(const struct model *m, unsigned who, uint32_t list)
{
	const struct model_person *p = &m->p[who];
	uint32_t o = model_org(list);

	if (p->row[list] == ROW_NONE)
		return GATE_LEFT;
	if (p->row[list] != ROW_ACTIVE)
		return GATE_NOT_COUNTED;
	if (p->host.reason != 0)
		return GATE_SUPPRESSED_HOST;
	/* "All lists" does not stand against a later yes. */
	if (p->org[o].reason != 0 && !(own(&p->org[o], SUPPRESSION_ORG) &&
	    p->rests[list] > p->org[o].at))
		return GATE_SUPPRESSED_ORG;
	if (p->list[list].reason != 0)
		return GATE_SUPPRESSED_LIST;
	if (m->list[list] != LIST_ACTIVE || m->org[o] != ORG_ACTIVE)
		return GATE_HELD;
	return model_holds(m, who, list) ? GATE_OPEN : GATE_NO_CONSENT;
}
