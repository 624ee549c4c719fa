/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Any bytes as the provider's replies: what becomes a record can be stored. */
#include "provider.h"
#include "record.h"
#include "target.h"

#include <string.h>

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	Om__ModelsReply models = OM__MODELS_REPLY__INIT;
	Om__CreditsReply credits = OM__CREDITS_REPLY__INIT;
	const char *body = (const char *)data + 1;
	char text[128];
	Om__Record *r = NULL;
	struct om_arena a;
	om_err e = {.text = ""};

	if (n == 0)
		return 0;
	om_arena_init(&a, (size_t)32 << 20);
	switch (data[0] % 4) {
	case 0:
		if (cd_provider_generation(
			body, n - 1, "gen-1790762001-Kd83hQmZr2VxYt5LwB1c", "u-1", FUZZ_NOW, &a, &r, &e) == OM_OK)
			must(cd_provider_is_empty(r) || cd_record_check(r, &e) == OM_OK);
		else
			must(e.text[0] != '\0');
		break;
	case 1:
		(void)!cd_provider_models(body, n - 1, &a, &models, NULL);
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
