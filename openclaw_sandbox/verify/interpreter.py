"""The interpreter that measures: this host's own Python, brought into the sandbox for the moment.

An image may have no python3 (distroless, slim ones), or one that lies. What runs this tool is trusted
already, so it is copied with everything it loads: program, loader, libraries, the modules that the probes
import. No image has to be there for it, nothing is kept that could be stale or forged, and it is of the
kernel's architecture whatever the image's is. It takes some 10 to 40 MB and part of a second, and goes again
when verify ends.

What the image could still slip into the process is shut out: the loader's preload file is spelled away, its
cache and variables are not used, no file of the image is on the search paths. One thing remains: the image's
own main process has the same user and could reach into the memory of the probes. What the host's kernel says
(`witness`) is out of its reach too.
"""

from __future__ import annotations

import ast
import contextlib
import json
import os
import re
import secrets
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from openclaw_sandbox.verify.program import LOADER, texts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

#: Where it is mounted in a container that verify makes.
MOUNT_POINT = "/.openclaw-sandbox-verify"
#: For the process inside: what the image or the config sets must not load anything into it. LC_ALL keeps
#: the C library from the image's locales and converters.
CLEAN = {"LC_ALL": "C", "LD_PRELOAD": "", "LD_AUDIT": "", "LD_LIBRARY_PATH": "", "GLIBC_TUNABLES": ""}
_FLAGS = ("-I", "-S", "-B")  # isolated, no site packages, no bytecode written
_NAME = ".openclaw-sandbox-verify-"
_PATIENCE_S = 10.0
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_LOADER_NAME = re.compile(r"lib/ld(64|-linux.*|-musl.*|-[0-9.]+)\.so")
#: glibc's loader loads what this file of the image names, whatever else it is told.
_PRELOAD, _NOWHERE = b"/etc/ld.so.preload\0", b"/dev/null/preload\0\0"
#: What modules of the standard library import only when something is asked of them.
_LATER = ("encodings.ascii", "encodings.idna", "encodings.unicode_escape", "encodings.utf_8")
_INVENTORY = (
    LOADER
    + """
import ctypes, importlib, os
for name in sys.argv[2:]:
    importlib.import_module(name)

class Info(ctypes.Structure):
    _fields_ = [("address", ctypes.c_void_p), ("name", ctypes.c_char_p)]

libraries = []
visit = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(Info), ctypes.c_size_t, ctypes.c_void_p)
note = visit(lambda info, size, data: libraries.append(os.fsdecode(info[0].name or b"")) or 0)
ctypes.CDLL(None).dl_iterate_phdr(note, None)
modules = [m for m in list(sys.modules.values()) if getattr(m, "__file__", None)]
files = [m.__file__ for m in modules] + [getattr(m, "__cached__", None) or "" for m in modules]
print(json.dumps({
    "program": os.path.realpath("/proc/self/exe"),
    "libraries": [path for path in libraries if os.path.isabs(path) and path not in files],
    "files": [path for path in files if os.path.isfile(path)],
    "home": os.path.dirname(os.__file__),
    "library": "%s/python%d.%d" % (sys.platlibdir, *sys.version_info[:2]),
}))
"""
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpreter:
    """One way to run Python inside. `name` is for the report; `ours`: it is not the image's."""

    name: str
    command: tuple[str, ...]
    env: Mapping[str, str]
    ours: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Kit:
    """Place in the kit -> file of this host. `loader` is a place too; empty for a static program."""

    files: Mapping[str, Path]
    loader: str

    def at(self, folder: str) -> Interpreter:
        """The interpreter, where the sandbox sees the kit in `folder`."""
        program = f"{folder}/bin/python3"
        loader = (f"{folder}/{self.loader}", "--library-path", f"{folder}/lib") if self.loader else ()
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        return Interpreter(
            name=f"this host's Python {version}", command=(*loader, program, *_FLAGS), env=CLEAN, ours=True
        )


#: What the image itself brings.
OF_IMAGE = Interpreter(name="the image's python3", command=("python3", *_FLAGS), env={}, ours=False)


@lru_cache(maxsize=1)
def gather() -> Kit | None:
    """What this host's Python needs to run the probes; None where it cannot be told (not Linux, frozen)."""
    if sys.platform != "linux":
        return None
    program = texts()
    names = (*_LATER, *imported(program.values()))
    command = [sys.executable, *_FLAGS, "-c", _INVENTORY, json.dumps(program), *names]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_PATIENCE_S, check=True
        )
        return arrange(json.loads(done.stdout))
    except (OSError, subprocess.SubprocessError, ValueError, KeyError, TypeError):
        return None


