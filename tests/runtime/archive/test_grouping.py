"""Groups of pictures that show the same, held against the definition, taken literally and slowly."""

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepbiq.archive.report.gallery import choose_pictures
from deepbiq.archive.report.grouping import BURST_BITS, BURST_GAP_S, COPY_BITS, Group, differing_bits, find_groups
from deepbiq.archive.report.records import sort_records
from deepbiq.archive.schema import table_of
from tests.runtime.archive.report_material import START, row_of

SCENES = [np.random.default_rng(seed).bytes(32) for seed in range(3)]


def changed(code, bits, seed=0):
    """The same hash with so many bits turned round."""
    places = np.random.default_rng(seed).permutation(256)[:bits]
    turned = np.unpackbits(np.frombuffer(code, np.uint8))
    turned[places] ^= 1
    return np.packbits(turned).tobytes()


def records_of(*rows):
    return sort_records(table_of(rows))


def picture(name, score, code=None, **facts):
    return row_of(f"/photos/{name}", score, perceptual_hash=code, **{"width": 600, "height": 400, **facts})


def names_of(records, group):
    return [records.paths[row].rpartition("/")[2] for row in (group.best, *group.others)]


def kinds_and_names(*rows):
    records = records_of(*rows)
    return [(group.kind, names_of(records, group)) for group in find_groups(records)]


def test_copies_are_found_by_likeness_and_the_best_is_the_highest_score():
    rows = [
        picture("small", 55, changed(SCENES[0], COPY_BITS)),
        picture("original", 70, SCENES[0]),
        picture("other", 90, SCENES[1]),
        picture("just too far", 60, changed(SCENES[0], COPY_BITS + 1)),
    ]
    assert kinds_and_names(*rows) == [("duplicates", ["original", "small"])]


def test_of_equal_scores_the_larger_picture_is_the_best_then_the_first_path():
    rows = [
        picture("c", 50, SCENES[0], width=800),
        picture("b", 50, SCENES[0]),
        picture("a", 50, SCENES[0]),
    ]
    assert kinds_and_names(*rows) == [("duplicates", ["c", "a", "b"])]


def test_equal_content_is_a_duplicate_even_where_nothing_can_be_seen():
    rows = [picture("black", 5, content_hash="a" * 64), picture("black too", 5, content_hash="a" * 64)]
    assert kinds_and_names(*rows, picture("night", 5, content_hash="b" * 64)) == [
        ("duplicates", ["black", "black too"])
    ]


def shot(name, score, second, bits, camera="Canon"):
    taken = START + timedelta(seconds=second)
    return picture(name, score, changed(SCENES[0], bits, seed=second), camera=camera, taken=taken)


def test_a_burst_is_of_one_camera_and_follows_closely_and_is_alike():
    rows = [
        shot("first", 60, 0, 30),
        shot("second", 80, BURST_GAP_S, 0),
        shot("third", 70, 2 * BURST_GAP_S, 60),
        shot("too late", 65, 3 * BURST_GAP_S + 1, 30),
        shot("another camera", 65, 1, 30, camera="Nikon"),
        shot("another scene", 66, 2, 120),
        picture("no time", 64, changed(SCENES[0], 40)),
    ]
    assert kinds_and_names(*rows) == [("burst", ["second", "third", "first"])]


def test_no_chain_of_small_steps_swallows_a_series():
    steps = [changed(SCENES[0], bits) for bits in range(0, 120, 10)]
    rows = [picture(f"{step:02d}", 90 - step, code) for step, code in enumerate(steps)]
    assert [names for _, names in kinds_and_names(*rows)] == [
        [f"{step:02d}", f"{step + 1:02d}"] for step in range(0, 12, 2)
    ]


def test_rows_without_a_score_are_in_no_group():
    broken = row_of("/photos/broken", None, content_hash="a" * 64)
    assert kinds_and_names(broken, row_of("/photos/broken too", None, content_hash="a" * 64)) == []
    assert find_groups(records_of(broken)) == []


