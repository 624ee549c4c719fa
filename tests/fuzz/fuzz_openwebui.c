/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Any bytes as Open WebUI's replies: what is read of a person can be stored, and what is refused says why. */
#include "target.h"
#include "base/text.h"
#include "vendor/openwebui.h"
#include "wire/fit.h"

#include <string.h>

static void
must_be_text(const char *text, size_t chars)
{
	size_t n = text != NULL ? strlen(text) : 0;

	must(n == 0 || (om_utf8_valid(text, n) && om_text_clean(text, n) && om_utf8_length(text, n) <= chars));
}

static char *
copy(const char *text, struct om_arena *a)
{
	return text != NULL ? om_arena_strdup(a, text) : NULL;
}

static void
persons(const struct cd_ow_users *u, struct om_arena *a)
{
	for (size_t i = 0; i < u->n; i++) {
		Om__User *user = om_msg_new(a, &om__user__descriptor);

		if (user == NULL)
			return;
		user->id = copy(u->of[i].id, a);
		user->name = copy(u->of[i].name, a);
		user->email = copy(u->of[i].email, a);
		user->role = copy(u->of[i].role, a);
		if (a->failed || om_fit_user(user, a, NULL) != OM_OK)
			return;
		must(user->id[0] != '\0');
		must_be_text(user->id, 128);
		must_be_text(user->name, 512);
		must_be_text(user->email, 320);
		must_be_text(user->role, 64);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const char *body = (const char *)data + 1;
	struct cd_ow_groups groups;
	struct cd_ow_users users;
	struct cd_ow_ids ids;
	struct om_arena a;
	om_err e = {.text = ""};
	om_status s;

	if (n == 0)
		return 0;
	om_arena_init(&a, (size_t)32 << 20);
	switch (data[0] % 3) {
	case 0:
		s = cd_ow_read_users(body, n - 1, &a, &users, &e);
		if (s == OM_OK)
			persons(&users, &a);
		break;
	case 1:
		s = cd_ow_read_groups(body, n - 1, &a, &groups, &e);
		break;
	default:
		s = cd_ow_read_members(body, n - 1, &a, &ids, &e);
		break;
	}
	must(s == OM_OK || e.text[0] != '\0');
	om_arena_fini(&a);
	return 0;
}
