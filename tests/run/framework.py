"""A call of a model by one framework, for the test of what is traced.

    python framework.py FRAMEWORK http://127.0.0.1:PORT
"""

import asyncio
import os
import sys

FRAMEWORK, SERVER = sys.argv[1:3]
os.environ.update(OPENAI_API_KEY="none", OPENAI_BASE_URL=SERVER + "/v1", LITELLM_LOCAL_MODEL_COST_MAP="True")
QUESTION = [{"role": "user", "content": "slowly"}]


def call_openai(client=None):
    from openai import OpenAI

    return (client or OpenAI()).chat.completions.create(model="gpt-5-mini", messages=QUESTION).choices[0].message.content


def openai():
    return call_openai()


def langchain():
    from langchain_openai import ChatOpenAI

    return ChatOpenAI(model="gpt-5-mini", use_responses_api=False).invoke("slowly").content


def langchain_async():
    from langchain_openai import ChatOpenAI

    return asyncio.run(ChatOpenAI(model="gpt-5-mini", use_responses_api=False).ainvoke("slowly")).content


def langchain_tool():
    """A tool of the program that calls the client itself."""
    from langchain_core.tools import tool

    @tool
    def ask(question: str) -> str:
        """Ask."""
        return call_openai()

    return ask.invoke("slowly")


def litellm():
    import litellm

    return litellm.completion(model="openai/gpt-5-mini", messages=QUESTION).choices[0].message.content


def pydantic_ai():
    from pydantic_ai import Agent
    from pydantic_ai.models.openai import OpenAIChatModel

    return Agent(OpenAIChatModel("gpt-5-mini"), name="Clerk").run_sync("slowly").output


def pydantic_ai_with_logfire():
    import logfire

    logfire.configure(send_to_logfire=False, console=False)
    logfire.instrument_pydantic_ai()
    return pydantic_ai()


def logfire():
    import logfire
    from openai import OpenAI

    logfire.configure(send_to_logfire=False, console=False)
    client = OpenAI()
    logfire.instrument_openai(client)
    with logfire.span("work"):
        return call_openai(client)


print(globals()[FRAMEWORK]())
