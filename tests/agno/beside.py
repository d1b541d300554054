"""Runs agents with the tables that Agno keeps beside the traces, against model_server.py: runs, sessions, approvals and evaluations.

    python beside.py DATABASE http://127.0.0.1:PORT [approve]

DATABASE is an SQLite file or a URL of PostgreSQL or MySQL (the schema `beside`). Prints `NAME RUN_ID` of each run. One approval waits, one is answered; with `approve` the
one that waits is approved, and nothing else is done.
"""

import os
import sys

os.environ["AGNO_TELEMETRY"] = "false"

from agno.agent import Agent  # noqa: E402
from agno.approval import approval  # noqa: E402
from agno.db.sqlite import SqliteDb  # noqa: E402
from agno.eval.accuracy import AccuracyEval  # noqa: E402
from agno.eval.agent_as_judge import AgentAsJudgeEval  # noqa: E402
from agno.models.openai import OpenAIChat  # noqa: E402
from agno.tools import tool  # noqa: E402
from agno.tracing import setup_tracing  # noqa: E402
from opentelemetry import trace  # noqa: E402

DATABASE, SERVER = sys.argv[1:3]


def database():
    if DATABASE.startswith("mysql"):
        from agno.db.mysql import MySQLDb

        return MySQLDb(db_url=DATABASE, db_schema="beside")
    if "://" in DATABASE:
        from agno.db.postgres import PostgresDb

        return PostgresDb(db_url=DATABASE)
    return SqliteDb(db_file=DATABASE)


def gpt():
    return OpenAIChat(id="gpt-5-mini", base_url=f"{SERVER}/v1", api_key="none", max_retries=0)


@approval
@tool(requires_confirmation=True)
def delete_order(order: int, reason: str = "") -> str:
    """Delete an order."""
    return f"{order} is deleted"


def resolve(db, run_id, status):
    waiting = [found for found in db.get_approvals(status="pending")[0] if found["run_id"] == run_id or not run_id]
    for found in waiting:
        db.update_approval(found["id"], expected_status="pending", status=status, resolved_by="ada")


def main():
    db = database()
    if "approve" in sys.argv:
        return resolve(db, None, "approved")
    setup_tracing(db=db)
    clerk = Agent(name="Clerk", id="clerk", model=gpt(), db=db, tools=[delete_order])
    # Agno keeps no approvals in MySQL.
    for order in () if DATABASE.startswith("mysql") else (8, 7):
        run = clerk.run(f"delete order {order}", session_id=f"orders-{order}")
        print("clerk", run.run_id)
        if order == 8:
            resolve(db, run.run_id, "rejected")
    judge = AgentAsJudgeEval(name="style", db=db, criteria="Be short.", scoring_strategy="numeric", model=gpt(), telemetry=False)
    greeter = Agent(name="Greeter", id="greeter", model=gpt(), db=db, post_hooks=[judge])
    run = None
    for run in greeter.run("say hello", session_id="hello", stream=True, yield_run_output=True):
        pass
    print("greeter", run.run_id)
    counter = Agent(name="Counter", id="counter", model=gpt(), db=db)
    AccuracyEval(
        name="sums", db=db, agent=counter, model=gpt(), input="what is six times seven", expected_output="42", num_iterations=2, telemetry=False
    ).run(print_summary=False, print_results=False)
    trace.get_tracer_provider().force_flush()


if __name__ == "__main__":
    main()
