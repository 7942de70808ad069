"""Verdicts on claims: what the numbers allow, and what no order of numbers may become."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.api.entries import MethodEntry
from benchmarks.catalog.methods import every_method
from benchmarks.core.errors import UsageError
from benchmarks.results.record import EvaluationResult, SanityCheck
from reports import claims
from reports.chapters import make_chapters
from reports.claims import FULL, ClaimVerdict, claim_verdicts
from reports.paper import Paper, load_paper, load_papers
from reports.studies import FinishedCell, Study, make_studies
from tests.reports.test_build import ORDER, evidence, result

PAPER = load_papers()["cincgan"]
SEEDS = (0, 1, 2)
FIRM = ("reproduced", "contradicted")


def study(psnr: Mapping[str, float], seeds: Sequence[int] = SEEDS, photographs: int = 16, **changes: Any) -> Study:
    """A study of methods with these means; each training is off by the same amounts, images scatter a little."""
    results = []
    for place, (method, mean) in enumerate(psnr.items()):
        for seed in seeds if method != "bicubic" else (0,):
            values = np.random.default_rng((place, seed)).normal(mean + 0.005 * seed, 0.02, photographs)
            scores = {f"image-{number}": float(value) for number, value in enumerate(values)}
            ssim = {image: value / 50 for image, value in scores.items()}
            results.append(result(method, mean, seed, scores={"ntire2018": {"psnr": scores, "ssim": ssim}}, **changes))
    (made,) = make_studies(evidence(*results))
    return made


def on_the_papers_terms(made: Study, undertrained: str = "") -> Study:
    """The study as if it were of the paper's data and profile, and all methods but one had passed their sanity checks."""
    passed = {
        method: tuple(replace(each, result=checked(each.evaluation, passes=method != undertrained)) for each in own)
        for method, own in made.methods.items()
    }
    origins = dict.fromkeys(made.methods, set(PAPER.origin.items()) - {("test", PAPER.origin["test"])})
    terms = {"dataset": PAPER.dataset, "trained_on": PAPER.dataset, "profile": FULL, "training_origins": origins}
    return of_images(replace(made, methods=passed, **terms), PAPER.origin["test"])


def of_images(made: Study, origin: str) -> Study:
    """The study as if its test images were of this origin."""
    data = replace(next(iter(made.methods.values()))[0].result.data, origin={"test": origin} if origin else {})
    methods = {
        name: tuple(replace(cell, result=replace(cell.result, data=data)) for cell in own) for name, own in made.methods.items()
    }
    return replace(made, methods=methods)


def checked(plain: EvaluationResult, *, passes: bool) -> EvaluationResult:
    """The result of a trained method with a sanity check; an untrained method has none."""
    check = SanityCheck("clean", "validation", 4, 30.0, 28.0, 1.0, "passed" if passes else "undertrained")
    return replace(plain, sanity=(check,) if plain.cell.needs else ())


def verdicts(made: Study, paper: Paper = PAPER) -> dict[str, ClaimVerdict]:
    return {each.claim.name: each for each in claim_verdicts(paper, made)}


def test_elsewhere_a_claim_has_a_direction_and_no_more() -> None:
    judged = verdicts(study(ORDER))
    assert {name: each.verdict for name, each in judged.items()} == {
        "1": "same direction here",
        "2": "same direction here",
        "3a": "same direction here",
        "3b": "not distinguishable",
        "4": "same direction here",
        "5": "not run",
    }
    against_bicubic = judged["1"].pairs[0]
    assert against_bicubic.difference is not None and against_bicubic.difference.mean == pytest.approx(1.45, abs=0.05)
    assert "Without a sanity check: cincgan, fsrcnn, edsr, bm3d-edsr." in judged["1"].remarks
    reversed_ = verdicts(study({**ORDER, "edsr": 23.0, "cincgan": 21.0}))
    assert {name: reversed_[name].verdict for name in ("1", "2", "3a")} == dict.fromkeys(("1", "2", "3a"), "opposite here")


def test_on_the_papers_data_at_its_profile_a_claim_is_reproduced_or_contradicted() -> None:
    assert [each.verdict for each in verdicts(on_the_papers_terms(study(ORDER))).values()].count("reproduced") == 4
    worse = verdicts(on_the_papers_terms(study({**ORDER, "cincgan": 21.0})))
    assert (worse["1"].verdict, worse["4"].verdict) == ("contradicted", "reproduced")


