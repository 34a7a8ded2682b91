"""What settings take, what they refuse and in which words, and what they never tell."""

from __future__ import annotations

import stat
from dataclasses import replace
from pathlib import Path

import pytest

from kingpost.errors import DeclarationError
from kingpost.settings import Secret, Settings, development_secret

DEVELOPMENT = {"KINGPOST_ENVIRONMENT": "development"}


def wrong(environ: dict[str, str], folder: Path = Path("/nowhere")) -> list[str]:
    """What is wrong with these settings, fault by fault."""
    with pytest.raises(DeclarationError) as caught:
        Settings.load(environ, folder)
    return [str(fault) for fault in caught.value.faults]


def test_nothing_given_means_production() -> None:
    assert Settings.load({}, Path("/nowhere")) == Settings(data_folder=Path("/nowhere/.kingpost"))


def test_a_command_for_developers_may_assume_development() -> None:
    assert Settings.load({}, assume="development").environment == "development"
    assert Settings.load({"KINGPOST_ENVIRONMENT": "production"}, assume="development").environment == "production"


def test_the_environment_stands_over_the_file(tmp_path: Path) -> None:
    (tmp_path / "kingpost.toml").write_text('port = 8100\nworkers = 3\ncors_origins = ["https://a.example"]\n')
    settings = Settings.load({"KINGPOST_PORT": "8200"}, tmp_path)
    assert (settings.port, settings.workers, settings.cors_origins) == (8200, 3, ("https://a.example",))


def test_plain_port_counts_unless_ours_is_set() -> None:
    assert Settings.load({"PORT": "8300"}).port == 8300
    assert Settings.load({"PORT": "8300", "KINGPOST_PORT": "8301"}).port == 8301


def test_an_empty_variable_is_not_set() -> None:
    assert Settings.load({"KINGPOST_TOKEN_ISSUER": "", "PORT": ""}).token_issuer is None


def test_a_list_in_a_variable_is_parted_by_commas() -> None:
    settings = Settings.load({"KINGPOST_TRUSTED_PROXIES": "10.0.0.0/8, ::1,"})
    assert settings.trusted_proxies == ("10.0.0.0/8", "::1")


def test_what_one_process_loaded_another_can_load() -> None:
    given = {
        "KINGPOST_DATABASE_URL": "postgresql://a:b@c/d",
        "KINGPOST_CORS_ORIGINS": "*,http://x",
        "KINGPOST_UNREADY_S": "0.5",
    }
    settings = Settings.load(given)
    assert Settings.load(settings.variables()) == settings


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("KINGPOST_DATABSE_URL", "x", "there is no setting 'databse_url' (did you mean KINGPOST_DATABASE_URL?)"),
        ("KINGPOST_PORT", "many", "expected int, got str"),
        ("KINGPOST_PORT", "70000", "expected int <= 65535"),
        ("PORT", "0", "expected int >= 1"),
        ("KINGPOST_DEADLINE_S", "nan", "expected float > 0.0"),
        ("KINGPOST_ENVIRONMENT", "prod", "there is no choice 'prod'"),
        ("KINGPOST_CORS_ORIGINS", "https://a.example/path", "expected origins like https://example.com"),
        ("KINGPOST_TRUSTED_PROXIES", "proxy", "expected an address or a network"),
    ],
)
def test_a_wrong_variable_is_refused(variable: str, value: str, said: str) -> None:
    (fault,) = wrong({variable: value})
    assert fault.startswith(f"{variable}: ")
    assert said in fault


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("\nprot = 1", "kingpost.toml:2: there is no setting 'prot' (did you mean port?)"),
        ('port = "8000"', "kingpost.toml:1: port: expected int, got str"),
        ("port = true", "kingpost.toml:1: port: expected int, got bool"),
        ("cors_origins = [1]", "kingpost.toml:1: cors_origins: expected str, got int - at $[0]"),
        ("database_url = 1", "kingpost.toml:1: database_url: expected a text that is not empty"),
        ("[database]\nurl = 1", "kingpost.toml:1: there is no setting 'database'"),
        ("port = \nworkers = 2", "kingpost.toml cannot be read: Invalid value (at line 1, column 8)"),
        ("host = '\x00'", "kingpost.toml cannot be read"),
    ],
)
def test_a_wrong_file_is_refused_with_its_line(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "kingpost.toml").write_text(text)
    (fault,) = wrong({}, tmp_path)
    assert said in fault


def test_all_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "kingpost.toml").write_text("workers = 0\nsecrt = 'x'\n")
    assert len(wrong({"KINGPOST_PORT": "x", "KINGPOST_NOPE": "1"}, tmp_path)) == 4


def test_what_kubernetes_sets_for_a_service_named_kingpost_does_no_harm() -> None:
    Settings.load({"KINGPOST_SERVICE_HOST": "10.0.0.1", "KINGPOST_PORT_8000_TCP_ADDR": "10.0.0.1"})
    (fault,) = wrong({"KINGPOST_PORT": "tcp://10.0.0.1:8000"})
    assert "enableServiceLinks: false" in fault


def test_a_secret_never_prints() -> None:
    settings = Settings(database_url=Secret("postgresql://u:hunter2@h/d"), secret=Secret("hunter2"))
    shown = f"{settings!r} {settings} {settings.secret} {settings.secret!r} {[settings.secret]}"
    assert "hunter2" not in shown
    assert "***" in shown


def test_a_wrong_secret_is_not_quoted(tmp_path: Path) -> None:
    (tmp_path / "kingpost.toml").write_text('secret = ["hunter2"]')
    assert "hunter2" not in "".join(wrong({}, tmp_path))


def test_secrets_are_equal_when_their_texts_are() -> None:
    assert Secret("ä") == Secret("ä")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert len({Secret("a"), Secret("a")}) == 1


def test_the_development_secret_is_made_once_and_kept_to_oneself(tmp_path: Path) -> None:
    settings = Settings.load(DEVELOPMENT, tmp_path)
    made = development_secret(settings)
    file = tmp_path / ".kingpost" / "secret"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert len(made.reveal()) >= 43
    assert development_secret(settings) == made
    assert [one.name for one in file.parent.iterdir()] == ["secret"]


def test_a_given_development_secret_is_taken_instead(tmp_path: Path) -> None:
    settings = replace(Settings.load(DEVELOPMENT, tmp_path), secret=Secret("given"))
    assert development_secret(settings).reveal() == "given"
    assert not (tmp_path / ".kingpost").exists()


def test_production_has_no_development_secret() -> None:
    with pytest.raises(DeclarationError, match="VERIFICATION_KEY"):
        development_secret(Settings(secret=Secret("x")))


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / ".kingpost").write_text("a file where the folder should be")
    with pytest.raises(DeclarationError, match="set KINGPOST_SECRET"):
        development_secret(Settings.load(DEVELOPMENT, tmp_path))
