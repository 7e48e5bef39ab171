"""JavaScript, TypeScript, Go, Rust and Java, definition by definition, through tree-sitter.

A file is cut into its definitions, each with the comments before it, and into what
stands between. A definition is wherever its name is; what both sides changed is merged
by lines, and a class member by member. The result has to parse, if its inputs do.
The grammars are the extra ``languages``; without them the lines have to do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module
from typing import Any

from guild_plugins.merge.by_lines import merge_lines
from guild_plugins.merge.entities import Entity, merge_entities
from guild_plugins.merge.kinds import GO, JAVA, JAVASCRIPT, RUST, TSX, TYPESCRIPT

ENTITIES, ENTITIES_EDITED = "entities", "entities-edited"

Node = Any
"""A node of tree-sitter's, which is no dependency."""


_SCRIPT = (
    "function_declaration generator_function_declaration class_declaration lexical_declaration"
    " variable_declaration method_definition field_definition export_statement import_statement"
)
_TYPED = (
    f"{_SCRIPT} abstract_class_declaration interface_declaration type_alias_declaration"
    " enum_declaration public_field_definition method_signature property_signature"
    " function_signature abstract_method_signature internal_module ambient_declaration"
)
_BODIES = "class_body interface_body object_type"
_GRAMMARS = {
    JAVASCRIPT: ("tree_sitter_javascript", "language", _SCRIPT, _BODIES),
    TYPESCRIPT: ("tree_sitter_typescript", "language_typescript", _TYPED, _BODIES),
    TSX: ("tree_sitter_typescript", "language_tsx", _TYPED, _BODIES),
    GO: (
        "tree_sitter_go",
        "language",
        "function_declaration method_declaration type_declaration const_declaration"
        " var_declaration field_declaration method_elem",
        "field_declaration_list interface_type",
    ),
    RUST: (
        "tree_sitter_rust",
        "language",
        "function_item struct_item enum_item union_item trait_item impl_item mod_item const_item"
        " static_item type_item macro_definition use_declaration function_signature_item"
        " associated_type enum_variant field_declaration extern_crate_declaration",
        "declaration_list enum_variant_list field_declaration_list",
    ),
    JAVA: (
        "tree_sitter_java",
        "language",
        "class_declaration interface_declaration enum_declaration record_declaration"
        " annotation_type_declaration method_declaration constructor_declaration"
        " field_declaration import_declaration constant_declaration",
        "class_body interface_body enum_body_declarations",
    ),
}
_TRIVIA = frozenset(
    ("comment", "line_comment", "block_comment", "attribute_item", "inner_attribute_item")
)


def merge_code(kind: str, base: bytes, ours: bytes, theirs: bytes) -> tuple[bytes, str] | None:
    """Return a merged file and the rule it was merged by; ``None`` where it cannot be."""
    parse = _parser(kind)
    if parse is None:
        return None
    trees = [parse(text) for text in (base, ours, theirs)]
    if any(tree.root_node.has_error for tree in trees):
        return None
    merging = _Merging(kind, parse)
    merged = merging.merge_pieces(
        *(
            _cut(kind, tree.root_node, text)
            for tree, text in zip(trees, (base, ours, theirs), strict=True)
        )
    )
    if merged is None or parse(merged).root_node.has_error:
        return None
    return merged, ENTITIES_EDITED if merging.is_nested else ENTITIES


def is_installed(kind: str) -> bool:
    """Return whether the grammar of a language is there."""
    return _parser(kind) is not None


@cache
def _parser(kind: str) -> Callable[[bytes], Any] | None:
    module, function, *_ = _GRAMMARS[kind]
    try:
        tree_sitter = import_module("tree_sitter")
        grammar = getattr(import_module(module), function)
        parser = tree_sitter.Parser(tree_sitter.Language(grammar()))
    except (ImportError, AttributeError, ValueError, TypeError):
        return None  # not installed, or of versions that do not fit together
    return parser.parse  # type: ignore[no-any-return]


@cache
def _words(kind: str) -> tuple[frozenset[str], frozenset[str]]:
    _, _, definitions, bodies = _GRAMMARS[kind]
    return frozenset(definitions.split()), frozenset(bodies.split())


class _Merging:
    """Merges pieces of code; remembers whether both sides changed one definition."""

    def __init__(self, kind: str, parse: Callable[[bytes], Any]) -> None:
        self._kind, self._parse = kind, parse
        self.is_nested = False

    def merge_pieces(
        self, base: list[Entity], ours: list[Entity], theirs: list[Entity]
    ) -> bytes | None:
        """Return the merged pieces as text."""
        merged = merge_entities(base, ours, theirs, self.merge_body)
        if merged is None:
            return None
        texts = [piece.text for piece in merged if piece.text]
        return b"".join(
            text if text.endswith(b"\n") or number == len(texts) else text + b"\n"
            for number, text in enumerate(texts, 1)
        )

    def merge_body(self, key: str, base: bytes, ours: bytes, theirs: bytes) -> bytes | None:
        """Merge a piece that both sides changed: by lines, or by its members."""
        merged = merge_lines(base, ours, theirs)
        if merged is not None or key.startswith(_BETWEEN):
            return merged
        self.is_nested = True
        found = [_body(self._kind, self._parse(text).root_node) for text in (base, ours, theirs)]
        bodies = [body for body in found if body is not None]
        if len(bodies) < len(found):
            return None
        starts = [body.start_byte + 1 for body in bodies]
        ends = [body.end_byte - 1 for body in bodies]
        texts = (base, ours, theirs)
        head = merge_lines(*(text[:start] for text, start in zip(texts, starts, strict=True)))
        tail = merge_lines(*(text[end:] for text, end in zip(texts, ends, strict=True)))
        members = [
            _cut(self._kind, body, text, start, end)
            for body, text, start, end in zip(bodies, texts, starts, ends, strict=True)
        ]
        inner = self.merge_pieces(*members)
        if head is None or tail is None or inner is None:
            return None
        return head + inner + tail


