"""How settings, metrics and numbers are written for people: in tables, on axes and in sentences."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

MINUS, DASH = "\N{MINUS SIGN}", "\N{EN DASH}"
_SPLITS = {"train": "training", "val": "validation"}


def metric_label(metric: str) -> str:
    """ "val_accuracy" -> "validation accuracy"."""
    return " ".join(_SPLITS.get(word, word) for word in metric.split("_"))


def field_label(field: str) -> str:
    """The words of a swept field: "learning_rate" -> "learning rate"."""
    return field.replace("_", " ")


def value_label(value: Any) -> str:
    """A swept value in its shortest form: 0.001 -> "0.001", 64 -> "64", "relu" -> "relu"."""
    return f"{value:g}".replace("-", MINUS) if isinstance(value, float) else str(value)


def setting_label(setting: Mapping[str, Any]) -> str:
    """One setting in words: {"hidden": 16, "activation": "relu"} -> "hidden 16, activation relu"."""
    words = [f"{field_label(field)} {value_label(value)}" for field, value in setting.items()]
    return ", ".join(words) or "the only setting"


def is_share(metric: str) -> bool:
    """Whether a metric is a share of 1, to be written in percent."""
    return metric.endswith("accuracy")


def number(value: float, *, digits: int = 4) -> str:
    """A number with `digits` significant digits, or a dash where there is none."""
    if math.isnan(value):
        return DASH
    if math.isinf(value):
        return f"{MINUS if value < 0 else ''}\N{INFINITY}"
    text = f"{value:#.{digits}g}".rstrip(".")
    return text.replace("-", MINUS)


def metric_value(metric: str, value: float) -> str:
    """A value of a metric: shares in percent with two decimals, others with four significant digits."""
    if is_share(metric) and math.isfinite(value):
        return f"{100 * value:.2f}%".replace("-", MINUS)
    return number(value)


def interval_label(metric: str, low: float, high: float) -> str:
    """An interval as "low to high", both with the decimals of the larger; a dash where it has no ends."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return DASH
    if is_share(metric):
        return f"{metric_value(metric, low)} to {metric_value(metric, high)}"
    return " to ".join(_alike(low, high, digits=4))


def difference_label(metric: str, difference: float) -> str:
    """A difference with its sign: of shares in percentage points, "+0.52 pp"; of others with three digits."""
    if not math.isfinite(difference):
        return number(difference)
    text = f"{100 * difference:+.2f} pp" if is_share(metric) else f"{difference:+#.3g}"
    return text.replace("-", MINUS)


def difference_interval_label(metric: str, low: float, high: float) -> str:
    """An interval of a difference, its ends with their signs; a dash where it has no ends."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return DASH
    if is_share(metric):
        return f"{100 * low:+.2f} to {100 * high:+.2f} pp".replace("-", MINUS)
    return " to ".join(_alike(low, high, digits=3, sign="+"))


def _alike(low: float, high: float, *, digits: int, sign: str = "") -> list[str]:
    """Both numbers with as many decimals as give the larger one `digits` significant digits."""
    largest = max(abs(low), abs(high))
    decimals = digits - 1 - math.floor(math.log10(largest)) if largest else digits - 1
    kind = f".{decimals}f" if 0 <= decimals <= 7 else f".{digits - 1}e"
    return [f"{value:{sign}{kind}}".replace("-", MINUS) for value in (low, high)]


def p_label(p_value: float) -> str:
    """A p-value with three decimals, "< 0.001" below them, a dash where no test was made."""
    if math.isnan(p_value):
        return DASH
    return "< 0.001" if p_value < 0.001 else f"{p_value:.3f}"


def count_label(count: int, noun: str) -> str:
    """ "1 seed", "5 seeds"; thousands are grouped."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def seeds_label(seeds: Sequence[int]) -> str:
    """Which seeds: "seed 0", "seeds 0, 1, 2", and of more than three in a row "seeds 0 to 99"."""
    noun = "seed" if len(seeds) == 1 else "seeds"
    if len(seeds) > 3 and list(seeds) == list(range(seeds[0], seeds[-1] + 1)):
        return f"{noun} {seeds[0]:,} to {seeds[-1]:,}"
    return f"{noun} {', '.join(map(str, seeds))}"


def duration_label(seconds: float) -> str:
    """Seconds as a person says them: "0.84 s", "12.3 s", "3 min 4 s", "2 h 5 min"."""
    if seconds < 100:
        return f"{seconds:.3g} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def flops_label(flops: float) -> str:
    """Floating-point operations with a prefix of the SI: 3.63e16 -> "36.3 PFLOP"."""
    for prefix in ("", "k", "M", "G", "T", "P"):
        if flops < 999.5:
            return f"{flops:.3g} {prefix}FLOP"
        flops /= 1000
    return f"{flops:,.0f} EFLOP"


def bytes_label(num_bytes: float) -> str:
    """Bytes of memory: "0.1 MiB", "35.2 MiB", "1.5 GiB"."""
    mebibytes = num_bytes / 2**20
    return f"{mebibytes:.1f} MiB" if mebibytes < 1000 else f"{mebibytes / 1024:,.1f} GiB"
