"""The services: what an operator can ask for, on the screen and on the command line alike.

Each is one typed async function. What it returns is typed; what goes wrong is an AudienceError with
its code (docs/contract.md, "Codes").
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jobs.services.abort import abort_task
    from jobs.services.connections import MAX_ROWS, load_deployment
    from jobs.services.create import Plan, create_task, plan_task
    from jobs.services.diff import TaskDiff, diff_tasks
    from jobs.services.evaluate import GoldEvaluation, evaluate_gold
    from jobs.services.explain import load_explainer, load_task_explainer
    from jobs.services.export import Export, export_task
    from jobs.services.hits import PanelCount, PatternCount, TaskHits, task_hits
    from jobs.services.lint import LintFinding, lint_patterns
    from jobs.services.metrics import Metrics, read_metrics
    from jobs.services.notify import Notifications, read_notifications, send_test
    from jobs.services.patterns import check_types
    from jobs.services.preview import Preview, ResultShares, preview_task
    from jobs.services.purge import PurgePlan, plan_purge, purge_task
    from jobs.services.queueing import require_redis_url
    from jobs.services.resume import resume_task
    from jobs.services.row_files import RowFormat, format_of
    from jobs.services.sampled_diff import SampledDiff, diff_now
    from jobs.services.samples import SampleRow, sample_result, save_sample
    from jobs.services.schedules import (
        SHOWN_RUNS,
        ScheduleStatus,
        find_schedule,
        list_schedules,
        pause_schedule,
        remove_schedule,
        run_schedule_now,
        save_schedule,
        unpause_schedule,
    )
    from jobs.services.stale import PatternHashes, current_hashes, find_stale, is_stale
    from jobs.services.suggest import GoldSuggestions, suggest_from_gold, suggest_from_sample
    from jobs.services.tasks import (
        check_status,
        find_tasks,
        short_ids,
        task_events,
        task_list,
        watch_status,
    )

__all__ = [
    "MAX_ROWS",
    "SHOWN_RUNS",
    "Export",
    "GoldEvaluation",
    "GoldSuggestions",
    "LintFinding",
    "Metrics",
    "Notifications",
    "PanelCount",
    "PatternCount",
    "PatternHashes",
    "Plan",
    "Preview",
    "PurgePlan",
    "ResultShares",
    "RowFormat",
    "SampleRow",
    "SampledDiff",
    "ScheduleStatus",
    "TaskDiff",
    "TaskHits",
    "abort_task",
    "check_status",
    "check_types",
    "create_task",
    "current_hashes",
    "diff_now",
    "diff_tasks",
    "evaluate_gold",
    "export_task",
    "find_schedule",
    "find_stale",
    "find_tasks",
    "format_of",
    "is_stale",
    "lint_patterns",
    "list_schedules",
    "load_deployment",
    "load_explainer",
    "load_task_explainer",
    "pause_schedule",
    "plan_purge",
    "plan_task",
    "preview_task",
    "purge_task",
    "read_metrics",
    "read_notifications",
    "remove_schedule",
    "require_redis_url",
    "resume_task",
    "run_schedule_now",
    "sample_result",
    "save_sample",
    "save_schedule",
    "send_test",
    "short_ids",
    "suggest_from_gold",
    "suggest_from_sample",
    "task_events",
    "task_hits",
    "task_list",
    "unpause_schedule",
    "watch_status",
]

_MODULES = {
    "abort": {"abort_task"},
    "connections": {"MAX_ROWS", "load_deployment"},
    "create": {"Plan", "create_task", "plan_task"},
    "diff": {"TaskDiff", "diff_tasks"},
    "sampled_diff": {"SampledDiff", "diff_now"},
    "evaluate": {"GoldEvaluation", "evaluate_gold"},
    "explain": {"load_explainer", "load_task_explainer"},
    "export": {"Export", "export_task"},
    "hits": {"PanelCount", "PatternCount", "TaskHits", "task_hits"},
    "lint": {"LintFinding", "lint_patterns"},
    "metrics": {"Metrics", "read_metrics"},
    "notify": {"Notifications", "read_notifications", "send_test"},
    "patterns": {"check_types"},
    "preview": {"Preview", "ResultShares", "preview_task"},
    "purge": {"PurgePlan", "plan_purge", "purge_task"},
    "queueing": {"require_redis_url"},
    "resume": {"resume_task"},
    "row_files": {"RowFormat", "format_of"},
    "samples": {"SampleRow", "sample_result", "save_sample"},
    "schedules": {
        "SHOWN_RUNS",
        "ScheduleStatus",
        "find_schedule",
        "list_schedules",
        "pause_schedule",
        "remove_schedule",
        "run_schedule_now",
        "save_schedule",
        "unpause_schedule",
    },
    "stale": {"PatternHashes", "current_hashes", "find_stale", "is_stale"},
    "suggest": {"GoldSuggestions", "suggest_from_gold", "suggest_from_sample"},
    "tasks": {
        "check_status",
        "find_tasks",
        "short_ids",
        "task_events",
        "task_list",
        "watch_status",
    },
}


def __getattr__(name: str) -> object:
    """Import a service when it is first used: a command starts twice as fast without what it does not need."""
    for module, names in _MODULES.items():
        if name in names:
            return getattr(import_module(f"jobs.services.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
