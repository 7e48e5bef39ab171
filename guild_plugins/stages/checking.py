"""Whether an answer is what its hook allows: the return annotation in `hookspecs`, deeply.

A field of the wrong type is found here, where the plugin can still be named, and
not much later, in the work of another.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, get_type_hints

from pydantic import ConfigDict, TypeAdapter, ValidationError

_STRICT = ConfigDict(strict=True, revalidate_instances="always", arbitrary_types_allowed=True)


class Junk(Exception):
    """An answer is of another type; the message says where and what it is."""


def accept(hook: Callable[..., Any], answer: Any) -> Any:
    """Return an answer that its hook allows, made of exactly the types that it promises.

    :raises Junk: It does not allow it.
    """
    try:
        return _adapter(hook).validate_python(answer)
    except ValidationError as error:
        place, message = _first(error, type(answer).__name__)
        raise Junk(f"{type(answer).__name__}: {place}: {message}") from error
    except Exception as error:  # an answer's own code, such as __iter__
        raise Junk(f"{type(answer).__name__} raises {type(error).__name__} when it is read") from (
            error
        )


def _first(error: ValidationError, name: str) -> tuple[str, str]:
    """Return where the first flaw is, and what it is.

    Of a hook that allows several types, those of the answer's own count.
    """
    flaws = [(flaw["loc"], flaw["msg"]) for flaw in error.errors(include_url=False)]
    own = [(place[1:], message) for place, message in flaws if place[:1] == (name,)]
    place, message = (own or flaws)[0]
    return ".".join(map(str, place)) or "the answer", message


@cache
def _adapter(hook: Callable[..., Any]) -> TypeAdapter[Any]:
    return TypeAdapter(get_type_hints(hook)["return"], config=_STRICT)
