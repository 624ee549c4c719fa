# SPDX-License-Identifier: AGPL-3.0-or-later
"""Every kind of request that Open WebUI makes of a provider, one scenario each: who asked,
for which task, and the cost to the last digit."""
import json

from answers import PIXEL
from owui import wait_for
from sold import MODELS, OLLAMA_MODEL, OTHER_MODEL, word

CLAUDE, GPT = MODELS
EMBEDDER = "openai/text-embedding-3-small"


class Kinds:
    # helpers

    def made_of(self, key, count, what=None):
        """made_of waits for as many requests of a key upstream, all of them answered."""
        def enough():
            made = self.stub.of(key)
            return len(made) >= count and all(g.ended for g in made) and made
        made = wait_for(enough, f"{count} requests of {what or key} upstream")
        assert len(made) == count, [(g.call.name, g.task) for g in made]
        return made

    def tasks_made(self, key, *tasks):
        """tasks_made: just these tasks were asked for, None being the chat itself."""
        made = self.made_of(key, len(tasks))
        assert sorted(g.task or "" for g in made) == sorted(t or "" for t in tasks), [g.task for g in made]
        return made

    def task(self, name, key, **body):
        """task asks a task's own address, as the page does."""
        return self.owui.post(f"/api/v1/tasks/{name}/completions", {"model": CLAUDE, **body})

    def ask_as_agent(self, key):
        """ask_as_agent asks four times as a program does that has a tool and does not stream."""
        orders, tool = {"key": key, "tools": 3, "words": 4}, {"type": "function", "function": {
            "name": "drive_lookup", "parameters": {"type": "object", "properties": {"subject": {"type": "string"}}}}}
        messages = [{"role": "user", "content": json.dumps(orders)}]
        for _ in range(4):
            connection, response = self.owui.open("POST", "/api/chat/completions", {
                "model": CLAUDE, "stream": False, "messages": messages, "tools": [tool]}, token=self.owui.api_key)
            message = json.loads(response.read())["choices"][0]["message"]
            connection.close()
            messages = [*messages, message, *({"role": "tool", "tool_call_id": call["id"], "content": "nothing"}
                                              for call in message.get("tool_calls") or [])]
        assert word(key, 3).strip() in message["content"], message

    # what is done

    def scenario_30_first_chat(self):
        """first chat in the browser with title, tags and follow-ups: four requests"""
        (chat,), orders = self.chat("first", background_tasks={
            "title_generation": True, "tags_generation": True, "follow_up_generation": True})
        self.finish(chat, orders)
        self.tasks_made("first", None, "title_generation", "tags_generation", "follow_up_generation")
        return self.account()

    def scenario_31_tasks(self):
        """title, emoji, queries, image prompt, autocomplete, merged answers asked for one by one"""
        def said(key):
            return [{"role": "user", "content": json.dumps({"key": key})}]
        self.task("title", "t-title", messages=said("t-title"))
        self.task("emoji", "t-emoji", prompt=said("t-emoji")[0]["content"])
        self.task("queries", "t-query", messages=said("t-query"), type="web_search")
        self.task("image_prompt", "t-image", messages=said("t-image"))
        self.task("auto", "t-auto", prompt=said("t-auto")[0]["content"], messages=[], type="search query")
        self.task("moa", "t-moa", prompt=said("t-moa")[0]["content"], responses=["one", "two"], stream=False)
        for key, task in (("t-title", "title_generation"), ("t-emoji", "emoji_generation"),
                          ("t-query", "query_generation"), ("t-image", "image_prompt_generation"),
                          ("t-auto", "autocomplete_generation"), ("t-moa", "moa_response_generation")):
            self.tasks_made(key, task)
        return self.account()

    def scenario_32_moa_streamed(self):
        """merged answers, streamed"""
        connection, response = self.owui.open("POST", "/api/v1/tasks/moa/completions", {
            "model": CLAUDE, "prompt": json.dumps({"key": "moa"}), "responses": ["one", "two"], "stream": True})
        said = response.read().decode()
        connection.close()
        assert word("moa", 2).strip() in said, said[:500]
        self.tasks_made("moa", "moa_response_generation")
        return self.account()

    def scenario_33_legacy_tools(self):
        """legacy function calling: the choice of a tool is a request of its own"""
        (chat,), orders = self.chat("legacy", tool_ids=["drive"], params={"function_calling": "legacy"})
        self.finish(chat, orders)
        self.tasks_made("legacy", "function_calling", None)
        self.labels["legacy"] = "legacy function calling"
        return self.account()

    def scenario_34_compaction(self):
        """a long chat is summarised before the next answer"""
        if self.owui.version < (0, 10):
            return "left out: not in this version"
        (chat,), orders = self.chat("long", words=40)
        self.finish(chat, orders)
        for key in ("long-2", "long-3"):
            orders = {"key": key, "words": 40}
            chat = self.owui.ask_again(chat, orders, CLAUDE, params=(
                {"compact_token_threshold": 20} if key == "long-3" else {}))
            self.finish(chat, orders)
        summaries = [g for g in self.stub.generations if g.task == "context_compaction"]
        assert len(summaries) == 1, [(g.key, g.task) for g in self.stub.generations[-6:]]
        return self.account()

    def scenario_35_agent(self):
        """a program that uses tools without streaming: four requests"""
        self.ask_as_agent("agent")
        self.tasks_made("agent", None, None, None, None)
        self.labels["agent"] = "program with tools, not streamed"
        return self.account()

    def scenario_36_openai_route(self):
        """/openai/chat/completions streamed and whole"""
        path = "/openai/chat/completions"
        for key, stream in (("route-1", True), ("route-2", False)):
            self.labels[key] = f"/openai/chat/completions, {'streamed' if stream else 'whole'}"
            text, _ = self.owui.api({"key": key}, CLAUDE, stream=stream, path=path)
            assert word(key, 2).strip() in text, text
            self.tasks_made(key, None)
        return self.account()

    def scenario_37_responses(self):
        """/openai/responses streamed and whole"""
        if self.owui.version < (0, 8):
            return "left out: not in this version"
        for key, stream in (("responses-1", True), ("responses-2", False)):
            connection, response = self.owui.open("POST", "/openai/responses", {
                "model": CLAUDE, "stream": stream, "input": json.dumps({"key": key})}, token=self.owui.api_key)
            said = response.read().decode()
            connection.close()
            assert word(key, 2).strip() in said, said[:500]
            self.tasks_made(key, None)
        return self.account()

    def scenario_38_messages(self):
        """messages in Anthropic's shape, streamed and whole"""
        if self.owui.version < (0, 8):
            return "left out: not in this version"
        for key, stream in (("messages-1", True), ("messages-2", False)):
            connection, response = self.owui.open("POST", "/api/v1/messages", {
                "model": CLAUDE, "stream": stream, "max_tokens": 99,
                "messages": [{"role": "user", "content": json.dumps({"key": key})}]}, token=self.owui.api_key)
            said = response.read().decode()
            connection.close()
            assert word(key, 2).strip() in said, said[:500]
            self.labels[key] = f"/api/v1/messages, {'streamed' if stream else 'whole'}"
            self.tasks_made(key, None)
        return self.account()

    def scenario_39_passthrough(self):
        """/openai/messages, /openai/embeddings and /openai/rerank, handed through"""
        text = json.dumps({"key": "through"})
        key = self.owui.api_key
        for stream in (False, True):
            connection, response = self.owui.open("POST", "/openai/messages", {
                "model": CLAUDE, "stream": stream, "messages": [{"role": "user", "content": text}]}, token=key)
            assert word("through", 2).strip() in response.read().decode()
            connection.close()
        self.owui.post("/openai/embeddings", {"model": CLAUDE, "input": text}, key)
        self.owui.post("/openai/rerank", {"model": CLAUDE, "query": text, "documents": ["a"]}, key)
        self.made_of("through", 4)
        return self.account()

    def scenario_40_embeddings(self):
        """/api/v1/embeddings"""
        said = self.owui.post("/api/v1/embeddings", {"model": CLAUDE, "input": [json.dumps({"key": "vectors"})]},
                              self.owui.api_key)
        assert said["data"], said
        self.made_of("vectors", 1)
        return self.account()

    def scenario_41_rag(self):
        """a document uploaded and asked about: embeddings, query, answer"""
        text = json.dumps({"key": "rag-file"}) + " The lighthouse was built in 1811. " * 20
        file = self.owui.upload("/api/v1/files/", "lighthouse.txt", text.encode(), "text/plain")

        def processed():
            state = self.owui.get(f"/api/v1/files/{file['id']}")["data"].get("status")
            assert state != "failed", f"the file: {state}"
            return state in (None, "completed")
        wait_for(processed, "the file processed")
        wait_for(lambda: self.stub.of("rag-file"), "the embeddings of the file upstream")
        (chat,), orders = self.chat("rag", params={"function_calling": "legacy"}, files=[{
            "type": "file", "id": file["id"], "name": "lighthouse.txt", "file": file, "status": "uploaded",
            "url": file["id"], "collection_name": f"file-{file['id']}", "context": "retrieval"}])
        self.finish(chat, orders)
        self.labels["rag"] = "chat about a document"
        made = sorted(f"{g.kind}/{g.task}" for g in self.stub.of("rag") + self.stub.of("rag-file"))
        assert "chat/query_generation" in made and "chat/None" in made, made
        return f"{self.account()}; upstream: {made}"

    def scenario_42_web_search(self):
        """a web search in the chat: its queries are a request of their own"""
        (chat,), orders = self.chat("web", features={"web_search": True}, params={"function_calling": "legacy"})
        self.finish(chat, orders)
        self.labels["web"] = "chat with web search"
        made = sorted(f"{g.kind}/{g.task}" for g in self.stub.of("web"))
        assert "chat/query_generation" in made and "chat/None" in made, made
        return f"{self.account()}; upstream: {made}"

    def scenario_43_images(self):
        """an image made and one changed by the API: no id in the answer"""
        for path, key, more in (("generations", "image", {}),
                                ("edit", "image-edit", {"image": f"data:image/png;base64,{PIXEL}", "n": 1})):
            body = {"prompt": json.dumps({"key": key}), **more}
            if more and self.owui.version < (0, 10):
                body = {"form_data": body}
            said = self.owui.post(f"/api/v1/images/{path}", body, self.owui.api_key)
            assert said, said
            self.without_person(key)
            self.made_of(key, 1)
        return self.account()

    def scenario_44_image_in_chat(self):
        """an image in a chat: prompt, image, answer"""
        (chat,), orders = self.chat("drawn", features={"image_generation": True},
                                    params={"function_calling": "legacy"})
        self.finish(chat, orders)
        made = sorted(f"{g.kind}/{g.task}" for g in self.stub.of("drawn"))
        assert "image/None" in made, made
        self.labels["drawn"] = "image in a chat"
        return f"{self.account()}; upstream: {made}"

    def scenario_45_speech(self):
        """an answer read aloud: bytes, no usage"""
        connection, response = self.owui.open("POST", "/api/v1/audio/speech", {
            "input": json.dumps({"key": "speech"}), "voice": "alloy"})
        assert response.status == 200 and response.read(), response.status
        connection.close()
        self.made_of("speech", 1)
        return self.account()

    def scenario_46_transcription(self):
        """a recording written down: no usage"""
        said = self.owui.upload("/api/v1/audio/transcriptions", "said.wav",
                                b"RIFF\x24\x00\x00\x00WAVEfmt " + json.dumps({"key": "heard"}).encode(), "audio/wav")
        assert word("heard", 2).strip() in said["text"], said
        self.made_of("heard", 1)
        return self.account()

    def scenario_47_ollama(self):
        """an Ollama: in the browser, by the API, its own address"""
        (chat,), orders = self.chat("ollama", models=(OLLAMA_MODEL,))
        self.finish(chat, orders)
        self.owui.api({"key": "ollama-api"}, OLLAMA_MODEL, stream=False)
        for path, about in (("/ollama/api/chat", {"messages": [{"role": "user", "content": '{"key": "ollama-own"}'}]}),
                            ("/ollama/api/generate", {"prompt": '{"key": "ollama-own"}'})):
            connection, response = self.owui.open("POST", path, {"model": OLLAMA_MODEL, **about},
                                                  token=self.owui.api_key)
            assert word("ollama-own", 2).strip() in response.read().decode()
            connection.close()
        self.owui.post("/ollama/api/embed", {"model": OLLAMA_MODEL, "input": '{"key": "ollama-own"}'})
        self.made_of("ollama", 1)
        self.made_of("ollama-own", 3)
        return self.account()

    def scenario_48_odd_ids(self):
        """answers whose id changes with each chunk, stands in the head only, or in the body only"""
        for place in ("changing", "header", "body"):
            (chat,), orders = self.chat(f"id-{place}", id=place)
            self.finish(chat, orders)
            for stream in (True, False):
                self.owui.api({"key": f"id-{place}-api", "id": place}, CLAUDE, stream=stream)
        return self.account()

    def scenario_49_other_connection(self):
        """another provider: streamed, whole, and by /openai/chat/completions"""
        (chat,), orders = self.chat("elsewhere", models=(OTHER_MODEL,))
        self.finish(chat, orders)
        for path in ("/api/chat/completions", "/openai/chat/completions"):
            self.owui.api({"key": "elsewhere-api"}, OTHER_MODEL, stream=False, path=path)
        self.made_of("elsewhere-api", 2)
        return self.account()

    def scenario_50_continued_whole(self):
        """Continue with streaming off: each part for itself"""
        if self.owui.version < (0, 10):
            return "left out: asked for in another way"
        (chat,), orders = self.chat("go-on", stream=False)
        self.finish(chat, orders)
        for count in (2, 3):
            self.owui.go_on(chat, CLAUDE, stream=False)
            wait_for(lambda: len(self.stub.of("go-on")) == count and not self.owui.tasks(chat),
                     "the rest of the answer")
        self.labels["go-on"] = "Continue, not streamed"
        return self.account()

    def scenario_51_stopped_before_the_head(self):
        """Stop before the provider has said anything: a row without an id"""
        (chat,), _ = self.chat("mute", held=True)
        made = wait_for(lambda: self.stub.of("mute"), "the request upstream")[0]
        self.owui.press_stop(chat)
        wait_for(lambda: made.ended, "the end upstream")
        assert made.ended == "left"
        self.labels["mute"] = "Stop before the head"
        return self.account()

    def scenario_52_stopped_before_the_first_word(self):
        """Stop after the head, before the first word: the id is known"""
        (chat,), _ = self.chat("thinking", held="first")
        made = wait_for(lambda: self.stub.of("thinking"), "the request upstream")[0]
        wait_for(lambda: made.told_id, "the head")
        self.head_seen()
        self.owui.press_stop(chat)
        wait_for(lambda: made.ended, "the end upstream")
        assert made.ended == "left"
        self.labels["thinking"] = "Stop before the first word"
        return self.account()

    def scenario_53_stopped_whole(self):
        """Stop of an answer that is not streamed: a row without an id"""
        (chat,), _ = self.chat("mute-whole", held=True, stream=False)
        made = wait_for(lambda: self.stub.of("mute-whole"), "the request upstream")[0]
        self.owui.press_stop(chat)
        wait_for(lambda: made.ended, "the end upstream")
        self.labels["mute-whole"] = "Stop of a whole answer"
        return self.account()

    def scenario_54_preset(self):
        """a preset of the workspace, streamed and whole: the model is that which was asked of the provider"""
        self.owui.post("/api/v1/models/create", {
            "id": "school-helper", "base_model_id": CLAUDE, "name": "School helper", "params": {}, "is_active": True,
            "meta": {"description": "a preset", "capabilities": {}}, "access_grants": [], "access_control": None})
        wait_for(lambda: "school-helper" in [m["id"] for m in self.owui.get("/api/models")["data"]], "the preset")
        (chat,), orders = self.chat("preset", models=("school-helper",))
        self.finish(chat, orders)
        (chat,), orders = self.chat("preset-whole", models=("school-helper",), stream=False)
        self.finish(chat, orders)
        return self.account()
