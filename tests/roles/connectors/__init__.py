import pytest

pytest.register_assert_rewrite("tests.roles.connectors.contract")
