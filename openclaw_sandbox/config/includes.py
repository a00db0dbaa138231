"""`$include`: several files become one document, and every value still knows the file it stands in."""

from __future__ import annotations

import os
from dataclasses import field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from openclaw_sandbox.config.document import Document
from openclaw_sandbox.config.origin import dotted
from openclaw_sandbox.config.problems import kind_of
from openclaw_sandbox.config.source import MAX_DEPTH
from openclaw_sandbox.config.text_file import MAX_CONFIG_BYTES, read_text
from openclaw_sandbox.dataclass import dataclass
from openclaw_sandbox.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from openclaw_sandbox.config.origin import KeyPath
    from openclaw_sandbox.errors import Issue

INCLUDE_KEY = "$include"
MAX_INCLUDE_DEPTH = 10
#: Bounds for all includes of a config together: arrays concatenate, so files that include others twice could
#: grow without end although each of them is small.
MAX_INCLUDED_CHARS = 16 << 20
MAX_INCLUDED_FILES = 1000
MAX_PATH_CHARS = 4096


@dataclass(frozen=True, slots=True)
class Place:
    """Where a merged value really stands: a file, and the key path inside that file."""

    document: Document
    path: KeyPath

    def child(self, *keys: str | int) -> Place:
        """The place of something inside this value."""
        return Place(self.document, (*self.path, *keys))


@dataclass(slots=True)
class Mark:
    """The place of a value, and the marks of those parts of it that came from elsewhere."""

    place: Place
    parts: dict[str | int, Mark] = field(default_factory=dict)

    def part(self, key: str | int) -> Mark:
        """The mark of one key or element."""
        return self.parts.get(key) or Mark(self.place.child(key))


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """A document with its includes resolved. `issues` are the includes that could not be."""

    data: Any
    mark: Mark
    documents: tuple[Document, ...]
    issues: tuple[Issue, ...] = ()

    def place(self, path: KeyPath) -> Place:
        """The file, and the key path in it, at which the merged `path` stands."""
        mark = self.mark
        for depth, key in enumerate(path):
            inner = mark.parts.get(key)
            if inner is None:
                return mark.place.child(*path[depth:])
            mark = inner
        return mark.place


def resolve_includes(document: Document) -> Merged:
    """Replace every `$include` in `document` by what it names.

    Included files must lie in the folder of the top-level file or below it, by name and after symbolic links.
    Objects merge, arrays concatenate, otherwise the later value wins; keys beside `$include` win over it.
    """
    top = Place(document, ())
    if INCLUDE_KEY not in document.text and "\\" not in document.text:
        return Merged(data=document.data, mark=Mark(top), documents=(document,))
    resolver = _Resolver(root=document.path.parent, documents=[document])
    node = resolver.resolve(document.data, top, _Way((document.path,), 0))
    return Merged(
        data=node.value,
        mark=node.mark or Mark(top),
        documents=tuple(resolver.documents),
        issues=tuple(resolver.issues),
    )


@dataclass(slots=True)
class _Node:
    """A resolved value. Without a mark it stands in its parent's file, at its own key."""

    value: Any
    mark: Mark | None = None

    def at(self, place: Place) -> _Marked:
        """The same value, for use elsewhere than in its parent."""
        return _Marked(self.value, self.mark or Mark(place))


@dataclass(slots=True)
class _Marked(_Node):
    """A value that knows its own place."""

    mark: Mark


@dataclass(frozen=True, slots=True)
class _Way:
    """How a value was reached: the files on the way to it, and its depth in the merged document."""

    files: tuple[Path, ...]
    depth: int

    def deeper(self) -> _Way:
        return _Way(self.files, self.depth + 1)

    def into(self, file: Path) -> _Way:
        return _Way((*self.files, file), self.depth)


_WAYS_OUT = {
    "Circular include": "remove one of these $include lines",
    "Maximum include depth": "include the last files from the top one instead",
    "Include path escapes": "move the file into the config's folder",
    "Include path resolves outside": "copy the file into the config's folder instead of linking it",
}


