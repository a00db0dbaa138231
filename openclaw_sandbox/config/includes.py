"""`$include`: several files become one document, and every value still knows the file it stands in."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from openclaw_sandbox.config.document import Document
from openclaw_sandbox.config.origin import dotted
from openclaw_sandbox.config.text_file import MAX_INCLUDE_BYTES, read_text
from openclaw_sandbox.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from openclaw_sandbox.config.origin import KeyPath
    from openclaw_sandbox.errors import Issue

INCLUDE_KEY = "$include"
MAX_INCLUDE_DEPTH = 10
#: All included text together. Arrays concatenate, so a file that includes the next one twice doubles at each
#: level.
MAX_INCLUDED_CHARS = 16 << 20
MAX_PATH_CHARS = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a merged value really stands: a file, and the key path inside that file."""

    document: Document
    path: KeyPath

    def child(self, key: str | int) -> Place:
        """The place of one key or element of this value."""
        return Place(document=self.document, path=(*self.path, key))


#: Key path of the merged document -> its place. Whatever is not named stands under its nearest named
#: ancestor.
Marks = dict["KeyPath", Place]


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """A document with its includes resolved. `issues` are the includes that could not be."""

    data: Any
    marks: Mapping[KeyPath, Place]
    documents: tuple[Document, ...]
    issues: tuple[Issue, ...]

    def place(self, path: KeyPath) -> Place:
        """The file and the key path in it at which the merged `path` stands."""
        for length in range(len(path), -1, -1):
            mark = self.marks.get(path[:length])
            if mark is not None:
                return Place(document=mark.document, path=(*mark.path, *path[length:]))
        raise LookupError("the root of a merged document is always marked")


def resolve_includes(document: Document) -> Merged:
    """Replace every `$include` in `document` by what it names.

    Included files must lie in the folder of the top-level file or below it, by name and after symbolic links.
    Objects merge, arrays concatenate, otherwise the later value wins; keys beside `$include` win over it.
    """
    if INCLUDE_KEY not in document.text and "\\" not in document.text:
        return Merged(data=document.data, marks=_root(document), documents=(document,), issues=())
    resolver = _Resolver(root=document.path.parent, documents=[document])
    node = resolver.resolve(document.data, Place(document=document, path=()), (document.path,))
    return Merged(
        data=node.value,
        marks={**_root(document), **node.marks},
        documents=tuple(resolver.documents),
        issues=tuple(resolver.issues),
    )


def _root(document: Document) -> Marks:
    return {(): Place(document=document, path=())}


