"""From configuration and data to a recipe: what is filled in, and what cannot work, refused in a sentence."""

import dataclasses

import numpy as np
import pytest

from jaxnn import models
from jaxnn.data import DataConfig, from_arrays, load
from jaxnn.epoch import RunConfig
from jaxnn.errors import InputError
from jaxnn.study import ModelConfig, MonitorConfig, StudyConfig, TrainConfig
from jaxnn.study.recipe import MODELS, build_model, check_hparams, make_recipe, settle_hparams
from jaxnn.types import Hparams

MOONS = load("moons", num_examples=100, validation=20, test=20)
DIGITS = load("digits")
PLANE = load("plane", num_examples=60, validation=10, test=10)


def config_of(model="mlp", *, training=None, hparams=None, **fields):
    return StudyConfig(
        model=ModelConfig(model, **fields), training=training or TrainConfig(), hparams=hparams or Hparams()
    )


def recipe_of(config, data=MOONS):
    (hparams,) = settle_hparams([config])
    return make_recipe(config, data, hparams)


def test_a_recipe_holds_everything_static():
    training = TrainConfig(
        epochs=12, batch_size=10, eval_every=3, optimizer="rmsprop", schedule="cosine", select_on="val_accuracy",
        patience=2, execution="map",
    )  # fmt: skip
    recipe = recipe_of(config_of(hidden=(4, 3), activation="tanh", training=training))
    assert recipe.model == models.mlp((4, 3), 2, activation="tanh")
    assert recipe.run == RunConfig(12, 10, eval_every=3, patience=2, select_on="val_accuracy")
    assert (recipe.loss, recipe.optimizer, recipe.schedule) == ("softmax_cross_entropy", "rmsprop", "cosine")
    assert (recipe.gradients, recipe.execution) == ("autodiff", "map")


def test_settings_that_differ_in_numbers_have_equal_recipes():
    configs = [config_of(hparams=Hparams(rate, l2=l2)) for rate in (0.1, 0.2) for l2 in (None, 0.5)]
    recipes = [
        make_recipe(config, MOONS, hparams)
        for config, hparams in zip(configs, settle_hparams(configs), strict=True)
    ]
    assert len(set(recipes)) == 1
    assert recipe_of(config_of(hidden=(3,))) != recipes[0]


@pytest.mark.parametrize(
    ("config", "data", "model", "loss"),
    [
        (config_of(), MOONS, models.mlp((128,), 2), "softmax_cross_entropy"),
        (config_of(), PLANE, models.mlp((128,), 1), "squared_error"),
        (config_of("linear"), DIGITS, models.linear(10), "softmax_cross_entropy"),
        (config_of("autoencoder"), DIGITS, models.autoencoder((8, 8, 1), code=32), "squared_error"),
        (config_of("cnn", layers=("conv:4",)), DIGITS, models.cnn(("conv:4",), 10), "softmax_cross_entropy"),
        (config_of(training=TrainConfig(loss="huber")), PLANE, models.mlp((128,), 1), "huber"),
        (
            config_of(training=TrainConfig(loss="tanh_squared_error")),
            MOONS,
            models.mlp((128,), 1),
            "tanh_squared_error",
        ),
    ],
)
def test_usual_networks_and_losses_follow_the_data(config, data, model, loss):
    recipe = recipe_of(config, data)
    assert recipe.model == model
    assert recipe.loss == loss
    assert recipe.run.scale == data.info.scale
    assert recipe.run.reconstruct == (config.model.model == "autoencoder")


def test_every_model_builds_with_what_is_usual():
    info = dataclasses.replace(DIGITS.info, input_shape=(28, 28, 1))
    for name in MODELS:
        rows = models.summary_rows(build_model(ModelConfig(name), info), (28, 28, 1))
        assert sum(row.trainable for row in rows) > 0


def test_a_dropout_rate_puts_dropout_into_an_mlp():
    with_rate = recipe_of(config_of(hparams=Hparams(dropout_rate=0.0)))
    assert with_rate.model == models.mlp((128,), 2, dropout=True)


