"""OpenAI's SDK beyond chat: embeddings, models, files, speech, moderations, and the Azure client."""

from __future__ import annotations

import io

import openai
import pytest
from conftest import ask, user
from sidecar import Sidecar


def test_embeddings(client: openai.OpenAI) -> None:
    texts = ["one", "two", "three"]
    # By default the SDK asks for base64 and decodes it itself.
    packed = client.embeddings.create(model="openai/text-embedding-3-small", input=texts)
    plain = client.embeddings.create(model="openai/text-embedding-3-small", input=texts, encoding_format="float")
    assert [item.index for item in packed.data] == [0, 1, 2] and packed.usage.prompt_tokens > 0
    for a, b in zip(packed.data, plain.data, strict=True):
        assert a.embedding == pytest.approx(b.embedding, rel=1e-6)
    short = client.embeddings.create(model="openai/text-embedding-3-small", input="one", dimensions=16)
    assert len(short.data[0].embedding) == 16


def test_a_vendor_without_embeddings_says_so(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match="does not have this endpoint"):
        client.embeddings.create(model="claude", input="one")


def test_models(client: openai.OpenAI) -> None:
    names = {model.id for model in client.models.list()}
    assert {"gpt", "claude", "deployed"} <= names
    for name in ("gpt", "claude"):
        model = client.models.retrieve(name)
        assert model.id == name and model.object == "model" and model.owned_by
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("no-such-model")


# Requests without a model go to the provider that this header names.
TO_OPENAI = {"x-llm-provider": "openai"}


def test_a_file_is_uploaded_and_comes_back(client: openai.OpenAI) -> None:
    content = bytes(range(256)) * 4_000
    client = client.with_options(default_headers=TO_OPENAI)
    made = client.files.create(file=("data.bin", io.BytesIO(content)), purpose="user_data")
    assert made.filename == "data.bin" and made.purpose == "user_data" and made.bytes == len(content)
    assert client.files.content(made.id).read() == content


def test_an_upload_may_be_larger_than_any_json(client: openai.OpenAI) -> None:
    size = 80 << 20  # the default of server.max_body is 64 MiB
    assert client.files.create(file=("large.bin", bytes(size)), purpose="user_data", extra_headers=TO_OPENAI).bytes == size


def test_speech_is_binary(client: openai.OpenAI) -> None:
    answer = client.audio.speech.create(model="openai/tts-1", voice="alloy", input="Hello there", response_format="wav")
    whole = answer.read()
    assert answer.response.headers["content-type"] == "audio/wav"
    with pytest.raises(UnicodeDecodeError):
        whole.decode()
    with client.audio.speech.with_streaming_response.create(
        model="openai/tts-1", voice="alloy", input="Hello there", response_format="wav"
    ) as streamed:
        assert b"".join(streamed.iter_bytes()) == whole


def test_a_recording_is_transcribed(client: openai.OpenAI) -> None:
    answer = client.audio.transcriptions.create(model="whisper-1", file=("speech.wav", bytes(100_000)), extra_headers=TO_OPENAI)
    assert answer.text == "You sent 100000 bytes named speech.wav."


def test_moderations(client: openai.OpenAI) -> None:
    for text, flagged in (("Hello", False), ("flagme", True)):
        assert client.moderations.create(model="openai/omni-moderation-latest", input=text).results[0].flagged is flagged


@pytest.fixture
def azure(sidecar: Sidecar) -> openai.AzureOpenAI:
    return openai.AzureOpenAI(
        azure_endpoint=sidecar.url("data"), api_version="2024-10-21", api_key="any", max_retries=0, timeout=20,
    )


def test_the_azure_client(azure: openai.AzureOpenAI, model: str) -> None:
    """It puts the model's name into the path: /openai/deployments/MODEL/chat/completions."""
    messages = user("Count to three")
    answer = azure.chat.completions.create(model=model, messages=messages)
    assert "Count to three" in (answer.choices[0].message.content or "")
    chunks = list(azure.chat.completions.create(model=model, messages=messages, stream=True))
    assert "".join(c.delta.content or "" for chunk in chunks for c in chunk.choices) == answer.choices[0].message.content
    with pytest.raises(openai.RateLimitError):
        azure.chat.completions.create(model=model, messages=user(status=429))


def test_the_azure_clients_embeddings(azure: openai.AzureOpenAI) -> None:
    assert azure.embeddings.create(model="gpt", input=ask()).data[0].embedding


def test_a_deployment_has_its_own_name(client: openai.OpenAI) -> None:
    raw = client.chat.completions.with_raw_response.create(model="azure/gpt-4o", messages=user())
    assert raw.headers["x-llm-provider"] == "azure" and raw.parse().choices[0].message.content
