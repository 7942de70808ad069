"""Croissant metadata of data set cards (MLCommons Croissant 1.0, https://docs.mlcommons.org/croissant/docs/croissant-spec.html)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import PurePosixPath
from typing import Any, Literal

from benchmarks.core.errors import UsageError
from benchmarks.core.files import hash_file
from benchmarks.data.acquisition.archive import Archive
from benchmarks.data.cards import DatasetCard
from benchmarks.data.file_sets import FileSet
from benchmarks.data.kinds.image_folders import ImageFolders
from benchmarks.data.kinds.listed_photographs import ListedPhotographs
from benchmarks.data.kinds.packaged_photos import PackagedPhotos

VERSION = "1.0.0"
LISTED = "photographs"  # set of the files that a list beside the card names
CONTEXT: dict[str, Any] = {  # as the specification gives it
    "@language": "en",
    "@vocab": "https://schema.org/",
    **{name: f"cr:{name}" for name in ("citeAs", "column", "extract", "field", "fileProperty", "fileObject", "fileSet")},
    **{name: f"cr:{name}" for name in ("format", "includes", "isLiveDataset", "jsonPath", "key", "md5", "parentField", "path")},
    **{name: f"cr:{name}" for name in ("recordSet", "references", "regex", "repeated", "replace", "samplingRate", "separator")},
    **{name: f"cr:{name}" for name in ("equivalentProperty", "source", "subField", "transform")},
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "sc": "https://schema.org/",
}
MIME = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".bmp": "image/bmp", ".webp": "image/webp"}
ARCHIVES = {".zip": "application/zip", ".tar": "application/x-tar", ".gz": "application/gzip", ".tgz": "application/gzip"}


def to_croissant(card: DatasetCard) -> str | None:
    """Croissant metadata of a card as JSON; None for kinds without files of a common name, such as a user's own folder."""
    if isinstance(card, ImageFolders):
        distribution, records, is_live = list(_archives(card)), list(_folder_records(card)), _lacks_checksums(card)
    elif isinstance(card, ListedPhotographs):
        distribution, records, is_live = _listed(card), [_record(LISTED, {"fileSet": {"@id": LISTED}})], True
    elif isinstance(card, PackagedPhotos):
        distribution, records = list(_photos(card)), [_photo_record(card)]
        is_live = any("sha256" not in entry for entry in distribution)
    else:
        return None
    metadata = {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": card.name,
        "description": f"{card.title}. {' '.join(card.notes.split())}",
        "license": card.licence,
        "citeAs": card.citation,
        "url": _address(card),
        "version": VERSION,
        "isLiveDataset": is_live,
        "distribution": distribution,
        "recordSet": records,
    }
    return json.dumps(metadata, indent=2, ensure_ascii=False) + "\n"


def _address(card: DatasetCard) -> str:
    """Address of the first archive, or of the first package."""
    if isinstance(card, ImageFolders | ListedPhotographs):
        return card.archives[0].origin
    photos = card.photos if isinstance(card, PackagedPhotos) else ()
    return f"https://pypi.org/project/{photos[0].package}/" if photos else "https://pypi.org/"


def _lacks_checksums(card: ImageFolders) -> bool:
    """True if a publisher names no checksum, so that the content may change."""
    return any(archive.sha256 is None for archive in card.archives)


def _archives(card: ImageFolders) -> Iterator[dict[str, Any]]:
    """Archives as files, then the sets of files in them."""
    for archive in card.archives:
        if archive.by_file:
            continue
        yield _archive(archive)
    by_file = {archive.name: archive for archive in card.archives if archive.by_file}
    for name, files in _file_sets(card).items():
        if files.archive_names[0] in by_file:
            for file in files.names:
                url = by_file[files.archive_names[0]].urls[0].format(file)
                about: dict[str, Any] = {"@type": "cr:FileObject", "@id": f"{name}/{file}", "name": file, "contentUrl": url}
                yield about | {"encodingFormat": _mime(file)}
        else:
            pattern = re.sub(r"\{[^}]*\}", "*", files.pattern)
            archives = [{"@id": archive} for archive in files.archive_names]
            contained = archives if len(archives) > 1 else archives[0]
            about = {"@type": "cr:FileSet", "@id": name, "name": name, "containedIn": contained}
            yield about | {"encodingFormat": _mime(files.pattern), "includes": f"**/{pattern}"}


