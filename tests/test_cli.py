"""The commands, as someone at a terminal meets them: what they print, and what they refuse."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from kingpost.cli.entry import COMMANDS
from tests.shop import APP, URL, Said, asking, shop_in


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with shop_in(tmp_path, monkeypatch) as folder:
        yield folder


@pytest.fixture
def said(shop: Path, capsys: pytest.CaptureFixture[str]) -> Said:
    return asking(capsys)


# --- Help, misuse and errors -----------------------------------------------------------------------------------------


def test_help_lists_every_command(said: Said) -> None:
    code, out, _ = said("--help")
    assert code == 0
    assert all(re.search(rf"^  {name} ", out, re.MULTILINE) for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_each_commands_help_has_an_example(name: str, said: Said) -> None:
    code, out, _ = said(name, "--help")
    assert code == 0
    assert "Example:" in out
    assert f"kingpost {name}" in out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "Usage:"),
        (("derv",), "there is no command 'derv'"),
        (("dev",), "Missing argument 'APP'"),
        (("dev", "shop", "--port", "0"), "0 is not in the range"),
        (("token", "--claim", "airline"), "'airline' is not NAME=VALUE"),
        (("token", "--ttl", "soon"), "no duration like 90s, 15m, 8h or 30d"),
        (("explain",), "REQUEST is a method and a path"),
        (("explain", "GET /v1/things"), "Missing argument 'APP'"),
        (("explain", "shop", "flights"), "REQUEST is a method and a path"),
    ],
)
def test_a_wrong_call_exits_with_2(arguments: tuple[str, ...], words: str, said: Said) -> None:
    code, out, err = said(*arguments)
    assert code == 2
    assert words in out + err


@pytest.mark.parametrize(
    ("app", "words"),
    [
        ("shopp", "hint: did you mean shop?"),
        ("shop.ap", "hint: did you mean shop.app?"),
        ("shop/ap.py", "there is no shop/ap.py"),
        ("shop.app:shop", "hint: write shop.app:app"),
        ("shop.load", "shop.load has nothing named 'app'"),
    ],
)
def test_an_app_that_is_not_there_is_told_with_a_suggestion(app: str, words: str, said: Said) -> None:
    code, _, err = said("routes", app)
    assert (code, err.startswith("error: ")) == (1, True)
    assert words in err


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x = 1\ny = nope\n", "error: shop/app.py:2: NameError: name 'nope' is not defined"),
        ("x = (\n", "error: shop/app.py:1: SyntaxError: '(' was never closed"),
        ("import shop.nope\n", "error: shop/app.py:1: ModuleNotFoundError: No module named 'shop.nope'"),
    ],
)
def test_an_app_that_does_not_import_is_told_with_its_line(text: str, words: str, shop: Path, said: Said) -> None:
    (shop / "shop" / "app.py").write_text(text)
    code, _, err = said("routes", "shop")
    assert code == 1
    assert words in err
    assert "Traceback" not in err


def test_each_wrong_declaration_is_told(shop: Path, said: Said) -> None:
    (shop / "shop" / "app.py").write_text(APP.replace("this.owner", "this.onwer").replace("Ref[Shelf]", "Ref[int]"))
    code, _, err = said("routes", "shop")
    assert code == 1
    assert "shop/app.py:" in err
    assert "Traceback" not in err


def test_debug_shows_the_traceback(shop: Path, said: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KINGPOST_DEBUG", "1")
    (shop / "shop" / "app.py").write_text("y = nope\n")
    with pytest.raises(Exception, match="nope"):
        said("routes", "shop")


# --- routes, token, version ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("app", ["shop", "shop.app", "shop.app:app", "shop/app.py", "shop/", "./shop/app.py"])
def test_routes_tells_what_is_served_and_who_may(app: str, said: Said) -> None:
    code, out, _ = said("routes", app)
    lines = [re.split(r"\s{2,}", line.strip()) for line in out.splitlines()]
    assert code == 0
    assert ["GET", "/v1/shelves/{name}", "Shelf.get", "anyone"] in lines
    may = 'role("clerk") & (this.owner == me.id); price: role("boss")'
    assert ["GET", "/v1/things", "Thing.list", may] in lines


@pytest.mark.parametrize("command", [("routes",), ("token", "--role", "clark")])
def test_the_app_may_be_named_in_the_settings(command: tuple[str, ...], shop: Path, said: Said) -> None:
    (shop / "kingpost.toml").write_text('app = "shop"\n')
    code, out, err = said(*command)
    assert code == 0
    assert "Thing.list" in out or "no policy names role 'clark'" in err


def test_a_single_file_is_an_app_too(shop: Path, said: Said) -> None:
    (shop / "single.py").write_text(APP)
    assert said("routes", "single.py")[0] == 0


def test_token_prints_one_that_the_app_believes(said: Said) -> None:
    from kingpost.cli.explain import identified
    from kingpost.settings import Settings

    code, out, _ = said("token", "--sub", "ann", "--role", "clerk", "--claim", 'at=["JFK"]', "--claim", "airline=UA")
    actor = identified(Settings.load(assume="development"), out.strip())
    assert code == 0
    assert (actor.id, actor.roles, actor.claims["at"], actor.claims["airline"]) == (
        "ann",
        frozenset({"clerk"}),
        ["JFK"],
        "UA",
    )


def test_token_points_out_what_no_policy_names(said: Said) -> None:
    code, out, err = said("token", "shop", "--role", "clark", "--claim", "airline=UA")
    assert (code, out.count(".")) == (0, 2)
    assert "no policy names role 'clark' (did you mean 'clerk'?)" in err


@pytest.mark.parametrize("command", [("token",), ("dev", "shop")])
def test_what_is_for_developers_refuses_production(
    command: tuple[str, ...], said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KINGPOST_ENVIRONMENT", "production")
    code, _, err = said(*command)
    assert code == 1
    assert "is for development" in err


def test_version_names_ours_and_what_it_runs_on(said: Said) -> None:
    code, out, _ = said("version")
    assert code == 0
    assert re.search(r"^kingpost \d", out, re.MULTILINE)
    assert re.search(r"^granian \d", out, re.MULTILINE)


# --- serve -----------------------------------------------------------------------------------------------------------


def test_serve_needs_a_database(said: Said) -> None:
    code, _, err = said("serve", "shop")
    assert code == 1
    assert "set KINGPOST_DATABASE_URL" in err


def test_serve_needs_a_key_where_a_policy_asks_who_calls(said: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(*next(iter(URL.items())))
    code, _, err = said("serve", "shop")
    assert code == 1
    assert "the policy of Thing asks who calls" in err
    assert "hunter2" not in err


def test_serve_refuses_a_foreign_database(shop: Path, said: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**URL, "KINGPOST_VERIFICATION_KEY": "k" * 32}.items():
        monkeypatch.setenv(name, value)
    (shop / "kept.json").write_text("something else")
    code, _, err = said("serve", "shop")
    assert code == 1
    assert "made for another model" in err


def test_a_port_that_is_taken_is_told(said: Said) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, _, err = said("dev", "shop", "--port", str(port))
    assert code == 1
    assert f"cannot listen on 127.0.0.1:{port}" in err
    assert f"try --port {port + 1}" in err
