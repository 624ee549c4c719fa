# SPDX-License-Identifier: AGPL-3.0-or-later
"""Every reply is held against gateway/openapi.yaml.

The HTTP client of the tests calls Contract.check() for each reply it gets, so each
functional test is a contract test as well.  What was seen is counted, so that a
last test can say which operations no test called.
"""
import functools
import json
import re
from collections import Counter
from pathlib import Path
from urllib.parse import unquote, urlsplit

import jsonschema
import yaml

ROOT = Path(__file__).resolve().parent.parent.parent
SOURCE = ROOT / "gateway" / "openapi.yaml"
METHODS = ("get", "put", "post", "delete", "patch", "head", "options")


class ContractBroken(AssertionError):
    pass


class Operation:
    def __init__(self, path, method, spec):
        self.path, self.method, self.spec, self.id = path, method.upper(), spec, spec["operationId"]
        pattern = re.sub(r"\\{[^}]+\\}", r"[^/]+", re.escape(path))
        self.pattern = re.compile(pattern + r"\Z")
        self.wildcards = path.count("{")

    @property
    def roles(self):
        """roles that may call it: ingestKey, readKey, session; empty means anyone."""
        return [name for entry in self.spec.get("security", []) for name in entry]


class Contract:
    def __init__(self, source=SOURCE):
        self.document = yaml.safe_load(Path(source).read_text(encoding="utf-8"))
        self.operations = sorted(
            (Operation(path, method, spec) for path, item in self.document["paths"].items()
             for method, spec in item.items() if method in METHODS),
            key=lambda operation: operation.wildcards)
        self.resolver = jsonschema.RefResolver("", self.document)
        self.seen = Counter()  # (operation id, status)

    def find(self, method, target):
        """find returns the operation a request is for, or None; and whether the path is known."""
        path = urlsplit(target).path
        known = [o for o in self.operations if o.pattern.match(path)]
        return next((o for o in known if o.method == method), None), bool(known)

    def resolve(self, node):
        while "$ref" in node:
            node = self.resolver.resolve(node["$ref"])[1]
        return node

    @functools.lru_cache(maxsize=None)
    def validator(self, operation_id, status, content_type):
        operation = next(o for o in self.operations if o.id == operation_id)
        response = self.resolve(operation.spec["responses"][status])
        schema = response["content"][content_type].get("schema", {})
        return jsonschema.Draft202012Validator(schema, resolver=self.resolver,
                                               format_checker=jsonschema.FormatChecker())

    def check(self, method, target, status, content_type, body):
        """check raises ContractBroken unless the reply is one the contract allows."""
        operation, path_known = self.find(method, target)
        where = f"{method} {target} -> {status} {content_type!r}"
        if operation is None:
            if urlsplit(target).path.startswith("/api/") and status < 400:
                raise ContractBroken(f"{where}: succeeded, but the contract does not know this call")
            if path_known and status not in (400, 405):
                raise ContractBroken(f"{where}: 405 was expected")
            if urlsplit(target).path.startswith("/api/"):
                self.check_problem(where, status, content_type, body)
            return
        self.seen[(operation.id, status)] += 1
        responses = operation.spec["responses"]
        if str(status) not in responses:
            raise ContractBroken(f"{where}: this status is not documented, only {sorted(responses)}; body {body[:300]!r}")
        documented = self.resolve(responses[str(status)]).get("content")
        if documented is None:
            if body:
                raise ContractBroken(f"{where}: no body is documented, got {body[:100]!r}")
            return
        kind = (content_type or "").split(";")[0].strip()
        if kind not in documented:
            raise ContractBroken(f"{where}: content type is not documented, only {sorted(documented)}; body {body[:300]!r}")
        self.check_body(where, operation.id, str(status), kind, content_type, body)

    def check_body(self, where, operation_id, status, kind, content_type, body):
        if kind.endswith("json"):
            value = json.loads(body.decode("utf-8"))
        elif kind.startswith("text/"):
            value = body.decode("utf-8")
            if "charset=utf-8" not in content_type.lower():
                raise ContractBroken(f"{where}: text without its charset")
        else:
            return
        error = jsonschema.exceptions.best_match(
            self.validator(operation_id, status, kind).iter_errors(value))
        if error is not None:
            raise ContractBroken(f"{where}: at {error.json_path}: {error.message}; body {body[:600]!r}")

    def check_problem(self, where, status, content_type, body):
        if (content_type or "").split(";")[0] != "application/problem+json":
            raise ContractBroken(f"{where}: an error must be application/problem+json; body {body[:200]!r}")
        problem = json.loads(body.decode("utf-8"))
        schema = {"$ref": "#/components/schemas/Problem"}
        jsonschema.Draft202012Validator(schema, resolver=self.resolver).validate(problem)
        if problem["status"] != status:
            raise ContractBroken(f"{where}: the problem says status {problem['status']}")

    # building requests

    def example_path(self, operation):
        """example_path fills the wildcards of a path with values of the right shape."""
        values = {"generation_id": "gen-none", "id": "u-nobody", "user_id": "u-nobody", "group": "nobodies", "file": "2026-01.pdf",
                  "number": "2026-000001", "code": "0000-0000-0000-0000", "key": "nobody-asked"}
        if operation.path.startswith("/api/v1/exports/"):
            values["id"] = "0" * 32
        return re.sub(r"\{([^}]+)\}", lambda m: values[m.group(1)], operation.path)

    @staticmethod
    def path_parts(target):
        return [unquote(part) for part in urlsplit(target).path.split("/")]