@pytest.mark.parametrize("field", ["dataset", "trained_on", "profile"])
def test_one_other_term_is_enough_for_no_firm_word(field: str) -> None:
    other = replace(on_the_papers_terms(study(ORDER)), **{field: "other"})
    assert not {each.verdict for each in verdicts(other).values()} & set(FIRM)
    unchecked = replace(study(ORDER), dataset=PAPER.dataset, trained_on=PAPER.dataset, profile=FULL)
    assert not {each.verdict for each in verdicts(unchecked).values()} & set(FIRM), "no sanity checks"


@pytest.mark.parametrize("origin", ["", "0" * 64], ids=["none", "another"])
def test_other_data_under_the_papers_name_are_not_the_papers(origin: str) -> None:
    """A folder that was renamed, an edited card, results of earlier versions: recognised is the content, not the name."""
    own = on_the_papers_terms(study(ORDER))
    origins: dict[str, set[tuple[str, str]]] = {**own.training_origins, "edsr": {("z" if origin else "", origin)}}
    for made, firm in ((of_images(own, origin), set[str]()), (replace(own, training_origins=origins), {"3a", "3b", "4"})):
        judged = verdicts(made)
        assert {name for name, each in judged.items() if each.verdict in FIRM} <= firm
        assert judged["2"].verdict == "same direction here"
        assert any("not recognised as those of div2k-track2 by their content" in remark for remark in judged["2"].remarks)
    assert not any("not recognised" in remark for each in verdicts(own).values() for remark in each.remarks)
    assert not any("not recognised" in remark for each in verdicts(study(ORDER)).values() for remark in each.remarks)


def test_code_that_nobody_can_check_out_gives_no_firm_word() -> None:
    made = make_studies(
        evidence(*(result(method, mean, git={"commit": "abc", "dirty": True}) for method, mean in ORDER.items()))
    )[0]
    assert made.uncommitted == list(made.methods)
    own = replace(on_the_papers_terms(study(ORDER)), uncommitted=["edsr"])
    judged = verdicts(own)
    assert judged["2"].verdict == "same direction here"
    assert "Computed with uncommitted changes of the code: edsr." in judged["2"].remarks
    assert judged["4"].verdict == "reproduced"


def test_a_paper_whose_data_cannot_be_recognised_gives_no_firm_word() -> None:
    own = on_the_papers_terms(study(ORDER))
    assert not {each.verdict for each in verdicts(own, replace(PAPER, origin={})).values()} & set(FIRM)


def test_an_undertrained_method_carries_no_claim() -> None:
    judged = verdicts(on_the_papers_terms(study(ORDER), undertrained="edsr"))
    assert {name: judged[name].verdict for name in ("1", "2", "4")} == {
        "1": "cannot be told",
        "2": "cannot be told",
        "4": "reproduced",
    }
    assert "Cannot be told: edsr is undertrained." in judged["2"].remarks


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (study(ORDER, exploratory="profile smoke is not frozen"), "exploratory: profile smoke is not frozen"),
        (
            study(ORDER, exploratory="changed by --set stages.edsr.training.steps=900"),
            "exploratory: changed by --set stages.edsr",
        ),
        (study(ORDER, seeds=(10, 11, 12)), "edsr is exploratory: seeds 10, 11, 12, where the frozen list begins 0, 1, 2"),
    ],
    ids=["a profile that is not frozen", "changed settings", "other seeds"],
)
def test_exploratory_scores_carry_no_verdict(made: Study, reason: str) -> None:
    """Settings, data or seeds that were chosen by these scores would be chosen for the claim."""
    for own in (made, replace(on_the_papers_terms(made), profile=made.profile)):
        judged = verdicts(own)
        assert {each.verdict for each in judged.values()} <= {"cannot be told", "not run"}
        assert judged["2"].verdict == "cannot be told" and reason in judged["2"].remarks[-1]


def test_released_weights_are_one_training_and_carry_no_claim() -> None:
    family = load_papers()["unpaired-family"]
    judged = verdicts(study({"bicubic": 22.0, "realsr": 25.0, "noise-injection": 23.0, "zssr": 22.0}), family)
    assert (judged["Q7"].verdict, judged["Q9"].verdict) == ("cannot be told", "same direction here")
    assert judged["Q7"].pairs[0].reason == "one training"


