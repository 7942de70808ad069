"""Secrets of addresses never show, whatever form the address has."""

from __future__ import annotations

import string
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import run, sync
from benchmarks.core.errors import Unexpected, UsageError, as_ours, one_line
from benchmarks.core.secrets import address_without_secrets, without_secrets
from benchmarks.data.acquisition.manifest import write_manifest
from benchmarks.data.acquisition.partial import Part
from benchmarks.data.acquisition.weights import WeightFile
from benchmarks.tracking.entry import make_entry, write_note
from benchmarks.tracking.tracker import ui_command
from reports.from_mlflow import load_mirrored
from tests.helpers.mlflow_cells import make_result, make_tracker, write_cell

SCHEMES = ("http", "https", "sqlite", "mysql+pymysql", "postgresql+psycopg2", "mssql+pyodbc", "s3", "databricks", "git+ssh")
HOSTS = ("host", "tracking.example:5000", "127.0.0.1:1", "[::1]:5000", "[2001:db8::7]", "u-v.example")
PARAMETERS = ("token", "sig", "password", "access_token", "X-Amz-Signature", "sslpassword", "key")
TAIL = "Zq9"  # marks the pieces of a secret: in no host, scheme, path or sentence

# Pieces that are recognised in a text, joined by the characters that break parsers of addresses
pieces = st.text(string.ascii_letters + string.digits + "-._~!$'()*,é", min_size=1, max_size=6).map(lambda text: f"{TAIL}{text}")
secrets = st.lists(pieces, min_size=1, max_size=4).flatmap(
    lambda found: st.lists(st.sampled_from("@:/?#%+&=;[]"), min_size=len(found), max_size=len(found)).map(
        lambda joints: "".join(piece + joint for piece, joint in zip(found, joints, strict=True))
    )
)
users = st.one_of(
    st.builds(lambda user, password: f"{user}:{password}@", st.sampled_from(("", "bob", "b%40b")), secrets),
    st.builds(lambda user, password: f"{user}:{quote(password, safe='')}@", st.sampled_from(("", "bob")), secrets),
    secrets.map(lambda token: f"{token}@"),
)
queries = st.builds(
    lambda name, value, mark: f"{mark}{name}={value}", st.sampled_from(PARAMETERS), secrets, st.sampled_from("?#;")
)
addresses = st.builds(
    lambda scheme, user, host, path, query: f"{scheme}://{user}{host}{path}{query}",
    st.sampled_from(SCHEMES),
    st.one_of(st.just(""), users),
    st.sampled_from(HOSTS),
    st.sampled_from(("", "/", "/db", "/a/b.zip")),
    st.one_of(st.just(""), queries),
)
sentences = st.sampled_from(
    ("{}", "cannot reach {}: refused", "'{}'", "(Caused by {})", "{} or {}", '{{"uri":"{}"}}', "{},{}", "error at <{}>, see {}")
)


@given(sentences, addresses, addresses)
def test_no_generated_secret_is_shown(sentence: str, first: str, second: str) -> None:
    assert TAIL not in without_secrets(sentence.format(first, second))
    assert TAIL not in one_line(sentence.format(first, second))


@given(addresses, st.sampled_from(HOSTS))
def test_an_address_keeps_its_scheme(address: str, host: str) -> None:
    shown = address_without_secrets(address)
    assert TAIL not in shown and shown.startswith(f"{address.partition('://')[0]}://")
    assert address_without_secrets(shown) == shown == without_secrets(shown)


@given(st.sampled_from(SCHEMES), st.lists(st.text("Zq9ab", min_size=4), min_size=1, max_size=4), st.sampled_from("@:/?# %"))
def test_parts_of_a_known_password_are_hidden_in_any_text(scheme: str, found: list[str], joint: str) -> None:
    password = joint.join(found)
    address = f"{scheme}://bob:{password}@host/db"
    for said in (password, quote(password, safe=""), *found, *(part.upper() for part in found)):
        assert said not in without_secrets(f"Port could not be cast to integer value as {said!r}.", address)


