from collections.abc import Callable
from pathlib import Path

import pytest

from core.tables.schema import StoredTable
from core.tables.table_store import TableStore

Keep = Callable[..., StoredTable]


@pytest.fixture
def keep(tmp_path: Path) -> Keep:
    store = TableStore(tmp_path / "kept")

    def write(header: list[str], *rows: list[str], title: str = "Medals") -> StoredTable:
        return store.write("data", "v1", name=title, title=title, header=header, rows=rows)

    return write


@pytest.fixture
def medals(keep: Keep) -> StoredTable:
    return keep(
        ["Rank", "Nation", "Continent", "Gold", "Date joined"],
        ["1", "Norway", "Europe", "14", "3 May 1905"],
        ["2", "Germany", "Europe", "1,014", "October 3, 1990"],
        ["3", "Canada", "North America", "11", "1 July 1867"],
        ["4", "Peru", "South America", "0", "28 July 1821"],
        ["5", "Chile", "South America", "—", "18 September 1810"],
        ["Total", "Total", "", "1,039", ""],
    )
