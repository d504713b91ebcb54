"""From the normalised document to what the engine runs: merged, defaulted, in milliseconds."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec import UNSET

from orchestra.retry import Backoff
from orchestra.workflows.language.definition import (
    COMPENSATION_ATTEMPTS,
    EXECUTION_TIMEOUT_MS,
    QUEUE_TIMEOUT_MS,
    TIMEOUT_MS,
    AgentChoice,
    Branch,
    Case,
    Compensation,
    Definition,
    ErrorRule,
    Json,
    OnTimeout,
    RetryPolicy,
    Scope,
    Step,
    Wait,
)
from orchestra.workflows.language.durations import duration_ms
from orchestra.workflows.language.edges import Edges, edges, is_graph, step_references
from orchestra.workflows.language.kinds import is_object
from orchestra.workflows.language.parts import bare

Object = Mapping[str, Json]
Plan = Callable[[list[dict[str, Json]]], Mapping[str, Edges] | None]
_COMPENSATING: Final = {"max_attempts": COMPENSATION_ATTEMPTS}
_BACKOFF: Final = Backoff()


def definition_of(normalised: Json, plan: Plan | None = None) -> Definition:
    """The definition in a normalised document that has been checked. Quick: checks nothing.

    `plan` answers the edges of a scope that is a graph, for who knows them already.
    """
    return _Reader(normalised, plan or planned).definition()


def planned(steps: list[dict[str, Json]]) -> Mapping[str, Edges] | None:
    """The edges of a graph, from its expressions; None for a sequence."""
    return edges(steps, step_references) if is_graph(steps) else None


class _Reader:
    def __init__(self, document: Json, plan: Plan) -> None:
        self._document = document
        self._defaults: Object = document.get("defaults", {})
        self._plan = plan

    def definition(self) -> Definition:
        document = self._document
        rollback = document.get("rollback", {})
        return Definition(
            name=document["name"],
            body=self._scope(document["steps"]),
            description=document.get("description", ""),
            labels=document.get("labels", {}),
            metadata=document.get("metadata", {}),
            language=document.get("language", 1),
            input_schema=document.get("input_schema"),
            output_schema=document.get("output_schema"),
            vars=document.get("vars", {}),
            output=document.get("output", UNSET),
            timeout_ms=_ms(document, "timeout", EXECUTION_TIMEOUT_MS),
            fail_fast=document.get("fail_fast", True),
            rollback_on=tuple(rollback.get("on", ())),
            rollback_retry=retry_policy({**_COMPENSATING, **rollback.get("retry", {})}),
        )

    def _scope(self, steps: list[dict[str, Json]]) -> Scope:
        plan = self._plan(steps)
        if plan is not None:
            made = [self._step(step, plan[step["id"]]) for step in steps]
            return Scope(tuple(made), sequence=False)
        before = [(), *((step["id"],) for step in steps)]
        made = [
            self._step(step, Edges((), waits)) for step, waits in zip(steps, before, strict=False)
        ]
        return Scope(tuple(made))

    def _step(self, step: dict[str, Json], edge: Edges) -> Step:
        about: dict[str, Any] = {
            "name": step.get("name", ""),
            "description": step.get("description", ""),
            "labels": step.get("labels", {}),
            "condition": bare(step["if"]) if "if" in step else None,
            "joins": edge.joins,
            "waits": edge.waits,
            "run_when": step.get("run_when", "none_failed"),
            "output": step.get("output", UNSET),
            "on_error": self._rules(step.get("on_error", self._defaults.get("on_error", ()))),
            "total_timeout_ms": _ms_or_none(step, "total_timeout"),
        }
        match step["type"]:
            case "agent":
                about.update(self._agent(step))
            case "transform":
                about["input_data"] = step.get("input_data", {})
            case "set":
                about["vars"] = step["vars"]
            case "emit":
                about.update(event_type=step["event_type"], payload=step.get("payload", {}))
            case "switch":
                about.update(self._switch(step))
            case "wait":
                about["wait"] = _wait(step)
            case _:
                about.update(self._parallel(step))
        return Step(id=step["id"], type=step["type"], **about)

    def _agent(self, step: dict[str, Json]) -> dict[str, Any]:
        times = {**self._defaults, **step}
        given = step.get("input_data", {})
        undo = step.get("compensate")
        return {
            "agent": agent_choice(step),
            "task_type": _task_type(given),
            "input_data": given,
            "output_schema": step.get("output_schema"),
            "retry": retry_policy({**self._defaults.get("retry", {}), **step.get("retry", {})}),
            "timeout_ms": _ms(times, "timeout", TIMEOUT_MS),
            "queue_timeout_ms": _ms(times, "queue_timeout", QUEUE_TIMEOUT_MS),
            "total_timeout_ms": _ms_or_none(times, "total_timeout"),
            "heartbeat_timeout_ms": _ms_or_none(step, "heartbeat_timeout"),
            "compensate": self._compensation(undo) if undo is not None else None,
            "context": times.get("context", "auto"),
        }

    def _compensation(self, undo: dict[str, Json]) -> Compensation:
        rollback = self._document.get("rollback", {}).get("retry", {})
        policy = {**self._defaults.get("retry", {}), **_COMPENSATING, **rollback}
        given = undo.get("input_data", {})
        return Compensation(
            agent=agent_choice(undo),
            task_type=_task_type(given),
            input_data=given,
            retry=retry_policy({**policy, **undo.get("retry", {})}),
            timeout_ms=_ms({**self._defaults, **undo}, "timeout", TIMEOUT_MS),
            queue_timeout_ms=_ms(self._defaults, "queue_timeout", QUEUE_TIMEOUT_MS),
            when_uncertain=undo.get("when_uncertain", True),
        )

    def _rules(self, rules: Sequence[Object]) -> tuple[ErrorRule, ...]:
        return tuple(
            ErrorRule(
                do=rule["do"],
                match=tuple(rule.get("match", ("*",))),
                output=rule.get("output"),
                steps=self._scope(rule["steps"]) if "steps" in rule else None,
                error=rule.get("error"),
                message=rule.get("message"),
            )
            for rule in rules
        )

    def _switch(self, step: dict[str, Json]) -> dict[str, Any]:
        cases = tuple(
            Case(
                name=case.get("name", case["when"]),
                when=bare(case["when"]),
                scope=self._scope(case["steps"]),
                output=case.get("output", UNSET),
            )
            for case in step["cases"]
        )
        return {
            "cases": cases,
            "default": self._scope(step["default"]) if "default" in step else None,
        }

    def _parallel(self, step: dict[str, Json]) -> dict[str, Any]:
        branches = tuple(
            Branch(part["id"], self._scope(part["steps"]), part.get("output", UNSET))
            for part in step["branches"]
        )
        join = {"all": len(branches), "any": 1}.get(step.get("join", "all"), step.get("join"))
        return {"branches": branches, "join": join, "fail_fast": step.get("fail_fast", True)}


def _wait(step: dict[str, Json]) -> Wait:
    for kind in ("for", "until"):
        if kind in step:
            return Wait(kind, step[kind])
    return Wait(
        "signal",
        signal=step["signal"],
        timeout_ms=duration_ms(step["timeout"]),
        on_timeout=msgspec.convert(step.get("on_timeout", {}), OnTimeout),
    )


def agent_choice(action: Object) -> AgentChoice:
    """Which agent a step or a compensation asks for."""
    chosen = action.get("agent")
    if chosen is None:
        return AgentChoice(type=action["agent_type"])
    return AgentChoice(id=chosen) if type(chosen) is str else msgspec.convert(chosen, AgentChoice)


def retry_policy(given: Object) -> RetryPolicy:
    """A policy from its fields, what is not given by default."""
    backoff = Backoff(
        kind=given.get("backoff", _BACKOFF.kind),
        initial_ms=_ms(given, "initial", _BACKOFF.initial_ms),
        factor=float(given.get("factor", _BACKOFF.factor)),
        max_ms=_ms(given, "max", _BACKOFF.max_ms),
        jitter=given.get("jitter", _BACKOFF.jitter),
    )
    return RetryPolicy(
        max_attempts=given.get("max_attempts", RetryPolicy().max_attempts),
        backoff=backoff,
        on=tuple(given.get("on", ())),
        not_on=tuple(given.get("not_on", ())),
        max_elapsed_ms=_ms_or_none(given, "max_elapsed"),
    )


def _task_type(given: Json) -> str | None:
    named = given.get("task_type") if is_object(given) else None
    return named if type(named) is str else None


def _ms(fields: Object, key: str, default: int) -> int:
    return duration_ms(fields[key]) if key in fields else default


def _ms_or_none(fields: Object, key: str) -> int | None:
    return duration_ms(fields[key]) if key in fields else None
