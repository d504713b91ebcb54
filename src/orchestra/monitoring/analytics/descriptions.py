"""What the analytics routes say about themselves, for the description of the API."""

from typing import Final

from orchestra.described import Answer, described
from orchestra.monitoring.analytics import documents, reports
from orchestra.monitoring.analytics.asking import AnalyticsInvalid
from orchestra.monitoring.analytics.looking import NameShared, WorkflowUnknown
from orchestra.monitoring.analytics.of_costs import TenantsHidden
from orchestra.monitoring.analytics.of_workflows import StepUnknown
from orchestra.monitoring.metrics.answering import QueryTooWide
from orchestra.store.failures import StoreAway

_ASKS: Final = (AnalyticsInvalid, QueryTooWide, StoreAway)
_OF_ONE: Final = (*_ASKS, WorkflowUnknown, NameShared)

WORKFLOW: Final = described(
    {200: Answer("How it goes, and where its time goes.", [documents.WorkflowAnalytics])},
    refusals=_OF_ONE,
)
WHAT_IF: Final = described(
    {200: Answer("Its executions, laid out again.", [documents.WhatIf])},
    refusals=(*_OF_ONE, StepUnknown),
)
AGENTS: Final = described(
    {200: Answer("Agents, ranked.", [reports.AgentAnalytics])}, refusals=_ASKS
)
COSTS: Final = described(
    {200: Answer("What was spent.", [reports.CostAnalytics])}, refusals=(*_ASKS, TenantsHidden)
)
TRENDS: Final = described(
    {200: Answer("Slopes, with their ranges.", [reports.TrendAnalytics])}, refusals=_ASKS
)
ANOMALIES: Final = described(
    {200: Answer("Hours unlike others.", [reports.AnomalyAnalytics])}, refusals=_ASKS
)
INSIGHTS: Final = described(
    {200: Answer("What would save most, first.", [documents.Insights])}, refusals=_OF_ONE
)