def _archive(archive: Archive) -> dict[str, Any]:
    """An archive as a file."""
    ending = re.search(r"\.\w+$", archive.file or archive.origin.partition("?")[0])
    entry = {
        "@type": "cr:FileObject",
        "@id": archive.name,
        "name": archive.name,
        "contentUrl": archive.origin,
        "encodingFormat": ARCHIVES.get(ending[0] if ending else "", "application/zip"),
    }
    entry |= {"contentSize": f"{archive.bytes} B"} if archive.bytes else {}
    return entry | ({"sha256": archive.sha256} if archive.sha256 else {})


def _listed(card: ListedPhotographs) -> list[dict[str, Any]]:
    """The archive of listed photographs, and the photographs by their folders."""
    names = [PurePosixPath(name) for name in card.archive.hashes]
    patterns = list(dict.fromkeys(f"**/{name.parent}/*{name.suffix}" for name in names))
    about = {"@type": "cr:FileSet", "@id": LISTED, "name": LISTED, "containedIn": {"@id": card.archive.name}}
    return [_archive(card.archive), {**about, "encodingFormat": _mime(names[0].name), "includes": patterns}]


def _file_sets(card: ImageFolders) -> dict[str, FileSet]:
    """Sets of files by name, such as ``test_hr``."""
    names = ("test_hr", "test_lr", "validation_hr", "validation_lr", "x", "x_hr", "z", "pairs_hr", "pairs_lr")
    return {name: files for name in names if (files := getattr(card, name)) is not None}


def _folder_records(card: ImageFolders) -> Iterator[dict[str, Any]]:
    """A set of records for each set of files, with the image and its name."""
    by_file = {archive.name for archive in card.archives if archive.by_file}
    for name, files in _file_sets(card).items():
        if files.archive_names[0] not in by_file:
            yield _record(name, {"fileSet": {"@id": name}})


def _record(name: str, source: Mapping[str, Any]) -> dict[str, Any]:
    record = f"images_{name}"

    def field(part: str, data_type: str, read: Literal["content", "filename"]) -> dict[str, Any]:
        about = {"@type": "cr:Field", "@id": f"{record}/{part}", "name": part, "dataType": data_type}
        return {**about, "source": {**source, "extract": {"fileProperty": read}}}

    fields = [field("image", "sc:ImageObject", "content"), field("file", "sc:Text", "filename")]
    return {"@type": "cr:RecordSet", "@id": record, "name": record, "field": fields}


def _photos(card: PackagedPhotos) -> Iterator[dict[str, Any]]:
    """Photographs as files of the packages that ship them; with the SHA-256 of the file where the package is installed."""
    for photo in card.photos:
        about = {
            "@type": "cr:FileObject",
            "@id": photo.name,
            "name": photo.name,
            "description": f"file of the package {photo.package}, {photo.licence}; SHA-256 of its decoded pixels: {photo.sha256}",
            "contentUrl": f"{photo.module}/{photo.file}",
            "encodingFormat": _mime(photo.file),
        }
        with suppress(UsageError, OSError):  # not installed here
            about["sha256"] = hash_file(photo.locate().path).hexdigest()
        yield about


def _photo_record(card: PackagedPhotos) -> dict[str, Any]:
    """Regions as records with data of their own: photograph, split and box."""
    fields = ("photograph", "split", "top", "left", "height", "width")
    splits = ("x", "z", "validation", "test")
    data = [
        dict(zip((f"regions/{name}" for name in fields), (photo.name, split, *box), strict=True))
        for photo in card.photos
        for split in splits
        for box in photo.boxes(split)  # type: ignore[arg-type]  # names of splits
    ]
    described = [
        {
            "@type": "cr:Field",
            "@id": f"regions/{name}",
            "name": name,
            "dataType": "sc:Text" if name in ("photograph", "split") else "sc:Integer",
        }
        for name in fields
    ]
    return {"@type": "cr:RecordSet", "@id": "regions", "name": "regions", "field": described, "data": data}


def _mime(name: str) -> str:
    ending = re.search(r"\.\w+$", name)
    return MIME.get(ending[0].lower() if ending else "", "application/octet-stream")
