# SPDX-License-Identifier: AGPL-3.0-or-later
"""Open WebUI's own list of users and groups, asked for by costd: also who never chatted,
the tree of groups, and who was deleted there.  A receiver asks for nothing, so that these
are left out with it."""
import json

from doubles import with_ledger
from owui import wait_for
from sold import MODELS

CLAUDE = MODELS[0]


class People:
    def tree(self):
        """tree gives Open WebUI a group in another one, where it has a tree, and returns their ids: above, below."""
        above = self.owui.post("/api/v1/groups/create", {"name": "The whole school", "description": ""})
        below = self.owui.post("/api/v1/groups/create", {"name": "Its class", "description": "", "parent_group_id": above["id"]})
        assert (below.get("parent_group_id") == above["id"]) == (self.owui.version >= (0, 12)), below
        return above["id"], below["id"]

    def put_into(self, group, *users):
        self.owui.post(f"/api/v1/groups/id/{group}/users/add", {"user_ids": list(users)})

    def rename(self, user, name, email):
        form = {"name": name, "email": email, "role": "user"}
        if self.owui.version < (0, 10):
            form["profile_image_url"] = "/user.png"
        self.owui.post(f"/api/v1/users/{user}/update", form)

    def known(self, user):
        return self.gateway.users().get(user) or {}

    @with_ledger
    def scenario_92_list(self):
        """Open WebUI's list: who never chatted, with the groups and those above them; a new name is seen without a chat"""
        above, below = self.tree()
        quiet, _ = self.owui.add_user("Never Chatted", "never-chatted@example.org", role="user")
        member, key = self.owui.add_user("Mary Somerville", "mary@example.org", role="user")
        self.put_into(below, quiet, member)
        self.owui.api({"key": "listed", "for": member}, CLAUDE, key=key)
        self.users[member], self.labels["listed"] = "Mary Somerville", "of a person of the list"
        wait_for(lambda: self.known(member).get("first_seen_at"), "the request", 60)
        before = set(self.gateway.users())
        assert quiet not in before, "known without a list"
        self.gateway.ask_open_webui(f"http://127.0.0.1:{self.owui.port}", self.owui.api_key)
        wait_for(lambda: self.known(quiet).get("listed_at"), "the list", 60)
        due = (["Its class", "The whole school"], ["The whole school"]) if self.owui.version >= (0, 12) else (["Its class"], [])
        for user, name in ((quiet, "Never Chatted"), (member, "Mary Somerville")):
            said = self.known(user)
            assert (said["name"], said["groups"], said["inherited_groups"]) == (name, *due), said
        assert self.known(quiet)["first_seen_at"] is None and self.known(quiet)["email"] == "never-chatted@example.org"
        self.rename(member, "Mary Fairfax", "mary@example.org")
        wait_for(lambda: self.known(member)["name"] == "Mary Fairfax", "the new name", 60)
        self.users[member] = "Mary Fairfax"
        theirs = {one["id"]: one for one in self.owui.get("/api/v1/users/all")["users"]}
        ours = {one: said for one, said in self.gateway.users().items() if said["listed_at"]}
        assert set(ours) == set(theirs) and not [one for one in ours.values() if one["gone_at"]]
        for one, said in theirs.items():
            groups = self.owui.get(f"/api/v1/users/{one}/groups?include_inherited=true")
            assert set(ours[one]["groups"]) == {group["name"][:256] for group in groups}, (ours[one], groups)
            assert (ours[one]["name"], ours[one]["email"], ours[one]["role"]) == (said["name"].replace("\u0085", ""), said["email"], said["role"])
        return f"{len(theirs)} users, {len(self.owui.get('/api/v1/groups/'))} groups; before the list {len(before)} were known"

    @with_ledger
    def scenario_93_gone(self):
        """who is deleted in Open WebUI is shown as gone, and stays known"""
        user, key = self.owui.add_user("Soon Gone", "soon-gone@example.org", role="user")
        self.owui.api({"key": "gone", "for": user}, CLAUDE, key=key)
        self.users[user], self.labels["gone"] = "Soon Gone", "of a person who is deleted afterwards"
        wait_for(lambda: self.known(user).get("listed_at") and self.known(user)["first_seen_at"], "the list and the request", 60)
        assert self.owui.call("DELETE", f"/api/v1/users/{user}")[0] == 200
        wait_for(lambda: self.known(user)["gone_at"], "gone", 60)
        said = self.known(user)
        assert said["name"] == "Soon Gone" and said["email"] == "soon-gone@example.org", said
        others = [one for one in self.gateway.users().values() if one["gone_at"]]
        assert len(others) == 1, others
        log = (self.gateway.home / "log" / "costd.log").read_text(encoding="utf-8", errors="replace")
        for private in (self.owui.api_key, "Soon Gone", "soon-gone@", user, "Never Chatted", json.dumps("Its class")):
            assert private not in log, f"{private} is in costd's log"
        lines = [line for line in log.splitlines() if "Open WebUI's list" in line]
        return f"costd's log: {lines[-1:]}"
