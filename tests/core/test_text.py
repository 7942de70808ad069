"""Texts for spreadsheets, which give every name back, counts with their nouns, and lists of known names."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.core.errors import unknown
from benchmarks.core.text import FORMULA, counted, csv_text, plain_text


@given(st.one_of(st.text(), st.text("=+-@\t\r'a", min_size=1)))
def test_every_text_comes_back_from_a_table(text: str) -> None:
    assert plain_text(csv_text(text)) == text
    assert not csv_text(text).startswith(FORMULA)


@given(st.text("=-'a", max_size=4), st.text("=-'a", max_size=4))
def test_two_texts_stay_two(first: str, second: str) -> None:
    assert (csv_text(first) == csv_text(second)) == (first == second)


@pytest.mark.parametrize("name", ["-dash.png", "--2", "=SUM(A1)", "@x", "'-dash", "''", 'a"b', "a,b", "plain"])
def test_names_survive_a_csv_file(name: str) -> None:
    text = io.StringIO()
    csv.writer(text).writerow([csv_text(name)])
    ((field,),) = csv.reader([text.getvalue()])
    assert plain_text(field) == name


@pytest.mark.parametrize(
    ("count", "nouns", "text"),
    [
        (1, ("cell",), "1 cell"),
        (0, ("cell",), "0 cells"),
        (1, ("process", "processes"), "1 process"),
        (1200, ("byte",), "1200 bytes"),
    ],
)
def test_counts(count: int, nouns: tuple[str, ...], text: str) -> None:
    assert counted(count, *nouns) == text


@pytest.mark.parametrize("many", [3, 22, 23, 500])
def test_few_of_many_known_names_are_listed(many: int) -> None:
    message = str(unknown("sample", "img-7", [f"img-{number}" for number in range(many)] + ["img_7"]))
    assert message.startswith("unknown sample 'img-7': did you mean 'img")
    listed = message.partition("known: ")[2].partition(" and ")[0].split(", ")
    assert len(listed) == (many + 1 if many < 22 else 20)
    assert message.endswith(f" and {many + 1 - 20} others") == (many >= 22)
