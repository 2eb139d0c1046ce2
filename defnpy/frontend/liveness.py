"""Which names are assigned, and which are read later.

A backward walk over the statements of a function.  Names that nested functions
read count as live everywhere, since the function may be called at any time.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

FunctionNode = ast.FunctionDef | ast.Lambda
Names = frozenset[str]
NONE: Names = frozenset()
_SCOPES = (ast.FunctionDef, ast.Lambda)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def parameter_names(arguments: ast.arguments) -> list[str]:
    """Return parameter names in the order of a code object's variables."""
    plain = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    extra = [each for each in (arguments.vararg, arguments.kwarg) if each]
    return [each.arg for each in (*plain, *extra)]


def root_name(node: ast.AST) -> str | None:
    """Return the name at the root of ``x[i].y[j]``, if it is one."""
    while isinstance(node, ast.Subscript | ast.Attribute | ast.Starred):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None


def assigned_in(nodes: Iterable[ast.AST]) -> Names:
    """Return names that the nodes bind or store into, nested functions left out."""
    return frozenset(name for name, _ in _assigned(nodes))


def bound_in(nodes: Iterable[ast.AST]) -> Names:
    """Return names that the nodes bind, which makes them local to a function."""
    return frozenset(name for name, binds in _assigned(nodes) if binds)


def _assigned(nodes: Iterable[ast.AST]) -> Iterator[tuple[str, bool]]:
    """Yield names, and whether they are bound rather than stored into."""
    for node in nodes:
        if isinstance(node, ast.FunctionDef):
            yield node.name, True
            yield from _assigned([*node.args.defaults, *_given(node.args.kw_defaults)])
        elif isinstance(node, ast.Lambda):
            yield from _assigned([*node.args.defaults, *_given(node.args.kw_defaults)])
        elif isinstance(node, _COMPREHENSIONS):
            own = {name for each in node.generators for name in targets(each.target)}
            inner = _assigned(ast.iter_child_nodes(node))
            yield from (each for each in inner if each[0] not in own)
        else:
            yield from _bound_here(node)
            yield from _assigned(ast.iter_child_nodes(node))


def _given(nodes: Iterable[ast.AST | None]) -> list[ast.AST]:
    return [node for node in nodes if node is not None]


def _bound_here(node: ast.AST) -> Iterator[tuple[str, bool]]:
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        yield node.id, True
    elif isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store):
        name = root_name(node)
        if name:
            yield name, False
    elif isinstance(node, ast.MatchAs | ast.MatchStar) and node.name:
        yield node.name, True
    elif isinstance(node, ast.MatchMapping) and node.rest:
        yield node.rest, True


def targets(node: ast.AST) -> Names:
    """Return the plain names an assignment target binds anew."""
    if isinstance(node, ast.Name):
        return frozenset({node.id})
    if isinstance(node, ast.Starred):
        return targets(node.value)
    if isinstance(node, ast.Tuple | ast.List):
        return NONE.union(*map(targets, node.elts))
    return NONE


def reads(node: ast.AST | None) -> Names:
    """Return names an expression may read, those of nested functions included."""
    if node is None:
        return NONE
    return frozenset(
        each.id
        for each in ast.walk(node)
        if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Load)
    )


@dataclass(frozen=True)
class Ends:
    """What is live at each end of a piece of code.

    Attributes:
        reached: where it is run to its end.
        broken: where `break` goes.
        continued: where `continue` goes.
    """

    reached: Names = NONE
    broken: Names = NONE
    continued: Names = NONE

    @property
    def any(self) -> Names:
        """What is live at one of the ends."""
        return self.reached | self.broken | self.continued

    def then(self, reached: Names) -> Ends:
        """Return the ends of a piece after which `reached` is live."""
        return Ends(reached, self.broken, self.continued)

    def with_names(self, names: Names) -> Ends:
        """Return ends at which `names` are live too."""
        return Ends(self.reached | names, self.broken | names, self.continued | names)


