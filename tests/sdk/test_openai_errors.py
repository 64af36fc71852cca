"""OpenAI's SDK: error classes, retries, timeouts, and streams that break."""

from __future__ import annotations

import time

import openai
import pytest
from conftest import user
from sidecar import Sidecar, eventually

CLASSES = {
    400: openai.BadRequestError,
    401: openai.AuthenticationError,
    403: openai.PermissionDeniedError,
    404: openai.NotFoundError,
    409: openai.ConflictError,
    422: openai.UnprocessableEntityError,
    429: openai.RateLimitError,
    500: openai.InternalServerError,
    503: openai.InternalServerError,
    529: openai.InternalServerError,
}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("status", CLASSES)
def test_a_vendors_error_has_its_class(client: openai.OpenAI, model: str, status: int, stream: bool) -> None:
    with pytest.raises(openai.APIStatusError) as raised:
        client.chat.completions.create(model=model, messages=user(status=status), stream=stream)
    error = raised.value
    assert type(error) is CLASSES[status]
    assert error.request_id and error.response.headers["content-type"].startswith("application/json")
    assert isinstance(error.body, dict) and set(error.body) >= {"message", "type", "param", "code"}
    # OpenAI knows no 529: its word for an overloaded vendor is 503.
    assert error.status_code == (503 if status == 529 else status) and error.body["message"] == "simulated error"


def test_a_quota_that_is_gone_is_not_retried(sidecar: Sidecar, client: openai.OpenAI) -> None:
    before = sidecar.metric("llm_requests_total")
    with pytest.raises(openai.RateLimitError) as raised:
        client.with_options(max_retries=2).chat.completions.create(model="gpt", messages=user(status=429, code="insufficient_quota"))
    assert raised.value.code == "insufficient_quota"
    assert eventually(lambda: sidecar.metric("llm_requests_total") == before + 1)


def test_an_unknown_model(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as raised:
        client.chat.completions.create(model="no-such-alias/at-all", messages=user())
    assert raised.value.code == "model_not_found" and raised.value.request_id


def test_a_request_that_is_none(client: openai.OpenAI) -> None:
    for body in ({"model": "gpt"}, {"model": "gpt", "messages": "none"}, {"messages": []}, {"model": 7, "messages": []}):
        with pytest.raises(openai.BadRequestError) as raised:
            client.post("/chat/completions", body=body, cast_to=object)
        assert raised.value.request_id and isinstance(raised.value.body, dict)
        assert raised.value.body["type"] == "invalid_request_error"


def test_retry_after_is_handed_on(client: openai.OpenAI, model: str) -> None:
    with pytest.raises(openai.RateLimitError) as raised:
        client.chat.completions.create(model=model, messages=user(status=429, retry_after=7))
    assert raised.value.response.headers["retry-after"] == "7"


def test_retry_after_is_honoured(client: openai.OpenAI, either: str) -> None:
    messages = user(status=429, retry_after=1, times=1)
    start = time.monotonic()
    answer = client.with_options(max_retries=2).chat.completions.create(model=either, messages=messages)
    assert answer.choices[0].message.content
    assert 0.95 <= time.monotonic() - start < 4


def test_the_proxy_retries_by_itself(sidecar: Sidecar, client: openai.OpenAI) -> None:
    before = sidecar.metric("llm_upstream_attempts_total")
    raw = client.chat.completions.with_raw_response.create(model="patient/gpt-4o", messages=user(status=503, times=2))
    assert raw.parse().choices[0].message.content and raw.headers["x-llm-attempts"] == "3"
    assert eventually(lambda: sidecar.metric("llm_upstream_attempts_total") == before + 3)


def test_the_proxys_retries_and_the_sdks_do_not_multiply(sidecar: Sidecar, client: openai.OpenAI) -> None:
    before = sidecar.metric("llm_upstream_attempts_total")
    with pytest.raises(openai.InternalServerError):
        client.with_options(max_retries=2).chat.completions.create(model="patient/gpt-4o", messages=user(status=503))
    assert eventually(lambda: sidecar.metric("llm_upstream_attempts_total") == before + 3)


def test_the_sidecars_own_limit_is_waited_for(sidecar: Sidecar, client: openai.OpenAI) -> None:
    """The SDK reads `retry-after-ms` and comes back when there is room."""
    ask = lambda: client.with_options(max_retries=2).chat.completions.create(model="limited/gpt-4o", messages=user())  # noqa: E731
    start = time.monotonic()
    for _ in range(3):
        assert ask().choices[0].message.content
    assert 1.8 <= time.monotonic() - start < 6
    assert sidecar.metric("llm_rate_limit_hits_total", scope="upstream", limit="requests") >= 2
    with pytest.raises(openai.RateLimitError) as raised:
        client.chat.completions.create(model="limited/gpt-4o", messages=user())
    headers = raised.value.response.headers
    assert raised.value.code == "rate_limit_exceeded" and headers["x-ratelimit-limit-requests"] == "1"
    assert 1 <= int(headers["retry-after-ms"]) <= 1000 and headers["retry-after"] == "1"


@pytest.mark.parametrize("fault", ["cut", "reset", "garbage", "error-event", "no-finish"])
def test_a_stream_that_breaks_never_ends_well(client: openai.OpenAI, model: str, fault: str) -> None:
    seen = []
    with pytest.raises(openai.APIError):
        for chunk in client.chat.completions.create(model=model, messages=user(chunks=20, fault=fault, fault_after=6), stream=True):
            seen += chunk.choices
    assert any(choice.delta.content for choice in seen), "the error came before the first content"
    assert not any(choice.finish_reason for choice in seen)


def test_a_stream_that_falls_silent_is_ended(client: openai.OpenAI) -> None:
    start = time.monotonic()
    with pytest.raises(openai.APIError):
        for _ in client.chat.completions.create(model="hasty/gpt-4o", messages=user(chunks=20, fault="stall", fault_after=6), stream=True):
            pass
    assert time.monotonic() - start < 5


def test_a_vendor_that_says_nothing_is_given_up(client: openai.OpenAI) -> None:
    start = time.monotonic()
    with pytest.raises(openai.APIStatusError) as raised:
        client.chat.completions.create(model="hasty/gpt-4o", messages=user(first_token_ms=10_000), stream=True)
    assert raised.value.status_code == 504 and time.monotonic() - start < 5


@pytest.mark.parametrize("fault", ["cut", "reset", "html", "truncated-json"])
def test_a_broken_answer_is_an_error(client: openai.OpenAI, model: str, fault: str) -> None:
    with pytest.raises(openai.APIError):
        client.chat.completions.create(model=model, messages=user(fault=fault))


def test_the_clients_own_timeout(sidecar: Sidecar, client: openai.OpenAI) -> None:
    with pytest.raises(openai.APITimeoutError):
        client.with_options(timeout=0.3).chat.completions.create(model="gpt", messages=user(delay_ms=20_000))
    # The proxy notices at once that nobody waits any longer.
    assert eventually(lambda: sidecar.metric("llm_active_requests") == 0)


def test_a_slow_answer_is_waited_for(client: openai.OpenAI, either: str) -> None:
    stream = client.chat.completions.create(model=either, messages=user(first_token_ms=700, chunks=5, chunk_ms=100), stream=True)
    assert [c.finish_reason for chunk in stream for c in chunk.choices][-1] == "stop"
