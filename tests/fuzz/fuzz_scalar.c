/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Any text as amount, instant, day, UUID, base64url and JSON; what is taken
 * must read back as itself. */
#include "base/clock.h"
#include "base/day.h"
#include "base/json.h"
#include "base/money.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void
check(bool ok)
{
	if (!ok)
		abort();
}

static void
amount(const char *text)
{
	char buf[OM_MONEY_TEXT];
	om_money m, back;

	if (om_money_parse(text, &m, NULL) != OM_OK)
		return;
	check(om_money_parse(om_money_text(m, buf), &back, NULL) == OM_OK && om_money_cmp(m, back) == 0);
	for (int digits = 0; digits <= OM_MONEY_DIGITS; digits++)
		(void)om_money_text_fixed(om_money_round(m, digits), digits, buf);
}

static void
times(const char *text)
{
	char buf[OM_TIME_TEXT];
	om_time t, back;
	om_day d;

	if (om_time_parse(text, &t, NULL) == OM_OK && t >= (om_time)-62135596800 * OM_SECOND &&
	    t < (om_time)253402300800 * OM_SECOND)
		check(om_time_parse(om_time_text(t, buf), &back, NULL) == OM_OK && t == back);
	if (om_day_parse(text, &d, NULL) == OM_OK)
		check(strcmp(om_day_text(d, buf), text) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	unsigned char id[16], raw[512];
	size_t n_raw = sizeof raw;
	json_t *j = NULL;
	uint64_t u;
	char *text;

	if (n > 600)
		return 0;
	text = malloc(n + 1);
	check(text != NULL);
	memcpy(text, data, n);
	text[n] = '\0';
	amount(text);
	times(text);
	(void)om_uuid_parse(text, id);
	(void)om_u64_parse(text, UINT64_MAX, &u);
	(void)om_text_clean(text, n);
	if (om_unb64url(text, raw, &n_raw)) {
		char back[OM_B64_LEN(sizeof raw) + 1];

		om_b64url(raw, n_raw, back);
		check(strcmp(back, text) == 0);
	}
	if (om_json_parse(text, n, &j, NULL) == OM_OK)
		json_decref(j);
	free(text);
	return 0;
}
