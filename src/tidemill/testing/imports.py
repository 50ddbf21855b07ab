"""What a pipeline whose file was not imported brings into the test's process, and takes away again."""

from __future__ import annotations

import sys
from pathlib import Path

from tidemill.core.graph import Call, Pipeline, UntilTrue, Wait, walk_nodes
from tidemill.worker.functions import forget


class Imports:
    """Remembers what there was when it was made. Two files of one name in two tests are then no trouble."""

    def __init__(self) -> None:
        self._folders = frozenset(sys.path)
        self._modules = frozenset(sys.modules)
        self._files: set[Path] = set()

    def expect(self, pipeline: Pipeline) -> None:
        """The files of its tasks will be imported."""
        for _, node in walk_nodes(pipeline.root):
            match node.body:
                case Call(function=function) | Wait(until=UntilTrue(function=function)) if function.file:
                    self._files.add(Path(function.file).resolve())

    def undo(self) -> None:
        """Take away the folders of the expected files, and what was imported from them."""
        above = {folder for file in self._files for folder in file.parents}
        added = {folder for folder in sys.path if folder not in self._folders and Path(folder) in above}
        sys.path[:] = [folder for folder in sys.path if folder not in added]
        for name, module in list(sys.modules.items()):
            file = getattr(module, "__file__", None)
            if (
                name not in self._modules
                and isinstance(file, str)
                and not added.isdisjoint(map(str, Path(file).parents))
            ):
                del sys.modules[name]
                forget(module)