@pytest.mark.parametrize(
    "text",
    [
        "sqlite:////home/me@work/runs/mlflow.db",
        "sqlite:///C:/Users/me@work/mlflow.db",
        "http://tracking.example:5000/path",
        "https://example.org/page#section",
        "http://[::1]:5000",
        "databricks://profile",
        "s3://bucket/key",
        "/photos/what?.png",
    ],
)
def test_what_has_no_secret_stays(text: str) -> None:
    assert without_secrets(f"{text}: cannot be read? try someone@example.org // or not").startswith(text)
    assert address_without_secrets(text) == text


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("http://bob:s3cr@tTAIL88@127.0.0.1:5055", "http://***@127.0.0.1:5055"),
        ("https://dapi0123456789@adb.example/api", "https://***@adb.example/api"),
        ("postgresql://bob:a:b/c@[::1]:5432/db?sslpassword=x", "postgresql://***@[::1]:5432/db?***"),
        ("mysql+pymysql://bob:p%40ss@h1,h2/db", "mysql+pymysql://***@h1,h2/db"),
        ("http://bob:two words@host", "http://***@host"),
        ("sqlite:////srv/m.db?password=x y", "sqlite:////srv/m.db?***"),
        ("https://host/a.zip#access_token=x", "https://host/a.zip#***"),
        ("sqlserver://host;user=sa;password=x", "sqlserver://host;***"),
    ],
)
def test_forms_of_addresses(address: str, shown: str) -> None:
    assert address_without_secrets(address) == shown


def test_a_path_alone_may_have_a_signed_query() -> None:
    assert without_secrets("Max retries exceeded with url: /simple/x/?token=abc (refused)").endswith("/simple/x/?*** (refused)")


def test_errors_of_libraries() -> None:
    def inner() -> None:
        raise ValueError("no host in http://bob:s3@cret@host")

    try:
        inner()
    except ValueError as error:
        ours = as_ours(error)
    assert isinstance(ours, Unexpected)
    assert "cret" not in str(ours) and 'raise ValueError("no host in http://***@host' in ours.traceback


@pytest.mark.parametrize(
    "uri", ["http://bob:s3cr@tTAIL88@127.0.0.1:9", "http://bob:TAIL88/x@127.0.0.1:9", "mysql+pymysql://a:b:TAIL88@h/d"]
)
def test_no_file_of_a_results_folder_has_the_password_of_mlflow(
    uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    said: list[str] = []
    folder = write_cell(tmp_path, make_result())
    with make_tracker(tmp_path, said.append) as tracker:
        tracker.mirror(make_result(), folder)
    write_note(folder, make_entry(make_result()), "1234", tracker.address)
    with pytest.raises(UsageError) as failure:
        load_mirrored(tmp_path, uri)
    assert sync.main(["--results", str(tmp_path)]) == 2
    texts = [*said, *tracker.failures, str(failure.value), ui_command(tmp_path), capsys.readouterr().err]
    texts += [path.read_text(encoding="utf-8") for path in tmp_path.rglob("*") if path.suffix in (".json", ".csv", ".txt")]
    assert said and not any("tail88" in text.lower() for text in texts)


def test_a_manifest_and_a_partial_file_keep_no_signature(tmp_path: Path) -> None:
    signed = "https://bob:TAIL88@host/a.zip?sig=TAIL88"
    write_manifest(tmp_path, signed, None, {})
    with Part(tmp_path / "a.zip", signed).open(0, '"etag"', 9):
        pass
    kept = [path.read_text(encoding="utf-8") for path in tmp_path.glob(".*.json")]
    assert len(kept) == 2 and all("https://***@host/a.zip?***" in text and "TAIL88" not in text for text in kept)
    assert Part(tmp_path / "a.zip", signed).note(9) is None, "empty files are not continued"


def test_a_card_with_a_signed_address(monkeypatch: pytest.MonkeyPatch) -> None:
    assert WeightFile("trunk", "MIT", url="https://host/a.pth?sig=TAIL88").origin == "https://host/a.pth?***"


@pytest.mark.parametrize("executor", [(), ("--executor", "ray"), ("--executor", "slurm")])
@pytest.mark.parametrize("words", [("--address", "{}"), ("--address={}",), ("--adress", "{}"), ("--adress={}",), ("{}",)])
@pytest.mark.parametrize("dry", [(), ("--dry-run",)])
def test_no_password_of_a_cluster_is_repeated(
    executor: tuple[str, ...], words: tuple[str, ...], dry: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    address = "bob:TAIL88@10.0.0.1:6379"
    given = [word.format(address) for word in words]
    assert run.main(["--methods", "bicubic", "--profile", "smoke", *executor, *given, *dry]) == 2
    shown = capsys.readouterr()
    assert "TAIL88" not in shown.out + shown.err
    assert ("give HOST:PORT of the cluster's head, without user and password" in shown.err) == ("--address" in words[0])
