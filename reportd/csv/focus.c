/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * focus.c - requests in the columns of FOCUS 1.2, the FinOps Open Cost and
 * Usage Specification: all that it requires, those of the others
 * that mean something here, and columns of this program, which begin with x_.
 *
 * A request is a charge of the time it took, in whole seconds.  What the provider bills is
 * BilledCost, EffectiveCost, ContractedCost and ListCost alike: OpenRouter gives no
 * discounts.  A cost that is not known is 0; x_CostState tells,
 * and x_Unsettled whether it may still come.  What a turn cost beyond its known
 * requests is a charge with x_Requests 0.
 */
#include "requests.h"

#include "csv.h"
#include "usage.pb-c.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define PROVIDER   "OpenRouter"
#define TAGS_BYTES 8192

static const char *const columns[] = {"BilledCost", "BillingAccountId", "BillingAccountName", "BillingAccountType",
    "BillingCurrency", "BillingPeriodEnd", "BillingPeriodStart", "ChargeCategory", "ChargeClass", "ChargeDescription",
    "ChargeFrequency", "ChargePeriodEnd", "ChargePeriodStart", "ConsumedQuantity", "ConsumedUnit", "ContractedCost",
    "EffectiveCost", "InvoiceIssuerName", "ListCost", "PricingCategory", "PricingQuantity", "PricingUnit",
    "ProviderName", "PublisherName", "ResourceId", "ResourceName", "ResourceType", "ServiceCategory", "ServiceName",
    "ServiceSubcategory", "SkuId", "SubAccountId", "SubAccountName", "SubAccountType", "Tags", "x_ByokCost",
    "x_CachedTokens", "x_CacheWriteTokens", "x_CompletionTokens", "x_CostState", "x_GenerationId", "x_HostName",
    "x_PromptTokens", "x_ReasoningTokens", "x_RequestedModel", "x_State", "x_Platform", "x_Requests", "x_Unsettled",
    "x_Kind"};

static int64_t
whole_second(om_time t, bool up)
{
	om_time below = ((t % OM_SECOND) + OM_SECOND) % OM_SECOND;

	return (t - below) / OM_SECOND + (up && below > 0);
}

/* end_of gives the second a charge ends at, which it does not include: one without
 * a duration ends when it begins, and none goes on beyond the billing period. */
static int64_t
end_of(const Om__Generation *g, const struct rd_focus *f)
{
	int64_t start = whole_second(g->started_us, false), last = whole_second(f->to, false), end = start;

	if (g->has_finished_us && g->finished_us > g->started_us)
		end = whole_second(g->finished_us, true);
	end = end < last ? end : last;
	return end > start ? end : start;
}

