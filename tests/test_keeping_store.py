"""The store on disk: what it took is there at the next start, and what is damaged costs no more than that."""

import logging
import sqlite3
import threading

import pytest
from pocketaws.keeping.store import FILE, Store, StoreClosed


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "state"


@pytest.fixture(autouse=True)
def warnings_seen(caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger("pocketaws"), "propagate", True)
    return caplog


def reopened(store, **named):
    store.close()
    return Store(store.folder, **named)


def test_entries_come_back_in_the_order_in_which_their_keys_came(folder):
    store = Store(folder)
    for key in ("b", "a", "c"):
        store.put("job", key, key.encode())
    store.put("job", "b", b"changed")
    store.put("model", "b", b"another kind")
    store.delete("job", "a")
    store = reopened(store)
    assert store.items("job") == [("b", b"changed"), ("c", b"c")]
    assert store.kinds() == ["job", "model"]
    store.clear("job")
    assert store.kinds() == ["model"]
    store.close()


def test_a_change_that_fails_leaves_nothing_of_itself(folder):
    store = Store(folder)
    store.put("job", "a", b"1")
    with pytest.raises(TypeError):
        store.change(puts=[("job", "b", b"2"), ("job", "c", 3)], deletes=[("job", "a")])
    with pytest.raises(sqlite3.Error):
        store.change(puts=[("job", "b", b"2"), ("job", None, b"3")], deletes=[("job", "a")])
    store = reopened(store)
    assert store.items("job") == [("a", b"1")]
    store.close()


def test_two_threads_lose_no_write(folder):
    store = Store(folder)

    def put(name):
        for number in range(200):
            store.put(name, str(number), b"x" * number)

    threads = [threading.Thread(target=put, args=(name,)) for name in ("one", "two", "three")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    store = reopened(store)
    expected = [(str(number), b"x" * number) for number in range(200)]
    assert [store.items(name) for name in ("one", "two", "three")] == [expected] * 3
    store.close()


def test_a_closed_store_says_that_it_keeps_nothing(folder):
    store = Store(folder)
    store.close()
    with pytest.raises(StoreClosed):
        store.put("job", "a", b"1")


def test_a_damaged_entry_costs_that_entry(folder, warnings_seen):
    store = Store(folder)
    for key in ("a", "b", "c"):
        store.put("job", key, b"value of " + key.encode())
    store.close()
    file = folder / FILE
    file.write_bytes(file.read_bytes().replace(b"value of b", b"value of x"))
    store = Store(folder)
    assert [key for key, _ in store.items("job")] == ["a", "c"]
    assert "the job b is set aside: its checksum is wrong" in warnings_seen.text
    store = reopened(store)
    assert [key for key, _ in store.items("job")] == ["a", "c"]
    store.close()


def test_of_a_file_with_damaged_pages_the_rest_is_read(folder, warnings_seen):
    store = Store(folder)
    for number in range(300):
        store.put("job", f"{number:03}", bytes([number % 256]) * 1000)
    store.close()
    content = bytearray((folder / FILE).read_bytes())
    content[100_000:120_000] = b"\xff" * 20_000
    (folder / FILE).write_bytes(content)
    store = Store(folder)
    left = store.items("job")
    assert 200 < len(left) < 300
    assert all(value == bytes([int(key) % 256]) * 1000 for key, value in left)
    assert f"{len(left)} entries read from it" in warnings_seen.text
    assert (folder / f"{FILE}.damaged").exists()
    store.close()


def test_a_file_that_is_no_database_is_kept_and_begun_anew(folder):
    folder.mkdir()
    (folder / FILE).write_bytes(b"not SQLite" * 1000)
    store = Store(folder)
    assert store.kinds() == []
    assert (folder / f"{FILE}.damaged").read_bytes() == b"not SQLite" * 1000
    store.close()


def test_another_format_is_set_aside_whole_and_never_read(folder, tmp_path, warnings_seen):
    files = tmp_path / "s3"
    files.mkdir()
    (files / "object").write_bytes(b"theirs")
    store = Store(folder, beside=[files])
    store.put("job", "a", b"1")
    store.close()
    for label in ("format-99-moto-1.0", "format-99-moto-1.0.2"):
        with sqlite3.connect(folder / FILE) as db:
            db.execute("update format set is_now = '99, moto 1.0'")
        db.close()
        store = Store(folder, beside=[files])
        assert store.kinds() == []
        store.put("job", "b", b"2")
        store.close()
        assert (tmp_path / f"state.{label}" / FILE).exists()
    assert (tmp_path / "s3.format-99-moto-1.0" / "object").read_bytes() == b"theirs"
    assert not files.exists()
    assert "has format 99, moto 1.0, this pocketaws reads 1, moto" in warnings_seen.text
