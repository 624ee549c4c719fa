# SPDX-License-Identifier: AGPL-3.0-or-later
"""What the stub provider is asked for: the orders in a request's texts, and which of
Open WebUI's own prompts it is.  Orders are a flat JSON object that begins with its key."""
import json
import re

ORDERS = re.compile(r'\{\\*"key\\*": .*?\}', re.S)
TASKS = {  # how Open WebUI's own prompts begin, in all versions
    "title_generation": "Generate a concise",
    "tags_generation": "broad tags categorizing",
    "follow_up_generation": "the user might naturally ask next|messages this user might naturally send next",
    "query_generation": "necessity of generating search queries",
    "image_prompt_generation": "prompt for am image generation task",
    "autocomplete_generation": "You are an autocompletion system",
    "emoji_generation": "through a fitting emoji",
    "moa_response_generation": "a set of responses from various models",
    "function_calling": "Available Tools:",
    "context_compaction": "Summarize the conversation history that will be compacted",
    "memory_review": "private memory reviewer",
}
HEAD = 600  # characters of a prompt in which these are looked for: what follows is the chat's


def text_of(content):
    if isinstance(content, list):
        return "".join(part.get("text") or "" for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""


def texts_of(body):
    """texts_of yields a request's texts, the newest of the user's first."""
    messages = [m for field in ("messages", "input") if isinstance(body.get(field), list)
                for m in body[field] if isinstance(m, dict)]
    for role in ("user", None):
        yield from (text_of(m.get("content")) for m in reversed(messages) if role in (None, m.get("role")))
    for field in ("input", "prompt", "query", "documents"):
        value = body.get(field)
        yield from reversed([one for one in (value if isinstance(value, list) else [value]) if isinstance(one, str)])


def orders_in(text):
    """orders_in reads the last orders of a text, {} without any; they may be quoted in JSON."""
    for found in reversed(ORDERS.findall(text)):
        try:
            return json.loads(found.replace("\\", ""))
        except ValueError:
            continue
    return {}


def orders_of(body):
    return next((orders for orders in map(orders_in, texts_of(body)) if orders), {})


def task_of(body):
    """task_of names the task whose prompt a request begins with, None for what a person asked."""
    heads = [text_of(m.get("content"))[:HEAD] for m in body.get("messages") or [] if isinstance(m, dict)]
    return next((task for task, begin in TASKS.items() for head in heads if re.search(begin, head)), None)


def task_answer(task, orders, tool):
    """task_answer is what Open WebUI can use, or None where any text will do."""
    again = json.dumps(orders)  # what is searched for or drawn next belongs to the same key
    made = {"title_generation": {"title": "A drive"}, "tags_generation": {"tags": ["drive"]},
            "follow_up_generation": {"follow_ups": ["And then?"]}, "query_generation": {"queries": [again]},
            "image_prompt_generation": {"prompt": again}, "autocomplete_generation": {"text": "and so on"},
            "function_calling": {"tool_calls": [{"name": tool, "parameters": {"subject": "0"}}]},
            "memory_review": {"operations": []}}.get(task)
    return None if made is None else json.dumps(made)
