import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepbiq.engines.tensorrt.cache import CachedEngine, EngineCache
from deepbiq.engines.tensorrt.cache_folder import engine_folder
from deepbiq.engines.tensorrt.cache_key import Environment, ingredients_of, key_of
from deepbiq.engines.tensorrt.request import BuildRequest, ShapeRange, request_for
from deepbiq.engines.tensorrt.sidecar import Proof
from deepbiq.errors import EngineError
from tests.runtime.engines.conftest import tiny_graph

ROOT = Path(__file__).parents[3]
ENVIRONMENT = Environment("10.3.0", "Orin", "8.7", "12.6", "12.6", "36.4.3")
INGREDIENTS = ingredients_of(request_for(tiny_graph(), "dense"), ENVIRONMENT)
GOOD = Proof(passed=True, scores=4, largest_difference=0.01, tolerance=0.1)
BAD = Proof(passed=False, scores=4, largest_difference=7.0, tolerance=0.1)


def never(*_):
    raise AssertionError("must not be called")


@pytest.fixture
def cache(tmp_path):
    return EngineCache(tmp_path / "engines")


def built(cache, plan=b"plan", **options):
    return cache.obtain(INGREDIENTS, lambda: plan, lambda _: GOOD, **options)


def files_of(cache):
    return sorted(path.name for path in cache.folder.iterdir() if path.suffix != ".lock")


def sidecar_of(cache):
    (path,) = cache.folder.glob("*.json")
    return path


def test_an_engine_is_built_once_and_then_found(cache):
    assert cache.find(INGREDIENTS) == "no engine was built yet"
    made = built(cache)
    again = cache.obtain(INGREDIENTS, never, never)
    assert (again.plan, again.path, again.proof) == (b"plan", made.path, GOOD)
    assert made.path.read_bytes() == b"plan"
    assert cache.folder.stat().st_mode & 0o777 == 0o700


def test_the_sidecar_says_what_the_plan_was_built_from(cache):
    built(cache)
    content = json.loads(sidecar_of(cache).read_bytes())
    assert content["ingredients"] == INGREDIENTS
    assert content["proof"]["largest_difference"] == 0.01
    assert content["ingredients"]["gpu"] == "Orin"


ONE_MORE = {
    "environment": ["tensorrt", "gpu", "compute_capability", "cuda_driver", "cuda_runtime", "l4t"],
    "graph": ["model", "key", "output_name"],
}


def changed(name, value):
    graph, environment = tiny_graph(), ENVIRONMENT
    shapes = ShapeRange((1, 96, 96), (1, 96, 96), (1, 128, 128))
    request = {"graph": graph, "family": "dense", "shapes": shapes, "workspace_bytes": None, "dla_core": None}
    if name in ONE_MORE["environment"]:
        environment = Environment(**{**vars(ENVIRONMENT), name: value})
    elif name in ONE_MORE["graph"]:
        request["graph"] = tiny_graph(**{name: value.encode() if name == "model" else value})
    elif name is not None:
        request[name] = value
    return key_of(ingredients_of(BuildRequest(**request), environment))


SHAPES = st.tuples(st.integers(1, 32), st.integers(96, 1280), st.integers(96, 1280))


@given(
    st.one_of(
        st.tuples(st.sampled_from([*ONE_MORE["environment"], *ONE_MORE["graph"]]), st.text(min_size=1)),
        st.tuples(st.just("family"), st.just("crops")),
        st.tuples(st.just("workspace_bytes"), st.integers(0)),
        st.tuples(st.just("dla_core"), st.integers(0, 3)),
        st.tuples(st.just("shapes"), SHAPES.map(lambda shape: ShapeRange(shape, shape, shape))),
    )
)
def test_the_key_changes_with_every_ingredient(change):
    name, value = change
    if value not in (vars(ENVIRONMENT).get(name), getattr(tiny_graph(), name, None), "onnx"):
        assert changed(name, value) != changed(None, None)


