/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "settings.h"

#include "issue/delivery.h"
#include "words/locale.h"
#include "base/day.h"
#include "base/json.h"
#include "run/service.h"
#include "wire/wire.h"

#include <string.h>

#define AT(field) offsetof(struct rd_conf, field)

static om_status
check_currency(const char *value, om_err *e)
{
	if (strlen(value) != 3 || strspn(value, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != 3)
		return om_fail(e, OM_INVALID, "must be three capital letters (ISO 4217), like EUR");
	return OM_OK;
}

static om_status
check_day(const char *value, om_err *e)
{
	om_day day;

	if (om_day_parse(value, &day, NULL) != OM_OK)
		return om_fail(e, OM_INVALID, "must be a day, like 2026-10-31");
	return OM_OK;
}

static om_status
check_url(const char *value, om_err *e)
{
	size_t n = strlen(value);

	if ((strncmp(value, "https://", 8) != 0 && strncmp(value, "http://", 7) != 0) ||
	    strpbrk(value, " ?#@\"\\") != NULL)
		return om_fail(e, OM_INVALID, "must be https://host or http://host, without user, query or fragment");
	return value[n - 1] != '/' ? OM_OK : om_fail(e, OM_INVALID, "must not end with a slash");
}

const struct om_conf_opt rd_settings[RD_N_SETTINGS] = {
    {.name = "REPORTD_LISTEN",
	.kind = OM_CONF_TEXT,
	.offset = AT(listen),
	.def = "tcp://127.0.0.1:45002",
	.max = 2048,
	.check = om_wire_urls_check,
	.help = "Where reportd takes requests: one or several URLs, tcp:// or tls+tcp://, separated by commas."},
    {.name = "COSTD_URL",
	.kind = OM_CONF_TEXT,
	.offset = AT(costd_url),
	.def = "tcp://127.0.0.1:45001",
	.max = 2048,
	.check = om_wire_urls_check,
	.help = "Where costd listens; several URLs are separated by commas and used in turn."},
    {.name = "WORKER",
	.kind = OM_CONF_INT,
	.offset = AT(workers),
	.def = "2",
	.min = 1,
	.max = 32,
	.help =
	    "How many documents are made at once; each may take up to half a GB for a month with 100,000 requests."},
    {.name = "MINIMUM_CHARGE_FEE",
	.kind = OM_CONF_MONEY,
	.offset = AT(documents.minimum_fee),
	.def = "0",
	.min = 0,
	.max = 1000000,
	.unit = "USD",
	.help = "Charge per user and month, for users with at least one request in the month."},
    {.name = "MINIMUM_CHARGE_MODE",
	.kind = OM_CONF_CHOICE,
	.offset = AT(documents.minimum_mode),
	.def = "add",
	.choices = "add|floor",
	.help = "Whether MINIMUM_CHARGE_FEE is added on top of the usage, or is the least that a month costs before "
		"tax, usage and markup together."},
    {.name = "MARKUP_PERCENT",
	.kind = OM_CONF_MONEY,
	.offset = AT(documents.markup_percent),
	.def = "0",
	.max = 10000,
	.unit = "%",
	.help = "Markup on the usage cost, in percent; not on the minimum charge."},
    {.name = "MARKUP_PER_MILLION_TOKENS",
	.kind = OM_CONF_MONEY,
	.offset = AT(documents.markup_per_million),
	.def = "0",
	.max = 1000000,
	.unit = "USD",
	.help = "Markup per million input and output tokens; together with MARKUP_PERCENT, both are charged."},
    {.name = "TAX_RATE",
	.kind = OM_CONF_MONEY,
	.offset = AT(documents.tax_rate),
	.def = "0",
	.max = 1000,
	.unit = "%",
	.help = "Tax on the net amount of a statement; 0 prints no tax."},
    {.name = "TAX_NAME",
	.kind = OM_CONF_TEXT,
	.offset = AT(documents.tax_name),
	.optional = true,
	.max = 40,
	.help = "What the tax is called; the word for VAT in the document's language where it is not set."},
    {.name = "CURRENCY",
	.kind = OM_CONF_TEXT,
	.offset = AT(documents.currency),
	.def = "USD",
	.check = check_currency,
	.help = "The currency of the bill (ISO 4217); one other than USD needs the three EXCHANGE_RATE settings."},
    {.name = "EXCHANGE_RATE",
	.kind = OM_CONF_MONEY,
	.offset = AT(documents.exchange_rate),
	.optional = true,
	.max = 1000000000,
	.unit = "units of CURRENCY per USD",
	.help = "What one US dollar is in CURRENCY, as a decimal; printed on each document."},
    {.name = "EXCHANGE_RATE_DATE",
	.kind = OM_CONF_TEXT,
	.offset = AT(documents.exchange_rate_date),
	.optional = true,
	.check = check_day,
	.help = "The day of EXCHANGE_RATE, YYYY-MM-DD; printed on each document."},
    {.name = "EXCHANGE_RATE_SOURCE",
	.kind = OM_CONF_TEXT,
	.offset = AT(documents.exchange_rate_source),
	.optional = true,
	.max = 120,
	.help = "Who published EXCHANGE_RATE, like \"European Central Bank\"; printed on each document."},
    {.name = "ISSUER_NAME",
	.kind = OM_CONF_TEXT,
	.offset = AT(documents.issuer_name),
	.optional = true,
	.max = 120,
	.help = "Who issues the documents; printed on them, and the author in the files' properties."},
    {.name = "ISSUER_ADDRESS",
	.kind = OM_CONF_TEXT,
	.offset = AT(documents.issuer_address),
	.optional = true,
	.max = 400,
	.help = "The issuer's address; \\n (a backslash and an n) or a vertical bar begins a new line."},
    {.name = "ISSUER_VAT_ID",
	.kind = OM_CONF_TEXT,
	.offset = AT(documents.issuer_vat_id),
	.optional = true,
	.max = 60,
	.help = "The issuer's VAT identification number."},
    {.name = "ISSUER_CONTACT",
	.kind = OM_CONF_TEXT,
	.offset = AT(documents.issuer_contact),
	.optional = true,
	.max = 400,
	.help = "Whom readers may ask: an e-mail address, a telephone number; lines as in ISSUER_ADDRESS."},
    {.name = "ISSUER_LOGO",
	.kind = OM_CONF_TEXT,
	.offset = AT(documents.issuer_logo),
	.optional = true,
	.max = 1024,
	.help = "Path of a PNG or JPEG file of at most 2 MB, drawn on the first page; read at the start."},
    {.name = "DOCUMENT_FOOTER",
	.kind = OM_CONF_TEXT,
	.offset = AT(documents.footer),
	.optional = true,
	.max = 400,
	.help = "A text at the foot of each page; lines as in ISSUER_ADDRESS, two at most are shown."},
    {.name = "DOCUMENT_LOCALE",
	.kind = OM_CONF_CHOICE,
	.offset = AT(documents.locale),
	.def = "en",
	.choices = RD_LOCALES,
	.help = "The language of documents for which none is asked: of their texts, numbers and dates."},
    {.name = "PAPER",
	.kind = OM_CONF_CHOICE,
	.offset = AT(documents.paper),
	.def = "a4",
	.choices = "a4|letter",
	.help = "The paper size of documents for which none is asked."},
    {.name = "PUBLIC_URL",
	.kind = OM_CONF_TEXT,
	.offset = AT(public_url),
	.optional = true,
	.max = 200,
	.check = check_url,
	.help =
	    "Where people outside reach the gateway, like https://metering.example.org; issued documents name it for "
	    "their verification."},
    {.name = "DELIVERY_DIR",
	.kind = OM_CONF_TEXT,
	.offset = AT(delivery_dir),
	.optional = true,
	.max = 1024,
	.help = "The folder where each closed month's files are written, in a folder of their own; none are written "
		"where it "
		"is not set."},
    {.name = "DELIVERY_FILES",
	.kind = OM_CONF_TEXT,
	.offset = AT(delivery_files),
	.def = "report.pdf,report.xlsx,report.csv,statements.pdf",
	.max = 200,
	.check = rd_delivery_files_check,
	.help = "What is written there, separated by commas: report.pdf, report.xlsx, statements.pdf, statements.xlsx "
		"(one for each "
		"user), all issued, with a number; report.csv, report.focus.csv, statements.zip (drafts)."},
    {.name = "DELIVERY_LOCALE",
	.kind = OM_CONF_CHOICE,
	.offset = AT(delivery_locale),
	.optional = true,
	.choices = RD_LOCALES,
	.help = "The language of those documents; DOCUMENT_LOCALE where it is not set."},
    {.name = "FONT_DIR",
	.kind = OM_CONF_TEXT,
	.offset = AT(font_dir),
	.def = "/usr/share/fonts/truetype",
	.max = 1024,
	.help = "The folder with the TrueType fonts of Open Sans, DejaVu Sans and, for Chinese, Japanese and Korean "
		"names, Droid Sans Fallback, directly or in open-sans/, dejavu/ and droid/."},
    {.name = "RENDER_QUEUE",
	.kind = OM_CONF_INT,
	.offset = AT(queue),
	.def = "32",
	.min = 1,
	.max = 1000,
	.help = "How many documents may wait to be made; beyond it, they are refused with 503."},
    {.name = "WORK_DIR",
	.kind = OM_CONF_TEXT,
	.offset = AT(work_dir),
	.optional = true,
	.max = 1024,
	.help = "The folder for temporary files while a workbook is written; TMPDIR or /tmp where it is not set."},
    OM_WIRE_SETTING_KEY_GATEWAY(struct rd_conf),
    OM_WIRE_SETTING_KEY_REPORTD(struct rd_conf),
    OM_WIRE_SETTING_TLS(struct rd_conf),
    OM_WIRE_SETTING_WITHOUT_MAC(struct rd_conf),
    OM_CONF_LOG_LEVEL(struct rd_conf, log_level),
};

/* is_term tells whether a document's text or amounts depend on the setting. */
static bool
is_term(const char *name)
{
	static const char *const starts[] = {
	    "MINIMUM_", "MARKUP_", "TAX_", "CURRENCY", "EXCHANGE_", "ISSUER_", "DOCUMENT_", "PAPER", "PUBLIC_URL"};

	for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++)
		if (strncmp(name, starts[i], strlen(starts[i])) == 0)
			return true;
	return false;
}

