/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "check.h"

#include "access/hosts.h"

static om_status
ask(const char *public_url, const char *allowed, const char *host, bool by_proxy)
{
	const struct gw_header header = {"Host", host};
	const struct gw_req rq = {.headers = &header, .n_headers = host != NULL, .by_proxy = by_proxy};
	struct gw_hosts *h = NULL;
	om_err e = {.text = ""};
	om_status s;

	assert_status(gw_hosts_new(public_url, allowed, &h, &e), OM_OK, e);
	s = gw_hosts_allow(h, &rq, &e);
	gw_hosts_free(&h);
	return s;
}

static void
test_addresses_and_local_names_are_ours(void **state)
{
	static const char *const ours[] = {"127.0.0.1", "10.1.2.3:45000", "[::1]", "[2001:db8::1]:443", "localhost",
	    "LocalHost:1", "a.localhost", "gateway", "gateway:45000", "localhost."};
	static const char *const strangers[] = {"evil.example", "evil.example:45000", "127.0.0.1.evil.example", "1.2.3",
	    "evillocalhost.example", "[::1", "[evil.example]", "a.b/c", "127.0.0.1:80:80", "127.0.0.1:", "x:y", ":80",
	    ""};

	(void)state;
	for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++)
		if (ask(NULL, NULL, ours[i], false) != OM_OK)
			fail_msg("%s", ours[i]);
	for (size_t i = 0; i < sizeof strangers / sizeof strangers[0]; i++)
		if (ask(NULL, NULL, strangers[i], false) != OM_MISDIRECTED)
			fail_msg("%s", strangers[i]);
	assert_int_equal(ask(NULL, NULL, NULL, false), OM_OK);
}

static void
test_settings_name_others(void **state)
{
	static const char url[] = "https://metering.example.org:8443/",
			  list[] = "metering.lan, b.example:1 ,,c.example";

	(void)state;
	assert_int_equal(ask(url, NULL, "metering.example.org", false), OM_OK);
	assert_int_equal(ask(url, NULL, "METERING.example.org:8443", true), OM_OK);
	assert_int_equal(ask(url, NULL, "x.metering.example.org", true), OM_MISDIRECTED);
	assert_int_equal(ask(NULL, list, "metering.LAN", false), OM_OK);
	assert_int_equal(ask(NULL, list, "c.example", false), OM_OK);
	assert_int_equal(ask(NULL, list, "b.example:2", false), OM_OK);
	assert_int_equal(ask(NULL, list, "d.example", true), OM_MISDIRECTED);
	/* with neither, a trusted proxy is believed, and nobody else */
	assert_int_equal(ask(NULL, NULL, "d.example", true), OM_OK);
	assert_int_equal(ask(NULL, NULL, "d.example", false), OM_MISDIRECTED);
}

static void
test_what_is_no_url_and_no_name(void **state)
{
	static const char *const urls[] = {
	    "", "metering.example.org", "https://", "https:///", "http://a.example?b", "ftp://a.example", "http://a b"};
	static const char *const lists[] = {
	    "https://a.example", "a.example,*", "a.example/b", "a example;b", "a.example:x"};

	(void)state;
	for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++)
		if (gw_public_url_check(urls[i], NULL) == OM_OK)
			fail_msg("%s", urls[i]);
	for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
		if (gw_hosts_check(lists[i], NULL) == OM_OK)
			fail_msg("%s", lists[i]);
	assert_int_equal(gw_public_url_check("http://[::1]:45000", NULL), OM_OK);
	assert_int_equal(gw_public_url_check("HTTPS://a.example/", NULL), OM_OK);
	assert_int_equal(gw_public_url_check("http://a.example/b", NULL), OM_OK);
	assert_int_equal(gw_hosts_check("a.example b.example:80,c", NULL), OM_OK);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_addresses_and_local_names_are_ours),
	    cmocka_unit_test(test_settings_name_others),
	    cmocka_unit_test(test_what_is_no_url_and_no_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
