"""The command line: the verbs, nothing else. Heavy imports wait until a verb runs, so that `--help` is quick."""

from __future__ import annotations

import os
import sys
import traceback
import warnings
from collections.abc import Callable, Sequence
from typing import Any, Final

from jsonargparse import ArgumentParser, Namespace

from sunbreak._version import __version__
from sunbreak.cli.adapt import adapt_parser, run_adapt
from sunbreak.cli.bench import bench_parser, run_bench
from sunbreak.cli.classify import classify_parser, run_classify
from sunbreak.cli.composite import composite_parser, run_composite
from sunbreak.cli.data import add_data_verbs, data_parser, run_data
from sunbreak.cli.evaluate import evaluate_parser, run_evaluate
from sunbreak.cli.models import models_parser, run_models
from sunbreak.cli.parsers import Help
from sunbreak.cli.plan import plan_parser, run_plan
from sunbreak.cli.preview import preview_parser, run_preview
from sunbreak.cli.report import report_parser, run_report
from sunbreak.cli.restore import restore_parser, run_restore
from sunbreak.cli.run import run_parser, run_run
from sunbreak.cli.simulate import run_simulate, simulate_parser
from sunbreak.cli.train import run_train, train_parser
from sunbreak.cli.transfer import run_transfer, transfer_parser
from sunbreak.cli.view import run_view, view_parser
from sunbreak.errors import SunbreakError
from sunbreak.heap import one_heap
from sunbreak.terminal import one_line, only_our_errors, show_warning

Verb = Callable[[Namespace], None]

VERBS: Final[dict[str, tuple[Callable[[], ArgumentParser], Verb]]] = {
    "restore": (restore_parser, run_restore),
    "plan": (plan_parser, run_plan),
    "run": (run_parser, run_run),
    "composite": (composite_parser, run_composite),
    "classify": (classify_parser, run_classify),
    "simulate": (simulate_parser, run_simulate),
    "models": (models_parser, run_models),
    "evaluate": (evaluate_parser, run_evaluate),
    "train": (train_parser, run_train),
    "adapt": (adapt_parser, run_adapt),
    "transfer": (transfer_parser, run_transfer),
    "preview": (preview_parser, run_preview),
    "report": (report_parser, run_report),
    "view": (view_parser, run_view),
    "bench": (bench_parser, run_bench),
    "data": (data_parser, run_data),
}


def build_parser() -> ArgumentParser:
    """Build the parser of all verbs.

    Returns:
        The parser; its namespace names the verb as `verb`.
    """
    parser = ArgumentParser(
        prog="sunbreak",
        description="From a cloudy Sentinel-2 scene to analysis-ready data, with the help of Sentinel-1.",
        version=__version__,
        formatter_class=Help,
    )
    verbs = parser.add_subcommands(dest="verb", metavar="VERB")
    for name, (make, _) in VERBS.items():
        verb = make()
        verbs.add_subcommand(name, verb, help=verb.description)
    add_data_verbs(verbs.choices["data"])  # jsonargparse wants the outer level first
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: Without the program's name; None takes those of the process.

    Returns:
        Exit code: 0 done, 1 failed, 2 the user has to mend something. Wrong usage leaves with code 2 by itself.
    """
    one_heap()
    try:
        given: Any = build_parser().parse_args(arguments)
    except (ValueError, RecursionError, OSError) as error:  # of the file of --config, which the parser only half guards
        print(f"sunbreak: the file of --config cannot be read: {one_line(str(error))}", file=sys.stderr)
        return 2
    options = given[given.verb]
    with warnings.catch_warnings(), only_our_errors(shown=options.debug):
        warnings.showwarning = show_warning
        try:
            VERBS[given.verb][1](options)
        except SunbreakError as error:
            return _fail(options, str(error), error.exit_code)
        except BrokenPipeError:
            # whoever read our output has left; keep the interpreter from complaining when it flushes
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 1
        except KeyboardInterrupt:
            return _fail(options, "interrupted; nothing was left half-written", 130)
        except (MemoryError, OSError) as error:
            return _fail(options, f"{type(error).__name__}: {error}", 1)
    return 0


def _fail(options: Namespace, message: str, code: int) -> int:
    if options.debug:
        traceback.print_exc()
    print(f"sunbreak: {one_line(message)}", file=sys.stderr)
    return code
