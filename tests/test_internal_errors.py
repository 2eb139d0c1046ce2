"""A fault of the compiler's own says so, and leaves a file that repeats it."""

import runpy
import traceback
from pathlib import Path

import numpy as np
import pytest

import defnpy as dn
from defnpy import defn
from defnpy.frontend import operators
from defnpy.runtime import pipeline

pytestmark = pytest.mark.cpu

OFFSET = np.array([1.0, 2.0, 3.0])
SCALE = 0.5


def shifted(x):
    return x * SCALE + OFFSET


@defn
def loss(params, x, *, power=2):
    return ((shifted(x) @ params["w"]) ** power).sum()


ARGS = {"w": np.ones(3)}, np.ones(3)


def broken(*args, **kwargs):
    raise KeyError("a table of ours has no entry")


@pytest.fixture
def kept(tmp_path, monkeypatch):
    monkeypatch.setattr(dn.config, "cache_dir", str(tmp_path))
    return tmp_path


def reports(folder: Path) -> list[Path]:
    return sorted(folder.glob("fault-*.py"))


def test_a_pass_that_fails(kept, monkeypatch):
    fresh = dn.value_and_grad(loss)
    monkeypatch.setattr(pipeline, "simplify", broken)
    with pytest.raises(dn.InternalError) as caught:
        fresh(*ARGS, power=3)
    (path,) = reports(kept)
    text = str(caught.value)
    assert text.splitlines()[0].startswith("a fault of defnpy's own, not of your")
    assert "a table of ours has no entry" in text
    assert str(path) in text
    assert caught.value.report == str(path)
    assert not isinstance(caught.value, dn.DefnError)
    frames = traceback.extract_tb(caught.value.__traceback__)
    assert sum("/defnpy/" in each.filename for each in frames) <= 1


def test_the_report_repeats_the_fault(kept, monkeypatch):
    fresh = dn.value_and_grad(loss)
    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "simplify", broken)
        with pytest.raises(dn.InternalError):
            fresh(*ARGS, power=3)
        (path,) = reports(kept)
        with pytest.raises(dn.InternalError, match="no entry"):
            runpy.run_path(str(path))
    written = path.read_text("utf-8")
    assert "def shifted(x):" in written
    assert "return ((shifted(x) @ params" in written
    assert 'dn.template((3,), "f64")' in written
    assert "power=3" in written
    assert "# numpy " in written
    assert "in broken" in written  # the traceback
    runpy.run_path(str(path))  # once the fault is mended, it runs


def test_a_fault_in_the_frontend_tells_where(kept, monkeypatch):
    @defn
    def f(x):
        y = x + 1
        return y * 2

    monkeypatch.setitem(operators.BINARY, operators.ast.Mult, broken)
    with pytest.raises(dn.InternalError) as caught:
        f(np.ones(3))
    text = str(caught.value)
    assert "return y * 2" in text
    assert "^^^^^" in text
    assert len(text.splitlines()) <= 12
    assert len(reports(kept)) == 1


def test_a_cache_that_cannot_be_written(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(dn.config, "cache_dir", str(tmp_path / "file"))
    monkeypatch.setattr(pipeline, "lower", broken)
    with pytest.raises(dn.InternalError, match="please report it; "):
        dn.grad(loss)(*ARGS)


def test_what_users_raise_is_theirs(kept):
    @defn
    def f(x):
        if len(x) == 3:
            raise LookupError("not three")
        return x

    with pytest.raises(LookupError, match="not three") as caught:
        f(np.ones(3))
    frames = traceback.extract_tb(caught.value.__traceback__)
    assert sum("/defnpy/" in each.filename for each in frames) <= 1
    assert reports(kept) == []


def test_the_whole_traceback_is_there_where_it_is_asked_for(kept, monkeypatch):
    monkeypatch.setattr(dn.config, "traceback", "full")
    monkeypatch.setattr(pipeline, "simplify", broken)
    with pytest.raises(dn.InternalError) as caught:
        dn.grad(loss)(*ARGS)
    assert isinstance(caught.value.__cause__, KeyError)
