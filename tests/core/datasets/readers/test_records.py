import json


def test_jsonl_gives_a_chunk_per_record(write, reading) -> None:
    path = write("tickets.jsonl", '{"id": "T-1", "ok": true, "n": 3, "gone": null}\n\n{"problem": "Stuck."}\n')
    first, second = reading(path).passages
    assert (first.document, first.place, first.text) == ("Tickets", "T-1", "Id: T-1\nOk: yes\nN: 3")
    assert (second.place, second.text) == ("Record 2", "Problem: Stuck.")


def test_json_takes_a_list_or_one_object_and_flattens(write, reading) -> None:
    nested = '{"name": "Desk", "size": {"width_cm": 80}, "colours": ["red", false], "parts": [{"id": 1}, {"id": 2}]}'
    expected = "Name: Desk\nSize width cm: 80\nColours: red, no\nParts 1 id: 1\nParts 2 id: 2"
    assert reading(write("one.json", nested)).texts == [expected]
    assert reading(write("many.json", f"[{nested}, {nested}]")).texts == [expected, expected]


def test_flat_records_that_share_their_fields_are_a_table(write, reading) -> None:
    records = [{"item": "Saw", "price": 12.5, "tags": ["a", "b"]}, {"price": 3, "item": "Drill", "tags": None}]
    for read in (
        reading(write("t.json", json.dumps(records))),
        reading(write("t.jsonl", "\n".join(map(json.dumps, records)))),
    ):
        assert read.tables[0].header == ("item", "price", "tags")
        assert read.rows[0] == [("Saw", "12.5", "a, b"), ("Drill", "3", "")]


def test_records_with_long_texts_stay_text(write, reading) -> None:
    lines = "\n".join(json.dumps({"id": f"T-{n}", "problem": "It does not work. " * 8}) for n in range(3))
    read = reading(write("t.jsonl", lines))
    assert (read.tables, [p.place for p in read.passages]) == ([], ["T-0", "T-1", "T-2"])


def test_bad_records_are_left_out_and_told(write, reading) -> None:
    lines = '{"a": 1, "b": 2}\n{"a": 1, "b":\n{"a": 3, "b": "\\ud800"}\n{"b": 4, "a": 5}\n'
    read = reading(write("t.jsonl", lines))
    assert read.rows[0] == [("1", "2"), ("5", "4")]
    assert [problem.split(":")[0] for problem in read.problems] == ["t.jsonl, line 2", "t.jsonl, line 3"]
    read = reading(write("u.jsonl", '{"a": {"x": 1}}\n[1]\n{"a": 2}\n'))
    assert read.texts == ["A x: 1", "A: 2"]
    assert read.problems == ["u.jsonl, line 2: expected an object of fields, found list."]
