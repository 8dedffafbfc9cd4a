"""What TensorBoard's own reader finds in the files of a monitored study, and what the report shows of it."""

import contextlib
import dataclasses
import json
import resource
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import metadata as hparams_metadata
from tiny_studies import tiny_config

from jaxnn.data import DataConfig
from jaxnn.errors import InputError
from jaxnn.monitor import NUM_BINS
from jaxnn.study import CheckpointConfig, MonitorConfig, board, plan_study, run_study, rundir
from jaxnn.study.board import folder_names
from jaxnn.study.results import load_dataset

EVERY = 2
CONFIG = dataclasses.replace(tiny_config(batch_size=15), monitoring=MonitorConfig(True, EVERY))
SWEEP = {"hidden": ((4,), (3,))}  # one padded program; 45 examples: three steps an epoch, four epochs
STEPS = list(range(0, 12, EVERY))


def read(folder) -> EventAccumulator:
    """Everything in the event file of one network."""
    (file,) = folder.glob("events.out.tfevents.*")
    reader = EventAccumulator(str(file), size_guidance={"scalars": 0, "histograms": 0, "images": 0, "tensors": 0})
    return reader.Reload()


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    directory = tmp_path_factory.mktemp("run")
    run_study(CONFIG, SWEEP, output=directory, checkpoints=CheckpointConfig(checkpoint_epochs=1))
    return directory


@pytest.fixture(scope="module")
def reader(run):
    return read(run / "tensorboard" / "hidden-3" / "seed-0")


def test_there_is_a_file_for_the_watched_seed_of_every_setting(run):
    folders = sorted(str(path.parent.relative_to(run / "tensorboard")) for path in run.rglob("events.*"))
    assert folders == ["hidden-3/seed-0", "hidden-4/seed-0"]


@pytest.mark.parametrize(
    ("at_most", "raised"), [(2000, 258), (resource.RLIM_INFINITY, 258), (257, None), (300, 258)]
)
def test_every_network_may_have_its_file_open(monkeypatch, at_most, raised):
    """Two files are needed besides some 256 others, where 100 are allowed so far and `at_most` can be."""
    limits = []
    monkeypatch.setattr(board.resource, "getrlimit", lambda _: (100, at_most))
    monkeypatch.setattr(board.resource, "setrlimit", lambda _, new: limits.append(new))
    plan = plan_study(CONFIG, SWEEP)
    if raised is None:
        with pytest.raises(InputError, match=r"`monitor` looks into 2 networks.* 257 open files: .*-seeds"):
            board.check_files(plan)
    else:
        board.check_files(plan)
    assert limits == ([] if raised is None else [(raised, at_most)])


def test_histograms_are_read_back(reader):
    """Each tensor at each look: as many values as the tensor has, moments that agree with the scalars."""
    sizes = {"dense_1/weights": 6, "dense_2/biases_update": 3, "dense_1/net_inputs": 45, "relu_1/activations": 45}
    assert set(sizes) < set(reader.Tags()["histograms"])
    for name, size in sizes.items():
        events = reader.Histograms(name)
        assert [event.step for event in events] == STEPS
        scalars = {key: [e.value for e in reader.Scalars(f"{name}/{key}")] for key in ("min", "max", "mean", "std")}
        for place, event in enumerate(events):
            histogram = event.histogram_value
            assert histogram.num == sum(histogram.bucket) == size
            assert len(histogram.bucket) == len(histogram.bucket_limit) in (1, NUM_BINS)
            assert histogram.bucket_limit[-1] == histogram.max
            mean = histogram.sum / size
            spread = histogram.sum_squares / size - mean**2
            found = (histogram.min, histogram.max, mean, np.sqrt(max(spread, 0)))
            expected = [scalars[key][place] for key in ("min", "max", "mean", "std")]
            assert found == pytest.approx(expected, rel=1e-3, abs=1e-3)


def test_metrics_are_those_of_the_results(run, reader):
    results = load_dataset(run / "results.nc").isel(hidden=1, seed=0)
    for name in ("train_loss", "val_loss", "val_accuracy"):
        events = reader.Scalars(name)
        assert [event.step for event in events] == [3, 6, 9, 12]
        np.testing.assert_allclose([event.value for event in events], results[name].values, rtol=1e-6)


