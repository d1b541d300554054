"""The demo's agents: a busy minute in a shop, each run in its own thread. Started by record.py."""

import os
import sys
import threading
import time
import traceback

os.environ["AGNO_TELEMETRY"] = "false"

from agno.agent import Agent  # noqa: E402
from agno.db.sqlite import SqliteDb  # noqa: E402
from agno.models.anthropic import Claude  # noqa: E402
from agno.models.openai import OpenAIChat  # noqa: E402
from agno.team import Team  # noqa: E402
from agno.tools import tool  # noqa: E402
from agno.tracing import setup_tracing  # noqa: E402
from agno.workflow import Workflow  # noqa: E402
from agno.workflow.parallel import Parallel  # noqa: E402
from agno.workflow.step import Step  # noqa: E402
from agno.workflow.types import StepInput, StepOutput  # noqa: E402

DATABASE, SERVER = sys.argv[1], sys.argv[2]


def gpt(name):
    return OpenAIChat(id=name, base_url=f"{SERVER}/v1", api_key="none", max_retries=0)


def claude(name="claude-sonnet-4-5"):
    return Claude(id=name, api_key="none", client_params={"base_url": SERVER, "max_retries": 0})


@tool
def find_customer(email: str) -> dict:
    """Look a customer up by e-mail address."""
    time.sleep(0.18)
    name = email.split("@")[0].replace(".", " ").title()
    return {"name": name, "email": email, "since": 2021, "tier": "gold", "open_orders": 1}


@tool
def track_order(order_id: str) -> dict:
    """Where a parcel is."""
    time.sleep(0.42)
    return {"order": order_id, "status": "out for delivery", "courier": "CTT Expresso", "eta": "14:00-16:00"}


@tool
def issue_refund(order_id: str, amount: float, currency: str) -> str:
    """Pay money back to the customer's card."""
    time.sleep(1.1)
    raise RuntimeError(f"payment gateway refused the refund of order {order_id}: HTTP 502 Bad Gateway")


@tool
def open_ticket(queue: str, subject: str) -> str:
    """Open a ticket in a queue that people work on."""
    time.sleep(0.25)
    return "PAY-3318"


@tool
def search_web(query: str) -> list:
    """Search the web."""
    time.sleep(0.7 + len(query) / 200)
    return [{"title": f"{query.capitalize()}: {kind}", "url": f"https://example.com/{n}"} for n, kind in enumerate(("survey", "benchmark", "a critique"))]


@tool
def read_page(url: str) -> str:
    """Fetch a page as text."""
    time.sleep(1.3)
    return "Support agents 2026. 412 teams answered. In production: 61 % (2025: 34 %). First-contact resolution: 66 % (48 %). Cost a resolved ticket: $0.41. Main brake: observability (70 %)."


@tool
def run_python(code: str) -> str:
    """Run Python in a sandbox."""
    time.sleep(0.9)
    return "0.7 0.744\n0.85 0.787\n1.0 0.826"


@tool
def read_diff(pull_request: int) -> str:
    """The diff of a pull request."""
    time.sleep(0.35)
    return "--- a/billing/invoice.py\n+++ b/billing/invoice.py\n@@ -104,7 +104,12 @@\n-    return total\n+    for line in lines:\n+        line.amount = round(line.amount * (1 - rate), 2)\n+    return sum(line.amount for line in lines)\n"


@tool
def read_file(path: str, first_line: int, last_line: int) -> str:
    """Some lines of a file."""
    time.sleep(0.12)
    return f"# {path}:{first_line}-{last_line}\ndef apply_discount(lines, rate, strict):\n    for line in lines:\n        line.amount = round(line.amount * (1 - rate), 2)\n    return sum(line.amount for line in lines)\n"


@tool
def run_tests(selection: str) -> str:
    """Run the test suite, or a part of it."""
    time.sleep(2.2)
    return "41 passed, 1 failed in 2.07s\nFAILED tests/test_invoice.py::test_rounding - assert Decimal('1.02') == Decimal('1.01')"


@tool
def stock_level(sku: str) -> dict:
    """How many pieces are left."""
    time.sleep(0.3)
    return {"sku": sku, "warehouse": "Porto", "left": {"HD-650": 14}.get(sku, 230)}


@tool
def book_courier(order_id: str, service: str) -> dict:
    """Book a pick-up."""
    time.sleep(0.8)
    return {"carrier": "DHL", "service": service, "pickup": "17:30", "label": "00340434161094042557"}


@tool
def fetch_headlines(topic: str) -> list:
    """Today's headlines on a topic."""
    time.sleep(0.6)
    return [f"{topic.title()}: {text}" for text in ("what changed overnight", "the week ahead", "opinion")]


@tool
def describe_tables() -> str:
    """The tables and columns of the warehouse."""
    time.sleep(0.2)
    return "sales(sku TEXT, week TEXT, amount NUMERIC, store TEXT)\nstock(sku TEXT, day DATE, left INTEGER)"


