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
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"])) or "the answer"
        raise Junk(f"{type(answer).__name__}: {place}: {first['msg']}") from error
    except Exception as error:  # an answer's own code, such as __iter__
        raise Junk(f"{type(answer).__name__} raises {type(error).__name__} when it is read") from (
            error
        )


@cache
def _adapter(hook: Callable[..., Any]) -> TypeAdapter[Any]:
    return TypeAdapter(get_type_hints(hook)["return"], config=_STRICT)
