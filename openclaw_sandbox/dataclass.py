"""`dataclass`, cheap to define: the modules of the hot verbs take it from here.

The standard decorator writes the source of up to six methods for each class and compiles it whenever the
module is imported: 0.5 to 1.1 ms a class on Python 3.11, almost half of the CPU time of a warm `run`. Here
the standard decorator makes the class (its fields, slots and order of parameters) without these methods, and
the class gets the ones that stand below, which are compiled once, with this module.

What comes out is a dataclass in every respect that this package uses: `field()`, `fields()`, `replace()`,
`asdict()`, `is_dataclass()`, inheritance, `match`, copying, pickling, `FrozenInstanceError`. Type checkers
see `dataclasses.dataclass` itself. There is no `InitVar` and no `__post_init__`, and `inspect.signature` does
not tell the parameters.
"""

from __future__ import annotations

import dataclasses
from dataclasses import MISSING, FrozenInstanceError
from operator import attrgetter
from reprlib import recursive_repr
from types import MemberDescriptorType
from typing import TYPE_CHECKING, Any

__all__ = ["dataclass"]

if TYPE_CHECKING:
    from collections.abc import Callable
    from dataclasses import dataclass
else:

    def dataclass(
        *, frozen: bool = False, slots: bool = False, kw_only: bool = False
    ) -> Callable[[type], type]:
        """As `dataclasses.dataclass`, with the options that this package uses."""

        def decorate(cls: type) -> type:
            own = dict(cls.__dict__)
            # A class without a docstring would be given one, from a signature that `inspect` works out.
            cls.__doc__ = own.get("__doc__") or cls.__name__
            made = dataclasses.dataclass(init=False, repr=False, eq=False, slots=slots, kw_only=kw_only)(cls)
            for name, method in _methods(made, frozen=frozen).items():
                if own.get(name) is None:
                    setattr(made, name, method)
            return made

        return decorate


def _methods(cls: Any, *, frozen: bool) -> dict[str, Any]:
    """What the standard decorator would have written for `cls`."""
    values = _values_of([f.name for f in dataclasses.fields(cls) if f.compare])
    methods = {"__init__": _initializer(cls), "__repr__": _repr, "__eq__": _equality(values)}
    if not frozen:
        return {**methods, "__hash__": None}
    return {
        **methods,
        "__hash__": lambda self: hash(values(self)),
        "__setattr__": _refuse_to_set,
        "__delattr__": _refuse_to_delete,
        # Copying and pickling would set attributes, which a frozen record refuses.
        "__getstate__": _getstate,
        "__setstate__": _setstate,
    }


def _values_of(names: list[str]) -> Callable[[Any], tuple[Any, ...]]:
    if len(names) > 1:
        return attrgetter(*names)  # for one name it gives no tuple, for none it does not exist
    return lambda self: tuple([getattr(self, name) for name in names])


def _initializer(cls: Any) -> Callable[..., None]:
    fields = dataclasses.fields(cls)
    positional = tuple(f.name for f in fields if f.init and not f.kw_only)
    plan = tuple((f.name, _setter(cls, f.name), f.init, f.default, f.default_factory) for f in fields)

    def __init__(self: Any, /, *args: Any, **given: Any) -> None:
        if args:
            given = _with_positional(self, positional, args, given)
        taken = 0
        for name, put, accepted, default, factory in plan:
            if name in given and accepted:
                put(self, given[name])
                taken += 1
            elif default is not MISSING:
                put(self, default)
            elif factory is not MISSING:
                put(self, factory())
            elif accepted:
                raise TypeError(f"{type(self).__name__}() misses the argument {name!r}")
        if taken != len(given):
            known = {f.name for f in fields if f.init}
            unknown = next(name for name in given if name not in known)
            raise TypeError(f"{type(self).__name__}() has no argument {unknown!r}")

    return __init__


def _setter(cls: Any, name: str) -> Callable[[Any, Any], None]:
    """Sets a field of a frozen record too; straight into its slot where it has one."""
    slot = getattr(cls, name, None)
    if isinstance(slot, MemberDescriptorType):
        return slot.__set__
    return lambda self, value: object.__setattr__(self, name, value)


def _with_positional(
    self: Any, names: tuple[str, ...], args: tuple[Any, ...], given: dict[str, Any]
) -> dict[str, Any]:
    if len(args) > len(names):
        raise TypeError(f"{type(self).__name__}() takes {len(names)} positional arguments, not {len(args)}")
    twice = next((name for name in names[: len(args)] if name in given), None)
    if twice is not None:
        raise TypeError(f"{type(self).__name__}() got the argument {twice!r} twice")
    return {**dict(zip(names, args, strict=False)), **given}


def _equality(values: Callable[[Any], tuple[Any, ...]]) -> Callable[[Any, object], Any]:
    def __eq__(self: Any, other: object) -> Any:
        if other.__class__ is not self.__class__:
            return NotImplemented
        return values(self) == values(other)

    return __eq__


@recursive_repr()
def _repr(self: Any) -> str:
    shown = (f"{f.name}={getattr(self, f.name)!r}" for f in dataclasses.fields(self) if f.repr)
    return f"{type(self).__qualname__}({', '.join(shown)})"


def _refuse_to_set(_self: Any, name: str, _value: object) -> None:
    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_to_delete(_self: Any, name: str) -> None:
    raise FrozenInstanceError(f"cannot delete field {name!r}")


def _getstate(self: Any) -> list[Any]:
    return [getattr(self, f.name) for f in dataclasses.fields(self)]


def _setstate(self: Any, state: list[Any]) -> None:
    for f, value in zip(dataclasses.fields(self), state, strict=True):
        object.__setattr__(self, f.name, value)
