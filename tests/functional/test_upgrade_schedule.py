# SPDX-License-Identifier: AGPL-3.0-or-later
"""What the program of schema step 12 was about to do goes on: nothing is done twice and nothing is lost.

tests/data/upgrade/ledger-0012.sql was made with the programs of that step, whose clock said what is said here.  On 2026-10-02
September was written and the webhook took it.  On 2026-11-03 October was written, and the webhook, called once, refused it; four
requests of November waited for a look-up in an hour; and both costd and reportd were killed while a report of November was being
issued, so that the number 2026-000003 was held.  By hand gen-nov-1 was left as a killed worker leaves it, and gen-nov-2 given up.
"""
import subprocess
import time

import pytest
from issuing import issued
from stack import newest_step, wait_until
from stub_openrouter import Stub
from webhook import Receiver

SECRET = "a-webhook-secret-of-the-tests"


@pytest.fixture
def receiver():
    with Receiver() as one:
        yield one


@pytest.fixture
def older(on_dump, receiver):
    """An installation on that ledger, not started yet; it calls a webhook and looks nothing up."""
    return on_dump("0012", settings={"costd": {"DELIVERY_GRACE": "0", "DELIVERY_WEBHOOK_URL": receiver.url, "DELIVERY_WEBHOOK_SECRET": SECRET}})


def check(stack):
    done = subprocess.run([stack.bin / "costd", "--check"], env=stack.costd.env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def messages(stack):
    return stack.db.rows("SELECT subject,state,attempts,id,body,first_us,IFNULL(next_us,'-'),last_status,IFNULL(last_error,'-') FROM outbox ORDER BY subject")


LOOKUPS = "SELECT generation_id,first_us,attempts,IFNULL(next_us,'-'),IFNULL(lease_until_us,'-'),IFNULL(last_status,'-'),verify FROM lookup ORDER BY 1"


def test_all_of_the_schedule_moves_over(older):
    hooks = older.db.rows("SELECT DATE_FORMAT(month,'%Y-%m'),hook_state,hook_attempts,id,body,hook_first_us,IF(hook_state=1,hook_next_us,'-'),"
                          "hook_status,IFNULL(hook_error,'-') FROM delivery ORDER BY month")
    assert [row[:2] for row in hooks] == [("2026-09", "2"), ("2026-10", "1")]
    months = older.db.rows("SELECT month,id,state,attempts,next_us,written_us,body FROM delivery ORDER BY month")
    lookups, prices = older.db.rows(LOOKUPS), older.db.value("SELECT value FROM meta WHERE name='prices_due_us'")
    held = older.db.rows("SELECT HEX(lease_id),lease_until_us,lease_request,lease_year,lease_seq,lease_us,lease_code FROM issuing")
    assert len(lookups) == 4 and held[0][0] != "NULL" and held[0][4] == "3"
    for _ in range(2):  # the second time as after a crash just before the step was noted
        check(older)
        assert older.db.value("SELECT MAX(version) FROM schema_migration") == str(newest_step())
        assert messages(older) == hooks
        assert older.db.rows("SELECT month,id,state,attempts,next_us,written_us,body FROM delivery ORDER BY month") == months
        assert older.db.rows(LOOKUPS) == lookups
        assert older.db.rows("SELECT next_us,attempts FROM lease WHERE name='prices'") == [(prices, "0")]
        assert older.db.value("SELECT COUNT(*) FROM meta WHERE name='prices_due_us'") == "0"
        assert older.db.rows("SELECT HEX(lease_id),lease_until_us,lease_request,lease_year,lease_seq,lease_us,lease_code FROM issuing") == held
        assert older.db.value("SELECT COUNT(*) FROM information_schema.COLUMNS WHERE TABLE_SCHEMA=DATABASE() AND COLUMN_NAME LIKE 'hook\\_%'") == "0"
        older.db.rows("DELETE FROM schema_migration WHERE version=13")


def test_two_that_start_at_once_carry_it_out_once(older):
    both = [subprocess.Popen([older.bin / "costd", "--check"], env=older.costd.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            for _ in range(2)]
    said = [one.communicate()[0] for one in both]
    for one, text in zip(both, said):  # on a slow machine the second does not wait for long enough
        assert one.returncode == 0 or "schema: another process carries out its steps" in text, said
    check(older)
    assert "".join(said).count("step=0013_lease") == 1, said
    assert [row[:2] for row in messages(older)] == [("2026-09", "2"), ("2026-10", "1")]


def test_an_open_call_is_made_and_what_was_told_is_not_told_again(older, receiver):
    (told, open_one) = older.db.rows("SELECT id,body FROM delivery ORDER BY month")
    with older as stack:
        wait_until(lambda: [row[1] for row in messages(stack)[:2]] == ["2", "2"], "the call")
        (call,) = [one for one in receiver.calls if one.headers["X-Metering-Delivery"] in (told[0], open_one[0])]
        assert (call.headers["X-Metering-Delivery"], call.body.decode()) == open_one and call.is_signed(SECRET)
        assert call.headers["X-Metering-Event"] == "month.delivered"


def test_a_number_that_is_held_is_released_in_time(older):
    older.db.rows(f"UPDATE issuing SET lease_until_us={int((time.time() + 8) * 10**6)}")
    with older as stack:
        made = issued(stack.session(), user="u-1", month="2026-09")
        assert int(made["number"].split("-")[1]) == (3 if made["number"].startswith("2026-") else 1)
        assert stack.db.value("SELECT COUNT(*) FROM issuing WHERE lease_id IS NOT NULL") == "0"
        assert issued(stack.session(), key="lost", month="2026-11")["number"] > made["number"], "the request of then is made now"


def test_waiting_look_ups_are_made_and_one_given_up_stays_so(on_dump):
    with Stub(key="sk-or-v1-stub-key-of-the-tests") as stub:
        for n in range(4):
            stub.put(f"gen-nov-{n}", total_cost="0.5")
        with on_dump("0012", stub=stub) as stack:
            def unsettled():
                return {row[0] for row in stack.db.rows("SELECT generation_id FROM generation WHERE unsettled=1")}
            wait_until(lambda: unsettled() == {"gen-nov-2"}, "three costs")
            assert stack.db.rows("SELECT generation_id,next_us IS NULL,attempts FROM lookup") == [("gen-nov-2", "1", "9")]
            assert [stub.asked(f"gen-nov-{n}") for n in range(4)] == [1, 1, 0, 1]