@tool
def run_query(sql: str) -> list:
    """Run a read-only query."""
    time.sleep(1.4 if "W46" in sql else 0.9)
    return [["HD-650", 9170 if "W46" in sql else 13290], ["MIC-USB", 10300 if "W46" in sql else 13205], ["CBL-3M", 5968 if "W46" in sql else 7278]]


def support():
    return Agent(name="Support Agent", id="support", model=gpt("gpt-4o-mini"), tools=[find_customer, track_order], instructions="You answer customers of an audio shop. Be brief, warm and exact.")


def order_status():
    support().run("Where is my order #48213? It should have come yesterday.", user_id="maria.santos", session_id="chat-7f21")


def address_change():
    support().run("Can I change the delivery address of #48213?", user_id="maria.santos", session_id="chat-7f21")


def research():
    researcher = Agent(name="Web Researcher", id="web-researcher", role="Finds and quotes sources", model=gpt("gpt-4o"), tools=[search_web, read_page])
    analyst = Agent(name="Data Analyst", id="data-analyst", role="Computes, never guesses", model=claude(), tools=[run_python])
    writer = Agent(name="Writer", id="writer", role="Writes plain English", model=gpt("gpt-4o-mini"))
    team = Team(name="Market Research", id="market-research", members=[researcher, analyst, writer], model=gpt("gpt-5"), instructions="Delegate, check, then answer with sources.")
    team.run("State of AI agents in customer service: one page for the board", user_id="erin", session_id="board-brief")


def review():
    agent = Agent(name="Code Reviewer", id="code-reviewer", model=claude(), tools=[read_diff, read_file, run_tests], instructions="Review like a careful colleague. Run the tests.")
    agent.run("Review pull request #2071", user_id="ci", session_id="pr-2071")


def refund():
    agent = Agent(name="Refund Agent", id="refunds", model=gpt("gpt-5-mini"), tools=[find_customer, issue_refund, open_ticket], instructions="Refund what is broken. If the gateway fails, open a ticket.")
    agent.run("Refund my broken headphones please, order 47907", user_id="li.wei", session_id="chat-81c0")


def fulfilment():
    def charge_card(step: StepInput) -> StepOutput:
        time.sleep(0.9)
        return StepOutput(content="charged EUR 214.40 to card ending 4421")

    validator = Agent(name="Validator", model=gpt("gpt-4o-mini"), instructions="Validate the order. Answer in JSON.")
    stock = Agent(name="Stock Clerk", model=gpt("gpt-4o-mini"), tools=[stock_level], instructions="Check the stock of each item.")
    fraud = Agent(name="Fraud Analyst", model=gpt("gpt-5-mini"), instructions="Score the fraud risk from 0 to 1, with one reason.")
    shipper = Agent(name="Shipper", model=gpt("gpt-4o-mini"), tools=[book_courier], instructions="Book the shipment.")
    steps = [
        Step(name="validate", agent=validator),
        Parallel(Step(name="check_stock", agent=stock), Step(name="check_fraud", agent=fraud), name="checks"),
        Step(name="charge_card", executor=charge_card),
        Step(name="ship", agent=shipper),
    ]
    Workflow(name="Order Fulfilment", id="order-fulfilment", steps=steps).run("Order 48377: 1 × HD-650, 2 × CBL-3M, express", user_id="shop", session_id="order-48377")


def digest(prompt):
    agent = Agent(name="News Digest", id="news-digest", model=gpt("gpt-4o"), tools=[fetch_headlines], instructions="Five lines at most.")
    agent.run(prompt, user_id="erin", session_id="digest-1122")


def sql_analyst():
    agent = Agent(name="SQL Analyst", id="sql-analyst", model=gpt("gpt-5"), tools=[describe_tables, run_query], instructions="Answer from the warehouse. Show the numbers.")
    for _ in agent.run("Which five products lost most revenue last week, and why?", stream=True, user_id="omar", session_id="weekly-sales"):
        pass


def translate(language):
    agent = Agent(name="Translator", id="translator", model=gpt("gpt-4o-mini"), instructions="Translate. Answer with the translation only.")
    agent.run(f"Translate into {language}: Your order was shipped today; expected delivery is 24 November.", session_id="mailing-24")


PLAN = [
    (0.0, order_status),
    (2.0, research),
    (8.5, review),
    (13.0, refund),
    (19.5, fulfilment),
    (24.0, lambda: digest("Morning digest (first try): rail and chips")),
    (28.5, lambda: digest("Morning digest: rail and chips")),
    (30.0, sql_analyst),
    (36.5, address_change),
    (40.0, lambda: translate("Japanese")),
    (40.3, lambda: translate("Arabic")),
    (40.6, lambda: translate("French")),
]


def run(begin, work):
    time.sleep(begin)
    try:
        work()
    except Exception:
        traceback.print_exc()


setup_tracing(db=SqliteDb(db_file=DATABASE))
threads = [threading.Thread(target=run, args=entry) for entry in PLAN]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
