"""tuneaws.lesson: what the notebooks print with."""

from tuneaws.lesson import check, table


def test_numbers_of_a_table_stand_on_the_right_and_none_is_empty(capsys):
    table([{"name": "a", "usd": 1.5}, {"name": "long", "usd": 10}, {"name": None, "usd": None}])
    assert capsys.readouterr().out.splitlines() == [
        "name  usd",
        "----  ---",
        "a     1.5",
        "long   10",
        "",
    ]


def test_a_table_prints_the_columns_that_were_asked_for(capsys):
    table([{"a": 1, "b": "x"}], columns=["b"])
    assert capsys.readouterr().out == "b\n-\nx\n"


def test_a_table_of_nothing_says_so(capsys):
    table([])
    assert capsys.readouterr().out == "(no rows)\n"


def test_a_check_says_what_is_left_to_do_and_does_not_raise(capsys):
    check(("one holds", True, "unused"), ("two holds", None, "do this\nor that"))
    out = capsys.readouterr().out
    assert out == "[done]   one holds\n[to do]  two holds\n         do this\n         or that\n1 of 2 done.\n"


def test_a_check_says_that_the_exercise_is_solved(capsys):
    check(("one holds", True, ""))
    assert capsys.readouterr().out.endswith("1 of 1 done: the exercise is solved.\n")
