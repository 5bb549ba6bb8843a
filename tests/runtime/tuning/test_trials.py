from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from deepbiq.configuration import Configuration
from deepbiq.tuning.trials import NEARLY_AS_FAST, Trial, fastest

ANY = Configuration("auto", "auto", None)

trials = st.lists(
    st.builds(
        Trial,
        st.builds(
            Configuration,
            st.sampled_from(["onnxruntime", "tensorrt"]),
            st.sampled_from(["fp32", "fp16", "int8"]),
            st.sampled_from([None, 1, 2]),
        ),
        st.none() | st.floats(0.1, 1000),
        st.none() | st.just("scores are wrong"),
    )
)
wanted = st.builds(
    Configuration,
    st.sampled_from(["auto", "onnxruntime", "tensorrt"]),
    st.sampled_from(["auto", "fp32", "fp16", "int8"]),
    st.sampled_from([None, 1, 2]),
)


@given(trials, wanted)
def test_the_choice_is_usable_is_what_was_asked_for_and_is_as_fast_as_any(found, asked):
    chosen = fastest(found, asked)
    usable = [t for t in found if t.fault is None and t.ms is not None and t.configuration.is_case_of(asked)]
    if chosen is None:
        assert usable == []
        return
    assert chosen in usable
    assert chosen.ms <= NEARLY_AS_FAST * min(trial.ms for trial in usable)
    for name in ("engine", "precision", "threads"):
        assert getattr(asked, name) in ("auto", None, getattr(chosen.configuration, name))


def test_of_those_nearly_as_fast_the_first_is_taken():
    fp32, int8 = (Configuration("onnxruntime", precision, 1) for precision in ("fp32", "int8"))
    assert fastest([Trial(fp32, 10.2), Trial(int8, 10.0)], ANY).configuration == fp32
    assert fastest([Trial(fp32, 10.4), Trial(int8, 10.0)], ANY).configuration == int8


def test_what_failed_is_never_taken_however_fast():
    slow, wrong = Configuration("onnxruntime", "fp32", 1), Configuration("onnxruntime", "int8", 1)
    assert fastest([Trial(slow, 90.0), Trial(wrong, 1.0, "scores are wrong")], ANY).configuration == slow
    assert fastest([Trial(wrong, 1.0, "scores are wrong")], ANY) is None
