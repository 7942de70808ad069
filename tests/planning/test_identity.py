"""Identity follows the rooms: a changed module gives new ids to the cells whose numbers it decides, and to no others."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

import pytest

from benchmarks.catalog.degradations import DEGRADATIONS
from benchmarks.catalog.methods import FOLDERS, get_method, methods
from benchmarks.catalog.metrics import METRICS
from benchmarks.catalog.profiles import Profile, load_profile
from benchmarks.catalog.protocols import PROTOCOLS
from benchmarks.core.code_digest import DECIDING_ROOMS, code_digest, decides
from benchmarks.core.lazy import module_of
from benchmarks.planning.cells import Cell
from benchmarks.planning.plan import make_plan
from tests.helpers.changed_source import changed_source, every_module

STAGES = (
    "fsrcnn",
    "edsr",
    "edsr-paired",
    "srgan",
    "srgan-paired",
    "pseudo-supervision",
    "cincgan-inner",
    "cincgan-joint",
)
FLOORS = ("gaussian-bicubic", "tv-bicubic", "nlm-bicubic", "bm3d-bicubic")
WITH_BM3D = ("bm3d-edsr", "bm3d-edsr-correlated")
METHODS = (
    "bicubic",
    *FLOORS,
    "fsrcnn",
    "edsr",
    "edsr-paired",
    *WITH_BM3D,
    "srgan",
    "srgan-paired",
    "pseudo-supervision",
    "cincgan",
    "realsr",
    "realesrgan",
)


def train(*stages: str) -> set[str]:
    return {f"train {stage}" for stage in stages}


def evaluate(*methods: str) -> set[str]:
    return {f"evaluate {method}" for method in methods}


TRAININGS, EVALUATIONS = train(*STAGES), evaluate(*METHODS)
WITH_EDSR = ("edsr", "edsr-paired", "pseudo-supervision", "cincgan-joint")
ENLARGED_BY_EDSR = ("edsr", "edsr-paired", *WITH_BM3D, "pseudo-supervision", "cincgan")
WITH_GAN = ("pseudo-supervision", "cincgan-inner", "cincgan-joint")
ON_CLEAN_PAIRS = ("fsrcnn", "edsr", "srgan", "pseudo-supervision", "cincgan-joint")
WITH_PAIR_STAGE = ("fsrcnn", "edsr", "edsr-paired", "srgan", "srgan-paired")
ONE_NETWORK = (*WITH_PAIR_STAGE, "pseudo-supervision", "realsr", "realesrgan")
TRAINED = [method for method in METHODS if method not in ("bicubic", *FLOORS, "realsr", "realesrgan")]
READS_Z = train(*ON_CLEAN_PAIRS, "cincgan-inner")

# The cells whose numbers each module of the deciding rooms decides by itself; cells that need these follow from the plan.
# Plans are of the profile demo, whose LR images are all made by track2-like.
ROOMS: dict[str, set[str]] = {
    "benchmarks.data.pixels.decode": TRAININGS | EVALUATIONS,
    "benchmarks.data.pixels.images": TRAININGS | EVALUATIONS,
    "benchmarks.data.pixels.patches": TRAININGS,
    "benchmarks.data.pixels.sampler": TRAININGS,
    "benchmarks.degradations.operator": TRAININGS | EVALUATIONS,
    "benchmarks.degradations.rounding": TRAININGS | EVALUATIONS,
    "benchmarks.degradations.imresize": TRAININGS | EVALUATIONS,
    "benchmarks.degradations.bicubic": READS_Z | evaluate(*TRAINED),  # makes Y of Z, and clean LR images of sanity checks
    "benchmarks.degradations.track2_like": (TRAININGS - train("fsrcnn", "edsr", "srgan")) | EVALUATIONS,
    "benchmarks.degradations.track2_like_v2": set(),  # by name: --set degradation=track2-like-v2
    **{  # parts of first-order, real-esrgan and bsrgan
        f"benchmarks.degradations.{part}": set[str]() for part in ("blur_kernels", "jpeg", "ranges", "resizing", "sensor_noise")
    },
    "benchmarks.scoring.alignment": EVALUATIONS,
    "benchmarks.scoring.building": EVALUATIONS,
    "benchmarks.scoring.from_cards.card_metrics": set(),  # no profile asks for them
    "benchmarks.scoring.cell": EVALUATIONS,
    "benchmarks.scoring.comparisons": EVALUATIONS,
    "benchmarks.scoring.contrast": EVALUATIONS,
    "benchmarks.scoring.from_cards.dists": set(),  # no profile asks for it
    "benchmarks.scoring.evaluation": EVALUATIONS,
    "benchmarks.scoring.explaining.explanation": set(),  # for users: evaluate --explain
    "benchmarks.scoring.lpips": EVALUATIONS,
    "benchmarks.scoring.metrics": EVALUATIONS,
    "benchmarks.scoring.network_method": evaluate(*ONE_NETWORK, *WITH_BM3D),
    "benchmarks.scoring.from_cards.niqe": set(),  # no profile asks for it
    "benchmarks.scoring.pairs": EVALUATIONS,
    "benchmarks.scoring.pictures": set(),  # of test images without ground truth
    "benchmarks.scoring.protocol": EVALUATIONS,
    "benchmarks.scoring.protocols.aligned_rgb": EVALUATIONS,
    "benchmarks.scoring.protocols.ntire2018": EVALUATIONS,
    "benchmarks.scoring.protocols.ntire2018_norescale": EVALUATIONS,
    "benchmarks.scoring.protocols.rgb": EVALUATIONS,
    "benchmarks.scoring.protocols.rgb_shave4": EVALUATIONS,
    "benchmarks.scoring.protocols.y": set(),  # no profile asks for it
    "benchmarks.scoring.protocols.y_shave4": EVALUATIONS,
    "benchmarks.scoring.pyiqa_metrics": set(),  # no profile asks for them
    "benchmarks.scoring.receptive_field": evaluate(*ONE_NETWORK, *WITH_BM3D, "cincgan"),
    "benchmarks.scoring.sanity": EVALUATIONS,
    "benchmarks.scoring.seeding": EVALUATIONS,
    "benchmarks.scoring.tensors": EVALUATIONS,
    "benchmarks.scoring.tiling": EVALUATIONS,
    "benchmarks.scoring.trunks": train("srgan", "srgan-paired") | EVALUATIONS,
    "benchmarks.scoring.explaining.variants": set(),  # for users: evaluate --find
    "benchmarks.scoring.without_truth": set(),  # for users: evaluate without --hr
    "benchmarks.training.cell": TRAININGS,
    "benchmarks.training.checkpoints": TRAININGS,
    "benchmarks.training.distributed": TRAININGS,
    "benchmarks.training.health": TRAININGS,
    "benchmarks.training.least_squares_gan": train(*WITH_GAN),
    "benchmarks.training.loop": TRAININGS,
    "benchmarks.training.losses": train(*WITH_GAN),
    "benchmarks.training.networks.edsr": train(*WITH_EDSR) | evaluate(*ENLARGED_BY_EDSR),
    "benchmarks.training.networks.edsr_published": train(*WITH_EDSR) | evaluate(*ENLARGED_BY_EDSR),
    "benchmarks.training.networks.resampling": TRAININGS | evaluate(*TRAINED),
    "benchmarks.training.networks.residual": train(*WITH_EDSR, "srgan", "srgan-paired")
    | evaluate(*ENLARGED_BY_EDSR, "srgan", "srgan-paired", "realsr", "realesrgan"),
    "benchmarks.training.networks.vgg": train("srgan", "srgan-paired"),
    "benchmarks.training.networks.vgg_layers": train("srgan", "srgan-paired"),
    "benchmarks.training.pair_source": set(),  # of methods that no profile names
    "benchmarks.training.pairs": train(*WITH_PAIR_STAGE, "pseudo-supervision", "cincgan-joint"),
    "benchmarks.training.stage": TRAININGS,
    "benchmarks.training.watch": TRAININGS,
}
NETWORKS = train(*WITH_GAN) | evaluate("pseudo-supervision", "cincgan")
FOLDER_FILES: dict[str, set[str]] = {
    "baselines.bicubic.method": evaluate("bicubic", *FLOORS),
    "baselines.bm3d_edsr.method": evaluate(*WITH_BM3D),
    "baselines.classical.bm3d": evaluate(*FLOORS, *WITH_BM3D),
    "baselines.classical.method": evaluate(*FLOORS),
    "baselines.classical.noise": evaluate(*FLOORS, *WITH_BM3D),
    "baselines.edsr.method": evaluate("edsr", "edsr-paired", *WITH_BM3D),
    "baselines.edsr.fine_tuned": set(),  # methods outside of --all, which these plans leave out
    "baselines.edsr.paired_stage": train("edsr-paired"),
    "baselines.edsr.stage": train("edsr"),
    "baselines.fsrcnn.method": evaluate("fsrcnn"),
    "baselines.fsrcnn.network": train("fsrcnn") | evaluate("fsrcnn"),
    "baselines.fsrcnn.stage": train("fsrcnn"),
    "baselines.pseudo_supervision.method": evaluate("pseudo-supervision"),
    "baselines.pseudo_supervision.reference_step": set(),
    "baselines.pseudo_supervision.stage": train("pseudo-supervision"),
    "baselines.rrdbnet.method": evaluate("realsr", "realesrgan"),
    "baselines.rrdbnet.ncnn": evaluate("realsr", "realesrgan"),
    "baselines.rrdbnet.network": evaluate("realsr", "realesrgan"),
    "baselines.srgan.method": evaluate("srgan", "srgan-paired"),
    "baselines.srgan.network": train("srgan", "srgan-paired") | evaluate("srgan", "srgan-paired"),
    "baselines.srgan.paired_stage": train("srgan-paired"),
    "baselines.srgan.reference_step": set(),
    "baselines.srgan.stage": train("srgan", "srgan-paired"),
    "cincgan.assembly": train("cincgan-inner", "cincgan-joint") | evaluate("cincgan"),
    "cincgan.inner": train("cincgan-inner", "cincgan-joint"),
    "cincgan.joint": train("cincgan-joint"),
    "cincgan.losses": train("cincgan-inner", "cincgan-joint"),
    "cincgan.method": evaluate("cincgan"),
    "cincgan.networks.discriminator": NETWORKS - evaluate("pseudo-supervision"),
    "cincgan.networks.generator": NETWORKS,
    "cincgan.networks.high_pass": NETWORKS,
    "cincgan.reference_step": set(),
}


NAMED = TRAININGS | EVALUATIONS  # the cells that the tables speak of; additions to the catalog have others


def planned(profile: Profile) -> list[Cell]:
    """Cells of the profile's methods, and of added methods that have settings in the profile."""
    added = [name for name in methods() if name not in METHODS and set(get_method(name).stages) <= profile.stages.keys()]
    return make_plan(profile, list(dict.fromkeys((*profile.methods, *added))))


