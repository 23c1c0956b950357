"""Which language model answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import SecretStr


def _no_key() -> SecretStr:
    from pydantic import SecretStr  # late: the processes that read files know these records and do without pydantic

    return SecretStr("")


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """A language model chosen for a session. `name` is `provider:model`; without one, answers quote the documents.

    `base_url` is the address of its server if that is not the provider's own; a `temperature` of None is the
    provider's default. The key is never written anywhere, and not shown when this is printed.
    """

    name: str = ""
    base_url: str = ""
    key: SecretStr = field(default_factory=_no_key)
    temperature: float | None = None

    @property
    def provider(self) -> str:
        """In small letters, as LangChain writes it."""
        return self.name.partition(":")[0].replace("-", "_").lower()

    @property
    def model(self) -> str:
        """The model's name as its provider has it."""
        return self.name.partition(":")[2]


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of trying a language model: the beginning of what it said, and the seconds it took."""

    said: str
    first_words: float
    total: float
