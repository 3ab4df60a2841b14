"""The store: what is committed stays, what is wrong is said."""

from __future__ import annotations

import sqlite3

import pytest

from evonas.errors import StoreError
from evonas.study.store import Store, TrialRow
from evonas.study.trial import Evaluation

ROW = TrialRow(0, 0, (1, 2, 3), "abc", {"params": 7.0}, "waiting")
DONE = Evaluation(0, "proxy", 0, 0.25, 0.5, 2.0, 10, 0.1, "torch")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "study.db"


def test_what_is_recorded_is_read_back_by_another_connection(path):
    store = Store.create(path, {"seed": 3})
    store.add_trials([ROW])
    store.add_evaluation(DONE, "complete")
    store.add_tell(0, 1.5, 2.5)
    again = Store.open(path)
    assert again.meta("seed") == 3
    assert again.trials()[0].state == "complete"
    assert again.trials()[0].genome == (1, 2, 3)
    assert again.evaluations() == [DONE]
    assert again.tells() == [(0, 1.5, 2.5)]


def test_a_failure_is_kept_with_its_reason(path):
    store = Store.create(path, {})
    store.add_trials([ROW])
    store.add_evaluation(
        Evaluation(0, "proxy", 0, None, None, 0, 0, 0, "torch", "diverged"), "failed"
    )
    assert store.trials()[0].error == "diverged"


def test_a_batch_is_recorded_whole_or_not_at_all(path):
    store = Store.create(path, {})
    with pytest.raises(StoreError, match="What was recorded before is kept"):
        store.add_trials([ROW, ROW])
    assert store.trials() == []


def test_a_second_store_in_one_place_is_refused(path):
    Store.create(path, {})
    with pytest.raises(StoreError, match="already"):
        Store.create(path, {})


def test_a_missing_store_is_refused(path):
    with pytest.raises(StoreError, match="no study here"):
        Store.open(path)


def test_a_store_of_another_version_is_refused(path):
    Store.create(path, {}).set_meta("format", 99)
    with pytest.raises(StoreError, match="version 99, this evonas reads 1"):
        Store.open(path)


@pytest.mark.parametrize("content", [b"not a database at all" * 99, b""])
def test_a_damaged_store_is_refused(path, content):
    path.write_bytes(content)
    with pytest.raises(StoreError, match=r"damaged|cannot be opened"):
        Store.open(path)


def test_a_torn_page_is_noticed(path):
    store = Store.create(path, {})
    store.add_trials([TrialRow(n, 0, (1,) * 50, "d" * 16, {}, "waiting") for n in range(500)])
    store.close()
    data = bytearray(path.read_bytes())
    data[5000:9000] = b"\xff" * 4000
    path.write_bytes(bytes(data))
    with pytest.raises(StoreError, match="damaged"):
        Store.open(path)


def test_a_full_disk_keeps_what_was_recorded(path):
    store = Store.create(path, {})
    store.add_trials([ROW])
    pages = store._db.execute("PRAGMA page_count").fetchone()[0]
    store._db.execute(f"PRAGMA max_page_count = {pages}")
    rows = [TrialRow(n, 1, (9,) * 500, "d", {}, "waiting") for n in range(1, 200)]
    with pytest.raises(StoreError, match=r"full.*evonas resume"):
        store.add_trials(rows)
    store.close()
    assert [row.number for row in Store.open(path).trials()] == [0]


def test_the_file_is_plain_sqlite(path):
    Store.create(path, {}).close()
    tables = sqlite3.connect(path).execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    assert {name for (name,) in tables} == {"meta", "trials", "evaluations", "tells"}