def test_numbers_are_resolved_and_terms_shared_over_a_study():
    """adamw has its weight decay, rmsprop's momentum is a term that neutral 0 leaves out."""
    configs = [
        config_of(training=TrainConfig(optimizer="adamw"), hparams=Hparams(0.1)),
        config_of(training=TrainConfig(optimizer="rmsprop"), hparams=Hparams(0.2, l1=0.3)),
        config_of(training=TrainConfig(optimizer="rmsprop"), hparams=Hparams(0.2, momentum=0.5)),
    ]
    assert settle_hparams(configs) == [
        Hparams(0.1, momentum=0.0, beta1=0.9, beta2=0.999, epsilon=1e-8, weight_decay=1e-4, l1=0.0),
        Hparams(0.2, momentum=0.0, beta2=0.9, epsilon=1e-8, weight_decay=0.0, l1=0.3),
        Hparams(0.2, momentum=0.5, beta2=0.9, epsilon=1e-8, weight_decay=0.0, l1=0.0),
    ]


def test_text_is_no_number():
    with pytest.raises(InputError, match="`learning_rate` must be a number; got '1e-3'"):
        check_hparams(Hparams("1e-3"))


NAN, INF = float("nan"), float("inf")
OUT_OF_RANGE = [
    ("learning_rate", [0.0, -0.1, NAN, INF], r"\(0, inf\)"),
    ("momentum", [-0.1, 1.0, NAN], r"\[0, 1\)"),
    ("beta1", [-0.1, 1.0], r"\[0, 1\)"),
    ("beta2", [1.0, NAN], r"\[0, 1\)"),
    ("epsilon", [0.0, -1e-8], r"\(0, inf\)"),
    ("decay_rate", [0.0, INF], r"\(0, inf\)"),
    ("decay_epochs", [0.0, -1.0], r"\(0, inf\)"),
    ("warmup", [-0.1, 1.0], r"\[0, 1\)"),
    ("final_scale", [-0.1, NAN], r"\[0, inf\)"),
    ("weight_decay", [-0.1, INF], r"\[0, inf\)"),
    ("l1", [-0.1, NAN], r"\[0, inf\)"),
    ("l2", [-0.1, INF], r"\[0, inf\)"),
    ("activity_l1", [-0.1], r"\[0, inf\)"),
    ("dropout_rate", [-0.1, 1.0, NAN], r"\[0, 1\)"),
    ("label_smoothing", [-0.1, 1.0], r"\[0, 1\)"),
    ("input_noise", [-0.1, INF], r"\[0, inf\)"),
    ("input_mask", [-0.1, 1.0], r"\[0, 1\)"),
    ("shift", [-0.1, 1.1], r"\[0, 1\]"),
    ("rotation", [-1.0, 181.0], r"\[0, 180\]"),
    ("flip", [-0.1, 1.1], r"\[0, 1\]"),
    ("brightness", [-0.1, 1.1], r"\[0, 1\]"),
    ("erasing", [-0.1, 1.1], r"\[0, 1\]"),
    ("clip_norm", [0.0, -1.0, NAN], r"\(0, inf\)"),
]


@pytest.mark.parametrize(
    ("name", "value", "rounded"), [("beta2", 1 - 1e-8, "1.0"), ("epsilon", 1e-50, "0.0"), ("l2", 1e39, "inf")]
)
def test_a_number_that_is_out_of_its_range_in_float32_is_refused(name, value, rounded):
    with pytest.raises(InputError, match=rf"`{name}` must .* got {rounded}, which is what .* is in float32\."):
        check_hparams(dataclasses.replace(Hparams(), **{name: value}))


def test_the_ranges_cover_every_number():
    assert [name for name, _, _ in OUT_OF_RANGE] == [field.name for field in dataclasses.fields(Hparams)]


@pytest.mark.parametrize(
    ("name", "value", "interval"), [(name, value, rule) for name, values, rule in OUT_OF_RANGE for value in values]
)
def test_a_number_out_of_its_range_is_refused(name, value, interval):
    with pytest.raises(InputError, match=f"`{name}` must be a finite number in {interval}; got {value!r}"):
        check_hparams(dataclasses.replace(Hparams(), **{name: value}))


