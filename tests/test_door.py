"""The door for readers who sign in: who comes in, and as whom."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import streamlit as st

from rag.settings import load_settings
from ui import door


class User(dict[str, Any]):
    """Stands in for `st.user`: what a provider says of somebody who has signed in."""

    is_logged_in = True

    def to_dict(self) -> dict[str, Any]:
        return dict(self)


class StoppedError(Exception):
    """Stands in for what ends the page."""


def comes_in(monkeypatch: pytest.MonkeyPatch, told: list[str], **user: Any) -> str | None:
    """As whom the user comes in; None if they do not, and then `told` has what they are told."""

    def stop() -> None:
        raise StoppedError

    with monkeypatch.context() as patch:
        patch.setattr(st, "user", User(user))
        patch.setattr(st, "session_state", {})
        patch.setattr(st, "error", told.append)
        patch.setattr(st, "stop", stop)
        for drawn in ("title", "button", "markdown"):
            patch.setattr(st, drawn, lambda *_, **__: None)
        try:
            door.guard(load_settings(), {"auth": {}})
        except StoppedError:
            assert not door.reader()
            return None
        return door.reader()


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("verified", [False, "false", "False"])
def test_an_address_that_the_provider_calls_unverified_opens_nothing(
    monkeypatch: pytest.MonkeyPatch, verified: object
) -> None:
    told: list[str] = []
    assert comes_in(monkeypatch, told, email="Ada@example.com", sub="666", email_verified=verified) is None
    assert "is not verified" in told[0]


@pytest.mark.parametrize("said", [{}, {"email_verified": True}, {"email_verified": "true"}])
def test_readers_with_an_address_are_who_they_were(monkeypatch: pytest.MonkeyPatch, said: dict[str, object]) -> None:
    """Conversations that are kept are theirs by this name."""
    for email in ("Ada@Example.com", "ada@example.com"):
        assert comes_in(monkeypatch, [], iss="https://id.test", sub="1", email=email, **said) == "ada@example.com"


def test_readers_without_an_address_are_told_apart_by_provider_and_case(monkeypatch: pytest.MonkeyPatch) -> None:
    names = {
        comes_in(monkeypatch, [], iss=iss, sub=sub)
        for iss in ("https://id.test", "https://other.test")
        for sub in ("AbC", "aBc", "ada@example.com")
    }
    assert len(names) == 6
    assert not names & {None, "", "ada@example.com"}
    assert comes_in(monkeypatch, [], iss="https://id.test", sub="AbC", email_verified=False) in names
