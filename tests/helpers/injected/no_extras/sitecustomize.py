"""Put on PYTHONPATH: an installation without extras."""

import sys


class Finder:
    def find_spec(self, name: str, *_: object) -> None:
        if name.partition(".")[0] in ("ray", "submitit"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


sys.meta_path.insert(0, Finder())  # type: ignore[arg-type]
