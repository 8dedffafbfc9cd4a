"""What accelerators get, as far as it can be known without one.

Oracles: JAX's own lowering for CUDA and TPU, which works on any machine and refuses what they cannot compute; and a
study computed in the forms for CPU, against the same study in the forms for accelerators, which compute anywhere.
"""

import dataclasses
import functools
import re
from collections.abc import Mapping

import jax
import numpy as np
import pytest
from jax import lax
from jax.sharding import PartitionSpec
from tiny_studies import tiny_config, tiny_data

from jaxnn import population
from jaxnn.data import DataConfig, load_config
from jaxnn.discover import experiment_files, load_experiment
from jaxnn.experiment import Preset
from jaxnn.population import make_population
from jaxnn.study import compiling, plan_study, train_study

pytestmark = pytest.mark.once

PLATFORMS = ("cuda", "tpu")


@pytest.fixture
def as_on_an_accelerator(monkeypatch):
    """Every form that is chosen by the backend is that of an accelerator; nothing of it is left behind."""

    def forget():
        jax.clear_caches()
        make_population.cache_clear()

    forget()
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    yield
    forget()


def full_plans(name):
    """The study of an experiment at its full size, or those of its parts; none where nothing is trained.

    Of images there are fewer rows to train on, as the pixels of the first fold: 35 times their principal components
    would take a minute.
    """
    load = functools.cache(load_config)

    def load_few(config):
        if config.dataset in ("mnist", "fashion_mnist"):
            config = dataclasses.replace(config, train=2000, fold=config.folds and 0, pca=None)
        return load(config)

    preset = load_experiment(experiment_files()[name]).presets["full"]
    presets = {name: preset} if isinstance(preset, Preset) else preset if isinstance(preset, Mapping) else {}
    return [plan_study(one.config, one.sweep, load=load_few, must_fit=False) for one in presets.values()]


def kind(plan, program):
    """What makes two programs different but for their sizes and the functions of their elements."""
    recipe, run = program.recipe, program.recipe.run
    layers = tuple(type(layer) for layer in recipe.model.layers)
    options = (recipe.optimizer, recipe.schedule, recipe.loss, run.reconstruct, run.batch_size is None)
    hparams = [plan.settings[position].hparams for position in program.settings]
    terms = frozenset(name for one in hparams for name, value in vars(one).items() if value is not None)
    return layers, options, program.padded, len(program.data) > 1, terms


def lowered(plan, program):
    """The program as text for `PLATFORMS`: what starts the members, and what advances them."""
    population = compiling._population(plan, program)
    leaves, structure = compiling._argument_shapes(plan, program, population.mesh)
    members, data, variables = jax.tree.unflatten(structure, leaves)
    state = compiling._state_shapes(population, leaves, structure)
    state = compiling._placed(state, population.mesh, PartitionSpec("member"))
    init = population.init.trace(members, data, variables)
    advance = population.advance.trace(state, members, data, 0, 1)
    return [traced.lower(lowering_platforms=PLATFORMS).as_text() for traced in (init, advance)]


@pytest.mark.parametrize("name", sorted(experiment_files()))
def test_full_presets_have_programs_for_cuda_and_tpu(name, data_dir, as_on_an_accelerator):
    """One of each kind, of operations that the compilers have themselves: a custom call would be a library of one
    platform, or a callback to the host.  Convolutions are their own too, not the matrix products of CPUs."""
    for plan in full_plans(name):
        for program in {kind(plan, program): program for program in plan.programs}.values():
            init, advance = lowered(plan, program)
            assert re.findall(r"custom_call @\w+", init + advance) == []
            assert ("stablehlo.convolution" in advance) == ("Conv" in repr(program.recipe.model))
            assert "stablehlo.while" in advance


# Every layer that has forms of its own, and of the batches none that is smaller: its steps would be compiled too.
LAYERS = ("conv:3", "batchnorm", "maxpool", "dense:12", "tanh")
CNN = {"model": "cnn", "hidden": None, "layers": LAYERS, "data": DataConfig("digits", train=48, validation=20)}


@pytest.mark.parametrize("options", [{"hidden": (3, 12)}, CNN], ids=["mlp", "cnn"])
def test_the_forms_for_accelerators_train_the_same_networks(options, request, monkeypatch):
    """Up to the order of summation, over a dozen steps of 32 bits.

    Both are compiled alike, and in little time, so that they differ in their forms alone.
    """
    compile = jax.stages.Lowered.compile
    quickly = {"xla_backend_optimization_level": 0}
    monkeypatch.setattr(jax.stages.Lowered, "compile", lambda lowered: compile(lowered, compiler_options=quickly))
    monkeypatch.setattr(population.program, "CPU_COMPILER_OPTIONS", None)
    make_population.cache_clear()
    plan = plan_study(tiny_config(**options), {"learning_rate": (0.01, 0.1)}, load=tiny_data)
    (wanted,) = train_study(plan)
    request.getfixturevalue("as_on_an_accelerator")
    monkeypatch.setattr(lax, "platform_dependent", lambda *operands, cpu, default: default(*operands))
    (found,) = train_study(plan)
    assert found.history.keys() == wanted.history.keys()
    assert any((found.history[metric] != values).any() for metric, values in wanted.history.items())  # other forms
    for metric, values in wanted.history.items():
        np.testing.assert_allclose(found.history[metric], values, rtol=1e-4, atol=1e-5, err_msg=metric)