pictures = st.lists(
    st.builds(
        dict,
        scene=st.integers(0, 2),
        bits=st.sampled_from([0, 3, 8, 12, 13, 40, 70, 73, 128]),
        seed=st.integers(0, 3),
        score=st.sampled_from([10.0, 50.0, 50.5, 90.0]),
        width=st.sampled_from([300, 600]),
        content=st.sampled_from(["a" * 64, "b" * 64, None, None]),
        camera=st.sampled_from(["Canon", "Nikon", None]),
        second=st.one_of(st.none(), st.integers(0, 20)),
        hashed=st.sampled_from([True, True, True, False]),
    ),
    max_size=25,
)


@given(pictures)
def test_groups_are_those_of_the_definition(drawn):
    rows = [
        picture(
            f"{number:03d}", one["score"],
            changed(SCENES[one["scene"]], one["bits"], one["seed"]) if one["hashed"] else None,
            width=one["width"], content_hash=one["content"], camera=one["camera"],
            taken=None if one["second"] is None else START + timedelta(seconds=one["second"]),
        )
        for number, one in enumerate(drawn)
    ]  # fmt: skip
    records = records_of(*rows)
    groups = find_groups(records)
    assert groups == slow_groups(records)
    members = [row for group in groups for row in (group.best, *group.others)]
    assert len(members) == len(set(members))
    assert all(records.scores[group.best] >= max(records.scores[list(group.others)]) for group in groups)


def slow_groups(records):
    columns = {name: records.column(name) for name in ("width", "height", "content_hash", "camera", "taken")}
    codes = records.column("perceptual_hash")

    def rank(row):
        return -records.scores[row], -columns["width"][row] * columns["height"][row], records.paths[row]

    def run_of(row):
        """The rows of one burst: of its camera, each within the gap of the next."""
        mates = [
            other
            for other in range(len(records))
            if columns["camera"][row] is not None
            and columns["camera"][other] == columns["camera"][row]
            and None not in (columns["taken"][row], columns["taken"][other])
        ]
        run, grown = {row}, True
        while grown and mates:
            gap = timedelta(seconds=BURST_GAP_S)
            times = [columns["taken"][one] for one in run]
            more = {one for one in mates if any(abs(columns["taken"][one] - time) <= gap for time in times)}
            grown, run = not more <= run, run | more
        return run

    def bits(one, other):
        if codes[one] is None or codes[other] is None:
            return 999
        return (int.from_bytes(codes[one], "big") ^ int.from_bytes(codes[other], "big")).bit_count()

    def same(one, other):
        return columns["content_hash"][one] == columns["content_hash"][other] is not None

    groups, grouped = [], set()
    for best in sorted(range(len(records)), key=rank):
        if best in grouped:
            continue
        free = [row for row in range(len(records)) if row not in grouped and row != best]
        copies = {row for row in free if same(best, row) or bits(best, row) <= COPY_BITS}
        shots = {row for row in free if row in run_of(best) and bits(best, row) <= BURST_BITS}
        if copies or shots:
            grouped |= {best, *copies, *shots}
            kind = "burst" if shots - copies else "duplicates"
            groups.append(Group(kind, best, tuple(sorted(copies | shots, key=rank))))
    return groups


def test_bits_are_counted():
    codes = np.frombuffer(b"".join(changed(SCENES[0], bits) for bits in (0, 1, 100, 256)), np.uint16).reshape(
        -1, 16
    )
    assert differing_bits(codes, codes[0]).tolist() == [0, 1, 100, 256]


def test_a_contact_sheet_shows_one_picture_of_each_group():
    groups = [Group("duplicates", 9, (8, 1)), Group("burst", 4, (0,))]
    gallery = choose_pictures(10, groups, 3)
    assert gallery.best == [9, 7, 6]
    assert gallery.worst == [0, 1, 2]
    assert gallery.rows() == [0, 1, 2, 4, 6, 7, 8, 9]


@pytest.mark.parametrize("copies", [1, 500])
def test_only_the_largest_groups_and_their_first_pictures_are_shown(copies):
    group = Group("duplicates", copies, tuple(range(copies - 1, -1, -1)))
    gallery = choose_pictures(copies + 1, [group] * 100, 1)
    assert len(gallery.groups) == 24
    assert len(gallery.rows()) <= 7