void
rd_settings_terms(const struct rd_conf *c, struct om_buf *out)
{
	struct om_buf line;
	struct om_jw w;

	om_buf_init(&line, (size_t)64 * 1024);
	om_jw_init(&w, out);
	om_jw_open(&w, '{');
	for (size_t i = 0; i < RD_N_SETTINGS; i++) {
		size_t n = strlen(rd_settings[i].name) + 1; /* NAME=value and a newline */

		if (!is_term(rd_settings[i].name))
			continue;
		om_buf_reset(&line);
		om_conf_dump(&rd_settings[i], 1, c, &line);
		if (line.status != OM_OK || line.len <= n)
			continue;
		om_jw_key(&w, rd_settings[i].name);
		om_jw_text_n(&w, line.data + n, line.len - n - 1);
	}
	om_jw_close(&w, '}');
	om_buf_fini(&line);
}

om_status
rd_settings_of_documents(const struct rd_conf *c, struct rd_document_settings *out, om_err *e)
{
	struct om_buf json;
	om_status s;

	om_buf_init(&json, (size_t)256 * 1024);
	rd_settings_terms(c, &json);
	om_buf_chr(&json, '\0');
	s = om_buf_done(&json, e);
	*out = (struct rd_document_settings){.json = NULL};
	if (s == OM_OK)
		s = rd_document_settings_open(&c->documents, json.data, out, e);
	om_buf_fini(&json);
	return s;
}
