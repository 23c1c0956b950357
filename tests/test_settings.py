"""Settings: where they come from, and that the README lists each with its default."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import SecretStr

from rag.errors import ConfigurationError
from rag.settings import Settings, child_environment, load_settings

ROOT = Path(__file__).resolve().parent.parent


def shown_default(name: str) -> str:
    """A default as the README writes it."""
    default = Settings.model_fields[name].get_default(call_default_factory=True)
    if isinstance(default, SecretStr):
        default = default.get_secret_value()
    if default is None or default == "":
        return ""
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, float):
        return f"{default:g}"
    return json.dumps(default) if isinstance(default, dict) else str(default)


def test_the_readme_lists_every_setting_with_its_default() -> None:
    rows = re.findall(r"^\| `RAG_(\w+)` \| (?:`([^|]*)`)? ?\| .+ \|$", (ROOT / "README.md").read_text("utf-8"), re.M)
    assert [(name.lower(), default) for name, default in rows] == [
        (name, shown_default(name)) for name in Settings.model_fields
    ]


def test_the_environment_outranks_the_env_file_and_what_is_given_outranks_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text("RAG_TOP_K=3\nRAG_LLM=ollama:one\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert load_settings().top_k == 3
    monkeypatch.setenv("RAG_TOP_K", "4")
    assert load_settings().top_k == 4
    assert load_settings(top_k=6, llm=None).top_k == 6
    assert load_settings(top_k=6, llm=None).llm == "ollama:one"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("RAG_TOP_K", "many"),
        ("RAG_CHROMA_MODE", "floppy"),
        ("RAG_CHROMA_HEADERS", "{no json"),
        ("RAG_CHUNK_TOKENS", "1"),
        ("RAG_PASSWORD_HASH", "secret"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match=name.removeprefix("RAG_") + "|" + name.removeprefix("RAG_").lower()):
        load_settings()


def test_keys_are_not_shown_when_settings_are_printed() -> None:
    assert "sk-secret" not in repr(load_settings(llm_api_key="sk-secret", chroma_api_key="sk-secret"))


def test_a_librarys_error_is_shown_without_keys() -> None:
    settings = load_settings(llm_api_key="my-own-token", chroma_headers={"X-Token": "proxy-token"})
    assert "proxy-token" not in repr(settings)
    shown = settings.redacted("my-own-token sk-abcdef123 at https://me:pw@host/v1 with proxy-token: Bearer xyz failed")
    for secret in ("my-own-token", "sk-abcdef123", "me:pw", "proxy-token", "xyz"):
        assert secret not in shown
    assert "failed" in shown


def test_child_processes_get_no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAG_LLM_API_KEY", "sk-secret")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    assert "sk-secret" not in child_environment().values()
    assert "PATH" in child_environment()


def test_telemetry_is_off_unless_the_user_wants_it() -> None:
    code = (
        "import os; from rag.settings import load_settings; load_settings();"
        "names = 'ANONYMIZED_TELEMETRY HF_HUB_OFFLINE MLFLOW_DISABLE_TELEMETRY'.split();"
        "print(*(os.environ[name] for name in names))"
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "ANONYMIZED"))}

    def printed(**more: str) -> str:
        return subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, env=environment | more, capture_output=True, text=True, check=True
        ).stdout.strip()

    assert printed() == "False 1 true"
    assert printed(ANONYMIZED_TELEMETRY="True") == "True 1 true"


def test_storage_is_called_ephemeral_where_it_is() -> None:
    assert load_settings(chroma_mode="memory").storage_is_ephemeral
    assert load_settings(ephemeral=True).storage_is_ephemeral
    assert not load_settings(chroma_mode="memory", ephemeral=False).storage_is_ephemeral
