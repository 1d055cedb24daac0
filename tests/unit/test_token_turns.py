"""Tokens of `audience serve`: each address has a turn a second."""

from collections import defaultdict

from hypothesis import given
from hypothesis import strategies as st

from console.web import TOKEN_SECONDS, TokenTurns


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from([0.0, 0.5, 3.0]))))
def test_the_turns_of_an_address_are_a_second_apart_and_the_first_is_at_once(tokens: list[tuple[str, float]]) -> None:
    turns, taken, now = TokenTurns(), defaultdict[str, list[float]](list), 0.0
    for address, pause in tokens:
        now += pause
        expected = max([now, *(turn + TOKEN_SECONDS for turn in taken[address])])
        seconds = turns.take(address, now)
        assert seconds == (expected - now if expected - now <= 5 * TOKEN_SECONDS else None)
        if seconds is not None:
            taken[address].append(now + seconds)


def test_a_few_tokens_wait_and_others_are_refused_until_those_had_their_turn() -> None:
    turns = TokenTurns()
    assert [turns.take("a", 0.0) for _ in range(8)] == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, None, None]
    assert turns.take("b", 0.0) == 0.0
    assert turns.take("a", 1.0) == 5.0
    assert turns.take("a", 60.0) == 0.0


def test_addresses_are_forgotten() -> None:
    turns = TokenTurns()
    for number in range(1_000):
        turns.take(str(number), number * TOKEN_SECONDS / 10)
    assert len(vars(turns)["_next"]) <= 11
