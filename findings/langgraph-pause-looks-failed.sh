#!/usr/bin/env bash
# LangGraph's pauses and hand-overs are failed spans in JavaScript, and OK spans with an `exception` event in Python.
#
# Packages: langgraph 1.2.24, openinference-instrumentation-langchain 0.1.80, opentelemetry-sdk 1.45.2 (Python); @langchain/langgraph 1.7.3,
#   @langchain/core 1.4.0, @arizeai/openinference-instrumentation-langchain 4.1.1, @opentelemetry/sdk-trace-node 2.12.1.
# Behaviour: interrupt() (a human is asked) and Command(graph=PARENT) (one agent hands over to the next) are exceptions inside LangGraph.
#   The program sees none of them. On the spans that they pass through, JavaScript's instrumentor puts status ERROR and an
#   `exception` event without exception.type, whose text is the class name between lines of a stack. Python's instrumentor knows
#   both by name and says OK, but the `exception` event is there as well. A fault that is real is ERROR in both.
# Expected: OK without an exception, in both.
# Matters: a graph of agents that hand over to each other has three failed spans per hand-over in one language. "An OK span with an
#   exception event has failed" is right for LangSmith's spans and wrong here. A viewer should know GraphInterrupt and
#   ParentCommand, by exception.type or in the text: the first is "waiting", the second nothing to report.
# Output seen (language, case: each span with an exception event, its status, exception.type; outermost last):
#> python pause: ask OK langgraph.errors.GraphInterrupt
#> python hand-over: leave OK langgraph.errors.ParentCommand, LangGraph OK langgraph.errors.ParentCommand, team OK langgraph.errors.ParentCommand
#> python fault: break ERROR ValueError, LangGraph ERROR ValueError
#> js pause: ask ERROR none
#> js hand-over: leave ERROR none, LangGraph ERROR none, team ERROR none
#> js fault: break ERROR none, LangGraph ERROR none
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
unset "${!OTEL_@}" "${!LANGSMITH_@}" "${!LANGCHAIN_@}" "${!OPENINFERENCE_@}"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check langgraph==1.2.24 openinference-instrumentation-langchain==0.1.80 opentelemetry-sdk==1.45.2
npm install --silent --no-audit --no-fund --prefix "$dir" @langchain/langgraph@1.7.3 @langchain/core@1.4.0 \
  @arizeai/openinference-instrumentation-langchain@4.1.1 @opentelemetry/sdk-trace-node@2.12.1 @opentelemetry/sdk-trace-base@2.12.1 >&2

cat > "$dir/run.py" <<'PY'
from typing import TypedDict
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, StateGraph
from langgraph.types import Command, interrupt
from openinference.instrumentation.langchain import LangChainInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

memory = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(memory))
LangChainInstrumentor().instrument(tracer_provider=provider)
class State(TypedDict): x: str

def graph(first, node, *others):
    g = StateGraph(State)
    g.add_node(first, node)
    for name, other in others: g.add_node(name, other)
    g.add_edge(START, first)
    return g.compile(checkpointer=InMemorySaver())

def fail(state): raise ValueError("disk full")
pause = graph("ask", lambda state: {"x": interrupt("May I?")})
team = graph("leave", lambda state: Command(goto="next", graph=Command.PARENT))
hand_over = graph("team", team, ("next", lambda state: {"x": "done"}))
for name, app in (("pause", pause), ("hand-over", hand_over), ("fault", graph("break", fail))):
    memory.clear()
    try:
        app.invoke({"x": ""}, {"configurable": {"thread_id": "1"}})
        raised = False
    except ValueError: raised = True
    assert raised == (name == "fault")
    print("python", name + ":", ", ".join(f"{s.name} {s.status.status_code.name} {e.attributes.get('exception.type', 'none')}"
                                          for s in memory.get_finished_spans() for e in s.events))
PY
cat > "$dir/run.mjs" <<'JS'
import assert from 'node:assert';
import { Annotation, Command, interrupt, MemorySaver, START, StateGraph } from '@langchain/langgraph';
import * as callbacks from '@langchain/core/callbacks/manager';
import { LangChainInstrumentation } from '@arizeai/openinference-instrumentation-langchain';
import { NodeTracerProvider } from '@opentelemetry/sdk-trace-node';
import { InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';

const memory = new InMemorySpanExporter();
const tracerProvider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(memory)] });
new LangChainInstrumentation({ tracerProvider }).manuallyInstrument(callbacks);
const State = Annotation.Root({ x: Annotation });
const graph = (first, node, ...others) => {
  const g = new StateGraph(State).addNode(first, node, { ends: others.map(([name]) => name) }).addEdge(START, first);
  for (const [name, other] of others) g.addNode(name, other);
  return g.compile({ checkpointer: new MemorySaver() });
};
const pause = graph('ask', () => ({ x: interrupt('May I?') }));
const team = graph('leave', () => new Command({ goto: 'next', graph: Command.PARENT }));
const handOver = graph('team', team, ['next', () => ({ x: 'done' })]);
const fault = graph('break', () => { throw new Error('disk full'); });
for (const [name, app] of [['pause', pause], ['hand-over', handOver], ['fault', fault]]) {
  memory.reset();
  const raised = await app.invoke({ x: '' }, { configurable: { thread_id: '1' } }).then(() => false, () => true);
  assert.equal(raised, name === 'fault');
  console.log('js', name + ':', memory.getFinishedSpans().flatMap(s => s.events.map(e =>
    `${s.name} ${['UNSET', 'OK', 'ERROR'][s.status.code]} ${e.attributes['exception.type'] ?? 'none'}`)).join(', '));
}
JS
{ "$dir/venv/bin/python" "$dir/run.py"; node "$dir/run.mjs"; } > "$dir/seen"
diff <(sed -n 's/^#> //p' "$0") "$dir/seen"
echo "still so: $(basename "$0")"