TRAINING = {
    "optimizer": ({"optimizer": "adm"}, "`adm` is not a known optimizer: did you mean `adam`"),
    "schedule": ({"schedule": "cosin"}, "`cosin` is not a known schedule: did you mean `cosine`"),
    "loss": ({"loss": "squared"}, "`squared` is not a known loss: did you mean `squared_error`"),
    "select_on": (
        {"select_on": "val_acuracy"},
        "`val_acuracy` is not a known value of `select_on`: .*`val_accuracy`",
    ),
    "select_on of training": ({"select_on": "train_loss"}, "`train_loss` is not a known value of `select_on`"),
    "execution": ({"execution": "vmpa"}, "`vmpa` is not a known value of `execution`: did you mean `vmap`"),
    "gradients": ({"gradients": "autodif"}, "`autodif` is not a known value of `gradients`: .*`autodiff`"),
    "no epochs": ({"epochs": 0}, "`epochs` must be a whole number of 1 or more; got 0"),
    "half an epoch": ({"epochs": 1.5}, "`epochs` must be a whole number of 1 or more; got 1.5"),
    "no batch": ({"batch_size": 0}, "`batch_size` must be a whole number of 1 or more; got 0"),
    "negative batch": ({"batch_size": -5}, "`batch_size` .* got -5"),
    "batch too large": (
        {"batch_size": 61},
        "`batch_size` must be at most the 60 training examples of `moons`; got 61",
    ),
    "patience": ({"patience": 0}, "`patience` must be a whole number of 1 or more; got 0"),
    "records": ({"epochs": 10, "eval_every": 4}, "`eval_every` must divide `epochs`; got 4 for 10: choose 2"),
    "no records": ({"eval_every": 0}, "`eval_every` must be a whole number of 1 or more; got 0"),
}


@pytest.mark.parametrize("name", TRAINING)
def test_training_that_cannot_work_is_refused(name):
    fields, message = TRAINING[name]
    with pytest.raises(InputError, match=message):
        recipe_of(config_of(training=TrainConfig(**fields)))


def test_the_largest_batch_is_the_training_set():
    assert recipe_of(config_of(training=TrainConfig(batch_size=60))).run.batch_size == 60
    assert recipe_of(config_of(training=TrainConfig(batch_size="full"))).run.batch_size is None


def test_what_meets_the_test_set_is_one_of_two_things():
    with pytest.raises(InputError, match="`retrian` is not a known value of `final`: did you mean `retrain`"):
        recipe_of(dataclasses.replace(config_of(), final="retrian"))


CONV = ("conv:4:5:1:valid",)
MODEL_AND_DATA = {
    "model": (config_of("mpl"), MOONS, "`mpl` is not a known model: did you mean `mlp`"),
    "unused field": (config_of("linear", hidden=(3,)), MOONS, "`hidden` is not used by the model `linear`.*`mlp`"),
    "unused words": (config_of(layers=("relu",)), MOONS, "`layers` is not used by the model `mlp`.*`cnn`"),
    "unused code": (config_of("lenet", code=3), DIGITS, "`code` is not used by the model `lenet`.*`autoencoder`"),
    "activation": (config_of(activation="rleu"), MOONS, "`rleu` is not a known activation: did you mean `relu`"),
    "initialiser": (config_of(kernel_init="he_unifrm"), MOONS, "did you mean `he_uniform`"),
    "a width of 0": (config_of(hidden=(4, 0)), MOONS, "`hidden` must be a whole number of 1 or more; got 0"),
    "a width alone": (
        config_of(hidden=4),
        MOONS,
        r"`hidden` must be the units of each layer, such as \(16,\); got 4",
    ),
    "words in one": (config_of("cnn", layers="relu"), DIGITS, "`spec` must be a sequence of words.*got 'relu'"),
    "a word": (config_of("cnn", layers=("cnov:3",)), DIGITS, "`cnov:3` is not a layer: did you mean `conv`"),
    "kernel too large": (
        config_of("cnn", layers=(*CONV, "relu", *CONV)),
        DIGITS,
        r"layer 2 of the network, Conv\(4\).*window of \(5, 5\).*images of \(4, 4\)",
    ),
    "a LeNet for digits": (config_of("lenet"), DIGITS, r"layer 3 of the network, Conv.*does not fit"),
    "images are needed": (
        config_of("cnn", layers=CONV),
        MOONS,
        r"layer 0 of the network, Conv.*takes 4 axes.*\(1, 2\)",
    ),
    "classes are needed": (
        config_of(training=TrainConfig(loss="softmax_cross_entropy")),
        PLANE,
        "`loss` softmax_cross_entropy needs class labels; `plane` is a regression",
    ),
    "one output for ten classes": (
        config_of(training=TrainConfig(loss="tanh_squared_error")),
        DIGITS,
        "`loss` tanh_squared_error tells two classes apart by one output; `digits` is 10 classes here",
    ),
    "one output for a reconstruction": (
        config_of("autoencoder", training=TrainConfig(loss="binary_cross_entropy")),
        DIGITS,
        "`digits` is a reconstruction here: choose squared_error",
    ),
    "no images to augment": (
        config_of(hparams=Hparams(flip=0.5)),
        MOONS,
        r"`flip` is for images, of shape \(height, width, channels\); the inputs of `moons` .* \(2,\)",
    ),
    "no accuracy": (
        config_of(training=TrainConfig(select_on="val_accuracy")),
        PLANE,
        "`select_on` val_accuracy needs class labels",
    ),
    "shares are needed": (
        config_of(training=TrainConfig(loss="sigmoid_cross_entropy")),
        PLANE,
        r"`loss` sigmoid_cross_entropy needs targets in \[0, 1\]; those of `train` in `plane` go from -",
    ),
    "nothing to drop": (
        config_of("linear", hparams=Hparams(dropout_rate=0.1)),
        MOONS,
        "this `linear` has no dropout",
    ),
    "rates of their own": (
        config_of("cnn", layers=("dropout:0.5",), hparams=Hparams(dropout_rate=0.1)),
        DIGITS,
        "this `cnn` has no dropout layer that takes it",
    ),
    "no labels to smooth": (
        config_of(hparams=Hparams(label_smoothing=0.1)),
        PLANE,
        "`label_smoothing` goes with softmax_cross_entropy; the loss is `squared_error`: remove it",
    ),
    "no activations": (
        config_of("linear", hparams=Hparams(activity_l1=0.1)),
        MOONS,
        "this `linear` has no activations: remove it",
    ),
    "a number not used": (
        config_of(training=TrainConfig(optimizer="adam"), hparams=Hparams(momentum=0.9)),
        MOONS,
        "`momentum` is not used by the optimizer `adam`: remove it, or choose `momentum`, `nesterov`, `rmsprop`",
    ),
}


