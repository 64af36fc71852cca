"""Medians, ratios to nginx, and how they are printed."""

from __future__ import annotations

import math
from statistics import median

import scaling
import secure
from configs import VARIANTS
from measures import ROWS, SIDECARS, Scale

YARDSTICK = "nginx"
PROXIES = ("direct", "nginx", "haproxy", "envoy", *SIDECARS, *VARIANTS)
# Columns of what limits and breaker, and metering, cost: the first by the second, as far as both were measured.
COSTS = (("sidecar", "unguarded"), ("sidecar", "unmetered"), ("everything", "unmetered"))
CONFIGS = tuple(scaling.CONFIGS)
# Everything there is a row of.
ALL = ROWS | scaling.CONFIG_ROWS
NO_RATIO = {"binary"} | secure.COUNT_ROWS


def ratios(values: dict[str, dict[str, list[float]]], row: str, name: str) -> list[float]:
    """The value of each round as a multiple of nginx's in the same round."""
    yardstick = values[row].get(YARDSTICK, [])
    pairs = zip(values[row][name], yardstick)
    return [value / base for value, base in pairs if base > 0 and not math.isnan(value)]


def summary(values: dict[str, dict[str, list[float]]]) -> dict:
    """For each row and proxy: median, least, most and the ratio to nginx."""
    result: dict = {}
    for row in (row for row in ALL if row in values):
        label, unit, _ = ALL[row]
        cells = {}
        for name, taken in values[row].items():
            good = [value for value in taken if not math.isnan(value)]
            if not good:
                continue
            cells[name] = {"median": median(good), "min": min(good), "max": max(good), "rounds": good}
            of_nginx = ratios(values, row, name)
            if of_nginx and row not in NO_RATIO and name != "direct":
                cells[name]["ratio"] = median(of_nginx)
        result[row] = {"label": label, "unit": unit, "proxies": cells}
    return result


def cost(proxies: dict, whole: str, without: str) -> str:
    """The median of the ratios of the same round."""
    pairs = zip(proxies.get(whole, {}).get("rounds", []), proxies.get(without, {}).get("rounds", []))
    found = [value / base for value, base in pairs if base > 0]
    return f"{median(found):.3f}" if found else ""


def worded(label: str, scale: Scale) -> str:
    """A row's label with the numbers of streams."""
    label = label.replace("slow streams", f"{scale.streams:,} slow streams").replace("many streams", f"{scale.many_streams:,} streams")
    return label.replace("as many open streams as fit", f"{scale.most_streams:,} open streams")


def cell(taken: dict | None, digits: int) -> str:
    """Median (least..most)."""
    if taken is None:
        return ""
    text = f"{taken['median']:,.{digits}f}"
    if len(taken["rounds"]) > 1 and taken["min"] != taken["max"]:
        text += f" ({taken['min']:,.{digits}f}..{taken['max']:,.{digits}f})"
    return text


def markdown(lines: list[list[str]]) -> str:
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    lines.insert(1, ["-" * width for width in widths])
    return "\n".join("| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths)) + " |" for line in lines)


def table(found: dict, scale: Scale) -> str:
    """Markdown tables: the proxies side by side, and the sidecar with configurations of several sizes."""
    proxies = {key: row for key, row in found.items() if key in ROWS}
    grown = {key: row for key, row in found.items() if key not in ROWS}
    return "\n\n".join(part for part in (compared(proxies, scale), configurations(grown)) if part)


def compared(found: dict, scale: Scale) -> str:
    """Each proxy's figures, and the ratio to nginx in the same round."""
    names = [name for name in PROXIES if any(name in row["proxies"] for row in found.values())]
    if not names:
        return ""
    costs = [(whole, without) for whole, without in COSTS if {whole, without} <= set(names)]
    own = [name for name in SIDECARS if name in names]
    lines = [["", *names, *(f"{name} / nginx" for name in own), *(f"{whole} / {without}" for whole, without in costs)]]
    for key, row in found.items():
        cells = [f"{worded(row['label'], scale)} ({row['unit']})", *(cell(row["proxies"].get(name), ROWS[key][2]) for name in names)]
        for name in own:
            ratio = row["proxies"].get(name, {}).get("ratio")
            cells.append("" if ratio is None else f"{ratio:.2f}")
        cells.extend(cost(row["proxies"], whole, without) for whole, without in costs)
        lines.append(cells)
    return markdown(lines)


def configurations(found: dict) -> str:
    """The sidecar's figures for each configuration, and the largest one's as a multiple of the smallest one's."""
    if not found:
        return ""
    lines = [["sidecar", *CONFIGS, "largest / smallest"]]
    for key, row in found.items():
        taken = [row["proxies"].get(name) for name in CONFIGS]
        cells = [f"{row['label']} ({row['unit']})", *(cell(one, ALL[key][2]) for one in taken)]
        first, last = taken[0], taken[-1]
        pairs = zip(first["rounds"], last["rounds"]) if first and last else []
        grown = [most / least for least, most in pairs if least > 0]
        lines.append([*cells, f"{median(grown):.2f}" if grown else ""])
    return markdown(lines)