class Liveness:
    """Which names are live at the loops and branches of a function.

    Attributes:
        after: for each loop, what is live after it, in its `else` too.
        entry: for each loop, what is live into an iteration.
        ends: for each statement, what is live at the ends of its block.
        sides: for each `if`, what is live at the ends of its sides.
        needed: for each statement, names whose values it must keep for later.
    """

    def __init__(self, body: Sequence[ast.stmt]) -> None:
        """Walk the statements of a function."""
        self.after: dict[ast.stmt, Names] = {}
        self.entry: dict[ast.stmt, Names] = {}
        self.ends: dict[ast.stmt, Ends] = {}
        self.sides: dict[ast.stmt, Ends] = {}
        self.needed: dict[ast.stmt, Names] = {}
        self.always = frozenset(_deferred_reads(body))
        self._block(body, NONE, Ends())

    def live_after(self, node: ast.stmt) -> Names:
        """Return names that may be read after a loop."""
        return self.after[node] | self.always

    def live_into(self, loop: ast.stmt) -> Names:
        """Return names that an iteration of `loop` may read before it assigns them."""
        return self.entry[loop] | self.always

    def needed_after(self, node: ast.stmt) -> Names:
        """Return names whose present values are read after `node`."""
        return self.needed[node] | self.always

    def at_ends(self, node: ast.stmt) -> Ends:
        """Return names that may be read once the block of `node` has ended."""
        return self.ends[node].with_names(self.always)

    def at_ends_of_sides(self, node: ast.If) -> Ends:
        """Return names that may be read once a side of an `if` has ended."""
        return self.sides[node].with_names(self.always)

    def _block(self, body: Sequence[ast.stmt], out: Names, exits: Ends) -> Names:
        self.ends |= dict.fromkeys(body, exits.then(out))
        for statement in reversed(body):
            self.needed[statement] = out - _killed(statement)
            out = self._statement(statement, out, exits)
        return out

    def _statement(self, node: ast.stmt, out: Names, exits: Ends) -> Names:
        match node:
            case ast.Return():
                return reads(node.value)
            case ast.Raise():
                return reads(node)
            case ast.Break():
                return exits.broken
            case ast.Continue():
                return exits.continued
            case ast.For():
                return self._for(node, out, exits)
            case ast.While():
                return self._while(node, out, exits)
            case ast.If():
                self.sides[node] = exits.then(out)
                then = self._block(node.body, out, exits)
                return reads(node.test) | then | self._block(node.orelse, out, exits)
            case ast.Match():
                arms = (self._block(case.body, out, exits) for case in node.cases)
                return out.union(reads(node), *arms)
            case ast.Assign():
                return (out - _killed(node)) | reads(node)
            case ast.AugAssign():
                return out | reads(node) | _root(node.target)
            case ast.AnnAssign():
                if node.value is None:
                    return out
                read = reads(node.value) | reads(node.target)
                return (out - _killed(node)) | read
            case ast.FunctionDef():
                return (out - _killed(node)) | reads(node)
        return out | reads(node)

    def _for(self, node: ast.For, out: Names, exits: Ends) -> Names:
        done = self._block(node.orelse, out, exits)
        self.after[node] = out | done
        head, before = done, None
        while head != before:
            before = head
            body = self._block(node.body, head, Ends(NONE, out, head))
            entry = (body - targets(node.target)) | reads(node.target)
            self.entry[node] = entry
            head = head | entry
        return head | reads(node.iter)

    def _while(self, node: ast.While, out: Names, exits: Ends) -> Names:
        done = self._block(node.orelse, out, exits) | reads(node.test)
        self.after[node] = out | done
        head, before = done, None
        while head != before:
            before = head
            body = self._block(node.body, head, Ends(NONE, out, head))
            self.entry[node] = body | reads(node.test)
            head = head | body
        return head


def _killed(node: ast.stmt) -> Names:
    """Return names that a simple statement binds anew."""
    match node:
        case ast.Assign():
            return NONE.union(*map(targets, node.targets))
        case ast.AnnAssign() if node.value is not None:
            return targets(node.target)
        case ast.FunctionDef():
            return frozenset({node.name})
    return NONE


def _root(target: ast.expr) -> Names:
    name = root_name(target)
    return frozenset({name}) if name else NONE


def _deferred_reads(body: Iterable[ast.AST]) -> Iterator[str]:
    for statement in body:
        for node in ast.walk(statement):
            if isinstance(node, _SCOPES):
                yield from reads(node)
