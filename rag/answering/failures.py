"""Why a language model does not answer and what to do about it, in one line that never has the key."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

from rag.settings import NO_KEY, Settings

_DETAIL_CHARS = 160
_WEB_PAGE = re.compile(r"<(?:!doctype|html|head|body)\b", re.IGNORECASE)
_ENDPOINT = re.compile(r"/(?:chat/completions|api/chat)/?\Z")
_PLAIN_ADDRESS = re.compile(r"https?://(?:[\w.-]+|\[[\da-f:.]+\])(?::\d{1,5})?(?:/[\w./~-]{0,100})?", re.ASCII | re.I)
_OTHER_PROTOCOL = ("OtherProtocolError", "JSONDecodeError", "ValidationError")


@dataclass(frozen=True, slots=True)
class Fields:
    """What the reader can change, by name: `named` has {} for the model's name."""

    named: str
    model: str
    address: str
    key: str
    slow: str
    written: str
    where: str = ""


SET = Fields(
    named="RAG_LLM={}",
    model="RAG_LLM",
    address="RAG_LLM_BASE_URL",
    key="RAG_LLM_API_KEY",
    slow="RAG_LLM_TIMEOUT sets the limit",
    written="write it as provider:model",
)
"""A model that is set for everybody."""
CHOSEN = Fields(
    named="The language model {}",
    model="the model’s name",
    address="the server’s address",
    key="the key",
    slow="try again, or choose a faster model",
    written="give its provider in one word, and its name without spaces",
    where=" on the machine where Footnote runs",
)
"""A model that a reader has chosen for a session; the names are those of the panel where it is done."""


class OtherProtocolError(Exception):
    """What answered is no server of language models."""


class RedirectedError(Exception):
    """The server wants the request sent to another address, which the error is the text of; empty for a strange one."""


def refuse_redirects(response: Any) -> None:
    """A response hook for HTTPX clients that do not follow redirects: raises RedirectedError for one."""
    if not response.has_redirect_location:
        return
    try:
        asked = str(response.request.url.copy_with(userinfo=b""))
        to = urlsplit(urljoin(asked, response.headers["location"]))
        address = f"{to.scheme}://{to.netloc.rpartition('@')[2]}{_ENDPOINT.sub('', to.path)}"
    except ValueError:
        address = ""
    raise RedirectedError(address if _PLAIN_ADDRESS.fullmatch(address) else "")


def refuse_other_protocols(response: Any) -> None:
    """A response hook for HTTPX clients: raises OtherProtocolError for a web page in place of a reply, and for a whole
    JSON document in place of the stream that was asked for, which OpenAI's client takes for an empty answer."""
    kind = str(response.headers.get("content-type", "")).partition(";")[0].strip().lower()
    streamed = b'"stream":true' in response.request.content.replace(b" ", b"")
    openai = not response.request.url.path.endswith("/api/chat")
    if response.is_success and (kind == "text/html" or (kind == "application/json" and streamed and openai)):
        raise OtherProtocolError(kind)


def failure_reason(error: Exception, settings: Settings, fields: Fields = SET) -> str:
    """Why the model did not answer and what to do, to follow its name."""
    status = _status(error)
    if status:
        return _refused(status, error, settings, fields)
    kind = _kind(error)
    if needs_key(error, settings):
        return f"needs a key; give it as {fields.key}."
    if any(one in kind for one in _OTHER_PROTOCOL):
        speaks = "Ollama’s protocol" if _is_ollama(settings) else "OpenAI’s protocol"
        return f"is not there: what answers{_place(settings)} does not speak {speaks}; check {fields.address}."
    if "RedirectedError" in kind:
        return _redirected(error, settings, fields)
    if "SSLError" in kind:
        return _no_tls(error, settings, fields)
    if "Timeout" in kind and "ConnectTimeout" not in kind:
        return f"did not answer within {settings.llm_timeout:g} seconds; {fields.slow}."
    if "gaierror" in kind:
        return f"cannot be reached{_place(settings)}: no machine of that name is known; check {fields.address}."
    if "ProtocolError" in kind or "ReadError" in kind:
        return "broke off its answer; try again."
    if any(one in kind for one in ("ConnectionError", "ConnectError", "ConnectTimeout")):
        return f"cannot be reached{_place(settings)}; check {fields.address} and that it is running."
    return f"failed: {detail(error, settings)}"


