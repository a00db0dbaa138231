"""What both tools remember of their containers: `containers.json` and `browsers.json`, shared with OpenClaw.

The file is OpenClaw's: its fields, its layout, and whatever it or a later release adds is kept. OpenClaw
itself neither locks it nor replaces it in one step, so that an entry can get lost and the file can get
damaged; the labels on the containers are the truth, and from them the memory is rebuilt.
"""

from __future__ import annotations

import contextlib
import enum
import time
from dataclasses import field, replace
from typing import TYPE_CHECKING, Any

from openclaw_sandbox.dataclass import dataclass
from openclaw_sandbox.errors import StateFileError
from openclaw_sandbox.lifecycle import registry_file
from openclaw_sandbox.lifecycle.locks import acquire, unusable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    Change = Callable[[registry_file.Document], registry_file.Document]

#: A use that is hardly later than the one on record is not written down, as file systems do with access
#: times: each command of a burst would pay for a lock and a write.
TOUCH_EVERY_MS = 10_000
_LOCK_TIMEOUT_S = 30.0


class Kind(enum.Enum):
    """One file per kind of container."""

    CONTAINER = "containers"
    BROWSER = "browsers"


class Source(enum.Enum):
    """Who keeps the entry. Only FILE is written by this tool."""

    FILE = "file"
    DATABASE = "database"  # OpenClaw 2026.9 and later
    LABELS = "labels"  # rebuilt


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What is remembered of one container. Times in ms since 1970; `raw` is the entry as it stands."""

    container_name: str
    session_key: str  # the scope key
    created_at_ms: int
    last_used_at_ms: int
    image: str
    config_hash: str | None = None
    source: Source = field(default=Source.FILE, compare=False)
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def backend(self) -> str:
        """Which backend of OpenClaw keeps it; the older releases have only Docker."""
        found = self.raw.get("backendId")
        return found if isinstance(found, str) and found else "docker"

    def document(self) -> dict[str, Any]:
        """The entry as it is written: OpenClaw's fields in OpenClaw's order, then what others added."""
        own: dict[str, Any] = {
            "containerName": self.container_name,
            "sessionKey": self.session_key,
            "createdAtMs": self.created_at_ms,
            "lastUsedAtMs": self.last_used_at_ms,
            "image": self.image,
        }
        if self.config_hash is not None:
            own["configHash"] = self.config_hash
        return {**own, **{key: value for key, value in self.raw.items() if key not in own}}


def parse_entry(raw: Any, source: Source = Source.FILE) -> Entry | None:
    """An entry of the file as a value; None for what nobody can use (it stays in the file)."""
    if not isinstance(raw, dict):
        return None
    name, config_hash = raw.get("containerName"), raw.get("configHash")
    if not isinstance(name, str) or not name:
        return None
    return Entry(
        container_name=name,
        session_key=_text(raw.get("sessionKey")),
        created_at_ms=_number(raw.get("createdAtMs")),
        last_used_at_ms=_number(raw.get("lastUsedAtMs")),
        image=_text(raw.get("image")),
        config_hash=config_hash if isinstance(config_hash, str) else None,
        source=source,
        raw=raw,
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _number(value: Any) -> int:
    """A time; 0 for what is none. No clock comes near the upper bound, which JavaScript holds exactly."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return 0
    return min(max(int(value), 0), (1 << 53) - 1)