def test_a_claim_names_methods_whose_sanity_checks_cannot_fail() -> None:
    """CinCGAN need not gain on clean images, so nothing that it has learned is checked."""
    made = on_the_papers_terms(study(ORDER))
    mute = SanityCheck("clean", "validation", 4, 20.0, 28.0, None, "none")
    own = tuple(replace(cell, result=replace(cell.result, sanity=(mute,))) for cell in made.methods["cincgan"])
    remark = "No sanity check of cincgan can fail: clean LR images do not show whether noise is removed."
    judged = verdicts(replace(made, methods={**made.methods, "cincgan": own}))
    assert {name for name, each in judged.items() if remark in each.remarks} == {"1", "3a", "3b", "4"}
    assert not any("can fail" in remark for each in verdicts(made).values() for remark in each.remarks)


CASES = {
    "ten decibels below on five photographs": study({**ORDER, "cincgan": 13.4}, photographs=5),
    "one training of each method": study(ORDER, seeds=(0,)),
    "two methods, trained once": study({"bicubic": 22.0, "edsr": 21.5}, seeds=(0,)),
    "two trainings": study(ORDER, seeds=(0, 1)),
    "equal in expectation": study(dict.fromkeys(ORDER, 22.0)),
}


@pytest.mark.parametrize("case", CASES)
def test_what_must_not_become_a_verdict(case: str) -> None:
    for made in (CASES[case], on_the_papers_terms(CASES[case])):
        for judged in claim_verdicts(PAPER, made):
            directions = (*FIRM, "same direction here", "opposite here")
            # Equal methods do reach each other: that is no lack of power, but what the claim says.
            if not (case == "equal in expectation" and judged.claim.relation == "reaches"):
                assert judged.verdict not in directions, judged.claim.text
    (chapter,) = make_chapters([each for own in CASES[case].methods.values() for each in own], [PAPER])
    assert not any("reproduced" in line or "contradicted" in line for line in chapter.summaries())
    letters = {row.letters["ntire2018"] for row in chapter.tables[0].rows if row.seeds}
    assert len(letters) == 1 or case == "two trainings", "trained methods are not told apart"


def test_far_below_is_no_evidence_that_a_method_reaches_another() -> None:
    """A lack of power must not prove anything: the wider the interval, the less is reached."""
    near = verdicts(study({**ORDER, "cincgan": ORDER["srgan-paired"] - 0.03}))["3a"]
    assert near.verdict == "same direction here" and near.pairs[0].difference is not None
    assert near.pairs[0].difference.low > -0.1
    below = verdicts(study({**ORDER, "cincgan": ORDER["srgan-paired"] - 0.1}))["3a"]
    assert below.verdict == "not distinguishable"
    far = verdicts(study({**ORDER, "cincgan": ORDER["srgan-paired"] - 0.5}))["3a"]
    assert far.verdict == "opposite here"


def test_a_gain_below_the_least_effect_does_not_count() -> None:
    tiny = verdicts(study({**ORDER, "edsr-paired": ORDER["cincgan"] + 0.04}))["4"]
    assert tiny.pairs[0].difference is not None and tiny.pairs[0].difference.low > 0, "it is there"
    assert (tiny.verdict, tiny.pairs[0].p) == ("not distinguishable", 1.0)


def test_p_values_are_corrected_over_all_comparisons_of_the_paper() -> None:
    made = study(ORDER)
    alone = replace(PAPER, claims=tuple(claim for claim in PAPER.claims if claim.name == "2"))
    (single,) = verdicts(made, alone)["2"].pairs
    pairs = [pair for each in verdicts(made).values() for pair in each.pairs if pair.p is not None]
    together = verdicts(made)["2"].pairs[0].p
    assert len(pairs) == 12 and single.p is not None and together is not None
    assert single.p < together <= 14 * single.p


def test_the_family_of_comparisons_is_the_papers_whatever_was_run() -> None:
    """Fewer methods, or one that is undertrained, must not make the verdicts on the others easier."""
    whole = verdicts(study(ORDER))["2"].pairs[0].p
    few = verdicts(study({name: ORDER[name] for name in ("bicubic", "edsr")}))["2"].pairs[0].p
    undertrained = verdicts(on_the_papers_terms(study(ORDER), undertrained="srgan-paired"))["2"].pairs[0].p
    assert whole is not None and few is not None and undertrained is not None
    assert few >= whole and undertrained >= whole


