import datetime as dt

import pytest

from core.tables.cells import read_date, read_integer, read_number


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("10", 10.0),
        ("58", 58.0),
        ("1,234.5", 1234.5),
        ("-3", -3.0),
        ("−3", -3.0),
        ("+7", 7.0),
        ("$3", 3.0),
        ("12 %", 12.0),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("(45)", -45.0),
        ("($1,000)", -1000.0),
    ],
)
def test_number_is_read_as_people_write_it(text, number):
    assert read_number(text) == number


@pytest.mark.parametrize("text", ["1.234,5", "1,5", "007", "12-14", "1e999", "(-3)", "()", "", "ten", "1 234"])
def test_what_may_be_no_number_stays_text(text):
    assert read_number(text) is None


def test_day_is_read_where_it_can_be_told():
    assert read_date("3 March 2001") == read_date("2001-03-03") == read_date("Mar 3, 2001") == dt.date(2001, 3, 3)
    assert read_date("3/4/2001") is read_date("32 March 2001") is read_date("in May 2001") is None
    assert read_integer("1,000") == 1000
