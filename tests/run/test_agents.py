"""Three tests of agents, for pytest: one agent each."""

import os

import pytest

os.environ["AGNO_TELEMETRY"] = "false"

from agno.agent import Agent  # noqa: E402
from agno.models.openai import OpenAIChat  # noqa: E402


@pytest.mark.parametrize("name", ["First", "Second", "Third"])
def test_agent(name):
    model = OpenAIChat(id="gpt-5-mini", base_url=os.environ["MODEL_SERVER"] + "/v1", api_key="none", max_retries=0)
    assert Agent(name=name, model=model).run("slowly").content
