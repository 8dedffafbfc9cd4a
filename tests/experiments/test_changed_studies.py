"""Analyses of experiments whose axes somebody has changed: their words and their data are those there are."""

import runpy
from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr
from sklearn.decomposition import PCA

from jaxnn.data import load
from jaxnn.discover import experiment_files


def functions_of(name):
    return runpy.run_path(str(experiment_files()[name]))


@pytest.mark.parametrize("names", [["mask 0.5", "clean"], ["clean", "noise 0.5", "mask 0.5"], ["mask 0.5"]])
def test_each_noise_is_compared_with_clean_training_under_itself(names):
    """Networks whose error is known: 0.04 of that trained on clean inputs, 0.01 of the others."""
    data = load("digits")
    clean = data.test.x * np.float32(data.info.scale)
    predict = lambda row, noisy: np.stack([clean[: len(noisy)] + (0.2 if names[row] == "clean" else 0.1)] * 2)
    results = xr.Dataset(coords={"trained_on": names})
    outcome = SimpleNamespace(results=results, predict=predict, data=lambda setting: data)
    _, *notes = functions_of("autoencoders")["analyse_denoising"](outcome).notes
    compared = [name for name in names if name != "clean"] if "clean" in names else []
    assert [note.partition(",")[0] for note in notes] == [f"Under {name}" for name in compared]
    found = [float(note.split("changes the error by ")[1].split(" ")[0].replace("−", "-")) for note in notes]
    assert found == pytest.approx([-0.03] * len(compared), rel=1e-3)


def test_inputs_keep_the_variance_of_their_own_setting():
    """Of seven folds, where the preset has five; raw pixels keep all of it.  Oracle: scikit-learn's PCA."""
    data, asked = load("digits"), []
    settings = [SimpleNamespace(config=SimpleNamespace(data=SimpleNamespace(pca=size))) for size in (2, None)]
    outcome = SimpleNamespace(
        results=xr.Dataset(coords={"fold": range(7)}),
        plan=SimpleNamespace(settings=[one for one in settings for _ in range(7)]),
        data=lambda position: asked.append(position) or data,
    )
    functions = functions_of("pca_logistic")
    few, raw = functions["explained_shares"](outcome)
    assert few == pytest.approx(PCA(2).fit(data.train.x.reshape(-1, 64)).explained_variance_ratio_.sum(), rel=1e-4)
    assert raw == 1
    functions["baseline"](outcome, 1, 3)
    assert asked == [7, 10]


@pytest.mark.parametrize(("hidden", "words"), [("none", "without a hidden layer"), ("3-4", "with 3-4 units")])
def test_networks_are_called_what_they_are(hidden, words):
    assert functions_of("trials_2d")["with_units"](hidden) == words
