import pytest

from services.shared.errors import AppError
from services.user_management.config import UserManagementSettings


def test_settings_come_from_their_own_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MUSICGEN_USER_MANAGEMENT_DATABASE_URL", "postgresql://someone@somewhere/else")
    monkeypatch.setenv("MUSICGEN_USER_MANAGEMENT_QUEUE_LIMIT", "7")
    settings = UserManagementSettings.load()
    assert (settings.database_url, settings.queue_limit) == ("postgresql://someone@somewhere/else", 7)


def test_other_database_is_refused_by_name_of_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MUSICGEN_USER_MANAGEMENT_DATABASE_URL", "mysql://secret@somewhere/else")
    with pytest.raises(AppError) as refused:
        UserManagementSettings.load()
    assert "MUSICGEN_USER_MANAGEMENT_DATABASE_URL" in refused.value.message
    assert "secret" not in refused.value.message


def test_short_password_of_the_first_admin_is_refused_and_never_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MUSICGEN_USER_MANAGEMENT_FIRST_ADMIN_PASSWORD", "letmein")
    with pytest.raises(AppError) as refused:
        UserManagementSettings.load()
    assert "MUSICGEN_USER_MANAGEMENT_FIRST_ADMIN_PASSWORD" in refused.value.message
    assert "letmein" not in refused.value.message


@pytest.mark.parametrize(("days", "taken"), [("0", True), ("30", True), ("365", True), ("1", False), ("-1", False)])
def test_the_audit_log_is_kept_for_ever_or_at_least_a_month(
    days: str, taken: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MUSICGEN_USER_MANAGEMENT_AUDIT_KEPT_DAYS", days)
    if taken:
        assert UserManagementSettings.load().audit_kept_days == int(days)
    else:
        with pytest.raises(AppError, match="MUSICGEN_USER_MANAGEMENT_AUDIT_KEPT_DAYS"):
            UserManagementSettings.load()
