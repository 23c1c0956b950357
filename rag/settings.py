"""Settings: the only reader of environment variables.

They come, first wins, from keyword arguments (the command line, Streamlit's secrets handed in by the shell),
`RAG_...` environment variables, and a `.env` file in the working folder.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, Literal

from pydantic import AliasChoices, Field, PrivateAttr, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from rag.errors import ConfigurationError
from rag.records import ModelChoice

QUIET = {
    "ANONYMIZED_TELEMETRY": "False",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TOKENIZERS_PARALLELISM": "false",
}
"""Switches of our libraries that would otherwise report something."""

_FOR_CHILDREN = ("PATH", "PYTHON", "LANG", "LC_", "HOME", "USERPROFILE", "TMP", "TEMP", "SYSTEMROOT", "LD_", "DYLD_")
_FOR_MLFLOW = ("MLFLOW_", "AWS_", "AZURE_", "GOOGLE_", "DATABRICKS_", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
"""What a process that talks to MLflow, or to where that keeps its files, may need to get in."""
OFFLINE = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
"""Switches that keep Hugging Face's libraries from looking anything up."""

NO_KEY = "no-key"
"""Given to a server that has an address but no key: without it, libraries take any key from the environment."""

_PASSWORD_HASH = re.compile(r"scrypt\$[A-Za-z0-9+/=]+\$[A-Za-z0-9+/=]+")
_LIKE_A_KEY = re.compile(r"\b(?:sk|key|pk)-\S{6,}|\bBearer \S+|(?<=//)[^/\s@]+(?=@)")


Language = Literal[
    "arabic", "danish", "dutch", "english", "finnish", "french", "german", "greek", "hungarian", "italian", "norwegian",
    "portuguese", "romanian", "russian", "spanish", "swedish", "tamil", "turkish",
]  # fmt: skip
"""Those that the lexical index has stemmers and stop words for."""


