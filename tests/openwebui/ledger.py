# SPDX-License-Identifier: AGPL-3.0-or-later
"""Each upstream request against its row: one of its own, that says who, what and for
how much; or, where nothing of that goes over the wire, what the plugin's README says."""
import time
from collections import Counter
from decimal import Decimal

from owui import wait_for

COLUMNS = ("row by id, exact", "row without id, exact", "id only", "no cost", "not seen")
BY_ID, BY_COST, ID_ONLY, BARE, NOT_SEEN = COLUMNS


class Ledger:
    """Keeps the requests and rows that are accounted for, so that a scenario answers only for its own."""

    def __init__(self):
        self.paired = {}  # generation's number -> its row or None
        self.taken = set()  # keys of rows
        self.labels = {}  # key -> what the coverage calls its requests

    # helpers

    def delivered(self):
        """delivered waits until the plugin and the gateway hold nothing back: a record counted twice comes late."""
        time.sleep(2.0)  # the plugin keeps a record for a second, in case that more usage follows
        wait_for(lambda: not self.owui.kept()[0] and self.gateway.pending() == 0, "all records in the ledger")

    def expected(self, made):
        """expected names the column in which a request must end."""
        if made.unseen or made.key in self.unseen:
            return NOT_SEEN
        if made.blind:
            return BARE
        if made.key in self.by_outlet:
            return BY_COST if made.cost is not None else BARE
        if made.told_id:
            return BY_ID if made.told_usage and made.cost is not None else ID_ONLY if made.cost is not None else BARE
        return BY_COST if made.told_usage and made.cost is not None else BARE

    def pair(self, made, rows):
        """pair gives each request the row that can only be its own; those without id and cost share a
        user and a kind, so that any of them is as good as the other."""
        rows = [row for row in rows if row.requests]
        by_id = {row.generation_id: row for row in rows}
        pairs = {one: by_id.get(one.id) for one in made}
        free = [row for row in rows if row not in pairs.values()]
        for one in made:
            if pairs[one] is None and self.expected(one) in (BY_COST, BARE):
                asked = (self.asker(one), one.kind)
                mine = [row for row in free if row.cost is not None and row.cost == one.cost] or [
                    row for row in free if row.cost is None and (row.user, row.kind or one.kind) == asked]
                pairs[one] = mine[0] if mine else None
                free = [row for row in free if row is not pairs[one]]
        return pairs, free

    def asker(self, made):
        return "unknown" if made.key in self.nobody else made.asker or self.owui.user_id

    def wrong(self, made, row):
        """wrong lists what a row says otherwise than it was sold."""
        column = self.expected(made)
        if column == NOT_SEEN or row is None:
            return [] if (column == NOT_SEEN) == (row is None) else [
                f"{made.key} ({made.call.name}, {made.task or 'no task'}): " + ("a row" if row else "no row")]
        may_miss = column in (ID_ONLY, BARE) or made.loose
        cost = made.cost if not may_miss or row.cost == made.cost else None
        says = {"user": (row.user, self.asker(made)), "cost": (row.cost, cost)}
        if not made.blind:
            says["model"] = (row.model or row.requested_model, made.model)
        if row.source == "tap":
            says["task"] = (row.task, made.task)
            says["platform"] = (row.platform, {"other": "127.0.0.1"}.get(made.call.platform, made.call.platform))
        if row.source == "tap" and row.tells_kind:
            says["kind"] = (row.kind, made.kind)
        if not self.gateway.settles:
            says["state"] = (row.state, "cancelled" if made.ended == "left" else "final")
        return [f"{made.key} ({made.call.name}, {made.task or 'no task'}): {name} {got!r}, not {due!r}"
                for name, (got, due) in says.items() if got != due]

    def compare(self):
        made = [g for g in self.stub.generations if g.number not in self.paired]
        pairs, free = self.pair(made, [row for row in self.gateway.rows() if row.generation_id not in self.taken])
        faults = [fault for one in made for fault in self.wrong(one, pairs[one])]
        return pairs, free, faults + [f"a row without a sale: {row}" for row in free]

    def account(self, seconds=20):
        """account holds what was sold since the last time against the ledger.  What is wrong is this scenario's
        fault, and not the next one's."""
        wait_for(lambda: all(g.ended for g in self.stub.generations), "the end of all requests upstream")
        self.delivered()
        try:
            wait_for(lambda: not self.compare()[2], "the ledger even", seconds)
        except AssertionError:
            pass
        pairs, free, faults = self.compare()
        self.paired.update({one.number: row for one, row in pairs.items()})
        self.taken |= {row.generation_id for row in [*pairs.values(), *free] if row is not None}
        assert not faults, faults[:6] + [f"{len(faults)} faults"] * (len(faults) > 6)
        return ", ".join(f"{count} {column}" for column, count in Counter(map(self.expected, pairs)).items())

    # the report

    def label(self, made):
        plain = made.call.name if made.call.platform == "openrouter" else f"{made.call.platform}: {made.call.name}"
        if made.kind != "chat":
            return plain
        return made.task or self.labels.get(made.key) or f"{plain}, {'streamed' if made.streamed else 'whole'}"

    def column(self, made, row):
        if row is None:
            return NOT_SEEN
        if row.generation_id == made.id:
            return BARE if made.cost is None else BY_ID if made.told_usage and row.cost == made.cost else ID_ONLY
        return BY_COST if row.cost is not None and row.cost == made.cost else BARE

    def coverage(self, chapter):
        """coverage is a table in Markdown: where the requests and the money of each kind were found."""
        rows = {row.generation_id: row for row in self.gateway.rows() if row.requests}
        pairs, _ = self.pair(self.stub.generations, list(rows.values()))
        counts, money = {}, Counter()
        for made, row in pairs.items():
            if made.chapter == chapter:
                column = self.column(made, row)
                counts.setdefault(self.label(made), Counter())[column] += 1
                money[column] += made.cost or Decimal(0)
        total, everything = sum(money.values()) or Decimal(1), sum(counts.values(), Counter())
        table = [["kind of request", "requests", *COLUMNS], ["---"] * (len(COLUMNS) + 2),
                 *([label, sum(count.values()), *(count[c] or "" for c in COLUMNS)] for label, count in counts.items()),
                 ["all", sum(everything.values()), *(everything[c] for c in COLUMNS)],
                 ["of the money", "", *(f"{100 * money[c] / total:.1f} %" for c in COLUMNS)]]
        return "\n".join(f"| {' | '.join(map(str, line))} |" for line in table)
