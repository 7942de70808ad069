"""Papers in the plural: one file is all that a paper needs, whatever its metrics; a mistake is one line that names the file."""

from __future__ import annotations

import csv
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from benchmarks.core.errors import UsageError
from benchmarks.statistics.significance import least_p
from reports import paper
from reports.build import build
from reports.paper import load_papers
from reports.studies import load_evidence
from tests.helpers.report_results import identity, made_results  # noqa: F401 - a fixture

SECOND = """\
name = "perceptual"
title = "Doe & Roe: A study of <perceptual> distances_2, 2021"
url = "https://example.org/perceptual"
dataset = "demo-photos"
protocol = "rgb"

[[reported]]
method = "edsr"
metrics = { lpips = 0.68, psnr = 20.5 }
source = "table 4"

[[reported]]
method = "edsr-paired"
metrics = { lpips = 0.612 }
source = "table 4"

[[reported]]
method = "bicubic"
metrics = { lpips = 0.75, psnr = 21.25 }
source = "table 4"

[[claims]]
name = "A"
text = "EDSR fine-tuned on pairs is perceptually nearer than EDSR"
metrics = ["lpips"]
methods = ["edsr-paired"]
relation = "above"
others = ["edsr"]
least_effect = { lpips = 0.005 }
"""
NEW_TABLES = {
    f"tables/smoke-demo-photos-perceptual-{kind}.{ending}" for kind in ("reported", "claims") for ending in ("md", "tex", "html")
}


@pytest.fixture
def papers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the project's papers, which ``load_papers`` reads."""
    folder = Path(shutil.copytree(paper.FOLDER, tmp_path / "papers"))
    monkeypatch.setattr("reports.paper.FOLDER", folder)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(name="both")
def built_with_both(results: Path, papers: Path, tmp_path: Path) -> Path:
    (papers / "perceptual.toml").write_text(SECOND, encoding="utf-8")
    build(load_evidence(results), tmp_path / "both")
    return tmp_path / "both"


def test_a_second_papers_file_adds_its_tables_and_changes_no_other(results: Path, papers: Path, tmp_path: Path) -> None:
    evidence = load_evidence(results)
    (line,) = build(evidence, tmp_path / "one")
    (papers / "perceptual.toml").write_text(SECOND, encoding="utf-8")
    assert build(evidence, tmp_path / "both") == [line, "smoke-demo-photos, perceptual: claims: 1 cannot be told"]
    one, both = contents(tmp_path / "one"), contents(tmp_path / "both")
    assert both.keys() - one.keys() == NEW_TABLES
    assert {name for name in one if one[name] != both[name]} == {".files.json", "index.html", "leaderboard.html", "tables.tex"}
    added = {line for line in both["tables.tex"].splitlines() if line not in one["tables.tex"].splitlines()}
    assert added == {b"\\input{tables/smoke-demo-photos-perceptual-%s.tex}" % kind for kind in (b"reported", b"claims")}


def test_regions_of_the_page_have_names_of_their_own(both: Path) -> None:
    page = (both / "index.html").read_text(encoding="utf-8")
    labels = re.findall(r'role="region" aria-label="([^"]*)"', page)
    assert len(labels) == len(set(labels)) and sum(label.startswith("Reported and measured: ") for label in labels) == 2


def test_the_table_of_reported_numbers_has_the_papers_own_metrics(both: Path) -> None:
    text = (both / "tables" / "smoke-demo-photos-perceptual-reported.md").read_text(encoding="utf-8")
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]
    metrics = ("LPIPS", "PSNR")
    assert lines[0] == [
        "method",
        *(
            header.format(metric)
            for metric in metrics
            for header in ("{} reported", "{} measured", "Δ{} reported", "Δ{} measured", "{} measured − reported")
        ),
    ]
    rows = {line[0]: dict(zip(lines[0], line, strict=True)) for line in lines[2:]}
    edsr, paired = rows["edsr (table 4)"], rows["edsr-paired (table 4)"]
    assert (edsr["LPIPS reported"], edsr["ΔLPIPS reported"]) == ("0.680", "-0.070"), "the paper has three decimals"
    assert re.fullmatch(r"0\.\d{3} \(0\.\d{3}…0\.\d{3}\)", edsr["LPIPS measured"])
    assert re.fullmatch(r"-0\.\d{3} \(-0\.\d{3}…-0\.\d{3}\)", edsr["ΔLPIPS measured"])
    gap = float(edsr["LPIPS measured"].split()[0]) - 0.68
    assert float(edsr["LPIPS measured − reported"]) == pytest.approx(gap, abs=1e-9)
    assert (edsr["PSNR reported"], paired["PSNR reported"], paired["PSNR measured − reported"]) == ("20.50", "–", "–")
    assert "SSIM" not in text and "compare Δ only" not in text and "Δ: difference to bicubic, PSNR in dB." in text


