/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "fit.h"

#include "base/digest.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>

#define EARLIEST     ((om_time)1577836800 * OM_SECOND) /* 2020-01-01 */
#define LEAST_TIME   ((om_time)946684800 * OM_SECOND)  /* 2000-01-01 */
#define MOST_TIME    ((om_time)7258118400 * OM_SECOND) /* 2200-01-01 */
#define GROUP_CHARS  256
#define USER_CHARS   128
#define UUID_BYTES   16
#define RECORD(name) offsetof(Om__Record, name)
#define USER(name)   offsetof(Om__User, name)

static const char *const names[OM_N_FIT] = {
#define OM_FIT(id, name) [OM_FIT_##id] = (name),
#include "fit.def"
#undef OM_FIT
};

const char *
om_fit_name(om_fit_field f)
{
	return names[f];
}

/* note_time notes what changes nothing of the record itself. */
static void
note_time(struct om_fit *notes, om_fit_field f, const char *why)
{
	if (notes != NULL && notes->why[f] == NULL)
		notes->why[f] = why;
}

void
om_fit_note(struct om_fit *notes, om_fit_field f, const char *why)
{
	note_time(notes, f, why);
	if (notes != NULL)
		notes->changed = true;
}

bool
om_fit_any(const struct om_fit *notes)
{
	for (unsigned f = 0; f < OM_N_FIT; f++)
		if (notes->why[f] != NULL)
			return true;
	return false;
}

/* ---- texts ---- */

struct text_field {
	om_fit_field field;
	size_t offset; /* of a char * */
	size_t max_chars;
	bool cut; /* where it is too long; otherwise it is left out */
};

static const struct text_field record_texts[] = {
    {OM_FIT_SOURCE, RECORD(source), 64, false},
    {OM_FIT_ORIGIN, RECORD(origin), 64, false},
    {OM_FIT_TASK, RECORD(task), 64, false},
    {OM_FIT_KIND, RECORD(kind), 64, false},
    {OM_FIT_REQUESTED_MODEL, RECORD(requested_model), 256, false},
    {OM_FIT_MODEL, RECORD(model), 256, false},
    {OM_FIT_PROVIDER, RECORD(provider), 128, false},
    {OM_FIT_PLATFORM, RECORD(platform), 64, false},
};

static const struct text_field user_texts[] = {
    {OM_FIT_USER_NAME, USER(name), 512, true},
    {OM_FIT_USER_EMAIL, USER(email), 320, false},
    {OM_FIT_USER_ROLE, USER(role), 64, false},
};

static const struct text_field record_ids[] = {
    {OM_FIT_TURN_ID, RECORD(turn_id), 128, false},
    {OM_FIT_CHAT_ID, RECORD(chat_id), 256, false},
    {OM_FIT_MESSAGE_ID, RECORD(message_id), 256, false},
    {OM_FIT_OTHER_ID, RECORD(other_id), 160, false},
};

#define N(list) (sizeof(list) / sizeof((list)[0]))

/* clean copies a text without its control characters and without bytes that are
 * no UTF-8. */
static char *
clean(const char *text, size_t n, struct om_arena *a)
{
	char *out = om_arena_strndup(a, text, n), *to = out;
	const char *end = text + n;

	while (out != NULL && text < end) {
		const char *from = text;
		uint32_t cp = om_utf8_next(&text, end);
		size_t len = (size_t)(text - from);
		bool broken = cp == 0xfffd && len == 1;

		if (broken || cp < 0x20 || (cp >= 0x7f && cp < 0xa0))
			continue;
		memcpy(to, from, len);
		to += len;
	}
	if (out != NULL)
		*to = '\0';
	return out;
}

/* prefix gives the bytes of the first max_chars code points. */
static size_t
prefix(const char *text, size_t max_chars)
{
	const char *p = text, *end = text + strlen(text);

	while (p < end && max_chars-- > 0)
		(void)om_utf8_next(&p, end);
	return (size_t)(p - text);
}

/* fit_text gives the text as it fits: itself where it does, NULL where nothing
 * of it may stay. */
