import pytest

from tests.fuzz import kill_keeper


@pytest.mark.slow
def test_killing_a_process_that_keeps_pictures_tears_and_loses_none(tmp_path):
    report = kill_keeper.run(10, 1, tmp_path)
    assert kill_keeper.good(report), report
    assert report["kills"] == 10
    assert report["announced"] >= 10


def test_notices_what_must_never_happen(tmp_path):
    picture = tmp_path / "front-20240101T000000.000Z-50.0.jpg"
    picture.write_bytes(b"\xff\xd8 half of one")
    picture.with_suffix(".json").write_text('{"score": 50.0}')
    assert len(list(kill_keeper._torn(tmp_path))) == 1
    assert kill_keeper._differs(picture, {"score": 40.0})
    assert not kill_keeper._differs(picture, {"score": 50.0})
    nothing = {key: [] for key in kill_keeper.WRONG}
    assert kill_keeper.good({**nothing, "announced": 3})
    for key in nothing:
        assert not kill_keeper.good({**nothing, "announced": 3, key: ["something"]})
    assert not kill_keeper.good({**nothing, "announced": 0})