class Settings(BaseSettings):
    """Frozen settings, passed in to whatever needs them. Each is documented in the README."""

    model_config = SettingsConfigDict(
        env_prefix="RAG_",
        env_file=".env",
        env_file_encoding="utf-8",
        extra="ignore",
        frozen=True,
        validate_by_name=True,
    )

    data_dir: Path = Field(Path("data"), description="where everything is kept")
    collection: str = Field("documents", description="the collection used when none is named")

    chroma_mode: Literal["memory", "persistent", "server", "cloud"] = Field(
        "persistent", description="where Chroma lives; with memory nothing outlives the process"
    )
    chroma_host: str = Field("localhost", description="host of a Chroma server")
    chroma_port: int = Field(8000, ge=1, le=65535, description="port of a Chroma server")
    chroma_ssl: bool = Field(False, description="speak https to the Chroma server")
    chroma_headers: dict[str, str] = Field(
        {}, repr=False, description="headers for the Chroma server, as JSON (an authenticating proxy's token)"
    )
    chroma_tenant: str = Field("default_tenant", description="tenant of a Chroma server or of Chroma Cloud")
    chroma_database: str = Field("default_database", description="database of a Chroma server or Chroma Cloud")
    chroma_api_key: SecretStr = Field(SecretStr(""), description="key for Chroma Cloud")
    chroma_timeout: float = Field(20.0, gt=0, description="seconds before a silent Chroma server is given up")

    embedding_model: str = Field(
        "bundled",
        description="`bundled`, a sentence-transformers name or folder, or `provider:model` of LangChain",
    )
    allow_downloads: bool = Field(
        False, description="let sentence-transformers fetch a model that is not on this machine"
    )
    embedding_base_url: str = Field("", description="address of the embedding provider's server, if not its own")
    embedding_api_key: SecretStr = Field(SecretStr(""), description="key for the embedding provider")
    embedding_precision: Literal["int8", "fp32"] = Field(
        "int8", description="weights of the bundled model: `int8` is faster, `fp32` is the model as published"
    )
    language: Language = Field("english", description="language whose word forms count as one when words are searched")
    chunk_tokens: int = Field(200, ge=32, le=2000, description="tokens in a chunk")
    chunk_overlap: int = Field(0, ge=0, le=1000, description="of these, tokens that a chunk shares with the one before")
    chunk_headers: bool = Field(True, description="embed title and headings above each chunk")

    top_k: int = Field(5, ge=1, le=100, description="passages found for a question")
    abstain_below: float = Field(
        0.23,
        ge=0,
        le=1,
        description="passages that answer with a lower probability are answered with 'the documents do not answer'",
    )
    reranker: str = Field(
        "",
        description="cross-encoder, a sentence-transformers name or folder, that ranks the best passages anew; empty: "
        "none",
    )
    max_question_chars: int = Field(4000, ge=1, description="longest question, in characters")

    llm: str = Field("", description="language model as `provider:model` (`openai:...`, `ollama:...`); empty: none")
    llm_base_url: str = Field("", description="address of an OpenAI-compatible or Ollama server")
    llm_api_key: SecretStr = Field(SecretStr(""), description="key for the language model")
    llm_temperature: float | None = Field(
        None,
        ge=0,
        le=2,
        description="how freely the language model words things, 0 least; unset: the provider's default, 0 with Ollama",
    )
    llm_timeout: float = Field(60.0, gt=0, description="seconds until the language model's reply must be complete")
    llm_context_tokens: int = Field(3000, ge=200, description="tokens of passages given to the language model")

    choose_model: bool = Field(
        True, description="let readers choose a language model for their session; never in the demo"
    )
    ask_timeout: float = Field(
        300.0, gt=0, description="seconds until the dashboard gives up an answer, with all its steps"
    )

    max_file_mb: int = Field(200, ge=1, description="largest file, in MB")
    max_pages: int = Field(5000, ge=1, description="most pages in a document")
    max_chars: int = Field(20_000_000, ge=1, description="most characters in a document")
    parse_seconds: float = Field(120.0, gt=0, description="time limit for reading one file")
    parse_cpu_seconds: float = Field(120.0, gt=0, description="processor time limit for reading one file")
    parse_memory_mb: int = Field(2048, ge=256, description="memory limit for reading one file, in MB")

    ocr: bool = Field(True, description="read pages without text by OCR, on this machine")
    ocr_seconds: float = Field(60.0, gt=0, description="time limit for reading one page by OCR")
    store_patience: float = Field(
        60.0, ge=0, description="seconds that indexing waits for a Chroma server that went away, before it gives up"
    )

    mlflow: bool = Field(True, description="send studies, traces and champions to MLflow, from a process of its own")
    mlflow_tracking_uri: str = Field(
        "",
        validation_alias=AliasChoices("RAG_MLFLOW_TRACKING_URI", "MLFLOW_TRACKING_URI"),
        repr=False,
        description="address of MLflow, else `MLFLOW_TRACKING_URI`; empty: SQLite in the data folder",
    )
    trace_sample: float = Field(1.0, ge=0, le=1, description="share of the traces of answers that goes to MLflow")
    trace_texts: bool = Field(
        True,
        description="keep questions, answers and names of documents in traces; false: times and counts alone; studies "
        "go to MLflow with theirs all the same, champions with who promoted them",
    )
    traces_kept: int = Field(
        1000, ge=0, description="traces of answers that are kept, here and in MLflow; 0: none are made"
    )

    password_hash: SecretStr = Field(
        SecretStr(""), description="hash of the shared password, from `python -m rag hash-password`"
    )
    demo: bool = Field(False, description="read-only: anyone may ask, nobody may upload or delete")
    ephemeral: bool | None = Field(
        None, description="show the 'files may vanish' banner; unset: decided by where it runs"
    )

    _strange_server: bool = PrivateAttr(False)

    @field_validator("password_hash")
    @classmethod
    def _is_a_hash(cls, value: SecretStr) -> SecretStr:
        if value.get_secret_value() and not _PASSWORD_HASH.fullmatch(value.get_secret_value()):
            raise ValueError("not a hash; put here what `python -m rag hash-password` prints")
        return value

    @property
    def storage_is_ephemeral(self) -> bool:
        """Whether what is stored here may vanish (in memory, or on Streamlit Community Cloud)."""
        if self.ephemeral is not None:
            return self.ephemeral
        return self.chroma_mode == "memory" or Path("/mount/src").is_dir()

    @property
    def chroma_is_ours(self) -> bool:
        """Whether Chroma lies in the data folder: it has nothing but our collections, and one process may open it."""
        return self.chroma_mode == "persistent"

    @property
    def model_may_be_chosen(self) -> bool:
        """Whether readers may name a server that this machine then sends requests to: not strangers."""
        return self.choose_model and not self.demo

    @property
    def model(self) -> ModelChoice:
        """The language model that is set, without its key."""
        return ModelChoice(self.llm, self.llm_base_url, temperature=self.llm_temperature)

    @property
    def server_is_strange(self) -> bool:
        """Whether the language model's address is one that a reader typed: nothing of this machine's may go there."""
        return self._strange_server

    def choosing(self, choice: ModelChoice) -> Settings:
        """These settings with the language model of a session. The key that is set goes nowhere but to the provider
        and the address that are set with it."""
        here = (choice.provider, choice.base_url.rstrip("/")) == (self.model.provider, self.llm_base_url.rstrip("/"))
        key = choice.key
        if not key.get_secret_value() and here:
            key = self.llm_api_key
        elif not key.get_secret_value() and choice.base_url:
            key = SecretStr(NO_KEY)
        changed = {"llm_base_url": choice.base_url, "llm_api_key": key, "llm_temperature": choice.temperature}
        chosen = self.model_copy(update={"llm": choice.name, **changed})
        chosen._strange_server = bool(choice.base_url) and not here
        return chosen

    def redacted(self, text: str) -> str:
        """`text`, an error of a library say, without the keys among these settings and what looks like one."""
        fields = (getattr(self, name) for name in type(self).model_fields)
        secrets = [one.get_secret_value() for one in fields if isinstance(one, SecretStr)]
        for secret in (*secrets, *self.chroma_headers.values()):
            text = text.replace(secret, "***") if secret else text
        return _LIKE_A_KEY.sub("***", text)


