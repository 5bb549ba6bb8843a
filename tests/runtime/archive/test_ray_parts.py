"""What an archive on Ray is made of, without a cluster."""

from __future__ import annotations

import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

import deepbiq
from deepbiq.archive.grading import preparation_of, row_of, yardstick_of
from deepbiq.archive.on_ray import WAVE_OF_CORE, RayRun, _take_wave, grade_on_ray
from deepbiq.archive.preparing import Preparation, prepare
from deepbiq.archive.ray_bundle import load_like, pack_bundle
from deepbiq.archive.ray_cluster import workers_for
from deepbiq.archive.ray_stages import BLOCK, ScoringActor, decode, listed_table
from deepbiq.archive.ray_stages import _listed_of as listed_of
from deepbiq.archive.row import Listed, Yardstick
from deepbiq.archive.schema import SCHEMA, rows_of
from deepbiq.errors import ArchiveError, BundleError, EngineError

SCALED, NATIVE = Preparation(512, 10**8, 10**8), Preparation(None, 10**8, 10**8)
INPUT = st.builds(
    Listed,
    path=st.binary(min_size=1).map(lambda raw: raw.decode("utf-8", "surrogateescape")),
    size=st.none() | st.integers(0, 2**62),
    mtime_ns=st.none() | st.integers(-(2**62), 2**62),
    fault=st.none() | st.text(),
)


class Notes:
    """A ledger in this process."""

    def __init__(self, *, open_to=1000):
        self.left = open_to
        self.calls = []

    def admit(self, block):
        self.left -= 1
        return self.left >= 0

    def begin(self, block):
        self.calls.append("begin")

    def finish(self, block):
        self.calls.append("finish")

    def report(self, error):
        self.calls.append(str(error))


@pytest.fixture
def scorer(tiny_bundle):
    with deepbiq.load(tiny_bundle, threads=1) as scorer:
        yield scorer


def decoded(table, scorer, ledger):
    return decode(
        table,
        how=preparation_of(scorer),
        yardstick=yardstick_of(scorer),
        processes=1,
        timeout_s=60,
        ledger=ledger,
    )


@given(st.lists(INPUT, min_size=1, max_size=5))
def test_inputs_travel_as_they_are(inputs):
    assert list(listed_of(listed_table(3, inputs))) == inputs


@given(count=st.integers(0, 5000), cores=st.integers(1, 40), how=st.sampled_from([SCALED, NATIVE]))
def test_a_wave_takes_every_input_once_in_blocks_that_keep_all_cores_busy(count, cores, how):
    inputs = [Listed(str(number)) for number in range(count)]
    wave = _take_wave(iter(inputs), cores, how)
    assert [listed for table in wave for listed in listed_of(table)] == inputs
    assert [table.column(BLOCK)[0].as_py() for table in wave] == list(range(len(wave)))
    assert all(0 < table.num_rows <= (8 if how is NATIVE else 64) for table in wave)
    assert len(wave) >= min(count, 4 * cores)


def test_the_next_wave_goes_on_where_the_first_ended():
    inputs = (Listed(str(number)) for number in range(WAVE_OF_CORE + 7))
    assert sum(table.num_rows for table in _take_wave(inputs, 1, SCALED)) == WAVE_OF_CORE
    assert [listed.path for table in _take_wave(inputs, 1, SCALED) for listed in listed_of(table)] == [
        str(WAVE_OF_CORE + number) for number in range(7)
    ]
    assert _take_wave(inputs, 1, SCALED) == []


def test_both_stages_give_the_rows_of_one_machine(scorer, photos):
    inputs = [Listed(str(path)) for path in sorted(photos.rglob("*"))]
    ledger = Notes()
    actor = ScoringActor(lambda: scorer, ledger)
    table = actor(decoded(listed_table(7, inputs), scorer, ledger))
    expected = [row_of(item.path, prepare(item, preparation_of(scorer)), scorer) for item in inputs]
    assert list(rows_of(table.select(SCHEMA.names))) == expected
    assert table.column(BLOCK).to_pylist() == [7] * len(inputs)
    assert sorted(row.score for row in expected if row.score is not None) == pytest.approx([0, 40, 100], abs=0.1)
    assert ledger.calls == ["begin", "finish"]