@pytest.mark.parametrize(("photographs", "told"), [(6, False), (9, False), (10, True), (16, True)])
def test_photographs_that_allow_no_significant_comparison_allow_no_verdict(photographs: int, told: bool) -> None:
    """Of 9 photographs the least p is 1 in 256, and the paper's claims are 14 comparisons."""
    judged = verdicts(study(ORDER, photographs=photographs))["2"]
    assert (judged.verdict != "cannot be told") == told
    assert any("too few for the 14 comparisons" in remark for remark in judged.remarks) != told


def test_a_claim_with_a_method_that_was_not_run_is_not_run_unless_it_is_contradicted() -> None:
    without = {name: mean for name, mean in ORDER.items() if name != "fsrcnn"}
    assert verdicts(study(without))["1"].verdict == "not run"
    assert verdicts(study({**without, "cincgan": 20.0}))["1"].verdict == "opposite here"


def test_the_ablation_needs_equal_numbers_of_steps() -> None:
    names = ("cincgan", "cincgan/no-inner-cycle", "cincgan/no-outer-cycle")
    made = study({"bicubic": 22.0, **dict(zip(names, (23.0, 22.0, 22.0), strict=True))})
    unknown = verdicts(made)["5"]
    assert unknown.verdict == "cannot be told" and "training steps differ" in unknown.remarks[0]
    equal = verdicts(replace(made, steps=dict.fromkeys(names, 460)))["5"]
    assert equal.verdict == "same direction here"
    fewer = verdicts(replace(made, steps={**dict.fromkeys(names, 460), names[1]: 60}))["5"]
    assert fewer.pairs[0].reason == f"training steps differ: cincgan 460, {names[1]} 60"
    assert (fewer.pairs[1].verdict, fewer.verdict) == ("same direction here", "cannot be told")


def test_steps_are_those_of_all_needed_trainings() -> None:
    evaluation = result("cincgan", 23.0)
    trainings = []
    for name, steps in (("a", 400), ("b", 60)):
        cell = {"id": name, "kind": "train", "label": "edsr", "seed": 0, "dataset": "demo-photos", "code": "c", "needs": {}}
        plain = {**evaluation, "cell": cell, "settings": {"stage": {"training": {"steps": steps}}}}
        trainings.append({key: value for key, value in plain.items() if key != "scores"})
    evaluation["cell"]["needs"] = {"edsr": "a", "cincgan-inner": "b"}
    assert make_studies(evidence(evaluation, *trainings))[0].steps == {"cincgan": 460}
    assert make_studies(evidence(evaluation, trainings[0]))[0].steps == {"cincgan": None}
    trainings[0]["data"] = {**trainings[0]["data"], "origin": {"z": "d"}}
    assert make_studies(evidence(evaluation, *trainings))[0].training_origins == {"cincgan": {("z", "d"), ("", "")}}


def test_a_claim_that_a_method_without_learning_satisfies_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def entries() -> list[MethodEntry]:
        return [replace(entry, family="classical") if entry.name == "bm3d-edsr" else entry for entry in every_method()]

    monkeypatch.setattr(claims, "every_method", entries)
    judged = verdicts(study({**ORDER, "bm3d-edsr": 24.0}))
    assert "A classical method satisfies it too: bm3d-edsr." in judged["3a"].remarks
    assert "A classical method satisfies it too: bm3d-edsr." in judged["4"].remarks
    assert not any("classical" in remark for remark in verdicts(study(ORDER))["4"].remarks)


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("margin = { psnr = 0.1 }", "", "claim '3a': relation reaches needs a margin for psnr and nothing else"),
        ("least_effect = { psnr = 0.05, ssim = 0.002 }", "least_effect = { psnr = 0.05 }", "claim '1': relation above needs a"),
        ("margin = { psnr = 0.1 }", "margin = { psnr = 0.0 }", "margin"),
        ("equal_budgets = true", "photographs = 5", "photographs"),
    ],
)
def test_a_claim_without_its_margin_is_refused(before: str, after: str, message: str, tmp_path: Path) -> None:
    text = (Path(claims.__file__).parent / "papers" / "cincgan.toml").read_text(encoding="utf-8")
    assert before in text
    (tmp_path / "paper.toml").write_text(text.replace(before, after, 1), encoding="utf-8")
    with pytest.raises(UsageError, match=message):
        load_paper(tmp_path / "paper.toml")


def test_evidence_of_the_helper_is_what_studies_take() -> None:
    assert isinstance(next(iter(CASES["two trainings"].methods.values()))[0], FinishedCell)
