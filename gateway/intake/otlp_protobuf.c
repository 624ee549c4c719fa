/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * OTLP in protobuf.  The order of fields is the sender's: the resource is read
 * before the spans wherever it stands, because all is unpacked first.
 */
#include "otlp.h"

#include "otlp.pb-c.h"
#include "base/text.h"
#include "wire/codec.h"

#include <stdio.h>
#include <string.h>

static void
read_value(const ProtobufCBinaryData *packed, struct gw_value *v, struct om_arena *a)
{
	Otlp__AnyValue *any;
	char digits[24];
	bool number = false;

	if (v->kind != GW_VALUE_NONE || packed->len > GW_OTLP_TEXT + 16 ||
	    om_msg_unpack(&otlp__any_value__descriptor, packed->data, packed->len, a, &any, NULL) != OM_OK)
		return;
	switch (any->value_case) {
	case OTLP__ANY_VALUE__VALUE_STRING_VALUE:
		gw_attr_text(v, (const char *)any->string_value.data, any->string_value.len, a);
		break;
	case OTLP__ANY_VALUE__VALUE_INT_VALUE:
		(void)snprintf(digits, sizeof digits, "%lld", (long long)any->int_value);
		number = om_money_parse(digits, &v->number, NULL) == OM_OK;
		break;
	case OTLP__ANY_VALUE__VALUE_DOUBLE_VALUE:
		number = om_money_from_double(any->double_value, &v->number, NULL) == OM_OK;
		break;
	case OTLP__ANY_VALUE__VALUE_BOOL_VALUE:
	case OTLP__ANY_VALUE__VALUE__NOT_SET:
	case _OTLP__ANY_VALUE__VALUE__CASE_IS_INT_SIZE:
		break;
	}
	if (any->value_case != OTLP__ANY_VALUE__VALUE_STRING_VALUE)
		v->kind = number ? GW_VALUE_NUMBER : GW_VALUE_ODD;
}

static void
read_attributes(Otlp__KeyValue *const *list, size_t n, struct gw_value *attr, bool *openrouter, struct om_arena *a)
{
	for (size_t i = 0; i < n; i++) {
		const Otlp__KeyValue *pair = list[i];
		gw_attr which = pair->key != NULL ? gw_attr_of(pair->key, strlen(pair->key)) : GW_N_ATTRS;

		*openrouter |= pair->key != NULL && gw_attr_is_openrouters(pair->key, strlen(pair->key));
		if (which != GW_N_ATTRS && pair->has_value)
			read_value(&pair->value, &attr[which], a);
	}
}

/* is_id: only zeros, which some senders write, mean that there is no id. */
static bool
is_id(const ProtobufCBinaryData *id)
{
	for (size_t i = 0; i < id->len; i++)
		if (id->data[i] != 0)
			return true;
	return false;
}

static om_status
read_span(struct gw_traces *t, const Otlp__Span *o, const struct gw_resource *from, om_err *e)
{
	struct gw_span sp;

	memset(&sp, 0, sizeof sp);
	sp.attr[GW_ATTR_TRACE_ID] = from->attr[GW_ATTR_TRACE_ID];
	sp.openrouter = from->openrouter;
	sp.name = o->name != NULL ? o->name : "";
	sp.has_parent = o->has_parent_span_id && is_id(&o->parent_span_id);
	sp.status_text = "";
	if (o->status != NULL) {
		sp.failed = o->status->has_code && o->status->code == 2;
		if (o->status->message != NULL)
			sp.status_text = o->status->message;
	}
	sp.start_us = (om_time)(o->start_time_unix_nano / 1000);
	sp.end_us = (om_time)(o->end_time_unix_nano / 1000);
	read_attributes(o->attributes, o->n_attributes, sp.attr, &sp.openrouter, t->arena);
	return gw_otlp_span(t, &sp, e);
}

static om_status
read_resource(struct gw_traces *t, const Otlp__ResourceSpans *rs, om_err *e)
{
	struct gw_resource from;
	om_status s = OM_OK;

	memset(&from, 0, sizeof from);
	if (rs->resource != NULL)
		read_attributes(
		    rs->resource->attributes, rs->resource->n_attributes, from.attr, &from.openrouter, t->arena);
	from.openrouter |= gw_attr_says_openrouter(&from.attr[GW_ATTR_SERVICE]);
	for (size_t k = 0; s == OM_OK && k < rs->n_scope_spans; k++) {
		const Otlp__ScopeSpans *scope = rs->scope_spans[k];

		if (scope->scope != NULL && scope->scope->name != NULL)
			from.openrouter |= strcmp(scope->scope->name, "openrouter") == 0;
		for (size_t j = 0; s == OM_OK && j < scope->n_spans; j++)
			s = read_span(t, scope->spans[j], &from, e);
	}
	return s;
}

om_status
gw_otlp_protobuf(struct gw_traces *t, const void *data, size_t n, om_err *e)
{
	Otlp__TracesRequest *rq = NULL;
	om_status s = om_msg_unpack(&otlp__traces_request__descriptor, data, n, t->arena, &rq, NULL);

	if (s == OM_TOO_LARGE)
		return om_fail(e, s, "the trace has too many parts");
	if (s == OM_NOMEM)
		return om_fail(e, s, "out of memory");
	if (s != OM_OK)
		return om_fail(e, OM_INVALID, "the body is not an ExportTraceServiceRequest");
	for (size_t i = 0; s == OM_OK && i < rq->n_resource_spans; i++)
		s = read_resource(t, rq->resource_spans[i], e);
	return s;
}
