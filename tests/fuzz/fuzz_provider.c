/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Any bytes as the provider's replies: what becomes a record can be stored. */
#include "target.h"
#include "price/pricing.h"
#include "value/record.h"
#include "vendor/openrouter.h"
#include "settle.pb-c.h"

#include <string.h>

/* prices: any list is read or refused, any price gives an amount that can be
 * stored, or none. */
static void
prices(const char *body, size_t n, struct om_arena *a)
{
	const struct cd_tokens t = {
	    .prompt = 250000, .completion = 1000, .reasoning = 100, .cached = 10, .cache_write = 5};
	struct cd_tariff *list = NULL;
	om_err e = {.text = ""};
	size_t n_list = 0;
	om_money m;

	if (cd_pricing_list(body, n, a, &list, &n_list, &e) != OM_OK) {
		must(e.text[0] != '\0');
		return;
	}
	for (size_t i = 0; i < n_list; i++)
		if (cd_pricing_estimate(list[i].pricing, strlen(list[i].pricing), &t, FUZZ_NOW, &m))
			must(!om_money_is_negative(m));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	Om__ModelsReply models = OM__MODELS_REPLY__INIT;
	Om__CreditsReply credits = OM__CREDITS_REPLY__INIT;
	const char *body = (const char *)data + 1;
	char text[128];
	struct cd_reply said;
	struct om_arena a;
	om_err e = {.text = ""};

	if (n == 0)
		return 0;
	om_arena_init(&a, (size_t)32 << 20);
	switch (data[0] % 4) {
	case 0:
		if (cd_provider_generation(
			body, n - 1, "gen-1790762001-Kd83hQmZr2VxYt5LwB1c", FUZZ_NOW, &a, &said, &e) == OM_OK)
			must(cd_record_fit(said.record, &a, &e) == OM_OK);
		else
			must(e.text[0] != '\0');
		break;
	case 1:
		(void)!cd_provider_models(body, n - 1, &a, &models, NULL);
		prices(body, n - 1, &a);
		break;
	case 2:
		(void)!cd_provider_credits(body, n - 1, &a, &credits, NULL);
		break;
	default:
		if (n > sizeof text)
			break;
		memcpy(text, body, n - 1);
		text[n - 1] = '\0';
		must(cd_retry_after(text, FUZZ_NOW) >= -1);
		break;
	}
	om_arena_fini(&a);
	return 0;
}
