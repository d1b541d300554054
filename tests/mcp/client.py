"""Asks `agno-top mcp` with the Model Context Protocol's own client: the program, a source, a tool, and its arguments as JSON."""

import asyncio
import json
import sys

from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client


def first(value: object, *names: str) -> object:
    """Returns the first attribute that there is: versions of the client name them differently."""
    return next(getattr(value, name) for name in names if hasattr(value, name))


async def main(program: str, source: str, tool: str, arguments: str) -> None:
    async with stdio_client(StdioServerParameters(command=program, args=["mcp", source])) as streams:
        async with ClientSession(*streams) as session:
            server = await session.initialize()
            tools = await session.list_tools()
            answer = await session.call_tool(tool, json.loads(arguments))
            wrong = await session.call_tool(tool, {"id": "zz"})
    print(json.dumps({
        "version": first(server, "protocol_version", "protocolVersion"),
        "tools": [tool.name for tool in tools.tools],
        "text": answer.content[0].text,
        "is_error": first(answer, "is_error", "isError"),
        "wrong_is_error": first(wrong, "is_error", "isError"),
    }))


asyncio.run(main(*sys.argv[1:]))
