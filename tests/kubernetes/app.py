"""An application with unchanged SDKs, which knows nothing but its environment. Runs in the imitated pod; prints one line of JSON.

    app.py ask     streams one answer by each SDK
    app.py load    streams answers on four threads until SIGTERM, then finishes what is under way and asks once more
"""

from __future__ import annotations

import json
import signal
import sys
import threading

import anthropic
import openai

stopping = threading.Event()
lock = threading.Lock()
done, failures = 0, []


def by_openai(client: openai.OpenAI, text: str) -> str:
    stream = client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": text}], stream=True)
    answer, reason = "", None
    for chunk in stream:
        for choice in chunk.choices:
            answer += choice.delta.content or ""
            reason = choice.finish_reason or reason
    assert reason == "stop", f"it ended by {reason}"
    return answer


def by_anthropic(client: anthropic.Anthropic, text: str) -> str:
    with client.messages.stream(model="gpt-4o", max_tokens=100, messages=[{"role": "user", "content": text}]) as stream:
        return "".join(stream.text_stream)


def ask() -> None:
    global done
    client = openai.OpenAI(max_retries=0, timeout=20)
    while not stopping.is_set():
        one(client)
    # It was told to stop, and still has something to say.
    one(client)


def one(client: openai.OpenAI) -> None:
    global done
    try:
        answer = by_openai(client, "Go on [sim chunks=12 chunk-ms=10]")
        assert answer
        with lock:
            done += 1
    except Exception as error:
        with lock:
            failures.append(repr(error))


if sys.argv[1] == "ask":
    print(json.dumps({
        "openai": by_openai(openai.OpenAI(), "Say something"),
        "anthropic": by_anthropic(anthropic.Anthropic(), "Say something"),
        "key": openai.OpenAI().api_key,
    }))
else:
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    print("asking", flush=True)
    for thread in threads:
        thread.join()
    print(json.dumps({"done": done, "failures": failures}))