static om_status
fit_text(char **text, const struct text_field *f, struct om_arena *a, struct om_fit *notes)
{
	size_t n = *text != NULL ? strlen(*text) : 0;

	if (n == 0)
		return OM_OK;
	if (!om_utf8_valid(*text, n) || !om_text_clean(*text, n)) {
		om_fit_note(notes, f->field, "control characters or broken UTF-8: taken out");
		*text = clean(*text, n, a);
		if (*text == NULL)
			return OM_NOMEM;
		n = strlen(*text);
	}
	if (om_utf8_length(*text, n) > f->max_chars) {
		om_fit_note(notes, f->field, f->cut ? "too long: cut" : "too long: left out");
		*text = f->cut ? om_arena_strndup(a, *text, prefix(*text, f->max_chars)) : NULL;
		if (f->cut && *text == NULL)
			return OM_NOMEM;
	}
	if (n == 0)
		*text = NULL; /* there was nothing else */
	return OM_OK;
}

static om_status
fit_texts(void *message, const struct text_field *fields, size_t n, struct om_arena *a, struct om_fit *notes)
{
	om_status s = OM_OK;

	for (size_t i = 0; s == OM_OK && i < n; i++) {
		char *text;

		memcpy(&text, (char *)message + fields[i].offset, sizeof text);
		s = fit_text(&text, &fields[i], a, notes);
		memcpy((char *)message + fields[i].offset, &text, sizeof text);
	}
	return s;
}

static void
lower(char *text)
{
	for (; text != NULL && *text != '\0'; text++)
		if (*text >= 'A' && *text <= 'Z')
			*text = (char)(*text - 'A' + 'a');
}

/* ---- ids ---- */

char *
om_fit_long(const char *id, size_t n, struct om_arena *a)
{
	unsigned char hash[OM_SHA256];
	char hex[2 * OM_SHA256 + 1];

	if (om_sha256(&(struct om_bytes){.data = id, .n = n}, 1, hash) != OM_OK)
		return NULL;
	om_hex(hash, sizeof hash, hex);
	return om_arena_printf(a, OM_FIT_LONG "%s", hex);
}

static bool
id_fits(const char *id, size_t max_chars)
{
	size_t n = strlen(id);

	return om_utf8_valid(id, n) && om_text_clean(id, n) && om_utf8_length(id, n) <= max_chars;
}

static om_status
shorten(char **id, om_fit_field f, struct om_arena *a, struct om_fit *notes)
{
	om_fit_note(notes, f, "too long or with characters that no id has: \"long:\" and its SHA-256 stand for it");
	*id = om_fit_long(*id, strlen(*id), a);
	return *id != NULL ? OM_OK : OM_NOMEM;
}

static om_status
fit_ids(Om__Record *r, struct om_arena *a, struct om_fit *notes)
{
	om_status s = OM_OK;

	for (size_t i = 0; s == OM_OK && i < N(record_ids); i++) {
		char *id;

		memcpy(&id, (char *)r + record_ids[i].offset, sizeof id);
		if (id != NULL && !id_fits(id, record_ids[i].max_chars))
			s = shorten(&id, record_ids[i].field, a, notes);
		memcpy((char *)r + record_ids[i].offset, &id, sizeof id);
	}
	if (r->generation_id != NULL && r->generation_id[strspn(r->generation_id, " ")] == '\0')
		r->generation_id = NULL;
	if (s == OM_OK && r->generation_id != NULL && !om_text_token(r->generation_id, 128))
		s = shorten(&r->generation_id, OM_FIT_GENERATION_ID, a, notes);
	return s;
}

/* ---- the user ---- */

static om_status
fit_names(char **names_inout, size_t *n_inout, om_fit_field f, struct om_arena *a, struct om_fit *notes)
{
	const struct text_field group = {f, 0, GROUP_CHARS, true};
	size_t kept = 0;

	if (*n_inout > OM_FIT_GROUPS) {
		om_fit_note(notes, f, "more than 64: the first 64 stay");
		*n_inout = OM_FIT_GROUPS;
	}
	for (size_t i = 0; i < *n_inout; i++) {
		char *text = names_inout[i];

		if (fit_text(&text, &group, a, notes) != OM_OK)
			return OM_NOMEM;
		if (text != NULL)
			names_inout[kept++] = text;
	}
	*n_inout = kept;
	return OM_OK;
}

