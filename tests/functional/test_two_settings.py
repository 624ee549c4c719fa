# SPDX-License-Identifier: AGPL-3.0-or-later
"""Two reportd with different settings are noticed, and no document depends on which of them made it."""
from datetime import datetime, timezone

import pytest
from issuing import issued, terms, wait_for_offer
from records import record
from stack import Stack, free_port, wait_until

THIS = datetime.now(timezone.utc).strftime("%Y-%m")
GAUGE = "owui_metering_terms_conflict"


class Two(Stack):
    """The second reportd is called second, has settings of its own, and is not started with the others."""

    def __init__(self, *args, second=None, **options):
        super().__init__(*args, **options)
        url = f"tcp://127.0.0.1:{free_port()}"
        self.second = self.process("reportd", self.reportd_env(), "reportd-second")
        self.second.env |= {"REPORTD_LISTEN": url, **second}
        self.gateway.env["REPORTD_URL"] = f"{self.reportd_url},{url}"

    def __exit__(self, *fault):
        try:
            self.second.stop()
        finally:
            super().__exit__(*fault)


@pytest.fixture
def two(tmp_path, mariadb, contract):
    with Two(tmp_path, mariadb, contract, settings={"reportd": {"MARKUP_PERCENT": "10", "TAX_RATE": "19"}},
             second={"MARKUP_PERCENT": "20", "TAX_RATE": "19"}) as one:
        one.ingest.send([record(user=f"u-{n}", cost="12.5") for n in range(8)])
        one.drained()
        wait_for_offer(one)
        yield one


def conflict(stack):
    return terms(stack.read)["conflict"]


def noticed(stack):
    stack.second.start()
    said = wait_until(lambda: conflict(stack), "the conflict")
    assert "markup_percent" in said.lower() and "10" in said and "20" in said and "tax" not in said.lower(), said
    return said


def test_different_settings_are_noticed_and_none_is_taken_over(two):
    before = terms(two.read)
    assert before["conflict"] is None and float(two.read.metrics()[GAUGE]) == 0
    said = noticed(two)
    assert two.read.get("/api/v1/pipeline").json()["terms_conflict"] == said
    assert float(two.read.metrics()[GAUGE]) == 1
    assert terms(two.read) == {**before, "conflict": said}
    session = two.session()
    made = [issued(session, user=f"u-{n}", month=THIS) for n in range(8)]
    assert {one["total"] for one in made} == {"16.36"}
    assert all("issue was carried out" in reportd.log or "document issued" in reportd.log for reportd in (two.reportd, two.second)), "both made some of them"
    assert sum("markup_percent" in line.lower() for line in two.costd.log.splitlines()) == 1, "it is said once"
    two.second.stop()
    wait_until(lambda: conflict(two) is None, "it is over")
    assert terms(two.read) == before and float(two.read.metrics()[GAUGE]) == 0
    assert two.read.get("/api/v1/pipeline").json()["terms_conflict"] is None


def test_the_settings_of_the_one_that_stays_count(two):
    noticed(two)
    two.reportd.stop()
    items = wait_until(lambda: (lambda at: at["items"] if len(at["items"]) == 2 else None)(terms(two.read)), "the other's settings")
    assert [(row["valid_from"], row["markup_percent"]) for row in items] == [(f"{THIS}-01", "20"), (None, "10")]
    assert conflict(two) is None
    two.reportd.start()
    wait_until(lambda: conflict(two), "now the first one differs")
    assert [row["markup_percent"] for row in terms(two.read)["items"]] == ["20", "10"]


def test_the_same_settings_are_no_conflict(two):
    """A default is as good as none, and who issues is not what is charged."""
    two.second.env |= {"MARKUP_PERCENT": "10", "MINIMUM_CHARGE_FEE": "0", "ISSUER_NAME": "Example GmbH", "PAPER": "letter"}
    before = terms(two.read)
    two.second.start()
    wait_until(lambda: two.db.value("SELECT COUNT(*) FROM terms_offer") == "2", "both are known")
    assert terms(two.read) == before and before["conflict"] is None


@pytest.mark.slow
def test_one_that_is_killed_is_forgotten(two):
    noticed(two)
    two.second.kill()
    wait_until(lambda: conflict(two) is None, "it is forgotten after half a minute")
    assert float(two.read.metrics()[GAUGE]) == 0 and len(terms(two.read)["history"]) == 1
