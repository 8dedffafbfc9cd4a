"""Programs compiled while others train: each once, in the order in which they are wanted, with the same results."""

import threading

import jax
import numpy as np
import pytest
from compilations import recorded_compilations
from tiny_studies import tiny_config, tiny_data

from jaxnn.study import compiling, plan_study, run_study, train_study
from jaxnn.study.compiling import Ahead, compile_program
from jaxnn.study.runner import untouched_programs
from jaxnn.study.training import train_program


def programs(*activations, **options):
    """A plan with a program for each activation."""
    sweep = {"activation": activations}
    plan = plan_study(tiny_config(padding="never", **options), sweep, load=tiny_data)
    assert len(plan.programs) == len(activations)
    return plan


@pytest.fixture
def compiled_in(monkeypatch):
    """The activations that were compiled, each with the name of the thread that did it."""
    seen = []

    def spy(plan, program, **options):
        seen.append((plan.settings[program.settings[0]].config.model.activation, threading.current_thread().name))
        return compile_program(plan, program, **options)

    monkeypatch.setattr(compiling, "compile_program", spy)
    return seen


def wait_for(ahead):
    for future in list(ahead._started.values()):
        future.result()


def test_the_first_is_compiled_at_once_and_the_next_in_a_thread(compiled_in):
    plan = programs("tanh", "relu", "elu", "gelu")
    with Ahead((plan, program) for program in plan.programs) as ahead:
        ahead(plan, plan.programs[0])
        wait_for(ahead)
        assert [name for name, _ in compiled_in] == ["tanh", "relu", "elu"]
        ahead(plan, plan.programs[1])
        wait_for(ahead)
    assert [name for name, _ in compiled_in] == ["tanh", "relu", "elu", "gelu"]
    here, *others = [thread for _, thread in compiled_in]
    assert here == threading.current_thread().name
    assert all(thread.startswith("compile") for thread in others)


def test_a_study_trains_what_its_programs_train_one_by_one_and_compiles_each_once():
    """Oracle: every program compiled where it is trained, without a thread."""
    plan = programs("silu", "softplus", "leaky_relu")
    with recorded_compilations() as compiled:
        trained = train_study(plan)
    assert compiled.count("advance") == compiled.count("init") == 3
    for position, ours in enumerate(trained):
        alone = train_program(plan, position, compiler=compile_program)
        jax.tree.map(np.testing.assert_array_equal, (ours.history, ours.last), (alone.history, alone.last))


def test_what_fails_in_the_thread_fails_where_it_is_asked_for(monkeypatch):
    plan = programs("tanh", "relu")

    def fail(plan, program, **options):
        if program is plan.programs[1]:
            raise MemoryError(f"no room in {threading.current_thread().name}")
        return compile_program(plan, program, **options)

    monkeypatch.setattr(compiling, "compile_program", fail)
    done = []
    with pytest.raises(MemoryError, match="no room in compile"):
        train_study(plan, observe=lambda plan, chunk: done.append(chunk.program))
    assert set(done) == {0}


def test_on_an_accelerator_nothing_is_compiled_beside_training(monkeypatch, compiled_in):
    plan = programs("tanh", "relu")
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    ahead = Ahead((plan, program) for program in plan.programs)
    monkeypatch.undo()
    with ahead:
        ahead(plan, plan.programs[0])
        assert not ahead._started


@pytest.mark.parametrize("beside", [True, False])
def test_the_start_of_a_program_is_compiled_beside_its_steps_where_that_may_be(monkeypatch, beside):
    """In a thread, or else after them; what fails there is raised where the program is asked for."""
    (program,) = (plan := programs("tanh")).programs
    threads = []

    def fail(*arguments):
        threads.append(threading.current_thread())
        raise MemoryError("no room to start")

    monkeypatch.setattr(compiling, "_compile_start", fail)
    monkeypatch.setattr(compiling, "_may_compile_beside", lambda: beside)
    with pytest.raises(MemoryError, match="no room to start"):
        compile_program(plan, program)
    assert (threads[0] is not threading.current_thread()) == beside


def test_a_program_that_nobody_announced_is_compiled_where_it_is_asked_for(compiled_in):
    """As that of a retraining, whose epochs are known only at the end."""
    plan, other = programs("tanh", "relu"), programs("elu")
    with Ahead([(plan, plan.programs[1])]) as ahead:
        ahead(other, other.programs[0])
        assert compiled_in[0] == ("elu", threading.current_thread().name)
        ahead(plan, plan.programs[1])
    assert compiled_in[1][0] == "relu"
    assert len(compiled_in) == 2


def test_only_programs_that_a_run_trains_from_their_start_are_announced(tmp_path):
    """None of a complete run, and all of a new one; for one that was cut, see the tests of resuming."""
    plan = programs("tanh", "relu")
    assert untouched_programs(plan, tmp_path / "new") == plan.programs
    run_study(tiny_config(padding="never"), {"activation": ("tanh", "relu")}, output=tmp_path / "run")
    assert untouched_programs(plan, tmp_path / "run") == []