def test_a_block_that_may_not_be_begun_has_no_rows(scorer, photos):
    ledger = Notes(open_to=0)
    halves = decoded(listed_table(7, [Listed(str(photos / "a.png"))]), scorer, ledger)
    assert ScoringActor(lambda: scorer, ledger)(halves).num_rows == halves.num_rows == 0
    assert ledger.calls == []


def test_an_error_of_the_engine_is_reported_before_it_is_raised(scorer, photos):
    def refuse():
        raise EngineError("no engine here")

    ledger = Notes()
    halves = decoded(listed_table(7, [Listed(str(photos / "a.png"))]), scorer, ledger)
    with pytest.raises(EngineError):
        ScoringActor(refuse, ledger)(halves)
    assert ledger.calls == ["begin", "no engine here"]


def test_a_bundle_travels_as_a_zip(scorer, tiny_bundle, tmp_path):
    yardstick, how = yardstick_of(scorer), preparation_of(scorer)
    packed = pack_bundle(tiny_bundle)
    with load_like(yardstick, how, packed=packed, engine="auto", threads=1) as there:
        assert yardstick_of(there) == yardstick
    zipped = tmp_path / "tiny.zip"
    zipped.write_bytes(packed)
    assert pack_bundle(zipped) == packed


def test_the_own_bundle_of_a_node_must_be_that_of_the_run(scorer):
    with pytest.raises(BundleError, match=r"would score with model \S+ instead of tiny@\w+"):
        load_like(
            Yardstick("tiny@0", "dense", "feature-avg", "512", "fp32"),
            preparation_of(scorer),
            packed=None,
            engine="auto",
            threads=1,
        )


@pytest.mark.parametrize(
    ("resources", "wanted", "actors", "gpus"),
    [
        ({"CPU": 2.0}, None, 2, 0.0),
        ({"CPU": 2.0}, 1, 1, 0.0),
        ({"CPU": 2.0}, 9, 2, 0.0),
        ({"CPU": 1.0}, None, 1, 0.0),
        ({"CPU": 64.0, "GPU": 4.0}, None, 4, 1.0),
        ({"CPU": 2.0, "GPU": 8.0}, None, 7, 1.0),
    ],
)
def test_a_cluster_is_shared_out(resources, wanted, actors, gpus):
    workers = workers_for(resources, wanted)
    assert (workers.actors, workers.gpu_of_actor) == (actors, gpus)
    assert workers.actors * workers.cpu_of_actor + workers.cpu_of_task <= resources["CPU"]


def test_a_cluster_without_cores_is_refused():
    with pytest.raises(ArchiveError, match="no free core"):
        workers_for({"memory": 1e9}, None)


@pytest.mark.parametrize("scheme", ["", "ray://"])
def test_a_cluster_that_does_not_answer_is_named_at_once(scorer, monkeypatch, scheme):
    pytest.importorskip("ray", reason="archives on a cluster need Ray: install deepbiq[ray]")
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # and nobody listens
        address = f"{scheme}127.0.0.1:{bound.getsockname()[1]}"
        run = RayRun(yardstick_of(scorer), preparation_of(scorer), address=address)
        with pytest.raises(ArchiveError, match=f"no Ray cluster answers at {address}"):
            list(grade_on_ray(run, lambda: False)([Listed("/a.jpg")]))


def test_without_inputs_no_cluster_is_started(scorer, monkeypatch):
    monkeypatch.setattr("deepbiq.archive.on_ray.connected", None)
    assert list(grade_on_ray(RayRun(yardstick_of(scorer), preparation_of(scorer)), lambda: False)([])) == []
