# SPDX-License-Identifier: AGPL-3.0-or-later
"""Records as the plugin sends them, and what a ledger of them must say, in Decimal."""
import itertools
import secrets
from collections import defaultdict
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from zoneinfo import ZoneInfo

_number = itertools.count(1)

FIGURES = ("requests", "prompt_tokens", "completion_tokens", "reasoning_tokens", "cached_tokens",
           "cache_write_tokens", "cost", "byok_cost", "unsettled")


def instant(value):
    """instant is a time as records carry it."""
    return value.astimezone(timezone.utc).isoformat(timespec="microseconds").replace("+00:00", "Z")


def lately(minutes=5):
    """lately is so many minutes ago but, as UTC counts, in this month: that is what is asked for where no period is said."""
    now = datetime.now(timezone.utc)
    return max(now - timedelta(minutes=minutes), now.replace(day=1, hour=0, minute=0, second=0, microsecond=0))


def new_generation_id():
    return f"gen-{1790000000 + next(_number)}-{secrets.token_hex(10)}"


def record(user="u-1", cost="0.0001", at=None, **fields):
    """record is a finished generation.  `cost` is a decimal string, a number or None;
    a field given as None is left out, `usage_…` fields go into its usage."""
    at = at or lately()
    usage = {"prompt_tokens": fields.pop("prompt_tokens", 30), "completion_tokens": fields.pop("completion_tokens", 7),
             "cost": cost, "is_byok": fields.pop("is_byok", None),
             "cost_details": {"upstream_inference_cost": fields.pop("upstream_cost", None)},
             "prompt_tokens_details": {"cached_tokens": fields.pop("cached_tokens", None),
                                       "cache_write_tokens": fields.pop("cache_write_tokens", None)},
             "completion_tokens_details": {"reasoning_tokens": fields.pop("reasoning_tokens", None)}}
    made = {"v": 1, "generation_id": new_generation_id(), "state": "final", "source": "filter-stream",
            "user": {"id": user, "name": f"Name of {user}", "email": f"{user}@example.org", "role": "user"},
            "model": "anthropic/claude-haiku-4.5", "provider": "Amazon Bedrock",
            "usage": usage, "started_at": instant(at), "finished_at": instant(at + timedelta(seconds=3))}
    made.update(fields)
    return {name: value for name, value in made.items() if value is not None}


def figures_of(records):
    """figures_of adds up records, one per generation, as the ledger must."""
    total = {name: 0 for name in FIGURES} | {"cost": Decimal(0), "byok_cost": Decimal(0)}
    for one in records:
        usage = one.get("usage") or {}
        total["requests"] += 1
        for name in ("prompt_tokens", "completion_tokens"):
            total[name] += usage.get(name) or 0
        for name in ("cached_tokens", "cache_write_tokens"):
            total[name] += (usage.get("prompt_tokens_details") or {}).get(name) or 0
        total["reasoning_tokens"] += (usage.get("completion_tokens_details") or {}).get("reasoning_tokens") or 0
        if usage.get("cost") is None:
            total["unsettled"] += 1
        else:
            total["cost"] += decimal(usage["cost"])
        if usage.get("is_byok"):
            total["byok_cost"] += decimal((usage.get("cost_details") or {}).get("upstream_inference_cost") or 0)
    return total


def decimal(value):
    """decimal reads a cost of a record: a float stands for its shortest decimal."""
    return Decimal(repr(value)) if isinstance(value, float) else Decimal(value)


def decimals(figures):
    """decimals turns the figures of a reply into the shape of figures_of."""
    return {name: Decimal(figures[name]) if name in ("cost", "byok_cost") else figures[name] for name in FIGURES}


def key_of(one, group, zone):
    at = datetime.fromisoformat(one["started_at"].replace("Z", "+00:00")).astimezone(ZoneInfo(zone))
    return {"day": at.strftime("%Y-%m-%d"), "month": at.strftime("%Y-%m"), "user": one["user"]["id"],
            "hour": at.replace(minute=0, second=0, microsecond=0).isoformat(timespec="minutes")}.get(group, one.get(group))


def keys_of(one, group, zone):
    """keys_of gives the values a record counts under: several only for groups."""
    if group == "group":
        return sorted(set(one["user"].get("groups") or [])) or [None]
    return [key_of(one, group, zone)]


def grouped(records, groups, zone="UTC"):
    """grouped maps each combination of keys to its figures."""
    parts = defaultdict(list)
    for one in records:
        for key in itertools.product(*(keys_of(one, group, zone) for group in groups)):
            parts[key].append(one)
    return {key: figures_of(part) for key, part in parts.items()}
