"""Tests for remembering what was worked out for lists of ids."""

from core.scopes import Scopes


def test_same_list_gives_the_same_object() -> None:
    scopes = Scopes[list[int]](2)
    first = scopes.of(["a", "b"], lambda: [1])
    assert scopes.of(("a", "b"), lambda: [2]) is first
    assert scopes.of(["b", "a"], lambda: [2]) == [2]
    assert scopes.of(["a", "b"], lambda: [3], beside="today") == [3]


def test_what_is_empty_is_remembered_too() -> None:
    scopes = Scopes[list[int]](2)
    first = scopes.of([], list)
    assert scopes.of([], lambda: [1]) is first


def test_no_more_lists_than_allowed_are_remembered() -> None:
    scopes = Scopes[list[int]](2)
    for each in ("a", "b", "c"):
        scopes.of([each], lambda: [1])
    assert scopes.of(["c"], lambda: [2]) == [1]
    assert scopes.of(["a"], lambda: [2]) == [2]