class Registry:
    """The registry of one state folder.

    `survivors` finds the containers of a kind by their labels, for a file that must be rebuilt; `warn` hears
    what an operator should know.
    """

    def __init__(
        self,
        state_dir: Path,
        *,
        survivors: Callable[[Kind], Iterable[Entry]] = lambda _kind: (),
        warn: Callable[[str], None] = lambda _text: None,
    ) -> None:
        self._folder = state_dir / "sandbox"
        self._database = state_dir / "state" / "openclaw.sqlite"
        self._survivors = survivors
        self._warn = warn

    def path(self, kind: Kind) -> Path:
        """The file of a kind."""
        return self._folder / f"{kind.value}.json"

    def entries(self, kind: Kind) -> list[Entry]:
        """Every usable entry, the file's first, in its order. A damaged file is set aside and rebuilt.

        Raises:
            StateFileError: the file is unreadable, no regular file, or of a newer format.
        """
        try:
            document = registry_file.read(self.path(kind))
        except registry_file.DamagedError:
            document = self._repaired(kind)
        found = [entry for raw in document.entries if (entry := parse_entry(raw)) is not None]
        names = {entry.container_name for entry in found}
        return found + [entry for entry in self._newer(kind) if entry.container_name not in names]

    def find(self, kind: Kind, name: str) -> Entry | None:
        """The entry of a container; None if nobody remembers it."""
        return next((entry for entry in self.entries(kind) if entry.container_name == name), None)

    def remember(self, kind: Kind, entries: Sequence[Entry]) -> None:
        """Put the entries in, each in place of the one of its name; the most recently used stand last.

        Fields that others added to the old entry are kept.

        Raises:
            StateFileError: the file cannot be written, or is of a newer format.
        """
        names = {entry.container_name for entry in entries}

        def change(document: registry_file.Document) -> registry_file.Document:
            old = {name: raw for raw in document.entries if (name := _name(raw)) in names}
            kept = [raw for raw in document.entries if _name(raw) not in names]
            new = [{**old.get(entry.container_name, {}), **entry.document()} for entry in entries]
            return document.with_entries([*kept, *new])

        if entries:
            self._update(kind, change)

    def touch(self, kind: Kind, entry: Entry) -> None:
        """Note that the container was used at `entry.last_used_at_ms`.

        When and from what it was created is taken from the entry on record, if there is one. Nothing is
        written when that one is recent enough.

        Raises:
            StateFileError: see `remember`.
        """
        known = self.find(kind, entry.container_name)
        if known is None:
            self.remember(kind, [entry])
            return
        if known.source is Source.DATABASE:
            return  # OpenClaw's own; it notes its uses itself
        since_ms = entry.last_used_at_ms - known.last_used_at_ms
        if 0 <= since_ms < TOUCH_EVERY_MS and known.config_hash == entry.config_hash:
            return
        self.remember(kind, [replace(entry, created_at_ms=known.created_at_ms, image=known.image)])

    def forget(self, kind: Kind, entries: Iterable[Entry]) -> None:
        """Drop these entries, unless their container was made anew since they were read.

        Raises:
            StateFileError: see `remember`.
        """
        gone = {(entry.container_name, entry.created_at_ms) for entry in entries}

        def change(document: registry_file.Document) -> registry_file.Document:
            return document.with_entries([raw for raw in document.entries if not _is_one_of(raw, gone)])

        if gone:
            self._update(kind, change)

    # ---- the file

    def _update(self, kind: Kind, change: Change) -> registry_file.Document:
        path = self.path(kind)
        with self._locked():
            damaged = ""
            try:
                document = registry_file.read(path)
            except registry_file.DamagedError as error:
                damaged, document = str(error), self._rebuilt(kind)
            changed = change(document)
            try:
                if damaged:
                    self._set_aside(path, damaged)
                if damaged or changed != document:
                    registry_file.write(path, changed)
            except OSError as error:
                raise unusable(path, error) from None
            return changed

    def _repaired(self, kind: Kind) -> registry_file.Document:
        try:
            return self._update(kind, lambda document: document)
        except StateFileError as error:
            self._warn(error.brief)  # who may only look still sees what the labels say
            return self._rebuilt(kind)

    def _rebuilt(self, kind: Kind) -> registry_file.Document:
        return registry_file.Document(entries=tuple(entry.document() for entry in self._survivors(kind)))

    def _set_aside(self, path: Path, damage: str) -> None:
        moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        names = (
            f"{path.name}.corrupt-{moment}{suffix}" for suffix in ("", *(f"-{n}" for n in range(2, 1000)))
        )
        aside = next(free for name in names if not (free := path.with_name(name)).exists())
        path.rename(aside)
        self._warn(
            f"{path} was damaged: {damage}. It is kept as {aside.name}; the containers' labels replace it."
        )

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        path = self._folder / "registry.lock"
        lock = acquire(path, timeout_s=_LOCK_TIMEOUT_S)
        if lock is None:
            raise StateFileError(
                f"Another process has held {path} for more than {_LOCK_TIMEOUT_S:g} s.",
                hint="Look for an openclaw-sandbox that hangs, and end it.",
            )
        try:
            yield
        finally:
            lock.release()

    def _newer(self, kind: Kind) -> list[Entry]:
        try:
            if not self._database.exists():
                return []
            from openclaw_sandbox.lifecycle.registry_sqlite import read_entries

            rows = read_entries(self._database, kind.name.lower())
        except PermissionError as error:
            self._warn(f"{self._database} cannot be looked at: {error.strerror}.")
            return []
        except StateFileError as error:
            self._warn(error.brief)
            return []
        return [entry for row in rows if (entry := parse_entry(row, Source.DATABASE)) is not None]


def _name(raw: Any) -> str | None:
    name = raw.get("containerName") if isinstance(raw, dict) else None
    return name if isinstance(name, str) else None


def _is_one_of(raw: Any, gone: set[tuple[str, int]]) -> bool:
    entry = parse_entry(raw)
    return entry is not None and (entry.container_name, entry.created_at_ms) in gone