def load_settings(**given: Any) -> Settings:
    """Read the settings; `given` (None values left out) outranks the environment.

    Raises ConfigurationError naming each setting that is wrong, in one line.
    """
    try:
        settings = Settings(**{key: value for key, value in given.items() if value is not None})
    except ValidationError as error:
        wrong = "; ".join(
            f"RAG_{'_'.join(str(part) for part in one['loc']).upper()}: {one['msg']}" for one in error.errors()
        )
        raise ConfigurationError(f"These settings cannot be used: {wrong}. See the README's list.") from error
    except SettingsError as error:  # pydantic-settings raises its own type for JSON that does not parse
        raise ConfigurationError(f"The settings cannot be read: {error}. See the README's list.") from error
    quiet_libraries(settings.allow_downloads)
    return settings


def quiet_libraries(allow_downloads: bool = False) -> None:
    """Switch off telemetry and look-ups of the libraries we use, unless the user has said otherwise."""
    for name, value in (QUIET if allow_downloads else QUIET | OFFLINE).items():
        os.environ.setdefault(name, value)


def child_environment() -> dict[str, str]:
    """What a child process needs of the environment: not our settings, nor anybody's keys."""
    return {key: value for key, value in os.environ.items() if key.upper().startswith((*_FOR_CHILDREN, "FOOTNOTE_"))}


def tracking_environment(settings: Settings) -> dict[str, str]:
    """The environment of a process that talks to MLflow: without anybody's keys but those that get it in there, and
    without patience, as whoever starts it tries again."""
    given = {key: value for key, value in os.environ.items() if key.upper().startswith(_FOR_MLFLOW)}
    brief = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", "MLFLOW_HTTP_REQUEST_TIMEOUT": "20"}
    quiet = QUIET | {"MLFLOW_LOGGING_LEVEL": "WARNING", "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false"}
    quiet |= {"PYTHONWARNINGS": "ignore"}  # its own, of no use to whoever reads our log
    return child_environment() | quiet | brief | given | {"RAG_MLFLOW_TRACKING_URI": settings.mlflow_tracking_uri}
