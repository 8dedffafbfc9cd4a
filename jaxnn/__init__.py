"""jaxnn: whole studies of neural networks, trained as one compiled JAX program.

Models are pure functions (`init` / `apply`), training is a scan, and the unit of training is a population:
every setting and every seed of a study that share their shapes run at once.  See README.md for a tour.
"""

__version__ = "0.1.0"