static bool
is_group(const Om__User *u, const char *name)
{
	for (size_t i = 0; i < u->n_groups; i++)
		if (strcmp(u->groups[i], name) == 0)
			return true;
	return false;
}

static om_status
fit_groups(Om__User *u, struct om_arena *a, struct om_fit *notes)
{
	om_status s = fit_names(u->groups, &u->n_groups, OM_FIT_USER_GROUPS, a, notes);
	size_t kept = 0;

	if (s == OM_OK)
		s = fit_names(u->inherited_groups, &u->n_inherited_groups, OM_FIT_USER_INHERITED, a, notes);
	for (size_t i = 0; s == OM_OK && i < u->n_inherited_groups; i++) {
		if (is_group(u, u->inherited_groups[i]))
			u->inherited_groups[kept++] = u->inherited_groups[i];
		else
			om_fit_note(notes, OM_FIT_USER_INHERITED, "one that is not in groups: left out");
	}
	u->n_inherited_groups = kept;
	return s;
}

om_status
om_fit_user(Om__User *u, struct om_arena *a, struct om_fit *notes)
{
	om_status s = OM_OK;

	if (u->id == NULL || u->id[0] == '\0') {
		om_fit_note(notes, OM_FIT_USER_ID, "missing: it counts for the user unknown");
		u->id = om_arena_strdup(a, OM_USER_UNKNOWN);
		s = u->id != NULL ? OM_OK : OM_NOMEM;
	} else if (!id_fits(u->id, USER_CHARS)) {
		s = shorten(&u->id, OM_FIT_USER_ID, a, notes);
	}
	if (s == OM_OK)
		s = fit_texts(u, user_texts, N(user_texts), a, notes);
	return s == OM_OK ? fit_groups(u, a, notes) : s;
}

static om_status
fit_user(Om__Record *r, struct om_arena *a, struct om_fit *notes)
{
	if (r->user == NULL && (r->user = om_msg_new(a, &om__user__descriptor)) == NULL)
		return OM_NOMEM;
	return om_fit_user(r->user, a, notes);
}

/* ---- numbers ---- */

struct count_field {
	om_fit_field field;
	size_t has_offset, offset; /* of a protobuf_c_boolean and an int64_t */
};

static const struct count_field counts[] = {
#define FIT_MONEY(NAME, name)
#define FIT_COUNT(NAME, name)                  {OM_FIT_##NAME, RECORD(has_##name), RECORD(name)},
#define OM_FIGURE_TOLD(NAME, name, kind, path) FIT_##kind(NAME, name)
#include "messages/figures.def"
};

static void
fit_counts(Om__Record *r, struct om_fit *notes)
{
	for (size_t i = 0; i < N(counts); i++) {
		protobuf_c_boolean has;
		int64_t v;

		memcpy(&has, (char *)r + counts[i].has_offset, sizeof has);
		memcpy(&v, (char *)r + counts[i].offset, sizeof v);
		if (!has || (v >= 0 && v <= OM_FIT_TOKENS_MAX))
			continue;
		om_fit_note(notes, counts[i].field, "not from 0 to 1000000000: left out");
		has = 0;
		v = 0;
		memcpy((char *)r + counts[i].has_offset, &has, sizeof has);
		memcpy((char *)r + counts[i].offset, &v, sizeof v);
	}
	if (r->has_request && (r->request == 0 || r->request > OM_FIT_REQUEST_MAX)) {
		om_fit_note(notes, OM_FIT_REQUEST, "not from 1 to 1000000: left out");
		r->has_request = 0;
		r->request = 0;
	}
}