@cache
def plan(profile: str) -> list[Cell]:
    return planned(load_profile(profile))


def name(cell: Cell) -> str:
    return f"{cell.kind} {cell.label}"


def ids(profile: str) -> dict[str, str]:
    return {name(cell): cell.id for cell in planned(load_profile(profile))}


def with_dependents(direct: Iterable[str], profile: str = "demo") -> set[str]:
    """The cells, and all that need them."""
    new = set(direct)
    for cell in plan(profile):  # in an order that respects needs
        if any(name(needed) in new for needed in cell.needs.values()):
            new.add(name(cell))
    return new


def new_ids(module: str, profile: str, source: str | None = None) -> set[str]:
    before = {name(cell): cell.id for cell in plan(profile)}
    with changed_source(module, source):
        after = ids(profile)
    assert before.keys() == after.keys() >= NAMED
    return {cell for cell in before if before[cell] != after[cell]}


def expected(module: str) -> set[str]:
    """The cells that a module decides: nothing outside of the deciding rooms and the folders of methods does."""
    if module.endswith((".__init__", ".settings")):
        return set()
    if module.startswith(tuple(f"{folder}." for folder in FOLDERS)):
        return FOLDER_FILES[module] if is_named(module) else set()
    if not module.startswith(tuple(f"{room}." for room in DECIDING_ROOMS)):
        return set()
    if module not in ROOMS and module in ADDED:
        return ADDED[module]
    assert module in ROOMS, f"{module} is in a deciding room: add to ROOMS the cells whose numbers it decides"
    return ROOMS[module]


