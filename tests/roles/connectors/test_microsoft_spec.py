"""The stand-in for Microsoft is strict: what its description does not name is refused and complained about."""

from typing import Any

import pytest

from tests.roles.connectors.microsoft_azure import AZURE_READER, SUBSCRIPTION, AzureTenant
from tests.roles.connectors.microsoft_server import Answer, Asked, Microsoft

pytestmark = pytest.mark.one_database

SCHEDULING = "/v1.0/roleManagement/directory/roleAssignmentScheduleRequests"
ASSIGNMENT = f"{SUBSCRIPTION}/providers/Microsoft.Authorization/roleAssignments/{AZURE_READER}"


@pytest.mark.parametrize(
    ("method", "path", "query", "body"),
    [
        ("GET", "/v1.0/me/messages", {}, None),
        ("DELETE", "/v1.0/users/alice", {}, None),
        ("GET", "/v1.0/users", {"filter": "id eq 'x'"}, None),
        ("POST", SCHEDULING, {}, {"action": "giveHim"}),
        ("POST", SCHEDULING, {}, {"action": "adminAssign", "principal_id": "x"}),
        ("POST", SCHEDULING, {}, {"scheduleInfo": {"expiration": {"endDateTime": "tomorrow"}}}),
        ("POST", f"{SCHEDULING}/x/cancel", {}, {"why": "no more"}),
        ("POST", "/v1.0/groups/x/members/$ref", {}, {"id": "x"}),
        ("PUT", ASSIGNMENT, {"api-version": "2015-07-01"}, {"properties": {}}),
        ("PUT", ASSIGNMENT, {"api-version": "2022-04-01"}, {"properties": {"principal": "x"}}),
    ],
)
def test_given_a_question_that_microsoft_does_not_know_when_asked_then_it_is_refused_and_written_down(
    microsoft: Microsoft, method: str, path: str, query: dict[str, str], body: Any
) -> None:
    AzureTenant(microsoft)
    with pytest.raises(Answer):
        microsoft.handle(Asked(method, path, "", query, body))
    assert len(microsoft.complaints) == 1