bool
om_fit_cost(om_money m)
{
	om_money max;

	return om_money_parse(OM_FIT_COST_MAX, &max, NULL) == OM_OK && !om_money_is_negative(m) &&
	    om_money_cmp(m, max) <= 0;
}

static bool
amount_fits(const char *text)
{
	om_money m;

	return text == NULL || (om_money_parse(text, &m, NULL) == OM_OK && om_fit_cost(m));
}

static void
fit_amounts(Om__Record *r, struct om_fit *notes)
{
	if (!amount_fits(r->cost)) {
		om_fit_note(notes, OM_FIT_COST, "no amount from 0 to 10000 USD: left out");
		r->cost = NULL;
		r->has_cost_state = 0;
	}
	if (!amount_fits(r->byok_cost)) {
		om_fit_note(notes, OM_FIT_BYOK_COST, "no amount from 0 to 10000 USD: left out");
		r->byok_cost = NULL;
	}
	if (r->cost == NULL || !r->has_cost_state ||
	    ((unsigned)r->cost_state <= OM__COST_STATE__COST_LOOKED_UP &&
		r->cost_state != OM__COST_STATE__COST_UNKNOWN))
		return;
	/* who said it is not known: the lowest */
	om_fit_note(notes, OM_FIT_COST_STATE, "says nothing about the cost: an estimate");
	r->cost_state = OM__COST_STATE__COST_ESTIMATED;
}

static void
fit_sender(Om__Record *r, struct om_fit *notes)
{
	if (r->has_sender && r->sender.len != UUID_BYTES) {
		om_fit_note(notes, OM_FIT_SENDER, "not a UUID: left out");
		r->has_sender = 0;
		r->sender = (ProtobufCBinaryData){.len = 0};
	}
	if (r->has_number && (r->number == 0 || r->number > INT64_MAX)) {
		om_fit_note(notes, OM_FIT_NUMBER, "not from 1: left out");
		r->has_number = 0;
		r->number = 0;
	}
}

static void
fit_state(Om__Record *r, struct om_fit *notes)
{
	if ((unsigned)r->state <= OM__STATE__STATE_FINAL)
		return;
	om_fit_note(notes, OM_FIT_STATE, "unknown: final where there is usage, else open");
	r->state = r->cost != NULL || r->has_prompt_tokens || r->has_completion_tokens ? OM__STATE__STATE_FINAL
										       : OM__STATE__STATE_OPEN;
}

static void
fit_time(om_fit_field f, int64_t *t, protobuf_c_boolean *has, om_time received, struct om_fit *notes)
{
	if (!*has)
		return;
	if (*t < LEAST_TIME || *t >= MOST_TIME) {
		om_fit_note(notes, f, "not from 2000 to 2199: left out");
		*has = 0;
		*t = 0;
	} else if (*t < EARLIEST) {
		note_time(notes, f, "before 2020: the time of receipt counts");
	} else if (*t - OM_FIT_AHEAD > received) {
		note_time(notes, f, "more than five minutes ahead: the time of receipt counts");
	}
}

om_status
om_fit_record(Om__Record *r, struct om_arena *a, struct om_fit *notes, om_err *e)
{
	om_status s = fit_ids(r, a, notes);

	if (s == OM_OK && r->generation_id == NULL && (r->turn_id == NULL || r->turn_id[0] == '\0'))
		return om_fail(e, OM_INVALID, "generation_id: is missing, and there is no turn_id either");
	if (s == OM_OK)
		s = fit_user(r, a, notes);
	if (s == OM_OK)
		s = fit_texts(r, record_texts, N(record_texts), a, notes);
	if (s != OM_OK)
		return om_fail(e, s, "out of memory");
	lower(r->platform);
	fit_counts(r, notes);
	fit_sender(r, notes);
	fit_amounts(r, notes);
	fit_state(r, notes);
	fit_time(OM_FIT_STARTED_AT, &r->started_us, &r->has_started_us, r->received_us, notes);
	fit_time(OM_FIT_FINISHED_AT, &r->finished_us, &r->has_finished_us, r->received_us, notes);
	return OM_OK;
}