@pytest.mark.parametrize("name", MODEL_AND_DATA)
def test_what_does_not_fit_together_is_refused(name):
    config, data, message = MODEL_AND_DATA[name]
    with pytest.raises(InputError, match=message):
        recipe_of(config, data)


def test_pixels_are_shares_for_a_binary_cross_entropy():
    """An autoencoder of images with logits: every scaled pixel lies in [0, 1]."""
    config = config_of("autoencoder", training=TrainConfig(loss="sigmoid_cross_entropy"))
    assert recipe_of(config, DIGITS).loss == "sigmoid_cross_entropy"
    x = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
    with pytest.raises(InputError, match=r"needs targets in \[0, 1\]"):
        recipe_of(config, from_arrays(x, np.arange(40) % 2))


def test_targets_that_brightness_moves_beyond_one_have_no_cross_entropy():
    """The augmented image is what an autoencoder is to restore: x (1 + b u) is above 1 for bright pixels."""
    config = config_of("autoencoder", training=TrainConfig(loss="sigmoid_cross_entropy"))
    for brightness, loss in ((0.0, "sigmoid_cross_entropy"), (0.2, "squared_error")):
        fine = dataclasses.replace(config, hparams=Hparams(brightness=brightness), training=TrainConfig(loss=loss))
        assert recipe_of(fine, DIGITS).loss == loss
    with pytest.raises(InputError, match=r"`brightness` makes pixels larger than 1, .* choose `squared_error`"):
        recipe_of(dataclasses.replace(config, hparams=Hparams(brightness=0.2)), DIGITS)


@pytest.mark.parametrize("value", ["no", 1, 0.0, None])
def test_what_is_true_or_false_is_nothing_else(value):
    """Any text is true in Python: two settings, "no" and "yes", would both be standardised."""
    for config in (
        dataclasses.replace(config_of(), data=DataConfig("moons", standardize=value)),
        dataclasses.replace(config_of(), monitoring=MonitorConfig(monitor=value)),
    ):
        with pytest.raises(InputError, match=f"must be True or False; got {value!r}"):
            recipe_of(config)
    assert recipe_of(config_of(batch_norm=None)).model == recipe_of(config_of(batch_norm=False)).model
