"""What is fenced off: statements that no program may have."""

import numpy as np
import pytest

from defnpy.base import errors
from defnpy.frontend.source import fence

pytestmark = pytest.mark.pure

V = np.array([0.5, -1.25, 2.0])


def fenced():
    """Yield functions that are not in the language, and what is said of each."""

    def classes(x):
        class A:
            pass

        return x

    yield classes, "class"

    def tries(x):
        try:
            return x
        except ValueError:
            return x

    yield tries, "`try`"

    def with_(x):
        with x:
            return x

    yield with_, "`with`"

    def yields(x):
        yield x

    yield yields, "`yield`"

    async def asynchronous(x):
        return x

    yield asynchronous, "async"

    def globals_(x):
        global V
        V = x

    yield globals_, "`global`"

    def imports(x):
        import os

        return x, os

    yield imports, "import"

    def deletes(x):
        del x

    yield deletes, "`del`"

    def attributes(x):
        x.value = 1
        return x

    yield attributes, "attribute"


@pytest.mark.parametrize(("function", "text"), list(fenced()))
def test_fence(function, text):
    with pytest.raises(errors.DefnSyntaxError) as caught:
        fence(function)
    assert text in str(caught.value)
    assert caught.value.span is not None


def test_nonlocal_is_fenced():
    count = 0

    def f(x):
        nonlocal count
        count = 1
        return x + count

    with pytest.raises(errors.DefnSyntaxError, match="nonlocal"):
        fence(f)
