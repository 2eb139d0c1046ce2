"""``python -m defnpy``: doctor, cache and inspect."""

import doctest
import os
import subprocess
import sys

import pytest

import defnpy as dn
from defnpy import __main__ as cli
from defnpy.base.flags import flags
from defnpy.runtime import doctor

pytestmark = pytest.mark.cpu

MODULE = """\
from defnpy import defn


@defn
def line(x, w, b):
    return x @ w + b


def plain(params, *, axis=0):
    return (params["w"] * params["b"]).sum(axis=axis)
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Return the name of a module that holds functions to look at."""
    (tmp_path / "looked_at.py").write_text(MODULE, "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    yield "looked_at"
    sys.modules.pop("looked_at", None)


def run(capsys, *arguments):
    status = cli.main(arguments)
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def test_examples():
    assert doctest.testmod(cli).failed == 0


def test_doctor_tells_what_is_here(capsys):
    status, out, _ = run(capsys, "doctor")
    assert status == 0
    for word in ("python", "numpy", "llvmlite", "cpu", "threads", "blas", "cuda"):
        assert word in out
    assert "works" in out


def test_doctor_tells_of_a_cache_that_cannot_be_written(monkeypatch, tmp_path, capsys):
    blocked = tmp_path / "file"
    blocked.write_text("not a directory", "utf-8")
    monkeypatch.setattr(dn.config, "cache_dir", str(blocked / "inside"))
    status, out, _ = run(capsys, "doctor")
    assert status == 1
    assert "not writable" in out
    monkeypatch.setattr(flags, "cache", False)
    (found,) = doctor._cache()
    assert found.is_good and found.found.startswith("off")


def test_doctor_tells_of_a_compiler_that_fails(monkeypatch):
    def broken(kernel):
        raise OSError("no such target\nand more")

    monkeypatch.setattr("defnpy.backends.cpu.compile_kernel", broken)
    found = doctor._compiler()
    assert not found.is_good
    assert found.found == "OSError: no such target"


def test_cache_is_told_and_cleared(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(dn.config, "cache_dir", str(tmp_path))
    dn.defn(lambda x: x * 41.5)(1.0)
    status, out, _ = run(capsys, "cache", "info")
    assert status == 0
    assert "directory" in out and "bytes" in out
    assert dn.cache.info()["files"] == 1
    status, out, _ = run(capsys, "cache", "clear")
    assert (status, out) == (0, f"1 programs deleted from {tmp_path}\n")
    assert dn.cache.info()["files"] == 0


def test_inspect_shows_ir_kernel_cost_and_memory(module, capsys):
    arguments = "f32[4,3] f32[3] f32[]"
    status, out, err = run(capsys, "inspect", f"{module}:line", "--args", arguments)
    assert (status, err) == (0, "")
    assert "line(a0: f32[4,3], a1: f32[3], a2: f32[]):" in out
    assert "for i" in out
    assert "flops" in out and "temporaries" in out
    assert "define" not in out


def test_inspect_takes_trees_options_and_files(module, tmp_path, capsys):
    arguments = "{'w': f64[2,3], 'b': float} axis=1"
    where = f"{tmp_path / 'looked_at.py'}:plain"
    shown = ("--show", "explain,llvm,asm")
    status, out, _ = run(capsys, "inspect", where, "--args", arguments, *shown)
    assert status == 0
    assert "params['b']: float, params['w']: f64[2,3], axis: 1" in out
    assert "define i32" in out
    assert ".globl" in out


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("line", "", "'line' is not of the form module:function"),
        ("no_such_module:f", "", "cannot import 'no_such_module'"),
        ("no_such_file.py:f", "", "there is no file 'no_such_file.py'"),
        ("looked_at:nothing", "", "module 'looked_at' has no attribute 'nothing'"),
        ("looked_at:line", "f32[3", "these are no arguments: f32[3"),
        ("looked_at:line", "f32[3] f12[2] 1", "`f12[2]` is no argument"),
        ("looked_at:line", "f32[-1] 1 1", "a size may not be negative"),
        ("looked_at:line", "f32[3]", "needs the argument `w`"),
        ("looked_at:line", "f32[4,3] f32[4] 1", "DefnShapeError"),
    ],
)
def test_inspect_refuses_in_one_sentence(module, capsys, name, arguments, message):
    status, _, err = run(capsys, "inspect", name, "--args", arguments)
    assert status == 1
    assert err.startswith("defnpy: ")
    assert message in err
    assert "Traceback" not in err


def test_inspect_refuses_a_part_it_does_not_have(module, capsys):
    status, _, err = run(capsys, "inspect", f"{module}:line", "--show", "ptx")
    assert (status, err.count("\n")) == (1, 1)
    assert "cannot show 'ptx'" in err


def test_it_runs_as_a_module():
    made = subprocess.run(
        [sys.executable, "-m", "defnpy"],
        capture_output=True,
        text=True,
        env=os.environ,
        check=False,
    )
    assert made.returncode == 2
    assert "inspect" in made.stdout