def test_claims_are_judged_in_the_papers_metric_and_protocol(both: Path) -> None:
    text = (both / "tables" / "smoke-demo-photos-perceptual-claims.md").read_text(encoding="utf-8")
    heading = "A. EDSR fine-tuned on pairs is perceptually nearer than EDSR: cannot be told."
    assert f"*{heading} Least effect: LPIPS 0.005. Computed with uncommitted" in text
    assert "changes of the code: edsr-paired, edsr. Cannot be told: one training.*" in text
    (row,) = (line for line in text.splitlines() if line.startswith("| edsr-paired − edsr"))
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[1] == "LPIPS" and cells[2].startswith("+0."), "positive where better, though less is better"
    assert "under rgb on demo-photos" in text


def test_the_page_has_a_part_for_each_paper_and_the_studys_tables_once(both: Path) -> None:
    text = (both / "index.html").read_text(encoding="utf-8")
    identities = re.findall(r'<section[^>]* id="(study-1-[^"]+)"', text)
    assert len(set(identities)) == len(identities)
    assert [name.removeprefix("study-1-") for name in identities] == [
        *("methods", "ablation"),
        *("paper-cincgan", "paper-cincgan-verdicts", "paper-cincgan-reported", "paper-cincgan-claims"),
        *("paper-perceptual", "paper-perceptual-verdicts", "paper-perceptual-reported", "paper-perceptual-claims"),
        *("scores", "bars", "training", "images"),
    ]
    assert "beside the numbers and claims of 2 papers" in text
    assert 'href="https://example.org/perceptual"' in text and "Doe &amp; Roe: A study of &lt;perceptual&gt; distances_2" in text
    links = re.findall(r'<a href="#study-1-paper-(\w+)">', text)
    assert sorted(links) == ["cincgan", "cincgan", "perceptual", "perceptual"], "beside the verdicts, and among the parts"
    scopes = re.findall(r"paper&#39;s own ([^<]*)<", text)
    assert scopes == ["data (div2k-track2) and training (profile paper).", "training (profile paper)."]


def test_latex_and_html_tables_have_both_papers(both: Path) -> None:
    tables = (both / "tables.tex").read_text(encoding="utf-8")
    assert [tables.count(f"-{name}-{kind}.tex") for name in ("cincgan", "perceptual") for kind in ("reported", "claims")] == [
        1
    ] * 4
    tex = (both / "tables" / "smoke-demo-photos-perceptual-reported.tex").read_text(encoding="utf-8")
    assert r"Doe \& Roe: A study of $<$perceptual$>$ distances\_2" in tex and r"\shortstack{LPIPS\\reported}" in tex
    page = (both / "tables" / "smoke-demo-photos-perceptual-reported.html").read_text(encoding="utf-8")
    assert f'data-cells="{identity("evaluate edsr")} {identity("evaluate bicubic")}"' in page
    with (both / "tables.csv").open(encoding="utf-8") as file:
        assert {row["table"] for row in csv.DictReader(file)} == {"methods", "ablation"}, "measured numbers only"


@pytest.mark.latex
def test_latex_compiles_with_both_papers(both: Path) -> None:
    if not shutil.which("pdflatex"):
        pytest.skip("no pdflatex: apt-get install texlive-latex-recommended")
    line = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "tables.tex"]
    process = subprocess.run(line, cwd=both, capture_output=True, text=True)
    assert process.returncode == 0, process.stdout[-2000:]
    assert not re.search(r"Overfull \\hbox \((?:[3-9]\d|\d{3,})", process.stdout), "a table is wider than the page"


def test_a_paper_about_other_methods_has_no_part(results: Path, papers: Path, tmp_path: Path) -> None:
    elsewhere = re.sub(r'"edsr(-paired)?"', '"realsr"', SECOND.replace("metrics = { lpips = 0.612 }", "metrics = { psnr = 1.0 }"))
    elsewhere = elsewhere.replace(
        'method = "realsr"\nmetrics = { psnr = 1.0 }', 'method = "realesrgan"\nmetrics = { psnr = 1.0 }'
    )
    (papers / "perceptual.toml").write_text(elsewhere, encoding="utf-8")
    (line,) = build(load_evidence(results), tmp_path / "report")
    assert line.startswith("smoke-demo-photos, cincgan: ")
    assert "perceptual" not in (tmp_path / "report" / "index.html").read_text(encoding="utf-8")


def test_without_any_paper_there_is_a_report(results: Path, papers: Path, tmp_path: Path) -> None:
    (papers / "cincgan.toml").unlink()
    assert build(load_evidence(results), tmp_path / "report") == ["smoke-demo-photos: no paper is about its methods"]
    text = (tmp_path / "report" / "index.html").read_text(encoding="utf-8")
    assert "Scores of super-resolution methods." in text and "Claims of" not in text


