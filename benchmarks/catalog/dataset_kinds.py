"""Kinds of data sets: how a card names images."""

from __future__ import annotations

from benchmarks.api.entries import Entry
from benchmarks.core.registry import Registry

KINDS = Registry(
    "kind of data set",
    (
        Entry("packaged-photos", "benchmarks.data.kinds.packaged_photos:PackagedPhotos"),
        Entry("image-folders", "benchmarks.data.kinds.image_folders:ImageFolders"),
        Entry("listed-photographs", "benchmarks.data.kinds.listed_photographs:ListedPhotographs"),
        Entry("folder", "benchmarks.data.kinds.user_folder:UserFolder"),
    ),
)
