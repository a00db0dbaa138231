"""Laws of the registry: what others wrote survives every change, and no content of the file is a crash."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from openclaw_sandbox.errors import StateFileError
from openclaw_sandbox.lifecycle import registry_file
from openclaw_sandbox.lifecycle.registry import Entry, Kind, Registry

# Half surrogate pairs too: JSON can hold them, UTF-8 cannot.
TEXT = st.text(st.characters(exclude_categories=()), max_size=12)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(["a", "b", "c", "openclaw-sbx-agent-main-f331f052"])
ENTRIES = st.builds(
    Entry,
    container_name=NAMES,
    session_key=TEXT,
    created_at_ms=st.integers(0, 2**53 - 1),
    last_used_at_ms=st.integers(0, 2**53 - 1),
    image=TEXT,
    config_hash=st.none() | TEXT,
)
THEIR_ENTRIES = JSON | st.dictionaries(
    st.sampled_from(["containerName", "sessionKey", "createdAtMs", "lastUsedAtMs", "image", "x"]),
    JSON | NAMES,
)
BESIDE = st.dictionaries(TEXT.filter(lambda k: k not in ("entries", *registry_file._FORMAT_KEYS)), JSON)


def there(folder: str, content: bytes) -> Path:
    path = Path(folder) / "sandbox" / "containers.json"
    path.parent.mkdir()
    path.write_bytes(content)
    return path


@given(BESIDE, st.lists(THEIR_ENTRIES, max_size=4))
def test_what_is_written_is_what_is_read(beside: dict[str, Any], entries: list[Any]) -> None:
    document = registry_file.Document(entries=tuple(entries), beside=beside)
    with tempfile.TemporaryDirectory() as folder:
        path = there(folder, b"")
        registry_file.write(path, document)
        assert registry_file.read(path) == document
        assert path.read_bytes().endswith(b"\n}\n")


@given(
    BESIDE,
    st.lists(THEIR_ENTRIES, max_size=4),
    st.lists(st.tuples(st.sampled_from(["remember", "touch", "forget"]), ENTRIES), max_size=4),
)
def test_what_others_wrote_survives(
    beside: dict[str, Any], entries: list[Any], changes: list[tuple[str, Entry]]
) -> None:
    document = registry_file.Document(entries=tuple(entries), beside=beside)
    ours = {entry.container_name for _, entry in changes}
    foreign = [
        raw for raw in entries if not (isinstance(raw, dict) and raw.get("containerName") in list(ours))
    ]
    with tempfile.TemporaryDirectory() as folder:
        path = there(folder, registry_file.encode(document))
        registry = Registry(Path(folder))
        for what, entry in changes:
            if what == "forget":
                registry.forget(Kind.CONTAINER, [entry])
            elif what == "touch":
                registry.touch(Kind.CONTAINER, entry)
            else:
                registry.remember(Kind.CONTAINER, [entry])
        after = registry_file.read(path)
    kept = [r for r in after.entries if not (isinstance(r, dict) and r.get("containerName") in list(ours))]
    assert after.beside == beside
    assert kept == foreign


@given(ENTRIES, ENTRIES)
def test_the_last_word_counts(first: Entry, second: Entry) -> None:
    with tempfile.TemporaryDirectory() as folder:
        registry = Registry(Path(folder))
        registry.remember(Kind.CONTAINER, [first])
        registry.remember(Kind.CONTAINER, [second])
        entries = registry.entries(Kind.CONTAINER)
    assert entries[-1].container_name == second.container_name
    assert entries[-1].last_used_at_ms == second.last_used_at_ms
    assert len(entries) == (1 if first.container_name == second.container_name else 2)


WHOLE = registry_file.encode(
    registry_file.Document(
        entries=(
            {"containerName": "ä", "sessionKey": "agent:main", "createdAtMs": 1, "x": {"y": [None, True]}},
            {"containerName": "b", "lastUsedAtMs": 2},
        ),
        beside={"theirs": 1},
    )
)


def survives(content: bytes) -> None:
    """Read as it is, rebuilt, or refused; in each case the content is still there."""
    with tempfile.TemporaryDirectory() as folder:
        path = there(folder, content)
        try:
            Registry(Path(folder)).entries(Kind.CONTAINER)
        except StateFileError:
            assert path.read_bytes() == content
            return
        kept = [path, *path.parent.glob("*.corrupt-*")]
        assert content in [p.read_bytes() for p in kept]
        json.loads(path.read_bytes())


def test_cut_at_every_byte() -> None:
    for length in range(len(WHOLE)):
        survives(WHOLE[:length])


@given(st.integers(0, len(WHOLE) - 1), st.integers(0, 7))
def test_one_bit_turned(place: int, bit: int) -> None:
    content = bytearray(WHOLE)
    content[place] ^= 1 << bit
    survives(bytes(content))


@given(st.binary(max_size=64) | JSON.map(lambda value: json.dumps(value).encode()))
def test_anything_at_all(content: bytes) -> None:
    survives(content)
