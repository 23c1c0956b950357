"""Language models by name, through LangChain, and in one line why one does not answer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from rag.answering.deadline import watch_connection
from rag.errors import MissingDependencyError, ModelError
from rag.settings import Settings

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

_PLACEHOLDER_KEY = "none"  # a local server asks for no key, the OpenAI client insists on one
_ONE_REQUEST = {"Connection": "close"}  # an idle connection kept between questions would only be in the way
_REPLY_TOKENS = 2048
_DETAIL_CHARS = 160


def build_chat_model(settings: Settings) -> BaseChatModel:
    """The chat model `settings.llm` names; imports its provider's package, sends nothing.

    Raises MissingDependencyError naming the package to install, or ModelError.
    """
    if not re.fullmatch(r"[A-Za-z][\w-]*:\S+", settings.llm):
        raise ModelError(f"RAG_LLM={settings.llm!r} names no language model; write it as provider:model.")
    provider, _, name = settings.llm.partition(":")
    try:
        from langchain.chat_models import init_chat_model

        options = _options(settings, provider.replace("-", "_").lower())
        model: BaseChatModel = init_chat_model(name, model_provider=provider, **options)
    except ImportError as error:
        command = re.search(r"pip install [\w-]+", str(error))
        remedy = command[0] if command else f"pip install langchain-{provider}"
        raise MissingDependencyError(f"RAG_LLM={settings.llm} needs another package: `{remedy}`.") from error
    except Exception as error:  # noqa: BLE001 - every provider has its own errors
        # Without the cause: it may repeat the key.
        raise ModelError(
            f"RAG_LLM={settings.llm} cannot be used; check it and RAG_LLM_API_KEY: {_detail(error, settings)}"
        ) from None
    return model


def _options(settings: Settings, provider: str) -> dict[str, Any]:
    """The keyword arguments of the provider's model. No retries: they would outlive the deadline."""
    key, address = settings.llm_api_key.get_secret_value(), settings.llm_base_url
    options: dict[str, Any] = {"base_url": address} if address else {}
    if provider == "ollama":
        return options | _ollama_options(settings, key)
    options |= {"timeout": settings.llm_timeout, "max_retries": 0}
    if provider == "openai":
        options |= _openai_options()
        key = key or (_PLACEHOLDER_KEY if address else "")
    return options | ({"api_key": key} if key else {})


def _openai_options() -> dict[str, Any]:
    import openai

    client = openai.DefaultHttpxClient(headers=_ONE_REQUEST, event_hooks={"response": [watch_connection]})
    return {"http_client": client}


def _ollama_options(settings: Settings, key: str) -> dict[str, Any]:
    """Ollama's own context length is short, and what is beyond it is silently left out, so it is set here."""
    headers = _ONE_REQUEST | ({"Authorization": f"Bearer {key}"} if key else {})
    return {
        "client_kwargs": {"timeout": settings.llm_timeout, "headers": headers},
        "sync_client_kwargs": {"event_hooks": {"response": [watch_connection]}},
        "num_ctx": settings.llm_context_tokens * 3 // 2 + _REPLY_TOKENS,
        "temperature": 0,
    }


def failure_reason(error: Exception, settings: Settings) -> str:
    """Why the model did not answer and what to do, to follow its name. Never has the key."""
    status = _status(error)
    kind = _kind(error)
    if status in (401, 403):
        return f"refused the key (HTTP {status}); check RAG_LLM_API_KEY."
    if status == 429:
        return "has no capacity or quota left (HTTP 429); try again later."
    if status == 404:
        return f"was not found (HTTP 404); check RAG_LLM and RAG_LLM_BASE_URL: {_detail(error, settings)}"
    if status:
        return f"failed (HTTP {status}): {_detail(error, settings)}"
    if "Timeout" in kind:
        return f"did not answer within {settings.llm_timeout:g} seconds; RAG_LLM_TIMEOUT sets the limit."
    if "ProtocolError" in kind or "ReadError" in kind:
        return "broke off its answer; try again."
    if "ConnectionError" in kind or "ConnectError" in kind:
        return f"cannot be reached{_place(settings)}; check RAG_LLM_BASE_URL and that it is running."
    return f"failed: {_detail(error, settings)}"


def _kind(error: BaseException | None) -> str:
    """The class names of an error and of its causes, which is what all HTTP libraries' errors have in common."""
    names: list[str] = []
    while error:
        names += (base.__name__ for base in type(error).__mro__)
        error = error.__cause__ or error.__context__
    return " ".join(names)


def _status(error: Exception) -> int | None:
    """The HTTP status that the provider's error carries, if it is one of failure."""
    status = getattr(error, "status_code", None) or getattr(getattr(error, "response", None), "status_code", None)
    return status if isinstance(status, int) and status >= 400 else None


def _detail(error: Exception, settings: Settings) -> str:
    """The provider's own message on one line, without keys, shortened."""
    body = getattr(error, "body", None)
    message = body.get("message") if isinstance(body, Mapping) else getattr(error, "error", None)
    text = " ".join(str(message or error or type(error).__name__).split())
    text = settings.redacted(text)
    return text if len(text) <= _DETAIL_CHARS else text[:_DETAIL_CHARS].rstrip() + "…"


def _place(settings: Settings) -> str:
    """Where the server was looked for, without a password that the address may have."""
    address = urlsplit(settings.llm_base_url)
    return f" at {address.netloc.rpartition('@')[2]}" if address.netloc else ""