def test_images_are_pictures_of_what_their_tags_say(reader):
    tags = {"first_layer_weights", "confusion_matrix", "decision_boundary"}
    assert set(reader.Tags()["images"]) == tags
    for tag in tags:
        (event,) = reader.Images(tag)
        assert event.step == 12
        assert event.encoded_image_string.startswith(b"\x89PNG")
        assert min(event.width, event.height) > 50


def test_every_field_is_a_hyper_parameter(reader):
    """Also the fields that are none, or not numbers: TensorBoard's table has the same columns for every run."""
    content = reader.summary_metadata[hparams_metadata.SESSION_START_INFO_TAG].plugin_data.content
    found = hparams_metadata.parse_session_start_info_plugin_data(content).hparams
    sections = (CONFIG.data, CONFIG.model, CONFIG.training, CONFIG.hparams)
    assert set(found) == {field.name for one in sections for field in dataclasses.fields(one)} | {"seed"}
    assert found["learning_rate"].number_value == 0.05
    assert (found["hidden"].string_value, found["patience"].string_value) == ("(3,)", "None")


def test_the_report_shows_the_strips_of_the_selected_setting(run):
    page = (run / "report.html").read_text()
    assert "Inside the network" in page
    assert "TensorBoard has those of all 2 networks" in page
    selected = json.loads(load_dataset(run / "results.nc").attrs["selected"])
    assert selected == {"hidden": 3}, "the first of all would be shown in any case"
    figures = [path.name for path in (run / "figures").glob("inside-*.png")]
    assert figures == ["inside-hidden-3-seed-0.png"]


def test_a_resumed_run_has_the_same_samples_once(run, reader, tmp_path):
    """Cut after three of four epochs: its file is made anew, with what the checkpoint holds and what follows."""
    cut = tmp_path / "cut"
    shutil.copytree(run, cut)
    for path in list((cut / "checkpoints").rglob("000004")):
        shutil.rmtree(path)
    (cut / "figures" / "inside-hidden-4-seed-0.png").touch()  # that of another setting had been selected
    with contextlib.suppress(KeyboardInterrupt), rundir.unfinished(cut):
        raise KeyboardInterrupt
    run_study(CONFIG, SWEEP, output=cut, resume=True, checkpoints=CheckpointConfig(checkpoint_epochs=1))
    assert [path.name for path in (cut / "figures").glob("inside-*")] == ["inside-hidden-3-seed-0.png"]
    again = read(cut / "tensorboard" / "hidden-3" / "seed-0")
    assert again.Tags() == reader.Tags()
    for tag in reader.Tags()["scalars"]:
        found, expected = ([(e.step, e.value) for e in one.Scalars(tag)] for one in (again, reader))
        np.testing.assert_array_equal(found, expected)
    for tag in reader.Tags()["histograms"]:
        found, expected = ([(e.step, e.histogram_value) for e in one.Histograms(tag)] for one in (again, reader))
        assert found == expected


def test_a_file_that_cannot_be_written_ends_the_study(monkeypatch, tmp_path):
    """A full disk, met by the thread that writes: an error of the study, not a gap in its files."""

    def refuse(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("jaxnn.monitor.EventFile.add_samples", refuse)
    with pytest.raises(OSError, match="No space left"):
        run_study(CONFIG, {}, output=tmp_path / "run")


def test_an_autoencoder_shows_its_reconstructions(tmp_path):
    """Of digits, 8 x 8: inputs above what comes back."""
    config = tiny_config(
        data=DataConfig("digits", validation=30, test=30), model="autoencoder", hidden=None, code=2, epochs=1,
        batch_size=100, seeds=1,
    )  # fmt: skip
    config = dataclasses.replace(config, monitoring=MonitorConfig(True))
    run_study(config, {}, output=tmp_path / "run")
    reader = read(tmp_path / "run" / "tensorboard" / "the-only-setting" / "seed-0")
    assert set(reader.Tags()["images"]) == {"first_layer_weights", "reconstructions"}
    assert len(reader.Histograms("dense_1/weights")) == 1


def test_every_setting_has_a_folder_of_its_own():
    """Two labels that are one once a slash and a space are dashes; a third that is not."""
    settings = [SimpleNamespace(place={"path": name}) for name in ("a/b", "a b", "c")]
    names = folder_names(SimpleNamespace(settings=settings))
    assert names == ["path-a-b-0", "path-a-b-1", "path-c"]
