"""Language models by name, through LangChain."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from rag.answering.deadline import watch_request
from rag.answering.failures import SET, Fields, detail, needs_key, refuse_other_protocols
from rag.errors import MissingDependencyError, ModelError
from rag.settings import Settings

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

_PLACEHOLDER_KEY = "none"  # a local server asks for no key, the OpenAI client insists on one
_ONE_REQUEST = {"Connection": "close"}  # an idle connection kept between questions would only be in the way
_HOOKS: Mapping[str, list[Callable[..., Any]]] = {"request": [watch_request], "response": [refuse_other_protocols]}
_REPLY_TOKENS = 2048


def build_chat_model(settings: Settings, fields: Fields = SET) -> BaseChatModel:
    """The chat model `settings.llm` names; imports its provider's package, sends nothing.

    Raises MissingDependencyError naming the package to install, or ModelError, both with the names of `fields`.
    """
    named = fields.named.format(settings.llm)
    if not re.fullmatch(r"[A-Za-z][\w-]*:\S+", settings.llm):
        what = fields.named.format(repr(settings.llm))
        raise ModelError(f"{what} names no language model; {fields.written}.")
    if wrong := wrong_address(settings.llm_base_url):
        raise ModelError(f"{named} cannot be used: {wrong} Check {fields.address}.")
    key = settings.llm_api_key.get_secret_value()
    if not key.isascii() or not key.isprintable() or " " in key:
        raise ModelError(f"{named} cannot be used: the key has characters that no key has. Check {fields.key}.")
    provider, _, name = settings.llm.partition(":")
    try:
        from langchain.chat_models import init_chat_model

        options = _options(settings, provider.replace("-", "_").lower())
        model: BaseChatModel = init_chat_model(name, model_provider=provider, **options)
    except ImportError as error:
        command = re.search(r"pip install [\w-]+", str(error))
        remedy = command[0] if command else f"pip install langchain-{provider}"
        raise MissingDependencyError(f"{named} needs another package{fields.where}: `{remedy}`.") from error
    except Exception as error:  # noqa: BLE001 - every provider has its own errors
        # Without the cause: it may repeat the key.
        if needs_key(error, settings):
            raise ModelError(f"{named} needs a key; give it as {fields.key}.") from None
        said = detail(error, settings)
        raise ModelError(f"{named} cannot be used; check {fields.model} and {fields.key}: {said}") from None
    return model


def wrong_address(address: str) -> str:
    """What is wrong with a server's address, as a sentence; empty if nothing is, or if there is none."""
    if not address:
        return ""
    try:
        parts = urlsplit(address)
        good = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:  # a port that is none, brackets that do not close
        good = False
    if good and address.isprintable() and not re.search(r"\s", address):
        return ""
    return "an address begins with http:// or https:// and a machine’s name, as http://localhost:11434 does."


def _options(settings: Settings, provider: str) -> dict[str, Any]:
    """The keyword arguments of the provider's model. No retries: they would outlive the deadline."""
    key, address = settings.llm_api_key.get_secret_value(), settings.llm_base_url
    options: dict[str, Any] = {"base_url": address} if address else {}
    options |= {} if settings.llm_temperature is None else {"temperature": settings.llm_temperature}
    if provider == "ollama":
        return options | _ollama_options(settings, key)
    options |= {"timeout": settings.llm_timeout, "max_retries": 0}
    if provider == "openai":
        options |= _openai_options()
        key = key or (_PLACEHOLDER_KEY if address else "")
    return options | ({"api_key": key} if key else {})


def _openai_options() -> dict[str, Any]:
    import openai

    client = openai.DefaultHttpxClient(headers=_ONE_REQUEST, event_hooks=_HOOKS)
    return {"http_client": client}


def _ollama_options(settings: Settings, key: str) -> dict[str, Any]:
    """Ollama's own context length is short, and what is beyond it is silently left out, so it is set here."""
    headers = _ONE_REQUEST | ({"Authorization": f"Bearer {key}"} if key else {})
    return {
        "client_kwargs": {"timeout": settings.llm_timeout, "headers": headers},
        "sync_client_kwargs": {"event_hooks": _HOOKS},
        "num_ctx": settings.llm_context_tokens * 3 // 2 + _REPLY_TOKENS,
        "temperature": settings.llm_temperature or 0,
    }
