/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "terms_fixture.h"

#include "terms/change.h"
#include "terms/offers.h"

#include <string.h>

struct fx tx;

char *
tx_text(const char *t)
{
	return om_arena_strdup(&tx.a, t);
}

/* ---- what is said ---- */

Om__Terms *
tx_make(const char *markup, const char *tax)
{
	Om__Terms *t = om_msg_new(&tx.a, &om__terms__descriptor);

	t->markup_percent = markup != NULL ? tx_text(markup) : NULL;
	t->tax_rate = tax != NULL ? tx_text(tax) : NULL;
	return t;
}

Om__Terms *
tx_in_eur(Om__Terms *t, const char *rate, const char *date)
{
	t->currency = tx_text("EUR");
	t->exchange_rate = tx_text(rate);
	t->exchange_rate_date = tx_text(date);
	t->exchange_rate_source = tx_text("ECB");
	return t;
}

om_status
tx_try_offer(unsigned char instance, Om__Terms *t, om_time now, char **conflict, om_err *e)
{
	Om__TermsOffer q = OM__TERMS_OFFER__INIT;
	Om__TermsOfferReply out = OM__TERMS_OFFER_REPLY__INIT;
	unsigned char id[8] = {instance};
	om_status s;

	q.instance = (ProtobufCBinaryData){.len = sizeof id, .data = id};
	q.terms = t;
	s = cd_terms_offer(tx.pool, &q, now, FX_DEADLINE, &tx.a, &out, e);
	*conflict = out.conflict;
	return s;
}

const char *
tx_offer(unsigned char instance, Om__Terms *t, om_time now)
{
	char *conflict = NULL;
	om_err e = {.text = ""};

	fx_ok(tx_try_offer(instance, t, now, &conflict, &e), &e);
	return conflict;
}

om_status
tx_try_change(om_day from, Om__Terms *t, const char *unset, bool withdrawn, om_time now, om_err *e)
{
	Om__TermsChange q = OM__TERMS_CHANGE__INIT;
	Om__TermsReply out = OM__TERMS_REPLY__INIT;
	char *names[1] = {unset != NULL ? tx_text(unset) : NULL};

	q.has_valid_from_day = from != CD_TERMS_EVER;
	q.valid_from_day = from;
	q.terms = t;
	q.n_unset = unset != NULL;
	q.unset = names;
	q.has_withdrawn = q.withdrawn = withdrawn;
	return cd_terms_change(tx.pool, &q, now, FX_DEADLINE, &tx.a, &out, e);
}

void
tx_change(om_day from, Om__Terms *t, const char *unset)
{
	om_err e = {.text = ""};

	fx_ok(tx_try_change(from, t, unset, false, TX_NOW, &e), &e);
}

void
tx_withdraw(om_day from)
{
	om_err e = {.text = ""};

	fx_ok(tx_try_change(from, tx_make(NULL, NULL), NULL, true, TX_NOW, &e), &e);
}

/* ---- what became of it ---- */

Om__Terms *
tx_of_month(om_day first)
{
	struct cd_db *db = NULL;
	Om__Terms *t = NULL;
	om_err e = {.text = ""};

	fx_ok(cd_db_open(&tx.opts, &db, &e), &e);
	fx_ok(cd_terms_of_month(db, first, &tx.a, &t, &e), &e);
	cd_db_close(&db);
	return t;
}

void
tx_assert_month(om_day first, const char *markup, const char *tax)
{
	Om__Terms *t = tx_of_month(first);

	assert_non_null(t);
	assert_string_equal(t->markup_percent != NULL ? t->markup_percent : "", markup);
	assert_string_equal(t->tax_rate != NULL ? t->tax_rate : "", tax);
}

Om__TermsReply
tx_all(om_time now)
{
	Om__TermsReply out = OM__TERMS_REPLY__INIT;
	om_err e = {.text = ""};

	fx_ok(cd_terms_read(tx.pool, now, FX_DEADLINE, &tx.a, &out, &e), &e);
	return out;
}

int64_t
tx_rows(void)
{
	return fx_int(&tx, "SELECT COUNT(*) FROM terms_version");
}