def _refused(status: int, error: Exception, settings: Settings, fields: Fields) -> str:
    """What a server means that answers with a status of failure."""
    said = detail(error, settings)
    if status in (401, 403):
        if settings.llm_api_key.get_secret_value() in ("", NO_KEY):
            return f"needs a key (HTTP {status}); give it as {fields.key}."
        return f"refused the key (HTTP {status}); check {fields.key}."
    if status == 429:
        return "has no capacity or quota left (HTTP 429); try again later."
    if status == 404:
        pull = settings.llm.partition(":")[2]
        if _is_ollama(settings) and "not found" in said and re.fullmatch(r"[\w./:-]+", pull):
            return f"was not found (HTTP 404); check {fields.model}, or fetch it with `ollama pull {pull}`."
        if re.search(r"\bmodel\b", said):
            return f"was not found (HTTP 404); check {fields.model}: {said}"
        short = settings.llm_base_url and not settings.llm_base_url.rstrip("/").endswith("/v1")
        hint = " (it mostly ends in /v1)" if short and not _is_ollama(settings) else ""
        return f"was not found (HTTP 404); check {fields.model} and {fields.address}{hint}: {said}"
    return f"failed (HTTP {status}): {said}"


def _redirected(error: Exception, settings: Settings, fields: Fields) -> str:
    address = next(str(one) for one in _chain(error) if isinstance(one, RedirectedError))
    if not address:
        return f"answered with a redirect to another address{_place(settings)}; check {fields.address}."
    # The documents' passages would go there: nothing is sent until somebody has named it.
    return f"answered with a redirect to {settings.redacted(address)}; give that address if you trust it."


def _no_tls(error: Exception, settings: Settings, fields: Fields) -> str:
    said = " ".join(_messages(error))
    if "CERTIFICATE" in said:
        why = re.search(r"certificate verify failed: ([^(\]]+)", said)
        told = f" ({why[1].strip()})" if why else ""
        return (
            f"cannot be reached safely{_place(settings)}: its certificate is not trusted{told}; check "
            f"{fields.address}, or have the certificate renewed."
        )
    return f"cannot be reached{_place(settings)} by https; check whether {fields.address} should begin with http://."


def needs_key(error: Exception, settings: Settings) -> bool:
    """Whether a provider's package misses a key, which it says before it sends anything."""
    given = settings.llm_api_key.get_secret_value()
    return not given and _status(error) is None and bool(re.search(r"api[ _]?key", str(error), re.IGNORECASE))


def _is_ollama(settings: Settings) -> bool:
    return settings.model.provider == "ollama"


def _chain(error: BaseException | None) -> list[BaseException]:
    """An error and its causes."""
    found: list[BaseException] = []
    while error:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found


def _kind(error: BaseException) -> str:
    """The class names of an error and of its causes, which is what all HTTP libraries' errors have in common."""
    return " ".join(base.__name__ for one in _chain(error) for base in type(one).__mro__)


def _messages(error: BaseException) -> list[str]:
    return [str(one) for one in _chain(error)]


def _status(error: Exception) -> int | None:
    """The HTTP status that the provider's error carries, if it is one of failure."""
    status = getattr(error, "status_code", None) or getattr(getattr(error, "response", None), "status_code", None)
    return status if isinstance(status, int) and status >= 400 else None


def detail(error: Exception, settings: Settings) -> str:
    """The provider's own message on one line, without keys, shortened, with its full stop."""
    body = getattr(error, "body", None)
    message = body.get("message") if isinstance(body, Mapping) else getattr(error, "error", None)
    text = " ".join(str(message or error or type(error).__name__).split())
    if _WEB_PAGE.search(text):
        return "it answers with a web page."
    text = settings.redacted(text)
    if len(text) > _DETAIL_CHARS:
        return text[:_DETAIL_CHARS].rstrip() + "…"
    return text if text.endswith((".", "!", "?", "…")) else f"{text}."


def _place(settings: Settings) -> str:
    """Where the server was looked for, without a password that the address may have."""
    address = urlsplit(settings.llm_base_url)
    return f" at {address.netloc.rpartition('@')[2]}" if address.netloc else ""