_BETWEEN = "\0"
"""What the key of a stretch between definitions begins with."""


def _cut(
    kind: str, owner: Node, text: bytes, start: int = 0, end: int | None = None
) -> list[Entity]:
    """Cut a text into its definitions and what is between them; together they are the text."""
    end = len(text) if end is None else end
    pieces: list[Entity] = []
    at, before = start, ""
    trivia: list[Node] = []
    for node in owner.named_children:
        key = _key(kind, node) if node.type not in _TRIVIA else ""
        if node.type in _TRIVIA or not key:
            trivia = [*trivia, node] if node.type in _TRIVIA else []
            continue
        begin = _beginning(node, trivia, text, at)
        trivia = []
        if begin > at:
            pieces.append(Entity(f"{_BETWEEN}{before}", text[at:begin]))
        stop = max(_line_end(text, node.end_byte, end), begin)
        pieces.append(Entity(key, text[begin:stop]))
        at, before = stop, key
    pieces.append(Entity(f"{_BETWEEN}{before}", text[at:end]))
    return pieces


def _beginning(node: Node, trivia: list[Node], text: bytes, least: int) -> int:
    """Return where a definition begins: with the comments right before it, and blank lines."""
    first = node
    for each in reversed(trivia):
        is_own = not (each.text or b"").startswith((b"//!", b"/*!", b"#!"))
        if not is_own or first.start_point[0] - _last_line(each) > 1:
            break
        first = each
    line = _line_start(text, first.start_byte, least)
    if text[line : first.start_byte].strip():
        return int(first.start_byte)
    while line > least:
        above = _line_start(text, line - 1, least)
        if text[above:line].strip():
            break
        line = above
    return line


def _line_start(text: bytes, at: int, least: int) -> int:
    found = text.rfind(b"\n", least, at)
    return found + 1 if found >= 0 else least


def _last_line(node: Node) -> int:
    """Return the number of the line in which a node ends; some comments include its end."""
    row, column = node.end_point
    return int(row) if column else int(row) - 1


def _line_end(text: bytes, at: int, end: int) -> int:
    """Return where the line ends, if only the end of a statement or a comment follows on it."""
    stop = text.find(b"\n", at, end)
    stop = end if stop < 0 else stop + 1
    rest = text[at:stop].strip(b" \t\r\n;,")
    return stop if not rest or rest.startswith((b"//", b"/*")) else at


def _key(kind: str, node: Node) -> str:
    """Return what a definition is known by; nothing for what is none."""
    definitions, _ = _words(kind)
    if node.type not in definitions:
        return ""
    if node.type in ("import_statement", "import_declaration", "use_declaration"):
        source = node.child_by_field_name("source")
        return f"import {_squashed(source or node)}"
    names = [_squashed(name) for name in _names(node)]
    if not names:
        return ""
    extra = [
        _squashed(part)
        for field in ("receiver", "trait", "type")
        if node.type in ("method_declaration", "impl_item")
        and (part := node.child_by_field_name(field))
        and not (field == "type" and node.type == "method_declaration")
    ]
    if kind == JAVA and (parameters := node.child_by_field_name("parameters")):
        types = [p.child_by_field_name("type") for p in parameters.named_children]
        extra += ["(", *(_squashed(each) for each in types if each), ")"]
    return " ".join([*extra, *names])


def _names(node: Node) -> Iterator[Node]:
    """Yield the names that a definition gives: one, or those of several variables."""
    name = node.child_by_field_name("name")
    if name is not None:
        yield name
        return
    inner = node.child_by_field_name("declaration")
    if inner is not None:
        yield from _names(inner)
        return
    if node.type == "impl_item":
        found = node.child_by_field_name("type")
        if found is not None:
            yield found
        return
    for child in node.named_children:
        name = child.child_by_field_name("name")
        if name is not None and child.type not in ("decorator", "modifiers", "annotation"):
            yield name


def _body(kind: str, root: Node) -> Node | None:
    """Return the body of the one definition in a text, if it has members."""
    definitions, bodies = _words(kind)
    found = [node for node in root.named_children if node.type in definitions]
    if len(found) != 1 or root.has_error:
        return None
    waiting = [found[0]]
    for node in waiting:
        if node.type in bodies:
            return node
        waiting += [child for child in node.named_children if child.type not in _CODE]
    return None


_CODE = frozenset(("statement_block", "block", "formal_parameters", "parameters", "arguments"))
"""Where no members are looked for."""


def _squashed(node: Node) -> str:
    return "".join((node.text or b"").decode("utf-8", "replace").split())
