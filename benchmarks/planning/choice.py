"""Methods of a run, from what its command line names."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

from benchmarks.catalog.families import methods_of_families
from benchmarks.catalog.methods import methods, variants_of
from benchmarks.catalog.profiles import Profile


def chosen_methods(
    profile: Profile, names: Sequence[str], families: Sequence[str], *, everything: bool, ablation: bool
) -> list[str]:
    """Methods that are asked for, each variant after its method, whose trainings it may share.

    Args:
        profile: whose methods ``everything`` means, and whose variants ``ablation`` means.
        names: methods and variants that are named.
        families: whose members are added.
        everything: all methods of the profile.
        ablation: all variants of its methods, beside the methods.

    Returns:
        Names; without anything that is asked for, all methods that have settings in the profile, and their variants.

    Raises:
        UsageError: an unknown family, or one without methods.
    """
    members = methods_of_families(families)
    if names:
        bases = [name.partition("/")[0] for name in names]
        pairs = [(base, name) if base in methods() else (name,) for base, name in zip(bases, names, strict=True)]
        return list(dict.fromkeys((*chain.from_iterable(pairs), *members)))
    wanted = list(profile.methods) if everything else []
    if ablation:
        wanted += [
            name for base in profile.methods if base in methods() and variants_of(base) for name in (base, *variants_of(base))
        ]
    if not (wanted or members):  # --cell alone: any cell of the profile
        bases = [name for name, entry in methods().items() if profile.has_settings_of(entry)]
        wanted = [name for base in bases for name in (base, *variants_of(base))]
    return list(dict.fromkeys((*wanted, *members)))