def imported(sources: Iterable[str]) -> list[str]:
    """Every module that the sources import, also inside their functions; their own package left out."""
    names: set[str] = set()
    for node in (node for source in sources for node in ast.walk(ast.parse(source))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return sorted(name for name in names if not name.startswith("openclaw_sandbox"))


def arrange(found: Mapping[str, str | list[str]]) -> Kit:
    """From an inventory to a kit in the layout in which Python finds its own modules. Pure.

    Raises:
        KeyError, TypeError: it is no inventory.
    """
    home, library = str(found["home"]), str(found["library"])
    files = {"bin/python3": Path(str(found["program"]))}
    files |= {f"lib/{Path(path).name}": Path(path) for path in found["libraries"]}
    for path in found["files"]:
        beside = not path.startswith(f"{home}/") or path.endswith(".so")
        place = f"lib-dynload/{Path(path).name}" if beside else path.removeprefix(f"{home}/")
        files[f"{library}/{place}"] = Path(path)
    loader = next(
        (place for place in files if re.match(r"lib/ld(-linux.*|-musl.*|64|-[0-9.]+)\.so", place)), ""
    )
    return Kit(files=files, loader=loader)


@contextlib.contextmanager
def lodged(kit: Kit, folder: Path) -> Iterator[str]:
    """Put the kit into a new folder of `folder` while the block runs; its name.

    `folder` may be a workspace, in which untrusted code makes links and moves files at the same time: every
    step is relative to a folder that is held open, and no link is followed.

    Raises:
        OSError: it cannot be written.
    """
    above = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _sweep(above)
        name = f"{_NAME}{os.getpid()}-{secrets.token_hex(8)}"
        os.mkdir(name, 0o700, dir_fd=above)
        held = os.open(name, _DIRECTORY, dir_fd=above)
        try:
            _write(kit, held)
            yield name
        finally:
            _empty(held)
            os.close(held)
            with contextlib.suppress(OSError):
                os.rmdir(name, dir_fd=above)
    finally:
        os.close(above)


def _write(kit: Kit, top: int) -> None:
    with contextlib.ExitStack() as stack:
        folders = {"": top}
        os.fchmod(top, 0o755)  # whatever the umask: the sandbox's user is another one
        for place, source in kit.files.items():
            path, _, name = place.rpartition("/")
            runs = place in (kit.loader, "bin/python3")
            new = _copy(source, _folder(path, folders, stack), name, loader=place == kit.loader)
            os.fchmod(new, 0o755 if runs else 0o644)
            os.close(new)


def _folder(path: str, folders: dict[str, int], stack: contextlib.ExitStack) -> int:
    """A descriptor of a folder of the kit, made when it is first asked for."""
    if path not in folders:
        parent, _, name = path.rpartition("/")
        above = _folder(parent, folders, stack)
        os.mkdir(name, 0o700, dir_fd=above)
        folders[path] = os.open(name, _DIRECTORY, dir_fd=above)
        stack.callback(os.close, folders[path])
        os.fchmod(folders[path], 0o755)
    return folders[path]


def _copy(source: Path, folder: int, name: str, *, loader: bool) -> int:
    """The descriptor of the new file."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    new = os.open(name, flags, 0o600, dir_fd=folder)
    with source.open("rb") as old, os.fdopen(new, "wb", closefd=False) as file:
        if loader:
            file.write(old.read().replace(_PRELOAD, _NOWHERE))
        else:
            shutil.copyfileobj(old, file, 1 << 20)
        about = os.fstat(old.fileno())
    os.utime(new, ns=(about.st_atime_ns, about.st_mtime_ns))  # compiled modules go by it
    return new


def _empty(folder: int) -> None:
    """Remove everything below a folder that is held open, wherever it was moved meanwhile."""
    with contextlib.suppress(OSError):
        for _, folders, files, here in os.fwalk(dir_fd=folder, topdown=False):
            for name in (*files, *folders):  # a link to a folder counts as one
                with contextlib.suppress(OSError):
                    _remove(name, here)


def _remove(name: str, folder: int) -> None:
    try:
        os.unlink(name, dir_fd=folder)
    except IsADirectoryError:
        os.rmdir(name, dir_fd=folder)


def _sweep(above: int) -> None:
    """Remove what a verification that was killed left behind."""
    for name in os.listdir(above):
        maker = name.removeprefix(_NAME).partition("-")[0]
        if name.startswith(_NAME) and maker.isdigit() and not Path("/proc", maker).exists():
            with contextlib.suppress(OSError):
                held = os.open(name, _DIRECTORY, dir_fd=above)
                _empty(held)
                os.close(held)
                os.rmdir(name, dir_fd=above)