/* put_second writes an instant as the format wants it. */
static void
put_second(struct rd_csv *c, int64_t at)
{
	time_t second = (time_t)at;
	char text[32] = "";
	struct tm tm;

	if (gmtime_r(&second, &tm) == NULL || strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		text[0] = '\0';
	rd_csv_plain(c, text);
}

static void
put_publisher(struct rd_csv *c, const char *model)
{
	const char *slash = model != NULL ? strchr(model, '/') : NULL;
	char name[256];

	if (slash == NULL || (size_t)(slash - model) >= sizeof name) {
		rd_csv_plain(c, PROVIDER);
		return;
	}
	(void)snprintf(name, sizeof name, "%.*s", (int)(slash - model), model);
	rd_csv_text(c, name);
}

static void
add_json(struct om_buf *b, const char *text)
{
	om_buf_chr(b, '"');
	for (const char *p = text; *p != '\0'; p++) {
		if (*p == '"' || *p == '\\')
			om_buf_chr(b, '\\');
		om_buf_chr(b, (char)((unsigned char)*p < 0x20 ? ' ' : *p));
	}
	om_buf_chr(b, '"');
}

/* put_tags writes a JSON object of texts. */
static void
put_tags(struct rd_csv *c, struct om_buf *b, const Om__Generation *g)
{
	const struct {
		const char *key, *value;
	} tags[] = {{"origin", g->origin}, {"task", g->task}, {"source", g->source}, {"chat_id", g->chat_id}};

	om_buf_reset(b);
	om_buf_chr(b, '{');
	for (size_t i = 0; i < sizeof tags / sizeof tags[0]; i++)
		if (tags[i].value != NULL && tags[i].value[0] != '\0') {
			if (b->len > 1)
				om_buf_chr(b, ',');
			add_json(b, tags[i].key);
			om_buf_chr(b, ':');
			add_json(b, tags[i].value);
		}
	om_buf_chr(b, '}');
	rd_csv_text(c, om_buf_done(b, NULL) == OM_OK ? b->data : "");
}

static void
put_charge(struct rd_csv *c, struct om_buf *tags, const struct rd_focus *f, const Om__Generation *g)
{
	const char *cost = g->cost != NULL ? g->cost : "0", *model = g->model != NULL ? g->model : "unknown";
	int64_t tokens =
	    (g->has_prompt_tokens ? g->prompt_tokens : 0) + (g->has_completion_tokens ? g->completion_tokens : 0);
	char what[400];

	(void)snprintf(what, sizeof what, "Use of %.300s", model);
	rd_csv_plain(c, cost);
	rd_csv_plain(
	    c, PROVIDER); /* in place of the account: only the account's key is known, and that never leaves costd */
	rd_csv_plain(c, PROVIDER);
	rd_csv_plain(c, "Account");
	rd_csv_plain(c, "USD");
	put_second(c, whole_second(f->to, false));
	put_second(c, whole_second(f->from, false));
	rd_csv_plain(c, "Usage");
	rd_csv_plain(c, "");
	rd_csv_text(c, what);
	rd_csv_plain(c, "Usage-Based");
	put_second(c, end_of(g, f));
	put_second(c, whole_second(g->started_us, false));
	rd_csv_count(c, true, tokens);
	rd_csv_plain(c, "Tokens");
	rd_csv_plain(c, cost);
	rd_csv_plain(c, cost);
	rd_csv_plain(c, PROVIDER);
	rd_csv_plain(c, cost);
	rd_csv_plain(c, "Standard");
	rd_csv_count(c, true, tokens);
	rd_csv_plain(c, "Tokens");
	rd_csv_plain(c, PROVIDER);
	put_publisher(c, g->model);
	rd_csv_text(c, g->model);
	rd_csv_text(c, g->model);
	rd_csv_plain(c, g->model != NULL && g->model[0] != '\0' ? "Model" : "");
	rd_csv_plain(c, "AI and Machine Learning");
	rd_csv_plain(c, PROVIDER);
	rd_csv_plain(c, "Generative AI");
	rd_csv_text(c, g->model);
	rd_csv_text(c, g->user);
	rd_csv_text(c, g->user_name);
	rd_csv_plain(c, "User");
	put_tags(c, tags, g);
	rd_csv_plain(c, g->byok_cost);
	rd_csv_count(c, g->has_cached_tokens, g->cached_tokens);
	rd_csv_count(c, g->has_cache_write_tokens, g->cache_write_tokens);
	rd_csv_count(c, g->has_completion_tokens, g->completion_tokens);
	rd_csv_plain(c, rd_cost_state_name(g->cost_state));
	rd_csv_text(c, g->generation_id);
	rd_csv_text(c, g->provider);
	rd_csv_count(c, g->has_prompt_tokens, g->prompt_tokens);
	rd_csv_count(c, g->has_reasoning_tokens, g->reasoning_tokens);
	rd_csv_text(c, g->requested_model);
	rd_csv_plain(c, rd_state_name(g->state));
	rd_csv_text(c, g->platform);
	rd_csv_count(c, true, g->has_requests ? g->requests : 1);
	rd_csv_plain(c, rd_unsettled_name(g));
	rd_csv_text(c, g->kind);
}

om_status
rd_write_focus_csv(struct rd_rows *rows, const struct rd_focus *f, struct rd_task *t, om_err *e)
{
	const Om__Generation *g = NULL;
	struct om_buf tags;
	struct rd_csv c;
	om_status s;

	rd_csv_init(&c, t);
	om_buf_init(&tags, TAGS_BYTES);
	for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++)
		rd_csv_plain(&c, columns[i]);
	s = rd_csv_row(&c, e);
	while (s == OM_OK && (s = rd_rows_next(rows, &g, e)) == OM_OK && g != NULL) {
		put_charge(&c, &tags, f, g);
		s = rd_csv_row(&c, e);
	}
	if (s == OM_OK)
		s = rd_csv_done(&c, e);
	om_buf_fini(&tags);
	rd_csv_fini(&c);
	return s;
}
