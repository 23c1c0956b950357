"""Language models by name, through LangChain."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from rag.answering.deadline import watch_request
from rag.answering.failures import SET, Fields, detail, needs_key, refuse_other_protocols, refuse_redirects
from rag.errors import MissingDependencyError, ModelError
from rag.settings import Settings

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

_PLACEHOLDER_KEY = "none"  # a local server asks for no key, the OpenAI client insists on one
_ONE_REQUEST = {"Connection": "close"}  # an idle connection kept between questions would only be in the way
_HOOKS: Mapping[str, list[Callable[..., Any]]] = {
    "request": [watch_request],
    "response": [refuse_redirects, refuse_other_protocols],
}
_REPLY_TOKENS = 2048
CONNECT_SECONDS = 5.0
"""A server that is there takes a connection at once; nothing can end the wait for one that is not, a stop included."""


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
        key = key or (_PLACEHOLDER_KEY if address else "")
        options |= _openai_options(settings, key)
    return options | ({"api_key": key} if key else {})


def _openai_options(settings: Settings, key: str) -> dict[str, Any]:
    import openai

    hooks = dict(_HOOKS)
    if settings.server_is_strange:
        hooks["request"] = [*hooks["request"], _only_our_headers(key)]
    # A prompt has passages of documents: it goes to the server that was named and is not sent on to another.
    client = openai.DefaultHttpxClient(headers=_ONE_REQUEST, event_hooks=hooks, follow_redirects=False)
    return {"http_client": client, "timeout": openai.Timeout(settings.llm_timeout, connect=_connect_seconds(settings))}


def _only_our_headers(key: str) -> Callable[[Any], None]:
    """A request hook: the headers are written anew, as OpenAI's client adds whatever OPENAI_CUSTOM_HEADERS,
    OPENAI_ORG_ID and the like have in this machine's environment, under any name."""

    def rewrite(request: Any) -> None:
        # A name and password in the address were typed with it; HTTPX has set them in the place of any key.
        typed = request.headers["Authorization"] if request.url.userinfo else f"Bearer {key}"
        ours = {
            "Host": request.url.netloc.decode("ascii"),
            "Accept": "*/*",
            "User-Agent": "Footnote",
            "Authorization": typed,
            "Content-Type": "application/json",
            "Content-Length": str(len(request.content)),
        }
        request.headers = type(request.headers)(ours | _ONE_REQUEST)

    return rewrite


def _connect_seconds(settings: Settings) -> float:
    return min(CONNECT_SECONDS, settings.llm_timeout)


def _ollama_options(settings: Settings, key: str) -> dict[str, Any]:
    """Ollama's own context length is short, and what is beyond it is silently left out, so it is set here."""
    import httpx

    headers = _ONE_REQUEST | ({"Authorization": f"Bearer {key}"} if key else {})
    timeout = httpx.Timeout(settings.llm_timeout, connect=_connect_seconds(settings))
    return {
        "client_kwargs": {"timeout": timeout, "headers": headers, "follow_redirects": False},
        "sync_client_kwargs": {"event_hooks": _HOOKS},
        "num_ctx": settings.llm_context_tokens * 3 // 2 + _REPLY_TOKENS,
        "temperature": settings.llm_temperature or 0,
    }
