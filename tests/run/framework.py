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


def anthropic():
    from anthropic import Anthropic

    message = Anthropic(api_key="none", base_url=SERVER).messages.create(model="claude-sonnet-4-5", max_tokens=99, messages=QUESTION)
    return message.content[0].text


def google():
    from google import genai

    client = genai.Client(api_key="none", http_options={"base_url": SERVER})
    return client.models.generate_content(model="gemini-2.5-flash", contents="slowly").text


def mcp():
    """A tool in another process, which goes on with the trace of its caller."""
    from mcp import ClientSession, StdioServerParameters
    from mcp.client.stdio import stdio_client
    from opentelemetry.sdk.trace import TracerProvider

    parameters = StdioServerParameters(command=sys.executable, args=[__file__, "mcp_server", SERVER], env=dict(os.environ))

    async def ask():
        async with stdio_client(parameters) as (reading, writing), ClientSession(reading, writing) as session:
            await session.initialize()
            with TracerProvider().get_tracer("program").start_as_current_span("work"):
                return (await session.call_tool("ask", {})).content[0].text

    return asyncio.run(ask())


def mcp_server():
    from mcp.server.mcpserver import MCPServer

    server = MCPServer("answers")
    server.tool(name="ask")(lambda: call_openai())
    server.run()
    raise SystemExit


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