@dataclass(slots=True)
class _Node:
    """A resolved value; `marks` are relative to it and empty where it stands in its parent's file."""

    value: Any
    marks: Marks = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class _Resolver:
    root: Path
    documents: list[Document]
    issues: list[Issue] = field(default_factory=list)
    included_chars: int = 0

    def resolve(self, value: Any, place: Place, chain: tuple[Path, ...]) -> _Node:
        if isinstance(value, list):
            return self._collect([], enumerate(value), place, chain)
        if not isinstance(value, dict):
            return _Node(value)
        siblings = ((key, item) for key, item in value.items() if key != INCLUDE_KEY)
        node = self._collect({}, siblings, place, chain)
        if INCLUDE_KEY not in value:
            return node
        included = self._included(value[INCLUDE_KEY], place.child(INCLUDE_KEY), chain)
        if included is None:
            return node
        if len(value) > 1 and not isinstance(included.value, dict):
            self._report(place.child(INCLUDE_KEY), "Sibling keys require included content to be an object")
            return node
        return _merge(included, _marked(node, place)) if len(value) > 1 else included

    def _collect(self, into: Any, items: Any, place: Place, chain: tuple[Path, ...]) -> _Node:
        node = _Node(into)
        for key, item in items:
            child = (
                self.resolve(item, place.child(key), chain) if isinstance(item, (dict, list)) else _Node(item)
            )
            if isinstance(into, list):
                into.append(child.value)
            else:
                into[key] = child.value
            node.marks.update({(key, *path): mark for path, mark in child.marks.items()})
        return node

    def _included(self, named: Any, place: Place, chain: tuple[Path, ...]) -> _Node | None:
        """What the value of one `$include` key stands for; None when that was reported as an issue."""
        if isinstance(named, str):
            return self._file(named, place, chain)
        if not isinstance(named, list):
            kind = type(named).__name__
            self._report(place, f"Invalid $include value: expected string or array of strings, got {kind}")
            return None
        result: _Node | None = _Node({}, {(): place})
        for index, item in enumerate(named):
            at = place.child(index)
            if not isinstance(item, str):
                self._report(at, f"Invalid $include array item: expected string, got {type(item).__name__}")
                continue
            loaded = self._file(item, at, chain)
            result = _merge(result, loaded) if result and loaded else None
        return result

    def _file(self, name: str, place: Place, chain: tuple[Path, ...]) -> _Node | None:
        problem, path = self._checked(name, place, chain)
        if problem:
            self._report(place, problem)
            return None
        try:
            document = self._load(path, name, place)
        except ConfigError as error:
            self.issues.extend(error.issues)
            return None
        if document is None:
            return None
        self.documents.append(document)
        at = Place(document=document, path=())
        return _marked(self.resolve(document.data, at, (*chain, path)), at)

    def _checked(self, name: str, place: Place, chain: tuple[Path, ...]) -> tuple[str, Path]:
        """What forbids this include (or nothing), and the file it names."""
        if "\0" in name:
            return "Include path must not contain null bytes", self.root
        if len(name) >= MAX_PATH_CHARS:
            return f"Include path exceeds maximum length ({MAX_PATH_CHARS} characters)", self.root
        path = Path(os.path.normpath(place.document.path.parent / name))
        if not path.is_relative_to(self.root):
            return f"Include path escapes config directory: {name} (root: {self.root})", path
        if path in chain:
            cycle = " -> ".join(str(step) for step in (*chain[chain.index(path) :], path))
            return f"Circular include detected: {cycle}", path
        if len(chain) > MAX_INCLUDE_DEPTH:
            return f"Maximum include depth ({MAX_INCLUDE_DEPTH}) exceeded at: {name}", path
        real = Path(os.path.realpath(path))
        if not real.is_relative_to(os.path.realpath(self.root)):
            return (
                f"Include path resolves outside config directory (symlink): {name} (root: {self.root})",
                path,
            )
        return "", path

    def _load(self, path: Path, name: str, place: Place) -> Document | None:
        try:
            text = read_text(path, max_bytes=MAX_INCLUDE_BYTES, what="included file")
        except ConfigError as error:
            reason = error.issues[0].message
            self._report(place, f"Failed to read include file: {name} ({path}): {reason}")
            return None
        self.included_chars += len(text)
        if self.included_chars > MAX_INCLUDED_CHARS:
            self._report(place, f"the included files together exceed {MAX_INCLUDED_CHARS >> 20} MiB")
            return None
        return Document(path, text)

    def _report(self, place: Place, message: str) -> None:
        self.issues.append(place.document.issue_at(place.path, message, shown_as=dotted(place.path)))


def _marked(node: _Node, place: Place) -> _Node:
    """`node` with its own place written down, so that it can be merged into another file's value."""
    return node if () in node.marks else _Node(node.value, {(): place, **node.marks})


def _merge(base: _Node, over: _Node) -> _Node:
    """OpenClaw's deep merge of two values that know their places."""
    if isinstance(base.value, list) and isinstance(over.value, list):
        return _concatenate(base, over)
    if not (isinstance(base.value, dict) and isinstance(over.value, dict)):
        return over
    merged = _Node({}, {(): over.marks[()]})
    for key in (*base.value, *(key for key in over.value if key not in base.value)):
        sides = [_child(side, key) for side in (base, over) if key in side.value]
        node = _merge(*sides) if len(sides) == 2 else sides[0]
        merged.value[key] = node.value
        merged.marks.update({(key, *path): mark for path, mark in node.marks.items()})
    return merged


def _concatenate(base: _Node, over: _Node) -> _Node:
    children = [_child(side, index) for side in (base, over) for index in range(len(side.value))]
    merged = _Node([child.value for child in children], {(): over.marks[()]})
    for index, child in enumerate(children):
        merged.marks.update({(index, *path): mark for path, mark in child.marks.items()})
    return merged


def _child(node: _Node, key: Any) -> _Node:
    marks = {path[1:]: mark for path, mark in node.marks.items() if path[:1] == (key,)}
    if () not in marks:
        marks[()] = node.marks[()].child(key)
    return _Node(node.value[key], marks)
