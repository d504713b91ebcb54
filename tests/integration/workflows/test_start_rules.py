"""R1 to R4: what a start promises."""

import anyio
import pytest
from workflow_replica import Held, Replica, a_document, a_step, a_value

from orchestra.errors import Invalid
from orchestra.store.keys import DEFAULT_TENANT
from orchestra.store.repeats import IdempotencyMismatch
from orchestra.workflows.catalogue.plans import NoSuchVersion, WorkflowArchived

pytestmark = pytest.mark.anyio


async def test_r1_a_start_that_was_accepted_is_in_the_store(engine: Replica) -> None:
    held = Held()
    engine.agents.on("a", held)

    execution = await engine.start(a_document(a_step("a", input_data={"n": 1})), {"x": 1})

    prefix = engine.prefix(execution)
    assert await engine.store.read(prefix, "EXISTS", f"{prefix}x:{execution}") == 1
    assert (await engine.status(execution))["durability"] == engine.store.durability.appendfsync
    held.go_on()
    assert (await engine.end(execution))["status"] == "completed"


async def test_r2_an_execution_runs_the_version_it_began_with(engine: Replica) -> None:
    held = Held()
    engine.agents.on("a", held)
    workflow = await engine.save(a_document(a_step("a"), a_value("b", "old")))
    started = await engine.accept(workflow)
    await held.begun.wait()

    newer = a_document(a_step("a"), a_value("b", "new"))
    await engine.module.workflows.save(DEFAULT_TENANT, workflow, newer, b"", None)
    held.go_on()

    shown = await engine.end(started.execution)
    assert (shown["workflow_version"], shown["output"]) == (1, "old")
    second = await engine.end((await engine.accept(workflow)).execution)
    assert (second["workflow_version"], second["output"]) == (2, "new")


async def test_r2_an_archived_workflow_starts_nothing_and_what_runs_goes_on(
    engine: Replica,
) -> None:
    held = Held()
    engine.agents.on("a", held)
    workflow = await engine.save(a_document(a_step("a")))
    started = await engine.accept(workflow)
    await held.begun.wait()

    await engine.module.workflows.archive(DEFAULT_TENANT, workflow)

    with pytest.raises(WorkflowArchived):
        await engine.accept(workflow)
    held.go_on()
    assert (await engine.end(started.execution))["status"] == "completed"


async def test_r2_a_version_that_is_not_there_is_refused(engine: Replica) -> None:
    workflow = await engine.save(a_document(a_value("a", 1)))

    for version in (0, 2, -1):
        with pytest.raises(NoSuchVersion):
            await engine.accept(workflow, version=version)


async def test_r3_the_same_key_and_body_name_one_execution_also_after_its_end(
    engine: Replica,
) -> None:
    workflow = await engine.save(a_document(a_step("a")))

    first = await engine.accept(workflow, key="k", input_data={"x": 1})
    await engine.end(first.execution)
    again = await engine.accept(workflow, key="k", input_data={"x": 1})

    assert (first.created, again.created) == (True, False)
    assert again.execution == first.execution
    assert engine.agents.steps() == ["a"]


async def test_r3_the_same_key_with_another_body_is_refused(engine: Replica) -> None:
    workflow = await engine.save(a_document(a_value("a", 1)))
    await engine.accept(workflow, key="k", input_data={"x": 1})

    with pytest.raises(IdempotencyMismatch):
        await engine.accept(workflow, key="k", input_data={"x": 2})


async def test_r3_a_key_is_its_workflows_own(engine: Replica) -> None:
    one = await engine.save(a_document(a_value("a", 1)))
    other = await engine.save(a_document(a_value("a", 1)))

    first = await engine.accept(one, key="k")
    second = await engine.accept(other, key="k")

    assert first.created
    assert second.created
    assert first.execution != second.execution


async def test_r3_twenty_starts_at_once_with_one_key_are_one_execution(engine: Replica) -> None:
    workflow = await engine.save(a_document(a_step("a")))
    found: list[tuple[str, bool]] = []

    async def start() -> None:
        started = await engine.accept(workflow, key="k", input_data={"x": 1})
        found.append((started.execution, started.created))

    async with anyio.create_task_group() as group:
        for _ in range(20):
            group.start_soon(start)

    assert len({execution for execution, _ in found}) == 1
    assert [created for _, created in found].count(True) == 1
    await engine.end(found[0][0])
    assert engine.agents.steps() == ["a"]


SCHEMA = {
    "type": "object",
    "required": ["text", "stars"],
    "properties": {
        "text": {"type": "string"},
        "stars": {"type": "integer", "maximum": 5},
        "language": {"type": "string", "default": "en"},
    },
}


async def test_r4_input_is_defaulted_before_anything_is_stored(engine: Replica) -> None:
    document = a_document(a_value("a", "${input.language}"), input_schema=SCHEMA)

    shown = await engine.run(document, {"text": "hi", "stars": 5})

    assert shown["output"] == "en"
    assert shown["input_data"] == {"text": "hi", "stars": 5, "language": "en"}


async def test_r4_every_mistake_of_the_input_is_listed_and_nothing_is_stored(
    engine: Replica,
) -> None:
    workflow = await engine.save(a_document(a_value("a", 1), input_schema=SCHEMA))
    prefix = engine.store.prefix(engine.store.partitions[0])
    before = await engine.store.read(prefix, "DBSIZE")

    with pytest.raises(Invalid) as refused:
        await engine.accept(workflow, input_data={"stars": 9, "language": 3})

    assert refused.value.code == "input_invalid"
    pointers = [finding["pointer"] for finding in refused.value.findings]  # type: ignore[index]
    assert sorted(pointers) == ["/input_data", "/input_data/language", "/input_data/stars"]
    assert await engine.store.read(prefix, "DBSIZE") == before