def is_named(module: str) -> bool:
    """Whether a module lies outside the folders of methods, or in a folder of which ``FOLDER_FILES`` has modules."""
    folder = next((folder for folder in FOLDERS if module.startswith(f"{folder}.")), "")
    return not folder or any(known.startswith(f"{folder}.") for known in FOLDER_FILES)


def added() -> dict[str, set[str]]:
    """Cells that use the degradation, protocol or metric of a module: the cells that it decides where ``ROOMS`` lacks it."""
    profile = load_profile("demo")
    modules = {module_of(entry.target): set[str]() for entry in DEGRADATIONS.values()}
    for registry, used in ((PROTOCOLS, profile.protocols), (METRICS, profile.metrics)):
        modules |= {module_of(entry.target): EVALUATIONS if entry.name in used else set() for entry in registry.values()}
    return modules


ADDED = added()


def own_cells(module: str) -> set[str]:
    """Cells of the methods that the folder of a module declares, and of their stages."""
    entries = [entry for entry in methods().values() if module_of(entry.target).rpartition(".")[0] == module.rpartition(".")[0]]
    stages = (stage.name for entry in entries for stage in entry.trains)
    return evaluate(*(entry.name for entry in entries)) | train(*stages)


@pytest.mark.parametrize("module", every_module())
def test_a_changed_module_gives_new_ids_to_the_cells_that_it_decides(module: str) -> None:
    new = new_ids(module, "demo")
    assert new & NAMED == with_dependents(expected(module)) & NAMED
    if not is_named(module):
        assert new <= with_dependents(own_cells(module)), "an added method decides its own cells only"


