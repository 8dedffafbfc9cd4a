"""What the tests of the forms that depend on the backend share."""

import jax
import pytest


@pytest.fixture(scope="module", params=["cpu", pytest.param("gpu", marks=pytest.mark.once)])
def backend(request):
    """The forms for either, computed here: what JAX has traced for the other is forgotten."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jax, "default_backend", lambda: request.param)
        jax.clear_caches()
        yield request.param
    jax.clear_caches()


@pytest.fixture
def float64():
    with jax.enable_x64(True):
        yield
