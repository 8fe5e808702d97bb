import pytest

from services.user_management.library.lineage import relation_of


@pytest.mark.parametrize(
    ("kind", "request_", "others", "relation"),
    [
        ("generate", {"variation_of_id": "x"}, False, "variation"),
        ("generate", {"variation_of_id": "x"}, True, "remix"),
        ("generate", {"continue_from_id": "x"}, False, "continuation"),
        ("generate", {"melody_id": "x"}, False, "melody"),
        ("generate", {"melody_id": "x"}, True, "remix"),
        ("generate", {"style_id": "x"}, False, "style"),
        ("generate", {"style_id": "x", "continue_from_id": "y"}, False, "continuation"),
        ("separate", {}, True, "stem"),
        ("mix", {}, False, "mix"),
        ("master", {}, True, "master"),
        ("import", {}, False, ""),
    ],
)
def test_each_kind_of_work_has_a_name(kind: str, request_: dict[str, str], others: bool, relation: str) -> None:
    assert relation_of(kind, request_, of_somebody_else=others) == relation