def test_a_paper_may_have_numbers_or_claims_only(results: Path, papers: Path, tmp_path: Path) -> None:
    start = SECOND.index("[[claims]]")
    numbers, claims = SECOND[:start], SECOND[: SECOND.index("[[reported]]")] + SECOND[start:]
    (papers / "cincgan.toml").unlink()
    (papers / "numbers.toml").write_text(numbers.replace("perceptual", "numbers"), encoding="utf-8")
    (papers / "claims.toml").write_text(claims.replace("perceptual", "claims"), encoding="utf-8")
    lines = build(load_evidence(results), tmp_path / "report")
    assert lines == ["smoke-demo-photos, claims: claims: 1 cannot be told", "smoke-demo-photos, numbers: claims: none"]
    names = {path.stem for path in (tmp_path / "report" / "tables").glob("*.md")}
    assert names == {f"smoke-demo-photos-{end}" for end in ("methods", "ablation", "numbers-reported", "claims-claims")}


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ('method = "edsr"', 'method = "edrs"', "unknown method 'edrs': did you mean 'edsr'"),
        ('others = ["edsr"]', 'others = ["cincgan/no-such"]', "unknown variant 'no-such'|unknown variant 'cincgan/no-such'"),
        ("{ lpips = 0.612 }", "{ lpipps = 0.612 }", "unknown metric 'lpipps': did you mean 'lpips'"),
        ('metrics = ["lpips"]', 'metrics = ["psmr"]', "unknown metric 'psmr': did you mean"),
        ('protocol = "rgb"', 'protocol = "rbg"', "unknown protocol 'rbg': did you mean 'rgb'"),
        ('protocol = "rgb"', 'protocol = "rgb"\nablation_of = "cingan"', "unknown method 'cingan': did you mean 'cincgan'"),
        ('protocol = "rgb"', 'protocol = "rgb"\ncalibration = "bicubc"', "unknown method 'bicubc': did you mean 'bicubic'"),
        ('protocol = "rgb"', 'protocol = "rgb"\ncalibration = "realsr"', "calibration needs numbers of realsr: add an entry"),
        ('name = "perceptual"', 'name = "cincgan"', "the name 'cincgan' is also in cincgan.toml: choose another one"),
        ('name = "perceptual"', 'name = "../x"', "name"),
        ('url = "https://', 'url = "javascript:', "url"),
        ('method = "edsr-paired"', 'method = "edsr"', r"the entry \[\[reported\]\] of 'edsr' is repeated: leave one out"),
        ("{ lpips = 0.612 }", "{ lpips = nan }", "the numbers of edsr-paired are not finite"),
        ("{ lpips = 0.612 }", "{ }", "metrics"),
        ('relation = "above"', 'relation = "beyond"', r"claims\[0\].relation is 'beyond': 'above' or 'reaches' is needed"),
        ("metrics = { lpips = 0.612 }", "lpips = 0.612", "unknown key 'lpips'"),
    ],
)
def test_a_mistake_in_a_papers_file_is_one_line_that_names_the_file(before: str, after: str, message: str, papers: Path) -> None:
    assert before in SECOND
    path = papers / "perceptual.toml"
    path.write_text(SECOND.replace(before, after, 1), encoding="utf-8")
    with pytest.raises(UsageError, match=message) as caught:
        load_papers()
    assert str(caught.value).startswith(f"{path}: ") and "\n" not in str(caught.value)


def test_a_claim_has_a_name_of_its_own(papers: Path) -> None:
    (papers / "perceptual.toml").write_text(SECOND + SECOND[SECOND.index("[[claims]]") :], encoding="utf-8")
    with pytest.raises(UsageError, match="the claim 'A' is repeated: leave one out"):
        load_papers()


def test_a_paper_says_how_many_decimals_it_prints() -> None:
    papers = load_papers()
    assert (papers["cincgan"].digits("psnr"), papers["cincgan"].digits("ssim"), papers["cincgan"].digits("lpips")) == (2, 2, 0)


def test_questions_without_numbers_stand_beside_results_that_answer_one() -> None:
    questions = load_papers()["unpaired-family"]
    assert not questions.reported and not questions.url
    assert not questions.is_about({"bicubic", "pseudo-supervision", "realesrgan"})
    assert questions.is_about({"bicubic", "pseudo-supervision", "cyclesr"})
    comparisons = sum(len(claim.methods) * len(claim.others) * len(claim.metrics) for claim in questions.claims)
    assert comparisons * least_p(9) < 0.05, "the photographs of demo could answer them"