PAPER = [  # degradations, protocols, and rooms that decide nothing
    "benchmarks.degradations.track2_like",
    "benchmarks.scoring.protocols.rgb",
    "benchmarks.training.cell",
    "benchmarks.scoring.cell",
    "benchmarks.execution.compute",
    "benchmarks.data.matching",
    "benchmarks.data.kinds.user_folder",
    "benchmarks.data.cards",
    "benchmarks.catalog.degradations",
    "benchmarks.catalog.protocols",
    "benchmarks.api.settings",
    "cincgan.settings",
    "baselines.srgan.settings",
]


@pytest.mark.parametrize("module", PAPER)
def test_in_the_paper_profile_a_degradation_that_no_image_sees_decides_nothing(module: str) -> None:
    direct = set() if module == "benchmarks.degradations.track2_like" else expected(module)
    assert new_ids(module, "paper") & NAMED == with_dependents(direct, "paper") & NAMED


def test_comments_and_docstrings_decide_nothing() -> None:
    module = "benchmarks.training.losses"
    source = '"""Other text."""\n# a remark\n'
    from tests.conftest import ROOT

    text = (ROOT / "benchmarks/training/losses.py").read_text(encoding="utf-8")
    assert new_ids(module, "demo", source + text.partition('"""')[2].partition('"""')[2]) == set()


def test_a_module_outside_the_rooms_is_not_followed() -> None:
    """What a deciding module imports of files, errors and locks is no part of its digest."""
    assert not decides("benchmarks.core.files") and not decides("benchmarks.data.cache") and not decides("torch")
    assert decides("benchmarks.training.loop") and decides("cincgan.inner")
    before = code_digest("benchmarks.training.loop")
    with changed_source("benchmarks.core.files"):
        assert code_digest("benchmarks.training.loop") == before
    with changed_source("benchmarks.training.health"):
        assert code_digest("benchmarks.training.loop") != before