@dataclass(slots=True, kw_only=True)
class _Resolver:
    root: Path
    documents: list[Document]
    issues: list[Issue] = field(default_factory=list)
    included_chars: int = 0

    def resolve(self, value: Any, place: Place, way: _Way) -> _Node:
        """`value`, which stands at `place`, with the includes in it replaced."""
        if way.depth > MAX_DEPTH:
            self._report(place, f"the included files together are nested deeper than {MAX_DEPTH} levels")
            return _Node(None)
        if isinstance(value, list):
            return self._container([], enumerate(value), place, way)
        if not isinstance(value, dict):
            return _Node(value)
        if INCLUDE_KEY not in value:
            return self._container({}, value.items(), place, way)
        return self._include(value, place, way)

    def _container(self, into: Any, items: Iterable[tuple[Any, Any]], place: Place, way: _Way) -> _Node:
        mark = Mark(place)
        for key, item in items:
            node = _Node(item)
            if isinstance(item, (dict, list)):
                node = self.resolve(item, place.child(key), way.deeper())
            if node.mark is not None:
                mark.parts[key] = node.mark
            if isinstance(into, list):
                into.append(node.value)
            else:
                into[key] = node.value
        return _Node(into, mark if mark.parts else None)

    def _include(self, value: dict[str, Any], place: Place, way: _Way) -> _Node:
        """An object with `$include`: the included value, under the object's other keys."""
        siblings = [(key, item) for key, item in value.items() if key != INCLUDE_KEY]
        over = self._container({}, siblings, place, way)
        at = place.child(INCLUDE_KEY)
        included = self._named(value[INCLUDE_KEY], at, way)
        if included is None or not siblings:
            return included or over
        if not isinstance(included.value, dict):
            self._report(at, "Sibling keys require included content to be an object")
            return over
        return _merged(included, over.at(place))

    def _named(self, named: Any, place: Place, way: _Way) -> _Marked | None:
        """What the value of `$include` stands for; None when that was reported as an issue."""
        if isinstance(named, str):
            return self._file(named, place, way)
        if not isinstance(named, list):
            message = f"Invalid $include value: expected string or array of strings, got {kind_of(named)}"
            self._report(place, message)
            return None
        result: _Marked | None = _Marked({}, Mark(place))
        for index, item in enumerate(named):
            at = place.child(index)
            if isinstance(item, str):
                loaded = self._file(item, at, way)
                result = _merged(result, loaded) if result and loaded else None
            else:
                message = f"Invalid $include array item: expected string, got {kind_of(item)}"
                self._report(at, message)
        return result

    def _file(self, name: str, place: Place, way: _Way) -> _Marked | None:
        problem, path = self._checked(name, place, way)
        document = None if problem else self._document(path, name, place)
        if problem:
            self._report(place, problem, hint=_way_out(problem))
        if document is None:
            return None
        self.documents.append(document)
        top = Place(document, ())
        return self.resolve(document.data, top, way.into(path)).at(top)

    def _checked(self, name: str, place: Place, way: _Way) -> tuple[str, Path]:
        """What forbids this include (or nothing), and the file it names."""
        if "\0" in name:
            return "Include path must not contain null bytes", self.root
        if len(name) >= MAX_PATH_CHARS:
            return f"Include path exceeds maximum length ({MAX_PATH_CHARS} characters)", self.root
        path = Path(os.path.normpath(place.document.path.parent / name))
        if not path.is_relative_to(self.root):
            return f"Include path escapes config directory: {name} (root: {self.root})", path
        if path in way.files:
            cycle = " -> ".join(str(step) for step in (*way.files[way.files.index(path) :], path))
            return f"Circular include detected: {cycle}", path
        if len(way.files) > MAX_INCLUDE_DEPTH:
            return f"Maximum include depth ({MAX_INCLUDE_DEPTH}) exceeded at: {name}", path
        if not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(self.root)):
            return (
                f"Include path resolves outside config directory (symlink): {name} (root: {self.root})",
                path,
            )
        return "", path

    def _document(self, path: Path, name: str, place: Place) -> Document | None:
        if len(self.documents) > MAX_INCLUDED_FILES or self.included_chars > MAX_INCLUDED_CHARS:
            limits = f"{MAX_INCLUDED_FILES} files, {MAX_INCLUDED_CHARS >> 20} MiB"
            self._report(place, f"the config includes too much (at most {limits} in all)")
            return None
        try:
            text = read_text(
                Path(os.path.realpath(path)),
                max_bytes=MAX_CONFIG_BYTES,
                what="included file",
                hard_links=False,
            )
        except ConfigError as error:
            self._report(place, f"Failed to read include file: {name} ({path}): {error.issues[0].message}")
            return None
        self.included_chars += len(text)
        try:
            return Document(path, text)
        except ConfigError as error:
            here = place.document.issue_at(place.path, "", shown_as="").where()
            self.issues.extend(replace(issue, hint=f"included from {here}") for issue in error.issues)
            return None

    def _report(self, place: Place, message: str, *, hint: str = "") -> None:
        issue = place.document.issue_at(place.path, message, shown_as=dotted(place.path))
        self.issues.append(replace(issue, hint=hint or None))


def _way_out(problem: str) -> str:
    """What to do about an include that is forbidden, told by how its message begins."""
    return next((hint for start, hint in _WAYS_OUT.items() if problem.startswith(start)), "")


def _merged(base: _Marked, over: _Marked) -> _Marked:
    """OpenClaw's deep merge. It changes `base` in place, so that merging many takes linear time."""
    if isinstance(base.value, list) and isinstance(over.value, list):
        start = len(base.value)
        base.value.extend(over.value)
        base.mark.parts.update({start + index: over.mark.part(index) for index in range(len(over.value))})
        return base
    if not (isinstance(base.value, dict) and isinstance(over.value, dict)):
        return over
    for key, item in over.value.items():
        part = _Marked(item, over.mark.part(key))
        if key in base.value:
            part = _merged(_Marked(base.value[key], base.mark.part(key)), part)
        base.value[key], base.mark.parts[key] = part.value, part.mark
    return base