def test_the_key_is_the_same_in_every_process():
    code = (
        "from deepbiq.engines.tensorrt.cache_key import key_of;"
        "import sys, json; print(key_of(json.loads(sys.stdin.read())))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], input=json.dumps(INGREDIENTS), capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == key_of(INGREDIENTS)


@pytest.mark.parametrize(
    "damage",
    [
        lambda cache, made: made.path.write_bytes(b"plax"),
        lambda cache, made: made.path.write_bytes(b""),
        lambda cache, made: made.path.unlink(),
        lambda cache, made: sidecar_of(cache).write_bytes(sidecar_of(cache).read_bytes()[:-20]),
        lambda cache, made: sidecar_of(cache).write_bytes(b""),
        lambda cache, made: sidecar_of(cache).write_bytes(b"[]"),
        lambda cache, made: sidecar_of(cache).write_bytes(b"[" * 100_000),
        lambda cache, made: sidecar_of(cache).unlink(),
        lambda cache, made: edit(cache, schema=2),
        lambda cache, made: edit(cache, proof=None),
        lambda cache, made: edit(cache, proof={**vars(GOOD), "passed": False}),
        lambda cache, made: edit(cache, proof={**vars(GOOD), "passed": "yes"}),
        lambda cache, made: edit(cache, plan_sha256=None),
        lambda cache, made: edit(cache, plan_file=7),
        lambda cache, made: edit(cache, more=1),
        lambda cache, made: edit(cache, ingredients={**INGREDIENTS, "tensorrt": "10.13.3"}),
    ],
)
def test_what_is_damaged_or_not_proved_is_built_again(cache, damage):
    damage(cache, built(cache))
    assert isinstance(cache.find(INGREDIENTS), str)
    assert built(cache, b"new plan").plan == b"new plan"
    assert isinstance(cache.find(INGREDIENTS), CachedEngine)
    assert len(files_of(cache)) == 2


def edit(cache, **changes):
    path = sidecar_of(cache)
    path.write_text(json.dumps({**json.loads(path.read_bytes()), **changes}))


def test_a_sidecar_cannot_lead_out_of_the_folder(cache, tmp_path):
    (tmp_path / "foreign.plan").write_bytes(b"plan")
    made = built(cache)
    made.path.unlink()
    edit(cache, plan_file="../foreign.plan")
    assert "cannot be read" in cache.find(INGREDIENTS)


def refused(*_):
    raise EngineError("the builder says no")


@pytest.mark.parametrize(
    ("build", "prove", "words"),
    [
        (refused, never, "the builder says no"),
        (lambda: b"", never, "empty plan"),
        (lambda: b"new", lambda _: BAD, "NOT reproduced, largest difference 7.0000"),
        (lambda: b"new", refused, "the builder says no"),
    ],
)
def test_an_engine_that_is_there_stays_when_a_build_fails(cache, build, prove, words):
    before = built(cache)
    kept = files_of(cache)
    with pytest.raises(EngineError, match=words):
        cache.obtain(INGREDIENTS, build, prove, fresh=True)
    assert files_of(cache) == kept
    assert cache.obtain(INGREDIENTS, never, never).plan == before.plan
    assert cache.failure(INGREDIENTS) is None


@pytest.mark.parametrize(("build", "prove"), [(refused, never), (lambda: b"new", lambda _: BAD)])
def test_a_failure_is_remembered_and_a_new_attempt_may_follow(cache, build, prove):
    with pytest.raises(EngineError) as refusal:
        cache.obtain(INGREDIENTS, build, prove)
    assert str(refusal.value) in cache.failure(INGREDIENTS)
    assert cache.find(INGREDIENTS) == str(refusal.value)
    assert [path.suffix for path in map(Path, files_of(cache))] == [".json"]
    assert built(cache).plan == b"plan"
    assert cache.failure(INGREDIENTS) is None


def test_a_new_engine_takes_the_place_of_the_old_one(cache):
    built(cache)
    made = built(cache, b"new", fresh=True)
    assert files_of(cache) == sorted([made.path.name, sidecar_of(cache).name])
    assert cache.obtain(INGREDIENTS, never, never).plan == b"new"


def test_other_engines_stay(cache):
    other = {**INGREDIENTS, "tensorrt": "10.13.3"}
    cache.obtain(other, lambda: b"other", lambda _: GOOD)
    built(cache)
    assert cache.obtain(other, never, never).plan == b"other"
    assert [entry.ingredients["tensorrt"] for _, entry in cache.entries()] != []
    assert len(list(cache.entries())) == 2


BUILDING = """
import sys
from pathlib import Path
from deepbiq.engines.tensorrt.cache import EngineCache
from tests.runtime.engines.test_cache import GOOD, INGREDIENTS

def build():
    with open(sys.argv[2], "a") as log:
        log.write("built\\n")
    print("building", flush=True)
    sys.stdin.readline()
    return b"plan of " + sys.argv[3].encode()

print(EngineCache(Path(sys.argv[1])).obtain(INGREDIENTS, build, lambda _: GOOD).plan.decode(), flush=True)
"""


def another_process(cache, log, name):
    return subprocess.Popen(
        [sys.executable, "-c", BUILDING, str(cache.folder), str(log), name],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT,
    )  # fmt: skip


def wait_until_somebody_waits(process):
    """Returns when the process has said that it waits for the lock."""
    line = process.stderr.readline()
    assert "waiting for another process" in line


def test_of_two_builds_at_once_the_second_takes_what_the_first_built(cache, tmp_path):
    log = tmp_path / "log"
    first = another_process(cache, log, "first")
    assert first.stdout.readline() == "building\n"
    second = another_process(cache, log, "second")
    wait_until_somebody_waits(second)
    said, _ = first.communicate("go on\n", timeout=60)
    assert said == "plan of first\n"
    assert second.communicate(timeout=60)[0] == "plan of first\n"
    assert log.read_text() == "built\n"


def test_a_process_that_is_killed_while_it_builds_blocks_nobody(cache, tmp_path):
    log = tmp_path / "log"
    first = another_process(cache, log, "first")
    assert first.stdout.readline() == "building\n"
    second = another_process(cache, log, "second")
    wait_until_somebody_waits(second)
    first.send_signal(signal.SIGKILL)
    assert second.stdout.readline() == "building\n"
    assert second.communicate("go on\n", timeout=60)[0] == "plan of second\n"
    assert first.wait(timeout=60) == -signal.SIGKILL
    assert log.read_text() == "built\nbuilt\n"


def test_threads_of_one_process_wait_for_each_other_too(cache):
    begun, go_on, plans = threading.Event(), threading.Event(), []

    def slow():
        begun.set()
        assert go_on.wait(timeout=60)
        return b"slow"

    first = threading.Thread(target=lambda: plans.append(cache.obtain(INGREDIENTS, slow, lambda _: GOOD).plan))
    second = threading.Thread(target=lambda: plans.append(cache.obtain(INGREDIENTS, never, never).plan))
    first.start()
    assert begun.wait(timeout=60)
    second.start()
    go_on.set()
    first.join()
    second.join()
    assert plans == [b"slow", b"slow"]


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from deepbiq.engines.tensorrt.cache import EngineCache
from deepbiq.errors import EngineError
from tests.runtime.engines.test_cache import GOOD, INGREDIENTS

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    EngineCache(Path(sys.argv[1])).obtain(INGREDIENTS, lambda: bytes(1_000_000), lambda _: GOOD, fresh=True)
except EngineError as error:
    print(error)
"""


@pytest.mark.parametrize("old", [True, False])
def test_a_disk_that_fills_up_leaves_the_old_engine_and_no_half_file(cache, old):
    cache.folder.mkdir(mode=0o700)
    if old:
        built(cache)
    before = files_of(cache)
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(cache.folder)], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert "an engine cannot be kept (File too large): make room or set DEEPBIQ_CACHE" in done.stdout
    assert files_of(cache) == before
    assert isinstance(cache.find(INGREDIENTS), CachedEngine) is old


@pytest.mark.parametrize("die_at", ["write the plan", "write the sidecar", "remove the old plan"])
def test_a_process_that_dies_while_it_keeps_an_engine_leaves_the_old_one_or_the_new_one(cache, monkeypatch, die_at):
    built(cache, b"old")
    steps = {"write the plan": 0, "write the sidecar": 1, "remove the old plan": 2}
    step = iter(range(9))

    def or_die(method):
        def called(self, *arguments, **keywords):
            if next(step) == steps[die_at]:
                raise KeyboardInterrupt
            return method(self, *arguments, **keywords)

        return called

    monkeypatch.setattr(Path, "replace", or_die(Path.replace))
    if die_at == "remove the old plan":
        monkeypatch.setattr(Path, "unlink", or_die(Path.unlink))
    with pytest.raises(KeyboardInterrupt):
        built(cache, b"new", fresh=True)
    monkeypatch.undo()
    found = cache.find(INGREDIENTS)
    assert found.plan == (b"new" if die_at == "remove the old plan" else b"old")
    built(cache, b"newest", fresh=True)
    assert len(files_of(cache)) == 2


def test_a_folder_that_everybody_may_write_to_is_refused(cache):
    cache.folder.mkdir()
    cache.folder.chmod(0o777)
    with pytest.raises(EngineError, match="chmod o-w"):
        built(cache)


def test_no_folder_can_be_made(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(EngineError, match="DEEPBIQ_CACHE"):
        built(EngineCache(tmp_path / "file" / "engines"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_is_not_writable_is_refused_before_anything_is_built(cache):
    cache.folder.mkdir(mode=0o500)
    with pytest.raises(EngineError, match="not writable: set DEEPBIQ_CACHE"):
        cache.obtain(INGREDIENTS, never, never)


@pytest.mark.parametrize(
    ("variables", "folder"),
    [
        ({"DEEPBIQ_CACHE": "/a"}, "/a/engines"),
        ({"DEEPBIQ_CACHE": "/a", "XDG_CACHE_HOME": "/b"}, "/a/engines"),
        ({"XDG_CACHE_HOME": "/b"}, "/b/deepbiq/engines"),
        ({"XDG_CACHE_HOME": "relative"}, "/home/me/.cache/deepbiq/engines"),
        ({}, "/home/me/.cache/deepbiq/engines"),
    ],
)
def test_where_engines_are_kept(monkeypatch, variables, folder):
    for name in ("DEEPBIQ_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", "/home/me")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert engine_folder() == Path(folder)
