# Python imports this module when it starts. It hides the user's own one, which it therefore runs first.
#
# Every Python below the program runs it, also an old one: its syntax is that of Python 2.7.
import os
import sys


def _run_next():
    # Of a program that is run within another one, both folders are there, and each would find the other.
    own = getattr(sys, "_agno_top_folders", [])
    own.append(os.path.dirname(os.path.abspath(__file__)))
    sys._agno_top_folders = own
    path = [entry for entry in sys.path if os.path.abspath(entry or os.curdir) not in own]
    if sys.version_info[0] < 3:
        import imp

        try:
            found = imp.find_module("sitecustomize", path)
        except ImportError:
            return
        imp.load_module("sitecustomize", *found)
        return
    from importlib.machinery import PathFinder

    spec = PathFinder.find_spec("sitecustomize", path)
    if spec is None or spec.loader is None:
        return
    from importlib.util import module_from_spec

    module = module_from_spec(spec)
    sys.modules["sitecustomize"] = module
    spec.loader.exec_module(module)


def _start():
    try:
        if os.environ.get("AGNO_TOP_RUN_ENDPOINT"):
            import agno_top_tracing

            agno_top_tracing.start()
    except Exception:
        # The program matters more than its trace.
        pass


# What the user's module raises reaches Python as it would without this one.
try:
    _run_next()
finally:
    _start()
